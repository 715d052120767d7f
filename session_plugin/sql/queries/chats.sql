-- Chats on platforms: where the bot and people write.

-- name: chat_by_key
-- The chat with this id on its platform.
SELECT chat_no, bot, channel, bot_id, chat_id, kind, peer_no, title, became, imported_until
FROM chats
WHERE bot = :bot AND channel = :channel AND bot_id = :bot_id AND chat_id = :chat_id

-- name: reader_in_chat
-- A chat, its owner and the account that reads it, in one row even if none is known.
SELECT c.chat_no, c.kind, c.peer_no, c.became, o.user_id AS peer_user_id, r.account_no AS reader_no,
  r.user_id AS reader_user_id
FROM (SELECT 1 AS one) AS always
LEFT JOIN chats AS c ON c.bot = :bot AND c.channel = :channel AND c.bot_id = :bot_id
  AND c.chat_id = :chat_id
LEFT JOIN accounts AS o ON o.account_no = c.peer_no
LEFT JOIN accounts AS r ON r.channel = :reader_channel AND r.channel_user_id = :reader_id

-- name: reader_in_chat [postgresql]
-- LIMIT 1 leaves one plan, by key, even without statistics.
SELECT c.chat_no, c.kind, c.peer_no, c.became, o.user_id AS peer_user_id, r.account_no AS reader_no,
  r.user_id AS reader_user_id
FROM (SELECT 1 AS one) AS always
LEFT JOIN LATERAL (
  SELECT chat_no, kind, peer_no, became FROM chats
  WHERE bot = :bot AND channel = :channel AND bot_id = :bot_id AND chat_id = :chat_id LIMIT 1)
  AS c ON TRUE
LEFT JOIN LATERAL (SELECT user_id FROM accounts WHERE account_no = c.peer_no LIMIT 1) AS o ON TRUE
LEFT JOIN LATERAL (
  SELECT account_no, user_id FROM accounts
  WHERE channel = :reader_channel AND channel_user_id = :reader_id LIMIT 1) AS r ON TRUE

-- name: chat_by_no
-- The chat with this number.
SELECT chat_no, bot, channel, bot_id, chat_id, kind, peer_no, title FROM chats
WHERE chat_no = :chat_no

-- name: add_chat
-- Add a chat.
INSERT INTO chats (bot, channel, bot_id, chat_id, kind, title)
VALUES (:bot, :channel, :bot_id, :chat_id, :kind, :title)
RETURNING chat_no, bot, channel, bot_id, chat_id, kind, peer_no, title, became, imported_until

-- name: retitle_chat
-- The title on the platform has changed.
UPDATE chats SET title = :title WHERE chat_no = :chat_no

-- name: set_peer
-- The first person who writes in a direct chat becomes its owner.
UPDATE chats SET peer_no = :account_no WHERE chat_no = :chat_no AND peer_no IS NULL
