"""SessionView: what a handler holds while it answers.

A scope and a hub. Nothing is read before something is awaited, and the live session is looked up at
each call, so that a link or a new session in the middle of a handler is seen.
"""

from __future__ import annotations

from session_plugin.hub.view.adding import Adding
from session_plugin.hub.view.for_model import ForModel
from session_plugin.hub.view.history import History
from session_plugin.hub.view.states import States
from session_plugin.model import Session
from session_plugin.records.conversation import sessions


class SessionView(History, ForModel, Adding, States):
    """The session as somebody in one chat sees it: their own over all channels in a direct chat,
    the group's in a group.

    `Reader` says what its attributes are.

    Example:
        await hub.record(event)
        session = hub.session_of(dm, ann)
        print([message.content for message in await session.history(limit=5)])
        await session.add("tool", "It is raining.")
        await session.start_new()
    """

    async def start_new(self) -> Session | None:
        """End the live session, for all linked accounts, and start an empty one; None where nobody
        is known to own one.
        """
        where = await self._where()
        if self.before_reading is not None:
            await self.before_reading()

        await self._parts.intake.settled(self.chat)

        return await self._parts.announcer.write_in(self.chat, sessions.start_new, where)
