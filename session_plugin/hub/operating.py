"""What an operator asks of a hub: who is known, what a session holds, what is wrong."""

from __future__ import annotations

from session_plugin.checks import check_count, check_seq
from session_plugin.errors import UnknownSession
from session_plugin.hub.assembly import HubParts
from session_plugin.model import Account, Receipt, Session, SessionIdentity
from session_plugin.records.conversation import timeline
from session_plugin.records.people import data_keys, forgetting, linking, overview
from session_plugin.records.upkeep import health, traffic
from session_plugin.rules.overview import Health, KnownPerson, Timeline


class Operating:
    """Verbs for an operator; none of them is for people in chats."""

    _parts: HubParts

    async def bots(self) -> list[str]:
        """Return the names of the bots that have chats in the database."""
        return await self._parts.database.read(traffic.bots)

    async def people(self, *, limit: int = 50, skip: int = 0) -> list[KnownPerson]:
        """Return the people with most recent activity. It looks at every session.

        Args:
            limit: How many at most.
            skip: How many to leave out, for the next page.
        """
        check_count("limit", limit)
        check_count("skip", skip)
        bot = self._parts.settings.bot
        return await self._parts.database.read(overview.people, bot, limit=limit, skip=skip)

    async def find_people(self, text: str) -> list[KnownPerson]:
        """Return the people that a text may mean: the user with this id; else the owner of the
        account `channel:id`; else all who have an account with this display name.

        Nobody is identified by a name: where several answer, ask for an id.
        """
        return await self._parts.database.read(overview.find_people, self._parts.settings.bot, text)

    async def sessions(
        self, who: Account | str | None = None, *, limit: int = 50, skip: int = 0
    ) -> list[Session]:
        """Return a person's sessions with this bot, newest activity first, without messages; None:
        all sessions, those of groups as well.
        """
        check_count("limit", limit)
        check_count("skip", skip)
        bot = self._parts.settings.bot
        read = self._parts.database.read
        if who is None:
            return await read(overview.sessions, bot, limit=limit, skip=skip)
        return await read(overview.sessions_of, who, bot, limit=limit, skip=skip)

    async def timeline(
        self, session_id: str, *, limit: int = 50, before: int | None = None
    ) -> Timeline:
        """Return the newest messages of a session over all its chats, oldest first.

        Call `note_texts_shown` if you show somebody their text.

        Args:
            session_id: Which session.
            limit: How many messages at most.
            before: Only messages with a smaller `seq`, for the next page.

        Raises:
            UnknownSession: no session has this id.
        """
        check_count("limit", limit)
        if before is not None:
            check_seq("before", before)
        found = await self._parts.database.read(
            timeline.read_timeline, session_id, limit=limit, before=before
        )
        if found is None:
            raise UnknownSession(f"no session has the id {session_id!r}")

        return found

    async def note_texts_shown(self, user_id: str | None) -> None:
        """Write to the audit that an operator read what a person said; None: what a group said.

        The entry is in the person's export.
        """
        await self._parts.database.write(overview.note_texts_shown, self._parts.context(), user_id)

    async def count_to_forget(self, who: Account | str) -> Receipt:
        """Return what `forget` would erase, and change nothing."""
        return await self._parts.database.read(forgetting.count, who)

    async def renew_keys(self) -> int:
        """Seal what is written from now on with new data keys, in a database that is encrypted;
        return how many are replaced.

        What is stored stays sealed with the old ones, which are destroyed with the person or with
        what they seal. Other processes follow within ten seconds.
        """
        renewed = await self._parts.database.write(data_keys.renew_all)
        if self._parts.encryption.sealing is not None:
            self._parts.encryption.sealing.ask_again()

        return renewed

    async def link_known(self, one: Account, other: Account) -> SessionIdentity:
        """Link two accounts by the operator's word, without codes; both have to be known.

        You answer for it that both are one person. All accounts are notified, as after any link,
        and for 24 hours neither side can erase or export what the other brought.

        Raises:
            LinkRefused: an account is not known, or one of them was unlinked from others less than
                24 hours ago.
        """
        linked = await self._parts.announcer.write(
            linking.link_known, self._parts.context(), one, other
        )
        self._parts.notices.deliver_soon()

        return linked.identity

    async def erase(self) -> bool:
        """Rewrite an SQLite file now, if deleted bytes may still be in it; nobody can write
        meanwhile.

        Returns: Whether none is left. False where another process reads the file just now.
        """
        erasure = await self._parts.eraser.erase(at_once=True)
        return erasure.is_done

    async def health(self) -> Health:
        """Check what may be wrong in the database. It reads all of an SQLite file."""
        settings = self._parts.settings
        return await self._parts.database.read(health.examine, settings.bot, now=settings.clock())
