"""Meaning beside words: vectors that a plugin makes, what is found by them, and that they go with
their messages.
"""

import asyncio
import logging
from dataclasses import replace

import pytest

from session_plugin import PluginError, hookimpl
from session_plugin.hub import looking
from session_plugin.records.conversation import meanings, searching
from session_plugin.rules import meaning
from session_plugin.upkeep import embedder

MARKED = [float(number % 7 + 1) for number in range(64)]
TOPICS = ({"cat", "kitten", "feline"}, {"car", "auto", "vehicle"}, {"food", "meal", "dinner"})


class Embed:
    """Counts the words of each topic; what has none of them points elsewhere."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    @hookimpl
    async def session_embed(self, texts):
        self.asked.append(texts)
        return [self.vector(text) for text in texts]

    def vector(self, text):
        words = text.lower().split()
        counts = [float(sum(word in topic for word in words)) for topic in TOPICS]
        return [*counts, 0.0 if any(counts) else 1.0]


@pytest.fixture
def plugin():
    return Embed()


@pytest.fixture
def hub(new_hub, plugin):
    return new_hub(plugin)


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def session(hub, talk, ann):
    return hub.session_of(talk.direct(ann), ann)


@pytest.fixture
def vectors(backend, database):
    def read():
        return {seq for (seq,) in backend.rows(database, "SELECT seq FROM vectors")}

    return read


async def say(hub, talk, who, *texts):
    for text in texts:
        await hub.record(talk.said(who, text))
    await hub.settle()


def texts_of(found):
    return [hit.message.content for hit in found.hits]


async def test_what_means_the_same_is_found_without_its_words(hub, talk, ann, session):
    await say(hub, talk, ann, "my kitten sleeps", "a red auto", "the weather is fine")
    (hit,) = (await session.search("feline")).hits
    assert hit.message.content == "my kitten sleeps"
    assert (hit.closeness, hit.spans) == ("meaning", ())
    assert hit.session_id == (await session.info()).session_id


async def test_what_has_the_words_and_the_meaning_comes_before_what_has_one_of_them(
    hub, talk, ann, session
):
    await say(hub, talk, ann, "my kitten sleeps", "vehicle for a cat", "the cat sat", "a car")
    found = await session.search("cat")
    assert texts_of(found) == ["the cat sat", "vehicle for a cat", "my kitten sleeps"]
    assert [hit.closeness for hit in found.hits] == ["phrase", "phrase", "meaning"]
    assert found.is_complete


async def test_what_is_asked_for_besides_words_holds_for_meanings_too(hub, talk, ann, session):
    await say(hub, talk, ann, "my kitten sleeps", "a kitten eats", "the old kitten")
    await hub.record(talk.answered(ann, "what a kitten"))
    await hub.settle()
    assert texts_of(await session.search("feline from:bot")) == ["what a kitten"]
    assert len((await session.search("feline from:me")).hits) == 3
    assert "a kitten eats" not in texts_of(await session.search("feline -eats"))
    assert texts_of(await session.search('feline "old kitten"')) == ["the old kitten"]
    assert texts_of(await session.search("feline on:telegram")) == []


async def test_pages_show_each_message_once(hub, talk, ann, session):
    await say(hub, talk, ann, *(f"{'cat' if n % 2 else 'kitten'} number {n}" for n in range(30)))
    shown, cursor = [], None
    while True:
        found = await session.search("cat", limit=7, before=cursor)
        shown += texts_of(found)
        await say(hub, talk, ann, "cat that came meanwhile")
        if found.is_complete:
            break
        cursor = found.cursor
    assert len(shown) == len(set(shown)) == 30
    assert all(text.startswith("cat") for text in shown[:15])


async def test_many_matches_are_ranked_a_stretch_at_a_time(hub, talk, ann, session, monkeypatch):
    monkeypatch.setattr(looking, "MOST_RANKED", 4)
    monkeypatch.setattr(searching, "SNAPSHOT_SECONDS", 0.0)
    monkeypatch.setattr(meanings, "SNAPSHOT_SECONDS", 0.0)
    monkeypatch.setattr(meanings, "BLOCK", 3)
    await say(hub, talk, ann, *(f"{'cat' if n % 2 else 'kitten'} number {n}" for n in range(30)))
    shown, found = [], None
    while found is None or not found.is_complete:
        found = await session.search("cat", limit=3, before=found and found.cursor)
        shown += texts_of(found)
    assert len(shown) == len(set(shown)) == 30


async def test_nothing_of_others_is_compared(new_hub, talk, ann):
    class Same:
        @hookimpl
        def session_embed(self, texts):
            return [[1.0, 2.0]] * len(texts)

    hub = new_hub(Same(), direct_sees_groups=False)
    bob, group = talk.account("bob"), talk.group()
    await say(hub, talk, ann, "of ann")
    await say(hub, talk, bob, "of bob")
    await hub.record(talk.said(group, "of the group", author=bob))
    await hub.settle()
    for where, reader, sees in [
        (talk.direct(ann), ann, ["of ann"]),
        (talk.direct(bob), bob, ["of bob"]),
        (talk.direct(bob), ann, []),
        (group, ann, ["of the group"]),
        (talk.group("den"), ann, []),
    ]:
        assert texts_of(await hub.session_of(where, reader).search("zebra")) == sees
    assert texts_of(await hub.search(ann, "zebra")) == ["of ann"]


async def test_a_vector_goes_with_its_message(hub, talk, ann, session, vectors, clock):
    first, second, third = (talk.said(ann, f"cat {number}") for number in range(3))
    for said in (first, second, third):
        await hub.record(said)
    await hub.settle()
    assert len(vectors()) == 3
    await hub.delete(first.chat, [first.message_id])
    assert len(vectors()) == 2
    clock.advance(days=366)
    await hub.decay(confirm_clock=True)
    assert vectors() == set()
    assert (await session.search("feline")).hits == ()


async def test_an_edit_replaces_the_vector(hub, talk, ann, session):
    said = talk.said(ann, "my kitten")
    await hub.record(said)
    await hub.settle()
    await hub.edit(replace(said, text="my vehicle", edited_at=2.0))
    await hub.settle()
    assert (await session.search("feline")).hits == ()
    assert texts_of(await session.search("auto")) == ["my vehicle"]


async def test_an_edit_of_who_is_private_now_leaves_no_vector(hub, talk, ann, vectors):
    said = talk.said(ann, "my kitten")
    await hub.record(said)
    await hub.settle()
    await hub.set_private(ann, True)
    await hub.edit(replace(said, text="my cat", edited_at=2.0))
    await hub.settle()
    assert vectors() == set()


async def test_what_was_forgotten_leaves_no_vector(hub, talk, ann, vectors):
    await say(hub, talk, ann, "my kitten")
    await hub.record(talk.said(talk.group(), "a cat", author=ann))
    await hub.settle()
    assert len(vectors()) == 2
    await hub.forget(ann)
    assert vectors() == set()


@pytest.mark.parametrize("way", ["forget", "delete", "edit", "decay"])
@pytest.mark.plain("finds the vector in the database before, and not after")
async def test_no_byte_of_a_vector_is_left_of_what_is_gone(
    new_hub, talk, ann, clock, backend, database, way
):
    class Marked(Embed):
        """Gives a vector whose bytes are like no others: those of the mark, over and over."""

        def vector(self, text):
            return MARKED if "zanzibar" in text else [0.0, 1.0, 0.0, 0.0] * 16

    hub = new_hub(Marked())
    said = [talk.said(ann, f"zanzibar {number}", sent_at=0.0) for number in range(40)]
    for one in said:
        await hub.record(one)
        await hub.record(talk.said(talk.account("bob"), "my own", sent_at=0.0))
    await hub.settle()
    (mark,) = meaning.to_cells([MARKED], 1)
    assert mark in backend.contents(database)

    if way == "forget":
        assert not (await hub.forget(ann, at_once=True)).is_pending
    elif way == "delete":
        await hub.delete(said[0].chat, [one.message_id for one in said])
    elif way == "edit":
        for one in said:
            await hub.edit(replace(one, text="nothing of it", edited_at=2.0))
    else:
        clock.advance(days=366)
        await hub.decay(confirm_clock=True)
    await hub.settle()
    await hub.close()

    assert mark[:16] not in backend.contents(database)


async def test_a_vector_of_what_a_message_said_before_is_not_stored(new_hub, talk, ann, vectors):
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Embed):
        @hookimpl
        async def session_embed(self, texts):
            if "my kitten" in texts:
                begun.set()
                await go_on.wait()
                return [self.vector(text) for text in texts]
            return None  # nothing replaces what was made too late

    hub = new_hub(Slow())
    said, other = talk.said(ann, "my kitten"), talk.said(ann, "a cat")
    await hub.record(said)
    await begun.wait()
    await hub.record(other)
    await hub.edit(replace(said, text="my vehicle", edited_at=2.0))
    await hub.delete(other.chat, [other.message_id])
    go_on.set()
    await hub.settle()
    session = hub.session_of(talk.direct(ann), ann)
    assert (await session.search("feline")).hits == ()
    assert vectors() == set()


async def test_many_texts_come_in_batches(hub, talk, ann, plugin):
    await asyncio.gather(*(hub.record(talk.said(ann, f"cat {n}")) for n in range(200)))
    await hub.settle()
    assert sum(map(len, plugin.asked)) == 200
    assert max(map(len, plugin.asked)) <= embedder.AT_ONCE
    assert len(plugin.asked) < 30


async def test_without_a_plugin_nothing_is_made(new_hub, talk, ann, vectors):
    hub = new_hub()
    await say(hub, talk, ann, "my kitten")
    assert (await hub.session_of(talk.direct(ann), ann).search("feline")).hits == ()
    assert vectors() == set()
    assert await hub.embed_stored() == 0


async def test_what_was_stored_before_the_plugin_came_is_given_vectors(
    new_hub, talk, ann, vectors, plugin
):
    hub, group = new_hub(), talk.group()
    await say(hub, talk, ann, *(f"cat {number}" for number in range(100)), " ")
    await hub.record(talk.said(group, "dog", author=ann))
    session = hub.session_of(talk.direct(ann), ann)
    await session.add("system", "cat for a model")
    other = new_hub(bot="scribe")
    await say(other, talk, ann, "cat of another bot")
    hub.register(plugin)
    steps = []
    assert await hub.embed_stored(progress=lambda step: steps.append(step.done)) == 101
    assert steps[-1] == 101
    assert len(vectors()) == 101
    assert await hub.embed_stored() == 0
    assert len((await session.search("feline", limit=60)).hits) == meanings.NEAREST


async def test_many_messages_without_text_hide_none_after_them(new_hub, talk, ann, vectors, plugin):
    hub = new_hub()
    await say(hub, talk, ann, *[""] * (2 * embedder.AT_ONCE), "cat")
    hub.register(plugin)
    assert await hub.embed_stored() == 1
    assert len(vectors()) == 1


async def test_vectors_of_another_plugin_or_length_are_not_compared(new_hub, talk, ann):
    class Short:
        @hookimpl
        def session_embed(self, texts):
            return [[1.0]] * len(texts)

    hub = new_hub()
    hub.register(Embed(), "embed")
    await say(hub, talk, ann, "my kitten")
    for name in ("embed", "other"):
        again = new_hub()
        again.register(Short(), name)
        assert (await again.session_of(talk.direct(ann), ann).search("feline")).hits == ()


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [[1.0], [2.0]],
        [[]],
        [[float("nan")]],
        [[0.0, 0.0]],
        [["one"]],
        "vector",
        [1.0],
        [[1.0] * 8193],
        7,
    ],
)
async def test_an_answer_that_is_no_vector_counts_as_a_failure(
    new_hub, talk, ann, vectors, caplog, answer
):
    class Wrong:
        @hookimpl
        def session_embed(self, texts):
            return answer

    hub = new_hub()
    hub.register(Wrong(), "wrong")
    await say(hub, talk, ann, "my kitten")
    found = await hub.session_of(talk.direct(ann), ann).search("kitten")
    assert texts_of(found) == ["my kitten"]
    assert vectors() == set()
    assert "plugin wrong failed in session_embed" in caplog.text
    assert "kitten" not in caplog.text


async def test_a_plugin_that_hangs_holds_up_nobody(new_hub, talk, ann, monkeypatch, caplog):
    monkeypatch.setattr(embedder, "SECONDS", 0.05)
    caplog.set_level(logging.ERROR)

    class Hangs:
        @hookimpl
        async def session_embed(self, texts):
            await asyncio.sleep(3600)

    hub = new_hub(Hangs())
    async with asyncio.timeout(20):
        await say(hub, talk, ann, "my kitten")
        found = await hub.session_of(talk.direct(ann), ann).search("kitten")
    assert texts_of(found) == ["my kitten"]


async def test_a_hub_that_closes_gives_up_what_waits_in_a_while(
    new_hub, talk, ann, vectors, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(embedder, "CLOSING_SECONDS", 0.2)
    monkeypatch.setattr(embedder, "AT_ONCE", 1)

    class Slow(Embed):
        @hookimpl
        async def session_embed(self, texts):
            await asyncio.sleep(0.05)
            return [self.vector(text) for text in texts]

    hub = new_hub(Slow())
    await asyncio.gather(*(hub.record(talk.said(ann, f"cat {n}")) for n in range(200)))
    async with asyncio.timeout(10):
        await hub.close()
    made = len(vectors())
    assert 0 < made < 200
    assert f"{200 - made} messages have no vector yet" in caplog.text


async def test_without_numpy_such_a_plugin_is_refused_with_how_to_install_it(hub, monkeypatch):
    def missing():
        raise ImportError

    monkeypatch.setattr(meaning, "_numpy", missing)
    with pytest.raises(PluginError, match=r"pip install 'session-plugin\[semantic\]'"):
        hub.register(Embed(), "second")


def test_two_rankings_become_one():
    assert meaning.fused("abc", "cab") == ["a", "c", "b"]
    assert meaning.fused("abc", "") == ["a", "b", "c"]
    assert meaning.fused("", "xy") == ["x", "y"]


async def test_vectors_are_copied_with_a_backup(hub, talk, ann, new_hub, tmp_path):
    await say(hub, talk, ann, "my kitten")
    await hub.backup(tmp_path / "copy.db")
    copy = new_hub(Embed(), path=tmp_path / "copy.db")
    assert texts_of(await copy.session_of(talk.direct(ann), ann).search("feline")) == ["my kitten"]
