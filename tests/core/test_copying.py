"""A backup is one SQLite file with all that was stored, made while the bot runs; by it a bot moves
between the backends.
"""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing
from typing import Any

import pytest

from session_plugin import (
    Account,
    DatabaseRefused,
    DatabaseUnavailable,
    Progress,
    SessionHub,
    copy_database,
)

SECRET = "a secret that only these tests know"


async def fill(hub: SessionHub, talk: Any, link: Any) -> tuple[Account, Account]:
    """Give two people something of every kind: sessions, summaries, a link, a deletion, any text."""
    ann, bob = talk.account("ann"), talk.account("bob", channel="telegram")
    for number in range(12):
        await hub.record(talk.said(ann, f"ann {number}", metadata={"number": number}))
        await hub.record(talk.said(bob, f"bob {number} \0 \ud83d"))
    await hub.record(talk.said(talk.group(), "in a group", author=ann))
    gone = talk.said(ann, "gone")
    await hub.record(gone)
    await hub.delete(gone.chat, [gone.message_id])
    await link(hub, ann, bob)
    await hub.settle()
    return ann, bob


async def seen(hub: SessionHub, talk: Any, ann: Account) -> list[Any]:
    """What is there for readers, whatever it lies in."""
    view = hub.session_of(talk.direct(ann), ann)
    model = await view.for_model()
    messages = await view.history(limit=None, include_previous=True)
    group = await hub.session_of(talk.group(), None).history(limit=None)
    return [await hub.identity_of(ann), await view.info(), model.summary, messages, group]


@pytest.fixture
def hub(new_hub: Any) -> SessionHub:
    made: SessionHub = new_hub(consolidation_threshold=6, secret=SECRET)
    return made


async def test_a_backup_opens_as_a_hub_that_knows_the_same(hub, new_hub, talk, link, tmp_path):
    ann, _ = await fill(hub, talk, link)
    await hub.backup(tmp_path / "backup.db")
    again = new_hub(path=tmp_path / "backup.db", consolidation_threshold=6, secret=SECRET)
    assert await seen(again, talk, ann) == await seen(hub, talk, ann)


async def test_a_bot_goes_on_in_its_backup_as_if_nothing_had_happened(
    hub, new_hub, talk, link, texts, tmp_path
):
    ann, bob = await fill(hub, talk, link)
    await hub.backup(tmp_path / "backup.db")
    again = new_hub(path=tmp_path / "backup.db", consolidation_threshold=6, secret=SECRET)
    await again.record(talk.said(bob, "afterwards"))
    assert (await texts(again, ann))[-1] == "afterwards"
    await again.unlink(bob)
    assert [text[:3] for text in await texts(again, ann)] == ["ann"] * 12


async def test_a_backup_under_traffic_has_what_was_acknowledged_before(
    hub, new_hub, talk, texts, tmp_path
):
    ann, bob = talk.account("ann"), talk.account("bob")
    for number in range(300):
        await hub.record(talk.said(ann, str(number)))

    async def go_on() -> None:
        while not backup.done():
            await hub.record(talk.said(bob, "meanwhile"))

    backup = asyncio.create_task(hub.backup(tmp_path / "backup.db"))
    await go_on()
    await backup
    again = new_hub(path=tmp_path / "backup.db")
    assert await texts(again, ann) == [str(number) for number in range(300)]
    assert len(await texts(again, bob)) <= len(await texts(hub, bob))


async def test_a_backup_is_one_file_for_its_owner_only(hub, talk, link, tmp_path):
    await fill(hub, talk, link)
    folder = tmp_path / "backups"
    folder.mkdir()
    await hub.backup(folder / "backup.db")
    assert [one.name for one in folder.iterdir()] == ["backup.db"]
    assert stat.S_IMODE((folder / "backup.db").stat().st_mode) == 0o600


async def test_a_backup_replaces_nothing(hub, tmp_path):
    (tmp_path / "backup.db").write_text("something else")
    with pytest.raises(DatabaseRefused, match=r"backup\.db exists already"):
        await hub.backup(tmp_path / "backup.db")
    assert (tmp_path / "backup.db").read_text() == "something else"


