"""What can be wrong with the keys of an encrypted database, and how far it is sealed."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

from session_plugin.cli.findings import Finding, note, ok, trouble
from session_plugin.cli.output import when
from session_plugin.encryption.keys import STORE_ENVIRONMENT, SUFFIX
from session_plugin.encryption.master import FILE_ENVIRONMENT
from session_plugin.reports import EncryptionStatus

LATE = 3600.0
"""Seconds after which the key store should have been reached."""
DONE = {"sealing": "sealed", "opening": "opened again"}


def check_encryption(where: str, found: EncryptionStatus | None) -> Iterator[Finding]:
    """Yield what is found; nothing of a database that is not encrypted."""
    if found is None:
        return

    if found.state == "sealed":
        yield ok("encryption", f"all is sealed, with {found.keys} keys")
    else:
        yield note(
            "encryption",
            f"{found.sealed_messages} of {found.messages} messages are sealed; the bot goes on "
            f"until all are {DONE[found.state]}",
        )

    yield from _destroying(found)
    yield from _store(where)
    yield from _master()


def _destroying(found: EncryptionStatus) -> Iterator[Finding]:
    if not found.keys_to_destroy:
        return

    since = found.destroying_since or 0.0
    says = f"{found.keys_to_destroy} keys of the forgotten are to be destroyed, since {when(since)}"
    if time.time() - since > LATE:
        yield trouble(
            "encryption",
            f"{says}: the bot cannot reach the key store. Its log says why; mend that, and start "
            "the bot.",
        )
    else:
        yield note("encryption", f"{says}; the bot does so when it reaches the key store")


def _store(where: str) -> Iterator[Finding]:
    """Yield whether a copy of the database's folder would have its keys, too."""
    place = os.environ.get(STORE_ENVIRONMENT) or f"{where}{SUFFIX}"
    if "://" in place or "://" in where or not Path(place).exists():
        return

    if Path(place).resolve().parent == Path(where).resolve().parent:
        yield note(
            "key store",
            f"{place} lies next to the database: a backup of the folder has both, and so opens "
            "what was forgotten since. Leave it out, or move it: Keys(store=...) and "
            f"{STORE_ENVIRONMENT}.",
        )
    else:
        yield ok("key store", "it is not in the folder of the database")


def _master() -> Iterator[Finding]:
    file = os.environ.get(FILE_ENVIRONMENT)
    if not file or os.name != "posix" or not Path(file).exists():
        return

    if Path(file).stat().st_mode & 0o077:
        yield trouble(
            "master key",
            f"other users of this machine can read {file}",
            f"chmod 600 {shlex.quote(file)}",
        )
    else:
        yield ok("master key", "only the owner can read its file")
