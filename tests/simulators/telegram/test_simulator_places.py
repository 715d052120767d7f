"""Migration, topics, channels and business accounts of the simulated Telegram."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputTextMessageContent,
    Update,
)
from telegram import InlineQueryResultArticle as Article
from telegram.error import BadRequest, ChatMigrated

from telegram_simulator import TelegramSimulator


@pytest.fixture(autouse=True)
async def everything(bot: Bot) -> None:
    """Request every kind of update before anything happens."""
    await bot.get_updates(timeout=0, allowed_updates=Update.ALL_TYPES)


async def received(bot: Bot) -> list[Update]:
    """Return the pending updates and confirm them."""
    updates = list(await bot.get_updates(timeout=0))
    if updates:
        await bot.get_updates(offset=updates[-1].update_id + 1, timeout=0)
    return updates


async def test_a_basic_group_becomes_a_supergroup_of_another_id_and_says_so_in_both(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    ann = simulator.user("Ann")
    old = simulator.group("Friends", ann, basic=True)
    await simulator.say(ann, old, "before")
    new = simulator.migrate(old)
    said = await simulator.say(ann, new, "after")
    before, going, coming, after = [update.message for update in await received(bot)]

    assert before.chat.type == "group" and after.chat.type == "supergroup"
    assert (going.chat.id, going.migrate_to_chat_id) == (old.id, new.id)
    assert (coming.chat.id, coming.migrate_from_chat_id) == (new.id, old.id)
    assert said.id < 4

    with pytest.raises(ChatMigrated) as moved:
        await bot.send_message(old.id, "to the old one")

    assert moved.value.new_chat_id == new.id
    with pytest.raises(ValueError, match="has become"):
        await simulator.say(ann, old, "too late")

    with pytest.raises(ValueError, match="only a basic group"):
        simulator.migrate(new)


async def test_a_private_chat_has_topics(simulator: TelegramSimulator, bot: Bot) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    topic = simulator.thread(dm, "plans")
    await simulator.say(ann, topic, "in the topic")
    await bot.send_message(dm.id, "you, too", message_thread_id=topic.thread_id)
    opening, inside = [update.message for update in await received(bot)]

    assert opening.forum_topic_created is not None
    assert (inside.chat.type, inside.is_topic_message) == ("private", True)
    assert inside.message_thread_id == topic.thread_id
    assert [one.text for one in simulator.messages(topic)] == ["in the topic", "you, too"]
    assert simulator.messages(dm) == []


async def test_the_bot_opens_a_topic_and_deletes_it_with_all_that_was_said(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    room = simulator.group("Friends", simulator.user("Ann"), forum=True)
    topic = await bot.create_forum_topic(room.id, "plans")
    sent = await bot.send_message(room.id, "inside", message_thread_id=topic.message_thread_id)

    assert sent.is_topic_message
    await bot.delete_forum_topic(room.id, topic.message_thread_id)

    with pytest.raises(BadRequest, match="thread not found"):
        await bot.send_message(room.id, "inside", message_thread_id=topic.message_thread_id)


async def test_a_post_appears_in_the_linked_group_whoever_posted(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    news, room = simulator.channel("News"), simulator.group("Friends")
    simulator.link(news, room)
    await simulator.post(news, "from people")
    await bot.send_message(news.id, "from the bot")
    post, *discussed = await received(bot)

    assert post.channel_post is not None
    assert [one.message.text for one in discussed] == ["from people", "from the bot"]

    for one in discussed:
        assert one.message.is_automatic_forward
        assert (one.message.chat.id, one.message.sender_chat.id, one.message.from_user.id) == (
            room.id,
            news.id,
            777000,
        )
        assert one.message.forward_origin.chat.id == news.id


async def test_people_forward_quote_and_answer_across_chats(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    ann, bob = simulator.user("Ann"), simulator.user("Bob")
    room, dm = simulator.group("Friends", ann, bob), simulator.direct_chat(bob)
    source = await simulator.say(ann, room, "meet at eight")
    await simulator.forward(bob, source, dm)
    await simulator.forward(bob, source, dm, hides_name="A.")
    await simulator.say(bob, room, "when?", reply_to=source, quote="at eight")
    await simulator.say(bob, dm, "look there", reply_to=source)
    _, shown, hidden, quoting, across = [update.message for update in await received(bot)]

    assert (shown.text, shown.from_user.id, shown.forward_origin.sender_user.id) == (
        "meet at eight",
        bob.id,
        ann.id,
    )
    assert hidden.forward_origin.sender_user_name == "A."
    assert (quoting.quote.text, quoting.quote.position) == ("at eight", 5)
    assert quoting.reply_to_message.message_id == source.id
    assert across.reply_to_message is None
    assert (across.external_reply.chat.id, across.external_reply.message_id) == (room.id, source.id)

    with pytest.raises(ValueError, match="does not say"):
        await simulator.say(bob, room, "when?", reply_to=source, quote="nine")


async def test_an_anonymous_administrator_shows_a_title(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    room = simulator.group("Friends")
    await simulator.say_as_channel(room, "quiet, please", signature="Chief")
    (update,) = await received(bot)
    assert (update.message.author_signature, update.message.sender_chat.id) == ("Chief", room.id)


async def test_a_business_account_lets_the_bot_read_answer_and_delete(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    owner, customer = simulator.user("Olga"), simulator.user("Carl")
    shop = simulator.business(owner)
    chat = simulator.business_chat(shop, customer)
    asked = await simulator.say(customer, chat, "open today?")
    await simulator.say(owner, chat, "one moment")
    await simulator.edit(asked, "open tomorrow?")
    sent = await bot.send_message(chat.id, "until eight", business_connection_id=shop.connection_id)
    await bot.edit_message_text(
        "until nine", chat.id, sent.message_id, business_connection_id=shop.connection_id
    )
    await simulator.delete(asked)
    connected, first, second, edited, deleted = await received(bot)

    assert connected.business_connection.user.id == owner.id
    assert (first.business_message.chat.id, first.business_message.from_user.id) == (
        customer.id,
        customer.id,
    )
    assert first.business_message.business_connection_id == shop.connection_id
    assert second.business_message.from_user.id == owner.id
    assert edited.edited_business_message.text == "open tomorrow?"
    assert deleted.deleted_business_messages.message_ids == (asked.id,)
    assert (sent.from_user.id, sent.sender_business_bot.id) == (owner.id, simulator.bot.id)
    assert [one.text for one in simulator.messages(chat)] == ["one moment", "until nine"]
    assert simulator.messages(simulator.direct_chat(customer)) == []
    assert (await bot.get_business_connection(shop.connection_id)).user.id == owner.id

    with pytest.raises(ValueError, match="only its owner and one other person"):
        await simulator.say(simulator.user("Bob"), chat, "hello")


async def test_a_message_by_way_of_the_bot_is_the_persons_and_edited_by_its_inline_id(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("more", callback_data="more")]])

    found = [Article("1", "One", InputTextMessageContent("one"), reply_markup=keyboard)]

    async def said(chat: Any) -> Any:
        saying = asyncio.create_task(simulator.say_by_way_of_the_bot(ann, chat, "find"))
        while not (asked := await received(bot)):
            await asyncio.sleep(0)
        await bot.answer_inline_query(asked[0].inline_query.id, found)
        return await saying

    here = await said(room)
    chosen, message = await received(bot)
    assert (message.message.via_bot.id, message.message.from_user.id) == (simulator.bot.id, ann.id)

    assert (
        await bot.edit_message_text(
            "two", inline_message_id=chosen.chosen_inline_result.inline_message_id
        )
        is True
    )
    assert here.text == "two"
    elsewhere = await said(None)
    (chosen,) = await received(bot)
    await simulator.press(ann, elsewhere, "more")
    (pressed,) = await received(bot)

    assert pressed.callback_query.message is None
    assert pressed.callback_query.inline_message_id == chosen.chosen_inline_result.inline_message_id


async def test_copies_and_forwards_of_several_answer_with_ids_and_skip_what_is_gone(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    ann = simulator.user("Ann")
    room, dm = simulator.group("Friends", ann), simulator.direct_chat(ann)
    one, gone = await simulator.say(ann, room, "one"), await simulator.say(ann, room, "gone")
    file = await simulator.say(ann, room, "a file", attachments=["a.txt"])
    await simulator.delete(gone)
    copied = await bot.copy_messages(
        dm.id, room.id, [one.id, gone.id, file.id], remove_caption=True
    )
    forwarded = await bot.forward_messages(dm.id, room.id, [one.id, file.id])

    assert [len(copied), len(forwarded)] == [2, 2]
    assert [m.text for m in simulator.messages(dm)] == ["one", "", "one", "a file"]

    with pytest.raises(BadRequest, match="strictly increasing"):
        await bot.copy_messages(dm.id, room.id, [file.id, one.id])


async def test_captions_keyboards_and_media_are_edited(
    simulator: TelegramSimulator, bot: Bot
) -> None:
    dm = simulator.direct_chat(simulator.user("Ann"))
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("more", callback_data="more")]])
    sent = await bot.send_document(
        dm.id, b"1", caption="<b>old</b>", parse_mode="HTML", filename="a.txt"
    )
    await bot.edit_message_caption(dm.id, sent.message_id, caption="new")
    shown = await bot.edit_message_reply_markup(dm.id, sent.message_id, reply_markup=keyboard)

    assert (shown.caption, shown.reply_markup) == ("new", keyboard)
    changed = await bot.edit_message_media(
        InputMediaDocument(b"2", caption="other"), dm.id, sent.message_id
    )
    assert (changed.caption, changed.document.file_id != sent.document.file_id) == ("other", True)


@pytest.mark.parametrize(
    ("send", "kind"),
    [
        (lambda bot, chat: bot.send_audio(chat, b"1", filename="a.mp3"), "audio"),
        (lambda bot, chat: bot.send_voice(chat, b"1"), "voice"),
        (lambda bot, chat: bot.send_video(chat, b"1"), "video"),
        (lambda bot, chat: bot.send_animation(chat, b"1"), "animation"),
        (lambda bot, chat: bot.send_video_note(chat, b"1"), "video_note"),
        (lambda bot, chat: bot.send_sticker(chat, b"1"), "sticker"),
        (lambda bot, chat: bot.send_location(chat, 1.5, 2.5), "location"),
        (lambda bot, chat: bot.send_venue(chat, 1.5, 2.5, "Hall", "A street"), "venue"),
        (lambda bot, chat: bot.send_contact(chat, "123", "Ann"), "contact"),
        (lambda bot, chat: bot.send_dice(chat), "dice"),
        (lambda bot, chat: bot.send_poll(chat, "tea?", ["yes", "no"]), "poll"),
    ],
)
async def test_everything_that_can_be_sent_comes_back_as_what_it_is(
    simulator: TelegramSimulator, bot: Bot, send: Any, kind: str
) -> None:
    sent = await send(bot, simulator.direct_chat(simulator.user("Ann")).id)
    assert getattr(sent, kind)


async def test_a_group_gets_a_new_title_and_says_so(simulator: TelegramSimulator, bot: Bot) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    await simulator.rename(ann, room, "Best friends")
    await simulator.say(ann, room, "hello")
    renamed, said = [update.message for update in await received(bot)]

    assert renamed.new_chat_title == "Best friends"
    assert (renamed.from_user.id, renamed.text) == (ann.id, None)
    assert {renamed.chat.title, said.chat.title} == {"Best friends"}
    assert [message.text for message in simulator.messages(room)] == ["hello"]

    with pytest.raises(ValueError, match="only a group"):
        await simulator.rename(ann, simulator.direct_chat(ann), "Ann's")
