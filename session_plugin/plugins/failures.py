"""What may be logged of a plugin's failure: where it was, and its words if they quote nobody.

An exception's text may hold a message, so in general only its type is logged. What the interpreter
itself says of a mistake in the code holds names from the code and types, no values.
"""

from __future__ import annotations

import dis
import re
import traceback
from types import CodeType, TracebackType

_TYPES = (
    r"'[\w.]+' object is not (?:callable|iterable|subscriptable|an iterator)",
    r"'[\w.]+' object does not support [\w ]+",
    r"object of type '[\w.]+' has no len\(\)",
    r"object [\w.]+ can't be used in 'await' expression",
    r"can only concatenate [\w.]+ \(not \"[\w.]+\"\) to [\w.]+",
    r"unsupported operand type\(s\) for \S+: '[\w.]+' and '[\w.]+'",
    r"'\S+' not supported between instances of '[\w.]+' and '[\w.]+'",
    r"[\w.<>]+\(\) missing \d+ required [\w-]+(?: [\w-]+)? arguments?: [\w', ]+",
    r"[\w.<>]+\(\) takes [\w ]+ arguments?(?: but \d+ (?:was|were) given)?",
)
_OF_TYPES = re.compile("|".join(_TYPES))
"""Texts of a TypeError in which the interpreter puts types and parameters."""
_OF_NAMES = re.compile(
    r"(?:[\w.]+: )?'(?:type object )?[\w.]+' object has no attribute '(\w+)'"
    r"|type object '[\w.]+' has no attribute '(\w+)'"
    r"|module '[\w.]+' has no attribute '(\w+)'"
    r"|name '(\w+)' is not defined"
    r"|[\w.<>]+\(\) got an unexpected keyword argument '(\w+)'"
)
"""Texts in which it puts a name, which stands in the code unless it was made while it ran."""


def place_of(error: BaseException) -> str:
    """Return the file and line at which an exception was raised; empty if it was not."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f"{last[0].filename}:{last[0].lineno}" if last else ""


def words_of(error: BaseException) -> str:
    """Return what an exception says if it cannot quote a message; else only its type."""
    kind, last = type(error).__name__, _last(error.__traceback__)
    if last is None or type(error) not in {AttributeError, NameError, TypeError}:
        return kind

    code = last.tb_frame.f_code
    if dis.opname[code.co_code[last.tb_lasti]] in {"RAISE_VARARGS", "RERAISE"}:
        return kind  # by code, which may have put anything into its text

    text = re.sub(r"\. Did you mean:? .*", "", str(error))
    named = _OF_NAMES.fullmatch(text)
    is_of_code = named is not None and {*named.groups()} - {None} <= _names_in(code)
    is_of_types = type(error) is TypeError and _OF_TYPES.fullmatch(text) is not None

    return f"{kind}: {text}" if is_of_code or is_of_types else kind


def _last(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace


def _names_in(code: CodeType) -> set[str]:
    """Return the names that stand in a function's code, keywords of its calls among them."""
    keywords = [names for names in code.co_consts if isinstance(names, tuple)]
    return {*code.co_names, *(name for names in keywords for name in names if name)}
