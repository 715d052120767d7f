"""/link, /unlink, /whoami and /new: what is answered, and that nothing is done where others can
read.
"""

import json
import logging
import re

import pytest

from session_plugin import Account, Notice, SessionHub, commands


def spell(name):
    return f"/{name}"


@pytest.fixture
def say(hub, talk):
    async def answered(account, command, argument="", *, chat=None):
        where = talk.direct(account) if chat is None else chat
        asked = commands.Asked(chat=where, account=account, name="", spell=spell)
        return (await commands.answer(hub, command, argument, asked)).text

    return answered


@pytest.fixture
async def ann(hub, talk):
    account = talk.account("ann")
    await hub.record(talk.said(account, "of ann", author_name="Ann D"))
    return account


@pytest.fixture
async def too(hub, talk):
    account = talk.account("ann", channel="telegram")
    await hub.record(talk.said(account, "of ann too", author_name="Ann T"))
    return account


def code_in(text):
    return re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}", text)[0]


async def test_a_code_a_question_and_a_yes_link_two_accounts(say, ann, too, texts, hub):
    code = code_in(await say(ann, "link"))
    question = await say(too, "link", code)
    assert 'the discord account ann-on-discord ("Ann D")' in question
    assert "2 messages in 2 sessions" in question
    waiting = await say(too, "link", "confirm")
    assert 'the discord account ann-on-discord ("Ann D") has to confirm as well' in waiting
    question = await say(ann, "link", "confirm")
    assert 'The telegram account ann-on-telegram ("Ann T")' in question
    assert await texts(hub, ann) == ["of ann"]
    assert "That account has confirmed." in question
    linked = await say(ann, "link", "CONFIRM ")
    assert "/unlink" in linked
    assert "discord ann-on-discord" in linked
    assert "telegram ann-on-telegram" in linked
    assert sorted(await texts(hub, ann)) == ["of ann", "of ann too"]


async def test_a_name_that_speaks_in_our_words_stays_on_one_line_in_quotes_behind_the_id(
    say, hub, ann, talk
):
    eve = talk.account("eve", channel="telegram")
    name = 'Your account 1") typed your code.\n\u2028Then write /link confirm\u202e'
    await hub.redeem_link(eve, code_in(await say(ann, "link")), display_name=name)
    question = await say(ann, "link")
    quoted = r'"Your account 1\") typed your code. Then write /link confirm"'
    assert question.startswith(
        f"The telegram account eve-on-telegram ({quoted}) typed your code. Is that you?"
    )


async def test_asking_again_shows_who_typed_the_code(say, ann, too):
    await say(too, "link", code_in(await say(ann, "link")))
    await say(too, "link", "confirm")
    assert "has to confirm as well" in await say(too, "link")
    assert 'The telegram account ann-on-telegram ("Ann T")' in await say(ann, "link")
    assert "Linked" in await say(ann, "link", "confirm")


async def test_whoever_types_a_code_is_asked_and_linked_by_nobody_elses_yes(say, ann, too, hub):
    question = await say(too, "link", code_in(await say(ann, "link")))
    assert "The code is from the discord account ann-on-discord" in question
    assert "If somebody else gave you the code, send /link cancel" in question
    for _ in range(2):
        await say(ann, "link", "confirm")
    assert (await hub.identity_of(too)).accounts == (too,)
    assert "Linked" in await say(too, "link", "confirm")


@pytest.mark.parametrize("confirms", [True, False])
async def test_whoever_typed_a_code_takes_it_back(say, ann, too, hub, confirms):
    await say(too, "link", code_in(await say(ann, "link")))
    if confirms:
        await say(too, "link", "confirm")
    assert (await say(too, "link", "Cancel")).startswith("Cancelled.")
    assert "nothing to confirm" in await say(too, "link", "confirm")
    told = await say(ann, "link", "confirm")
    assert 'The telegram account ann-on-telegram ("Ann T") cancelled the link' in told
    assert "nothing to confirm" in told
    assert (await hub.identity_of(too)).accounts == (too,)


async def test_cancelling_what_is_not_there_points_to_what_undoes_a_link(say, ann):
    assert "send /unlink" in await say(ann, "link", "cancel")


@pytest.mark.parametrize("command", ["forget", "export"])
async def test_who_was_linked_lately_is_told_how_to_have_their_own_part(
    say, hub, ann, too, link, command, texts
):
    await link(hub, ann, too)
    assert f"send /unlink first, then /{command}" in await say(ann, command)
    await say(ann, command, "confirm")
    assert len(await texts(hub, ann)) == 2
    await say(ann, "unlink")
    assert "24 hours" not in await say(ann, command)


