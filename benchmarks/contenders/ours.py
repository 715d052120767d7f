"""This package by its public API: `SessionHub` with default settings."""

import time

from contenders import USERS
from contenders.names import chat_id, message_ids, person_id
from session_plugin import Account, Chat, Keys, MessageEvent, SessionHub, SessionView


class SessionPlugin:
    """Writes each message with `hub.record` under its own id; reads with `history`.

    As a handler does, it reads by the session that came with what the person said last.
    """

    settings = (
        "SessionHub(path), nothing set: WAL, synchronous=FULL, identity and dedupe on, summaries on"
    )

    def _keys(self) -> Keys | None:
        return None

    async def open(self, where: str, users: int) -> None:
        """Create a hub; the database opens with the first message."""
        self._hub = SessionHub(where, encryption=self._keys())
        self._ids = message_ids()
        self._sessions: dict[int, SessionView] = {}

    async def record(self, user: int, text: str, role: str = "user") -> None:
        """Record a message of a person, or the bot's answer.

        Raises:
            RuntimeError: It was not on disk when `record` returned, or was taken for a duplicate.
        """
        account = Account("discord", person_id(user))
        is_answer = role == "assistant"

        recorded = await self._hub.record(
            MessageEvent(
                chat=Chat("discord", chat_id(user)),
                message_id=str(next(self._ids)),
                role="assistant" if is_answer else "user",
                text=text,
                sent_at=time.time(),
                author=None if is_answer else account,
                author_name="" if is_answer else f"person {user}",
                answers=account if is_answer else None,
            )
        )
        if not recorded.is_new:
            raise RuntimeError("record took a message for another")
        if not recorded.is_stored:
            raise RuntimeError("record returned before the message was on disk: out of patience")
        if not is_answer and user < USERS:
            self._sessions[user] = recorded.session

    async def last(self, user: int, n: int) -> list[str]:
        """Read what the person sees."""
        view = self._sessions.get(user) or self._hub.session_of(
            Chat("discord", chat_id(user)), Account("discord", person_id(user))
        )
        return [message.content for message in await view.history(limit=n)]

    async def status(self) -> None:
        """Ask how the hub is, as an operator does."""
        await self._hub.status()

    async def close(self) -> None:
        """Close the hub, which first stores pending writes."""
        await self._hub.close()


class Encrypted(SessionPlugin):
    """The same with `encryption`; the keys are in a file next to the database."""

    settings = "SessionHub(path, encryption=Keys(master)), nothing else set"

    def _keys(self) -> Keys:
        return Keys("0123456789abcdef" * 4)
