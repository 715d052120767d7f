"""The newest messages of a session, read by one statement where each is a round trip, are those
that reading step by step gives.
"""

import random

import pytest

from session_plugin import hookimpl
from session_plugin.records.conversation import histories


class ByTag:
    """Words that begin with #work belong to the part `work`, everywhere."""

    @hookimpl
    def session_resolve_scope(self, event):
        return "work" if event.text.startswith("#work") else None


class StepByStep:
    """A transaction in which nothing is read at once."""

    def __init__(self, tx):
        self._tx = tx

    def __getattr__(self, name):
        return getattr(self._tx, name)

    def at_once(self, query, **values):
        return None


def read_in_steps(tx, where, **request):
    return histories.read_history(StepByStep(tx), where, **request)


class World:
    """People and groups that do at random what is done in a chat."""

    def __init__(self, hub, talk, link, clock, seed):
        self.hub, self.talk, self.link, self.clock = hub, talk, link, clock
        self.random = random.Random(seed)
        self.people = [
            talk.account(name, channel=channel)
            for channel in ("discord", "telegram")
            for name in ("ann", "bob", "cleo")
        ]
        self.groups = [
            talk.group("lobby"),
            talk.group("lobby", thread_id="topic"),
            talk.group("old", channel="telegram"),
        ]
        self.moved = [self.groups[2]]
        self.views = []

    async def step(self):
        often = {
            self.says: 60,
            self.answers: 20,
            self.edits: 8,
            self.deletes: 8,
            self.waits: 6,
            self.links: 4,
            self.begins: 3,
            self.moves: 2,
            self.forgets: 1,
        }
        (does,) = self.random.choices(list(often), list(often.values()))
        await does()
        await self.hub.settle()

    def place(self):
        who = self.random.choice(self.people)
        return self.random.choice([self.talk.direct(who), *self.groups]), who

    async def says(self):
        chat, who = self.place()
        text = self.random.choice(["#work a plan", "hello", "é\0 and \ud800"])
        recorded = await self.hub.record(
            self.talk.said(
                chat,
                text,
                author=who,
                message_id=str(self.random.randrange(300)),
                author_name=self.random.choice(["", "Ann"]),
                is_aside=self.random.random() < 0.2,
            )
        )
        self.views.append(recorded.session)

    async def answers(self):
        chat, who = self.place()
        await self.hub.record(self.talk.answered(chat, "an answer", answers=who, message_id=None))

    async def edits(self):
        chat, _ = self.place()
        number = str(self.random.randrange(300))
        await self.hub.edit(self.talk.said(chat, "changed", message_id=number, edited_at=2.0))

    async def deletes(self):
        chat, _ = self.place()
        await self.hub.delete(chat, [str(self.random.randrange(300))])

    async def begins(self):
        if self.views:
            await self.random.choice(self.views).start_new()

    async def waits(self):
        self.clock.advance(hours=self.random.choice([1, 1, 30]))

    async def links(self):
        asker, redeemer = self.random.choice(self.people[:3]), self.random.choice(self.people[3:])
        known = [await self.hub.identity_of(one) for one in (asker, redeemer)]
        if None not in known and known[0].user_id != known[1].user_id:
            await self.link(self.hub, asker, redeemer)
            self.clock.advance(hours=25)

    async def moves(self):
        new = self.talk.group(f"new{len(self.moved)}", channel="telegram")
        await self.hub.move_chat(self.groups[2], new)
        self.groups[2] = new
        self.moved.append(new)

    async def forgets(self):
        await self.hub.forget(self.random.choice(self.people))


@pytest.mark.parametrize("seed", range(3))
async def test_reading_at_once_gives_what_reading_step_by_step_does(
    new_hub, talk, link, clock, seed
):
    hub = new_hub(ByTag(), max_age_hours=24)
    world = World(hub, talk, link, clock, seed)
    stranger = talk.account("stranger")
    compared = 0
    for _ in range(6):
        for _ in range(25):
            await world.step()
        chats = [*map(talk.direct, world.people), *world.groups, *world.moved]
        readers = [None, stranger, *world.people]
        pairs = [(chat, reader) for chat in chats for reader in readers]
        for chat, reader in world.random.sample(pairs, 30):
            view = hub.session_of(chat, reader)
            view.scope_name = world.random.choice(["", "", "work", "never used"])
            where = await view._where()
            for limit, before in ((3, None), (20, None), (5, world.random.randrange(1, 150))):
                request = {"limit": limit, "before": before, "include_previous": False}
                at_once = await view._read(histories.read_history, where, **request)
                assert at_once == await view._read(read_in_steps, where, **request)
                compared += len(at_once)
    assert compared > 100


async def test_one_who_reads_anothers_direct_chat_sees_nothing_of_it(hub, talk):
    ann, eve = talk.account("ann"), talk.account("eve")
    for who in (ann, eve):
        await hub.record(talk.said(who, f"words of {who.channel_user_id}"))
    assert [m.content for m in await hub.session_of(talk.direct(ann), ann).history(limit=5)]
    assert await hub.session_of(talk.direct(ann), eve).history(limit=5) == []
    assert await hub.session_of(talk.direct(ann), talk.account("unknown")).history(limit=5) == []


async def test_a_session_that_is_over_is_not_read_at_once_either(new_hub, talk, clock):
    hub, ann = new_hub(max_age_hours=24), talk.account("ann")
    view = (await hub.record(talk.said(ann, "hello"))).session
    assert len(await view.history(limit=5)) == 1
    clock.advance(hours=25)
    assert await view.history(limit=5) == []
