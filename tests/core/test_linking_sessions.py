"""What linking joins and unlinking takes apart: sessions, histories, user ids."""

import asyncio

import pytest

from session_plugin import Account, Chat, LinkRefused, hookimpl


@pytest.fixture
async def three(hub, talk, clock):
    """Three accounts, each a second younger than the one before, each with two messages."""
    accounts = [
        talk.account("a"),
        talk.account("b", channel="telegram"),
        talk.account("c", channel="telegram"),
    ]
    for account in accounts:
        await hub.record(talk.said(account, f"{account.channel_user_id[0]}1"))
        clock.advance(seconds=1)
    for account in accounts:
        await hub.record(talk.said(account, f"{account.channel_user_id[0]}2"))
    return accounts


@pytest.fixture
def user_id(hub):
    async def of(account):
        return (await hub.identity_of(account)).user_id

    return of


async def test_linking_joins_both_histories_in_order(hub, three, link, texts):
    a, b, _ = three
    await link(hub, a, b)
    assert await texts(hub, a) == await texts(hub, b) == ["a1", "b1", "a2", "b2"]


async def test_an_empty_session_that_another_joins_is_as_old_as_its_beginning(
    hub, three, link, texts, talk, clock
):
    a, b, _ = three
    clock.advance(hours=20)
    begun = await hub.session_of(talk.direct(a), a).start_new()
    await link(hub, a, b)
    clock.advance(hours=20)
    await hub.record(talk.said(b, "b3"))
    assert await texts(hub, a) == ["b1", "b2", "b3"]
    assert (await hub.session_of(talk.direct(b), b).info()).session_id == begun.session_id


async def test_linking_twice_moves_nothing(hub, three, link, texts, talk):
    a, b, _ = three
    await link(hub, a, b)
    before = await hub.session_of(talk.direct(a), a).info()
    with pytest.raises(LinkRefused):
        await link(hub, b, a)
    assert await hub.session_of(talk.direct(a), a).info() == before


async def test_after_a_link_a_session_begins_for_the_reason_that_ended_the_one_before_it(
    hub, three, link, talk, clock
):
    """Though the other side has begun a session later, which ended long ago and otherwise."""
    a, b, _ = three
    await hub.session_of(talk.direct(b), b).start_new()
    await link(hub, a, b)
    clock.advance(hours=25)
    recorded = await hub.record(talk.said(b, "b3"))
    assert (await recorded.session.info()).start_reason == "idle"


async def test_unlinking_takes_both_histories_apart(hub, three, link, talk, texts):
    a, b, _ = three
    await link(hub, a, b)
    await hub.record(talk.said(a, "a3"))
    await hub.record(talk.answered(b, "to b"))
    await hub.unlink(b)
    assert (await texts(hub, a), await texts(hub, b)) == (["a1", "a2", "a3"], ["b1", "b2", "to b"])


async def test_a_view_made_before_the_link_sees_it(hub, three, link, talk):
    a, b, _ = three
    view = hub.session_of(talk.direct(b), b)
    await link(hub, a, b)
    assert [message.content for message in await view.history()] == ["a1", "b1", "a2", "b2"]


async def test_the_older_users_session_goes_on_and_the_other_is_told_of_no_end(
    new_hub, event_log, talk, clock, link
):
    hub, old, young = new_hub(event_log), talk.account("old"), talk.account("young")
    surviving = (await (await hub.record(talk.said(old, "1"))).session.info()).session_id
    clock.advance(seconds=1)
    view = (await hub.record(talk.said(young, "2"))).session
    await link(hub, young, old)
    await hub.settle()
    assert (await view.info()).session_id == surviving
    assert event_log.of("end") == []
    assert await view.previous() == []


async def test_a_session_idle_before_the_link_is_ended_and_not_joined(
    hub, talk, clock, link, texts
):
    old, young = talk.account("old"), talk.account("young")
    await hub.record(talk.said(old, "long ago"))
    clock.advance(hours=25)
    await hub.record(talk.said(young, "now"))
    await link(hub, old, young)
    assert await texts(hub, old) == ["now"]
    assert await texts(hub, old, include_previous=True) == ["long ago", "now"]


