-- Words are judged by the program (domain/seeking): "scan" gives each row's id as text with its words, in the order in which "erase"
-- takes them back masked; "found" gives rows by id as they are kept. $1 of "erase" = a JSON list of {id, words}.

-- Firms that have one of some codes as either of theirs.
-- name: rows_of_codes
SELECT upper(regexp_replace(tax_code, '[^[:alnum:]]', '', 'g')) AS tax_code, upper(regexp_replace(vat_number, '[^[:alnum:]]', '', 'g')) AS vat_number, name
FROM registry.firm
WHERE upper(regexp_replace(tax_code, '[^[:alnum:]]', '', 'g')) = ANY($1::text[]) OR upper(regexp_replace(vat_number, '[^[:alnum:]]', '', 'g')) = ANY($1::text[])
ORDER BY firm_id
LIMIT 1000;

-- name: names_of
SELECT name FROM registry.firm
WHERE upper(regexp_replace(tax_code, '[^[:alnum:]]', '', 'g')) = ANY($1::text[]) OR (tax_code = '' AND upper(regexp_replace(vat_number, '[^[:alnum:]]', '', 'g')) = ANY($1::text[]))
UNION
SELECT name FROM population.firm WHERE upper(regexp_replace(tax_code, '[^[:alnum:]]', '', 'g')) = ANY($1::text[])
UNION
SELECT name FROM programme.aggregation_member WHERE upper(tax_code) = ANY($1::text[]) AND name <> ''
UNION
SELECT applicant ->> 'name' FROM office.introduction
WHERE upper(regexp_replace(applicant ->> 'tax_code', '[^[:alnum:]]', '', 'g')) = ANY($1::text[]) AND applicant ->> 'name' <> ''
ORDER BY name
LIMIT 1000;

-- name: scan_firm
SELECT firm_id::text AS id, upper(regexp_replace(tax_code, '[^[:alnum:]]', '', 'g')) AS tax_code, upper(regexp_replace(vat_number, '[^[:alnum:]]', '', 'g')) AS vat_number, name
FROM registry.firm;

-- name: found_firm
SELECT to_jsonb(f) - 'name_key' AS found FROM registry.firm f
WHERE f.firm_id = ANY($1::text[]::uuid[])
ORDER BY f.firm_id
LIMIT 10000;

-- name: found_membership
SELECT to_jsonb(m) || jsonb_build_object('network', n.name) AS found
FROM registry.membership m
JOIN registry.network n USING (network_id)
WHERE m.firm_id = ANY($1::text[]::uuid[])
ORDER BY m.network_id, m.joined_on
LIMIT 10000;

-- The row stays, for the network's count of members; nothing in it tells whose it was.
-- name: erase_firm
UPDATE registry.firm
SET tax_code = '', vat_number = '', name = '[cancellato] ' || left(firm_id::text, 8),
    name_key = 'cancellato ' || replace(firm_id::text, '-', ''), legal_form = '', municipality = '', municipality_name = '',
    rea = '', ateco = '', employees = '', turnover = '', certifications = '{}', export_countries = '{}', led_by = '{}'
WHERE firm_id IN (SELECT (t ->> 'id')::uuid FROM jsonb_array_elements($1::jsonb) t);

-- name: scan_network
SELECT network_id::text AS id,
       ARRAY[own_tax_code, notary, common_body_holder, name, name_key, object_text, programme, common_body_kind, own_rea,
             seat_municipality] AS words
FROM registry.network;

-- name: found_network
SELECT to_jsonb(n) - 'name_key' - 'digest' AS found FROM registry.network n
WHERE n.network_id = ANY($1::text[]::uuid[])
ORDER BY n.network_id
LIMIT 10000;

-- name: erase_network
UPDATE registry.network n
SET own_tax_code = CASE WHEN t.words ->> 0 = n.own_tax_code THEN n.own_tax_code ELSE '' END,
    notary = t.words ->> 1, common_body_holder = t.words ->> 2, name = left(t.words ->> 3, 255),
    name_key = CASE WHEN t.words ->> 3 = n.name AND t.words ->> 4 = n.name_key THEN n.name_key
                    ELSE 'cancellato ' || replace(n.network_id::text, '-', '') END,
    object_text = left(t.words ->> 5, 8000), programme = t.words ->> 6, common_body_kind = t.words ->> 7,
    own_rea = t.words ->> 8, seat_municipality = t.words ->> 9
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE n.network_id = t.id;

-- name: scan_objective
SELECT network_id || '/' || position AS id, ARRAY[text, kind, measure, target] AS words FROM registry.objective;

-- name: found_objective
SELECT to_jsonb(o) AS found FROM registry.objective o
WHERE o.network_id || '/' || o.position = ANY($1::text[])
ORDER BY o.network_id, o.position
LIMIT 10000;

-- name: erase_objective
UPDATE registry.objective o
SET text = t.words ->> 0, kind = t.words ->> 1, measure = t.words ->> 2, target = t.words ->> 3
FROM jsonb_to_recordset($1::jsonb) AS t (id text, words jsonb)
WHERE o.network_id || '/' || o.position = t.id;

-- name: scan_want
SELECT network_id || '/' || side || '/' || position AS id, ARRAY[text] AS words FROM registry.want;

-- name: found_want
SELECT to_jsonb(w) AS found FROM registry.want w
WHERE w.network_id || '/' || w.side || '/' || w.position = ANY($1::text[])
ORDER BY w.network_id, w.side, w.position
LIMIT 10000;

-- name: erase_want
UPDATE registry.want w SET text = t.words ->> 0
FROM jsonb_to_recordset($1::jsonb) AS t (id text, words jsonb)
WHERE w.network_id || '/' || w.side || '/' || w.position = t.id;

-- name: scan_contact
SELECT contact_id::text AS id, ARRAY[person, role, email, phone] AS words FROM registry.contact;

-- name: found_contact
SELECT to_jsonb(c) AS found FROM registry.contact c
WHERE c.contact_id = ANY($1::text[]::uuid[])
ORDER BY c.contact_id
LIMIT 10000;

-- name: erase_contact
DELETE FROM registry.contact WHERE contact_id IN (SELECT (t ->> 'id')::uuid FROM jsonb_array_elements($1::jsonb) t);

-- A document is found by its title, its name and what stands in its bytes; its content is not read out here.
-- name: scan_document
SELECT document_id::text AS id, ARRAY[title, file_name] AS words, media_type, content FROM registry.document;

