"""What is handed in is kept once, in order, attributed to whom it belongs."""

import asyncio
import dataclasses
import secrets

import pytest

from session_plugin import Account, Attachment, Chat, MessageEvent, SessionMessage, hookimpl

HOSTILE = [
    "\0",
    "a\ud800b",
    "\u202eabc",
    "x" * 100_000,
    "",
    "𝕏\u0301\ufeff",
    "'; DROP TABLE messages; --",
]


class Looks:
    """See each message before it is stored."""

    @hookimpl
    def session_filter_message(self, event):
        return dataclasses.replace(event, text=event.text)


async def test_a_message_delivered_twice_is_there_once(hub, talk, texts):
    ann = talk.account("ann")
    event = talk.said(ann, "hello")
    await hub.record(event)
    await hub.record(event)
    assert await texts(hub, ann) == ["hello"]


async def test_a_duplicate_says_so(hub, talk):
    event = talk.said(talk.account("ann"), "hello")
    first, second = await hub.record(event), await hub.record(event)
    assert (first.is_new, first.is_stored, first.session.is_duplicate) == (True, True, False)
    assert (second.is_new, second.is_stored, second.session.is_duplicate) == (False, True, True)


async def test_a_duplicate_comes_back_as_it_is_stored(hub, talk):
    ann = talk.account("ann")
    event = talk.said(ann, "hello")
    await hub.record(event)
    await hub.edit(dataclasses.replace(event, text="hello, bot", edited_at=2.0))
    again = await hub.record(event)
    assert again.message == (await again.session.history())[0]


async def test_duplicates_call_no_event_hook(new_hub, event_log, talk):
    hub = new_hub(event_log)
    event = talk.said(talk.account("ann"), "hello")
    for _ in range(3):
        await hub.record(event)
    await hub.settle()
    assert event_log.names().count("message") == 1


async def test_a_message_delivered_to_two_hubs_at_once_is_there_once(new_hub, talk, texts):
    hubs, ann = [new_hub(), new_hub()], talk.account("ann")
    event = talk.said(ann, "hello")
    recorded = await asyncio.gather(*(hub.record(event) for hub in hubs * 8))
    assert sum(one.is_new for one in recorded) == 1
    assert await texts(hubs[0], ann) == ["hello"]


async def test_sixteen_first_messages_at_once_make_one_user_and_one_session(
    new_hub, event_log, talk
):
    hub, ann = new_hub(event_log), talk.account("ann")
    recorded = await asyncio.gather(
        *(hub.record(talk.said(ann, str(number))) for number in range(16))
    )
    await hub.settle()
    assert len({(await one.session.info()).session_id for one in recorded}) == 1
    assert event_log.names().count("start") == 1
    assert [entry["event"].change for entry in event_log.of("identity")] == ["seen"]


async def test_a_message_without_an_id_is_never_a_duplicate(hub, talk, texts):
    ann = talk.account("ann")
    for _ in range(2):
        await hub.record(talk.said(ann, "again", message_id=None))
    assert await texts(hub, ann) == ["again", "again"]


async def test_the_same_message_id_in_two_chats_is_two_messages(hub, talk, texts):
    ann, bob = talk.account("ann"), talk.account("bob")
    await hub.record(talk.said(ann, "of ann", message_id="1"))
    await hub.record(talk.said(bob, "of bob", message_id="1"))
    assert (await texts(hub, ann), await texts(hub, bob)) == (["of ann"], ["of bob"])


async def test_order_is_the_order_of_arrival_whatever_the_clocks_say(hub, talk, texts, clock):
    ann = talk.account("ann")
    for text, sent_at in (("first", 300.0), ("second", 100.0), ("third", 200.0)):
        await hub.record(talk.said(ann, text, sent_at=sent_at))
        clock.advance(seconds=-60)
    assert await texts(hub, ann) == ["first", "second", "third"]


async def test_messages_handed_in_at_once_are_stored_in_their_order(hub, talk, texts):
    ann = talk.account("ann")
    await asyncio.gather(*(hub.record(talk.said(ann, str(number))) for number in range(200)))
    assert await texts(hub, ann) == [str(number) for number in range(200)]


async def test_the_handler_finds_the_message_it_answers(hub, talk):
    recorded = await hub.record(talk.said(talk.account("ann"), "hello"))
    assert [message.content for message in await recorded.session.history()] == ["hello"]


async def test_before_leaves_out_the_message_and_all_after_it(hub, talk):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "before"))
    recorded = await hub.record(talk.said(ann, "now"))
    await hub.record(talk.answered(ann, "after"))
    view = recorded.session
    assert [message.content for message in await view.history(before=view.event)] == ["before"]
    assert [message.content for message in await view.history(before=recorded.message)] == [
        "before"
    ]


