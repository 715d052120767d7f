"""The two Markdown styles of formatted text, as documented. Must not know messages."""

from __future__ import annotations

import re

from .calls import Refusal, bad_request
from .spans import Spans

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
# Longest first: `__` is not two single marks.
_MARKS = {"__": "underline", "||": "spoiler", "*": "bold", "_": "italic", "~": "strikethrough"}
_LEGACY_MARKS = {"*": "bold", "_": "italic"}
_LANGUAGE = re.compile(r"([^\s`]+)\n")


def read_markdown_v2(source: str) -> Spans:
    """Parse MarkdownV2; refuse reserved characters that are neither marks nor escaped."""
    return _MarkdownV2(source).read()


def read_legacy_markdown(source: str) -> Spans:
    """Parse the old style: no nesting, few marks; brackets without a link are plain text."""
    spans = Spans()
    at = 0
    while at < len(source):
        character = source[at]
        if character == "\\" and source[at + 1 : at + 2] in {"_", "*", "`", "["}:
            spans.write(source[at + 1])
            at += 2
        elif character == "`":
            at = _write_code(spans, source, at, has_escapes=False)
        elif character in _LEGACY_MARKS:
            end = source.find(character, at + 1)
            if end < 0:
                raise _no_end("the entity", at)
            spans.begin(_LEGACY_MARKS[character])
            spans.write(source[at + 1 : end])
            spans.end()
            at = end + 1
        elif link := re.compile(r"\[([^\]]*)\]\(([^)]*)\)").match(source, at):
            spans.begin("text_link", url=link[2])
            spans.write(link[1])
            spans.end()
            at = link.end()
        else:
            spans.write(character)
            at += 1

    return spans


class _MarkdownV2:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._spans = Spans()

    def read(self) -> Spans:
        while self._at < len(self._source):
            self._step()

        if self._spans.is_open("blockquote"):
            self._end_quote()

        if self._spans.open:
            raise _no_end(
                self._spans.open[-1]["type"].replace("_", " ").title() + " entity",
                len(self._source),
            )

        return self._spans

    def _step(self) -> None:
        source, at = self._source, self._at
        if self._starts_line() and self._quote():
            return

        character = source[at]
        if character == "\\" and at + 1 < len(source) and source[at + 1].isascii():
            self._spans.write(source[at + 1])
            self._at += 2
        elif character == "`":
            self._at = _write_code(self._spans, source, at, has_escapes=True)
        elif (mark := self._mark()) is not None:
            self._toggle(mark)
        elif source.startswith("![", at):
            self._spans.begin("custom_emoji")
            self._at += 2
        elif character == "[":
            self._spans.begin("text_link")
            self._at += 1
        elif (
            character == "]"
            and self._spans.open
            and self._spans.open[-1]["type"] in {"custom_emoji", "text_link"}
        ):
            self._end_link()
        elif character in _RESERVED:
            raise bad_request(
                f"can't parse entities: Character '{character}' is reserved and must be "
                "escaped with the preceding '\\'"
            )
        else:
            self._spans.write(character)
            self._at += 1

    def _starts_line(self) -> bool:
        return self._at == 0 or self._source[self._at - 1] == "\n"

    def _quote(self) -> bool:
        """Begin, continue or end a quotation at a line start; return whether a mark was read."""
        is_marked = self._source[self._at] == ">"
        if is_marked:
            self._at += 1
            if not self._spans.is_open("blockquote"):
                self._spans.begin("blockquote")
        elif self._spans.is_open("blockquote"):
            self._end_quote()

        return is_marked

    def _end_quote(self) -> None:
        if self._spans.open[-1]["type"] != "blockquote":
            raise _no_end(f"{self._spans.open[-1]['type'].title()} entity", self._at)
        self._spans.end()

    def _mark(self) -> str | None:
        return next((mark for mark in _MARKS if self._source.startswith(mark, self._at)), None)

    def _toggle(self, mark: str) -> None:
        kind = _MARKS[mark]
        if not self._spans.is_open(kind):
            self._spans.begin(kind)
        elif self._spans.open[-1]["type"] == kind:
            self._spans.end()
        else:
            raise _no_end(f"{self._spans.open[-1]['type'].title()} entity", self._at)

        self._at += len(mark)

    def _end_link(self) -> None:
        target = re.compile(r"\]\(((?:[^)\\]|\\.)*)\)", re.DOTALL).match(self._source, self._at)
        if target is None and self._spans.open[-1]["type"] == "custom_emoji":
            raise bad_request(
                "can't parse entities: Custom emoji entity must contain a tg://emoji URL"
            )

        if target is None:
            # Brackets without an address: Telegram keeps the text and makes no link.
            self._spans.drop()
            self._at += 1
            return

        url = re.sub(r"\\(.)", r"\1", target[1], flags=re.DOTALL)
        opened = self._spans.open[-1]
        if opened["type"] == "custom_emoji":
            opened["custom_emoji_id"] = url.removeprefix("tg://emoji?id=")
        else:
            opened["url"] = url

        self._spans.end()
        self._at = target.end()


def _write_code(spans: Spans, source: str, at: int, *, has_escapes: bool) -> int:
    """Write the code that begins at `at`, and return the position after it."""
    fence = "```" if source.startswith("```", at) else "`"
    body = r"((?:[^`\\]|\\.|\\$)*?)" if has_escapes else "(.*?)"

    found = re.compile(fence + body + fence, re.DOTALL).match(source, at)
    if found is None:
        raise _no_end("Pre entity" if fence == "```" else "Code entity", at)

    code = re.sub(r"\\([\x00-\x7f])", r"\1", found[1]) if has_escapes else found[1]
    details = {}

    if fence == "```":
        if language := _LANGUAGE.match(code):
            details["language"] = language[1]
            code = code[language.end() :]
        code = code.removeprefix("\n")

    spans.begin("pre" if fence == "```" else "code", **details)
    spans.write(code)
    spans.end()

    return found.end()


def _no_end(what: str, at: int) -> Refusal:
    return bad_request(f"can't parse entities: Can't find end of {what} at byte offset {at}")
