"""Each command on each backend, next to a bot that writes; JSON as its schema says."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from session_plugin.cli import app as app_module
from session_plugin.cli.app import COMMANDS
from session_plugin.database.queries import load_migrations

SCHEMAS = Path(app_module.__file__).with_name("schemas")


def look(filled: str, run_json: Any) -> str:
    """Run what only looks; return the id of Ann's session."""
    assert run_json(filled, "status")["messages"] >= 9
    run_json(filled, "doctor")
    ann = run_json(filled, "people", "discord:1001")[0]
    assert len(run_json(filled, "people")) == 4
    session_id = str(run_json(filled, "sessions", ann["user_id"])[0]["session_id"])
    assert run_json(filled, "show", session_id)["messages"][0]["text"] is None
    assert run_json(filled, "search", "discord:1001", "Tom")["hits"]

    return session_id


def change_memory(filled: str, run_json: Any, session_id: str) -> None:
    assert run_json(filled, "consolidate", session_id, "--threshold", "2")["is_done"]
    assert run_json(filled, "show", session_id)["summary"]["made_by"] == "digest"
    assert run_json(filled, "undo-consolidation", session_id)["is_done"]
    assert run_json(filled, "pin", session_id)["is_pinned"]
    assert run_json(filled, "decay", "--retention-days", "365")["is_dry_run"]
    run_json(filled, "decay", "--retention-days", "36500", "--yes")
    run_json(filled, "confirm-clock")


def change_people(filled: str, run_json: Any, folder: Path) -> None:
    pair = ("discord:1001", "telegram:2002")
    assert not run_json(filled, "link", *pair)["is_done"]
    assert run_json(filled, "link", *pair, "--yes")["is_one_person"]
    assert len(run_json(filled, "unlink", "telegram:2002", "--yes")["people"]) == 2

    exported = folder / "ann.jsonl"
    assert run_json(filled, "export", "discord:1001", str(exported))["lines"] > 6
    assert exported.stat().st_mode & 0o077 == 0

    assert run_json(filled, "forget", "discord:1001")["is_dry_run"]
    assert run_json(filled, "forget", "discord:1001", "--yes")["messages"] == 6
    assert run_json(filled, "erase")["is_done"]


def import_chat(filled: str, run_json: Any, folder: Path) -> None:
    whatsapp = folder / "chat.txt"
    whatsapp.write_text("31/12/2023, 23:59 - Carl: long ago\n")
    words = ("import", "whatsapp", str(whatsapp), "--bot-id", "Marvin", "--chat", "discord:9")
    words = (*words, "--person", "Carl=discord:1009")
    assert run_json(filled, *words)["is_dry_run"]
    assert run_json(filled, *words, "--yes")["messages"] == 1


def test_an_export_in_several_files_and_a_file_of_the_original_are_imported(
    run: Any, run_json: Any, filled_file: Path, tmp_path: Path
) -> None:
    line = {"kind": "message", "channel": "discord", "chat_id": "9", "chat_kind": "direct"}
    line |= {"bot_id": "", "thread_id": "", "account": "1009", "role": "user", "sent_at": 1.0}
    line |= {"message_id": "1", "text": "hi"}
    parts = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    parts[0].write_text(f'{{"kind": "export", "schema": 1}}\n{json.dumps(line)}\n')
    parts[1].write_text(f"{json.dumps({**line, 'message_id': '2'})}\n{{broken\n")
    words = ("import", "export", *map(str, parts))
    assert run_json(filled_file, *words)["messages"] == 2
    assert "1, the first at two.jsonl, line 2" in run(filled_file, *words).out
    assert "one file at a time" in run(filled_file, "import", "discord", *words[2:]).err

    original = tmp_path / "sessions.db"
    with closing(sqlite3.connect(original)) as connection, connection:
        connection.executescript(
            "CREATE TABLE channel_sessions (sender_id, channel_type, conversation_history, "
            "created_at, updated_at); INSERT INTO channel_sessions VALUES ('+1', 'twilio', "
            """'[{"role": "user", "content": "hi"}]', '2023-01-01', '2023-01-01')"""
        )
    assert run_json(filled_file, "import", "original", str(original), "--yes")["messages"] == 1
    assert run_json(filled_file, "search", "twilio:+1", "hi")["hits"]


