-- Sessions: finding the live one of a scope, starting and ending them, and announcing both.

-- name: live_direct_session
-- A user's live session with its segments, newest activity first; one row if it has none.
SELECT s.session_no, s.session_id, s.started_at, 'direct' AS kind,
  COALESCE(g.last_activity, s.started_at) AS last_activity, COALESCE(c.channel, '') AS channel,
  g.segment_no, g.chat_no, g.thread_id, g.live_from, g.last_seq, c.bot_id, c.chat_id, c.title
FROM sessions AS s
LEFT JOIN segments AS g ON g.session_no = s.session_no
LEFT JOIN chats AS c ON c.chat_no = g.chat_no
WHERE s.bot = :bot AND s.user_id = :user_id AND s.name = :name AND s.ended_at IS NULL
ORDER BY g.last_activity DESC, g.segment_no DESC

-- name: live_direct_session [postgresql]
-- LIMIT and OFFSET leave one plan, by key, even without statistics.
SELECT s.session_no, s.session_id, s.started_at, 'direct' AS kind,
  COALESCE(g.last_activity, s.started_at) AS last_activity, COALESCE(c.channel, '') AS channel,
  g.segment_no, g.chat_no, g.thread_id, g.live_from, g.last_seq, c.bot_id, c.chat_id, c.title
FROM sessions AS s
LEFT JOIN LATERAL (SELECT * FROM segments WHERE session_no = s.session_no OFFSET 0) AS g ON TRUE
LEFT JOIN LATERAL (SELECT * FROM chats WHERE chat_no = g.chat_no LIMIT 1) AS c ON TRUE
WHERE s.bot = :bot AND s.user_id = :user_id AND s.name = :name AND s.ended_at IS NULL
ORDER BY g.last_activity DESC, g.segment_no DESC

-- name: live_group_session
-- A group's live session likewise. A group that moved has segments in two chats.
SELECT s.session_no, s.session_id, s.started_at, 'group' AS kind,
  COALESCE(g.last_activity, s.started_at) AS last_activity, h.channel, g.segment_no, g.chat_no,
  g.thread_id, g.live_from, g.last_seq, c.bot_id, c.chat_id, c.title
FROM sessions AS s
JOIN chats AS h ON h.chat_no = s.chat_no
LEFT JOIN segments AS g ON g.session_no = s.session_no
LEFT JOIN chats AS c ON c.chat_no = g.chat_no
WHERE s.chat_no = :chat_no AND s.thread_id = :thread_id AND s.name = :name AND s.ended_at IS NULL
ORDER BY g.last_activity DESC, g.segment_no DESC

-- name: live_group_session [postgresql]
-- LIMIT and OFFSET leave one plan, by key, even without statistics.
SELECT s.session_no, s.session_id, s.started_at, 'group' AS kind,
  COALESCE(g.last_activity, s.started_at) AS last_activity, h.channel, g.segment_no, g.chat_no,
  g.thread_id, g.live_from, g.last_seq, c.bot_id, c.chat_id, c.title
FROM sessions AS s
CROSS JOIN LATERAL (SELECT channel FROM chats WHERE chat_no = s.chat_no LIMIT 1) AS h
LEFT JOIN LATERAL (SELECT * FROM segments WHERE session_no = s.session_no OFFSET 0) AS g ON TRUE
LEFT JOIN LATERAL (SELECT * FROM chats WHERE chat_no = g.chat_no LIMIT 1) AS c ON TRUE
WHERE s.chat_no = :chat_no AND s.thread_id = :thread_id AND s.name = :name AND s.ended_at IS NULL
ORDER BY g.last_activity DESC, g.segment_no DESC

-- name: live_session_by_no
-- A session, if it is live, with the time and channel of its last activity.
SELECT s.session_no, s.started_at,
  CASE WHEN s.chat_no IS NULL THEN 'direct' ELSE 'group' END AS kind,
  COALESCE((SELECT MAX(g.last_activity) FROM segments AS g WHERE g.session_no = s.session_no),
    s.started_at) AS last_activity,
  COALESCE((
    SELECT c.channel FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
    WHERE g.session_no = s.session_no
    ORDER BY g.last_activity DESC, g.segment_no DESC LIMIT 1),
    (SELECT c.channel FROM chats AS c WHERE c.chat_no = s.chat_no), '') AS channel
FROM sessions AS s
WHERE s.session_no = :session_no AND s.ended_at IS NULL

-- name: live_sessions_of_user
-- A user's live sessions, one per bot and scope name.
SELECT session_no, bot, name FROM sessions
WHERE user_id = :user_id AND ended_at IS NULL
ORDER BY session_no

