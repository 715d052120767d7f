"""Tell people about their links on their own platform, by whichever adapter of this process serves them. Best effort."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal

from session_plugin.leases import Leases
from session_plugin.model import Account, Chat, LinkPreview, Notice
from session_plugin.records.linking import Linked

SECONDS = 2.0
"""How long a command waits for a notice about the same link that is being delivered."""

Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[Any]]


class Notices:
    """One hub's notices."""

    def __init__(
        self,
        leases: Leases,
        *,
        reach: Callable[[Account], Awaitable[Chat | None]],
        shown: Callable[[Account], Awaitable[None]],
        start: Start,
    ) -> None:
        """Deliver by `leases` where `reach` finds people, note by `shown` who was asked, `start` it in the background."""
        self._leases = leases
        self._reach = reach
        self._shown = shown
        self._start = start
        self._asking: dict[Account, asyncio.Task[Any]] = {}

    def ask_for_confirmation(self, preview: LinkPreview) -> None:
        """Tell the asker who typed the code."""
        asker = preview.asker
        self._asking[asker] = task = self._start(self._ask(preview))
        task.add_done_callback(lambda _: self._asking.pop(asker, None))

    def tell_others(self, kind: Literal["linked", "unlinked"], account: Account, linked: Linked) -> None:
        """Tell the other accounts of a person that this one was linked or unlinked."""
        notice = Notice(kind=kind, account=account, account_name=linked.name)
        for other in linked.others:
            self._start(self._tell(other, notice))

    async def delivered(self, account: Account) -> None:
        """Wait for the question that is on its way to an account: who is being asked need not be asked again."""
        task = self._asking.get(account)
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({task}, timeout=SECONDS)

    async def _ask(self, preview: LinkPreview) -> None:
        notice = Notice(kind="link_redeemed", account=preview.redeemer, account_name=preview.redeemer_name)
        chat = await self._reach(preview.asker)
        if chat is not None and await self._leases.deliver(chat, notice):
            await self._shown(preview.asker)

    async def _tell(self, account: Account, notice: Notice) -> None:
        chat = await self._reach(account)
        if chat is not None:
            await self._leases.deliver(chat, notice)
