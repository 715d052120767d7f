"""Keys: how a hub is told where its keys are, and the keys once they are open."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from session_plugin.database.opening import check_scheme, located, needs_psycopg
from session_plugin.database.server_url import read_url
from session_plugin.database.sqlite_file import MEMORY
from session_plugin.encryption.master import (
    ENVIRONMENT,
    FILE_ENVIRONMENT,
    FORM,
    PREVIOUS_ENVIRONMENT,
    Master,
    MasterKeys,
    check_master,
    cipher,
    in_environment,
    read_master,
)
from session_plugin.encryption.patience import PatientStore, patient_function
from session_plugin.encryption.sqlite_store import SqliteKeyStore
from session_plugin.encryption.stores import KEY_BYTES, KeyStore
from session_plugin.errors import DatabaseRefused
from session_plugin.logs import FieldLogger

if TYPE_CHECKING:
    from session_plugin.encryption.postgresql_store import PostgresqlKeyStore

STORE_ENVIRONMENT = "SESSION_KEY_STORE"
SUFFIX = ".keys"
"""The end of the name of the key store's file, which lies next to its database by default."""
METHODS = ("create", "unwrap", "destroy", "rewrap")

logger = FieldLogger("session_plugin.encryption")


class Keys:
    """Seal what people say, with a key for each person, in what a hub or store keeps.

    The keys live in a key store, wrapped with a master key. Somebody who has the database, but not
    both of these, reads ids, times and counts, and no words. To forget a person destroys their
    keys, so that old backups of the database do not tell their words either.

    Back the key store up apart from the database, and keep those backups for days only: one that
    has a destroyed key opens the words again, in a backup of the database of that time.

    Args:
        master: The master key, 32 random bytes: as 64 hex digits or base64, as bytes, as the
            `pathlib.Path` of a file that holds it, or as a function without arguments that returns
            it, for a key management service; it is called at opening, on a thread that may block,
            and given up after ten seconds.
            None: what the environment's SESSION_KEY says, or the file that SESSION_KEY_FILE names.
            To make one, run `python -c "import secrets; print(secrets.token_hex(32))"`.
        previous: Earlier master keys, in the same forms. Keys that are wrapped with one of them are
            wrapped with `master` when the store is opened. If `master` comes from the environment,
            SESSION_KEY_PREVIOUS is one of them.
        store: Where the keys are: the path of an SQLite file; a `postgresql://` URL with `?schema=`
            that names a schema of their own; or an object with the methods of `KeyStore`, which
            takes no master key. None: what the environment's SESSION_KEY_STORE says; without it,
            for an SQLite database, a file next to it whose name ends in `.keys`. PostgreSQL needs
            one.
        is_on: False opens again what is sealed, piece by piece, and seals nothing any more.

    Raises:
        TypeError: an argument is of another type.
        ValueError: text or bytes are not a key, or a master key is given for a store of your own.
        SessionError: cryptography is not installed.

    Example:
        keys = Keys(secrets.token_hex(32), store="/var/lib/bot-keys/bot.keys")
    """

    def __init__(
        self,
        master: Master | None = None,
        *,
        previous: Iterable[Master] = (),
        store: str | Path | KeyStore | None = None,
        is_on: bool = True,
    ) -> None:
        """Check what can be checked; nothing is read or opened yet."""
        self._master, self._previous = master, tuple(previous)
        self._store: str | Path | PatientStore | None
        self.is_on = is_on
        """Whether what is stored is sealed, or opened again."""

        if master is not None:
            check_master("master", master)
        for number, earlier in enumerate(self._previous):
            check_master(f"previous[{number}]", earlier)

        self._master = None if master is None else _patient(master)
        self._previous = tuple(map(_patient, self._previous))

        if store is None or isinstance(store, str | Path):
            self._store, self._name = store, ""
        else:
            _check_store(store)
            self._store, self._name = PatientStore(store), type(store).__name__
            if master is not None or self._previous:
                raise ValueError(
                    "a key store of your own protects its keys itself: leave out master and "
                    "previous"
                )

        cipher(secrets.token_bytes(KEY_BYTES))  # says how to get it where it is missing

    def open(self, database: str, *, may_create: bool = True) -> OpenKeys:
        """Find the master key and open the store; for use on a thread that may block.

        Args:
            database: Whose keys they are: an absolute path, `":memory:"` or a URL.
            may_create: Create the store if it is missing; False where something is sealed already.

        Raises:
            DatabaseRefused: there is no master key, or the keys are wrapped with another one, or
                the store cannot be used.
            DatabaseUnavailable: the master key or the store cannot be reached at the moment.
        """
        store = self._store
        if isinstance(store, PatientStore):
            opened = OpenKeys(store, self._name, is_on=self.is_on)
        else:
            where = _place(store or os.environ.get(STORE_ENVIRONMENT), database)
            masters = self._masters(database)
            made = _open_store(where, masters, may_create=may_create)
            opened = OpenKeys(made, made.name, is_on=self.is_on, close=made.close)

        try:
            count = opened.store.rewrap()
        except BaseException:
            opened.close()
            raise

        if count:
            logger.info(
                "keys were wrapped with a new master key: %(keys)d, in %(store)s",
                keys=count,
                store=opened.name,
            )

        return replace(opened, rewrapped=count)

    def _masters(self, database: str) -> MasterKeys:
        given = in_environment() if self._master is None else self._master
        if given is None and database == MEMORY:
            given = secrets.token_bytes(KEY_BYTES)
        if given is None:
            raise DatabaseRefused(
                f"there is no master key: set {ENVIRONMENT}, or {FILE_ENVIRONMENT} to the path of "
                f"its file, or give Keys(master); {FORM}"
            )

        earlier = list(self._previous)
        if self._master is None and (replaced := os.environ.get(PREVIOUS_ENVIRONMENT)):
            earlier.append(replaced)

        previous = [read_master(each, database=database) for each in earlier]
        return MasterKeys(read_master(given, database=database), previous)


