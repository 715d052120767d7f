"""The words of a run that a message sent before became: a model is given them after its calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from session_plugin import SessionMessage, TextPart, ToolCallPart, ToolResultPart
from session_plugin.context.turn_order import in_order_of_runs
from session_plugin.rules.final_words import HeldWords


def words(turn: str | None, *, at: float = 0.0, edited_at: float | None = None) -> SessionMessage:
    message = SessionMessage("assistant", "Sunny.", turn=turn, edited_at=edited_at)
    return replace(message, timestamp=at)


def call(turn: str, *, at: float = 0.0) -> SessionMessage:
    part = ToolCallPart(id="c", name="weather", arguments={})
    return replace(SessionMessage("assistant", "", parts=(part,), turn=turn), timestamp=at)


def result(turn: str, *, at: float = 0.0) -> SessionMessage:
    part = ToolResultPart(call_id="c", parts=(TextPart(text="sunny"),))
    return replace(SessionMessage("tool", "", parts=(part,), turn=turn), timestamp=at)


ASKED = SessionMessage("user", "Rain?")


@pytest.mark.parametrize(
    ("messages", "order"),
    [
        pytest.param([ASKED, call("t"), result("t"), words("t")], [0, 1, 2, 3], id="in order"),
        pytest.param(
            [ASKED, words("t", edited_at=1.0), call("t"), result("t"), ASKED],
            [0, 2, 3, 1, 4],
            id="a placeholder",
        ),
        pytest.param(
            [words("t"), call("t"), result("t")], [0, 1, 2], id="said before, and never edited"
        ),
        pytest.param(
            [words("t", edited_at=9.0), call("t", at=8.0), result("t", at=8.9), words("t", at=9.1)],
            [1, 2, 0, 3],
            id="the first of several pieces",
        ),
        pytest.param(
            [words("t", edited_at=9.0), call("t", at=8.0), result("t", at=9.9), words("t", at=10)],
            [1, 2, 0, 3],
            id="the same second",
        ),
        pytest.param(
            [words("t", edited_at=5.0), call("t", at=8.0), result("t", at=9.0), words("t", at=10)],
            [0, 1, 2, 3],
            id="streamed before the call",
        ),
        pytest.param(
            [words("t", edited_at=1.0), call("t"), ASKED, result("t"), call("u"), result("u")],
            [1, 2, 3, 0, 4, 5],
            id="others in between",
        ),
        pytest.param(
            [words(None, edited_at=1.0), call("t"), result("t")], [0, 1, 2], id="of no run"
        ),
        pytest.param([words("t", edited_at=1.0), ASKED], [0, 1], id="no call"),
    ],
)
def test_words_that_were_edited_come_after_the_calls_of_their_run(
    messages: list[SessionMessage], order: list[int]
) -> None:
    assert in_order_of_runs(messages) == order


@pytest.mark.parametrize(
    ("sent", "is_found"),
    [
        ("Forecast: It is sunny in Oslo. (1 of 1)", True),
        ("It is sunny", True),
        ("Sunny in Oslo it is.", False),
    ],
)
def test_words_are_found_among_what_an_author_adds(sent: str, is_found: bool) -> None:
    held = HeldWords(turn="t", account=None, held_at=0.0, forms=("It is **sunny** in Oslo.",))
    assert held.take(sent) is is_found


def test_short_words_are_not_looked_for_in_others() -> None:
    held = HeldWords(turn="t", account=None, held_at=0.0, forms=("Yes.",))
    assert not held.take("Yesterday it rained.")
    assert held.take("Yes!")
