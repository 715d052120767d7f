"""What a message quotes goes the way of the message that it is from."""

from dataclasses import replace

import pytest

from session_plugin import Attachment, hookimpl


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def bob(talk):
    return talk.account("bob")


@pytest.fixture
def lobby(talk):
    return talk.group()


@pytest.fixture
def quoting(talk, bob):
    """Let Bob quote words of a message."""

    def quoted(event, words, *, where=None, **details):
        quote = {"text": words, "message_id": event.message_id}
        if where is not None:
            quote["chat_id"] = event.chat.chat_id
        metadata = {"quote": quote, "kept": True, **details.pop("metadata", {})}
        chat = event.chat if where is None else where
        return talk.said(chat, "I agree", author=bob, metadata=metadata, **details)

    return quoted


@pytest.fixture
def quotes(hub):
    """Read the quotes that are left in a chat."""

    async def read(chat, hub=hub):
        history = await hub.session_of(chat, None).history(limit=None)
        return [
            message.metadata["quote"]["text"] for message in history if "quote" in message.metadata
        ]

    return read


async def test_a_quote_is_stored_as_the_platform_gives_it(hub, talk, quotes, quoting, ann, lobby):
    secret = talk.said(lobby, "my secret is a fish", author=ann)
    await hub.record(secret)
    recorded = await hub.record(quoting(secret, "a fish"))
    assert recorded.message.metadata["quote"]["text"] == "a fish"
    await hub.record(quoting(talk.said(lobby, "never seen"), "of a message that nobody saw"))
    assert await quotes(lobby) == ["a fish", "of a message that nobody saw"]


ENDINGS = ["edited", "deleted", "forgotten", "too old", "chat deleted", "withheld"]


async def end(ending, hub, event, clock):
    if ending in ("edited", "withheld"):
        text = "never mind" if ending == "edited" else "withhold this"
        await hub.edit(replace(event, text=text, edited_at=5.0))
    elif ending == "deleted":
        await hub.delete(event.chat, [event.message_id])
    elif ending == "forgotten":
        await hub.forget(event.author)
    elif ending == "chat deleted":
        await hub.delete_chat(replace(event.chat, thread_id=event.chat.thread_id))
    else:
        clock.advance(days=10)
        await hub.decay(confirm_clock=True)


class Withholds:
    @hookimpl
    def session_filter_message(self, event):
        if event.text == "withhold this":
            raise ValueError
        return event


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_quote_does_not_outlive_its_message(
    new_hub, talk, quotes, quoting, clock, raw, ann, lobby, ending
):
    """Neither in the same chat nor in another one, nor in a session that is over."""
    hub, garden = new_hub(Withholds(), retention_days=20), talk.group("garden")
    secret = talk.said(lobby, "my secret is a fish", author=ann)
    await hub.record(secret)
    clock.advance(days=11)
    earlier = quoting(secret, "a fish", where=garden)
    await hub.record(earlier)
    clock.advance(days=2)
    await hub.record(quoting(secret, "a fish", where=garden))
    await hub.record(quoting(secret, "a fish", where=talk.group("elsewhere")))
    await end(ending, hub, secret, clock)
    for chat in (garden, talk.group("elsewhere")):
        assert await quotes(chat, hub) == []
    found = await hub.find_message(earlier.chat, earlier.message_id)
    assert (found.content, found.metadata) == ("I agree", {"kept": True})
    assert raw.rows("SELECT * FROM quotes") == []
    assert b"fish" not in (b"".join(m for (m,) in raw.rows("SELECT metadata FROM messages") if m))


@pytest.mark.parametrize("ending", ["edited", "deleted", "forgotten"])
async def test_nor_is_it_in_a_summary_any_more(new_hub, talk, quoting, clock, ann, lobby, ending):
    async def summarize(messages, previous):
        return str([message.metadata for message in messages]) * (previous is None)

    hub = new_hub(summarize=summarize, consolidation_threshold=4)
    garden = talk.group("garden")
    secret = talk.said(lobby, "my secret is a fish", author=ann)
    await hub.record(secret)
    view = (await hub.record(quoting(secret, "a fish", where=garden))).session
    for number in range(4):
        await hub.record(talk.said(garden, f"fact {number} " * 20))
    await hub.settle()
    assert "fish" in (await view.for_model()).summary.text
    await end(ending, hub, secret, clock)
    await hub.settle()
    summary = (await view.for_model()).summary
    assert summary is None or "fish" not in summary.text


