-- Reading the file of the original SessionStore, which has tables of its own.

-- name: original_check
-- Is the file undamaged?
SELECT quick_check AS finding FROM pragma_quick_check(1)

-- name: original_columns
-- The columns of a table, to recognise the original's.
SELECT name FROM pragma_table_info(:table)

-- name: original_count
-- How many messages there are, the original's summaries included.
SELECT COUNT(*) AS count FROM session_messages

-- name: original_sessions
-- Its sessions, in the order in which they were created.
SELECT session_id, user_id, display_name, channel_ids, created_at, last_activity, metadata
FROM sessions
ORDER BY created_at, rowid

-- name: original_newest
-- The sessions of each user, the most recently active last.
SELECT user_id, session_id FROM sessions ORDER BY last_activity, rowid

-- name: original_messages
-- The messages of one session, in order.
SELECT id, role, content, channel, timestamp, metadata FROM session_messages
WHERE session_id IS :session_id
ORDER BY id

-- name: original_orphans
-- Messages whose session is missing.
SELECT id, session_id FROM session_messages
WHERE NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.session_id = session_messages.session_id)
ORDER BY id

-- name: original_channel_sessions
-- The conversations of webhooks; columns beyond those that are needed may be missing.
SELECT * FROM channel_sessions ORDER BY created_at, rowid
