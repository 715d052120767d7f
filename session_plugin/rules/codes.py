"""Link codes: their format, how they are recognised in text and hashed, and the attempt limits.

A code is stored as a hash under a key that is not in the database. The database alone therefore
does not reveal a code, not even to an attacker who tries all of them.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from session_plugin.checks import HOUR
from session_plugin.model import MessageEvent

LETTERS, DIGITS = "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789"
ALPHABET = LETTERS + DIGITS
"""Without I, O, 0 and 1, which people confuse. 8 of 32 characters are 40 bits, slightly less
because letters and digits must both occur.
"""
CODE_LENGTH = 8
CODE_SECONDS = 600.0
MOST_IN_A_TEXT = 1000
"""Limit on the possible codes in one text; a long text of letters and digits has thousands."""
LONGEST_SEARCHED = 262_144
"""Characters of a text that are searched for codes."""
SEARCHED_AT_ONCE = 16_384
"""Characters that take at most a few milliseconds, and more than any platform's messages have."""

_BETWEEN = re.compile(r"[\W_]+")
_WINDOW = re.compile(f"(?=([{ALPHABET}]{{{CODE_LENGTH}}}))")
_APART = "0"
"""Stands between two texts: a letter or digit that is in no code, so that none is found in both."""


def new_code(choose: Callable[[str], str]) -> str:
    """Return a new code in the form that people see, `ABCD-2345`.

    It has at least one letter and one digit, so that hardly any word looks like a code.

    Args:
        choose: Picks one character at random, as `secrets.choice` does.
    """
    while True:
        code = "".join(choose(ALPHABET) for _ in range(CODE_LENGTH))
        if _looks_like_a_code(code):
            return f"{code[:4]}-{code[4:]}"


def read_code(typed: str) -> str | None:
    """Return a typed code in its original form; None if it is not a code.

    Case, quotes, spaces and other separators do not matter.
    """
    if not isinstance(typed, str):
        return None

    code = _bare(typed)
    return code if _looks_like_a_code(code) else None


def is_live(expires_at: float, *, now: float) -> bool:
    """Return whether a code, or the wait for a yes to it, still counts. One that would last longer
    than any does was made before a clock was set back, and is dead.
    """
    return now <= expires_at <= now + CODE_SECONDS + 1.0


def codes_in(text: str) -> frozenset[str]:
    """Return everything in a text that could be a code, ignoring separators between characters.

    At most `MOST_IN_A_TEXT` codes are returned, of the first `LONGEST_SEARCHED` characters. The
    time is proportional to the length.
    """
    found: set[str] = set()
    for code in _candidates(text[:LONGEST_SEARCHED]):
        found.add(code)
        if len(found) == MOST_IN_A_TEXT:
            break

    return frozenset(found)


def texts_in(event: MessageEvent) -> str:
    """Return all that others can read of a message, as one text: also what polls, embeds and files
    are called.
    """
    filenames = [attachment.filename for attachment in event.attachments]
    if not filenames and not event.metadata:
        return event.text

    return _APART.join((event.text, *filenames, *_strings_in(event.metadata)))


def code_hash(code: str, *, key: bytes) -> bytes:
    """Return the hash under which a code is stored."""
    return hmac.digest(key, b"session_plugin link code:" + code.encode(), "sha256")


def half_hash(code: str, *, key: bytes) -> bytes:
    """Return the hash of a code's first half, by which guesses at the rest of it are counted."""
    half = code[: CODE_LENGTH // 2]
    return hmac.digest(key, b"session_plugin half of a link code:" + half.encode(), "sha256")


def _looks_like_a_code(code: str) -> bool:
    return (
        len(code) == CODE_LENGTH
        and set(code) <= set(ALPHABET)
        and not code.isalpha()
        and not code.isdigit()
    )


def _bare(text: str) -> str:
    """Return the letters and digits of a text in the form of codes, without all else."""
    return unicodedata.normalize("NFKC", _BETWEEN.sub("", text)).upper()


def _candidates(text: str) -> Iterator[str]:
    """Yield what could be a code, piece by piece, so that other threads can run in between."""
    bare, searched = "", 0
    for start in range(0, len(text), SEARCHED_AT_ONCE):
        bare = bare[1 - CODE_LENGTH :] + _bare(text[start : start + SEARCHED_AT_ONCE])
        for code in dict.fromkeys(_WINDOW.findall(bare)):
            if not code.isalpha() and not code.isdigit():
                yield code

        searched += len(bare)
        if searched > LONGEST_SEARCHED:  # some characters stand for many
            return


def _strings_in(value: Any) -> Iterator[str]:
    """Yield the text in metadata, in order, without the names of keys."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting.extend(reversed(tuple(one.values())))
        elif isinstance(one, list | tuple):
            waiting.extend(reversed(one))


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of `most` attempts within `within` seconds.

    Once it is reached, no attempt is accepted until `pause` seconds after the last one.
    """

    most: int
    within: float
    pause: float = 0.0

    @property
    def memory(self) -> float:
        """Seconds after which an attempt no longer counts."""
        return self.within + self.pause

    def is_reached(self, times: Sequence[float], now: float) -> bool:
        """Return whether an attempt at `now` must be rejected, after attempts at `times`."""
        edge = max(times, default=now)
        if now - edge >= self.pause:
            edge = now

        return sum(edge - at < self.within for at in times) >= self.most


CODES_OF_ACCOUNT = Limit(3, within=HOUR)
WRONG_BY_ACCOUNT = Limit(5, within=HOUR, pause=HOUR)
GUESSES_OF_CODE = 5
"""Wrong codes with the first half of a live one, from all accounts, that make it worthless."""
ALARM_ON_CHANNEL = Limit(20, within=600.0)
"""Wrong codes on a channel that raise an alarm. It keeps nobody from linking: throw-away accounts
could otherwise stop everybody.
"""
LONGEST_MEMORY = max(
    limit.memory for limit in (CODES_OF_ACCOUNT, WRONG_BY_ACCOUNT, ALARM_ON_CHANNEL)
)
