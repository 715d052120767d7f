"""Authors who belong to no user: webhooks, other bots, anonymous administrators, channels."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from session_plugin import SessionHub
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import Driver, Turn


async def quiet(_: Any) -> None:
    """Send no answer."""


class StrangerContract(ContractPart):
    """Only people with an account become users."""

    async def test_messages_of_strangers_are_stored_under_their_names_and_belong_to_no_user(
        self, driver: Driver, hub: SessionHub, path: Path
    ) -> None:
        room = driver.group("Friends", driver.user("Ann"))
        async with driver.running(hub, quiet):
            said = await driver.strangers(room)
            for place, name in said:
                history = await driver.history(
                    hub, place, count=sum(where is place for where, _ in said)
                )
                assert name in [message.author_name for message in history]
                assert {(message.role, message.person) for message in history} == {("user", None)}
                assert all(message.content for message in history)

        with closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT count(*) FROM accounts").fetchone() == (0,)

    async def test_a_stranger_can_be_answered_and_the_answer_belongs_to_nobody(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        async def answer(turn: Turn) -> None:
            await turn.reply(f"hello {turn.text}")

        room = driver.group("Friends", driver.user("Ann"))

        async with driver.running(hub, answer):
            said = await driver.strangers(room)
            for place in {id(place): place for place, _ in said}.values():
                count = 2 * sum(where is place for where, _ in said)
                history = await driver.history(hub, place, count=count)
                answers = [message for message in history if message.role == "assistant"]
                assert (len(answers), {message.person for message in answers}) == (
                    count // 2,
                    {None},
                )

    async def test_a_stranger_with_a_persons_name_is_not_that_person(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        room = driver.group("Friends", ann)

        async with driver.running(hub, quiet):
            await driver.say(ann, room, "mine")
            await driver.stranger(room, "Ann", "not mine")
            history = await driver.history(hub, room, count=2)

        assert [(message.author_name, message.person) for message in history] == [
            ("Ann", driver.account(ann)),
            ("Ann", None),
        ]
