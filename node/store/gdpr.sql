-- $1 is a subject's tax code, $2 the expression that finds its names and code in words (domain/processing.Subject).

-- name: names_of
SELECT name FROM registry.firm WHERE tax_code = $1 OR vat_number = $1
UNION
SELECT name FROM population.firm WHERE tax_code = $1
ORDER BY name
LIMIT 1000;

-- name: find_firm
SELECT to_jsonb(f) - 'name_key' AS found FROM registry.firm f
WHERE f.tax_code = $1 OR f.vat_number = $1 OR concat_ws(chr(10), f.name, f.rea) ~* $2 OR f.name_key ~* $2
ORDER BY f.firm_id
LIMIT 10000;

-- name: find_membership
SELECT to_jsonb(m) || jsonb_build_object('network', n.name) AS found
FROM registry.membership m
JOIN registry.firm f USING (firm_id)
JOIN registry.network n USING (network_id)
WHERE f.tax_code = $1 OR f.vat_number = $1
ORDER BY m.network_id, m.joined_on
LIMIT 10000;

-- name: find_network
SELECT to_jsonb(n) - 'name_key' - 'digest' AS found FROM registry.network n
WHERE n.own_tax_code = $1 OR n.notary ~* $2 OR n.common_body_holder ~* $2 OR n.name ~* $2 OR n.name_key ~* $2
   OR n.object_text ~* $2 OR n.programme ~* $2 OR n.common_body_kind ~* $2 OR n.own_rea ~* $2 OR n.seat_municipality ~* $2
ORDER BY n.network_id
LIMIT 10000;

-- name: find_objective
SELECT to_jsonb(o) AS found FROM registry.objective o
WHERE o.text ~* $2 OR o.kind ~* $2 OR o.measure ~* $2 OR o.target ~* $2 OR o.text = $1
ORDER BY o.network_id, o.position
LIMIT 10000;

-- name: find_want
SELECT to_jsonb(w) AS found FROM registry.want w WHERE w.text ~* $2 OR w.text = $1
ORDER BY w.network_id, w.side, w.position
LIMIT 10000;

-- name: find_contact
SELECT to_jsonb(c) AS found FROM registry.contact c
WHERE c.person ~* $2 OR c.role ~* $2 OR c.email ~* $2 OR c.phone ~* $2 OR c.person = $1
ORDER BY c.contact_id
LIMIT 10000;

-- A document is found by its title, or by the code in its bytes; its content is not read out here.
-- name: find_document
SELECT to_jsonb(d) - 'content' AS found FROM registry.document d
WHERE d.title ~* $2 OR position(convert_to($1, 'UTF8') IN d.content) > 0
ORDER BY d.document_id
LIMIT 10000;

-- name: find_consent
SELECT to_jsonb(c) AS found FROM registry.consent c WHERE c.person ~* $2 OR c.person = $1
ORDER BY c.consent_id
LIMIT 10000;

-- name: find_import_batch
SELECT to_jsonb(b) AS found FROM registry.import_batch b WHERE b.file_name ~* $2 OR b.file_name = $1
ORDER BY b.batch_id
LIMIT 10000;

-- name: find_erasure
SELECT to_jsonb(e) AS found FROM registry.erasure e WHERE e.reason ~* $2 OR e.reason = $1
ORDER BY e.erasure_id
LIMIT 10000;

-- name: find_version
SELECT to_jsonb(v) AS found FROM publication.version v
WHERE v.content IS NOT NULL AND (v.content::text ~* $2 OR position($1 IN v.content::text) > 0)
ORDER BY v.profile_id, v.number
LIMIT 10000;

-- name: find_decision
SELECT to_jsonb(d) - 'gate' AS found FROM publication.decision d WHERE d.reason ~* $2 OR d.reason = $1
ORDER BY d.decision_id
LIMIT 10000;

-- name: find_listed_network
SELECT to_jsonb(n) || jsonb_build_object('taken_on', s.taken_on) AS found
FROM population.network n
JOIN population.snapshot s USING (snapshot_id)
WHERE n.name ~* $2 OR n.object_text ~* $2 OR n.object_text = $1
ORDER BY n.snapshot_id, n.register_id
LIMIT 10000;

-- name: find_listed_firm
SELECT to_jsonb(f) || jsonb_build_object('taken_on', s.taken_on) AS found
FROM population.firm f
JOIN population.snapshot s USING (snapshot_id)
WHERE f.tax_code = $1 OR f.name ~* $2 OR f.rea ~* $2
ORDER BY f.snapshot_id, f.register_id, f.position
LIMIT 10000;

-- name: find_saved_channel
SELECT to_jsonb(c) AS found FROM office.saved_channel c WHERE c.address ~* $2 OR c.address = $1
ORDER BY c.search_id, c.channel
LIMIT 10000;

