"""Copy a database while it is in use, to a new SQLite file or to an empty PostgreSQL schema.

A copy to a file is a backup. Both backends have the same names of tables and columns, so a copy
also moves a bot from one to the other.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from session_plugin.database.opening import check_scheme, located, needs_psycopg
from session_plugin.database.queries import load_queries
from session_plugin.database.server_url import read_url
from session_plugin.database.sqlite_errors import as_our_errors as as_our_file_errors
from session_plugin.database.sqlite_file import (
    MEMORY,
    READ_ONLY,
    UNTOUCHED,
    check_copy,
    connect,
    is_ours,
    prepare,
    refuse_log_of_another,
    to_text,
)
from session_plugin.database.sqlite_log import number_file
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable
from session_plugin.reports import CopyReport, OnProgress, Progress

if TYPE_CHECKING:
    from psycopg import Connection

PAGES_AT_ONCE = 1024
ROWS_AT_ONCE = 1000
BUSY_SECONDS = 30.0

SOURCES = {"summary_parts": "summary_parts JOIN segments USING (segment_no)"}
"""What a table is read from in SQLite, if not from itself. In PostgreSQL, the key of this table
also has the chat of the segment.
"""


def copy_database(
    source: str | Path, target: str | Path, *, progress: OnProgress | None = None
) -> CopyReport:
    """Copy a database as it is now; it may be in use, and later changes are not in the copy.

    The secret file next to an SQLite database is not copied. Back it up as well: where anybody was
    forgotten, the copy is refused without it. `restore_database` puts a copy in place.

    Args:
        source: A path or a `postgresql://` URL.
        target: The path of a file that does not exist; or, if the source is a file, the URL of an
            empty PostgreSQL schema.
        progress: Called with a `Progress` now and then.

    Returns:
        How many rows of each table are in the copy.

    Raises:
        DatabaseRefused: the target exists already, or the source cannot be used.
        DatabaseUnavailable: one of them cannot be read or written at the moment.

    Example:
        with SessionStore("bot.db") as store:
            store.get_or_create("ann")
            report = copy_database("bot.db", "bot-of-today.db")
            print(f"{report.messages} messages were copied")
    """
    where, to = located(source), located(target)
    if MEMORY in (where, to):
        raise DatabaseRefused("a database in memory cannot be copied; give the path of a file")

    is_from_server, is_to_server = "://" in where, "://" in to
    if is_from_server and is_to_server:
        raise DatabaseRefused(
            "copy_database copies to or from an SQLite file; use pg_dump to copy from PostgreSQL "
            "to PostgreSQL"
        )

    if not is_from_server:
        _check_file(where)

    if is_to_server:
        return CopyReport(rows=_file_to_schema(where, to, progress))

    copy = _schema_to_file if is_from_server else _file_to_file
    with _new_file(Path(to)) as partial:
        copy(where, partial, progress)
        return CopyReport(rows=_rows_in(partial))


def _rows_in(partial: str) -> dict[str, int]:
    """Return how many rows each table of a file has."""
    with (
        as_our_file_errors(partial),
        closing(connect(partial, busy_timeout=BUSY_SECONDS, access=UNTOUCHED)) as file,
    ):
        counts = {table: f"SELECT COUNT(*) FROM {_quoted(table)}" for table in _tables(file)}  # noqa: S608 - ours
        return {table: file.execute(count).fetchone()[0] for table, count in counts.items()}


def _check_is_file(where: str) -> None:
    if not Path(where).exists():
        raise DatabaseUnavailable(f"{where} does not exist; check the path")
    if not Path(where).is_file():  # opening a pipe would wait for somebody who writes to it
        raise DatabaseRefused(f"{where} is not a file; give the path of the database")


def _check_file(where: str) -> None:
    _check_is_file(where)
    with as_our_file_errors(where):
        if not is_ours(where, BUSY_SECONDS):
            raise DatabaseRefused(f"{where} is empty, so there is nothing to copy; check the path")


@contextmanager
def _new_file(path: Path) -> Iterator[str]:
    """Create a file that only its owner can read; an error in the block removes it.

    Yields:
        The path of a temporary file, which replaces `path` at the end.

    Raises:
        DatabaseRefused: one of the two files exists already, or cannot be created.
    """
    partial = path.with_name(path.name + ".partial")

    try:
        for each in (path, partial):
            os.close(os.open(each, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise DatabaseRefused(
            f"{error.filename} exists already; it was left as it is. Give another path."
        ) from error
    except OSError as error:
        raise DatabaseRefused(
            f"{path} cannot be created: {error.strerror}; check the folder and its permissions"
        ) from error

    try:
        yield str(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise


def _file_to_file(where: str, partial: str, progress: OnProgress | None) -> None:
    with (
        as_our_file_errors(where),
        closing(connect(where, busy_timeout=BUSY_SECONDS, access=READ_ONLY)) as source,
        closing(connect(partial, busy_timeout=BUSY_SECONDS)) as copy,
    ):
        _begin_snapshot(source)  # without it, each write by others restarts the backup
        source.backup(copy, pages=PAGES_AT_ONCE, progress=_reporting(progress))
        number_file(copy)  # the source's log must not be taken for the copy's


def copy_file(where: str, to: str) -> None:
    """Copy one of our files, which may have a log of its own, into an empty one, and check it.

    Raises:
        DatabaseRefused: it is not ours, newer than this version or damaged, or the log next to it
            belongs to another file.
    """
    _check_is_file(where)
    refuse_log_of_another(where, BUSY_SECONDS)
    _check_file(where)

    has_log = Path(f"{where}-wal").exists()
    with (
        closing(
            connect(where, busy_timeout=BUSY_SECONDS, access=READ_ONLY if has_log else UNTOUCHED)
        ) as source,
        closing(connect(to, busy_timeout=BUSY_SECONDS)) as copy,
    ):
        source.backup(copy)
        number_file(copy)

    check_copy(to, where)


def _begin_snapshot(file: sqlite3.Connection) -> None:
    file.execute("BEGIN")
    file.execute(load_queries("sqlite")["file_tables"]).fetchall()


def _reporting(progress: OnProgress | None) -> Callable[[int, int, int], None] | None:
    if progress is None:
        return None

    return lambda _, remaining, total: progress(
        Progress(what="pages", done=total - remaining, total=total)
    )


def _schema_to_file(url: str, partial: str, progress: OnProgress | None) -> None:
    with (
        _schema(url) as server,
        as_our_file_errors(partial),
        closing(prepare(partial, busy_timeout=BUSY_SECONDS)) as file,
    ):
        file.execute("BEGIN IMMEDIATE")
        file.execute("PRAGMA defer_foreign_keys = ON")

        tables = _tables(file)
        for number, table in enumerate(tables):
            _table_to_file(server, file, table)
            if progress is not None:
                progress(Progress(what="tables", done=number + 1, total=len(tables)))

        _numbers_to_file(server, file)
        file.execute("COMMIT")


def _numbers_to_file(server: Connection[Any], file: sqlite3.Connection) -> None:
    """Copy the highest number used in each table, so that none is used again."""
    queries = load_queries("sqlite")

    given_out = load_queries("postgresql")["numbers_given_out"].encode()
    for table, _, number in server.execute(given_out).fetchall():
        file.execute(queries["forget_number"], {"name": table})
        file.execute(queries["keep_number"], {"name": table, "number": number})


def _table_to_file(server: Connection[Any], file: sqlite3.Connection, table: str) -> None:
    from psycopg import sql  # noqa: PLC0415 - `_schema` has imported it

    columns = _columns(file, table)
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT INTO {_quoted(table)} ({_listed(columns)}) VALUES ({marks})"  # noqa: S608 - ours
    select = sql.SQL("SELECT {} FROM {}").format(_identifiers(columns), sql.Identifier(table))

    with server.cursor(name="copying") as rows:
        rows.itersize = ROWS_AT_ONCE
        rows.execute(select)
        file.executemany(insert, rows)


def _file_to_schema(where: str, url: str, progress: OnProgress | None) -> dict[str, int]:
    rows: dict[str, int] = {}
    with _schema(url, is_to_be_written=True) as server, as_our_file_errors(where):
        with closing(prepare(where, busy_timeout=BUSY_SECONDS)):
            pass  # migrates an older file, so that it has every table

        with closing(connect(where, busy_timeout=BUSY_SECONDS, access=READ_ONLY)) as file:
            file.text_factory = to_text
            _begin_snapshot(file)

            tables = _tables(file)
            for number, table in enumerate(tables):
                rows[table] = _table_to_schema(server, file, table)
                if progress is not None:
                    progress(Progress(what="tables", done=number + 1, total=len(tables)))

            _numbers_to_schema(server, file)

    return rows


def _numbers_to_schema(server: Connection[Any], file: sqlite3.Connection) -> None:
    """Copy the highest number used in each table, so that none is used again."""
    queries = load_queries("postgresql")
    numbers = dict(file.execute(load_queries("sqlite")["numbers_given_out"]).fetchall())

    for table, column, _ in server.execute(queries["numbers_given_out"].encode()).fetchall():
        if numbers.get(table):
            server.execute(
                queries["set_sequence"].encode(),
                {"table": table, "column": column, "number": numbers[table]},
            )


def _table_to_schema(server: Connection[Any], file: sqlite3.Connection, table: str) -> int:
    """Copy a table, and return how many rows the server took."""
    from psycopg import sql  # noqa: PLC0415 - `_schema` has imported it

    columns = _columns(file, table)
    if table in SOURCES:
        columns = [*columns, "chat_no"]

    select = f"SELECT {_listed(columns)} FROM {SOURCES.get(table, _quoted(table))}"  # noqa: S608 - ours
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _identifiers(columns))
    with server.cursor() as cursor:
        with cursor.copy(into) as copy:
            for row in file.execute(select):
                copy.write_row(tuple(row))

        return cursor.rowcount


@contextmanager
def _schema(url: str, *, is_to_be_written: bool = False) -> Iterator[Connection[Any]]:
    """Yield a connection in one transaction, which is committed at the end.

    It is a snapshot for reading, or it has an empty schema to itself.

    Raises:
        DatabaseRefused: the schema cannot be used, or is to be written and not empty.
    """
    check_scheme(url)
    with needs_psycopg():
        import psycopg  # noqa: PLC0415 - only needed for such a URL

        from session_plugin.database import postgresql_errors, postgresql_schema  # noqa: PLC0415

    shown = postgresql_schema.shown_url(url)
    at = read_url(url)
    queries = load_queries("postgresql")

    with postgresql_errors.as_our_errors(shown):
        postgresql_schema.prepare(at, shown)
        with psycopg.connect(
            at.direct,
            application_name="session_plugin",
            autocommit=True,
            prepare_threshold=None,
            **postgresql_schema.primary_only(at.direct),
        ) as server:
            if not is_to_be_written:
                server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                server.read_only = True

            with postgresql_schema.transaction(server, at):
                if is_to_be_written:
                    server.execute(queries["lock_schema"].encode())
                    if server.execute(queries["is_used"].encode()).fetchone() is not None:
                        raise DatabaseRefused(
                            f"{shown} holds conversations already; give an empty schema of its own"
                        )

                yield server


def _tables(file: sqlite3.Connection) -> list[str]:
    """Return our tables, each after those to which it refers."""
    queries = load_queries("sqlite")
    references = {}

    for (table,) in file.execute(queries["file_tables"]).fetchall():
        rows = file.execute(queries["table_references"], {"table": table})
        references[table] = {name for (name,) in rows} - {table}

    return list(TopologicalSorter(references).static_order())


def _columns(file: sqlite3.Connection, table: str) -> list[str]:
    return [
        name for (name,) in file.execute(load_queries("sqlite")["table_columns"], {"table": table})
    ]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _listed(columns: list[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _identifiers(columns: list[str]) -> Any:
    from psycopg import sql  # noqa: PLC0415 - `_schema` has imported it

    return sql.SQL(", ").join(map(sql.Identifier, columns))
