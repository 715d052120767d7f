"""Summaries: planned in one transaction, written outside any, put in place in another if nothing
changed meanwhile.

A summary has one part for each segment of its session, from the segment's beginning up to where it
was cut. A new one supersedes those before it; a withdrawn one (no content) waits to be made again
from the archive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from session_plugin.database.engine import InBulk, Row, Tx, Value
from session_plugin.model import INSTRUCTION_ROLES, SessionMessage, Summary, SummaryPart
from session_plugin.records.cells import to_bytes, to_text
from session_plugin.records.conversation.histories import ALL, between
from session_plugin.records.conversation.sessions import to_chat
from session_plugin.records.message_rows import counted_text
from session_plugin.records.results import Consolidated, Result
from session_plugin.records.upkeep import vectors
from session_plugin.records.upkeep.work_leases import WorkLease, is_held_elsewhere
from session_plugin.rules.consolidation import (
    LONGEST_WAIT,
    between_turns,
    messages_to_consolidate,
    wait_after,
)

WithdrawReason = Literal["edited", "deleted", "forgotten", "retention"]
"""What happened to a message under a summary."""

PAGE = 250
"""Messages read at once for a summary: a few milliseconds, for all of which others wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRange:
    """One segment's range, and how often the segment had changed and moved when it was read.

    What is to be summed up begins at `read_from`; what is before that, the summary so far stands
    for.
    """

    segment_no: int
    from_seq: int
    read_from: int
    to_seq: int
    changed: int
    moved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a summary is to stand for.

    `messages` are those that `previous`, the summary so far, does not cover. Without any, the
    summaries so far have lost all that they stood for, and go.
    """

    session_no: int
    messages: tuple[SessionMessage, ...]
    previous: str | None
    ranges: tuple[PlannedRange, ...]
    supersedes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """Which session to plan for.

    A `threshold` of None only makes again what was withdrawn. `at_least` so many messages give way,
    whatever the threshold says; without that, none do unless there are more than `beyond`,
    instructions included.
    """

    session_no: int
    threshold: int | None
    at_least: int = 0
    beyond: int = 0


def live_texts(tx: Tx, session_no: int) -> list[str]:
    """Return the texts of a session's unconsolidated messages, in order."""
    return [
        counted_text(row["content"], row["parts"])
        for row in tx.all("live_contents", session_no=session_no)
    ]


def withdrawn(tx: Tx, bot: str, *, now: float, limit: int) -> list[int]:
    """Return sessions of which a summary waits to be made again, and may be by now (bot, now,
    limit).
    """
    return [
        row["session_no"]
        for row in tx.all("sessions_with_withdrawn", bot=bot, now=now, limit=limit)
    ]


def is_due(tx: Tx, request: PlanRequest, *, now: float | None) -> bool:
    """Check whether there is anything to plan, without reading any message (request, now).

    There is not while a session is left alone after failures; a now of None looks past that.
    """
    if now is not None and is_waiting(tx, request.session_no, now=now):
        return False

    current = tx.all("current_summaries", session_no=request.session_no)
    if request.at_least or any(summary["content"] is None for summary in current):
        return True
    if request.threshold is None:
        return False

    live_count = tx.one("live_count", session_no=request.session_no)["live_count"]

    return live_count > request.beyond and _count_due(request, live_count) > 0


def _count_due(request: PlanRequest, live_count: int) -> int:
    """Return how many of so many unconsolidated messages give way by their number."""
    if request.threshold is None:
        return 0
    return messages_to_consolidate(live_count, threshold=request.threshold)


def plan(tx: Tx, request: PlanRequest) -> Plan | None:
    """Plan a session's next summary, with all messages; None where nothing is to be done."""
    beginning = begin(tx, request, most=ALL)
    return None if beginning is None else beginning.plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """A plan; without its messages if these are too many to be read at once."""

    plan: Plan
    is_whole: bool


def begin(tx: Tx, request: PlanRequest, *, most: int = PAGE) -> Beginning | None:
    """Plan a session's next summary, with its messages if they are fewer than `most`; None where
    nothing is to be done.
    """
    segments = tx.all("segments_of_session", session_no=request.session_no)
    outlined = _outline(tx, request, segments)
    if outlined is None:
        return None

    by_no = {segment["segment_no"]: segment for segment in segments}
    messages: list[tuple[int, SessionMessage]] = []
    for part in outlined.ranges:
        messages += between(tx, by_no[part.segment_no], part.read_from, part.to_seq, limit=most)
        if len(messages) >= most:
            return Beginning(plan=outlined, is_whole=False)

    return Beginning(plan=filled(outlined, messages), is_whole=True)


