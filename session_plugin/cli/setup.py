"""What commands share: the database they are for, who is meant, and how they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from session_plugin.cli.output import one_line
from session_plugin.encryption.keys import from_environment
from session_plugin.errors import SessionError, UnknownSession
from session_plugin.hub.operator import OperatorHub
from session_plugin.model import Account, Session
from session_plugin.rules.overview import KnownPerson

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without it, only say what would be done.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]
ShowText = Annotated[
    bool, typer.Option("--show-text", help="Show what was said. This is written to the audit.")
]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="A user id, channel:id, or a name.")]
SureOf = Annotated[str, typer.Argument(metavar="PERSON", help="A user id or channel:id.")]


class Refused(SessionError):
    """This cannot be done. Nothing was changed."""


class OneLine(TyperGroup):
    """A group whose commands fail in one line, with status 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; print an error that its user can do something about."""
        try:
            return super().invoke(ctx)
        except (SessionError, ValueError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            typer.echo(f"session-plugin: {one_line(str(error))}", err=True)
            raise typer.Exit(1) from None


@dataclass(frozen=True, slots=True)
class Setup:
    """The options that all commands have."""

    database: str | None
    bot: str

    @property
    def where(self) -> str:
        """The database.

        Raises:
            typer.Exit: none was given (status 2).
        """
        if not self.database:
            typer.echo(
                "session-plugin: no database was given: session-plugin -d bot.db ..., or set "
                "SESSION_DATABASE",
                err=True,
            )
            raise typer.Exit(2)

        return self.database


def run(
    ctx: typer.Context,
    action: Callable[[OperatorHub], Awaitable[T]],
    *,
    is_new_bot_fine: bool = False,
    **settings: Any,
) -> T:
    """Open the database, do something with it, and close it."""
    setup: Setup = ctx.obj

    async def carry_out() -> T:
        keys = from_environment()
        async with OperatorHub(setup.where, bot=setup.bot, encryption=keys, **settings) as hub:
            if not is_new_bot_fine:
                check_bot(setup.bot, await hub.bots())
            return await action(hub)

    return asyncio.run(carry_out())


def check_bot(name: str, known: Sequence[str]) -> None:
    """Check that a bot has this name; say which ones there are if none was given.

    Raises:
        Refused: there are only others.
    """
    if name in known or not known:
        return

    names = ", ".join(map(repr, known))
    if name:
        raise Refused(f"no bot is called {name!r} here; --bot takes one of these: {names}")

    typer.echo(
        f"session-plugin: without --bot this is about a bot without a name, and here are: {names}",
        err=True,
    )


async def find_person(hub: OperatorHub, text: str, *, is_by_name: bool = True) -> KnownPerson:
    """Return who is meant.

    Raises:
        Refused: nobody is, several are, or only a name says who where that is not enough.
    """
    found = await hub.find_people(text)
    if not found:
        raise Refused(
            f"nobody is known as {text!r}; `session-plugin people` lists who is, and "
            "channel:id names an account"
        )

    if len(found) > 1:
        ids = ", ".join(
            f"{one.identity.user_id} ({', '.join(map(account_text, one.identity.accounts))})"
            for one in found
        )
        raise Refused(f"{len(found)} people are called {text!r}; give one of these ids: {ids}")

    (person,) = found
    texts = {person.identity.user_id, *map(account_text, person.identity.accounts)}
    if not is_by_name and text in {one.name for one in person.accounts} and text not in texts:
        raise Refused(
            f"{text!r} is a name, and anybody can take one; give the user id "
            f"{person.identity.user_id} if you mean them"
        )

    return person


async def find_account(hub: OperatorHub, text: str) -> tuple[Account, KnownPerson]:
    """Return the account that `channel:id` names, and whose it is.

    Raises:
        Refused: no known account has this name.
    """
    person = await find_person(hub, text, is_by_name=False)
    for account in person.identity.accounts:
        if account_text(account) == text:
            return account, person

    accounts = ", ".join(map(account_text, person.identity.accounts))
    raise Refused(f"{text!r} is a person with these accounts: {accounts}; give one of them")


async def find_session(hub: OperatorHub, text: str) -> Session:
    """Return the session with an id, or a person's newest one.

    Raises:
        Refused: there is none.
    """
    try:
        return (await hub.timeline(text, limit=1)).session
    except UnknownSession:
        pass

    try:
        person = await find_person(hub, text)
    except Refused as error:
        if "nobody is known" not in str(error):
            raise
        raise Refused(
            f"no session has the id {text!r}, and nobody is known by it; `session-plugin sessions` "
            "lists sessions"
        ) from error

    sessions = await hub.sessions(person.identity.user_id, limit=1)
    if not sessions:
        raise Refused(f"{text!r} has no session of their own with this bot")

    return sessions[0]


def account_text(account: Account) -> str:
    """Return how an account is written on the command line."""
    return f"{account.channel}:{account.channel_user_id}"


def to_account(text: str) -> Account:
    """Return the account that `channel:id` names, known or not.

    Raises:
        Refused: it has no such form.
    """
    channel, colon, account_id = text.rpartition(":")
    if not colon or not channel or not account_id:
        raise Refused(f"{text!r} is no account; write channel:id, for example telegram:2002")

    return Account(channel, account_id)
