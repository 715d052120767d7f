"""The tables of `columns` and `sealing` name every statement that has to do with private values.

What a statement reads and writes is asked of the databases themselves: SQLite tells an authorizer
each column that it touches, and PostgreSQL of which column each value of a result is.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from session_plugin.database.opening import open_engine
from session_plugin.database.queries import load_queries
from session_plugin.encryption import sealing
from session_plugin.encryption.columns import CELLS, MESSAGES, PRIVATE, TUPLES, VECTORS

PARAMETER = {"sqlite": re.compile(r":([a-z_]+)"), "postgresql": re.compile(r"%\((\w+)\)s")}
INSERTED = re.compile(r"INSERT INTO (\w+)\s*\(([^)]+)\)")
COLUMNS = frozenset((table, column) for table, columns in PRIVATE.items() for column in columns)
BACKENDS = ("sqlite", "postgresql", "citus")

OPENED = MESSAGES | CELLS.keys() | TUPLES.keys() | VECTORS
"""Statements whose results are opened."""
SEALED = (
    sealing._ADDING.keys()
    | sealing._ADDING_MANY.keys()
    | sealing._CHANGING.keys()
    | sealing._WRITING.keys()
    | {"add_messages", "add_vectors", "reseal_messages", "reseal_vectors"}
)
"""Statements whose values are sealed."""
OF_THE_SEAM = frozenset(
    {"contents_of_segments", "set_private_columns", "name_accounts", "title_chats", "set_summaries"}
)
"""Statements that only the seam runs: with what it has sealed, or for what is stored as it is."""
EMPTYING = frozenset({"unname_chat", "withdraw_summaries"})
"""Statements that write a private column as empty or NULL, which are not sealed."""
OF_NULL = frozenset(
    {
        "count_messages_of_bot",
        "count_pending_consolidations",
        "count_waiting",
        "sessions_to_renew",
        "sessions_with_withdrawn",
        "summaries_in_front",
        "withdraw_summaries",
    }
)
"""Statements that look whether a summary was withdrawn: then it is NULL, which is never sealed."""
AS_STORED = frozenset(
    {
        "count_plain_elsewhere",
        "count_plain_messages",
        "count_sealed_elsewhere",
        "count_sealed_messages",
        "count_sealed_vectors",
    }
)
"""Statements that look whether cells are sealed."""


OF_OTHER_FILES = re.compile("^original_|wrapped_key|key_master|key_store")
"""Names of statements for the original library's file, or a store of keys."""
Touched = set[tuple[str, str, str]]


@pytest.fixture(scope="module")
def touched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Touched]:
    """What each statement of SQLite reads and writes of private columns."""
    database = tmp_path_factory.mktemp("statements") / "sessions.db"
    open_engine(database).close()
    found: dict[str, Touched] = {}
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.text_factory = bytes  # a constant of bytes is shown as it is
        for query, statement in load_queries("sqlite").items():
            if not OF_OTHER_FILES.search(query):
                found[query] = read_and_updated(connection, statement) | inserted(statement)

    return found


def read_and_updated(connection: sqlite3.Connection, statement: str) -> Touched:
    seen: Touched = set()
    kinds = {sqlite3.SQLITE_READ: "reads", sqlite3.SQLITE_UPDATE: "writes"}

    def note(action: int, table: str | None, column: str | None, *_: object) -> int:
        if action in kinds and (table, column) in COLUMNS:
            seen.add((kinds[action], str(table), str(column)))
        return sqlite3.SQLITE_OK

    values = dict.fromkeys(PARAMETER["sqlite"].findall(statement), 1)
    connection.set_authorizer(note)
    connection.execute(f"EXPLAIN {statement}", values).fetchall()
    connection.set_authorizer(None)
    return seen


def inserted(statement: str) -> Touched:
    """The authorizer is told of an INSERT's table only."""
    return {
        ("writes", table, column.strip())
        for table, columns in INSERTED.findall(statement)
        for column in columns.split(",")
        if (table, column.strip()) in COLUMNS
    }


def test_every_statement_that_reads_private_values_is_known(touched: dict[str, Touched]) -> None:
    reading = {
        query for query, seen in touched.items() if any(kind == "reads" for kind, *_ in seen)
    }
    assert reading > {"segment_tail", "account_by_no"}
    known = OPENED | sealing._LOOKING.keys() | OF_NULL | OF_THE_SEAM | {"add_chat", "add_vectors"}
    assert reading - known == AS_STORED
    assert reading >= OF_NULL


def test_every_statement_that_writes_private_values_is_known(touched: dict[str, Touched]) -> None:
    writing = {
        query for query, seen in touched.items() if any(kind == "writes" for kind, *_ in seen)
    }
    assert writing - (SEALED | OF_THE_SEAM | EMPTYING) == set()
    assert (SEALED | EMPTYING) - writing == set()


def test_every_statement_in_the_tables_exists_on_each_backend() -> None:
    named = OPENED | SEALED | sealing._LOOKING.keys() | OF_THE_SEAM | EMPTYING | OF_NULL
    for backend in BACKENDS:
        missing = named - load_queries(backend).keys()
        assert missing == (set() if backend != "sqlite" else {"tail_at_once"})


def test_what_is_sealed_of_a_statement_is_its_parameter() -> None:
    for backend in BACKENDS:
        statements = load_queries(backend)
        pattern = PARAMETER["sqlite" if backend == "sqlite" else "postgresql"]
        for query, cell in sealing._WRITING.items():
            assert {cell.name, *cell.row} <= set(pattern.findall(statements[query])), query
        for query, empty in sealing._CHANGING.items():
            given = set(pattern.findall(statements[query]))
            assert {"chat_no", "seq"} <= given, query
            assert not empty.keys() & given, query


