"""Cells that were changed, moved or put in by somebody who has the database and no keys: each costs
itself, nobody reads another's words by it, and all else is read as before.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from session_plugin import (
    Attachment,
    DatabaseRefused,
    DatabaseUnavailable,
    Keys,
    OperatorHub,
    SessionHub,
    SessionStore,
    SessionView,
    hookimpl,
)
from session_plugin.testing import Talk

MASTER = secrets.token_hex(32)
PEOPLE = ("ann", "bob")

# What is private, and how to find one person's row: their account, and what else they alone have.
ACCOUNT = "channel_user_id = '{0}-on-discord'"
OF_ACCOUNT = f"(SELECT account_no FROM accounts WHERE {ACCOUNT})"
OF_USER = f"(SELECT user_id FROM accounts WHERE {ACCOUNT})"
OF_SESSION = f"(SELECT session_no FROM sessions WHERE user_id = {OF_USER})"
CELLS = {
    "name": ("accounts", "display_name", ACCOUNT),
    "title": ("chats", "title", "chat_id = 'group of {0}'"),
    "text": ("messages", "content", "message_id = 'first of {0}'"),
    "session_state": ("sessions", "state", f"session_no = {OF_SESSION}"),
    "user_state": ("users", "state", f"user_id = {OF_USER}"),
    "summary": ("summaries", "content", f"session_no = {OF_SESSION}"),
}
"""Where each word of `words` is: the table, the column, and whose row it is."""
IN_MESSAGE = ("text", "author", "metadata", "filename")
"""Words that are in one cell together."""


class Summarizer:
    """Sums up with a word of the person."""

    @hookimpl
    def session_summarize(self, session: Any, messages: Any, previous: Any) -> str:
        return f"summary of {session.identity.accounts[0].channel_user_id.split('-')[0]}"


def words(person: str) -> dict[str, str]:
    """Return a word for each place, in which no other is contained."""
    names = ("name", "title", "text", "author", "metadata", "filename")
    states = ("session_state", "user_state", "summary")
    return {place: f"{place} of {person}" for place in (*names, *states)}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    folder = tmp_path / "keys"
    folder.mkdir(exist_ok=True)
    return Keys(MASTER, store=folder / "bot.keys")


@pytest.fixture
def open_hub(database: str, keys: Keys) -> Callable[..., SessionHub]:
    def opened(**settings: Any) -> SessionHub:
        plugins = [Summarizer()]
        made = {"plugins": plugins, "load_entry_points": False, "upkeep_minutes": None}
        return SessionHub(
            database,
            **{**made, "consolidation_threshold": 12, "encryption": keys, **settings},
        )

    return opened


async def fill(hub: SessionHub) -> None:
    talk = Talk()
    for person in PEOPLE:
        say = words(person)
        account = talk.account(person)
        first = talk.said(
            account,
            say["text"],
            message_id=f"first of {person}",
            author_name=say["author"],
            metadata={"note": say["metadata"]},
            attachments=(Attachment(id="id", filename=say["filename"]),),
        )
        view = (await hub.record(first)).session
        for _ in range(6):
            await hub.record(talk.said(account, "and so on", author_name=say["name"]))
        await view.set_state(word=say["session_state"])
        await view.set_user_state(word=say["user_state"])
        group = talk.group(f"group of {person}", title=say["title"])
        await hub.record(talk.said(group, "hello", author=account))
        info = await view.info()
        assert info is not None
        assert await hub.consolidate(info.session_id) is not None


async def read(hub: SessionHub) -> dict[str, set[str]]:
    """Return the words that are read of each person, by the places where they are."""
    talk = Talk()
    found: dict[str, set[str]] = {}
    for person in PEOPLE:
        account = talk.account(person)
        exported = [entry async for entry in hub.export(account)]
        group = talk.group(f"group of {person}")
        (in_group,) = await hub.session_of(group, account).history()
        assert in_group.content == "hello"
        assert in_group.chat is not None
        message = next(one for one in exported if one.get("message_id") == f"first of {person}")
        by_kind = {one["kind"]: one for one in exported}
        found[person] = {
            by_kind["account"]["name"],
            in_group.chat.title,
            message["text"],
            message["name"],
            message["metadata"].get("note", ""),
            *(one["filename"] for one in message["attachments"]),
            by_kind["session"]["state"].get("word", ""),
            by_kind["export"]["state"].get("word", ""),
            by_kind["summary"]["text"] if "summary" in by_kind else "",
        } - {""}
        others = [one for one in exported if one.get("text") == "and so on"]
        assert len(others) == 6

    return found


def without(person: str, *places: str) -> set[str]:
    return {word for place, word in words(person).items() if place not in places}


async def test_what_is_not_attacked_is_read(open_hub: Any) -> None:
    async with open_hub() as hub:
        await fill(hub)
        assert await read(hub) == {person: without(person) for person in PEOPLE}


class Attacked:
    """A filled database whose cells are changed while it is closed, and put back."""

    def __init__(self, open_hub: Any, raw: Any) -> None:
        self._open_hub, self._raw = open_hub, raw

    def cell(self, place: str, person: str) -> Any:
        table, column, where = CELLS[place]
        ((cell,),) = self._raw.rows(f"SELECT {column} FROM {table} WHERE {where.format(person)}")
        return cell

    def put(self, place: str, person: str, cell: Any) -> None:
        table, column, where = CELLS[place]
        self._raw.rows(f"UPDATE {table} SET {column} = ? WHERE {where.format(person)}", cell)

    async def read_with(self, place: str, ann: Any, bob: Any = None) -> dict[str, set[str]]:
        """Return all that is read while these cells are there instead."""
        before = {person: self.cell(place, person) for person in PEOPLE}
        self.put(place, "ann", ann)
        self.put(place, "bob", before["bob"] if bob is None else bob)
        async with self._open_hub() as hub:
            found = await read(hub)
        for person, cell in before.items():
            self.put(place, person, cell)

        return found


@pytest.fixture
async def attacked(open_hub: Any, raw: Any) -> Attacked:
    async with open_hub() as hub:
        await fill(hub)

    return Attacked(open_hub, raw)


def lost(place: str) -> tuple[str, ...]:
    return IN_MESSAGE if place == "text" else (place,)


@pytest.mark.parametrize("place", CELLS)
async def test_cells_that_are_swapped_open_in_neither_row(attacked: Attacked, place: str) -> None:
    ann, bob = (attacked.cell(place, person) for person in PEOPLE)
    found = await attacked.read_with(place, bob, ann)
    assert found == {person: without(person, *lost(place)) for person in PEOPLE}


@pytest.mark.parametrize("place", CELLS)
async def test_a_cell_that_is_changed_costs_itself(attacked: Attacked, place: str) -> None:
    """Cut, with another bit, with bytes after its end, or nothing but how a cell begins."""
    whole = as_bytes(attacked.cell(place, "ann"))
    changed = [whole[:length] for length in (1, 8, 9, 20, 21, 36, 37, -1)]
    changed += [flipped(whole, at) for at in (1, 8, 9, 20, 21, -17, -1)]
    changed += [whole + b"\0", whole * 2, b"\xff" * 8, b"\xff" + os.urandom(60)]
    for cell in changed:
        found = await attacked.read_with(place, as_cell(attacked.cell(place, "ann"), cell))
        assert found == {"ann": without("ann", *lost(place)), "bob": without("bob")}, cell


def flipped(cell: bytes, at: int) -> bytes:
    changed = bytearray(cell)
    changed[at] ^= 4
    return bytes(changed)


@pytest.mark.parametrize("place", CELLS)
async def test_a_cell_of_another_column_does_not_open(attacked: Attacked, place: str) -> None:
    """Also one that the same key has sealed, for a row of the same number."""
    for other in CELLS.keys() - {place}:
        cell = as_bytes(attacked.cell(other, "ann"))
        found = await attacked.read_with(place, as_cell(attacked.cell(place, "ann"), cell))
        assert found == {"ann": without("ann", *lost(place)), "bob": without("bob")}, other


async def test_a_name_after_the_mark_that_is_no_base64_reads_as_none(attacked: Attacked) -> None:
    for text in ("", "?", "é", "AAAA=A", "A" * 11, "\n", "😀"):
        found = await attacked.read_with("name", TEXT_MARK + text)
        assert found == {"ann": without("ann", "name"), "bob": without("bob")}, text


async def test_a_plain_value_in_place_of_a_cell_is_read_as_it_is(attacked: Attacked) -> None:
    """Encryption keeps what is sealed from being read. Roles, times and who said it are plain, so it
    does not keep somebody who can write the database from changing a conversation.
    """
    found = await attacked.read_with("text", b"put in")
    assert found == {"ann": without("ann", *IN_MESSAGE) | {"put in"}, "bob": without("bob")}


TEXT_MARK = "\x01sealed:"


def as_bytes(cell: bytes | str) -> bytes:
    """Return what a column of bytes would hold."""
    if isinstance(cell, str):
        return base64.b64decode(cell.removeprefix(TEXT_MARK))
    return cell


def as_cell(like: bytes | str, cell: bytes) -> bytes | str:
    return TEXT_MARK + base64.b64encode(cell).decode() if isinstance(like, str) else cell


# Opening.


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).digest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


async def test_a_database_is_refused_and_left_as_it_is_where_the_keys_are_not_its_own(
    open_hub: Any, database: str, keys: Keys, tmp_path: Path, backend: Any
) -> None:
    async with open_hub() as hub:
        await fill(hub)

    store = tmp_path / "keys" / "bot.keys"
    others = tmp_path / "others.keys"
    async with SessionHub(
        tmp_path / "other" / "other.db",
        load_entry_points=False,
        encryption=Keys(MASTER, store=others),
    ):
        pass
    missing = tmp_path / "missing.keys"
    before, stored = bytes_in(tmp_path), backend.contents(database)
    for wrong, message in (
        (None, "no keys were given"),
        (Keys(secrets.token_hex(32), store=store), "another master key"),
        (Keys(MASTER, store=others), "not that of"),
        (Keys(MASTER, store=missing), "missing"),
    ):
        for opens in (SessionHub, OperatorHub):
            settings = {} if opens is OperatorHub else {"load_entry_points": False}
            with pytest.raises(DatabaseRefused, match=message):
                async with opens(database, encryption=wrong, **settings):
                    pass
            assert bytes_in(tmp_path) == before
        with pytest.raises(DatabaseRefused, match=message):
            SessionStore(database, encryption=wrong)
        assert bytes_in(tmp_path) == before
        assert backend.contents(database) == stored

    async with open_hub() as hub:
        assert await read(hub) == {person: without(person) for person in PEOPLE}


# A store of keys that cannot be reached.


class Shelf:
    """A store of an author's own, which is away at times."""

    def __init__(self) -> None:
        self.keys: dict[bytes, bytes] = {}
        self.is_away = False
        self.asked = 0

    def create(self, key_ids: Sequence[bytes], /) -> Mapping[bytes, bytes]:
        self._ask()
        return {one: self.keys.setdefault(one, os.urandom(32)) for one in key_ids}

    def unwrap(self, key_ids: Sequence[bytes], /) -> Mapping[bytes, bytes]:
        self._ask()
        return {one: self.keys[one] for one in key_ids if one in self.keys}

    def destroy(self, key_ids: Sequence[bytes], /) -> int:
        self._ask()
        return sum(self.keys.pop(one, None) is not None for one in key_ids)

    def rewrap(self) -> int:
        return 0

    def _ask(self) -> None:
        self.asked += 1
        if self.is_away:
            raise DatabaseUnavailable("the vault cannot be reached")


