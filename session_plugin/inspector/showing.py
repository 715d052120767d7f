"""What is stored, as HTML: text that stays text, times, sizes, charts.

People choose names, titles and texts, so all of it is hostile. It is escaped, isolated from the
writing direction around it, and characters that are not seen are shown by their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

LONGEST_SHOWN = 2000
"""Characters of a text on a page with others; its own page shows all of it."""
PART_NAMES = {
    "ToolCallPart": "call of a tool",
    "ToolResultPart": "result of a tool",
    "ReasoningPart": "reasoning",
    "MediaPart": "file in its place",
    "RawPart": "something of a provider's own",
}

_UNSEEN = re.compile(
    "([\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u2069"
    "\\ufeff\\ud800-\\udfff])"
)
"""Control characters, those that turn the writing direction, and lone surrogates."""


def environment(*, show_text: bool) -> Environment:
    """Return what renders the templates.

    Args:
        show_text: Whether `text(...)` shows what people wrote, or only how long it is.
    """
    made = Environment(
        loader=PackageLoader("session_plugin.inspector", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(shown=shown, time=time_of, day=day_of, number=number, size=size)
    made.globals.update(
        text=_shown_text if show_text else _length,
        is_text_shown=show_text,
        part_names=PART_NAMES,
    )

    return made


def _plain(value: Any) -> Any:
    """Return a value with unseen characters replaced; the environment escapes it after that."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNSEEN.sub("\ufffd", value)
    return value


def shown(text: str, most: int | None = None) -> Markup:
    """Return text as HTML: unseen characters by their numbers, isolated from what is around it.

    Args:
        text: Any text.
        most: How many characters at most; None for all of them.
    """
    pieces = _UNSEEN.split(text[:most])
    safe = Markup("").join(
        Markup('<span class="unseen">U+{:04X}</span>').format(ord(piece)) if number % 2 else piece
        for number, piece in enumerate(pieces)
    )
    return Markup('<bdi dir="auto">{}</bdi>').format(safe)


def _shown_text(text: str, whole_at: str | None = None) -> Markup:
    """Return what somebody wrote; `whole_at` is the page that shows all of a long one."""
    if whole_at is None or len(text) <= LONGEST_SHOWN:
        return Markup('<div class="text">{}</div>').format(shown(text))

    more = Markup('<p class="more"><a href="{}">All {} characters</a></p>').format(
        whole_at, number(len(text))
    )
    return Markup('<div class="text">{}…</div>{}').format(shown(text, LONGEST_SHOWN), more)


def _length(text: str, whole_at: str | None = None) -> Markup:
    """Return how long it is that somebody wrote."""
    unit = "character" if len(text) == 1 else "characters"
    return Markup('<p class="length">{} {}</p>').format(number(len(text)), unit)


def time_of(seconds: float | None) -> Markup:
    """Return a time in UTC; a dash for none, and for one that no calendar has."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    except (OverflowError, OSError, ValueError):
        moment = None
    if moment is None:
        return Markup("–")

    return Markup('<time datetime="{}">{}</time>').format(
        moment.isoformat(timespec="seconds"), moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    )


def day_of(day: int) -> str:
    """Return the date of a day, counted since 1970."""
    return datetime.fromtimestamp(day * 86400, UTC).strftime("%Y-%m-%d")


def number(value: int) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,}"


def size(count: int) -> str:
    """Return a number of bytes in the unit that fits."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024

    return f"{amount:.1f} TiB"


# Charts: drawn here, so no script is needed. Each has its figures in a table beside it.

WIDTH, HEIGHT, LEFT, BELOW = 720, 160, 56, 20
FEW_BARS = 7
"""So many have room for a label each."""


def bars(values: Sequence[tuple[str, int]], *, name: str) -> Markup:
    """Return upright bars, in their order, with the greatest value as the scale.

    Args:
        values: A label and a value for each bar.
        name: What the chart shows, for readers who do not see it.
    """
    most = max((value for _, value in values), default=0)
    step = (WIDTH - LEFT) / max(1, len(values))
    drawn = Markup("").join(
        Markup(
            '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
            "<title>{}: {}</title></rect>"
        ).format(
            LEFT + place * step + 1,
            HEIGHT - BELOW - _height(value, most),
            max(1.0, step - 2),
            _height(value, most),
            label,
            number(value),
        )
        for place, (label, value) in enumerate(values)
    )
    labels = Markup("").join(
        Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
            x, HEIGHT - 4, side, label
        )
        for x, side, label in _labels([label for label, _ in values], step)
    )
    greatest = f"{name}; the greatest value is {number(most)}"

    return Markup(
        '<svg role="img" aria-label="{}" viewBox="0 0 {} {}">'
        '<text x="{}" y="12" text-anchor="end">{}</text>'
        '<text x="{}" y="{}" text-anchor="end">0</text>'
        '<line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"/>{}{}</svg>'
    ).format(
        *(greatest, WIDTH, HEIGHT, LEFT - 6, number(most), LEFT - 6, HEIGHT - BELOW),
        *(LEFT, HEIGHT - BELOW, WIDTH, HEIGHT - BELOW, drawn, labels),
    )


def _labels(names: Sequence[str], step: float) -> list[tuple[float, str, str]]:
    """Return where each label stands: below each of a few bars, or below the first and the last."""
    if len(names) > FEW_BARS:
        return [(LEFT, "start", names[0]), (WIDTH, "end", names[-1])]
    return [(LEFT + (place + 0.5) * step, "middle", name) for place, name in enumerate(names)]


def _height(value: int, most: int) -> float:
    return (HEIGHT - BELOW - 4) * value / most if most else 0.0
