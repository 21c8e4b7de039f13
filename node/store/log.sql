-- name: upsert_origin
INSERT INTO log.origin (origin, owner, name, url, vkey, is_own, root)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (origin) DO UPDATE
    SET owner = excluded.owner, name = excluded.name, url = excluded.url, vkey = excluded.vkey,
        state = CASE WHEN log.origin.state = 'closed' THEN 'new' ELSE log.origin.state END
RETURNING origin_id;

-- name: close_absent_origins
UPDATE log.origin SET state = 'closed'
WHERE NOT is_own AND state <> 'closed' AND NOT (origin = ANY($1::text[]))
RETURNING origin_id;

-- name: list_origins
SELECT o.origin_id, o.origin, o.owner, o.name, o.url, o.vkey, o.is_own, o.state, o.size, o.root, o.range_hashes,
       o.checkpoint, o.etag, o.checked_at, o.advanced_at, o.failures, o.next_pull_at,
       o.error_code, o.error_text, o.error_at
FROM log.origin o
WHERE o.state <> 'closed' AND ($1::text IS NULL OR o.owner = $1 OR o.origin = $1)
ORDER BY o.is_own DESC, o.owner, o.origin
LIMIT 10000;

-- name: lock_origin
SELECT origin_id, size, root, range_hashes, state
FROM log.origin
WHERE origin_id = $1
FOR UPDATE;

-- name: share_origin
SELECT state FROM log.origin WHERE origin_id = $1 FOR SHARE;

-- name: own_origin
SELECT origin_id, origin, size, root, range_hashes
FROM log.origin
WHERE is_own AND state <> 'closed';

-- name: advance_origin
UPDATE log.origin
SET size = $2, root = $3, range_hashes = $4, checkpoint = $5, advanced_at = $6
WHERE origin_id = $1;

-- name: record_success
UPDATE log.origin
SET state = CASE WHEN state IN ('new', 'waiting', 'stale') THEN 'ready' ELSE state END, checked_at = $2, etag = $3,
    failures = 0, next_pull_at = NULL, error_code = NULL, error_text = NULL, error_at = NULL
WHERE origin_id = $1;

-- name: record_failure
UPDATE log.origin
SET state = CASE WHEN $5::text IS NOT NULL THEN $5 WHEN state IN ('new', 'ready') THEN 'waiting' ELSE state END,
    checked_at = $2, failures = failures + 1, next_pull_at = $6, error_code = $3, error_text = $4, error_at = $2
WHERE origin_id = $1;

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

-- name: insert_problems
INSERT INTO log.problem (origin_id, idx, code)
SELECT $1, u.idx, u.code
FROM unnest($2::bigint[], $3::text[]) AS u (idx, code)
ON CONFLICT (origin_id, idx, code) DO NOTHING;

-- name: count_problems
SELECT code, count(*) AS count
FROM log.problem
WHERE origin_id = $1
GROUP BY code
ORDER BY code;

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
SELECT u.idx, CASE WHEN b.salt IS NULL THEN '\x01'::bytea
                   ELSE '\x00'::bytea || b.salt || int4send(octet_length(b.body)) || b.body END AS answer
FROM unnest($2::bigint[]) AS u (idx)
CROSS JOIN LATERAL (SELECT FROM log.entry WHERE origin_id = $1 AND idx = u.idx LIMIT 1) e
LEFT JOIN LATERAL (SELECT salt, body FROM log.body WHERE origin_id = $1 AND idx = u.idx LIMIT 1) b ON true
ORDER BY u.idx
LIMIT 256;

-- name: signed_latest
SELECT size, root, note, signed_at
FROM log.signed
WHERE origin_id = $1
ORDER BY size DESC
LIMIT 1;

-- name: insert_signed
INSERT INTO log.signed (origin_id, size, root, note, signed_at) VALUES ($1, $2, $3, $4, $5);

-- name: item_position
SELECT last_idx, revision, dead FROM log.item WHERE origin_id = $1 AND item_id = $2;

-- name: keep_nonce
INSERT INTO ops.nonce (keyid, nonce, seen_at) VALUES ($1, $2, $3)
ON CONFLICT (keyid, nonce) DO NOTHING
RETURNING nonce;

-- name: purge_nonces
DELETE FROM ops.nonce WHERE seen_at < $1;
