"""What is searched for: how people write it, and whether and where a text has it.

- `cat food` needs both words, wherever they are; a word may be part of a longer one.
- `"cat food"` needs the phrase; white space counts as one space.
- `-dog`, `-"dog food"`: without these.
- `from:me`, `from:bot`, `on:telegram`, `after:2026-10`, `before:2026-10-24` (in UTC).

Pure; knows no database.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from session_plugin.model import Account
from session_plugin.parts import Attachment
from session_plugin.rules.folding import fold, fold_with_places
from session_plugin.rules.found import Closeness

Sender = Literal["me", "bot"] | Account
Span = tuple[int, int]

NEAR = 100
"""Characters within which words are near each other."""
MOST_TERMS = 32
"""Words and phrases of one search."""

_TOKEN = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_OPERATOR = re.compile(r"(from|on|after|before):(.*)", re.IGNORECASE | re.DOTALL)
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"'))
"""Keyboards set these for a plain quotation mark."""
_GAP = re.compile(r"[\W_]*")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2}))?(?:-([0-9]{1,2}))?")


def searched_text(content: str, attachments: Iterable[Attachment] = ()) -> str:
    """Return what is searched of a message: its text, then what was said in its attachments."""
    spoken = [one.transcript for one in attachments if one.transcript]
    return "\n".join([content, *spoken]) if spoken else content


@dataclass(frozen=True, repr=False)
class Query:
    """What is searched for. It has no `repr`: what people search for is never logged.

    Args:
        terms: Folded words; several for a phrase. A text needs all of them.
        excluded: The same; a text may have none of them.
        senders: Who has to have said it; all of these.
        channel: On which channel; None for any.
        family: The same as people write it: the part of a channel's name before a colon will do.
        since: The earliest time at which it was sent.
        until: The first time at which it is too late.
        roles: Which roles are searched; None for all.
        text: The words as they were written, for what compares meanings.
    """

    terms: tuple[tuple[str, ...], ...]
    excluded: tuple[tuple[str, ...], ...] = ()
    senders: tuple[Sender, ...] = ()
    channel: str | None = None
    family: str | None = None
    since: float | None = None
    until: float | None = None
    roles: frozenset[str] | None = None
    text: str = ""

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Every single word that a text needs."""
        return tuple(dict.fromkeys(word for term in self.terms for word in term))

    @cached_property
    def is_ascii(self) -> bool:
        """Whether a text in ASCII can match."""
        return all(word.isascii() for word in self.words)

    @cached_property
    def _in_bytes(self) -> tuple[bytes, ...]:
        return tuple(word.encode() for word in self.words)

    @cached_property
    def needed(self) -> tuple[re.Pattern[str], ...]:
        """The phrases that a text needs."""
        return tuple(_pattern(term) for term in self.terms if len(term) > 1)

    @cached_property
    def unwanted(self) -> tuple[re.Pattern[str], ...]:
        """What a text may not have."""
        return tuple(_pattern(term) for term in self.excluded)

    def matches(self, text: str) -> bool:
        """Check whether a text has all that is needed, and nothing that is not wanted."""
        if not text.isascii():
            folded = fold(text)
        elif self.is_ascii:
            folded = text.lower()
        else:
            return False

        for word in self.words:  # the usual end of it, for each message of a conversation
            if word not in folded:
                return False

        return self._fits(folded)

    def may_be_in(self, texts: bytes) -> bool:
        """Check whether any of some texts in ASCII can match, which are joined by line feeds. False
        is certain, and far quicker than to ask each of them.
        """
        if not self.is_ascii:
            return False

        folded = texts.lower()
        return all(word in folded for word in self._in_bytes)

    def allows(self, text: str) -> bool:
        """Check a text found by its meaning: it has the phrases and nothing that is not wanted."""
        return self._fits(fold(text))

    def _fits(self, folded: str) -> bool:
        return all(pattern.search(folded) for pattern in self.needed) and not any(
            pattern.search(folded) for pattern in self.unwanted
        )

    def is_on(self, channel: str) -> bool:
        """Check whether a channel is the one that was asked for."""
        if self.channel is not None and channel != self.channel:
            return False
        if self.family is None:
            return True

        return self.family in {fold(channel), fold(channel.partition(":")[0])}


def narrowed(
    query: Query,
    *,
    who: Sender | None,
    channel: str | None,
    since: float | None,
    until: float | None,
) -> Query:
    """Return a query with what the caller asks for besides; both have to hold."""
    return replace(
        query,
        senders=query.senders if who is None else (*query.senders, who),
        channel=channel,
        since=max((time for time in (query.since, since) if time is not None), default=None),
        until=min((time for time in (query.until, until) if time is not None), default=None),
    )


