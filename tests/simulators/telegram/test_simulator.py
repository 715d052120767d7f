"""The simulated Telegram with the real python-telegram-bot over sockets."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import telegram
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    TypeHandler,
    filters,
)
from telegram.request import HTTPXRequest

from telegram_simulator import SimulatedMessage, TelegramSimulator

Seen = list[telegram.Update]


@asynccontextmanager
async def client(simulator: TelegramSimulator) -> AsyncIterator[telegram.Bot]:
    addresses = simulator.environment()
    bot = telegram.Bot(
        simulator.token,
        base_url=addresses["TELEGRAM_BASE_URL"],
        base_file_url=addresses["TELEGRAM_BASE_FILE_URL"],
    )
    async with bot:
        yield bot


@asynccontextmanager
async def polling(
    simulator: TelegramSimulator, *handlers: Any, allowed: list[str] | None = None
) -> AsyncIterator[Application[Any, Any, Any, Any, Any, Any]]:
    addresses = simulator.environment()
    builder = ApplicationBuilder().token(simulator.token).base_url(addresses["TELEGRAM_BASE_URL"])
    app = builder.base_file_url(addresses["TELEGRAM_BASE_FILE_URL"]).build()
    app.add_handlers(handlers)

    async with app:
        await app.start()
        assert app.updater is not None
        await app.updater.start_polling(allowed_updates=allowed)
        await simulator.connected()

        try:
            yield app
        finally:
            await app.updater.stop()
            await app.stop()


def recorder(seen: Seen) -> TypeHandler[telegram.Update, Any, None]:
    async def record(update: telegram.Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        seen.append(update)

    return TypeHandler(telegram.Update, record)


async def until(is_true: Callable[[], object], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not is_true():
            await asyncio.sleep(0.01)


async def echo(update: telegram.Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    message = update.effective_message
    assert message is not None
    await message.reply_text(f"you said {message.text}")


async def test_a_real_application_polls_and_answers(simulator: TelegramSimulator) -> None:
    ann = simulator.user("Ann")
    chat = simulator.direct_chat(ann)
    async with polling(simulator, MessageHandler(filters.TEXT, echo)):
        hello = await simulator.say(ann, chat, "hello \N{GRINNING FACE}")
        answer = await simulator.answer(chat, after=hello)
        again = await simulator.say(ann, chat, "again")
        second = await simulator.answer(chat, after=again)

    assert (answer.text, answer.is_from_bot, answer.author) == (
        "you said hello \N{GRINNING FACE}",
        True,
        None,
    )
    assert second.text == "you said again"
    assert simulator.messages(chat) == [hello, answer, again, second]


BOT_OF_ANOTHER_PROCESS = """
import os
from telegram.ext import ApplicationBuilder, MessageHandler, filters

async def answer(update, context):
    await update.message.reply_text("from another process")

