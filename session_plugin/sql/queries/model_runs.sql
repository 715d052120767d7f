-- Messages of models' runs.

-- name: set_turn
-- A message is of this run, unless it is of one already.
UPDATE messages SET turn = :turn WHERE chat_no = :chat_no AND seq = :seq AND turn IS NULL
