"""A message of the person of a direct chat is not listed under their account: the chat says whose
it is. Nothing that is read of it tells whether it is stored so, or with the account, as an earlier
version stored it.
"""

import random
import re
from functools import partial
from pathlib import Path

import pytest

from session_plugin import copy_database
from tests.core.test_leaks import search_to_the_end

WITH_ACCOUNT = """
    UPDATE messages SET of_peer = 0, account_no = (
      SELECT c.peer_no FROM chats AS c WHERE c.chat_no = messages.chat_no)
    WHERE of_peer = 1
    """
"""What an earlier version stored."""
NEW_ID = re.compile(r"\b[0-9a-f]{32}\b")
"""Of a user or a session; each database has its own of those that are made in it."""


@pytest.fixture
def copied(new_databases, tmp_path):
    """Copy a database into another of the same kind."""

    def copy(database):
        new, file = new_databases(), tmp_path / "between.db"
        file.unlink(missing_ok=True)
        if "://" in database:
            copy_database(database, file)
            copy_database(file, new)
        else:
            Path(new).parent.mkdir(exist_ok=True)
            copy_database(database, new)

        return new

    return copy


async def everything(hub, world):
    """Return all that can be read of some people and groups."""
    found = {}
    for chat in [*map(world.talk.direct, world.people), *world.groups, *world.moved]:
        owners = [who for who in world.people if world.talk.direct(who) == chat]
        for reader in owners or world.people[:2]:
            view = hub.session_of(chat, reader)
            key = (chat.chat_id, chat.thread_id, reader)
            for name in ("", "work"):
                view.scope_name = name
                found[*key, name] = await view.history(limit=None, include_previous=True)
                for request in ({"max_tokens": 500}, {"max_messages": 2}):
                    context = await view.for_model(**request)
                    found[*key, name, *request] = (context, context.as_openai())
            view.scope_name = ""
            for who in ("me", world.people[1]):
                hits = await search_to_the_end(partial(view.search, who=who), "hello", limit=1000)
                found[*key, who] = [hit.message for hit in hits]

    for who in world.people:
        identity = await hub.identity_of(who)
        found[who] = identity
        if identity is not None:
            lines = [line async for line in hub.export(identity.user_id)]
            found[who, "export"] = [line for line in lines if line["kind"] != "audit"]

    status = await hub.status()
    found["counts"] = (status.messages, status.archived_messages, status.oldest_message_at)

    return {key: NEW_ID.sub("an id", repr(value)) for key, value in found.items()}


async def all_that_remains(hub, world, *, gone):
    """Forget somebody, let their messages and others' come again, and read everything."""
    receipt = await hub.forget(gone)
    chosen = random.Random(1)
    for number in range(0, 300, 7):
        who = chosen.choice(world.people)
        chat = chosen.choice([world.talk.direct(who), *world.groups])
        event = world.talk.said(chat, "hello again", author=who, message_id=str(number))
        await hub.record(event)
        reply = {"message_id": None, "reply_to": str(number + 1)}
        await hub.record(world.talk.answered(chat, "an answer", **reply))
        await hub.delete(chat, [str(number + 2)])
    await hub.settle()
    counts = (receipt.messages, receipt.sessions, receipt.chats, receipt.accounts)

    return counts, await everything(hub, world)


@pytest.mark.parametrize("seed", range(2))
async def test_what_is_read_is_the_same_however_a_message_is_stored(
    new_hub, new_world, database, backend, copied, seed
):
    world = new_world(seed)
    world.often["forgets"] = 0
    settings = {
        "max_age_hours": 24,
        "retention_days": None,
        "direct_sees_groups": seed == 1,
        "upkeep_minutes": None,
    }
    hub = new_hub(world.plugin, **settings)
    for _ in range(200):
        await world.step(hub)
    await hub.close()
    before = copied(database)
    backend.rows(before, WITH_ACCOUNT)
    known = "SELECT COUNT(*), COUNT(account_no), SUM(of_peer) FROM messages"
    ((stored, named, of_peers),) = backend.rows(database, known)
    assert of_peers > 20
    assert backend.rows(before, known) == [(stored, named + of_peers, 0)]

    hub = new_hub(world.plugin, **settings)
    other = new_hub(world.plugin, path=before, **settings)
    assert await everything(hub, world) == await everything(other, world)
    counts, remains = await all_that_remains(hub, world, gone=world.people[0])
    assert await all_that_remains(other, world, gone=world.people[0]) == (counts, remains)


async def test_a_file_of_the_version_before_is_read_as_it_was(
    new_hub, new_world, database, backend, copied
):
    world = new_world(5)
    hub = new_hub(world.plugin, retention_days=None)
    for _ in range(120):
        await world.step(hub)
    expected = await everything(hub, world)
    await hub.close()
    before = copied(database)
    backend.rows(before, WITH_ACCOUNT)
    for later in ("encryption", "data_keys", "destroyed_keys"):
        backend.rows(before, f"DROP TABLE {later}")
    backend.rows(before, "ALTER TABLE erasures DROP COLUMN may_wait")
    backend.rows(before, "ALTER TABLE messages DROP COLUMN of_peer")
    backend.set_version(before, 1)

    again = new_hub(world.plugin, path=before, retention_days=None)
    assert await everything(again, world) == expected
    await again.record(world.talk.said(world.people[0], "hello", message_id="new"))
    await again.close()
    assert backend.rows(before, "SELECT SUM(of_peer) FROM messages") == [(1,)]
    assert backend.findings(before) == []


async def test_only_messages_in_groups_are_listed_under_their_account(hub, talk, raw, store_rows):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "hello"))
    await hub.record(talk.answered(ann, "hello, ann"))
    await hub.record(talk.said(talk.group(), "hello all", author=ann))
    await hub.record(talk.answered(talk.group(), "hello, ann", answers=ann))
    assert store_rows() == [(0, 1), (0, 1), (1, 0), (1, 0)]
    messages = await hub.session_of(talk.direct(ann), ann).history()
    assert [message.person for message in messages] == [ann, ann]
    await hub.delete(talk.direct(ann), ["m1"])
    peers = "SELECT t.account_no = c.peer_no FROM tombstones AS t JOIN chats AS c"
    assert [bool(one) for (one,) in raw.rows(f"{peers} ON c.chat_no = t.chat_no")] == [True]


async def test_instructions_and_what_is_replied_to_have_their_person(hub, talk):
    ann = talk.account("ann")
    first = talk.said(ann, "the beginning")
    view = (await hub.record(first)).session
    await view.add("system", "be kind")
    for number in range(5):
        await hub.record(talk.said(ann, f"{number}"))
    await hub.record(talk.said(ann, "as I said", reply_to=first.message_id))
    context = await view.for_model(max_messages=1)
    assert context.messages[0].content == "be kind"
    assert {message.person for message in context.messages} == {ann}
    assert "the beginning" in repr(context.background)
    assert repr(ann) in repr(context.background)


async def test_what_nobody_known_said_in_a_direct_chat_is_nobodys(hub, talk, store_rows):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "hello"))
    await hub.record(talk.said(talk.direct(ann), "from a webhook"))
    assert store_rows() == [(0, 1), (0, 0)]
    messages = await hub.session_of(talk.direct(ann), ann).history()
    assert [message.person for message in messages] == [ann, None]


@pytest.fixture
def store_rows(raw):
    """Return for each message whether it has an account, and whether it is of the peer."""
    return lambda: [
        (int(account_no is not None), of_peer)
        for account_no, of_peer in raw.rows("SELECT account_no, of_peer FROM messages ORDER BY seq")
    ]
