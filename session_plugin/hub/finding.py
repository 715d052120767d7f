"""A hub's searches: for operators, and for people who search with a command."""

from __future__ import annotations

from dataclasses import replace

from session_plugin.checks import check_storable
from session_plugin.hub.assembly import HubParts
from session_plugin.hub.looking import Search, to_cursor, to_query
from session_plugin.hub.view.view import SessionView
from session_plugin.model import Account, Chat
from session_plugin.records.conversation.sources import Person
from session_plugin.reports import OnProgress
from session_plugin.rules.found import Found
from session_plugin.rules.searching import Sender

SPOKEN = frozenset({"user", "assistant"})
"""What people find with a command: not what the author tells a model."""


class Finding:
    """Searching what a person may see."""

    _parts: HubParts

    async def search(
        self,
        person: Account | str,
        text: str,
        *,
        limit: int = 10,
        before: str | None = None,
        since: float | None = None,
        until: float | None = None,
        who: Sender | None = None,
        channel: str | None = None,
        scope_name: str = "",
    ) -> Found:
        """Search what a person sees in their direct chats, as `SessionView.search` does there.

        Args:
            person: An account of theirs, or a user id that is or was theirs. For nobody known,
                nothing is found.
            text: What to search for.
            limit: How many hits at most.
            before: The `cursor` of what was found before.
            since: Only what was sent at this time or later, in seconds since 1970.
            until: Only what was sent earlier than this.
            who: Only what they said themselves (`"me"`), the bot (`"bot"`), or one account.
            channel: Only what was said on this channel.
            scope_name: The part of the scope, where the author keeps parts apart.

        Raises:
            TypeError: `person` is neither an account nor a user id.
            ValueError: no word is left to search for, or an argument makes no sense.
        """
        if not isinstance(person, Account | str):
            raise TypeError(
                f"person is an Account, or a user id as text, not {type(person).__name__}"
            )

        check_storable("scope_name", scope_name)
        query = to_query(text, limit=limit, since=since, until=until, who=who, channel=channel)
        reader = Person(
            context=self._parts.context(),
            who=person,
            name=scope_name,
            direct_sees_groups=self._parts.settings.direct_sees_groups,
        )
        search = Search(
            read=self._parts.database.read,
            reader=reader,
            query=query,
            meaning=await self._parts.embedder.meaning_of(query.text),
        )

        return await search.found(to_cursor(before), limit=limit)

    async def embed_stored(self, *, progress: OnProgress | None = None) -> int:
        """Make the vectors of messages that were stored before the plugin for `session_embed` was
        there, or while it failed; return how many. It stops where the plugin fails again.

        Args:
            progress: Called after each batch.
        """
        bot = self._parts.settings.bot
        return await self._parts.embedder.embed_stored(bot, progress=progress)

    async def search_for(
        self, account: Account, chat: Chat, text: str | None, *, limit: int
    ) -> Found | None:
        """Search for a person who asks in a direct chat, and remember where it stopped.

        Args:
            account: Who asks.
            chat: Where; what they see there is searched, without instructions and tools' results.
            text: What to search for; None goes on with their last search.
            limit: How many hits at most.

        Returns: What was found; None where there is no last search to go on with: it is
        remembered for ten minutes, in this process.

        Raises:
            ValueError: no word is left to search for, or an operator makes no sense.
        """
        searches, cursor = self._parts.searches, None
        if text is None:
            last = searches.of(account)
            if last is None:
                return None
            text, cursor = last.text, last.cursor

        query = to_query(text, limit=limit, since=None, until=None, who=None, channel=None)
        view = SessionView(self._parts, chat, account)
        found = await view._look(replace(query, roles=SPOKEN), to_cursor(cursor), limit=limit)
        searches.note(account, text, found.cursor)

        return found
