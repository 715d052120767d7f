"""Copies and forwards of a Telegram bot, of which mostly only ids come back: kept with the words of
what they repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from telegram import Bot, ReplyParameters

from session_plugin import SessionHub
from session_plugin_telegram.markup import plain

Act = Callable[[Any, Bot], Awaitable[object]]


async def kept(
    on_telegram: Any, hub: SessionHub, act: Act, *, count: int, attachments: Any = ()
) -> Any:
    """Let Ann say something in a group that the bot then repeats in her direct chat; give what is
    stored there.
    """
    ann = on_telegram.simulator.user("Ann")
    room, dm = on_telegram.simulator.group("Friends", ann), on_telegram.simulator.direct_chat(ann)

    async def answer(turn: Any) -> None:
        await act(turn.message, turn.message.get_bot())

    async with on_telegram.running(hub, answer):
        await on_telegram.simulator.say(ann, room, "the words", attachments=attachments)
        history = await on_telegram.history(hub, dm, count=count)
        standing = on_telegram.simulator.messages(dm)
        assert [one.message_id for one in history] == [str(one.id) for one in standing]
        assert [one.content for one in history] == [one.text for one in standing]
        assert {(one.role, one.person, one.author_name) for one in history} == {
            ("assistant", on_telegram.account(ann), "Marvin")
        }
    return history


def dm_of(message: Any) -> int:
    return message.from_user.id


async def test_a_copy_has_the_words_of_what_it_copies(on_telegram: Any, hub: SessionHub) -> None:
    (copy,) = await kept(on_telegram, hub, lambda message, _: message.copy(dm_of(message)), count=1)
    assert (copy.content, copy.metadata) == ("the words", {"copied_from": "Ann"})


async def test_a_copy_with_a_new_caption_has_that_one_without_its_markup(
    on_telegram: Any, hub: SessionHub
) -> None:
    def act(message: Any, _: Bot) -> Any:
        return message.copy(dm_of(message), caption="<b>other</b> &amp; more", parse_mode="HTML")

    (copy,) = await kept(on_telegram, hub, act, count=1, attachments=["a.txt"])
    assert (copy.content, copy.attachments[0].filename) == ("other & more", "a.txt")


async def test_several_copies_without_captions_are_kept_as_such(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def act(message: Any, bot: Bot) -> None:
        if message.caption:  # the first of the album
            other = await bot.send_message(message.chat_id, "in between")
            ids = [message.message_id, other.message_id]
            await bot.copy_messages(dm_of(message), message.chat_id, ids, remove_caption=True)

    copies = await kept(on_telegram, hub, act, count=2, attachments=["a.png"])
    assert [(one.content, len(one.attachments)) for one in copies] == [("", 1), ("in between", 0)]


async def test_a_forward_is_marked_with_whom_it_is_of(on_telegram: Any, hub: SessionHub) -> None:
    (one,) = await kept(
        on_telegram, hub, lambda message, _: message.forward(dm_of(message)), count=1
    )
    assert one.metadata == {"forwarded_from": "Ann"}


async def test_several_forwards_are_marked_with_whom_they_are_of(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def act(message: Any, bot: Bot) -> None:
        own = await bot.send_message(message.chat_id, "my own")
        await bot.forward_messages(
            dm_of(message), message.chat_id, [message.message_id, own.message_id]
        )

    forwards = await kept(on_telegram, hub, act, count=2)
    assert [one.metadata["forwarded_from"] for one in forwards] == ["Ann", "Marvin"]


async def test_a_copy_is_found_by_its_handler_at_once(on_telegram: Any, hub: SessionHub) -> None:
    seen: list[str] = []

    async def answer(turn: Any) -> None:
        await turn.message.copy(turn.message.chat_id)
        seen.extend(one.content for one in await turn.session.history())

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        await on_telegram.simulator.say(ann, dm, "echo")
        await on_telegram.history(hub, dm, count=2)
    assert seen == ["echo", "echo"]


async def test_a_copy_that_replies_in_a_topic_is_the_topics(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        reply = ReplyParameters(turn.message.message_id)
        bot, chat_id = turn.message.get_bot(), turn.message.chat_id
        await bot.copy_message(chat_id, chat_id, turn.message.message_id, reply_parameters=reply)

    ann = on_telegram.simulator.user("Ann")
    topic = on_telegram.simulator.thread(on_telegram.simulator.group("Friends", ann), "plans")
    async with on_telegram.running(hub, answer):
        said = await on_telegram.simulator.say(ann, topic, "echo")
        history = await on_telegram.history(hub, topic, count=2)
    assert [one.content for one in history] == ["echo", "echo"]
    assert (history[1].person, history[1].reply_to) == (on_telegram.account(ann), str(said.id))


async def test_a_copy_that_names_no_topic_is_the_groups_and_not_the_topics(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        await turn.message.get_bot().copy_message(
            turn.message.chat_id, turn.message.chat_id, turn.message.message_id
        )

    ann = on_telegram.simulator.user("Ann")
    room = on_telegram.simulator.group("Friends", ann)
    topic = on_telegram.simulator.thread(room, "plans")
    async with on_telegram.running(hub, answer):
        await on_telegram.simulator.say(ann, topic, "echo")
        (copy,) = await on_telegram.history(hub, room, count=1)
        assert len(await on_telegram.history(hub, topic, count=1)) == 1
    assert (copy.content, copy.person) == ("echo", None)


async def test_a_copy_of_what_the_bot_never_saw_is_not_made_up(
    on_telegram: Any, hub: SessionHub, errors: Any
) -> None:
    ann = on_telegram.simulator.user("Ann")
    room, dm = on_telegram.simulator.group("Friends", ann), on_telegram.simulator.direct_chat(ann)
    app = on_telegram.install(hub)
    async with app:
        one, gone = [await on_telegram.simulator.say(ann, room, text) for text in ("one", "gone")]
        await on_telegram.simulator.delete(gone)
        await app.bot.delete_webhook(drop_pending_updates=True)
        await app.bot.copy_message(ann.id, room.id, one.id)
        await app.bot.copy_messages(ann.id, room.id, [one.id, gone.id])
        await app.bot.send_message(ann.id, "after")
        history = await on_telegram.history(hub, dm, count=1)
    assert [one.content for one in history] == ["after"]
    assert errors() == []


async def test_copies_that_are_made_at_once_are_each_kept(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub) as app:
        said = await app.bot.send_message(ann.id, "the words")
        await asyncio.gather(
            *(app.bot.copy_message(ann.id, ann.id, said.message_id) for _ in range(5))
        )
        history = await on_telegram.history(hub, dm, count=6)
    assert [one.content for one in history] == ["the words"] * 6


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("<b>bold</b> <i>and <u>more</u></i> &lt;tag&gt; &amp;", "HTML"),
        ('<a href="https://example.org">link</a> <code>x &lt; y</code>', "HTML"),
        ('<pre><code class="language-python">print()</code></pre>', "HTML"),
        ("<tg-spoiler>hidden</tg-spoiler><blockquote>quoted</blockquote>", "HTML"),
        (r"*bold* _and __more__ _ ~gone~ ||hidden|| \. \* \_ 1\+1", "MarkdownV2"),
        ("[li*n*k](https://example.org/a\\)b) `x \\` y`", "MarkdownV2"),
        ("```python\nprint()\n```", "MarkdownV2"),
        (">quoted\n>lines\nnot", "MarkdownV2"),
        ("*bold* _and_ [link](https://example.org) `code` \\* 1+1 ~", "Markdown"),
        ("  <b>  nothing  </b>  ", None),
    ],
)
async def test_what_remains_of_marked_up_text_is_what_telegram_shows(
    on_telegram: Any, text: str, mode: str | None
) -> None:
    app = on_telegram.make()
    async with app:
        dm = on_telegram.simulator.direct_chat(on_telegram.simulator.user("Ann"))
        sent = await app.bot.send_document(dm.id, b"1", caption=text, parse_mode=mode)
    assert plain(text, mode) == sent.caption


def test_an_expandable_quotation_has_no_marks_either() -> None:  # which the simulator does not know
    assert plain("**>quoted\n>and more||", "MarkdownV2") == "quoted\nand more"
