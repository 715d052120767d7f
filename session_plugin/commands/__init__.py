"""/link, /whoami, /search, /forget and the other session commands: a command in, a reply out.

Knows no platform. An adapter recognises its platform's commands and passes them on by their names
here. The commands and their replies are never stored, so an adapter records neither. All but
/privacy work in direct chats only: a code that others can read proves nothing, and who somebody is
on other platforms is private.
"""

from session_plugin.commands.answering import answer
from session_plugin.commands.exports import DOCUMENT_BYTES
from session_plugin.commands.names import (
    ANYWHERE,
    COMMANDS,
    TAKE_WORDS,
    Command,
    Spell,
    check_names,
)
from session_plugin.commands.replies import Asked, Document, Reply, cut
from session_plugin.commands.texts import DESCRIPTIONS, notice_text

__all__ = [
    "ANYWHERE",
    "COMMANDS",
    "DESCRIPTIONS",
    "DOCUMENT_BYTES",
    "TAKE_WORDS",
    "Asked",
    "Command",
    "Document",
    "Reply",
    "Spell",
    "answer",
    "check_names",
    "cut",
    "notice_text",
]
