"""Forgetting a person: everything of theirs goes, over all accounts, and nothing of anybody else's."""

import asyncio
from dataclasses import asdict, replace

import pytest

from session_plugin import (
    Account,
    CodeAlarm,
    ForgetRefused,
    LinkRefused,
    Receipt,
    SessionIdentity,
    SessionStore,
    UnknownSession,
    hookimpl,
)


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def ann_too(talk):
    return talk.account("ann", channel="telegram")


@pytest.fixture
def bob(talk):
    return talk.account("bob")


async def test_everything_of_a_person_goes_over_all_accounts(
    hub, talk, texts, old_link, ann, ann_too
):
    for account in (ann, ann_too):
        await hub.record(talk.said(account, "mine", author_name="Ann"))
        await hub.record(talk.answered(account, "the bot's"))
    await old_link(hub, ann, ann_too)
    receipt = await hub.forget(ann_too)
    assert (receipt.messages, receipt.sessions, receipt.chats, receipt.accounts) == (4, 2, 2, 2)
    assert not receipt.is_pending
    for account in (ann, ann_too):
        assert await texts(hub, account, include_previous=True) == []
        assert await hub.identity_of(account) is None


async def test_a_person_can_be_named_by_any_id_they_ever_had(hub, talk, texts, link, ann, ann_too):
    for account in (ann, ann_too):
        await hub.record(talk.said(account, "mine"))
    old_id = (await hub.identity_of(ann_too)).user_id
    await link(hub, ann, ann_too)
    assert (await hub.forget(old_id)).accounts == 2
    assert await hub.identity_of(old_id) is None


@pytest.mark.parametrize("who", ["nobody's id", Account("discord", "nobody"), "a\0b"])
async def test_forgetting_nobody_known_does_nothing(hub, talk, texts, ann, who):
    await hub.record(talk.said(ann, "mine"))
    assert await hub.forget(who) == Receipt()
    assert await texts(hub, ann) == ["mine"]


@pytest.mark.parametrize("who", [5, None, SessionIdentity("an id")])
async def test_who_is_neither_an_account_nor_an_id_is_refused_and_not_taken_for_nobody(hub, who):
    for answer in (hub.forget(who), hub.identity_of(who), anext(hub.export(who))):
        with pytest.raises(TypeError, match="an Account, or a user id as text"):
            await answer


async def test_in_a_group_only_their_words_and_the_answers_to_them_go(hub, talk, texts, ann, bob):
    lobby = talk.group()
    await hub.record(talk.said(lobby, "of ann", author=ann))
    await hub.record(talk.answered(lobby, "to ann", answers=ann))
    await hub.record(talk.said(lobby, "of bob", author=bob))
    await hub.record(talk.answered(lobby, "to bob", answers=bob))
    await hub.record(talk.answered(lobby, "to all"))
    session_id = (await hub.session_of(lobby, bob).info()).session_id
    await hub.forget(ann)
    assert await texts(hub, lobby) == ["of bob", "to bob", "to all"]
    info = await hub.session_of(lobby, bob).info()
    assert (info.session_id, info.message_count) == (session_id, 3)


async def test_others_in_direct_chats_lose_nothing(hub, talk, texts, link, ann, bob):
    for account in (ann, bob):
        await hub.record(talk.said(account, f"of {account.channel_user_id}"))
    await hub.forget(ann)
    assert await texts(hub, bob) == ["of bob-on-discord"]


async def test_whoever_was_linked_with_them_and_left_keeps_all_of_their_own(
    hub, talk, texts, old_link, ann, ann_too, bob
):
    for account in (ann, ann_too, bob):
        await hub.record(talk.said(account, f"of {account.channel_user_id}"))
    await old_link(hub, ann, ann_too)
    await old_link(hub, ann, bob)
    await hub.record(talk.said(bob, "while linked"))
    await hub.unlink(bob)
    await hub.forget(ann)
    assert await texts(hub, bob, include_previous=True) == ["of bob-on-discord", "while linked"]
    assert (await hub.identity_of(bob)).accounts == (bob,)


async def test_whoever_left_them_waits_as_before_to_join_others(hub, talk, link, ann, bob, ann_too):
    await link(hub, ann, bob)
    await hub.unlink(bob)
    await hub.forget(ann)
    assert await hub.request_link(bob)


