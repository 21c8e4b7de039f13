-- name: snapshot_on
SELECT snapshot_id, taken_on, digest, networks, firms, loaded_at FROM population.snapshot WHERE taken_on = $1;

-- name: newest_snapshot
SELECT snapshot_id, taken_on, digest, networks, firms, loaded_at FROM population.snapshot ORDER BY taken_on DESC LIMIT 1;

-- How many active contracts an edition has in some provinces, NULL = all.
-- name: count_networks
SELECT count(*) FROM population.network
WHERE snapshot_id = $1 AND active AND ($2::text[] IS NULL OR province = ANY($2));

-- name: editions
SELECT snapshot_id, taken_on, digest, networks, firms, loaded_at FROM population.snapshot ORDER BY taken_on LIMIT 10000;

-- name: list_snapshots
SELECT s.snapshot_id, s.taken_on, s.digest, s.networks, s.firms, s.loaded_at, p.version AS partition_version
FROM population.snapshot s
LEFT JOIN population.partition p USING (snapshot_id)
ORDER BY s.taken_on, p.version
LIMIT 1000;

-- name: insert_snapshot
INSERT INTO population.snapshot (taken_on, digest, networks, firms, loaded_at)
VALUES ($1, $2, $3, $4, $5)
RETURNING snapshot_id;

-- name: delete_partitions
DELETE FROM population.partition WHERE snapshot_id = $1;

-- name: delete_snapshot
DELETE FROM population.snapshot WHERE snapshot_id = $1;

-- name: published_from_snapshot
SELECT count(*)
FROM publication.profile f
JOIN population.partition p ON p.version = f.partition_version
WHERE p.snapshot_id = $1;

-- Of the newest edition, whichever was written last: two loads may end in another order than they began.
-- name: latest_partition
SELECT p.version, p.snapshot_id, p.digest, p.document, p.built_at
FROM population.partition p
JOIN population.snapshot s USING (snapshot_id)
ORDER BY s.taken_on DESC, p.version DESC
LIMIT 1;

-- name: partition_version
SELECT version, snapshot_id, digest, document, built_at FROM population.partition WHERE version = $1;

-- name: insert_partition
INSERT INTO population.partition (version, snapshot_id, digest, document, built_at) VALUES ($1, $2, $3, $4, $5);

-- A contract that the newest edition no longer lists has ceased.
-- name: find_network
SELECT n.register_id, n.deed_register_number, n.deed_number, n.registered_on, n.name, n.kind, n.object_text, n.municipality,
       n.municipality_name, n.province, n.region, n.macro, n.ateco, n.members, n.theme,
       n.active AND s.taken_on = (SELECT max(taken_on) FROM population.snapshot) AS active
FROM population.network n
JOIN population.snapshot s USING (snapshot_id)
WHERE n.register_id = $1
ORDER BY s.taken_on DESC
LIMIT 1;

-- How many active contracts the newest edition has in some regions and divisions, and in some provinces ($3, NULL = all).
-- name: count_around
SELECT count(*) FROM population.network
WHERE snapshot_id = (SELECT snapshot_id FROM population.snapshot ORDER BY taken_on DESC LIMIT 1) AND active
  AND region = ANY($1::text[]) AND left(ateco, 2) = ANY($2::text[]) AND ($3::text[] IS NULL OR province = ANY($3::text[]));

-- One edition's active contracts in some provinces, NULL = all: what a partition of it was made of.
-- name: edition_networks
SELECT register_id, deed_register_number, deed_number, registered_on, name, kind, '' AS object_text, municipality,
       municipality_name, province, region, macro, ateco, members, theme, active
FROM population.network
WHERE snapshot_id = $1 AND active AND ($2::text[] IS NULL OR province = ANY($2::text[]))
ORDER BY register_id
LIMIT 1000000;

-- The edition that a partition was built from, the day of the one before it, and the newest: what a census depends on.
-- name: editions_of
SELECT o.snapshot_id, o.digest, n.snapshot_id AS newest_id, n.digest AS newest_digest,
       (SELECT max(b.taken_on) FROM population.snapshot b WHERE b.taken_on < o.taken_on) AS previous_on
FROM population.partition p
JOIN population.snapshot o USING (snapshot_id)
CROSS JOIN (SELECT snapshot_id, digest FROM population.snapshot ORDER BY taken_on DESC LIMIT 1) n
WHERE p.version = $1;

-- The public objects of some contracts, as the newest edition has them.
-- name: newest_objects
SELECT register_id, object_text
FROM population.network
WHERE snapshot_id = (SELECT snapshot_id FROM population.snapshot ORDER BY taken_on DESC LIMIT 1)
  AND register_id = ANY($1::text[])
ORDER BY register_id
LIMIT 100000;

-- Who is in the newest edition in some provinces (NULL = all): firms seated there, and all firms of the contracts there. Where a
-- name was erased the word in its place is nobody's.
-- name: listed_terms
WITH edition AS (SELECT snapshot_id FROM population.snapshot ORDER BY taken_on DESC LIMIT 1)
SELECT CASE WHEN length(f.tax_code) = 16 THEN 'person' ELSE 'firm' END AS kind, f.name AS text
FROM population.firm f
JOIN population.network n USING (snapshot_id, register_id)
WHERE f.snapshot_id = (SELECT snapshot_id FROM edition)
  AND ($1::text[] IS NULL OR n.province = ANY($1) OR f.province = ANY($1)) AND position('[cancellato]' IN f.name) = 0
UNION
SELECT 'code', f.tax_code
FROM population.firm f
JOIN population.network n USING (snapshot_id, register_id)
WHERE f.snapshot_id = (SELECT snapshot_id FROM edition) AND f.tax_code <> ''
  AND ($1::text[] IS NULL OR n.province = ANY($1) OR f.province = ANY($1))
UNION
SELECT 'network', name FROM population.network
WHERE snapshot_id = (SELECT snapshot_id FROM edition) AND ($1::text[] IS NULL OR province = ANY($1))
  AND position('[cancellato]' IN name) = 0
ORDER BY kind, text
LIMIT 1000000;

-- Editions are changed by nothing but erasures.
-- name: count_erasures
SELECT count(*) FROM registry.erasure;

-- name: list_partitions
SELECT version, snapshot_id, digest, document, built_at FROM population.partition ORDER BY version LIMIT 10000;
