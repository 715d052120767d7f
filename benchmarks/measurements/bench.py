"""State shared by all measurements: settings, folder, and one process per contender."""

import contextlib
import itertools
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from contenders import OURS
from process import Failed, Process, Unavailable


class Bench:
    """One run of the benchmarks.

    Attributes:
        is_quick: Fewer and shorter repeats, and a smaller file for `growth`.
        rounds: The number of interleaved repeats.
        seconds: How long one repeat writes.
        postgres: The URL of a server on which benchmarks may create schemas.
        details: Results of each contender for the second table: name to column to cell.
        settings: The setup of each contender.
        missing: Contenders that cannot be measured, with the reason.
    """

    def __init__(self, folder: Path, *, is_quick: bool, postgres: str) -> None:
        """Measure in an existing folder."""
        self.is_quick = is_quick
        self.rounds = 3 if is_quick else 5
        self.seconds = 0.4 if is_quick else 0.8
        self.postgres = postgres
        self.details: dict[str, dict[str, str]] = {}
        self.settings: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self._folder = folder
        self._numbers = itertools.count(1)
        self._living: dict[str, Process] = {}
        self._exits = contextlib.ExitStack()

    def fresh(self) -> Path:
        """Return an unused path in a new folder."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder / "messages.db"

    def process(self, name: str) -> Process:
        """Return the contender's process, which runs until the end of the run."""
        if name not in self._living:
            self._living[name] = self._exits.enter_context(Process(name))
        return self._living[name]

    def present(self, names: tuple[str, ...]) -> list[str]:
        """Return the names that can be measured, and note why others cannot.

        Raises:
            Failed: This package itself cannot be measured.
        """
        for name in names:
            if name in self.settings or name in self.missing:
                continue

            try:
                self.settings[name] = str(
                    self.process(name).do("open", where=str(self.fresh()), users=1)["settings"]
                )
                self.process(name).do("close")
            except (Unavailable, Failed) as error:
                if name == OURS:
                    raise
                self.missing[name] = str(error)

        return [name for name in names if name in self.settings]

    def note(self, name: str, column: str, cell: str) -> None:
        """Add a contender's figure to the second table."""
        self.details.setdefault(name, {})[column] = cell

    def say(self, text: str) -> None:
        """Print progress to stderr."""
        print(f"  {text}", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        """Use the run for a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop all processes."""
        self._exits.close()
