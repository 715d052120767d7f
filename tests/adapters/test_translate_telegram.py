"""Telegram's messages as events: the odd ones that a bot meets."""

from __future__ import annotations

import json
from typing import Any

import pytest
import telegram
from telegram import Message, Update
from telegram import User as TelegramUser

from session_plugin import Account, Attachment, Chat
from session_plugin_telegram.content import MOST_SEEN, seen_text
from session_plugin_telegram.translate import CHANNEL, to_account, to_chat_and_account, to_event

BOT_ID = "7000000001"
ANN = {
    "id": 4_503_599_627_370_495,
    "is_bot": False,
    "first_name": "Ann",
    "last_name": "Lee",
    "username": "ann",
}
BOT = {"id": int(BOT_ID), "is_bot": True, "first_name": "Marvin"}
PRIVATE = {"id": ANN["id"], "type": "private", "first_name": "Ann", "last_name": "Lee"}
GROUP = {"id": -1_002_000_000_001, "type": "supergroup", "title": "Friends"}
NEWS = {"id": -1_002_000_000_002, "type": "channel", "title": "News"}
FAKE_ADMIN = {
    "id": 1_087_968_824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
TELEGRAM = {"id": 777_000, "is_bot": False, "first_name": "Telegram"}


def message(**fields: Any) -> Message:
    made = Message.de_json(
        {"message_id": 5, "date": 1_700_000_000, "chat": GROUP, "from": ANN, **fields}, None
    )
    assert made is not None
    return made


def event(**fields: Any) -> Any:
    return to_event(message(**fields), bot_id=BOT_ID)


def test_a_persons_message_has_the_account_by_its_number_and_the_full_name() -> None:
    found = event(text="hello", chat=PRIVATE)
    assert found.author == Account(CHANNEL, "4503599627370495")
    assert (found.author_name, found.role, found.sent_at) == ("Ann Lee", "user", 1_700_000_000.0)
    assert found.chat == Chat(CHANNEL, "4503599627370495", "direct", bot_id=BOT_ID)


def test_a_username_plays_no_part() -> None:
    assert (
        event(text="x").author
        == event(text="x", **{"from": {**ANN, "username": "somebody_else"}}).author
    )


@pytest.mark.parametrize(
    "sender", [GROUP, NEWS], ids=["anonymous administrator", "channel identity"]
)
def test_what_is_said_in_the_name_of_a_chat_is_nobodys(sender: dict[str, Any]) -> None:
    found = event(text="hello", sender_chat=sender, **{"from": FAKE_ADMIN})
    assert (found.author, found.author_name, found.role) == (None, sender["title"], "user")


def test_an_automatic_forward_of_the_linked_channel_is_not_telegrams_own() -> None:
    assert (
        event(text="post", sender_chat=NEWS, is_automatic_forward=True, **{"from": TELEGRAM}).author
        is None
    )


def test_nobody_is_behind_an_automatic_forward() -> None:
    said = {
        "message_id": 5,
        "date": 1,
        "chat": GROUP,
        "from": TELEGRAM,
        "sender_chat": NEWS,
        "text": "x",
    }
    place = to_chat_and_account(
        Update.de_json({"update_id": 1, "message": said}, None), bot_id=BOT_ID
    )
    assert place == (Chat(CHANNEL, str(GROUP["id"]), "group", bot_id=BOT_ID), None)


def test_whoever_presses_a_button_is_behind_it_and_not_who_wrote_above_it() -> None:
    said = {
        "message_id": 5,
        "date": 1,
        "chat": GROUP,
        "from": FAKE_ADMIN,
        "sender_chat": GROUP,
        "text": "x",
    }
    query = {"id": "1", "from": ANN, "chat_instance": "1", "message": said}
    place = to_chat_and_account(
        Update.de_json({"update_id": 1, "callback_query": query}, None), bot_id=BOT_ID
    )
    assert place is not None
    assert place[1] == Account(CHANNEL, str(ANN["id"]))


def test_an_anonymous_administrators_title_is_shown() -> None:
    found = event(text="hello", sender_chat=GROUP, author_signature="Boss", **{"from": FAKE_ADMIN})
    assert found.author_name == "Friends (Boss)"


def test_a_channel_post_has_no_sender_at_all() -> None:
    found = event(text="post", chat=NEWS, sender_chat=NEWS, **{"from": None})
    assert (found.author, found.author_name, found.chat.kind) == (None, "News", "group")


def test_another_bot_is_nobodys_user_and_no_assistant() -> None:
    found = event(text="beep", **{"from": {"id": 99, "is_bot": True, "first_name": "Robot"}})
    assert (found.author, found.role, found.author_name) == (None, "user", "Robot")


def test_the_bots_own_words_in_a_private_chat_answer_its_person() -> None:
    found = event(text="hello", chat=PRIVATE, **{"from": BOT})
    assert (found.role, found.author, found.answers) == (
        "assistant",
        None,
        Account(CHANNEL, str(ANN["id"])),
    )


def test_the_bots_own_reply_in_a_group_answers_whom_it_replies_to() -> None:
    replied = {"message_id": 4, "date": 1, "chat": GROUP, "from": ANN, "text": "hello"}
    found = event(text="hello", reply_to_message=replied, **{"from": BOT})
    assert (found.answers, found.reply_to) == (Account(CHANNEL, str(ANN["id"])), "4")


def test_the_bots_reply_to_an_anonymous_administrator_answers_nobody() -> None:
    replied = {
        "message_id": 4,
        "date": 1,
        "chat": GROUP,
        "from": FAKE_ADMIN,
        "sender_chat": GROUP,
        "text": "hello",
    }
    assert event(text="hello", reply_to_message=replied, **{"from": BOT}).answers is None


def test_the_bot_is_known_by_its_id_not_by_being_a_bot() -> None:
    assert to_event(message(text="x", **{"from": BOT}), bot_id="1").role == "user"


def test_a_topic_is_named_only_if_telegram_says_it_is_one() -> None:
    assert event(text="x", message_thread_id=7).chat.thread_id == ""
    assert event(text="x", message_thread_id=7, is_topic_message=True).chat.thread_id == "7"


def test_what_opens_a_topic_is_no_message_that_is_replied_to() -> None:
    opening = {
        "message_id": 7,
        "date": 1,
        "chat": GROUP,
        "forum_topic_created": {"name": "plans", "icon_color": 1},
    }
    found = event(text="x", message_thread_id=7, is_topic_message=True, reply_to_message=opening)
    assert found.reply_to is None


def test_a_reply_across_chats_names_no_message_of_this_one() -> None:
    replied = {"message_id": 4, "date": 1, "chat": NEWS, "text": "post"}
    assert event(text="x", reply_to_message=replied).reply_to is None


@pytest.mark.skipif(
    telegram.__version_info__ < (22, 4), reason="python-telegram-bot knows them from 22.4 on"
)
def test_the_direct_messages_of_a_channel_are_apart_for_each_person() -> None:
    chat = {
        "id": -1_002_000_000_003,
        "type": "supergroup",
        "title": "News",
        "is_direct_messages": True,
        "is_forum": True,
    }
    threads = [
        event(text="x", chat=chat, direct_messages_topic={"topic_id": n}).chat.thread_id
        for n in (1, 2)
    ]
    assert threads == ["1", "2"]


def test_a_business_accounts_chat_is_another_than_the_persons_own_and_like_a_group() -> None:
    own, business = (
        event(text="x", chat=PRIVATE),
        event(text="x", chat=PRIVATE, business_connection_id="b1"),
    )
    assert own.chat == Chat(CHANNEL, str(ANN["id"]), bot_id=BOT_ID)
    assert business.chat == Chat(CHANNEL, f"b1:{ANN['id']}", "group", bot_id=BOT_ID)
    assert business.author == own.author


def test_what_the_bot_says_for_a_business_account_is_its_own_and_answers_the_other_side() -> None:
    owner = {"id": 77, "is_bot": False, "first_name": "Olga"}
    said = event(
        text="x",
        chat=PRIVATE,
        **{"from": owner},
        business_connection_id="b1",
        sender_business_bot=BOT,
    )
    assert (said.role, said.author, said.answers) == (
        "assistant",
        None,
        Account(CHANNEL, str(ANN["id"])),
    )


def test_what_another_bot_says_for_a_business_account_is_nobodys() -> None:
    said = event(
        text="x", chat=PRIVATE, business_connection_id="b1", sender_business_bot={**BOT, "id": 5}
    )
    assert (said.role, said.author, said.answers) == ("user", None, None)


def test_a_reply_to_another_chat_says_where() -> None:
    origin = {"type": "user", "date": 1, "sender_user": ANN}
    said = event(text="x", external_reply={"origin": origin, "chat": NEWS, "message_id": 7})
    assert (said.reply_to, said.metadata["replies_to"]) == (
        None,
        {"chat_id": str(NEWS["id"]), "message_id": "7"},
    )


def test_a_poll_a_sticker_and_a_place_say_what_they_are() -> None:
    options = [{"text": text, "voter_count": 0, "persistent_id": text} for text in ("yes", "no")]
    flags = {
        "is_closed": False,
        "is_anonymous": True,
        "allows_multiple_answers": False,
        "allows_revoting": True,
    }
    poll = {
        "id": "1",
        "question": "Tea?",
        "options": options,
        "total_voter_count": 0,
        "type": "regular",
        **flags,
    }
    assert event(poll={**poll, "members_only": False}).metadata["poll"] == {
        "question": "Tea?",
        "options": ["yes", "no"],
    }
    place = {"latitude": 1.5, "longitude": 2.5}
    assert event(location=place).metadata["location"] == place


@pytest.mark.skipif(
    telegram.__version_info__ < (22, 3), reason="python-telegram-bot knows them from 22.3 on"
)
def test_a_checklist_says_what_is_on_it() -> None:
    found = event(
        checklist={
            "title": "Shopping",
            "tasks": [{"id": 1, "text": "milk"}, {"id": 2, "text": "bread"}],
        }
    )
    assert [one.kind for one in found.attachments] == ["checklist"]
    assert found.metadata["checklist"] == {"title": "Shopping", "tasks": ["milk", "bread"]}


@pytest.mark.parametrize(
    "service",
    [
        {"new_chat_members": [ANN]},
        {"left_chat_member": ANN},
        {"new_chat_title": "New"},
        {"pinned_message": {"message_id": 1, "date": 1, "chat": GROUP, "text": "pinned"}},
        {"migrate_to_chat_id": -1},
        {"migrate_from_chat_id": -1},
        {"group_chat_created": True},
        {"forum_topic_closed": {}},
    ],
    ids=lambda service: next(iter(service)),
)
def test_a_service_message_is_nobodys_words(service: dict[str, Any]) -> None:
    assert event(**service) is None


def test_a_caption_is_the_text_of_a_file() -> None:
    file = {
        "file_id": "f",
        "file_unique_id": "u",
        "file_name": "a.pdf",
        "mime_type": "application/pdf",
        "file_size": 9,
    }
    found = event(caption="look", document=file)
    assert found.text == "look"
    assert found.attachments == (
        Attachment(
            id="f", kind="document", filename="a.pdf", content_type="application/pdf", size=9
        ),
    )


def test_of_a_photo_the_largest_size_is_kept() -> None:
    sizes = [
        {"file_id": f"f{n}", "file_unique_id": f"u{n}", "width": n, "height": n, "file_size": n}
        for n in (1, 2, 3)
    ]
    assert event(photo=sizes).attachments == (Attachment(id="f3", kind="photo", size=3),)


@pytest.mark.parametrize(
    ("field", "content", "kind"),
    [
        ("voice", {"file_id": "f", "file_unique_id": "u", "duration": 1}, "voice"),
        (
            "video_note",
            {"file_id": "f", "file_unique_id": "u", "duration": 1, "length": 1},
            "videonote",
        ),
        (
            "sticker",
            {
                "file_id": "f",
                "file_unique_id": "u",
                "width": 1,
                "height": 1,
                "is_animated": False,
                "is_video": False,
                "type": "regular",
            },
            "sticker",
        ),
        ("location", {"longitude": 1.0, "latitude": 2.0}, "location"),
        ("contact", {"phone_number": "1", "first_name": "Bob"}, "contact"),
        ("dice", {"value": 3, "emoji": "🎲"}, "dice"),
    ],
)
def test_whatever_else_is_sent_is_kept_as_an_attachment(
    field: str, content: dict[str, Any], kind: str
) -> None:
    found = event(**{field: content})
    assert (found.text, [one.kind for one in found.attachments]) == ("", [kind])


def test_a_forward_is_marked_as_not_the_senders_own_words() -> None:
    origin = {
        "type": "user",
        "date": 1,
        "sender_user": {"id": 3, "is_bot": False, "first_name": "Bob"},
    }
    found = event(text="said Bob", forward_origin=origin)
    assert (found.author, found.metadata["forwarded_from"]) == (
        Account(CHANNEL, str(ANN["id"])),
        "Bob",
    )


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ({"type": "hidden_user", "date": 1, "sender_user_name": "Bob"}, "Bob"),
        ({"type": "chat", "date": 1, "sender_chat": GROUP}, "Friends"),
        ({"type": "channel", "date": 1, "chat": NEWS, "message_id": 1}, "News"),
    ],
)
def test_a_forward_is_marked_with_the_name_that_is_shown_whoever_it_is_of(
    origin: dict[str, Any], name: str
) -> None:
    assert event(text="said by others", forward_origin=origin).metadata["forwarded_from"] == name


