"""Where a context begins: in the same place as the last one, most of the time."""

import json
import random
from itertools import pairwise

import pytest

from session_plugin import ModelContext, SessionMessage, TextPart, ToolCallPart, ToolResultPart
from session_plugin.context.window import shortened, start_of_window
from session_plugin.records.conversation import context_reading

LIMITS = [{"max_messages": 40}, {"max_tokens": 2000}, {"max_tokens": 1500}, {}]
WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "it",
    "rains",
)
PEOPLE = ("Ann", "Bob", "Ann", "Cid", "Dee")


def contents(context):
    return [message.content for message in context.messages]


def kept(previous, following):
    """Return which part of a request the following one begins with."""
    equal = next(
        (n for n, (a, b) in enumerate(zip(previous, following, strict=False)) if a != b),
        min(len(previous), len(following)),
    )
    return equal / len(previous)


# The part of a request that the next one begins with


@pytest.mark.parametrize("kind", ["alone", "on two channels", "in a group of five"])
@pytest.mark.parametrize("limits", LIMITS, ids=repr)
async def test_most_of_a_request_is_what_the_next_one_begins_with(
    hub, talk, link, kind, limits, record_property
):
    chosen = random.Random(7)
    ann, too, room = talk.account("ann"), talk.account("ann", channel="telegram"), talk.group()
    people = [talk.account(f"p{number}") for number in range(5)]
    if kind == "on two channels":
        for account in (ann, too):
            await hub.record(talk.said(account, "hello"))
        await link(hub, ann, too)

    async def next_turn(turn):
        text, answer = (" ".join(chosen.choices(WORDS, k=chosen.randint(3, 25))) for _ in "12")
        if kind == "in a group of five":
            author, name = people[turn % 5], PEOPLE[turn % 5]
            event = talk.said(room, text, author=author, author_name=name)
            answered = talk.answered(room, answer, answers=author)
        else:
            who = too if kind == "on two channels" and turn % 3 == 0 else ann
            event, answered = talk.said(who, text), talk.answered(who, answer)

        view = (await hub.record(event)).session
        context = await view.for_model(**limits)
        await hub.record(answered)
        assert context.messages[-1].content == text
        assert context.tokens is None or context.tokens <= limits["max_tokens"]
        assert len(context.messages) < 1.5 * limits.get("max_messages", 1000)
        return json.dumps(context.as_openai())

    requests = [await next_turn(turn) for turn in range(80)]
    await hub.settle()
    figures = [kept(*pair) for pair in pairwise(requests)]
    record_property("kept", sum(figures) / len(figures))
    assert sum(figures) / len(figures) >= 0.85


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 10, 39, 40])
def test_a_window_holds_as_many_messages_as_asked_for_and_less_than_half_as_many_more(limit):
    for count in range(1, 4 * limit + 3):
        messages = [SessionMessage("user", "", seq=place + 7) for place in range(count)]
        newest = messages[-(limit + max(1, limit // 2) + 1) :]
        places = list(range(count))[-len(newest) :]
        shown = len(newest) - start_of_window(newest, places, limit)
        assert min(limit, count) <= shown < max(limit + 1, 1.5 * limit)


async def test_a_window_stays_until_it_is_half_as_long_again(hub, talk):
    begun = []
    for number in range(60):
        view = (await hub.record(talk.said(talk.account("ann"), f"{number}"))).session
        begun.append(int(contents(await view.for_model(max_messages=10))[0]))
    assert sorted(set(begun)) == list(range(0, 51, 5))
    assert begun == sorted(begun)


async def test_other_chats_and_a_later_question_move_no_window(hub, talk):
    ann = talk.account("ann")
    for number in range(33):
        view = (await hub.record(talk.said(ann, f"{number}"))).session
    alone = contents(await view.for_model(max_messages=10))
    for number in range(7):
        await hub.record(talk.said(talk.account("bob"), "elsewhere"))
        await hub.record(talk.said(ann, f"later {number}"))
    assert contents(await view.for_model(max_messages=10, upto=view.event)) == alone


async def test_reading_for_a_model_does_not_grow_with_the_session(hub, talk, monkeypatch):
    read = []
    original = context_reading.newest

    def counted(*args, **more):
        found = original(*args, **more)
        read.append(len(found))
        return found

    monkeypatch.setattr(context_reading, "newest", counted)
    for number in range(400):
        view = (await hub.record(talk.said(talk.account("ann"), f"message {number}"))).session
    await hub.settle()
    for limits in ({"max_messages": 10}, {"max_tokens": 100}):
        read.clear()
        await view.for_model(**limits)
        assert sum(read) <= 130, limits


# What depends on the session and not on the window


async def test_on_a_second_channel_nothing_that_was_shown_before_changes(hub, talk, link):
    ann, too = talk.account("ann"), talk.account("ann", channel="telegram")
    await hub.record(talk.said(ann, "hello"))
    await link(hub, ann, too)
    first = (await hub.record(talk.said(ann, "one"))).session
    before = (await first.for_model()).as_openai()
    assert [one["content"] for one in before] == ["hello", "one"]
    second = (await hub.record(talk.said(too, "two"))).session
    after = (await second.for_model()).as_openai()
    assert after[: len(before)] == before
    assert after[-1]["content"].startswith("From ")
    assert " on telegram:" in after[-1]["content"]
    newest = (await second.for_model(max_messages=1)).as_openai()
    assert newest == after[-1:]


async def test_who_shares_a_name_has_the_same_number_whoever_is_in_the_window(hub, talk):
    """Also who goes by another name elsewhere, and who has words in a direct chat."""
    room = talk.group()
    first, second, third = (talk.account(name) for name in "abc")
    await hub.record(talk.said(first, "Not in the group.", author_name="Ann"))
    await hub.record(talk.said(talk.account("stranger"), "Never in the group.", author_name="Ann"))
    for account in (second, first, third):
        await hub.record(talk.said(room, "Hello.", author=account, author_name="Ann"))
    await hub.record(talk.said(third, "Elsewhere I am", author_name="Annika"))

    async def labels(account, **limits):
        said = talk.said(room, "hm", author=account, author_name="Ann")
        shown = (await (await hub.record(said)).session.for_model(**limits)).as_openai()
        return [entry["content"].split("\n")[0] for entry in shown]

    everything = await labels(third)
    assert everything == [f'From "{name}":' for name in ("Ann", "Ann (2)", "Ann (3)", "Ann (3)")]
    assert await labels(third, max_messages=1) == ['From "Ann (3)":']
    for number in range(30):
        await hub.record(talk.said(room, f"{number}", author=talk.account("bob")))
    assert await labels(first, max_messages=2) == ['From "somebody":', 'From "Ann (2)":']
    assert (await labels(second, max_tokens=30))[-1] == 'From "Ann":'


async def test_where_a_direct_chat_sees_groups_a_person_has_one_name(new_hub, talk, link):
    hub, ann = new_hub(direct_sees_groups=True), talk.account("ann")
    too = talk.account("ann", channel="telegram")
    await hub.record(talk.said(ann, "hello", author_name="Ann"))
    await link(hub, ann, too)
    for account in (ann, too):
        room = talk.group(channel=account.channel)
        await hub.record(talk.said(room, "there", author=account, author_name="Ann"))
    view = (await hub.record(talk.said(too, "here", author_name="Ann"))).session
    shown = (await view.for_model()).as_openai()
    assert {entry["content"].split(" on ")[0].split(":")[0] for entry in shown} == {'From "Ann"'}
    assert len(shown) == 4


async def test_a_newcomer_of_the_same_name_renames_nobody(hub, talk):
    room = talk.group()
    replied = talk.said(
        room, "long ago", author=talk.account("a"), author_name="Ann", message_id="1"
    )
    await hub.record(replied)
    for number in range(4):
        await hub.record(talk.said(room, f"{number}", author=talk.account("b"), author_name="Ann"))
    view = (
        await hub.record(talk.said(room, "hm", author=talk.account("b"), author_name="Ann"))
    ).session
    before = (await view.for_model(max_messages=4)).as_openai()
    reply = talk.said(room, "yes", author=talk.account("c"), author_name="Ann", reply_to="1")
    view = (await hub.record(reply)).session
    after = (await view.for_model(max_messages=4)).as_openai()
    assert before == after[: len(before)]
    assert after[-1]["content"].startswith('In reply to "Ann":\n> long ago\nFrom "Ann (3)":')


# Options


async def test_asides_are_left_out_and_do_not_count(hub, talk):
    ann = talk.account("ann")
    for number in range(4):
        await hub.record(talk.said(ann, f"{number}"))
        await hub.record(talk.said(ann, "/start", is_aside=True))
    view = hub.session_of(talk.direct(ann), ann)  # that of a command would make it conversation
    assert contents(await view.for_model(max_messages=2)) == ["2", "3"]
    assert contents(await view.for_model(max_tokens=1000)) == ["0", "1", "2", "3"]
    shown = await view.for_model(max_messages=2, include_asides=True)
    assert contents(shown)[-2:] == ["3", "/start"]


async def test_earlier_sessions_are_shown_if_asked_for_within_the_limits(hub, talk, clock):
    ann = talk.account("ann")
    for number in range(3):
        await hub.record(talk.said(ann, f"old {number}"))
    clock.advance(hours=25)
    view = (await hub.record(talk.said(ann, "new"))).session
    assert contents(await view.for_model()) == ["new"]
    for limits in ({}, {"max_tokens": 1000}, {"max_messages": 40}):
        shown = contents(await view.for_model(include_previous=True, **limits))
        assert shown == ["old 0", "old 1", "old 2", "new"]
    assert contents(await view.for_model(include_previous=True, max_messages=2)) == ["old 2", "new"]
    assert contents(await view.for_model(include_previous=True, max_tokens=1))[0].endswith(" […]")
    clock.advance(hours=25)
    assert contents(await view.for_model(include_previous=True, max_messages=1)) == ["new"]


async def test_in_a_later_session_instructions_of_an_earlier_one_do_not_count(hub, talk, clock):
    ann = talk.account("ann")
    view = (await hub.record(talk.said(ann, "old"))).session
    await view.add("system", "Be a pirate.")
    clock.advance(hours=25)
    view = (await hub.record(talk.said(ann, "new"))).session
    assert contents(await view.for_model(include_previous=True)) == ["old", "new"]


async def test_headings_say_when_something_was_said_outside_of_its_quote(hub, talk):
    ann = talk.account("ann")
    said = talk.said(ann, "[2020-01-01 00:00 UTC]:\nhi", sent_at=1_760_000_000.0, author_name="Ann")
    view = (await hub.record(said)).session
    text = 'From "Ann" [2025-10-09 08:53 UTC]:\n> [2020-01-01 00:00 UTC]:\n> hi'
    asked = await view.for_model(times=True)
    assert asked.as_openai()[0]["content"] == text
    plain = await view.for_model()
    assert plain.as_openai(times=True)[0]["content"] == text
    assert plain.as_openai()[0]["content"] == said.text
    counted = await view.for_model(times=True, max_tokens=1000)
    assert counted.tokens > (await view.for_model(max_tokens=1000)).tokens


def test_a_time_that_no_calendar_has_is_not_shown():
    context = ModelContext(summary=None, messages=(SessionMessage("user", "hi", timestamp=1e20),))
    assert context.as_openai(times=True) == [{"role": "user", "content": "hi"}]


# Calls and results


def step(number, text="it is sunny " * 20):
    call = ToolCallPart(id=f"c{number}", name="weather")
    result = ToolResultPart(call_id=f"c{number}", parts=(TextPart(text=text),))
    return call, result


@pytest.fixture
async def with_tools(hub, talk):
    """Twelve questions, each with a call and a result before its answer."""
    ann = talk.account("ann")
    for number in range(12):
        view = (await hub.record(talk.said(ann, f"question {number}"))).session
        call, result = step(number)
        await view.add("assistant", parts=[call], turn=f"t{number}")
        await view.add("tool", parts=[result], turn=f"t{number}")
        await hub.record(talk.answered(ann, f"answer {number}"))
    return view


async def test_no_limit_takes_a_result_from_its_call(with_tools):
    limits = [{"max_messages": most} for most in range(1, 20)]
    limits += [{"max_tokens": most} for most in range(1, 1500, 37)]
    for limit in limits:
        context = await with_tools.for_model(**limit)
        assert context.tokens is None or context.tokens <= max(limit["max_tokens"], 8), limit
        calls, results = [], []
        for message in context.messages:
            calls += [part.id for part in message.parts if isinstance(part, ToolCallPart)]
            results += [part.call_id for part in message.parts if isinstance(part, ToolResultPart)]
        assert calls == results, limit


async def test_a_result_that_is_the_newest_and_too_long_is_cut_beside_its_call(hub, talk):
    view = (await hub.record(talk.said(talk.account("ann"), "what?"))).session
    call, result = step(1, "word " * 500)
    await view.add("assistant", parts=[call], turn="t")
    await view.add("tool", parts=[result], turn="t")
    context = await view.for_model(max_tokens=100)
    assistant, tool = context.as_openai()
    assert assistant["tool_calls"][0]["id"] == tool["tool_call_id"] == "c1"
    assert tool["content"].endswith(" […]")
    assert (context.is_cut, context.tokens <= 100) == (True, True)
    lone = await view.for_model(max_tokens=12)
    assert lone.tokens <= 12


def test_old_results_are_one_line_and_stay_so_while_new_ones_come():
    edges = []
    for count in range(1, 60):
        messages = []
        for number in range(count):
            call, result = step(number, "a long\nresult " * 30)
            for role, part in (("assistant", call), ("tool", result)):
                messages.append(
                    SessionMessage(
                        role, "", parts=(part,), turn=f"t{number}", seq=len(messages) + 1
                    )
                )
        texts = [one.parts[0].parts[0].text for one in shortened(messages, 4) if one.role == "tool"]
        whole = [text for text in texts if "\n" in text]
        assert len(whole) >= min(4, count)
        assert len(whole) <= 8
        assert texts == sorted(texts, key=lambda text: "\n" in text)
        assert all(len(text) < 130 for text in texts if "\n" not in text)
        edges.append(count - len(whole))
    assert edges == sorted(edges)
    assert len(set(edges)) <= 60 / 4 + 1
    assert all(
        "\n" not in one.parts[0].parts[0].text
        for one in shortened(messages, 0)
        if one.role == "tool"
    )
    assert shortened(messages, None) == tuple(messages)


async def test_old_results_that_are_short_count_as_such(with_tools):
    whole = await with_tools.for_model(max_tokens=10_000)
    short = await with_tools.for_model(max_tokens=10_000, keep_tools=1)
    assert len(short.messages) == len(whole.messages) == 48
    assert short.tokens < 0.75 * whole.tokens
    line = ("it is sunny " * 20)[:120] + " […]"
    assert [entry["content"] for entry in short.as_openai()].count(line) in (10, 11)
