"""Draw how many messages a second are stored, on a log scale, with the limit as a line.

    python benchmarks/plot.py > docs/pictures/messages_per_second.svg

The figures are read from docs/performance.md, so the page and its picture say the same. The shapes
bring their own colours: the picture reads the same on a light and a dark page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
WIDTH, ROW, LEFT, RIGHT, TOP = 760, 34, 170, 70, 80
LOWEST, HIGHEST = 100, 100_000
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
OURS, OTHERS, LIMIT = "#0F766E", "#8B949E", "#B42318"
TEXT, FAINT, GRID = "#1F2328", "#656D76", "#D0D7DE"

HUNDRED_TASKS = "messages, 100 tasks"
DRIVER = "the same, compared with a driver: aiosqlite, a commit for each"
BARE = "the same, compared with the limit: `sqlite3`, 100 rows a transaction"


def figures(page: str) -> tuple[list[tuple[str, int]], int]:
    """Return who stores how many messages a second, most first, and the limit."""
    rows = (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| "))
    cells = {what: (ours, others) for what, ours, others, *_ in rows}

    ours, others = cells[HUNDRED_TASKS]
    named = [("session_plugin", rate(ours)), ("aiosqlite, no people", rate(cells[DRIVER][1]))]
    for other in others.split(", ", others.count("/s") - 1):
        name, _, figure = other.rpartition(" ")
        named.append((name, rate(figure)))

    return sorted(named, key=lambda one: -one[1]), rate(cells[BARE][1])


def rate(figure: str) -> int:
    """Return the number in `12,093/s`."""
    return int(figure.removesuffix("/s").replace(",", ""))


def place(value: float) -> float:
    """Return where a figure is on the scale, from the left."""
    share = math.log(value / LOWEST) / math.log(HIGHEST / LOWEST)
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def text(
    x: float, y: float, words: str, *, fill: str = TEXT, anchor: str = "start", weight: int = 400
) -> str:
    """A line of text, by its baseline."""
    return (
        f'<text x="{x}" y="{y}" font-size="13" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def picture(rates: list[tuple[str, int]], limit: int) -> Iterator[str]:
    """The whole picture, piece by piece."""
    bottom = TOP + ROW * len(rates)
    height = bottom + 48
    label = ", ".join(f"{name} {value:,}" for name, value in rates)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="{FONT}" role="img" '
        'aria-labelledby="title">'
    )
    yield f'<title id="title">Messages a second: {escape(label)}; the limit is {limit:,}.</title>'
    yield (
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="16" '
        f'fill="#FFFFFF" stroke="{GRID}"/>'
    )
    yield text(20, 32, "Messages stored per second, 100 tasks, SQLite", weight=600)

    for power in range(int(math.log10(LOWEST)), int(math.log10(HIGHEST)) + 1):
        x = place(10**power)
        yield f'<path d="M{x} {TOP - 8}V{bottom + 8}" stroke="{GRID}"/>'
        yield text(x, bottom + 28, f"{10**power:,}", fill=FAINT, anchor="middle")

    for number, (name, value) in enumerate(rates):
        y, is_ours = TOP + ROW * number, name == "session_plugin"
        yield text(LEFT - 12, y + 19, name, anchor="end", weight=600 if is_ours else 400)
        yield (
            f'<rect x="{LEFT}" y="{y + 4}" width="{round(place(value) - LEFT, 1)}" '
            f'height="{ROW - 12}" rx="4" fill="{OURS if is_ours else OTHERS}"/>'
        )
        yield text(place(value) + 8, y + 19, f"{value:,}", weight=600 if is_ours else 400)

    x = place(limit)
    yield f'<path d="M{x} {TOP - 16}V{bottom + 8}" stroke="{LIMIT}" stroke-width="2"/>'
    words = f"sqlite3 alone, 100 rows a transaction: {limit:,}"
    yield text(WIDTH - 20, TOP - 24, words, fill=LIMIT, anchor="end")
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(picture(*figures(PAGE.read_text(encoding="utf-8")))))