def test_every_command_works_next_to_a_bot_that_writes(
    filled: str, run: Any, run_json: Any, bot_running: Any, tmp_path: Path, raw: Any
) -> None:
    backup = str(tmp_path / "backup.db")
    with bot_running(filled) as recorded:
        session_id = look(filled, run_json)
        change_memory(filled, run_json, session_id)
        change_people(filled, run_json, tmp_path)
        import_chat(filled, run_json, tmp_path)

        newest = len(load_migrations("sqlite"))
        assert run_json(filled, "upgrade") == {"from": newest, "to": newest}
        assert not run_json(filled, "accept-lost-secret")["is_done"]
        assert not run_json(filled, "distribute")["is_done"]
        run_json(filled, "backup", backup)
        run_json(filled, "copy", str(tmp_path / "copy.db"))
        assert run(filled, "restore", backup, "--yes").status == 1

    live = "SELECT COUNT(*) FROM messages WHERE message_id LIKE 'live-%'"
    assert raw.rows(live) == [(recorded[0],)]
    assert recorded[0] > 20
    if "://" not in filled:
        assert not run_json(filled, "restore", backup)["is_done"]
        assert run_json(filled, "restore", backup, "--yes")["moved_aside"]
        assert run(filled, "status").status == 0


def test_every_command_has_a_schema_and_prints_json(run: Any) -> None:
    names = {name for group in COMMANDS.values() for name, _ in group} - {"inspect"}
    schemas = {path.stem for path in SCHEMAS.glob("*.json")}
    assert schemas == {name.replace(" ", "-") for name in names}
    for name in names:
        assert "--json" in run(None, *name.split(), "--help").out


def test_a_persons_newest_session_is_not_one_that_a_link_emptied(
    run: Any, run_json: Any, filled_file: Path
) -> None:
    emptied = run_json(filled_file, "show", "telegram:2002")["session"]["session_id"]
    run_json(filled_file, "link", "discord:1001", "telegram:2002", "--yes")

    newest = run_json(filled_file, "show", "telegram:2002")
    assert (newest["joined_into"], len(newest["messages"])) == (None, 7)
    session_id = newest["session"]["session_id"]
    assert run_json(filled_file, "show", emptied)["joined_into"] == session_id
    assert f"it goes on in session {session_id}" in run(filled_file, "show", emptied).out


def test_a_schema_refuses_what_its_command_does_not_print(run_json: Any, filled_file: Path) -> None:
    schema = json.loads((SCHEMAS / "status.json").read_text())
    assert set(schema["required"]) == set(run_json(filled_file, "status"))
    assert schema["additionalProperties"] is False


def test_texts_are_shown_on_request_only_and_noted(
    filled_file: Path, run: Any, run_json: Any, tmp_path: Path
) -> None:
    for words in (("show", "Bob"), ("search", "Bob", "hi"), ("people",), ("sessions",)):
        assert "hi" not in run(filled_file, *words).out.replace("this", "").split()
    assert "hi" in run(filled_file, "show", "Bob", "--show-text").out.split()
    assert "hi" in run(filled_file, "search", "Bob", "hi", "--show-text").out.split()

    run(filled_file, "export", "discord:1003", str(tmp_path / "bob.jsonl"))
    lines = map(json.loads, (tmp_path / "bob.jsonl").read_text().splitlines())
    assert [one["action"] for one in lines if one["kind"] == "audit"] == [
        "texts_shown",
        "texts_shown",
        "exported",
    ]


def test_hostile_text_moves_no_cursor(database_file: Path, run: Any) -> None:
    import asyncio  # noqa: PLC0415 - commands run event loops of their own

    from session_plugin import SessionHub  # noqa: PLC0415 - see above
    from tests.cli.conftest import ANN, SECRET, said  # noqa: PLC0415 - see above

    async def say() -> None:
        async with SessionHub(database_file, secret=SECRET) as hub:
            text = "a\x1b[2J\u202eb\ud800\x00\r\nc" + "x" * 100_000
            await hub.record(said(ANN, 1, text, name="An\x1b[2Jn\u202e"))

    asyncio.run(say())
    for words in (("show", "discord:1001", "--show-text"), ("people",), ("sessions",)):
        out = run(database_file, *words).out
        assert not {"\x1b", "\u202e", "\x00", "\r", "\ud800"} & set(out)
    assert (
        "a\\u001b[2J\\u202eb\\ud800\\u0000"
        in run(database_file, "show", "discord:1001", "--show-text").out
    )


def test_forgetting_without_the_bots_secret_is_warned_of(run: Any, filled_file: Path) -> None:
    words = ("forget", "discord:1003")
    assert "SESSION_SECRET is not set" in run(filled_file, *words, SESSION_SECRET=None).err
    assert run(filled_file, *words).err == ""
