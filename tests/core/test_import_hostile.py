"""Files that nobody meant well: what they cost is themselves, and what is said of them is one line."""

import json
import re
import sqlite3
import time
from contextlib import closing
from copy import deepcopy
from io import BytesIO

import pytest

from session_plugin import Account, Chat, FileRefused, MessageEvent, Skipped
from session_plugin.hub.imported_events import MOST_REASONS, OTHER_REASONS
from session_plugin.importing import (
    json_stream,
    opening,
    read_discord,
    read_export,
    read_openai_agents,
    read_telegram,
    read_whatsapp,
    whatsapp,
)

ANN = Account("telegram", "111")
READERS = {
    "telegram": lambda path: read_telegram(path, bot="900", exported_by="111", time_zone="UTC"),
    "discord": lambda path: read_discord(path, bot="900"),
    "whatsapp": lambda path: read_whatsapp(path, chat=Chat("whatsapp", "1"), bot="Marvin"),
    "openai-agents": lambda path: read_openai_agents(path, account_of=lambda _: ANN),
    "export": read_export,
}
IN_TELEGRAM = {
    "id": 5, "type": "message", "date": "2023-01-01T00:00:00", "date_unixtime": "1700000000",
    "from": "Ann", "from_id": "user111", "reply_to_message_id": 3, "file": "f", "file_size": 5,
    "media_type": "sticker", "mime_type": "a/b", "poll": {"question": "q", "answers": [{"text": 1}]},
    "location_information": {"latitude": 1.0}, "contact_information": {"phone_number": "1"},
    "forwarded_from": "x", "text": ["a", {"type": "bold", "text": "b"}],
}  # fmt: skip
IN_DISCORD = {
    "id": "10", "type": "Default", "timestamp": "2023-01-01T00:00:00+00:00",
    "timestampEdited": "2023-01-01T00:00:01+00:00", "content": "hi",
    "author": {"id": "1", "name": "A", "isBot": False},
    "attachments": [{"id": "1", "fileName": "a.png", "fileSizeBytes": 5}],
    "embeds": [{"title": "t", "description": "d", "fields": [{"name": "n", "value": "v"}]}],
    "stickers": [{"id": "1", "name": "s"}], "reference": {"messageId": "9", "channelId": "5"},
    "mentions": [{"id": "3", "name": "n", "nickname": "k"}], "forwardedMessage": {"content": "x"},
}  # fmt: skip
IN_EXPORT = {
    "kind": "message", "channel": "telegram", "chat_id": "5", "chat_kind": "direct", "bot_id": "9",
    "thread_id": "", "account": "111", "role": "user", "message_id": "4", "text": "hi",
    "sent_at": 1.0, "received_at": 1.0, "name": "n", "reply_to": "3", "metadata": {"a": 1},
    "attachments": [{"id": "1", "kind": "photo"}], "edited_at": 2.0, "turn": None,
    "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {}}],
}  # fmt: skip
IN_AGENTS = [
    {"role": "user", "content": [{"type": "input_text", "text": "x"}, {"type": "input_file"}]},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": [{"type": "text", "text": "t"}]},
]
LINES = "x\n" * 2_500
WRONG = [
    None, True, -1, 10**30, 1e308, 1.5, "", "x" * 600, "\0", "\ud800", "9" * 5000, [], [None], [[1]],
    {}, {"a": 1}, "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00", "1e400", "\u0661\u0662",
]  # fmt: skip


def mutants(value):
    """Yield copies of a JSON value, in each of which one value is wrong, or missing."""
    places = list(places_in(value))
    for *way, last in places:
        for wrong in (*WRONG, places):
            copy = holder = deepcopy(value)
            for step in way:
                holder = holder[step]
            if wrong is places:
                del holder[last]
            else:
                holder[last] = wrong
            yield copy


def places_in(value, *way):
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield *way, key
        yield from places_in(value[key], *way, key)


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "file"
        if isinstance(content, str):
            content = content.encode("utf-8", "surrogatepass")
        path.write_bytes(content)
        return path

    return write


def of_telegram(*messages, **header):
    header = {"name": "G", "type": "private_supergroup", "id": 77} | header
    return json.dumps(header | {"messages": messages})


def of_discord(*messages, **channel):
    channel = {"id": "5", "type": "GuildTextChat", "name": "n"} | channel
    return json.dumps({"guild": {"id": "1"}, "channel": channel, "messages": messages})


