"""Each statement is used, exists on every backend that runs it, and is given the parameters that it
names: no fewer, and no more, which the drivers would ignore in silence.

Calls that spell a statement's parameters out are checked in the source; those that compose them are
checked while they run.
"""

from __future__ import annotations

import ast
import asyncio
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import session_plugin
from session_plugin import Keys, Retention, SessionHub, hookimpl
from session_plugin.database import postgresql, postgresql_sessions, sqlite
from session_plugin.database.opening import open_engine
from session_plugin.database.queries import load_queries, read_queries
from session_plugin.testing import Clock, Talk

PACKAGE = Path(session_plugin.__file__).parent
QUERIES = {backend: load_queries(backend) for backend in ("sqlite", "postgresql", "citus")}
NAMES = QUERIES["sqlite"].keys() | QUERIES["citus"].keys()

PARAMETER = {"sqlite": re.compile(r":([a-z_]+)"), "postgresql": re.compile(r"%\((\w+)\)s")}
PARAMETER["citus"] = PARAMETER["postgresql"]

WITH_KEYWORDS = ("first", "one", "all", "tuples", "at_once", "run", "_rows")
"""Methods that take a statement's name, then its parameters; `_rows` reads the original's file."""
KEY_STORES = frozenset(
    re.findall(r"^-- name: ([a-z_]+)", (PACKAGE / "sql/queries/key_stores.sql").read_text(), re.M)
)
"""Statements on the databases of keys, each of one backend."""
AT_ONCE = frozenset({"tail_at_once"})
"""Statements for `at_once`, which runs nothing on SQLite."""
WHERE_PLAIN = frozenset({"accounts_of_name"})
"""Statements that others stand in for where names are sealed."""
WITH_ROWS = ("all_many", "run_many", "send")
"""Methods that take a statement's name, then its parameters as mappings."""
OF_ONE_BACKEND = ("database/", "encryption/sqlite_store", "encryption/postgresql_store")
"""Modules that may use a statement which exists on a single backend."""


@dataclass(frozen=True)
class Use:
    """A place in the package's source that names a statement."""

    module: str
    query: str
    given: frozenset[str] | None
    """The parameters, where they are spelled out."""


@cache
def uses() -> tuple[Use, ...]:
    return tuple(
        use
        for path in sorted(PACKAGE.rglob("*.py"))
        for use in uses_in(path.read_text(), path.relative_to(PACKAGE).as_posix())
    )


def uses_in(source: str, module: str) -> Iterator[Use]:
    """Yield where a source names a statement. Encryption has tables of names, and runs what it is
    given: there only arguments of calls count.
    """
    nodes = list(ast.walk(ast.parse(source)))
    calls = dict(named for node in nodes if isinstance(node, ast.Call) for named in run_by(node))
    columns = {node.slice for node in nodes if isinstance(node, ast.Subscript)} - calls.keys()
    arguments = {each for node in nodes if isinstance(node, ast.Call) for each in node.args}

    for node in nodes:
        is_named = isinstance(node, ast.Constant) and node.value in NAMES and node not in columns
        if isinstance(node, ast.Constant) and (
            node in calls
            or (is_named and (node in arguments or not module.startswith("encryption/")))
        ):
            yield Use(module, node.value, calls.get(node))


def run_by(call: ast.Call) -> Iterator[tuple[ast.Constant, frozenset[str] | None]]:
    """Yield the name of the statement that a call runs, if it is one, and its parameters, if they
    are spelled out.
    """
    callee, *arguments = ast.unparse(call.func), *call.args
    receiver, _, method = callee.rpartition(".")
    query = arguments[0] if arguments else None

    if method in (*WITH_KEYWORDS, *WITH_ROWS) and isinstance(query, ast.Constant):
        if query.value in NAMES or re.search(r"\b_?tx$", receiver):
            is_spelled_out = method in WITH_KEYWORDS and all(each.arg for each in call.keywords)
            given = frozenset(each.arg or "" for each in call.keywords)
            yield query, given if is_spelled_out else None
    elif method in ("execute", "executemany") and query is not None:
        for name in looked_up_in(query):
            yield name, keys_of(*arguments[1:])
    elif callee == "_spelled_out" and isinstance(query, ast.Constant):
        yield query, frozenset(each.arg or "" for each in call.keywords)
    elif callee == "_only":  # of postgresql_schema, which gives no parameters
        yield from ((name, frozenset()) for name in arguments if isinstance(name, ast.Constant))


def looked_up_in(expression: ast.expr) -> Iterator[ast.Constant]:
    """Yield the names that are looked up in `queries` or `load_queries(...)`."""
    for node in ast.walk(expression):
        if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
            continue
        if "queries" in ast.unparse(node.value):
            yield node.slice


def keys_of(values: ast.expr | None = None) -> frozenset[str] | None:
    if values is None:
        return frozenset()
    if not isinstance(values, ast.Dict):
        return None
    return frozenset(ast.literal_eval(key) for key in values.keys if key is not None)


