"""Copy a whole database while it is in use: into a new SQLite file, which is a backup, or into an
empty PostgreSQL schema.

The tables and columns of both backends have the same names, so a bot can move from one to the other
by this.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from session_plugin.database.opening import located, needs_psycopg
from session_plugin.database.queries import load_queries
from session_plugin.database.sqlite import as_our_errors as as_our_file_errors
from session_plugin.database.sqlite_file import (
    MEMORY,
    READ_ONLY,
    connect,
    is_ours,
    prepare,
    to_text,
)
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable
from session_plugin.reports import OnProgress, Progress

if TYPE_CHECKING:
    from psycopg import Connection

PAGES_AT_ONCE = 1024
ROWS_AT_ONCE = 1000
BUSY_SECONDS = 30.0

SOURCES = {"summary_parts": "summary_parts JOIN segments USING (segment_no)"}
"""What a table is read from in SQLite, if not from itself: PostgreSQL has a segment's chat in its
key, too.
"""


def copy_database(
    source: str | Path, target: str | Path, *, progress: OnProgress | None = None
) -> None:
    """Copy a database as it is at this moment; it can be in use, and what is stored meanwhile is
    not in the copy.

    The secret that lies beside an SQLite file is not part of it: keep it too, or links that are
    being made fail.

    Args:
        source: A path or a `postgresql://` URL.
        target: The path of a file that is not there yet; or, from a file, the URL of an empty
            PostgreSQL schema.
        progress: Told how far it is.

    Raises:
        DatabaseRefused: there is something at the target already, or the source may not be used.
        DatabaseUnavailable: one of them cannot be read or written just now.

    Example:
        with SessionStore("bot.db") as store:
            store.get_or_create("ann")
            copy_database("bot.db", "bot-of-today.db")
    """
    where, to = located(source), located(target)
    if MEMORY in (where, to):
        raise DatabaseRefused("a database in memory is no file; give the path of one")
    if "://" not in where:
        _check_file(where)
    if "://" not in to:
        with _new_file(Path(to)) as partial:
            _schema_to_file(where, partial, progress) if "://" in where else _file_to_file(
                where, partial, progress
            )
    elif "://" not in where:
        _file_to_schema(where, to, progress)
    else:
        raise DatabaseRefused(
            "from PostgreSQL to PostgreSQL there is pg_dump; this copies to and from SQLite files"
        )


def _check_file(where: str) -> None:
    if not Path(where).exists():
        raise DatabaseUnavailable(f"{where} is not there; check the path")
    with as_our_file_errors(where):
        if not is_ours(where, BUSY_SECONDS):
            raise DatabaseRefused(f"{where} is empty, so there is nothing to copy; check the path")


@contextmanager
def _new_file(path: Path) -> Iterator[str]:
    """Make a file for its owner only, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        for each in (path, partial):
            os.close(os.open(each, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise DatabaseRefused(
            f"{error.filename} is there already; it was left as it is. Give another path."
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
        _begin_snapshot(
            source
        )  # so that no step begins anew because somebody has written since the last one
        source.backup(copy, pages=PAGES_AT_ONCE, progress=_reporting(progress))


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
        queries = load_queries("postgresql")
        for table, _, number in server.execute(queries["numbers_given_out"].encode()).fetchall():
            file.execute(load_queries("sqlite")["forget_number"], {"name": table})
            file.execute(load_queries("sqlite")["keep_number"], {"name": table, "number": number})
        file.execute("COMMIT")


def _table_to_file(server: Connection[Any], file: sqlite3.Connection, table: str) -> None:
    from psycopg import sql  # noqa: PLC0415 - `_schema` has found it

    columns = _columns(file, table)
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT INTO {_quoted(table)} ({_listed(columns)}) VALUES ({marks})"  # noqa: S608 - ours
    with server.cursor(name="copying") as rows:
        rows.itersize = ROWS_AT_ONCE
        rows.execute(
            sql.SQL("SELECT {} FROM {}").format(_identifiers(columns), sql.Identifier(table))
        )
        file.executemany(insert, rows)


def _file_to_schema(where: str, url: str, progress: OnProgress | None) -> None:
    with _schema(url, is_to_be_written=True) as server, as_our_file_errors(where):
        with closing(prepare(where, busy_timeout=BUSY_SECONDS)):
            pass  # it is ours, and has every table by now
        with closing(connect(where, busy_timeout=BUSY_SECONDS, access=READ_ONLY)) as file:
            file.text_factory = to_text
            _begin_snapshot(file)
            tables = _tables(file)
            for number, table in enumerate(tables):
                _table_to_schema(server, file, table)
                if progress is not None:
                    progress(Progress(what="tables", done=number + 1, total=len(tables)))
            numbers = dict(file.execute(load_queries("sqlite")["numbers_given_out"]).fetchall())
        queries = load_queries("postgresql")
        for table, column, _ in server.execute(queries["numbers_given_out"].encode()).fetchall():
            if numbers.get(table):
                values = {"table": table, "column": column, "number": numbers[table]}
                server.execute(queries["keep_number"].encode(), values)


def _table_to_schema(server: Connection[Any], file: sqlite3.Connection, table: str) -> None:
    from psycopg import sql  # noqa: PLC0415 - `_schema` has found it

    columns = _columns(file, table)
    if table in SOURCES:
        columns = [*columns, "chat_no"]
    select = f"SELECT {_listed(columns)} FROM {SOURCES.get(table, _quoted(table))}"  # noqa: S608 - names of our own schema
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _identifiers(columns))
    with server.cursor() as cursor, cursor.copy(into) as copy:
        for row in file.execute(select):
            copy.write_row(tuple(row))


@contextmanager
def _schema(url: str, *, is_to_be_written: bool = False) -> Iterator[Connection[Any]]:
    """Give a connection in one transaction: a snapshot to read, or alone in a schema that is
    empty.
    """
    with needs_psycopg():
        import psycopg  # noqa: PLC0415 - only who has such a URL needs it

        from session_plugin.database import postgresql, postgresql_schema  # noqa: PLC0415 - as above
    shown = postgresql_schema.safe_url(url)
    with postgresql.as_our_errors(shown):
        postgresql_schema.prepare(url, shown)
        with psycopg.connect(url, application_name="session_plugin") as server:
            if is_to_be_written:
                server.execute(load_queries("postgresql")["lock_schema"].encode())
                if (
                    server.execute(load_queries("postgresql")["is_used"].encode()).fetchone()
                    is not None
                ):
                    raise DatabaseRefused(
                        f"{shown} holds conversations already; give an empty schema of its own"
                    )
            else:
                server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                server.read_only = True
            yield server


def _tables(file: sqlite3.Connection) -> list[str]:
    """Give our tables, each after those that it refers to."""
    queries = load_queries("sqlite")
    tables = [name for (name,) in file.execute(queries["file_tables"])]
    order = TopologicalSorter(
        {
            table: {name for (name,) in file.execute(queries["table_references"], {"table": table})}
            - {table}
            for table in tables
        }
    )
    return list(order.static_order())


def _columns(file: sqlite3.Connection, table: str) -> list[str]:
    return [
        name for (name,) in file.execute(load_queries("sqlite")["table_columns"], {"table": table})
    ]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _listed(columns: list[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _identifiers(columns: list[str]) -> Any:
    from psycopg import sql  # noqa: PLC0415 - `_schema` has found it

    return sql.SQL(", ").join(map(sql.Identifier, columns))
