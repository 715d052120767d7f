-- Storing first messages of people, chats and sessions in a group: what is known, then what is new.

-- name: known_of_newcomers
-- What is known of the chats, people and live sessions of messages without an ordinary place.
WITH asked (position, bot, channel, bot_id, chat_id, kind, thread_id, scope_name, person_channel,
  person_id) AS (
  VALUES (:position, :bot, :channel, :bot_id, :chat_id, :kind, :thread_id, :scope_name,
    :person_channel, :person_id))
SELECT asked.position, c.chat_no, COALESCE(c.kind, asked.kind) AS kind, c.peer_no, c.title,
  c.became, c.imported_until, a.account_no, a.user_id, a.display_name,
  COALESCE(o.user_id, a.user_id) AS scope_user_id,
  EXISTS (SELECT 1 FROM accounts AS p WHERE p.user_id = a.user_id AND p.private <> 0) AS is_private,
  s.session_no, s.started_at, COALESCE(n.last_activity, s.started_at) AS last_activity,
  COALESCE(l.channel, '') AS channel,
  (SELECT SUM(t.live_count) FROM segments AS t WHERE t.session_no = s.session_no) AS live_count,
  g.segment_no
FROM asked
LEFT JOIN chats AS c ON c.bot = asked.bot AND c.channel = asked.channel AND c.bot_id = asked.bot_id
  AND c.chat_id = asked.chat_id
LEFT JOIN accounts AS a ON a.channel = asked.person_channel AND a.channel_user_id = asked.person_id
LEFT JOIN accounts AS o ON o.account_no = c.peer_no
LEFT JOIN sessions AS s ON s.session_no = CASE WHEN asked.kind = 'group'
  THEN (
    SELECT e.session_no FROM sessions AS e
    WHERE e.chat_no = COALESCE(c.became, c.chat_no) AND e.thread_id = asked.thread_id
      AND e.name = asked.scope_name AND e.ended_at IS NULL)
  ELSE (
    SELECT d.session_no FROM sessions AS d
    WHERE d.bot = asked.bot AND d.user_id = COALESCE(o.user_id, a.user_id)
      AND d.name = asked.scope_name AND d.ended_at IS NULL) END
LEFT JOIN segments AS n ON n.segment_no = (
  SELECT m.segment_no FROM segments AS m WHERE m.session_no = s.session_no
  ORDER BY m.last_activity DESC, m.segment_no DESC LIMIT 1)
LEFT JOIN chats AS l ON l.chat_no = n.chat_no
LEFT JOIN segments AS g ON g.session_no = s.session_no AND g.chat_no = c.chat_no
  AND g.thread_id = asked.thread_id

-- name: known_of_newcomers [postgresql]
-- LIMIT 1 leaves one plan, by key. Nobody else writes, so nothing is locked.
SELECT asked.position, c.chat_no, COALESCE(c.kind, asked.kind) AS kind, c.peer_no, c.title,
  c.became, c.imported_until, a.account_no, a.user_id, a.display_name,
  COALESCE(o.user_id, a.user_id) AS scope_user_id,
  (SELECT 1 FROM accounts AS p WHERE p.user_id = a.user_id AND p.private <> 0 LIMIT 1)
    AS is_private,
  s.session_no, s.started_at, COALESCE(n.last_activity, s.started_at) AS last_activity,
  COALESCE(l.channel, '') AS channel, t.live_count, g.segment_no
FROM unnest(CAST(:position AS BIGINT[]), CAST(:bot AS TEXT[]), CAST(:channel AS TEXT[]),
  CAST(:bot_id AS TEXT[]), CAST(:chat_id AS TEXT[]), CAST(:kind AS TEXT[]),
  CAST(:thread_id AS TEXT[]), CAST(:scope_name AS TEXT[]), CAST(:person_channel AS TEXT[]),
  CAST(:person_id AS TEXT[]))
  AS asked (position, bot, channel, bot_id, chat_id, kind, thread_id, scope_name, person_channel,
    person_id)
LEFT JOIN LATERAL (
  SELECT * FROM chats
  WHERE bot = asked.bot AND channel = asked.channel AND bot_id = asked.bot_id
    AND chat_id = asked.chat_id
  LIMIT 1) AS c ON TRUE
LEFT JOIN LATERAL (
  SELECT * FROM accounts
  WHERE channel = asked.person_channel AND channel_user_id = asked.person_id
  LIMIT 1) AS a ON TRUE