def names_parameters(query: str, backend: str) -> frozenset[str]:
    return frozenset(PARAMETER[backend].findall(QUERIES[backend][query]))


def test_each_statement_is_used() -> None:
    by_number = {"wrapped_key", "replace_wrapped_key"}  # under another name in the source
    assert NAMES - {use.query for use in uses()} - by_number == set()


def test_each_statement_that_is_used_exists_on_both_backends() -> None:
    missing = {
        (use.module, use.query)
        for use in uses()
        for statements in QUERIES.values()
        if use.query not in (NAMES if use.module.startswith(OF_ONE_BACKEND) else statements)
    }
    assert missing == {("records/conversation/at_once.py", query) for query in AT_ONCE}


def test_each_statement_is_given_the_parameters_that_it_names() -> None:
    wrong = [
        (use, names_parameters(use.query, backend))
        for use in uses()
        for backend, statements in QUERIES.items()
        if use.given is not None
        and use.query in statements
        and use.given != names_parameters(use.query, backend)
    ]
    assert wrong == []


OF_MESSAGE = [{"seq", "content"}]
OF_SUMMARY = [{"summary_no"}]
ROW_OF: dict[str, list[set[str]]] = {
    "content": [*OF_MESSAGE, *OF_SUMMARY],
    "text": [{"seq"}],
    "author_name": OF_MESSAGE,
    "attachments": OF_MESSAGE,
    "parts": OF_MESSAGE,
    "metadata": [*OF_MESSAGE, {"session_no"}],
    "state": [{"session_no"}, {"user_id"}],
    "vector": [{"seq"}],
    "title": [{"chat_no"}],
    "display_name": [{"account_no"}],
    "labels": [{"account_no"}],
    "asker_name": [{"asker_no"}],
    "redeemer_name": [{"redeemer_no"}],
}
"""What says of which row a private value is, under the names that statements return."""
READS = re.compile("SELECT|WITH")
ELSEWHERE = re.compile(
    r"INSERT|UPDATE [a-z]|DELETE|pragma_|sqlite_|FROM pg_|create_dist|session_messages"
    r"|channel_sessions|rowid|writers|set_config"
)
"""Of statements that write, or that read no tables of ours."""


def test_private_values_come_with_what_says_of_which_row_they_are(tmp_path: Path) -> None:
    database = tmp_path / "chats.db"
    open_engine(database).close()
    with closing(sqlite3.connect(database)) as connection:
        check_private_values(connection, "sqlite", 1)


@pytest.mark.parametrize("statements", ["postgresql", "citus"])
def test_private_values_come_with_what_says_of_which_row_they_are_on_postgresql(
    postgresql: Any, statements: str
) -> None:
    """The variants for Citus read alike on a server without it."""
    psycopg = pytest.importorskip("psycopg")
    with postgresql.empty() as database:
        open_engine(database).close()
        with closing(psycopg.connect(database)) as connection:
            check_private_values(connection, statements, None)


def check_private_values(connection: Any, statements: str, value: int | None) -> None:
    """Run what reads our tables, with a value for each parameter."""
    found = set()
    without = []
    for query, statement in QUERIES[statements].items():
        if not READS.match(statement) or ELSEWHERE.search(statement) or query in KEY_STORES:
            continue

        names = PARAMETER[statements].findall(statement)
        cursor = connection.execute(statement, dict.fromkeys(names, value))
        columns = {column[0] for column in cursor.description}
        connection.rollback()
        for column in ROW_OF.keys() & columns:
            found.add(column)
            if query != "encryption_state" and not any(key <= columns for key in ROW_OF[column]):
                without.append((query, column))

    assert found == ROW_OF.keys()
    assert without == []


Given = set[tuple[str, frozenset[str]]]
WITH_KEYS = ("encryption/", "records/upkeep/resealing")
"""Modules that run statements with encryption only; tests/encryption/ does."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Note every statement that a transaction runs, with the parameters that it is given."""
    noted: Given = set()

    def noting(method: Callable[..., Any]) -> Callable[..., Any]:
        def run(self: Any, query: str, *rows: Any, **values: Any) -> Any:
            mappings = rows[0] if rows else [values]
            for each in [mappings] if isinstance(mappings, Mapping) else mappings:
                noted.add((query, frozenset(each)))
            return method(self, query, *rows, **values)

        return run

    send_locked = postgresql_sessions.OwnSessions.send_locked

    def begin_noted(self: Any, lock: str, connection: Any, **values: Any) -> Any:
        noted.add((lock, frozenset(values)))
        return send_locked(self, lock, connection, **values)

    monkeypatch.setattr(postgresql_sessions.OwnSessions, "send_locked", begin_noted)
    for tx in (sqlite._SqliteTx, postgresql._PostgresqlTx, postgresql._ReadingTx):
        for name in ({*WITH_KEYWORDS, *WITH_ROWS} - {"one"}) & vars(tx).keys():
            monkeypatch.setattr(tx, name, noting(vars(tx)[name]))
    return noted


