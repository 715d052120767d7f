"""Slash commands, buttons, menus and forms: what people say by them is kept, and so is what the bot
answers.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands

import session_plugin_discord
from session_plugin import SessionHub, hookimpl


class Slow:
    """A filter that takes its time with what people say."""

    @hookimpl
    async def session_filter_message(self, event: Any) -> Any:
        if event.role == "user":
            await asyncio.sleep(0.3)
        return event


def stored(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [
            bytes(row[0]).decode()
            for row in database.execute("SELECT content FROM messages ORDER BY seq")
        ]


class Bot(commands.Bot):
    """A bot that synchronises its tree, as its author would."""

    async def setup_hook(self) -> None:
        await self.tree.sync()


@pytest.fixture
def bot() -> Bot:
    intents = discord.Intents.default()
    intents.message_content = True
    return Bot("!", intents=intents, guild_ready_timeout=0.05, help_command=None)


def add_commands(bot: commands.Bot) -> None:
    """Commands of an author's, in every way of answering."""

    @bot.tree.command()
    async def say(interaction: discord.Interaction, words: str, times: int = 1) -> None:
        """Answer at once."""
        await interaction.response.send_message(f"said {words}")

    @bot.tree.command()
    async def think(interaction: discord.Interaction) -> None:
        """Defer, fill in, go on."""
        await interaction.response.defer()
        await interaction.edit_original_response(content="thought")
        await interaction.followup.send("more thoughts")

    @bot.tree.command()
    async def ponder(interaction: discord.Interaction) -> None:
        """Defer, and fill in by a further answer."""
        await interaction.response.defer()
        await interaction.followup.send("pondered")

    @bot.tree.command()
    async def whisper(interaction: discord.Interaction) -> None:
        """Answer one person only, three times over."""
        await interaction.response.send_message("psst", ephemeral=True)
        await interaction.edit_original_response(content="psst!")
        await interaction.followup.send("pssst", ephemeral=True)

    @bot.tree.command()
    async def shout(interaction: discord.Interaction) -> None:
        """Answer beside the interaction."""
        await interaction.response.defer(ephemeral=True)
        await interaction.channel.send("HELLO")
        await interaction.followup.send("done")

    @bot.tree.command()
    async def history(interaction: discord.Interaction) -> None:
        """Show what the session holds."""
        view = await session_plugin_discord.session(interaction)
        told = "; ".join(one.content for one in await view.history(limit=None))
        await interaction.response.send_message(told)


