"""One conversation across Discord and Telegram, without tokens and without a network.

Two simulators replace the platforms. `two_platform_bot.py` runs unchanged in its own process, with
the real discord.py and python-telegram-bot. The exit code is 1 if a claim does not hold.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from discord_simulator import DiscordSimulator
from session_plugin import Account, Chat, SessionHub
from telegram_simulator import TelegramSimulator

BOT = Path(__file__).with_name("two_platform_bot.py")
COLORS = {"Discord": "blue", "Telegram": "cyan"}
LINES = """\
hub = SessionHub("bot.db")
session_plugin_discord.install(bot, hub)
session_plugin_telegram.install(application, hub)"""

Simulator = DiscordSimulator | TelegramSimulator


@dataclass
class Story:
    """The output of the demo, and its claims."""

    console: Console
    claims: list[tuple[str, bool]] = field(default_factory=list)

    def chapter(self, title: str) -> None:
        self.console.print(f"\n[bold]{title}[/]")

    def line(self, where: str, who: str, text: str) -> None:
        color = COLORS[where]
        for number, part in enumerate(text.splitlines()):
            head = f"[{color}]{where:>8}[/] [bold]{who:>4}[/] " if number == 0 else " " * 14
            self.console.print(head + escape(part), highlight=False)

    def claim(self, text: str, *, holds: bool) -> None:
        self.claims.append((text, holds))
        self.console.print(f"{'[green]  holds[/]' if holds else '[red]  DOES NOT HOLD[/]'}  {text}")


@dataclass
class Person:
    """A person in one chat on one simulated platform."""

    story: Story
    simulator: Any
    where: str
    user: Any
    chat: Any
    last: Any = None

    async def say(self, text: str) -> str:
        """Write to the bot and return its answer."""
        self.story.line(self.where, self.user.name, text)
        self.last = await self.simulator.say(self.user, self.chat, text)
        return await self.hear()

    async def hear(self) -> str:
        """Return the bot's next message."""
        self.last = await self.simulator.answer(self.chat, after=self.last, timeout=10)
        text: str = self.last.text
        self.story.line(self.where, "bot", text)
        return text


@dataclass
class BotProcess:
    """A process that runs two_platform_bot.py."""

    environ: dict[str, str]
    simulators: tuple[Any, ...]
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, str(BOT), env=self.environ
        )
        for simulator in self.simulators:
            await simulator.connected(timeout=20)

    async def kill(self) -> None:
        """Kill it without a shutdown, as a crash or power failure would."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Stop it by SIGTERM and return its exit code."""
        if self.process is None or self.process.returncode is not None:
            return -1
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), timeout=10)


async def play(
    story: Story,
    discord: DiscordSimulator,
    telegram: TelegramSimulator,
    bot: BotProcess,
    database: Path,
) -> None:
    on_discord, on_telegram = discord.user("Ann"), telegram.user("Ann")
    bob = telegram.user("Bob")
    room = telegram.group("Friends", on_telegram, bob)
    ann_d = Person(story, discord, "Discord", on_discord, discord.direct_chat(on_discord))
    ann_t = Person(story, telegram, "Telegram", on_telegram, telegram.direct_chat(on_telegram))
    bob_t = Person(story, telegram, "Telegram", bob, telegram.direct_chat(bob))
    await bot.start()

    story.chapter("Ann writes to the bot on Discord. On Telegram it does not know her.")
    answer = await ann_d.say("My cat is called Tom.")
    unknown = await ann_t.say("/recap")
    story.claim("before linking, Telegram shows nothing from Discord", holds="Tom" not in unknown)

    await link(story, ann_d, ann_t)
    known = await ann_t.say("/recap")
    story.claim(
        "after linking, Telegram shows what she wrote on Discord",
        holds="[discord] Ann: My cat is called Tom." in known,
    )
    story.claim("and what the bot answered there", holds=f"[discord] me: {answer}" in known)

    found = await ann_t.say("/search tóm CAT")
    story.claim(
        "she finds on Telegram what she said on Discord",
        holds="discord, you: My cat is called Tom." in found,
    )
    again = await ann_t.say("/recap")
    story.claim("and the search itself is not in the conversation", holds="/search" not in again)

    story.chapter("Bob has not linked. The group has its own conversation.")
    story.claim("Bob sees nothing of it", holds="Tom" not in await bob_t.say("/recap"))
    story.claim("nor does he find it", holds="Tom" not in await bob_t.say("/search tom"))
    in_room = Person(story, telegram, "Telegram", on_telegram, room)
    story.claim("nor does a group that Ann is in", holds="Tom" not in await in_room.say("/recap"))

    story.chapter("Telegram delivers a message twice, as it does after a lost connection.")
    once = await telegram.say(on_telegram, ann_t.chat, "I moved to Lisbon.")
    first = await telegram.answer(ann_t.chat, after=once, timeout=10)
    await telegram.repeat(once, same_update=False)
    await telegram.answer(ann_t.chat, after=first, timeout=10)
    twice = await ann_d.say("!recap")
    story.claim("it is in the conversation once", holds=twice.count("I moved to Lisbon.") == 1)

    await crash(story, bot, ann_d, ann_t, database)


