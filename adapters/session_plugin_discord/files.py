"""Files that people sent where the bot reads, downloaded for a model.

Links to files expire, so the message is asked for again. Knows no hub.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import discord

from session_plugin import Attachment, SessionMessage


class Files:
    """The files that one client can see."""

    def __init__(self, client: discord.Client) -> None:
        """Download by `client`."""
        self._client = client

    async def fetch(
        self, attachment: Attachment, message: SessionMessage, max_bytes: int
    ) -> bytes | None:
        """Return the content of a file; None if its message does not have it, or it is too large.

        Discord does not show the input of a slash command again, nor a file in it.

        Raises:
            discord.DiscordException: Discord does not have the message, or cannot be reached.
        """
        if message.chat is None or message.message_id is None:
            return None
        if message.metadata.get("interaction") and message.role == "user":
            return None

        channel = self._client.get_partial_messageable(int(message.chat.chat_id))
        shown = await channel.fetch_message(int(message.message_id))

        for file in _files_of(shown):
            if str(file.id) == attachment.id and file.size <= max_bytes:
                return await file.read()

        return None


def _files_of(message: discord.Message) -> Iterator[discord.Attachment]:
    """Yield the files of a message, of what it forwards, and of what opened its thread."""
    holders: list[Any] = [message, *message.message_snapshots]
    repeated = message.reference.resolved if message.reference is not None else None
    if isinstance(repeated, discord.Message):
        holders.append(repeated)

    for holder in holders:
        yield from holder.attachments
