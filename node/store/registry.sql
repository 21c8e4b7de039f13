-- name: import_state
SELECT coalesce(register_id, 'name:' || name_key) AS import_key, network_id, digest, source
FROM registry.network
WHERE register_id = ANY($1::text[]) OR (register_id IS NULL AND 'name:' || name_key = ANY($1::text[]))
ORDER BY network_id
LIMIT 100000;

-- name: upsert_networks
INSERT INTO registry.network AS n SELECT * FROM staged_network
ON CONFLICT (network_id) DO UPDATE SET
    register_id = excluded.register_id, deed_register_number = excluded.deed_register_number,
    deed_number = excluded.deed_number, deed_form = excluded.deed_form, notary = excluded.notary,
    signed_on = excluded.signed_on, status = excluded.status, name = excluded.name, name_key = excluded.name_key,
    kind = excluded.kind, purpose = excluded.purpose, object_text = excluded.object_text, programme = excluded.programme,
    start_on = excluded.start_on, end_on = excluded.end_on, open_to_new_members = excluded.open_to_new_members,
    has_common_fund = excluded.has_common_fund, initial_fund = excluded.initial_fund,
    has_common_body = excluded.has_common_body, common_body_kind = excluded.common_body_kind,
    common_body_holder = excluded.common_body_holder, seat_municipality = excluded.seat_municipality,
    own_tax_code = excluded.own_tax_code, own_rea = excluded.own_rea, capabilities = excluded.capabilities,
    languages = excluded.languages, target_countries = excluded.target_countries,
    certifications = excluded.certifications, extras = excluded.extras, source = excluded.source,
    digest = excluded.digest, updated_at = excluded.updated_at
WHERE excluded.source <> 'chamber';

-- The public list knows the contract, not what the office added: only what the list says is taken from it. What it makes an
-- entity has, by law, fund, body and seat.
-- name: refresh_from_chamber
UPDATE registry.network n
SET name = s.name, name_key = s.name_key, kind = s.kind, object_text = s.object_text,
    has_common_fund = n.has_common_fund OR s.has_common_fund, has_common_body = n.has_common_body OR s.has_common_body,
    seat_municipality = coalesce(nullif(n.seat_municipality, ''), s.seat_municipality),
    digest = CASE WHEN n.source = 'chamber' THEN s.digest ELSE n.digest END, updated_at = s.updated_at
FROM staged_network s
WHERE s.network_id = n.network_id AND s.source = 'chamber';

-- One import at a time: two would both call the same network new. Readers go on.
-- name: lock_for_import
LOCK TABLE registry.network IN SHARE ROW EXCLUSIVE MODE;

-- name: tell_export
SELECT audit.register_exported($1, $2, $3);

-- name: match_firms_by_code
UPDATE staged_firm s
SET firm_id = f.firm_id
FROM registry.firm f
WHERE s.tax_code <> '' AND f.tax_code <> '' AND f.tax_code = s.tax_code;

-- name: match_firms_by_name
UPDATE staged_firm s
SET firm_id = f.firm_id
FROM registry.firm f
WHERE s.tax_code = '' AND f.tax_code = '' AND f.name_key = s.name_key AND f.province = s.province;

-- What the register says of firms that a file names: $1 tax codes; $2 folded names and $3 provinces of those without one.
-- name: read_firms
SELECT f.tax_code, f.name, f.vat_number, f.legal_form, f.municipality, f.municipality_name, f.province, f.rea, f.ateco
FROM registry.firm f
WHERE f.firm_id IN (
    SELECT c.firm_id FROM registry.firm c WHERE c.tax_code <> '' AND c.tax_code = ANY($1::text[])
    UNION ALL
    SELECT n.firm_id FROM registry.firm n JOIN unnest($2::text[], $3::text[]) AS k (name_key, province) USING (name_key, province)
    WHERE n.tax_code = '')
ORDER BY f.tax_code, f.name_key, f.province
LIMIT 1000000;

