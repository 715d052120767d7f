"""In which forms a master key is taken, and which are refused; no error shows one."""

from __future__ import annotations

import base64
import logging
import os
import secrets
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from session_plugin import DatabaseRefused, DatabaseUnavailable, Keys
from session_plugin.encryption.keys import OpenKeys

RAW = bytes(range(100, 132))
FORMS = {
    "hex": RAW.hex(),
    "upper hex": RAW.hex().upper(),
    "hex with a line end": f"{RAW.hex()}\n",
    "base64": base64.b64encode(RAW).decode(),
    "base64 without padding": base64.b64encode(RAW).decode().rstrip("="),
    "base64 of URLs": base64.urlsafe_b64encode(RAW).decode(),
    "hex as bytes": RAW.hex().encode(),
    "bytes": RAW,
}
NO_KEYS = {
    "nothing": "",
    "a password": "correct horse battery staple",
    "63 digits": "a1b2c3d4" * 7 + "a1b2c3d",
    "32 digits": "a1b2c3d4" * 4,
    "32 letters as bytes": b"abcdefghijklmnopqrstuvwxyz012345",
    "31 bytes": RAW[:31],
    "a placeholder": "0" * 64,
    "base64 of 31 bytes": base64.b64encode(RAW[:31]).decode(),
}

OpenIt = Callable[..., OpenKeys]


@pytest.fixture
def ids(open_keys: OpenIt, new_ids: Callable[[int], list[bytes]]) -> list[bytes]:
    """Keys that RAW has wrapped."""
    made = new_ids(3)
    keys = open_keys(RAW)
    keys.store.create(made)
    keys.close()
    return made


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "master.key"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_each_form_is_the_same_key(form: Any, open_keys: OpenIt, ids: list[bytes]) -> None:
    assert len(open_keys(form).store.unwrap(ids)) == 3
    assert len(open_keys(lambda: form).store.unwrap(ids)) == 3


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_file_holds_each_form(
    form: Any, key_file: Path, open_keys: OpenIt, ids: list[bytes]
) -> None:
    key_file.write_bytes(form if isinstance(form, bytes) else form.encode())
    key_file.chmod(0o600)
    assert len(open_keys(key_file).store.unwrap(ids)) == 3


def test_the_environment_has_the_key(
    monkeypatch: pytest.MonkeyPatch, open_keys: OpenIt, ids: list[bytes]
) -> None:
    monkeypatch.setenv("SESSION_KEY", RAW.hex())
    assert len(open_keys(None).store.unwrap(ids)) == 3


def test_the_environment_names_the_file(
    monkeypatch: pytest.MonkeyPatch, key_file: Path, open_keys: OpenIt, ids: list[bytes]
) -> None:
    key_file.write_text(RAW.hex())
    monkeypatch.setenv("SESSION_KEY_FILE", str(key_file))
    assert len(open_keys(None).store.unwrap(ids)) == 3


def test_the_argument_takes_precedence_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, open_keys: OpenIt, ids: list[bytes]
) -> None:
    monkeypatch.setenv("SESSION_KEY", secrets.token_hex(32))
    assert len(open_keys(RAW).store.unwrap(ids)) == 3


def test_a_key_and_a_file_in_the_environment_are_refused(
    monkeypatch: pytest.MonkeyPatch, open_keys: OpenIt
) -> None:
    monkeypatch.setenv("SESSION_KEY", RAW.hex())
    monkeypatch.setenv("SESSION_KEY_FILE", "/etc/key")
    with pytest.raises(DatabaseRefused, match="both set"):
        open_keys(None)


def test_no_key_at_all_is_refused_and_creates_nothing(open_keys: OpenIt, bot_file: str) -> None:
    with pytest.raises(DatabaseRefused, match=r"set SESSION_KEY.*token_hex"):
        open_keys(None)
    assert list(Path(bot_file).parent.iterdir()) == []


@pytest.mark.parametrize("form", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_what_is_no_key_is_refused_at_once(form: Any) -> None:
    with pytest.raises(ValueError, match="master is not a key") as caught:
        Keys(form)
    assert not form or str(form) not in str(caught.value)
    with pytest.raises(ValueError, match=r"previous\[1\] is not a key"):
        Keys(RAW, previous=[RAW, form])


@pytest.mark.parametrize("form", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_what_is_no_key_is_refused_at_opening_and_not_shown(
    form: Any, key_file: Path, open_keys: OpenIt, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file.write_bytes(form if isinstance(form, bytes) else form.encode())
    for given in (key_file, lambda: form):
        with pytest.raises(DatabaseRefused, match="not a master key") as caught:
            open_keys(given)
        assert not form or str(form) not in "".join(traceback.format_exception(caught.value))
    if isinstance(form, str) and form:
        monkeypatch.setenv("SESSION_KEY", form)
        with pytest.raises(DatabaseRefused, match="SESSION_KEY: this is not a master key"):
            open_keys(None)


@pytest.mark.parametrize("given", [5, None, ["a"]])
def test_another_type_is_an_error(given: Any) -> None:
    with pytest.raises(TypeError, match=r"previous\[0\] must be a key"):
        Keys(RAW, previous=[given])


def test_a_function_is_asked_once_at_each_opening(open_keys: OpenIt) -> None:
    asked: list[int] = []

    def ask() -> bytes:
        asked.append(1)
        return RAW

    keys = Keys(ask)
    assert asked == []
    keys.open(":memory:").close()
    assert len(asked) == 1


def test_a_function_that_fails_makes_the_database_unavailable(open_keys: OpenIt) -> None:
    def ask() -> bytes:
        raise OSError(f"cannot decrypt {RAW.hex()}")

    with pytest.raises(DatabaseUnavailable, match="raised OSError") as caught:
        open_keys(ask)
    assert RAW.hex() not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_missing_file_is_refused_with_its_name(key_file: Path, open_keys: OpenIt) -> None:
    with pytest.raises(DatabaseRefused, match=r"master\.key cannot be read"):
        open_keys(key_file)


def test_a_file_in_the_folder_of_the_database_is_refused(bot_file: str, open_keys: OpenIt) -> None:
    key_file = Path(bot_file).with_name("master.key")
    key_file.write_text(RAW.hex())
    with pytest.raises(DatabaseRefused, match="in the folder of its database"):
        open_keys(key_file)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o604])
def test_a_file_that_others_can_read_is_warned_of(
    mode: int, key_file: Path, open_keys: OpenIt, caplog: pytest.LogCaptureFixture
) -> None:
    key_file.write_text(RAW.hex())
    key_file.chmod(mode)
    with caplog.at_level(logging.WARNING):
        open_keys(key_file)
    assert ("can be read by other users" in caplog.text) is bool(mode & 0o077)
    assert key_file.stat().st_mode & 0o777 == mode


def test_nothing_shows_a_key(open_keys: OpenIt) -> None:
    opened = open_keys(RAW.hex())
    keys = Keys(RAW.hex(), previous=[RAW])
    shown = f"{keys!r} {opened!r} {opened.store!r}"
    assert RAW.hex() not in shown
    assert repr(RAW) not in shown


def test_without_cryptography_keys_say_how_to_get_it() -> None:
    script = """
import sys
sys.modules["cryptography"] = None
import session_plugin
from session_plugin import *
try:
    session_plugin.Keys("ab12cd34ef5601789bdf1357ace02468" * 2)
except session_plugin.SessionError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'session-plugin[encryption]'" in ran.stdout


def test_importing_keys_brings_no_cryptography() -> None:
    script = "import sys, session_plugin; session_plugin.Keys; print('cryptography' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
