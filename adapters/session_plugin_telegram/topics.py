"""Topics of private chats as conversations of their own, for `install(separate_topics=True)`.

A topic is a named part of its person's scope. The core divides scopes by the same hook for
messages, edits, answers and session commands, so nothing else in the adapter knows of it.
"""

from __future__ import annotations

from session_plugin import Chat, MessageEvent, hookimpl
from session_plugin_telegram.translate import CHANNEL


class PrivateTopics:
    """A plugin that names the topics of one bot's private chats.

    Attributes:
        name: The plugin's name in a hub.
    """

    def __init__(self, bot_id: str) -> None:
        """Name the topics in the chats of this bot."""
        self.name = f"session_plugin_telegram: topics of {bot_id}"
        self._bot_id = bot_id

    @hookimpl(trylast=True)
    def session_resolve_scope(self, event: MessageEvent) -> str | None:
        """Return a topic's name; None outside topics, in groups and on other platforms."""
        chat = event.chat
        is_own = (chat.channel, chat.bot_id) == (CHANNEL, self._bot_id)

        return f"topic {chat.thread_id}" if is_own and _is_topic(chat) else None


def _is_topic(chat: Chat) -> bool:
    return chat.kind == "direct" and bool(chat.thread_id)
