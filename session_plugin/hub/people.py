"""A hub's people: who somebody is, what is stored about them, and that it is erased."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, TypeVar

from session_plugin.database.engine import Tx
from session_plugin.errors import AccountTaken, ForgetRefused
from session_plugin.hub.assembly import HubParts
from session_plugin.logs import FieldLogger
from session_plugin.model import Account, Receipt, SessionIdentity
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import (
    account_moves,
    accounts,
    attempts,
    exporting,
    forgetting,
)
from session_plugin.records.results import Result
from session_plugin.rules.policies import longest
from session_plugin.rules.privacy import privacy_text

F = TypeVar("F", forgetting.Forgotten, forgetting.Forgotten | None)
W = TypeVar("W", Account, Account | str)

logger = FieldLogger("session_plugin.hub")


class People:
    """Identities, privacy, forgetting and export."""

    _parts: HubParts

    async def identity_of(self, who: Account | str) -> SessionIdentity | None:
        """Return the user of an account, or of a user id that is or was theirs; None for nobody
        known.

        Raises:
            TypeError: `who` is neither.
        """
        _check_who(who)
        if isinstance(who, Account):
            return await self._parts.database.read(accounts.identity_of_account, who)

        return await self._parts.database.read(accounts.identity_of_user, who)

    async def move_account(self, old: Account, new: Account) -> SessionIdentity | None:
        """Let an account go by another id on its platform, and return whose it is.

        For adapters, from an event of the platform itself: never because somebody says so. History,
        links, state, privacy and which old messages are ignored go along; so does a direct chat
        that has the account's id. Plugins are notified of an identity that has `moved`. The old id
        is nobody's from now on: a platform may give it to somebody else.

        Moving it back is another move. It is no exact undo: what was written under the old id
        meanwhile is another account's.

        Return the owner of `new`, or None, if `old` is not known; doing it twice changes nothing
        more.

        Raises:
            TypeError: one of them is no account.
            ValueError: the two are not on one platform's channel.
            AccountTaken: somebody has written under the new id already; nothing was moved.
        """
        for account in (old, new):
            if not isinstance(account, Account):
                raise TypeError(f"an account is an Account, not {type(account).__name__}")

        await self._parts.intake.finish()
        context = self._parts.context()
        try:
            return await self._parts.announcer.write(account_moves.move_account, context, old, new)
        except AccountTaken:
            logger.warning(
                "an account on %(channel)s was not moved: its new id belongs to an account already",
                channel=new.channel,
            )
            raise

    async def set_private(self, account: Account, is_private: bool) -> None:
        """Keep nothing that a person says from now on, nor what they are answered, on any of their
        accounts; or do so again.

        What was kept before stays; `forget` removes it. A person linked with somebody who asked
        for this says nothing that is kept either, until one of them takes it back.
        """
        await self._parts.announcer.write(
            accounts.set_privacy,
            self._parts.context(),
            account,
            is_private=is_private,
            user_id=await self._parts.screening.user_id_for(account),
        )

    def privacy_text(self) -> str:
        """Return what is kept, for how long and who sees it, in the author's words or in ours."""
        settings = self._parts.settings
        if settings.privacy_text is not None:
            return settings.privacy_text

        return privacy_text(
            retention_days=longest(settings.retentions),
            direct_sees_groups=settings.direct_sees_groups,
        )

    async def forget(self, who: Account | str, *, at_once: bool = False) -> Receipt:
        """Erase a person: messages, archive, summaries, identities, links and codes, over all
        linked accounts and all bots.

        Others lose nothing: in a group only the person's own messages and the answers to them go,
        and summaries that were made with them are made again from what remains. Messages of before
        that a platform delivers again are not taken in; what the person writes from now on begins
        anew.

        Args:
            who: An account of theirs, or a user id that is or was theirs. For nobody known, nothing
                is done. An account is that person's word, a user id yours.
            at_once: Rewrite an SQLite file now, however lately that was done. Nobody can write
                meanwhile, so leave this to the operator.

        Returns: What went, by kind. On SQLite no byte of it is left in the file, its log or its
        shared memory, which takes a rewrite of the file. If that was done within
        `erasure_minutes`, or somebody else reads the file just now, the receipt says `is_pending`,
        and the hub does it as soon as it can, for all who wait at once.

        Raises:
            TypeError: `who` is neither an account nor a user id.
            LinkedRecently: `who` is an account that was linked with another one less than 24 hours
                ago.
        """
        _check_who(who)
        await self._parts.intake.finish()
        receipt = await self._forget_all(forgetting.forget, who, at_once=at_once)
        assert receipt is not None

        return receipt

    async def ask_to_forget(self, account: Account) -> Receipt:
        """Count what would go if an account's person were forgotten; `confirm_forget` does it
        within ten minutes.

        Raises:
            ForgetRefused: the account has asked three times within 24 hours.
            LinkedRecently: the account was linked with another one less than 24 hours ago.
        """
        await self._parts.database.write(forgetting.ask, self._parts.context(), account)
        return await self._parts.database.read(forgetting.count, account)

    async def confirm_forget(self, account: Account) -> Receipt:
        """Forget an account's person, as `forget` does without `at_once`.

        Raises:
            ForgetRefused: the account was not asked whether it wants that, or too long ago.
            LinkedRecently: the account was linked with another one less than 24 hours ago.
        """
        await self._parts.intake.finish()
        receipt = await self._forget_all(forgetting.confirm, account)
        if receipt is None:
            raise ForgetRefused

        return receipt

    async def _forget_all(
        self,
        operation: Callable[[Tx, OperationContext, W], Result[F]],
        who: W,
        *,
        at_once: bool = False,
    ) -> Receipt | None:
        """Forget a person to the last byte, even if the caller is cancelled meanwhile.

        Return None where the operation forgets nobody.
        """

        async def carry_out() -> Receipt | None:
            context = self._parts.context()
            forgotten = await self._parts.announcer.write(operation, context, who)
            if forgotten is None:
                return None

            self._parts.searches.clear()
            self._parts.consolidator.renew(forgotten.session_nos)
            if forgotten.receipt == Receipt():
                return forgotten.receipt

            self._parts.counters.forgettings.add()
            erasure = await self._parts.eraser.erase(at_once=at_once)

            return replace(
                forgotten.receipt,
                is_pending=not (erasure.is_done or erasure.is_unreadable),
                pending_seconds=0.0 if erasure.is_unreadable else erasure.seconds,
            )

        return await asyncio.shield(self._parts.background.keep(carry_out()))

    async def request_export(self, account: Account) -> None:
        """Count that an account asks for an export; `export` then hands it over.

        Raises:
            ExportRefused: the account has had three within 24 hours.
        """
        await self._parts.database.write(attempts.request_export, self._parts.context(), account)

    async def export(self, who: Account | str) -> AsyncIterator[dict[str, Any]]:
        """Hand over all that is known of a person, over all linked accounts and bots; nothing about
        others.

        Args:
            who: An account of theirs, or a user id that is or was theirs. For nobody known there is
                nothing.

        Yields: One thing after another, ready for JSON, by its `kind`: first `export` with the
        `schema`, then accounts, chats, sessions, summaries and what else there is, then messages.
        `session_plugin/records/people/exporting.py` lists the fields.

        Raises:
            TypeError: `who` is neither an account nor a user id.
            LinkedRecently: `who` is an account that was linked with another one less than 24 hours
                ago.
        """
        _check_who(who)
        context = self._parts.context()
        if not await self._parts.database.write(exporting.note, context, who):
            return

        person = await self._parts.database.read(exporting.begin, context, who)
        if person is None:
            return

        for line in person.lines:
            yield line

        for first in person.pages:
            page: exporting.Page | None = first
            while page is not None:
                lines, page = await self._parts.database.read(exporting.read_page, page)
                for line in lines:
                    yield line


def _check_who(who: object) -> None:
    """Refuse what can name nobody (TypeError): as somebody unknown, they would stay unforgotten."""
    if not isinstance(who, Account | str):
        raise TypeError(
            f"who is an Account, or a user id as text, not {type(who).__name__}: {who!r}"
        )