-- name: found_document
SELECT jsonb_build_object(
    'document_id', d.document_id, 'network_id', d.network_id, 'title', d.title, 'kind', d.kind, 'file_name', d.file_name,
    'dated_on', d.dated_on, 'media_type', d.media_type, 'bytes', octet_length(d.content), 'added_at', d.added_at,
    'officer', d.officer) AS found
FROM registry.document d
WHERE d.document_id = ANY($1::text[]::uuid[])
ORDER BY d.document_id
LIMIT 10000;

-- name: erase_document
DELETE FROM registry.document WHERE document_id IN (SELECT (t ->> 'id')::uuid FROM jsonb_array_elements($1::jsonb) t);

-- PDF, archives (office files among them), signed files, images: what stands in them is compressed or drawn.
-- name: unread_documents
SELECT count(*) FROM (
    SELECT content, media_type FROM registry.document UNION ALL SELECT content, media_type FROM programme.case_document
    UNION ALL SELECT content, media_type FROM programme.shared_case_document) every_document
WHERE substring(content FOR 4) IN ('\x25504446', '\x504b0304') OR substring(content FOR 2) = '\x1f8b' OR media_type LIKE 'image/%'
   OR media_type = 'application/pkcs7-mime';

-- Those of them that belong to some networks: of the subject, and to be looked at first. $1 = networks, $2 = firms of the subject.
-- name: documents_to_look_at
SELECT d.document_id::text AS document_id, d.network_id::text AS network_id, n.name AS network, d.title
FROM (
    SELECT document_id, network_id, title, content, media_type FROM registry.document
    UNION ALL
    SELECT o.document_id, c.network_id, o.title, o.content, o.media_type
    FROM programme.case_document o JOIN programme.case_file c USING (case_id)) d
JOIN registry.network n USING (network_id)
WHERE (d.network_id = ANY($1::text[]::uuid[]) OR EXISTS (
        SELECT FROM registry.membership m WHERE m.network_id = d.network_id AND m.firm_id = ANY($2::text[]::uuid[])))
  AND (substring(d.content FOR 4) IN ('\x25504446', '\x504b0304') OR substring(d.content FOR 2) = '\x1f8b'
       OR d.media_type LIKE 'image/%' OR d.media_type = 'application/pkcs7-mime')
ORDER BY n.name, d.network_id, d.title, d.document_id
LIMIT 10000;

-- name: scan_consent
SELECT consent_id::text AS id, ARRAY[person, purpose, version] AS words FROM registry.consent;

-- name: found_consent
SELECT to_jsonb(c) AS found FROM registry.consent c
WHERE c.consent_id = ANY($1::text[]::uuid[])
ORDER BY c.consent_id
LIMIT 10000;

-- name: erase_consent
UPDATE registry.consent c SET person = t.words ->> 0, purpose = t.words ->> 1, version = t.words ->> 2
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE c.consent_id = t.id;

-- name: scan_import_batch
SELECT batch_id::text AS id, ARRAY[file_name] AS words FROM registry.import_batch;

-- name: found_import_batch
SELECT to_jsonb(b) AS found FROM registry.import_batch b
WHERE b.batch_id = ANY($1::text[]::uuid[])
ORDER BY b.batch_id
LIMIT 10000;

-- name: erase_import_batch
UPDATE registry.import_batch b SET file_name = t.words ->> 0
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE b.batch_id = t.id;

-- name: scan_erasure
SELECT erasure_id::text AS id, ARRAY[reason] AS words FROM registry.erasure;

-- name: found_erasure
SELECT to_jsonb(e) AS found FROM registry.erasure e
WHERE e.erasure_id = ANY($1::text[]::uuid[])
ORDER BY e.erasure_id
LIMIT 10000;

-- name: erase_erasure
UPDATE registry.erasure e SET reason = t.words ->> 0
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE e.erasure_id = t.id;

-- name: scan_version
SELECT profile_id || '/' || number AS id, content::text AS document FROM publication.version WHERE content IS NOT NULL;

-- name: found_version
SELECT to_jsonb(v) AS found FROM publication.version v
WHERE v.profile_id || '/' || v.number = ANY($1::text[])
ORDER BY v.profile_id, v.number
LIMIT 10000;

-- What an officer approved goes with its profile alone: approved since its profile was looked for, it stays and is found again.
-- name: erase_version
UPDATE publication.version v SET state = 'erased', content = NULL
FROM jsonb_to_recordset($1::jsonb) AS t (id text)
WHERE v.profile_id || '/' || v.number = t.id AND v.content IS NOT NULL AND v.state = 'draft';

-- name: living_profiles
SELECT DISTINCT p.profile_id
FROM publication.profile p
JOIN publication.version v USING (profile_id)
WHERE p.state <> 'withdrawn' AND v.profile_id || '/' || v.number = ANY($1::text[])
ORDER BY p.profile_id
LIMIT 10000;

-- name: scan_decision
SELECT decision_id::text AS id, ARRAY[reason] AS words FROM publication.decision WHERE reason IS NOT NULL;

-- name: found_decision
SELECT to_jsonb(d) - 'gate' - 'reason_salt' AS found FROM publication.decision d
WHERE d.decision_id = ANY($1::text[]::bigint[])
ORDER BY d.decision_id
LIMIT 10000;

-- The one place where a decision's reason goes; $2 = by whom.
-- name: erase_decision
SELECT count(*) FILTER (WHERE publication.erase_reason((t ->> 'id')::bigint, $2)) FROM jsonb_array_elements($1::jsonb) t;

-- name: scan_ruling
SELECT ruling_id::text AS id, ARRAY[reason] AS words FROM log.ruling WHERE reason IS NOT NULL;

-- name: found_ruling
SELECT to_jsonb(r) - 'reason_salt' || jsonb_build_object('origin', o.origin) AS found
FROM log.ruling r
JOIN log.origin o USING (origin_id)
WHERE r.ruling_id = ANY($1::text[]::bigint[])
ORDER BY r.ruling_id
LIMIT 10000;

-- The one place where a ruling's reason goes; $2 = by whom.
-- name: erase_ruling
SELECT count(*) FILTER (WHERE audit.erase_ruling_reason((t ->> 'id')::bigint, $2)) FROM jsonb_array_elements($1::jsonb) t;

-- name: scan_listed_network
SELECT snapshot_id || '/' || register_id AS id, ARRAY[name, object_text] AS words FROM population.network;

