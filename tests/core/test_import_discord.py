"""DiscordChatExporter's JSON in all the shapes in which it is about."""

import json

import pytest

from session_plugin import Account, Chat, FileRefused, MessageEvent, Skipped
from session_plugin.importing import read_discord

BOT, ANN = "900000000000000001", "521000000000000001"
GUILD = {"id": "748000000000000001", "name": "Example", "iconUrl": "x.png"}
CHANNEL = {"id": "1012000000000000001", "type": "GuildTextChat", "name": "general"}
LOBBY = Chat("discord", CHANNEL["id"], "group", bot_id=BOT)


def message(number, content, *, who=ANN, is_bot=False, **fields):
    return {
        "id": str(1045000000000000000 + number),
        "type": "Default",
        "timestamp": "2023-01-06T14:03:03.853+00:00",
        "timestampEdited": None,
        "content": content,
        "author": {"id": who, "name": "Ann", "discriminator": "7077", "isBot": is_bot},
        "attachments": [],
        "embeds": [],
        "stickers": [],
        "reactions": [{"emoji": {"id": "1", "name": "x"}, "count": 1}],
        "mentions": [],
    } | fields


@pytest.fixture
def file(tmp_path):
    def write(*messages, guild=GUILD, channel=CHANNEL, root=None):
        whole = {"guild": guild, "channel": channel, "messages": list(messages), "messageCount": 0}
        path = tmp_path / "export.json"
        path.write_text(json.dumps(whole if root is None else root, indent=2), encoding="utf-8")
        return path

    return write


def read(path, **options):
    found = list(read_discord(path, **{"bot": BOT} | options))
    events = [one for one in found if isinstance(one, MessageEvent)]
    return events, [one for one in found if isinstance(one, Skipped)]


def test_ids_are_discords_own(file):
    path = file(
        message(1, "hi"),
        message(2, "hello", who=BOT, is_bot=True, type="Reply", reference={"messageId": "7"}),
    )
    (hi, hello), _ = read(path)
    assert (hi.chat, hi.message_id) == (LOBBY, "1045000000000000001")
    assert (hi.author, hi.chat.title) == (Account("discord", ANN), "Example #general")
    assert hi.metadata == {"guild_id": GUILD["id"]}
    assert (hello.role, hello.author, hello.reply_to) == ("assistant", None, "7")


@pytest.mark.parametrize(
    ("who", "is_bot"), [("1", True), ("456226577798135808", False), ("", False), (None, False)]
)
def test_other_bots_webhooks_and_deleted_accounts_are_nobody(file, who, is_bot):
    (only,), _ = read(file(message(1, "hi", who=who, is_bot=is_bot)))
    assert (only.author, only.role) == (None, "user")


def test_without_the_bots_id_every_bot_is_another(file):
    (only,), _ = read(file(message(1, "hi", who=BOT, is_bot=True)), bot=None)
    assert (only.author, only.role, only.chat.bot_id) == (None, "user", "")


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        ("2023-01-06T14:03:03+00:00", 1673013783.0),
        ("2023-01-06T14:03:03.25+00:00", 1673013783.25),
        ("2023-01-06T14:03:03.0000000+00:00", 1673013783.0),
        ("2023-01-06T10:03:03.853-04:00", 1673013783.853),
    ],
)
def test_times_are_read_with_their_offset(file, timestamp, seconds):
    (only,), _ = read(file(message(1, "hi", timestamp=timestamp, timestampEdited=timestamp)))
    assert only.sent_at == only.edited_at == pytest.approx(seconds)


def test_a_thread_is_a_chat_with_its_parent(file):
    thread = {"id": "5", "type": "GuildPublicThread", "categoryId": CHANNEL["id"], "name": "tea"}
    (only,), _ = read(file(message(1, "hi"), channel=thread))
    assert only.chat == Chat("discord", "5", "group", bot_id=BOT)
    assert only.metadata == {"guild_id": GUILD["id"], "parent_id": CHANNEL["id"]}


def test_a_direct_chat_belongs_to_the_one_who_writes_in_it(file):
    direct = {"id": "5", "type": "DirectTextChat", "name": "Ann"}
    path = file(
        message(1, "Welcome", who=BOT, is_bot=True),
        message(2, "hi"),
        guild={"id": "0", "name": "Direct Messages"},
        channel=direct,
    )
    (welcome, hi), _ = read(path)
    assert welcome.chat == hi.chat == Chat("discord", "5", "direct", bot_id=BOT)
    assert welcome.answers == hi.author == Account("discord", ANN)
    assert welcome.metadata == {}

    events, (skipped,) = read(path, bot=None)
    assert not events
    assert "bot=" in skipped.reason


