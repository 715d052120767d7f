"""A table of your own: its messages move to the hub, and what stays follows people.

`read_messages` reads a table `messages (id, user_id, role, content, at)` of a bot on Telegram:

    report = await hub.import_history(read_messages("old.db", bot_id="7000000001"))

`Points` keeps a table by user id. Linking makes one person of two ids and unlinking takes them
apart, so it stores points by account, and adds them up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from session_plugin import Account, Chat, IdentityEvent, MessageEvent, SessionHub, hookimpl
from session_plugin.importing import imported_id


def read_messages(path: str | Path, *, bot_id: str) -> Iterator[MessageEvent]:
    """Yield the messages of the old table, from the oldest on."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT id, user_id, role, content, at FROM messages ORDER BY id")
        for number, user_id, role, content, at in rows:
            who = Account("telegram", str(user_id))
            yield MessageEvent(
                chat=Chat("telegram", str(user_id), bot_id=bot_id),
                message_id=imported_id("old-bot", number),
                role=role,
                text=content,
                sent_at=at,
                author=who if role == "user" else None,
                answers=None if role == "user" else who,
            )


class Points:
    """Points of people, in a table that is yours."""

    def __init__(self, path: str | Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS points"
            " (channel, account, points, PRIMARY KEY (channel, account))"
        )

    def add(self, account: Account, points: int) -> None:
        """Give points to who has this account."""
        self._database.execute(
            "INSERT INTO points VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET points = points + ?",
            (account.channel, account.channel_user_id, points, points),
        )

    async def of(self, hub: SessionHub, account: Account) -> int:
        """Return a person's points on all accounts that are linked now."""
        identity = await hub.identity_of(account)
        accounts = identity.accounts if identity is not None else (account,)
        return sum(self._of(one) for one in accounts)

    def _of(self, account: Account) -> int:
        row = self._database.execute(
            "SELECT points FROM points WHERE channel = ? AND account = ?",
            (account.channel, account.channel_user_id),
        ).fetchone()
        return int(row[0]) if row else 0

    @hookimpl
    def session_on_identity(self, event: IdentityEvent) -> None:
        """Delete a forgotten person's points, and follow an account whose id changed."""
        here = (event.account.channel, event.account.channel_user_id)
        if event.change == "forgotten":
            self._database.execute("DELETE FROM points WHERE channel = ? AND account = ?", here)
        elif event.change == "moved" and event.previous_account is not None:
            before = event.previous_account
            self._database.execute(
                "UPDATE points SET channel = ?, account = ? WHERE channel = ? AND account = ?",
                (*here, before.channel, before.channel_user_id),
            )

    def close(self) -> None:
        """Close the table."""
        self._database.close()
