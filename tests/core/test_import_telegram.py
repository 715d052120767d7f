"""Telegram Desktop's `result.json` in all the shapes in which it is about."""

import json

import pytest

from session_plugin import Account, Chat, FileRefused, MessageEvent, Skipped
from session_plugin.importing import json_stream, read_telegram

ANN, BOT, GROUP = 111, 900, 2482670091
SUPERGROUP = Chat("telegram", "-1002482670091", "group", bot_id="900")


def message(id_, text, *, who=ANN, at=1_682_942_460, **fields):
    return {
        "id": id_,
        "type": "message",
        "date": "2023-05-01T12:01:00",
        "date_unixtime": str(at),
        "from": f"Name {who}",
        "from_id": f"user{who}",
        "text": text,
        "text_entities": [],
    } | fields


def chat(*messages, kind="private_supergroup", id_=GROUP, name="Den"):
    return {"name": name, "type": kind, "id": id_, "messages": list(messages)}


@pytest.fixture
def file(tmp_path):
    def write(content, *, cut=None):
        path = tmp_path / "result.json"
        text = content if isinstance(content, str) else json.dumps(content, indent=1)
        path.write_text(text[:cut], encoding="utf-8", errors="surrogatepass")
        return path

    return write


def read(path, **options):
    found = list(read_telegram(path, **{"bot": "900"} | options))
    events = [one for one in found if isinstance(one, MessageEvent)]
    return events, [one for one in found if isinstance(one, Skipped)]


def reasons(skipped):
    return [one.reason for one in skipped]


def test_a_supergroups_messages_keep_their_numbers(file):
    (hi, hello), _ = read(
        file(chat(message(5, "hi"), message(6, "hello", who=BOT, reply_to_message_id=5)))
    )
    assert (hi.chat, hi.message_id, hi.author) == (SUPERGROUP, "5", Account("telegram", "111"))
    assert (hi.chat.title, hi.author_name, hi.sent_at) == ("Den", "Name 111", 1_682_942_460.0)
    assert (hello.role, hello.author, hello.reply_to) == ("assistant", None, "5")


@pytest.mark.parametrize(
    ("id_", "chat_id"),
    [(GROUP, "-1002482670091"), (1234, "-1000000001234"), (-1002482670091, "-1002482670091")],
)
def test_a_supergroups_id_becomes_the_bots(file, id_, chat_id):
    (only,), _ = read(file(chat(message(5, "hi"), id_=id_)))
    assert only.chat.chat_id == chat_id


def test_a_private_chat_is_the_persons_and_its_numbers_are_the_exporters(file):
    path = file(
        chat(
            message(4, "Welcome", who=BOT),
            message(5, "hi"),
            message(6, "hello", who=BOT, reply_to_message_id=5),
            kind="personal_chat",
            id_=BOT,
            name="Marvin",
        )
    )
    events, skipped = read(path, bot=None)
    ann = Account("telegram", "111")

    assert not skipped
    assert {one.chat for one in events} == {Chat("telegram", "111", bot_id="900")}
    assert [one.message_id for one in events] == [f"import:telegram-111:{n}" for n in (4, 5, 6)]
    assert [one.answers for one in events] == [ann, None, ann]
    assert events[2].reply_to == "import:telegram-111:5"


def test_all_data_gives_the_bots_chats_only(file):
    path = file(
        {
            "about": "Here is your data",
            "personal_information": {"user_id": ANN, "first_name": "Ann"},
            "contacts": {"list": [{"user_id": 5, "first_name": "x" * 400_000}]},
            "chats": {
                "about": "This page lists all chats",
                "list": [
                    chat(message(1, "to the bot"), kind="bot_chat", id_=BOT),
                    chat(message(2, "to a friend"), kind="personal_chat", id_=77, name=None),
                    chat(message(3, "to myself"), kind="saved_messages", id_=ANN),
                    chat(message(4, "a small group"), kind="private_group", id_=42),
                    chat(message(5, "a supergroup")),
                    chat(message(6, "a post"), kind="public_channel"),
                ],
            },
            "left_chats": {"list": [chat(message(7, "left"), id_=43)]},
        }
    )
    events, skipped = read(path)

    assert [one.text for one in events] == ["to the bot", "a small group", "a supergroup", "left"]
    assert (events[1].chat.chat_id, events[1].message_id) == ("-42", "import:telegram-111:4")
    assert [one.where for one in skipped] == [
        "personal_chat 77",
        "saved_messages 111",
        f"public_channel {GROUP}",
    ]


def test_who_is_the_bot_has_to_be_said_for_a_group(file):
    events, (skipped,) = read(file(chat(message(1, "hi"))), bot=None)
    assert not events
    assert "bot=" in skipped.reason