LEFT JOIN LATERAL (SELECT user_id FROM accounts WHERE account_no = c.peer_no LIMIT 1) AS o ON TRUE
LEFT JOIN LATERAL (
  (
    SELECT e.session_no, e.started_at FROM sessions AS e
    WHERE asked.kind = 'group' AND e.chat_no = COALESCE(c.became, c.chat_no)
      AND e.thread_id = asked.thread_id AND e.name = asked.scope_name AND e.ended_at IS NULL
    LIMIT 1)
  UNION ALL
  (
    SELECT d.session_no, d.started_at FROM sessions AS d
    WHERE asked.kind = 'direct' AND d.bot = asked.bot
      AND d.user_id = COALESCE(o.user_id, a.user_id) AND d.name = asked.scope_name
      AND d.ended_at IS NULL
    LIMIT 1)
  LIMIT 1) AS s ON TRUE
LEFT JOIN LATERAL (
  SELECT chat_no, last_activity FROM segments WHERE session_no = s.session_no
  ORDER BY last_activity DESC, segment_no DESC LIMIT 1) AS n ON TRUE
LEFT JOIN LATERAL (SELECT channel FROM chats WHERE chat_no = n.chat_no LIMIT 1) AS l ON TRUE
LEFT JOIN LATERAL (
  SELECT CAST(SUM(live_count) AS BIGINT) AS live_count FROM segments
  WHERE session_no = s.session_no) AS t ON TRUE
LEFT JOIN LATERAL (
  SELECT segment_no FROM segments
  WHERE session_no = s.session_no AND chat_no = c.chat_no AND thread_id = asked.thread_id
  LIMIT 1) AS g ON TRUE

-- name: add_users
-- Add users under new ids.
INSERT INTO users (user_id, created_at) VALUES (:user_id, :created_at)

-- name: add_users [postgresql]
-- Takes its rows as arrays.
INSERT INTO users (user_id, created_at)
SELECT * FROM unnest(CAST(:user_id AS TEXT[]), CAST(:created_at AS DOUBLE PRECISION[]))

-- name: add_accounts
-- Add accounts of which nothing is known, each of a user of its own.
INSERT INTO accounts (channel, channel_user_id, user_id, home_user_id, display_name)
VALUES (:channel, :channel_user_id, :user_id, :user_id, :display_name)
RETURNING account_no, user_id

-- name: add_accounts [postgresql]
-- Takes its rows as arrays.
INSERT INTO accounts (channel, channel_user_id, user_id, home_user_id, display_name)
SELECT channel, channel_user_id, user_id, user_id, display_name
FROM unnest(CAST(:channel AS TEXT[]), CAST(:channel_user_id AS TEXT[]), CAST(:user_id AS TEXT[]),
  CAST(:display_name AS TEXT[])) AS added (channel, channel_user_id, user_id, display_name)
RETURNING account_no, user_id

-- name: add_chats
-- Add chats, direct ones with their owners.
INSERT INTO chats (bot, channel, bot_id, chat_id, kind, peer_no, title)
VALUES (:bot, :channel, :bot_id, :chat_id, :kind, :peer_no, :title)
RETURNING chat_no, bot, channel, bot_id, chat_id

-- name: add_chats [postgresql]
-- Takes its rows as arrays.
INSERT INTO chats (bot, channel, bot_id, chat_id, kind, peer_no, title)
SELECT *
FROM unnest(CAST(:bot AS TEXT[]), CAST(:channel AS TEXT[]), CAST(:bot_id AS TEXT[]),
  CAST(:chat_id AS TEXT[]), CAST(:kind AS TEXT[]), CAST(:peer_no AS BIGINT[]),
  CAST(:title AS TEXT[]))
RETURNING chat_no, bot, channel, bot_id, chat_id

-- name: end_sessions
-- End sessions that are live.
UPDATE sessions SET ended_at = :ended_at, end_reason = :end_reason
WHERE session_no = :session_no AND ended_at IS NULL

-- name: end_sessions [postgresql]
-- Takes its rows as arrays.
UPDATE sessions AS s SET ended_at = e.ended_at, end_reason = e.end_reason
FROM unnest(CAST(:session_no AS BIGINT[]), CAST(:ended_at AS DOUBLE PRECISION[]),
  CAST(:end_reason AS TEXT[])) AS e (session_no, ended_at, end_reason)
