-- How a firm is told from another: by its tax code; one without a code counts where it is listed, for nobody can know it elsewhere.

-- One counts at a time: two would write the same numbers.
-- name: alone
SELECT pg_advisory_xact_lock(hashtext('observatory.edition'));

-- An edition that was just written is unknown to the planner, who takes it for one row and would walk all of it again for each row of
-- another: joins by sets alone, and in memory, until the end of the transaction ($1: off, 64MB) or what was before ($1: on, NULL).
-- name: by_sets
SELECT set_config('enable_nestloop', $1::text, true), set_config('work_mem', coalesce($2::text, s.reset_val || s.unit), true)
FROM pg_settings s WHERE s.name = 'work_mem';

-- $1 the edition's id, $2 its day; $3 provinces and $4 their regions, $5 divisions of sectors and $6 their sections, pairwise.
-- name: count_networks
INSERT INTO observatory.edition_count (taken_on, measure, codes, value)
WITH region AS (
    SELECT p.province, p.region FROM unnest($3::text[], $4::text[]) AS p (province, region)
), seat AS (
    SELECT f.register_id, count(*) AS provinces, min(coalesce(r.region, f.province)) <> max(coalesce(r.region, f.province)) AS is_wide,
           sum(f.firms) AS firms
    FROM (
        SELECT m.register_id, m.province, count(*) AS firms FROM population.firm m
        WHERE m.snapshot_id = $1 GROUP BY m.register_id, m.province
    ) f
    LEFT JOIN region r USING (province)
    GROUP BY f.register_id
), listed AS MATERIALIZED (
    SELECT coalesce(nullif(n.province, ''), '?') AS province, coalesce(r.region, '?') AS region,
           coalesce(nullif(left(n.ateco, 2), ''), '?') AS division, coalesce(s.section, '?') AS section, n.kind, n.theme,
           CASE WHEN n.members >= 10 THEN '10+' ELSE n.members::text END AS members,
           CASE WHEN n.members > 50 THEN '51+' WHEN n.members >= 10 THEN '10-50' WHEN n.members >= 4 THEN '4-9' ELSE n.members::text END
               AS size_class,
           CASE WHEN seat.provinces >= 3 THEN '3+' ELSE seat.provinces::text END AS provinces,
           CASE WHEN seat.provinces = 1 THEN 'one-province' WHEN seat.is_wide THEN 'several-regions' ELSE 'one-region' END AS spread,
           seat.firms
    FROM population.network n
    JOIN seat USING (register_id)
    LEFT JOIN region r ON r.province = n.province
    LEFT JOIN unnest($5::text[], $6::text[]) AS s (division, section) ON s.division = left(n.ateco, 2)
    WHERE n.snapshot_id = $1 AND n.active
)
SELECT $2::date, 'networks', '{}'::text[], count(*) FROM listed
UNION ALL SELECT $2, 'memberships', '{}', coalesce(sum(firms), 0) FROM listed
UNION ALL SELECT $2, 'networks/province', ARRAY[province], count(*) FROM listed GROUP BY province
UNION ALL SELECT $2, 'networks/region', ARRAY[region], count(*) FROM listed GROUP BY region
UNION ALL SELECT $2, 'networks/division', ARRAY[division], count(*) FROM listed GROUP BY division
UNION ALL SELECT $2, 'networks/section', ARRAY[section], count(*) FROM listed GROUP BY section
UNION ALL SELECT $2, 'networks/kind', ARRAY[kind], count(*) FROM listed GROUP BY kind
UNION ALL SELECT $2, 'networks/theme', ARRAY[theme], count(*) FROM listed GROUP BY theme
UNION ALL SELECT $2, 'networks/members', ARRAY[members], count(*) FROM listed GROUP BY members
UNION ALL SELECT $2, 'networks/size_class', ARRAY[size_class], count(*) FROM listed GROUP BY size_class
UNION ALL SELECT $2, 'networks/provinces', ARRAY[provinces], count(*) FROM listed GROUP BY provinces
UNION ALL SELECT $2, 'networks/spread', ARRAY[spread], count(*) FROM listed GROUP BY spread;

