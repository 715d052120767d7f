-- What an operator asks for: who is known, and which sessions there are.

-- name: people_by_activity
-- A page of users with their totals for one bot, newest activity first.
SELECT u.user_id, u.created_at, COALESCE(t.sessions, 0) AS sessions,
  CAST(COALESCE(t.messages, 0) AS BIGINT) AS messages, t.last_activity
FROM users AS u
LEFT JOIN (
  SELECT s.user_id, COUNT(DISTINCT s.session_no) AS sessions, SUM(g.total_count) AS messages,
    MAX(COALESCE(g.last_activity, s.started_at)) AS last_activity
  FROM sessions AS s LEFT JOIN segments AS g ON g.session_no = s.session_no
  WHERE s.bot = :bot AND s.user_id IS NOT NULL
  GROUP BY s.user_id) AS t ON t.user_id = u.user_id
WHERE u.merged_into IS NULL
ORDER BY COALESCE(t.last_activity, u.created_at) DESC, u.user_id
LIMIT :limit OFFSET :skip

-- name: person_with_totals
-- The same of one user.
SELECT u.user_id, u.created_at, COUNT(DISTINCT s.session_no) AS sessions,
  CAST(COALESCE(SUM(g.total_count), 0) AS BIGINT) AS messages,
  MAX(COALESCE(g.last_activity, s.started_at)) AS last_activity
FROM users AS u
LEFT JOIN sessions AS s ON s.user_id = u.user_id AND s.bot = :bot
LEFT JOIN segments AS g ON g.session_no = s.session_no
WHERE u.user_id = :user_id
GROUP BY u.user_id, u.created_at

-- name: users_by_name
-- The users with an account of this display name.
SELECT DISTINCT user_id FROM accounts WHERE display_name = :name ORDER BY user_id LIMIT :limit

-- name: sessions_by_activity
-- A page of a bot's sessions, newest activity first.
SELECT s.session_no, COALESCE(MAX(g.last_activity), s.started_at) AS last_activity
FROM sessions AS s LEFT JOIN segments AS g ON g.session_no = s.session_no
WHERE s.bot = :bot
GROUP BY s.session_no, s.started_at
ORDER BY last_activity DESC, s.session_no DESC
LIMIT :limit OFFSET :skip

-- name: sessions_with_bot
-- A page of a user's sessions with a bot, newest first.
SELECT session_no FROM sessions
WHERE bot = :bot AND user_id = :user_id
ORDER BY session_no DESC
LIMIT :limit OFFSET :skip
