"""What a key store promises. Knows no database and no cipher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

KEY_BYTES = 32
"""Bytes of a key, of AES-256."""


class KeyStore(Protocol):
    """Where the keys of people's words live, apart from the database with the words.

    Two are built in: an SQLite file, and a schema of its own on a PostgreSQL server. Write another
    one to have the keys in a vault or a key management service: any object with these four methods
    is one. It protects the keys itself, so it takes no master key.

    An id is 8 random bytes, a key 32. Each call is on a thread of its own, several at a time. They
    raise `DatabaseUnavailable` while the keys cannot be reached: messages wait then, and are stored
    later. Give up after some seconds, as the two that are built in do: the writer, and who is being
    forgotten, wait for you.

    A call that has not returned after ten seconds, and a tenth of a second for each key, counts as
    failed: `forget` returns, with the keys noted as still to be destroyed, and the program can end.
    The call goes on by itself, as nothing can stop it; what it answers later is not used. Until one
    returns, others fail at once, and one is tried now and then, but when 32 hang. `rewrap` has a
    minute, and is not called anew before it has returned.

    An id that was destroyed is never used again.

    Example:
        class Shelf:
            def __init__(self):
                self.keys = {}

            def create(self, key_ids):
                return {one: self.keys.setdefault(one, os.urandom(32)) for one in key_ids}

            def unwrap(self, key_ids):
                return {one: self.keys[one] for one in key_ids if one in self.keys}

            def destroy(self, key_ids):
                return sum(self.keys.pop(one, None) is not None for one in key_ids)

            def rewrap(self):
                return 0

        keys = Keys(store=Shelf())
    """

    def create(self, key_ids: Sequence[bytes], /) -> Mapping[bytes, bytes]:
        """Make a key for each id, and return them by id.

        They are on disk when this returns. A key that exists already is returned as it is, so that
        the call can be repeated.
        """

    def unwrap(self, key_ids: Sequence[bytes], /) -> Mapping[bytes, bytes]:
        """Return the keys by id; those that do not exist are left out."""

    def destroy(self, key_ids: Sequence[bytes], /) -> int:
        """Destroy keys for good, and return how many there were.

        When this returns, nobody gets them out of the store any more. Ids without a key are passed
        over, so that the call can be repeated.
        """

    def rewrap(self) -> int:
        """Protect all keys with the newest master key, and return how many were not yet.

        Called at each opening; it must not lose a key if it is interrupted.
        """
