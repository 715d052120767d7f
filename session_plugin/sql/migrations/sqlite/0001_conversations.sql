-- People, the chats they write in, and what was said there.
--
-- Numbers are AUTOINCREMENT, so that none is ever given out twice: a stranger must not inherit a number that something
-- still remembers. Every foreign key has an index. WITHOUT ROWID tables list their key columns first, in key order.

CREATE TABLE users (
  user_id     TEXT PRIMARY KEY,
  created_at  REAL NOT NULL,
  merged_into TEXT REFERENCES users
) WITHOUT ROWID;
CREATE INDEX users_merged ON users (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE accounts (
  account_no      INTEGER PRIMARY KEY AUTOINCREMENT,
  channel         TEXT NOT NULL,
  channel_user_id TEXT NOT NULL,
  user_id         TEXT NOT NULL REFERENCES users,
  home_user_id    TEXT NOT NULL REFERENCES users,  -- the id it goes back to when it is unlinked
  display_name    TEXT NOT NULL DEFAULT '',
  labels          BLOB,                            -- SessionStore: what its callers called this user elsewhere
  UNIQUE (channel, channel_user_id)
);
CREATE INDEX accounts_of_user ON accounts (user_id);
CREATE INDEX accounts_of_home ON accounts (home_user_id);

CREATE TABLE chats (
  chat_no INTEGER PRIMARY KEY AUTOINCREMENT,
  bot     TEXT NOT NULL,
  channel TEXT NOT NULL,
  bot_id  TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  kind    TEXT NOT NULL CHECK (kind IN ('direct', 'group')),
  peer_no INTEGER REFERENCES accounts,             -- direct: whose chat it is; NULL until somebody spoke
  title   TEXT NOT NULL DEFAULT '',
  UNIQUE (bot, channel, bot_id, chat_id),
  CHECK (kind = 'direct' OR peer_no IS NULL)
);
CREATE INDEX chats_of_peer ON chats (peer_no) WHERE peer_no IS NOT NULL;

CREATE TABLE sessions (
  session_no   INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id   TEXT NOT NULL UNIQUE,
  bot          TEXT NOT NULL,
  user_id      TEXT REFERENCES users,              -- a person's direct chats ...
  chat_no      INTEGER REFERENCES chats,           -- ... or one group (thread)
  thread_id    TEXT NOT NULL DEFAULT '',
  founder_no   INTEGER REFERENCES accounts,        -- direct: in whose chat it began; it stays with that account
  started_at   REAL NOT NULL,
  start_reason TEXT NOT NULL,
  ended_at     REAL,
  end_reason   TEXT,
  joined_into  INTEGER REFERENCES sessions,        -- while linked: the session that its segments went to
  start_announced   INTEGER NOT NULL DEFAULT 0,
  end_announced     INTEGER NOT NULL DEFAULT 0,
  metadata     BLOB,                               -- JSON, as bytes like all that people and bots may fill
  CHECK ((user_id IS NULL) <> (chat_no IS NULL)),
  CHECK ((user_id IS NULL) = (founder_no IS NULL)),
  CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
  CHECK (joined_into IS NULL OR end_reason = 'linked')
);
CREATE UNIQUE INDEX one_live_direct ON sessions (bot, user_id) WHERE ended_at IS NULL AND user_id IS NOT NULL;
CREATE UNIQUE INDEX one_live_group ON sessions (chat_no, thread_id) WHERE ended_at IS NULL AND chat_no IS NOT NULL;
CREATE INDEX sessions_of_user ON sessions (user_id, bot, session_no) WHERE user_id IS NOT NULL;
CREATE INDEX sessions_of_chat ON sessions (chat_no, thread_id, session_no) WHERE chat_no IS NOT NULL;
CREATE INDEX sessions_of_founder ON sessions (founder_no) WHERE founder_no IS NOT NULL;
CREATE INDEX sessions_joined ON sessions (joined_into) WHERE joined_into IS NOT NULL;
CREATE INDEX sessions_unannounced ON sessions (session_no) WHERE start_announced = 0 OR (ended_at IS NOT NULL AND end_announced = 0);

CREATE TABLE segments (
  segment_no      INTEGER PRIMARY KEY AUTOINCREMENT,
  chat_no         INTEGER NOT NULL REFERENCES chats,
  thread_id       TEXT NOT NULL DEFAULT '',
  session_no      INTEGER NOT NULL REFERENCES sessions,
  home_session_no INTEGER NOT NULL REFERENCES sessions,  -- where it goes back to when its account is unlinked
  live_from       INTEGER NOT NULL DEFAULT 0,            -- messages before this sequence number are archive
  live_count      INTEGER NOT NULL DEFAULT 0,
  total_count     INTEGER NOT NULL DEFAULT 0,
  changed         INTEGER NOT NULL DEFAULT 0,            -- grows with every edit, deletion, decay and move
  last_seq        INTEGER NOT NULL DEFAULT 0,
  oldest_at       REAL,                                  -- receipt of its oldest message; NULL when it has none
  last_activity   REAL NOT NULL,
  handle          TEXT,                                  -- what SessionStore calls session_id
  UNIQUE (session_no, chat_no, thread_id)
);
CREATE UNIQUE INDEX segments_handle ON segments (handle) WHERE handle IS NOT NULL;
CREATE INDEX segments_of_chat ON segments (chat_no);
CREATE INDEX segments_home ON segments (home_session_no);
CREATE INDEX segments_oldest ON segments (oldest_at) WHERE oldest_at IS NOT NULL;

CREATE TABLE messages (
  seq         INTEGER PRIMARY KEY AUTOINCREMENT,
  chat_no     INTEGER NOT NULL,
  segment_no  INTEGER NOT NULL REFERENCES segments,
  message_id  TEXT,
  role        TEXT NOT NULL,
  account_no   INTEGER REFERENCES accounts,         -- who said it; of the bot's words: whom they answer
  author_name TEXT,
  channel     TEXT,                                -- SessionStore: the caller's word, where it is not the chat's
  sent_at     REAL NOT NULL,
  received_at REAL NOT NULL,
  content     BLOB NOT NULL,                       -- UTF-8 with surrogatepass
  metadata    BLOB,
  attachments BLOB,
  reply_to    TEXT,
  edited_at   REAL,
  withheld    INTEGER NOT NULL DEFAULT 0           -- a filter failed, so the content was not kept
);
CREATE UNIQUE INDEX message_once ON messages (chat_no, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX message_tail ON messages (segment_no, seq);
CREATE INDEX message_person ON messages (account_no) WHERE account_no IS NOT NULL;

CREATE TABLE tombstones (                          -- deletions, so that one that comes first still wins
  chat_no    INTEGER NOT NULL REFERENCES chats,
  message_id TEXT NOT NULL,
  at         REAL NOT NULL,
  PRIMARY KEY (chat_no, message_id)
) WITHOUT ROWID;
CREATE INDEX tombstones_at ON tombstones (at);

CREATE TABLE summaries (
  summary_no    INTEGER PRIMARY KEY AUTOINCREMENT,
  session_no    INTEGER NOT NULL REFERENCES sessions,
  content       BLOB,                              -- NULL: withdrawn, because something under it changed
  made_by       TEXT NOT NULL,
  made_at       REAL NOT NULL,
  superseded_by INTEGER REFERENCES summaries
);
CREATE INDEX summaries_of_session ON summaries (session_no);
CREATE INDEX summaries_superseded ON summaries (superseded_by) WHERE superseded_by IS NOT NULL;

CREATE TABLE summary_parts (
  segment_no INTEGER NOT NULL REFERENCES segments,
  summary_no INTEGER NOT NULL REFERENCES summaries ON DELETE CASCADE,
  from_seq   INTEGER NOT NULL,
  to_seq     INTEGER NOT NULL,
  PRIMARY KEY (segment_no, summary_no)
) WITHOUT ROWID;
CREATE INDEX parts_of_summary ON summary_parts (summary_no);

CREATE TABLE link_requests (
  request_no  INTEGER PRIMARY KEY AUTOINCREMENT,
  asker_no    INTEGER NOT NULL UNIQUE REFERENCES accounts ON DELETE CASCADE,
  code_hash   BLOB,                                -- NULL once the code was typed
  redeemer_no INTEGER REFERENCES accounts ON DELETE CASCADE,
  shown       INTEGER NOT NULL DEFAULT 0,          -- the asker has seen who the redeemer is
  expires_at  REAL NOT NULL
);
CREATE UNIQUE INDEX link_code ON link_requests (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX link_redeemer ON link_requests (redeemer_no) WHERE redeemer_no IS NOT NULL;

CREATE TABLE audit (                               -- who became whom, when, by whose word; never text or codes
  entry_no      INTEGER PRIMARY KEY AUTOINCREMENT,
  at            REAL NOT NULL,
  action        TEXT NOT NULL,
  actor_no      INTEGER,
  user_id       TEXT,
  other_user_id TEXT
);
CREATE INDEX audit_of_user ON audit (user_id);
CREATE INDEX audit_of_other ON audit (other_user_id) WHERE other_user_id IS NOT NULL;

CREATE VIEW readable_messages AS
SELECT m.seq, c.channel, c.chat_id, g.thread_id, s.session_id, s.user_id, m.role, m.author_name,
       datetime(m.sent_at, 'unixepoch') AS sent, CAST(m.content AS TEXT) AS content
FROM messages AS m
JOIN segments AS g ON g.segment_no = m.segment_no
JOIN chats AS c ON c.chat_no = m.chat_no
JOIN sessions AS s ON s.session_no = g.session_no;