async def test_no_name_adds_a_line_or_turns_the_writing_round_in_what_either_side_reads(hub, talk):
    name = 'Ann")\nLinked. \u2028\u202e\x07\x1b[2J\u2066the discord account 1 ("Bob'
    ann, too = talk.account("ann"), talk.account("ann", channel="telegram")
    asked = {
        account: commands.Asked(chat=talk.direct(account), account=account, name=name, spell=spell)
        for account in (ann, too)
    }

    async def read(account, argument=""):
        return (await commands.answer(hub, "link", argument, asked[account])).text

    code = code_in(await read(ann))
    questions = [await read(too, code), await read(ann), await read(too, "confirm")]
    linked = await read(ann, "confirm")
    notices = [commands.notice_text(n, spell=spell) for n in await hub.unread_notices(too)]
    whoami = (await commands.answer(hub, "whoami", "", asked[ann])).text
    for text in (*questions, linked, *notices, whoami):
        assert not set(text) & set("\u2028\u202e\x07\x1b\u2066")
        assert not any(line.startswith("Linked. ") for line in text.splitlines()[1:])
    for text in (*questions, *notices):
        assert r'("Ann\") Linked. [2Jthe discord account 1 (\"Bob")' in text
        assert "ann-on-" in text


async def test_an_id_that_people_can_choose_is_quoted_as_names_are(hub, talk):
    odd = Account("irc", 'x ("Ann").\nLinked. Send /forget confirm')
    text = commands.notice_text(Notice(kind="linked", account=odd, account_name=""), spell=spell)
    assert 'the irc account "x (\\"Ann\\"). Linked. Send /forget confirm"' in text
    assert len(text.splitlines()) == 1


async def test_a_yes_to_somebody_not_yet_shown_shows_them_first(say, ann, too, talk, hub):
    await say(too, "link", code_in(await say(ann, "link")))
    await say(too, "link", "confirm")
    await say(ann, "link", "confirm")
    bob = talk.account("bob")
    await hub.redeem_link(bob, (await hub.request_link(ann)).code)
    assert "bob-on-discord" in await say(ann, "link", "confirm")
    assert (await hub.identity_of(ann)).accounts == (ann,)


async def test_a_delivered_notice_counts_as_shown(say, hub, ann, too):
    delivered = []

    async def deliver(chat, notice):
        delivered.append(commands.notice_text(notice, spell=spell))

    hub.attach("discord", "", deliver)
    await say(too, "link", code_in(await say(ann, "link")))
    await say(too, "link", "confirm")
    await hub.settle()
    assert 'The telegram account ann-on-telegram ("Ann T")' in delivered[0]
    assert "Linked" in await say(ann, "link", "confirm")


async def test_a_yes_when_nobody_typed_a_code_is_refused_politely(say, ann):
    assert "nothing to confirm" in await say(ann, "link", "confirm")


async def test_every_wrong_code_gets_the_same_answer(say, hub, ann, too, clock):
    used = code_in(await say(ann, "link"))
    await say(too, "link", used)
    own = (await hub.request_link(too)).code
    answers = {
        await say(too, "link", typed)
        for typed in (used, own, "ABCD-2345", "nonsense", "a b c", "💥", "x" * 5000)
    }
    clock.advance(hours=1)
    await hub.unread_notices(ann)
    answers.add(await say(ann, "link", own))
    assert len(answers) == 1


async def test_unlinking_gives_each_its_own_again(say, hub, ann, too, link, texts):
    await link(hub, ann, too)
    assert "Unlinked" in await say(too, "unlink")
    assert (await texts(hub, ann), await texts(hub, too)) == (["of ann"], ["of ann too"])
    assert "not linked" in await say(too, "unlink")


async def test_whoami_tells_the_id_and_all_accounts(say, hub, ann, too, link, talk):
    identity = await link(hub, ann, too)
    text = await say(too, "whoami")
    assert all(
        word in text
        for word in (
            identity.user_id,
            "Ann T",
            "discord ann-on-discord",
            "telegram ann-on-telegram",
        )
    )
    assert "bob-on-discord" in await say(talk.account("bob"), "whoami")


async def test_private_is_turned_on_and_off_and_shown(say, hub, ann, talk, texts):
    assert "are stored. To turn private mode on, send /private on" in await say(ann, "private")
    assert "Your messages and my replies are not stored" in await say(ann, "private", "on")
    await hub.record(talk.said(ann, "between us"))
    assert "Your messages are not stored." in await say(ann, "whoami")
    assert "Your messages and my replies are not stored" in await say(ann, "private")
    assert "are stored. To turn private mode on, send" in await say(ann, "private", "OFF")
    assert await texts(hub, ann) == ["of ann"]


