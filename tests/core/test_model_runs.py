"""A model's run in a session: calls and results at once, final words once they are sent."""

import asyncio
import signal
from dataclasses import replace

import pytest

from session_plugin import (
    Account,
    Attachment,
    Chat,
    SessionHub,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    hookimpl,
)
from session_plugin.rules.consolidation import between_turns
from session_plugin.rules.final_words import HELD_SECONDS, essence

CALL = {
    "type": "function_call",
    "call_id": "c1",
    "name": "weather",
    "arguments": '{"city": "Oslo"}',
}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}


RUNS = """
    import asyncio, sys
    from session_plugin import Account, Chat, MessageEvent, SessionHub

    def said(chat, number, role, text, **who):
        return MessageEvent(chat=chat, message_id=f"{role}-{number}", role=role, text=text, sent_at=0.0, **who)

    async def run(hub, writer):
        chat, ann = Chat("telegram", str(writer)), Account("telegram", str(writer))
        for number in range(1_000_000):
            turn = f"{writer}.{number}"
            session = (await hub.record(said(chat, number, "user", "Rain?", author=ann))).session
            call = {"type": "function_call", "call_id": turn, "name": "weather", "arguments": "{}"}
            result = {"type": "function_call_output", "call_id": turn, "output": "sunny"}
            for step in (call, result):
                await session.add_turn([step], turn=turn)
                print(turn, step["type"], flush=True)
            words = {"role": "assistant", "content": f"Sunny {number}."}
            await session.add_turn([words], turn=turn)
            await hub.record(said(chat, number, "assistant", f"Sunny {number}.", answers=ann))
            print(turn, "words", flush=True)

    async def main():
        async with SessionHub(sys.argv[1], load_entry_points=False) as hub:
            await asyncio.gather(*(run(hub, writer) for writer in range(4)))

    asyncio.run(main())
"""


def words(text):
    content = [{"type": "output_text", "text": text}]
    return {"type": "message", "role": "assistant", "content": content}


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
async def view(hub, talk, ann):
    return (await hub.record(talk.said(ann, "Will it rain?"))).session


@pytest.fixture
def shown():
    """Give the history as role, content, kinds of parts, and turn."""

    async def read(view):
        return [
            (one.role, one.content, [type(part).__name__ for part in one.parts], one.turn)
            for one in await view.history(limit=None)
        ]

    return read


async def test_a_run_is_stored_once_with_the_words_that_were_sent(hub, view, talk, ann, shown):
    await view.add_turn([CALL, RESULT], turn="run-1")
    await view.add_turn([words("It is **sunny** in [Oslo](http://x.y).")], turn="run-1")
    await hub.record(talk.answered(ann, "It is sunny in Oslo."))
    assert await shown(view) == [
        ("user", "Will it rain?", [], None),
        ("assistant", "", ["ToolCallPart"], "run-1"),
        ("tool", "", ["ToolResultPart"], "run-1"),
        ("assistant", "It is sunny in Oslo.", [], "run-1"),
    ]


async def test_what_is_stored_is_the_bots_answer_to_the_person(view, ann):
    stored = await view.add_turn([CALL, RESULT, words("Sunny.")])
    assert [(one.role, one.person) for one in stored] == [("assistant", ann), ("tool", ann)]
    assert stored[0].parts == (ToolCallPart(id="c1", name="weather", arguments={"city": "Oslo"}),)
    assert stored[1].parts == (ToolResultPart(call_id="c1", parts=(TextPart(text="sunny"),)),)
    assert stored[0].turn == stored[1].turn is not None


async def test_what_people_and_the_author_say_in_it_is_left_out(view, shown):
    await view.add_turn(
        [
            {"role": "user", "content": "Will it rain?"},
            {"role": "system", "content": "Be brief."},
            CALL,
        ],
        turn="t",
    )
    assert await shown(view) == [
        ("user", "Will it rain?", [], None),
        ("assistant", "", ["ToolCallPart"], "t"),
    ]


async def test_words_that_were_sent_before_are_found(hub, view, talk, ann, shown):
    await hub.record(talk.answered(ann, "One moment."))
    await hub.record(talk.answered(ann, "Sunny."))
    await view.add_turn([words("Sunny.")], turn="t")
    assert [(content, turn) for _, content, _, turn in await shown(view)] == [
        ("Will it rain?", None),
        ("One moment.", None),
        ("Sunny.", "t"),
    ]


