"""Two processes do everything to one database, in any order, each with hubs that remember and one
that does not: after each step all of them read the same.

They read what a third process reads, too. It does each operation by a hub that has just been opened,
on a database of its own, so nothing that is remembered helps or misleads it.

SESSION_TEST_CACHES makes it run for so many seconds on each backend, from a new seed, which is
printed; SESSION_TEST_SEED begins with that one again.
"""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, product
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Account, Chat, MessageEvent, SessionMessage

ANN, ANN_TOO, BEN = (
    Account("discord", "ann"),
    Account("telegram", "ann"),
    Account("telegram", "ben"),
)
RENAMED = Account("telegram", "renamed")
LOBBY, CLUB = Chat("discord", "lobby", "group"), Chat("telegram", "club", "group")
THREAD, SUPERCLUB = replace(LOBBY, thread_id="7"), replace(CLUB, chat_id="superclub")
Place = Account | Chat
GROUPS = (LOBBY, THREAD, CLUB, SUPERCLUB)
PLACES: tuple[Place, ...] = (ANN, ANN_TOO, BEN, RENAMED, *GROUPS)
WRITERS = ((0, "remembering"), (0, "remembering"), (0, "forgetful"))
WRITERS += tuple((1, name) for _, name in WRITERS)
"""Which process, and which of its hubs."""
HERE, THERE = (ANN, LOBBY), (BEN, CLUB)
"""Who writes, and where else, while two processes record at the same time. What is read does not
depend on who is first: the two never become one person, whose accounts have an order.
"""
HOUR = 3600.0
PAUSES = (60.0, HOUR, 2 * HOUR + 1, 2 * HOUR + 1, 24 * HOUR + 1)
RETENTIONS = (0.0, 0.0, 10 * 24 * HOUR + 1, 30 * 24 * HOUR + 1)

OFTEN = ("newest", "info")
SELDOM = ("history", "whole_history", "for_model", "search", "previous", "identity", "status")
"""What is read, see peer.py."""
CHANGES = (
    "start_new",
    "start_new",
    "link_or_unlink",
    "link_or_unlink",
    "fall_silent",
    "edit",
    "delete",
    "delete",
    "delete_ahead",
    "change_the_newest_by_hand",
    "consolidate",
    "undo_a_consolidation",
    "forget",
    "keep_private",
    "move_an_account",
    "move_a_chat",
    "delete_a_chat",
    "decay",
    "close_and_open",
)
"""What may lie between two messages of one person to one hub, which remembers where they go."""
STEPS = {
    "talk_around_a_change": 50,
    "record_some": 6,
    "record_one": 6,
    "record_and_read_at_once": 4,
    "record_in_both_at_once": 3,
    "deliver_to_both": 2,
    "record_again": 2,
    "quote": 4,
    "edit": 3,
    "delete": 3,
    "delete_ahead": 1,
    "add_by_hand": 2,
    "change_the_newest_by_hand": 2,
    "consolidate": 4,
    "undo_a_consolidation": 2,
    "start_new": 2,
    "fall_silent": 4,
    "decay": 1,
    "import_history": 1,
    "link_or_unlink": 5,
    "forget": 1,
    "change_privacy": 1,
    "move_an_account": 1,
    "move_a_chat": 1,
    "delete_a_chat": 1,
    "close_and_open": 1,
    "read_nothing_for_a_while": 2,
}
"""What can happen, and how often beside the others."""


