"""A view is a place and a reader; it reads nothing before something is awaited."""

import dataclasses

import pytest

from session_plugin import DatabaseUnavailable


async def test_a_view_touches_nothing_before_something_is_awaited(hub, talk, raw):
    ann = talk.account("ann")
    hub.session_of(talk.direct(ann), ann)
    assert raw.is_empty()


async def test_where_nothing_was_said_there_is_nothing_to_read(hub, talk):
    ann = talk.account("ann")
    for view in (hub.session_of(talk.direct(ann), ann), hub.session_of(talk.group(), None)):
        assert await view.info() is None
        assert await view.identity() is None
        assert await view.history(include_previous=True) == []
        assert await view.previous() == []
        assert await view.for_model() == await view.for_model(max_messages=3)


async def test_reading_makes_nobody_known(hub, talk):
    ann = talk.account("ann")
    await hub.session_of(talk.direct(ann), ann).history()
    assert await hub.identity_of(ann) is None


async def test_the_identity_is_the_readers_with_all_linked_accounts(hub, talk, link):
    ann, too = talk.account("ann"), talk.account("ann", channel="telegram")
    recorded = await hub.record(talk.said(ann, "hi", author_name="Ann D"))
    await hub.record(talk.said(too, "hi", author_name="Ann T"))
    await link(hub, ann, too)
    identity = await recorded.session.identity()
    assert (identity.display_name, set(identity.accounts)) == ("Ann D", {ann, too})
    assert (await hub.session_of(talk.direct(too), too).identity()).display_name == "Ann T"


async def test_the_sessions_data_counts_what_was_said_over_all_chats(hub, talk, link, clock):
    ann, too = talk.account("ann"), talk.account("ann", channel="telegram")
    view = (await hub.record(talk.said(ann, "1"))).session
    clock.advance(seconds=5)
    await hub.record(talk.said(too, "2"))
    await link(hub, ann, too)
    info = await view.info()
    assert (info.message_count, info.messages, info.last_activity, info.is_live) == (
        2,
        [],
        clock(),
        True,
    )


async def test_before_a_message_of_another_chat_of_the_same_person_cuts_there(hub, talk, link):
    ann, too = talk.account("ann"), talk.account("ann", channel="telegram")
    await hub.record(talk.said(ann, "1"))
    second = talk.said(too, "2")
    await hub.record(second)
    view = (await hub.record(talk.said(ann, "3"))).session
    await link(hub, ann, too)
    assert [message.content for message in await view.history(before=second)] == ["1"]


async def test_before_a_message_that_is_not_stored_leaves_out_nothing(hub, talk):
    ann = talk.account("ann")
    view = (await hub.record(talk.said(ann, "1"))).session
    assert [m.content for m in await view.history(before=talk.said(ann, "never stored"))] == ["1"]


async def test_adding_needs_a_role_that_a_model_knows(hub, talk):
    ann = talk.account("ann")
    with pytest.raises(ValueError, match="robot"):
        await hub.session_of(talk.direct(ann), ann).add("robot", "beep")


async def test_what_is_added_to_a_strangers_direct_chat_is_refused(hub, talk, texts):
    ann, bob = talk.account("ann"), talk.account("bob")
    await hub.record(talk.said(ann, "hi"))
    with pytest.raises(ValueError, match="another account"):
        await hub.session_of(talk.direct(ann), bob).add("assistant", "psst")
    assert await texts(hub, ann) == ["hi"]


async def test_what_cannot_be_stored_now_is_no_message_yet(new_hub, talk, hold, database):
    hub, ann = new_hub(store_patience=0.05), talk.account("ann")
    view = (await hub.record(talk.said(ann, "hi"))).session
    with hold(database):
        assert await view.add("tool", "rain") is None
        with pytest.raises(DatabaseUnavailable):
            await view.start_new()


async def test_what_is_read_is_the_readers_own_copy(hub, talk):
    view = (await hub.record(talk.said(talk.account("ann"), "hi", metadata={"a": []}))).session
    (message,) = await view.history()
    before = dataclasses.replace(message, metadata={"a": []})
    message.metadata["a"].append("changed")
    assert await view.history() == [before]


async def test_a_command_becomes_conversation_when_its_code_asks_for_model(hub, talk):
    ann = talk.account("ann")
    view = (await hub.record(talk.said(ann, "!ask why", is_aside=True))).session
    waiting = view.as_answer(talk.answered(ann, "thinking"))
    elsewhere = view.as_answer(talk.answered(talk.account("bob"), "news"))
    assert (waiting.is_aside, elsewhere.is_aside) == (True, False)
    await hub.record(waiting)

    other = hub.session_of(view.chat, ann)
    assert [one.content for one in (await other.for_model()).messages] == []
    assert [one.content for one in (await view.for_model()).messages] == ["!ask why", "thinking"]
    assert [one.content for one in (await other.for_model()).messages] == ["!ask why", "thinking"]
    assert not view.as_answer(talk.answered(ann, "because")).is_aside


async def test_a_wordless_command_stays_an_aside_and_its_answers_do_not(hub, talk):
    ann = talk.account("ann")
    view = (await hub.record(talk.said(ann, "/start", is_aside=True))).session
    view.is_wordless = True
    await hub.record(view.as_answer(talk.answered(ann, "hello")))
    assert [one.content for one in (await view.for_model()).messages] == ["hello"]
    assert [one.is_aside for one in await view.history()] == [True, False]


async def test_a_command_that_nobody_has_seen_yet_becomes_conversation(hub, talk):
    ann, room = talk.account("ann"), talk.group()
    held = hub.hold(talk.said(room, "/ask why", author=ann, is_aside=True))
    assert [one.content for one in (await held.session.for_model()).messages] == ["/ask why"]
    await held.record()
    assert [one.is_aside for one in await held.session.history()] == [False]
