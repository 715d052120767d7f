"""Edits change a message where it stands; deletions remove it, whichever comes first."""

import asyncio
import dataclasses

import pytest

from session_plugin import SessionMessage, hookimpl


@pytest.fixture
def edited():
    """Give a message its words from a moment on."""
    return lambda event, text, at: dataclasses.replace(event, text=text, edited_at=at)


async def test_an_edit_changes_the_words_and_keeps_the_place(hub, talk, texts, edited):
    ann = talk.account("ann")
    events = [talk.said(ann, text) for text in ("one", "two", "three")]
    for event in events:
        await hub.record(event)
    assert await hub.edit(edited(events[1], "2", 5.0))
    assert await texts(hub, ann) == ["one", "2", "three"]


async def test_an_edit_is_told_once(new_hub, event_log, talk, edited):
    hub = new_hub(event_log)
    event = talk.said(talk.account("ann"), "helo")
    await hub.record(event)
    await hub.edit(edited(event, "hello", 5.0))
    await hub.edit(edited(event, "hello", 5.0))
    await hub.settle()
    assert [entry["event"].text for entry in event_log.of("edit")] == ["hello"]


async def test_an_edit_to_the_same_words_is_no_event(new_hub, event_log, talk, edited):
    hub = new_hub(event_log)
    event = talk.said(talk.account("ann"), "hello")
    await hub.record(event)
    assert not await hub.edit(edited(event, "hello", 5.0))
    await hub.settle()
    assert event_log.of("edit") == []


async def test_an_older_edit_after_a_newer_one_is_ignored(hub, talk, texts, edited):
    event = talk.said(talk.account("ann"), "one")
    await hub.record(event)
    await hub.edit(edited(event, "three", 30.0))
    assert not await hub.edit(edited(event, "two", 20.0))
    assert await texts(hub, event.author) == ["three"]


async def test_an_edit_of_a_message_never_seen_stores_it(new_hub, event_log, talk, texts, edited):
    hub = new_hub(event_log)
    event = talk.said(talk.account("ann"), "one")
    assert await hub.edit(edited(event, "two", 20.0))
    await hub.settle()
    assert await texts(hub, event.author) == ["two"]
    assert (len(event_log.of("message")), len(event_log.of("edit"))) == (1, 0)


async def test_a_message_that_comes_after_its_edit_does_not_undo_it(hub, talk, texts, edited):
    event = talk.said(talk.account("ann"), "one")
    await hub.edit(edited(event, "two", 20.0))
    assert not (await hub.record(event)).is_new
    assert not await hub.edit(edited(event, "one and a half", 10.0))
    assert await texts(hub, event.author) == ["two"]


async def test_an_edit_reaches_a_session_that_is_over(hub, talk, texts, clock, edited):
    event = talk.said(talk.account("ann"), "one")
    await hub.record(event)
    clock.advance(hours=25)
    assert await hub.edit(edited(event, "two", 20.0))
    assert await texts(hub, event.author) == []
    assert await texts(hub, event.author, include_previous=True) == ["two"]


async def test_an_edit_under_a_summary_renews_it(new_hub, talk, edited):
    hub, ann = new_hub(consolidation_threshold=4), talk.account("ann")
    events = [talk.said(ann, f"fact-{number}") for number in range(5)]
    for event in events:
        recorded = await hub.record(event)
    await hub.settle()
    assert "fact-0" in (await recorded.session.for_model()).summary.text
    await hub.edit(edited(events[0], "secret-gone", 5.0))
    await hub.settle()
    summary = (await recorded.session.for_model()).summary.text
    assert "fact-0" not in summary
    assert "secret-gone" in summary


