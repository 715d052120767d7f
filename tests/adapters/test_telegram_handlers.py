"""A Telegram author's own handlers, context, callbacks and concurrency, with a hub attached."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import telegram
from telegram import Bot, Update
from telegram.constants import ParseMode
from telegram.ext import (
    ApplicationBuilder,
    ApplicationHandlerStop,
    CallbackContext,
    CommandHandler,
    ContextTypes,
    ConversationHandler,
    Defaults,
    ExtBot,
    MessageHandler,
    PicklePersistence,
    TypeHandler,
    filters,
)

import session_plugin_telegram
from session_plugin import Account, SessionError, SessionHub


async def echo(turn: Any) -> None:
    await turn.say(f"you said {turn.text}")


async def test_the_authors_catch_all_is_not_called_for_our_commands(
    on_telegram: Any, hub: SessionHub
) -> None:
    seen: list[str] = []

    async def answer(turn: Any) -> None:
        seen.append(turn.text)

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        for name in ("link", "unlink", "whoami", "new"):
            await on_telegram.ask(ann, dm, f"/{name}")
        await on_telegram.ask(ann, dm, f"/whoami@{on_telegram.simulator.bot.username}")
        await on_telegram.simulator.say(ann, dm, "last")
        await on_telegram.history(hub, dm, count=1)
    assert seen == ["last"]


async def test_a_command_for_another_bot_is_a_message_like_any_other(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    room = on_telegram.simulator.group("Friends", ann)
    async with on_telegram.running(hub, echo):
        assert (
            await on_telegram.ask(ann, room, "/new@somebody_else_bot")
            == "you said /new@somebody_else_bot"
        )
        assert len(await on_telegram.history(hub, room, count=2)) == 2


async def test_a_failing_answer_to_a_command_goes_to_the_error_handlers_and_not_to_the_catch_all(
    on_telegram: Any, hub: SessionHub, until: Any
) -> None:
    seen: list[str] = []
    errors: list[Any] = []

    async def answer(turn: Any) -> None:
        seen.append(turn.text)

    async def failed(update: Any, context: Any) -> None:
        errors.append(context.error)

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, answer) as app:
        app.add_error_handler(failed)
        on_telegram.simulator.fail_next("sendMessage", error_code=403)
        await on_telegram.simulator.say(ann, dm, "/link")
        await until(lambda: errors)
        await on_telegram.simulator.say(ann, dm, "last")
        await on_telegram.history(hub, dm, count=1)
    assert seen == ["last"]
    assert type(errors[0]).__name__ == "Forbidden"


async def test_a_code_in_an_edited_command_is_not_stored(on_telegram: Any, hub: SessionHub) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, echo):
        said = await on_telegram.simulator.say(ann, dm, "/link ABCDEFGH")
        await on_telegram.simulator.answer(dm, after=said)
        await on_telegram.simulator.edit(said, "/link ABCDEFGJ")
        await on_telegram.ask(ann, dm, "last")
        history = await on_telegram.history(hub, dm, count=2)
    assert [one.content for one in history] == ["last", "you said last"]


async def test_handlers_that_run_as_tasks_find_their_own_message_stored(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        await asyncio.sleep(0.05)
        await turn.say(f"{turn.session.event.text} {turn.session.event.text == turn.text}")

    ann, bob = on_telegram.simulator.user("Ann"), on_telegram.simulator.user("Bob")
    room = on_telegram.simulator.group("Friends", ann, bob)
    async with on_telegram.running(
        hub, answer, builder=on_telegram.builder().defaults(Defaults(block=False))
    ):
        await on_telegram.simulator.say(ann, room, "Ann")
        await on_telegram.simulator.say(bob, room, "Bob")
        history = await on_telegram.history(hub, room, count=4)
    answers = {one.content: one.person for one in history if one.role == "assistant"}
    assert answers == {"Ann True": on_telegram.account(ann), "Bob True": on_telegram.account(bob)}


class AuthorsContext(CallbackContext[ExtBot, dict, dict, dict]):
    greeting = "welcome"


async def test_the_authors_context_class_and_data_are_left_working(
    on_telegram: Any, hub: SessionHub, tmp_path: Any
) -> None:
    async def count(update: Update, context: AuthorsContext) -> None:
        context.user_data["count"] = context.user_data.get("count", 0) + 1
        assert context.session.event.text == update.message.text
        await update.message.reply_text(f"{context.greeting} {context.user_data['count']}")

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    answers = []
    for _ in range(2):
        builder = on_telegram.builder().persistence(PicklePersistence(tmp_path / "author.pickle"))
        async with on_telegram.running(
            hub, builder=builder.context_types(ContextTypes(AuthorsContext))
        ) as app:
            app.add_handler(MessageHandler(filters.TEXT, count))
            answers.append(await on_telegram.ask(ann, dm, "hello"))
            await on_telegram.history(hub, dm, count=2)
            await app.update_persistence()
    assert answers == ["welcome 1", "welcome 2"]


async def test_a_context_of_our_class_has_the_session_typed(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        await turn.say(type(turn.session).__name__)

    ann = on_telegram.simulator.user("Ann")
    builder = on_telegram.builder().context_types(
        ContextTypes(session_plugin_telegram.SessionContext)
    )
    async with on_telegram.running(hub, answer, builder=builder):
        assert (
            await on_telegram.ask(ann, on_telegram.simulator.direct_chat(ann), "hello")
            == "SessionView"
        )


async def test_an_authors_gate_in_a_lower_group_hides_updates_from_the_hub(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def gate(update: Update, _: Any) -> None:
        if update.message and update.message.text == "spam":
            raise ApplicationHandlerStop

    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub, echo) as app:
        app.add_handler(TypeHandler(Update, gate), group=-2000)
        await on_telegram.simulator.say(ann, dm, "spam")
        await on_telegram.ask(ann, dm, "hello")
        history = await on_telegram.history(hub, dm, count=2)
    assert [one.content for one in history] == ["hello", "you said hello"]


async def test_topics_are_apart_and_a_reply_thread_is_no_topic(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.simulator.user("Ann")
    room = on_telegram.simulator.group("Friends", ann)
    async with on_telegram.running(hub, echo):
        first = await on_telegram.simulator.say(ann, room, "first")
        await on_telegram.simulator.answer(room, after=first)
        second = await on_telegram.simulator.say(ann, room, "second", reply_to=first)
        await on_telegram.simulator.answer(room, after=second)
        history = await on_telegram.history(hub, room, count=4)
        assert [one.content for one in history] == [
            "first",
            "you said first",
            "second",
            "you said second",
        ]
        topic = on_telegram.simulator.thread(room, "plans")
        await on_telegram.ask(ann, topic, "in the topic")
        await on_telegram.ask(ann, room, "in General")
        assert len(await on_telegram.history(hub, room, count=6)) == 6
        history = await on_telegram.history(hub, topic, count=2)
    assert [(one.content, one.reply_to) for one in history] == [
        ("in the topic", None),
        ("you said in the topic", None),
    ]


async def test_service_messages_are_nobodys_words(on_telegram: Any, hub: SessionHub) -> None:
    ann = on_telegram.simulator.user("Ann")
    room = on_telegram.simulator.group("Friends", ann)
    async with on_telegram.running(hub, echo):
        topic = on_telegram.simulator.thread(room, "plans")
        await on_telegram.ask(ann, topic, "hello")
        history = await on_telegram.history(hub, topic, count=2)
    assert [one.content for one in history] == ["hello", "you said hello"]


async def test_a_channel_post_has_no_session_and_a_crashing_handler_none_either(
    on_telegram: Any, hub: SessionHub
) -> None:
    sessions: list[Any] = []

    async def answer(turn: Any) -> None:
        sessions.append(turn.session)

    news = on_telegram.simulator.channel("News")
    async with on_telegram.running(hub, answer):
        post = await on_telegram.simulator.post(news, "extra")
        await on_telegram.history(hub, news, count=1)
        await on_telegram.simulator.edit(post, "extra, extra")
        async with asyncio.timeout(5):
            while (await on_telegram.history(hub, news, count=1))[0].content != "extra, extra":
                await asyncio.sleep(0.01)
    assert sessions == [None]


async def test_updates_that_a_crashed_bot_had_not_confirmed_are_stored_once(
    on_telegram: Any, hub: SessionHub, path: Any
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    app = on_telegram.install(hub, into=on_telegram.make(echo))
    async with app:
        await on_telegram.simulator.say(ann, dm, "hello")
        (update,) = await app.bot.get_updates(timeout=1)
        await app.process_update(update)  # and then it crashes, before it asks for more
    again = SessionHub(path, load_entry_points=False)
    async with on_telegram.running(again, echo):
        await on_telegram.ask(ann, dm, "next")
        history = await on_telegram.history(again, dm, count=5)
    assert [one.content for one in history] == [
        "hello",
        "you said hello",
        "you said hello",
        "next",
        "you said next",
    ]


async def test_something_else_than_a_hub_is_refused(on_telegram: Any) -> None:
    database: Any = "bot.db"
    with pytest.raises(TypeError, match="hub must be a SessionHub, not str"):
        session_plugin_telegram.install(on_telegram.make(), database)


async def test_a_plain_bot_whose_sending_cannot_be_seen_is_refused(
    on_telegram: Any, hub: SessionHub
) -> None:
    app = ApplicationBuilder().bot(Bot("1:x")).build()
    with pytest.raises(TypeError, match="ExtBot"):
        session_plugin_telegram.install(app, hub)


async def test_a_long_answer_comes_in_messages_that_telegram_takes(
    on_telegram: Any, path: Any
) -> None:
    privacy = "\n".join(f"Sentence {number} of what is kept here." for number in range(300))
    hub = SessionHub(path, load_entry_points=False, privacy_text=privacy)
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    async with on_telegram.running(hub):
        await on_telegram.simulator.say(ann, dm, "/privacy")
        await on_telegram.told(dm, "Sentence 299")
        await hub.settle()
        assert await on_telegram.history(hub, dm, count=0) == []
    told = [one.text for one in on_telegram.simulator.messages(dm)[1:]]
    assert len(told) > 1
    assert "\n".join(told).startswith(privacy)


@pytest.mark.parametrize("mode", [ParseMode.MARKDOWN_V2, ParseMode.MARKDOWN, ParseMode.HTML])
async def test_our_answers_and_notices_are_plain_text_whatever_the_authors_defaults_say(
    on_telegram: Any, hub: SessionHub, mode: str
) -> None:
    ann, eve = (
        on_telegram.user("Ann_<3"),
        on_telegram.user("<a href=https://example.org>[Ann_](https://example.org)</a>"),
    )
    asking, typing = on_telegram.direct_chat(ann), on_telegram.direct_chat(eve)
    async with on_telegram.running(
        hub, builder=on_telegram.builder().defaults(Defaults(parse_mode=mode))
    ):
        await on_telegram.say(ann, asking, "hello")
        for name in ("whoami", "new", "private", "privacy", "forget"):
            assert await on_telegram.ask(ann, asking, f"/{name}")
        code = (await on_telegram.ask(ann, asking, "/link")).partition("Your code is ")[2][:9]
        assert "Ann_<3" in await on_telegram.ask(eve, typing, f"/link {code}")
        assert eve.name in await on_telegram.told(asking, "typed your code")


async def test_codes_may_be_copied_and_exports_saved_where_the_author_protects_what_the_bot_says(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.running(
        hub, echo, builder=on_telegram.builder().defaults(Defaults(protect_content=True))
    ):
        for text in ("hello", "/link", "/export"):
            await on_telegram.ask(ann, dm, text)
        await on_telegram.until(lambda: len(on_telegram.messages(dm)) == 7)
    calls = [
        (method, data.get("protect_content"))
        for method, data in on_telegram.simulator.calls
        if "send" in method
    ]
    assert [(method, str(is_protected).lower()) for method, is_protected in calls] == [
        ("sendMessage", "true"),
        ("sendMessage", "false"),
        ("sendMessage", "false"),
        ("sendDocument", "false"),
    ]


ANN = {"id": 5_000_000_001, "is_bot": False, "first_name": "Ann"}
PRIVATE = {"id": 5_000_000_001, "type": "private", "first_name": "Ann"}


async def session_in(driver: Any, hub: SessionHub, **fields: Any) -> Any:
    """Give the session that an author's handler finds for an update."""
    found: list[Any] = []

    async def look(_: Update, context: Any) -> None:
        found.append(context.session)

    app = driver.install(hub)
    app.add_handler(TypeHandler(Update, look))
    async with app:
        await app.process_update(Update.de_json({"update_id": 1, **fields}, app.bot))
    return found[0]


