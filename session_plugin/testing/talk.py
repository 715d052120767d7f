"""People and what they say, without a platform: for tests of plugins, and of whatever else uses a
hub.

Knows the hub's public names. Nothing here needs a simulator, or waits for anything.
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
    """Make accounts, chats and events; every message gets an id that no other has.

    Example:
        talk = Talk()
        ann = talk.account("ann")
        recorded = await hub.record(talk.said(ann, "hello"))
        await hub.record(talk.answered(ann, "Hello, Ann!"))
        assert len(await recorded.session.history()) == 2
    """

    def __init__(self) -> None:
        """Start with message m1."""
        self._numbers = itertools.count(1)

    def account(self, name: str, *, channel: str = "discord") -> Account:
        """Give somebody's account on a channel: the same for the same name."""
        return Account(channel, f"{name}-on-{channel}")

    def direct(self, account: Account, **details: Any) -> Chat:
        """Give an account's direct chat with the bot."""
        return Chat(account.channel, f"direct-of-{account.channel_user_id}", **details)

    def group(self, name: str = "lobby", *, channel: str = "discord", **details: Any) -> Chat:
        """Give a group by its name."""
        return Chat(channel, name, "group", **details)

    def said(self, where: Account | Chat, text: str, **details: Any) -> MessageEvent:
        """Make a message of an account in its direct chat; in a chat, of `author`, or of nobody's
        user.
        """
        chat = self.direct(where) if isinstance(where, Account) else where
        if isinstance(where, Account):
            details.setdefault("author", where)
        details.setdefault("message_id", f"m{next(self._numbers)}")
        return MessageEvent(chat=chat, text=text, **{"role": "user", "sent_at": 1.0, **details})

    def answered(self, where: Account | Chat, text: str, **details: Any) -> MessageEvent:
        """Make words of the bot: to an account in its direct chat, or in a chat, to whom `details`
        say.
        """
        if isinstance(where, Account):
            details.setdefault("answers", where)
        return self.said(where, text, **{"role": "assistant", "author": None, **details})


class Clock:
    """Tell the time that somebody set, in seconds since 1970.

    Example:
        clock = Clock()
        hub = SessionHub("bot.db", max_age_hours=24, clock=clock)
        clock.advance(hours=25)  # whoever writes now begins a new session
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        """Start at a time."""
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    def advance(self, *, seconds: float = 0.0, hours: float = 0.0, days: float = 0.0) -> None:
        """Let time pass."""
        self.now += seconds + hours * 3600.0 + days * 86400.0


class EventLog:
    """Write down, as a plugin, every event that the hub tells of.

    Example:
        event_log = EventLog()
        hub.register(event_log)
        await hub.record(event)
        await hub.settle()
        assert event_log.names() == ["identity", "start", "message"]
        assert event_log.of("message")[0]["event"].text == event.text
    """

    def __init__(self) -> None:
        """Start with nothing in it."""
        self.entries: list[tuple[str, dict[str, Any]]] = []

    def of(self, hook: str) -> list[dict[str, Any]]:
        """Give the arguments of each call of a hook, by its name behind `session_on_`."""
        return [arguments for name, arguments in self.entries if name == f"session_on_{hook}"]

    def names(self) -> list[str]:
        """Give the names of the hooks as they were called."""
        return [name.removeprefix("session_on_") for name, _ in self.entries]

    @hookimpl
    def session_on_message(self, event: MessageEvent, session: Session) -> None:
        """A message was stored."""
        self.entries.append(("session_on_message", {"event": event, "session": session}))

    @hookimpl
    async def session_on_edit(self, event: MessageEvent, session: Session) -> None:
        """A message was edited."""
        self.entries.append(("session_on_edit", {"event": event, "session": session}))

    @hookimpl
    def session_on_delete(self, chat: Chat, message_ids: Iterable[str], session: Session) -> None:
        """Messages were deleted."""
        notified = {"chat": chat, "message_ids": message_ids, "session": session}
        self.entries.append(("session_on_delete", notified))

    @hookimpl
    async def session_on_identity(self, event: IdentityEvent, identity: SessionIdentity) -> None:
        """Something became known of who somebody is."""
        self.entries.append(("session_on_identity", {"event": event, "identity": identity}))

    @hookimpl
    def session_on_start(self, session: Session, reason: str) -> None:
        """A session began."""
        self.entries.append(("session_on_start", {"session": session, "reason": reason}))

    @hookimpl
    async def session_on_end(self, session: Session, reason: str) -> None:
        """A session ended."""
        self.entries.append(("session_on_end", {"session": session, "reason": reason}))

    @hookimpl
    def session_on_consolidate(self, session: Session, summary: Summary) -> None:
        """Messages got a summary in front."""
        self.entries.append(("session_on_consolidate", {"session": session, "summary": summary}))