async def test_a_new_session_while_linked_ends_it_for_both(hub, three, link, texts, talk):
    a, b, _ = three
    await link(hub, a, b)
    await hub.session_of(talk.direct(b), b).start_new()
    assert await texts(hub, a) == []


async def test_a_link_and_its_end_leave_groups_alone(hub, three, link, talk, texts):
    a, b, _ = three
    lobby = talk.group()
    await hub.record(talk.said(lobby, "in public", author=b))
    await link(hub, a, b)
    await hub.unlink(b)
    assert await texts(hub, lobby) == ["in public"]


async def test_a_session_made_on_parting_is_told_as_unlinked(
    new_hub, event_log, three, hub, link, talk
):
    a, b, _ = three
    await link(hub, a, b)
    hub.register(event_log)
    await hub.session_of(talk.direct(a), a).start_new()
    await hub.record(talk.said(b, "b3"))
    await hub.settle()
    await hub.unlink(b)
    await hub.settle()
    assert "unlinked" in [one["reason"] for one in event_log.of("start")]


async def test_a_session_made_on_parting_is_home_from_then_on(three, hub, link, talk):
    a, b, _ = three
    view = hub.session_of(talk.direct(b), b)
    await link(hub, a, b)
    await hub.session_of(talk.direct(a), a).start_new()
    await hub.record(talk.said(b, "b3"))
    await hub.unlink(b)
    made = (await view.info()).session_id
    await link(hub, a, b)
    assert (await view.info()).session_id != made
    await hub.unlink(b)
    assert (await view.info()).session_id == made


async def test_one_sides_summary_goes_and_comes_back_with_it(new_hub, talk, clock, link):
    hub, a, b = new_hub(consolidation_threshold=4), talk.account("a"), talk.account("b")
    for account in (a, b):
        for number in range(5):
            await hub.record(talk.said(account, f"{account.channel_user_id}-{number}"))
        await hub.settle()
        clock.advance(seconds=1)
    alone = [await hub.session_of(talk.direct(account), account).for_model() for account in (a, b)]
    await link(hub, a, b)
    joint = await hub.session_of(talk.direct(a), a).for_model()
    assert joint.summary.text == "\n".join(context.summary.text for context in alone)
    await hub.unlink(b)
    assert [
        await hub.session_of(talk.direct(account), account).for_model() for account in (a, b)
    ] == alone


async def test_a_summary_over_both_sides_goes_when_they_part(new_hub, talk, clock, link):
    hub, a, b = new_hub(consolidation_threshold=6), talk.account("a"), talk.account("b")
    for account in (a, b):
        await hub.record(talk.said(account, f"{account.channel_user_id}-0"))
        clock.advance(seconds=1)
    await link(hub, a, b)
    for number in range(1, 4):
        for account in (a, b):
            await hub.record(talk.said(account, f"{account.channel_user_id}-{number}"))
    await hub.settle()
    view = hub.session_of(talk.direct(a), a)
    assert "b-on-discord-0" in (await view.for_model()).summary.text
    await hub.unlink(b)
    for account, other in ((a, b), (b, a)):
        context = await hub.session_of(talk.direct(account), account).for_model()
        assert context.summary is None
        assert len(context.messages) == 4
        assert other.channel_user_id not in repr(context.messages)


# Who goes by which id


async def test_the_older_id_survives_and_the_other_still_finds_its_user(hub, three, link, user_id):
    a, b, _ = three
    old, young = await user_id(a), await user_id(b)
    await link(hub, b, a)
    assert await user_id(b) == old
    assert (await hub.identity_of(young)).accounts == (a, b)


