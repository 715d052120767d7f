-- What a model is given: where a window over a session begins.

-- name: running_count
-- How many messages a session has.
SELECT CAST(COALESCE(SUM(total_count), 0) AS BIGINT) AS running_count FROM segments
WHERE session_no = :session_no

-- name: count_from
-- How many messages of a segment stand at or after a sequence number.
SELECT COUNT(*) AS messages FROM messages WHERE segment_no = :segment_no AND seq >= :from_seq
