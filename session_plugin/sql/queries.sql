-- Every statement of the house, named, with a line that says why. Parameters are :named; a backend that needs other words
-- has a variant below the statement, under the same name with [backend] behind it. JSON is read as bytes: a cell that is no
-- valid text must not fail the row.

-- ---- the database itself ----

-- name: lock_schema [postgresql]
-- Nobody else writes, or changes the schema, until this transaction is over.
SELECT pg_advisory_xact_lock(1397771335, hashtext(current_schema()))

-- name: lock_shared [postgresql]
-- This transaction writes messages beside others that do no more than that; the mark tells later that it was committed.
WITH marked AS (
  INSERT INTO session_plugin_writers (writer_id, group_no) VALUES (:writer_id, :group_no)
  ON CONFLICT (writer_id) DO UPDATE SET group_no = excluded.group_no)
SELECT pg_advisory_xact_lock_shared(1397771335, hashtext(current_schema()))

-- name: lock_alone [postgresql]
-- This transaction is the only one that writes, as every one is on SQLite.
WITH marked AS (
  INSERT INTO session_plugin_writers (writer_id, group_no) VALUES (:writer_id, :group_no)
  ON CONFLICT (writer_id) DO UPDATE SET group_no = excluded.group_no)
SELECT pg_advisory_xact_lock(1397771335, hashtext(current_schema()))

-- name: last_group [postgresql]
-- How far did this writer come? Waits for a transaction of its own that is not over yet.
INSERT INTO session_plugin_writers (writer_id, group_no) VALUES (:writer_id, -1)
ON CONFLICT (writer_id) DO UPDATE SET writer_id = excluded.writer_id RETURNING group_no

-- name: drop_writer [postgresql]
-- It writes no more.
DELETE FROM session_plugin_writers WHERE writer_id = :writer_id

-- name: schema_table [postgresql]
-- Is this schema ours? Looked up as a row: to_regclass may remember that there was no table before the lock was had.
SELECT relname FROM pg_class WHERE relname = 'session_plugin_schema'
AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())

-- name: schema_version [postgresql]
-- How many migrations has it had?
SELECT version FROM session_plugin_schema

-- name: set_schema_version [postgresql]
-- It has had one more.
UPDATE session_plugin_schema SET version = :version

-- name: taken_table [postgresql]
-- A table of another program that stands where one of ours would.
SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()
AND table_name IN ('users', 'accounts', 'chats', 'sessions', 'segments', 'messages', 'summaries') ORDER BY 1 LIMIT 1

-- name: is_used [postgresql]
-- Has anybody been here?
SELECT 1 FROM users LIMIT 1

-- name: file_tables
-- What is there to copy? Without SQLite's own tables.
SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name

-- name: table_columns
-- What does a table hold?
SELECT name FROM pragma_table_info(:table) ORDER BY cid

-- name: table_references
-- Which tables must be filled before this one?
SELECT "table" FROM pragma_foreign_key_list(:table)

-- name: numbers_given_out
-- The greatest number of each table, of rows that are gone, too: none is ever given out twice.
SELECT name, seq FROM sqlite_sequence

-- name: numbers_given_out [postgresql]
-- The greatest number of each table, of rows that are gone, too: none is ever given out twice.
SELECT c.table_name, c.column_name, COALESCE(s.last_value, 0) FROM information_schema.columns AS c
JOIN pg_sequences AS s ON s.schemaname = c.table_schema
AND quote_ident(s.schemaname) || '.' || quote_ident(s.sequencename) = pg_get_serial_sequence(c.table_name, c.column_name)
WHERE c.table_schema = current_schema() AND c.is_identity = 'YES'

-- name: forget_number
-- Copying takes the number over from elsewhere.
DELETE FROM sqlite_sequence WHERE name = :name

-- name: keep_number
-- Go on from the number that was given out elsewhere.
INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)

-- name: keep_number [postgresql]
-- Go on from the number that was given out elsewhere.
SELECT setval(pg_get_serial_sequence(:table, :column), :number)

-- ---- people ----

-- name: account_by_key
-- Who is this account?
SELECT account_no, channel, channel_user_id, user_id, home_user_id, display_name
FROM accounts WHERE channel = :channel AND channel_user_id = :channel_user_id

-- name: account_by_no
-- Who owns this direct chat?
SELECT account_no, channel, channel_user_id, user_id, home_user_id, display_name, labels
FROM accounts WHERE account_no = :account_no

-- name: accounts_of_user
-- All accounts of a person, longest known first.
SELECT account_no, channel, channel_user_id, user_id, home_user_id, display_name, labels, left_at, left_user_id, private,
       forgotten_until
FROM accounts WHERE user_id = :user_id ORDER BY account_no

-- name: add_account
-- First sight of an account.
INSERT INTO accounts (channel, channel_user_id, user_id, home_user_id, display_name, forgotten_until, left_at, left_user_id)
VALUES (:channel, :channel_user_id, :user_id, :home_user_id, :display_name, :forgotten_until, :left_at,
  CASE WHEN CAST(:left_at AS DOUBLE PRECISION) IS NULL THEN NULL ELSE '' END) RETURNING account_no

-- name: rename_account
-- The name shown on the platform changed.
UPDATE accounts SET display_name = :display_name WHERE account_no = :account_no

-- name: standing_of_account
-- Has this account asked that nothing of it be kept, by whichever account of the same person? Is it one that was forgotten?
SELECT a.forgotten_until,
       CASE WHEN EXISTS (SELECT 1 FROM accounts AS p WHERE p.user_id = a.user_id AND p.private <> 0) THEN 1 ELSE 0 END AS private
FROM accounts AS a WHERE a.channel = :channel AND a.channel_user_id = :channel_user_id

-- name: is_private_user
-- Has any account of this person asked that nothing be kept?
SELECT account_no FROM accounts WHERE user_id = :user_id AND private <> 0 LIMIT 1

-- name: set_private
-- All accounts of a person say it together.
UPDATE accounts SET private = :private WHERE user_id = :user_id AND private <> :private

-- name: set_labels
-- What SessionStore's callers call this user on other channels.
UPDATE accounts SET labels = :labels WHERE account_no = :account_no

-- name: user_by_id
-- Is this somebody's id, and who goes by it now?
SELECT user_id, created_at, merged_into FROM users WHERE user_id = :user_id

-- name: add_user
-- A user id that may be known already.
INSERT INTO users (user_id, created_at) VALUES (:user_id, :created_at) ON CONFLICT DO NOTHING

-- ---- chats and sessions ----

-- name: chat_by_key
-- Which chat is this?
SELECT chat_no, bot, channel, bot_id, chat_id, kind, peer_no, title, became
FROM chats WHERE bot = :bot AND channel = :channel AND bot_id = :bot_id AND chat_id = :chat_id

-- name: reader_in_chat
-- Which chat is this, whose is it, and who reads in it? One row, whatever of that is known.
SELECT c.chat_no, c.kind, c.peer_no, c.became, o.user_id AS peer_user_id, r.account_no AS reader_no, r.user_id AS reader_user_id
FROM (SELECT 1 AS one) AS always
LEFT JOIN chats AS c ON c.bot = :bot AND c.channel = :channel AND c.bot_id = :bot_id AND c.chat_id = :chat_id
LEFT JOIN accounts AS o ON o.account_no = c.peer_no
LEFT JOIN accounts AS r ON r.channel = :reader_channel AND r.channel_user_id = :reader_id

-- name: reader_in_chat [postgresql]
-- LIMIT 1 makes each look-up one by key, whatever the server knows of the tables.
SELECT c.chat_no, c.kind, c.peer_no, c.became, o.user_id AS peer_user_id, r.account_no AS reader_no, r.user_id AS reader_user_id
FROM (SELECT 1 AS one) AS always
LEFT JOIN LATERAL (
  SELECT chat_no, kind, peer_no, became FROM chats
  WHERE bot = :bot AND channel = :channel AND bot_id = :bot_id AND chat_id = :chat_id LIMIT 1) AS c ON TRUE
LEFT JOIN LATERAL (SELECT user_id FROM accounts WHERE account_no = c.peer_no LIMIT 1) AS o ON TRUE
LEFT JOIN LATERAL (
  SELECT account_no, user_id FROM accounts
  WHERE channel = :reader_channel AND channel_user_id = :reader_id LIMIT 1) AS r ON TRUE

-- name: chat_by_no
-- The chat of a group's session.
SELECT chat_no, bot, channel, bot_id, chat_id, kind, peer_no, title FROM chats WHERE chat_no = :chat_no

-- name: add_chat
-- First sight of a chat.
INSERT INTO chats (bot, channel, bot_id, chat_id, kind, title)
VALUES (:bot, :channel, :bot_id, :chat_id, :kind, :title)
RETURNING chat_no, bot, channel, bot_id, chat_id, kind, peer_no, title, became

-- name: retitle_chat
-- The chat has another title now.
UPDATE chats SET title = :title WHERE chat_no = :chat_no

-- name: live_sessions_of_chat
-- What goes on in a group, one a thread and part.
SELECT session_no, thread_id, name FROM sessions WHERE chat_no = :chat_no AND ended_at IS NULL ORDER BY session_no

-- name: move_sessions
-- The group has another chat now, and all its sessions are there.
UPDATE sessions SET chat_no = :chat_no WHERE chat_no = :previous

-- name: move_chat
-- What comes from this chat, or from one that became it, belongs to another one from now on.
UPDATE chats SET became = :became WHERE chat_no = :chat_no OR became = :chat_no

-- name: set_peer
-- The first person in a direct chat owns it.
UPDATE chats SET peer_no = :account_no WHERE chat_no = :chat_no AND peer_no IS NULL

-- name: live_direct_session
-- The session that a person is in, with its segments, the most recently active first; a row without one where there is none.
SELECT s.session_no, s.session_id, s.started_at, 'direct' AS kind, COALESCE(g.last_activity, s.started_at) AS last_activity,
       COALESCE(c.channel, '') AS channel, g.segment_no, g.thread_id, g.live_from, g.last_seq, c.bot_id, c.chat_id, c.title
FROM sessions AS s
LEFT JOIN segments AS g ON g.session_no = s.session_no LEFT JOIN chats AS c ON c.chat_no = g.chat_no
WHERE s.bot = :bot AND s.user_id = :user_id AND s.name = :name AND s.ended_at IS NULL
ORDER BY g.last_activity DESC, g.segment_no DESC

-- name: live_group_session
-- The session that a group (thread) is in, with its segments, likewise: of a group that became another chat there are two.
SELECT s.session_no, s.session_id, s.started_at, 'group' AS kind, COALESCE(g.last_activity, s.started_at) AS last_activity,
       h.channel, g.segment_no, g.thread_id, g.live_from, g.last_seq, c.bot_id, c.chat_id, c.title
