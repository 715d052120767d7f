"""Linking under attack: codes guessed, seen, stolen; accounts taken over. Nothing is linked that
its owner does not want.
"""

import asyncio
import random

import pytest

from session_plugin import (
    CodeAlarm,
    ForgetRefused,
    LinkedRecently,
    LinkingOff,
    LinkRefused,
    SessionHub,
    commands,
    hookimpl,
)

REFUSAL = "This code cannot be used. Ask for a new one and try again."
WRONG = "ABCD-2345"


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def ann_too(talk):
    return talk.account("ann", channel="telegram")


@pytest.fixture
def bob(talk):
    return talk.account("bob", channel="telegram")


@pytest.fixture
def audited(raw):
    return lambda: [row[0] for row in raw.rows("SELECT action FROM audit ORDER BY entry_no")]


async def refused(hub, account, code=WRONG):
    with pytest.raises(LinkRefused) as caught:
        await hub.redeem_link(account, code)
    return str(caught.value)


# How often one may try


async def test_a_fourth_code_within_an_hour_is_refused(hub, ann, clock):
    for _ in range(3):
        await hub.request_link(ann)
    clock.advance(seconds=3599)
    with pytest.raises(LinkRefused, match="three codes"):
        await hub.request_link(ann)
    clock.advance(seconds=1)
    assert await hub.request_link(ann)


async def test_five_wrong_codes_lock_an_account_out_for_an_hour(hub, ann, ann_too, clock):
    for _ in range(5):
        await refused(hub, ann_too)
    clock.advance(seconds=3599)
    code = (await hub.request_link(ann)).code
    assert await refused(hub, ann_too, code) == REFUSAL
    clock.advance(seconds=1)
    assert (await hub.redeem_link(ann_too, code)).asker == ann


async def test_four_wrong_codes_do_not(hub, ann, ann_too):
    for _ in range(4):
        await refused(hub, ann_too)
    assert await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)


async def test_wrong_codes_of_more_than_an_hour_ago_do_not_count(hub, ann, ann_too, clock):
    for _ in range(3):
        for _ in range(2):
            await refused(hub, ann_too)
        clock.advance(hours=1)
    assert await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)


async def test_a_locked_account_locks_out_nobody_else(hub, ann, ann_too, bob):
    for _ in range(5):
        await refused(hub, bob)
    assert await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)


async def test_a_restart_does_not_help(new_hub, ann, ann_too):
    for _ in range(5):
        hub = new_hub()
        await refused(hub, ann_too)
        await hub.close()
    hub = new_hub()
    assert await refused(hub, ann_too, (await hub.request_link(ann)).code) == REFUSAL


async def test_another_process_does_not_help(new_hub, ann, ann_too):
    hubs = [new_hub() for _ in range(5)]
    for hub in hubs:
        await refused(hub, ann_too)
    assert await refused(hubs[0], ann_too, (await hubs[0].request_link(ann)).code) == REFUSAL


async def test_however_many_strangers_type_wrong_codes_others_link(hub, talk, ann, ann_too, link):
    for number in range(50):
        await refused(hub, talk.account(f"guesser-{number}", channel="telegram"))
    assert set((await link(hub, ann, ann_too)).accounts) == {ann, ann_too}


async def test_twenty_wrong_codes_in_ten_minutes_raise_one_alarm(
    hub, talk, ann, clock, caplog, audited
):
    for number in range(19):
        await refused(hub, talk.account(f"guesser-{number}", channel="telegram"))
    await refused(hub, talk.account("guesser", channel="irc"))
    assert (await hub.status()).code_alarms == ()
    assert "wrong link codes" not in caplog.text
    for number in range(19, 30):
        await refused(hub, talk.account(f"guesser-{number}", channel="telegram"))
    assert (await hub.status()).code_alarms == (CodeAlarm("telegram", 30),)
    assert caplog.text.count("20 wrong link codes were typed on telegram") == 1
    assert audited().count("channel_alarm") == 1
    clock.advance(seconds=601)
    assert (await hub.status()).code_alarms == ()


def guess_at(code, number):
    """A code that begins as a live one does and ends otherwise."""
    return code[:4] + ("2345", "6789", "A234", "B234", "C234", "D234")[number]


async def test_whoever_knows_half_of_a_code_has_five_guesses_at_the_rest(
    hub, talk, ann, ann_too, bob, audited
):
    code, of_bob = (await hub.request_link(ann)).code, (await hub.request_link(bob)).code
    for number in range(4):
        await refused(hub, talk.account(f"guesser-{number}"), guess_at(code, number))
    assert "code_burnt" not in audited()
    await refused(hub, talk.account("guesser-4"), guess_at(code, 4))
    assert audited()[-2:] == ["code_refused", "code_burnt"]
    assert await refused(hub, ann_too, code) == REFUSAL
    assert await hub.redeem_link(ann_too, of_bob)


