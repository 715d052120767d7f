"""A hub's settings, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from session_plugin.checks import (
    HOUR,
    check_count,
    check_functions,
    check_number,
    check_storable,
    check_text,
)
from session_plugin.model import Chat
from session_plugin.rules.policies import Expiry, Policies, Retention, completed

SHORTEST_UPKEEP = 0.001
"""Minutes; a pause of none would leave no time for anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `SessionHub` was given; its docstring says what each setting means."""

    bot: str
    max_age_hours: float
    expiry: Iterable[Expiry]
    retention_days: float | None
    retention: Iterable[Retention]
    upkeep_minutes: float | None
    erasure_minutes: float
    consolidation_threshold: int
    consolidation_tokens: int | None
    summary_patience: float
    store_patience: float
    cache_bytes: int
    record_when: Callable[[Chat], bool] | None
    direct_sees_groups: bool
    privacy_text: str | None
    clock: Callable[[], float]
    new_id: Callable[[], str]
    is_operator: bool = False
    """Whether the hub is an operator's, next to the bot's own; see `OperatorHub`."""
    policies: Policies = field(init=False)
    """`max_age_hours` and `expiry`, as operations take them."""
    retentions: tuple[Retention, ...] = field(init=False)
    """`retention`, with `retention_days` for all other chats."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            TypeError: a setting is of the wrong type.
            ValueError: a setting is out of range.
        """
        check_storable("bot", self.bot)
        check_number("max_age_hours", self.max_age_hours)
        if self.retention_days is not None:
            check_number("retention_days", self.retention_days)
        if self.upkeep_minutes is not None:
            check_number("upkeep_minutes", self.upkeep_minutes, at_least=SHORTEST_UPKEEP)

        check_number("erasure_minutes", self.erasure_minutes)
        check_number("consolidation_threshold", self.consolidation_threshold, at_least=2)
        if self.consolidation_tokens is not None:
            check_number("consolidation_tokens", self.consolidation_tokens, at_least=2)

        check_number("store_patience", self.store_patience)
        check_number("summary_patience", self.summary_patience)
        check_count("cache_bytes", self.cache_bytes)
        check_functions(clock=self.clock, record_when=self.record_when, new_id=self.new_id)
        check_text("privacy_text", self.privacy_text or "")

        expiries = completed("expiry", self.expiry, Expiry(max_age_hours=self.max_age_hours))
        retentions = completed("retention", self.retention, Retention(days=self.retention_days))
        policies = Policies(max_age=self.max_age_hours * HOUR, expiries=expiries)
        object.__setattr__(self, "policies", policies)
        object.__setattr__(self, "retentions", retentions)
