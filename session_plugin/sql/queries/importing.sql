-- Importing what was said before the bot was there: where it goes, and what is stored already.

-- name: known_messages
-- Which of some messages are stored already, or were deleted.
WITH asked (position, chat_no, message_id) AS (VALUES (:position, :chat_no, :message_id))
SELECT asked.position,
  EXISTS (
    SELECT 1 FROM messages AS m
    WHERE m.chat_no = asked.chat_no AND m.message_id = asked.message_id) AS is_stored,
  EXISTS (
    SELECT 1 FROM tombstones AS t
    WHERE t.chat_no = asked.chat_no AND t.message_id = asked.message_id) AS is_deleted
FROM asked

-- name: known_messages [postgresql]
-- Takes its rows as arrays; LIMIT 1 leaves one plan, by key.
SELECT asked.position,
  (
    SELECT 1 FROM messages AS m
    WHERE m.chat_no = asked.chat_no AND m.message_id = asked.message_id LIMIT 1) AS is_stored,
  (
    SELECT 1 FROM tombstones AS t
    WHERE t.chat_no = asked.chat_no AND t.message_id = asked.message_id LIMIT 1) AS is_deleted
FROM unnest(CAST(:position AS BIGINT[]), CAST(:chat_no AS BIGINT[]), CAST(:message_id AS TEXT[]))
  AS asked (position, chat_no, message_id)

-- name: known_messages [citus]
-- What is stored and what was deleted, then each that is asked about.
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:position AS BIGINT[]), CAST(:chat_no AS BIGINT[]),
    CAST(:message_id AS TEXT[])) AS asked (position, chat_no, message_id)),
stored AS MATERIALIZED (
  SELECT m.chat_no, m.message_id FROM messages AS m
  JOIN asked AS a ON a.chat_no = m.chat_no AND a.message_id = m.message_id),
deleted AS MATERIALIZED (
  SELECT t.chat_no, t.message_id FROM tombstones AS t
  JOIN asked AS a ON a.chat_no = t.chat_no AND a.message_id = t.message_id)
SELECT a.position,
  (
    SELECT 1 FROM stored AS s
    WHERE s.chat_no = a.chat_no AND s.message_id = a.message_id LIMIT 1) AS is_stored,
  (
    SELECT 1 FROM deleted AS d
    WHERE d.chat_no = a.chat_no AND d.message_id = a.message_id LIMIT 1) AS is_deleted
FROM asked AS a

-- name: said_meanwhile
-- What is stored of a chat and was sent within a time, for messages that have no id in common.
SELECT m.seq, m.message_id, m.role, m.content, m.sent_at, m.edited_at FROM segments AS g
JOIN messages AS m ON m.segment_no = g.segment_no AND m.chat_no = g.chat_no
WHERE g.chat_no = :chat_no AND g.last_activity >= :active_from AND m.sent_at >= :from_time
  AND m.sent_at < :to_time

-- name: imported_then
-- The imported messages of a chat with a number of a range. By number: few chats share a second.
SELECT seq, message_id, role, content FROM messages
WHERE chat_no = :chat_no AND seq >= :from_no AND seq < :to_no AND seq < 0
ORDER BY seq

-- name: take_platform_id
-- The platform has delivered an imported message, and says what its id is.
UPDATE messages SET message_id = :message_id WHERE chat_no = :chat_no AND seq = :seq

-- name: raise_imported_until
-- Up to which time messages of a chat were imported under ids that are not the platform's.
UPDATE chats SET imported_until = :at
WHERE chat_no = :chat_no AND (imported_until IS NULL OR imported_until < :at)

-- name: taken_messages
-- The last number of a message in each slot.
WITH asked (from_no, to_no) AS (VALUES (:from_no, :to_no))
SELECT asked.from_no,
  (SELECT MAX(m.seq) FROM messages AS m WHERE m.seq >= asked.from_no AND m.seq < asked.to_no)
  AS last
FROM asked

-- name: taken_messages [postgresql]
-- Takes its rows as arrays.
SELECT asked.from_no,
  (
    SELECT m.seq FROM messages AS m
    WHERE m.seq >= asked.from_no AND m.seq < asked.to_no AND m.seq < 0
    ORDER BY m.seq DESC LIMIT 1) AS last
