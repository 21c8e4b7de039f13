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

-- name: erased_suspended
UPDATE log.origin
SET state = 'suspended', suspended_since = $3, state_before = CASE WHEN $2 = 'quarantined' THEN $2 ELSE 'new' END
WHERE origin_id = $1;

-- name: suspension_of
SELECT state_before, suspended_since FROM log.origin WHERE origin_id = $1 AND state = 'suspended' AND suspended_since <= $2;
