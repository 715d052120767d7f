"""Those who are nobody's user: webhooks, other bots, anonymous administrators, channels."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from session_plugin import SessionHub
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import Driver, Turn


async def quiet(_: Any) -> None:
    """Answer nothing."""


class StrangerContract(ContractPart):
    """Nobody becomes a user who is not a person with an account."""

    async def test_strangers_are_kept_under_their_names_as_nobodys_user(
        self, driver: Driver, hub: SessionHub, path: Path
    ) -> None:
        room = driver.group("Friends", driver.user("Ann"))
        async with driver.running(hub, quiet):
            kept = await driver.strangers(room)
            for place, name in kept:
                history = await driver.history(
                    hub, place, count=sum(where is place for where, _ in kept)
                )
                assert name in [one.author_name for one in history]
                assert {(one.role, one.person) for one in history} == {("user", None)}
                assert all(one.content for one in history)
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT count(*) FROM accounts").fetchone() == (0,)

    async def test_a_stranger_can_be_answered_and_the_answer_belongs_to_nobody(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        async def answer(turn: Turn) -> None:
            await turn.reply(f"hello {turn.text}")

        room = driver.group("Friends", driver.user("Ann"))
        async with driver.running(hub, answer):
            kept = await driver.strangers(room)
            for place in {id(place): place for place, _ in kept}.values():
                count = 2 * sum(where is place for where, _ in kept)
                history = await driver.history(hub, place, count=count)
                answers = [one for one in history if one.role == "assistant"]
                assert (len(answers), {one.person for one in answers}) == (count // 2, {None})

    async def test_a_stranger_of_a_persons_name_is_not_that_person(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        room = driver.group("Friends", ann)
        async with driver.running(hub, quiet):
            await driver.say(ann, room, "mine")
            await driver.stranger(room, "Ann", "not mine")
            history = await driver.history(hub, room, count=2)
        assert [(one.author_name, one.person) for one in history] == [
            ("Ann", driver.account(ann)),
            ("Ann", None),
        ]
