"""What many rows hold travels to PostgreSQL in arrays that are encoded here, and arrives as the
driver would send it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from session_plugin import SessionHub

psycopg = pytest.importorskip("psycopg")
from session_plugin.database import postgresql_arrays  # noqa: E402 - it needs the driver

COLUMNS: list[tuple[str, list[Any]]] = [
    ("BIGINT", [0, -1, 2**63 - 1, -(2**63)]),
    ("BIGINT", [None, 7, None]),
    ("DOUBLE PRECISION", [0.1, -1e300, 3, float("inf")]),
    ("DOUBLE PRECISION", [None, 0.5]),
    ("TEXT", ["", "NULL", 'a "quoted" \\ {word}', "Łódź 👋"]),
    ("TEXT", ["the same", "the same"]),
    ("TEXT", [None, "", None]),
    ("BYTEA", [b"", b"\0\xff", b"{}"]),
    ("BYTEA", [b"1", None]),
    *((type_, [None, None]) for type_ in ("BIGINT", "DOUBLE PRECISION", "TEXT", "BYTEA")),
]


@pytest.mark.parametrize(("type_", "values"), COLUMNS)
def test_a_column_arrives_as_it_was(postgresql, type_, values):
    statement = f"SELECT CAST(%(cell)s AS {type_}[])"
    with postgresql.new() as database, psycopg.connect(database) as connection:
        postgresql_arrays.take_columns(connection)
        arrays = postgresql_arrays.columns(statement, [{"cell": value} for value in values])
        ((arrived,),) = connection.execute(statement, arrays)
    assert arrived == values


async def test_names_arrive_whatever_encoding_the_url_asks_for(postgresql, talk):
    ann = talk.account("Łucja")
    with postgresql.new() as database:
        async with SessionHub(f"{database}&client_encoding=LATIN1", load_entry_points=False) as hub:
            await hub.record(talk.said(ann, "a", author_name="Łucja"))
            await asyncio.gather(
                *(hub.record(talk.said(ann, text, author_name="Łucja")) for text in "bcd")
            )
            found = await hub.session_of(talk.direct(ann), ann).history()
    assert [(message.author_name, message.content) for message in found] == [
        ("Łucja", text) for text in "abcd"
    ]
