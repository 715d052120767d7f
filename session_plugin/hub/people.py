"""A hub's people: who somebody is, and linking the accounts of one person."""

from __future__ import annotations

import secrets

from session_plugin.errors import SessionError
from session_plugin.hub.base import HubBase
from session_plugin.model import Account, Chat, LinkCode, LinkPreview, SessionIdentity
from session_plugin.records import linking, people
from session_plugin.records.unlinking import unlink
from session_plugin.rules.linking import code_hash, new_code


class People(HubBase):
    """Identities and links."""

    async def identity_of(self, who: Account | str) -> SessionIdentity | None:
        """Give the user of an account, or of a user id that is or was theirs; None for nobody known."""
        if isinstance(who, Account):
            return await self._read(people.identity_of_account, who)
        return await self._read(people.identity_of_user, who)

    async def request_link(self, account: Account, *, chat: Chat | None = None, display_name: str = "") -> LinkCode:
        """Make a one-time code, to be typed on the account that is to be linked with this one within ten minutes.

        An account has one code at a time; only a hash of it is stored.

        Args:
            account: Who asks.
            chat: The direct chat in which they ask, where they can be told who typed the code; None for one known already.
            display_name: The name that the other side is shown; empty leaves the one that is known.
        """
        code = new_code(secrets.choice)
        hashed = code_hash(code)
        if hashed is None:
            raise SessionError("a code was made that no one can type")
        user_id = await self._whose(account)
        asked = linking.CodeRequest(
            moment=self.moment(), account=account, code_hash=hashed, chat=chat, display_name=display_name, user_id=user_id
        )
        return LinkCode(code=code, expires_at=await self._announced(linking.request, asked))

    async def redeem_link(
        self, account: Account, code: str, *, chat: Chat | None = None, display_name: str = ""
    ) -> LinkPreview:
        """Use up a code on the other account. Nothing is linked, and nothing shared, before its asker confirms.

        `chat` and `display_name` are as in `request_link`, of the account that types the code.

        Raises:
            LinkRefused: whatever is wrong with the code; which it is, is not told.
        """
        user_id = await self._whose(account)
        typed = linking.Redemption(
            moment=self.moment(),
            account=account,
            code_hash=code_hash(code),
            chat=chat,
            display_name=display_name,
            user_id=user_id,
        )
        preview = await self._announced(linking.redeem, typed)
        self._notices.ask_for_confirmation(preview)
        return preview

    async def pending_link(self, account: Account) -> LinkPreview | None:
        """Give the link that waits for this account's confirmation, if any."""
        await self._notices.delivered(account)
        return await self._read(linking.pending, (self.moment(), account))

    async def show_pending_link(self, account: Account) -> None:
        """Note that the asker has been shown who typed the code."""
        await self._mark_shown(account)

    async def confirm_link(self, account: Account) -> SessionIdentity:
        """Link the account that asked for a code with the one that typed it: one user, one history in order.

        Raises:
            LinkRefused: nobody typed this account's code, or too long ago.
        """
        linked = await self._announced(linking.confirm, (self.moment(), account))
        self._notices.tell_others("linked", account, linked)
        return linked.identity

    async def unlink(self, account: Account) -> SessionIdentity:
        """Take one account out of a person: each side gets back exactly what came from it.

        Raises:
            LinkRefused: the account is not linked with any other.
        """
        linked = await self._announced(unlink, (self.moment(), account))
        self._notices.tell_others("unlinked", account, linked)
        return linked.identity
