"""Several processes link, unlink, forget and write about the same few people at once, on every
backend.

None is told of a deadlock or of a lock, no message is without an owner, and no account is in two
places.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from session_plugin import Account, Chat, LinkRefused, SessionHub

PROCESSES, STEPS = 4, 40
ACCOUNTS = [Account(channel, name) for channel in ("discord", "telegram") for name in ("1", "2")]
WORKER = """
    import asyncio, random, sys, time
    from session_plugin import Account, Chat, LinkedRecently, LinkRefused, MessageEvent, SessionHub

    database, seed, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)
    accounts = [Account(channel, name) for channel in ("discord", "telegram") for name in ("1", "2")]
    hours = 0.0

    def clock():
        return time.time() + hours * 3600.0

    async def say(hub, number):
        who = chance.choice(accounts)
        chat = Chat(who.channel, "dm-" + who.channel_user_id)
        if chance.random() < 0.4:
            chat = Chat(who.channel, "group", "group")
        text = f"{seed}.{number} of {who.channel} {who.channel_user_id}"
        await hub.record(MessageEvent(chat=chat, message_id=text, role="user", text=text, sent_at=clock(), author=who))

    async def link(hub):
        one, other = chance.sample(accounts, 2)
        code = await hub.request_link(one)
        await hub.redeem_link(other, code.code)
        await hub.confirm_link(other)
        await hub.confirm_link(one)

    async def step(hub, number):
        what = chance.random()
        try:
            if what < 0.15:
                await link(hub)
            elif what < 0.25:
                await hub.unlink(chance.choice(accounts))
            elif what < 0.3:
                who = chance.choice(accounts)
                identity = await hub.identity_of(who)  # by its id, also while a link is new
                await hub.forget(who if identity is None else identity.user_id)
            elif what < 0.35:
                await hub.set_private(chance.choice(accounts), False)
            else:
                await asyncio.gather(*(say(hub, number * 10 + n) for n in range(3)))
        except (LinkRefused, LinkedRecently):
            pass

    async def main():
        global hours
        async with SessionHub(database, secret="what all processes share", load_entry_points=False, clock=clock,
                              store_patience=60.0) as hub:
            print("ready", flush=True)
            sys.stdin.readline()
            for number in range(steps):
                hours += chance.choice((0.0, 0.1, 3.0))
                await asyncio.gather(step(hub, 2 * number), step(hub, 2 * number + 1))
        print("done", flush=True)

    asyncio.run(main())
"""
TYPIST = """
        import asyncio, sys
        from session_plugin import Account, LinkRefused, SessionHub

        async def main():
            async with SessionHub(sys.argv[1], secret="what all processes share", load_entry_points=False) as hub:
                print("ready", flush=True)
                code = sys.stdin.readline().strip()
                try:
                    await hub.redeem_link(Account("telegram", sys.argv[2]), code)
                    print("typed", flush=True)
                except LinkRefused:
                    print("refused", flush=True)

        asyncio.run(main())
    """
ALWAYS_EMPTY = {
    "what is said in a direct chat is somebody's": """
        SELECT m.seq FROM messages m JOIN chats c ON c.chat_no = m.chat_no WHERE c.kind = 'direct' AND c.peer_no IS NULL""",
    "a part stands in a session of the user who owns its chat": """
        SELECT g.segment_no FROM segments g JOIN sessions s USING (session_no) JOIN chats c ON c.chat_no = g.chat_no
        JOIN accounts a ON a.account_no = c.peer_no WHERE s.user_id IS DISTINCT FROM a.user_id""",
    "an account is there once": """
        SELECT channel, channel_user_id FROM accounts GROUP BY channel, channel_user_id HAVING COUNT(*) > 1""",
    "an id in use stands for itself": """
        SELECT a.user_id FROM accounts a JOIN users u USING (user_id) WHERE u.merged_into IS NOT NULL""",
    "a scope has at most one live session": """
        SELECT 1 FROM sessions WHERE ended_at IS NULL GROUP BY bot, user_id, chat_no, thread_id, name HAVING COUNT(*) > 1""",
    "counters are what counting gives": """
        SELECT segment_no FROM segments g WHERE
          total_count <> (SELECT COUNT(*) FROM messages m WHERE m.segment_no = g.segment_no)""",
    "a message is its author's, wherever it is": """
        SELECT m.seq FROM messages m JOIN chats c ON c.chat_no = m.chat_no
        JOIN accounts a ON a.account_no = COALESCE(m.account_no, c.peer_no) WHERE c.channel <> a.channel""",
}


async def test_whatever_processes_do_at_once_everybody_stays_one_person(
    new_database: str, backend: Any, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    processes = [spawn(WORKER, new_database, seed, STEPS) for seed in range(PROCESSES)]
    for process in processes:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "done\n"
    for promise, query in ALWAYS_EMPTY.items():
        assert backend.rows(new_database, query) == [], promise
    async with SessionHub(
        new_database, secret="what all processes share", load_entry_points=False
    ) as hub:
        await check_people(hub)


async def check_people(hub: SessionHub) -> None:
    """What each account sees is of its own person's accounts, and each knows the same of who that
    is.
    """
    for account in ACCOUNTS:
        identity = await hub.identity_of(account)
        if identity is None:
            continue
        assert account in identity.accounts
        for other in identity.accounts:
            assert (await hub.identity_of(other)).user_id == identity.user_id
        view = hub.session_of(Chat(account.channel, f"dm-{account.channel_user_id}"), account)
        for message in await view.history(limit=None, include_previous=True):
            assert message.person in identity.accounts
            assert message.content.endswith(
                f"of {message.person.channel} {message.person.channel_user_id}"
            )


async def test_one_code_typed_in_many_processes_at_once_is_good_for_one(
    new_database: str, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    processes = [spawn(TYPIST, new_database, number) for number in range(6)]
    for process in processes:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
    async with SessionHub(
        new_database, secret="what all processes share", load_entry_points=False
    ) as hub:
        code = (await hub.request_link(Account("discord", "ann"))).code
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(code + "\n")
            process.stdin.flush()
        told = [
            await asyncio.to_thread(process.stdout.readline)
            for process in processes
            if process.stdout is not None
        ]
        assert sorted(told) == ["refused\n"] * 5 + ["typed\n"]


async def test_guesses_from_many_processes_are_counted_together(
    new_database: str, backend: Any
) -> None:
    guesser = Account("telegram", "guesser")
    hubs = [
        SessionHub(new_database, secret="what all processes share", load_entry_points=False)
        for _ in range(4)
    ]
    try:
        code = (await hubs[0].request_link(Account("discord", "ann"))).code
        results = await asyncio.gather(
            *(hub.redeem_link(guesser, "ABCD-2345") for hub in hubs * 3), return_exceptions=True
        )
        assert all(isinstance(result, LinkRefused) for result in results)
        assert len(backend.rows(new_database, "SELECT at FROM attempts WHERE kind = 'wrong'")) == 5
        with pytest.raises(LinkRefused, match="cannot be used"):
            await hubs[1].redeem_link(guesser, code)
    finally:
        for hub in hubs:
            await hub.close()
