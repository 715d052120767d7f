-- Asides that turn out to be conversation.

-- name: take_in
-- Let a model be given a message that was an aside.
UPDATE messages SET aside = 0 WHERE chat_no = :chat_no AND message_id = :message_id AND aside = 1
