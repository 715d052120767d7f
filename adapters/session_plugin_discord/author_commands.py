"""The author's own commands: which messages are commands, and which of them are conversation.

Knows discord.py's commands; knows no hub.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import discord
from discord.ext import commands

from session_plugin.logs import FieldLogger

MOST_WORDS = 8
"""Words of a message in which a command's name is looked for: a prefix may have some."""

logger = FieldLogger("session_plugin.discord")


class AuthorCommands:
    """Recognises the prefix commands of one client."""

    def __init__(self, client: discord.Client, conversation: Collection[str]) -> None:
        """Take the commands named in `conversation` for conversation.

        Raises:
            TypeError: `conversation` is a text instead of several names.
        """
        if isinstance(conversation, str):
            raise TypeError(
                f"conversation_commands are several names, not one text: {{{conversation!r}}}"
            )

        is_bot = isinstance(client, commands.Bot | commands.AutoShardedBot)
        self._bot: Any = client if is_bot else None
        self._conversation = frozenset(conversation)

    def is_conversation(self, name: str) -> bool:
        """Check whether a command is conversation, by its name with those of its groups."""
        words = name.split()
        beginnings = {" ".join(words[:count]) for count in range(1, len(words) + 1)}
        return not self._conversation.isdisjoint(beginnings)

    async def command_of(
        self, message: discord.Message, *, deadline: float
    ) -> commands.Command[Any, Any, Any] | None:
        """Return the prefix command that a message uses, session commands included.

        None also if the author's prefix function fails or has not returned by `deadline`, in the
        event loop's time. discord.py then does not run a command either, or not yet.
        """
        if self._bot is None or message.author.bot:
            return None  # discord.py runs no commands of bots
        if not self._may_be_command(message.content):
            return None  # saves the author's prefix function, which may run a query

        try:
            async with asyncio.timeout_at(deadline):
                context = await self._bot.get_context(message)
        except Exception:
            logger.exception(
                "the bot's prefix function failed or took too long, so message %(message_id)s "
                "is not treated as a command",
                message_id=message.id,
            )
            return None

        command: commands.Command[Any, Any, Any] | None = context.command

        return command

    def _may_be_command(self, content: str) -> bool:
        """Check whether one of the first words ends with the name of a command."""
        names = {name.casefold() for name in self._bot.all_commands}
        longest = max(map(len, names), default=0)

        for word in content.casefold().split(maxsplit=MOST_WORDS)[:MOST_WORDS]:
            start = max(0, len(word) - longest)
            if any(word[place:] in names for place in range(start, len(word))):
                return True

        return False
