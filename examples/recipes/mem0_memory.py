"""mem0 for facts that last, next to the session for what was said.

mem0 keeps memories under an id. Here this is the account, not the user: a link or its undoing then
has nothing to move, and people see the memories of all accounts that are theirs now.

    memory = AsyncMemory.from_config({...})
    hub = SessionHub("bot.db", plugins=[Remembering(memory)])
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from mem0 import AsyncMemory

from session_plugin import Account, IdentityEvent, MessageEvent, SessionHub, hookimpl


class Remembering:
    """Gives mem0 what people say in direct chats, and forgets with them.

    Args:
        memory: A memory of mem0.
        infer: Whether mem0's model draws facts from what is said, or it is remembered as it is.
    """

    def __init__(self, memory: AsyncMemory, *, infer: bool = True) -> None:
        self._memory = memory
        self._infer = infer
        self._changing = asyncio.Lock()  # what was said is remembered before it is forgotten
        self._tasks: set[asyncio.Task[None]] = set()

    @hookimpl
    def session_on_message(self, event: MessageEvent) -> None:
        if event.role == "user" and event.author is not None and event.chat.kind == "direct":
            self._start(self._remember(event.author, event.text))

    @hookimpl
    def session_on_identity(self, event: IdentityEvent) -> None:
        if event.change == "forgotten":
            self._start(self._forget(event.account))

    async def recall(self, hub: SessionHub, account: Account, question: str) -> list[str]:
        """Return what is remembered of a person, over all linked accounts, best first."""
        identity = await hub.identity_of(account)
        found = []
        for one in identity.accounts if identity is not None else ():
            answer = await self._memory.search(question, filters={"user_id": key(one)})
            found += answer["results"]
        return [one["memory"] for one in sorted(found, key=lambda one: -one["score"])]

    async def finish(self) -> None:
        """Wait for what was handed to mem0 so far."""
        await asyncio.gather(*self._tasks)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a model take longer than a hook may."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _remember(self, account: Account, text: str) -> None:
        async with self._changing:
            await self._memory.add(text, user_id=key(account), infer=self._infer)

    async def _forget(self, account: Account) -> None:
        async with self._changing:
            await self._memory.delete_all(user_id=key(account))


def key(account: Account) -> str:
    """Return the id under which mem0 keeps an account's memories."""
    return f"{account.channel}:{account.channel_user_id}"
