-- What the writer's connection remembers (database/memory.py), and which of its own changes make
-- it forget. The triggers are temporary: they are of this connection alone, and in no file. They
-- watch each column on which `ordinary_places` rests.
--
-- Whatever changes the counters or the activity of a segment names `live_from`, too, and is noticed
-- by that. Only `count_messages` does not: a trigger would double what it costs, and who runs it
-- adds to what is remembered.

-- name: watch_accounts [sqlite]
-- Somebody has other accounts, or wants nothing stored, or is forgotten.
CREATE TEMP TRIGGER watch_accounts
AFTER UPDATE OF channel, channel_user_id, user_id, private, forgotten_until ON main.accounts
BEGIN SELECT forget_places(); END

-- name: watch_names [sqlite]
-- Somebody has another name. Under none, nobody had a place that rests on it.
CREATE TEMP TRIGGER watch_names AFTER UPDATE OF display_name ON main.accounts
WHEN old.display_name <> '' BEGIN SELECT forget_places(); END

-- name: watch_new_accounts [sqlite]
-- Somebody who wants nothing stored has another account.
CREATE TEMP TRIGGER watch_new_accounts AFTER INSERT ON main.accounts WHEN new.private <> 0
BEGIN SELECT forget_places(); END

-- name: watch_gone_accounts [sqlite]
-- Somebody is forgotten.
CREATE TEMP TRIGGER watch_gone_accounts AFTER DELETE ON main.accounts
BEGIN SELECT forget_places(); END

-- name: watch_chats [sqlite]
-- A chat has become another one, or may have been imported.
CREATE TEMP TRIGGER watch_chats
AFTER UPDATE OF bot, channel, bot_id, chat_id, kind, became, imported_until ON main.chats
BEGIN SELECT forget_places(); END

-- name: watch_titles [sqlite]
-- A chat has another title. Under none, it had no place that rests on it.
CREATE TEMP TRIGGER watch_titles AFTER UPDATE OF title ON main.chats
WHEN old.title <> '' BEGIN SELECT forget_places(); END

-- name: watch_peers [sqlite]
-- A chat has another owner. Before it had one, nobody had a place there.
CREATE TEMP TRIGGER watch_peers AFTER UPDATE OF peer_no ON main.chats
WHEN old.peer_no IS NOT NULL BEGIN SELECT forget_places(); END

-- name: watch_gone_chats [sqlite]
-- A chat is gone.
CREATE TEMP TRIGGER watch_gone_chats AFTER DELETE ON main.chats BEGIN SELECT forget_places(); END

-- name: watch_sessions [sqlite]
-- A session has ended, has begun to live again, or is of another scope.
CREATE TEMP TRIGGER watch_sessions
AFTER UPDATE OF bot, user_id, chat_no, thread_id, name, ended_at ON main.sessions
BEGIN SELECT forget_session(old.session_no); END

-- name: watch_gone_sessions [sqlite]
-- A session is gone.
CREATE TEMP TRIGGER watch_gone_sessions AFTER DELETE ON main.sessions
BEGIN SELECT forget_session(old.session_no); END

-- name: watch_segments [sqlite]
-- A segment is of another session, or its messages were counted otherwise.
CREATE TEMP TRIGGER watch_segments
AFTER UPDATE OF session_no, chat_no, thread_id, live_from ON main.segments
BEGIN SELECT forget_session(old.session_no), forget_session(new.session_no); END

-- name: watch_new_segments [sqlite]
-- A session goes on in another chat.
CREATE TEMP TRIGGER watch_new_segments AFTER INSERT ON main.segments
BEGIN SELECT forget_session(new.session_no); END

-- name: watch_gone_segments [sqlite]
-- A segment is gone.
CREATE TEMP TRIGGER watch_gone_segments AFTER DELETE ON main.segments
BEGIN SELECT forget_session(old.session_no); END

-- name: watch_tombstones [sqlite]
-- A message of this chat was deleted.
CREATE TEMP TRIGGER watch_tombstones AFTER INSERT ON main.tombstones
BEGIN SELECT note_deletion(new.chat_no); END

-- name: data_version [sqlite]
-- Differs from what it was if another connection has committed since.
PRAGMA data_version
