"""What plays a story on the simulated platforms: people, a bot in its own process, and claims."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from discord_simulator import DiscordSimulator
from session_plugin import Account, Chat, SessionHub, SessionView

PATIENCE = 60
"""Seconds after which waiting for a bot fails; to start an agent takes seconds by itself."""
COLORS = {"Discord": "blue", "Telegram": "cyan"}


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
    """A person in one chat on one simulated platform; what is said is printed, or not."""

    story: Story
    simulator: Any
    where: str
    user: Any
    chat: Any
    last: Any = None
    is_shown: bool = True

    async def say(self, text: str) -> str:
        """Write to the bot and return its answer."""
        self._show(self.user.name, text)
        self.last = await self.simulator.say(self.user, self.chat, text)
        return await self.hear()

    async def hear(self) -> str:
        """Return the bot's next message."""
        self.last = await self.simulator.answer(self.chat, after=self.last, timeout=PATIENCE)
        text: str = self.last.text
        self._show("bot", text)
        return text

    def session(self, hub: SessionHub) -> SessionView:
        """Return the session that the person has in this chat."""
        channel = self.where.lower()
        chat = Chat(channel, str(self.chat.id), bot_id=str(self.simulator.bot.id))
        return hub.session_of(chat, Account(channel, str(self.user.id)))

    def _show(self, who: str, text: str) -> None:
        if self.is_shown:
            self.story.line(self.where, who, text)


@dataclass
class BotProcess:
    """A process that runs a bot of the examples."""

    program: Path
    environ: dict[str, str]
    simulators: tuple[Any, ...]
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(self.program),
            env=self.environ,
            start_new_session=True,  # Ctrl-C in the terminal is for the demo alone
        )
        for simulator in self.simulators:
            await simulator.connected(timeout=PATIENCE)

    async def kill(self) -> None:
        """Kill it without a shutdown, as a crash or power failure would."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Stop it by SIGTERM and return its exit code."""
        if self.process is None or self.process.returncode is not None:
            return -1
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), timeout=PATIENCE)


async def slash(story: Story, discord: DiscordSimulator, person: Person, name: str) -> str:
    """Let a person use a slash command on Discord; return the first answer."""
    story.line(person.where, person.user.name, f"/{name}")
    used = await discord.slash(person.user, person.chat, name)
    answers = await discord.answered(used, timeout=PATIENCE)
    text = str(answers[0].text)
    story.line(person.where, "bot", text)
    person.last = answers[0]
    return text


async def link(on_discord: Person, on_telegram: Person) -> list[str]:
    """Let a person link two accounts; return what the bot says after the code was typed."""
    code = (await on_discord.say("!link")).split("Your code is ")[-1][:9]
    await on_telegram.say(f"/link {code}")

    return [
        await on_discord.hear(),
        await on_telegram.say("/link confirm"),
        await on_discord.say("!link confirm"),
        await on_telegram.hear(),
    ]
