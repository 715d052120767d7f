-- What an operator asks for: people, groups, their sessions, links, the audit.

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
-- The same of one user, with one bot; null: with all of them.
SELECT u.user_id, u.created_at, COUNT(DISTINCT s.session_no) AS sessions,
  CAST(COALESCE(SUM(g.total_count), 0) AS BIGINT) AS messages,
  MAX(COALESCE(g.last_activity, s.started_at)) AS last_activity
FROM users AS u
LEFT JOIN sessions AS s ON s.user_id = u.user_id
  AND (CAST(:bot AS TEXT) IS NULL OR s.bot = :bot)
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
GROUP BY s.session_no, s.started_at, s.joined_into
ORDER BY last_activity DESC, CASE WHEN s.joined_into IS NULL THEN 0 ELSE 1 END, s.session_no DESC
LIMIT :limit OFFSET :skip

-- name: sessions_of_user
-- The same of one user with a bot; null: with all of them. One that was joined into another holds
-- nothing any more, so it stands after that.
SELECT s.session_no, COALESCE(MAX(g.last_activity), s.started_at) AS last_activity
FROM sessions AS s LEFT JOIN segments AS g ON g.session_no = s.session_no
WHERE s.user_id = :user_id AND (CAST(:bot AS TEXT) IS NULL OR s.bot = :bot)
GROUP BY s.session_no, s.started_at, s.joined_into
ORDER BY last_activity DESC, CASE WHEN s.joined_into IS NULL THEN 0 ELSE 1 END, s.session_no DESC
LIMIT :limit OFFSET :skip

-- name: people_page
-- Users, each once, by the account of theirs that was seen last.
SELECT a.account_no, a.user_id FROM accounts AS a
WHERE a.account_no < :before
  AND NOT EXISTS (
    SELECT 1 FROM accounts AS newer
    WHERE newer.user_id = a.user_id AND newer.account_no > a.account_no)
ORDER BY a.account_no DESC LIMIT :limit

-- name: people_like
-- Accounts by what an operator knows of them: an id, or a piece of the name.
SELECT a.account_no, a.user_id FROM accounts AS a
WHERE a.account_no < :before
  AND (a.channel_user_id = :text OR a.user_id = :text OR a.home_user_id = :text
    OR LOWER(a.display_name) LIKE :pattern ESCAPE '!')
ORDER BY a.account_no DESC LIMIT :limit

-- name: merged_users
-- The ids that links merged into a user's.
SELECT user_id FROM users WHERE merged_into = :user_id ORDER BY user_id

-- name: sessions_in_chat
-- A group's sessions in all of its threads.
SELECT session_no FROM sessions
WHERE chat_no = :chat_no AND session_no < :before
ORDER BY session_no DESC LIMIT :limit

-- name: groups_page
-- Groups of all bots.
SELECT chat_no, bot, channel, bot_id, chat_id, kind, title FROM chats
WHERE kind = 'group' AND chat_no < :before
ORDER BY chat_no DESC LIMIT :limit

-- name: linked_accounts_page
-- Accounts that a link gave another user.
SELECT account_no, channel, channel_user_id, display_name, user_id, home_user_id FROM accounts
WHERE home_user_id <> user_id AND account_no < :before
ORDER BY account_no DESC LIMIT :limit

-- name: open_link_requests
-- Links that somebody asked for and that are not confirmed by both sides yet. No code.
SELECT r.expires_at, r.asker_step, r.redeemer_step, a.channel AS asker_channel,
  a.channel_user_id AS asker_id, b.channel AS redeemer_channel, b.channel_user_id AS redeemer_id
FROM link_requests AS r
JOIN accounts AS a ON a.account_no = r.asker_no
LEFT JOIN accounts AS b ON b.account_no = r.redeemer_no
WHERE r.expires_at > :now
ORDER BY r.request_no DESC LIMIT :limit

-- name: audit_page
-- Entries of the audit, with the account that acted if it is still known.
SELECT e.entry_no, e.at, e.action, e.user_id, e.other_user_id, a.channel, a.channel_user_id
FROM audit AS e LEFT JOIN accounts AS a ON a.account_no = e.actor_no
WHERE e.entry_no < :before
ORDER BY e.entry_no DESC LIMIT :limit
