"""Notices: left in the database, delivered once by whichever process serves the bot, shown at a
command where none can.
"""

import asyncio

import pytest

from session_plugin import commands
from session_plugin.records.people import notices


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def ann_too(talk):
    return talk.account("ann", channel="telegram")


@pytest.fixture
def serve():
    """Serve a channel by a hub; what is delivered is noted."""

    def served(hub, channel, *, bot_id="", fails=False):
        told = []

        async def deliver(chat, notice):
            if fails:
                raise ConnectionError("closed")
            told.append((chat, notice))

        return hub.attach(channel, bot_id, deliver), told

    return served


async def command(hub, talk, account, name, argument=""):
    asked = commands.Asked(chat=talk.direct(account), account=account, name="", spell="/{}".format)
    return (await commands.answer(hub, name, argument, asked)).text


async def until(is_true):
    async with asyncio.timeout(20):
        while not is_true():
            await asyncio.sleep(0.02)


async def asked_and_typed(hub, talk, ann, ann_too):
    for account in (ann, ann_too):
        await hub.record(talk.said(account, "hi", author_name=f"Ann of {account.channel}"))
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    await hub.confirm_link(ann_too)


async def test_another_process_that_serves_the_bot_delivers_what_this_one_left(
    new_hub, talk, serve, ann, ann_too
):
    here, there = new_hub(), new_hub()
    lease, told = serve(there, "discord")
    await lease.open()
    await asked_and_typed(here, talk, ann, ann_too)
    await until(lambda: told)
    async with asyncio.timeout(20):
        while not (await here.pending_link(ann)).is_shown:  # it is told first, and noted then
            await asyncio.sleep(0.02)
    await lease.release()
    ((chat, notice),) = told
    assert (chat, notice.kind, notice.account_name) == (
        talk.direct(ann),
        "link_redeemed",
        "Ann of telegram",
    )


async def test_what_was_left_before_a_bot_started_is_delivered_when_it_does(
    new_hub, talk, serve, ann, ann_too
):
    here = new_hub()
    await asked_and_typed(here, talk, ann, ann_too)
    await here.close()
    lease, told = serve(new_hub(), "discord")
    await lease.open()
    await until(lambda: told)
    await lease.release()


async def test_several_processes_deliver_a_notice_once(new_hub, talk, serve, ann, ann_too):
    hubs = [new_hub() for _ in range(4)]
    served = [serve(hub, "discord") for hub in hubs]
    for lease, _ in served:
        await lease.open()
    await asked_and_typed(hubs[0], talk, ann, ann_too)
    await until(lambda: any(told for _, told in served))
    await hubs[0].show_pending_link(await hubs[0].pending_link(ann))
    await hubs[0].confirm_link(ann)
    await hubs[0].unlink(ann_too)
    await until(lambda: sum(len(told) for _, told in served) >= 2)
    for hub in hubs:
        await hub.settle()
    kinds = sorted(notice.kind for _, told in served for _, notice in told)
    for lease, _ in served:
        await lease.release()
    assert kinds == ["link_redeemed", "unlinked"]


async def test_a_notice_that_its_taker_never_delivered_is_taken_by_another(
    new_hub, talk, serve, ann, ann_too, clock
):
    here = new_hub()
    await asked_and_typed(here, talk, ann, ann_too)
    (due,) = await here._parts.database.read(notices.due, here._parts.context())
    await here._parts.database.write(
        notices.take, here._parts.context(), due.notice_no
    )  # and is killed
    assert await here._parts.database.read(notices.due, here._parts.context()) == []
    clock.advance(seconds=61)
    lease, told = serve(here, "discord")
    await lease.open()
    await until(lambda: told)
    await lease.release()


async def test_closed_direct_messages_are_made_good_at_the_next_command(
    hub, talk, serve, ann, ann_too
):
    serve(hub, "discord", fails=True)
    await asked_and_typed(hub, talk, ann, ann_too)
    await hub.settle()
    text = await command(hub, talk, ann, "whoami")
    assert 'ann-on-telegram ("Ann of telegram") typed your code' in text
    assert 'You are "Ann of discord"' in text
    assert "typed your code" not in await command(hub, talk, ann, "whoami")
    assert "Linked" in await command(hub, talk, ann, "link", "confirm")


async def test_a_yes_does_not_go_through_before_the_question_was_shown(hub, talk, ann, ann_too):
    await asked_and_typed(hub, talk, ann, ann_too)
    assert "typed your code. Is that you?" in await command(hub, talk, ann, "link", "confirm")
    assert (await hub.identity_of(ann)).accounts == (ann,)
    assert (await command(hub, talk, ann, "link", "confirm")).startswith("Linked.")


async def test_a_yes_that_is_typed_while_the_question_is_on_its_way_is_no_answer_to_it(
    hub, talk, ann, ann_too
):
    on_its_way, arrives = asyncio.Event(), asyncio.Event()

    async def deliver(chat, notice):
        on_its_way.set()
        await arrives.wait()

    hub.attach("discord", "", deliver)
    await asked_and_typed(hub, talk, ann, ann_too)
    await on_its_way.wait()
    typed = asyncio.create_task(command(hub, talk, ann, "link", "confirm"))
    await asyncio.sleep(0.1)
    arrives.set()
    assert "Is that you?" in await typed
    assert (await hub.identity_of(ann)).accounts == (ann,)
    assert (await command(hub, talk, ann, "link", "confirm")).startswith("Linked.")


