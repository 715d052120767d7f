"""Read the statements in sql/queries/ by name, and the migrations in sql/migrations/.

A statement stands below `-- name: its_name`; comment lines between the two are for readers. A
variant directly below it, under `-- name: its_name [backend]`, replaces it on that backend. A
statement that only one backend needs has no other form.

Parameters are written `:name`. Content, metadata and other JSON are stored and read as bytes, so
that a cell which is not valid text costs itself and not its row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

LAYERS: Mapping[str, tuple[str | None, ...]] = {"citus": (None, "postgresql", "citus")}
"""The variants that a backend takes, the later ones first, where they are not just its own."""

_FOLDER = Path(__file__).parents[1] / "sql"
_HEAD = re.compile(r"^-- name:(?P<text>.*)$", re.MULTILINE)
_NAME = re.compile(r" (?P<name>[a-z_]+)(?: \[(?P<backend>[a-z]+)\])?")
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


@cache
def load_queries(backend: str) -> Mapping[str, str]:
    """Return the statements for one backend by name, with parameters as its driver takes them."""
    named = read_queries(_FOLDER / "queries", backend)
    if backend != "sqlite":
        return {
            name: _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))
            for name, statement in named.items()
        }

    return named


def read_queries(folder: Path, backend: str) -> dict[str, str]:
    """Return the statements for one backend by name, from all .sql files in a folder.

    Raises:
        ValueError: a name is malformed, or two statements have the same one.
    """
    found: dict[tuple[str, str | None], str] = {}
    origins: dict[tuple[str, str | None], str] = {}

    for file in _sql_files(folder):
        for key, statement in _named_statements(file):
            if key in origins:
                raise ValueError(f"{key[0]} is defined in {origins[key]} and in {file.name}")
            origins[key], found[key] = file.name, statement

    named: dict[str, str] = {}
    for layer in LAYERS.get(backend, (None, backend)):
        named |= {name: statement for (name, of), statement in found.items() if of == layer}

    return named


def _named_statements(file: Path) -> Iterator[tuple[tuple[str, str | None], str]]:
    source = file.read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(source))
    ends = [head.start() for head in heads[1:]] + [len(source)]

    for head, end in zip(heads, ends, strict=True):
        name = _NAME.fullmatch(head["text"])
        if name is None:
            raise ValueError(f"{file.name} has a malformed name: {head[0]}")
        body = _COMMENT.sub("", source[head.end() + 1 : end]).strip()
        yield (name["name"], name["backend"]), body


def load_migrations(backend: str) -> list[str]:
    """Return the migrations of one backend in order, from number 1. They are append-only."""
    folder = _FOLDER / "migrations" / backend
    return [file.read_text(encoding="utf-8") for file in _sql_files(folder)]


def statements(script: str, *, is_complete: Callable[[str], bool]) -> Iterator[str]:
    """Split a script into statements, so that they can share one transaction."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if is_complete(pending):
            yield pending
            pending = ""


def _sql_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.sql"))
