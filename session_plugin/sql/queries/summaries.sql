-- Summaries: planning, adding, withdrawing and undoing them, and failures to make them.

-- name: live_seqs
-- The messages of a session that no summary covers, without instructions.
SELECT m.seq, m.segment_no, m.turn FROM segments AS g
JOIN messages AS m ON m.segment_no = g.segment_no AND m.seq >= g.live_from
WHERE g.session_no = :session_no AND m.role NOT IN ('system', 'developer')

-- name: count_live_instructions
-- How many instructions a segment has that would count as messages no summary covers.
SELECT COUNT(*) AS count FROM messages
WHERE segment_no = :segment_no AND seq >= :from_seq AND role IN ('system', 'developer')

-- name: nth_live_seq
-- The message of a segment behind so many that no summary covers: found by the index alone.
SELECT seq FROM messages
WHERE segment_no = :segment_no AND seq >= :from_seq
ORDER BY seq LIMIT 1 OFFSET :skipped

-- name: run_in_range
-- A message in a range that is of a model's run, which no summary may divide.
SELECT seq FROM messages
WHERE segment_no = :segment_no AND seq >= :from_seq AND seq <= :to_seq AND turn IS NOT NULL
LIMIT 1

-- name: live_contents
-- Their contents, for counting tokens.
SELECT m.seq, m.content, m.parts FROM segments AS g
JOIN messages AS m ON m.segment_no = g.segment_no AND m.seq >= g.live_from
WHERE g.session_no = :session_no AND m.role NOT IN ('system', 'developer')
ORDER BY m.seq

-- name: message_to_summarise
-- A message of a segment up to this number that a summary can cover: no instruction.
SELECT seq FROM messages
WHERE segment_no = :segment_no AND seq <= :to_seq AND role NOT IN ('system', 'developer')
LIMIT 1

-- name: first_seq
-- The sequence number of a segment's first message.
SELECT MIN(seq) AS seq FROM messages WHERE segment_no = :segment_no

-- name: current_summaries
-- The summaries at the head of a session; two after a link, one for each side.
SELECT summary_no, session_no, content, made_by, made_at FROM summaries
WHERE session_no = :session_no AND superseded_by IS NULL
ORDER BY summary_no

-- name: summaries_superseded_by
-- The summaries that a newer one replaced.
SELECT summary_no, session_no, content, made_by, made_at FROM summaries
WHERE superseded_by = :superseded_by
ORDER BY summary_no

-- name: summaries_of_the_gone
-- Imported summaries. Their range is empty, so they cannot be made again.
SELECT s.summary_no, s.session_no, s.content, s.made_at FROM summaries AS s
WHERE s.session_no = :session_no AND s.content IS NOT NULL
  AND EXISTS (SELECT 1 FROM summary_parts AS p WHERE p.summary_no = s.summary_no)
  AND NOT EXISTS (
    SELECT 1 FROM summary_parts AS p WHERE p.summary_no = s.summary_no AND p.to_seq >= p.from_seq)
ORDER BY s.summary_no

-- name: parts_of_summary
-- The ranges that a summary covers.
SELECT p.segment_no, p.from_seq, p.to_seq, g.thread_id, c.chat_no, c.channel, c.bot_id, c.chat_id,
  c.kind, c.title
FROM summary_parts AS p
JOIN segments AS g ON g.segment_no = p.segment_no
JOIN chats AS c ON c.chat_no = g.chat_no
WHERE p.summary_no = :summary_no
ORDER BY p.segment_no

-- name: sessions_with_withdrawn
-- Sessions with a summary to make again, except while they wait after failures.
SELECT DISTINCT s.session_no FROM summaries AS m JOIN sessions AS s ON s.session_no = m.session_no
WHERE m.content IS NULL AND m.superseded_by IS NULL AND s.bot = :bot
  AND NOT EXISTS (
    SELECT 1 FROM consolidation_failures AS f
    WHERE f.session_no = s.session_no AND f.waits_until > :now)
ORDER BY s.session_no LIMIT :limit

-- name: unchanged_ranges
-- Those of several planned ranges that are as they were: the segment did not move, no message in
-- them changed.
WITH asked (position, session_no, segment_no, to_seq, changed, moved) AS (
  VALUES (:position, :session_no, :segment_no, :to_seq, :changed, :moved))
SELECT asked.position FROM asked
CROSS JOIN segments AS g ON g.segment_no = asked.segment_no
WHERE g.session_no = asked.session_no AND g.moved = asked.moved
  AND NOT EXISTS (
    SELECT 1 FROM segment_changes AS c
    WHERE c.segment_no = asked.segment_no AND c.seq <= asked.to_seq AND c.changed > asked.changed)

