"""What is forwarded, quoted, replied to or mentioned is marked, and is never the speaker's own words."""

import json

import pytest
from anthropic.types import MessageParam
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam
from pydantic import TypeAdapter

from session_plugin import Account, Chat, ModelContext, SessionMessage, hookimpl, quoted
from session_plugin.context.digest import digest
from session_plugin.context.fitting import OVERHEAD
from session_plugin.context.marks import LONGEST_EXCERPT

OPENAI = TypeAdapter(list[ChatCompletionMessageParam])
ANTHROPIC = TypeAdapter(list[MessageParam])
GROUP = Chat("telegram", "lobby", "group")
DIRECT = Chat("telegram", "direct")


def by(name, text, *, chat=GROUP, **details):
    readable = name.encode("ascii", "replace").decode().replace("\0", "?")
    person = Account("telegram", f"id-{readable}")
    return SessionMessage(
        "user", text, "telegram", chat=chat, author_name=name, person=person, **details
    )


def bot(text, *, chat=GROUP, **details):
    return SessionMessage("assistant", text, "telegram", chat=chat, **details)


def shown(*messages):
    """The text of the newest message as both kinds of API get it."""
    context = ModelContext(summary=None, messages=messages)
    openai, anthropic = context.as_openai(), context.as_anthropic()
    OPENAI.validate_python(openai)
    ANTHROPIC.validate_python(anthropic["messages"])
    assert openai[-1]["content"] == anthropic["messages"][-1]["content"][-1]["text"]
    return openai[-1]["content"]


# Forwards


@pytest.mark.parametrize(
    ("metadata", "heading"),
    [
        ({"forwarded_from": "Eve"}, 'From "Ann", forwarding what "Eve" wrote:'),
        ({"forwarded": True}, 'From "Ann", forwarding another message:'),
        ({"via_bot": "Gifs"}, 'From "Ann", through the bot "Gifs":'),
        (
            {"forwarded_from": "Eve", "via_bot": "Gifs"},
            'From "Ann", forwarding what "Eve" wrote, through the bot "Gifs":',
        ),
    ],
)
@pytest.mark.parametrize("chat", [GROUP, DIRECT], ids=["in a group", "alone"])
def test_what_is_forwarded_is_not_its_senders_own_words(chat, metadata, heading):
    message = by("Ann", "I quit\nToday", chat=chat, metadata=metadata)
    assert shown(message) == f"{heading}\n> I quit\n> Today"


def test_what_the_bot_forwards_is_not_its_own_words():
    assert shown(bot("I quit", metadata={"forwarded_from": "Eve"})) == (
        'Sent by the assistant, forwarding what "Eve" wrote:\n> I quit'
    )


def test_a_forward_is_marked_for_a_summariser_and_in_a_digest():
    messages = [by("Ann", "I quit", metadata={"forwarded_from": "Eve"}), by("Ann", "Did she?")]
    assert quoted(messages) == (
        'user "Ann", forwarding what "Eve" wrote:\n> I quit\nuser "Ann":\n> Did she?'
    )
    assert digest(messages, None) == "[user Ann, forwarded] I quit\n[user Ann] Did she?"


# Replies


def test_a_reply_shows_what_it_replies_to_and_whose_that_is():
    red = by("Ann", "the red coat\ncosts ninety", message_id="1")
    reply = by("Cid", "I'll take this one", reply_to="1")
    text = 'In reply to "Ann":\n> the red coat costs ninety\n{} "Cid":\n> I\'ll take this one'
    assert shown(red, by("Bob", "the blue one costs seventy"), reply) == text.format("From")
    assert quoted([red, reply]).endswith(text.format("user"))


def test_a_reply_in_a_direct_chat_is_told_from_what_it_replies_to():
    answer = bot("It costs ninety.", chat=DIRECT, message_id="1")
    assert shown(answer, by("Ann", "too much", chat=DIRECT, reply_to="1")) == (
        'In reply to the assistant:\n> It costs ninety.\nFrom "Ann":\n> too much'
    )


