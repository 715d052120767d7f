-- Storing what is imported from the original SessionStore's file.

-- name: set_metadata
-- The metadata that the original stored with a session.
UPDATE sessions SET metadata = :metadata WHERE session_no = :session_no

-- name: summary_by_maker
-- Was the summary imported before?
SELECT summary_no FROM summaries WHERE session_no = :session_no AND made_by = :made_by LIMIT 1

-- name: add_summary
-- Add an imported summary.
INSERT INTO summaries (session_no, content, made_by, made_at)
VALUES (:session_no, :content, :made_by, :made_at)
RETURNING summary_no

-- name: add_summary_part
-- The empty range that an imported summary covers in a segment.
INSERT INTO summary_parts (segment_no, summary_no, from_seq, to_seq)
VALUES (:segment_no, :summary_no, :from_seq, :to_seq)

-- name: add_summary_part [postgresql]
-- The chat is part of the key.
INSERT INTO summary_parts (chat_no, segment_no, summary_no, from_seq, to_seq)
SELECT chat_no, segment_no, :summary_no, :from_seq, :to_seq FROM segments
WHERE segment_no = :segment_no
