"""A message found again by its platform's id."""

from __future__ import annotations

import pytest


async def test_a_message_is_found_by_its_chat_and_id(hub, talk):
    ann = talk.account("ann")
    event = talk.said(ann, "hello")
    await hub.record(event)
    found = await hub.find_message(event.chat, event.message_id)
    assert (found.content, found.person, found.chat) == ("hello", ann, event.chat)


async def test_a_message_that_was_never_stored_or_is_gone_is_not_found(hub, talk):
    event = talk.said(talk.account("ann"), "hello")
    assert await hub.find_message(event.chat, event.message_id) is None
    await hub.record(event)
    await hub.delete(event.chat, [event.message_id])
    assert await hub.find_message(event.chat, event.message_id) is None


@pytest.mark.parametrize("message_id", ["", "\0", "\ud800", "1\0"])
async def test_an_id_that_no_message_can_have_finds_none(hub, talk, message_id):
    event = talk.said(talk.account("ann"), "hello", message_id="1")
    await hub.record(event)
    assert await hub.find_message(event.chat, message_id) is None


@pytest.mark.parametrize("message_id", [1, b"1", None])
async def test_an_id_that_is_no_text_is_refused(hub, talk, message_id):
    event = talk.said(talk.account("ann"), "hello", message_id="1")
    await hub.record(event)
    with pytest.raises(TypeError, match="message_id must be text"):
        await hub.find_message(event.chat, message_id)
