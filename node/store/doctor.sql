-- name: server
SELECT current_setting('server_version') AS version, clock_timestamp() AS now,
       coalesce((SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user), false) AS superuser,
       (SELECT max(m.number) FROM ops.migration m) AS schema, pg_catalog.pg_database_size(current_database()) AS bytes;

-- name: mailed
-- Live searches that tell by mail, and how many of them fail just now.
SELECT count(*) AS mailed, count(*) FILTER (WHERE c.failures > 0) AS failing
FROM office.saved_channel c
WHERE c.channel = 'email' AND c.unsubscribed_at IS NULL;

-- name: introductions
-- How many are open, and what waits for this office's people: firms' drafts, own steps whose last day ($1) is here or over, cases in which
-- the other office has seen events of this one that are not here.
SELECT count(*) FILTER (WHERE i.state <> 'draft') AS open,
    count(*) FILTER (WHERE i.state = 'draft' AND i.created_by = '') AS drafts,
    count(*) FILTER (WHERE i.state <> 'draft' AND i.turn IN (i.party, 'both') AND i.own_due <= $1) AS due,
    count(*) FILTER (WHERE i.state <> 'draft' AND EXISTS (
        SELECT FROM office.introduction_event e
        WHERE e.introduction_id = i.introduction_id AND e.party <> i.party AND e.seen > i.own_events)) AS lost
FROM office.introduction i
WHERE i.state NOT IN ('concluded', 'declined', 'expired', 'withdrawn');

-- name: schema
SELECT max(number) FROM ops.migration;
