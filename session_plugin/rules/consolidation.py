"""When old messages give way to a summary, how many, what counts as a summary, and how long to wait
after failures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from session_plugin.checks import HOUR
from session_plugin.context.quoting import quoted
from session_plugin.model import SessionMessage

PATIENT_FAILURES = 3
"""Failures in a row after which a session waits; the first ones are tried again with the next
message.
"""
LONGEST_WAIT = 24 * HOUR

REFUSAL = re.compile(
    r"\W*(?:as an? (?:ai|language model)"
    r"|(?:i'm|i am) (?:sorry|unable|not able|afraid i can)"
    r"|(?:sorry|apologies), (?:but )?i (?:can't|cannot|can not|won't)"
    r"|i (?:can't|cannot|can not|won't|must decline|apologi[sz]e)"
    r"|es tut mir leid|tut mir leid|ich kann (?:das|diese[ns]?|dabei) nicht"
    r"|je suis désolée?|je ne peux pas|lo siento|no puedo)\b",
    re.IGNORECASE,
)
"""How models begin when they decline. A summary speaks of other people, and in the third person."""


def messages_to_consolidate(count: int, *, threshold: int) -> int:
    """Give how many of `count` unconsolidated messages give way: the oldest half, none up to half
    the threshold.
    """
    return 0 if count <= threshold // 2 else count // 2


def messages_over_budget(tokens: Sequence[int], *, budget: int) -> int:
    """Give how many of the messages with so many `tokens` each give way, oldest first, if together
    they exceed `budget`.

    Those that hold the older half of the tokens go, one at least; the newest message always stays.
    """
    total = sum(tokens)
    if total <= budget:
        return 0
    count = so_far = 0
    for size in tokens[:-1]:
        if count and so_far + size > total // 2:
            break
        so_far += size
        count += 1
    return count


def fault_of(
    answer: object, messages: Sequence[SessionMessage], previous: str | None
) -> str | None:
    """Say why a summariser's answer is no summary of its source; None if it may be one."""
    if not isinstance(answer, str):
        return f"it gave {type(answer).__name__} instead of text"
    if not answer.strip():
        return "it gave nothing"
    if len(answer) > len(previous or "") + len(quoted(messages)):
        return "it gave more than there was to sum up"
    if REFUSAL.match(answer.replace("\u2019", "'")):
        return "it refused"
    return None


def wait_after(failures: int) -> float | None:
    """Give how many seconds a session is left alone after so many failures in a row; None: not at
    all.
    """
    if failures < PATIENT_FAILURES:
        return None
    return float(min(HOUR * 2 ** min(failures - PATIENT_FAILURES, 10), LONGEST_WAIT))


def lease_name(session_no: int) -> str:
    """Name the lease under which a session is summed up."""
    return f"consolidate:{session_no}"
