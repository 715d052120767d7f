"""No summary is written while a burst lasts, but every session is summed up: in a pause, at a bound,
when a model asks, when the hub settles or closes.
"""

import asyncio
import contextlib

import pytest

from session_plugin import hookimpl
from session_plugin.context.tokens import estimate_tokens
from session_plugin.errors import DatabaseUnavailable
from session_plugin.records.conversation.recording import RecordResult
from session_plugin.records.upkeep import summaries
from session_plugin.upkeep import consolidator, due
from session_plugin.upkeep.due import DueSessions


@pytest.fixture
def no_pause(monkeypatch):
    """Let there be no pause, and nothing that has waited long enough."""
    monkeypatch.setattr(due, "PAUSE", 3600.0)
    monkeypatch.setattr(due, "LONGEST_WAIT", 3600.0)


@pytest.fixture
def say(talk):
    """Let somebody say numbered things, one after another; return the view of the last one."""

    async def said(hub, numbers, who="ann"):
        for number in numbers:
            recorded = await hub.record(talk.said(talk.account(who), f"fact-{number:04}"))
        return recorded.session

    return said


async def summary_of(hub, view):
    session_no = await hub._session_no((await view.info()).session_id)
    return await hub._parts.database.read(summaries.current_summary, session_no)


async def live_texts(hub, view):
    session_no = await hub._session_no((await view.info()).session_id)
    return await hub._parts.database.read(summaries.live_texts, session_no)


async def until(condition):
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.01)


@contextlib.contextmanager
def counted_tasks():
    """Count the tasks that are started on the running event loop."""
    loop, started = asyncio.get_running_loop(), []

    def start(loop, work, **options):
        started.append(work)
        return asyncio.Task(work, loop=loop, **options)

    loop.set_task_factory(start)
    try:
        yield started
    finally:
        loop.set_task_factory(None)


class Gated:
    """A summariser that answers once it may."""

    def __init__(self):
        self.calls = 0
        self.started, self.gate = asyncio.Event(), asyncio.Event()

    async def __call__(self, messages, previous):
        self.calls += 1
        self.started.set()
        await self.gate.wait()
        return "in short"


# In a burst


async def test_a_session_that_grows_without_a_pause_is_summed_up_at_a_bound(no_pause, new_hub, say):
    hub = new_hub(consolidation_threshold=10)
    view = await say(hub, range(20))
    await asyncio.sleep(0.2)
    assert await summary_of(hub, view) is None
    for number in range(20, 120):
        await say(hub, [number])
        assert len(await live_texts(hub, view)) <= 30

    async def is_small():
        return len(await live_texts(hub, view)) <= 20

    await until(is_small)
    assert await summary_of(hub, view) is not None


async def test_messages_that_come_all_the_time_do_not_put_a_summary_off_for_ever(
    new_hub, say, monkeypatch
):
    monkeypatch.setattr(due, "PAUSE", 0.05)
    monkeypatch.setattr(due, "LONGEST_WAIT", 0.5)
    hub = new_hub(consolidation_threshold=10)
    view = await say(hub, range(11))

    async def chatter():
        while True:
            await say(hub, [0], who="bob")

    chatting = [asyncio.create_task(chatter()) for _ in range(3)]

    async def is_summed_up():
        return await summary_of(hub, view) is not None

    await until(is_summed_up)
    for task in chatting:
        task.cancel()
    await asyncio.wait(chatting)


async def test_a_bound_of_tokens_ends_the_waiting_too(no_pause, new_hub, talk):
    hub, ann = new_hub(consolidation_tokens=100), talk.account("ann")
    for number in range(40):
        recorded = await hub.record(talk.said(ann, f"{number} " + "word " * 10))
        await asyncio.sleep(0)

    async def is_light():
        await hub.record(talk.said(ann, "and so on"))
        texts = await live_texts(hub, recorded.session)
        return sum(map(estimate_tokens, texts)) <= 300

    await until(is_light)
    assert await summary_of(hub, recorded.session) is not None


async def test_a_plugin_is_asked_once_for_a_session_that_waits(no_pause, new_hub, say):
    summarize = Gated()
    summarize.gate.set()
    hub = new_hub(summarize=summarize, consolidation_threshold=10)
    view = await say(hub, range(18))
    assert summarize.calls == 0
    await hub.settle()
    assert summarize.calls == 1
    assert (await summary_of(hub, view)).text == "in short"
    assert len(await live_texts(hub, view)) == 9


