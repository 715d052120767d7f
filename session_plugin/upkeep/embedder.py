"""Vectors for what is said, made in the background by the plugin that implements `session_embed`.

Without such a plugin nothing is made and nothing is read. Knows plugins and operations; knows not
how vectors are compared.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from session_plugin.database.database import Database
from session_plugin.errors import PluginError
from session_plugin.logs import FieldLogger
from session_plugin.plugins.manager import Answer, Plugins
from session_plugin.records.conversation.recording import RecordResult
from session_plugin.records.upkeep import vectors
from session_plugin.records.upkeep.vectors import Place, Source
from session_plugin.reports import OnProgress, Progress
from session_plugin.rules.meaning import Meaning, to_cells

HOOK = "session_embed"
SECONDS = 30.0
"""The time that a plugin has for one batch."""
AT_ONCE = 64
"""Texts of one batch."""
MOST_WAITING = 10_000
"""Messages that wait for their vector."""
CLOSING_SECONDS = 10.0
"""For so long, a hub that closes goes on with what waits. `embed_stored` makes up for the rest."""

logger = FieldLogger("session_plugin.hub")


class Embedder:
    """One hub's vectors."""

    def __init__(
        self,
        plugins: Plugins,
        *,
        database: Database,
        start: Callable[[Coroutine[Any, Any, Any]], object],
    ) -> None:
        """Ask `plugins`, in tasks that `start` runs."""
        self._plugins = plugins
        self._database = database
        self._start = start
        self._give_up_at = math.inf
        self._waiting: dict[asyncio.AbstractEventLoop, list[tuple[int, int]]] = {}

    def note_stored(self, result: RecordResult) -> None:
        """Make the vector of a message that was stored or edited, in the background."""
        is_wanted = self._plugins.has(HOOK)  # first: without such a plugin there is no more to do
        if is_wanted and result.fate == "stored" and result.session_no is not None:
            self.note(result.session_no, result.seq)

    def note(self, session_no: int, seq: int) -> None:
        """Make the vector of a message."""
        if not seq or not self._plugins.has(HOOK):
            return

        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(loop)
        if waiting is None:
            self._waiting[loop] = [(session_no, seq)]
            self._give_up_at = math.inf
            self._start(self._work(loop))
        elif len(waiting) < MOST_WAITING:
            waiting.append((session_no, seq))

    def begin_closing(self) -> None:
        """Give up what waits in a while: the hub closes."""
        self._give_up_at = time.monotonic() + CLOSING_SECONDS

    async def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._waiting[loop]
        try:
            while waiting and time.monotonic() < self._give_up_at:
                some, waiting[:AT_ONCE] = waiting[:AT_ONCE], []
                sources = await self._database.read(vectors.read_sources, some)
                await self._make(sources)
        finally:
            del self._waiting[loop]

        if waiting:
            logger.info(
                "%(messages)d messages have no vector yet: call hub.embed_stored()",
                messages=len(waiting),
            )

    async def _make(self, sources: Sequence[Source]) -> str | None:
        """Make and store vectors; return who made them, None where nobody did."""
        answer = await self._ask([source.text for source in sources])
        if answer is None:
            return None

        made = list(zip(sources, answer.value, strict=True))
        await self._database.write(vectors.store, answer.plugin, made)

        return answer.plugin

    async def meaning_of(self, text: str) -> Meaning | None:
        """Return what a text means; None where no plugin says so."""
        answer = await self._ask([text])
        return None if answer is None else Meaning(answer.plugin, answer.value[0])

    async def _ask(self, texts: Sequence[str]) -> Answer | None:
        """Return the vectors of texts as they are stored; a failure is logged by its plugin's
        name.
        """
        if not texts or not self._plugins.has(HOOK):
            return None

        check = partial(_check, count=len(texts))
        try:
            answer = await self._plugins.ask(HOOK, texts=tuple(texts), check=check, seconds=SECONDS)
        except PluginError:
            return None

        return None if answer is None else Answer(answer.plugin, to_cells(answer.value, len(texts)))

    async def embed_stored(self, bot: str, *, progress: OnProgress | None) -> int:
        """Make the vectors that are missing; return how many messages were given one.

        Stops at the first batch that no plugin answers.
        """
        probe = await self._ask(["probe"])
        place: Place | None = Place() if probe is not None else None
        done = 0
        while place is not None and probe is not None:
            sources, place = await self._database.read(
                vectors.read_missing, bot, place, made_by=probe.plugin, limit=AT_ONCE
            )
            if not sources:
                continue
            if await self._make(sources) is None:
                break

            done += len(sources)
            if progress is not None:
                progress(Progress(what="messages", done=done))

        return done


def _check(value: Any, *, count: int) -> None:
    to_cells(value, count)
