-- Figures for `status()`, mostly from the counters of segments.

-- name: database_size
-- The size of the file, in bytes.
SELECT c.page_count * s.page_size AS size FROM pragma_page_count() AS c, pragma_page_size() AS s

-- name: database_size [postgresql]
-- The size of our tables and their indexes, in bytes.
SELECT CAST(COALESCE(SUM(pg_total_relation_size(oid)), 0) AS BIGINT) AS size FROM pg_class
WHERE relkind = 'r' AND relnamespace = to_regnamespace(quote_ident(current_schema()))

-- name: count_people
-- Users and accounts, of all bots.
SELECT (SELECT COUNT(*) FROM users WHERE merged_into IS NULL) AS users,
  (SELECT COUNT(*) FROM accounts) AS accounts

-- name: count_of_bot
-- Totals of one bot. The oldest message is looked up: `oldest_at` may be a deleted one's.
SELECT (SELECT COUNT(*) FROM chats AS c WHERE c.bot = :bot) AS chats,
  (SELECT COUNT(*) FROM sessions AS s WHERE s.bot = :bot) AS sessions,
  (SELECT COUNT(*) FROM sessions AS s WHERE s.bot = :bot AND s.ended_at IS NULL) AS live_sessions,
  (
    SELECT CAST(COALESCE(SUM(g.total_count), 0) AS BIGINT) FROM segments AS g
    JOIN chats AS c ON c.chat_no = g.chat_no
    WHERE c.bot = :bot) AS messages,
  (
    SELECT CAST(COALESCE(SUM(g.live_count), 0) AS BIGINT) FROM segments AS g
    JOIN chats AS c ON c.chat_no = g.chat_no
    WHERE c.bot = :bot) AS live_messages,
  (
    SELECT COUNT(*) FROM summaries AS m JOIN sessions AS s ON s.session_no = m.session_no
    WHERE s.bot = :bot AND m.superseded_by IS NULL AND m.content IS NOT NULL) AS summaries,
  (
    SELECT COUNT(*) FROM tombstones AS t JOIN chats AS c ON c.chat_no = t.chat_no
    WHERE c.bot = :bot) AS tombstones,
  (
    SELECT MIN((
      SELECT m.received_at FROM messages AS m
      WHERE m.segment_no = g.segment_no
      ORDER BY m.seq LIMIT 1))
    FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
    WHERE c.bot = :bot AND g.total_count > 0) AS oldest_message_at

-- name: count_of_bot [citus]
-- Tombstones and the oldest message by groups.
WITH places AS MATERIALIZED (SELECT chat_no FROM chats WHERE bot = :bot),
parts AS MATERIALIZED (
  SELECT g.chat_no, g.segment_no FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
  WHERE c.bot = :bot AND g.total_count > 0),
firsts AS MATERIALIZED (
  SELECT DISTINCT ON (m.segment_no) m.segment_no, m.received_at FROM messages AS m
  JOIN parts ON parts.chat_no = m.chat_no AND parts.segment_no = m.segment_no
  ORDER BY m.segment_no, m.seq),
gone AS MATERIALIZED (
  SELECT COUNT(*) AS count FROM tombstones AS t JOIN places ON places.chat_no = t.chat_no)
SELECT (SELECT COUNT(*) FROM chats AS c WHERE c.bot = :bot) AS chats,
  (SELECT COUNT(*) FROM sessions AS s WHERE s.bot = :bot) AS sessions,
  (SELECT COUNT(*) FROM sessions AS s WHERE s.bot = :bot AND s.ended_at IS NULL) AS live_sessions,
  (
    SELECT CAST(COALESCE(SUM(g.total_count), 0) AS BIGINT) FROM segments AS g
    JOIN chats AS c ON c.chat_no = g.chat_no
    WHERE c.bot = :bot) AS messages,
  (
    SELECT CAST(COALESCE(SUM(g.live_count), 0) AS BIGINT) FROM segments AS g
    JOIN chats AS c ON c.chat_no = g.chat_no
    WHERE c.bot = :bot) AS live_messages,
  (
    SELECT COUNT(*) FROM summaries AS m JOIN sessions AS s ON s.session_no = m.session_no
    WHERE s.bot = :bot AND m.superseded_by IS NULL AND m.content IS NOT NULL) AS summaries,
  (SELECT CAST(count AS BIGINT) FROM gone) AS tombstones,
  (SELECT MIN(received_at) FROM firsts) AS oldest_message_at

-- name: count_pending_consolidations
-- Sessions over the threshold, or with a summary to make again.
SELECT COUNT(*) AS count FROM sessions AS s
WHERE s.bot = :bot
  AND ((SELECT SUM(g.live_count) FROM segments AS g WHERE g.session_no = s.session_no) > :threshold
    OR EXISTS (
      SELECT 1 FROM summaries AS m
      WHERE m.session_no = s.session_no AND m.content IS NULL AND m.superseded_by IS NULL))

-- name: code_alarms
-- Channels on which many wrong codes were typed lately, most first.
SELECT channel, COUNT(*) AS wrong_codes FROM attempts
WHERE kind = :kind AND at > :since
GROUP BY channel HAVING COUNT(*) >= :most
ORDER BY wrong_codes DESC, channel

-- name: failed_consolidations
-- Sessions whose summariser fails, most failures first.
SELECT s.session_id, f.failures, f.reason, f.waits_until FROM consolidation_failures AS f
JOIN sessions AS s ON s.session_no = f.session_no
WHERE s.bot = :bot
ORDER BY f.failures DESC, s.session_no LIMIT :limit
