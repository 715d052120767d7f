-- Link requests: a code that waits to be typed, or two accounts that have to confirm.

-- name: link_request_of
-- The request that an account has under way, as asker or redeemer, with both accounts.
SELECT r.request_no, r.asker_no, r.redeemer_no, r.would_link, r.asker_step, r.redeemer_step,
  r.expires_at, a.channel AS asker_channel, a.channel_user_id AS asker_id,
  a.display_name AS asker_name, a.user_id AS asker_user_id,
  b.channel AS redeemer_channel, b.channel_user_id AS redeemer_id, b.display_name AS redeemer_name,
  b.user_id AS redeemer_user_id
FROM link_requests AS r
JOIN accounts AS a ON a.account_no = r.asker_no
LEFT JOIN accounts AS b ON b.account_no = r.redeemer_no
WHERE r.asker_no = :account_no OR r.redeemer_no = :account_no

-- name: link_request_by_code
-- The request with this code.
SELECT r.request_no, r.asker_no, r.code_hash, r.expires_at, a.user_id AS asker_user_id
FROM link_requests AS r JOIN accounts AS a ON a.account_no = r.asker_no
WHERE r.code_hash = :code_hash

-- name: any_live_code
-- Is there any code that can still be typed?
SELECT request_no FROM link_requests
WHERE code_hash IS NOT NULL AND expires_at >= :since LIMIT 1

-- name: link_requests_by_codes
-- The requests with one of several codes.
WITH asked (code_hash) AS (VALUES (:code_hash))
SELECT r.asker_no, a.user_id AS asker_user_id FROM asked
CROSS JOIN link_requests AS r ON r.code_hash = asked.code_hash
JOIN accounts AS a ON a.account_no = r.asker_no

-- name: link_requests_by_codes [postgresql]
-- Takes its rows as arrays.
SELECT r.asker_no, a.user_id AS asker_user_id FROM link_requests AS r
JOIN accounts AS a ON a.account_no = r.asker_no
WHERE r.code_hash = ANY (CAST(:code_hash AS BYTEA[]))

-- name: set_link_steps
-- How far both sides are, and which accounts they were shown or confirmed.
UPDATE link_requests SET would_link = :would_link, asker_step = :asker_step,
  redeemer_step = :redeemer_step
WHERE request_no = :request_no

-- name: count_of_user
-- What a user would bring into a common history.
SELECT COUNT(DISTINCT s.session_no) AS sessions,
  CAST(COALESCE(SUM(g.total_count), 0) AS BIGINT) AS messages
FROM sessions AS s LEFT JOIN segments AS g ON g.session_no = s.session_no
WHERE s.user_id = :user_id AND (s.end_reason IS NULL OR s.end_reason <> 'linked')

-- name: drop_link_request
-- Delete a request that is used, refused or replaced.
DELETE FROM link_requests WHERE asker_no = :asker_no

-- name: drop_notices_of_kind
-- Delete notices that were shown in another way, or are no longer true.
DELETE FROM notices WHERE account_no = :account_no AND kind = :kind
