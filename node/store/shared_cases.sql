-- --- the sharing office's side ---

-- name: insert_share
INSERT INTO programme.case_share
    (share_id, case_id, peer, documents, consent_on, consent_ref, proposed_by, looked_at, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8)
ON CONFLICT DO NOTHING;

-- name: lock_share
SELECT share_id::text AS share_id, case_id::text AS case_id, peer, documents, consent_on, consent_ref, state, proposed_by, approved_by, said, content,
       heard, acked, has_left, posted_at, created_at, changed_at
FROM programme.case_share WHERE share_id = $1 FOR UPDATE;

-- name: read_share
SELECT share_id::text AS share_id, case_id::text AS case_id, peer, documents, consent_on, consent_ref, state, proposed_by, approved_by, said, content,
       heard, acked, has_left, posted_at, created_at, changed_at
FROM programme.case_share WHERE share_id = $1;

-- $1: of one case, or of all.
-- name: list_shares
SELECT share_id::text AS share_id, case_id::text AS case_id, peer, documents, consent_on, consent_ref, state, proposed_by, approved_by, said, content,
       heard, acked, has_left, posted_at, created_at, changed_at
FROM programme.case_share WHERE $1::uuid IS NULL OR case_id = $1
ORDER BY created_at DESC, share_id
LIMIT $2;

-- name: save_share
UPDATE programme.case_share
SET state = $2, approved_by = $3, said = $4, content = $5, heard = $6, acked = $7, has_left = $8, posted_at = $9, changed_at = $10
WHERE share_id = $1;

-- name: mark_looked
UPDATE programme.case_share SET looked_at = $2 WHERE share_id = $1;

-- What has left, or has to be taken back: whose copies may be old, the one that was looked at longest ago first.
-- name: to_look
SELECT share_id::text AS share_id, peer FROM programme.case_share
WHERE said > 0 AND (state = 'live' OR acked < said)
ORDER BY looked_at, share_id
LIMIT $1;

-- name: replies
SELECT number, kind, words, due_on, on_day FROM programme.case_share_reply WHERE share_id = $1 ORDER BY number LIMIT 1000;

-- name: drop_replies
DELETE FROM programme.case_share_reply WHERE share_id = $1 AND number <> ALL($2::integer[]);

-- name: insert_reply
INSERT INTO programme.case_share_reply (share_id, number, case_id, kind, words, due_on, on_day) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (share_id, number) DO NOTHING;

-- name: insert_step
INSERT INTO programme.case_share_step (share_id, case_id, peer, at, by_officer, action) VALUES ($1, $2, $3, $4, $5, $6);

-- name: document_contents
SELECT document_id::text AS document_id, content FROM programme.case_document
WHERE case_id = $1 AND document_id = ANY($2::uuid[]) AND octet_length(content) <= $3
ORDER BY document_id LIMIT 100;

-- A newer message says all that an older one said: what was not taken yet is not sent.
-- name: drop_waiting
DELETE FROM post.outbox WHERE recipient = $1 AND introduction_id = $2;

-- --- the partner's side ---

-- name: lock_shared
SELECT share_id::text AS share_id, peer, state, copy::text AS copy, replies::text AS replies, heard, said, changed, acked, posted, posted_at, came_at,
       changed_at
FROM programme.shared_case WHERE share_id = $1 FOR UPDATE;

-- name: read_shared
SELECT share_id::text AS share_id, peer, state, copy::text AS copy, replies::text AS replies, heard, said, changed, acked, posted, posted_at, came_at,
       changed_at
FROM programme.shared_case WHERE share_id = $1;

-- name: list_shared
SELECT share_id::text AS share_id, peer, state, copy::text AS copy, replies::text AS replies, heard, said, changed, acked, posted, posted_at, came_at,
       changed_at
FROM programme.shared_case
ORDER BY state = 'ended', changed_at DESC, share_id
LIMIT $1;

-- name: insert_shared
INSERT INTO programme.shared_case (share_id, peer, state, copy, replies, heard, said, changed, came_at, changed_at)
VALUES ($1, $2, $3, $4::jsonb, '[]', $5, $6, $7, $8, $8);

-- name: save_shared
UPDATE programme.shared_case
SET state = $2, copy = $3::jsonb, replies = $4::jsonb, heard = $5, said = $6, changed = $7, acked = $8, posted = $9, posted_at = $10, changed_at = $11
WHERE share_id = $1;

-- name: begun_since
SELECT count(*) FROM programme.shared_case WHERE peer = $1 AND came_at >= $2;

-- What this office has to say, or to say again: $1 = put out before then.
-- name: to_say
SELECT share_id::text AS share_id, peer FROM programme.shared_case
WHERE posted < said OR (acked < changed AND posted_at < $1)
ORDER BY posted_at NULLS FIRST, share_id
LIMIT $2;

-- name: clear_documents
DELETE FROM programme.shared_case_document WHERE share_id = $1;

-- name: insert_document
INSERT INTO programme.shared_case_document (share_id, document_id, file_name, media_type, sha256, content) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (share_id, document_id) DO NOTHING;

-- name: arrived
SELECT document_id::text AS document_id FROM programme.shared_case_document WHERE share_id = $1 ORDER BY document_id LIMIT 100;

-- name: read_document
SELECT file_name, media_type, sha256, content FROM programme.shared_case_document WHERE share_id = $1 AND document_id = $2;

-- name: live_peers
SELECT DISTINCT peer FROM programme.case_share WHERE said > 0 AND (state = 'live' OR acked < said)
UNION
SELECT DISTINCT peer FROM programme.shared_case WHERE state = 'live'
ORDER BY peer
LIMIT 10000;
