"""Data keys are renewed as people write: what is stored is opened with the old ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from session_plugin import Account, Chat, SessionHub
from session_plugin.encryption import cells
from session_plugin.encryption.sealing import STATE_SECONDS
from session_plugin.testing import Talk


async def texts(hub: SessionHub, chat: Chat, who: Account) -> list[str]:
    return [message.content for message in await hub.session_of(chat, who).history()]


async def test_what_is_written_after_it_has_another_key(
    new_hub: Callable[..., SessionHub], talk: Talk, backend: Any, database: str
) -> None:
    ann = talk.account("ann")
    hub = new_hub()
    await hub.record(talk.said(ann, "one"))
    before = talk.said(ann, "two")
    await hub.record(before)
    assert await hub.renew_keys() == 1
    await hub.record(talk.said(ann, "three"))
    await hub.record(talk.said(ann, "four"))
    await hub.edit(replace(before, text="two, edited", edited_at=before.sent_at + 1))
    assert await texts(hub, talk.direct(ann), ann) == ["one", "two, edited", "three", "four"]

    stored = backend.rows(database, "SELECT content FROM messages ORDER BY seq")
    first, second, third, fourth = (cells.key_id_of(bytes(content)) for (content,) in stored)
    assert first == second
    assert third == fourth != first

    receipt = await hub.forget(ann)
    assert receipt.keys == 2
    assert backend.rows(database, "SELECT key_id FROM data_keys") == []
    destroyed = backend.rows(database, "SELECT key_id FROM destroyed_keys WHERE is_done = 1")
    assert {bytes(key_id) for (key_id,) in destroyed} >= {first, third}


async def test_another_process_follows(
    new_hub: Callable[..., SessionHub], talk: Talk, backend: Any, database: str
) -> None:
    ann = talk.account("ann")
    hub, other = new_hub(), new_hub()
    await other.record(talk.said(ann, "one"))
    await hub.renew_keys()
    sealing = other._parts.encryption.sealing
    assert sealing is not None
    now = sealing._clock()
    sealing._clock = lambda: now + 2 * STATE_SECONDS
    await other.record(talk.said(ann, "two"))

    stored = backend.rows(database, "SELECT content FROM messages ORDER BY seq")
    first, second = (cells.key_id_of(bytes(content)) for (content,) in stored)
    assert first != second
    assert await texts(hub, talk.direct(ann), ann) == ["one", "two"]
