-- The small JSON that a bot's author stores with a session or a user.

-- name: state_of_session
-- The state of a session, and its version.
SELECT session_no, state, state_version FROM sessions WHERE session_no = :session_no

-- name: set_state_of_session
-- Replace the state, unless its version has changed since it was read.
UPDATE sessions SET state = :state, state_version = state_version + 1
WHERE session_no = :session_no AND state_version = :version

-- name: state_of_user
-- The state of a user, and its version.
SELECT user_id, state, state_version FROM users WHERE user_id = :user_id

-- name: set_state_of_user
-- Replace the state, unless its version has changed since it was read.
UPDATE users SET state = :state, state_version = state_version + 1
WHERE user_id = :user_id AND state_version = :version
