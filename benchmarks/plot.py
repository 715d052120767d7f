"""Draw how many messages a second are stored, and what processor time each of them takes.

    python benchmarks/run.py --page                                          measures and draws
    python benchmarks/plot.py > docs/pictures/messages_per_second.svg        draws again

The figures are read from the table of contenders in docs/performance.md, so the page and its
picture say the same. Shapes bring their own colours: the picture reads the same on a light and a
dark page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from xml.sax.saxutils import escape

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
PICTURE = "pictures/messages_per_second.svg"
WIDTH, ROW, TOP = 860, 34, 92
NAMES, RATES, COSTS, RIGHT = 170, 190, 560, 30
"""Where names end and both columns of bars begin, and the margin."""
LONGEST = 280
"""Pixels of the longest bar of rates; a bar of processor time has two thirds of it."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
OURS, OTHERS, LIMIT = "#0F766E", "#8B949E", "#B42318"
TEXT, FAINT, GRID = "#1F2328", "#656D76", "#D0D7DE"

US = "session_plugin"
RATE, COST = "100 tasks", "CPU of a message"
"""Columns of the table."""
BARE = "sqlite3"
SHOWN = {"aiosqlite": "aiosqlite, no people", BARE: "sqlite3, batches of 100"}
LEFT_OUT = "aiosqlite, unlocked"


@dataclass(frozen=True)
class Contender:
    """One bar of each kind.

    Args:
        name: As the table has it.
        rate: Messages a second.
        cost: Processor time of a message, in microseconds; None if it was not measured.
    """

    name: str
    rate: int
    cost: int | None


def contenders(page: str) -> list[Contender]:
    """Return what the page's table says of each contender, the fastest first."""
    lines = page.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| contender "))
    table = takewhile(lambda line: line.startswith("|"), lines[first + 2 :])
    columns, found = _cells(lines[first]), []
    for line in table:
        cells = dict(zip(columns, _cells(line), strict=True))
        name, cost = cells["contender"], cells[COST]
        if name != LEFT_OUT and cells[RATE]:
            found.append(Contender(name, _number(cells[RATE]), _number(cost) if cost else None))

    return sorted(found, key=lambda one: -one.rate)


def draw(page: Path) -> None:
    """Write the picture of a page into the folder next to it."""
    drawn = "\n".join(picture(contenders(page.read_text(encoding="utf-8"))))
    (page.parent / PICTURE).write_text(f"{drawn}\n", encoding="utf-8")


def picture(shown: list[Contender]) -> Iterator[str]:
    """Yield the whole picture, piece by piece."""
    bottom = TOP + ROW * len(shown)
    height = bottom + 20
    label = "; ".join(
        f"{one.name} {one.rate:,}" + ("" if one.cost is None else f", {one.cost:,} µs")
        for one in shown
    )
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="{FONT}" role="img" '
        'aria-labelledby="title">'
    )
    yield (
        '<title id="title">Messages a second, and processor time of a message: '
        f"{escape(label)}.</title>"
    )
    yield (
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="16" '
        f'fill="#FFFFFF" stroke="{GRID}"/>'
    )
    yield text(20, 32, "100 tasks write to one SQLite file", weight=600)
    yield text(RATES, 62, "messages per second (log scale)", fill=FAINT)
    yield text(COSTS, 62, "processor time of a message (log scale)", fill=FAINT)
    yield f'<path d="M20 76H{WIDTH - 20}" stroke="{GRID}"/>'

    rates = [one.rate for one in shown]
    costs = [one.cost for one in shown if one.cost is not None]
    for number, one in enumerate(shown):
        y, is_ours = TOP + ROW * number, one.name == US
        fill = OURS if is_ours else LIMIT if one.name == BARE else OTHERS
        weight = 600 if is_ours else 400
        yield text(NAMES, y + 19, SHOWN.get(one.name, one.name), anchor="end", weight=weight)
        width = LONGEST * share(one.rate, rates)
        yield from bar(RATES, y, width, label=f"{one.rate:,}", fill=fill, weight=weight)
        if one.cost is not None:
            width = LONGEST * share(one.cost, costs) * 2 / 3
            yield from bar(COSTS, y, width, label=f"{one.cost:,} µs", fill=fill, weight=weight)

    yield "</svg>"


def share(value: int, values: list[int]) -> float:
    """Return how long a bar is, of 1, on a scale from a third of the smallest to the largest."""
    lowest, highest = min(values) / 3, max(values)
    return math.log(value / lowest) / math.log(highest / lowest)


def bar(x: int, y: int, width: float, *, label: str, fill: str, weight: int) -> Iterator[str]:
    """Yield a bar with its figure behind it."""
    yield (
        f'<rect x="{x}" y="{y + 4}" width="{width:.1f}" height="{ROW - 12}" rx="4" fill="{fill}"/>'
    )
    yield text(round(x + width + 8, 1), y + 19, label, weight=weight)


def text(
    x: float, y: float, words: str, *, fill: str = TEXT, anchor: str = "start", weight: int = 400
) -> str:
    """Return a line of text, by its baseline."""
    return (
        f'<text x="{x}" y="{y}" font-size="13" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _number(figure: str) -> int:
    """Return the number in `12,093/s` or `83 µs`."""
    return round(float(figure.removesuffix("/s").removesuffix(" µs").replace(",", "")))


if __name__ == "__main__":
    print("\n".join(picture(contenders(PAGE.read_text(encoding="utf-8")))))
