"""Draw the README's picture: two chats on two platforms, one conversation.

    python docs/pictures/one_conversation.py > docs/pictures/one_conversation.svg

Ann really writes: to a bot on the simulators of both platforms, and links her accounts in between.
The phones show what the simulators have, and the middle what the hub has. Every shape brings its
own colours, so the picture reads the same on a light and a dark page.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

from discord_simulator import DiscordSimulator
from session_plugin import SessionHub
from session_plugin_discord.testing import DiscordDriver
from session_plugin_telegram.testing import TelegramDriver
from telegram_simulator import TelegramSimulator

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from two_platform_bot import build_discord, build_telegram

WIDTH, HEIGHT = 940, 330
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
DISCORD, TELEGRAM, OURS, ARROW = "#5865F2", "#229ED9", "#0F766E", "#8B949E"
TEXT, FAINT = "#1F2328", "#656D76"


# What is said


async def respond(session):
    """Answer what is asked about a cat, from the conversation."""
    said = [message.content for message in await session.history()]
    named = [re.search(r"My cat is called (\w+)", text) for text in said]
    if "called" in session.event.text:
        return "What a nice name!"
    return next(f"{found[1]} is your cat." for found in named if found)


async def talk(database):
    """Let Ann write on both platforms; return what each phone shows, and the conversation."""
    hub = SessionHub(database)
    async with DiscordSimulator() as discord, TelegramSimulator() as telegram:
        drivers = DiscordDriver(discord), TelegramDriver(telegram)
        bots = (
            build_discord(hub, discord.environment(), respond),
            build_telegram(hub, telegram.environment(), respond),
        )
        people = [driver.user("Ann") for driver in drivers]
        chats = [driver.direct_chat(ann) for driver, ann in zip(drivers, people, strict=True)]

        async def ask(number, text):
            return await drivers[number].ask(people[number], chats[number], text)

        async with drivers[0].started(bots[0]), drivers[1].started(bots[1]):
            await ask(0, "My cat is called Tom.")
            code = (await ask(0, "!link")).split("Your code is ")[-1][:9]
            await ask(1, f"/link {code}")
            await ask(1, "/link confirm")
            await ask(0, "!link confirm")
            await drivers[1].told(chats[1], "Linked")
            await ask(1, "Who is Tom?")
            stored = await drivers[1].history(hub, chats[1], count=4)

        # Session commands are on the phones, too, and in no conversation.
        texts = [message.content for message in stored]
        phones = [
            [(one.is_from_bot, one.text) for one in discord.messages(chats[0])],
            [(one.is_from_bot, one.text) for one in telegram.messages(chats[1])],
        ]
        shown = [[bubble for bubble in phone if bubble[1] in texts] for phone in phones]

    said = [
        (one.channel.title(), "Bot" if one.role == "assistant" else one.author_name, one.content)
        for one in stored
    ]
    return shown, said


# The picture


def rect(x, y, width, height, *, fill, radius=12, stroke="none"):
    """A box with round corners."""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" '
        f'fill="{fill}" stroke="{stroke}"/>'
    )


def text(x, y, words, *, size=14, fill=TEXT, weight=400, anchor="start"):
    """A line of text, by its baseline."""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def phone(x, platform, color, bubbles):
    """A chat on a phone: what Ann says on the right, what the bot answers on the left."""
    width, top, height = 220, 14, 302
    yield rect(x, top, width, height, fill="#24292F", radius=28, stroke="#6E7781")
    yield rect(x + 8, top + 8, width - 16, height - 16, fill="#FFFFFF", radius=20)

    yield f'<path d="M{x + 8} {top + 62}v-34a20 20 0 0 1 20 -20h{width - 56}'
    yield f'a20 20 0 0 1 20 20v34z" fill="{color}"/>'
    yield f'<circle cx="{x + 38}" cy="{top + 36}" r="14" fill="#FFFFFF" fill-opacity="0.25"/>'
    yield text(x + 38, top + 41, platform[0], fill="#FFFFFF", weight=700, anchor="middle")
    yield text(x + 62, top + 41, platform, size=16, fill="#FFFFFF", weight=600)

    for number, (is_from_bot, words) in enumerate(bubbles):
        y = top + 86 + number * 54
        left, wide, fill, ink = (
            (20, 66, "#EAEEF2", TEXT) if is_from_bot else (32, 52, color, "#FFFFFF")
        )
        yield rect(x + left, y, width - wide, 40, fill=fill, radius=16)
        yield text(x + left + 14, y + 25, words, size=13, fill=ink)

    yield rect(x + 20, top + 252, width - 40, 30, fill="#F6F8FA", radius=15, stroke="#D0D7DE")
    yield text(x + 36, top + 272, "Message", size=13, fill="#8C959F")


def conversation(x, width, said):
    """The one conversation, with where each message was said."""
    top, height = 26, 278
    yield rect(x, top, width, height, fill="#FFFFFF", radius=16, stroke="#D0D7DE")
    yield f'<path d="M{x} {top + 52}v-36a16 16 0 0 1 16 -16h{width - 32}'
    yield f'a16 16 0 0 1 16 16v36z" fill="{OURS}"/>'
    yield text(x + 20, top + 33, "One conversation", size=16, fill="#FFFFFF", weight=600)
    yield text(x + width - 20, top + 33, "with Ann", size=14, fill="#FFFFFF", anchor="end")

    for number, (platform, who, words) in enumerate(said):
        y = top + 72 + number * 40
        color = DISCORD if platform == "Discord" else TELEGRAM
        yield rect(x + 16, y, 68, 24, fill=color, radius=12)
        yield text(x + 50, y + 16, platform, size=11, fill="#FFFFFF", weight=600, anchor="middle")
        yield text(x + 94, y + 17, who, size=13, weight=600)
        yield text(x + 132, y + 17, words, size=13)

    yield f'<path d="M{x + 16} {top + 240}h{width - 32}" stroke="#D0D7DE"/>'
    yield text(
        x + width / 2, top + 264, "SQLite or PostgreSQL", size=13, fill=FAINT, anchor="middle"
    )


def arrow(x, y, length, color):
    """A line with a head at both ends, below the command that made the link."""
    yield text(x + length / 2, y - 16, "/link", size=14, fill=color, weight=600, anchor="middle")
    end = x + length
    yield f'<path d="M{x + 6} {y}H{end - 6}" stroke="{color}" stroke-width="3"/>'
    yield f'<path d="M{x} {y}l10 -6v12zM{end} {y}l-10 -6v12z" fill="{color}"/>'


def picture(phones, said):
    """The whole picture, piece by piece."""
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="{FONT}" role="img" '
        'aria-labelledby="title">'
    )
    yield '<title id="title">Ann writes on Discord and on Telegram: one conversation.</title>'
    yield from phone(12, "Discord", DISCORD, phones[0])
    yield from conversation(310, 320, said)
    yield from phone(WIDTH - 232, "Telegram", TELEGRAM, phones[1])
    yield from arrow(242, 170, 58, ARROW)
    yield from arrow(640, 170, 58, ARROW)
    yield "</svg>"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        drawn = picture(*asyncio.run(talk(Path(folder) / "bot.db")))
    print("\n".join(drawn))  # noqa: T201 - the picture goes to standard output
