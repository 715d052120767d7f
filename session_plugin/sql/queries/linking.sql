-- Asking for a link and redeeming its code.

-- name: add_link_request
-- Store a request; of its code only the hash.
INSERT INTO link_requests (asker_no, code_hash, half_hash, expires_at)
VALUES (:asker_no, :code_hash, :half_hash, :expires_at)

-- name: redeem_link_request
-- The code is typed and no longer works; now both sides have to confirm.
UPDATE link_requests SET code_hash = NULL, half_hash = NULL, redeemer_no = :redeemer_no,
  expires_at = :expires_at
WHERE request_no = :request_no

-- name: count_guess
-- A wrong code begins as this one does.
UPDATE link_requests SET guesses = guesses + 1 WHERE half_hash = :half_hash

-- name: guessed_requests
-- Codes whose second half was guessed too often.
SELECT r.asker_no, a.user_id AS asker_user_id
FROM link_requests AS r JOIN accounts AS a ON a.account_no = r.asker_no
WHERE r.half_hash = :half_hash AND r.guesses >= :most
ORDER BY r.request_no
