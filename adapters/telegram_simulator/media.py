"""Methods that send files and albums and replace media. Must not open files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from .calls import Call, bad_request
from .files import FileKind, FileStore, StoredFile
from .payloads import message_payload
from .sending import Sending, caption, inline_keyboard
from .world import Content, World

_MOST_IN_AN_ALBUM = 10
_METHODS: Mapping[str, FileKind] = {
    "sendPhoto": "photo",
    "sendDocument": "document",
    "sendAudio": "audio",
    "sendVoice": "voice",
    "sendVideo": "video",
    "sendAnimation": "animation",
    "sendVideoNote": "video_note",
    "sendSticker": "sticker",
}
_IN_ALBUMS: Mapping[str, FileKind] = {
    "photo": "photo",
    "document": "document",
    "audio": "audio",
    "video": "video",
}


class Media:
    """Implements the methods that send files."""

    def __init__(self, world: World, files: FileStore, sending: Sending) -> None:
        """Store uploads in `files`, and use `sending` to write messages."""
        self._world = world
        self._files = files
        self._sending = sending
        self.albums = count(13_000_000_000_000_001)

    def methods(self) -> Mapping[str, Callable[[Call], Any]]:
        """Return the methods by their documented names."""
        return {
            **{method: partial(self._send_file, kind=kind) for method, kind in _METHODS.items()},
            "sendMediaGroup": self._send_media_group,
            "editMessageMedia": self._edit_message_media,
        }

    def new_album(self) -> str:
        """Return a new `media_group_id`."""
        return str(next(self.albums))

    def _send_file(self, call: Call, kind: FileKind) -> dict[str, Any]:
        file = self._file(call, kind, call.text(kind) or f"attach://{kind}")
        text, entities = caption(
            call.text("caption"), call.text("parse_mode"), call.sequence("caption_entities")
        )
        message = self._sending.post(
            call, Content(text, entities, file=file, reply_markup=inline_keyboard(call))
        )
        return message_payload(message, self._world)

    def _send_media_group(self, call: Call) -> list[dict[str, Any]]:
        items = call.sequence("media") or []
        if not 1 <= len(items) <= _MOST_IN_AN_ALBUM or not all(
            isinstance(item, dict) for item in items
        ):
            raise bad_request("an album is an array of 2-10 InputMedia objects")

        kinds = {Call(call.method, item).text("type") for item in items}
        if len(kinds) > 1 and kinds & {"document", "audio"}:
            raise bad_request("documents and audio files can't be mixed with other media types")

        album = self.new_album()
        contents = [self._album_item(call, item, album) for item in items]

        return [
            message_payload(message, self._world)
            for message in self._sending.post_all(call, contents)
        ]

    def _album_item(self, call: Call, item: Mapping[str, Any], album: str | None) -> Content:
        given = Call(call.method, item)
        kind = given.text("type")
        if kind not in _IN_ALBUMS:
            raise bad_request(f"media of the type {kind!r} are not simulated here")

        file = self._file(call, _IN_ALBUMS[kind], given.text("media"))
        text, entities = caption(
            given.text("caption"), given.text("parse_mode"), given.sequence("caption_entities")
        )

        return Content(text, entities, file=file, album=album)

    def _edit_message_media(self, call: Call) -> dict[str, Any] | bool:
        item = call.mapping("media")
        if item is None:
            raise bad_request("parameter media is required")

        message = self._sending.editable(call)
        content = self._album_item(call, item, message.content.album)

        return self._sending.edited(
            call, message, replace(content, reply_markup=inline_keyboard(call))
        )

    def _file(self, call: Call, kind: FileKind, reference: str) -> StoredFile:
        """Return the file of an upload, a `file_id`, or an address, which is not fetched."""
        if reference.startswith("attach://"):
            upload = call.uploads.get(reference.removeprefix("attach://"))
            if upload is None:
                raise bad_request(f"there is no {kind} in the request")
            return self._files.add(kind=kind, name=upload.name, content=upload.content)

        if reference.startswith(("http://", "https://")):
            name = PurePosixPath(urlsplit(reference).path).name or "file"
            return self._files.add(kind=kind, name=name, content=reference.encode())

        known = self._files.by_id(reference)
        if known is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
        if known.kind != kind:
            raise bad_request(f"can't use file of type {known.kind.title()} as {kind.title()}")

        return known
