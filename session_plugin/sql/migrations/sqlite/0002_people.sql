-- What people may ask for and what protects them: links that cannot be guessed or stolen, notices that wait for whoever can
-- deliver them, accounts that are left alone or forgotten, parts of a scope by name, groups whose chat becomes another.

ALTER TABLE accounts ADD COLUMN private INTEGER NOT NULL DEFAULT 0;  -- it asked that nothing of it be kept
ALTER TABLE accounts ADD COLUMN left_at REAL;                        -- when it was unlinked from others ...
ALTER TABLE accounts ADD COLUMN left_user_id TEXT;                   -- ... who stayed under this id
ALTER TABLE accounts ADD COLUMN forgotten_until REAL;                -- what it sent up to then is not taken in again

ALTER TABLE chats ADD COLUMN became INTEGER REFERENCES chats;        -- the platform gave this group another chat
CREATE INDEX chats_became ON chats (became) WHERE became IS NOT NULL;

ALTER TABLE sessions ADD COLUMN name TEXT NOT NULL DEFAULT '';       -- a part of its scope that is kept apart
DROP INDEX one_live_direct;
DROP INDEX one_live_group;
DROP INDEX sessions_of_user;
DROP INDEX sessions_of_chat;
CREATE UNIQUE INDEX one_live_direct ON sessions (bot, user_id, name) WHERE ended_at IS NULL AND user_id IS NOT NULL;
CREATE UNIQUE INDEX one_live_group ON sessions (chat_no, thread_id, name) WHERE ended_at IS NULL AND chat_no IS NOT NULL;
CREATE INDEX sessions_of_user ON sessions (user_id, bot, name, session_no) WHERE user_id IS NOT NULL;
CREATE INDEX sessions_of_chat ON sessions (chat_no, thread_id, name, session_no) WHERE chat_no IS NOT NULL;

DROP INDEX message_person;
CREATE INDEX message_person ON messages (account_no, seq) WHERE account_no IS NOT NULL;

CREATE TABLE attempts (                            -- what is counted, so that a restart does not help whoever guesses
  channel         TEXT NOT NULL,
  channel_user_id TEXT NOT NULL,
  kind            TEXT NOT NULL,
  at              REAL NOT NULL
);
CREATE INDEX attempts_of_account ON attempts (channel, channel_user_id, kind, at);
CREATE INDEX attempts_of_channel ON attempts (channel, kind, at);
CREATE INDEX attempts_at ON attempts (at);

CREATE TABLE notices (                             -- what a person is to be told on their own platform
  notice_no  INTEGER PRIMARY KEY AUTOINCREMENT,
  account_no INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  chat_no    INTEGER REFERENCES chats ON DELETE CASCADE,  -- where; NULL: no direct chat of theirs is known
  kind       TEXT NOT NULL,
  about_no   INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  expires_at REAL NOT NULL,
  taken_at   REAL,                                 -- a process is delivering it since then
  failed_at  REAL                                  -- it could not be delivered; the next command shows it
);
CREATE INDEX notices_of_account ON notices (account_no);
CREATE INDEX notices_of_chat ON notices (chat_no) WHERE chat_no IS NOT NULL;
CREATE INDEX notices_about ON notices (about_no);
CREATE INDEX notices_expire ON notices (expires_at);

CREATE TABLE forgotten (                           -- nobody can be read from this without the hub's secret
  account_hash BLOB PRIMARY KEY,
  sent_until   REAL NOT NULL,
  at           REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE erasures (                            -- deleted bytes that may still lie in the file
  erasure_no INTEGER PRIMARY KEY AUTOINCREMENT,
  at         REAL NOT NULL
);