async def link(story: Story, ann_d: Person, ann_t: Person) -> None:
    story.chapter("She links the two: she requests a code here, types it there, confirms on both.")
    code = (await ann_d.say("!link")).split("Your code is ")[-1][:9]
    await ann_t.say(f"/link {code}")
    notice = await ann_d.hear()
    story.claim("the first account learns who typed the code", holds=str(ann_t.user.id) in notice)
    waiting = await ann_t.say("/link confirm")
    story.claim("one confirmation links nothing", holds=str(ann_d.user.id) in waiting)
    story.claim(
        "confirmed, both are one person", holds="Linked" in await ann_d.say("!link confirm")
    )
    story.claim("and the other account is notified", holds=str(ann_d.user.id) in await ann_t.hear())


async def crash(
    story: Story, bot: BotProcess, ann_d: Person, ann_t: Person, database: Path
) -> None:
    story.chapter(
        "Ann writes on both at once. Meanwhile the bot is killed (SIGKILL) and started again."
    )
    answered: list[str] = []

    is_busy = asyncio.Event()

    async def chat(person: Person, count: int) -> None:
        for number in range(count):
            text = f"{person.where} note {number}"
            message = await person.simulator.say(person.user, person.chat, text)
            await person.simulator.answer(person.chat, after=message, timeout=10)
            answered.append(text)
            if len(answered) >= 40:
                is_busy.set()

    talking = asyncio.gather(chat(ann_d, 1000), chat(ann_t, 1000))
    await asyncio.wait_for(is_busy.wait(), timeout=20)
    await bot.kill()
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    at_crash = len(answered)
    story.console.print(f"        killed after {at_crash} answers")
    await bot.start()
    await ann_t.say("Still there?")
    code = await bot.stop()
    story.claim("SIGTERM ends it cleanly", holds=code == 0)

    async with SessionHub(database) as hub:
        chat_of_ann = Chat("telegram", str(ann_t.chat.id), bot_id=str(ann_t.simulator.bot.id))
        session = hub.session_of(chat_of_ann, Account("telegram", str(ann_t.user.id)))
        kept = Counter(m.content for m in await session.history(limit=None) if m.role == "user")

    story.claim(
        f"all {at_crash} messages that were answered are there",
        holds=all(kept[text] for text in answered),
    )
    story.claim("and none of them twice", holds=all(kept[text] < 2 for text in answered))


def conclude(story: Story, seconds: float) -> bool:
    table = Table(title="What was shown", title_justify="left")
    table.add_column("")
    table.add_column("claim")

    for text, holds in story.claims:
        table.add_row("[green]yes[/]" if holds else "[red]NO[/]", text)

    story.console.print()
    story.console.print(table)
    story.console.print(
        f"In {seconds:.0f} seconds. For your own bot:\n\n{escape(LINES)}\n", highlight=False
    )
    return bool(story.claims) and all(holds for _, holds in story.claims)


def build(folder: Path) -> tuple[DiscordSimulator, TelegramSimulator, Path]:
    return DiscordSimulator(), TelegramSimulator(), folder / "demo.db"


async def run(story: Story, folder: Path) -> None:
    discord, telegram, database = build(folder)
    async with discord, telegram:
        environ = {
            **os.environ,
            **discord.environment(),
            **telegram.environment(),
            "SESSION_DATABASE": str(database),
        }
        bot = BotProcess(environ, (discord, telegram))
        try:
            await play(story, discord, telegram, bot, database)
        finally:
            await bot.stop()


def main() -> int:
    started = time.monotonic()
    story = Story(Console())
    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(run(story, Path(folder)))
        except TimeoutError as error:
            story.claim(f"the bot answers in time ({error})", holds=False)
    return 0 if conclude(story, time.monotonic() - started) else 1


if __name__ == "__main__":
    sys.exit(main())
