"""Slash commands in groups: what others saw is stored, what one person alone saw is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import discord
import pytest
from discord.ext import commands

import session_plugin_discord
from discord_simulator import DiscordSimulator
from session_plugin import LinkRefused, SessionHub, hookimpl
from session_plugin_discord.testing import DiscordDriver


class Bot(commands.Bot):
    async def setup_hook(self) -> None:
        await self.tree.sync()


@pytest.fixture
def bot() -> Bot:
    intents = discord.Intents.default()
    intents.message_content = True
    return Bot("!", intents=intents, guild_ready_timeout=0.05, help_command=None)


@pytest.fixture(params=["event first", "response first"])
async def either_way(request: Any, point_discord: Any) -> Any:
    """Discord's event about an answer comes before the response to the request, or after it."""
    echo_first = request.param == "event first"
    async with DiscordSimulator(bot_name="Marvin", echo_first=echo_first) as simulator:
        point_discord(simulator)
        yield DiscordDriver(simulator)


class Form(discord.ui.Modal, title="Feedback"):
    words: discord.ui.TextInput[Any] = discord.ui.TextInput(label="words", custom_id="words")

    def __init__(self, *, ephemeral: bool) -> None:
        super().__init__()
        self.ephemeral = ephemeral

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message("thank you", ephemeral=self.ephemeral)


class Choice(discord.ui.View):
    @discord.ui.button(label="show", custom_id="show")
    async def show(self, interaction: discord.Interaction, button: Any) -> None:
        await interaction.response.send_message("shown to all")


async def refused(interaction: discord.Interaction) -> None:
    with pytest.raises(discord.HTTPException):
        await interaction.response.send_message("x" * 2001)


STEPS: dict[str, Callable[[discord.Interaction], Awaitable[Any]]] = {
    "is refused": refused,
    "defers": lambda it: it.response.defer(),
    "defers alone": lambda it: it.response.defer(ephemeral=True),
    "answers": lambda it: it.response.send_message("public"),
    "answers alone": lambda it: it.response.send_message("psst", ephemeral=True),
    "shows a button alone": lambda it: it.response.send_message(
        "psst", view=Choice(), ephemeral=True
    ),
    "edits": lambda it: it.edit_original_response(content="public"),
    "deletes": lambda it: it.delete_original_response(),
    "follows up": lambda it: it.followup.send("public"),
    "follows up alone": lambda it: it.followup.send("psst", ephemeral=True),
    "speaks": lambda it: it.channel.send("public"),
}
"""What a handler does, one after another."""

PUBLIC = [
    "answers",
    "defers, edits",
    "defers, follows up",
    "answers alone, follows up",
    "is refused, answers",
    "defers, deletes, follows up",
]
ALONE = [
    "answers alone",
    "defers alone, edits",
    "defers alone, follows up, follows up alone",
    "answers alone, edits",
    "is refused, answers alone",
    "defers, deletes, follows up alone",
    "",
]


def add_tell(bot: commands.Bot) -> asyncio.Queue[str]:
    """Add a command that is answered as it is told; the queue says when it is done."""
    done: asyncio.Queue[str] = asyncio.Queue()

    @bot.tree.command()
    async def tell(interaction: discord.Interaction, how: str, secret: str = "") -> None:
        """Answer."""
        for step in filter(None, how.split(", ")):
            await STEPS[step](interaction)
        done.put_nowait(how)

    return done


@pytest.mark.parametrize("how", PUBLIC)
async def test_what_was_answered_in_public_is_in_the_groups_history(
    either_way: Any, hub: SessionHub, bot: Bot, says: Any, how: str
) -> None:
    add_tell(bot)
    session_plugin_discord.install(bot, hub)
    ann = either_way.user("Ann")
    room = either_way.group("Friends", ann)
    async with either_way.connected(bot):
        used = await either_way.simulator.slash(ann, room, "tell", how=how, secret="tea")
        asked, answered = await says(either_way, room, [f"/tell how:{how} secret:tea", "public"])
    assert (asked.person, asked.message_id) == (either_way.account(ann), str(used.id))
    assert answered.person == either_way.account(ann)