async def test_words_that_a_placeholder_is_edited_into_are_found(hub, view, talk, ann, shown):
    placeholder = talk.answered(ann, "thinking ...")
    await hub.record(placeholder)
    await view.add_turn([words("Sunny.")], turn="t")
    await hub.edit(replace(placeholder, text="Sunny.", edited_at=5.0))
    assert (await shown(view))[-1] == ("assistant", "Sunny.", [], "t")


async def test_a_voice_message_never_says_what_an_edit_has_said_already(hub, view, talk, ann):
    placeholder = talk.answered(ann, "thinking ...")
    await hub.record(placeholder)
    await view.add_turn([words("Sunny.")], turn="t")
    await hub.edit(replace(placeholder, text="Sunny.", edited_at=5.0))
    voice = Attachment(id="v", kind="voice")
    await hub.record(talk.answered(ann, "", attachments=(voice,)))
    spoken = (await view.history())[-1]
    assert (spoken.turn, spoken.attachments) == (None, (voice,))


@pytest.mark.parametrize("odd", [{"metadata": {"forwarded": True}}, {"is_aside": True}])
async def test_a_voice_message_of_somebody_else_or_about_an_error_says_no_words_of_a_run(
    hub, view, talk, ann, odd
):
    await view.add_turn([words("Sunny.")], turn="t")
    voice = Attachment(id="v", kind="voice")
    for fields in (odd, {}):
        await hub.record(replace(talk.answered(ann, "", attachments=(voice,)), **fields))
    other, own = (await view.history())[-2:]
    assert (other.turn, other.attachments) == (None, (voice,))
    assert (own.turn, own.attachments[0].transcript) == ("t", "Sunny.")


@pytest.mark.parametrize("transcript", ["", "It is sunny."], ids=["spoken", "transcribed"])
async def test_words_that_are_sent_as_a_voice_message_are_its_transcript(
    hub, view, talk, ann, transcript
):
    voice = Attachment(id="v", kind="voice", transcript=transcript)
    song = Attachment(id="s", kind="audio", filename="sun.mp3")
    await view.add_turn([CALL, RESULT, words("It is **sunny**.")], turn="t")
    await hub.record(talk.answered(ann, "", attachments=(song,)))
    await hub.record(talk.answered(ann, "", attachments=(voice,)))
    await hub.record(talk.answered(ann, "", attachments=(replace(voice, transcript=""),)))
    *_, music, spoken, again = await view.history()
    assert (music.turn, spoken.turn, again.turn) == (None, "t", None)
    assert spoken.attachments[0].transcript == (transcript or "It is **sunny**.")
    prompt = (await view.for_model()).as_openai()
    assert [one["role"] for one in prompt] == ["user", "assistant", "tool"] + ["assistant"] * 3
    assert "sunny" in prompt[4]["content"]


async def test_what_a_filter_leaves_of_words_is_all_that_a_voice_message_says(new_hub, talk, ann):
    class Redact:
        @hookimpl
        def session_filter_message(self, event):
            return replace(event, text=event.text.replace("4000", "[card]"))

    hub = new_hub(Redact())
    view = (await hub.record(talk.said(ann, "My card?"))).session
    await view.add_turn([words("It is 4000.")], turn="t")
    await hub.record(talk.answered(ann, "", attachments=(Attachment(id="v", kind="voice"),)))
    assert (await view.history())[-1].attachments[0].transcript == "It is [card]."


async def test_words_that_were_sent_with_a_transcript_before_are_found(hub, view, talk, ann):
    voice = Attachment(id="v", kind="voice", transcript="Sunny all day.")
    await hub.record(talk.answered(ann, "", attachments=(voice,)))
    await view.add_turn([words("Sunny all day.")], turn="t")
    assert (await view.history())[-1].turn == "t"


async def test_reasoning_before_held_words_stands_before_them_and_never_alone(hub, view, talk, ann):
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"}
    await view.add_turn([thought, CALL, RESULT], turn="t")
    await view.add_turn([{**thought, "id": "rs_2"}, words("Sunny.")], turn="t")

    def items(context):
        return [item.get("type", item.get("role")) for item in context.as_responses()]

    called = ["user", "reasoning", "function_call", "function_call_output"]
    assert items(await view.for_model()) == called
    await hub.record(talk.answered(ann, "One moment."))
    assert items(await view.for_model()) == [*called, "assistant"]
    await hub.record(talk.answered(ann, "Sunny."))
    assert items(await view.for_model()) == [*called, "assistant", "reasoning", "assistant"]
    await hub.delete(talk.direct(ann), [(await view.history())[-1].message_id])
    assert items(await view.for_model()) == [*called, "assistant"]


