"""Every kind of message that stands on Discord, over sockets: what is kept of it, under whose name."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import discord
import pytest
from discord.ext import commands

import session_plugin_discord
from discord_simulator import DiscordSimulator
from session_plugin import SessionHub
from session_plugin_discord.testing import DiscordDriver


def accounts(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [
            row[0]
            for row in database.execute("SELECT channel_user_id FROM accounts ORDER BY account_no")
        ]


async def test_webhooks_and_other_bots_are_nobodys_user_whatever_they_are_called(
    on_discord: Any, hub: SessionHub, says: Any, path: Path
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub):
        await on_discord.say(ann, room, "mine")
        await on_discord.simulator.say_as_webhook("Ann", room, "a webhook's")
        await on_discord.simulator.say_as_bot("Ann", room, "a bot's")
        kept = await says(on_discord, room, ["mine", "a webhook's", "a bot's"])
    assert [(one.author_name, one.person) for one in kept] == [
        ("Ann", on_discord.account(ann)),
        ("Ann", None),
        ("Ann", None),
    ]
    assert accounts(path) == [str(ann.id)]


async def test_a_rename_is_the_same_person_and_the_old_name_is_nobody(
    on_discord: Any, hub: SessionHub, says: Any, path: Path
) -> None:
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.running(hub):
        await on_discord.say(ann, room, "I am Ann")
        ann.name, bob.name = "Anna", "Ann"
        await on_discord.say(ann, room, "I am still I")
        await on_discord.say(bob, room, "now I am Ann")
        kept = await says(on_discord, room, ["I am Ann", "I am still I", "now I am Ann"])
    people = [on_discord.account(one) for one in (ann, ann, bob)]
    assert [(one.author_name, one.person) for one in kept] == list(
        zip(("Ann", "Anna", "Ann"), people, strict=True)
    )


async def test_ids_are_kept_to_the_last_digit(
    on_discord: Any, hub: SessionHub, says: Any, path: Path
) -> None:
    """A snowflake has more digits than a number in JavaScript, or a float, can hold."""
    ann = on_discord.user("Ann")
    while int(float(ann.id)) == ann.id:
        ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.running(hub):
        said = await on_discord.say(ann, dm, "hello")
        (kept,) = await says(on_discord, dm, ["hello"])
    assert (kept.person.channel_user_id, kept.message_id, kept.chat.chat_id) == (
        str(ann.id),
        str(said.id),
        str(dm.id),
    )
    assert accounts(path) == [str(ann.id)]


async def test_an_arrival_a_pin_or_a_boost_is_nobodys_words(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub):
        await on_discord.simulator.system_message(room)
        await on_discord.say(ann, room, "hello")
        await says(on_discord, room, ["hello"])


async def test_messages_without_text_are_kept_by_what_hangs_on_them(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub):
        await on_discord.simulator.say(ann, room, "", attachments=[("cat.png", b"12345"), "notes"])
        await on_discord.simulator.say(ann, room, "", stickers=["wave"])
        await on_discord.simulator.say(ann, room, "", poll="Tea?")
        kept = await says(on_discord, room, ["", "", ""])
    assert [[(one.kind, one.filename) for one in message.attachments] for message in kept] == [
        [("photo", "cat.png"), ("document", "notes")],
        [("sticker", "wave")],
        [("poll", "Tea?")],
    ]
    assert kept[2].metadata["poll"]["options"] == ["yes", "no"]


async def test_a_forward_is_marked_as_not_the_senders_words(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room, other = on_discord.group("Friends", ann, bob), on_discord.group("Others", bob)
    async with on_discord.running(hub):
        original = await on_discord.say(bob, other, "said elsewhere")
        await on_discord.simulator.forward(bob, original, room)
        (kept,) = await says(on_discord, room, ["said elsewhere"])
    assert (kept.person, kept.reply_to) == (on_discord.account(bob), None)
    assert kept.metadata["forwarded"] is True


async def test_a_forward_of_the_bots_own_is_kept(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room, other = on_discord.group("Friends", ann), on_discord.group("Others", ann)
    bot = on_discord.make()

    @bot.command()
    async def share(ctx: commands.Context[Any]) -> None:
        await ctx.message.forward(bot.get_channel(other.id))

    on_discord.install(hub, into=bot)
    async with on_discord.started(bot):
        await on_discord.say(ann, room, "!share this")
        (kept,) = await says(on_discord, other, ["!share this"])
    assert (kept.role, kept.metadata["forwarded"], kept.person) == ("assistant", True, None)


async def test_a_poll_of_the_bots_own_is_kept(on_discord: Any, hub: SessionHub, says: Any) -> None:
    async def ask(turn: Any) -> None:
        poll = discord.Poll("Tea?", duration=timedelta(hours=1))
        poll.add_answer(text="yes")
        await turn.message.channel.send(poll=poll)

    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub, ask):
        await on_discord.say(ann, room, "ask them")
        _, kept = await says(on_discord, room, ["ask them", ""])
    assert [(one.kind, one.filename) for one in kept.attachments] == [("poll", "Tea?")]
    assert kept.metadata["poll"]["options"] == ["yes"]
    assert kept.person == on_discord.account(ann)


@pytest.mark.skipif(
    not hasattr(discord.ui, "LayoutView"), reason="discord.py knows layouts since 2.6"
)
async def test_words_that_are_laid_out_in_components_are_words(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    async def show(turn: Any) -> None:
        view = discord.ui.LayoutView()
        section = discord.ui.Section(
            "in a section", accessory=discord.ui.Button(label="press", custom_id="press")
        )
        view.add_item(discord.ui.Container(discord.ui.TextDisplay("in a container"), section))
        view.add_item(discord.ui.TextDisplay("at the end"))
        await turn.message.channel.send(view=view)

    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub, show):
        await on_discord.say(ann, room, "show me")
        await says(on_discord, room, ["show me", "in a container\nin a section\nat the end"])


async def test_markup_mentions_and_any_unicode_are_kept_as_they_were_typed(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    text = (
        f"<@{ann.id}> **bold** <b>not html</b> \u202bשלום\u202c \U0001f9d1\u200d\U0001f4bb "
        "\ud83d\n@everyone"
    )
    async with on_discord.running(hub):
        await on_discord.say(ann, room, text)
        await says(on_discord, room, [text])


async def test_guild_text_that_is_blank_for_want_of_the_intent_is_not_kept_and_is_said_once(
    on_discord: Any, hub: SessionHub, says: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ann = on_discord.user("Ann")
    room, dm = on_discord.group("Friends", ann), on_discord.direct_chat(ann)
    async with on_discord.running(hub, content=False):
        for number in range(3):
            said = await on_discord.say(ann, room, f"not for you {number}")
        await on_discord.edit(said, "nor this")
        await on_discord.say(ann, room, f"<@{on_discord.bot_id}> for you")
        await on_discord.say(ann, dm, "in private")
        await says(on_discord, room, [f"<@{on_discord.bot_id}> for you"])
        await says(on_discord, dm, ["in private"])
    ours = [
        one
        for one in caplog.records
        if one.name.startswith("session_plugin") and one.levelno >= logging.WARNING
    ]
    assert [one.levelname for one in ours] == ["WARNING"]
    assert "message_content" in ours[0].getMessage()


async def test_an_intent_that_the_portal_refuses_is_an_error_of_discords_and_leaves_no_lease(
    point_discord: Any, hub: SessionHub
) -> None:
    async with DiscordSimulator(message_content_enabled=False) as simulator:
        point_discord(simulator)
        driver = DiscordDriver(simulator)
        bot = driver.make()
        session_plugin_discord.install(bot, hub)
        with pytest.raises(discord.PrivilegedIntentsRequired):
            async with driver.connected(bot):
                pass
    assert not hub._parts.leases._held


async def test_a_deferred_answer_of_another_bots_is_kept_when_it_is_filled_in(
    on_discord: Any, hub: SessionHub, says: Any, path: Path
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.running(hub):
        said = await on_discord.simulator.say_as_bot("Robot", room, "their answer", answering=ann)
        await says(on_discord, room, ["their answer"])
        await on_discord.simulator.unfurl(said)
        await on_discord.say(ann, room, "last")
        kept = await says(on_discord, room, ["their answer", "last"])
    assert (kept[0].author_name, kept[0].person, kept[0].edited_at) == ("Robot", None, None)
    assert accounts(path) == [str(ann.id)]
