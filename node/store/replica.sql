-- name: primary
-- Where the server that is written has got to, and which one it is; one that itself follows another tells how far it has followed.
SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0')::bigint AS written,
       (SELECT system_identifier FROM pg_control_system()) AS system_id, current_database()::text AS name, l.epoch, l.seen_at
FROM ops.leader l;

-- name: replica
-- How far a server has followed another one, whether it still follows, and which one it is.
SELECT pg_is_in_recovery() AS follows,
       CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS paused,
       coalesce(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint, 0) AS replayed,
       coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')::bigint, 0) AS received,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS since_s,
       (SELECT system_identifier FROM pg_control_system()) AS system_id, current_database()::text AS name, l.epoch, l.seen_at,
       (SELECT max(m.number) FROM ops.migration m) AS schema
FROM ops.leader l;

-- name: written
-- As much as this session may have to see again.
SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0')::bigint;

-- name: may_answer
-- Whether this server follows another one and has followed it at least this far ($1).
SELECT pg_is_in_recovery() AND pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') >= $1::bigint;
