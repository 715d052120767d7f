"""Commands about whole databases: backup, restore, copy, upgrade, distribute,
accept-lost-secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from session_plugin.cli.output import print_json, print_lines, progress_bar
from session_plugin.cli.setup import Json, Refused, Setup, Yes
from session_plugin.database.copying import copy_database
from session_plugin.database.distributing import DISTRIBUTED, distribute_database
from session_plugin.database.existing import schema_version, shown
from session_plugin.database.opening import open_engine
from session_plugin.database.restoring import check_restore, restore_database
from session_plugin.database.sqlite_file import SECRET
from session_plugin.hub.secret_check import accept_lost_secret

Target = Annotated[str, typer.Argument(metavar="FILE", help="Where; nothing may be there yet.")]


def backup(ctx: typer.Context, path: Target, as_json: Json = False) -> None:
    """Copy everything to a file, while the bot runs.

    The copy is a new SQLite file. The secret is not in it; keep a backup of that elsewhere.
    """
    _copy(ctx, path, as_json=as_json, is_file=True)


def copy(
    ctx: typer.Context,
    target: Annotated[
        str, typer.Argument(metavar="FILE|URL", help="A new file, or an empty PostgreSQL schema.")
    ],
    as_json: Json = False,
) -> None:
    """Copy to a new file, or to PostgreSQL.

    Stop the bot if you want to move it. What the bot writes meanwhile is not in the copy. The new
    one needs the same secret.
    """
    _copy(ctx, target, as_json=as_json, is_file=False)


def _copy(ctx: typer.Context, target: str, *, as_json: bool, is_file: bool) -> None:
    setup: Setup = ctx.obj
    if is_file and "://" in target:
        raise Refused("a backup is a file; session-plugin copy takes a URL")

    version = schema_version(setup.where)
    with progress_bar() as show:
        report = copy_database(setup.where, target, progress=show)

    if as_json:
        ways = {"from": shown(setup.where), "to": shown(target)}
        print_json({**ways, "schema": version, "rows": report.rows})
    else:
        kinds = ("users", "sessions", "messages", "summaries")
        counts = ", ".join(f"{getattr(report, kind)} {kind}" for kind in kinds)
        print_lines(f"copied to {shown(target)}: {counts}")


def restore(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="BACKUP", help="A file made by backup or copy.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the database's place.

    Stop the bot before. The backup is checked. What was there is moved aside, with its log and a
    copy of its secret.
    """
    setup: Setup = ctx.obj
    where = setup.where
    schema_version(source)
    if "://" in where:
        raise Refused("restore puts a file in place; use session-plugin copy for PostgreSQL")

    lies_there = [f"{where}{end}" for end in ("", "-wal", "-shm", SECRET)]
    moved = [name for name in lies_there if Path(name).exists()]
    if yes:
        with progress_bar():
            moved = [str(path) for path in restore_database(source, where)]
    else:
        check_restore(source, where)

    if as_json:
        print_json({"is_done": yes, "from": source, "to": where, "moved_aside": moved})
        return

    for name in moved:
        print_lines(f"moved aside: {name}" if yes else f"would be moved aside: {name}")
    has_secret = Path(f"{source}{SECRET}").exists()
    print_lines(
        f"the secret is the one next to the {'backup' if has_secret else 'database'}",
        f"{where} is the backup now; the bot's next start checks its secret"
        if yes
        else "nothing was changed; with --yes the backup is put in place",
    )


def upgrade(ctx: typer.Context, as_json: Json = False) -> None:
    """Bring an older database up to date.

    Stop the bot, and make a backup before.
    """
    setup: Setup = ctx.obj
    before = schema_version(setup.where)
    with progress_bar():
        open_engine(setup.where).close()
    after = schema_version(setup.where)

    if as_json:
        print_json({"from": before, "to": after})
    else:
        print_lines(f"schema {before} was brought to {after}" if after > before else "up to date")


def distribute(
    ctx: typer.Context,
    shards: Annotated[
        int, typer.Option(min=1, max=1024, help="Pieces of each table that is spread.")
    ] = 8,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Spread messages over the servers of a Citus cluster.

    Stop the bots, and make a backup before. The database is the coordinator's URL. What is spread
    already stays as it is.
    """
    setup: Setup = ctx.obj
    schema_version(setup.where)
    done = distribute_database(setup.where, shards=shards) if yes else None
    if as_json:
        print_json({"is_done": yes, "distribution": done})
    elif done is None:
        print_lines(
            f"would be spread by chat: {', '.join(DISTRIBUTED)}",
            "nothing was changed; with --yes this is done",
        )
    else:
        print_lines(
            *(f"spread in {done.shards} shards: {table}" for table in done.distributed),
            *(f"dropped, since it would go to the coordinator: {key}" for key in done.references),
        )
        if not done.distributed:
            print_lines(f"all were spread already, in {done.shards} shards")


def accept_secret(ctx: typer.Context, yes: Yes = False, as_json: Json = False) -> None:
    """Give up what rests on a lost secret.

    The bot starts with another one then. Old messages of forgotten people would be stored if a
    platform delivered them again. If you have a copy of the secret, put that back instead.
    """
    setup: Setup = ctx.obj
    schema_version(setup.where)
    if yes:
        accept_lost_secret(setup.where)

    if as_json:
        print_json({"is_done": yes})
    else:
        print_lines("given up" if yes else "nothing was changed; with --yes this is given up")
