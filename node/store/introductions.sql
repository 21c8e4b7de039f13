-- Introductions: cases and the events that tell them. Set-based: a batch of messages touches many cases in a few statements.

-- name: open_cases
INSERT INTO office.introduction (introduction_id, party, peer, profile_id, network_id, project_id, request, applicant, token_hash,
    state, since, created_by, created_at, changed_at)
SELECT c.id, c.party, c.peer, c.profile,
    coalesce(c.network, (SELECT p.network_id FROM publication.profile p WHERE p.profile_id = c.profile AND c.party = 'owner')), c.project, c.request, c.applicant, c.token, c.state, $11, c.officer, $11, $11
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::jsonb[], $8::jsonb[], $9::bytea[],
    $10::text[], $12::text[]) AS c (id, party, peer, profile, network, project, request, applicant, token, state, officer)
ON CONFLICT (introduction_id) DO NOTHING;

-- name: lock_cases
SELECT i.introduction_id, i.party, i.peer, i.profile_id, i.network_id, i.project_id, i.request, i.applicant, i.state, i.own_events,
    i.created_by, i.created_at, coalesce(p.state, '') AS profile_state, b.asked_at, b.read_at
FROM office.introduction i
LEFT JOIN publication.profile p ON p.profile_id = i.profile_id
LEFT JOIN post.box b ON b.peer = i.peer
WHERE i.introduction_id = ANY($1::uuid[]) AND ($2::text IS NULL OR i.peer = $2)
ORDER BY i.introduction_id
FOR UPDATE OF i;

-- name: peers_of
SELECT DISTINCT peer FROM office.introduction WHERE introduction_id = ANY($1::uuid[]) ORDER BY peer LIMIT 10000;

-- name: read_case
SELECT i.introduction_id, i.party, i.peer, i.profile_id, i.network_id, i.project_id, i.request, i.applicant, i.state, i.own_events,
    i.created_by, i.created_at, coalesce(p.state, '') AS profile_state, b.asked_at, b.read_at
FROM office.introduction i
LEFT JOIN publication.profile p ON p.profile_id = i.profile_id
LEFT JOIN post.box b ON b.peer = i.peer
WHERE i.introduction_id = $1;

-- name: events_of
SELECT introduction_id, party, seq, seen, kind, at, detail, due, event
FROM office.introduction_event
WHERE introduction_id = ANY($1::uuid[])
ORDER BY introduction_id, party, seq
LIMIT 1000000;

-- name: insert_events
INSERT INTO office.introduction_event (introduction_id, party, seq, seen, kind, at, detail, due, event, signature, payload, salt,
    officer, written_at)
SELECT e.id, e.party, e.seq, e.seen, e.kind, e.at, e.detail, e.due, e.event, e.signature, e.payload, e.salt, e.officer, $14
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::bigint[], $7::text[], $8::integer[], $9::bytea[],
    $10::bytea[], $11::jsonb[], $12::bytea[], $13::text[])
    AS e (id, party, seq, seen, kind, at, detail, due, event, signature, payload, salt, officer)
ON CONFLICT (introduction_id, party, seq) DO NOTHING;

-- name: keep_states
UPDATE office.introduction i
SET state = c.state, reason = c.reason, outcome = c.outcome, turn = c.turn, own_due = c.own_due, other_due = c.other_due,
    since = c.since, introduced_at = c.introduced_at, own_events = c.own_events, other_events = c.other_events,
    known_events = c.known_events, changed_at = $13
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::integer[], $8::timestamptz[],
    $9::timestamptz[], $10::integer[], $11::integer[], $12::integer[])
    AS c (id, state, reason, outcome, turn, own_due, other_due, since, introduced_at, own_events, other_events, known_events)
WHERE i.introduction_id = c.id;

