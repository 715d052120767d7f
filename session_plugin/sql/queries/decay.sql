-- Decay: deleting what is older than the retention, and the sessions that are empty then.

-- name: kinds_of_chats
-- The channels and kinds of chat that exist; retention is set for these.
SELECT DISTINCT channel, kind FROM chats WHERE bot = :bot ORDER BY channel, kind

-- name: count_old
-- What decay would delete in one kind of chat: of each segment, the old head.
SELECT (
  SELECT COUNT(*)
  FROM (
    SELECT g.segment_no,
      (
        SELECT y.seq FROM messages AS y
        WHERE y.segment_no = g.segment_no AND y.received_at >= :before
        ORDER BY y.seq LIMIT 1) AS young_seq
    FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
    WHERE c.bot = :bot AND c.channel = :channel AND c.kind = :kind AND g.oldest_at < :before
      AND NOT EXISTS (
        SELECT 1 FROM sessions AS p
        WHERE p.session_no IN (g.session_no, g.home_session_no) AND p.pinned = 1)) AS w
  JOIN messages AS m ON m.segment_no = w.segment_no
    AND m.seq < COALESCE(w.young_seq, 9223372036854775807)) AS messages,
  (
    SELECT COUNT(*) FROM tombstones AS t JOIN chats AS c ON c.chat_no = t.chat_no
    WHERE c.bot = :bot AND c.channel = :channel AND c.kind = :kind AND t.at < :before)
    AS tombstones

-- name: count_old [citus]
-- The first young message of each segment by groups; Citus takes no subquery for each row.
WITH old AS MATERIALIZED (
  SELECT g.segment_no, g.chat_no FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
  WHERE c.bot = :bot AND c.channel = :channel AND c.kind = :kind AND g.oldest_at < :before
    AND NOT EXISTS (
      SELECT 1 FROM sessions AS p
      WHERE p.session_no IN (g.session_no, g.home_session_no) AND p.pinned = 1)),
young AS MATERIALIZED (
  SELECT y.segment_no, MIN(y.seq) AS seq FROM messages AS y
  JOIN old ON old.chat_no = y.chat_no AND old.segment_no = y.segment_no
  WHERE y.received_at >= :before
  GROUP BY y.segment_no),
heads AS MATERIALIZED (
  SELECT old.segment_no, old.chat_no, COALESCE(young.seq, 9223372036854775807) AS before_seq
  FROM old LEFT JOIN young ON young.segment_no = old.segment_no),
places AS MATERIALIZED (
  SELECT chat_no FROM chats WHERE bot = :bot AND channel = :channel AND kind = :kind)
SELECT (
  SELECT COUNT(*) FROM messages AS m
  JOIN heads ON heads.chat_no = m.chat_no AND heads.segment_no = m.segment_no
    AND m.seq < heads.before_seq) AS messages,
  (
    SELECT COUNT(*) FROM tombstones AS t JOIN places ON places.chat_no = t.chat_no
    WHERE t.at < :before) AS tombstones

-- name: segments_with_old
-- Segments whose first message is old; `oldest_at` may be that of a deleted one.
-- The oldest come first: CROSS JOIN keeps SQLite to that order, so it stops at the limit.
SELECT g.segment_no, g.live_from FROM segments AS g CROSS JOIN chats AS c
WHERE g.oldest_at < :before AND c.chat_no = g.chat_no AND c.bot = :bot AND c.channel = :channel
  AND c.kind = :kind
  AND (
    SELECT m.received_at FROM messages AS m
    WHERE m.segment_no = g.segment_no
    ORDER BY m.seq LIMIT 1) < :before
  AND NOT EXISTS (
    SELECT 1 FROM sessions AS p
    WHERE p.session_no IN (g.session_no, g.home_session_no) AND p.pinned = 1)
ORDER BY g.oldest_at LIMIT :limit

-- name: segments_with_old [citus]
-- The first message of each segment by groups.
WITH old AS MATERIALIZED (
  SELECT g.segment_no, g.chat_no, g.live_from, g.oldest_at FROM segments AS g
  JOIN chats AS c ON c.chat_no = g.chat_no
  WHERE g.oldest_at < :before AND c.bot = :bot AND c.channel = :channel AND c.kind = :kind
    AND NOT EXISTS (
      SELECT 1 FROM sessions AS p
      WHERE p.session_no IN (g.session_no, g.home_session_no) AND p.pinned = 1)),
