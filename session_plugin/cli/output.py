"""How commands print: text that no message can disturb, or JSON. A bar for what takes long."""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from threading import Timer
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TaskID

from session_plugin.reports import OnProgress, Progress

PATIENCE = 1.0
"""Seconds after which a bar is shown."""
DISTURBING = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that are shown by their number: they move the cursor, or are unseen."""
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def one_line(text: str) -> str:
    """Return a text as one line in which every character shows itself."""
    return " ".join(_visible(line) for line in text.splitlines())


def _visible(text: str) -> str:
    return "".join(
        f"\\u{ord(each):04x}" if each in BIDI or unicodedata.category(each) in DISTURBING else each
        for each in text
    )


def print_json(value: Any) -> None:
    """Print a value as JSON, in ASCII, so that any terminal and every text goes."""
    typer.echo(json.dumps(plain(value), indent=2))


def plain(value: Any) -> Any:
    """Return a dataclass, also within lists, as what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}

    return value


def print_lines(*lines: str) -> None:
    """Print lines."""
    for line in lines:
        typer.echo(line)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns, as wide as they have to be whatever the terminal's width."""
    cells = [list(heads), *([one_line(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())


def print_values(values: Mapping[str, object]) -> None:
    """Print names and values, one in a line."""
    width = max(map(len, values)) + 2
    for name, value in values.items():
        typer.echo(f"{name:<{width}}{one_line(str(value))}".rstrip())


def when(seconds: float | None) -> str:
    """Return a time in UTC; a dash for none, the number where no calendar has it."""
    if seconds is None:
        return "-"

    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return str(seconds)


@contextmanager
def progress_bar() -> Iterator[OnProgress]:
    """Yield what draws a bar on the standard error stream, once the work has taken a second.

    Where the work does not say how far it is, the bar shows that it goes on.
    """
    console = Console(stderr=True)
    begun = time.monotonic()
    tasks: dict[str, TaskID] = {}

    with ExitStack() as stack:
        bar = stack.enter_context(
            Bar(console=console, transient=True, disable=not console.is_terminal)
        )
        unknown = bar.add_task("working", total=None, visible=False)
        timer = Timer(PATIENCE, lambda: bar.update(unknown, visible=not tasks))
        timer.daemon = True
        timer.start()
        stack.callback(timer.cancel)

        def show(progress: Progress) -> None:
            if time.monotonic() - begun < PATIENCE:
                return
            bar.update(unknown, visible=False)
            if progress.what not in tasks:
                tasks[progress.what] = bar.add_task(progress.what, total=progress.total)
            bar.update(tasks[progress.what], completed=progress.done, total=progress.total)

        yield show
