"""An account whose id on its platform changes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from session_plugin import Account, AccountTaken, Chat, SessionHub
from session_plugin.testing import EventLog, Talk

OLD, NEW = Account("whatsapp", "4911"), Account("whatsapp", "4922")


async def test_history_links_state_and_privacy_go_along(
    new_hub: Callable[..., SessionHub], talk: Talk, old_link: Any, texts: Any
) -> None:
    hub = new_hub()
    other = Account("telegram", "ann")
    await hub.record(talk.said(OLD, "before"))
    await hub.record(talk.said(other, "elsewhere"))
    user_id = (await old_link(hub, OLD, other)).user_id
    await hub.session_of(talk.direct(OLD), OLD).set_user_state(seat="12A")

    identity = await hub.move_account(OLD, NEW)

    assert identity is not None
    assert identity.user_id == user_id
    assert set(identity.accounts) == {NEW, other}
    assert await hub.identity_of(OLD) is None
    await hub.record(talk.said(NEW, "after"))
    assert await texts(hub, NEW, include_previous=True) == ["before", "elsewhere", "after"]
    assert await hub.session_of(talk.direct(NEW), NEW).user_state() == {"seat": "12A"}

    await hub.set_private(other, True)
    moved_back = await hub.move_account(NEW, OLD)
    assert moved_back is not None
    assert moved_back.is_private


async def test_a_message_of_before_the_move_is_known_when_it_is_delivered_again(
    new_hub: Callable[..., SessionHub], talk: Talk, texts: Any
) -> None:
    """The direct chat has its owner's id, as on WhatsApp and on Telegram."""
    hub = new_hub()
    first = replace(talk.said(OLD, "hi"), chat=Chat("whatsapp", OLD.channel_user_id))
    await hub.record(first)
    await hub.move_account(OLD, NEW)

    again = await hub.record(replace(first, author=NEW, chat=Chat("whatsapp", NEW.channel_user_id)))

    assert not again.is_new
    assert [message.content for message in await again.session.history()] == ["hi"]


async def test_who_gets_the_old_id_finds_nothing_of_who_had_it(
    new_hub: Callable[..., SessionHub], talk: Talk
) -> None:
    hub = new_hub()
    chat = Chat("whatsapp", OLD.channel_user_id)
    await hub.record(replace(talk.said(OLD, "a secret"), chat=chat))
    await hub.move_account(OLD, NEW)

    stranger = await hub.record(replace(talk.said(OLD, "hello"), chat=chat))

    assert [message.content for message in await stranger.session.history()] == ["hello"]
    assert await hub.identity_of(OLD) != await hub.identity_of(NEW)


async def test_a_taken_id_is_refused_and_logged_and_nothing_moves(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    texts: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub = new_hub()
    await hub.record(talk.said(OLD, "one"))
    await hub.record(talk.said(NEW, "other"))

    with caplog.at_level(logging.WARNING), pytest.raises(AccountTaken, match="whatsapp belongs"):
        await hub.move_account(OLD, NEW)

    assert "was not moved" in caplog.text
    assert OLD.channel_user_id not in caplog.text
    assert await texts(hub, OLD) == ["one"]
    assert await texts(hub, NEW) == ["other"]


async def test_what_was_forgotten_under_either_id_is_not_stored_again(
    new_hub: Callable[..., SessionHub], talk: Talk, texts: Any
) -> None:
    hub = new_hub()
    of_new, of_old = talk.said(NEW, "new's"), talk.said(OLD, "old's")
    await hub.record(of_new)
    await hub.forget(NEW)
    await hub.record(of_old)
    await hub.forget(OLD)
    await hub.record(talk.said(OLD, "afterwards"))
    await hub.move_account(OLD, NEW)

    for event in (of_new, replace(of_old, author=NEW)):
        assert not (await hub.record(event)).is_stored
    assert await texts(hub, NEW) == ["afterwards"]


@pytest.mark.plain("finds the words in the database before, and not after")
async def test_forgetting_finds_what_others_quote_of_it(
    new_hub: Callable[..., SessionHub], talk: Talk, raw: Any
) -> None:
    hub = new_hub()
    group, bob = talk.group(channel="whatsapp"), Account("whatsapp", "bob")
    quoting = replace(
        talk.said(group, "look", author=bob),
        metadata={
            "quote": {
                "text": "the quoted words",
                "message_id": "unseen",
                "chat_id": group.chat_id,
                "person": OLD.channel_user_id,
            }
        },
    )
    await hub.record(talk.said(group, "hi", author=OLD))
    await hub.record(quoting)
    assert b"the quoted words" in raw.contents()
    await hub.move_account(OLD, NEW)
    await hub.forget(NEW)
    await hub.close()

    assert b"the quoted words" not in raw.contents()


async def test_a_deletion_finds_what_was_quoted_in_a_direct_chat_before_the_move(
    new_hub: Callable[..., SessionHub], talk: Talk, raw: Any
) -> None:
    hub = new_hub()
    old, new = (Chat("whatsapp", account.channel_user_id) for account in (OLD, NEW))
    first = replace(talk.said(OLD, "the first words"), chat=old)
    quoting = replace(
        talk.said(OLD, "look"),
        chat=old,
        metadata={"quote": {"text": "first words", "message_id": first.message_id}},
    )
    await hub.record(first)
    await hub.record(quoting)
    await hub.move_account(OLD, NEW)

    await hub.delete(new, [first.message_id])
    await hub.close()

    assert b"first words" not in raw.contents()


async def test_plugins_are_notified_of_a_move_once(
    new_hub: Callable[..., SessionHub], talk: Talk, event_log: EventLog
) -> None:
    hub = new_hub(event_log)
    await hub.record(talk.said(OLD, "hi"))
    await hub.move_account(OLD, NEW)
    await hub.move_account(OLD, NEW)
    await hub.settle()

    moved = [told["event"] for told in event_log.of("identity") if told["event"].change == "moved"]
    assert [(event.previous_account, event.account) for event in moved] == [(OLD, NEW)]


async def test_a_move_of_nobody_known_or_to_another_platform_does_nothing(
    new_hub: Callable[..., SessionHub], talk: Talk
) -> None:
    hub = new_hub()
    assert await hub.move_account(OLD, NEW) is None
    await hub.record(talk.said(OLD, "hi"))
    with pytest.raises(ValueError, match="same platform's channel"):
        await hub.move_account(OLD, Account("telegram", "4922"))
    with pytest.raises(ValueError, match="same platform's channel"):
        await hub.move_account(Account("", "ann"), Account("", "bob"))
    assert await hub.identity_of(OLD) is not None
