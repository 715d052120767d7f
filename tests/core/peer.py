"""A process with hubs on one database, told over a pipe what to do; tests start it as a program.

Some hubs remember what they may, one nothing. Requests come pickled on standard input, and each
has its answer, pickled, on standard output. What a hub hands out is spoilt afterwards, so that the
next reading shows whether it was a copy.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from session_plugin import Account, Chat, Expiry, MessageEvent, Retention, SessionError, SessionHub
from session_plugin.testing import Clock

HUBS: dict[str, dict[str, Any]] = {
    "remembering": {},
    "forgetful": {"cache_bytes": 0},
    "summing": {"consolidation_threshold": 4},
}
"""What sums up does so when it is asked: it records nothing, and no other has enough messages."""
SETTINGS: dict[str, Any] = {
    "secret": "what only this test knows",
    "load_entry_points": False,
    "expiry": [
        Expiry(max_age_hours=2, kind="group"),
        Expiry(daily_hour=23, channel="telegram", kind="group"),  # it is 22:13 at first
    ],
    "retention_days": 30,
    "retention": [Retention(days=10, kind="group")],
    "upkeep_minutes": None,
    "store_patience": 60.0,
}


Place = Account | Chat
Wanted = tuple[str, Place]
"""A name in READINGS, and where."""
Seen = dict[Wanted, Any]


def direct(account: Account) -> Chat:
    return Chat(account.channel, f"direct-{account.channel_user_id}")


@dataclass
class Peer:
    """The hubs of this process, by name."""

    clock: Clock = field(default_factory=Clock)
    ids: Iterable[int] = field(default_factory=count)
    prefix: str = ""
    database: str = ""
    hubs: dict[str, SessionHub] = field(default_factory=dict)

    async def answer(self, now: float, prefix: str, verb: str, *args: Any) -> Any:
        """Carry out a request; what is refused is an answer as well."""
        self.clock.now, self.prefix, self.ids = now, prefix, count()
        try:
            return await getattr(self, verb)(*args)
        except (SessionError, ValueError) as error:
            return type(error).__name__

    async def open(self, database: str) -> None:
        self.database = database
        self.hubs = {name: self.new_hub(**settings) for name, settings in HUBS.items()}

    async def reopen(self) -> None:
        await self.close()
        await self.open(self.database)

    async def close(self) -> None:
        for hub in self.hubs.values():
            await hub.close()
        self.hubs = {}

    async def act(self, name: str, verb: str, *args: Any) -> Any:
        """Do something by one of the hubs, and wait for all that it set going."""
        hub = self.hubs[name]
        answer = await ACTS[verb](hub, *args)
        await hub.settle()
        return answer

    async def act_alone(self, verb: str, *args: Any) -> Any:
        """Do something by a hub that has just been opened and that is closed afterwards."""
        settings = HUBS["summing"] if verb == "consolidate" else {}
        async with self.new_hub(**settings) as hub:
            answer = await ACTS[verb](hub, *args)
            await hub.settle()
            return answer

    async def read(self, name: str, *wanted: Wanted) -> Seen:
        return await see(self.hubs[name], *wanted)

    async def read_alone(self, *wanted: Wanted) -> Seen:
        """Read by a hub that has just been opened."""
        async with self.new_hub() as hub:
            return await see(hub, *wanted)

    def new_hub(self, **settings: Any) -> SessionHub:
        known = inspect.signature(SessionHub).parameters
        return SessionHub(
            self.database,
            clock=self.clock,
            new_id=lambda: f"id {self.prefix}.{next(self.ids):03}",
            **SETTINGS,
            **{setting: value for setting, value in settings.items() if setting in known},
        )


async def see(hub: SessionHub, *wanted: Wanted) -> Seen:
    """Return what is seen at some places, all read at the same time."""
    found = await asyncio.gather(*(READINGS[what](hub, place) for what, place in wanted))
    return dict(zip(wanted, found, strict=True))


def view_of(hub: SessionHub, place: Place) -> Any:
    is_group = isinstance(place, Chat)
    return hub.session_of(place if is_group else direct(place), None if is_group else place)


# What can be read


async def newest(hub: SessionHub, place: Place) -> Any:
    view = view_of(hub, place)
    return [await view.history(limit=20), await view.history(limit=2)]


async def history(hub: SessionHub, place: Place) -> Any:
    return await view_of(hub, place).history(limit=None)


async def whole_history(hub: SessionHub, place: Place) -> Any:
    return await view_of(hub, place).history(limit=None, include_previous=True)


async def for_model(hub: SessionHub, place: Place) -> Any:
    return (await view_of(hub, place).for_model()).as_openai()


async def search(hub: SessionHub, place: Place) -> Any:
    """Find all, however often a search stops because its time is over."""
    view, hits = view_of(hub, place), []
    found = await view.search("words", limit=100)
    hits += found.hits
    while found.cursor is not None:
        found = await view.search("words", limit=100, before=found.cursor)
        hits += found.hits
    return [hit.message for hit in sorted(hits, key=lambda hit: -hit.message.seq)]


async def info(hub: SessionHub, place: Place) -> Any:
    return [await view_of(hub, place).info()]


async def previous(hub: SessionHub, place: Place) -> Any:
    return await view_of(hub, place).previous(limit=100)


async def identity(hub: SessionHub, place: Place) -> Any:
    return [await view_of(hub, place).identity()]


async def status(hub: SessionHub, place: Place) -> Any:
    """Return how much is stored, wherever."""
    found = await hub.status()
    return [found.messages, found.tombstones, found.users, found.sessions]


READINGS = {
    reading.__name__: reading
    for reading in (
        newest,
        history,
        info,
        whole_history,
        for_model,
        search,
        previous,
        identity,
        status,
    )
}


# What can be done


async def record(hub: SessionHub, *events: MessageEvent) -> Any:
    """Record them all at once; each handler then reads what came before its message."""
    recorded = await asyncio.gather(*map(hub.record, events))
    before = [
        await one.session.history(limit=5, before=event)
        for one, event in zip(recorded, events, strict=True)
    ]
    return [(one.is_new, one.is_stored, one.message) for one in recorded], before


async def record_and_read(hub: SessionHub, place: Place, event: MessageEvent) -> Any:
    """Read while the message is on its way: the reading waits for it."""
    _, history = await asyncio.gather(hub.record(event), view_of(hub, place).history(limit=5))
    return history


async def edit(hub: SessionHub, *events: MessageEvent) -> Any:
    return [await hub.edit(event) for event in events]


async def delete(hub: SessionHub, chat: Chat, *message_ids: str) -> Any:
    return await hub.delete(chat, message_ids)


async def add(hub: SessionHub, place: Place, text: str) -> Any:
    return await view_of(hub, place).add("assistant", text)


async def change_newest(hub: SessionHub, place: Place, text: str | None) -> Any:
    """Edit the newest message as an author does, or delete it."""
    view = view_of(hub, place)
    newest = await view.history(limit=1)
    if not newest:
        return None
    return await (view.delete(*newest) if text is None else view.edit(newest[0], text))


async def start_new(hub: SessionHub, place: Place) -> Any:
    return await view_of(hub, place).start_new()


async def link(hub: SessionHub, asker: Account, redeemer: Account) -> Any:
    code = await hub.request_link(asker)
    await hub.redeem_link(redeemer, code.code)
    await hub.confirm_link(redeemer)
    return await hub.confirm_link(asker)


async def unlink(hub: SessionHub, account: Account) -> Any:
    return await hub.unlink(account)


async def forget(hub: SessionHub, account: Account) -> Any:
    return replace(await hub.forget(account), is_pending=False, pending_seconds=0.0)


async def set_private(hub: SessionHub, account: Account, is_private: bool) -> Any:
    return await hub.set_private(account, is_private)


async def move_chat(hub: SessionHub, old: Chat, new: Chat) -> Any:
    return await hub.move_chat(old, new)


async def delete_chat(hub: SessionHub, chat: Chat) -> Any:
    return await hub.delete_chat(chat)


async def move_account(hub: SessionHub, old: Account, new: Account) -> Any:
    return await hub.move_account(old, new)


async def consolidate(hub: SessionHub, place: Place) -> Any:
    """Sum up although the threshold is far; and again, so that a summary is replaced."""
    info = await view_of(hub, place).info()
    return info and (await hub.consolidate(info.session_id)) is not None


async def undo_consolidation(hub: SessionHub, place: Place) -> Any:
    info = await view_of(hub, place).info()
    return info and await hub.undo_consolidation(info.session_id)


async def decay(hub: SessionHub) -> Any:
    report = await hub.decay(confirm_clock=True)
    await hub.upkeep(confirm_clock=True)
    return report.messages, report.sessions


async def import_history(hub: SessionHub, *events: MessageEvent) -> Any:
    report = await hub.import_history(events)
    return report.messages, report.sessions, report.known_messages


ACTS = {
    act.__name__: act
    for act in (
        record,
        record_and_read,
        edit,
        delete,
        add,
        change_newest,
        start_new,
        link,
        unlink,
        forget,
        set_private,
        move_chat,
        delete_chat,
        move_account,
        consolidate,
        undo_consolidation,
        decay,
        import_history,
    )
}


def spoil(answer: Any) -> None:
    """Change what a hub has handed out, in the depth: nobody else may see it."""
    if isinstance(answer, dict):
        for value in list(answer.values()):
            spoil(value)
        answer["spoilt"] = True
    elif isinstance(answer, list | tuple):
        for one in answer:
            spoil(one)
        if isinstance(answer, list):
            answer.append("spoilt")
    elif hasattr(answer, "metadata"):
        spoil(answer.metadata)


async def serve() -> None:
    """Answer requests until there are no more."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed is no answer
    peer, loop = Peer(), asyncio.get_running_loop()
    while request := await loop.run_in_executor(None, read_request, requests):
        try:
            answer: Any = await peer.answer(*request)
        except Exception as error:  # the test's to judge
            answer = error
        answers.write(pickle.dumps(answer))
        answers.flush()
        spoil(answer)
    await peer.close()


def read_request(requests: Any) -> Any:
    try:
        return pickle.load(requests)
    except EOFError:
        return None


if __name__ == "__main__":
    asyncio.run(serve())
