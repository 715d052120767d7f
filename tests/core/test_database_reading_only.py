"""A database that is opened for reading only is read, and never changed."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from session_plugin import SessionHub
from session_plugin.database.database import Database
from session_plugin.database.engine import Tx
from session_plugin.database.opening import open_engine
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable, SessionError
from session_plugin.records.people import audit
from session_plugin.records.upkeep import status
from session_plugin.testing import Talk

READ_ONLY = partial(open_engine, is_read_only=True)


def count_messages(tx: Tx) -> int:
    return status.count_messages(tx, "", threshold=100).messages


def drop_audit(tx: Tx) -> int:
    return audit.drop_old(tx, before=1e12)


async def test_what_a_running_bot_stores_is_read(
    hub: SessionHub, talk: Talk, database: str
) -> None:
    await hub.record(talk.said(talk.account("ann"), "one"))
    reading = Database(database, open_engine=READ_ONLY)

    assert await reading.read(count_messages) == 1

    await hub.record(talk.said(talk.account("ann"), "two"))
    assert await reading.read(count_messages) == 2
    reading.close()


async def test_writing_is_refused_with_what_it_was_opened_for(
    hub: SessionHub, talk: Talk, database: str
) -> None:
    await hub.record(talk.said(talk.account("ann"), "one"))
    reading = Database(database, open_engine=READ_ONLY)
    await reading.open()

    with pytest.raises(DatabaseUnavailable, match="open for reading only"):
        await reading.write(drop_audit)
    reading.close()


async def test_an_operation_that_would_write_fails_in_the_database_itself(
    hub: SessionHub, talk: Talk, database: str
) -> None:
    await hub.record(talk.said(talk.account("ann"), "one"))
    reading = Database(database, open_engine=READ_ONLY)

    with pytest.raises(SessionError, match=r"read-?\s?only"):
        await reading.read(drop_audit)
    reading.close()


async def test_no_byte_of_the_file_changes(
    new_hub: Callable[..., SessionHub], talk: Talk, database_file: Path
) -> None:
    hub = new_hub(path=database_file)
    await hub.record(talk.said(talk.account("ann"), "one"))
    await hub.close()
    before = hashlib.sha256(database_file.read_bytes()).digest()

    reading = Database(database_file, open_engine=READ_ONLY)
    assert await reading.read(count_messages) == 1
    reading.close()

    assert hashlib.sha256(database_file.read_bytes()).digest() == before


async def test_a_database_that_is_missing_is_named_and_not_made(new_database: str) -> None:
    with pytest.raises(DatabaseRefused, match=r"give the (path|URL)"):
        await Database(new_database, open_engine=READ_ONLY).open()

    assert "://" in new_database or not Path(new_database).parent.exists()


async def test_an_older_schema_is_refused_with_the_way_out(
    hub: SessionHub, talk: Talk, database_file: Path, new_hub: Callable[..., SessionHub]
) -> None:
    made = new_hub(path=database_file)
    await made.record(talk.said(talk.account("ann"), "one"))
    await made.close()
    with closing(sqlite3.connect(database_file)) as connection:
        connection.execute("PRAGMA user_version = 0")

    with pytest.raises(DatabaseRefused, match=r"older than .* start the bot"):
        await Database(database_file, open_engine=READ_ONLY).open()


@pytest.mark.parametrize("content", [b"", b"no database at all" * 20])
async def test_another_file_is_refused_and_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)

    with pytest.raises(DatabaseRefused, match="other"):
        await Database(file, open_engine=READ_ONLY).open()
    assert file.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


async def test_memory_cannot_be_read_from_another_process() -> None:
    with pytest.raises(DatabaseRefused, match="in memory"):
        await Database(":memory:", open_engine=READ_ONLY).open()
