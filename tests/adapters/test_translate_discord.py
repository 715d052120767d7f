"""Discord's messages as events: the odd ones that a bot meets."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from session_plugin import Account, Attachment, Chat
from session_plugin_discord.interactions import to_input_event
from session_plugin_discord.translate import CHANNEL, raw_chat, to_account, to_chat, to_event

BOT_ID, ANN_ID, MESSAGE_ID = (
    900_000_000_000_000_001,
    1_234_567_890_123_456_789,
    1_300_000_000_000_000_000,
)
ROOM, GUILD, THREAD, DM = (
    800_000_000_000_000_001,
    800_000_000_000_000_002,
    800_000_000_000_000_003,
    800_000_000_000_000_004,
)


def user(user_id: int, name: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": str(user_id),
        "username": name.lower(),
        "global_name": name,
        "discriminator": "0",
        "avatar": None,
        **fields,
    }


ANN = user(ANN_ID, "Ann")
BOT = user(BOT_ID, "Marvin", bot=True)


class World:
    """A client that never connected, with a guild, a room in it, a thread and a direct chat."""

    def __init__(self) -> None:
        self.client = discord.Client(intents=discord.Intents.default())
        self.state = self.client._connection
        self.guild = discord.Guild(
            data={"id": str(GUILD), "name": "Friends", "member_count": 1}, state=self.state
        )
        room = {
            "id": str(ROOM),
            "type": 0,
            "name": "general",
            "position": 0,
            "permission_overwrites": [],
        }
        self.room = discord.TextChannel(state=self.state, guild=self.guild, data=room)
        self.guild._add_channel(self.room)
        thread = {
            "id": str(THREAD),
            "type": 11,
            "name": "plans",
            "parent_id": str(ROOM),
            "owner_id": str(ANN_ID),
            "message_count": 0,
            "member_count": 1,
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": 60,
                "archive_timestamp": "2026-01-01T00:00:00+00:00",
            },
        }
        self.thread = discord.Thread(guild=self.guild, state=self.state, data=thread)
        self.dm = discord.DMChannel._from_message(self.state, DM)

    def payload(self, channel: Any = None, **fields: Any) -> Any:
        channel = self.room if channel is None else channel
        return {
            "id": str(MESSAGE_ID),
            "channel_id": str(channel.id),
            "author": ANN,
            "content": "",
            "timestamp": "2026-01-01T00:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "flags": 0,
            **fields,
        }

    def message(self, channel: Any = None, **fields: Any) -> discord.Message:
        channel = self.room if channel is None else channel
        return discord.Message(
            state=self.state, channel=channel, data=self.payload(channel, **fields)
        )

    def event(self, channel: Any = None, **fields: Any) -> Any:
        return to_event(self.message(channel, **fields), bot_id=BOT_ID)


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_persons_message_has_the_account_by_its_number_and_the_shown_name(
    world: World,
) -> None:
    found = world.event(content="hello")
    assert (found.author, found.author_name) == (Account(CHANNEL, "1234567890123456789"), "Ann")
    assert (found.message_id, found.role, found.edited_at) == (str(MESSAGE_ID), "user", None)
    assert found.chat == Chat(CHANNEL, str(ROOM), "group", bot_id=str(BOT_ID))
    assert found.chat.title == "Friends #general"


async def test_the_time_is_that_of_the_id(world: World) -> None:
    assert world.event(content="x").sent_at == discord.utils.snowflake_time(MESSAGE_ID).timestamp()


async def test_a_direct_chat_is_direct_and_a_thread_a_chat_of_its_own(world: World) -> None:
    assert world.event(world.dm, content="x").chat == Chat(
        CHANNEL, str(DM), "direct", bot_id=str(BOT_ID)
    )
    found = world.event(world.thread, content="x")
    assert (found.chat.chat_id, found.chat.thread_id, found.chat.kind) == (str(THREAD), "", "group")
    assert found.metadata["parent_id"] == str(ROOM)


async def test_a_channel_of_a_guild_that_is_not_known_is_a_group(world: World) -> None:
    unknown = discord.PartialMessageable(state=world.state, id=ROOM + 5, guild_id=GUILD + 5)
    found = world.event(unknown, content="x", guild_id=str(GUILD + 5))
    assert (found.chat.kind, found.chat.title) == ("group", "")
    assert found.metadata["guild_id"] == str(GUILD + 5)


async def test_a_raw_event_and_a_message_name_the_same_chat(world: World) -> None:
    assert raw_chat(DM, None, bot_id=BOT_ID) == to_chat(world.dm, None, bot_id=BOT_ID)
    assert raw_chat(ROOM, GUILD, bot_id=BOT_ID) == to_chat(world.room, world.guild, bot_id=BOT_ID)


async def test_a_webhook_and_another_bot_are_nobodys_user(world: World) -> None:
    webhook = world.event(
        content="x", webhook_id="77", author={**user(77, "News"), "discriminator": "0000"}
    )
    robot = world.event(content="x", author=user(78, "Robot", bot=True))
    assert [(one.author, one.author_name, one.role) for one in (webhook, robot)] == [
        (None, "News", "user"),
        (None, "Robot", "user"),
    ]


async def test_a_webhook_with_a_persons_id_is_still_nobody(world: World) -> None:
    assert world.event(content="x", webhook_id=str(ANN_ID)).author is None


async def test_an_answer_to_an_interaction_is_the_bots_although_it_has_a_webhook_id(
    world: World,
) -> None:
    metadata = {"id": "1", "type": 2, "user": ANN, "authorizing_integration_owners": {}}
    found = world.event(
        content="x", author=BOT, webhook_id=str(BOT_ID), type=20, interaction_metadata=metadata
    )
    assert (found.role, found.author, found.answers) == (
        "assistant",
        None,
        Account(CHANNEL, str(ANN_ID)),
    )


@pytest.mark.parametrize("author", [ANN, BOT], ids=["a person's", "the bot's"])
async def test_an_ephemeral_message_disguised_as_direct_is_left_out(
    world: World, author: dict[str, Any]
) -> None:
    channel = discord.DMChannel._from_message(world.state, ROOM)
    assert world.event(channel, content="only you see this", flags=64, author=author) is None


@pytest.mark.parametrize("kind", [1, 6, 7, 8, 18, 24], ids=str)
async def test_a_system_message_is_left_out(world: World, kind: int) -> None:
    assert world.event(content="Ann pinned a message", type=kind) is None


async def test_a_blank_message_is_left_out(world: World) -> None:
    assert world.event() is None


async def test_a_reply_names_its_message_and_the_bots_own_whom_it_answers(world: World) -> None:
    replied = {**world_message(ANN), "id": "55"}
    reference = {"message_id": "55", "channel_id": str(ROOM), "guild_id": str(GUILD)}
    found = world.event(
        content="x", type=19, author=BOT, message_reference=reference, referenced_message=replied
    )
    assert (found.reply_to, found.answers) == ("55", Account(CHANNEL, str(ANN_ID)))


async def test_a_reply_to_a_deleted_message_keeps_its_name_only(world: World) -> None:
    reference = {"message_id": "55", "channel_id": str(ROOM), "guild_id": str(GUILD)}
    found = world.event(
        content="x", type=19, author=BOT, message_reference=reference, referenced_message=None
    )
    assert (found.reply_to, found.answers) == ("55", None)


async def test_a_reply_to_a_webhook_answers_nobody(world: World) -> None:
    replied = {**world_message(ANN), "id": "55", "webhook_id": "77"}
    reference = {"message_id": "55", "channel_id": str(ROOM), "guild_id": str(GUILD)}
    found = world.event(
        content="x", type=19, author=BOT, message_reference=reference, referenced_message=replied
    )
    assert found.answers is None


def world_message(author: dict[str, Any]) -> dict[str, Any]:
    return {
        "channel_id": str(ROOM),
        "author": author,
        "content": "earlier",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "type": 0,
    }


def file(file_id: int, name: str, content_type: str | None = None) -> dict[str, Any]:
    made = {
        "id": str(file_id),
        "filename": name,
        "size": 5,
        "url": "https://cdn.example/x",
        "proxy_url": "https://cdn.example/y",
    }
    return made if content_type is None else {**made, "content_type": content_type}


async def test_files_are_described_without_their_links(world: World) -> None:
    found = world.event(attachments=[file(1, "a.png", "image/png"), file(2, "b.bin")])
    assert found.attachments == (
        Attachment(id="1", kind="photo", filename="a.png", content_type="image/png", size=5),
        Attachment(id="2", kind="document", filename="b.bin", size=5),
    )


async def test_a_sticker_or_a_poll_alone_is_a_message(world: World) -> None:
    sticker = world.event(sticker_items=[{"id": "9", "name": "wave", "format_type": 1}])
    poll = world.event(
        poll={
            "question": {"text": "Tea?"},
            "answers": [{"answer_id": 1, "poll_media": {"text": "yes"}}],
            "expiry": "2026-01-02T00:00:00+00:00",
            "allow_multiselect": False,
            "layout_type": 1,
        }
    )
    assert [(one.kind, one.filename) for one in (*sticker.attachments, *poll.attachments)] == [
        ("sticker", "wave"),
        ("poll", "Tea?"),
    ]


async def test_the_choices_of_a_poll_are_kept(world: World) -> None:
    answers = [
        {"answer_id": 1, "poll_media": {"text": "yes", "emoji": {"id": None, "name": "👍"}}},
        {"answer_id": 2, "poll_media": {"text": "no"}},
    ]
    found = world.event(
        poll={
            "question": {"text": "Tea?"},
            "answers": answers,
            "expiry": "2026-01-02T00:00:00+00:00",
            "allow_multiselect": True,
            "layout_type": 1,
        }
    )
    assert found.metadata["poll"] == {
        "question": "Tea?",
        "options": ["👍 yes", "no"],
        "allows_multiple_answers": True,
        "ends_at": 1_767_312_000.0,
    }


async def test_a_forward_says_which_message_it_repeats(world: World) -> None:
    snapshot = {
        "type": 0,
        "content": "said elsewhere",
        "embeds": [],
        "attachments": [],
        "timestamp": "2026-01-01T00:00:00+00:00",
        "edited_timestamp": None,
        "flags": 0,
    }
    found = world.event(
        message_reference={"type": 1, "message_id": "5", "channel_id": "6"},
        message_snapshots=[{"message": snapshot}],
    )
    assert (found.text, found.metadata["forwarded"]) == ("said elsewhere", True)
    assert found.metadata["quote"] == {"text": "said elsewhere", "message_id": "5", "chat_id": "6"}


@pytest.mark.parametrize(("first", "role"), [(ANN, "user"), (BOT, "assistant")])
async def test_a_thread_begins_with_the_words_of_whoever_said_what_it_is_about(
    world: World, first: dict[str, Any], role: str
) -> None:
    said = world.payload(content="the build is red", author=first, id="5")
    opened_by = BOT if first is ANN else ANN
    found = world.event(
        type=21,
        author=opened_by,
        message_reference={"type": 0, "message_id": "5", "channel_id": str(ROOM)},
        referenced_message=said,
    )
    person = {"person": str(ANN_ID)} if first is ANN else {}
    assert (found.text, found.role) == ("the build is red", role)
    assert found.author == (Account(CHANNEL, str(ANN_ID)) if first is ANN else None)
    assert found.metadata["quote"] == {
        "text": "the build is red",
        "message_id": "5",
        "chat_id": str(ROOM),
        **person,
    }


async def test_names_lose_what_changes_the_direction_of_writing(world: World) -> None:
    world.guild.name = "Friends\u202e"
    author = user(ANN_ID, "\u2067Ann\u202e")
    found = world.event(content="hi \u202eAnn", author=author)
    assert (found.author_name, found.chat.title) == ("Ann", "Friends #general")
    assert found.text == "hi \u202eAnn"


async def test_an_embed_is_kept_when_it_is_all_there_is_and_a_preview_is_not(world: World) -> None:
    embed = {"type": "rich", "title": "News"}
    assert [one.filename for one in world.event(embeds=[embed], author=BOT).attachments] == ["News"]
    assert world.event(content="https://example.com", embeds=[embed]).attachments == ()
    preview = {**embed, "url": "https://example.com"}
    found = world.event(content="https://example.com", embeds=[preview], author=BOT)
    assert (found.text, found.attachments) == ("https://example.com", ())


async def test_the_words_of_an_embed_are_what_a_bot_says_by_it_beside_a_text_too(
    world: World,
) -> None:
    embed = {
        "type": "rich",
        "title": "Capitals",
        "description": "The capital is Vienna.",
        "fields": [{"name": "Population", "value": "two million", "inline": True}],
        "author": {"name": "Marvin"},
        "footer": {"text": "asked by Ann"},
    }
    words = "Capitals\nThe capital is Vienna.\nPopulation: two million"
    assert world.event(embeds=[embed], author=BOT).text == words
    found = world.event(
        content="Here you are:", embeds=[embed, {"type": "rich", "image": {"url": "x"}}], author=BOT
    )
    assert found.text == f"Here you are:\n{words}"
    assert [one.filename for one in found.attachments] == ["Capitals", ""]


@pytest.mark.parametrize(
    ("content", "files"), [("said elsewhere", []), ("", [file(1, "a.png", "image/png")])]
)
async def test_a_forward_has_its_words_and_files_from_the_snapshot_and_is_marked(
    world: World, content: str, files: list[Any]
) -> None:
    snapshot = {
        "content": content,
        "embeds": [],
        "attachments": files,
        "timestamp": "2026-01-01T00:00:00+00:00",
        "edited_timestamp": None,
        "flags": 0,
        "mentions": [],
        "mention_roles": [],
        "type": 0,
    }
    reference = {"type": 1, "message_id": "55", "channel_id": "56"}
    found = world.event(message_reference=reference, message_snapshots=[{"message": snapshot}])
    assert (found.text, len(found.attachments), found.reply_to) == (content, len(files), None)
    assert found.metadata["forwarded"] is True
    snapshot |= {"content": "", "embeds": [{"type": "rich", "description": "said by an embed"}]}
    found = world.event(message_reference=reference, message_snapshots=[{"message": snapshot}])
    assert found.text == "said by an embed"


async def test_what_a_mention_stands_for_is_told_people_by_their_number(world: World) -> None:
    bob = user(77, "Bob")
    text = f"<@77> and <@!77> ask <@{BOT_ID}> in <#{ROOM}>"
    found = world.event(content=text, mentions=[bob, BOT, user(78, "Replied To")])
    assert found.metadata["mentions"] == [
        {"text": "<@77>", "account": "77"},
        {"text": "<@!77>", "account": "77"},
        {"text": f"<@{BOT_ID}>", "name": "Marvin"},
        {"text": f"<#{ROOM}>", "name": "#general"},
    ]
    assert "mentions" not in world.event(content="x", mentions=[bob]).metadata


async def test_an_edit_has_its_time(world: World) -> None:
    assert (
        world.event(content="x", edited_timestamp="2026-01-02T00:00:00+00:00").edited_at
        == 1_767_312_000.0
    )


async def test_content_is_kept_as_it_was_typed(world: World) -> None:
    text = f"<@{ANN_ID}> \u202bשלום\u202c **bold** \ud83d\n"
    assert world.event(content=text).text == text


async def test_a_bot_has_no_account(world: World) -> None:
    assert to_account(world.message(content="x", author=BOT).author) is None


def interaction(world: World, **fields: Any) -> discord.Interaction:
    data = {
        "id": str(MESSAGE_ID),
        "type": 2,
        "application_id": str(BOT_ID),
        "token": "t",
        "version": 1,
        "data": {"id": "1", "name": "say", "type": 1},
        "channel": {"id": str(DM), "type": 1, "recipients": []},
        "user": ANN,
        "context": 1,
        "attachment_size_limit": 0,
        **fields,
    }
    return discord.Interaction(data=data, state=world.state)


async def test_a_slash_command_in_ones_chat_with_somebody_else_is_in_no_chat_with_the_bot(
    world: World,
) -> None:
    world.state.http._HTTPClient__session = None
    assert to_input_event(interaction(world), bot_id=BOT_ID).chat.kind == "direct"
    assert to_input_event(interaction(world, context=2), bot_id=BOT_ID).chat.kind == "group"


async def test_a_mentionable_option_is_a_person_or_a_role(world: World) -> None:
    world.state.http._HTTPClient__session = None
    options = [
        {"name": "to", "type": 9, "value": str(ANN_ID)},
        {"name": "of", "type": 9, "value": "77"},
    ]
    data = {
        "id": "1",
        "name": "say",
        "type": 1,
        "options": options,
        "resolved": {"users": {str(ANN_ID): ANN}},
    }
    data["resolved"]["roles"] = {"77": {"id": "77", "name": "Cooks"}}
    found = to_input_event(interaction(world, data=data), bot_id=BOT_ID)
    assert found.text == f"/say to:<@{ANN_ID}> of:<@&77>"
    assert found.metadata["mentions"] == [
        {"text": f"<@{ANN_ID}>", "account": str(ANN_ID)},
        {"text": "<@&77>", "name": "Cooks"},
    ]
