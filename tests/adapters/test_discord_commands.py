"""Our commands on Discord: by prefix and as slash commands, renamed, grouped, off, beside those of
the author's.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands

import session_plugin_discord
from discord_simulator import DiscordSimulator
from session_plugin import Account, LinkRefused, SessionError, SessionHub
from session_plugin_discord.testing import DiscordDriver

CODE = re.compile(r"code is (\S+)\.")


def made(*, sync: bool = True) -> commands.Bot:
    """Make a bot that synchronises its tree when it starts, as its author would."""
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot("!", intents=intents, guild_ready_timeout=0.05, help_command=None)

    @bot.event
    async def setup_hook() -> None:
        if sync:
            await bot.tree.sync()

    return bot


async def answer(driver: Any, user: Any, chat: Any, name: str, **options: Any) -> Any:
    """Give a slash command, and wait for what is answered."""
    (found,) = await driver.simulator.answered(
        await driver.simulator.slash(user, chat, name, **options)
    )
    return found


def kept(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        (count,) = database.execute("SELECT count(*) FROM messages").fetchone()
        return int(count)


@pytest.mark.parametrize(
    "is_old", [False, True], ids=["a new application", "an application with an id of its own"]
)
async def test_two_accounts_are_linked_by_slash_commands_alone(
    point_discord: Any, hub: SessionHub, path: Path, is_old: bool
) -> None:
    async with DiscordSimulator(is_old=is_old) as simulator:
        point_discord(simulator)
        await _link_by_slash(DiscordDriver(simulator), hub, path)


async def _link_by_slash(on_discord: DiscordDriver, hub: SessionHub, path: Path) -> None:
    bot = made()
    session_plugin_discord.install(bot, hub)
    ann, other = on_discord.user("Ann"), on_discord.user("Annie")
    mine, others = on_discord.direct_chat(ann), on_discord.direct_chat(other)
    async with on_discord.connected(bot):
        asked = await answer(on_discord, ann, mine, "link")
        code = CODE.search(asked.text)
        assert code is not None
        assert f"/link {code.group(1)}" in asked.text
        typed = await answer(on_discord, other, others, "link", words=code.group(1))
        await on_discord.told(mine, "Annie")
        agreed = await answer(on_discord, other, others, "link", words="confirm")
        confirmed = await answer(on_discord, ann, mine, "link", words="confirm")
        identity = await hub.identity_of(on_discord.account(other))
        assert {one.channel_user_id for one in identity.accounts} == {str(ann.id), str(other.id)}
        await hub.settle()
    assert [one.is_ephemeral for one in (asked, typed, agreed, confirmed)] == [True] * 4
    assert "Ann" in typed.text
    assert kept(path) == 0


async def test_a_code_is_never_shown_in_a_group(
    on_discord: Any, hub: SessionHub, path: Path
) -> None:
    bot = made()
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    async with on_discord.connected(bot):
        by_slash = await answer(on_discord, ann, room, "link")
        by_prefix = await on_discord.ask(ann, room, "!link")
        assert not [one for one in on_discord.messages(room) if CODE.search(one.text)]
    assert "direct message" in by_slash.text
    assert "direct message" in by_prefix
    assert by_slash.is_ephemeral
    assert kept(path) == 0


async def test_a_group_holds_all_of_ours_and_leaves_the_names_to_the_author(
    on_discord: Any, hub: SessionHub, path: Path
) -> None:
    bot = made()

    @bot.hybrid_command()
    async def link(ctx: Any) -> None:
        await ctx.send("the author's own")

    session_plugin_discord.install(bot, hub, group="session", commands={"whoami": "me", "new": ""})
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        assert await on_discord.ask(ann, dm, "!link") == "the author's own"
        await on_discord.history(hub, dm, count=2)
        assert "!session link" in await on_discord.ask(ann, dm, "!session link")
        assert "/session link" in (await answer(on_discord, ann, dm, "session link")).text
        assert (await answer(on_discord, ann, dm, "session me")).text.startswith("You are")
        overview = await on_discord.ask(ann, dm, "!session")
        assert {line.partition(":")[0] for line in overview.splitlines()} >= {
            "!session link",
            "!session me",
        }
        assert "new" not in overview
        await hub.settle()
    assert kept(path) == 2


async def test_a_plain_client_has_ours_in_its_tree(
    on_discord: Any, hub: SessionHub, path: Path
) -> None:
    for group in ("", "session"):
        client = discord.Client(intents=discord.Intents.default(), guild_ready_timeout=0.05)
        tree = app_commands.CommandTree(client)
        client.event(_syncing(tree))
        session_plugin_discord.install(client, hub, group=group)
        ann = on_discord.user("Ann")
        async with on_discord.connected(client):
            told = await answer(
                on_discord, ann, on_discord.direct_chat(ann), f"{group} whoami".strip()
            )
            assert told.text.startswith("You are")
            assert told.is_ephemeral
        assert tree.get_commands() == []
    assert kept(path) == 0


def _syncing(tree: app_commands.CommandTree[Any]) -> Any:
    async def setup_hook() -> None:
        await tree.sync()

    return setup_hook


async def test_nothing_is_ever_synchronised_by_us(on_discord: Any, hub: SessionHub) -> None:
    bot = made(sync=False)
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    async with on_discord.connected(bot):
        await on_discord.ask(ann, on_discord.direct_chat(ann), "!whoami")
        assert not [call for call in on_discord.simulator.calls if "/commands" in call.path]


async def test_commands_that_are_off_are_in_no_tree(on_discord: Any, hub: SessionHub) -> None:
    bot = made()
    session_plugin_discord.install(bot, hub, commands=None, group="session")
    async with on_discord.connected(bot):
        assert (bot.tree.get_commands(), list(bot.commands)) == ([], [])


def _with_prefix_command(bot: commands.Bot) -> None:
    @bot.command()
    async def link(ctx: Any) -> None: ...


def _with_alias(bot: commands.Bot) -> None:
    @bot.command(aliases=["link"])
    async def connect(ctx: Any) -> None: ...


def _with_slash_command(bot: commands.Bot) -> None:
    @bot.tree.command()
    async def link(interaction: discord.Interaction) -> None:
        """Link."""


CLASHES = {
    "a command": _with_prefix_command,
    "an alias": _with_alias,
    "a slash command": _with_slash_command,
}


@pytest.mark.parametrize("when", ["before the bot starts", "in setup_hook"])
@pytest.mark.parametrize("kind", CLASHES)
async def test_a_command_of_the_authors_of_our_name_is_explained_whenever_it_comes(
    on_discord: Any, hub: SessionHub, kind: str, when: str
) -> None:
    bot = made()
    if when == "before the bot starts":
        CLASHES[kind](bot)
    else:

        async def setup_hook() -> None:
            CLASHES[kind](bot)

        bot.setup_hook = setup_hook
    session_plugin_discord.install(bot, hub)
    with pytest.raises(
        SessionError, match=r'\'link\'.*rename the session.*commands=\{"link": .*group="session"'
    ):
        async with on_discord.connected(bot):
            pass
    assert not hub._parts.leases._held


async def test_a_clash_takes_none_of_the_authors_commands_away(
    on_discord: Any, hub: SessionHub
) -> None:
    bot = made()
    _with_slash_command(bot)
    theirs = bot.tree.get_command("link")
    session_plugin_discord.install(bot, hub)
    with pytest.raises(SessionError):
        async with on_discord.connected(bot):
            pass
    assert bot.tree.get_command("link") is theirs
    assert [command.name for command in bot.commands] == []


async def test_an_error_of_the_authors_own_is_raised_as_it_is(
    on_discord: Any, hub: SessionHub
) -> None:
    bot = made()

    async def setup_hook() -> None:
        _with_prefix_command(bot)
        _with_prefix_command(bot)

    bot.setup_hook = setup_hook
    session_plugin_discord.install(bot, hub, commands=None)
    with pytest.raises(commands.CommandRegistrationError):
        async with on_discord.connected(bot):
            pass


async def test_a_tree_that_is_full_is_explained(on_discord: Any, hub: SessionHub) -> None:
    bot = made(sync=False)
    for number in range(99):
        command = app_commands.Command(name=f"own{number}", description="x", callback=_nothing)
        bot.tree.add_command(command)
    session_plugin_discord.install(bot, hub)
    with pytest.raises(SessionError, match='group="session"'):
        async with on_discord.connected(bot):
            pass
    another = made(sync=False)
    for number in range(99):
        another.tree.add_command(
            app_commands.Command(name=f"own{number}", description="x", callback=_nothing)
        )
    session_plugin_discord.install(
        another, SessionHub(hub.bot or ":memory:", load_entry_points=False), group="session"
    )
    async with on_discord.connected(another):
        assert len(another.tree.get_commands()) == 100


async def _nothing(interaction: discord.Interaction) -> None: ...


async def test_our_commands_need_no_name_in_lower_case_where_there_is_a_prefix(
    on_discord: Any, hub: SessionHub
) -> None:
    """A slash command's name is in lower case on Discord; another name is for the prefix only."""
    bot = made()
    session_plugin_discord.install(bot, hub, commands={"whoami": "WhoAmI"})
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        assert (await on_discord.ask(ann, dm, "!WhoAmI")).startswith("You are")
        assert bot.tree.get_command("link") is not None
        assert bot.tree.get_command("WhoAmI") is None


