"""Notify plugins of what is committed: in a queue per chat, on the event loop that recorded.

A start or an end is claimed in the database before it is told, so that it is told at most once,
over restarts and processes. Knows plugins and operations; knows nothing of how messages come in.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextvars import ContextVar
from typing import Any, Concatenate, ParamSpec, TypeVar

from session_plugin.announcing.background import BackgroundTasks
from session_plugin.database.database import Database
from session_plugin.database.engine import Tx
from session_plugin.errors import DatabaseUnavailable
from session_plugin.logs import FieldLogger
from session_plugin.model import Chat, SessionIdentity
from session_plugin.plugins.manager import Plugins
from session_plugin.records.conversation.sessions import (
    CLAIM_ANNOUNCEMENTS,
    StartOrEnd,
    session_data,
)
from session_plugin.records.people.accounts import identity_of_user
from session_plugin.records.results import (
    Announcement,
    Consolidated,
    IdentityChanged,
    MessageEdited,
    MessagesDeleted,
    MessageStored,
    Result,
    SessionEnded,
    SessionStarted,
)
from session_plugin.records.upkeep.summaries import current_summary

P = ParamSpec("P")
T = TypeVar("T")
_Item = Announcement | asyncio.Event | tuple[asyncio.Event, ...]
"""What stands in a queue: what to tell, or an event to set where others wait for it, or events to
wait for.
"""

_Claim = tuple[StartOrEnd, asyncio.Future[bool] | None]
"""A start or an end to be claimed, and what is told whether it was."""

_notifying: ContextVar[bool] = ContextVar("session_plugin_telling", default=False)
"""True in hooks that are being told, and in what they call."""

logger = FieldLogger("session_plugin.hub")


class Announcer:
    """One hub's announcements."""

    def __init__(
        self,
        plugins: Plugins,
        *,
        database: Database,
        background: BackgroundTasks,
        is_silent: bool = False,
    ) -> None:
        """Notify `plugins` of what is written to `database`.

        A silent one claims no start and no end, so the bot's own process announces them.
        """
        self._plugins = plugins
        self._is_silent = is_silent
        self._database = database
        self._background = background
        self._queues: dict[tuple[asyncio.AbstractEventLoop, Chat | None], deque[_Item]] = {}
        self._claims: dict[asyncio.AbstractEventLoop, list[_Claim]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(
        self,
        operation: Callable[Concatenate[Tx, P], Result[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run an operation, announce what it changed, and return its value.

        Both happen even if the caller is cancelled meanwhile.
        """
        return await self.write_in(None, operation, *args, **kwargs)

    async def write_in(
        self,
        chat: Chat | None,
        operation: Callable[Concatenate[Tx, P], Result[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do what `write` does; the announcements join the queue of `chat`."""

        async def carry_out() -> T:
            result = await self._database.write(operation, *args, **kwargs)
            self.announce(chat, result.announcements)
            return result.value

        return await asyncio.shield(self._background.keep(carry_out()))

    def hears_messages(self) -> bool:
        """Check whether anybody is told of new messages."""
        return not self._is_silent and self._plugins.has("session_on_message")

    def announce(self, chat: Chat | None, announcements: Iterable[Announcement]) -> None:
        """Queue announcements of one chat, on the running event loop; that somebody is forgotten,
        behind every chat's.

        Plugins remove what they keep of the person then, so no words of theirs may be told
        afterwards.
        """
        if self._is_silent:
            return

        loop = asyncio.get_running_loop()
        wanted: list[_Item] = []
        for announcement in announcements:
            if self._plugins.has(_HOOKS[type(announcement)]):
                wanted.append(announcement)
            elif isinstance(announcement, SessionStarted | SessionEnded):
                self._queue_claim(loop, (announcement, None))

        if not wanted:
            return

        if any(
            isinstance(one, IdentityChanged) and one.event.change == "forgotten" for one in wanted
        ):
            wanted.insert(0, self._all_notified(loop, chat))

        queue = self._queues.get((loop, chat))
        if queue is not None:
            queue.extend(wanted)
            return

        self._queues[loop, chat] = queue = deque(wanted)
        self._start(loop, self._work(loop, chat, queue))

    def _start(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
        task = loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _queue_claim(self, loop: asyncio.AbstractEventLoop, claim: _Claim) -> None:
        """Claim a start or an end, with all others of its event loop that come meanwhile.

        One that no plugin hears of is claimed, too, or it would be told at the next opening.
        """
        waiting = self._claims.get(loop)
        if waiting is not None:
            waiting.append(claim)
            return

        self._claims[loop] = [claim]
        self._start(loop, self._claim_all(loop))

    async def _claim_all(self, loop: asyncio.AbstractEventLoop) -> None:
        claims = self._claims.pop(loop)
        announcements = [announcement for announcement, _ in claims]
        try:
            claimed = await self._database.write(CLAIM_ANNOUNCEMENTS, announcements)
        except Exception as error:
            if isinstance(error, DatabaseUnavailable):  # they are claimed after the next opening
                logger.info("starts and ends could not be claimed: %(error)s", error=error)
            else:
                logger.exception("starts and ends could not be claimed")

            for _, future in claims:
                if future is not None and not future.done():
                    future.set_exception(error)
            return

        for (_, future), is_claimed in zip(claims, claimed, strict=True):
            if future is not None and not future.done():
                future.set_result(is_claimed)

    async def _claim(self, announcement: StartOrEnd) -> bool:
        """Take it upon this hub to tell of a start or an end; False if somebody did before."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._queue_claim(loop, (announcement, future))

        return await future

    def _all_notified(
        self, loop: asyncio.AbstractEventLoop, chat: Chat | None
    ) -> tuple[asyncio.Event, ...]:
        """Return what is set when the other queues of an event loop have told all that is in them
        now.
        """
        events = []
        for place, queue in list(self._queues.items()):
            if place[0] is loop and place[1] != chat:
                queue.append(notified := asyncio.Event())
                events.append(notified)

        return tuple(events)

    async def finish(self) -> None:
        """Wait until all that is queued on the running event loop has been told; in a hook, wait
        for nothing.
        """
        if _notifying.get():
            return

        loop = asyncio.get_running_loop()
        while tasks := [task for task in self._tasks if task.get_loop() is loop]:
            await asyncio.wait(tasks)

    async def _work(
        self, loop: asyncio.AbstractEventLoop, chat: Chat | None, queue: deque[_Item]
    ) -> None:
        _notifying.set(True)
        try:
            while queue:
                item = queue.popleft()
                if isinstance(item, asyncio.Event):
                    item.set()
                elif isinstance(item, tuple):
                    for notified in item:
                        await notified.wait()
                else:
                    await self._attempt(item)
        finally:
            del self._queues[loop, chat]

    async def _attempt(self, announcement: Announcement) -> None:
        try:
            await self._notify(announcement)
        except DatabaseUnavailable as error:  # a start or an end is told at the next opening
            logger.info(
                "%(hook)s could not be announced: %(error)s",
                hook=_HOOKS[type(announcement)],
                error=error,
            )
        except Exception:
            logger.exception("%(hook)s could not be announced", hook=_HOOKS[type(announcement)])

    async def _notify(self, announcement: Announcement) -> None:
        hook, notify = _HOOKS[type(announcement)], self._plugins.notify
        if isinstance(announcement, IdentityChanged):
            user_id = announcement.event.user_id
            identity = await self._database.read(identity_of_user, user_id)
            if identity is None:  # forgotten since
                identity = SessionIdentity(user_id=user_id)
            await notify(hook, event=announcement.event, identity=identity)
            return

        if isinstance(announcement, SessionStarted | SessionEnded) and not await self._claim(
            announcement
        ):
            return

        session = await self._database.read(session_data, announcement.session_no)
        if session is None:
            return

        match announcement:
            case MessageStored(event) | MessageEdited(event):
                account = event.author or event.answers
                view = self._plugins.view_of(event.chat, account, event=event)
                await notify(hook, event=event, session=session, view=view)
            case MessagesDeleted(chat, message_ids):
                view = self._plugins.view_of(chat, None)
                await notify(hook, chat=chat, message_ids=message_ids, session=session, view=view)
            case SessionStarted():
                await notify(hook, session=session, reason=session.start_reason)
            case SessionEnded():
                await notify(hook, session=session, reason=session.end_reason)
            case Consolidated(session_no):
                summary = await self._database.read(current_summary, session_no)
                await notify(hook, session=session, summary=summary)


_HOOKS: dict[type[Announcement], str] = {
    MessageStored: "session_on_message",
    MessageEdited: "session_on_edit",
    MessagesDeleted: "session_on_delete",
    SessionStarted: "session_on_start",
    SessionEnded: "session_on_end",
    IdentityChanged: "session_on_identity",
    Consolidated: "session_on_consolidate",
}
