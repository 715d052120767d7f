-- Encryption: whose data keys are, the cells of one row, and what was destroyed.

-- name: keys_of_owners
-- The data keys that several owners have now; none or several may be one's.
WITH asked (kind, chat_no, account_no, session_no, user_id) AS (
  VALUES (:kind, :chat_no, :account_no, :session_no, :user_id))
SELECT k.key_id, k.kind, k.chat_no, k.account_no, k.session_no, k.user_id FROM asked
CROSS JOIN data_keys AS k ON k.kind = asked.kind AND k.chat_no = asked.chat_no
  AND k.account_no = asked.account_no AND k.session_no = asked.session_no
  AND k.user_id = asked.user_id AND k.is_old = 0

-- name: keys_of_owners [postgresql]
-- Takes its rows as arrays.
SELECT k.key_id, k.kind, k.chat_no, k.account_no, k.session_no, k.user_id
FROM unnest(CAST(:kind AS TEXT[]), CAST(:chat_no AS BIGINT[]), CAST(:account_no AS BIGINT[]),
  CAST(:session_no AS BIGINT[]), CAST(:user_id AS TEXT[]))
  AS asked (kind, chat_no, account_no, session_no, user_id)
JOIN data_keys AS k ON k.kind = asked.kind AND k.chat_no = asked.chat_no
  AND k.account_no = asked.account_no AND k.session_no = asked.session_no
  AND k.user_id = asked.user_id AND k.is_old = 0

-- name: add_data_keys
-- Note whose keys these are, before anything is sealed with them.
INSERT INTO data_keys (key_id, kind, chat_no, account_no, session_no, user_id)
VALUES (:key_id, :kind, :chat_no, :account_no, :session_no, :user_id)

-- name: add_data_keys [postgresql]
-- Takes its rows as arrays.
INSERT INTO data_keys (key_id, kind, chat_no, account_no, session_no, user_id)
SELECT *
FROM unnest(CAST(:key_id AS BYTEA[]), CAST(:kind AS TEXT[]), CAST(:chat_no AS BIGINT[]),
  CAST(:account_no AS BIGINT[]), CAST(:session_no AS BIGINT[]), CAST(:user_id AS TEXT[]))

-- name: private_columns
-- What is private of a message, and whose it is.
SELECT chat_no, seq, account_no, author_name, content, metadata, attachments, parts, withheld,
  reply_to
FROM messages WHERE chat_no = :chat_no AND seq = :seq

-- name: set_private_columns
-- Replace what is private of a message.
UPDATE messages SET author_name = :author_name, content = :content, metadata = :metadata,
  attachments = :attachments, parts = :parts
WHERE chat_no = :chat_no AND seq = :seq

-- name: contents_of_segments
-- The contents of messages, as they are stored.
WITH asked (segment_no, seq) AS (VALUES (:segment_no, :seq))
SELECT m.segment_no, m.seq, m.content FROM asked
CROSS JOIN messages AS m ON m.segment_no = asked.segment_no AND m.seq = asked.seq

-- name: contents_of_segments [postgresql]
-- Takes its rows as arrays.
SELECT m.segment_no, m.seq, m.content
FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:seq AS BIGINT[])) AS asked (segment_no, seq)
JOIN messages AS m ON m.segment_no = asked.segment_no AND m.seq = asked.seq

-- name: accounts_with_names
-- A piece of all accounts that have a name, by number: no statement can look into what is sealed.
SELECT account_no, user_id, channel, channel_user_id, display_name FROM accounts
WHERE display_name <> '' AND account_no > :after
ORDER BY account_no LIMIT :limit

-- name: accounts_before
-- A piece of all accounts, the last seen first.
SELECT account_no, user_id, home_user_id, channel_user_id, display_name FROM accounts
WHERE account_no < :before
ORDER BY account_no DESC LIMIT :limit

-- name: name_accounts
-- Name accounts that were added without a name.
UPDATE accounts SET display_name = :display_name WHERE account_no = :account_no

-- name: name_accounts [postgresql]
-- Takes its rows as arrays.
UPDATE accounts AS a SET display_name = n.display_name
FROM unnest(CAST(:account_no AS BIGINT[]), CAST(:display_name AS TEXT[]))
  AS n (account_no, display_name)
WHERE a.account_no = n.account_no

-- name: title_chats
-- Give titles to chats that were added without one.
UPDATE chats SET title = :title WHERE chat_no = :chat_no

-- name: title_chats [postgresql]
-- Takes its rows as arrays.
UPDATE chats AS c SET title = t.title
FROM unnest(CAST(:chat_no AS BIGINT[]), CAST(:title AS TEXT[])) AS t (chat_no, title)
WHERE c.chat_no = t.chat_no

-- name: encryption_state
-- Whether cells are sealed, and by which key that is known; no row if none ever was.
SELECT state, check_id, check_cell, done_segment, done_seq FROM encryption

-- name: begin_encryption
-- From now on what is written is sealed; another process may have begun it before.
INSERT INTO encryption (only_row, state, check_id, check_cell, done_segment, done_seq)
VALUES (1, :state, :check_id, :check_cell, :before_all, :before_all)
ON CONFLICT DO NOTHING

