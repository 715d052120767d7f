"""Readers of files in which people have what they said elsewhere.

Each is a generator of `MessageEvent`, and of `Skipped` for what is left out; `import_history` takes
both. They know files, and nothing of a hub.

    events = read_telegram("result.json", bot="7000000001")
    report = await hub.import_history(events)
"""

from session_plugin.importing.authors import AUTHOR
from session_plugin.importing.discord_exporter import read_discord
from session_plugin.importing.openai_agents import read_openai_agents
from session_plugin.importing.original import read_original
from session_plugin.importing.own_export import read_export
from session_plugin.importing.telegram_desktop import read_telegram
from session_plugin.importing.whatsapp import read_whatsapp
from session_plugin.rules.imported_ids import imported_id

__all__ = [
    "AUTHOR",
    "imported_id",
    "read_discord",
    "read_export",
    "read_openai_agents",
    "read_original",
    "read_telegram",
    "read_whatsapp",
]
