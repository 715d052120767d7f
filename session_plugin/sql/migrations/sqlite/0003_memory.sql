-- Memory over time: who is at what, what went wrong with it, what bots note down, and what stays.

CREATE TABLE work_leases (                              -- work that only one process at a time should do
  name   TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until  REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE consolidation_failures (              -- one row while a session's summariser fails; none otherwise
  session_no  INTEGER PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
  failures    INTEGER NOT NULL,
  reason      TEXT NOT NULL,                       -- which plugin and what kind of failure; never text
  waits_until REAL                                 -- not tried by itself before; NULL: at the next message
);

CREATE INDEX summaries_withdrawn ON summaries (session_no) WHERE content IS NULL;

ALTER TABLE sessions ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN state BLOB;        -- the bot author's small JSON; gone with the session
ALTER TABLE sessions ADD COLUMN state_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN state BLOB;           -- the same of a person
ALTER TABLE users ADD COLUMN state_version INTEGER NOT NULL DEFAULT 0;
