"""The log next to an SQLite file: whose it is, what becomes of one that lost its file or that was
deleted, and who may read them.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_plugin import (
    DatabaseRefused,
    DatabaseUnavailable,
    SessionStore,
    copy_database,
)
from session_plugin.database.engine import Tx
from session_plugin.database.opening import open_engine
from session_plugin.database.sqlite_log import FRAME_HEADER_BYTES, HEADER_BYTES

KILLED = """
    import os, signal, sys
    from session_plugin import SessionStore, copy_database
    store = SessionStore(sys.argv[1])
    for number in range(int(sys.argv[2])):
        store.save_message(store.get_or_create("ann").session_id, "user", f"{number} " * 50)
        if str(number) == sys.argv[3]:
            copy_database(sys.argv[1], sys.argv[4])
    print("said", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
BESIDE = ("-wal", "-shm")


@pytest.fixture
def killed(spawn: Callable[..., Any], tmp_path: Path) -> Callable[..., Path]:
    """Let a bot say so much and be killed; its log is left. A backup may be made on the way."""

    def run(*, messages: int = 60, backup_after: int = -1, name: str = "bot.db") -> Path:
        path = tmp_path / "bot" / name
        output, _ = spawn(KILLED, path, messages, backup_after, tmp_path / "backup.db").communicate(
            timeout=60
        )
        assert output == "said\n"
        assert Path(f"{path}-wal").stat().st_size > 0
        return path

    return run


def everything_in(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def messages_in(path: Path) -> int:
    with SessionStore(path) as store:
        return len(store.get_or_create("ann").messages)


# A log without its file


@pytest.mark.parametrize("state", ["missing", "empty"])
@pytest.mark.parametrize("has_index", [True, False])
def test_a_start_while_the_file_is_away_leaves_its_log_alone(
    killed: Callable[..., Path], state: str, has_index: bool
) -> None:
    path = killed()
    path.rename(path.with_name("away"))
    if state == "empty":
        path.touch()
    if not has_index:
        Path(f"{path}-shm").unlink()
    before = everything_in(path.parent)
    with pytest.raises(DatabaseRefused, match=rf"{state}, but its log lies there: .*bot\.db-wal"):
        SessionStore(path)
    assert everything_in(path.parent) == before
    path.with_name("away").replace(path)
    assert messages_in(path) == 60


def test_a_start_without_the_file_leaves_a_rollback_journal_alone(tmp_path: Path) -> None:
    (tmp_path / "bot.db-journal").write_bytes(b"what was not finished")
    with pytest.raises(DatabaseRefused, match=r"missing, but its log lies there: .*-journal"):
        SessionStore(tmp_path / "bot.db")
    assert [one.name for one in tmp_path.iterdir()] == ["bot.db-journal"]


def test_an_empty_log_keeps_nobody_from_starting(tmp_path: Path) -> None:
    (tmp_path / "bot.db-wal").touch()
    SessionStore(tmp_path / "bot.db").close()


# A log of another file


@pytest.mark.parametrize("has_index", [True, False])
@pytest.mark.parametrize("backup_after", [0, 20, 59])
def test_a_backup_in_place_of_the_file_is_not_mixed_with_the_files_log(
    killed: Callable[..., Path], tmp_path: Path, has_index: bool, backup_after: int
) -> None:
    path = killed(backup_after=backup_after)
    shutil.copyfile(tmp_path / "backup.db", path)
    if not has_index:
        Path(f"{path}-shm").unlink()
    before = everything_in(path.parent)
    for _ in range(2):
        with pytest.raises(DatabaseRefused, match=r"bot\.db-wal is not the log of .*restore_data"):
            SessionStore(path)
    assert everything_in(path.parent) == before
    for suffix in BESIDE:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    assert messages_in(path) == backup_after + 1


def test_a_log_that_a_checkpoint_has_emptied_once_still_knows_its_file(
    killed: Callable[..., Path], tmp_path: Path
) -> None:
    """After a restart of the log, what is written first has nothing to do with the first page."""
    path = killed(messages=1500, backup_after=1400)
    shutil.copyfile(tmp_path / "backup.db", path)
    with pytest.raises(DatabaseRefused, match=r"bot\.db-wal is not the log of"):
        SessionStore(path)


def test_the_log_of_another_bot_is_not_this_ones(
    killed: Callable[..., Path], tmp_path: Path
) -> None:
    path, other = killed(), killed(name="other.db")
    for suffix in BESIDE:
        Path(f"{other}{suffix}").replace(f"{path}{suffix}")
    with pytest.raises(DatabaseRefused, match=r"bot\.db-wal is not the log of"):
        SessionStore(path)


@pytest.mark.parametrize("left", [HEADER_BYTES + FRAME_HEADER_BYTES, 1000])
def test_a_log_whose_first_page_was_not_written_to_its_end_is_no_other_files(
    killed: Callable[..., Path], left: int
) -> None:
    path = killed()
    os.truncate(f"{path}-wal", left)
    assert messages_in(path) == 0  # as a kill leaves it before the first COMMIT


def test_the_log_of_a_killed_bot_is_its_own_however_often_it_was_killed_and_erased(
    killed: Callable[..., Path],
) -> None:
    for number in range(4):
        path = killed(messages=20)
        engine = open_engine(path)
        assert engine.purge().result(30)
        engine.close()
        assert messages_in(path) == 20 * (number + 1)


def test_the_log_of_a_bot_that_was_killed_in_its_first_second_is_its_own(
    killed: Callable[..., Path],
) -> None:
    assert messages_in(killed(messages=1)) == 1


def test_a_copy_at_rest_may_lie_next_to_its_own_log(
    killed: Callable[..., Path], tmp_path: Path
) -> None:
    path = killed()
    for suffix in ("", *BESIDE):
        shutil.copyfile(f"{path}{suffix}", tmp_path / f"copy.db{suffix}")
    assert messages_in(tmp_path / "copy.db") == 60


def test_a_file_that_its_log_seems_to_damage_is_refused_with_the_log_named(
    killed: Callable[..., Path],
) -> None:
    """An old copy that is not a backup of ours cannot be told from the file of the log."""
    path = killed(messages=10)
    SessionStore(path).close()
    shutil.copyfile(path, path.with_name("old"))
    killed(messages=300)
    old = bytearray(path.with_name("old").read_bytes())
    old[4096 * 2 : 4096 * 4] = b"\xa5" * 8192
    path.write_bytes(old)
    with pytest.raises(DatabaseRefused, match=r"(?s)damaged.*bot\.db-wal belongs to the file"):
        SessionStore(path)


# A log that was deleted


def add(tx: Tx, user_id: str) -> None:
    tx.run("add_user", user_id=user_id, created_at=0.0)


def users_in(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT user_id FROM users")}


READER = """
    import sqlite3, sys
    for row in sqlite3.connect(sys.argv[1]).execute("SELECT user_id FROM users ORDER BY 1"):
        print(*row)
    """


@pytest.mark.parametrize("deleted", [("-wal",), ("-wal", "-shm")])
@pytest.mark.parametrize("is_read", [False, True])
def test_nothing_acknowledged_is_lost_with_a_log_that_is_deleted_under_a_running_bot(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    spawn: Callable[..., Any],
    deleted: tuple[str, ...],
    is_read: bool,
) -> None:
    path = tmp_path / "bot.db"
    engine = open_engine(path)
    for number in range(20):
        engine.write(add, f"user {number}").result(10)
    for suffix in deleted:
        Path(f"{path}{suffix}").unlink()
    if is_read:
        engine.read(lambda tx: tx.first("user_by_id", user_id="user 1")).exception(10)
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable, match=r"-wal was deleted or replaced.*Restart"):
            engine.write(add, "afterwards").result(10)
    lines, _ = spawn(READER, path).communicate(timeout=30)
    assert set(lines.splitlines()) == {f"user {n}" for n in range(20)}
    assert [one.levelno for one in caplog.records if one.levelno >= logging.ERROR] == [
        logging.ERROR
    ]
    engine.close()
    engine = open_engine(path)
    engine.write(add, "afterwards").result(10)
    engine.close()
    assert users_in(path) == {*(f"user {n}" for n in range(20)), "afterwards"}


def test_a_log_that_was_put_back_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    engine = open_engine(path)
    engine.write(add, "before").result(10)
    Path(f"{path}-wal").rename(tmp_path / "away")
    with pytest.raises(DatabaseUnavailable):
        engine.write(add, "meanwhile").result(10)
    (tmp_path / "away").rename(f"{path}-wal")
    engine.write(add, "afterwards").result(10)
    engine.close()
    assert users_in(path) == {"before", "afterwards"}


def test_a_log_that_another_process_has_begun_is_not_written_over(
    tmp_path: Path, spawn: Callable[..., Any]
) -> None:
    path = tmp_path / "bot.db"
    engine = open_engine(path)
    engine.write(add, "before").result(10)
    for suffix in BESIDE:
        Path(f"{path}{suffix}").unlink()
    other = """
        import sys
        from session_plugin import SessionStore
        store = SessionStore(sys.argv[1])
        store.get_or_create("other")
        print("said", flush=True)
        sys.stdin.readline()
        store.get_or_create("other's second")
        store.close()
        print("closed", flush=True)
    """
    process = spawn(other, path)
    assert process.stdout.readline() == "said\n"
    with pytest.raises(DatabaseUnavailable, match="do not end this process"):
        engine.write(add, "lost otherwise").result(10)
    output, _ = process.communicate("\n", timeout=30)
    assert output == "closed\n"
    engine.close()
    lines, _ = spawn(READER, path).communicate(timeout=30)
    assert lines.splitlines() == ["other", "other's second"]


# Who may read them


def mode_of(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


@pytest.mark.skipif(os.name != "posix", reason="has no modes")
def test_a_database_and_log_that_others_can_read_are_closed_to_them_and_reported_once(
    killed: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = killed()
    for suffix in ("", *BESIDE):
        Path(f"{path}{suffix}").chmod(0o664)
    for _ in range(2):
        with SessionStore(path) as store:
            store.get_or_create("ann")
            assert [mode_of(f"{path}{suffix}") for suffix in ("", *BESIDE)] == [0o600] * 3
    assert warnings_in(caplog) == [
        f"{path}{suffix} could be read by other users; it cannot any more"
        for suffix in ("", *BESIDE)
    ]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="gives a file to another user")
def test_a_database_of_somebody_elses_is_reported_and_left_to_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "bot.db"
    SessionStore(path).close()
    path.chmod(0o644)
    os.chown(path, 65534, 65534)
    SessionStore(path).close()
    assert mode_of(path) == 0o644
    assert [one for one in warnings_in(caplog) if f"{path} can be read by other users" in one]


@pytest.mark.skipif(os.name != "posix", reason="has no modes")
def test_another_programs_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    path.chmod(0o644)
    with pytest.raises(DatabaseRefused):
        SessionStore(path)
    assert mode_of(path) == 0o644


def test_threads_that_create_a_file_at_once_give_it_one_number(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.db" for number in range(10)]
    for path in paths:
        threads = [
            threading.Thread(target=lambda path: SessionStore(path).close(), args=(path,))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        copy_database(path, f"{path}.copy")
    numbers = set()
    for path in [*paths, *(Path(f"{path}.copy") for path in paths)]:
        with closing(sqlite3.connect(path)) as connection:
            numbers.add(connection.execute("PRAGMA schema_version").fetchone()[0])
    assert len(numbers) == 20
