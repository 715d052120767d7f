-- Unlinking accounts: what is theirs goes back to a user and sessions of their own.

-- name: leave_account
-- The account has left those who stayed, and links with nobody for a while.
UPDATE accounts SET left_at = :left_at, left_user_id = :left_user_id WHERE account_no = :account_no

-- name: rehome_account
-- An account whose home is shared gets an id of its own.
UPDATE accounts SET user_id = :user_id, home_user_id = :home_user_id WHERE account_no = :account_no

-- name: give_accounts_at_home
-- The accounts whose home is this id return to it.
UPDATE accounts SET user_id = :user_id WHERE home_user_id = :user_id

-- name: give_accounts_not_at_home
-- The accounts that stay when the owner of the common id leaves.
UPDATE accounts SET user_id = :user_id WHERE user_id = :previous AND home_user_id <> :previous

-- name: separate_user
-- This id stands for itself again.
UPDATE users SET merged_into = NULL WHERE user_id = :user_id

-- name: merge_users_elsewhere
-- Ids that were merged into the one that leaves are merged into another.
UPDATE users SET merged_into = :merged_into
WHERE merged_into = :previous AND user_id <> :merged_into

-- name: give_founded_sessions
-- A session belongs to the user of the account in whose chat it began.
UPDATE sessions SET user_id = :user_id WHERE founder_no = :founder_no AND user_id <> :user_id

-- name: sessions_of_account
-- The sessions that an account began or has a segment in.
SELECT session_no FROM sessions
WHERE founder_no = :account_no
UNION
SELECT g.session_no FROM chats AS c JOIN segments AS g ON g.chat_no = c.chat_no
WHERE c.peer_no = :account_no

-- name: homes_in_session
-- The home sessions of the segments of a session.
SELECT DISTINCT h.session_no, h.founder_no, h.joined_into FROM segments AS g
JOIN sessions AS h ON h.session_no = g.home_session_no
WHERE g.session_no = :session_no

-- name: move_segment
-- Move a segment back to a session of its side.
UPDATE segments SET session_no = :session_no, moved = moved + 1 WHERE segment_no = :segment_no

-- name: rehome_segment
-- The segment's home stays with the other side, so it gets another one.
UPDATE segments SET home_session_no = :home_session_no WHERE segment_no = :segment_no

-- name: rejoin_session
-- A session's segments are in another session now.
UPDATE sessions SET joined_into = :joined_into WHERE session_no = :session_no

-- name: revive_session
-- A joined session continues by itself, or has ended like the joint one.
UPDATE sessions SET ended_at = :ended_at, end_reason = :end_reason, joined_into = NULL,
  end_announced = CASE WHEN CAST(:ended_at AS DOUBLE PRECISION) IS NULL THEN 0 ELSE 1 END
WHERE session_no = :session_no

-- name: summaries_of_session
-- All summaries of a session, newest first.
SELECT summary_no FROM summaries WHERE session_no = :session_no ORDER BY summary_no DESC

-- name: move_summary
-- A summary of one side only goes with its segments.
UPDATE summaries SET session_no = :session_no WHERE summary_no = :summary_no
