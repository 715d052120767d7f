"""A Discord bot that remembers what people say.

Enable the message content intent for it at https://discord.com/developers/applications, then run:

    DISCORD_TOKEN=... python bot.py
"""

import os

import discord
from discord.ext import commands

import session_plugin_discord
from session_plugin import SessionHub, SessionView


async def respond(session: SessionView) -> str:
    """Return an answer. Give `await session.for_model()` to your model here."""
    earlier = await session.history(limit=1, before=session.event)
    return f"Noted. Before that: {earlier[-1].content}" if earlier else "Hello! I remember that."


def build(hub: SessionHub) -> commands.Bot:
    """Return the bot."""
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot(command_prefix="!", intents=intents)
    session_plugin_discord.install(bot, hub)

    @bot.event
    async def on_message(message: discord.Message) -> None:
        session = await session_plugin_discord.session(message)
        if session.event is None or message.author.bot:
            return  # a session command such as !forget, or a bot

        is_asked = message.guild is None or (bot.user is not None and bot.user in message.mentions)
        if is_asked:
            await message.channel.send(await respond(session))

    return bot


def main() -> None:
    """Run until Ctrl-C."""
    token = os.environ.get("DISCORD_TOKEN")
    if not token:
        raise SystemExit("Set DISCORD_TOKEN to the token of your bot.")

    hub = SessionHub(os.environ.get("SESSION_DATABASE") or "bot.db")
    build(hub).run(token)


if __name__ == "__main__":
    main()
