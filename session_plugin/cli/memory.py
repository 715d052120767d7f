"""Commands about memory over time: consolidate, undo-consolidation, pin, decay, erase."""

from __future__ import annotations

from typing import Annotated

import typer

from session_plugin.cli.output import print_json, print_lines, print_table, progress_bar
from session_plugin.cli.setup import Json, Refused, Yes, run
from session_plugin.hub.operator import OperatorHub

SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="A session id.")]


def consolidate(
    ctx: typer.Context,
    session_id: SessionId,
    threshold: Annotated[
        int, typer.Option(min=2, help="The bot's own consolidation_threshold.")
    ] = 100,
    as_json: Json = False,
) -> None:
    """Summarise the older half of a session.

    The summary is a digest without a model: the bot's summariser is in the bot. The messages stay
    readable.
    """

    async def carry_out(hub: OperatorHub) -> bool:
        with progress_bar() as show:
            return await hub.consolidate(session_id, progress=show) is not None

    is_done = run(ctx, carry_out, consolidation_threshold=threshold)
    if as_json:
        print_json({"session_id": session_id, "is_done": is_done})
    else:
        print_lines(
            "a summary was made"
            if is_done
            else f"nothing was done: {threshold // 2} unconsolidated messages or fewer, or another "
            "process is at it"
        )


def undo_consolidation(ctx: typer.Context, session_id: SessionId, as_json: Json = False) -> None:
    """Take back a session's newest summary.

    The messages under it count again.
    """
    is_done = run(ctx, lambda hub: hub.undo_consolidation(session_id))
    if as_json:
        print_json({"session_id": session_id, "is_done": is_done})
    else:
        print_lines("the summary was taken back" if is_done else "there is no summary")


def pin(
    ctx: typer.Context,
    session_id: SessionId,
    off: Annotated[bool, typer.Option("--off", help="No longer.")] = False,
    as_json: Json = False,
) -> None:
    """Keep a session from retention.

    Its people can still have it erased.
    """
    run(ctx, lambda hub: hub.pin(session_id, is_pinned=not off))
    if as_json:
        print_json({"session_id": session_id, "is_pinned": not off})
    else:
        print_lines("unpinned" if off else "pinned")


def decay(
    ctx: typer.Context,
    retention_days: Annotated[
        float, typer.Option(min=0, help="The bot's own retention_days, for all chats.")
    ],
    yes: Yes = False,
    confirm_clock: Annotated[
        bool, typer.Option("--confirm-clock", help="The clock is right, so go on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove messages past their retention.

    The bot does this itself, by its own settings, also by channel and kind of chat.
    """

    async def carry_out(hub: OperatorHub) -> object:
        with progress_bar() as show:
            return await hub.decay(dry_run=not yes, confirm_clock=confirm_clock, progress=show)

    report = run(ctx, carry_out, retention_days=retention_days)
    is_held = bool(getattr(report, "is_held", False))
    if as_json:
        print_json(report)
    elif not is_held:
        rows = [
            (part.channel, part.kind, part.messages, part.tombstones)
            for part in getattr(report, "parts", ())
        ]
        print_table(("channel", "kind", "messages", "tombstones"), rows)
        print_lines("removed" if yes else "nothing was changed; with --yes this is removed")

    if is_held:
        raise Refused(
            "nothing was removed: the clock may be wrong. If it is right: session-plugin "
            "confirm-clock"
        )


def confirm_clock(ctx: typer.Context, as_json: Json = False) -> None:
    """Say that the clock is right.

    The bot removes again what is past its retention.
    """
    run(ctx, lambda hub: hub.decay(confirm_clock=True))
    if as_json:
        print_json({"is_confirmed": True})
    else:
        print_lines("the clock is believed")


def erase(ctx: typer.Context, as_json: Json = False) -> None:
    """Rewrite an SQLite file now.

    No byte of deleted messages is left in it then. Nobody can write meanwhile. The bot does this
    itself, at most once an hour.
    """
    with progress_bar():
        is_done = run(ctx, lambda hub: hub.erase())

    if as_json:
        print_json({"is_done": is_done})
    elif is_done:
        print_lines("no byte is left")

    if not is_done:
        raise Refused("another process reads the file just now; try again, or stop the bot first")
