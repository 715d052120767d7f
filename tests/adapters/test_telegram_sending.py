"""What a Telegram bot sends, by whatever way: recorded once, as it was said, whatever limits the
rate.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputMediaDocument, InputMediaPhoto
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, NetworkError
from telegram.ext import AIORateLimiter, CallbackQueryHandler, Defaults

from session_plugin import SessionHub


@pytest.fixture(autouse=True)
def timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    """What python-telegram-bot asks its users to set, or it warns of each RetryAfter."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


class Noting(AIORateLimiter):
    """An author's limiter that notes what it was called with."""

    def __init__(self) -> None:
        super().__init__(max_retries=2)
        self.endpoints: list[tuple[str, Any]] = []
        self.events: list[str] = []

    async def initialize(self) -> None:
        self.events.append("initialize")
        await super().initialize()

    async def shutdown(self) -> None:
        self.events.append("shutdown")
        await super().shutdown()

    async def process_request(self, callback, args, kwargs, endpoint, data, rate_limit_args):  # type: ignore[no-untyped-def]
        self.endpoints.append((endpoint, rate_limit_args))
        return await super().process_request(
            callback, args, kwargs, endpoint, data, rate_limit_args
        )


async def test_the_authors_rate_limiter_is_still_called(on_telegram: Any, hub: SessionHub) -> None:
    limiter = Noting()

    async def answer(turn: Any) -> None:
        await turn.message.get_bot().send_message(
            turn.message.chat_id, "limited", rate_limit_args=7
        )

    ann = on_telegram.simulator.user("Ann")
    async with on_telegram.running(
        hub, answer, builder=on_telegram.builder().rate_limiter(limiter)
    ):
        await on_telegram.ask(ann, on_telegram.simulator.direct_chat(ann), "hello")
        await on_telegram.history(hub, on_telegram.simulator.direct_chat(ann), count=2)
    assert ("sendMessage", 7) in limiter.endpoints
    assert "getUpdates" not in dict(limiter.endpoints)
    assert (limiter.events[0], limiter.events[-1]) == ("initialize", "shutdown")


