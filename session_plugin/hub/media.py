"""Files for a model: what came with the messages of a context, fetched within a budget.

Nothing of it is stored. Plugins are asked first, then the adapter of the bot that received the
file. Knows plugins, leases and contexts; knows no platform.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from session_plugin.announcing.leases import Leases
from session_plugin.context.media import FetchedMedia, content_type_of
from session_plugin.errors import PluginError
from session_plugin.logs import FieldLogger
from session_plugin.model import SessionMessage
from session_plugin.parts import Attachment
from session_plugin.plugins.failures import words_of
from session_plugin.plugins.manager import Plugins

FETCH_SECONDS = 5.0
"""How long one file is waited for."""

logger = FieldLogger("session_plugin.hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be fetched: files, bytes of all of them, and the beginnings of their types."""

    max_count: int
    max_bytes: int
    types: tuple[str, ...]

    def choose(
        self, messages: Iterable[SessionMessage]
    ) -> Iterator[tuple[Attachment, SessionMessage]]:
        """Yield what is fetched, the newest first; a file of unknown size counts as empty."""
        left, count, seen = self.max_bytes, 0, set[str]()
        for attachment, message in _newest_first(messages):
            size = attachment.size or 0
            is_wanted = content_type_of(FetchedMedia(), attachment).startswith(self.types)
            if not is_wanted or attachment.id in seen or size > left:
                continue
            if count == self.max_count:
                return

            yield attachment, message
            left, count = left - size, count + 1
            seen.add(attachment.id)


class MediaFetcher:
    """Fetches files for one hub."""

    def __init__(self, plugins: Plugins, leases: Leases) -> None:
        """Ask `plugins`, then the adapters that hold `leases`."""
        self._plugins = plugins
        self._leases = leases

    async def fetch(
        self, messages: Iterable[SessionMessage], budget: Budget
    ) -> Mapping[str, FetchedMedia]:
        """Return the files of messages by the ids of their attachments, without those that cannot
        be fetched.
        """
        chosen = list(budget.choose(messages))
        fetched = await asyncio.gather(
            *(self._fetch(attachment, message, budget) for attachment, message in chosen)
        )

        found: dict[str, FetchedMedia] = {}
        left = budget.max_bytes
        for (attachment, message), one in zip(chosen, fetched, strict=True):
            size = 0 if one is None or one.data is None else len(one.data)
            if one is None:
                continue
            if size > left:
                _log(attachment, message, "it is larger than the budget")
                continue

            found[attachment.id] = one
            left -= size

        return found

    async def _fetch(
        self, attachment: Attachment, message: SessionMessage, budget: Budget
    ) -> FetchedMedia | None:
        until = time.monotonic() + FETCH_SECONDS
        try:
            answer = await self._ask(attachment, message)
            if answer is None:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    answer = await self._leases.fetch(
                        attachment, message, max_bytes=budget.max_bytes
                    )
        except Exception as error:
            # Its message may quote the file's name, or a link that holds a token.
            _log(attachment, message, words_of(error))
            return None

        if not answer:
            return None
        if isinstance(answer, str):
            return FetchedMedia(url=answer, content_type=attachment.content_type)

        return FetchedMedia(data=bytes(answer), content_type=attachment.content_type)

    async def _ask(self, attachment: Attachment, message: SessionMessage) -> bytes | str | None:
        if not self._plugins.has("session_fetch"):
            return None

        try:
            answer = await self._plugins.ask(
                "session_fetch",
                check=_check_fetched,
                seconds=FETCH_SECONDS,
                attachment=attachment,
                message=message,
            )
        except PluginError:
            return None  # logged already; the adapter may have it

        return None if answer is None else answer.value


def _newest_first(
    messages: Iterable[SessionMessage],
) -> Iterator[tuple[Attachment, SessionMessage]]:
    """Yield the files that people sent; one without an id cannot be fetched."""
    for message in reversed(list(messages)):
        if message.role == "user":
            for attachment in message.attachments:
                if attachment.id:
                    yield attachment, message


def _check_fetched(answer: Any) -> None:
    """Check what a plugin fetched.

    Raises:
        TypeError: it is neither bytes nor text.
        ValueError: the text is no link.
    """
    if isinstance(answer, str):
        if not answer.startswith(("https://", "http://")):
            raise ValueError("session_fetch returns bytes, or a link that begins with https://")
    elif not isinstance(answer, bytes | bytearray | memoryview):
        raise TypeError(f"session_fetch returns bytes, a link or None, not {type(answer).__name__}")


def checked_types(types: Collection[str]) -> tuple[str, ...]:
    """Return the beginnings of content types in lower case.

    Raises:
        TypeError: a text was given instead of several.
    """
    if isinstance(types, str):
        raise TypeError(f"types are several beginnings of content types, not one text: {types!r}")

    return tuple(one.lower() for one in types)


def _log(attachment: Attachment, message: SessionMessage, reason: str) -> None:
    logger.warning(
        "an attachment (%(attachment)s, %(channel)s) could not be fetched, so a model is given "
        "its kind only: %(reason)s",
        attachment=attachment.kind,
        channel=message.channel,
        reason=reason,
    )
