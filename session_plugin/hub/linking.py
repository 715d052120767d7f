"""A hub's links: two accounts proven to be one person, and taken apart again."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from session_plugin.errors import LinkRefused, SessionError
from session_plugin.hub.assembly import HubParts
from session_plugin.logs import FieldLogger
from session_plugin.model import Account, Chat, LinkCode, LinkPreview, Notice, SessionIdentity
from session_plugin.records.people import link_requests, linking, notices, unlinking
from session_plugin.rules.codes import ALARM_ON_CHANNEL, new_code

logger = FieldLogger("session_plugin.hub")


class Linking:
    """Linking and unlinking."""

    _parts: HubParts

    async def request_link(
        self, account: Account, *, chat: Chat | None = None, display_name: str = ""
    ) -> LinkCode:
        """Make a one-time code, to be typed on the account that is to be linked with this one
        within ten minutes.

        An account has one link under way at a time, and three codes within an hour; only a keyed
        hash of a code is stored.

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
        hashed, half = await self._hashes_of(code)
        if hashed is None:
            raise SessionError("a code was made that no one can type")

        user_id = await self._parts.screening.user_id_for(account)
        with self._counting_refusals():
            expires_at = await self._parts.announcer.write(
                linking.request,
                self._parts.context(),
                account,
                code_hash=hashed,
                half_hash=half,
                chat=chat,
                display_name=display_name,
                user_id=user_id,
            )
        self._count("requested")
        self._parts.notices.deliver_soon()

        return LinkCode(code=code, expires_at=expires_at)

    async def redeem_link(
        self, account: Account, code: str, *, chat: Chat | None = None, display_name: str = ""
    ) -> LinkPreview:
        """Use up a code on the other account. Nothing is linked, and nothing shared, before both
        accounts confirm.

        Show what this returns to the person who typed the code, and then call `confirm_link` for
        them. The asker is told on their own platform who typed it.

        After five wrong codes an account's next ones are refused for an hour whatever they are. A
        code whose second half was guessed five times is worthless. Twenty wrong codes on a channel
        within ten minutes are logged and shown by `status()`; they stop nobody.

        `chat` and `display_name` are as in `request_link`, of the account that types the code. In a
        group the code is refused, and worthless from then on.

        Raises:
            LinkRefused: whatever is wrong with the code; which it is, is not told. Or, told in its
                words, one of the accounts left other accounts less than 24 hours ago.
            LinkingOff: there is no secret.
        """
        with self._counting_refusals():
            preview = await self._redeem(account, code, chat=chat, display_name=display_name)

        self._count("redeemed")
        self._parts.notices.deliver_soon()

        return preview

    async def _redeem(
        self, account: Account, code: str, *, chat: Chat | None, display_name: str
    ) -> LinkPreview:
        hashed, half = await self._hashes_of(code)
        if chat is not None and chat.kind != "direct":
            await self._parts.screening.burn_codes(code)
            raise LinkRefused

        redeemed = await self._parts.announcer.write(
            linking.redeem,
            self._parts.context(),
            account,
            code_hash=hashed,
            half_hash=half,
            chat=chat,
            display_name=display_name,
            user_id=await self._parts.screening.user_id_for(account),
        )
        if redeemed.is_alarm:
            logger.warning(
                "%(codes)d wrong link codes were typed on %(channel)s within ten minutes: "
                "somebody may be guessing",
                codes=ALARM_ON_CHANNEL.most,
                channel=account.channel,
            )

        if redeemed.preview is None:
            raise LinkRefused

        return redeemed.preview

    def _count(self, outcome: str) -> None:
        self._parts.counters.links.add(outcome)

    @contextmanager
    def _counting_refusals(self) -> Iterator[None]:
        try:
            yield
        except LinkRefused:
            self._count("refused")
            raise

    async def _hashes_of(self, code: str) -> tuple[bytes | None, bytes | None]:
        secret = self._parts.secret
        return await asyncio.to_thread(lambda: (secret.code_hash(code), secret.half_hash(code)))

    async def pending_link(self, account: Account) -> LinkPreview | None:
        """Return the link that this account has to confirm, or has confirmed and the other side has
        not; None if there is none. A notice on its way has not shown it yet.
        """
        return await self._parts.database.read(
            link_requests.pending, self._parts.context(), account
        )

    async def show_pending_link(self, shown: LinkPreview) -> None:
        """Note what `shown.account` has been shown; without effect where a yes would link others,
        or other accounts of theirs, by now.
        """
        await self._parts.database.write(link_requests.mark_shown, self._parts.context(), shown)

    async def confirm_link(
        self, account: Account, *, shown: LinkPreview | None = None
    ) -> SessionIdentity | None:
        """Say yes for one side of a link: the account that asked for the code, or the one that
        typed it. The second yes links them: one user, one history in order.

        Accounts that either is linked with already come along; all are told, and how to undo it.

        Args:
            account: Who says yes.
            shown: What they were shown before they said so: nobody is linked but whom it names, as
                they were then. None takes your word that they know who is on the other side.

        Returns: The user that both are now; None while the other side has not said yes.

        Raises:
            LinkRefused: this account has no link under way, or the code was typed too long ago; the
                other side is not whom the account was shown; or one of the accounts left others
                less than 24 hours ago.

        Example:
            code = await hub.request_link(ann)
            preview = await hub.redeem_link(ann_too, code.code)
            await hub.confirm_link(ann_too, shown=preview)  # None: the other side has to, as well
            await hub.confirm_link(ann, shown=preview)
        """
        with self._counting_refusals():
            linked = await self._parts.announcer.write(
                linking.confirm, self._parts.context(), account, shown
            )

        self._count("confirmed" if linked is None else "linked")
        self._parts.notices.deliver_soon()
        return None if linked is None else linked.identity

    async def cancel_link(self, account: Account) -> bool:
        """Give up the link that an account has under way: a code it asked for or typed that not
        both sides have confirmed yet. The other side is told.

        Returns: Whether there was one.
        """
        is_cancelled = await self._parts.announcer.write(
            linking.cancel, self._parts.context(), account
        )
        if is_cancelled:
            self._count("cancelled")
        self._parts.notices.deliver_soon()
        return is_cancelled

    async def unlink(self, account: Account, *, by: Account | None = None) -> SessionIdentity:
        """Take one account out of a person: each side gets back exactly what came from it. All
        accounts are told.

        Args:
            account: Which one.
            by: Another account of the same person, where that asks for it; None for the account
                itself.

        Returns: The user that the account that asked for it is now.

        Raises:
            LinkRefused: the account is not linked with any other, or not with `by`.
        """
        with self._counting_refusals():
            linked = await self._parts.announcer.write(
                unlinking.unlink, self._parts.context(), account, by=by
            )

        self._count("unlinked")
        self._parts.notices.deliver_soon()
        return linked.identity

    async def unread_notices(self, account: Account) -> tuple[Notice, ...]:
        """Take the notices that could not be delivered to an account, to show them to it now."""
        await self._parts.notices.delivered()
        context = self._parts.context()
        if not await self._parts.database.read(notices.has_any, context, account):
            return ()

        return await self._parts.database.write(notices.collect, context, account)
