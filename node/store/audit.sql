-- name: page
SELECT event_id, audit.instant(at) AS at, kind, document, previous, hash
FROM audit.event
WHERE event_id > $1
ORDER BY event_id
LIMIT $2;

-- name: event_at
SELECT event_id, audit.instant(at) AS at, kind, document, previous, hash FROM audit.event WHERE event_id = $1;

-- name: list_events
SELECT event_id, audit.instant(at) AS at, kind, document, previous, hash
FROM audit.event
WHERE event_id > $1 AND ($2::uuid IS NULL OR profile = $2) AND ($3::text IS NULL OR kind = $3)
  AND ($4::text IS NULL OR document::jsonb ->> 'officer' = $4)
ORDER BY event_id
LIMIT $5;

-- name: list_events_back
SELECT event_id, audit.instant(at) AS at, kind, document, previous, hash
FROM audit.event
WHERE event_id < $1 AND ($2::uuid IS NULL OR profile = $2) AND ($3::text IS NULL OR kind = $3)
  AND ($4::text IS NULL OR document::jsonb ->> 'officer' = $4)
ORDER BY event_id DESC
LIMIT $5;

-- name: chain
SELECT chain_id::text FROM audit.chain;

-- A decision or ruling whose event is missing or says something else; a reason that is gone must have been erased.
-- name: untold
SELECT 'decision' AS kind, d.decision_id AS subject
FROM publication.decision d
LEFT JOIN audit.event e ON e.kind = 'decision' AND e.subject = d.decision_id
WHERE e.event_id IS NULL
   OR (e.document::jsonb - 'session' - 'reason') <> (audit.decision_facts(d) - 'reason')
   OR (d.reason IS NOT NULL AND e.document::jsonb ->> 'reason' IS DISTINCT FROM audit.decision_facts(d) ->> 'reason')
   OR (d.reason IS NULL AND e.document::jsonb ->> 'reason' IS NOT NULL
       AND NOT EXISTS (SELECT FROM audit.event x WHERE x.kind = 'reason-erased' AND x.subject = d.decision_id))
UNION ALL
SELECT 'ruling', r.ruling_id
FROM log.ruling r
LEFT JOIN audit.event e ON e.kind = 'ruling' AND e.subject = r.ruling_id
WHERE e.event_id IS NULL
   OR (e.document::jsonb - 'session' - 'reason') <> (audit.ruling_facts(r) - 'reason')
   OR (r.reason IS NOT NULL AND e.document::jsonb ->> 'reason' IS DISTINCT FROM audit.ruling_facts(r) ->> 'reason')
   OR (r.reason IS NULL
       AND NOT EXISTS (SELECT FROM audit.event x WHERE x.kind = 'ruling-reason-erased' AND x.subject = r.ruling_id))
ORDER BY kind, subject
LIMIT 1;

-- A change of the register by hand whose event is missing or says something else.
-- name: untold_change
SELECT c.change_id
FROM registry.change c
LEFT JOIN audit.event e ON e.kind = 'network' AND e.subject = c.change_id
WHERE c.source = 'officer'
  AND (e.event_id IS NULL OR e.document::jsonb - 'session' <> audit.change_facts(c))
ORDER BY c.change_id
LIMIT 1;

-- What an office announced or withdrew, whose event is missing or says something else.
-- name: untold_announcement
SELECT a.announced_id
FROM programme.announced a
LEFT JOIN audit.event e ON e.kind = 'announcement' AND e.subject = a.announced_id
WHERE e.event_id IS NULL OR e.document::jsonb - 'session' <> audit.announcement_facts(a)
ORDER BY a.announced_id
LIMIT 1;

-- A document that is not the one of its event, or that is gone and nobody took it out: triggers were off.
-- name: unkept
SELECT d.document_id::text AS document
FROM registry.document d
WHERE NOT EXISTS (
    SELECT FROM audit.event e
    WHERE e.kind = 'document' AND e.document::jsonb ->> 'document' = d.document_id::text
      AND e.document::jsonb - 'session' = audit.document_facts(
          d.document_id, d.network_id, d.series_id, d.number, d.kind, octet_length(d.content), d.seal_salt, d.sha256, d.officer))