@dataclass
class Process:
    """One peer; see peer.py."""

    child: subprocess.Popen[bytes]

    def begin(self, now: float, prefix: str, verb: str, *args: Any) -> None:
        assert self.child.stdin is not None
        pickle.dump((now, prefix, verb, *args), self.child.stdin)
        self.child.stdin.flush()

    def end(self) -> Any:
        assert self.child.stdout is not None
        answer = pickle.load(self.child.stdout)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Sharing:
    """What two processes do, and what all of them read."""

    def __init__(self, sharing: list[Process], reference: Process, chosen: int) -> None:
        self.sharing, self.reference = sharing, reference
        self.random, self.numbers, self.now = random.Random(chosen), count(1), 1_700_000_000.0
        self.said: list[MessageEvent] = []
        self.unread = self.compared = 0
        self.is_linked = False
        self.is_renamed = self.is_moved = False
        self.who: tuple[int, str] | None = None
        self.where: Place | None = None
        self.log: list[str] = []

    def open(self, database: str, alone: Path) -> None:
        for process in self.sharing:
            self.ask(process, "open", database)
        self.ask(self.reference, "open", str(alone))

    def close(self) -> None:
        for process in (*self.sharing, self.reference):
            self.ask(process, "close")

    def step(self) -> None:
        (name,) = self.random.choices(list(STEPS), list(STEPS.values()))
        self.log.append(name)
        getattr(self, name)()
        self.unread = max(0, self.unread - 1)
        if not self.unread:
            self.compare_most()

    def talk_around_a_change(self) -> None:
        """Let one hub know a place well, change something there by it or by another, and go on."""
        self.where = self.place()
        first = self.random.choice(WRITERS)
        other = first if self.random.random() < 0.5 else self.random.choice(WRITERS)
        self.who = first
        speaker, said = self.random.choice(("person", "answer")), []
        for _ in range(2):
            said.append(self.event(self.where, speaker))
            self.do("record", said[-1])
        if self.random.random() < 0.5:
            self.compare_most()

        self.who = other
        change = self.random.choice(CHANGES)
        self.log.append(f"    in between: {change}")
        getattr(self, change)()
        self.who = first
        self.do("record", self.event(self.where, speaker), *said)
        self.who = self.where = None

    # What can happen: messages

    def record_some(self) -> None:
        """All at once, and again, now that everybody is known and in a session."""
        places = self.random.choices(self.places(), k=self.random.randint(2, 6))
        for _ in range(2):
            self.do("record", *map(self.event, places))

    def record_one(self) -> None:
        self.do("record", self.event(self.place()))

    def record_and_read_at_once(self) -> None:
        place = self.place()
        self.do("record_and_read", place, self.event(place))

    def record_in_both_at_once(self) -> None:
        first, names = (
            self.random.choice((0, 1)),
            self.random.choices(("remembering", "forgetful"), k=2),
        )
        groups = [
            [
                self.event(place, by=where[0])
                for place in self.random.choices(where, k=self.random.randint(1, 5))
            ]
            for where in (HERE, THERE)
        ]
        self.at_once((first, names[0], groups[0]), (1 - first, names[1], groups[1]))
        for events in groups:
            self.ask(self.reference, "act_alone", "record", *events)

    def deliver_to_both(self) -> None:
        """A platform may deliver a message to two processes: one of them stores it."""
        event = self.event(self.place())
        answers = self.at_once((0, "remembering", [event]), (1, "remembering", [event]))
        ((is_new, is_stored, _),), _ = self.ask(self.reference, "act_alone", "record", event)
        outcomes = sorted(is_new for ((is_new, _, _),), _ in answers)
        assert outcomes == ([False, True] if is_new and is_stored else [is_new] * 2)

    def record_again(self) -> None:
        self.do("record", self.old_event())

    def quote(self) -> None:
        quoted, event = self.old_event(), self.event(self.place())
        quote = {
            "text": quoted.text,
            "message_id": quoted.message_id,
            "chat_id": quoted.chat.chat_id,
        }
        self.do("record", replace(event, metadata={"quote": quote}))
        if self.random.random() < 0.5:
            self.compare_most()
            self.do("delete", quoted.chat, quoted.message_id)

    def edit(self) -> None:
        self.do("edit", replace(self.old_event(), text=self.text(), edited_at=self.now))

    def delete(self) -> None:
        event = self.old_event()
        self.do("delete", event.chat, event.message_id)

    def delete_ahead(self) -> None:
        """Delete what comes only then."""
        event = self.event(self.place(), "person")
        self.do("delete", event.chat, event.message_id)
        self.do("record", event)

    def add_by_hand(self) -> None:
        self.do("add", self.place(), self.text())

    def change_the_newest_by_hand(self) -> None:
        self.do("change_newest", self.place(), self.random.choice((None, self.text())))

    # What can happen: sessions

    def start_new(self) -> None:
        self.do("start_new", self.place())

    def fall_silent(self) -> None:
        """Let time pass, after which what was live may be over although nothing was written."""
        self.compare_most()
        self.now += self.random.choice(PAUSES)

    def consolidate(self) -> None:
        self.do("consolidate", self.place(), hub="summing")

    def undo_a_consolidation(self) -> None:
        self.do("undo_consolidation", self.place())

    def decay(self) -> None:
        self.now += self.random.choice(RETENTIONS)
        self.do("decay")

    def import_history(self) -> None:
        events = [self.event(place) for place in self.random.choices(self.places(), k=3)]
        self.do("import_history", *(replace(one, sent_at=self.now - 48 * HOUR) for one in events))

    # What can happen: people and chats

    def link_or_unlink(self) -> None:
        """Link Ann's two accounts, or take them apart; for a day only the other side may."""
        accounts = self.random.sample(self.people()[:2], 2)
        answer = self.do("unlink", accounts[0]) if self.is_linked else self.do("link", *accounts)
        self.is_linked ^= not isinstance(answer, str)

    def forget(self) -> None:
        person = self.someone()
        answer = self.do("forget", person)
        if person != BEN and not isinstance(answer, str):
            self.is_linked = False

    def change_privacy(self) -> None:
        """For a step, mostly."""
        person = self.someone()
        self.do("set_private", person, True)
        self.do("record", *map(self.event, self.places()))
        self.do("set_private", person, self.random.random() < 0.1)

    def keep_private(self) -> None:
        self.do("set_private", self.someone(), self.random.random() < 0.6)

    def move_an_account(self) -> None:
        self.is_renamed |= not isinstance(self.do("move_account", ANN_TOO, RENAMED), str)

    def move_a_chat(self) -> None:
        self.do("move_chat", CLUB, SUPERCLUB)
        self.is_moved = True

    def delete_a_chat(self) -> None:
        group = self.where if isinstance(self.where, Chat) else self.random.choice(GROUPS)
        self.do("delete_chat", group)

    # What can happen: processes

    def close_and_open(self) -> None:
        self.ask(self.random.choice(self.sharing), "reopen")

    def read_nothing_for_a_while(self) -> None:
        """What is remembered falls behind by several steps."""
        self.unread = self.random.randint(2, 6)

    # What always holds

    def compare_most(self) -> None:
        """Read of each place the newest, and of one place after another all there is."""
        self.compared += 1
        place = PLACES[self.compared % len(PLACES)]
        self.compare([*product(OFTEN, PLACES), *((what, place) for what in SELDOM)])

    def compare(self, wanted: list[tuple[str, Place]]) -> None:
        self.begin(self.reference, "read", "forgetful", *wanted)
        for process in self.sharing:
            self.begin(process, "read", "remembering", *wanted)
        remembered = [process.end() for process in self.sharing]
        stored = self.ask(self.sharing[self.compared % 2], "read", "forgetful", *wanted)
        expected = self.reference.end()

        for read in wanted:
            assert [seen[read] for seen in remembered] == [stored[read]] * 2, read
            assert told(stored[read]) == told(expected[read]), read

    # How it is done

    def people(self) -> tuple[Account, ...]:
        return (ANN, RENAMED if self.is_renamed else ANN_TOO, BEN)

    def places(self) -> tuple[Place, ...]:
        return (*self.people(), LOBBY, THREAD, CLUB, *([SUPERCLUB] if self.is_moved else []))

    def place(self) -> Place:
        """Return a place, mostly one where something was said lately."""
        if self.where is not None:
            return self.where
        recent = [one.author or one.answers or one.chat for one in self.said[-5:]]
        known = [place for place in recent if place in self.places()]
        return self.random.choice(known if known and self.random.random() < 0.6 else self.places())

    def someone(self) -> Account:
        """Return a person, the one at hand if there is one."""
        if isinstance(self.where, Chat):
            return self.someone_of(self.where)
        return self.where or self.random.choice(self.people())

    def event(self, place: Place, speaker: str = "", *, by: Account | None = None) -> MessageEvent:
        """Say something at a place."""
        speaker = speaker or self.random.choice(("person", "person", "answer", "webhook"))
        details: dict[str, Any] = {"role": "assistant" if speaker == "answer" else "user"}
        if speaker != "webhook":
            person = by or (self.someone_of(place) if isinstance(place, Chat) else place)
            details["answers" if speaker == "answer" else "author"] = person
            details["author_name"] = "" if speaker == "answer" else person.channel_user_id
        number = next(self.numbers)
        event = MessageEvent(
            chat=place if isinstance(place, Chat) else direct(place),
            message_id=f"m{number}",
            text=f"words {number}",
            sent_at=self.now,
            metadata={"tags": [{"deep": ["in"]}]},
            **details,
        )
        self.said.append(event)
        return event

    def someone_of(self, group: Chat) -> Account:
        people = [one for one in self.people() if one.channel == group.channel]
        return people[-1] if self.where is not None else self.random.choice(people)

    def old_event(self) -> MessageEvent:
        """Return what was said before, mostly lately; deleted or not."""
        if not self.said:
            self.record_one()
        if self.where is not None:
            return self.random.choice(self.said[-2:])
        return self.random.choice(self.said[-8:] if self.random.random() < 0.7 else self.said)

    def text(self) -> str:
        return f"words {next(self.numbers)}"

    def do(self, verb: str, *args: Any, hub: str = "") -> Any:
        """Do it in one of the processes and in the third, and hold the answers against each
        other.
        """
        process, name = self.who or self.random.choice(WRITERS)
        name = hub or name
        self.log.append(f"    {name} {process}: {verb} {', '.join(map(short, args))}")
        step = f"{next(self.numbers):06}"
        self.begin(self.reference, "act_alone", verb, *args, step=step)
        self.begin(self.sharing[process], "act", name, verb, *args, step=step)
        expected, answer = self.reference.end(), self.sharing[process].end()
        assert told(answer) == told(expected)
        return answer

    def at_once(self, *work: tuple[int, str, list[MessageEvent]]) -> list[Any]:
        """Record in several processes at the same time."""
        for process, name, events in work:
            self.log.append(f"    at once, {name} {process}: {', '.join(map(short, events))}")
            self.begin(self.sharing[process], "act", name, "record", *events)
        return [self.sharing[process].end() for process, _, _ in work]

    def ask(self, process: Process, verb: str, *args: Any) -> Any:
        self.begin(process, verb, *args)
        return process.end()

    def begin(self, process: Process, verb: str, *args: Any, step: str = "") -> None:
        process.begin(self.now, step or f"{next(self.numbers):06}", verb, *args)


