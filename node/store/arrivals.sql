-- Up to which arrival everything is known.

-- name: last_arrival
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM coop.profile_arrival;

-- name: next_transaction
-- A number of its own: every writer that has begun has a lower one, and a snapshot alone would not count the youngest of them.
SELECT pg_current_xact_id()::text;

-- name: is_past
-- Whether every transaction with a lower number than $1 has ended.
SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8;
