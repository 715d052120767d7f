"""Waits of 100 writing tasks during consolidation, during decay and while older rows are sealed.

Both run in the process of the bot that writes, as in production.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path

from process import Failed
from rows import Row, Target, quantity

from measurements.bench import Bench
from session_plugin import Account, Chat, Keys, MessageEvent, SessionHub

_TASKS = 100
_MESSAGES = 10_000
_SESSIONS = 10_000
_MESSAGES_EACH = 3
_MORE = 0.025
"""Allowed increase of the 99th percentile, in seconds."""
_DAY = 86_400.0

_numbers = itertools.count(1)
Wait = list[float]
Waits = tuple[Wait, Wait, float]
"""Those without work, those during it, and how long it took."""
Work = Callable[[], Awaitable[object]]


class _Clock:
    """Now, or a number of days ago."""

    def __init__(self) -> None:
        self.days_ago = 0.0

    def __call__(self) -> float:
        return time.time() - self.days_ago * _DAY


def measure(bench: Bench) -> list[Row]:
    """Measure each in a fresh database. Decay is slow on purpose."""
    rounds = 1 if bench.is_quick else 3

    def row(what: str, run: Callable[[], Coroutine[None, None, Waits]]) -> Row:
        return _row(f"{what} while 100 tasks write", [asyncio.run(run()) for _ in range(rounds)])

    return [
        row(
            f"consolidating {_MESSAGES:,}",
            lambda: _run(bench.fresh(), _long_session, seconds=bench.seconds),
        ),
        row(
            f"removing {_SESSIONS:,}",
            lambda: _run(bench.fresh(), _old_sessions, seconds=bench.seconds),
        ),
        row(
            f"sealing {_MESSAGES_EACH * _SESSIONS:,}",
            lambda: _run_sealing(bench.fresh(), seconds=bench.seconds),
        ),
    ]


def _row(what: str, runs: list[Waits]) -> Row:
    more = sorted(_at(during, 0.99) - _at(alone, 0.99) for alone, during, _ in runs)
    middle = len(more) // 2
    alone, during, took = sorted(runs, key=lambda run: _at(run[1], 0.99) - _at(run[0], 0.99))[
        middle
    ]

    return Row(
        what=what,
        ours=f"p99 {quantity(_at(during, 0.99), 'ms')}, longest {quantity(max(during), 'ms')}",
        against=f"without p99 {quantity(_at(alone, 0.99), 'ms')}, "
        f"longest {quantity(max(alone), 'ms')}",
        figure=more[middle] * 1e3,
        unit=" ms more at p99",
        low=more[0] * 1e3,
        high=more[-1] * 1e3,
        target=Target("at most", _MORE * 1e3),
        note=f"it took {took:.1f} s, {len(during):,} messages were written meanwhile",
    )


async def _run(
    path: Path, prepare: Callable[[SessionHub, _Clock], Awaitable[Work]], *, seconds: float
) -> Waits:
    clock = _Clock()
    hub = SessionHub(
        path,
        clock=clock,
        consolidation_threshold=_MESSAGES,
        upkeep_minutes=None,
        load_entry_points=False,
    )
    async with hub:
        work = await prepare(hub, clock)
        alone = await _waits(hub, lambda: asyncio.sleep(seconds))
        begun = time.perf_counter()
        during = await _waits(hub, work)
        return alone, during, time.perf_counter() - begun


async def _run_sealing(path: Path, *, seconds: float) -> Waits:
    """Open what was written plain with keys, and wait until all of it is sealed."""
    people = [Account("discord", f"old-{number}") for number in range(_SESSIONS)]
    async with SessionHub(path, upkeep_minutes=None, load_entry_points=False) as hub:
        for _ in range(_MESSAGES_EACH):
            await _say(hub, people, _Clock())

    keys = Keys("0123456789abcdef" * 4)
    hub = SessionHub(path, encryption=keys, load_entry_points=False)

    async def seal() -> None:
        for _ in range(600):
            encryption = (await hub.status()).encryption
            assert encryption is not None
            if encryption.sealed_messages >= len(people) * _MESSAGES_EACH:
                return
            await asyncio.sleep(0.1)
        raise Failed("not everything was sealed")

    async with hub:
        begun = time.perf_counter()
        during = await _waits(hub, seal)
        took = time.perf_counter() - begun
        return await _waits(hub, lambda: asyncio.sleep(seconds)), during, took


async def _long_session(hub: SessionHub, clock: _Clock) -> Work:
    """Fill one session; half of it is summarised."""
    ann = Account("discord", "long")
    await _say(hub, [ann] * _MESSAGES, clock)
    session = await hub.session_of(_chat(ann), ann).info()
    assert session is not None

    async def consolidate() -> None:
        if await hub.consolidate(session.session_id) is None:
            raise Failed("nothing was summed up")

    return consolidate


async def _old_sessions(hub: SessionHub, clock: _Clock) -> Work:
    """Fill many sessions 400 days ago, all past their retention."""
    clock.days_ago = 400
    people = [Account("discord", f"old-{number}") for number in range(_SESSIONS)]

    for _ in range(_MESSAGES_EACH):
        await _say(hub, people, clock)

    clock.days_ago = 0

    async def decay() -> None:
        if (await hub.decay(confirm_clock=True)).sessions != _SESSIONS:
            raise Failed("not every old session was removed")

    return decay


async def _say(hub: SessionHub, accounts: list[Account], clock: _Clock) -> None:
    for start in range(0, len(accounts), 1_000):
        await asyncio.gather(
            *(
                hub.record(_event(account, sent_at=clock()))
                for account in accounts[start : start + 1_000]
            )
        )


async def _waits(hub: SessionHub, work: Work) -> Wait:
    """Write from many tasks until the work is done, and return the wait of each message."""
    waits: Wait = []
    is_done = False

    async def write(task: int) -> None:
        account = Account("discord", f"task-{task}")
        while not is_done:
            begun = time.perf_counter()
            await hub.record(_event(account, sent_at=time.time()))
            waits.append(time.perf_counter() - begun)

    writing = [asyncio.create_task(write(task)) for task in range(_TASKS)]
    try:
        await work()
    finally:
        is_done = True
        await asyncio.gather(*writing)

    return waits


def _event(account: Account, *, sent_at: float) -> MessageEvent:
    number = next(_numbers)
    text = f"This is message {number}, which is about as long as what people write to a bot."
    return MessageEvent(
        chat=_chat(account),
        message_id=str(number),
        role="user",
        text=text,
        sent_at=sent_at,
        author=account,
    )


def _chat(account: Account) -> Chat:
    return Chat("discord", f"direct-{account.channel_user_id}")


def _at(values: Wait, part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]
