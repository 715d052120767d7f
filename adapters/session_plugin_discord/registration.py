"""The session commands as discord.py's own objects, added to a bot and to its command tree.

A bot gets prefix commands, and slash commands in its tree; a plain client gets slash commands if it
has a tree. They are renamed, grouped or left out as the author chose. Nothing is synchronised with
Discord here: the author calls `tree.sync()`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from session_plugin import SessionError
from session_plugin.commands import DESCRIPTIONS, TAKE_WORDS, Command

MAX_SLASH_COMMANDS = 100
"""The number of global slash commands that Discord allows an application; a group counts as one."""
SLASH_NAME = re.compile(r"[\w-]{1,32}")
"""A slash command's name, which must also be in lower case. Other names work with a prefix only."""
GROUP_DESCRIPTION = "Your conversation with this bot, and your linked accounts"

AnswerMessage = Callable[[commands.Context[Any], Command, str], Awaitable[None]]
AnswerInteraction = Callable[[discord.Interaction, Command, str], Awaitable[None]]
AnswerGroup = Callable[[commands.Context[Any]], Awaitable[None]]


class Registration:
    """Adds the session commands to one client and removes them."""

    def __init__(
        self,
        client: discord.Client,
        names: Mapping[Command, str],
        group: str,
        *,
        answer_message: AnswerMessage,
        answer_interaction: AnswerInteraction,
        answer_group: AnswerGroup,
    ) -> None:
        """Add nothing yet.

        Args:
            client: The bot or plain client.
            names: The offered commands with their names.
            group: The name of a group for all of them; empty for none.
            answer_message: Called when a command is used by its prefix.
            answer_interaction: Called when a command is used as a slash command.
            answer_group: Called when the group's name is used alone, by its prefix.
        """
        self._client = client
        self._names = names
        self._group = group
        self._answer_message = answer_message
        self._answer_interaction = answer_interaction
        self._answer_group = answer_group
        self._entries: list[tuple[Any, Any]] = []

    @property
    def added(self) -> list[Any]:
        """The commands that were added, or the group that holds them, by prefix and by slash."""
        return [command for _, command in self._entries]

    @property
    def bot(self) -> Any:
        """The client if it can have prefix commands; else None."""
        is_bot = isinstance(self._client, commands.Bot | commands.AutoShardedBot)
        return self._client if is_bot else None

    def add(self) -> None:
        """Add the commands to the bot and to the command tree.

        Raises:
            SessionError: the author has a command of the same name, or the tree is full.
        """
        bot, tree = self.bot, self._tree

        new = [] if bot is None else [(bot, command) for command in self._prefix_commands()]
        if tree is not None:
            slash_commands = self._slash_commands(has_prefix=bot is not None)
            new += [(tree, command) for command in slash_commands]

        self._check_clashes(new)
        for holder, command in new:
            holder.add_command(command)

        self._entries = new

    def remove(self) -> None:
        """Remove the commands that were added, unless the author has replaced them."""
        for holder, command in self._entries:
            if holder.get_command(command.name) is command:
                holder.remove_command(command.name)

        self._entries = []

    def explain_clash(self, error: BaseException) -> SessionError | None:
        """Return an error that says what to do about a later command of the same name.

        None if `error` has another cause.
        """
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(
                cause, commands.CommandRegistrationError | app_commands.CommandAlreadyRegistered
            ):
                names = [command.name for command in self.added]
                return _clash(cause.name, "command") if cause.name in names else None
            cause = getattr(cause, "original", None) or cause.__cause__

        return None

    # Building

    @property
    def _tree(self) -> app_commands.CommandTree[Any] | None:
        state: Any = self._client._connection  # a plain client has no public name for its tree
        tree: app_commands.CommandTree[Any] | None = state._command_tree
        return tree

    def _prefix_commands(self) -> list[Any]:
        made: list[Any] = [
            self._prefix_command(command, name) for command, name in self._names.items()
        ]
        if not self._group or not made:
            return made

        group: Any = commands.Group(
            self._group_callback(),
            name=self._group,
            help=GROUP_DESCRIPTION,
            invoke_without_command=True,
        )
        for command in made:
            group.add_command(command)

        return [group]

    def _prefix_command(self, command: Command, name: str) -> commands.Command[Any, ..., None]:
        async def run(ctx: commands.Context[Any], *, words: str = "") -> None:
            await self._answer_message(ctx, command, words)

        return commands.Command(run, name=name, help=DESCRIPTIONS[command])

    def _group_callback(self) -> Any:
        async def run(ctx: commands.Context[Any]) -> None:
            await self._answer_group(ctx)

        return run

    def _slash_commands(self, *, has_prefix: bool) -> list[Any]:
        """Build the slash commands.

        A name that Discord does not accept is left out if the command can be used by its prefix.
        """
        names = {
            command: name
            for command, name in self._names.items()
            if not has_prefix or (SLASH_NAME.fullmatch(name) and name == name.lower())
        }

        made: list[Any] = [self._slash_command(command, name) for command, name in names.items()]
        if not self._group or not made:
            return made

        group = app_commands.Group(name=self._group, description=GROUP_DESCRIPTION)
        for command in made:
            group.add_command(command)

        return [group]

    def _slash_command(self, command: Command, name: str) -> app_commands.Command[Any, ..., None]:
        async def run(interaction: discord.Interaction) -> None:
            await self._answer_interaction(interaction, command, "")

        async def run_with(interaction: discord.Interaction, words: str = "") -> None:
            await self._answer_interaction(interaction, command, words)

        described = app_commands.describe(words="What you would type after the command")(run_with)
        callback: Any = described if command in TAKE_WORDS else run

        return app_commands.Command(name=name, description=DESCRIPTIONS[command], callback=callback)

    # Clashes

    def _check_clashes(self, new: list[tuple[Any, Any]]) -> None:
        tree = self._tree
        for holder, command in new:
            if holder.get_command(command.name) is not None:
                raise _clash(command.name, "slash command" if holder is tree else "command")

        existing = [] if tree is None else tree.get_commands(type=discord.AppCommandType.chat_input)
        added = sum(holder is tree for holder, _ in new)
        if len(existing) + added > MAX_SLASH_COMMANDS:
            raise SessionError(
                f"the bot has {len(existing)} slash commands, the session commands add {added}, "
                f"and Discord allows {MAX_SLASH_COMMANDS}: put the session commands into one group "
                'by install(bot, hub, group="session"), or turn some off by its commands argument'
            )


def _clash(name: str, kind: str) -> SessionError:
    return SessionError(
        f"the bot already has a {kind} named {name!r}: rename the session command by "
        f'install(bot, hub, commands={{"{name}": "..."}}), turn it off by an empty name, or put '
        'all session commands into a group by group="session"'
    )