firsts AS MATERIALIZED (
  SELECT DISTINCT ON (m.segment_no) m.segment_no, m.received_at FROM messages AS m
  JOIN old ON old.chat_no = m.chat_no AND old.segment_no = m.segment_no
  ORDER BY m.segment_no, m.seq)
SELECT old.segment_no, old.live_from FROM old
JOIN firsts ON firsts.segment_no = old.segment_no AND firsts.received_at < :before
ORDER BY old.oldest_at LIMIT :limit

-- name: segment_head
-- The oldest messages of a segment, oldest first.
SELECT seq, received_at FROM messages WHERE segment_no = :segment_no ORDER BY seq LIMIT :limit

-- name: empty_sessions
-- Sessions without messages that no segment can return to.
SELECT s.session_no, s.started_at, s.ended_at, COALESCE(c.channel, '') AS channel,
  COALESCE(c.kind, 'direct') AS kind
FROM sessions AS s LEFT JOIN chats AS c ON c.chat_no = s.chat_no
WHERE s.bot = :bot AND s.session_no > :after AND s.started_at < :before AND s.pinned = 0
  AND NOT EXISTS (
    SELECT 1 FROM segments AS g WHERE g.session_no = s.session_no AND g.total_count > 0)
  AND NOT EXISTS (
    SELECT 1 FROM segments AS h
    WHERE h.home_session_no = s.session_no AND h.session_no <> s.session_no)
ORDER BY s.session_no LIMIT :limit

-- name: sessions_to_empty
-- Sessions that a decay may leave empty, for a dry run.
SELECT s.session_no, s.started_at, s.ended_at, COALESCE(c.channel, '') AS channel,
  COALESCE(c.kind, 'direct') AS kind
FROM sessions AS s LEFT JOIN chats AS c ON c.chat_no = s.chat_no
WHERE s.bot = :bot AND s.session_no > :after AND s.started_at < :before AND s.pinned = 0
  AND NOT EXISTS (
    SELECT 1 FROM segments AS g JOIN sessions AS p ON p.session_no = g.home_session_no
    WHERE g.session_no = s.session_no AND p.pinned = 1)
ORDER BY s.session_no LIMIT :limit

-- name: homes_elsewhere
-- The sessions that hold a segment whose home is this one.
SELECT DISTINCT session_no FROM segments
WHERE home_session_no = :session_no AND session_no <> :session_no

-- name: set_pinned
-- Exempt a session from decay, or stop doing so.
UPDATE sessions SET pinned = :pinned WHERE session_no = :session_no

-- name: references_to_session
-- How many segments are in this session or have it as home.
SELECT COUNT(*) AS count FROM segments
WHERE session_no = :session_no OR home_session_no = :session_no

-- name: unlink_joined
-- Sessions that were joined into this one have nowhere to be joined to.
UPDATE sessions SET joined_into = NULL WHERE joined_into = :session_no

-- name: forget_superseded
-- No summary may refer to one that is deleted.
UPDATE summaries SET superseded_by = NULL
WHERE superseded_by IN (SELECT summary_no FROM summaries WHERE session_no = :session_no)

-- name: drop_summaries_of_session
-- Delete the summaries of an empty session.
DELETE FROM summaries WHERE session_no = :session_no

-- name: drop_segments_of_session
-- Delete its segments, which are empty.
DELETE FROM segments WHERE session_no = :session_no

-- name: drop_session
-- Delete the session.
DELETE FROM sessions WHERE session_no = :session_no

-- name: drop_old_tombstones
-- Delete tombstones of messages that no platform delivers any more.
DELETE FROM tombstones
WHERE (chat_no, message_id) IN (
  SELECT t.chat_no, t.message_id FROM tombstones AS t JOIN chats AS c ON c.chat_no = t.chat_no
  WHERE c.bot = :bot AND c.channel = :channel AND c.kind = :kind AND t.at < :before LIMIT :limit)