def test_whose_export_it_is_has_to_be_said_for_a_small_group(file):
    small = chat(message(1, "hi"), kind="private_group", id_=42)
    events, (skipped,) = read(file(small))
    assert not events
    assert "exported_by=" in skipped.reason
    (only,), _ = read(file(small), exported_by="111")
    assert only.message_id == "import:telegram-111:1"


def test_what_is_from_before_a_group_became_a_supergroup_has_no_number_of_it(file):
    moved = chat(message(-999_999_939, "before"), message(5, "after"))
    events, (skipped,) = read(file(moved))
    assert [one.text for one in events] == ["after"]
    assert "before its group became a supergroup" in skipped.reason

    (before, _), skipped = read(file(moved), exported_by="111")
    assert before.message_id == "import:telegram-111:-999999939"
    assert not skipped


def test_text_comes_whole_from_a_text_or_a_list_with_odd_parts(file):
    parts = ["see ", {"type": "link", "text": "x.org"}, "", 7, {"type": "bold"}, None, " 🎉 "]
    parts += [{"type": "text_link", "text": "here", "href": "https://x.org"}]
    parts += [{"type": "mention_name", "text": "Bob", "user_id": 5}]
    entities_only = {"text": "", "text_entities": [{"type": "plain", "text": "new"}]}
    (first, second), _ = read(file(chat(message(5, parts), message(6, "") | entities_only)))

    assert first.text == "see x.org7 🎉 hereBob"
    assert first.metadata["entities"] == [
        {"type": "text_link", "offset": 13, "length": 4, "url": "https://x.org"},
        {"type": "text_mention", "offset": 17, "length": 3, "user_id": "5"},
    ]
    assert second.text == "new"


@pytest.mark.parametrize(
    ("fields", "sender"),
    [
        ({"from": None}, "111"),
        ({"from_id": 111}, "111"),
        ({"from_id": "user7000000001"}, "7000000001"),
        ({"from_id": "channel2482670091"}, None),
        ({"from_id": "chat123"}, None),
        ({"from_id": 2**32 + 5}, None),
        ({"from_id": None, "from": None}, None),
        ({"from_id": "user0"}, None),
    ],
)
def test_people_are_known_by_id_and_nobody_else_is_one(file, fields, sender):
    (only,), _ = read(file(chat(message(5, "hi", **fields))))
    assert only.author == (None if sender is None else Account("telegram", sender))


def test_a_time_is_read_only_where_it_leaves_no_doubt(file):
    old = chat(
        message(5, "a number", date_unixtime=1_682_942_461),
        message(6, "local", date_unixtime=None),
        message(7, "broken", date_unixtime="soon"),
        message(8, "none", date_unixtime=None, date=None),
    )
    events, skipped = read(file(old))
    assert [one.sent_at for one in events] == [1_682_942_461.0]
    assert reasons(skipped) == [
        "it has a local time only; say of which time zone (time_zone=)",
        "it has a local time only; say of which time zone (time_zone=)",
        "it has no time",
    ]

    events, _ = read(file(old), time_zone="Europe/Vienna")
    assert [one.sent_at for one in events][1] == 1_682_935_260.0


def test_a_reaction_is_no_edit(file):
    (only,), _ = read(file(chat(message(5, "hi", edited_unixtime="1682999999", reactions=[{}]))))
    assert only.edited_at is None
    assert "reactions" not in only.metadata


@pytest.mark.parametrize(
    ("fields", "kind", "filename"),
    [
        ({"photo": "photos/photo_1.jpg"}, "photo", ""),
        ({"photo": "(File not included. Change data exporting settings.)"}, "photo", ""),
        ({"file": "files/a.pdf", "file_name": "b.pdf"}, "document", "b.pdf"),
        ({"file": "files/a.pdf"}, "document", "a.pdf"),
        ({"file": "(File unavailable, please try again later)"}, "document", ""),
        ({"file": "v.ogg", "media_type": "voice_message"}, "voice", "v.ogg"),
        ({"file": "v.mp4", "media_type": "video_message"}, "videonote", "v.mp4"),
        ({"media_type": "sticker", "sticker_emoji": "😀"}, "sticker", ""),
        ({"location_information": {"latitude": 1.5, "longitude": 2}}, "location", ""),
        ({"contact_information": {"phone_number": "1", "first_name": "Bob"}}, "contact", ""),
        ({"poll": {"question": "Tea?", "answers": [{"text": "Yes"}, {"text": "No"}]}}, "poll", ""),
    ],
)
def test_what_is_no_text_is_described_and_no_note_in_brackets_is_a_file(
    file, fields, kind, filename
):
    (only,), _ = read(file(chat(message(5, "", **fields))))
    (attachment,) = only.attachments
    assert (attachment.kind, attachment.filename, only.text) == (kind, filename, "")


