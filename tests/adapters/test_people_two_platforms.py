"""The whole of it on both real clients: link, read, export, ask for privacy, part, be forgotten;
and who is told of what.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from session_plugin import SessionHub


class Clock:
    """The time, or some of it ago."""

    def __init__(self) -> None:
        self.ago = 0.0

    def __call__(self) -> float:
        return time.time() - self.ago


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(path: Path, clock: Clock) -> SessionHub:
    return SessionHub(path, load_entry_points=False, clock=clock, max_age_hours=72.0)


async def recap(turn: Any) -> None:
    if turn.text == "recap":
        earlier = await turn.session.history(before=turn.session.event)
        await turn.say("; ".join(one.content for one in earlier) or "nothing")
    elif not turn.text.startswith(("/", "!")):
        await turn.say("noted")


class Side:
    """One platform, and the direct chat of the person there."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.user = driver.user("Ann")
        self.chat = driver.direct_chat(self.user)
        self.channel = driver.channel

    async def ask(self, text: str) -> str:
        return str(await self.driver.ask(self.user, self.chat, text))

    async def command(self, name: str, argument: str = "") -> str:
        return await self.ask(self.driver.command(name, argument))

    async def told(self, words: str) -> str:
        return str(await self.driver.told(self.chat, words))

    def files(self) -> list[tuple[str, bytes]]:
        """All files that the bot sent here."""
        found = []
        for message in self.driver.simulator.messages(self.chat):
            if message.is_from_bot:
                kept = getattr(message, "attachments", None)
                if kept is None:
                    kept = [] if message.content.file is None else [message.content.file]
                found += [(getattr(one, "filename", None) or one.name, one.content) for one in kept]
        return found


@pytest.fixture(params=["discord", "telegram"])
def drivers(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """Give the platform on which the code is asked for, and the one on which it is typed."""
    both = [request.getfixturevalue("on_discord"), request.getfixturevalue("on_telegram")]
    return tuple(both if request.param == "discord" else reversed(both))


@pytest.fixture
async def sides(drivers: tuple[Any, Any], hub: SessionHub) -> AsyncIterator[tuple[Side, Side]]:
    """A person on both platforms, with a bot running on each, on one hub."""
    async with AsyncExitStack() as stack:
        for driver in drivers:
            await stack.enter_async_context(driver.running(hub, recap))
        yield Side(drivers[0]), Side(drivers[1])


async def link(first: Side, second: Side, hub: SessionHub) -> str:
    code = re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}", await first.command("link"))
    assert code is not None
    await second.command("link", code[0])
    question = await first.told("typed your code")
    assert (await second.command("link", "confirm")).startswith("Confirmed here.")
    await hub.settle()  # it stands there before it is noted here
    assert (await first.command("link", "confirm")).startswith("Linked.")
    await second.told("Linked with")
    return question


async def test_a_person_links_reads_takes_their_data_and_is_forgotten(
    sides: tuple[Side, Side], hub: SessionHub, path: Path, clock: Clock
) -> None:
    first, second = sides
    clock.ago = 25 * 3600.0
    for side, words in ((first, "I like tea"), (second, "I like cake")):
        assert await side.ask(words) == "noted"
        await side.driver.history(
            hub, side.chat, count=2
        )  # the answer is seen there before it is stored here
    question = await link(first, second, hub)
    assert (
        "2 accounts will then share one conversation with me: 4 messages in 2 sessions" in question
    )
    assert await second.ask("recap") == "I like tea; noted; I like cake; noted"
    whole = await second.command("whoami")
    assert f"discord {(first if first.channel == 'discord' else second).user.id}" in whole

    for name in ("export", "forget"):  # not what the other side has just brought
        assert "24 hours" in await second.command(name)
    assert second.files() == []
    clock.ago = 0.0
    assert "one JSON object per line" in await second.command("export")
    async with asyncio.timeout(20):
        while not second.files():
            await asyncio.sleep(0.02)
    ((name, content),) = second.files()
    lines = [json.loads(line) for line in content.splitlines()]
    said = [line["text"] for line in lines if line["kind"] == "message"]
    assert name == "export.jsonl"
    assert {"I like tea", "I like cake", "noted", "recap"} <= set(said)
    assert sorted(line["channel"] for line in lines if line["kind"] == "account") == [
        "discord",
        "telegram",
    ]

    assert "not stored" in await first.command("private", "on")
    assert await second.ask("between us") == "noted"
    assert "between us" not in await first.ask("recap")
    await first.command("private", "off")

    asked = await first.command("forget")
    assert "2 accounts" in asked
    assert (await first.command("forget", "confirm")).startswith("Deleted:")
    files = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert b"I like tea" not in files
    assert b"I like cake" not in files
    assert await second.ask("recap") == "nothing"
    assert await second.ask("a new beginning") == "noted"
    assert await second.ask("recap") == "recap; nothing; a new beginning; noted"


