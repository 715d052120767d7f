-- Asking for a link and redeeming its code.

-- name: add_link_request
-- Store a request; of its code only the hash.
INSERT INTO link_requests (asker_no, code_hash, expires_at)
VALUES (:asker_no, :code_hash, :expires_at)

-- name: redeem_link_request
-- The code is typed and no longer works; now the asker has to confirm.
UPDATE link_requests SET code_hash = NULL, redeemer_no = :redeemer_no, expires_at = :expires_at,
  shown = 0
WHERE request_no = :request_no