UNION ALL
SELECT e.document::jsonb ->> 'document'
FROM audit.event e
WHERE e.kind = 'document' AND e.document::jsonb ->> 'action' IN ('added', 'replaced')
  AND NOT EXISTS (SELECT FROM registry.document d WHERE d.document_id = (e.document::jsonb ->> 'document')::uuid)
  AND NOT EXISTS (
      SELECT FROM audit.event x
      WHERE x.kind = 'document' AND x.document::jsonb ->> 'document' = e.document::jsonb ->> 'document'
        AND x.document::jsonb ->> 'action' = 'deleted')
UNION ALL
SELECT d.document_id::text
FROM programme.case_document d
WHERE NOT EXISTS (
    SELECT FROM audit.event e
    WHERE e.kind = 'case-file' AND e.document::jsonb ->> 'case' = d.case_id::text
      AND e.document::jsonb ->> 'case_document' = d.document_id::text AND e.document::jsonb ->> 'action' = 'document-added'
      AND e.document::jsonb ->> 'seal' = encode(pg_catalog.sha256(d.seal_salt || d.sha256), 'hex')
      AND (e.document::jsonb ->> 'bytes')::integer = octet_length(d.content)
      AND e.document::jsonb ->> 'officer' = d.officer)
UNION ALL
SELECT e.document::jsonb ->> 'case_document'
FROM audit.event e
WHERE e.kind = 'case-file' AND e.document::jsonb ->> 'action' = 'document-added'
  AND NOT EXISTS (SELECT FROM programme.case_document d WHERE d.document_id = (e.document::jsonb ->> 'case_document')::uuid)
  AND NOT EXISTS (
      SELECT FROM audit.event x
      WHERE x.kind = 'case-file' AND x.document::jsonb ->> 'case' = e.document::jsonb ->> 'case'
        AND x.document::jsonb ->> 'case_document' = e.document::jsonb ->> 'case_document'
        AND x.document::jsonb ->> 'action' = 'document-deleted')
ORDER BY document
LIMIT 1;

-- What an officer decided in an introduction and whose event is missing or says something else; or what only an officer decides, and
-- nobody did: what a node says by itself is never one of these.
-- name: untold_introduction
SELECT v.event_row
FROM office.introduction_event v
LEFT JOIN audit.event e ON e.kind = 'introduction' AND e.subject = v.event_row
WHERE (e.event_id IS NULL AND audit.is_decided(v))
   OR (e.event_id IS NOT NULL AND e.document::jsonb - 'session' <> audit.introduction_facts(v))
ORDER BY v.event_row
LIMIT 1;

-- An event whose decision or ruling is gone, whose change of a network that is there and was not erased, or whose step of an
-- introduction that did not end, or whose stage or evaluation of an aggregation, which stay for ever.
-- name: orphaned
SELECT e.event_id
FROM audit.event e
WHERE (e.kind = 'decision' AND NOT EXISTS (SELECT FROM publication.decision d WHERE d.decision_id = e.subject))
   OR (e.kind = 'ruling' AND NOT EXISTS (SELECT FROM log.ruling r WHERE r.ruling_id = e.subject))
   OR (e.kind = 'announcement' AND NOT EXISTS (SELECT FROM programme.announced a WHERE a.announced_id = e.subject))
   OR (e.kind = 'network' AND e.subject IS NOT NULL
       AND NOT EXISTS (SELECT FROM registry.change c WHERE c.change_id = e.subject)
       AND EXISTS (SELECT FROM registry.network n WHERE n.network_id = (e.document::jsonb ->> 'network')::uuid)
       AND NOT EXISTS (
           SELECT FROM audit.event x
           WHERE x.kind = 'network' AND x.event_id > e.event_id AND x.document::jsonb ->> 'action' = 'erased'
             AND x.document::jsonb ->> 'network' = e.document::jsonb ->> 'network'))
   OR (e.kind = 'introduction' AND e.subject IS NOT NULL
       AND NOT EXISTS (SELECT FROM office.introduction_event v WHERE v.event_row = e.subject)
       AND NOT EXISTS (
           SELECT FROM audit.event x
           WHERE x.kind = 'introduction' AND x.event_id > e.event_id AND x.document::jsonb ->> 'action' = 'ended'
             AND x.document::jsonb ->> 'introduction' = e.document::jsonb ->> 'introduction'))
   OR (e.kind = 'aggregation' AND NOT EXISTS (SELECT FROM programme.stage_change c WHERE c.change_id = e.subject))
   OR (e.kind = 'evaluation' AND NOT EXISTS (SELECT FROM programme.evaluation v WHERE v.evaluation_id = e.subject))
ORDER BY e.event_id
LIMIT 1;

