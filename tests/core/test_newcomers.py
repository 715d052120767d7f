"""First messages of people, chats and sessions, stored together: what is left is exactly what storing
them one by one leaves.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session_plugin import Expiry, SessionHub
from session_plugin.database.opening import open_engine
from session_plugin.errors import SessionError
from session_plugin.model import Account, Chat, MessageEvent
from session_plugin.records.conversation import bulk, moving, removing, sessions
from session_plugin.records.conversation.recording import Recording, record
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people import accounts, forgetting, linking
from session_plugin.rules.policies import Policies
from session_plugin.testing import Talk

HOUR = 3600.0
PEOPLE = (
    Account("discord", "1"),
    Account("discord", "2"),
    Account("discord", "3"),
    Account("telegram", "1"),
    Account("telegram", "2"),
)
ROOMS = (("lobby", ""), ("lobby", "7"), ("den", ""))
POLICIES = (
    Policies(max_age=24 * HOUR),
    Policies(
        max_age=24 * HOUR,
        expiries=(
            Expiry(channel="telegram", max_age_hours=20),
            Expiry(max_age_hours=48, daily_hour=4),
        ),
    ),
)


@dataclass(frozen=True)
class Said:
    """A message, when it is handed in, to which bot, in which part of its scope, and what a plugin
    knows of its author.
    """

    now: float
    event: MessageEvent
    bot: str
    scope_name: str
    user_id: str | None


@dataclass(frozen=True)
class Done:
    """Something that is done between two groups of messages."""

    now: float
    what: str
    people: tuple[Account, Account]


@st.composite
def days(draw: st.DrawFn) -> list[list[Said] | Done]:
    """Groups of messages, mostly first ones, and what else happens between them."""
    found: list[list[Said] | Done] = []
    now, numbers = 0.0, count()
    for _ in range(draw(st.integers(1, 5))):
        group = []
        for _ in range(draw(st.integers(1, 10))):
            now += draw(st.sampled_from([0.0, 0.0, 0.0, 1.0, 2 * HOUR, 30 * HOUR]))
            is_slow = draw(st.integers(0, 9)) == 0
            group.append(draw(messages(now - 3 * HOUR if is_slow else now, str(next(numbers)))))

        found.append(group)
        now += draw(st.sampled_from([0.0, 1.0, 2 * HOUR, 30 * HOUR]))
        what = draw(
            st.sampled_from(["", "", "delete", "private", "public", "forget", "link", "move"])
        )
        if what:
            people = draw(st.permutations(PEOPLE))
            found.append(Done(now, what, (people[0], people[1])))

    return found


@st.composite
def messages(draw: st.DrawFn, now: float, number: str) -> Said:
    person = draw(st.sampled_from(PEOPLE))
    title = draw(st.sampled_from(["", "", "A", "B\ud800"]))
    direct = Chat(person.channel, f"of {person.channel_user_id}", title=title)
    room, thread_id = draw(st.sampled_from(ROOMS))
    group = Chat(person.channel, room, "group", thread_id=thread_id, title=title)
    speaks = draw(st.sampled_from(["person"] * 6 + ["bot", "bot", "nobody"]))
    event = MessageEvent(
        chat=draw(st.sampled_from([direct, group])),
        message_id=draw(st.sampled_from([number, number, number, None, "0", "1", "2"])),
        role="user" if speaks == "person" else "assistant",
        text=draw(st.sampled_from(["hello", "a\0b\ud800"])),
        sent_at=now - draw(st.sampled_from([0.0, 0.0, 0.0, 60.0, 50 * HOUR])),
        author=person if speaks == "person" else None,
        author_name=draw(st.sampled_from(["", "Ann", "Ann", "Bob\udfff"])),
        answers=person if speaks == "bot" else None,
        reply_to=draw(st.sampled_from([None, None, "1"])),
        metadata=draw(st.sampled_from([{}] * 5 + [{"quote": {"text": "hello", "person": "1"}}])),
    )
    return Said(
        now,
        event,
        bot=draw(st.sampled_from(["", "", "scribe"])),
        scope_name=draw(st.sampled_from(["", "", "", "work"])),
        user_id=draw(st.sampled_from([None] * 9 + ["known elsewhere"])),
    )


def keyed_hash(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).digest()


class Storage:
    """One of the two databases, to which everything is done, in its own way."""

    def __init__(self, database: str, policies: Policies, *, is_together: bool) -> None:
        self._engine = open_engine(database)
        self._policies = policies
        self._is_together = is_together
        self._ids = count()
        self.told: list[Any] = []
        self.seqs: set[int] = set()

    def context(self, now: float, bot: str = "") -> OperationContext:
        return OperationContext(
            bot=bot,
            now=now,
            policies=self._policies,
            new_id=lambda: f"id {next(self._ids)}",
            keyed_hash=keyed_hash,
            secret_fingerprint=lambda: b"of the secret",
        )

    def say(self, group: Sequence[Said]) -> None:
        recordings = [
            Recording(
                context=self.context(said.now, said.bot),
                event=said.event,
                scope_name=said.scope_name,
                user_id=said.user_id if said.event.author is not None else None,
            )
            for said in group
        ]
        if self._is_together:
            found = together(self._engine, recordings)
        else:
            futures = [self._engine.write(record, one) for one in recordings]
            found = [future.result() for future in futures]

        self.seqs.update(one.value.seq for one in found)
        self.told += [
            (replace(one.value, live_count=0, row=None), one.announcements) for one in found
        ]

    def do(self, done: Done) -> None:
        context, (one, other) = self.context(done.now), done.people
        chat = Chat(one.channel, f"of {one.channel_user_id}")
        steps: dict[str, Callable[[Any], Any]] = {
            "delete": lambda tx: removing.delete(tx, context, chat, ("0", "1", "90")),
            "private": lambda tx: accounts.set_privacy(tx, context, one, is_private=True),
            "public": lambda tx: accounts.set_privacy(tx, context, one, is_private=False),
            "forget": lambda tx: forgetting.forget(tx, context, one),
            "move": lambda tx: moving.move_chat(tx, context, LOBBY, DEN),
            "link": lambda tx: linking.link_known(tx, context, one, other),
        }
        try:
            self.told.append(self._engine.write(steps[done.what]).result())
        except SessionError as error:
            self.told.append(type(error))

    def close(self) -> None:
        self._engine.close()


def together(engine: Any, recordings: Sequence[Recording]) -> list[Any]:
    """Let recordings wait for the writer until all of them can be one group."""
    all_wait = threading.Event()
    engine.write(lambda _: all_wait.wait(10))
    futures = [engine.write(bulk.RECORD, one) for one in recordings]
    all_wait.set()

    return [future.result() for future in futures]


def contents(backend: Any, database: str, order: dict[int, int]) -> dict[str, list[str]]:
    """Give all rows, with the place in the order of each message for its number: a server that runs
    a group again has drawn other numbers.
    """
    found = {}
    for table, names in backend.tables(database).items():
        if not table.startswith("session_plugin"):
            rows = backend.rows(database, f"SELECT {', '.join(names)} FROM {table}")
            found[table] = sorted(
                repr(
                    [
                        order.get(cell, cell) if name in ("seq", "last_seq") else cell
                        for name, cell in zip(names, row, strict=True)
                    ]
                )
                for row in rows
            )

    return found


def in_order(told: list[Any], order: dict[int, int]) -> list[Any]:
    return [
        (replace(one[0], seq=order[one[0].seq], known=None), one[1])
        if isinstance(one, tuple)
        else one
        for one in told
    ]


def begin_numbers_anew(backend: Any, database: str) -> None:
    if "://" in database:
        backend.rows(
            database,
            "SELECT setval(CAST(quote_ident(sequencename) AS regclass), 1, FALSE) "
            "FROM pg_sequences WHERE schemaname = current_schema()",
        )


def compare(backend: Any, day: list[list[Said] | Done], policies: Policies) -> None:
    told, left = [], []
    for is_together in (False, True):
        with backend.empty() as database:
            open_engine(database).close()
            begin_numbers_anew(backend, database)
            storage = Storage(database, policies, is_together=is_together)
            for step in day:
                if isinstance(step, Done):
                    storage.do(step)
                else:
                    storage.say(step)
            storage.close()
            order = {seq: place for place, seq in enumerate(sorted(storage.seqs))}
            told.append(in_order(storage.told, order))
            left.append(contents(backend, database, order))
            assert backend.findings(database) == []

    assert told[0] == told[1]
    assert left[0] == left[1]


def test_first_messages_together_leave_what_one_by_one_leaves(
    backend: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """And none of them fails, which would store the group one by one, too."""
    caplog.set_level(logging.DEBUG, logger="session_plugin.database")
    is_file = type(backend).__name__ == "Sqlite"

    @settings(
        max_examples=80 if is_file else 15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(days(), st.sampled_from(POLICIES))
    def run(day: list[list[Said] | Done], policies: Policies) -> None:
        caplog.clear()
        compare(backend, day, policies)
        assert "one by one" not in caplog.text

    run()


ANN, BEN, ANN_TOO = PEOPLE[0], PEOPLE[1], PEOPLE[3]
QUOTE = {"quote": {"text": "hello", "person": "1"}}
LOBBY, DEN = (Chat("discord", name, "group") for name in ("lobby", "den"))


def said(now: float, person: Account, chat: Chat | None = None, **details: Any) -> Said:
    own = {name: details.pop(name) for name in ("user_id", "scope_name") if name in details}
    event = MessageEvent(
        chat=chat or Chat(person.channel, f"of {person.channel_user_id}"),
        message_id=details.pop("message_id", None),
        role="user",
        text="hello",
        sent_at=now,
        author=person,
        **details,
    )
    return Said(now, event, "", own.get("scope_name", ""), own.get("user_id"))


LINKED = Done(HOUR, "link", (ANN, ANN_TOO))
AT = partial(float.__mul__, HOUR)
SPECIAL: dict[str, list[list[Said] | Done]] = {
    "somebody ended the session of both accounts just before": [
        [said(0.0, ANN), said(0.0, ANN_TOO)],
        LINKED,
        [said(AT(40.0), ANN, metadata=QUOTE), said(AT(40.0), ANN_TOO), said(AT(40.0), BEN)],
    ],
    "somebody said something meanwhile": [
        [said(0.0, ANN)],
        [said(AT(23.0), ANN), said(AT(46.0), ANN)],
    ],
    "what began is over before the group is": [
        [said(0.0, ANN), said(AT(30.0), ANN), said(0.0, BEN, LOBBY), said(AT(30.0), BEN, LOBBY)],
    ],
    "the clock goes back behind an end": [
        [said(0.0, ANN), said(0.0, ANN_TOO)],
        LINKED,
        [said(AT(40.0), ANN), said(AT(1.0), ANN_TOO)],
    ],
    "two threads of a new group": [
        [said(0.0, ANN, LOBBY), said(0.0, BEN, replace(LOBBY, thread_id="7"))],
    ],
    "a deletion made the chat": [
        Done(0.0, "delete", (ANN, BEN)),
        [said(0.0, ANN, message_id="5"), said(0.0, ANN, message_id="0"), said(0.0, ANN)],
    ],
    "it was deleted before it came": [
        [said(0.0, ANN)],
        Done(AT(39.0), "delete", (ANN, BEN)),
        [said(AT(40.0), ANN, message_id="1"), said(AT(40.0), ANN)],
    ],
    "another one comes again, of whom all is remembered": [
        [said(0.0, ANN, LOBBY, message_id="1")],
        [said(0.0, ANN, LOBBY, message_id="2"), said(0.0, ANN)],
        [
            said(0.0, BEN, LOBBY, message_id="3"),
            said(0.0, ANN, LOBBY, message_id="1"),
            said(0.0, BEN, LOBBY, message_id="3"),
            said(0.0, BEN),
        ],
    ],
    "a plugin knows whose it is": [
        [said(0.0, ANN, user_id="x"), said(0.0, ANN_TOO, user_id="x"), said(0.0, ANN_TOO)],
        [said(AT(40.0), ANN), said(AT(40.0), BEN, user_id="x"), said(AT(40.0), ANN_TOO)],
    ],
    "another name and another title": [
        [said(0.0, ANN, author_name="Ann"), said(0.0, ANN, author_name="Bob")],
        [said(AT(40.0), ANN, author_name="Cid"), said(AT(40.0), BEN, replace(LOBBY, title="A"))],
        [said(AT(80.0), BEN, replace(LOBBY, title="B")), said(AT(80.0), ANN, LOBBY)],
    ],
    "the same message twice": [
        [said(0.0, ANN, message_id="1"), said(0.0, ANN, message_id="1")],
        [said(AT(40.0), ANN, message_id="1"), said(AT(40.0), ANN, message_id="2")],
        [
            said(0.0, BEN, message_id="1"),
            said(0.0, ANN_TOO, metadata=QUOTE),
            said(0.0, BEN, message_id="1"),
        ],
    ],
    "the group has moved": [
        [said(0.0, ANN, LOBBY), said(0.0, BEN, DEN)],
        Done(0.0, "move", (ANN, BEN)),
        [said(AT(40.0), ANN, LOBBY), said(AT(40.0), BEN, DEN), said(AT(40.0), PEOPLE[2], LOBBY)],
        [said(AT(80.0), ANN, DEN), said(AT(80.0), ANN, LOBBY), said(AT(81.0), PEOPLE[2], DEN)],
    ],
    "each channel ends sessions in its own way": [
        [said(0.0, ANN), said(0.0, ANN_TOO), said(0.0, BEN)],
        [said(AT(22.0), ANN_TOO), said(AT(22.0), BEN)],
        LINKED,
        [said(AT(43.0), ANN_TOO), said(AT(43.0), ANN), said(AT(43.0), BEN)],
    ],
    "somebody was forgotten, and another wants nothing stored": [
        [said(0.0, ANN, message_id="7"), said(0.0, BEN), said(0.0, BEN, LOBBY, message_id="8")],
        Done(HOUR, "forget", (ANN, BEN)),
        Done(HOUR, "private", (BEN, ANN)),
        [said(0.0, ANN, message_id="7"), said(AT(2.0), ANN), said(AT(40.0), BEN, message_id="9")],
        Done(AT(41.0), "public", (BEN, ANN)),
        [said(AT(90.0), BEN, message_id="9"), said(AT(90.0), BEN), said(AT(90.0), ANN)],
    ],
}


@pytest.mark.parametrize("policies", POLICIES, ids=["one expiry", "several"])
@pytest.mark.parametrize("day", SPECIAL.values(), ids=SPECIAL.keys())
def test_what_is_special_about_a_first_message_is_not_lost_among_others(
    backend: Any, day: list[list[Said] | Done], policies: Policies, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="session_plugin.database")
    compare(backend, day, policies)
    assert "one by one" not in caplog.text


class Counting:
    """A transaction that counts the statements that are run on it."""

    def __init__(self, tx: Any) -> None:
        self._tx = tx
        self.statements: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._tx, name)
        if not callable(verb):
            return verb

        def run(*arguments: Any, **values: Any) -> Any:
            if arguments:
                self.statements[arguments[0]] += 1
            return verb(*arguments, **values)

        return run


def first_messages(storage: Storage, numbers: Sequence[int], *, now: float) -> list[Recording]:
    """Return first messages of people in chats of their own, and of others in one new group."""
    found = []
    for number in numbers:
        person = Account("telegram", str(number))
        chat = Chat("telegram", f"of {number}")
        if number % 3 == 0:
            chat = Chat("telegram", f"with {numbers[0]}", "group")
        event = MessageEvent(
            chat=chat,
            message_id=f"{number} at {now}",
            role="user",
            text="hi",
            sent_at=now,
            author=person,
            author_name=f"Person {number}",
        )
        found.append(Recording(context=storage.context(now), event=event))

    return found


@pytest.mark.parametrize("pause", [0.0, 30 * HOUR])
def test_a_hundred_people_at_once_take_no_more_statements_than_ten(
    database: str, pause: float
) -> None:
    """Whether they come for the first time, or again after their sessions were over."""
    storage = Storage(database, POLICIES[0], is_together=True)
    counts = []

    def count_statements(tx: Any, recordings: list[Recording]) -> int:
        counting = Counting(tx)
        found = bulk.record_many(counting, recordings)  # type: ignore[arg-type]
        assert [one.value.fate for one in found] == ["stored"] * len(recordings)
        return counting.statements.total()

    for numbers in (range(10), range(1000, 1100)):
        if pause:
            together(storage._engine, first_messages(storage, numbers, now=0.0))
        recordings = first_messages(storage, numbers, now=pause)
        counts.append(storage._engine.write(count_statements, recordings).result())

    storage.close()
    assert counts[0] == counts[1] < 20


PEOPLE_COME = """
    import asyncio, sys
    from session_plugin import Account, Chat, MessageEvent, SessionHub, hookimpl

    class Starts:
        @hookimpl
        def session_on_start(self, session, reason):
            print("started", session.identity.accounts[0].channel_user_id, flush=True)

    async def come(hub, number):
        chat, person = Chat("telegram", str(number)), Account("telegram", str(number))
        event = MessageEvent(
            chat=chat, message_id="1", role="user", text="hi", sent_at=0.0, author=person,
            author_name=f"Person {number}",
        )
        if (await hub.record(event)).is_stored:
            print("stored", number, flush=True)

    async def main(database, first, last, at_once):
        async with SessionHub(
            database, plugins=[Starts()], secret="s" * 16, load_entry_points=False
        ) as hub:
            await hub.status()
            print("ready", flush=True)
            sys.stdin.readline()
            while first < last:
                await asyncio.gather(*(come(hub, n) for n in range(first, first + at_once)))
                first += at_once
            await hub.settle()

    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
