"""A group that gets another chat: one history over both, whatever still comes from the old one."""

import asyncio

import pytest

from session_plugin import Chat


@pytest.fixture
def old(talk):
    return talk.group("-100", channel="telegram")


@pytest.fixture
def new(talk):
    return talk.group("-1009", channel="telegram")


async def test_a_moved_group_keeps_its_history(hub, talk, texts, old, new):
    await hub.record(talk.said(old, "before"))
    await hub.move_chat(old, new)
    await hub.record(talk.said(new, "after"))
    assert await texts(hub, new) == ["before", "after"]


async def test_a_moved_group_goes_on_in_the_same_session(
    hub, talk, old, new, new_event_log, new_hub
):
    first = await (await hub.record(talk.said(old, "before"))).session.info()
    await hub.move_chat(old, new)
    second = await (await hub.record(talk.said(new, "after"))).session.info()
    assert second.session_id == first.session_id
    assert second.chat == new


async def test_what_still_comes_from_the_old_chat_follows(hub, talk, texts, old, new):
    await hub.move_chat(old, new)
    await hub.record(talk.said(new, "first"))
    await hub.record(talk.said(old, "late"))
    assert await texts(hub, new) == ["first", "late"]
    assert await texts(hub, old) == ["first", "late"]


async def test_equal_ids_in_both_chats_are_two_messages(hub, talk, texts, old, new):
    await hub.record(talk.said(old, "one", message_id="1"))
    await hub.move_chat(old, new)
    assert (await hub.record(talk.said(new, "another", message_id="1"))).is_new
    assert not (await hub.record(talk.said(old, "one", message_id="1"))).is_new
    assert await texts(hub, new) == ["one", "another"]


async def test_a_message_of_the_old_chat_can_still_be_deleted_there(hub, talk, texts, old, new):
    await hub.record(talk.said(old, "one", message_id="1"))
    await hub.move_chat(old, new)
    await hub.record(talk.said(new, "another", message_id="1"))
    assert await hub.delete(old, ["1"]) == 1
    assert await texts(hub, new) == ["another"]


async def test_a_new_chat_that_spoke_first_joins_the_old_ones_session(hub, talk, texts, old, new):
    started = await (await hub.record(talk.said(old, "in the old"))).session.info()
    await hub.record(talk.said(new, "in the new"))
    await hub.move_chat(old, new)
    assert await texts(hub, new) == ["in the old", "in the new"]
    view = hub.session_of(new, None)
    assert (await view.info()).session_id == started.session_id
    assert await view.previous() == []


async def test_earlier_sessions_move_along(hub, talk, texts, old, new, clock):
    await hub.record(talk.said(old, "long ago"))
    clock.advance(days=3)
    await hub.record(talk.said(old, "before"))
    await hub.move_chat(old, new)
    assert await texts(hub, new) == ["before"]
    assert await texts(hub, new, include_previous=True) == ["long ago", "before"]


async def test_each_topic_goes_on_as_it_was(hub, talk, texts, old, new):
    topics = [talk.group(chat.chat_id, channel="telegram", thread_id="7") for chat in (old, new)]
    await hub.record(talk.said(old, "in no topic"))
    await hub.record(talk.said(topics[0], "in topic 7"))
    await hub.move_chat(old, new)
    assert await texts(hub, topics[1]) == ["in topic 7"]
    assert await texts(hub, new) == ["in no topic"]


async def test_moving_is_told_from_both_sides_and_carried_out_once(hub, talk, texts, old, new):
    await hub.record(talk.said(old, "before"))
    for _ in range(2):
        await hub.move_chat(old, new)
    await hub.move_chat(new, old)
    await hub.record(talk.said(new, "after"))
    assert await texts(hub, new) == ["before", "after"]


async def test_two_moves_at_once_wait_for_the_database_and_not_for_each_other(
    hub, talk, texts, old, new
):
    await hub.record(talk.said(old, "before"))
    async with asyncio.timeout(20):
        await asyncio.gather(
            hub.move_chat(old, new), hub.move_chat(new, old), hub.move_chat(old, old)
        )
    await hub.record(talk.said(new, "after"))
    assert await texts(hub, new) == ["before", "after"]


async def test_a_group_that_moves_twice_brings_everything(hub, talk, texts, old, new):
    newest = talk.group("-1010", channel="telegram")
    await hub.record(talk.said(old, "one"))
    await hub.move_chat(old, new)
    await hub.record(talk.said(new, "two"))
    await hub.move_chat(new, newest)
    await hub.record(talk.said(old, "three"))
    assert await texts(hub, newest) == ["one", "two", "three"]


async def test_a_group_whose_move_was_corrected_can_still_be_joined_with_where_it_was(
    new_hub, event_log, talk, texts, old, new
):
    hub, wrong = new_hub(event_log), talk.group("-1007", channel="telegram")
    await hub.record(talk.said(old, "one"))
    await hub.move_chat(old, wrong)
    await hub.move_chat(old, new)
    await hub.record(talk.said(old, "two"))
    await hub.move_chat(new, wrong)
    await hub.record(talk.said(wrong, "three"))
    await hub.record(talk.said(old, "four"))
    assert await texts(hub, wrong) == await texts(hub, new) == ["two", "three", "four"]
    assert await texts(hub, wrong, include_previous=True) == ["one", "two", "three", "four"]
    await hub.settle()
    assert [told["reason"] for told in event_log.of("end")] == ["new"]


async def test_an_empty_session_that_another_joins_is_as_old_as_its_beginning(
    hub, talk, texts, old, new, clock
):
    await hub.record(talk.said(old, "before"))
    await hub.record(talk.said(new, "in the new"))
    clock.advance(hours=20)
    begun = await hub.session_of(old, None).start_new()
    await hub.move_chat(old, new)
    moved = await hub.session_of(new, None).info()
    assert (moved.session_id, moved.created_at, moved.last_activity) == (
        begun.session_id,
        clock(),
        clock(),
    )
    clock.advance(hours=20)
    await hub.record(talk.said(new, "goes on"))
    assert await texts(hub, new) == ["in the new", "goes on"]


async def test_a_session_that_was_idle_at_the_move_has_ended(
    new_hub, event_log, talk, texts, old, new, clock
):
    hub = new_hub(event_log)
    await hub.record(talk.said(old, "long ago"))
    clock.advance(hours=30)
    await hub.record(talk.said(new, "today"))
    await hub.move_chat(old, new)
    await hub.settle()
    assert await texts(hub, new) == ["today"]
    assert [told["reason"] for told in event_log.of("end")] == ["idle"]


async def test_other_groups_stay_where_they_are(hub, talk, texts, old, new):
    lobby = talk.group("lobby", channel="telegram")
    await hub.record(talk.said(lobby, "elsewhere"))
    await hub.move_chat(old, new)
    assert await texts(hub, lobby) == ["elsewhere"]


@pytest.mark.parametrize(
    "other",
    [
        Chat("telegram", "5"),
        Chat("discord", "5", "group"),
        Chat("telegram", "5", "group", bot_id="another"),
    ],
)
async def test_a_move_that_no_platform_makes_is_refused(hub, old, other):
    with pytest.raises(ValueError, match="becomes another group's of the same bot"):
        await hub.move_chat(old, other)