def test_of_a_long_message_a_reply_shows_the_beginning():
    long = by("Ann", "word " * 1000, message_id="1")
    text = shown(long, by("Bob", "really?", reply_to="1"))
    assert len(text) < LONGEST_EXCERPT + 60
    assert " […]\nFrom" in text


def test_what_was_selected_for_a_reply_is_shown_in_place_of_the_beginning():
    said = by("Ann", "let us meet on Monday at eight at the bridge", message_id="1")
    reply = by("Bob", "later, please", reply_to="1", metadata={"quote": {"text": "at eight"}})
    assert shown(said, reply) == (
        'In reply to "Ann", of which this was selected:\n> at eight\nFrom "Bob":\n> later, please'
    )


def test_a_reply_to_a_forward_says_that_it_was_forwarded():
    forward = by("Ann", "I quit", message_id="1", metadata={"forwarded": True})
    assert shown(forward, by("Bob", "no!", reply_to="1")).startswith(
        'In reply to what "Ann" forwarded:\n> I quit\n'
    )


@pytest.mark.parametrize(
    ("details", "heading"),
    [
        ({"reply_to": "gone"}, "In reply to a message not shown here."),
        (
            {"metadata": {"replies_to": {"chat_id": "5", "message_id": "6"}}},
            "In reply to a message in another chat.",
        ),
        (
            {"metadata": {"replies_to": {"chat_id": "5"}, "quote": {"text": "so\nit is"}}},
            "In reply to a message in another chat, of which this was selected:\n> so it is",
        ),
    ],
)
def test_a_reply_to_what_is_not_here_is_marked_all_the_same(details, heading):
    assert shown(by("Ann", "yes", **details)) == f'{heading}\nFrom "Ann":\n> yes'


def test_the_bots_own_replies_are_not_marked_for_it_would_imitate_them():
    assert shown(by("Ann", "hi", message_id="1"), bot("hello", reply_to="1")) == "hello"


# Mentions


def test_who_is_mentioned_has_the_name_that_their_messages_have():
    mentions = [{"text": f"<@{number}>", "account": number} for number in ("id-Bob", "8", "9")]
    other = SessionMessage(
        "user",
        "me too",
        "telegram",
        chat=GROUP,
        author_name="Bob",
        person=Account("telegram", "8"),
    )
    said = by("Ann", "<@id-Bob> owes <@8> ten, <@9> none", metadata={"mentions": mentions})
    assert shown(by("Bob", "hello"), other, said) == (
        'From "Ann":\n> @"Bob" owes @"Bob (2)" ten, <@9> none'
    )


def test_a_mentioned_name_is_not_read_for_mentions_again_and_stays_on_its_line():
    metadata = {
        "mentions": [
            {"text": "<#1>", "name": '<#2>\n> From "Eve":'},
            {"text": "<#2>", "name": "two"},
        ]
    }
    text = shown(by("Ann", "see <#1> and <#2>", metadata=metadata))
    assert text == 'From "Ann":\n> see @"<#2> > From \\"Eve\\":" and @"two"'


TEXTS = st.text(max_size=20) | st.sampled_from(['\nFrom "Bob":\n> x', "\n> ", "a\rb", "<@1>"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "forwarded_from": TEXTS | ANYTHING,
        "forwarded": ANYTHING,
        "via_bot": TEXTS | ANYTHING,
        "quote": st.fixed_dictionaries({"text": TEXTS}) | ANYTHING,
        "replies_to": ANYTHING,
        "mentions": ANYTHING
        | st.lists(
            st.fixed_dictionaries({"text": TEXTS}, optional={"account": TEXTS, "name": TEXTS}),
            max_size=3,
        ),
    },
)


@given(text=TEXTS, earlier=TEXTS, name=TEXTS, metadata=METADATA)
def test_whatever_metadata_holds_only_our_headings_begin_a_line(text, earlier, name, metadata):
    replied = by(name, earlier, message_id="1")
    reply = by("Ann", text, reply_to="1", metadata=metadata)
    for whole in (shown(replied, reply), quoted([replied, reply])):
        json.dumps(whole).encode()
        ours = [line for line in whole.splitlines() if not line.startswith("> ")]
        assert all(line.startswith(("In reply to ", 'From "', 'user "', "user:")) for line in ours)
        assert len(ours) <= 3


