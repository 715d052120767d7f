"""Searching what one may see: what is found, where the words stand, and how it goes on."""

import asyncio
import logging
from dataclasses import replace

import pytest

from session_plugin import Account, Attachment, hookimpl
from session_plugin.hub import looking
from session_plugin.records.conversation import searching, sources
from session_plugin.rules.searching import parse_query, places_in, searched_text

OCTOBER, NOVEMBER = 1_790_812_800.0, 1_793_491_200.0  # the first of each, in 2026

SENTENCES = {
    "en": "The café on Main Street closes at nine, they said.",
    "de": "Die Straßenbahn fährt über die Brücke.",
    "tr": "İstanbul'da çok güzel bir akşam",
    "el": "Ο καφές στην οδό Ερμού είναι καλός.",
    "ru": "Ёлка стоит в углу, рядом с диваном.",
    "ar": "ذَهَبْتُ إلى المكتبة مع أحمد",
    "he": "הספר הזה על השולחן",
    "th": "ไปกินข้าวกันไหมวันนี้",
    "hi": "मुझे हिन्दी किताब चाहिए",
    "zh": "我们明天去北京看朋友",
    "ja": "明日の会議は１０時からです。ｶﾞｲﾄﾞも来ます",
    "ko": "오늘 저녁에 한국어 수업이 있어요",
}
QUERIES = [
    ("CAFE", "en"),
    ("café street", "en"),
    ('"main street"', "en"),
    ('"street main"', ""),
    ("main -nine", ""),
    ("strassenbahn", "de"),
    ("uber brucke", "de"),
    ("istanbul", "tr"),
    ("GUZEL aksam", "tr"),
    ("καφεσ", "el"),
    ("ΕΡΜΟΥ ΟΔΟΣ", ""),
    ("οδο ΕΡΜΟΥ", "el"),
    ("елка", "ru"),
    ("ЁЛКА диван", "ru"),
    ('"в углу"', "ru"),
    ("ذهبت", "ar"),
    ("المكتبه", "ar"),
    ("احمد الى", "ar"),
    ("الي", "ar"),
    ("הספר", "he"),
    ("שולחן -ספר", ""),
    ("ข้าว", "th"),
    ("กิน วันนี้", "th"),
    ("ขาว", ""),
    ("किताब", "hi"),
    ("हिन्दी", "hi"),
    ("北京", "zh"),
    ("明天 朋友", "zh"),
    ("会議", "ja"),
    ("10時 ガイド", "ja"),
    ("한국", "ko"),
    ("수업 저녁", "ko"),
    ("明", "zh ja"),
]


@pytest.fixture
def ann(talk):
    return talk.account("ann")


@pytest.fixture
def too(talk):
    return talk.account("ann", channel="telegram")


@pytest.fixture
def search(hub, talk):
    """Search in an account's direct chat and give the texts that are found."""

    async def found_by(account, text, **request):
        found = await hub.session_of(talk.direct(account), account).search(text, **request)
        return [hit.message.content for hit in found.hits]

    return found_by


async def say(hub, talk, account, *texts, **details):
    for text in texts:
        await hub.record(talk.said(account, text, **details))


async def every_hit(session, text):
    """Yield all hits of a search, however often half a second is over on the way."""
    found = await session.search(text, limit=300)
    while True:
        for hit in found.hits:
            yield hit
        if found.is_complete:
            return
        found = await session.search(text, limit=300, before=found.cursor)


@pytest.mark.parametrize(("query", "found"), QUERIES)
def test_words_are_found_in_any_script(query, found):
    asked = parse_query(query)
    assert [name for name, text in SENTENCES.items() if asked.matches(text)] == found.split()


async def test_every_backend_finds_the_same_words(hub, talk, ann, search):
    await say(hub, talk, ann, *SENTENCES.values())
    for query, found in QUERIES:
        names = sorted(found.split(), key=list(SENTENCES).index, reverse=True)
        assert await search(ann, query) == [SENTENCES[name] for name in names], query


async def test_spans_are_where_the_words_stand_in_the_original(hub, talk, ann):
    text = "E\u0301te\u0301 ﬁne — l'été, Straße!"
    await say(hub, talk, ann, text)
    (hit,) = (await hub.session_of(talk.direct(ann), ann).search("strasse ETE")).hits
    assert [text[start:end] for start, end in hit.spans] == ["E\u0301te\u0301", "été", "Straße"]