-- name: found_listed_network
SELECT to_jsonb(n) || jsonb_build_object('taken_on', s.taken_on) AS found
FROM population.network n
JOIN population.snapshot s USING (snapshot_id)
WHERE n.snapshot_id || '/' || n.register_id = ANY($1::text[])
ORDER BY n.snapshot_id, n.register_id
LIMIT 10000;

-- name: erase_listed_network
UPDATE population.network n SET name = t.words ->> 0, object_text = t.words ->> 1
FROM jsonb_to_recordset($1::jsonb) AS t (id text, words jsonb)
WHERE n.snapshot_id || '/' || n.register_id = t.id;

-- name: scan_listed_firm
SELECT snapshot_id || '/' || position || '/' || register_id AS id, upper(regexp_replace(tax_code, '[^[:alnum:]]', '', 'g')) AS tax_code, '' AS vat_number, name
FROM population.firm;

-- name: found_listed_firm
SELECT to_jsonb(f) || jsonb_build_object('taken_on', s.taken_on) AS found
FROM population.firm f
JOIN population.snapshot s USING (snapshot_id)
WHERE f.snapshot_id || '/' || f.position || '/' || f.register_id = ANY($1::text[])
ORDER BY f.snapshot_id, f.register_id, f.position
LIMIT 10000;

-- name: erase_listed_firm
UPDATE population.firm f SET tax_code = '', name = '[cancellato]', rea = ''
FROM jsonb_to_recordset($1::jsonb) AS t (id text)
WHERE f.snapshot_id || '/' || f.position || '/' || f.register_id = t.id;

-- Profiles that passed no gate of ours: another node answers for them. Bodies may be any bytes.
-- name: scan_body
SELECT origin_id || '/' || idx AS id, body AS document FROM log.body;

-- name: found_body
SELECT jsonb_build_object('owner', o.owner, 'origin', o.origin, 'idx', b.idx) AS found
FROM log.body b
JOIN log.origin o USING (origin_id)
WHERE b.origin_id || '/' || b.idx = ANY($1::text[])
ORDER BY o.origin_id, b.idx
LIMIT 10000;

-- name: scan_saved_channel
SELECT search_id || '/' || channel AS id, ARRAY[address] AS words FROM office.saved_channel WHERE address <> '';

-- name: found_saved_channel
SELECT to_jsonb(c) AS found FROM office.saved_channel c
WHERE c.search_id || '/' || c.channel = ANY($1::text[])
ORDER BY c.search_id, c.channel
LIMIT 10000;

-- name: erase_saved_channel
-- Blanked as by unsubscribing: a search that once told somebody never gets a public feed.
UPDATE office.saved_channel c SET address = '', unsubscribed_at = now()
FROM jsonb_to_recordset($1::jsonb) AS t (id text)
WHERE c.search_id || '/' || c.channel = t.id;

-- name: scan_saved_search
SELECT search_id::text AS id, ARRAY[title, coalesce(query ->> 'q', '')] AS words FROM office.saved_search;

-- name: found_saved_search
SELECT to_jsonb(s) - 'token_hash' AS found FROM office.saved_search s
WHERE s.search_id = ANY($1::text[]::uuid[])
ORDER BY s.search_id
LIMIT 10000;

-- name: erase_saved_search
DELETE FROM office.saved_search s
USING jsonb_to_recordset($1::jsonb) AS t (id uuid)
WHERE s.search_id = t.id;

-- The name that an officer signs decisions with stays as long as those; that by which an identity provider knows them goes.
-- name: scan_account
SELECT account_id::text AS id, ARRAY[external_name] AS words FROM office.account WHERE external_name IS NOT NULL;

-- name: found_account
SELECT to_jsonb(a) - 'password_hash' - 'factor_sealed' AS found FROM office.account a
WHERE a.account_id = ANY($1::text[]::uuid[])
ORDER BY a.account_id
LIMIT 10000;

-- name: erase_account
UPDATE office.account a SET external_name = NULL
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid)
WHERE a.account_id = t.id;

-- Of introductions "value" is JSON, and so are the "words" that come back.
-- name: scan_introduction
SELECT introduction_id::text AS id, (request || jsonb_build_object('applicant', applicant))::text AS value FROM office.introduction;

-- name: found_introduction
SELECT to_jsonb(i) - 'token_hash' AS found FROM office.introduction i
WHERE i.introduction_id = ANY($1::text[]::uuid[])
ORDER BY i.introduction_id
LIMIT 10000;

-- A firm that was erased is shown its request no more.
-- name: erase_introduction
UPDATE office.introduction i
SET request = t.words - 'applicant', applicant = nullif(t.words -> 'applicant', 'null'::jsonb),
    token_hash = CASE WHEN t.words -> 'applicant' = coalesce(i.applicant, 'null'::jsonb) THEN i.token_hash END
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE i.introduction_id = t.id;

-- name: scan_introduction_event
SELECT introduction_id || '/' || party || '/' || seq AS id, payload::text AS value FROM office.introduction_event WHERE payload IS NOT NULL;

-- name: found_introduction_event
SELECT to_jsonb(e) - 'event' - 'signature' - 'salt' AS found FROM office.introduction_event e
WHERE e.introduction_id || '/' || e.party || '/' || e.seq = ANY($1::text[])
ORDER BY e.introduction_id, e.party, e.seq
LIMIT 10000;

-- The event stays as it was signed, with a hash that nobody can guess from: its salt goes, too. What waits to be sent with the words
-- is taken out of the outbox, and is put there again without them (flows/introductions/remind.send_again).
-- name: erase_introduction_event
WITH named AS (
    SELECT e.introduction_id, e.party, e.seq
    FROM office.introduction_event e
    JOIN jsonb_to_recordset($1::jsonb) AS t (id text) ON t.id = e.introduction_id || '/' || e.party || '/' || e.seq
), taken AS (
    DELETE FROM post.outbox o
    USING named n, office.introduction i
    WHERE i.introduction_id = n.introduction_id AND i.party = n.party AND o.recipient = i.peer
      AND o.introduction_id = n.introduction_id AND o.seq = n.seq
)
UPDATE office.introduction_event e SET payload = NULL, salt = NULL
FROM named n
WHERE (e.introduction_id, e.party, e.seq) = (n.introduction_id, n.party, n.seq);

-- name: scan_introduction_consent
SELECT introduction_id::text AS id, (identity || jsonb_build_object('person', person))::text AS value FROM office.introduction_consent;

-- name: found_introduction_consent
SELECT to_jsonb(c) AS found FROM office.introduction_consent c
WHERE c.introduction_id = ANY($1::text[]::uuid[])
ORDER BY c.introduction_id
LIMIT 10000;

