-- Wrapped keys in a key store: a small SQLite file, or a schema of its own on a server.

-- name: key_master [sqlite]
-- Which master key wraps all keys of this store; no row in a store that is being made.
SELECT master_id FROM key_store

-- name: set_key_master [sqlite]
-- From now on another master key wraps them.
INSERT INTO key_store (only_row, master_id) VALUES (1, :master_id)
ON CONFLICT (only_row) DO UPDATE SET master_id = excluded.master_id

-- name: wrapped_key [sqlite]
-- A key, and what it is wrapped with, which another process may have changed. Zeros are no key.
SELECT w.wrapped, s.master_id FROM wrapped_keys w, key_store s
WHERE w.key_id = :key_id AND w.wrapped <> zeroblob(60)

-- name: add_wrapped_key [sqlite]
-- A new key.
INSERT INTO wrapped_keys (key_id, wrapped) VALUES (:key_id, :wrapped)
ON CONFLICT (key_id) DO UPDATE SET wrapped = excluded.wrapped

-- name: destroy_wrapped_key [sqlite]
-- As long as before, so SQLite writes the zeros over the key.
UPDATE wrapped_keys SET wrapped = zeroblob(60)
WHERE key_id = :key_id AND wrapped <> zeroblob(60)

-- name: wrapped_keys [sqlite]
-- All keys, to wrap them anew.
SELECT key_no, key_id, wrapped FROM wrapped_keys WHERE wrapped <> zeroblob(60)

-- name: replace_wrapped_key [sqlite]
-- The same key under another master key; as long as before, so it is written over.
UPDATE wrapped_keys SET wrapped = :wrapped WHERE key_no = :key_no

-- name: key_store_table [postgresql]
-- Is there a key store in this schema?
SELECT relname FROM pg_class
WHERE relname = 'session_plugin_key_store'
  AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())

-- name: key_store_version [postgresql]
-- The number of migrations that it has had, and which master key wraps all its keys.
SELECT version, master_id FROM session_plugin_key_store

-- name: make_key_store [postgresql]
-- It has the tables of this version.
INSERT INTO session_plugin_key_store (only_row, version, master_id)
VALUES (1, :version, :master_id)

-- name: key_master_shared [postgresql]
-- Which master key wraps all keys; nobody changes that until this transaction is over.
SELECT master_id FROM session_plugin_key_store FOR SHARE

-- name: key_master_alone [postgresql]
-- The same, and nobody else adds or destroys keys.
SELECT master_id FROM session_plugin_key_store FOR UPDATE

-- name: change_key_master [postgresql]
-- From now on another master key wraps them.
UPDATE session_plugin_key_store SET master_id = :master_id

-- name: wrapped_of_keys [postgresql]
-- Keys, and what they are wrapped with, which another process may have changed.
SELECT w.key_id, w.wrapped, s.master_id
FROM session_plugin_keys w CROSS JOIN session_plugin_key_store s
WHERE w.key_id = ANY(CAST(:key_ids AS BYTEA[]))

-- name: add_wrapped_keys [postgresql]
-- New keys; those that another process has added meanwhile stay as they are.
INSERT INTO session_plugin_keys (key_id, wrapped)
SELECT * FROM unnest(CAST(:key_ids AS BYTEA[]), CAST(:wrapped AS BYTEA[]))
ON CONFLICT (key_id) DO NOTHING

-- name: destroy_wrapped_keys [postgresql]
-- The rows go; their bytes stay in the table's file until it is rewritten.
DELETE FROM session_plugin_keys WHERE key_id = ANY(CAST(:key_ids AS BYTEA[]))

-- name: size_of_wrapped_keys [postgresql]
-- The bytes of the table's file.
SELECT pg_relation_size(CAST('session_plugin_keys' AS REGCLASS))

-- name: wait_for_no_reader [postgresql]
-- A tenth of a second at most: those who come meanwhile wait behind it.
SET LOCAL lock_timeout = 100

-- name: rewrite_wrapped_keys [postgresql]
-- A new file for the table, with the rows that there are: unlike VACUUM FULL, it leaves out rows
-- that an older snapshot could still see, and it can share a transaction.
ALTER TABLE session_plugin_keys ALTER COLUMN wrapped TYPE BYTEA USING wrapped || CAST('' AS BYTEA)

-- name: all_wrapped_keys [postgresql]
-- All keys, to wrap them anew.
SELECT key_id, wrapped FROM session_plugin_keys

-- name: replace_wrapped_keys [postgresql]
-- The same keys under another master key.
UPDATE session_plugin_keys AS w SET wrapped = n.wrapped
FROM unnest(CAST(:key_ids AS BYTEA[]), CAST(:wrapped AS BYTEA[])) AS n (key_id, wrapped)
WHERE w.key_id = n.key_id
