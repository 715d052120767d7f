-- Every statement that lists the columns of a message; records/message_rows.py reads and writes them.

-- A message of the person of a direct chat is marked `of_peer` and has no account: `peer` says whose
-- it is. Earlier ones have the account, as messages in groups do.

-- name: message_by_key
-- The stored message with this id in its chat, for duplicates, edits and replies.
WITH peer (account_no) AS MATERIALIZED (SELECT peer_no FROM chats WHERE chat_no = :chat_no)
SELECT m.seq, m.chat_no, m.segment_no, g.session_no, m.message_id,
  COALESCE(m.account_no, peer.account_no) AS account_no, m.content, m.metadata, m.attachments,
  m.edited_at, m.version, m.withheld, m.parts, m.turn, m.aside
FROM messages AS m
JOIN segments AS g ON g.segment_no = m.segment_no
LEFT JOIN peer ON m.of_peer = 1
WHERE m.chat_no = :chat_no AND m.message_id = :message_id

-- name: message_by_seq
-- The same by its number, for what no platform gave an id.
WITH peer (account_no) AS MATERIALIZED (SELECT peer_no FROM chats WHERE chat_no = :chat_no)
SELECT m.seq, m.chat_no, m.segment_no, g.session_no, m.message_id,
  COALESCE(m.account_no, peer.account_no) AS account_no, m.content, m.metadata, m.attachments,
  m.edited_at, m.version, m.withheld, m.parts, m.turn, m.aside
FROM messages AS m
JOIN segments AS g ON g.segment_no = m.segment_no
LEFT JOIN peer ON m.of_peer = 1
WHERE m.chat_no = :chat_no AND m.seq = :seq

-- name: add_message
-- Store a message.
INSERT INTO messages (chat_no, segment_no, message_id, role, account_no, of_peer, author_name,
  channel, sent_at, received_at, content, metadata, attachments, reply_to, edited_at, version,
  withheld, parts, turn, aside)
VALUES (:chat_no, :segment_no, :message_id, :role, :account_no, :of_peer, :author_name,
  :channel, :sent_at, :received_at, :content, :metadata, :attachments, :reply_to, :edited_at,
  :version, :withheld, :parts, :turn, :aside)
RETURNING seq

-- name: add_messages
-- Store messages under the numbers that were drawn, except those that are stored already.
INSERT INTO messages (seq, chat_no, segment_no, message_id, role, account_no, of_peer, author_name,
  channel, sent_at, received_at, content, metadata, attachments, reply_to, edited_at, version,
  withheld, parts, turn, aside)
VALUES (:seq, :chat_no, :segment_no, :message_id, :role, :account_no, :of_peer,
  :author_name, :channel, :sent_at, :received_at, :content, :metadata, :attachments, :reply_to,
  :edited_at, :version, :withheld, :parts, :turn, :aside)
ON CONFLICT (chat_no, message_id) WHERE message_id IS NOT NULL DO NOTHING

-- name: add_messages [postgresql]
-- Takes its rows as arrays. One that is stored already is an error, as how many were stored is not
-- waited for.
INSERT INTO messages (seq, chat_no, segment_no, message_id, role, account_no, of_peer, author_name,
  channel, sent_at, received_at, content, metadata, attachments, reply_to, edited_at, version,
  withheld, parts, turn, aside)
SELECT *
FROM unnest(CAST(:seq AS BIGINT[]), CAST(:chat_no AS BIGINT[]), CAST(:segment_no AS BIGINT[]),
  CAST(:message_id AS TEXT[]), CAST(:role AS TEXT[]), CAST(:account_no AS BIGINT[]),
  CAST(:of_peer AS BIGINT[]), CAST(:author_name AS TEXT[]), CAST(:channel AS TEXT[]),
  CAST(:sent_at AS DOUBLE PRECISION[]), CAST(:received_at AS DOUBLE PRECISION[]),
  CAST(:content AS BYTEA[]), CAST(:metadata AS BYTEA[]),
  CAST(:attachments AS BYTEA[]), CAST(:reply_to AS TEXT[]), CAST(:edited_at AS DOUBLE PRECISION[]),
  CAST(:version AS BIGINT[]), CAST(:withheld AS BIGINT[]), CAST(:parts AS BYTEA[]),
  CAST(:turn AS TEXT[]), CAST(:aside AS BIGINT[]))