-- Who consented, whom to call, or the network's or firm's own name: then nothing may be told any more. A firm among others is left out.
-- name: erase_introduction_consent
UPDATE office.introduction_consent c
SET person = t.words ->> 'person', identity = t.words - 'person',
    revoked_at = CASE WHEN t.words ->> 'person' = c.person AND t.words -> 'contact' IS NOT DISTINCT FROM c.identity -> 'contact'
                           AND t.words -> 'name' IS NOT DISTINCT FROM c.identity -> 'name' THEN c.revoked_at
                      ELSE coalesce(c.revoked_at, greatest(now(), c.given_at)) END
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE c.introduction_id = t.id;

-- name: scan_introduction_identity
SELECT introduction_id::text AS id, identity::text AS value FROM office.introduction_identity WHERE identity IS NOT NULL;

-- name: found_introduction_identity
SELECT to_jsonb(d) AS found FROM office.introduction_identity d
WHERE d.introduction_id = ANY($1::text[]::uuid[])
ORDER BY d.introduction_id
LIMIT 10000;

-- name: erase_introduction_identity
UPDATE office.introduction_identity d SET identity = t.words
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE d.introduction_id = t.id;

-- name: scan_info_session
SELECT session_id::text AS id, ARRAY[title, title_en, summary, summary_en, place] AS words FROM programme.info_session;

-- name: found_info_session
SELECT to_jsonb(s) AS found FROM programme.info_session s
WHERE s.session_id = ANY($1::text[]::uuid[])
ORDER BY s.session_id
LIMIT 10000;

-- name: erase_info_session
UPDATE programme.info_session s
SET title = t.words ->> 0, title_en = t.words ->> 1, summary = t.words ->> 2, summary_en = t.words ->> 3, place = t.words ->> 4
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE s.session_id = t.id;

-- name: scan_enrolment
SELECT enrolment_id::text AS id, jsonb_build_object('person', person)::text AS value FROM programme.enrolment;

-- name: found_enrolment
SELECT to_jsonb(e) - 'token_hash' AS found FROM programme.enrolment e
WHERE e.enrolment_id = ANY($1::text[]::uuid[])
ORDER BY e.enrolment_id
LIMIT 10000;

-- Who was erased has no seat at what is still to come; who came is counted as somebody.
-- name: erase_enrolment
UPDATE programme.enrolment e
SET person = t.words -> 'person', token_hash = NULL,
    state = CASE WHEN e.attended IS NULL AND (SELECT s.begins_at > now() FROM programme.info_session s WHERE s.session_id = e.session_id)
                 THEN 'cancelled' ELSE e.state END
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE e.enrolment_id = t.id;

-- name: scan_expression
SELECT expression_id::text AS id, (said || jsonb_build_object('reason', reason))::text AS value FROM programme.expression;

-- name: found_expression
SELECT to_jsonb(e) AS found FROM programme.expression e
WHERE e.expression_id = ANY($1::text[]::uuid[])
ORDER BY e.expression_id
LIMIT 10000;

-- name: erase_expression
UPDATE programme.expression e SET said = t.words - 'reason', reason = t.words ->> 'reason'
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE e.expression_id = t.id;

-- name: scan_aggregation
SELECT aggregation_id::text AS id, ARRAY[name, idea] AS words FROM programme.aggregation;

-- name: found_aggregation
SELECT to_jsonb(a) AS found FROM programme.aggregation a
WHERE a.aggregation_id = ANY($1::text[]::uuid[])
ORDER BY a.aggregation_id
LIMIT 10000;

-- name: erase_aggregation
UPDATE programme.aggregation a SET name = t.words ->> 0, idea = t.words ->> 1
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE a.aggregation_id = t.id;

-- name: scan_aggregation_member
SELECT aggregation_id || '/' || position AS id,
       jsonb_build_object('firm', jsonb_build_object('name', name, 'tax_code', tax_code, 'municipality_name', municipality_name))::text AS value
FROM programme.aggregation_member;

-- name: found_aggregation_member
SELECT to_jsonb(m) AS found FROM programme.aggregation_member m
WHERE m.aggregation_id || '/' || m.position = ANY($1::text[])
ORDER BY m.aggregation_id, m.position
LIMIT 10000;

-- A firm of the subject's is one among others that nobody knows any more; where it was, no finer than its province.
-- name: erase_aggregation_member
UPDATE programme.aggregation_member m
SET name = t.words -> 'firm' ->> 'name', tax_code = '', municipality = '', municipality_name = ''
FROM jsonb_to_recordset($1::jsonb) AS t (id text, words jsonb)
WHERE m.aggregation_id || '/' || m.position = t.id;

-- name: scan_evaluation
SELECT evaluation_id::text AS id,
       ARRAY[conclusion] || ARRAY(SELECT a ->> 'reason' FROM jsonb_array_elements(answers) WITH ORDINALITY AS x (a, n) ORDER BY n) AS words
FROM programme.evaluation;

-- name: found_evaluation
SELECT to_jsonb(v) - 'salt' AS found FROM programme.evaluation v
WHERE v.evaluation_id = ANY($1::text[]::bigint[])
ORDER BY v.evaluation_id
LIMIT 10000;

-- name: erase_evaluation
UPDATE programme.evaluation v
SET conclusion = t.words ->> 0, salt = NULL,
    answers = (SELECT jsonb_agg(a || jsonb_build_object('reason', t.words -> n::integer) ORDER BY n)
               FROM jsonb_array_elements(v.answers) WITH ORDINALITY AS x (a, n))
FROM jsonb_to_recordset($1::jsonb) AS t (id bigint, words jsonb)
WHERE v.evaluation_id = t.id;

-- name: scan_stage_change
SELECT change_id::text AS id, ARRAY[reason] AS words FROM programme.stage_change WHERE reason <> '';

-- name: found_stage_change
SELECT to_jsonb(c) - 'salt' AS found FROM programme.stage_change c
WHERE c.change_id = ANY($1::text[]::bigint[])
ORDER BY c.change_id
LIMIT 10000;

-- name: erase_stage_change
UPDATE programme.stage_change c SET reason = t.words ->> 0, salt = NULL
FROM jsonb_to_recordset($1::jsonb) AS t (id bigint, words jsonb)
WHERE c.change_id = t.id;
-- Case files: free texts of officers, in which anybody may be named.
-- name: scan_case_file
SELECT case_id::text AS id, jsonb_build_object('title', title, 'office', office, 'report', report)::text AS value FROM programme.case_file;