async def test_a_long_answer_in_pieces_is_one_turn(hub, view, talk, ann, shown):
    pieces = ["# Weather\n\n" + "sun " * 900, "rain " * 900, "*wind* " * 900]
    await hub.record(talk.answered(ann, pieces[0].replace("#", "")))
    await view.add_turn([words("".join(pieces))], turn="t")
    await hub.record(talk.answered(ann, pieces[1]))
    await hub.record(talk.answered(ann, pieces[2].replace("*", "_")))
    await hub.record(talk.answered(ann, "wind"))
    assert [turn for *_, turn in await shown(view)] == [None, "t", "t", "t", None]


async def test_words_that_are_never_sent_are_no_history(hub, view, talk, ann, shown):
    await view.add_turn([words("Sunny.")], turn="t1")
    await view.add_turn([words("Rainy.")], turn="t2")
    await hub.record(talk.answered(ann, "Sunny."))
    await hub.record(talk.answered(ann, "Rainy."))
    assert [(content, turn) for _, content, _, turn in await shown(view)] == [
        ("Will it rain?", None),
        ("Sunny.", None),
        ("Rainy.", "t2"),
    ]


async def test_words_wait_for_ten_minutes(hub, view, talk, ann, shown, clock):
    await view.add_turn([words("Sunny.")], turn="t")
    clock.advance(seconds=HELD_SECONDS + 1)
    await hub.record(talk.answered(ann, "Sunny."))
    assert (await shown(view))[-1] == ("assistant", "Sunny.", [], None)


async def test_words_of_two_people_answered_at_once_in_a_group_do_not_meet(hub, talk):
    ann, bob, lobby = talk.account("ann"), talk.account("bob"), talk.group()
    views = [
        (await hub.record(talk.said(lobby, "Rain?", author=one))).session for one in (ann, bob)
    ]
    await asyncio.gather(
        *(
            view.add_turn([words("Sunny.")], turn=name)
            for view, name in zip(views, "ab", strict=True)
        )
    )
    await hub.record(talk.answered(lobby, "Sunny.", answers=bob))
    await hub.record(talk.answered(lobby, "Sunny.", answers=ann))
    assert [one.turn for one in await views[0].history()] == [None, None, "b", "a"]


async def test_words_in_another_chat_are_not_those(hub, view, talk):
    bob = talk.account("bob")
    other = (await hub.record(talk.said(bob, "hi"))).session
    await view.add_turn([words("Sunny.")], turn="t")
    await hub.record(talk.answered(bob, "Sunny."))
    assert [one.turn for one in await other.history()] == [None, None]


async def test_without_a_platform_words_are_stored_at_once(view, shown):
    await view.add_turn([CALL, RESULT, words("Sunny.")], turn="t", store_words=True)
    await view.add_turn(
        {"role": "assistant", "content": "Look.", "tool_calls": []}, turn="t", store_words=True
    )
    assert (await shown(view))[1:] == [
        ("assistant", "", ["ToolCallPart"], "t"),
        ("tool", "", ["ToolResultPart"], "t"),
        ("assistant", "Sunny.", [], "t"),
        ("assistant", "Look.", [], "t"),
    ]


async def test_words_that_a_filter_changes_are_found_all_the_same(new_hub, talk, shown):
    class Redact:
        @hookimpl
        def session_filter_message(self, event):
            return replace(event, text=event.text.replace("4000", "[card]"))

    hub, ann = new_hub(Redact()), talk.account("ann")
    view = (await hub.record(talk.said(ann, "My card?"))).session
    await hub.record(talk.answered(ann, "It is 4000."))
    await view.add_turn([words("It is 4000.")], turn="t")
    assert (await shown(view))[-1] == ("assistant", "It is [card].", [], "t")


