-- What is counted to stop guessing: codes asked for, wrong codes typed, requests to forget.

-- name: add_attempt
-- Count an attempt.
INSERT INTO attempts (channel, channel_user_id, kind, at)
VALUES (:channel, :channel_user_id, :kind, :at)

-- name: attempts_of_account
-- Recent attempts of an account, under its id or, if it was forgotten, its hash.
SELECT at FROM attempts
WHERE channel = :channel AND channel_user_id IN (:channel_user_id, :hidden) AND kind = :kind
  AND at > :since
ORDER BY at

-- name: count_on_channel
-- Recent attempts of all accounts on a channel, counted up to a limit.
SELECT COUNT(*) AS count FROM (
  SELECT at FROM attempts WHERE channel = :channel AND kind = :kind AND at > :since LIMIT :limit
) AS recent

-- name: drop_old_attempts
-- Delete attempts that no limit counts any more; requests are counted for longer.
DELETE FROM attempts
WHERE at < :before AND (at < :requests_before OR kind NOT IN (:forgetting, :export))

-- name: drop_attempts_of_kind
-- An account's attempts of this kind are settled.
DELETE FROM attempts
WHERE channel = :channel AND channel_user_id = :channel_user_id AND kind = :kind

-- name: hide_attempts
-- Replace the id of a forgotten account by its hash, so that its attempts still count.
UPDATE attempts SET channel_user_id = :hidden
WHERE channel = :channel AND channel_user_id = :channel_user_id
