"""However a schema came to be what it is, by one opening or by several, some of them killed, it is
the same in the end.
"""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_plugin import DatabaseRefused, SessionStore
from session_plugin.database import opening, postgresql_schema, sqlite_file
from session_plugin.database.queries import load_migrations

COUNT = len(load_migrations("sqlite"))

A_LATER_MIGRATION = """-- What a version after this one may change.

ALTER TABLE users ADD COLUMN later TEXT;
CREATE INDEX users_later ON users (later);
"""

KILLED_WHILE_MIGRATING = """
    import os, signal, sqlite3, sys
    import psycopg
    from session_plugin import SessionStore
    from session_plugin.database import sqlite_file

    left = int(sys.argv[2])

    def kill_at_the_last(statement):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connect, execute = sqlite_file.connect, psycopg.Connection.execute

    def connect_counting(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(kill_at_the_last)
        return connection

    def execute_counting(self, query, *arguments, **options):
        kill_at_the_last(query)
        return execute(self, query, *arguments, **options)

    sqlite_file.connect, psycopg.Connection.execute = connect_counting, execute_counting
    SessionStore(sys.argv[1]).close()
    print("whole", flush=True)
"""


@pytest.fixture
def fresh(backend: Any) -> Any:
    """Return the schema that one opening makes."""
    with backend.new() as database:
        SessionStore(database).close()
        return backend.schema(database)


@pytest.fixture
def know(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set how many migrations are known; the one after all of today's is A_LATER_MIGRATION."""

    def set_known(number: int) -> None:
        for module in (sqlite_file, postgresql_schema):
            monkeypatch.setattr(
                module,
                "load_migrations",
                lambda backend: [*load_migrations(backend), A_LATER_MIGRATION][:number],
            )

    return set_known


def test_both_backends_have_as_many_migrations_of_the_same_names() -> None:
    folders = [
        Path(opening.__file__).parents[1] / "sql" / "migrations" / backend
        for backend in ("sqlite", "postgresql")
    ]
    ours, theirs = ([path.name for path in sorted(folder.glob("*.sql"))] for folder in folders)
    assert ours == theirs


def test_both_backends_have_the_same_tables_and_columns(
    postgresql: Any, database_file: Path, backend: Any
) -> None:
    """A segment's chat is in PostgreSQL's key of a summary's parts, so that they can be distributed
    by it.
    """
    with backend.new() as one, postgresql.new() as other:
        for database in (one, other):
            SessionStore(database).close()
        tables = [backend.tables(one), postgresql.tables(other)]
    for each in tables:
        each["summary_parts"] = [name for name in each["summary_parts"] if name != "chat_no"]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("already", range(1, COUNT + 1))
def test_a_migrated_schema_equals_a_fresh_one(
    new_database: str, backend: Any, know: Callable[[int], None], already: int
) -> None:
    know(already)
    opening.open_engine(new_database).close()
    assert backend.schema(new_database)[-1] == (already,)
    know(COUNT + 1)
    opening.open_engine(new_database).close()
    with backend.new() as fresh:
        opening.open_engine(fresh).close()
        assert backend.schema(new_database) == backend.schema(fresh)
    assert backend.schema(new_database)[-1] == (COUNT + 1,)


@pytest.mark.parametrize("statement", [5, 9, 13, 17, 21, 40, 70, 100])
def test_a_migration_that_was_killed_is_done_wholly_or_not_at_all(
    new_database: str, backend: Any, fresh: Any, spawn: Any, statement: int
) -> None:
    process = spawn(KILLED_WHILE_MIGRATING, new_database, statement)
    assert process.communicate(timeout=60)[0] in ("", "whole\n")
    assert process.returncode in (0, -signal.SIGKILL)
    with SessionStore(new_database) as store:
        store.get_or_create("ann")
    assert backend.schema(new_database) == fresh
    assert backend.findings(new_database) == []


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE users ADD COLUMN later TEXT", "ALTER TABLE users RENAME TO people"],
    ids=["what it makes is there", "what it changes is not"],
)
def test_a_file_that_a_migration_does_not_fit_is_refused_and_left_as_it_is(
    database_file: Path, know: Callable[[int], None], change: str
) -> None:
    SessionStore(database_file).close()
    with closing(sqlite3.connect(database_file)) as connection:
        connection.execute(change)
        before = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY 1").fetchall()

    know(COUNT + 1)
    with pytest.raises(DatabaseRefused, match=r"(?s)does not have the schema.*Restore a backup"):
        SessionStore(database_file)

    with closing(sqlite3.connect(database_file)) as connection:
        after = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY 1").fetchall()
        assert connection.execute("PRAGMA user_version").fetchone() == (COUNT,)
    assert after == before


def test_a_newer_schema_is_refused_and_left_as_it_is(new_database: str, backend: Any) -> None:
    SessionStore(new_database).close()
    backend.set_version(new_database, COUNT + 1)
    before = backend.schema(new_database)
    with pytest.raises(
        DatabaseRefused,
        match=rf"schema {COUNT + 1}, newer than this session_plugin knows \({COUNT}\)",
    ):
        SessionStore(new_database)
    assert backend.schema(new_database) == before


def test_opening_again_changes_nothing_in_the_schema(
    new_database: str, backend: Any, fresh: Any
) -> None:
    for _ in range(3):
        SessionStore(new_database).close()
        assert backend.schema(new_database) == fresh