async def test_an_edit_leaves_a_quote_that_is_still_part_of_the_message(
    hub, talk, quotes, quoting, ann, lobby
):
    plan = talk.said(lobby, "we meet at\nfive", author=ann)
    await hub.record(plan)
    await hub.record(quoting(plan, "we meet"))
    await hub.record(quoting(plan, "at five"))
    await hub.edit(replace(plan, text="we meet at six", edited_at=5.0))
    assert await quotes(lobby) == ["we meet"]


async def test_what_is_quoted_after_its_end_is_not_stored(hub, talk, quotes, quoting, ann, lobby):
    """A platform delivers late and again: messages and edits bring no quote back."""
    plan, secret = (talk.said(lobby, text, author=ann) for text in ("at five", "a fish"))
    for event in (plan, secret):
        await hub.record(event)
    await hub.edit(replace(plan, text="at six", edited_at=5.0))
    await hub.delete(lobby, [secret.message_id])
    late = [quoting(plan, "at five"), quoting(secret, "a fish")]
    for event in late:
        recorded = await hub.record(event)
        assert recorded.message.metadata == {"kept": True}
        assert not await hub.edit(replace(event, edited_at=6.0))
        assert await hub.edit(replace(event, text="I disagree", edited_at=7.0))
    assert await quotes(lobby) == []


async def test_the_deletion_of_a_message_that_was_never_seen_takes_its_quotes_along(
    hub, talk, quotes, quoting, ann, lobby
):
    unseen = talk.said(lobby, "a fish", author=ann)
    await hub.record(quoting(unseen, "a fish"))
    await hub.delete(lobby, [unseen.message_id])
    assert await quotes(lobby) == []


async def test_an_edit_that_takes_the_quote_away_or_brings_another_is_followed(
    hub, talk, quotes, quoting, ann, lobby
):
    one, two = (talk.said(lobby, text, author=ann) for text in ("a fish", "a bird"))
    for event in (one, two):
        await hub.record(event)
    first = quoting(one, "a fish")
    await hub.record(first)
    other = quoting(two, "a bird", message_id=first.message_id, edited_at=5.0)
    assert await hub.edit(other)
    await hub.delete(lobby, [one.message_id])
    assert await quotes(lobby) == ["a bird"]
    await hub.delete(lobby, [two.message_id])
    assert await quotes(lobby) == []


# People


async def test_words_of_somebody_private_are_not_stored_as_quotes_either(
    hub, talk, quotes, quoting, texts, ann, lobby
):
    before = talk.said(lobby, "before", author=ann)
    await hub.record(before)
    await hub.set_private(ann, True)
    unstored = talk.said(lobby, "between us", author=ann)
    await hub.record(unstored)
    answer = talk.answered(lobby, "an answer", answers=ann)
    await hub.record(answer)
    for event, words in ((before, "before"), (unstored, "between us"), (answer, "an answer")):
        await hub.record(quoting(event, words))
    assert await quotes(lobby) == []
    assert await texts(hub, lobby) == ["before", "I agree", "I agree", "I agree"]


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_quote_that_names_its_person_follows_them_though_its_message_is_unknown(
    hub, talk, quotes, bob, ann, lobby, is_known
):
    """As of forwards, of which a platform says who wrote it, but not where."""
    if is_known:
        await hub.record(talk.said(ann, "hello"))
    quote = {"text": "a fish", "person": ann.channel_user_id}
    said = [
        talk.said(lobby, "hm", author=bob, metadata={"quote": quote, "n": number})
        for number in range(3)
    ]
    await hub.record(said[0])
    await hub.set_private(ann, True)
    await hub.record(said[1])
    if is_known:
        assert await quotes(lobby) == ["a fish"], "what was stored before stays"
    await hub.forget(ann)
    await hub.record(said[2])
    if is_known:
        assert await quotes(lobby) == []


