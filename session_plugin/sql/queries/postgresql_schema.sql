-- Recognising our schema on a PostgreSQL server, and bringing it up to date.

-- name: lock_schema [postgresql]
-- Nobody else writes or changes the schema until this transaction is over.
SELECT pg_advisory_xact_lock(1397771335, hashtext(current_schema()))

-- name: set_setting [postgresql]
-- A setting of this transaction, or of the whole session.
SELECT set_config(:name, :value, :is_local)

-- name: server_role [postgresql]
-- Does this server take writes? A standby never does; a primary may be set to refuse them.
SELECT pg_is_in_recovery() AS is_standby,
  current_setting('transaction_read_only') = 'on' AS is_read_only

-- name: schema_table [postgresql]
-- Is the schema ours? A query: to_regclass may answer from before the lock was taken.
SELECT relname FROM pg_class
WHERE relname = 'session_plugin_schema'
  AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())

-- name: citus_version [postgresql]
-- Is this a server of a Citus cluster?
SELECT extversion FROM pg_extension WHERE extname = 'citus'

-- name: schema_version [postgresql]
-- The number of migrations that the schema has had.
SELECT version FROM session_plugin_schema

-- name: set_schema_version [postgresql]
-- The schema has had one more migration.
UPDATE session_plugin_schema SET version = :version

-- name: taken_table [postgresql]
-- A table of another program that has the name of one of ours.
SELECT table_name FROM information_schema.tables
WHERE table_schema = current_schema()
  AND table_name IN ('users', 'accounts', 'chats', 'sessions', 'segments', 'messages', 'summaries')
ORDER BY 1 LIMIT 1

-- name: server_facts [postgresql]
-- Settings of the server on which promises rest, and how many connections are left.
SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
  CAST(current_setting('max_connections') AS INTEGER) AS most,
  (SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections

-- name: backend_pid [postgresql]
-- The server's process behind this connection. Behind a pooler it may change.
SELECT pg_backend_pid()