async def test_a_groups_summary_is_made_again_without_them(new_hub, talk, texts, ann, bob):
    hub = new_hub(consolidation_threshold=4)
    lobby = talk.group()
    for number in range(4):
        for account in (ann, bob):
            await hub.record(
                talk.said(lobby, f"{account.channel_user_id} {number}", author=account)
            )
    await hub.settle()
    view = hub.session_of(lobby, bob)
    assert "ann-on-discord 0" in (await view.for_model()).summary.text
    await hub.forget(ann)
    await hub.settle()
    summary = (await view.for_model()).summary
    assert "bob-on-discord 0" in summary.text
    assert "ann" not in summary.text


async def test_the_summaries_of_their_direct_chats_go(new_hub, talk, ann):
    hub = new_hub(consolidation_threshold=4)
    for number in range(9):
        await hub.record(talk.said(ann, f"words {number}"))
    await hub.settle()
    assert (await hub.forget(ann)).summaries >= 1
    assert (await hub.session_of(talk.direct(ann), ann).for_model()).summary is None


async def test_codes_links_notices_and_attempts_go_with_them(hub, talk, ann, ann_too, link):
    await hub.record(talk.said(ann, "hi"))
    code = (await hub.request_link(ann)).code
    await hub.redeem_link(ann_too, code)
    receipt = await hub.forget(ann)
    assert (receipt.link_requests, receipt.notices, receipt.attempts) == (1, 1, 1)
    assert receipt.audit_details == 2
    assert (await hub.unread_notices(ann), await hub.pending_link(ann)) == ((), None)


@pytest.mark.plain("finds no id in the file, which is rewritten later where words are sealed")
async def test_being_forgotten_lifts_no_lock(hub, talk, ann, ann_too, bob, clock, raw):
    for account in (ann, bob):
        await hub.record(talk.said(account, "hi"))
    for _ in range(5):
        with pytest.raises(LinkRefused):
            await hub.redeem_link(ann, "ABCD-2345")
    await hub.forget(ann, at_once=True)
    assert b"ann-on-discord" not in raw.contents()
    with pytest.raises(LinkRefused):
        await hub.redeem_link(ann, (await hub.request_link(bob)).code)
    clock.advance(hours=1, seconds=1)
    assert await hub.redeem_link(ann, (await hub.request_link(bob)).code)


async def test_being_forgotten_again_and_again_gives_no_more_codes(hub, talk, ann):
    for number in range(3):
        await hub.record(talk.said(ann, "hi", sent_at=2.0 + number))
        await hub.request_link(ann)
        await hub.forget(ann)
    with pytest.raises(LinkRefused, match="three codes"):
        await hub.request_link(ann)


async def test_wrong_codes_of_many_who_were_forgotten_count_on_their_channel(hub, talk):
    for number in range(20):
        account = talk.account(f"thief {number}")
        await hub.record(talk.said(account, "hi"))
        with pytest.raises(LinkRefused):
            await hub.redeem_link(account, "ABCD-2345")
        await hub.forget(account)
    assert (await hub.status()).code_alarms == (CodeAlarm("discord", 20),)


async def test_being_forgotten_ends_no_rest(hub, talk, link, ann, ann_too, bob, clock):
    for account in (ann, ann_too, bob):
        await hub.record(talk.said(account, "hi"))
    await link(hub, ann, ann_too)
    await hub.unlink(ann_too)
    for number in range(2):
        await hub.forget(ann_too)
        clock.advance(hours=2)
        for other in (ann, bob):
            with pytest.raises(LinkRefused, match="24 hours"):
                await link(hub, other, ann_too)
        await hub.record(talk.said(ann_too, "hi again", sent_at=2.0 + number))
    clock.advance(hours=21)
    assert await link(hub, bob, ann_too)


async def test_a_yes_is_good_for_one_question(hub, talk, texts, ann):
    await hub.record(talk.said(ann, "mine"))
    await hub.ask_to_forget(ann)
    await hub.confirm_forget(ann)
    await hub.record(talk.said(ann, "new", sent_at=2.0))
    with pytest.raises(ForgetRefused):
        await hub.confirm_forget(ann)
    assert await texts(hub, ann) == ["new"]


