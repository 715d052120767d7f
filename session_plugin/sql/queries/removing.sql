-- Removing messages: one statement for all reasons.

-- name: add_tombstone
-- Remember the deletion, so that a late delivery does not bring the message back.
INSERT INTO tombstones (chat_no, message_id, at, account_no)
VALUES (:chat_no, :message_id, :at, :account_no)
ON CONFLICT DO NOTHING

-- name: messages_of_chat
-- Up to `limit` messages of a chat, in one thread or in all.
SELECT m.seq, m.segment_no, m.message_id, g.session_no FROM segments AS g
JOIN messages AS m ON m.segment_no = g.segment_no
WHERE g.chat_no = :chat_no AND (CAST(:thread_id AS TEXT) = '' OR g.thread_id = :thread_id)
ORDER BY m.segment_no, m.seq LIMIT :limit

-- name: count_ranges
-- How many messages each range holds, and how many of them no summary covers.
WITH asked (segment_no, from_seq, to_seq) AS (VALUES (:segment_no, :from_seq, :to_seq))
SELECT COUNT(*) AS count, COUNT(CASE WHEN m.seq >= g.live_from THEN 1 END) AS live FROM asked
CROSS JOIN segments AS g ON g.segment_no = asked.segment_no
JOIN messages AS m ON m.segment_no = asked.segment_no AND m.seq >= asked.from_seq
  AND m.seq <= asked.to_seq

-- name: count_ranges [postgresql]
-- Takes its rows as arrays; OFFSET 0 leaves one plan, by segment and number.
SELECT COUNT(*) AS count, COUNT(CASE WHEN m.seq >= m.live_from THEN 1 END) AS live
FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:from_seq AS BIGINT[]), CAST(:to_seq AS BIGINT[]))
  AS asked (segment_no, from_seq, to_seq)
CROSS JOIN LATERAL (
  SELECT seq, (
    SELECT live_from FROM segments AS g WHERE g.segment_no = asked.segment_no LIMIT 1) AS live_from
  FROM messages
  WHERE segment_no = asked.segment_no AND seq >= asked.from_seq AND seq <= asked.to_seq
  OFFSET 0) AS m

-- name: count_ranges [citus]
-- The archive edges come first.
WITH asked AS MATERIALIZED (
  SELECT r.segment_no, r.from_seq, r.to_seq, g.chat_no, g.live_from
  FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:from_seq AS BIGINT[]),
    CAST(:to_seq AS BIGINT[])) AS r (segment_no, from_seq, to_seq)
  JOIN segments AS g ON g.segment_no = r.segment_no)
SELECT COUNT(*) AS count, COUNT(CASE WHEN m.seq >= asked.live_from THEN 1 END) AS live
FROM messages AS m
JOIN asked ON asked.chat_no = m.chat_no AND m.segment_no = asked.segment_no
  AND m.seq >= asked.from_seq AND m.seq <= asked.to_seq

-- name: remove_messages
-- The only statement that deletes messages.
DELETE FROM messages
WHERE segment_no = :segment_no AND seq >= :from_seq AND seq <= :to_seq

-- name: remove_messages [postgresql]
-- Takes its rows as arrays; rows are found by segment and number, and deleted where they lie.
DELETE FROM messages
WHERE ctid = ANY (ARRAY(
  SELECT m.ctid
  FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:from_seq AS BIGINT[]),
    CAST(:to_seq AS BIGINT[])) AS asked (segment_no, from_seq, to_seq)
  CROSS JOIN LATERAL (
    SELECT ctid FROM messages
    WHERE segment_no = asked.segment_no AND seq >= asked.from_seq AND seq <= asked.to_seq
    OFFSET 0) AS m))

-- name: remove_messages [citus]
-- The chats come first.
WITH asked AS MATERIALIZED (
  SELECT r.segment_no, r.from_seq, r.to_seq, g.chat_no
  FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:from_seq AS BIGINT[]),
    CAST(:to_seq AS BIGINT[])) AS r (segment_no, from_seq, to_seq)
  JOIN segments AS g ON g.segment_no = r.segment_no)
DELETE FROM messages AS m USING asked
WHERE m.chat_no = asked.chat_no AND m.segment_no = asked.segment_no AND m.seq >= asked.from_seq
  AND m.seq <= asked.to_seq

-- name: uncount_messages
-- Subtract removed messages from their segment.
UPDATE segments SET live_count = live_count - :live, total_count = total_count - :count,
  live_from = live_from, oldest_at = (
    SELECT m.received_at FROM messages AS m WHERE m.segment_no = :segment_no ORDER BY m.seq LIMIT 1)
WHERE segment_no = :segment_no