-- What a file leaves blank: $1 = true keeps what is known (the public list says little), false clears it. Returned are the other
-- networks that hold a firm of which something else is said now, with those firms: theirs is a change too.
-- name: refresh_firms
WITH refreshed AS (
    UPDATE registry.firm f
    SET name = k.name, name_key = k.name_key, vat_number = k.vat_number, legal_form = k.legal_form,
        municipality = k.municipality, municipality_name = k.municipality_name, province = k.province, rea = k.rea,
        ateco = k.ateco
    FROM (
        SELECT s.firm_id, s.name, s.name_key, s.province,
               CASE WHEN $1::boolean AND s.vat_number = '' THEN o.vat_number ELSE s.vat_number END AS vat_number,
               CASE WHEN $1::boolean AND s.legal_form = '' THEN o.legal_form ELSE s.legal_form END AS legal_form,
               CASE WHEN $1::boolean AND s.municipality_name = '' AND o.province = s.province
                    THEN o.municipality ELSE s.municipality END AS municipality,
               CASE WHEN $1::boolean AND s.municipality_name = '' AND o.province = s.province
                    THEN o.municipality_name ELSE s.municipality_name END AS municipality_name,
               CASE WHEN $1::boolean AND s.rea = '' THEN o.rea ELSE s.rea END AS rea,
               CASE WHEN $1::boolean AND s.ateco = '' THEN o.ateco ELSE s.ateco END AS ateco
        FROM staged_firm s JOIN registry.firm o ON o.firm_id = s.firm_id
    ) k
    WHERE k.firm_id = f.firm_id
      AND (f.name, f.vat_number, f.legal_form, f.municipality, f.municipality_name, f.province, f.rea, f.ateco)
          IS DISTINCT FROM
          (k.name, k.vat_number, k.legal_form, k.municipality, k.municipality_name, k.province, k.rea, k.ateco)
    RETURNING f.firm_id
)
SELECT m.network_id, array_agg(DISTINCT m.firm_id ORDER BY m.firm_id) AS firms
FROM refreshed JOIN registry.membership m USING (firm_id)
WHERE NOT EXISTS (SELECT 1 FROM staged_network n WHERE n.network_id = m.network_id)
GROUP BY m.network_id
ORDER BY m.network_id
LIMIT 100000;

-- name: insert_firms
INSERT INTO registry.firm
    (firm_id, tax_code, vat_number, name, name_key, legal_form, municipality, municipality_name, province, rea, ateco)
SELECT s.firm_id, s.tax_code, s.vat_number, s.name, s.name_key, s.legal_form, s.municipality, s.municipality_name,
       s.province, s.rea, s.ateco
FROM staged_firm s
WHERE NOT EXISTS (SELECT 1 FROM registry.firm f WHERE f.firm_id = s.firm_id);

-- name: close_absent_members
UPDATE registry.membership m
SET left_on = greatest($1::date, m.joined_on)
FROM staged_network n
WHERE n.network_id = m.network_id AND m.left_on IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM staged_member s JOIN staged_firm f USING (firm_no)
    WHERE s.network_id = m.network_id AND f.firm_id = m.firm_id);

-- A file of the office restates who is in: a present membership under another date is that date corrected.
-- name: drop_restated_members
DELETE FROM registry.membership m
USING staged_member s JOIN staged_firm f USING (firm_no)
WHERE s.network_id = m.network_id AND f.firm_id = m.firm_id AND m.left_on IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM staged_member t
    WHERE t.network_id = s.network_id AND t.firm_no = s.firm_no AND t.joined_on = m.joined_on);

-- Memberships that end come first: the one that goes on must find its place free.
-- name: upsert_members
INSERT INTO registry.membership AS m
    (network_id, firm_id, joined_on, left_on, founding, is_reference, registered_on, contribution)
SELECT s.network_id, f.firm_id, s.joined_on, s.left_on, s.founding, s.is_reference, s.registered_on, s.contribution
FROM staged_member s JOIN staged_firm f USING (firm_no)
ORDER BY s.left_on NULLS LAST, s.network_id, f.firm_id, s.joined_on
ON CONFLICT (network_id, firm_id, joined_on) DO UPDATE SET
    left_on = excluded.left_on, founding = excluded.founding, is_reference = excluded.is_reference,
    registered_on = excluded.registered_on, contribution = excluded.contribution;

-- Firms of networks that the office keeps: what it says of them counts more than the public list.
-- name: office_firms
SELECT DISTINCT f.tax_code, f.name, f.province
FROM registry.firm f
JOIN registry.membership m USING (firm_id)
JOIN registry.network n USING (network_id)
WHERE m.left_on IS NULL AND n.source <> 'chamber'
ORDER BY f.tax_code, f.name, f.province
LIMIT 1000000;

-- name: refresh_listed_members
UPDATE registry.membership m
SET is_reference = s.is_reference
FROM staged_member s JOIN staged_firm f USING (firm_no)
WHERE s.network_id = m.network_id AND f.firm_id = m.firm_id AND m.left_on IS NULL AND m.is_reference <> s.is_reference;

