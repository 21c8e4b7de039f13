-- name: insert
INSERT INTO programme.call (call_id, document, digest, evaluators, item_id, written_by, written_at)
VALUES ($1, $2, $3, $4, $5, office.acting(), $6)
ON CONFLICT (call_id) DO NOTHING
RETURNING call_id;

-- A text that nobody has endorsed yet may still be written anew.
-- name: rewrite
UPDATE programme.call SET document = $2, digest = $3, evaluators = $4, written_by = office.acting(), written_at = $5
WHERE call_id = $1 AND endorsed_at IS NULL;

-- name: endorse
UPDATE programme.call SET endorsed_by = office.acting(), endorsed_at = $2 WHERE call_id = $1 AND endorsed_at IS NULL;

-- name: read
SELECT call_id, document, digest, item_id, written_by, written_at, endorsed_by, endorsed_at FROM programme.call WHERE call_id = $1;

-- name: hold
SELECT call_id FROM programme.call WHERE call_id = $1 FOR NO KEY UPDATE;

-- name: list
SELECT call_id, document, digest, item_id, written_by, written_at, endorsed_by, endorsed_at
FROM programme.call
ORDER BY written_at DESC, call_id
LIMIT 1000;

-- name: open_year
INSERT INTO programme.call_protocol (year, last) VALUES ($1, 0) ON CONFLICT (year) DO NOTHING;

-- Held until the transaction ends: a number that is given back was never given.
-- name: next_number
UPDATE programme.call_protocol SET last = last + 1 WHERE year = $1 RETURNING last;

-- name: has_applied
SELECT EXISTS (
    SELECT FROM programme.application
    WHERE call_id = $1 AND network_key = $2 AND reasons = '{}' AND withdrawn_at IS NULL
);

-- name: insert_application
INSERT INTO programme.application
    (application_id, call_id, network_id, network_key, year, number, arrived_at, requested, reasons, officer)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, office.acting());

-- name: insert_undertakings
INSERT INTO programme.call_undertaking (application_id, position, code, part, aids)
SELECT $1, u.position, u.code, u.part, u.aids
FROM unnest($2::integer[], $3::text[], $4::numeric[], $5::jsonb[]) AS u (position, code, part, aids);

-- name: drop_undertakings
DELETE FROM programme.call_undertaking WHERE application_id = $1;

-- name: insert_document
INSERT INTO programme.application_document
    (document_id, application_id, title, kind, file_name, dated_on, media_type, sha256, content)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: applications
SELECT a.application_id, a.call_id, a.network_id, a.network_key, a.year, a.number, a.arrived_at, a.requested, a.reasons, a.officer,
       a.withdrawn_at, n.name AS network, programme.is_scored(a.application_id) AS is_scored,
       (SELECT count(*) FROM programme.call_assignment s WHERE s.application_id = a.application_id) AS assigned,
       (SELECT count(*) FROM programme.application_document d WHERE d.application_id = a.application_id) AS documents
FROM programme.application a
LEFT JOIN registry.network n USING (network_id)
WHERE a.call_id = $1
ORDER BY a.arrived_at, a.year, a.number
LIMIT 10000;

-- name: application
SELECT a.application_id, a.call_id, a.network_id, a.network_key, a.year, a.number, a.arrived_at, a.requested, a.reasons, a.officer,
       a.withdrawn_at, n.name AS network, programme.is_scored(a.application_id) AS is_scored,
       (SELECT count(*) FROM programme.call_assignment s WHERE s.application_id = a.application_id) AS assigned,
       (SELECT count(*) FROM programme.application_document d WHERE d.application_id = a.application_id) AS documents
FROM programme.application a
LEFT JOIN registry.network n USING (network_id)
WHERE a.application_id = $1;

-- name: undertakings
SELECT application_id, code, part, aids
FROM programme.call_undertaking
WHERE application_id = ANY($1::uuid[])
ORDER BY application_id, position
LIMIT 100000;

-- name: documents
SELECT document_id, title, kind, file_name, media_type, octet_length(content) AS bytes, encode(sha256, 'hex') AS sha256
FROM programme.application_document
WHERE application_id = $1
ORDER BY title, document_id
LIMIT 500;

-- name: document
SELECT file_name, media_type, sha256, content FROM programme.application_document WHERE application_id = $1 AND document_id = $2;

-- name: withdraw
UPDATE programme.application SET withdrawn_at = $2, withdrawn_by = office.acting() WHERE application_id = $1 AND withdrawn_at IS NULL;

-- What an office said later stands; the same again changes nothing.
-- name: take_office
INSERT INTO programme.call_office (call_id, office, said_at, received_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (call_id, office) DO UPDATE SET said_at = excluded.said_at, received_at = excluded.received_at
    WHERE programme.call_office.said_at <= excluded.said_at
RETURNING office;

-- name: drop_sheets
WITH gone AS (DELETE FROM programme.call_sheet WHERE call_id = $1 AND office = $2 RETURNING application_id)
DELETE FROM programme.call_undertaking u USING gone WHERE u.application_id = gone.application_id;

-- name: take_sheet
INSERT INTO programme.call_sheet (application_id, call_id, office, network_key, facts) VALUES ($1, $2, $3, $4, $5);

-- name: is_anothers
SELECT EXISTS (SELECT FROM programme.application WHERE application_id = $1)
    OR EXISTS (SELECT FROM programme.call_sheet WHERE application_id = $1 AND (call_id, office) <> ($2, $3));

-- name: offices
SELECT office FROM programme.call_office WHERE call_id = $1 ORDER BY office LIMIT 100;

-- name: sheets
SELECT application_id, office, network_key, facts
FROM programme.call_sheet
WHERE call_id = $1
ORDER BY office, application_id
LIMIT 100000;

-- name: rankings
SELECT ranking_id, call_id, edition, at, parts, digest, proposed_by, proposed_at, published_by, published_at
FROM programme.call_ranking
WHERE call_id = $1
ORDER BY edition DESC
LIMIT 1000;

-- name: propose
INSERT INTO programme.call_ranking (ranking_id, call_id, edition, at, parts, digest, proposed_by, proposed_at)
VALUES ($1, $2, $3, $4, $5, $6, office.acting(), $7)
ON CONFLICT (call_id, edition) DO UPDATE
    SET ranking_id = excluded.ranking_id, at = excluded.at, parts = excluded.parts, digest = excluded.digest,
        proposed_by = excluded.proposed_by, proposed_at = excluded.proposed_at;

-- name: publish
UPDATE programme.call_ranking SET published_by = office.acting(), published_at = $3 WHERE call_id = $1 AND edition = $2;

-- name: ranking_items
SELECT part, item_id FROM programme.call_ranking_item WHERE call_id = $1 ORDER BY part LIMIT 10000;

-- name: insert_ranking_item
INSERT INTO programme.call_ranking_item (call_id, part, item_id) VALUES ($1, $2, $3);

-- name: drop_ranking_item
DELETE FROM programme.call_ranking_item WHERE call_id = $1 AND part = $2;
