-- Encryption: whose a data key is, which ones were destroyed, and whether cells are sealed. The keys
-- themselves are in a store elsewhere. Rows of people that are gone have no other trace, so nothing
-- here refers to theirs.

CREATE TABLE encryption (
  only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
  state        TEXT NOT NULL,    -- sealing or opening, while older rows are not there yet; sealed
  check_id     BLOB NOT NULL,    -- a key of the store ...
  check_cell   BLOB NOT NULL,    -- ... and what it seals, by which another store is refused
  done_segment BIGINT NOT NULL,  -- up to where older messages are there: a segment ...
  done_seq     BIGINT NOT NULL   -- ... and a message in it
);

CREATE TABLE data_keys (  -- 0 and '' where it is not of one
  key_id     BLOB PRIMARY KEY,
  kind       TEXT NOT NULL,               -- messages, chat, account, session, summaries, user
  chat_no    BIGINT NOT NULL DEFAULT 0,   -- messages: of a chat ...; chat: its title
  account_no BIGINT NOT NULL DEFAULT 0,   -- ... and within a group of a person; account
  session_no BIGINT NOT NULL DEFAULT 0,   -- session: its state and metadata; summaries
  user_id    TEXT NOT NULL DEFAULT '',    -- user: the state
  is_old     BIGINT NOT NULL DEFAULT 0    -- 1: it was renewed, and seals nothing any more
) WITHOUT ROWID;
CREATE INDEX data_keys_of_owner ON data_keys (kind, chat_no, account_no, session_no, user_id);
CREATE INDEX data_keys_of_account ON data_keys (account_no) WHERE account_no <> 0;

CREATE TABLE destroyed_keys (  -- never deleted: a store may be put back from a copy that has them
  destroyed_no INTEGER PRIMARY KEY AUTOINCREMENT,
  key_id       BLOB NOT NULL UNIQUE,
  at           REAL NOT NULL,
  is_done      INTEGER NOT NULL DEFAULT 0  -- 1: the store has destroyed it
);
CREATE INDEX destroyed_keys_left ON destroyed_keys (destroyed_no) WHERE is_done = 0;

-- 1: what was deleted was sealed with keys that are destroyed, so the file is rewritten when nobody
-- has to wait for it.
ALTER TABLE erasures ADD COLUMN may_wait INTEGER NOT NULL DEFAULT 0;

-- What other programs show is not what is sealed.
DROP VIEW readable_messages;
CREATE VIEW readable_messages AS
SELECT m.seq, c.channel, c.chat_id, g.thread_id, s.session_id, s.user_id, m.role, m.author_name,
       datetime(m.sent_at, 'unixepoch') AS sent,
       CASE WHEN substr(m.content, 1, 1) = X'FF' THEN '(sealed)' ELSE CAST(m.content AS TEXT) END
       AS content,
       CAST(m.attachments AS TEXT) AS attachments, CAST(m.parts AS TEXT) AS parts,
       CAST(m.metadata AS TEXT) AS metadata
FROM messages AS m
JOIN segments AS g ON g.segment_no = m.segment_no
JOIN chats AS c ON c.chat_no = m.chat_no
JOIN sessions AS s ON s.session_no = g.session_no;

DROP VIEW readable_sessions;
CREATE VIEW readable_sessions AS
SELECT s.session_id, s.bot, s.user_id, c.channel, c.chat_id, s.thread_id, s.name,
       datetime(s.started_at, 'unixepoch') AS started, s.start_reason,
       datetime(s.ended_at, 'unixepoch') AS ended, s.end_reason, s.pinned,
       CASE WHEN substr(s.metadata, 1, 1) = X'FF' THEN '(sealed)' ELSE CAST(s.metadata AS TEXT) END
       AS metadata,
       CASE WHEN substr(s.state, 1, 1) = X'FF' THEN '(sealed)' ELSE CAST(s.state AS TEXT) END
       AS state
FROM sessions AS s
LEFT JOIN chats AS c ON c.chat_no = s.chat_no;

DROP VIEW readable_summaries;
CREATE VIEW readable_summaries AS
SELECT y.summary_no, s.session_id, datetime(y.made_at, 'unixepoch') AS made, y.made_by,
       y.superseded_by, y.withdrawn_because,
       CASE WHEN substr(y.content, 1, 1) = X'FF' THEN '(sealed)' ELSE CAST(y.content AS TEXT) END
       AS content
FROM summaries AS y
JOIN sessions AS s ON s.session_no = y.session_no;

-- A sealed name is looked for by nothing, and a long one would be too long for an index.
DROP INDEX accounts_of_name;
CREATE INDEX accounts_of_name ON accounts (display_name, channel)
  WHERE display_name <> '' AND substr(display_name, 1, 1) <> char(1);
