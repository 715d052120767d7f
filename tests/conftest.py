"""Fixtures for the core: a database on each backend, a clock set by hand, other processes and the
locks they hold.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest

from session_plugin.database import opening
from session_plugin.database.distributing import distribute_database
from session_plugin.database.engine import Engine
from session_plugin.database.opening import open_engine
from session_plugin.encryption.unlocking import Encryption
from session_plugin.testing import Clock

# discord.py reads JSON with orjson where that is installed, and some frameworks of agents bring it along.
# It refuses lone surrogates, so the tests use discord.py as it is without.
sys.modules["orjson"] = None  # type: ignore[assignment]
import discord.utils  # noqa: E402, F401 - reads JSON with what it finds now

del sys.modules["orjson"]

ENCRYPTED = bool(os.environ.get("SESSION_TEST_ENCRYPTION"))
"""Whether all databases are encrypted, but those of tests that give keys themselves."""
if ENCRYPTED:
    _keys = tempfile.mkdtemp(prefix="session_plugin_keys_")
    atexit.register(shutil.rmtree, _keys, ignore_errors=True)
    os.environ["SESSION_TEST_KEY_STORE"] = f"{_keys}/all.keys"

    _by_default = str(Path(__file__).parent / "encrypted_by_default")
    _path = [_by_default, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, dict.fromkeys(_path)))  # subprocesses

    _file = spec_from_file_location("encrypted_by_default", f"{_by_default}/sitecustomize.py")
    assert _file is not None
    assert _file.loader is not None
    _module = module_from_spec(_file)
    _file.loader.exec_module(_module)
    _module.give_keys(Encryption)

    _open_engine = open_engine

    def open_engine(database: str | Path, **settings: Any) -> Engine:
        """Open a database as tests do that look into it without a hub."""
        engine = _open_engine(database, **settings)
        if settings.get("is_read_only"):
            Encryption(None, database=str(database), may_begin=False).unlock(engine)
        return engine

    opening.open_engine = open_engine  # before any test imports it

pytest_plugins = ["session_plugin_discord.testing", "session_plugin_telegram.testing"]

POSTGRESQL = os.environ.get("SESSION_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")
"""A database in which tests may make schemas of their own."""
CITUS = os.environ.get("SESSION_TEST_CITUS", "")
"""The same of a Citus cluster's coordinator: tests for all backends run on it, too."""

QUICK = frozenset(
    f"tests/{name}.py"
    for name in (
        "adapters/test_translate_discord",
        "adapters/test_translate_telegram",
        "cli/test_help",
        "core/test_codes",
        "core/test_commands",
        "core/test_context",
        "core/test_context_ends",
        "core/test_context_marks",
        "core/test_database_queries",
        "core/test_decay",
        "core/test_expiry",
        "core/test_hooks",
        "core/test_hub_messages",
        "core/test_imports",
        "core/test_linking",
        "core/test_linking_sessions",
        "core/test_logs",
        "core/test_model",
        "core/test_parts",
        "core/test_private",
        "core/test_providers",
        "core/test_reading",
        "core/test_rendering",
        "core/test_rendering_rules",
        "core/test_search",
        "core/test_states",
        "core/test_store",
        "core/test_turn_order",
        "core/test_view",
    )
)
"""The files of `pytest -m quick`: what finds most mistakes in the least time, on SQLite only."""

Spawn = Callable[..., subprocess.Popen[str]]
Hold = Callable[..., AbstractContextManager[subprocess.Popen[str]]]

HOLD_SQLITE = """
    import sqlite3, sys, time
    connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
    connection.execute("BEGIN EXCLUSIVE")
    print("held", flush=True)
    sys.stdin.readline() if sys.argv[2] == "" else time.sleep(float(sys.argv[2]))
    connection.execute("ROLLBACK")
"""
LOCK_POSTGRESQL = "SELECT pg_advisory_xact_lock(1397771335, hashtext(current_schema()))"
HOLD_POSTGRESQL = f"""
    import psycopg, sys, time
    with psycopg.connect(sys.argv[1]) as connection:
        connection.execute("{LOCK_POSTGRESQL}")
        print("held", flush=True)
        sys.stdin.readline() if sys.argv[2] == "" else time.sleep(float(sys.argv[2]))
"""

OUR_TABLES = """
    SELECT relname FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r'
    AND relname NOT LIKE 'session\\_plugin%' ORDER BY oid
"""

MADE = (
    """SELECT table_name, column_name, data_type, column_default, is_nullable, is_identity, collation_name
        FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2""",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1",
    """SELECT conname, CAST(CAST(conrelid AS regclass) AS TEXT), pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = CAST(current_schema() AS regnamespace) ORDER BY 1, 2""",
    "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = CAST(current_schema() AS "
    "regnamespace) ORDER BY 1",
    "SELECT viewname, definition FROM pg_views WHERE schemaname = current_schema() ORDER BY 1",
    "SELECT version FROM session_plugin_schema",
)


