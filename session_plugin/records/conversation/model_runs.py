"""Messages that turn out to be of a model's run after they were stored."""

from __future__ import annotations

from collections.abc import Sequence

from session_plugin.database.engine import Tx
from session_plugin.model import Chat
from session_plugin.records.conversation.sessions import find_chat
from session_plugin.records.operation_context import OperationContext


def set_turn(
    tx: Tx, context: OperationContext, chat: Chat, *, seqs: Sequence[int], turn: str
) -> None:
    """Note of which run messages are; one that is of a run already stays so."""
    row = find_chat(tx, context.bot, chat)
    if row is None:
        return

    for seq in seqs:
        tx.run("set_turn", chat_no=row["chat_no"], seq=seq, turn=turn)
