-- Storing a group of messages at once, where nothing but the messages is new.

-- name: ordinary_places
-- Places of messages whose chat, person and session are known, and what decides whether they are
-- stored. Names and titles are compared by records/conversation/places.py.
WITH asked (position, bot, channel, bot_id, chat_id, kind, thread_id, scope_name, message_id,
  sent_at, person_channel, person_id) AS (
  VALUES (:position, :bot, :channel, :bot_id, :chat_id, :kind, :thread_id, :scope_name,
    :message_id, :sent_at, :person_channel, :person_id))
SELECT asked.position, c.chat_no, a.account_no, g.session_no, g.segment_no,
  (
    SELECT MAX(o.last_activity) FROM segments AS o WHERE o.session_no = g.session_no)
    AS last_activity,
  (SELECT SUM(o.live_count) FROM segments AS o WHERE o.session_no = g.session_no) AS live_count,
  EXISTS (SELECT 1 FROM accounts AS p WHERE p.user_id = a.user_id AND p.private <> 0) AS is_private,
  EXISTS (
    SELECT 1 FROM messages AS m WHERE m.chat_no = c.chat_no AND m.message_id = asked.message_id)
    AS is_stored,
  EXISTS (
    SELECT 1 FROM tombstones AS t WHERE t.chat_no = c.chat_no AND t.message_id = asked.message_id)
    AS is_deleted,
  EXISTS (SELECT 1 FROM tombstones AS t WHERE t.chat_no = c.chat_no) AS has_deletions,
  c.imported_until, NULL AS seq, c.title, a.display_name
FROM asked
CROSS JOIN chats AS c ON c.bot = asked.bot AND c.channel = asked.channel
  AND c.bot_id = asked.bot_id AND c.chat_id = asked.chat_id AND c.kind = asked.kind
JOIN accounts AS a ON a.channel = asked.person_channel AND a.channel_user_id = asked.person_id
LEFT JOIN sessions AS d ON c.kind = 'direct' AND d.bot = c.bot AND d.user_id = a.user_id
  AND d.name = asked.scope_name AND d.ended_at IS NULL
LEFT JOIN sessions AS s ON c.kind = 'group' AND s.chat_no = c.chat_no
  AND s.thread_id = asked.thread_id AND s.name = asked.scope_name AND s.ended_at IS NULL
JOIN segments AS g ON g.session_no = COALESCE(d.session_no, s.session_no) AND g.chat_no = c.chat_no
  AND g.thread_id = asked.thread_id
WHERE (c.kind = 'group' OR c.peer_no = a.account_no) AND c.became IS NULL
  AND a.forgotten_until IS NULL
  AND (c.imported_until IS NULL OR c.imported_until < asked.sent_at)

-- name: ordinary_places [postgresql]
-- LIMIT 1 leaves one plan, by key. Segments are locked in one order; then a number is drawn for
-- each message, in the order of the messages.
SELECT place.position, place.chat_no, place.account_no, place.session_no, place.segment_no,
  place.last_activity, place.live_count, place.is_private, place.is_stored, place.is_deleted,
  FALSE AS has_deletions, NULL AS imported_until, nextval(numbers.sequence) AS seq, place.title,
  place.display_name
FROM (
  SELECT CAST(pg_get_serial_sequence('messages', 'seq') AS REGCLASS) AS sequence OFFSET 0)
