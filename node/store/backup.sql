-- name: settle_text
-- How values are written as text, so that one row is the same text on every server.
SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),
       set_config('IntervalStyle', 'iso_8601', true), set_config('extra_float_digits', '1', true),
       set_config('bytea_output', 'hex', true), set_config('search_path', 'pg_catalog', true),
       set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true);

-- name: export_snapshot
SELECT pg_export_snapshot();

-- name: server
SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('server_version') AS version;

-- name: schema
SELECT coalesce(max(number), 0) FROM ops.migration;

-- name: tables
-- What is ours: every table that neither the server nor an extension made.
SELECT n.nspname || '.' || c.relname AS name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e')
ORDER BY n.nspname, c.relname;

-- name: digest_statement
-- The statement that counts a table's rows and adds up the first 128 bits of what each row is digested to: the order of rows does not
-- matter, two equal rows do not cancel out, and nothing has to stand in memory. What the server derives by itself is left out.
SELECT format(
    'SELECT count(*) AS rows, coalesce(sum((''x'' || left(h, 16))::bit(64)::bigint::numeric), 0)::text || '':'''
    ' || coalesce(sum((''x'' || substr(h, 17, 16))::bit(64)::bigint::numeric), 0)::text AS digest'
    ' FROM (SELECT encode(sha256(convert_to(ROW(%s)::text, ''UTF8'')), ''hex'') AS h FROM %I.%I) AS t',
    string_agg(format('%I', a.attname), ', ' ORDER BY a.attname), n.nspname, c.relname)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind = 'r' AND n.nspname || '.' || c.relname = $1
GROUP BY n.nspname, c.relname;

-- name: own_head
SELECT o.origin_id, o.origin, o.size, s.size AS signed_size, s.root, s.note
FROM log.origin o
LEFT JOIN LATERAL (SELECT size, root, note FROM log.signed WHERE origin_id = o.origin_id ORDER BY size DESC LIMIT 1) s ON true
WHERE o.is_own AND o.state NOT IN ('closed', 'frozen')
ORDER BY o.origin_id DESC
LIMIT 1;

-- name: settle_functions
-- A name's key is written by the collation that its first server had, and another may not have that one: the choice of migration
-- 0015, made again where rows are about to come in.
DO $do$
DECLARE
    rule text := coalesce((
        SELECT format('COLLATE pg_catalog.%I', c.collname)
        FROM unnest(ARRAY['pg_c_utf8', 'und-x-icu', 'C.utf8']) WITH ORDINALITY AS w (name, rank)
        JOIN pg_catalog.pg_collation c ON c.collname = w.name AND c.collnamespace = 'pg_catalog'::regnamespace
        ORDER BY w.rank LIMIT 1), '');
BEGIN
    IF to_regprocedure('publication.officer_key(text)') IS NOT NULL THEN
        EXECUTE format($f$
            CREATE OR REPLACE FUNCTION publication.officer_key(name text) RETURNS text LANGUAGE sql IMMUTABLE
            SET search_path = pg_catalog, pg_temp AS $$
                SELECT btrim(regexp_replace(normalize(lower(normalize(name, NFKC) %s), NFKC), '\s+', ' ', 'g'))
            $$ $f$, rule);
    END IF;
END
$do$;

-- name: take_away
-- Statements that take away what a restore began in a database that was empty.
SELECT format('DROP SCHEMA %I CASCADE', nspname) AS statement
FROM pg_catalog.pg_namespace
WHERE nspname NOT IN ('public', 'information_schema') AND nspname NOT LIKE 'pg\_%'
UNION ALL
SELECT format('DROP TEXT SEARCH CONFIGURATION %I.%I CASCADE', n.nspname, c.cfgname)
FROM pg_catalog.pg_ts_config c
JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace
WHERE n.nspname = 'public'
ORDER BY statement;

-- name: has_table
SELECT to_regclass($1) IS NOT NULL;

-- name: forget_fence
-- A log without a record counts as one whose server changed: nothing is signed before somebody could say that all is here.
DELETE FROM ops.fence;

-- name: forget_leader
-- Whoever led when the copy was made leads another database.
UPDATE ops.leader SET holder = '', since = NULL, seen_at = NULL;

-- name: end_sessions
DELETE FROM office.session;