@pytest.mark.parametrize("plugins", [(), (Looks(),)], ids=["at once", "filtered"])
async def test_before_the_message_being_answered_leaves_it_out_without_an_id_too(
    new_hub, talk, plugins
):
    hub, ann = new_hub(*plugins), talk.account("ann")
    await hub.record(talk.said(ann, "before"))
    view = (await hub.record(talk.said(ann, "now", message_id=None))).session
    await hub.record(talk.answered(ann, "after"))
    assert [message.content for message in await view.history(before=view.event)] == ["before"]


async def test_before_the_message_being_answered_gives_nothing_newer_once_it_is_deleted(hub, talk):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "before"))
    view = (await hub.record(talk.said(ann, "now"))).session
    await hub.record(talk.answered(ann, "after"))
    await hub.delete(view.chat, [view.event.message_id])
    assert [message.content for message in await view.history(before=view.event)] == ["before"]


async def test_history_gives_the_newest_oldest_first(hub, talk, texts):
    ann = talk.account("ann")
    for number in range(30):
        await hub.record(talk.said(ann, str(number)))
    assert await texts(hub, ann, limit=3) == ["27", "28", "29"]
    assert len(await hub.session_of(talk.direct(ann), ann).history()) == 20


@pytest.mark.parametrize("limit", [0, 1, 5])
async def test_a_limit_gives_that_many_at_most(hub, talk, texts, limit):
    ann = talk.account("ann")
    for number in range(3):
        await hub.record(talk.said(ann, str(number)))
    assert await texts(hub, ann, limit=limit) == ["0", "1", "2"][max(0, 3 - limit) :]


@pytest.mark.parametrize("text", HOSTILE)
async def test_any_text_comes_back_as_it_went_in(hub, talk, texts, text):
    ann = talk.account("ann")
    await hub.record(
        talk.said(
            ann, text, author_name=text[:9], attachments=(Attachment(id="f1", filename=text[:9]),)
        )
    )
    await hub.edit(talk.said(ann, text + "!", message_id="m1"))
    assert await texts(hub, ann) == [text + "!"]


async def test_what_came_with_a_message_comes_back(hub, talk):
    ann = talk.account("ann")
    photo = Attachment(
        id="file\ud800", kind="photo", filename="a.png", content_type="image/png", size=7
    )
    details = {
        "attachments": (photo,),
        "metadata": {"a": [1, {"b": None}]},
        "reply_to": "m0",
        "author_name": "Ann",
    }
    recorded = await hub.record(talk.said(ann, "", sent_at=12.5, **details))
    assert recorded.message == (await recorded.session.history())[0]
    assert recorded.message == SessionMessage(
        "user",
        "",
        "discord",
        12.5,
        {"a": [1, {"b": None}]},
        message_id="m1",
        chat=talk.direct(ann),
        author_name="Ann",
        person=ann,
        reply_to="m0",
        attachments=(photo,),
        seq=recorded.message.seq,
    )


# Whose words they are


@pytest.mark.parametrize(
    "details",
    [
        {"author_name": "N\0"},
        {"author_name": "\ud800"},
        {"metadata": {"a": (1, 2)}},
        {"metadata": {1: {2: "\ud800"}}},
        {},
    ],
)
async def test_what_recording_gives_back_is_what_reading_gives(hub, talk, details):
    recorded = await hub.record(talk.said(talk.account("ann"), "hi", **details))
    assert await recorded.session.history() == [recorded.message]


async def test_the_bots_words_in_a_direct_chat_are_of_the_person_they_answer(hub, talk):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "hello"))
    recorded = await hub.record(talk.answered(talk.direct(ann), "hello, Ann"))
    assert recorded.message.person == ann
    assert recorded.message == (await recorded.session.history())[-1]


async def test_the_bots_words_in_a_group_are_of_whom_they_name(hub, talk):
    ann, bob, lobby = talk.account("ann"), talk.account("bob"), talk.group()
    await hub.record(talk.said(lobby, "of bob", author=bob, message_id="b"))
    recorded = await hub.record(talk.answered(lobby, "to ann", answers=ann, reply_to="b"))
    assert recorded.message.person == ann


async def test_the_bots_words_in_a_group_are_of_whom_they_reply_to(hub, talk):
    bob, lobby = talk.account("bob"), talk.group()
    await hub.record(talk.said(lobby, "of bob", author=bob, message_id="b"))
    recorded = await hub.record(talk.answered(lobby, "a reply", reply_to="b"))
    assert recorded.message.person == bob
    assert recorded.message == (await hub.session_of(lobby, None).history())[-1]