-- A firm stands once, as the network with the newest deed has it. Parameters as above.
-- name: count_firms
INSERT INTO observatory.edition_count (taken_on, measure, codes, value)
WITH listed AS (
    SELECT DISTINCT ON (f.firm) f.province, left(f.ateco, 2) AS division, f.legal_form
    FROM (
        SELECT CASE WHEN m.tax_code = '' THEN m.register_id || '#' || m.position ELSE m.tax_code END AS firm, m.province, m.ateco,
               m.legal_form, n.registered_on, m.register_id, m.position
        FROM population.firm m
        JOIN population.network n ON n.snapshot_id = m.snapshot_id AND n.register_id = m.register_id
        WHERE m.snapshot_id = $1 AND n.snapshot_id = $1 AND n.active
    ) f
    ORDER BY f.firm, f.registered_on DESC, f.register_id, f.position
), alike AS (
    SELECT province, division, legal_form, count(*) AS firms FROM listed GROUP BY province, division, legal_form
), firm AS MATERIALIZED (
    SELECT coalesce(nullif(a.province, ''), '?') AS province, coalesce(r.region, '?') AS region,
           coalesce(nullif(a.division, ''), '?') AS division, coalesce(s.section, '?') AS section,
           CASE WHEN a.legal_form ~ '^[A-Za-z0-9]{1,8}$' THEN upper(a.legal_form) ELSE '?' END AS legal_form, a.firms
    FROM alike a
    LEFT JOIN unnest($3::text[], $4::text[]) AS r (province, region) ON r.province = a.province
    LEFT JOIN unnest($5::text[], $6::text[]) AS s (division, section) ON s.division = a.division
)
SELECT $2::date, 'firms', '{}'::text[], coalesce(sum(firms), 0) FROM firm
UNION ALL SELECT $2, 'firms/province', ARRAY[province], sum(firms) FROM firm GROUP BY province
UNION ALL SELECT $2, 'firms/region', ARRAY[region], sum(firms) FROM firm GROUP BY region
UNION ALL SELECT $2, 'firms/division', ARRAY[division], sum(firms) FROM firm GROUP BY division
UNION ALL SELECT $2, 'firms/section', ARRAY[section], sum(firms) FROM firm GROUP BY section
UNION ALL SELECT $2, 'firms/legal_form', ARRAY[legal_form], sum(firms) FROM firm GROUP BY legal_form;

