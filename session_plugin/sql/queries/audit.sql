-- The audit: which accounts were linked, unlinked or forgotten, when, and by whom.

-- name: add_audit
-- Add an entry.
INSERT INTO audit (at, action, actor_no, user_id, other_user_id)
VALUES (:at, :action, :actor_no, :user_id, :other_user_id)

-- name: drop_old_audit
-- Delete some entries past their retention, oldest first.
DELETE FROM audit
WHERE entry_no IN (SELECT entry_no FROM audit WHERE at < :before ORDER BY at LIMIT :limit)
