"""How updates reach a Telegram bot, and what goes wrong on the way: again, late, by polling and by
webhook.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from telegram import Update
from telegram.error import Conflict, NetworkError, TimedOut

from session_plugin import SessionHub


async def echo(turn: Any) -> None:
    await turn.say(f"you said {turn.text}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def served(app: Any, *, port: int) -> AsyncIterator[None]:
    """Run an application behind a webhook of its own."""
    pytest.importorskip("tornado", reason="the extra webhooks of python-telegram-bot")
    async with app:
        await app.start()
        await app.updater.start_webhook(
            listen="127.0.0.1",
            port=port,
            url_path="hook",
            webhook_url=f"http://127.0.0.1:{port}/hook",
            secret_token="secret",
            allowed_updates=Update.ALL_TYPES,
        )
        try:
            yield
        finally:
            await app.updater.stop()
            await app.stop()


class Noting:
    """A handler that notes what it was given, and whether it had come before."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bool]] = []

    async def __call__(self, turn: Any) -> None:
        self.seen.append((turn.text, turn.session.is_duplicate))


@pytest.mark.parametrize("same_update", [True, False])
@pytest.mark.parametrize("where", ["direct", "group"])
async def test_a_message_that_comes_again_is_stored_once_and_its_handler_can_tell(
    on_telegram: Any, hub: SessionHub, until: Any, same_update: bool, where: str
) -> None:
    handle = Noting()
    ann = on_telegram.simulator.user("Ann")
    chat = (
        on_telegram.simulator.direct_chat(ann)
        if where == "direct"
        else on_telegram.simulator.group("Friends", ann)
    )
    async with on_telegram.running(hub, handle):
        said = await on_telegram.simulator.say(ann, chat, "hello")
        await until(lambda: len(handle.seen) == 1)
        await on_telegram.simulator.repeat(said, same_update=same_update)
        await until(lambda: len(handle.seen) == 2)
        history = await on_telegram.history(hub, chat, count=1)
    assert handle.seen == [("hello", False), ("hello", True)]
    assert [one.content for one in history] == ["hello"]


async def test_an_old_version_of_an_edited_message_that_comes_again_changes_nothing(
    on_telegram: Any, hub: SessionHub, until: Any
) -> None:
    handle = Noting()
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, handle):
        said = await on_telegram.simulator.say(ann, dm, "hello")
        await on_telegram.simulator.edit(said, "hello, edited")
        await until(lambda: len(handle.seen) == 1)
        await on_telegram.simulator.repeat(said, same_update=False)
        await until(lambda: len(handle.seen) == 2)
        history = await on_telegram.history(hub, dm, count=1)
    assert [one.content for one in history] == ["hello, edited"]


