-- name: insert_parts
INSERT INTO coop.partition (origin_id, idx, version, part, parts, digest, snapshot)
SELECT $1, u.idx, u.version, u.part, u.parts, u.digest, u.snapshot
FROM unnest($2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::text[], $7::text[])
    AS u (idx, version, part, parts, digest, snapshot);

-- Whole or not, oldest log first; whoever repeats a part is counted once.
-- name: list_logged
SELECT o.origin_id, o.origin, o.owner, o.is_own, o.state, p.version, p.digest, p.snapshot, max(p.parts) AS parts,
       count(DISTINCT p.part) AS here
FROM coop.partition p
JOIN log.origin o USING (origin_id)
WHERE o.state NOT IN ('closed', 'suspended') AND ($1::text IS NULL OR o.owner = $1) AND ($2::integer IS NULL OR p.version = $2)
GROUP BY o.origin_id, o.origin, o.owner, o.is_own, o.state, p.version, p.digest, p.snapshot
ORDER BY o.is_own DESC, o.owner, split_part(o.origin, '/federation/log/', 2), o.origin, p.version, p.digest
LIMIT 10000;

-- name: read_parts
SELECT b.body
FROM coop.partition p
JOIN log.body b USING (origin_id, idx)
WHERE p.origin_id = $1 AND p.digest = $2
ORDER BY p.part, p.idx
LIMIT 1000;

-- name: logged_whole
SELECT p.digest
FROM coop.partition p
WHERE p.origin_id = $1 AND p.digest = ANY($2::text[])
GROUP BY p.digest
HAVING count(DISTINCT p.part) = max(p.parts)
ORDER BY p.digest
LIMIT 10000;

-- Of any epoch of the own log.
-- name: own_logged_version
SELECT max(p.version) FROM coop.partition p JOIN log.origin o USING (origin_id) WHERE o.is_own;

-- What the living profiles of a log say that they stand on, and with which labels.
-- name: labels_shown
SELECT (d.doc #>> '{partition,version}')::bigint AS version, d.doc #>> '{partition,digest}' AS digest, c.territory, c.sector,
       c.period, c.size, c.theme, c.kind, d.doc ->> 'maturity' = 'potential' AS potential, count(*) AS profiles, min(c.profile_id::text) AS example
FROM coop.profile c
JOIN log.body b USING (origin_id, idx)
CROSS JOIN LATERAL (SELECT convert_from(b.body, 'UTF8')::jsonb AS doc) d
WHERE c.origin_id = $1
GROUP BY 1, 2, c.territory, c.sector, c.period, c.size, c.theme, c.kind, 9
ORDER BY 1, 2, c.territory, c.sector, c.period, c.size, c.theme, c.kind, 9
LIMIT 1000000;

-- name: is_part
SELECT EXISTS (SELECT FROM coop.partition p WHERE p.origin_id = $1 AND p.idx = $2);
