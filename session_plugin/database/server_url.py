"""Our own parameters of a `postgresql://` URL, which the driver does not know.

`pooler`, `schema` and `direct_url` are settings of a hub, and travel in its URL, so that every tool
that is given the URL finds them: `postgresql://bot@host/db?pooler=transaction&schema=bot`. Knows no
driver.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from urllib.parse import quote, unquote

from session_plugin.errors import DatabaseRefused

Pooler = Literal["transaction", "session"]
"""What a pooler gives a client a connection of the server for."""

OURS = ("pooler", "schema", "direct_url", "pgbouncer")
"""Parameters that are taken out of a URL. `pgbouncer=true` is what other programs write."""

_POOLED = re.compile(
    r"\.supabase\.(?:com|co):6543\b"
    r"|-pooler\.[^,/?]*\bneon\.tech\b"
    r"|\.proxy-[^.]+\.[^.]+\.rds\.amazonaws\.com\b"
    r"|\.postgres\.database\.azure\.com:6432\b"
)
"""Hosts and ports at which Supabase, Neon, Amazon RDS and Azure offer transaction pooling."""


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """A URL, taken apart.

    `conninfo` is for the driver. `pooler` is None where the URL shows none. `schema` is empty for
    the first one on the search path. `direct` is the driver's URL of the same database without the
    pooler, or the same as `conninfo`.
    """

    conninfo: str
    pooler: Pooler | None
    schema: str
    direct: str

    @property
    def shares_sessions(self) -> bool:
        """Whether statements of one connection reach several sessions of the server, so that only
        what belongs to a transaction lasts as long as it has to.
        """
        return self.pooler == "transaction"


def read_url(url: str) -> ServerUrl:
    """Take a URL apart.

    Raises:
        DatabaseRefused: a parameter of ours has a value that makes no sense, or one of the driver's
            does not go with a pooler.
    """
    conninfo, values = _split(url)
    pooler = values.get("pooler")
    if pooler not in (None, "transaction", "session"):
        raise DatabaseRefused("a URL's pooler is transaction or session; leave it out for none")

    is_pooled = values.get("pgbouncer") == "true" or _POOLED.search(_place(conninfo)) is not None
    if pooler is None and is_pooled:
        pooler = "transaction"

    if pooler is not None and re.search(r"[?&]options=", conninfo):
        raise DatabaseRefused(
            "a pooler takes no options in the URL; write &schema=its_name instead of "
            "options=-csearch_path%3Dits_name"
        )

    direct, _ = _split(values.get("direct_url", conninfo))

    return ServerUrl(conninfo, cast("Pooler | None", pooler), values.get("schema", ""), direct)


def with_settings(
    database: str | Path, *, pooler: Pooler | None, schema: str | None, direct_url: str | None
) -> str | Path:
    """Return a database's URL with a hub's settings in it; they take precedence over its own.

    Raises:
        ValueError: the database is a file, which has none of them, or one makes no sense.
    """
    given = {"pooler": pooler, "schema": schema, "direct_url": direct_url}
    settings = {name: value for name, value in given.items() if value is not None}
    if not settings:
        return database

    names = ", ".join(settings)
    if not isinstance(database, str) or "://" not in database:
        raise ValueError(f"{names}: only a postgresql:// URL has a server")
    if pooler not in (None, "transaction", "session"):
        raise ValueError(f"pooler must be 'transaction' or 'session': {pooler!r}")
    if direct_url is not None and "://" not in direct_url:
        raise ValueError("direct_url must be a postgresql:// URL")

    conninfo, values = _split(database)
    values.update(settings)
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items())

    return f"{conninfo}{'&' if '?' in _after_user(conninfo) else '?'}{query}"


def _split(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without our parameters, and their values."""
    rest = _after_user(url)
    head, mark, query = rest.partition("?")
    parameters = query.split("&") if mark else []
    ours = [one for one in parameters if one.partition("=")[0] in OURS]
    if not ours:
        return url, {}

    left = "&".join(one for one in parameters if one not in ours)
    values = {name: unquote(value) for name, _, value in (one.partition("=") for one in ours)}

    return url[: len(url) - len(rest)] + head + (left and "?") + left, values


def _place(url: str) -> str:
    """Return the hosts and ports of a URL, in lower case."""
    return re.split(r"[/?]", _after_user(url), maxsplit=1)[0].lower()


def _after_user(url: str) -> str:
    """Return what follows the user and the password, as the driver reads it: a password may hold
    a question mark.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return scheme

    place = rest.partition("/")[0]
    return rest[place.index("@") + 1 :] if "@" in place else rest
