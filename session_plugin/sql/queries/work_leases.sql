-- Leases on work that one process at a time should do.

-- name: take_work_lease
-- Take a lease that is free, expired, or longer than allowed: then a clock was set back.
INSERT INTO work_leases (name, holder, until)
VALUES (:name, :holder, :until)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE work_leases.holder = excluded.holder OR work_leases.until <= :now
  OR work_leases.until > :latest

-- name: work_lease_of_another
-- Does another process hold the lease?
SELECT 1 FROM work_leases
WHERE name = :name AND holder <> :holder AND until > :now AND until <= :latest

-- name: release_work_lease
-- The work is done, or given up.
DELETE FROM work_leases WHERE name = :name AND holder = :holder
