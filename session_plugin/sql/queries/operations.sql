-- SessionStore's operations on the segments that it gave out under ids.

-- name: segment_by_no
-- The id that SessionStore gave a segment.
SELECT segment_no, handle FROM segments WHERE segment_no = :segment_no

-- name: set_labels
-- The ids that callers use for this user on other channels.
UPDATE accounts SET labels = :labels WHERE account_no = :account_no

-- name: touch_activity
-- The user was active without writing.
UPDATE segments SET live_from = live_from,
  last_activity = CASE WHEN last_activity > :at THEN last_activity ELSE :at END
WHERE segment_no = :segment_no

-- name: segments_with_handle
-- SessionStore's sessions, newest activity first.
SELECT handle, session_no, last_activity
FROM (
  SELECT g.handle, g.session_no, g.segment_no,
    (
      SELECT MAX(o.last_activity) FROM segments AS o WHERE o.session_no = g.session_no)
      AS last_activity
  FROM segments AS g JOIN sessions AS s ON s.session_no = g.session_no
  WHERE g.handle IS NOT NULL AND s.bot = :bot) AS parts
WHERE CAST(:max_age AS DOUBLE PRECISION) IS NULL OR :now - last_activity <= :max_age
ORDER BY last_activity DESC, segment_no DESC LIMIT :limit

-- name: sessions_without_handle
-- Whether there are sessions that are not SessionStore's.
SELECT 1 AS found FROM sessions AS s
WHERE s.bot = :bot AND NOT EXISTS (
  SELECT 1 FROM segments AS g WHERE g.session_no = s.session_no AND g.handle IS NOT NULL)
LIMIT 1

-- name: idle_parts
-- SessionStore's segments of sessions that were idle for too long and are not pinned.
SELECT segment_no, session_no, last_activity
FROM (
  SELECT g.segment_no, g.session_no,
    (
      SELECT MAX(o.last_activity) FROM segments AS o WHERE o.session_no = g.session_no)
      AS last_activity
  FROM segments AS g JOIN sessions AS s ON s.session_no = g.session_no
  WHERE g.handle IS NOT NULL AND s.bot = :bot
    AND NOT EXISTS (
      SELECT 1 FROM sessions AS p
      WHERE p.session_no IN (g.session_no, g.home_session_no) AND p.pinned = 1)) AS parts
WHERE :now - last_activity > :max_age
ORDER BY segment_no LIMIT :limit

-- name: drop_parts_of_segment
-- No summary covers this segment any more.
DELETE FROM summary_parts WHERE segment_no = :segment_no

-- name: drop_segment
-- Delete a segment.
DELETE FROM segments WHERE segment_no = :segment_no
