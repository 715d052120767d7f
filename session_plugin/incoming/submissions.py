"""A message that was handed in: what waits, what is to be stored, and what became of it.

Knows the queue of writes and operations; knows no view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from session_plugin.database.engine import Tx
from session_plugin.incoming.turns import PendingWrite
from session_plugin.model import Chat, MessageEvent, SessionMessage
from session_plugin.records.conversation.bulk import RECORD
from session_plugin.records.conversation.recording import Recording, RecordResult, as_stored
from session_plugin.records.operation_context import OperationContext


class Submission(PendingWrite[RecordResult], Recording):
    """A message that was handed in, and what became of it.

    One of which nothing has to be asked is stored as it is: it is the write that waits, and what
    that stores. Of any other, screening makes the recording that is stored.

    Attributes:
        given_scope_name: The part of its scope that it belongs to; None until that was asked.
        is_screened: `screened` is final: a message that is held is screened once, when it is first
            read.
        screened: What screening left of it; None where nothing of it is stored.
        record_result: What became of it; None where it still waits.
        on_result: Called with that, whether or not a caller still waits.
    """

    operation = RECORD
    is_screened = False
    screened: Recording | None = None
    record_result: RecordResult | None = None

    def __init__(
        self,
        event: MessageEvent,
        *,
        scope_name: str | None = None,
        on_result: Callable[[RecordResult], None] | None = None,
    ) -> None:
        """Hand in a message; nothing is queued yet."""
        self.event = event
        self.given_scope_name = scope_name
        self.on_result = on_result

    @property
    def chat(self) -> Chat:  # type: ignore[override]
        """Where it was sent."""
        return self.event.chat

    @property
    def argument(self) -> Recording:
        """What is stored: a write that had itself among its arguments would be garbage in a
        circle.
        """
        return self

    def run(self, tx: Tx) -> Any:
        """Store it."""
        return self.operation(tx, self)

    def take_in(self) -> None:
        """Make conversation of a held message that was an aside."""
        self.event = replace(self.event, is_aside=False)
        if self.screened is not None:
            event = replace(self.screened.event, is_aside=False)
            self.screened = replace(self.screened, event=event)

    def be_plain(self, context: OperationContext) -> None:
        """Be stored as it is: nothing has to be asked."""
        self.context = context
        self.scope_name = self.given_scope_name = self.given_scope_name or ""
        self.is_screened = False

    def settle(self, result: RecordResult) -> None:
        """Note what became of it."""
        self.record_result = result
        if self.on_result is not None:
            self.on_result(result)

    def message(self) -> SessionMessage | None:
        """Return the message as it is stored; None where it is not."""
        recording, result = self.screened if self.is_screened else self, self.record_result
        if recording is None or result is None:
            return None
        return as_stored(recording, result) if result.fate == "stored" else result.known
