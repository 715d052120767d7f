"""Files that may not be used are refused with an error that names them and the way out, and stay as
they are.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest

from session_plugin import (
    DatabaseRefused,
    DatabaseUnavailable,
    SessionError,
    SessionHub,
    SessionStore,
    copy_database,
)
from session_plugin.store.original_import import Import

PAGE = 4096


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def make_ours(path: Path, *, messages: int = 50) -> None:
    with SessionStore(path) as store:
        session_id = store.get_or_create("ann").session_id
        for number in range(messages):
            store.save_message(session_id, "user", f"{number} " * 200)


def text_file(path: Path) -> None:
    path.write_text("Dear diary,\n" * 1000)


def short_text_file(path: Path) -> None:
    path.write_text("Hi")


def one_byte(path: Path) -> None:
    path.write_text("!")


def zeros(path: Path) -> None:
    path.write_bytes(bytes(8192))


def foreign(path: Path) -> None:
    run(path, "CREATE TABLE notes (text)", "INSERT INTO notes VALUES ('mine')")


def foreign_in_wal_mode(path: Path) -> None:
    run(path, "PRAGMA journal_mode = WAL", "CREATE TABLE notes (text)")


def foreign_with_an_application_id(path: Path) -> None:
    run(path, "PRAGMA application_id = 42")


def foreign_with_a_version_and_no_table_yet(path: Path) -> None:
    run(path, "PRAGMA user_version = 1")


def foreign_with_a_view_only(path: Path) -> None:
    run(path, "CREATE VIEW one AS SELECT 1")


def foreign_whose_program_was_killed(path: Path) -> None:
    """The log has what the file has not."""
    foreign_in_wal_mode(path.with_name("source.db"))
    with closing(sqlite3.connect(path.with_name("source.db"), isolation_level=None)) as connection:
        connection.execute("INSERT INTO notes VALUES ('in the log only')")
        for suffix in ("", "-wal"):
            shutil.copy(
                path.with_name(f"source.db{suffix}"), path.with_name(f"{path.name}{suffix}")
            )
    path.with_name("source.db").unlink()


def foreign_killed_in_a_transaction(path: Path) -> None:
    """Its rollback journal waits for its own program."""
    source = path.with_name("source.db")
    foreign(source)
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute("UPDATE notes SET text = 'other'")
        shutil.copy(f"{source}-journal", f"{path}-journal")
        connection.execute("COMMIT")
    shutil.copy(source, path)
    source.unlink()


def the_originals(path: Path) -> None:
    run(
        path,
        "CREATE TABLE sessions (session_id TEXT)",
        "CREATE TABLE session_messages (content TEXT)",
    )


def the_originals_in_wal_mode(path: Path) -> None:
    run(path, "PRAGMA journal_mode = WAL")
    the_originals(path)


def newer(path: Path) -> None:
    make_ours(path)
    run(path, "PRAGMA user_version = 99")


def with_version(version: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        make_ours(path)
        run(path, f"PRAGMA user_version = {version}")

    make.__name__ = f"ours_with_version_{version}"
    return make


def cut_to(size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        make_ours(path)
        with path.open("r+b") as file:
            file.truncate(size)

    make.__name__ = f"cut_to_{size}"
    return make


def with_a_garbage_page(number: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        make_ours(path)
        with path.open("r+b") as file:
            file.seek(number * PAGE)
            file.write(b"\xa5" * PAGE)

    make.__name__ = f"with_garbage_in_page_{number}"
    return make


MAKERS = {
    text_file: "not an SQLite database",
    short_text_file: "not an SQLite database",
    one_byte: "not an SQLite database",
    zeros: "not an SQLite database",
    foreign: "another program's",
    foreign_in_wal_mode: "another program's",
    foreign_with_an_application_id: "another program's",
    foreign_with_a_version_and_no_table_yet: "another program's",
    foreign_with_a_view_only: "another program's",
    foreign_whose_program_was_killed: "another program's",
    foreign_killed_in_a_transaction: "another program's",
    the_originals: "the original SessionStore.*import",
    the_originals_in_wal_mode: "the original SessionStore.*import",
    newer: "newer than this session_plugin knows.*Install",
    with_version(0): "does not have the schema that it claims.*Restore a backup",
    with_version(-1): "does not have the schema that it claims.*Restore a backup",
    cut_to(1): "not an SQLite database",
    cut_to(100): "damaged.*Restore a backup",
    cut_to(PAGE): "damaged.*Restore a backup",
    cut_to(10 * PAGE + 7): "damaged.*Restore a backup",
    with_a_garbage_page(0): "damaged.*Restore a backup",
    with_a_garbage_page(1): "damaged.*Restore a backup",
    with_a_garbage_page(3): "damaged.*Restore a backup",
}


@pytest.fixture(params=MAKERS.items(), ids=[maker.__name__ for maker in MAKERS])
def refused(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    maker, words = request.param
    path = tmp_path / "folder" / "bot.db"
    path.parent.mkdir()
    maker(path)
    return path, words


def everything_in(folder: Path) -> dict[str, Any]:
    return {entry.name: (entry.read_bytes(), entry.stat().st_mode) for entry in folder.iterdir()}


def test_a_file_that_may_not_be_used_is_refused_by_name_with_the_way_out(
    refused: tuple[Path, str],
) -> None:
    path, words = refused
    with pytest.raises(DatabaseRefused, match=f"(?s){words}") as caught:
        SessionStore(path)
    assert str(path) in str(caught.value)
    assert "left as it is" in str(caught.value)


def test_a_refused_file_is_untouched_and_nothing_is_beside_it(refused: tuple[Path, str]) -> None:
    path, _ = refused
    before = everything_in(path.parent)
    for _ in range(2):
        with pytest.raises(DatabaseRefused):
            SessionStore(path)
    assert everything_in(path.parent) == before


async def test_a_hub_refuses_what_a_store_refuses(refused: tuple[Path, str]) -> None:
    path, words = refused
    with pytest.raises(DatabaseRefused, match=f"(?s){words}"):
        async with SessionHub(path, load_entry_points=False):
            pass


async def test_a_refused_file_can_be_used_once_it_is_in_order(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    text_file(path)
    hub = SessionHub(path, load_entry_points=False)
    with pytest.raises(DatabaseRefused):
        await hub.identity_of("ann")
    path.unlink()
    assert await hub.identity_of("ann") is None
    await hub.close()


def test_another_programs_log_in_use_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    foreign_in_wal_mode(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO notes VALUES ('in the log only')")
        with pytest.raises(DatabaseRefused, match="another program's"):
            SessionStore(path)
        connection.execute("INSERT INTO notes VALUES ('more')")
        assert connection.execute("SELECT COUNT(*) FROM notes").fetchone()[0] == 2
        assert connection.execute("PRAGMA application_id").fetchone()[0] == 0


def test_the_original_is_recognised_while_its_program_runs(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE sessions (session_id TEXT)")
        connection.execute("CREATE TABLE session_messages (content TEXT)")
        with pytest.raises(DatabaseRefused, match="the original SessionStore"):
            SessionStore(path)


def test_a_damaged_file_keeps_the_log_of_a_killed_process(tmp_path: Path) -> None:
    """What is in the log may be all that a recovery finds."""
    source, path = tmp_path / "source.db", tmp_path / "folder" / "bot.db"
    path.parent.mkdir()
    with SessionStore(source) as store:
        session_id = store.get_or_create("ann").session_id
        run(source, "PRAGMA wal_checkpoint(TRUNCATE)")
        store.save_message(session_id, "user", "in the log only")
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{source}{suffix}", f"{path}{suffix}")
    with path.open("r+b") as file:
        file.seek(2 * PAGE)
        file.write(b"\xa5" * PAGE * 20)
    before = (path.read_bytes(), Path(f"{path}-wal").read_bytes())
    with pytest.raises(DatabaseRefused, match="damaged"):
        SessionStore(path)
    assert (path.read_bytes(), Path(f"{path}-wal").read_bytes()) == before


# Places


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseRefused, match="cannot be opened") as caught:
        SessionStore(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatabaseRefused, match=r"cannot be (opened|created)") as caught:
        SessionStore(tmp_path / "file" / "bot.db")
    assert "bot.db" in str(caught.value)
    with pytest.raises(DatabaseRefused, match=r"cannot be (opened|created)"):
        SessionStore(tmp_path / "file" / "deeper" / "bot.db")


def test_an_empty_file_of_somebody_elses_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chmod(path: Path, mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))

    path = tmp_path / "sessions.db"
    path.touch()
    monkeypatch.setattr(Path, "chmod", chmod)
    with pytest.raises(DatabaseRefused, match=r"sessions\.db is empty, and this process may not"):
        SessionStore(path)
    assert path.stat().st_size == 0


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bot.db").symlink_to(tmp_path / "gone" / "bot.db")
    with pytest.raises(DatabaseRefused, match="cannot be opened"):
        SessionStore(tmp_path / "bot.db")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bot.db")
    with pytest.raises(DatabaseRefused, match="not a file"):
        SessionStore(tmp_path / "bot.db")


def test_a_path_with_a_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseRefused, match="cannot be created"):
        SessionStore(f"{tmp_path}/bot\0.db")


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost/1",
        "mysql://bot:hunter2@db/bot",
        "sqlite://[",
        "://",
        "postgresql:/bot:hunter2@db/bot",
    ],
)
def test_a_url_that_no_engine_serves_is_refused_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatabaseRefused, match="give the path of an SQLite file") as caught:
        SessionStore(url)
    assert url.partition(":")[0] in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# Passwords

SECRETS = ("hunt", "er2")
"""The two halves of a password; whatever stands between them may split it for a parser."""


def passwords() -> list[str]:
    between = [
        "",
        "/",
        "#",
        "?",
        "@",
        ":",
        "%",
        "%zz",
        " ",
        "[",
        "]",
        ",",
        "&",
        "=",
        ";",
        "://",
        "/?",
    ]
    return [SECRETS[0] + one + SECRETS[1] for one in between] + ["12/s?user=hunter2", "1/hunter2"]


def addresses() -> list[str]:
    """Write a server's address in every way, right and wrong, with every password."""
    forms = [
        "postgresql://bot:{}@127.0.0.1:1/db",
        "postgres://bot:{}@127.0.0.1:1",
        "postgresql://:{}@127.0.0.1:1/db",
        "postgresql://bot:{}",
        "postgresql://127.0.0.1:1/db?user=bot&password={}",
        "postgresql://127.0.0.1:1/db?{}",
        "postgresql:/bot:{}@127.0.0.1:1/db",
        "Postgresql:bot:{}@127.0.0.1:1/db",
        "postgresql+asyncpg://bot:{}@127.0.0.1:1/db",
        "jdbc:postgresql://127.0.0.1:1/db?user=bot&password={}",
        "bot:{}@127.0.0.1:1/db",
        "//bot:{}@127.0.0.1:1/db",
        "host=127.0.0.1 port=1 user=bot password={}",
        "password='{}' host=127.0.0.1 port=1",
        "Server=127.0.0.1;Port=1;User Id=bot;Password={};",
        "Driver={{PostgreSQL}};Server=127.0.0.1;Pwd={};",
        "bot:{}://127.0.0.1:1",
    ]
    well_formed = ("postgresql://bot:hunt@er2", "postgresql://bot:1/hunter2")  # a host, a database
    every = [form.format(password) for form in forms for password in passwords()]
    return [one for one in every if one not in well_formed]