-- name: keep_identities
-- From beside its event, which may have come before one that was said earlier.
INSERT INTO office.introduction_identity (introduction_id, identity, received_at)
SELECT DISTINCT ON (e.introduction_id) e.introduction_id, e.payload, $2
FROM office.introduction_event e
JOIN office.introduction i ON i.introduction_id = e.introduction_id
WHERE e.introduction_id = ANY($1::uuid[]) AND e.kind = 'identity' AND e.party <> i.party AND e.payload IS NOT NULL
ORDER BY e.introduction_id, e.seq
ON CONFLICT (introduction_id) DO NOTHING;

-- name: erase_identities
UPDATE office.introduction_identity SET identity = NULL, erased_at = $2
WHERE introduction_id = ANY($1::uuid[]) AND identity IS NOT NULL;

-- name: erase_told
-- The identity that the other office told, beside its event.
UPDATE office.introduction_event e SET payload = NULL, salt = NULL
FROM office.introduction i
WHERE i.introduction_id = e.introduction_id AND e.introduction_id = ANY($1::uuid[]) AND e.kind = 'identity' AND e.party <> i.party
  AND e.payload IS NOT NULL;

-- name: consents_of
SELECT introduction_id, person, version, identity, officer, given_at, revoked_at
FROM office.introduction_consent
WHERE introduction_id = ANY($1::uuid[])
ORDER BY introduction_id
LIMIT 100000;

-- name: keep_consent
INSERT INTO office.introduction_consent (introduction_id, person, version, identity, officer, given_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6)
ON CONFLICT (introduction_id) DO NOTHING;

-- name: revoke_consent
UPDATE office.introduction_consent SET revoked_at = $2 WHERE introduction_id = $1 AND revoked_at IS NULL;

-- name: identity_of
SELECT identity, received_at, erased_at FROM office.introduction_identity WHERE introduction_id = $1;

-- name: timeline
SELECT party, seq, seen, kind, at, detail, due, payload, officer, written_at
FROM office.introduction_event
WHERE introduction_id = $1
ORDER BY party, seq
LIMIT 2000;

-- name: messages_of
-- What was said, as it was signed, to be sealed again.
SELECT introduction_id, party, seq, event, signature, payload, salt
FROM office.introduction_event
WHERE introduction_id = ANY($1::uuid[]) AND seq = ANY($2::integer[])
ORDER BY introduction_id, party, seq
LIMIT 100000;

-- name: list_cases
-- A page, what changed last first, after ($5, $6). $1 party; $2 states; $3 only what waits for this office; $4 a peer.
SELECT i.introduction_id, i.party, i.peer, i.profile_id, i.network_id, n.name AS network, i.applicant ->> 'name' AS applicant,
    i.project_id, i.state, i.reason, i.outcome, i.turn, i.own_due, i.other_due, i.since, i.introduced_at, i.created_by, i.created_at,
    i.changed_at, coalesce(f.day, 0) AS follow_up_due
FROM office.introduction i
LEFT JOIN registry.network n ON n.network_id = i.network_id
-- The latest follow-up whose day has come ($9: the days, $8: now), as long as this office has not told it: domain/introduction.follow_up_due.
LEFT JOIN LATERAL (
    SELECT d.day FROM unnest($9::integer[]) AS d (day)
    WHERE i.state IN ('introduced', 'followed_up') AND i.introduced_at + make_interval(secs => d.day * 86400) <= $8::timestamptz
    ORDER BY d.day DESC LIMIT 1
) f ON NOT EXISTS (SELECT FROM office.introduction_event e
    WHERE e.introduction_id = i.introduction_id AND e.party = i.party AND e.kind = 'follow-up' AND e.detail = f.day::text)
WHERE ($1::text IS NULL OR i.party = $1)
  AND ($2::text[] IS NULL OR i.state = ANY($2))
  AND (NOT $3::boolean OR i.state IN ('draft', 'endorsed') OR i.turn IN (i.party, 'both') OR f.day IS NOT NULL)
  AND ($4::text IS NULL OR i.peer = $4)
  AND ($5::timestamptz IS NULL OR (i.changed_at, i.introduction_id) < ($5, $6::uuid))