-- A version that shows an approval which nobody decided, or whose approver wrote it: triggers were off.
-- name: undecided
SELECT v.profile_id::text AS profile_id, v.number
FROM publication.version v
WHERE (v.approver IS NOT NULL OR v.state IN ('approved', 'queued', 'published'))
  AND (coalesce(publication.officer_key(v.approver) = publication.officer_key(v.author), true)
       OR v.approved_hash IS DISTINCT FROM v.content_hash
       OR NOT EXISTS (
           SELECT FROM publication.decision d
           WHERE d.profile_id = v.profile_id AND d.number = v.number AND d.action = 'approved' AND d.officer = v.approver
             AND d.content_hash = v.content_hash)
       OR (v.state = 'published' AND NOT EXISTS (
           SELECT FROM publication.decision d
           WHERE d.profile_id = v.profile_id AND d.number = v.number AND d.action = 'published'
             AND d.content_hash = v.content_hash)))
ORDER BY v.profile_id, v.number
LIMIT 1;

-- A role that somebody holds and whose last event is not that it was granted: triggers were off.
-- name: ungranted
SELECT r.account_id::text AS account
FROM office.account_role r
WHERE (SELECT e.document::jsonb ->> 'action' FROM audit.event e
       WHERE e.kind = 'account-role' AND e.document::jsonb ->> 'account' = r.account_id::text
         AND e.document::jsonb ->> 'role' = r.role
       ORDER BY e.event_id DESC LIMIT 1) IS DISTINCT FROM 'granted'
ORDER BY r.account_id, r.role
LIMIT 1;

-- name: newest
SELECT event_id, audit.instant(at) AS at, kind, document, previous, hash FROM audit.event ORDER BY event_id DESC LIMIT 1;

-- What lives in the own log and is neither a partition nor statistics nor an announcement nor a version that stands there by a decision. After a restore the
-- profiles whose decisions were lost with the newest days are told too; those whose row the log brought back have an event.
-- name: unaccounted
SELECT i.item_id::text AS profile_id, i.last_idx
FROM log.item i
JOIN log.origin o USING (origin_id)
WHERE o.is_own AND o.state <> 'frozen' AND NOT i.dead
  AND NOT EXISTS (SELECT FROM coop.partition d WHERE d.origin_id = i.origin_id AND d.idx = i.last_idx)
  AND NOT EXISTS (SELECT FROM coop.statistics d WHERE d.origin_id = i.origin_id AND d.idx = i.last_idx)
  AND NOT EXISTS (SELECT FROM coop.announcement a WHERE a.origin_id = i.origin_id AND a.idx = i.last_idx)
  AND NOT EXISTS (
      SELECT FROM publication.version v
      WHERE v.profile_id = i.item_id AND v.state = 'published' AND v.log_idx = i.last_idx)
  AND NOT EXISTS (
      SELECT FROM audit.event e
      WHERE e.profile = i.item_id AND e.kind = 'reconciled' AND e.document::jsonb ->> 'to' = 'published')
ORDER BY i.last_idx
LIMIT 1;

-- A stage or an evaluation of an aggregation whose event is missing or says something else; words whose salt is gone were erased.
-- name: untold_stage
SELECT s.subject FROM (
    SELECT c.change_id AS subject, e.event_id, e.document::jsonb - 'session' AS told, audit.stage_facts(c) AS facts, c.salt
    FROM programme.stage_change c
    LEFT JOIN audit.event e ON e.kind = 'aggregation' AND e.subject = c.change_id
    UNION ALL
    SELECT v.evaluation_id, e.event_id, e.document::jsonb - 'session', audit.evaluation_facts(v), v.salt
    FROM programme.evaluation v
    LEFT JOIN audit.event e ON e.kind = 'evaluation' AND e.subject = v.evaluation_id
) s
WHERE s.event_id IS NULL OR (s.told - 'reason') <> (s.facts - 'reason')
   OR (s.salt IS NOT NULL AND s.told ->> 'reason' IS DISTINCT FROM s.facts ->> 'reason')
ORDER BY s.subject
LIMIT 1;

-- name: untold_share
SELECT s.step_id
FROM programme.case_share_step s
LEFT JOIN audit.event e ON e.kind = 'case-share' AND e.subject = s.step_id
WHERE e.event_id IS NULL OR e.document::jsonb - 'session' <> audit.share_facts(s)
ORDER BY s.step_id
LIMIT 1;