def begin_several(
    tx: Tx,
    asked: Sequence[tuple[PlanRequest, WorkLease]],
    *,
    now: float | None,
    most: int = PAGE,
) -> list[Beginning | None]:
    """Do what `begin` does for the first of several sessions: as many as have `most` messages
    together, at least one.

    None for those of which no summary is due, or for which another process has the lease.
    """
    begun: list[Beginning | None] = []
    count = 0
    for request, lease in asked:
        is_wanted = is_due(tx, request, now=now) and not is_held_elsewhere(tx, lease)
        beginning = begin(tx, request) if is_wanted else None
        begun.append(beginning)
        if beginning is not None:
            count += len(beginning.plan.messages)
        if count >= most:
            break

    return begun


def _outline(tx: Tx, request: PlanRequest, segments: Sequence[Row]) -> Plan | None:
    """Plan a session's next summary, without its messages; None where nothing is to be done.

    It builds on those there are; where one is withdrawn, only on what was never here to read anew.
    It has a part of every segment that these have, an empty one if need be: whatever their words
    are about, it goes with.
    """
    current = tx.all("current_summaries", session_no=request.session_no)
    is_stale = any(summary["content"] is None for summary in current)
    ends = _ends(tx, request, segments)
    if not ends and not is_stale:
        return None

    built_on = (
        tx.all("summaries_of_the_gone", session_no=request.session_no) if is_stale else current
    )
    numbers = {row["summary_no"] for row in (*current, *built_on)}
    covered = {
        part["segment_no"]
        for number in numbers
        for part in tx.all("parts_of_summary", summary_no=number)
    }
    ranges = []
    for segment in segments:
        segment_no, live_from = segment["segment_no"], segment["live_from"]
        to_seq = ends.get(segment_no, live_from - 1)
        if to_seq > 0 or segment_no in covered:
            ranges.append(
                PlannedRange(
                    segment_no=segment_no,
                    from_seq=_first_seq(tx, segment_no, default=to_seq) if to_seq > 0 else 0,
                    read_from=0 if is_stale else live_from,
                    to_seq=to_seq,
                    changed=segment["changed"],
                    moved=segment["moved"],
                )
            )

    return Plan(
        session_no=request.session_no,
        messages=(),
        previous="\n".join(
            to_text(row["content"]) for row in built_on if row["content"] is not None
        )
        or None,
        ranges=tuple(ranges),
        supersedes=tuple(row["summary_no"] for row in current),
    )


def _ends(tx: Tx, request: PlanRequest, segments: Sequence[Row]) -> dict[int, int]:
    """Return up to which number the messages of segments give way; empty where none do.

    Where one segment has all of them, and nothing special is among them, not even their numbers are
    read.
    """
    live = [segment for segment in segments if segment["live_count"]]
    instructions = sum(
        tx.one(
            "count_live_instructions",
            segment_no=segment["segment_no"],
            from_seq=segment["live_from"],
        )["count"]
        for segment in live
    )
    live_count = sum(segment["live_count"] for segment in live)
    said = live_count - instructions
    due = _count_due(request, said) if live_count > request.beyond else 0
    count = max(due, min(request.at_least, said - 1))
    if count <= 0:
        return {}

    if len(live) == 1 and not instructions:
        place = {"segment_no": live[0]["segment_no"], "from_seq": live[0]["live_from"]}
        last = tx.first("nth_live_seq", skipped=count - 1, **place)
        if last is not None and not tx.first("run_in_range", to_seq=last["seq"], **place):
            return {live[0]["segment_no"]: int(last["seq"])}

    rows = tx.all("live_seqs", session_no=request.session_no)
    rows.sort(key=lambda row: int(row["seq"]))
    count = between_turns([row["turn"] for row in rows], count)

    return {row["segment_no"]: int(row["seq"]) for row in rows[:count]}


def filled(plan_: Plan, messages: Iterable[tuple[int, SessionMessage]]) -> Plan:
    """Return a plan with its messages, in order.

    Instructions stay as they are. Asides are no conversation, and are only summarised where there
    is nothing else.
    """
    said = [
        message
        for _, message in sorted(messages, key=lambda pair: pair[0])
        if message.role not in INSTRUCTION_ROLES
    ]
    conversation = [message for message in said if not message.is_aside]

    return replace(plan_, messages=tuple(conversation or said))


def read_page(
    tx: Tx, session_no: int, planned: PlannedRange, *, before: int
) -> list[tuple[int, SessionMessage]]:
    """Return up to `PAGE` messages of a planned range before a sequence number, newest first."""
    for segment in tx.all("segments_of_session", session_no=session_no):
        if segment["segment_no"] == planned.segment_no:
            return between(tx, segment, planned.read_from, before - 1, limit=PAGE)
    return []


