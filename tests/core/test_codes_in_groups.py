"""Codes that a group has seen are worthless, wherever they stood; what only looks like one costs
next to nothing.
"""

import asyncio
import hmac
import random
import time
from collections import Counter
from dataclasses import replace

import pytest

from session_plugin import Attachment, LinkRefused, hookimpl
from session_plugin.database import postgresql, sqlite

CAPITALS = "".join(random.Random(1).choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=4096))


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def bob(talk):
    return talk.account("bob", channel="telegram")


@pytest.fixture
def lobby(talk):
    return talk.group()


@pytest.fixture
def work(monkeypatch):
    """Count statements about link requests, and keyed hashes."""
    done = Counter()

    def counting(method):
        def run(self, query, *rows, **values):
            if "link_request" in query or "live_code" in query:
                done["statements"] += 1
            return method(self, query, *rows, **values)

        return run

    def digest(*arguments, digest=hmac.digest):
        done["hashes"] += 1
        return digest(*arguments)

    for tx in (sqlite._SqliteTx, postgresql._PostgresqlTx):
        for name in ("first", "all", "all_many", "run"):
            monkeypatch.setattr(tx, name, counting(vars(tx)[name]))
    monkeypatch.setattr(hmac, "digest", digest)
    return done


async def is_worthless(hub, account, code):
    try:
        await hub.redeem_link(account, code)
    except LinkRefused:
        return True
    return False


PLACES = {
    "caption": lambda code: {"text": code, "attachments": (Attachment(id="1", kind="photo"),)},
    "file name": lambda code: {"attachments": (Attachment(id="1", filename=f"{code}.png"),)},
    "poll": lambda code: {"metadata": {"poll": {"question": "Which?", "options": ["x", code]}}},
    "embed": lambda code: {"metadata": {"embeds": [{"title": "T", "fields": [[code]]}]}},
    "quote": lambda code: {"metadata": {"quote": {"text": code}}},
    "far back in a long text": lambda code: {"text": "word " * 20_000 + code},
    "among look-alikes": lambda code: {"text": CAPITALS[:900] + " " + code},
}


@pytest.mark.parametrize("is_edit", [False, True])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
async def test_a_code_is_worthless_wherever_a_group_can_read_it(
    hub, talk, ann, bob, lobby, place, is_edit
):
    said = talk.said(lobby, "hello", author=ann)
    if is_edit:
        await hub.record(said)
    code = (await hub.request_link(ann)).code
    shown = replace(said, **place(code), edited_at=5.0 if is_edit else None)
    await (hub.edit(shown) if is_edit else hub.record(shown))
    assert await is_worthless(hub, bob, code)


async def test_a_code_that_another_process_gave_out_is_worthless_at_once(
    new_hub, talk, ann, bob, lobby
):
    """What one process knows about codes is never what it knew a moment ago."""
    here, there = new_hub(), new_hub()
    await here.record(talk.said(lobby, "looks like ABCD-2345", author=ann))
    code = (await there.request_link(ann)).code
    await here.record(talk.said(lobby, code, author=ann))
    assert await is_worthless(there, bob, code)


async def test_half_a_code_in_each_of_two_places_is_none(hub, talk, ann, bob, lobby):
    code = (await hub.request_link(ann)).code
    first, second = code.split("-")
    halves = {"poll": {"question": first, "options": [second]}}
    await hub.record(talk.said(lobby, "x", author=ann, metadata=halves))
    assert not await is_worthless(hub, bob, code)


async def test_look_alikes_cost_one_statement_and_no_hash_while_no_code_is_live(
    hub, talk, ann, lobby, clock, work
):
    await hub.request_link(ann)
    clock.advance(hours=1)
    await hub.record(talk.said(lobby, "hello", author=ann))
    work.clear()
    await hub.record(talk.said(lobby, CAPITALS, author=ann))
    assert work == {"statements": 1}


async def test_look_alikes_cost_a_few_statements_while_a_code_is_live(hub, talk, ann, lobby, work):
    await hub.request_link(ann)
    await hub.record(talk.said(lobby, "hello", author=ann))
    work.clear()
    await hub.record(talk.said(lobby, CAPITALS, author=ann))
    assert work["statements"] <= 3
    assert work["hashes"] <= 1000


async def test_what_is_no_look_alike_costs_nothing(hub, talk, ann, lobby, work):
    await hub.request_link(ann)
    work.clear()
    await hub.record(talk.said(lobby, "an ordinary message, sent at 10:45", author=ann))
    assert not work


@pytest.mark.parametrize("text", [CAPITALS, "A2", "abcdefgh", "\ufdfa", "a\u0301\u0323", "-"])
async def test_a_megabyte_of_look_alikes_stalls_nobody(hub, talk, ann, lobby, text):
    longest = 0.0

    async def tick():
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began)

    await hub.request_link(ann)
    await hub.record(talk.said(lobby, "hello", author=ann))
    ticking = asyncio.create_task(tick())
    await hub.record(talk.said(lobby, text * (1_000_000 // len(text)), author=ann))
    ticking.cancel()
    assert longest < 0.5


async def test_a_code_that_a_filter_would_take_out_is_burnt_all_the_same(
    new_hub, talk, ann, bob, lobby
):
    class NoMetadata:
        @hookimpl
        def session_filter_message(self, event):
            return replace(event, metadata={})

    hub = new_hub(NoMetadata())
    code = (await hub.request_link(ann)).code
    await hub.record(talk.said(lobby, "x", author=ann, metadata={"poll": {"question": code}}))
    assert await is_worthless(hub, bob, code)
