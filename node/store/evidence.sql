-- name: keep_evidence
-- One lie can be told in many ways: a few proofs of it are enough, and a flood of them is not kept.
INSERT INTO log.evidence (origin_id, digest, document, found_at)
SELECT $1, $2, $3, $4
WHERE (SELECT count(*) FROM log.evidence e WHERE e.origin_id = $1 AND e.released_at IS NULL) < 16
ON CONFLICT (origin_id, digest) DO NOTHING
RETURNING origin_id;

-- name: evidence
-- One proof per log is enough to convince anyone: the first that was found.
SELECT DISTINCT ON (e.origin_id) e.document
FROM log.evidence e
WHERE e.released_at IS NULL
ORDER BY e.origin_id, e.found_at, e.digest
LIMIT 100;

-- name: evidence_of
SELECT digest, document, found_at, released_at FROM log.evidence WHERE origin_id = $1 ORDER BY found_at, digest LIMIT 100;

-- name: count_evidence
SELECT count(DISTINCT origin_id) FROM log.evidence WHERE released_at IS NULL;

-- name: release_evidence
UPDATE log.evidence SET released_at = $2 WHERE origin_id = $1 AND released_at IS NULL;

-- name: insert_ruling
INSERT INTO log.ruling (origin_id, action, officer, reason, decided_at) VALUES ($1, $2, $3, $4, $5);

-- name: rulings
SELECT r.ruling_id, o.origin, o.owner, r.action, r.officer, coalesce(r.reason, '') AS reason, r.decided_at
FROM log.ruling r
JOIN log.origin o ON o.origin_id = r.origin_id
WHERE $1::integer IS NULL OR r.origin_id = $1
ORDER BY r.ruling_id DESC
LIMIT 100;
