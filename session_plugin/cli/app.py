"""The application: its options, and which command is where."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer

from session_plugin.cli import checking, files, importing, keys, looking, memory, people, starting
from session_plugin.cli.setup import OneLine, Setup

COMMANDS: dict[str, tuple[tuple[str, Callable[..., Any]], ...]] = {
    "Look": (
        ("status", looking.status),
        ("doctor", checking.doctor),
        ("people", looking.people),
        ("sessions", looking.sessions),
        ("show", looking.show),
        ("search", looking.search),
        ("inspect", starting.inspect),
    ),
    "People": (
        ("link", people.link),
        ("unlink", people.unlink),
        ("forget", people.forget),
        ("export", people.export),
    ),
    "Memory": (
        ("consolidate", memory.consolidate),
        ("undo-consolidation", memory.undo_consolidation),
        ("pin", memory.pin),
        ("decay", memory.decay),
        ("erase", memory.erase),
        ("confirm-clock", memory.confirm_clock),
    ),
    "Databases": (
        ("backup", files.backup),
        ("restore", files.restore),
        ("copy", files.copy),
        ("import", importing.import_file),
        ("upgrade", files.upgrade),
        ("distribute", files.distribute),
        ("accept-lost-secret", files.accept_secret),
    ),
    "Keys": (
        ("keys new", keys.new),
        ("keys rotate", keys.rotate),
        ("keys renew", keys.renew),
        ("keys status", keys.status),
    ),
    "Start": (("init", starting.init),),
}
"""Commands by group, in the order of the help; `keys new` is a command of the group `keys`."""

app = typer.Typer(
    cls=OneLine,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"session-plugin {version('session-plugin')}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    database: Annotated[
        str | None,
        typer.Option(
            "-d",
            "--database",
            metavar="PATH|URL",
            envvar="SESSION_DATABASE",
            show_envvar=False,
            help="The bot's database: a file, or postgresql://... (SESSION_DATABASE).",
        ),
    ] = None,
    bot: Annotated[
        str, typer.Option(metavar="NAME", help="Which bot, if several share the database.")
    ] = "",
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Look after the conversations of a bot that uses session_plugin.

    Commands may run next to the bot. Give them the same SESSION_SECRET as the bot has. What a
    command would delete or join is shown first and done with --yes. Texts of messages are shown
    with --show-text only, which is written to the audit. For an encrypted database set SESSION_KEY
    or SESSION_KEY_FILE, and SESSION_KEY_STORE if its key store is not next to it.

    Exit status: 0 if all is well, 1 if something was refused or needs a hand, 2 for wrong usage.
    """
    ctx.obj = Setup(database=database, bot=bot)


of_keys = typer.Typer(
    help="Make a master key, replace it, and see what is sealed.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(of_keys, name="keys", no_args_is_help=True)

for _commands in COMMANDS.values():
    for _name, _command in _commands:
        _group, _, _of_group = _name.rpartition(" ")
        (of_keys if _group else app).command(_of_group)(_command)