async def test_a_deleted_message_is_gone(new_hub, event_log, talk, texts):
    hub, ann = new_hub(event_log), talk.account("ann")
    event = talk.said(ann, "forget this")
    await hub.record(event)
    await hub.record(talk.said(ann, "keep this"))
    assert await hub.delete(event.chat, [event.message_id]) == 1
    await hub.settle()
    assert await texts(hub, ann) == ["keep this"]
    assert [entry["message_ids"] for entry in event_log.of("delete")] == [(event.message_id,)]


async def test_a_deletion_that_comes_first_still_wins(new_hub, event_log, talk, texts):
    hub = new_hub(event_log)
    event = talk.said(talk.account("ann"), "forget this")
    assert await hub.delete(event.chat, [event.message_id]) == 0
    recorded = await hub.record(event)
    await hub.settle()
    assert (recorded.is_stored, recorded.message) == (False, None)
    assert await texts(hub, event.author) == []
    assert event_log.entries == []


async def test_an_edit_of_a_deleted_message_brings_nothing_back(hub, talk, texts, edited):
    event = talk.said(talk.account("ann"), "forget this")
    await hub.record(event)
    await hub.delete(event.chat, [event.message_id])
    assert not await hub.edit(edited(event, "or do not", 9.0))
    assert await texts(hub, event.author) == []


async def test_deleting_twice_counts_once(hub, talk):
    event = talk.said(talk.account("ann"), "forget this")
    await hub.record(event)
    counts = await asyncio.gather(
        *(hub.delete(event.chat, [event.message_id] * 2) for _ in range(3))
    )
    assert sum(counts) == 1


async def test_many_are_deleted_in_pieces_so_that_nobody_waits_long(
    new_hub, event_log, talk, texts
):
    hub, ann = new_hub(event_log), talk.account("ann")
    events = [talk.said(ann, str(number)) for number in range(451)]
    await asyncio.gather(*map(hub.record, events))
    assert await hub.delete(events[0].chat, [event.message_id for event in events[:450]]) == 450
    await hub.settle()
    assert [len(told["message_ids"]) for told in event_log.of("delete")] == [200, 200, 50]
    assert await texts(hub, ann) == ["450"]


async def test_deleting_in_one_chat_leaves_the_same_id_in_another(hub, talk, texts):
    ann, bob = talk.account("ann"), talk.account("bob")
    for account in (ann, bob):
        await hub.record(talk.said(account, "mine", message_id="1"))
    await hub.delete(talk.direct(ann), ["1"])
    assert await texts(hub, bob) == ["mine"]


async def test_a_deleted_message_is_in_no_summary(new_hub, talk):
    hub, ann = new_hub(consolidation_threshold=4), talk.account("ann")
    for number in range(5):
        recorded = await hub.record(talk.said(ann, f"fact-{number}", message_id=str(number)))
    await hub.settle()
    await hub.delete(talk.direct(ann), ["0"])
    await hub.settle()
    summary = (await recorded.session.for_model()).summary
    assert "fact-0" not in summary.text
    assert "fact-1" in summary.text


async def test_when_all_that_a_summary_stood_for_is_deleted_there_is_no_summary(new_hub, talk):
    hub, ann = new_hub(consolidation_threshold=4), talk.account("ann")
    for number in range(5):
        recorded = await hub.record(talk.said(ann, f"fact-{number}", message_id=str(number)))
    await hub.settle()
    await hub.delete(talk.direct(ann), ["0", "1"])
    await hub.settle()
    context = await recorded.session.for_model()
    assert context.summary is None
    assert [message.content for message in context.messages] == ["fact-2", "fact-3", "fact-4"]


async def test_a_deletion_keeps_the_session_as_young_as_it_was(hub, talk, clock):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "one"))
    clock.advance(hours=20)
    recorded = await hub.record(talk.said(ann, "two"))
    await hub.delete(talk.direct(ann), [recorded.message.message_id])
    clock.advance(hours=20)
    assert (await recorded.session.info()).is_live


