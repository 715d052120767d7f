-- Moving a group's conversation: the platform has given the group another chat.

-- name: live_sessions_of_chat
-- The live sessions of a group, one per thread and scope name.
SELECT session_no, thread_id, name FROM sessions
WHERE chat_no = :chat_no AND ended_at IS NULL
ORDER BY session_no

-- name: move_sessions
-- All sessions of the old chat belong to the new one.
UPDATE sessions SET chat_no = :chat_no WHERE chat_no = :previous

-- name: move_chat
-- Messages for the old chat, or for one that became it, go to the new one.
UPDATE chats SET became = :became WHERE chat_no = :chat_no OR became = :chat_no
