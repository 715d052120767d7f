"""What the original SessionStore kept comes over as it was; its file stays as it is."""

import hashlib
import json
import sqlite3
from contextlib import closing

import pytest

from session_plugin import Account, Chat, DatabaseRefused, SessionStore, hookimpl

NOW = 1_700_000_000.0
SCHEMA = """
CREATE TABLE sessions (session_id TEXT PRIMARY KEY, user_id TEXT, display_name TEXT DEFAULT '',
  channel_ids TEXT DEFAULT '{}', created_at REAL, last_activity REAL, metadata TEXT DEFAULT '{}');
CREATE TABLE session_messages (id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL,
  channel TEXT DEFAULT '', timestamp REAL, metadata TEXT DEFAULT '{}',
  FOREIGN KEY (session_id) REFERENCES sessions(session_id));
CREATE INDEX idx_messages_session ON session_messages(session_id);
CREATE INDEX idx_sessions_user ON sessions(user_id);
"""


class Source:
    """A file as the original writes it."""

    def __init__(self, path):
        self.path = path
        self.run(*filter(str.strip, SCHEMA.split(";")))

    def run(self, *statements):
        with closing(sqlite3.connect(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def session(
        self, session_id, user_id, *, at=NOW, last=None, name="", channels="{}", metadata="{}"
    ):
        with closing(sqlite3.connect(self.path)) as connection:
            row = (session_id, user_id, name, channels, at, at if last is None else last, metadata)
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            connection.commit()

    def message(self, session_id, content, *, role="user", at=NOW, channel="", metadata="{}"):
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(
                "INSERT INTO session_messages (session_id, role, content, channel, timestamp, "
                "metadata) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (session_id, role, content, channel, at, metadata),
            )
            connection.commit()

    def fingerprint(self):
        files = sorted(self.path.parent.iterdir())
        return [
            (file.name, file.stat().st_mtime_ns, hashlib.sha256(file.read_bytes()).hexdigest())
            for file in files
        ]


@pytest.fixture
def source(tmp_path):
    (tmp_path / "original").mkdir()
    return Source(tmp_path / "original" / "sessions.db")


@pytest.fixture
def hub(new_hub):
    return new_hub(max_age_hours=24)


async def kept(hub, user_id, **request):
    messages = await hub.session_of(Chat("", user_id), None).history(limit=None, **request)
    return [message.content for message in messages]


async def test_users_sessions_messages_times_and_order_come_over(hub, source):
    source.session(
        "s1",
        "ann",
        name="Ann",
        channels='{"discord": "7"}',
        at=NOW - 90,
        last=NOW - 10,
        metadata='{"mood": "good"}',
    )
    for number in range(450):
        role = "assistant" if number % 2 else "user"
        source.message(
            "s1",
            f"message {number}",
            role=role,
            at=NOW - 90 + number // 10,
            channel="cli",
            metadata='{"n": 1}',
        )
    report = await hub.import_original(source.path)
    assert (report.users, report.sessions, report.messages, report.skipped) == (1, 1, 450, ())
    assert await kept(hub, "ann") == [f"message {number}" for number in range(450)]
    session = hub.store().get_or_create("ann")
    assert (session.session_id, session.created_at, session.last_activity) == (
        "s1",
        NOW - 90,
        NOW - 10,
    )
    assert session.metadata == {"mood": "good"}
    assert (session.identity.display_name, session.identity.channel_ids) == (
        "Ann",
        {"discord": "7"},
    )
    last = session.messages[-1]
    assert (last.role, last.channel, last.timestamp, last.metadata) == (
        "assistant",
        "cli",
        NOW - 90 + 44,
        {"n": 1},
    )
    hub.store().save_message("s1", "user", "goes on")
    assert (await kept(hub, "ann"))[-1] == "goes on"


async def test_a_path_from_the_home_folder_is_found_there(hub, source, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(source.path.parent))
    source.session("s1", "ann")
    source.message("s1", "hello")
    assert (await hub.import_original("~/sessions.db")).messages == 1


async def test_the_originals_file_stays_as_it_is_and_alone(hub, source):
    source.session("s1", "ann")
    source.message("s1", "hi")
    before = source.fingerprint()
    await hub.import_original(source.path)
    assert source.fingerprint() == before


async def test_a_file_in_the_middle_of_a_transaction_is_read_as_it_was_before_and_stays(
    hub, source, spawn
):
    source.session("s1", "ann")
    source.message("s1", "committed")
    process = spawn(
        """
        import sqlite3, sys, time
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        for _ in range(500):
            row = "('s1', 'user', hex(zeroblob(2000)))"
            connection.execute(f"INSERT INTO session_messages (session_id, role, content) VALUES {row}")
        print("written", flush=True)
        time.sleep(600)
        """,
        source.path,
    )
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.wait()
    before = source.fingerprint()
    assert len(before) == 2  # a journal lies beside it
    assert (await hub.import_original(source.path)).messages == 1
    assert source.fingerprint() == before


async def test_run_again_it_takes_in_only_what_came_since(hub, source):
    source.session("s1", "ann")
    source.message("s1", "one")
    assert (await hub.import_original(source.path)).messages == 1
    again = await hub.import_original(source.path)
    assert (again.sessions, again.messages, again.known_messages) == (0, 0, 1)
    source.message("s1", "two")
    assert (await hub.import_original(source.path)).messages == 1
    assert await kept(hub, "ann") == ["one", "two"]


async def test_who_was_forgotten_is_not_taken_in_again(hub, source, clock):
    for user in ("ann", "bob"):
        source.session(f"of {user}", user)
        source.message(f"of {user}", f"of {user}")
    await hub.import_original(source.path)
    clock.advance(seconds=1)
    await hub.forget("ann")
    clock.advance(seconds=1)
    source.message("of ann", "came since")
    source.session("anew", "ann", at=clock())
    source.message("anew", "begun anew", at=clock())
    report = await hub.import_original(source.path)
    assert await kept(hub, "ann", include_previous=True) == ["begun anew"]
    assert await kept(hub, "bob") == ["of bob"]
    assert [(skipped.where, skipped.reason) for skipped in report.skipped] == [
        ("of ann", "it began before its user was forgotten")
    ]


async def test_a_late_summary_stands_in_front_and_is_no_message(hub, source):
    source.session("s1", "ann")
    source.message("s1", "after", at=NOW - 5)
    source.message(
        "s1", "Session history summary:\n[user] before\n[assistant] too", role="system", at=NOW - 1
    )
    source.message(
        "s1", "Session history summary: my own words", role="system", channel="cli", at=NOW
    )
    report = await hub.import_original(source.path)
    assert (report.messages, report.summaries) == (2, 1)
    context = await hub.session_of(Chat("", "ann"), None).for_model()
    assert (context.summary.text, context.summary.made_by) == (
        "[user] before\n[assistant] too",
        "original",
    )
    assert await kept(hub, "ann") == ["after", "Session history summary: my own words"]
    first = hub.store().get_or_create("ann").messages[0]
    assert (first.role, first.content) == (
        "system",
        "Session history summary:\n[user] before\n[assistant] too",
    )
    assert (await hub.import_original(source.path)).summaries == 0


async def test_later_summaries_build_on_the_imported_one_and_never_lose_it(new_hub, source, talk):
    hub = new_hub(consolidation_threshold=4)
    source.session("s1", "ann")
    for number in range(5):
        source.message("s1", f"fact-{number}")
    source.message("s1", "Session history summary:\n[user] long gone", role="system")
    await hub.import_original(source.path)
    hub.store().consolidate("s1")
    view = hub.session_of(Chat("", "ann"), None)
    text = (await view.for_model()).summary.text
    assert text.startswith("[user] long gone")
    assert "fact-1" in text
    (first, *_) = await view.history(limit=None)
    await hub.delete(Chat("", "ann"), [first.message_id])
    await hub.settle()
    text = (await view.for_model()).summary.text
    assert "long gone" in text
    assert "fact-0" not in text
    session_id = (await view.info()).session_id
    while await hub.undo_consolidation(session_id):
        await hub.settle()
    assert (await view.for_model()).summary.text == "[user] long gone"
    assert await kept(hub, "ann") == [f"fact-{number}" for number in range(1, 5)]


async def test_a_summary_built_on_the_imported_one_of_one_side_goes_when_they_part(
    new_hub, source, talk, link
):
    class Known:
        @hookimpl
        def session_resolve_user(self, account):
            return "ann" if account.channel == "telegram" else None

    hub = new_hub(consolidation_threshold=10, plugins=[Known()])
    ann, bob = talk.account("ann", channel="telegram"), talk.account("bob")
    for number in range(9):
        await hub.record(talk.said(bob, f"bob {number}"))
    source.session("s1", "ann")
    source.message("s1", "Session history summary:\n[user] what Ann said", role="system")
    source.message("s1", "of Ann's")
    await hub.import_original(source.path)
    await hub.record(talk.said(ann, "here I am"))
    await link(hub, ann, bob)
    await hub.record(talk.said(bob, "bob 9"))
    await hub.settle()
    views = [hub.session_of(talk.direct(account), account) for account in (ann, bob)]
    assert "what Ann said" in (await views[1].for_model()).summary.text
    await hub.unlink(bob)
    hers, his = [await view.for_model() for view in views]
    assert hers.summary.text == "[user] what Ann said"
    assert his.summary is None
    assert [message.content for message in his.messages] == [
        f"bob {number}" for number in range(10)
    ]


async def test_of_a_users_sessions_the_newest_goes_on_and_the_others_are_over(hub, source):
    source.session("s1", "ann", at=NOW - 200_000, last=NOW - 190_000)
    source.session("s2", "ann", at=NOW - 1000, last=NOW - 500)
    source.message("s1", "old", at=NOW - 190_000)
    source.message("s2", "new", at=NOW - 500)
    await hub.import_original(source.path)
    assert await kept(hub, "ann") == ["new"]
    assert await kept(hub, "ann", include_previous=True) == ["old", "new"]
    (before,) = await hub.session_of(Chat("", "ann"), None).previous()
    assert (before.session_id, before.start_reason, before.end_reason) == ("s1", "imported", "idle")
    assert before.ended_at == NOW - 190_000 + 86_400


async def test_who_has_a_live_session_keeps_it(hub, source):
    await hub.identity_of("nobody")
    store = hub.store()
    store.save_message(store.get_or_create("ann").session_id, "user", "here already")
    source.session("s1", "ann", at=NOW - 10)
    source.message("s1", "imported", at=NOW - 10)
    await hub.import_original(source.path)
    assert await kept(hub, "ann") == ["here already"]
    (before,) = await hub.session_of(Chat("", "ann"), None).previous()
    assert before.end_reason == "imported"


async def test_no_hook_is_told_of_what_is_long_past(new_hub, event_log, source, clock):
    source.session("s1", "ann", at=NOW - 200_000)
    source.session("s2", "ann", at=NOW - 10)
    source.message("s2", "hi", at=NOW - 10)
    hub = new_hub(event_log)
    await hub.import_original(source.path)
    await hub.close()
    again = new_hub(event_log)
    async with again:
        await again.settle()
        assert event_log.entries == []
        clock.advance(hours=25)
        await again.end_silent()
        await again.settle()
    assert [(entry["session"].session_id, entry["reason"]) for entry in event_log.of("end")] == [
        ("s2", "idle")
    ]


async def test_broken_cells_cost_themselves_and_are_named(hub, source):
    source.session("s1", "ann", at="yesterday", channels="[1]", metadata="{broken")
    source.message("s1", b"bytes \xff", at=None, metadata="null")
    source.message("s1", 7, at=float("inf"))
    source.message("s1", "of nobody", role="narrator")
    source.message("gone", "orphan")
    source.session(None, "bob")
    source.session("s3", "")
    source.message("s3", "whose?")
    source.session("s4", "eve\0")
    report = await hub.import_original(source.path)
    assert await kept(hub, "ann", include_previous=True) == ["bytes \ufffd", "7"]
    assert report.messages == 2
    reasons = {(skipped.what, skipped.where): [] for skipped in report.skipped}
    for skipped in report.skipped:
        reasons[skipped.what, skipped.where].append(skipped.reason)
    assert reasons["message", "3"] == [
        "its role is 'narrator'; there are assistant, developer, system, tool, user"
    ]
    assert reasons["message", "4"] == ["there is no session 'gone'"]
    assert reasons["session", "s3"] == ["its user_id is ''; its 1 messages are skipped with it"]
    assert reasons["session", "s4"] == [
        "its user_id is 'eve\\x00'; its 0 messages are skipped with it"
    ]
    assert reasons["session", ""] == ["its session_id is None; its 0 messages are skipped with it"]
    assert "its channel_ids is not a JSON object" in reasons["cell", "s1"]
    assert "its metadata is not a JSON object" in reasons["cell", "s1"]
    assert "its timestamp is None, which is no time" in reasons["cell", "1"]
    assert "its timestamp is inf, which is no time" in reasons["cell", "2"]


async def test_progress_can_be_drawn(hub, source):
    source.session("s1", "ann")
    for number in range(450):
        source.message("s1", str(number))
    told = []
    await hub.import_original(source.path, progress=told.append)
    assert [(progress.what, progress.done, progress.total) for progress in told] == [
        ("messages", 200, 450),
        ("messages", 400, 450),
        ("messages", 450, 450),
    ]


async def test_what_is_past_its_retention_is_said_before_it_goes(hub, source, caplog):
    source.session("s1", "ann", at=NOW - 400 * 86_400)
    source.message("s1", "very old", at=NOW - 400 * 86_400)
    report = await hub.import_original(source.path)
    assert report.past_retention == 1
    assert "past their retention" in caplog.text
    assert (await hub.decay()).messages == 1


# What webhooks said, in a table of its own


CHANNEL_SCHEMA = """
CREATE TABLE channel_sessions (sender_id TEXT NOT NULL, channel_type TEXT NOT NULL,
  conversation_history TEXT NOT NULL DEFAULT '[]', preferred_notification_channel TEXT,
  pending_response TEXT, created_at TIMESTAMP DEFAULT (datetime('now')),
  updated_at TIMESTAMP DEFAULT (datetime('now')), PRIMARY KEY (sender_id, channel_type))
"""
BEGAN, WENT_ON = "2023-11-14 20:00:00", "2023-11-14 22:00:00"
ANN = Account("twilio", "+15550100")


def say_by_phone(source, *said, sender="+15550100", history=None, pending=None):
    if history is None:
        turns = zip(("user", "assistant") * len(said), said, strict=False)
        history = json.dumps([{"role": role, "content": text} for role, text in turns])
    with closing(sqlite3.connect(source.path)) as connection:
        connection.execute(CHANNEL_SCHEMA.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        row = (sender, "twilio", history, None, pending, BEGAN, WENT_ON)
        connection.execute("REPLACE INTO channel_sessions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.commit()


async def seen_by(hub, account):
    chat = Chat(account.channel, account.channel_user_id)
    view = hub.session_of(chat, account)
    return await view.history(limit=None, include_previous=True)


@pytest.mark.parametrize("is_alone", [True, False])
async def test_what_webhooks_said_comes_over_and_is_its_senders(hub, source, is_alone):
    if is_alone:
        source.run("DROP TABLE session_messages", "DROP TABLE sessions")
    else:
        source.session("s1", "bob")
        source.message("s1", "of bob")
    say_by_phone(source, "my cat is called Mimi", "Noted.", pending="to be sent")
    before = source.fingerprint()
    report = await hub.import_original(source.path)
    assert (report.sessions, report.messages) == ((1, 2) if is_alone else (2, 3))
    assert report.skipped == ()
    assert source.fingerprint() == before

    history = await seen_by(hub, ANN)
    assert [message.content for message in history] == ["my cat is called Mimi", "Noted."]
    assert [message.role for message in history] == ["user", "assistant"]
    assert {message.timestamp for message in history} == {1_700_000_000 - 800}
    assert (await hub.identity_of(ANN)).user_id == "twilio:+15550100"
    session = hub.store().get_or_create("twilio:+15550100")
    assert session.metadata == {"pending_response": "to be sent"}
    assert (await hub.forget(ANN)).messages == 2


async def test_webhooks_that_went_on_are_taken_in_again_without_what_is_known(hub, source):
    """The file keeps the newest entries only, so their places change."""
    say_by_phone(source, "one", "ok", "two", "ok")
    assert (await hub.import_original(source.path)).messages == 4
    assert (await hub.import_original(source.path)).messages == 0
    history = [("user", "two"), ("assistant", "ok"), ("user", "three"), ("assistant", "fine")]
    entries = [{"role": role, "content": text} for role, text in history]
    say_by_phone(source, history=json.dumps(entries))
    assert (await hub.import_original(source.path)).messages == 2
    texts = [message.content for message in await seen_by(hub, ANN)]
    assert texts == ["one", "ok", "two", "ok", "three", "fine"]


@pytest.mark.parametrize("history", ["{", '{"role": "user"}', "7"])
async def test_a_history_that_is_none_is_named_and_costs_itself(hub, source, history):
    say_by_phone(source, history=history)
    say_by_phone(source, "hello", sender="+15550101")
    report = await hub.import_original(source.path)
    assert report.messages == 1
    assert ["channel_sessions twilio +15550100" in one.where for one in report.skipped] == [True]


async def test_entries_of_no_known_role_are_named(hub, source):
    entries = [{"role": "bot", "content": "hi"}, {"role": [], "content": "hi"}, "hi"]
    say_by_phone(source, history=json.dumps([*entries, {"role": "user", "content": "hello"}]))
    report = await hub.import_original(source.path)
    assert (report.messages, [one.what for one in report.skipped]) == (1, ["message"] * 3)


async def test_a_table_of_webhooks_in_another_form_is_named(hub, source):
    source.session("s1", "ann")
    source.message("s1", "hi")
    source.run("CREATE TABLE channel_sessions (sender_id TEXT, said TEXT)")
    report = await hub.import_original(source.path)
    assert report.messages == 1
    assert [(one.what, one.where) for one in report.skipped] == [("table", "channel_sessions")]


# Whose accounts the imported users are


@pytest.mark.parametrize("way", ["mapping", "function"])
async def test_imported_users_get_the_accounts_that_they_are_said_to_have(
    hub, source, raw, talk, way
):
    source.session("s1", "telegram:4242")
    source.message("s1", "my cat is called Mimi")
    source.session("s2", "telegram:-100777")
    source.message("s2", "said in a group")
    ann = Account("telegram", "4242")
    accounts = {"telegram:4242": ann}
    report = await hub.import_original(
        source.path, accounts=accounts if way == "mapping" else accounts.get
    )
    assert report.skipped == ()
    assert (await hub.identity_of(ann)).user_id == "telegram:4242"
    await hub.record(talk.said(ann, "hello"))
    texts = [one.content for one in await seen_by(hub, ann)]
    assert texts == ["my cat is called Mimi", "hello"]
    assert raw.rows("SELECT action FROM audit") == [("claimed",)]
    assert (await hub.import_original(source.path, accounts=accounts)).skipped == ()
    assert (await hub.forget(ann)).messages == 2


async def test_an_account_of_somebody_else_stays_theirs_and_that_is_named(hub, source, talk):
    ann = Account("telegram", "4242")
    await hub.record(talk.said(ann, "mine"))
    source.session("s1", "telegram:4242")
    source.message("s1", "of whoever that was")
    report = await hub.import_original(source.path, accounts={"telegram:4242": ann})
    assert [(one.what, one.where) for one in report.skipped] == [("account", "telegram:4242")]
    assert report.messages == 1
    assert [one.content for one in await seen_by(hub, ann)] == ["mine"]


async def test_whose_account_was_forgotten_since_is_not_taken_in(hub, source, clock):
    say_by_phone(source, "my cat is called Mimi")
    await hub.import_original(source.path)
    clock.now = NOW
    await hub.forget(ANN)
    report = await hub.import_original(source.path)
    assert (report.messages, [one.what for one in report.skipped]) == (0, ["session"])
    assert await hub.identity_of(ANN) is None


@pytest.mark.parametrize("accounts", [["telegram"], {"ann": "telegram"}, lambda user_id: 7])
async def test_accounts_that_are_none_are_refused(hub, source, accounts):
    source.session("s1", "ann")
    source.message("s1", "hi")
    with pytest.raises(TypeError, match="accounts must"):
        await hub.import_original(source.path, accounts=accounts)


def test_a_store_imports_too(tmp_path, source):
    source.session("s1", "ann")
    source.message("s1", "hi")
    with SessionStore(tmp_path / "new" / "sessions.db") as store:
        assert store.import_original(source.path).messages == 1
        assert [session.session_id for session in store.list_sessions(active_only=False)] == ["s1"]


def foreign(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")


def damaged(path):
    path.write_bytes(b"SQLite format 3\0" + b"\1" * 5000)


def cut_off(path):
    Source(path)
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    "make",
    [foreign, damaged, cut_off, lambda path: path.write_text("hi"), lambda path: path.mkdir()],
)
async def test_what_is_not_the_originals_is_refused_by_name_and_left(hub, tmp_path, make):
    path = tmp_path / "other" / "sessions.db"
    path.parent.mkdir()
    make(path)
    before = [file.name for file in path.parent.iterdir()]
    with pytest.raises(DatabaseRefused, match=r"sessions\.db"):
        await hub.import_original(path)
    assert [file.name for file in path.parent.iterdir()] == before


async def test_a_missing_file_is_refused_and_not_made(hub, tmp_path):
    with pytest.raises(DatabaseRefused, match="is no file"):
        await hub.import_original(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()


def test_the_error_at_opening_an_original_says_how_to_import_it(source):
    source.session("s1", json.dumps("ann"))
    with pytest.raises(DatabaseRefused, match="import_original"):
        SessionStore(source.path)
