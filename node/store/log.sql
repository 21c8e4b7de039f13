-- name: bundle_bytes
SELECT coalesce(sum(2 + octet_length(entry)), 0)::bigint FROM log.entry WHERE origin_id = $1 AND idx >= $2 AND idx < $3;

-- name: live_bodies
SELECT i.item_id, b.body
FROM log.item i
JOIN log.body b ON b.origin_id = i.origin_id AND b.idx = i.last_idx
WHERE i.origin_id = $1 AND NOT i.dead
ORDER BY i.item_id
LIMIT 10000000;

-- name: want_again
-- What was set aside for a reason that may have gone, of items whose last word it is.
WITH gone AS (
    DELETE FROM log.problem p USING log.item i, log.origin o
    WHERE p.code = $1 AND o.origin_id = p.origin_id AND NOT o.is_own AND o.state NOT IN ('closed', 'frozen')
      AND i.origin_id = p.origin_id AND i.last_idx = p.idx AND NOT i.dead
    RETURNING p.origin_id, p.idx, i.item_id
)
INSERT INTO log.wanted (origin_id, idx, item_id) SELECT origin_id, idx, item_id FROM gone ON CONFLICT DO NOTHING;

-- name: items_by_id
SELECT item_id, last_idx, revision, dead
FROM log.item
WHERE origin_id = $1 AND item_id = ANY($2::uuid[])
ORDER BY item_id;

-- name: upsert_items
INSERT INTO log.item (origin_id, item_id, last_idx, revision, dead)
SELECT $1, u.item_id, u.last_idx, u.revision, u.dead
FROM unnest($2::uuid[], $3::bigint[], $4::integer[], $5::boolean[]) AS u (item_id, last_idx, revision, dead)
ON CONFLICT (origin_id, item_id) DO UPDATE
    SET last_idx = excluded.last_idx, revision = excluded.revision, dead = excluded.dead;

-- name: erase_bodies
DELETE FROM log.body WHERE origin_id = $1 AND idx = ANY($2::bigint[]);

-- name: drop_wanted
DELETE FROM log.wanted WHERE origin_id = $1 AND idx = ANY($2::bigint[]) RETURNING idx;

-- Each row by its key, whatever the planner knows of tables that were just filled: a scan of them costs seconds.
-- name: list_wanted
SELECT w.idx, e.entry
FROM (SELECT idx FROM log.wanted WHERE origin_id = $1 AND idx > $2 ORDER BY idx LIMIT $3) w
CROSS JOIN LATERAL (SELECT entry FROM log.entry WHERE origin_id = $1 AND idx = w.idx LIMIT 1) e
ORDER BY w.idx;

-- name: count_wanted
SELECT count(*) FROM log.wanted WHERE origin_id = $1;

-- name: wanted_by_origin
SELECT origin_id, count(*) AS count FROM log.wanted GROUP BY origin_id ORDER BY origin_id;

-- name: problems_by_origin
SELECT origin_id, code, count(*) AS count FROM log.problem GROUP BY origin_id, code ORDER BY origin_id, code;

-- name: insert_problems
INSERT INTO log.problem (origin_id, idx, code)
SELECT $1, u.idx, u.code
FROM unnest($2::bigint[], $3::text[]) AS u (idx, code)
ON CONFLICT (origin_id, idx, code) DO NOTHING;

-- name: entry_bundle
SELECT count(*) AS width, string_agg(int2send(octet_length(entry)::int2) || entry, ''::bytea ORDER BY idx) AS bundle
FROM log.entry
WHERE origin_id = $1 AND idx >= $2 AND idx < $3;

-- name: entries_between
SELECT entry
FROM log.entry
WHERE origin_id = $1 AND idx >= $2 AND idx < $3
ORDER BY idx
LIMIT 65536;

-- name: subtrees_between
SELECT hash
FROM log.subtree
WHERE origin_id = $1 AND level = $2 AND idx >= $3 AND idx < $4
ORDER BY idx
LIMIT 65536;

-- What PROTOCOL 3.3 answers for each position that exists: 0, salt, length and body; or 1 where the body is gone.
-- name: body_answers
-- A mirror says of what lives and has not reached it that it does not hold it, not that it is gone.
SELECT u.idx, CASE WHEN b.salt IS NULL AND w.idx IS NULL THEN '\x01'::bytea
                   WHEN b.salt IS NULL THEN '\x02'::bytea
                   ELSE '\x00'::bytea || b.salt || int4send(octet_length(b.body)) || b.body END AS answer
FROM unnest($2::bigint[]) AS u (idx)
CROSS JOIN LATERAL (SELECT FROM log.entry WHERE origin_id = $1 AND idx = u.idx LIMIT 1) e
LEFT JOIN LATERAL (SELECT salt, body FROM log.body WHERE origin_id = $1 AND idx = u.idx LIMIT 1) b ON true
LEFT JOIN log.wanted w ON w.origin_id = $1 AND w.idx = u.idx
ORDER BY u.idx
LIMIT 256;

-- name: find_item
-- The newest word on an item, in whichever open log speaks of it; its own epoch's latest first.
SELECT i.origin_id, o.origin, i.last_idx, i.dead
FROM log.origin o
JOIN log.item i ON i.origin_id = o.origin_id
WHERE i.item_id = $1 AND o.state <> 'closed' AND ($2::boolean IS NULL OR o.is_own = $2) AND ($3::text IS NULL OR o.origin = $3)
ORDER BY (o.state = 'frozen'), o.origin_id
LIMIT 1;