ORDER BY i.changed_at DESC, i.introduction_id DESC
LIMIT $7;

-- name: count_cases
SELECT i.party, i.state, i.outcome, count(*) AS cases,
    count(*) FILTER (WHERE i.state IN ('draft', 'endorsed') OR i.turn IN (i.party, 'both') OR f.day IS NOT NULL) AS waiting
FROM office.introduction i
-- The latest follow-up whose day has come ($2: the days, $1: now), as long as this office has not told it: domain/introduction.follow_up_due.
LEFT JOIN LATERAL (
    SELECT d.day FROM unnest($2::integer[]) AS d (day)
    WHERE i.state IN ('introduced', 'followed_up') AND i.introduced_at + make_interval(secs => d.day * 86400) <= $1::timestamptz
    ORDER BY d.day DESC LIMIT 1
) f ON NOT EXISTS (SELECT FROM office.introduction_event e
    WHERE e.introduction_id = i.introduction_id AND e.party = i.party AND e.kind = 'follow-up' AND e.detail = f.day::text)
GROUP BY i.party, i.state, i.outcome
ORDER BY i.party, i.state, i.outcome
LIMIT 1000;

-- name: delete_draft
DELETE FROM office.introduction WHERE introduction_id = $1 AND state = 'draft';

-- name: change_draft
UPDATE office.introduction SET request = $2::jsonb, network_id = $3, changed_at = $4
WHERE introduction_id = $1 AND state = 'draft';

-- name: by_token
SELECT introduction_id FROM office.introduction WHERE introduction_id = $1 AND token_hash = $2;

-- name: count_drafts
SELECT count(*) FROM office.introduction WHERE state = 'draft' AND created_by = '';

-- name: due_cases
-- Cases of which the node may have something to say by itself: a day that is over, a profile that was withdrawn, silence.
SELECT i.introduction_id
FROM office.introduction i
LEFT JOIN publication.profile p ON p.profile_id = i.profile_id
WHERE i.state NOT IN ('draft', 'endorsed', 'concluded', 'declined', 'expired', 'withdrawn')
  AND i.introduction_id > $4
  AND (i.own_due < $1 OR i.other_due < $1 OR i.introduced_at <= $5
       OR (i.state NOT IN ('introduced', 'followed_up') AND i.since <= $2)
       OR (i.party = 'owner' AND i.state NOT IN ('introduced', 'followed_up') AND coalesce(p.state, '') <> 'published'))
ORDER BY i.introduction_id
LIMIT $3;

-- name: unknown_cases
-- Cases of which the other office has not said that it knows all but receipts, and of which nothing waits in the outbox.
SELECT i.introduction_id
FROM office.introduction i
WHERE i.known_events < i.own_events
  AND EXISTS (SELECT FROM office.introduction_event e
              WHERE e.introduction_id = i.introduction_id AND e.party = i.party AND e.seq > i.known_events AND e.kind <> 'receipt')
  AND i.changed_at < $1 AND i.changed_at > $3 AND (i.sent_again_at IS NULL OR i.sent_again_at < $1)
  AND NOT EXISTS (SELECT FROM post.outbox o WHERE o.recipient = i.peer AND o.introduction_id = i.introduction_id)
ORDER BY i.introduction_id
LIMIT $2;

-- name: claim_again
-- Of some cases those in which the other office has not said that it knows all: put out once more, at most once since $3.
UPDATE office.introduction i SET sent_again_at = $2
WHERE i.introduction_id = ANY($1::uuid[]) AND i.known_events < i.own_events AND (i.sent_again_at IS NULL OR i.sent_again_at < $3)
  AND NOT EXISTS (SELECT FROM post.outbox o WHERE o.recipient = i.peer AND o.introduction_id = i.introduction_id)
RETURNING i.introduction_id, i.known_events, i.own_events;

