"""A server that is promoted, or made read-only, under traffic; and standbys that nobody writes to."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from session_plugin import DatabaseRefused, DatabaseUnavailable, SessionHub, SessionStore
from session_plugin.database.opening import open_engine
from session_plugin.database.server_url import with_settings

psycopg = pytest.importorskip("psycopg")
PATIENCE = 0.5


def both(first: Any, second: Any, schema: str) -> str:
    """Give the URL of two servers."""
    place = f"127.0.0.1:{first.port}"
    url = str(first.url()).replace(place, f"{place},127.0.0.1:{second.port}")
    return str(with_settings(url, pooler=None, schema=schema, direct_url=None))


def test_a_standby_is_refused_with_the_reason(cluster, standby):
    with pytest.raises(DatabaseRefused, match="is a standby"):
        SessionStore(standby.url())


def test_a_standby_that_comes_first_among_the_hosts_is_passed_over(cluster, standby):
    cluster.with_schema("of_hosts")
    with SessionStore(both(standby, cluster, "of_hosts")) as store:
        store.save_message(store.get_or_create("ann").session_id, "user", "hi")


def test_nothing_is_read_from_a_standby_to_which_a_pooler_leads(cluster, standby, pooling_before):
    """As it may after a switch that the pooler has not noticed."""
    cluster.with_schema("of_pooled_standby")
    pooler = pooling_before(standby)
    pooled = f"{pooler.url('of_pooled_standby')}&target_session_attrs=any"
    url = with_settings(pooled, pooler=None, schema=None, direct_url=cluster.url())
    engine = open_engine(url, busy_timeout=0.1)
    with pytest.raises(DatabaseUnavailable, match="has become read-only"):
        engine.read(lambda tx: tx.all("user_by_id", user_id="ann")).result(30)
    engine.close(0.1)


async def test_a_server_that_is_made_read_only_is_waited_for(cluster, traffic):
    cluster.with_schema("of_read_only")

    def make_read_only() -> None:
        cluster.set("default_transaction_read_only", "on")
        threading.Timer(1.0, cluster.set, ("default_transaction_read_only", "off")).start()
        time.sleep(1.2)

    url = with_settings(cluster.url(), pooler=None, schema="of_read_only", direct_url=None)
    seen = await traffic(url, [make_read_only])
    assert seen.failed == []


async def test_a_server_that_takes_no_writes_is_refused_at_opening(cluster):
    cluster.set("default_transaction_read_only", "on")
    try:
        with pytest.raises(DatabaseRefused, match="default_transaction_read_only is on"):
            async with SessionHub(cluster.url(), load_entry_points=False):
                pass
    finally:
        cluster.set("default_transaction_read_only", "off")


async def test_a_promotion_under_traffic_loses_nothing_acknowledged_and_doubles_nothing(
    cluster, standby, traffic
):
    """The last test of the module: the pair is none any more."""
    cluster.with_schema("of_promotion")
    took = 0.0

    def promote() -> None:
        nonlocal took
        began_at = time.monotonic()
        cluster.kill()
        standby.promote()
        took = time.monotonic() - began_at

    seen = await traffic(both(cluster, standby, "of_promotion"), [promote], patience=PATIENCE)
    assert seen.longest < PATIENCE + took + 1.0