-- name: found_case_file
SELECT to_jsonb(r) AS found FROM programme.case_file r
WHERE r.case_id = ANY($1::text[]::uuid[])
ORDER BY r.case_id
LIMIT 10000;

-- name: erase_case_file
UPDATE programme.case_file r
SET title = left(t.words ->> 'title', 200), office = left(t.words ->> 'office', 120), report = nullif(t.words -> 'report', 'null'::jsonb)
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE r.case_id = t.id;

-- name: scan_case_task
SELECT task_id::text AS id, ARRAY[title, note] AS words FROM programme.case_task;

-- name: found_case_task
SELECT to_jsonb(r) AS found FROM programme.case_task r
WHERE r.task_id = ANY($1::text[]::uuid[])
ORDER BY r.task_id
LIMIT 10000;

-- name: erase_case_task
UPDATE programme.case_task r SET revision = r.revision + 1, title = left(t.words ->> 0, 200), note = left(t.words ->> 1, 4000)
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE r.task_id = t.id;

-- name: scan_case_hours
SELECT entry_id::text AS id, ARRAY[note] AS words FROM programme.case_hours;

-- name: found_case_hours
SELECT to_jsonb(r) AS found FROM programme.case_hours r
WHERE r.entry_id = ANY($1::text[]::uuid[])
ORDER BY r.entry_id
LIMIT 10000;

-- name: erase_case_hours
UPDATE programme.case_hours r SET note = left(t.words ->> 0, 500)
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE r.entry_id = t.id;

-- name: scan_case_cost
SELECT entry_id::text AS id, ARRAY[what] AS words FROM programme.case_cost;

-- name: found_case_cost
SELECT to_jsonb(r) AS found FROM programme.case_cost r
WHERE r.entry_id = ANY($1::text[]::uuid[])
ORDER BY r.entry_id
LIMIT 10000;

-- name: erase_case_cost
UPDATE programme.case_cost r SET what = left(t.words ->> 0, 200)
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE r.entry_id = t.id;

-- name: scan_case_appointment
SELECT appointment_id::text AS id, ARRAY[title, place, note] AS words FROM programme.case_appointment;

-- name: found_case_appointment
SELECT to_jsonb(r) AS found FROM programme.case_appointment r
WHERE r.appointment_id = ANY($1::text[]::uuid[])
ORDER BY r.appointment_id
LIMIT 10000;

-- name: erase_case_appointment
UPDATE programme.case_appointment r SET title = left(t.words ->> 0, 200), place = left(t.words ->> 1, 200), note = left(t.words ->> 2, 2000)
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE r.appointment_id = t.id;

-- name: scan_case_document
SELECT document_id::text AS id, ARRAY[title, file_name] AS words, media_type, content FROM programme.case_document;

-- name: found_case_document
SELECT jsonb_build_object(
    'document_id', d.document_id, 'case_id', d.case_id, 'network_id', c.network_id, 'title', d.title, 'kind', d.kind,
    'file_name', d.file_name, 'dated_on', d.dated_on, 'media_type', d.media_type, 'bytes', octet_length(d.content), 'added_at', d.added_at,
    'officer', d.officer) AS found
FROM programme.case_document d
JOIN programme.case_file c USING (case_id)
WHERE d.document_id = ANY($1::text[]::uuid[])
ORDER BY d.document_id
LIMIT 10000;

-- name: erase_case_document
DELETE FROM programme.case_document WHERE document_id IN (SELECT (t ->> 'id')::uuid FROM jsonb_array_elements($1::jsonb) t);

-- name: scan_case_share
SELECT share_id::text AS id, ARRAY[consent_ref] AS words FROM programme.case_share;

-- name: found_case_share
SELECT to_jsonb(r) - 'content' AS found FROM programme.case_share r
WHERE r.share_id = ANY($1::text[]::uuid[]) ORDER BY r.share_id LIMIT 10000;

-- name: erase_case_share
UPDATE programme.case_share r SET consent_ref = left(t.words ->> 0, 200)
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE r.share_id = t.id;

-- name: scan_case_share_reply
SELECT share_id || '/' || number AS id, ARRAY[words] AS words FROM programme.case_share_reply;

-- name: found_case_share_reply
SELECT to_jsonb(r) AS found FROM programme.case_share_reply r
WHERE r.share_id || '/' || r.number = ANY($1::text[]) ORDER BY r.share_id, r.number LIMIT 10000;

-- name: erase_case_share_reply
UPDATE programme.case_share_reply r SET words = left(t.words ->> 0, 1000)
FROM jsonb_to_recordset($1::jsonb) AS t (id text, words jsonb)
WHERE r.share_id || '/' || r.number = t.id;

-- name: scan_shared_case
SELECT share_id::text AS id, jsonb_build_object('copy', copy, 'replies', replies)::text AS value FROM programme.shared_case
WHERE copy <> '{}' OR replies <> '[]';

-- name: found_shared_case
SELECT to_jsonb(r) AS found FROM programme.shared_case r
WHERE r.share_id = ANY($1::text[]::uuid[]) ORDER BY r.share_id LIMIT 10000;

-- The whole copy goes, since the next one would bring the words back: this office leaves the case, and the sharing office is told. What
-- still waits for it is not sent, and what was answered is told no more.
-- name: erase_shared_case
WITH named AS (
    SELECT id FROM jsonb_to_recordset($1::jsonb) AS t (id uuid)
), unsent AS (
    DELETE FROM post.outbox o USING named n WHERE o.introduction_id = n.id
), files AS (
    DELETE FROM programme.shared_case_document d USING named n WHERE d.share_id = n.id
), told AS (
    INSERT INTO programme.case_share_step (share_id, peer, at, action)
    SELECT s.share_id, s.peer, now(), 'copy-forgotten' FROM programme.shared_case s JOIN named n ON n.id = s.share_id
)
UPDATE programme.shared_case s
SET state = 'ended', copy = '{}', replies = '[]', said = s.said + 1, changed = s.said + 1
FROM named n
WHERE s.share_id = n.id;

-- name: scan_shared_case_document
SELECT share_id || '/' || document_id AS id, ARRAY[file_name] AS words, media_type, content FROM programme.shared_case_document;

-- name: found_shared_case_document
SELECT jsonb_build_object('share_id', r.share_id, 'document_id', r.document_id, 'file_name', r.file_name, 'media_type', r.media_type,
    'sha256', encode(r.sha256, 'hex'), 'bytes', octet_length(r.content)) AS found
