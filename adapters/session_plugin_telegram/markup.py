"""Formatted text as plain text, for captions of which the Bot API returns no plain version.

Used only for copies with a new caption; the results of all other requests contain plain text.
Handles the documented formatting. Does not validate it: Telegram has refused invalid input before.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_FORMATTING = {
    "markdown": re.compile(
        r"\\(?P<escaped>[_*`\[])|\[(?P<linked>[^\]]*)\]\([^)]*\)|```(?:\w+\n)?|[*_`]"
    ),
    "markdownv2": re.compile(
        r"\\(?P<escaped>[\x01-\x7e])|!?\[(?P<linked>(?:\\.|[^\]\\])*)\]\((?:\\.|[^)\\])*\)|```(?:\w+\n)?|^(?:\*\*)?>|\|\||[*_~`]",
        re.MULTILINE,
    ),
}


def plain(text: str, parse_mode: str | None) -> str:
    """Return text without its formatting, as Telegram returns it to a bot.

    >>> plain("<b>bold</b> &amp; more", "HTML")
    'bold & more'
    >>> plain(r"*bold* \\& [more](https://example.org)", "MarkdownV2")
    'bold & more'
    """
    mode = (parse_mode or "").lower()

    if mode == "html":
        parser = _TextParser()
        parser.feed(text)
        parser.close()
        return "".join(parser.text).strip()

    if mode in _FORMATTING:
        return _without_formatting(text, _FORMATTING[mode]).strip()

    return text.strip()


def _without_formatting(text: str, formatting: re.Pattern[str]) -> str:
    def shown(match: re.Match[str]) -> str:
        if match["linked"] is not None:
            return _without_formatting(match["linked"], formatting)
        return match["escaped"] or ""

    return formatting.sub(shown, text)


class _TextParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)