async def test_a_command_that_the_author_has_put_in_the_place_of_ours_stays_when_we_go(
    on_discord: Any, hub: SessionHub
) -> None:
    bot = made(sync=False)
    session_plugin_discord.install(bot, hub)
    async with on_discord.connected(bot):
        bot.remove_command("link")
        _with_prefix_command(bot)
    assert [command.name for command in bot.commands] == ["link"]


async def test_an_export_is_handed_over_in_files_that_only_its_owner_sees(
    on_discord: Any, hub: SessionHub, path: Path
) -> None:
    bot = made()
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.say(ann, dm, "I like tea")
        await on_discord.history(hub, dm, count=1)
        used = await on_discord.simulator.slash(ann, dm, "export")
        text, file = await on_discord.simulator.answered(used, count=2)
        await on_discord.say(ann, dm, "!export")
        await on_discord.until(lambda: any(one.attachments for one in on_discord.messages(dm)))
        await hub.settle()
        history = await on_discord.history(hub, dm, count=1)
    assert [one.is_ephemeral for one in (text, file)] == [True, True]
    assert b"I like tea" in file.attachments[0].content
    assert [one.content for one in history] == ["I like tea"]


async def test_a_code_behind_the_name_of_our_group_is_worthless_where_others_see_it(
    on_discord: Any, hub: SessionHub
) -> None:
    bot = made()
    session_plugin_discord.install(bot, hub, group="session")
    ann = on_discord.user("Ann")
    room = on_discord.group("Friends", ann)
    code = (await hub.request_link(on_discord.account(ann))).code
    async with on_discord.connected(bot):
        assert "!session link" in await on_discord.ask(ann, room, f"!session {code}")
        with pytest.raises(LinkRefused):
            await hub.redeem_link(Account("telegram", "1"), code)