async def test_four_guesses_at_half_a_code_leave_it_good(hub, talk, ann, ann_too):
    code = (await hub.request_link(ann)).code
    for number in range(4):
        await refused(hub, talk.account(f"guesser-{number}"), guess_at(code, number))
    assert await hub.redeem_link(ann_too, code)


async def test_two_thousand_guesses_by_a_hundred_accounts_link_nothing(hub, talk, ann):
    live = await hub.request_link(ann)
    chance = random.Random(7)
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    guessers = [talk.account(f"guesser-{number}", channel="telegram") for number in range(100)]

    async def guess(account):
        code = live.code if chance.random() < 0.5 else "".join(chance.choices(alphabet, k=8))
        with pytest.raises(LinkRefused):
            await hub.redeem_link(account, code)

    for guesser in guessers:
        for _ in range(5):
            await refused(hub, guesser)
    await asyncio.gather(*(guess(account) for account in guessers * 20))
    assert await hub.pending_link(ann) is None
    assert (await hub.identity_of(ann)).accounts == (ann,)


# What others may see


async def test_every_refusal_reads_alike(hub, talk, ann, ann_too, bob, clock, link):
    used, expired = await hub.request_link(ann), await hub.request_link(bob)
    await hub.redeem_link(ann_too, used.code)
    clock.advance(seconds=601)
    own = await hub.request_link(ann)
    told = [
        await refused(hub, bob, WRONG),
        await refused(hub, bob, used.code),
        await refused(hub, talk.account("eve"), expired.code),
        await refused(hub, ann, own.code),
        await refused(hub, bob, "nothing like a code"),
    ]
    told += [await refused(hub, bob) for _ in range(5)]
    assert set(told) == {REFUSAL}


@pytest.mark.parametrize(
    "words",
    [
        "{}",
        "look: {}!",
        "my code is {}, what now",
        "{}\n{}",
    ],
)
@pytest.mark.parametrize(
    "spelt", ["ABCD-EFG2", "ABCDEFG2", "abcd efg2", "AB-CD-EF-G2", "abcd\N{EN DASH}efg2"]
)
async def test_a_code_that_is_said_in_a_group_is_worthless(hub, talk, ann, ann_too, words, spelt):
    code = (await hub.request_link(ann)).code
    letters = iter(code.replace("-", ""))
    typed = "".join(next(letters) if one.isalnum() else one for one in spelt)
    typed = typed.lower() if spelt.islower() else typed
    await hub.record(talk.said(talk.group(), words.format(typed, typed), author=ann))
    assert await refused(hub, ann_too, code) == REFUSAL


async def test_a_code_that_is_said_in_a_group_is_worthless_even_where_nothing_is_kept(
    new_hub, talk, ann, ann_too
):
    class Nothing:
        @hookimpl
        def session_filter_message(self, event):
            return None

    hub = new_hub(Nothing())
    code = (await hub.request_link(ann)).code
    await hub.record(talk.said(talk.group(), code))
    assert await refused(hub, ann_too, code) == REFUSAL


async def test_a_code_in_an_edit_is_worthless_too(hub, talk, ann, ann_too):
    said = talk.said(talk.group(), "hello", author=ann)
    await hub.record(said)
    code = (await hub.request_link(ann)).code
    await hub.edit(talk.said(talk.group(), code, author=ann, message_id=said.message_id))
    assert await refused(hub, ann_too, code) == REFUSAL


async def test_a_code_in_an_edit_that_is_a_command_is_worthless_and_what_was_said_before_is_gone(
    hub, talk, ann, ann_too, texts
):
    lobby = talk.group()
    said = talk.said(lobby, "hello", author=ann)
    await hub.record(said)
    code = (await hub.request_link(ann)).code
    edited = talk.said(lobby, f"/link {code}", author=ann, message_id=said.message_id)
    assert await hub.edit(edited, is_command=True)
    assert await texts(hub, lobby) == []
    assert await refused(hub, ann_too, code) == REFUSAL


@pytest.mark.parametrize("command", commands.COMMANDS)
async def test_a_code_behind_any_command_in_a_group_is_worthless(hub, talk, ann, ann_too, command):
    code = (await hub.request_link(ann)).code
    asked = commands.Asked(chat=talk.group(), account=ann, name="", spell="/{}".format)
    await commands.answer(hub, command, code, asked)
    assert await refused(hub, ann_too, code) == REFUSAL


