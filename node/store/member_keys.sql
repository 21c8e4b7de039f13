-- name: list_keys
INSERT INTO agreement.http_key AS k (member, public, state)
SELECT $1, public, 'listed' FROM unnest($2::bytea[]) AS given (public)
ON CONFLICT (member, public) DO UPDATE SET state = 'listed' WHERE k.state <> 'listed';

-- name: end_keys
UPDATE agreement.http_key SET state = $3 WHERE member = $1 AND state = 'listed' AND NOT (public = ANY($2::bytea[]));

-- name: former_keys
SELECT member, public FROM agreement.http_key WHERE state = 'former' ORDER BY member, public LIMIT 10000;

-- name: forget_keys
DELETE FROM agreement.http_key;