FROM sessions AS s JOIN chats AS h ON h.chat_no = s.chat_no
LEFT JOIN segments AS g ON g.session_no = s.session_no LEFT JOIN chats AS c ON c.chat_no = g.chat_no
WHERE s.chat_no = :chat_no AND s.thread_id = :thread_id AND s.name = :name AND s.ended_at IS NULL
ORDER BY g.last_activity DESC, g.segment_no DESC

-- name: live_direct_session [postgresql]
-- LIMIT, or OFFSET, makes each look-up one by key, whatever the server knows of the tables.
SELECT s.session_no, s.session_id, s.started_at, 'direct' AS kind, COALESCE(g.last_activity, s.started_at) AS last_activity,
       COALESCE(c.channel, '') AS channel, g.segment_no, g.thread_id, g.live_from, g.last_seq, c.bot_id, c.chat_id, c.title
FROM sessions AS s
LEFT JOIN LATERAL (SELECT * FROM segments WHERE session_no = s.session_no OFFSET 0) AS g ON TRUE
LEFT JOIN LATERAL (SELECT * FROM chats WHERE chat_no = g.chat_no LIMIT 1) AS c ON TRUE
WHERE s.bot = :bot AND s.user_id = :user_id AND s.name = :name AND s.ended_at IS NULL
ORDER BY g.last_activity DESC, g.segment_no DESC

-- name: live_group_session [postgresql]
-- Likewise.
SELECT s.session_no, s.session_id, s.started_at, 'group' AS kind, COALESCE(g.last_activity, s.started_at) AS last_activity,
       h.channel, g.segment_no, g.thread_id, g.live_from, g.last_seq, c.bot_id, c.chat_id, c.title
FROM sessions AS s
CROSS JOIN LATERAL (SELECT channel FROM chats WHERE chat_no = s.chat_no LIMIT 1) AS h
LEFT JOIN LATERAL (SELECT * FROM segments WHERE session_no = s.session_no OFFSET 0) AS g ON TRUE
LEFT JOIN LATERAL (SELECT * FROM chats WHERE chat_no = g.chat_no LIMIT 1) AS c ON TRUE
WHERE s.chat_no = :chat_no AND s.thread_id = :thread_id AND s.name = :name AND s.ended_at IS NULL
ORDER BY g.last_activity DESC, g.segment_no DESC

-- name: live_session_by_no
-- Is it still live, and when and where was it last active?
SELECT s.session_no, s.started_at, CASE WHEN s.chat_no IS NULL THEN 'direct' ELSE 'group' END AS kind,
       COALESCE((SELECT MAX(g.last_activity) FROM segments AS g WHERE g.session_no = s.session_no), s.started_at)
         AS last_activity,
       COALESCE((SELECT c.channel FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
                 WHERE g.session_no = s.session_no ORDER BY g.last_activity DESC, g.segment_no DESC LIMIT 1),
                (SELECT c.channel FROM chats AS c WHERE c.chat_no = s.chat_no), '') AS channel
FROM sessions AS s WHERE s.session_no = :session_no AND s.ended_at IS NULL

-- name: silent_sessions
-- Live sessions in which nothing was said for a while.
SELECT s.session_no FROM sessions AS s
WHERE s.bot = :bot AND s.ended_at IS NULL AND s.session_no > :after AND s.started_at < :before
  AND NOT EXISTS (SELECT 1 FROM segments AS g WHERE g.session_no = s.session_no AND g.last_activity >= :before)
ORDER BY s.session_no LIMIT :limit

-- name: live_sessions_of_user
-- A person's live sessions, one a bot and part.
SELECT session_no, bot, name FROM sessions WHERE user_id = :user_id AND ended_at IS NULL ORDER BY session_no

-- name: direct_sessions
-- A person's sessions, newest first; one that is joined into another shows there.
SELECT session_no, ended_at, end_reason FROM sessions
WHERE bot = :bot AND user_id = :user_id AND name = :name AND (end_reason IS NULL OR end_reason <> 'linked')
ORDER BY session_no DESC LIMIT :limit

-- name: group_sessions
-- A group's (thread's) sessions, newest first; one that is joined into another shows there.
SELECT session_no, ended_at, end_reason FROM sessions
WHERE chat_no = :chat_no AND thread_id = :thread_id AND name = :name AND (end_reason IS NULL OR end_reason <> 'linked')
ORDER BY session_no DESC LIMIT :limit

-- name: last_ended_direct
-- A person's session that ended last. After a link it need not be the one that began last.
SELECT end_reason FROM sessions
WHERE bot = :bot AND user_id = :user_id AND name = :name AND ended_at IS NOT NULL AND end_reason <> 'linked'
ORDER BY ended_at DESC, session_no DESC LIMIT 1

-- name: last_ended_group
-- A group's (thread's) session that ended last.
SELECT end_reason FROM sessions
WHERE chat_no = :chat_no AND thread_id = :thread_id AND name = :name AND ended_at IS NOT NULL AND end_reason <> 'linked'
ORDER BY ended_at DESC, session_no DESC LIMIT 1

-- name: session_by_no
-- A session with what is counted over its segments.
SELECT s.session_no, s.session_id, s.bot, s.user_id, s.chat_no, s.thread_id, s.name, s.founder_no, s.started_at, s.start_reason,
       s.ended_at, s.end_reason, s.metadata, s.pinned,
       COALESCE((SELECT MAX(g.last_activity) FROM segments AS g WHERE g.session_no = s.session_no), s.started_at)
         AS last_activity,
       CAST(COALESCE((SELECT SUM(g.total_count) FROM segments AS g WHERE g.session_no = s.session_no), 0) AS BIGINT)
         AS message_count
FROM sessions AS s WHERE s.session_no = :session_no

-- name: session_by_id
-- Which session has this id?
SELECT session_no FROM sessions WHERE session_id = :session_id

-- name: add_session
-- A session begins.
INSERT INTO sessions (session_id, bot, user_id, chat_no, thread_id, name, founder_no, started_at, start_reason, ended_at,
  end_reason)
VALUES (:session_id, :bot, :user_id, :chat_no, :thread_id, :name, :founder_no, :started_at, :start_reason, :ended_at,
  :end_reason)
RETURNING session_no, session_id, started_at, started_at AS last_activity

-- name: set_metadata
-- What the original kept with it.
UPDATE sessions SET metadata = :metadata WHERE session_no = :session_no

-- name: end_session
-- A session is over.
UPDATE sessions SET ended_at = :ended_at, end_reason = :end_reason WHERE session_no = :session_no AND ended_at IS NULL

-- name: unannounced_sessions
-- Starts and ends that no hook was told of; another bot's are for its own hub to tell.
SELECT session_no, start_announced, ended_at, end_announced FROM sessions
WHERE bot = :bot AND (start_announced = 0 OR (ended_at IS NOT NULL AND end_announced = 0)) ORDER BY session_no LIMIT :limit

-- name: claim_starts
-- Whoever changes these rows tells the hooks of the starts.
WITH asked (session_no) AS (VALUES (:session_no))
UPDATE sessions SET start_announced = 1 WHERE start_announced = 0 AND session_no IN (SELECT session_no FROM asked)
RETURNING session_no

-- name: claim_starts [postgresql]
-- Rows travel as columns.
UPDATE sessions SET start_announced = 1 WHERE start_announced = 0 AND session_no = ANY (CAST(:session_no AS BIGINT[]))
RETURNING session_no

-- name: claim_ends
-- Whoever changes these rows tells the hooks of the ends.
WITH asked (session_no) AS (VALUES (:session_no))
UPDATE sessions SET end_announced = 1 WHERE end_announced = 0 AND ended_at IS NOT NULL AND session_no IN (SELECT session_no FROM asked)
RETURNING session_no

-- name: claim_ends [postgresql]
-- Rows travel as columns.
UPDATE sessions SET end_announced = 1
WHERE end_announced = 0 AND ended_at IS NOT NULL AND session_no = ANY (CAST(:session_no AS BIGINT[]))
RETURNING session_no

-- ---- states ----

-- name: state_of_session
-- What the bot's author notes down about a session.
SELECT state, state_version FROM sessions WHERE session_no = :session_no

-- name: set_state_of_session
-- It changes from one version to the next; whoever read an older one changes nothing.
UPDATE sessions SET state = :state, state_version = state_version + 1
WHERE session_no = :session_no AND state_version = :version

-- name: state_of_user
-- What the bot's author notes down about a person.
SELECT state, state_version FROM users WHERE user_id = :user_id

-- name: set_state_of_user
-- It changes in the same way.
UPDATE users SET state = :state, state_version = state_version + 1 WHERE user_id = :user_id AND state_version = :version

-- ---- segments ----

-- name: segment_of
-- A chat's part of a session.
SELECT segment_no FROM segments WHERE session_no = :session_no AND chat_no = :chat_no AND thread_id = :thread_id

-- name: segment_by_no
-- A segment's handle.
SELECT segment_no, handle FROM segments WHERE segment_no = :segment_no

-- name: add_segment
-- A chat speaks in a session for the first time; that session is its home.
INSERT INTO segments (chat_no, thread_id, session_no, home_session_no, last_activity)
VALUES (:chat_no, :thread_id, :session_no, :session_no, :last_activity) RETURNING segment_no

-- name: set_handle
-- SessionStore gave this part out under an id.
UPDATE segments SET handle = :handle WHERE segment_no = :segment_no

-- name: segments_of_session
-- All parts of a session, with their chats.
SELECT g.segment_no, g.chat_no, g.thread_id, g.session_no, g.home_session_no, g.live_from, g.changed, g.last_seq,
       g.last_activity, c.channel, c.bot_id, c.chat_id, c.kind, c.title, c.peer_no
FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
WHERE g.session_no = :session_no ORDER BY g.segment_no

-- name: segments_of_user
-- All parts of all of a person's sessions, with their chats.
SELECT g.segment_no, g.chat_no, g.thread_id, g.session_no, g.live_from, g.last_seq,
       c.channel, c.bot_id, c.chat_id, c.kind, c.title, c.peer_no
FROM sessions AS s JOIN segments AS g ON g.session_no = s.session_no JOIN chats AS c ON c.chat_no = g.chat_no
WHERE s.bot = :bot AND s.user_id = :user_id AND s.name = :name

-- name: segments_of_group
-- All parts of all sessions of a group's thread.
SELECT g.segment_no, g.chat_no, g.thread_id, g.session_no, g.live_from, g.last_seq,
       c.channel, c.bot_id, c.chat_id, c.kind, c.title, c.peer_no