def test_spans_do_not_overlap():
    query = parse_query("abc bcd xy")
    assert places_in(query, "abcd ab xy").spans == ((0, 4), (8, 10))


async def test_it_is_found_in_sessions_that_are_over_and_their_id_is_given(hub, talk, ann, clock):
    session = hub.session_of(talk.direct(ann), ann)
    await say(hub, talk, ann, "the old cat")
    old = await session.info()
    await session.start_new()
    await say(hub, talk, ann, "the new cat")
    found = await session.search("cat")
    assert [hit.message.content for hit in found.hits] == ["the new cat", "the old cat"]
    assert [hit.session_id for hit in found.hits] == [
        (await session.info()).session_id,
        old.session_id,
    ]
    assert (found.cursor, found.is_complete) == (None, True)


async def test_what_a_summary_stands_for_is_found(new_hub, talk, ann):
    hub = new_hub(consolidation_threshold=4)
    for number in range(20):
        await hub.record(talk.said(ann, f"number {number} of all"))
    await hub.settle()
    found = await hub.session_of(talk.direct(ann), ann).search('"number 1 of"')
    assert [hit.message.content for hit in found.hits] == ["number 1 of all"]


async def test_pages_go_on_where_the_one_before_stopped(hub, talk, ann):
    await say(hub, talk, ann, *(f"cat {number}" for number in range(10)), "dog")
    session = hub.session_of(talk.direct(ann), ann)
    pages, cursor = [], None
    while True:
        found = await session.search("cat", limit=4, before=cursor)
        pages.append([hit.message.content for hit in found.hits])
        if found.is_complete:
            break
        cursor = found.cursor
        await say(hub, talk, ann, "cat that came meanwhile")
    assert [len(page) for page in pages] == [4, 4, 2]
    assert [text for page in pages for text in page] == [
        f"cat {number}" for number in range(9, -1, -1)
    ]


async def test_what_was_imported_is_found_after_everything_that_was_said_since(hub, talk, ann):
    old = [
        talk.said(ann, f"my cat {number}", sent_at=1_500_000_000.0 + number) for number in range(5)
    ]
    session = (await hub.record(talk.said(ann, "the cat now"))).session
    await hub.import_history(old)

    texts, cursor = [], None
    while not texts or cursor:
        found = await session.search("cat", limit=2, before=cursor)
        texts += [hit.message.content for hit in found.hits]
        assert all(hit.session_id for hit in found.hits)
        assert found.is_complete is (found.cursor is None)
        cursor = found.cursor

    assert texts == ["the cat now", "my cat 4", "my cat 3", "my cat 2", "my cat 1", "my cat 0"]


async def test_a_page_that_holds_the_last_hit_is_complete(hub, talk, ann):
    await say(hub, talk, ann, "dog", "cat 1", "dog", "cat 2", "dog")
    session = hub.session_of(talk.direct(ann), ann)
    assert (await session.search("cat", limit=2)).is_complete
    assert not (await session.search("cat", limit=1)).is_complete


async def test_the_closest_of_a_page_comes_first_then_the_newest(hub, talk, ann, search):
    far = "cat " + "x" * 100 + " food"
    await say(hub, talk, ann, "food for a cat", "cat food", "Cat-FOOD again", far)
    assert await search(ann, "cat food") == ["Cat-FOOD again", "cat food", "food for a cat", far]
    session = hub.session_of(talk.direct(ann), ann)
    closeness = [hit.closeness for hit in (await session.search("cat food")).hits]
    assert closeness == ["phrase", "phrase", "near", "words"]


def test_many_signs_in_many_ways_are_compared_in_no_time():
    """One expression for all of them would try each way of spreading them over the text."""
    query = parse_query("! " * 31 + "x")
    assert places_in(query, "x" + "!" * 4000).closeness == "near"


