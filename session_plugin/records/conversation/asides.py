"""Commands and the answers to them, where they turn out to be conversation."""

from __future__ import annotations

from collections.abc import Sequence

from session_plugin.database.engine import Tx
from session_plugin.model import Chat
from session_plugin.records.conversation.sessions import find_chat
from session_plugin.records.operation_context import OperationContext


def take_in(tx: Tx, context: OperationContext, chat: Chat, message_ids: Sequence[str]) -> None:
    """Let a model be given messages of a chat that were asides; their words stay as they are."""
    row = find_chat(tx, context.bot, chat)
    if row is None:
        return

    chat_no = row["chat_no"]
    tx.run_many("take_in", [{"chat_no": chat_no, "message_id": one} for one in message_ids])
