-- Which secret the hashes in the database were made with, and which of them rest on it.

-- name: secret_fingerprint
-- The fingerprint of that secret; no row if there is no such hash yet.
SELECT fingerprint FROM secret_fingerprint

-- name: count_secret_hashes
-- Hashes that only that secret recognises.
SELECT (SELECT COUNT(*) FROM forgotten) AS accounts,
  (SELECT COUNT(*) FROM forgotten_messages) AS messages,
  (SELECT COUNT(*) FROM link_requests WHERE code_hash IS NOT NULL AND expires_at >= :now) AS codes

-- name: add_secret_fingerprint
-- Remember the secret of the first hash.
INSERT INTO secret_fingerprint (only_row, fingerprint) VALUES (1, :fingerprint)
ON CONFLICT DO NOTHING

-- name: drop_secret_fingerprint
-- No hash rests on that secret any more.
DELETE FROM secret_fingerprint

-- name: drop_forgotten
-- Delete the hashes of forgotten accounts, whose secret is lost.
DELETE FROM forgotten

-- name: drop_all_forgotten_messages
-- Delete the hashes of forgotten messages, whose secret is lost.
DELETE FROM forgotten_messages

-- name: drop_unredeemed_link_requests
-- Delete the link codes that nobody has typed, whose secret is lost.
DELETE FROM link_requests WHERE code_hash IS NOT NULL
