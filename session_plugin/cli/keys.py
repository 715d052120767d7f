"""Commands about the keys of an encrypted database: keys new, keys rotate, keys renew, keys
status.
"""

from __future__ import annotations

import secrets

import typer

from session_plugin.cli.output import print_json, print_lines, print_values, when
from session_plugin.cli.setup import Json, Setup, run
from session_plugin.database.existing import schema_version
from session_plugin.database.opening import located
from session_plugin.encryption.keys import Keys, OpenKeys


def new(as_json: Json = False) -> None:
    """Make a master key.

    It is printed and stored nowhere. Keep it where your secrets are, and give it to the bot as
    SESSION_KEY. If it is lost, what is sealed is lost.
    """
    key = secrets.token_hex(32)
    if as_json:
        print_json({"key": key})
    else:
        print_lines(key)


def rotate(ctx: typer.Context, as_json: Json = False) -> None:
    """Wrap the keys with a new master key.

    SESSION_KEY is the new one, SESSION_KEY_PREVIOUS the old one. The bot does so itself when it
    starts with both. No message is touched.
    """
    opened = _open(ctx)
    opened.close()
    if as_json:
        print_json({"store": opened.name, "rewrapped": opened.rewrapped})
    elif opened.rewrapped:
        print_lines(
            f"{opened.rewrapped} keys in {opened.name} were wrapped with the new master key; start "
            "the bot with it"
        )
    else:
        print_lines(f"the keys in {opened.name} are wrapped with this master key already")


def renew(ctx: typer.Context, as_json: Json = False) -> None:
    """Seal what is written from now on with new keys for everybody.

    What is stored stays readable with the old keys, which go with what they seal. Do so if somebody
    may have had a copy of the key store and the master key; rotate the master key first.
    """
    renewed = run(ctx, lambda hub: hub.renew_keys())
    if as_json:
        print_json({"renewed": renewed})
    else:
        print_lines(f"{renewed} keys are replaced as people write")


def status(ctx: typer.Context, as_json: Json = False) -> None:
    """Show where the keys are, and how much is sealed.

    It fails if the master key or the key store is another one.
    """
    opened = _open(ctx)
    opened.close()
    found = run(ctx, lambda hub: hub.status()).encryption
    if as_json:
        print_json({"store": opened.name, "encryption": found})
        return

    shown: dict[str, object] = {"key store": opened.name}
    if found is None:
        shown["state"] = "nothing is sealed"
    else:
        shown |= {
            "state": found.state,
            "sealed messages": f"{found.sealed_messages} of {found.messages}",
            "keys": found.keys,
            "keys to destroy": found.keys_to_destroy,
            "destroying since": when(found.destroying_since),
        }
    print_values(shown)


def _open(ctx: typer.Context) -> OpenKeys:
    setup: Setup = ctx.obj
    where = located(setup.where)
    schema_version(where)  # refuses what is no database of ours
    return Keys().open(where, may_create=False)