async def test_a_button_below_a_message_too_old_to_be_shown_has_a_session_and_warns_nobody(
    on_telegram: Any, hub: SessionHub
) -> None:
    old = {"chat": PRIVATE, "message_id": 5, "date": 0}
    query = {"id": "1", "from": ANN, "chat_instance": "1", "data": "yes", "message": old}
    session = await session_in(on_telegram, hub, callback_query=query)
    assert session.account == Account("telegram", "5000000001")


@pytest.mark.skipif(
    telegram.__version_info__ < (22, 8), reason="python-telegram-bot knows them from 22.8 on"
)
async def test_a_message_from_a_chat_that_the_bot_is_not_in_has_no_session(
    on_telegram: Any, hub: SessionHub
) -> None:
    content = {"message_id": 5, "date": 1, "chat": PRIVATE, "from": ANN, "text": "from elsewhere"}
    assert await session_in(on_telegram, hub, guest_message=content) is None


async def test_a_command_of_the_authors_that_has_the_name_of_one_of_ours_is_an_error_at_the_start(
    hub: SessionHub,
) -> None:
    async def mine(update: Update, context: Any) -> None: ...

    application = ApplicationBuilder().token("7000000001:clash").build()
    session_plugin_telegram.install(application, hub)
    application.add_handler(CommandHandler("new", mine))
    with pytest.raises(
        SessionError, match=r"the application has a handler for /new, .*: rename or turn off"
    ):
        await application.bot.rate_limiter.initialize()


