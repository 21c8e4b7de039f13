-- name: lock
-- Held until the transaction ends: versions are applied one after the other.
SELECT pg_advisory_xact_lock($1);

-- name: read_latest
SELECT version, digest, raw, applied_at FROM agreement.document ORDER BY version DESC LIMIT 1;

-- name: latest_version
SELECT version, digest FROM agreement.document ORDER BY version DESC LIMIT 1;

-- name: read_version
SELECT version, digest, raw, applied_at FROM agreement.document WHERE version = $1;

-- name: versions_from
SELECT version, digest, raw, applied_at FROM agreement.document WHERE version >= $1 ORDER BY version LIMIT $2;

-- name: insert_document
INSERT INTO agreement.document (version, digest, raw, applied_at) VALUES ($1, $2, $3, $4);

-- name: delete_document
DELETE FROM agreement.document WHERE version = $1;

-- name: read_routines
SELECT version, digest, raw, applied_at FROM agreement.routine ORDER BY digest LIMIT 64;

-- name: read_routine
SELECT version, digest, raw, applied_at FROM agreement.routine
WHERE $1::text IS NULL OR digest = $1
ORDER BY version DESC, digest DESC
LIMIT 1;

-- name: routine_digests
SELECT digest FROM agreement.routine ORDER BY digest LIMIT 64;

-- name: put_routine
INSERT INTO agreement.routine (version, digest, raw, applied_at) VALUES ($1, $2, $3, $4);

-- name: keep_routines
DELETE FROM agreement.routine WHERE digest <> ALL ($1::text[]);

-- name: put_routine_fork
INSERT INTO agreement.routine_fork (digest, node, raw, found_at)
SELECT $1, $2, $3, $4
-- One is enough to show that there is a fork: a flood of them is not kept.
WHERE (SELECT count(*) FROM agreement.routine_fork f WHERE f.node = $2) < 8
ON CONFLICT (digest) DO NOTHING
RETURNING digest;

-- name: read_routine_forks
SELECT digest, node, raw, found_at FROM agreement.routine_fork ORDER BY found_at, digest LIMIT 64;

-- name: drop_routine_fork
DELETE FROM agreement.routine_fork WHERE digest = $1;

-- name: put_proposal
INSERT INTO agreement.proposal (digest, kind, version, raw, received_at, by_member, then_keyids, then_need)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (digest) DO NOTHING
RETURNING digest;

-- name: read_proposals
SELECT digest, kind, version, raw, received_at, by_member, then_keyids, then_need
FROM agreement.proposal
WHERE $1::text IS NULL OR digest = $1
ORDER BY kind, version, received_at, digest
LIMIT 200;

-- name: read_tallies
SELECT p.digest, p.then_keyids, p.then_need,
    ARRAY (SELECT s.keyid FROM agreement.signature s WHERE s.digest = p.digest ORDER BY s.keyid) AS signed
FROM agreement.proposal p
WHERE $1::text IS NULL OR p.digest = $1
ORDER BY p.kind, p.version, p.received_at, p.digest
LIMIT 200;

-- name: proposals_tag
-- In the order in which they are told; cheap beside the documents.
SELECT encode(sha256(convert_to(coalesce(string_agg(
    p.digest || coalesce((
        SELECT string_agg(s.keyid || s.sig, '' ORDER BY s.keyid) FROM agreement.signature s WHERE s.digest = p.digest
    ), ''),
    ' ' ORDER BY p.kind, p.version, p.received_at, p.digest
), ''), 'UTF8')), 'hex')
FROM agreement.proposal p;

-- name: count_proposals
SELECT count(*) FROM agreement.proposal;

-- name: read_signatures
SELECT keyid, sig FROM agreement.signature WHERE digest = $1 ORDER BY keyid LIMIT 200;

-- name: put_signatures
INSERT INTO agreement.signature (digest, keyid, sig, received_at)
SELECT $1, u.keyid, u.sig, $4 FROM unnest($2::text[], $3::text[]) AS u (keyid, sig)
ON CONFLICT (digest, keyid) DO NOTHING
RETURNING keyid;

-- name: drop_proposals_below
DELETE FROM agreement.proposal WHERE kind = $1 AND version < $2;

