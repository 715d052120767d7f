"""People link, part, write, edit, delete, ask for privacy, are forgotten and start anew, in any
order, on every backend.

What each contributed is always what it said. The operations run as they are, on a real database.
Beside them stands a model: who is linked with whom as sets of accounts, what was said as a list.
After each step the database is held against it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from itertools import count, permutations

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from session_plugin.context.digest import digest
from session_plugin.database.opening import open_engine
from session_plugin.errors import LinkedRecently, LinkRefused
from session_plugin.model import Account, Chat, MessageEvent, Receipt, SessionMessage
from session_plugin.records.conversation import (
    editing,
    recording,
    removing,
    searching,
    sessions,
)
from session_plugin.records.conversation.histories import read_history
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import accounts, forgetting, joining, link_requests, linking
from session_plugin.records.people.unlinking import unlink
from session_plugin.records.upkeep import summaries
from session_plugin.rules.numbers import FIRST
from session_plugin.rules.policies import Policies
from session_plugin.rules.searching import parse_query
from session_plugin.store import operations

ACCOUNTS = tuple(
    Account(channel, name) for channel in ("discord", "telegram") for name in ("1", "2")
)
STORE_USERS = ("customer-1", "customer-2")
BOTS = ("", "scribe")
GROUPS = tuple(Chat("discord", name, "group") for name in ("lobby", "den"))
MAX_AGE = 24 * 3600.0
LOOKED_FOR = parse_query("TEXT 1 -2")

ALWAYS_EMPTY = {
    "a part stands in a session of the user who owns its chat": """
        SELECT g.segment_no FROM segments g JOIN sessions s USING (session_no) JOIN chats c ON c.chat_no = g.chat_no
        JOIN accounts a ON a.account_no = c.peer_no WHERE s.user_id IS DISTINCT FROM a.user_id""",
    "a session is of the user in whose chat it began": """
        SELECT session_no FROM sessions s JOIN accounts a ON a.account_no = s.founder_no
        WHERE s.user_id IS DISTINCT FROM a.user_id""",
    "a group's part stands in a session of that group's thread": """
        SELECT g.segment_no FROM segments g JOIN sessions s USING (session_no) JOIN chats c ON c.chat_no = g.chat_no
        WHERE c.kind = 'group' AND (s.chat_no IS DISTINCT FROM g.chat_no OR s.thread_id <> g.thread_id)""",
    "a scope has at most one live session": """
        SELECT 1 FROM sessions WHERE ended_at IS NULL GROUP BY bot, user_id, chat_no, thread_id HAVING COUNT(*) > 1""",
    "counters are what counting gives": """
        SELECT segment_no FROM segments g WHERE
          total_count <> (SELECT COUNT(*) FROM messages m WHERE m.segment_no = g.segment_no) OR
          live_count <> (SELECT COUNT(*) FROM messages m WHERE m.segment_no = g.segment_no AND m.seq >= g.live_from)""",
    "what is archive is what the current summaries stand for": """
        SELECT segment_no FROM segments g WHERE live_from <> COALESCE((
          SELECT MAX(to_seq) + 1 FROM summary_parts p JOIN summaries s USING (summary_no)
          WHERE p.segment_no = g.segment_no AND s.superseded_by IS NULL), 0)""",
    "a summary stands for parts of its own session": """
        SELECT p.summary_no FROM summary_parts p JOIN summaries s USING (summary_no) JOIN segments g USING (segment_no)
        WHERE s.session_no <> g.session_no""",
    "a joined session has nothing left in it": """
        SELECT s.session_no FROM sessions s JOIN segments g USING (session_no) WHERE s.end_reason = 'linked'""",
    "an id in use stands for itself": """
        SELECT a.user_id FROM accounts a JOIN users u USING (user_id) WHERE u.merged_into IS NOT NULL""",
    "what is said in a direct chat is somebody's": """
        SELECT m.seq FROM messages m JOIN chats c ON c.chat_no = m.chat_no WHERE c.kind = 'direct' AND c.peer_no IS NULL""",
    "a message is in a part of its chat": """
        SELECT m.seq FROM messages m JOIN segments g USING (segment_no) WHERE m.chat_no <> g.chat_no""",
}


@dataclass
class Said:
    """One message as the model knows it: whose chat, which bot."""

    owner: Account | Chat
    bot: str
    event: MessageEvent
    edited: int = 0
    first: MessageEvent | None = None
    """As it was delivered, where it was."""


class Linking(RuleBasedStateMachine):
    """The operations, and the model beside them."""

    def __init__(self, database: str) -> None:
        super().__init__()
        self.is_sqlite = "://" not in database
        self.engine = open_engine(database)
        self.raw = (
            sqlite3.connect(database)
            if self.is_sqlite
            else psycopg.connect(database, autocommit=True)
        )
        self.now, self.numbers = 1_000_000.0, count(1)
        self.said: list[Said] = []
        self.homes: dict[
            Account, str
        ] = {}  # also of the store's own accounts, each at home at its id
        self.people: list[set[Account]] = []
        self.born: dict[str, float] = {}
        self.handles: list[tuple[Account, str, str]] = []
        self.pending: tuple[Account, Account, float] | None = None
        self.yes: dict[Account, frozenset[Account]] = {}
        """Which sides of what is pending have confirmed, and whom a link would have joined then."""
        self.together: dict[frozenset[Account], float] = {}
        """When a link put two accounts together that were of two people."""
        self.wrong: list[tuple[Account, float]] = []
        self.asked: list[tuple[Account, float]] = []
        self.deleted: list[Said] = []
        self.private: set[Account] = set()
        self.forgotten = set[Account]()
        self.left: dict[Account, tuple[float, str]] = {}
        self.segments: dict[int, int] = {}

    def teardown(self) -> None:
        if self.is_sqlite:
            assert self.raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert self.raw.execute("PRAGMA foreign_key_check").fetchall() == []
        self.raw.close()
        self.engine.close()

    # What can happen

    @rule(account=st.sampled_from(ACCOUNTS), bot=st.sampled_from(BOTS), is_answer=st.booleans())
    def write(self, account: Account, bot: str, is_answer: bool) -> None:
        role, who = (
            ("assistant", {"answers": account}) if is_answer else ("user", {"author": account})
        )
        if self.is_private(account):
            self.refuse(bot, self.event(direct(account), role=role, **who), "private")
            return
        if is_answer and account in self.forgotten and account not in self.homes:
            self.refuse(bot, self.event(direct(account), role=role, **who), "forgotten")
            return
        self.record(account, bot, self.event(direct(account), role=role, **who))
        self.see(account)

    @rule(
        group=st.sampled_from(GROUPS),
        account=st.sampled_from((*ACCOUNTS, None)),
        bot=st.sampled_from(BOTS),
    )
    def write_in_group(self, group: Chat, account: Account | None, bot: str) -> None:
        if self.is_private(account):
            self.refuse(bot, self.event(group, role="user", author=account), "private")
            return
        self.record(group, bot, self.event(group, role="user", author=account))
        if account is not None:
            self.see(account)

    @rule(user_id=st.sampled_from((*STORE_USERS, *ACCOUNTS)), bot=st.sampled_from(BOTS))
    def open_by_store(self, user_id: str | Account, bot: str) -> None:
        """The store's user is one that it names itself, or the hub's user by the id that the
        account came with.
        """
        if isinstance(user_id, Account):
            if user_id not in self.homes:
                return
            user_id = self.homes[user_id]
        context = self.operation_context(bot)
        session = self.write_now(operations.open_session, context, user_id).value.session
        self.see(Account("", user_id))
        self.handles.append((Account("", user_id), bot, session.session_id))

    @precondition(lambda self: self.handles)
    @rule(data=st.data())
    def write_by_store(self, data: st.DataObject) -> None:
        """Through any handle ever given out, so also into sessions that are over."""
        owner, bot, handle = data.draw(st.sampled_from(self.handles))
        text = f"text {next(self.numbers)}"
        context = self.operation_context(bot)
        self.write_now(operations.append, context, handle, role="user", content=text, channel="web")
        if self.is_private(owner):
            return
        event = MessageEvent(
            chat=Chat("", owner.channel_user_id),
            message_id=None,
            role="user",
            text=text,
            sent_at=0.0,
        )
        self.said.append(Said(owner, bot, event))

    @precondition(lambda self: self.handles)
    @rule(data=st.data(), account=st.sampled_from(ACCOUNTS))
    def claim(self, data: st.DataObject, account: Account) -> None:
        """The operator says that an account nobody has seen is a store's user."""
        owner, bot, handle = data.draw(st.sampled_from(self.handles))
        if account in self.homes:
            return
        self.write_now(
            operations.claim_account,
            self.operation_context(bot),
            handle,
            account,
        )
        self.homes[account] = self.homes[owner]
        self.person(owner).add(account)

    @precondition(lambda self: any(one.event.message_id for one in self.said))
    @rule(data=st.data(), is_late=st.booleans())
    def edit(self, data: st.DataObject, is_late: bool) -> None:
        one = data.draw(st.sampled_from([one for one in self.said if one.event.message_id]))
        edited = 1 if is_late else one.edited + 2
        event = self.event(
            one.event.chat,
            message_id=one.event.message_id,
            role=one.event.role,
            edited_at=float(edited),
        )
        self.write_now(
            editing.edit, recording.Recording(context=self.operation_context(one.bot), event=event)
        )
        author = None if one.first is None else one.first.author
        if self.is_private(author) or (
            isinstance(one.owner, Account) and self.is_private(one.owner)
        ):
            self.said.remove(one)
        elif edited >= one.edited:
            one.event, one.edited = event, edited

    @precondition(lambda self: any(one.event.message_id for one in self.said))
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from([one for one in self.said if one.event.message_id]))
        ids = (one.event.message_id,)
        context = self.operation_context(one.bot)
        self.write_now(removing.delete, context, one.event.chat, ids)
        self.said.remove(one)
        self.deleted.append(one)
        again = self.write_now(
            recording.record,
            recording.Recording(context=self.operation_context(one.bot), event=one.event),
        )
        assert again.value.fate == "deleted"

    @rule(account=st.sampled_from(ACCOUNTS), is_private=st.booleans())
    def ask_for_privacy(self, account: Account, is_private: bool) -> None:
        context = self.operation_context()
        self.write_now(accounts.set_privacy, context, account, is_private=is_private)
        self.see(account)
        person = self.person(account)
        self.private = self.private | person if is_private else self.private - person

    @rule(account=st.sampled_from(ACCOUNTS))
    def forget(self, account: Account) -> None:
        """All that is a person's goes, and what is delivered again stays away; nobody else's
        history changes.
        """
        context = self.operation_context()
        if account not in self.homes:
            assert self.write_now(forgetting.forget, context, account).value.receipt == Receipt()
            return
        person = self.person(account)
        gone = [
            one
            for one in self.said
            if one.owner in person or one.event.author in person or self.was_of(one, person)
        ]
        counted = self.engine.read(forgetting.count, account).result()
        who: Account | str = account
        if self.is_newly_linked(account):
            with pytest.raises(LinkedRecently):
                self.write_now(forgetting.forget, context, account)
            who = self.identity(account).user_id
        receipt = self.write_now(forgetting.forget, context, who).value.receipt
        assert (receipt.messages, receipt.accounts) == (len(gone), len(person))
        assert replace(counted, is_dry_run=False) == receipt
        self.lose(person, gone)
        deleted = [one for one in self.deleted if one.owner in person]
        self.deleted = [one for one in self.deleted if one not in deleted]
        for one in (*gone, *deleted):
            if one.first is not None:
                self.refuse(one.bot, one.first, "forgotten")

    @rule(where=st.sampled_from(ACCOUNTS + GROUPS), bot=st.sampled_from(BOTS))
    def start_new(self, where: Account | Chat, bot: str) -> None:
        self.write_now(sessions.start_new, self.where(where, bot))

    @rule(hours=st.sampled_from((0.05, 1.0, 13.0, 25.0)))
    def wait(self, hours: float) -> None:
        self.now += hours * 3600.0

    @rule(
        where=st.sampled_from(ACCOUNTS + GROUPS),
        bot=st.sampled_from(BOTS),
        is_renewal=st.booleans(),
    )
    def consolidate(self, where: Account | Chat, bot: str, is_renewal: bool) -> None:
        session_no = self.engine.read(sessions.live_session_no, self.where(where, bot)).result()
        if session_no is None:
            return
        request = summaries.PlanRequest(session_no=session_no, threshold=None if is_renewal else 2)
        plan = self.engine.read(summaries.plan, request).result()
        if plan is not None and not plan.messages:
            self.write_now(summaries.clear, plan)
        elif plan is not None:
            text = digest(plan.messages, plan.previous)
            assert self.write_now(
                summaries.put,
                summaries.Written(plan=plan, text=text, made_by="d", made_at=self.now),
            ).value

    @rule(where=st.sampled_from(ACCOUNTS + GROUPS), bot=st.sampled_from(BOTS))
    def undo_a_consolidation(self, where: Account | Chat, bot: str) -> None:
        session_no = self.engine.read(sessions.live_session_no, self.where(where, bot)).result()
        if session_no is not None:
            self.write_now(summaries.undo, session_no)

    @rule(
        one=st.sampled_from(ACCOUNTS),
        other=st.sampled_from(ACCOUNTS),
        waits=st.booleans(),
        sides=st.permutations((0, 1)),
    )
    def link(self, one: Account, other: Account, waits: bool, sides: list[int]) -> None:
        hashed = b"code %d" % next(self.numbers)
        context = self.operation_context()
        if [account for account, at in self.asked if self.now - at < 3600.0].count(one) == 3:
            with pytest.raises(LinkRefused):
                self.write_now(linking.request, context, one, code_hash=hashed)
            return
        self.write_now(linking.request, context, one, code_hash=hashed)
        self.asked.append((one, self.now))
        self.see(one)
        self.withdraw(one)
        context = self.operation_context()
        if self.is_locked(other):
            redeemed = self.write_now(linking.redeem, context, other, code_hash=hashed).value
            assert redeemed.preview is None
            return
        if other in self.person(one):
            redeemed = self.write_now(linking.redeem, context, other, code_hash=hashed).value
            assert redeemed.preview is None
            self.wrong.append((other, self.now))
            return
        if self.must_rest(one, other):
            with pytest.raises(LinkRefused, match="24 hours"):
                self.write_now(linking.redeem, context, other, code_hash=hashed)
            return
        self.write_now(linking.redeem, context, other, code_hash=hashed)
        self.see(other)
        self.withdraw(other)
        self.pending, self.yes = (one, other, self.now), {}
        if not waits:
            for side in sides:
                self.confirm(side)

    @precondition(lambda self: self.pending is not None)
    @rule(side=st.sampled_from((0, 1)))
    def confirm(self, side: int) -> None:
        """One side says yes; what that is worth when the other has said so, too, is told by whom a
        link would join then.
        """
        assert self.pending is not None
        one, other, since = self.pending
        who, first, second = self.pending[side], self.person(one), self.person(other)
        shown = self.engine.read(link_requests.pending, self.operation_context(), who).result()
        if self.now - since > 600 or (first is not second and self.must_rest(one, other)):
            with pytest.raises(LinkRefused):
                self.write_now(linking.confirm, self.operation_context(), who, shown)
            return
        linked = self.write_now(linking.confirm, self.operation_context(), who, shown).value
        would = frozenset(account for account in first | second if account.channel)
        self.yes = {said: of for said, of in self.yes.items() if of == would} | {who: would}
        if first is not second and len(self.yes) < 2:
            assert linked is None
            return
        assert linked is not None
        self.pending = None
        if first is not second:
            self.together |= {frozenset((a, b)): self.now for a in first for b in second}
            self.people.remove(second)
            first |= second
            for account in first:
                self.left.pop(account, None)

    @precondition(lambda self: self.pending is not None)
    @rule(side=st.sampled_from((0, 1)))
    def cancel(self, side: int) -> None:
        assert self.pending is not None
        who, since = self.pending[side], self.pending[2]
        context = self.operation_context()
        assert self.write_now(linking.cancel, context, who).value == (self.now - since <= 600)
        self.pending = None

    @rule(account=st.sampled_from(ACCOUNTS), by=st.sampled_from(ACCOUNTS))
    def unlink(self, account: Account, by: Account) -> None:
        person = self.person(account) if account in self.homes else {account}
        if by not in person:
            by = account
        others = {other for other in person if other.channel and other != account}
        if not others:
            with pytest.raises(LinkRefused):
                self.write_now(unlink, self.operation_context(), account, by=by)
            return
        self.write_now(unlink, self.operation_context(), account, by=by)
        leaving = {account}
        if any(self.homes[other] == self.homes[account] for other in others):
            self.homes[account] = self.identity(account).user_id
            self.born[self.homes[account]] = self.now
        else:
            leaving |= person & {Account("", self.homes[account])}
        person -= leaving
        self.people.append(leaving)
        self.left[account] = (self.now, self.identity(next(iter(others))).user_id)
        if by != account:
            self.left[by] = (self.now, self.identity(account).user_id)

    # What always holds

    @invariant()
    def everybody_sees_exactly_what_their_accounts_were_part_of(self) -> None:
        for person in self.people:
            for account in person:
                for bot in BOTS:
                    assert self.history(account, bot) == [
                        one.event.text for one in self.said_with(person, bot)
                    ]

    @invariant()
    def each_group_sees_exactly_what_was_said_in_it(self) -> None:
        for group in GROUPS:
            for bot in BOTS:
                assert self.history(group, bot) == [
                    one.event.text for one in self.said_with({group}, bot)
                ]

    @invariant()
    def every_id_ever_given_out_finds_its_person(self) -> None:
        for person in self.people:
            known = {account for account in person if account.channel}
            ids = {self.homes[account] for account in person}
            current = min(ids, key=lambda user_id: (self.born[user_id], user_id))
            for user_id in ids:
                identity = self.engine.read(accounts.identity_of_user, user_id).result()
                assert (identity.user_id, set(identity.accounts)) == (current, known)

    @invariant()
    def the_tables_agree(self) -> None:
        for promise, query in ALWAYS_EMPTY.items():
            assert self.raw.execute(query).fetchall() == [], promise
        for seq, segment_no in self.raw.execute("SELECT seq, segment_no FROM messages"):
            assert self.segments.setdefault(seq, segment_no) == segment_no, (
                "no message changes its part"
            )

    @invariant()
    def every_account_can_leave_in_any_order_with_what_it_said(self) -> None:
        """All orders are tried and rolled back, so that a step that spoils a later leaving fails
        here, not only where that leaving happens to be drawn.
        """
        for person in self.people:
            known = [account for account in ACCOUNTS if account in person]
            for order in orders_to_leave(known):
                with pytest.raises(RolledBack):
                    self.write_now(self.all_leave, order)

    # By what means

    def all_leave(self, tx, order: tuple[Account, ...]) -> None:
        for leaver in order[:-1]:
            unlink(tx, self.operation_context(), leaver)
        texts = {one.event.text: one.owner for one in self.said if isinstance(one.owner, Account)}
        for account in order:
            for bot in BOTS:
                seen = read_history(tx, self.where(account, bot), limit=None, include_previous=True)
                of_platforms = [one.content for one in seen if texts[one.content].channel]
                assert of_platforms == [one.event.text for one in self.said_with({account}, bot)]
        raise RolledBack

    def is_private(self, account: Account | None) -> bool:
        """Whether any account of the same person asked for it."""
        return account in self.homes and bool(self.private & self.person(account))

    def was_of(self, one: Said, person: set[Account]) -> bool:
        """Whether a message was of a person before it was edited, which says nothing of its author."""
        return one.first is not None and one.first.author in person

    def is_newly_linked(self, account: Account) -> bool:
        """Whether a link of the last day stands between an account and another of its person."""
        return any(
            self.now - self.together.get(frozenset((account, other)), -1e9) <= 24 * 3600.0
            for other in self.person(account) - {account}
        )

    def withdraw(self, account: Account) -> None:
        """An account has one link under way: what was pending of it is not any more."""
        if self.pending is not None and account in self.pending[:2]:
            self.pending = None

    def refuse(self, bot: str, event: MessageEvent, fate: str) -> None:
        """Hand a message in that is not to be kept."""
        done = self.write_now(
            recording.record, recording.Recording(context=self.operation_context(bot), event=event)
        )
        assert done.value.fate == fate

    def lose(self, person: set[Account], gone: list[Said]) -> None:
        """Forget in the model what the database has forgotten: neither codes that were tried, nor
        that somebody rests.
        """
        ids = {self.homes[account] for account in person}
        self.said = [one for one in self.said if one not in gone]
        self.people.remove(person)
        self.forgotten |= person
        self.private -= person
        self.handles = [entry for entry in self.handles if entry[0] not in person]
        for account in person:
            del self.homes[account]
        self.left = {
            account: (at, "" if account in person or of in ids else of)
            for account, (at, of) in self.left.items()
        }
        for user_id in ids:
            del self.born[user_id]
        self.together = {pair: at for pair, at in self.together.items() if not pair & person}
        if self.pending is not None and person & set(self.pending[:2]):
            self.pending = None

    def must_rest(self, one: Account, other: Account) -> bool:
        """Whether one of two people has an account that left a third one within a day."""
        first, second = (self.person(who) if who in self.homes else {who} for who in (one, other))
        for person, joined in ((first, second), (second, first)):
            comes_back = self.left_lately(joined) & {self.homes.get(account) for account in person}
            if (
                self.left_lately(person) - {self.homes.get(account) for account in joined}
                and not comes_back
            ):
                return True
        return False

    def left_lately(self, person: set[Account]) -> set[str]:
        lately = (self.left[account] for account in person if account in self.left)
        return {user_id for at, user_id in lately if self.now - at < 24 * 3600.0}

    def is_locked(self, account: Account) -> bool:
        """Whether five wrong codes within an hour bar it now."""
        times = [at for who, at in self.wrong if who == account]
        recent = [at for at in times if times[-1] - at < 3600.0]
        return len(recent) >= 5 and self.now - times[-1] < 3600.0

    def operation_context(self, bot: str = "") -> OperationContext:
        return OperationContext(
            bot=bot,
            now=self.now,
            policies=Policies(max_age=MAX_AGE),
            new_id=lambda: f"id-{next(self.numbers):06}",
            keyed_hash=lambda *parts: repr(parts).encode(),
        )

    def where(self, where: Account | Chat, bot: str) -> sessions.Where:
        is_account = isinstance(where, Account)
        chat = direct(where) if is_account else where
        return sessions.Where(
            context=self.operation_context(bot), chat=chat, account=where if is_account else None
        )

    def write_now(self, operation, *args, **kwargs):
        return self.engine.write(operation, *args, **kwargs).result()

    def event(self, chat: Chat, **details) -> MessageEvent:
        number = next(self.numbers)
        self.now += 0.25
        details.setdefault(
            "sent_at", float(int(self.now))
        )  # as a platform says it that knows whole seconds only
        return MessageEvent(
            **{"chat": chat, "message_id": f"m{number}", "text": f"text {number}", **details}
        )

    def record(self, owner: Account | Chat, bot: str, event: MessageEvent) -> None:
        done = self.write_now(
            recording.record, recording.Recording(context=self.operation_context(bot), event=event)
        )
        assert done.value.fate == "stored"
        self.said.append(Said(owner, bot, event, first=event))

    def see(self, account: Account) -> None:
        if account in self.homes:
            return
        found = self.identity(account).user_id
        if not account.channel:
            at_home = [
                person
                for person in self.people
                if any(self.homes[a] == account.channel_user_id for a in person)
            ]
            self.homes[account] = account.channel_user_id
            self.born.setdefault(account.channel_user_id, self.now)
            (at_home[0] if at_home else self.alone()).add(account)
        else:
            self.homes[account] = found
            self.born[found] = self.now
            self.alone().add(account)

    def alone(self) -> set[Account]:
        self.people.append(set())
        return self.people[-1]

    def person(self, account: Account) -> set[Account]:
        (person,) = (person for person in self.people if account in person)
        return person

    def identity(self, account: Account):
        return self.engine.read(accounts.identity_of_account, account).result()

    def said_with(self, owners: set, bot: str) -> list[Said]:
        return [one for one in self.said if one.owner in owners and one.bot == bot]

    def history(self, where: Account | Chat, bot: str) -> list[str]:
        reading = self.engine.read(
            read_history, self.where(where, bot), limit=None, include_previous=True
        )
        shown = reading.result()
        found = [one for one in shown if LOOKED_FOR.matches(one.content) and not one.is_withheld]
        assert self.search(where, bot) == found[::-1]
        return [message.content for message in shown]

    def search(self, where: Account | Chat, bot: str) -> list[SessionMessage]:
        """Search page by page, as people do."""
        found: list[SessionMessage] = []
        before = searching.ALL
        while before > FIRST:
            request = searching.Request(before=before, limit=3)
            piece = self.engine.read(
                searching.search, self.where(where, bot), LOOKED_FOR, request
            ).result()
            found += [hit.message for hit in piece.hits]
            before = piece.before
        return found


