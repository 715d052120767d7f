"""Commands and the answers to them, where they turn out to be conversation."""

from __future__ import annotations

from collections.abc import Sequence

from session_plugin.database.engine import Tx
from session_plugin.model import Chat
from session_plugin.records.conversation.sessions import find_chat
from session_plugin.records.operation_context import OperationContext
from session_plugin.records.results import Result


def take_in(
    tx: Tx, context: OperationContext, chat: Chat, message_ids: Sequence[str]
) -> Result[bool]:
    """Let a model be given messages of a chat that were asides; their words stay as they are."""
    row = find_chat(tx, context.bot, chat)
    if row is not None:
        for message_id in message_ids:
            tx.run("take_in", chat_no=row["chat_no"], message_id=message_id)

    return Result(True)
