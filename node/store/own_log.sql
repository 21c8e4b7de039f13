-- name: current
SELECT origin_id, origin, vkey, size FROM log.origin WHERE is_own AND state NOT IN ('closed', 'frozen');

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
