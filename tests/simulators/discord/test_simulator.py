"""The simulated Discord with the real discord.py over sockets, without an adapter."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest
from discord.ext import commands

from discord_simulator import DiscordSimulator, SimulatedMessage

Pointer = Callable[[DiscordSimulator], None]


class Recorder(commands.Bot):
    """A bot that answers "ping" and records every event in order."""

    def __init__(self, *, content: bool = True, **options: Any) -> None:
        intents = discord.Intents.default()
        intents.message_content = content

        for name, value in options.pop("intents", {}).items():
            setattr(intents, name, value)

        super().__init__("!", intents=intents, guild_ready_timeout=0.05, **options)
        self.seen: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def on_message(self, message: discord.Message) -> None:
        self.seen.put_nowait(("message", message))
        if message.content == "ping":
            await message.channel.send("pong")
        await self.process_commands(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        self.seen.put_nowait(("edit", payload))

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        self.seen.put_nowait(("delete", payload))

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        self.seen.put_nowait(("bulk", payload))

    async def on_thread_create(self, thread: discord.Thread) -> None:
        self.seen.put_nowait(("thread", thread))

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self.seen.put_nowait(("guild", guild))

    async def on_resumed(self) -> None:
        self.seen.put_nowait(("resumed", None))

    async def next(self, kind: str) -> Any:
        """Return the next event, which must be of this kind."""
        found, payload = await asyncio.wait_for(self.seen.get(), 5)
        assert found == kind, f"{found} instead of {kind}: {payload}"
        return payload


@asynccontextmanager
async def running(simulator: DiscordSimulator, **options: Any) -> AsyncIterator[Recorder]:
    bot = Recorder(**options)
    task = asyncio.create_task(bot.start(simulator.token))
    try:
        waiting = asyncio.create_task(simulator.connected())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            waiting.cancel()
            await task
        await bot.wait_until_ready()
        yield bot
    finally:
        await bot.close()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_bot_logs_in_and_sees_its_guild_and_channel(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with running(simulator) as bot:
        assert bot.user is not None
        assert (bot.user.name, bot.user.id) == ("Marvin", simulator.bot.id)
        channel = bot.get_channel(room.id)

        assert isinstance(channel, discord.TextChannel)
        assert (channel.name, channel.guild.name, channel.guild.member_count) == (
            "Friends",
            "Friends",
            2,
        )
        assert channel.permissions_for(channel.guild.me).administrator


async def test_a_direct_message_is_answered(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    async with running(simulator) as bot:
        ping = await simulator.say(ann, dm, "ping")
        answer = await simulator.answer(dm, after=ping)
        assert (answer.text, answer.is_from_bot, answer.author) == ("pong", True, None)
        received = await bot.next("message")

        assert isinstance(received.channel, discord.DMChannel)
        assert received.guild is None
        assert (received.author.name, received.author.display_name) == ("ann", "Ann")
        assert received.created_at.timestamp() == pytest.approx(ping.sent_at, abs=0.001)


async def test_a_direct_message_event_has_neither_guild_nor_member_nor_recipients(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    raw: list[dict[str, Any]] = []
    async with running(simulator) as bot:
        parse = bot._connection.parsers["MESSAGE_CREATE"]
        bot._connection.parsers["MESSAGE_CREATE"] = lambda data: (raw.append(data), parse(data))
        await simulator.say(ann, simulator.direct_chat(ann), "hello")
        await bot.next("message")

    assert not {"guild_id", "member", "recipients"} & raw[0].keys()


async def test_a_guild_message_is_answered_and_knows_the_member(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann", nick="Annie")
    room = simulator.group("Friends", ann)
    async with running(simulator) as bot:
        ping = await simulator.say(ann, room, "ping")
        assert (await simulator.answer(room, after=ping)).text == "pong"
        received = await bot.next("message")
        assert isinstance(received.author, discord.Member)
        assert received.author.display_name == "Annie"


@pytest.mark.parametrize("echo_first", [True, False])
async def test_own_messages_are_echoed_with_their_nonce(
    point_client: Pointer, echo_first: bool
) -> None:
    async with DiscordSimulator(echo_first=echo_first) as simulator:
        point_client(simulator)
        ann = simulator.user("Ann")
        async with running(simulator) as bot:
            sent = await (await bot.fetch_user(ann.id)).send("hello", nonce=4711)
            echo = await bot.next("message")
            assert echo.author == bot.user
            assert (echo.id, str(echo.nonce), str(sent.nonce)) == (sent.id, "4711", "4711")


@pytest.mark.parametrize("echo_first", [True, False])
async def test_the_echo_comes_on_the_asked_side_of_the_answer(
    point_client: Pointer, echo_first: bool
) -> None:
    async with DiscordSimulator(echo_first=echo_first) as simulator:
        point_client(simulator)
        room = simulator.group("Friends")

        order = []
        async with running(simulator) as bot:
            parse = bot._connection.parsers["MESSAGE_CREATE"]
            bot._connection.parsers["MESSAGE_CREATE"] = lambda data: (
                order.append("echo"),
                parse(data),
            )

            for _ in range(20):
                await bot.get_partial_messageable(room.id).send("hello")
                order.append("answer")
                await bot.next("message")

        # The order in which a client reads its two sockets varies, so the majority counts.
        assert (order[0::2].count("echo") > 10) is echo_first


async def test_a_failed_answer_after_the_effect_is_retried_without_a_second_message(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    async with running(simulator):
        simulator.fail_next("POST", "/messages", status=502, after_effect=True)
        await simulator.say(ann, dm, "ping")
        await simulator.answer(dm)
        while len([call for call in simulator.calls if call.path.endswith("/messages")]) < 2:
            await asyncio.sleep(0.05)
        assert [one.text for one in simulator.messages(dm)] == ["ping", "pong"]


async def test_a_failure_before_the_effect_leaves_nothing(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    async with running(simulator) as bot:
        user = await bot.fetch_user(ann.id)
        simulator.fail_next("POST", "/messages", status=403)
        with pytest.raises(discord.Forbidden):
            await user.send("hello")
        assert simulator.messages(simulator.direct_chat(ann)) == []


async def test_a_lost_connection_raises_in_the_bot_though_the_message_stands(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    async with running(simulator) as bot:
        user = await bot.fetch_user(ann.id)
        simulator.fail_next("POST", "/messages", status=None, after_effect=True)
        with pytest.raises(aiohttp.ClientError):
            await user.send("hello")
        assert (await bot.next("message")).content == "hello"


async def test_a_rate_limited_request_is_tried_again(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    async with running(simulator) as bot:
        user = await bot.fetch_user(ann.id)
        simulator.fail_next("POST", "/messages", status=429)
        await user.send("hello")
        assert [one.text for one in simulator.messages(simulator.direct_chat(ann))] == ["hello"]


async def test_a_reply_carries_its_reference_both_ways(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with running(simulator) as bot:
        first = await simulator.say(ann, room, "first")
        received = await bot.next("message")
        answer = await received.reply("second")

        assert answer.reference.resolved.content == "first"
        assert (await simulator.answer(room)).reply_to is first
        await bot.next("message")
        await simulator.say(ann, room, "third", reply_to=simulator.messages(room)[1])
        third = await bot.next("message")

        assert third.type is discord.MessageType.reply
        assert third.reference.resolved.author == bot.user
        assert bot.user in third.mentions


async def test_a_reply_to_a_deleted_message_keeps_the_reference_only(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    async with running(simulator) as bot:
        first = await simulator.say(ann, dm, "first")
        second = await simulator.say(ann, dm, "second", reply_to=first)
        await simulator.delete(first)
        fetched = await (await bot.fetch_channel(dm.id)).fetch_message(second.id)
        assert isinstance(fetched.reference.resolved, discord.DeletedReferencedMessage)


async def test_an_edit_a_preview_and_a_deletion_reach_the_raw_events(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with running(simulator) as bot:
        message = await simulator.say(ann, room, "helo")
        await bot.next("message")
        await simulator.unfurl(message)
        preview = await bot.next("edit")

        assert (preview.message.content, preview.message.edited_at) == ("helo", None)
        assert len(preview.message.embeds) == 1
        assert await simulator.edit(message, "hello") is message
        edit = await bot.next("edit")

        assert edit.message.content == "hello"
        assert edit.message.edited_at is not None
        assert message.edited
        await simulator.delete(message)

        assert (await bot.next("delete")).message_id == message.id
        assert simulator.messages(room) == []


async def test_a_bulk_deletion_is_one_event(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with running(simulator) as bot:
        said = [await simulator.say(ann, room, text) for text in "ab"]
        for _ in said:
            await bot.next("message")
        await simulator.delete_bulk(*said)
        assert (await bot.next("bulk")).message_ids == {one.id for one in said}


async def test_the_bot_edits_deletes_and_reads_its_history(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with running(simulator) as bot:
        channel = bot.get_channel(room.id)
        sent = [await channel.send(text) for text in ("one", "two", "three", "four")]
        await sent[0].edit(content="uno")
        await sent[1].delete()
        await sent[2].add_reaction("\N{THUMBS UP SIGN}")

        async with channel.typing():
            assert [one.content async for one in channel.history()] == ["four", "three", "uno"]

        assert [one.content async for one in channel.history(after=sent[0], limit=1)] == ["three"]
        assert [one.content async for one in channel.history(before=sent[3], limit=1)] == ["three"]
        assert simulator.messages(room)[0].edited
        await channel.delete_messages([sent[2], sent[3]])

        assert [one.text for one in simulator.messages(room)] == ["uno"]


async def test_what_is_not_there_has_the_documented_code(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    async with running(simulator) as bot:
        hers = await simulator.say(ann, dm, "hello")
        channel = await bot.fetch_channel(dm.id)
        for request, status, code in (
            (bot.fetch_channel(1), 404, 10003),
            (channel.fetch_message(1), 404, 10008),
            (bot.fetch_user(1), 404, 10013),
            (channel.get_partial_message(hers.id).edit(content="no"), 403, 50005),
            (channel.get_partial_message(hers.id).delete(), 403, 50003),
            (channel.send(" "), 400, 50006),
            (channel.send("x" * 2001), 400, 50035),
        ):
            with pytest.raises(discord.HTTPException) as caught:
                await request
            assert (caught.value.status, caught.value.code) == (status, code)


async def test_a_route_that_is_not_simulated_is_named(simulator: DiscordSimulator) -> None:
    async with running(simulator) as bot:
        with pytest.raises(discord.NotFound, match=r"GET /api/v10/sticker-packs is not simulated"):
            await bot.fetch_premium_sticker_packs()


async def test_a_thread_message_has_the_thread_as_channel_with_its_parent(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)

    older = simulator.thread(room, "older")
    async with running(simulator) as bot:
        assert bot.get_channel(older.id).parent_id == room.id
        thread = simulator.thread(room, "plans")
        assert (await bot.next("thread")).id == thread.id
        ping = await simulator.say(ann, thread, "ping")
        received = await bot.next("message")

        assert isinstance(received.channel, discord.Thread)
        assert (received.channel.id, received.channel.name, received.channel.parent_id) == (
            thread.id,
            "plans",
            room.id,
        )
        assert (await simulator.answer(thread, after=ping)).chat is thread


async def test_a_rest_answer_names_neither_guild_nor_member(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    await simulator.say(ann, room, "hello")
    url = f"{simulator.environment()['DISCORD_API_BASE']}/channels/{room.id}/messages"

    headers = {"Authorization": f"Bot {simulator.token}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        assert not {"guild_id", "member"} & (await response.json())[0].keys()


async def test_a_direct_chat_that_is_fetched_names_its_recipient(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    async with running(simulator) as bot:
        channel = await bot.fetch_channel(simulator.direct_chat(ann).id)
        assert isinstance(channel, discord.DMChannel)
        assert channel.recipient is not None
        assert channel.recipient.id == ann.id


async def test_the_bot_starts_a_thread_from_a_message_with_its_id(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with running(simulator) as bot:
        await simulator.say(ann, room, "let us plan")
        received = await bot.next("message")
        thread = await received.create_thread(name="plans")
        assert (thread.id, thread.parent_id) == (received.id, room.id)


async def test_a_guild_that_is_made_later_is_announced(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    async with running(simulator) as bot:
        room = simulator.group("Friends", ann)
        assert (await bot.next("guild")).name == "Friends"
        second = simulator.group("plans", guild=room.guild)
        await simulator.say(ann, second, "hello")
        received = await bot.next("message")
        assert (received.guild.name, received.channel.name) == ("Friends", "plans")


async def test_webhooks_other_bots_and_arrivals_look_as_documented(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with running(simulator) as bot:
        await simulator.say_as_webhook("News", room, "extra")
        webhook = await bot.next("message")
        assert webhook.webhook_id == webhook.author.id
        assert (webhook.author.name, webhook.author.bot, type(webhook.author)) == (
            "News",
            True,
            discord.User,
        )
        await simulator.say_as_bot("Robby", room, "beep")
        other = await bot.next("message")

        assert (other.author.name, other.author.bot, other.webhook_id) == ("Robby", True, None)
        assert other.author != bot.user
        await simulator.system_message(room, ann)
        arrival = await bot.next("message")

        assert arrival.type is discord.MessageType.new_member
        assert arrival.is_system()


async def test_content_is_blank_without_the_intent_but_for_the_exceptions(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with running(simulator, content=False) as bot:

        async def received(sent: SimulatedMessage) -> tuple[str, int]:
            message = await bot.next("message")
            assert message.id == sent.id
            return message.content, len(message.attachments)

        said = await simulator.say(ann, room, "secret", attachments=["plan.txt"])
        assert await received(said) == ("", 0)
        mention = f"<@{simulator.bot.id}> look"

        assert await received(await simulator.say(ann, room, mention)) == (mention, 0)
        dm = simulator.direct_chat(ann)
        assert await received(await simulator.say(ann, dm, "hello", attachments=["plan.txt"])) == (
            "hello",
            1,
        )
        own = await bot.get_channel(room.id).send("own")

        assert (await bot.next("message")).content == own.content == "own"


async def test_without_the_message_intents_nothing_is_told(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with running(simulator, intents={"guild_messages": False}) as bot:
        await simulator.say(ann, room, "unheard")
        await simulator.say(ann, simulator.direct_chat(ann), "heard")
        assert (await bot.next("message")).content == "heard"

    async with running(simulator, intents={"dm_messages": False}) as bot:
        await simulator.say(ann, simulator.direct_chat(ann), "unheard")
        await simulator.say(ann, room, "heard")
        assert (await bot.next("message")).content == "heard"


async def test_an_intent_that_is_not_enabled_is_refused(point_client: Pointer) -> None:
    async with DiscordSimulator(message_content_enabled=False) as simulator:
        point_client(simulator)
        with pytest.raises(discord.PrivilegedIntentsRequired):
            async with running(simulator):
                pass


async def test_without_the_enabled_intent_the_history_is_blank_too(point_client: Pointer) -> None:
    async with DiscordSimulator(message_content_enabled=False) as simulator:
        point_client(simulator)
        ann = simulator.user("Ann")
        room = simulator.group("Friends", ann)
        said = await simulator.say(ann, room, "secret")
        async with running(simulator, content=False) as bot:
            assert (await bot.get_channel(room.id).fetch_message(said.id)).content == ""


async def test_a_wrong_token_is_refused_at_login(simulator: DiscordSimulator) -> None:
    async with Recorder() as bot:
        with pytest.raises(discord.LoginFailure):
            await bot.login("not this one")


async def test_a_wrong_token_is_refused_at_the_gateway(simulator: DiscordSimulator) -> None:
    async with Recorder() as bot:
        await bot.login(simulator.token)
        bot.http.token = "not this one"
        with pytest.raises(discord.ConnectionClosed) as caught:
            await bot.connect()
        assert caught.value.code == 4004


async def test_a_cut_connection_is_resumed_with_what_was_missed(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    room = simulator.group("Friends", ann)
    async with running(simulator) as bot:
        await simulator.say(ann, room, "before")
        assert (await bot.next("message")).content == "before"
        simulator.cut()
        missed = [await simulator.say(ann, room, text) for text in ("one", "two")]

        assert [(await bot.next("message")).id for _ in missed] == [one.id for one in missed]
        await bot.next("resumed")
        await simulator.say(ann, room, "after")

        assert (await bot.next("message")).content == "after"


async def test_asked_to_reconnect_a_client_resumes(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    async with running(simulator) as bot:
        await simulator.reconnect()
        await simulator.say(ann, simulator.direct_chat(ann), "meanwhile")
        assert (await bot.next("message")).content == "meanwhile"
        await bot.next("resumed")


@pytest.mark.parametrize("resumable", [True, False])
async def test_an_invalid_session_loses_what_it_missed_unless_resumable(
    simulator: DiscordSimulator, resumable: bool
) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    async with running(simulator) as bot:
        await simulator.invalidate_session(resumable=resumable)
        await simulator.say(ann, dm, "meanwhile")
        await simulator.connected()
        await simulator.say(ann, dm, "after")

        if resumable:
            assert (await bot.next("message")).content == "meanwhile"
            await bot.next("resumed")

        assert (await bot.next("message")).content == "after"


@pytest.mark.parametrize(("resumable", "opcode"), [(True, 0), (False, 9)])
async def test_only_a_resumable_session_can_be_resumed(
    simulator: DiscordSimulator, resumable: bool, opcode: int
) -> None:
    url = simulator.environment()["DISCORD_GATEWAY_URL"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as socket:
            await socket.receive_json()
            await socket.send_json({"op": 2, "d": {"token": simulator.token, "intents": 1}})
            ready = (await socket.receive_json())["d"]
            await simulator.invalidate_session(resumable=resumable)
            assert await socket.receive_json() == {"op": 9, "d": resumable}

        async with session.ws_connect(ready["resume_gateway_url"]) as socket:
            await socket.receive_json()
            resume = {"token": simulator.token, "session_id": ready["session_id"], "seq": 1}
            await socket.send_json({"op": 6, "d": resume})
            assert (await socket.receive_json())["op"] == opcode


async def test_a_repeated_message_reaches_on_message_twice(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    async with running(simulator) as bot:
        message = await simulator.say(ann, simulator.direct_chat(ann), "hello")
        await simulator.repeat(message)
        assert [(await bot.next("message")).id for _ in "12"] == [message.id] * 2


async def test_files_are_uploaded_and_fetched(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    async with running(simulator) as bot:
        user = await bot.fetch_user(ann.id)
        sent = await user.send(
            "look", file=discord.File(io.BytesIO(b"\x89PNG"), filename="dot.png")
        )
        assert (sent.content, sent.attachments[0].content_type) == ("look", "image/png")
        assert simulator.messages(dm)[0].attachments[0].content == b"\x89PNG"
        assert simulator.calls[-1].body["content"] == "look"
        await bot.next("message")
        await simulator.say(ann, dm, "", attachments=[("a b.txt", b"words")])
        received = await bot.next("message")

        assert (received.attachments[0].filename, await received.attachments[0].read()) == (
            "a b.txt",
            b"words",
        )


async def test_members_are_chunked_on_request(simulator: DiscordSimulator) -> None:
    people = [simulator.user(f"person {number}") for number in range(1001)]
    room = simulator.group("Crowd", *people)
    async with running(simulator, intents={"members": True}, chunk_guilds_at_startup=False) as bot:
        guild = bot.get_channel(room.id).guild
        assert [member.id for member in guild.members] == [simulator.bot.id]
        assert len(await guild.query_members(user_ids=[people[3].id])) == 1
        assert len(await guild.query_members("person10", limit=20)) == 12
        assert len(await guild.chunk()) == 1002


async def test_any_unicode_crosses_in_both_directions(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann\ud800")
    dm = simulator.direct_chat(ann)

    odd = "\0 \ud83d \U0001f600 \u202e \x85"
    async with running(simulator) as bot:
        await simulator.say(ann, dm, odd, attachments=["\udfff.txt"])
        received = await bot.next("message")
        assert received.content == odd
        await received.channel.send(odd)
        assert (await simulator.answer(dm)).text == odd


async def test_several_shards_share_the_guilds_and_the_first_has_direct_chats(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    rooms = []

    for name in "abcd":
        rooms.append(simulator.group(name, ann))
        await asyncio.sleep(0.002)

    mine = [room for room in rooms if (room.guild.id >> 22) % 2 == 1]
    async with running(simulator, shard_id=1, shard_count=2) as bot:
        await simulator.say(ann, simulator.direct_chat(ann), "for shard 0")
        for room in rooms:
            await simulator.say(ann, room, "hello")
        assert [guild.id for guild in bot.guilds] == [room.guild.id for room in mine]
        assert [(await bot.next("message")).channel.id for _ in mine] == [room.id for room in mine]


async def test_the_time_out_of_an_answer_names_the_chat_and_what_stands_there(
    simulator: DiscordSimulator,
) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    said = await simulator.say(ann, dm, "anybody?")
    with pytest.raises(TimeoutError, match=r"'Ann'.*Ann: 'anybody\?'"):
        await simulator.answer(dm, after=said, timeout=0.05)


async def test_quiet_returns_what_the_bot_said_meanwhile(simulator: DiscordSimulator) -> None:
    ann = simulator.user("Ann")
    dm = simulator.direct_chat(ann)
    async with running(simulator):
        await simulator.say(ann, dm, "hush")
        assert await simulator.quiet(dm, seconds=0.05) == []
        await simulator.say(ann, dm, "ping")
        assert [one.text for one in simulator.messages(dm)][:2] == ["hush", "ping"]
        assert (await simulator.answer(dm)).text == "pong"


async def test_somebody_who_is_not_in_a_chat_cannot_speak_there(
    simulator: DiscordSimulator,
) -> None:
    ann, bob = simulator.user("Ann"), simulator.user("Bob")
    with pytest.raises(ValueError, match="Bob is not in direct chat 'Ann'"):
        await simulator.say(bob, simulator.direct_chat(ann), "hello")


async def test_the_address_is_asked_for_too_early() -> None:
    with pytest.raises(RuntimeError, match="start"):
        DiscordSimulator().environment()


async def test_stop_ends_soon_with_a_connected_client(point_client: Pointer) -> None:
    simulator = DiscordSimulator()
    await simulator.start()
    point_client(simulator)

    async with running(simulator):
        started = time.monotonic()
        await simulator.stop()
        assert time.monotonic() - started < 2


async def test_stop_ends_soon_with_a_client_that_does_not_answer() -> None:
    simulator = DiscordSimulator()
    await simulator.start()

    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(
            simulator.environment()["DISCORD_GATEWAY_URL"], autoclose=False
        )
        started = time.monotonic()
        await simulator.stop()

        assert time.monotonic() - started < 2
        assert (await socket.receive_json())["op"] == 10
        assert (await socket.receive()).data == 1001
        await socket.close()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("nonsense", 4002),
        ('{"op": []}', 4002),
        ('{"op": 99}', 4001),
        ('{"op": 8, "d": {}}', 4003),
        ('{"op": 2, "d": {"token": "simulated-discord-token"}}', 4013),
        (
            '{"op": 2, "d": {"token": "simulated-discord-token", "intents": 1, "shard": [2, 2]}}',
            4010,
        ),
    ],
)
async def test_a_frame_against_the_protocol_closes_with_its_code(
    simulator: DiscordSimulator, frame: str, code: int
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(simulator.environment()["DISCORD_GATEWAY_URL"]) as socket,
    ):
        await socket.receive_json()
        await socket.send_str(frame)
        assert (await socket.receive(5)).data == code


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '{"embeds": "x"}',
        '{"embeds": [1]}',
        '{"content": "x", "flags": "a"}',
        '{"message_reference": 4}',
    ],
)
async def test_a_body_of_the_wrong_shape_is_a_bad_request(
    simulator: DiscordSimulator, body: str
) -> None:
    dm = simulator.direct_chat(simulator.user("Ann"))
    url = f"{simulator.environment()['DISCORD_API_BASE']}/channels/{dm.id}/messages"

    headers = {"Authorization": f"Bot {simulator.token}", "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as response,
    ):
        assert response.status == 400

    assert simulator.messages(dm) == []
