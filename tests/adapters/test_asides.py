"""Commands to the bot, the answers to them and what it says about errors are asides: they are in
the history, and a model is not given them; a command whose handler asks for_model is conversation.
"""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands, tasks
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.ext import CallbackQueryHandler, CommandHandler, MessageHandler, filters

import session_plugin_discord
import session_plugin_telegram
from session_plugin import SessionHub
from session_plugin_discord.answering import is_error


async def marks(driver: Any, hub: SessionHub, chat: Any, *, count: int) -> list[tuple[str, bool]]:
    """Return what was said in a chat, and whether it is an aside."""
    found = await driver.history(hub, chat, count=count)
    context = await driver.view(hub, chat).for_model()
    given = [one.content for one in context.messages]
    assert given == [one.content for one in found if not one.is_aside]

    return [(one.content, one.is_aside) for one in found]


# Discord, by prefix


def test_errors_that_name_each_other_as_their_contexts_end_the_search() -> None:
    first, second = ValueError(), ValueError()
    first.__context__, second.__context__ = second, first
    try:
        raise first
    except ValueError:
        assert not is_error(None)


@pytest.mark.parametrize("kind", ["direct", "group"])
async def test_a_prefix_command_and_its_answer_are_asides(
    on_discord: Any, hub: SessionHub, kind: str
) -> None:
    async def answer(turn: Any) -> None:
        if not turn.text.startswith("!"):
            await turn.say("hello Ann")

    seen = []
    bot = on_discord.make(answer)

    @bot.command(aliases=["pong"])
    async def ping(ctx: Any) -> None:
        seen.append([one.is_aside for one in await ctx.session.history()])
        await ctx.send("here I am")
        await ctx.reply("twice")

    ann = on_discord.user("Ann")
    place = on_discord.direct_chat(ann) if kind == "direct" else on_discord.group("Friends", ann)
    async with on_discord.started(on_discord.install(hub, into=bot)):
        await on_discord.ask(ann, place, "hello")
        await on_discord.say(ann, place, "!ping")
        await on_discord.told(place, "twice")
        assert await marks(on_discord, hub, place, count=5) == [
            ("hello", False),
            ("hello Ann", False),
            ("!ping", True),
            ("here I am", True),
            ("twice", True),
        ]
    assert seen == [[False, False, True]]


@pytest.mark.parametrize("text", ["!pinging", "ping", "!nothing", "I say !ping"])
async def test_what_is_no_command_of_the_bot_is_conversation(
    on_discord: Any, hub: SessionHub, text: str
) -> None:
    bot = on_discord.make()
    bot.add_command(commands.Command(_nothing, name="ping"))
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.started(on_discord.install(hub, into=bot)):
        await on_discord.say(ann, dm, text)
        assert await marks(on_discord, hub, dm, count=1) == [(text, False)]


async def _nothing(ctx: Any, *words: str) -> None: ...


async def test_a_command_whose_handler_asks_for_model_is_conversation(
    on_discord: Any, hub: SessionHub
) -> None:
    bot, seen = on_discord.make(), []

    @bot.command()
    async def ask(ctx: Any, *, question: str) -> None:
        await ctx.send("thinking ...")
        context = await ctx.session.for_model(upto=ctx.session.event)
        seen.append([one.content for one in context.messages])
        await ctx.send("Vienna")

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.started(on_discord.install(hub, into=bot)):
        await on_discord.say(ann, dm, "!ask the capital of Austria?")
        await on_discord.told(dm, "Vienna")
        assert await marks(on_discord, hub, dm, count=3) == [
            ("!ask the capital of Austria?", False),
            ("thinking ...", False),
            ("Vienna", False),
        ]
    assert seen == [["!ask the capital of Austria?"]]


async def test_a_bare_command_whose_handler_asks_for_model_is_conversation(
    on_discord: Any, hub: SessionHub
) -> None:
    bot = on_discord.make()

    @bot.command()
    async def joke(ctx: Any) -> None:
        await ctx.session.for_model()
        await ctx.send("Knock, knock.")

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.started(on_discord.install(hub, into=bot)):
        await on_discord.say(ann, dm, "!joke")
        await on_discord.told(dm, "Knock")
        assert await marks(on_discord, hub, dm, count=2) == [
            ("!joke", False),
            ("Knock, knock.", False),
        ]