async def test_a_code_in_a_direct_message_stays_good(hub, talk, ann, ann_too):
    code = (await hub.request_link(ann)).code
    await hub.record(talk.said(ann_too, f"is it {code}?"))
    assert await hub.redeem_link(ann_too, code)


async def test_typing_a_code_in_a_group_is_refused_and_burns_it(hub, talk, ann, ann_too):
    code = (await hub.request_link(ann)).code
    with pytest.raises(LinkRefused, match="cannot be used"):
        await hub.redeem_link(ann_too, code, chat=talk.group(channel="telegram"))
    assert await refused(hub, ann_too, code) == REFUSAL


async def test_other_peoples_codes_stay_good_when_one_is_burnt(hub, talk, ann, ann_too, bob):
    of_ann, of_bob = await hub.request_link(ann), await hub.request_link(bob)
    await hub.record(talk.said(talk.group(), of_ann.code))
    assert await hub.redeem_link(ann_too, of_bob.code)


async def test_every_step_is_audited_without_the_code(
    hub, audited, raw, talk, ann, ann_too, bob, clock
):
    burnt = await hub.request_link(ann)
    await hub.record(talk.said(talk.group(), burnt.code))
    for _ in range(5):
        await refused(hub, bob)
    code = (await hub.request_link(ann)).code
    await hub.show_pending_link(await hub.redeem_link(ann_too, code))
    await hub.confirm_link(ann_too)
    await hub.confirm_link(ann)
    await hub.unlink(ann)
    expected = ["code_requested", "code_burnt", *["code_refused"] * 5, "account_locked"]
    expected += ["code_requested", "code_redeemed", "link_confirmed", "linked", "unlinked"]
    assert audited() == expected
    entries = repr(raw.rows("SELECT * FROM audit"))
    assert code not in entries
    assert code.replace("-", "") not in entries


# A stolen account


async def test_whoever_left_joins_nobody_else_for_a_day(hub, talk, link, ann, ann_too, bob, clock):
    await link(hub, ann, ann_too)
    await hub.unlink(ann)
    clock.advance(hours=23.9)
    with pytest.raises(LinkRefused, match="24 hours"):
        await link(hub, ann, bob)
    with pytest.raises(LinkRefused, match="24 hours"):
        await link(hub, bob, ann)
    clock.advance(hours=0.2)
    assert (await link(hub, ann, bob)).accounts == (ann, bob)


async def test_whoever_left_may_come_back_at_once_and_then_join_others(
    hub, link, ann, ann_too, bob
):
    await link(hub, ann, ann_too)
    await hub.unlink(ann)
    await link(hub, ann, ann_too)
    assert set((await link(hub, ann, bob)).accounts) == {ann, ann_too, bob}


async def test_who_stayed_may_join_others_at_once(hub, link, ann, ann_too, bob):
    await link(hub, ann, ann_too)
    await hub.unlink(ann)
    assert set((await link(hub, ann_too, bob)).accounts) == {ann_too, bob}


async def test_whoever_left_is_not_taken_along_by_another_account(
    hub, talk, link, ann, ann_too, bob, clock
):
    """Left, then came back to part of its people: it must not reach a third person by way of them."""
    await link(hub, ann, ann_too)
    await link(hub, ann_too, bob)
    await hub.unlink(ann)
    await hub.unlink(bob)
    with pytest.raises(LinkRefused, match="24 hours"):
        await link(hub, bob, talk.account("eve"))
    assert set((await link(hub, bob, ann_too)).accounts) == {ann_too, bob}


@pytest.mark.parametrize("asks", ["who was taken out", "who did it"])
async def test_whoever_takes_several_accounts_out_may_have_each_of_them_back_at_once(
    hub, talk, link, clock, asks
):
    mine, one, other = (talk.account(name) for name in ("mine", "one", "other"))
    for account in (mine, one, other):
        await hub.record(talk.said(account, "hi"))
        clock.advance(seconds=1)
    await link(hub, mine, one)
    await link(hub, mine, other)
    for account in (one, other):
        await hub.unlink(account, by=mine)
    clock.advance(hours=1)
    for account in (mine, one):
        with pytest.raises(LinkRefused, match="24 hours"):
            await link(hub, account, talk.account("eve"))
    await link(hub, *((one, mine) if asks == "who was taken out" else (mine, one)))
    assert set((await link(hub, mine, other)).accounts) == {mine, one, other}


