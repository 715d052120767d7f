"""A Telegram bot's life cycles: by hand, and by run_polling and run_webhook in a process of its
own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from telegram.ext import AIORateLimiter

from session_plugin import SessionHub

BOT = """
import os, sys
from telegram.ext import ApplicationBuilder, MessageHandler, filters
import session_plugin_telegram
from session_plugin import SessionHub

async def up(app):
    print("post_init", flush=True)

async def down(app):
    print("post_shutdown", flush=True)

async def answer(update, context):
    found = await context.session.history()
    await update.message.reply_text(f"{len(found)} {found[-1].content}")

builder = ApplicationBuilder().token(os.environ["TELEGRAM_TOKEN"]).base_url(os.environ["TELEGRAM_BASE_URL"])
builder = builder.base_file_url(os.environ["TELEGRAM_BASE_FILE_URL"]).post_init(up).post_shutdown(down)
app = builder.build()
session_plugin_telegram.install(app, SessionHub(sys.argv[1]))
app.add_handler(MessageHandler(filters.TEXT, answer))
if sys.argv[2] == "polling":
    app.run_polling()
else:
    app.run_webhook("127.0.0.1", int(sys.argv[2]), webhook_url=f"http://127.0.0.1:{sys.argv[2]}")
print("over", flush=True)
"""


@asynccontextmanager
async def process(
    driver: Any, path: Path, way: str = "polling"
) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        BOT,
        str(path),
        way,
        env={**os.environ, **driver.simulator.environment()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


def contents(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [
            bytes(row[0]).decode()
            for row in database.execute("SELECT content FROM messages ORDER BY seq")
        ]


def free_port() -> str:
    pytest.importorskip("tornado", reason="the extra webhooks of python-telegram-bot")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.parametrize(
    "choose", [lambda: "polling", free_port], ids=["run_polling", "run_webhook"]
)
async def test_run_keeps_its_callbacks_and_ends_with_the_hub_closed(
    on_telegram: Any, path: Path, choose: Any
) -> None:
    ann = on_telegram.simulator.user("Ann")
    async with process(on_telegram, path, choose()) as running:
        await on_telegram.simulator.connected(timeout=30)
        assert (
            await on_telegram.ask(ann, on_telegram.simulator.direct_chat(ann), "hello") == "1 hello"
        )
        running.send_signal(signal.SIGTERM)
        output, errors = await asyncio.wait_for(running.communicate(), 15)
        assert (running.returncode, output.decode().split()) == (
            0,
            ["post_init", "post_shutdown", "over"],
        ), errors.decode()
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert contents(path) == ["hello", "1 hello"]


async def test_run_polling_on_a_refused_database_ends_with_one_clear_error(
    on_telegram: Any, path: Path
) -> None:
    path.write_bytes(b"this is no database" * 100)
    async with process(on_telegram, path) as running:
        _, errors = await asyncio.wait_for(running.communicate(), 30)
    assert running.returncode == 1
    lines = errors.decode().strip().splitlines()
    assert "DatabaseRefused" in lines[-1]
    assert path.name in lines[-1]


async def test_what_was_answered_before_a_kill_is_there_and_the_session_goes_on(
    on_telegram: Any, path: Path
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with process(on_telegram, path) as running:
        await on_telegram.simulator.connected(timeout=30)
        for number in range(5):
            await on_telegram.ask(ann, dm, f"message {number}")
        running.kill()
        await running.wait()
    said = contents(path)
    assert [text for text in said if text.startswith("message")] == [
        f"message {number}" for number in range(5)
    ]
    async with process(on_telegram, path):
        last = on_telegram.simulator.messages(dm)[-1]
        await on_telegram.simulator.say(ann, dm, "again")
        while not last.text.endswith("again"):
            last = await on_telegram.simulator.answer(dm, after=last, timeout=30)
    assert contents(path).count("message 4") == 1


async def test_an_initialized_application_that_never_polls_closes_its_hub(
    on_telegram: Any, hub: SessionHub, path: Path
) -> None:
    ann = on_telegram.simulator.user("Ann")
    on_telegram.simulator.direct_chat(ann)
    app = on_telegram.install(hub)
    async with app:
        await app.bot.send_message(ann.id, "hello")
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert contents(path) == ["hello"]


async def test_an_application_can_be_started_again(
    on_telegram: Any, hub: SessionHub, path: Path
) -> None:
    async def answer(turn: Any) -> None:
        await turn.say(f"you said {turn.text}")

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    app = on_telegram.install(
        hub,
        into=on_telegram.make(answer, builder=on_telegram.builder().rate_limiter(AIORateLimiter())),
    )
    for text in ("one", "two"):
        async with on_telegram.started(app):
            await on_telegram.ask(ann, dm, text)
            await on_telegram.history(hub, dm, count=2)
    assert contents(path) == ["one", "you said one", "two", "you said two"]