async def test_a_command_named_as_conversation_is_one(on_discord: Any, hub: SessionHub) -> None:
    bot = on_discord.make()

    @bot.command(aliases=["a"])
    async def ask(ctx: Any, *, question: str) -> None:
        await ctx.send("Vienna")

    session_plugin_discord.install(bot, hub, conversation_commands={"ask"})
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.started(bot):
        await on_discord.say(ann, dm, "!a the capital")
        await on_discord.told(dm, "Vienna")
        assert await marks(on_discord, hub, dm, count=2) == [
            ("!a the capital", False),
            ("Vienna", False),
        ]


async def test_an_edit_of_a_command_stays_what_the_command_was(
    on_discord: Any, hub: SessionHub
) -> None:
    bot = on_discord.make()

    @bot.command()
    async def ask(ctx: Any, *, question: str) -> None:
        await ctx.session.for_model()
        await ctx.send("Vienna")

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.started(on_discord.install(hub, into=bot)):
        said = await on_discord.say(ann, dm, "!ask the capitl")
        await on_discord.told(dm, "Vienna")
        await on_discord.edit(said, "!ask the capital")
        await asyncio.sleep(0.2)
        assert (await marks(on_discord, hub, dm, count=2))[0] == ("!ask the capital", False)
        await on_discord.edit(said, "never mind")
        await asyncio.sleep(0.2)
        assert (await marks(on_discord, hub, dm, count=2))[0] == ("never mind", False)


async def test_what_error_handlers_say_is_an_aside(on_discord: Any, hub: SessionHub) -> None:
    bot = on_discord.make()

    @bot.command()
    async def ask(ctx: Any, *, question: str) -> None:
        await ctx.session.for_model()
        raise ConnectionError("the model is away")

    @bot.event
    async def on_command_error(ctx: Any, error: Any) -> None:
        await ctx.send(f"Sorry: {type(error).__name__}")

    class Local(commands.Cog):
        @commands.command()
        async def local(self, ctx: Any) -> None:
            await ctx.session.for_model()
            raise ValueError

        async def cog_command_error(self, ctx: Any, error: Exception) -> None:
            await ctx.send("cog: Sorry")

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    on_discord.install(hub, into=bot)
    async with bot:
        await bot.add_cog(Local())
        async with on_discord.connected(bot):
            await on_discord.say(ann, dm, "!unknown")
            await on_discord.until(lambda: len(on_discord.messages(dm)) == 2)
            await on_discord.say(ann, dm, "!ask the capital")
            await on_discord.until(lambda: len(on_discord.messages(dm)) == 4)
            await on_discord.say(ann, dm, "!local")
            await on_discord.until(lambda: len(on_discord.messages(dm)) >= 7)
            assert await marks(on_discord, hub, dm, count=7) == [
                ("!unknown", False),
                ("Sorry: CommandNotFound", True),
                ("!ask the capital", False),
                ("Sorry: CommandInvokeError", True),
                ("!local", False),
                ("cog: Sorry", True),
                ("Sorry: CommandInvokeError", True),
            ]


async def test_what_on_error_says_is_an_aside(on_discord: Any, hub: SessionHub) -> None:
    bot = on_discord.make()

    @bot.event
    async def on_message(message: Any) -> None:
        if message.author != bot.user:
            session = await session_plugin_discord.session(message)
            await session.for_model()
            await message.channel.send("One moment.")
            raise ConnectionError

    @bot.event
    async def on_error(event: str, message: Any) -> None:
        await message.channel.send("Sorry.")

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.started(on_discord.install(hub, into=bot)):
        await on_discord.say(ann, dm, "hello")
        await on_discord.told(dm, "Sorry")
        assert await marks(on_discord, hub, dm, count=3) == [
            ("hello", False),
            ("One moment.", False),
            ("Sorry.", True),
        ]


def ask_model() -> None:
    raise ConnectionError


class Failing(discord.ui.View):
    """Buttons: one whose handler fails, one whose handler mends its error, one with a form."""

    @discord.ui.button(label="fail", custom_id="fail")
    async def fail(self, interaction: Any, button: Any) -> None:
        raise ConnectionError

    @discord.ui.button(label="mend", custom_id="mend")
    async def mend(self, interaction: Any, button: Any) -> None:
        try:
            ask_model()
        except ConnectionError:
            await interaction.response.send_message("another model says: Vienna")

    @discord.ui.button(label="form", custom_id="form")
    async def form(self, interaction: Any, button: Any) -> None:
        await interaction.response.send_modal(FailingForm())

    async def on_error(self, interaction: Any, error: Exception, item: Any) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.followup.send("Sorry")
        await interaction.channel.send("The button failed.")