@pytest.mark.parametrize("how", ALONE)
async def test_what_was_answered_to_one_person_alone_is_not_in_the_groups_history(
    either_way: Any, hub: SessionHub, bot: Bot, says: Any, how: str
) -> None:
    done = add_tell(bot)
    session_plugin_discord.install(bot, hub)
    ann, bob = either_way.user("Ann"), either_way.user("Bob")
    room = either_way.group("Friends", ann, bob)
    async with either_way.connected(bot):
        await either_way.simulator.slash(ann, room, "tell", how=how, secret="hunter2")
        assert await done.get() == how
        await either_way.say(bob, room, "what did I miss?")
        await says(either_way, room, ["what did I miss?"])
        await hub.settle()
        assert len(await either_way.view(hub, room).history(limit=None)) == 1


async def test_what_the_bot_says_in_the_channel_does_not_show_what_it_was_asked_alone(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    add_tell(bot)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.slash(ann, room, "tell", how="answers alone, speaks")
        (said,) = await says(on_discord, room, ["public"])
    assert said.person == on_discord.account(ann)


async def test_a_button_below_an_answer_to_one_person_does_not_show_the_command(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    done = add_tell(bot)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        used = await on_discord.simulator.slash(ann, room, "tell", how="shows a button alone")
        await done.get()
        await on_discord.simulator.press(ann, used.answers[0], "show")
        await says(on_discord, room, ["shown to all"])


@pytest.mark.parametrize("ephemeral", [False, True])
async def test_a_command_that_opens_a_form_is_shown_by_the_answer_to_the_form(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any, ephemeral: bool
) -> None:
    @bot.tree.command()
    async def feedback(interaction: discord.Interaction) -> None:
        """Ask."""
        await interaction.response.send_modal(Form(ephemeral=ephemeral))

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        used = await on_discord.simulator.slash(ann, room, "feedback")
        await on_discord.until(lambda: used.form)
        await says(on_discord, room, [])
        sent = await on_discord.simulator.submit(ann, used, words="x")
        await on_discord.simulator.answered(sent)
        await on_discord.say(ann, room, "done")
        seen = [] if ephemeral else ["/feedback", "thank you"]
        await says(on_discord, room, [*seen, "done"])


async def test_discord_decides_whether_others_see_an_answer(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    """Where a user may not use external apps, it makes every answer ephemeral."""
    done = add_tell(bot)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.simulator.remove_bot(room.guild)
        await on_discord.simulator.slash(ann, room, "tell", how="answers", secret="seen")
        await done.get()
        room.guild.allows_external_apps = False
        await on_discord.simulator.slash(ann, room, "tell", how="answers", secret="hunter2")
        await done.get()
        await says(on_discord, room, ["/tell how:answers secret:seen", "public"])


async def test_a_lost_response_loses_nothing_that_others_saw(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    @bot.tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        """Answer."""
        with pytest.raises(discord.HTTPException):
            await interaction.response.send_message("pong")

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        on_discord.simulator.fail_next("POST", "/callback", status=403, after_effect=True)
        await on_discord.simulator.slash(ann, room, "ping")
        await says(on_discord, room, ["/ping", "pong"])


async def test_a_command_finds_itself_in_its_own_session_before_anybody_else_does(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    found: list[Any] = []

    @bot.tree.command()
    async def recap(interaction: discord.Interaction) -> None:
        """Read, answer, and read again."""
        session = await session_plugin_discord.session(interaction)
        for _ in range(2):
            mine = [one.content for one in await session.history()]
            others = [one.content for one in await on_discord.view(hub, room).history()]
            model = [one.content for one in (await session.for_model()).messages]
            before = [one.content for one in await session.history(before=session.event)]
            newest = [one.content for one in await session.history(limit=1)]
            found.append((mine, others, model, before, newest))
            if not interaction.response.is_done():
                await interaction.response.defer()

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.say(ann, room, "hello")
        await says(on_discord, room, ["hello"])
        await on_discord.simulator.slash(ann, room, "recap")
        await on_discord.until(lambda: len(found) == 2)
    both = ["hello", "/recap"]
    assert found == [
        (both, ["hello"], both, ["hello"], ["/recap"]),
        (both, both, both, ["hello"], ["/recap"]),
    ]


async def test_an_input_passes_the_filters_once_whether_it_is_read_or_stored_first(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    filtered: list[str] = []

    class Shout:
        @hookimpl
        async def session_filter_message(self, event: Any) -> Any:
            if event.role == "user":
                filtered.append(event.text)
            return event

    hub.register(Shout())

    @bot.tree.command()
    async def read(interaction: discord.Interaction) -> None:
        """Read before the answer."""
        await (await session_plugin_discord.session(interaction)).history()
        await interaction.response.send_message("read")

    @bot.tree.command()
    async def skip(interaction: discord.Interaction) -> None:
        """Answer."""
        await interaction.response.send_message("skipped")

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        await on_discord.slash(ann, room, "read")
        await on_discord.slash(ann, room, "skip")
        await says(on_discord, room, ["/read", "read", "/skip", "skipped"])
    assert filtered == ["/read", "/skip"]


async def test_what_a_private_person_asks_is_nowhere_whoever_sees_the_answer(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    held: list[Any] = []

    @bot.tree.command()
    async def recap(interaction: discord.Interaction) -> None:
        """Read and answer."""
        session = await session_plugin_discord.session(interaction)
        held.append([one.content for one in await session.history()])
        await interaction.response.send_message("done")

    session_plugin_discord.install(bot, hub)
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.connected(bot):
        await on_discord.ask(ann, on_discord.direct_chat(ann), "!private on")
        await on_discord.slash(ann, room, "recap")
        await on_discord.say(bob, room, "hello")
        await says(on_discord, room, ["hello"])
    assert held == [[]]


async def test_an_interaction_in_a_group_that_comes_twice_is_stored_once(
    on_discord: Any, hub: SessionHub, bot: Bot, says: Any
) -> None:
    seen: list[bool] = []

    @bot.tree.command()
    async def once(interaction: discord.Interaction) -> None:
        """Tell whether it was seen before."""
        seen.append((await session_plugin_discord.session(interaction)).is_duplicate)
        if not seen[-1]:
            await interaction.response.send_message("once")

    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        used = await on_discord.simulator.slash(ann, room, "once")
        await says(on_discord, room, ["/once", "once"])
        await on_discord.simulator.repeat_use(used)
        await on_discord.until(lambda: len(seen) == 2)
        await says(on_discord, room, ["/once", "once"])
    assert seen == [False, True]


@pytest.mark.parametrize("stores", [True, False])
@pytest.mark.parametrize(("how", "is_burnt"), [("answers", True), ("answers alone", False)])
async def test_a_code_in_a_slash_command_is_burnt_only_if_others_saw_it(
    on_discord: Any, hub: SessionHub, bot: Bot, stores: bool, how: str, is_burnt: bool
) -> None:
    done = add_tell(bot)
    session_plugin_discord.install(bot, hub, slash_input=stores)
    ann, bob = on_discord.user("Ann"), on_discord.user("Bob")
    room = on_discord.group("Friends", ann, bob)
    async with on_discord.connected(bot):
        await on_discord.say(ann, on_discord.direct_chat(ann), "hello")
        code = await hub.request_link(on_discord.account(ann))
        await on_discord.simulator.slash(ann, room, "tell", how=how, secret=code.code)
        await done.get()
        await on_discord.say(bob, room, "go on")
        await on_discord.history(hub, room, count=3 if stores and is_burnt else 1)
        await hub.settle()
        if is_burnt:
            with pytest.raises(LinkRefused):
                await hub.redeem_link(on_discord.account(bob), code.code)
        else:
            await hub.redeem_link(on_discord.account(bob), code.code)
