"""`context.session` in every handler there is, and whom what is sent there answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from telegram import BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import (
    ApplicationBuilder,
    CallbackContext,
    CallbackQueryHandler,
    ContextTypes,
    ExtBot,
    MessageHandler,
    TypeHandler,
    filters,
)

import session_plugin_telegram
from session_plugin import SessionHub
from session_plugin.commands import DESCRIPTIONS
from session_plugin_telegram.testing import TelegramDriver
from telegram_simulator import TelegramSimulator


@pytest.fixture
async def simulators() -> AsyncIterator[Callable[..., Awaitable[TelegramDriver]]]:
    """Start more Telegrams, for other bots."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> TelegramDriver:
            return TelegramDriver(await stack.enter_async_context(TelegramSimulator(**options)))

        yield start


async def echo(turn: Any) -> None:
    await turn.say(f"you said {turn.text}")


async def test_a_handler_before_ours_has_the_session_of_whoever_speaks_now(
    on_telegram: Any, hub: SessionHub
) -> None:
    accounts: list[Any] = []

    async def greet(update: Update, context: Any) -> None:
        accounts.append(context.session.account)
        await context.bot.send_message(update.message.chat_id, f"hello {update.message.text}")

    ann, bob = on_telegram.simulator.user("Ann"), on_telegram.simulator.user("Bob")
    room = on_telegram.simulator.group("Friends", ann, bob)
    async with on_telegram.running(hub, echo) as app:
        app.add_handler(TypeHandler(Update, greet), group=-2000)
        for user in (ann, bob):
            said = await on_telegram.simulator.say(user, room, user.name)
            await on_telegram.simulator.answer(room, after=said)
        history = await on_telegram.history(hub, room, count=6)
    people = {one.content: one.person for one in history}
    assert accounts == [on_telegram.account(ann), on_telegram.account(bob)]
    assert people["hello Ann"] == on_telegram.account(ann)
    assert people["hello Bob"] == on_telegram.account(bob)


async def test_an_error_handler_has_the_session_of_the_update_that_failed(
    on_telegram: Any, hub: SessionHub, until: Any
) -> None:
    accounts: list[Any] = []

    async def fail(update: Update, context: Any) -> None:
        raise LookupError("the author's own fault")

    async def failed(update: Any, context: Any) -> None:
        accounts.append(context.session.account)
        await update.effective_message.reply_text("sorry")

    ann = on_telegram.simulator.user("Ann")
    room = on_telegram.simulator.group("Friends", ann)
    async with on_telegram.running(hub) as app:
        app.add_handler(MessageHandler(filters.TEXT, fail))
        app.add_error_handler(failed)
        await on_telegram.simulator.say(ann, room, "hello")
        history = await on_telegram.history(hub, room, count=2)
    assert accounts == [on_telegram.account(ann)]
    assert (history[1].content, history[1].person) == ("sorry", on_telegram.account(ann))


@pytest.mark.parametrize("block", [True, False])
async def test_an_error_handlers_session_knows_the_message_and_whether_it_came_before(
    on_telegram: Any, hub: SessionHub, block: bool
) -> None:
    found: list[Any] = []

    async def fail(update: Update, context: Any) -> None:
        raise LookupError("the author's own fault")

    async def failed(update: Any, context: Any) -> None:
        before = await context.session.history(before=context.session.event)
        found.append(
            (
                context.session.event.text,
                context.session.is_duplicate,
                [one.content for one in before],
            )
        )

    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.running(hub) as app:
        app.add_handler(MessageHandler(filters.TEXT, fail, block=block))
        app.add_error_handler(failed, block=block)
        await on_telegram.say(ann, dm, "hello")
        await on_telegram.until(lambda: len(found) == 1)
        said = await on_telegram.say(ann, dm, "again")
        await on_telegram.until(lambda: len(found) == 2)
        await on_telegram.repeat(said)
        await on_telegram.until(lambda: len(found) == 3)
    assert found == [("hello", False, []), ("again", False, ["hello"]), ("again", True, ["hello"])]


async def test_a_job_and_the_error_handler_of_a_job_have_no_session(
    on_telegram: Any, hub: SessionHub, until: Any
) -> None:
    sessions: list[Any] = []

    async def remind(context: Any) -> None:
        sessions.append(context.session)
        raise LookupError("the author's own fault")

    async def failed(_: Any, context: Any) -> None:
        sessions.append(context.session)

    async def answer(turn: Any) -> None:
        app.job_queue.run_once(remind, 0)

    ann = on_telegram.simulator.user("Ann")
    async with on_telegram.running(hub, answer) as app:
        app.add_error_handler(failed)
        await on_telegram.simulator.say(ann, on_telegram.simulator.direct_chat(ann), "hello")
        await until(lambda: len(sessions) == 2)
    assert sessions == [None, None]


