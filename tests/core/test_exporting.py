"""Handing over a person's data: everything that forgetting would remove, and nothing about anybody
else.
"""

import asyncio
import json
import time
from collections import Counter

import pytest

from session_plugin import ExportRefused
from session_plugin.records.people import exporting


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def ann_too(talk):
    return talk.account("ann", channel="telegram")


@pytest.fixture
def bob(talk):
    return talk.account("bob")


async def exported(hub, who):
    return [line async for line in hub.export(who)]


def texts_of(lines):
    return [line["text"] for line in lines if line["kind"] == "message"]


async def test_everything_of_a_person_is_handed_over_over_all_accounts(
    hub, talk, old_link, ann, ann_too
):
    for account in (ann, ann_too):
        await hub.record(
            talk.said(
                account, f"said on {account.channel}", author_name=f"Ann of {account.channel}"
            )
        )
        await hub.record(talk.answered(account, f"answered on {account.channel}"))
    await old_link(hub, ann, ann_too)
    lines = await exported(hub, ann_too)
    identity = await hub.identity_of(ann)
    header = {
        "kind": "export",
        "schema": 1,
        "made_at": hub._parts.context().now,
        "user_id": identity.user_id,
        "state": {},
    }
    assert lines[0] == header
    accounts = [
        (line["channel"], line["id"], line["name"]) for line in lines if line["kind"] == "account"
    ]
    assert accounts == [
        ("discord", ann.channel_user_id, "Ann of discord"),
        ("telegram", ann_too.channel_user_id, "Ann of telegram"),
    ]
    assert sorted(texts_of(lines)) == [
        "answered on discord",
        "answered on telegram",
        "said on discord",
        "said on telegram",
    ]
    assert texts_of(await exported(hub, identity.user_id)) == texts_of(lines)


async def test_what_is_kept_with_either_id_of_two_that_are_linked_is_handed_over(
    hub, talk, clock, old_link, ann, ann_too
):
    for account in (ann, ann_too):
        await hub.record(talk.said(account, "hi"))
        await hub.session_of(talk.direct(account), account).set_user_state(channel=account.channel)
        clock.advance(seconds=1)
    ids = [(await hub.identity_of(account)).user_id for account in (ann, ann_too)]
    await old_link(hub, ann, ann_too)
    states = {
        line["user_id"]: line["state"]
        for line in await exported(hub, ann_too)
        if "state" in line and "user_id" in line
    }
    assert states == {ids[0]: {"channel": "discord"}, ids[1]: {"channel": "telegram"}}


@pytest.mark.parametrize("is_asker", [True, False], ids=["who asked goes", "who asked stays"])
async def test_an_account_that_leaves_while_it_is_read_takes_its_messages_along(
    hub, talk, old_link, ann, ann_too, is_asker
):
    lobby = talk.group()
    for account in (ann, ann_too):
        await hub.record(talk.said(account, f"on {account.channel}"))
        await hub.record(talk.said(lobby, f"in public on {account.channel}", author=account))
    await old_link(hub, ann, ann_too)
    lines = hub.export(ann)
    assert (await anext(lines))["kind"] == "export"
    await hub.unlink(ann if is_asker else ann_too)
    await hub.record(talk.said(ann_too, "apart"))
    assert texts_of([line async for line in lines]) == ["on discord", "in public on discord"]


async def test_a_link_while_it_is_read_hides_nothing(hub, talk, clock, link, ann, ann_too):
    for account in (ann_too, ann):
        await hub.record(talk.said(account, f"on {account.channel}"))
        clock.advance(seconds=1)
    lines = hub.export(ann)
    assert (await anext(lines))["kind"] == "export"
    await link(hub, ann, ann_too)
    assert texts_of([line async for line in lines]) == ["on discord"]


async def test_what_a_caller_of_the_store_named_as_channel_is_handed_over(hub):
    store = hub.store()

    def save():
        store.save_message(store.get_or_create("ann").session_id, "user", "hi", channel="whatsapp")

    await asyncio.to_thread(save)
    assert [
        line["channel"] for line in await exported(hub, "ann") if line["kind"] == "message"
    ] == ["whatsapp"]


async def test_of_groups_only_ones_own_words_and_the_answers_to_them(hub, talk, ann, bob):
    lobby = talk.group()
    await hub.record(talk.said(lobby, "of ann", author=ann, author_name="Ann"))
    await hub.record(talk.answered(lobby, "to ann", answers=ann))
    await hub.record(talk.said(lobby, "of bob", author=bob, author_name="Bob"))
    await hub.record(talk.answered(lobby, "to bob", answers=bob))
    lines = await exported(hub, ann)
    assert texts_of(lines) == ["of ann", "to ann"]
    assert "bob" not in json.dumps(lines).casefold()


async def test_nothing_is_said_about_whom_one_is_linking_with(hub, talk, ann, bob):
    await hub.record(talk.said(ann, "mine", author_name="Ann"))
    await hub.record(talk.said(bob, "of bob", author_name="Bob"))
    await hub.redeem_link(bob, (await hub.request_link(ann)).code)
    lines = await exported(hub, ann)
    assert "bob" not in json.dumps(lines).casefold()
    assert [line["role"] for line in lines if line["kind"] == "link_request"] == ["asker"]
    assert [line["notice"] for line in lines if line["kind"] == "notice"] == ["link_redeemed"]


