"""One store in many threads, beside a hub, and on an event loop."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from session_plugin import (
    Account,
    AccountTaken,
    Chat,
    DatabaseUnavailable,
    MessageEvent,
    SessionHub,
    SessionStore,
)


@pytest.fixture
def store(database: str) -> Iterator[SessionStore]:
    with SessionStore(database, consolidation_threshold=1000) as store:
        yield store


def at_once(count: int, work: Callable[[int], object]) -> list[BaseException]:
    """Run `work` in so many threads that start together; give what they raised."""
    barrier, raised = threading.Barrier(count), list[BaseException]()

    def run(number: int) -> None:
        barrier.wait(10)
        try:
            work(number)
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


def test_400_messages_from_40_threads_are_400_messages(store: SessionStore) -> None:
    session_id = store.get_or_create("ann").session_id

    def save_ten(thread: int) -> None:
        for number in range(10):
            store.save_message(session_id, "user", f"{thread}.{number}")

    assert at_once(40, save_ten) == []
    found = [message.content for message in store.get_or_create("ann").messages]
    assert len(found) == len(set(found)) == 400
    for thread in range(40):  # each thread's own are in its order
        own = [text for text in found if text.startswith(f"{thread}.")]
        assert own == [f"{thread}.{number}" for number in range(10)]


def test_400_messages_from_40_threads_are_400_messages_while_they_are_consolidated(
    database: str,
) -> None:
    with SessionStore(database, consolidation_threshold=10) as store:
        session_id = store.get_or_create("ann").session_id

        def save_ten(thread: int) -> None:
            for number in range(10):
                store.save_message(session_id, "user", f"{thread}.{number}")

        assert at_once(40, save_ten) == []
        store.save_message(session_id, "user", "the last")
        (listed,) = store.list_sessions()
        summary, *rest = store.get_or_create("ann").messages
    assert listed.message_count == 401
    assert summary.role == "system"
    assert len(rest) <= 20
    assert {message.role for message in rest} == {"user"}


def test_sixteen_first_messages_at_once_make_one_user_and_one_session(store: SessionStore) -> None:
    session_ids: set[str] = set()

    def speak(number: int) -> None:
        session = store.get_or_create(
            "ann", channel="cli", channel_user_id="a", display_name=f"Ann {number}"
        )
        session_ids.add(session.session_id)
        store.save_message(session.session_id, "user", str(number))

    assert at_once(16, speak) == []
    (listed,) = store.list_sessions(active_only=False)
    assert session_ids == {listed.session_id}
    assert listed.message_count == 16


def test_forty_links_at_once_all_survive(store: SessionStore) -> None:
    session_id = store.get_or_create("ann").session_id
    assert (
        at_once(40, lambda number: store.link_channel(session_id, f"channel {number}", "7")) == []
    )
    identity = store.get_or_create("ann").identity
    assert identity is not None
    assert set(identity.channel_ids) == {f"channel {number}" for number in range(40)}


def test_forty_labels_at_once_all_survive(store: SessionStore) -> None:
    assert (
        at_once(
            40, lambda n: store.get_or_create("ann", channel=f"channel {n}", channel_user_id="7")
        )
        == []
    )
    identity = store.get_or_create("ann").identity
    assert identity is not None
    assert set(identity.channel_ids) == {f"channel {number}" for number in range(40)}


def test_of_sixteen_who_claim_one_account_at_once_one_gets_it(store: SessionStore) -> None:
    session_ids = [store.get_or_create(str(number)).session_id for number in range(16)]
    raised = at_once(16, lambda number: store.link_channel(session_ids[number], "telegram", "7"))
    assert [type(error) for error in raised] == [AccountTaken] * 15
    owners = [s for s in store.list_sessions() if s.identity and s.identity.accounts]
    assert len(owners) == 1


async def test_a_store_and_a_hub_share_a_file(database: str) -> None:
    hub = SessionHub(database, load_entry_points=False)
    ann = Account("telegram", "7")
    async with hub:
        with SessionStore(database) as store:
            session_id = store.get_or_create("ann").session_id
            store.link_channel(session_id, ann.channel, ann.channel_user_id)

            async def by_hub(number: int) -> None:
                chat = Chat("telegram", "7")
                await hub.record(
                    MessageEvent(
                        chat=chat,
                        message_id=str(number),
                        role="user",
                        text="by hub",
                        sent_at=0.0,
                        author=ann,
                    )
                )

            async def by_store() -> None:
                await asyncio.to_thread(store.save_message, session_id, "user", "by store")

            await asyncio.gather(
                *(by_hub(number) for number in range(40)), *(by_store() for _ in range(40))
            )
            found = [
                message.content
                for message in (await asyncio.to_thread(store.get_or_create, "ann")).messages
            ]
        history = await hub.session_of(Chat("telegram", "7"), ann).history(limit=None)
    assert (found.count("by hub"), found.count("by store")) == (40, 40)
    assert [message.content for message in history] == found


async def test_a_hubs_store_sees_what_the_hub_recorded(database: str) -> None:
    hub = SessionHub(database, load_entry_points=False)
    ann, chat = Account("telegram", "7"), Chat("telegram", "7")
    async with hub:
        await hub.record(
            MessageEvent(chat=chat, message_id="1", role="user", text="hi", sent_at=0.0, author=ann)
        )
        identity = await hub.identity_of(ann)
        assert identity is not None
        session = await asyncio.to_thread(hub.store().get_or_create, identity.user_id)
        assert [(m.content, m.channel) for m in session.messages] == [("hi", "telegram")]


async def test_closing_a_hubs_store_leaves_the_hub_open(database: str) -> None:
    async with SessionHub(database, load_entry_points=False) as hub:
        with hub.store() as store:
            await asyncio.to_thread(store.get_or_create, "ann")
        assert await hub.identity_of("ann") is not None


async def test_on_an_event_loop_a_store_works_and_warns_once(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="session_plugin"), SessionStore(database) as store:
        session_id = store.get_or_create("ann").session_id
        store.save_message(session_id, "user", "hi")
        assert [message.content for message in store.get_or_create("ann").messages] == ["hi"]
    assert [record.message for record in caplog.records] == [
        "SessionStore blocks the event loop it is called on; use SessionHub there, or a thread"
    ]


def test_away_from_an_event_loop_a_store_does_not_warn(
    store: SessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.get_or_create("ann")
    assert caplog.records == []


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.get_or_create("ann"),
        lambda store: store.save_message("1", "user", "hi"),
        lambda store: store.consolidate("1"),
        lambda store: store.decay(),
        lambda store: store.link_channel("1", "telegram", "7"),
        lambda store: store.list_sessions(),
    ],
)
def test_a_closed_store_is_an_error_that_names_the_database(
    database: str, call: Callable[[SessionStore], object]
) -> None:
    store = SessionStore(database)
    store.close()
    store.close()
    shown = re.sub("//.*@", "//", database).partition("?")[0]  # of a URL: host, port and name
    with pytest.raises(DatabaseUnavailable, match=f"{re.escape(shown)} is not open"):
        call(store)


@pytest.mark.parametrize("what", ["save", "list"])
def test_a_child_of_a_fork_is_told_to_open_its_own(
    database: str, spawn: Callable[..., Any], what: str
) -> None:
    """The threads that write and read do not come along."""
    process = spawn(
        """
        import os, sys
        from session_plugin import DatabaseUnavailable, SessionStore

        store = SessionStore(sys.argv[1])
        session_id = store.get_or_create("ann").session_id
        child = os.fork()
        if child == 0:
            try:
                store.save_message(session_id, "user", "hi") if sys.argv[2] == "save" else store.list_sessions()
            except DatabaseUnavailable as error:
                print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        store.save_message(session_id, "user", "of the parent")
        store.close()
        """,
        database,
        what,
    )
    said, _ = process.communicate(timeout=60)
    assert "open it in each process" in said
    assert process.returncode == 0