class RolledBack(Exception):
    """Undoes an operation that was only tried."""


def orders_to_leave(known: list[Account]) -> list[tuple[Account, ...]]:
    """All orders in which accounts leave one another, except that of four each begins only once."""
    if len(known) < 2:
        return []
    if len(known) < 4:
        return list(permutations(known))
    return [tuple(known[first:] + known[:first]) for first in range(len(known))]


def direct(account: Account) -> Chat:
    return Chat(
        account.channel,
        account.channel_user_id if not account.channel else f"direct-{account.channel_user_id}",
    )


def test_whatever_people_do_each_keeps_what_is_theirs(new_databases):
    is_quick = "://" not in new_databases()
    runs = settings(
        max_examples=30 if is_quick else 4, stateful_step_count=40, deadline=None, database=None
    )
    run_state_machine_as_test(lambda: Linking(new_databases()), settings=runs)


THREE = ACCOUNTS[:3]


class Leaving(Linking):
    """Three accounts and few things that they do, so that many orders of these are tried."""

    start_new = write_in_group = open_by_store = write_by_store = claim = edit = delete = None  # type: ignore[assignment]
    ask_for_privacy = forget = consolidate = undo_a_consolidation = wait = confirm = cancel = None  # type: ignore[assignment]
    each_group_sees_exactly_what_was_said_in_it = None  # type: ignore[assignment]

    @initialize(by_age=st.permutations(THREE))
    def all_write(self, by_age: list[Account]) -> None:
        for account in by_age:
            Linking.write(self, account, "", is_answer=False)

    @rule(founder=st.sampled_from((None, *THREE)), account=st.sampled_from(THREE))
    def write(self, founder: Account | None, account: Account) -> None:
        if founder is not None:
            Linking.start_new(self, founder, "")
        Linking.write(self, account, "", is_answer=False)

    @precondition(lambda self: len(self.people) > 1)
    @rule(data=st.data())
    def link(self, data: st.DataObject) -> None:
        """By the operation itself: neither codes nor rests keep anybody from linking again."""
        pairs = [(a, b) for a, b in permutations(THREE, 2) if a not in self.person(b)]
        one, other = data.draw(st.sampled_from(pairs))
        first, second = self.person(one), self.person(other)
        user_ids = self.identity(one).user_id, self.identity(other).user_id
        self.write_now(joining.join_users, self.operation_context(), *user_ids)
        self.people.remove(second)
        first |= second

    @precondition(lambda self: len(self.people) < len(THREE))
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        linked = [account for account in THREE if len(self.person(account)) > 1]
        account = data.draw(st.sampled_from(linked))
        Linking.unlink(self, account, account)


def test_three_accounts_leave_one_another_in_every_order(new_databases):
    is_quick = "://" not in new_databases()
    runs = settings(
        max_examples=60 if is_quick else 4, stateful_step_count=24, deadline=None, database=None
    )
    run_state_machine_as_test(lambda: Leaving(new_databases()), settings=runs)
