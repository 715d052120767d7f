"""`python -m session_plugin.inspector bot.db`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from session_plugin.errors import SessionError
from session_plugin.inspector.serving import serve

FAILED = 1
WRONG_ARGUMENTS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the pages until Ctrl+C; return the exit code: 0, or 1 with one line that says why."""
    parser = argparse.ArgumentParser(
        prog="python -m session_plugin.inspector",
        description="Show what a bot has stored, read-only, in a browser on this machine.",
    )
    parser.add_argument(
        "database",
        nargs="?",
        default=os.environ.get("SESSION_DATABASE"),
        help="a path or a postgresql:// URL; SESSION_DATABASE if it is left out",
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument(
        "--show-text",
        action="store_true",
        help="show what people wrote, not only how long it is; noted in the audit",
    )
    given = parser.parse_args(arguments)
    if not given.database:
        parser.error("which database? Give a path or a URL, or set SESSION_DATABASE")

    try:
        serve(given.database, port=given.port, show_text=given.show_text)
    except (SessionError, ImportError, ValueError, OSError) as error:
        print(f"session_plugin.inspector: {error}", file=sys.stderr)  # noqa: T201 - for a terminal
        return FAILED

    return 0


if __name__ == "__main__":
    sys.exit(main())
