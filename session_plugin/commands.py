"""/link, /unlink, /whoami, /new, /private, /privacy, /export, /forget: a command in, a reply out.
Knows no platform.

An adapter recognises its platform's commands and hands them in by their names here. The commands
and their replies are never stored, so an adapter records neither. All but /privacy are for direct
chats: a code that others can read is no proof, and who somebody is on other platforms is nobody
else's business.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from session_plugin.checks import check_mapping
from session_plugin.context.quoting import quoted_name
from session_plugin.errors import (
    DatabaseUnavailable,
    ForgetRefused,
    LinkingOff,
    LinkRefused,
    SessionError,
)
from session_plugin.hub import SessionHub
from session_plugin.model import (
    STORE_CHANNEL,
    Account,
    Chat,
    LinkPreview,
    Notice,
    Receipt,
    SessionIdentity,
)
from session_plugin.rules.linking import NOTHING_TO_CONFIRM

Command = Literal["link", "unlink", "whoami", "new", "private", "privacy", "export", "forget"]
COMMANDS: tuple[Command, ...] = get_args(Command)
DESCRIPTIONS: Mapping[Command, str] = {
    "link": "Link this account with yours on another platform",
    "unlink": "Take this account out of your linked accounts",
    "whoami": "Show what the bot knows you as",
    "new": "Start a new conversation",
    "private": "Have nothing kept of what you say, or have it kept again: on or off",
    "privacy": "What is kept, for how long, who sees it, and how to leave",
    "export": "Hand you all that is kept of you",
    "forget": "Erase all that is kept of you",
}

TAKE_WORDS: frozenset[Command] = frozenset({"link", "unlink", "private", "forget"})
ANYWHERE: frozenset[Command] = frozenset({"privacy"})
"""Commands that may be answered where others read along."""

Spell = Callable[[Command], str]
"""How a person types a command on a platform: `lambda name: "/" + name`, with the author's renaming
and prefix.
"""

DOCUMENT_BYTES = 8 * 1024 * 1024
"""The largest file of an export: Discord takes 10 MiB from a bot, Telegram 50 MB."""

logger = logging.getLogger("session_plugin.hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file to send along with a reply."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to answer to a command, in the chat where it was given; files come after the text, one
    message each.
    """

    text: str
    documents: tuple[Document, ...] = ()


