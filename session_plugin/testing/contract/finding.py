"""People search what they and the bot said, on all their accounts."""

from __future__ import annotations

import pytest

from session_plugin import SessionHub
from session_plugin.testing.contract.commands import echo, link
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import Driver


class FindingContract(ContractPart):
    """/search shows people their own conversation, and leaves nothing of it behind."""

    async def test_search_finds_what_was_said_on_another_account(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, second = driver.user("Ann"), driver.user("Ann's second")
        async with driver.running(hub, echo):
            await driver.ask(ann, driver.direct_chat(ann), "my Café is in Lisbon")
            _, away = await link(driver, ann, second)
            answer = await driver.ask(second, away, driver.command("search", "lisbon cafe"))

        lines = answer.splitlines()
        assert len(lines) == 2
        assert lines[0].endswith(f", {driver.channel}, I: you said my Café is in Lisbon")
        assert lines[1].endswith(f", {driver.channel}, you: my Café is in Lisbon")

    async def test_search_more_goes_on(self, driver: Driver, hub: SessionHub) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        async with driver.running(hub, echo):
            for number in range(7):
                await driver.ask(ann, dm, f"cat {number}")
            first = await driver.ask(ann, dm, driver.command("search", "cat from:me"))
            rest = await driver.ask(ann, dm, driver.command("search", "more"))
            no_more = await driver.ask(ann, dm, driver.command("search", "more"))

        shown = [line.rpartition(": ")[2] for line in (*first.splitlines(), *rest.splitlines())]
        ahead = f"To look further back, send {driver.command('search')} more."
        assert first.splitlines()[-1] == ahead
        assert [line for line in shown if line != ahead] == [f"cat {n}" for n in range(6, -1, -1)]
        assert no_more.startswith("There is no search to go on with.")

    async def test_a_search_is_not_stored_and_its_words_are_not_logged(
        self, driver: Driver, hub: SessionHub, caplog: pytest.LogCaptureFixture
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        async with driver.running(hub, echo):
            await driver.ask(ann, dm, "hello")
            for argument in ("zanzibar", "more", '"zanzibar', "after:zanzibar zanzibar", ""):
                await driver.ask(ann, dm, driver.command("search", argument))
            await driver.ask(ann, dm, "bye")
            history = await driver.history(hub, dm, count=4)

        ours = [one.getMessage() for one in caplog.records if one.name.startswith("session_plugin")]
        assert [message.content for message in history] == [
            "hello",
            "you said hello",
            "bye",
            "you said bye",
        ]
        assert not any("zanzibar" in line for line in ours)