AS numbers
CROSS JOIN (
  SELECT found.position, found.chat_no, found.account_no, found.session_no, g.segment_no,
    session.last_activity, session.live_count, found.is_private, found.is_stored, found.is_deleted,
    found.title, found.display_name
  FROM (
    SELECT asked.position, asked.thread_id, c.chat_no, c.title, a.account_no, a.display_name,
      live.session_no,
      (SELECT 1 FROM accounts AS p WHERE p.user_id = a.user_id AND p.private <> 0 LIMIT 1)
        AS is_private,
      (
        SELECT 1 FROM messages AS m
        WHERE m.chat_no = c.chat_no AND m.message_id = asked.message_id LIMIT 1) AS is_stored,
      (
        SELECT 1 FROM tombstones AS t
        WHERE t.chat_no = c.chat_no AND t.message_id = asked.message_id LIMIT 1) AS is_deleted
    FROM unnest(CAST(:position AS BIGINT[]), CAST(:bot AS TEXT[]), CAST(:channel AS TEXT[]),
      CAST(:bot_id AS TEXT[]), CAST(:chat_id AS TEXT[]), CAST(:kind AS TEXT[]),
      CAST(:thread_id AS TEXT[]), CAST(:scope_name AS TEXT[]), CAST(:message_id AS TEXT[]),
      CAST(:sent_at AS DOUBLE PRECISION[]), CAST(:person_channel AS TEXT[]),
      CAST(:person_id AS TEXT[]))
      AS asked (position, bot, channel, bot_id, chat_id, kind, thread_id, scope_name, message_id,
        sent_at, person_channel, person_id)
    CROSS JOIN LATERAL (
      SELECT chat_no, peer_no, title FROM chats
      WHERE bot = asked.bot AND channel = asked.channel AND bot_id = asked.bot_id
        AND chat_id = asked.chat_id AND kind = asked.kind AND became IS NULL
        AND (imported_until IS NULL OR imported_until < asked.sent_at)
      LIMIT 1) AS c
    CROSS JOIN LATERAL (
      SELECT account_no, user_id, display_name FROM accounts
      WHERE channel = asked.person_channel AND channel_user_id = asked.person_id
        AND forgotten_until IS NULL
      LIMIT 1) AS a
    CROSS JOIN LATERAL (
      SELECT CASE WHEN asked.kind = 'group'
        THEN (
          SELECT s.session_no FROM sessions AS s
          WHERE s.chat_no = c.chat_no AND s.thread_id = asked.thread_id
            AND s.name = asked.scope_name AND s.ended_at IS NULL
          LIMIT 1)
          ELSE (
            SELECT s.session_no FROM sessions AS s
            WHERE s.bot = asked.bot AND s.user_id = a.user_id AND s.name = asked.scope_name
              AND s.ended_at IS NULL
            LIMIT 1) END AS session_no
      LIMIT 1) AS live
    WHERE asked.kind = 'group' OR c.peer_no = a.account_no
    ORDER BY live.session_no, c.chat_no, asked.thread_id OFFSET 0) AS found
  CROSS JOIN LATERAL (
    SELECT segment_no FROM segments
    WHERE session_no = found.session_no AND chat_no = found.chat_no AND thread_id = found.thread_id
    LIMIT 1 FOR UPDATE) AS g
  CROSS JOIN LATERAL (
    SELECT MAX(last_activity) AS last_activity, CAST(SUM(live_count) AS BIGINT) AS live_count
    FROM segments
    WHERE session_no = found.session_no) AS session
  ORDER BY found.position OFFSET 0) AS place

-- name: ordinary_places [citus]
-- The places and their locks on the coordinator, then what is stored already. Numbers are drawn by
-- `next_seqs`, which runs nowhere else.
WITH found AS MATERIALIZED (
  SELECT asked.position, asked.thread_id, asked.message_id, c.chat_no, c.title, a.account_no,
    a.display_name, live.session_no, (
      SELECT 1 FROM accounts AS p WHERE p.user_id = a.user_id AND p.private <> 0 LIMIT 1)
    AS is_private
  FROM unnest(CAST(:position AS BIGINT[]), CAST(:bot AS TEXT[]), CAST(:channel AS TEXT[]),
    CAST(:bot_id AS TEXT[]), CAST(:chat_id AS TEXT[]), CAST(:kind AS TEXT[]),
    CAST(:thread_id AS TEXT[]), CAST(:scope_name AS TEXT[]), CAST(:message_id AS TEXT[]),
    CAST(:sent_at AS DOUBLE PRECISION[]), CAST(:person_channel AS TEXT[]),
    CAST(:person_id AS TEXT[]))
    AS asked (position, bot, channel, bot_id, chat_id, kind, thread_id, scope_name, message_id,
      sent_at, person_channel, person_id)
  CROSS JOIN LATERAL (
    SELECT chat_no, peer_no, title FROM chats
    WHERE bot = asked.bot AND channel = asked.channel AND bot_id = asked.bot_id
      AND chat_id = asked.chat_id AND kind = asked.kind AND became IS NULL
      AND (imported_until IS NULL OR imported_until < asked.sent_at)
    LIMIT 1) AS c
  CROSS JOIN LATERAL (
    SELECT account_no, user_id, display_name FROM accounts
    WHERE channel = asked.person_channel AND channel_user_id = asked.person_id
      AND forgotten_until IS NULL
    LIMIT 1) AS a
  CROSS JOIN LATERAL (
    SELECT CASE WHEN asked.kind = 'group'
      THEN (
        SELECT s.session_no FROM sessions AS s
        WHERE s.chat_no = c.chat_no AND s.thread_id = asked.thread_id AND s.name = asked.scope_name
          AND s.ended_at IS NULL
        LIMIT 1)
        ELSE (
          SELECT s.session_no FROM sessions AS s
          WHERE s.bot = asked.bot AND s.user_id = a.user_id AND s.name = asked.scope_name
            AND s.ended_at IS NULL
          LIMIT 1) END AS session_no
    LIMIT 1) AS live
  WHERE asked.kind = 'group' OR c.peer_no = a.account_no
  ORDER BY live.session_no, c.chat_no, asked.thread_id OFFSET 0),