@pytest.mark.parametrize("message_id", ["", "a\0b", "\udc00"])
async def test_an_id_that_no_platform_gives_cannot_be_deleted(hub, talk, message_id):
    with pytest.raises(ValueError, match="message_id"):
        await hub.delete(talk.group(), [message_id])


async def test_one_text_is_not_taken_for_the_ids_of_its_letters(hub, talk, texts):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "stays", message_id="1"))
    with pytest.raises(TypeError, match="message_ids"):
        await hub.delete(talk.direct(ann), "123")
    assert await texts(hub, ann) == ["stays"]


async def test_a_deleted_chat_is_empty_and_the_others_are_not(hub, talk, texts):
    ann = talk.account("ann")
    for place in ("lobby", "garden"):
        for number in range(3):
            await hub.record(talk.said(talk.group(place), f"{place} {number}", author=ann))
    await hub.record(talk.said(ann, "in private"))
    assert await hub.delete_chat(talk.group("lobby")) == 3
    assert await texts(hub, talk.group("lobby")) == []
    assert await texts(hub, talk.group("garden")) == ["garden 0", "garden 1", "garden 2"]
    assert await texts(hub, ann) == ["in private"]


async def test_a_long_chat_is_deleted_whole(hub, talk, texts):
    events = [
        talk.said(talk.group(), str(number), author=talk.account("ann")) for number in range(450)
    ]
    await asyncio.gather(*map(hub.record, events))
    assert await hub.delete_chat(talk.group()) == 450
    assert await texts(hub, talk.group()) == []


async def test_a_deleted_thread_leaves_the_rest_of_its_chat(hub, talk, texts):
    whole, thread = talk.group(), talk.group(thread_id="7")
    await hub.record(talk.said(whole, "outside"))
    await hub.record(talk.said(thread, "inside"))
    assert await hub.delete_chat(thread) == 1
    assert (await texts(hub, whole), await texts(hub, thread)) == (["outside"], [])


async def test_the_deletion_of_a_chat_that_was_never_seen_is_nothing(hub, talk):
    assert await hub.delete_chat(talk.group("nowhere")) == 0


async def test_the_deletion_of_a_chat_is_told_by_the_ids_of_its_messages(new_hub, event_log, talk):
    hub = new_hub(event_log)
    events = [talk.said(talk.group(), text) for text in ("one", "two")]
    for event in events:
        await hub.record(event)
    await hub.delete_chat(talk.group())
    await hub.settle()
    assert [told["message_ids"] for told in event_log.of("delete")] == [
        tuple(event.message_id for event in events)
    ]


# What `add` put in


@pytest.fixture
async def added(hub, talk):
    """A view in which something was said, and what its author added after it."""
    view = (await hub.record(talk.said(talk.account("ann"), "look at this"))).session
    return view, await view.add("tool", "a result", metadata={"tool_call_id": "c1"})


async def test_what_was_added_can_be_taken_out_again(added):
    view, result = added
    assert await view.delete(result) == 1
    assert [message.content for message in await view.history()] == ["look at this"]
    assert await view.delete(result) == 0


async def test_what_was_added_can_be_changed_and_keeps_its_place(hub, talk, added):
    view, result = added
    await hub.record(talk.said(view.account, "and?"))
    assert await view.edit(result, "another result")
    texts = ["look at this", "another result", "and?"]
    history = await view.history()
    assert [message.content for message in history] == texts
    assert (history[1].role, history[1].metadata) == ("tool", {"tool_call_id": "c1"})
    assert not await view.edit(result, "another result")
    assert await view.edit(result, "another result", metadata={})
    assert (await view.history())[1].metadata == {}


async def test_what_is_read_back_can_be_taken_out_whoever_said_it(hub, talk, added):
    view, _ = added
    await hub.record(talk.answered(view.account, "hm"))
    assert await view.delete(*await view.history()) == 3
    assert await view.history() == []