async def test_who_said_it_where_and_when(hub, talk, ann, too, old_link, search):
    await say(hub, talk, ann, "cat of october", sent_at=OCTOBER)
    await say(hub, talk, too, "cat of november", sent_at=NOVEMBER)
    await hub.record(talk.answered(ann, "cat of the bot", sent_at=NOVEMBER + 1))
    await old_link(hub, ann, too)
    bot, november, october = "cat of the bot", "cat of november", "cat of october"
    for query, found in {
        "cat": [bot, november, october],
        "cat from:me": [november, october],
        "cat FROM:Bot": [bot],
        "cat from:me from:bot": [],
        "cat on:telegram": [november],
        "cat on:Discord from:me": [october],
        "cat on:matrix": [],
        "cat after:2026-11": [bot, november],
        "cat before:2026-11": [october],
        "cat after:2026-10-1 before:2026-11-1": [october],
        "cat before:2026-10": [],
        "cat after:2027": [],
    }.items():
        assert await search(ann, query) == found, query
    for request, found in [
        ({"who": "me"}, [november, october]),
        ({"who": "bot"}, [bot]),
        ({"who": too}, [november]),
        ({"who": Account("discord", "nobody")}, []),
        ({"channel": "telegram"}, [november]),
        ({"channel": "Telegram"}, []),
        ({"since": NOVEMBER}, [bot, november]),
        ({"until": NOVEMBER}, [october]),
        ({"since": NOVEMBER, "who": "me"}, [november]),
    ]:
        assert await search(ann, "cat", **request) == found, request


async def test_in_a_group_me_is_who_reads(hub, talk, ann):
    bob, group = talk.account("bob"), talk.group()
    for who in (ann, bob):
        await hub.record(talk.said(group, f"cat of {who.channel_user_id}", author=who))
    found = await hub.session_of(group, bob).search("cat from:me")
    assert [hit.message.person for hit in found.hits] == [bob]
    assert (await hub.session_of(group, None).search("cat from:me")).hits == ()
    assert len((await hub.session_of(group, None).search("cat")).hits) == 2


async def test_own_words_in_groups_are_found_where_the_author_shows_them(new_hub, talk, ann):
    bob, group = talk.account("bob"), talk.group()
    hub = new_hub(direct_sees_groups=True)
    await hub.record(talk.said(group, "cat of bob", author=bob))
    for number in range(250):  # several pieces of what she said
        await hub.record(talk.said(group if number % 50 == 7 else ann, f"cat {number}", author=ann))
    await hub.session_of(group, ann).add("system", "cat for a model only")
    session = hub.session_of(talk.direct(ann), ann)
    found = [hit.message async for hit in every_hit(session, "cat")]
    assert [message.content for message in found] == [f"cat {n}" for n in range(249, -1, -1)]
    shown = await session.history(limit=None, include_previous=True)
    assert found == shown[::-1]
    (hit,) = (await session.search('"cat 57"')).hits
    assert hit.session_id == (await hub.session_of(group, ann).info()).session_id
    assert (await session.search("cat 57 on:telegram")).hits == ()


async def test_a_filter_that_failed_leaves_nothing_to_be_found(new_hub, talk, ann):
    class Broken:
        @hookimpl
        def session_filter_message(self, event):
            raise ZeroDivisionError

    hub = new_hub()
    await say(hub, talk, ann, "cat one")
    hub.register(Broken())
    await say(hub, talk, ann, "cat two")
    session = hub.session_of(talk.direct(ann), ann)
    assert [m.is_withheld for m in await session.history()] == [False, True]
    assert [hit.message.content for hit in (await session.search("cat")).hits] == ["cat one"]


async def test_what_was_edited_deleted_or_said_in_private_is_not_found(hub, talk, ann, search):
    first, second = talk.said(ann, "cat one"), talk.said(ann, "cat two")
    await hub.record(first)
    await hub.record(second)
    await hub.edit(replace(first, text="dog one", edited_at=2.0))
    await hub.delete(second.chat, [second.message_id])
    await hub.set_private(ann, True)
    await say(hub, talk, ann, "cat three")
    assert await search(ann, "cat") == []
    assert await search(ann, "dog") == ["dog one"]


async def test_only_what_came_before_a_message(hub, talk, ann):
    await say(hub, talk, ann, "cat one")
    asking = talk.said(ann, "where was the cat?")
    recorded = await hub.record(asking)
    found = await recorded.session.search("cat", before=asking)
    assert [hit.message.content for hit in found.hits] == ["cat one"]