class FailingForm(discord.ui.Modal, title="Form"):
    words: discord.ui.TextInput[Any] = discord.ui.TextInput(label="words", custom_id="words")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        raise ConnectionError

    async def on_error(self, interaction: Any, error: Exception) -> None:
        await interaction.response.send_message("The form failed.")


async def test_what_error_handlers_of_buttons_and_forms_say_is_an_aside(
    on_discord: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        await turn.message.channel.send("an answer", view=Failing(timeout=None))

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.running(hub, answer):
        await on_discord.say(ann, dm, "hello")
        await on_discord.history(hub, dm, count=2)
        await asyncio.sleep(0.1)  # by then discord.py knows the buttons
        sent = await on_discord.answer(dm)
        await on_discord.simulator.press(ann, sent, "mend")
        await on_discord.told(dm, "Vienna")
        await on_discord.simulator.press(ann, sent, "fail")
        await on_discord.told(dm, "The button failed")
        used = await on_discord.simulator.press(ann, sent, "form")
        await on_discord.until(lambda: used.form)
        await on_discord.simulator.submit(ann, used, words="mine")
        await on_discord.told(dm, "The form failed")
        assert await marks(on_discord, hub, dm, count=6) == [
            ("hello", False),
            ("an answer", False),
            ("another model says: Vienna", False),
            ("Sorry", True),
            ("The button failed.", True),
            ("The form failed.", True),
        ]


async def test_what_error_handlers_of_menus_and_loops_say_is_an_aside(
    on_discord: Any, hub: SessionHub
) -> None:
    bot = on_discord.make()

    @bot.tree.context_menu(name="Quote")
    async def quote(interaction: discord.Interaction, message: discord.Message) -> None:
        await (await session_plugin_discord.session(interaction)).for_model()
        raise ConnectionError

    @quote.error
    async def on_quote_error(interaction: discord.Interaction, error: Exception) -> None:
        await interaction.response.send_message("The menu failed.")

    async def setup_hook() -> None:
        await bot.tree.sync()

    bot.setup_hook = setup_hook

    @tasks.loop(count=1)
    async def remind(channel: Any) -> None:
        await channel.send("Dinner is ready.")
        raise ValueError

    @remind.error
    async def on_remind_error(error: BaseException) -> None:
        await bot.get_channel(room.id).send("The loop failed.")

    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.started(on_discord.install(hub, into=bot)):
        said = await on_discord.say(ann, room, "tea")
        await on_discord.history(hub, room, count=1)
        await on_discord.simulator.menu(ann, room, "Quote", said)
        await on_discord.told(room, "The menu failed")
        remind.start(bot.get_channel(room.id))
        await on_discord.told(room, "The loop failed")
        assert await marks(on_discord, hub, room, count=4) == [
            ("tea", False),
            ("The menu failed.", True),
            ("Dinner is ready.", False),
            ("The loop failed.", True),
        ]


# Discord, slash commands


@pytest.fixture
def slash_bot(on_discord: Any) -> Any:
    """Return a bot with /ping, and with /ask, which talks to a model."""
    bot = on_discord.make()

    @bot.tree.command(name="ping", description="p")
    async def ping(interaction: Any) -> None:
        await interaction.response.send_message("here I am")

    @bot.tree.command(name="ask", description="a")
    async def ask(interaction: Any, question: str) -> None:
        session = await session_plugin_discord.session(interaction)
        await interaction.response.defer()
        found = await session.for_model()
        assert found.messages[-1].content == f"/ask question:{question}"
        await interaction.followup.send("Vienna")

    @bot.tree.command(name="fail", description="f")
    async def fail(interaction: Any, what: str) -> None:
        await (await session_plugin_discord.session(interaction)).for_model()
        raise ValueError

    @bot.tree.error
    async def on_error(interaction: Any, error: app_commands.AppCommandError) -> None:
        await interaction.response.send_message("Sorry")

    async def setup_hook() -> None:
        await bot.tree.sync()

    bot.setup_hook = setup_hook

    return bot


@pytest.mark.parametrize("kind", ["direct", "group"])
async def test_a_slash_command_and_its_answer_are_asides_unless_it_talks_to_a_model(
    on_discord: Any, hub: SessionHub, slash_bot: Any, kind: str
) -> None:
    ann = on_discord.user("Ann")
    place = on_discord.direct_chat(ann) if kind == "direct" else on_discord.group("Friends", ann)
    async with on_discord.started(on_discord.install(hub, into=slash_bot)):
        assert await on_discord.slash(ann, place, "ping") == "here I am"
        assert await on_discord.slash(ann, place, "ask", question="the capital?") == "Vienna"
        await on_discord.simulator.slash(ann, place, "fail", what="now")
        await on_discord.told(place, "Sorry")
        assert await marks(on_discord, hub, place, count=6) == [
            ("/ping", True),
            ("here I am", True),
            ("/ask question:the capital?", False),
            ("Vienna", False),
            ("/fail what:now", False),
            ("Sorry", True),
        ]


# Telegram


@pytest.fixture
def telegram_bot(on_telegram: Any) -> Any:
    """Return an application with commands and a handler for all else."""
    app = on_telegram.make()

    async def start(update: Any, context: Any) -> None:
        await update.message.reply_text("Welcome!")

    async def ask(update: Any, context: Any) -> None:
        sent = await update.message.reply_text("thinking ...")
        await context.session.for_model()
        await sent.edit_text("Vienna")

    async def talk(update: Any, context: Any) -> None:
        await context.session.for_model()
        if "fail" in update.message.text:
            raise ConnectionError("the model is away")
        await update.message.reply_text("I see.")

    async def after(update: Any, context: Any) -> None:
        if "fail" in update.message.text:
            await context.bot.send_message(update.effective_chat.id, "but I am here")

    async def on_error(update: Any, context: Any) -> None:
        await update.effective_chat.send_message("Sorry")

    app.add_handler(CommandHandler("start", start))
    app.add_handler(CommandHandler("ask", ask))
    app.add_handler(MessageHandler(filters.TEXT & ~filters.COMMAND, talk))
    app.add_handler(MessageHandler(filters.TEXT & ~filters.COMMAND, after), group=5)
    return app, on_error


@pytest.mark.parametrize("kind", ["direct", "group"])
@pytest.mark.parametrize("block", [True, False])
async def test_telegrams_commands_answers_and_errors_are_asides(
    on_telegram: Any, hub: SessionHub, telegram_bot: Any, kind: str, block: bool
) -> None:
    app, on_error = telegram_bot
    app.add_error_handler(on_error, block=block)
    ann = on_telegram.user("Ann")
    place = on_telegram.direct_chat(ann) if kind == "direct" else on_telegram.group("Friends", ann)
    async with on_telegram.started(on_telegram.install(hub, into=app)):
        await on_telegram.say(ann, place, "/start")
        await on_telegram.told(place, "Welcome")
        await on_telegram.say(ann, place, "/ask the capital")
        await on_telegram.told(place, "Vienna")
        await on_telegram.say(ann, place, "fail")
        await on_telegram.told(place, "Sorry")
        await on_telegram.told(place, "but I am here")
        await on_telegram.say(ann, place, "well")
        await on_telegram.told(place, "I see.")
        found = await marks(on_telegram, hub, place, count=9)
    assert sorted(found) == sorted(
        [
            ("/start", True),
            ("Welcome!", True),
            ("/ask the capital", False),
            ("Vienna", False),
            ("fail", False),
            ("Sorry", True),
            ("but I am here", False),
            ("well", False),
            ("I see.", False),
        ]
    )


@pytest.mark.parametrize("block", [True, False])
async def test_what_is_said_about_an_error_of_a_button_is_an_aside(
    on_telegram: Any, hub: SessionHub, says: Any, block: bool
) -> None:
    app = on_telegram.make()

    async def offer(update: Any, context: Any) -> None:
        buttons = [[InlineKeyboardButton(name, callback_data=name) for name in ("fail", "mend")]]
        await update.message.reply_text("an answer", reply_markup=InlineKeyboardMarkup(buttons))

    async def press(update: Any, context: Any) -> None:
        try:
            ask_model()
        except ConnectionError:
            if update.callback_query.data == "fail":
                raise
            await update.callback_query.message.reply_text("another model says: Vienna")

    async def on_error(update: Any, context: Any) -> None:
        await update.callback_query.answer("Sorry")
        await update.callback_query.message.reply_text("The button failed.")
        await update.callback_query.edit_message_text("It failed.")

    app.add_handler(MessageHandler(filters.TEXT, offer))
    app.add_handler(CallbackQueryHandler(press, block=block))
    app.add_error_handler(on_error, block=block)
    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.started(on_telegram.install(hub, into=app)):
        await on_telegram.say(ann, dm, "hello")
        sent = await on_telegram.answer(dm)
        await on_telegram.simulator.press(ann, sent, "mend")
        await on_telegram.told(dm, "Vienna")
        await on_telegram.simulator.press(ann, sent, "fail")
        answers = ["another model says: Vienna", "The button failed."]
        await says(on_telegram, dm, ["hello", "It failed.", *answers])
        assert await marks(on_telegram, hub, dm, count=4) == [
            ("hello", False),
            ("It failed.", True),
            ("another model says: Vienna", False),
            ("The button failed.", True),
        ]


async def test_a_command_to_another_bot_is_no_command(on_telegram: Any, hub: SessionHub) -> None:
    ann = on_telegram.user("Ann")
    room = on_telegram.group("Friends", ann)
    async with on_telegram.running(hub):
        await on_telegram.say(ann, room, "/play@SomeOtherBot")
        own = f"/play@{on_telegram.simulator.bot.username}"
        await on_telegram.say(ann, room, own)
        assert await marks(on_telegram, hub, room, count=2) == [
            ("/play@SomeOtherBot", False),
            (own, True),
        ]


async def test_a_telegram_command_named_as_conversation_is_one(
    on_telegram: Any, hub: SessionHub
) -> None:
    app = on_telegram.make()
    session_plugin_telegram.install(app, hub, conversation_commands=["Ask"])
    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.started(app):
        await on_telegram.say(ann, dm, "/ask me")
        assert await marks(on_telegram, hub, dm, count=1) == [("/ask me", False)]


async def test_one_name_for_conversation_is_refused_as_text(
    on_telegram: Any, on_discord: Any, hub: SessionHub
) -> None:
    with pytest.raises(TypeError, match="several names"):
        session_plugin_telegram.install(on_telegram.make(), hub, conversation_commands="ask")
    with pytest.raises(TypeError, match="several names"):
        session_plugin_discord.install(on_discord.make(), hub, conversation_commands="ask")


async def test_what_a_command_sends_elsewhere_is_conversation(
    on_telegram: Any, hub: SessionHub
) -> None:
    app, ann, bob = on_telegram.make(), on_telegram.user("Ann"), on_telegram.user("Bob")
    dm, other = on_telegram.direct_chat(ann), on_telegram.direct_chat(bob)

    async def tell(update: Any, context: Any) -> None:
        await context.bot.send_message(other.id, "Dinner is ready.")
        await update.message.reply_text("told")

    app.add_handler(CommandHandler("tell", tell))
    async with on_telegram.started(on_telegram.install(hub, into=app)):
        await on_telegram.say(bob, other, "hello")
        await on_telegram.say(ann, dm, "/tell Bob")
        await on_telegram.told(dm, "told")
        assert await marks(on_telegram, hub, other, count=2) == [
            ("hello", False),
            ("Dinner is ready.", False),
        ]
        assert (await marks(on_telegram, hub, dm, count=2))[1] == ("told", True)


async def test_what_is_sent_while_a_handler_mends_an_error_is_conversation(
    on_telegram: Any, on_discord: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), timeout=0.01)
        except TimeoutError:
            await turn.say("another model says: Vienna")

    for driver in (on_telegram, on_discord):
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        async with driver.running(hub, answer):
            await driver.ask(ann, dm, "the capital?")
            found = await marks(driver, hub, dm, count=2)
        assert found == [("the capital?", False), ("another model says: Vienna", False)]


