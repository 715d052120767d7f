"""The secret under which link codes and forgotten accounts are hashed. It never lies in the
database it protects.

It is the one that the author gives, or the environment's, or a file beside an SQLite database, made
when it is first needed and readable by its owner alone. Knows no operations and no SQL.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from session_plugin.database.sqlite_file import MEMORY
from session_plugin.errors import LinkingOff, SessionError
from session_plugin.rules.codes import code_hash, codes_in, read_code

ENVIRONMENT = "SESSION_SECRET"
SHORTEST = 16
"""Bytes of a secret; a shorter one could be tried out."""

logger = logging.getLogger("session_plugin.hub")


class Keys:
    """One hub's secret, and what is hashed with it."""

    def __init__(self, secret: str | bytes | None, *, database: str) -> None:
        """Take a secret, or find out later where one is.

        Raises:
            TypeError: the secret is neither text nor bytes.
            ValueError: it has fewer than 16 bytes.
        """
        given = os.environ.get(ENVIRONMENT) or None if secret is None else secret
        self._secret = None if given is None else _checked(given)
        self._database = database
        self._guard = threading.Lock()
        self._has_complained = False

    def code_hash(self, typed: str) -> bytes | None:
        """Hash a code as somebody typed it; None if it cannot be one.

        Raises:
            LinkingOff: there is no secret.
        """
        key, code = self._needed(), read_code(typed)
        return None if code is None else code_hash(code, key=key)

    def code_hashes_in(self, text: str) -> frozenset[bytes]:
        """Hash all that could be a code in a text.

        Raises:
            LinkingOff: there is something, and no secret.
        """
        codes = codes_in(text)
        if not codes:
            return frozenset()
        key = self._needed()
        return frozenset(code_hash(code, key=key) for code in codes)

    def keyed_hash(self, *parts: str) -> bytes:
        """Hash ids, so that they are known again without being kept; without a secret, anybody who
        has the ids can.

        With a secret that is there and cannot be used nobody is known again, rather than that
        nothing can be stored.
        """
        try:
            key = self._found() or b""
        except SessionError as error:
            if not self._has_complained:
                logger.warning("whoever was forgotten is not known again: %s", error)
            self._has_complained = True
            return secrets.token_bytes(32)
        name = "\0".join(parts)  # ids have no NUL, so no two lists are written alike
        return hmac.digest(key, b"session_plugin forgotten:" + name.encode(), "sha256")

    def _needed(self) -> bytes:
        key = self._found()
        if key is None:
            raise LinkingOff
        return key

    def _found(self) -> bytes | None:
        with self._guard:
            if self._secret is None and self._database == MEMORY:
                self._secret = secrets.token_bytes(32)
            elif self._secret is None and "://" not in self._database:
                self._secret = _in_file(Path(f"{self._database}.secret"))
            return self._secret


def _checked(secret: str | bytes) -> bytes:
    if not isinstance(secret, str | bytes):
        raise TypeError(f"a secret is text or bytes, not {type(secret).__name__}")
    key = secret.encode() if isinstance(secret, str) else secret
    if len(key) < SHORTEST:
        raise ValueError(
            f"a secret of {len(key)} bytes can be guessed: give {SHORTEST} or more, "
            "secrets.token_hex() say"
        )
    return key


def _in_file(path: Path) -> bytes:
    """Read the secret beside a database; make one if there is none. Whoever comes second takes the
    first one's.

    Raises:
        SessionError: it cannot be read or made, or somebody has emptied it.
    """
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes().strip()
        if os.name == "posix" and path.stat().st_mode & 0o077:
            logger.warning(
                "others than its owner may read %s; chmod 600 it, for whoever has it can try "
                "codes out",
                path,
            )
    except OSError as error:
        raise SessionError(
            f"the secret {path} cannot be read or made ({error.strerror}): check its "
            f"permissions, or set {ENVIRONMENT}"
        ) from error
    if len(key) < SHORTEST:
        raise SessionError(
            f"the secret in {path} is too short: restore the file, or remove it, and a new one "
            "is made"
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)  # in one piece, or not at all: nobody reads half a secret
    finally:
        draft.unlink()
