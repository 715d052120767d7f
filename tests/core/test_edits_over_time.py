"""Edits and deletions follow a message wherever it went: into the archive, and into every summary
that was made with it.
"""

from dataclasses import replace

import pytest

from session_plugin import hookimpl


class Redact:
    @hookimpl
    def session_filter_message(self, event):
        return replace(event, text=event.text.replace("secret", "[...]"))


@pytest.fixture
def fill(talk):
    """Say twenty numbered things in a hub that sums up often; give what was said, and the view of
    the last one.
    """

    async def filled(hub):
        events = [talk.said(talk.account("ann"), f"fact-{number:02}") for number in range(20)]
        for event in events:
            recorded = await hub.record(event)
        await hub.settle()
        return events, recorded.session

    return filled


async def summaries_of(hub, view):
    """Every text that is kept of a session's summaries, superseded ones too, as undoing brings them
    up one by one.
    """
    texts = []
    session_id = (await view.info()).session_id
    while True:
        await hub.settle()
        summary = (await view.for_model()).summary
        texts.append("" if summary is None else summary.text)
        if not await hub.undo_consolidation(session_id):
            return texts


async def test_an_edit_of_an_archived_message_keeps_its_place_is_marked_and_passes_the_filter(
    new_hub, fill
):
    hub = new_hub(Redact(), consolidation_threshold=4)
    events, view = await fill(hub)
    assert await hub.edit(replace(events[1], text="my secret", edited_at=5.0))
    await hub.settle()
    history = await view.history(limit=None)
    assert [message.content for message in history[:3]] == ["fact-00", "my [...]", "fact-02"]
    assert (history[1].edited_at, history[0].edited_at) == (5.0, None)
    assert "my [...]" in (await view.for_model()).summary.text


async def test_an_edited_message_is_as_it_is_now_in_every_summary_that_is_left(new_hub, fill):
    hub = new_hub(consolidation_threshold=4)
    events, view = await fill(hub)
    await hub.edit(replace(events[1], text="something else", edited_at=5.0))
    assert not any("fact-01" in text for text in await summaries_of(hub, view))


async def test_a_message_deleted_from_the_archive_is_in_no_summary_that_is_left(new_hub, fill):
    hub = new_hub(consolidation_threshold=4)
    events, view = await fill(hub)
    assert await hub.delete(events[1].chat, [events[1].message_id]) == 1
    assert not any("fact-01" in text for text in await summaries_of(hub, view))
    assert [message.content for message in await view.history(limit=None)][:2] == [
        "fact-00",
        "fact-02",
    ]


async def test_deleting_many_is_one_operation_told_once_and_summed_up_once(
    new_hub, fill, event_log
):
    rounds = []

    async def summarize(messages, previous):
        rounds.append(len(messages))
        return "in short"

    hub = new_hub(event_log, consolidation_threshold=4, summarize=summarize)
    events, view = await fill(hub)
    rounds.clear()
    ids = [event.message_id for event in events[:10]]
    assert await hub.delete(events[0].chat, [*ids, "never seen", ids[0]]) == 10
    await hub.settle()
    (told,) = event_log.of("delete")
    assert list(told["message_ids"]) == ids
    assert len(rounds) == 1
    assert [message.content for message in await view.history(limit=None)] == [
        f"fact-{number}" for number in range(10, 20)
    ]


async def test_while_it_cannot_be_made_again_a_withdrawn_summary_is_shown_to_nobody(new_hub, fill):
    works = True

    async def summarize(messages, previous):
        return "in short" if works else ""

    hub = new_hub(consolidation_threshold=4, summarize=summarize)
    events, view = await fill(hub)
    works = False
    await hub.delete(events[0].chat, [events[0].message_id])
    await hub.settle()
    assert (await view.for_model()).summary is None
    assert len(await view.history(limit=None)) == 19
    works = True
    await hub.upkeep()
    assert (await view.for_model()).summary.text == "in short"