async def test_nobody_known_finds_nothing(hub, talk, ann):
    found = await hub.session_of(talk.direct(ann), ann).search("cat")
    assert (found.hits, found.cursor, found.is_complete) == ((), None, True)
    assert (await hub.search("nobody", "cat")).hits == ()
    assert (await hub.search("\0", "cat")).hits == ()


async def test_an_operator_searches_for_a_person_under_any_of_their_ids(
    hub, talk, ann, too, old_link
):
    await say(hub, talk, ann, "cat on discord")
    await say(hub, talk, too, "cat on telegram")
    ids = [(await hub.identity_of(one)).user_id for one in (ann, too)]
    await old_link(hub, ann, too)
    for person in (ann, too, *ids):
        found = await hub.search(person, "cat", limit=1)
        (hit,) = found.hits
        assert hit.message.content == "cat on telegram"
        (hit,) = (await hub.search(person, "cat", before=found.cursor)).hits
        assert hit.message.content == "cat on discord"
    assert len((await hub.search(ann, "cat", who="me", channel="discord")).hits) == 1


async def test_parts_of_a_scope_are_searched_apart(new_hub, talk, ann):
    class Parts:
        @hookimpl
        def session_resolve_scope(self, event):
            return "work" if event.text.startswith("work") else None

    hub = new_hub(Parts())
    recorded = await hub.record(talk.said(ann, "work cat"))
    await say(hub, talk, ann, "cat")
    assert [hit.message.content for hit in (await recorded.session.search("cat")).hits] == [
        "work cat"
    ]
    assert [hit.message.content for hit in (await hub.search(ann, "cat")).hits] == ["cat"]
    found = await hub.search(ann, "cat", scope_name="work")
    assert [hit.message.content for hit in found.hits] == ["work cat"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no word"),
        (" \n", "no word"),
        ("\u064b\u0640 ", "no word"),
        ("-cat", "no word"),
        ("from:me", "no word"),
        ('""', "no word"),
        ("cat from:ann", "from:me"),
        ("cat after:soon", "after:2026-10"),
        ("cat before:2026-13", "before:2026-10"),
        ("cat on:", "on:telegram"),
        ("a " * 33, "at most 32"),
    ],
)
async def test_what_cannot_be_searched_for_is_refused_with_how_to_do_it(hub, talk, ann, text, says):
    with pytest.raises(ValueError, match=says):
        await hub.session_of(talk.direct(ann), ann).search(text)
    with pytest.raises(ValueError, match=says):
        await hub.search(ann, text)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"limit": 0}, ValueError),
        ({"limit": True}, ValueError),
        ({"limit": 1001}, ValueError),
        ({"before": "yesterday"}, ValueError),
        ({"before": "s1_99999999999999999999_0_0"}, ValueError),
        ({"before": 7}, TypeError),
        ({"who": "ann"}, ValueError),
        ({"channel": 7}, TypeError),
        ({"since": "2026"}, ValueError),
    ],
)
async def test_an_argument_that_makes_no_sense_is_refused(hub, talk, ann, request_, error):
    with pytest.raises(error):
        await hub.session_of(talk.direct(ann), ann).search("cat", **request_)


async def test_the_person_of_an_operators_search_is_an_account_or_an_id(hub):
    with pytest.raises(TypeError, match="person is an Account"):
        await hub.search(7, "cat")


def test_quotation_marks_of_keyboards_and_typographers_make_phrases():
    for query in ("“cat food”", "«cat food»", "„cat food“", '"cat food', "＂cat food＂"):
        assert parse_query(query).terms == (("cat", "food"),)


def test_what_looks_like_an_operator_and_is_none_is_a_word():
    assert parse_query("http://example.org to:me -").terms == (
        ("http://example.org",),
        ("to:me",),
        ("-",),
    )


def test_what_was_said_in_an_attachment_is_searched_too():
    voice = Attachment(id="2", kind="voice", transcript="the cat sat")
    assert searched_text("Listen:", [Attachment(id="1"), voice]) == "Listen:\nthe cat sat"


def test_a_query_shows_nobody_what_was_searched_for():
    assert "secret" not in repr(parse_query("secret -secret"))


