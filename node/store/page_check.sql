-- name: home
-- Where amcheck is, null where it is not installed; whether it comes with this server.
SELECT (SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck') AS schema,
       EXISTS (SELECT FROM pg_catalog.pg_available_extensions a WHERE a.name = 'amcheck') AS available,
       current_setting('data_checksums') = 'on' AS checksums;

-- name: relations
-- What has pages: tables and what they keep aside, and indexes in the order of a tree; small ones first, so that most are seen in any time.
SELECT c.oid::bigint AS oid, n.nspname || '.' || c.relname AS name, c.relkind = 'i' AS is_index,
       pg_catalog.pg_relation_size(c.oid) AS bytes
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE c.relpersistence = 'p'
  AND (n.nspname NOT IN ('pg_catalog', 'information_schema') OR c.relkind = 'r')
  AND (c.relkind IN ('r', 't', 'm') OR (c.relkind = 'i' AND m.amname = 'btree' AND i.indisvalid))
ORDER BY pg_catalog.pg_relation_size(c.oid), c.oid;
