-- name: lock
-- One publication, or one forgetting, at a time.
SELECT pg_advisory_xact_lock(hashtext('statistics'));

-- name: told
SELECT table_id, plan, day, told_at, adopted FROM statistics.told ORDER BY table_id LIMIT 1000;

-- name: cells
SELECT place, value FROM statistics.cell WHERE table_id = $1 ORDER BY place LIMIT 100000;

-- name: parts
SELECT place, look, record_id::text AS record, unit_id::text AS unit, amount
FROM statistics.part
WHERE table_id = $1
ORDER BY place, look, record_id
LIMIT 20000000;

-- name: put_told
INSERT INTO statistics.told (table_id, plan, day, told_at, adopted) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (table_id) DO UPDATE
SET plan = EXCLUDED.plan, day = EXCLUDED.day, told_at = EXCLUDED.told_at, adopted = EXCLUDED.adopted;

-- name: drop_cells
DELETE FROM statistics.cell WHERE table_id = $1;

-- name: put_cells
INSERT INTO statistics.cell (table_id, place, value)
SELECT $1, u.place, u.value FROM unnest($2::text[], $3::bigint[]) AS u (place, value);

-- name: put_parts
INSERT INTO statistics.part (table_id, place, look, record_id, unit_id, amount)
SELECT $1, u.place, u.look, u.record_id, u.unit_id, u.amount
FROM unnest($2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[]) AS u (place, look, record_id, unit_id, amount);

-- name: forget
-- Whoever was erased leaves the lists, and so does every record that is there no more, and the fund of a network of which nothing is
-- kept but the row. No number moves: a record that is in neither list has not changed.
DELETE FROM statistics.part p
WHERE p.record_id = ANY($1::uuid[])
   OR NOT EXISTS (SELECT FROM registry.network n WHERE n.network_id = p.record_id)
  AND NOT EXISTS (SELECT FROM registry.firm f WHERE f.firm_id = p.record_id)
  AND NOT EXISTS (SELECT FROM office.introduction i WHERE i.introduction_id = p.record_id)
  AND NOT EXISTS (SELECT FROM programme.aggregation a WHERE a.aggregation_id = p.record_id)
  AND NOT EXISTS (SELECT FROM programme.case_file c WHERE c.case_id = p.record_id)
   OR p.table_id = 'common-fund'
  AND EXISTS (SELECT FROM registry.network n WHERE n.network_id = p.record_id AND n.name = '[cancellato] ' || left(n.network_id::text, 8));

-- name: forget_units
-- A firm that asked by itself and was erased is, behind the numbers too, nobody that could be told from another.
UPDATE statistics.part p SET unit_id = '00000000-0000-0000-0000-000000000000'
FROM office.introduction i
WHERE i.introduction_id = p.record_id AND i.network_id IS NULL
  AND upper(regexp_replace(coalesce(i.applicant ->> 'tax_code', ''), '[^[:alnum:]]', '', 'g')) !~ '^([0-9A-Z]{11}|[0-9A-Z]{16})$'
  AND p.unit_id <> '00000000-0000-0000-0000-000000000000';

-- name: insert_documents
INSERT INTO coop.statistics (origin_id, idx, table_id, plan, day, part, parts, digest)
SELECT $1, u.idx, u.table_id, u.plan, u.day, u.part, u.parts, u.digest
FROM unnest($2::bigint[], $3::text[], $4::integer[], $5::date[], $6::integer[], $7::integer[], $8::text[])
    AS u (idx, table_id, plan, day, part, parts, digest);

-- name: own_documents
-- Of each table the parts that the own log, of whatever year, holds of the newest day; of that day those of the newest digest.
WITH said AS (
    SELECT s.table_id, s.day, s.digest, s.origin_id, s.idx, split_part(o.origin, '/federation/log/', 2) AS epoch
    FROM coop.statistics s
    JOIN log.origin o USING (origin_id)
    WHERE o.is_own AND o.state <> 'closed'
), newest AS (
    SELECT DISTINCT ON (table_id) table_id, day, digest, origin_id FROM said ORDER BY table_id, day DESC, epoch DESC, idx DESC
)
SELECT s.table_id, b.body
FROM newest
JOIN said s USING (table_id, day, digest, origin_id)
JOIN log.body b USING (origin_id, idx)
ORDER BY s.table_id, s.idx
LIMIT 10000;

