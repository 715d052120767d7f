"""Our commands in a bot: by its prefix and as slash commands, renamed, grouped or left out as its author wants it.

Nothing is synchronised with Discord here: that is for the author to do, once, by `tree.sync()`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from session_plugin import Chat, Notice, SessionError, SessionHub
from session_plugin.commands import DESCRIPTIONS, Asked, Command, Spell, answer, check_names, notice_text
from session_plugin_discord.interactions import chat_of
from session_plugin_discord.own_words import REMEMBERED, OwnWords
from session_plugin_discord.remembered import Remembered
from session_plugin_discord.translate import shown_name, to_account, to_chat

MOST_SLASH_COMMANDS = 100
"""How many global slash commands Discord lets an application have; a group is one."""
SLASH_NAME = re.compile(r"[\w-]{1,32}")
"""What Discord takes for a slash command's name, if it is in lower case; another is for a prefix only."""
ABOUT = "Your conversation with this bot, and your linked accounts"


class ChatCommands:
    """Our commands, in one bot."""

    def __init__(
        self, client: discord.Client, hub: SessionHub, own_words: OwnWords, names: Mapping[str, str] | None, group: str
    ) -> None:
        """Check the names; add nothing yet.

        Raises:
            ValueError: a name is unknown or given twice.
        """
        self._client = client
        self._hub = hub
        self._own_words = own_words
        self._names = check_names(names)
        self._group = group
        self._prefixes: Remembered[int, str] = Remembered(REMEMBERED)
        self._added: list[Any] = []

    # In the bot and out of it

    def add(self) -> None:
        """Add what is offered to the bot, or to a plain client's command tree.

        Raises:
            SessionError: the bot has a command of one of our names.
        """
        place = self._place
        if place is None:
            return
        made = self._made()
        self._check_clashes(made)
        for command in made:
            place.add_command(command)
            self._added.append(command)

    def remove(self) -> None:
        """Take out what was added and is still there."""
        for command in self._added:
            if self._place.get_command(command.name) is command:
                self._place.remove_command(command.name)
        self._added.clear()

    @property
    def _place(self) -> Any:
        """Where commands are added: a bot takes them both by prefix and into its tree; a plain client may have no tree."""
        return self._tree if self._bot is None else self._bot

    @property
    def _bot(self) -> commands.Bot | commands.AutoShardedBot | None:
        return self._client if isinstance(self._client, commands.Bot | commands.AutoShardedBot) else None

    @property
    def _tree(self) -> app_commands.CommandTree[Any] | None:
        state: Any = self._client._connection  # a plain client has no public name for its tree
        tree: app_commands.CommandTree[Any] | None = state._command_tree
        return tree

    def _made(self) -> list[Any]:
        is_bot = self._bot is not None
        made = [(self._hybrid if is_bot else self._slash)(command, name) for command, name in self._names.items()]
        if not self._group or not made:
            return made
        whole: Any
        if is_bot:
            whole = commands.HybridGroup(self._overview(), name=self._group, description=ABOUT, help=ABOUT)
        else:
            whole = app_commands.Group(name=self._group, description=ABOUT)
        for command in made:
            whole.add_command(command)
        return [whole]

    def _hybrid(self, command: Command, name: str) -> commands.HybridCommand[Any, ..., None]:
        async def run(ctx: commands.Context[Any], *, argument: str = "") -> None:
            await self._answer_context(ctx, command, argument)

        callback: Any = run  # mypy refuses a hybrid command with parameters, ours like anybody's
        about = DESCRIPTIONS[command]
        is_slash = SLASH_NAME.fullmatch(name) is not None and name == name.lower()
        return commands.HybridCommand(callback, name=name, description=about, help=about, with_app_command=is_slash)

    def _slash(self, command: Command, name: str) -> app_commands.Command[Any, ..., None]:
        async def run(interaction: discord.Interaction, argument: str = "") -> None:
            await self._answer_interaction(interaction, command, argument)

        return app_commands.Command(name=name, description=DESCRIPTIONS[command], callback=run)

    def _overview(self) -> Any:
        async def run(ctx: commands.Context[Any]) -> None:
            lines = [f"{self._speller(ctx.prefix or '')(command)}: {DESCRIPTIONS[command]}" for command in self._names]
            await ctx.send("\n".join(lines), nonce=self._own_words.unrecorded_nonce())

        return run

    def _check_clashes(self, made: list[Any]) -> None:
        tree = self._tree
        theirs = [] if tree is None else tree.get_commands(type=discord.AppCommandType.chat_input)
        for command in made:
            if self._bot is not None and self._bot.get_command(command.name) is not None:
                raise SessionError(clash_text(command.name, "command"))
            if any(one.name == command.name for one in theirs):
                raise SessionError(clash_text(command.name, "slash command"))
        if len(theirs) + len(made) > MOST_SLASH_COMMANDS:
            raise SessionError(
                f"Discord takes {MOST_SLASH_COMMANDS} slash commands, and the bot has {len(theirs)}: put ours into one by "
                'session_plugin_discord.install(bot, hub, group="session"), or turn some off by its commands argument'
            )

    def explained(self, error: BaseException) -> SessionError | None:
        """Say what to do about a command of the author's that came after ours and has one of our names."""
        seen: BaseException | None = error
        while seen is not None:
            if isinstance(seen, commands.CommandRegistrationError | app_commands.CommandAlreadyRegistered):
                ours = [one.name for one in self._added]
                return SessionError(clash_text(seen.name, "command")) if seen.name in ours else None
            seen = getattr(seen, "original", None) or seen.__cause__
        return None

    # Which messages and interactions are ours

    async def is_own_message(self, message: discord.Message) -> bool:
        """Tell whether a message is one of our commands."""
        if message.author.bot or self._bot is None:
            return False  # nor does discord.py carry out what a bot says
        content = message.content.casefold()
        if not any(one.name.casefold() in content for one in self._added):
            return False  # most messages: asking for the prefix may cost the author a query
        context = await self._bot.get_context(message)
        return context.command is not None and (context.command.root_parent or context.command) in self._added

    def is_own_interaction(self, interaction: discord.Interaction) -> bool:
        """Tell whether an interaction is one of our commands."""
        command = interaction.command
        root = getattr(command, "root_parent", None) or command
        return root is not None and any(root in (one, getattr(one, "app_command", None)) for one in self._added)

    # Answers

    async def _answer_context(self, ctx: commands.Context[Any], command: Command, argument: str) -> None:
        if ctx.interaction is not None:
            await self._answer_interaction(ctx.interaction, command, argument)
            return
        prefix = self._prefixes[ctx.channel.id] = ctx.prefix or ""
        chat = to_chat(ctx.channel, ctx.guild, bot_id=ctx.me.id)
        text = await self._answer(command, argument, chat, ctx.author, prefix)
        await ctx.send(text, nonce=self._own_words.unrecorded_nonce())

    async def _answer_interaction(self, interaction: discord.Interaction, command: Command, argument: str) -> None:
        """Answer so that nobody else can read it; at once, since Discord waits three seconds, and in full afterwards."""
        await interaction.response.defer(ephemeral=True)
        chat = chat_of(interaction, bot_id=interaction.application_id)
        self._prefixes[int(chat.chat_id)] = "/"
        text = await self._answer(command, argument, chat, interaction.user, "/")
        await interaction.followup.send(text, ephemeral=True)

    async def _answer(self, command: Command, argument: str, chat: Chat, user: discord.abc.User, prefix: str) -> str:
        asked = Asked(chat=chat, account=to_account(user), name=shown_name(user), spell=self._speller(prefix))
        return (await answer(self._hub, command, argument, asked)).text

    async def deliver(self, chat: Chat, notice: Notice) -> None:
        """Tell a person something in their direct chat."""
        prefix = self._prefixes.get(int(chat.chat_id)) or self._usual_prefix()
        text = notice_text(notice, spell=self._speller(prefix))
        messageable = self._client.get_partial_messageable(int(chat.chat_id))
        await messageable.send(text, nonce=self._own_words.unrecorded_nonce())

    def _speller(self, prefix: str) -> Spell:
        group = f"{self._group} " if self._group else ""
        return lambda command: f"{prefix}{group}{self._names.get(command, command)}"

    def _usual_prefix(self) -> str:
        """Give a prefix for somebody who has not used one since the bot started; a mention where nobody can tell."""
        prefix = getattr(self._client, "command_prefix", "/")
        if isinstance(prefix, str):
            return prefix
        if isinstance(prefix, list | tuple) and prefix:
            return str(prefix[0])
        return f"@{self._client.user.name} " if self._client.user is not None else ""


def clash_text(name: str, what: str) -> str:
    """Say that two commands have one name, and what can be done about it."""
    return (
        f"the bot has a {what} {name} of its own: rename ours, turn it off by an empty name, or put all of ours into a "
        f'group, by session_plugin_discord.install(bot, hub, commands={{"{name}": "..."}}) or group="session"'
    )
