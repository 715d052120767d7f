"""`python -m session_plugin`: the command `session-plugin`, where its script is not on the path."""

from __future__ import annotations

from session_plugin.cli.main import main

main()