-- name: unchanged_ranges [postgresql]
-- Takes its rows as arrays.
SELECT asked.position
FROM unnest(CAST(:position AS BIGINT[]), CAST(:session_no AS BIGINT[]),
  CAST(:segment_no AS BIGINT[]), CAST(:to_seq AS BIGINT[]), CAST(:changed AS BIGINT[]),
  CAST(:moved AS BIGINT[])) AS asked (position, session_no, segment_no, to_seq, changed, moved)
JOIN segments AS g ON g.segment_no = asked.segment_no
WHERE g.session_no = asked.session_no AND g.moved = asked.moved
  AND NOT EXISTS (
    SELECT 1 FROM segment_changes AS c
    WHERE c.segment_no = asked.segment_no AND c.seq <= asked.to_seq AND c.changed > asked.changed)

-- name: summaries_in_front
-- The summaries at the head of several sessions.
WITH asked (session_no) AS (VALUES (:session_no))
SELECT s.session_no, s.summary_no, s.content IS NULL AS is_withdrawn FROM asked
CROSS JOIN summaries AS s ON s.session_no = asked.session_no
WHERE s.superseded_by IS NULL
ORDER BY s.summary_no

-- name: summaries_in_front [postgresql]
-- Takes its rows as arrays.
SELECT session_no, summary_no, content IS NULL AS is_withdrawn FROM summaries
WHERE session_no = ANY (CAST(:session_no AS BIGINT[])) AND superseded_by IS NULL
ORDER BY summary_no

-- name: add_summaries
-- Add a summary to each of several sessions.
INSERT INTO summaries (session_no, content, made_by, made_at)
VALUES (:session_no, :content, :made_by, :made_at)
RETURNING session_no, summary_no

-- name: add_summaries [postgresql]
-- Takes its rows as arrays.
INSERT INTO summaries (session_no, content, made_by, made_at)
SELECT *
FROM unnest(CAST(:session_no AS BIGINT[]), CAST(:content AS BYTEA[]), CAST(:made_by AS TEXT[]),
  CAST(:made_at AS DOUBLE PRECISION[]))
RETURNING session_no, summary_no

-- name: add_summary_parts
-- The ranges of several summaries.
INSERT INTO summary_parts (segment_no, summary_no, from_seq, to_seq)
VALUES (:segment_no, :summary_no, :from_seq, :to_seq)

-- name: add_summary_parts [postgresql]
-- Takes its rows as arrays; the chat is part of the key.
INSERT INTO summary_parts (chat_no, segment_no, summary_no, from_seq, to_seq)
SELECT g.chat_no, g.segment_no, p.summary_no, p.from_seq, p.to_seq
FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:summary_no AS BIGINT[]),
  CAST(:from_seq AS BIGINT[]), CAST(:to_seq AS BIGINT[]))
  AS p (segment_no, summary_no, from_seq, to_seq)
JOIN segments AS g ON g.segment_no = p.segment_no

-- name: supersede_summary
-- A newer summary covers all that this one covered.
UPDATE summaries SET superseded_by = :superseded_by WHERE summary_no = :summary_no

-- name: supersede_summary [postgresql]
-- Takes its rows as arrays.
UPDATE summaries AS s SET superseded_by = o.superseded_by
FROM unnest(CAST(:summary_no AS BIGINT[]), CAST(:superseded_by AS BIGINT[]))
  AS o (summary_no, superseded_by)
WHERE s.summary_no = o.summary_no

-- name: inherit_superseded
-- A summary that was made again supersedes what the old one superseded.
UPDATE summaries SET superseded_by = :superseded_by WHERE superseded_by = :summary_no

-- name: bring_back_superseded
-- The newer summary is removed, so those that it superseded are current again.
UPDATE summaries SET superseded_by = NULL WHERE superseded_by = :superseded_by

-- name: set_archive_edge
-- Messages before this number are archive: the current summaries cover them.
UPDATE segments SET moved = moved + 1,
  live_from = COALESCE((
    SELECT MAX(p.to_seq) + 1 FROM summary_parts AS p
    JOIN summaries AS s ON s.summary_no = p.summary_no
    WHERE p.segment_no = :segment_no AND s.superseded_by IS NULL), 0)
WHERE segment_no = :segment_no

-- name: set_archive_edge [postgresql]
-- Takes its rows as arrays.
UPDATE segments AS g SET moved = g.moved + 1,
  live_from = COALESCE((
    SELECT MAX(p.to_seq) + 1 FROM summary_parts AS p
    JOIN summaries AS s ON s.summary_no = p.summary_no
    WHERE p.chat_no = g.chat_no AND p.segment_no = g.segment_no AND s.superseded_by IS NULL), 0)
WHERE g.segment_no = ANY (CAST(:segment_no AS BIGINT[]))

