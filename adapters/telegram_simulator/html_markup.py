"""The HTML style of formatted text, as documented. Must not know other markup or messages."""

from __future__ import annotations

import re

from .calls import bad_request
from .spans import Spans

_TOKEN = re.compile(
    r"<(?P<end>/)?(?P<tag>[a-zA-Z][a-zA-Z0-9-]*)(?P<rest>[^<>]*)>"
    r"|&(?P<reference>#[0-9]+|#x[0-9a-fA-F]+|lt|gt|amp|quot);"
    r"|(?P<stray><)"
)
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_SIMPLE = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
}


def read_html(source: str) -> Spans:
    """Parse text with tags; refuse unknown, unclosed or crossed tags, as Telegram does."""
    spans = Spans()
    tags: list[str] = []
    position = 0

    for token in _TOKEN.finditer(source):
        spans.write(source[position : token.start()])
        position = token.end()

        if token["reference"]:
            spans.write(_character(token["reference"]))
        elif token["stray"]:
            raise bad_request(
                f"can't parse entities: Unsupported start tag at byte offset {token.start()}"
            )
        elif token["end"]:
            _close(spans, tags, token["tag"].lower(), token.start())
        else:
            tags.append(token["tag"].lower())
            _open(spans, tags[-1], token["rest"], token.start())

    spans.write(source[position:])
    if tags:
        raise bad_request(
            f"can't parse entities: Can't find end tag corresponding to start tag \"{tags[-1]}\""
        )

    return spans


def _open(spans: Spans, tag: str, rest: str, position: int) -> None:
    attributes = {name.lower(): a or b or c for name, a, b, c in _ATTRIBUTE.findall(rest)}
    if (
        tag == "code"
        and attributes.get("class", "").startswith("language-")
        and spans.is_open("pre")
    ):
        spans.open[-1]["language"] = attributes["class"].removeprefix("language-")
        spans.begin("")  # code inside pre is not an entity of its own
    elif tag in _SIMPLE:
        spans.begin(_SIMPLE[tag])
    elif tag == "span" and attributes.get("class") == "tg-spoiler":
        spans.begin("spoiler")
    elif tag == "a":
        spans.begin("text_link", url=_unescaped(attributes.get("href", "")))
    elif tag == "blockquote":
        spans.begin("expandable_blockquote" if re.search(r"\bexpandable\b", rest) else "blockquote")
    elif tag == "tg-emoji":
        spans.begin("custom_emoji", custom_emoji_id=attributes.get("emoji-id", ""))
    else:
        raise bad_request(
            f'can\'t parse entities: Unsupported start tag "{tag}" at byte offset {position}'
        )


def _close(spans: Spans, tags: list[str], tag: str, position: int) -> None:
    if not tags:
        raise bad_request(f"can't parse entities: Unexpected end tag at byte offset {position}")

    expected = tags.pop()
    if expected != tag:
        found = f'expected "</{expected}>", found "</{tag}>"'
        raise bad_request(
            f"can't parse entities: Unmatched end tag at byte offset {position}, {found}"
        )

    opened = spans.open[-1]
    if not opened["type"] or opened.get("url") == "":
        spans.drop()
    else:
        spans.end()


def _character(reference: str) -> str:
    if reference in _NAMED:
        return _NAMED[reference]

    # Long numbers are cut before parsing; they are beyond Unicode anyway.
    number = int(reference[2:10], 16) if reference.startswith("#x") else int(reference[1:9])
    is_character = 0 < number < 0x110000 and not 0xD800 <= number < 0xE000
    return chr(number) if is_character else f"&{reference};"


def _unescaped(value: str) -> str:
    return re.sub(r"&(lt|gt|amp|quot);", lambda reference: _NAMED[reference[1]], value)
