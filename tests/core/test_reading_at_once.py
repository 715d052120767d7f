"""The newest messages of a session, read by one statement where each is a round trip, are those
that reading step by step gives.
"""

import pytest

from session_plugin.records.conversation import histories


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


@pytest.mark.parametrize("seed", range(3))
async def test_reading_at_once_gives_what_reading_step_by_step_does(new_hub, new_world, talk, seed):
    world = new_world(seed)
    hub = new_hub(world.plugin, max_age_hours=24)
    stranger = talk.account("stranger")
    compared = 0
    for _ in range(6):
        for _ in range(25):
            await world.step(hub)
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
