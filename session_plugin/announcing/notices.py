"""Tell people about their links on their own platform.

What is to be told lies in the database. Whichever process serves the bot that a person talks with
takes it and delivers it: at once where it came to be, within moments elsewhere. What cannot be
delivered waits for the person's next command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from session_plugin.announcing.background import BackgroundTasks
from session_plugin.announcing.leases import Leases
from session_plugin.database.database import Database
from session_plugin.errors import SessionError
from session_plugin.logs import FieldLogger
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import notices

LOOK_EVERY = 2.0
"""Seconds between looks for notices that other processes left for this one."""
PATIENCE = 2.0
"""Seconds that a command waits for notices that are being delivered: who is being told need not be
told again.
"""

logger = FieldLogger("session_plugin.hub")


class Notices:
    """One hub's notices."""

    def __init__(
        self,
        leases: Leases,
        *,
        database: Database,
        context: Callable[[], OperationContext],
        background: BackgroundTasks,
    ) -> None:
        """Deliver notices in `database` by the adapters that hold `leases`."""
        self._leases = leases
        self._database = database
        self._context = context
        self._background = background
        self._underway: set[asyncio.Task[Any]] = set()

    def deliver_soon(self) -> None:
        """Deliver what waits, in the background."""
        task = self._background.start(self._deliver())
        self._underway.add(task)
        task.add_done_callback(self._underway.discard)

    async def delivered(self) -> None:
        """Wait a while for what is being delivered on this event loop."""
        loop = asyncio.get_running_loop()
        if tasks := [task for task in self._underway if task.get_loop() is loop]:
            await asyncio.wait(tasks, timeout=PATIENCE)

    async def watch(self) -> None:
        """Deliver what waits, again and again, until this is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Deliver what waits now, unless the database is closed; nobody opens it just for that."""
        if not self._database.is_open:
            return

        try:
            await self._deliver()
        except SessionError as error:
            logger.info("notices cannot be looked for now: %(error)s", error=error)

    async def _deliver(self) -> None:
        for due in await self._database.read(notices.due, self._context()):
            if not self._leases.serve(due.chat):
                continue  # another process does, or none now
            notice = await self._database.write(notices.take, self._context(), due.notice_no)
            if notice is not None:
                is_delivered = await self._leases.deliver(due.chat, notice)
                notified = notice if is_delivered else None
                await self._database.write(notices.settle, self._context(), due.notice_no, notified)
