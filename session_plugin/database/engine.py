"""What an engine offers to the rest of the code.

An operation is a plain function of a transaction and its own arguments. It is atomic by itself,
even where others share its COMMIT, and it may be run again after a failure, so it has no other
effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from session_plugin.database.memory import Memory

A = TypeVar("A")
P = ParamSpec("P")
T = TypeVar("T")
Value = str | bytes | float | int | None


class Row(Protocol):
    """One row; columns by name."""

    def __getitem__(self, column: str, /) -> Any:
        """Return one column's value."""


class Tx(Protocol):
    """One transaction. Blocking; used on the thread that runs the operation and not kept
    beyond it.
    """

    @property
    def memory(self) -> Memory | None:
        """What was looked up before and is still so; None where nothing is remembered."""

    def first(self, query: str, /, **values: Value) -> Row | None:
        """Run the statement named `query` and give its first row, or None."""

    def one(self, query: str, /, **values: Value) -> Row:
        """Run the statement named `query`, which always has a row, and give it."""

    def all(self, query: str, /, **values: Value) -> list[Row]:
        """Run the statement named `query` and give all rows."""

    def tuples(self, query: str, /, **values: Value) -> list[tuple[Any, ...]]:
        """Run the statement named `query` and give all rows, each with its columns in the
        statement's order.

        For many rows of many columns: finding a column by its name takes longer than fetching it.
        """

    def at_once(self, query: str, /, **values: Value) -> list[tuple[Any, ...]] | None:
        """Run the statement named `query` before any other, in a snapshot of its own, and give its
        rows as `tuples` does; None where one statement for all is no better than several.

        A round trip to a server takes longer than a short statement.
        """

    def run(self, query: str, /, **values: Value) -> int:
        """Run the statement named `query` and return how many rows it changed."""

    def all_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> list[Row]:
        """Run the statement named `query`, which asks about each of `rows`, once for all of
        them.
        """

    def run_many(self, query: str, rows: Sequence[Mapping[str, Value]], /) -> int:
        """Run the statement named `query` for each of `rows`. Return how many rows it changed;
        where that would have to be waited for, how many there are.
        """

    def alone(self) -> None:
        """Make sure that nobody else writes until the end of this transaction.

        An operation may rely on it throughout; only the `many` of an `InBulk` begins beside others,
        and says by this where it cannot go on so. Everything is then run again, alone.

        Raises:
            NotAlone: others may write now. It is for the engine; an operation lets it pass.
        """


class Sealer(Protocol):
    """What stands between operations and the statements of one engine."""

    def wrap(self, tx: Tx, /) -> Tx:
        """Return a transaction that does the same with other values in the database."""

    def wrap_reading(self, tx: Tx, /) -> Tx:
        """Return what `wrap` does, of a transaction that only reads."""

    def begun(self, tx: Tx, sign: int | None, /) -> None:
        """Note that a transaction has begun that writes. Its `sign` is another one than the last if
        somebody else may have destroyed keys since.
        """

    def rolled_back(self) -> None:
        """Note that something was undone which the writer had done or looked up."""

    def close(self) -> None:
        """Give up what is held open, after the last transaction."""


class NotAlone(Exception):
    """An operation needs to be alone in the database, and is not."""


@dataclass(frozen=True)
class InBulk(Generic[A, T]):
    """An operation that can be had for many arguments at once: the same results, in their order, as
    one by one.

    The writer uses `many` for all that wait, and `one` for each of them if that fails. `many` may
    run beside other processes' writing of what may, too, unless it `is_alone`; `one` never does.
    """

    one: Callable[[Tx, A], T]
    many: Callable[[Tx, Sequence[A]], list[T]]
    is_alone: bool = False

    def __call__(self, tx: Tx, argument: A, /) -> T:
        """Run it for one argument."""
        return self.one(tx, argument)


