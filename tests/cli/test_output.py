"""What is shown while a command works."""

from __future__ import annotations

import time

import pytest

from session_plugin.cli import output
from session_plugin.reports import Progress


def test_work_that_does_not_say_how_far_it_is_has_a_bar_until_it_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # to rich, what is written is a terminal then
    monkeypatch.setattr(output, "PATIENCE", 0.01)

    def wait_for(words: str) -> None:
        end = time.monotonic() + 10
        while words not in capsys.readouterr().err:
            assert time.monotonic() < end
            time.sleep(0.01)

    with output.progress_bar() as show:
        wait_for("working")
        show(Progress(what="copying", done=1, total=2))
        wait_for("copying")
    assert "working" not in capsys.readouterr().err


def test_what_is_no_terminal_is_shown_no_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "PATIENCE", 0.01)
    with output.progress_bar() as show:
        time.sleep(0.05)
        show(Progress(what="copying", done=1, total=2))
    assert capsys.readouterr() == ("", "")