def test_no_part_of_a_password_is_shown_and_no_file_is_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the error, in those that led to it, or in the log, whatever is done with it."""
    monkeypatch.chdir(tmp_path)
    SessionStore("bot.db").close()
    caplog.set_level("DEBUG")
    uses: list[Callable[[Any], Any]] = [
        SessionStore,
        lambda database: copy_database(database, "copy.db"),
        lambda database: copy_database("bot.db", database),
        lambda database: Import(database, before=None, progress=None, accounts=None).open(),
    ]
    for address in addresses():
        for use in uses:
            with pytest.raises(SessionError) as caught:
                use(address)
            said = "".join(format_exception(caught.value))
            assert not [half for half in (*SECRETS, "s?user") if half in said + caplog.text], (
                address
            )
    assert [one.name for one in tmp_path.iterdir()] == ["bot.db"]


@pytest.mark.parametrize("database", [b"bot:hunter2@db", {"password": "hunter2"}, ("hunter2",)])
def test_what_is_no_path_is_refused_without_its_content(database: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(database).__name__}") as caught:
        SessionStore(database)
    assert "hunter2" not in str(caught.value)


async def test_a_hub_says_the_right_form_of_what_looks_like_a_connection_string() -> None:
    with pytest.raises(DatabaseRefused, match="postgresql://user:password@host:5432/database"):
        SessionHub("host=127.0.0.1 user=bot password=hunter2")


def test_the_right_form_is_named_where_a_password_has_to_be_escaped() -> None:
    with pytest.raises(DatabaseRefused, match="%2F for /, %23 for #, %3F for"):
        SessionStore("postgresql://bot:hunt/er2@127.0.0.1:1/db")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://bot:hunt%2Fer2@127.0.0.1:1/db", "postgresql://127.0.0.1:1/db"),
        ("postgres://bot:hunt#er2@127.0.0.1:1/db", "postgres://127.0.0.1:1/db"),
        ("postgresql://bot:hunt?er2@[::1]:1/db", "postgresql://[::1]:1/db"),
        ("postgresql:///a%20b?host=127.0.0.1&port=1&user=x", "postgresql://127.0.0.1:1/a%20b"),
    ],
)
def test_what_is_shown_is_what_the_driver_understood(url: str, shown: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=f"^{re.escape(shown)} cannot be reached"):
        SessionStore(url)


@pytest.mark.parametrize(
    "name", ["./password=1.db", "bot=1.db", "a@b.db", "notes:1.db", "my password.db"]
)
def test_a_file_that_is_oddly_called_is_a_file_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    SessionStore(name).close()
    assert [one.name for one in tmp_path.iterdir()] == [Path(name).name]


WITHOUT_PRIVILEGES = """
    import os, sys
    import urllib.parse  # pathlib loads it late, and Python may lie where nobody else may read
    import session_plugin.database.sqlite
    from session_plugin import SessionError, SessionStore
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        SessionStore(sys.argv[1]).get_or_create("ann")
    except SessionError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_a_process_may_only_read_is_refused_by_its_name(
    what: str, spawn: Callable[..., Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bot.db"
        if what == "file":
            SessionStore(path).close()
            path.chmod(0o444)
        Path(folder).chmod(0o555)
        output, _ = spawn(WITHOUT_PRIVILEGES, path).communicate(timeout=60)
        Path(folder).chmod(0o755)
        assert output.startswith(f"DatabaseRefused {path}")
        assert re.search("the right to write it|permission", output)
        assert [one.name for one in Path(folder).iterdir()] == (
            ["bot.db"] if what == "file" else []
        )
