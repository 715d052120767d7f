"""Link codes: how they look, how they are told from other words, how they are kept, and how often
one may be typed.

A code is kept as a digest under a key that does not lie in the database, so whoever has the
database alone can neither read a code from it nor try all of them. Attempts are counted; at what
number they end is decided here.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from session_plugin.checks import HOUR

LETTERS, DIGITS = "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789"
ALPHABET = LETTERS + DIGITS
"""No I, O, 0 and 1, which people confuse. 8 of 32 characters are 40 bits, a little less because
both kinds must occur.
"""
CODE_LENGTH = 8
CODE_SECONDS = 600.0
MOST_IN_A_TEXT = 1000
"""How many codes are looked for in what somebody said: a text of letters and digits alone could be
thousands.
"""

_BETWEEN = re.compile(r"[\W_]+")
_RUN = re.compile(f"[{ALPHABET}]{{{CODE_LENGTH},}}")


def new_code(choose: Callable[[str], str]) -> str:
    """Make a code as people are shown it, `ABCD-2345`; `choose` picks one character at random
    (secrets.choice).

    It has a letter and a digit, so that hardly any word of a language looks like one.
    """
    while True:
        code = "".join(choose(ALPHABET) for _ in range(CODE_LENGTH))
        if _looks_like_a_code(code):
            return f"{code[:4]}-{code[4:]}"


def read_code(typed: str) -> str | None:
    """Give a code as it was made, however it was typed: upper or lower case, quoted, in pieces;
    None if it is none.
    """
    if not isinstance(typed, str):
        return None
    code = _bare(typed)
    return code if _looks_like_a_code(code) else None


def codes_in(text: str) -> frozenset[str]:
    """Give all that could be a code in what somebody said, whatever stands around it and between
    its characters.
    """
    return frozenset(islice(dict.fromkeys(_candidates(text)), MOST_IN_A_TEXT))


def code_hash(code: str, *, key: bytes) -> bytes:
    """Give what is kept of a code."""
    return hmac.digest(key, b"session_plugin link code:" + code.encode(), "sha256")


def _looks_like_a_code(code: str) -> bool:
    return (
        len(code) == CODE_LENGTH
        and set(code) <= set(ALPHABET)
        and not code.isalpha()
        and not code.isdigit()
    )


def _bare(text: str) -> str:
    """Give the letters and digits of a text as codes are written; what else is in it does not
    count.
    """
    return unicodedata.normalize("NFKC", _BETWEEN.sub("", text)).upper()


def _candidates(text: str) -> Iterator[str]:
    for run in _RUN.findall(_bare(text)):
        for start in range(len(run) - CODE_LENGTH + 1):
            if _looks_like_a_code(code := run[start : start + CODE_LENGTH]):
                yield code


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts within so many seconds; then none for so many seconds after the last."""

    most: int
    within: float
    pause: float = 0.0

    @property
    def memory(self) -> float:
        """How far back attempts matter."""
        return self.within + self.pause

    def is_reached(self, times: Sequence[float], now: float) -> bool:
        """Tell whether no further attempt is to be let through at `now`, after those at `times`."""
        edge = max(times, default=now)
        if now - edge >= self.pause:
            edge = now
        return sum(edge - at < self.within for at in times) >= self.most


CODES_OF_ACCOUNT = Limit(3, within=HOUR)
WRONG_BY_ACCOUNT = Limit(5, within=HOUR, pause=HOUR)
WRONG_ON_CHANNEL = Limit(20, within=600.0, pause=600.0)
LONGEST_MEMORY = max(
    limit.memory for limit in (CODES_OF_ACCOUNT, WRONG_BY_ACCOUNT, WRONG_ON_CHANNEL)
)