async def test_a_button_below_a_channels_post_has_the_session_of_the_channel(
    on_telegram: Any, hub: SessionHub
) -> None:
    found: list[Any] = []

    async def pressed(update: Update, context: Any) -> None:
        found.append(
            (context.session.chat, [one.content for one in await context.session.history()])
        )

    news = on_telegram.simulator.channel("News")
    async with on_telegram.running(hub) as app:
        app.add_handler(CallbackQueryHandler(pressed))
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("more", callback_data="more")]])
        await app.bot.send_message(news.id, "extra", reply_markup=keyboard)
        await on_telegram.simulator.press(
            on_telegram.user("Ann"), await on_telegram.answer(news), "more"
        )
        await on_telegram.until(lambda: found)
    assert found == [(on_telegram.chat(news), ["extra"])]


async def test_a_context_class_with_a_session_of_its_own_is_refused_and_nothing_is_changed(
    hub: SessionHub,
) -> None:
    class Context(CallbackContext[ExtBot, dict, dict, dict]):
        session = "a session of the author's database"

    app = ApplicationBuilder().token("7000000001:own").context_types(ContextTypes(Context)).build()
    with pytest.raises(TypeError, match="Context has an attribute `session` already"):
        session_plugin_telegram.install(app, hub)
    assert (app.bot.rate_limiter, dict(app.handlers), app.context_types.context) == (
        None,
        {},
        Context,
    )


async def test_a_context_is_one_of_the_authors_class_and_named_like_it(hub: SessionHub) -> None:
    class Context(CallbackContext[ExtBot, dict, dict, dict]):
        pass

    class Counters(dict):
        pass

    app = (
        ApplicationBuilder()
        .token("7000000001:own")
        .context_types(ContextTypes(Context, user_data=Counters))
        .build()
    )
    session_plugin_telegram.install(app, hub)
    assert issubclass(app.context_types.context, Context)
    assert app.context_types.context.__name__ == "Context"
    assert app.context_types.user_data is Counters


