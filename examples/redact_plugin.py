"""A filter that removes card numbers before messages are stored, and a check of it.

Register it with `SessionHub(..., plugins=[Redact()])`, or ship it as a package with the entry point

    [project.entry-points.session_plugin]
    redact = "redact_plugin:Redact"
"""

import asyncio
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from session_plugin import Account, Chat, MessageEvent, SessionHub, hookimpl, map_texts

DIGITS = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")


def is_card_number(digits: str) -> bool:
    """Check the last digit by the Luhn algorithm (ISO/IEC 7812), which spares order numbers."""
    numbers = [int(digit) for digit in reversed(digits)]
    doubled = [number * 2 - 9 if number > 4 else number * 2 for number in numbers[1::2]]
    return (sum(numbers[::2]) + sum(doubled)) % 10 == 0


class Redact:
    """Replaces card numbers in messages of people and of the bot, edits and tools included."""

    @hookimpl
    def session_filter_message(self, event: MessageEvent) -> MessageEvent:
        text, parts = self._redact(event.text), map_texts(event.parts, self._redact)
        return replace(event, text=text, parts=parts)

    def _redact(self, text: str) -> str:
        return DIGITS.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", found[0])
        return "[card number]" if is_card_number(digits) else found[0]


def build(database: str | Path) -> SessionHub:
    return SessionHub(database, plugins=[Redact()])


async def main() -> None:
    ann, chat = Account("discord", "1001"), Chat("discord", "77")
    async with build(Path(tempfile.mkdtemp()) / "redact.db") as hub:
        text = "Pay order 1234567890123 with 4111 1111 1111 1111, please."
        await hub.record(
            MessageEvent(
                chat=chat, message_id="1", role="user", text=text, sent_at=time.time(), author=ann
            )
        )
        print((await hub.session_of(chat, ann).history())[0].content)


if __name__ == "__main__":
    asyncio.run(main())
