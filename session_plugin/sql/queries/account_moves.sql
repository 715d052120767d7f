-- An account's id on its platform has changed.

-- name: move_account
-- From now on the account goes by this id.
UPDATE accounts SET channel_user_id = :channel_user_id WHERE account_no = :account_no

-- name: move_direct_chats
-- On many platforms a direct chat has the id of its owner, and somebody else may get the old one.
UPDATE chats SET chat_id = :chat_id
WHERE channel = :channel AND chat_id = :previous_id AND peer_no = :account_no
  AND NOT EXISTS (
    SELECT 1 FROM chats AS taken
    WHERE taken.bot = chats.bot AND taken.channel = chats.channel
      AND taken.bot_id = chats.bot_id AND taken.chat_id = :chat_id)

-- name: move_quoted_chats
-- What is quoted in the account's direct chats from there is in the chat of the new id.
UPDATE quotes SET quoted_chat = :chat_id
WHERE quoted_chat = :previous_id AND segment_no IN (
  SELECT g.segment_no FROM chats AS c
  JOIN segments AS g ON g.chat_no = c.chat_no
  WHERE c.peer_no = :account_no AND c.channel = :channel AND c.chat_id = :chat_id)

-- name: move_attempts
-- What the account has tried still counts.
UPDATE attempts SET channel_user_id = :channel_user_id
WHERE channel = :channel AND channel_user_id = :previous_id

-- name: quotes_of_id
-- Where the account is quoted.
SELECT q.chat_no, q.segment_no, q.seq FROM quotes AS q
JOIN chats AS c ON c.chat_no = q.chat_no
WHERE q.quoted_person = :previous_id AND c.channel = :channel

-- name: move_quote
-- Whom this message quotes.
UPDATE quotes SET quoted_person = :quoted_person
WHERE chat_no = :chat_no AND segment_no = :segment_no AND seq = :seq
