"""Filters see every word before it is stored, and what they do not pass is nowhere."""

import asyncio
import inspect
from dataclasses import replace

import pytest

from session_plugin import Account, Attachment, TextPart, ToolCallPart, hookimpl
from session_plugin.incoming import postponed
from session_plugin.plugins import manager as plugins

SECRET = "4111-1111-1111-1111"


def filtering(change):
    class Filter:
        @hookimpl
        async def session_filter_message(self, event):
            return await change(event) if inspect.iscoroutinefunction(change) else change(event)

    return Filter()


def redact(event):
    return replace(event, text=event.text.replace(SECRET, "[card]"))


def raising(event):
    raise ValueError(event.text)


async def hanging(event):
    await asyncio.Event().wait()


async def cancelled(event):
    raise asyncio.CancelledError


class NoException(BaseException):
    """What some libraries raise lest anybody catch it."""


def raising_no_exception(event):
    raise NoException(event.text)


async def raising_no_exception_later(event):
    await asyncio.sleep(0)
    raise NoException(event.text)


def not_an_event(event):
    return event.text


def for_another_chat(event):
    return replace(event, chat=replace(event.chat, chat_id="elsewhere"))


def of_another_author(event):
    return replace(event, author=Account("discord", "somebody-else"))


def answering_another(event):
    return replace(event, answers=Account("discord", "somebody-else"))


def with_unstorable_metadata(event):
    return replace(event, metadata={"card": object()})


def without_metadata(event):
    return replace(event, metadata=None)


def with_strange_attachments(event):
    return replace(event, attachments=(SECRET,))


async def test_a_filter_changes_what_is_stored_and_told(new_hub, event_log, talk, texts, raw):
    hub, ann = new_hub(filtering(redact), event_log), talk.account("ann")
    recorded = await hub.record(talk.said(ann, f"my card is {SECRET}"))
    await hub.settle()
    assert await texts(hub, ann) == ["my card is [card]"]
    assert recorded.message.content == "my card is [card]"
    assert event_log.of("message")[0]["event"].text == "my card is [card]"
    assert SECRET.encode() not in raw.contents()


async def test_the_bots_own_words_edits_and_additions_pass_the_filter(new_hub, talk, texts):
    hub, ann = new_hub(filtering(redact)), talk.account("ann")
    event = talk.said(ann, "hi")
    view = (await hub.record(event)).session
    await hub.record(talk.answered(ann, f"answer {SECRET}"))
    await view.add("tool", f"tool {SECRET}")
    await hub.edit(replace(event, text=f"edit {SECRET}", edited_at=2.0))
    assert await texts(hub, ann) == ["edit [card]", "answer [card]", "tool [card]"]


async def test_filters_run_each_on_what_the_one_before_gave(new_hub, talk, texts):
    hub, ann = new_hub(), talk.account("ann")
    for word in ("c", "b", "a"):  # the last registered comes first
        hub.register(
            filtering(lambda event, word=word: replace(event, text=event.text + word)), word
        )
    await hub.record(talk.said(ann, ""))
    assert await texts(hub, ann) == ["abc"]


async def test_a_filter_that_gives_none_keeps_nothing(new_hub, event_log, talk, texts, raw):
    hub, ann = new_hub(filtering(lambda event: None), event_log), talk.account("ann")
    recorded = await hub.record(talk.said(ann, SECRET))
    assert (recorded.is_stored, recorded.message) == (False, None)
    assert await texts(hub, ann) == []
    await hub.settle()
    assert event_log.entries == []
    assert SECRET.encode() not in raw.contents()


async def test_an_edit_of_which_nothing_is_kept_takes_the_message_away(new_hub, talk, texts):
    hub, ann = (
        new_hub(filtering(lambda event: None if SECRET in event.text else event)),
        talk.account("ann"),
    )
    event = talk.said(ann, "hi")
    await hub.record(event)
    assert await hub.edit(replace(event, text=SECRET, edited_at=2.0))
    assert await texts(hub, ann) == []