-- name: set_encryption_state
-- Older rows are to be gone through, from the first on, or are all done.
UPDATE encryption SET state = :state, done_segment = :before_all, done_seq = :before_all

-- name: anything_private
-- Whether there is a row that may hold anything private.
SELECT 1 AS found FROM accounts
UNION ALL
SELECT 1 AS found FROM chats
LIMIT 1

-- name: set_summaries
-- Give content to summaries that were added without it, or the same sealed with another key.
UPDATE summaries SET content = :content WHERE summary_no = :summary_no

-- name: set_summaries [postgresql]
-- Takes its rows as arrays.
UPDATE summaries AS s SET content = n.content
FROM unnest(CAST(:summary_no AS BIGINT[]), CAST(:content AS BYTEA[])) AS n (summary_no, content)
WHERE s.summary_no = n.summary_no

-- name: contents_of_summaries
-- What the summaries of a session say, of those that were not withdrawn.
SELECT summary_no, session_no, content FROM summaries
WHERE session_no = :session_no AND content IS NOT NULL

-- name: accounts_quoted
-- Whose words several messages quote: the person's that the platform names, or whose the quoted
-- message is, if it is stored.
WITH asked (position, chat_no, person, chat_id, message_id) AS (
  VALUES (:position, :chat_no, :person, :chat_id, :message_id)),
found AS (
  SELECT asked.position, c.chat_no, c.peer_no, COALESCE(
    (
      SELECT a.account_no FROM accounts AS a
      WHERE a.channel = c.channel AND a.channel_user_id = asked.person),
    (
      SELECT COALESCE(m.account_no, o.peer_no) FROM chats AS o
      JOIN messages AS m ON m.chat_no = o.chat_no AND m.message_id = asked.message_id
      WHERE o.bot = c.bot AND o.channel = c.channel AND o.bot_id = c.bot_id
        AND o.chat_id = COALESCE(asked.chat_id, c.chat_id))) AS account_no
  FROM asked CROSS JOIN chats AS c ON c.chat_no = asked.chat_no)
SELECT position, chat_no, peer_no, account_no FROM found WHERE account_no IS NOT NULL

-- name: accounts_quoted [postgresql]
-- Takes its rows as arrays.
WITH found AS (
  SELECT asked.position, c.chat_no, c.peer_no, COALESCE(
    (
      SELECT a.account_no FROM accounts AS a
      WHERE a.channel = c.channel AND a.channel_user_id = asked.person),
    (
      SELECT COALESCE(m.account_no, o.peer_no) FROM chats AS o
      JOIN messages AS m ON m.chat_no = o.chat_no AND m.message_id = asked.message_id
      WHERE o.bot = c.bot AND o.channel = c.channel AND o.bot_id = c.bot_id
        AND o.chat_id = COALESCE(asked.chat_id, c.chat_id))) AS account_no
  FROM unnest(CAST(:position AS BIGINT[]), CAST(:chat_no AS BIGINT[]), CAST(:person AS TEXT[]),
    CAST(:chat_id AS TEXT[]), CAST(:message_id AS TEXT[]))
    AS asked (position, chat_no, person, chat_id, message_id)
  JOIN chats AS c ON c.chat_no = asked.chat_no)
SELECT position, chat_no, peer_no, account_no FROM found WHERE account_no IS NOT NULL

-- name: accounts_quoted [citus]
-- The chats and the people first, each by its key, then what is stored of the quoted messages.
WITH asked AS MATERIALIZED (
  SELECT q.position, q.message_id, c.chat_no, c.peer_no, a.account_no, o.chat_no AS quoted_chat,
    o.peer_no AS quoted_peer
  FROM unnest(CAST(:position AS BIGINT[]), CAST(:chat_no AS BIGINT[]), CAST(:person AS TEXT[]),
    CAST(:chat_id AS TEXT[]), CAST(:message_id AS TEXT[]))
    AS q (position, chat_no, person, chat_id, message_id)
  JOIN chats AS c ON c.chat_no = q.chat_no
  LEFT JOIN LATERAL (
    SELECT account_no FROM accounts
    WHERE channel = c.channel AND channel_user_id = q.person
    OFFSET 0) AS a ON TRUE
  LEFT JOIN LATERAL (
    SELECT chat_no, peer_no FROM chats
    WHERE bot = c.bot AND channel = c.channel AND bot_id = c.bot_id
      AND chat_id = COALESCE(q.chat_id, c.chat_id)
    OFFSET 0) AS o ON TRUE),
said AS MATERIALIZED (
  SELECT asked.position, COALESCE(m.account_no, asked.quoted_peer) AS account_no
  FROM messages AS m
  JOIN asked ON m.chat_no = asked.quoted_chat AND m.message_id = asked.message_id
  WHERE asked.account_no IS NULL),
found AS (
  SELECT asked.position, asked.chat_no, asked.peer_no,
    COALESCE(asked.account_no, said.account_no) AS account_no
  FROM asked LEFT JOIN said ON said.position = asked.position)
SELECT position, chat_no, peer_no, account_no FROM found WHERE account_no IS NOT NULL
