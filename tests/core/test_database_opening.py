"""A database is created, opened by many at once, and opened again after whoever created it was
killed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sqlite3
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from session_plugin import (
    Account,
    Chat,
    DatabaseLocked,
    DatabaseUnavailable,
    MessageEvent,
    SessionHub,
    SessionStore,
)
from session_plugin.database.opening import open_engine
from session_plugin.database.postgresql_schema import shown_url

Spawn = Callable[..., subprocess.Popen[str]]
APPLICATION_ID = 0x53504C47

OPENER = """
    import sys
    from session_plugin import SessionStore
    print("ready", flush=True)
    sys.stdin.readline()
    with SessionStore(sys.argv[1]) as store:
        store.get_or_create(sys.argv[2])
    print("done", flush=True)
"""

KILLED_WHILE_CREATING = """
    import os, signal, sys
    from session_plugin import SessionStore
    from session_plugin.database import sqlite_file

    left = int(sys.argv[2])
    connect = sqlite_file.connect

    def counting(*arguments, **options):
        connection = connect(*arguments, **options)

        def kill_at_the_last(statement):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        connection.set_trace_callback(kill_at_the_last)
        return connection

    sqlite_file.connect = counting
    SessionStore(sys.argv[1]).close()
    print("whole", flush=True)
"""


def mode_of(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def schema_of(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_the_file_its_log_and_its_index_are_for_their_owner_only(database_file: Path) -> None:
    before = os.umask(0)
    try:
        with SessionStore(database_file) as store:
            store.get_or_create("ann")
            store.list_sessions()
            assert [mode_of(f"{database_file}{suffix}") for suffix in ("", "-wal", "-shm")] == [
                0o600
            ] * 3
    finally:
        os.umask(before)


def test_an_empty_file_becomes_a_database_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.touch(mode=0o666)
    SessionStore(path).close()
    assert mode_of(path) == 0o600


def test_missing_folders_are_made_for_their_owner_only(database_file: Path) -> None:
    SessionStore(database_file).close()
    assert mode_of(database_file.parent) == 0o700


def test_without_a_path_the_database_is_in_the_users_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    SessionStore().close()
    assert [path.name for path in tmp_path.rglob("*.db")] == ["sessions.db"]


def test_a_path_may_be_text_or_a_path_of_any_characters(tmp_path: Path) -> None:
    for name in ("bot.db", "a b?mode=ro&x#y%20.db", "naïve 👍.db", "no suffix"):
        with SessionStore(str(tmp_path / name)) as store:
            session_id = store.get_or_create("ann").session_id
        with SessionStore(tmp_path / name) as store:
            assert store.get_or_create("ann").session_id == session_id
        assert (tmp_path / name).is_file()


def test_a_database_in_memory_is_gone_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SessionStore(":memory:") as store:
        store.save_message(store.get_or_create("ann").session_id, "user", "hi")
        assert [s.message_count for s in store.list_sessions()] == [1]
    with SessionStore(":memory:") as store:
        assert store.list_sessions() == []
    assert list(tmp_path.iterdir()) == []


def test_a_store_stays_with_its_file_when_the_process_changes_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SessionStore("bot.db") as store:
        store.get_or_create("ann")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert len(store.list_sessions()) == 1


def test_a_path_from_the_home_folder_is_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(here)
    SessionStore("~/bots/bot.db").close()
    SessionStore("~bot.db").close()
    assert (home / "bots" / "bot.db").is_file()
    assert [path.name for path in here.iterdir()] == ["~bot.db"]


async def test_a_hub_stays_with_its_file_when_the_process_changes_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hub = SessionHub("bot.db", load_entry_points=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with hub:
        pass
    assert (tmp_path / "bot.db").is_file()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_opening_waits_for_a_file_that_another_keeps_to_itself_no_longer_than_it_was_told_to(
    database_file: Path,
) -> None:
    SessionStore(database_file).close()
    with closing(sqlite3.connect(database_file, isolation_level=None)) as keeper:
        keeper.execute("PRAGMA locking_mode = EXCLUSIVE")
        keeper.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        with pytest.raises(DatabaseLocked):
            open_engine(database_file, busy_timeout=0.1)
        assert time.monotonic() - started < 3.0


def test_the_file_says_whose_it_is(database_file: Path) -> None:
    SessionStore(database_file).close()
    assert database_file.read_bytes()[68:72] == b"SPLG"


@pytest.mark.parametrize(
    ("setting", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)]
)
def test_what_is_committed_is_on_disk_and_checked(
    database_file: Path, setting: str, value: object
) -> None:
    """`synchronous` 2 is FULL: without it a loss of power loses what was acknowledged."""
    engine = open_engine(database_file)
    found = engine.write(lambda tx, name: tx._execute(f"PRAGMA {name}").fetchone()[0], setting)  # type: ignore[attr-defined]
    assert found.result(10) == value
    engine.close()


def test_eight_processes_may_open_a_new_database_at_once(new_database: str, spawn: Spawn) -> None:
    processes = [spawn(OPENER, new_database, number) for number in range(8)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0] for process in processes] == ["done\n"] * 8
    with SessionStore(new_database) as store:
        assert len(store.list_sessions()) == 8


@pytest.mark.parametrize("statement", [1, 2, 3, 4, 5, 6, 8, 12, 20, 30])
def test_a_database_whose_creator_was_killed_is_finished_by_the_next(
    tmp_path: Path, database_file: Path, spawn: Spawn, statement: int
) -> None:
    process = spawn(KILLED_WHILE_CREATING, database_file, statement)
    assert process.communicate(timeout=30)[0] == ""
    with SessionStore(database_file) as store:
        store.get_or_create("ann")
    SessionStore(tmp_path / "whole.db").close()
    assert schema_of(database_file) == schema_of(tmp_path / "whole.db")


def test_a_first_transaction_that_was_cut_off_is_rolled_back(tmp_path: Path) -> None:
    """Killed after its page was written and before its journal was gone."""
    source, path = tmp_path / "source.db", tmp_path / "bot.db"
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # its journal is complete at once
        connection.execute("BEGIN")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        shutil.copy(f"{source}-journal", f"{path}-journal")
        connection.execute("COMMIT")
    shutil.copy(source, path)
    with SessionStore(path) as store:
        assert store.list_sessions() == []
    assert not Path(f"{path}-journal").exists()


async def test_one_who_no_longer_waits_for_the_opening_does_not_cancel_it_for_the_others(
    database: str,
) -> None:
    hub = SessionHub(database, load_entry_points=False)
    impatient = asyncio.ensure_future(hub.identity_of("ann"))
    patient = asyncio.ensure_future(hub.identity_of("ann"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient is None
    assert impatient.cancelled()
    await hub.close()


async def test_a_hub_can_be_used_after_its_only_caller_was_cancelled_while_it_opened(
    database: str,
) -> None:
    hub = SessionHub(database, load_entry_points=False)
    impatient = asyncio.ensure_future(hub.identity_of("ann"))
    await asyncio.sleep(0)
    impatient.cancel()
    ann, chat = Account("telegram", "7"), Chat("telegram", "7")
    event = MessageEvent(chat=chat, message_id="1", role="user", text="hi", sent_at=0.0, author=ann)
    assert (await hub.record(event)).is_stored
    await hub.close()


async def test_a_hub_for_which_no_thread_begins_says_so_and_opens_when_one_does(
    database: str, monkeypatch
) -> None:
    def start(thread: threading.Thread) -> None:
        if thread.name == "session_plugin-opening":
            raise RuntimeError("can't start new thread")
        begin(thread)

    begin = threading.Thread.start
    hub = SessionHub(database, load_entry_points=False)
    async with asyncio.timeout(30):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            with pytest.raises(DatabaseUnavailable, match="can't start new thread"):
                await hub.identity_of("ann")
        assert await hub.identity_of("ann") is None
        await hub.close()


def test_who_comes_while_another_process_makes_the_schema_does_not_take_it_for_a_strangers(
    postgresql, monkeypatch
):
    psycopg = pytest.importorskip("psycopg")
    with postgresql.new() as database:
        execute, others = psycopg.Connection.execute, [database]

        def execute_late(connection, query, *arguments, **options):
            if others and "information_schema.tables" in str(query):
                open_engine(others.pop()).close()
            return execute(connection, query, *arguments, **options)

        monkeypatch.setattr(psycopg.Connection, "execute", execute_late)
        with SessionStore(database) as store:
            store.get_or_create("ann")
        assert not others


def test_a_new_database_is_announced_once_with_its_place_and_no_password(new_database, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(2):
        open_engine(new_database).close()
    shown = shown_url(new_database) if "://" in new_database else new_database
    new = [message for message in caplog.messages if "new database" in message]
    assert new == [f"new database at {shown}"]


def test_a_database_in_memory_is_not_announced(caplog):
    caplog.set_level(logging.INFO)
    open_engine(":memory:").close()
    assert caplog.messages == []