WHERE s.session_no = e.session_no AND s.ended_at IS NULL

-- name: last_ended_of_scopes
-- How the session ended that ended last in each of some scopes.
WITH asked (position, bot, user_id, chat_no, thread_id, name) AS (
  VALUES (:position, :bot, :user_id, :chat_no, :thread_id, :name))
SELECT asked.position, CASE WHEN asked.user_id IS NULL
  THEN (
    SELECT g.end_reason FROM sessions AS g
    WHERE g.chat_no = asked.chat_no AND g.thread_id = asked.thread_id AND g.name = asked.name
      AND g.ended_at IS NOT NULL AND g.end_reason <> 'linked'
    ORDER BY g.ended_at DESC, g.session_no DESC LIMIT 1)
  ELSE (
    SELECT d.end_reason FROM sessions AS d
    WHERE d.bot = asked.bot AND d.user_id = asked.user_id AND d.name = asked.name
      AND d.ended_at IS NOT NULL AND d.end_reason <> 'linked'
    ORDER BY d.ended_at DESC, d.session_no DESC LIMIT 1) END AS end_reason
FROM asked

-- name: last_ended_of_scopes [postgresql]
-- Takes its rows as arrays.
SELECT asked.position, CASE WHEN asked.user_id IS NULL
  THEN (
    SELECT g.end_reason FROM sessions AS g
    WHERE g.chat_no = asked.chat_no AND g.thread_id = asked.thread_id AND g.name = asked.name
      AND g.ended_at IS NOT NULL AND g.end_reason <> 'linked'
    ORDER BY g.ended_at DESC, g.session_no DESC LIMIT 1)
  ELSE (
    SELECT d.end_reason FROM sessions AS d
    WHERE d.bot = asked.bot AND d.user_id = asked.user_id AND d.name = asked.name
      AND d.ended_at IS NOT NULL AND d.end_reason <> 'linked'
    ORDER BY d.ended_at DESC, d.session_no DESC LIMIT 1) END AS end_reason
FROM unnest(CAST(:position AS BIGINT[]), CAST(:bot AS TEXT[]), CAST(:user_id AS TEXT[]),
  CAST(:chat_no AS BIGINT[]), CAST(:thread_id AS TEXT[]), CAST(:name AS TEXT[]))
  AS asked (position, bot, user_id, chat_no, thread_id, name)

-- name: add_sessions
-- Start sessions.
INSERT INTO sessions (session_id, bot, user_id, chat_no, thread_id, name, founder_no, started_at,
  start_reason)
VALUES (:session_id, :bot, :user_id, :chat_no, :thread_id, :name, :founder_no, :started_at,
  :start_reason)
RETURNING session_no, session_id

-- name: add_sessions [postgresql]
-- Takes its rows as arrays.
INSERT INTO sessions (session_id, bot, user_id, chat_no, thread_id, name, founder_no, started_at,
  start_reason)
SELECT *
FROM unnest(CAST(:session_id AS TEXT[]), CAST(:bot AS TEXT[]), CAST(:user_id AS TEXT[]),
  CAST(:chat_no AS BIGINT[]), CAST(:thread_id AS TEXT[]), CAST(:name AS TEXT[]),
  CAST(:founder_no AS BIGINT[]), CAST(:started_at AS DOUBLE PRECISION[]),
  CAST(:start_reason AS TEXT[]))
RETURNING session_no, session_id

-- name: add_segments
-- Add the segments of chats in sessions, each at home in its session.
INSERT INTO segments (chat_no, thread_id, session_no, home_session_no, last_activity)
VALUES (:chat_no, :thread_id, :session_no, :session_no, :last_activity)
RETURNING segment_no, session_no, chat_no, thread_id

-- name: add_segments [postgresql]
-- Takes its rows as arrays.
INSERT INTO segments (chat_no, thread_id, session_no, home_session_no, last_activity)
SELECT chat_no, thread_id, session_no, session_no, last_activity
FROM unnest(CAST(:chat_no AS BIGINT[]), CAST(:thread_id AS TEXT[]), CAST(:session_no AS BIGINT[]),
  CAST(:last_activity AS DOUBLE PRECISION[])) AS added (chat_no, thread_id, session_no,
    last_activity)
RETURNING segment_no, session_no, chat_no, thread_id
