"""Words of recordings are transcribed after storing, and share what becomes of their message."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest

from session_plugin import Attachment, LinkRefused, hookimpl
from session_plugin.incoming import transcribing

VOICE = Attachment(id="v1", kind="voice", size=2000)


class Hears:
    """Transcribes recordings; `go` lets it, and `asked` has what it was asked."""

    def __init__(self, words="Buy some milk.", *, is_held=False):
        self.words, self.asked = words, []
        self.go = asyncio.Event()
        if not is_held:
            self.go.set()

    @hookimpl
    async def session_transcribe(self, attachment, message):
        self.asked.append((attachment.id, message.seq > 0, message.attachments))
        await self.go.wait()
        if isinstance(self.words, BaseException):
            raise self.words
        return self.words


@pytest.fixture
def voice(talk):
    """Return a voice message of Ann."""
    return talk.said(talk.account("ann"), "", attachments=(VOICE,))


async def transcripts(view):
    return [one.transcript for message in await view.history() for one in message.attachments]


async def test_a_recordings_words_are_stored_with_it(new_hub, event_log, voice):
    hears = Hears()
    hub = new_hub(hears, event_log)
    view = (await hub.record(voice)).session
    await hub.settle()
    assert await transcripts(view) == ["Buy some milk."]
    assert hears.asked == [("v1", True, (VOICE,))]

    (edited,) = event_log.of("edit")
    assert edited["event"].attachments[0].transcript == "Buy some milk."
    assert (await view.history())[0].edited_at is None
    assert "Buy some milk." in str((await view.for_model()).as_openai())


async def test_recording_waits_for_no_transcript(new_hub, voice):
    hears = Hears(is_held=True)
    hub = new_hub(hears)
    async with asyncio.timeout(10):  # the plugin never answers by itself
        recorded = await hub.record(voice)
    assert await transcripts(recorded.session) == [""]
    hears.go.set()


async def test_a_context_waits_for_the_words_of_the_message_it_answers(new_hub, voice, talk):
    hears = Hears(is_held=True)
    hub = new_hub(hears)
    view = (await hub.record(voice)).session
    asyncio.get_running_loop().call_later(0.3, hears.go.set)
    assert "Buy some milk." in str((await view.for_model(upto=view.event)).as_openai())


async def test_a_context_does_not_wait_for_ever(new_hub, voice, monkeypatch):
    monkeypatch.setattr(transcribing, "WAIT_SECONDS", 0.2)
    hears = Hears(is_held=True)
    hub = new_hub(hears)
    view = (await hub.record(voice)).session
    started = time.monotonic()
    assert (await view.for_model()).messages[-1].attachments == (VOICE,)
    assert time.monotonic() - started < 1.0
    hears.go.set()


async def test_what_fails_says_nothing_or_no_text_leaves_the_recording_without_words(
    new_hub, voice, talk
):
    for answer in (ValueError("x"), None, "  ", 7, b"bytes"):
        hub = new_hub(Hears(answer))
        said = talk.said(talk.account("ann"), "", attachments=(VOICE,))
        view = (await hub.record(said)).session
        await hub.settle()
        assert set(await transcripts(view)) == {""}
        await hub.close()


async def test_only_recordings_of_people_are_transcribed(new_hub, talk):
    hears = Hears()
    hub, ann = new_hub(hears), talk.account("ann")
    photo = Attachment(id="p", kind="photo")
    clip = Attachment(id="c", kind="file", content_type="audio/ogg")
    await hub.record(talk.said(ann, "", attachments=(photo,)))
    await hub.record(talk.answered(ann, "", attachments=(VOICE,)))
    view = (await hub.record(talk.said(ann, "", attachments=(photo, clip)))).session
    await hub.settle()
    assert [name for name, _, _ in hears.asked] == ["c"]
    assert await transcripts(view) == ["", "", "", "Buy some milk."]


async def test_a_duplicate_is_transcribed_once(new_hub, voice):
    hears = Hears()
    hub = new_hub(hears)
    await hub.record(voice)
    await hub.record(voice)
    await hub.settle()
    assert len(hears.asked) == 1


async def test_words_pass_the_filters(new_hub, voice):
    class Redact:
        @hookimpl
        def session_filter_message(self, event):
            return dataclasses.replace(event, text=event.text.replace("milk", "***"))

    hub = new_hub(Hears(), Redact())
    view = (await hub.record(voice)).session
    await hub.settle()
    assert await transcripts(view) == ["Buy some ***."]


@pytest.mark.parametrize("answer", ["nothing", "failure"])
async def test_words_that_a_filter_keeps_back_are_not_stored(new_hub, voice, answer):
    class Refuse:
        @hookimpl
        def session_filter_message(self, event):
            if not event.text:
                return event
            if answer == "failure":
                raise ValueError
            return None

    hub = new_hub(Hears(), Refuse())
    view = (await hub.record(voice)).session
    await hub.settle()
    assert await transcripts(view) == [""]


async def test_a_deletion_beats_the_words(new_hub, voice, backend, database):
    hears = Hears(is_held=True)
    hub = new_hub(hears)
    await hub.record(voice)
    await hub.delete(voice.chat, [voice.message_id])
    hears.go.set()
    await hub.settle()
    assert backend.rows(database, "SELECT attachments FROM messages") == []


async def test_forgetting_beats_the_words(new_hub, voice, backend, database):
    hears = Hears(is_held=True)
    hub = new_hub(hears)
    await hub.record(voice)
    await hub.forget(voice.author)
    hears.go.set()
    await hub.settle()
    assert backend.rows(database, "SELECT attachments FROM messages") == []


async def test_who_turned_storing_off_meanwhile_keeps_the_words_for_themselves(new_hub, voice):
    hears = Hears(is_held=True)
    hub = new_hub(hears)
    view = (await hub.record(voice)).session
    await hub.set_private(voice.author, True)
    hears.go.set()
    await hub.settle()
    assert set(await transcripts(view)) <= {""}


async def test_an_edit_keeps_the_words_of_the_same_recording(new_hub, voice):
    hub = new_hub(Hears())
    view = (await hub.record(voice)).session
    await hub.settle()
    captioned = dataclasses.replace(voice, text="listen", edited_at=5.0)
    assert await hub.edit(captioned)
    assert not await hub.edit(dataclasses.replace(captioned, edited_at=6.0))
    assert await transcripts(view) == ["Buy some milk."]

    other = dataclasses.replace(captioned, attachments=(Attachment(id="v2", kind="voice"),))
    assert await hub.edit(dataclasses.replace(other, edited_at=7.0))
    assert await transcripts(view) == [""]


async def test_an_edit_that_came_meanwhile_stays(new_hub, voice):
    hears = Hears(is_held=True)
    hub = new_hub(hears)
    view = (await hub.record(voice)).session
    await hub.edit(dataclasses.replace(voice, text="listen", edited_at=5.0))
    hears.go.set()
    await hub.settle()
    (message,) = await view.history()
    assert (message.content, message.edited_at) == ("listen", 5.0)
    assert message.attachments[0].transcript == "Buy some milk."


async def test_a_summary_over_a_recording_is_made_again_with_its_words(new_hub, voice, talk):
    hears, seen = Hears(is_held=True), []

    class Summaries:
        @hookimpl
        def session_summarize(self, session, messages, previous):
            seen.append([one.transcript for said in messages for one in said.attachments])
            return "They spoke."

    hub = new_hub(hears, Summaries(), consolidation_threshold=4)
    await hub.record(voice)
    for number in range(4):
        await hub.record(talk.said(voice.author, f"a rather long message, number {number}"))
    async with asyncio.timeout(10):
        while not seen:
            await asyncio.sleep(0.01)
    hears.go.set()
    await hub.settle()
    assert seen == [[""], ["Buy some milk."]]


async def test_closing_waits_for_no_slow_plugin(new_hub, voice, monkeypatch):
    monkeypatch.setattr(transcribing, "CLOSING_SECONDS", 0.2)
    hub = new_hub(Hears(is_held=True))
    await hub.record(voice)
    started = time.monotonic()
    await hub.close()
    assert time.monotonic() - started < 3.0


async def test_a_code_that_was_spoken_in_a_group_is_worthless(new_hub, talk):
    hub, ann, bob = new_hub(), talk.account("ann"), talk.account("bob")
    code = await hub.request_link(ann)
    hub.register(Hears(f"my code is {code.code}"))
    room = talk.group()
    await hub.record(talk.said(room, "", author=ann, attachments=(VOICE,)))
    await hub.settle()
    with pytest.raises(LinkRefused):
        await hub.redeem_link(bob, code.code)