def of_export(*lines):
    return "\n".join([json.dumps({"kind": "export", "schema": 1}), *map(json.dumps, lines)])


def agents_database(path, rows):
    with closing(sqlite3.connect(path)) as connection, connection:
        columns = "id INTEGER PRIMARY KEY, session_id, message_data, created_at"
        connection.execute(f"CREATE TABLE agent_messages ({columns})")
        insert = "INSERT INTO agent_messages (session_id, message_data, created_at) VALUES (?,?,?)"
        connection.executemany(insert, rows)

    return path


def read(reader, path):
    """Read all; what is left out is said in one short line."""
    found = list(READERS[reader](path))
    skipped = [one for one in found if isinstance(one, Skipped)]
    assert all(len(one.reason) < 300 and one.reason.isprintable() for one in skipped)
    assert all(len(one.where) < 300 and one.where.isprintable() for one in skipped)

    return [one for one in found if isinstance(one, MessageEvent)], skipped


@pytest.mark.parametrize(
    ("reader", "whole", "message"),
    [
        ("telegram", of_telegram, IN_TELEGRAM),
        ("discord", of_discord, IN_DISCORD),
        ("export", of_export, IN_EXPORT),
    ],
)
def test_a_wrong_value_in_any_field_costs_one_message_at_most(file, reader, whole, message):
    found = list(mutants(message))
    events, skipped = read(reader, file(whole(*found, *WRONG, message)))

    assert len(events) + len(skipped) >= len(found)
    assert events[-1] == read(reader, file(whole(message)))[0][0]


def test_a_wrong_value_in_any_cell_of_an_agents_session_costs_one_message_at_most(tmp_path):
    at, ok = "2023-01-01 00:00:00", json.dumps({"role": "user", "content": "hi"})
    cells = [None, 7, 1e308, b"\xff", "", "x" * 600, "\0", "[" * 100_000, "0001-01-01"]
    rows = [("s", json.dumps(one), at) for item in IN_AGENTS for one in mutants(item)]
    rows += [row for cell in cells for row in ((cell, ok, at), ("s", cell, at), ("s", ok, cell))]
    events, skipped = read(
        "openai-agents", agents_database(tmp_path / "db", [*rows, ("s", ok, at)])
    )

    assert len(events) + len(skipped) == len(rows) + 1
    assert events[-1].text == "hi"


@pytest.mark.parametrize("wrong", [one for one in WRONG if one not in ([], {})])
def test_a_wrong_value_in_the_head_of_a_file_is_refused_or_left_out(file, wrong):
    for key in ("name", "type", "id"):
        read_or_refused("telegram", file(of_telegram(IN_TELEGRAM, **{key: wrong})))
        read_or_refused("discord", file(of_discord(IN_DISCORD, **{key: wrong})))
    for key in ("guild", "channel", "messages"):
        document = json.loads(of_discord(IN_DISCORD)) | {key: wrong}
        read_or_refused("discord", file(json.dumps(document)))
    for key in ("about", "personal_information", "chats", "left_chats", "messages"):
        document = json.loads(of_telegram(IN_TELEGRAM)) | {key: wrong}
        read_or_refused("telegram", file(json.dumps(document)))
    read_or_refused("export", file(json.dumps({"kind": "export", "schema": wrong})))


def read_or_refused(reader, path):
    try:
        return read(reader, path)
    except FileRefused:
        return None


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100_000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"about": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        of_telegram(IN_TELEGRAM).encode("utf-16"),
        b"SQLite format 3\0" + b"\xff" * 5_000,
    ],
    ids=["empty", "zeros", "deep list", "deep object", "deep and closed", "UTF-16", "no database"],
)
def test_what_is_no_such_file_is_refused(file, reader, content):
    with pytest.raises(FileRefused, match=r"file|export"):
        read(reader, file(content))


@pytest.mark.parametrize("reader", READERS)
def test_a_folder_and_a_path_with_nothing_there_are_refused_by_name(tmp_path, reader):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(FileRefused, match=f"{path.name} cannot be read"):
            read(reader, path)


@pytest.mark.parametrize(
    ("reader", "content"),
    [
        ("telegram", json.dumps(json.loads(of_telegram(IN_TELEGRAM)), indent=1)),
        ("discord", json.dumps(json.loads(of_discord(IN_DISCORD)), indent=1)),
        ("export", of_export(IN_EXPORT)),
        ("whatsapp", "31/12/2023, 23:59 - Ann: hi\n"),
    ],
)
def test_a_mark_of_the_byte_order_and_the_line_ends_of_windows_change_nothing(
    file, reader, content
):
    windows = b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode()
    plain, marked = (read(reader, file(one)) for one in (content, windows))
    assert plain == marked
    assert len(plain[0]) == 1


