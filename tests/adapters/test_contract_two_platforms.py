"""Both real bots on one hub in one process: a person is one person on either."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from session_plugin import SessionHub


async def recap(turn: Any) -> None:
    if turn.text == "recap":
        earlier = await turn.session.history(before=turn.session.event)
        await turn.say(
            "; ".join(f"{one.channel} {one.role}: {one.content}" for one in earlier) or "nothing"
        )
    elif not turn.text.startswith(("/", "!")):
        await turn.say("noted")


@pytest.fixture(params=["discord", "telegram"])
def sides(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """Give the platform on which the code is asked for, and the one on which it is typed."""
    drivers = [request.getfixturevalue("on_discord"), request.getfixturevalue("on_telegram")]
    return tuple(drivers if request.param == "discord" else reversed(drivers))


async def linked(
    first: Any, second: Any, hub: SessionHub, home: Any, away: Any, ann: Any, same: Any
) -> None:
    """Ask for a code, type it, wait for the notice to the asker, confirm on both."""
    asked = await first.simulator.say(ann, home, first.command("link"))
    answer = await first.simulator.answer(home, after=asked)
    code = re.search(r"[A-Z2-9]{4}-?[A-Z2-9]{4}", answer.text)
    assert code is not None
    shown = await second.ask(same, away, second.command("link", code[0]))
    assert f"{first.channel} account {ann.id}" in shown
    notice = await first.simulator.answer(home, after=answer)
    assert f"{second.channel} account {same.id}" in notice.text
    await hub.settle()  # it stands there before it is noted here
    confirmed = await second.ask(same, away, second.command("link", "confirm"))
    assert confirmed.startswith("Confirmed here.")
    last = second.simulator.messages(away)[-1]
    assert (await first.ask(ann, home, first.command("link", "confirm"))).startswith("Linked")
    assert (await second.simulator.answer(away, after=last)).text.startswith("Linked with")


async def test_what_was_said_on_one_platform_is_found_on_the_other_once_linked(
    sides: Any, hub: SessionHub
) -> None:
    first, second = sides
    ann, same = first.simulator.user("Ann"), second.simulator.user("Ann")
    home, away = first.simulator.direct_chat(ann), second.simulator.direct_chat(same)
    async with AsyncExitStack() as stack:
        for driver in sides:
            await stack.enter_async_context(driver.running(hub, recap))
        await first.ask(ann, home, "I like tea")
        assert await second.ask(same, away, "recap") == "nothing"
        await linked(first, second, hub, home, away, ann, same)
        told = await second.ask(same, away, "recap")
        assert told.startswith(
            f"{first.channel} user: I like tea; {first.channel} assistant: noted"
        )
        await second.ask(same, away, second.command("unlink"))
        kept = [
            {one.channel for one in await driver.view(hub, chat).history()}
            for driver, chat in ((first, home), (second, away))
        ]
        assert kept == [{first.channel}, {second.channel}]


async def test_others_and_groups_see_nothing_of_linked_people(sides: Any, hub: SessionHub) -> None:
    first, second = sides
    ann, same, bob = (
        first.simulator.user("Ann"),
        second.simulator.user("Ann"),
        second.simulator.user("Bob"),
    )
    home, away = first.simulator.direct_chat(ann), second.simulator.direct_chat(same)
    room = second.simulator.group("Friends", same, bob)
    async with AsyncExitStack() as stack:
        for driver in sides:
            await stack.enter_async_context(driver.running(hub, recap))
        await first.ask(ann, home, "I like tea")
        await second.ask(same, away, "hello")
        await linked(first, second, hub, home, away, ann, same)
        assert await second.ask(bob, second.simulator.direct_chat(bob), "recap") == "nothing"
        assert await second.ask(same, room, "recap") == "nothing"


async def test_the_hub_stays_open_until_the_last_bot_has_stopped(
    sides: Any, hub: SessionHub, path: Path
) -> None:
    first, second = sides
    ann = second.simulator.user("Ann")
    async with second.running(hub, recap):
        async with first.running(hub, recap):
            pass
        assert await second.ask(ann, second.simulator.direct_chat(ann), "hello") == "noted"
        await second.history(hub, second.simulator.direct_chat(ann), count=2)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_accounts_of_one_id_on_two_platforms_are_two_people(
    on_discord: Any, on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_discord.simulator.user("Ann")
    other = on_telegram.simulator.user("Ann", user_id=ann.id)
    async with on_discord.running(hub, recap), on_telegram.running(hub, recap):
        await on_discord.ask(ann, on_discord.simulator.direct_chat(ann), "I like tea")
        assert (
            await on_telegram.ask(other, on_telegram.simulator.direct_chat(other), "recap")
            == "nothing"
        )