def test_an_edit_has_its_own_time_and_the_message_its_old_one() -> None:
    found = event(text="x", edit_date=1_700_000_060)
    assert (found.sent_at, found.edited_at) == (1_700_000_000.0, 1_700_000_060.0)


def test_a_quote_and_the_bot_in_between_are_noted() -> None:
    found = event(text="x", quote={"text": "part", "position": 0}, via_bot=BOT, media_group_id="g")
    assert found.metadata == {
        "quote": {"text": "part"},
        "via_bot": "Marvin",
        "media_group_id": "g",
    }


QUOTE = {"text": "part", "position": 0}
ORIGIN = {"type": "user", "date": 1, "sender_user": ANN}


def replied(chat: dict[str, Any]) -> dict[str, Any]:
    return {"message_id": 4, "date": 1, "chat": chat, "text": "a part of it"}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        (
            {"reply_to_message": replied(GROUP)},
            {"chat_id": str(GROUP["id"]), "message_id": "4"},
        ),
        (
            {
                "chat": PRIVATE,
                "business_connection_id": "b1",
                "reply_to_message": replied(PRIVATE),
            },
            {"chat_id": f"b1:{ANN['id']}", "message_id": "4"},
        ),
        (
            {"external_reply": {"origin": ORIGIN, "chat": NEWS, "message_id": 7}},
            {"chat_id": str(NEWS["id"]), "message_id": "7"},
        ),
        ({"external_reply": {"origin": ORIGIN}}, {}),
    ],
    ids=["same chat", "business chat", "other chat", "private chat elsewhere"],
)
def test_a_quotation_names_the_message_that_is_quoted(
    fields: dict[str, Any], place: dict[str, str]
) -> None:
    found = event(text="x", quote=QUOTE, **fields)
    assert found.metadata["quote"] == {"text": "part", **place}


