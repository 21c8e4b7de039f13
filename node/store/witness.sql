-- name: own_cosignatures
SELECT member, size, signed_at, line FROM log.cosignature WHERE origin_id = $1 ORDER BY member LIMIT 1000;

-- name: keep_cosignature
INSERT INTO log.cosignature (origin_id, member, size, signed_at, line) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (origin_id, member) DO UPDATE
    SET size = excluded.size, signed_at = excluded.signed_at, line = excluded.line
    WHERE (log.cosignature.size, log.cosignature.signed_at) <= (excluded.size, excluded.signed_at);

-- name: begin_witnessing
-- The row must exist before it can be locked: of two first requests one waits for the other.
INSERT INTO log.witnessed (origin_id, size, root, note, cosigned_at) VALUES ($1, 0, sha256(''), '', '-infinity')
ON CONFLICT (origin_id) DO NOTHING;

-- name: lock_witnessed
SELECT size, root FROM log.witnessed WHERE origin_id = $1 FOR UPDATE;

-- name: keep_witnessed
UPDATE log.witnessed SET size = $2, root = $3, note = $4, cosigned_at = $5 WHERE origin_id = $1;

-- name: forget_witnessed
-- What it rests on is nobody's word any more: the agreement says so, which stands above a witness's memory.
DELETE FROM log.witnessed WHERE origin_id = $1;

-- name: witnessed_note
SELECT w.note
FROM log.witnessed w
JOIN log.origin o ON o.origin_id = w.origin_id
WHERE o.origin_hash = $1 AND w.note <> '';

-- name: keep_receipt
INSERT INTO log.receipt (origin_id, member, size, signed_at, note) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (origin_id, member) DO UPDATE
    SET size = excluded.size, signed_at = excluded.signed_at, note = excluded.note
    WHERE log.receipt.size <= excluded.size;

-- name: receipts
SELECT member, size, signed_at, note FROM log.receipt WHERE origin_id = $1 ORDER BY member LIMIT 1000;
