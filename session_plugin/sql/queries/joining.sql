-- Joining two users into one: sessions, accounts and summaries move.

-- name: give_sessions
-- All sessions of one user become the other's.
UPDATE sessions SET user_id = :user_id WHERE user_id = :previous

-- name: give_accounts
-- All accounts of one user become the other's.
UPDATE accounts SET user_id = :user_id WHERE user_id = :previous

-- name: settle_accounts
-- Accounts that are linked again have left nobody.
UPDATE accounts SET left_at = NULL, left_user_id = NULL
WHERE user_id = :user_id AND left_at IS NOT NULL

-- name: merge_users
-- This id, and all that were merged into it, are merged into another.
UPDATE users SET merged_into = :merged_into WHERE user_id = :user_id OR merged_into = :user_id

-- name: move_segments
-- Move all segments of a session into another.
UPDATE segments SET session_no = :session_no, moved = moved + 1 WHERE session_no = :previous

-- name: move_summaries
-- Move its summaries with them.
UPDATE summaries SET session_no = :session_no WHERE session_no = :previous

-- name: rejoin_sessions
-- Sessions that were joined into it are joined into the other one now.
UPDATE sessions SET joined_into = :joined_into WHERE joined_into = :previous

-- name: join_session
-- The session continues in another one, so its end is not announced.
UPDATE sessions SET ended_at = :ended_at, end_reason = 'linked', joined_into = :joined_into,
  end_announced = 1
WHERE session_no = :session_no
