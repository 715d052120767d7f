"""The master key, which wraps the keys in a store: where it is found, and wrapping with it.

Errors and logs never show it, nor anything of what was given for one. Knows no store.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from session_plugin.encryption.stores import KEY_BYTES
from session_plugin.errors import DatabaseRefused, DatabaseUnavailable, SessionError
from session_plugin.logs import FieldLogger

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Master = str | bytes | Path | Callable[[], str | bytes]
"""How a master key is given: 64 hex digits, base64 or bytes of it, its file, or what returns it."""

ENVIRONMENT, FILE_ENVIRONMENT = "SESSION_KEY", "SESSION_KEY_FILE"
PREVIOUS_ENVIRONMENT = "SESSION_KEY_PREVIOUS"
"""The master key that the one in the environment replaces, while keys are still wrapped with it."""
NONCE_BYTES = 12
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + 16
"""A wrapped key: nonce, key and tag."""
LEAST_DIFFERENT = 8
"""Different bytes of a key. One of 32 random bytes has fewer once in 10^30; a placeholder has."""
LONGEST_FILE = 4096

FORM = (
    "a key is 32 random bytes, as 64 hex digits or base64; make one with: "
    'python -c "import secrets; print(secrets.token_hex(32))"'
)

_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{43}=?")

logger = FieldLogger("session_plugin.encryption")


class WrongMasterKey(DatabaseRefused):
    """The keys in the store are wrapped with another master key. Give that one, or as `previous`.

    Nothing was changed.
    """


class MasterKey:
    """One master key: AES-256-GCM, bound to the id of the key that is wrapped."""

    def __init__(self, key: bytes) -> None:
        """Take the 32 bytes of it.

        Raises:
            SessionError: cryptography is not installed.
        """
        self.master_id = hmac.digest(key, b"session_plugin master key", "sha256")[:16]
        """Tells it from others, and tells nothing of it."""
        made = cipher(key)
        self._encrypt, self._decrypt = made.encrypt, made.decrypt
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - optional

        self._invalid = InvalidTag

    def wrap(self, key_id: bytes, key: bytes) -> bytes:
        """Return a key as it may be stored."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._encrypt(nonce, key, key_id)

    def unwrap(self, key_id: bytes, wrapped: bytes) -> bytes | None:
        """Return a key; None if it is damaged, or another id's."""
        try:
            return self._decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id)
        except self._invalid:
            return None

    def rewrap(self, rows: Iterable[tuple[bytes, bytes]], new: MasterKey) -> list[bytes]:
        """Return keys wrapped with another master key, in the order of their ids and wrappings;
        fewer, if one is damaged.

        A hundred thousand take a third of a second of processor time.
        """
        unwrap, wrap = self.unwrap, new.wrap
        return [
            wrap(key_id, key)
            for key_id, wrapped in rows
            if (key := unwrap(key_id, wrapped)) is not None
        ]


class MasterKeys:
    """The master key that is to be used, and earlier ones."""

    def __init__(self, current: bytes, previous: Iterable[bytes] = ()) -> None:
        """Take the bytes of each."""
        self.current = MasterKey(current)
        known = [*map(MasterKey, previous), self.current]
        self._by_id = {master.master_id: master for master in known}

    def of(self, master_id: bytes, store: str) -> MasterKey:
        """Return the one that wraps the keys of a store.

        Raises:
            WrongMasterKey: it is none of these.
        """
        found = self._by_id.get(master_id)
        if found is None:
            raise WrongMasterKey(
                f"the keys in {store} are wrapped with another master key than the one that is "
                f"given here; nothing was changed. Give the one that was used, by {ENVIRONMENT} or "
                "Keys(master); to replace it by a new one, also give the old one: "
                "Keys(new, previous=[old]), or SESSION_KEY_PREVIOUS"
            )

        return found

    def in_use(self, master_id: bytes, store: str) -> MasterKey:
        """Return the one that wraps the keys of a store that has been open for a while.

        Raises:
            DatabaseUnavailable: another process has wrapped them with a new one.
        """
        try:
            return self.of(master_id, store)
        except WrongMasterKey as error:
            raise DatabaseUnavailable(
                f"another process has wrapped the keys in {store} with a new master key; start "
                "this one anew with that key"
            ) from error


