-- name: upsert_origin
INSERT INTO log.origin (origin, owner, name, url, vkey, is_own, root)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (origin) DO UPDATE
    SET owner = excluded.owner, name = excluded.name, url = excluded.url, vkey = excluded.vkey,
        state = CASE WHEN log.origin.state = 'closed' THEN 'new' ELSE log.origin.state END
RETURNING origin_id;

-- name: add_origin_key
INSERT INTO log.origin_key (origin_id, vkey) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: drop_origin_keys
DELETE FROM log.origin_key WHERE origin_id = $1 AND NOT (vkey = ANY($2::text[]));

-- name: put_origin_keys
-- Written only where something changes: this runs at every start.
INSERT INTO log.origin_key AS k (origin_id, vkey, until_size)
SELECT $1, vkey, until_size FROM unnest($2::text[], $3::bigint[]) AS given (vkey, until_size)
ON CONFLICT (origin_id, vkey) DO UPDATE SET until_size = excluded.until_size WHERE k.until_size IS DISTINCT FROM excluded.until_size;

-- name: show_origin_key
UPDATE log.origin SET vkey = $2 WHERE origin_id = $1 AND vkey <> $2;

-- name: origin_keys
SELECT vkey, until_size FROM log.origin_key WHERE origin_id = $1 ORDER BY vkey LIMIT 1000;

-- name: close_absent_origins
-- Another year's log of a configured authority is not absent.
UPDATE log.origin SET state = 'closed'
WHERE NOT is_own AND state <> 'closed'
  AND NOT (split_part(origin, '/federation/log/', 1) = ANY(
      SELECT split_part(present, '/federation/log/', 1) FROM unnest($1::text[]) AS present))
RETURNING origin_id;

-- name: list_origins
SELECT o.origin_id, o.origin, o.owner, o.name, o.url, o.vkey, o.is_own, o.state, o.size, o.root, o.range_hashes,
       o.checkpoint, o.etag, o.checked_at, o.advanced_at, o.failures, o.next_pull_at,
       o.error_code, o.error_text, o.error_at, o.origin_hash, o.checkpoint_size, o.pending,
       o.witnessed_size, o.witnessed_at, o.cosigned_at, o.confirmed_at, o.relay, o.grown_on, o.grown, o.predecessor_id, o.frozen_at,
       EXISTS (SELECT FROM log.wanted w WHERE w.origin_id = o.origin_id) AS wanting,
       o.end_size, o.end_root, o.state_before,
       coalesce(held.vkeys, '{}') AS vkeys, coalesce(held.until_sizes, '{}') AS until_sizes
FROM log.origin o
LEFT JOIN LATERAL (
    SELECT array_agg(k.vkey ORDER BY k.vkey) AS vkeys, array_agg(k.until_size ORDER BY k.vkey) AS until_sizes
    FROM log.origin_key k WHERE k.origin_id = o.origin_id
) held ON true
WHERE o.state <> 'closed' AND ($1::text IS NULL OR o.owner = $1) AND ($2::text IS NULL OR o.origin = $2)
-- The newest of a node last, also of one that moved to another address.
ORDER BY o.is_own DESC, o.owner, split_part(o.origin, '/federation/log/', 2), o.origin
LIMIT 10000;

-- name: lock_origin
SELECT origin_id, size, root, range_hashes, state
FROM log.origin
WHERE origin_id = $1
FOR UPDATE;

-- name: lock_growth
-- As lock_origin, beside those who share the hold.
SELECT origin_id, size, root, range_hashes, state
FROM log.origin
WHERE origin_id = $1
FOR NO KEY UPDATE;

-- name: share_origin
SELECT state FROM log.origin WHERE origin_id = $1 FOR KEY SHARE;

-- name: advance_origin
-- Without a checkpoint (own entries, or a slice of a far head) only the applied head moves.
UPDATE log.origin
SET size = $2, root = $3, range_hashes = $4, checkpoint = coalesce($5, checkpoint),
    checkpoint_size = CASE WHEN $5::bytea IS NULL THEN checkpoint_size ELSE $2 END,
    pending = CASE WHEN $5::bytea IS NULL THEN pending END,
    advanced_at = $6,
    -- Its past, which a log brings when it is first met, is no growth.
    grown = CASE WHEN checkpoint_size = 0 THEN 0
                 WHEN grown_on = ($6::timestamptz AT TIME ZONE 'UTC')::date THEN grown + $2 - size
                 ELSE $2 - size END,
    grown_on = ($6::timestamptz AT TIME ZONE 'UTC')::date
WHERE origin_id = $1;

-- name: has_authority
SELECT EXISTS (SELECT FROM log.origin WHERE split_part(origin, '/federation/log/', 1) = $1 AND state <> 'closed');

