-- Joining two users into one: sessions, accounts and summaries move.

-- name: add_new_links
-- Each account of one user is newly linked with each of the other, both ways.
INSERT INTO new_links (account_no, other_no, at)
SELECT a.account_no, b.account_no, :at FROM accounts AS a CROSS JOIN accounts AS b
WHERE (a.user_id = :one AND b.user_id = :other) OR (a.user_id = :other AND b.user_id = :one)
ON CONFLICT (account_no, other_no) DO UPDATE SET at = excluded.at

-- name: drop_old_new_links
-- Delete those that are not new any more.
DELETE FROM new_links WHERE at < :before

-- name: newly_linked
-- An account of the same user that an account was linked with lately, if there is any.
SELECT n.other_no FROM new_links AS n JOIN accounts AS o ON o.account_no = n.other_no
WHERE n.account_no = :account_no AND o.user_id = :user_id AND n.at >= :since LIMIT 1

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
