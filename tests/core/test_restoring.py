"""A backup is put in the place of a database, and a database whose secret is lost is not opened with
another one in silence.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_plugin import (
    DatabaseRefused,
    DatabaseUnavailable,
    SessionHub,
    SessionStore,
    accept_lost_secret,
    copy_database,
    restore_database,
)

KILLED = """
    import os, signal, sys
    from session_plugin import SessionStore
    store = SessionStore(sys.argv[1], consolidation_threshold=10_000)
    for number in range(300):
        store.save_message(store.get_or_create("ann").session_id, "user", f"{number} " * 50)
    os.kill(os.getpid(), signal.SIGKILL)
"""
SECRET = "what only these tests know"


def say(path: Path, *texts: str) -> None:
    with SessionStore(path) as store:
        session_id = store.get_or_create("ann").session_id
        for text in texts:
            store.save_message(session_id, "user", text)


def said_in(path: Path) -> list[str]:
    with SessionStore(path, consolidation_threshold=10_000) as store:
        return [message.content for message in store.get_or_create("ann").messages]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot" / "bot.db"


@pytest.fixture
def backup(path: Path, tmp_path: Path) -> Path:
    """A backup of a database in which more was said afterwards."""
    say(path, "early")
    copy_database(path, tmp_path / "backup.db")
    say(path, "late")
    return tmp_path / "backup.db"


# Restoring


def test_a_backup_is_put_in_place_of_a_killed_bots_database(
    path: Path, backup: Path, spawn: Callable[..., Any]
) -> None:
    spawn(KILLED, path).communicate(timeout=60)
    assert Path(f"{path}-wal").stat().st_size > 0
    moved = restore_database(backup, path)
    assert [one.name.partition(".before-")[0] for one in moved] == ["bot.db"] * 3
    assert [one.name for one in path.parent.iterdir() if one not in moved] == ["bot.db"]
    assert said_in(path) == ["early"]
    assert len(said_in(moved[0])) > 250


def test_a_backup_is_put_in_place_after_somebody_has_done_so_by_hand(
    path: Path, backup: Path, spawn: Callable[..., Any]
) -> None:
    spawn(KILLED, path).communicate(timeout=60)
    shutil.copyfile(backup, path)
    with pytest.raises(DatabaseRefused, match="restore_database"):
        SessionStore(path)
    restore_database(backup, path)
    assert said_in(path) == ["early"]


def test_a_backup_is_put_where_there_is_none_and_a_log_was_left(
    path: Path, backup: Path, spawn: Callable[..., Any]
) -> None:
    spawn(KILLED, path).communicate(timeout=60)
    path.unlink()
    restore_database(backup, path)
    assert said_in(path) == ["early"]


def test_a_restored_database_is_one_file_for_its_owner_only(path: Path, backup: Path) -> None:
    backup.chmod(0o644)
    restore_database(backup, path.with_name("other.db"))
    assert stat.S_IMODE(path.with_name("other.db").stat().st_mode) == 0o600
    assert sorted(one.name for one in path.parent.iterdir()) == ["bot.db", "other.db"]
    assert sorted(one.name for one in backup.parent.iterdir()) == ["backup.db", "bot"]


def test_restores_within_one_second_move_nothing_over_anything(path: Path, backup: Path) -> None:
    moved = [one for _ in range(3) for one in restore_database(backup, path)]
    assert len({*moved}) == len(moved) == 3
    assert [said_in(one) for one in moved] == [["early", "late"], ["early"], ["early"]]


def test_a_backup_with_its_own_log_brings_what_is_in_it(
    path: Path, tmp_path: Path, spawn: Callable[..., Any]
) -> None:
    spawn(KILLED, tmp_path / "killed.db").communicate(timeout=60)
    restore_database(tmp_path / "killed.db", path)
    assert len(said_in(path)) > 250


def test_a_database_that_is_open_is_not_restored_over(
    path: Path, backup: Path, spawn: Callable[..., Any]
) -> None:
    with SessionStore(path), pytest.raises(DatabaseRefused, match=r"bot\.db is open; stop the bot"):
        restore_database(backup, path)
    process = spawn(
        "import sys; from session_plugin import SessionStore; store = SessionStore(sys.argv[1]);"
        "print('open', flush=True); sys.stdin.readline()",
        path,
    )
    assert process.stdout.readline() == "open\n"
    with pytest.raises(DatabaseRefused, match=r"bot\.db is open; stop the bot"):
        restore_database(backup, path)
    process.communicate("\n", timeout=30)
    assert said_in(path) == ["early", "late"]
    restore_database(backup, path)
    assert said_in(path) == ["early"]


@pytest.mark.parametrize("what", ["text", "damaged", "missing", "folder", "pipe", "itself", "url"])
def test_what_is_no_backup_changes_nothing(path: Path, backup: Path, what: str) -> None:
    source: Any = backup
    if what == "text":
        backup.write_text("no database " * 100)
    elif what == "damaged":
        with backup.open("r+b") as file:
            file.seek(4096 * 3)
            file.write(b"\xa5" * 8192)
    elif what == "missing":
        backup.unlink()
    elif what == "folder":
        source = backup.parent
    elif what == "pipe":
        source = backup.with_name("pipe.db")
        os.mkfifo(source)
    elif what == "itself":
        source = path.parent / "." / path.name
    else:
        source = "postgresql://bot:hunter2@127.0.0.1:1/bot"
    before = {one.name: one.read_bytes() for one in path.parent.iterdir()}
    reasons = r"damaged|does not exist|is not a file|itself|not a URL"
    with pytest.raises(Exception, match=reasons) as caught:
        restore_database(source, path)
    assert type(caught.value).__name__ in ("DatabaseRefused", "DatabaseUnavailable")
    assert "hunter2" not in str(caught.value)
    assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == before


@pytest.mark.parametrize("what", ["folder", "another program's", "pipe"])
def test_what_is_no_database_is_not_restored_over(path: Path, backup: Path, what: str) -> None:
    target = path.parent
    if what == "another program's":
        target = path.with_name("other.db")
        with closing(sqlite3.connect(target)) as other:
            other.execute("CREATE TABLE notes (note TEXT)")
    elif what == "pipe":
        target = path.with_name("pipe.db")
        os.mkfifo(target)

    before = sorted(path.parent.iterdir())
    with pytest.raises(DatabaseRefused, match=r"is not a file|is another program's database"):
        restore_database(backup, target)
    assert sorted(path.parent.iterdir()) == before


def test_a_file_that_lost_its_beginning_is_restored_over(path: Path, backup: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(200))
    restore_database(backup, path)
    assert said_in(path) == ["early"]


CUT_OFF = """
    import os, sys
    from pathlib import Path
    from session_plugin import restore_database
    left = int(sys.argv[3])
    def killing(method):
        def run(*arguments):
            global left
            left -= 1
            if left < 0:
                os._exit(9)
            return method(*arguments)
        return run
    for name in ("replace", "hardlink_to"):
        setattr(Path, name, killing(getattr(Path, name)))
    restore_database(sys.argv[1], sys.argv[2])
    print("whole", flush=True)