Columns = list[tuple[str, str]]
"""Name and origin, `table.column`, of each column of a result; the origin of what is computed is
empty.
"""
IDENTITY = {
    "chat_no": {"chats.chat_no", "segments.chat_no", "messages.chat_no"},
    "seq": {"summaries.summary_no"},
    "asker_no": {"link_requests.asker_no"},
    "redeemer_no": {"link_requests.redeemer_no"},
}
"""Where a column that says of which row a cell is may come from, if not from the cell's table."""


@pytest.fixture(scope="module")
def results(postgresql: Any) -> Iterator[dict[tuple[str, str], Columns]]:
    """The columns of each result that PostgreSQL says of which columns of ours they are, by the
    set of statements and the name; those for Citus read alike on a server without it.
    """
    psycopg = pytest.importorskip("psycopg")
    with postgresql.new() as database:
        open_engine(database).close()
        with psycopg.connect(database) as connection:
            origins = origins_of_columns(connection)
            yield {
                (backend, query): columns_of(connection, statement, origins)
                for backend in ("postgresql", "citus")
                for query, statement in load_queries(backend).items()
                if READS.match(statement) and not ELSEWHERE.search(statement)
            }


READS = re.compile("SELECT|WITH")
ELSEWHERE = re.compile(
    r"INSERT|UPDATE [a-z]|DELETE|sqlite_|pragma_|FROM pg_|create_dist|citus|rowid|writers|nextval"
    r"|set_config|channel_sessions|session_messages|session_plugin_keys|key_store|pg_advisory"
)
"""Of statements that write, or that read no tables of ours."""


def origins_of_columns(connection: Any) -> dict[tuple[int, int], str]:
    rows = connection.execute(
        """SELECT CAST(attrelid AS BIGINT), CAST(attnum AS BIGINT), relname || '.' || attname
        FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
        WHERE c.relnamespace = CAST(current_schema() AS regnamespace)"""
    ).fetchall()
    return {(table, column): name for table, column, name in rows}


def columns_of(connection: Any, statement: str, origins: dict[tuple[int, int], str]) -> Columns:
    values = dict.fromkeys(PARAMETER["postgresql"].findall(statement))
    cursor = connection.execute(statement, values)
    result = cursor.pgresult
    found = [
        (column.name, origins.get((result.ftable(at), result.ftablecol(at)), ""))
        for at, column in enumerate(cursor.description or ())
    ]
    connection.rollback()

    return found


def private_of(columns: Columns) -> dict[str, str]:
    return {name: origin for name, origin in columns if tuple(origin.split(".")) in COLUMNS}


def test_the_results_of_all_statements_that_are_opened_are_checked(
    results: dict[tuple[str, str], Columns],
) -> None:
    assert {query for _, query in results} >= OPENED
    assert any(private_of(columns) for columns in results.values())


def test_no_other_statement_has_a_private_value_in_its_result(
    results: dict[tuple[str, str], Columns],
) -> None:
    others = {
        query: private_of(columns)
        for (_, query), columns in results.items()
        if query not in OPENED and query not in OF_THE_SEAM
    }
    assert {query: found for query, found in others.items() if found} == {}


def test_private_columns_of_messages_are_opened_under_the_names_that_results_have(
    results: dict[tuple[str, str], Columns],
) -> None:
    for (_, query), columns in results.items():
        if query in MESSAGES:
            found = private_of(columns)
            assert found["content"] == "messages.content", query
            assert all(origin == f"messages.{name}" for name, origin in found.items()), query
            assert ("seq", "messages.seq") in columns, query


def test_cells_are_opened_under_the_names_that_results_have(
    results: dict[tuple[str, str], Columns],
) -> None:
    for (backend, query), columns in results.items():
        if query not in CELLS:
            continue
        cells = CELLS[query]
        assert private_of(columns) == {cell.name: cell.column for cell in cells}, query
        origins = dict(columns)
        given = PARAMETER["postgresql"].findall(load_queries(backend)[query])
        for cell in cells:
            assert set(cell.row) <= origins.keys() | set(given), query
            table = cell.column.split(".", maxsplit=1)[0]
            for name in origins.keys() & set(cell.row):
                known = {f"{table}.{name}", *IDENTITY.get(name, ())}
                assert origins[name] in known, query


def test_columns_are_opened_at_the_positions_that_results_have(
    results: dict[tuple[str, str], Columns],
) -> None:
    for (_, query), columns in results.items():
        if query not in TUPLES:
            continue
        at = TUPLES[query]
        table = {"title": "chats"}
        found = {}
        for name in (one.name for one in fields(at)):
            position = getattr(at, name)
            if position is not None:
                found[name] = columns[position][1]
        private = [origin for _, origin in columns if tuple(origin.split(".")) in COLUMNS]
        listed = {name for name in found if (table.get(name, "messages"), name) in COLUMNS}
        for name, origin in found.items():
            known = {f"{table.get(name, 'messages')}.{name}", *IDENTITY.get(name, ())}
            assert origin in known, (query, name)
        assert len(private) == len(listed), query


def test_results_have_the_same_columns_on_both_backends(
    results: dict[tuple[str, str], Columns], tmp_path: Path
) -> None:
    """So that what is checked with PostgreSQL is so with SQLite."""
    database = tmp_path / "sessions.db"
    open_engine(database).close()
    statements = load_queries("sqlite")
    with closing(sqlite3.connect(database)) as connection:
        for (_, query), columns in results.items():
            if query in OPENED and query in statements:
                values = dict.fromkeys(PARAMETER["sqlite"].findall(statements[query]), 1)
                cursor = connection.execute(statements[query], values)
                names = [column[0] for column in cursor.description]
                assert [name.partition("(")[0].lower() for name in names] == [
                    name for name, _ in columns
                ], query
