-- name: insert_profile
INSERT INTO publication.profile
    (profile_id, network_id, register_id, partition_version, block_id, labels, created_at, potential)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: living_profile
SELECT profile_id, network_id, register_id, partition_version, block_id, labels, state, deferred_until, withdrawn_at,
       withdrawn_by, potential
FROM publication.profile
WHERE network_id = $1 AND state <> 'withdrawn';

-- name: find_profile
SELECT profile_id, network_id, register_id, partition_version, block_id, labels, state, deferred_until, withdrawn_at,
       withdrawn_by, potential
FROM publication.profile
WHERE profile_id = $1;

-- Whoever changes a profile or its versions holds this lock first.
-- name: lock_profile
SELECT profile_id, network_id, register_id, partition_version, block_id, labels, state, deferred_until, withdrawn_at,
       withdrawn_by, potential
FROM publication.profile
WHERE profile_id = $1
FOR UPDATE;

-- name: last_withdrawn
SELECT profile_id, network_id, register_id, partition_version, block_id, labels, state, deferred_until, withdrawn_at,
       withdrawn_by, potential
FROM publication.profile
WHERE network_id = $1 AND state = 'withdrawn'
ORDER BY withdrawn_at DESC, profile_id
LIMIT 1;

-- Drawn once: a second draw finds the first.
-- name: defer_profile
UPDATE publication.profile SET deferred_until = $2 WHERE profile_id = $1 AND deferred_until IS NULL;

-- name: insert_version
INSERT INTO publication.version (profile_id, number, state, content, content_hash, author, authored_at)
VALUES ($1, $2, 'draft', $3, $4, $5, $6);

-- name: replace_draft
UPDATE publication.version
SET content = $3, content_hash = $4, author = $5, authored_at = $6, state = 'draft',
    approver = NULL, approved_at = NULL, approved_hash = NULL, release_day = NULL
WHERE profile_id = $1 AND number = $2 AND state IN ('draft', 'approved', 'queued');

-- name: open_version
SELECT profile_id, number, state, content, content_hash, author, approver, release_day, held_code
FROM publication.version
WHERE profile_id = $1 AND state IN ('draft', 'approved', 'queued');

-- The version under way, else the one that stands published.
-- name: shown_version
SELECT profile_id, number, state, content, content_hash, author, approver, release_day, held_code
FROM publication.version
WHERE profile_id = $1 AND state IN ('draft', 'approved', 'queued', 'published')
ORDER BY number DESC
LIMIT 1;

-- name: last_number
SELECT coalesce(max(number), 0) FROM publication.version WHERE profile_id = $1;

-- name: approve_version
UPDATE publication.version
SET state = 'approved', approver = $3, approved_at = $4, approved_hash = content_hash
WHERE profile_id = $1 AND number = $2 AND state = 'draft';

-- name: queue_version
UPDATE publication.version
SET state = 'queued', release_day = $3
WHERE profile_id = $1 AND number = $2 AND state = 'approved';

-- Profiles first, in one order, like everybody else: the versions are read once nobody can change them.
-- name: lock_due_profiles
SELECT p.profile_id
FROM publication.profile p
WHERE p.state <> 'withdrawn' AND EXISTS (
    SELECT 1 FROM publication.version v
    WHERE v.profile_id = p.profile_id AND v.state = 'queued' AND v.release_day <= $1)
ORDER BY p.profile_id
LIMIT 10000
FOR UPDATE OF p;

-- name: due_versions
SELECT v.profile_id, p.network_id, p.register_id, v.number, v.content, v.approver, v.content_hash, v.held_code, p.block_id,
       p.partition_version, p.labels, p.potential,
       coalesce((
           SELECT (d.gate ->> 'amber')::integer
           FROM publication.decision d
           WHERE d.profile_id = v.profile_id AND d.number = v.number AND d.action = 'approved'
           ORDER BY d.decision_id DESC
           LIMIT 1), 0) AS amber
FROM publication.version v
JOIN publication.profile p USING (profile_id)
WHERE v.profile_id = ANY($2::uuid[]) AND v.state = 'queued' AND v.release_day <= $1 AND p.state <> 'withdrawn'
ORDER BY v.profile_id
LIMIT 10000;

-- name: hold_versions
UPDATE publication.version v
SET held_code = u.held_code
FROM unnest($1::uuid[], $2::integer[], $3::text[]) AS u (profile_id, number, held_code)
WHERE v.profile_id = u.profile_id AND v.number = u.number AND v.state = 'queued';

