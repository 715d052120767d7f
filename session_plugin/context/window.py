"""Where the part of a conversation begins that a model is given.

A provider keeps the longest unchanged beginning of a request in its cache. A window over the newest
messages that moves by one each time has no such beginning, so it moves seldom, and then further.
Where it begins is derived from the messages' places in the session; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from session_plugin.context.exchanges import parts_of, whole_starts
from session_plugin.context.quoting import one_line
from session_plugin.model import SessionMessage
from session_plugin.parts import TextPart, ToolResultPart

FEWEST_IN_STRIDES = 8
"""Messages; where fewer fit, none is given up for a steady beginning."""
LONGEST_LINE = 120
"""Characters shown of an old result of a tool."""


def stride_of(limit: int) -> int:
    """Return by how many messages a window of `limit` messages moves at once."""
    return max(1, limit // 2)


def start_of_window(
    messages: Sequence[SessionMessage], places: Sequence[int | None], limit: int
) -> int:
    """Return the position of the first message of a window.

    It holds `limit` messages, and stays where it is until it holds half as many again: it begins
    where a message's place in the session is a multiple of the stride. It takes no result of a tool
    from its call.

    Args:
        messages: The newest messages, oldest first: those of a window and of a stride before it.
        places: Each message's place in the session, counted from 0; None for one of elsewhere.
        limit: The size of the window.
    """
    if limit == 0:
        return len(messages)

    latest = len(messages) - limit
    if latest <= 0:
        return 0

    stride = stride_of(limit)
    boundaries = (
        position
        for position in range(latest, max(latest - stride, -1), -1)
        if (place := places[position]) is not None and place % stride == 0
    )
    boundary = next(boundaries, latest)

    starts = whole_starts(messages)
    return max((one for one in starts if one <= boundary), default=min(starts))


def with_newest(
    messages: Sequence[SessionMessage], newest: SessionMessage, limit: int | None
) -> list[SessionMessage]:
    """Return the messages of a window and one more, without its first ones if there are too many.

    Args:
        messages: The messages of a window, oldest first.
        newest: A message that may be among them already.
        limit: The size of the window; None for one without limit.
    """
    if limit == 0 or any(key_of(message) == key_of(newest) for message in messages):
        return list(messages)

    several = [*messages, newest]
    surplus = 0 if limit is None else len(several) - limit - stride_of(limit) + 1

    return several[
        next(one for one in whole_starts(several) if one >= min(surplus, len(messages))) :
    ]


def key_of(message: SessionMessage) -> tuple[str, str | None, str | None]:
    """Return what tells a message from all others that a platform delivers."""
    chat_id = None if message.chat is None else message.chat.chat_id
    return message.channel, chat_id, message.message_id


def steadiest(
    positions: Sequence[int], allowed: Container[int], messages: Sequence[SessionMessage]
) -> int:
    """Return the position, of those where a context may begin, that it can keep for longest.

    That is the one where the highest power of two lies between the sequence number of its message
    and that of the position before it: while messages are added and the oldest positions fall away,
    it stays the same until it falls away itself.

    Args:
        positions: All positions at which something could begin, in order.
        allowed: Those that may be returned.
        messages: The messages.
    """
    seqs = [messages[position].seq for position in positions]
    heights = [
        ((seq ^ before).bit_length(), position)
        for position, seq, before in zip(positions, seqs, [seqs[0] - 1, *seqs], strict=False)
        if position in allowed
    ]

    return max(heights)[1]


def shortened(
    messages: Sequence[SessionMessage], keep_tools: int | None
) -> tuple[SessionMessage, ...]:
    """Return messages with the results of tools in older turns as one line each.

    Results stay whole for `keep_tools` turns and up to as many more, so that what was shown before
    does not change with each turn.

    Args:
        messages: The messages, oldest first.
        keep_tools: For how many turns at least results stay whole; None for all.
    """
    first: dict[object, int] = {}
    for position, message in enumerate(messages):
        if any(isinstance(part, ToolResultPart) for part in parts_of(message)):
            first.setdefault(message.turn or position, position)

    turns = list(first.values())
    if keep_tools is None or len(turns) <= keep_tools:
        return tuple(messages)

    edge = len(messages)
    if keep_tools:
        latest = len(turns) - keep_tools
        edge = steadiest(turns, turns[max(latest - keep_tools, 0) : latest + 1], messages)

    return tuple(
        _with_short_results(message) if position < edge else message
        for position, message in enumerate(messages)
    )


def _with_short_results(message: SessionMessage) -> SessionMessage:
    parts = parts_of(message)
    if not any(isinstance(part, ToolResultPart) for part in parts):
        return message

    return replace(
        message,
        parts=tuple(_short(part) if isinstance(part, ToolResultPart) else part for part in parts),
    )


def _short(result: ToolResultPart) -> ToolResultPart:
    texts = [part.text for part in result.parts if isinstance(part, TextPart)]
    line = one_line("\n".join(texts))
    if len(line) > LONGEST_LINE:
        line = f"{line[:LONGEST_LINE]} […]"

    return replace(result, parts=(TextPart(text=line),))