@pytest.mark.plain("finds no id in the file, which is rewritten later where words are sealed")
async def test_who_only_ever_typed_codes_can_be_forgotten(hub, ann, raw):
    with pytest.raises(LinkRefused):
        await hub.redeem_link(ann, "ABCD-2345")
    assert (await hub.forget(ann, at_once=True)).attempts == 1
    assert b"ann-on-discord" not in raw.contents()


async def test_what_was_tried_long_ago_goes_by_itself(new_hub, ann, clock, raw):
    hub = new_hub(upkeep_minutes=None)
    with pytest.raises(LinkRefused):
        await hub.redeem_link(ann, "ABCD-2345")
    await hub.upkeep()
    assert raw.rows("SELECT COUNT(*) FROM attempts") == [(1,)]
    clock.advance(hours=3)
    await hub.upkeep()
    assert raw.rows("SELECT COUNT(*) FROM attempts") == [(0,)]


async def test_a_direct_chat_that_nobody_owns_leaves_nothing(hub, talk, texts, ann, raw):
    said, answer = (
        talk.said(ann, "old", sent_at=5.0),
        talk.answered(talk.direct(ann, title="Ann"), "an answer", sent_at=6.0),
    )
    assert not (await hub.record(answer)).is_stored
    assert raw.rows("SELECT COUNT(*) FROM chats") == [(0,)]
    for event in (said, answer):
        await hub.record(event)
    assert await texts(hub, ann) == ["old", "an answer"]
    await hub.forget(ann)
    assert not (await hub.record(answer)).is_stored
    assert raw.rows("SELECT COUNT(*) FROM chats") == [(0,)]


@pytest.mark.plain("finds no id in the file, which is rewritten later where words are sealed")
async def test_a_group_that_is_named_after_them_is_so_no_longer(
    new_hub, talk, event_log, ann, bob, raw
):
    """A business account has such a chat with each customer, with their id in its own."""
    hub = new_hub(event_log)
    chat = talk.group("with ann-on-discord", title="Ann Secretname")
    said = talk.said(chat, "old", author=ann, author_name="Ann Secretname", sent_at=5.0)
    await hub.record(said)
    await hub.forget(ann, at_once=True)
    await hub.settle()
    assert not {name for name in (b"ann-on-discord", b"Secretname") if name in raw.contents()}
    assert [told["message_ids"] for told in event_log.of("delete")] == [(said.message_id,)]
    for number in range(2):
        await hub.record(
            talk.said(chat, "new", author=ann, author_name="Ann Secretname", sent_at=6.0 + number)
        )
        await hub.forget(ann)


async def test_in_one_in_which_others_spoke_they_stay(hub, talk, texts, ann, bob, raw):
    chat = talk.group("a customer's", title="Ann Secretname")
    for account, name in ((ann, "Ann Secretname"), (bob, "Bob")):
        await hub.record(talk.said(chat, f"of {name}", author=account, author_name=name))
    await hub.forget(ann)
    assert b"Secretname" not in raw.contents()
    assert await texts(hub, chat) == ["of Bob"]


async def test_a_group_of_another_name_stays_what_it_is(hub, talk, ann, bob):
    lobby = talk.group(title="Lobby")
    await hub.record(talk.said(lobby, "of ann", author=ann, author_name="Ann"))
    session_id = (await hub.session_of(lobby, bob).info()).session_id
    await hub.forget(ann)
    assert (await hub.session_of(lobby, bob).info()).session_id == session_id


async def test_what_would_go_is_counted_as_it_then_goes(
    hub, talk, old_link, ann, ann_too, bob, new_hub
):
    hub = new_hub(consolidation_threshold=4)
    lobby = talk.group()
    for account in (ann, ann_too, bob):
        for number in range(6):
            await hub.record(talk.said(account, f"words {number}"))
            await hub.record(talk.answered(account, "an answer"))
    for account in (ann, bob):
        await hub.record(talk.said(lobby, "in public", author=account))
    await old_link(hub, ann, ann_too)
    await hub.request_link(ann)
    await hub.settle()
    counted = await hub.ask_to_forget(ann)
    receipt = await hub.confirm_forget(ann)
    assert counted.is_dry_run
    expected = asdict(counted) | {"is_dry_run": False, "attempts": counted.attempts}
    assert asdict(receipt) == expected
    assert receipt.messages == 25