async def test_a_slash_command_is_what_the_person_said(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    add_commands(bot)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    for place in (on_discord.direct_chat(ann), on_discord.group("Friends", ann)):
        async with on_discord.connected(bot):
            used = await on_discord.simulator.slash(
                ann, place, "say", words="good morning", times=2
            )
            asked, answer = await says(
                on_discord, place, ["/say words:good morning times:2", "said good morning"]
            )
        assert (asked.message_id, asked.role, asked.person) == (
            str(used.id),
            "user",
            on_discord.account(ann),
        )
        assert asked.metadata["interaction"] == {
            "id": str(used.id),
            "kind": "slash command",
            "name": "say",
        }
        assert (answer.role, answer.person, answer.reply_to) == (
            "assistant",
            on_discord.account(ann),
            str(used.id),
        )
        bot = Bot("!", intents=bot.intents, guild_ready_timeout=0.05, help_command=None)
        add_commands(bot)
        session_plugin_discord.install(bot, hub)


async def test_a_slash_command_reads_a_history_that_holds_it(
    on_discord: Any, hub: SessionHub, bot: Bot
) -> None:
    hub.register(Slow())
    add_commands(bot)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.say(ann, dm, "I like tea")
        (answer,) = await on_discord.simulator.answered(
            await on_discord.simulator.slash(ann, dm, "history")
        )
    assert answer.text == "I like tea; /history"


async def test_a_hybrid_command_reads_a_history_that_holds_it_both_ways(
    on_discord: Any, hub: SessionHub, bot: Bot
) -> None:
    hub.register(Slow())

    @bot.hybrid_command()
    async def recap(ctx: session_plugin_discord.SessionContext) -> None:
        await ctx.send("; ".join(one.content for one in await ctx.session.history(limit=None)))

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        assert await on_discord.ask(ann, dm, "!recap") == "!recap"
        (answer,) = await on_discord.simulator.answered(
            await on_discord.simulator.slash(ann, dm, "recap")
        )
    assert answer.text == "!recap; !recap; /recap"


async def test_no_answer_to_a_slash_command_leaves_before_the_command_is_stored(
    on_discord: Any, hub: SessionHub, bot: Bot, path: Path
) -> None:
    hub.register(Slow())
    add_commands(bot)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        for name, options in (
            ("say", {"words": "x"}),
            ("think", {}),
            ("ponder", {}),
            ("whisper", {}),
        ):
            await on_discord.simulator.answered(
                await on_discord.simulator.slash(ann, dm, name, **options)
            )
            assert any(text.startswith(f"/{name}") for text in stored(path))


async def test_deferred_answers_and_further_ones_are_kept_once_each(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    add_commands(bot)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.answered(
            await on_discord.simulator.slash(ann, room, "think"), count=2
        )
        await on_discord.simulator.answered(await on_discord.simulator.slash(ann, room, "ponder"))
        kept = await says(
            on_discord, room, ["/think", "thought", "more thoughts", "/ponder", "pondered"]
        )
        await hub.settle()
        assert len(await on_discord.view(hub, room).history(limit=None)) == 5
    assert {one.person for one in kept} == {on_discord.account(ann)}
    assert kept[2].reply_to == kept[1].message_id
    assert all(one.edited_at is None for one in kept)


async def test_two_people_at_once_are_each_answered_in_their_own_name(
    on_discord: Any, hub: SessionHub, bot: Bot
) -> None:
    @bot.tree.command()
    async def wait(interaction: discord.Interaction, number: int) -> None:
        """Answer later, beside the interaction."""
        await interaction.response.defer()
        await asyncio.sleep(number % 7 / 50)
        await interaction.channel.send(f"beside {number}")
        await interaction.followup.send(f"answer {number}")

    session_plugin_discord.install(bot, hub)
    people = [on_discord.user(f"Person {number}") for number in range(20)]
    room = on_discord.group("Friends", *people)
    async with on_discord.connected(bot):
        for number, user in enumerate(people):
            await on_discord.simulator.slash(user, room, "wait", number=number)
        history = await on_discord.history(hub, room, count=60)
    whose = {one.content: one.person for one in history if one.role == "assistant"}
    accounts = [on_discord.account(user) for user in people]
    assert whose == {
        f"{kind} {number}": accounts[number]
        for kind in ("answer", "beside")
        for number in range(20)
    }


@pytest.mark.parametrize("where", ["direct", "group"])
async def test_what_one_person_sees_alone_is_nowhere_kept(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any, where: str, path: Path
) -> None:
    add_commands(bot)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    place = on_discord.direct_chat(ann) if where == "direct" else on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.answered(
            await on_discord.simulator.slash(ann, place, "whisper"), count=2
        )
        await on_discord.simulator.slash(ann, place, "say", words="last")
        own = ["/whisper"] if where == "direct" else []
        await says(on_discord, place, [*own, "/say words:last", "said last"])
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM chats").fetchone() == (1,)
    assert not [text for text in stored(path) if "pss" in text]


async def test_what_one_person_sees_alone_is_kept_where_it_was_said_if_that_is_asked_for(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    add_commands(bot)
    session_plugin_discord.install(bot, hub, ephemeral=True)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.answered(
            await on_discord.simulator.slash(ann, room, "whisper"), count=2
        )
        kept = await says(on_discord, room, ["/whisper", "psst!", "pssst"])
        await on_discord.simulator.answered(await on_discord.simulator.slash(ann, room, "whoami"))
        await on_discord.simulator.slash(ann, room, "say", words="last")
        await says(on_discord, room, ["/whisper", "psst!", "pssst", "/say words:last", "said last"])
    assert [(one.metadata["ephemeral"], one.person) for one in kept[1:]] == [
        (True, on_discord.account(ann))
    ] * 2


async def test_a_send_beside_an_ephemeral_answer_is_kept_and_attributed(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    add_commands(bot)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.slash(ann, room, "shout")
        (loud,) = await says(on_discord, room, ["HELLO"])
    assert loud.person == on_discord.account(ann)


async def test_slash_commands_are_not_kept_where_the_author_turns_it_off(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    add_commands(bot)
    session_plugin_discord.install(bot, hub, slash_input=False)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.slash(ann, room, "say", words="hello")
        (answer,) = await says(on_discord, room, ["said hello"])
    assert (answer.person, answer.reply_to) == (on_discord.account(ann), None)
    assert answer.metadata["interaction"]["name"] == "say"


async def test_an_interaction_that_is_delivered_twice_is_kept_once(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    seen: list[bool] = []

    @bot.tree.command()
    async def once(interaction: discord.Interaction) -> None:
        """Tell whether it was seen before."""
        seen.append((await session_plugin_discord.session(interaction)).is_duplicate)

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        used = await on_discord.simulator.slash(ann, dm, "once")
        await says(on_discord, dm, ["/once"])
        await on_discord.simulator.repeat_use(used)
        await on_discord.until(lambda: len(seen) == 2)
        await says(on_discord, dm, ["/once"])
    assert seen == [False, True]


class Choice(discord.ui.View):
    @discord.ui.button(label="yes", custom_id="yes")
    async def yes(self, interaction: discord.Interaction, button: Any) -> None:
        await interaction.response.send_message("you said yes")

    @discord.ui.button(label="no", custom_id="no")
    async def no(self, interaction: discord.Interaction, button: Any) -> None:
        await interaction.response.edit_message(content="no, then", view=None)


async def test_a_button_says_nothing_and_is_told_in_the_answers_metadata(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    shown = asyncio.Event()

    @bot.command()
    async def ask(ctx: Any) -> None:
        await ctx.send("yes or no?", view=Choice())
        shown.set()

    session_plugin_discord.install(bot, hub)
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.connected(bot):
        await on_discord.say(ann, room, "!ask")
        await shown.wait()
        question = on_discord.messages(room)[-1]
        used = await on_discord.simulator.press(bob, question, "yes")
        *_, answer = await says(on_discord, room, ["!ask", "yes or no?", "you said yes"])
        await on_discord.simulator.press(bob, question, "no")
        await says(on_discord, room, ["!ask", "no, then", "you said yes"])
    assert (answer.person, answer.reply_to) == (on_discord.account(bob), None)
    assert answer.metadata["interaction"] == {
        "id": str(used.id),
        "kind": "button",
        "custom_id": "yes",
    }


class Form(discord.ui.Modal, title="Feedback"):
    words: discord.ui.TextInput[Any] = discord.ui.TextInput(label="words", custom_id="words")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message("thank you")


async def test_menus_and_forms_are_told_in_the_answers_metadata_too(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    @bot.tree.context_menu(name="Quote")
    async def quote(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message("quoted")

    @bot.tree.command()
    async def feedback(interaction: discord.Interaction) -> None:
        """Ask."""
        await interaction.response.send_modal(Form())

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        said = await on_discord.say(ann, room, "tea")
        await on_discord.simulator.menu(ann, room, "Quote", said)
        await says(on_discord, room, ["tea", "quoted"])
        used = await on_discord.simulator.slash(ann, room, "feedback")
        await on_discord.until(lambda: used.form)
        await on_discord.simulator.submit(ann, used, words="my secret")
        kept = await says(on_discord, room, ["tea", "quoted", "/feedback", "thank you"])
    told = [one.metadata["interaction"] for one in kept if one.role == "assistant"]
    assert (told[0]["kind"], told[0]["name"], told[0]["target_id"]) == (
        "context menu",
        "Quote",
        str(said.id),
    )
    assert told[1]["kind"] == "form"
    assert "my secret" not in str([one.metadata for one in kept])


async def test_typing_an_option_is_nothing_said(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    @bot.tree.command()
    async def drink(interaction: discord.Interaction, name: str) -> None:
        """Order."""
        await interaction.response.send_message("served")

    @drink.autocomplete("name")
    async def names(
        interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name="tea", value="tea")]

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        used = await on_discord.simulator.type_slash(ann, dm, "drink", name="te")
        await on_discord.until(lambda: used.choices)
        await on_discord.simulator.slash(ann, dm, "drink", name="tea")
        await says(on_discord, dm, ["/drink name:tea", "served"])


async def test_a_file_given_to_a_command_is_described(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    @bot.tree.command()
    async def read(
        interaction: discord.Interaction, file: discord.Attachment, to: discord.User
    ) -> None:
        """Read."""
        await interaction.response.send_message("read")

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.slash(ann, dm, "read", file=("notes.txt", b"12345"), to=ann)
        asked, _ = await says(on_discord, dm, [f"/read file:notes.txt to:<@{ann.id}>", "read"])
    (file,) = asked.attachments
    assert (file.filename, file.size, file.kind) == ("notes.txt", 5, "document")


async def test_a_plain_client_with_a_tree_keeps_slash_commands(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    client = discord.Client(intents=discord.Intents.default(), guild_ready_timeout=0.05)
    tree = app_commands.CommandTree(client)

    @tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        """Answer."""
        view = await session_plugin_discord.session(interaction)
        await interaction.response.send_message(f"pong {len(await view.history())}")

    @client.event
    async def setup_hook() -> None:
        await tree.sync()

    session_plugin_discord.install(client, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(client):
        await on_discord.simulator.slash(ann, dm, "ping")
        await says(on_discord, dm, ["/ping", "pong 1"])


async def test_words_that_a_webhook_of_the_bots_says_wait_for_what_they_answer(
    on_discord: Any, hub: SessionHub, bot: Bot, path: Path
) -> None:
    hub.register(Slow())
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    held: list[list[str]] = []

    @bot.event
    async def on_message(message: discord.Message) -> None:
        if not message.author.bot:
            await webhooks[0].send("by webhook", wait=True)
            held.append(stored(path))

    webhooks: list[discord.Webhook] = []
    session_plugin_discord.install(bot, hub)
    async with on_discord.connected(bot):
        webhooks.append(await bot.get_channel(room.id).create_webhook(name="News"))
        await on_discord.say(ann, room, "hello")
        history = await on_discord.history(hub, room, count=2)
    assert held[0][0] == "hello"
    assert [(one.content, one.author_name, one.person) for one in history][1] == (
        "by webhook",
        "News",
        None,
    )


async def test_an_interaction_is_answered_in_time_although_the_database_is_locked_and_patience_is_long(
    on_discord: Any, path: Path, bot: Bot, says: Any
) -> None:
    """Discord takes no first answer after three seconds."""
    patient = SessionHub(path, load_entry_points=False, store_patience=30)
    add_commands(bot)
    session_plugin_discord.install(bot, patient)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.say(ann, dm, "hello")
        await on_discord.history(patient, dm, count=1)
        holder = sqlite3.connect(path, isolation_level=None)
        try:
            holder.execute("BEGIN IMMEDIATE")
            used = await on_discord.simulator.slash(ann, dm, "say", words="hi")
            await on_discord.until(lambda: used.answers)
        finally:
            holder.close()
        history = await on_discord.history(patient, dm, count=3)
    assert [one.content for one in history] == ["hello", "/say words:hi", "said hi"]


async def test_the_deletion_of_what_one_person_sees_alone_makes_no_direct_chat_of_a_group(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any, path: Path
) -> None:
    """It names no guild either; a group that was taken for somebody's direct chat would show them
    what all others say.
    """
    deleted = asyncio.Event()

    @bot.tree.command()
    async def glimpse(interaction: discord.Interaction) -> None:
        """Show something for a moment."""
        await interaction.response.send_message("psst", ephemeral=True)
        await interaction.delete_original_response()

    async def on_raw_message_delete(payload: Any) -> None:
        deleted.set()

    bot.add_listener(on_raw_message_delete)
    session_plugin_discord.install(bot, hub, slash_input=False)
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room, dm = on_discord.group("Friends", ann, bob), on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.slash(ann, room, "glimpse")
        await deleted.wait()
        await on_discord.say(ann, room, "hello")
        await on_discord.say(bob, room, "hello Ann")
        await on_discord.say(ann, dm, "in private")
        await says(on_discord, room, ["hello", "hello Ann"])
        await says(on_discord, dm, ["in private"])


async def test_a_deleted_answer_to_a_slash_command_is_gone(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    @bot.tree.command()
    async def oops(interaction: discord.Interaction) -> None:
        """Say too much."""
        await interaction.response.send_message("too much")
        await interaction.followup.send("forget it")
        await interaction.delete_original_response()

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.slash(ann, room, "oops")
        await says(on_discord, room, ["/oops", "forget it"])


async def test_a_plain_client_without_a_tree_may_answer_interactions_by_itself(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    client = discord.Client(intents=discord.Intents.default(), guild_ready_timeout=0.05)

    @client.event
    async def setup_hook() -> None:
        command = {"name": "ping", "description": "Answer", "type": 1}
        await client.http.bulk_upsert_global_commands(client.application_id, payload=[command])

    @client.event
    async def on_interaction(interaction: discord.Interaction) -> None:
        view = await session_plugin_discord.session(interaction)
        await interaction.response.send_message(
            f"pong {[one.content for one in await view.history()]}"
        )

    session_plugin_discord.install(client, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(client):
        assert await on_discord.slash(ann, room, "ping") == "pong ['/ping']"
        _, answer = await says(on_discord, room, ["/ping", "pong ['/ping']"])
    assert answer.person == on_discord.account(ann)


async def test_a_slash_command_in_a_thread_is_said_in_the_thread(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    add_commands(bot)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        thread = on_discord.thread(room, "plans")
        await on_discord.slash(ann, thread, "say", words="hello")
        asked, _ = await says(on_discord, thread, ["/say words:hello", "said hello"])
        await says(on_discord, room, [])
    assert asked.metadata["parent_id"] == str(room.id)


async def test_answers_after_a_restart_to_an_older_interaction_are_kept_as_answers_to_its_user(
    on_discord: Any, path: Path
) -> None:
    """The token of an interaction is good for fifteen minutes, whichever process holds it."""
    first = SessionHub(path, load_entry_points=False)
    before = Bot(
        "!", intents=discord.Intents.default(), guild_ready_timeout=0.05, help_command=None
    )
    add_commands(before)
    session_plugin_discord.install(before, first)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(before):
        used = await on_discord.simulator.slash(ann, room, "say", words="hello")
        await on_discord.history(first, room, count=2)
    second = SessionHub(path, load_entry_points=False)
    after = on_discord.make()
    session_plugin_discord.install(after, second)
    async with on_discord.connected(after):
        webhook = discord.Webhook.partial(after.application_id, used.token, client=after)
        await webhook.send("and later")
        history = await on_discord.history(second, room, count=3)
    assert [(one.content, one.person) for one in history][2] == (
        "and later",
        on_discord.account(ann),
    )