"""


@pytest.mark.parametrize("step", range(7))
def test_a_restore_that_is_cut_off_leaves_the_old_database_or_the_backup_or_a_refusal(
    path: Path, backup: Path, spawn: Callable[..., Any], step: int
) -> None:
    spawn(KILLED, path).communicate(timeout=60)
    output, _ = spawn(CUT_OFF, backup, path, step).communicate(timeout=60)
    assert output == ("whole\n" if step >= 5 else "")
    try:
        found = said_in(path)
        assert found == ["early"] or len(found) > 250
    except DatabaseRefused as error:
        assert "restore_database" in str(error)
    restore_database(backup, path)
    assert said_in(path) == ["early"]


def test_the_secret_of_the_backup_is_put_in_place_and_the_old_one_kept(
    path: Path, backup: Path
) -> None:
    Path(f"{path}.secret").write_text("the old secret of it")
    Path(f"{backup}.secret").write_text("the secret of the backup")
    moved = restore_database(backup, path)
    assert Path(f"{path}.secret").read_text() == "the secret of the backup"
    assert stat.S_IMODE(Path(f"{path}.secret").stat().st_mode) == 0o600
    assert [one.read_text() for one in moved if one.suffix == ".secret"] == ["the old secret of it"]
    Path(f"{backup}.secret").unlink()
    restore_database(backup, path)
    assert Path(f"{path}.secret").read_text() == "the secret of the backup"


# A secret that is lost


@pytest.fixture
def forgotten(talk, new_hub, database):
    """Let somebody be forgotten; give what they said, which a platform may deliver again."""

    async def forget(**settings: Any) -> Any:
        ann = talk.account("ann")
        old = talk.said(ann, "what I wanted forgotten")
        async with new_hub(**settings) as hub:
            await hub.record(old)
            await hub.forget(ann)
        return old

    return forget


async def is_stored(hub: SessionHub, event: Any) -> bool:
    async with hub:
        return (await hub.record(event)).is_stored


def is_server(database: str) -> bool:
    return "://" in database


@pytest.mark.parametrize("what", ["forgotten", "private", "code"])
async def test_a_secret_that_is_lost_is_not_made_anew_where_hashes_need_it(
    new_hub, talk, database, what
):
    if is_server(database):
        pytest.skip("has no secret file")
    ann = talk.account("ann")
    async with new_hub(secret=None) as hub:
        await hub.record(talk.said(ann, "hello"))
        if what == "forgotten":
            await hub.forget(ann)
        elif what == "private":
            await hub.set_private(ann, True)
            await hub.record(talk.said(ann, "not to be stored"))
        else:
            await hub.request_link(ann)
    secret = Path(f"{database}.secret")
    kept = secret.read_bytes()
    secret.unlink()
    for _ in range(2):
        with pytest.raises(
            DatabaseRefused, match=r"secret is missing\. These rest on it: "
        ) as said:
            async with new_hub(secret=None):
                pass
    assert "Put the secret back" in str(said.value)
    assert "accept_lost_secret" in str(said.value)
    assert not secret.exists()
    secret.write_bytes(kept)
    async with new_hub(secret=None):
        pass


async def test_what_forgotten_people_wrote_stays_out_until_the_loss_is_accepted(
    new_hub, database, forgotten
):
    old = await forgotten(secret=SECRET)
    other = new_hub(secret="quite another secret")
    with pytest.raises(
        DatabaseRefused, match=r"the secret that was given .* forgotten accounts: 1"
    ):
        await other.record(old)
    assert not await is_stored(new_hub(secret=SECRET), old)
    accept_lost_secret(database)
    assert await is_stored(other, old)
    assert await is_stored(new_hub(secret="quite another secret"), old)


def test_a_secret_is_given_up_of_a_database_that_exists_only(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"bto\.db does not exist; check the path"):
        accept_lost_secret(tmp_path / "bto.db")
    assert list(tmp_path.iterdir()) == []


async def test_a_server_that_was_used_with_a_secret_is_not_used_without(
    new_hub, database, forgotten, tmp_path, monkeypatch
):
    monkeypatch.delenv("SESSION_SECRET", raising=False)
    await forgotten(secret=SECRET)
    wanted = "none is given" if is_server(database) else "secret is missing"
    with pytest.raises(DatabaseRefused, match=wanted):
        async with new_hub(secret=None):
            pass


async def test_a_secret_that_is_given_where_there_was_none_is_used_with_a_warning(
    new_hub, database, forgotten, monkeypatch, caplog
):
    if not is_server(database):
        pytest.skip("a file has a secret")
    monkeypatch.delenv("SESSION_SECRET", raising=False)
    await forgotten(secret=None)
    async with new_hub(secret=SECRET):
        pass
    assert "before there was a secret" in caplog.text


async def test_a_secret_may_be_changed_as_long_as_nothing_rests_on_it(
    new_hub, talk, clock, database, caplog
):
    for secret in ("one secret of several", "another of the secrets"):
        async with new_hub(secret=secret) as hub:
            await hub.request_link(talk.account("ann"))
        clock.advance(hours=2)
    assert "link codes that were made" not in caplog.text


async def test_another_secret_than_the_first_is_noticed_after_a_change(
    new_hub, talk, clock, forgotten
):
    async with new_hub(secret="one secret of several") as hub:
        await hub.request_link(talk.account("bob"))
    clock.advance(hours=2)
    await forgotten(secret="another of the secrets")
    with pytest.raises(DatabaseRefused, match="the secret that was given"):
        async with new_hub(secret="one secret of several"):
            pass


async def test_a_backup_needs_the_secret_of_its_database(new_hub, forgotten, tmp_path, database):
    await forgotten(secret=SECRET)
    async with new_hub(secret=SECRET) as hub:
        await hub.backup(tmp_path / "backup.db")
    restore_database(tmp_path / "backup.db", tmp_path / "restored.db")
    with pytest.raises(DatabaseRefused, match=r"restored\.db\.secret is missing"):
        async with new_hub(path=tmp_path / "restored.db", secret=None):
            pass
    async with new_hub(path=tmp_path / "restored.db", secret=SECRET):
        pass


async def test_a_store_makes_no_secret_and_says_which_one_is_missing(
    new_hub, database, forgotten, caplog
):
    if is_server(database):
        pytest.skip("has no secret file")
    await forgotten(secret=SECRET)
    with SessionStore(database) as store:
        store.link_channel(store.get_or_create("bob").session_id, "discord", "7")
    assert not Path(f"{database}.secret").exists()
    assert caplog.text.count(f"the secret {database}.secret cannot be read or created") == 1


@pytest.mark.skipif(os.name != "posix", reason="has no modes")
async def test_a_secret_that_others_can_read_is_closed_to_them_and_reported_once(
    new_hub, talk, database, caplog
):
    if is_server(database):
        pytest.skip("has no secret file")
    secret = Path(f"{database}.secret")
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("a secret of some length")
    secret.chmod(0o644)
    for _ in range(2):
        async with new_hub(secret=None) as hub:
            await hub.request_link(talk.account("ann"))
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert caplog.text.count(f"{secret} could be read by other users") == 1