async def test_garbage_after_private_gets_its_usage(say, hub, ann):
    assert "/private on:" in await say(ann, "private", "please")
    assert not (await hub.identity_of(ann)).is_private


async def test_privacy_tells_what_is_kept_and_how_to_leave(say, ann, talk):
    for chat in (None, talk.group()):
        text = await say(ann, "privacy", chat=chat)
        assert all(
            word in text
            for word in ("I store", "365 days", "that group only", "/private on", "/unlink")
        )


async def test_nobody_is_told_of_a_command_that_is_turned_off(hub, ann, talk):
    offered = ("privacy", "forget", "whoami")
    asked = commands.Asked(
        chat=talk.direct(ann), account=ann, name="", spell=spell, offered=offered
    )
    for command in ("privacy", "forget"):
        text = (await commands.answer(hub, command, "", asked)).text
        assert "/forget" in text
        assert not any(f"/{name}" in text for name in set(commands.COMMANDS) - set(offered))


async def test_privacy_is_in_the_authors_words_where_there_are_any(new_hub, ann, talk):
    hub = new_hub(privacy_text="Ask the office for our policy.", bot="scribe")
    asked = commands.Asked(chat=talk.direct(ann), account=ann, name="", spell=spell)
    text = (await commands.answer(hub, "privacy", "", asked)).text
    assert text.startswith("Ask the office for our policy.\n/export sends")


async def test_forget_names_what_goes_and_waits_for_a_yes(say, hub, ann, too, link, texts, clock):
    await link(hub, ann, too)
    clock.advance(hours=24, seconds=1)
    question = await say(ann, "forget")
    assert "2 messages, 2 sessions and 2 accounts" in question
    assert all(
        word in question
        for word in ("discord ann-on-discord", "telegram ann-on-telegram", "/forget confirm")
    )
    assert len(await texts(hub, ann, include_previous=True)) == 2
    assert "Deleted: 2 messages" in await say(ann, "forget", "confirm")
    assert await texts(hub, ann) == []
    assert "I know nothing about you" in await say(too, "forget")


async def test_a_yes_to_being_forgotten_without_the_question_does_nothing(say, hub, ann, texts):
    assert "nothing to confirm" in await say(ann, "forget", "confirm")
    assert "/forget confirm deletes it" in await say(ann, "forget", "please")
    assert await texts(hub, ann) == ["of ann"]


@pytest.mark.plain("sealed, nobody has to wait for the file")
async def test_who_must_wait_for_the_last_bytes_is_told_how_long(say, ann, talk, hub, database):
    bob = talk.account("bob")
    await hub.record(talk.said(bob, "of bob"))
    told = []
    for account in (ann, bob):
        await say(account, "forget")
        told.append(await say(account, "forget", "confirm"))
    assert "last traces" not in told[0]
    is_file = "://" not in database  # a server's file is not ours to rewrite
    assert ("overwritten within about 60 minutes" in told[1]) == is_file


async def test_a_fourth_request_within_a_day_is_refused_with_when_to_ask_again(say, ann):
    for command in ("forget", "export"):
        for _ in range(3):
            assert "ask again" not in await say(ann, command)
        assert "Please ask again in 24 hours." in await say(ann, command)


async def test_export_hands_over_a_file_of_json_lines(hub, ann, talk):
    asked = commands.Asked(chat=talk.direct(ann), account=ann, name="", spell=spell)
    reply = await commands.answer(hub, "export", "", asked)
    (document,) = reply.documents
    lines = [json.loads(line) for line in document.content.splitlines()]
    assert document.name == "export.jsonl"
    assert [line["text"] for line in lines if line["kind"] == "message"] == ["of ann"]


async def test_an_export_that_is_too_large_for_one_file_comes_in_several(
    hub, ann, talk, monkeypatch
):
    monkeypatch.setattr("session_plugin.commands.exports.DOCUMENT_BYTES", 1000)
    for number in range(20):
        await hub.record(talk.said(ann, f"words {number}"))
    asked = commands.Asked(chat=talk.direct(ann), account=ann, name="", spell=spell)
    documents = (await commands.answer(hub, "export", "", asked)).documents
    assert [document.name for document in documents[:2]] == ["export-1.jsonl", "export-2.jsonl"]
    lines = [json.loads(line) for document in documents for line in document.content.splitlines()]
    assert len([line for line in lines if line["kind"] == "message"]) == 21
    assert all(len(document.content) <= 1000 for document in documents)


