"""Reading back as much of a session as a model can be given, page by page, with the summaries that
could stand for what was said before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from session_plugin.context.fitting import OVERHEAD
from session_plugin.context.marks import Setting
from session_plugin.context.window import start_of_window, stride_of
from session_plugin.database.engine import Row, Tx
from session_plugin.model import (
    INSTRUCTION_ROLES,
    STORE_CHANNEL,
    MessageEvent,
    SessionMessage,
    Summary,
)
from session_plugin.records.conversation.histories import (
    ALL,
    all_segments,
    newest,
    own_messages_in_groups,
)
from session_plugin.records.upkeep.summaries import current_summary, summary_of
from session_plugin.rules.scopes import Scope

FIRST_PAGE = 128
"""Messages read at first where a budget of tokens says how many are needed."""
CHARACTERS_OF_TOKEN = 6
"""More than texts have on average, so that enough messages are read for a budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRequest:
    """What a model is to be given of a session.

    Attributes:
        max_messages: About how many messages, the newest; None for all that no summary stands for,
            or for all that `max_tokens` has room for. Instructions are not counted.
        max_tokens: For how many tokens messages are read, also those that a summary stands for;
            None for those that none stands for.
        before: Only messages before this one, or before this sequence number.
        upto: Only messages up to this one, which is included.
        include_previous: Go on into earlier sessions if nothing of this one is left out.
        include_asides: Include what is no part of the conversation, such as commands.
    """

    max_messages: int | None = None
    max_tokens: int | None = None
    before: MessageEvent | SessionMessage | int | None = None
    upto: MessageEvent | SessionMessage | int | None = None
    include_previous: bool = False
    include_asides: bool = False


