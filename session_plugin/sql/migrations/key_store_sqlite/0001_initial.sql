-- A key store: keys of people's words, wrapped with one master key. Whose a key is, it does not know.

CREATE TABLE key_store (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  master_id BLOB NOT NULL
);

-- Rows are only ever added at the end, and are never deleted, so none moves between pages, where a
-- version of SQLite could leave a copy. A key that is destroyed becomes zeros, in its place.
CREATE TABLE wrapped_keys (
  key_no INTEGER PRIMARY KEY,
  key_id BLOB NOT NULL UNIQUE,
  wrapped BLOB NOT NULL CHECK (length(wrapped) = 60)
);
