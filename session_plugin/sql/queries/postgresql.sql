-- The locks under which a PostgreSQL transaction writes, and the mark by which a writer finds out
-- whether its last transaction was committed.

-- name: settings_of_transaction [postgresql]
-- Settings that end with this transaction.
SELECT set_config(s.name, s.setting, true)
FROM unnest(CAST(:names AS TEXT[]), CAST(:settings AS TEXT[])) AS s (name, setting)

-- name: commit_to_disk [postgresql]
-- What is acknowledged is on disk, whatever the default of the server or of the role is.
SELECT set_config('synchronous_commit', 'on', :is_local)
WHERE current_setting('synchronous_commit') = 'off'

-- name: session_at_hand [postgresql]
-- The session of the server that this transaction has got: a standby's after a switch, perhaps, and
-- which of its prepared statements have names that begin so.
SELECT pg_is_in_recovery() AS is_standby, ARRAY(
  SELECT name FROM pg_prepared_statements WHERE starts_with(name, :prefix)) AS names

-- name: lock_shared [postgresql]
-- This transaction writes only messages, next to others that do the same; and which key was
-- destroyed last.
WITH marked AS (
  INSERT INTO session_plugin_writers (writer_id, group_no)
  VALUES (:writer_id, :group_no)
  ON CONFLICT (writer_id) DO UPDATE SET group_no = excluded.group_no)
SELECT pg_advisory_xact_lock_shared(1397771335, hashtext(current_schema())),
  (SELECT MAX(destroyed_no) FROM destroyed_keys) AS newest_destroyed

-- name: lock_alone [postgresql]
-- This transaction is the only one that writes, as each one is on SQLite.
WITH marked AS (
  INSERT INTO session_plugin_writers (writer_id, group_no)
  VALUES (:writer_id, :group_no)
  ON CONFLICT (writer_id) DO UPDATE SET group_no = excluded.group_no)
SELECT pg_advisory_xact_lock(1397771335, hashtext(current_schema())),
  (SELECT MAX(destroyed_no) FROM destroyed_keys) AS newest_destroyed

-- name: last_group [postgresql]
-- The writer's last committed group; waits for a transaction that is not over.
INSERT INTO session_plugin_writers (writer_id, group_no)
VALUES (:writer_id, -1)
ON CONFLICT (writer_id) DO UPDATE SET writer_id = excluded.writer_id
RETURNING group_no

-- name: drop_writer [postgresql]
-- This writer is closed, so nobody asks for its mark again.
DELETE FROM session_plugin_writers WHERE writer_id = :writer_id