FROM programme.shared_case_document r
WHERE r.share_id || '/' || r.document_id = ANY($1::text[]) ORDER BY r.share_id, r.document_id LIMIT 10000;

-- A file that names somebody is never alone: its copy goes with it, or the next one brings it back.
-- name: erase_shared_case_document
WITH named AS (
    SELECT DISTINCT split_part(id, '/', 1)::uuid AS id FROM jsonb_to_recordset($1::jsonb) AS t (id text)
), unsent AS (
    DELETE FROM post.outbox o USING named n WHERE o.introduction_id = n.id
), files AS (
    DELETE FROM programme.shared_case_document d USING named n WHERE d.share_id = n.id
), told AS (
    INSERT INTO programme.case_share_step (share_id, peer, at, action)
    SELECT s.share_id, s.peer, now(), 'copy-forgotten' FROM programme.shared_case s JOIN named n ON n.id = s.share_id
)
UPDATE programme.shared_case s
SET state = 'ended', copy = '{}', replies = '[]', said = s.said + 1, changed = s.said + 1
FROM named n
WHERE s.share_id = n.id;

-- Copies of others' cases in which nothing has changed for so long, and answers about those that are over. The row stays, without words.
-- name: over_shared_cases
SELECT count(*) FROM programme.shared_case WHERE changed_at < $1 AND (copy <> '{}' OR replies <> '[]');

-- name: end_shared_cases
WITH old AS (
    SELECT share_id, state FROM programme.shared_case WHERE changed_at < $1 AND (copy <> '{}' OR replies <> '[]')
    ORDER BY share_id LIMIT $2 FOR UPDATE
), files AS (
    DELETE FROM programme.shared_case_document d USING old o WHERE d.share_id = o.share_id
), told AS (
    INSERT INTO programme.case_share_step (share_id, peer, at, action)
    SELECT s.share_id, s.peer, now(), 'copy-forgotten' FROM programme.shared_case s JOIN old o USING (share_id) WHERE o.state = 'live'
)
UPDATE programme.shared_case s
SET state = 'ended', copy = '{}', replies = '[]', said = s.said + (o.state = 'live')::int,
    changed = CASE WHEN o.state = 'live' THEN s.said + 1 ELSE s.changed END
FROM old o
WHERE s.share_id = o.share_id;

-- name: scan_case_clause
SELECT case_id || '/' || point AS id, ARRAY[text] AS words FROM programme.case_clause;

-- name: found_case_clause
SELECT to_jsonb(r) AS found FROM programme.case_clause r
WHERE r.case_id || '/' || r.point = ANY($1::text[])
ORDER BY r.case_id, r.point
LIMIT 10000;

-- name: erase_case_clause
UPDATE programme.case_clause r SET text = left(t.words ->> 0, 8000), revision = r.revision + 1
FROM jsonb_to_recordset($1::jsonb) AS t (id text, words jsonb)
WHERE r.case_id || '/' || r.point = t.id;

-- name: scan_case_step
SELECT step_id::text AS id, ARRAY[note, to_office] AS words FROM programme.case_step;

-- name: found_case_step
SELECT to_jsonb(r) AS found FROM programme.case_step r
WHERE r.step_id = ANY($1::text[]::bigint[])
ORDER BY r.step_id
LIMIT 10000;

-- name: erase_case_step
UPDATE programme.case_step r SET note = left(t.words ->> 0, 4000), to_office = left(t.words ->> 1, 120)
FROM jsonb_to_recordset($1::jsonb) AS t (id bigint, words jsonb)
WHERE r.step_id = t.id;

-- Cases in which the other office was told an identity of ours and has not said that it erased it.
-- name: disclosed
SELECT i.introduction_id::text AS introduction, i.peer
FROM office.introduction i
WHERE i.introduction_id = ANY($1::text[]::uuid[])
  AND EXISTS (SELECT FROM office.introduction_event e
              WHERE e.introduction_id = i.introduction_id AND e.party = i.party AND e.kind = 'identity')
  AND NOT EXISTS (SELECT FROM office.introduction_event e
                  WHERE e.introduction_id = i.introduction_id AND e.party <> i.party AND e.kind = 'erased')
ORDER BY i.introduction_id
LIMIT 10000;

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

-- Cases that ended, and drafts that nobody sent: whole, with all that was said and told in them.
-- name: over_introductions
SELECT count(*) FROM office.introduction
WHERE state IN ('draft', 'concluded', 'declined', 'expired', 'withdrawn') AND since < $1;

-- name: end_introductions
DELETE FROM office.introduction WHERE introduction_id IN (
    SELECT introduction_id FROM office.introduction
    WHERE state IN ('draft', 'concluded', 'declined', 'expired', 'withdrawn') AND since < $1
    ORDER BY since, introduction_id LIMIT $2);

-- Enrolments of sessions that are over so long: the people go, that somebody had a seat and came stays.
-- name: over_enrolments
SELECT count(*) FROM programme.enrolment e JOIN programme.info_session s USING (session_id)
WHERE s.ends_at < $1 AND e.person <> '{"name": "", "email": ""}'::jsonb;

-- name: end_enrolments
UPDATE programme.enrolment SET person = '{"name": "", "email": ""}', token_hash = NULL
WHERE enrolment_id IN (
    SELECT e.enrolment_id FROM programme.enrolment e JOIN programme.info_session s USING (session_id)
    WHERE s.ends_at < $1 AND e.person <> '{"name": "", "email": ""}'::jsonb
    ORDER BY e.enrolment_id LIMIT $2);

-- Expressions that came to nothing, or whose aggregation came to its end, so long ago: words, people and firms go, that there was one stays.
-- name: over_expressions
SELECT count(*) FROM programme.expression e
LEFT JOIN programme.aggregation a USING (expression_id)
WHERE e.said <> '{}'::jsonb
  AND ((a.aggregation_id IS NULL AND e.changed_at < $1)
       OR (a.stage IN ('dropped', 'registered') AND a.stage_on < ($1 AT TIME ZONE 'UTC')::date));

-- name: end_expressions
UPDATE programme.expression SET said = '{}', reason = ''
WHERE expression_id IN (
    SELECT e.expression_id FROM programme.expression e
    LEFT JOIN programme.aggregation a USING (expression_id)
    WHERE e.said <> '{}'::jsonb
      AND ((a.aggregation_id IS NULL AND e.changed_at < $1)
           OR (a.stage IN ('dropped', 'registered') AND a.stage_on < ($1 AT TIME ZONE 'UTC')::date))
    ORDER BY e.expression_id LIMIT $2);

