"""What all verbs of a view share: where it reads, and what is stored of its message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from session_plugin.database.engine import Tx
from session_plugin.hub.assembly import HubParts
from session_plugin.hub.traced import read_traced, record_traced
from session_plugin.incoming.submissions import Submission
from session_plugin.model import (
    Account,
    Chat,
    MessageEvent,
    SessionIdentity,
    SessionMessage,
)
from session_plugin.records.conversation import sessions
from session_plugin.records.conversation.recording import RecordResult, as_stored
from session_plugin.records.people import accounts

P = ParamSpec("P")
T = TypeVar("T")


class Reader:
    """A scope and a hub: who reads, where, and while answering which message.

    `SessionView` says what its attributes are.
    """

    scope_name: str | None = None
    is_duplicate = False
    is_stored = False
    is_wordless = False
    seq = 0
    before_reading: Callable[[], Awaitable[object]] | None = None
    _held: Submission | None = None
    _asides: Sequence[str] = ()

    def __init__(
        self,
        parts: HubParts,
        chat: Chat,
        account: Account | None,
        event: MessageEvent | None = None,
    ) -> None:
        """Made by SessionHub.session_of."""
        self._parts = parts
        self.chat = chat
        self.account = account
        self.event = event
        self.is_aside = event is not None and event.is_aside

    async def identity(self) -> SessionIdentity | None:
        """Return the canonical user of this view's account, with all linked accounts; None for
        nobody known.
        """
        if self.account is None:
            return None

        return await self._read(accounts.identity_of_account, self.account)

    async def _record(self, event: MessageEvent) -> Submission:
        """Store `event` as the message of this view, for SessionHub.record and for `add`."""
        submission = self._held or Submission(event, on_result=self._note_result)
        self._held = None

        submission.given_scope_name = self.scope_name
        if self._parts.tracing.start is None:
            await self._parts.intake.record(submission)
        else:
            await record_traced(self._parts, submission)
        self.scope_name = submission.given_scope_name

        if submission.record_result is not None:
            fate = submission.record_result.fate
            self.is_duplicate = fate == "duplicate"
            self.is_stored = fate in ("stored", "duplicate")

        return submission

    def _note_result(self, result: RecordResult) -> None:
        self.seq = result.seq

    async def _held_message(self) -> SessionMessage | None:
        """Return the message that is not stored yet because nobody but its author has seen it."""
        held = self._held
        if held is None:
            return None

        who = await self.identity()
        if who is not None and who.is_private:
            return None

        held.given_scope_name = await self._scope_name()
        recording = await self._parts.intake.screen_held(self._parts.context(), held)
        if recording is None:
            return None

        result = RecordResult(fate="stored", person=held.event.author)

        return as_stored(recording, result)

    async def _take_in(self) -> None:
        """Make conversation of a command, and of what was sent in answer to it, for good."""
        if not self.is_aside or self.event is None:
            return

        self.is_aside = False
        keys, self._asides = [*self._asides], ()
        if self._held is not None:
            self._held.take_in()
        elif self.event.message_id is not None and not self.is_wordless:
            keys.append(self.event.message_id)

        if not keys:
            return

        try:
            if self.before_reading is not None:
                await self.before_reading()
            context = self._parts.context()
            if not await self._parts.intake.take_in(context, self.chat, keys):
                self.is_stored = False  # what is read next waits for it, or raises
        except BaseException:
            self.is_aside, self._asides = True, [*keys, *self._asides]
            raise

    def _place(
        self, name: str, message: MessageEvent | SessionMessage | None
    ) -> MessageEvent | SessionMessage | int | None:
        """Return a message, or its place if it is the one being answered: that is known even after
        it was deleted.
        """
        if not isinstance(message, MessageEvent | SessionMessage | None):
            raise TypeError(
                f"{name} is a message, as it was handed in or as it is stored, not {message!r}"
            )

        return self.seq if message is self.event and self.seq else message

    async def _read(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        await self._settled()

        return await self._read_settled(operation, *args, **kwargs)

    async def _settled(self) -> None:
        """Wait until a reading sees all that was handed in for this view's chat.

        Raises:
            DatabaseUnavailable: it is not stored within the patience.
        """
        if self.before_reading is not None:
            await self.before_reading()
        if not self.is_stored or self._parts.intake.holds_edits(self.chat):
            await self._parts.intake.settled(self.chat)

    async def _read_settled(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._parts.tracing.start is None:
            return await self._parts.database.read(operation, *args, **kwargs)

        return await read_traced(self._parts, operation, *args, **kwargs)

    async def _where(self) -> sessions.Where:
        return sessions.Where(
            context=self._parts.context(),
            chat=self.chat,
            account=self.account,
            name=await self._scope_name(),
            direct_sees_groups=self._parts.settings.direct_sees_groups,
        )

    async def _scope_name(self) -> str:
        if self.scope_name is None:
            event = self.event or self._unsaid()
            self.scope_name = await self._parts.screening.scope_name(event)
        return self.scope_name

    def _unsaid(self) -> MessageEvent:
        """Return an empty message of this view's account: a command or a button says nothing, and
        belongs where the account's next message would.
        """
        return MessageEvent(
            chat=self.chat,
            message_id=None,
            role="user",
            text="",
            sent_at=self._parts.context().now,
            author=self.account,
        )
