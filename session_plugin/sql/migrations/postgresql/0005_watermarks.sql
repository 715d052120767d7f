-- Messages of forgotten accounts that the time they were sent at cannot tell from newer ones, by keyed hashes.

CREATE TABLE forgotten_messages (
  message_hash BYTEA PRIMARY KEY,
  at           DOUBLE PRECISION NOT NULL
);
CREATE INDEX forgotten_messages_at ON forgotten_messages (at);
