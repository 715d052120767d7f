-- People, their chats and sessions, what was written there, and what is remembered about both: the
-- tables of SQLite, with the chat first in the keys of those that grow, so that they can be
-- distributed by chat.
--
-- Numbers come from sequences, so none is given out twice: a new row must not inherit a number that
-- something else still refers to. Every foreign key has an index. Ids are compared byte by byte,
-- hence COLLATE "C". Whatever people and bots can fill is stored as bytes.

CREATE TABLE session_plugin_schema (version BIGINT NOT NULL);  -- how many of these files were run
INSERT INTO session_plugin_schema VALUES (0);

CREATE TABLE session_plugin_writers (  -- the last transaction that each writer has committed
  writer_id TEXT COLLATE "C" PRIMARY KEY,
  group_no  BIGINT NOT NULL
);

CREATE TABLE users (
  user_id       TEXT COLLATE "C" PRIMARY KEY,
  created_at    DOUBLE PRECISION NOT NULL,
  merged_into   TEXT COLLATE "C" REFERENCES users,  -- the user whose id replaces this one
  state         BYTEA,                              -- JSON that the bot's author stores
  state_version BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX users_merged ON users (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE accounts (
  account_no      BIGSERIAL PRIMARY KEY,
  channel         TEXT COLLATE "C" NOT NULL,
  channel_user_id TEXT COLLATE "C" NOT NULL,
  user_id         TEXT COLLATE "C" NOT NULL REFERENCES users,
  home_user_id    TEXT COLLATE "C" NOT NULL REFERENCES users,  -- its user id after it is unlinked
  display_name    TEXT NOT NULL DEFAULT '',
  labels          BYTEA,                                       -- SessionStore: ids elsewhere
  private         BIGINT NOT NULL DEFAULT 0,                   -- 1: its messages are not stored
  left_at         DOUBLE PRECISION,                            -- when it was unlinked ...
  left_user_id    TEXT COLLATE "C",                            -- ... from the accounts of this user
  forgotten_until DOUBLE PRECISION,                            -- earlier messages are ignored
  UNIQUE (channel, channel_user_id)
);
CREATE INDEX accounts_of_user ON accounts (user_id);
CREATE INDEX accounts_of_home ON accounts (home_user_id);
CREATE INDEX accounts_of_name ON accounts (display_name, channel) WHERE display_name <> '';

CREATE TABLE chats (
  chat_no BIGSERIAL PRIMARY KEY,
  bot     TEXT COLLATE "C" NOT NULL,
  channel TEXT COLLATE "C" NOT NULL,
  bot_id  TEXT COLLATE "C" NOT NULL,
  chat_id TEXT COLLATE "C" NOT NULL,
  kind    TEXT NOT NULL CHECK (kind IN ('direct', 'group')),
  peer_no BIGINT REFERENCES accounts,  -- direct: its owner, once one has written
  title   TEXT NOT NULL DEFAULT '',
  became  BIGINT REFERENCES chats,     -- group: the chat that it was moved to
  imported_until DOUBLE PRECISION,     -- messages up to then may be imported, under other ids
  UNIQUE (bot, channel, bot_id, chat_id),
  CHECK (kind = 'direct' OR peer_no IS NULL)
);
CREATE INDEX chats_of_peer ON chats (peer_no) WHERE peer_no IS NOT NULL;
CREATE INDEX chats_became ON chats (became) WHERE became IS NOT NULL;

CREATE TABLE sessions (
  session_no      BIGSERIAL PRIMARY KEY,
  session_id      TEXT COLLATE "C" NOT NULL UNIQUE,
  bot             TEXT COLLATE "C" NOT NULL,
  user_id         TEXT COLLATE "C" REFERENCES users,     -- a user's direct chats ...
  chat_no         BIGINT REFERENCES chats,               -- ... or a group's thread
  thread_id       TEXT COLLATE "C" NOT NULL DEFAULT '',
  name            TEXT COLLATE "C" NOT NULL DEFAULT '',  -- the scope name, separate within both
  founder_no      BIGINT REFERENCES accounts,            -- direct: in whose chat it began, for good
  started_at      DOUBLE PRECISION NOT NULL,
  start_reason    TEXT NOT NULL,
  ended_at        DOUBLE PRECISION,
  end_reason      TEXT,
  joined_into     BIGINT REFERENCES sessions,            -- while linked: what its segments moved to
  start_announced BIGINT NOT NULL DEFAULT 0,
  end_announced   BIGINT NOT NULL DEFAULT 0,
  pinned          BIGINT NOT NULL DEFAULT 0,             -- 1: exempt from decay
  metadata        BYTEA,                                 -- JSON
  state           BYTEA,                                 -- JSON that the bot's author stores
  state_version   BIGINT NOT NULL DEFAULT 0,
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
CREATE INDEX sessions_live ON sessions (session_no) WHERE ended_at IS NULL;
-- Without statistics the server considers all usable indexes equally cheap and takes the newest.
-- So the two that find the live session of a scope are created last, and sessions_live omits the
-- bot, so that it is not usable for that.
CREATE UNIQUE INDEX one_live_direct ON sessions (bot, user_id, name)
  WHERE ended_at IS NULL AND user_id IS NOT NULL;
CREATE UNIQUE INDEX one_live_group ON sessions (chat_no, thread_id, name)
  WHERE ended_at IS NULL AND chat_no IS NOT NULL;

CREATE TABLE segments (
  chat_no         BIGINT NOT NULL REFERENCES chats,
  segment_no      BIGSERIAL,
  thread_id       TEXT COLLATE "C" NOT NULL DEFAULT '',
  session_no      BIGINT NOT NULL REFERENCES sessions,
  home_session_no BIGINT NOT NULL REFERENCES sessions,  -- its session after it is unlinked
  live_from       BIGINT NOT NULL DEFAULT 0,            -- messages before this `seq` are archive
  live_count      BIGINT NOT NULL DEFAULT 0,
  total_count     BIGINT NOT NULL DEFAULT 0,
  changed         BIGINT NOT NULL DEFAULT 0,            -- counts edits, deletions and decay
  moved           BIGINT NOT NULL DEFAULT 0,            -- counts moves, also of `live_from`
  last_seq        BIGINT NOT NULL DEFAULT 0,
  oldest_at       DOUBLE PRECISION,                     -- receipt of its oldest message, if any
  last_activity   DOUBLE PRECISION NOT NULL,
  handle          TEXT COLLATE "C",                     -- what SessionStore calls session_id
  PRIMARY KEY (chat_no, segment_no),
  UNIQUE (session_no, chat_no, thread_id)
);
CREATE INDEX segments_by_no ON segments (segment_no);
CREATE INDEX segments_handle ON segments (handle) WHERE handle IS NOT NULL;
CREATE INDEX segments_home ON segments (home_session_no);
CREATE INDEX segments_oldest ON segments (oldest_at) WHERE oldest_at IS NOT NULL;

CREATE TABLE messages (
  chat_no     BIGINT NOT NULL,
  seq         BIGSERIAL,
  segment_no  BIGINT NOT NULL,
  message_id  TEXT COLLATE "C",
  role        TEXT NOT NULL,
  account_no  BIGINT REFERENCES accounts,  -- its author; the bot's: who is answered
  author_name TEXT,
  channel     TEXT COLLATE "C",            -- SessionStore: if not that of the chat
  sent_at     DOUBLE PRECISION NOT NULL,
  received_at DOUBLE PRECISION NOT NULL,
  content     BYTEA NOT NULL,              -- UTF-8 with surrogatepass
  metadata    BYTEA,
  attachments BYTEA,
  reply_to    TEXT COLLATE "C",
  edited_at   DOUBLE PRECISION,
  version     BIGINT NOT NULL DEFAULT 0,   -- orders edits of one time; 0: not counted
  withheld    BIGINT NOT NULL DEFAULT 0,   -- 1: not stored, because a filter failed
  parts       BYTEA,                       -- calls of tools, their results, media, reasoning
  turn        TEXT COLLATE "C",            -- the run of a model that it is of
  aside       BIGINT NOT NULL DEFAULT 0,   -- 1: no part of the conversation with a model
  PRIMARY KEY (chat_no, seq),
  FOREIGN KEY (chat_no, segment_no) REFERENCES segments
);
CREATE UNIQUE INDEX message_once ON messages (chat_no, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX message_tail ON messages (segment_no, seq);
CREATE INDEX message_imported ON messages (seq) WHERE seq < 0;  -- numbered by time, see rules/numbers.py
CREATE INDEX message_person ON messages (account_no, seq) WHERE account_no IS NOT NULL;
CREATE INDEX message_instructions ON messages (segment_no, seq)
  WHERE role IN ('system', 'developer');

CREATE TABLE quotes (  -- messages that quote another one, and go the way of that one
  segment_no    BIGINT NOT NULL,
  seq           BIGINT NOT NULL,
  chat_no       BIGINT NOT NULL,
  quoted_id     TEXT COLLATE "C",  -- the message_id of the other one ...
  quoted_chat   TEXT COLLATE "C",  -- ... in the chat with this chat_id
  quoted_person TEXT COLLATE "C",  -- the channel_user_id of who wrote it, where the platform says so
  PRIMARY KEY (segment_no, seq, chat_no),
  FOREIGN KEY (chat_no, segment_no) REFERENCES segments
);
CREATE INDEX quotes_of_message ON quotes (quoted_id, quoted_chat) WHERE quoted_id IS NOT NULL;
CREATE INDEX quotes_of_person ON quotes (quoted_person) WHERE quoted_person IS NOT NULL;

CREATE TABLE vectors (  -- what messages mean, as a plugin says; gone once their content changes
  segment_no BIGINT NOT NULL,
  seq        BIGINT NOT NULL,
  chat_no    BIGINT NOT NULL,
  made_by    TEXT NOT NULL,   -- the plugin; vectors of another one are not compared
  vector     BYTEA NOT NULL,  -- half-precision floats, little-endian, of length 1
  PRIMARY KEY (segment_no, seq, chat_no),
  FOREIGN KEY (chat_no, segment_no) REFERENCES segments
);

CREATE TABLE segment_changes (  -- edits and removals since the newest summary was stored
  segment_no BIGINT NOT NULL,
  seq        BIGINT NOT NULL,  -- the first message that changed
  chat_no    BIGINT NOT NULL,
  changed    BIGINT NOT NULL,  -- what `segments.changed` was after it
  PRIMARY KEY (segment_no, seq, chat_no),
  FOREIGN KEY (chat_no, segment_no) REFERENCES segments ON DELETE CASCADE
);

CREATE TABLE tombstones (  -- deletions, also of messages not seen yet
  chat_no    BIGINT NOT NULL REFERENCES chats,
  message_id TEXT COLLATE "C" NOT NULL,
  at         DOUBLE PRECISION NOT NULL,
  account_no BIGINT REFERENCES accounts,  -- as the message's, if it was stored
  PRIMARY KEY (chat_no, message_id)
);
CREATE INDEX tombstones_at ON tombstones (at);
CREATE INDEX tombstones_person ON tombstones (account_no) WHERE account_no IS NOT NULL;

CREATE TABLE summaries (
  summary_no    BIGSERIAL PRIMARY KEY,
  session_no    BIGINT NOT NULL REFERENCES sessions,
  content       BYTEA,  -- NULL: withdrawn, since its range changed
  made_by       TEXT NOT NULL,
  made_at       DOUBLE PRECISION NOT NULL,
  superseded_by BIGINT REFERENCES summaries,
  withdrawn_because TEXT  -- edited, deleted, forgotten, retention; NULL while it has content
);
CREATE INDEX summaries_of_session ON summaries (session_no);
CREATE INDEX summaries_superseded ON summaries (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX summaries_withdrawn ON summaries (session_no) WHERE content IS NULL;

CREATE TABLE summary_parts (  -- the range of each segment it covers
  chat_no    BIGINT NOT NULL,
  segment_no BIGINT NOT NULL,
  summary_no BIGINT NOT NULL REFERENCES summaries ON DELETE CASCADE,
  from_seq   BIGINT NOT NULL,
  to_seq     BIGINT NOT NULL,
  PRIMARY KEY (chat_no, segment_no, summary_no),
  FOREIGN KEY (chat_no, segment_no) REFERENCES segments
);
CREATE INDEX parts_of_segment ON summary_parts (segment_no);
CREATE INDEX parts_of_summary ON summary_parts (summary_no);

CREATE TABLE consolidation_failures (  -- a row while a session's summariser fails
  session_no  BIGINT PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
  failures    BIGINT NOT NULL,
  reason      TEXT NOT NULL,           -- the plugin and kind of failure, no text
  waits_until DOUBLE PRECISION         -- no retry before; NULL: at a new message
);

CREATE TABLE link_requests (
  request_no    BIGSERIAL PRIMARY KEY,
  asker_no      BIGINT NOT NULL UNIQUE REFERENCES accounts ON DELETE CASCADE,
  code_hash     BYTEA,                      -- NULL after the code was typed
  half_hash     BYTEA,                      -- of its first half, to count who guesses the rest
  guesses       BIGINT NOT NULL DEFAULT 0,
  redeemer_no   BIGINT REFERENCES accounts ON DELETE CASCADE,
  would_link    TEXT NOT NULL DEFAULT '',   -- the accounts of both sides, by number, when ...
  asker_step    BIGINT NOT NULL DEFAULT 0,  -- ... the asker was shown them (1), confirmed (2),
  redeemer_step BIGINT NOT NULL DEFAULT 0,  -- ... and the redeemer
  expires_at    DOUBLE PRECISION NOT NULL
);
CREATE UNIQUE INDEX link_code ON link_requests (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX link_codes_live ON link_requests (expires_at) WHERE code_hash IS NOT NULL;
CREATE INDEX link_half ON link_requests (half_hash) WHERE half_hash IS NOT NULL;
CREATE INDEX link_redeemer ON link_requests (redeemer_no) WHERE redeemer_no IS NOT NULL;

CREATE TABLE new_links (  -- accounts that a link brought together, for a day
  account_no BIGINT NOT NULL REFERENCES accounts ON DELETE CASCADE,
  other_no   BIGINT NOT NULL REFERENCES accounts ON DELETE CASCADE,
  at         DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (account_no, other_no)
);
CREATE INDEX new_links_of_other ON new_links (other_no);
CREATE INDEX new_links_at ON new_links (at);

CREATE TABLE attempts (  -- counted here to outlast a restart
  channel         TEXT COLLATE "C" NOT NULL,
  channel_user_id TEXT COLLATE "C" NOT NULL,
  kind            TEXT NOT NULL,
  at              DOUBLE PRECISION NOT NULL
);
CREATE INDEX attempts_of_account ON attempts (channel, channel_user_id, kind, at);
CREATE INDEX attempts_of_channel ON attempts (channel, kind, at);
CREATE INDEX attempts_at ON attempts (at);

CREATE TABLE notices (                                   -- to an account, about another
  notice_no  BIGSERIAL PRIMARY KEY,
  account_no BIGINT NOT NULL REFERENCES accounts ON DELETE CASCADE,
  chat_no    BIGINT REFERENCES chats ON DELETE CASCADE,  -- NULL: no direct chat of it is known
  kind       TEXT NOT NULL,
  about_no   BIGINT NOT NULL REFERENCES accounts ON DELETE CASCADE,
  expires_at DOUBLE PRECISION NOT NULL,
  taken_at   DOUBLE PRECISION,                           -- a process is delivering it since then
  failed_at  DOUBLE PRECISION                            -- not delivered: a command shows it
);
CREATE INDEX notices_of_account ON notices (account_no);
CREATE INDEX notices_of_chat ON notices (chat_no) WHERE chat_no IS NOT NULL;
CREATE INDEX notices_about ON notices (about_no);
CREATE INDEX notices_expire ON notices (expires_at);

CREATE TABLE audit (  -- who was linked, unlinked or forgotten; no text
  entry_no      BIGSERIAL PRIMARY KEY,
  at            DOUBLE PRECISION NOT NULL,
  action        TEXT NOT NULL,
  actor_no      BIGINT,
  user_id       TEXT COLLATE "C",
  other_user_id TEXT COLLATE "C"
);
CREATE INDEX audit_of_user ON audit (user_id);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_of_other ON audit (other_user_id) WHERE other_user_id IS NOT NULL;

CREATE TABLE forgotten (                   -- keyed hashes, useless without the hub's secret
  account_hash BYTEA PRIMARY KEY,
  sent_until   DOUBLE PRECISION NOT NULL,  -- earlier messages are ignored
  at           DOUBLE PRECISION NOT NULL,
  left_at      DOUBLE PRECISION            -- the wait before linking lasts
);

CREATE TABLE forgotten_messages (  -- those that `sent_until` does not tell
  message_hash BYTEA PRIMARY KEY,
  at           DOUBLE PRECISION NOT NULL
);
CREATE INDEX forgotten_messages_at ON forgotten_messages (at);

CREATE TABLE secret_fingerprint (  -- of the secret of the hashes above and of link codes
  only_row    BIGINT PRIMARY KEY CHECK (only_row = 1),
  fingerprint BYTEA NOT NULL
);

CREATE TABLE erasures (  -- deleted bytes may still be in the file
  erasure_no BIGSERIAL PRIMARY KEY,
  at         DOUBLE PRECISION NOT NULL
);

CREATE TABLE work_leases (  -- work that one process at a time does
  name   TEXT COLLATE "C" PRIMARY KEY,
  holder TEXT COLLATE "C" NOT NULL,
  until  DOUBLE PRECISION NOT NULL
);

CREATE TABLE marks (  -- when something was last done, by the clock of the hub that did it
  name TEXT COLLATE "C" PRIMARY KEY,
  at   DOUBLE PRECISION NOT NULL
);

-- Text with a NUL or a lone surrogate is not valid to the server; it is shown escaped.
CREATE FUNCTION readable(content BYTEA) RETURNS TEXT LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN convert_from(content, 'UTF8');
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
  RETURN encode(content, 'escape');
END $$;

-- For people, who look with other programs.
CREATE VIEW readable_messages AS
SELECT m.seq, c.channel, c.chat_id, g.thread_id, s.session_id, s.user_id, m.role, m.author_name,
       to_timestamp(m.sent_at) AS sent, readable(m.content) AS content,
       readable(m.attachments) AS attachments, readable(m.parts) AS parts,
       readable(m.metadata) AS metadata
FROM messages AS m
JOIN segments AS g ON g.chat_no = m.chat_no AND g.segment_no = m.segment_no
JOIN chats AS c ON c.chat_no = m.chat_no
JOIN sessions AS s ON s.session_no = g.session_no;

CREATE VIEW readable_sessions AS
SELECT s.session_id, s.bot, s.user_id, c.channel, c.chat_id, s.thread_id, s.name,
       to_timestamp(s.started_at) AS started, s.start_reason,
       to_timestamp(s.ended_at) AS ended, s.end_reason, s.pinned,
       readable(s.metadata) AS metadata, readable(s.state) AS state
FROM sessions AS s
LEFT JOIN chats AS c ON c.chat_no = s.chat_no;

CREATE VIEW readable_summaries AS
SELECT y.summary_no, s.session_id, to_timestamp(y.made_at) AS made, y.made_by,
       y.superseded_by, y.withdrawn_because, readable(y.content) AS content
FROM summaries AS y
JOIN sessions AS s ON s.session_no = y.session_no;
