-- name: state
-- How far the index of this database got, and what it has still to do. A sequence runs some numbers ahead on a server that follows another.
SELECT i.token::text AS token, i.arrival, i.at,
       CASE WHEN pg_is_in_recovery() THEN coalesce((SELECT max(p.arrival) FROM coop.profile p), 0)
            ELSE (SELECT last_value FROM coop.profile_arrival) END AS last_arrival,
       EXISTS (SELECT FROM coop.removed) AS removed
FROM coop.indexed i;

-- name: opening
-- What a question begins with, in one journey: what its words ($2) mean to the database, how current each log is, and the
-- same as above with what of the index may be seen: logs that are not shown, logs of which no quorum vouches for anything, and
-- profiles at the end of the others for which none vouches yet (one more than $1 when they are too many to be named).
SELECT websearch_to_tsquery('public.rete_it', $2::text)::text AS words,
       array(
           SELECT (o.owner, o.name, o.origin, o.state, o.is_own, o.confirmed_at, o.advanced_at, o.error_at,
                   (SELECT count(*) FROM log.wanted w WHERE w.origin_id = o.origin_id))
           FROM log.origin o
           WHERE o.state NOT IN ('closed', 'frozen', 'suspended')
           ORDER BY o.is_own DESC, o.owner, o.origin
           LIMIT 10000
       ) AS health,
       i.token::text AS token, i.arrival, i.at,
       CASE WHEN pg_is_in_recovery() THEN coalesce((SELECT max(p.arrival) FROM coop.profile p), 0)
            ELSE (SELECT last_value FROM coop.profile_arrival) END AS last_arrival,
       EXISTS (SELECT FROM coop.removed) AS removed,
       array(SELECT origin_id FROM log.origin WHERE state IN ('closed', 'suspended') ORDER BY origin_id) AS hidden,
       array(SELECT origin_id FROM log.origin WHERE witnessed_size = 0 ORDER BY origin_id) AS unwitnessed_logs,
       array(
           SELECT n.origin_id || '/' || n.idx
           FROM log.origin o
           CROSS JOIN LATERAL (
               SELECT p.origin_id, p.idx FROM coop.profile p
               WHERE p.origin_id = o.origin_id AND p.idx >= o.witnessed_size
               LIMIT $1
           ) n
           WHERE o.witnessed_size > 0
           LIMIT $1
       ) AS unwitnessed
FROM coop.indexed i;

-- name: is_worth_it
SELECT count(*) >= $1 FROM (SELECT FROM coop.profile LIMIT $1) p;

-- name: removed
SELECT removal_id, origin_id, idx FROM coop.removed ORDER BY removal_id LIMIT $1;

-- Words as the database cut them; those of before arrivals were counted have 0.
-- name: arrived
SELECT p.arrival, p.origin_id, p.idx, p.profile_id, p.owner, p.published, p.valid_until - date '1970-01-01' AS valid_until,
       p.territory, p.sector, p.size, p.theme, p.kind, p.keys, p.words::text AS words, l.log
FROM coop.profile p
JOIN (
    SELECT o.origin_id, ('x' || left(encode(sha256(convert_to(o.origin, 'UTF8')), 'hex'), 15))::bit(60)::bigint AS log FROM log.origin o
) l ON l.origin_id = p.origin_id
WHERE p.arrival > $1 AND p.arrival <= $2
ORDER BY p.arrival;

-- name: follow
UPDATE coop.indexed SET token = $1::uuid, arrival = $2, at = $3;

-- name: forget_removed
DELETE FROM coop.removed WHERE removal_id = ANY($1::bigint[]);

-- name: shown
-- What a hit shows, for those of the places $1, $2 that are still there and may be seen today ($3).
SELECT p.origin_id, p.idx, p.profile_id, p.published, o.origin, p.owner, b.body,
       CASE WHEN p.idx < o.witnessed_size THEN o.witnessed_at END AS witnessed_at, o.state = 'quarantined' AS quarantined
FROM unnest($1::int[], $2::bigint[]) AS f (origin_id, idx)
JOIN coop.profile p ON p.origin_id = f.origin_id AND p.idx = f.idx
JOIN log.origin o ON o.origin_id = p.origin_id
JOIN log.body b ON b.origin_id = p.origin_id AND b.idx = p.idx
WHERE p.valid_until >= date '1970-01-01' + $3::int AND o.state NOT IN ('closed', 'suspended')
ORDER BY p.origin_id, p.idx;
