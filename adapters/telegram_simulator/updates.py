"""Pending updates, and how they are delivered: long polling or a webhook. Must not know chats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .calls import Refusal
from .changes import Changes

_FIRST_UPDATE = 800_000_001
# Documented: sent only if they are in `allowed_updates`.
_ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_MOST_IN_ONE_ANSWER = 100
_LONGEST_POLL = 50
_FOR_EVER = 10**9


@dataclass(frozen=True)
class Update:
    """An update for the bot: `kind` is the field of the Bot API's Update that has the payload."""

    update_id: int
    kind: str
    payload: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the Bot API's Update."""
        return {"update_id": self.update_id, self.kind: self.payload}


@dataclass
class _Delivery:
    update: Update
    is_repeat: bool = False
    is_handed_out: bool = False


class _Poll:
    is_superseded = False


class UpdateQueue:
    """Holds updates until a higher offset confirms them, and delivers them again until then."""

    def __init__(self) -> None:
        """Start with an empty queue and the default kinds of updates."""
        self.allowed: tuple[str, ...] = ()
        self.has_webhook = False
        self._next_id = _FIRST_UPDATE
        self._deliveries: list[_Delivery] = []
        self._changes = Changes()
        self._poll: _Poll | None = None
        self._polls = 0
        self._is_open = True

    def __len__(self) -> int:
        """Return the number of unconfirmed updates."""
        return len(self._deliveries)

    def add(self, kind: str, payload: dict[str, Any]) -> Update | None:
        """Queue an update, or return None if the bot does not want this kind.

        The kinds are checked now, not when the client polls.
        """
        if (kind not in self.allowed) if self.allowed else (kind in _ON_REQUEST):
            return None

        update = Update(self._next_id, kind, payload)
        self._next_id += 1
        self._deliveries.append(_Delivery(update))
        self._changes.notify()

        return update

    def repeat(self, update: Update) -> None:
        """Deliver an update again under its own id, as after a lost confirmation.

        An unconfirmed update is repeated after its confirmation, because no response has the same
        id twice.
        """
        self._deliveries.append(_Delivery(update, is_repeat=True))
        self._changes.notify()

    def clear(self) -> None:
        """Remove all pending updates, as `drop_pending_updates` does."""
        self._deliveries.clear()

    def choose(self, kinds: Sequence[str]) -> None:
        """Set `allowed_updates` for new updates; an empty list means the documented default."""
        self.allowed = tuple(kinds)

    async def poll(self, *, offset: int, limit: int, seconds: int) -> list[dict[str, Any]]:
        """Confirm updates below `offset`, then wait for updates. An earlier poll ends with 409.

        A negative offset counts from the end of the queue and confirms all updates before it. Polls
        are refused while a webhook is set.
        """
        if self.has_webhook:
            reason = (
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete "
                "the webhook first"
            )
            raise Refusal(409, f"Conflict: {reason}")

        self._confirm(offset)
        if self._poll is not None:
            self._poll.is_superseded = True

        poll = self._poll = _Poll()
        self._polls += 1
        self._changes.notify()

        batch: list[Update] = []

        def is_over() -> bool:
            if self._is_open and not poll.is_superseded:
                batch[:] = self._take(limit)
            return bool(batch) or poll.is_superseded or not self._is_open

        try:
            await self._changes.wait_until(is_over, seconds=min(max(seconds, 0), _LONGEST_POLL))
        finally:
            if self._poll is poll:
                self._poll = None

        if poll.is_superseded:
            reason = (
                "terminated by other getUpdates request; make sure that only one bot instance is "
                "running"
            )
            raise Refusal(409, f"Conflict: {reason}")

        return [update.as_json() for update in batch]

    async def wanted(self, *, seconds: float) -> bool:
        """Wait until a client polls or a webhook is set, and return whether that happened."""
        before = self._polls
        return await self._changes.wait_until(
            lambda: self._poll is not None or self._polls > before or self.has_webhook,
            seconds=seconds,
        )

    def switch(self, *, has_webhook: bool) -> None:
        """Deliver updates to a webhook, or to polls; a waiting poll ends with 409."""
        self.has_webhook = has_webhook
        if has_webhook and self._poll is not None:
            self._poll.is_superseded = True
        self._changes.notify()

    async def hand_out(self, deliver: Callable[[Update], Awaitable[bool]]) -> None:
        """Wait for an update and deliver it; confirm it if `deliver` returns True."""
        await self._changes.wait_until(lambda: bool(self._deliveries), seconds=_FOR_EVER)
        delivery = self._deliveries[0]
        if await deliver(delivery.update) and delivery in self._deliveries:
            self._deliveries.remove(delivery)

    def open(self) -> None:
        """Let polls wait."""
        self._is_open = True

    def close(self) -> None:
        """End the waiting poll, and later polls at once, without updates. The queue stays."""
        self._is_open = False
        self._changes.notify()

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            waiting = sorted({delivery.update.update_id for delivery in self._deliveries})
            offset = waiting[offset] if len(waiting) >= -offset else 0

        self._deliveries = [
            delivery
            for delivery in self._deliveries
            if delivery.update.update_id >= offset
            or (delivery.is_repeat and not delivery.is_handed_out)
        ]

    def _take(self, limit: int) -> list[Update]:
        first_of_each: dict[int, _Delivery] = {}
        for delivery in self._deliveries:
            first_of_each.setdefault(delivery.update.update_id, delivery)

        most = limit if 1 <= limit <= _MOST_IN_ONE_ANSWER else _MOST_IN_ONE_ANSWER
        taken = [first_of_each[update_id] for update_id in sorted(first_of_each)[:most]]
        for delivery in taken:
            delivery.is_handed_out = True

        return [delivery.update for delivery in taken]
