"""One conversation across Discord and Telegram, without tokens and without a network.

Two simulators replace the platforms, and a script the model of the agents. `two_platform_bot.py`,
`agent_bot.py` and `agent_bot_pydantic_ai.py` run unchanged in processes of their own, with the real
client libraries and frameworks. The exit code is 1 if a claim does not hold, and 130 after Ctrl-C.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from discord_simulator import DiscordSimulator
from model_server import ModelServer
from session_plugin import SessionHub
from stage import PATIENCE, BotProcess, Person, Story, link, slash
from telegram_simulator import TelegramSimulator

HERE = Path(__file__).parent
AGENTS = {
    "agent_bot.py": "the Agents SDK",
    "agent_bot_pydantic_ai.py": "pydantic-ai",
}
LINES = """\
hub = SessionHub("bot.db")
session_plugin_discord.install(bot, hub)
session_plugin_telegram.install(application, hub)"""

Stage = tuple[DiscordSimulator, TelegramSimulator, BotProcess]


async def play(
    story: Story,
    discord: DiscordSimulator,
    telegram: TelegramSimulator,
    bot: BotProcess,
    database: Path,
) -> None:
    ann_d, ann_t = cast(story, discord, telegram)
    bob = telegram.user("Bob")
    room = telegram.group("Friends", ann_t.user, bob)
    bob_t = Person(story, telegram, "Telegram", bob, telegram.direct_chat(bob))
    in_room = Person(story, telegram, "Telegram", ann_t.user, room)
    await bot.start()

    story.chapter("Ann writes to the bot on Discord. On Telegram it does not know her.")
    answer = await ann_d.say("My cat is called Tom.")
    unknown = await ann_t.say("/recap")
    story.claim("before linking, Telegram shows nothing from Discord", holds="Tom" not in unknown)

    story.chapter("She links the two: she requests a code here, types it there, confirms on both.")
    notice, waiting, linked, told = await link(ann_d, ann_t)
    story.claim("the first account learns who typed the code", holds=str(ann_t.user.id) in notice)
    story.claim("one confirmation links nothing", holds=str(ann_d.user.id) in waiting)
    story.claim("confirmed, both are one person", holds="Linked" in linked)
    story.claim("and the other account is notified", holds=str(ann_d.user.id) in told)
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
    story.claim("nor does a group that Ann is in", holds="Tom" not in await in_room.say("/recap"))

    await repeat(story, discord, telegram, ann_d, ann_t)
    await crash(story, bot, ann_d, ann_t, database)


async def repeat(
    story: Story,
    discord: DiscordSimulator,
    telegram: TelegramSimulator,
    ann_d: Person,
    ann_t: Person,
) -> None:
    story.chapter("The owner lets Discord offer slash commands.")
    owner = Person(story, discord, "Discord", discord.owner, discord.direct_chat(discord.owner))
    await owner.say("!sync")
    offered = await slash(story, discord, ann_d, "recap")
    story.claim("Ann reads the same by /recap", holds="My cat is called Tom." in offered)

    story.chapter("Telegram delivers a message twice, as it does after a lost connection.")
    once = await telegram.say(ann_t.user, ann_t.chat, "I moved to Lisbon.")
    first = await telegram.answer(ann_t.chat, after=once, timeout=PATIENCE)
    await telegram.repeat(once, same_update=False)
    ann_t.last = first
    following = await ann_t.say("It is sunny there.")
    between = [one.text for one in telegram.messages(ann_t.chat) if first.id <= one.id]
    story.claim(
        "it is answered once", holds=between == [first.text, "It is sunny there.", following]
    )
    twice = await slash(story, discord, ann_d, "recap")
    story.claim("it is in the conversation once", holds=twice.count("I moved to Lisbon.") == 1)


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
            await person.simulator.answer(person.chat, after=message, timeout=PATIENCE)
            answered.append(text)
            if len(answered) >= 40:
                is_busy.set()

    talking = asyncio.gather(chat(ann_d, 1000), chat(ann_t, 1000))
    await asyncio.wait_for(is_busy.wait(), timeout=PATIENCE)
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
        history = await ann_t.session(hub).history(limit=None)
        kept = Counter(m.content for m in history if m.role == "user")

    story.claim(
        f"all {at_crash} messages that were answered are there",
        holds=all(kept[text] for text in answered),
    )
    story.claim("and none of them twice", holds=all(kept[text] < 2 for text in answered))


async def play_agent(story: Story, framework: str, server: ModelServer, stage: Stage) -> None:
    discord, telegram, bot = stage
    story.chapter(f"{bot.program.name}: an agent with two tools. Ann has linked her accounts.")
    ann_d, ann_t = cast(story, discord, telegram)
    await bot.start()
    ann_d.is_shown = ann_t.is_shown = False
    await link(ann_d, ann_t)
    ann_d.is_shown = ann_t.is_shown = True

    today = await ann_d.say("What is the weather in Lisbon?")
    story.claim(f"on Discord, {framework} calls a tool", holds="Lisbon, today: sunny" in today)
    tomorrow = await ann_t.say("And tomorrow?")
    story.claim(
        "on Telegram it knows the city of that call", holds="Lisbon, tomorrow: windy" in tomorrow
    )

    asked = [line for line in server.requests[-1] if line.kind != "system"]
    story.console.print("        what its model was asked:")
    for line in asked:
        text = " ".join(f"{line.name} {line.text}".split())
        story.console.print(f"        {line.kind:>9}  {text}", markup=False, highlight=False)

    expected = [
        ("user", "What is the weather in Lisbon?"),
        ("call", "today"),
        ("result", "sunny"),
        ("assistant", today),
        ("user", "And tomorrow?"),
        ("call", "tomorrow"),
        ("result", "windy"),
    ]
    is_one = len(asked) == len(expected) and all(
        line.kind == kind and text in line.text
        for line, (kind, text) in zip(asked, expected, strict=True)
    )
    story.claim("its model sees one history: all of it once, in order", holds=is_one)


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


def cast(
    story: Story, discord: DiscordSimulator, telegram: TelegramSimulator
) -> tuple[Person, Person]:
    """Return Ann in her direct chats on both platforms."""
    on_discord, on_telegram = discord.user("Ann"), telegram.user("Ann")
    return (
        Person(story, discord, "Discord", on_discord, discord.direct_chat(on_discord)),
        Person(story, telegram, "Telegram", on_telegram, telegram.direct_chat(on_telegram)),
    )


@asynccontextmanager
async def staged(program: str, database: Path, **environ: str) -> AsyncIterator[Stage]:
    """Start both simulators; yield them, and a bot on them that is not running yet."""
    async with DiscordSimulator() as discord, TelegramSimulator() as telegram:
        simulators = {**discord.environment(), **telegram.environment()}
        environ = {**os.environ, **simulators, "SESSION_DATABASE": str(database), **environ}
        bot = BotProcess(HERE / program, environ, (discord, telegram))
        try:
            yield discord, telegram, bot
        except asyncio.CancelledError:
            await bot.kill()  # by Ctrl-C; nobody waits for what it is saying
            raise
        finally:
            await bot.stop()


async def run(story: Story, folder: Path) -> None:
    database = folder / "demo.db"
    async with staged("two_platform_bot.py", database) as (discord, telegram, bot):
        await play(story, discord, telegram, bot, database)

    for program, framework in AGENTS.items():
        async with (
            ModelServer() as server,
            staged(program, folder / f"{program}.db", **server.environment()) as stage,
        ):
            await play_agent(story, framework, server, stage)


def main() -> int:
    # As Ctrl-C, so that the bot's process does not go on alone.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    started = time.monotonic()
    story = Story(Console())
    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(run(story, Path(folder)))
        except TimeoutError as error:
            story.claim(f"the bot answers in time ({error})", holds=False)
        except KeyboardInterrupt:
            story.console.print("\nStopped.")
            return 130
    return 0 if conclude(story, time.monotonic() - started) else 1


if __name__ == "__main__":
    sys.exit(main())