async def test_an_account_is_unlinked_from_the_other_side_and_told(
    sides: tuple[Side, Side], hub: SessionHub
) -> None:
    first, second = sides
    await first.ask("mine")
    await second.ask("mine, too")
    await link(first, second, hub)
    other = f"{first.channel} {first.user.id}"
    assert (await second.command("unlink", other)).startswith(f"Unlinked. The {other} account")
    await first.told("unlinked this account")
    assert await first.ask("recap") == "mine; noted"
    code = re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}", await first.command("link"))
    assert code is not None
    stranger = second.driver.user("Eve")
    told = await second.driver.ask(
        stranger, second.driver.direct_chat(stranger), second.driver.command("link", code[0])
    )
    assert "24 hours" in told


async def test_a_code_that_is_said_in_a_group_is_worthless(sides: tuple[Side, Side]) -> None:
    first, second = sides
    code = re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}", await first.command("link"))
    assert code is not None
    room = first.driver.group("Friends", first.user, first.driver.user("Bob"))
    await first.driver.ask(first.user, room, f"my code is {code[0].lower()}")
    assert "cannot be used" in await second.command("link", code[0])


async def test_typing_a_code_in_a_group_gets_a_pointer_and_burns_it(
    sides: tuple[Side, Side],
) -> None:
    first, second = sides
    code = re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}", await first.command("link"))
    assert code is not None
    room = second.driver.group("Friends", second.user, second.driver.user("Bob"))
    told = await second.driver.ask(second.user, room, second.driver.command("link", code[0]))
    assert told == "Please send me this command in a direct message."
    assert "cannot be used" in await second.command("link", code[0])


@pytest.mark.parametrize("name", ["unlink", "private", "export", "forget"])
async def test_what_is_private_is_answered_in_a_group_with_a_pointer_and_nothing_else(
    sides: tuple[Side, Side], hub: SessionHub, name: str
) -> None:
    first, _ = sides
    room = first.driver.group("Friends", first.user, first.driver.user("Bob"))
    await first.ask("mine")
    for argument in ("", "confirm", "on"):
        told = await first.driver.ask(first.user, room, first.driver.command(name, argument))
        assert told == "Please send me this command in a direct message."
    assert not (await hub.identity_of(first.driver.account(first.user))).is_private
    assert first.files() == []


async def test_who_cannot_be_reached_is_shown_the_question_at_the_next_command(
    sides: tuple[Side, Side],
) -> None:
    """Direct messages that are closed, or a bot that was blocked, when somebody types the code."""
    first, second = sides
    code = re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}", await first.command("link"))
    assert code is not None
    if first.channel == "telegram":
        first.driver.simulator.fail_next(
            "sendMessage", error_code=403, description="Forbidden: bot was blocked by the user"
        )
    else:
        first.driver.simulator.fail_next("POST", f"/channels/{first.chat.id}/messages", status=403)
    await second.command("link", code[0])
    await second.command("link", "confirm")
    told = await first.command("whoami")
    assert "typed your code. Is that you?" in told
    assert 'You are "Ann"' in told
    assert (await first.command("link", "confirm")).startswith("Linked.")


async def test_a_handler_of_all_messages_can_tell_our_commands_by_their_having_no_event(
    drivers: tuple[Any, Any], hub: SessionHub
) -> None:
    driver, _ = drivers
    side = Side(driver)
    seen: list[tuple[str, bool]] = []

    async def note(turn: Any) -> None:
        seen.append((turn.text, turn.session.event is None))

    async with driver.running(hub, note):
        assert "You are" in await side.command("whoami")
        await driver.say(side.user, side.chat, "hello")
        await driver.until(lambda: ("hello", False) in seen)
    commands_seen = {
        "discord": [("!whoami", True)],
        "telegram": [],
    }  # on Telegram ours end the update
    assert seen == [*commands_seen[driver.channel], ("hello", False)]