FROM unnest(CAST(:from_no AS BIGINT[]), CAST(:to_no AS BIGINT[])) AS asked (from_no, to_no)

-- name: taken_messages [citus]
-- By groups, since Citus takes no subquery for each row.
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:from_no AS BIGINT[]), CAST(:to_no AS BIGINT[]))
    AS asked (from_no, to_no)),
taken AS MATERIALIZED (
  SELECT a.from_no, MAX(m.seq) AS last FROM messages AS m
  JOIN asked AS a ON m.seq >= a.from_no AND m.seq < a.to_no
  WHERE m.seq < 0
  GROUP BY a.from_no)
SELECT a.from_no, t.last FROM asked AS a LEFT JOIN taken AS t ON t.from_no = a.from_no

-- name: taken_sessions
-- The last number of a session in each slot.
WITH asked (from_no, to_no) AS (VALUES (:from_no, :to_no))
SELECT asked.from_no,
  (
    SELECT MAX(s.session_no) FROM sessions AS s
    WHERE s.session_no >= asked.from_no AND s.session_no < asked.to_no) AS last
FROM asked

-- name: taken_sessions [postgresql]
-- Takes its rows as arrays.
SELECT asked.from_no,
  (
    SELECT s.session_no FROM sessions AS s
    WHERE s.session_no >= asked.from_no AND s.session_no < asked.to_no
    ORDER BY s.session_no DESC LIMIT 1) AS last
FROM unnest(CAST(:from_no AS BIGINT[]), CAST(:to_no AS BIGINT[])) AS asked (from_no, to_no)

-- name: imported_before
-- The imported session of a chat's thread that began last before a number.
SELECT g.segment_no, g.session_no, s.started_at, g.last_activity FROM segments AS g
JOIN sessions AS s ON s.session_no = g.session_no
WHERE g.chat_no = :chat_no AND g.segment_no <= :number AND g.segment_no < 0
  AND g.thread_id = :thread_id AND s.name = :name
ORDER BY g.segment_no DESC LIMIT 1

-- name: imported_after
-- The imported session of a chat's thread that began first after a number.
SELECT g.segment_no, g.session_no, s.started_at, g.last_activity FROM segments AS g
JOIN sessions AS s ON s.session_no = g.session_no
WHERE g.chat_no = :chat_no AND g.segment_no > :number AND g.segment_no < 0
  AND g.thread_id = :thread_id AND s.name = :name
ORDER BY g.segment_no LIMIT 1

-- name: add_imported_session
-- It is over, and no plugin is notified of it.
INSERT INTO sessions (session_no, session_id, bot, user_id, chat_no, thread_id, name, founder_no,
  started_at, start_reason, ended_at, end_reason, start_announced, end_announced)
VALUES (:number, :session_id, :bot, :user_id, :chat_no, :thread_id, :name, :founder_no, :at,
  'imported', :at, 'imported', 1, 1)

-- name: add_imported_segment
-- Its only segment, of the same number. All numbers in it are below `live_from`, so it is archive.
INSERT INTO segments (segment_no, chat_no, thread_id, session_no, home_session_no, last_seq,
  last_activity)
VALUES (:number, :chat_no, :thread_id, :number, :number, :number, :at)

-- name: grow_imported_session
-- Let an imported session reach over what was added to it.
UPDATE sessions SET
  started_at = CASE WHEN started_at < :first_at THEN started_at ELSE :first_at END,
  ended_at = CASE WHEN ended_at > :last_at THEN ended_at ELSE :last_at END
WHERE session_no = :session_no

-- name: grow_imported_segment
-- Count what was added; it may stand anywhere in the segment.
UPDATE segments SET total_count = total_count + :count, live_from = live_from,
  last_seq = CASE WHEN last_seq > :last_seq THEN last_seq ELSE :last_seq END,
  last_activity = CASE WHEN last_activity > :last_at THEN last_activity ELSE :last_at END,
  oldest_at = CASE WHEN oldest_at < :first_at THEN oldest_at ELSE :first_at END
WHERE segment_no = :segment_no
