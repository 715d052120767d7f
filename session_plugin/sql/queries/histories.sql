-- Reading messages: the newest of a scope, and what a person wrote in groups.

-- name: segments_of_user
-- All segments of all sessions of a user, with their chats.
SELECT g.segment_no, g.chat_no, g.thread_id, g.session_no, g.live_from, g.last_seq, c.channel,
  c.bot_id, c.chat_id, c.kind, c.title, c.peer_no
FROM sessions AS s
JOIN segments AS g ON g.session_no = s.session_no
JOIN chats AS c ON c.chat_no = g.chat_no
WHERE s.bot = :bot AND s.user_id = :user_id AND s.name = :name

-- name: segments_of_group
-- All segments of all sessions of a group's thread.
SELECT g.segment_no, g.chat_no, g.thread_id, g.session_no, g.live_from, g.last_seq, c.channel,
  c.bot_id, c.chat_id, c.kind, c.title, c.peer_no
FROM sessions AS s
JOIN segments AS g ON g.session_no = s.session_no
JOIN chats AS c ON c.chat_no = g.chat_no
WHERE s.chat_no = :chat_no AND s.thread_id = :thread_id AND s.name = :name

-- name: piece_of_own_messages
-- The bounds of the next older piece of what an account wrote and was answered.
SELECT MIN(seq) AS from_seq, MAX(received_at) AS latest
FROM (
  SELECT seq, received_at FROM messages
  WHERE account_no = :account_no AND seq > :after AND seq < :before
  ORDER BY seq DESC LIMIT :limit) AS piece