def test_topics_are_threads_and_a_reply_is_in_the_topic_of_what_it_replies_to(file):
    opened = {"id": 10, "type": "service", "action": "topic_created", "title": "Tea"}
    forum = chat(
        opened,
        message(11, "general"),
        message(12, "in tea", reply_to_message_id=10),
        message(13, "a reply in tea", reply_to_message_id=12),
        message(14, "to nothing here", reply_to_message_id=3),
    )
    events, skipped = read(file(forum))

    assert [(one.chat.thread_id, one.reply_to) for one in events] == [
        ("", None),
        ("10", None),
        ("10", "12"),
    ]
    assert reasons(skipped) == [
        "a notice of Telegram's: topic_created",
        "it replies to a message that is not here, so its topic is not known",
    ]


def test_what_says_nothing_is_counted_by_its_kind(file):
    events, skipped = read(
        file(
            chat(
                {"id": 1, "type": "service", "action": "join_group_by_link", "actor": None},
                {"id": 2, "type": "unsupported"},
                message(3, ""),
                message(None, "no id"),
                "no object",
            )
        )
    )
    assert not events
    assert reasons(skipped) == [
        "a notice of Telegram's: join_group_by_link",
        "a notice of Telegram's: unsupported",
        "it says nothing",
        "it has no id",
        "it is no object, but str",
    ]


def test_broken_escapes_and_bare_control_characters_are_mended(file):
    text = json.dumps(chat(message(5, "ESCAPED"), message(6, "after")), indent=1)
    events, skipped = read(file(text.replace("ESCAPED", "C:\\Dir \\u12 \t \\ud83d end")))
    assert [one.text for one in events] == ["C:\\Dir \\u12 \t \ud83d end", "after"]
    assert not skipped


@pytest.mark.parametrize("piece", [50, 333, 4096])
def test_any_number_of_broken_escapes_is_mended_and_no_byte_is_miscounted(file, monkeypatch, piece):
    monkeypatch.setattr(json_stream, "PIECE", piece)
    odd = "\\q\\u12 \\n\\\\ \u00e9" * 1500
    text = json.dumps(chat(*(message(n, f"text {n}") for n in range(5, 9))), ensure_ascii=False)
    text = text.replace("text 5", odd).replace('"text 7"', "text 7")
    events, (skipped,) = read(file(text))

    assert [one.text for one in events] == ["\\q\\u12 \n\\ \u00e9" * 1500, "text 6", "text 8"]
    offset = int(skipped.where.removeprefix("byte "))
    assert text.encode()[offset:].startswith(b'{"id": 7')


def test_one_broken_message_costs_itself_only(file):
    messages = [message(n, f"text {n}") for n in range(5, 9)]
    text = json.dumps(chat(*messages), indent=1)
    broken = text.replace('"text": "text 6"', '"text": text 6')
    events, (skipped,) = read(file(broken))

    assert [one.text for one in events] == ["text 5", "text 7", "text 8"]
    assert skipped.what == "message"
    offset = int(skipped.where.removeprefix("byte "))
    assert broken.encode()[offset:].startswith(b'{\n   "id": 6')


def test_a_broken_last_message_takes_none_of_the_next_chat_along(file):
    data = {"chats": {"list": [chat(message(5, "BROKEN")), chat(message(6, "other"), id_=43)]}}
    broken = json.dumps(data, indent=1).replace('"BROKEN"', "BROKEN")
    events, skipped = read(file(broken))
    assert not events
    assert skipped[-1].what == "file"
    assert "nothing after this was read" in skipped[-1].reason


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.99])
def test_a_file_that_is_cut_off_says_so(file, share):
    text = json.dumps(chat(*(message(n, f"text {n}") for n in range(2000))), indent=1)
    events, skipped = read(file(text, cut=int(len(text) * share)))
    assert len(events) == pytest.approx(2000 * share, abs=5)
    assert skipped[-1].reason == "the file is cut off; nothing after this was read"


@pytest.mark.parametrize(
    "content", ["", "no JSON", "[]", "{}", '{"notes": [1, 2]}', '{"messages": [{"id": 1}]}', "{"]
)
def test_a_file_of_another_kind_is_refused_with_what_to_do(file, content):
    with pytest.raises(FileRefused, match=r"result\.json is no export of Telegram Desktop"):
        read(file(content))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileRefused, match="No such file"):
        read(tmp_path / "nothing.json")


async def test_the_hub_imports_a_file(hub, file):
    report = await hub.import_telegram(file(chat(message(5, "hi"))), bot="900")
    history = await hub.session_of(SUPERGROUP, None).history(include_previous=True)
    assert report.messages == 1
    assert [one.content for one in history] == ["hi"]


async def test_a_refused_file_stores_nothing(hub, file):
    with pytest.raises(FileRefused):
        await hub.import_telegram(file("{}"), bot="900")
    assert (await hub.status()).chats == 0
