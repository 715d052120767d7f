-- Quotes: which messages quote another one, and removing what they quote.

-- name: add_quote
-- Note what a message quotes.
INSERT INTO quotes (segment_no, seq, chat_no, quoted_id, quoted_chat, quoted_person)
VALUES (:segment_no, :seq, :chat_no, :quoted_id, :quoted_chat, :quoted_person)

-- name: drop_quote
-- A message quotes nothing any more.
DELETE FROM quotes WHERE segment_no = :segment_no AND seq = :seq

-- name: drop_quotes
-- Messages that are removed quote nothing any more.
DELETE FROM quotes WHERE segment_no = :segment_no AND seq >= :from_seq AND seq <= :to_seq

-- name: drop_quotes [postgresql]
-- Takes its rows as arrays.
DELETE FROM quotes AS q
USING unnest(CAST(:segment_no AS BIGINT[]), CAST(:from_seq AS BIGINT[]), CAST(:to_seq AS BIGINT[]))
  AS asked (segment_no, from_seq, to_seq)
WHERE q.segment_no = asked.segment_no AND q.seq >= asked.from_seq AND q.seq <= asked.to_seq

-- name: unquote
-- Remove the quote from a message's metadata.
UPDATE messages SET metadata = :metadata WHERE chat_no = :chat_no AND seq = :seq

-- name: blank_forward
-- A forward is nothing but a quote.
UPDATE messages SET content = :content, metadata = :metadata, attachments = NULL,
  parts = NULL
WHERE chat_no = :chat_no AND seq = :seq

-- name: quotes_of_message
-- The messages that quote this one.
SELECT m.seq, m.segment_no, m.chat_no, m.message_id, m.content, m.metadata FROM chats AS c
JOIN quotes AS q ON q.quoted_chat = c.chat_id
JOIN chats AS o ON o.chat_no = q.chat_no AND o.bot = c.bot AND o.channel = c.channel
  AND o.bot_id = c.bot_id
JOIN messages AS m ON m.segment_no = q.segment_no AND m.seq = q.seq
WHERE c.chat_no = :chat_no AND q.quoted_id = :message_id

-- name: quotes_of_message [citus]
-- The bot's chats come first.
WITH places AS MATERIALIZED (
  SELECT o.chat_no, c.chat_id FROM chats AS c
  JOIN chats AS o ON o.bot = c.bot AND o.channel = c.channel AND o.bot_id = c.bot_id
  WHERE c.chat_no = :chat_no)
SELECT m.seq, m.segment_no, m.chat_no, m.message_id, m.content, m.metadata FROM quotes AS q
JOIN places AS p ON p.chat_no = q.chat_no AND p.chat_id = q.quoted_chat
JOIN messages AS m ON m.chat_no = q.chat_no AND m.segment_no = q.segment_no AND m.seq = q.seq
WHERE q.quoted_id = :message_id

-- name: quotes_of_ranges
-- The messages that quote those of several ranges.
WITH asked (segment_no, from_seq, to_seq) AS (VALUES (:segment_no, :from_seq, :to_seq))
SELECT DISTINCT m.seq, m.segment_no, m.chat_no, m.message_id, m.content, m.metadata FROM asked
CROSS JOIN messages AS s ON s.segment_no = asked.segment_no AND s.seq >= asked.from_seq
  AND s.seq <= asked.to_seq
CROSS JOIN chats AS c ON c.chat_no = s.chat_no
CROSS JOIN quotes AS q ON q.quoted_id = s.message_id AND q.quoted_chat = c.chat_id
CROSS JOIN chats AS o ON o.chat_no = q.chat_no AND o.bot = c.bot AND o.channel = c.channel
  AND o.bot_id = c.bot_id
CROSS JOIN messages AS m ON m.segment_no = q.segment_no AND m.seq = q.seq

-- name: quotes_of_ranges [postgresql]
-- Takes its rows as arrays; OFFSET 0 leaves one plan, by segment and number, then by what is quoted.
SELECT DISTINCT m.seq, m.segment_no, m.chat_no, m.message_id, m.content, m.metadata
FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:from_seq AS BIGINT[]), CAST(:to_seq AS BIGINT[]))
  AS asked (segment_no, from_seq, to_seq)
CROSS JOIN LATERAL (
  SELECT message_id, chat_no FROM messages
  WHERE segment_no = asked.segment_no AND seq >= asked.from_seq AND seq <= asked.to_seq
    AND message_id IS NOT NULL
  OFFSET 0) AS s
JOIN chats AS c ON c.chat_no = s.chat_no
CROSS JOIN LATERAL (
  SELECT segment_no, seq, chat_no FROM quotes
  WHERE quoted_id = s.message_id AND quoted_chat = c.chat_id
  OFFSET 0) AS q
JOIN chats AS o ON o.chat_no = q.chat_no AND o.bot = c.bot AND o.channel = c.channel
  AND o.bot_id = c.bot_id
CROSS JOIN LATERAL (
  SELECT seq, segment_no, chat_no, message_id, content, metadata FROM messages
  WHERE segment_no = q.segment_no AND seq = q.seq
  OFFSET 0) AS m

-- name: quotes_of_ranges [citus]
-- What was said in the ranges, then who quotes it.
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:from_seq AS BIGINT[]),
    CAST(:to_seq AS BIGINT[])) AS asked (segment_no, from_seq, to_seq)),
said AS MATERIALIZED (
  SELECT s.message_id, s.chat_no FROM messages AS s
  JOIN asked ON s.segment_no = asked.segment_no AND s.seq >= asked.from_seq
    AND s.seq <= asked.to_seq
  WHERE s.message_id IS NOT NULL),
places AS MATERIALIZED (
  SELECT DISTINCT said.message_id, c.chat_id, o.chat_no FROM said
  JOIN chats AS c ON c.chat_no = said.chat_no
  JOIN chats AS o ON o.bot = c.bot AND o.channel = c.channel AND o.bot_id = c.bot_id)
SELECT m.seq, m.segment_no, m.chat_no, m.message_id, m.content, m.metadata FROM quotes AS q
JOIN places AS p ON p.chat_no = q.chat_no AND p.chat_id = q.quoted_chat
  AND p.message_id = q.quoted_id
JOIN messages AS m ON m.chat_no = q.chat_no AND m.segment_no = q.segment_no AND m.seq = q.seq

-- name: quotes_of_person
-- The messages that quote this account, over all bots.
SELECT m.seq, m.segment_no, m.chat_no, m.message_id, m.content, m.metadata FROM quotes AS q
JOIN chats AS c ON c.chat_no = q.chat_no AND c.channel = :channel
JOIN messages AS m ON m.segment_no = q.segment_no AND m.seq = q.seq
WHERE q.quoted_person = :channel_user_id

-- name: quotes_of_person [citus]
-- The channel's chats come first.
WITH places AS MATERIALIZED (SELECT chat_no FROM chats WHERE channel = :channel)
SELECT m.seq, m.segment_no, m.chat_no, m.message_id, m.content, m.metadata FROM quotes AS q
JOIN places AS p ON p.chat_no = q.chat_no
JOIN messages AS m ON m.chat_no = q.chat_no AND m.segment_no = q.segment_no AND m.seq = q.seq
WHERE q.quoted_person = :channel_user_id
