-- The sessions that are live, which upkeep looks through for those that nobody writes to any more.

CREATE INDEX sessions_live ON sessions (bot, session_no) WHERE ended_at IS NULL;
