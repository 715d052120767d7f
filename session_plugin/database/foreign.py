"""SQLite files of other programs. A copy is read, so that theirs is never written to, and nothing
is created next to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from session_plugin.database.sqlite_file import connect

LOGS = ("-journal", "-wal")
"""What belongs to a file and is next to it; an index of the log is made anew."""
BUSY_SECONDS = 5.0


@contextmanager
def copy_opened(path: str | Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection to a copy of a file with its log, and remove the copy.

    Raises:
        OSError: the file cannot be read, or not be copied.
        sqlite3.Error: the copy cannot be opened.
    """
    import shutil  # noqa: PLC0415 - takes half a megabyte with tempfile
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="session_plugin-") as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(path, copy)
        for suffix in LOGS:
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")

        with closing(connect(str(copy), busy_timeout=BUSY_SECONDS)) as connection:
            yield connection