# Entities


def entity(kind: str, offset: int, length: int, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "offset": offset, "length": length, **fields}


@pytest.mark.parametrize("field", ["text", "caption"])
def test_the_address_behind_words_is_stored_with_their_place(field: str) -> None:
    link = entity("text_link", 5, 7, url="https://example.org/post")
    content = {"photo": [PHOTO]} if field == "caption" else {}
    entities = {"entities" if field == "text" else "caption_entities": [link]}

    found = event(**{field: "Read the article"}, **entities, **content)
    assert found.metadata["entities"] == [link]


def test_places_count_characters_as_python_does_and_not_utf_16() -> None:
    text = "🐈‍⬛🐈 print(1) 🐈 here"
    code = entity("pre", 7, 8, language="python")
    link = entity("text_link", 19, 4, url="https://example.org")

    found = event(text=text, entities=[code, link]).metadata["entities"]
    places = [(one["offset"], one["offset"] + one["length"]) for one in found]
    assert [text[start:end] for start, end in places] == ["print(1)", "here"]
    assert found[0]["language"] == "python"


def test_a_mention_of_somebody_without_a_username_has_their_id() -> None:
    bob = {"id": 3_000_000_001, "is_bot": False, "first_name": "Bob"}
    mention = entity("text_mention", 0, 3, user=bob)
    assert event(text="Bob, look", entities=[mention]).metadata["entities"] == [
        entity("text_mention", 0, 3, user_id="3000000001")
    ]


