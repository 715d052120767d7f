-- People, their chats and sessions, what was written there, and what is remembered about both.
--
-- Numbers are AUTOINCREMENT, so none is given out twice: a new row must not inherit a number that
-- something else still refers to. Every foreign key has an index. A WITHOUT ROWID table lists its
-- key columns first, in key order. Whatever people and bots can fill is stored as bytes.

CREATE TABLE users (
  user_id       TEXT PRIMARY KEY,
  created_at    REAL NOT NULL,
  merged_into   TEXT REFERENCES users,  -- the user whose id replaces this one
  state         BLOB,                   -- JSON that the bot's author stores
  state_version INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX users_merged ON users (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE accounts (
  account_no      INTEGER PRIMARY KEY AUTOINCREMENT,
  channel         TEXT NOT NULL,
  channel_user_id TEXT NOT NULL,
  user_id         TEXT NOT NULL REFERENCES users,
  home_user_id    TEXT NOT NULL REFERENCES users,  -- its user id after it is unlinked
  display_name    TEXT NOT NULL DEFAULT '',
  labels          BLOB,                            -- SessionStore: ids elsewhere
  private         INTEGER NOT NULL DEFAULT 0,      -- 1: its messages are not stored
  left_at         REAL,                            -- when it was unlinked ...
  left_user_id    TEXT,                            -- ... from the accounts of this user
  forgotten_until REAL,                            -- earlier messages are ignored
  UNIQUE (channel, channel_user_id)
);
CREATE INDEX accounts_of_user ON accounts (user_id);
CREATE INDEX accounts_of_home ON accounts (home_user_id);
CREATE INDEX accounts_of_name ON accounts (display_name, channel) WHERE display_name <> '';

CREATE TABLE chats (
  chat_no INTEGER PRIMARY KEY AUTOINCREMENT,
  bot     TEXT NOT NULL,
  channel TEXT NOT NULL,
  bot_id  TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  kind    TEXT NOT NULL CHECK (kind IN ('direct', 'group')),
  peer_no INTEGER REFERENCES accounts,  -- direct: its owner, once one has written
  title   TEXT NOT NULL DEFAULT '',
  became  INTEGER REFERENCES chats,     -- group: the chat that it was moved to
  imported_until REAL,                  -- messages up to then may be imported, under other ids
  UNIQUE (bot, channel, bot_id, chat_id),
  CHECK (kind = 'direct' OR peer_no IS NULL)
);
CREATE INDEX chats_of_peer ON chats (peer_no) WHERE peer_no IS NOT NULL;
CREATE INDEX chats_became ON chats (became) WHERE became IS NOT NULL;

CREATE TABLE sessions (
  session_no      INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id      TEXT NOT NULL UNIQUE,
  bot             TEXT NOT NULL,
  user_id         TEXT REFERENCES users,        -- a user's direct chats ...
  chat_no         INTEGER REFERENCES chats,     -- ... or a group's thread
  thread_id       TEXT NOT NULL DEFAULT '',
  name            TEXT NOT NULL DEFAULT '',     -- the scope name, separate within both
  founder_no      INTEGER REFERENCES accounts,  -- direct: in whose chat it began, for good
  started_at      REAL NOT NULL,
  start_reason    TEXT NOT NULL,
  ended_at        REAL,
  end_reason      TEXT,
  joined_into     INTEGER REFERENCES sessions,  -- while linked: what its segments moved to
  start_announced INTEGER NOT NULL DEFAULT 0,
  end_announced   INTEGER NOT NULL DEFAULT 0,
  pinned          INTEGER NOT NULL DEFAULT 0,   -- 1: exempt from decay
  metadata        BLOB,                         -- JSON
  state           BLOB,                         -- JSON that the bot's author stores
  state_version   INTEGER NOT NULL DEFAULT 0,
  CHECK ((user_id IS NULL) <> (chat_no IS NULL)),
  CHECK ((user_id IS NULL) = (founder_no IS NULL)),
  CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
  CHECK (joined_into IS NULL OR end_reason = 'linked')
);
CREATE INDEX sessions_of_founder ON sessions (founder_no) WHERE founder_no IS NOT NULL;
CREATE INDEX sessions_joined ON sessions (joined_into) WHERE joined_into IS NOT NULL;
CREATE INDEX sessions_unannounced ON sessions (session_no)
  WHERE start_announced = 0 OR (ended_at IS NOT NULL AND end_announced = 0);
CREATE INDEX sessions_of_user ON sessions (user_id, bot, name, session_no)
  WHERE user_id IS NOT NULL;
CREATE INDEX sessions_of_chat ON sessions (chat_no, thread_id, name, session_no)
  WHERE chat_no IS NOT NULL;
CREATE INDEX sessions_live ON sessions (bot, session_no) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX one_live_direct ON sessions (bot, user_id, name)
  WHERE ended_at IS NULL AND user_id IS NOT NULL;
CREATE UNIQUE INDEX one_live_group ON sessions (chat_no, thread_id, name)
  WHERE ended_at IS NULL AND chat_no IS NOT NULL;

CREATE TABLE segments (
  segment_no      INTEGER PRIMARY KEY AUTOINCREMENT,
  chat_no         INTEGER NOT NULL REFERENCES chats,
  thread_id       TEXT NOT NULL DEFAULT '',
  session_no      INTEGER NOT NULL REFERENCES sessions,
  home_session_no INTEGER NOT NULL REFERENCES sessions,  -- its session after it is unlinked
  live_from       INTEGER NOT NULL DEFAULT 0,            -- messages before this `seq` are archive
  live_count      INTEGER NOT NULL DEFAULT 0,
  total_count     INTEGER NOT NULL DEFAULT 0,
  changed         INTEGER NOT NULL DEFAULT 0,            -- counts edits, deletions and decay
  moved           INTEGER NOT NULL DEFAULT 0,            -- counts moves, also of `live_from`
  last_seq        INTEGER NOT NULL DEFAULT 0,
  oldest_at       REAL,                                  -- receipt of its oldest message, if any
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
  account_no  INTEGER REFERENCES accounts,  -- its author; the bot's: who is answered
  author_name TEXT,
  channel     TEXT,                         -- SessionStore: if not that of the chat
  sent_at     REAL NOT NULL,
  received_at REAL NOT NULL,
  content     BLOB NOT NULL,                -- UTF-8 with surrogatepass
  metadata    BLOB,
  attachments BLOB,
  reply_to    TEXT,
  edited_at   REAL,
  version     INTEGER NOT NULL DEFAULT 0,   -- orders edits of one time; 0: not counted
  withheld    INTEGER NOT NULL DEFAULT 0,   -- 1: not stored, because a filter failed
  parts       BLOB,                         -- calls of tools, their results, media, reasoning
  turn        TEXT,                         -- the run of a model that it is of
  aside       INTEGER NOT NULL DEFAULT 0    -- 1: no part of the conversation with a model
);
CREATE UNIQUE INDEX message_once ON messages (chat_no, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX message_tail ON messages (segment_no, seq);
CREATE INDEX message_person ON messages (account_no, seq) WHERE account_no IS NOT NULL;
CREATE INDEX message_instructions ON messages (segment_no, seq)
  WHERE role IN ('system', 'developer');

CREATE TABLE quotes (  -- messages that quote another one, and go the way of that one
  segment_no    INTEGER NOT NULL REFERENCES segments,
  seq           INTEGER NOT NULL,
  chat_no       INTEGER NOT NULL,
  quoted_id     TEXT,  -- the message_id of the other one ...
  quoted_chat   TEXT,  -- ... in the chat with this chat_id
  quoted_person TEXT,  -- the channel_user_id of who wrote it, where the platform says so
  PRIMARY KEY (segment_no, seq)
) WITHOUT ROWID;
CREATE INDEX quotes_of_message ON quotes (quoted_id, quoted_chat) WHERE quoted_id IS NOT NULL;
CREATE INDEX quotes_of_person ON quotes (quoted_person) WHERE quoted_person IS NOT NULL;

CREATE TABLE vectors (  -- what messages mean, as a plugin says; gone once their content changes
  seq        INTEGER PRIMARY KEY,
  segment_no INTEGER NOT NULL REFERENCES segments,
  chat_no    INTEGER NOT NULL,
  made_by    TEXT NOT NULL,  -- the plugin; vectors of another one are not compared
  vector     BLOB NOT NULL   -- half-precision floats, little-endian, of length 1
);
CREATE INDEX vectors_of_segment ON vectors (segment_no, seq);

CREATE TABLE segment_changes (  -- edits and removals since the newest summary was stored
  segment_no INTEGER NOT NULL REFERENCES segments ON DELETE CASCADE,
  seq        INTEGER NOT NULL,  -- the first message that changed
  chat_no    INTEGER NOT NULL,
  changed    INTEGER NOT NULL,  -- what `segments.changed` was after it
  PRIMARY KEY (segment_no, seq, chat_no)
) WITHOUT ROWID;

CREATE TABLE tombstones (  -- deletions, also of messages not seen yet
  chat_no    INTEGER NOT NULL REFERENCES chats,
  message_id TEXT NOT NULL,
  at         REAL NOT NULL,
  account_no INTEGER REFERENCES accounts,  -- as the message's, if it was stored
  PRIMARY KEY (chat_no, message_id)
) WITHOUT ROWID;
CREATE INDEX tombstones_at ON tombstones (at);
CREATE INDEX tombstones_person ON tombstones (account_no) WHERE account_no IS NOT NULL;

CREATE TABLE summaries (
  summary_no    INTEGER PRIMARY KEY AUTOINCREMENT,
  session_no    INTEGER NOT NULL REFERENCES sessions,
  content       BLOB,  -- NULL: withdrawn, since its range changed
  made_by       TEXT NOT NULL,
  made_at       REAL NOT NULL,
  superseded_by INTEGER REFERENCES summaries,
  withdrawn_because TEXT  -- edited, deleted, forgotten, retention; NULL while it has content
);
CREATE INDEX summaries_of_session ON summaries (session_no);
CREATE INDEX summaries_superseded ON summaries (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX summaries_withdrawn ON summaries (session_no) WHERE content IS NULL;

CREATE TABLE summary_parts (  -- the range of each segment it covers
  segment_no INTEGER NOT NULL REFERENCES segments,
  summary_no INTEGER NOT NULL REFERENCES summaries ON DELETE CASCADE,
  from_seq   INTEGER NOT NULL,
  to_seq     INTEGER NOT NULL,
  PRIMARY KEY (segment_no, summary_no)
) WITHOUT ROWID;
CREATE INDEX parts_of_summary ON summary_parts (summary_no);

CREATE TABLE consolidation_failures (  -- a row while a session's summariser fails
  session_no  INTEGER PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
  failures    INTEGER NOT NULL,
  reason      TEXT NOT NULL,           -- the plugin and kind of failure, no text
  waits_until REAL                     -- no retry before; NULL: at a new message
);

CREATE TABLE link_requests (
  request_no    INTEGER PRIMARY KEY AUTOINCREMENT,
  asker_no      INTEGER NOT NULL UNIQUE REFERENCES accounts ON DELETE CASCADE,
  code_hash     BLOB,                        -- NULL after the code was typed
  half_hash     BLOB,                        -- of its first half, to count who guesses the rest
  guesses       INTEGER NOT NULL DEFAULT 0,
  redeemer_no   INTEGER REFERENCES accounts ON DELETE CASCADE,
  would_link    TEXT NOT NULL DEFAULT '',    -- the accounts of both sides, by number, when ...
  asker_step    INTEGER NOT NULL DEFAULT 0,  -- ... the asker was shown them (1), confirmed (2),
  redeemer_step INTEGER NOT NULL DEFAULT 0,  -- ... and the redeemer
  expires_at    REAL NOT NULL
);
CREATE UNIQUE INDEX link_code ON link_requests (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX link_codes_live ON link_requests (expires_at) WHERE code_hash IS NOT NULL;
CREATE INDEX link_half ON link_requests (half_hash) WHERE half_hash IS NOT NULL;
CREATE INDEX link_redeemer ON link_requests (redeemer_no) WHERE redeemer_no IS NOT NULL;

CREATE TABLE new_links (  -- accounts that a link brought together, for a day
  account_no INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  other_no   INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  at         REAL NOT NULL,
  PRIMARY KEY (account_no, other_no)
) WITHOUT ROWID;
CREATE INDEX new_links_of_other ON new_links (other_no);
CREATE INDEX new_links_at ON new_links (at);

CREATE TABLE attempts (  -- counted here to outlast a restart
  channel         TEXT NOT NULL,
  channel_user_id TEXT NOT NULL,
  kind            TEXT NOT NULL,
  at              REAL NOT NULL
);
CREATE INDEX attempts_of_account ON attempts (channel, channel_user_id, kind, at);
CREATE INDEX attempts_of_channel ON attempts (channel, kind, at);
CREATE INDEX attempts_at ON attempts (at);

CREATE TABLE notices (                                    -- to an account, about another
  notice_no  INTEGER PRIMARY KEY AUTOINCREMENT,
  account_no INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  chat_no    INTEGER REFERENCES chats ON DELETE CASCADE,  -- NULL: no direct chat of it is known
  kind       TEXT NOT NULL,
  about_no   INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  expires_at REAL NOT NULL,
  taken_at   REAL,                                        -- a process is delivering it since then
  failed_at  REAL                                         -- not delivered: a command shows it
);
CREATE INDEX notices_of_account ON notices (account_no);
CREATE INDEX notices_of_chat ON notices (chat_no) WHERE chat_no IS NOT NULL;
CREATE INDEX notices_about ON notices (about_no);
CREATE INDEX notices_expire ON notices (expires_at);

CREATE TABLE audit (  -- who was linked, unlinked or forgotten; no text
  entry_no      INTEGER PRIMARY KEY AUTOINCREMENT,
  at            REAL NOT NULL,
  action        TEXT NOT NULL,
  actor_no      INTEGER,
  user_id       TEXT,
  other_user_id TEXT
);
CREATE INDEX audit_of_user ON audit (user_id);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_of_other ON audit (other_user_id) WHERE other_user_id IS NOT NULL;

CREATE TABLE forgotten (       -- keyed hashes, useless without the hub's secret
  account_hash BLOB PRIMARY KEY,
  sent_until   REAL NOT NULL,  -- earlier messages are ignored
  at           REAL NOT NULL,
  left_at      REAL            -- the wait before linking lasts
) WITHOUT ROWID;

CREATE TABLE forgotten_messages (  -- those that `sent_until` does not tell
  message_hash BLOB PRIMARY KEY,
  at           REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX forgotten_messages_at ON forgotten_messages (at);

CREATE TABLE secret_fingerprint (  -- of the secret of the hashes above and of link codes
  only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
  fingerprint BLOB NOT NULL
);

CREATE TABLE erasures (  -- deleted bytes may still be in the file
  erasure_no INTEGER PRIMARY KEY AUTOINCREMENT,
  at         REAL NOT NULL
);

CREATE TABLE work_leases (  -- work that one process at a time does
  name   TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until  REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE marks (  -- when something was last done, by the clock of the hub that did it
  name TEXT PRIMARY KEY,
  at   REAL NOT NULL
) WITHOUT ROWID;

-- For people, who look with other programs.
CREATE VIEW readable_messages AS
SELECT m.seq, c.channel, c.chat_id, g.thread_id, s.session_id, s.user_id, m.role, m.author_name,
       datetime(m.sent_at, 'unixepoch') AS sent, CAST(m.content AS TEXT) AS content,
       CAST(m.attachments AS TEXT) AS attachments, CAST(m.parts AS TEXT) AS parts,
       CAST(m.metadata AS TEXT) AS metadata
FROM messages AS m
JOIN segments AS g ON g.segment_no = m.segment_no
JOIN chats AS c ON c.chat_no = m.chat_no
JOIN sessions AS s ON s.session_no = g.session_no;

CREATE VIEW readable_sessions AS
SELECT s.session_id, s.bot, s.user_id, c.channel, c.chat_id, s.thread_id, s.name,
       datetime(s.started_at, 'unixepoch') AS started, s.start_reason,
       datetime(s.ended_at, 'unixepoch') AS ended, s.end_reason, s.pinned,
       CAST(s.metadata AS TEXT) AS metadata, CAST(s.state AS TEXT) AS state
FROM sessions AS s
LEFT JOIN chats AS c ON c.chat_no = s.chat_no;

CREATE VIEW readable_summaries AS
SELECT y.summary_no, s.session_id, datetime(y.made_at, 'unixepoch') AS made, y.made_by,
       y.superseded_by, y.withdrawn_because, CAST(y.content AS TEXT) AS content
FROM summaries AS y
JOIN sessions AS s ON s.session_no = y.session_no;