async def test_messages_wait_for_a_store_of_keys_and_are_stored_when_it_is_back(
    open_hub: Any,
) -> None:
    shelf, talk = Shelf(), Talk()
    async with open_hub(encryption=Keys(store=shelf), store_patience=20.0) as hub:
        await hub.record(talk.said(talk.account("ann"), "before"))
        shelf.is_away = True
        waiting = await come_until_a_key_is_needed(hub, talk)
        waiting.append(asyncio.create_task(hub.record(talk.said(talk.account("bob"), "too"))))
        await asyncio.sleep(0.3)
        assert not any(task.done() for task in waiting)

        shelf.is_away = False
        for recorded in await asyncio.gather(*waiting):
            assert recorded.is_stored
            assert len(await recorded.session.history()) == 1


async def come_until_a_key_is_needed(hub: SessionHub, talk: Talk) -> list[asyncio.Task[Any]]:
    """Let people come until one waits: some keys are made ahead."""
    for number in range(100):
        said = talk.said(talk.account(f"person {number}"), "hi")
        task = asyncio.create_task(hub.record(said))
        done, _ = await asyncio.wait([task], timeout=1.0)
        if not done:
            return [task]

    raise AssertionError("nobody needed a key")


async def test_what_nobody_waits_for_any_more_is_stored_when_the_store_of_keys_is_back(
    open_hub: Any,
) -> None:
    shelf, talk = Shelf(), Talk()
    async with open_hub(encryption=Keys(store=shelf), store_patience=0.2) as hub:
        await hub.record(talk.said(talk.account("ann"), "before"))
        shelf.is_away = True
        recorded = [
            await hub.record(talk.said(talk.account(f"person {number}"), "hi"))
            for number in range(40)
        ]
        assert not all(one.is_stored for one in recorded)

        shelf.is_away = False
        async with asyncio.timeout(20):
            counts = [await count(one.session) for one in recorded]
        assert counts == [1] * 40


async def count(view: SessionView) -> int:
    """Count the messages of a session, once those before are stored."""
    while True:
        try:
            return len(await view.history())
        except DatabaseUnavailable:
            await asyncio.sleep(0.05)


async def test_reading_without_a_store_of_keys_says_so(open_hub: Any) -> None:
    shelf, talk = Shelf(), Talk()
    ann = talk.account("ann")
    async with open_hub(encryption=Keys(store=shelf)) as hub:
        await hub.record(talk.said(ann, "before"))
    async with open_hub(encryption=Keys(store=shelf)) as hub:
        view = hub.session_of(talk.direct(ann), ann)
        shelf.is_away = True
        with pytest.raises(DatabaseUnavailable, match="the vault cannot be reached"):
            await view.history()
        shelf.is_away = False
        assert [one.content for one in await view.history()] == ["before"]
