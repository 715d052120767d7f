"""A message that only its author has seen is in the author's view alone until it is recorded."""

import asyncio

from session_plugin import hookimpl


def words(messages):
    return [message.content for message in messages]


async def test_a_held_message_is_in_its_own_view_and_nowhere_else(hub, talk):
    ann, bob = talk.account("ann"), talk.account("bob")
    room = talk.group()
    await hub.record(talk.said(room, "hello", author=bob))
    held = hub.hold(talk.said(room, "psst", author=ann))
    others = hub.session_of(room, bob)

    assert words(await held.session.history()) == ["hello", "psst"]
    assert words((await held.session.for_model()).messages) == ["hello", "psst"]
    assert words(await others.history()) == ["hello"]
    assert words(await hub.session_of(room, ann).history()) == ["hello"]


async def test_limits_count_a_held_message(hub, talk):
    ann, room = talk.account("ann"), talk.group()
    await hub.record(talk.said(room, "hello", author=ann))
    held = hub.hold(talk.said(room, "psst", author=ann))

    assert words(await held.session.history(limit=1)) == ["psst"]
    assert words(await held.session.history(limit=0)) == []
    assert words((await held.session.for_model(max_messages=1)).messages) == ["psst"]
    assert words(await held.session.history(before=held.session.event)) == ["hello"]


async def test_a_held_message_that_is_recorded_is_stored_once(hub, talk):
    ann, room = talk.account("ann"), talk.group()
    held = hub.hold(talk.said(room, "psst", author=ann))
    first, second = await held.record(), await held.record()

    assert (first.is_new, first.is_stored, second.is_new) == (True, True, False)
    assert words(await held.session.history()) == ["psst"]
    assert words(await hub.session_of(room, ann).history()) == ["psst"]


async def test_a_held_message_that_is_never_recorded_leaves_nothing(hub, talk, database, backend):
    ann, room = talk.account("ann"), talk.group()
    await hub.hold(talk.said(room, "psst", author=ann)).session.history()
    await hub.settle()
    for table in ("messages", "chats", "accounts", "sessions"):
        assert backend.rows(database, f"SELECT * FROM {table}") == []


async def test_a_held_message_is_filtered_once(new_hub, talk):
    seen = []

    class Redact:
        @hookimpl
        async def session_filter_message(self, event):
            seen.append(event.text)
            await asyncio.sleep(0)
            return None if "drop" in event.text else event

    hub = new_hub(Redact())
    ann, room = talk.account("ann"), talk.group()
    for text in ("psst", "drop it"):
        held = hub.hold(talk.said(room, text, author=ann))
        await held.session.history()
        await held.session.history()
        await held.record()

    assert seen == ["psst", "drop it"]
    assert words(await hub.session_of(room, ann).history()) == ["psst"]


async def test_a_held_message_of_a_private_person_is_in_no_view(hub, talk):
    ann, room = talk.account("ann"), talk.group()
    await hub.record(talk.said(ann, "hello"))
    await hub.set_private(ann, True)
    held = hub.hold(talk.said(room, "psst", author=ann))

    assert await held.session.history() == []
    await held.record()
    assert await held.session.history() == []


async def test_a_held_message_stands_where_it_was_recorded(hub, talk):
    ann, bob, room = talk.account("ann"), talk.account("bob"), talk.group()
    held = hub.hold(talk.said(room, "psst", author=ann))
    await hub.record(talk.said(room, "meanwhile", author=bob))
    await held.record()
    assert words(await held.session.history()) == ["meanwhile", "psst"]