class Lengths:
    """Makes vectors of texts."""

    @hookimpl
    def session_embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[float(len(text)), 1.0] for text in texts]


async def test_each_statement_is_given_the_parameters_that_it_names_while_it_runs(
    given: Given,
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    clock: Clock,
    link: Callable[..., Any],
    database: str,
    tmp_path: Path,
) -> None:
    """A use that composes its parameters has to be part of what happens here."""
    ann, ann_too, bob = (
        talk.account("ann"),
        talk.account("ann", channel="telegram"),
        talk.account("bob"),
    )
    group = talk.group()
    hub = new_hub(
        Lengths(),
        retention=[Retention(days=30)],
        consolidation_threshold=4,
        encryption=Keys(secrets.token_hex(32), store=tmp_path / "bot.keys"),
    )

    for number in (1, 2):
        said_before = talk.said(ann, "hi", message_id=f"import:file:{number}")
        await hub.import_history([said_before])
    for account in (ann, ann_too, bob):
        said_first = talk.said(account, "hi")
        await hub.record(said_first)
        await hub.edit(replace(said_first, text="hello", edited_at=clock()))
    for _ in range(5):
        said = (
            talk.said(group, "hi", author=account, author_name="Ann")
            for account in (ann, bob)
            for _ in range(3)
        )
        await asyncio.gather(*map(hub.record, said))
        await hub.settle()
    view = hub.session_of(group, ann)
    await view.history()
    await view.for_model()
    await view.start_new()
    await view.previous()
    await view.search("hi")

    clock.advance(hours=25)
    await hub.record(talk.said(bob, "hi again"))
    user_id = (await link(hub, ann, ann_too)).user_id
    await hub.unread_notices(ann)
    await hub.delete(group, ["m1"])
    async for _ in hub.export(user_id):
        pass
    await hub.set_private(bob, True)
    await hub.record(talk.said(group, "hi", author=bob))
    code = await hub.request_link(ann)
    await hub.record(talk.said(group, code.code, author=ann))
    await hub.forget(user_id)
    clock.advance(days=31)
    await hub.decay(dry_run=True)
    await hub.upkeep(confirm_clock=True)
    await hub.close()

    backend = "postgresql" if "://" in database else "sqlite"
    composed = {
        use.query for use in uses() if use.given is None and not use.module.startswith(WITH_KEYS)
    } & QUERIES[backend].keys()
    assert composed - WHERE_PLAIN - {query for query, _ in given} == set()
    wrong = {
        (query, parameters, names_parameters(query, backend))
        for query, parameters in given
        if query not in AT_ONCE - QUERIES[backend].keys()
        and parameters != names_parameters(query, backend)
    }
    assert wrong == set()


def write(folder: Path, **sources: str) -> Path:
    for name, source in sources.items():
        (folder / f"{name}.sql").write_text(source)
    return folder


def test_a_variant_replaces_a_statement_on_its_backend(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        one="-- What this is about.\n\n-- name: first\n-- Why.\nSELECT 1\n\n"
        "-- name: first [postgresql]\n-- Why.\nSELECT 2\n",
        other="-- name: second [postgresql]\nSELECT\n  3\n",
    )
    assert read_queries(folder, "sqlite") == {"first": "SELECT 1"}
    assert read_queries(folder, "postgresql") == {"first": "SELECT 2", "second": "SELECT\n  3"}


@pytest.mark.parametrize("variant", ["", " [postgresql]"])
def test_two_statements_of_one_name_are_refused_with_both_files(
    tmp_path: Path, variant: str
) -> None:
    statement = f"-- name: first{variant}\nSELECT 1\n"
    folder = write(tmp_path, one=statement, other=statement)
    for backend in QUERIES:
        with pytest.raises(ValueError, match=r"first is defined in one\.sql and in other\.sql"):
            read_queries(folder, backend)


@pytest.mark.parametrize("name", ["First", "first[postgresql]", "first [Oracle]", ""])
def test_a_malformed_name_is_refused(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, one=f"-- name: {name}\nSELECT 1\n")
    with pytest.raises(ValueError, match=r"one\.sql has a malformed name: -- name:"):
        read_queries(folder, "sqlite")


COMMON = read_queries(PACKAGE / "sql" / "queries", "").keys()
HEAD = re.compile(r"(?m)^-- name: (\w+)(?: \[(\w+)\])?\n(.*)\n")


@pytest.mark.parametrize("path", sorted((PACKAGE / "sql" / "queries").glob("*.sql")), ids=str)
def test_a_file_and_each_of_its_statements_open_with_a_comment(path: Path) -> None:
    source = path.read_text()
    heads = HEAD.findall(source)
    assert source.startswith("-- ")
    assert not source.startswith("-- name:")
    assert all(below.startswith("-- ") for _, _, below in heads)
    for place, (name, backend, _) in enumerate(heads):
        if backend and name in COMMON:
            assert heads[place - 1][0] == name, f"{name} [{backend}] is not below {name}"
