-- Notices to people about their links, until they are delivered on their own platform.

-- name: direct_chat_of_account
-- The direct chat in which an account was last active, of this bot if possible.
SELECT c.chat_no FROM chats AS c LEFT JOIN segments AS g ON g.chat_no = c.chat_no
WHERE c.peer_no = :account_no
GROUP BY c.chat_no, c.bot
ORDER BY CASE WHEN c.bot = :bot THEN 0 ELSE 1 END, COALESCE(MAX(g.last_activity), 0) DESC,
  c.chat_no DESC
LIMIT 1

-- name: add_notice
-- Add a notice for an account.
INSERT INTO notices (account_no, chat_no, kind, about_no, expires_at)
VALUES (:account_no, :chat_no, :kind, :about_no, :expires_at)

-- name: due_notices
-- Notices that this bot can deliver now, oldest first.
SELECT n.notice_no, n.kind, a.channel AS account_channel, a.channel_user_id AS account_id,
  c.chat_no, c.channel, c.bot_id, c.chat_id, c.kind AS chat_kind, c.title
FROM notices AS n
JOIN chats AS c ON c.chat_no = n.chat_no
JOIN accounts AS a ON a.account_no = n.account_no
WHERE c.bot = :bot AND n.failed_at IS NULL AND n.expires_at >= :now
  AND (n.taken_at IS NULL OR n.taken_at < :taken_before)
ORDER BY n.notice_no

-- name: take_notice
-- The process that changes this row delivers the notice.
UPDATE notices SET taken_at = :now
WHERE notice_no = :notice_no AND failed_at IS NULL AND expires_at >= :now
  AND (taken_at IS NULL OR taken_at < :taken_before)

-- name: notice_by_no
-- The notice with this number.
SELECT notice_no, account_no, kind, about_no FROM notices WHERE notice_no = :notice_no

-- name: fail_notice
-- The notice could not be delivered; the account's next command shows it.
UPDATE notices SET failed_at = :now WHERE notice_no = :notice_no

-- name: notices_of_account
-- Notices for an account that no process is delivering now, oldest first.
SELECT notice_no, account_no, kind, about_no FROM notices
WHERE account_no = :account_no AND expires_at >= :now
  AND (failed_at IS NOT NULL OR taken_at IS NULL OR taken_at < :taken_before)
ORDER BY notice_no

-- name: drop_notice
-- The notice was delivered or shown.
DELETE FROM notices WHERE notice_no = :notice_no

-- name: drop_old_notices
-- Delete notices that have expired.
DELETE FROM notices WHERE expires_at < :before
