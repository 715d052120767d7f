"""/link and the other session commands: which messages are commands, and how they are answered.

The commands and their answers are never stored. What they do is `session_plugin.commands`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import discord
from discord.ext import commands

from session_plugin import Chat, Notice, SessionHub
from session_plugin.commands import (
    DESCRIPTIONS,
    Asked,
    Command,
    Reply,
    Spell,
    answer,
    check_names,
    cut,
    notice_text,
)
from session_plugin_discord.interactions import interaction_chat
from session_plugin_discord.known_interactions import BoundedDict
from session_plugin_discord.own_messages import OwnMessages
from session_plugin_discord.registration import Registration
from session_plugin_discord.translate import shown_name, to_account, to_chat

MAX_CHARACTERS = 2000
"""The length of a message that Discord accepts from a bot."""

_MARKUP = re.compile(r"[\\_*~|`\[\]<]")


class SessionCommands:
    """Recognises and answers the session commands of one client."""

    def __init__(
        self,
        client: discord.Client,
        hub: SessionHub,
        own_messages: OwnMessages,
        names: Mapping[str, str] | None,
        group: str,
    ) -> None:
        """Check the names; add nothing yet.

        Raises:
            ValueError: a name is unknown or used twice.
        """
        self._client = client
        self._hub = hub
        self._own_messages = own_messages
        self._names = check_names(names)
        self._group = group
        self._last_prefixes: BoundedDict[int, str] = BoundedDict()
        self.registration = Registration(
            client,
            self._names,
            group,
            answer_message=self._answer_message,
            answer_interaction=self._answer_interaction,
            answer_group=self._answer_group,
        )

    # Recognising

    def is_own(self, command: Any) -> bool:
        """Check whether a command is a session command, or the group that holds them."""
        return (command.root_parent or command) in self.registration.added

    def is_session_interaction(self, interaction: discord.Interaction) -> bool:
        """Check whether an interaction uses a session command."""
        command = interaction.command
        root = getattr(command, "root_parent", None) or command
        return root is not None and root in self.registration.added

    # Answering

    async def _answer_message(
        self, ctx: commands.Context[Any], command: Command, argument: str
    ) -> None:
        prefix = self._last_prefixes[ctx.channel.id] = ctx.prefix or ""
        chat = to_chat(ctx.channel, ctx.guild, bot_id=self._bot_id)

        reply = await self._answer(command, argument, chat, ctx.author, prefix)
        await self._send(ctx.channel, reply)

    async def _answer_interaction(
        self, interaction: discord.Interaction, command: Command, argument: str
    ) -> None:
        """Answer so that only the user can read it.

        The answer is deferred at first: Discord waits for three seconds only.
        """
        await interaction.response.defer(ephemeral=True)
        chat = interaction_chat(interaction, bot_id=self._bot_id)
        self._last_prefixes[int(chat.chat_id)] = "/"

        reply = await self._answer(command, argument, chat, interaction.user, "/")
        for message in _messages(reply):
            await interaction.followup.send(
                **message, ephemeral=True, allowed_mentions=discord.AllowedMentions.none()
            )

    async def _answer_group(self, ctx: commands.Context[Any]) -> None:
        """Answer the name of the group alone with an overview of its commands."""
        if ctx.guild is not None:
            await self._hub.burn_codes(ctx.message.content)

        spell = self._speller(ctx.prefix or "")
        lines = [f"{spell(command)}: {DESCRIPTIONS[command]}" for command in self._names]
        await self._send(ctx.channel, Reply(text="\n".join(lines)))

    async def _answer(
        self, command: Command, argument: str, chat: Chat, user: discord.abc.User, prefix: str
    ) -> Reply:
        asked = Asked(
            chat=chat,
            account=to_account(user),
            name=shown_name(user),
            spell=self._speller(prefix),
            offered=tuple(self._names),
        )
        reply = await answer(self._hub, command, argument, asked)

        if command == "privacy":  # the author's text may contain markup
            return reply

        return replace(reply, text=_escaped(reply.text))

    async def deliver(self, chat: Chat, notice: Notice) -> None:
        """Send a notice to a direct chat."""
        prefix = self._last_prefixes.get(int(chat.chat_id)) or self._usual_prefix()
        text = _escaped(notice_text(notice, spell=self._speller(prefix)))

        channel = self._client.get_partial_messageable(int(chat.chat_id))
        await self._send(channel, Reply(text=text))

    async def _send(self, channel: discord.abc.Messageable, reply: Reply) -> None:
        """Send to the channel itself: an author's context class may override `send`."""
        for message in _messages(reply):
            await channel.send(
                **message,
                nonce=self._own_messages.unrecorded_nonce(),
                allowed_mentions=discord.AllowedMentions.none(),  # a name may look like a mention
            )

    @property
    def _bot_id(self) -> int:
        user: Any = self._client.user  # an old application's id differs from its bot's
        return int(user.id)

    # Prefixes

    def _speller(self, prefix: str) -> Spell:
        group = f"{self._group} " if self._group else ""
        return lambda command: f"{prefix}{group}{self._names.get(command, command)}"

    def _usual_prefix(self) -> str:
        """Return a prefix for a chat in which no command was used since the bot started.

        A prefix function needs a message, so the bot's name stands in for what it would return.
        """
        prefix = getattr(self._client, "command_prefix", "/")
        if isinstance(prefix, str):
            return prefix
        if isinstance(prefix, list | tuple) and prefix:
            return str(prefix[0])

        return f"@{self._client.user.name} " if self._client.user is not None else ""


def _escaped(text: str) -> str:
    """Escape Discord's markup: a name in the text may imitate a link."""
    return _MARKUP.sub(r"\\\g<0>", text)


def _messages(reply: Reply) -> Iterator[dict[str, Any]]:
    """Yield a reply as arguments of `send`: its text in pieces, then each file by itself."""
    for piece in cut(reply.text, most=MAX_CHARACTERS):
        yield {"content": piece}

    for document in reply.documents:
        yield {"file": discord.File(io.BytesIO(document.content), document.name)}