@dataclass(frozen=True, slots=True)
class OpenKeys:
    """The keys of a database, until they are closed."""

    store: KeyStore
    name: str
    """Names the store in errors and logs; contains no password."""
    is_on: bool
    """Whether what is stored is sealed, or opened again."""
    close: Callable[[], None] = lambda: None
    """Close what was opened; a store of the author's own stays as it is."""
    rewrapped: int = 0
    """Keys that were wrapped with another master key until now."""


def from_environment() -> Keys | None:
    """Return the keys that the environment names, for tools; None if it names none."""
    return None if in_environment() is None else Keys()


def _patient(master: Master) -> Master:
    """Return a master key that is not waited for without end."""
    return master if isinstance(master, str | bytes | Path) else patient_function(master)


def _check_store(store: object) -> None:
    missing = [name for name in METHODS if not callable(getattr(store, name, None))]
    if missing:
        raise TypeError(
            "store must be a path, a postgresql:// URL or an object with the methods of KeyStore; "
            f"{type(store).__name__} has no {' and no '.join(missing)}"
        )


def _place(store: str | Path | None, database: str) -> str:
    """Return the absolute path or the URL of a store.

    Raises:
        DatabaseRefused: there is no default for this database, or it would be the database itself.
    """
    if store is None:
        if "://" in database:
            raise DatabaseRefused(
                "on PostgreSQL a key store has to be named, because copies of the database must "
                'not have the keys: Keys(store="postgresql://...?schema=its_name") for another '
                'schema or database, or Keys(store="/path/of/bot.keys") for a file; or set '
                "SESSION_KEY_STORE to one of them"
            )
        return MEMORY if database == MEMORY else f"{database}{SUFFIX}"

    where = located(store)
    if where == MEMORY and database != MEMORY:
        raise DatabaseRefused("keys in memory would be lost with the process; give another store")

    is_same = where == database != MEMORY
    if not is_same and "://" in where and "://" in database:
        is_same = _is_same_schema(where, database)
    elif not is_same and "://" not in where:
        is_same = where != MEMORY and Path(where).resolve() == Path(database).resolve()
    if is_same:
        raise DatabaseRefused(
            "the key store would be in its own database, whose copies must not have the keys; give "
            "another path, or ?schema=another_schema"
        )

    return where


def _is_same_schema(one: str, other: str) -> bool:
    with needs_psycopg():
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - optional
    from session_plugin.database.postgresql_schema import shown_url  # noqa: PLC0415 - optional

    def place(url: str) -> tuple[object, ...]:
        server = read_url(url)
        options = conninfo_to_dict(server.conninfo).get("options")
        return shown_url(url), server.schema, options

    return place(one) == place(other)


def _open_store(
    where: str, masters: MasterKeys, *, may_create: bool
) -> SqliteKeyStore | PostgresqlKeyStore:
    if "://" not in where:
        return SqliteKeyStore(where, masters, may_create=may_create)

    check_scheme(where)
    with needs_psycopg():
        from session_plugin.encryption.postgresql_store import (  # noqa: PLC0415 - optional
            PostgresqlKeyStore,
        )

    return PostgresqlKeyStore(where, masters, may_create=may_create)
