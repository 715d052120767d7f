"""Whether a message is stored, and with what it quotes, once the database is asked about it.

A new rule is written here.
"""

from __future__ import annotations

from typing import Literal, Protocol

from session_plugin.model import MessageEvent

Fate = Literal["stored", "duplicate", "deleted", "unowned", "private", "forgotten"]
"""What becomes of a message.

`duplicate`: it is stored already. `deleted`: its deletion came before it. `unowned`: a direct
message of which nobody knows whose chat it is. `private`: its author, or the person it answers,
asked that nothing be stored. `forgotten`: it was sent before its person was forgotten, or while
nothing of theirs was stored, and was delivered again; or it answers such a message.
"""


class Facts(Protocol):
    """What the database knows about a message. Each is looked up only if it is asked for."""

    @property
    def is_stored(self) -> bool:
        """Whether a message with its id is in its chat."""

    @property
    def is_deleted(self) -> bool:
        """Whether a message with its id was deleted from its chat."""

    @property
    def has_owner(self) -> bool:
        """Whether somebody owns its chat, or would from now on; always true in a group."""

    @property
    def is_private(self) -> bool:
        """Whether one of the people concerned asked that nothing be stored."""

    @property
    def is_forgotten(self) -> bool:
        """Whether it is older than the forgetting of one of the people concerned."""


def fate_of(event: MessageEvent, facts: Facts) -> Fate:
    """Decide what becomes of a message. The first rule that applies decides."""
    if facts.is_stored:
        return "duplicate"
    if facts.is_deleted:
        return "deleted"
    if not facts.has_owner:
        return "unowned"
    if facts.is_private:
        return "private"
    if facts.is_forgotten:
        return "forgotten"

    return "stored"


class QuoteFacts(Protocol):
    """What the database knows about what a message quotes."""

    @property
    def is_deleted(self) -> bool:
        """Whether the quoted message was deleted."""

    @property
    def is_private(self) -> bool:
        """Whether somebody who asked that nothing be stored wrote it, or was answered by it."""

    @property
    def is_forgotten(self) -> bool:
        """Whether it was forgotten, or was not stored because its person asked for that."""

    @property
    def is_changed(self) -> bool:
        """Whether the quoted message is stored and does not say this."""


def keeps_quote(facts: QuoteFacts) -> bool:
    """Decide whether what a message quotes is stored with it."""
    return not (facts.is_deleted or facts.is_private or facts.is_forgotten or facts.is_changed)
