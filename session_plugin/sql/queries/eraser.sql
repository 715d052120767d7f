-- Deletions whose bytes may still be in the file, until the eraser has rewritten it.

-- name: add_erasure
-- Something was deleted whose bytes may still be in the file.
INSERT INTO erasures (at) VALUES (:at)

-- name: add_late_erasure
-- What was deleted was sealed with keys that are destroyed: the file is rewritten at a quiet time.
INSERT INTO erasures (at, may_wait) VALUES (:at, 1)

-- name: pending_erasures
-- The newest deletion that the file was not rewritten for, how many cannot wait, and how long those
-- that can have waited.
SELECT MAX(erasure_no) AS erasure_no, COUNT(CASE WHEN may_wait = 0 THEN 1 END) AS pending,
  MIN(at) AS oldest_at
FROM erasures

-- name: drop_erasures
-- The file was rewritten after these deletions.
DELETE FROM erasures WHERE erasure_no <= :erasure_no
