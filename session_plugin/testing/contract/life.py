"""Starting, stopping and restarting: the hub opens and closes with the bot; messages stay."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from session_plugin import DatabaseRefused, SessionHub
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import Driver, Turn


async def echo(turn: Turn) -> None:
    await turn.say(f"you said {turn.text}")


class LifeContract(ContractPart):
    """A hub is open as long as a bot runs on it; its sessions outlast the bot."""

    async def test_every_adapter_has_the_same_public_names(self, driver: Driver) -> None:
        parameters = inspect.signature(driver.package.install).parameters
        assert list(parameters)[1:3] == ["hub", "commands"]
        assert callable(driver.package.to_event)
        assert driver.channel == driver.package.CHANNEL

    async def test_installing_twice_is_refused(self, driver: Driver, hub: SessionHub) -> None:
        bot = driver.install(hub)
        with pytest.raises(ValueError, match="has a hub already"):
            driver.install(hub, into=bot)

    async def test_something_else_than_a_bot_is_refused(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        with pytest.raises((TypeError, AttributeError)):
            driver.install(hub, into=object())

    async def test_the_hub_is_closed_when_the_bot_has_stopped(
        self, driver: Driver, hub: SessionHub, path: Path
    ) -> None:
        ann = driver.user("Ann")
        async with driver.running(hub, echo):
            await driver.ask(ann, driver.direct_chat(ann), "hello")
            await driver.history(hub, driver.direct_chat(ann), count=2)

        assert path.exists()
        assert [file.name for file in path.parent.iterdir()] == [path.name]

    async def test_a_bot_that_never_started_leaves_no_database(
        self, driver: Driver, hub: SessionHub, path: Path
    ) -> None:
        driver.install(hub)
        assert not path.exists()

    async def test_a_restarted_bot_goes_on_in_the_same_session(
        self, driver: Driver, path: Path
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        sessions = []
        for text, count in (("before", 2), ("after", 4)):
            hub = SessionHub(path, load_entry_points=False)
            async with driver.running(hub, echo):
                await driver.ask(ann, dm, text)
                history = await driver.history(hub, dm, count=count)
                sessions.append(await driver.view(hub, dm).info())

        assert len({session.session_id for session in sessions if session is not None}) == 1
        assert [message.content for message in history] == [
            "before",
            "you said before",
            "after",
            "you said after",
        ]

    async def test_a_message_delivered_again_after_a_restart_is_stored_once(
        self, driver: Driver, path: Path
    ) -> None:
        seen: list[bool] = []

        async def answer(turn: Turn) -> None:
            seen.append(turn.session.is_duplicate)
            await turn.say("done")

        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        hub = SessionHub(path, load_entry_points=False)

        async with driver.running(hub, answer):
            said = await driver.say(ann, dm, "hello")
            first = await driver.answer(dm, after=said)
            await driver.history(hub, dm, count=2)

        hub = SessionHub(path, load_entry_points=False)

        async with driver.running(hub, answer):
            await driver.repeat(said)
            await driver.answer(dm, after=first)
            history = await driver.history(hub, dm, count=3)

        assert [message.content for message in history] == ["hello", "done", "done"]
        assert seen == [False, True]

    async def test_one_hub_can_serve_a_second_bot_after_the_first(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        for text in ("before", "after"):
            async with driver.running(hub, echo):
                await driver.ask(ann, dm, text)
                history = await driver.history(hub, dm, count=2)

        assert [message.content for message in history][:1] == ["before"]

    async def test_a_database_that_is_refused_stops_the_start_with_its_name(
        self, driver: Driver, path: Path
    ) -> None:
        path.write_bytes(b"this is no database" * 100)
        before = path.read_bytes()

        with pytest.raises(DatabaseRefused, match=path.name):
            async with driver.running(SessionHub(path, load_entry_points=False), echo):
                pass

        assert path.read_bytes() == before

    async def test_after_a_refused_start_the_same_hub_starts_on_a_mended_database(
        self, driver: Driver, path: Path
    ) -> None:
        path.write_bytes(b"this is no database" * 100)
        hub = SessionHub(path, load_entry_points=False)

        with pytest.raises(DatabaseRefused):
            async with driver.running(hub, echo):
                pass

        path.unlink()
        ann = driver.user("Ann")

        async with driver.running(hub, echo):
            assert await driver.ask(ann, driver.direct_chat(ann), "hello") == "you said hello"

    async def test_two_bots_of_different_names_share_a_database_and_no_session(
        self, driver: Driver, path: Path
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        seen = {}
        for name in ("helper", "jester"):
            hub = SessionHub(path, bot=name, load_entry_points=False)
            async with driver.running(hub, echo):
                await driver.ask(ann, dm, f"hello {name}")
                seen[name] = [message.content for message in await driver.history(hub, dm, count=2)]

        assert seen == {
            name: [f"hello {name}", f"you said hello {name}"] for name in ("helper", "jester")
        }
