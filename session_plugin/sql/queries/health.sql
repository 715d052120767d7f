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
-- Deletions whose bytes may still be in the file.
SELECT COUNT(*) AS number, MIN(at) AS oldest_at FROM erasures

-- name: lately_incomplete
-- Among the newest messages, those of a bot that were withheld, and those of people in Discord's
-- guilds with and without content.
SELECT CAST(COALESCE(SUM(withheld), 0) AS BIGINT) AS withheld,
  CAST(COALESCE(SUM(in_group), 0) AS BIGINT) AS group_messages,
  CAST(COALESCE(SUM(in_group * is_empty), 0) AS BIGINT) AS without_text
FROM (
  SELECT m.withheld,
    CASE WHEN c.channel = 'discord' AND c.kind = 'group' AND m.role = 'user' THEN 1 ELSE 0 END
      AS in_group,
    CASE WHEN LENGTH(m.content) = 0 AND m.attachments IS NULL AND m.withheld = 0 THEN 1 ELSE 0 END
      AS is_empty
  FROM messages AS m JOIN chats AS c ON c.chat_no = m.chat_no
  WHERE c.bot = :bot AND m.received_at > :since AND m.seq > (
    SELECT COALESCE(MAX(seq), 0) - :newest FROM messages)) AS lately

-- name: server_time
-- A file has no clock.
SELECT NULL AS now

-- name: server_time [postgresql]
-- The server's clock, in seconds since 1970.
SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION) AS now