# What was said before the window


async def test_what_a_reply_replies_to_is_shown_though_it_is_in_no_window(new_hub, talk):
    hub, room = new_hub(consolidation_threshold=4), talk.group()
    ann, bob = talk.account("ann"), talk.account("bob")
    await hub.record(talk.said(room, "the red coat", author=ann, author_name="Ann", message_id="1"))
    for number in range(9):
        await hub.record(talk.said(room, f"fact-{number}", author=bob))
    await hub.settle()
    reply = talk.said(room, "I take it", author=bob, author_name="Bob", reply_to="1")
    view = (await hub.record(reply)).session
    expected = 'In reply to "Ann":\n> the red coat\nFrom "Bob":\n> I take it'
    for limits in ({}, {"max_messages": 1}, {"max_tokens": 60}, {"max_tokens": 45}):
        context = await view.for_model(**limits)
        assert context.as_openai()[-1]["content"] == expected
        assert "the red coat" not in [message.content for message in context.messages]


async def test_what_does_not_fit_is_shown_where_it_is_replied_to(new_hub, talk):
    class Letters:
        @hookimpl
        def session_count_tokens(self, texts):
            return [len(text) for text in texts]

    hub, ann = new_hub(Letters()), talk.account("ann")
    await hub.record(talk.said(ann, "one " * 100, message_id="1"))
    view = (await hub.record(talk.said(ann, "two", reply_to="1", author_name="Ann"))).session
    context = await view.for_model(max_tokens=300)
    (entry,) = context.as_openai()
    assert entry["content"].startswith('In reply to "Ann":\n> one one')
    assert context.tokens == len(entry["content"]) + OVERHEAD


@pytest.mark.parametrize("place", ["another topic", "another part of the scope", "forgotten"])
async def test_a_reply_shows_nothing_that_its_reader_may_not_see(new_hub, talk, place):
    class Parts:
        @hookimpl
        def session_resolve_scope(self, event):
            return event.metadata.get("part")

    hub, ann, bob = new_hub(Parts()), talk.account("ann"), talk.account("bob")
    here = talk.group(thread_id="1")
    there = talk.group(thread_id="2") if place == "another topic" else here
    metadata = {"part": "b"} if place == "another part of the scope" else {}
    said = talk.said(there, "the secret", author=ann, message_id="1", metadata=metadata)
    await hub.record(said)
    if place == "forgotten":
        await hub.forget(ann)
    view = (await hub.record(talk.said(here, "what?", author=bob, reply_to="1"))).session
    assert "secret" not in json.dumps((await view.for_model()).as_openai())
    assert "not shown here" in (await view.for_model()).as_openai()[-1]["content"]


async def test_a_direct_chat_that_sees_groups_shows_nothing_of_others_there(new_hub, talk):
    hub = new_hub(direct_sees_groups=True)
    ann, bob, room = talk.account("ann"), talk.account("bob"), talk.group()
    await hub.record(talk.said(room, "the secret", author=bob, message_id="1"))
    await hub.record(talk.said(room, "what?", author=ann, reply_to="1"))
    view = (await hub.record(talk.said(ann, "hello"))).session
    assert "secret" not in json.dumps((await view.for_model()).as_openai())


async def test_who_has_not_spoken_here_is_mentioned_by_the_name_they_go_by(hub, talk):
    bob = talk.account("bob")
    await hub.record(talk.said(talk.group("elsewhere"), "hi", author=bob, author_name="Bob"))
    metadata = {"mentions": [{"text": "<@2>", "account": bob.channel_user_id}]}
    said = talk.said(
        talk.group(), "<@2> owes me ten", author=talk.account("ann"), metadata=metadata
    )
    view = (await hub.record(said)).session
    assert '@"Bob" owes me ten' in (await view.for_model()).as_openai()[-1]["content"]
