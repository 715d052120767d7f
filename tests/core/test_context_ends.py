"""Where a context ends, and what stays in it: the message that is answered is the newest, and what
the bot's author said as system is first.
"""

import pytest

from session_plugin import hookimpl
from session_plugin.context.fitting import OVERHEAD

PIRATE = "You are a pirate. Never leave that role."


def contents(context):
    return [message.content for message in context.messages]


class Letters:
    """A tokenizer of one token a character."""

    @hookimpl
    def session_count_tokens(self, texts):
        return [len(text) for text in texts]


@pytest.fixture
def fill(talk):
    async def filled(hub, *texts, role="user"):
        for text in texts:
            event = talk.said if role == "user" else talk.answered
            recorded = await hub.record(event(talk.account("ann"), text))
        await hub.settle()
        return recorded

    return filled


# The message that is answered


async def test_a_context_ends_with_the_message_that_is_answered(hub, fill):
    question = (await fill(hub, "before", "What is the capital?")).session
    await fill(hub, "Thinking ...", role="assistant")
    await fill(hub, "And of France?")
    context = await question.for_model(upto=question.event)
    assert contents(context) == ["before", "What is the capital?"]
    assert contents(await question.for_model(upto=question.event, max_messages=1)) == [
        "What is the capital?"
    ]
    assert contents(await question.for_model(before=question.event)) == ["before"]
    budget = 20 + OVERHEAD
    assert contents(await question.for_model(upto=question.event, max_tokens=budget))[-1] == (
        "What is the capital?"
    )


async def test_a_context_may_end_with_any_message_of_its_session(hub, talk, fill):
    view = (await fill(hub, "one", "two")).session
    result = await view.add("tool", "sunny")
    await fill(hub, "three")
    assert contents(await view.for_model(upto=result)) == ["one", "two", "sunny"]
    first = (await view.history(limit=None))[0]
    assert contents(await view.for_model(upto=first)) == ["one"]
    elsewhere = talk.said(talk.account("ann"), "never stored")
    assert contents(await view.for_model(upto=elsewhere)) == ["one", "two", "sunny", "three"]


async def test_a_context_ends_where_it_should_though_the_message_was_deleted_meanwhile(hub, fill):
    view = (await fill(hub, "one", "two")).session
    await fill(hub, "three")
    await hub.delete(view.chat, [view.event.message_id])
    assert contents(await view.for_model(upto=view.event)) == ["one"]


async def test_a_summary_made_while_a_message_was_answered_does_not_tell_what_came_later(
    new_hub, fill
):
    hub = new_hub(consolidation_threshold=4)
    view = (await fill(hub, *(f"fact-{number}" for number in range(6)))).session
    await fill(hub, *(f"later-{number}" for number in range(9)))
    assert "later-0" in (await view.for_model()).summary.text

    context = await view.for_model(upto=view.event)
    assert context.messages[-1].content == "fact-5"
    told = context.summary.text.replace("[user] ", "").splitlines() + contents(context)
    assert told == [f"fact-{number}" for number in range(6)]


async def test_before_the_first_summary_the_messages_themselves_are_shown(new_hub, fill):
    hub = new_hub(consolidation_threshold=4)
    view = (await fill(hub, "one", "two")).session
    await fill(hub, *(f"later-{number}" for number in range(9)))
    context = await view.for_model(upto=view.event)
    assert (context.summary, contents(context)) == (None, ["one", "two"])


async def test_on_two_channels_a_second_question_on_the_other_is_left_out(hub, talk, link):
    ann, too = talk.account("ann"), talk.account("ann", channel="telegram")
    await hub.record(talk.said(ann, "one"))
    await hub.record(talk.said(too, "two"))
    await link(hub, ann, too)
    view = (await hub.record(talk.said(ann, "three"))).session
    await hub.record(talk.said(too, "four"))
    assert contents(await view.for_model(upto=view.event)) == ["one", "two", "three"]


async def test_where_a_context_ends_is_said_once_and_by_a_message(hub, fill):
    view = (await fill(hub, "one")).session
    with pytest.raises(ValueError, match="before or upto, not both"):
        await view.for_model(before=view.event, upto=view.event)
    with pytest.raises(TypeError, match="upto is a message"):
        await view.for_model(upto="m1")


# What the author said as system


async def test_instructions_outlive_every_summary_and_come_first(new_hub, fill):
    hub = new_hub(consolidation_threshold=4)
    view = (await fill(hub, "hello")).session
    await view.add("system", PIRATE)
    await view.add("developer", "Answer briefly.")
    await fill(hub, *(f"fact-{number}" for number in range(20)))

    context = await view.for_model()
    assert "pirate" not in context.summary.text
    assert "briefly" not in context.summary.text
    assert [(one["role"], one["content"]) for one in context.as_openai()[:2]] == [
        ("system", PIRATE),
        ("developer", "Answer briefly."),
    ]
    assert [block["text"] for block in context.as_anthropic()["system"]] == [
        PIRATE,
        "Answer briefly.",
    ]
    assert contents(context)[:2] == [PIRATE, "Answer briefly."]


