-- name: keep
INSERT INTO ops.nonce (keyid, nonce, seen_at) VALUES ($1, $2, $3)
ON CONFLICT (keyid, nonce) DO NOTHING
RETURNING nonce;

-- name: purge
DELETE FROM ops.nonce WHERE seen_at < $1;