-- Aggregations at their end: stages, scores and region stay, words and firms go; of one that is registered the registry knows the firms.
-- name: over_aggregations
SELECT count(*) FROM programme.aggregation
WHERE stage IN ('dropped', 'registered') AND stage_on < ($1 AT TIME ZONE 'UTC')::date AND idea <> '[cancellato]';

-- name: end_aggregations
WITH over AS (
    SELECT aggregation_id FROM programme.aggregation
    WHERE stage IN ('dropped', 'registered') AND stage_on < ($1 AT TIME ZONE 'UTC')::date AND idea <> '[cancellato]'
    ORDER BY aggregation_id LIMIT $2
), firms AS (
    DELETE FROM programme.aggregation_member m USING over o WHERE m.aggregation_id = o.aggregation_id
), reasons AS (
    UPDATE programme.stage_change c SET reason = '[cancellato]', salt = NULL FROM over o
    WHERE c.aggregation_id = o.aggregation_id AND c.reason <> ''
), answers AS (
    UPDATE programme.evaluation v
    SET conclusion = '', salt = NULL,
        answers = (SELECT jsonb_agg(a || '{"reason": "[cancellato]"}' ORDER BY n) FROM jsonb_array_elements(v.answers) WITH ORDINALITY AS x (a, n))
    FROM over o WHERE v.aggregation_id = o.aggregation_id
)
UPDATE programme.aggregation a SET name = '[cancellato] ' || left(a.aggregation_id::text, 8), idea = '[cancellato]'
FROM over o WHERE a.aggregation_id = o.aggregation_id;
-- Case files that were closed: whole, with all that is in them.
-- name: over_case_files
SELECT count(*) FROM programme.case_file WHERE state = 'closed' AND closed_at < $1;

-- name: end_case_files
DELETE FROM programme.case_file WHERE case_id IN (
    SELECT case_id FROM programme.case_file WHERE state = 'closed' AND closed_at < $1 ORDER BY case_id LIMIT $2);

-- A network that was ever published stays as a row without words and members: its identifiers are never used again.
-- name: over_closed_networks
SELECT count(*) FROM registry.network n
WHERE n.status = 'closed' AND n.updated_at < $1
  AND (n.name <> '[cancellato] ' || left(n.network_id::text, 8)
       OR EXISTS (SELECT FROM registry.membership m WHERE m.network_id = n.network_id)
       OR NOT EXISTS (SELECT FROM publication.profile p WHERE p.network_id = n.network_id));

-- name: ended_networks
SELECT n.network_id, EXISTS (SELECT FROM publication.profile p WHERE p.network_id = n.network_id) AS stays
FROM registry.network n
WHERE n.status = 'closed' AND n.updated_at < $1
  AND (n.name <> '[cancellato] ' || left(n.network_id::text, 8)
       OR EXISTS (SELECT FROM registry.membership m WHERE m.network_id = n.network_id)
       OR NOT EXISTS (SELECT FROM publication.profile p WHERE p.network_id = n.network_id))
ORDER BY n.network_id
LIMIT $2;

-- name: end_members
DELETE FROM registry.membership WHERE network_id = ANY($1::uuid[]);

-- name: end_network_consents
UPDATE registry.consent SET revoked_at = coalesce(revoked_at, greatest(given_at, $2)) WHERE network_id = ANY($1::uuid[]);

-- name: end_networks
DELETE FROM registry.network WHERE network_id = ANY($1::uuid[]);

-- What hangs on a network that stays.
-- name: end_words
WITH o AS (DELETE FROM registry.objective WHERE network_id = ANY($1::uuid[])),
     w AS (DELETE FROM registry.want WHERE network_id = ANY($1::uuid[])),
     c AS (DELETE FROM registry.contact WHERE network_id = ANY($1::uuid[])),
     f AS (DELETE FROM programme.case_file WHERE network_id = ANY($1::uuid[]))
DELETE FROM registry.document WHERE network_id = ANY($1::uuid[]);

-- name: end_history
SELECT registry.end_history($1::uuid[]);

-- name: blank_networks
UPDATE registry.network
SET name = '[cancellato] ' || left(network_id::text, 8), name_key = 'cancellato ' || replace(network_id::text, '-', ''),
    notary = '', object_text = '', programme = '', common_body_kind = '', common_body_holder = '',
    -- An entity has a seat by law.
    seat_municipality = CASE kind WHEN 'entity' THEN '[cancellato]' ELSE '' END,
    own_tax_code = '', own_rea = '', initial_fund = NULL, capabilities = '{}', languages = '{}', target_countries = '{}',
    certifications = '{}', extras = '{}'
WHERE network_id = ANY($1::uuid[]);

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

-- --- courses ---

-- name: scan_course_seat
SELECT seat_id::text AS id, person::text AS value FROM programme.course_seat WHERE person <> '{}';

-- name: found_course_seat
SELECT to_jsonb(s) AS found FROM programme.course_seat s WHERE s.seat_id = ANY($1::text[]::uuid[]) ORDER BY s.seat_id LIMIT 10000;

-- Whole, and the code of the certificate with it: the commitment in the log says nothing of anybody without the code, and whoever holds the
-- certificate can show it for ever. A place at a course that is still to come goes on to who waits.
-- name: erase_course_seat
WITH named AS (
    SELECT s.seat_id, s.standing IN ('placed', 'waiting') AND e.state = 'open' AS leaves
    FROM jsonb_to_recordset($1::jsonb) AS t (id uuid)
    JOIN programme.course_seat s ON s.seat_id = t.id
    LEFT JOIN programme.course_edition e USING (edition_id)
), coded AS (
    UPDATE programme.course_certificate c SET code = NULL, seat_id = NULL, collect_hash = NULL, collect_until = NULL FROM named n WHERE c.seat_id = n.seat_id
)
UPDATE programme.course_seat s
SET person = '{}', email_key = '',
    standing = CASE WHEN n.leaves THEN 'cancelled' ELSE s.standing END,
    reason = CASE WHEN n.leaves THEN 'own-wish' ELSE s.reason END,
    place = CASE WHEN n.leaves THEN NULL ELSE s.place END,
    said = s.said + n.leaves::int
FROM named n
WHERE s.seat_id = n.seat_id;

-- name: scan_course_enrolment
SELECT enrolment_id::text AS id, person::text AS value FROM programme.course_enrolment WHERE person <> '{}';