@pytest.mark.parametrize("ending", ["private", "forgotten", "deleted"])
async def test_an_answer_that_only_replies_to_words_that_are_not_stored_is_not_stored(
    hub, talk, texts, ann, lobby, ending
):
    asked = talk.said(lobby, "a question", author=ann)
    if ending == "private":
        await hub.record(talk.said(ann, "hello"))
        await hub.set_private(ann, True)
        await hub.record(asked)
    elif ending == "forgotten":
        await hub.record(asked)
        await hub.forget(ann)
    else:
        await hub.record(asked)
        await hub.delete(lobby, [asked.message_id])
        await hub.set_private(ann, True)
    late = talk.answered(lobby, "an answer", reply_to=asked.message_id)
    assert not (await hub.record(late)).is_stored
    assert not await hub.edit(replace(late, text="edited", edited_at=5.0))
    assert await texts(hub, lobby) == []
    said = talk.said(lobby, "of bob", author=talk.account("bob"), reply_to=asked.message_id)
    assert (await hub.record(said)).is_stored


async def test_an_answer_to_words_deleted_before_their_person_was_forgotten_is_not_stored(
    hub, talk, texts, ann, lobby
):
    asked = talk.said(lobby, "a question", author=ann)
    await hub.record(asked)
    await hub.delete(lobby, [asked.message_id])
    await hub.forget(ann)
    await hub.record(talk.answered(lobby, "an answer", reply_to=asked.message_id))
    assert await texts(hub, lobby) == []


# Filters


async def test_a_quote_does_not_bring_back_what_a_filter_took_out(
    new_hub, talk, quotes, quoting, ann, lobby
):
    class Redact:
        @hookimpl
        def session_filter_message(self, event):
            return replace(event, text=event.text.replace("4111", "[card]"))

    hub = new_hub(Redact())
    said = talk.said(lobby, "my card is 4111", author=ann)
    await hub.record(said)
    await hub.record(quoting(said, "is 4111"))
    await hub.record(quoting(said, "my card"))
    assert await quotes(lobby, hub) == ["my card"]


# Forwards


@pytest.mark.parametrize("mark", [{"forwarded": True}, {"forwarded_from": "Ann"}])
@pytest.mark.parametrize("ending", ["edited", "deleted", "forgotten"])
async def test_of_a_forward_nothing_is_left_but_that_it_was_one(
    hub, talk, quoting, clock, ann, lobby, mark, ending
):
    garden = talk.group("garden")
    secret = talk.said(lobby, "a fish", author=ann)
    await hub.record(secret)
    picture = Attachment(id="p", filename="fish.png")
    forward = quoting(secret, "a fish", where=garden, metadata=mark, attachments=(picture,))
    forward = replace(forward, text="a fish")
    await hub.record(forward)
    await hub.record(replace(quoting(forward, "a fish"), text="yes"))
    await end(ending, hub, secret, clock)
    history = await hub.session_of(garden, None).history()
    assert [(one.content, one.attachments) for one in history] == [("", ()), ("yes", ())]
    assert [one.metadata for one in history] == [{"forwarded": True}, {"kept": True}]


async def test_a_forward_of_somebody_private_is_stored_without_their_words(
    hub, talk, quoting, ann, lobby
):
    garden = talk.group("garden")
    await hub.record(talk.said(ann, "hello"))
    await hub.set_private(ann, True)
    secret = talk.said(lobby, "a fish", author=ann)
    await hub.record(secret)
    forward = quoting(secret, "a fish", where=garden, metadata={"forwarded": True})
    recorded = await hub.record(replace(forward, text="a fish"))
    assert (recorded.message.content, recorded.message.metadata) == ("", {"forwarded": True})


@pytest.mark.parametrize(
    "quote", ["just text", None, 5, [], {}, {"text": 5, "message_id": 7}, {"message_id": "a\0b"}]
)
async def test_a_quote_of_another_form_is_metadata_like_any_other(hub, talk, bob, lobby, quote):
    event = talk.said(lobby, "hm", author=bob, metadata={"quote": quote})
    await hub.record(event)
    assert (await hub.find_message(lobby, event.message_id)).metadata == {"quote": quote}
