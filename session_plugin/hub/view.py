"""SessionView: what a handler holds while it answers.

A scope and a hub. Nothing is read before something is awaited, and the live session is looked up at
each call, so that a link or a new session in the middle of a handler is seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from session_plugin.checks import check_id
from session_plugin.context.fitting import fit
from session_plugin.context.turns import ModelContext
from session_plugin.context.window import key_of, shortened
from session_plugin.database.engine import Tx
from session_plugin.errors import SessionError, UnknownSession
from session_plugin.hub.assembly import HubParts
from session_plugin.hub.looking import Search, to_cursor, to_query
from session_plugin.hub.media import Budget, checked_types
from session_plugin.hub.runs import Run
from session_plugin.hub.traced import read_traced, record_traced
from session_plugin.incoming.intake import Submission
from session_plugin.model import (
    Account,
    Chat,
    MessageEvent,
    Role,
    Session,
    SessionIdentity,
    SessionMessage,
)
from session_plugin.parts import Part
from session_plugin.parts.bounds import checked
from session_plugin.parts.texts import words_in
from session_plugin.providers import read_turn
from session_plugin.records.conversation import asides, contexts, histories, sessions, states
from session_plugin.records.conversation.context_reading import ContextRequest
from session_plugin.records.conversation.histories import ALL
from session_plugin.records.conversation.recording import RecordResult, as_stored
from session_plugin.records.conversation.removing import MessageKey
from session_plugin.records.people import accounts
from session_plugin.rules.found import Cursor, Found
from session_plugin.rules.searching import Query, Sender
from session_plugin.rules.states import Change, changed

P = ParamSpec("P")
T = TypeVar("T")

MOST_RECENT = 100
"""Messages among which those of a run are looked for."""
MOST_TRIES = 100
"""Changes of a state that others may make before one of ours, one after another."""


class SessionView:
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

    def __init__(
        self,
        parts: HubParts,
        chat: Chat,
        account: Account | None,
        event: MessageEvent | None = None,
    ) -> None:
        """Made by SessionHub.session_of."""
        self._parts = parts
        self.chat = chat
        self.account = account
        self.event = event
        self.scope_name: str | None = None
        self.is_duplicate = False
        self.is_stored = False
        self.is_aside = event is not None and event.is_aside
        self.is_wordless = False
        self.seq = 0
        self.before_reading: Callable[[], Awaitable[object]] | None = None
        self._held: Submission | None = None
        self._asides: list[str] = []

    async def info(self) -> Session | None:
        """Return the live session without its messages; None before anybody has said anything in
        it.
        """
        return await self._read(sessions.read_live, await self._where())

    async def identity(self) -> SessionIdentity | None:
        """Return the canonical user of this view's account, with all linked accounts; None for
        nobody known.
        """
        if self.account is None:
            return None

        return await self._read(accounts.identity_of_account, self.account)

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
        most = _checked("limit", limit)
        place = self._place("before", before)
        held = await self._held_message() if before is None else None
        messages = await self._read(
            histories.read_history,
            await self._where(),
            limit=most,
            before=place,
            include_previous=include_previous,
        )

        return _with_held(messages, held, most=most)

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
                summary stands for; the summary is for what is before them. Without room for it
                beside the newest message it is left out.
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
        budget = None if max_tokens is None else _checked("max_tokens", max_tokens, at_least=1)
        most = None if max_messages is None else _checked("max_messages", max_messages)
        kept = None if keep_tools is None else _checked("keep_tools", keep_tools)
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

        material = await self._read(contexts.read_context, await self._where(), request)
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
            max_count=_checked("max_count", max_count),
            max_bytes=_checked("max_bytes", max_bytes),
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

    def _place(
        self, name: str, message: MessageEvent | SessionMessage | None
    ) -> MessageEvent | SessionMessage | int | None:
        """Return a message, or its place if it is the one being answered: that is known even after
        it was deleted.
        """
        if not isinstance(message, MessageEvent | SessionMessage | None):
            raise TypeError(
                f"{name} is a message, as it was handed in or as it is stored, not {message!r}"
            )

        return self.seq if message is self.event and self.seq else message

    def as_answer(self, event: MessageEvent) -> MessageEvent:
        """Return a new message of the bot as what answers this view's: an aside if that is one.

        For adapters, which know what a handler sends. Answers in other chats are none.
        """
        if not self.is_aside or event.chat != self.chat:
            return event

        if event.message_id is not None:
            self._asides.append(event.message_id)

        return replace(event, is_aside=True)

    async def _take_in(self) -> None:
        """Make conversation of a command, and of what was sent in answer to it, for good."""
        if not self.is_aside or self.event is None:
            return

        self.is_aside = False
        keys, self._asides = self._asides, []
        if self._held is not None:
            self._held.take_in()
        elif self.event.message_id is not None and not self.is_wordless:
            keys.append(self.event.message_id)

        if not keys:
            return

        try:
            if self.before_reading is not None:
                await self.before_reading()
            await self._parts.intake.settled(self.chat)
            context = self._parts.context()
            await self._parts.database.write(asides.take_in, context, self.chat, keys)
        except BaseException:
            self.is_aside, self._asides = True, [*keys, *self._asides]
            raise

    async def add(
        self,
        role: Role,
        content: str = "",
        *,
        parts: Iterable[Part | Mapping[str, Any] | str] = (),
        turn: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> SessionMessage | None:
        """Add a message that no platform delivers: a system or developer prompt, a call of a tool,
        its result, an answer sent elsewhere.

        It passes the filters like any other. None if it is not stored: a filter keeps nothing of
        it, or the database cannot be written now. What is returned can be given to `delete` and
        `edit`.

            call = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {}}
            await session.add("assistant", parts=["One moment.", call], turn="run-1")

        Args:
            role: Who says it.
            content: The words. By default those of the text parts, joined by line breaks.
            parts: Parts, mappings with their fields and a `type` (`text`, `media`, `tool_call`,
                `tool_result`, `reasoning`, `raw`), or text. A part of more than 64 KB of JSON is
                cut, with a mark that says how much is left out.
            turn: Names the run of a model that the message is of.
            metadata: Anything else, as values that JSON can represent.

        Raises:
            TypeError: something is no JSON; the error has the path to it.
            ValueError: a part has an unknown type or an empty id; or `content` is given and is not
                what the text parts say.
        """
        accepted = checked(parts)
        if content:
            _check_words(content, accepted)

        event = MessageEvent(
            chat=self.chat,
            message_id=None,
            role=role,
            text=content or words_in(accepted) or "",
            sent_at=self._parts.context().now,
            author=self.account if role == "user" else None,
            answers=None if role == "user" else self.account,
            metadata=metadata or {},
            parts=accepted,
            turn=turn,
        )
        if self.before_reading is not None:
            await self.before_reading()

        view = SessionView(self._parts, self.chat, self.account, event)
        view.scope_name = await self._scope_name()

        return (await view._record(event)).message()

    async def add_turn(
        self, response: object, *, turn: str | None = None, store_words: bool = False
    ) -> list[SessionMessage]:
        """Store what a model answered and what its tools returned, and return what was stored.

        Calls, results and reasoning are stored at once, without content, as the bot's answer to
        this view's account. The model's words are stored when they are sent: then the platform's
        message of the bot is part of the turn, also if it was sent before, as an edit, in other
        markup, or in several pieces. Words that are not sent within ten minutes, or before the
        next turn for the same person in this chat begins, are no history.

            response = await client.responses.create(model="gpt-5", input=...)
            await session.add_turn(response)
            await message.reply(response.output_text)

        What people say in `response` is left out, and so is what the bot's author says. Only what
        is new belongs in it: the same call given twice is stored twice.

        Args:
            response: What a provider's package returned, as its objects or as dictionaries; several
                messages or items as a list. `openai` (Responses and chat completions),
                `anthropic`, `google-genai`, and `new_messages()` of `pydantic-ai`.
            turn: Names the run; None begins a new one. Give the same text with all calls of a run.
            store_words: Store the words too, at once: for a bot of which no platform delivers the
                messages.

        Raises:
            TypeError: `response` has none of the known shapes.
        """
        said = read_turn(response)
        await self._take_in()
        if turn is None:
            turn = self._parts.context().new_id()

        check_id("turn", turn)
        run = Run(
            parts=self._parts,
            chat=self.chat,
            account=self.account,
            turn=turn,
            add=self.add,
            recent=self._recent,
        )

        return await run.store(said, store_words=store_words)

    def drop_words(self, turn: str, text: str) -> None:
        """Hold the words of a run no longer: they were taken back before they were sent.

        Args:
            turn: The run, as `add_turn` was given it.
            text: The words.
        """
        self._parts.final_words.take_back(self.chat, turn, text)

    async def _recent(self) -> list[SessionMessage]:
        """Return what was said since the message being answered, or since the newest one of a
        person.
        """
        messages = await self.history(limit=MOST_RECENT)
        since = self.seq or max((one.seq for one in messages if one.role == "user"), default=0)

        return [message for message in messages if message.seq > since]

    async def delete(self, *messages: SessionMessage) -> int:
        """Remove messages from history, archive and summaries, and return how many were stored:
        what `add` put in, or any other message that was read here.

            prompt = await session.add("system", "Answer in verse.")
            await session.delete(prompt)

        Raises:
            ValueError: a message is not a stored one.
        """
        keys: dict[Chat, list[MessageKey]] = {}
        for message in messages:
            chat, seq = _stored_at(message)
            key = seq if message.message_id is None else message.message_id
            keys.setdefault(chat, []).append(key)

        context, intake = self._parts.context(), self._parts.intake

        return sum([await intake.delete(context, chat, some) for chat, some in keys.items()])

    async def edit(
        self,
        message: SessionMessage,
        content: str | None = None,
        *,
        parts: Iterable[Part | Mapping[str, Any] | str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Change what a stored message says: one that `add` put in, or any other that was read
        here.

        It passes the filters like any other edit. Return False where nothing changed, or where the
        message is gone.

        Args:
            message: As it was returned by `add` or read.
            content: Its text from now on. None for what the text parts say, if `parts` has any;
                else it stays.
            parts: Its parts from now on, as `add` takes them. None leaves them as `message` has
                them; its text parts say what `content` says.
            metadata: Its metadata from now on; None leaves it as `message` has it.

        Raises:
            TypeError, ValueError: as for `add`; or the message is not a stored one.
        """
        chat, seq = _stored_at(message)
        accepted = message.parts if parts is None else checked(parts)
        if content is None:
            content = message.content if parts is None else words_in(accepted)
        elif parts is not None:
            _check_words(content, accepted)
        context = self._parts.context()
        event = MessageEvent(
            chat=chat,
            message_id=message.message_id,
            role=cast("Role", message.role),
            text=message.content if content is None else content,
            sent_at=message.timestamp,
            author=message.person if message.role == "user" else None,
            author_name=message.author_name,
            answers=None if message.role == "user" else message.person,
            reply_to=message.reply_to,
            attachments=message.attachments,
            metadata=message.metadata if metadata is None else metadata,
            edited_at=max(context.now, message.edited_at or context.now),
            parts=accepted,
            turn=message.turn,
            is_aside=message.is_aside,
        )

        return await self._parts.intake.edit(context, event, seq=seq)

    async def state(self) -> dict[str, Any]:
        """Return what your code noted down about the live session: a small JSON object, gone with
        the session.

        The next session begins with none; while a session is joined into another, that one's
        counts.
        """
        return await self._state(states.of_session)

    async def set_state(self, change: Change | None = None, /, **values: Any) -> dict[str, Any]:
        """Change what is noted down about the live session; give it as it is now.

            await session.set_state(step="address")                              # other keys stay;
            None removes a key await session.set_state(lambda state: {"count": state.get("count", 0)
            + 1})

        Safe when two handlers do it: each key is set by itself, and a function is called again with
        what the other one made of it, so it has no other effects.

        Raises:
            UnknownSession: nothing has been said here yet, so there is no session.
            TypeError: there is something in it that JSON has no word for.
            ValueError: it is more than 65,536 characters of JSON.
        """
        return await self._set_state(states.of_session, change, values)

    async def user_state(self) -> dict[str, Any]:
        """Return what your code noted down about the person whose view this is, over all their
        channels and sessions.

        It is kept with the `user_id`: linked accounts share the one of the id that stays, and on
        unlinking an id has its own again.
        """
        return await self._state(states.of_user)

    async def set_user_state(
        self, change: Change | None = None, /, **values: Any
    ) -> dict[str, Any]:
        """Change what is noted down about this person, as `set_state` does.

        Raises:
            UnknownSession: this is nobody known.
            TypeError: there is something in it that JSON has no word for.
            ValueError: it is more than 65,536 characters of JSON.
        """
        return await self._set_state(states.of_user, change, values)

    async def _state(self, find: states.Find) -> dict[str, Any]:
        state = await self._read(find, await self._where())
        return {} if state is None else state.values

    async def _set_state(
        self, find: states.Find, change: Change | None, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        for _ in range(MOST_TRIES):
            state = await self._read(find, await self._where())
            if state is None:
                raise UnknownSession(
                    "nobody known has said anything here yet, so there is nothing to keep a "
                    "state with"
                )

            new = replace(state, values=changed(state.values, change, values))
            if await self._parts.database.write(states.put, new):
                return new.values

        raise SessionError(
            f"a state was changed by others {MOST_TRIES} times in a row; change it less often, "
            "or in one place"
        )

    async def start_new(self) -> Session | None:
        """End the live session, for all linked accounts, and start an empty one; None where nobody
        is known to own one.
        """
        where = await self._where()
        if self.before_reading is not None:
            await self.before_reading()

        await self._parts.intake.settled(self.chat)

        return await self._parts.announcer.write_in(self.chat, sessions.start_new, where)

    async def previous(self, *, limit: int = 10) -> list[Session]:
        """Return the sessions that are over, newest first, without their messages.

        Raises:
            ValueError: the limit is no whole number, or negative.
        """
        most = _checked("limit", limit)
        return await self._read(sessions.read_previous, await self._where(), limit=most)

    async def _record(self, event: MessageEvent) -> Submission:
        """Store `event` as the message of this view, for SessionHub.record and for `add`."""
        submission, self._held = self._held, None
        if submission is None:
            submission = Submission(event, None, on_result=self._note_result)

        submission.scope_name = self.scope_name
        if self._parts.tracing.start is None:
            await self._parts.intake.record(self._parts.context(), submission)
        else:
            await record_traced(self._parts, submission)
        self.scope_name = submission.scope_name

        if submission.result is not None:
            fate = submission.result.fate
            self.is_duplicate = fate == "duplicate"
            self.is_stored = fate in ("stored", "duplicate")

        return submission

    def _note_result(self, result: RecordResult) -> None:
        self.seq = result.seq

    async def _held_message(self) -> SessionMessage | None:
        """Return the message that is not stored yet because nobody but its author has seen it."""
        held = self._held
        if held is None:
            return None

        who = await self.identity()
        if who is not None and who.is_private:
            return None

        held.scope_name = await self._scope_name()
        recording = await self._parts.intake.screen_held(self._parts.context(), held)
        if recording is None:
            return None

        result = RecordResult(fate="stored", person=held.event.author)

        return as_stored(recording, result)

    async def _read(
        self, operation: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self.before_reading is not None:
            await self.before_reading()
        if not self.is_stored or self._parts.intake.holds_edits(self.chat):
            await self._parts.intake.settled(self.chat)
        if self._parts.tracing.start is None:
            return await self._parts.database.read(operation, *args, **kwargs)

        return await read_traced(self._parts, operation, *args, **kwargs)

    async def _where(self) -> sessions.Where:
        return sessions.Where(
            context=self._parts.context(),
            chat=self.chat,
            account=self.account,
            name=await self._scope_name(),
            direct_sees_groups=self._parts.settings.direct_sees_groups,
        )

    async def _scope_name(self) -> str:
        if self.scope_name is None:
            event = self.event or self._unsaid()
            self.scope_name = await self._parts.screening.scope_name(event)
        return self.scope_name

    def _unsaid(self) -> MessageEvent:
        """Return an empty message of this view's account: a command or a button says nothing, and
        belongs where the account's next message would.
        """
        return MessageEvent(
            chat=self.chat,
            message_id=None,
            role="user",
            text="",
            sent_at=self._parts.context().now,
            author=self.account,
        )


def _with_held(
    messages: list[SessionMessage], held: SessionMessage | None, *, most: int
) -> list[SessionMessage]:
    """Return messages with a held one as the newest, unless it was stored meanwhile."""
    if held is None or not most or any(key_of(message) == key_of(held) for message in messages):
        return messages
    return [*messages, held][-most:]


def _check_words(content: str, parts: Iterable[Part]) -> None:
    """Raise ValueError if text parts say anything else than the content."""
    if words_in(parts) not in (None, content):
        raise ValueError(
            "content is not what the text parts say; leave it out, and it is their words joined by "
            "line breaks"
        )


def _stored_at(message: SessionMessage) -> tuple[Chat, int]:
    """Return where a message is stored.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(message, SessionMessage) or message.chat is None or not message.seq:
        raise ValueError(
            "a stored message is needed, as history() or add() returns it, not this "
            f"{type(message).__name__} without a chat or seq"
        )

    return message.chat, message.seq


def _checked(name: str, limit: int | None, *, at_least: int = 0) -> int:
    """Return a limit as a database takes it, and takes it with one more; None is for all.

    Raises:
        ValueError: it is no whole number of at least `at_least`.
    """
    if limit is None:
        return ALL - 1
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < at_least:
        raise ValueError(f"{name} is a whole number, {at_least} or more, not {limit!r}")

    return min(limit, ALL - 1)
