"""The secret key for hashes of link codes and of forgotten accounts, and what is hashed with it.

The secret is the argument `secret`, else the environment variable SESSION_SECRET, else a file next
to the SQLite database: created when first needed, readable by its owner only. It is never stored
in the database whose hashes it protects. Knows no operations and no SQL.
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
"""Bytes of a secret; a shorter one could be found by trying all."""

logger = logging.getLogger("session_plugin.hub")


class Keys:
    """The secret of one hub."""

    def __init__(self, secret: str | bytes | None, *, database: str) -> None:
        """Check the secret; without one, the secret file is looked up when it is first needed.

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
        """Return the keyed hash of a code as it was typed; None if it is not a code.

        Raises:
            LinkingOff: there is no secret.
        """
        key, code = self._needed(), read_code(typed)
        return None if code is None else code_hash(code, key=key)

    def code_hashes_in(self, text: str) -> frozenset[bytes]:
        """Return the keyed hashes of everything in a text that could be a code.

        Raises:
            LinkingOff: the text may contain a code, and there is no secret.
        """
        codes = codes_in(text)
        if not codes:
            return frozenset()

        key = self._needed()
        return frozenset(code_hash(code, key=key) for code in codes)

    def keyed_hash(self, *parts: str) -> bytes:
        """Return a hash by which ids are recognised without being stored.

        Without a secret the key is empty, so anyone who has the ids can compute the hash. If
        there is a secret that cannot be read, the hash is random: storing goes on, but nothing
        is recognised.
        """
        try:
            key = self._found() or b""
        except SessionError as error:
            if not self._has_complained:
                logger.warning("accounts that were forgotten cannot be recognised: %s", error)
            self._has_complained = True
            return secrets.token_bytes(32)

        name = "\0".join(parts)  # ids contain no NUL, so the join is unambiguous
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
        raise TypeError(f"secret must be text or bytes, not {type(secret).__name__}")

    key = secret.encode() if isinstance(secret, str) else secret
    if len(key) < SHORTEST:
        raise ValueError(
            f"a secret of {len(key)} bytes can be guessed: use {SHORTEST} bytes or more, for "
            "example secrets.token_hex()"
        )
    return key


def _in_file(path: Path) -> bytes:
    """Read the secret file of a database; create it if it is missing.

    Of two processes that create it at the same time, both read the file of the first.

    Raises:
        SessionError: it cannot be read or created, or it holds fewer than 16 bytes.
    """
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes().strip()
        is_readable_by_others = os.name == "posix" and path.stat().st_mode & 0o077
    except OSError as error:
        raise SessionError(
            f"the secret {path} cannot be read or created ({error.strerror}): check its "
            f"permissions, or set {ENVIRONMENT}"
        ) from error

    if is_readable_by_others:
        logger.warning(
            "%s can be read by other users, who could then try out link codes: chmod 600 it", path
        )
    if len(key) < SHORTEST:
        raise SessionError(
            f"the secret in {path} is too short: restore the file from a backup, or remove it to "
            "have a new one created"
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
            path.hardlink_to(draft)  # atomic: nobody reads half a secret
    finally:
        draft.unlink()
