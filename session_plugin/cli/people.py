"""Commands about people: link, unlink, forget, export."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from session_plugin.cli.looking import person_json
from session_plugin.cli.output import print_json, print_lines, print_values, progress_bar
from session_plugin.cli.setup import (
    Json,
    Refused,
    SureOf,
    Yes,
    account_text,
    find_account,
    find_person,
    run,
)
from session_plugin.database.opening import located
from session_plugin.hub.operator import OperatorHub
from session_plugin.model import Receipt
from session_plugin.secret import ENVIRONMENT, Secret

AccountText = Annotated[str, typer.Argument(metavar="ACCOUNT", help="channel:id")]


def link(
    ctx: typer.Context,
    one: AccountText,
    other: AccountText,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make one person of two accounts.

    You answer for it that both are one person; people prove it themselves with /link. All their
    accounts are notified. For 24 hours neither side can erase or export what the other brought.
    """

    async def carry_out(hub: OperatorHub) -> dict[str, Any]:
        first, first_person = await find_account(hub, one)
        second, second_person = await find_account(hub, other)
        before = [person_json(first_person), person_json(second_person)]
        is_one = first_person.identity.user_id == second_person.identity.user_id
        if is_one or not yes:
            return {"is_done": False, "is_one_person": is_one, "people": before}

        identity = await hub.link_known(first, second)
        (now,) = await hub.find_people(identity.user_id)
        return {"is_done": True, "is_one_person": True, "people": [person_json(now)]}

    _print_people(run(ctx, carry_out), as_json=as_json, would="would be one person")


def unlink(
    ctx: typer.Context, account: AccountText, yes: Yes = False, as_json: Json = False
) -> None:
    """Take an account out of its person.

    Each side keeps exactly what was said there.
    """

    async def carry_out(hub: OperatorHub) -> dict[str, Any]:
        found, person = await find_account(hub, account)
        if len(person.identity.accounts) < 2:
            raise Refused(f"{account} is not linked with any other account")
        if not yes:
            return {"is_done": False, "is_one_person": True, "people": [person_json(person)]}

        others = [one for one in person.identity.accounts if one != found]
        await hub.unlink(found)
        now = [await find_person(hub, account_text(one)) for one in (found, others[0])]
        return {
            "is_done": True,
            "is_one_person": False,
            "people": [person_json(one) for one in now],
        }

    _print_people(run(ctx, carry_out), as_json=as_json, would=f"{account} would leave")


def _print_people(done: dict[str, Any], *, as_json: bool, would: str) -> None:
    if as_json:
        print_json(done)
        return

    for person in done["people"]:
        accounts = ", ".join(
            f"{one['channel']}:{one['id']} {one['name']!r}" for one in person["accounts"]
        )
        print_values({person["user_id"]: accounts})
    if done["is_done"]:
        print_lines("done")
    elif done["is_one_person"] and len(done["people"]) == 2:
        print_lines("these are one person already")
    else:
        print_lines(f"{would}; nothing was changed. With --yes it is done.")


def forget(
    ctx: typer.Context,
    who: SureOf,
    yes: Yes = False,
    at_once: Annotated[
        bool,
        typer.Option("--at-once", help="Rewrite an SQLite file now, although the bot waits."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Erase everything about a person.

    Messages, summaries, sessions and links go, over all accounts and bots. Plugins of the bot are
    not notified, so delete yourself what they keep of the person. The summaries of groups are made
    again by the bot.
    """

    async def carry_out(hub: OperatorHub) -> Receipt:
        person = await find_person(hub, who, is_by_name=False)
        user_id = person.identity.user_id
        return await (hub.forget(user_id, at_once=at_once) if yes else hub.count_to_forget(user_id))

    with progress_bar():
        receipt = run(ctx, carry_out)

    _warn_without_secret(ctx.obj.where)
    if as_json:
        print_json(receipt)
    else:
        counts = {
            name.replace("_", " "): getattr(receipt, name)
            for name in Receipt.__slots__
            if not name.startswith(("is_", "pending"))
        }
        print_values(counts)
        if receipt.is_dry_run:
            print_lines("nothing was changed; with --yes this is erased")
        elif receipt.is_pending:
            print_lines(
                "erased from the tables; the last bytes leave the file when the bot rewrites it, "
                "or now with: session-plugin erase"
            )
        elif receipt.keys:
            print_lines(
                "erased: the keys are destroyed, and nobody can read what they sealed; ids and "
                "times leave the file at a quiet time, or now with: session-plugin erase"
            )
        else:
            print_lines("erased, to the last byte")


def _warn_without_secret(where: str) -> None:
    """Say that no secret is here: with another one than the bot's, nobody forgotten is known."""
    secret = Secret(None, database=located(where), may_make=False)
    if not secret.is_given and (secret.file is None or not secret.file.exists()):
        typer.echo(
            f"session-plugin: {ENVIRONMENT} is not set here. If the bot has one, set the same: "
            "otherwise messages of forgotten people are stored when they are delivered again.",
            err=True,
        )


def export(
    ctx: typer.Context,
    who: SureOf,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where; nothing may be there yet.")],
    as_json: Json = False,
) -> None:
    """Write everything about a person to a file.

    The file has JSON lines, and only its owner can read it.
    """

    async def carry_out(hub: OperatorHub) -> int:
        person = await find_person(hub, who, is_by_name=False)
        count = 0
        with _new_file(path) as file:
            async for line in hub.export(person.identity.user_id):
                file.write(json.dumps(line) + "\n")
                count += 1
        return count

    with progress_bar():
        count = run(ctx, carry_out)

    if as_json:
        print_json({"path": str(path.absolute()), "lines": count})
    else:
        print_lines(f"{count} lines were written to {path}")


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """Create a file that only its owner can read; remove it if it cannot be written to its end."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise Refused(f"{path} exists already; it was left as it is. Give another path.") from error
    except OSError as error:
        raise Refused(f"{path} cannot be created: {error.strerror}") from error

    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
