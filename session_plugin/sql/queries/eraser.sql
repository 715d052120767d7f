-- Deletions whose bytes may still be in the file, until the eraser has rewritten it.

-- name: add_erasure
-- Something was deleted whose bytes may still be in the file.
INSERT INTO erasures (at) VALUES (:at)

-- name: newest_erasure
-- The newest deletion that the file was not rewritten for.
SELECT MAX(erasure_no) AS erasure_no FROM erasures

-- name: drop_erasures
-- The file was rewritten after these deletions.
DELETE FROM erasures WHERE erasure_no <= :erasure_no
