-- Rows from before encryption began are sealed, and opened again before it ends: read in pieces, and
-- written back as they were read. `is_sealed` says how a cell is stored, also where it reads opened.

-- name: messages_to_reseal
-- The next messages in the order of their segments.
SELECT m.segment_no, m.seq, m.chat_no, m.account_no, m.author_name, m.content, m.metadata,
  m.attachments, m.parts, m.reply_to, substr(m.content, 1, 1) = X'FF' AS is_sealed
FROM messages AS m
WHERE (m.segment_no, m.seq) > (:segment_no, :seq)
ORDER BY m.segment_no, m.seq LIMIT :limit

-- name: messages_to_reseal [postgresql]
-- Bytes have another form, and so does a part of them.
SELECT m.segment_no, m.seq, m.chat_no, m.account_no, m.author_name, m.content, m.metadata,
  m.attachments, m.parts, m.reply_to, substring(m.content FROM 1 FOR 1) = '\xff' AS is_sealed
FROM messages AS m
WHERE (m.segment_no, m.seq) > (CAST(:segment_no AS BIGINT), CAST(:seq AS BIGINT))
ORDER BY m.segment_no, m.seq LIMIT :limit

-- name: reseal_messages
-- Write messages back as they are.
UPDATE messages SET author_name = :author_name, content = :content, metadata = :metadata,
  attachments = :attachments, parts = :parts
WHERE chat_no = :chat_no AND seq = :seq

-- name: reseal_messages [postgresql]
-- Takes its rows as arrays.
UPDATE messages AS m SET author_name = asked.author_name, content = asked.content,
  metadata = asked.metadata, attachments = asked.attachments, parts = asked.parts
FROM unnest(CAST(:chat_no AS BIGINT[]), CAST(:seq AS BIGINT[]), CAST(:author_name AS TEXT[]),
  CAST(:content AS BYTEA[]), CAST(:metadata AS BYTEA[]), CAST(:attachments AS BYTEA[]),
  CAST(:parts AS BYTEA[]))
  AS asked (chat_no, seq, author_name, content, metadata, attachments, parts)
WHERE m.chat_no = asked.chat_no AND m.seq = asked.seq

-- name: note_resealed
-- Older messages are as they shall be up to this one.
UPDATE encryption SET done_segment = :segment_no, done_seq = :seq

-- name: vectors_to_reseal
-- The next vectors, in the same order. A vector has an even number of bytes, a sealed one an odd one.
SELECT v.seq, v.vector, v.segment_no, length(v.vector) % 2 = 1 AS is_sealed FROM vectors AS v
WHERE (v.segment_no, v.seq) > (:segment_no, :seq)
ORDER BY v.segment_no, v.seq LIMIT :limit

-- name: vectors_to_reseal [postgresql]
-- The numbers are given a type.
SELECT v.seq, v.vector, v.segment_no, length(v.vector) % 2 = 1 AS is_sealed FROM vectors AS v
WHERE (v.segment_no, v.seq) > (CAST(:segment_no AS BIGINT), CAST(:seq AS BIGINT))
ORDER BY v.segment_no, v.seq LIMIT :limit

-- name: reseal_vectors
-- Write vectors back as they are.
UPDATE vectors SET vector = :vector WHERE segment_no = :segment_no AND seq = :seq

-- name: reseal_vectors [postgresql]
-- Takes its rows as arrays.
UPDATE vectors AS v SET vector = asked.vector
FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:seq AS BIGINT[]), CAST(:vector AS BYTEA[]))
  AS asked (segment_no, seq, vector)
WHERE v.segment_no = asked.segment_no AND v.seq = asked.seq

-- name: accounts_to_reseal
-- The next accounts.
SELECT account_no, display_name, substr(display_name, 1, 8) = char(1) || 'sealed:' AS name_is_sealed,
  labels, substr(labels, 1, 1) = X'FF' AS labels_are_sealed
FROM accounts WHERE account_no > :after
ORDER BY account_no LIMIT :limit

-- name: accounts_to_reseal [postgresql]
-- Text and bytes have other forms.
SELECT account_no, display_name, left(display_name, 8) = chr(1) || 'sealed:' AS name_is_sealed,
  labels, substring(labels FROM 1 FOR 1) = '\xff' AS labels_are_sealed
FROM accounts WHERE account_no > :after
ORDER BY account_no LIMIT :limit

-- name: reseal_name
-- Write an account's name back as it is.
UPDATE accounts SET display_name = :display_name WHERE account_no = :account_no

-- name: reseal_labels
-- Write an account's labels back as they are.
UPDATE accounts SET labels = :labels WHERE account_no = :account_no

