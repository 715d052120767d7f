"""A search reads the words and the vectors of a segment along an index, and sorts nothing: a sort
would read all of a segment for each block of it.
"""

import re

import pytest

from session_plugin.database.queries import load_queries

FILL = (
    """
    INSERT INTO messages (seq, chat_no, segment_no, role, content, metadata, sent_at, received_at)
    WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 3000)
    SELECT m.seq + 10 * n.n, m.chat_no, m.segment_no, m.role, m.content, m.metadata, m.sent_at,
      m.received_at
    FROM n CROSS JOIN messages AS m
    """,
    """
    INSERT INTO vectors (seq, segment_no, chat_no, made_by, vector)
    SELECT seq, segment_no, chat_no, 'a plugin', content FROM messages
    """,
)
SORTS = re.compile(r"\bSort\b|TEMP B-TREE")
NAMES = re.compile(r":(segment_no|before|made_by|limit)")
GIVEN = {"segment_no": "1", "before": "20000", "made_by": "'a plugin'", "limit": "500"}


@pytest.fixture
async def filled(new_hub, talk, raw):
    """Two segments, each with messages and vectors in plenty, and what a server knows of them."""
    hub = new_hub(store_patience=60)
    for who in (talk.account("ann"), talk.account("bob")):
        await hub.record(talk.said(who, "hello"))
    await hub.close()
    for statement in FILL:
        raw.rows(statement)
    raw.rows("ANALYZE")

    return raw


def plans_of(raw, backend, query):
    """Explain a statement with its values; of a server, also as it is prepared for any values."""
    statement = load_queries("sqlite")[query]
    if type(backend).__name__ == "Sqlite":
        return [str(raw.rows("EXPLAIN QUERY PLAN " + NAMES.sub(r"'\1'", statement)))]

    given = dict.fromkeys(NAMES.findall(statement))
    numbered = NAMES.sub(lambda found: f"${list(given).index(found[1]) + 1}", statement)
    types = ", ".join("TEXT" if name == "made_by" else "BIGINT" for name in given)
    raw.rows("SET plan_cache_mode = force_generic_plan")
    raw.rows(f"PREPARE asked ({types}) AS {numbered}")
    try:
        values = ", ".join(GIVEN[name] for name in given)
        any_values = raw.rows(f"EXPLAIN EXECUTE asked ({values})")
    finally:
        raw.rows("DEALLOCATE asked")
        raw.rows("RESET plan_cache_mode")
    these = raw.rows("EXPLAIN " + NAMES.sub(lambda found: GIVEN[found[1]], statement))

    return [str(any_values), str(these)]


@pytest.mark.parametrize("query", ["segment_words", "segment_vectors"])
async def test_the_newest_of_a_segment_are_read_without_a_sort(filled, backend, query):
    for plan in plans_of(filled, backend, query):
        assert SORTS.search(plan) is None, plan
        assert re.search(r"Index Scan Backward|SEARCH \w+ USING", plan), plan
