-- Forgetting a user: deleting everything that is stored about them.

-- name: count_of_person
-- What would be deleted if this user were forgotten.
SELECT (
  SELECT COUNT(*) FROM messages AS m
  JOIN segments AS g ON g.segment_no = m.segment_no
  JOIN chats AS c ON c.chat_no = g.chat_no
  JOIN accounts AS a ON a.account_no = c.peer_no
  WHERE a.user_id = :user_id)
  + (
    SELECT COUNT(*) FROM messages AS m
    JOIN accounts AS a ON a.account_no = m.account_no
    JOIN chats AS c ON c.chat_no = m.chat_no
    WHERE a.user_id = :user_id AND c.kind = 'group') AS messages,
  (
    SELECT COUNT(*) FROM summaries AS y JOIN sessions AS s ON s.session_no = y.session_no
    WHERE s.user_id = :user_id) AS summaries,
  (SELECT COUNT(*) FROM sessions WHERE user_id = :user_id) AS sessions,
  (
    SELECT COUNT(*) FROM chats AS c JOIN accounts AS a ON a.account_no = c.peer_no
    WHERE a.user_id = :user_id) AS chats,
  (SELECT COUNT(*) FROM accounts WHERE user_id = :user_id) AS accounts,
  (
    SELECT COUNT(*) FROM link_requests
    WHERE asker_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
      OR redeemer_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id))
    AS link_requests,
  (
    SELECT COUNT(*) FROM notices
    WHERE account_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
      OR about_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)) AS notices,
  (
    SELECT COUNT(*) FROM attempts AS t
    JOIN accounts AS a ON a.channel = t.channel AND a.channel_user_id = t.channel_user_id
    WHERE a.user_id = :user_id) AS attempts,
  (
    SELECT COUNT(*) FROM audit AS t
    WHERE t.actor_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
      OR t.user_id IN (
        SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
      OR t.other_user_id IN (
        SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id))
    AS audit_details

-- name: messages_in_groups
-- What an account wrote in groups and was answered there.
SELECT m.seq, m.message_id, m.chat_no, g.segment_no, g.session_no, g.thread_id, c.bot, c.channel, c.bot_id,
  c.chat_id, c.kind, c.title
FROM messages AS m
JOIN segments AS g ON g.segment_no = m.segment_no
JOIN chats AS c ON c.chat_no = m.chat_no
WHERE m.account_no = :account_no AND c.kind = 'group'
ORDER BY m.seq

-- name: unname_chat
-- Clear a group's title if it was a person's name, and its id if the group is empty.
UPDATE chats SET title = '',
  chat_id = CASE WHEN became IS NULL
    AND NOT EXISTS (
      SELECT 1 FROM segments AS g WHERE g.chat_no = chats.chat_no AND g.total_count > 0)
    THEN 'forgotten ' || CAST(chat_no AS TEXT) ELSE chat_id END
WHERE chat_no = :chat_no

-- name: forget_superseded_of_user
-- No summary may refer to one that is deleted.
UPDATE summaries SET superseded_by = NULL
WHERE superseded_by IN (
  SELECT y.summary_no FROM summaries AS y JOIN sessions AS s ON s.session_no = y.session_no
  WHERE s.user_id = :user_id)

-- name: drop_summaries_of_user
-- Delete the summaries of a user's sessions.
DELETE FROM summaries
WHERE session_no IN (SELECT session_no FROM sessions WHERE user_id = :user_id)

-- name: rehome_segments_of_others
-- Segments of others may not have a deleted session as home.
UPDATE segments SET home_session_no = session_no
WHERE home_session_no IN (SELECT session_no FROM sessions WHERE user_id = :user_id)
  AND session_no NOT IN (SELECT session_no FROM sessions WHERE user_id = :user_id)

-- name: unlink_joined_of_others
-- Sessions of others may not be joined into a deleted one.
UPDATE sessions SET joined_into = NULL
WHERE joined_into IN (SELECT session_no FROM sessions WHERE user_id = :user_id)

-- name: drop_segments_of_user
-- Delete the segments of a user's sessions, which are empty.
DELETE FROM segments WHERE session_no IN (SELECT session_no FROM sessions WHERE user_id = :user_id)

-- name: drop_sessions_of_user
-- Delete a user's sessions.
DELETE FROM sessions WHERE user_id = :user_id

-- name: drop_tombstones_of_user
-- Delete the tombstones of a user's direct chats.
DELETE FROM tombstones
WHERE chat_no IN (
  SELECT c.chat_no FROM chats AS c JOIN accounts AS a ON a.account_no = c.peer_no
  WHERE a.user_id = :user_id)

-- name: unname_tombstones_of_user
-- Keep the tombstones of groups, but remove the user from them.
UPDATE tombstones SET account_no = NULL
WHERE account_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)

-- name: drop_chats_of_user
-- Delete a user's direct chats.
DELETE FROM chats WHERE peer_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)

-- name: drop_link_requests_of_user
-- Delete link requests that a user made or redeemed.
DELETE FROM link_requests
WHERE asker_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
  OR redeemer_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)

-- name: drop_notices_of_user
-- Delete notices for or about a user.
DELETE FROM notices
WHERE account_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
  OR about_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)

-- name: blank_audit_of_user
-- Keep the audit's entries, but remove the user from them.
UPDATE audit SET
  actor_no = CASE WHEN actor_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
    THEN NULL ELSE actor_no END,
  user_id = CASE WHEN user_id IN (
    SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
    THEN NULL ELSE user_id END,
  other_user_id = CASE WHEN other_user_id IN (
    SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
    THEN NULL ELSE other_user_id END
WHERE actor_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
  OR user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
  OR other_user_id IN (
    SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)

-- name: forget_who_was_left
-- Accounts that left this user have nobody to return to.
UPDATE accounts SET left_user_id = ''
WHERE left_user_id IN (
  SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)

-- name: drop_accounts_of_user
-- Delete a user's accounts.
DELETE FROM accounts WHERE user_id = :user_id

-- name: drop_user
-- Delete a user and all ids that were merged into it.
DELETE FROM users WHERE user_id = :user_id OR merged_into = :user_id
