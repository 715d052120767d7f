-- Encryption: whose a data key is, which ones were destroyed, and whether cells are sealed. The keys
-- themselves are in a store elsewhere. Rows of people that are gone have no other trace, so nothing
-- here refers to theirs.

CREATE TABLE encryption (
  only_row     BIGINT PRIMARY KEY CHECK (only_row = 1),
  state        TEXT COLLATE "C" NOT NULL, -- sealing or opening, while older rows are not there; sealed
  check_id     BYTEA NOT NULL,           -- a key of the store ...
  check_cell   BYTEA NOT NULL,           -- ... and what it seals, by which another store is refused
  done_segment BIGINT NOT NULL,          -- up to where older messages are there: a segment ...
  done_seq     BIGINT NOT NULL           -- ... and a message in it
);

CREATE TABLE data_keys (  -- 0 and '' where it is not of one
  key_id     BYTEA PRIMARY KEY,
  kind       TEXT COLLATE "C" NOT NULL,           -- messages, chat, account, session, summaries, user
  chat_no    BIGINT NOT NULL DEFAULT 0,           -- messages: of a chat ...; chat: its title
  account_no BIGINT NOT NULL DEFAULT 0,           -- ... and within a group of a person; account
  session_no BIGINT NOT NULL DEFAULT 0,           -- session: its state and metadata; summaries
  user_id    TEXT COLLATE "C" NOT NULL DEFAULT '', -- user: the state
  is_old     BIGINT NOT NULL DEFAULT 0            -- 1: it was renewed, and seals nothing any more
);
CREATE INDEX data_keys_of_owner ON data_keys (kind, chat_no, account_no, session_no, user_id);
CREATE INDEX data_keys_of_account ON data_keys (account_no) WHERE account_no <> 0;

CREATE TABLE destroyed_keys (  -- never deleted: a store may be put back from a copy that has them
  destroyed_no BIGSERIAL PRIMARY KEY,
  key_id       BYTEA NOT NULL UNIQUE,
  at           DOUBLE PRECISION NOT NULL,
  is_done      BIGINT NOT NULL DEFAULT 0  -- 1: the store has destroyed it
);
CREATE INDEX destroyed_keys_left ON destroyed_keys (destroyed_no) WHERE is_done = 0;

-- 1: what was deleted was sealed with keys that are destroyed, so the file is rewritten when nobody
-- has to wait for it.
ALTER TABLE erasures ADD COLUMN may_wait BIGINT NOT NULL DEFAULT 0;

-- Text with a NUL or a lone surrogate is not valid to the server; it is shown escaped.
CREATE OR REPLACE FUNCTION readable(content BYTEA) RETURNS TEXT LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF substring(content FROM 1 FOR 1) = '\xff' THEN
    RETURN '(sealed)';
  END IF;
  RETURN convert_from(content, 'UTF8');
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
  RETURN encode(content, 'escape');
END $$;

-- A sealed name is looked for by nothing, and a long one would be too long for an index.
DROP INDEX accounts_of_name;
CREATE INDEX accounts_of_name ON accounts (display_name, channel)
  WHERE display_name <> '' AND substr(display_name, 1, 1) <> chr(1);
