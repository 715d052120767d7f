"""What is not kept: of people who asked for it, of chats that the author leaves out."""

import asyncio
import logging
from dataclasses import replace

import pytest

from session_plugin import hookimpl


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def ann_too(talk):
    return talk.account("ann", channel="telegram")


async def test_nothing_is_kept_of_somebody_who_asked_for_it(new_hub, event_log, talk, texts, ann):
    hub = new_hub(event_log)
    await hub.record(talk.said(ann, "before"))
    await hub.set_private(ann, True)
    recorded = await hub.record(talk.said(ann, "between us"))
    await hub.settle()
    assert (recorded.is_stored, recorded.message) == (False, None)
    assert await texts(hub, ann) == ["before"]
    assert [told["event"].text for told in event_log.of("message")] == ["before"]


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
    said = [
        talk.said(lobby, f"{number}", author=account)
        for number in range(20)
        for account in (ann, bob)
    ]
    await asyncio.gather(*map(hub.record, said))
    assert await texts(hub, lobby) == ["first", "first", *map(str, range(20))]


async def test_it_holds_on_all_accounts_of_a_person(hub, talk, texts, link, ann, ann_too):
    await link(hub, ann, ann_too)
    await hub.set_private(ann, True)
    await hub.record(talk.said(ann_too, "between us"))
    assert (await hub.identity_of(ann_too)).is_private
    assert await texts(hub, ann_too) == []


async def test_whoever_is_linked_with_somebody_private_is_private_until_they_part(
    hub, talk, texts, link, ann, ann_too
):
    await hub.record(talk.said(ann_too, "before"))
    await hub.set_private(ann, True)
    await link(hub, ann, ann_too)
    await hub.record(talk.said(ann_too, "between us"))
    await hub.unlink(ann)
    await hub.record(talk.said(ann_too, "after"))
    await hub.record(talk.said(ann, "still between us"))
    assert await texts(hub, ann_too) == ["before", "after"]
    assert await texts(hub, ann) == []


async def test_it_holds_on_a_new_account_that_a_plugin_knows(new_hub, talk, texts, ann, ann_too):
    class Known:
        @hookimpl
        def session_resolve_user(self, account):
            return "ann"

    hub = new_hub(Known())
    await hub.record(talk.said(ann, "before"))
    await hub.set_private(ann, True)
    for _ in range(2):
        assert not (await hub.record(talk.said(ann_too, "between us"))).is_stored
    assert not (
        await hub.record(talk.answered(talk.group(), "an answer", answers=ann_too))
    ).is_stored
    assert await texts(hub, ann) == ["before"]


async def test_words_of_the_bot_that_reply_to_them_are_answers_to_them(hub, talk, texts, ann):
    lobby = talk.group()
    asked = talk.said(lobby, "before", author=ann)
    await hub.record(asked)
    await hub.set_private(ann, True)
    assert not (
        await hub.record(talk.answered(lobby, "an answer", reply_to=asked.message_id))
    ).is_stored
    assert (
        await hub.record(
            talk.said(lobby, "of bob", author=talk.account("bob"), reply_to=asked.message_id)
        )
    ).is_stored
    assert await texts(hub, lobby) == ["before", "of bob"]


async def test_an_edit_of_what_they_were_answered_takes_it_away_though_nobody_says_whose_it_is(
    hub, talk, texts, ann
):
    lobby = talk.group()
    answer = talk.answered(lobby, "thinking", answers=ann)
    await hub.record(answer)
    await hub.set_private(ann, True)
    assert not await hub.edit(replace(answer, answers=None, text="an answer", edited_at=2.0))
    assert await texts(hub, lobby) == []


@pytest.mark.parametrize("ending", ["taken back", "forgotten"])
async def test_what_was_not_kept_stays_out_when_it_comes_again_later(hub, talk, texts, ann, ending):
    lobby = talk.group()
    kept = talk.said(ann, "before", sent_at=1.0)
    private = [
        talk.said(ann, "between us", sent_at=2.0),
        talk.answered(ann, "an answer", sent_at=2.0),
        talk.answered(lobby, "an answer in a group", answers=ann, sent_at=2.0),
    ]
    await hub.record(kept)
    await hub.set_private(ann, True)
    for event in private:
        await hub.record(event)
    await hub.edit(replace(kept, text="other words", edited_at=3.0))
    if ending == "forgotten":
        await hub.forget(ann)
    else:
        await hub.set_private(ann, False)
    for event in (kept, *private, replace(private[-1], answers=None)):
        assert not (await hub.record(event)).is_stored
    await hub.record(talk.said(ann, "after", sent_at=2.0))
    assert await texts(hub, ann) == ["after"]
    assert await texts(hub, lobby) == []


async def test_it_can_be_taken_back(hub, talk, texts, ann):
    await hub.set_private(ann, True)
    await hub.set_private(ann, False)
    await hub.record(talk.said(ann, "hello again"))
    assert await texts(hub, ann) == ["hello again"]


async def test_an_edit_of_theirs_takes_away_what_was_kept_of_it(
    new_hub, event_log, talk, texts, ann
):
    hub = new_hub(event_log)
    said = talk.said(ann, "first words")
    await hub.record(said)
    await hub.set_private(ann, True)
    assert not await hub.edit(talk.said(ann, "other words", message_id=said.message_id))
    await hub.settle()
    assert await texts(hub, ann) == []
    assert [told["message_ids"] for told in event_log.of("delete")] == [(said.message_id,)]


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


async def test_chats_that_are_not_recorded_leave_nothing(new_hub, event_log, talk, texts, ann):
    hub = new_hub(event_log, record_when=lambda chat: chat.kind == "direct")
    lobby = talk.group()
    recorded = await hub.record(talk.said(lobby, "in public", author=ann))
    await hub.record(talk.said(ann, "to the bot"))
    await hub.settle()
    assert not recorded.is_stored
    assert await texts(hub, lobby) == []
    assert [told["event"].text for told in event_log.of("message")] == ["to the bot"]


async def test_a_rule_that_fails_keeps_nothing_and_says_so(new_hub, talk, texts, ann, caplog):
    def broken(chat):
        raise KeyError(chat.chat_id)

    hub = new_hub(record_when=broken)
    with caplog.at_level(logging.ERROR):
        assert not (await hub.record(talk.said(ann, "hello"))).is_stored
    assert "record_when failed" in caplog.text
    assert await texts(hub, ann) == []


async def test_an_edit_in_a_chat_that_is_no_longer_recorded_takes_the_message_away(
    new_hub, talk, texts, ann
):
    said = talk.said(ann, "first words")
    await new_hub().record(said)
    hub = new_hub(record_when=lambda _: False)
    await hub.edit(talk.said(ann, "other words", message_id=said.message_id))
    assert await texts(hub, ann) == []
