"""Refuse a database whose hashes need another secret than the one that is there.

A new secret in place of a lost one would break promises in silence: what forgotten people wrote
would be stored when it is delivered again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from session_plugin.database.engine import Engine
from session_plugin.database.existing import schema_version
from session_plugin.database.opening import open_engine
from session_plugin.errors import DatabaseRefused, SessionError
from session_plugin.logs import FieldLogger
from session_plugin.records.people import secret_use
from session_plugin.records.people.secret_use import SecretUse
from session_plugin.secret import ENVIRONMENT, UNKEYED, Secret

logger = FieldLogger("session_plugin.hub")


def secret_check(secret: Secret, *, clock: Callable[[], float]) -> Callable[[Engine], None]:
    """Return what checks each engine that is opened, before anybody uses it.

    Raises, when it is called:
        DatabaseRefused: hashes in the database rest on another secret.
    """
    return partial(_check, secret, clock)


def _check(secret: Secret, clock: Callable[[], float], engine: Engine) -> None:
    used = engine.read(secret_use.find, now=clock()).result()
    if used.fingerprint is None:
        return

    try:
        fingerprint = secret.fingerprint(may_make=False)
    except SessionError:
        return  # it cannot be read; whatever needs it says so

    if fingerprint == used.fingerprint:
        return

    if not _must_refuse(secret, used):
        engine.write_patiently(secret_use.drop_fingerprint)
        return

    raise DatabaseRefused(
        _message(secret, used, database=engine.url, is_missing=fingerprint is None)
    )


def _must_refuse(secret: Secret, used: SecretUse) -> bool:
    """Check whether anything rests on the secret that was used, and warn of what is given up."""
    if used.fingerprint == UNKEYED and secret.is_given:
        if used.accounts or used.messages:
            logger.warning(
                "who was forgotten before there was a secret (%(records)s) is not "
                "recognised any more",
                records=_counted(used),
            )
        return False

    if secret.is_given and used.codes and not (used.accounts or used.messages):
        logger.warning(
            "link codes that were made with another secret do not work any more: %(codes)d",
            codes=used.codes,
        )
        return False

    return bool(used.accounts or used.messages or used.codes)


def _message(secret: Secret, used: SecretUse, *, database: str, is_missing: bool) -> str:
    if secret.is_given:
        what = f"the secret that was given (secret= or {ENVIRONMENT}) is not the one of {database}"
    elif secret.file is None:
        what = f"{database} was used with a secret, and none is given (secret= or {ENVIRONMENT})"
    elif is_missing:
        what = f"{database} was used with a secret, and {secret.file} is missing"
    else:
        what = f"{secret.file} is not the secret of {database}"

    return (
        f"{what}. These rest on it: {_counted(used)}. With another one, what forgotten people "
        "wrote would be stored when it is delivered again, and link codes would not work. Put the "
        f"secret back: its file, secret= or {ENVIRONMENT}. If it is lost for good, "
        "session_plugin.accept_lost_secret(database) gives up what rests on it."
    )


def _counted(used: SecretUse) -> str:
    return (
        f"forgotten accounts: {used.accounts}, messages of theirs: {used.messages}, "
        f"link codes: {used.codes}"
    )


def accept_lost_secret(database: str | Path) -> None:
    """Give up what rests on a secret that is lost, so that a hub opens with another one.

    Deletes the hashes of forgotten accounts and messages, and link codes. If a platform delivers
    old messages of forgotten people again, they will be stored. Put the secret back instead if you
    have it.

    Args:
        database: A path or a `postgresql://` URL; no hub needs to be stopped.

    Raises:
        DatabaseRefused: the database may not be used.
        DatabaseUnavailable: it does not exist, or cannot be written at the moment.

    Example:
        accept_lost_secret("bot.db")
    """
    schema_version(database)  # refuses what opening would create

    engine = open_engine(database)
    try:
        lost = engine.write(secret_use.drop_hashes).result()
        logger.warning(
            "a lost secret of %(database)s was given up: %(records)s",
            database=engine.url,
            records=_counted(lost),
        )
    finally:
        engine.close()
