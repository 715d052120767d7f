"""A message found again by its platform's id."""

from __future__ import annotations


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
