"""The updates that wait for the bot, and what takes them: a long poll, or a webhook. Knows ids;
knows no chats.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .bell import Bell
from .calls import Refusal

_FIRST_UPDATE = 800_000_001
# What getUpdates documents: sent only to those who ask for them by name.
_ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_MOST_IN_ONE_ANSWER = 100
_LONGEST_POLL = 50
_FOR_EVER = 10**9


@dataclass(frozen=True)
class Update:
    """Something the bot is told: the field `kind` of the Bot API's Update, and what it holds."""

    update_id: int
    kind: str
    payload: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Build the Bot API's Update."""
        return {"update_id": self.update_id, self.kind: self.payload}


@dataclass
class _Delivery:
    update: Update
    is_repeat: bool = False
    is_handed_out: bool = False


class _Poll:
    is_superseded = False


class UpdateQueue:
    """Hold each update until it is confirmed by a higher offset, and hand it out again as often as
    it is asked for.
    """

    def __init__(self) -> None:
        """Begin with an empty queue and the default choice of updates."""
        self.allowed: tuple[str, ...] = ()
        self.has_webhook = False
        self._next_id = _FIRST_UPDATE
        self._deliveries: list[_Delivery] = []
        self._bell = Bell()
        self._poll: _Poll | None = None
        self._polls = 0
        self._is_open = True

    def __len__(self) -> int:
        """Count the updates that are not confirmed."""
        return len(self._deliveries)

    def add(self, kind: str, payload: dict[str, Any]) -> Update | None:
        """Queue an update; None if the bot does not want this kind. The choice is made now, not at
        the poll.
        """
        if (kind not in self.allowed) if self.allowed else (kind in _ON_REQUEST):
            return None
        update = Update(self._next_id, kind, payload)
        self._next_id += 1
        self._deliveries.append(_Delivery(update))
        self._bell.ring()
        return update

    def repeat(self, update: Update) -> None:
        """Deliver an update once more under its own id, as if its confirmation had been lost on the
        way.

        An update that is still to be confirmed is repeated after that: no answer holds the same id
        twice.
        """
        self._deliveries.append(_Delivery(update, is_repeat=True))
        self._bell.ring()

    def clear(self) -> None:
        """Forget all updates that wait, as `drop_pending_updates` does."""
        self._deliveries.clear()

    def choose(self, kinds: Sequence[str]) -> None:
        """Set `allowed_updates` for what happens from now on; none at all means the documented
        default.
        """
        self.allowed = tuple(kinds)

    async def poll(self, *, offset: int, limit: int, seconds: int) -> list[dict[str, Any]]:
        """Confirm what is below `offset`, then wait for updates; the poll that waits already is
        ended with 409.

        A negative offset counts from the end of the queue and forgets all before. While a webhook
        is set, nobody polls.
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
        self._bell.ring()
        batch: list[Update] = []

        def is_over() -> bool:
            if self._is_open and not poll.is_superseded:
                batch[:] = self._take(limit)
            return bool(batch) or poll.is_superseded or not self._is_open

        try:
            await self._bell.until(is_over, seconds=min(max(seconds, 0), _LONGEST_POLL))
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
        """Wait until a poll is under way or begins, or a webhook is set; False when the time is up
        first.
        """
        before = self._polls
        return await self._bell.until(
            lambda: self._poll is not None or self._polls > before or self.has_webhook,
            seconds=seconds,
        )

    def switch(self, *, has_webhook: bool) -> None:
        """Let a webhook take the updates from now on, or polls; a poll that waits is ended with
        409.
        """
        self.has_webhook = has_webhook
        if has_webhook and self._poll is not None:
            self._poll.is_superseded = True
        self._bell.ring()

    async def hand_out(self, deliver: Callable[[Update], Awaitable[bool]]) -> None:
        """Wait for an update and deliver it; what is not taken stays the first, what is taken is
        confirmed by that.
        """
        await self._bell.until(lambda: bool(self._deliveries), seconds=_FOR_EVER)
        delivery = self._deliveries[0]
        if await deliver(delivery.update) and delivery in self._deliveries:
            self._deliveries.remove(delivery)

    def open(self) -> None:
        """Let polls wait."""
        self._is_open = True

    def close(self) -> None:
        """End the poll that waits, with nothing, and every later one at once; what waits for the
        bot stays.
        """
        self._is_open = False
        self._bell.ring()

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