async def test_a_refusal_for_a_day_leaves_the_code_as_it_was(hub, link, ann, ann_too, bob, clock):
    await link(hub, ann, ann_too)
    await hub.unlink(ann)
    clock.advance(hours=1)
    code = (await hub.request_link(bob)).code
    with pytest.raises(LinkRefused, match="24 hours"):
        await hub.redeem_link(ann, code)
    assert await hub.redeem_link(ann_too, code)


async def test_a_yes_is_refused_if_the_other_left_somebody_meanwhile(hub, link, ann, ann_too, bob):
    await link(hub, ann, ann_too)
    await hub.redeem_link(ann, (await hub.request_link(bob)).code)
    await hub.unlink(ann)
    await hub.show_pending_link(await hub.pending_link(bob))
    with pytest.raises(LinkRefused, match="24 hours"):
        await hub.confirm_link(bob)
    assert (await hub.identity_of(bob)).accounts == (bob,)


async def test_an_account_can_be_unlinked_from_any_other_of_the_same_person(
    hub, talk, link, ann, ann_too, bob, texts
):
    for account in (ann, ann_too, bob):
        await hub.record(talk.said(account, f"of {account.channel_user_id}"))
    await link(hub, ann, ann_too)
    await link(hub, ann, bob)
    assert set((await hub.unlink(bob, by=ann_too)).accounts) == {ann, ann_too}
    assert await texts(hub, bob) == [f"of {bob.channel_user_id}"]


async def test_nobody_unlinks_an_account_of_somebody_else(hub, link, ann, ann_too, bob):
    await link(hub, ann, ann_too)
    with pytest.raises(LinkRefused):
        await hub.unlink(ann, by=bob)
    assert len((await hub.identity_of(ann)).accounts) == 2


async def test_whoever_unlinks_another_account_waits_as_that_one_does(
    hub, talk, link, ann, ann_too, bob
):
    await link(hub, ann, ann_too)
    await hub.unlink(ann_too, by=ann)
    for account in (ann, ann_too):
        with pytest.raises(LinkRefused, match="24 hours"):
            await link(hub, account, bob)


# A person who was talked into a link


async def test_who_was_linked_for_less_than_a_day_erases_and_exports_nothing_of_the_other_side(
    hub, talk, link, texts, ann, ann_too, clock
):
    for account in (ann, ann_too):
        await hub.record(talk.said(account, f"of {account.channel}"))
    await link(hub, ann, ann_too)
    clock.advance(hours=23.9)
    for account in (ann, ann_too):
        for refused in (
            hub.forget(account),
            hub.ask_to_forget(account),
            anext(hub.export(account)),
        ):
            with pytest.raises(LinkedRecently, match="24 hours"):
                await refused
    clock.advance(hours=0.2)
    exported = [line async for line in hub.export(ann) if line["kind"] == "message"]
    assert [line["text"] for line in exported] == ["of discord", "of telegram"]
    assert (await hub.forget(ann)).messages == 2


async def test_a_question_from_before_a_link_is_no_way_to_erase_the_other_side(
    hub, talk, link, ann, ann_too
):
    await hub.record(talk.said(ann_too, "of telegram"))
    await hub.ask_to_forget(ann)
    await link(hub, ann, ann_too)
    with pytest.raises(ForgetRefused):
        await hub.confirm_forget(ann)


async def test_each_side_unlinks_and_erases_its_own_part_at_once(
    hub, talk, link, texts, ann, ann_too
):
    for account in (ann, ann_too):
        await hub.record(talk.said(account, f"of {account.channel}"))
    await link(hub, ann, ann_too)
    await hub.unlink(ann)
    assert (await hub.forget(ann)).messages == 1
    assert await texts(hub, ann_too) == ["of telegram"]
    assert [line async for line in hub.export(ann_too) if line["kind"] == "message"]


@pytest.mark.parametrize("leaves", ["other", "mine_too"])
async def test_another_link_does_not_make_the_first_one_old(
    hub, talk, link, ann, ann_too, bob, clock, leaves
):
    """By a link with one's own second account, or by taking an account out, one gets no further."""
    mine_too, other = talk.account("mine, too"), bob
    await link(hub, ann_too, other)
    clock.advance(hours=25)
    await link(hub, ann, ann_too)
    clock.advance(hours=12)
    await link(hub, mine_too, ann)
    await hub.unlink({"other": other, "mine_too": mine_too}[leaves])
    clock.advance(hours=11)
    for account in (ann, ann_too):
        with pytest.raises(LinkedRecently):
            await hub.forget(account)


