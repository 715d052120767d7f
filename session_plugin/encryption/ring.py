"""Data keys of one key store, as a process has them in memory while it uses them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from session_plugin.encryption.cells import KEY_ID_BYTES, Cipher
from session_plugin.encryption.keys import OpenKeys
from session_plugin.encryption.master import cipher
from session_plugin.errors import DatabaseUnavailable, SessionError

T = TypeVar("T")

MOST_KEYS = 20_000
"""Keys in memory, less than 1 kB each. Beyond that all are dropped and fetched again."""
MADE_AT_ONCE = 16
"""Keys made ahead, since making one or several costs the store one write to the disk. Those that a
process leaves unused seal nothing.
"""


class KeyRing:
    """The keys that were fetched from a store or made in it. Used by several threads."""

    def __init__(self, keys: OpenKeys) -> None:
        """Hold no key yet."""
        self._keys = keys
        self._store = keys.store
        self._ciphers: dict[bytes, Cipher | None] = {}
        self._unused: list[bytes] = []
        self._destroyed: set[bytes] = set()
        self._newest: bytes | None = None
        self._guard = threading.Lock()
        """Held while what is in memory changes, never while the store is asked."""
        self._making = threading.Lock()

    def get(self, key_id: bytes) -> Cipher | None:
        """Return a key; None if it was destroyed.

        Raises:
            DatabaseUnavailable: the store cannot be asked.
        """
        try:
            return self._ciphers[key_id]
        except KeyError:
            self.fetch((key_id,))
            return self._ciphers.get(key_id)

    def all_of(self, key_ids: Collection[bytes]) -> Mapping[bytes, Cipher | None]:
        """Return keys by id, as `get` does, with one question to the store at most."""
        known = self._ciphers
        try:
            return {key_id: known[key_id] for key_id in key_ids}
        except KeyError:
            self.fetch(key_ids)
            return {key_id: self.get(key_id) for key_id in key_ids}

    def fetch(self, key_ids: Collection[bytes]) -> None:
        """Have these keys at hand, with one question to the store at most.

        Raises:
            DatabaseUnavailable: the store cannot be asked.
        """
        unknown = [key_id for key_id in key_ids if key_id not in self._ciphers]
        if not unknown:
            return

        found = self._asked(self._store.unwrap, unknown)
        with self._guard:
            if len(self._ciphers) + len(unknown) > MOST_KEYS:
                self._ciphers.clear()
            for key_id in unknown:
                key = None if key_id in self._destroyed else found.get(key_id)
                self._ciphers[key_id] = None if key is None else cipher(key)

    def make(self, count: int) -> list[bytes]:
        """Make keys in the store and return their ids; they are durable.

        Raises:
            DatabaseUnavailable: the store cannot be written.
        """
        with self._making:
            if len(self._asked(self._store.unwrap, self._unused[:count])) < len(
                self._unused[:count]
            ):
                self._unused = []  # another store was put in its place
            missing = count - len(self._unused)
            if missing > 0:
                asked = [os.urandom(KEY_ID_BYTES) for _ in range(missing + MADE_AT_ONCE)]
                made = self._asked(self._store.create, asked)
                with self._guard:
                    self._ciphers.update((key_id, cipher(key)) for key_id, key in made.items())
                self._unused += made

            taken, self._unused = self._unused[:count], self._unused[count:]
            self._newest = taken[-1] if taken else self._newest

        return taken

    def look(self, key_id: bytes) -> bool:
        """Look whether the store can be reached and is still the one that has a key.

        One that was put back from a copy has it too, and not the newest keys of this process: then
        all are asked for again, and who has none gets a new one.

        Raises:
            DatabaseUnavailable: the store cannot be asked.
        """
        wanted = [key_id] if self._newest is None else [key_id, self._newest]
        found = self._asked(self._store.unwrap, wanted)
        if self._newest is not None and self._newest not in found:
            self._newest = None
            self.drop_all()

        return key_id in found

    def _asked(self, ask: Callable[[Sequence[bytes]], T], key_ids: Sequence[bytes]) -> T:
        """Ask the store; whatever a store of the author's own raises, the keys are away."""
        try:
            return ask(list(key_ids))
        except SessionError:
            raise
        except Exception as error:
            raise DatabaseUnavailable(
                f"the key store cannot be reached: it raised {type(error).__name__}"
            ) from error

    def destroy(self, key_ids: Collection[bytes]) -> int:
        """Destroy keys in the store and here; return how many the store still had.

        Raises:
            DatabaseUnavailable: the store cannot be written; they may be left.
        """
        self.drop(key_ids)
        return self._asked(self._store.destroy, list(key_ids))

    def destroy_again(self, key_ids: Collection[bytes]) -> int:
        """Destroy those of destroyed keys that the store has, as one does that was put back from a
        copy; return how many.

        Raises:
            DatabaseUnavailable: the store cannot be reached.
        """
        found = list(self._asked(self._store.unwrap, list(key_ids)))
        return self.destroy(found) if found else 0

    def drop(self, key_ids: Iterable[bytes]) -> None:
        """Forget keys that were destroyed: they are not used any more in this process."""
        gone = set(key_ids)
        with self._guard:
            self._destroyed |= gone  # also those that are being fetched now
            self._ciphers.update((key_id, None) for key_id in gone if key_id in self._ciphers)

    def drop_all(self) -> None:
        """Forget all keys, so that each is asked for again when it is needed."""
        with self._guard:
            self._ciphers.clear()
        self._unused = []

    def close(self) -> None:
        """Forget all keys and close the store."""
        self.drop_all()
        self._keys.close()