FROM sessions AS s JOIN segments AS g ON g.session_no = s.session_no JOIN chats AS c ON c.chat_no = g.chat_no
WHERE s.chat_no = :chat_no AND s.thread_id = :thread_id AND s.name = :name

-- name: segment_by_handle
-- The part that SessionStore knows by this id, and the session it is in now.
SELECT g.segment_no, g.chat_no, g.last_activity, g.session_no, s.user_id, s.ended_at, c.peer_no
FROM segments AS g JOIN sessions AS s ON s.session_no = g.session_no JOIN chats AS c ON c.chat_no = g.chat_no
WHERE g.handle = :handle AND s.bot = :bot

-- name: segments_with_handle
-- SessionStore's sessions, the most recently active first.
SELECT handle, session_no, last_activity FROM (
  SELECT g.handle, g.session_no, g.segment_no,
         (SELECT MAX(o.last_activity) FROM segments AS o WHERE o.session_no = g.session_no) AS last_activity
  FROM segments AS g JOIN sessions AS s ON s.session_no = g.session_no
  WHERE g.handle IS NOT NULL AND s.bot = :bot
) AS parts
WHERE CAST(:max_age AS DOUBLE PRECISION) IS NULL OR :now - last_activity <= :max_age
ORDER BY last_activity DESC, segment_no DESC LIMIT :limit

-- name: idle_parts
-- SessionStore's parts of sessions in which nothing was said for too long; what is pinned stays.
SELECT segment_no, session_no, last_activity FROM (
  SELECT g.segment_no, g.session_no,
         (SELECT MAX(o.last_activity) FROM segments AS o WHERE o.session_no = g.session_no) AS last_activity
  FROM segments AS g JOIN sessions AS s ON s.session_no = g.session_no
  WHERE g.handle IS NOT NULL AND s.bot = :bot
    AND NOT EXISTS (SELECT 1 FROM sessions AS p WHERE p.session_no IN (g.session_no, g.home_session_no) AND p.pinned = 1)
) AS parts
WHERE :now - last_activity > :max_age ORDER BY segment_no LIMIT :limit

-- name: count_message
-- A message came into a segment.
UPDATE segments SET live_count = live_count + 1, total_count = total_count + 1, last_seq = :seq,
  last_activity = CASE WHEN last_activity > :at THEN last_activity ELSE :at END, oldest_at = COALESCE(oldest_at, :at)
WHERE segment_no = :segment_no

-- name: uncount_message
-- A message goes out of a segment.
UPDATE segments SET live_count = live_count - CASE WHEN :seq >= live_from THEN 1 ELSE 0 END,
  total_count = total_count - 1, changed = changed + 1
WHERE segment_no = :segment_no

-- name: count_messages
-- Several messages came into a segment.
UPDATE segments SET live_count = live_count + :count, total_count = total_count + :count, last_seq = :seq,
  last_activity = CASE WHEN last_activity > :at THEN last_activity ELSE :at END, oldest_at = COALESCE(oldest_at, :first_at)
WHERE segment_no = :segment_no

-- name: count_messages [postgresql]
-- Rows travel as columns.
UPDATE segments AS g SET live_count = g.live_count + c.count, total_count = g.total_count + c.count, last_seq = c.seq,
  last_activity = CASE WHEN g.last_activity > c.at THEN g.last_activity ELSE c.at END,
  oldest_at = COALESCE(g.oldest_at, c.first_at)
FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:count AS BIGINT[]), CAST(:seq AS BIGINT[]),
            CAST(:at AS DOUBLE PRECISION[]), CAST(:first_at AS DOUBLE PRECISION[]))
  AS c (segment_no, count, seq, at, first_at)
WHERE g.segment_no = c.segment_no

-- name: touch_segment
-- A message in it changed.
UPDATE segments SET changed = changed + 1 WHERE segment_no = :segment_no

-- name: touch_activity
-- Its user was here.
UPDATE segments SET last_activity = CASE WHEN last_activity > :at THEN last_activity ELSE :at END
WHERE segment_no = :segment_no

-- name: live_count
-- How many messages of a session no summary stands for.
SELECT CAST(COALESCE(SUM(live_count), 0) AS BIGINT) AS live_count FROM segments WHERE session_no = :session_no

-- name: drop_segment
-- A part of a session goes.
DELETE FROM segments WHERE segment_no = :segment_no

-- ---- messages ----

-- name: message_by_key
-- Was this message stored before, and where?
SELECT m.seq, m.segment_no, g.session_no, m.account_no, m.content, m.attachments, m.edited_at, m.withheld
FROM messages AS m JOIN segments AS g ON g.segment_no = m.segment_no
WHERE m.chat_no = :chat_no AND m.message_id = :message_id

-- name: add_message
-- Store a message.
INSERT INTO messages (chat_no, segment_no, message_id, role, account_no, author_name, channel, sent_at, received_at, content,
  metadata, attachments, reply_to, edited_at, withheld)
VALUES (:chat_no, :segment_no, :message_id, :role, :account_no, :author_name, :channel, :sent_at, :received_at, :content,
  :metadata, :attachments, :reply_to, :edited_at, :withheld)
RETURNING seq

-- name: ordinary_places
-- Where messages go of which nothing is new: the chat and its title, a person who wants to be remembered and their name, a live
-- session, a part of it; and which are neither stored nor deleted.
WITH asked (position, bot, channel, bot_id, chat_id, kind, title, thread_id, scope_name, message_id, person_channel, person_id,
            author_name) AS (
  VALUES (:position, :bot, :channel, :bot_id, :chat_id, :kind, :title, :thread_id, :scope_name, :message_id, :person_channel,
    :person_id, :author_name))
SELECT asked.position, c.chat_no, a.account_no, g.session_no, g.segment_no,
       (SELECT MAX(o.last_activity) FROM segments AS o WHERE o.session_no = g.session_no) AS last_activity,
       (SELECT SUM(o.live_count) FROM segments AS o WHERE o.session_no = g.session_no) AS live_count
FROM asked
CROSS JOIN chats AS c
  ON c.bot = asked.bot AND c.channel = asked.channel AND c.bot_id = asked.bot_id AND c.chat_id = asked.chat_id
  AND c.kind = asked.kind
JOIN accounts AS a ON a.channel = asked.person_channel AND a.channel_user_id = asked.person_id
LEFT JOIN sessions AS d
  ON c.kind = 'direct' AND d.bot = c.bot AND d.user_id = a.user_id AND d.name = asked.scope_name AND d.ended_at IS NULL
LEFT JOIN sessions AS s
  ON c.kind = 'group' AND s.chat_no = c.chat_no AND s.thread_id = asked.thread_id AND s.name = asked.scope_name
  AND s.ended_at IS NULL
JOIN segments AS g
  ON g.session_no = COALESCE(d.session_no, s.session_no) AND g.chat_no = c.chat_no AND g.thread_id = asked.thread_id
WHERE (c.kind = 'group' OR c.peer_no = a.account_no) AND c.became IS NULL AND a.forgotten_until IS NULL
  AND (asked.author_name = '' OR asked.author_name = a.display_name) AND (asked.title = '' OR asked.title = c.title)
  AND NOT EXISTS (SELECT 1 FROM accounts AS p WHERE p.user_id = a.user_id AND p.private <> 0)
  AND NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.chat_no = c.chat_no AND m.message_id = asked.message_id)
  AND NOT EXISTS (SELECT 1 FROM tombstones AS t WHERE t.chat_no = c.chat_no AND t.message_id = asked.message_id)

-- name: ordinary_places [postgresql]
-- The segments are locked, in an order that all processes keep, before sequence numbers are drawn: so these are in the
-- order of the COMMITs within a segment. LIMIT 1 makes each look-up one by key, whatever the server knows of the tables.
SELECT found.position, found.chat_no, found.account_no, found.session_no, g.segment_no, session.last_activity,
       session.live_count
FROM (
  SELECT asked.position, asked.thread_id, c.chat_no, a.account_no, live.session_no
  FROM unnest(CAST(:position AS BIGINT[]), CAST(:bot AS TEXT[]), CAST(:channel AS TEXT[]), CAST(:bot_id AS TEXT[]),
              CAST(:chat_id AS TEXT[]), CAST(:kind AS TEXT[]), CAST(:title AS TEXT[]), CAST(:thread_id AS TEXT[]),
              CAST(:scope_name AS TEXT[]), CAST(:message_id AS TEXT[]), CAST(:person_channel AS TEXT[]),
              CAST(:person_id AS TEXT[]), CAST(:author_name AS TEXT[]))
    AS asked (position, bot, channel, bot_id, chat_id, kind, title, thread_id, scope_name, message_id, person_channel,
              person_id, author_name)
  CROSS JOIN LATERAL (
    SELECT chat_no, peer_no FROM chats
    WHERE bot = asked.bot AND channel = asked.channel AND bot_id = asked.bot_id AND chat_id = asked.chat_id
      AND kind = asked.kind AND became IS NULL AND (asked.title = '' OR asked.title = title) LIMIT 1) AS c
  CROSS JOIN LATERAL (
    SELECT account_no, user_id FROM accounts
    WHERE channel = asked.person_channel AND channel_user_id = asked.person_id AND forgotten_until IS NULL
      AND (asked.author_name = '' OR asked.author_name = display_name) LIMIT 1) AS a
  CROSS JOIN LATERAL (
    SELECT CASE WHEN asked.kind = 'group'
      THEN (SELECT s.session_no FROM sessions AS s WHERE s.chat_no = c.chat_no AND s.thread_id = asked.thread_id
              AND s.name = asked.scope_name AND s.ended_at IS NULL LIMIT 1)
      ELSE (SELECT s.session_no FROM sessions AS s WHERE s.bot = asked.bot AND s.user_id = a.user_id
              AND s.name = asked.scope_name AND s.ended_at IS NULL LIMIT 1) END AS session_no
    LIMIT 1) AS live
  WHERE (asked.kind = 'group' OR c.peer_no = a.account_no)
    AND (SELECT 1 FROM accounts AS p WHERE p.user_id = a.user_id AND p.private <> 0 LIMIT 1) IS NULL
    AND (SELECT 1 FROM messages AS m WHERE m.chat_no = c.chat_no AND m.message_id = asked.message_id LIMIT 1) IS NULL
    AND (SELECT 1 FROM tombstones AS t WHERE t.chat_no = c.chat_no AND t.message_id = asked.message_id LIMIT 1) IS NULL
  ORDER BY live.session_no, c.chat_no, asked.thread_id OFFSET 0) AS found
CROSS JOIN LATERAL (
  SELECT segment_no FROM segments
  WHERE session_no = found.session_no AND chat_no = found.chat_no AND thread_id = found.thread_id LIMIT 1 FOR UPDATE) AS g
