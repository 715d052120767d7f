"""A chat that WhatsApp exported as text, from a phone of any locale.

The file has names only, no ids; dates are in the phone's order and time zone. Where the dates can
be read in two ways, the file is refused: the caller knows, and a guess would be wrong in silence.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Literal

from session_plugin.errors import FileRefused
from session_plugin.importing.authors import AUTHOR
from session_plugin.importing.cells import check_ids, name, zone_named
from session_plugin.importing.opening import LARGEST, lines_of
from session_plugin.model import Chat, MessageEvent
from session_plugin.parts import Attachment
from session_plugin.reports import Skipped
from session_plugin.rules.imported_ids import imported_id

SOURCE = "whatsapp"
DateOrder = Literal["dmy", "mdy", "ymd"]
ORDERS: tuple[DateOrder, ...] = ("dmy", "mdy", "ymd")

Item = MessageEvent | Skipped

_HEAD = re.compile(
    r"[\u200e\u200f]*\[?"
    r"(?P<a>\d{1,4})(?P<separator>[./-])[ ]?(?P<b>\d{1,2})(?P=separator)[ ]?(?P<c>\d{1,4})\.?"
    r"(?:,|\s+klo|\s+um)?\s+"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?"
    r"(?:\s*(?P<half>[AaPp])\.?\s?[Mm]\.?)?"
    r"(?:\]\s|\s-\s)[\u200e\u200f]*"
)
_FILE = re.compile(
    r"^\u200e?(?:<attached: (?P<attached>[^>]+)>|(?P<named>[\w .()+-]+\.\w{2,5}) \([^)]+\))$"
)
_OMITTED = re.compile(
    r"^\u200e?(?:<[^<>]{3,60}>|(?P<kind>image|video|audio|sticker|GIF|document) omitted)$"
)
_LONGEST_NAMED = 300
"""Characters of a line that names a file."""
_SAMPLE = 200_000
"""Messages whose dates are looked at to find out their order."""


@dataclass(frozen=True, slots=True)
class _Line:
    """The first line of a message, and those that follow it."""

    number: int
    date: tuple[int, int, int]
    is_year_long: tuple[bool, bool]
    """Whether the first, and the last part of the date has four digits."""
    clock: tuple[int, int, int]
    rest: str
    is_too_long: bool = False


def read_whatsapp(
    path: str | Path,
    *,
    chat: Chat,
    bot: str,
    dates: DateOrder | None = None,
    time_zone: str = "UTC",
) -> Iterator[Item]:
    """Yield the messages of an exported chat, and what is left out of it.

    Args:
        path: The text file.
        chat: The chat that it becomes.
        bot: The name under which the bot writes in the file.
        dates: The order of day, month and year; None finds it out.
        time_zone: The IANA name of the phone's time zone.

    Raises:
        FileRefused: the file is no such export, or its dates can be read in two ways.
        TypeError: `bot` is no text.
        ValueError: `dates` is no order, or there is no such time zone.
    """
    if dates is not None and dates not in ORDERS:
        raise ValueError(f"dates must be one of {', '.join(ORDERS)}, not {dates!r}")

    check_ids(bot=bot)
    zone = zone_named(time_zone)
    assert zone is not None, "a name was given"
    order = dates or _order_of(path)
    at, said = None, Counter[str]()

    for line in _messages(path):
        time = _time(line, order, zone)
        if time is None or line.is_too_long:
            reason = f"its date is none in the order {order}" if time is None else "it is too long"
            yield Skipped(what="message", where=f"line {line.number}", reason=reason)
            continue

        if time != at:
            at, said = time, Counter()
        yield _translated(line, time, chat=chat, bot=bot, said=said)


def _messages(path: str | Path) -> Iterator[_Line]:
    """Yield messages; lines without a date of their own belong to the one before."""
    line: _Line | None = None
    more: list[str] = []
    size = 0
    for number, written, is_whole in lines_of(path, errors="replace"):
        found = _HEAD.match(written)
        if found is not None:
            if line is not None:
                yield _with(line, more)
            line, more, size = _line(number, written, found), [], 0
        elif line is not None:
            more.append(written)

        size += len(written)
        if line is not None and (size > LARGEST or not is_whole):
            line, more = replace(line, rest="", is_too_long=True), []

    if line is None:
        raise FileRefused(
            f"{path} is no chat exported from WhatsApp: no line begins with a date and a time"
        )

    yield _with(line, more)


def _line(number: int, written: str, found: re.Match[str]) -> _Line:
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0)

    return _Line(
        number=number,
        date=(int(found["a"]), int(found["b"]), int(found["c"])),
        is_year_long=(len(found["a"]) == 4, len(found["c"]) == 4),
        clock=(hour, int(found["minute"]), int(found["second"] or 0)),
        rest=written[found.end() :],
    )


def _with(line: _Line, more: list[str]) -> _Line:
    rest = "".join([line.rest, *more]).replace("\r\n", "\n").rstrip("\n")
    return replace(line, rest=rest)


def _order_of(path: str | Path) -> DateOrder:
    """Find the only order in which all dates are dates; a year that comes first has four digits.
    What is a date in no order says nothing: somebody may have written it.

    Raises:
        FileRefused: there are several, or none.
    """
    possible: set[DateOrder] | None = None
    for line, _ in zip(_messages(path), range(_SAMPLE), strict=False):
        fitting = {order for order in ORDERS if _date(line, order) is not None}
        if not line.is_year_long[0]:
            fitting.discard("ymd")
        if fitting:
            possible = fitting if possible is None else possible & fitting

    if possible and len(possible) == 1:
        return possible.pop()
    if not possible:
        raise FileRefused(
            f"the dates in {path} have no order in which all of them are dates; if somebody wrote "
            "one at the beginning of a line, say which order the others have (dates=)"
        )

    raise FileRefused(
        f"the dates in {path} can be read in the orders {' and '.join(sorted(possible))}, as no "
        "day is beyond the twelfth: say which it is (dates=)"
    )


def _date(line: _Line, order: DateOrder) -> tuple[int, int, int] | None:
    """Return year, month and day; None where these are none."""
    a, b, c = line.date
    is_first_long, is_last_long = line.is_year_long
    if is_first_long != (order == "ymd") and (is_first_long or is_last_long):
        return None

    day, month, year = {"dmy": (a, b, c), "mdy": (b, a, c), "ymd": (c, b, a)}[order]
    year += 0 if year >= 100 else 2000
    try:
        datetime(year, month, day)
    except ValueError:
        return None

    return year, month, day


def _time(line: _Line, order: DateOrder, zone: tzinfo) -> float | None:
    date = _date(line, order)
    if date is None:
        return None

    try:
        return datetime(*date, *line.clock, tzinfo=zone).timestamp()
    except (ValueError, OverflowError):
        return None


def _translated(line: _Line, time: float, *, chat: Chat, bot: str, said: Counter[str]) -> Item:
    author, separator, words = line.rest.partition(": ")
    if not separator or "\n" in author:
        reason = "a notice of WhatsApp's"
        return Skipped(what="message", where=f"line {line.number}", reason=reason)

    author = name(author)
    words, attachments = _content(words)
    if not (words or attachments):
        return Skipped(what="message", where=f"line {line.number}", reason="it says nothing")

    key = hashlib.sha256(f"{time} {author}\n{words}".encode("utf-8", "replace")).hexdigest()[:32]
    said[key] += 1
    is_bots = author == name(bot)

    return MessageEvent(
        chat=chat,
        message_id=imported_id(SOURCE, f"{key}-{said[key]}"),
        role="assistant" if is_bots else "user",
        text=words,
        sent_at=time,
        author_name=author,
        attachments=attachments,
        metadata={AUTHOR: "" if is_bots else author},
    )


def _content(words: str) -> tuple[str, tuple[Attachment, ...]]:
    """Return the words, and the file that the first line names or says is missing."""
    first, _, rest = words.partition("\n")
    found = _FILE.match(first) if len(first) <= _LONGEST_NAMED else None
    if found is not None:
        filename = name(found["attached"] or found["named"])
        return rest, (Attachment(id="", filename=filename),)

    omitted = _OMITTED.match(first)
    if omitted is not None:
        return rest, (Attachment(id="", kind=(omitted["kind"] or "file").lower()),)

    return words.lstrip("\u200e"), ()
