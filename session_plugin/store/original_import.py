"""Take in a database of the original SessionStore: what to do, one piece after another, and what
came of it.

The caller runs the operations on its database, awaiting or blocking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from session_plugin.database.opening import located_file
from session_plugin.logs import FieldLogger
from session_plugin.model import Account
from session_plugin.reports import ImportReport, OnProgress, Progress, Skipped
from session_plugin.store.import_operations import Imported
from session_plugin.store.original_file import Original, Piece

AccountsOf = Mapping[str, Account] | Callable[[str], Account | None]
"""Which account an imported user has, by the user's id."""

logger = FieldLogger("session_plugin.import")


class Import:
    """One import. Take `next_piece` until it is None, and hand what became of each to `note`."""

    def __init__(
        self,
        path: str | Path,
        *,
        accounts: AccountsOf | None,
        before: float | None,
        progress: OnProgress | None,
    ) -> None:
        """Read from `path`; messages from before `before` are past their retention.

        Raises:
            TypeError: `accounts` is neither a mapping nor a function.
        """
        if accounts is not None and not (isinstance(accounts, Mapping) or callable(accounts)):
            raise TypeError(
                "accounts must be a mapping from user ids to accounts, or a function, not "
                f"{type(accounts).__name__}"
            )

        self._account_of = accounts.get if isinstance(accounts, Mapping) else accounts
        self._original = Original(path=located_file(path))
        self._before = before
        self._progress = progress
        self._pieces: Iterator[Piece] = iter(())
        self._total = self._seen = 0
        self._users: set[str] = set()
        self._refused: dict[str, str] = {}
        self._unclaimed: dict[str, str] = {}
        self._sessions = self._messages = self._summaries = 0
        self._known = self._past_retention = 0

    def open(self) -> None:
        """Open the original.

        Raises:
            DatabaseRefused: it is no database of the original's.
        """
        self._original.open()
        self._total = self._original.count()
        self._pieces = self._original.pieces()

    def close(self) -> None:
        """Leave the original as it was."""
        self._original.close()

    def next_piece(self) -> Piece | None:
        """Return what to take in next; None when that was all."""
        return next(self._pieces, None)

    def account_of(self, piece: Piece) -> Account | None:
        """Return whose a piece is: by the caller's word, else by the file's own.

        Raises:
            TypeError: the caller's word is no Account.
        """
        told = None if self._account_of is None else self._account_of(piece.session.user_id)
        if told is not None and not isinstance(told, Account):
            raise TypeError(
                f"accounts must give an Account for {piece.session.user_id!r}, not "
                f"{type(told).__name__}"
            )

        return piece.session.account if told is None else told

    def note(self, piece: Piece, imported: Imported) -> None:
        """Note what became of a piece."""
        session_id = piece.session.session_id
        if imported.refusal:
            self._refused[session_id] = imported.refusal
            return

        if imported.unclaimed:
            self._unclaimed[piece.session.user_id] = imported.unclaimed

        self._users.add(piece.session.user_id)
        old = sum(
            self._before is not None and message.timestamp < self._before
            for message in piece.messages
        )
        self._sessions += imported.is_new_session
        self._messages += imported.messages
        self._summaries += imported.summaries
        self._known += len(piece.messages) - imported.messages
        self._past_retention += min(old, imported.messages)
        self._seen += len(piece.messages) + (0 if piece.has_more else len(piece.session.summaries))
        if self._progress is not None:
            self._progress(Progress(what="messages", done=self._seen, total=self._total))

    def report(self) -> ImportReport:
        """Return what came of it all."""
        refused = [
            Skipped(what="session", where=where, reason=reason)
            for where, reason in self._refused.items()
        ]
        unclaimed = [
            Skipped(what="account", where=where, reason=reason)
            for where, reason in self._unclaimed.items()
        ]
        report = ImportReport(
            users=len(self._users),
            skipped=(*self._original.skipped, *refused, *unclaimed),
            sessions=self._sessions,
            messages=self._messages,
            summaries=self._summaries,
            known_messages=self._known,
            past_retention=self._past_retention,
        )
        logger.info(
            "imported %(messages)d messages of %(users)d users; %(skipped)d skipped",
            messages=report.messages,
            users=report.users,
            skipped=len(report.skipped),
        )
        if report.past_retention:
            logger.warning(
                "%(messages)d imported messages are past their retention, and go with "
                "the next decay",
                messages=report.past_retention,
            )

        return report