async def test_each_gets_its_own_id_back(hub, three, link, user_id):
    a, b, c = three
    own = [await user_id(account) for account in three]
    await link(hub, a, b)
    await link(hub, c, a)
    await hub.unlink(b)
    assert [await user_id(account) for account in three] == [own[0], own[1], own[0]]
    await hub.unlink(c)
    assert [await user_id(account) for account in three] == own


async def test_the_owner_of_the_common_id_takes_it_along(hub, three, link, user_id):
    a, b, c = three
    own = [await user_id(account) for account in three]
    await link(hub, b, c)
    await link(hub, a, b)
    await hub.unlink(a)
    assert [await user_id(account) for account in three] == [own[0], own[1], own[1]]
    assert (await hub.identity_of(own[2])).accounts == (b, c)
    assert (await hub.identity_of(own[0])).accounts == (a,)


async def test_an_account_that_shares_its_home_gets_a_new_id(new_hub, talk, link):
    class Directory:
        @hookimpl
        def session_resolve_user(self, account):
            return "customer-7"

    hub, one, other = new_hub(Directory()), talk.account("one"), talk.account("other")
    await hub.record(talk.said(one, "of one"))
    await hub.record(talk.said(other, "of other"))
    assert (await hub.identity_of("customer-7")).accounts == (one, other)
    assert (await hub.unlink(one)).user_id not in {"customer-7", ""}
    assert (await hub.identity_of("customer-7")).accounts == (other,)


async def test_a_store_account_goes_where_its_id_goes(hub, three, link, talk, texts, user_id):
    a, b, _ = three
    store, own = hub.store(), await user_id(b)
    session = await asyncio.to_thread(store.get_or_create, own)
    await asyncio.to_thread(store.save_message, session.session_id, "user", "through the store")
    await link(hub, a, b)
    assert await texts(hub, a) == ["a1", "b1", "a2", "b2", "through the store"]
    await hub.unlink(b)
    assert await texts(hub, a) == ["a1", "a2"]
    assert await texts(hub, b) == ["b1", "b2", "through the store"]


async def test_what_is_recorded_for_a_user_of_the_store_is_that_users(hub, talk):
    await hub.record(talk.said(Chat("", "ann"), "by the hub", author=Account("", "ann")))
    session = await asyncio.to_thread(hub.store().get_or_create, "ann")
    assert session.identity.user_id == "ann"
    assert [message.content for message in session.messages] == ["by the hub"]


async def test_a_store_account_is_never_unlinked_by_itself(hub, talk):
    store = hub.store()
    session = await asyncio.to_thread(store.get_or_create, "ann")
    await asyncio.to_thread(store.link_channel, session.session_id, "discord", "1")
    with pytest.raises(LinkRefused):
        await hub.unlink(Account("", "ann"))
    assert (await hub.identity_of("ann")).accounts == (Account("discord", "1"),)


async def test_identity_events_tell_the_old_id_and_the_new(hub, three, event_log, link, user_id):
    a, b, _ = three
    hub.register(event_log)
    old, young = await user_id(a), await user_id(b)
    await link(hub, a, b)
    await hub.unlink(b)
    await hub.settle()
    told = [
        (e.change, e.account, e.previous_user_id, e.user_id)
        for e in (entry["event"] for entry in event_log.of("identity"))
    ]
    assert told == [("linked", b, young, old), ("unlinked", b, old, young)]


async def test_who_leaves_with_the_common_id_has_no_old_one_and_who_stays_has(
    hub, three, event_log, link, user_id
):
    a, b, _ = three
    old, young = await user_id(a), await user_id(b)
    await link(hub, a, b)
    hub.register(event_log)
    await hub.unlink(a)
    await hub.settle()
    told = {
        (e.account, e.previous_user_id, e.user_id)
        for e in (entry["event"] for entry in event_log.of("identity"))
    }
    assert told == {(a, None, old), (b, old, young)}


async def test_two_accounts_on_one_channel_are_both_told(hub, three, link):
    _, b, c = three
    identity = await link(hub, b, c)
    assert (identity.channel_ids, identity.accounts) == ({"telegram": "b-on-telegram"}, (b, c))
