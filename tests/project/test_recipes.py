"""The recipes in examples/recipes run, on real clients against the simulators."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from openai import AsyncOpenAI

from session_plugin import Account, SessionHub
from session_plugin.testing import Talk
from session_plugin_telegram.testing import TelegramDriver
from telegram_simulator import TelegramSimulator

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "examples" / "recipes"


sys.path[:0] = [str(RECIPES), str(ROOT / "examples")]
import duplicates  # noqa: E402 - the examples are no package
import owner_status  # noqa: E402
import scheduled  # noqa: E402
from health import serving  # noqa: E402
from own_table import Points, read_messages  # noqa: E402
from tool_loop import answer, called  # noqa: E402
from two_bots import build_both  # noqa: E402

from model_server import ModelServer  # noqa: E402

del sys.path[:2]


@pytest.fixture
def hub(tmp_path: Path) -> SessionHub:
    return SessionHub(tmp_path / "bot.db", load_entry_points=False)


async def test_a_loop_of_tools_answers_and_leaves_its_calls_in_the_session(
    on_discord: Any, hub: SessionHub
) -> None:
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with ModelServer() as server, AsyncOpenAI(base_url=server.url, api_key="none") as client:

        async def handle(turn: Any) -> None:
            await turn.reply(await answer(client, turn.session, model="scripted-1"))

        bot = on_discord.install(hub, into=on_discord.make(handle))
        async with on_discord.started(bot):
            said = await on_discord.ask(ann, dm, "What is the weather in Oslo?")
            stored = await on_discord.history(hub, dm, count=4)

    assert said == "snow, -3 °C"
    kinds = [[type(part).__name__ for part in one.parts] for one in stored]
    assert kinds == [[], ["ToolCallPart"], ["ToolResultPart"], []]
    assert [line.kind for line in server.requests[-1]] == ["system", "user", "call", "result"]


async def test_a_tool_that_is_called_wrongly_says_so() -> None:
    function = SimpleNamespace(name="weather", arguments="{no JSON")
    assert called(SimpleNamespace(function=function)).startswith(
        "weather cannot be called like this"
    )


async def test_a_job_sends_what_its_person_said_and_it_is_in_their_session(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    application = on_telegram.builder().build()
    scheduled.install(application, hub)
    async with on_telegram.started(application):
        await on_telegram.ask(ann, dm, "/remind 0.2")
        await on_telegram.simulator.say(ann, dm, "Tea at five.")
        stored = await on_telegram.history(hub, dm, count=4)

    assert stored[-1].content == "You wanted to hear from me. You said: Tea at five."


async def test_two_bots_in_one_process_have_conversations_of_their_own(
    on_telegram: Any, tmp_path: Path
) -> None:
    async with TelegramSimulator(bot_name="Zaphod") as simulator:
        drivers = [on_telegram, TelegramDriver(simulator)]
        shop, support = build_both(tmp_path / "bots.db", *(one.builder() for one in drivers))
        async with on_telegram.started(shop), drivers[1].started(support):
            answers = []
            for driver in (*drivers, drivers[0]):
                ann = driver.user("Ann")
                answers.append(await driver.ask(ann, driver.direct_chat(ann), "hello"))

    assert answers == ["shop: message 1.", "support: message 1.", "shop: message 1."]


@pytest.mark.parametrize("is_owner", [True, False])
async def test_only_the_owner_is_shown_the_status(
    on_discord: Any, hub: SessionHub, is_owner: bool
) -> None:
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    bot = on_discord.make()
    bot.owner_id = ann.id if is_owner else ann.id + 1
    owner_status.install(bot, hub)
    async with on_discord.started(bot):
        if is_owner:
            assert "1 users, 1 messages" in await on_discord.ask(ann, dm, "!status")
        else:
            await on_discord.simulator.say(ann, dm, "!status")
            await on_discord.history(hub, dm, count=1)
            await on_discord.simulator.quiet(dm)
            assert not [one for one in on_discord.simulator.messages(dm) if one.is_from_bot]


class Embeddings:
    """A server of OpenAI's embeddings API on this machine: a dimension for each word."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}

    def vector(self, text: str) -> list[float]:
        found = [0.01] * 64
        for word in re.findall(r"\w+", text.lower()):
            found[self.words.setdefault(word, len(self.words)) % 64] += 1
        return found

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        data = [
            {"object": "embedding", "index": number, "embedding": self.vector(text)}
            for number, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return web.json_response({"object": "list", "data": data, "model": "words", "usage": usage})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what mem0 is configured with."""
        application = web.Application()
        application.router.add_post("/v1/embeddings", self.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield {"model": "words", "openai_base_url": address, "api_key": "none"}
        finally:
            await runner.cleanup()


async def test_mem0_remembers_and_forgets_with_people(
    hub: SessionHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEM0_TELEMETRY", "False")
    monkeypatch.setenv("MEM0_DIR", str(tmp_path / "mem0"))
    pytest.importorskip("mem0", reason="mem0ai is not installed: it is in the extra `docs`")
    monkeypatch.syspath_prepend(RECIPES)
    from mem0 import AsyncMemory  # noqa: PLC0415 - an extra
    from mem0_memory import Remembering, key  # noqa: PLC0415

    async with Embeddings().serving() as server:
        store = {"path": str(tmp_path / "vectors"), "embedding_model_dims": 64}
        memory = AsyncMemory.from_config(
            {
                "embedder": {"provider": "openai", "config": {**server, "embedding_dims": 64}},
                "llm": {"provider": "openai", "config": server},
                "vector_store": {"provider": "qdrant", "config": store},
                "history_db_path": str(tmp_path / "mem0.db"),
            }
        )
        remembering, talk = Remembering(memory, infer=False), Talk()
        ann, on_telegram = talk.account("ann"), Account("telegram", "2002")
        bob = talk.account("bob")
        hub.register(remembering)
        async with hub:
            await hub.record(talk.said(ann, "My cat is called Tom."))
            await hub.record(talk.said(bob, "My dog is called Rex."))
            await hub.record(talk.said(on_telegram, "I like tea."))
            await hub.settle()
            await remembering.finish()
            question = "What is my cat called, and do I like tea?"
            assert await remembering.recall(hub, on_telegram, question) == ["I like tea."]

            code = await hub.request_link(ann)
            await hub.redeem_link(on_telegram, code.code)
            for account in (on_telegram, ann):
                await hub.confirm_link(account)
            known = await remembering.recall(hub, on_telegram, question)
            assert sorted(known) == ["I like tea.", "My cat is called Tom."]

            user = await hub.identity_of(ann)
            assert user is not None
            await hub.forget(user.user_id)
            await hub.settle()
            await remembering.finish()
            for account in (ann, on_telegram):
                left = await memory.get_all(filters={"user_id": key(account)})
                assert left["results"] == []
            assert await remembering.recall(hub, bob, "dog") == ["My dog is called Rex."]
        memory.vector_store.client.close()


async def test_the_health_check_says_what_is_not_well(hub: SessionHub) -> None:
    is_connected = [True]
    async with (
        hub,
        serving(hub, {"discord": lambda: is_connected[0]}, port=0) as address,
        aiohttp.ClientSession() as client,
    ):
        talk = Talk()
        await hub.record(talk.said(talk.account("ann"), "hello"))

        async def get(path: str) -> tuple[int, str]:
            async with client.get(f"{address}{path}") as response:
                return response.status, await response.text()

        assert await get("/health") == (200, "well\n")
        is_connected[0] = False
        assert await get("/health") == (503, "not well: discord\n")
        assert re.search(r'messages_total\{.*outcome="stored".*\} 1.0', (await get("/metrics"))[1])
        await hub.close()
        assert await get("/health") == (503, "not well: discord, database\n")


async def test_a_message_that_is_delivered_twice_is_answered_once(
    on_telegram: Any, hub: SessionHub
) -> None:
    ann = on_telegram.user("Ann")
    dm = on_telegram.direct_chat(ann)
    async with on_telegram.started(duplicates.build(on_telegram.builder(), hub)):
        said = await on_telegram.simulator.say(ann, dm, "hello")
        await on_telegram.history(hub, dm, count=2)
        await on_telegram.simulator.repeat(said, same_update=False)
        await on_telegram.ask(ann, dm, "again")

    answers = [one.text for one in on_telegram.simulator.messages(dm) if one.is_from_bot]
    assert answers == ["Noted.", "Noted."]


async def test_an_own_table_moves_to_the_hub_and_points_follow_people(
    hub: SessionHub, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as old, old:
        old.execute("CREATE TABLE messages (id, user_id, role, content, at)")
        rows = [(1, 2002, "user", "hi", 1.7e9), (2, 2002, "assistant", "hello", 1.7e9 + 1)]
        old.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?)", rows)

    talk, points = Talk(), Points(tmp_path / "points.db")
    with closing(points):
        hub.register(points)
        async with hub:
            report = await hub.import_history(read_messages(tmp_path / "old.db", bot_id="7"))
            assert report.messages == 2

            ann, on_discord = Account("telegram", "2002"), talk.account("ann")
            await hub.record(talk.said(on_discord, "hello"))
            points.add(ann, 3)
            points.add(on_discord, 4)
            assert await points.of(hub, ann) == 3

            code = await hub.request_link(ann)
            await hub.redeem_link(on_discord, code.code)
            for account in (on_discord, ann):
                await hub.confirm_link(account)
            assert await points.of(hub, ann) == 7

            await hub.unlink(on_discord)
            assert await points.of(hub, ann) == 3

            await hub.forget(ann)
            await hub.settle()
            assert (await points.of(hub, ann), await points.of(hub, on_discord)) == (0, 4)
