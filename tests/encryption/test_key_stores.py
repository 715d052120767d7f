"""What every key store promises, on each backend; where one may be; and what is refused."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from session_plugin import DatabaseLocked, DatabaseRefused, DatabaseUnavailable, Keys, SessionStore
from session_plugin.encryption.keys import OpenKeys
from session_plugin.encryption.master import WrongMasterKey

OpenIt = Callable[..., OpenKeys]
NEWER = "ab12cd34ef5601789bdf1357ace02468" * 2
NewIds = Callable[[int], list[bytes]]


@pytest.fixture
def opened(open_keys: OpenIt, master: str, place: str) -> OpenKeys:
    return open_keys(master, store=place)


def test_keys_are_made_once_and_stay(opened: OpenKeys, new_ids: NewIds) -> None:
    ids = new_ids(5)
    made = opened.store.create(ids)
    assert list(made) == ids
    assert {len(key) for key in made.values()} == {32}
    assert len(set(made.values())) == 5
    assert opened.store.create(ids) == made == opened.store.unwrap(ids)


def test_some_are_made_and_some_are_there(opened: OpenKeys, new_ids: NewIds) -> None:
    ids = new_ids(5)
    made = opened.store.create(ids[:2])
    all_of_them = opened.store.create([*ids, ids[4]])
    assert all_of_them.keys() == set(ids)
    assert made.items() <= all_of_them.items()
    assert opened.store.unwrap(ids) == all_of_them


def test_what_is_not_there_is_left_out(opened: OpenKeys, new_ids: NewIds) -> None:
    ids = new_ids(3)
    opened.store.create(ids[:1])
    assert opened.store.unwrap(ids).keys() == {ids[0]}
    assert opened.store.unwrap([]) == {}
    assert opened.store.create([]) == {}
    assert opened.store.destroy([]) == 0


def test_a_destroyed_key_is_gone_and_the_others_are_not(opened: OpenKeys, new_ids: NewIds) -> None:
    ids = new_ids(4)
    made = opened.store.create(ids)
    assert opened.store.destroy([*ids[:2], *new_ids(1)]) == 2
    assert opened.store.destroy(ids[:2]) == 0
    assert opened.store.unwrap(ids) == {one: made[one] for one in ids[2:]}


def test_keys_are_there_when_it_is_opened_again(
    open_keys: OpenIt, master: str, place: str, new_ids: NewIds
) -> None:
    ids = new_ids(3)
    first = open_keys(master, store=place)
    made = first.store.create(ids)
    first.close()
    with pytest.raises(DatabaseUnavailable, match="is closed"):
        first.store.unwrap(ids)
    assert open_keys(master, store=place, may_create=False).store.unwrap(ids) == made


def test_a_missing_store_is_created_only_if_it_may_be(
    open_keys: OpenIt, master: str, place: str
) -> None:
    with pytest.raises(DatabaseRefused, match=r"is missing: put it back"):
        open_keys(master, store=place, may_create=False)
    assert "://" in place or not Path(place).exists()


def test_another_master_key_is_refused_and_changes_nothing(
    open_keys: OpenIt, master: str, place: str, new_ids: NewIds
) -> None:
    ids = new_ids(2)
    made = open_keys(master, store=place).store.create(ids)
    with pytest.raises(WrongMasterKey, match="another master key"):
        open_keys(NEWER, store=place)
    assert open_keys(master, store=place).store.unwrap(ids) == made


def test_keys_are_wrapped_with_the_new_master_key(
    open_keys: OpenIt, master: str, place: str, new_ids: NewIds
) -> None:
    ids, newer = new_ids(200), NEWER
    running = open_keys(master, store=place)
    made = running.store.create(ids)
    running.store.destroy(ids[:50])
    left = {one: made[one] for one in ids[50:]}
    assert open_keys(newer, previous=[master], store=place).store.unwrap(ids) == left
    assert open_keys(newer, store=place).store.unwrap(ids) == left
    assert open_keys(newer, store=place).store.rewrap() == 0
    with pytest.raises(WrongMasterKey):
        open_keys(master, store=place)

    with pytest.raises(DatabaseUnavailable, match="start this one anew"):
        running.store.unwrap(ids)
    with pytest.raises(DatabaseUnavailable, match="start this one anew"):
        running.store.create(new_ids(1))
    assert running.store.destroy(ids[50:51]) == 1


def test_a_process_that_knows_both_master_keys_goes_on_while_another_changes_it(
    open_keys: OpenIt, master: str, place: str, new_ids: NewIds
) -> None:
    ids, newer = new_ids(6), NEWER
    running = open_keys(master, previous=[newer], store=place)
    made = {**running.store.create(ids[:2])}
    changing = open_keys(newer, previous=[master], store=place)
    made |= running.store.create(ids[2:])
    assert changing.store.unwrap(ids) == made == running.store.unwrap(ids)
    assert open_keys(newer, store=place).store.unwrap(ids) == made


def test_two_processes_and_their_threads_get_the_same_keys(
    open_keys: OpenIt, master: str, place: str, new_ids: NewIds, spawn: Any
) -> None:
    ids = new_ids(30)
    script = """
        import sys
        from session_plugin import Keys
        keys = Keys(sys.argv[1], store=sys.argv[2]).open("/nowhere/bot.db")
        ids = [bytes.fromhex(one) for one in sys.argv[3:]]
        for one in ids:
            print(keys.store.create([one])[one].hex(), flush=True)
    """
    others = [spawn(script, master, place, *(one.hex() for one in ids)) for _ in range(2)]
    opened = open_keys(master, store=place)
    with ThreadPoolExecutor(4) as threads:
        made = [*threads.map(lambda one: opened.store.create([one])[one].hex(), ids)]
    for other in others:
        assert other.communicate(timeout=60)[0].split() == made


def test_a_store_that_another_process_holds_is_unavailable_and_then_goes_on(
    open_keys: OpenIt, master: str, tmp_path: Path, new_ids: NewIds, hold: Any
) -> None:
    place = tmp_path / "held.keys"
    opened = open_keys(master, store=place)
    opened.store._busy_timeout = 0.2  # type: ignore[attr-defined]
    opened.store._disconnect()  # type: ignore[attr-defined]
    ids = new_ids(1)
    opened.store.unwrap(ids)
    with hold(place), pytest.raises(DatabaseLocked, match="key store"):
        opened.store.create(ids)
    assert opened.store.create(ids).keys() == set(ids)


def test_a_connection_that_the_server_ends_is_made_anew(
    open_keys: OpenIt, master: str, postgresql: Any, new_ids: NewIds
) -> None:
    with postgresql.new() as place:
        opened: Any = open_keys(master, store=place)
        ids = new_ids(2)
        made = opened.store.create(ids)
        ended = "SELECT pg_terminate_backend(?)"
        postgresql.rows(place, ended, opened.store._connection.info.backend_pid)
        time.sleep(0.2)
        with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
            opened.store.unwrap(ids)
        assert opened.store.unwrap(ids) == made


def bytes_on_server(postgresql: Any, place: str) -> bytes:
    """Return what is in the files of a key store's tables."""
    names = "'session_plugin_keys', 'session_plugin_keys_pkey', 'session_plugin_key_store'"
    postgresql.rows(place, "CHECKPOINT")
    rows = postgresql.rows(
        place,
        f"SELECT pg_read_binary_file(pg_relation_filepath(oid)) FROM pg_class WHERE relname IN ({names}) "
        "AND relnamespace = CAST(current_schema() AS regnamespace)",
    )
    return b"".join(bytes(cell) for (cell,) in rows)