-- name: last_signed
-- When others last set their name to the own log's head, by their clocks; of a log that nobody witnesses, when this node did.
SELECT coalesce((SELECT max(c.signed_at) FROM log.cosignature c JOIN log.origin o USING (origin_id) WHERE o.is_own),
                (SELECT max(s.signed_at) FROM log.signed s JOIN log.origin o USING (origin_id) WHERE o.is_own));

-- name: newest_day
-- The newest reference day that this node told of anything, as its database or its log says.
SELECT greatest((SELECT max(day) FROM statistics.told),
                (SELECT max(s.day) FROM coop.statistics s JOIN log.origin o USING (origin_id) WHERE o.is_own AND o.state <> 'closed'));

-- name: retold
-- Who told other numbers for the same table and reference day, and how often.
SELECT o.owner, s.table_id, s.day, count(DISTINCT s.digest) - 1 AS times
FROM coop.statistics s
JOIN log.origin o USING (origin_id)
WHERE o.state NOT IN ('closed', 'suspended', 'quarantined') AND s.day <= $1 AND s.day >= $2
GROUP BY o.owner, s.table_id, s.day
HAVING count(DISTINCT s.digest) > 1
ORDER BY o.owner, s.table_id, s.day
LIMIT 1000000;

-- name: documents
-- Of each member the parts of the newest document of a table ($1) at a reference day ($2), each part once. What the members sent away, or caught
-- with two stories, tells nothing. A member may repeat a part as often as it likes, and tell of tables that nobody knows: neither is read.
WITH said AS (
    SELECT o.owner, s.digest, s.part, s.origin_id, s.idx, split_part(o.origin, '/federation/log/', 2) AS epoch
    FROM coop.statistics s
    JOIN log.origin o USING (origin_id)
    WHERE o.state NOT IN ('closed', 'suspended', 'quarantined') AND s.table_id = $1 AND s.day = $2
), newest AS (
    SELECT DISTINCT ON (owner) owner, digest, origin_id FROM said ORDER BY owner, epoch DESC, idx DESC
), parts AS (
    SELECT DISTINCT ON (owner, part) owner, part, origin_id, idx
    FROM newest
    JOIN said USING (owner, digest, origin_id)
    ORDER BY owner, part, idx DESC
)
SELECT p.owner, b.body
FROM parts p
JOIN log.body b USING (origin_id, idx)
ORDER BY p.owner, p.part
LIMIT 100000;

-- name: members
-- Whose logs are followed, this node's own among them.
SELECT DISTINCT owner FROM log.origin WHERE state NOT IN ('closed', 'suspended') ORDER BY owner LIMIT 100000;

-- name: is_document
SELECT EXISTS (SELECT FROM coop.statistics s WHERE s.origin_id = $1 AND s.idx = $2);

-- name: bodies
-- Every document that counts as it was signed, of the tables in $1, oldest log first, for whoever wants to add up by other means.
WITH said AS (
    SELECT o.owner, o.origin, s.table_id, s.day, s.digest, s.part, s.origin_id, s.idx, split_part(o.origin, '/federation/log/', 2) AS epoch
    FROM coop.statistics s
    JOIN log.origin o USING (origin_id)
    WHERE o.state NOT IN ('closed', 'suspended', 'quarantined') AND s.table_id = ANY($1::text[])
), newest AS (
    SELECT DISTINCT ON (owner, table_id, day) owner, table_id, day, digest, origin_id
    FROM said
    ORDER BY owner, table_id, day, epoch DESC, idx DESC
), parts AS (
    SELECT DISTINCT ON (owner, table_id, day, part) owner, origin, epoch, origin_id, idx
    FROM newest
    JOIN said USING (owner, table_id, day, digest, origin_id)
    ORDER BY owner, table_id, day, part, idx DESC
)
SELECT p.owner, p.origin, p.idx, b.body
FROM parts p
JOIN log.body b USING (origin_id, idx)
ORDER BY p.owner, p.epoch, p.origin, p.idx
LIMIT 1000000;

-- name: stamp
-- Another text whenever other documents count, or other members are known.
SELECT md5(coalesce(string_agg(concat_ws('/', o.owner, o.state, said.documents), ',' ORDER BY o.origin_id), ''))
FROM log.origin o
LEFT JOIN LATERAL (
    SELECT count(*) || ':' || max(s.idx) || ':' || sum(s.idx) AS documents FROM coop.statistics s WHERE s.origin_id = o.origin_id
) said ON true;