def direct(account: Account) -> Chat:
    return Chat(account.channel, f"direct-{account.channel_user_id}")


def short(value: Any) -> str:
    """Name a value in the log of a failure."""
    match value:
        case MessageEvent():
            speaker = short(value.author or value.answers)
            return (
                f"{value.role} {value.message_id} {value.text!r} in {short(value.chat)} {speaker}"
            )
        case Chat():
            return f"{value.chat_id}/{value.thread_id}"
        case Account():
            return f"{value.channel}:{value.channel_user_id}"
    return str(value)


def told(answer: Any) -> Any:
    """Leave out what differs between databases: the numbers and ids that they gave."""
    if isinstance(answer, list | tuple):
        return [told(one) for one in answer]
    if isinstance(answer, SessionMessage):
        return replace(answer, seq=0)
    ids = {name: "" for name in ("session_id", "user_id") if hasattr(answer, name)}
    if hasattr(answer, "identity"):
        ids["identity"] = told(answer.identity)
    return replace(answer, **ids) if ids else answer


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    """Three peers."""
    command = [sys.executable, str(Path(__file__).with_name("peer.py"))]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)
    ]
    yield [Process(child) for child in children]
    for child in children:
        child.kill()
        child.communicate()


def test_two_processes_read_the_same_whatever_they_remember(backend, processes, tmp_path) -> None:
    seconds = float(os.environ.get("SESSION_TEST_CACHES", "0"))
    chosen = int(os.environ.get("SESSION_TEST_SEED", "0"))
    chosen = chosen or (random.randrange(1, 1_000_000) if seconds else 1)
    give_up_at = time.monotonic() + seconds
    while True:
        print(f"SESSION_TEST_SEED={chosen}")
        *sharing, reference = processes
        machine = Sharing(sharing, reference, chosen)
        with backend.empty() as database:
            machine.open(database, tmp_path / f"{chosen}.db")
            run(machine, steps=40 if "://" in database else 80)
            machine.close()
        chosen += 1
        if time.monotonic() >= give_up_at:
            break


def run(machine: Sharing, *, steps: int) -> None:
    try:
        for _ in range(steps):
            machine.step()
        machine.compare(list(product(OFTEN + SELDOM, PLACES)))
    except Exception as error:
        error.add_note("What was done:\n" + "\n".join(machine.log[-80:]))
        raise
