"""The inspector: pages in a browser on this machine, for the person who runs a bot.

`serve` shows what is stored in a bot's database and never changes it. Needs the extra `inspect`.
"""

from __future__ import annotations

from session_plugin.inspector.serving import serve

__all__ = ["serve"]
