-- name: tables
-- Every table with its indexes and what was moved out of its rows; rows as the server last estimated them, null before it ever did.
SELECT n.nspname AS schema, c.relname AS name, pg_catalog.pg_total_relation_size(c.oid) AS bytes,
       pg_catalog.pg_indexes_size(c.oid) AS index_bytes, CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END AS rows
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
ORDER BY bytes DESC, n.nspname, c.relname
LIMIT 10000;

-- name: logs
-- What the rows of each log take as they are stored, without indexes: entries, bodies, rows to be searched. Each table is read once.
SELECT o.owner, o.origin, o.is_own, o.state, coalesce(e.rows, 0) AS entries, coalesce(b.rows, 0) AS bodies, coalesce(p.rows, 0) AS profiles,
       coalesce(e.bytes, 0) AS entry_bytes, coalesce(b.bytes, 0) AS body_bytes, coalesce(p.bytes, 0) AS profile_bytes
FROM log.origin o
LEFT JOIN (
    SELECT origin_id, count(*) AS rows, sum(pg_column_size(entry) + 36)::bigint AS bytes FROM log.entry GROUP BY origin_id
) e ON e.origin_id = o.origin_id
LEFT JOIN (
    SELECT origin_id, count(*) AS rows, sum(pg_column_size(salt) + pg_column_size(body) + 36)::bigint AS bytes FROM log.body GROUP BY origin_id
) b ON b.origin_id = o.origin_id
LEFT JOIN (
    SELECT origin_id, count(*) AS rows,
           sum(pg_column_size(keys) + pg_column_size(words) + pg_column_size(text_a) + pg_column_size(text_b) + pg_column_size(text_c)
               + pg_column_size(text_d) + pg_column_size(territory) + pg_column_size(sector) + 80)::bigint AS bytes
    FROM coop.profile GROUP BY origin_id
) p ON p.origin_id = o.origin_id
ORDER BY o.is_own DESC, o.owner, o.origin
LIMIT 10000;
