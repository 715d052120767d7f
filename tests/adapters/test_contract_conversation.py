"""What a handler finds in the session while it answers, on every platform alike."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from session_plugin import SessionHub, hookimpl


def words(history: list[Any]) -> list[tuple[str, str]]:
    return [(one.role, one.content) for one in history]


async def echo(turn: Any) -> None:
    await turn.say(f"you said {turn.text}")


async def test_the_handler_finds_the_message_it_answers(driver: Any, hub: SessionHub) -> None:
    async def answer(turn: Any) -> None:
        found = await turn.session.history()
        await turn.say(f"{found[-1].content} from {found[-1].author_name}")

    ann = driver.simulator.user("Ann")
    async with driver.running(hub, answer):
        assert await driver.ask(ann, driver.simulator.direct_chat(ann), "hello") == "hello from Ann"


async def test_before_the_event_leaves_out_the_message_being_answered(driver: Any, hub: SessionHub) -> None:
    async def answer(turn: Any) -> None:
        earlier = await turn.session.history(before=turn.session.event)
        await turn.say(str(words(earlier)))

    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    async with driver.running(hub, answer):
        assert await driver.ask(ann, dm, "one") == "[]"
        assert await driver.ask(ann, dm, "two") == "[('user', 'one'), ('assistant', '[]')]"


async def test_what_the_bot_said_is_in_the_history_when_sending_returns(driver: Any, hub: SessionHub) -> None:
    seen: list[Any] = []

    async def answer(turn: Any) -> None:
        await turn.say("first")
        seen.extend(words(await turn.session.history()))
        await turn.reply("second")

    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    async with driver.running(hub, answer):
        await driver.ask(ann, dm, "hello")
        await driver.history(hub, dm, count=3)
    assert seen == [("user", "hello"), ("assistant", "first")]


@pytest.mark.parametrize("way", ["say", "reply"])
async def test_an_answer_in_a_direct_chat_is_kept_once_and_belongs_to_the_person(
    driver: Any, hub: SessionHub, way: str
) -> None:
    async def answer(turn: Any) -> None:
        await getattr(turn, way)("hello Ann")

    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
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
        assert {one.person for one in history} == {driver.account(ann)}


@pytest.mark.parametrize("way", ["say", "reply"])
async def test_answers_to_people_who_speak_at_once_in_a_group_belong_each_to_its_own(
    driver: Any, hub: SessionHub, way: str
) -> None:
    async def answer(turn: Any) -> None:
        await asyncio.sleep(0.1 if turn.text == "I am Ann" else 0)
        await getattr(turn, way)(turn.text.replace("I am", "hello"))

    people = {name: driver.simulator.user(name) for name in ("Ann", "Bob", "Cid")}
    room = driver.simulator.group("Friends", *people.values())
    async with driver.running(hub, answer):
        await asyncio.gather(*(driver.simulator.say(user, room, f"I am {name}") for name, user in people.items()))
        history = await driver.history(hub, room, count=6)
    answers = [one for one in history if one.role == "assistant"]
    assert {one.content: one.person for one in answers} == {
        f"hello {name}": driver.account(user) for name, user in people.items()
    }
    assert len(history) == 6


async def test_groups_threads_and_direct_chats_never_mix(driver: Any, hub: SessionHub) -> None:
    ann = driver.simulator.user("Ann")
    room, other = driver.simulator.group("Friends", ann), driver.simulator.group("Others", ann)
    async with driver.running(hub, echo):
        thread, second = driver.simulator.thread(room, "plans"), driver.simulator.thread(room, "dreams")
        places = {"dm": driver.simulator.direct_chat(ann), "room": room, "other": other, "thread": thread, "second": second}
        for name, place in places.items():
            await driver.ask(ann, place, name)
        for name, place in places.items():
            history = await driver.history(hub, place, count=2)
            assert words(history) == [("user", name), ("assistant", f"you said {name}")]


async def test_a_person_in_another_direct_chat_sees_nothing(driver: Any, hub: SessionHub) -> None:
    ann, bob = driver.simulator.user("Ann"), driver.simulator.user("Bob")
    async with driver.running(hub, echo):
        await driver.ask(ann, driver.simulator.direct_chat(ann), "my secret")
        await driver.ask(bob, driver.simulator.direct_chat(bob), "hello")
        history = await driver.history(hub, driver.simulator.direct_chat(bob), count=2)
    assert words(history) == [("user", "hello"), ("assistant", "you said hello")]


async def test_people_of_one_name_are_two_people(driver: Any, hub: SessionHub) -> None:
    first, second = driver.simulator.user("Ann"), driver.simulator.user("Ann")
    async with driver.running(hub, echo):
        for user in (first, second):
            await driver.ask(user, driver.simulator.direct_chat(user), "hello")
        identities = [await hub.identity_of(driver.account(user)) for user in (first, second)]
    assert identities[0].user_id != identities[1].user_id


class Listener:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    @hookimpl
    def session_on_message(self, event: Any) -> None:
        self.told.append((event.role, event.text))


async def test_a_repeated_delivery_is_stored_once_and_reaches_the_handler_which_can_tell(
    driver: Any, hub: SessionHub, until: Any
) -> None:
    turns: list[tuple[str, bool]] = []

    async def answer(turn: Any) -> None:
        turns.append((turn.text, turn.session.is_duplicate))
        if turn.text == "last":
            await turn.say("done")

    listener = Listener()
    hub.register(listener)
    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    async with driver.running(hub, answer):
        said = await driver.simulator.say(ann, dm, "hello")
        await driver.simulator.repeat(said)
        await until(lambda: len(turns) == 2)
        await driver.ask(ann, dm, "last")
        history = await driver.history(hub, dm, count=3)
        await hub.settle()
    assert words(history) == [("user", "hello"), ("user", "last"), ("assistant", "done")]
    assert turns == [("hello", False), ("hello", True), ("last", False)]
    assert listener.told == [("user", "hello"), ("user", "last"), ("assistant", "done")]


async def test_an_edit_changes_the_message_and_keeps_its_place(driver: Any, hub: SessionHub) -> None:
    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    async with driver.running(hub, echo):
        said = await driver.simulator.say(ann, dm, "helo")
        await driver.simulator.answer(dm, after=said)
        await driver.history(hub, dm, count=2)
        await driver.simulator.edit(said, "hello")
        await driver.ask(ann, dm, "next")
        history = await driver.history(hub, dm, count=4)
    assert [one.content for one in history] == ["hello", "you said helo", "next", "you said next"]
    assert history[0].edited_at is not None
    assert history[2].edited_at is None


async def test_a_reply_names_the_message_it_replies_to(driver: Any, hub: SessionHub) -> None:
    async def answer(turn: Any) -> None:
        await turn.reply("indeed")

    ann = driver.simulator.user("Ann")
    room = driver.simulator.group("Friends", ann)
    async with driver.running(hub, answer):
        first = await driver.simulator.say(ann, room, "first")
        reply = await driver.simulator.answer(room, after=first)
        await driver.simulator.say(ann, room, "second", reply_to=reply)
        history = await driver.history(hub, room, count=4)
    assert [one.reply_to for one in history[:3]] == [None, str(first.id), str(reply.id)]


@pytest.mark.parametrize("text", ["", "look"])
async def test_an_attachment_is_described_with_or_without_text(driver: Any, hub: SessionHub, text: str) -> None:
    async def answer(turn: Any) -> None:
        (found,) = await turn.session.history()
        await turn.say(f"{found.content}|{[one.filename for one in found.attachments]}|{found.attachments[0].size}")

    ann = driver.simulator.user("Ann")
    dm = driver.simulator.direct_chat(ann)
    async with driver.running(hub, answer):
        said = await driver.simulator.say(ann, dm, text, attachments=[("notes.txt", b"12345")])
        assert (await driver.simulator.answer(dm, after=said)).text == f"{text}|['notes.txt']|5"


ODD_TEXTS = {
    "right to left": "\u202bשלום\u202c \u200fمرحبا\u061c",
    "emoji": "👩\u200d👩\u200d👧\u200d👦 \U0001f1e9\U0001f1ea e\u0301",
    "long": "x" * 2000 + "é" * 2000,
    "lines": "a\n\n\tb",
    "lone surrogate": "cut \ud83d off",
    "NUL": "a\0b",
}


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
async def test_any_text_is_given_back_as_it_was_said(driver: Any, hub: SessionHub, text: str) -> None:
    async def answer(turn: Any) -> None:
        assert (await turn.session.history())[-1].content == turn.text == text
        await turn.say("as it was")

    ann = driver.simulator.user("Ann")
    async with driver.running(hub, answer):
        assert await driver.ask(ann, driver.simulator.direct_chat(ann), text) == "as it was"


async def test_what_the_bot_says_without_being_asked_in_a_group_belongs_to_nobody(driver: Any, hub: SessionHub) -> None:
    ann = driver.simulator.user("Ann")
    room = driver.simulator.group("Friends", ann)
    async with driver.running(hub, echo) as bot:
        await driver.ask(ann, room, "hello")
        if driver.channel == "discord":
            await bot.get_channel(room.id).send("good morning")
        else:
            await bot.bot.send_message(room.id, "good morning")
        history = await driver.history(hub, room, count=3)
    assert (history[2].content, history[2].role, history[2].person) == ("good morning", "assistant", None)


async def test_an_answer_sent_to_another_group_belongs_to_nobody_there(driver: Any, hub: SessionHub) -> None:
    ann = driver.simulator.user("Ann")
    room, other = driver.simulator.group("Friends", ann), driver.simulator.group("Others", ann)

    async def answer(turn: Any) -> None:
        if driver.channel == "discord":
            await turn.message._state._get_client().get_channel(other.id).send("Ann spoke")
        else:
            await turn.message.get_bot().send_message(other.id, "Ann spoke")

    async with driver.running(hub, answer):
        await driver.simulator.say(ann, room, "hello")
        (told,) = await driver.history(hub, other, count=1)
    assert (told.content, told.person) == ("Ann spoke", None)