class Task:
    """An operation that waits for the writer or a reader, and then its result or its error.

    Args:
        operation: What to run.
        args: Its positional arguments after the transaction; an `InBulk` has one.
        kwargs: Its keyword arguments.
        deadline: By time.monotonic(): the task fails if the database cannot be written until then.
            None waits without end.
        notify: Called on the writer's thread after the COMMIT, once for all tasks of a group that
            share it.
    """

    operation: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = MappingProxyType({})
    deadline: float | None = None
    notify: Callable[[list[Task]], None]
    result: Any = None
    error: Exception | None = None
    is_started = False
    is_notified = False

    def __init__(
        self,
        operation: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        deadline: float | None,
        notify: Callable[[list[Task]], None],
    ) -> None:
        """Wait to be enqueued."""
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.deadline = deadline
        self.notify = notify

    @property
    def argument(self) -> Any:
        """The one argument of an `InBulk`."""
        return self.args[0]

    def run(self, tx: Tx) -> Any:
        """Run the operation and return its result."""
        return self.operation(tx, *self.args, **self.kwargs)

    def start(self) -> bool:
        """Mark the task as started. Return False if it was cancelled while it waited."""
        self.is_started = True
        return True

    def is_wanted(self) -> bool:
        """Check whether the task stays queued while the database cannot be written."""
        return True


class Purged(IntEnum):
    """What came of a purge; only `ALL` means that no byte is left."""

    NOTHING = 0
    """Somebody reads or writes the file, or the disk is full: nothing was done."""
    REWRITTEN = 1
    """The file was rewritten, but somebody reads from its log, which still has to be emptied."""
    ALL = 2


class Engine(Protocol):
    """A database that runs operations.

    `url` names it in errors and logs: a path, or what `shown_url` leaves of a URL.
    """

    url: str

    def open(self) -> None:
        """Check the database and bring its schema up to date, under a lock.

        Raises:
            DatabaseRefused: it is damaged, foreign, newer than this code or cannot be written; it
                is left as it is.
        """

    def write(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Queue an operation; the future is done after its COMMIT.

        It fails with DatabaseUnavailable where the database cannot be written: at once where
        waiting does not help, after the busy timeout while another process holds the lock.
        """

    def write_patiently(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Do what `write` does, but wait without end for a database that cannot be written."""

    def enqueue(self, task: Task, /, *, more_follow: bool = False) -> None:
        """Queue a task that has its own way to wait and to be told.

        Where `more_follow`, the writer is not woken for it: `wake` does that, or any other task.

        Raises:
            DatabaseUnavailable: the engine is closed.
        """

    def wake(self) -> None:
        """Let the writer begin with what is queued; harmless if nothing is, or it is closed."""

    @property
    def trouble(self) -> str:
        """Why the database could not be written when that was last tried; empty if it could."""

    @property
    def committed_at(self) -> float:
        """By time.monotonic(), when something was last committed; 0 if nothing was."""

    def read(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Run an operation that only reads, in a snapshot, on a reader's thread."""

    def enqueue_reading(self, task: Task, /) -> None:
        """Queue a task that only reads, and that has its own way to wait and to be told.

        Raises:
            DatabaseUnavailable: the engine is closed.
        """

    def seal_with(self, sealer: Sealer, /) -> None:
        """Wrap each transaction from now on. Called before anybody uses the engine."""

    @property
    def must_rewrite(self) -> bool:
        """Whether a purge rewrites a file, which holds the writer for as long as that takes."""

    def purge(self, *, is_rewritten: bool = False) -> Future[Purged]:
        """See to it that no byte is left of what was deleted, in the file and beside it.

        Where the database is somebody else's to keep, a server's, there is nothing to do here.

        Args:
            is_rewritten: The file was rewritten since; only its log is to be emptied.
        """

    def close(self, timeout: float = 10.0) -> None:
        """Carry out what waits, answer everybody, close. What cannot be written within `timeout`
        seconds fails.
        """
