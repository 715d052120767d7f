"""A Telegram bot while its database is locked or gone: what it sends leaves at once, and is stored
when it can be.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from telegram import InputMediaPhoto

from session_plugin import DatabaseUnavailable, SessionHub

LONG = 60.0
"""Seconds of patience that no test waits for: what returns before has not waited for the database.
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield


async def test_sending_does_not_wait_for_the_database(on_telegram: Any, path: Path) -> None:
    hub = SessionHub(path, load_entry_points=False, store_patience=LONG)
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub) as app:
        with locked(path):
            async with asyncio.timeout(LONG / 2):
                sent = await app.bot.send_message(ann.id, "one")
                await app.bot.edit_message_text("one, edited", ann.id, sent.message_id)
                gone = await app.bot.send_message(ann.id, "gone")
                await app.bot.delete_message(ann.id, gone.message_id)
                await app.bot.send_message(ann.id, "two")
                await app.bot.copy_message(ann.id, ann.id, sent.message_id)
        history = await on_telegram.history(hub, dm, count=3)
    assert [one.content for one in history] == ["one, edited", "two", "one, edited"]


async def test_what_was_sent_during_a_lock_is_stored_before_the_bot_has_stopped(
    on_telegram: Any, path: Path
) -> None:
    hub = SessionHub(path, load_entry_points=False, store_patience=LONG)
    ann = on_telegram.simulator.user("Ann")
    on_telegram.simulator.direct_chat(ann)

    async def stop() -> None:
        await app.updater.stop()
        await app.stop()
        await app.shutdown()

    app = on_telegram.install(hub)
    await app.initialize()
    await app.start()
    await app.updater.start_polling()
    with locked(path):
        sent = await app.bot.send_message(ann.id, "the last words")
        await app.bot.copy_message(ann.id, ann.id, sent.message_id)
        stopping = asyncio.create_task(stop())
        await asyncio.wait({stopping}, timeout=0.2)
        assert not stopping.done()
    await stopping
    with closing(sqlite3.connect(path)) as database:
        assert (
            database.execute("SELECT CAST(content AS TEXT) FROM messages").fetchall()
            == [("the last words",)] * 2
        )


async def test_a_read_right_after_sending_has_all_of_an_album_in_it(
    on_telegram: Any, hub: SessionHub
) -> None:
    seen: list[str] = []

    async def answer(turn: Any) -> None:
        await turn.message.reply_media_group(
            [InputMediaPhoto(b"1", caption="a"), InputMediaPhoto(b"2", caption="b")]
        )
        seen.extend(one.content for one in await turn.session.history())

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        await on_telegram.simulator.say(ann, dm, "show me")
        await on_telegram.history(hub, dm, count=3)
    assert seen == ["show me", "a", "b"]


async def test_a_group_that_moves_while_the_database_is_locked_is_joined_when_it_is_back(
    on_telegram: Any, path: Path
) -> None:
    hub = SessionHub(path, load_entry_points=False, store_patience=0.2)
    ann = on_telegram.simulator.user("Ann")
    old = on_telegram.simulator.group("Friends", ann, basic=True)
    seen: list[str] = []

    async def answer(turn: Any) -> None:
        seen.append(turn.text)

    async with on_telegram.running(hub, answer):
        await on_telegram.simulator.say(ann, old, "before")
        await on_telegram.history(hub, old, count=1)
        with locked(path):
            new = on_telegram.simulator.migrate(old)
            await on_telegram.simulator.say(ann, new, "after")
            async with asyncio.timeout(20):
                while "after" not in seen:
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(20):
            while len(found := await _read(on_telegram.view(hub, new))) < 2:
                await asyncio.sleep(0.01)
    assert found == ["before", "after"]


async def _read(view: Any) -> list[str]:
    try:
        return [one.content for one in await view.history(limit=None)]
    except DatabaseUnavailable:
        return []