-- name: find_saved_search
SELECT to_jsonb(s) - 'token_hash' AS found FROM office.saved_search s
WHERE s.title ~* $2 OR s.title = $1 OR s.query ->> 'q' ~* $2 OR s.query ->> 'q' = $1
ORDER BY s.search_id
LIMIT 10000;

-- Profiles that passed no gate of ours: another node answers for them.
-- name: find_body
SELECT jsonb_build_object('owner', o.owner, 'origin', o.origin, 'idx', b.idx) AS found
FROM log.body b
JOIN log.origin o USING (origin_id)
WHERE convert_from(b.body, 'UTF8') ~* $2 OR position(convert_to($1, 'UTF8') IN b.body) > 0
ORDER BY o.origin_id, b.idx
LIMIT 10000;

-- name: profiles_named
SELECT DISTINCT v.profile_id
FROM publication.version v
JOIN publication.profile p USING (profile_id)
WHERE p.state <> 'withdrawn' AND v.content IS NOT NULL
  AND (v.content::text ~* $2 OR position($1 IN v.content::text) > 0)
ORDER BY v.profile_id
LIMIT 10000;

-- The row stays, for the network's count of members; nothing in it tells whose it was.
-- name: erase_firm
UPDATE registry.firm
SET tax_code = '', vat_number = '', name = '[cancellato] ' || left(firm_id::text, 8),
    name_key = 'cancellato ' || replace(firm_id::text, '-', ''), legal_form = '', municipality = '', municipality_name = '',
    rea = '', ateco = '', employees = '', turnover = '', certifications = '{}', export_countries = '{}', led_by = '{}'
WHERE tax_code = $1 OR vat_number = $1 OR name ~* $2 OR name_key ~* $2 OR rea ~* $2;

-- name: erase_network
UPDATE registry.network
SET own_tax_code = CASE WHEN own_tax_code = $1 THEN '' ELSE own_tax_code END,
    notary = registry.masked(notary, $2), common_body_holder = registry.masked(common_body_holder, $2),
    name = left(registry.masked(name, $2), 255), object_text = left(registry.masked(object_text, $2), 8000),
    name_key = CASE WHEN name ~* $2 OR name_key ~* $2 THEN 'cancellato ' || replace(network_id::text, '-', '') ELSE name_key END,
    programme = registry.masked(programme, $2), common_body_kind = registry.masked(common_body_kind, $2),
    own_rea = registry.masked(own_rea, $2), seat_municipality = registry.masked(seat_municipality, $2)
WHERE own_tax_code = $1 OR notary ~* $2 OR common_body_holder ~* $2 OR name ~* $2 OR name_key ~* $2 OR object_text ~* $2
   OR programme ~* $2 OR common_body_kind ~* $2 OR own_rea ~* $2 OR seat_municipality ~* $2;

-- name: erase_objective
UPDATE registry.objective
SET text = registry.masked(text, $2), kind = registry.masked(kind, $2), measure = registry.masked(measure, $2),
    target = registry.masked(target, $2)
WHERE text ~* $2 OR kind ~* $2 OR measure ~* $2 OR target ~* $2 OR text = $1;

-- name: erase_want
UPDATE registry.want SET text = registry.masked(text, $2) WHERE text ~* $2 OR text = $1;

-- name: erase_contact
DELETE FROM registry.contact WHERE person ~* $2 OR role ~* $2 OR email ~* $2 OR phone ~* $2 OR person = $1;

-- name: erase_document
DELETE FROM registry.document WHERE title ~* $2 OR position(convert_to($1, 'UTF8') IN content) > 0;

-- name: erase_consent
UPDATE registry.consent SET person = registry.masked(person, $2) WHERE person ~* $2 OR person = $1;

-- name: erase_import_batch
UPDATE registry.import_batch SET file_name = registry.masked(file_name, $2) WHERE file_name ~* $2 OR file_name = $1;

-- Drafts of living profiles were withdrawn with their profile; what is left was never approved.
-- name: erase_version
UPDATE publication.version SET state = 'erased', content = NULL
WHERE content IS NOT NULL AND (content::text ~* $2 OR position($1 IN content::text) > 0);

-- The one place where a decision's reason goes; $3 = by whom.
-- name: erase_decision
SELECT count(*) FILTER (WHERE publication.erase_reason(d.decision_id, $3))
FROM publication.decision d
WHERE d.reason ~* $2 OR d.reason = $1;

-- name: erase_listed_network
UPDATE population.network SET name = registry.masked(name, $2), object_text = registry.masked(object_text, $2)
WHERE name ~* $2 OR object_text ~* $2 OR object_text = $1;

