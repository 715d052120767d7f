"""The command import: what was said before the bot came, from files of other programs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Unpack

import typer

from session_plugin.cli.output import print_json, print_lines, print_values, progress_bar
from session_plugin.cli.setup import Json, Refused, Yes, run, to_account
from session_plugin.hub.importing import ImportOptions
from session_plugin.hub.operator import OperatorHub
from session_plugin.importing import read_original
from session_plugin.model import Account, Chat
from session_plugin.reports import ImportReport


class Kind(StrEnum):
    """Programs whose files can be imported."""

    TELEGRAM = "telegram"
    DISCORD = "discord"
    WHATSAPP = "whatsapp"
    OPENAI_AGENTS = "openai-agents"
    ORIGINAL = "original"
    EXPORT = "export"


class Dates(StrEnum):
    """Orders of day, month and year."""

    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What is imported, and what its file does not say."""

    paths: Sequence[Path]
    bot_id: str | None
    accounts: Mapping[str, Account]
    chat: Account | None
    exported_by: str | None
    dates: Dates | None
    time_zone: str | None
    of: Sequence[Account] | None

    @property
    def path(self) -> Path:
        """The only file."""
        if len(self.paths) > 1:
            raise Refused("give one file at a time; only an export can be in several")
        return self.paths[0]


def import_file(
    ctx: typer.Context,
    *,
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help=", ".join(Kind))],
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="An export can be in several.")
    ],
    bot_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The bot's own account; of whatsapp, its name there."),
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CHANNEL:ID",
            help="Whose account a name (whatsapp), session (openai-agents) or user (original) is. "
            "Repeatable.",
        ),
    ] = None,
    chat: Annotated[
        str | None,
        typer.Option(
            metavar="CHANNEL:ID",
            help="The chat of a file that does not say it: the direct chat of whatsapp, the "
            "channel of a bare list of discord.",
        ),
    ] = None,
    exported_by: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Who exported a small group or old messages (telegram)."),
    ] = None,
    dates: Annotated[
        Dates | None, typer.Option(help="The order of its dates, where there is doubt (whatsapp).")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of local times in the file.")
    ] = None,
    of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHANNEL:ID",
            help="Whose direct chats alone are taken from an export that a person brings. "
            "Repeatable.",
        ),
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
    for path in paths:
        if not path.is_file():
            raise Refused(f"{path} is not a file; check the path")

    request = _Request(
        paths=paths,
        bot_id=bot_id,
        accounts=_accounts(person or []),
        chat=None if chat is None else to_account(chat),
        exported_by=exported_by,
        dates=dates,
        time_zone=time_zone,
        of=[to_account(account) for account in of] if of else None,
    )

    async def carry_out(hub: OperatorHub) -> ImportReport:
        with progress_bar() as show:
            return await _READERS[kind](hub, request, dry_run=not yes, progress=show)

    report = run(ctx, carry_out, is_new_bot_fine=True, max_age_hours=max_age_hours)
    if as_json:
        print_json(report)
        return

    print_values(
        {
            "messages": report.messages,
            "sessions": report.sessions,
            "known": report.known_messages,
            **_left_out(report),
        }
    )
    print_lines("imported" if yes else "nothing was changed; with --yes this is imported")


def _left_out(report: ImportReport) -> dict[str, str]:
    """Return how many messages were left out for each reason, and where the first of them is."""
    first: dict[str, str] = {}
    for skipped in report.skipped:
        first.setdefault(skipped.reason, f", the first at {skipped.where}")

    return {
        f"left out: {reason}": f"{count}{first.get(reason, '')}"
        for reason, count in report.left_out.items()
    }


def _accounts(pairs: list[str]) -> dict[str, Account]:
    accounts = {}
    for pair in pairs:
        name, sign, account = pair.partition("=")
        if not sign:
            raise Refused(f"{pair!r} is no --person; write NAME=CHANNEL:ID")
        accounts[name] = to_account(account)

    return accounts


async def _telegram(
    hub: OperatorHub, request: _Request, **options: Unpack[ImportOptions]
) -> ImportReport:
    return await hub.import_telegram(
        request.path,
        bot=request.bot_id,
        exported_by=request.exported_by,
        time_zone=request.time_zone,
        **options,
    )


async def _discord(
    hub: OperatorHub, request: _Request, **options: Unpack[ImportOptions]
) -> ImportReport:
    channel = None if request.chat is None else request.chat.channel_user_id
    return await hub.import_discord(request.path, bot=request.bot_id, channel=channel, **options)


async def _whatsapp(
    hub: OperatorHub, request: _Request, **options: Unpack[ImportOptions]
) -> ImportReport:
    place = request.chat
    if request.bot_id is None or place is None or not request.accounts:
        raise Refused("a chat of WhatsApp needs --bot-id, --chat and --person NAME=CHANNEL:ID")

    return await hub.import_whatsapp(
        request.path,
        chat=Chat(place.channel, place.channel_user_id),
        bot=request.bot_id,
        people=request.accounts,
        dates=None if request.dates is None else request.dates.value,
        time_zone=request.time_zone or "UTC",
        **options,
    )


async def _openai_agents(
    hub: OperatorHub, request: _Request, **options: Unpack[ImportOptions]
) -> ImportReport:
    if not request.accounts:
        raise Refused("sessions of openai-agents need --person SESSION_ID=CHANNEL:ID")

    return await hub.import_openai_agents(
        request.path, account_of=request.accounts.get, bot_id=request.bot_id or "", **options
    )


async def _original(
    hub: OperatorHub, request: _Request, **options: Unpack[ImportOptions]
) -> ImportReport:
    events = read_original(request.path, accounts=request.accounts, bot_id=request.bot_id or "")
    return await hub.import_history(events, **options)


async def _export(
    hub: OperatorHub, request: _Request, **options: Unpack[ImportOptions]
) -> ImportReport:
    return await hub.import_export(*request.paths, of=request.of, **options)


_READERS: dict[Kind, Callable[..., Awaitable[ImportReport]]] = {
    Kind.TELEGRAM: _telegram,
    Kind.DISCORD: _discord,
    Kind.WHATSAPP: _whatsapp,
    Kind.OPENAI_AGENTS: _openai_agents,
    Kind.ORIGINAL: _original,
    Kind.EXPORT: _export,
}