async def test_a_bot_behind_a_webhook_remembers_as_one_that_polls(
    on_telegram: Any, hub: SessionHub, path: Any
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with served(on_telegram.install(hub, into=on_telegram.make(echo)), port=free_port()):
        await on_telegram.simulator.connected()
        await on_telegram.ask(ann, dm, "one")
        await on_telegram.ask(ann, dm, "two")
        history = await on_telegram.history(hub, dm, count=4)
    assert [one.content for one in history] == ["one", "you said one", "two", "you said two"]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_an_update_that_a_webhook_gets_again_is_stored_once(
    on_telegram: Any, hub: SessionHub, until: Any
) -> None:
    handle = Noting()
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with served(on_telegram.install(hub, into=on_telegram.make(handle)), port=free_port()):
        said = await on_telegram.simulator.say(ann, dm, "hello")
        for _ in range(3):
            await on_telegram.simulator.repeat(said)
        await until(lambda: len(handle.seen) == 4)
        history = await on_telegram.history(hub, dm, count=1)
    assert [was_duplicate for _, was_duplicate in handle.seen] == [False, True, True, True]
    assert [one.content for one in history] == ["hello"]


async def test_what_is_said_while_nobody_serves_the_webhook_is_stored_when_somebody_does(
    on_telegram: Any, hub: SessionHub, until: Any
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    port = free_port()
    stranger = on_telegram.make()
    async with stranger:
        await stranger.bot.set_webhook(
            f"http://127.0.0.1:{port}/hook", allowed_updates=Update.ALL_TYPES, secret_token="secret"
        )
        for text in ("one", "two"):
            await on_telegram.simulator.say(ann, dm, text)
        info = await stranger.bot.get_webhook_info()
        while info.last_error_message is None:
            info = await stranger.bot.get_webhook_info()
        assert info.pending_update_count == 2
    async with served(on_telegram.install(hub), port=port):
        history = await on_telegram.history(hub, dm, count=2)
    assert [one.content for one in history] == ["one", "two"]


async def test_a_second_poller_is_an_error_without_a_session_and_costs_no_message(
    on_telegram: Any, hub: SessionHub, until: Any
) -> None:
    errors: list[Any] = []

    async def failed(update: Any, context: Any) -> None:
        errors.append((type(context.error), update, context.session))

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    app, rival = on_telegram.install(hub), on_telegram.make()
    app.add_error_handler(failed)

    def refused(error: Any) -> None:  # as run_polling does it
        app.create_task(app.process_error(error=error, update=None))

    async with app, rival:
        await app.start()
        await app.updater.start_polling(error_callback=refused)
        await on_telegram.simulator.connected()
        await rival.bot.get_updates(timeout=0)
        await until(lambda: errors)
        await on_telegram.simulator.say(ann, dm, "hello")
        (one,) = await on_telegram.history(hub, dm, count=1)
        await app.updater.stop()
        await app.stop()
    assert errors[0] == (Conflict, None, None)
    assert one.content == "hello"


@pytest.mark.parametrize("way", ["refused", "cut", "late"])
async def test_a_send_whose_answer_is_lost_raises_as_ever_and_is_not_made_up(
    on_telegram: Any, hub: SessionHub, way: str
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub) as app:
        if way == "refused":
            on_telegram.simulator.fail_next("sendMessage", error_code=502, after_effect=True)
        elif way == "cut":
            on_telegram.simulator.cut_next("sendMessage", after_effect=True)
        else:
            on_telegram.simulator.hold_next("sendMessage")
        with pytest.raises(TimedOut if way == "late" else NetworkError):
            await app.bot.send_message(ann.id, "lost", read_timeout=0.5)
        await app.bot.send_message(ann.id, "sent again")
        assert [one.text for one in on_telegram.simulator.messages(dm)] == ["lost", "sent again"]
        history = await on_telegram.history(hub, dm, count=1)
    assert [one.content for one in history] == ["sent again"]


async def test_two_processes_that_share_a_bots_webhook_store_a_message_once(
    on_telegram: Any, hub: SessionHub, path: Any
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    handles, hubs = [Noting(), Noting()], [hub, SessionHub(path, load_entry_points=False)]
    apps = [
        on_telegram.install(one, into=on_telegram.make(handle))
        for one, handle in zip(hubs, handles, strict=True)
    ]
    async with apps[0], apps[1]:
        await on_telegram.simulator.say(ann, dm, "hello")
        (update,) = await apps[0].bot.get_updates(timeout=1)
        await asyncio.gather(*(app.process_update(update) for app in apps))
        history = await on_telegram.history(hub, dm, count=1)
    assert [one.content for one in history] == ["hello"]
    assert sorted(was_duplicate for handle in handles for _, was_duplicate in handle.seen) == [
        False,
        True,
    ]


async def test_an_application_without_an_updater_remembers_what_it_is_fed(
    on_telegram: Any, hub: SessionHub
) -> None:
    user = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(user)
    ann = {"id": user.id, "is_bot": False, "first_name": "Ann"}
    message = {
        "message_id": 100,
        "date": 1,
        "chat": {**ann, "type": "private"},
        "from": ann,
        "text": "hello",
    }
    app = on_telegram.install(
        hub, into=on_telegram.make(echo, builder=on_telegram.builder().updater(None))
    )
    async with app:
        await app.start()
        await app.update_queue.put(Update.de_json({"update_id": 1, "message": message}, app.bot))
        history = await on_telegram.history(hub, dm, count=2)
        await app.stop()
    assert [one.content for one in history] == ["hello", "you said hello"]


async def test_fifty_people_at_once_in_one_group_get_each_their_own_answer(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        number = int(turn.text)
        assert turn.session.event.text == turn.text
        await asyncio.sleep((number * 7 % 50) / 100)

        async def later() -> None:
            await turn.say(f"later {number}")

        await asyncio.gather(turn.say(f"now {number}"), asyncio.create_task(later()))

    people = [on_telegram.simulator.user(f"Person {number}") for number in range(50)]
    room = on_telegram.simulator.group("Friends", *people)
    builder = on_telegram.builder().concurrent_updates(True).connection_pool_size(64)
    builder.pool_timeout(60).connect_timeout(60).read_timeout(
        60
    )  # a hundred sends at once, on however slow a machine
    async with on_telegram.running(hub, answer, builder=builder):
        for number, user in enumerate(people):
            await on_telegram.simulator.say(user, room, str(number))
        history = await on_telegram.history(hub, room, count=150)
    assert [one.content for one in history if one.role == "user"] == [
        str(number) for number in range(50)
    ]
    answers = {one.content: one.person for one in history if one.role == "assistant"}
    for number, user in enumerate(people):
        assert answers[f"now {number}"] == answers[f"later {number}"] == on_telegram.account(user)