async def test_a_yes_needs_a_question_within_ten_minutes(hub, talk, texts, ann, clock):
    await hub.record(talk.said(ann, "mine"))
    with pytest.raises(ForgetRefused):
        await hub.confirm_forget(ann)
    await hub.ask_to_forget(ann)
    clock.advance(seconds=601)
    with pytest.raises(ForgetRefused):
        await hub.confirm_forget(ann)
    assert await texts(hub, ann) == ["mine"]
    await hub.ask_to_forget(ann)
    assert (await hub.confirm_forget(ann)).messages == 1


async def test_one_may_ask_three_times_a_day_and_being_forgotten_does_not_help(
    hub, talk, ann, bob, clock
):
    """Each forgetting may rewrite the file that all write to."""
    for _ in range(3):
        await hub.record(talk.said(ann, "zanzibar"))
        await hub.ask_to_forget(ann)
        await hub.confirm_forget(ann)
        clock.advance(hours=1)
    await hub.record(talk.said(ann, "zanzibar"))
    with pytest.raises(ForgetRefused, match="in 21 hours"):
        await hub.ask_to_forget(ann)
    with pytest.raises(ForgetRefused):
        await hub.confirm_forget(ann)
    await hub.upkeep()
    with pytest.raises(ForgetRefused):
        await hub.ask_to_forget(ann)
    await hub.ask_to_forget(bob)

    clock.advance(hours=21)
    assert (await hub.ask_to_forget(ann)).messages == 1
    assert (await hub.confirm_forget(ann)).messages == 1


@pytest.mark.parametrize("asked", ["by who asks for the link", "by the other"])
async def test_a_yes_to_fewer_accounts_than_there_are_by_now_forgets_nobody(
    hub, talk, texts, link, ann, ann_too, asked
):
    for account in (ann, ann_too):
        await hub.record(talk.said(account, f"on {account.channel}"))
    one = ann if asked == "by who asks for the link" else ann_too
    assert (await hub.ask_to_forget(one)).accounts == 1
    await link(hub, ann, ann_too)
    with pytest.raises(ForgetRefused):
        await hub.confirm_forget(one)
    assert len(await texts(hub, ann)) == 2


async def test_a_yes_to_more_accounts_than_are_left_forgets_nobody(
    hub, talk, texts, old_link, ann, ann_too
):
    await hub.record(talk.said(ann, "mine"))
    await old_link(hub, ann, ann_too)
    await hub.ask_to_forget(ann)
    await hub.unlink(ann_too)
    with pytest.raises(ForgetRefused):
        await hub.confirm_forget(ann)
    assert await texts(hub, ann, include_previous=True) == ["mine"]


async def test_hooks_are_told_who_was_forgotten_and_what_went_of_groups(
    new_hub, event_log, talk, old_link, ann, ann_too
):
    hub = new_hub(event_log)
    lobby = talk.group()
    said = talk.said(lobby, "of ann", author=ann)
    await hub.record(said)
    await old_link(hub, ann, ann_too)
    user_id = (await hub.identity_of(ann)).user_id
    await hub.forget(ann)
    await hub.settle()
    told = [
        (one["event"].account, one["event"].user_id)
        for one in event_log.of("identity")
        if one["event"].change == "forgotten"
    ]
    assert told == [(ann, user_id), (ann_too, user_id)]
    assert [one["message_ids"] for one in event_log.of("delete")] == [(said.message_id,)]
    assert event_log.of("identity")[-1]["identity"].accounts == ()


# What comes back, and what does not


async def test_messages_of_before_that_come_again_stay_forgotten(hub, talk, texts, ann):
    old = [talk.said(ann, f"{number}", sent_at=float(number)) for number in range(1, 4)]
    answer = talk.answered(ann, "an answer", sent_at=4.0)
    for event in (*old, answer):
        await hub.record(event)
    await hub.forget(ann)
    for event in (*old, answer):
        assert not (await hub.record(event)).is_stored
    assert await texts(hub, ann, include_previous=True) == []
    assert await hub.identity_of(ann) is None


async def test_who_writes_again_begins_anew(hub, talk, texts, ann):
    old = talk.said(ann, "old", sent_at=5.0)
    await hub.record(old)
    before = (await hub.identity_of(ann)).user_id
    await hub.forget(ann)
    assert (await hub.record(talk.said(ann, "new", sent_at=6.0))).is_stored
    assert not (await hub.record(old)).is_stored
    assert await texts(hub, ann, include_previous=True) == ["new"]
    assert (await hub.identity_of(ann)).user_id != before
    assert (await hub.session_of(talk.direct(ann), ann).info()).start_reason == "first"