-- name: published_among
SELECT v.profile_id
FROM publication.version v
JOIN unnest($1::uuid[], $2::integer[]) AS u (profile_id, number)
  ON v.profile_id = u.profile_id AND v.number = u.number
WHERE v.state = 'published'
ORDER BY v.profile_id
LIMIT 10000;

-- name: supersede_published
UPDATE publication.version
SET state = 'superseded', content = NULL
WHERE profile_id = ANY($1::uuid[]) AND state = 'published';

-- name: mark_published
UPDATE publication.version v
SET state = 'published', log_idx = u.log_idx
FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) AS u (profile_id, number, log_idx)
WHERE v.profile_id = u.profile_id AND v.number = u.number AND v.state = 'queued';

-- name: mark_profiles_published
UPDATE publication.profile SET state = 'published' WHERE profile_id = ANY($1::uuid[]);

-- name: erase_versions
UPDATE publication.version SET state = 'erased', content = NULL WHERE profile_id = $1 AND state <> 'superseded';

-- name: withdraw_profile
UPDATE publication.profile SET state = 'withdrawn', withdrawn_at = $2, withdrawn_by = $3 WHERE profile_id = $1;

-- name: insert_decision
INSERT INTO publication.decision (profile_id, number, action, officer, decided_at, candidates, content_hash, reason, gate)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- What the federation's living profiles of one block show, without some of our own: $1 terms that find the block,
-- $2-$7 its labels and kind as they are stored, $8 profiles to leave out.
-- name: classes_in_block
SELECT c.profile_id, convert_from(b.body, 'UTF8')::jsonb -> 'themes' AS themes,
       convert_from(b.body, 'UTF8')::jsonb -> 'certifications' AS certifications
FROM coop.profile c
JOIN log.body b USING (origin_id, idx)
WHERE c.keys @> $1::text[] AND c.territory = $2 AND c.sector = $3 AND c.period = $4 AND c.size = $5 AND c.theme = $6
  AND c.kind = $7 AND c.profile_id <> ALL($8::uuid[])
ORDER BY c.profile_id
LIMIT 1000;

-- name: list_profiles
SELECT p.profile_id, p.network_id, p.register_id, p.state AS profile_state, p.partition_version, p.block_id, p.labels,
       p.deferred_until, p.potential, v.number, v.state AS version_state, v.author, v.approver, v.release_day, v.held_code, v.log_idx,
       v.content #>> '{title,it}' AS title, v.authored_at, last.action AS last_action
FROM publication.profile p
JOIN LATERAL (
    SELECT number, state, author, authored_at, approver, release_day, held_code, log_idx, content
    FROM publication.version
    WHERE profile_id = p.profile_id
    ORDER BY number DESC
    LIMIT 1
) v ON true
LEFT JOIN LATERAL (
    SELECT action
    FROM publication.decision
    WHERE profile_id = p.profile_id AND number = v.number
    ORDER BY decision_id DESC
    LIMIT 1
) last ON true
WHERE ($1::text IS NULL OR v.state = $1) AND ($2::uuid IS NULL OR p.profile_id > $2)
ORDER BY p.profile_id
LIMIT $3;

-- name: profiles_of_network
-- Of one network of the office, the living one first; nothing of what they say.
SELECT p.profile_id, p.state AS profile_state, p.created_at, p.withdrawn_at, p.potential, v.number, v.state AS version_state,
       v.release_day, v.held_code
FROM publication.profile p
JOIN LATERAL (
    SELECT number, state, release_day, held_code
    FROM publication.version
    WHERE profile_id = p.profile_id
    ORDER BY number DESC
    LIMIT 1
) v ON true
WHERE p.network_id = $1
ORDER BY p.state = 'withdrawn', p.created_at DESC, p.profile_id
LIMIT 100;

-- name: waiting
-- What is under way: drafts of this officer ($1) that are not submitted, those that are, those that others submitted; what is
-- approved and in no round, and what is in rounds.
SELECT count(*) FILTER (WHERE v.state = 'draft' AND w.own AND NOT w.submitted) AS own_drafts,
       count(*) FILTER (WHERE v.state = 'draft' AND w.own AND w.submitted) AS own_waiting,
       count(*) FILTER (WHERE v.state = 'draft' AND NOT w.own AND w.submitted) AS to_approve,
       count(*) FILTER (WHERE v.state = 'approved') AS approved,
       count(*) FILTER (WHERE v.state = 'queued') AS queued,
       min(v.release_day) FILTER (WHERE v.state = 'queued' AND v.held_code IS NULL) AS next_release_day