-- name: edit_message
-- Replace the content; the message's place in the order stays.
UPDATE messages SET content = :content, attachments = :attachments, metadata = :metadata,
  edited_at = :edited_at, version = :version, withheld = :withheld, parts = :parts, turn = :turn,
  aside = :aside
WHERE chat_no = :chat_no AND seq = :seq

-- name: segment_tail
-- The newest messages of a segment, newest first. The columns are read by position.
WITH peer (account_no) AS MATERIALIZED (SELECT peer_no FROM chats WHERE chat_no = :chat_no)
SELECT m.seq, m.message_id, m.role, m.author_name, m.channel, m.sent_at, m.content, m.metadata,
  m.attachments, m.reply_to, m.edited_at, m.withheld, m.parts, m.turn, m.aside, a.channel,
  a.channel_user_id
FROM messages AS m
LEFT JOIN peer ON m.of_peer = 1
LEFT JOIN accounts AS a ON a.account_no = COALESCE(m.account_no, peer.account_no)
WHERE m.chat_no = :chat_no AND m.segment_no = :segment_no AND m.seq >= :from_seq
  AND m.seq < COALESCE(:before, 9223372036854775807)
ORDER BY m.seq DESC LIMIT :limit

-- name: tail_at_once [postgresql]
-- A reader, the live session they may be in, and its newest messages, newest first: one round trip
-- for what reader_in_chat, live_..._session and segment_tail say. One row where there is none of
-- it. The columns are read by position: the reader, the session, the place, those of segment_tail,
-- the number of the chat.
SELECT r.chat_no, r.kind, r.peer_no, r.became, r.peer_user_id, r.reader_no, r.reader_user_id,
  s.started_at, s.last_activity, s.channel, t.*
FROM (
  SELECT c.chat_no, c.kind, c.peer_no, c.became, o.user_id AS peer_user_id,
    a.account_no AS reader_no, a.user_id AS reader_user_id,
    CASE WHEN :is_direct THEN COALESCE(o.user_id, a.user_id) END AS user_id,
    CASE WHEN NOT :is_direct THEN COALESCE(c.became, c.chat_no) END AS group_no
  FROM (SELECT 1 AS one) AS always
  LEFT JOIN LATERAL (
    SELECT chat_no, kind, peer_no, became FROM chats
    WHERE bot = :bot AND channel = :channel AND bot_id = :bot_id AND chat_id = :chat_id LIMIT 1)
    AS c ON TRUE
  LEFT JOIN LATERAL (SELECT user_id FROM accounts WHERE account_no = c.peer_no LIMIT 1)
    AS o ON TRUE
  LEFT JOIN LATERAL (
    SELECT account_no, user_id FROM accounts
    WHERE channel = :reader_channel AND channel_user_id = :reader_id LIMIT 1) AS a ON TRUE
  OFFSET 0) AS r
LEFT JOIN LATERAL (
  SELECT l.session_no, l.started_at, COALESCE(g.last_activity, l.started_at) AS last_activity,
    COALESCE(c.channel, '') AS channel
  FROM (
    (
      SELECT session_no, started_at FROM sessions
      WHERE bot = :bot AND user_id = r.user_id AND name = :name AND ended_at IS NULL LIMIT 1)
    UNION ALL
    (
      SELECT session_no, started_at FROM sessions
      WHERE chat_no = r.group_no AND thread_id = :thread_id AND name = :name AND ended_at IS NULL
      LIMIT 1)) AS l
  LEFT JOIN LATERAL (
    SELECT chat_no, last_activity FROM segments WHERE session_no = l.session_no
    ORDER BY last_activity DESC, segment_no DESC LIMIT 1) AS g ON TRUE
  LEFT JOIN LATERAL (
    SELECT channel FROM chats WHERE chat_no = COALESCE(r.group_no, g.chat_no) LIMIT 1) AS c ON TRUE
  LIMIT 1) AS s ON TRUE
