"""A link code that a group saw is worthless, wherever in a message it stood."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import discord
import pytest

import session_plugin_discord
from session_plugin import LinkRefused, SessionHub


async def write_a_file(driver: Any, user: Any, place: Any, code: str) -> None:
    await driver.say(user, place, "look", attachments=[(f"{code}.png", b"1")])


async def ask_a_poll(driver: Any, user: Any, place: Any, code: str) -> None:
    await driver.simulator.say(user, place, "", poll=f"Is it {code}?")


async def choose_in_a_poll(driver: Any, user: Any, place: Any, code: str) -> None:
    poll = discord.Poll("Which?", duration=timedelta(hours=1))
    poll.add_answer(text=code)
    await driver.bot.get_channel(place.id).send(poll=poll)


async def send_an_embed(driver: Any, user: Any, place: Any, code: str) -> None:
    embed = discord.Embed(title="News").set_footer(text=code)
    await driver.bot.get_channel(place.id).send("hello", embed=embed)


async def send_a_button(driver: Any, user: Any, place: Any, code: str) -> None:
    view = discord.ui.View()
    view.add_item(discord.ui.Button(label=code))
    await driver.bot.get_channel(place.id).send("press", view=view)


async def preview_a_link(driver: Any, user: Any, place: Any, code: str) -> None:
    said = await driver.say(user, place, "https://example.com/")
    await driver.simulator.unfurl(said, title=f"My code is {code}")


async def forward_a_file(driver: Any, user: Any, place: Any, code: str) -> None:
    elsewhere = driver.direct_chat(user)
    said = await driver.say(user, elsewhere, "look", attachments=[(f"{code}.png", b"1")])
    await driver.simulator.forward(user, said, place)


async def write_a_command(driver: Any, user: Any, place: Any, code: str) -> None:
    await driver.say(user, place, "!link", attachments=[(f"{code}.png", b"1")])


WAYS = [
    write_a_file,
    ask_a_poll,
    choose_in_a_poll,
    send_an_embed,
    send_a_button,
    preview_a_link,
    forward_a_file,
    write_a_command,
]


@pytest.mark.parametrize("way", WAYS)
async def test_a_code_that_a_group_saw_anywhere_in_a_message_is_burnt(
    on_discord: Any, hub: SessionHub, until: Any, way: Any
) -> None:
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.running(hub) as bot:
        on_discord.bot = bot
        await on_discord.say(ann, on_discord.direct_chat(ann), "hello")
        code = (await hub.request_link(on_discord.account(ann))).code
        await way(on_discord, ann, room, code)
        await on_discord.say(bob, room, "seen")
        await (await session_plugin_discord.session(await last(bot, room))).history()
    async with hub:
        with pytest.raises(LinkRefused):
            await hub.redeem_link(on_discord.account(bob), code)


@pytest.mark.parametrize("way", [write_a_file, ask_a_poll])
async def test_a_code_in_a_direct_chat_stays_good(
    on_discord: Any, hub: SessionHub, way: Any
) -> None:
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    async with on_discord.running(hub):
        dm = on_discord.direct_chat(ann)
        await on_discord.say(ann, dm, "hello")
        code = (await hub.request_link(on_discord.account(ann))).code
        await way(on_discord, ann, dm, code)
        await on_discord.history(hub, dm, count=2)
    async with hub:
        await hub.redeem_link(on_discord.account(bob), code)


async def last(bot: discord.Client, place: Any) -> discord.Message:
    """Return the newest message of a chat as the bot received it."""
    return await bot.get_channel(place.id).fetch_message(max(place.messages))