FROM publication.version v
JOIN publication.profile p USING (profile_id)
CROSS JOIN LATERAL (
    SELECT publication.officer_key(v.author) = publication.officer_key($1) AS own,
           coalesce((
               SELECT d.action FROM publication.decision d
               WHERE d.profile_id = v.profile_id AND d.number = v.number
               ORDER BY d.decision_id DESC
               LIMIT 1) = 'submitted', false) AS submitted
) w
WHERE v.state IN ('draft', 'approved', 'queued') AND p.state <> 'withdrawn';

-- name: held
SELECT v.held_code, count(*) AS profiles
FROM publication.version v
JOIN publication.profile p USING (profile_id)
WHERE v.state = 'queued' AND v.held_code IS NOT NULL AND p.state <> 'withdrawn'
GROUP BY v.held_code
ORDER BY v.held_code
LIMIT 100;

-- name: last_round
-- What left together: the newest publication's moment, and how many left in it.
SELECT d.decided_at, count(*) AS profiles
FROM publication.decision d
WHERE d.action = 'published'
  AND d.decided_at = (SELECT max(decided_at) FROM publication.decision WHERE action = 'published')
GROUP BY d.decided_at;

-- name: last_action
SELECT action FROM publication.decision WHERE profile_id = $1 AND number = $2 ORDER BY decision_id DESC LIMIT 1;

-- name: list_versions
SELECT number, state, author, authored_at, approver, approved_at, release_day, held_code, content_hash, log_idx
FROM publication.version
WHERE profile_id = $1
ORDER BY number DESC
LIMIT 1000;

-- name: list_decisions
SELECT number, action, officer, decided_at, candidates, content_hash, reason, reason_erased_by, gate
FROM publication.decision
WHERE profile_id = $1
ORDER BY decision_id DESC
LIMIT 1000;

-- name: living_by_block
SELECT block_id, count(*) AS profiles
FROM publication.profile
WHERE partition_version = $1 AND state <> 'withdrawn'
GROUP BY block_id
ORDER BY block_id
LIMIT 100000;

-- name: last_version
SELECT number, content_hash FROM publication.version WHERE profile_id = $1 ORDER BY number DESC LIMIT 1;

-- name: reconcile_withdrawn
-- The log knows of withdrawals that a restored database has forgotten.
UPDATE publication.profile p
SET state = 'withdrawn', withdrawn_at = $2, withdrawn_by = 'recover'
FROM log.item i
WHERE i.origin_id = $1 AND i.item_id = p.profile_id AND i.dead AND p.state <> 'withdrawn'
RETURNING p.profile_id;

-- name: reconcile_erased
UPDATE publication.version SET state = 'erased', content = NULL
WHERE profile_id = ANY($1::uuid[]) AND state <> 'superseded';

-- name: reconcile_published
-- What was published after the copy was made: its decision is lost, the profile is not. A version under way is opened again.
UPDATE publication.profile p
SET state = 'published'
FROM log.item i
WHERE i.origin_id = $1 AND i.item_id = p.profile_id AND NOT i.dead AND p.state = 'new';

-- name: reconcile_reopened
UPDATE publication.version v
SET state = 'draft', approver = NULL, approved_at = NULL, approved_hash = NULL, release_day = NULL
FROM log.item i
WHERE i.origin_id = $1 AND i.item_id = v.profile_id AND NOT i.dead AND v.state IN ('approved', 'queued')
  AND i.last_idx > coalesce((SELECT max(p.log_idx) FROM publication.version p WHERE p.profile_id = v.profile_id), -1);

-- name: reconcile_positions
UPDATE publication.version v
SET log_idx = i.last_idx
FROM log.item i
WHERE i.origin_id = $1 AND i.item_id = v.profile_id AND NOT i.dead AND v.state = 'published' AND v.log_idx <> i.last_idx;

-- name: count_orphans
SELECT count(*)
FROM log.item i
WHERE i.origin_id = $1 AND NOT i.dead
  AND NOT EXISTS (SELECT FROM publication.profile p WHERE p.profile_id = i.item_id)
  AND NOT EXISTS (SELECT FROM coop.partition d WHERE d.origin_id = i.origin_id AND d.idx = i.last_idx)
  AND NOT EXISTS (SELECT FROM coop.announcement a WHERE a.origin_id = i.origin_id AND a.idx = i.last_idx);
