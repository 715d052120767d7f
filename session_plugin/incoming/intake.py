"""Messages on their way in: screened, in order for each chat, and into the queue of writes.

A message of which nothing is asked first is queued at once; others pass their chat's lock, one
after another. Knows screening, the queue and operations; knows no view.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Sequence,
)
from dataclasses import replace
from typing import Any

from session_plugin.counters import Counter, Labels
from session_plugin.database.database import Database
from session_plugin.incoming.chat_tasks import ChatTasks, log_failure
from session_plugin.incoming.pending_writes import PendingWrites
from session_plugin.incoming.postponed import Postponed
from session_plugin.incoming.screening import Screening
from session_plugin.incoming.streamed_edits import HeldEdit, Stream, StreamedEdits, is_paced
from session_plugin.incoming.submissions import Submission
from session_plugin.incoming.transcribing import Transcribing
from session_plugin.incoming.turns import PendingWrite, Turn
from session_plugin.model import Chat, MessageEvent
from session_plugin.records.cells import parts_to_json, to_bytes
from session_plugin.records.conversation import asides, editing, moving, removing
from session_plugin.records.conversation.bulk import RECORD
from session_plugin.records.conversation.recording import Recording, RecordResult, as_stored
from session_plugin.records.message_rows import counted_text
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.results import Announcement
from session_plugin.rules.clocks import PlatformTimes, platform_time
from session_plugin.rules.codes import texts_in

Announce = Callable[[Chat, tuple[Announcement, ...]], None]


class Intake:
    """One hub's messages that are not stored yet."""

    def __init__(
        self,
        screening: Screening,
        *,
        database: Database,
        postponed: Postponed,
        transcribing: Transcribing,
        times: PlatformTimes,
        clock: Callable[[], float],
        context_at: Callable[[float], OperationContext],
        announce: Announce,
        hears_messages: Callable[[], bool],
        patience: float,
        counted: Counter,
        on_growth: Callable[[RecordResult, str], None],
        on_change: Callable[[Iterable[int]], None],
    ) -> None:
        """Write to `database`, and hand what is committed to `announce`.

        `context_at` returns the context of what is handed in at a time of `clock`.
        `hears_messages` says whether anybody is told of new messages.
        `counted` counts messages by channel, role and what became of them.
        `on_growth` is called with what became of each message and its text, `on_change` with the
        numbers of sessions of which stored messages were changed or removed.
        """
        self._screening = screening
        self._database = database
        self._postponed = postponed
        self._transcribing = transcribing
        self._times = times
        self._clock = clock
        self._context_at = context_at
        self._announce = announce
        self._hears_messages = hears_messages
        self._counted = counted
        self._on_growth = on_growth
        self._on_change = on_change
        self._streamed = StreamedEdits(on_change=on_change, on_growth=on_growth)
        self._writes = PendingWrites(follow_up=self._follow_up, patience=patience)
        self._tasks = ChatTasks(database, self._writes, patience=patience)

    @property
    def waiting(self) -> int:
        """How many messages, edits and deletions are handed in and not on disk yet."""
        return self._writes.waiting

    @property
    def dropped(self) -> int:
        """How many messages were dropped because too many waited."""
        return self._writes.dropped

    @property
    def timed_out(self) -> int:
        """How many callers went on before their message, edit or deletion was on disk."""
        return self._writes.timed_out

    @property
    def is_opening(self) -> bool:
        """Whether something waits for the database to be opened."""
        return self._tasks.is_opening

    def record(self, submission: Submission) -> Awaitable[object]:
        """Store a message; wait for it by what is returned.

        The submission has its result then, unless the patience ran out first.
        """
        event, turn = submission.event, self._writes.turn()
        context = self._context_in(turn, event)
        if self._screening.is_plain(event, submission.given_scope_name):
            engine = self._database.opened()
            is_behind = self._tasks.has_work(event.chat)
            if engine is not None and not is_behind and self._writes.has_capacity:
                submission.be_plain(context)
                return self._writes.add(engine, submission, turn)

            submission.given_scope_name = submission.given_scope_name or ""

        return self._tasks.patiently(event.chat, self._record(context, submission))

    def _context_in(self, turn: Turn, event: MessageEvent) -> OperationContext:
        """Return the context of a message that is handed in now: that of its turn, unless the
        message says something new of our clock.
        """
        context, sent_at = turn.context, platform_time(event)
        now = self._clock() if context is None else context.now
        is_news = sent_at is not None and self._times.note(now=now, sent_at=sent_at)
        if context is None or is_news:
            context = turn.context = self._context_at(now)

        return context

    async def _record(self, context: OperationContext, submission: Submission) -> None:
        event = submission.event
        async with self._tasks.lock(event.chat):
            with self._tasks.asking(event.chat):
                if submission.is_screened and event.chat.kind == "group":
                    await self._screening.burn_codes(texts_in(event))
                recording = await self._screen(context, submission)
            if recording is None:
                self._counted.add(event.chat.channel, event.role, "refused")
                return
            write = await self._tasks.enqueue(event.chat, RECORD, recording)

        result = await self._writes.wait(write)
        submission.settle(result)
        self._counted.add(event.chat.channel, recording.event.role, result.fate)
        self._recorded(recording, result)

    async def screen_held(
        self, context: OperationContext, submission: Submission
    ) -> Recording | None:
        """Return a held message as it would be stored; None if nothing of it would be."""
        async with self._tasks.lock(submission.event.chat):
            return await self._screen(context, submission, is_seen=False)

    async def _screen(
        self, context: OperationContext, submission: Submission, *, is_seen: bool = True
    ) -> Recording | None:
        """Screen a message under its chat's lock, unless that was done when it was read."""
        if submission.is_screened:
            screened = submission.screened
            return None if screened is None else replace(screened, context=context)

        event = submission.event
        if submission.given_scope_name is None:
            submission.given_scope_name = await self._screening.scope_name(event)

        submission.screened = await self._screening.screen(
            context, event, scope_name=submission.given_scope_name, is_seen=is_seen
        )
        submission.is_screened = True

        return submission.screened

    def _follow_up(self, writes: list[PendingWrite[Any]]) -> None:
        """Announce what committed writes changed, and follow up messages, whether or not their
        callers still wait.
        """
        is_heard = self._hears_messages()
        counts: dict[Labels, int] = {}
        for write in writes:
            result = write.result
            if (is_heard or not isinstance(result, RecordResult)) and result.announcements:
                self._announce(write.chat, result.announcements)
            if isinstance(write, Submission):
                event, value = write.event, result.value
                labels: Labels = (event.chat.channel, event.role, value.fate)
                counts[labels] = counts.get(labels, 0) + 1
                write.settle(value)
                self._recorded(write, value)

        for labels, count in counts.items():
            self._counted.add(*labels, by=count)

    def _recorded(self, recording: Recording, result: RecordResult) -> None:
        """Follow up a committed message."""
        event = recording.event
        if result.fate == "stored":
            if recording.original is not None:
                self._postponed.add(recording, result.seq)
            if event.attachments and self._transcribing.is_wanted(event):
                self._transcribing.begin(recording, as_stored(recording, result))

        counted = _counted(event) if event.parts else event.text
        if not self._streamed.defers(result, counted):
            self._on_growth(result, counted)

    async def edit(
        self,
        context: OperationContext,
        event: MessageEvent,
        *,
        is_command: bool = False,
        seq: int | None = None,
    ) -> bool:
        """Change a stored message, or store one that was never seen and is not named by `seq`.

        Return False if nothing changed, or the patience ran out. An edit that leaves nothing to
        store, such as one into a command, removes the message. One of a message that no person
        wrote is held, and True returned, if another came within the last second.
        """
        if is_command or seq is not None or not is_paced(event):
            self._streamed.drop(event.chat, (event.message_id,))
            work = self._edit(context, event, is_command=is_command, seq=seq)
            return await self._tasks.patiently(event.chat, work) or False

        stream, is_first = self._streamed.begin(event)
        if not is_first:
            return await self._hold(stream, context, event)

        work = self._edit(context, event, stream=stream)
        stream.storing = self._tasks.begin(event.chat, work)

        return await self._tasks.wait_patiently(stream.storing) or False

    async def _hold(self, stream: Stream, context: OperationContext, event: MessageEvent) -> bool:
        """Hold an edit of a message that was edited a moment ago; return False for an older one,
        and for one that changes nothing.
        """
        if stream.is_known(event):
            return False

        stream.newest = event
        if event.chat.kind == "group":  # others have seen it
            await self._screening.burn_codes(texts_in(event))

        if stream.held is not None and not stream.held.is_dropped:
            if stream.newest is event:  # no other came meanwhile
                stream.held.context, stream.held.event = context, event
            return True

        stream.held = HeldEdit(context, event)
        task = self._tasks.begin(event.chat, self._edit_held(stream, stream.held, stream.storing))
        task.add_done_callback(log_failure)
        stream.storing = task

        return True

    async def _edit_held(
        self, stream: Stream, held: HeldEdit, before: asyncio.Task[Any] | None
    ) -> None:
        """Store a held edit when it is due, and what was passed on before it is stored."""
        self._tasks.let_others_pass()
        await held.due.wait()
        if before is not None and not before.done():
            await asyncio.wait({before})

        if stream.held is held:
            stream.take()
        if held.is_dropped:
            return

        self._tasks.hold_others_up()
        await self._edit(held.context, held.event, stream=stream)

    async def _edit(
        self,
        context: OperationContext,
        event: MessageEvent,
        *,
        is_command: bool = False,
        seq: int | None = None,
        stream: Stream | None = None,
    ) -> bool:
        async with self._tasks.lock(event.chat):
            with self._tasks.asking(event.chat):
                recording = await self._screen_edit(context, event, is_command=is_command)
            if recording is not None:
                recording = replace(recording, seq=seq)
                write = await self._tasks.enqueue(event.chat, editing.edit, recording)

        if recording is None:
            key = seq if event.message_id is None else event.message_id
            return key is not None and await self._delete(context, event.chat, (key,)) > 0

        result = await self._writes.wait(write)
        if result is not None and result.session_no is not None:
            self._postponed.add(recording, result.seq)
            event = recording.event
            self._on_growth(result, _counted(event) if event.parts else event.text)
            if stream is None:
                self._on_change((result.session_no,))
            else:
                stream.session_nos.add(result.session_no)

        return result is not None

    async def _screen_edit(
        self, context: OperationContext, event: MessageEvent, *, is_command: bool
    ) -> Recording | None:
        if not is_command:
            scope_name = await self._screening.scope_name(event)
            return await self._screening.screen(context, event, scope_name=scope_name)

        if event.chat.kind == "group":
            await self._screening.burn_codes(texts_in(event))

        return None

    async def delete(
        self, context: OperationContext, chat: Chat, keys: Sequence[removing.MessageKey]
    ) -> int:
        """Remove messages, seen or not; return how many were stored, 0 if the patience ran out."""
        self._streamed.drop(chat, keys)
        return await self._tasks.patiently(chat, self._delete(context, chat, keys)) or 0

    async def _delete(
        self, context: OperationContext, chat: Chat, keys: Sequence[removing.MessageKey]
    ) -> int:
        total = 0
        for start in range(0, len(keys), removing.AT_ONCE):
            some = keys[start : start + removing.AT_ONCE]
            async with self._tasks.lock(chat):
                write = await self._tasks.enqueue(chat, removing.delete, context, chat, some)

            removed = await self._writes.wait(write)
            total += removed.count
            self._on_change(removed.session_nos)

        return total

    async def delete_chat(self, context: OperationContext, chat: Chat) -> int:
        """Remove all messages of a chat, or of the thread that it names; return how many."""
        self._streamed.drop_chat(chat)
        return await self._tasks.patiently(chat, self._delete_chat(context, chat)) or 0

    async def _delete_chat(self, context: OperationContext, chat: Chat) -> int:
        total, session_nos = 0, set[int]()
        async with self._tasks.lock(chat):
            while True:
                write = await self._tasks.enqueue(chat, removing.delete_from_chat, context, chat)
                removed = await self._writes.wait(write)
                if not removed.count:
                    break
                total += removed.count
                session_nos.update(removed.session_nos)

        self._on_change(session_nos)
        return total

    async def move_chat(self, context: OperationContext, old: Chat, new: Chat) -> None:
        """Let a group go on in another chat."""
        await self._tasks.patiently(new, self._move_chat(context, old, new))

    async def _move_chat(self, context: OperationContext, old: Chat, new: Chat) -> None:
        one, other = sorted((old, new), key=lambda chat: chat.chat_id)  # two moves never deadlock
        async with self._tasks.lock(one), self._tasks.lock(other):
            write = await self._tasks.enqueue(new, moving.move_chat, context, old, new)
        await self._writes.wait(write)

    async def take_in(
        self, context: OperationContext, chat: Chat, message_ids: Sequence[str]
    ) -> bool:
        """Make conversation of asides of a chat; return False if the patience ran out."""
        return await self._tasks.patiently(chat, self._take_in(context, chat, message_ids)) or False

    async def _take_in(
        self, context: OperationContext, chat: Chat, message_ids: Sequence[str]
    ) -> bool:
        async with self._tasks.lock(chat):
            write = await self._tasks.enqueue(chat, asides.take_in, context, chat, message_ids)
        return await self._writes.wait(write)

    def stop_opening(self) -> None:
        """Let nothing open the database that waits for it now: the hub closes."""
        self._tasks.stop_opening()

    def holds_edits(self, chat: Chat) -> bool:
        """Check whether a message of a chat is being edited by what is not stored yet."""
        return self._streamed.is_busy(chat)

    def changes(self, session_no: int) -> bool:
        """Check whether one of a session's messages is being edited, again and again."""
        return self._streamed.changes(session_no)

    async def settled(self, chat: Chat) -> None:
        """Wait until all that was handed in for a chat is stored, so that reading sees it.

        Raises:
            DatabaseUnavailable: it is not, within the patience.
        """
        self._streamed.hurry(chat)
        await self._tasks.settled(chat)

    async def finish(self) -> None:
        """Wait, within the patience, until all that this event loop handed in is stored."""
        self._streamed.hurry_all()
        await self._tasks.finish()
        self._streamed.finish()


def _counted(event: MessageEvent) -> str:
    """Return what is counted of a message with parts where its tokens are."""
    return counted_text(to_bytes(event.text), parts_to_json(event.parts))
