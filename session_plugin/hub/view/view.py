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

    Attributes:
        chat: Where the reader is.
        account: Who the reader is; None for nobody's user.
        event: The message that is being answered, where there is one.
        scope_name: The part of the scope that is read, where the author keeps parts apart; None
            until that was asked.
        is_duplicate: That message had been handed in before: a reconnect, a restart, a second
            process.
        is_stored: That message is on disk, and nothing was said in this view since, so reading
            waits for nothing; else it waits for what was handed in before.
        is_aside: Whether that message is a command to the bot, and so is no conversation, nor what
            answers it. `for_model` and `add_turn` end that: code that calls them talks to a model.
            The command is conversation then, and so is what answers it, before and after.
        is_wordless: Whether a command stays an aside even so, for an adapter to set: Telegram's
            apps send /start by themselves.
        seq: That message's place in the order of all, also after it is deleted; 0 as long as it is
            not known to be stored.
        before_reading: Awaited before each read; None for nothing. An adapter whose handlers can
            see a message before it is handed to the hub waits here until it is.

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
