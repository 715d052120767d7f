"""Everything people read from the commands: descriptions, replies, notices.

Knows no hub: each function returns a text from plain values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping

from session_plugin.checks import MINUTE
from session_plugin.commands.excerpts import excerpt_of, shown_day
from session_plugin.commands.names import Command, Spell
from session_plugin.context.quoting import quoted_name
from session_plugin.model import (
    STORE_CHANNEL,
    Account,
    LinkCode,
    LinkPreview,
    Notice,
    Receipt,
    SessionIdentity,
)
from session_plugin.rules.found import Found, Hit

DESCRIPTIONS: Mapping[Command, str] = {
    "link": "Link this account with your account on another platform",
    "unlink": "Unlink this account from your other accounts",
    "whoami": "Show your user id and linked accounts",
    "new": "Start a new conversation",
    "search": "Search everything you and I said, on all your linked accounts",
    "private": "Turn storing of your messages off or on",
    "privacy": "What is stored, for how long, who can see it, and how to delete it",
    "export": "Send you everything stored about you",
    "forget": "Delete everything stored about you",
}

_PLAIN_ID = re.compile(r"[\w@.:+/-]+")

DIRECT_ONLY = "Please send me this command in a direct message."
UNAVAILABLE = (
    "I cannot reach my database right now. Nothing was changed. Please try again in a moment."
)
BROKEN = "Something went wrong that only the bot's operator can fix. Nothing was changed."

NEW = "This is a new conversation. Earlier messages are still stored, but they are not part of it."
UNLINKED = "Unlinked. This account has its own conversation again, apart from your other accounts."
NOTHING_TO_EXPORT = "I know nothing about you, so there is nothing to export."
NOTHING_TO_FORGET = "I know nothing about you, so there is nothing to delete."
EXPORTED = "This is everything stored about you, one JSON object per line."


def takes_no_argument(command: Command, spell: Spell) -> str:
    """Return the answer to a command that was given an argument it does not take."""
    return f"{spell(command)} takes no argument."


# Linking


def code_text(code: LinkCode, spell: Spell) -> str:
    """Return a new code with the steps that follow."""
    return (
        f"Your code is {code.code}. It is valid for ten minutes and works once.\n"
        "1. Send me this in a direct message from your other account, and confirm there:\n"
        f"{spell('link')} {code.code}\n"
        "2. Come back here to confirm, too.\n"
        "Do not give the code to anyone else, and type no code that somebody else gave you: it is "
        f"a request to share your conversations. {spell('link')} cancel makes it worthless."
    )


def question_text(preview: LinkPreview, spell: Spell) -> str:
    """Return what each side reads before it confirms: who the other is, and what would be
    shared.
    """
    who = _named(preview.other, preview.other_name)
    yes = f"{spell('link')} confirm"
    if preview.side == "asker":
        question = f"{_capital(who)} typed your code."
        no = f"If not, send {spell('link')} cancel."
    else:
        question = f"The code is from {who}."
        no = (
            f"If somebody else gave you the code, send {spell('link')} cancel: they would read "
            "everything you and I say to each other."
        )

    steps = f"{yes} here, and on that account as well."
    if preview.is_other_confirmed:
        steps = f"{yes}. That account has confirmed."

    return (
        f"{question} Is that you?\n"
        f"If so, send {steps} {preview.accounts} accounts will then share one conversation with "
        f"me: {preview.messages} messages in {preview.sessions} sessions, direct messages of both "
        "sides.\n"
        f"{no}\n"
        "Nothing is shared before both have confirmed. The request expires in ten minutes."
    )


def waiting_text(preview: LinkPreview, spell: Spell) -> str:
    """Return what a side reads that has confirmed before the other."""
    return (
        f"Confirmed here. Now {_named(preview.other, preview.other_name)} has to confirm as well: "
        "send me the link command with the word confirm from there. Nothing is shared before that. "
        f"To stop it, send {spell('link')} cancel."
    )


def cancelled_text(*, is_cancelled: bool, spell: Spell) -> str:
    """Return the answer to cancelling a link."""
    if is_cancelled:
        return "Cancelled. The code is worthless, and nothing was shared."

    return (
        f"There is no link to cancel. To separate accounts that are linked, send {spell('unlink')}."
    )


def linked_recently_text(command: Command, spell: Spell) -> str:
    """Return why an account cannot have its whole person forgotten or exported yet."""
    return (
        "This account was linked with another one less than 24 hours ago. Until those are over, "
        "neither side can delete or export what the other brought. To do it now with this "
        f"account's part, send {spell('unlink')} first, then {spell(command)}."
    )


def wrong_code_text(refusal: object, spell: Spell) -> str:
    """Return why a code was refused, and where codes come from."""
    return f"{refusal} To get a code, send {spell('link')} from your other account."


def linked_text(identity: SessionIdentity, spell: Spell) -> str:
    """Return what the side reads whose confirmation made a link."""
    return f"Linked. Your accounts: {_accounts(identity)}. {_undo(spell)}"


def _undo(spell: Spell) -> str:
    return (
        f"To undo this, send {spell('unlink')}. For 24 hours neither side can delete or export "
        "what the other brought."
    )


def other_unlinked_text(named: str) -> str:
    """Return the answer to unlinking another account, named as the person typed it."""
    return f"Unlinked. The {named} account has its own conversation again."


def account_text(account: Account) -> str:
    """Return an account as /whoami shows it and /unlink takes it."""
    return f"{account.channel} {_shown_id(account)}"


def unlink_usage(spell: Spell) -> str:
    """Return how /unlink is used."""
    return (
        f"{spell('unlink')} takes no argument, or another account of yours exactly as "
        f"{spell('whoami')} shows it."
    )


def notice_text(notice: Notice, *, spell: Spell) -> str:
    """Return a notice as text, for an adapter to send."""
    other = _capital(_named(notice.account, notice.account_name))
    match notice.kind:
        case "link_redeemed":
            if notice.preview is None:
                return f"{other} typed your code."
            return question_text(notice.preview, spell)
        case "linked":
            return (
                f"Linked with {_named(notice.account, notice.account_name)}: from now on you "
                f"share one conversation with me. {_undo(spell)}"
            )
        case "link_cancelled":
            return f"{other} cancelled the link with this account. Nothing was shared."
        case "unlinked":
            return f"{other} was unlinked. It has its own conversation again."
        case "left":
            return f"{other} unlinked this account. This account has its own conversation again."


# Searching


def search_usage(spell: Spell) -> str:
    """Return how /search is used."""
    search = spell("search")
    return (
        f"{search} and words: what was said with all of them, the newest first.\n"
        f'{search} "red bicycle" -blue: with this phrase, and without that word.\n'
        f"{search} bicycle from:me on:telegram after:2026-10: narrowed down; also from:bot and "
        "before:.\n"
        f"{search} more: goes on with your last search."
    )


def refused_search(error: ValueError) -> str:
    """Return why a search was refused: the error says it to who typed it, without the words."""
    return f"{_capital(str(error))}."


def nothing_to_continue(spell: Spell) -> str:
    """Return the answer to going on with a search that there is not."""
    return (
        "There is no search to go on with. I remember your last one for ten minutes. To search, "
        f"send {spell('search')} and words."
    )


def found_text(found: Found, spell: Spell, *, is_more: bool) -> str:
    """Return what a search has found, a line for each message."""
    lines = [_hit_line(hit) for hit in found.hits]
    if not lines:
        more = " more" if is_more else ""
        lines.append(f"Nothing{more} found{'.' if found.is_complete else ' so far.'}")
    if not found.is_complete:
        lines.append(f"To look further back, send {spell('search')} more.")

    return "\n".join(lines)


def _hit_line(hit: Hit) -> str:
    message = hit.message
    group = " group" if message.chat is not None and message.chat.kind == "group" else ""
    who = "you" if message.role == "user" else "I"
    where = [shown_day(message.timestamp), f"{message.channel}{group}".strip(), who]

    return f"{', '.join(filter(None, where))}: {excerpt_of(hit)}"


# Who somebody is, and what is stored


def whoami_text(account: Account, identity: SessionIdentity | None) -> str:
    """Return who an account's person is."""
    if identity is None:
        return f"You are {_named(account, '')}. I know nothing else about you yet."

    name = f"{quoted_name(identity.display_name)}, " if identity.display_name else ""
    private = " Your messages are not stored." if identity.is_private else ""

    return (
        f"You are {name}user id {identity.user_id}. Your accounts: {_accounts(identity)}.{private}"
    )