async def test_a_third_account_that_joins_erases_nobody_else_and_is_erased_by_nobody(
    hub, link, talk, ann, ann_too, bob, clock
):
    await link(hub, ann, ann_too)
    clock.advance(hours=25)
    await link(hub, bob, ann)
    for account in (ann, ann_too, bob):
        with pytest.raises(LinkedRecently):
            await hub.forget(account)
    await hub.unlink(bob)
    assert (await hub.forget(ann_too)).accounts == 2


async def test_the_operator_erases_and_exports_a_whole_person_by_the_user_id_at_any_time(
    hub, talk, link, ann, ann_too
):
    await hub.record(talk.said(ann, "mine"))
    user_id = (await link(hub, ann, ann_too)).user_id
    assert [line async for line in hub.export(user_id) if line["kind"] == "message"]
    assert (await hub.forget(user_id)).accounts == 2


async def test_what_says_who_links_with_whom_is_kept_for_a_day_only(
    hub, talk, link, raw, ann, ann_too, bob, clock
):
    await link(hub, ann, ann_too)
    assert raw.rows("SELECT COUNT(*) FROM new_links") == [(2,)]
    clock.advance(hours=25)
    await link(hub, bob, talk.account("eve"))
    assert raw.rows("SELECT COUNT(*) FROM new_links") == [(2,)]


# People who are linked with others already


async def test_two_people_with_several_accounts_become_one_with_all_of_them(
    hub, talk, link, ann, ann_too
):
    third, fourth = talk.account("third"), talk.account("fourth", channel="telegram")
    await link(hub, ann, ann_too)
    await link(hub, third, fourth)
    preview = await hub.redeem_link(fourth, (await hub.request_link(ann)).code)
    assert preview.accounts == 4
    assert await hub.confirm_link(fourth, shown=preview) is None
    assert set((await hub.confirm_link(ann)).accounts) == {ann, ann_too, third, fourth}


async def test_a_preview_counts_what_would_be_one_history(hub, talk, ann, ann_too, clock):
    await hub.record(talk.said(ann, "long ago"))
    clock.advance(days=2)
    for account in (ann, ann_too):
        await hub.record(talk.said(account, "today"))
    await hub.record(talk.said(talk.group(), "in public", author=ann))
    await hub.redeem_link(ann_too, (await hub.request_link(ann)).code)
    preview = await hub.pending_link(ann)
    assert (preview.accounts, preview.sessions, preview.messages) == (2, 3, 3)


# The secret


async def test_a_code_is_worthless_under_another_secret(new_hub, ann, ann_too):
    code = (await new_hub(secret="one secret of many").request_link(ann)).code
    assert await refused(new_hub(secret="quite another one"), ann_too, code) == REFUSAL
    assert await new_hub(secret=b"one secret of many").redeem_link(ann_too, code)


async def test_the_environment_may_hold_the_secret(monkeypatch, database_file, ann, clock):
    monkeypatch.setenv("SESSION_SECRET", "a secret of the environment")
    async with SessionHub(database_file, load_entry_points=False, clock=clock) as hub:
        await hub.request_link(ann)
    assert not database_file.with_name("sessions.db.secret").exists()


async def test_an_empty_secret_in_the_environment_is_none(monkeypatch, database_file, ann, clock):
    monkeypatch.setenv("SESSION_SECRET", "")
    async with SessionHub(database_file, load_entry_points=False, clock=clock) as hub:
        await hub.request_link(ann)
    assert database_file.with_name("sessions.db.secret").exists()


@pytest.mark.parametrize("secret", ["short", b"", "x" * 15])
def test_a_secret_that_can_be_guessed_is_refused(secret, database):
    with pytest.raises(ValueError, match="can be guessed"):
        SessionHub(database, secret=secret)


async def test_without_a_secret_linking_is_off_on_a_server_and_says_why(
    database, new_hub, talk, ann, ann_too
):
    if "://" not in database:
        pytest.skip("beside a file there is a secret")
    hub = new_hub(secret=None)
    await hub.record(talk.said(ann, "hello"))
    for attempt in (hub.request_link(ann), hub.redeem_link(ann_too, "ABCD-2345")):
        with pytest.raises(LinkingOff, match="SESSION_SECRET"):
            await attempt
    for argument in ("", "ABCD-2345"):
        asked = commands.Asked(chat=talk.direct(ann), account=ann, name="", spell="/{}".format)
        assert "Linking is off" in (await commands.answer(hub, "link", argument, asked)).text
    await hub.record(talk.said(talk.group(), "ABCD-2345 is no code here"))
    assert (await hub.forget(ann)).messages == 1
