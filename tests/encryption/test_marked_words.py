"""A walk through everything that people say and that is kept of it, each with a marked word: no byte
of one is in the database, its log, its index, a backup or a dump, at any time.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Keys, SessionHub
from session_plugin.rules import meaning
from session_plugin.testing import Talk

MARK = "zanzibar"
MASTER = "0123456789abcdef" * 4
VECTOR = [float(number % 7 + 1) for number in range(64)]

WALK = f"""
    import asyncio, sys, time
    from dataclasses import replace
    from session_plugin import *
    from session_plugin.testing import Talk

    database, store, ends = sys.argv[1:]
    VECTOR = {VECTOR}

    class Marks:
        @hookimpl
        def session_summarize(self, session, messages, previous):
            return "{MARK}-summary " + "of what was said " * 3

        @hookimpl
        async def session_embed(self, texts):
            return [VECTOR if "{MARK}" in text else [0.0, 1.0, 0.0, 0.0] * 16 for text in texts]

        @hookimpl
        async def session_transcribe(self, attachment, message):
            return "{MARK}-transcript"

    def pause(what):
        print(what, flush=True)
        return asyncio.to_thread(sys.stdin.readline)

    def use_store():
        with SessionStore(database, encryption=keys) as original:
            session = original.get_or_create(
                "cleo", channel="irc", channel_user_id="an id", display_name="{MARK}-cleo"
            )
            for number in range(8):
                original.save_message(
                    session.session_id, "user", "{MARK}-original", metadata={{"at": "{MARK}-meta"}}
                )
            original.link_channel(session.session_id, "xmpp", "an id")
            original.consolidate(session.session_id)

    async def walk(hub):
        talk = Talk()
        ann, bob = talk.account("ann"), talk.account("bob")
        voice = Attachment(kind="voice", id="{MARK}-id", filename="{MARK}-file", content_type="audio/ogg")
        details = dict(author_name="{MARK}-ann", metadata={{"key-{MARK}": "{MARK}-metadata"}}, attachments=(voice,))
        first = talk.said(ann, "{MARK}-text", **details)
        view = (await hub.record(first)).session
        for number in range(20):
            await hub.record(talk.said(ann, f"{MARK}-{{number}}", author_name=f"{MARK}-{{number}}"))
            await hub.record(talk.answered(ann, f"{MARK}-answer-{{number}}"))
        await view.set_state(cart="{MARK}-state")
        await view.set_user_state(language="{MARK}-language")
        await view.add("system", "{MARK}-instruction", metadata={{"by": "{MARK}-by"}})
        call = {{"type": "tool_call", "id": "c1", "name": "{MARK}_tool", "arguments": {{"city": "{MARK}-city"}}}}
        result = {{"type": "tool_result", "call_id": "c1", "parts": ["{MARK}-result"]}}
        thought = {{"type": "reasoning", "provider": "openai", "payload": {{"text": "{MARK}-thought"}}}}
        await view.add("assistant", parts=["{MARK}-part", call, thought], turn="t1")
        await view.add("tool", parts=[result], turn="t1")
        run = [
            {{"type": "function_call", "call_id": "c2", "name": "{MARK}-call", "arguments": "{{}}"}},
            {{"type": "function_call_output", "call_id": "c2", "output": "{MARK}-output"}},
        ]
        await view.add_turn(run, store_words=True)

        lobby = talk.group("lobby", title="{MARK}-title")
        said = talk.said(lobby, "{MARK}-in-group", author=bob, author_name="{MARK}-bob")
        await hub.record(said)
        quote = {{"text": "{MARK}-in-group", "message_id": said.message_id, "person": bob.channel_user_id}}
        await hub.record(talk.said(lobby, "{MARK}-reply", author=ann, metadata={{"quote": quote}}))
        await hub.record(talk.said(talk.group("lobby", title="{MARK}-renamed"), "more", author=ann))
        await hub.session_of(lobby, ann).set_state(game="{MARK}-game")
        for number in range(3):
            await hub.edit(replace(first, text=f"{MARK}-edited-{{number}}", edited_at=2.0 + number))
        await hub.edit(replace(said, text="{MARK}-edited-in-group", edited_at=3.0))
        gone = talk.said(lobby, "{MARK}-deleted", author=bob)
        await hub.record(gone)
        await hub.delete(lobby, [gone.message_id])
        old = [
            replace(talk.said(ann, f"{MARK}-imported-{{number}}", author_name="{MARK}-old"), sent_at=-1e6 + number)
            for number in range(5)
        ]
        await hub.import_history(old)
        await hub.import_history([talk.said(talk.group("past", title="{MARK}-past"), "{MARK}-past", author=bob)])
        await hub.settle()
        info = await view.info()
        assert await hub.consolidate(info.session_id) is not None
        assert len(str([entry async for entry in hub.export(ann)]).split("{MARK}")) > 60
        assert len((await view.search("{MARK}")).hits) > 5
        await view.for_model(upto=view.event)
        await hub.upkeep()

    async def main():
        global keys
        keys = Keys("{MASTER}", store=store)
        plugins = [Marks()]
        async with SessionHub(
            database, plugins=plugins, load_entry_points=False, upkeep_minutes=None,
            consolidation_threshold=80, encryption=keys,
        ) as hub:
            await walk(hub)
            await pause("live")
            await asyncio.to_thread(use_store)
            await pause("stored")
            if "://" not in database:
                await hub.backup(database + ".backup")
                await pause("copied")
            if ends == "killed":
                async def say():
                    talk = Talk()
                    for number in range(10**9):
                        await hub.record(talk.said(talk.account(f"person {{number % 97}}"), "{MARK} " * 50))
                task = asyncio.create_task(say())
                await pause("saying")
                await asyncio.sleep(1e9)
        await pause("closed")

    asyncio.run(main())