-- The public list gives no dates of joining: in a network already known, a firm that was not there came later ($1).
-- name: insert_listed_members
WITH known AS (
    SELECT n.network_id, EXISTS (SELECT 1 FROM registry.membership m WHERE m.network_id = n.network_id) AS before
    FROM staged_network n
)
INSERT INTO registry.membership (network_id, firm_id, joined_on, founding, is_reference)
SELECT s.network_id, f.firm_id, CASE WHEN k.before THEN greatest($1::date, s.joined_on) ELSE s.joined_on END,
       s.founding AND NOT k.before, s.is_reference
FROM staged_member s
JOIN staged_firm f USING (firm_no)
JOIN known k USING (network_id)
WHERE NOT EXISTS (
    SELECT 1 FROM registry.membership m
    WHERE m.network_id = s.network_id AND m.firm_id = f.firm_id AND m.left_on IS NULL)
ORDER BY s.network_id, f.firm_id
ON CONFLICT (network_id, firm_id, joined_on) DO UPDATE SET left_on = NULL, is_reference = excluded.is_reference;

-- name: clear_children
WITH touched AS (SELECT network_id FROM staged_network WHERE source <> 'chamber'),
     objectives AS (DELETE FROM registry.objective WHERE network_id IN (SELECT network_id FROM touched)),
     wants AS (DELETE FROM registry.want WHERE network_id IN (SELECT network_id FROM touched))
DELETE FROM registry.contact WHERE network_id IN (SELECT network_id FROM touched);

-- name: insert_batch
INSERT INTO registry.import_batch
    (batch_id, file_name, sha256, layout, imported_at, added, changed, unchanged, refused)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: list_networks
SELECT n.network_id, n.owner, n.name, n.kind, n.status, n.register_id, n.signed_on,
       (SELECT count(*) FROM registry.membership m WHERE m.network_id = n.network_id AND m.left_on IS NULL) AS members,
       r.province, r.municipality_name, r.ateco
FROM registry.network n
LEFT JOIN LATERAL (
    SELECT f.province, f.municipality_name, f.ateco
    FROM registry.membership m JOIN registry.firm f USING (firm_id)
    WHERE m.network_id = n.network_id AND m.left_on IS NULL
    ORDER BY m.is_reference DESC, f.firm_id
    LIMIT 1
) r ON true
WHERE ($1::text IS NULL OR position(lower($1) IN lower(n.name)) > 0)
  AND ($2::text IS NULL OR (n.name, n.network_id) > ($2, $3::uuid))
ORDER BY n.name, n.network_id
LIMIT $4;

-- name: read_networks
SELECT network_id, register_id, deed_register_number, deed_number, deed_form, notary, signed_on, status, name, kind, purpose,
       object_text, programme, start_on, end_on, open_to_new_members, has_common_fund, initial_fund, has_common_body,
       common_body_kind, common_body_holder, seat_municipality, own_tax_code, own_rea, capabilities, languages,
       target_countries, certifications, extras
FROM registry.network
WHERE $1::uuid[] IS NULL OR network_id = ANY($1::uuid[])
ORDER BY name, network_id
LIMIT 100000;

-- name: read_members
SELECT m.network_id, m.joined_on, m.left_on, m.founding, m.is_reference, m.registered_on, m.contribution, f.tax_code,
       f.vat_number, f.name, f.legal_form, f.municipality, f.municipality_name, f.province, f.rea, f.ateco
FROM registry.membership m
JOIN registry.firm f USING (firm_id)
WHERE $1::uuid[] IS NULL OR m.network_id = ANY($1::uuid[])
ORDER BY m.network_id, m.is_reference DESC, m.joined_on, f.name, f.firm_id
LIMIT 1000000;

-- name: read_objectives
SELECT network_id, text FROM registry.objective
WHERE $1::uuid[] IS NULL OR network_id = ANY($1::uuid[])
ORDER BY network_id, position
LIMIT 1000000;

-- name: read_wants
SELECT network_id, side, category, text FROM registry.want
WHERE $1::uuid[] IS NULL OR network_id = ANY($1::uuid[])
ORDER BY network_id, side, position
LIMIT 1000000;

-- name: read_contacts
SELECT network_id, person, role, email, phone FROM registry.contact
WHERE $1::uuid[] IS NULL OR network_id = ANY($1::uuid[])
ORDER BY network_id, person, contact_id
LIMIT 1000000;

-- name: register_id_of
SELECT register_id FROM registry.network WHERE network_id = $1;

-- name: status_of
SELECT status, register_id FROM registry.network WHERE network_id = $1;

-- name: secret_terms
SELECT kind, text FROM registry.secret_term ORDER BY kind, text LIMIT 1000000;