class Reading:
    """Reads the newest messages of a session, in pages, as far back as a request asks for."""

    def __init__(
        self,
        tx: Tx,
        scope: Scope,
        request: ContextRequest,
        *,
        live: Row | None,
        segments: Sequence[Row],
        place: int | None,
        end: int | None,
    ) -> None:
        """Read nothing yet.

        Args:
            tx: The transaction.
            scope: Whose session it is.
            request: What is asked for.
            live: The live session; None if there is none.
            segments: Its segments.
            place: The message that limits it; a summary stands for nothing from there on.
            end: Where to stop reading; None for the newest message.
        """
        self._tx = tx
        self._scope = scope
        self._request = request
        self._live = live
        self._segments = list(segments)
        self._place = place
        self._end = end
        self._generations: list[Summary] = []
        self.whole_from: int | None = None
        self.is_steady = True

    def messages(self) -> list[SessionMessage]:
        """Return the messages, oldest first, without instructions."""
        if self._request.max_messages == 0:
            if self._live is not None and self._request.max_tokens is None:
                self._read_summary()
            return []

        rows, is_all = self._rows_of_session()
        previous: list[SessionMessage] = []
        if is_all:
            self.whole_from = 0
            if self._request.include_previous and not self._generations:
                before = rows[0].seq if rows else self._end
                segments = all_segments(self._tx, self._scope)
                previous, is_all = self._read(segments, before, None, since=0.0, found=rows)

        return self._windowed(rows, previous, is_all=is_all)

    def _rows_of_session(self) -> tuple[list[SessionMessage], bool]:
        """Return messages of the session, and whether nothing before them was left out."""
        if self._live is None:
            return [], True

        live_from = None
        if self._request.max_tokens is None:
            live_from = self._read_summary()

        return self._read(
            self._segments, self._end, live_from, since=self._live["started_at"], found=[]
        )

    def _read_summary(self) -> dict[int, int]:
        if self._live is None:
            return {}

        session_no = self._live["session_no"]
        summary, live_from = _summarised(self._tx, session_no, self._segments, self._place)
        self._generations = [summary] if summary is not None else []

        return live_from

    def _read(
        self,
        segments: list[Row],
        before: int | None,
        live_from: Mapping[int, int] | None,
        *,
        since: float,
        found: Sequence[SessionMessage],
    ) -> tuple[list[SessionMessage], bool]:
        """Return messages before a place until there are enough, and whether there are no more."""
        size = self._first_page()
        rows: list[SessionMessage] = []
        while True:
            groups = partial(
                own_messages_in_groups, self._tx, self._scope, since=since, before=before
            )
            page = newest(
                self._tx, segments, limit=size, before=before, live_from=live_from, besides=groups
            )
            rows = page + rows
            if len(page) < size:
                return rows, True
            if self._is_enough([*rows, *found]):
                return rows, False

            before = page[0].seq
            size = min(2 * size, ALL)

    def _first_page(self) -> int:
        most = self._request.max_messages
        if most is not None:
            return min(most + stride_of(most) + 1, ALL)
        return ALL if self._request.max_tokens is None else FIRST_PAGE

    def _is_enough(self, rows: Sequence[SessionMessage]) -> bool:
        request = self._request
        visible = [one for one in rows if self._is_shown(one)]
        most = request.max_messages
        if most is not None and len(visible) >= most + stride_of(most):
            return True
        if request.max_tokens is None:
            return False

        tokens = sum(len(one.content) // CHARACTERS_OF_TOKEN + OVERHEAD for one in visible)
        return tokens > request.max_tokens

    def _is_shown(self, message: SessionMessage) -> bool:
        is_aside = message.is_aside and not self._request.include_asides
        return message.role not in INSTRUCTION_ROLES and not is_aside

    def _windowed(
        self, rows: Sequence[SessionMessage], previous: Sequence[SessionMessage], *, is_all: bool
    ) -> list[SessionMessage]:
        """Return the messages of the window, and note where the session's first one stands."""
        everything = [*previous, *rows]
        places = self._places(everything)
        shown = [
            (message, place)
            for message, place in zip(everything, places, strict=True)
            if self._is_shown(message)
        ]
        messages = [message for message, _ in shown]
        whole_from = sum(1 for message in previous if self._is_shown(message))

        start = 0
        most = self._request.max_messages
        if most is not None:
            start = start_of_window(messages, [place for _, place in shown], most)

        self.is_steady = is_all or start > 0
        if self.whole_from is not None:
            self.whole_from = whole_from - start if whole_from >= start else None
        if self._tells_of_the_gone():
            self.whole_from = None

        return messages[start:]

    def _tells_of_the_gone(self) -> bool:
        """Check whether a summary was imported without the messages that it stands for."""
        if self._live is None or self._request.max_tokens is None:
            return False
        return bool(self._tx.all("summaries_of_the_gone", session_no=self._live["session_no"]))

    def _places(self, messages: Sequence[SessionMessage]) -> list[int | None]:
        """Return the place of each message in the session; those before it have negative ones."""
        if self._request.max_messages is None:
            return [None] * len(messages)

        count = 0
        if self._live is not None:
            counted = self._tx.one("running_count", session_no=self._live["session_no"])
            count = counted["running_count"]
        for segment in self._segments if self._end is not None else ():
            number = segment["segment_no"]
            after = self._tx.one("count_from", segment_no=number, from_seq=self._end)
            count -= after["messages"]

        places: list[int | None] = []
        for message in reversed(messages):
            is_elsewhere = message.chat is not None and message.chat.kind != self._kind
            count -= 0 if is_elsewhere else 1
            places.append(None if is_elsewhere else count)

        return places[::-1]

    @property
    def _kind(self) -> str:
        return "group" if self._scope.user_id is None else "direct"

    def summaries(self, messages: Sequence[SessionMessage]) -> tuple[Summary, ...]:
        """Return the summaries to choose from, from the one that stands for the fewest on."""
        if self._live is None or self._request.max_tokens is None:
            return tuple(self._generations)

        earliest = messages[0].seq if messages else None
        return _generations(self._tx, self._live["session_no"], self._place, earliest)

    def setting(self) -> Setting | None:
        """Return what headings depend on; None where a caller of SessionStore names channels."""
        channels = {segment["channel"] for segment in self._segments}
        if STORE_CHANNEL in channels:
            return None

        is_one_person = self._scope.user_id is not None
        setting = Setting(
            has_names=not is_one_person or self._scope.sees_groups, is_one_person=is_one_person
        )
        if len(channels) < 2:
            return setting

        begun: dict[str, int] = {}
        for segment in self._segments:
            first = self._tx.one("first_seq", segment_no=segment["segment_no"])["seq"]
            if first is not None:
                channel = segment["channel"]
                begun[channel] = min(begun.get(channel, first), first)
        channels_from = sorted(begun.values())[1] if len(begun) > 1 else None

        return replace(setting, channels_from=channels_from)


def _summarised(
    tx: Tx, session_no: int, segments: Sequence[Row], place: int | None
) -> tuple[Summary | None, dict[int, int]]:
    """Return the newest summary that covers nothing from a sequence number on, and where each
    segment goes on after it.

    While a message was being answered, a newer summary may have come to cover it.
    """
    live_from = live_from_of(segments)
    if place is None or all(edge <= place for edge in live_from.values()):
        return current_summary(tx, session_no), live_from

    used: list[Row] = []
    live_from = dict.fromkeys(live_from, 0)
    candidates = tx.all("current_summaries", session_no=session_no)
    while candidates:
        older: list[Row] = []
        for row in candidates:
            parts = tx.all("parts_of_summary", summary_no=row["summary_no"])
            if row["content"] is None or any(part["to_seq"] >= place for part in parts):
                older += tx.all("summaries_superseded_by", superseded_by=row["summary_no"])
                continue
            used.append(row)
            for part in parts:
                number = part["segment_no"]
                live_from[number] = max(live_from.get(number, 0), part["to_seq"] + 1)

        candidates = older

    return summary_of(tx, used), live_from


def _generations(
    tx: Tx, session_no: int, place: int | None, earliest: int | None
) -> tuple[Summary, ...]:
    """Return a session's summary and those that it superseded, as long as they stand for a message
    that was read; those that stand for fewer messages first.

    None stands for anything from `place` on. `earliest` is the first message that was read.
    """
    found: list[Summary] = []
    rows = tx.all("current_summaries", session_no=session_no)
    while rows:
        used: list[Row] = []
        older: list[Row] = []
        edges: list[int] = []
        for row in rows:
            ends = [
                part["to_seq"] for part in tx.all("parts_of_summary", summary_no=row["summary_no"])
            ]
            older += tx.all("summaries_superseded_by", superseded_by=row["summary_no"])
            if row["content"] is not None and (place is None or max(ends, default=0) < place):
                used.append(row)
                edges += ends

        summary = summary_of(tx, used)
        if summary is not None:
            found.append(summary)
        if used and (earliest is None or max(edges, default=0) < earliest):
            break
        rows = older

    return tuple(reversed(found))


def live_from_of(segments: Iterable[Row]) -> dict[int, int]:
    """Return where each segment goes on after what summaries stand for."""
    return {segment["segment_no"]: segment["live_from"] for segment in segments}
