"""A hub's messages: recorded, edited and deleted, and the sessions they are read in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from session_plugin.checks import check_id, check_storable, check_text, is_storable
from session_plugin.database.engine import Tx
from session_plugin.errors import PluginError
from session_plugin.hub.memory import Memory
from session_plugin.hub.view import SessionView
from session_plugin.incoming.intake import Filtered
from session_plugin.model import Account, Chat, MessageEvent, Session, SessionMessage
from session_plugin.records.conversation import bulk, messages, moving, sessions
from session_plugin.records.operation_context import OperationContext
from session_plugin.rules.codes import codes_in

A = TypeVar("A")
T = TypeVar("T")

logger = logging.getLogger("session_plugin.hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a message that was handed in.

    Args:
        session: The session as the message's chat sees it.
        message: The message as it is stored; None where it is not.
        is_new: It was not known before.
        is_stored: It is on disk. False for one that a filter keeps nothing of, one of a chat that
            is not recorded or of somebody who asked that nothing be kept, one that was deleted
            before it came, and one that still waits for a database that cannot be written.

    Example:
        recorded = await hub.record(event)
        if recorded.is_new and recorded.is_stored:
            print(recorded.message.content, await recorded.session.history(before=event))
    """

    session: SessionView
    message: SessionMessage | None
    is_new: bool
    is_stored: bool