def check_names(names: Mapping[str, str] | None) -> dict[Command, str]:
    """Give each offered command's name on a platform, as its author wants it: all under their own
    names by default.

    Args:
        names: Our name to the author's, `{"link": "connect"}`. What is left out keeps its name; an
            empty name turns a command off, None turns all off.

    Raises:
        TypeError: it is no mapping.
        ValueError: a key is no command of ours, a name is not one word, or two commands have one
            name.
    """
    if names is None:
        return {}
    check_mapping("commands", names)
    unknown = set(names) - set(COMMANDS)
    if unknown:
        raise ValueError(
            f"no command is called {sorted(unknown)[0]!r}: there are {', '.join(COMMANDS)}"
        )
    named = {command: names.get(command, command) for command in COMMANDS}
    offered = {command: name for command, name in named.items() if name}
    for command, name in offered.items():
        if [name] != name.split():
            raise ValueError(f"{command} cannot be called {name!r}: a command is one word")
    if len(set(offered.values())) < len(offered):
        raise ValueError(f"two commands have one name: {', '.join(offered.values())}")
    return offered


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who gives a command, and where.

    Args:
        chat: Where; in a group nothing is done and nothing is told.
        account: Who; None for nobody's user.
        name: The name to show to others.
        spell: How commands are typed here.
        offered: Those that can be typed here; no other is spoken of where people are told what they
            can do.
    """

    chat: Chat
    account: Account | None
    name: str
    spell: Spell
    offered: Collection[Command] = COMMANDS


async def answer(hub: SessionHub, command: Command, argument: str, asked: Asked) -> Reply:
    """Carry out a command and say what became of it, whatever that is.

    Args:
        hub: Whose users are concerned.
        command: Which command, by its name here.
        argument: What was typed behind it.
        asked: By whom, and where.
    """
    account = asked.account
    if asked.chat.kind != "direct":
        await hub.burn_codes(argument)
    if command in ANYWHERE:
        return Reply(text=_privacy(hub, asked))
    if asked.chat.kind != "direct" or account is None:
        return Reply(text="That is for a direct message with me, please.")
    argument = argument.strip()
    if argument and command not in TAKE_WORDS:
        return Reply(text=f"{asked.spell(command)} takes nothing behind it.")
    try:
        reply = await _carry_out(hub, command, argument, account, asked)
        unread = [
            notice_text(notice, spell=asked.spell) for notice in await hub.unread_notices(account)
        ]
    except SessionError as error:
        return Reply(text=_refusal(command, error))
    return Reply(text="\n\n".join([*unread, reply.text]), documents=reply.documents)


def _refusal(command: Command, error: SessionError) -> str:
    """Say why nothing was done; what is wrong with this house is for whoever runs it, and names its
    files.
    """
    if isinstance(error, LinkRefused | ForgetRefused):
        return str(error)
    if isinstance(error, DatabaseUnavailable):
        return (
            "I cannot get at my memory just now, so nothing was done. Please try again in a moment."
        )
    logger.error("/%s was not carried out: %s", command, error)
    return "Something is wrong here that only whoever runs me can put right, so nothing was done."


async def _carry_out(
    hub: SessionHub, command: Command, argument: str, account: Account, asked: Asked
) -> Reply:
    match command:
        case "link":
            text = await _link(hub, argument, account, asked)
        case "unlink":
            text = await _unlink(hub, argument, account, asked)
        case "whoami":
            text = await _whoami(hub, account)
        case "new":
            await hub.session_of(asked.chat, account).start_new()
            text = "This is a new conversation. What was said before is kept apart."
        case "private":
            text = await _private(hub, argument, account, asked.spell)
        case "privacy":
            text = _privacy(hub, asked)
        case "export":
            return await _export(hub, account)
        case "forget":
            text = await _forget(hub, argument, account, asked)
    return Reply(text=text)


async def _link(hub: SessionHub, argument: str, account: Account, asked: Asked) -> str:
    spell = asked.spell
    pending = await hub.pending_link(account)
    is_yes = argument.lower() == "confirm"
    if is_yes and pending is None:
        return NOTHING_TO_CONFIRM
    if is_yes and pending is not None and pending.is_shown:
        identity = await hub.confirm_link(account, shown=pending)
        return f"Linked. Your accounts: {_accounts(identity)}. {spell('unlink')} undoes it."
    if argument and not is_yes:
        return await _redeem(hub, argument, account, asked)
    if pending is not None:
        await hub.show_pending_link(pending)
        return _question(pending, spell)
    code = await hub.request_link(account, chat=asked.chat, display_name=asked.name)
    return (
        f"Your code is {code.code}. Within ten minutes, write to me from your other account, "
        "in a direct message:\n"
        f"{spell('link')} {code.code}\n"
        "Then come back here to confirm. Give the code to nobody: whoever types it asks to "
        "share your conversations."
    )


async def _redeem(hub: SessionHub, code: str, account: Account, asked: Asked) -> str:
    try:
        preview = await hub.redeem_link(account, code, chat=asked.chat, display_name=asked.name)
    except LinkingOff:
        raise
    except LinkRefused as refusal:
        return f"{refusal} Codes come from {asked.spell('link')}, typed on the other account."
    return (
        f"The code is from {_named(preview.asker, preview.asker_name)}. If that is you, "
        "confirm it there: the link command, "
        "then the word confirm. From then on both accounts share one conversation with me: "
        "each sees what was said to me in "
        "direct messages on the other. Until then nothing is shared."
    )


async def _unlink(hub: SessionHub, argument: str, account: Account, asked: Asked) -> str:
    if not argument:
        await hub.unlink(account)
        return "Unlinked. This account has its own conversation again, and the others have theirs."
    identity = await hub.identity_of(account)
    linked = () if identity is None else identity.accounts
    other = next(
        (one for one in linked if argument == f"{one.channel} {one.channel_user_id}"), None
    )
    if other is None or other == account:
        known = asked.spell("whoami")
        return (
            f"{asked.spell('unlink')} takes nothing behind it, or another account of yours as "
            f"{known} shows it."
        )
    await hub.unlink(other, by=account)
    return f"Unlinked. The {argument} account has its own conversation again."


async def _whoami(hub: SessionHub, account: Account) -> str:
    identity = await hub.identity_of(account)
    if identity is None:
        return f"You are {_named(account, '')}. I know nothing else of you yet."
    name = f"{identity.display_name}, " if identity.display_name else ""
    private = " Nothing of what you say is kept." if identity.is_private else ""
    return f"You are {name}user {identity.user_id}. Your accounts: {_accounts(identity)}.{private}"


async def _private(hub: SessionHub, argument: str, account: Account, spell: Spell) -> str:
    if argument.lower() in {"on", "off"}:
        await hub.set_private(account, argument.lower() == "on")
    elif argument:
        return (
            f"{spell('private')} on: nothing of what you say to me is kept from now on. "
            f"{spell('private')} off: it is."
        )
    identity = await hub.identity_of(account)
    if identity is not None and identity.is_private:
        return (
            "From now on nothing of what you say to me is kept, nor what I answer. "
            f"{spell('private')} off changes that."
        )
    return (
        f"What you say to me is kept. {spell('private')} on changes that from then on. "
        f"{spell('privacy')} tells you more."
    )


def _privacy(hub: SessionHub, asked: Asked) -> str:
    ways: dict[Command, str] = {
        "export": "hands you all of it",
        "forget": "erases all of it",
        "private": "on keeps nothing of yours from then on",
        "whoami": "shows who you are to me",
        "unlink": "takes accounts apart",
    }
    notified = " ".join(
        f"{asked.spell(command)} {what}."
        for command, what in ways.items()
        if command in asked.offered
    )
    return f"{hub.privacy_text()}\n{notified}".rstrip()


async def _forget(hub: SessionHub, argument: str, account: Account, asked: Asked) -> str:
    spell = asked.spell
    if argument.lower() == "confirm":
        receipt = await hub.confirm_forget(account)
        rest = " Its last traces in the file are being overwritten." if receipt.is_pending else ""
        return f"Forgotten: {_counted(receipt)}.{rest} If you write to me again, we begin anew."
    if argument:
        return (
            f"{spell('forget')} tells you what would be erased; {spell('forget')} confirm then "
            "erases it."
        )
    identity = await hub.identity_of(account)
    if identity is None:
        return "I know nothing of you that could be erased."
    receipt = await hub.ask_to_forget(account)
    export = f"{spell('export')} hands you all of it first. " if "export" in asked.offered else ""
    return (
        f"This erases {_counted(receipt)}, for good: all that you said to me and I answered, "
        "in direct messages and in "
        "groups, with the summaries made of it, on all of your accounts "
        f"({_accounts(identity)}). What others said stays. "
        f"{export}To erase it, write {spell('forget')} confirm within ten minutes."
    )


def _counted(receipt: Receipt) -> str:
    counts = {"message": receipt.messages, "session": receipt.sessions, "account": receipt.accounts}
    *most, last = [
        f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in counts.items()
    ]
    return f"{', '.join(most)} and {last}"


async def _export(hub: SessionHub, account: Account) -> Reply:
    files: list[bytes] = []
    lines: list[bytes] = []
    size = 0
    async for one in hub.export(account):
        line = json.dumps(one).encode() + b"\n"
        if size + len(line) > DOCUMENT_BYTES and lines:
            files.append(b"".join(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if not lines:
        return Reply(text="I know nothing of you that I could hand over.")
    files.append(b"".join(lines))
    names = (
        ["export.jsonl"]
        if len(files) == 1
        else [f"export-{number}.jsonl" for number in range(1, len(files) + 1)]
    )
    documents = tuple(
        Document(name=name, content=content) for name, content in zip(names, files, strict=True)
    )
    return Reply(
        text="This is all that is kept of you: a JSON object in each line.", documents=documents
    )


def _question(preview: LinkPreview, spell: Spell) -> str:
    who = _named(preview.redeemer, preview.redeemer_name)
    return (
        f"{who} typed your code. Is that you? Then write {spell('link')} confirm, "
        f"and {preview.accounts} accounts share one conversation with me: {preview.messages} "
        f"messages in {preview.sessions} "
        "sessions. If it is not, do nothing: the request lapses in ten minutes."
    )


def _accounts(identity: SessionIdentity) -> str:
    return ", ".join(
        f"{a.channel} {a.channel_user_id}" for a in identity.accounts if a.channel != STORE_CHANNEL
    )


def _named(account: Account, name: str) -> str:
    """Say who an account is, its id first: the name is whatever somebody calls themselves, our own
    words perhaps.
    """
    who = f"the {account.channel} account {account.channel_user_id}"
    return f"{who} ({quoted_name(name)})" if name else who


def notice_text(notice: Notice, *, spell: Spell) -> str:
    """Say a notice in words, for an adapter to send."""
    other = _named(notice.account, notice.account_name)
    match notice.kind:
        case "link_redeemed":
            return (
                f"{other} typed your code."
                if notice.preview is None
                else _question(notice.preview, spell)
            )
        case "linked":
            return (
                f"Linked with {other}: one conversation from now on. {spell('unlink')} undoes it."
            )
        case "unlinked":
            return f"{other} is unlinked: that account has its own conversation again."
        case "left":
            return f"{other} has unlinked this account: it has its own conversation again."


def cut(text: str, *, most: int) -> list[str]:
    """Cut a text into messages of `most` characters at most, where a line ends, or a word."""
    parts = []
    while len(text) > most:
        ends = (text.rfind(end, 1, most) for end in ("\n", " "))
        place = next((end for end in ends if end > 0), most)
        parts.append(text[:place])
        text = text[place:].lstrip()
    return [*parts, text]