-- name: drop_proposal
DELETE FROM agreement.proposal WHERE digest = $1 RETURNING digest;

-- name: put_fork
INSERT INTO agreement.fork (version, digest, applied, raw_applied, raw_other, found_at)
SELECT $1, $2, $3, $4, $5, $6
-- One pair is enough to show that there is a fork: a flood of them is not kept.
WHERE (SELECT count(*) FROM agreement.fork f WHERE f.version = $1) < 8
  -- People have decided: another member that still shows the other one opens nothing anew.
  AND NOT EXISTS (SELECT FROM agreement.fork f WHERE f.version = $1 AND f.settled_at IS NOT NULL)
ON CONFLICT (version, digest) DO NOTHING
RETURNING version;

-- name: read_forks
SELECT version, digest, applied, raw_applied, raw_other, found_at, settled_at
FROM agreement.fork
ORDER BY version DESC, found_at, digest
LIMIT 64;

-- name: settled_fork
SELECT EXISTS (SELECT FROM agreement.fork WHERE version = $1 AND settled_at IS NOT NULL);

-- name: open_fork
SELECT EXISTS (SELECT FROM agreement.fork WHERE version >= $1 AND settled_at IS NULL);

-- name: settle_forks
UPDATE agreement.fork SET settled_at = $2 WHERE version = $1 AND settled_at IS NULL RETURNING digest;

-- name: replace_requests
-- The newest of one node counts; what a person has looked at gives way only to the holder of the same key.
DELETE FROM agreement.request
WHERE node_id = $1 AND authority = $2 AND fingerprint <> $4 AND (looked_at IS NULL OR http_key = $3);

-- name: make_room_for_request
-- The oldest that nobody has looked at; else the oldest that was left to wait for a week.
DELETE FROM agreement.request
WHERE fingerprint = (
    SELECT fingerprint FROM agreement.request
    WHERE (looked_at IS NULL OR received_at < $2) AND (SELECT count(*) FROM agreement.request) >= $1
    ORDER BY looked_at IS NOT NULL, received_at, fingerprint
    LIMIT 1
);

-- name: put_request
INSERT INTO agreement.request (fingerprint, raw, received_at, node_id, authority, http_key)
SELECT $1, $2, $3, $5, $6, $7
WHERE (SELECT count(*) FROM agreement.request) < $4
ON CONFLICT (fingerprint) DO NOTHING
RETURNING fingerprint;

-- name: has_request
SELECT EXISTS (SELECT FROM agreement.request WHERE fingerprint = $1);

-- name: look_at_requests
UPDATE agreement.request SET looked_at = $1 WHERE looked_at IS NULL AND fingerprint = ANY ($2::text[]);

-- name: read_requests
SELECT fingerprint, raw, received_at
FROM agreement.request
WHERE $1::text IS NULL OR fingerprint = $1
ORDER BY received_at, fingerprint
LIMIT 200;

-- name: drop_request
DELETE FROM agreement.request WHERE fingerprint = $1 RETURNING fingerprint;

-- name: put_refused
INSERT INTO agreement.refused (member, version, code, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (member) DO UPDATE SET version = excluded.version, code = excluded.code, at = excluded.at;

-- name: drop_refused
DELETE FROM agreement.refused WHERE version <= $1 OR member = $2;

-- name: read_refused
SELECT member, version, code, at FROM agreement.refused ORDER BY version DESC, member LIMIT 1000;

-- name: enrolled
SELECT what FROM agreement.enrolled;

-- name: note_enrolled
INSERT INTO agreement.enrolled (what) VALUES ($1) ON CONFLICT (one) DO UPDATE SET what = excluded.what;

-- name: drop_requests_before
DELETE FROM agreement.request WHERE received_at < $1;

-- name: is_built_upon
SELECT EXISTS (SELECT FROM agreement.document WHERE version > 1)
    OR EXISTS (SELECT FROM agreement.routine)
    OR EXISTS (SELECT FROM agreement.routine_fork)
    OR EXISTS (SELECT FROM agreement.fork)
    OR EXISTS (SELECT FROM log.origin WHERE size > 0);

-- name: forget_proposals
DELETE FROM agreement.proposal;

-- name: forget_refused
DELETE FROM agreement.refused;
