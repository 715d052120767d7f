"""Attach a hub to a commands.Bot: taps before all handlers, a cog for edits, deletions and the in-chat commands.

Nothing of the author's is replaced: `on_message`, listeners, checks and commands stay theirs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import discord
from discord.ext import commands

from session_plugin import Account, Chat, Lease, MessageEvent, Notice, SessionError, SessionHub, SessionView
from session_plugin.commands import DESCRIPTIONS, Asked, Command, Spell, answer, check_names, notice_text
from session_plugin_discord.outgoing import Answering, Outgoing, answering
from session_plugin_discord.translate import CHANNEL, raw_chat, shown_name, to_account, to_chat, to_event

REMEMBERED = 2000
"""Messages whose sessions are kept at hand for their handlers; an older one's is made anew."""

logger = logging.getLogger("session_plugin.discord")

AnyBot = commands.Bot | commands.AutoShardedBot
Source = discord.Message | discord.Interaction | commands.Context[Any]


def install(bot: AnyBot, hub: SessionHub, *, commands: Mapping[str, str] | None = {}) -> None:
    """Attach a hub to a bot, before it is run.

    From then on `ctx.session` is set in every command, and `session(message)` gives it elsewhere. The hub opens before the
    bot connects and is released when the bot closes.

    Args:
        bot: A commands.Bot or AutoShardedBot. If you set `setup_hook` by `@bot.event`, do so before.
        hub: The same for all platforms.
        commands: Our commands by the names you want: `{"link": "connect"}` renames, `{"new": ""}` turns one off, None all.

    Raises:
        TypeError: it is no commands.Bot.
        ValueError: a command is unknown, or this bot has a hub already.
    """
    if not hasattr(bot, "add_cog"):
        raise TypeError(f"install needs a commands.Bot, not {type(bot).__name__}")
    if getattr(bot, "session_hub", hub) is not hub or getattr(bot, "session_cog", None) is not None:
        raise ValueError("this bot has a hub already")
    check_names(commands)
    cog = SessionCog(bot, hub, commands=commands)
    bot.session_hub = hub  # type: ignore[union-attr]  # the name under which the extension looks for it
    bot.session_cog = cog  # type: ignore[union-attr]  # not added before the bot runs, so get_cog does not know it yet
    authors_own: Callable[[], Awaitable[None]] = bot.setup_hook

    async def add() -> None:
        if bot.get_cog(cog.qualified_name) is None:
            await bot.add_cog(cog)

    async def setup_hook() -> None:
        await add()
        await authors_own()

    bot.setup_hook = setup_hook  # type: ignore[method-assign]
    bot.add_listener(add, "on_connect")  # a net, should the author set another setup_hook after this


async def setup(bot: AnyBot) -> None:
    """Attach a hub as an extension: `bot.session_hub`, or one made from the environment variable SESSION_DATABASE.

    Raises:
        SessionError: there is neither.
    """
    hub = getattr(bot, "session_hub", None)
    if hub is None:
        database = os.environ.get("SESSION_DATABASE")
        if not database:
            raise SessionError(
                "session_plugin_discord has no hub: set bot.session_hub = SessionHub(...) before load_extension, or the "
                "environment variable SESSION_DATABASE to the path of a database"
            )
        hub = SessionHub(database)
    await bot.add_cog(SessionCog(bot, hub))


async def teardown(bot: AnyBot) -> None:
    """Detach; discord.py has removed the cog by then, and with it all that it attached."""


async def session(source: Source) -> SessionView:
    """Give the session of whoever sent a message, used an interaction or gave a command; the message is in it already.

    Raises:
        SessionError: no hub is attached to this bot.
    """
    if isinstance(source, commands.Context):
        client: Any = source.bot
    elif isinstance(source, discord.Interaction):
        client = source.client
    else:
        client = source._state._get_client()  # a message knows its client, but has no public name for it
    cog = client.get_cog(SessionCog.__cog_name__) if hasattr(client, "get_cog") else None
    if cog is None:
        raise SessionError("no hub is attached to this bot: session_plugin_discord.install(bot, hub)")
    view: SessionView = await cog.session(source)
    return view


