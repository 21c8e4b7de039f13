-- Visible and valid profiles, counted by their labels as they stand; $1 is today. What a label means, the program knows.

-- Whether anything changed since it was counted: what is alive, what arrived last, how each log stands. Not how long it is: an entry
-- that is no profile's changes nothing here.
-- name: stamp
SELECT o.origin, o.owner, o.state, count(p.idx) AS profiles, coalesce(max(p.arrival), 0) AS arrival
FROM log.origin o
LEFT JOIN coop.profile p ON p.origin_id = o.origin_id AND p.valid_until >= $1::date
GROUP BY o.origin, o.owner, o.state
ORDER BY o.origin
LIMIT 10000;

-- name: by_label
SELECT o.owner, p.territory, p.theme, count(*) AS profiles
FROM coop.profile p
JOIN log.origin o USING (origin_id)
WHERE p.valid_until >= $1::date AND o.state NOT IN ('closed', 'suspended')
GROUP BY o.owner, p.territory, p.theme
ORDER BY o.owner, p.territory, p.theme
LIMIT 1000000;

-- name: wants
SELECT split_part(k.term, '=', 1) AS side, split_part(k.term, '=', 2) AS category, p.territory, p.sector, count(*) AS profiles
FROM coop.profile p
JOIN log.origin o USING (origin_id)
CROSS JOIN LATERAL unnest(p.keys) AS k (term)
WHERE p.valid_until >= $1::date AND o.state NOT IN ('closed', 'suspended') AND (k.term LIKE 'need=%' OR k.term LIKE 'offer=%')
GROUP BY side, category, p.territory, p.sector
ORDER BY side, category, p.territory, p.sector
LIMIT 1000000;

-- Profiles that look for what they offer themselves: such a one is no match of its own.
-- name: own_matches
SELECT p.territory, count(*) AS profiles
FROM coop.profile p
JOIN log.origin o USING (origin_id)
CROSS JOIN LATERAL unnest(p.keys) AS k (term)
WHERE p.valid_until >= $1::date AND o.state NOT IN ('closed', 'suspended') AND k.term LIKE 'need=%'
  AND p.keys @> ARRAY['offer=' || split_part(k.term, '=', 2)]
GROUP BY p.territory
ORDER BY p.territory
LIMIT 1000000;
