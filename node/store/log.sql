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

-- name: own_log
SELECT origin_id, origin, vkey, size FROM log.origin WHERE is_own AND state NOT IN ('closed', 'frozen');

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

-- name: bundle_bytes
SELECT coalesce(sum(2 + octet_length(entry)), 0)::bigint FROM log.entry WHERE origin_id = $1 AND idx >= $2 AND idx < $3;

-- name: delete_log
WITH bodies AS (DELETE FROM log.body WHERE origin_id = $1),
     wanted AS (DELETE FROM log.wanted WHERE origin_id = $1),
     items AS (DELETE FROM log.item WHERE origin_id = $1),
     problems AS (DELETE FROM log.problem WHERE origin_id = $1),
     subtrees AS (DELETE FROM log.subtree WHERE origin_id = $1)
DELETE FROM log.entry WHERE origin_id = $1;

-- name: set_predecessor
UPDATE log.origin SET predecessor_id = $2 WHERE origin_id = $1 AND predecessor_id IS NULL AND origin_id <> $2;

-- name: freeze
-- Bodies go with the freeze: the log that follows carries the living, and the rest is erased.
WITH frozen AS (
    UPDATE log.origin SET state = 'frozen', frozen_at = $2, next_pull_at = NULL
    WHERE origin_id = $1 AND state NOT IN ('frozen', 'closed')
    RETURNING origin_id
), wanted AS (DELETE FROM log.wanted WHERE origin_id IN (SELECT origin_id FROM frozen)),
   bodies AS (DELETE FROM log.body WHERE origin_id IN (SELECT origin_id FROM frozen))
SELECT origin_id FROM frozen;

-- name: live_bodies
SELECT i.item_id, b.body
FROM log.item i
JOIN log.body b ON b.origin_id = i.origin_id AND b.idx = i.last_idx
WHERE i.origin_id = $1 AND NOT i.dead
ORDER BY i.item_id
LIMIT 10000000;

-- name: frozen_before
SELECT origin_id, origin FROM log.origin WHERE state = 'frozen' AND frozen_at < $1 ORDER BY origin_id LIMIT 1000;

-- name: close_origin
UPDATE log.origin SET state = 'closed', checkpoint = NULL, checkpoint_size = 0, relayed = NULL, pending = NULL
WHERE origin_id = $1;

-- name: forget_origin
UPDATE log.origin
SET size = 0, root = $2, range_hashes = '', checkpoint = NULL, checkpoint_size = 0, pending = NULL, relayed = NULL,
    etag = NULL, state = 'new', error_code = NULL, error_text = NULL, error_at = NULL, failures = 0,
    next_pull_at = NULL, witnessed_size = 0, witnessed_at = NULL, cosigned_at = NULL, confirmed_at = NULL, grown = 0, grown_on = NULL
WHERE origin_id = $1 AND NOT is_own;

-- name: set_state
UPDATE log.origin SET state = $2, error_code = $3, error_text = $4, error_at = $5 WHERE origin_id = $1;

-- name: followed
-- Every log of others that was ever known, the closed ones too.
SELECT origin_id, origin, owner, state, size, state_before, end_size, predecessor_id
FROM log.origin
WHERE NOT is_own
ORDER BY origin
LIMIT 100000;

-- name: suspend_origin
-- Never a day before the one on which it is known here: from it the erasing counts.
UPDATE log.origin SET state_before = state, state = 'suspended', suspended_since = greatest($2::date, $3::date), next_pull_at = NULL
WHERE origin_id = $1 AND state NOT IN ('closed', 'frozen', 'suspended');

-- name: suspended_since
UPDATE log.origin SET suspended_since = $2 WHERE origin_id = $1 AND state = 'suspended' AND suspended_since < $2;

-- name: restore_origin
-- As it was; what it said meanwhile is asked for now.
UPDATE log.origin
SET state = coalesce(state_before, 'new'), state_before = NULL, suspended_since = NULL, failures = 0,
    next_pull_at = CASE WHEN state_before = 'quarantined' THEN NULL ELSE $2::timestamptz END
WHERE origin_id = $1 AND state = 'suspended';

-- name: note_departure
-- What it was before its node left tells it, frozen, from a log that a later one continues.
UPDATE log.origin SET state_before = coalesce(state_before, state), suspended_since = NULL
WHERE origin_id = $1 AND NOT (state IN ('closed', 'frozen') AND state_before IS NULL);

-- name: note_return
UPDATE log.origin SET state_before = NULL, frozen_at = NULL WHERE origin_id = $1;

-- name: set_end
UPDATE log.origin SET end_size = $2, end_root = $3 WHERE origin_id = $1 AND end_size IS DISTINCT FROM $2;

-- name: suspended_until
-- Those whose node has been suspended since a day or longer, and of which something is still here.
SELECT origin_id, origin
FROM log.origin
WHERE state = 'suspended' AND suspended_since <= $1 AND size > 0
ORDER BY origin_id
LIMIT 10000;

-- name: want_again
-- What was set aside for a reason that may have gone, of items whose last word it is.
WITH gone AS (
    DELETE FROM log.problem p USING log.item i, log.origin o
    WHERE p.code = $1 AND o.origin_id = p.origin_id AND NOT o.is_own AND o.state NOT IN ('closed', 'frozen')
      AND i.origin_id = p.origin_id AND i.last_idx = p.idx AND NOT i.dead
    RETURNING p.origin_id, p.idx, i.item_id
)
INSERT INTO log.wanted (origin_id, idx, item_id) SELECT origin_id, idx, item_id FROM gone ON CONFLICT DO NOTHING;

-- name: erased_suspended
UPDATE log.origin
SET state = 'suspended', suspended_since = $3, state_before = CASE WHEN $2 = 'quarantined' THEN $2 ELSE 'new' END
WHERE origin_id = $1;

-- name: suspension_of
SELECT state_before, suspended_since FROM log.origin WHERE origin_id = $1 AND state = 'suspended' AND suspended_since <= $2;

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

-- name: signed_latest
SELECT size, root, note, signed_at
FROM log.signed
WHERE origin_id = $1
ORDER BY size DESC
LIMIT 1;

-- name: insert_signed
INSERT INTO log.signed (origin_id, size, root, note, signed_at) VALUES ($1, $2, $3, $4, $5);

-- name: sign_again
-- The same size and root, said by other keys: what is signed of a size never changes.
UPDATE log.signed SET note = $4 WHERE origin_id = $1 AND size = $2 AND root = $3;

-- name: find_item
-- The newest word on an item, in whichever open log speaks of it; its own epoch's latest first.
SELECT i.origin_id, o.origin, i.last_idx, i.dead
FROM log.origin o
JOIN log.item i ON i.origin_id = o.origin_id
WHERE i.item_id = $1 AND o.state <> 'closed' AND ($2::boolean IS NULL OR o.is_own = $2)
ORDER BY (o.state = 'frozen'), o.origin_id
LIMIT 1;
