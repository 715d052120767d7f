"""Whatever people write is read as it is without encryption: marks of cells, NUL, lone surrogates."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Attachment, Keys, SessionHub
from session_plugin.testing import Clock, Talk

MASTER = "0123456789abcdef" * 4
HOSTILE = {
    "text mark": "\x01sealed:",
    "text mark and base64": "\x01sealed:" + "A" * 60,
    "NUL": "a\0b\0",
    "lone surrogates": "\ud800 and \udfff",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈",
    "mark as text": "\xff" * 40,
    "looks like a quote": '"quote": {"text": "x"}',
    "empty": "",
    "long": "long " * 200_000,
    "backslashes": "\\xff\\x00 E'\\\\' $$ '' \" %s %(seq)s :seq ?",
}


@pytest.fixture
def new_databases(backend: Any) -> Iterator[Callable[[], str]]:
    with ExitStack() as stack:
        yield lambda: str(stack.enter_context(backend.new()))


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_values_are_read_as_without_encryption(
    new_databases: Callable[[], str], tmp_path: Path, name: str
) -> None:
    keys = Keys(MASTER, store=tmp_path / "bot.keys")
    plain = await walk(new_databases(), HOSTILE[name], None)
    sealed = await walk(new_databases(), HOSTILE[name], keys)
    assert sealed == plain
    assert name in ("empty", "long") or len(plain) > 4


async def walk(database: str, value: str, keys: Keys | None) -> list[Any]:
    """Use a value everywhere, and return what is read after a restart, or the errors."""
    talk, seen = Talk(), []
    ann, lobby = talk.account("ann"), "lobby"
    settings: dict[str, Any] = {"load_entry_points": False, "upkeep_minutes": None}

    async def attempt(done: Any) -> Any:
        try:
            return await done
        except (TypeError, ValueError) as error:
            seen.append(f"{type(error).__name__}: {error}")
            return None

    def said(where: Any, text: str, **details: Any) -> Any:
        try:
            return talk.said(where, text, **details)
        except (TypeError, ValueError) as error:
            seen.append(f"{type(error).__name__}: {error}")
            return talk.said(where, "another")

    def group(**details: Any) -> Any:
        try:
            return talk.group(lobby, **details)
        except (TypeError, ValueError) as error:
            seen.append(f"{type(error).__name__}: {error}")
            return talk.group(lobby)

    async with SessionHub(database, clock=Clock(), encryption=keys, **settings) as hub:
        first = said(ann, value)
        view = (await hub.record(first)).session
        await attempt(hub.record(said(ann, "name", author_name=value[:1000])))
        await attempt(hub.record(said(ann, "metadata", metadata={value: [value, {"a": value}]})))
        files = (Attachment(id="an id", filename=value),)
        await attempt(hub.record(said(ann, "file", attachments=files)))
        call = {"type": "tool_call", "id": "c", "name": "n", "arguments": {"x": value}}
        await attempt(view.add("assistant", parts=[call], metadata={"by": value}))
        await attempt(hub.record(said(group(title=value[:1000]), "in the lobby", author=ann)))
        await attempt(hub.record(said(group(title=value[:10]), "renamed", author=ann)))
        await attempt(view.set_state(x=value))
        await attempt(view.set_user_state(x=value))
        await attempt(hub.edit(replace(first, text=value + value, edited_at=2.0)))

    async with SessionHub(database, clock=Clock(), encryption=keys, **settings) as hub:
        view = hub.session_of(talk.direct(ann), ann)
        for message in await view.history():
            seen.append((message.content, message.author_name, message.metadata, message.parts))
            seen.extend(one.filename for one in message.attachments)
        for message in await hub.session_of(talk.group(lobby), ann).history():
            assert message.chat is not None
            seen.append((message.content, message.chat.title))
        seen += [await view.state(), await view.user_state()]
        identity = await hub.identity_of(ann)
        seen.append(None if identity is None else identity.display_name)

    return seen


@pytest.mark.parametrize("length", [255, 1_990, 2_300])
async def test_a_long_name_costs_no_message(new_database: str, tmp_path: Path, length: int) -> None:
    """No index has it: one of PostgreSQL takes 2,704 bytes at most, and sealed it is longer."""
    talk = Talk()
    ann = talk.account("ann")
    keys = Keys(MASTER, store=tmp_path / "bot.keys")
    async with SessionHub(new_database, load_entry_points=False, encryption=keys) as hub:
        for _ in range(2):
            name = secrets.token_hex(length)[:length]
            await hub.record(talk.said(ann, "hi", author_name=name))
            identity = await hub.identity_of(ann)
            assert identity is not None
            assert identity.display_name == name
