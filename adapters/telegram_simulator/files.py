"""Files sent by people and the bot. Must not know chats or the network."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

FileKind = Literal[
    "photo", "document", "audio", "voice", "video", "animation", "video_note", "sticker"
]

_PHOTO_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True)
class StoredFile:
    """A file. `file_id` is for sending it again; `unique_id` identifies its content."""

    file_id: str
    unique_id: str
    kind: FileKind
    name: str
    content: bytes = field(repr=False)
    path: str

    @property
    def mime_type(self) -> str:
        """The type by the file's name; `application/octet-stream` if unknown."""
        return mime_type(self.name)


class FileStore:
    """Stores files while the simulator exists. Files are never deleted."""

    def __init__(self) -> None:
        """Start without files."""
        self._files: dict[str, StoredFile] = {}
        self._paths: dict[str, StoredFile] = {}

    def add(self, *, kind: FileKind, name: str, content: bytes) -> StoredFile:
        """Store a file under a new `file_id`; equal content of one kind has one `unique_id`."""
        digest = hashlib.sha256(kind.encode() + content).hexdigest()
        number = len(self._files)
        suffix = PurePosixPath(name).suffix if name.isascii() else ""

        stored = StoredFile(
            file_id=f"simulated-{kind}-{number}-{digest[:24]}",
            unique_id=f"AQ{digest[:14]}",
            kind=kind,
            name=name,
            content=content,
            path=f"{kind}s/file_{number}{suffix}",
        )

        self._files[stored.file_id] = stored
        self._paths[stored.path] = stored

        return stored

    def by_id(self, file_id: str) -> StoredFile | None:
        """Return the file with this `file_id`, or None."""
        return self._files.get(file_id)

    def by_path(self, path: str) -> StoredFile | None:
        """Return the file with this download path, or None."""
        return self._paths.get(path)


def mime_type(name: str) -> str:
    """Return a file's type by its name."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def is_picture(name: str) -> bool:
    """Check whether apps send a file of this name as a photo by default."""
    return mime_type(name) in _PHOTO_TYPES