async def test_without_a_rate_limiter_its_arguments_still_raise(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        with pytest.raises(ValueError, match="rate_limit_args"):
            await turn.message.get_bot().send_message(
                turn.message.chat_id, "not sent", rate_limit_args=1
            )
        await turn.say("it raised")

    ann = on_telegram.simulator.user("Ann")
    async with on_telegram.running(hub, answer):
        assert (
            await on_telegram.ask(ann, on_telegram.simulator.direct_chat(ann), "hello")
            == "it raised"
        )


async def test_a_send_that_the_limiter_repeats_is_recorded_once(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        on_telegram.simulator.fail_next("sendMessage", error_code=429, retry_after=1)
        await turn.say("at last")

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(
        hub, answer, builder=on_telegram.builder().rate_limiter(Noting())
    ):
        assert await on_telegram.ask(ann, dm, "hello") == "at last"
        history = await on_telegram.history(hub, dm, count=2)
    assert [one.content for one in history] == ["hello", "at last"]
    assert [name for name, _ in on_telegram.simulator.calls].count("sendMessage") == 2


@pytest.mark.parametrize(
    ("code", "error"), [(403, Forbidden), (400, BadRequest), (502, NetworkError)]
)
async def test_a_send_that_fails_raises_as_ever_and_is_not_recorded(
    on_telegram: Any, hub: SessionHub, code: int, error: type[Exception]
) -> None:
    async def answer(turn: Any) -> None:
        on_telegram.simulator.fail_next("sendMessage", error_code=code)
        with pytest.raises(error):
            await turn.say("lost")
        await turn.say("sent")

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        assert await on_telegram.ask(ann, dm, "hello") == "sent"
        history = await on_telegram.history(hub, dm, count=2)
    assert [one.content for one in history] == ["hello", "sent"]


async def test_markup_is_no_part_of_what_was_said(on_telegram: Any, hub: SessionHub) -> None:
    async def answer(turn: Any) -> None:
        await turn.message.reply_text("<b>bold</b> &amp; <i>more</i>", parse_mode=ParseMode.HTML)

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        await on_telegram.ask(ann, dm, "hello")
        history = await on_telegram.history(hub, dm, count=2)
    assert history[1].content == "bold & more"


async def test_a_captioned_file_and_an_album_of_the_bot_are_kept(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        await turn.message.reply_document(b"12345", caption="a file", filename="notes.txt")
        await turn.message.reply_media_group(
            [
                InputMediaPhoto(b"1", caption="one"),
                InputMediaPhoto(b"2"),
                InputMediaPhoto(b"3", caption="three"),
            ]
        )

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        await on_telegram.simulator.say(ann, dm, "hello")
        history = await on_telegram.history(hub, dm, count=5)
    assert [one.content for one in history] == ["hello", "a file", "one", "", "three"]
    assert [one.attachments[0].kind for one in history[1:]] == [
        "document",
        "photo",
        "photo",
        "photo",
    ]
    assert {one.person for one in history} == {on_telegram.account(ann)}
    assert len({one.metadata.get("media_group_id") for one in history[2:]}) == 1


async def test_a_persons_album_is_one_message_for_each_file_with_the_caption_first(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub):
        await on_telegram.simulator.say(ann, dm, "look", attachments=["a.png", "b.png"])
        history = await on_telegram.history(hub, dm, count=2)
    assert [one.content for one in history] == ["look", ""]
    assert history[0].metadata["media_group_id"] == history[1].metadata["media_group_id"]


async def test_a_message_that_the_bot_edits_changes_in_its_place(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        sent = await turn.say("thinking")
        await turn.say("and after")
        await sent.edit_text("thought")

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        await on_telegram.ask(ann, dm, "hello")
        async with asyncio.timeout(5):
            while "thinking" in [
                one.content for one in await on_telegram.history(hub, dm, count=3)
            ]:
                await asyncio.sleep(0.01)
        history = await on_telegram.history(hub, dm, count=3)
    assert [one.content for one in history] == ["hello", "thought", "and after"]


async def test_messages_that_the_bot_deletes_are_gone(on_telegram: Any, hub: SessionHub) -> None:
    async def answer(turn: Any) -> None:
        sent = [await turn.say(text) for text in ("one", "two", "three")]
        await sent[0].delete()
        await turn.message.get_bot().delete_messages(turn.message.chat_id, [sent[1].message_id])
        assert [one.content for one in await turn.session.history()] == ["hello", "three"]
        await turn.say("done")

    ann = on_telegram.simulator.user("Ann")
    for place in (
        on_telegram.simulator.direct_chat(ann),
        on_telegram.simulator.group("Friends", ann),
    ):
        async with on_telegram.running(hub, answer):
            await on_telegram.simulator.say(ann, place, "hello")
            await on_telegram.told(place, "done")
            await asyncio.sleep(0.05)
            history = await on_telegram.history(hub, place, count=3)
        assert [one.content for one in history] == ["hello", "three", "done"]


async def test_a_message_deleted_by_the_groups_name_is_gone(
    on_telegram: Any, hub: SessionHub
) -> None:
    room = on_telegram.simulator.group(
        "Friends", on_telegram.simulator.user("Ann"), username="friends_here"
    )
    async with on_telegram.running(hub) as app:
        sent = await app.bot.send_message("@friends_here", "one")
        await app.bot.send_message("@friends_here", "two")
        await app.bot.delete_message("@friends_here", sent.message_id)
        history = await on_telegram.history(hub, room, count=1)
    assert [one.content for one in history] == ["two"]


async def test_an_answer_to_a_button_belongs_to_who_pressed_it(
    on_telegram: Any, hub: SessionHub
) -> None:
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("yes", callback_data="yes")]])

    async def offer(turn: Any) -> None:
        await turn.message.reply_text("tea?", reply_markup=keyboard)

    async def pressed(update: Any, context: Any) -> None:
        await update.callback_query.answer()
        assert context.session.account == on_telegram.account(bob)
        await context.bot.send_message(update.effective_chat.id, "served")

    ann, bob = on_telegram.simulator.user("Ann"), on_telegram.simulator.user("Bob")
    room = on_telegram.simulator.group("Friends", ann, bob)
    async with on_telegram.running(hub, offer) as app:
        app.add_handler(CallbackQueryHandler(pressed))
        said = await on_telegram.simulator.say(ann, room, "hello")
        question = await on_telegram.simulator.answer(room, after=said)
        await on_telegram.simulator.press(bob, question, "yes")
        history = await on_telegram.history(hub, room, count=3)
    assert (history[2].content, history[2].person) == ("served", on_telegram.account(bob))


BUTTON = InlineKeyboardMarkup([[InlineKeyboardButton("more", callback_data="more")]])


async def edited_by_a_job(on_telegram: Any, app: Any, question: Any, bob: Any) -> None:
    async def close(context: Any) -> None:
        await context.bot.edit_message_text("Ann's secret, and more", question.chat.id, question.id)

    app.job_queue.run_once(close, 0)


async def edited_by_a_button_of_somebody_else(
    on_telegram: Any, app: Any, question: Any, bob: Any
) -> None:
    async def pressed(update: Any, context: Any) -> None:
        await update.callback_query.edit_message_text("Ann's secret, and more")

    app.add_handler(CallbackQueryHandler(pressed))
    await on_telegram.simulator.press(bob, question, "more")


EDITED = pytest.mark.parametrize("edited", [edited_by_a_job, edited_by_a_button_of_somebody_else])


async def offer(turn: Any) -> None:
    await turn.message.get_bot().send_message(
        turn.message.chat_id, f"Ann's {turn.text}", reply_markup=BUTTON
    )


@EDITED
async def test_an_answer_to_a_private_person_is_not_kept_when_it_is_edited(
    on_telegram: Any, hub: SessionHub, edited: Any
) -> None:
    ann, bob = on_telegram.user("Ann"), on_telegram.user("Bob")
    room = on_telegram.group("Friends", ann, bob)
    async with hub:
        async with on_telegram.running(hub, offer) as app:
            await on_telegram.ask(ann, on_telegram.direct_chat(ann), "/private on")
            question = await on_telegram.answer(
                room, after=await on_telegram.say(ann, room, "secret")
            )
            await edited(on_telegram, app, question, bob)
            await on_telegram.told(room, "and more")
        assert await on_telegram.history(hub, room, count=0) == []


@EDITED
async def test_an_answer_to_a_forgotten_person_is_not_kept_when_it_is_edited(
    on_telegram: Any, hub: SessionHub, edited: Any
) -> None:
    ann, bob = on_telegram.user("Ann"), on_telegram.user("Bob")
    room, dm = on_telegram.group("Friends", ann, bob), on_telegram.direct_chat(ann)
    async with hub:
        async with on_telegram.running(hub, offer) as app:
            question = await on_telegram.answer(
                room, after=await on_telegram.say(ann, room, "secret")
            )
            await on_telegram.history(hub, room, count=2)
            await on_telegram.ask(ann, dm, "/forget")
            assert "Deleted" in await on_telegram.ask(ann, dm, "/forget confirm")
            await edited(on_telegram, app, question, bob)
            await on_telegram.told(room, "and more")
        assert await on_telegram.history(hub, room, count=0) == []


@EDITED
async def test_words_edited_into_an_answer_to_somebody_who_is_private_by_now_are_not_kept(
    on_telegram: Any, hub: SessionHub, edited: Any
) -> None:
    ann, bob = on_telegram.user("Ann"), on_telegram.user("Bob")
    room = on_telegram.group("Friends", ann, bob)
    async with hub:
        async with on_telegram.running(hub, offer) as app:
            question = await on_telegram.answer(
                room, after=await on_telegram.say(ann, room, "secret")
            )
            await on_telegram.history(hub, room, count=2)
            await on_telegram.ask(ann, on_telegram.direct_chat(ann), "/private on")
            await edited(on_telegram, app, question, bob)
            await on_telegram.told(room, "and more")
        assert [one.content for one in await on_telegram.history(hub, room, count=1)] == ["secret"]


@pytest.mark.parametrize("delay", [0, 0.1])
async def test_a_job_that_a_handler_scheduled_answers_nobody_in_a_group(
    on_telegram: Any, hub: SessionHub, delay: float
) -> None:
    ann = on_telegram.simulator.user("Ann")
    room = on_telegram.simulator.group("Friends", ann)

    async def remind(context: Any) -> None:
        await context.bot.send_message(room.id, "time for tea")

    async def answer(turn: Any) -> None:
        app.job_queue.run_once(remind, delay)

    async with on_telegram.running(hub, answer) as app:
        await on_telegram.simulator.say(ann, room, "remind me")
        history = await on_telegram.history(hub, room, count=2)
    assert (history[1].content, history[1].person) == ("time for tea", None)


@pytest.mark.parametrize(
    "between", ["nothing", "Ann", "Bob", "Bob in private", "Bob in a topic", "an administrator"]
)
async def test_a_task_that_outlives_its_handler_answers_whom_the_handler_answered_until_others_are_heard(
    on_telegram: Any, hub: SessionHub, between: str
) -> None:
    ann, bob = on_telegram.user("Ann"), on_telegram.user("Bob")
    room = on_telegram.group("Friends", ann, bob)
    topic = on_telegram.thread(room, "plans")
    heard, go_on = asyncio.Event(), asyncio.Event()
    tasks = []

    async def answer(turn: Any) -> None:
        async def later() -> None:
            await go_on.wait()
            await turn.say("at last")

        if turn.text == "question":
            tasks.append(asyncio.create_task(later()))
        elif turn.text == "between":
            heard.set()

    says_it = {
        "Ann": lambda: on_telegram.say(ann, room, "between"),
        "Bob": lambda: on_telegram.say(bob, room, "between"),
        "Bob in private": lambda: on_telegram.say(bob, on_telegram.direct_chat(bob), "between"),
        "Bob in a topic": lambda: on_telegram.say(bob, topic, "between"),
        "an administrator": lambda: on_telegram.simulator.say_as_channel(room, "between"),
    }
    async with on_telegram.running(hub, answer):
        await on_telegram.say(ann, room, "question")
        await on_telegram.until(lambda: tasks)
        if between in says_it:
            await says_it[between]()
            await heard.wait()
        go_on.set()
        await asyncio.gather(*tasks)
        people = {one.content: one.person for one in await on_telegram.history(hub, room, count=2)}
    is_anns = between not in ("Bob", "an administrator")
    assert people["at last"] == (on_telegram.account(ann) if is_anns else None)


async def test_a_worker_that_was_started_with_one_persons_question_answers_the_next_in_nobodys_name(
    on_telegram: Any, hub: SessionHub, says: Any
) -> None:
    ann, bob = on_telegram.user("Ann"), on_telegram.user("Bob")
    room = on_telegram.group("Friends", ann, bob)
    turns: asyncio.Queue[Any] = asyncio.Queue()
    workers = []

    async def work() -> None:
        while True:
            turn = await turns.get()
            await turn.say(f"for {turn.text}")

    async def answer(turn: Any) -> None:
        if not workers:
            workers.append(asyncio.create_task(work()))
        await turns.put(turn)

    async with on_telegram.running(hub, answer):
        for user in (ann, bob, ann):
            await on_telegram.ask(user, room, user.name)
        history = await says(
            on_telegram, room, ["Ann", "for Ann", "Bob", "for Bob", "Ann", "for Ann"]
        )
        workers[0].cancel()
    assert [one.person for one in history if one.role == "assistant"] == [
        on_telegram.account(ann),
        None,
        None,
    ]


@pytest.mark.parametrize("how", ["several updates at once", "not blocking"])
async def test_a_handler_answers_its_own_person_whoever_is_heard_while_it_runs(
    on_telegram: Any, hub: SessionHub, how: str
) -> None:
    ann, bob = on_telegram.user("Ann"), on_telegram.user("Bob")
    room = on_telegram.group("Friends", ann, bob)
    bob_spoke = asyncio.Event()

    async def answer(turn: Any) -> None:
        if turn.text == "Ann":
            await bob_spoke.wait()
            await turn.say("for Ann")
        else:
            bob_spoke.set()

    builder = on_telegram.builder()
    at_once = how == "several updates at once"
    builder = (
        builder.concurrent_updates(True) if at_once else builder.defaults(Defaults(block=False))
    )
    async with on_telegram.running(hub, answer, builder=builder):
        await on_telegram.say(ann, room, "Ann")
        await on_telegram.say(bob, room, "Bob")
        people = {one.content: one.person for one in await on_telegram.history(hub, room, count=3)}
    assert people["for Ann"] == on_telegram.account(ann)


async def test_the_handler_of_a_channel_post_does_not_answer_whoever_spoke_before(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    room, news = on_telegram.simulator.group("Friends", ann), on_telegram.simulator.channel("News")

    async def answer(turn: Any) -> None:
        if turn.text == "extra":
            await turn.message.get_bot().send_message(room.id, "there is news")

    async with on_telegram.running(hub, answer):
        await on_telegram.simulator.say(ann, room, "hello")
        await on_telegram.simulator.post(news, "extra")
        history = await on_telegram.history(hub, room, count=2)
    assert (history[1].content, history[1].person) == ("there is news", None)


async def test_a_post_of_the_bot_in_a_channel_is_its_own(on_telegram: Any, hub: SessionHub) -> None:
    news = on_telegram.simulator.channel("News")
    async with on_telegram.running(hub) as app:
        await app.bot.send_message(news.id, "extra, extra")
        (post,) = await on_telegram.history(hub, news, count=1)
    assert (post.role, post.content, post.person) == ("assistant", "extra, extra", None)


async def test_the_same_message_id_in_two_chats_is_two_messages(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann, bob = on_telegram.simulator.user("Ann"), on_telegram.simulator.user("Bob")
    async with on_telegram.running(hub):
        said = [
            await on_telegram.simulator.say(
                user, on_telegram.simulator.direct_chat(user), f"I am {user.name}"
            )
            for user in (ann, bob)
        ]
        assert said[0].id == said[1].id
        for user in (ann, bob):
            (found,) = await on_telegram.history(
                hub, on_telegram.simulator.direct_chat(user), count=1
            )
            assert found.content == f"I am {user.name}"


async def test_what_cannot_be_recorded_is_sent_all_the_same(
    on_telegram: Any, hub: SessionHub, path: Path
) -> None:
    async def answer(turn: Any) -> None:
        await hub.close()
        path.unlink()
        path.write_bytes(b"this is no database" * 100)
        sent = await turn.message.reply_document(b"1", filename="a.txt")
        assert sent.message_id
        await turn.message.reply_media_group([InputMediaDocument(b"1"), InputMediaDocument(b"2")])
        await turn.say("sent")

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        said = await on_telegram.simulator.say(ann, dm, "hello")
        await on_telegram.simulator.answer(dm, after=said)
        assert await on_telegram.told(dm, "sent")


@pytest.mark.parametrize(
    ("send", "kind"),
    [
        (lambda message: message.reply_photo(b"1"), "photo"),
        (lambda message: message.reply_audio(b"1", filename="a.mp3"), "audio"),
        (lambda message: message.reply_voice(b"1"), "voice"),
        (lambda message: message.reply_video(b"1"), "video"),
        (lambda message: message.reply_animation(b"1"), "animation"),
        (lambda message: message.reply_video_note(b"1"), "videonote"),
        (lambda message: message.reply_sticker(b"1"), "sticker"),
        (lambda message: message.reply_location(1.5, 2.5), "location"),
        (lambda message: message.reply_venue(1.5, 2.5, "Hall", "A street"), "venue"),
        (lambda message: message.reply_contact("123", "Ann"), "contact"),
        (lambda message: message.reply_dice(), "dice"),
        (lambda message: message.reply_poll("tea?", ["yes", "no"]), "poll"),
    ],
)
async def test_whatever_the_bot_sends_is_kept_as_what_it_is(
    on_telegram: Any, hub: SessionHub, send: Any, kind: str
) -> None:
    async def answer(turn: Any) -> None:
        await send(turn.message)

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        await on_telegram.simulator.say(ann, dm, "hello")
        history = await on_telegram.history(hub, dm, count=2)
    sent = history[1]
    assert (sent.role, sent.content, [one.kind for one in sent.attachments]) == (
        "assistant",
        "",
        [kind],
    )


async def test_captions_and_media_that_the_bot_edits_change_in_their_place(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("more", callback_data="more")]])
    async with on_telegram.running(hub) as app:
        one = await app.bot.send_document(ann.id, b"1", caption="one", filename="a.txt")
        two = await app.bot.send_document(ann.id, b"2", caption="two", filename="b.txt")
        await one.edit_caption("<b>one</b>, edited", parse_mode=ParseMode.HTML)
        await two.edit_reply_markup(keyboard)
        await two.edit_media(InputMediaDocument(b"3", caption="three", filename="c.txt"))
        history = await on_telegram.history(hub, dm, count=2)
    assert [(one.content, one.attachments[0].filename) for one in history] == [
        ("one, edited", "a.txt"),
        ("three", "c.txt"),
    ]


async def test_an_edit_that_telegram_refuses_changes_nothing(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub) as app:
        sent = await app.bot.send_message(ann.id, "one")
        with pytest.raises(BadRequest, match="not modified"):
            await sent.edit_text("one")
        on_telegram.simulator.fail_next("editMessageText", error_code=403)
        with pytest.raises(Forbidden):
            await sent.edit_text("two")
        (one,) = await on_telegram.history(hub, dm, count=1)
    assert (one.content, one.edited_at) == ("one", None)


async def test_a_message_that_its_button_changes_is_changed(
    on_telegram: Any, hub: SessionHub
) -> None:
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("yes", callback_data="yes")]])

    async def pressed(update: Any, context: Any) -> None:
        await update.callback_query.answer()
        await update.callback_query.edit_message_text("tea is served")
        assert [one.content for one in await context.session.history()] == ["tea is served"]
        await update.callback_query.message.reply_text("enjoy")

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub) as app:
        app.add_handler(CallbackQueryHandler(pressed))
        await app.bot.send_message(ann.id, "tea?", reply_markup=keyboard)
        await on_telegram.simulator.press(ann, await on_telegram.simulator.answer(dm), "yes")
        history = await on_telegram.history(hub, dm, count=2)
    assert [(one.role, one.content) for one in history] == [
        ("assistant", "tea is served"),
        ("assistant", "enjoy"),
    ]


