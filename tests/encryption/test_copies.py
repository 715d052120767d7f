"""What a copy of the database from before a forgetting tells, to somebody who also has the key store
and its master key: nothing of whom was forgotten, and all of everybody else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from session_plugin import Account, Attachment, Chat, Keys, SessionHub, hookimpl
from session_plugin.testing import Talk
from tests.encryption.conftest import Reading, read_all


class Embed:
    """Every text means the same, so that there are vectors."""

    @hookimpl
    async def session_embed(self, texts: Any) -> list[list[float]]:
        return [[1.0, 0.5] for _ in texts]


@pytest.fixture
def attack(keys: Callable[[], Keys], database: str) -> Callable[[str | Path], Reading]:
    """Read all of a copy with the keys that there are now."""

    def read(copy: str | Path) -> Reading:
        opened = keys().open(database, may_create=False)
        try:
            return read_all(str(copy), opened.store)
        finally:
            opened.close()

    return read


async def talks(hub: SessionHub, talk: Talk, who: Account, lobby: Chat, named: Chat) -> None:
    """Say things with the word `<name>-word` in them in each way in which a person has words."""
    word = f"{who.channel_user_id}-word"
    for number in range(6):
        details: dict[str, Any] = {
            "author_name": f"{word} name",
            "metadata": {"note": f"{word} in metadata"},
            "attachments": (Attachment(id="1", filename=f"{word}.png"),),
        }
        await hub.record(talk.said(who, f"{word} direct {number}", **details))
        await hub.record(talk.answered(who, f"{word} answered {number}"))
        for chat in (lobby, named):
            await hub.record(talk.said(chat, f"{word} in public", author=who, **details))
            await hub.record(talk.answered(chat, f"{word} answered there", answers=who))
    view = hub.session_of(talk.direct(who), who)
    await view.set_state(note=f"{word} in the session's state")
    await view.set_user_state(note=f"{word} in the user's state")
    await hub.settle()


async def everything(hub: SessionHub, *accounts: Account) -> list[dict[str, Any]]:
    """Export people, without what is about the export and about others."""
    return [
        line
        for account in accounts
        for line in [line async for line in hub.export(account)]
        if line["kind"] not in ("export", "audit", "notice", "link")
    ]


async def texts(hub: SessionHub, chat: Chat, who: Account | None = None) -> list[str]:
    history = await hub.session_of(chat, who).history(limit=None, include_previous=True)
    return [message.content for message in history]


async def test_a_copy_of_before_tells_nothing_of_whom_was_forgotten_and_all_of_the_others(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    clock: Any,
    tmp_path: Path,
    attack: Callable[..., Reading],
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    lobby = talk.group(title="The lobby")
    hub = new_hub(Embed(), consolidation_threshold=6)
    for who in (ann, bob):
        word = f"{who.channel_user_id}-word"
        named = talk.group(f"business of {who.channel_user_id}", title=f"{word} name")
        await talks(hub, talk, who, lobby, named)
    copy = tmp_path / "copy.db"
    await hub.backup(copy)
    before = attack(copy)
    assert "ann-on-discord-word" in before
    assert not any(before.locked.values())
    assert before.opened["summaries"] >= 4
    assert before.opened["vectors"] > 60
    bobs = await everything(hub, bob)

    receipt = await hub.forget(ann)
    assert receipt.keys >= 6
    assert not receipt.is_pending
    await hub.settle()
    after = attack(copy)
    assert "ann-on-discord-word" not in after
    assert after.locked["messages"] == 36
    assert after.locked["vectors"] >= 30
    assert after.locked["chats"] >= 1
    for part in ("direct 5", "answered 5", "in public", "answered there", "in metadata"):
        assert f"bob-on-discord-word {part}" in after
    for part in (" name", ".png", " in the session's state", " in the user's state"):
        assert f"bob-on-discord-word{part}" in after
    assert "The lobby" in after
    assert await everything(hub, bob) == bobs
    assert len(await texts(hub, lobby)) == 12
    await hub.close()

    old = new_hub(path=copy, consolidation_threshold=6)
    assert await everything(old, bob)
    assert (await texts(old, talk.direct(bob), bob))[0] == "bob-on-discord-word direct 0"
    assert set(await texts(old, talk.direct(ann), ann)) == {""}
    assert "ann-on-discord-word" not in json.dumps(await everything(old, ann))


async def test_summaries_of_before_that_had_their_words_do_not_open_and_the_others_stay(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    clock: Any,
    tmp_path: Path,
    attack: Callable[..., Reading],
) -> None:
    """The session ends before Ann's words go by retention and she is forgotten: nothing is left in
    it that says that she ever spoke there.
    """
    ann, bob = talk.account("ann"), talk.account("bob")
    lobby = talk.group()
    hub = new_hub(consolidation_threshold=4)
    for number in range(8):
        await hub.record(
            talk.said(lobby, f"ann's word {number}", author=ann, message_id=f"a{number}")
        )
        await hub.record(talk.said(lobby, f"bob's word {number}", author=bob))
    await hub.settle()
    copy = tmp_path / "copy.db"
    await hub.backup(copy)
    assert "ann's word 0" in attack(copy)
    await hub.delete(lobby, [f"a{number}" for number in range(8)])
    await hub.settle()
    summary = (await hub.session_of(lobby, bob).for_model()).summary
    assert summary is not None
    assert "bob's word 0" in summary.text
    await hub.forget(ann)
    await hub.settle()
    assert "ann's word" not in attack(copy)
    again = (await hub.session_of(lobby, bob).for_model()).summary
    assert again is not None
    assert again.text == summary.text
    await hub.close()
    hub = new_hub(consolidation_threshold=4)
    again = (await hub.session_of(lobby, bob).for_model()).summary
    assert again is not None
    assert again.text == summary.text


async def test_what_others_quote_goes_with_the_key_of_who_said_it(
    new_hub: Callable[..., SessionHub], talk: Talk, tmp_path: Path, attack: Callable[..., Reading]
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    lobby = talk.group()
    hub = new_hub()
    quote = {"text": "anns word", "message_id": "a1"}
    elsewhere = {**quote, "chat_id": lobby.chat_id, "person": ann.channel_user_id}
    forward = {"forwarded_from": "anns name", "quote": elsewhere}
    await hub.record(talk.said(lobby, "anns word is fish", author=ann, message_id="a1"))
    await hub.record(
        talk.said(lobby, "bobs word", author=bob, metadata={"note": "bobs note", "quote": quote})
    )
    await hub.record(talk.said(bob, "another word", metadata={"quote": elsewhere}))
    await hub.record(talk.said(bob, "anns word is fish", message_id="b1", metadata=forward))
    await hub.record(talk.said(bob, "edited", message_id="b2"))
    reply = talk.said(bob, "bobs edit", message_id="b2", metadata={"quote": elsewhere}, edited_at=2)
    await hub.edit(reply)
    copy = tmp_path / "copy.db"
    await hub.backup(copy)
    assert attack(copy).text.count(b"anns word") == 6
    *_, last = await hub.session_of(talk.direct(bob), bob).history()
    assert last.metadata == {"quote": elsewhere}
    assert (await texts(hub, talk.direct(bob), bob))[1] == "anns word is fish"

    await hub.forget(ann)
    assert "anns" not in attack(copy)
    await hub.close()
    old = new_hub(path=copy)
    assert (await texts(old, lobby))[-1] == "bobs word"
    *_, last = await old.session_of(lobby, None).history()
    assert last.metadata == {"note": "bobs note"}
    history = await old.session_of(talk.direct(bob), bob).history()
    assert [message.content for message in history] == ["another word", "", "bobs edit"]
    assert [message.metadata for message in history] == [{}, {"forwarded": True}, {}]


async def test_what_was_quoted_before_encryption_began_goes_likewise(
    new_hub: Callable[..., SessionHub], talk: Talk, tmp_path: Path, attack: Callable[..., Reading]
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob")
    lobby = talk.group()
    hub = new_hub(encryption=None)
    await hub.record(talk.said(lobby, "anns word", author=ann, message_id="a1"))
    reply = {"author": bob, "reply_to": "a1", "metadata": {"quote": {"text": "anns word"}}}
    await hub.record(talk.said(lobby, "bobs word", **reply))
    await hub.close()
    hub = new_hub()
    await hub.upkeep()
    copy = tmp_path / "copy.db"
    await hub.backup(copy)
    assert attack(copy).text.count(b"anns word") == 2
    await hub.forget(ann)
    assert "anns word" not in attack(copy)
    assert "bobs word" in attack(copy)


async def test_one_of_two_who_were_linked_and_unlinked_is_forgotten_and_the_other_is_whole(
    new_hub: Callable[..., SessionHub],
    talk: Talk,
    clock: Any,
    tmp_path: Path,
    attack: Callable[..., Reading],
) -> None:
    ann, bob = talk.account("ann"), talk.account("bob", channel="telegram")
    hub = new_hub(consolidation_threshold=4)

    async def say(when: str) -> None:
        for number in range(7):
            for who in (ann, bob):
                await hub.record(
                    talk.said(who, f"{who.channel_user_id} {when} {number}", author_name="Me")
                )
        await hub.settle()

    await say("before")
    await hub.link_known(ann, bob) if hasattr(hub, "link_known") else await link(hub, ann, bob)
    clock.advance(hours=25)
    await say("together")
    copy = tmp_path / "copy.db"
    await hub.backup(copy)
    assert "bob-on-telegram together 0" in attack(copy)
    await hub.unlink(bob)
    await say("after")
    anns = await texts(hub, talk.direct(ann), ann)
    export = await everything(hub, ann)
    assert any("ann-on-discord together" in text for text in anns)

    await hub.forget(bob)
    await hub.settle()
    after = attack(copy)
    for when in ("before", "together"):
        assert f"bob-on-telegram {when}" not in after
        assert f"ann-on-discord {when} 6" in after
    assert await texts(hub, talk.direct(ann), ann) == anns
    assert await everything(hub, ann) == export


async def link(hub: SessionHub, asker: Account, redeemer: Account) -> None:
    code = await hub.request_link(asker)
    preview = await hub.redeem_link(redeemer, code.code)
    assert await hub.confirm_link(redeemer, shown=preview) is None
    await hub.confirm_link(asker, shown=preview)
