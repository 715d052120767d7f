-- When something was last done, whichever process did it.

-- name: mark
-- When it was last done.
SELECT at FROM marks WHERE name = :name

-- name: set_mark
-- It was done now.
INSERT INTO marks (name, at)
VALUES (:name, :at)
ON CONFLICT (name) DO UPDATE SET at = excluded.at

-- name: drop_mark
-- It counts as never done.
DELETE FROM marks WHERE name = :name

-- name: newest_activity
-- When anything was last said, imported sessions apart: those are as old as they are.
SELECT MAX(g.last_activity) AS at FROM segments AS g
JOIN sessions AS s ON s.session_no = g.session_no
WHERE s.start_reason <> 'imported'
