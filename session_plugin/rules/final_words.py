"""When a message of the bot carries the words with which a model ended its run.

An author's code may turn Markdown into what the platform shows, send a long text in pieces, and put
a heading or a footer around it. So letters and digits alone are compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from session_plugin.context.marks import is_forward
from session_plugin.model import Account, MessageEvent
from session_plugin.parts import Attachment

HELD_SECONDS = 600.0
"""How long words wait for their message; no author's code takes longer to send them."""
MOST_OF_CHAT, MOST = 16, 1000
"""Texts that wait, of one chat and in all; the oldest go first."""

LEAST_WITHIN = 12
"""Letters and digits that words have at least, to be recognised among others."""

_LINK = re.compile(r"\[([^\]\n]*)\]\([^)\n]*\)")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_FENCE = re.compile(r"^\s*```\w*", re.MULTILINE)
_WORDS = re.compile(r"[^\W_]+")


def essence(text: str) -> str:
    """Return the letters and digits of a text without markup; without any, all that is no space."""
    shown = _FENCE.sub("", _TAG.sub("", _LINK.sub(r"\1", text)))
    return "".join(_WORDS.findall(shown)) or "".join(text.split())


def heard_in(attachments: Iterable[Attachment]) -> str:
    """Return the words of recordings, where they are known."""
    return "\n".join(one.transcript for one in attachments if one.transcript)


def is_spoken(event: MessageEvent) -> bool:
    """Check whether a message without words may say those of a run: nobody else has spoken it, and
    it is not about an error or a command.
    """
    is_recording = [one.kind in ("voice", "videonote") for one in event.attachments] == [True]

    return is_recording and not event.is_aside and not is_forward(event.metadata)


@dataclass(slots=True, eq=False)
class HeldWords:
    """Words of a run that count as history once a message carries them.

    Args:
        turn: The run.
        account: Whom it answers.
        held_at: Since when.
        forms: The words as the model said them, and as the filters leave them.
        spoken: What a voice message says that carries them; empty if the filters leave nothing.
    """

    turn: str
    account: Account | None
    held_at: float
    forms: tuple[str, ...]
    spoken: str = ""
    is_sent: bool = False
    """Whether all of the words were carried by messages."""
    _rests: list[str] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with all of the words."""
        self.forms = tuple({essence(form): None for form in self.forms if essence(form)})
        self._rests = list(self.forms)

    def take(self, text: str) -> bool:
        """Check whether a message carries the words or their next piece, and note that it does.

        It may say more than the words, before or after them.
        """
        said = essence(text)
        if not said:
            return False
        if said in self.forms:
            self.is_sent = True
            return True

        for position, rest in enumerate(self._rests):
            if rest.startswith(said):
                self._rests[position] = rest[len(said) :]
                self.is_sent = not self._rests[position]
                return True

        if any(len(form) >= LEAST_WITHIN and form in said for form in self.forms):
            self.is_sent = True
            return True

        return False