async def test_no_code_is_handed_over(hub, ann):
    code = (await hub.request_link(ann)).code
    assert code not in json.dumps(await exported(hub, ann))


async def test_a_long_history_comes_in_order_and_whole(hub, talk, ann):
    said = [talk.said(ann, f"{number}") for number in range(1203)]
    await asyncio.gather(*map(hub.record, said))
    assert texts_of(await exported(hub, ann)) == [event.text for event in said]


async def test_what_is_exported_and_what_is_then_forgotten_are_the_same(
    new_hub, talk, old_link, ann, ann_too, bob
):
    hub = new_hub(consolidation_threshold=4)
    lobby = talk.group()
    for account in (ann, bob, ann_too):
        for number in range(7):
            await hub.record(talk.said(account, f"words {number}"))
        await hub.record(
            talk.said(lobby, "in public", author=account)
            if account != ann_too
            else talk.said(account, "more")
        )
    await hub.settle()
    await old_link(hub, ann, ann_too)
    kinds = Counter(line["kind"] for line in await exported(hub, ann))
    receipt = await hub.forget(ann)
    assert kinds["message"] == receipt.messages
    assert kinds["session"] == receipt.sessions
    assert kinds["chat"] == receipt.chats
    assert kinds["account"] == receipt.accounts
    assert kinds["attempt"] == receipt.attempts
    assert kinds["summary"] >= 1


async def test_any_text_can_be_written_as_json(hub, talk, ann):
    odd = "a\0b \ud800 \N{GRINNING FACE}\n"
    await hub.record(talk.said(ann, odd, metadata={"k": [1, None]}))
    (message,) = [line for line in await exported(hub, ann) if line["kind"] == "message"]
    again = json.loads(json.dumps(message).encode())
    assert (again["text"], again["metadata"]) == (odd, {"k": [1, None]})


async def test_each_kind_has_just_the_fields_that_are_documented(
    new_hub, talk, old_link, ann, ann_too, bob
):
    table = [
        row.split("|")
        for row in exporting.__doc__.splitlines()
        if row.startswith("| ") and "kind" not in row[:7]
    ]
    documented = {
        row[1].strip(): {
            "kind",
            *(name.split("(")[0].split(":")[0].strip() for name in _fields(row[2])),
        }
        for row in table
    }
    hub = new_hub(consolidation_threshold=4)
    for number in range(9):
        await hub.record(talk.said(ann, f"words {number}"))
    await hub.settle()
    await old_link(hub, ann, ann_too)
    await hub.redeem_link(bob, (await hub.request_link(ann)).code)
    seen = {line["kind"]: set(line) for line in await exported(hub, ann)}
    assert seen == documented


def _fields(cell):
    """Split at commas that stand in no parentheses; what follows a semicolon or a colon is
    explanation.
    """
    depth, field, fields = 0, "", []
    for one in cell.split(";")[0].split(": ")[0]:
        depth += (one == "(") - (one == ")")
        if one == "," and depth == 0:
            fields.append(field)
            field = ""
        else:
            field += one
    return [*fields, field]


async def test_nobody_known_has_nothing(hub, ann):
    assert await exported(hub, ann) == []
    assert await exported(hub, "nobody's id") == []


async def test_handing_over_is_audited(hub, talk, ann):
    await hub.record(talk.said(ann, "mine"))
    await exported(hub, ann)
    assert "exported" in [
        line["action"] for line in await exported(hub, ann) if line["kind"] == "audit"
    ]


async def test_one_may_ask_for_three_exports_a_day_and_forgetting_does_not_help(
    hub, talk, ann, bob, clock
):
    await hub.record(talk.said(ann, "mine"))
    for _ in range(3):
        await hub.request_export(ann)
    await hub.forget(ann)
    with pytest.raises(ExportRefused, match="24 hours"):
        await hub.request_export(ann)
    await hub.request_export(bob)
    clock.advance(hours=24)
    await hub.request_export(ann)


async def test_no_piece_of_an_export_holds_the_writer_for_long(new_hub, talk, ann, monkeypatch):
    """In memory there is one connection for readers and the writer."""
    hub = new_hub(path=":memory:", consolidation_threshold=2)
    view = hub.session_of(talk.direct(ann), ann)
    for number in range(400):
        for _ in range(3):
            await hub.record(talk.said(ann, f"words {number} " * 50))
        await view.start_new()
    await hub.settle()

    took = []

    def timed(operation):
        def run(*arguments):
            started = time.thread_time()
            result = operation(*arguments)
            took.append(time.thread_time() - started)
            return result

        return run

    for name in ("note", "begin", "read_page"):
        monkeypatch.setattr(exporting, name, timed(getattr(exporting, name)))
    kinds = Counter(line["kind"] for line in await exported(hub, ann))
    assert (kinds["message"], kinds["session"], kinds["summary"]) == (1200, 401, 400)
    assert len(took) > 400
    assert max(took) < 0.02