async def test_forgetting_by_a_slash_command_leaves_nothing(
    on_discord: Any, hub: SessionHub, path: Path
) -> None:
    bot = made()
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.say(ann, dm, "I like tea")
        await on_discord.history(hub, dm, count=1)
        asked = await answer(on_discord, ann, dm, "forget")
        word = re.search(r"/forget (\S+)", asked.text)
        await answer(on_discord, ann, dm, "forget", words="" if word is None else word.group(1))
        await hub.settle()
    assert kept(path) == 0
    assert b"I like tea" not in path.read_bytes()


async def test_a_long_answer_comes_in_messages_that_discord_takes(
    on_discord: Any, path: Path
) -> None:
    privacy = "\n".join(f"Sentence {number} of what is kept here." for number in range(150))
    hub = SessionHub(path, load_entry_points=False, privacy_text=privacy)
    bot = made()
    session_plugin_discord.install(bot, hub)
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        await on_discord.say(ann, dm, "!privacy")
        await on_discord.told(dm, "Sentence 149")
        used = await on_discord.simulator.slash(ann, dm, "privacy")
        await on_discord.until(lambda: any("Sentence 149" in one.text for one in used.answers))
        await hub.settle()
    for told in (on_discord.messages(dm)[1:], used.answers):
        assert len(told) > 1
        assert "\n".join(one.text for one in told).startswith(privacy)
    assert kept(path) == 0


async def test_a_context_whose_send_takes_less_has_ours_answered(
    on_discord: Any, hub: SessionHub, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Context(commands.Context[Any]):
        async def send(self, content: str | None = None) -> discord.Message:  # type: ignore[override]  # as authors do
            return await super().send(f"{content} - said by me")

    bot = made()
    get_context = bot.get_context
    monkeypatch.setattr(bot, "get_context", lambda origin: get_context(origin, cls=Context))
    session_plugin_discord.install(bot, hub, group="session")
    ann = on_discord.user("Ann")
    dm = on_discord.direct_chat(ann)
    async with on_discord.connected(bot):
        assert (await on_discord.ask(ann, dm, "!session whoami")).startswith(
            "You are the discord account"
        )
        assert "!session link" in await on_discord.ask(ann, dm, "!session")
    assert kept(path) == 0


async def test_what_is_markup_in_a_name_is_shown_as_it_is_and_the_authors_own_is_markup(
    on_discord: Any, path: Path
) -> None:
    hub = SessionHub(
        path,
        load_entry_points=False,
        privacy_text="All of it [in our policy](https://example.com).",
    )
    bot = made()
    session_plugin_discord.install(bot, hub)
    ann, eve = (
        on_discord.user("[Bob](https://b.example)"),
        on_discord.user("[a](b)[Ann](https://e.example)"),
    )
    dm, other = on_discord.direct_chat(ann), on_discord.direct_chat(eve)
    async with on_discord.connected(bot):
        code = CODE.search(await on_discord.ask(ann, dm, "!link"))
        assert code is not None
        redeemed = await on_discord.ask(eve, other, f"!link {code[1]}")
        told = await on_discord.told(dm, "typed your code")
        asked = await on_discord.ask(ann, dm, "!link")
        agreed = await on_discord.ask(eve, other, "!link confirm")
        privacy = await on_discord.ask(ann, dm, "!privacy")
    for shown in (redeemed, told, asked, agreed):
        assert "example)" in shown
        assert re.search(r"(?<!\\)\]\(", shown) is None
    assert "[in our policy](https://example.com)" in privacy