-- name: erase_listed_firm
UPDATE population.firm SET tax_code = '', name = '[cancellato]', rea = '' WHERE tax_code = $1 OR name ~* $2 OR rea ~* $2;

-- name: erase_saved_channel
DELETE FROM office.saved_channel WHERE address ~* $2 OR address = $1;

-- name: erase_saved_search
DELETE FROM office.saved_search WHERE title ~* $2 OR title = $1 OR query ->> 'q' ~* $2 OR query ->> 'q' = $1;

-- name: insert_erasure
INSERT INTO registry.erasure (erasure_id, erased_at, officer, reason, counts) VALUES ($1, $2, $3, $4, $5);

-- What is over its term. $1 = the instant from which it is kept.
-- name: over_drafts
SELECT count(*) FROM publication.version WHERE state = 'draft' AND authored_at < $1;

-- name: end_drafts
UPDATE publication.version SET state = 'erased', content = NULL
WHERE (profile_id, number) IN (
    SELECT profile_id, number FROM publication.version WHERE state = 'draft' AND authored_at < $1
    ORDER BY profile_id, number LIMIT $2);

-- name: over_contacts
SELECT count(*) FROM registry.contact c JOIN registry.network n USING (network_id)
WHERE n.status = 'closed' AND n.updated_at < $1;

-- name: end_contacts
DELETE FROM registry.contact WHERE contact_id IN (
    SELECT c.contact_id FROM registry.contact c JOIN registry.network n USING (network_id)
    WHERE n.status = 'closed' AND n.updated_at < $1
    ORDER BY c.contact_id LIMIT $2);

-- name: over_consents
SELECT count(*) FROM registry.consent WHERE revoked_at < $1;

-- name: end_consents
DELETE FROM registry.consent WHERE consent_id IN (
    SELECT consent_id FROM registry.consent WHERE revoked_at < $1 ORDER BY consent_id LIMIT $2);

-- A network that was ever published stays as a row without words: its identifiers are never used again.
-- name: over_closed_networks
SELECT count(*) FROM registry.network n
WHERE n.status = 'closed' AND n.updated_at < $1
  AND NOT EXISTS (SELECT FROM publication.profile p WHERE p.network_id = n.network_id);

-- name: ended_networks
SELECT n.network_id FROM registry.network n
WHERE n.status = 'closed' AND n.updated_at < $1
  AND NOT EXISTS (SELECT FROM publication.profile p WHERE p.network_id = n.network_id)
ORDER BY n.network_id
LIMIT $2;

-- name: end_members
DELETE FROM registry.membership WHERE network_id = ANY($1::uuid[]);

-- name: end_network_consents
UPDATE registry.consent SET revoked_at = coalesce(revoked_at, greatest(given_at, $2)) WHERE network_id = ANY($1::uuid[]);

-- name: end_networks
DELETE FROM registry.network WHERE network_id = ANY($1::uuid[]);

-- name: end_lone_firms
DELETE FROM registry.firm f WHERE NOT EXISTS (SELECT FROM registry.membership m WHERE m.firm_id = f.firm_id);

-- Editions on which no profile stands, but for the newest two.
-- name: ended_editions
SELECT s.snapshot_id FROM population.snapshot s
WHERE s.taken_on < $1::date
  AND s.snapshot_id NOT IN (SELECT snapshot_id FROM population.snapshot ORDER BY taken_on DESC LIMIT 2)
  AND NOT EXISTS (
    SELECT FROM population.partition t JOIN publication.profile p ON p.partition_version = t.version
    WHERE t.snapshot_id = s.snapshot_id)
ORDER BY s.snapshot_id
LIMIT $2;

-- name: over_import_batches
SELECT count(*) FROM registry.import_batch WHERE imported_at < $1;

-- name: end_import_batches
DELETE FROM registry.import_batch WHERE batch_id IN (
    SELECT batch_id FROM registry.import_batch WHERE imported_at < $1 ORDER BY batch_id LIMIT $2);

-- name: list_consents
SELECT c.consent_id, c.network_id, n.name AS network, c.person, c.purpose, c.version, c.given_at, c.revoked_at
FROM registry.consent c
JOIN registry.network n USING (network_id)
WHERE $1::uuid IS NULL OR c.network_id = $1
ORDER BY c.given_at, c.consent_id
LIMIT 10000;

-- name: give_consent
INSERT INTO registry.consent (consent_id, network_id, person, purpose, version, given_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: revoke_consent
UPDATE registry.consent SET revoked_at = greatest($2, given_at) WHERE consent_id = $1 AND revoked_at IS NULL;

-- name: consent_stands
SELECT revoked_at IS NULL AS stands FROM registry.consent WHERE consent_id = $1;