-- name: sent_again
UPDATE office.introduction SET sent_again_at = $2 WHERE introduction_id = ANY($1::uuid[]);

-- name: known_here
SELECT introduction_id FROM office.introduction
WHERE introduction_id = ANY($1::uuid[])
ORDER BY introduction_id
LIMIT 100000;

-- name: count_of
SELECT count(*) FILTER (WHERE state NOT IN ('draft', 'concluded', 'declined', 'expired', 'withdrawn')) AS open,
    count(*) FILTER (WHERE party = 'owner' AND created_at > $2) AS begun
FROM office.introduction
WHERE peer = $1;

-- name: cases_with
SELECT introduction_id FROM office.introduction
WHERE peer = $1 AND own_events + other_events > 0 AND introduction_id > $3::uuid
  AND (changed_at > $2 OR state NOT IN ('concluded', 'declined', 'expired', 'withdrawn'))
ORDER BY introduction_id
LIMIT $4;

-- name: end_unbegun
-- Of what this office began itself an older copy of the database may come to know more: only rows that hold no event.
UPDATE office.introduction i SET state = 'expired'
WHERE i.state = 'sent' AND i.own_events + i.other_events = 0 AND i.changed_at < $1
  AND (i.party = 'owner' OR NOT EXISTS (SELECT FROM office.introduction_event e WHERE e.introduction_id = i.introduction_id));

-- name: delete_unbegun
DELETE FROM office.introduction i
WHERE i.state = 'expired' AND i.own_events + i.other_events = 0 AND i.changed_at < $1
  AND (i.party = 'owner' OR NOT EXISTS (SELECT FROM office.introduction_event e WHERE e.introduction_id = i.introduction_id));

-- name: open_peers
SELECT DISTINCT peer FROM office.introduction
WHERE state NOT IN ('draft', 'concluded', 'declined', 'expired', 'withdrawn')
ORDER BY peer
LIMIT 10000;

-- name: hold_beginnings
SELECT pg_advisory_xact_lock(hashtext('office.introduction'));

-- name: has_open_case
SELECT EXISTS (SELECT FROM office.introduction
    WHERE profile_id = $1 AND network_id = $2 AND peer = $3 AND state NOT IN ('concluded', 'declined', 'expired', 'withdrawn'));

-- name: beginning
-- The cases whose identifier lies between two: two are enough to know that a beginning names more than one.
SELECT introduction_id FROM office.introduction WHERE introduction_id BETWEEN $1 AND $2 ORDER BY introduction_id LIMIT 2;

-- name: project_cases
-- The cases of one joint project.
SELECT i.introduction_id, i.party, i.peer, i.profile_id, i.network_id, n.name AS network, i.applicant ->> 'name' AS applicant,
    i.project_id, i.state, i.reason, i.outcome, i.turn, i.own_due, i.other_due, i.since, i.introduced_at, i.created_by, i.created_at,
    i.changed_at, coalesce(f.day, 0) AS follow_up_due
FROM office.introduction i
LEFT JOIN registry.network n ON n.network_id = i.network_id
-- The latest follow-up whose day has come ($3: the days, $2: now), as long as this office has not told it: domain/introduction.follow_up_due.
LEFT JOIN LATERAL (
    SELECT d.day FROM unnest($3::integer[]) AS d (day)
    WHERE i.state IN ('introduced', 'followed_up') AND i.introduced_at + make_interval(secs => d.day * 86400) <= $2::timestamptz
    ORDER BY d.day DESC LIMIT 1
) f ON NOT EXISTS (SELECT FROM office.introduction_event e
    WHERE e.introduction_id = i.introduction_id AND e.party = i.party AND e.kind = 'follow-up' AND e.detail = f.day::text)
WHERE i.project_id = $1
ORDER BY i.peer, i.introduction_id
LIMIT 100;

-- name: signed_events
SELECT party, seq, event, signature
FROM office.introduction_event
WHERE introduction_id = $1
ORDER BY party, seq
LIMIT 2000;
