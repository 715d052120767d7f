"""The command doctor: what is wrong, why, and which command mends it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated

import typer

from session_plugin.cli.content_checks import check_content, check_secret, check_server
from session_plugin.cli.file_checks import check_backup, check_file, check_log, check_version
from session_plugin.cli.findings import Finding, trouble
from session_plugin.cli.output import one_line, print_json, print_lines, progress_bar
from session_plugin.cli.setup import Json, Setup
from session_plugin.database.opening import located
from session_plugin.errors import SessionError


def doctor(
    ctx: typer.Context,
    backup: Annotated[
        str | None, typer.Option(metavar="FILE", help="Check this backup, too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is wrong and what mends it.

    Each finding has its cause and the commands that mend it. Exit status 1 if something needs a
    hand. Nothing is changed. What the bot holds in memory only, such as which plugin fails, it
    tells in `await hub.status()` and in its log.
    """
    setup: Setup = ctx.obj
    where = located(setup.where)
    with progress_bar():
        found = list(_findings(where, setup.bot, backup))

    if as_json:
        print_json(found)
    else:
        for finding in found:
            print_lines(f"{finding.state:<13} {finding.check}: {one_line(finding.says)}")
            print_lines(*(f"{'':<14}$ {line}" for line in finding.cure))

    if any(finding.state == "needs a hand" for finding in found):
        raise typer.Exit(1)


def _findings(where: str, bot: str, backup: str | None) -> Iterator[Finding]:
    """Yield findings, from the outside in; what is wrong outside ends it, for all else may follow
    from that.
    """
    if "://" not in where:
        wrong_log = check_log(where)
        if wrong_log is not None:
            yield wrong_log
            return
        yield from check_file(where)

    version = check_version(where)
    yield version
    if backup is not None:
        yield from check_backup(where, backup)
    if version.state == "needs a hand":
        return

    if "://" in where:
        yield from check_server(where)

    secret = list(check_secret(where))
    yield from secret
    if any(finding.state == "needs a hand" for finding in secret):
        return

    try:
        yield from asyncio.run(check_content(where, bot))
    except SessionError as error:
        yield trouble("database", str(error))