builder = ApplicationBuilder().token(os.environ["TELEGRAM_TOKEN"]).base_url(os.environ["TELEGRAM_BASE_URL"])
app = builder.base_file_url(os.environ["TELEGRAM_BASE_FILE_URL"]).build()
app.add_handler(MessageHandler(filters.TEXT, answer))
app.run_polling()
"""


async def test_a_bot_in_another_process_finds_it_by_the_environment(
    simulator: TelegramSimulator,
) -> None:
    ann = simulator.user("Ann")
    environment = {**os.environ, **simulator.environment()}

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOT_OF_ANOTHER_PROCESS, env=environment
    )
    try:
        await simulator.connected(timeout=30)
        said = await simulator.say(ann, simulator.direct_chat(ann), "hello")
        answer = await simulator.answer(said.chat, after=said)
        assert answer.text == "from another process"
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_command_reaches_its_handler_with_the_persons_names(
    simulator: TelegramSimulator,
) -> None:
    ann = simulator.user("Ann", username="ann_on_telegram", last_name="Lee")
    chat = simulator.direct_chat(ann)

    seen: Seen = []

    async def link(update: telegram.Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        seen.append(update)
        await context.bot.send_message(ann.id, f"arguments {context.args}")

    async with polling(simulator, CommandHandler("link", link)):
        await simulator.say(ann, chat, "please /link me")
        said = await simulator.say(ann, chat, f"/link@{simulator.bot.username} 42")
        assert (await simulator.answer(chat, after=said)).text == "arguments ['42']"

    message = seen[0].message
    assert message is not None and message.from_user is not None
    assert (message.chat.type, message.chat.id, message.message_id) == ("private", ann.id, said.id)
    assert (message.from_user.full_name, message.from_user.username) == (
        "Ann Lee",
        "ann_on_telegram",
    )
    assert message.date.timestamp() == int(said.sent_at)
    assert len(seen) == 1


async def test_updates_that_were_not_confirmed_are_delivered_again_to_the_next_client(
    simulator: TelegramSimulator,
) -> None:
    ann = simulator.user("Ann")
    await simulator.say(ann, simulator.direct_chat(ann), "one")
    await simulator.say(ann, simulator.direct_chat(ann), "two")

    async with client(simulator) as crashing:
        taken = await crashing.get_updates(timeout=1)

    async with client(simulator) as second:
        again = await second.get_updates(timeout=1)
        rest = await second.get_updates(offset=again[0].update_id + 1, timeout=0)
        nothing = await second.get_updates(offset=again[1].update_id + 1, timeout=0)

    assert [update.message.text for update in taken if update.message] == ["one", "two"]
    assert [update.update_id for update in again] == [update.update_id for update in taken]
    assert [update.update_id for update in rest] == [taken[1].update_id]
    assert nothing == ()


async def test_a_limited_or_negative_offset_poll_takes_what_is_documented(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann = simulator.user("Ann")
    for text in ("one", "two", "three"):
        await simulator.say(ann, simulator.direct_chat(ann), text)

    first = await bot.get_updates(limit=1, timeout=0)
    last = await bot.get_updates(offset=-1, timeout=0)
    assert [update.message.text for update in (*first, *last) if update.message] == ["one", "three"]
    assert len(await bot.get_updates(timeout=0)) == 1


async def test_a_long_poll_is_answered_as_soon_as_somebody_speaks(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann = simulator.user("Ann")
    poll = asyncio.create_task(bot.get_updates(timeout=20))
    await simulator.connected()
    began = time.monotonic()
    await simulator.say(ann, simulator.direct_chat(ann), "hello")

    assert len(await poll) == 1
    assert time.monotonic() - began < 2


async def test_messages_of_a_topic_carry_its_number(simulator: TelegramSimulator) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)

    seen: Seen = []

    async def answer(update: telegram.Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        seen.append(update)
        assert update.message is not None
        await update.message.reply_text("noted")

    async with polling(simulator, MessageHandler(filters.TEXT, answer)):
        topic = simulator.thread(room, "plans")
        said = await simulator.say(ann, topic, "tomorrow")
        noted = await simulator.answer(topic, after=said)
        general = await simulator.say(ann, room, "hello all")
        await simulator.answer(room, after=general)

    inside, outside = (update.message for update in seen)
    assert inside is not None and outside is not None
    assert (inside.message_thread_id, inside.is_topic_message, inside.chat.is_forum) == (
        topic.thread_id,
        True,
        True,
    )
    assert inside.chat.title == "Friends"
    assert (
        inside.reply_to_message is not None
        and inside.reply_to_message.forum_topic_created is not None
    )
    assert (outside.message_thread_id, outside.is_topic_message) == (None, None)
    assert (topic.id, noted.chat.thread_id) == (room.id, topic.thread_id)
    assert [message.text for message in simulator.messages(topic)] == ["tomorrow", "noted"]
    assert [message.text for message in simulator.messages(room)] == ["hello all", "noted"]


async def test_an_answer_of_the_bot_stands_in_the_topic_of_what_it_answers(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann = simulator.user("Ann")
    topic = simulator.thread(simulator.group("Friends", ann), "plans")
    said = await simulator.say(ann, topic, "tomorrow")
    sent = await bot.send_message(
        topic.id, "noted", reply_parameters=telegram.ReplyParameters(said.id)
    )

    assert (sent.message_thread_id, sent.is_topic_message) == (topic.thread_id, True)


async def test_a_topic_that_does_not_exist_refuses_messages(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    room = simulator.group("Friends", simulator.user("Ann"), forum=True)
    with pytest.raises(BadRequest, match=r"(?i)message thread not found"):
        await bot.send_message(room.id, "hello", message_thread_id=77)


async def test_a_reply_shows_what_it_answers_and_only_that(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann, ben = simulator.user("Ann"), simulator.user("Ben")
    room = simulator.group("Friends", ann, ben)
    question = await simulator.say(ann, room, "who comes?")
    answered = await simulator.say(ben, room, "I do", reply_to=question)
    last = await simulator.say(ann, room, "good", reply_to=answered)
    message = (await bot.get_updates(timeout=1))[2].message

    assert message is not None and message.reply_to_message is not None
    assert message.reply_to_message.text == "I do"
    assert message.reply_to_message.reply_to_message is None
    # Outside of forums, a reply starts a thread, which is not a topic.
    assert (message.message_thread_id, message.is_topic_message) == (question.id, None)
    sent = await bot.send_message(
        room.id, "see you", reply_parameters=telegram.ReplyParameters(last.id)
    )

    assert sent.reply_to_message is not None and sent.reply_to_message.text == "good"
    assert simulator.messages(room)[-1].reply_to == last


async def test_a_reply_to_a_missing_message_is_refused_unless_it_may_be_missing(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    with pytest.raises(BadRequest, match=r"(?i)message to be replied not found"):
        await bot.send_message(chat.id, "hello", reply_parameters=telegram.ReplyParameters(9))

    sent = await bot.send_message(
        chat.id,
        "hello",
        reply_parameters=telegram.ReplyParameters(9, allow_sending_without_reply=True),
    )
    assert sent.reply_to_message is None


async def test_a_person_edits_and_the_bot_is_told(simulator: TelegramSimulator) -> None:
    ann = simulator.user("Ann")
    chat = simulator.direct_chat(ann)

    seen: Seen = []
    async with polling(simulator, recorder(seen)):
        message = await simulator.say(ann, chat, "helo")
        edited = await simulator.edit(message, "hello")
        await until(lambda: len(seen) == 2)

    received = seen[1].edited_message
    assert received is not None and received.edit_date is not None
    assert (received.text, received.message_id) == ("hello", message.id)
    assert edited is message
    assert (message.text, message.edited) == ("hello", True)
    assert [standing.text for standing in simulator.messages(chat)] == ["hello"]


async def test_the_bot_edits_its_own_messages_and_no_others(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann = simulator.user("Ann")
    chat = simulator.direct_chat(ann)
    said = await simulator.say(ann, chat, "hello")
    sent = await bot.send_message(chat.id, "wait")
    edited = await bot.edit_message_text("done", chat.id, sent.message_id)

    assert isinstance(edited, telegram.Message) and edited.edit_date is not None
    assert [(line.text, line.edited) for line in simulator.messages(chat)] == [
        ("hello", False),
        ("done", True),
    ]

    with pytest.raises(BadRequest, match=r"(?i)message is not modified"):
        await bot.edit_message_text("done", chat.id, sent.message_id)

    with pytest.raises(BadRequest, match=r"(?i)can't be edited"):
        await bot.edit_message_text("mine", chat.id, said.id)

    with pytest.raises(BadRequest, match=r"(?i)message to edit not found"):
        await bot.edit_message_text("nothing", chat.id, 99)


async def test_what_the_bot_deletes_stands_no_longer(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann = simulator.user("Ann")
    chat = simulator.direct_chat(ann)
    said = await simulator.say(ann, chat, "secret")
    numbers = [
        (await bot.send_message(chat.id, text)).message_id for text in ("one", "two", "three")
    ]

    assert await bot.delete_message(chat.id, said.id)
    assert await bot.delete_messages(chat.id, [*numbers[:2], 99])
    assert [message.text for message in simulator.messages(chat)] == ["three"]

    with pytest.raises(BadRequest, match=r"(?i)message to delete not found"):
        await bot.delete_message(chat.id, said.id)


async def test_messages_older_than_two_days_cannot_be_deleted() -> None:
    now = [1_700_000_000.0]
    async with TelegramSimulator(clock=lambda: now[0]) as simulator, client(simulator) as bot:
        chat = simulator.direct_chat(simulator.user("Ann"))
        sent = await bot.send_message(chat.id, "old")
        now[0] += 48 * 3600 + 1
        with pytest.raises(BadRequest, match=r"(?i)can't be deleted"):
            await bot.delete_message(chat.id, sent.message_id)


async def test_a_person_deletes_and_the_bot_is_not_told(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann = simulator.user("Ann")
    chat = simulator.direct_chat(ann)
    await simulator.delete(await simulator.say(ann, chat, "oops"))
    assert simulator.messages(chat) == []
    assert len(await bot.get_updates(timeout=0)) == 1


@pytest.mark.parametrize(
    ("mode", "source", "text", "kinds"),
    [
        (
            "HTML",
            "<b>bold</b> &lt;<i>x</i>&gt; &amp; <code>y</code>",
            "bold <x> & y",
            ["bold", "italic", "code"],
        ),
        ("HTML", '<a href="http://a.b/?c=1&amp;d">here</a>', "here", ["text_link"]),
        ("HTML", '<pre><code class="language-python">1 &lt; 2</code></pre>', "1 < 2", ["pre"]),
        ("HTML", "  \n<b>trimmed </b>\n", "trimmed", ["bold"]),
        (
            "MarkdownV2",
            r"*bold _both_* ~gone~ \. ||no||",
            "bold both gone . no",
            "bold italic strikethrough spoiler",
        ),
        ("MarkdownV2", "```python\nx = [1]\n``` __u__", "x = [1]\n u", ["pre", "underline"]),
        (
            "MarkdownV2",
            ">quoted\n>more\nplain [a](http://a.b/\\))",
            "quoted\nmore\nplain a",
            "blockquote text_link",
        ),
        (
            "Markdown",
            r"*bold* _it_ `code` [a](http://a.b) snake\_case",
            "bold it code a snake_case",
            None,
        ),
        (None, "<b>kept</b>", "<b>kept</b>", []),
    ],
)
async def test_markup_becomes_text_and_entities(
    simulator: TelegramSimulator,
    bot: telegram.Bot,
    mode: str | None,
    source: str,
    text: str,
    kinds: Any,
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    sent = await bot.send_message(chat.id, source, parse_mode=mode)
    assert sent.text == text
    assert simulator.messages(chat)[0].text == text

    if kinds is not None:
        assert [entity.type for entity in sent.entities] == (
            kinds.split() if isinstance(kinds, str) else kinds
        )

    assert all(sent.parse_entity(entity) for entity in sent.entities)


async def test_trimming_a_text_moves_its_entities(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    by_tags = await bot.send_message(chat.id, "  \n<b>trimmed </b>\n", parse_mode="HTML")

    by_hand = await bot.send_message(
        chat.id, "  trimmed ", entities=[telegram.MessageEntity("bold", 2, 8)]
    )
    for sent in (by_tags, by_hand):
        assert list(sent.parse_entities().values()) == ["trimmed"]


async def test_entities_are_counted_in_utf16(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    sent = await bot.send_message(chat.id, "\N{GRINNING FACE}<b>x</b> /go", parse_mode="HTML")
    assert [(entity.type, entity.offset, entity.length) for entity in sent.entities] == [
        ("bold", 2, 1),
        ("bot_command", 4, 3),
    ]


@pytest.mark.parametrize(
    ("mode", "source", "reason"),
    [
        ("HTML", "<b>open", "Can't find end tag"),
        ("HTML", "<b><i>crossed</b></i>", "Unmatched end tag"),
        ("HTML", "<p>unknown</p>", 'Unsupported start tag "p"'),
        ("HTML", "1 < 2", "Unsupported start tag"),
        ("MarkdownV2", "That is all.", r"Character '\.' is reserved"),
        ("MarkdownV2", "*open", "Can't find end of Bold entity"),
        ("MarkdownV2", "`open", "Can't find end of Code entity"),
        ("Markdown", "snake_case", "Can't find end of the entity"),
        ("Prose", "x", "unsupported parse_mode"),
        (None, "   ", "message text is empty"),
        (None, "x" * 4097, "message is too long"),
    ],
)
async def test_what_telegram_cannot_parse_is_refused(
    simulator: TelegramSimulator, bot: telegram.Bot, mode: str | None, source: str, reason: str
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    with pytest.raises(BadRequest, match=rf"(?i){reason}"):
        await bot.send_message(chat.id, source, parse_mode=mode)
    assert simulator.messages(chat) == []


async def test_message_ids_repeat_between_chats(simulator: TelegramSimulator) -> None:
    ann, ben = simulator.user("Ann"), simulator.user("Ben")
    places = [
        (ann, simulator.direct_chat(ann)),
        (ben, simulator.direct_chat(ben)),
        (ann, simulator.group("Friends", ann, ben)),
    ]
    first = [await simulator.say(user, chat, "hello") for user, chat in places]

    assert [message.id for message in first] == [1, 1, 1]
    assert len(set(first)) == 3


async def test_one_person_has_one_direct_chat_with_the_persons_id(
    simulator: TelegramSimulator,
) -> None:
    ann, other = simulator.user("Ann"), simulator.user("Ann")
    assert simulator.direct_chat(ann) is simulator.direct_chat(ann)
    assert simulator.direct_chat(ann).id == ann.id != other.id
    assert simulator.group("Friends", ann).id < -(10**12)


async def test_a_wrong_token_is_refused(simulator: TelegramSimulator) -> None:
    stranger = telegram.Bot(
        "7000000001:other", base_url=simulator.environment()["TELEGRAM_BASE_URL"]
    )
    # Older versions of python-telegram-bot leave the request open after a refusal.
    async with stranger.request:
        with pytest.raises(InvalidToken):
            await stranger.get_me()

    assert simulator.calls == []


async def test_a_second_poller_ends_the_first_with_a_conflict(simulator: TelegramSimulator) -> None:
    ann = simulator.user("Ann")
    async with client(simulator) as first, client(simulator) as second:
        waiting = asyncio.create_task(first.get_updates(timeout=20))
        await simulator.connected()
        newer = asyncio.create_task(second.get_updates(timeout=20))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await asyncio.wait_for(waiting, 5)
        await simulator.say(ann, simulator.direct_chat(ann), "hello")
        assert len(await asyncio.wait_for(newer, 5)) == 1


async def test_stopping_is_quick_while_a_client_polls() -> None:
    simulator = TelegramSimulator()
    await simulator.start()

    async with client(simulator) as bot:
        poll = asyncio.create_task(bot.get_updates(timeout=30))
        await simulator.connected()
        began = time.monotonic()
        await simulator.stop()
        await asyncio.wait({poll}, timeout=5)

        assert time.monotonic() - began < 2
        assert poll.done()
        assert poll.exception() is not None or poll.result() == ()

        with pytest.raises(NetworkError):
            await bot.get_me()

    await simulator.stop()


async def test_started_again_it_has_the_same_address_and_the_updates_that_wait() -> None:
    simulator = TelegramSimulator()
    ann = simulator.user("Ann")
    async with simulator:
        addresses = simulator.environment()
        await simulator.say(ann, simulator.direct_chat(ann), "before")

    await simulator.say(ann, simulator.direct_chat(ann), "meanwhile")
    async with simulator, client(simulator) as bot:
        assert simulator.environment() == addresses
        assert len(await bot.get_updates(timeout=0)) == 2


async def test_nobody_is_connected_after_the_client_has_gone(simulator: TelegramSimulator) -> None:
    async with polling(simulator):
        await simulator.connected(timeout=1)
    with pytest.raises(TimeoutError, match="getMe"):
        await simulator.connected(timeout=0.2)


async def test_a_client_that_is_cut_off_in_a_poll_is_not_connected(
    simulator: TelegramSimulator,
) -> None:
    async with client(simulator) as bot:
        poll = asyncio.create_task(bot.get_updates(timeout=20))
        await simulator.connected()
        poll.cancel()
        await asyncio.wait({poll})

    await asyncio.sleep(0.1)
    with pytest.raises(TimeoutError):
        await simulator.connected(timeout=0.2)


async def test_an_anonymous_admin_speaks_as_the_group(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    room = simulator.group("Friends", simulator.user("Ann"))
    said = await simulator.say_as_channel(room, "the rules")
    message = (await bot.get_updates(timeout=1))[0].message

    assert message is not None and message.from_user is not None and message.sender_chat is not None
    assert (message.from_user.id, message.from_user.username) == (1087968824, "GroupAnonymousBot")
    assert (message.sender_chat.id, message.chat.id) == (room.id, room.id)
    assert (said.author, said.is_from_bot) == (None, False)


async def test_a_person_speaks_in_a_group_as_a_channel(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    room, news = simulator.group("Friends", simulator.user("Ann")), simulator.channel("News")
    await simulator.say_as_channel(room, "read us", channel=news)
    message = (await bot.get_updates(timeout=1))[0].message

    assert message is not None and message.from_user is not None and message.sender_chat is not None
    assert (message.from_user.id, message.from_user.is_bot) == (136817688, True)
    assert (message.sender_chat.id, message.sender_chat.type) == (news.id, "channel")


async def test_a_channel_post_has_a_channel_and_no_person(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    news = simulator.channel("News", username="the_news")
    post = await simulator.post(news, "first")
    await simulator.edit(post, "second")
    posted, edited = await bot.get_updates(timeout=1)

    assert (
        posted.message is None and posted.channel_post is not None and posted.effective_user is None
    )
    assert (posted.channel_post.text, posted.channel_post.chat.id) == ("first", news.id)
    assert edited.edited_channel_post is not None and edited.edited_channel_post.text == "second"
    sent = await bot.send_message("@the_news", "by the bot")

    assert sent.from_user is None and sent.sender_chat is not None and sent.chat.id == news.id
    assert simulator.messages(news)[-1].is_from_bot


async def test_a_media_group_is_several_messages_of_one_album(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    photos = [telegram.InputMediaPhoto(b"one", caption="<b>two</b> days", parse_mode="HTML")]
    sent = await bot.send_media_group(chat.id, [*photos, telegram.InputMediaPhoto(b"two")])

    assert len({message.media_group_id for message in sent}) == 1 and sent[0].media_group_id
    assert [message.caption for message in sent] == ["two days", None]
    assert len({message.photo[-1].file_unique_id for message in sent}) == 2
    assert [message.text for message in simulator.messages(chat)] == ["two days", ""]


async def test_a_document_can_be_sent_again_and_downloaded(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    sent = await bot.send_document(chat.id, b"a,b\n", filename="table.csv", caption="numbers")
    assert sent.document is not None and sent.caption == "numbers"
    assert (sent.document.file_name, sent.document.file_size) == ("table.csv", 4)
    again = await bot.send_document(chat.id, sent.document.file_id)

    assert (
        again.document is not None and again.document.file_unique_id == sent.document.file_unique_id
    )
    file = await bot.get_file(sent.document.file_id)
    assert bytes(await file.download_as_bytearray()) == b"a,b\n"

    with pytest.raises(BadRequest, match=r"(?i)wrong file identifier"):
        await bot.send_document(chat.id, "no-such-file")


async def test_people_send_files_alone_and_as_albums(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann = simulator.user("Ann")
    chat = simulator.direct_chat(ann)
    await simulator.say(ann, chat, "look", attachments=["cat.jpg", ("dog.png", b"woof")])
    await simulator.say(ann, chat, "", attachments=["list.txt"])
    first, second, third = (update.message for update in await bot.get_updates(timeout=1))

    assert first is not None and second is not None and third is not None
    assert (first.caption, first.text, second.caption) == ("look", None, None)
    assert (
        first.photo and second.photo and first.media_group_id == second.media_group_id is not None
    )
    assert (
        third.document is not None
        and third.document.file_name == "list.txt"
        and third.media_group_id is None
    )


async def test_a_429_says_how_long_to_wait_and_only_once(
    simulator: TelegramSimulator, bot: telegram.Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # otherwise the library warns
    chat = simulator.direct_chat(simulator.user("Ann"))
    simulator.fail_next("sendMessage", error_code=429, retry_after=3)

    with pytest.raises(RetryAfter) as error:
        await bot.send_message(chat.id, "hello")

    # Seconds, up to version 22.1 of python-telegram-bot.
    assert error.value.retry_after in (3, timedelta(seconds=3))
    assert simulator.messages(chat) == []
    await bot.send_message(chat.id, "hello")

    assert [message.text for message in simulator.messages(chat)] == ["hello"]


async def test_a_failure_needs_the_code_of_an_error(simulator: TelegramSimulator) -> None:
    with pytest.raises(ValueError, match="200 is no code of an error"):
        simulator.fail_next("getMe", error_code=200)


async def test_a_failure_after_the_effect_loses_the_answer_alone(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    simulator.fail_next("sendmessage", error_code=502, after_effect=True)
    with pytest.raises(NetworkError, match="Bad Gateway"):
        await bot.send_message(chat.id, "hello")
    assert [message.text for message in simulator.messages(chat)] == ["hello"]


@pytest.mark.parametrize("same_update", [True, False])
async def test_a_repeated_message_arrives_twice(
    simulator: TelegramSimulator, same_update: bool
) -> None:
    ann = simulator.user("Ann")
    chat = simulator.direct_chat(ann)

    seen: Seen = []
    async with polling(simulator, recorder(seen)):
        first = await simulator.say(ann, chat, "once")
        await simulator.say(ann, chat, "between")
        await until(lambda: len(seen) == 2)
        await simulator.repeat(first, same_update=same_update)
        await until(lambda: len(seen) == 3)
        await simulator.say(ann, chat, "last")
        await until(lambda: len(seen) == 4)
        await asyncio.sleep(0.1)

    assert [update.message.text for update in seen if update.message] == [
        "once",
        "between",
        "once",
        "last",
    ]
    assert (seen[0].update_id == seen[2].update_id) is same_update
    assert len(simulator.messages(chat)) == 3


async def test_a_repeat_before_the_first_delivery_arrives_after_it(
    simulator: TelegramSimulator,
) -> None:
    ann = simulator.user("Ann")
    seen: Seen = []
    await simulator.repeat(await simulator.say(ann, simulator.direct_chat(ann), "once"))

    async with polling(simulator, recorder(seen)):
        await until(lambda: len(seen) == 2)

    assert seen[0].update_id == seen[1].update_id


async def test_updates_that_were_not_asked_for_are_not_sent(simulator: TelegramSimulator) -> None:
    ann = simulator.user("Ann")
    seen: Seen = []
    async with polling(simulator, recorder(seen), allowed=["message"]):
        message = await simulator.say(ann, simulator.direct_chat(ann), "helo")
        await simulator.edit(message, "hello")
        await simulator.say(ann, simulator.direct_chat(ann), "bye")
        await until(lambda: len(seen) == 2)

    assert all(update.edited_message is None for update in seen)


async def test_forwards_name_their_origin_and_copies_do_not(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann, ben = simulator.user("Ann"), simulator.user("Ben")
    said = await simulator.say(ann, simulator.direct_chat(ann), "news")
    target = simulator.direct_chat(ben)
    forwarded = await bot.forward_message(target.id, ann.id, said.id)
    copied = await bot.copy_message(target.id, ann.id, said.id)

    assert [message.id for message in simulator.messages(target)] == [
        forwarded.message_id,
        copied.message_id,
    ]
    assert isinstance(forwarded.forward_origin, telegram.MessageOriginUser)
    assert (forwarded.forward_origin.sender_user.id, forwarded.text) == (ann.id, "news")
    copy_of_forward = await bot.copy_message(target.id, target.id, forwarded.message_id)
    again = await bot.forward_message(ann.id, target.id, copy_of_forward.message_id)

    assert isinstance(again.forward_origin, telegram.MessageOriginUser)
    assert again.forward_origin.sender_user.id == simulator.bot.id


async def test_a_pressed_button_is_a_callback_query_that_is_answered_once(
    simulator: TelegramSimulator,
) -> None:
    ann = simulator.user("Ann")
    chat = simulator.direct_chat(ann)
    keyboard = telegram.InlineKeyboardMarkup(
        [[telegram.InlineKeyboardButton("Yes", callback_data="y")]]
    )

    refused: list[str] = []

    async def pressed(update: telegram.Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        query = update.callback_query
        assert query is not None
        await query.answer()

        try:
            await query.answer()
        except BadRequest as error:
            refused.append(error.message)

        await query.edit_message_text(f"{query.from_user.first_name} chose {query.data}")

    async with polling(simulator, CallbackQueryHandler(pressed)) as app:
        await app.bot.send_message(chat.id, "Sure?", reply_markup=keyboard)
        asked = await simulator.answer(chat)
        await simulator.press(ann, asked, "Yes")
        await until(lambda: simulator.messages(chat)[0].edited)

    assert simulator.messages(chat)[0].text == "Ann chose y"
    assert refused[0].startswith("Query is too old")

    with pytest.raises(ValueError, match="no button 'Yes'"):
        await simulator.press(ann, asked, "Yes")


async def test_the_account_and_chats_are_described(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    room = simulator.group("Friends", simulator.user("Ann"))
    commands = [("link", "Join two accounts")]
    assert (await bot.get_me()).username == "SimulatedBot"
    assert (await bot.get_chat(room.id)).title == "Friends"
    assert await bot.set_my_commands(commands)
    assert [
        (command.command, command.description) for command in await bot.get_my_commands()
    ] == commands
    assert await bot.get_my_commands(language_code="de") == ()
    assert await bot.send_chat_action(room.id, "typing")
    assert (await bot.get_webhook_info()).url == ""
    assert await bot.set_webhook("")


async def test_pending_updates_can_be_dropped(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann = simulator.user("Ann")
    await simulator.say(ann, simulator.direct_chat(ann), "missed")
    assert (await bot.get_webhook_info()).pending_update_count == 1
    await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.get_updates(timeout=0) == ()


async def test_the_bot_cannot_write_to_strangers(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann = simulator.user("Ann")
    with pytest.raises(Forbidden, match=r"(?i)can't initiate conversation"):
        await bot.send_message(ann.id, "hello")
    with pytest.raises(BadRequest, match=r"(?i)chat not found"):
        await bot.send_message(5, "hello")


async def test_an_unknown_method_says_that_it_is_not_simulated(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    with pytest.raises(InvalidToken, match="method setMyName is not simulated"):
        await bot.set_my_name("Arthur")


async def test_calls_are_seen_with_their_parameters(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    await bot.send_message(chat.id, "hello")
    assert simulator.calls == [
        ("getMe", {}),
        ("sendMessage", {"chat_id": str(chat.id), "text": "hello"}),
    ]


async def test_an_answer_that_does_not_come_is_reported_with_the_chat(
    simulator: TelegramSimulator,
) -> None:
    ann = simulator.user("Ann")
    chat = simulator.direct_chat(ann)

    said = await simulator.say(ann, chat, "anybody?")
    with pytest.raises(TimeoutError, match=r"'Ann'.*anybody\?"):
        await simulator.answer(chat, after=said, timeout=0.05)

    assert await simulator.quiet(chat, seconds=0.01) == []


@pytest.mark.parametrize(
    "text", ["a\0b", "lone \ud83d surrogate", "\u202eabc", "x" * 4096, "\N{GRINNING FACE}" * 4096]
)
async def test_any_text_reaches_the_bot(
    simulator: TelegramSimulator, bot: telegram.Bot, text: str
) -> None:
    ann = simulator.user("Ann")
    await simulator.say(ann, simulator.direct_chat(ann), text)
    message = (await bot.get_updates(timeout=1))[0].message
    assert message is not None and message.text == text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"chat_id": %d, "text": "json"}', "application/json", 200),
        (b"chat_id=%d&text=form+%%F0%%9F%%98%%80%%00", "application/x-www-form-urlencoded", 200),
        (b'{"chat_id": %d, "text": "\\ud800"}', "application/json", 400),
        (b"[%d]", "application/json", 400),
        (b"{%d", "application/json", 400),
        (b"chat_id=%d&text=\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"%d without boundary", "multipart/form-data", 400),
        (b"chat_id=1e999.0%d&text=x", "application/x-www-form-urlencoded", 400),
    ],
)
async def test_bodies_of_all_kinds_are_read_or_refused(
    simulator: TelegramSimulator, body: bytes, kind: str, status: int
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    address = f"{simulator.environment()['TELEGRAM_BASE_URL']}{simulator.token}/sendMessage"
    async with aiohttp.ClientSession() as http:
        async with http.post(
            address, data=body % chat.id, headers={"Content-Type": kind}
        ) as response:
            assert (response.status, (await response.json())["ok"]) == (status, status == 200)

        async with http.get(
            address, params={"chat_id": str(chat.id), "text": "by query"}
        ) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    "act",
    [
        lambda simulator, ann, ben: simulator.say(ben, simulator.direct_chat(ann), "not my chat"),
        lambda simulator, ann, ben: simulator.say(
            ann, simulator.channel("News"), "no person posts"
        ),
        lambda simulator, ann, ben: simulator.say(ann, simulator.direct_chat(ann), ""),
        lambda simulator, ann, ben: simulator.say(ann, simulator.direct_chat(ann), "x" * 4097),
        lambda simulator, ann, ben: simulator.post(simulator.direct_chat(ann), "no channel"),
    ],
)
async def test_what_people_cannot_do_is_an_error_of_the_caller(
    simulator: TelegramSimulator, act: Callable[..., Awaitable[SimulatedMessage]]
) -> None:
    with pytest.raises(ValueError):
        await act(simulator, simulator.user("Ann"), simulator.user("Ben"))


async def test_a_client_with_many_connections_is_served_in_parallel(
    simulator: TelegramSimulator,
) -> None:
    chat = simulator.direct_chat(simulator.user("Ann"))
    addresses = simulator.environment()

    bot = telegram.Bot(
        simulator.token,
        addresses["TELEGRAM_BASE_URL"],
        request=HTTPXRequest(connection_pool_size=32, pool_timeout=10),
    )
    async with bot:
        sent = await asyncio.gather(
            *(bot.send_message(chat.id, str(number)) for number in range(100))
        )

    assert sorted(message.message_id for message in sent) == list(range(1, 101))


async def test_people_share_what_is_neither_text_nor_a_file(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann, bob = simulator.user("Ann"), simulator.user("Bob")
    room, dm = simulator.group("Friends", ann), simulator.direct_chat(ann)
    shared = await simulator.share(ann, room, contact={"phone_number": "1", "first_name": "Bob"})
    await simulator.forward(ann, shared, dm)
    messages = [update.message for update in await bot.get_updates(timeout=0)]

    assert [message.contact.first_name for message in messages] == ["Bob", "Bob"]
    assert [message.from_user.id for message in messages] == [ann.id, ann.id]
    with pytest.raises(ValueError, match="only its own person"):
        await simulator.share(bob, dm, dice={"emoji": "🎲", "value": 1})


async def test_people_format_their_texts_and_captions(
    simulator: TelegramSimulator, bot: telegram.Bot
) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    link = {"type": "text_link", "offset": 3, "length": 4, "url": "https://example.org/"}
    await simulator.say(ann, dm, "🐈 here /start", entities=[link])
    await simulator.say(ann, dm, "🐈 here", attachments=["a.png", "b.png"], entities=[link])
    text, first, second = [update.message for update in await bot.get_updates(timeout=0)]

    assert list(text.parse_entities().values()) == ["here", "/start"]
    assert text.entities[0].url == "https://example.org/"
    assert list(first.parse_caption_entities().values()) == ["here"]
    assert not second.caption_entities