async def test_what_is_new_in_the_very_second_of_the_newest_old_message_is_taken_in(
    hub, talk, texts, ann
):
    """Telegram tells whole seconds only, and people click fast."""
    lobby = talk.group()
    old = [
        talk.said(ann, "old", sent_at=5.0),
        talk.said(lobby, "old in the lobby", author=ann, sent_at=5.0),
    ]
    for event in old:
        await hub.record(event)
    await hub.forget(ann)
    assert (await hub.record(talk.said(ann, "new", sent_at=5.0))).is_stored
    for event in old:
        assert not (await hub.record(event)).is_stored
    assert await texts(hub, ann) == ["new"]


async def test_a_message_of_the_future_makes_nothing_old_and_stays_forgotten(
    hub, talk, texts, ann, clock
):
    future = talk.said(ann, "by a wrong clock", sent_at=clock() + 5 * 365 * 86400.0)
    await hub.record(talk.said(ann, "old", sent_at=clock()))
    await hub.import_history([future])
    await hub.forget(ann)

    await hub.record(talk.said(ann, "new", sent_at=clock() + 1.0))
    assert (await hub.import_history([future])).messages == 0
    assert not (await hub.record(future)).is_stored
    assert await texts(hub, ann, include_previous=True) == ["new"]


async def test_what_no_platform_delivered_makes_nothing_old(hub, talk, texts, ann, clock):
    await hub.record(talk.said(ann, "old", sent_at=clock() - 1.0))
    await hub.session_of(talk.direct(ann), ann).add(
        "tool", "a result, at this very moment of our clock"
    )
    await hub.forget(ann)
    assert (await hub.record(talk.said(ann, "new", sent_at=clock() - 0.5))).is_stored


async def test_many_that_come_again_at_once_stay_forgotten(hub, talk, texts, ann):
    old = [talk.said(ann, f"old {number}", sent_at=5.0) for number in range(30)]
    await asyncio.gather(*map(hub.record, old))
    await hub.forget(ann)
    await hub.record(talk.said(ann, "new", sent_at=6.0))
    await asyncio.gather(*map(hub.record, old))
    assert await texts(hub, ann) == ["new"]


async def test_old_words_in_a_group_stay_forgotten_too(hub, talk, texts, ann, bob):
    lobby = talk.group()
    old = talk.said(lobby, "of ann", author=ann, sent_at=5.0)
    for event in (old, talk.said(lobby, "of bob", author=bob, sent_at=5.0)):
        await hub.record(event)
    await hub.forget(ann)
    assert not (await hub.record(old)).is_stored
    assert not await hub.edit(
        talk.said(lobby, "edited", author=ann, sent_at=5.0, message_id=old.message_id)
    )
    assert await texts(hub, lobby) == ["of bob"]


@pytest.mark.parametrize("kind", ["direct", "group"])
async def test_an_answer_that_comes_after_its_person_was_forgotten_brings_nobody_back(
    hub, talk, texts, ann, kind
):
    where = ann if kind == "direct" else talk.group()
    await hub.record(talk.said(where, "my secret", author=ann))
    await hub.forget(ann)
    assert not (await hub.record(talk.answered(where, "of your secret", answers=ann))).is_stored
    assert await hub.identity_of(ann) is None
    await hub.record(talk.said(where, "hello again", author=ann))
    assert (await hub.record(talk.answered(where, "hello", answers=ann))).is_stored
    assert await texts(hub, where) == ["hello again", "hello"]


@pytest.mark.parametrize("naming", [{"answers": None}, {"answers": None, "reply_to": "m1"}])
async def test_answers_in_a_group_stay_forgotten_though_nobody_says_whose_they_are(
    hub, talk, texts, ann, bob, naming
):
    lobby = talk.group()
    asked = talk.said(lobby, "my number?", author=ann, message_id="m1", sent_at=5.0)
    answer = talk.answered(lobby, "of ann", answers=ann, sent_at=6.0)
    for event in (asked, answer, talk.said(lobby, "of bob", author=bob, sent_at=7.0)):
        await hub.record(event)
    await hub.record(talk.said(ann, "newer", sent_at=8.0))
    await hub.forget(ann)
    again = replace(answer, **naming)
    assert not (await hub.record(again)).is_stored
    assert not await hub.edit(replace(again, text="of ann, edited", edited_at=9.0))
    assert (await hub.record(talk.answered(lobby, "new", sent_at=9.0))).is_stored
    assert await texts(hub, lobby) == ["of bob", "new"]


