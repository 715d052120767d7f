"""Start measured processes and send them commands. Must not know what they measure."""

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
    """A contender cannot be measured: its library or its server is missing."""


class Failed(Exception):
    """A contender raised where it must not fail. The message is the contender's."""


class Process:
    """A process that runs one contender."""

    def __init__(self, name: str, *, under: Sequence[str] = ()) -> None:
        """Start the process.

        Args:
            name: The contender's name in the table.
            under: A command that runs it, such as strace.
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
        """Send a command without waiting for its result."""
        assert self._child.stdin
        # If the process has ended, `end` raises with its last output.
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(json.dumps({"do": verb, **arguments}) + "\n")
            self._child.stdin.flush()

    def end(self) -> dict[str, float]:
        """Wait for the result of the last command.

        Raises:
            Unavailable: The contender's library is not installed.
            Failed: The contender raised, or its process ended.
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
        """Send a command and return its figures."""
        self.begin(verb, **arguments)
        return self.end()

    @contextlib.contextmanager
    def opened(
        self, where: Path | str, *, users: int = USERS, first: int = 0, is_silent: bool = False
    ) -> Iterator[Self]:
        """Open a file or URL for a block, after one message from everybody from `first` on.

        If it `is_silent`, nobody says anything yet.
        """
        self.do("open", where=str(where), users=first + users)
        try:
            if not is_silent:
                self.do("write", tasks=min(users, 10), count=users, first=first, users=users)
            yield self
        finally:
            self.do("close")

    def complaints(self) -> str:
        """Return the end of its error output."""
        self._log.seek(0)
        return self._log.read()[-500:]

    def __enter__(self) -> Self:
        """Use the process for a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close its input and wait until it ends."""
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
