-- Figures for `status()`, mostly from the counters of segments.

-- name: database_size
-- The size of the file, in bytes.
SELECT c.page_count * s.page_size AS size FROM pragma_page_count() AS c, pragma_page_size() AS s

-- name: database_size [postgresql]
-- The size of our tables and their indexes, in bytes.
SELECT CAST(COALESCE(SUM(pg_total_relation_size(oid)), 0) AS BIGINT) AS size FROM pg_class
WHERE relkind = 'r' AND relnamespace = to_regnamespace(quote_ident(current_schema()))

-- name: count_people
-- Users and accounts, of all bots. Counting a whole table is cheaper than looking at its rows.
SELECT (SELECT COUNT(*) FROM users)
    - (SELECT COUNT(*) FROM users WHERE merged_into IS NOT NULL) AS users,
  (SELECT COUNT(*) FROM accounts) AS accounts

-- name: count_sessions
-- Chats and sessions of one bot. Most databases have one bot only, so chats of others are
-- subtracted. Sessions are looked at: one that was begun by hand may be the first of its bot, which
-- has no chat yet.
WITH begun (sessions, ended) AS (SELECT COUNT(*), COUNT(ended_at) FROM sessions WHERE bot = :bot)
SELECT (SELECT COUNT(*) FROM chats) - (SELECT COUNT(*) FROM chats WHERE bot < :bot)
    - (SELECT COUNT(*) FROM chats WHERE bot > :bot) AS chats,
  begun.sessions AS sessions,
  begun.sessions - begun.ended AS live_sessions
FROM begun

-- name: count_messages_of_bot
-- Messages and summaries of one bot, and the long segments of all. What is in chats of other bots is
-- subtracted.
WITH others (chat_no) AS (
  SELECT chat_no FROM chats WHERE bot < :bot UNION ALL SELECT chat_no FROM chats WHERE bot > :bot),
counted (messages, live, long_segments) AS (
  SELECT COALESCE(SUM(total_count), 0), COALESCE(SUM(live_count), 0),
    COUNT(*) FILTER (WHERE live_count > :threshold)
  FROM segments),
elsewhere (messages, live) AS (
  SELECT COALESCE(SUM(g.total_count), 0), COALESCE(SUM(g.live_count), 0)
  FROM others AS o CROSS JOIN segments AS g WHERE g.chat_no = o.chat_no)
SELECT CAST(counted.messages - elsewhere.messages AS BIGINT) AS messages,
  CAST(counted.live - elsewhere.live AS BIGINT) AS live_messages,
  counted.long_segments AS long_segments,
  (
    SELECT COUNT(*) FROM summaries AS m CROSS JOIN sessions AS s
    WHERE s.session_no = m.session_no AND s.bot = :bot AND m.superseded_by IS NULL
      AND m.content IS NOT NULL) AS summaries
FROM counted CROSS JOIN elsewhere

-- name: count_tombstones
-- Remembered deletions in one bot's chats.
SELECT COUNT(*) AS count FROM tombstones AS t CROSS JOIN chats AS c
WHERE c.chat_no = t.chat_no AND c.bot = :bot

-- name: count_tombstones [citus]
-- By groups.
WITH places AS MATERIALIZED (SELECT chat_no FROM chats WHERE bot = :bot),
gone AS MATERIALIZED (
  SELECT COUNT(*) AS count FROM tombstones AS t JOIN places ON places.chat_no = t.chat_no)
SELECT CAST(count AS BIGINT) AS count FROM gone

-- name: oldest_message
-- When a bot's oldest message was received. `oldest_at` is not later than the first message of its
-- segment, so only segments have to be looked at that may be older than the first one by it.
SELECT MIN((
  SELECT m.received_at FROM messages AS m
  WHERE m.segment_no = g.segment_no
  ORDER BY m.seq LIMIT 1)) AS received_at
FROM segments AS g CROSS JOIN chats AS c
WHERE c.chat_no = g.chat_no AND c.bot = :bot AND g.oldest_at <= (
  SELECT (
    SELECT m.received_at FROM messages AS m
    WHERE m.segment_no = f.segment_no
    ORDER BY m.seq LIMIT 1)
  FROM segments AS f CROSS JOIN chats AS o
  WHERE o.chat_no = f.chat_no AND o.bot = :bot AND f.oldest_at IS NOT NULL AND f.total_count > 0
  ORDER BY f.oldest_at LIMIT 1)

-- name: oldest_message [citus]
-- By groups.
WITH parts AS MATERIALIZED (
  SELECT g.chat_no, g.segment_no FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
  WHERE c.bot = :bot AND g.total_count > 0),
firsts AS MATERIALIZED (
  SELECT DISTINCT ON (m.segment_no) m.segment_no, m.received_at FROM messages AS m
  JOIN parts ON parts.chat_no = m.chat_no AND parts.segment_no = m.segment_no
  ORDER BY m.segment_no, m.seq)
SELECT MIN(received_at) AS received_at FROM firsts

-- name: count_pending_consolidations
-- Sessions over the threshold, or with a summary to make again. Few have several segments, and
-- often none has, which is cheaper to see than which these are; and the long segments were counted.
SELECT COUNT(*) AS count FROM sessions AS s
WHERE s.bot = :bot AND s.session_no IN (
  SELECT session_no FROM segments WHERE :long_segments > 0 AND live_count > :threshold
  UNION
  SELECT session_no FROM segments
  WHERE session_no IN (
    SELECT g.session_no FROM (
      SELECT 1 WHERE (SELECT COUNT(*) FROM segments)
        > (SELECT COUNT(DISTINCT session_no) FROM segments)) AS has_several
    CROSS JOIN segments AS g
    GROUP BY g.session_no HAVING COUNT(*) > 1)
  GROUP BY session_no HAVING SUM(live_count) > :threshold
  UNION
  SELECT session_no FROM summaries WHERE content IS NULL AND superseded_by IS NULL)

-- name: code_alarms
-- Channels on which many wrong codes were typed lately, most first.
SELECT channel, COUNT(*) AS wrong_codes FROM attempts
WHERE kind = :kind AND at > :since
GROUP BY channel HAVING COUNT(*) >= :most
ORDER BY wrong_codes DESC, channel

-- name: failed_consolidations
-- Sessions whose summariser fails, most failures first.
SELECT s.session_id, f.failures, f.reason, f.waits_until FROM consolidation_failures AS f
CROSS JOIN sessions AS s
WHERE s.session_no = f.session_no AND s.bot = :bot
ORDER BY f.failures DESC, s.session_no LIMIT :limit
