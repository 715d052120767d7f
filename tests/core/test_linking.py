"""Proof from both sides: a code on the first account, typed on the second, a yes on each."""

import asyncio
import hashlib
import re
from dataclasses import replace

import pytest

from session_plugin import Account, LinkCode, LinkRefused, SessionIdentity


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def ann_too(talk):
    return talk.account("ann", channel="telegram")


@pytest.fixture
def audited(raw):
    return lambda: [row[0] for row in raw.rows("SELECT action FROM audit ORDER BY entry_no")]


async def refusal(hub, account, code):
    with pytest.raises(LinkRefused) as caught:
        await hub.redeem_link(account, code)
    return str(caught.value)


async def test_a_code_is_eight_characters_that_nobody_confuses(hub, talk):
    codes = [(await hub.request_link(talk.account(str(number)))).code for number in range(50)]
    assert all(re.fullmatch(r"[A-HJ-NP-Z2-9]{4}-[A-HJ-NP-Z2-9]{4}", code) for code in codes)
    assert len(set(codes)) == 50


@pytest.mark.parametrize(
    "typed",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: f" {code[:2]} {code[2:]}\n",
        lambda code: f"-{code}-",
    ],
)
async def test_case_dashes_and_spaces_in_a_code_do_not_matter(hub, ann, ann_too, typed):
    code = await hub.request_link(ann)
    assert (await hub.redeem_link(ann_too, typed(code.code))).asker == ann


async def test_a_code_works_for_exactly_ten_minutes(hub, ann, ann_too, clock):
    code = await hub.request_link(ann)
    assert code.expires_at == clock() + 600
    clock.advance(seconds=600)
    assert (await hub.redeem_link(ann_too, code.code)).asker == ann


async def test_a_code_is_refused_after_ten_minutes(hub, ann, ann_too, clock):
    code = await hub.request_link(ann)
    clock.advance(seconds=600.1)
    await refusal(hub, ann_too, code.code)


async def test_a_code_works_once(hub, ann, ann_too, talk):
    code = await hub.request_link(ann)
    await hub.redeem_link(ann_too, code.code)
    await refusal(hub, talk.account("bob"), code.code)
    await refusal(hub, ann_too, code.code)


async def test_a_code_typed_by_many_at_once_works_for_one(hub, ann, talk):
    code = await hub.request_link(ann)
    typed = (hub.redeem_link(talk.account(str(number)), code.code) for number in range(10))
    results = await asyncio.gather(*typed, return_exceptions=True)
    assert (
        sorted(type(result).__name__ for result in results) == ["LinkPreview"] + ["LinkRefused"] * 9
    )


async def test_a_new_code_replaces_the_old_one(hub, ann, ann_too):
    old, new = await hub.request_link(ann), await hub.request_link(ann)
    await refusal(hub, ann_too, old.code)
    assert await hub.redeem_link(ann_too, new.code)


async def test_ones_own_code_is_refused_on_every_account_of_ones_own(hub, ann, ann_too, link):
    await refusal(hub, ann, (await hub.request_link(ann)).code)
    await link(hub, ann, ann_too)
    await refusal(hub, ann_too, (await hub.request_link(ann)).code)


async def test_all_refusals_read_alike(hub, ann, ann_too, talk, clock):
    bob = talk.account("bob")
    used = await hub.request_link(ann)
    await hub.redeem_link(ann_too, used.code)
    own = await hub.request_link(bob)
    words = {
        await refusal(hub, bob, code)
        for code in (used.code, own.code, "ABCD-2345", "", "O0I1", "💥" * 8, "a\0b\ud800")
    }
    expired = await hub.request_link(ann)
    clock.advance(hours=1)
    words.add(await refusal(hub, bob, expired.code))
    assert len(words) == 1


async def test_a_refused_code_makes_nobody_known(new_hub, event_log, talk):
    hub, bob = new_hub(event_log), talk.account("bob")
    await refusal(hub, bob, "ABCD-2345")
    await hub.settle()
    assert await hub.identity_of(bob) is None
    assert event_log.entries == []


async def test_only_a_hash_of_a_code_is_in_the_database(hub, ann, raw):
    code = (await hub.request_link(ann)).code
    await hub.settle()
    stored = raw.contents()
    assert b"ann-on-discord" in stored
    bare = code.replace("-", "")
    for shown in (code, bare, code.lower(), bare.lower()):
        assert shown.encode() not in stored
        assert hashlib.sha256(shown.encode()).digest() not in stored