"""
ONE_EACH = {
    "people": "SELECT COUNT(*) FROM users",
    "accounts": "SELECT COUNT(*) FROM accounts",
    "chats": "SELECT COUNT(*) FROM chats WHERE peer_no IS NOT NULL",
    "sessions": "SELECT COUNT(*) FROM sessions WHERE start_reason = 'first' AND ended_at IS NULL",
    "segments": "SELECT COUNT(*) FROM segments WHERE total_count = 1 AND live_count = 1",
    "messages": "SELECT COUNT(*) FROM messages",
}


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def await_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def test_whoever_comes_to_two_processes_at_once_begins_once(
    database: str, spawn: Callable[..., subprocess.Popen[str]], raw: Any
) -> None:
    processes = [spawn(PEOPLE_COME, database, 0, 300, 150) for _ in range(2)]
    for process in processes:
        await_ready(process)
    for process in processes:
        begin(process)
    lines = [line for one in processes for line in one.communicate(timeout=120)[0].splitlines()]

    assert [process.returncode for process in processes] == [0, 0]
    found = {what: raw.rows(statement)[0][0] for what, statement in ONE_EACH.items()}
    assert found == dict.fromkeys(ONE_EACH, 300)
    heard = Counter(lines)
    assert {heard[f"started {number}"] for number in range(300)} == {1}


async def test_people_whose_first_messages_a_killed_process_acknowledged_are_there_once(
    database: str, spawn: Callable[..., subprocess.Popen[str]], raw: Any
) -> None:
    process = spawn(PEOPLE_COME, database, 0, 100_000, 40)
    await_ready(process)
    begin(process)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(1500)]
    process.send_signal(signal.SIGKILL)
    rest = process.communicate(timeout=30)[0].rpartition("\n")[0]
    acknowledged = {
        line.split()[1]
        for line in ("".join(lines) + rest).splitlines()
        if line.startswith("stored ")
    }
    assert len(acknowledged) > 300

    async with SessionHub(database, load_entry_points=False, secret="s" * 16) as hub:
        talk = Talk()
        again = [Account("telegram", number) for number in sorted(acknowledged)]
        for person in again[::50]:
            event = replace(talk.said(person, "hi"), chat=Chat("telegram", person.channel_user_id))
            assert not (await hub.record(replace(event, message_id="1"))).is_new

    stored = {key for (key,) in raw.rows("SELECT channel_user_id FROM accounts")}
    assert acknowledged <= stored
    found = {what: raw.rows(statement)[0][0] for what, statement in ONE_EACH.items()}
    assert found == dict.fromkeys(ONE_EACH, len(stored))


async def test_starts_that_no_plugin_hears_of_are_claimed_together(
    new_hub: Callable[..., SessionHub], raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or each would be told at the next opening; a write and a task for each would hold the loop."""
    hub = new_hub()
    await hub.status()
    written = []
    write = hub._parts.database.write

    async def noted(operation: Any, *arguments: Any, **named: Any) -> Any:
        written.append(operation)
        return await write(operation, *arguments, **named)

    monkeypatch.setattr(hub._parts.database, "write", noted)
    talk = Talk()
    people = [Account("telegram", str(number)) for number in range(200)]
    await asyncio.gather(*(hub.record(talk.said(person, "hi")) for person in people))
    await hub.settle()

    assert written.count(sessions.CLAIM_ANNOUNCEMENTS) < 20
    assert raw.rows("SELECT COUNT(*) FROM sessions WHERE start_announced = 1") == [(200,)]
