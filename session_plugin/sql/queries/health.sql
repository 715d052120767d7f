-- What may be wrong in the database.

-- name: damage
-- What SQLite's own check of the file finds.
SELECT quick_check AS finding FROM pragma_quick_check(20) WHERE quick_check <> 'ok'

-- name: damage [postgresql]
-- A server checks its own files.
SELECT CAST(NULL AS TEXT) AS finding WHERE FALSE

-- name: orphans
-- Rows that refer to a row that is missing; a program without foreign keys can make them.
SELECT "table" AS name, COUNT(*) AS number FROM pragma_foreign_key_check GROUP BY "table"
ORDER BY "table"

-- name: orphans [postgresql]
-- The server never lets one be made.
SELECT CAST(NULL AS TEXT) AS name, 0 AS number WHERE FALSE

-- name: waiting_erasures
-- Deletions whose bytes may still be in the file, without those that can wait.
SELECT COUNT(*) AS number, MIN(at) AS oldest_at FROM erasures WHERE may_wait = 0

-- name: lately_withheld
-- How many of a bot's newest messages were withheld.
SELECT COUNT(*) AS number FROM messages AS m JOIN chats AS c ON c.chat_no = m.chat_no
WHERE c.bot = :bot AND m.received_at > :since AND m.withheld = 1 AND m.seq > (
  SELECT COALESCE(MAX(seq), 0) - :newest FROM messages)

-- name: lately_in_guilds
-- What people said in Discord's guilds, among a bot's newest messages.
SELECT m.seq, m.content, m.attachments, m.withheld
FROM messages AS m JOIN chats AS c ON c.chat_no = m.chat_no
WHERE c.bot = :bot AND c.channel = 'discord' AND c.kind = 'group' AND m.role = 'user'
  AND m.received_at > :since AND m.seq > (
    SELECT COALESCE(MAX(seq), 0) - :newest FROM messages)

-- name: server_time
-- A file has no clock.
SELECT NULL AS now

-- name: server_time [postgresql]
-- The server's clock, in seconds since 1970.
SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION) AS now