CROSS JOIN LATERAL (
  SELECT MAX(last_activity) AS last_activity, CAST(SUM(live_count) AS BIGINT) AS live_count
  FROM segments WHERE session_no = found.session_no) AS session

-- name: next_seqs
-- Sequence numbers for several messages, as ranges; the writer holds the lock, so nobody else takes them.
SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0) + 1 AS first, :count AS count

-- name: next_seqs [postgresql]
-- Others draw at the same time, so each number is a range of its own.
SELECT nextval(drawn.sequence) AS first, 1 AS count
FROM (SELECT CAST(pg_get_serial_sequence('messages', 'seq') AS REGCLASS) AS sequence OFFSET 0) AS drawn
CROSS JOIN generate_series(1, :count)

-- name: add_messages
-- Store messages under sequence numbers that were drawn before.
INSERT INTO messages (seq, chat_no, segment_no, message_id, role, account_no, author_name, channel, sent_at, received_at,
  content, metadata, attachments, reply_to, edited_at, withheld)
VALUES (:seq, :chat_no, :segment_no, :message_id, :role, :account_no, :author_name, :channel, :sent_at, :received_at,
  :content, :metadata, :attachments, :reply_to, :edited_at, :withheld)

-- name: add_messages [postgresql]
-- Rows travel as columns.
INSERT INTO messages (seq, chat_no, segment_no, message_id, role, account_no, author_name, channel, sent_at, received_at,
  content, metadata, attachments, reply_to, edited_at, withheld)
SELECT * FROM unnest(CAST(:seq AS BIGINT[]), CAST(:chat_no AS BIGINT[]), CAST(:segment_no AS BIGINT[]),
  CAST(:message_id AS TEXT[]), CAST(:role AS TEXT[]), CAST(:account_no AS BIGINT[]), CAST(:author_name AS TEXT[]),
  CAST(:channel AS TEXT[]), CAST(:sent_at AS DOUBLE PRECISION[]), CAST(:received_at AS DOUBLE PRECISION[]),
  CAST(:content AS BYTEA[]), CAST(:metadata AS BYTEA[]), CAST(:attachments AS BYTEA[]), CAST(:reply_to AS TEXT[]),
  CAST(:edited_at AS DOUBLE PRECISION[]), CAST(:withheld AS BIGINT[]))

-- name: edit_message
-- A message has other words now; its place in the order stays.
UPDATE messages SET content = :content, attachments = :attachments, metadata = :metadata, edited_at = :edited_at,
  withheld = :withheld
WHERE segment_no = :segment_no AND seq = :seq

-- name: remove_message
-- A message goes.
DELETE FROM messages WHERE segment_no = :segment_no AND seq = :seq

-- name: drop_messages_of_segment
-- All messages of a part go.
DELETE FROM messages WHERE segment_no = :segment_no

-- name: segment_tail
-- The newest messages of a segment, newest first. The columns are taken by their order.
SELECT m.seq, m.message_id, m.role, m.author_name, m.channel, m.sent_at, m.content,
       m.metadata, m.attachments, m.reply_to, m.edited_at, m.withheld,
       a.channel, a.channel_user_id
FROM messages AS m LEFT JOIN accounts AS a ON a.account_no = m.account_no
WHERE m.segment_no = :segment_no AND m.seq >= :from_seq AND m.seq < COALESCE(:before, 9223372036854775807)
ORDER BY m.seq DESC LIMIT :limit

-- name: piece_of_own_messages
-- Of what an account said and was answered, anywhere, a piece from its newest end: how far back it goes, and until when.
SELECT MIN(seq) AS from_seq, MAX(received_at) AS latest FROM (
  SELECT seq, received_at FROM messages
  WHERE account_no = :account_no AND seq > :after AND seq < :before ORDER BY seq DESC LIMIT :limit
) AS piece

-- name: own_messages_in_groups
-- Of a piece, what belongs to groups, newest first: where, and the columns of segment_tail, in their order.
SELECT c.channel, c.chat_id, c.kind, c.bot_id, g.thread_id, c.title,
       m.seq, m.message_id, m.role, m.author_name, m.channel, m.sent_at, m.content,
       m.metadata, m.attachments, m.reply_to, m.edited_at, m.withheld,
       a.channel, a.channel_user_id
FROM accounts AS a JOIN messages AS m ON m.account_no = a.account_no
JOIN segments AS g ON g.segment_no = m.segment_no JOIN chats AS c ON c.chat_no = m.chat_no
JOIN sessions AS s ON s.session_no = g.session_no
WHERE a.account_no = :account_no AND m.seq >= :from_seq AND m.seq < :before
  AND c.kind = 'group' AND c.bot = :bot AND s.name = :name AND m.received_at >= :since
ORDER BY m.seq DESC LIMIT :limit

-- name: own_messages_in_groups [postgresql]
-- LIMIT makes each look-up one by key, whatever the server knows of the tables.
SELECT c.channel, c.chat_id, c.kind, c.bot_id, g.thread_id, c.title,
       m.seq, m.message_id, m.role, m.author_name, m.channel, m.sent_at, m.content,
       m.metadata, m.attachments, m.reply_to, m.edited_at, m.withheld,
       a.channel, a.channel_user_id
FROM accounts AS a JOIN messages AS m ON m.account_no = a.account_no
CROSS JOIN LATERAL (SELECT * FROM segments WHERE chat_no = m.chat_no AND segment_no = m.segment_no LIMIT 1) AS g
CROSS JOIN LATERAL (SELECT * FROM chats WHERE chat_no = m.chat_no LIMIT 1) AS c
CROSS JOIN LATERAL (SELECT name FROM sessions WHERE session_no = g.session_no LIMIT 1) AS s
WHERE a.account_no = :account_no AND m.seq >= :from_seq AND m.seq < :before
  AND c.kind = 'group' AND c.bot = :bot AND s.name = :name AND m.received_at >= :since
ORDER BY m.seq DESC LIMIT :limit

-- name: segment_head
-- The oldest messages of a segment, oldest first.
SELECT seq, received_at FROM messages WHERE segment_no = :segment_no ORDER BY seq LIMIT :limit

-- name: messages_of_chat
-- Some of what stands in a chat, in all of its threads or in one.
SELECT m.seq, m.segment_no, m.message_id, g.session_no
FROM segments AS g JOIN messages AS m ON m.segment_no = g.segment_no
WHERE g.chat_no = :chat_no AND (CAST(:thread_id AS TEXT) = '' OR g.thread_id = :thread_id)
ORDER BY m.segment_no, m.seq LIMIT :limit

-- name: live_seqs
-- The messages of a session that no summary stands for.
SELECT m.seq, m.segment_no FROM segments AS g JOIN messages AS m ON m.segment_no = g.segment_no AND m.seq >= g.live_from
WHERE g.session_no = :session_no

-- name: live_contents
-- What is said in them, to be counted in tokens.
SELECT m.content FROM segments AS g JOIN messages AS m ON m.segment_no = g.segment_no AND m.seq >= g.live_from
WHERE g.session_no = :session_no ORDER BY m.seq

-- name: first_seq
-- Where a segment begins.
SELECT MIN(seq) AS seq FROM messages WHERE segment_no = :segment_no

-- name: tombstone
-- Was this message deleted, seen or not?
SELECT at FROM tombstones WHERE chat_no = :chat_no AND message_id = :message_id

-- name: add_tombstone
-- This message is deleted, whether or not it was ever seen.
INSERT INTO tombstones (chat_no, message_id, at) VALUES (:chat_no, :message_id, :at) ON CONFLICT DO NOTHING

-- ---- summaries ----

-- name: current_summaries
-- What stands in front of a session; two after a link, one for each side.
SELECT summary_no, content, made_by, made_at FROM summaries
WHERE session_no = :session_no AND superseded_by IS NULL ORDER BY summary_no

-- name: summaries_of_the_gone
-- Imported ones: what they stand for was deleted elsewhere, so their range is empty, and they cannot be made again.
SELECT s.summary_no, s.content FROM summaries AS s
WHERE s.session_no = :session_no AND s.content IS NOT NULL
  AND EXISTS (SELECT 1 FROM summary_parts AS p WHERE p.summary_no = s.summary_no)
  AND NOT EXISTS (SELECT 1 FROM summary_parts AS p WHERE p.summary_no = s.summary_no AND p.to_seq >= p.from_seq)
ORDER BY s.summary_no

-- name: summary_by_maker
-- Was this summary taken in before?
SELECT summary_no FROM summaries WHERE session_no = :session_no AND made_by = :made_by LIMIT 1

-- name: summaries_of_session
-- All summaries of a session, the newest first.
SELECT summary_no FROM summaries WHERE session_no = :session_no ORDER BY summary_no DESC

-- name: parts_of_summary
-- What a summary stands for.
SELECT p.segment_no, p.from_seq, p.to_seq, g.thread_id, c.channel, c.bot_id, c.chat_id, c.kind, c.title
FROM summary_parts AS p JOIN segments AS g ON g.segment_no = p.segment_no JOIN chats AS c ON c.chat_no = g.chat_no
WHERE p.summary_no = :summary_no ORDER BY p.segment_no

-- name: summaries_in_front
-- What stands in front of several sessions.
WITH asked (session_no) AS (VALUES (:session_no))
SELECT s.session_no, s.summary_no, s.content IS NULL AS is_withdrawn
FROM asked CROSS JOIN summaries AS s ON s.session_no = asked.session_no
WHERE s.superseded_by IS NULL ORDER BY s.summary_no

-- name: summaries_in_front [postgresql]
-- Rows travel as columns.
SELECT session_no, summary_no, content IS NULL AS is_withdrawn FROM summaries
WHERE session_no = ANY (CAST(:session_no AS BIGINT[])) AND superseded_by IS NULL ORDER BY summary_no

-- name: changes_of_segments
-- How often the parts of several sessions changed.
WITH asked (session_no) AS (VALUES (:session_no))
SELECT g.session_no, g.segment_no, g.changed FROM asked CROSS JOIN segments AS g ON g.session_no = asked.session_no

-- name: changes_of_segments [postgresql]
-- Rows travel as columns.
SELECT session_no, segment_no, changed FROM segments WHERE session_no = ANY (CAST(:session_no AS BIGINT[]))

-- name: failing_sessions
-- Which of several sessions could not be summed up?
WITH asked (session_no) AS (VALUES (:session_no))
SELECT session_no FROM consolidation_failures WHERE session_no IN (SELECT session_no FROM asked)

-- name: failing_sessions [postgresql]
-- Rows travel as columns.
SELECT session_no FROM consolidation_failures WHERE session_no = ANY (CAST(:session_no AS BIGINT[]))

