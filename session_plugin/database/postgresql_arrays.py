"""The values of many rows as PostgreSQL arrays, in the server's binary format.

The driver would inspect the type of each value and write it as text, which takes longer than all
other work on a message on this side. The type of an array is the one to which the statement casts
its parameter: `CAST(:name AS BIGINT[])`.
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
"""Dimensions, whether there are NULLs, type of the elements, their number, index of the first."""
_LENGTH = Struct("!i")
_NULL = _LENGTH.pack(-1)


class Column:
    """The encoded values of one parameter for many rows."""

    __slots__ = ("array",)

    def __init__(self, type_: str, values: Sequence[Value]) -> None:
        """Encode values for a parameter of a type.

        Args:
            type_: One of the keys of `_TYPES`.
            values: A value for each row. Text is encoded as UTF-8, so that has to be the encoding
                of the connection.
        """
        oid, encode = _TYPES[type_]
        self.array = _HEAD.pack(1, None in values, oid, len(values), 1) + encode(values)


def columns(statement: str, rows: Sequence[Mapping[str, Value]]) -> dict[str, Column]:
    """Return a column for each array parameter of `statement`."""
    return {name: Column(type_, [row[name] for row in rows]) for name, type_ in _arrays(statement)}


def take_columns(connection: psycopg.Connection[Any]) -> None:
    """Register `Column` with a connection, so that its statements accept columns."""
    connection.adapters.register_dumper(Column, _ColumnDumper)


class _ColumnDumper(Dumper):
    """Passes a column to the server unchanged; its type is the one in the statement."""

    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        return obj.array


@cache
def _arrays(statement: str) -> tuple[tuple[str, str], ...]:
    return tuple(dict(_CAST.findall(statement)).items())


def _numbers(code: str) -> Callable[[Sequence[Any]], bytes]:
    single = Struct(f"!i{code}")

    def encode(values: Sequence[Any]) -> bytes:
        if None in values:
            return b"".join([_NULL if value is None else single.pack(8, value) for value in values])

        lengths_and_values = [8] * (2 * len(values))
        lengths_and_values[1::2] = values
        return _many(code, len(values)).pack(*lengths_and_values)

    return encode


@cache
def _many(code: str, count: int) -> Struct:
    return Struct("!" + f"i{code}" * count)


def _strings(values: Sequence[Any]) -> bytes:
    first = values[0]
    if values.count(first) == len(values):  # the usual case for a bot's name or a channel
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
"""The server's permanent number of each type, and the encoder of its values."""