places AS MATERIALIZED (
  SELECT found.position, found.chat_no, found.account_no, found.session_no, g.segment_no,
    session.last_activity, session.live_count, found.is_private, found.message_id, found.title,
    found.display_name
  FROM found
  CROSS JOIN LATERAL (
    SELECT segment_no FROM segments
    WHERE session_no = found.session_no AND chat_no = found.chat_no
      AND thread_id = found.thread_id
    LIMIT 1 FOR UPDATE) AS g
  CROSS JOIN LATERAL (
    SELECT MAX(last_activity) AS last_activity, CAST(SUM(live_count) AS BIGINT) AS live_count
    FROM segments
    WHERE session_no = found.session_no) AS session),
stored AS MATERIALIZED (
  SELECT m.chat_no, m.message_id FROM messages AS m
  JOIN places AS p ON p.chat_no = m.chat_no AND p.message_id = m.message_id),
deleted AS MATERIALIZED (
  SELECT t.chat_no, t.message_id FROM tombstones AS t
  JOIN places AS p ON p.chat_no = t.chat_no AND p.message_id = t.message_id)
SELECT p.position, p.chat_no, p.account_no, p.session_no, p.segment_no, p.last_activity,
  p.live_count, p.is_private,
  (
    SELECT 1 FROM stored AS s
    WHERE s.chat_no = p.chat_no AND s.message_id = p.message_id LIMIT 1) AS is_stored,
  (
    SELECT 1 FROM deleted AS d
    WHERE d.chat_no = p.chat_no AND d.message_id = p.message_id LIMIT 1) AS is_deleted,
  FALSE AS has_deletions, NULL AS imported_until, CAST(NULL AS BIGINT) AS seq, p.title,
  p.display_name
FROM places AS p

-- name: take_back_messages
-- Remove what this transaction has just stored under the numbers that it drew.
DELETE FROM messages WHERE seq BETWEEN :first AND :last

-- name: take_back_seqs
-- Nobody has seen those numbers, so they are drawn again. Only where all are drawn under one lock.
UPDATE sqlite_sequence SET seq = :seq WHERE name = 'messages'

-- name: next_seqs
-- A range of sequence numbers; the writer holds the lock, so nobody else draws any.
SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0) + 1 AS first,
  :count AS count

-- name: next_seqs [postgresql]
-- Others draw at the same time, so each number is a range of its own.
SELECT nextval(drawn.sequence) AS first, 1 AS count
FROM (
  SELECT CAST(pg_get_serial_sequence('messages', 'seq') AS REGCLASS) AS sequence OFFSET 0) AS drawn
CROSS JOIN generate_series(1, :count)

-- name: count_messages
-- Count several new messages in their segment.
UPDATE segments SET live_count = live_count + :count, total_count = total_count + :count,
  last_seq = :seq, last_activity = CASE WHEN last_activity > :at THEN last_activity ELSE :at END,
  oldest_at = COALESCE(oldest_at, :first_at)
WHERE segment_no = :segment_no

-- name: count_messages [postgresql]
-- Takes its rows as arrays.
UPDATE segments AS g SET live_count = g.live_count + c.count, total_count = g.total_count + c.count,
  last_seq = c.seq,
  last_activity = CASE WHEN g.last_activity > c.at THEN g.last_activity ELSE c.at END,
  oldest_at = COALESCE(g.oldest_at, c.first_at)
FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:count AS BIGINT[]), CAST(:seq AS BIGINT[]),
  CAST(:at AS DOUBLE PRECISION[]), CAST(:first_at AS DOUBLE PRECISION[]))
  AS c (segment_no, count, seq, at, first_at)
WHERE g.segment_no = c.segment_no