async def test_instructions_given_in_the_middle_or_after_the_question_are_first_too(hub, fill):
    view = (await fill(hub, "one")).session
    await view.add("system", PIRATE)
    await fill(hub, "two")
    assert contents(await view.for_model(upto=view.event)) == [PIRATE, "one"]
    assert [entry["role"] for entry in (await view.for_model()).as_openai()] == [
        "system",
        "user",
        "user",
    ]


async def test_no_limit_pushes_instructions_out(new_hub, fill):
    view = (await fill(new_hub(Letters()), "a" * 50, "b" * 50)).session
    await view.add("system", PIRATE)
    assert contents(await view.for_model(max_messages=0)) == [PIRATE]
    assert contents(await view.for_model(max_messages=1)) == [PIRATE, "b" * 50]

    both = len(PIRATE) + 50 + 2 * OVERHEAD
    context = await view.for_model(max_tokens=both)
    assert (contents(context), context.tokens) == ([PIRATE, "b" * 50], both)
    context = await view.for_model(max_tokens=both - 1)
    assert (contents(context)[0], context.is_cut) == (PIRATE, True)
    assert context.tokens <= both - 1
    assert contents(await view.for_model(max_tokens=1)) == [PIRATE, " […]"]


async def test_an_instruction_that_is_given_again_and_again_is_shown_once(hub, fill):
    for number in range(3):
        view = (await fill(hub, f"fact-{number}")).session
        await view.add("system", PIRATE)
    assert contents(await view.for_model()) == [PIRATE, "fact-0", "fact-1", "fact-2"]


@pytest.mark.parametrize("threshold", [4, 10])
async def test_many_instructions_and_few_words_are_not_summed_up_for_ever(new_hub, fill, threshold):
    asked = []

    def summarize(messages, previous):
        asked.append([message.role for message in messages])
        return "in short"

    hub = new_hub(summarize=summarize, consolidation_threshold=threshold)
    view = (await fill(hub, "hello")).session
    for number in range(2 * threshold):
        await view.add("system", f"rule {number}")
    await hub.settle()
    context = await view.for_model()
    assert (asked, context.summary) == ([], None)
    assert len(context.messages) == 2 * threshold + 1


async def test_a_summary_that_has_lost_its_messages_goes_though_an_instruction_stands_there(
    new_hub, fill
):
    hub = new_hub(consolidation_threshold=4)
    view = (await fill(hub, "fact-0")).session
    await view.add("system", PIRATE)
    await fill(hub, *(f"fact-{number}" for number in range(1, 6)))
    assert (await view.for_model()).summary is not None

    gone = [message for message in await view.history(limit=None) if message.role == "user"][:3]
    await hub.delete(view.chat, [message.message_id for message in gone])
    await hub.settle()
    context = await view.for_model()
    assert context.summary is None
    assert contents(context) == [PIRATE, "fact-3", "fact-4", "fact-5"]


async def test_instructions_do_not_weigh_where_tokens_limit_a_session(new_hub, fill):
    hub = new_hub(Letters(), consolidation_tokens=100)
    view = (await fill(hub, "hello")).session
    await view.add("system", "x" * 150)
    await fill(hub, "a" * 40, "b" * 40)
    assert (await view.for_model()).summary is None
    await fill(hub, "c" * 40)
    assert (await view.for_model()).summary is not None


async def test_a_direct_chat_that_sees_groups_does_not_see_their_instructions(new_hub, talk):
    hub, ann = new_hub(direct_sees_groups=True), talk.account("ann")
    room = (await hub.record(talk.said(talk.group(), "in the room", author=ann))).session
    await room.add("system", PIRATE)
    view = (await hub.record(talk.said(ann, "alone"))).session
    assert contents(await view.for_model()) == ["in the room", "alone"]
    assert contents(await room.for_model()) == [PIRATE, "in the room"]


async def test_a_store_keeps_what_its_caller_said_as_system(new_hub):
    store = new_hub(consolidation_threshold=4).store()
    session = store.get_or_create("ann")
    store.save_message(session.session_id, "system", PIRATE)
    for number in range(12):
        store.save_message(session.session_id, "user", f"fact-{number}")

    summary, *messages = store.get_or_create("ann").messages
    assert "fact-0" in summary.content
    assert "pirate" not in summary.content
    assert (messages[0].role, messages[0].content) == ("system", PIRATE)
    assert [message.content for message in messages].count(PIRATE) == 1