async def test_a_job_in_a_direct_chat_answers_its_person(on_telegram: Any, hub: SessionHub) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)

    async def remind(context: Any) -> None:
        await context.bot.send_message(context.job.chat_id, "time for tea")

    async def answer(turn: Any) -> None:
        app.job_queue.run_once(remind, 0, chat_id=turn.message.chat_id)

    async with on_telegram.running(hub, answer) as app:
        await on_telegram.simulator.say(ann, dm, "remind me")
        history = await on_telegram.history(hub, dm, count=2)
    assert (history[1].content, history[1].person) == ("time for tea", on_telegram.account(ann))


async def test_what_is_sent_by_a_name_is_kept_in_the_chat_it_names_at_the_servers_time(
    on_telegram: Any, hub: SessionHub
) -> None:
    room = on_telegram.simulator.group("Friends", username="friends_here")
    async with on_telegram.running(hub) as app:
        sent = await app.bot.send_message("@friends_here", "hello")
        (one,) = await on_telegram.history(hub, room, count=1)
    assert (one.chat.chat_id, one.message_id, one.timestamp) == (
        str(room.id),
        str(sent.message_id),
        sent.date.timestamp(),
    )


async def test_buttons_that_carry_any_object_still_do(on_telegram: Any, hub: SessionHub) -> None:
    pytest.importorskip("cachetools", reason="the extra callback-data of python-telegram-bot")

    async def pressed(update: Any, context: Any) -> None:
        await update.callback_query.edit_message_text(f"got {update.callback_query.data}")

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(
        hub, builder=on_telegram.builder().arbitrary_callback_data(True)
    ) as app:
        app.add_handler(CallbackQueryHandler(pressed))
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("yes", callback_data=(1, "two"))]])
        await app.bot.send_message(ann.id, "tea?", reply_markup=keyboard)
        await on_telegram.simulator.press(ann, await on_telegram.simulator.answer(dm), "yes")
        await on_telegram.told(dm, "got (1, 'two')")