-- name: add_summaries
-- Put summaries in front of several sessions, one of each.
INSERT INTO summaries (session_no, content, made_by, made_at) VALUES (:session_no, :content, :made_by, :made_at)
RETURNING session_no, summary_no

-- name: add_summaries [postgresql]
-- Rows travel as columns.
INSERT INTO summaries (session_no, content, made_by, made_at)
SELECT * FROM unnest(CAST(:session_no AS BIGINT[]), CAST(:content AS BYTEA[]), CAST(:made_by AS TEXT[]),
  CAST(:made_at AS DOUBLE PRECISION[]))
RETURNING session_no, summary_no

-- name: add_summary
-- Put a summary in front.
INSERT INTO summaries (session_no, content, made_by, made_at) VALUES (:session_no, :content, :made_by, :made_at)
RETURNING summary_no

-- name: add_summary_part
-- One segment's range of it.
INSERT INTO summary_parts (segment_no, summary_no, from_seq, to_seq) VALUES (:segment_no, :summary_no, :from_seq, :to_seq)

-- name: add_summary_part [postgresql]
-- The key has the chat in front.
INSERT INTO summary_parts (chat_no, segment_no, summary_no, from_seq, to_seq)
SELECT chat_no, segment_no, :summary_no, :from_seq, :to_seq FROM segments WHERE segment_no = :segment_no

-- name: add_summary_parts
-- The ranges of several summaries.
INSERT INTO summary_parts (segment_no, summary_no, from_seq, to_seq) VALUES (:segment_no, :summary_no, :from_seq, :to_seq)

-- name: add_summary_parts [postgresql]
-- Rows travel as columns; the key has the chat in front.
INSERT INTO summary_parts (chat_no, segment_no, summary_no, from_seq, to_seq)
SELECT g.chat_no, g.segment_no, p.summary_no, p.from_seq, p.to_seq
FROM unnest(CAST(:segment_no AS BIGINT[]), CAST(:summary_no AS BIGINT[]), CAST(:from_seq AS BIGINT[]),
            CAST(:to_seq AS BIGINT[])) AS p (segment_no, summary_no, from_seq, to_seq)
JOIN segments AS g ON g.segment_no = p.segment_no

-- name: supersede_summary
-- A newer summary stands for all this one stood for.
UPDATE summaries SET superseded_by = :superseded_by WHERE summary_no = :summary_no

-- name: supersede_summary [postgresql]
-- Rows travel as columns.
UPDATE summaries AS s SET superseded_by = o.superseded_by
FROM unnest(CAST(:summary_no AS BIGINT[]), CAST(:superseded_by AS BIGINT[])) AS o (summary_no, superseded_by)
WHERE s.summary_no = o.summary_no

-- name: inherit_superseded
-- A summary that is made again stands before what the old one superseded.
UPDATE summaries SET superseded_by = :superseded_by WHERE superseded_by = :summary_no

-- name: bring_back_superseded
-- The newer summary goes, so those before it count again.
UPDATE summaries SET superseded_by = NULL WHERE superseded_by = :superseded_by

-- name: withdraw_summaries
-- Something under these summaries changed: their text goes until it is made again.
UPDATE summaries SET content = NULL
WHERE content IS NOT NULL AND summary_no IN (
  SELECT summary_no FROM summary_parts WHERE segment_no = :segment_no AND from_seq <= :seq AND to_seq >= :seq)

-- name: sessions_with_withdrawn
-- Whose summaries wait to be made again, but for those that are left alone after failures.
SELECT DISTINCT s.session_no FROM summaries AS m JOIN sessions AS s ON s.session_no = m.session_no
WHERE m.content IS NULL AND m.superseded_by IS NULL AND s.bot = :bot
  AND NOT EXISTS (SELECT 1 FROM consolidation_failures AS f
                  WHERE f.session_no = s.session_no AND f.waits_until > :now)
ORDER BY s.session_no LIMIT :limit

-- name: withdraw_summaries_of_segment
-- A whole part goes, and every text made with it.
UPDATE summaries SET content = NULL
WHERE content IS NOT NULL AND summary_no IN (SELECT summary_no FROM summary_parts WHERE segment_no = :segment_no)

-- name: drop_parts_of_segment
-- No summary stands for this part any more.
DELETE FROM summary_parts WHERE segment_no = :segment_no

-- name: move_summary
-- A summary over one side goes with its segments.
UPDATE summaries SET session_no = :session_no WHERE summary_no = :summary_no

-- name: drop_summary
-- A summary over both sides goes when they part.
DELETE FROM summaries WHERE summary_no = :summary_no

-- name: set_archive_edge
-- Messages before this are archive: what the current summaries stand for.
UPDATE segments SET changed = changed + 1, live_from = COALESCE((
  SELECT MAX(p.to_seq) + 1 FROM summary_parts AS p JOIN summaries AS s ON s.summary_no = p.summary_no
  WHERE p.segment_no = :segment_no AND s.superseded_by IS NULL), 0)
WHERE segment_no = :segment_no

-- name: set_archive_edge [postgresql]
-- Rows travel as columns.
UPDATE segments AS g SET changed = g.changed + 1, live_from = COALESCE((
  SELECT MAX(p.to_seq) + 1 FROM summary_parts AS p JOIN summaries AS s ON s.summary_no = p.summary_no
  WHERE p.chat_no = g.chat_no AND p.segment_no = g.segment_no AND s.superseded_by IS NULL), 0)
WHERE g.segment_no = ANY (CAST(:segment_no AS BIGINT[]))

-- name: recount_live
-- After the watermark moved.
UPDATE segments SET live_count = (
  SELECT COUNT(*) FROM messages AS m WHERE m.segment_no = :segment_no AND m.seq >= segments.live_from)
WHERE segment_no = :segment_no

-- name: recount_live [postgresql]
-- Rows travel as columns.
UPDATE segments AS g SET live_count = (
  SELECT COUNT(*) FROM messages AS m WHERE m.chat_no = g.chat_no AND m.segment_no = g.segment_no AND m.seq >= g.live_from)
WHERE g.segment_no = ANY (CAST(:segment_no AS BIGINT[]))

-- name: consolidation_failure
-- How often has summing this session up failed, and until when is it left alone?
SELECT failures, reason, waits_until FROM consolidation_failures WHERE session_no = :session_no

-- name: note_consolidation_failure
-- It failed, once more.
INSERT INTO consolidation_failures (session_no, failures, reason, waits_until)
VALUES (:session_no, :failures, :reason, :waits_until)
ON CONFLICT (session_no) DO UPDATE SET failures = excluded.failures, reason = excluded.reason, waits_until = excluded.waits_until

-- name: forget_consolidation_failures
-- It works again.
DELETE FROM consolidation_failures WHERE session_no = :session_no

-- ---- the original's file ----

-- name: original_count
-- How many rows there are, the store's own summaries among them.
SELECT COUNT(*) AS count FROM session_messages

-- name: original_columns
-- Is it the original's table?
SELECT name FROM pragma_table_info(:table)

-- name: original_check
-- Is the file whole?
SELECT quick_check AS finding FROM pragma_quick_check(1)

-- name: original_sessions
-- As they began.
SELECT session_id, user_id, display_name, channel_ids, created_at, last_activity, metadata FROM sessions
ORDER BY created_at, rowid

-- name: original_newest
-- The later ones come after the earlier ones of the same user.
SELECT user_id, session_id FROM sessions ORDER BY last_activity, rowid

-- name: original_messages
-- Of one session, as they were stored.
SELECT id, role, content, channel, timestamp, metadata FROM session_messages WHERE session_id IS :session_id ORDER BY id

-- name: original_orphans
-- Messages of sessions that there are not.
SELECT id, session_id FROM session_messages
WHERE NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.session_id = session_messages.session_id) ORDER BY id

-- ---- status ----

-- name: database_size
-- What it takes on disk.
SELECT c.page_count * s.page_size AS size FROM pragma_page_count() AS c, pragma_page_size() AS s

-- name: database_size [postgresql]
-- What its tables and their indexes take.
SELECT CAST(COALESCE(SUM(pg_total_relation_size(oid)), 0) AS BIGINT) AS size
FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(quote_ident(current_schema()))

-- name: count_people
-- Over all bots.
SELECT (SELECT COUNT(*) FROM users WHERE merged_into IS NULL) AS users, (SELECT COUNT(*) FROM accounts) AS accounts

-- name: count_of_bot
-- What one bot has, from its segments' counters rather than from its messages. The oldest one is looked up: `oldest_at` may be
-- that of one deleted since.
SELECT (SELECT COUNT(*) FROM chats AS c WHERE c.bot = :bot) AS chats,
       (SELECT COUNT(*) FROM sessions AS s WHERE s.bot = :bot) AS sessions,
       (SELECT COUNT(*) FROM sessions AS s WHERE s.bot = :bot AND s.ended_at IS NULL) AS live_sessions,
       (SELECT CAST(COALESCE(SUM(g.total_count), 0) AS BIGINT) FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
        WHERE c.bot = :bot) AS messages,
       (SELECT CAST(COALESCE(SUM(g.live_count), 0) AS BIGINT) FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
        WHERE c.bot = :bot) AS live_messages,
       (SELECT COUNT(*) FROM summaries AS m JOIN sessions AS s ON s.session_no = m.session_no
        WHERE s.bot = :bot AND m.superseded_by IS NULL AND m.content IS NOT NULL) AS summaries,
       (SELECT COUNT(*) FROM tombstones AS t JOIN chats AS c ON c.chat_no = t.chat_no WHERE c.bot = :bot) AS tombstones,
       (SELECT MIN((SELECT m.received_at FROM messages AS m WHERE m.segment_no = g.segment_no ORDER BY m.seq LIMIT 1))
        FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
        WHERE c.bot = :bot AND g.total_count > 0) AS oldest_message_at

-- name: count_pending_consolidations
-- Sessions that are over the threshold, or have a summary to be made again.
SELECT COUNT(*) AS count FROM sessions AS s
WHERE s.bot = :bot AND (
  (SELECT SUM(g.live_count) FROM segments AS g WHERE g.session_no = s.session_no) > :threshold
  OR EXISTS (SELECT 1 FROM summaries AS m WHERE m.session_no = s.session_no AND m.content IS NULL AND m.superseded_by IS NULL))

-- name: failed_consolidations
-- Whose summariser fails, the worst first.
SELECT s.session_id, f.failures, f.reason, f.waits_until
FROM consolidation_failures AS f JOIN sessions AS s ON s.session_no = f.session_no
WHERE s.bot = :bot ORDER BY f.failures DESC, s.session_no LIMIT :limit