-- name: forget_changes
-- A plan from before the archive edge moved is refused in any case.
DELETE FROM segment_changes WHERE segment_no = :segment_no

-- name: forget_changes [postgresql]
-- Takes its rows as arrays.
DELETE FROM segment_changes WHERE segment_no = ANY (CAST(:segment_no AS BIGINT[]))

-- name: recount_live
-- Count again after the archive edge has moved.
UPDATE segments SET live_from = live_from, live_count = (
  SELECT COUNT(*) FROM messages AS m
  WHERE m.segment_no = :segment_no AND m.seq >= segments.live_from)
WHERE segment_no = :segment_no

-- name: recount_live [postgresql]
-- Takes its rows as arrays.
UPDATE segments AS g SET live_count = (
  SELECT COUNT(*) FROM messages AS m
  WHERE m.chat_no = g.chat_no AND m.segment_no = g.segment_no AND m.seq >= g.live_from)
WHERE g.segment_no = ANY (CAST(:segment_no AS BIGINT[]))

-- name: recount_live [citus]
-- The counts come first.
WITH edges AS MATERIALIZED (
  SELECT chat_no, segment_no, live_from FROM segments
  WHERE segment_no = ANY (CAST(:segment_no AS BIGINT[]))),
counts AS MATERIALIZED (
  SELECT m.segment_no, COUNT(*) AS count FROM messages AS m
  JOIN edges ON edges.chat_no = m.chat_no AND edges.segment_no = m.segment_no
    AND m.seq >= edges.live_from
  GROUP BY m.segment_no)
UPDATE segments AS g SET live_count = COALESCE((
  SELECT counts.count FROM counts WHERE counts.segment_no = g.segment_no), 0)
WHERE g.segment_no = ANY (CAST(:segment_no AS BIGINT[]))

-- name: drop_summary
-- Delete a summary.
DELETE FROM summaries WHERE summary_no = :summary_no

-- name: failing_sessions
-- Those of several sessions whose summariser failed.
WITH asked (session_no) AS (VALUES (:session_no))
SELECT session_no FROM consolidation_failures
WHERE session_no IN (SELECT session_no FROM asked)

-- name: failing_sessions [postgresql]
-- Takes its rows as arrays.
SELECT session_no FROM consolidation_failures
WHERE session_no = ANY (CAST(:session_no AS BIGINT[]))

-- name: consolidation_failure
-- How often the summariser has failed, and when it is tried again.
SELECT failures, reason, waits_until FROM consolidation_failures WHERE session_no = :session_no

-- name: note_consolidation_failure
-- Note one more failure.
INSERT INTO consolidation_failures (session_no, failures, reason, waits_until)
VALUES (:session_no, :failures, :reason, :waits_until)
ON CONFLICT (session_no) DO UPDATE SET failures = excluded.failures, reason = excluded.reason,
  waits_until = excluded.waits_until

-- name: forget_consolidation_failures
-- The summariser has succeeded.
DELETE FROM consolidation_failures WHERE session_no = :session_no

-- name: withdraw_summaries
-- A message in their range has changed: their content goes until they are made again.
UPDATE summaries SET content = NULL, withdrawn_because = :reason
WHERE content IS NOT NULL
  AND summary_no IN (
    SELECT summary_no FROM summary_parts
    WHERE segment_no = :segment_no AND from_seq <= :to_seq AND to_seq >= :from_seq)

-- name: withdraw_summaries [postgresql]
-- Takes its rows as arrays; OFFSET 0 leaves one plan, by segment.
UPDATE summaries AS s SET content = NULL, withdrawn_because = covering.reason
FROM (
  SELECT p.summary_no, asked.reason
  FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:from_seq AS BIGINT[]),
    CAST(:to_seq AS BIGINT[]), CAST(:reason AS TEXT[]))
    AS asked (segment_no, from_seq, to_seq, reason)
  CROSS JOIN LATERAL (
    SELECT summary_no FROM summary_parts
    WHERE segment_no = asked.segment_no AND from_seq <= asked.to_seq AND to_seq >= asked.from_seq
    OFFSET 0) AS p) AS covering
WHERE s.summary_no = covering.summary_no AND s.content IS NOT NULL

-- name: count_change
-- Number one more change of a segment.
UPDATE segments SET changed = changed + 1 WHERE segment_no = :segment_no

-- name: note_change
-- Note where a segment changed, so that a summary planned before over that place is refused.
INSERT INTO segment_changes (segment_no, seq, chat_no, changed)
SELECT segment_no, :seq, chat_no, changed FROM segments WHERE segment_no = :segment_no
ON CONFLICT (segment_no, seq, chat_no) DO UPDATE SET changed = excluded.changed
