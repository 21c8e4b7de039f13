-- Profiles of others that offer ($1) or look for ($2) something: $1 and $2 are index terms, both of them needed, or with $3
-- either; $4 the owner to leave out (NULL: none), $5 identifiers to leave out, $6 today, $7 how many: the newest.
-- name: candidates
SELECT p.profile_id, p.origin_id, p.idx, o.origin, p.owner, b.body,
       CASE WHEN p.idx < o.witnessed_size THEN o.witnessed_at END AS witnessed_at, o.state = 'quarantined' AS quarantined
FROM (
    SELECT c.profile_id, c.origin_id, c.idx, c.owner, least(c.published, $6::int) AS published
    FROM coop.profile c
    JOIN log.origin l USING (origin_id)
    WHERE (($3::boolean AND c.keys && ($1::text[] || $2::text[])) OR (c.keys && $1::text[] AND c.keys && $2::text[]))
      AND ($4::text IS NULL OR lower(c.owner) <> lower($4::text))
      AND c.profile_id <> ALL($5::uuid[])
      AND c.valid_until >= date '1970-01-01' + $6::int
      AND l.state NOT IN ('closed', 'suspended', 'quarantined')
    ORDER BY least(c.published, $6::int) DESC, c.profile_id, c.origin_id, c.idx
    LIMIT $7::int
) p
JOIN log.origin o USING (origin_id)
JOIN log.body b ON b.origin_id = p.origin_id AND b.idx = p.idx
ORDER BY p.published DESC, p.profile_id, p.origin_id, p.idx;

-- This node's newest visible profiles: $1 the owner, $2 today, $3 how many.
-- name: own_newest
SELECT b.body
FROM coop.profile p
JOIN log.origin o USING (origin_id)
JOIN log.body b ON b.origin_id = p.origin_id AND b.idx = p.idx
WHERE o.is_own AND o.state <> 'closed' AND lower(p.owner) = lower($1::text) AND p.valid_until >= date '1970-01-01' + $2::int
ORDER BY p.published DESC, p.profile_id, p.origin_id, p.idx
LIMIT $3::int;
