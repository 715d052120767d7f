"""The privacy commands: what is stored, private mode, export, and forgetting."""

from __future__ import annotations

from session_plugin import SessionHub
from session_plugin.testing.contract.commands import echo
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import Driver


class PrivacyContract(ContractPart):
    """People decide what is stored of their messages, can have it exported and erased."""

    async def test_the_privacy_notice_is_answered_in_a_group_and_neither_is_stored(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        room = driver.group("Friends", ann)

        async with driver.running(hub, echo):
            answer = await driver.ask(ann, room, driver.command("privacy"))
            await driver.ask(ann, room, "hello")
            history = await driver.history(hub, room, count=2)

        assert driver.command("forget") in answer
        assert [message.content for message in history] == ["hello", "you said hello"]

    async def test_nothing_is_stored_in_private_mode_and_people_are_answered_as_before(
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

        assert [message.content for message in history] == [
            "before",
            "you said before",
            "after",
            "you said after",
        ]

    async def test_an_export_is_sent_and_not_stored(self, driver: Driver, hub: SessionHub) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, echo):
            await driver.ask(ann, dm, "hello")
            await driver.history(hub, dm, count=2)
            answer = await driver.ask(ann, dm, driver.command("export"))
            await driver.say(ann, dm, "thanks")
            history = await driver.history(hub, dm, count=4)

        assert answer.startswith("This is everything stored about you")
        assert [message.content for message in history] == [
            "hello",
            "you said hello",
            "thanks",
            "you said thanks",
        ]

    async def test_forgetting_erases_a_persons_messages_and_the_answers_and_nothing_of_others(
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
                "Deleted"
            )
            left = [
                [message.content for message in await driver.view(hub, chat).history(limit=None)]
                for chat in (home, room)
            ]
            known = [await hub.identity_of(driver.account(user)) for user in (ann, bob)]

        assert driver.command("forget", "confirm") in asked
        assert left == [[], ["I am Bob", "you said I am Bob"]]
        assert [identity is not None for identity in known] == [False, True]
