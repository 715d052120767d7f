"""People and the bot speak, edit, delete, begin anew and fall silent, in any order, on every
backend; memory ages.

A hub runs as it does in a bot, its store beside it, on a real database. Beside them stands a model
of lists and dictionaries: what was acknowledged, in which session. After each step everybody's
history is held against it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from session_plugin import (
    Account,
    Chat,
    Expiry,
    MessageEvent,
    Retention,
    SessionHub,
    SessionMessage,
    UnknownSession,
)
from session_plugin.testing import Clock

ANN, ANN_TOO, BEN = (
    Account("discord", "ann"),
    Account("telegram", "ann"),
    Account("telegram", "ben"),
)
PEOPLE = (ANN, ANN_TOO, BEN)
LOBBY = Chat("discord", "lobby", "group")
GROUPS = (LOBBY, replace(LOBBY, thread_id="7"))
PLACES = PEOPLE + GROUPS
CUSTOMER = "customer"
HOUR, DAY = 3600.0, 86400.0
MAX_AGE = {"direct": 24 * HOUR, "group": 2 * HOUR}
RETENTION = {"direct": 30 * DAY, "group": 10 * DAY}
THRESHOLD = 6

UTTERANCES = st.tuples(
    st.sampled_from(PLACES),
    st.sampled_from(("person", "person", "answer", "reply", "webhook")),
    st.sampled_from(PEOPLE),
)
"""Where, who speaks, and in a group which person it is about."""
PAUSES = (60.0, HOUR, 2 * HOUR, 2 * HOUR + 1, 24 * HOUR, 24 * HOUR + 1)

ALWAYS_EMPTY = {
    "counters are what counting gives": """
        SELECT segment_no FROM segments g WHERE
          total_count <> (SELECT COUNT(*) FROM messages m WHERE m.segment_no = g.segment_no) OR
          live_count <> (SELECT COUNT(*) FROM messages m WHERE m.segment_no = g.segment_no AND m.seq >= g.live_from)""",
    "a scope has at most one live session": """
        SELECT 1 FROM sessions WHERE ended_at IS NULL GROUP BY bot, user_id, chat_no, thread_id HAVING COUNT(*) > 1""",
    "a message is stored once": """
        SELECT 1 FROM messages WHERE message_id IS NOT NULL GROUP BY chat_no, message_id HAVING COUNT(*) > 1""",
}


@dataclass(eq=False)
class Said:
    """A message that was acknowledged, as it reads now."""

    number: int
    event: MessageEvent
    owner: Account | Chat
    person: Account | None
    received: float

    @property
    def quote(self) -> dict[str, str] | None:
        return self.event.metadata.get("quote")

    def lose_quote(self) -> None:
        self.event = replace(self.event, metadata={})

    def reads(self) -> tuple[object, ...]:
        event = self.event
        return (
            event.message_id,
            event.chat,
            event.role,
            event.text,
            self.person,
            event.sent_at,
            event.edited_at,
            self.quote,
        )


@dataclass(eq=False)
class Session:
    number: int
    started: float
    reason: str
    said: list[Said] = field(default_factory=list)
    parts: dict[Account | Chat, float] = field(default_factory=dict)
    """When each chat was last active in it."""
    ended: float | None = None
    end_reason: str | None = None

    @property
    def active(self) -> float:
        return max(self.parts.values(), default=self.started)

    def facts(self) -> tuple[object, ...]:
        return self.started, self.reason, self.ended, self.end_reason, len(self.said)


@dataclass(eq=False)
class Scope:
    """Whose sessions: a person's over all their direct chats, or a group's (thread's)."""

    kind: str
    sessions: list[Session] = field(default_factory=list)

    def live(self, now: float) -> Session | None:
        """End what has been silent for too long; give what goes on."""
        live = next((session for session in self.sessions if session.ended is None), None)
        if live is not None and now - live.active > MAX_AGE[self.kind]:
            live.ended, live.end_reason = live.active + MAX_AGE[self.kind], "idle"
            return None
        return live

    def all_said(self) -> list[Said]:
        return sorted(
            (one for session in self.sessions for one in session.said), key=lambda one: one.number
        )


class Operations(RuleBasedStateMachine):
    """The operations, and the model beside them."""

    def __init__(self, backend) -> None:
        super().__init__()
        self.backend, self.lent = backend, backend.empty()
        self.database = self.lent.__enter__()
        self.runner, self.clock, self.numbers, self.ids = (
            asyncio.Runner(),
            Clock(),
            count(1),
            count(1),
        )
        self.hub = self.new_hub()
        self.scopes: dict[Account | Chat, Scope] = {}
        self.spoken_in: set[Account] = set()  # their direct chats are known to be theirs
        self.refused: list[MessageEvent] = []  # deleted, seen or not
        self.deleted: list[tuple[str, float]] = []  # in which kind of chat, when
        self.added: list[tuple[SessionMessage, Said]] = []
        self.handles: dict[str, tuple[Session, Account]] = {}
        self.lost_handles: list[str] = []

    def teardown(self) -> None:
        self.run(self.hub.close())
        self.runner.close()
        assert self.backend.findings(self.database) == []
        self.lent.__exit__(None, None, None)

    def new_hub(self) -> SessionHub:
        """Make a hub whose ids count up: of two users seen at once, the first is the older."""
        return SessionHub(
            self.database,
            clock=self.clock,
            secret="what only this test knows",
            load_entry_points=False,
            expiry=[Expiry(max_age_hours=MAX_AGE["group"] / HOUR, kind="group")],
            retention_days=RETENTION["direct"] / DAY,
            retention=[Retention(days=RETENTION["group"] / DAY, kind="group")],
            consolidation_threshold=THRESHOLD,
            upkeep_minutes=None,
            store_patience=60.0,
            new_id=lambda: f"id {next(self.ids):06}",
        )

    # What can happen: messages

    @rule(utterance=UTTERANCES)
    def record(self, utterance) -> None:
        event = self.event(utterance)
        before = self.count_live(utterance[0])
        self.hand_in(event)
        if self.said_as(event):
            assert self.count_live(utterance[0]) == halved(before + 1, beyond=THRESHOLD)

    @rule(
        utterances=st.lists(
            st.tuples(UTTERANCES, st.sampled_from((False, False, False, True))),
            min_size=2,
            max_size=8,
        )
    )
    def record_many_at_once(self, utterances) -> None:
        """Some of them twice; and as many again, now that everybody is known and in a session."""
        for _ in range(2):
            events = []
            for utterance, is_twice in utterances:
                events += [self.event(utterance)] * (2 if is_twice else 1)
            self.hand_in(*events)

    @precondition(lambda self: self.with_ids() or self.refused)
    @rule(data=st.data(), others=st.lists(UTTERANCES, max_size=2))
    def record_again(self, data, others) -> None:
        """As it was first said, though it was edited or deleted since; alone or among others."""
        again = data.draw(st.sampled_from(self.with_ids() + self.refused))
        first = replace(again, text=f"first of {again.message_id}", edited_at=None)
        self.hand_in(*map(self.event, others), first)

    @precondition(lambda self: self.with_ids())
    @rule(
        data=st.data(),
        is_same=st.booleans(),
        ages=st.sampled_from(((0.0,), (60.0,), (0.0, 60.0), (60.0, 0.0))),
    )
    def edit(self, data, is_same: bool, ages: tuple[float, ...]) -> None:
        """Once or twice; an edit may come after a later one."""
        event = data.draw(st.sampled_from(self.with_ids()))
        for age in ages:
            edited = replace(
                event, text=event.text if is_same else self.text(), edited_at=self.clock() - age
            )
            assert self.run(self.hub.edit(edited)) == self.change(edited)

    @precondition(lambda self: self.with_ids() or self.refused)
    @rule(utterance=UTTERANCES, is_whole=st.booleans(), data=st.data())
    def quote(self, utterance, is_whole: bool, data) -> None:
        """Quote what is there or was deleted, in whatever chat: all of it, or what stays in an
        edit.
        """
        event = self.event(utterance)
        quoted = data.draw(st.sampled_from(self.with_ids() + self.refused))
        if quoted.chat.channel != event.chat.channel:
            return
        quote = {
            "text": quoted.text if is_whole else quoted.text.split()[0],
            "message_id": quoted.message_id,
            "chat_id": quoted.chat.chat_id,
        }
        self.hand_in(replace(event, metadata={"quote": quote}))

    @rule(place=st.sampled_from(PLACES))
    def add_by_hand(self, place) -> None:
        message = self.run(self.view(place).add("assistant", self.text()))
        event = MessageEvent(
            chat=message.chat,
            message_id=None,
            role="assistant",
            text=message.content,
            sent_at=self.clock(),
            answers=message.person,
        )
        assert self.store(event) == "stored"
        (said,) = (one for one in self.everything() if one.event is event)
        assert reads(message) == said.reads()
        self.added.append((message, said))

    @precondition(lambda self: self.added)
    @rule(data=st.data())
    def take_out_what_was_added(self, data) -> None:
        message, said = data.draw(st.sampled_from(self.added))
        is_there = said in self.everything()
        assert self.run(self.view(LOBBY).delete(message)) == is_there
        for scope in self.scopes.values():
            for session in scope.sessions:
                session.said = [one for one in session.said if one is not said]

    @precondition(lambda self: self.added)
    @rule(data=st.data())
    def change_what_was_added(self, data) -> None:
        message, said = data.draw(st.sampled_from(self.added))
        is_there, text = said in self.everything(), self.text()
        assert self.run(self.view(LOBBY).edit(message, text)) == is_there
        said.event = replace(said.event, text=text, edited_at=self.clock())

    @rule(utterance=UTTERANCES)
    def edit_what_nobody_saw(self, utterance) -> None:
        edited = replace(self.event(utterance), edited_at=self.clock())
        assert self.run(self.hub.edit(edited)) == (self.store(edited) == "stored")

    @precondition(lambda self: self.refused)
    @rule(data=st.data())
    def edit_what_is_deleted(self, data) -> None:
        edited = replace(
            data.draw(st.sampled_from(self.refused)), text=self.text(), edited_at=self.clock()
        )
        assert not self.run(self.hub.edit(edited))

    @precondition(lambda self: self.with_ids())
    @rule(data=st.data(), is_twice=st.booleans())
    def delete(self, data, is_twice: bool) -> None:
        first = data.draw(st.sampled_from(self.with_ids()))
        there = [event for event in self.with_ids() if is_same_room(event.chat, first.chat)]
        events = there[there.index(first) :][:3]
        ids = [event.message_id for event in events]
        assert self.run(self.hub.delete(first.chat, ids * 2 if is_twice else ids)) == len(ids)
        for event in events:
            self.remove(event)

    @rule(utterance=UTTERANCES)
    def delete_what_nobody_saw(self, utterance) -> None:
        event = self.event(utterance)
        assert self.run(self.hub.delete(event.chat, [event.message_id])) == 0
        self.remove(event)

    @rule(utterance=UTTERANCES, is_deleted=st.booleans())
    def change_it_before_it_is_stored(self, utterance, is_deleted: bool) -> None:
        """What happens in one chat happens in its order, though nobody waits in between."""
        event = self.event(utterance)
        edited = replace(event, text=self.text(), edited_at=self.clock())
        steps = [self.hub.record(event), self.hub.edit(edited)]
        self.store(event)
        self.change(edited)
        if is_deleted:
            steps.append(self.hub.delete(event.chat, [event.message_id]))
            self.remove(event)
        self.run(gathered(*steps))

    @rule(
        place=st.sampled_from(PLACES),
        limit=st.integers(0, 5),
        has_before=st.booleans(),
        data=st.data(),
    )
    def read_some(self, place, limit: int, has_before: bool, data) -> None:
        is_all = data.draw(st.booleans())
        said = self.expected(place, include_previous=is_all)
        before = data.draw(st.sampled_from(said)) if has_before and said else None
        if before is not None and before.event.message_id is not None:
            said = said[: said.index(before)]
        read = self.history(
            place, limit=limit, before=before and before.event, include_previous=is_all
        )
        assert read == [one.reads() for one in said[-limit:] if limit]

    # What can happen: sessions

    @precondition(lambda self: self.scopes)
    @rule(data=st.data())
    def start_new(self, data) -> None:
        place = data.draw(st.sampled_from(list(self.scopes)))
        begun = self.run(self.view(place).start_new())
        scope = self.scopes[place]
        live = scope.live(self.clock())
        if live is not None:
            live.ended, live.end_reason = self.clock(), "new"
        assert begun.start_reason == self.begin(scope).reason

    @rule(seconds=st.sampled_from(PAUSES))
    def fall_silent(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    @precondition(lambda self: any(scope.live(self.clock()) for scope in self.scopes.values()))
    @rule(data=st.data())
    def consolidate(self, data) -> None:
        places = [place for place, scope in self.scopes.items() if scope.live(self.clock())]
        place = data.draw(st.sampled_from(places))
        before = self.count_live(place)
        summary = self.run(self.hub.consolidate(self.run(self.view(place).info()).session_id))
        assert (summary is not None) == (before > THRESHOLD // 2)
        assert self.count_live(place) == halved(before, beyond=THRESHOLD // 2)

    @precondition(lambda self: any(scope.live(self.clock()) for scope in self.scopes.values()))
    @rule(data=st.data())
    def undo_a_consolidation(self, data) -> None:
        places = [place for place, scope in self.scopes.items() if scope.live(self.clock())]
        place = data.draw(st.sampled_from(places))
        before = self.live_texts(place)
        self.run(self.hub.undo_consolidation(self.run(self.view(place).info()).session_id))
        assert self.live_texts(place)[-len(before) :] == before or self.scopes[
            ANN
        ] is self.scopes.get(ANN_TOO)

    @precondition(
        lambda self: self.scopes.get(ANN) is not self.scopes.get(ANN_TOO) or ANN not in self.scopes
    )
    @rule()
    def link(self) -> None:
        code = self.run(self.hub.request_link(ANN))
        self.run(self.hub.redeem_link(ANN_TOO, code.code))
        ids = {
            account: self.run(self.hub.identity_of(account)).user_id for account in (ANN, ANN_TOO)
        }
        assert self.run(self.hub.confirm_link(ANN_TOO)) is None
        older = self.run(self.hub.confirm_link(ANN)).user_id
        kept, other = (
            self.see(account) for account in sorted(ids, key=lambda account: ids[account] != older)
        )
        goes_on, ends = kept.live(self.clock()), other.live(self.clock())
        if goes_on is not None and ends is not None:
            other.sessions.remove(ends)
            goes_on.said = sorted(goes_on.said + ends.said, key=lambda one: one.number)
            goes_on.parts |= ends.parts
            for handle, (session, owner) in self.handles.items():
                self.handles[handle] = (goes_on if session is ends else session, owner)
        kept.sessions = sorted(kept.sessions + other.sessions, key=lambda session: session.number)
        self.scopes |= {place: kept for place, scope in self.scopes.items() if scope is other}

    @rule(age=st.sampled_from((0.0, *RETENTION.values())), more=st.sampled_from((0.0, 1.0)))
    def decay(self, age: float, more: float) -> None:
        """What is exactly as old as its retention stays."""
        self.clock.advance(seconds=age + more)
        counted = self.run(self.hub.decay(dry_run=True))
        report = self.run(self.hub.decay(confirm_clock=True))
        assert replace(counted, is_dry_run=False) == report
        assert (report.messages, report.tombstones) == self.let_go()
        self.run(self.hub.upkeep())

    @rule()
    def close_and_open(self) -> None:
        self.run(self.hub.close())
        assert self.backend.findings(self.database) == []
        self.hub = self.new_hub()

    # What can happen: the blocking store

    @rule(who=st.sampled_from((CUSTOMER, *PEOPLE)), is_here=st.booleans())
    def get_or_create(self, who: str | Account, is_here: bool) -> None:
        """For a user that the caller names, or for one of the hub's by the id that they have there."""
        if who != CUSTOMER and who not in self.scopes:
            return
        user_id = who if who == CUSTOMER else self.run(self.hub.identity_of(who)).user_id
        label = {"channel": "web", "channel_user_id": "w1"} if is_here else {}
        opened = self.hub.store().get_or_create(user_id, **label)
        own = Account("", user_id)
        if own not in self.scopes:
            self.scopes[own] = Scope("direct") if who == CUSTOMER else self.scopes[who]
        session = self.join(own, is_active=is_here)
        others = {handle for handle, named in self.handles.items() if named == (session, own)}
        assert others <= {opened.session_id}
        self.handles[opened.session_id] = (session, own)
        assert Counter(texts_of(opened.messages)) == Counter(one.event.text for one in session.said)

    @precondition(lambda self: self.handles)
    @rule(data=st.data())
    def save_message(self, data) -> None:
        """Into a session that goes on, or into one that is over."""
        handle = data.draw(st.sampled_from(list(self.handles)))
        session, own = self.handles[handle]
        self.scopes[own].live(self.clock())
        chat = Chat("", own.channel_user_id)
        event = MessageEvent(
            chat=chat, message_id=None, role="user", text=self.text(), sent_at=self.clock()
        )
        self.hub.store().save_message(handle, "user", event.text)
        self.add(session, Said(next(self.numbers), event, own, None, self.clock()))

    @precondition(lambda self: self.lost_handles)
    @rule(data=st.data())
    def save_into_what_is_gone(self, data) -> None:
        with pytest.raises(UnknownSession):
            self.hub.store().save_message(
                data.draw(st.sampled_from(self.lost_handles)), "user", "to nobody"
            )

    @rule(hours=st.sampled_from((None, 1.0, 48.0)))
    def decay_store(self, hours: float | None) -> None:
        """Only what was said through the store goes."""
        self.tidy()
        max_age = MAX_AGE["direct"] if hours is None else hours * HOUR
        old = {
            handle
            for handle, (session, _) in self.handles.items()
            if self.clock() - session.active > max_age
        }
        assert self.hub.store().decay(hours) == len(old)
        for handle in old:
            session, own = self.handles[handle]
            session.said = [one for one in session.said if one.owner != own]
            del session.parts[own]
            if not session.parts:
                self.scopes[own].sessions.remove(session)
        self.lose_handles(old)
        self.tidy()

    # What always holds

    @invariant()
    def everybody_reads_what_was_acknowledged_once_and_in_order(self) -> None:
        for place in {**dict.fromkeys(PLACES), **self.scopes}:
            for is_all in (False, True):
                expected = [one.reads() for one in self.expected(place, include_previous=is_all)]
                assert self.history(place, limit=None, include_previous=is_all) == expected

    @invariant()
    def a_summary_and_what_follows_it_are_all_there_is(self) -> None:
        for place in self.scopes:
            said = [one.event.text for one in self.expected(place)]
            context = self.run(self.view(place).for_model())
            recent = [message.content for message in context.messages]
            assert Counter(recent + lines_of(context.summary)) == Counter(said)
            assert recent == [text for text in said if text in recent]

    @invariant()
    def sessions_begin_and_end_when_and_why_they_should(self) -> None:
        for place, scope in self.scopes.items():
            live, view = scope.live(self.clock()), self.view(place)
            over = [session.facts() for session in reversed(scope.sessions) if session is not live]
            assert [facts(session) for session in self.run(view.previous(limit=100))] == over
            info = self.run(view.info())
            assert (info and facts(info)) == (live and live.facts())

    @invariant()
    def counters_are_what_is_stored(self) -> None:
        status = self.run(self.hub.status())
        for promise, query in ALWAYS_EMPTY.items():
            assert self.backend.rows(self.database, query) == [], promise
        assert (status.messages, status.tombstones) == (len(self.everything()), len(self.deleted))
        oldest = min((one.received for one in self.everything()), default=None)
        assert (status.oldest_message_at, status.waiting, status.dropped) == (oldest, 0, 0)

    # How the model knows

    def everything(self) -> list[Said]:
        return [one for scope in set(self.scopes.values()) for one in scope.all_said()]

    def with_ids(self) -> list[MessageEvent]:
        return sorted(
            (one.event for one in self.everything() if one.event.message_id),
            key=lambda event: event.text,
        )

    def said_as(self, event: MessageEvent) -> Said | None:
        return next(
            (one for one in self.everything() if one.event.message_id == event.message_id), None
        )

    def expected(self, place: Account | Chat, *, include_previous: bool = False) -> list[Said]:
        scope = self.scopes.get(place, Scope("direct"))
        live = scope.live(self.clock())
        if include_previous:
            return scope.all_said()
        return [] if live is None else live.said

    def see(self, place: Account | Chat) -> Scope:
        return self.scopes.setdefault(
            place, Scope("group" if isinstance(place, Chat) else "direct")
        )

    def begin(self, scope: Scope) -> Session:
        """Begin a session; the reason is how the one that ended last ended."""
        last = max(
            scope.sessions, key=lambda session: (session.ended, session.number), default=None
        )
        session = Session(
            next(self.numbers), self.clock(), "first" if last is None else last.end_reason
        )
        scope.sessions.append(session)
        return session

    def join(self, owner: Account | Chat, *, is_active: bool) -> Session:
        """Find the session that a chat is in now; whoever only looks in is not active."""
        scope = self.see(owner)
        session = scope.live(self.clock()) or self.begin(scope)
        session.parts.setdefault(owner, session.active)
        if is_active:
            session.parts[owner] = self.clock()
        return session

    def add(self, session: Session, one: Said) -> None:
        session.said.append(one)
        session.parts[one.owner] = self.clock()

    def store(self, event: MessageEvent) -> str:
        if event.message_id is not None and self.said_as(event) is not None:
            return "duplicate"
        if any(event.message_id == refused.message_id for refused in self.refused):
            return "deleted"
        is_group = event.chat.kind == "group"
        person = event.author or event.answers
        if not is_group and person is None:
            (owner,) = (account for account in PEOPLE if direct(account) == event.chat)
            if owner not in self.spoken_in:
                return "unowned"  # never guessed
            person = None if event.role == "user" else owner
        elif person is None and event.role == "assistant":
            replied_to = [
                one
                for one in self.everything()
                if event.reply_to is not None and one.event.message_id == event.reply_to
            ]
            person = replied_to[0].person if replied_to else None
        if person is not None:
            self.see(person)
        place = event.chat
        if not is_group:
            (place,) = (account for account in PEOPLE if direct(account) == event.chat)
            self.spoken_in.add(place)
        session = self.join(place, is_active=True)
        said = Said(next(self.numbers), event, place, person, self.clock())
        if said.quote is not None and not self.may_quote(said.quote):
            said.lose_quote()
        self.add(session, said)
        return "stored"

    def may_quote(self, quote: dict[str, str]) -> bool:
        if any(quote["message_id"] == refused.message_id for refused in self.refused):
            return False
        return all(
            quote["text"] in one.event.text
            for one in self.everything()
            if one.event.message_id == quote["message_id"]
        )

    def unquote(self, message_id: str, text: str) -> None:
        """Let what quotes a message follow it, now that it has another text, or none."""
        for one in self.everything():
            quote = one.quote
            if quote and quote["message_id"] == message_id and quote["text"] not in text:
                one.lose_quote()

    def change(self, edited: MessageEvent) -> bool:
        """Edit a message; the same words change nothing, nor does an edit older than one that is
        known.
        """
        one = self.said_as(edited)
        if (
            one is None
            or one.event.text == edited.text
            or (one.event.edited_at or 0.0) > edited.edited_at
        ):
            return False
        one.event = replace(one.event, text=edited.text, edited_at=edited.edited_at)
        self.unquote(edited.message_id, edited.text)
        return True

    def remove(self, event: MessageEvent) -> None:
        for scope in self.scopes.values():
            for session in scope.sessions:
                session.said = [
                    one for one in session.said if one.event.message_id != event.message_id
                ]
        self.unquote(event.message_id, "")
        self.refused.append(event)
        self.deleted.append((event.chat.kind, self.clock()))

    def let_go(self) -> tuple[int, int]:
        """Let go of what is past its retention: so many messages, so many remembered deletions."""
        before = {kind: self.clock() - seconds for kind, seconds in RETENTION.items()}
        messages, tombstones = len(self.everything()), len(self.deleted)
        there = self.with_ids()
        for scope in self.scopes.values():
            scope.live(self.clock())
            for session in list(scope.sessions):
                session.said = [one for one in session.said if one.received >= before[scope.kind]]
                if (
                    session.ended is not None
                    and max(session.active, session.started) < before[scope.kind]
                ):
                    scope.sessions.remove(session)
                    self.lose_handles(
                        {handle for handle, (named, _) in self.handles.items() if named is session}
                    )
        left = {event.message_id for event in self.with_ids()}
        for event in there:
            if event.message_id not in left:
                self.unquote(event.message_id, "")
        kept = [at >= before[kind] for kind, at in self.deleted]
        self.refused = [event for event, is_kept in zip(self.refused, kept, strict=True) if is_kept]
        self.deleted = [entry for entry, is_kept in zip(self.deleted, kept, strict=True) if is_kept]
        return messages - len(self.everything()), tombstones - len(self.deleted)

    def lose_handles(self, handles: set[str]) -> None:
        for handle in sorted(handles):
            del self.handles[handle]
            self.lost_handles.append(handle)

    # How the hub is asked

    def run(self, work):
        """Do it, and wait until all that it set going in the background is done."""

        async def done():
            answer = await work
            await self.hub.settle()
            return answer

        return self.runner.run(done())

    def hand_in(self, *events: MessageEvent) -> None:
        """Record messages, all at once, and hold what is said of each against the model, which
        takes them one by one.
        """
        recorded = self.run(gathered(*map(self.hub.record, events)))
        for event, result in zip(events, recorded, strict=True):
            fate = self.store(event)
            assert result.is_new == (fate != "duplicate")
            assert result.is_stored == (fate in ("stored", "duplicate"))
            one = self.said_as(event)
            assert (result.message and reads(result.message)) == (one and one.reads())

    def tidy(self) -> None:
        self.let_go()
        self.run(self.hub.upkeep())

    def text(self) -> str:
        return f"words {next(self.numbers)}"

    def event(self, utterance) -> MessageEvent:
        place, speaker, person = utterance
        chat = place if isinstance(place, Chat) else direct(place)
        person = person if isinstance(place, Chat) else place
        details = {"role": "assistant" if speaker in ("answer", "reply") else "user"}
        if speaker == "person":
            details["author"] = person
        elif speaker == "answer":
            details["answers"] = person
        elif speaker == "reply":
            there = [event for event in self.with_ids() if is_same_room(event.chat, chat)]
            details["reply_to"] = there[-1].message_id if there else None
        message_id = f"m{next(self.numbers)}"
        return MessageEvent(
            chat=chat, message_id=message_id, text=self.text(), sent_at=self.clock(), **details
        )

    def view(self, place: Account | Chat):
        is_group = isinstance(place, Chat)
        return self.hub.session_of(
            place if is_group else direct(place), None if is_group else place
        )

    def history(self, place: Account | Chat, **request) -> list[tuple[object, ...]]:
        return [reads(message) for message in self.run(self.view(place).history(**request))]

    def live_texts(self, place: Account | Chat) -> list[str]:
        return [message.content for message in self.run(self.view(place).for_model()).messages]

    def count_live(self, place: Account | Chat) -> int:
        return len(self.live_texts(place))


async def gathered(*work):
    return await asyncio.gather(*work)


def direct(account: Account) -> Chat:
    name = f"direct-{account.channel_user_id}" if account.channel else account.channel_user_id
    return Chat(account.channel, name)


def is_same_room(chat: Chat, other: Chat) -> bool:
    """Whatever its thread: ids of messages are unique in a room."""
    return (chat.channel, chat.chat_id) == (other.channel, other.chat_id)


def halved(messages: int, *, beyond: int) -> int:
    """Give how many are left without a summary once the older half of too many got one."""
    return messages - messages // 2 if messages > beyond else messages


def reads(message) -> tuple[object, ...]:
    return (
        message.message_id,
        message.chat,
        message.role,
        message.content,
        message.person,
        message.timestamp,
        message.edited_at,
        message.metadata.get("quote"),
    )


def facts(session) -> tuple[object, ...]:
    return (
        session.created_at,
        session.start_reason,
        session.ended_at,
        session.end_reason,
        session.message_count,
    )


def lines_of(summary) -> list[str]:
    """Give the words that a digest has, each on a line behind who said them."""
    return (
        [] if summary is None else [line.partition("] ")[2] for line in summary.text.splitlines()]
    )


def texts_of(messages) -> list[str]:
    """Give the words that the store answers with; its summary stands in front of them, under a
    heading.
    """
    texts = []
    for message in messages:
        is_summary = message.role == "system"
        texts += (
            [line.partition("] ")[2] for line in message.content.splitlines()[1:]]
            if is_summary
            else [message.content]
        )
    return texts


def test_whatever_is_said_and_changed_is_read_back_exactly(backend):
    with backend.empty() as database:
        is_quick = "://" not in database
    runs = settings(
        max_examples=25 if is_quick else 6, stateful_step_count=30, deadline=None, database=None
    )
    run_state_machine_as_test(lambda: Operations(backend), settings=runs)