async def nothing(update: Update, context: Any) -> None: ...


MINE, TEXT = CommandHandler("new", nothing), MessageHandler(filters.TEXT, nothing)


@pytest.mark.parametrize(
    "conversation",
    [
        ConversationHandler([MINE], {}, []),
        ConversationHandler([TEXT], {0: [TEXT], 1: [TEXT, MINE]}, []),
        ConversationHandler([TEXT], {}, [MINE]),
        ConversationHandler([TEXT], {0: [ConversationHandler([TEXT], {}, [MINE])]}, []),
    ],
    ids=["to begin it", "in a state", "to fall back on", "in another one"],
)
async def test_a_command_in_a_conversation_of_the_authors_is_an_error_at_the_start_too(
    hub: SessionHub, conversation: Any
) -> None:
    application = ApplicationBuilder().token("7000000001:clash").build()
    session_plugin_telegram.install(application, hub)
    application.add_handler(conversation)
    with pytest.raises(SessionError, match="has a handler for /new"):
        await application.bot.rate_limiter.initialize()


async def test_a_command_that_clashes_is_an_error_where_an_application_that_is_initialized_gets_its_hub(
    on_telegram: Any, hub: SessionHub
) -> None:
    application = on_telegram.make()
    application.add_handler(MINE)
    async with application:
        with pytest.raises(SessionError, match="has a handler for /new"):
            session_plugin_telegram.install(application, hub)
        assert (application.bot.rate_limiter, dict(application.handlers)) == (None, {0: [MINE]})
        session_plugin_telegram.install(application, hub, commands={"new": ""})


@pytest.mark.parametrize("group", [-1000, -999])
async def test_a_handler_of_the_authors_in_one_of_our_groups_is_an_error_at_the_start(
    hub: SessionHub, group: int
) -> None:
    async def mine(update: Update, context: Any) -> None: ...

    application = ApplicationBuilder().token("7000000001:group").build()
    application.add_handler(TypeHandler(Update, mine), group=group)
    session_plugin_telegram.install(application, hub)
    with pytest.raises(SessionError, match=f"handler group {group} is reserved"):
        await application.bot.rate_limiter.initialize()


async def test_a_name_that_telegram_does_not_take_leaves_the_application_as_it_was(
    hub: SessionHub,
) -> None:
    application = ApplicationBuilder().token("7000000001:names").build()
    with pytest.raises(ValueError, match="not a valid bot command"):
        session_plugin_telegram.install(application, hub, commands={"link": "my-link"})
    assert application.bot.rate_limiter is None
    assert not application.handlers
