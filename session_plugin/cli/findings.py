"""What doctor has found, and the commands that mend it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "needs a hand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: what it found, and the shell commands that mend it, in order.

    Where no command can, `cure` is empty and `says` tells what to do.
    """

    check: str
    state: State
    says: str
    cure: tuple[str, ...] = ()


def ok(check: str, says: str) -> Finding:
    """Return that all is well."""
    return Finding(check=check, state="ok", says=says)


def note(check: str, says: str, *cure: str) -> Finding:
    """Return what is worth knowing."""
    return Finding(check=check, state="note", says=says, cure=cure)


def trouble(check: str, says: str, *cure: str) -> Finding:
    """Return what needs a hand."""
    return Finding(check=check, state="needs a hand", says=says, cure=cure)


def command(where: str, *words: str) -> str:
    """Return a command line of ours for a database; a URL is left out, it may hold a password."""
    database = '"$SESSION_DATABASE"' if "://" in where else shlex.quote(where)
    return f"session-plugin -d {database} {shlex.join(words)}"
