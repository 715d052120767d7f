"""What is said in one place is seen there and nowhere else."""

import asyncio

import pytest

from session_plugin import Chat


async def test_a_group_does_not_see_what_is_said_to_the_bot_alone(hub, talk, texts):
    ann, lobby = talk.account("ann"), talk.group()
    await hub.record(talk.said(ann, "in private"))
    await hub.record(talk.said(lobby, "in public", author=ann))
    assert await texts(hub, lobby) == ["in public"]
    assert await texts(hub, ann) == ["in private"]


async def test_a_groups_view_shows_the_group_even_to_one_who_talks_in_private(hub, talk):
    ann, lobby = talk.account("ann"), talk.group()
    await hub.record(talk.said(ann, "in private"))
    assert await hub.session_of(lobby, ann).history(include_previous=True) == []
    await hub.record(talk.said(lobby, "in public", author=talk.account("bob")))
    assert [m.content for m in await hub.session_of(lobby, ann).history(include_previous=True)] == [
        "in public"
    ]


async def test_threads_of_one_group_are_apart(hub, talk, texts):
    rooms = [talk.group(thread_id=thread) for thread in ("", "1", "2")]
    for room in rooms:
        await hub.record(talk.said(room, f"in {room.thread_id!r}", author=talk.account("ann")))
    for room in rooms:
        assert await texts(hub, room, include_previous=True) == [f"in {room.thread_id!r}"]


@pytest.mark.parametrize(
    "other",
    [
        Chat("telegram", "7", "group"),
        Chat("discord", "7", "group", bot_id="2"),
        Chat("discord", "07", "group"),
    ],
)
async def test_groups_are_the_same_only_if_all_of_their_ids_are(hub, talk, texts, other):
    await hub.record(talk.said(Chat("discord", "7", "group"), "here"))
    await hub.record(talk.said(other, "there"))
    assert await texts(hub, other) == ["there"]


async def test_a_new_title_is_the_same_group(hub, talk, texts):
    await hub.record(talk.said(talk.group(title="Old"), "one"))
    await hub.record(talk.said(talk.group(title="New\udfff"), "two"))
    assert await texts(hub, talk.group()) == ["one", "two"]
    assert (await hub.session_of(talk.group(), None).info()).chat.title == "New\ufffd"


async def test_strangers_do_not_see_each_other(hub, talk, texts):
    ann, bob = talk.account("ann"), talk.account("bob")
    await hub.record(talk.said(ann, "of ann"))
    assert await texts(hub, bob, include_previous=True) == []


async def test_a_stranger_gets_nothing_by_naming_anothers_direct_chat(hub, talk):
    ann, bob = talk.account("ann"), talk.account("bob")
    await hub.record(talk.said(ann, "of ann"))
    await hub.record(talk.said(bob, "of bob"))
    for stranger in (bob, talk.account("never-seen")):
        view = hub.session_of(talk.direct(ann), stranger)
        assert await view.history(include_previous=True) == []
        assert await view.info() is None
        assert await view.start_new() is None
        assert (await view.for_model()).messages == ()


async def test_two_bots_in_one_database_are_apart(new_hub, talk, texts):
    helper, scribe, ann, lobby = (
        new_hub(bot="helper"),
        new_hub(bot="scribe"),
        talk.account("ann"),
        talk.group(),
    )
    for hub in (helper, scribe):
        await hub.record(talk.said(ann, f"to {hub.bot}", message_id="1"))
        await hub.record(talk.said(lobby, f"before {hub.bot}", author=ann, message_id="1"))
    for hub in (helper, scribe):
        assert await texts(hub, ann, include_previous=True) == [f"to {hub.bot}"]
        assert await texts(hub, lobby, include_previous=True) == [f"before {hub.bot}"]


async def test_two_bots_know_one_user(new_hub, talk):
    helper, scribe, ann = new_hub(bot="helper"), new_hub(bot="scribe"), talk.account("ann")
    await helper.record(talk.said(ann, "hello"))
    await scribe.record(talk.said(ann, "hello"))
    assert await helper.identity_of(ann) == await scribe.identity_of(ann)