-- name: silent_sessions
-- Live sessions without activity since a given time.
SELECT s.session_no FROM sessions AS s
WHERE s.bot = :bot AND s.ended_at IS NULL AND s.session_no > :after AND s.started_at < :before
  AND NOT EXISTS (
    SELECT 1 FROM segments AS g WHERE g.session_no = s.session_no AND g.last_activity >= :before)
ORDER BY s.session_no LIMIT :limit

-- name: direct_sessions
-- A user's sessions, newest first, without those that a link has joined into others.
SELECT session_no, ended_at, end_reason FROM sessions
WHERE bot = :bot AND user_id = :user_id AND name = :name
  AND (end_reason IS NULL OR end_reason <> 'linked')
ORDER BY session_no DESC LIMIT :limit

-- name: group_sessions
-- A group's sessions, newest first, without those that were joined into others.
SELECT session_no, ended_at, end_reason FROM sessions
WHERE chat_no = :chat_no AND thread_id = :thread_id AND name = :name
  AND (end_reason IS NULL OR end_reason <> 'linked')
ORDER BY session_no DESC LIMIT :limit

-- name: last_ended_direct
-- The user's session that ended last; after a link it may not have started last.
SELECT end_reason FROM sessions
WHERE bot = :bot AND user_id = :user_id AND name = :name AND ended_at IS NOT NULL
  AND end_reason <> 'linked'
ORDER BY ended_at DESC, session_no DESC LIMIT 1

-- name: last_ended_group
-- The group's session that ended last.
SELECT end_reason FROM sessions
WHERE chat_no = :chat_no AND thread_id = :thread_id AND name = :name AND ended_at IS NOT NULL
  AND end_reason <> 'linked'
ORDER BY ended_at DESC, session_no DESC LIMIT 1

-- name: session_by_no
-- A session with the totals of its segments.
SELECT s.session_no, s.session_id, s.bot, s.user_id, s.chat_no, s.thread_id, s.name, s.founder_no,
  s.started_at, s.start_reason, s.ended_at, s.end_reason, s.metadata, s.pinned,
  COALESCE((SELECT MAX(g.last_activity) FROM segments AS g WHERE g.session_no = s.session_no),
    s.started_at) AS last_activity,
  CAST(
    COALESCE((SELECT SUM(g.total_count) FROM segments AS g WHERE g.session_no = s.session_no), 0)
      AS BIGINT) AS message_count
FROM sessions AS s
WHERE s.session_no = :session_no

-- name: session_by_id
-- The session with this public id.
SELECT session_no FROM sessions WHERE session_id = :session_id

-- name: add_session
-- Start a session.
INSERT INTO sessions (session_id, bot, user_id, chat_no, thread_id, name, founder_no, started_at,
  start_reason, ended_at, end_reason)
VALUES (:session_id, :bot, :user_id, :chat_no, :thread_id, :name, :founder_no, :started_at,
  :start_reason, :ended_at, :end_reason)
RETURNING session_no, session_id, started_at, started_at AS last_activity

-- name: end_session
-- End a session, unless it has ended already.
UPDATE sessions SET ended_at = :ended_at, end_reason = :end_reason
WHERE session_no = :session_no AND ended_at IS NULL

-- name: unannounced_sessions
-- Sessions of this bot whose start or end no hook was called for yet.
SELECT session_no, start_announced, ended_at, end_announced FROM sessions
WHERE bot = :bot AND (start_announced = 0 OR (ended_at IS NOT NULL AND end_announced = 0))
ORDER BY session_no LIMIT :limit

-- name: claim_starts
-- The process that changes these rows calls the hooks for the starts.
WITH asked (session_no) AS (VALUES (:session_no)) UPDATE sessions SET start_announced = 1
WHERE start_announced = 0 AND session_no IN (SELECT session_no FROM asked)
RETURNING session_no

-- name: claim_starts [postgresql]
-- Takes its rows as arrays.
UPDATE sessions SET start_announced = 1
WHERE start_announced = 0 AND session_no = ANY (CAST(:session_no AS BIGINT[]))
RETURNING session_no

-- name: claim_ends
-- The process that changes these rows calls the hooks for the ends.
WITH asked (session_no) AS (VALUES (:session_no)) UPDATE sessions SET end_announced = 1
WHERE end_announced = 0 AND ended_at IS NOT NULL AND session_no IN (SELECT session_no FROM asked)
RETURNING session_no

-- name: claim_ends [postgresql]
-- Takes its rows as arrays.
UPDATE sessions SET end_announced = 1
WHERE end_announced = 0 AND ended_at IS NOT NULL
  AND session_no = ANY (CAST(:session_no AS BIGINT[]))
RETURNING session_no
