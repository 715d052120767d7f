-- The audit: which accounts were linked, unlinked or forgotten, when, and by whom.

-- name: add_audit
-- Add an entry.
INSERT INTO audit (at, action, actor_no, user_id, other_user_id)
VALUES (:at, :action, :actor_no, :user_id, :other_user_id)
