"""What can be wrong in a database that opens, and with its secret and its server."""

from __future__ import annotations

import time
from collections.abc import Iterator

from session_plugin.cli.encryption_checks import check_encryption
from session_plugin.cli.findings import Finding, command, note, ok, trouble
from session_plugin.cli.output import when
from session_plugin.database.existing import open_existing
from session_plugin.database.server_facts import ServerFacts, server_facts
from session_plugin.database.server_url import ServerUrl, read_url
from session_plugin.encryption.keys import from_environment
from session_plugin.errors import SessionError
from session_plugin.hub.operator import OperatorHub
from session_plugin.hub.secret_check import secret_check
from session_plugin.reports import HubStatus
from session_plugin.rules.overview import Health
from session_plugin.secret import ENVIRONMENT, Secret

LATE_ERASURE = 2 * 3600.0
"""Seconds after which the bot should have rewritten the file: it does so once an hour."""
CLOCK_APART = 60.0
FEW_LEFT = 10
"""Connections that should be left on a server."""


def check_secret(where: str) -> Iterator[Finding]:
    """Yield whether the database opens, and whether the secret belongs to it."""
    secret = Secret(None, database=where, may_make=False)
    try:
        engine = open_existing(where)
    except SessionError as error:
        cure = [command(where, "restore", "BACKUP", "--yes")] if "damaged" in str(error) else []
        yield trouble("database", str(error), *cure)
        return

    try:
        secret_check(secret, clock=time.time)(engine)
        secret.fingerprint(may_make=False)
    except SessionError as error:
        yield trouble(
            "secret",
            f"{error} If no copy of it is left:",
            command(where, "accept-lost-secret", "--yes"),
        )
        return
    finally:
        engine.close()

    if secret.is_given:
        yield ok("secret", f"{ENVIRONMENT} belongs to the database")
    elif secret.file is None:
        yield note(
            "secret",
            f"{ENVIRONMENT} is not set here. If it is not set for the bot, nobody can link.",
        )
    elif secret.file.exists():
        yield ok("secret", f"{secret.file} belongs to the database")
    else:
        yield ok("secret", "none yet; the bot makes one when it is needed")


async def check_content(where: str, bot: str) -> list[Finding]:
    """Return what status and health show."""
    async with OperatorHub(where, bot=bot, encryption=from_environment()) as hub:
        status, health = await hub.status(), await hub.health()

    return [
        *_integrity(where, health),
        *_erasures(where, health),
        *_clocks(where, status, health),
        *_summaries(where, status),
        *_plugins(health),
        *_people(status),
        *check_encryption(where, status.encryption),
    ]


def _integrity(where: str, health: Health) -> Iterator[Finding]:
    restore = command(where, "restore", "BACKUP", "--yes")
    if health.damage:
        yield trouble("integrity", f"the file is damaged: {'; '.join(health.damage)}", restore)
    if health.orphans:
        yield trouble(
            "integrity",
            f"rows refer to rows that are missing ({', '.join(health.orphans)}): another program "
            "has changed the database",
            restore,
        )
    if not health.damage and not health.orphans:
        yield ok("integrity", "no damage, no orphan rows")


def _erasures(where: str, health: Health) -> Iterator[Finding]:
    if not health.pending_erasures:
        yield ok("erasures", "none pending")
        return

    oldest = health.oldest_erasure_at or 0.0
    says = f"bytes of what was forgotten at {when(oldest)} are still in the file"
    if time.time() - oldest > LATE_ERASURE:
        yield trouble("erasures", says, command(where, "erase"))
    else:
        yield note("erasures", f"{says}; the bot rewrites it within the hour")