class Backend(Protocol):
    """A kind of database, and what another program can do with it."""

    def new(self) -> AbstractContextManager[str]:
        """Give the path or URL of a database of its own: nothing is there yet."""

    def empty(self) -> AbstractContextManager[str]:
        """Give the path or URL of a database of its own, in which no row is; its tables may be
        there, which saves time.
        """

    def rows(self, database: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement on a connection of its own, commit, and give what it answers; parameters
        are `?`.
        """

    def findings(self, database: str) -> list[tuple[Any, ...]]:
        """Give what the backend itself finds wrong."""

    def is_empty(self, database: str) -> bool:
        """Tell whether nothing was stored there."""

    def contents(self, database: str) -> bytes:
        """Give every byte that is stored, as nearly as another program gets at it."""

    def refuse(self, database: str, table: str) -> None:
        """Let the database take no more rows in a table, for want of room."""

    def schema(self, database: str) -> list[tuple[Any, ...]]:
        """Give how the database is built, with the number of its newest migration at the end."""

    def tables(self, database: str) -> dict[str, list[str]]:
        """Give the columns of each of our tables, both in order."""

    def set_version(self, database: str, version: int) -> None:
        """Let it seem to have had so many migrations."""


class Sqlite:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    @contextmanager
    def new(self) -> Iterator[str]:
        folder = self._folder / f"memory {next(self._numbers)}"
        yield str(folder / "sessions.db")
        shutil.rmtree(folder, ignore_errors=True)

    empty = new

    def rows(self, database: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
            connection.text_factory = lambda cell: cell.decode("utf-8", "replace")
            return connection.execute(statement, values).fetchall()

    def findings(self, database: str) -> list[tuple[Any, ...]]:
        found = self.rows(database, "PRAGMA integrity_check") + self.rows(
            database, "PRAGMA foreign_key_check"
        )
        return [row for row in found if row != ("ok",)]

    def is_empty(self, database: str) -> bool:
        return not Path(database).exists()

    def contents(self, database: str) -> bytes:
        return b"".join(path.read_bytes() for path in Path(database).parent.iterdir())

    def refuse(self, database: str, table: str) -> None:
        self.rows(
            database,
            f"CREATE TRIGGER no_room BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no "
            "room'); END",
        )

    def schema(self, database: str) -> list[tuple[Any, ...]]:
        made = self.rows(database, "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2")
        return made + self.rows(database, "PRAGMA user_version")

    def tables(self, database: str) -> dict[str, list[str]]:
        ours = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' "
            "ORDER BY 1"
        )
        columns = "SELECT name FROM pragma_table_info(?) ORDER BY name"
        return {
            table: [name for (name,) in self.rows(database, columns, table)]
            for (table,) in self.rows(database, ours)
        }

    def set_version(self, database: str, version: int) -> None:
        self.rows(database, f"PRAGMA user_version = {version}")


class Postgresql:
    """Schemas on a server. To make one takes half a second, so those that are as they were made are
    used again.
    """

    def __init__(self, connection: Any, url: str = POSTGRESQL) -> None:
        self._connection = connection
        self._url = url
        self._spare: list[str] = []
        self._changed: set[str] = set()

    @contextmanager
    def new(self) -> Iterator[str]:
        database = self._make()
        yield database
        self._drop(database)

    @contextmanager
    def empty(self) -> Iterator[str]:
        database = self._spare.pop() if self._spare else self._make_empty()
        yield database
        if database in self._changed:
            self._drop(database)
        else:
            self._empty(database)
            self._spare.append(database)

    def rows(self, database: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
        self._connection.execute(f"SET search_path = {schema_of(database)}")
        cursor = self._connection.execute(statement.replace("?", "%s"), values or None)
        return cursor.fetchall() if cursor.description else []

    def findings(self, database: str) -> list[tuple[Any, ...]]:
        """Nothing: it has no such check, and it checks each foreign key as rows are written."""
        return []

    def is_empty(self, database: str) -> bool:
        return not self.contents(database)

    def contents(self, database: str) -> bytes:
        cells = (
            cell
            for table in self._tables(database)
            for row in sorted(self.rows(database, f"TABLE {table}"), key=repr)  # in no order
            for cell in row
        )
        return b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)

    def refuse(self, database: str, table: str) -> None:
        self._changed.add(database)
        raising = "BEGIN RAISE EXCEPTION 'no room'; END"
        self.rows(
            database,
            f"CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$",
        )
        self.rows(
            database, f"CREATE TRIGGER no_room BEFORE INSERT ON {table} EXECUTE FUNCTION no_room()"
        )

    def schema(self, database: str) -> list[tuple[Any, ...]]:
        found = [row for query in MADE for row in self.rows(database, query)]
        here = schema_of(database)
        return [
            tuple(cell.replace(here, "here") if isinstance(cell, str) else cell for cell in row)
            for row in found
        ]

    def tables(self, database: str) -> dict[str, list[str]]:
        columns = """SELECT column_name FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name = ? ORDER BY 1"""
        tables = sorted(self._tables(database))
        return {
            table: sorted(name for (name,) in self.rows(database, columns, table))
            for table in tables
        }

    def set_version(self, database: str, version: int) -> None:
        self.rows(database, "UPDATE session_plugin_schema SET version = ?", version)

    def close(self) -> None:
        for database in self._spare:
            self._drop(database)

    def _make(self) -> str:
        schema = f"session_plugin_test_{uuid4().hex[:12]}"
        self._connection.execute(f"CREATE SCHEMA {schema}")
        return f"{self._url}{'&' if '?' in self._url else '?'}options=-csearch_path%3D{schema}"

    def _make_empty(self) -> str:
        return self._make()

    def _drop(self, database: str) -> None:
        self._connection.execute(f"DROP SCHEMA {schema_of(database)} CASCADE")

    def _empty(self, database: str) -> None:
        """Delete all rows, once whoever was killed while writing is gone."""
        with self._connection.transaction():
            self.rows(database, LOCK_POSTGRESQL)
            for table in reversed(self._tables(database)):
                self.rows(database, f"DELETE FROM {table}")

    def _tables(self, database: str) -> list[str]:
        """Give our tables but the engine's own, as they were made: what is referred to comes first."""
        found = self.rows(database, OUR_TABLES)
        return [name for (name,) in found]


class Citus(Postgresql):
    """The same, with tables that are spread over several servers."""

    def _make_empty(self) -> str:
        database = self._make()
        open_engine(database).close()
        distribute_database(database, shards=4)
        return database


def schema_of(database: str) -> str:
    return database.rpartition("%3D")[2]


class Raw:
    """The test's database as a program beside ours sees it."""

    def __init__(self, backend: Backend, database: str) -> None:
        self._backend, self._database = backend, database

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._backend.rows(self._database, statement, *values)

    def findings(self) -> list[tuple[Any, ...]]:
        return self._backend.findings(self._database)

    def is_empty(self) -> bool:
        return self._backend.is_empty(self._database)

    def contents(self) -> bytes:
        return self._backend.contents(self._database)

    def refuse(self, table: str) -> None:
        self._backend.refuse(self._database, table)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave other files out of the quick tests; to import them takes longer than to run these."""
    is_quick = config.option.markexpr == "quick" and collection_path.suffix == ".py"
    is_other = collection_path.name.startswith("test_") and not _is_quick(collection_path, config)
    return True if is_quick and is_other else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _is_quick(item.path, config) and "postgresql" not in item.name:
            item.add_marker(pytest.mark.quick)
        plain = item.get_closest_marker("plain")
        if ENCRYPTED and plain is not None:
            item.add_marker(pytest.mark.skip(reason=plain.args[0]))


def _is_quick(path: Path, config: pytest.Config) -> bool:
    return path.is_relative_to(config.rootpath) and (
        path.relative_to(config.rootpath).as_posix() in QUICK
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """The server, over a connection that all tests share; without one they are skipped on a laptop
    and fail in CI.
    """
    with connected(POSTGRESQL) as connection:
        backend = Postgresql(connection)
        yield backend
        backend.close()


@pytest.fixture(scope="session")
def citus() -> Iterator[Postgresql]:
    """The coordinator of a Citus cluster."""
    with connected(CITUS) as connection:
        backend = Citus(connection, CITUS)
        yield backend
        backend.close()


@contextmanager
def connected(url: str) -> Iterator[Any]:
    try:
        import psycopg  # noqa: PLC0415 - whoever has no PostgreSQL may do without its driver

        connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
    except Exception as error:  # the driver's own class cannot be named without the driver
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL at {url} (SESSION_TEST_POSTGRESQL): {error}")
    with connection:
        connection.execute(
            "SET client_min_messages = warning"
        )  # DROP ... CASCADE tells of each table
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET lock_timeout = '30s'")
        yield connection


@pytest.fixture(params=["sqlite", "postgresql", *(["citus"] if CITUS else [])])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    found: Backend = (
        Sqlite(tmp_path) if request.param == "sqlite" else request.getfixturevalue(request.param)
    )
    return found


@pytest.fixture
def database(backend: Backend) -> Iterator[str]:
    """A database on each backend in turn, in which nothing is stored."""
    with backend.empty() as database:
        yield database


@pytest.fixture
def new_database(backend: Backend) -> Iterator[str]:
    """Where a database is to be, on each backend in turn; nothing is there yet, not even tables."""
    with backend.new() as database:
        yield database


@pytest.fixture
def database_file(tmp_path: Path) -> Path:
    """Where an SQLite file is to be, for tests that are about files; nothing is there yet."""
    return tmp_path / "memory" / "sessions.db"


@pytest.fixture
def raw(backend: Backend, database: str) -> Raw:
    return Raw(backend, database)


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a script in a process of its own, with its arguments; its standard input and output are
    pipes.
    """
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def hold(spawn: Spawn) -> Hold:
    """Hold a database's write lock in another process: until the block ends, or for so many
    seconds.
    """

    @contextmanager
    def held(
        database: str | Path, *, seconds: float | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        script = HOLD_POSTGRESQL if "://" in str(database) else HOLD_SQLITE
        process = spawn(script, database, "" if seconds is None else seconds)
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if seconds is None:
            process.stdin.write("\n")
            process.stdin.flush()
        assert process.wait(timeout=30) == 0

    return held