-- ---- leases ----

-- name: take_work_lease
-- Whoever changes this row has the lease. One that ends later than any may was taken before a clock was set back.
INSERT INTO work_leases (name, holder, until) VALUES (:name, :holder, :until)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE work_leases.holder = excluded.holder OR work_leases.until <= :now OR work_leases.until > :latest

-- name: work_lease_of_another
-- Has somebody else the lease?
SELECT 1 FROM work_leases WHERE name = :name AND holder <> :holder AND until > :now AND until <= :latest

-- name: release_work_lease
-- The work is done, or given up.
DELETE FROM work_leases WHERE name = :name AND holder = :holder

-- ---- linking ----

-- name: add_link_request
-- A code was given out; only its hash is kept.
INSERT INTO link_requests (asker_no, code_hash, expires_at) VALUES (:asker_no, :code_hash, :expires_at)

-- name: drop_link_request
-- A new code replaces the old one; a used request is done with.
DELETE FROM link_requests WHERE asker_no = :asker_no

-- name: link_request_by_code
-- Who asked for this code?
SELECT r.request_no, r.asker_no, r.code_hash, r.expires_at, a.user_id AS asker_user_id
FROM link_requests AS r JOIN accounts AS a ON a.account_no = r.asker_no WHERE r.code_hash = :code_hash

-- name: redeem_link_request
-- The code was typed: it works no more, and its asker may say yes.
UPDATE link_requests SET code_hash = NULL, redeemer_no = :redeemer_no, expires_at = :expires_at, shown = 0
WHERE request_no = :request_no

-- name: link_request_of
-- The request of an account, with both names.
SELECT r.request_no, r.asker_no, r.redeemer_no, r.shown, r.expires_at,
       a.channel AS asker_channel, a.channel_user_id AS asker_id, a.display_name AS asker_name, a.user_id AS asker_user_id,
       b.channel AS redeemer_channel, b.channel_user_id AS redeemer_id, b.display_name AS redeemer_name,
       b.user_id AS redeemer_user_id
FROM link_requests AS r JOIN accounts AS a ON a.account_no = r.asker_no
LEFT JOIN accounts AS b ON b.account_no = r.redeemer_no WHERE r.asker_no = :asker_no

-- name: show_link_request
-- The asker has seen who the other is, and how many accounts would be one person; what was shown of fewer or more is stale.
UPDATE link_requests SET shown = :accounts WHERE request_no = :request_no

-- name: count_of_user
-- What a person would bring into a common history.
SELECT COUNT(DISTINCT s.session_no) AS sessions, CAST(COALESCE(SUM(g.total_count), 0) AS BIGINT) AS messages
FROM sessions AS s LEFT JOIN segments AS g ON g.session_no = s.session_no
WHERE s.user_id = :user_id AND (s.end_reason IS NULL OR s.end_reason <> 'linked')

-- name: add_attempt
-- A code was asked for, or a wrong one typed.
INSERT INTO attempts (channel, channel_user_id, kind, at) VALUES (:channel, :channel_user_id, :kind, :at)

-- name: attempts_of_account
-- How often an account has tried lately, under its id or, before it was forgotten, its hash.
SELECT at FROM attempts
WHERE channel = :channel AND channel_user_id IN (:channel_user_id, :hidden) AND kind = :kind AND at > :since ORDER BY at

-- name: attempts_on_channel
-- How often anybody on a channel has.
SELECT at FROM attempts WHERE channel = :channel AND kind = :kind AND at > :since ORDER BY at

-- name: drop_old_attempts
-- They count no more.
DELETE FROM attempts WHERE at < :before

-- name: move_segments
-- A session is joined into another.
UPDATE segments SET session_no = :session_no, changed = changed + 1 WHERE session_no = :previous

-- name: move_summaries
-- So are its summaries.
UPDATE summaries SET session_no = :session_no WHERE session_no = :previous

-- name: join_session
-- This session goes on inside another; that is no end to announce.
UPDATE sessions SET ended_at = :ended_at, end_reason = 'linked', joined_into = :joined_into, end_announced = 1
WHERE session_no = :session_no

-- name: rejoin_sessions
-- What was joined into a session follows it into another.
UPDATE sessions SET joined_into = :joined_into WHERE joined_into = :previous

-- name: rejoin_session
-- A joined session's segments are in another one now.
UPDATE sessions SET joined_into = :joined_into WHERE session_no = :session_no

-- name: revive_session
-- A joined session goes on by itself, or is over as the joint one is.
UPDATE sessions SET ended_at = :ended_at, end_reason = :end_reason, joined_into = NULL,
  end_announced = CASE WHEN CAST(:ended_at AS DOUBLE PRECISION) IS NULL THEN 0 ELSE 1 END
WHERE session_no = :session_no

-- name: give_sessions
-- All of a person's sessions go to whom they are linked with.
UPDATE sessions SET user_id = :user_id WHERE user_id = :previous

-- name: give_founded_sessions
-- A session belongs to the user of the account in whose chat it began.
UPDATE sessions SET user_id = :user_id WHERE founder_no = :founder_no AND user_id <> :user_id

-- name: give_accounts
-- All accounts of one user become another's.
UPDATE accounts SET user_id = :user_id WHERE user_id = :previous

-- name: settle_accounts
-- They are linked, so they have left nobody.
UPDATE accounts SET left_at = NULL, left_user_id = NULL WHERE user_id = :user_id AND left_at IS NOT NULL

-- name: leave_account
-- It was unlinked from those who stayed, and joins nobody else for a while.
UPDATE accounts SET left_at = :left_at, left_user_id = :left_user_id WHERE account_no = :account_no

-- name: give_accounts_at_home
-- The accounts that have this id as home go back to it.
UPDATE accounts SET user_id = :user_id WHERE home_user_id = :user_id

-- name: give_accounts_not_at_home
-- Those who stay when the owner of their common id leaves.
UPDATE accounts SET user_id = :user_id WHERE user_id = :previous AND home_user_id <> :previous

-- name: rehome_account
-- An account whose home is shared gets an id of its own.
UPDATE accounts SET user_id = :user_id, home_user_id = :home_user_id WHERE account_no = :account_no

-- name: merge_users
-- This id, and all that go by it, go by another from now on.
UPDATE users SET merged_into = :merged_into WHERE user_id = :user_id OR merged_into = :user_id

-- name: merge_users_elsewhere
-- The ids that went by one that leaves go by another.
UPDATE users SET merged_into = :merged_into WHERE merged_into = :previous AND user_id <> :merged_into

-- name: separate_user
-- This id stands for itself again.
UPDATE users SET merged_into = NULL WHERE user_id = :user_id

-- name: sessions_of_account
-- The sessions that have something of an account in them.
SELECT session_no FROM sessions WHERE founder_no = :account_no
UNION
SELECT g.session_no FROM chats AS c JOIN segments AS g ON g.chat_no = c.chat_no WHERE c.peer_no = :account_no

-- name: homes_in_session
-- Where the parts of a session may go back to.
SELECT DISTINCT h.session_no, h.founder_no, h.joined_into
FROM segments AS g JOIN sessions AS h ON h.session_no = g.home_session_no WHERE g.session_no = :session_no

-- name: move_segment
-- A part goes back.
UPDATE segments SET session_no = :session_no, changed = changed + 1 WHERE segment_no = :segment_no

-- name: rehome_segment
-- Its home does not come along, so it has another one now.
UPDATE segments SET home_session_no = :home_session_no WHERE segment_no = :segment_no

-- name: add_audit
-- Who became whom, when, by whose word.
INSERT INTO audit (at, action, actor_no, user_id, other_user_id) VALUES (:at, :action, :actor_no, :user_id, :other_user_id)

-- ---- notices ----

-- name: direct_chat_of_account
-- Where an account can be told something: in the chat in which it was last active, with this bot before others.
SELECT c.chat_no FROM chats AS c LEFT JOIN segments AS g ON g.chat_no = c.chat_no
WHERE c.peer_no = :account_no
GROUP BY c.chat_no, c.bot
ORDER BY CASE WHEN c.bot = :bot THEN 0 ELSE 1 END, COALESCE(MAX(g.last_activity), 0) DESC, c.chat_no DESC LIMIT 1

-- name: add_notice
-- Somebody is to be told something.
INSERT INTO notices (account_no, chat_no, kind, about_no, expires_at)
VALUES (:account_no, :chat_no, :kind, :about_no, :expires_at)

-- name: due_notices
-- What waits to be delivered by one bot, oldest first.
SELECT n.notice_no, n.kind, a.channel AS account_channel, a.channel_user_id AS account_id,
       c.channel, c.bot_id, c.chat_id, c.kind AS chat_kind, c.title
FROM notices AS n JOIN chats AS c ON c.chat_no = n.chat_no JOIN accounts AS a ON a.account_no = n.account_no
WHERE c.bot = :bot AND n.failed_at IS NULL AND n.expires_at >= :now AND (n.taken_at IS NULL OR n.taken_at < :taken_before)
ORDER BY n.notice_no

-- name: take_notice
-- Whoever changes this row delivers it.
UPDATE notices SET taken_at = :now
WHERE notice_no = :notice_no AND failed_at IS NULL AND expires_at >= :now
  AND (taken_at IS NULL OR taken_at < :taken_before)

-- name: notice_by_no
-- What to say, to whom, about whom.
SELECT notice_no, account_no, kind, about_no FROM notices WHERE notice_no = :notice_no

-- name: fail_notice
-- It cannot be delivered, so a command has to show it.
UPDATE notices SET failed_at = :now WHERE notice_no = :notice_no

-- name: notices_of_account
-- What an account has not been told yet and nobody is telling it now, oldest first.
SELECT notice_no, account_no, kind, about_no FROM notices
WHERE account_no = :account_no AND expires_at >= :now
  AND (failed_at IS NOT NULL OR taken_at IS NULL OR taken_at < :taken_before)
ORDER BY notice_no

-- name: drop_notice
-- It was told.
DELETE FROM notices WHERE notice_no = :notice_no

-- name: drop_notices_of_kind
-- It was told in another way, or there is nothing to tell any more.
DELETE FROM notices WHERE account_no = :account_no AND kind = :kind

-- name: drop_old_notices
-- They are stale.
DELETE FROM notices WHERE expires_at < :before

-- ---- forgetting ----

