"""Fold text for search: what people may write in more than one way becomes one, and each place in
it is known in the original. Pure; knows no query.

- Unicode: NFKC, then full case folding.
- Latin, Greek, Cyrillic: without accents.
- Arabic: without vowel signs and tatweel; one alef, one ya; ta marbuta as ha.
- Everything else stays: Thai and Indic vowel signs, Japanese voicing marks, Hangul syllables.

Text is folded in clusters: a character and what attaches to it. No rule looks beyond a cluster, so
folding the parts is folding the whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_ACCENTED = frozenset({"LATIN", "GREEK", "CYRILLIC", "COPTIC"})
"""Scripts whose marks are accents, by the first word of a character's name."""
_ALEF = "\u0627"
_ARABIC = str.maketrans(
    {"\u0671": _ALEF, "\u0649": "\u064a", "\u06cc": "\u064a", "\u0629": "\u0647"}
)
"""Alef wasla, alef maksura, Farsi yeh, ta marbuta."""
_TATWEEL = "\u0640"
_VOICING = frozenset("\u3099\u309a")
_WITHOUT_ACCENTS = re.compile("[\\x00-\\x7f\u0900-\u0fff\u1100-\u11ff\u3000-\u9fff\uac00-\ud7ff]*")
"""ASCII, Indic scripts, Thai, Lao, Tibetan, CJK: nothing in them is dropped."""
_HAMZAS = frozenset("\u0653\u0654\u0655")
"""Madda and hamza: part of a letter, except on alef."""


def fold(text: str) -> str:
    """Return text as it is compared."""
    if text.isascii():
        return text.lower()

    folded = text.translate(_SINGLE)
    if _ATTACHING not in folded:
        return folded

    if _WITHOUT_ACCENTS.fullmatch(text):  # as below, and several times faster
        return _recased(text)

    return "".join(_fold_cluster(cluster) for cluster in _clusters(text))


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text, and for each of its characters where its cluster is in the original."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return a range of the folded text, not an empty one, as a range of the original."""
        return self.starts[start], self.ends[end - 1]


def fold_with_places(text: str) -> Folded:
    """Return folded text whose ranges can be found in the original."""
    if text.isascii():
        return Folded(text.lower(), range(len(text)), range(1, len(text) + 1))

    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    start = 0
    for cluster in _clusters(text):
        end = start + len(cluster)
        part = _fold_cluster(cluster)
        parts.append(part)
        starts += [start] * len(part)
        ends += [end] * len(part)
        start = end

    return Folded("".join(parts), starts, ends)


def _clusters(text: str) -> Iterator[str]:
    start = 0
    for place, character in enumerate(text):
        if place and _SINGLE[ord(character)] == _ATTACHING:
            continue
        if place:
            yield text[start:place]
        start = place

    if text:
        yield text[start:]


@lru_cache(maxsize=4096)
def _fold_cluster(cluster: str) -> str:
    kept: list[str] = []
    is_accented = is_alef = False
    for character in unicodedata.normalize("NFKD", cluster):
        if not _is_mark(character):
            name = unicodedata.name(character, "")
            is_accented = name.partition(" ")[0] in _ACCENTED or character == _TATWEEL
            is_alef = character == _ALEF
        elif _is_dropped(character, is_accented=is_accented, is_alef=is_alef):
            continue

        if character != _TATWEEL:
            kept.append(character)

    return _recased("".join(kept).translate(_ARABIC))


def _recased(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _is_dropped(mark: str, *, is_accented: bool, is_alef: bool) -> bool:
    if mark in _HAMZAS:
        return is_alef

    script = unicodedata.name(mark, "").partition(" ")[0]
    is_accent = script == "COMBINING" and mark not in _VOICING

    return script == "ARABIC" or (is_accent and is_accented)


def _attaches(character: str) -> bool:
    """Check whether a character can change or join the one before it: marks, also in other forms
    (halfwidth voicing marks, Thai sara am), and the vowels and final consonants of Hangul.
    """
    first = unicodedata.normalize("NFKD", character)[:1]
    return _is_mark(first) or "\u1160" <= first <= "\u11ff"


_ATTACHING = "\udfff"
"""Stands for a character that is not folded by itself. As a lone surrogate it may also be in a
text, which then is folded the longer way.
"""


class _Single(dict[int, str]):
    """What each character is folded to by itself, as `str.translate` looks it up."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        folded = _ATTACHING if _attaches(character) else _fold_cluster(character)
        self[code] = folded
        return folded


_SINGLE = _Single()