@pytest.mark.parametrize("reply_to", [None, "never-seen", "webhook"])
async def test_the_bots_words_in_a_group_are_nobodys_rather_than_guessed(hub, talk, reply_to):
    lobby = talk.group()
    await hub.record(talk.said(lobby, "of ann", author=talk.account("ann")))
    await hub.record(talk.said(lobby, "of a webhook", author_name="Build", message_id="webhook"))
    recorded = await hub.record(talk.answered(lobby, "to whom?", reply_to=reply_to))
    assert recorded.message.person is None


async def test_a_webhook_in_a_group_is_kept_under_its_name_and_is_nobodys_user(
    new_hub, event_log, talk
):
    hub, lobby = new_hub(event_log), talk.group()
    await hub.record(talk.said(lobby, "build 7 failed", author_name="Build"))
    await hub.settle()
    (message,) = await hub.session_of(lobby, None).history()
    assert (message.content, message.author_name, message.person) == (
        "build 7 failed",
        "Build",
        None,
    )
    assert event_log.of("identity") == []


async def test_what_nobodys_user_says_in_a_direct_chat_is_not_its_owners(hub, talk):
    ann = talk.account("ann")
    await hub.record(talk.said(ann, "hello"))
    recorded = await hub.record(talk.said(talk.direct(ann), "posted", author_name="Forwarder"))
    assert recorded.message.person is None


async def test_words_in_a_direct_chat_that_nobody_owns_are_not_kept(hub, talk, texts):
    ann = talk.account("ann")
    recorded = await hub.record(talk.answered(talk.direct(ann), "hello?"))
    assert (recorded.is_stored, recorded.message) == (False, None)
    await hub.record(talk.said(ann, "hello"))
    assert await texts(hub, ann) == ["hello"]


async def test_a_direct_chat_refuses_another_accounts_words(hub, talk, texts):
    ann, bob = talk.account("ann"), talk.account("bob")
    await hub.record(talk.said(ann, "hello"))
    for event in (
        talk.said(talk.direct(ann), "I am bob", author=bob),
        talk.answered(talk.direct(ann), "bob!", answers=bob),
    ):
        with pytest.raises(ValueError, match="belongs to another account"):
            await hub.record(event)
    assert await texts(hub, ann) == ["hello"]
    assert await hub.identity_of(bob) is None


async def test_names_decide_nothing(hub, talk):
    ann, imposter = talk.account("ann"), Account("discord", "another")
    await hub.record(talk.said(ann, "hello", author_name="Ann"))
    await hub.record(talk.said(imposter, "hello", author_name="Ann"))
    assert (await hub.identity_of(ann)).user_id != (await hub.identity_of(imposter)).user_id


async def test_ids_are_compared_as_they_are(hub):
    ids = ["1", " 1", "01", "1 ", "ANN", "ann", "İ", "i̇"]
    for number in ids:
        account = Account("discord", number)
        await hub.request_link(account)
    assert len(
        {(await hub.identity_of(Account("discord", number))).user_id for number in ids}
    ) == len(ids)


async def test_what_the_author_adds_is_in_the_session_in_its_role(hub, talk):
    recorded = await hub.record(talk.said(talk.account("ann"), "weather?"))
    added = await recorded.session.add("tool", "rain", metadata={"tool": "weather"})
    assert (added.role, added.content, added.metadata, added.message_id) == (
        "tool",
        "rain",
        {"tool": "weather"},
        None,
    )
    assert (await recorded.session.history())[-1] == added


async def test_ids_as_long_as_they_may_be_are_kept(new_hub):
    channel, bot_id, chat_id, thread_id, message_id, user_id, bot, name = (
        secrets.token_hex(256) for _ in range(8)
    )
    hub = new_hub(bot=bot)
    ann = Account(channel, user_id)
    for kind in ("direct", "group"):
        chat = Chat(channel, chat_id[:-1] + kind[0], kind, bot_id=bot_id, thread_id=thread_id)
        event = MessageEvent(
            chat=chat, message_id=message_id, role="user", text="hi", sent_at=0.0, author=ann
        )
        for is_new in (True, False):
            recorded = await hub.record(event, scope_name=name)
            assert (recorded.is_stored, recorded.is_new) == (True, is_new)
        (message,) = await recorded.session.history()
        assert (message.chat, message.message_id, message.person) == (chat, message_id, ann)
