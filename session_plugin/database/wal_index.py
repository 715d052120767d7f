"""Look at the header of an SQLite file's wal-index: has anybody committed, and how long is the log?

Each COMMIT, of whatever process, advances a counter in it, and changes the checksum of the log's
last frame beside it (https://www.sqlite.org/walformat.html#the_wal_index_file_format). SQLite
writes the second copy of the header first, so the first one is what makes a COMMIT visible.

POSIX drops all locks that a process has on a file as soon as it closes any descriptor of it, those
of SQLite on the wal-index included. So each process has one descriptor of each wal-index, shared by
all engines that have the database open, and never closed while a connection of this process has the
file open, even one that is not ours.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HEADER_BYTES = 48
VERSION, CHANGES, FRAMES = slice(0, 4), slice(8, 12), slice(16, 20)
"""Where in the header, and in the machine's byte order, the format's version, the counter and the
number of the log's last valid frame are.
"""
KNOWN_VERSION = 3_007_000
"""The only version of the format so far."""
_TRACKS_DESCRIPTOR = sys.version_info < (3, 13)
"""Whether a mapping keeps a descriptor of its own; newer versions can do without."""

Key = tuple[int, int]
"""The device and inode of a file."""


@dataclass(slots=True, eq=False)
class _File:
    """One wal-index that this process has open."""

    key: Key
    descriptors: list[int]
    mapping: mmap.mmap
    engines: int = 0

    @property
    def opened(self) -> int:
        """How many descriptors of the file are this one's."""
        return len(self.descriptors) + _TRACKS_DESCRIPTOR


_files: dict[Key, _File] = {}
_guard = threading.Lock()


class WalIndex:
    """The wal-index of a database that an engine has open; `close` it after all connections."""

    def __init__(self, file: _File) -> None:
        """Made by `open_wal_index`."""
        self._file = file
        self._mapping = file.mapping

    def header(self) -> bytes:
        """Return the header as it is now.

        While another process writes it, some bytes may be new already. It equals one that was
        returned before only if none is.
        """
        return self._mapping[:HEADER_BYTES]

    def frames(self) -> int:
        """Return how many pages the current log holds, each in a frame."""
        return _number(self._mapping[FRAMES])

    def close(self) -> None:
        """Let go of it, and close the descriptors of all that no connection of this process has
        open.
        """
        with _guard:
            self._file.engines -= 1
            for file in [file for file in _files.values() if not file.engines]:
                if _is_only_ours(file):
                    _close(file)


def open_wal_index(database: str) -> WalIndex | None:
    """Return the wal-index of a file that an engine has open in WAL mode; None where it cannot be
    looked at, and on Windows.
    """
    if os.name != "posix":
        return None

    path = f"{database}-shm"
    with _guard:
        try:
            file = _files.get(_key_of(Path(path).stat())) or _opened(path)
        except (OSError, ValueError):  # mmap: the file is shorter than a header
            return None
        file.engines += 1

    index = WalIndex(file)
    if _number(index.header()[VERSION]) != KNOWN_VERSION:
        index.close()
        return None

    return index


def changes_of(header: bytes) -> int:
    """Return the counter of COMMITs in a header."""
    return _number(header[CHANGES])


def is_next(header: bytes, before: bytes) -> bool:
    """Check whether one COMMIT, and no other, lies between two headers.

    A log that begins anew changes the header, too, but not the counter.
    """
    return changes_of(header) == (changes_of(before) + 1) % 2**32


def _opened(path: str) -> _File:
    """Open a wal-index that is not open yet, under the guard."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    key = _key_of(os.fstat(descriptor))
    file = _files.get(key)
    if file is not None:  # it took the place of the one that was looked for
        file.descriptors.append(descriptor)
        return file

    # It stays open even if it cannot be mapped, as closing it would drop SQLite's locks.
    untracked = {} if _TRACKS_DESCRIPTOR else {"trackfd": False}
    mapping = mmap.mmap(descriptor, HEADER_BYTES, access=mmap.ACCESS_READ, **untracked)
    file = _files[key] = _File(key, [descriptor], mapping)

    return file


def _close(file: _File) -> None:
    del _files[file.key]
    file.mapping.close()
    for descriptor in file.descriptors:
        os.close(descriptor)


def _is_only_ours(file: _File) -> bool:
    """Check that no other descriptor of this process is of the same file; False where that cannot
    be told.
    """
    found = 0
    try:
        numbers = [int(path.name) for path in Path("/dev/fd").iterdir()]
    except (OSError, ValueError):
        return False

    for number in numbers:
        with suppress(OSError):  # the descriptor by which they were listed is closed by now
            found += _key_of(os.fstat(number)) == file.key

    return found <= file.opened


def _number(of_header: bytes) -> int:
    return int.from_bytes(of_header, sys.byteorder)


def _key_of(found: os.stat_result) -> Key:
    return found.st_dev, found.st_ino
