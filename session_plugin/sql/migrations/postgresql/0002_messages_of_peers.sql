-- A message that is of the person of a direct chat needs no entry in the index of accounts: the
-- chat says who that is, and never says otherwise later. Earlier messages keep their entries.

ALTER TABLE messages ADD COLUMN of_peer BIGINT NOT NULL DEFAULT 0;