class SessionCog(commands.Cog, name="Sessions"):
    """One bot's attachment to a hub."""

    def __init__(self, bot: AnyBot, hub: SessionHub, *, commands: Mapping[str, str] | None = {}) -> None:
        """Attach nothing yet: discord.py calls `cog_load`."""
        self.bot = bot
        self.hub = hub
        self._names = check_names(commands)
        self._outgoing = Outgoing(bot, sent=self._sent)
        self._lease: Lease | None = None
        self._taps: list[asyncio.Future[Any]] = []
        self._arrivals: OrderedDict[int, asyncio.Task[SessionView]] = OrderedDict()
        self._prefixes: OrderedDict[int, str] = OrderedDict()
        self._direct: OrderedDict[int, discord.Message] = OrderedDict()
        self._own: OrderedDict[int, asyncio.Task[None]] = OrderedDict()
        self._doors: weakref.WeakValueDictionary[int, asyncio.Lock] = weakref.WeakValueDictionary()
        offered = [own for own in self.__cog_commands__ if own.name in self._names]
        for own in offered:
            own.name = self._names[own.name]  # type: ignore[index]  # its names are our commands
        self.__cog_commands__ = offered

    # Coming and going

    async def cog_load(self) -> None:
        """Open the hub, then attach.

        Raises:
            SessionError: the hub cannot be opened, or the bot has a command of one of our names.
        """
        for name in self._names.values():
            if self.bot.get_command(name) is not None:
                raise SessionError(
                    f"the bot has a command {name} already: rename ours, or turn it off, by the commands argument of "
                    "session_plugin_discord.install"
                )
        self._lease = self.hub.attach(CHANNEL, "" if self.bot.user is None else str(self.bot.user.id), self._deliver)
        try:
            await self._lease.open()
        except BaseException:
            await self._lease.release()
            raise
        self._outgoing.watch()
        if not self.bot.intents.message_content:
            logger.warning("the message_content intent is off: what is said in guilds is mostly blank and is not kept")
        with suppress(AttributeError):  # before login a bot has no event loop; then it happens in on_connect
            self._tap()

    async def cog_unload(self) -> None:
        """Detach, store what is on its way, release the hub."""
        await asyncio.sleep(0)  # a tap that has not begun could not be taken down
        for tap in self._taps:
            tap.cancel()
        self._taps.clear()
        await self._outgoing.unwatch()
        under_way = [*self._arrivals.values(), *self._own.values()]
        if under_way:
            await asyncio.wait(under_way)
        lease, self._lease = self._lease, None
        if lease is not None:
            await lease.release()

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        """Attach what a bot that had not logged in could not have yet."""
        if not self._taps:
            self._tap()
        if self._lease is not None and self.bot.user is not None:
            self._lease.bot_id = str(self.bot.user.id)

    def _tap(self) -> None:
        """See every message before its handlers: discord.py asks the checks of `wait_for` first, and ours always says no."""
        self._taps = [
            asyncio.ensure_future(self.bot.wait_for("socket_event_type", check=_reset)),
            asyncio.ensure_future(self.bot.wait_for("message", check=self._see)),
        ]

    # Messages in

    def _see(self, message: discord.Message) -> bool:
        try:
            self._hand_in(message)
        except Exception:
            logger.exception("a message could not be recorded; it is handled all the same")
        return False

    def _hand_in(self, message: discord.Message) -> None:
        """Start a message's way into the hub, and note for its handlers that they answer it."""
        if message.author.id == self._bot_id:
            self._hand_in_own(message)
            return
        event = to_event(message, bot_id=self._bot_id)
        if isinstance(message.channel, discord.DMChannel):
            self._direct[message.channel.id] = message
            _bound(self._direct)
        arrival = asyncio.get_running_loop().create_task(self._arrive(message, event))
        self._arrivals[message.id] = arrival
        _bound(self._arrivals)
        account = None if event is None else event.author
        answering.set(Answering(message.channel.id, account, arrival))

    async def _arrive(self, message: discord.Message, event: MessageEvent | None) -> SessionView:
        """Record what a person said, unless it is a command of ours; give the session for its handlers."""
        view = self._view(message, message.author)
        try:
            door = self._doors.setdefault(message.channel.id, asyncio.Lock())
            async with door:  # one after another, however long the author's prefix takes: they stay in order
                is_kept = event is not None and not await self._is_own_command(message)
            if event is not None and is_kept:
                view = (await self.hub.record(event)).session
        except Exception:
            logger.exception("a message could not be recorded; it is handled all the same")
        return view

    async def _is_own_command(self, message: discord.Message) -> bool:
        if message.author.bot:
            return False  # nor does discord.py carry out what a bot says
        content = message.content.casefold()
        if not any(name.casefold() in content for name in self._names.values()):
            return False  # most messages: asking for the prefix may cost the author a query
        context = await self.bot.get_context(message)
        return context.command is not None and context.command.cog is self

    def _hand_in_own(self, message: discord.Message) -> asyncio.Task[None] | None:
        """Start the way into the hub of what the bot said, once for both times that Discord tells of it."""
        if message.id in self._own:
            return self._own[message.id]
        event = to_event(message, bot_id=self._bot_id)
        if event is None or self._outgoing.is_unrecorded(message):
            return None
        recording = asyncio.get_running_loop().create_task(self._record_own(message, event))
        self._own[message.id] = recording
        _bound(self._own)
        return recording

    async def _sent(self, data: Any) -> None:
        """Record what was sent from Discord's answer: the event of it may be late, or, at the end, never come."""
        try:
            channel_id = int(data["channel_id"])
            heard = self._direct.get(channel_id)
            channel: Any = self.bot.get_channel(channel_id) if heard is None else heard.channel
            if channel is None or self._lease is None:
                return  # only the event tells whether it was said in a guild, and after the end nothing is recorded
            recording = self._hand_in_own(discord.Message(state=self.bot._connection, channel=channel, data=data))
        except Exception:
            logger.exception("a message of the bot's could not be recorded")
            return
        if recording is not None:
            await asyncio.wait({recording})

    async def _record_own(self, message: discord.Message, event: MessageEvent) -> None:
        """Record what the bot said, as an answer to a person where that is known."""
        try:
            await self.hub.record(await self._attributed(message, event))
        except Exception:
            logger.exception("a message of the bot's could not be recorded")

    async def _attributed(self, message: discord.Message, event: MessageEvent) -> MessageEvent:
        if event.answers is not None or event.reply_to is not None:
            return event  # the message says so itself; whose message it replies to, the hub knows
        answers = self._outgoing.answered_by(message)
        if answers is None and event.chat.kind == "direct":
            answers = await self._recipient(message.channel.id)
        return replace(event, answers=answers)

    async def _recipient(self, channel_id: int) -> Account | None:
        """Find whose direct chat it is: a direct message of the bot's own names nobody."""
        heard = self._direct.get(channel_id)
        user = None if heard is None else heard.author
        if user is None:
            channel: Any = self.bot.get_channel(channel_id)
            if getattr(channel, "recipient", None) is None:
                channel = await self.bot.fetch_channel(channel_id)
            user = getattr(channel, "recipient", None)
        return None if user is None else to_account(user)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Follow an edit. A link's preview is told as an update too, without a time of editing: it is none."""
        message = payload.message
        if message.edited_at is None:
            return
        try:
            event = to_event(message, bot_id=self._bot_id)
            if event is None or await self._is_own_command(message):
                return
            if event.role == "assistant":
                event = await self._attributed(message, event)
            await self.hub.edit(event)
        except Exception:
            logger.exception("an edit could not be recorded")

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Follow a deletion."""
        await self._delete(payload.channel_id, payload.guild_id, {payload.message_id})

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Follow a deletion of many messages as one."""
        await self._delete(payload.channel_id, payload.guild_id, payload.message_ids)

    async def _delete(self, channel_id: int, guild_id: int | None, message_ids: set[int]) -> None:
        try:
            chat = raw_chat(channel_id, guild_id, bot_id=self._bot_id)
            await self.hub.delete(chat, [str(message_id) for message_id in sorted(message_ids)])
        except Exception:
            logger.exception("a deletion could not be recorded")

    # Sessions for handlers

    async def session(self, source: Source) -> SessionView:
        """Give the session of a message, an interaction or a context, once the message is stored."""
        if isinstance(source, commands.Context) and source.interaction is None:
            source = source.message
        arrival = self._arrivals.get(source.id) if isinstance(source, discord.Message) else None
        if arrival is not None:
            return await asyncio.shield(arrival)
        return self._view(source, source.user if isinstance(source, discord.Interaction) else source.author)

    def _view(self, source: Source, user: discord.abc.User) -> SessionView:
        chat = to_chat(source.channel, source.guild, bot_id=self._bot_id)
        is_webhook = isinstance(source, discord.Message) and source.webhook_id is not None
        return self.hub.session_of(chat, None if is_webhook else to_account(user))

    async def bot_check_once(self, ctx: commands.Context[Any]) -> bool:
        """Set `ctx.session` before a command runs; discord.py asks each cog here, and ours never refuses."""
        ctx.session = await self.session(ctx)  # type: ignore[attr-defined]
        return True

    # The in-chat commands

    @commands.command(help=DESCRIPTIONS["link"])
    async def link(self, ctx: commands.Context[Any], *, argument: str = "") -> None:
        """Ask for a code, type one, or confirm."""
        await self._answer(ctx, "link", argument)

    @commands.command(help=DESCRIPTIONS["unlink"])
    async def unlink(self, ctx: commands.Context[Any], *, argument: str = "") -> None:
        """Take this account out of the linked ones."""
        await self._answer(ctx, "unlink", argument)

    @commands.command(help=DESCRIPTIONS["whoami"])
    async def whoami(self, ctx: commands.Context[Any], *, argument: str = "") -> None:
        """Tell who the bot takes this account for."""
        await self._answer(ctx, "whoami", argument)

    @commands.command(help=DESCRIPTIONS["new"])
    async def new(self, ctx: commands.Context[Any], *, argument: str = "") -> None:
        """Start a new session."""
        await self._answer(ctx, "new", argument)

    async def _answer(self, ctx: commands.Context[Any], command: Command, argument: str) -> None:
        view = await self.session(ctx)
        asked = Asked(
            chat=view.chat, account=view.account, name=shown_name(ctx.author), spell=self._speller(ctx.prefix or "")
        )
        self._prefixes[ctx.channel.id] = ctx.prefix or ""
        _bound(self._prefixes)
        reply = await answer(self.hub, command, argument, asked)
        await ctx.send(reply.text, nonce=self._outgoing.unrecorded_nonce())

    def _speller(self, prefix: str) -> Spell:
        return lambda command: f"{prefix}{self._names.get(command, command)}"

    def _usual_prefix(self) -> str:
        """Give a prefix for somebody who has not used one since the bot started; a mention where nobody can tell."""
        prefix = self.bot.command_prefix
        if isinstance(prefix, str):
            return prefix
        if isinstance(prefix, list | tuple) and prefix:
            return str(prefix[0])
        return f"@{self.bot.user.name} " if self.bot.user is not None else ""

    async def _deliver(self, chat: Chat, notice: Notice) -> None:
        prefix = self._prefixes.get(int(chat.chat_id)) or self._usual_prefix()
        text = notice_text(notice, spell=self._speller(prefix))
        messageable = self.bot.get_partial_messageable(int(chat.chat_id))
        await messageable.send(text, nonce=self._outgoing.unrecorded_nonce())

    @property
    def _bot_id(self) -> int:
        if self.bot.user is None:
            raise SessionError("the bot has not logged in yet")
        return self.bot.user.id


def _reset(_: str) -> bool:
    """Forget whom the last message's handlers answer: what comes next may have nothing to do with it."""
    answering.set(None)
    return False


def _bound(kept: OrderedDict[int, Any]) -> None:
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