def cipher(key: bytes) -> AESGCM:
    """Return AES-GCM with a key.

    Raises:
        SessionError: cryptography is not installed.
    """
    return _aesgcm()(key)


@cache
def _aesgcm() -> type[AESGCM]:
    """Return what makes ciphers, imported once: they are made while messages are read."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SessionError(
            f"encryption needs cryptography, which cannot be imported ({error}): pip install "
            "'session-plugin[encryption]'"
        ) from error

    return AESGCM


def check_master(name: str, given: object) -> None:
    """Check what can be known of a master key before it is needed.

    Raises:
        TypeError: it is given in none of the forms.
        ValueError: it is text or bytes, and not a key.
    """
    if isinstance(given, str | bytes):
        if key_in(given) is None:
            raise ValueError(f"{name} is not a key: {FORM}. A file is given as pathlib.Path.")
    elif not isinstance(given, Path) and not callable(given):
        raise TypeError(
            f"{name} must be a key, the pathlib.Path of its file, or a function that returns it, "
            f"not {type(given).__name__}"
        )


def in_environment() -> Master | None:
    """Return what the environment says: SESSION_KEY, the key, or SESSION_KEY_FILE, its file.

    Raises:
        DatabaseRefused: it says both.
    """
    key, file = os.environ.get(ENVIRONMENT), os.environ.get(FILE_ENVIRONMENT)
    if key and file:
        raise DatabaseRefused(
            f"{ENVIRONMENT} and {FILE_ENVIRONMENT} are both set; unset the one that is not meant"
        )

    return key or (Path(file) if file else None)


def read_master(given: Master, *, database: str) -> bytes:
    """Return the 32 bytes of a master key.

    Raises:
        DatabaseRefused: it is not a key, or its file cannot be read or lies next to the database.
        DatabaseUnavailable: the function that returns it failed.
    """
    if isinstance(given, Path):
        return _in_file(given, database=database)

    where = ENVIRONMENT
    if not isinstance(given, str | bytes):
        where, given = "what the function returned", _asked(given)

    return _needed(given, where)


def key_in(given: object) -> bytes | None:
    """Return the 32 bytes that text or bytes stand for; None if that is no key."""
    if isinstance(given, bytes) and len(given) == KEY_BYTES:
        key: bytes | None = None if given.isascii() and given.decode().isprintable() else given
    else:
        key = _in_text(given)

    return None if key is None or len(set(key)) < LEAST_DIFFERENT else key


def _in_text(given: object) -> bytes | None:
    if isinstance(given, bytes):
        given = given.decode("ascii", "replace")
    if not isinstance(given, str):
        return None

    text = given.strip()
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if not _BASE64.fullmatch(text):
        return None

    plain = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(plain + "=", validate=True)
    except binascii.Error:
        return None


def _asked(function: Callable[[], str | bytes]) -> str | bytes:
    try:
        return function()
    except SessionError:  # it has not answered in time
        raise
    except Exception as error:
        raise DatabaseUnavailable(
            f"the master key cannot be had: the function that returns it raised "
            f"{type(error).__name__}; what was not stored waits for it"
        ) from error


def _in_file(path: Path, *, database: str) -> bytes:
    path = path.expanduser().absolute()
    if "://" not in database and path.resolve().parent == Path(database).resolve().parent:
        raise DatabaseRefused(
            f"the master key {path} lies in the folder of its database: a copy of the folder would "
            "open everything. Put it elsewhere, readable by the bot only."
        )

    try:
        state = path.stat()
        with path.open("rb") as file:
            found = file.read(LONGEST_FILE)
    except OSError as error:
        raise DatabaseRefused(
            f"the master key {path} cannot be read ({error.strerror}): put it back, or check its "
            "permissions"
        ) from error

    if os.name == "posix" and state.st_mode & 0o077:
        logger.warning(
            "the master key %(file)s can be read by other users: chmod 600 it", file=path
        )

    return _needed(found, str(path))


def _needed(given: object, where: str) -> bytes:
    key = key_in(given)
    if key is None:
        raise DatabaseRefused(f"{where}: this is not a master key; {FORM}")

    return key