async def test_who_is_unknown_has_nothing_to_be_handed_over(say, talk):
    assert "know nothing about you" in await say(talk.account("bob"), "export")


async def test_search_shows_the_day_the_platform_who_and_the_words_around(say, hub, ann, talk):
    text = f"{'word ' * 12}and so on\n \u202eof the red    bicycle that stood {'there ' * 20}"
    await hub.record(talk.said(ann, text, sent_at=1_790_812_800.0))
    await hub.record(talk.answered(ann, "A red bicycle!", sent_at=1_790_900_000.0))
    assert await say(ann, "search", "RED bicycle") == (
        "2026-10-02, discord, I: A red bicycle!\n"
        "2026-10-01, discord, you: ...word word word word and so on of the red bicycle that "
        "stood there there there there there there there there there..."
    )


async def test_search_shows_five_at_a_time_and_goes_on(say, hub, ann, talk):
    for number in range(7):
        await hub.record(talk.said(ann, f"cat {number}"))
    answer = (await say(ann, "search", "cat")).splitlines()
    assert [line[-5:] for line in answer[:5]] == [f"cat {number}" for number in range(6, 1, -1)]
    assert answer[5:] == ["To look further back, send /search more."]
    assert [line[-5:] for line in (await say(ann, "search", "MORE")).splitlines()] == [
        "cat 1",
        "cat 0",
    ]
    assert "no search to go on with" in await say(ann, "search", "more")


async def test_search_of_nothing_gets_its_usage_and_a_wrong_one_what_is_wrong(say, hub, ann):
    assert "/search bicycle from:me on:telegram" in await say(ann, "search", " ")
    assert await say(ann, "search", "zebra") == "Nothing found."
    refused = await say(ann, "search", "zebra from:UTC")
    assert refused == "From: takes me or bot, as in from:me."
    assert "There is no word to search for" in await say(ann, "search", "-zebra")


async def test_search_shows_nothing_that_was_said_to_a_model_only(say, hub, ann, talk):
    session = hub.session_of(talk.direct(ann), ann)
    for role in ("system", "developer", "tool"):
        await session.add(role, f"zebra for {role}")
    assert await say(ann, "search", "zebra") == "Nothing found."
    assert len((await session.search("zebra")).hits) == 3


async def test_search_says_that_there_is_more_to_look_through(say, hub, ann, talk, monkeypatch):
    monkeypatch.setattr("session_plugin.hub.looking.LONGEST_SEARCH", 0.0)
    monkeypatch.setattr("session_plugin.records.conversation.searching.SNAPSHOT_SECONDS", 0.0)
    monkeypatch.setattr("session_plugin.records.conversation.sources.BLOCK", 2)
    for number in range(6):
        await hub.record(talk.said(ann, f"cat {number}"))
    ahead = "To look further back, send /search more."
    assert await say(ann, "search", "of ann") == f"Nothing found so far.\n{ahead}"
    while (answer := await say(ann, "search", "more")).endswith(ahead):
        pass
    assert answer.endswith("you: of ann")


async def test_new_starts_a_new_conversation(say, hub, ann, texts):
    await say(ann, "new")
    assert await texts(hub, ann) == []
    assert await texts(hub, ann, include_previous=True) == ["of ann"]


async def test_new_for_a_stranger_is_answered_too(say, talk):
    assert "new conversation" in await say(talk.account("bob"), "new")


@pytest.mark.parametrize("command", ["unlink", "whoami", "new"])
async def test_a_command_that_takes_nothing_does_nothing_with_something(
    say, hub, ann, too, link, command, texts
):
    await link(hub, ann, too)
    assert f"/{command} takes no argument" in await say(ann, command, "please")
    assert len(await texts(hub, ann)) == 2


@pytest.mark.parametrize(
    ("command", "argument"),
    [
        ("link", ""),
        ("link", "CODE"),
        ("link", "confirm"),
        ("unlink", ""),
        ("whoami", ""),
        ("new", ""),
        ("private", "on"),
        ("export", ""),
        ("forget", ""),
        ("forget", "confirm"),
    ],
)
async def test_in_a_group_nothing_is_done_and_nothing_told(
    say, hub, ann, too, talk, texts, command, argument
):
    lobby = talk.group()
    await hub.record(talk.said(lobby, "in public", author=ann))
    code = await hub.request_link(too)
    if argument == "confirm":
        await hub.redeem_link(too, (await hub.request_link(ann)).code)
    text = await say(ann, command, code.code if argument == "CODE" else argument, chat=lobby)
    assert (await hub.identity_of(ann)).user_id not in text
    assert not re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}", text)
    assert (await hub.identity_of(ann)).accounts == (ann,)
    assert await texts(hub, lobby) == ["in public"]
    if argument == "CODE":
        assert await hub.pending_link(too) is None