-- name: chats_to_reseal
-- The next chats.
SELECT chat_no, title, substr(title, 1, 8) = char(1) || 'sealed:' AS title_is_sealed
FROM chats WHERE chat_no > :after
ORDER BY chat_no LIMIT :limit

-- name: chats_to_reseal [postgresql]
-- Text has another form.
SELECT chat_no, title, left(title, 8) = chr(1) || 'sealed:' AS title_is_sealed
FROM chats WHERE chat_no > :after
ORDER BY chat_no LIMIT :limit

-- name: reseal_title
-- Write a chat's title back as it is.
UPDATE chats SET title = :title WHERE chat_no = :chat_no

-- name: sessions_to_reseal
-- The next sessions.
SELECT session_no, metadata, substr(metadata, 1, 1) = X'FF' AS metadata_is_sealed,
  state, substr(state, 1, 1) = X'FF' AS state_is_sealed
FROM sessions WHERE session_no > :after
ORDER BY session_no LIMIT :limit

-- name: sessions_to_reseal [postgresql]
-- Bytes have another form.
SELECT session_no, metadata, substring(metadata FROM 1 FOR 1) = '\xff' AS metadata_is_sealed,
  state, substring(state FROM 1 FOR 1) = '\xff' AS state_is_sealed
FROM sessions WHERE session_no > :after
ORDER BY session_no LIMIT :limit

-- name: reseal_metadata
-- Write a session's metadata back as it is.
UPDATE sessions SET metadata = :metadata WHERE session_no = :session_no

-- name: reseal_state_of_session
-- Write a session's state back as it is: its version stays.
UPDATE sessions SET state = :state WHERE session_no = :session_no

-- name: users_to_reseal
-- The next users.
SELECT user_id, state, substr(state, 1, 1) = X'FF' AS state_is_sealed
FROM users WHERE user_id > :after
ORDER BY user_id LIMIT :limit

-- name: users_to_reseal [postgresql]
-- Bytes have another form.
SELECT user_id, state, substring(state FROM 1 FOR 1) = '\xff' AS state_is_sealed
FROM users WHERE user_id > :after
ORDER BY user_id LIMIT :limit

-- name: reseal_state_of_user
-- Write a user's state back as it is: its version stays.
UPDATE users SET state = :state WHERE user_id = :user_id

-- name: summaries_to_reseal
-- The next summaries.
SELECT summary_no, session_no, content, substr(content, 1, 1) = X'FF' AS content_is_sealed
FROM summaries WHERE summary_no > :after
ORDER BY summary_no LIMIT :limit

-- name: summaries_to_reseal [postgresql]
-- Bytes have another form.
SELECT summary_no, session_no, content,
  substring(content FROM 1 FOR 1) = '\xff' AS content_is_sealed
FROM summaries WHERE summary_no > :after
ORDER BY summary_no LIMIT :limit

-- name: reseal_summary
-- Write a summary back as it is; `session_no` says whose key it has.
UPDATE summaries SET content = :content
WHERE summary_no = :summary_no AND session_no = :session_no

-- name: end_encryption
-- Nothing is sealed any more.
DELETE FROM encryption

-- name: count_sealed_messages
-- Messages that are sealed.
SELECT COUNT(*) AS count FROM messages WHERE substr(content, 1, 1) = X'FF'

-- name: count_sealed_messages [postgresql]
-- Bytes have another form.
SELECT COUNT(*) AS count FROM messages WHERE substring(content FROM 1 FOR 1) = '\xff'

-- name: count_plain_messages
-- Messages that say something and are not sealed.
SELECT COUNT(*) AS count FROM messages
WHERE substr(content, 1, 1) <> X'FF' AND (length(content) > 0 OR author_name <> ''
  OR length(metadata) > 0 OR length(attachments) > 0 OR length(parts) > 0)

-- name: count_plain_messages [postgresql]
-- Bytes have another form.
SELECT COUNT(*) AS count FROM messages
WHERE substring(content FROM 1 FOR 1) <> '\xff' AND (length(content) > 0 OR author_name <> ''
  OR length(metadata) > 0 OR length(attachments) > 0 OR length(parts) > 0)

-- name: count_sealed_vectors
-- Vectors that are sealed.
SELECT COUNT(*) AS count FROM vectors WHERE length(vector) % 2 = 1