@pytest.mark.parametrize(
    ("reader", "content"),
    [
        ("telegram", of_telegram(IN_TELEGRAM, {**IN_TELEGRAM, "text": "x" * 5_000}, IN_TELEGRAM)),
        ("discord", of_discord(IN_DISCORD, {**IN_DISCORD, "content": "x" * 5_000}, IN_DISCORD)),
        ("export", of_export(IN_EXPORT, {**IN_EXPORT, "text": "x" * 5_000}, IN_EXPORT)),
        (
            "whatsapp",
            "31/12/2023, 23:59 - Ann: hi\n"
            f"31/12/2023, 23:59 - Ann: {'x' * 5_000}\n"
            f"31/12/2023, 23:59 - Ann: {LINES}"
            "31/12/2023, 23:59 - Ann: hi\n",
        ),
    ],
)
def test_a_message_without_end_is_left_out_and_never_held_in_memory(
    file, monkeypatch, reader, content
):
    for module in (opening, json_stream, whatsapp):
        monkeypatch.setattr(module, "LARGEST", 3_000)
    monkeypatch.setattr(json_stream, "PIECE", 500)
    events, skipped = read(reader, file(content))

    assert len(events) == 2
    assert {one.reason for one in skipped} == {"it is too long"}


def test_what_follows_a_long_value_costs_what_it_costs_elsewhere():
    never = re.compile("(?!)")
    seconds = []
    for size in (1, 2_000_000):
        content = json.dumps(["x" * size, *range(5_000)]).encode()
        begun = time.process_time()
        found = json_stream.JsonFile(BytesIO(content), element=never, border=never)
        assert sum(1 for _ in found.decoded()) == 5_001
        assert found.offset == len(content)
        seconds.append(time.process_time() - begun)

    assert seconds[1] < 8 * seconds[0]


def test_dates_that_no_calendar_has_cost_their_message_only(file):
    days = ["99/99/9999", "0/0/0", "31/12/9999", "01/01/0001", "31/02/2023", "31/12/2023"]
    lines = [f"{day}, 23:59 - Ann: hi\n31/12/2023, 99:99 - Ann: hi\n" for day in days]
    events, _ = read("whatsapp", file("31/12/2023, 1:00 PM - Ann: hi\n" + "".join(lines)))
    assert {one.text for one in events} == {"hi"}


def test_a_date_in_another_order_at_the_beginning_of_a_line_is_refused_with_the_way_out(file):
    path = file("31/12/2023, 23:59 - Ann: look:\n12/31/2023, 23:59 - Eve: hi\n")
    with pytest.raises(FileRefused, match=r"no order .*dates="):
        read("whatsapp", path)

    chat = Chat("whatsapp", "1")
    events = [*read_whatsapp(path, chat=chat, bot="Marvin", dates="dmy")]
    assert [type(one) for one in events] == [MessageEvent, Skipped]


@pytest.mark.parametrize(
    "ask",
    [
        lambda path: read_telegram(path, bot=7000000001),
        lambda path: read_telegram(path, exported_by=7),
        lambda path: read_discord(path, bot=7),
        lambda path: read_discord(path, channel=7),
        lambda path: read_whatsapp(path, chat=Chat("whatsapp", "1"), bot=7),
        lambda path: read_openai_agents(path, account_of=lambda _: ANN, bot_id=7),
    ],
)
def test_an_id_that_is_a_number_is_refused_as_it_would_be_nobodys(file, ask):
    with pytest.raises(TypeError, match="must be text, not int"):
        list(ask(file("{}")))


async def test_reasons_without_end_are_counted_together(new_hub):
    skipped = [Skipped(what="line", where="", reason=f"reason {n}") for n in range(5_000)]
    report = await new_hub().import_history(skipped)

    assert len(report.left_out) == MOST_REASONS + 1
    assert report.left_out[OTHER_REASONS] == 5_000 - MOST_REASONS


def test_what_a_file_says_is_shown_in_one_short_line():
    shown = Skipped(what="line", where="a\x1b[2J\u202e\n", reason="\ud800" + "x" * 999)
    assert shown.where == "a\\x1b[2J\\u202e\\n"
    assert shown.reason == "\\ud800" + "x" * 199 + "..."
