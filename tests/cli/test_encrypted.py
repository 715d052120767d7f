"""Commands on an encrypted database, with its master key in the environment."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from session_plugin import Keys, SessionHub
from session_plugin.cli.encryption_checks import check_encryption
from session_plugin.reports import EncryptionStatus

from .conftest import ANN, SCHEMAS, SECRET

PLAIN = EncryptionStatus(
    state="sealed",
    sealed_messages=3,
    messages=3,
    keys=2,
    keys_to_destroy=0,
    destroying_since=None,
)


@pytest.fixture
def master() -> str:
    return secrets.token_hex(32)


@pytest.fixture
def environ(master: str, tmp_path: Path) -> dict[str, str | None]:
    """What a command line needs; the key store is a file on both backends."""
    return {
        "SESSION_KEY": master,
        "SESSION_KEY_FILE": None,
        "SESSION_KEY_PREVIOUS": None,
        "SESSION_KEY_STORE": str(tmp_path / "elsewhere.keys"),
    }


@pytest.fixture
def sealed(filled: str, environ: dict[str, str | None]) -> str:
    async def seal() -> None:
        keys = Keys(environ["SESSION_KEY"], store=environ["SESSION_KEY_STORE"])
        async with SessionHub(filled, secret=SECRET, upkeep_minutes=None, encryption=keys) as hub:
            await hub.upkeep()

    asyncio.run(seal())
    return filled


@pytest.fixture
def run_sealed(run: Any, sealed: str, environ: dict[str, str | None]) -> Callable[..., Any]:
    return lambda *words, **others: run(sealed, *words, **{**environ, **others})


def test_without_the_key_the_error_says_what_to_set(run: Any, sealed: str) -> None:
    ran = run(sealed, "status", SESSION_KEY=None, SESSION_KEY_FILE=None, SESSION_KEY_STORE=None)
    assert ran.status == 1
    for name in ("SESSION_KEY", "SESSION_KEY_FILE", "SESSION_KEY_STORE"):
        assert name in ran.err


def test_another_key_is_refused(run_sealed: Any) -> None:
    ran = run_sealed("status", SESSION_KEY=secrets.token_hex(32))
    assert ran.status == 1
    assert "another master key" in ran.err


def test_what_is_sealed_is_shown(run_sealed: Any, tmp_path: Path) -> None:
    assert "My cat is called Tom 5." in run_sealed("show", "discord:1001", "--show-text").out
    assert (
        "My cat is called Tom 5." in run_sealed("search", "discord:1001", "cat", "--show-text").out
    )
    assert "'Ann'" in run_sealed("people").out
    assert "'Lobby'" in run_sealed("sessions").out
    assert run_sealed("export", "discord:1001", str(tmp_path / "ann.jsonl")).status == 0
    assert "My cat is called Tom 5." in (tmp_path / "ann.jsonl").read_text()
    found = json.loads(run_sealed("status", "--json").out)["encryption"]
    assert found["state"] == "sealed"
    assert found["sealed_messages"] == found["messages"] == 9
    assert "encryption" in run_sealed("status").out


def test_what_is_changed_stays_sealed(run_sealed: Any, sealed: str, tmp_path: Path) -> None:
    assert run_sealed("link", "discord:1001", "telegram:2002", "--yes").status == 0
    copied = run_sealed("backup", str(tmp_path / "copy.db"))
    assert copied.status == 0
    assert b"My cat" not in (tmp_path / "copy.db").read_bytes()
    assert run_sealed("forget", "discord:1003", "--yes").status == 0
    assert "'Bob'" not in run_sealed("people").out


def test_doctor_finds_the_database_well(run_sealed: Any) -> None:
    found = {one["check"]: one for one in json.loads(run_sealed("doctor", "--json").out)}
    assert found["encryption"]["state"] == "ok"


def checked(words: str, out: str) -> Any:
    schema = json.loads((SCHEMAS / f"{words.replace(' ', '-')}.json").read_text())
    jsonschema.validate(json.loads(out), schema, cls=jsonschema.Draft202012Validator)
    return json.loads(out)


def test_a_new_key_is_one(run: Any) -> None:
    key = run(None, "keys", "new").out.strip()
    assert len(bytes.fromhex(key)) == 32
    assert checked("keys new", run(None, "keys", "new", "--json").out)["key"] != key
    Keys(key)


def test_the_master_key_is_replaced(run_sealed: Any, master: str) -> None:
    new = secrets.token_hex(32)
    assert "another master key" in run_sealed("keys", "rotate", SESSION_KEY=new).err
    ran = run_sealed("keys", "rotate", "--json", SESSION_KEY=new, SESSION_KEY_PREVIOUS=master)
    assert checked("keys rotate", ran.out)["rewrapped"] > 3
    again = run_sealed("keys", "rotate", SESSION_KEY=new)
    assert "already" in again.out
    assert "My cat" in run_sealed("show", "discord:1001", "--show-text", SESSION_KEY=new).out
    assert "another master key" in run_sealed("status").err


def test_the_status_of_keys(run_sealed: Any, environ: dict[str, str | None]) -> None:
    found = checked("keys status", run_sealed("keys", "status", "--json").out)
    assert found["store"] == environ["SESSION_KEY_STORE"]
    assert found["encryption"]["state"] == "sealed"
    assert "sealed messages" in run_sealed("keys", "status").out


def test_new_keys_for_everybody(run_sealed: Any) -> None:
    renewed = checked("keys renew", run_sealed("keys", "renew", "--json").out)["renewed"]
    assert renewed > 1
    assert run_sealed("keys", "renew").out == "0 keys are replaced as people write\n"


def test_keys_of_a_database_without_encryption(
    run: Any, filled: str, environ: dict[str, str | None]
) -> None:
    """Commands work on it with the key at hand, and make no store of keys."""
    assert run(filled, "status", **environ).status == 0
    ran = run(filled, "keys", "status", **environ)
    assert ran.status == 1
    assert not Path(str(environ["SESSION_KEY_STORE"])).exists()


def test_a_command_next_to_a_bot_that_opens_seals_nothing(
    run_sealed: Any, sealed: str, environ: dict[str, str | None], raw: Any
) -> None:
    """What the database says is done, not what the tool's keys would."""

    async def open_again() -> None:
        keys = Keys(environ["SESSION_KEY"], store=environ["SESSION_KEY_STORE"], is_on=False)
        async with SessionHub(sealed, secret=SECRET, upkeep_minutes=None, encryption=keys) as hub:
            (session,) = await hub.sessions(ANN)
            await asyncio.to_thread(
                run_sealed, "consolidate", session.session_id, "--threshold", "2"
            )
            found = (await hub.status()).encryption
            assert found is not None
            assert found.state == "opening"

    asyncio.run(open_again())
    ((content,),) = raw.rows("SELECT content FROM summaries")
    assert bytes(content).decode()