FAILURES = [
    raising,
    hanging,
    cancelled,
    raising_no_exception,
    raising_no_exception_later,
    not_an_event,
    for_another_chat,
    of_another_author,
    answering_another,
    with_unstorable_metadata,
    without_metadata,
    with_strange_attachments,
]


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)
async def test_when_a_filter_fails_the_message_is_kept_without_content(
    new_hub, talk, raw, monkeypatch, caplog, fail
):
    monkeypatch.setattr(plugins, "ASYNC_SECONDS", 0.05)
    hub, ann = new_hub(filtering(fail)), talk.account("ann")
    details = {
        "metadata": {"card": SECRET},
        "attachments": (Attachment(id=SECRET, filename=SECRET),),
    }
    recorded = await hub.record(talk.said(ann, SECRET, **details))
    (message,) = await recorded.session.history()
    assert recorded.message == message
    assert (message.content, message.metadata, message.attachments, message.is_withheld) == (
        "",
        {},
        (),
        True,
    )
    assert message.person == ann
    await hub.settle()
    assert SECRET.encode() not in raw.contents()
    assert SECRET not in caplog.text


async def test_after_a_failure_no_other_filter_is_asked(new_hub, talk):
    asked = []
    hub = new_hub()
    hub.register(filtering(lambda event: asked.append(event) or event), "second")
    hub.register(filtering(raising), "first")
    await hub.record(talk.said(talk.account("ann"), SECRET))
    assert asked == []


async def test_an_edit_whose_filter_fails_takes_the_words_away(new_hub, event_log, talk):
    hub, ann = new_hub(event_log), talk.account("ann")
    event = talk.said(ann, "harmless")
    await hub.record(event)
    hub.register(filtering(raising))
    for edited_at in (2.0, 3.0):
        await hub.edit(replace(event, text=SECRET, edited_at=edited_at))
    (message,) = await hub.session_of(event.chat, ann).history()
    assert (message.content, message.is_withheld) == ("", True)
    await hub.settle()
    assert len(event_log.of("edit")) == 1


async def test_a_withheld_message_has_its_words_again_once_an_edit_passes(new_hub, talk):
    failing = [True]
    hub = new_hub(filtering(lambda event: raising(event) if failing[0] else event))
    event = talk.said(talk.account("ann"), "")
    await hub.record(event)
    failing.clear()
    failing.append(False)
    assert await hub.edit(replace(event, edited_at=2.0))
    (message,) = await hub.session_of(event.chat, event.author).history()
    assert not message.is_withheld


async def test_a_slow_filter_keeps_the_order_of_a_chat(new_hub, talk, texts):
    async def uneven(event):
        for _ in range(10 - int(event.text)):
            await asyncio.sleep(0.001)
        return event

    hub, ann = new_hub(filtering(uneven)), talk.account("ann")
    await asyncio.gather(*(hub.record(talk.said(ann, str(number))) for number in range(10)))
    assert await texts(hub, ann) == [str(number) for number in range(10)]


async def test_a_slow_filter_of_one_chat_does_not_hold_up_another(new_hub, talk):
    release = asyncio.Event()

    async def waiting(event):
        if event.text == "slow":
            await release.wait()
        return event

    hub = new_hub(filtering(waiting))
    slow = asyncio.create_task(hub.record(talk.said(talk.account("ann"), "slow")))
    await asyncio.sleep(0)
    assert (await hub.record(talk.said(talk.account("bob"), "quick"))).is_stored
    release.set()
    assert (await slow).is_stored


async def test_reading_waits_for_a_message_that_is_being_filtered(new_hub, talk, texts):
    async def later(event):
        await asyncio.sleep(0.02)
        return event

    hub, ann = new_hub(filtering(later)), talk.account("ann")
    recording = asyncio.create_task(hub.record(talk.said(ann, "hi")))
    await asyncio.sleep(0)
    assert await texts(hub, ann) == ["hi"]
    await recording


async def test_a_hanging_filter_holds_nobody_up_for_longer_than_the_patience(
    new_hub, talk, monkeypatch
):
    monkeypatch.setattr(plugins, "ASYNC_SECONDS", 0.5)

    async def hang(event):
        await asyncio.sleep(1000)

    hub, ann = new_hub(filtering(hang), store_patience=0.1), talk.account("ann")
    started = asyncio.get_running_loop().time()
    first = await hub.record(talk.said(ann, "hi"))
    assert not first.is_stored
    assert asyncio.get_running_loop().time() - started < 0.4
    await hub.close()


async def test_a_filter_that_took_too_long_rests_and_withholds_at_once(new_hub, talk, monkeypatch):
    monkeypatch.setattr(plugins, "ASYNC_SECONDS", 0.05)
    asked = []

    async def hang(event):
        asked.append(event.text)
        await asyncio.sleep(1000)

    hub, ann = new_hub(filtering(hang)), talk.account("ann")
    for text in ("one", "two", "three"):
        assert (await hub.record(talk.said(ann, text))).message.is_withheld
    assert asked == ["one"]
    monkeypatch.setattr(plugins, "REST_SECONDS", 0.0)
    hub._parts.plugins._resting_until.clear()
    await hub.record(talk.said(ann, "four"))
    await hub.record(talk.said(ann, "five"))
    assert asked == ["one", "four", "five"]


