"""What a bot says by a webhook of its application is the bot's; other webhooks are nobody's."""

from __future__ import annotations

import asyncio
from typing import Any

import discord

import session_plugin_discord
from session_plugin import SessionHub


async def test_what_a_bot_says_edits_and_deletes_by_its_own_webhook_is_the_bots(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    webhooks: list[discord.Webhook] = []

    async def answer(turn: Any) -> None:
        if turn.message.webhook_id is not None:
            return
        if not webhooks:
            webhooks.append(await turn.message.channel.create_webhook(name="Captain"))
        await webhooks[0].send("Aye!", username="Captain Hook", wait=True)
        second = await webhooks[0].send("Nay", wait=True)
        await second.edit(content="Nay!")
        third = await webhooks[0].send("Hm", wait=True)
        await third.delete()

    ann = on_discord.user("Ann")
    room = on_discord.group("Ship", ann)
    async with on_discord.running(hub, answer):
        await on_discord.say(ann, room, "ahoy")
        _, aye, nay = await says(on_discord, room, ["ahoy", "Aye!", "Nay!"])
    assert {(one.role, one.person, one.chat.bot_id) for one in (aye, nay)} == {
        ("assistant", None, on_discord.bot_id)
    }
    assert [aye.author_name, nay.author_name] == ["Captain Hook", "Captain"]


async def test_a_webhook_of_the_bots_is_the_bots_although_nobody_waits_for_its_message(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    async def answer(turn: Any) -> None:
        if turn.message.webhook_id is None:
            await (await turn.message.channel.create_webhook(name="Captain")).send("Aye!")

    ann = on_discord.user("Ann")
    room = on_discord.group("Ship", ann)
    async with on_discord.running(hub, answer):
        await on_discord.say(ann, room, "ahoy")
        _, aye = await says(on_discord, room, ["ahoy", "Aye!"])
    assert aye.role == "assistant"


async def test_what_a_webhook_of_the_bots_said_is_the_bots_after_a_restart(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Ship", ann)
    first = on_discord.make()
    async with on_discord.connected(first):
        webhook = await first.get_channel(room.id).create_webhook(name="Captain")

    async with on_discord.running(hub) as bot:
        again = discord.Webhook.partial(webhook.id, webhook.token, client=bot)
        await again.send("Aye!", wait=True)
        (aye,) = await says(on_discord, room, ["Aye!"])
    assert aye.role == "assistant"


async def test_a_webhook_that_a_person_made_is_nobodys(
    on_discord: Any, hub: SessionHub, says: Any
) -> None:
    ann = on_discord.user("Ann")
    room = on_discord.group("Ship", ann)
    async with on_discord.running(hub) as bot:
        await bot.get_channel(room.id).create_webhook(name="Captain")
        await on_discord.simulator.say_as_webhook("Captain", room, "Aye!")
        (said,) = await says(on_discord, room, ["Aye!"])
    assert (said.role, said.person) == ("user", None)


async def test_a_bot_older_than_its_user_id_knows_its_webhooks_by_the_application(
    on_discord: Any,
) -> None:
    """The id of an application made before 2016 differs from its bot's."""
    ann = on_discord.user("Ann")
    room = on_discord.group("Ship", ann)
    bot = on_discord.make()
    heard: asyncio.Queue[discord.Message] = asyncio.Queue()
    bot.add_listener(heard.put, "on_message")
    async with on_discord.connected(bot):
        webhook = await bot.get_channel(room.id).create_webhook(name="Captain")
        await webhook.send("Aye!")
        message = await heard.get()
    to_event, application_id = session_plugin_discord.to_event, message.application_id
    assert to_event(message, bot_id=1, application_id=application_id).role == "assistant"
    assert to_event(message, bot_id=1).role == "user"