-- name: count_sealed_elsewhere
-- Sealed cells of all other tables.
SELECT
  (SELECT COUNT(*) FROM accounts WHERE substr(display_name, 1, 8) = char(1) || 'sealed:')
  + (SELECT COUNT(*) FROM accounts WHERE substr(labels, 1, 1) = X'FF')
  + (SELECT COUNT(*) FROM chats WHERE substr(title, 1, 8) = char(1) || 'sealed:')
  + (SELECT COUNT(*) FROM sessions WHERE substr(metadata, 1, 1) = X'FF')
  + (SELECT COUNT(*) FROM sessions WHERE substr(state, 1, 1) = X'FF')
  + (SELECT COUNT(*) FROM users WHERE substr(state, 1, 1) = X'FF')
  + (SELECT COUNT(*) FROM summaries WHERE substr(content, 1, 1) = X'FF') AS count

-- name: count_sealed_elsewhere [postgresql]
-- Text and bytes have other forms.
SELECT
  (SELECT COUNT(*) FROM accounts WHERE left(display_name, 8) = chr(1) || 'sealed:')
  + (SELECT COUNT(*) FROM accounts WHERE substring(labels FROM 1 FOR 1) = '\xff')
  + (SELECT COUNT(*) FROM chats WHERE left(title, 8) = chr(1) || 'sealed:')
  + (SELECT COUNT(*) FROM sessions WHERE substring(metadata FROM 1 FOR 1) = '\xff')
  + (SELECT COUNT(*) FROM sessions WHERE substring(state FROM 1 FOR 1) = '\xff')
  + (SELECT COUNT(*) FROM users WHERE substring(state FROM 1 FOR 1) = '\xff')
  + (SELECT COUNT(*) FROM summaries WHERE substring(content FROM 1 FOR 1) = '\xff') AS count

-- name: count_plain_elsewhere
-- Cells of other tables that say something and are not sealed.
SELECT
  (SELECT COUNT(*) FROM accounts
    WHERE display_name <> '' AND substr(display_name, 1, 8) <> char(1) || 'sealed:')
  + (SELECT COUNT(*) FROM accounts WHERE substr(labels, 1, 1) <> X'FF' AND length(labels) > 0)
  + (SELECT COUNT(*) FROM chats WHERE title <> '' AND substr(title, 1, 8) <> char(1) || 'sealed:')
  + (SELECT COUNT(*) FROM sessions WHERE substr(metadata, 1, 1) <> X'FF' AND length(metadata) > 0)
  + (SELECT COUNT(*) FROM sessions WHERE substr(state, 1, 1) <> X'FF' AND length(state) > 0)
  + (SELECT COUNT(*) FROM users WHERE substr(state, 1, 1) <> X'FF' AND length(state) > 0)
  + (SELECT COUNT(*) FROM summaries WHERE substr(content, 1, 1) <> X'FF' AND length(content) > 0)
  AS count

-- name: count_plain_elsewhere [postgresql]
-- Text and bytes have other forms.
SELECT
  (SELECT COUNT(*) FROM accounts
    WHERE display_name <> '' AND left(display_name, 8) <> chr(1) || 'sealed:')
  + (SELECT COUNT(*) FROM accounts WHERE substring(labels FROM 1 FOR 1) <> '\xff'
      AND length(labels) > 0)
  + (SELECT COUNT(*) FROM chats WHERE title <> '' AND left(title, 8) <> chr(1) || 'sealed:')
  + (SELECT COUNT(*) FROM sessions WHERE substring(metadata FROM 1 FOR 1) <> '\xff'
      AND length(metadata) > 0)
  + (SELECT COUNT(*) FROM sessions WHERE substring(state FROM 1 FOR 1) <> '\xff'
      AND length(state) > 0)
  + (SELECT COUNT(*) FROM users WHERE substring(state FROM 1 FOR 1) <> '\xff'
      AND length(state) > 0)
  + (SELECT COUNT(*) FROM summaries WHERE substring(content FROM 1 FOR 1) <> '\xff'
      AND length(content) > 0) AS count

-- name: count_passed_messages
-- How many messages there are, and how many of them upkeep has passed: by the counters of segments,
-- but for the one where it is.
SELECT CAST(COALESCE(SUM(g.total_count), 0) AS BIGINT) AS messages,
  CAST(COALESCE(SUM(CASE WHEN g.segment_no < :segment_no THEN g.total_count ELSE 0 END), 0)
    AS BIGINT) AS passed
FROM segments AS g

-- name: count_passed_in_segment
-- Those of the segment where it is.
SELECT COUNT(*) AS passed FROM messages WHERE segment_no = :segment_no AND seq <= :seq

-- name: count_data_keys
-- How many keys there are, and how many the store may still have that are to be destroyed, since when.
SELECT (SELECT COUNT(*) FROM data_keys) AS keys,
  (SELECT COUNT(*) FROM destroyed_keys WHERE is_done = 0) AS waiting,
  (SELECT MIN(at) FROM destroyed_keys WHERE is_done = 0) AS waiting_since