-- name: count_of_person
-- What would go if a person were forgotten.
SELECT
  (SELECT COUNT(*) FROM messages AS m JOIN segments AS g ON g.segment_no = m.segment_no
     JOIN chats AS c ON c.chat_no = g.chat_no JOIN accounts AS a ON a.account_no = c.peer_no WHERE a.user_id = :user_id)
  + (SELECT COUNT(*) FROM messages AS m JOIN accounts AS a ON a.account_no = m.account_no
     JOIN chats AS c ON c.chat_no = m.chat_no WHERE a.user_id = :user_id AND c.kind = 'group') AS messages,
  (SELECT COUNT(*) FROM summaries AS y JOIN sessions AS s ON s.session_no = y.session_no
   WHERE s.user_id = :user_id) AS summaries,
  (SELECT COUNT(*) FROM sessions WHERE user_id = :user_id) AS sessions,
  (SELECT COUNT(*) FROM chats AS c JOIN accounts AS a ON a.account_no = c.peer_no WHERE a.user_id = :user_id) AS chats,
  (SELECT COUNT(*) FROM accounts WHERE user_id = :user_id) AS accounts,
  (SELECT COUNT(*) FROM link_requests WHERE asker_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
     OR redeemer_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)) AS link_requests,
  (SELECT COUNT(*) FROM notices WHERE account_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
     OR about_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)) AS notices,
  (SELECT COUNT(*) FROM attempts AS t JOIN accounts AS a ON a.channel = t.channel AND a.channel_user_id = t.channel_user_id
   WHERE a.user_id = :user_id) AS attempts,
  (SELECT COUNT(*) FROM audit AS t
   WHERE t.actor_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
     OR t.user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
     OR t.other_user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)) AS audit_details

-- name: newest_of_account
-- When the newest was sent of what a platform delivered of an account, or to it, or in its direct chats.
SELECT MAX(at) AS at FROM (
  SELECT MAX(m.sent_at) AS at FROM messages AS m WHERE m.account_no = :account_no AND m.message_id IS NOT NULL
  UNION ALL
  SELECT MAX(m.sent_at) FROM chats AS c JOIN segments AS g ON g.chat_no = c.chat_no
    JOIN messages AS m ON m.segment_no = g.segment_no
  WHERE c.peer_no = :account_no AND m.message_id IS NOT NULL) AS known

-- name: raise_forgotten_until
-- What an account sent before then is old, and all that it sends is looked at one by one.
UPDATE accounts SET forgotten_until = :sent_until
WHERE channel = :channel AND channel_user_id = :channel_user_id AND (forgotten_until IS NULL OR forgotten_until < :sent_until)

-- name: messages_to_know_again
-- All of it that was said in groups, what was sent at that very instant, and what was deleted in its direct chats about then
-- or later.
SELECT c.bot, c.channel, c.bot_id, c.chat_id, m.message_id
FROM messages AS m JOIN chats AS c ON c.chat_no = m.chat_no
WHERE m.account_no = :account_no AND (c.kind = 'group' OR m.sent_at >= :sent_at) AND m.message_id IS NOT NULL
UNION
SELECT c.bot, c.channel, c.bot_id, c.chat_id, m.message_id
FROM chats AS c JOIN segments AS g ON g.chat_no = c.chat_no JOIN messages AS m ON m.segment_no = g.segment_no
WHERE c.peer_no = :account_no AND m.sent_at >= :sent_at AND m.message_id IS NOT NULL
UNION
SELECT c.bot, c.channel, c.bot_id, c.chat_id, t.message_id
FROM chats AS c JOIN tombstones AS t ON t.chat_no = c.chat_no WHERE c.peer_no = :account_no AND t.at >= :since

-- name: add_forgotten_messages
-- These messages must not come back.
INSERT INTO forgotten_messages (message_hash, at) VALUES (:message_hash, :at) ON CONFLICT DO NOTHING

-- name: add_forgotten_messages [postgresql]
-- Rows travel as columns.
INSERT INTO forgotten_messages (message_hash, at)
SELECT * FROM unnest(CAST(:message_hash AS BYTEA[]), CAST(:at AS DOUBLE PRECISION[])) ON CONFLICT DO NOTHING

-- name: any_forgotten_message
-- Mostly there is none, and no message need be hashed to find that out.
SELECT at FROM forgotten_messages LIMIT 1

-- name: forgotten_message
-- Is this one of them?
SELECT at FROM forgotten_messages WHERE message_hash = :message_hash

-- name: drop_forgotten_messages
-- No platform delivers them any more.
DELETE FROM forgotten_messages WHERE at < :before

-- name: add_forgotten
-- This account's old messages must not come back; nobody can read from this who it is.
INSERT INTO forgotten (account_hash, sent_until, at, left_at) VALUES (:account_hash, :sent_until, :at, :left_at)
ON CONFLICT (account_hash) DO UPDATE SET at = excluded.at, left_at = excluded.left_at,
  sent_until = CASE WHEN excluded.sent_until > forgotten.sent_until THEN excluded.sent_until ELSE forgotten.sent_until END

-- name: anybody_forgotten
-- Mostly nobody was, and no account need be hashed to find that out.
SELECT at FROM forgotten LIMIT 1

-- name: forgotten_account
-- Was an account with this hash forgotten, up to when are its messages old, and when did it leave others?
SELECT sent_until, at, left_at FROM forgotten WHERE account_hash = :account_hash

-- name: messages_in_groups
-- What an account said in groups and was answered there.
SELECT m.message_id, m.chat_no, g.segment_no, g.session_no, g.thread_id, c.bot, c.channel, c.bot_id, c.chat_id, c.kind, c.title
FROM messages AS m JOIN segments AS g ON g.segment_no = m.segment_no JOIN chats AS c ON c.chat_no = m.chat_no
WHERE m.account_no = :account_no AND c.kind = 'group' ORDER BY m.seq

-- name: withdraw_summaries_of_person
-- Texts that were made with something of this account's go, until they are made again without it.
UPDATE summaries SET content = NULL
WHERE content IS NOT NULL AND summary_no IN (
  SELECT p.summary_no FROM messages AS m
  JOIN summary_parts AS p ON p.segment_no = m.segment_no AND p.from_seq <= m.seq AND p.to_seq >= m.seq
  WHERE m.account_no = :account_no)

-- name: drop_messages_of_person
-- All that an account said and was answered, in groups; in direct chats the rest follows.
DELETE FROM messages WHERE account_no = :account_no AND chat_no IN (SELECT chat_no FROM chats WHERE kind = 'group')

-- name: recount_segment
-- After some of its messages went.
UPDATE segments SET changed = changed + 1,
  total_count = (SELECT COUNT(*) FROM messages AS m WHERE m.segment_no = :segment_no),
  live_count = (SELECT COUNT(*) FROM messages AS m WHERE m.segment_no = :segment_no AND m.seq >= segments.live_from),
  oldest_at = (SELECT m.received_at FROM messages AS m WHERE m.segment_no = :segment_no ORDER BY m.seq LIMIT 1)
WHERE segment_no = :segment_no

-- name: unname_chat
-- A group that had a person's name has none; one that is empty has no id either that may be theirs, and no way back to it.
UPDATE chats SET title = '', chat_id = CASE
  WHEN became IS NULL AND NOT EXISTS (SELECT 1 FROM segments AS g WHERE g.chat_no = chats.chat_no AND g.total_count > 0)
    THEN 'forgotten ' || CAST(chat_no AS TEXT) ELSE chat_id END
WHERE chat_no = :chat_no

-- name: drop_direct_messages
-- All that was said in a person's direct chats, the bot's words included.
DELETE FROM messages WHERE segment_no IN (
  SELECT g.segment_no FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
  JOIN accounts AS a ON a.account_no = c.peer_no WHERE a.user_id = :user_id)

-- name: forget_superseded_of_user
-- No summary is superseded by one that goes.
UPDATE summaries SET superseded_by = NULL WHERE superseded_by IN (
  SELECT y.summary_no FROM summaries AS y JOIN sessions AS s ON s.session_no = y.session_no WHERE s.user_id = :user_id)

-- name: drop_summaries_of_user
-- What was made of a person's sessions.
DELETE FROM summaries WHERE session_no IN (SELECT session_no FROM sessions WHERE user_id = :user_id)

-- name: rehome_segments_of_others
-- Nothing goes back to a session that is no more.
UPDATE segments SET home_session_no = session_no
WHERE home_session_no IN (SELECT session_no FROM sessions WHERE user_id = :user_id)
  AND session_no NOT IN (SELECT session_no FROM sessions WHERE user_id = :user_id)

-- name: unlink_joined_of_others
-- Nor is anything joined into one.
UPDATE sessions SET joined_into = NULL
WHERE joined_into IN (SELECT session_no FROM sessions WHERE user_id = :user_id)

-- name: drop_segments_of_user
-- They are empty.
DELETE FROM segments WHERE session_no IN (SELECT session_no FROM sessions WHERE user_id = :user_id)

-- name: drop_sessions_of_user
-- So are these.
DELETE FROM sessions WHERE user_id = :user_id

-- name: drop_tombstones_of_user
-- Of deletions in chats that go.
DELETE FROM tombstones WHERE chat_no IN (
  SELECT c.chat_no FROM chats AS c JOIN accounts AS a ON a.account_no = c.peer_no WHERE a.user_id = :user_id)

-- name: drop_chats_of_user
-- A person's direct chats.
DELETE FROM chats WHERE peer_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)

-- name: drop_link_requests_of_user
-- Codes that a person asked for or typed.
DELETE FROM link_requests WHERE asker_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
  OR redeemer_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)

-- name: drop_notices_of_user
-- What a person was to be told, or others about them.
DELETE FROM notices WHERE account_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
  OR about_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)

-- name: drop_attempts_of_kind
-- What an account tried is settled.
DELETE FROM attempts WHERE channel = :channel AND channel_user_id = :channel_user_id AND kind = :kind

-- name: hide_attempts
-- Codes it asked for and typed count on, by whose hand nobody can read.
UPDATE attempts SET channel_user_id = :hidden WHERE channel = :channel AND channel_user_id = :channel_user_id

-- name: blank_audit_of_user
-- That something happened stays; to whom does not.
UPDATE audit SET
  actor_no = CASE WHEN actor_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id) THEN NULL ELSE actor_no END,
  user_id = CASE WHEN user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
    THEN NULL ELSE user_id END,
  other_user_id = CASE WHEN other_user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
    THEN NULL ELSE other_user_id END
WHERE actor_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
  OR user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
  OR other_user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)

-- name: forget_who_was_left
-- Whoever left this person has nobody to come back to.
UPDATE accounts SET left_user_id = ''
WHERE left_user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)

-- name: drop_accounts_of_user
-- Who they were.
DELETE FROM accounts WHERE user_id = :user_id

-- name: drop_user
-- All ids that a person ever went by.
DELETE FROM users WHERE user_id = :user_id OR merged_into = :user_id

-- name: add_erasure
-- What was deleted may still lie in the file, until somebody has seen to that.
INSERT INTO erasures (at) VALUES (:at)