def wrapped_on_server(postgresql: Any, place: str) -> dict[bytes, bytes]:
    rows = postgresql.rows(place, "SELECT key_id, wrapped FROM session_plugin_keys")
    return {bytes(key_id): bytes(wrapped) for key_id, wrapped in rows}


def test_a_server_holds_no_byte_of_a_destroyed_key(
    open_keys: OpenIt, master: str, postgresql: Any, new_ids: NewIds
) -> None:
    with postgresql.new() as place:
        opened = open_keys(master, store=place)
        ids = new_ids(300)
        opened.store.create(ids)
        wrapped = wrapped_on_server(postgresql, place)

        stored = bytes_on_server(postgresql, place)
        assert all(cell in stored for cell in [*wrapped.values()][:5])
        assert opened.store.destroy(ids[::2]) == 150
        stored = bytes_on_server(postgresql, place)
        assert [one for one in ids[::2] if wrapped[one] in stored] == []
        assert [one for one in ids[1::2] if wrapped[one] not in stored] == []

        newer = NEWER
        open_keys(newer, previous=[master], store=place)
        stored = bytes_on_server(postgresql, place)
        assert [one for one in ids if wrapped[one] in stored] == []


def test_a_kill_before_the_table_is_rewritten_leaves_no_byte_once_it_is_repeated(
    open_keys: OpenIt, master: str, postgresql: Any, new_ids: NewIds, spawn: Any
) -> None:
    script = """
        import os, signal, sys
        from session_plugin import Keys
        from session_plugin.encryption.postgresql_store import PostgresqlKeyStore

        PostgresqlKeyStore._rewrite = lambda store: os.kill(os.getpid(), signal.SIGKILL)
        keys = Keys(sys.argv[1], store=sys.argv[2]).open("/nowhere/bot.db")
        keys.store.destroy([bytes.fromhex(one) for one in sys.argv[3:]])
    """
    with postgresql.new() as place:
        opened = open_keys(master, store=place)
        ids = new_ids(4)
        made = opened.store.create(ids)
        wrapped, gone = wrapped_on_server(postgresql, place), ids[:2]
        process = spawn(script, master, place, *(one.hex() for one in gone))
        assert process.wait(timeout=60) == -signal.SIGKILL
        assert opened.store.unwrap(ids) == {one: made[one] for one in ids[2:]}
        stored = bytes_on_server(postgresql, place)
        assert all(wrapped[one] in stored for one in gone)

        assert opened.store.destroy(gone) == 0
        stored = bytes_on_server(postgresql, place)
        assert [one for one in ids if wrapped[one] in stored] == ids[2:]