-- name: set_pending
UPDATE log.origin SET pending = $2 WHERE origin_id = $1;

-- name: set_checkpoint
-- The same head, vouched for anew: never another size or root.
UPDATE log.origin SET checkpoint = $2 WHERE origin_id = $1 AND checkpoint_size = $3;

-- name: set_witnessed
-- Without a quorum for this head, what a quorum said of an earlier one stands.
UPDATE log.origin
SET witnessed_size = CASE WHEN $3::timestamptz IS NULL THEN witnessed_size ELSE $2 END,
    witnessed_at = coalesce($3, witnessed_at),
    cosigned_at = greatest(cosigned_at, $4)
WHERE origin_id = $1 AND witnessed_size <= $2;

-- name: set_relayed
UPDATE log.origin SET relayed = $2, head_changed = nextval('log.head_change')
WHERE origin_id = $1 AND checkpoint_size = $3 AND state <> 'quarantined';

-- name: head_changed
UPDATE log.origin SET head_changed = nextval('log.head_change') WHERE origin_id = $1;

-- name: heads_moment
-- A number begins anew when a server was restored: its start tells one count from another. Numbers are taken in order but
-- committed in any: one that may still be under way is told again.
SELECT extract(epoch FROM pg_postmaster_start_time())::bigint AS started,
       coalesce((SELECT max(head_changed) FROM log.origin), 0) AS changed;

-- name: record_success
UPDATE log.origin
SET state = CASE WHEN state IN ('new', 'waiting', 'stale') THEN 'ready' ELSE state END, checked_at = $2, etag = $3,
    confirmed_at = $2, relay = NULL,
    failures = 0, next_pull_at = NULL, error_code = NULL, error_text = NULL, error_at = NULL
WHERE origin_id = $1;

-- name: record_relayed
-- The news came by another road; what is wrong with the log's own node stays on its row.
UPDATE log.origin SET confirmed_at = $2, relay = $3 WHERE origin_id = $1;

-- name: record_confirmed
UPDATE log.origin SET confirmed_at = $2 WHERE origin_id = ANY($1::int[]);

-- name: record_quarantine
-- What is suspended stays hidden: the proof is met when its node is admitted again.
UPDATE log.origin
SET state = CASE WHEN state = 'suspended' THEN state ELSE 'quarantined' END,
    state_before = CASE WHEN state = 'suspended' THEN 'quarantined' ELSE state_before END, relayed = NULL, error_code = $3, error_text = $4, error_at = $2
WHERE origin_id = $1 AND NOT is_own;

-- name: wake_origin
UPDATE log.origin SET next_pull_at = $3
WHERE origin = $1 AND NOT is_own AND state NOT IN ('closed', 'suspended', 'frozen', 'quarantined') AND size < $2
RETURNING origin_id;

-- name: all_due
-- Nobody answered while this node was no member: that says nothing about any of them.
UPDATE log.origin SET next_pull_at = $1, failures = 0
WHERE NOT is_own AND state NOT IN ('closed', 'suspended', 'frozen', 'quarantined');

-- name: wake_owner
UPDATE log.origin SET next_pull_at = $2
WHERE owner = $1 AND NOT is_own AND failures > 0 AND next_pull_at > $2
    AND state NOT IN ('closed', 'suspended', 'frozen', 'quarantined')
RETURNING origin_id;

-- name: served_log
-- What a peer-facing route may show of one log: a mirror's note for a followed one, nothing unsigned of the own.
SELECT origin_id, origin, state, is_own, checkpoint_size, relayed, frozen_at
FROM log.origin
WHERE ($1::text IS NULL OR origin_hash = $1) AND ($2::text IS NULL OR origin = $2)
  AND ($3::text IS NULL OR (is_own AND split_part(origin, '/federation/log/', 2) = $3))
ORDER BY (state = 'closed'), origin_id DESC
LIMIT 1;

-- name: heads
SELECT o.origin, o.origin_id, o.is_own, o.relayed
FROM log.origin o
WHERE o.state NOT IN ('closed', 'suspended', 'quarantined', 'frozen') AND (o.is_own OR o.relayed IS NOT NULL)
  AND o.head_changed > $1
ORDER BY o.origin
LIMIT 10000;

-- name: set_state
UPDATE log.origin SET state = $2, error_code = $3, error_text = $4, error_at = $5 WHERE origin_id = $1;

-- name: record_failure
UPDATE log.origin
SET state = CASE WHEN $5::text IS NOT NULL THEN $5 WHEN state IN ('new', 'ready') THEN 'waiting' ELSE state END,
    checked_at = $2, failures = failures + 1, next_pull_at = $6, error_code = $3, error_text = $4, error_at = $2
WHERE origin_id = $1;
