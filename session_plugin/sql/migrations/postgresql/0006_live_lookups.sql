-- While the server knows nothing of a table, any index that could serve costs it the same, and it takes the newest: each
-- message went through all live sessions of its bot. Upkeep's index no longer looks as if it could serve, and what finds the
-- one live session is made anew, so that it is the newest.

DROP INDEX sessions_live;
CREATE INDEX sessions_live ON sessions (session_no) WHERE ended_at IS NULL;
DROP INDEX one_live_direct;
DROP INDEX one_live_group;
CREATE UNIQUE INDEX one_live_direct ON sessions (bot, user_id, name) WHERE ended_at IS NULL AND user_id IS NOT NULL;
CREATE UNIQUE INDEX one_live_group ON sessions (chat_no, thread_id, name) WHERE ended_at IS NULL AND chat_no IS NOT NULL;