def private_usage(spell: Spell) -> str:
    """Return how /private is used."""
    return (
        f"{spell('private')} on: your messages and my replies are not stored from now on.\n"
        f"{spell('private')} off: they are stored again."
    )


def private_text(*, is_private: bool, spell: Spell) -> str:
    """Return whether a person's messages are stored, and how to change that."""
    if is_private:
        return (
            "Private mode is on. Your messages and my replies are not stored, on any of your "
            "linked accounts. Messages from before stay stored. To turn private mode off, send "
            f"{spell('private')} off."
        )

    return (
        "Private mode is off. Your messages and my replies are stored. To turn private mode on, "
        f"send {spell('private')} on. To read more, send {spell('privacy')}."
    )


def privacy_reply(text: str, *, offered: Collection[Command], spell: Spell) -> str:
    """Return the hub's privacy text with the offered commands that a person can use."""
    commands: dict[Command, str] = {
        "export": "sends you a copy of everything stored about you.",
        "forget": "deletes it.",
        "private": "on stops storing your messages from then on.",
        "whoami": "shows your user id and linked accounts.",
        "unlink": "unlinks this account from your others.",
    }
    lines = [f"{spell(name)} {what}" for name, what in commands.items() if name in offered]
    return "\n".join([text, *lines])


def forget_question(
    receipt: Receipt, identity: SessionIdentity, *, offered: Collection[Command], spell: Spell
) -> str:
    """Return what would be deleted, before it is."""
    copy = f"To get a copy first, send {spell('export')}.\n" if "export" in offered else ""
    return (
        f"This permanently deletes {_counted(receipt)} ({_accounts(identity)}):\n"
        "- everything you said to me and what I replied, in direct messages and in groups\n"
        "- the summaries made from it\n"
        "Messages from other people stay.\n"
        f"{copy}"
        f"To delete it, send {spell('forget')} confirm within ten minutes."
    )


