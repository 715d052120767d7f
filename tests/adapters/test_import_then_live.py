"""After an export was imported, the platform's own deliveries of the same messages are recognised:
real clients on both simulators.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from session_plugin import SessionHub

ELSEWHERE = 5000
"""By so much the exporting account's numbers differ from the bot's."""


async def echo(turn: Any) -> None:
    await turn.say(f"you said {turn.text}")


class Noting:
    """A handler that notes what it was given, and whether that was stored before."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bool]] = []

    async def __call__(self, turn: Any) -> None:
        self.seen.append((turn.text, turn.session.is_duplicate))


def telegram_export(path: Path, driver: Any, chat: Any, messages: Sequence[Any]) -> Path:
    """Write what Telegram Desktop would export of a chat."""
    is_direct = chat.kind == "direct"
    lines = [
        {
            "id": message.id + (ELSEWHERE if is_direct else 0),
            "type": "message",
            "date": "2023-05-01T12:01:00",
            "date_unixtime": str(int(message.sent_at)),
            "from": "Marvin" if message.is_from_bot else message.author.name,
            "from_id": f"user{driver.bot_id if message.is_from_bot else message.author.id}",
            "text": message.text,
            "text_entities": [],
        }
        for message in messages
    ]
    kind = "personal_chat" if is_direct else "private_supergroup"
    id_ = int(driver.bot_id) if is_direct else abs(chat.id) - 10**12
    path.write_text(json.dumps({"name": "x", "type": kind, "id": id_, "messages": lines}))

    return path


def discord_export(path: Path, driver: Any, chat: Any, messages: Sequence[Any]) -> Path:
    """Write what DiscordChatExporter would export of a channel."""
    is_direct = chat.kind == "direct"
    lines = [
        {
            "id": str(message.id),
            "type": "Default",
            "timestamp": datetime.fromtimestamp(message.sent_at, UTC).isoformat(),
            "content": message.text,
            "author": {
                "id": driver.bot_id if message.is_from_bot else str(message.author.id),
                "name": "Marvin" if message.is_from_bot else message.author.name,
                "isBot": message.is_from_bot,
            },
        }
        for message in messages
    ]
    channel = {"id": str(chat.id), "type": "DirectTextChat" if is_direct else "GuildTextChat"}
    root = {"guild": {"id": "0" if is_direct else "5"}, "channel": channel, "messages": lines}
    path.write_text(json.dumps(root))

    return path


@pytest.fixture(params=["telegram", "discord"])
def platform(request: Any) -> Any:
    return request.getfixturevalue(f"on_{request.param}")


@pytest.mark.parametrize("is_direct", [True, False], ids=["direct", "group"])
async def test_what_was_imported_is_known_when_the_platform_delivers_it(
    platform: Any, is_direct: bool, tmp_path: Path
) -> None:
    ann, bob = platform.user("Ann"), platform.user("Bob")
    chat = platform.direct_chat(ann) if is_direct else platform.group("Den", ann, bob)
    async with platform.running(SessionHub(tmp_path / "before.db", secret="s" * 16), echo):
        said = [await platform.say(ann, chat, text) for text in ("one", "two")]
        await platform.told(chat, "you said two")

    messages = platform.messages(chat)
    path = tmp_path / "export.json"
    hub = SessionHub(tmp_path / "after.db", secret="s" * 16)
    noting = Noting()

    async with hub:
        if platform.channel == "telegram":
            telegram_export(path, platform, chat, messages)
            report = await hub.import_telegram(path, bot=platform.bot_id)
        else:
            discord_export(path, platform, chat, messages)
            report = await hub.import_discord(path, bot=platform.bot_id)

        async with platform.running(hub, noting):
            for message in said:
                await platform.repeat(message)
            await platform.say(ann, chat, "three")
            await platform.until(lambda: len(noting.seen) == 3)

        view = platform.view(hub, chat, ann)
        history = [one.content for one in await view.history(limit=None, include_previous=True)]

    assert report.messages == len(messages) == 4
    assert noting.seen == [("one", True), ("two", True), ("three", False)]
    assert sorted(history[:4]) == ["one", "two", "you said one", "you said two"]
    assert history[4:] == ["three"]
