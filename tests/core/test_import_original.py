"""The original's two stores, read as a history: in people's own scopes, before what the bot heard."""

import json

import pytest

from session_plugin import Account, Chat, FileRefused, MessageEvent, Skipped
from session_plugin.importing import read_original
from tests.core.test_importing import NOW, Source, say_by_phone

ANN, BY_PHONE = Account("telegram", "4242"), Account("twilio", "+15550100")
HOUR = 3600.0


@pytest.fixture
def source(tmp_path):
    (tmp_path / "original").mkdir()
    return Source(tmp_path / "original" / "sessions.db")


@pytest.fixture
def hub(new_hub):
    return new_hub(retention_days=None)


@pytest.fixture
def anns(source):
    """Two sessions of Ann's, a day apart, the second one summed up."""
    source.session("s1", "telegram:4242", name="Ann", at=NOW)
    source.message("s1", "my cat is called Mimi", at=NOW, metadata='{"n": 1}')
    source.message("s1", "Noted.", role="assistant", at=NOW + 1)
    source.session("s2", "telegram:4242", at=NOW + 48 * HOUR)
    source.message("s2", "and my dog", at=NOW + 48 * HOUR)
    source.message("s2", "Session history summary:\nShe has a cat.", role="system", at=NOW + 1)

    return source


def account_of(user_id):
    channel, _, number = user_id.partition(":")
    return Account(channel, number) if channel == "telegram" and number.isdigit() else None


def split(found):
    found = list(found)
    events = [one for one in found if isinstance(one, MessageEvent)]
    return events, [one for one in found if isinstance(one, Skipped)]


async def everything(hub, account):
    view = hub.session_of(Chat(account.channel, account.channel_user_id), account)
    return await view.history(limit=None, include_previous=True)


async def test_what_a_user_said_comes_before_what_the_bot_heard(hub, anns, talk):
    await hub.record(talk.said(ANN, "hello", sent_at=NOW + 99 * HOUR))
    before = anns.fingerprint()
    report = await hub.import_history(read_original(anns.path, accounts=account_of))
    history = await everything(hub, ANN)

    assert [(one.role, one.content) for one in history] == [
        ("user", "my cat is called Mimi"),
        ("assistant", "Noted."),
        ("user", "and my dog"),
        ("user", "hello"),
    ]
    assert (history[0].timestamp, history[0].metadata, history[0].author_name) == (
        NOW,
        {"n": 1},
        "Ann",
    )
    assert {one.person for one in history} == {ANN}
    assert (report.messages, report.sessions) == (3, 2)
    assert list(report.left_out.values()) == [1]
    assert "import_original" in next(iter(report.left_out))
    assert anns.fingerprint() == before


async def test_importing_again_adds_what_was_said_there_since(hub, anns):
    accounts = {"telegram:4242": ANN}
    dry = await hub.import_history(read_original(anns.path, accounts=accounts), dry_run=True)
    await hub.import_history(read_original(anns.path, accounts=accounts))
    anns.message("s2", "and a fish", at=NOW + 49 * HOUR)
    again = await hub.import_history(read_original(anns.path, accounts=accounts))

    assert (dry.messages, again.messages, again.known_messages) == (3, 1, 3)
    assert (await everything(hub, ANN))[-1].content == "and a fish"


async def test_who_is_not_named_is_left_out_and_forgetting_reaches_who_is(hub, anns):
    anns.session("s3", "telegram:-100777")
    for text in ("in a group", "by somebody"):
        anns.message("s3", text)
    report = await hub.import_history(read_original(anns.path, accounts=account_of))

    assert report.left_out["accounts names nobody for its user"] == 2
    assert (await hub.forget(ANN)).messages == 3
    assert await everything(hub, ANN) == []


@pytest.mark.parametrize("is_alone", [True, False])
async def test_what_webhooks_said_is_their_senders(hub, source, is_alone):
    if is_alone:
        source.run("DROP TABLE session_messages", "DROP TABLE sessions")
    say_by_phone(source, "one", "ok", "two")
    first = await hub.import_history(read_original(source.path))
    say_by_phone(source, history=json.dumps([{"role": "user", "content": "two"}] * 2))
    again = await hub.import_history(read_original(source.path))

    assert (first.messages, again.messages) == (3, 1)
    assert [one.content for one in await everything(hub, BY_PHONE)] == ["one", "ok", "two", "two"]


def test_the_callers_word_about_a_webhooks_sender_wins(source):
    say_by_phone(source, "hello")
    (event,), _ = split(read_original(source.path, accounts=lambda _: ANN, bot_id="7"))
    assert (event.author, event.chat.channel, event.chat.bot_id) == (ANN, "telegram", "7")


def test_a_cell_that_holds_anything_costs_itself_only(source):
    for number, wrong in enumerate([None, 7, b"\xff", "[" * 100_000, "", "x" * 600, "\0"]):
        source.session(f"s{number}", "u", channels=wrong, metadata=wrong, name=wrong)
        source.message(f"s{number}", "hi", at="never", metadata=wrong, channel=wrong)
        source.session(f"u{number}", wrong, at=wrong)
        source.message(f"u{number}", "hi")
    say_by_phone(source, history=json.dumps([{"role": [], "content": "x"}, {"role": "user"}, 7]))
    events, skipped = split(read_original(source.path, accounts=lambda _: ANN))

    assert {one.text for one in events} == {"hi"}
    assert len(events) >= 7
    assert {one.what for one in skipped} >= {"session", "message", "cell"}
    assert all(len(one.reason) < 300 and one.reason.isprintable() for one in skipped)


@pytest.mark.parametrize("content", [b"", b"no database " * 99, None])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "sessions.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileRefused, match=r"sessions\.db"):
        list(read_original(path))


@pytest.mark.parametrize("accounts", ["ann", lambda _: "ann"])
def test_accounts_that_are_none_are_refused(anns, accounts):
    with pytest.raises(TypeError, match="accounts must"):
        list(read_original(anns.path, accounts=accounts))
