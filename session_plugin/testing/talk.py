"""Accounts, chats, messages and a clock for tests that use a hub without a platform.

Knows the hub's public names. Needs no simulator and waits for nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from session_plugin import (
    Account,
    Chat,
    IdentityEvent,
    MessageEvent,
    Session,
    SessionIdentity,
    Summary,
    hookimpl,
)


class Talk:
    """Makes accounts, chats and messages; every message gets an id of its own.

    Example:
        talk = Talk()
        ann = talk.account("ann")
        recorded = await hub.record(talk.said(ann, "hello"))
        await hub.record(talk.answered(ann, "Hello, Ann!"))
        assert len(await recorded.session.history()) == 2
    """

    def __init__(self) -> None:
        """Number messages from m1."""
        self._numbers = itertools.count(1)

    def account(self, name: str, *, channel: str = "discord") -> Account:
        """Return an account on a channel; the same name gives the same account."""
        return Account(channel, f"{name}-on-{channel}")

    def direct(self, account: Account, **details: Any) -> Chat:
        """Return an account's direct chat with the bot."""
        return Chat(account.channel, f"direct-of-{account.channel_user_id}", **details)

    def group(self, name: str = "lobby", *, channel: str = "discord", **details: Any) -> Chat:
        """Return the group with a name."""
        return Chat(channel, name, "group", **details)

    def said(self, where: Account | Chat, text: str, **details: Any) -> MessageEvent:
        """Return a message of a person.

        Args:
            where: An account, which writes in its direct chat; or a chat, in which the account
                `author` of `details` writes, or without one somebody who belongs to no user.
            text: The message's text.
            **details: Other fields of the MessageEvent.
        """
        chat = self.direct(where) if isinstance(where, Account) else where
        if isinstance(where, Account):
            details.setdefault("author", where)

        details.setdefault("message_id", f"m{next(self._numbers)}")

        return MessageEvent(chat=chat, text=text, **{"role": "user", "sent_at": 1.0, **details})

    def answered(self, where: Account | Chat, text: str, **details: Any) -> MessageEvent:
        """Return a message of the bot.

        Args:
            where: An account, which is answered in its direct chat; or a chat, in which the account
                `answers` of `details` is answered.
            text: The message's text.
            **details: Other fields of the MessageEvent.
        """
        if isinstance(where, Account):
            details.setdefault("answers", where)

        return self.said(where, text, **{"role": "assistant", "author": None, **details})


class Clock:
    """A clock that is set by hand; returns seconds since 1970 when called.

    Example:
        clock = Clock()
        hub = SessionHub("bot.db", max_age_hours=24, clock=clock)
        clock.advance(hours=25)  # the next message begins a new session
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        """Set the clock to `now`."""
        self.now = now

    def __call__(self) -> float:
        """Return the time to which the clock is set."""
        return self.now

    def advance(self, *, seconds: float = 0.0, hours: float = 0.0, days: float = 0.0) -> None:
        """Put the clock forward by the sum of the arguments."""
        self.now += seconds + hours * 3600.0 + days * 86400.0


class EventLog:
    """A plugin that logs every event it receives, in `entries`.

    Example:
        event_log = EventLog()
        hub.register(event_log)
        await hub.record(event)
        await hub.settle()
        assert event_log.names() == ["identity", "start", "message"]
        assert event_log.of("message")[0]["event"].text == event.text
    """

    def __init__(self) -> None:
        """Create an empty log."""
        self.entries: list[tuple[str, dict[str, Any]]] = []

    def of(self, hook: str) -> list[dict[str, Any]]:
        """Return the arguments of each call of a hook, by its name without `session_on_`."""
        return [arguments for name, arguments in self.entries if name == f"session_on_{hook}"]

    def names(self) -> list[str]:
        """Return the names of the hooks in the order of their calls, without `session_on_`."""
        return [name.removeprefix("session_on_") for name, _ in self.entries]

    @hookimpl
    def session_on_message(self, event: MessageEvent, session: Session) -> None:
        """Log a stored message."""
        self.entries.append(("session_on_message", {"event": event, "session": session}))

    @hookimpl
    async def session_on_edit(self, event: MessageEvent, session: Session) -> None:
        """Log an edit."""
        self.entries.append(("session_on_edit", {"event": event, "session": session}))

    @hookimpl
    def session_on_delete(self, chat: Chat, message_ids: Iterable[str], session: Session) -> None:
        """Log a deletion."""
        arguments = {"chat": chat, "message_ids": message_ids, "session": session}
        self.entries.append(("session_on_delete", arguments))

    @hookimpl
    async def session_on_identity(self, event: IdentityEvent, identity: SessionIdentity) -> None:
        """Log a change of an account."""
        self.entries.append(("session_on_identity", {"event": event, "identity": identity}))

    @hookimpl
    def session_on_start(self, session: Session, reason: str) -> None:
        """Log the beginning of a session."""
        self.entries.append(("session_on_start", {"session": session, "reason": reason}))

    @hookimpl
    async def session_on_end(self, session: Session, reason: str) -> None:
        """Log the end of a session."""
        self.entries.append(("session_on_end", {"session": session, "reason": reason}))

    @hookimpl
    def session_on_consolidate(self, session: Session, summary: Summary) -> None:
        """Log a consolidation."""
        self.entries.append(("session_on_consolidate", {"session": session, "summary": summary}))
