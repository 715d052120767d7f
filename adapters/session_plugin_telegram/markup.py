"""What remains of marked-up text when its marks are read: for words of which the Bot API returns no
plain text.

Only for copies with a new caption; everything else that is sent comes back plain. Knows the
documented marks; checks nothing, because what is wrong has been refused by then.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_MARKS = {
    "markdown": re.compile(
        r"\\(?P<escaped>[_*`\[])|\[(?P<linked>[^\]]*)\]\([^)]*\)|```(?:\w+\n)?|[*_`]"
    ),
    "markdownv2": re.compile(
        r"\\(?P<escaped>[\x01-\x7e])|!?\[(?P<linked>(?:\\.|[^\]\\])*)\]\((?:\\.|[^)\\])*\)|```(?:\w+\n)?|^(?:\*\*)?>|\|\||[*_~`]",
        re.MULTILINE,
    ),
}


def plain(text: str, parse_mode: str | None) -> str:
    """Give text without its marks, as Telegram shows it to a bot.

    >>> plain("<b>bold</b> &amp; more", "HTML")
    'bold & more'
    >>> plain(r"*bold* \\& [more](https://example.org)", "MarkdownV2")
    'bold & more'
    """
    mode = (parse_mode or "").lower()
    if mode == "html":
        reader = _Words()
        reader.feed(text)
        reader.close()
        return "".join(reader.words).strip()
    if mode in _MARKS:
        return _unmarked(text, _MARKS[mode]).strip()
    return text.strip()


def _unmarked(text: str, marks: re.Pattern[str]) -> str:
    def shown(mark: re.Match[str]) -> str:
        if mark["linked"] is not None:
            return _unmarked(mark["linked"], marks)
        return mark["escaped"] or ""

    return marks.sub(shown, text)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)