@pytest.mark.parametrize(
    "kind",
    ["bold", "italic", "underline", "strikethrough", "spoiler", "blockquote", "code"],
)
def test_formatting_is_stored(kind: str) -> None:
    assert event(text="word", entities=[entity(kind, 0, 4)]).metadata["entities"] == [
        entity(kind, 0, 4)
    ]


def test_what_an_unknown_entity_says_is_stored() -> None:
    new = entity("hologram", 0, 4, colour="red")
    assert event(text="word", entities=[new]).metadata["entities"] == [new]


@pytest.mark.parametrize(
    "kind", ["mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"]
)
def test_what_the_text_shows_by_itself_is_not_stored_twice(kind: str) -> None:
    assert event(text="word", entities=[entity(kind, 0, 4)]).metadata == {}


def test_the_address_of_a_preview_is_stored() -> None:
    found = event(text="look", link_preview_options={"url": "https://example.org"})
    assert found.metadata == {"link_preview": "https://example.org"}


# What is said without words

PHOTO = {"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}
FILE = {"file_id": "f", "file_unique_id": "u"}
QUIZ = {
    "id": "1",
    "question": "Capital of Austria?",
    "options": [
        {"text": text, "voter_count": 3, "persistent_id": text} for text in ("Graz", "Vienna")
    ],
    "total_voter_count": 6,
    "type": "quiz",
    "is_closed": False,
    "is_anonymous": True,
    "allows_multiple_answers": True,
    "allows_revoting": True,
    "members_only": False,
    "explanation": "See there",
    "explanation_entities": [entity("text_link", 4, 5, url="https://example.org")],
}


@pytest.mark.parametrize(
    ("name", "content", "stored"),
    [
        (
            "contact",
            {"phone_number": "+43 1", "first_name": "Bob", "last_name": "Ray", "user_id": 3},
            {"phone_number": "+43 1", "first_name": "Bob", "last_name": "Ray", "user_id": "3"},
        ),
        (
            "venue",
            {
                "location": {"latitude": 1.5, "longitude": 2.5},
                "title": "Café Central",
                "address": "Herrengasse 14",
                "google_place_id": "g",
            },
            {"title": "Café Central", "address": "Herrengasse 14", "google_place_id": "g"},
        ),
        (
            "location",
            {"latitude": 1.5, "longitude": 2.5, "live_period": 60, "heading": 90},
            {"latitude": 1.5, "longitude": 2.5, "live_period": 60, "heading": 90},
        ),
        (
            "poll",
            QUIZ,
            {
                "question": "Capital of Austria?",
                "options": ["Graz", "Vienna"],
                "type": "quiz",
                "allows_multiple_answers": True,
                "explanation": "See there",
                "explanation_entities": QUIZ["explanation_entities"],
            },
        ),
        (
            "game",
            {"title": "Chess", "description": "For two", "photo": [PHOTO], "text": "Score: 3"},
            {"title": "Chess", "description": "For two", "text": "Score: 3"},
        ),
        (
            "invoice",
            {
                "title": "Tea",
                "description": "Green",
                "start_parameter": "x",
                "currency": "EUR",
                "total_amount": 250,
            },
            {"title": "Tea", "description": "Green", "currency": "EUR", "total_amount": 250},
        ),
        (
            "audio",
            {**FILE, "duration": 61, "title": "Waltz", "performer": "Strauss"},
            {"duration": 61, "title": "Waltz", "performer": "Strauss"},
        ),
        ("voice", {**FILE, "duration": 9}, {"duration": 9}),
        (
            "story",
            {"chat": NEWS, "id": 5},
            {"name": "News", "chat_id": str(NEWS["id"]), "story_id": "5"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_said_without_words_is_in_the_metadata(
    name: str, content: dict[str, Any], stored: dict[str, Any]
) -> None:
    metadata = event(**{name: content}).metadata
    assert metadata[name] == stored
    assert json.loads(json.dumps(metadata)) == metadata


@pytest.mark.skipif(
    telegram.__version_info__ < (22, 3), reason="python-telegram-bot knows them from 22.3 on"
)
def test_a_checklist_says_what_is_done() -> None:
    tasks = [{"id": 1, "text": "milk"}, {"id": 2, "text": "bread", "completion_date": 5}]
    found = event(checklist={"title": "Shopping", "tasks": tasks})
    assert found.metadata["checklist"] == {
        "title": "Shopping",
        "tasks": ["milk", "bread"],
        "done": [1],
    }


# Names


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u2069", "\u200f", "\u061c"])
def test_no_name_changes_the_direction_of_what_is_written_around_it(mark: str) -> None:
    name = f"gpj{mark}.exe"
    eve = {"id": 3, "is_bot": False, "first_name": name}
    group = {**GROUP, "title": name}
    file = {**FILE, "file_name": name}

    said = event(
        document=file,
        chat=group,
        via_bot={**eve, "is_bot": True},
        forward_origin={"type": "user", "date": 1, "sender_user": eve},
        **{"from": eve},
    )
    signed = event(
        text="x", sender_chat=group, author_signature=name, chat=group, **{"from": FAKE_ADMIN}
    )

    names = [said.author_name, said.chat.title, said.attachments[0].filename]
    names += [said.metadata["via_bot"], said.metadata["forwarded_from"]]
    assert names == ["gpj.exe"] * 5
    assert signed.author_name == "gpj.exe (gpj.exe)"


# What a chat saw


@pytest.mark.parametrize(
    "fields",
    [
        {"document": {**FILE, "file_name": "CODE.pdf"}},
        {"poll": {**QUIZ, "question": "CODE"}},
        {"poll": {**QUIZ, "options": [{"text": "CODE", "voter_count": 0, "persistent_id": "1"}]}},
        {"contact": {"phone_number": "1", "first_name": "CODE"}},
        {"venue": {"location": {"latitude": 1, "longitude": 1}, "title": "x", "address": "CODE"}},
        {"audio": {**FILE, "duration": 1, "title": "CODE"}},
        {"new_chat_title": "CODE"},
        {"forum_topic_created": {"name": "CODE", "icon_color": 1}},
        {"text": "x", "entities": [entity("text_link", 0, 1, url="https://example.org/CODE")]},
        {"text": "x", "quote": {"text": "CODE", "position": 0}},
        {"text": "x", "reply_to_message": {**replied(GROUP), "text": "CODE"}},
        {"text": "x", "reply_to_message": {**replied(GROUP), "caption": "CODE"}},
        {"pinned_message": {**replied(GROUP), "text": "CODE"}},
    ],
    ids=lambda fields: next(reversed(fields)),
)
def test_the_text_that_a_chat_sees_is_found_wherever_it_is(fields: dict[str, Any]) -> None:
    assert "CODE" in seen_text(message(**fields))


def test_ids_and_the_text_itself_are_not_among_it() -> None:
    said = message(
        caption="the text",
        document={**FILE, "file_name": "a.pdf", "mime_type": "application/pdf"},
        media_group_id="g",
    )
    assert seen_text(said) == "a.pdf"


def test_no_more_of_it_is_searched_than_a_bound() -> None:
    options = [{"text": "x" * 5000, "voter_count": 0, "persistent_id": "1"}] * 10
    assert len(seen_text(message(poll={**QUIZ, "options": options}))) <= MOST_SEEN


def test_nobody_and_bots_have_no_account() -> None:
    assert to_account(None) is None
    assert to_account(TelegramUser(1, "Robot", is_bot=True)) is None
