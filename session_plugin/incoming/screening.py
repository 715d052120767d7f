"""Decide whether and as what a message is stored, as far as that is known before the database.

The questions are asked in this order, for new messages and for edits alike:

1. link codes that a group has seen are made worthless;
2. which part of its scope does the message belong to (`session_resolve_scope`);
3. does the author want this chat's messages at all (`record_when`);
4. what do the filters leave of it (`session_filter_message`);
5. whose are its accounts, if they are new (`session_resolve_user`).

What only the database knows (duplicates, deletions, private and forgotten people) follows in
`rules/admission.py`, within the transaction. Knows plugins and operations; knows no queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from session_plugin.checks import check_id, check_storable
from session_plugin.database.database import Database
from session_plugin.errors import LinkingOff, PluginError, SessionError
from session_plugin.logs import FieldLogger
from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.plugins.manager import FilterRests, Plugins
from session_plugin.records.conversation.recording import Recording
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import accounts, link_requests
from session_plugin.rules.codes import SEARCHED_AT_ONCE, codes_in, texts_in
from session_plugin.secret import Secret

QUESTIONS_IN_A_SCOPE = ("session_filter_message", "session_resolve_user")
"""What plugins are asked about a message whose scope's name is known."""
ALL_QUESTIONS = ("session_resolve_scope", *QUESTIONS_IN_A_SCOPE)

logger = FieldLogger("session_plugin.hub")

_check_scope_name = partial(check_storable, "a scope's name")
_check_user_id = partial(check_id, "user_id")


@dataclass(frozen=True, slots=True)
class Filtered:
    """A message as the filters left it; without content if one of them failed, or rests: then
    `original` is to be filtered later.
    """

    event: MessageEvent
    is_withheld: bool = False
    original: MessageEvent | None = None


class Screening:
    """One hub's questions about messages."""

    def __init__(
        self,
        plugins: Plugins,
        *,
        database: Database,
        secret: Secret,
        context: Callable[[], OperationContext],
        record_when: Callable[[Chat], bool] | None,
    ) -> None:
        """Ask `plugins` and `record_when`; look for codes by the hashes of `secret`."""
        self._plugins = plugins
        self._database = database
        self._secret = secret
        self._context = context
        self._record_when = record_when

    def is_plain(self, event: MessageEvent, scope_name: str | None) -> bool:
        """Check whether none of the questions has to be asked of a message."""
        if self.has_questions(scope_name):
            return False

        return event.chat.kind != "group" or not _may_hold_codes(texts_in(event))

    def has_questions(self, scope_name: str | None) -> bool:
        """Check whether plugins or the author are asked about every message."""
        hooks = ALL_QUESTIONS if scope_name is None else QUESTIONS_IN_A_SCOPE
        return self._record_when is not None or self._plugins.has(*hooks)

    async def screen(
        self,
        context: OperationContext,
        event: MessageEvent,
        *,
        scope_name: str,
        is_seen: bool = True,
    ) -> Recording | None:
        """Ask all questions but for the scope's name; None if nothing of the message is stored.

        The context is that of the moment at which the message was handed in, however long the
        filters take. `is_seen` is False for a message that only its author has seen so far.
        """
        if event.chat.kind == "group" and is_seen:
            await self.burn_codes(texts_in(event))
        if not self._is_recorded(event.chat):
            return None

        filtered = await self._filter(event)
        if filtered is None:
            return None

        return Recording(
            context=context,
            event=filtered.event,
            user_id=await self.user_id_for(filtered.event.author),
            answered_user_id=await self.user_id_for(filtered.event.answers),
            is_withheld=filtered.is_withheld,
            scope_name=scope_name,
            original=filtered.original,
        )

    async def burn_codes(self, text: str) -> None:
        """Make worthless whatever in a text is a link code: others than its owner have seen it.

        Hashes are computed only while a code is live, in whatever process it was asked for.
        """
        if not _may_hold_codes(text):
            return

        try:
            if not await self._database.read(link_requests.is_any_live, self._context()):
                return

            hashes = await asyncio.to_thread(self._secret.code_hashes_in, text)
            is_code = await self._database.read(link_requests.is_any_of, hashes)
            if is_code:
                engine = await self._database.open()
                engine.write_patiently(link_requests.burn, self._context(), hashes)
        except LinkingOff:
            logger.debug("linking is off, so there are no codes")
        except SessionError as error:
            logger.warning(
                "a code that was said in a group could not be taken back: %(error)s", error=error
            )

    async def scope_name(self, event: MessageEvent) -> str:
        """Ask the plugins which part of its scope a message belongs to; "" where none of them says.

        Where a plugin fails, the message gets a part that nothing else is in: nobody reads there
        what was to be kept apart.
        """
        if not self._plugins.has("session_resolve_scope"):
            return ""

        try:
            answer = await self._plugins.ask(
                "session_resolve_scope", check=_check_scope_name, is_strict=True, event=event
            )
        except PluginError as error:
            logger.warning(
                "no plugin says which part of its scope a message belongs to, so it gets its own: "
                "%(error)s",
                error=error,
            )
            return f"unresolved:{self._context().new_id()}"

        return "" if answer is None else str(answer.value)

    async def user_id_for(self, account: Account | None) -> str | None:
        """Ask the plugins whose a new account is, if any of them might know."""
        if account is None or not self._plugins.has("session_resolve_user"):
            return None

        try:
            if await self._database.read(accounts.is_known, account):
                return None
        except SessionError:
            logger.info(
                "the database cannot say whether an account is known, so the plugins are asked"
            )

        try:
            answer = await self._plugins.ask(
                "session_resolve_user", check=_check_user_id, account=account
            )
        except PluginError as error:
            logger.warning(
                "no plugin says whose a new account is, so it gets a user of its own: %(error)s",
                error=error,
            )
            return None

        return None if answer is None else str(answer.value)

    async def filtered_text(self, event: MessageEvent) -> str | None:
        """Return what the filters leave of a message's text; None if they store nothing of it."""
        filtered = await self._filter(event)

        return None if filtered is None or filtered.is_withheld else filtered.event.text

    def _is_recorded(self, chat: Chat) -> bool:
        """Check whether the author wants a chat's messages; a rule that fails stores none."""
        try:
            return self._record_when is None or bool(self._record_when(chat))
        except Exception:
            logger.exception(
                "record_when failed, so nothing of a %(kind)s chat on %(channel)s is stored",
                kind=chat.kind,
                channel=chat.channel,
            )
            return False

    async def _filter(self, event: MessageEvent) -> Filtered | None:
        """Run a message through the filters; None if nothing of it is to be stored."""
        if not self._plugins.has("session_filter_message"):
            return Filtered(event)

        try:
            kept = await self._plugins.filter(event)
        except PluginError as error:
            blank = replace(event, text="", attachments=(), metadata={}, parts=())
            original = event if isinstance(error, FilterRests) else None
            return Filtered(blank, is_withheld=True, original=original)

        return None if kept is None else Filtered(kept)


def _may_hold_codes(text: str) -> bool:
    """Check whether a text holds something like a code; a long one is searched later, elsewhere."""
    return len(text) > SEARCHED_AT_ONCE or bool(codes_in(text))