def test_a_code_does_not_show_in_the_object_that_carries_it():
    assert "ABCD" not in repr(LinkCode(code="ABCD-2345", expires_at=1.0))


async def test_nothing_is_shared_before_the_yes(hub, ann, ann_too, talk, texts):
    await hub.record(talk.said(ann, "of ann"))
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    assert await texts(hub, ann_too, include_previous=True) == []
    assert (await hub.identity_of(ann)).user_id != (await hub.identity_of(ann_too)).user_id


async def test_each_is_shown_who_the_other_is(hub, ann, ann_too, talk):
    await hub.record(talk.said(ann, "hi", author_name="Ann D"))
    await hub.record(talk.said(ann_too, "hi", author_name="Ann T"))
    preview = await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    assert preview == await hub.pending_link(ann_too)
    assert replace(preview, side="asker") == await hub.pending_link(ann)
    assert (preview.account, preview.other, preview.other_name) == (ann_too, ann, "Ann D")
    shown = (
        preview.asker,
        preview.asker_name,
        preview.redeemer,
        preview.redeemer_name,
        preview.is_shown,
    )
    assert shown == (ann, "Ann D", ann_too, "Ann T", False)
    await hub.show_pending_link(preview)
    assert (await hub.pending_link(ann_too)).is_shown
    assert not (await hub.pending_link(ann)).is_shown


async def test_a_yes_to_one_who_was_shown_is_none_to_the_next(hub, ann, ann_too, talk):
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    shown = await hub.pending_link(ann)
    await hub.show_pending_link(shown)
    await hub.redeem_link(talk.account("eve"), (await hub.request_link(ann)).code)
    await hub.show_pending_link(shown)
    assert not (await hub.pending_link(ann)).is_shown
    with pytest.raises(LinkRefused, match="not been shown"):
        await hub.confirm_link(ann, shown=shown)
    assert (await hub.identity_of(ann)).accounts == (ann,)


@pytest.mark.parametrize("joins", ["the asker", "the redeemer"])
async def test_a_yes_to_two_accounts_is_none_to_a_third_that_came_along(
    hub, ann, ann_too, talk, link, clock, joins
):
    known, third = talk.account("known", channel="irc"), talk.account("third", channel="irc")
    await link(hub, known, ann if joins == "the asker" else ann_too)
    clock.advance(hours=25)
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    shown = {account: await hub.pending_link(account) for account in (ann, ann_too)}
    for account in (ann, ann_too):
        await hub.show_pending_link(shown[account])
    assert await hub.confirm_link(ann_too, shown=shown[ann_too]) is None
    await link(hub, known, third)
    await hub.show_pending_link(shown[ann])
    for account in (ann, ann_too):
        preview = await hub.pending_link(account)
        assert (preview.is_shown, preview.is_confirmed) == (False, False)
        with pytest.raises(LinkRefused, match="not been shown"):
            await hub.confirm_link(account, shown=shown[account])
    assert await hub.confirm_link(ann, shown=await hub.pending_link(ann)) is None
    linked = await hub.confirm_link(ann_too, shown=await hub.pending_link(ann_too))
    assert set(linked.accounts) == {ann, ann_too, known, third}


async def test_a_yes_is_void_once_another_account_took_the_place_of_one_that_was_shown(
    hub, ann, ann_too, talk, link
):
    """As many accounts as before, but not the same."""
    known, also, third = (talk.account(name, channel="irc") for name in ("known", "also", "third"))
    await link(hub, ann, known)
    await link(hub, ann, also)
    shown = await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    assert await hub.confirm_link(ann_too, shown=shown) is None
    await hub.unlink(known)
    await link(hub, third, also)
    with pytest.raises(LinkRefused, match="not been shown"):
        await hub.confirm_link(ann, shown=shown)


async def test_who_says_yes_without_saying_to_what_has_the_authors_word_for_it(hub, ann, ann_too):
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    assert await hub.confirm_link(ann_too) is None
    assert (await hub.confirm_link(ann)).accounts == (ann, ann_too)


