-- Figures of what comes in and of what waits, for operators.

-- name: last_message_number
-- The number of the newest message.
SELECT COALESCE(MAX(last_seq), 0) AS seq FROM segments

-- name: messages_by_day
-- How many messages were received each day (of 86,400 seconds since 1970), from a number on.
SELECT CAST(m.received_at / 86400 AS BIGINT) AS day, COUNT(*) AS messages
FROM segments AS g
JOIN messages AS m ON m.segment_no = g.segment_no AND m.seq >= :from_seq
WHERE g.last_seq >= :from_seq AND m.received_at >= :since
GROUP BY CAST(m.received_at / 86400 AS BIGINT)

-- name: messages_by_day [postgresql]
-- A CAST rounds here.
SELECT CAST(FLOOR(m.received_at / 86400) AS BIGINT) AS day, COUNT(*) AS messages
FROM segments AS g
JOIN messages AS m ON m.segment_no = g.segment_no AND m.seq >= :from_seq
WHERE g.last_seq >= :from_seq AND m.received_at >= :since
GROUP BY CAST(FLOOR(m.received_at / 86400) AS BIGINT)

-- name: bots_known
-- The names of the bots that share the database.
SELECT DISTINCT bot FROM chats ORDER BY bot

-- name: count_waiting
-- What is still to be done, over all bots.
SELECT (SELECT COUNT(*) FROM erasures) AS erasures,
  (SELECT COUNT(*) FROM summaries WHERE content IS NULL AND superseded_by IS NULL) AS summaries,
  (SELECT COUNT(*) FROM consolidation_failures) AS failing_summaries,
  (SELECT COUNT(*) FROM notices WHERE expires_at > :now) AS notices,
  (SELECT COUNT(*) FROM link_requests WHERE expires_at > :now) AS link_requests,
  (
    SELECT COUNT(*) FROM sessions
    WHERE start_announced = 0 OR (ended_at IS NOT NULL AND end_announced = 0)) AS announcements
