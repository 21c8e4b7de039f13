-- name: server
-- Who the server is: a restored dump meets another system, a recovered base backup another timeline.
SELECT (SELECT system_identifier FROM pg_control_system())::text AS system_id,
       CASE WHEN pg_is_in_recovery() THEN 0
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline;

-- name: fence
SELECT system_id, timeline FROM ops.fence WHERE origin_id = $1;

-- name: record
INSERT INTO ops.fence (origin_id, system_id, timeline, checked_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (origin_id) DO UPDATE
    SET system_id = excluded.system_id, timeline = excluded.timeline, checked_at = excluded.checked_at;
