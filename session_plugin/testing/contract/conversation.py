"""What a handler finds in the session while it answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from session_plugin import SessionHub, hookimpl
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import Driver, Turn


def words(history: list[Any]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in history]


async def echo(turn: Turn) -> None:
    await turn.say(f"you said {turn.text}")


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    @hookimpl
    def session_on_message(self, event: Any) -> None:
        self.heard.append((event.role, event.text))


ODD_TEXTS = {
    "right to left": "\u202bשלום\u202c \u200fمرحبا\u061c",
    "emoji": "👩\u200d👩\u200d👧\u200d👦 \U0001f1e9\U0001f1ea e\u0301",
    "long": "x" * 2000 + "é" * 2000,
    "lines": "a\n\n\tb",
    "lone surrogate": "cut \ud83d off",
    "NUL": "a\0b",
}


class ConversationContract(ContractPart):
    """The session has what was said, by whom and to whom, and nothing of other people."""

    async def test_the_handler_finds_the_message_it_answers(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        async def answer(turn: Turn) -> None:
            found = await turn.session.history()
            await turn.say(f"{found[-1].content} from {found[-1].author_name}")

        ann = driver.user("Ann")

        async with driver.running(hub, answer):
            assert await driver.ask(ann, driver.direct_chat(ann), "hello") == "hello from Ann"

    async def test_before_the_event_leaves_out_the_message_being_answered(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        async def answer(turn: Turn) -> None:
            earlier = await turn.session.history(before=turn.session.event)
            await turn.say(str(words(earlier)))

        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, answer):
            assert await driver.ask(ann, dm, "one") == "[]"
            assert await driver.ask(ann, dm, "two") == "[('user', 'one'), ('assistant', '[]')]"

    async def test_what_the_bot_said_is_in_the_history_when_sending_returns(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        seen: list[Any] = []

        async def answer(turn: Turn) -> None:
            await turn.say("first")
            seen.extend(words(await turn.session.history()))
            await turn.reply("second")

        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, answer):
            await driver.ask(ann, dm, "hello")
            await driver.history(hub, dm, count=3)

        assert seen == [("user", "hello"), ("assistant", "first")]

    @pytest.mark.parametrize("way", ["say", "reply"])
    async def test_an_answer_in_a_direct_chat_is_stored_once_and_belongs_to_the_person(
        self, driver: Driver, hub: SessionHub, way: str
    ) -> None:
        async def answer(turn: Turn) -> None:
            await getattr(turn, way)("hello Ann")

        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, answer):
            await driver.ask(ann, dm, "hello")
            await driver.ask(ann, dm, "again")
            history = await driver.history(hub, dm, count=4)
            assert words(history) == [
                ("user", "hello"),
                ("assistant", "hello Ann"),
                ("user", "again"),
                ("assistant", "hello Ann"),
            ]
            assert {message.person for message in history} == {driver.account(ann)}

    @pytest.mark.parametrize("way", ["say", "reply"])
    async def test_answers_to_people_who_speak_at_once_in_a_group_belong_each_to_its_own(
        self, driver: Driver, hub: SessionHub, way: str
    ) -> None:
        async def answer(turn: Turn) -> None:
            await asyncio.sleep(0.1 if turn.text == "I am Ann" else 0)
            await getattr(turn, way)(turn.text.replace("I am", "hello"))

        people = {name: driver.user(name) for name in ("Ann", "Bob", "Cid")}
        room = driver.group("Friends", *people.values())

        async with driver.running(hub, answer):
            await asyncio.gather(
                *(driver.say(user, room, f"I am {name}") for name, user in people.items())
            )
            history = await driver.history(hub, room, count=6)

        answers = [message for message in history if message.role == "assistant"]
        assert {message.content: message.person for message in answers} == {
            f"hello {name}": driver.account(user) for name, user in people.items()
        }
        assert len(history) == 6

    async def test_groups_threads_and_direct_chats_never_mix(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        room, other = driver.group("Friends", ann), driver.group("Others", ann)

        async with driver.running(hub, echo):
            thread, second = driver.thread(room, "plans"), driver.thread(room, "dreams")
            places = {
                "dm": driver.direct_chat(ann),
                "room": room,
                "other": other,
                "thread": thread,
                "second": second,
            }
            for name, place in places.items():
                await driver.ask(ann, place, name)

            for name, place in places.items():
                history = await driver.history(hub, place, count=2)
                assert words(history) == [("user", name), ("assistant", f"you said {name}")]

    async def test_a_person_in_another_direct_chat_sees_nothing(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, bob = driver.user("Ann"), driver.user("Bob")
        async with driver.running(hub, echo):
            await driver.ask(ann, driver.direct_chat(ann), "my secret")
            await driver.ask(bob, driver.direct_chat(bob), "hello")
            history = await driver.history(hub, driver.direct_chat(bob), count=2)

        assert words(history) == [("user", "hello"), ("assistant", "you said hello")]

    async def test_people_with_the_same_name_are_two_people(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        first, second = driver.user("Ann"), driver.user("Ann")
        async with driver.running(hub, echo):
            for user in (first, second):
                await driver.ask(user, driver.direct_chat(user), "hello")

            identities = [await hub.identity_of(driver.account(user)) for user in (first, second)]

        assert len({identity.user_id for identity in identities if identity is not None}) == 2

    async def test_a_repeated_delivery_is_stored_once_and_the_handler_sees_that_it_is_a_duplicate(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        turns: list[tuple[str, bool]] = []

        async def answer(turn: Turn) -> None:
            turns.append((turn.text, turn.session.is_duplicate))
            if turn.text == "last":
                await turn.say("done")

        listener = Listener()
        hub.register(listener)
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, answer):
            said = await driver.say(ann, dm, "hello")
            await driver.repeat(said)
            await driver.until(lambda: len(turns) == 2)
            await driver.ask(ann, dm, "last")
            history = await driver.history(hub, dm, count=3)
            await hub.settle()

        assert words(history) == [("user", "hello"), ("user", "last"), ("assistant", "done")]
        assert turns == [("hello", False), ("hello", True), ("last", False)]
        assert listener.heard == [("user", "hello"), ("user", "last"), ("assistant", "done")]

    async def test_an_edit_changes_the_message_and_keeps_its_place(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, echo):
            said = await driver.say(ann, dm, "helo")
            await driver.answer(dm, after=said)
            await driver.history(hub, dm, count=2)
            await driver.edit(said, "hello")
            await driver.ask(ann, dm, "next")
            history = await driver.history(hub, dm, count=4)

        assert [message.content for message in history] == [
            "hello",
            "you said helo",
            "next",
            "you said next",
        ]
        assert history[0].edited_at is not None
        assert history[2].edited_at is None

    async def test_a_reply_names_the_message_it_replies_to(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        async def answer(turn: Turn) -> None:
            await turn.reply("indeed")

        ann = driver.user("Ann")
        room = driver.group("Friends", ann)

        async with driver.running(hub, answer):
            first = await driver.say(ann, room, "first")
            reply = await driver.answer(room, after=first)
            await driver.say(ann, room, "second", reply_to=reply)
            history = await driver.history(hub, room, count=4)

        assert [message.reply_to for message in history[:3]] == [None, str(first.id), str(reply.id)]

    @pytest.mark.parametrize("text", ["", "look"])
    async def test_an_attachment_is_described_with_or_without_text(
        self, driver: Driver, hub: SessionHub, text: str
    ) -> None:
        async def answer(turn: Turn) -> None:
            (found,) = await turn.session.history()
            await turn.say(
                f"{found.content}|{[file.filename for file in found.attachments]}|"
                f"{found.attachments[0].size}"
            )

        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, answer):
            said = await driver.say(ann, dm, text, attachments=[("notes.txt", b"12345")])
            assert (await driver.answer(dm, after=said)).text == f"{text}|['notes.txt']|5"

    @pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
    async def test_any_text_is_given_back_as_it_was_said(
        self, driver: Driver, hub: SessionHub, text: str
    ) -> None:
        async def answer(turn: Turn) -> None:
            assert (await turn.session.history())[-1].content == turn.text == text
            await turn.say("as it was")

        ann = driver.user("Ann")

        async with driver.running(hub, answer):
            assert await driver.ask(ann, driver.direct_chat(ann), text) == "as it was"

    async def test_what_the_bot_says_unasked_in_a_group_belongs_to_nobody(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        room = driver.group("Friends", ann)

        async with driver.running(hub, echo) as bot:
            await driver.ask(ann, room, "hello")
            await driver.send(bot, room, "good morning")
            history = await driver.history(hub, room, count=3)

        assert (history[2].content, history[2].role, history[2].person) == (
            "good morning",
            "assistant",
            None,
        )

    async def test_an_answer_sent_to_another_group_belongs_to_nobody_there(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        room, other = driver.group("Friends", ann), driver.group("Others", ann)

        async def answer(turn: Turn) -> None:
            await driver.send(bot, other, "Ann spoke")

        async with driver.running(hub, answer) as bot:
            await driver.say(ann, room, "hello")
            (sent,) = await driver.history(hub, other, count=1)

        assert (sent.content, sent.person) == ("Ann spoke", None)
