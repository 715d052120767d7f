"""The secret key for hashes of link codes and of forgotten accounts, and what is hashed with it.

The secret is the argument `secret`, else the environment variable SESSION_SECRET, else a file next
to the SQLite database: created when first needed, readable by its owner only. It is never stored
in the database whose hashes it protects; a fingerprint of it is. Knows no operations and no SQL.
"""

from __future__ import annotations

import hmac
import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from session_plugin.database.sqlite_file import MEMORY, SECRET, protect
from session_plugin.errors import LinkingOff, SessionError
from session_plugin.logs import FieldLogger
from session_plugin.rules.codes import code_hash, codes_in, half_hash, read_code

ENVIRONMENT = "SESSION_SECRET"
SHORTEST = 16
"""Bytes of a secret; a shorter one could be found by trying all."""

UNKEYED = hmac.digest(b"", b"session_plugin fingerprint", "sha256")
"""The fingerprint where there is no secret."""

logger = FieldLogger("session_plugin.hub")


class Secret:
    """The secret of one hub."""

    def __init__(self, secret: str | bytes | None, *, database: str, may_make: bool = True) -> None:
        """Check the secret; without one, the secret file is looked up when it is first needed.

        Args:
            secret: The argument of the hub.
            database: The path or URL of the database.
            may_make: Create the secret file if it is missing.

        Raises:
            TypeError: the secret is neither text nor bytes.
            ValueError: it has fewer than 16 bytes.
        """
        given = os.environ.get(ENVIRONMENT) or None if secret is None else secret
        self._bytes = None if given is None else _checked(given)
        self.is_given = given is not None
        """Whether it is the argument or in the environment, so no file is used."""
        self._database = database
        self._may_make = may_make
        self._guard = threading.Lock()
        self._has_complained = False

    @property
    def file(self) -> Path | None:
        """Where the secret file is, or would be; None if none is used."""
        has_none = self.is_given or self._database == MEMORY or "://" in self._database
        return None if has_none else Path(f"{self._database}{SECRET}")

    def fingerprint(self, *, may_make: bool = True) -> bytes | None:
        """Return what tells this secret from others; None if its file is missing, unless it is
        made.

        Raises:
            SessionError: the file cannot be read or created, or is too short.
        """
        file = self.file
        if not may_make and self._bytes is None and file is not None and not file.exists():
            return None

        return hmac.digest(self._found() or b"", b"session_plugin fingerprint", "sha256")

    def fingerprint_if_readable(self) -> bytes | None:
        """Return the fingerprint; None if the secret cannot be read."""
        try:
            return self.fingerprint()
        except SessionError:
            return None

    def code_hash(self, typed: str) -> bytes | None:
        """Return the keyed hash of a code as it was typed; None if it is not a code.

        Raises:
            LinkingOff: there is no secret.
        """
        key, code = self._needed(), read_code(typed)
        return None if code is None else code_hash(code, key=key)

    def half_hash(self, typed: str) -> bytes | None:
        """Return the keyed hash of the first half of a code; None if it is not a code.

        Raises:
            LinkingOff: there is no secret.
        """
        key, code = self._needed(), read_code(typed)
        return None if code is None else half_hash(code, key=key)

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
                logger.warning(
                    "accounts that were forgotten cannot be recognised: %(error)s", error=error
                )
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
            if self._bytes is None and self._database == MEMORY:
                self._bytes = secrets.token_bytes(32)
            elif self._bytes is None and self.file is not None:
                self._bytes = _in_file(self.file, may_make=self._may_make)
            return self._bytes


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


def _in_file(path: Path, *, may_make: bool) -> bytes:
    """Read the secret file of a database; create it if it is missing and may be made.

    Of two processes that create it at the same time, both read the file of the first.

    Raises:
        SessionError: it cannot be read or created, or it holds fewer than 16 bytes.
    """
    try:
        if may_make and not path.exists():
            _make(path)
        protect(str(path), "")
        key = path.read_bytes().strip()
    except OSError as error:
        raise SessionError(
            f"the secret {path} cannot be read or created ({error.strerror}): put it back, check "
            f"its permissions, or set {ENVIRONMENT}"
        ) from error

    if len(key) < SHORTEST:
        raise SessionError(
            f"the secret in {path} is too short: restore the file from a backup. If it is lost, "
            "remove it, and session_plugin.accept_lost_secret(database) lets a new one be created"
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
