"""A key store's file: what is left of a destroyed key, which files are refused, and kill -9."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from session_plugin import DatabaseRefused, DatabaseUnavailable, SessionStore, copy_database
from session_plugin.encryption.keys import OpenKeys
from tests.encryption.conftest import KILLS

OpenIt = Callable[..., OpenKeys]
NewIds = Callable[[int], list[bytes]]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "bot.keys"


def wrapped_in(place: Path) -> dict[bytes, bytes]:
    with closing(sqlite3.connect(place)) as connection:
        return dict(
            connection.execute(
                "SELECT key_id, wrapped FROM wrapped_keys WHERE wrapped <> zeroblob(60)"
            ).fetchall()
        )


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_only_its_owner_can_read_it_and_nothing_lies_next_to_it(
    open_keys: OpenIt, master: str, place: Path, new_ids: NewIds
) -> None:
    opened = open_keys(master, store=place)
    opened.store.create(new_ids(3))
    assert place.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in place.parent.iterdir()] == ["bot.keys"]


def test_a_commit_is_on_disk(open_keys: OpenIt, master: str, place: Path) -> None:
    opened: Any = open_keys(master, store=place)
    settings = {"journal_mode": "delete", "synchronous": 3, "secure_delete": 1}
    found = {
        name: opened.store._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings
    }
    assert found == settings


def test_each_key_is_in_the_file_once_and_no_byte_of_a_destroyed_one(
    open_keys: OpenIt, master: str, place: Path, new_ids: NewIds
) -> None:
    """Whatever was made, destroyed and wrapped anew before, in whatever order."""
    chance, opened = random.Random(5), open_keys(master, store=place)
    seen: dict[bytes, bytes] = {}
    for round_ in range(30):
        opened.store.create(new_ids(chance.choice((1, 7, 200))))
        seen |= wrapped_in(place)
        alive = list(wrapped_in(place))
        opened.store.destroy(chance.sample(alive, chance.randrange(len(alive) // 2 + 1)))
        if round_ % 10 == 9:
            master, old = secrets.token_hex(32), master
            opened.close()
            seen |= wrapped_in(place)
            opened = open_keys(master, previous=[old], store=place)

    stored, alive_now = bytes_in(place.parent), wrapped_in(place)
    assert len(alive_now) > 100
    assert [key_id for key_id, cell in alive_now.items() if stored.count(cell[:16]) != 1] == []
    gone = {cell for key_id, cell in seen.items() if alive_now.get(key_id) != cell}
    assert len(gone) > 100
    assert [cell for cell in gone if cell[:16] in stored or cell[-16:] in stored] == []


WORK = """
    import os, random, sys
    from session_plugin import Keys
    keys = Keys(sys.argv[1], store=sys.argv[2]).open("/nowhere/bot.db")
    find = "SELECT hex(key_id) || hex(wrapped) FROM wrapped_keys WHERE key_id = ?"
    alive = []
    while True:
        made = [os.urandom(8) for _ in range(random.choice((1, 3, 50)))]
        keys.store.create(made)
        rows = [keys.store._connection.execute(find, (one,)).fetchone()[0] for one in made]
        print("+", *rows, ".", flush=True)
        alive += made
        gone = [alive.pop(random.randrange(len(alive))) for _ in range(len(alive) // 3)]
        print("-", *(one.hex() for one in gone), ".", flush=True)
        keys.store.destroy(gone)
        print("!", *(one.hex() for one in gone), ".", flush=True)
"""


@pytest.mark.parametrize("round_", range(KILLS))
def test_a_kill_loses_no_key_that_was_made_and_leaves_no_byte_of_one_that_was_destroyed(
    round_: int, open_keys: OpenIt, master: str, place: Path, spawn: Any
) -> None:
    process = spawn(WORK, master, place)
    first = process.stdout.readline()
    time.sleep(random.Random(round_).uniform(0.02, 0.4))
    process.kill()
    said: dict[str, list[bytes]] = {"+": [], "-": [], "!": []}
    for line in (first + process.stdout.read()).splitlines():
        mark, *rows = line.split()
        if rows[-1:] == ["."]:  # else it was being written
            said[mark] += map(bytes.fromhex, rows[:-1])

    wrapped = {row[:8]: row[8:] for row in said["+"]}
    going, gone = set(said["-"]), set(said["!"])
    left = bytes_in(place.parent)
    assert [one for one in gone if wrapped[one][:16] in left] == []

    opened = open_keys(master, store=place, may_create=False)
    alive = opened.store.unwrap([*wrapped]).keys()
    assert wrapped.keys() - going - alive == set()
    assert alive & gone == set()

    opened.store.destroy([*going])
    left = bytes_in(place.parent)
    assert [one for one in going if wrapped[one][:16] in left] == []
    left, alive = place.read_bytes(), opened.store.unwrap([*wrapped]).keys()
    assert [one for one in alive if left.count(wrapped[one][:16]) != 1] == []


GROW = """
    import resource, signal, sys
    from session_plugin import Keys

    master, place, most, *ids = sys.argv[1:]
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # kills whoever writes beyond this
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
    keys = Keys(master, store=place).open("/nowhere/bot.db")
    keys.store.create([bytes.fromhex(one) for one in ids])
"""


@pytest.mark.parametrize("pages", range(1, 4))
def test_a_kill_while_the_file_gets_longer_is_mended_by_its_journal(
    pages: int, open_keys: OpenIt, master: str, place: Path, new_ids: NewIds, spawn: Any
) -> None:
    """Its first page counts pages then that are not there yet."""
    place.parent.mkdir()
    process = spawn(GROW, master, place, pages * 4096)
    assert process.wait(timeout=60) == -signal.SIGXFSZ
    assert place.stat().st_size == pages * 4096
    ids, more = new_ids(20), new_ids(100)
    first = open_keys(master, store=place)
    made = first.store.create(ids)
    first.close()

    most = place.stat().st_size + (pages - 1) * 4096
    process = spawn(GROW, master, place, most, *(one.hex() for one in more))
    assert process.wait(timeout=60) == -signal.SIGXFSZ
    again = open_keys(master, store=place, may_create=False)
    assert again.store.unwrap([*ids, *more]) == made
    assert again.store.create(more).keys() == set(more)


# Files that may not be used


def text(place: Path, _: OpenIt, __: str) -> None:
    place.write_text("Dear diary,\n" * 1000)


def one_byte(place: Path, _: OpenIt, __: str) -> None:
    place.write_text("!")


def foreign(place: Path, _: OpenIt, __: str) -> None:
    run(place, "CREATE TABLE notes (text)")


def foreign_in_wal_mode(place: Path, _: OpenIt, __: str) -> None:
    run(place, "PRAGMA journal_mode = WAL", "CREATE TABLE notes (text)")


def a_bots_database(place: Path, _: OpenIt, __: str) -> None:
    SessionStore(place).close()


def newer(place: Path, open_keys: OpenIt, master: str) -> None:
    open_keys(master, store=place).close()
    run(place, "PRAGMA user_version = 99")


def damaged(place: Path, open_keys: OpenIt, master: str) -> None:
    opened = open_keys(master, store=place)
    opened.store.create([os.urandom(8) for _ in range(500)])
    opened.close()
    with place.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xa5" * 4096)


REFUSED: dict[Callable[[Path, OpenIt, str], None], str] = {
    text: "is not a key store",
    one_byte: "is not a key store",
    foreign: "is not a key store",
    foreign_in_wal_mode: "is not a key store",
    a_bots_database: "is not a key store",
    newer: "newer than this session_plugin",
    damaged: "is damaged.*Restore a backup",
}


def run(place: Path, *statements: str) -> None:
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("maker", REFUSED, ids=lambda maker: maker.__name__)
def test_a_file_that_may_not_be_used_is_refused_and_stays_as_it_is(
    maker: Any, open_keys: OpenIt, master: str, place: Path
) -> None:
    place.parent.mkdir()
    maker(place, open_keys, master)
    before = {one.name: one.read_bytes() for one in place.parent.iterdir()}
    with pytest.raises(DatabaseRefused, match=f"(?s){place.name}.*{REFUSED[maker]}"):
        open_keys(master, store=place)
    assert {one.name: one.read_bytes() for one in place.parent.iterdir()} == before


def test_a_folder_is_refused(open_keys: OpenIt, master: str, place: Path) -> None:
    place.mkdir(parents=True)
    with pytest.raises(DatabaseRefused, match="not a file"):
        open_keys(master, store=place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_cannot_be_written_is_refused(
    open_keys: OpenIt, master: str, place: Path
) -> None:
    open_keys(master, store=place).close()
    place.chmod(0o400)
    with pytest.raises(DatabaseRefused, match="cannot be written"):
        open_keys(master, store=place)


def test_a_journal_without_its_file_is_refused(open_keys: OpenIt, master: str, place: Path) -> None:
    place.parent.mkdir()
    journal = place.with_name("bot.keys-journal")
    journal.write_bytes(b"x" * 600)
    with pytest.raises(DatabaseRefused, match="its journal lies there"):
        open_keys(master, store=place)
    assert journal.read_bytes() == b"x" * 600
    assert not place.exists()


def test_an_empty_file_is_used_only_if_a_store_may_be_created(
    open_keys: OpenIt, master: str, place: Path, new_ids: NewIds
) -> None:
    place.parent.mkdir()
    place.touch(0o644)
    with pytest.raises(DatabaseRefused, match="is empty: put back"):
        open_keys(master, store=place, may_create=False)
    open_keys(master, store=place).store.create(new_ids(1))
    assert place.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_is_taken_away_while_it_is_in_use_is_unavailable_until_it_is_back(
    is_replaced: bool, open_keys: OpenIt, master: str, place: Path, new_ids: NewIds
) -> None:
    ids = new_ids(3)
    opened = open_keys(master, store=place)
    made = opened.store.create(ids)
    away = place.with_name("away")
    place.rename(away)
    if is_replaced:
        place.write_text("Dear diary,\n" * 1000)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match=r"bot\.keys"):
            opened.store.create(ids)
    with pytest.raises(DatabaseUnavailable, match=r"bot\.keys"):
        opened.store.unwrap(ids)
    place.unlink(missing_ok=True)
    away.rename(place)
    assert opened.store.unwrap(ids) == made


def test_a_full_disk_is_unavailable_and_then_goes_on(
    open_keys: OpenIt, master: str, place: Path, new_ids: NewIds
) -> None:
    opened: Any = open_keys(master, store=place)
    ids = new_ids(500)
    pages = opened.store._connection.execute("PRAGMA page_count").fetchone()[0]
    opened.store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DatabaseUnavailable, match="is the disk full"):
        opened.store.create(ids)
    assert opened.store.unwrap(ids) == {}
    opened.store._connection.execute("PRAGMA max_page_count = 100000")
    assert len(opened.store.create(ids)) == 500


def test_a_damaged_key_is_left_out_and_logged_by_its_id(
    open_keys: OpenIt,
    master: str,
    place: Path,
    new_ids: NewIds,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids = new_ids(2)
    opened = open_keys(master, store=place)
    opened.store.create(ids)
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute(
            "UPDATE wrapped_keys SET wrapped = (SELECT wrapped FROM wrapped_keys WHERE key_id = ?) WHERE key_id = ?",
            (ids[1], ids[0]),
        )
    assert opened.store.unwrap(ids).keys() == {ids[1]}
    assert ids[0].hex() in caplog.text
    with pytest.raises(DatabaseRefused, match="does not open"):
        opened.store.create(ids)
    with pytest.raises(DatabaseRefused, match="1 of its keys do not open; nothing was changed"):
        open_keys(secrets.token_hex(32), previous=[master], store=place)
    assert open_keys(master, store=place).store.unwrap(ids).keys() == {ids[1]}


def test_a_copy_of_the_database_takes_no_keys_along(
    open_keys: OpenIt, master: str, bot_file: str, tmp_path: Path, new_ids: NewIds
) -> None:
    SessionStore(bot_file).close()
    open_keys(master).store.create(new_ids(1))
    (tmp_path / "copies").mkdir()
    copy_database(bot_file, tmp_path / "copies" / "bot.db")
    assert not (tmp_path / "copies" / "bot.db.keys").exists()


def test_a_copied_file_is_a_whole_store(
    open_keys: OpenIt, master: str, place: Path, new_ids: NewIds
) -> None:
    ids = new_ids(100)
    made = open_keys(master, store=place).store.create(ids)
    shutil.copy(place, place.with_name("copy"))
    assert open_keys(master, store=place.with_name("copy")).store.unwrap(ids) == made