async def test_reading_what_is_stored_does_not_wait_for_what_comes_after_it(new_hub, talk):
    room, gate = talk.group("lobby"), asyncio.Event()

    async def wait(event):
        if event.text != "first":
            await gate.wait()
        return event

    hub = new_hub(filtering(wait), store_patience=0.5)
    await hub.identity_of("nobody")  # opening spends none of the patience
    stored = await hub.record(talk.said(room, "first"))
    later = asyncio.create_task(hub.record(talk.said(room, "second")))
    await asyncio.sleep(0)
    assert [message.content for message in await stored.session.history()] == ["first"]
    gate.set()
    await later


async def test_a_filter_that_puts_what_no_database_takes_into_a_message_withholds_it(new_hub, talk):
    def spoil(event):
        event.metadata["x"] = object()
        return event

    hub, ann = new_hub(filtering(spoil)), talk.account("ann")
    assert (await hub.record(talk.said(ann, "hi", metadata={}))).message.is_withheld


@pytest.fixture
def soon(monkeypatch):
    """Filters hang for an instant, and rest for longer than a busy machine takes for some
    messages.
    """
    monkeypatch.setattr(plugins, "ASYNC_SECONDS", 0.05)
    monkeypatch.setattr(plugins, "CANCEL_SECONDS", 0.02)
    monkeypatch.setattr(plugins, "REST_SECONDS", 2.0)


class HangsOn:
    """Hangs on some texts, and redacts others."""

    def __init__(self, *texts):
        self.texts = texts
        self.asked = []

    @hookimpl
    async def session_filter_message(self, event):
        self.asked.append(event.text)
        if event.text in self.texts:
            await asyncio.Event().wait()
        return None if event.text == "nothing" else redact(event)


async def until(is_true):
    async with asyncio.timeout(20):
        while not await is_true():
            await asyncio.sleep(0.02)


async def test_a_message_on_which_a_filter_hangs_withholds_nothing_in_other_chats(
    new_hub, talk, soon
):
    hub, ann, bob = new_hub(HangsOn("bomb")), talk.account("ann"), talk.account("bob")
    assert (await hub.record(talk.said(ann, "bomb"))).message.is_withheld
    assert (await hub.record(talk.said(ann, "in her chat"))).message.is_withheld
    lobby = talk.group()
    for event in (talk.said(bob, "hi"), talk.said(lobby, "hi", author=bob)):
        assert not (await hub.record(event)).message.is_withheld
    assert not (await hub.record(talk.said(lobby, "elsewhere", author=ann))).message.is_withheld


async def test_who_makes_a_filter_hang_in_two_chats_is_withheld_everywhere_and_nobody_else(
    new_hub, talk, soon
):
    hub, ann, bob = new_hub(HangsOn("bomb")), talk.account("ann"), talk.account("bob")
    for room in ("one", "two"):
        await hub.record(talk.said(talk.group(room), "bomb", author=ann))
    third = talk.group("three")
    assert (await hub.record(talk.said(third, "hi", author=ann))).message.is_withheld
    assert (await hub.record(talk.said(ann, "hi"))).message.is_withheld
    assert not (await hub.record(talk.said(third, "hi", author=bob))).message.is_withheld


async def test_a_filter_that_hangs_on_three_people_is_asked_about_nobody(new_hub, talk, soon):
    plugin = HangsOn("bomb")
    hub = new_hub(plugin)
    for name in ("ann", "bob", "cid"):
        await hub.record(talk.said(talk.account(name), "bomb"))
    assert (await hub.record(talk.said(talk.account("dan"), "hi"))).message.is_withheld
    assert plugin.asked == ["bomb"] * 3
    assert (await hub.status()).postponed == 1


