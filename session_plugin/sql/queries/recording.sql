-- Storing and editing one message, and counting it in its segment.

-- name: tombstone
-- Was this message deleted, whether or not it had been stored?
SELECT at, account_no FROM tombstones WHERE chat_no = :chat_no AND message_id = :message_id

-- name: count_message
-- Count a new message in its segment. It names live_from for the writer's memory (memory.sql).
UPDATE segments SET live_count = live_count + 1, total_count = total_count + 1, last_seq = :seq,
  live_from = live_from,
  last_activity = CASE WHEN last_activity > :at THEN last_activity ELSE :at END,
  oldest_at = COALESCE(oldest_at, :at)
WHERE segment_no = :segment_no
