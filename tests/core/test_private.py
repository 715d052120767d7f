"""What is not kept: of people who asked for it, of chats that the author leaves out."""

import asyncio
import logging

import pytest


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def ann_too(talk):
    return talk.account("ann", channel="telegram")


async def test_nothing_is_kept_of_somebody_who_asked_for_it(new_hub, diary, talk, texts, ann):
    hub = new_hub(diary)
    await hub.record(talk.said(ann, "before"))
    await hub.set_private(ann, True)
    recorded = await hub.record(talk.said(ann, "between us"))
    await hub.settle()
    assert (recorded.is_stored, recorded.message) == (False, None)
    assert await texts(hub, ann) == ["before"]
    assert [told["event"].text for told in diary.of("message")] == ["before"]


async def test_nor_what_they_are_answered(hub, talk, texts, ann):
    lobby = talk.group()
    await hub.record(talk.said(ann, "before"))
    await hub.set_private(ann, True)
    await hub.record(talk.answered(ann, "an answer"))
    await hub.record(talk.answered(talk.direct(ann), "words in their direct chat"))
    await hub.record(talk.answered(lobby, "an answer in a group", answers=ann))
    assert await texts(hub, ann) == ["before"]
    assert await texts(hub, lobby) == []


async def test_others_in_a_group_are_kept_as_ever(hub, talk, texts, ann):
    lobby, bob = talk.group(), talk.account("bob")
    await hub.set_private(ann, True)
    await hub.record(talk.said(lobby, "of ann", author=ann))
    await hub.record(talk.said(lobby, "of bob", author=bob))
    assert await texts(hub, lobby) == ["of bob"]


async def test_many_messages_at_once_are_sorted_out_alike(hub, talk, texts, ann):
    lobby, bob = talk.group(), talk.account("bob")
    for account in (ann, bob):
        await hub.record(talk.said(lobby, "first", author=account))
    await hub.set_private(ann, True)
    said = [talk.said(lobby, f"{number}", author=account) for number in range(20) for account in (ann, bob)]
    await asyncio.gather(*map(hub.record, said))
    assert await texts(hub, lobby) == ["first", "first", *map(str, range(20))]


async def test_it_holds_on_all_accounts_of_a_person(hub, talk, texts, link, ann, ann_too):
    await link(hub, ann, ann_too)
    await hub.set_private(ann, True)
    await hub.record(talk.said(ann_too, "between us"))
    assert (await hub.identity_of(ann_too)).is_private
    assert await texts(hub, ann_too) == []


async def test_whoever_is_linked_with_somebody_private_is_private_until_they_part(hub, talk, texts, link, ann, ann_too):
    await hub.record(talk.said(ann_too, "before"))
    await hub.set_private(ann, True)
    await link(hub, ann, ann_too)
    await hub.record(talk.said(ann_too, "between us"))
    await hub.unlink(ann)
    await hub.record(talk.said(ann_too, "after"))
    await hub.record(talk.said(ann, "still between us"))
    assert await texts(hub, ann_too) == ["before", "after"]
    assert await texts(hub, ann) == []


async def test_it_can_be_taken_back(hub, talk, texts, ann):
    await hub.set_private(ann, True)
    await hub.set_private(ann, False)
    await hub.record(talk.said(ann, "hello again"))
    assert await texts(hub, ann) == ["hello again"]


async def test_an_edit_of_theirs_takes_away_what_was_kept_of_it(new_hub, diary, talk, texts, ann):
    hub = new_hub(diary)
    said = talk.said(ann, "first words")
    await hub.record(said)
    await hub.set_private(ann, True)
    assert not await hub.edit(talk.said(ann, "other words", message_id=said.message_id))
    await hub.settle()
    assert await texts(hub, ann) == []
    assert [told["message_ids"] for told in diary.of("delete")] == [(said.message_id,)]


async def test_a_restart_changes_nothing(new_hub, talk, texts, ann):
    hub = new_hub()
    await hub.set_private(ann, True)
    await hub.close()
    await hub.record(talk.said(ann, "between us"))
    assert await texts(hub, ann) == []


async def test_it_holds_for_what_the_blocking_store_saves(hub, ann):
    await hub.set_private(ann, True)
    user_id = (await hub.identity_of(ann)).user_id

    def save():
        store = hub.store()
        session = store.get_or_create(user_id)
        store.save_message(session.session_id, "user", "between us")
        return store.get_or_create(user_id).messages

    assert await asyncio.to_thread(save) == []


# What the author leaves out


async def test_chats_that_are_not_recorded_leave_nothing(new_hub, diary, talk, texts, ann):
    hub = new_hub(diary, record_when=lambda chat: chat.kind == "direct")
    lobby = talk.group()
    recorded = await hub.record(talk.said(lobby, "in public", author=ann))
    await hub.record(talk.said(ann, "to the bot"))
    await hub.settle()
    assert not recorded.is_stored
    assert await texts(hub, lobby) == []
    assert [told["event"].text for told in diary.of("message")] == ["to the bot"]


async def test_a_rule_that_fails_keeps_nothing_and_says_so(new_hub, talk, texts, ann, caplog):
    def broken(chat):
        raise KeyError(chat.chat_id)

    hub = new_hub(record_when=broken)
    with caplog.at_level(logging.ERROR):
        assert not (await hub.record(talk.said(ann, "hello"))).is_stored
    assert "record_when failed" in caplog.text
    assert await texts(hub, ann) == []


async def test_an_edit_in_a_chat_that_is_no_longer_recorded_takes_the_message_away(new_hub, talk, texts, ann):
    said = talk.said(ann, "first words")
    await new_hub().record(said)
    hub = new_hub(record_when=lambda _: False)
    await hub.edit(talk.said(ann, "other words", message_id=said.message_id))
    assert await texts(hub, ann) == []
