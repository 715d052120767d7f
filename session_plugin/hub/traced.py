"""Recording and reading under a span, for hubs whose spans somebody wants.

The session's id is looked up after the span has ended, and only where it is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from session_plugin.database.engine import Tx
from session_plugin.errors import SessionError
from session_plugin.hub.assembly import HubParts
from session_plugin.incoming.submissions import Submission
from session_plugin.model import Session
from session_plugin.records.conversation import sessions
from session_plugin.tracing import CONVERSATION, Span

P = ParamSpec("P")
T = TypeVar("T")


async def record_traced(parts: HubParts, submission: Submission) -> None:
    """Store a message under a span."""
    assert parts.tracing.start is not None, "somebody wants spans"

    with parts.tracing.start("record") as span:
        await parts.intake.record(submission)
        span.stop()

        event, result = submission.event, submission.record_result
        span.note("session_plugin.channel", event.chat.channel)
        span.note("session_plugin.role", event.role)
        if result is not None:
            span.note("session_plugin.outcome", result.fate)
        if result is not None and result.session_no is not None:
            await _note_session(parts, span, sessions.session_data, result.session_no)


async def read_traced(
    parts: HubParts,
    operation: Callable[Concatenate[Tx, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Read under a span that names the operation."""
    assert parts.tracing.start is not None, "somebody wants spans"

    with parts.tracing.start("read") as span:
        answer = await parts.database.read(operation, *args, **kwargs)
        span.stop()

        span.note("session_plugin.operation", operation.__name__)
        where = next((value for value in args if isinstance(value, sessions.Where)), None)
        if where is not None:
            await _note_session(parts, span, sessions.read_live, where)

    return answer


async def _note_session(
    parts: HubParts,
    span: Span,
    find: Callable[[Tx, T], Session | None],
    place: T,
) -> None:
    if not span.is_recording:
        return

    try:
        session = await parts.database.read(find, place)
    except SessionError:  # the message is stored, or was read, all the same
        return

    if session is not None:
        span.note(CONVERSATION, session.session_id)
