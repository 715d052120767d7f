"""A group's chat becomes another on its platform: its sessions go on there, and what still comes
from the old one follows.

The messages keep the chat they were said in, so ids that start anew in the new chat meet none of
the old ones.
"""

from __future__ import annotations

from session_plugin.database.engine import Row, Tx
from session_plugin.model import Chat
from session_plugin.records.conversation.sessions import (
    end_expired,
    end_session,
    get_or_create_chat,
    group_no,
)
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.people.joining import join_session
from session_plugin.records.results import Announcement, Result
from session_plugin.rules.scopes import Scope


def move_chat(tx: Tx, context: OperationContext, old: Chat, new: Chat) -> Result[None]:
    """Let a group's sessions go on in its new chat; where both have a live one, the new chat's
    joins the old one's.

    Where both hold words of one chat, which had moved to the one and then to the other, the new
    chat's ends instead: a chat has one segment in a session. Doing it again changes nothing more.

    Raises:
        ValueError: the chats are not two groups of one bot on one channel.
    """
    if (old.kind, old.channel, old.bot_id) != (
        "group",
        new.channel,
        new.bot_id,
    ) or new.kind != "group":
        raise ValueError(
            f"a group's chat becomes another group's of the same bot, not {old.chat_id!r} "
            f"{new.chat_id!r}"
        )

    old_row, new_row = (
        get_or_create_chat(tx, context.bot, old),
        get_or_create_chat(tx, context.bot, new),
    )
    old_no, new_no = old_row["chat_no"], group_no(new_row)
    if old_no == new_no:  # told the wrong way round, after it was told the right way
        return Result(None)

    ended: tuple[Announcement, ...] = ()
    for chat_no in sorted((old_no, new_no)):
        for row in tx.all("live_sessions_of_chat", chat_no=chat_no):
            scope = Scope(
                context.bot, chat_no=chat_no, thread_id=row["thread_id"], name=row["name"]
            )
            ended += end_expired(tx, context, scope)[1]

    live = {
        _part(row): row["session_no"] for row in tx.all("live_sessions_of_chat", chat_no=new_no)
    }
    for row in tx.all("live_sessions_of_chat", chat_no=old_no):
        other = live.get(_part(row))
        if other is None:
            continue
        if _chats(tx, other).isdisjoint(_chats(tx, row["session_no"])):
            join_session(tx, context, other, row["session_no"])
        else:
            ended += end_session(tx, other, ended_at=context.now, reason="new")

    tx.run("move_sessions", chat_no=new_no, previous=old_no)
    tx.run("move_chat", became=new_no, chat_no=old_no)

    return Result(None, ended)


def _part(row: Row) -> tuple[str, str]:
    """Return what keeps sessions of one group apart: the thread, and the name of the part."""
    return row["thread_id"], row["name"]


def _chats(tx: Tx, session_no: int) -> set[int]:
    """Return the chats that have a segment in a session; all of a group's are of its thread."""
    return {row["chat_no"] for row in tx.all("segments_of_session", session_no=session_no)}
