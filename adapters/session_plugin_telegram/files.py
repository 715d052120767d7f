"""Files that people sent to the bot, downloaded for a model.

Telegram's links hold the bot's token, so they never leave this module. Knows no hub.
"""

from __future__ import annotations

from telegram import Bot

from session_plugin import Attachment, SessionMessage

MAX_BYTES = 20_000_000
"""The size of the largest file that Telegram lets a bot download."""


class Files:
    """The files of one bot."""

    def __init__(self, bot: Bot) -> None:
        """Download by `bot`."""
        self._bot = bot

    async def fetch(
        self, attachment: Attachment, message: SessionMessage, max_bytes: int
    ) -> bytes | None:
        """Return the content of a file; None if it is too large.

        Raises:
            TelegramError: Telegram does not have it, or cannot be reached.
        """
        if (attachment.size or 0) > min(max_bytes, MAX_BYTES):
            return None

        file = await self._bot.get_file(attachment.id)
        if (file.file_size or 0) > max_bytes:
            return None

        return bytes(await file.download_as_bytearray())