@pytest.mark.parametrize("first", ["the asker", "the redeemer"])
async def test_nothing_is_linked_before_both_sides_have_said_yes(
    hub, ann, ann_too, talk, texts, first
):
    await hub.record(talk.said(ann, "of ann"))
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    one, other = (ann, ann_too) if first == "the asker" else (ann_too, ann)
    for _ in range(2):
        assert await hub.confirm_link(one) is None
        assert (await hub.identity_of(one)).accounts == (one,)
        assert await texts(hub, ann_too, include_previous=True) == []
    assert (await hub.pending_link(one)).is_confirmed
    assert (await hub.pending_link(other)).is_other_confirmed
    assert set((await hub.confirm_link(other)).accounts) == {ann, ann_too}


async def test_nobody_else_can_say_yes(hub, ann, ann_too, talk):
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    with pytest.raises(LinkRefused):
        await hub.confirm_link(talk.account("bob"))


@pytest.mark.parametrize("by", ["the asker", "the redeemer"])
@pytest.mark.parametrize("confirmed", ["nobody", "the asker", "the redeemer"])
async def test_either_side_can_cancel_until_both_have_said_yes(
    hub, ann, ann_too, audited, by, confirmed
):
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    sides = {"the asker": ann, "the redeemer": ann_too}
    if confirmed in sides:
        await hub.confirm_link(sides[confirmed])
    assert await hub.cancel_link(sides[by])
    assert not await hub.cancel_link(sides[by])
    for account in (ann, ann_too):
        assert await hub.pending_link(account) is None
        with pytest.raises(LinkRefused):
            await hub.confirm_link(account)
    assert audited()[-1] == "link_cancelled"


async def test_a_code_that_was_cancelled_is_worthless(hub, ann, ann_too):
    code = (await hub.request_link(ann)).code
    assert await hub.cancel_link(ann)
    await refusal(hub, ann_too, code)


async def test_there_is_nothing_to_cancel_after_a_link_or_for_a_stranger(
    hub, ann, ann_too, link, talk, clock
):
    await link(hub, ann, ann_too)
    await hub.request_link(ann)
    clock.advance(seconds=601)
    for account in (ann, ann_too, talk.account("bob")):
        assert not await hub.cancel_link(account)
    assert len((await hub.identity_of(ann)).accounts) == 2


async def test_the_other_side_is_told_that_a_link_was_cancelled(hub, delivered, ann, ann_too, talk):
    for account in (ann, ann_too):
        await hub.record(talk.said(account, "hi"))
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    await hub.settle()
    await hub.cancel_link(ann_too)
    await hub.settle()
    assert [(channel, n.kind, n.account) for channel, _, n in delivered] == [
        ("discord", "link_redeemed", ann_too),
        ("discord", "link_cancelled", ann_too),
    ]


async def test_an_account_has_one_link_under_way_at_a_time(hub, ann, ann_too, talk):
    bob = talk.account("bob")
    of_bob = await hub.request_link(bob)
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    await hub.confirm_link(ann)
    await hub.redeem_link(ann_too, of_bob.code)
    assert await hub.pending_link(ann) is None
    assert (await hub.pending_link(ann_too)).other == bob
    await hub.request_link(ann_too)
    assert await hub.pending_link(bob) is None


async def test_a_yes_without_a_typed_code_is_refused(hub, ann):
    with pytest.raises(LinkRefused):
        await hub.confirm_link(ann)
    await hub.request_link(ann)
    with pytest.raises(LinkRefused):
        await hub.confirm_link(ann)


async def test_a_yes_comes_too_late_ten_minutes_after_the_code_was_typed(hub, ann, ann_too, clock):
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    clock.advance(seconds=601)
    assert await hub.pending_link(ann) is None
    with pytest.raises(LinkRefused):
        await hub.confirm_link(ann)


async def test_confirming_twice_links_once(new_hub, event_log, ann, ann_too, link):
    hub = new_hub(event_log)
    await link(hub, ann, ann_too)
    with pytest.raises(LinkRefused):
        await hub.confirm_link(ann)
    await hub.settle()
    assert [told["event"].change for told in event_log.of("identity")].count("linked") == 1


