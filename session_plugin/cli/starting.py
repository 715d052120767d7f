"""Commands that start something: init writes a first bot, inspect opens the pages to look at."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from session_plugin.cli.output import print_json, print_lines
from session_plugin.cli.setup import Json, Refused, Setup
from session_plugin.database.existing import schema_version
from session_plugin.inspector import serve

TEMPLATES = Path(__file__).with_name("templates")


class Platform(StrEnum):
    """What the first bot runs on."""

    DISCORD = "discord"
    TELEGRAM = "telegram"
    BOTH = "both"


NEEDS = {
    Platform.DISCORD: ("discord", ("DISCORD_TOKEN",)),
    Platform.TELEGRAM: ("telegram", ("TELEGRAM_TOKEN",)),
    Platform.BOTH: ("discord,telegram", ("DISCORD_TOKEN", "TELEGRAM_TOKEN")),
}
"""For each: the extras, and the tokens."""


def init(
    platform: Annotated[Platform, typer.Argument(metavar="PLATFORM", help=", ".join(Platform))],
    path: Annotated[
        Path, typer.Option(metavar="FILE", help="Where; nothing may be there yet.")
    ] = Path("bot.py"),
    as_json: Json = False,
) -> None:
    """Write a first bot, ready to run."""
    text = (TEMPLATES / f"{platform.value}.py").read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise Refused(
            f"{path} exists already; it was left as it is. Give another --path."
        ) from error
    except OSError as error:
        raise Refused(f"{path} cannot be created: {error.strerror}") from error

    extras, tokens = NEEDS[platform]
    steps = [
        f"pip install 'session-plugin[{extras}]'",
        f"{' '.join(f'{token}=...' for token in tokens)} python {path}",
    ]
    if as_json:
        print_json({"path": str(path.absolute()), "next": steps})
    else:
        print_lines(f"{path} was written; next:", *(f"  {step}" for step in steps))


def inspect(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Show what people wrote; noted in the audit.")
    ] = False,
) -> None:
    """Look at the database with a browser.

    The pages are served on this machine only.
    """
    setup: Setup = ctx.obj
    where = setup.where
    schema_version(where)
    try:
        serve(where, port=port, show_text=show_text)
    except (ImportError, OSError) as error:
        raise Refused(f"inspect cannot start: {error}") from error