def test_only_what_says_something_is_a_message(file):
    events, skipped = read(
        file(
            message(1, "Joined the server.", type="GuildMemberJoin"),
            message(2, "Started a call", type="Call"),
            message(3, "slash answer", type="20"),
            message(4, ""),
            message(5, "never", timestamp=None),
            {"type": "Default"},
        )
    )
    assert [one.text for one in events] == ["slash answer"]
    assert [one.reason for one in skipped] == [
        "a notice of Discord's: GuildMemberJoin",
        "a notice of Discord's: Call",
        "it says nothing",
        "it has no time",
        "it has no id",
    ]


def test_rendered_mentions_say_whom_they_name(file):
    bob = {"id": "896", "name": "bob", "nickname": "Bobby", "isBot": False}
    (only,), _ = read(file(message(1, "hey @Bobby", mentions=[bob])))
    assert only.metadata["mentions"] == [{"text": "@Bobby", "account": "896"}]


def test_files_stickers_and_embeds_are_described_without_addresses(file):
    file_ = {"id": "7", "url": "C:\\x\\a.png", "fileName": "a.png", "fileSizeBytes": 9}
    sticker = {"id": "8", "name": "wave", "sourceUrl": "https://x"}
    embed = {"title": "News", "description": "all of it", "fields": [{"name": "a", "value": "b"}]}
    path = file(message(1, "", attachments=[file_], stickers=[sticker], embeds=[embed]))
    (only,), _ = read(path)

    assert only.text == "News\nall of it\na: b"
    assert [(one.id, one.kind, one.filename, one.size) for one in only.attachments] == [
        ("7", "photo", "a.png", 9),
        ("8", "sticker", "wave", None),
        ("", "embed", "News", None),
    ]


def test_a_forward_is_a_quote(file):
    (only,), _ = read(
        file(
            message(
                1,
                "",
                reference={"messageId": "3", "channelId": "4"},
                forwardedMessage={"content": "secret recipe", "attachments": []},
            )
        )
    )
    assert (only.text, only.reply_to) == ("secret recipe", None)
    quote = {"text": "secret recipe", "message_id": "3", "chat_id": "4"}
    assert only.metadata["quote"] == quote


def test_a_notice_of_a_thread_refers_to_no_message(file):
    path = file(message(1, "hi", reference={"messageId": None, "channelId": CHANNEL["id"]}))
    (only,), _ = read(path)
    assert only.reply_to is None


def test_a_bare_list_needs_its_channel(file):
    path = file(root=[message(1, "hi")])
    with pytest.raises(FileRefused, match=r"channel="):
        read(path)
    (only,), _ = read(path, channel=CHANNEL["id"])
    assert only.chat == LOBBY


def test_one_broken_message_costs_itself_only(file):
    path = file(message(1, "one"), message(2, "two"), message(3, "three"))
    path.write_text(path.read_text().replace('"two"', "two"))
    events, (skipped,) = read(path)
    assert [one.text for one in events] == ["one", "three"]
    assert skipped.what == "message"


def test_a_file_that_is_cut_off_says_so(file):
    path = file(message(1, "one"), message(2, "two"))
    path.write_text(path.read_text().partition('"two"')[0])
    events, (skipped,) = read(path)
    assert [one.text for one in events] == ["one"]
    assert "cut off" in skipped.reason


@pytest.mark.parametrize("root", [{}, {"name": "Den", "type": "personal_chat", "messages": []}, 7])
def test_a_file_of_another_kind_is_refused_with_what_to_do(file, root):
    with pytest.raises(FileRefused, match="no JSON export of DiscordChatExporter"):
        read(file(root=root))


async def test_parts_of_an_export_are_one_chat(hub, file):
    for number in (1, 2):
        path = file(
            message(number, f"part {number}", timestamp=f"2023-01-06T14:0{number}:00+00:00")
        )
        await hub.import_discord(path, bot=BOT)

    history = await hub.session_of(LOBBY, None).history(include_previous=True)
    assert [one.content for one in history] == ["part 1", "part 2"]
    assert len(await hub.session_of(LOBBY, None).previous(limit=9)) == 1