async def test_sessions_that_are_due_together_share_transactions(no_pause, new_hub, say):
    hub = new_hub(consolidation_threshold=10)
    views = [await say(hub, range(11), who=f"person {number}") for number in range(12)]
    commits = hub._parts.counters.database.commit_seconds
    before = commits.distribution().count
    await hub.settle()
    assert commits.distribution().count - before <= 3
    assert None not in [await summary_of(hub, view) for view in views]


# Without a task


@pytest.mark.parametrize(
    "limits",
    [{"consolidation_threshold": 10}, {"consolidation_tokens": 200}],
    ids=["count", "tokens"],
)
@pytest.mark.parametrize("is_busy", [True, False], ids=["busy", "waiting"])
async def test_a_message_of_a_session_that_waits_or_is_summed_up_starts_no_task(
    no_pause, new_hub, talk, limits, is_busy
):
    summarize = Gated()
    hub = new_hub(summarize=summarize, **limits)
    for number in range(12):
        recorded = await hub.record(talk.said(talk.account("ann"), f"{number} " + "word " * 20))
    await hub._parts.background.finish()
    if is_busy:
        hub._parts.consolidator.hurry()
        await summarize.started.wait()

    with counted_tasks() as started:
        for number in range(5):
            await hub.record(talk.said(talk.account("ann"), f"later {number}"))
    assert started == []

    summarize.gate.set()
    await hub.settle()
    assert await summary_of(hub, recorded.session) is not None


async def test_what_comes_while_a_session_is_summed_up_is_looked_at_afterwards(
    no_pause, new_hub, talk
):
    """Under a limit of tokens nobody has weighed it."""
    summarize = Gated()
    hub, ann = new_hub(summarize=summarize, consolidation_tokens=100), talk.account("ann")
    for number in range(5):
        recorded = await hub.record(talk.said(ann, f"{number} " + "word " * 30))
    await hub._parts.background.finish()
    hub._parts.consolidator.hurry()
    await summarize.started.wait()

    for number in range(5, 9):
        await hub.record(talk.said(ann, f"{number} " + "word " * 30))
    summarize.gate.set()
    await hub.settle()
    assert summarize.calls == 2
    assert (await live_texts(hub, recorded.session))[0].startswith("5 ")


async def test_edits_of_a_session_that_is_summed_up_start_no_task_of_their_own(
    no_pause, new_hub, say
):
    summarize = Gated()
    hub = new_hub(summarize=summarize, consolidation_threshold=10)
    view = await say(hub, range(11))
    session_no = await hub._session_no((await view.info()).session_id)
    with counted_tasks() as started:
        hub._parts.consolidator.renew([session_no] * 5)
    assert started == []
    summarize.gate.set()


# Who does not wait


async def test_a_model_that_asks_gets_the_summary_that_waits(no_pause, new_hub, say):
    hub = new_hub(consolidation_threshold=10)
    view = await say(hub, range(15))
    context = await view.for_model()
    assert "fact-0000" in context.summary.text
    assert len(context.messages) == 8


async def test_a_model_that_asks_from_another_view_gets_it_too(no_pause, new_hub, say):
    hub = new_hub(consolidation_threshold=10)
    view = await say(hub, range(15))
    other = hub.session_of(view.chat, view.account)
    assert (await other.for_model(max_messages=4)).summary is not None


async def test_a_model_that_asks_does_not_wait_for_another_one(no_pause, new_hub, say):
    summarize = Gated()
    hub = new_hub(summarize=summarize, consolidation_threshold=10)
    view = await say(hub, range(15))
    context = await asyncio.wait_for(view.for_model(), 20)
    assert (context.summary, len(context.messages)) == (None, 15)
    await asyncio.wait_for(summarize.started.wait(), 20)
    summarize.gate.set()


async def test_closing_writes_what_waits(no_pause, new_hub, say):
    hub = new_hub(consolidation_threshold=10)
    view = await say(hub, range(15))
    await hub.close()
    again = new_hub(consolidation_threshold=10)
    assert await summary_of(again, again.session_of(view.chat, view.account)) is not None


async def test_closing_does_not_wait_long_for_a_plugin_whose_session_waits(
    no_pause, new_hub, say, monkeypatch
):
    monkeypatch.setattr(consolidator, "CLOSING_SECONDS", 0.05)
    summarize = Gated()
    hub = new_hub(summarize=summarize, consolidation_threshold=10, summary_patience=600)
    await say(hub, range(10))
    last = asyncio.create_task(say(hub, [10]))  # it is not stored yet when closing begins
    await asyncio.sleep(0)
    await asyncio.wait_for(hub.close(), 20)
    await last


