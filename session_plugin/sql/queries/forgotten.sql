-- Recognising old messages of forgotten accounts by keyed hashes, so that none is stored again.

-- name: anybody_forgotten
-- Was any account forgotten? Usually none was, and no hash need be computed.
SELECT at FROM forgotten LIMIT 1

-- name: forgotten_account
-- The time before which the messages of this account count as forgotten.
SELECT sent_until, at, left_at FROM forgotten WHERE account_hash = :account_hash

-- name: add_forgotten
-- Remember the hash of a forgotten account, and the later of two such times.
INSERT INTO forgotten (account_hash, sent_until, at, left_at)
VALUES (:account_hash, :sent_until, :at, :left_at)
ON CONFLICT (account_hash) DO UPDATE SET at = excluded.at, left_at = excluded.left_at,
  sent_until = CASE WHEN excluded.sent_until > forgotten.sent_until THEN excluded.sent_until
    ELSE forgotten.sent_until END

-- name: newest_of_account
-- When the newest platform message from or to an account, or in its direct chats, was sent, but for
-- those of a time that has not come yet.
SELECT MAX(at) AS at
FROM (
  SELECT MAX(m.sent_at) AS at FROM messages AS m
  WHERE m.account_no = :account_no AND m.sent_at <= :latest AND m.message_id IS NOT NULL
  UNION ALL
  SELECT MAX(m.sent_at) FROM chats AS c
  JOIN segments AS g ON g.chat_no = c.chat_no
  JOIN messages AS m ON m.segment_no = g.segment_no
  WHERE c.peer_no = :account_no AND m.sent_at <= :latest AND m.message_id IS NOT NULL) AS known

-- name: raise_forgotten_until
-- Earlier messages are ignored; later ones are checked one by one.
UPDATE accounts SET forgotten_until = :sent_until
WHERE channel = :channel AND channel_user_id = :channel_user_id
  AND (forgotten_until IS NULL OR forgotten_until < :sent_until)

-- name: messages_to_know_again
-- Messages that the time does not tell: in groups, or sent or deleted about then.
SELECT c.bot, c.channel, c.bot_id, c.chat_id, m.message_id FROM messages AS m
JOIN chats AS c ON c.chat_no = m.chat_no
WHERE m.account_no = :account_no AND (c.kind = 'group' OR m.sent_at >= :sent_at)
  AND m.message_id IS NOT NULL
UNION
SELECT c.bot, c.channel, c.bot_id, c.chat_id, m.message_id FROM chats AS c
JOIN segments AS g ON g.chat_no = c.chat_no
JOIN messages AS m ON m.segment_no = g.segment_no
WHERE c.peer_no = :account_no AND m.sent_at >= :sent_at AND m.message_id IS NOT NULL
UNION
SELECT c.bot, c.channel, c.bot_id, c.chat_id, t.message_id FROM chats AS c
JOIN tombstones AS t ON t.chat_no = c.chat_no
WHERE c.peer_no = :account_no AND t.at >= :since
UNION
SELECT c.bot, c.channel, c.bot_id, c.chat_id, t.message_id FROM tombstones AS t
JOIN chats AS c ON c.chat_no = t.chat_no
WHERE t.account_no = :account_no AND c.kind = 'group'

-- name: any_forgotten_message
-- Was any message remembered? Usually none was, and no hash need be computed.
SELECT at FROM forgotten_messages LIMIT 1

-- name: forgotten_message
-- Is this message one of them?
SELECT at FROM forgotten_messages WHERE message_hash = :message_hash

-- name: add_forgotten_messages
-- Remember the hashes of these messages.
INSERT INTO forgotten_messages (message_hash, at)
VALUES (:message_hash, :at)
ON CONFLICT DO NOTHING

-- name: add_forgotten_messages [postgresql]
-- Takes its rows as arrays.
INSERT INTO forgotten_messages (message_hash, at)
SELECT * FROM unnest(CAST(:message_hash AS BYTEA[]), CAST(:at AS DOUBLE PRECISION[]))
ON CONFLICT DO NOTHING

-- name: drop_forgotten_messages
-- Delete some hashes of messages that no platform delivers any more.
DELETE FROM forgotten_messages
WHERE message_hash IN (
  SELECT message_hash FROM forgotten_messages WHERE at < :before ORDER BY at LIMIT :limit)

-- name: forgotten_among
-- Which of these accounts and messages were forgotten?
WITH asked (position, account_hash, message_hash) AS (
  VALUES (:position, :account_hash, :message_hash))
SELECT position FROM asked
WHERE EXISTS (SELECT 1 FROM forgotten AS f WHERE f.account_hash = asked.account_hash)
  OR EXISTS (SELECT 1 FROM forgotten_messages AS m WHERE m.message_hash = asked.message_hash)

-- name: forgotten_among [postgresql]
-- Takes its rows as arrays.
SELECT position
FROM unnest(CAST(:position AS BIGINT[]), CAST(:account_hash AS BYTEA[]),
  CAST(:message_hash AS BYTEA[])) AS asked (position, account_hash, message_hash)
WHERE EXISTS (SELECT 1 FROM forgotten AS f WHERE f.account_hash = asked.account_hash)
  OR EXISTS (SELECT 1 FROM forgotten_messages AS m WHERE m.message_hash = asked.message_hash)
