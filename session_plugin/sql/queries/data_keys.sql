-- Data keys that are to be destroyed: whose they were, and what the key store has not done yet.

-- name: keys_of_user
-- The keys of a person: of their messages in any chat, of all in their direct chats, of their names,
-- sessions and states, under all ids that were merged into this one.
SELECT key_id FROM data_keys
WHERE account_no <> 0
  AND account_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
UNION
SELECT key_id FROM data_keys
WHERE kind IN ('messages', 'chat') AND chat_no IN (
  SELECT c.chat_no FROM accounts AS a JOIN chats AS c ON c.peer_no = a.account_no
  WHERE a.user_id = :user_id)
UNION
SELECT key_id FROM data_keys
WHERE kind IN ('session', 'summaries') AND chat_no = 0 AND account_no = 0 AND session_no IN (
  SELECT session_no FROM sessions WHERE user_id = :user_id)
UNION
SELECT key_id FROM data_keys
WHERE kind = 'user' AND chat_no = 0 AND account_no = 0 AND session_no = 0 AND user_id IN (
  SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)

-- name: keys_of_title
-- The keys of a chat's title.
SELECT key_id FROM data_keys WHERE kind = 'chat' AND chat_no = :chat_no

-- name: keys_of_summaries
-- The keys of several sessions' summaries.
WITH asked (session_no) AS (VALUES (:session_no))
SELECT k.key_id, k.session_no FROM asked
CROSS JOIN data_keys AS k ON k.kind = 'summaries' AND k.chat_no = 0 AND k.account_no = 0
  AND k.session_no = asked.session_no

-- name: keys_of_summaries [postgresql]
-- Takes its rows as arrays.
SELECT key_id, session_no FROM data_keys
WHERE kind = 'summaries' AND chat_no = 0 AND account_no = 0
  AND session_no = ANY (CAST(:session_no AS BIGINT[]))

-- name: sessions_heard
-- The sessions in whose chats a person ever had a key, as who wrote or was quoted there: some
-- summary of them may have had their words, even if no message is left that says so.
SELECT DISTINCT g.session_no FROM data_keys AS k
JOIN segments AS g ON g.chat_no = k.chat_no
WHERE k.account_no <> 0
  AND k.account_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)

-- name: sessions_to_renew
-- Sessions with a summary that lost its text because somebody was forgotten.
SELECT DISTINCT session_no FROM summaries
WHERE content IS NULL AND withdrawn_because = 'forgotten'

-- name: add_destroyed_keys
-- These keys are to be destroyed in the key store.
INSERT INTO destroyed_keys (key_id, at)
VALUES (:key_id, :at)

-- name: add_destroyed_keys [postgresql]
-- Takes its rows as arrays.
INSERT INTO destroyed_keys (key_id, at)
SELECT * FROM unnest(CAST(:key_id AS BYTEA[]), CAST(:at AS DOUBLE PRECISION[]))

-- name: drop_data_keys
-- They are nobody's any more.
DELETE FROM data_keys WHERE key_id = :key_id

-- name: drop_data_keys [postgresql]
-- Takes its rows as arrays.
DELETE FROM data_keys WHERE key_id = ANY (CAST(:key_id AS BYTEA[]))

-- name: keys_to_destroy
-- Some keys that the key store has not destroyed yet.
SELECT key_id FROM destroyed_keys WHERE is_done = 0 ORDER BY destroyed_no LIMIT :limit

-- name: keys_are_destroyed
-- The key store has destroyed them.
UPDATE destroyed_keys SET is_done = 1 WHERE key_id = :key_id

-- name: keys_are_destroyed [postgresql]
-- Takes its rows as arrays.
UPDATE destroyed_keys SET is_done = 1 WHERE key_id = ANY (CAST(:key_id AS BYTEA[]))

-- name: newest_destroyed
-- The key that was destroyed last.
SELECT MAX(destroyed_no) AS destroyed_no FROM destroyed_keys

-- name: keys_destroyed_after
-- Some keys that were destroyed after another one.
SELECT destroyed_no, key_id, is_done FROM destroyed_keys
WHERE destroyed_no > :after
ORDER BY destroyed_no LIMIT :limit

-- name: owners_of_keys
-- A piece of all data keys, and whether there still is what they are for.
SELECT k.key_id,
  CASE
    WHEN k.kind = 'user' THEN EXISTS (SELECT 1 FROM users AS u WHERE u.user_id = k.user_id)
    WHEN k.kind = 'account' THEN EXISTS (
      SELECT 1 FROM accounts AS a WHERE a.account_no = k.account_no)
    WHEN k.kind IN ('messages', 'chat') THEN EXISTS (
      SELECT 1 FROM chats AS c WHERE c.chat_no = k.chat_no)
      AND (
        k.account_no = 0
        OR EXISTS (SELECT 1 FROM accounts AS a WHERE a.account_no = k.account_no))
    ELSE EXISTS (SELECT 1 FROM sessions AS s WHERE s.session_no = k.session_no)
  END AS is_owned
FROM (
  SELECT key_id, kind, chat_no, account_no, session_no, user_id FROM data_keys
  WHERE key_id > :after
  ORDER BY key_id LIMIT :limit) AS k
ORDER BY k.key_id

-- name: renew_data_keys
-- Nothing is sealed with these keys any more; what is, is opened with them until it goes.
UPDATE data_keys SET is_old = 1 WHERE is_old = 0
