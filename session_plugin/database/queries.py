"""Read sql/queries.sql: every statement of the house, by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (?P<name>[a-z_]+)(?: \[(?P<backend>[a-z]+)\])?$", re.MULTILINE)

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


@cache
def load_queries(backend: str) -> Mapping[str, str]:
    """Give the statements for one backend.

    A statement stands under `-- name: something`; a variant under `-- name: something [backend]`
    replaces it there. Parameters are :named, as SQLite's driver takes them; for PostgreSQL's they
    are rewritten.
    """
    source = (files("session_plugin") / "sql" / "queries.sql").read_text(encoding="utf-8")
    heads = list(_NAME.finditer(source))
    ends = [head.start() for head in heads[1:]] + [len(source)]
    common: dict[str, str] = {}
    variants: dict[str, str] = {}
    for head, end in zip(heads, ends, strict=True):
        name, body = head["name"], source[head.end() : end].strip()
        target = common if head["backend"] is None else variants
        if head["backend"] not in (None, backend):
            continue
        if name in target:
            raise ValueError(f"sql/queries.sql names {name} twice")
        target[name] = body
    named = common | variants
    if backend == "postgresql":
        named = {
            name: _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))
            for name, statement in named.items()
        }
    return named


def load_migrations(backend: str) -> list[str]:
    """Give the migrations of one backend in order; the first is number 1. They are append-only."""
    folder = files("session_plugin") / "sql" / "migrations" / backend
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def statements(script: str, *, is_complete: Callable[[str], bool]) -> Iterator[str]:
    """Split a script into statements, so that they can share one transaction."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if is_complete(pending):
            yield pending
            pending = ""
