"""Files that were fetched for a model, and what stands for those that were not."""

from __future__ import annotations

from dataclasses import dataclass, field

from session_plugin.parts import Attachment

SHOWN_KINDS = {
    "voice": "voice message",
    "videonote": "video message",
    "paidmediainfo": "paid media",
}
"""What people call a kind of attachment, where that differs from its name."""
USUAL_TYPES = {
    "photo": "image/jpeg",
    "image": "image/png",
    "sticker": "image/webp",
    "voice": "audio/ogg",
    "audio": "audio/mpeg",
    "video": "video/mp4",
    "videonote": "video/mp4",
    "animation": "video/mp4",
}
"""The content type of a kind of attachment of which nothing else is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedMedia:
    """A file as a model is given it: its bytes, or a link to it.

    A link must be one that a provider's server can read, and must hold no secret.

    Example:
        photo = FetchedMedia(data=b"...", content_type="image/png")
        conversation = replace(await session.for_model(), media={"AgACAgIAAx0C": photo})
    """

    data: bytes | None = field(default=None, repr=False)
    url: str = ""
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """A fetched file in an entry. `text` stands for it where a provider does not take its type."""

    fetched: FetchedMedia
    content_type: str
    text: str = ""


def content_type_of(fetched: FetchedMedia, attachment: Attachment) -> str:
    """Return the content type of a file, without parameters, in lower case."""
    known = fetched.content_type or attachment.content_type or USUAL_TYPES.get(attachment.kind, "")
    return known.split(";")[0].strip().lower() or "application/octet-stream"


def shown_kind(attachment: Attachment) -> str:
    """Return what a kind of attachment is called: `voice message`."""
    return SHOWN_KINDS.get(attachment.kind, attachment.kind)
