-- name: lock
-- A standby of the server gives the lock to anybody: nobody leads there.
SELECT CASE WHEN pg_is_in_recovery() THEN false ELSE pg_try_advisory_lock($1) END;

-- name: unlock
SELECT pg_advisory_unlock($1);

-- name: standing
SELECT epoch, holder, since, seen_at, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS silent_s,
       EXISTS (
           SELECT FROM pg_locks
           WHERE locktype = 'advisory' AND classid = 0 AND objid = $1::bigint::oid AND objsubid = 1 AND granted
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       ) AS held
FROM ops.leader;

-- name: evict_holder
-- Whoever holds the lock and gives no sign of life: its session ends, and with it the lock.
SELECT pg_terminate_backend(pid, $2)
FROM pg_locks
WHERE locktype = 'advisory' AND classid = 0 AND objid = $1::bigint::oid AND objsubid = 1 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND pid <> pg_backend_pid()
ORDER BY pid;

-- name: evict_jobs
-- What an earlier leader has open: a transaction that stands still would keep its number for ever.
SELECT pg_terminate_backend(pid, $2)
FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name LIKE $1 AND pid <> pg_backend_pid()
ORDER BY pid;

-- name: take
UPDATE ops.leader SET epoch = epoch + 1, holder = $1, since = clock_timestamp(), seen_at = clock_timestamp()
RETURNING epoch;

-- name: beat
UPDATE ops.leader SET seen_at = clock_timestamp() WHERE epoch = $1 RETURNING epoch;

-- name: leave
UPDATE ops.leader SET holder = '', seen_at = clock_timestamp() WHERE epoch = $1;

-- name: told
SELECT pg_notify($1, '');
