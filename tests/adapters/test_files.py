"""Adapters fetch what people sent for a model; an answer that is streamed costs little."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import discord
import pytest
from discord import app_commands

import session_plugin_discord
from session_plugin import SessionHub, hookimpl
from session_plugin.testing import EventLog

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture(params=["on_discord", "on_telegram"])
def driver(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


async def media_in(view: Any, **limits: Any) -> list[Any]:
    context = await view.fetch_media(await view.for_model(), **limits)
    return list(context.media.values())


@pytest.mark.parametrize("kind", ["direct", "group"])
async def test_a_photo_that_a_person_sent_reaches_a_model(
    driver: Any, hub: SessionHub, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "session_plugin")
    ann = driver.user("Ann")
    place = driver.direct_chat(ann) if kind == "direct" else driver.group("Friends", ann)
    async with driver.running(hub):
        await driver.say(ann, place, "look", attachments=[("cat.png", PNG)])
        await driver.history(hub, place, count=1)
        view = driver.view(hub, place, ann)
        context = await view.fetch_media(await view.for_model())
        assert [one.data for one in context.media.values()] == [PNG]
        assert "image" in str(context.as_openai())
        assert "TOKEN" not in str(context) and driver.simulator.token not in str(context)
        assert await media_in(view, max_bytes=50) == []
    assert await media_in(view) == [], "no adapter is there any more"
    assert driver.simulator.token not in caplog.text


async def test_a_handler_gives_its_model_what_it_answers(driver: Any, hub: SessionHub) -> None:
    seen = []

    async def answer(turn: Any) -> None:
        found = await turn.session.fetch_media(await turn.session.for_model())
        seen.extend(one.data for one in found.media.values())
        await turn.say("a cat")

    ann = driver.user("Ann")
    dm = driver.direct_chat(ann)
    async with driver.running(hub, answer):
        said = await driver.say(ann, dm, "look", attachments=[("cat.png", PNG)])
        await driver.answer(dm, after=said)
        assert [one.content for one in await driver.history(hub, dm, count=2)] == ["look", "a cat"]
    assert seen == [PNG]


async def test_discords_links_may_have_expired(on_discord: Any, hub: SessionHub) -> None:
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.running(hub):
        await on_discord.say(ann, dm, "look", attachments=[("cat.png", PNG)])
        await on_discord.history(hub, dm, count=1)
        on_discord.simulator.expire_links()
        assert [one.data for one in await media_in(on_discord.view(hub, dm))] == [PNG]
    assert [one.content for one in on_discord.simulator.downloads] == [PNG]


async def test_a_file_of_a_forwarded_message_is_found(on_discord: Any, hub: SessionHub) -> None:
    ann = on_discord.user("Ann")
    dm, room = on_discord.direct_chat(ann), on_discord.group("Friends", ann)
    async with on_discord.running(hub):
        said = await on_discord.say(ann, room, "look", attachments=[("cat.png", PNG)])
        await on_discord.simulator.forward(ann, said, dm)
        await on_discord.history(hub, dm, count=1)
        assert [one.data for one in await media_in(on_discord.view(hub, dm))] == [PNG]


async def test_a_file_given_to_a_slash_command_is_named_only(
    on_discord: Any, hub: SessionHub, caplog: pytest.LogCaptureFixture
) -> None:
    bot = on_discord.make()

    @bot.tree.command(name="look", description="l")
    @app_commands.describe(file="f")
    async def look(interaction: Any, file: discord.Attachment) -> None:
        session = await session_plugin_discord.session(interaction)
        context = await session.fetch_media(await session.for_model())
        await interaction.response.send_message(f"{len(context.media)} files")

    async def setup_hook() -> None:
        await bot.tree.sync()

    bot.setup_hook = setup_hook
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.started(on_discord.install(hub, into=bot)):
        assert await on_discord.slash(ann, dm, "look", file=("cat.png", PNG)) == "0 files"
    assert "could not be fetched" not in caplog.text


async def test_a_platform_that_fails_leaves_the_placeholder(
    driver: Any, hub: SessionHub, caplog: pytest.LogCaptureFixture
) -> None:
    ann = driver.user("Ann")
    dm = driver.direct_chat(ann)
    async with driver.running(hub):
        await driver.say(ann, dm, "look", attachments=[("cat.png", PNG)])
        await driver.history(hub, dm, count=1)
        if driver.channel == "telegram":
            driver.simulator.fail_next("getFile", error_code=400)
        else:
            driver.simulator.fail_next("GET", "/messages/", status=403)
        assert await media_in(driver.view(hub, dm)) == []
        assert "could not be fetched" in caplog.text
        assert "look" not in caplog.text
        assert [one.data for one in await media_in(driver.view(hub, dm))] == [PNG]


async def test_a_voice_message_is_transcribed_and_read(driver: Any, hub: SessionHub) -> None:
    class Hears:
        @hookimpl
        async def session_transcribe(self, attachment: Any, message: Any) -> str:
            await asyncio.sleep(0.2)
            return f"words of {attachment.kind}"

    seen = []

    async def answer(turn: Any) -> None:
        seen.append(str((await turn.session.for_model(upto=turn.session.event)).as_openai()))
        await turn.say("heard")

    hub.register(Hears())
    ann = driver.user("Ann")
    dm = driver.direct_chat(ann)
    async with driver.running(hub, answer):
        if driver.channel == "telegram":
            await driver.simulator.say(ann, dm, "", attachments=[("v.ogg", b"1")])
        else:
            await driver.say(ann, dm, "", attachments=[("v.ogg", b"1")])
        await driver.told(dm, "heard")
    assert "words of " in seen[0]


# Streamed answers


async def test_a_hundred_edits_in_two_seconds_are_few_writes(
    driver: Any, database: str, backend: Any
) -> None:
    hub, took = SessionHub(database, load_entry_points=False), list[float]()

    async def stream(turn: Any) -> None:
        sent = await turn.say("word")
        started = time.monotonic()
        for number in range(1, 101):
            text = f"word {number}"
            before = time.monotonic()
            if driver.channel == "telegram":
                await sent.edit_text(text)
            else:
                await sent.edit(content=text)
            took.append(time.monotonic() - before)
            await asyncio.sleep(max(0.0, started + 2.0 * number / 100 - time.monotonic()))

    event_log = EventLog()
    hub.register(event_log)
    ann = driver.user("Ann")
    dm = driver.direct_chat(ann)
    started = time.monotonic()
    async with driver.running(hub, stream):
        await driver.say(ann, dm, "go")
        await driver.until(lambda: len(took) == 100)
        found = await driver.history(hub, dm, count=2)
        seconds = time.monotonic() - started
        assert [one.content for one in found][:2] == ["go", "word 100"]
        await hub.settle()

    stored = [entry["event"].text for entry in event_log.of("edit")]
    assert len(stored) <= seconds + 2
    assert stored[-1] == "word 100"
    assert len(stored) < 50
    changes = backend.rows(database, "SELECT changed FROM segments")
    assert sum(row[0] for row in changes) == len(stored)
    assert sorted(took)[90] < 0.5, "the author's call waits for no second"


async def test_an_answer_that_is_streamed_until_the_bot_stops_is_whole(
    driver: Any, hub: SessionHub, path: Any
) -> None:
    async def stream(turn: Any) -> None:
        sent = await turn.say("word")
        for number in range(1, 6):
            edit = {"text": f"word {number}"} if driver.channel == "telegram" else None
            await (sent.edit_text(**edit) if edit else sent.edit(content=f"word {number}"))

    ann = driver.user("Ann")
    dm = driver.direct_chat(ann)
    async with driver.running(hub, stream):
        await driver.say(ann, dm, "go")
        await driver.until(lambda: driver.messages(dm)[-1].text == "word 5")
        await asyncio.sleep(0.05)

    again = SessionHub(path, load_entry_points=False)
    assert [one.content for one in await driver.history(again, dm, count=2)] == ["go", "word 5"]
    await again.close()
