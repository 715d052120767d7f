"""A hub's people: who somebody is, and linking the accounts of one person."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from session_plugin.database.engine import Tx
from session_plugin.errors import ForgetRefused, LinkRefused, SessionError
from session_plugin.hub.memory import Memory
from session_plugin.model import (
    Account,
    Chat,
    LinkCode,
    LinkPreview,
    Notice,
    Receipt,
    SessionIdentity,
)
from session_plugin.records.people import (
    accounts,
    exporting,
    forgetting,
    link_requests,
    linking,
    notices,
)
from session_plugin.records.people.unlinking import Unlinking, unlink
from session_plugin.records.results import Result
from session_plugin.rules.codes import new_code
from session_plugin.rules.policies import longest
from session_plugin.rules.privacy import privacy_text

Forget = Callable[[Tx, forgetting.Forgetting], Result[Any]]
"""Forgets a person and gives what went; None where nobody may be forgotten."""


class People(Memory):
    """Identities and links."""

    async def identity_of(self, who: Account | str) -> SessionIdentity | None:
        """Give the user of an account, or of a user id that is or was theirs; None for nobody
        known.

        Raises:
            TypeError: `who` is neither.
        """
        _check_who(who)
        if isinstance(who, Account):
            return await self._read(accounts.identity_of_account, who)
        return await self._read(accounts.identity_of_user, who)

    async def set_private(self, account: Account, is_private: bool) -> None:
        """Keep nothing that a person says from now on, nor what they are answered, on any of their
        accounts; or do so again.

        What was kept before stays; `forget` removes it. Whoever is linked with somebody who asked
        for this says nothing that is kept either, until one of them takes it back.
        """
        user_id = await self._whose(account)
        wish = accounts.Privacy(
            context=self.operation_context(),
            account=account,
            is_private=is_private,
            user_id=user_id,
        )
        await self._announced(accounts.set_privacy, wish)

    def privacy_text(self) -> str:
        """Say what is kept, for how long and who sees it, in the author's words or in ours."""
        if self._privacy_text is not None:
            return self._privacy_text
        return privacy_text(
            retention_days=longest(self._retentions), direct_sees_groups=self._direct_sees_groups
        )

    async def request_link(
        self, account: Account, *, chat: Chat | None = None, display_name: str = ""
    ) -> LinkCode:
        """Make a one-time code, to be typed on the account that is to be linked with this one
        within ten minutes.

        An account has one code at a time, and three within an hour; only a keyed hash of it is
        stored.

        Args:
            account: Who asks.
            chat: The direct chat in which they ask, where they can be told who typed the code; None
                for one known already.
            display_name: The name that the other side is shown; empty leaves the one that is known.

        Raises:
            LinkRefused: the account has had three codes within the hour.
            LinkingOff: there is no secret.
        """
        code = new_code(secrets.choice)
        hashed = await asyncio.to_thread(self._keys.code_hash, code)
        if hashed is None:
            raise SessionError("a code was made that no one can type")
        user_id = await self._whose(account)
        asked = linking.CodeRequest(
            context=self.operation_context(),
            account=account,
            code_hash=hashed,
            chat=chat,
            display_name=display_name,
            user_id=user_id,
        )
        return LinkCode(code=code, expires_at=await self._announced(linking.request, asked))

    async def redeem_link(
        self, account: Account, code: str, *, chat: Chat | None = None, display_name: str = ""
    ) -> LinkPreview:
        """Use up a code on the other account. Nothing is linked, and nothing shared, before its
        asker confirms.

        The asker is told on their own platform who typed it. After five wrong codes an account's
        next ones are refused for an hour whatever they are; after twenty on a channel within ten
        minutes, everybody's there for ten minutes.

        `chat` and `display_name` are as in `request_link`, of the account that types the code. In a
        group the code is refused, and worthless from then on.

        Raises:
            LinkRefused: whatever is wrong with the code; which it is, is not told. Or, told in its
                words, one of the accounts left other accounts less than 24 hours ago.
            LinkingOff: there is no secret.
        """
        hashed = await asyncio.to_thread(self._keys.code_hash, code)
        if chat is not None and chat.kind != "direct":
            await self.burn_codes(code)
            raise LinkRefused
        typed = linking.Redemption(
            context=self.operation_context(),
            account=account,
            code_hash=hashed,
            chat=chat,
            display_name=display_name,
            user_id=await self._whose(account),
        )
        preview = await self._announced(linking.redeem, typed)
        if preview is None:
            raise LinkRefused
        self._notices.deliver_soon()
        return preview

    async def pending_link(self, account: Account) -> LinkPreview | None:
        """Give the link that waits for this account's confirmation, if any; a notice on its way has
        not shown it yet.
        """
        return await self._read(link_requests.pending, (self.operation_context(), account))

    async def show_pending_link(self, shown: LinkPreview) -> None:
        """Note what the asker has been shown; without effect where a yes would link others, or more
        accounts, by now.
        """
        await self._write(link_requests.mark_shown, (self.operation_context(), shown))

    async def confirm_link(
        self, account: Account, *, shown: LinkPreview | None = None
    ) -> SessionIdentity:
        """Link the account that asked for a code with the one that typed it: one user, one history
        in order.

        Accounts that either is linked with already come along; all are told.

        Args:
            account: Who asked for the code, and says yes.
            shown: What they were shown before they said so: nobody is linked but whom it names, as
                they were then. None takes your word that they know whoever typed the code.

        Raises:
            LinkRefused: nobody typed this account's code, or too long ago; who did is not whom the
                asker was shown; or one of the accounts left others less than 24 hours ago.

        Example:
            code = await hub.request_link(ann)
            preview = await hub.redeem_link(ann_too, code.code)
            await hub.confirm_link(ann, shown=preview)
        """
        linked = await self._announced(linking.confirm, (self.operation_context(), account, shown))
        self._notices.deliver_soon()
        return linked.identity

    async def unlink(self, account: Account, *, by: Account | None = None) -> SessionIdentity:
        """Take one account out of a person: each side gets back exactly what came from it. All
        accounts are told.

        Args:
            account: Which one.
            by: Another account of the same person, where that asks for it; None for the account
                itself.

        Returns: Who is now whoever asked for it.

        Raises:
            LinkRefused: the account is not linked with any other, or not with `by`.
        """
        asked = Unlinking(context=self.operation_context(), account=account, by=by)
        linked = await self._announced(unlink, asked)
        self._notices.deliver_soon()
        return linked.identity

    async def forget(self, who: Account | str) -> Receipt:
        """Erase a person: messages, archive, summaries, identities, links and codes, over all
        linked accounts and all bots.

        Others lose nothing: in a group only the person's own messages and the answers to them go,
        and summaries that were made with them are made again from what remains. Messages of before
        that a platform delivers again are not taken in; what the person writes from now on begins
        anew.

        Args:
            who: An account of theirs, or a user id that is or was theirs. For nobody known, nothing
                is done.

        Returns: What went, by kind. On SQLite no byte of it is left in the file, its log or its
        shared memory; if somebody else reads the file just now it says `is_pending`, and that is
        tried again until it is so.

        Raises:
            TypeError: `who` is neither an account nor a user id.
        """
        _check_who(who)
        await self._intake.finish()
        receipt = await self._forget_all(
            forgetting.forget, forgetting.Forgetting(context=self.operation_context(), who=who)
        )
        assert receipt is not None
        return receipt

    async def ask_to_forget(self, account: Account) -> Receipt:
        """Count what would go if an account's person were forgotten; `confirm_forget` does it
        within ten minutes.
        """
        return await self._write(
            forgetting.ask, forgetting.Forgetting(context=self.operation_context(), who=account)
        )

    async def confirm_forget(self, account: Account) -> Receipt:
        """Forget an account's person, as `forget` does.

        Raises:
            ForgetRefused: the account was not asked whether it wants that, or too long ago.
        """
        await self._intake.finish()
        receipt = await self._forget_all(
            forgetting.confirm, forgetting.Forgetting(context=self.operation_context(), who=account)
        )
        if receipt is None:
            raise ForgetRefused
        return receipt

    async def _forget_all(self, forget: Forget, asked: forgetting.Forgetting) -> Receipt | None:
        """Forget a person to the last byte, even if whoever asked for it is cancelled meanwhile;
        None if it may not be.
        """

        async def carry_out() -> Receipt | None:
            forgotten: forgetting.Forgotten | None = await self._announced(forget, asked)
            if forgotten is None:
                return None
            self._renew_summaries(forgotten.session_nos)
            if forgotten.receipt == Receipt():
                return forgotten.receipt
            return replace(forgotten.receipt, is_pending=not await self._eraser.erase())

        return await asyncio.shield(self._kept(carry_out()))

    async def export(self, who: Account | str) -> AsyncIterator[dict[str, Any]]:
        """Hand over all that is known of a person, over all linked accounts and bots; nothing about
        others.

        Args:
            who: An account of theirs, or a user id that is or was theirs. For nobody known there is
                nothing.

        Yields: One thing after another, ready for JSON, by its `kind`: first `export` with the
        `schema`, then accounts, chats, sessions, summaries and what else there is, then messages.
        `session_plugin/records/exporting.py` lists the fields.

        Raises:
            TypeError: `who` is neither an account nor a user id.
        """
        _check_who(who)
        person = await self._announced(exporting.begin, (self.operation_context(), who))
        if person is None:
            return
        for line in person.lines:
            yield line
        for first in person.pages:
            page: exporting.Page | None = first
            while page is not None:
                lines, page = await self._read(exporting.read_page, page)
                for line in lines:
                    yield line

    async def unread_notices(self, account: Account) -> tuple[Notice, ...]:
        """Take the notices that could not be delivered to an account, to show them to it now."""
        await self._notices.delivered()
        argument = (self.operation_context(), account)
        if not await self._read(notices.has_any, argument):
            return ()
        return await self._write(notices.collect, argument)


def _check_who(who: object) -> None:
    """Refuse what can name nobody (TypeError): taken for somebody unknown, it would leave a person
    unforgotten.
    """
    if not isinstance(who, Account | str):
        raise TypeError(
            f"who is an Account, or a user id as text, not {type(who).__name__}: {who!r}"
        )