async def test_a_backup_that_cannot_be_made_leaves_nothing(hub, tmp_path):
    with pytest.raises(DatabaseRefused, match="cannot be created"):
        await hub.backup(tmp_path / "nowhere" / "backup.db")
    assert not (tmp_path / "nowhere").exists()

    def stop(progress: Progress) -> None:
        raise ZeroDivisionError

    folder = tmp_path / "backups"
    folder.mkdir()
    with pytest.raises(ZeroDivisionError):
        await hub.backup(folder / "backup.db", progress=stop)
    assert list(folder.iterdir()) == []


async def test_a_backup_tells_how_far_it_is(hub, tmp_path):
    told: list[Progress] = []
    await hub.backup(tmp_path / "backup.db", progress=told.append)
    assert told[-1].done == told[-1].total


async def test_a_hub_in_memory_says_that_it_has_no_file_to_copy(new_hub, tmp_path):
    with pytest.raises(DatabaseRefused, match="in memory"):
        await new_hub(path=":memory:").backup(tmp_path / "backup.db")


# From a file into a database that is there


async def test_a_bot_moves_from_any_database_by_a_file_to_any_other(
    hub, new_hub, talk, link, tmp_path, postgresql
):
    ann, _ = await fill(hub, talk, link)
    await hub.backup(tmp_path / "backup.db")
    with postgresql.new() as database:
        copy_database(tmp_path / "backup.db", database)
        moved = new_hub(path=database, consolidation_threshold=6, secret=SECRET)
        assert await seen(moved, talk, ann) == await seen(hub, talk, ann)
        await moved.record(talk.said(ann, "afterwards"))
        assert (await seen(moved, talk, ann))[3][-1].content == "afterwards"
        await moved.close()


async def test_a_copy_says_how_much_it_holds_on_each_way(new_hub, talk, link, tmp_path, postgresql):
    hub = new_hub(path=tmp_path / "bot.db", consolidation_threshold=6, secret=SECRET)
    await fill(hub, talk, link)
    report = await hub.backup(tmp_path / "backup.db")
    with closing(sqlite3.connect(tmp_path / "bot.db")) as file:
        counts = {
            table: file.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            for table in report.rows
        }
    assert report.rows == counts
    assert (report.users, report.messages) == (2, 25)
    assert report.summaries > 0

    with postgresql.new() as database:
        assert copy_database(tmp_path / "backup.db", database) == report
        assert copy_database(database, tmp_path / "back.db") == report


async def test_no_number_is_given_out_twice_after_a_move(
    new_hub, talk, tmp_path, postgresql, database_file
):
    file, ann = new_hub(path=database_file), talk.account("ann")
    gone = talk.said(ann, "gone")
    await file.record(talk.said(ann, "stays"))
    last = (await file.record(gone)).message.seq
    await file.delete(gone.chat, [gone.message_id])
    await file.close()
    with postgresql.new() as database:
        copy_database(database_file, database)
        copy_database(database, tmp_path / "back.db")
        for path in (database, tmp_path / "back.db"):
            hub = new_hub(path=path)
            assert (await hub.record(talk.said(ann, "new"))).message.seq > last
            await hub.close()


async def test_a_schema_that_is_in_use_is_not_written_over(
    hub, talk, postgresql, database_file, new_hub
):
    await new_hub(path=database_file).record(talk.said(talk.account("ann"), "hi"))
    with postgresql.empty() as database:
        used = new_hub(path=database)
        await used.record(talk.said(talk.account("bob"), "there first"))
        with pytest.raises(DatabaseRefused, match="holds conversations already"):
            copy_database(database_file, database)
        await used.close()


def test_a_file_that_is_not_there_is_not_made_but_refused(tmp_path, postgresql):
    with postgresql.empty() as database:
        for target in (tmp_path / "copy.db", database):
            with pytest.raises(
                DatabaseUnavailable, match=r"mistyped\.db does not exist; check the path"
            ):
                copy_database(tmp_path / "mistyped.db", target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("statement", "reason"),
    [("CREATE TABLE notes (text)", "another program's"), ("SELECT 1", "is empty")],
)
def test_a_file_that_is_not_ours_is_not_copied_as_if_it_were(
    tmp_path, postgresql, statement, reason
):
    notes = tmp_path / "notes.db"
    with closing(sqlite3.connect(notes)) as connection:
        connection.execute(statement)
    before = notes.read_bytes()
    with postgresql.empty() as database:
        for target in (tmp_path / "copy.db", database):
            with pytest.raises(DatabaseRefused, match=reason):
                copy_database(notes, target)
    assert list(tmp_path.iterdir()) == [notes]
    assert notes.read_bytes() == before
