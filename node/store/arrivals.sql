-- Up to which arrival everything is known.

-- name: last_arrival
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM coop.profile_arrival;

-- name: writers
-- Transactions of this database that hold a lock with which rows of coop.profile are written, or the table is written again.
SELECT DISTINCT l.virtualtransaction AS writer
FROM pg_locks l
WHERE l.locktype = 'relation' AND l.granted AND l.relation = 'coop.profile'::regclass
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
ORDER BY writer;

-- name: still_writing
-- The processes of those of the transactions $1 that hold such a lock still: it is given back after the commit is visible.
SELECT DISTINCT l.pid
FROM pg_locks l
WHERE l.locktype = 'relation' AND l.granted AND l.relation = 'coop.profile'::regclass
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND l.virtualtransaction = ANY($1::text[]) AND l.pid IS NOT NULL
ORDER BY l.pid;