-- Changes with the list and with nothing else; the order of rows does not matter.
-- name: terms_digest
SELECT count(*) || ':' || coalesce(sum(hashtextextended(kind || ':' || text, 0)::numeric), 0) FROM registry.secret_term;

-- A page of the office's register by name, after the network $7: the last name seen travels in no address. $1 words of a name, of the
-- network or of a firm that is in it (folded); $2 a tax code; $3 status; $4 kind; $5 province of a firm that is in it;
-- $6 those without a living profile, though there could be one.
-- name: find_networks
SELECT n.network_id, n.name, n.kind, n.status, n.register_id, n.signed_on, n.updated_at,
       (SELECT count(*) FROM registry.membership m WHERE m.network_id = n.network_id AND m.left_on IS NULL) AS members,
       r.province, r.municipality_name, r.ateco, p.state AS profile_state
FROM registry.network n
LEFT JOIN publication.profile p ON p.network_id = n.network_id AND p.state <> 'withdrawn'
LEFT JOIN LATERAL (
    SELECT f.province, f.municipality_name, f.ateco
    FROM registry.membership m JOIN registry.firm f USING (firm_id)
    WHERE m.network_id = n.network_id AND m.left_on IS NULL
    ORDER BY m.is_reference DESC, f.firm_id
    LIMIT 1
) r ON true
WHERE ($1::text IS NULL OR position($1 IN n.name_key) > 0 OR EXISTS (
        SELECT FROM registry.membership m JOIN registry.firm f USING (firm_id)
        WHERE m.network_id = n.network_id AND m.left_on IS NULL
          AND (position($1 IN f.name_key) > 0 OR (f.tax_code <> '' AND f.tax_code = $2))))
  AND ($3::text IS NULL OR n.status = $3)
  AND ($4::text IS NULL OR n.kind = $4)
  AND ($5::text IS NULL OR EXISTS (
        SELECT FROM registry.membership m JOIN registry.firm f USING (firm_id)
        WHERE m.network_id = n.network_id AND m.left_on IS NULL AND f.province = $5))
  AND (NOT $6::boolean OR (n.status <> 'closed' AND p.profile_id IS NULL))
  AND ($7::uuid IS NULL OR (n.name, n.network_id) > (SELECT l.name, l.network_id FROM registry.network l WHERE l.network_id = $7))
ORDER BY n.name, n.network_id
LIMIT $8;

-- name: count_networks
SELECT count(*) AS networks,
       count(*) FILTER (WHERE n.status <> 'closed' AND NOT EXISTS (
           SELECT FROM publication.profile p WHERE p.network_id = n.network_id AND p.state <> 'withdrawn')) AS without_profile
FROM registry.network n;

-- name: read_parts
SELECT network_id, firm_id::text AS firm_id, joined_on, left_on, founding, is_reference, registered_on, contribution
FROM registry.membership
WHERE network_id = ANY($1::uuid[])
ORDER BY network_id, firm_id, joined_on
LIMIT 1000000;

-- What became of a network, the newest first: changes, and documents as the chain tells of them; readings are not changes. Firms
-- are named as they are called now; of one whose data were erased nothing but that is left.
-- name: history
SELECT h.at, h.officer, h.source, h.action, h.fields, h.begun, h.ended, h.corrected, h.document_kind, h.number
FROM (
    SELECT c.at, c.change_id AS place, c.officer, c.source, c.action, c.fields,
           (SELECT coalesce(array_agg(f.name ORDER BY f.name), '{}') FROM registry.firm f WHERE f.firm_id = ANY(c.begun)) AS begun,
           (SELECT coalesce(array_agg(f.name ORDER BY f.name), '{}') FROM registry.firm f WHERE f.firm_id = ANY(c.ended)) AS ended,
           (SELECT coalesce(array_agg(f.name ORDER BY f.name), '{}') FROM registry.firm f WHERE f.firm_id = ANY(c.corrected)) AS corrected,
           NULL::text AS document_kind, NULL::integer AS number
    FROM registry.change c
    WHERE c.network_id = $1
    UNION ALL
    SELECT e.at, e.event_id, e.document::jsonb ->> 'officer', 'document', e.document::jsonb ->> 'action', '{}', '{}', '{}', '{}',
           e.document::jsonb ->> 'document_kind', (e.document::jsonb ->> 'number')::integer
    FROM audit.event e
    WHERE e.kind = 'document' AND e.document::jsonb ->> 'network' = $1::text AND e.document::jsonb ->> 'action' <> 'taken'
) h
ORDER BY h.at DESC, h.place DESC
LIMIT $2;