async def test_one_bots_deletion_and_new_session_leave_the_others_alone(new_hub, talk, texts):
    helper, scribe, ann = new_hub(bot="helper"), new_hub(bot="scribe"), talk.account("ann")
    for hub in (helper, scribe):
        await hub.record(talk.said(ann, f"to {hub.bot}", message_id="1"))
    await helper.delete(talk.direct(ann), ["1"])
    await helper.session_of(talk.direct(ann), ann).start_new()
    assert await texts(scribe, ann) == ["to scribe"]


async def test_one_bots_hub_does_not_tell_of_anothers_sessions(new_hub, new_event_log, talk, clock):
    silent, ann = new_hub(bot="scribe"), talk.account("ann")
    store = silent.store()
    await silent.record(talk.said(ann, "opens the database"))
    await asyncio.to_thread(store.get_or_create, "started by the store, which tells nobody")
    await silent.close()
    diaries = {bot: new_event_log() for bot in ("helper", "scribe")}
    for bot, event_log in diaries.items():
        hub = new_hub(event_log, bot=bot)
        async with hub:
            await hub.settle()
    assert (diaries["helper"].names(), diaries["scribe"].names()) == ([], ["start"])


async def test_forgetting_somebody_gives_one_bots_plugins_and_summariser_nothing_of_another(
    new_hub, new_event_log, talk
):
    read = {"helper": [], "scribe": []}

    def summarizer(bot):
        async def summarize(messages, previous):
            read[bot] += [message.content for message in messages]
            return f"in short, by {bot}"

        return summarize

    event_log, ann, bob, lobby = (
        new_event_log(),
        talk.account("ann"),
        talk.account("bob"),
        talk.group(),
    )
    helper = new_hub(
        event_log, bot="helper", summarize=summarizer("helper"), consolidation_threshold=4
    )
    scribe = new_hub(bot="scribe", summarize=summarizer("scribe"), consolidation_threshold=4)
    for number in range(4):
        for author in (ann, bob):
            await scribe.record(
                talk.said(lobby, f"of {author.channel_user_id}, {number}", author=author)
            )
            await scribe.settle()
    await helper.record(talk.said(lobby, "to the helper", author=ann))
    await helper.forget(ann)
    await helper.settle()
    assert read["helper"] == []
    assert [told["session"].bot for told in event_log.of("delete")] == ["helper"]
    read["scribe"].clear()
    await scribe.upkeep()
    assert read["scribe"]
    assert all(text.startswith("of bob") for text in read["scribe"])


async def test_a_session_that_unlinking_begins_is_told_by_its_own_bots_hub(
    new_hub, new_event_log, talk, link
):
    diaries, ann, too = {}, talk.account("ann"), talk.account("ann", channel="telegram")
    for bot in ("helper", "scribe"):
        diaries[bot] = new_event_log()
        async with new_hub(diaries[bot], bot=bot) as hub:
            for account in (ann, too):
                await hub.record(talk.said(account, "hello"))
            if bot == "helper":
                await link(hub, ann, too)
    async with new_hub(diaries["helper"], bot="helper") as hub:
        await hub.unlink(too)
    assert [told["session"].bot for told in diaries["helper"].of("start")] == ["helper", "helper"]
    async with new_hub(diaries["scribe"], bot="scribe") as hub:
        await hub.settle()
    assert [told["reason"] for told in diaries["scribe"].of("start")] == ["first", "unlinked"]


async def test_a_group_cannot_turn_into_a_direct_chat(hub, talk, texts):
    ann = talk.account("ann")
    await hub.record(talk.said(Chat("discord", "7", "group"), "in public", author=ann))
    with pytest.raises(ValueError, match="is a group chat"):
        await hub.record(talk.said(Chat("discord", "7"), "in private", author=ann))
    assert await texts(hub, Chat("discord", "7"), include_previous=True) == []


async def test_topics_of_a_direct_chat_are_one_conversation(hub, talk, texts):
    ann = talk.account("ann")
    for thread in ("", "5"):
        await hub.record(
            talk.said(talk.direct(ann, thread_id=thread), f"in {thread!r}", author=ann)
        )
    assert await texts(hub, ann) == ["in ''", "in '5'"]
