-- The words of recordings, as plugins transcribe them.

-- name: keep_transcripts
-- Replace the descriptions of a message's files by the same with words.
UPDATE messages SET attachments = :attachments WHERE chat_no = :chat_no AND seq = :seq
