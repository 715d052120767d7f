"""When a summary replaces older messages, what counts as one, and when to retry after failures."""

from __future__ import annotations

import re
from collections.abc import Sequence

from session_plugin.checks import HOUR

PATIENT_FAILURES = 3
"""Consecutive failures after which a session waits; before, each new message causes a retry."""
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
"""The beginnings of refusals by models. A summary is in the third person, so none begins so."""


def messages_to_consolidate(count: int, *, threshold: int) -> int:
    """Return how many of `count` unconsolidated messages to summarise, oldest first.

    That is half of them, or 0 if there are at most half as many as `threshold`.
    """
    return 0 if count <= threshold // 2 else count // 2


def messages_over_budget(tokens: Sequence[int], *, budget: int) -> int:
    """Return how many messages to summarise, oldest first, if together they exceed `budget`.

    Those with the older half of the tokens, at least one; the newest message is never included.

    Args:
        tokens: The tokens of each message, oldest first.
        budget: The tokens that all messages may have.
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


def between_turns(turns: Sequence[str | None], count: int) -> int:
    """Return how many messages to summarise, oldest first, so that no run of a model is divided:
    a call without its result is refused by every provider.

    Fewer than `count`, or where the oldest run is longer than that, all of it; 0 if that is all
    there is.

    Args:
        turns: The run of each message, oldest first; None for what is of none.
        count: How many there would be.
    """
    last = {turn: position for position, turn in enumerate(turns) if turn is not None}
    if not last or count <= 0:
        return count

    whole: list[int] = []  # edges that divide no run
    running = 0
    for edge, turn in enumerate(turns):
        if edge and not running:
            whole.append(edge)
        running = max(running, last[turn] - edge + 1) if turn in last else running
        running = max(0, running - 1)

    fewer = [edge for edge in whole if edge <= count]

    return fewer[-1] if fewer else next(iter(whole), 0)


def fault_of(answer: object, *, longest: int) -> str | None:
    """Return why a summariser's answer cannot be a summary of its source; None if it can be.

    Args:
        answer: What the summariser returned.
        longest: The characters of its source: the messages as quoted, and the previous summary.
    """
    if not isinstance(answer, str):
        return f"it returned {type(answer).__name__} instead of text"
    if not answer.strip():
        return "it returned an empty text"
    if len(answer) > longest:
        return "the summary is longer than its source"
    if REFUSAL.match(answer.replace("\u2019", "'")):
        return "it refused"

    return None


def wait_after(failures: int) -> float | None:
    """Return the seconds to wait after so many failures in a row; None for no wait.

    An hour at first, doubled by each further failure, up to `LONGEST_WAIT`.
    """
    if failures < PATIENT_FAILURES:
        return None

    return float(min(HOUR * 2 ** min(failures - PATIENT_FAILURES, 10), LONGEST_WAIT))


def lease_name(session_no: int) -> str:
    """Return the name of the work lease for consolidating a session."""
    return f"consolidate:{session_no}"