def parse_query(text: str) -> Query:
    """Read what somebody searches for.

    Raises:
        ValueError: nothing is left to search for, there are too many words, or an operator's value
            makes no sense. It never repeats the text.
    """
    terms: list[tuple[str, ...]] = []
    excluded: list[tuple[str, ...]] = []
    written: list[str] = []
    query = Query(terms=())
    for minus, phrase, word in _TOKEN.findall(text.translate(_QUOTES)):
        operator = None if minus else _OPERATOR.fullmatch(word)
        if operator is not None:
            query = _with_operator(query, operator[1].lower(), operator[2])
            continue

        term = tuple(fold(phrase or word).split())
        if term and minus:
            excluded.append(term)
        elif term:
            terms.append(term)
            written.append(phrase or word)

    if not terms:
        raise ValueError(
            "there is no word to search for: give a word or a phrase besides -words and "
            "operators such as from:me; accents and vowel signs alone are none"
        )
    if len(terms) + len(excluded) > MOST_TERMS:
        raise ValueError(f"a search takes at most {MOST_TERMS} words and phrases")

    return replace(query, terms=tuple(terms), excluded=tuple(excluded), text=" ".join(written))


def _with_operator(query: Query, name: str, value: str) -> Query:
    match name:
        case "from":
            sender = fold(value)
            if sender == "me":
                return replace(query, senders=(*query.senders, "me"))
            if sender == "bot":
                return replace(query, senders=(*query.senders, "bot"))
            raise ValueError("from: takes me or bot, as in from:me")
        case "on":
            if not value:
                raise ValueError("on: takes a platform, as in on:telegram")
            return replace(query, family=fold(value))
        case "after":
            return replace(query, since=_time_of(name, value))
        case _:
            return replace(query, until=_time_of(name, value))


def _time_of(name: str, value: str) -> float:
    found = _DATE.fullmatch(value)
    try:
        if found is not None:
            year, month, day = (int(number or 1) for number in found.groups())
            return datetime(year, month, day, tzinfo=UTC).timestamp()
    except ValueError:
        pass

    raise ValueError(
        f"{name}: takes a year, month or day, as in {name}:2026-10 or {name}:2026-10-24"
    )


@dataclass(frozen=True, slots=True)
class Places:
    """Where a text has the words of a query, and how close they stand."""

    spans: tuple[Span, ...]
    closeness: Closeness


def places_in(query: Query, text: str) -> Places:
    """Return where a text that matches has the words; spans are in the text as it was written."""
    folded = fold_with_places(text)
    found = [
        [match.span() for match in _pattern(term).finditer(folded.text)] for term in query.terms
    ]
    spans = sorted(folded.span(*span) for spans in found for span in spans)

    return Places(tuple(_joined(spans)), _closeness(folded.text, found))


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield spans without overlaps; those given are in order."""
    current: Span | None = None
    for start, end in spans:
        if current is None or start >= current[1]:
            if current is not None:
                yield current
            current = start, end
        else:
            current = current[0], max(current[1], end)

    if current is not None:
        yield current


def _closeness(folded: str, found: Sequence[Sequence[Span]]) -> Closeness:
    if _is_in_order(folded, found):
        return "phrase"

    return "near" if _shortest(found) <= NEAR else "words"


def _is_in_order(folded: str, found: Sequence[Sequence[Span]]) -> bool:
    """Check whether the terms follow one another with no letter or digit between them.

    One expression for all of them would try every way of spreading them over a text.
    """
    ends = [end for _, end in found[0]]
    for spans in found[1:]:
        following = []
        for start, end in spans:
            before = bisect_right(ends, start)
            if before and _GAP.fullmatch(folded, ends[before - 1], start):
                following.append(end)
        ends = following

    return bool(ends)


def _shortest(found: Sequence[Sequence[Span]]) -> int:
    """Return the length of the shortest stretch with one place of each term."""
    places = sorted((start, end, term) for term, spans in enumerate(found) for start, end in spans)
    latest: dict[int, Span] = {}
    shortest = 2**63
    for start, end, term in places:
        latest[term] = start, end
        if len(latest) == len(found):
            begins = min(begin for begin, _ in latest.values())
            ends = max(finish for _, finish in latest.values())
            shortest = min(shortest, ends - begins)

    return shortest


def _pattern(term: Sequence[str]) -> re.Pattern[str]:
    return re.compile(_source(term))


def _source(term: Sequence[str]) -> str:
    return r"\s+".join(map(re.escape, term))