def _first_seq(tx: Tx, segment_no: int, *, default: int) -> int:
    row = tx.first("first_seq", segment_no=segment_no)
    return default if row is None or row["seq"] is None else min(int(row["seq"]), default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A planned summary's text, who made it, when."""

    plan: Plan
    text: str
    made_by: str
    made_at: float


def put(tx: Tx, written: Written) -> Result[bool]:
    """Put a summary in front of the messages it stands for, unless anything under it changed since
    it was planned.

    Changes behind its ranges do not count: an answer that is streamed by edits is always there.
    """
    return _put_many(tx, [written])[0]


def _put_many(tx: Tx, several: Sequence[Written]) -> list[Result[bool]]:
    current: dict[int, list[Row]] = {written.plan.session_no: [] for written in several}
    sessions: list[dict[str, Value]] = [{"session_no": session_no} for session_no in current]
    for row in tx.all_many("summaries_in_front", sessions):
        current[row["session_no"]].append(row)

    changed = _changed_plans(tx, several)
    chosen: dict[int, Written] = {}
    done = []
    for position, written in enumerate(several):
        session_no = written.plan.session_no
        in_front = tuple(row["summary_no"] for row in current[session_no])
        is_unchanged = in_front == written.plan.supersedes and position not in changed
        is_put = is_unchanged and chosen.setdefault(session_no, written) is written
        done.append(Result(True, (Consolidated(session_no),)) if is_put else Result(value=False))

    if chosen:
        _put_all(tx, chosen, {session_no: current[session_no] for session_no in chosen})

    return done


def _changed_plans(tx: Tx, several: Sequence[Written]) -> set[int]:
    """Return the positions of those whose segments moved, or in whose ranges a message changed."""
    planned = [
        (position, written.plan.session_no, part)
        for position, written in enumerate(several)
        for part in written.plan.ranges
    ]
    rows: list[dict[str, Value]] = [
        {
            "position": number,
            "session_no": session_no,
            "segment_no": part.segment_no,
            "to_seq": part.to_seq,
            "changed": part.changed,
            "moved": part.moved,
        }
        for number, (_, session_no, part) in enumerate(planned)
    ]
    unchanged = {row["position"] for row in tx.all_many("unchanged_ranges", rows)}

    return {position for number, (position, *_) in enumerate(planned) if number not in unchanged}


PUT = InBulk(put, _put_many, is_alone=True)
"""`put`, for as many as there are: people who write at the same pace reach the threshold together.
"""


def _put_all(tx: Tx, chosen: Mapping[int, Written], current: Mapping[int, Sequence[Row]]) -> None:
    """Put a summary in front of each of several sessions, in place of what stood there."""
    sessions: list[dict[str, Value]] = [{"session_no": session_no} for session_no in chosen]
    for row in tx.all_many("failing_sessions", sessions):
        tx.run("forget_consolidation_failures", session_no=row["session_no"])

    summaries: list[dict[str, Value]] = [
        {
            "session_no": session_no,
            "content": to_bytes(written.text),
            "made_by": written.made_by,
            "made_at": written.made_at,
        }
        for session_no, written in chosen.items()
    ]
    added = {
        row["session_no"]: row["summary_no"] for row in tx.all_many("add_summaries", summaries)
    }
    superseded: list[dict[str, Value]] = []
    for session_no, rows in current.items():
        for old in rows:
            if old["is_withdrawn"]:  # made again: there is nothing of it to come back to
                tx.run(
                    "inherit_superseded",
                    summary_no=old["summary_no"],
                    superseded_by=added[session_no],
                )
                tx.run("drop_summary", summary_no=old["summary_no"])
            else:
                superseded.append(
                    {"summary_no": old["summary_no"], "superseded_by": added[session_no]}
                )

    tx.run_many("supersede_summary", superseded)
    parts = [
        (added[session_no], part)
        for session_no, written in chosen.items()
        for part in written.plan.ranges
    ]
    ranges: list[dict[str, Value]] = [
        {
            "segment_no": part.segment_no,
            "summary_no": number,
            "from_seq": part.from_seq,
            "to_seq": part.to_seq,
        }
        for number, part in parts
    ]
    tx.run_many("add_summary_parts", ranges)
    set_archive_edges(tx, [part.segment_no for _, part in parts])


def clear(tx: Tx, plan_: Plan) -> None:
    """Remove withdrawn summaries that have lost all they stood for, unless something came back
    meanwhile.
    """
    for number in plan_.supersedes:
        for part in tx.all("parts_of_summary", summary_no=number):
            if tx.first(
                "message_to_summarise", segment_no=part["segment_no"], to_seq=part["to_seq"]
            ):
                return

    for number in plan_.supersedes:
        _drop(tx, number)


def undo(tx: Tx, session_no: int) -> bool:
    """Take back the newest of a session's summaries; what it superseded counts again. False where
    there is none.

    What was withdrawn meanwhile stays so until it is made again. One that came along from
    elsewhere, without the messages that it stands for, stays: there is nothing to put in its place.
    """
    imported = {row["summary_no"] for row in tx.all("summaries_of_the_gone", session_no=session_no)}
    current = [row["summary_no"] for row in tx.all("current_summaries", session_no=session_no)]
    undoable = [number for number in current if number not in imported]
    if not undoable:
        return False

    _drop(tx, undoable[-1])

    return True


def _drop(tx: Tx, summary_no: int) -> None:
    segment_nos = [part["segment_no"] for part in tx.all("parts_of_summary", summary_no=summary_no)]
    tx.run("bring_back_superseded", superseded_by=summary_no)
    tx.run("drop_summary", summary_no=summary_no)
    set_archive_edges(tx, segment_nos)


def set_archive_edges(tx: Tx, segment_nos: Sequence[int]) -> None:
    """Let segments' archives end where the summaries that stand in front of them do."""
    rows: list[dict[str, Value]] = [{"segment_no": segment_no} for segment_no in segment_nos]
    tx.run_many("set_archive_edge", rows)
    tx.run_many("recount_live", rows)
    tx.run_many("forget_changes", rows)


def note_failure(tx: Tx, session_no: int, *, reason: str, now: float) -> int | None:
    """Count a failure, and let the session wait if there were many in a row; return how many. None
    if the session is gone.
    """
    if tx.first("session_by_no", session_no=session_no) is None:
        return None

    row = tx.first("consolidation_failure", session_no=session_no)
    failures = 1 if row is None else row["failures"] + 1
    wait = wait_after(failures)
    tx.run(
        "note_consolidation_failure",
        session_no=session_no,
        failures=failures,
        reason=reason,
        waits_until=None if wait is None else now + wait,
    )

    return int(failures)


def is_waiting(tx: Tx, session_no: int, *, now: float) -> bool:
    """Check whether a session is left alone now after failures (session number, now).

    A clock that was set back makes no wait longer than any is.
    """
    row = tx.first("consolidation_failure", session_no=session_no)
    return (
        row is not None
        and row["waits_until"] is not None
        and now < row["waits_until"] <= now + LONGEST_WAIT
    )


def withdraw(
    tx: Tx, segment_no: int, ranges: Iterable[tuple[int, int]], *, reason: WithdrawReason
) -> None:
    """Blank every summary, superseded ones too, that covers a message of these ranges, and note
    that they changed, so that one that is being made of them is refused. Their vectors go, too.

    It is made again without what was removed. The reason is stored with it.
    """
    ranges = list(ranges)
    rows: list[dict[str, Value]] = [
        {"segment_no": segment_no, "from_seq": from_seq, "to_seq": to_seq, "reason": reason}
        for from_seq, to_seq in ranges
    ]
    tx.run_many("withdraw_summaries", rows)
    vectors.drop(tx, segment_no, ranges)

    if ranges:  # a planned range begins with its segment: the first change says whether it has any
        tx.run("count_change", segment_no=segment_no)
        tx.run("note_change", segment_no=segment_no, seq=min(ranges)[0])


def current_summary(tx: Tx, session_no: int) -> Summary | None:
    """Return what stands in front of a session's recent messages; after a link, both sides'
    summaries as one.
    """
    return summary_of(tx, tx.all("current_summaries", session_no=session_no))


def summary_of(tx: Tx, found: Sequence[Row]) -> Summary | None:
    """Return summaries as one, without those that are withdrawn; None if there is no other."""
    rows = [row for row in found if row["content"] is not None]
    if not rows:
        return None

    return Summary(
        text="\n".join(to_text(row["content"]) for row in rows),
        made_at=rows[-1]["made_at"],
        made_by=rows[-1]["made_by"],
        parts=tuple(
            _part(part)
            for row in rows
            for part in tx.all("parts_of_summary", summary_no=row["summary_no"])
        ),
    )


def _part(row: Row) -> SummaryPart:
    return SummaryPart(
        chat=to_chat(row, row["thread_id"]), from_seq=row["from_seq"], to_seq=row["to_seq"]
    )
