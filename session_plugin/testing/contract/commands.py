"""The session commands as people type them in a chat."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Account, MessageEvent, SessionHub, hookimpl
from session_plugin.testing.contract.part import ContractPart
from session_plugin.testing.driver import Driver, Turn

CODE = re.compile(r"\b[A-HJ-NP-Z2-9]{4}-?[A-HJ-NP-Z2-9]{4}\b")


def code_in(text: str) -> str:
    found = CODE.search(text)
    assert found is not None, text
    return found[0]


async def echo(turn: Turn) -> None:
    if not turn.text.startswith(("/", "!")):
        await turn.say(f"you said {turn.text}")


async def link(driver: Driver, first: Any, second: Any) -> tuple[Any, Any]:
    """Link two accounts on one platform, and return their direct chats."""
    home, away = driver.direct_chat(first), driver.direct_chat(second)
    code = code_in(await driver.ask(first, home, driver.command("link")))
    await driver.ask(second, away, driver.command("link", code))
    await driver.ask(second, away, driver.command("link", "confirm"))

    await driver.say(first, home, driver.command("link"))
    await driver.told(home, "Is that you?")
    await driver.say(first, home, driver.command("link", "confirm"))
    await driver.told(home, "Linked.")

    return home, away


class Direct:
    """Keeps direct chats in a part of their own."""

    @hookimpl
    def session_resolve_scope(self, event: MessageEvent) -> str | None:
        return "direct" if event.chat.kind == "direct" else None


class CommandContract(ContractPart):
    """People link, unlink, ask who they are and start new sessions; no command is stored."""

    async def test_linking_two_accounts_makes_one_history(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, second = driver.user("Ann"), driver.user("Ann's second")
        async with driver.running(hub, echo):
            await driver.ask(ann, driver.direct_chat(ann), "one")
            await driver.ask(second, driver.direct_chat(second), "two")
            home, away = await link(driver, ann, second)
            for place in (home, away):
                history = await driver.history(hub, place, count=4)
                assert [message.content for message in history] == [
                    "one",
                    "you said one",
                    "two",
                    "you said two",
                ]

    async def test_unlinking_takes_the_histories_apart(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, second = driver.user("Ann"), driver.user("Ann's second")
        async with driver.running(hub, echo):
            home, away = await link(driver, ann, second)
            await driver.ask(ann, home, "one")
            await driver.ask(second, away, "two")
            assert (await driver.ask(second, away, driver.command("unlink"))).startswith("Unlinked")
            histories = [
                [message.content for message in await driver.history(hub, place, count=2)]
                for place in (home, away)
            ]

        assert histories == [["one", "you said one"], ["two", "you said two"]]

    async def test_the_asker_is_notified_even_if_they_sent_nothing_but_the_command(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, second = driver.user("Ann"), driver.user("Ann's second")
        home, away = driver.direct_chat(ann), driver.direct_chat(second)

        async with driver.running(hub, echo):
            asked = await driver.say(ann, home, driver.command("link"))
            answer = await driver.answer(home, after=asked)
            await driver.ask(second, away, driver.command("link", code_in(answer.text)))
            notice = await driver.answer(home, after=answer)

        assert "Is that you?" in notice.text

    @pytest.mark.parametrize("confirms", ["nobody", "the asker", "the redeemer"])
    async def test_nothing_is_shared_before_both_sides_confirm(
        self, driver: Driver, hub: SessionHub, confirms: str
    ) -> None:
        ann, eve = driver.user("Ann"), driver.user("Eve")
        home, away = driver.direct_chat(ann), driver.direct_chat(eve)

        async with driver.running(hub, echo):
            await driver.ask(ann, home, "one")
            code = code_in(await driver.ask(ann, home, driver.command("link")))
            await driver.ask(eve, away, driver.command("link", code))
            if confirms == "the asker":
                await driver.ask(ann, home, driver.command("link"))
                await driver.ask(ann, home, driver.command("link", "confirm"))
            elif confirms == "the redeemer":
                answer = await driver.ask(eve, away, driver.command("link", "confirm"))
                assert answer.startswith("Confirmed here.")

            await driver.ask(eve, away, "two")
            history = await driver.history(hub, away, count=2)

        assert [message.content for message in history] == ["two", "you said two"]

    async def test_the_one_who_typed_a_code_can_take_it_back(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, eve = driver.user("Ann"), driver.user("Eve")
        home, away = driver.direct_chat(ann), driver.direct_chat(eve)

        async with driver.running(hub, echo):
            code = code_in(await driver.ask(ann, home, driver.command("link")))
            await driver.ask(eve, away, driver.command("link", code))
            await driver.ask(eve, away, driver.command("link", "confirm"))
            answer = await driver.ask(eve, away, driver.command("link", "cancel"))
            await driver.told(home, "cancelled the link")
            identity = await hub.identity_of(driver.account(ann))

        assert answer.startswith("Cancelled.")
        assert identity is not None
        assert identity.accounts == (driver.account(ann),)

    async def test_each_side_is_shown_who_the_other_is(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, bob = driver.user("Ann"), driver.user("Bob")
        home, away = driver.direct_chat(ann), driver.direct_chat(bob)

        async with driver.running(hub, echo):
            await driver.ask(ann, home, "hello")
            await driver.ask(bob, away, "hello")
            asked = await driver.say(ann, home, driver.command("link"))
            answer = await driver.answer(home, after=asked)
            shown = await driver.ask(bob, away, driver.command("link", code_in(answer.text)))
            notice = await driver.answer(home, after=answer)

        assert f'the {driver.channel} account {ann.id} ("Ann")' in shown
        assert f'The {driver.channel} account {bob.id} ("Bob")' in notice.text

    @pytest.mark.parametrize(
        "spoil", [str.lower, lambda c: c.replace("-", ""), lambda c: f" {c}  ", lambda c: f"\n{c}"]
    )
    async def test_a_code_may_be_typed_carelessly(
        self, driver: Driver, hub: SessionHub, spoil: Any
    ) -> None:
        ann, bob = driver.user("Ann"), driver.user("Bob")
        async with driver.running(hub, echo):
            code = code_in(await driver.ask(ann, driver.direct_chat(ann), driver.command("link")))
            typed = f"{driver.prefix}link {spoil(code)}".replace(" \n", "\n")
            shown = await driver.ask(bob, driver.direct_chat(bob), typed)

        assert shown.startswith("The code is from")

    async def test_a_wrong_a_used_and_ones_own_code_get_one_and_the_same_answer(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, bob, eve = (driver.user(name) for name in ("Ann", "Bob", "Eve"))
        dm = driver.direct_chat

        async with driver.running(hub, echo):
            code = code_in(await driver.ask(ann, dm(ann), driver.command("link")))
            answers = {
                await driver.ask(ann, dm(ann), driver.command("link", code)),
                await driver.ask(eve, dm(eve), driver.command("link", "AAAA-AAAA")),
                await driver.ask(eve, dm(eve), driver.command("link", "no code at all")),
            }
            await driver.ask(bob, dm(bob), driver.command("link", code))
            answers.add(await driver.ask(eve, dm(eve), driver.command("link", code)))

        assert len(answers) == 1
        assert "cannot be used" in answers.pop()

    async def test_whoami_lists_the_accounts(self, driver: Driver, hub: SessionHub) -> None:
        ann, second = driver.user("Ann"), driver.user("Ann's second")
        async with driver.running(hub, echo):
            await driver.ask(ann, driver.direct_chat(ann), "hello")
            home, _ = await link(driver, ann, second)
            answer = await driver.ask(ann, home, driver.command("whoami"))
            identity = await hub.identity_of(driver.account(ann))

        assert identity is not None
        assert answer == (
            f'You are "Ann", user id {identity.user_id}. Your accounts: {driver.channel} {ann.id}, '
            f"{driver.channel} {second.id}."
        )

    async def test_new_begins_an_empty_session_and_keeps_the_old_one(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, echo):
            await driver.ask(ann, dm, "before")
            await driver.history(hub, dm, count=2)
            await driver.ask(ann, dm, driver.command("new"))
            await driver.ask(ann, dm, "after")
            history = await driver.history(hub, dm, count=2)
            everything = await driver.view(hub, dm).history(limit=None, include_previous=True)

        assert [message.content for message in history] == ["after", "you said after"]
        assert [message.content for message in everything] == [
            "before",
            "you said before",
            "after",
            "you said after",
        ]

    async def test_new_begins_the_part_of_the_scope_anew_in_which_it_is_typed(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        hub.register(Direct())
        seen = {}

        async def recall(turn: Turn) -> None:
            if not turn.text.startswith(("/", "!")):
                history = await turn.session.history(before=turn.session.event)
                seen[turn.text] = [message.content for message in history]
                await turn.say("noted")

        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        async with driver.running(hub, recall):
            for text in ("one", "two", driver.command("new"), "three"):
                await driver.ask(ann, dm, text)

        assert seen == {"one": [], "two": ["one", "noted"], "three": []}

    async def test_neither_commands_nor_their_answers_nor_notices_are_stored(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, second = driver.user("Ann"), driver.user("Ann's second")
        async with driver.running(hub, echo):
            home, away = await link(driver, ann, second)
            for text in ("whoami", "new", "search", "unlink", "link", "unlink"):
                await driver.ask(ann, home, driver.command(text))

            for place, user in ((home, ann), (away, second)):
                await driver.ask(user, place, "last")
                await driver.history(hub, place, count=2)
                everything = await driver.view(hub, place).history(
                    limit=None, include_previous=True
                )
                assert [message.content for message in everything] == ["last", "you said last"]

    @pytest.mark.parametrize(
        "name", ["link", "unlink", "whoami", "new", "search", "private", "export", "forget"]
    )
    async def test_a_command_in_a_group_is_answered_with_a_pointer_only(
        self, driver: Driver, hub: SessionHub, name: str
    ) -> None:
        ann = driver.user("Ann")
        room = driver.group("Friends", ann)

        async with driver.running(hub, echo):
            await driver.ask(ann, room, "before")
            answer = await driver.ask(ann, room, driver.command(name))
            await driver.ask(ann, room, "after")
            history = await driver.history(hub, room, count=4)

        assert answer == "Please send me this command in a direct message."
        assert [message.content for message in history] == [
            "before",
            "you said before",
            "after",
            "you said after",
        ]

    async def test_a_command_in_a_group_makes_nobody_a_user(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        async with driver.running(hub, echo):
            await driver.ask(ann, driver.group("Friends", ann), driver.command("link"))
            assert await hub.identity_of(driver.account(ann)) is None

    async def test_a_renamed_command_goes_by_its_new_name_only(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, echo, commands={"link": "connect"}):
            answer = await driver.ask(ann, dm, driver.command("connect"))
            assert f"{driver.prefix}connect {code_in(answer)}" in answer
            await driver.say(ann, dm, driver.command("link"))
            await driver.ask(ann, dm, "last")
            history = await driver.history(hub, dm, count=3)

        assert [message.content for message in history] == [
            driver.command("link"),
            "last",
            "you said last",
        ]

    @pytest.mark.parametrize("turned_off", [None, {"new": ""}])
    async def test_a_command_that_is_turned_off_is_a_message_like_any_other(
        self, driver: Driver, hub: SessionHub, turned_off: Any
    ) -> None:
        async def answer(turn: Turn) -> None:
            await turn.say("mine")

        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, answer, commands=turned_off):
            assert await driver.ask(ann, dm, driver.command("new")) == "mine"
            history = await driver.history(hub, dm, count=2)

        assert [message.content for message in history] == [driver.command("new"), "mine"]

    async def test_an_unknown_command_name_is_refused_at_once(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        with pytest.raises(ValueError, match="'remember'"):
            driver.install(hub, commands={"remember": "r"})

    async def test_words_that_only_contain_a_commands_name_are_stored(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)
        texts = [
            "what's new?",
            "a link",
            "new",
            f"say {driver.command('new')}",
            driver.prefix,
            driver.command("newer"),
        ]

        async with driver.running(hub):
            for text in texts:
                await driver.say(ann, dm, text)

            history = await driver.history(hub, dm, count=len(texts))

        assert [message.content for message in history] == texts

    async def test_a_command_is_answered_while_the_database_is_locked(
        self, driver: Driver, hub: SessionHub, path: Path
    ) -> None:
        """A command that only reads must not wait for a writer."""
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, echo):
            await driver.ask(ann, dm, "hello")
            await driver.history(hub, dm, count=2)
            holder = sqlite3.connect(path, isolation_level=None)
            try:
                holder.execute("BEGIN IMMEDIATE")
                answer = await driver.ask(ann, dm, driver.command("whoami"))
            finally:
                holder.close()

        assert answer.startswith('You are "Ann"')

    async def test_a_message_that_is_edited_into_a_command_is_no_longer_stored(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann = driver.user("Ann")
        dm = driver.direct_chat(ann)

        async with driver.running(hub, echo):
            said = await driver.say(ann, dm, "before")
            await driver.answer(dm, after=said)
            await driver.history(hub, dm, count=2)
            await driver.edit(said, driver.command("privacy"))
            await driver.ask(ann, dm, "after")
            history = await driver.history(hub, dm, count=3)

        assert [message.content for message in history] == [
            "you said before",
            "after",
            "you said after",
        ]

    async def test_a_code_that_is_edited_into_a_command_in_a_group_is_worthless(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, bob = driver.user("Ann"), driver.user("Bob")
        room = driver.group("Friends", ann, bob)

        async with driver.running(hub, echo):
            code = code_in(await driver.ask(ann, driver.direct_chat(ann), driver.command("link")))
            said = await driver.say(ann, room, "hello")
            await driver.answer(room, after=said)
            await driver.history(hub, room, count=2)
            await driver.edit(said, driver.command("link", code))
            await driver.ask(ann, room, "after")
            history = await driver.history(hub, room, count=3)
            answer = await driver.ask(bob, driver.direct_chat(bob), driver.command("link", code))

        assert [message.content for message in history] == [
            "you said hello",
            "after",
            "you said after",
        ]
        assert "cannot be used" in answer

    async def test_codes_never_reach_the_log(
        self, driver: Driver, hub: SessionHub, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        ann, bob = driver.user("Ann"), driver.user("Bob")

        async with driver.running(hub, echo):
            code = code_in(await driver.ask(ann, driver.direct_chat(ann), driver.command("link")))
            await driver.ask(bob, driver.direct_chat(bob), driver.command("link", code))

        assert code not in caplog.text
        assert code.replace("-", "") not in caplog.text

    async def test_linked_accounts_have_the_same_user_and_their_own_names(
        self, driver: Driver, hub: SessionHub
    ) -> None:
        ann, second = driver.user("Ann"), driver.user("Ann's second")
        async with driver.running(hub, echo):
            await link(driver, ann, second)
            first = await hub.identity_of(driver.account(ann))
            other = await hub.identity_of(driver.account(second))

        assert first is not None
        assert other is not None
        assert (first.user_id, first.channel_ids, first.accounts) == (
            other.user_id,
            other.channel_ids,
            other.accounts,
        )
        assert (first.display_name, other.display_name) == ("Ann", "Ann's second")
        assert set(first.accounts) == {
            Account(driver.channel, str(ann.id)),
            Account(driver.channel, str(second.id)),
        }
