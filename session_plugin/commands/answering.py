"""Carry out a command for the person who gave it."""

from __future__ import annotations

from session_plugin.commands import texts
from session_plugin.commands.exports import documents_of
from session_plugin.commands.names import ANYWHERE, TAKE_WORDS, Command
from session_plugin.commands.replies import Asked, Reply
from session_plugin.errors import (
    DatabaseUnavailable,
    ExportRefused,
    ForgetRefused,
    LinkedRecently,
    LinkingOff,
    LinkRefused,
    SessionError,
)
from session_plugin.hub import SessionHub
from session_plugin.logs import FieldLogger
from session_plugin.model import Account, LinkPreview
from session_plugin.rules.linking import NOTHING_TO_CONFIRM

HITS = 5
"""Messages that /search shows at once."""

logger = FieldLogger("session_plugin.hub")


async def answer(hub: SessionHub, command: Command, argument: str, asked: Asked) -> Reply:
    """Carry out a command and return the reply, also where it fails.

    Args:
        hub: The hub whose users are concerned.
        command: Which command, by its name here.
        argument: The text after the command.
        asked: Who gave it, and where.
    """
    account = asked.account
    is_direct = asked.chat.kind == "direct"
    if not is_direct:
        await hub.burn_codes(argument)
    if command in ANYWHERE:
        return Reply(text=_privacy(hub, asked))
    if not is_direct or account is None:
        return Reply(text=texts.DIRECT_ONLY)

    argument = argument.strip()
    if argument and command not in TAKE_WORDS:
        return Reply(text=texts.takes_no_argument(command, asked.spell))

    try:
        reply = await _carry_out(hub, command, argument, account, asked)
        unread = [
            texts.notice_text(notice, spell=asked.spell)
            for notice in await hub.unread_notices(account)
        ]
    except SessionError as error:
        return Reply(text=_refusal(command, error, asked))

    return Reply(text="\n\n".join([*unread, reply.text]), documents=reply.documents)


def _refusal(command: Command, error: SessionError, asked: Asked) -> str:
    """Return why nothing was done. What concerns the operator names files, so it is only logged."""
    if isinstance(error, LinkedRecently):
        return texts.linked_recently_text(command, asked.spell)
    if isinstance(error, LinkRefused | ForgetRefused | ExportRefused):
        return str(error)
    if isinstance(error, DatabaseUnavailable):
        return texts.UNAVAILABLE

    logger.error("/%(command)s was not carried out: %(error)s", command=command, error=error)

    return texts.BROKEN


async def _carry_out(
    hub: SessionHub, command: Command, argument: str, account: Account, asked: Asked
) -> Reply:
    match command:
        case "link":
            text = await _link(hub, argument, account, asked)
        case "unlink":
            text = await _unlink(hub, argument, account, asked)
        case "whoami":
            text = texts.whoami_text(account, await hub.identity_of(account))
        case "new":
            await hub.session_of(asked.chat, account).start_new()
            text = texts.NEW
        case "search":
            text = await _search(hub, argument, account, asked)
        case "private":
            text = await _private(hub, argument, account, asked)
        case "privacy":
            text = _privacy(hub, asked)
        case "export":
            return await _export(hub, account)
        case "forget":
            text = await _forget(hub, argument, account, asked)

    return Reply(text=text)


async def _link(hub: SessionHub, argument: str, account: Account, asked: Asked) -> str:
    wish = argument.lower()
    if wish == "cancel":
        is_cancelled = await hub.cancel_link(account)
        return texts.cancelled_text(is_cancelled=is_cancelled, spell=asked.spell)

    if wish not in {"", "confirm"}:
        return await _redeem(hub, argument, account, asked)

    pending = await hub.pending_link(account)
    if pending is not None:
        return await _answer_question(hub, pending, asked, is_yes=wish == "confirm")
    if wish == "confirm":
        return NOTHING_TO_CONFIRM

    code = await hub.request_link(account, chat=asked.chat, display_name=asked.name)

    return texts.code_text(code, asked.spell)


async def _answer_question(
    hub: SessionHub, pending: LinkPreview, asked: Asked, *, is_yes: bool
) -> str:
    """Take a yes to what was shown; show what was not, whatever was said."""
    if is_yes and pending.is_shown:
        identity = await hub.confirm_link(pending.account, shown=pending)
        if identity is not None:
            return texts.linked_text(identity, asked.spell)
        return texts.waiting_text(pending, asked.spell)

    if pending.is_confirmed:
        return texts.waiting_text(pending, asked.spell)

    await hub.show_pending_link(pending)

    return texts.question_text(pending, asked.spell)


async def _redeem(hub: SessionHub, code: str, account: Account, asked: Asked) -> str:
    try:
        preview = await hub.redeem_link(account, code, chat=asked.chat, display_name=asked.name)
    except LinkingOff:
        raise
    except LinkRefused as refusal:
        return texts.wrong_code_text(refusal, asked.spell)

    await hub.show_pending_link(preview)
    return texts.question_text(preview, asked.spell)


async def _unlink(hub: SessionHub, argument: str, account: Account, asked: Asked) -> str:
    if not argument:
        await hub.unlink(account)
        return texts.UNLINKED

    identity = await hub.identity_of(account)
    linked = () if identity is None else identity.accounts
    other = next((a for a in linked if argument == texts.account_text(a)), None)
    if other is None or other == account:
        return texts.unlink_usage(asked.spell)

    await hub.unlink(other, by=account)

    return texts.other_unlinked_text(argument)


async def _search(hub: SessionHub, argument: str, account: Account, asked: Asked) -> str:
    if not argument:
        return texts.search_usage(asked.spell)

    is_more = argument.lower() == "more"
    words = None if is_more else argument
    try:
        found = await hub.search_for(account, asked.chat, words, limit=HITS)
    except ValueError as error:  # what it says is for who typed it
        return texts.refused_search(error)

    if found is None:
        return texts.nothing_to_continue(asked.spell)

    return texts.found_text(found, asked.spell, is_more=is_more)


async def _private(hub: SessionHub, argument: str, account: Account, asked: Asked) -> str:
    wish = argument.lower()
    if wish in {"on", "off"}:
        await hub.set_private(account, wish == "on")
    elif wish:
        return texts.private_usage(asked.spell)

    identity = await hub.identity_of(account)
    is_private = identity is not None and identity.is_private

    return texts.private_text(is_private=is_private, spell=asked.spell)


def _privacy(hub: SessionHub, asked: Asked) -> str:
    return texts.privacy_reply(hub.privacy_text(), offered=asked.offered, spell=asked.spell)


async def _forget(hub: SessionHub, argument: str, account: Account, asked: Asked) -> str:
    if argument.lower() == "confirm":
        return texts.forgotten_text(await hub.confirm_forget(account))
    if argument:
        return texts.forget_usage(asked.spell)

    identity = await hub.identity_of(account)
    if identity is None:
        return texts.NOTHING_TO_FORGET

    receipt = await hub.ask_to_forget(account)

    return texts.forget_question(receipt, identity, offered=asked.offered, spell=asked.spell)


async def _export(hub: SessionHub, account: Account) -> Reply:
    if await hub.identity_of(account) is None:
        return Reply(text=texts.NOTHING_TO_EXPORT)
    await hub.request_export(account)
    documents = await documents_of(hub.export(account))
    return Reply(text=texts.EXPORTED, documents=documents)
