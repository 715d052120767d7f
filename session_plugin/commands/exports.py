"""An export as files that platforms accept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from session_plugin.commands.replies import Document

DOCUMENT_BYTES = 8 * 1024 * 1024
"""The largest file of an export: Discord takes 10 MiB from a bot, Telegram 50 MB."""


async def documents_of(records: AsyncIterator[Mapping[str, Any]]) -> tuple[Document, ...]:
    """Write an export as JSON lines, in as many files as its size needs; no file for no record."""
    files: list[bytes] = []
    lines: list[bytes] = []
    size = 0

    async for record in records:
        line = json.dumps(record).encode() + b"\n"
        if size + len(line) > DOCUMENT_BYTES and lines:
            files.append(b"".join(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line)

    if lines:
        files.append(b"".join(lines))
    if len(files) == 1:
        return (Document(name="export.jsonl", content=files[0]),)

    return tuple(
        Document(name=f"export-{number}.jsonl", content=content)
        for number, content in enumerate(files, 1)
    )