async def test_a_deleted_message_stays_deleted(hub, talk, texts, ann, clock):
    deleted = talk.said(ann, "deleted", sent_at=clock())
    await hub.record(deleted)
    clock.advance(seconds=5)
    await hub.delete(deleted.chat, [deleted.message_id])
    await hub.forget(ann)
    assert not (await hub.record(deleted)).is_stored
    clock.advance(seconds=5)
    assert (await hub.record(talk.said(ann, "new", sent_at=clock()))).is_stored


@pytest.mark.parametrize("is_back", [False, True])
@pytest.mark.parametrize("way", ["record", "edit"])
async def test_what_a_filter_held_up_meanwhile_stays_out(
    new_hub, talk, texts, ann, clock, way, is_back
):
    """It was handed in before, and is through the filter only after they were forgotten, by
    whichever process.
    """
    passed = asyncio.Event()

    class Slow:
        @hookimpl
        async def session_filter_message(self, event):
            await passed.wait()
            return event

    slow, hub = new_hub(Slow()), new_hub()
    await hub.record(talk.said(ann, "old", sent_at=clock() - 1))
    held_up = asyncio.create_task(
        getattr(slow, way)(talk.said(ann, "said before", sent_at=clock()))
    )
    await asyncio.sleep(0)
    clock.advance(seconds=1)
    await hub.forget(ann)
    if is_back:
        await hub.record(talk.said(ann, "new", sent_at=clock()))
    passed.set()
    await held_up
    assert await texts(hub, ann) == (["new"] if is_back else [])


async def test_it_is_remembered_over_restarts_and_by_other_processes(new_hub, talk, texts, ann):
    old = talk.said(ann, "old", sent_at=5.0)
    hub = new_hub()
    await hub.record(old)
    await hub.forget(ann)
    await hub.close()
    for other in (hub, new_hub()):
        assert not (await other.record(old)).is_stored


async def test_being_forgotten_twice_keeps_the_later_watermark(hub, talk, ann):
    for sent_at in (5.0, 9.0):
        await hub.record(talk.said(ann, "words", sent_at=sent_at))
        await hub.forget(ann)
    assert not (await hub.record(talk.said(ann, "between", sent_at=7.0))).is_stored


async def test_a_handle_of_the_blocking_store_finds_nothing_any_more(hub, talk, ann):
    await hub.record(talk.said(ann, "mine"))
    user_id = (await hub.identity_of(ann)).user_id
    store = hub.store()
    session = await asyncio.to_thread(store.get_or_create, user_id)
    await asyncio.to_thread(store.save_message, session.session_id, "user", "by the store")
    assert (await hub.forget(ann)).messages == 2
    with pytest.raises(UnknownSession):
        await asyncio.to_thread(store.save_message, session.session_id, "user", "again")


@pytest.mark.parametrize("is_alone", [False, True])
async def test_an_account_that_the_store_claims_is_as_forgotten_as_any(
    hub, talk, texts, ann, database, is_alone
):
    old = talk.said(ann, "old", sent_at=5.0)
    await hub.record(old)
    await hub.forget(ann)

    def claim():
        with SessionStore(database) if is_alone else hub.store() as store:
            session = store.get_or_create("ann")
            store.link_channel(session.session_id, ann.channel, ann.channel_user_id)

    await asyncio.to_thread(claim)
    assert not (await hub.record(old)).is_stored
    await hub.record(talk.said(ann, "new", sent_at=6.0))
    assert not (await hub.record(old)).is_stored
    assert await texts(hub, ann) == ["new"]


async def test_forgetting_while_messages_come_in_leaves_no_message_without_an_owner(
    hub, talk, texts, ann, bob
):
    lobby = talk.group()
    said = [
        talk.said(where, f"{n}", author=ann, sent_at=float(n))
        for n in range(1, 40)
        for where in (talk.direct(ann), lobby)
    ]
    await asyncio.gather(*map(hub.record, said), hub.forget(ann), hub.forget(ann))
    await hub.forget(ann)
    assert await texts(hub, lobby) == []
    assert await hub.identity_of(ann) is None