LEFT JOIN LATERAL (
  SELECT c.channel, c.chat_id, c.bot_id, g.thread_id, c.title, m.seq, m.message_id, m.role,
    m.author_name, m.channel, m.sent_at, m.content, m.metadata, m.attachments, m.reply_to,
    m.edited_at, m.withheld, m.parts, m.turn, m.aside, a.channel, a.channel_user_id, g.chat_no
  FROM (
    SELECT segment_no, chat_no, thread_id FROM segments WHERE session_no = s.session_no OFFSET 0)
    AS g
  CROSS JOIN LATERAL (
    SELECT channel, chat_id, bot_id, title, peer_no FROM chats
    WHERE chat_no = g.chat_no LIMIT 1) AS c
  CROSS JOIN LATERAL (
    SELECT * FROM messages
    WHERE segment_no = g.segment_no AND seq < COALESCE(:before, 9223372036854775807)
    ORDER BY seq DESC LIMIT :limit) AS m
  LEFT JOIN LATERAL (
    SELECT channel, channel_user_id FROM accounts
    WHERE account_no = CASE WHEN m.of_peer = 1 THEN c.peer_no ELSE m.account_no END LIMIT 1)
    AS a ON TRUE
  ORDER BY m.seq DESC LIMIT :limit) AS t ON TRUE
ORDER BY t.seq DESC

-- name: segment_instructions
-- What the bot's author said as system or developer in a segment. The columns of segment_tail.
WITH peer (account_no) AS MATERIALIZED (SELECT peer_no FROM chats WHERE chat_no = :chat_no)
SELECT m.seq, m.message_id, m.role, m.author_name, m.channel, m.sent_at, m.content, m.metadata,
  m.attachments, m.reply_to, m.edited_at, m.withheld, m.parts, m.turn, m.aside, a.channel,
  a.channel_user_id
FROM messages AS m
LEFT JOIN peer ON m.of_peer = 1
LEFT JOIN accounts AS a ON a.account_no = COALESCE(m.account_no, peer.account_no)
WHERE m.chat_no = :chat_no AND m.segment_no = :segment_no AND m.role IN ('system', 'developer')
ORDER BY m.seq

-- name: message_in_thread
-- A message that another one in its thread replies to. The columns of segment_tail.
WITH peer (account_no) AS MATERIALIZED (SELECT peer_no FROM chats WHERE chat_no = :chat_no)
SELECT m.seq, m.message_id, m.role, m.author_name, m.channel, m.sent_at, m.content, m.metadata,
  m.attachments, m.reply_to, m.edited_at, m.withheld, m.parts, m.turn, m.aside, a.channel,
  a.channel_user_id
FROM messages AS m
JOIN segments AS g ON g.segment_no = m.segment_no
JOIN sessions AS s ON s.session_no = g.session_no
LEFT JOIN peer ON m.of_peer = 1
LEFT JOIN accounts AS a ON a.account_no = COALESCE(m.account_no, peer.account_no)
WHERE m.chat_no = :chat_no AND m.message_id = :message_id AND g.thread_id = :thread_id
  AND s.name = :name

-- name: own_messages_in_groups
-- The messages of such a piece that were written in groups, newest first; no instructions.
-- The columns are read by position: the place, those of segment_tail, the number of the chat.
SELECT c.channel, c.chat_id, c.kind, c.bot_id, g.thread_id, c.title, m.seq, m.message_id, m.role,
  m.author_name, m.channel, m.sent_at, m.content, m.metadata, m.attachments, m.reply_to,
  m.edited_at, m.withheld, m.parts, m.turn, m.aside, a.channel, a.channel_user_id, m.chat_no
FROM accounts AS a
JOIN messages AS m ON m.account_no = a.account_no
JOIN segments AS g ON g.segment_no = m.segment_no
JOIN chats AS c ON c.chat_no = m.chat_no
JOIN sessions AS s ON s.session_no = g.session_no
WHERE a.account_no = :account_no AND m.seq >= :from_seq AND m.seq < :before AND c.kind = 'group'
  AND c.bot = :bot AND s.name = :name AND m.received_at >= :since
  AND m.role NOT IN ('system', 'developer')
ORDER BY m.seq DESC LIMIT :limit

-- name: own_messages_in_groups [postgresql]
-- LIMIT 1 leaves one plan, by key, even without statistics.
SELECT c.channel, c.chat_id, c.kind, c.bot_id, g.thread_id, c.title, m.seq, m.message_id, m.role,
  m.author_name, m.channel, m.sent_at, m.content, m.metadata, m.attachments, m.reply_to,
  m.edited_at, m.withheld, m.parts, m.turn, m.aside, a.channel, a.channel_user_id, m.chat_no
