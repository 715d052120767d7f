-- A key store: keys of people's words, wrapped with one master key. Whose a key is, it does not know.

CREATE TABLE session_plugin_key_store (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  version BIGINT NOT NULL,
  master_id BYTEA NOT NULL
);

CREATE TABLE session_plugin_keys (
  key_id BYTEA PRIMARY KEY,
  wrapped BYTEA NOT NULL CHECK (length(wrapped) = 60)
);
