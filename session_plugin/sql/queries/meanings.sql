-- Comparing meanings: the vectors of what a reader may see.

-- name: segment_vectors
-- The newest vectors of a segment, newest first. The columns are read by position.
SELECT seq, vector FROM vectors
WHERE segment_no = :segment_no AND seq < :before AND made_by = :made_by
ORDER BY seq DESC LIMIT :limit
