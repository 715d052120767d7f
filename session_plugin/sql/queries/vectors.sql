-- Vectors: what messages mean, made by a plugin and stored with them.

-- name: texts_to_compare
-- What was said in some messages of some sessions.
WITH asked (session_no, seq) AS (VALUES (:session_no, :seq))
SELECT m.seq, m.segment_no, m.content, m.attachments FROM asked
CROSS JOIN segments AS g ON g.session_no = asked.session_no
JOIN messages AS m ON m.segment_no = g.segment_no AND m.seq = asked.seq
WHERE m.withheld = 0 AND m.role IN ('user', 'assistant')

-- name: texts_to_compare [postgresql]
-- Takes its rows as arrays; OFFSET 0 leaves one plan, by session, then by segment and number.
SELECT m.seq, m.segment_no, m.content, m.attachments
FROM unnest(CAST(:session_no AS BIGINT[]), CAST(:seq AS BIGINT[])) AS asked (session_no, seq)
CROSS JOIN LATERAL (
  SELECT segment_no FROM segments WHERE session_no = asked.session_no OFFSET 0) AS g
CROSS JOIN LATERAL (
  SELECT * FROM messages WHERE segment_no = g.segment_no AND seq = asked.seq OFFSET 0) AS m
WHERE m.withheld = 0 AND m.role IN ('user', 'assistant')

-- name: texts_to_compare [citus]
-- The segments come first.
WITH places AS MATERIALIZED (
  SELECT g.chat_no, g.segment_no, asked.seq
  FROM unnest(CAST(:session_no AS BIGINT[]), CAST(:seq AS BIGINT[])) AS asked (session_no, seq)
  JOIN segments AS g ON g.session_no = asked.session_no)
SELECT m.seq, m.segment_no, m.content, m.attachments FROM messages AS m
JOIN places AS p ON p.chat_no = m.chat_no AND p.segment_no = m.segment_no AND p.seq = m.seq
WHERE m.withheld = 0 AND m.role IN ('user', 'assistant')

-- name: next_segment_of_bot
-- The segment of a bot that comes after a number.
SELECT g.segment_no FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
WHERE g.segment_no > :after AND c.bot = :bot
ORDER BY g.segment_no LIMIT 1

-- name: texts_without_vector
-- The next messages of a segment that have no vector of this plugin, the oldest first; also those
-- without text, which get none.
SELECT m.seq, m.segment_no, m.content, m.attachments FROM messages AS m
WHERE m.segment_no = :segment_no AND m.seq > :after AND m.withheld = 0
  AND m.role IN ('user', 'assistant')
  AND NOT EXISTS (
    SELECT 1 FROM vectors AS v
    WHERE v.segment_no = m.segment_no AND v.seq = m.seq AND v.made_by = :made_by)
ORDER BY m.seq LIMIT :limit

-- name: texts_without_vector [citus]
-- With the chat in the join.
SELECT m.seq, m.segment_no, m.content, m.attachments FROM messages AS m
WHERE m.segment_no = :segment_no AND m.seq > :after AND m.withheld = 0
  AND m.role IN ('user', 'assistant')
  AND NOT EXISTS (
    SELECT 1 FROM vectors AS v
    WHERE v.chat_no = m.chat_no AND v.segment_no = m.segment_no AND v.seq = m.seq
      AND v.made_by = :made_by)
ORDER BY m.seq LIMIT :limit

-- name: add_vectors
-- Store vectors with messages that still say what these were made of.
INSERT INTO vectors (seq, segment_no, chat_no, made_by, vector)
SELECT m.seq, m.segment_no, m.chat_no, :made_by, :vector FROM messages AS m
WHERE m.segment_no = :segment_no AND m.seq = :seq AND m.content = :content AND m.withheld = 0
ON CONFLICT (seq) DO UPDATE SET made_by = excluded.made_by, vector = excluded.vector

-- name: add_vectors [postgresql]
-- Takes its rows as arrays.
INSERT INTO vectors (seq, segment_no, chat_no, made_by, vector)
SELECT m.seq, m.segment_no, m.chat_no, asked.made_by, asked.vector
FROM unnest(CAST(:made_by AS TEXT[]), CAST(:vector AS BYTEA[]), CAST(:segment_no AS BIGINT[]),
  CAST(:seq AS BIGINT[]), CAST(:content AS BYTEA[]))
  AS asked (made_by, vector, segment_no, seq, content)
JOIN messages AS m ON m.segment_no = asked.segment_no AND m.seq = asked.seq
WHERE m.content = asked.content AND m.withheld = 0
ON CONFLICT (segment_no, seq, chat_no) DO UPDATE SET made_by = excluded.made_by,
  vector = excluded.vector

-- name: drop_vectors
-- Messages that change or go lose their vectors.
DELETE FROM vectors WHERE segment_no = :segment_no AND seq >= :from_seq AND seq <= :to_seq

-- name: drop_vectors [postgresql]
-- Takes its rows as arrays.
DELETE FROM vectors AS v
USING unnest(CAST(:segment_no AS BIGINT[]), CAST(:from_seq AS BIGINT[]), CAST(:to_seq AS BIGINT[]))
  AS asked (segment_no, from_seq, to_seq)
WHERE v.segment_no = asked.segment_no AND v.seq >= asked.from_seq AND v.seq <= asked.to_seq