-- name: newest_erasure
-- Is there anything to see to?
SELECT MAX(erasure_no) AS erasure_no FROM erasures

-- name: drop_erasures
-- It has been seen to.
DELETE FROM erasures WHERE erasure_no <= :erasure_no

-- ---- handing over ----

-- name: segments_of_person
-- Where the words of a person's direct chats are.
SELECT g.segment_no FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
JOIN accounts AS a ON a.account_no = c.peer_no WHERE a.user_id = :user_id ORDER BY g.segment_no

-- name: export_segment
-- What was said in one direct chat of a person's, oldest first, a page of it.
SELECT m.seq, m.message_id, m.role, m.author_name, m.sent_at, m.received_at, m.content, m.metadata, m.attachments,
       m.reply_to, m.edited_at, m.withheld, g.thread_id, s.session_id,
       COALESCE(m.channel, c.channel) AS channel, c.bot, c.bot_id, c.chat_id, c.kind AS chat_kind
FROM messages AS m JOIN segments AS g ON g.segment_no = m.segment_no JOIN sessions AS s ON s.session_no = g.session_no
JOIN chats AS c ON c.chat_no = g.chat_no JOIN accounts AS a ON a.account_no = c.peer_no
WHERE m.segment_no = :segment_no AND a.user_id = :user_id AND m.seq > :after ORDER BY m.seq LIMIT :limit

-- name: export_words_in_groups
-- What an account of a person's said in groups and was answered there, oldest first, a page of it.
SELECT m.seq, m.message_id, m.role, m.author_name, m.sent_at, m.received_at, m.content, m.metadata, m.attachments,
       m.reply_to, m.edited_at, m.withheld, g.thread_id, s.session_id,
       COALESCE(m.channel, c.channel) AS channel, c.bot, c.bot_id, c.chat_id, c.kind AS chat_kind
FROM messages AS m JOIN segments AS g ON g.segment_no = m.segment_no JOIN sessions AS s ON s.session_no = g.session_no
JOIN chats AS c ON c.chat_no = g.chat_no JOIN accounts AS a ON a.account_no = m.account_no
WHERE m.account_no = :account_no AND a.user_id = :user_id AND c.kind = 'group' AND m.seq > :after ORDER BY m.seq LIMIT :limit

-- name: export_merged_users
-- The ids that a person has besides, each with what is kept with it.
SELECT user_id, state FROM users WHERE merged_into = :user_id ORDER BY user_id

-- name: export_chats
-- A person's direct chats.
SELECT c.channel, c.bot, c.bot_id, c.chat_id, c.title
FROM chats AS c JOIN accounts AS a ON a.account_no = c.peer_no WHERE a.user_id = :user_id ORDER BY c.chat_no

-- name: export_sessions
-- A person's sessions.
SELECT session_id, bot, name AS scope_name, started_at, start_reason, ended_at, end_reason, metadata, state
FROM sessions WHERE user_id = :user_id ORDER BY session_no

-- name: export_summaries
-- What was made of them.
SELECT s.session_id, y.content AS text, y.made_at, y.made_by
FROM summaries AS y JOIN sessions AS s ON s.session_no = y.session_no
WHERE s.user_id = :user_id AND y.content IS NOT NULL ORDER BY y.summary_no

-- name: export_link_requests
-- A person's side of links that are asked for; the other side is somebody else's.
SELECT CASE WHEN a.account_no = r.asker_no THEN 'asker' ELSE 'redeemer' END AS role, r.expires_at
FROM accounts AS a JOIN link_requests AS r ON r.asker_no = a.account_no OR r.redeemer_no = a.account_no
WHERE a.user_id = :user_id ORDER BY r.request_no

-- name: export_notices
-- What a person is to be told.
SELECT n.kind AS notice, n.expires_at FROM notices AS n JOIN accounts AS a ON a.account_no = n.account_no
WHERE a.user_id = :user_id ORDER BY n.notice_no

-- name: export_attempts
-- What is counted of a person.
SELECT t.channel, t.kind AS attempt, t.at
FROM attempts AS t JOIN accounts AS a ON a.channel = t.channel AND a.channel_user_id = t.channel_user_id
WHERE a.user_id = :user_id ORDER BY t.at

-- name: export_audit
-- What was written down about a person.
SELECT action, at FROM audit
WHERE actor_no IN (SELECT account_no FROM accounts WHERE user_id = :user_id)
  OR user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
  OR other_user_id IN (SELECT user_id FROM users WHERE user_id = :user_id OR merged_into = :user_id)
ORDER BY entry_no

-- ---- decay ----

-- name: kinds_of_chats
-- Retention goes by channel and kind of chat.
SELECT DISTINCT channel, kind FROM chats WHERE bot = :bot ORDER BY channel, kind

-- name: count_old
-- What a decay would remove in one kind of chat: each part's messages up to its first young one.
SELECT
  (SELECT COUNT(*) FROM (
     SELECT g.segment_no, (SELECT y.seq FROM messages AS y WHERE y.segment_no = g.segment_no AND y.received_at >= :before
                           ORDER BY y.seq LIMIT 1) AS young_seq
     FROM segments AS g JOIN chats AS c ON c.chat_no = g.chat_no
     WHERE c.bot = :bot AND c.channel = :channel AND c.kind = :kind AND g.oldest_at < :before
       AND NOT EXISTS (SELECT 1 FROM sessions AS p WHERE p.session_no IN (g.session_no, g.home_session_no) AND p.pinned = 1)
   ) AS w
   JOIN messages AS m ON m.segment_no = w.segment_no AND m.seq < COALESCE(w.young_seq, 9223372036854775807)) AS messages,
  (SELECT COUNT(*) FROM tombstones AS t JOIN chats AS c ON c.chat_no = t.chat_no
   WHERE c.bot = :bot AND c.channel = :channel AND c.kind = :kind AND t.at < :before) AS tombstones

-- name: segments_with_old
-- Parts that begin with a message that is too old; `oldest_at` may be that of one deleted since. The oldest come first, so
-- SQLite is to go by them (CROSS JOIN keeps the order in which it is written) and stops when there are enough.
SELECT g.segment_no, g.live_from FROM segments AS g CROSS JOIN chats AS c
WHERE g.oldest_at < :before AND c.chat_no = g.chat_no AND c.bot = :bot AND c.channel = :channel AND c.kind = :kind
  AND (SELECT m.received_at FROM messages AS m WHERE m.segment_no = g.segment_no ORDER BY m.seq LIMIT 1) < :before
  AND NOT EXISTS (SELECT 1 FROM sessions AS p WHERE p.session_no IN (g.session_no, g.home_session_no) AND p.pinned = 1)
ORDER BY g.oldest_at LIMIT :limit

-- name: remove_head
-- The oldest messages of a part go.
DELETE FROM messages WHERE segment_no = :segment_no AND seq <= :to_seq

-- name: uncount_head
-- So many fewer are in it.
UPDATE segments SET live_count = live_count - :live, total_count = total_count - :count, changed = changed + 1
WHERE segment_no = :segment_no

-- name: withdraw_summaries_of_head
-- Every summary that stands for one of them has to be made again.
UPDATE summaries SET content = NULL
WHERE content IS NOT NULL AND summary_no IN (
  SELECT summary_no FROM summary_parts WHERE segment_no = :segment_no AND from_seq <= :to_seq)

-- name: set_oldest
-- After messages went.
UPDATE segments SET oldest_at = (
  SELECT m.received_at FROM messages AS m WHERE m.segment_no = :segment_no ORDER BY m.seq LIMIT 1)
WHERE segment_no = :segment_no

-- name: empty_sessions
-- Sessions of which nothing is left, and to which nothing can go back.
SELECT s.session_no, s.started_at, s.ended_at, COALESCE(c.channel, '') AS channel, COALESCE(c.kind, 'direct') AS kind
FROM sessions AS s LEFT JOIN chats AS c ON c.chat_no = s.chat_no
WHERE s.bot = :bot AND s.session_no > :after AND s.started_at < :before AND s.pinned = 0
  AND NOT EXISTS (SELECT 1 FROM segments AS g WHERE g.session_no = s.session_no AND g.total_count > 0)
  AND NOT EXISTS (SELECT 1 FROM segments AS h WHERE h.home_session_no = s.session_no AND h.session_no <> s.session_no)
ORDER BY s.session_no LIMIT :limit

-- name: sessions_to_empty
-- Sessions of which nothing may be left after a decay.
SELECT s.session_no, s.started_at, s.ended_at, COALESCE(c.channel, '') AS channel, COALESCE(c.kind, 'direct') AS kind
FROM sessions AS s LEFT JOIN chats AS c ON c.chat_no = s.chat_no
WHERE s.bot = :bot AND s.session_no > :after AND s.started_at < :before AND s.pinned = 0
  AND NOT EXISTS (SELECT 1 FROM segments AS g JOIN sessions AS p ON p.session_no = g.home_session_no
                  WHERE g.session_no = s.session_no AND p.pinned = 1)
ORDER BY s.session_no LIMIT :limit

-- name: homes_elsewhere
-- Where the parts are that can go back to a session.
SELECT DISTINCT session_no FROM segments WHERE home_session_no = :session_no AND session_no <> :session_no

-- name: set_pinned
-- Decay leaves it alone, or does so no longer.
UPDATE sessions SET pinned = :pinned WHERE session_no = :session_no

-- name: references_to_session
-- Is anything left of a session, or can anything go back to it?
SELECT COUNT(*) AS count FROM segments WHERE session_no = :session_no OR home_session_no = :session_no

-- name: unlink_joined
-- What was joined into a session that goes has nowhere to be now.
UPDATE sessions SET joined_into = NULL WHERE joined_into = :session_no

-- name: forget_superseded
-- No summary is superseded by one that goes.
UPDATE summaries SET superseded_by = NULL
WHERE superseded_by IN (SELECT summary_no FROM summaries WHERE session_no = :session_no)

-- name: drop_summaries_of_session
-- They stand for nothing.
DELETE FROM summaries WHERE session_no = :session_no

-- name: drop_segments_of_session
-- They are empty.
DELETE FROM segments WHERE session_no = :session_no

-- name: drop_session
-- It is empty and over.
DELETE FROM sessions WHERE session_no = :session_no

-- name: drop_old_tombstones
-- Deletions that no platform will contradict any more.
DELETE FROM tombstones WHERE (chat_no, message_id) IN (
  SELECT t.chat_no, t.message_id FROM tombstones AS t JOIN chats AS c ON c.chat_no = t.chat_no
  WHERE c.bot = :bot AND c.channel = :channel AND c.kind = :kind AND t.at < :before LIMIT :limit)
