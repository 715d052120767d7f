"""Examples run, and the README's first two commands are what they say."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(name: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "examples" / name],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        timeout=120,
        check=False,
    )


def test_the_demo_shows_that_every_claim_holds() -> None:
    ran = run("demo.py")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert ran.stdout.count("  holds  ") == 24
    assert "DOES NOT HOLD" not in ran.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_ends_quietly_when_it_is_stopped_and_takes_its_bot_along(
    number: signal.Signals,
) -> None:
    demo = subprocess.Popen(
        [sys.executable, ROOT / "examples" / "demo.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert demo.stdout is not None
        while "My cat is called Tom." not in demo.stdout.readline():
            pass
        children = Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
        demo.send_signal(number)
        out, err = demo.communicate(timeout=60)
    finally:
        demo.kill()
        demo.communicate()

    assert (demo.returncode, err) == (130, "")
    assert out.endswith("Stopped.\n")
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_quickstart_finds_on_telegram_what_was_said_on_discord() -> None:
    assert (
        "discord, user: My cat is called Tom.\ndiscord, assistant: Nice to meet Tom."
        in run("quickstart.py").stdout
    )


def test_the_redact_plugin_keeps_card_numbers_out_and_order_numbers_in() -> None:
    assert run("redact_plugin.py").stdout == "Pay order 1234567890123 with [card number], please.\n"


def test_the_terminal_bot_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    said = [
        subprocess.run(
            [sys.executable, ROOT / "examples" / "terminal_bot.py", tmp_path / "terminal.db"],
            input=words,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        for words in ("I like tea\nand cake\n", "/whoami\nhello\n")
    ]

    assert said[0].stdout.splitlines()[-1] == "Noted. Before that you said: I like tea."
    assert said[1].stdout.splitlines()[0].startswith('You are "Ann", user ')
    assert said[1].stdout.splitlines()[1] == "Noted. Before that you said: I like tea; and cake."
    assert [ran.stderr for ran in said] == ["", ""]


def test_the_bot_without_a_token_says_which_to_set() -> None:
    ran = run("two_platform_bot.py", DISCORD_TOKEN="", TELEGRAM_TOKEN="")
    assert ran.returncode == 1
    assert "Set DISCORD_TOKEN, TELEGRAM_TOKEN or both." in ran.stderr


def test_the_bot_with_somebody_elses_file_as_database_says_so_and_leaves_it(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("these are my notes, not a database\n" * 100)
    ran = run(
        "two_platform_bot.py", TELEGRAM_TOKEN="1:a", DISCORD_TOKEN="", SESSION_DATABASE=str(file)
    )

    assert ran.returncode == 1
    assert str(file) in ran.stderr
    assert "Traceback" not in ran.stderr
    assert file.read_text() == "these are my notes, not a database\n" * 100


@pytest.mark.parametrize("name", ["agent_bot.py", "agent_bot_pydantic_ai.py"])
@pytest.mark.parametrize("key", ["OPENAI_MODEL", "OPENAI_API_KEY"])
def test_an_agent_without_a_model_says_what_to_set(name: str, key: str) -> None:
    environ = {"OPENAI_MODEL": "scripted-1", "OPENAI_API_KEY": "none", key: ""}
    ran = run(name, TELEGRAM_TOKEN="1:a", **environ)
    assert ran.returncode == 1
    assert "Set OPENAI_MODEL and OPENAI_API_KEY" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("line", ['".[demo]"', '".[dev]"'])
def test_the_readme_begins_with_the_demo_and_the_tests(line: str) -> None:
    blocks = (ROOT / "README.md").read_text().split("```sh\n")[1:3]
    assert any(line in block for block in blocks)
    assert all(block.partition("\n```")[0].count("\n") == 0 for block in blocks)
