"""Where the bot is no member, Discord reports nothing: its own requests say what became of it."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from discord.ext import commands

import session_plugin_discord
from session_plugin import SessionHub


class Bot(commands.Bot):
    async def setup_hook(self) -> None:
        await self.tree.sync()


class Choice(discord.ui.View):
    @discord.ui.button(label="change", custom_id="change")
    async def change(self, interaction: discord.Interaction, button: Any) -> None:
        await interaction.response.edit_message(content="changed")

    @discord.ui.button(label="remove", custom_id="remove")
    async def remove(self, interaction: discord.Interaction, button: Any) -> None:
        await interaction.response.defer()
        await interaction.delete_original_response()


@pytest.fixture
def bot() -> Bot:
    return Bot("!", intents=discord.Intents.default(), guild_ready_timeout=0.05, help_command=None)


async def test_what_the_bot_deletes_where_it_is_no_member_is_gone(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    @bot.tree.command()
    async def tidy(interaction: discord.Interaction) -> None:
        """Say three things, and take back two."""
        await interaction.response.send_message("first")
        second = await interaction.followup.send("second", wait=True)
        await interaction.followup.send("third")
        await second.delete()
        await interaction.delete_original_response()

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Elsewhere", ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.remove_bot(room.guild)
        await on_discord.simulator.slash(ann, room, "tidy")
        await says(on_discord, room, ["/tidy", "third"])


async def test_what_the_bot_deletes_by_a_deferred_answers_name_is_gone(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    @bot.tree.command()
    async def tidy(interaction: discord.Interaction) -> None:
        """Defer, fill in, go on, and take the first answer back."""
        await interaction.response.defer()
        await interaction.followup.send("first")
        await interaction.followup.send("second")
        await (await interaction.original_response()).delete()

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Elsewhere", ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.remove_bot(room.guild)
        await on_discord.simulator.slash(ann, room, "tidy")
        await says(on_discord, room, ["/tidy", "second"])


async def test_a_button_changes_and_removes_its_message_where_the_bot_is_no_member(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    @bot.tree.command()
    async def ask(interaction: discord.Interaction) -> None:
        """Ask."""
        await interaction.response.send_message("as it was", view=Choice())

    session_plugin_discord.install(bot, hub)
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Elsewhere", ann, bob)
    async with on_discord.connected(bot):
        await on_discord.simulator.remove_bot(room.guild)
        used = await on_discord.simulator.slash(ann, room, "ask")
        (shown,) = await on_discord.simulator.answered(used)
        await says(on_discord, room, ["/ask", "as it was"])
        await on_discord.simulator.press(bob, shown, "change")
        _, changed = await says(on_discord, room, ["/ask", "changed"])
        assert changed.person == on_discord.account(ann)
        await on_discord.simulator.press(bob, shown, "remove")
        await says(on_discord, room, ["/ask"])