"""


@pytest.fixture
def marks() -> tuple[bytes, ...]:
    (vector,) = meaning.to_cells([VECTOR], 1)
    return (MARK.encode(), MARK.upper().encode(), MARK.encode("utf-16-le"), vector[:16])


def leaks(content: bytes, marks: tuple[bytes, ...]) -> list[bytes]:
    """Return what is around each marked word."""
    found = []
    for mark in marks:
        at = content.find(mark)
        while at >= 0 and len(found) < 5:
            found.append(content[max(0, at - 60) : at + 40])
            at = content.find(mark, at + 1)

    return found


class Places:
    """Where words of a database could be."""

    def __init__(self, backend: Any, database: str) -> None:
        self._backend, self._database = backend, database

    def contents(self) -> dict[str, bytes]:
        if "://" not in self._database:
            folder = Path(self._database).parent
            return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

        found = {"tables": self._backend.contents(self._database)}
        if shutil.which("pg_dump"):
            found["dump"] = dumped(self._database)
        return found


def dumped(database: str) -> bytes:
    """Return what pg_dump writes; it has bytes as hex digits, so those are decoded."""
    url, _, schema = database.partition("options=-csearch_path%3D")
    result = subprocess.run(
        ["pg_dump", "--schema", schema, "--inserts", url.rstrip("?&")],
        capture_output=True,
        check=False,
    )
    if b"server version mismatch" in result.stderr:  # an older one than the server
        return b""
    assert result.returncode == 0, result.stderr
    cells = (piece.partition(b"'")[0].decode() for piece in result.stdout.split(b"'\\x")[1:])
    return b"\n".join([result.stdout, *map(bytes.fromhex, cells)])


@pytest.fixture
def places(backend: Any, database: str) -> Places:
    return Places(backend, database)


@pytest.mark.parametrize("ends", ["closed", "killed"])
async def test_no_marked_word_is_anywhere(
    spawn: Any,
    places: Places,
    database: str,
    tmp_path: Path,
    marks: tuple[bytes, ...],
    ends: str,
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    process = spawn(WALK, database, keys / "bot.keys", ends)
    seen = []
    for line in process.stdout:
        stage = line.strip()
        seen.append(stage)
        for name, content in places.contents().items():
            assert leaks(content, marks) == [], (stage, name)
        process.stdin.write("\n")
        process.stdin.flush()
        if stage == "saying":
            process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert seen[-1] == ("saying" if ends == "killed" else "closed")
    assert len(seen) >= 3

    for name, content in places.contents().items():
        assert leaks(content, marks) == [], name
    async with SessionHub(
        database,
        load_entry_points=False,
        encryption=Keys(MASTER, store=keys / "bot.keys"),
    ) as hub:
        for name, content in places.contents().items():
            assert leaks(content, marks) == [], name
        ann = Talk().account("ann")
        assert MARK in str([entry async for entry in hub.export(ann)])
    for name, content in places.contents().items():
        assert leaks(content, marks) == [], name
