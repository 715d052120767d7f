"""What people decide of their own: what is kept, handing it over, having it erased; on every
platform alike.
"""

from __future__ import annotations

from session_plugin import SessionHub
from session_plugin.testing.contract.commands import echo
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import Driver


class PrivacyContract(ContractPart):
    """People have the last word on what is kept of them."""

    async def test_what_is_kept_is_told_in_a_group_too_and_neither_is_stored(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        room = driver.group("Friends", ann)
        async with driver.running(hub, echo):
            notified = await driver.ask(ann, room, driver.command("privacy"))
            await driver.ask(ann, room, "hello")
            history = await driver.history(hub, room, count=2)
        assert driver.command("forget") in notified
        assert [one.content for one in history] == ["hello", "you said hello"]

    async def test_nothing_is_kept_of_who_wants_that_and_they_are_answered_as_ever(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        async with driver.running(hub, echo):
            await driver.ask(ann, dm, "before")
            await driver.history(hub, dm, count=2)
            await driver.ask(ann, dm, driver.command("private", "on"))
            assert await driver.ask(ann, dm, "meanwhile") == "you said meanwhile"
            await driver.ask(ann, dm, driver.command("private", "off"))
            await driver.ask(ann, dm, "after")
            history = await driver.history(hub, dm, count=4)
        assert [one.content for one in history] == [
            "before",
            "you said before",
            "after",
            "you said after",
        ]

    async def test_an_export_is_handed_over_and_not_stored(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        async with driver.running(hub, echo):
            await driver.ask(ann, dm, "hello")
            await driver.history(hub, dm, count=2)
            notified = await driver.ask(ann, dm, driver.command("export"))
            await driver.say(ann, dm, "thanks")
            history = await driver.history(hub, dm, count=4)
        assert notified.startswith("This is all that is kept of you")
        assert [one.content for one in history] == [
            "hello",
            "you said hello",
            "thanks",
            "you said thanks",
        ]

    async def test_forgetting_takes_a_persons_words_and_the_answers_to_them_and_nothing_of_others(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, bob = driver.user("Ann"), driver.user("Bob")
        home, room = driver.direct_chat(ann), driver.group("Friends", ann, bob)
        async with driver.running(hub, echo):
            for user, chat in ((ann, home), (ann, room), (bob, room)):
                await driver.ask(user, chat, f"I am {user.name}")
            await driver.history(hub, room, count=4)
            asked = await driver.ask(ann, home, driver.command("forget"))
            assert (await driver.ask(ann, home, driver.command("forget", "confirm"))).startswith(
                "Forgotten"
            )
            left = [
                [one.content for one in await driver.view(hub, chat).history(limit=None)]
                for chat in (home, room)
            ]
            known = [await hub.identity_of(driver.account(user)) for user in (ann, bob)]
        assert driver.command("forget", "confirm") in asked
        assert left == [[], ["I am Bob", "you said I am Bob"]]
        assert [one is not None for one in known] == [False, True]
