"""What a view reads: its session, its person, messages of it, and what is found among them."""

from __future__ import annotations

from session_plugin.context.window import key_of
from session_plugin.hub.looking import Search, to_cursor, to_query
from session_plugin.hub.view.limits import checked_limit
from session_plugin.hub.view.reader import Reader
from session_plugin.model import (
    MessageEvent,
    Session,
    SessionMessage,
)
from session_plugin.records.conversation import histories, sessions
from session_plugin.records.conversation.tails import reader_of
from session_plugin.rules.found import Cursor, Found
from session_plugin.rules.searching import Query, Sender


class History(Reader):
    """Read and search what the reader may see."""

    async def info(self) -> Session | None:
        """Return the live session without its messages; None before anybody has said anything in
        it.
        """
        return await self._read(sessions.read_live, await self._where())

    async def history(
        self,
        *,
        limit: int | None = 20,
        before: MessageEvent | SessionMessage | None = None,
        include_previous: bool = False,
    ) -> list[SessionMessage]:
        """Return the newest messages of the live session, oldest first, without summaries.

        Args:
            limit: How many at most; None for all.
            before: Only what came before this message: `before=session.event` leaves out the one
                being answered.
            include_previous: Go on into the sessions before this one.

        Raises:
            DatabaseUnavailable: messages of this chat still wait for the database.
            TypeError: `before` is no message.
            ValueError: the limit is no whole number, or negative.
        """
        most = checked_limit("limit", limit)
        place = self._place("before", before)
        held = None
        if self._held is not None and before is None:
            held = await self._held_message()

        if include_previous or self._must_ask:
            messages = await self._read(
                histories.read_history,
                await self._where(),
                limit=most,
                before=place,
                include_previous=include_previous,
            )
        else:
            messages = await self._newest(most, place)

        return _with_held(messages, held, most=most)

    @property
    def _must_ask(self) -> bool:
        """Whether only the database can answer: the reader sees more than the live session, or
        somebody wants a span for each reading.
        """
        sees_groups = self._parts.settings.direct_sees_groups and self.chat.kind == "direct"
        return sees_groups or self._parts.tracing.start is not None

    async def _newest(
        self, most: int, before: MessageEvent | SessionMessage | int | None
    ) -> list[SessionMessage]:
        """Return messages of the live session, from memory if they are there."""
        tails = self._parts.tails
        name = self.scope_name
        if name is None:
            name = await self._scope_name()

        await self._settled()
        found = tails.newest(
            reader_of(self.chat, self.account, name),
            now=self._parts.settings.clock(),
            limit=most,
            before=before,
        )
        if found is not None:
            return found

        where = await self._where()

        return await self._read_settled(tails.read_history, where, limit=most, before=before)

    async def previous(self, *, limit: int = 10) -> list[Session]:
        """Return the sessions that are over, newest first, without their messages.

        Raises:
            ValueError: the limit is no whole number, or negative.
        """
        most = checked_limit("limit", limit)
        return await self._read(sessions.read_previous, await self._where(), limit=most)

    async def search(
        self,
        text: str,
        *,
        limit: int = 10,
        before: str | MessageEvent | SessionMessage | None = None,
        since: float | None = None,
        until: float | None = None,
        who: Sender | None = None,
        channel: str | None = None,
    ) -> Found:
        """Search all that `history(include_previous=True)` shows, from the newest message on.

        Nothing is stored of a search. Messages that were withheld are not found.

        Args:
            text: Words that all have to be there, `"phrases"`, `-words` that may not be there, and
                `from:me`, `from:bot`, `on:telegram`, `after:2026-10`, `before:2026-10-24`. Case,
                accents and Arabic vowel signs make no difference.
            limit: How many hits at most.
            before: The `cursor` of what was found before; or only what came before this message.
            since: Only what was sent at this time or later, in seconds since 1970.
            until: Only what was sent earlier than this.
            who: Only what the reader said (`"me"`), the bot (`"bot"`), or one account.
            channel: Only what was said on this channel.

        Raises:
            DatabaseUnavailable: messages of this chat still wait for the database.
            TypeError: an argument is of another kind than it has to be.
            ValueError: no word is left to search for, or an argument makes no sense.
        """
        query = to_query(text, limit=limit, since=since, until=until, who=who, channel=channel)
        if isinstance(before, str | None):
            cursor = to_cursor(before)
        else:
            place = self._place("before", before)
            seq = await self._read(histories.seq_of, await self._where(), place)
            cursor = to_cursor(None) if seq is None else Cursor(seq)

        return await self._look(query, cursor, limit=limit)

    async def _look(self, query: Query, cursor: Cursor, *, limit: int) -> Found:
        search = Search(
            read=self._read,
            reader=await self._where(),
            query=query,
            meaning=await self._parts.embedder.meaning_of(query.text),
        )

        return await search.found(cursor, limit=limit)


def _with_held(
    messages: list[SessionMessage], held: SessionMessage | None, *, most: int
) -> list[SessionMessage]:
    """Return messages with a held one as the newest, unless it was stored meanwhile."""
    if held is None or not most or any(key_of(message) == key_of(held) for message in messages):
        return messages
    return [*messages, held][-most:]