async def test_a_call_without_an_id_has_that_of_its_result(view):
    call = {"function_call": {"name": "weather", "args": {}}}
    other = {"function_call": {"name": "other", "args": {}}}
    result = {"function_response": {"name": "weather", "response": {"result": "sunny"}}}
    stored = await view.add_turn({"role": "model", "parts": [call, other, call]}, turn="t")
    stored += await view.add_turn({"role": "user", "parts": [result]}, turn="t")
    stored += await view.add_turn({"role": "user", "parts": [result, result]}, turn="t")
    first, _, third = (part.id for part in stored[0].parts)
    assert len({part.id for part in stored[0].parts}) == 3
    assert [part.call_id for part in stored[1].parts] == [first]
    assert stored[2].parts[0].call_id == third
    assert stored[2].parts[1].call_id not in {first, third, ""}


async def test_what_was_acknowledged_is_there_once_after_a_kill(database, spawn):
    process = spawn(RUNS, database)
    acknowledged = [process.stdout.readline().split() for _ in range(60)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [
        line.split()
        for line in process.communicate()[0].splitlines(keepends=True)
        if line.endswith("\n")
    ]

    found = {}
    async with SessionHub(database, load_entry_points=False) as hub:
        for writer in range(4):
            chat, ann = Chat("telegram", str(writer)), Account("telegram", str(writer))
            history = await hub.session_of(chat, ann).history(limit=None)
            for message in history:
                if message.turn is not None:
                    kinds = [type(part).__name__ for part in message.parts] or ["words"]
                    found.setdefault(message.turn, []).extend(kinds)

    whole = ["ToolCallPart", "ToolResultPart", "words"]
    assert all(kinds == whole[: len(kinds)] for kinds in found.values())
    order = {"function_call": 1, "function_call_output": 2, "words": 3}
    assert all(len(found[turn]) >= order[what] for turn, what in acknowledged)
    assert len(found) >= 10


async def test_a_run_of_whom_nothing_is_stored_is_not_stored(hub, view, ann, backend, database):
    await hub.set_private(ann, True)
    assert await view.add_turn([CALL, RESULT, words("Sunny.")]) == []
    assert backend.rows(database, "SELECT turn FROM messages WHERE turn IS NOT NULL") == []


async def test_linked_accounts_see_the_run_wherever_it_was(hub, view, talk, ann, link, shown):
    bob = talk.account("bob", channel="telegram")
    other = (await hub.record(talk.said(bob, "hi"))).session
    await link(hub, ann, bob)
    await view.add_turn([CALL, RESULT, words("Sunny.")], turn="t")
    await hub.record(talk.answered(ann, "Sunny."))
    assert await shown(other) == await shown(view)
    assert [turn for *_, turn in await shown(other)] == [None, None, "t", "t", "t"]


async def test_a_shape_that_is_unknown_stores_nothing(view, shown):
    with pytest.raises(TypeError, match="add_turn takes"):
        await view.add_turn([CALL, {"odd": 1}])
    assert len(await shown(view)) == 1


async def test_a_summary_does_not_divide_a_run(new_hub, talk, ann):
    seen = []

    class Summarise:
        @hookimpl
        def session_summarize(self, session, messages, previous):
            seen.extend(messages)
            return "S"

    hub = new_hub(Summarise(), consolidation_threshold=6)
    view = (await hub.record(talk.said(ann, "one"))).session
    await hub.record(talk.said(ann, "two"))
    for _ in range(2):
        await view.add_turn([CALL, RESULT], turn="t")
    await hub.record(talk.said(ann, "three"))
    await hub.settle()
    await hub.record(talk.said(ann, "four"))
    await hub.settle()
    assert [one.content for one in seen] == ["one", "two"]


def test_the_edge_of_a_summary_is_between_runs():
    assert between_turns([None] * 6, 3) == 3
    assert between_turns([None, None, "a", "a", None, None], 3) == 2
    assert between_turns(["a", None, "a", "b", None, None], 2) == 3
    assert between_turns(["a", None, "b", "a", "b", None], 3) == 5
    assert between_turns(["a", "a", "a"], 1) == 0
    assert between_turns(["a", "a"], 0) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It is **sunny**", "It is sunny"),
        ("- one\n- two", "• one\n• two"),
        ("[Oslo](http://x.y/a_b)", "Oslo"),
        ("<b>Oslo</b> &", "Oslo"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("1\\. a\\_b", "1. a_b"),
        ("👍", " 👍 "),
    ],
)
def test_words_are_the_same_in_any_markup(one, other):
    assert essence(one) == essence(other) != ""


def test_other_words_are_others():
    assert essence("👍") != essence("👎")
    assert essence("a < b") == "ab" != essence("a > c")