async def test_nothing_that_waits_opens_a_database_that_was_closed(new_hub, say, monkeypatch):
    monkeypatch.setattr(due, "PAUSE", 0.05)
    hub = new_hub(consolidation_threshold=10)
    await say(hub, range(15))
    await asyncio.to_thread(hub._parts.database.close)
    await asyncio.sleep(0.3)
    hub._parts.consolidator.renew([1])
    await hub.settle()
    assert hub._parts.database.is_closed


async def test_what_is_asked_for_is_done_at_once(no_pause, new_hub, say):
    hub = new_hub(consolidation_threshold=10)
    view = await say(hub, range(15))
    session_id = (await view.info()).session_id
    assert "fact-0000" in (await hub.consolidate(session_id)).text
    await hub.settle()
    assert len(await live_texts(hub, view)) == 8


# Others


KILLED = """
    import asyncio, sys
    from session_plugin import Account, Chat, MessageEvent, SessionHub
    from session_plugin.upkeep import consolidator, due

    due.PAUSE = due.LONGEST_WAIT = 3600.0

    async def main():
        hub = SessionHub(sys.argv[1], consolidation_threshold=10, store_patience=60,
                         clock=lambda: 1_700_000_000.0)
        ann, chat = Account("discord", "ann-on-discord"), Chat("discord", "direct-of-ann-on-discord")
        for number in range(15):
            await hub.record(MessageEvent(chat=chat, message_id=f"id-{number}", role="user",
                                          text=f"fact-{number:04}", sent_at=1.0, author=ann))
        print("stored", flush=True)
        await asyncio.sleep(600)

    asyncio.run(main())
"""


async def test_a_session_that_waited_in_a_process_that_was_killed_is_summed_up_with_its_next_message(
    new_hub, say, spawn, database, talk
):
    process = spawn(KILLED, database)
    assert await asyncio.to_thread(process.stdout.readline) == "stored\n"
    process.kill()
    process.wait()
    hub = new_hub(consolidation_threshold=10)
    view = hub.session_of(talk.direct(talk.account("ann")), talk.account("ann"))
    assert await summary_of(hub, view) is None
    assert len(await view.history(limit=None)) == 15
    await say(hub, [15])
    await hub.settle()
    assert "fact-0000" in (await summary_of(hub, view)).text
    assert len(await view.history(limit=None)) == 16


async def test_two_hubs_for_which_a_session_waits_write_one_summary(no_pause, new_hub, say, raw):
    hubs = [new_hub(consolidation_threshold=10) for _ in range(2)]
    for number in range(7):
        for hub in hubs:
            view = await say(hub, [number])
    await say(hubs[0], [7])
    await say(hubs[1], [8])
    await asyncio.gather(*(hub.settle() for hub in hubs))
    assert len(raw.rows("SELECT summary_no FROM summaries")) == 1
    assert len(await live_texts(hubs[0], view)) == 8
    assert len(await view.history(limit=None)) == 16


async def test_a_session_of_instructions_alone_is_not_looked_at_with_each_message(
    no_pause, new_hub, talk
):
    """There is nothing to sum up in it, however far it is over its limit."""
    hub = new_hub(consolidation_threshold=4)
    view = (await hub.record(talk.said(talk.account("ann"), "hello"))).session
    for number in range(12):
        await view.add("system", f"be brief, {number}")
    await hub.settle()
    session_no = await hub._session_no((await view.info()).session_id)
    grown = RecordResult(fate="stored", session_no=session_no, seq=1, live_count=100)
    with counted_tasks() as started:
        hub._parts.consolidator.note_growth(grown, "more")
    assert started == []


# When


class Sessions:
    """Sessions that wait, and what becomes of them."""

    def __init__(self, **options):
        self.done, self.busy, self.tasks = [], set(), []
        self.is_idle = self.is_open = True
        self.changing = set()
        self.due = DueSessions(
            self._work,
            start=lambda work: self.tasks.append(asyncio.ensure_future(work)),
            busy=self.busy,
            is_changing=self.changing.__contains__,
            is_open=lambda: self.is_open,
            is_idle=lambda: self.is_idle,
            **{"most_size": None, **options},
        )

    async def _work(self, some):
        await asyncio.sleep(0)
        self.done.append([one.session_no for one in some])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(due, "PAUSE", 0.02)
    monkeypatch.setattr(due, "LONGEST_WAIT", 0.2)


async def test_all_that_wait_are_done_in_a_pause_together(quick):
    sessions = Sessions()
    for number in (1, 2, 1, 3):
        sessions.due.add(number)
    await asyncio.sleep(0.1)
    assert sessions.done == [[1, 2, 3]]