FROM accounts AS a
JOIN messages AS m ON m.account_no = a.account_no
CROSS JOIN LATERAL (
  SELECT * FROM segments WHERE chat_no = m.chat_no AND segment_no = m.segment_no LIMIT 1) AS g
CROSS JOIN LATERAL (SELECT * FROM chats WHERE chat_no = m.chat_no LIMIT 1) AS c
CROSS JOIN LATERAL (SELECT name FROM sessions WHERE session_no = g.session_no LIMIT 1) AS s
WHERE a.account_no = :account_no AND m.seq >= :from_seq AND m.seq < :before AND c.kind = 'group'
  AND c.bot = :bot AND s.name = :name AND m.received_at >= :since
  AND m.role NOT IN ('system', 'developer')
ORDER BY m.seq DESC LIMIT :limit

-- name: own_messages_in_groups [citus]
-- The groups come first; an account is one row.
WITH places AS MATERIALIZED (
  SELECT g.chat_no, g.segment_no, g.thread_id, c.channel, c.chat_id, c.kind, c.bot_id, c.title
  FROM segments AS g
  JOIN chats AS c ON c.chat_no = g.chat_no
  JOIN sessions AS s ON s.session_no = g.session_no
  WHERE c.kind = 'group' AND c.bot = :bot AND s.name = :name),
person AS MATERIALIZED (
  SELECT account_no, channel, channel_user_id FROM accounts WHERE account_no = :account_no)
SELECT p.channel, p.chat_id, p.kind, p.bot_id, p.thread_id, p.title, m.seq, m.message_id, m.role,
  m.author_name, m.channel, m.sent_at, m.content, m.metadata, m.attachments, m.reply_to,
  m.edited_at, m.withheld, m.parts, m.turn, m.aside, a.channel, a.channel_user_id, m.chat_no
FROM messages AS m
JOIN places AS p ON p.chat_no = m.chat_no AND p.segment_no = m.segment_no
JOIN person AS a ON a.account_no = m.account_no
WHERE m.account_no = :account_no AND m.seq >= :from_seq AND m.seq < :before
  AND m.received_at >= :since AND m.role NOT IN ('system', 'developer')
ORDER BY m.seq DESC LIMIT :limit

-- name: export_segment
-- One page of the messages of such a segment, oldest first.
SELECT m.seq, m.message_id, m.role, m.author_name, m.sent_at, m.received_at, m.content, m.metadata,
  m.attachments, m.reply_to, m.edited_at, m.withheld, m.parts, m.turn, m.aside, g.thread_id,
  s.session_id,
  COALESCE(m.channel, c.channel) AS channel, c.bot, c.bot_id, c.chat_id, c.kind AS chat_kind,
  a.channel_user_id AS account
FROM messages AS m
JOIN segments AS g ON g.segment_no = m.segment_no
JOIN sessions AS s ON s.session_no = g.session_no
JOIN chats AS c ON c.chat_no = g.chat_no
JOIN accounts AS a ON a.account_no = c.peer_no
WHERE m.segment_no = :segment_no AND a.user_id = :user_id AND m.seq > :after
ORDER BY m.seq LIMIT :limit

-- name: export_words_in_groups
-- One page of what an account wrote in groups and was answered there, oldest first.
SELECT m.seq, m.message_id, m.role, m.author_name, m.sent_at, m.received_at, m.content, m.metadata,
  m.attachments, m.reply_to, m.edited_at, m.withheld, m.parts, m.turn, m.aside, g.thread_id,
  s.session_id,
  COALESCE(m.channel, c.channel) AS channel, c.bot, c.bot_id, c.chat_id, c.kind AS chat_kind,
  a.channel_user_id AS account
FROM messages AS m
JOIN segments AS g ON g.segment_no = m.segment_no
JOIN sessions AS s ON s.session_no = g.session_no
JOIN chats AS c ON c.chat_no = g.chat_no
JOIN accounts AS a ON a.account_no = m.account_no
WHERE m.account_no = :account_no AND a.user_id = :user_id AND c.kind = 'group' AND m.seq > :after
ORDER BY m.seq LIMIT :limit
