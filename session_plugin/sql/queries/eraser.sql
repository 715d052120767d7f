-- Deletions whose bytes may still be in the file, until the eraser has rewritten it.

-- name: add_erasure
-- Something was deleted whose bytes may still be in the file.
INSERT INTO erasures (at) VALUES (:at)

-- name: pending_erasures
-- The newest deletion that the file was not rewritten for, and how many there are.
SELECT MAX(erasure_no) AS erasure_no, COUNT(*) AS pending FROM erasures

-- name: drop_erasures
-- The file was rewritten after these deletions.
DELETE FROM erasures WHERE erasure_no <= :erasure_no