@pytest.mark.parametrize("what", ["stored", "queued"])
async def test_while_messages_come_only_what_waited_long_enough_is_done(quick, what):
    sessions = Sessions()
    sessions.due.add(1)
    sessions.is_idle = what == "stored"
    seen = []
    for number in range(60):
        await asyncio.sleep(0.005)
        sessions.due.note_stored()
        if number == 12:
            sessions.due.add(2)
        seen.append(len(sessions.done))
    assert sessions.done[:1] == [[1]]
    assert seen[5] == 0


async def test_an_urgent_one_waits_for_nothing_but_is_done_alone(quick):
    sessions = Sessions()
    sessions.is_idle = False
    sessions.due.add(1)
    sessions.due.add(2, is_urgent=True)
    await asyncio.sleep(0.01)
    assert sessions.done == [[2]]


async def test_one_that_has_grown_by_the_most_tokens_is_urgent(no_pause):
    sessions = Sessions(most_size=100)
    for size in (60, 39):
        sessions.due.add(1, size=size)
    await asyncio.sleep(0.01)
    assert sessions.done == []
    sessions.due.add(1, size=1)
    await asyncio.sleep(0.01)
    assert sessions.done == [[1]]


@pytest.mark.parametrize("why", ["busy", "changing"])
async def test_a_busy_one_starts_nothing_until_it_is_not_busy(quick, why):
    sessions = Sessions()
    getattr(sessions, why).add(1)
    for _ in range(5):
        sessions.due.add(1, is_urgent=True)
    await asyncio.sleep(0.3)
    assert sessions.tasks == []
    assert not sessions.due.hurry()
    getattr(sessions, why).clear()
    await asyncio.sleep(0.1)
    assert sessions.done == [[1]]


async def test_one_that_was_looked_at_for_nothing_waits_for_a_pause(no_pause):
    sessions = Sessions()
    sessions.due.note_idle_look(1)
    sessions.due.add(1, is_urgent=True)
    await asyncio.sleep(0.01)
    assert sessions.tasks == []
    assert sessions.due.hurry()
    await asyncio.sleep(0.01)
    assert sessions.done == [[1]]


async def test_a_renewal_and_a_growth_are_one_look_at_all(no_pause):
    sessions = Sessions()
    sessions.due.add(1, is_renewal=True)
    assert sessions.due.pop(1).is_renewal
    for is_renewal in (True, False, True):
        sessions.due.add(1, is_renewal=is_renewal)
    assert not sessions.due.pop(1).is_renewal


async def test_what_fails_does_not_fail_again_for_all_that_wait(quick):
    sessions = Sessions()

    async def fails(some):
        sessions.done.append(some)
        raise OSError("gone")

    sessions.due._work = fails
    for number in range(100):
        sessions.due.add(number)
    await asyncio.sleep(0.2)
    assert len(sessions.done) == 1
    with pytest.raises(OSError, match="gone"):
        await sessions.tasks[0]


async def test_what_waits_for_a_closed_database_is_dropped(quick):
    sessions = Sessions()
    sessions.due.add(1)
    sessions.is_open = False
    await asyncio.sleep(0.1)
    assert not sessions.due.has(1)
    assert sessions.tasks == []


async def test_a_tokenizer_is_asked_about_all_that_came_meanwhile_at_once(new_hub, talk):
    asked, gate = [], asyncio.Event()

    class Tokenizer:
        @hookimpl
        async def session_count_tokens(self, texts):
            asked.append(texts)
            await gate.wait()
            return [1 for _ in texts]

    hub, ann = new_hub(Tokenizer(), consolidation_tokens=1000), talk.account("ann")
    await hub.record(talk.said(ann, "first"))
    await asyncio.sleep(0)
    with counted_tasks() as started:
        for number in range(20):
            await hub.record(talk.said(ann, str(number)))
    assert started == []
    gate.set()
    await hub.settle()
    assert max(map(len, asked)) >= 20


async def test_a_weight_that_could_not_be_read_is_not_taken_for_none(no_pause, new_hub, talk):
    hub, ann = new_hub(consolidation_tokens=300), talk.account("ann")
    read = hub._parts.database.read

    async def fails(operation, *args, **kwargs):
        if operation is summaries.live_texts:
            raise DatabaseUnavailable("not now")
        return await read(operation, *args, **kwargs)

    hub._parts.database.read = fails
    for number in range(8):
        recorded = await hub.record(talk.said(ann, f"{number} " + "word " * 30))
    await hub.settle()
    hub._parts.database.read = read
    for number in range(8, 11):
        await hub.record(talk.said(ann, f"{number} " + "word " * 30))
    await hub.settle()
    assert await summary_of(hub, recorded.session) is not None
