"""The end of a bot's process, by a kill or a signal: what is then in the database."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from session_plugin import SessionHub
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import PATIENCE, Driver

Process = asyncio.subprocess.Process


@asynccontextmanager
async def process(driver: Driver, path: Path) -> AsyncIterator[Process]:
    """Run the driver's program on a database; it is connected while the block runs."""
    if not driver.program:
        pytest.skip(f"the driver of {driver.channel} has no program to end")

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A background job of a shell ignores Ctrl-C, and so would the process started here.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    environment = {**os.environ, **driver.environment(), "SESSION_DATABASE": str(path)}
    started = await asyncio.create_subprocess_exec(*driver.program, env=environment)
    try:
        async with asyncio.timeout(PATIENCE):
            await driver.simulator.connected()
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def stored(driver: Driver, path: Path, dm: object) -> list[tuple[str, str]]:
    """Return the roles and texts of the messages that a process stored."""
    async with SessionHub(path, load_entry_points=False) as hub:
        return [
            (message.role, message.content)
            for message in await driver.view(hub, dm).history(limit=None)
        ]


class EndingContract(ContractPart):
    """A process that ends at any moment loses nothing that it answered."""

    async def test_a_process_killed_right_after_an_answer_leaves_the_question(
        self, driver: Driver, path: Path
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with process(driver, path) as bot:
            await driver.ask(ann, dm, "the question")
            bot.kill()
            await bot.wait()
            found = await stored(driver, path, dm)

        assert found[0] == ("user", "the question")

    @pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
    async def test_a_process_that_is_ended_by_a_signal_leaves_the_last_words(
        self, driver: Driver, path: Path, ending: signal.Signals
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with process(driver, path) as bot:
            answers = [await driver.ask(ann, dm, text) for text in ("hello", "the last words")]
            bot.send_signal(ending)
            async with asyncio.timeout(PATIENCE):
                await bot.wait()

            found = await stored(driver, path, dm)

        said = [
            ("user", "hello"),
            ("assistant", answers[0]),
            ("user", "the last words"),
            ("assistant", answers[1]),
        ]
        assert found == said
        assert [file.name for file in path.parent.iterdir()] == [path.name]

    async def test_a_process_goes_on_where_a_killed_one_was(
        self, driver: Driver, path: Path
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        for text in ("before", "after"):
            async with process(driver, path) as bot:
                await driver.ask(ann, dm, text)
                bot.kill()
                await bot.wait()
                await asyncio.sleep(0.1)  # until the simulator notices the lost connection

        found = await stored(driver, path, dm)
        assert [content for role, content in found if role == "user"] == ["before", "after"]
