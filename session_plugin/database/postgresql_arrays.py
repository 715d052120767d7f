"""Columns of many rows as PostgreSQL's arrays, in the binary form in which the server reads them
fastest.

The driver would look at each value for its type and write it as text, which takes longer than all
else that is done with a message on this side. A column's type is what the statement casts its
parameter to: `CAST(:name AS BIGINT[])`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from struct import Struct
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from session_plugin.database.engine import Value

_CAST = re.compile(r"CAST\(%\((\w+)\)s AS (BIGINT|DOUBLE PRECISION|TEXT|BYTEA)\[\]\)")
_HEAD = Struct("!iiIii")
"""How many dimensions, whether there are NULLs, the type of the elements, how many there are, the
number of the first.
"""
_LENGTH = Struct("!i")
_NULL = _LENGTH.pack(-1)


class Column:
    """The values that many rows have for one parameter, encoded."""

    __slots__ = ("array",)

    def __init__(self, type_: str, values: Sequence[Value]) -> None:
        """Encode values for a parameter of that type; text as UTF-8, which the connection has to
        speak.
        """
        oid, encode = _TYPES[type_]
        self.array = _HEAD.pack(1, None in values, oid, len(values), 1) + encode(values)


def columns(statement: str, rows: Sequence[Mapping[str, Value]]) -> dict[str, Column]:
    """Turn rows into what `statement` takes: a column for each of its arrays."""
    return {name: Column(type_, [row[name] for row in rows]) for name, type_ in _arrays(statement)}


def take_columns(connection: psycopg.Connection[Any]) -> None:
    """Let a connection's statements have columns as parameters."""
    connection.adapters.register_dumper(Column, _ColumnDumper)


class _ColumnDumper(Dumper):
    """Hands a column over as it is. Of which type it is, the statement says."""

    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        return obj.array


@cache
def _arrays(statement: str) -> tuple[tuple[str, str], ...]:
    return tuple(dict(_CAST.findall(statement)).items())


def _numbers(code: str) -> Callable[[Sequence[Any]], bytes]:
    one = Struct(f"!i{code}")

    def encode(values: Sequence[Any]) -> bytes:
        if None in values:
            return b"".join([_NULL if value is None else one.pack(8, value) for value in values])
        lengths_and_values = [8] * (2 * len(values))
        lengths_and_values[1::2] = values
        return _many(code, len(values)).pack(*lengths_and_values)

    return encode


@cache
def _many(code: str, count: int) -> Struct:
    return Struct("!" + f"i{code}" * count)


def _strings(values: Sequence[Any]) -> bytes:
    first = values[0]
    if values.count(first) == len(values):  # whose bot it is, on which channel: mostly the same
        return _string(first) * len(values)
    return b"".join([_string(value) for value in values])


def _string(value: str | bytes | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode() if isinstance(value, str) else value
    return _LENGTH.pack(len(encoded)) + encoded


_TYPES: Mapping[str, tuple[int, Callable[[Sequence[Any]], bytes]]] = {
    "BIGINT": (20, _numbers("q")),
    "DOUBLE PRECISION": (701, _numbers("d")),
    "TEXT": (25, _strings),
    "BYTEA": (17, _strings),
}
"""How the server numbers a type, for good, and how its values are written."""
