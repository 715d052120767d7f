-- Looking through what a reader may see, newest first.

-- name: segment_words
-- What is compared of the newest messages of a segment, without those that were withheld. The
-- columns are read by position.
WITH peer (account_no) AS MATERIALIZED (
  SELECT c.peer_no FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
  WHERE g.segment_no = :segment_no)
SELECT m.seq, m.content, m.attachments, m.role, COALESCE(m.account_no, peer.account_no),
  m.channel, m.sent_at
FROM messages AS m LEFT JOIN peer ON m.of_peer = 1
WHERE m.segment_no = :segment_no AND m.seq < :before AND m.withheld = 0
ORDER BY m.seq DESC LIMIT :limit

-- name: session_id_of
-- The public id of a session.
SELECT session_id FROM sessions WHERE session_no = :session_no
