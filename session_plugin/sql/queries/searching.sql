-- Looking through what a reader may see, newest first.

-- name: segment_words
-- What is compared of the newest messages of a segment, without those that were withheld. The
-- columns are read by position.
SELECT seq, content, attachments, role, account_no, channel, sent_at
FROM messages
WHERE segment_no = :segment_no AND seq < :before AND withheld = 0
ORDER BY seq DESC LIMIT :limit

-- name: session_id_of
-- The public id of a session.
SELECT session_id FROM sessions WHERE session_no = :session_no