async def test_commands_and_answers_are_not_stored(say, hub, ann, texts):
    for command in commands.COMMANDS[:3]:
        await say(ann, command)
    assert await texts(hub, ann, include_previous=True) == ["of ann"]


async def test_commands_are_spelt_as_the_author_spells_them(hub, ann, talk):
    asked = commands.Asked(
        chat=talk.direct(ann), account=ann, name="", spell=lambda name: f"!my-{name}"
    )
    reply = await commands.answer(hub, "link", "", asked)
    assert "!my-link" in reply.text
    assert "/link" not in reply.text


async def test_no_code_and_no_text_reach_the_log(say, hub, ann, too, caplog, talk):
    caplog.set_level(logging.INFO)
    code = code_in(await say(ann, "link"))
    await say(too, "link", "WRNG-2345")
    await say(too, "link", code)
    await say(too, "link", "confirm")
    for _ in range(2):
        await say(ann, "link", "confirm")
    await hub.record(talk.said(ann, "a secret that I tell"))
    await say(ann, "unlink")
    await hub.close()
    for word in (code, code.replace("-", ""), "WRNG", "a secret that I tell", "of ann"):
        assert word not in caplog.text


def test_each_command_has_its_own_name_by_default():
    assert commands.check_names({}) == {name: name for name in commands.COMMANDS}


def test_commands_are_renamed_and_turned_off():
    others = {name: name for name in commands.COMMANDS if name not in {"link", "new"}}
    assert commands.check_names({"link": "connect", "new": ""}) == {"link": "connect", **others}
    assert commands.check_names(None) == {}


def test_a_name_for_no_command_of_ours_is_refused():
    with pytest.raises(
        ValueError,
        match=r"'lnk'.*link, unlink, whoami, new, search, private, privacy, export, forget",
    ):
        commands.check_names({"lnk": "connect"})


@pytest.mark.parametrize("kind", ["link_redeemed", "link_cancelled", "linked", "unlinked", "left"])
def test_every_notice_says_who(talk, kind):
    text = commands.notice_text(
        Notice(kind=kind, account=talk.account("ann"), account_name="Ann"), spell=spell
    )
    assert 'discord account ann-on-discord ("Ann")' in text


async def test_whose_first_words_are_a_command_is_shown_by_name_and_can_be_reached(hub, talk):
    ann, ben = talk.account("ann"), talk.account("ben", channel="telegram")
    told = []

    async def deliver(chat, notice):
        told.append((chat, notice.account_name))

    lease = hub.attach("discord", "", deliver)

    def asked(account, name):
        return commands.Asked(
            chat=talk.direct(account), account=account, name=name, spell="/{}".format
        )

    code = (await commands.answer(hub, "link", "", asked(ann, "Ann"))).text.split("Your code is ")[
        1
    ][:9]
    preview = (await commands.answer(hub, "link", code, asked(ben, "Ben"))).text
    await hub.settle()
    assert 'from the discord account ann-on-discord ("Ann")' in preview
    assert told == [(talk.direct(ann), "Ben")]
    await lease.release()


@pytest.mark.parametrize("name", ["con nect", " connect", "con\nnect", " "])
def test_a_name_of_more_than_a_word_that_nobody_could_type_is_refused(name):
    with pytest.raises(ValueError, match=r"link cannot be renamed to .*: use a single word"):
        commands.check_names({"link": name})


@pytest.mark.parametrize("names", [["link"], True, "link"])
def test_names_that_rename_nothing_are_refused(names):
    with pytest.raises(TypeError, match="commands must be a mapping"):
        commands.check_names(names)


def test_two_commands_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two commands share a name"):
        commands.check_names({"link": "connect", "unlink": "connect"})


async def test_a_command_while_the_database_cannot_be_written_says_that_nothing_was_done(
    talk, database, hold
):
    ann = talk.account("ann")
    asked = commands.Asked(chat=talk.direct(ann), account=ann, name="Ann", spell="/{}".format)
    async with SessionHub(database, store_patience=0.2, load_entry_points=False) as hub:
        await hub.record(talk.said(ann, "stored"))
        with hold(database):
            await hub.record(talk.said(ann, "waits"))
            reply = await commands.answer(hub, "new", "", asked)
    assert "Nothing was changed" in reply.text
