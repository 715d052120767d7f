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
