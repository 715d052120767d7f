"""What all measurements share: the settings of a run, its folder, and one living process per
contender.
"""

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
        is_quick: Fewer and shorter repeats, and a smaller file to grow into.
        rounds: How often everything interleaved is repeated.
        seconds: How long one repeat writes.
        postgres: The URL of a server that benchmarks may make schemas in.
        details: What each contender did, for the second table: name to column to cell.
        settings: How each contender is set up.
        missing: Contenders that cannot be measured here, and why.
    """

    def __init__(self, folder: Path, *, is_quick: bool, postgres: str) -> None:
        """Measure in a folder that is there already."""
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
        """Give a path that nothing is at, in a folder of its own."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder / "messages.db"

    def process(self, name: str) -> Process:
        """Give the contender's process; it lives until the run ends."""
        if name not in self._living:
            self._living[name] = self._exits.enter_context(Process(name))
        return self._living[name]

    def present(self, names: tuple[str, ...]) -> list[str]:
        """Give those of the names that can be measured here; note why the others cannot.

        Raises:
            Failed: this package itself cannot.
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
        """Put a figure of a contender's into the second table."""
        self.details.setdefault(name, {})[column] = cell

    def say(self, text: str) -> None:
        """Tell who waits what is going on."""
        print(f"  {text}", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all processes."""
        self._exits.close()
