"""A hub's messages: recorded, edited, deleted, found, and the views that read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from session_plugin.checks import check_id, check_storable, check_text, is_storable
from session_plugin.hub.assembly import HubParts
from session_plugin.hub.view.view import SessionView
from session_plugin.incoming.submissions import Submission
from session_plugin.model import Account, Chat, MessageEvent, SessionMessage
from session_plugin.records.conversation.histories import find_message


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What became of a message that was handed in.

    Args:
        session: The session as the message's chat sees it.
        is_new: It was not known before.
        is_stored: It is on disk. False where a filter stores nothing of it, where its chat is not
            recorded or its author asked for privacy, where it was deleted before it came, and where
            it still waits for a database that cannot be written.
        submission: What was handed in, for `message`.

    Example:
        recorded = await hub.record(event)
        if recorded.is_new and recorded.is_stored:
            print(recorded.message.content, await recorded.session.history(before=event))
    """

    session: SessionView
    is_new: bool
    is_stored: bool
    submission: Submission = field(repr=False)

    @classmethod
    def _of(cls, view: SessionView, submission: Submission) -> Self:
        return cls(
            session=view,
            is_new=not view.is_duplicate,
            is_stored=view.is_stored,
            submission=submission,
        )

    @cached_property
    def message(self) -> SessionMessage | None:
        """The message as it is stored, made when it is first looked at; None where it is not."""
        return self.submission.message()


@dataclass(frozen=True, slots=True)
class Held:
    """A message that only its author has seen so far, and that is stored once others see it.

    Until then it is in the history of `session` alone: of this view, not of others on the same
    session.

    Example:
        held = hub.hold(event)
        print(await held.session.history())
        await held.record()
    """

    session: SessionView

    async def record(self) -> Recorded:
        """Store the message, as `SessionHub.record` does. Call it once."""
        event = self.session.event
        assert event is not None, "a held message has an event"
        return Recorded._of(self.session, await self.session._record(event))


class Recording:
    """Messages in, and views to read them by."""

    _parts: HubParts

    async def record(self, event: MessageEvent, *, scope_name: str | None = None) -> Recorded:
        """Store a message, once, however often it is handed in.

        Returns once the message is on disk, or after `store_patience` seconds with `is_stored`
        False; it is then stored, in order, as soon as the database can be written.

        Args:
            event: The message.
            scope_name: The part of its scope that it belongs to; None asks the plugins.

        Raises:
            TypeError: `scope_name` is not text.
            ValueError: the message cannot be stored as it is: one account's direct chat with a
                message of another account, for example.
            DatabaseRefused: the database may not be used.
        """
        if scope_name is not None:
            check_storable("scope_name", scope_name)

        if event.role == "assistant":
            event = self._parts.final_words.tagged(event)
        view = SessionView(self._parts, event.chat, event.author or event.answers, event)
        view.scope_name = scope_name

        return Recorded._of(view, await view._record(event))

    def hold(self, event: MessageEvent) -> Held:
        """Keep a message back until it is known whether others see it; store nothing yet.

        For a command in a group whose answer may be shown to one person only. Its handler finds
        the message in its own session; nobody else does before `Held.record`. A message that
        nobody else sees is never recorded: let the object go.
        """
        view = self.session_of(event.chat, event.author or event.answers, event=event)
        view._held = Submission(event, on_result=view._note_result)
        return Held(view)

    async def edit(self, event: MessageEvent, *, is_command: bool = False) -> bool:
        """Change a stored message to what it says now; one that was never seen is stored.

        Return False where nothing changed: text, attachments and metadata are the same, or a later
        edit is known already. The later of two edits is the one with the later `edited_at`; of the
        same time, the one with the higher `version`, or where one has none, the one handed in last.

        A message that no person wrote, such as an answer that grows while it is streamed, is
        changed at most once a second. What comes in between is held in memory, and True returned;
        the newest is stored when the second is over, or before: when its chat is read, when the
        hub settles or closes. So a kill loses the last second of such an edit at most. A deletion
        drops what is held.

        Args:
            event: The message as it is now.
            is_command: It is one of our commands now, so what was stored of it is removed.
        """
        event = self._parts.final_words.tagged(event, is_edit=True)

        return await self._parts.intake.edit(self._parts.context(), event, is_command=is_command)

    async def delete(self, chat: Chat, message_ids: Iterable[str]) -> int:
        """Remove messages from history, archive and summaries, and return how many were stored.

        A message that comes after its deletion is not stored either.

        Raises:
            TypeError: an id is not text, or a text was given instead of several.
            ValueError: an id is empty, or has a NUL or a lone surrogate.
        """
        if isinstance(message_ids, str):
            raise TypeError(f"message_ids are several ids, not one text: {message_ids!r}")

        ids = tuple(message_ids)
        for message_id in ids:
            check_id("message_id", message_id)

        return await self._parts.intake.delete(self._parts.context(), chat, ids)

    async def move_chat(self, old: Chat, new: Chat) -> None:
        """Let a group go on in another chat, as Telegram groups that become supergroups do.

        Its sessions are in the new chat from now on, and late messages of the old chat follow them.
        Message ids of the two chats never meet. Calling this twice is harmless. Like a message, it
        is queued while the database cannot be written.

        Raises:
            ValueError: the chats are not two groups of one bot on one channel.
        """
        if old != new:
            await self._parts.intake.move_chat(self._parts.context(), old, new)

    async def delete_chat(self, chat: Chat) -> int:
        """Remove all messages of a chat, or of the one thread it names, and return how many.

        For a chat that was deleted on its platform. Messages are removed in small pieces, so that a
        long chat keeps nobody waiting; what is said there afterwards is stored as before.
        """
        return await self._parts.intake.delete_chat(self._parts.context(), chat)

    async def find_message(self, chat: Chat, message_id: str) -> SessionMessage | None:
        """Return a stored message by its platform's id; None where it is not stored.

        Raises:
            DatabaseUnavailable: messages of this chat still wait for the database.
            TypeError: the id is not text.
        """
        check_text("message_id", message_id)
        if not is_storable(message_id):
            return None

        await self._parts.intake.settled(chat)
        bot = self._parts.settings.bot

        return await self._parts.database.read(find_message, bot, chat, message_id)

    def session_of(
        self, chat: Chat, account: Account | None, *, event: MessageEvent | None = None
    ) -> SessionView:
        """Return the session as `account` sees it in `chat`. Nothing is read before you await."""
        return SessionView(self._parts, chat, account, event)

    async def burn_codes(self, text: str) -> None:
        """Make worthless whatever in a text is a link code: others than its owner have seen it."""
        await self._parts.screening.burn_codes(text)