async def test_confirming_many_times_at_once_links_once(hub, ann, ann_too):
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    await hub.confirm_link(ann_too)
    results = await asyncio.gather(
        *(hub.confirm_link(ann) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(result, LinkRefused) for result in results) == 4


async def test_two_requests_that_cross_make_one_person(hub, ann, ann_too, talk, texts):
    for account in (ann, ann_too):
        await hub.record(talk.said(account, f"on {account.channel}"))
    of_ann, of_ann_too = await hub.request_link(ann), await hub.request_link(ann_too)
    await hub.redeem_link(ann_too, of_ann.code)
    await refusal(hub, ann, of_ann_too.code)
    one, other = await asyncio.gather(hub.confirm_link(ann), hub.confirm_link(ann_too))
    assert {type(one), type(other)} == {type(None), SessionIdentity}
    assert await texts(hub, ann) == ["on discord", "on telegram"]


async def test_a_request_that_waits_survives_a_restart(new_hub, ann, ann_too):
    hub = new_hub()
    code = await hub.request_link(ann)
    await hub.close()
    await hub.show_pending_link(await hub.redeem_link(ann_too, code.code))
    await hub.confirm_link(ann_too)
    await hub.close()
    assert (await hub.confirm_link(ann)).accounts == (ann, ann_too)


async def test_a_store_account_is_linked_by_its_operator_and_by_no_code(hub, ann):
    store_account = Account("", "ann")
    await asyncio.to_thread(hub.store().get_or_create, "ann")
    with pytest.raises(LinkRefused):
        await hub.request_link(store_account)
    code = await hub.request_link(ann)
    with pytest.raises(LinkRefused):
        await hub.redeem_link(store_account, code.code)
    assert (await hub.pending_link(ann)) is None


async def test_a_stranger_is_linked_with_nobody(hub, ann):
    with pytest.raises(LinkRefused):
        await hub.unlink(ann)
    await hub.request_link(ann)
    with pytest.raises(LinkRefused):
        await hub.unlink(ann)


# Notices


@pytest.fixture
def delivered(hub):
    """Notices as two adapters deliver them: (channel, chat, notice)."""
    given = []
    for channel in ("discord", "telegram"):

        async def deliver(chat, notice, channel=channel):
            given.append((channel, chat, notice))

        hub.attach(channel, "", deliver)
    return given


async def test_the_asker_is_told_who_typed_the_code(hub, delivered, ann, ann_too, talk):
    await hub.record(talk.said(ann, "hi", author_name="Ann D"))
    await hub.record(talk.said(ann_too, "hi", author_name="Ann T"))
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    await hub.settle()
    ((channel, chat, notice),) = delivered
    assert (channel, chat) == ("discord", talk.direct(ann))
    assert (notice.kind, notice.account, notice.account_name) == ("link_redeemed", ann_too, "Ann T")
    assert (await hub.pending_link(ann)).is_shown


async def test_the_other_is_told_of_the_link_and_of_its_end_by_the_name_there(
    hub, delivered, ann, ann_too, talk, clock, link
):
    await hub.record(talk.said(ann_too, "hi", author_name="Ann T"))
    clock.advance(seconds=1)
    await hub.record(talk.said(ann, "hi", author_name="Ann D"))
    await link(hub, ann, ann_too)
    await hub.unlink(ann)
    await hub.settle()
    told = [
        (channel, n.kind, n.account, n.account_name)
        for channel, _, n in delivered
        if n.kind != "link_redeemed"
    ]
    assert told == [("telegram", "linked", ann, "Ann D"), ("telegram", "unlinked", ann, "Ann D")]


async def test_a_notice_that_cannot_be_delivered_is_not_taken_for_shown(
    hub, ann, ann_too, talk, caplog
):
    async def fail(chat, notice):
        raise ConnectionError(f"cannot reach {chat}")

    hub.attach("discord", "", fail)
    await hub.record(talk.said(ann, "hi"))
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    await hub.settle()
    assert not (await hub.pending_link(ann)).is_shown
    assert "ConnectionError" in caplog.text


async def test_a_lease_that_delivers_nothing_does_not_stand_in_the_way_of_one_that_does(
    hub, ann, ann_too, talk
):
    told = []

    async def deliver(chat, notice):
        told.append(notice.kind)

    hub.attach("discord", "")
    hub.attach("discord", "", deliver)
    await hub.record(talk.said(ann, "hi"))
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    await hub.settle()
    assert told == ["link_redeemed"]


async def test_nobody_is_told_by_another_bots_account(hub, ann, ann_too, talk):
    told = []

    async def deliver(chat, notice):
        told.append(notice.kind)

    hub.attach("discord", "another-bot", deliver)
    await hub.record(talk.said(ann, "hi"))
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    await hub.settle()
    assert told == []
