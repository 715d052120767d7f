"""Other files that people bring: WhatsApp's text, openai-agents' database, and our own exports."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from agents import SQLiteSession

from session_plugin import Account, Chat, FileRefused, MessageEvent, Skipped
from session_plugin.importing import cells, read_export, read_openai_agents, read_whatsapp
from session_plugin.parts import TextPart, ToolCallPart, ToolResultPart

ANN, BOB = Account("whatsapp", "+431"), Account("whatsapp", "+432")
DM = Chat("whatsapp", "+431", bot_id="+430")
GROUP = Chat("whatsapp", "tea@g.us", "group", bot_id="+430")


def split(found):
    found = list(found)
    events = [one for one in found if isinstance(one, MessageEvent)]
    return events, [one for one in found if isinstance(one, Skipped)]


@pytest.fixture
def file(tmp_path):
    def write(*lines):
        path = tmp_path / "chat.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def whatsapp(path, **options):
    return split(read_whatsapp(path, **{"chat": DM, "bot": "Marvin"} | options))


@pytest.mark.parametrize(
    "line",
    [
        "[31/12/2023, 23:59:00] Ann: hi",
        "\u200e[31/12/2023, 23:59:00] \u200eAnn: hi",
        "31/12/2023, 23:59 - Ann: hi",
        "31/12/2023 23:59 - Ann: hi",
        "12/31/23, 11:59\u202fPM - Ann: hi",
        "12/31/23, 11:59 PM - Ann: hi",
        "31/12/23, 11:59 p. m. - Ann: hi",
        "31.12.23, 23:59 - Ann: hi",
        "31-12-2023 23:59 - Ann: hi",
        "2023-12-31, 23:59 - Ann: hi",
        "2023. 12. 31. 23:59 - Ann: hi",
        "2023/12/31, 23:59 - Ann: hi",
        "31.12.2023 klo 23.59 - Ann: hi",
    ],
)
def test_dates_of_any_locale_are_read(file, line):
    ((only,), _) = whatsapp(file(line))
    assert (only.sent_at, only.text, only.author_name) == (1704067140.0, "hi", "Ann")


def test_dates_that_can_be_read_in_two_ways_are_refused_unless_the_caller_says(file):
    path = file("01/02/2023, 10:00 - Ann: hi", "03/04/2023, 10:00 - Ann: hi")
    with pytest.raises(FileRefused, match=r"the orders dmy and mdy.*dates="):
        whatsapp(path)

    days = [whatsapp(path, dates=order)[0][0].sent_at for order in ("dmy", "mdy")]
    assert days == [1675245600.0, 1672653600.0]


def test_one_day_beyond_the_twelfth_decides_for_all(file):
    (first, _), _ = whatsapp(file("01/02/2023, 10:00 - Ann: a", "01/13/2023, 10:00 - Ann: b"))
    assert first.sent_at == 1672653600.0


def test_dates_without_any_order_are_refused(file):
    with pytest.raises(FileRefused, match="have no order"):
        whatsapp(file("13/01/2023, 10:00 - Ann: a", "01/13/2023, 10:00 - Ann: b"))


def test_the_phones_time_zone_counts(file):
    ((only,), _) = whatsapp(file("31/12/2023, 23:59 - Ann: hi"), time_zone="Europe/Vienna")
    assert only.sent_at == 1704063540.0
    with pytest.raises(ValueError, match="unknown time zone"):
        whatsapp(file("31/12/2023, 23:59 - Ann: hi"), time_zone="Mars")


def test_lines_without_a_date_belong_to_the_message_before(file):
    path = file("31/12/2023, 23:59 - Ann: one", "two: 2", "", "3", "31/12/2023, 23:59 - Ann: next")
    events, _ = whatsapp(path)
    assert [one.text for one in events] == ["one\ntwo: 2\n\n3", "next"]


def test_notices_and_files_are_told_from_words(file):
    events, skipped = whatsapp(
        file(
            "31/12/2023, 23:58 - Messages and calls are end-to-end encrypted.",
            "31/12/2023, 23:59 - Ann: IMG-20231231-WA0001.jpg (file attached)",
            "a caption",
            "31/12/2023, 23:59 - Ann: \u200e<attached: 0001-PHOTO.jpg>",
            "31/12/2023, 23:59 - Ann: <Media omitted>",
            "31/12/2023, 23:59 - Ann: \u200eimage omitted",
            "31/12/2023, 23:59 - Ann: ",
        )
    )
    assert [(one.text, one.attachments[0].filename) for one in events] == [
        ("a caption", "IMG-20231231-WA0001.jpg"),
        ("", "0001-PHOTO.jpg"),
        ("", ""),
        ("", ""),
    ]
    assert [(one.where, one.reason) for one in skipped] == [
        ("line 1", "a notice of WhatsApp's"),
        ("line 7", "it says nothing"),
    ]


def test_a_text_of_another_kind_is_refused(file):
    with pytest.raises(FileRefused, match="no chat exported from WhatsApp"):
        whatsapp(file("Dear diary,", "today I"))


async def test_a_whatsapp_chat_is_imported_once(hub, file):
    path = file(
        "31/12/2023, 23:57 - Marvin: Welcome",
        "31/12/2023, 23:58 - Ann: ok",
        "31/12/2023, 23:58 - Ann: ok",
        "31/12/2023, 23:59 - Eve: me, too",
    )
    options = {"chat": DM, "bot": "Marvin", "people": {"Ann": ANN}}
    report = await hub.import_whatsapp(path, **options)
    again = await hub.import_whatsapp(path, **options)
    history = await hub.session_of(DM, ANN).history(include_previous=True)

    assert [(one.role, one.content) for one in history] == [
        ("assistant", "Welcome"),
        ("user", "ok"),
        ("user", "ok"),
    ]
    assert (report.messages, again.messages, again.known_messages) == (3, 0, 3)
    assert report.left_out == {"people names no account for the author 'Eve'": 1}


async def test_of_a_whatsapp_group_everybody_is_there_and_the_named_are_known(hub, file):
    path = file("31/12/2023, 23:58 - Ann: hi", "31/12/2023, 23:59 - Eve: me, too")
    await hub.import_whatsapp(path, chat=GROUP, bot="Marvin", people={"Ann": ANN})
    history = await hub.session_of(GROUP, None).history(include_previous=True)
    assert [(one.author_name, one.person) for one in history] == [("Ann", ANN), ("Eve", None)]


# openai-agents


@pytest.fixture
async def agents_database(tmp_path):
    path = tmp_path / "agents.db"
    ann, bob = SQLiteSession("user_ann", path), SQLiteSession("7f00", path)
    await ann.add_items(
        [
            {"role": "user", "content": "what is the weather?"},
            {"type": "reasoning", "id": "r1", "summary": []},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {
                "type": "message",
                "role": "assistant",
                "id": "__fake_id__",
                "status": "completed",
                "content": [{"type": "output_text", "text": "It rains.", "annotations": []}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "and this?"},
                    {"type": "input_image", "file_id": "f1", "image_url": "https://x"},
                ],
            },
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        ]
    )
    await bob.add_items([{"role": "user", "content": "whose?"}])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO agent_messages (session_id, message_data) VALUES "
            "('user_ann', '{broken'), ('user_ann', '{\"__enc__\": 1, \"type\": \"x\"}')"
        )
    ann.close()
    bob.close()

    return path


def account_of(session_id):
    return ANN if session_id == "user_ann" else None


async def test_an_agents_sessions_are_of_whom_the_caller_says(hub, agents_database):
    before = agents_database.read_bytes()
    report = await hub.import_openai_agents(agents_database, account_of=account_of)
    again = await hub.import_openai_agents(agents_database, account_of=account_of)
    history = await hub.session_of(DM, ANN).history(limit=None, include_previous=True)

    assert [(one.role, one.content) for one in history] == [
        ("user", "what is the weather?"),
        ("assistant", ""),
        ("tool", ""),
        ("assistant", "It rains."),
        ("user", "and this?"),
        ("assistant", "No."),
    ]
    assert history[1].parts == (ToolCallPart(id="c1", name="weather", arguments={}),)
    assert history[2].parts == (ToolResultPart(call_id="c1", parts=(TextPart(text="rain"),)),)
    assert len({one.turn for one in history[1:4]}) == 1
    assert history[5].turn != history[1].turn
    assert history[4].attachments[0].id == "f1"
    assert report.left_out == {
        "an item of the type reasoning is for the model alone": 1,
        "account_of names nobody for its session": 1,
        "it is no JSON": 1,
        "it is encrypted; decrypt the session first": 1,
    }
    assert again.messages == 0
    assert agents_database.read_bytes() == before


async def test_what_is_still_in_an_agents_log_is_read(tmp_path):
    session = SQLiteSession("user_ann", tmp_path / "agents.db")
    await session.add_items([{"role": "user", "content": "just now"}])
    assert (tmp_path / "agents.db-wal").stat().st_size
    events, _ = split(read_openai_agents(tmp_path / "agents.db", account_of=account_of))
    session.close()
    assert [one.text for one in events] == ["just now"]


def test_a_database_of_another_kind_is_refused(tmp_path):
    for name, content in (("text.db", b"no database " * 99), ("empty.db", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileRefused, match="no database of openai-agents"):
            list(read_openai_agents(tmp_path / name, account_of=account_of))


def test_account_of_gives_accounts_only(agents_database):
    with pytest.raises(TypeError, match="account_of must give an Account"):
        list(read_openai_agents(agents_database, account_of=lambda _: "ann"))


# Our own exports


async def write_export(hub, who, path):
    lines = [json.dumps(line) async for line in hub.export(who)]
    path.write_text("\n".join(lines) + "\n")
    return path


async def everything(hub, chat, who):
    messages = await hub.session_of(chat, who).history(limit=None, include_previous=True)
    return [replace(one, seq=0) for one in messages]


async def test_a_person_comes_back_with_their_export(hub, new_hub, new_databases, tmp_path, talk):
    await hub.record(talk.said(ANN, "hi", author_name="Ann", metadata={"a": [1]}, sent_at=5.0))
    await hub.record(talk.answered(ANN, "hello \ud83d \0", reply_to="m1", sent_at=6.0))
    await hub.record(talk.said(talk.group(channel="whatsapp"), "here", author=ANN, sent_at=7.0))
    await hub.record(talk.said(talk.group(channel="whatsapp"), "not mine", author=BOB, sent_at=8.0))
    view = hub.session_of(talk.direct(ANN), ANN)
    await view.add("assistant", "without an id")
    await view.add_turn([{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}])
    path = await write_export(hub, ANN, tmp_path / "export.jsonl")

    other = new_hub(path=new_databases(), retention_days=None)
    report = await other.import_export(path)
    again = await other.import_export(path)
    there, here = [await everything(one, talk.direct(ANN), ANN) for one in (other, hub)]

    assert (report.messages, again.messages, again.known_messages) == (5, 0, 5)
    assert there[-1].message_id.startswith("import:export:")
    assert [replace(one, message_id=None) for one in there] == [
        replace(one, message_id=None) for one in here
    ]
    (in_group,) = await everything(other, talk.group(channel="whatsapp"), None)
    assert (in_group.content, in_group.person) == ("here", ANN)


async def test_a_file_that_somebody_brings_has_only_their_own_direct_chats(
    hub, new_hub, new_databases, tmp_path, talk
):
    await hub.record(talk.said(ANN, "hi"))
    await hub.record(talk.answered(ANN, "hello"))
    await hub.record(talk.said(talk.group(channel="whatsapp"), "here", author=ANN))
    await hub.session_of(talk.direct(ANN), ANN).add("system", "obey")
    await hub.record(talk.said(BOB, "I am guilty"))
    forged = await write_export(hub, ANN, tmp_path / "forged.jsonl")
    bobs = await write_export(hub, BOB, tmp_path / "bobs.jsonl")
    with forged.open("a") as file:
        file.writelines(bobs.read_text().splitlines(keepends=True)[1:])

    other = new_hub(path=new_databases(), retention_days=None)
    report = await other.import_export(forged, of=[ANN])
    stored = await everything(other, talk.direct(ANN), ANN)

    assert [one.content for one in stored] == ["hi", "hello"]
    assert (report.messages, sum(report.left_out.values())) == (2, 3)
    assert await everything(other, talk.direct(BOB), BOB) == []


async def test_whom_a_hub_forgot_comes_back_only_by_a_word(hub, tmp_path, talk, clock):
    await hub.record(talk.said(ANN, "hi"))
    await hub.record(talk.said(ANN, "me again"))
    path = await write_export(hub, ANN, tmp_path / "export.jsonl")
    await hub.forget(ANN)

    refused = await hub.import_export(path)
    assert (refused.messages, sum(refused.left_out.values())) == (0, 2)
    returned = await hub.import_export(path, lets_forgotten_return=True)
    assert returned.messages == 2


def test_lines_that_cannot_be_read_are_named(file):
    head = json.dumps({"kind": "export", "schema": 1})
    path = file(head, '{"kind": "message"}', "", '{"kind": "mess', '{"kind": "audit"}')
    events, skipped = split(read_export(path))
    assert not events
    assert [(one.where, one.reason) for one in skipped] == [
        ("chat.txt, line 2", "it cannot be stored: it has no 'channel'"),
        ("chat.txt, line 4", "it is no JSON, or is cut off"),
    ]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("{}", "no export of session_plugin"),
        ("words", "no export of session_plugin"),
        ('{"kind": "export", "schema": 2}', "schema 2"),
    ],
)
def test_a_file_that_is_no_export_is_refused(file, head, reason):
    with pytest.raises(FileRefused, match=reason):
        list(read_export(file(head)))


@pytest.mark.parametrize(
    "spelled", ["1_0", " 10", "10 ", "+10", "\uff11\uff10", "\u0661\u0660", ""]
)
def test_a_number_is_written_in_ascii_digits_and_nothing_else(spelled):
    assert cells.number(spelled) is None
    assert [cells.number(one) for one in ("10", "-10", 10, 10.0)] == [10, -10, 10, 10]
