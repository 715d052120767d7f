-- Accounts on platforms, and the users they belong to.

-- name: account_by_key
-- The account with this id on its platform.
SELECT account_no, channel, channel_user_id, user_id, home_user_id, display_name FROM accounts
WHERE channel = :channel AND channel_user_id = :channel_user_id

-- name: account_by_no
-- The account with this number.
SELECT account_no, channel, channel_user_id, user_id, home_user_id, display_name, labels
FROM accounts
WHERE account_no = :account_no

-- name: accounts_of_user
-- All accounts of a user, in the order in which they were first seen.
SELECT account_no, channel, channel_user_id, user_id, home_user_id, display_name, labels, left_at,
  left_user_id, private, forgotten_until
FROM accounts
WHERE user_id = :user_id
ORDER BY account_no

-- name: add_account
-- Add an account. One that is forgotten and returns still has to wait before it can link.
INSERT INTO accounts (channel, channel_user_id, user_id, home_user_id, display_name,
  forgotten_until, left_at, left_user_id)
VALUES (:channel, :channel_user_id, :user_id, :home_user_id, :display_name, :forgotten_until,
  :left_at, CASE WHEN CAST(:left_at AS DOUBLE PRECISION) IS NULL THEN NULL ELSE '' END)
RETURNING account_no

-- name: rename_account
-- The display name on the platform has changed.
UPDATE accounts SET display_name = :display_name WHERE account_no = :account_no

-- name: standing_of_account
-- Is any account of the same user private, and was this one forgotten?
SELECT a.forgotten_until,
  CASE WHEN EXISTS (SELECT 1 FROM accounts AS p WHERE p.user_id = a.user_id AND p.private <> 0)
    THEN 1 ELSE 0 END AS private
FROM accounts AS a
WHERE a.channel = :channel AND a.channel_user_id = :channel_user_id

-- name: is_private_user
-- One account of this user that is private, if there is any.
SELECT account_no FROM accounts WHERE user_id = :user_id AND private <> 0 LIMIT 1

-- name: set_private
-- Turn storing off or on for all accounts of a user at once.
UPDATE accounts SET private = :private WHERE user_id = :user_id AND private <> :private

-- name: user_by_id
-- The user with this id, which may have been merged into another.
SELECT user_id, created_at, merged_into FROM users WHERE user_id = :user_id

-- name: add_user
-- Add a user, unless the id is known already.
INSERT INTO users (user_id, created_at) VALUES (:user_id, :created_at) ON CONFLICT DO NOTHING