def forget_usage(spell: Spell) -> str:
    """Return how /forget is used."""
    return (
        f"{spell('forget')} shows what would be deleted. After that, {spell('forget')} confirm "
        "deletes it."
    )


def forgotten_text(receipt: Receipt) -> str:
    """Return what was deleted."""
    rest = ""
    if receipt.is_pending:
        minutes = math.ceil(receipt.pending_seconds / MINUTE)
        when = f"within about {minutes} minutes" if minutes > 1 else "within minutes"
        rest = f" The last traces in the database file are overwritten {when}."

    return f"Deleted: {_counted(receipt)}.{rest} If you write to me again, we start from scratch."


def _counted(receipt: Receipt) -> str:
    counts = {"message": receipt.messages, "session": receipt.sessions, "account": receipt.accounts}
    *most, last = [
        f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in counts.items()
    ]
    return f"{', '.join(most)} and {last}"


def _accounts(identity: SessionIdentity) -> str:
    return ", ".join(account_text(a) for a in identity.accounts if a.channel != STORE_CHANNEL)


def _named(account: Account, name: str) -> str:
    """Return who an account is, its id first: a display name is free text and may imitate ours."""
    who = f"the {account.channel} account {_shown_id(account)}"
    return f"{who} ({quoted_name(name)})" if name else who


def _shown_id(account: Account) -> str:
    """Return an id as it is; in quotation marks if a platform lets people choose what is in it."""
    is_plain = _PLAIN_ID.fullmatch(account.channel_user_id) is not None
    return account.channel_user_id if is_plain else quoted_name(account.channel_user_id)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
