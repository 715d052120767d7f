"""When, for which bot and under which policies an operation runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from session_plugin.checks import HOUR
from session_plugin.database.engine import Row
from session_plugin.rules.policies import End, Expiry, policy_of, shortest_silence


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationContext:
    """When and for which bot an operation runs.

    Args:
        bot: The author's name for the assistant.
        now: Seconds since 1970, by the hub's clock.
        max_age: Seconds of silence after which a session is over where no policy says otherwise.
        new_id: Returns an id that was never used before.
        expiries: When sessions are over, by channel and kind of chat.
        keyed_hash: Hashes ids, so that forgotten accounts and messages are recognised without being
            stored; None where nothing is compared.
    """

    bot: str
    now: float
    max_age: float
    new_id: Callable[[], str]
    expiries: tuple[Expiry, ...] = ()
    keyed_hash: Callable[..., bytes] | None = None

    def end_of(self, session: Row) -> End | None:
        """Return when and why a live session is over by now; None if it goes on.

        The row has `started_at`, `last_activity`, and the `channel` and `kind` of the chat in which
        it was last active.
        """
        return self._expiry(session["channel"], session["kind"]).end_of(
            started_at=session["started_at"], last_activity=session["last_activity"], now=self.now
        )

    def may_be_over(self, last_activity: float) -> bool:
        """Check whether a session that was last active then can be over, wherever it is."""
        silence = self.shortest_silence
        return silence is not None and self.now - last_activity > silence

    @property
    def shortest_silence(self) -> float | None:
        """Seconds of silence without which no session is over; None where none ever is."""
        return shortest_silence(self.expiries) if self.expiries else self.max_age

    def _expiry(self, channel: str, kind: str) -> Expiry:
        return policy_of(
            self.expiries or (Expiry(max_age_hours=self.max_age / HOUR),), channel, kind
        )