def findings(where: str | Path, found: EncryptionStatus | None) -> dict[str, str]:
    return {one.check: one.state for one in check_encryption(str(where), found)}


@pytest.mark.parametrize(
    ("hours", "state"), [(0.1, "note"), (5.0, "needs a hand")], ids=["a while", "long"]
)
def test_keys_that_wait_to_be_destroyed(tmp_path: Path, hours: float, state: str) -> None:
    since = time.time() - hours * 3600
    waiting = EncryptionStatus(
        state="sealed",
        sealed_messages=1,
        messages=1,
        keys=2,
        keys_to_destroy=2,
        destroying_since=since,
    )
    assert findings(tmp_path / "bot.db", waiting) == {"encryption": state}


def test_a_key_store_next_to_the_database_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, elsewhere = tmp_path / "bot.db", tmp_path / "keys"
    monkeypatch.delenv("SESSION_KEY_STORE", raising=False)
    monkeypatch.delenv("SESSION_KEY_FILE", raising=False)
    (tmp_path / "bot.db.keys").touch()
    assert findings(where, PLAIN) == {"encryption": "ok", "key store": "note"}
    elsewhere.mkdir()
    shutil.move(tmp_path / "bot.db.keys", elsewhere / "bot.keys")
    monkeypatch.setenv("SESSION_KEY_STORE", str(elsewhere / "bot.keys"))
    assert findings(where, PLAIN) == {"encryption": "ok", "key store": "ok"}
    assert findings(where, None) == {}


def test_a_master_key_that_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "master"
    file.write_text(secrets.token_hex(32))
    monkeypatch.setenv("SESSION_KEY_FILE", str(file))
    file.chmod(0o644)
    assert findings(tmp_path / "bot.db", PLAIN)["master key"] == "needs a hand"
    file.chmod(0o600)
    assert findings(tmp_path / "bot.db", PLAIN)["master key"] == "ok"
