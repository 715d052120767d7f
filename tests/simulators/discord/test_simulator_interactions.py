"""Slash commands, menus, buttons and forms on the simulated Discord, with the real discord.py."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands

from discord_simulator import DiscordSimulator


async def test_a_slash_command_carries_its_options_by_their_types(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    got: dict[str, Any] = {}

    @bot.tree.command()
    async def describe(
        interaction: discord.Interaction,
        words: str,
        times: int,
        loud: bool,
        share: float,
        to: discord.Member,
        where: discord.TextChannel,
        file: discord.Attachment,
    ) -> None:
        """Send a person a text."""
        got.update(
            words=words,
            times=times,
            loud=loud,
            share=share,
            to=to.id,
            where=where.id,
            file=await file.read(),
        )

        await interaction.response.send_message("described")

    ann, bob = simulator.user("Ann"), simulator.user("Bob")
    room = simulator.group("Friends", ann, bob)
    async with run(bot):
        options = {
            "words": "good morning",
            "times": 2,
            "loud": True,
            "share": 0.5,
            "to": bob,
            "where": room,
        }

        used = await simulator.slash(ann, room, "describe", **options, file=("a.txt", b"12345"))
        (answer,) = await simulator.answered(used)

    assert answer.text == "described"
    expected = {"words": "good morning", "times": 2, "loud": True, "share": 0.5}
    assert got == {**expected, "to": bob.id, "where": room.id, "file": b"12345"}


async def test_a_subcommand_is_named_by_its_group(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    group = app_commands.Group(name="notes", description="Notes")

    @group.command()
    async def add(interaction: discord.Interaction, text: str) -> None:
        """Add a note."""
        await interaction.response.send_message(f"added {text}")

    bot.tree.add_command(group)
    ann = simulator.user("Ann")
    async with run(bot):
        used = await simulator.slash(ann, simulator.direct_chat(ann), "notes add", text="milk")
        assert [one.text for one in await simulator.answered(used)] == ["added milk"]


async def test_a_command_that_is_not_registered_cannot_be_given(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    ann = simulator.user("Ann")
    async with run(bot):
        with pytest.raises(ValueError, match=r"tree\.sync"):
            await simulator.slash(ann, simulator.direct_chat(ann), "recap")


async def test_an_answer_to_a_command_names_its_interaction(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any, seen: Any
) -> None:
    @bot.tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        """Answer."""
        await interaction.response.send_message("pong")

    ann = simulator.user("Ann")
    heard = seen("message")
    async with run(bot):
        used = await simulator.slash(ann, simulator.group("Friends", ann), "ping")
        echo = await heard()

    assert (echo.author.id, echo.webhook_id, echo.type) == (
        simulator.bot.id,
        simulator.bot.id,
        discord.MessageType.chat_input_command,
    )
    assert (echo.interaction_metadata.id, echo.interaction_metadata.user.id) == (used.id, ann.id)


async def test_an_ephemeral_answer_is_told_without_its_guild_and_stands_nowhere(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any, seen: Any
) -> None:
    @bot.tree.command()
    async def secret(interaction: discord.Interaction) -> None:
        """Answer one person."""
        await interaction.response.send_message("psst", ephemeral=True)

    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)

    heard = seen("message")
    async with run(bot):
        used = await simulator.slash(ann, room, "secret")
        echo = await heard()

    assert echo.flags.ephemeral
    assert (echo.guild, type(echo.channel), echo.channel.id) == (None, discord.DMChannel, room.id)
    assert [one.text for one in used.answers] == ["psst"]
    assert simulator.messages(room) == []


async def test_a_deferred_answer_is_filled_in_by_an_update_and_followed_by_replies(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any, seen: Any
) -> None:
    @bot.tree.command()
    async def think(interaction: discord.Interaction) -> None:
        """Think."""
        await interaction.response.defer()
        await interaction.edit_original_response(content="thought")
        await interaction.followup.send("and more")

    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)

    created, updated = seen("message"), seen("raw_message_edit")
    async with run(bot):
        used = await simulator.slash(ann, room, "think")
        first, update, second = await created(), await updated(), await created()

    assert (first.content, first.flags.value) == ("", 1 << 7)
    assert (update.message_id, update.message.content, update.message.edited_at) == (
        first.id,
        "thought",
        None,
    )
    assert (second.content, second.reference.message_id) == ("and more", first.id)
    assert second.interaction_metadata.original_response_message_id == first.id
    assert [one.text for one in used.answers] == ["thought", "and more"]


async def test_the_first_further_answer_fills_in_a_deferred_one(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    @bot.tree.command()
    async def think(interaction: discord.Interaction) -> None:
        """Think."""
        await interaction.response.defer(ephemeral=True)
        await interaction.followup.send("thought")

    ann = simulator.user("Ann")
    async with run(bot):
        used = await simulator.slash(ann, simulator.direct_chat(ann), "think")
        (answer,) = await simulator.answered(used)

    assert (answer.text, answer.is_ephemeral) == ("thought", True)


async def test_a_second_first_answer_and_an_answer_that_is_too_late_have_the_documented_codes(
    point_client: Any, bot: commands.Bot
) -> None:
    now = [1_800_000_000.0]
    codes: asyncio.Queue[int] = asyncio.Queue()
    async with DiscordSimulator(clock=lambda: now[0]) as simulator:
        point_client(simulator)

        @bot.tree.command()
        async def late(interaction: discord.Interaction) -> None:
            """Answer too late."""
            now[0] += 4
            with pytest.raises(discord.NotFound) as caught:
                await interaction.response.send_message("too late")
            codes.put_nowait(caught.value.code)

        @bot.tree.command()
        async def twice(interaction: discord.Interaction) -> None:
            """Answer twice."""
            await interaction.response.send_message("once")
            interaction.response._response_type = None
            with pytest.raises(discord.HTTPException) as caught:
                await interaction.response.send_message("twice")
            codes.put_nowait(caught.value.code)

        ann = simulator.user("Ann")
        task = asyncio.create_task(bot.start(simulator.token))
        await simulator.connected()
        found = []

        for name in ("late", "twice"):
            await simulator.slash(ann, simulator.direct_chat(ann), name)
            found.append(await asyncio.wait_for(codes.get(), 10))

        await bot.close()
        await asyncio.gather(task, return_exceptions=True)

    assert found == [10062, 40060]


class Choice(discord.ui.View):
    @discord.ui.button(label="yes", custom_id="yes")
    async def yes(self, interaction: discord.Interaction, button: Any) -> None:
        await interaction.response.edit_message(content="chosen", view=None)

    @discord.ui.select(
        custom_id="drink",
        options=[discord.SelectOption(label="tea"), discord.SelectOption(label="coffee")],
    )
    async def drink(self, interaction: discord.Interaction, select: Any) -> None:
        await interaction.response.send_message(f"{select.values[0]}, then")


async def test_a_button_changes_its_message_and_a_select_answers(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    @bot.command()
    async def ask(ctx: Any) -> None:
        await ctx.send("choose", view=Choice())
        shown.set()  # discord.py knows the buttons when sending has returned

    shown = asyncio.Event()
    ann = simulator.user("Ann")

    room = simulator.group("Friends", ann)
    async with run(bot):
        question = await simulator.answer(room, after=await simulator.say(ann, room, "!ask"))
        await shown.wait()
        used = await simulator.press(ann, question, "drink", values=["tea"])
        assert [one.text for one in await simulator.answered(used)] == ["tea, then"]
        await simulator.press(ann, question, "yes")
        while question.text != "chosen":
            await asyncio.sleep(0.01)

    assert question.edited
    with pytest.raises(ValueError, match="no button"):
        await simulator.press(ann, question)


async def test_context_menus_name_their_target(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    @bot.tree.context_menu(name="Quote")
    async def quote(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"{message.author.display_name}: {message.content}")

    @bot.tree.context_menu(name="Greet")
    async def greet(interaction: discord.Interaction, member: discord.Member) -> None:
        await interaction.response.send_message(f"hello {member.display_name}")

    ann, bob = simulator.user("Ann"), simulator.user("Bob")
    room = simulator.group("Friends", ann, bob)
    async with run(bot):
        said = await simulator.say(bob, room, "tea!")
        quoted = await simulator.answered(await simulator.menu(ann, room, "Quote", said))
        greeted = await simulator.answered(await simulator.menu(ann, room, "Greet", bob))

    assert [one.text for one in (*quoted, *greeted)] == ["Bob: tea!", "hello Bob"]


class Form(discord.ui.Modal, title="Feedback"):
    words: discord.ui.TextInput[Any] = discord.ui.TextInput(label="words", custom_id="words")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"thanks for {self.words.value}")


async def test_a_form_is_shown_and_submitted(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    @bot.tree.command()
    async def feedback(interaction: discord.Interaction) -> None:
        """Ask."""
        await interaction.response.send_modal(Form())

    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    async with run(bot):
        used = await simulator.slash(ann, dm, "feedback")
        while used.form is None:
            await asyncio.sleep(0.01)
        sent = await simulator.submit(ann, used, words="the fish")
        assert [one.text for one in await simulator.answered(sent)] == ["thanks for the fish"]


async def test_choices_are_proposed_while_an_option_is_typed(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    @bot.tree.command()
    async def drink(interaction: discord.Interaction, name: str) -> None:
        """Order."""

    @drink.autocomplete("name")
    async def names(
        interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return [
            app_commands.Choice(name=one, value=one)
            for one in ("tea", "toast")
            if one.startswith(current)
        ]

    ann = simulator.user("Ann")
    async with run(bot):
        used = await simulator.type_slash(ann, simulator.direct_chat(ann), "drink", name="te")
        while not used.choices:
            await asyncio.sleep(0.01)

    assert [one["name"] for one in used.choices] == ["tea"]


async def test_a_webhook_of_the_bots_speaks_under_its_own_name(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any, seen: Any
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)

    heard = seen("message")
    async with run(bot):
        webhook = await bot.get_channel(room.id).create_webhook(name="News")
        sent = await webhook.send("read all about it", wait=True)
        echo = await heard()
        await sent.edit(content="read it")

    assert (echo.content, echo.webhook_id, echo.author.name) == (
        "read all about it",
        webhook.id,
        "News",
    )
    assert simulator.messages(room)[0].text == "read it"


async def test_an_unknown_token_has_the_documented_code(
    simulator: DiscordSimulator, bot: commands.Bot, run: Any
) -> None:
    async with run(bot):
        webhook = discord.Webhook.partial(1, "nobody-knows", client=bot)
        with pytest.raises(discord.NotFound) as caught:
            await webhook.send("hello")
    assert caught.value.code == 10015
