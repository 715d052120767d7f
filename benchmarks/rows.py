"""What a measurement comes to: rows, each a figure beside its target. Knows no contender and no
process.
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
        """Tell whether a figure is on the right side."""
        return figure >= self.bound if self.side == "at least" else figure <= self.bound


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Args:
        what: What was measured.
        ours: This package's figure, with its unit, and `against` the other one's.
        figure: What is judged, a ratio where `unit` is empty; None where it could not be measured,
            and `note` says why.
        low: The smallest of the repeats, and `high` the largest; None where there was one.
        target: What it should be; None where nothing is asked.
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
        """Whether the target is reached; None without a target or a figure."""
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
    """Make a row of interleaved repeats: the median of the ratios of each pair, and both medians.

    Where one was repeated less often, its rounds were the first.
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
    """Write a figure as people read it: `12,300/s`, `1.4 ms`, `38 MB`."""
    match unit:
        case "ms":
            return f"{value * 1e3:,.0f} ms" if value >= 0.1 else f"{value * 1e3:.3g} ms"
        case "us":
            return f"{value * 1e6:,.0f} µs"
        case "MB":
            return f"{value / 1e6:.1f} MB"
        case "bytes":
            return f"{value:,.0f} bytes"
        case _:
            return f"{value:,.0f}{unit}"