async def test_a_notice_that_arrives_late_shows_nobody_who_typed_a_later_code(
    hub, talk, ann, ann_too
):
    shown, arrives = [], asyncio.Event()

    async def deliver(chat, notice):
        shown.append(notice.preview.redeemer)
        if len(shown) > 1:
            raise ConnectionError("closed")
        await arrives.wait()

    hub.attach("discord", "", deliver)
    await asked_and_typed(hub, talk, ann, ann_too)
    await until(lambda: shown)
    eve = talk.account("eve", channel="telegram")
    await hub.redeem_link(eve, (await hub.request_link(ann)).code)
    await until(lambda: len(shown) == 2)
    arrives.set()
    await hub.settle()
    assert shown == [ann_too, eve]
    assert not (await hub.pending_link(ann)).is_shown
    text = await command(hub, talk, ann, "link", "confirm")
    assert f"{eve.channel_user_id} typed your code" in text
    assert "Linked" not in text


async def test_a_notice_about_whoever_typed_an_earlier_code_is_not_told_any_more(
    hub, talk, serve, ann, ann_too
):
    await asked_and_typed(hub, talk, ann, ann_too)
    eve = talk.account("eve", channel="telegram")
    await hub.redeem_link(eve, (await hub.request_link(ann)).code)
    told = [notice.account for notice in await hub.unread_notices(ann)]
    assert told == [eve]


async def test_a_question_that_has_lapsed_is_not_asked(hub, talk, ann, ann_too, clock):
    await asked_and_typed(hub, talk, ann, ann_too)
    clock.advance(seconds=601)
    assert "typed your code" not in await command(hub, talk, ann, "whoami")


async def test_all_linked_accounts_are_told_of_a_link(hub, talk, serve, ann, ann_too, link):
    other, third = talk.account("other"), talk.account("third", channel="telegram")
    for account in (other, third, ann, ann_too):
        await hub.record(talk.said(account, "hi"))
    await link(hub, ann, ann_too)
    await link(hub, other, third)
    leases = {channel: serve(hub, channel)[1] for channel in ("discord", "telegram")}
    await link(hub, ann, other)
    await hub.settle()
    told = {
        (chat.chat_id, notice.account.channel_user_id)
        for delivered in leases.values()
        for chat, notice in delivered
        if notice.kind == "linked" and notice.account in (ann, other)
    }
    assert told >= {
        (talk.direct(ann_too).chat_id, other.channel_user_id),
        (talk.direct(other).chat_id, ann.channel_user_id),
        (talk.direct(third).chat_id, ann.channel_user_id),
    }
    assert talk.direct(ann).chat_id not in {chat for chat, _ in told}


async def test_all_linked_accounts_are_told_when_one_is_unlinked(
    hub, talk, serve, ann, ann_too, link
):
    third = talk.account("third")
    for account in (ann, ann_too, third):
        await hub.record(talk.said(account, "hi"))
    await link(hub, ann, ann_too)
    await link(hub, ann, third)
    await hub.settle()
    served = [serve(hub, channel)[1] for channel in ("discord", "telegram")]
    await hub.unlink(third, by=ann_too)
    await hub.settle()
    told = {
        (chat.chat_id, n.kind, n.account)
        for delivered in served
        for chat, n in delivered
        if n.kind != "linked"
    }
    assert told == {
        (talk.direct(ann).chat_id, "unlinked", third),
        (talk.direct(third).chat_id, "left", ann_too),
    }


async def test_a_bot_is_not_told_what_another_bot_of_the_database_has_to_say(
    new_hub, talk, serve, ann, ann_too
):
    one, other = new_hub(), new_hub(bot="scribe")
    _, told = serve(other, "discord")
    await asked_and_typed(one, talk, ann, ann_too)
    await other.settle()
    other._parts.notices.deliver_soon()
    await other.settle()
    assert told == []


async def test_who_only_knows_another_bot_is_told_by_that_one(new_hub, talk, serve, ann, ann_too):
    one, other = new_hub(), new_hub(bot="scribe")
    await other.record(talk.said(ann, "hi"))
    lease, told = serve(other, "discord")
    await lease.open()
    await one.redeem_link(ann_too, (await one.request_link(ann)).code)
    await until(lambda: told)
    await lease.release()
    assert told[0][0] == talk.direct(ann)


async def test_a_hub_that_was_closed_is_not_opened_by_looking_for_notices(
    hub, talk, serve, ann, ann_too, database
):
    lease, told = serve(hub, "discord")
    await lease.open()
    await asked_and_typed(hub, talk, ann, ann_too)
    await until(lambda: told)
    await hub.close()
    await hub._parts.notices.look()
    assert not hub._parts.database.is_open
    await lease.release()


async def test_a_lease_that_ends_looks_no_more(hub, talk, serve, ann, ann_too):
    lease, _ = serve(hub, "discord")
    async with hub:
        await lease.open()
        await lease.release()
        await asyncio.sleep(0)
        assert lease._watching is None