-- name: found_course_enrolment
SELECT to_jsonb(e) - 'token_hash' - 'answers' AS found FROM programme.course_enrolment e
WHERE e.enrolment_id = ANY($1::text[]::uuid[]) ORDER BY e.enrolment_id LIMIT 10000;

-- The organiser is told to forget, too (flows/programme/course_post); what still waits for it goes.
-- name: erase_course_enrolment
WITH named AS (
    SELECT id FROM jsonb_to_recordset($1::jsonb) AS t (id uuid)
), unsent AS (
    DELETE FROM post.outbox o USING named n WHERE o.introduction_id = n.id
)
UPDATE programme.course_enrolment e
SET person = '{}', token_hash = NULL, answers = NULL, says = 'forget', seq = e.seq + 1, posted_at = NULL
FROM named n
WHERE e.enrolment_id = n.id;

-- Participants of courses that are long over; editions, attendance counts, releases and commitments stay without them.
-- name: over_courses
SELECT (SELECT count(*) FROM programme.course_enrolment WHERE ends < $1::timestamptz)
    + (SELECT count(*) FROM programme.course_seat s LEFT JOIN programme.course_edition e USING (edition_id)
       WHERE coalesce(e.ends, s.created_at::date) < $1::timestamptz);

-- name: end_courses
WITH seats AS (
    DELETE FROM programme.course_seat WHERE seat_id IN (
        SELECT s.seat_id FROM programme.course_seat s LEFT JOIN programme.course_edition e USING (edition_id)
        WHERE coalesce(e.ends, s.created_at::date) < $1::timestamptz ORDER BY s.seat_id LIMIT $2)
    RETURNING seat_id
), coded AS (
    UPDATE programme.course_certificate c SET code = NULL, collect_hash = NULL, collect_until = NULL FROM seats s WHERE c.seat_id = s.seat_id
), enrolments AS (
    DELETE FROM programme.course_enrolment WHERE enrolment_id IN (
        SELECT enrolment_id FROM programme.course_enrolment WHERE ends < $1::timestamptz ORDER BY enrolment_id LIMIT $2)
    RETURNING enrolment_id
)
SELECT (SELECT count(*) FROM seats) + (SELECT count(*) FROM enrolments) AS ended;
-- name: scan_application
SELECT application_id::text AS id, ARRAY[network_key] AS words FROM programme.application;

-- name: found_application
SELECT to_jsonb(a) AS found FROM programme.application a
WHERE a.application_id = ANY($1::text[]::uuid[])
ORDER BY a.application_id
LIMIT 10000;

-- name: erase_application
UPDATE programme.application a SET network_key = t.words ->> 0
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE a.application_id = t.id;

-- name: scan_undertaking
SELECT application_id || '/' || position AS id, ARRAY[code] AS words FROM programme.call_undertaking;

-- name: found_undertaking
SELECT to_jsonb(u) AS found FROM programme.call_undertaking u
WHERE u.application_id || '/' || u.position = ANY($1::text[])
ORDER BY u.application_id, u.position
LIMIT 10000;

-- name: erase_undertaking
UPDATE programme.call_undertaking u SET code = left(t.words ->> 0, 40)
FROM jsonb_to_recordset($1::jsonb) AS t (id text, words jsonb)
WHERE u.application_id || '/' || u.position = t.id;

-- name: scan_application_document
SELECT document_id::text AS id, ARRAY[title, file_name] AS words, media_type, content FROM programme.application_document;

-- name: found_application_document
SELECT jsonb_build_object(
    'document_id', d.document_id, 'application_id', d.application_id, 'title', d.title, 'kind', d.kind, 'file_name', d.file_name,
    'dated_on', d.dated_on, 'media_type', d.media_type, 'bytes', octet_length(d.content)) AS found
FROM programme.application_document d
WHERE d.document_id = ANY($1::text[]::uuid[])
ORDER BY d.document_id
LIMIT 10000;

-- name: erase_application_document
DELETE FROM programme.application_document WHERE document_id IN (SELECT (t ->> 'id')::uuid FROM jsonb_array_elements($1::jsonb) t);

-- Words are looked at whoever wrote them; points are not read.
-- name: scan_call_score
SELECT application_id || '/' || evaluator AS id, ARRAY[reasons::text] AS words FROM programme.call_score;

-- name: found_call_score
SELECT jsonb_build_object('application_id', s.application_id, 'reasons', s.reasons, 'given_at', s.given_at) AS found
FROM programme.call_score s
WHERE s.application_id || '/' || s.evaluator = ANY($1::text[])
ORDER BY s.application_id, s.evaluator
LIMIT 10000;

-- name: erase_call_score
UPDATE programme.call_score s SET reasons = '{}'
FROM jsonb_to_recordset($1::jsonb) AS t (id text)
WHERE s.application_id || '/' || s.evaluator = t.id;

-- name: scan_call_sheet
SELECT application_id::text AS id, ARRAY[network_key] AS words FROM programme.call_sheet;

-- name: found_call_sheet
SELECT to_jsonb(s) AS found FROM programme.call_sheet s
WHERE s.application_id = ANY($1::text[]::uuid[])
ORDER BY s.application_id
LIMIT 10000;

-- name: erase_call_sheet
UPDATE programme.call_sheet s SET network_key = t.words ->> 0
FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, words jsonb)
WHERE s.application_id = t.id;

-- name: scan_call_expense
SELECT application_id || '/' || number AS id, ARRAY[note] AS words FROM programme.call_expense;

-- name: found_call_expense
SELECT to_jsonb(e) AS found FROM programme.call_expense e
WHERE e.application_id || '/' || e.number = ANY($1::text[])
ORDER BY e.application_id, e.number
LIMIT 10000;

-- name: erase_call_expense
UPDATE programme.call_expense e SET note = left(t.words ->> 0, 1000)
FROM jsonb_to_recordset($1::jsonb) AS t (id text, words jsonb)
WHERE e.application_id || '/' || e.number = t.id;

-- name: scan_call_revocation
SELECT application_id || '/' || number AS id, ARRAY[reason] AS words FROM programme.call_revocation;

-- name: found_call_revocation
SELECT to_jsonb(r) AS found FROM programme.call_revocation r
WHERE r.application_id || '/' || r.number = ANY($1::text[])
ORDER BY r.application_id, r.number
LIMIT 10000;

-- name: erase_call_revocation
UPDATE programme.call_revocation r SET reason = left(t.words ->> 0, 1000)
FROM jsonb_to_recordset($1::jsonb) AS t (id text, words jsonb)
WHERE r.application_id || '/' || r.number = t.id;
