-- Of indexes that promise the same the server takes the newest, and while it knows nothing of a table they all do: until
-- then each message went through all live sessions of its bot. What finds the one live session is made anew, so it is newest.

DROP INDEX one_live_direct;
DROP INDEX one_live_group;
CREATE UNIQUE INDEX one_live_direct ON sessions (bot, user_id, name) WHERE ended_at IS NULL AND user_id IS NOT NULL;
CREATE UNIQUE INDEX one_live_group ON sessions (chat_no, thread_id, name) WHERE ended_at IS NULL AND chat_no IS NOT NULL;
