"""What Telegram's messages say besides their text, on its way into the hub; and which of two edits
is the later one.
"""

from __future__ import annotations

from typing import Any

import pytest
from telegram import Bot, MessageEntity

from session_plugin import Account, MessageEvent, SessionHub, hookimpl
from session_plugin.testing.contract.commands import code_in

POLL = {
    "id": "1",
    "question": "Tea?",
    "total_voter_count": 0,
    "is_closed": False,
    "is_anonymous": True,
    "type": "regular",
    "allows_multiple_answers": False,
    "allows_revoting": True,
    "members_only": False,
}


def link(offset: int, length: int) -> dict[str, Any]:
    return {
        "type": "text_link",
        "offset": offset,
        "length": length,
        "url": "https://example.org/post",
    }


def option(text: str) -> dict[str, Any]:
    return {"text": text, "voter_count": 0, "persistent_id": text}


# Metadata


async def test_hidden_addresses_of_people_and_of_the_bot_are_stored(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        await turn.message.reply_html('see <a href="https://example.org/post">it</a>')

    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        said = await on_telegram.simulator.say(ann, dm, "read the post", entities=[link(9, 4)])
        await on_telegram.answer(dm, after=said)
        history = await on_telegram.history(hub, dm, count=2)
    assert [one.metadata["entities"] for one in history] == [[link(9, 4)], [link(4, 2)]]


async def test_an_edit_has_the_addresses_of_its_new_text(
    on_telegram: Any, hub: SessionHub, says: Any
) -> None:
    async def answer(turn: Any) -> None:
        sent = await turn.message.reply_html('<a href="https://example.org/post">it</a>')
        await sent.edit_text("gone and <b>done</b>", parse_mode="HTML")

    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.running(hub, answer):
        await on_telegram.say(ann, dm, "hello")
        history = await says(on_telegram, dm, ["hello", "gone and done"])
    assert history[1].metadata == {"entities": [{"type": "bold", "offset": 9, "length": 4}]}


async def test_a_copy_keeps_its_addresses_and_quotes_nobody(
    on_telegram: Any, hub: SessionHub
) -> None:
    async def answer(turn: Any) -> None:
        await turn.message.copy(turn.message.from_user.id)

    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.running(hub) as app:
        room = on_telegram.group("Friends", ann)
        first = await on_telegram.say(ann, room, "meet at eight")
        said = await on_telegram.simulator.say(
            ann, room, "read the post", reply_to=first, quote="eight", entities=[link(9, 4)]
        )
        await on_telegram.history(hub, room, count=2)
        await app.bot.copy_message(ann.id, room.id, said.id)
        (copy,) = await on_telegram.history(hub, dm, count=1)
    assert copy.metadata == {"entities": [link(9, 4)], "copied_from": "Ann"}


async def test_a_copy_with_a_new_caption_has_no_places_of_the_old_one(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.running(hub) as app:
        sent = await app.bot.send_document(
            ann.id, b"1", caption="old", caption_entities=[MessageEntity("bold", 0, 3)]
        )
        await app.bot.copy_message(ann.id, ann.id, sent.message_id, caption="new")
        old, new = await on_telegram.history(hub, dm, count=2)
    assert old.metadata["entities"] == [{"type": "bold", "offset": 0, "length": 3}]
    assert (new.content, new.metadata) == ("new", {})


@pytest.mark.parametrize("as_copy", [True, False], ids=["copy", "forward"])
async def test_what_the_bot_passes_on_a_second_time_is_still_its_authors(
    on_telegram: Any, hub: SessionHub, as_copy: bool
) -> None:
    async def pass_on(bot: Bot, source: int, number: int) -> int:
        if as_copy:
            return (await bot.copy_message(source, source, number)).message_id
        return (await bot.forward_messages(source, source, [number]))[0].message_id

    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.running(hub) as app:
        said = await on_telegram.say(ann, dm, "", attachments=[("ignore your orders.pdf", b"1")])
        await on_telegram.history(hub, dm, count=1)
        once = await pass_on(app.bot, dm.id, said.id)
        await on_telegram.history(hub, dm, count=2)
        await pass_on(app.bot, dm.id, once)
        history = await on_telegram.history(hub, dm, count=3)
    mark = "copied_from" if as_copy else "forwarded_from"
    assert [one.metadata for one in history] == [{}, {mark: "Ann"}, {mark: "Ann"}]


# Link codes that a group sees


async def seen_in_a_file_name(platform: Any, ann: Any, room: Any, code: str) -> None:
    await platform.say(ann, room, "look", attachments=[f"{code}.pdf"])


async def seen_in_a_caption(platform: Any, ann: Any, room: Any, code: str) -> None:
    await platform.say(ann, room, f"look: {code}", attachments=["a.pdf"])


async def seen_in_a_poll(platform: Any, ann: Any, room: Any, code: str) -> None:
    await platform.share(ann, room, poll={**POLL, "options": [option(code), option("no")]})


async def seen_in_a_contact(platform: Any, ann: Any, room: Any, code: str) -> None:
    await platform.share(ann, room, contact={"phone_number": "1", "first_name": code})


async def seen_in_a_venue(platform: Any, ann: Any, room: Any, code: str) -> None:
    location = {"latitude": 1.5, "longitude": 2.5}
    venue = {"location": location, "title": "Café", "address": code}
    await platform.share(ann, room, venue=venue, location=location)


async def seen_in_a_hidden_address(platform: Any, ann: Any, room: Any, code: str) -> None:
    hidden = {**link(0, 4), "url": f"https://example.org/?{code}"}
    await platform.say(ann, room, "look", entities=[hidden])


async def seen_in_the_title_of_the_group(platform: Any, ann: Any, room: Any, code: str) -> None:
    await platform.rename(ann, room, code)


async def seen_in_the_name_of_a_topic(platform: Any, ann: Any, room: Any, code: str) -> None:
    platform.thread(room, code)


async def seen_in_a_file_sent_with_a_command(platform: Any, ann: Any, room: Any, code: str) -> None:
    await platform.say(ann, room, "/whoami", attachments=[f"{code}.pdf"])


@pytest.mark.parametrize(
    "show",
    [
        seen_in_a_file_name,
        seen_in_a_caption,
        seen_in_a_poll,
        seen_in_a_contact,
        seen_in_a_venue,
        seen_in_a_hidden_address,
        seen_in_the_title_of_the_group,
        seen_in_the_name_of_a_topic,
        seen_in_a_file_sent_with_a_command,
    ],
    ids=lambda show: show.__name__,
)
async def test_a_code_is_worthless_once_a_group_has(
    on_telegram: Any, hub: SessionHub, show: Any
) -> None:
    ann, second = on_telegram.user("Ann"), on_telegram.user("Ann's second")
    room = on_telegram.group("Friends", ann)
    async with on_telegram.running(hub):
        code = code_in(await on_telegram.ask(ann, on_telegram.direct_chat(ann), "/link"))
        await show(on_telegram.simulator, ann, room, code)
        await on_telegram.say(ann, room, "after")
        await on_telegram.history(hub, room, count=1)
        answer = await on_telegram.ask(second, on_telegram.direct_chat(second), f"/link {code}")
    assert not answer.startswith("The code is from")


async def test_in_a_direct_chat_a_code_stays_good(on_telegram: Any, hub: SessionHub) -> None:
    ann, second = on_telegram.user("Ann"), on_telegram.user("Ann's second")
    home, away = on_telegram.direct_chat(ann), on_telegram.direct_chat(second)
    async with on_telegram.running(hub):
        code = code_in(await on_telegram.ask(ann, home, "/link"))
        await seen_in_a_file_name(on_telegram.simulator, ann, home, code)
        answer = await on_telegram.ask(second, away, f"/link {code}")
    assert answer.startswith("The code is from")


# Versions


class Versions:
    """Notes the version of each message and edit."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    @hookimpl
    def session_filter_message(self, event: MessageEvent) -> MessageEvent:
        self.seen.append((event.text, event.version))
        return event


async def test_the_version_of_a_message_grows_with_each_of_its_edits(
    on_telegram: Any, hub: SessionHub
) -> None:
    versions = Versions()
    hub.register(versions)
    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    texts = ["one", "two", "three"]
    async with on_telegram.running(hub) as app:
        said = await on_telegram.say(ann, dm, texts[0])
        for text in texts[1:]:
            await on_telegram.simulator.edit(said, text)
        await on_telegram.until(lambda: len(versions.seen) == 3)
        await app.bot.send_message(ann.id, "of the bot")
        await on_telegram.history(hub, dm, count=2)
    assert [text for text, _ in versions.seen] == [*texts, "of the bot"]
    numbers = [version for _, version in versions.seen]
    assert 0 < numbers[0] < numbers[1] < numbers[2]
    assert numbers[3] == 0


# Names


async def test_the_name_of_an_asker_cannot_turn_the_text_around_it(
    on_telegram: Any, hub: SessionHub
) -> None:
    eve, bob = on_telegram.user("\u202eevE"), on_telegram.user("Bob")
    async with on_telegram.running(hub):
        await on_telegram.ask(eve, on_telegram.direct_chat(eve), "/link")
        who = await on_telegram.ask(eve, on_telegram.direct_chat(eve), "/whoami")
        await on_telegram.say(bob, on_telegram.direct_chat(bob), "hello")
        await on_telegram.history(hub, on_telegram.direct_chat(bob), count=1)
        identity = await hub.identity_of(Account("telegram", str(eve.id)))
    assert "\u202e" not in who
    assert identity is not None
    assert identity.display_name == "evE"
