"""The command import: what was said before the bot came, from files of other programs."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from session_plugin.cli.output import print_json, print_lines, print_values, progress_bar
from session_plugin.cli.setup import Json, Refused, Yes, run, to_account
from session_plugin.hub.operator import OperatorHub
from session_plugin.model import Account, Chat
from session_plugin.reports import ImportReport


class Kind(StrEnum):
    """Programs whose files can be imported."""

    TELEGRAM = "telegram"
    DISCORD = "discord"
    WHATSAPP = "whatsapp"
    OPENAI_AGENTS = "openai-agents"
    EXPORT = "export"


def import_file(
    ctx: typer.Context,
    *,
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help=", ".join(Kind))],
    path: Annotated[Path, typer.Argument(metavar="FILE")],
    bot_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The bot's own account; of whatsapp, its name there."),
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CHANNEL:ID",
            help="Whose account a name (whatsapp) or session (openai-agents) is. Repeatable.",
        ),
    ] = None,
    chat: Annotated[
        str | None,
        typer.Option(metavar="CHANNEL:ID", help="The direct chat that it becomes (whatsapp)."),
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of local times in the file.")
    ] = None,
    max_age_hours: Annotated[
        float, typer.Option(min=0, help="The bot's own setting; silence cuts sessions.")
    ] = 24.0,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Import what was said before the bot came.

    Importing again adds nothing twice. Filter plugins of the bot are not asked here; if it has any,
    call hub.import_history in its own code. docs/importing.md says what each kind of file can hold.
    """
    if not path.is_file():
        raise Refused(f"{path} is not a file; check the path")

    accounts = _accounts(person or [])

    async def carry_out(hub: OperatorHub) -> ImportReport:
        with progress_bar() as show:
            details = {"bot_id": bot_id, "chat": chat, "time_zone": time_zone}
            report: ImportReport = await _READERS[kind](
                hub, path, accounts, **details, common={"dry_run": not yes, "progress": show}
            )
            return report

    report = run(ctx, carry_out, max_age_hours=max_age_hours)
    if as_json:
        print_json(report)
        return

    print_values(
        {
            "messages": report.messages,
            "sessions": report.sessions,
            "known": report.known_messages,
            **{f"left out: {reason}": count for reason, count in report.left_out.items()},
        }
    )
    print_lines("imported" if yes else "nothing was changed; with --yes this is imported")


def _accounts(pairs: list[str]) -> dict[str, Account]:
    accounts = {}
    for pair in pairs:
        name, sign, account = pair.partition("=")
        if not sign:
            raise Refused(f"{pair!r} is no --person; write NAME=CHANNEL:ID")
        accounts[name] = to_account(account)

    return accounts


async def _telegram(
    hub: OperatorHub, path: Path, _: Any, *, common: Any, **details: Any
) -> ImportReport:
    return await hub.import_telegram(
        path, bot=details["bot_id"], time_zone=details["time_zone"], **common
    )


async def _discord(
    hub: OperatorHub, path: Path, _: Any, *, common: Any, **details: Any
) -> ImportReport:
    return await hub.import_discord(path, bot=details["bot_id"], **common)


async def _whatsapp(
    hub: OperatorHub, path: Path, accounts: dict[str, Account], *, common: Any, **details: Any
) -> ImportReport:
    if details["bot_id"] is None or details["chat"] is None or not accounts:
        raise Refused("a chat of WhatsApp needs --bot-id, --chat and --person NAME=CHANNEL:ID")

    place = to_account(details["chat"])
    return await hub.import_whatsapp(
        path,
        chat=Chat(place.channel, place.channel_user_id),
        bot=details["bot_id"],
        people=accounts,
        time_zone=details["time_zone"] or "UTC",
        **common,
    )


async def _openai_agents(
    hub: OperatorHub, path: Path, accounts: dict[str, Account], *, common: Any, **details: Any
) -> ImportReport:
    if not accounts:
        raise Refused("sessions of openai-agents need --person SESSION_ID=CHANNEL:ID")

    return await hub.import_openai_agents(
        path, account_of=accounts.get, bot_id=details["bot_id"] or "", **common
    )


async def _export(
    hub: OperatorHub, path: Path, _: Any, *, common: Any, **details: Any
) -> ImportReport:
    return await hub.import_export(path, **common)


_READERS: dict[Kind, Callable[..., Any]] = {
    Kind.TELEGRAM: _telegram,
    Kind.DISCORD: _discord,
    Kind.WHATSAPP: _whatsapp,
    Kind.OPENAI_AGENTS: _openai_agents,
    Kind.EXPORT: _export,
}
