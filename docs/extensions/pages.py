"""Links that leave the folder of the pages, as they are on the site.

On GitHub a page links to `../README.md` and to files of the repository; the site has the README as
its first page, and no files. Knows paths only.
"""

from typing import Any

from sphinx.application import Sphinx

ON_THE_SITE = {
    "](../README.md": "](index.md",
    "](../adapters/README.md": "](adapters.md",
}
"""What a link begins with in a page, and what it begins with on the site."""


def on_source(app: Sphinx, name: str, source: list[str]) -> None:
    """Point a page's links to where the site has what they lead to."""
    for there, here in ON_THE_SITE.items():
        source[0] = source[0].replace(there, here)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the event."""
    app.connect("source-read", on_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
