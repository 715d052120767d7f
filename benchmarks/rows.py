"""Results of measurements: rows with a figure and its target.

Must not know contenders or processes.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Target:
    """A figure to reach."""

    side: Literal["at least", "at most"]
    bound: float

    def is_reached_by(self, figure: float) -> bool:
        """Check whether a figure is on the right side of the bound."""
        return figure >= self.bound if self.side == "at least" else figure <= self.bound


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table.

    Args:
        what: What was measured.
        ours: This package's figure with its unit; `against` is the other contender's.
        figure: The figure to judge, a ratio if `unit` is empty; None if it could not be measured
            (`note` has the reason).
        low: The smallest repeat, and `high` the largest; None if there was one repeat.
        target: What the figure should be; None if nothing is required.
    """

    what: str
    ours: str = ""
    against: str = ""
    figure: float | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    target: Target | None = None
    note: str = ""

    @property
    def is_reached(self) -> bool | None:
        """Whether the figure reaches the target; None without a figure or a target."""
        return (
            None
            if self.target is None or self.figure is None
            else self.target.is_reached_by(self.figure)
        )


def compare(
    what: str,
    ours: Sequence[float],
    others: Sequence[float],
    *,
    name: str,
    unit: str,
    target: Target | None = None,
    note: str = "",
) -> Row:
    """Return a row for interleaved repeats: the median of their ratios, and both medians.

    If one side has fewer repeats, they are its first rounds.
    """
    ratios = [mine / theirs for mine, theirs in zip(ours, others, strict=False)]
    return Row(
        what=what,
        ours=quantity(statistics.median(ours), unit),
        against=f"{name} {quantity(statistics.median(others), unit)}",
        figure=statistics.median(ratios),
        low=min(ratios),
        high=max(ratios),
        target=target,
        note=note,
    )


def quantity(value: float, unit: str) -> str:
    """Return a figure with its unit: `12,300/s`, `1.4 ms`, `38 MB`."""
    match unit:
        case "ms":
            return f"{value * 1e3:,.0f} ms" if value >= 0.1 else f"{value * 1e3:.3g} ms"
        case "us":
            return f"{value * 1e6:,.0f} µs" if value >= 1e-5 else f"{value * 1e6:.2g} µs"
        case "MB":
            return f"{value / 1e6:.1f} MB"
        case "bytes":
            return f"{value:,.0f} bytes"
        case _:
            return f"{value:,.0f}{unit}"
