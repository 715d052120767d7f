"""Where people talk with a Telegram bot besides chats and groups: topics, channels, businesses; and
groups that move.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputTextMessageContent,
    Update,
)
from telegram.error import ChatMigrated
from telegram.ext import (
    CallbackQueryHandler,
    ChosenInlineResultHandler,
    InlineQueryHandler,
    TypeHandler,
)

from session_plugin import Chat, SessionHub, SessionView


async def echo(turn: Any) -> None:
    await turn.say(f"you said {turn.text}")


def words(history: list[Any]) -> list[tuple[str, str]]:
    return [(one.role, one.content) for one in history]


async def history_of(view: SessionView, *, count: int) -> list[Any]:
    """Wait until a session has so many messages, and give them."""
    async with asyncio.timeout(20):
        while len(history := await view.history(limit=None)) < count:
            await asyncio.sleep(0.01)
    return history


# Topics


async def test_the_topics_of_a_private_chat_are_one_conversation_with_its_person(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    topic = on_telegram.simulator.thread(dm, "plans")
    async with on_telegram.running(hub, echo):
        await on_telegram.ask(ann, dm, "outside")
        await on_telegram.ask(ann, topic, "inside")
        history = await on_telegram.history(hub, dm, count=4)
    assert [one.content for one in history] == [
        "outside",
        "you said outside",
        "inside",
        "you said inside",
    ]
    assert [one.chat.thread_id for one in history] == [
        "",
        "",
        str(topic.thread_id),
        str(topic.thread_id),
    ]
    assert {one.person for one in history} == {on_telegram.account(ann)}


async def test_a_deleted_topic_leaves_the_rest_of_its_group(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        if turn.text == "away with it":
            await turn.message.get_bot().delete_forum_topic(turn.message.chat_id, topic.thread_id)
            await turn.say("done")

    ann = on_telegram.simulator.user("Ann")
    room = on_telegram.simulator.group("Friends", ann)
    topic = on_telegram.simulator.thread(room, "plans")
    async with on_telegram.running(hub, answer):
        await on_telegram.simulator.say(ann, topic, "secret")
        await on_telegram.history(hub, topic, count=1)
        await on_telegram.ask(ann, room, "away with it")
        history = await on_telegram.history(hub, room, count=2)
        assert await on_telegram.history(hub, topic, count=0) == []
    assert [one.content for one in history] == ["away with it", "done"]


# What is not the sender's own words, and what is replied to


async def test_a_persons_forward_is_theirs_and_marked(on_telegram: Any, hub: SessionHub) -> None:
    ann, bob = on_telegram.simulator.user("Ann"), on_telegram.simulator.user("Bob")
    room, dm = (
        on_telegram.simulator.group("Friends", ann, bob),
        on_telegram.simulator.direct_chat(bob),
    )
    async with on_telegram.running(hub):
        said = await on_telegram.simulator.say(ann, room, "meet at eight")
        await on_telegram.simulator.forward(bob, said, dm)
        await on_telegram.simulator.forward(bob, said, dm, hides_name="A.")
        shown, hidden = await on_telegram.history(hub, dm, count=2)
    assert (shown.content, shown.person, shown.metadata) == (
        "meet at eight",
        on_telegram.account(bob),
        {"forwarded_from": "Ann"},
    )
    assert hidden.metadata == {"forwarded_from": "A."}


async def test_a_quote_and_a_reply_across_chats_are_noted(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    room, dm = on_telegram.simulator.group("Friends", ann), on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub):
        said = await on_telegram.simulator.say(ann, room, "meet at eight")
        await on_telegram.simulator.say(ann, room, "when?", reply_to=said, quote="at eight")
        await on_telegram.simulator.say(ann, dm, "see there", reply_to=said)
        _, quoting = await on_telegram.history(hub, room, count=2)
        (across,) = await on_telegram.history(hub, dm, count=1)
    quote = {"text": "at eight", "chat_id": str(room.id), "message_id": str(said.id)}
    assert (quoting.reply_to, quoting.metadata) == (str(said.id), {"quote": quote})
    assert across.reply_to is None
    assert across.metadata == {"replies_to": {"chat_id": str(room.id), "message_id": str(said.id)}}


# Nobody's user


async def test_two_anonymous_administrators_are_nobody_and_not_one_user(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        assert turn.session.account is None
        assert await turn.session.identity() is None
        await turn.say(f"you said {turn.text}")

    rooms = [on_telegram.simulator.group(name) for name in ("Friends", "Others")]
    async with on_telegram.running(hub, answer):
        for room in rooms:
            said = await on_telegram.simulator.say_as_channel(
                room, "quiet, please", signature="Chief"
            )
            await on_telegram.simulator.answer(room, after=said)
            history = await on_telegram.history(hub, room, count=2)
            assert [(one.author_name, one.person) for one in history] == [
                (f"{room.name} (Chief)", None),
                ("Marvin", None),
            ]


async def test_a_channels_post_is_kept_there_and_in_its_linked_group_as_nobodys(
    on_telegram: Any, hub: SessionHub
) -> None:
    accounts: list[Any] = []

    async def answer(turn: Any) -> None:
        if turn.session is not None:
            accounts.append(turn.session.account)

    news, room = on_telegram.simulator.channel("News"), on_telegram.simulator.group("Friends")
    on_telegram.simulator.link(news, room)
    async with on_telegram.running(hub, answer) as app:
        await on_telegram.simulator.post(news, "from people")
        await app.bot.send_message(news.id, "from the bot")
        posts, discussed = [await on_telegram.history(hub, chat, count=2) for chat in (news, room)]
    assert words(posts) == [("user", "from people"), ("assistant", "from the bot")]
    assert words(discussed) == [("user", "from people"), ("user", "from the bot")]
    assert accounts == [
        None,
        None,
    ]  # and not 777000, Telegram's own account, which all such posts come from
    marks = {(one.author_name, one.person, one.metadata["forwarded_from"]) for one in discussed}
    assert marks == {("News", None, "News")}


# Businesses


async def test_a_businesss_chat_is_apart_from_its_customers_own_chat_with_the_bot(
    on_telegram: Any, hub: SessionHub
) -> None:
    owner, carl = on_telegram.simulator.user("Olga"), on_telegram.simulator.user("Carl")
    shop = on_telegram.simulator.business(owner)
    chat, dm = (
        on_telegram.simulator.business_chat(shop, carl),
        on_telegram.simulator.direct_chat(carl),
    )
    seen: list[Any] = []

    async def answer(update: Update, context: Any) -> None:
        if update.business_message is not None:
            seen.append(
                (context.session.account, [one.content for one in await context.session.history()])
            )
            await update.business_message.reply_text(
                f"the shop heard {update.business_message.text}"
            )

    view = hub.session_of(
        Chat("telegram", f"{shop.connection_id}:{carl.id}", "group", bot_id=on_telegram.bot_id),
        None,
    )
    async with on_telegram.running(hub, echo) as app:
        app.add_handler(TypeHandler(Update, answer), group=1)
        asked = await on_telegram.simulator.say(carl, chat, "open today?")
        await on_telegram.simulator.answer(chat, after=asked)
        typed = await on_telegram.simulator.say(owner, chat, "this is Olga")
        await on_telegram.simulator.answer(chat, after=typed)
        await on_telegram.ask(carl, dm, "between us")
        own = await on_telegram.history(hub, dm, count=2)
        history = await history_of(view, count=4)
    assert [one.content for one in own] == ["between us", "you said between us"]
    assert [(one.role, one.content, one.person) for one in history] == [
        ("user", "open today?", on_telegram.account(carl)),
        ("assistant", "the shop heard open today?", on_telegram.account(carl)),
        ("user", "this is Olga", on_telegram.account(owner)),
        ("assistant", "the shop heard this is Olga", on_telegram.account(carl)),
    ]
    assert seen[0] == (on_telegram.account(carl), ["open today?"])


@pytest.mark.filterwarnings(
    "ignore:Please use 'Bot.deleteBusinessMessages'"
)  # which older versions do not have
async def test_edits_and_deletions_in_a_businesss_chat_are_followed(
    on_telegram: Any, hub: SessionHub
) -> None:
    owner, carl = on_telegram.simulator.user("Olga"), on_telegram.simulator.user("Carl")
    shop = on_telegram.simulator.business(owner)
    chat = on_telegram.simulator.business_chat(shop, carl)
    view = hub.session_of(
        Chat("telegram", f"{shop.connection_id}:{carl.id}", "group", bot_id=on_telegram.bot_id),
        None,
    )

    async def answer(update: Update, context: Any) -> None:
        if update.business_message is not None and update.business_message.text == "last":
            sent = await update.business_message.reply_text("goodbye")
            named = {"business_connection_id": shop.connection_id, "message_ids": [sent.message_id]}
            await context.bot.do_api_request("deleteBusinessMessages", api_kwargs=named)
            assert "goodbye" not in [one.content for one in await context.session.history()]
            await update.business_message.reply_text("done")

    async with on_telegram.running(hub) as app:
        app.add_handler(TypeHandler(Update, answer), group=1)
        one, two, _ = [
            await on_telegram.simulator.say(carl, chat, text) for text in ("one", "two", "three")
        ]
        await history_of(view, count=3)
        await on_telegram.simulator.edit(one, "one, edited")
        await on_telegram.simulator.delete(two)
        await on_telegram.simulator.say(carl, chat, "last")
        await on_telegram.told(chat, "done")
        history = await history_of(view, count=4)
    assert [one.content for one in history] == ["one, edited", "three", "last", "done"]


# Inline mode


async def test_words_by_way_of_the_bot_are_the_persons_and_their_inline_edits_are_nobodys(
    on_telegram: Any, hub: SessionHub, errors: Any, until: Any
) -> None:
    ann = on_telegram.simulator.user("Ann")
    room = on_telegram.simulator.group("Friends", ann)
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("more", callback_data="more")]])
    sessions: list[Any] = []

    async def offer(update: Update, context: Any) -> None:
        content = InputTextMessageContent("found it")
        await update.inline_query.answer(
            [InlineQueryResultArticle("1", "One", content, reply_markup=keyboard)]
        )

    async def chosen(update: Update, context: Any) -> None:
        sessions.append(context.session)
        number = update.chosen_inline_result.inline_message_id
        assert await context.bot.edit_message_text(
            "found more", inline_message_id=number, reply_markup=keyboard
        )

    async def pressed(update: Update, context: Any) -> None:
        sessions.append(context.session)
        await update.callback_query.answer()
        await update.callback_query.edit_message_text("found all")

    async with on_telegram.running(hub) as app:
        app.add_handlers(
            [
                InlineQueryHandler(offer),
                ChosenInlineResultHandler(chosen),
                CallbackQueryHandler(pressed),
            ]
        )
        said = await on_telegram.simulator.say_by_way_of_the_bot(ann, room, "it")
        await until(lambda: said.text == "found more")
        await on_telegram.simulator.press(ann, said, "more")
        await until(lambda: said.text == "found all")
        (one,) = await on_telegram.history(hub, room, count=1)
    assert (one.role, one.content, one.person) == ("user", "found it", on_telegram.account(ann))
    assert one.metadata == {"via_bot": "Marvin"}
    assert sessions == [None, None]
    assert errors() == []


# Groups that become supergroups


@pytest.mark.parametrize(("tells_old", "tells_new"), [(True, True), (True, False), (False, True)])
async def test_a_group_that_becomes_a_supergroup_keeps_its_session(
    on_telegram: Any, hub: SessionHub, tells_old: bool, tells_new: bool
) -> None:
    ann = on_telegram.simulator.user("Ann")
    old = on_telegram.simulator.group("Friends", ann, basic=True)
    async with on_telegram.running(hub, echo):
        await on_telegram.ask(ann, old, "before")
        await on_telegram.history(hub, old, count=2)
        new = on_telegram.simulator.migrate(old, tells_old=tells_old, tells_new=tells_new)
        await on_telegram.ask(ann, new, "after")
        history = await on_telegram.history(hub, new, count=4)
    assert [one.content for one in history] == [
        "before",
        "you said before",
        "after",
        "you said after",
    ]
    assert [one.chat.chat_id for one in history] == [str(old.id)] * 2 + [str(new.id)] * 2


async def test_a_refused_send_to_the_old_group_moves_its_session_and_raises_as_ever(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    old = on_telegram.simulator.group("Friends", ann, basic=True)
    async with on_telegram.running(hub, echo) as app:
        await on_telegram.ask(ann, old, "before")
        await on_telegram.history(hub, old, count=2)
        new = on_telegram.simulator.migrate(old, tells_old=False, tells_new=False)
        with pytest.raises(ChatMigrated) as moved:
            await app.bot.send_message(old.id, "to the old one")
        await app.bot.send_message(moved.value.new_chat_id, "to the new one")
        history = await on_telegram.history(hub, new, count=3)
    assert [one.content for one in history] == ["before", "you said before", "to the new one"]


async def test_a_refused_copy_from_the_old_group_moves_nothing(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    old, other = (
        on_telegram.simulator.group("Friends", ann, basic=True),
        on_telegram.simulator.group("Others", ann),
    )
    async with on_telegram.running(hub) as app:
        said = await on_telegram.simulator.say(ann, old, "before")
        await on_telegram.simulator.say(ann, other, "elsewhere")
        await on_telegram.history(hub, other, count=1)
        new = on_telegram.simulator.migrate(old, tells_old=False, tells_new=False)
        with pytest.raises(ChatMigrated):
            await app.bot.copy_message(other.id, old.id, said.id)
        await app.bot.send_message(new.id, "to the new one")
        (moved,) = await on_telegram.history(hub, new, count=1)
        (kept,) = await on_telegram.history(hub, other, count=1)
    assert (moved.content, kept.content) == ("to the new one", "elsewhere")
