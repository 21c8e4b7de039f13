-- name: server
SELECT current_setting('server_version') AS version, clock_timestamp() AS now,
       coalesce((SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user), false) AS superuser,
       (SELECT max(m.number) FROM ops.migration m) AS schema, pg_catalog.pg_database_size(current_database()) AS bytes;

-- name: mailed
-- Live searches that tell by mail, and how many of them fail just now.
SELECT count(*) AS mailed, count(*) FILTER (WHERE c.failures > 0) AS failing
FROM office.saved_channel c
WHERE c.channel = 'email' AND c.unsubscribed_at IS NULL;