-- What became of the networks of an edition ($3, of day $4) in a later one ($1, of day $2). One that left under one deed and came back
-- under another is known by its name and by a firm that is in both; where several of one name left and came, in their order.
-- name: count_changes
INSERT INTO observatory.edition_change (taken_on, since, measure, codes, value)
WITH before AS MATERIALIZED (
    SELECT register_id, extract(year FROM registered_on)::int AS cohort, name, kind, object_text, province, ateco
    FROM population.network WHERE snapshot_id = $3 AND active
), now AS MATERIALIZED (
    SELECT register_id, name, kind, object_text, province, ateco FROM population.network WHERE snapshot_id = $1 AND active
), gone AS (
    SELECT b.register_id, b.cohort, lower(b.name) AS name, row_number() OVER (PARTITION BY lower(b.name) ORDER BY b.register_id) AS place
    FROM before b WHERE NOT EXISTS (SELECT FROM now n WHERE n.register_id = b.register_id)
), come AS (
    SELECT n.register_id, lower(n.name) AS name, row_number() OVER (PARTITION BY lower(n.name) ORDER BY n.register_id) AS place
    FROM now n WHERE NOT EXISTS (SELECT FROM before b WHERE b.register_id = n.register_id)
), renumbered AS MATERIALIZED (
    SELECT g.register_id AS was, g.cohort
    FROM gone g
    JOIN come c USING (name, place)
    WHERE EXISTS (
        SELECT FROM population.firm f
        JOIN population.firm h ON h.snapshot_id = $1 AND h.register_id = c.register_id AND h.tax_code = f.tax_code
        WHERE f.snapshot_id = $3 AND f.register_id = g.register_id AND f.tax_code <> '')
), kept AS MATERIALIZED (
    SELECT b.register_id, b.cohort,
           (b.name, b.kind, b.object_text, b.province, b.ateco) IS DISTINCT FROM (n.name, n.kind, n.object_text, n.province, n.ateco)
               AS corrected
    FROM before b JOIN now n USING (register_id)
), member AS MATERIALIZED (
    SELECT coalesce(b.register_id, n.register_id) AS register_id, b.register_id IS NULL AS joined
    FROM (
        SELECT f.register_id, coalesce(nullif(f.tax_code, ''), '#' || lower(f.name)) AS firm
        FROM population.firm f JOIN kept USING (register_id) WHERE f.snapshot_id = $3
    ) b
    FULL JOIN (
        SELECT f.register_id, coalesce(nullif(f.tax_code, ''), '#' || lower(f.name)) AS firm
        FROM population.firm f JOIN kept USING (register_id) WHERE f.snapshot_id = $1
    ) n ON n.register_id = b.register_id AND n.firm = b.firm
    WHERE b.register_id IS NULL OR n.register_id IS NULL
)
SELECT $2::date, $4::date, 'changes', ARRAY['born'], (SELECT count(*) FROM come) - (SELECT count(*) FROM renumbered)
UNION ALL SELECT $2, $4, 'changes', ARRAY['ended'], (SELECT count(*) FROM gone) - (SELECT count(*) FROM renumbered)
UNION ALL SELECT $2, $4, 'changes', ARRAY['renumbered'], (SELECT count(*) FROM renumbered)
UNION ALL SELECT $2, $4, 'changes', ARRAY['corrected'], (SELECT count(*) FROM kept WHERE corrected)
UNION ALL SELECT $2, $4, 'changes', ARRAY['members-changed'], (SELECT count(DISTINCT register_id) FROM member)
UNION ALL SELECT $2, $4, 'changes', ARRAY['firms-joined'], (SELECT count(*) FROM member WHERE joined)
UNION ALL SELECT $2, $4, 'changes', ARRAY['firms-left'], (SELECT count(*) FROM member WHERE NOT joined)
UNION ALL SELECT $2, $4, 'present', ARRAY[cohort::text], count(*) FROM before GROUP BY cohort
UNION ALL SELECT $2, $4, 'stayed', ARRAY[s.cohort::text], count(*)
FROM (SELECT cohort FROM kept UNION ALL SELECT cohort FROM renumbered) s GROUP BY s.cohort;

-- name: add_edition
INSERT INTO observatory.edition (taken_on, digest, counted_at) VALUES ($1, $2, $3);

-- name: forget_edition
DELETE FROM observatory.edition WHERE taken_on = $1;

-- name: list_editions
SELECT taken_on, digest FROM observatory.edition ORDER BY taken_on LIMIT 10000;

-- name: list_pairs
SELECT DISTINCT taken_on, since FROM observatory.edition_change ORDER BY taken_on, since LIMIT 100000;

-- name: counts
SELECT taken_on, measure, codes, value FROM observatory.edition_count ORDER BY taken_on, measure, codes LIMIT 10000000;

-- name: changes
SELECT taken_on, since, measure, codes, value FROM observatory.edition_change
ORDER BY taken_on, since, measure, codes LIMIT 10000000;

-- name: changes_between
SELECT codes[1] AS event, value FROM observatory.edition_change
WHERE taken_on = $1 AND since = $2 AND measure = 'changes' ORDER BY codes LIMIT 100;
