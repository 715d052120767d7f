"""The small state of a session and of a person: safe when two write, gone with what it is kept
with.
"""

import asyncio
from functools import reduce

import pytest

from session_plugin import UnknownSession


@pytest.fixture
async def session(hub, talk):
    return (await hub.record(talk.said(talk.account("ann"), "hi"))).session


async def test_without_a_state_there_is_an_empty_one(session):
    assert await session.state() == await session.user_state() == {}


async def test_keys_are_set_by_themselves_and_none_removes_one(session):
    await session.set_state(step="address", cart=[1, {"of": "Ünïcode \ud800"}])
    assert await session.set_state(step="payment") == {
        "step": "payment",
        "cart": [1, {"of": "Ünïcode \ud800"}],
    }
    assert await session.set_state(cart=None) == await session.state() == {"step": "payment"}


async def test_what_is_given_back_is_what_is_kept(session):
    given = await session.set_state(seats={1: "ann"}, place=(4, "\ud83d\ude00"))
    assert given == await session.state() == {"seats": {"1": "ann"}, "place": [4, "\ud83d\ude00"]}


async def test_a_function_makes_a_state_from_the_one_there_is(session):
    await session.set_state(count=1, other=2)
    assert (
        await session.set_state(lambda state: {"count": state["count"] + 1})
        == await session.state()
        == {"count": 2}
    )


async def test_handlers_that_count_at_once_lose_no_count(new_hub, talk, session):
    async def count(hub):
        view = hub.session_of(session.chat, session.account)
        for _ in range(5):
            await view.set_state(lambda state: {**state, "count": state.get("count", 0) + 1})

    hubs = [new_hub(), new_hub()]
    await asyncio.gather(*(count(hub) for hub in hubs for _ in range(4)))
    assert await session.state() == {"count": 40}


async def test_handlers_that_set_different_keys_at_once_keep_both(new_hub, session):
    views = [new_hub().session_of(session.chat, session.account) for _ in range(2)]
    await asyncio.gather(
        *(view.set_state(**{f"key-{number}": number}) for number, view in enumerate(views * 5))
    )
    assert await session.state() == {f"key-{number}": number for number in range(10)}


async def test_it_outlives_a_restart(new_hub, session, hub):
    await session.set_state(step=1)
    await hub.close()
    assert await new_hub().session_of(session.chat, session.account).state() == {"step": 1}


async def test_a_new_session_has_a_state_of_its_own_and_the_person_keeps_theirs(session):
    await session.set_state(step=1)
    await session.set_user_state(language="de")
    await session.start_new()
    assert (await session.state(), await session.user_state()) == ({}, {"language": "de"})


async def test_it_goes_with_its_session(hub, talk, session, clock):
    await session.set_state(step=1)
    clock.advance(days=400)
    assert (await hub.decay(confirm_clock=True)).sessions == 1
    assert await session.state() == {}


async def test_a_persons_state_is_theirs_on_every_linked_channel_and_parts_with_them(
    hub, talk, link, clock
):
    here, there = talk.account("ann"), talk.account("ann", channel="telegram")
    views = []
    for account in (here, there):
        views.append((await hub.record(talk.said(account, "hi"))).session)
        clock.advance(seconds=1)
        await views[-1].set_user_state(on=account.channel)
    await link(hub, here, there)
    assert [await view.user_state() for view in views] == [{"on": "discord"}] * 2
    await views[1].set_user_state(seen=True)
    await hub.unlink(there)
    assert [await view.user_state() for view in views] == [
        {"on": "discord", "seen": True},
        {"on": "telegram"},
    ]


async def test_a_group_has_one_state_and_each_thread_its_own(hub, talk):
    topic = talk.group(thread_id="7")
    for chat in (talk.group(), topic):
        await hub.record(talk.said(chat, "hi", author=talk.account("ann")))
    await hub.session_of(talk.group(), talk.account("ann")).set_state(game="chess")
    assert await hub.session_of(talk.group(), talk.account("bob")).state() == {"game": "chess"}
    assert await hub.session_of(topic, talk.account("ann")).state() == {}


async def test_where_nobody_said_anything_there_is_nothing_to_keep_it_with(hub, talk):
    view = hub.session_of(talk.direct(talk.account("bob")), talk.account("bob"))
    for change in (view.set_state, view.set_user_state):
        with pytest.raises(UnknownSession, match="nothing to keep a state with"):
            await change(step=1)


@pytest.mark.parametrize(
    ("error", "change", "values"),
    [
        (TypeError, None, {"when": object()}),
        (TypeError, None, {"average": float("nan")}),
        (TypeError, None, {"most": [float("inf")]}),
        (TypeError, None, {"deep": reduce(lambda inner, _: [inner], range(200_000), [0])}),
        (TypeError, lambda state: [1], {}),
        (TypeError, lambda state: {1: 2}, {}),
        (ValueError, None, {"text": "x" * 65_536}),
    ],
)
async def test_what_is_no_small_json_object_is_refused_and_changes_nothing(
    session, error, change, values
):
    await session.set_state(step=1)
    with pytest.raises(error):
        await session.set_state(change, **values)
    assert await session.state() == {"step": 1}


async def test_a_function_that_raises_changes_nothing(session):
    await session.set_state(step=1)
    with pytest.raises(KeyError):
        await session.set_state(lambda state: {"step": state["missing"]})
    assert await session.state() == {"step": 1}


async def test_an_export_has_both_and_forgetting_leaves_neither(hub, session):
    await session.set_state(step=1)
    await session.set_user_state(language="de")
    lines = [line async for line in hub.export(session.account)]
    assert [line["state"] for line in lines if "state" in line] == [{"language": "de"}, {"step": 1}]
    await hub.forget(session.account)
    assert await session.state() == await session.user_state() == {}
