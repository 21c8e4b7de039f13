-- Every version of an own profile that ever stood in the signed log, oldest first within its profile. Its content may be
-- erased; its labels are frozen with the profile.
-- name: own_versions
SELECT p.profile_id, p.network_id, p.register_id, p.partition_version, p.block_id, p.labels, p.state AS profile_state,
       p.created_at, p.deferred_until, v.number, v.state, v.log_idx, q.queued_at, d.published_at
FROM publication.profile p
JOIN publication.version v USING (profile_id)
LEFT JOIN LATERAL (
    SELECT max(decided_at) AS published_at FROM publication.decision
    WHERE profile_id = p.profile_id AND number = v.number AND action = 'published'
) d ON true
LEFT JOIN LATERAL (
    SELECT max(decided_at) AS queued_at FROM publication.decision
    WHERE profile_id = p.profile_id AND number = v.number AND action = 'queued'
) q ON true
WHERE v.log_idx IS NOT NULL
ORDER BY p.profile_id, v.number
LIMIT 1000000;

-- Own profiles that stand in the log without a version here: published after the copy that a database was restored from.
-- name: own_unversioned
SELECT p.profile_id, p.network_id, p.register_id, p.partition_version, p.block_id, p.labels, p.state AS profile_state,
       p.created_at, p.deferred_until
FROM publication.profile p
WHERE p.state = 'published'
  AND NOT EXISTS (SELECT FROM publication.version v WHERE v.profile_id = p.profile_id AND v.log_idx IS NOT NULL)
ORDER BY p.profile_id
LIMIT 1000000;

-- What stands published, as it is read by everybody; $1: of the own log only.
-- name: living_bodies
SELECT c.profile_id, o.owner, o.is_own, c.idx, b.body
FROM coop.profile c
JOIN log.origin o USING (origin_id)
JOIN log.body b USING (origin_id, idx)
WHERE o.state NOT IN ('closed', 'frozen', 'suspended') AND (o.is_own OR NOT $1::boolean)
ORDER BY c.profile_id, o.is_own DESC, o.origin_id
LIMIT 1000000;

-- Public objects of one edition's active contracts; $2: of these alone, NULL = all.
-- name: objects_of
SELECT register_id, object_text
FROM population.network
WHERE snapshot_id = $1 AND active AND ($2::text[] IS NULL OR register_id = ANY($2))
ORDER BY register_id
LIMIT 1000000;
