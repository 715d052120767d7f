-- Memory over time: who is at what, what went wrong with it, what bots note down, and what stays.

CREATE TABLE work_leases (  -- work that only one process at a time should do
  name   TEXT COLLATE "C" PRIMARY KEY,
  holder TEXT COLLATE "C" NOT NULL,
  until  DOUBLE PRECISION NOT NULL
);

CREATE TABLE consolidation_failures (  -- one row while a session's summariser fails; none otherwise
  session_no  BIGINT PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
  failures    BIGINT NOT NULL,
  reason      TEXT NOT NULL,           -- which plugin and what kind of failure; never text
  waits_until DOUBLE PRECISION         -- not tried by itself before; NULL: at the next message
);

CREATE INDEX summaries_withdrawn ON summaries (session_no) WHERE content IS NULL;

ALTER TABLE sessions ADD COLUMN pinned BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN state BYTEA;       -- the bot author's small JSON; gone with the session
ALTER TABLE sessions ADD COLUMN state_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN state BYTEA;          -- the same of a person
ALTER TABLE users ADD COLUMN state_version BIGINT NOT NULL DEFAULT 0;
