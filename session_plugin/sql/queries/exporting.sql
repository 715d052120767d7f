-- Exporting everything stored about a user.

-- name: export_merged_users
-- The ids that were merged into a user's, with their states.
SELECT user_id, state FROM users WHERE merged_into = :user_id ORDER BY user_id

-- name: export_chats
-- A page of a user's direct chats.
SELECT c.chat_no AS seq, c.chat_no, c.channel, c.bot, c.bot_id, c.chat_id, c.title FROM chats AS c
JOIN accounts AS a ON a.account_no = c.peer_no
WHERE a.user_id = :user_id AND c.chat_no > :after
ORDER BY c.chat_no LIMIT :limit

-- name: segments_of_person
-- The segments of a user's direct chats.
SELECT g.segment_no FROM segments AS g
JOIN chats AS c ON c.chat_no = g.chat_no
JOIN accounts AS a ON a.account_no = c.peer_no
WHERE a.user_id = :user_id
ORDER BY g.segment_no

-- name: export_sessions
-- A page of a user's sessions.
SELECT session_no AS seq, session_no, session_id, bot, name AS scope_name, started_at, start_reason,
  ended_at, end_reason, metadata, state
FROM sessions
WHERE user_id = :user_id AND session_no > :after
ORDER BY session_no LIMIT :limit

-- name: export_summaries
-- A page of the summaries of a user's sessions.
SELECT y.summary_no AS seq, y.session_no, s.session_id, y.content AS text, y.made_at, y.made_by
FROM summaries AS y
JOIN sessions AS s ON s.session_no = y.session_no
WHERE s.user_id = :user_id AND y.content IS NOT NULL AND y.summary_no > :after
ORDER BY y.summary_no LIMIT :limit

-- name: export_link_requests
-- A page of a user's link requests, without the other side, which is another user.
SELECT r.request_no AS seq, CASE WHEN a.account_no = r.asker_no THEN 'asker' ELSE 'redeemer' END AS role, r.expires_at
FROM accounts AS a
JOIN link_requests AS r ON r.asker_no = a.account_no OR r.redeemer_no = a.account_no
WHERE a.user_id = :user_id AND r.request_no > :after
ORDER BY r.request_no LIMIT :limit

-- name: export_notices
-- A page of the notices for a user.
SELECT n.notice_no AS seq, n.kind AS notice, n.expires_at FROM notices AS n
JOIN accounts AS a ON a.account_no = n.account_no
WHERE a.user_id = :user_id AND n.notice_no > :after
ORDER BY n.notice_no LIMIT :limit

-- name: export_attempts
-- Attempts that are counted for a user.
SELECT t.channel, t.kind AS attempt, t.at FROM attempts AS t
JOIN accounts AS a ON a.channel = t.channel AND a.channel_user_id = t.channel_user_id
WHERE a.user_id = :user_id
ORDER BY t.at

-- name: export_audit
-- A page of the audit's entries about a user.
SELECT entry_no AS seq, action, at FROM audit
WHERE entry_no > :after AND (actor_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
  OR user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
  OR other_user_id IN (
    SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id))
ORDER BY entry_no LIMIT :limit