async def test_a_search_is_no_message_and_its_words_are_never_logged(
    hub, talk, ann, search, backend, database, caplog
):
    caplog.set_level(logging.DEBUG)
    await say(hub, talk, ann, "cat")
    await search(ann, "zanzibar")
    await hub.search_for(ann, talk.direct(ann), "zanzibar", limit=5)
    await hub.settle()
    assert b"zanzibar" not in backend.contents(database)
    assert "zanzibar" not in caplog.text


async def test_a_search_that_takes_too_long_says_where_to_go_on(hub, talk, ann, monkeypatch):
    monkeypatch.setattr(looking, "LONGEST_SEARCH", 0.0)
    monkeypatch.setattr(searching, "SNAPSHOT_SECONDS", 0.0)
    monkeypatch.setattr(sources, "BLOCK", 5)
    await say(hub, talk, ann, "cat 1", *(f"dog {number}" for number in range(40)), "cat 2")
    session = hub.session_of(talk.direct(ann), ann)
    found, hits, calls = await session.search("cat"), [], 1
    while not found.is_complete:
        hits += found.hits
        found = await session.search("cat", before=found.cursor)
        calls += 1
    assert [hit.message.content for hit in (*hits, *found.hits)] == ["cat 2", "cat 1"]
    assert calls > 8


async def test_links_while_a_search_goes_on_show_each_page_as_it_is_then(
    hub, talk, ann, too, old_link, search
):
    """Nothing that became invisible is shown on a later page."""
    for number in range(4):
        await say(hub, talk, ann, f"cat {number} on discord")
        await say(hub, talk, too, f"cat {number} on telegram")
    await old_link(hub, ann, too)
    session = hub.session_of(talk.direct(ann), ann)
    found = await session.search("cat", limit=3)
    assert {hit.message.channel for hit in found.hits} == {"discord", "telegram"}
    await hub.unlink(too)
    found = await session.search("cat", limit=10, before=found.cursor)
    assert {hit.message.channel for hit in found.hits} == {"discord"}


async def test_many_blocks_of_many_chats_come_in_one_order(
    hub, talk, ann, too, old_link, monkeypatch
):
    monkeypatch.setattr(sources, "BLOCK", 3)
    session = hub.session_of(talk.direct(ann), ann)
    for number in range(60):
        await say(hub, talk, too if number % 7 in {1, 2, 5} else ann, f"cat {number}")
        if number in {20, 21, 40}:
            await session.start_new()
        if number == 30:
            await old_link(hub, ann, too)
    shown = await session.history(limit=None, include_previous=True)
    hits, found = [], None
    while found is None or not found.is_complete:
        found = await session.search("cat", limit=4, before=found and found.cursor)
        hits += found.hits
    assert [hit.message for hit in hits] == shown[::-1]
    assert len(shown) == 60


async def test_others_write_and_read_while_somebody_searches(hub, talk, ann, search):
    await say(hub, talk, ann, *(f"cat {number}" for number in range(50)))

    async def write(number):
        await say(hub, talk, ann, f"dog {number}")

    results = await asyncio.gather(
        *(search(ann, "cat", limit=50) for _ in range(20)), *(write(n) for n in range(20))
    )
    assert all(len(found) == 50 for found in results[:20])


async def test_a_last_search_is_gone_once_anybody_is_forgotten(hub, talk, ann):
    await say(hub, talk, ann, *(f"cat {number}" for number in range(9)))
    chat = talk.direct(ann)
    assert len((await hub.search_for(ann, chat, "cat", limit=5)).hits) == 5
    assert len((await hub.search_for(ann, chat, None, limit=5)).hits) == 4
    assert await hub.search_for(ann, chat, None, limit=5) is None
    await hub.search_for(ann, chat, "cat", limit=5)
    await hub.forget(ann)
    assert await hub.search_for(ann, chat, None, limit=5) is None


def test_last_searches_are_few_and_end():
    now = 0.0
    searches = looking.LastSearches(lambda: now)
    people = [Account("discord", str(number)) for number in range(looking.MOST_REMEMBERED + 5)]
    for who in people:
        searches.note(who, "cat", "cursor")
    assert searches.of(people[4]) is None
    assert searches.of(people[5]).text == "cat"
    now = looking.REMEMBERED_SECONDS
    assert searches.of(people[5]) is None