async def test_an_application_may_get_its_hub_when_it_is_initialized_already(
    on_telegram: Any, hub: SessionHub, path: Any
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    app = on_telegram.make(echo)
    async with app:
        session_plugin_telegram.install(app, hub)
        await app.start()
        await app.updater.start_polling()
        await on_telegram.ask(ann, dm, "hello")
        assert len(await on_telegram.history(hub, dm, count=2)) == 2
        await app.updater.stop()
        await app.stop()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_a_hub_that_came_late_to_a_silent_application_is_closed_with_it(
    on_telegram: Any, hub: SessionHub, path: Any
) -> None:
    ann = on_telegram.simulator.user("Ann")
    dm = on_telegram.simulator.direct_chat(ann)
    app = on_telegram.make()
    async with app:
        session_plugin_telegram.install(app, hub)
        await app.start()
        await app.updater.start_polling()
        await on_telegram.simulator.say(ann, dm, "hello")
        await on_telegram.history(hub, dm, count=1)
        await app.updater.stop()
        await app.stop()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_several_applications_share_a_hub_and_keep_their_people_apart(
    on_telegram: Any, hub: SessionHub, simulators: Any
) -> None:
    other = await simulators(token="7000000002:other", bot_name="Arthur")
    ann = on_telegram.simulator.user("Ann")
    again = other.simulator.user("Ann", user_id=ann.id)
    first, second = (
        on_telegram.install(hub, into=on_telegram.make(echo)),
        other.install(hub, into=other.make(echo)),
    )
    async with on_telegram.started(first), other.started(second):
        answers = await asyncio.gather(
            on_telegram.ask(ann, on_telegram.simulator.direct_chat(ann), "to Marvin"),
            other.ask(again, other.simulator.direct_chat(again), "to Arthur"),
        )
        said = {}
        for one, user in ((on_telegram, ann), (other, again)):
            chat = one.simulator.direct_chat(user)
            said[one] = sorted(
                m.content for m in await one.history(hub, chat, count=4) if m.chat == one.chat(chat)
            )
    assert answers == ["you said to Marvin", "you said to Arthur"]
    assert said == {
        on_telegram: ["to Marvin", "you said to Marvin"],
        other: ["to Arthur", "you said to Arthur"],
    }


async def test_a_handler_that_uses_another_bot_changes_that_bots_chat(
    on_telegram: Any, hub: SessionHub, simulators: Any, says: Any
) -> None:
    other = await simulators(token="7000000002:other", bot_name="Arthur")
    ann = on_telegram.user("Ann")
    here, there = on_telegram.direct_chat(ann), other.direct_chat(other.user("Ann", user_id=ann.id))

    async def answer(turn: Any) -> None:
        await turn.say("here")
        first, second = [
            await arthur.bot.send_message(ann.id, text) for text in ("there", "there, too")
        ]
        assert (first.message_id, second.message_id) == (
            turn.message.message_id,
            turn.message.message_id + 1,
        )
        await arthur.bot.copy_message(ann.id, ann.id, first.message_id)
        await arthur.bot.delete_message(ann.id, second.message_id)

    marvin, arthur = on_telegram.make(answer), other.make()
    on_telegram.install(hub, into=marvin)
    other.install(hub, into=arthur)
    async with on_telegram.started(marvin), other.started(arthur):
        await on_telegram.say(ann, here, "hello")
        history = await says(on_telegram, here, ["hello", "here", "there", "there"])
    assert [one.chat for one in history] == [on_telegram.chat(here)] * 2 + [other.chat(there)] * 2


async def test_the_menu_is_left_alone_unless_asked_and_then_ours_join_it(
    on_telegram: Any, hub: SessionHub
) -> None:
    own = [BotCommand("start", "Begin"), BotCommand("connect", "Something else")]
    async with on_telegram.running(
        hub, commands={"link": "connect", "unlink": "", "whoami": ""}
    ) as app:
        await app.bot.set_my_commands(own)
        assert [one.command for one in await app.bot.get_my_commands()] == ["start", "connect"]
        await session_plugin_telegram.add_to_menu(app)
        menu = {one.command: one.description for one in await app.bot.get_my_commands()}
        await session_plugin_telegram.add_to_menu(app)
        assert len(await app.bot.get_my_commands()) == len(menu)
    assert list(menu)[:2] == ["start", "connect"]
    assert menu["start"] == "Begin"
    assert menu["connect"] == DESCRIPTIONS["link"]
    assert "new" in menu
    assert "unlink" not in menu


async def test_the_menu_of_an_application_without_a_hub_is_an_error(hub: SessionHub) -> None:
    app = ApplicationBuilder().token("7000000001:own").build()
    with pytest.raises(ValueError, match="has no hub yet"):
        await session_plugin_telegram.add_to_menu(app)


ANN = {"id": 5_000_000_001, "is_bot": False, "first_name": "Ann"}
PRIVATE = {"id": ANN["id"], "type": "private", "first_name": "Ann"}
ROOM = {"id": -1_002_000_000_001, "type": "supergroup", "title": "Friends"}
MEMBER = {"chat": ROOM, "from": ANN, "date": 1}
MEMBERSHIP = {
    "old_chat_member": {"status": "left", "user": ANN},
    "new_chat_member": {"status": "member", "user": ANN},
}
BOOST = {
    "boost_id": "1",
    "add_date": 1,
    "expiration_date": 2,
    "source": {"source": "premium", "user": ANN},
}
POLL = {
    "id": "1",
    "question": "tea?",
    "options": [],
    "total_voter_count": 0,
    "is_closed": False,
    "is_anonymous": True,
}
ADDRESS = ("country_code", "state", "city", "street_line1", "street_line2", "post_code")
CONNECTION = {"id": "1", "user": ANN, "user_chat_id": ANN["id"], "date": 1}
OTHERS = {
    "inline_query": {"id": "1", "from": ANN, "query": "x", "offset": ""},
    "chosen_inline_result": {"result_id": "1", "from": ANN, "query": "x"},
    "shipping_query": {
        "id": "1",
        "from": ANN,
        "invoice_payload": "x",
        "shipping_address": dict.fromkeys(
            ("country_code", "state", "city", "street_line1", "street_line2", "post_code"), "x"
        ),
    },
    "pre_checkout_query": {
        "id": "1",
        "from": ANN,
        "currency": "EUR",
        "total_amount": 1,
        "invoice_payload": "x",
    },
    "poll": {
        **POLL,
        "type": "regular",
        "allows_multiple_answers": False,
        "allows_revoting": True,
        "members_only": False,
    },
    "poll_answer": {"poll_id": "1", "user": ANN, "option_ids": [0], "option_persistent_ids": ["0"]},
    "my_chat_member": {**MEMBER, **MEMBERSHIP},
    "chat_member": {**MEMBER, **MEMBERSHIP},
    "chat_join_request": {**MEMBER, "user_chat_id": ANN["id"]},
    "message_reaction": {
        "chat": ROOM,
        "message_id": 1,
        "user": ANN,
        "date": 1,
        "old_reaction": [],
        "new_reaction": [],
    },
    "message_reaction_count": {"chat": ROOM, "message_id": 1, "date": 1, "reactions": []},
    "chat_boost": {"chat": ROOM, "boost": BOOST},
    "removed_chat_boost": {
        "chat": ROOM,
        "boost_id": "1",
        "remove_date": 1,
        "source": BOOST["source"],
    },
    "business_connection": {
        "id": "1",
        "user": ANN,
        "user_chat_id": ANN["id"],
        "date": 1,
        "is_enabled": True,
        "can_reply": True,
    },
    "purchased_paid_media": {"from": ANN, "paid_media_payload": "x"},
}


@pytest.mark.parametrize("kind", OTHERS)
async def test_an_update_that_says_nothing_stores_nothing_and_reaches_its_handler(
    on_telegram: Any, hub: SessionHub, errors: Any, kind: str
) -> None:
    found: list[Any] = []

    async def look(update: Update, context: Any) -> None:
        found.append(None if context.session is None else await context.session.history())

    app = on_telegram.install(hub)
    app.add_handler(TypeHandler(Update, look))
    async with app:
        await app.process_update(Update.de_json({"update_id": 1, kind: OTHERS[kind]}, app.bot))
    assert found == ([[]] if "chat" in OTHERS[kind] else [None])
    assert errors() == []