async def test_what_a_button_below_an_answer_brings_is_conversation(
    on_discord: Any, hub: SessionHub
) -> None:
    class Again(discord.ui.View):
        @discord.ui.button(label="again", custom_id="again")
        async def again(self, interaction: Any, button: Any) -> None:
            await interaction.response.send_message("another answer")

    async def answer(turn: Any) -> None:
        await turn.message.channel.send("an answer", view=Again(timeout=None))

    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.running(hub, answer):
        await on_discord.say(ann, dm, "hello")
        await on_discord.history(hub, dm, count=2)
        await asyncio.sleep(0.1)  # by then discord.py knows the button
        sent = await on_discord.answer(dm)
        await on_discord.simulator.press(ann, sent, "again")
        await on_discord.told(dm, "another answer")
        assert [aside for _, aside in await marks(on_discord, hub, dm, count=3)] == [False] * 3


async def test_start_is_an_aside_whatever_answers_it(on_telegram: Any, hub: SessionHub) -> None:
    async def answer(turn: Any) -> None:
        await turn.session.for_model()
        await turn.say("Hello! What is your name?")

    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        await on_telegram.ask(ann, dm, "/start")
        await on_telegram.ask(ann, dm, "/hello")
        assert await marks(on_telegram, hub, dm, count=4) == [
            ("/start", True),
            ("Hello! What is your name?", False),
            ("/hello", False),
            ("Hello! What is your name?", False),
        ]
