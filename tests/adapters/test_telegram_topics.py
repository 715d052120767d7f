"""Topics of a private chat: one conversation, or one each with `install(separate_topics=True)`."""

from __future__ import annotations

from typing import Any

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import CallbackQueryHandler

import session_plugin_telegram
from session_plugin import Account, Chat, MessageEvent, SessionHub, hookimpl
from session_plugin.testing import Talk
from session_plugin.testing.contract.commands import link

KEYBOARD = InlineKeyboardMarkup([[InlineKeyboardButton("more", callback_data="more")]])


class Seen:
    """A handler that answers, and notes what it finds said before the message it answers."""

    def __init__(self) -> None:
        self.before: dict[str, list[str]] = {}

    async def __call__(self, turn: Any) -> None:
        history = await turn.session.history(before=turn.session.event)
        self.before[turn.text] = [message.content for message in history]
        await turn.message.reply_text("ok", reply_markup=KEYBOARD)


@pytest.fixture
def seen() -> Seen:
    return Seen()


def separate(on_telegram: Any, hub: SessionHub, handle: Any) -> Any:
    application = on_telegram.make(handle)
    session_plugin_telegram.install(application, hub, separate_topics=True)
    return application


def places(on_telegram: Any) -> tuple[Any, Any, Any, Any]:
    """Return Ann, her private chat, and two of its topics."""
    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    return ann, dm, on_telegram.thread(dm, "work"), on_telegram.thread(dm, "home")


async def test_each_topic_is_a_conversation_of_its_own(
    on_telegram: Any, hub: SessionHub, seen: Seen
) -> None:
    ann, dm, work, home = places(on_telegram)
    async with on_telegram.started(separate(on_telegram, hub, seen)):
        for chat, text in ((work, "deadline"), (home, "cat"), (dm, "hello"), (work, "and now?")):
            await on_telegram.ask(ann, chat, text)
        histories = [await on_telegram.history(hub, chat, count=2) for chat in (home, dm)]
    assert seen.before == {
        "deadline": [],
        "cat": [],
        "hello": [],
        "and now?": ["deadline", "ok"],
    }
    assert [[one.content for one in history] for history in histories] == [
        ["cat", "ok"],
        ["hello", "ok"],
    ]


async def test_new_begins_its_own_topic_anew_and_no_other(
    on_telegram: Any, hub: SessionHub, seen: Seen
) -> None:
    ann, dm, work, home = places(on_telegram)
    async with on_telegram.started(separate(on_telegram, hub, seen)):
        for chat, text in ((work, "deadline"), (home, "cat"), (dm, "hello"), (work, "/new")):
            await on_telegram.ask(ann, chat, text)
        for chat, text in ((work, "fresh?"), (home, "still?"), (dm, "still here?")):
            await on_telegram.ask(ann, chat, text)
    assert seen.before["fresh?"] == []
    assert seen.before["still?"] == ["cat", "ok"]
    assert seen.before["still here?"] == ["hello", "ok"]


async def test_an_edit_and_a_button_belong_to_their_topic(
    on_telegram: Any, hub: SessionHub, seen: Seen
) -> None:
    pressed: list[list[str]] = []

    async def press(update: Update, context: Any) -> None:
        pressed.append([one.content for one in await context.session.history()])
        await update.callback_query.answer()  # type: ignore[union-attr]

    ann, _, work, home = places(on_telegram)
    application = separate(on_telegram, hub, seen)
    application.add_handler(CallbackQueryHandler(press))
    async with on_telegram.started(application):
        await on_telegram.ask(ann, home, "cat")
        said = await on_telegram.say(ann, work, "deadline")
        answer = await on_telegram.answer(work, after=said)
        await on_telegram.edit(said, "deadline: Monday")
        await on_telegram.simulator.press(ann, answer, "more")
        await on_telegram.until(lambda: pressed)
    assert pressed == [["deadline: Monday", "ok"]]


async def test_a_linked_account_shares_what_is_outside_topics_only(
    on_telegram: Any, hub: SessionHub, seen: Seen
) -> None:
    ann, dm, work, _ = places(on_telegram)
    second = on_telegram.user("Ann's second")
    async with on_telegram.started(separate(on_telegram, hub, seen)):
        await on_telegram.ask(ann, work, "deadline")
        await on_telegram.ask(ann, dm, "hello")
        _, away = await link(on_telegram, ann, second)
        await on_telegram.ask(second, away, "from there")
        await on_telegram.ask(ann, work, "and now?")
    assert seen.before["from there"] == ["hello", "ok"]
    assert seen.before["and now?"] == ["deadline", "ok"]


async def test_forgetting_forgets_all_topics(on_telegram: Any, hub: SessionHub, seen: Seen) -> None:
    ann, dm, work, home = places(on_telegram)
    async with on_telegram.started(separate(on_telegram, hub, seen)):
        for chat in (dm, work, home):
            await on_telegram.ask(ann, chat, "hello")
            await on_telegram.history(hub, chat, count=2)  # an answer is seen before it is stored
        assert (await hub.forget(on_telegram.account(ann))).messages == 6
        for chat in (dm, work, home):
            assert await on_telegram.history(hub, chat, count=0) == []


async def test_a_plugin_of_the_authors_is_asked_first(
    on_telegram: Any, hub: SessionHub, seen: Seen
) -> None:
    class Joined:
        @hookimpl
        def session_resolve_scope(self, event: MessageEvent) -> str | None:
            return "" if event.chat.thread_id == str(work.thread_id) else None

    hub.register(Joined())
    ann, dm, work, home = places(on_telegram)
    async with on_telegram.started(separate(on_telegram, hub, seen)):
        for chat, text in ((dm, "hello"), (home, "cat"), (work, "deadline")):
            await on_telegram.ask(ann, chat, text)
    assert seen.before == {"hello": [], "cat": [], "deadline": ["hello", "ok"]}


async def test_a_second_application_of_the_same_bot_can_be_installed(
    on_telegram: Any, hub: SessionHub, seen: Seen
) -> None:
    ann, _, work, home = places(on_telegram)
    for text in ("deadline", "and now?"):
        async with on_telegram.started(separate(on_telegram, hub, seen)):
            await on_telegram.ask(ann, home, f"cat {text}")
            await on_telegram.ask(ann, work, text)
    assert seen.before["and now?"] == ["deadline", "ok"]


async def test_topics_of_groups_and_of_other_bots_are_left_alone(
    on_telegram: Any, hub: SessionHub
) -> None:
    separate(on_telegram, hub, None)
    ann, talk = Account("telegram", "2002"), Talk()
    names = []
    for bot_id in (on_telegram.bot_id, "8000000001"):
        for kind, chat_id in (("direct", "2002"), ("group", "-2002")):
            chat = Chat("telegram", chat_id, kind, bot_id=bot_id, thread_id="7")
            view = (await hub.record(talk.said(chat, "hello", author=ann))).session
            info = await view.info()
            names.append(None if info is None else info.scope_name)
    assert names == ["topic 7", "", "", ""]
    await hub.close()