async def test_what_a_resting_filter_did_not_see_is_filtered_when_it_rests_no_longer(
    new_hub, event_log, talk, texts, raw, soon
):
    hub, ann = new_hub(HangsOn("bomb"), event_log), talk.account("ann")
    await hub.record(talk.said(ann, "bomb"))
    await hub.record(talk.said(ann, f"my card is {SECRET}", metadata={"k": 1}))
    await hub.record(talk.said(ann, "nothing"))
    added = await hub.session_of(talk.direct(ann), ann).add("tool", f"result {SECRET}")
    edited = talk.said(ann, "first")
    await hub.record(edited)
    await hub.edit(replace(edited, text=f"then {SECRET}", edited_at=5.0))
    assert added.is_withheld
    assert await texts(hub, ann) == [""] * 5

    async def is_filtered():
        return (await hub.status()).postponed == 0

    await until(is_filtered)
    history = await hub.session_of(talk.direct(ann), ann).history()
    assert [message.content for message in history] == [
        "",
        "my card is [card]",
        "result [card]",
        "then [card]",
    ]
    assert [message.is_withheld for message in history] == [True, False, False, False]
    assert [message.edited_at for message in history] == [None, None, None, 5.0]
    assert history[1].metadata == {"k": 1}
    await hub.settle()
    assert "my card is [card]" in [one["event"].text for one in event_log.of("edit")]
    assert SECRET.encode() not in raw.contents()


async def test_an_edit_that_is_filtered_late_keeps_the_parts_of_its_message(new_hub, talk, soon):
    hub, ann = new_hub(HangsOn("bomb")), talk.account("ann")
    call = ToolCallPart(id="call_1", name="weather")
    answer = talk.answered(ann, "before", parts=(TextPart(text="before"), call), turn="run-1")
    view = (await hub.record(talk.said(ann, "hi"))).session
    await hub.record(answer)
    await hub.record(talk.said(ann, "bomb"))
    await hub.edit(replace(answer, text="after", parts=(), turn=None, edited_at=2.0))
    assert (await view.history())[1].is_withheld

    async def is_filtered():
        return (await hub.status()).postponed == 0

    await until(is_filtered)
    edited = (await view.history())[1]
    assert (edited.content, edited.parts, edited.turn) == ("after", (call,), "run-1")


async def test_what_was_edited_or_deleted_meanwhile_stays_as_it_is(new_hub, talk, texts, soon):
    hub, ann = new_hub(HangsOn("bomb")), talk.account("ann")
    deleted, edited = talk.said(ann, "deleted"), talk.said(ann, "before")
    for event in (talk.said(ann, "bomb"), deleted, edited, talk.said(ann, "bomb")):
        await hub.record(event)
    await hub.delete(deleted.chat, [deleted.message_id])
    await asyncio.sleep(plugins.REST_SECONDS + 0.1)
    await hub.edit(replace(edited, text="after", edited_at=2.0))

    async def is_filtered():
        return (await hub.status()).postponed == 0

    await until(is_filtered)
    assert await texts(hub, ann) == ["", "after", ""]


async def test_what_still_waits_for_a_resting_filter_is_filtered_before_the_hub_closes(
    new_hub, talk, texts, monkeypatch
):
    monkeypatch.setattr(plugins, "ASYNC_SECONDS", 0.05)
    hub, ann = new_hub(HangsOn("bomb")), talk.account("ann")
    for text in ("bomb", "hello", "there"):
        await hub.record(talk.said(ann, text))
    await hub.close()
    assert await texts(new_hub(), ann) == ["", "hello", "there"]


async def test_nothing_unfiltered_of_who_was_forgotten_or_is_private_comes_back(
    new_hub, talk, texts, soon
):
    hub, ann, bob = new_hub(HangsOn("bomb")), talk.account("ann"), talk.account("bob")
    for account in (ann, bob):
        await hub.record(talk.said(account, "bomb"))
        await hub.record(talk.said(account, "zanzibar"))
    await hub.forget(ann)
    await hub.set_private(bob, True)

    async def is_filtered():
        return (await hub.status()).postponed == 0

    await until(is_filtered)
    assert await hub.identity_of(ann) is None
    assert await texts(hub, bob) == ["", ""]


async def test_only_so_many_messages_of_a_chat_wait_for_a_resting_filter(
    new_hub, talk, monkeypatch, caplog
):
    monkeypatch.setattr(plugins, "ASYNC_SECONDS", 0.05)
    monkeypatch.setattr(postponed, "MOST_OF_CHAT", 3)
    hub, ann = new_hub(HangsOn("bomb")), talk.account("ann")
    await hub.record(talk.said(ann, "bomb"))
    for number in range(5):
        await hub.record(talk.said(ann, f"{number}"))
    assert (await hub.status()).postponed == 3
    assert "stay withheld" in caplog.text