def _clocks(where: str, status: HubStatus, health: Health) -> Iterator[Finding]:
    if status.clock_doubted_since is not None:
        yield trouble(
            "clock",
            f"since {when(status.clock_doubted_since)} the bot does not believe the clock of its "
            "machine, and removes nothing that is past its retention. Set the clock; if it is "
            "right:",
            command(where, "confirm-clock"),
        )
        return

    apart = 0.0 if health.server_time is None else abs(health.server_time - time.time())
    if apart > CLOCK_APART:
        yield trouble(
            "clock",
            f"this machine's clock and the server's are {apart:.0f} seconds apart; set both by NTP",
            "timedatectl set-ntp true",
        )
    else:
        yield ok("clock", "believed")


def _summaries(where: str, status: HubStatus) -> Iterator[Finding]:
    for failed in status.failed_consolidations:
        yield trouble(
            "summaries",
            f"{failed.reason}: no summary of session {failed.session_id} could be made, "
            f"{failed.failures} times in a row. Mend the summariser; until then, a digest:",
            command(where, "consolidate", failed.session_id),
        )

    if status.pending_consolidations:
        yield note(
            "summaries",
            f"{status.pending_consolidations} sessions wait for a summary; the bot makes it when "
            "it runs",
        )
    elif not status.failed_consolidations:
        yield ok("summaries", "none wait, none fail")


def _plugins(health: Health) -> Iterator[Finding]:
    if health.withheld:
        yield trouble(
            "filters",
            f"{health.withheld} messages of the last 24 hours were stored without content, because "
            "a filter plugin failed. The bot's log names it; mend it, and restart the bot.",
        )
    else:
        yield ok("filters", "no message of the last 24 hours was withheld")

    if health.without_text >= 5 and health.without_text * 10 > health.group_messages * 9:
        yield trouble(
            "intents",
            f"{health.without_text} of {health.group_messages} messages of people in Discord's "
            "guilds came without text: enable the message content intent at "
            "https://discord.com/developers/applications and in the bot's code, and restart it.",
        )
    else:
        yield ok("intents", "messages of guilds have text, or there are few")


def _people(status: HubStatus) -> Iterator[Finding]:
    for alarm in status.code_alarms:
        yield note(
            "link codes",
            f"{alarm.wrong_codes} wrong codes were typed on {alarm.channel} within ten minutes: "
            "somebody may be guessing. Nothing has to be done.",
        )


def check_server(url: str) -> Iterator[Finding]:
    """Yield what is wrong with a PostgreSQL server."""
    facts = server_facts(url)
    yield _pooler(facts, read_url(url))

    unsafe = [
        name
        for name, value in (("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes))
        if value != "on"
    ]
    for name in unsafe:
        yield trouble(
            "server",
            f"{name} is off: a crash of the server's machine destroys what was acknowledged",
            f'psql "$SESSION_DATABASE" -c "ALTER SYSTEM SET {name} = on" '
            '-c "SELECT pg_reload_conf()"',
        )

    left = facts.most_connections - facts.connections
    if left < FEW_LEFT:
        yield trouble(
            "server",
            f"{facts.connections} of {facts.most_connections} connections are taken; raise "
            "max_connections, or end programs",
        )
    elif not unsafe:
        yield ok("server", f"{left} connections left, writes are durable")


def _pooler(facts: ServerFacts, server: ServerUrl) -> Finding:
    """Return whether what is between fits what the URL says of it."""
    if facts.switches_backends and not server.shares_sessions:
        return trouble(
            "pooler",
            "a pooler gives one connection to several server processes (transaction pooling), and "
            "the URL does not say so: settings and prepared statements get lost. Add "
            "pooler=transaction to its parameters, or SessionHub(url, pooler='transaction').",
        )

    if facts.switches_backends:
        direct = (
            "tables are made through it"
            if server.direct == server.conninfo
            else ("tables are made by the direct URL")
        )
        return ok("pooler", f"transaction pooling, as the URL says; {direct}")

    if facts.has_pooler:
        return note("pooler", "a pooler is between, and does session pooling")

    if server.shares_sessions:
        return note(
            "pooler",
            "the URL says pooler=transaction, but none was seen: without it, each transaction is "
            "a little cheaper",
        )

    return ok("pooler", "none")
