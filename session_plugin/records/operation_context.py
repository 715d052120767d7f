"""When, for which bot and under which policies an operation runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from session_plugin.database.engine import Row
from session_plugin.rules.clocks import NEVER, not_behind
from session_plugin.rules.policies import End, Policies


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationContext:
    """When, for which bot and under which policies an operation runs.

    Args:
        bot: The author's name for the assistant.
        now: Seconds since 1970, by the hub's clock.
        policies: What the hub's settings say about sessions.
        new_id: Returns an id that was never used before.
        keyed_hash: Hashes ids, so that forgotten accounts and messages are recognised without being
            stored; None where nothing is compared.
        floor: The latest time at which our clock was known to be right, or that a platform told.
        secret_fingerprint: Returns the fingerprint of the secret of `keyed_hash` and of codes; None
            where it cannot be read.
    """

    bot: str
    now: float
    policies: Policies
    new_id: Callable[[], str]
    keyed_hash: Callable[..., bytes] | None = None
    secret_fingerprint: Callable[[], bytes | None] | None = None
    floor: float = NEVER

    @property
    def known_now(self) -> float:
        """The time to note with what retention removes; our clock may be behind what is known."""
        return not_behind(self.now, self.floor)

    def end_of(self, session: Row) -> End | None:
        """Return when and why a live session is over by now; None if it goes on.

        The row has `started_at`, `last_activity`, and the `channel` and `kind` of the chat in which
        it was last active.
        """
        expiry = self.policies.expiry_of(session["channel"], session["kind"])
        return expiry.end_of(
            started_at=session["started_at"], last_activity=session["last_activity"], now=self.now
        )

    def may_be_over(self, last_activity: float) -> bool:
        """Check whether a session that was last active then can be over, wherever it is."""
        silence = self.policies.shortest_silence
        return silence is not None and self.now - last_activity > silence
