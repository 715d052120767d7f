-- Segments: one chat's share of a session, with its counters.

-- name: segment_of
-- The segment of a chat and thread in a session.
SELECT segment_no FROM segments
WHERE session_no = :session_no AND chat_no = :chat_no AND thread_id = :thread_id

-- name: segments_of_session
-- All segments of a session, with their chats.
SELECT g.segment_no, g.chat_no, g.thread_id, g.session_no, g.home_session_no, g.live_from,
  g.live_count, g.changed, g.moved, g.last_seq, g.last_activity, c.channel, c.bot_id, c.chat_id,
  c.kind, c.title, c.peer_no
FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
WHERE g.session_no = :session_no
ORDER BY g.segment_no

-- name: segment_by_handle
-- The segment that SessionStore gave this id, with the session it belongs to now.
SELECT g.segment_no, g.chat_no, g.last_activity, g.session_no, s.user_id, s.ended_at, c.peer_no
FROM segments AS g
JOIN sessions AS s ON s.session_no = g.session_no
JOIN chats AS c ON c.chat_no = g.chat_no
WHERE g.handle = :handle AND s.bot = :bot

-- name: add_segment
-- A chat's first message in a session; that session is the segment's home.
INSERT INTO segments (chat_no, thread_id, session_no, home_session_no, last_activity)
VALUES (:chat_no, :thread_id, :session_no, :session_no, :last_activity)
RETURNING segment_no

-- name: set_handle
-- SessionStore gives this segment an id.
UPDATE segments SET handle = :handle WHERE segment_no = :segment_no

-- name: live_count
-- How many messages of a session are not covered by a summary.
SELECT CAST(COALESCE(SUM(live_count), 0) AS BIGINT) AS live_count FROM segments
WHERE session_no = :session_no
