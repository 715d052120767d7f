"""Start measured processes and talk to them. Knows nothing of what they measure."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from contenders import USERS
from worker import UNAVAILABLE

_WORKER = Path(__file__).with_name("worker.py")


class Unavailable(Exception):
    """A contender cannot be measured here: its library or its server is missing."""


class Failed(Exception):
    """A contender raised where nothing may fail; the message is its own."""


class Process:
    """One contender in a process of its own."""

    def __init__(self, name: str, *, under: Sequence[str] = ()) -> None:
        """Start it.

        Args:
            name: The contender's, as in the table.
            under: A command to run it under, strace say.
        """
        self.name = name
        self._log: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._child = subprocess.Popen(
            [*under, sys.executable, str(_WORKER), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def begin(self, verb: str, **arguments: Any) -> None:
        """Tell it to do something, without waiting."""
        assert self._child.stdin
        # Of one that has died, `end` tells what it said last.
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(json.dumps({"do": verb, **arguments}) + "\n")
            self._child.stdin.flush()

    def end(self) -> dict[str, float]:
        """Wait for the answer to what was begun.

        Raises:
            Unavailable: its library is not installed.
            Failed: it raised, or died.
        """
        assert self._child.stdout
        line = self._child.stdout.readline()
        if not line:
            raise Failed(f"{self.name} died: {self.complaints()}")
        answer = json.loads(line)
        if UNAVAILABLE in answer:
            raise Unavailable(answer[UNAVAILABLE])
        if "error" in answer:
            raise Failed(f"{self.name}: {answer['error']}")
        return cast(dict[str, float], answer)

    def do(self, verb: str, **arguments: Any) -> dict[str, float]:
        """Tell it to do something, and wait for its figures."""
        self.begin(verb, **arguments)
        return self.end()

    @contextlib.contextmanager
    def opened(self, where: Path | str, *, users: int = USERS, first: int = 0) -> Iterator[Self]:
        """Open a file or a URL for the length of a block, once everybody from number `first` on has
        said one thing.
        """
        self.do("open", where=str(where), users=first + users)
        try:
            self.do("write", tasks=users, count=users, first=first, users=users)
            yield self
        finally:
            self.do("close")

    def complaints(self) -> str:
        """Give the end of what it printed."""
        self._log.seek(0)
        return self._log.read()[-500:]

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End its input, wait until it is gone."""
        assert self._child.stdin
        assert self._child.stdout
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        try:
            self._child.wait(30)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()
        self._log.close()