async def test_what_was_taken_out_is_not_brought_back_by_an_edit(hub, talk, texts, added):
    view, result = added
    said = (await view.history())[0]
    await view.delete(said, result)
    assert not await view.edit(said, "again")
    assert not await view.edit(result, "again")
    assert await texts(hub, view.account) == []


async def test_a_change_of_what_was_added_passes_the_filters(new_hub, talk):
    class Censor:
        @hookimpl
        def session_filter_message(self, event):
            return None if "drop" in event.text else event

    hub = new_hub(Censor())
    view = (await hub.record(talk.said(talk.account("ann"), "hello"))).session
    result = await view.add("tool", "fine")
    await view.edit(result, "drop this")
    assert [message.content for message in await view.history()] == ["hello"]


async def test_under_a_summary_what_was_added_is_taken_out_of_it(new_hub, talk):
    hub, ann = new_hub(consolidation_threshold=4), talk.account("ann")
    view = (await hub.record(talk.said(ann, "first"))).session
    prompt = await view.add("user", "added by hand")
    for number in range(4):
        await hub.record(talk.said(ann, str(number)))
    await hub.settle()
    assert "added by hand" in (await view.for_model()).summary.text
    await view.delete(prompt)
    await hub.settle()
    assert "added by hand" not in (await view.for_model()).summary.text


async def test_what_is_not_stored_cannot_be_taken_out_and_its_text_is_not_in_the_error(added):
    view, _ = added
    for change in (view.delete, lambda message: view.edit(message, "x")):
        with pytest.raises(ValueError, match="stored message") as caught:
            await change(SessionMessage("user", "made by hand"))
        assert "by hand" not in str(caught.value)


# What an edit is, and which of two is the later one


async def test_an_edit_of_the_metadata_only_is_an_edit(new_hub, event_log, talk, edited):
    hub = new_hub(event_log)
    event = talk.said(talk.account("ann"), "hello", metadata={"a": 1, "b": 2})
    await hub.record(event)
    reordered = dataclasses.replace(event, metadata={"b": 2, "a": 1}, edited_at=4.0)
    assert not await hub.edit(reordered)
    assert await hub.edit(dataclasses.replace(event, metadata={"poll": "closed"}, edited_at=5.0))
    await hub.settle()
    assert (await hub.find_message(event.chat, event.message_id)).metadata == {"poll": "closed"}
    assert [told["event"].metadata for told in event_log.of("edit")] == [{"poll": "closed"}]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((5.0, 7), (5.0, 8), "second"),
        ((5.0, 8), (5.0, 7), "first"),
        ((5.0, 0), (5.0, 0), "second"),
        ((5.0, 8), (5.0, 0), "second"),
        ((5.0, 0), (5.0, 8), "second"),
        ((5.0, 8), (6.0, 7), "second"),
        ((6.0, 7), (5.0, 8), "first"),
        ((5.2, 0), (5.1, 0), "first"),
    ],
)
async def test_of_two_edits_the_later_time_counts_then_the_higher_version_then_the_delivery(
    hub, talk, texts, first, second, expected
):
    event = talk.said(talk.account("ann"), "said")
    await hub.record(event)
    for text, (at, version) in (("first", first), ("second", second)):
        await hub.edit(dataclasses.replace(event, text=text, edited_at=at, version=version))
    assert await texts(hub, event.author) == [expected]


async def test_an_edit_without_a_version_does_not_let_an_older_one_in(hub, talk, texts):
    event = talk.said(talk.account("ann"), "said")
    await hub.record(event)
    for text, version in (("v7", 7), ("by ourselves", 0), ("v6", 6)):
        await hub.edit(dataclasses.replace(event, text=text, edited_at=5.0, version=version))
    assert await texts(hub, event.author) == ["by ourselves"]


@pytest.mark.parametrize("version", [-1, 1.5, True, 2**63, "1"])
def test_a_version_that_is_no_count_is_refused(talk, version):
    with pytest.raises(ValueError, match="version"):
        talk.said(talk.group(), "x", version=version)
