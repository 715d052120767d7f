"""What a view gives a model, and the files that belong to it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from session_plugin.context.fitting import fit
from session_plugin.context.turns import ModelContext
from session_plugin.context.window import shortened
from session_plugin.hub.media import Budget, checked_types
from session_plugin.hub.view.limits import checked_limit
from session_plugin.hub.view.reader import Reader
from session_plugin.model import (
    MessageEvent,
    SessionMessage,
)
from session_plugin.records.conversation import contexts
from session_plugin.records.conversation.context_reading import ContextRequest


class ForModel(Reader):
    """Read what a model should see."""

    async def for_model(
        self,
        *,
        max_tokens: int | None = None,
        max_messages: int | None = None,
        before: MessageEvent | SessionMessage | None = None,
        upto: MessageEvent | SessionMessage | None = None,
        include_previous: bool = False,
        include_asides: bool = False,
        keep_tools: int | None = None,
        times: bool = False,
    ) -> ModelContext:
        """Return what a model should see: what you said as system or developer, the summary so far,
        and the newest messages.

        What you said as system or developer in this session comes first, whole, whatever the
        limits. The newest message is always in, whole unless there is no room for it in
        `max_tokens`: then its end is cut off and marked.

        From one call to the next, the context begins in the same place most of the time, so that
        providers find the beginning of a request in their caches. Therefore `max_messages` is
        exceeded by up to half, and `max_tokens` is filled between half and all of it.

        For the words of a recording that is being answered and transcribed, it waits up to 10 s.

        Args:
            max_tokens: How many tokens at most, as a model is given it; counted by a
                `session_count_tokens` hook, else by an estimate that rather counts too many. With
                it, messages are shown as they were said as long as they fit, also those that a
                summary stands for; the summary is for what is before them. One that leaves less
                than a quarter of the budget to messages is left out.
            max_messages: About how many messages, the newest: from as many to half as many again.
                None for all that no summary stands for, 0 for the summary alone. System and
                developer messages and asides are not counted.
            before: Only what came before this message. A message that was never stored limits
                nothing.
            upto: Only what came up to this message, which is then the newest: `upto=session.event`
                leaves out a placeholder that was sent already, and other questions.
            include_previous: Go on into the sessions before this one, within the limits, if all of
                this one is shown.
            include_asides: Include commands to the bot, their answers, and errors.
            keep_tools: For how many turns at least the results of tools stay whole; older ones are
                one line. None for all.
            times: Whether headings say when people said something.

        Raises:
            DatabaseUnavailable: messages of this chat still wait for the database.
            TypeError: `before` or `upto` is no message.
            ValueError: a limit is no whole number, or too small; or both `before` and `upto` are
                given.
        """
        budget = None if max_tokens is None else checked_limit("max_tokens", max_tokens, at_least=1)
        most = None if max_messages is None else checked_limit("max_messages", max_messages)
        kept = None if keep_tools is None else checked_limit("keep_tools", keep_tools)
        if before is not None and upto is not None:
            raise ValueError("give before or upto, not both: each says where the context ends")

        is_open = before is None and (upto is None or upto is self.event)
        await self._take_in()
        if self.seq and is_open:
            await self._parts.transcribing.wait_for(self.chat, self.seq)
        held = await self._held_message() if is_open else None
        request = ContextRequest(
            max_messages=most,
            max_tokens=budget,
            before=self._place("before", before),
            upto=self._place("upto", upto),
            include_previous=include_previous,
            include_asides=include_asides,
        )

        where = await self._where()
        material = await self._read(contexts.read_context, where, request)
        if await self._parts.consolidator.catch_up(material.session_no):
            material = await self._read(contexts.read_context, where, request)
        if held is not None:
            material = material.with_newest(held, most)
        messages = shortened(material.context.messages, kept)
        context = replace(material.context, messages=messages, times=times)

        return await fit(
            replace(material, context=context), max_tokens=budget, count=self._parts.tokens.count
        )

    async def fetch_media(
        self,
        context: ModelContext,
        *,
        max_count: int = 4,
        max_bytes: int = 5_000_000,
        types: Collection[str] = ("image/",),
    ) -> ModelContext:
        """Return a context of this view with the files that people sent, as a model is given them.

            conversation = await session.fetch_media(await session.for_model(max_tokens=4000))

        A `session_fetch` hook is asked for each file, then the adapter of the bot that received it.
        The newest are fetched, all at once; each is waited for 5 seconds. What cannot be fetched,
        or is not within the limits, is named by its kind, as without this call. Nothing is stored.

        Args:
            context: What `for_model` of this view returned.
            max_count: How many files at most.
            max_bytes: How many bytes at most, of all files together.
            types: How the content types begin that your model takes: `("image/", "audio/")`.

        Raises:
            TypeError: `types` is a text.
            ValueError: a limit is no whole number, or negative.
        """
        budget = Budget(
            max_count=checked_limit("max_count", max_count),
            max_bytes=checked_limit("max_bytes", max_bytes),
            types=checked_types(types),
        )
        seen = [message for message in context.messages if self._may_see(message)]
        fetched = await self._parts.media.fetch(seen, budget)

        return replace(context, media={**context.media, **fetched})

    def _may_see(self, message: SessionMessage) -> bool:
        """Check that a message is not from a direct chat where a group reads, or the other way."""
        if message.chat is None:
            return False
        if message.chat.kind == self.chat.kind:
            return True

        return self.chat.kind == "direct" and self._parts.settings.direct_sees_groups

    def as_answer(self, event: MessageEvent) -> MessageEvent:
        """Return a new message of the bot as what answers this view's: an aside if that is one.

        For adapters, which know what a handler sends. Answers in other chats are none.
        """
        if not self.is_aside or event.chat != self.chat:
            return event

        if event.message_id is not None:
            self._asides = (*self._asides, event.message_id)

        return replace(event, is_aside=True)
