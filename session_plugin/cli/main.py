"""The script `session-plugin`."""

from __future__ import annotations

import io
import logging
import sys


def main() -> None:
    """Run the command that the arguments name."""
    try:
        import typer  # noqa: F401, PLC0415 - of the extra `cli`
    except ImportError:
        sys.exit("session-plugin needs typer: pip install 'session-plugin[cli]'")

    from session_plugin.cli.app import app  # noqa: PLC0415 - needs typer

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character

    logging.basicConfig(level=logging.WARNING, format="session-plugin: %(message)s")
    app(prog_name="session-plugin")