class Messages(Memory):
    """Messages on their way in, and sessions on their way out. What grows too long is
    consolidated.
    """

    async def record(self, event: MessageEvent, *, scope_name: str | None = None) -> Recorded:
        """Store a message, once, however often it is handed in.

        Returns once it is on disk, or after `store_patience` seconds with `is_stored` False; it is
        then stored, in order, as soon as the database can be written.

        Args:
            event: The message.
            scope_name: The part of its scope that it belongs to; None asks the plugins.

        Raises:
            TypeError: the name of the part is not text.
            ValueError: it cannot be stored as it is: the direct chat of one account with words of
                another, say.
            DatabaseRefused: the database may not be used.
        """
        if scope_name is not None:
            check_storable("scope_name", scope_name)
        context = self.operation_context()
        view = self.session_of(event.chat, event.author or event.answers, event=event)
        view.scope_name = scope_name
        if self._is_plain(event, view):
            recorded = await self._record_at_once(context, event, view)
        else:
            recorded = await self._intake.patiently(event.chat, self._record(context, event, view))
        return recorded or Recorded(session=view, message=None, is_new=True, is_stored=False)

    def _is_plain(self, event: MessageEvent, view: SessionView) -> bool:
        """Tell whether nobody has to look at a message before it is stored."""
        has = self._plugins.has
        return not (
            has("session_filter_message")
            or has("session_resolve_user")
            or (view.scope_name is None and has("session_resolve_scope"))
            or self._record_when is not None
            or (event.chat.kind == "group" and codes_in(event.text))
        )

    async def _record_at_once(
        self, context: OperationContext, event: MessageEvent, view: SessionView
    ) -> Recorded | None:
        """Record what is plain; by the long way only where something of the chat's is on it
        already.
        """
        view.scope_name = view.scope_name or ""
        recording = messages.Recording(context=context, event=event, scope_name=view.scope_name)

        def arrived(outcome: messages.RecordResult) -> None:
            view.seq = outcome.seq
            self._when_due(outcome, event.text)

        passage = self._intake.submit_at_once(event.chat, bulk.RECORD, recording, then=arrived)
        if passage is None:
            return await self._intake.patiently(event.chat, self._record(context, event, view))
        outcome = await self._intake.arrival(passage)
        return None if outcome is None else _recorded(view, Filtered(event), outcome)

    async def _record(
        self, context: OperationContext, event: MessageEvent, view: SessionView
    ) -> Recorded:
        async with self._intake.chat_lock(event.chat):
            if event.chat.kind == "group":
                await self.burn_codes(event.text)
            if view.scope_name is None:
                view.scope_name = await self.scope_name(event)
            kept = await self._intake.filter(event) if self._is_recorded(event.chat) else None
            if kept is None:
                return Recorded(session=view, message=None, is_new=True, is_stored=False)
            recording = await self._recording(context, kept, view.scope_name)
            arrival = await self._intake.submit(event.chat, bulk.RECORD, recording)
        outcome = await arrival
        self._when_due(outcome, kept.event.text)
        return _recorded(view, kept, outcome)

    async def edit(self, event: MessageEvent, *, is_command: bool = False) -> bool:
        """Change a stored message to what it says now; one that was never seen is stored.

        False where nothing changed: the same words, or a later edit is known already.

        Args:
            event: The message as it is now.
            is_command: It is one of our commands now, of which nothing is kept: what was stored of
                it goes.
        """
        edit = self._edit(self.operation_context(), event, is_command=is_command)
        return await self._intake.patiently(event.chat, edit) or False

    async def _edit(
        self, context: OperationContext, event: MessageEvent, *, is_command: bool
    ) -> bool:
        async with self._intake.chat_lock(event.chat):
            if event.chat.kind == "group":
                await self.burn_codes(event.text)
            is_kept = self._is_recorded(event.chat) and not is_command
            kept = await self._intake.filter(event) if is_kept else None
            if kept is not None:
                recording = await self._recording(context, kept, await self.scope_name(event))
                arrival = await self._intake.submit(event.chat, messages.edit, recording)
        if kept is None:
            return (
                event.message_id is not None
                and await self._delete(event.chat, (event.message_id,)) > 0
            )
        outcome = await arrival
        if outcome is not None and outcome.session_no is not None:
            self._when_due(outcome, kept.event.text)
            self._renew_summaries((outcome.session_no,))
        return outcome is not None

    async def delete(self, chat: Chat, message_ids: Iterable[str]) -> int:
        """Remove messages from history, archive and summaries; one that comes later is not stored
        either.

        Tells how many there were.

        Raises:
            TypeError: an id is not text, or a text was given instead of several.
            ValueError: an id is empty, or has a NUL or a lone surrogate.
        """
        if isinstance(message_ids, str):
            raise TypeError(f"message_ids are several ids, not one text: {message_ids!r}")
        message_ids = tuple(message_ids)
        for message_id in message_ids:
            check_id("message_id", message_id)
        return await self._intake.patiently(chat, self._delete(chat, message_ids)) or 0

    async def _delete(self, chat: Chat, message_ids: tuple[str, ...]) -> int:
        total = 0
        for start in range(0, len(message_ids), messages.AT_ONCE):
            some = message_ids[start : start + messages.AT_ONCE]
            deletion = messages.Deletion(
                context=self.operation_context(), chat=chat, message_ids=some
            )
            async with self._intake.chat_lock(chat):
                arrival = await self._intake.submit(chat, messages.delete, deletion)
            outcome = await arrival
            total += outcome.count
            self._renew_summaries(outcome.session_nos)
        return total

    async def move_chat(self, old: Chat, new: Chat) -> None:
        """Let a group go on in another chat, as Telegram's do that become supergroups; telling it
        twice is harmless.

        Its sessions are in the new chat from now on, and what still comes from the old one goes
        there, too. Message ids of the two chats never meet. Like a message, it waits in line while
        the database cannot be written.

        Raises:
            ValueError: the chats are not two groups of one bot on one channel.
        """
        if old != new:
            await self._intake.patiently(new, self._move_chat(old, new))

    async def _move_chat(self, old: Chat, new: Chat) -> None:
        move = moving.Move(context=self.operation_context(), old=old, new=new)
        one, other = sorted(
            (old, new), key=lambda chat: chat.chat_id
        )  # always so, lest two moves wait for each other
        async with self._intake.chat_lock(one), self._intake.chat_lock(other):
            moved = await self._intake.submit(new, moving.move_chat, move)
        await moved

    async def delete_chat(self, chat: Chat) -> int:
        """Remove all that was said in a chat, in all of its threads or in the one it names; tells
        how much there was.

        For a chat that is deleted where it was. In small pieces, so that a long one keeps nobody
        waiting; what is said in it afterwards is stored as ever.
        """
        return await self._intake.patiently(chat, self._delete_chat(chat)) or 0

    async def _delete_chat(self, chat: Chat) -> int:
        total, session_nos = 0, set[int]()
        async with self._intake.chat_lock(chat):
            while True:
                arrival = await self._intake.submit(
                    chat, messages.delete_some, (self.operation_context(), chat)
                )
                outcome = await arrival
                if not outcome.count:
                    break
                total += outcome.count
                session_nos.update(outcome.session_nos)
        self._renew_summaries(session_nos)
        return total

    async def find_message(self, chat: Chat, message_id: str) -> SessionMessage | None:
        """Give a stored message by its platform's id; None where it was never stored, or is gone.

        Raises:
            DatabaseUnavailable: messages of this chat still wait for the database.
            TypeError: the id is not text.
        """
        check_text("message_id", message_id)
        if not is_storable(message_id):  # nor was it ever
            return None
        return await self.read(chat, messages.find, (self.bot, chat, message_id))

    def session_of(
        self, chat: Chat, account: Account | None, *, event: MessageEvent | None = None
    ) -> SessionView:
        """Give the session as somebody in a chat sees it; nothing is read before something is
        awaited.
        """
        return SessionView(self, chat, account, event)

    async def read(self, chat: Chat | None, operation: Callable[[Tx, A], T], argument: A) -> T:
        """Run a reading operation, for SessionView: after all that was handed in for `chat` is
        stored, or at once.

        Raises:
            DatabaseUnavailable: messages of this chat still wait for the database.
        """
        if chat is not None:
            await self._intake.settled(chat)
        return await self._read(operation, argument)

    async def write(self, operation: Callable[[Tx, A], T], argument: A) -> T:
        """Run a writing operation that announces nothing, for SessionView."""
        return await self._write(operation, argument)

    async def start_new(self, where: sessions.Where) -> Session | None:
        """End the live session and start the next, for SessionView; None where nobody is known to
        own one.
        """
        await self._intake.settled(where.chat)
        return await self._announced(sessions.start_new, where, chat=where.chat)

    def where(self, chat: Chat, account: Account | None, scope_name: str) -> sessions.Where:
        """Give a place to read or write in, for SessionView."""
        return sessions.Where(
            context=self.operation_context(),
            chat=chat,
            account=account,
            name=scope_name,
            direct_sees_groups=self._direct_sees_groups,
        )

    async def scope_name(self, event: MessageEvent) -> str:
        """Ask the plugins which part of its scope a message belongs to; it has no name where none
        of them says so.

        Where a plugin fails, that is a part which nothing else is in: nobody reads there what was
        to be kept apart.
        """
        if not self._plugins.has("session_resolve_scope"):
            return ""
        try:
            answer = await self._plugins.ask(
                "session_resolve_scope", check=_check_name, is_strict=True, event=event
            )
        except PluginError as error:
            logger.warning(
                "no plugin tells which part of its scope a message belongs to, so it gets its "
                "own: %s",
                error,
            )
            return f"unresolved:{self.operation_context().new_id()}"
        return "" if answer is None else str(answer.value)

    def _is_recorded(self, chat: Chat) -> bool:
        """Tell whether the author wants what is said in a chat to be kept; a rule that fails keeps
        nothing.
        """
        try:
            return self._record_when is None or bool(self._record_when(chat))
        except Exception:
            logger.exception(
                "record_when failed, so nothing of a %s chat on %s is kept", chat.kind, chat.channel
            )
            return False

    async def _recording(
        self, context: OperationContext, kept: Filtered, scope_name: str
    ) -> messages.Recording:
        """Take in what the filters left; the moment is that at which it was handed in, however long
        they took.
        """
        return messages.Recording(
            context=context,
            event=kept.event,
            user_id=await self._whose(kept.event.author),
            answered_user_id=await self._whose(kept.event.answers),
            is_withheld=kept.is_withheld,
            scope_name=scope_name,
        )


_check_name = partial(check_storable, "a scope's name")


def _recorded(view: SessionView, kept: Filtered, outcome: messages.RecordResult) -> Recorded:
    """Say what became of a message, and let its session's reader know."""
    view.is_duplicate = outcome.fate == "duplicate"
    view.is_stored = outcome.fate in ("stored", "duplicate")
    view.seq = outcome.seq
    message = outcome.known
    if outcome.fate == "stored":
        message = messages.as_stored(kept.event, outcome, is_withheld=kept.is_withheld)
    return Recorded(
        session=view, message=message, is_new=not view.is_duplicate, is_stored=view.is_stored
    )
