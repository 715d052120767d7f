"""What authors write, for type checkers alone: nothing here runs. An ignore that is not needed is
an error, so each marks a mistake that a checker must find.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, assert_type

import discord
from discord.ext import commands
from pydantic_ai.messages import ModelMessage
from telegram import Update
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

import session_plugin
import session_plugin_discord
import session_plugin_telegram
from session_plugin import (
    Account,
    Chat,
    MessageEvent,
    Session,
    SessionHub,
    SessionIdentity,
    SessionMessage,
    SessionStore,
    SessionView,
    Summary,
    hookimpl,
)
from session_plugin.context.forms import (
    AnthropicPrompt,
    ChatMessage,
    GeminiPrompt,
    ResponsesItem,
)
from session_plugin.testing import Contract, Driver, Handle, Turn
from session_plugin_discord import SessionContext
from session_plugin_telegram import SessionContext as TelegramContext

assert_type(session_plugin.SessionHub, type[SessionHub])
assert_type(session_plugin.SessionHubb, Any)  # type: ignore[attr-defined]

hub = SessionHub(Path("bot.db"), bot="helper", max_age_hours=12, plugins=[object()])
bot = commands.Bot("!", intents=discord.Intents.default())
sharded = commands.AutoShardedBot("!", intents=discord.Intents.default())


# Discord

session_plugin_discord.install(bot, hub, commands={"link": "connect", "new": ""})
session_plugin_discord.install(sharded, hub, commands=None)
session_plugin_discord.install(bot)  # type: ignore[call-arg]


@bot.command()
async def recap(ctx: SessionContext, count: int = 5) -> None:
    assert_type(ctx.session, SessionView)
    messages = await ctx.session.history(limit=count, before=ctx.session.event)
    assert_type(messages, list[SessionMessage])
    await ctx.reply("\n".join(one.content for one in messages))
    ctx.session.recall()  # type: ignore[attr-defined]


@bot.hybrid_command()
async def begin(ctx: SessionContext) -> None:
    assert_type(await ctx.session.start_new(), Session | None)


@bot.event
async def on_message(message: discord.Message) -> None:
    session = await session_plugin_discord.session(message)
    assert_type(session, SessionView)
    assert_type(session.is_duplicate, bool)
    assert_type(session_plugin_discord.to_event(message, bot_id=1), MessageEvent | None)


@bot.tree.command()
async def recall(interaction: discord.Interaction, words: str) -> None:
    session = await session_plugin_discord.session(interaction)
    assert_type(await session.info(), Session | None)


# Telegram

TelegramApplication = Application[Any, TelegramContext, Any, Any, Any, Any]


async def answer(update: Update, context: TelegramContext) -> None:
    assert_type(context.session, SessionView)
    conversation = await context.session.for_model(max_messages=40)
    assert_type(conversation.summary, Summary | None)
    assert_type(conversation.messages, tuple[SessionMessage, ...])
    assert_type(conversation.as_openai(dialect="strict"), list[ChatMessage])
    assert_type(conversation.as_responses(), list[ResponsesItem])
    assert_type(conversation.as_anthropic(), AnthropicPrompt)
    assert_type(conversation.as_gemini(), GeminiPrompt)
    assert_type(conversation.as_pydantic_ai(), list[ModelMessage])
    context.session.recall()  # type: ignore[attr-defined]


def build() -> TelegramApplication:
    application = (
        ApplicationBuilder()
        .token("1:a")
        .context_types(ContextTypes(context=TelegramContext))
        .build()
    )
    session_plugin_telegram.install(application, hub, commands={"unlink": "part"})
    application.add_handler(CommandHandler("answer", answer))
    application.add_handler(MessageHandler(filters.TEXT, answer))
    return application


# The hub, the store, plugins


async def use_the_hub() -> None:
    ann, dm = Account("slack:T012", "U1"), Chat("slack:T012", "D1")
    event = MessageEvent(
        chat=dm, message_id="1", role="user", text="hello", sent_at=0.0, author=ann
    )
    MessageEvent(chat=dm, message_id="1", role="nobody", text="hello", sent_at=0.0)  # type: ignore[arg-type]
    async with hub:
        recorded = await hub.record(event)
        assert_type(recorded.session, SessionView)
        assert_type(recorded.message, SessionMessage | None)
        assert_type(await recorded.session.identity(), SessionIdentity | None)
        assert_type(await hub.edit(replace(event, text="hallo", edited_at=1.0)), bool)
        assert_type(await hub.delete(dm, ["1"]), int)
        assert_type(await hub.confirm_link(ann), SessionIdentity | None)
        assert_type(await hub.cancel_link(ann), bool)


def use_the_store() -> None:
    with SessionStore("notes.db", max_age_hours=24.0, consolidation_threshold=100) as store:
        session = store.get_or_create("ann", display_name="Ann")
        assert_type(session, Session)
        store.save_message(session.session_id, "user", "Remember the milk.")
        assert_type(store.decay(), int)


class Plugin:
    @hookimpl
    def session_filter_message(self, event: MessageEvent) -> MessageEvent | None:
        return replace(event, text=event.text.upper())

    @hookimpl
    async def session_on_message(self, event: MessageEvent, session: Session) -> None:
        assert_type(session.session_id, str)


# An adapter's author


class MyDriver(Driver):
    channel = "slack"
    prefix = "/"
    package = session_plugin_telegram
    program: Sequence[str] = ("python", "bot.py")

    def make(self, handle: Handle | None = None, **options: Any) -> object:
        return object()

    @asynccontextmanager
    async def connected(self, bot: object) -> AsyncIterator[None]:
        yield


class TestMyAdapter(Contract):
    pass


async def echo(turn: Turn) -> None:
    await turn.say(turn.text)