def test_a_schema_with_a_bots_database_is_refused(
    open_keys: OpenIt, master: str, postgresql: Any, bot_file: str
) -> None:
    with postgresql.new() as place:
        with pytest.raises(DatabaseRefused, match="its own database"):
            Keys(master, store=place).open(place)
        SessionStore(place).close()
        with pytest.raises(DatabaseRefused, match="a bot's database is in this schema"):
            open_keys(master, store=place)


def test_on_postgresql_a_store_has_to_be_named(master: str) -> None:
    with pytest.raises(DatabaseRefused, match=r"postgresql://\.\.\.\?schema=.*\.keys"):
        Keys(master).open("postgresql://postgres@127.0.0.1/test")


def test_the_default_is_a_file_next_to_the_database(
    open_keys: OpenIt, master: str, bot_file: str
) -> None:
    assert open_keys(master).name == f"{bot_file}.keys"
    assert [one.name for one in Path(bot_file).parent.iterdir()] == ["bot.db.keys"]


def test_a_database_in_memory_has_keys_in_memory_and_needs_no_master_key(
    new_ids: NewIds,
) -> None:
    keys = Keys().open(":memory:")
    ids = new_ids(2)
    assert keys.store.create(ids) == keys.store.unwrap(ids)
    assert keys.store.destroy(ids) == 2
    keys.close()
    assert not Path(":memory:").exists()


def test_keys_in_memory_of_a_file_are_refused(open_keys: OpenIt, master: str) -> None:
    with pytest.raises(DatabaseRefused, match="lost with the process"):
        open_keys(master, store=":memory:")


def test_the_databases_own_file_is_refused(open_keys: OpenIt, master: str, bot_file: str) -> None:
    with pytest.raises(DatabaseRefused, match="its own database"):
        open_keys(master, store=bot_file)
    SessionStore(bot_file).close()
    link = Path(bot_file).with_name("link")
    link.symlink_to(bot_file)
    with pytest.raises(DatabaseRefused, match="its own database"):
        open_keys(master, store=link)


class Shelf:
    """The least that is a key store."""

    def __init__(self) -> None:
        self.keys: dict[bytes, bytes] = {}
        self.is_closed = False

    def create(self, key_ids: Sequence[bytes]) -> Mapping[bytes, bytes]:
        return {one: self.keys.setdefault(one, os.urandom(32)) for one in key_ids}

    def unwrap(self, key_ids: Sequence[bytes]) -> Mapping[bytes, bytes]:
        return {one: self.keys[one] for one in key_ids if one in self.keys}

    def destroy(self, key_ids: Sequence[bytes]) -> int:
        return sum(self.keys.pop(one, None) is not None for one in key_ids)

    def rewrap(self) -> int:
        return 0

    def close(self) -> None:
        self.is_closed = True


def test_a_store_of_the_authors_own_is_used_and_not_closed() -> None:
    shelf = Shelf()
    keys = Keys(store=shelf).open("/nowhere/bot.db")
    assert keys.store.create([b"12345678"]) == shelf.keys
    assert keys.name == "Shelf"
    keys.close()
    assert not shelf.is_closed


def test_a_store_of_the_authors_own_takes_no_master_key(master: str) -> None:
    with pytest.raises(ValueError, match="leave out master"):
        Keys(master, store=Shelf())


def test_an_object_without_the_methods_is_no_store() -> None:
    given: Any = object()
    with pytest.raises(TypeError, match="object has no create and no unwrap and no destroy"):
        Keys(store=given)


def test_whether_it_is_on_is_carried() -> None:
    assert Keys(store=Shelf()).open("/nowhere/bot.db").is_on
    assert not Keys(store=Shelf(), is_on=False).open("/nowhere/bot.db").is_on


def test_a_store_restored_from_yesterday_lacks_new_keys_and_has_destroyed_ones_again(
    open_keys: OpenIt, master: str, tmp_path: Path, new_ids: NewIds
) -> None:
    place, old, new = tmp_path / "bot.keys", new_ids(4), new_ids(2)
    running = open_keys(master, store=place)
    made = {**running.store.create(old)}
    shutil.copy(place, tmp_path / "yesterday")
    running.store.create(new)
    running.store.destroy(old[:2])
    running.close()
    shutil.copy(tmp_path / "yesterday", place)

    again = open_keys(master, store=place, may_create=False)
    assert again.store.unwrap([*old, *new]) == made
    assert again.store.destroy(old[:2]) == 2
    assert again.store.unwrap(old).keys() == set(old[2:])
    assert again.store.create(new).keys() == set(new)


def test_threads_wait_for_each_other(opened: OpenKeys, new_ids: NewIds) -> None:
    ids, failures = new_ids(40), list[BaseException]()

    def work(some: list[bytes]) -> None:
        try:
            for one in some:
                opened.store.create([one])
                opened.store.destroy([one])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(ids[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert opened.store.unwrap(ids) == {}
