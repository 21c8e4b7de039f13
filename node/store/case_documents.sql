-- name: documents_kept
SELECT count(*) AS files, coalesce(sum(octet_length(content)), 0)::bigint AS bytes FROM programme.case_document WHERE case_id = $1;

-- name: document_twin
SELECT title FROM programme.case_document WHERE case_id = $1 AND sha256 = $2;

-- name: insert_document
INSERT INTO programme.case_document
    (document_id, case_id, title, kind, file_name, dated_on, media_type, sha256, content, officer, added_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: list_documents
SELECT document_id::text AS document_id, title, kind, file_name, dated_on, media_type, encode(sha256, 'hex') AS sha256,
       octet_length(content) AS bytes, officer, added_at
FROM programme.case_document WHERE case_id = $1 ORDER BY added_at, document_id LIMIT 1000;

-- name: read_document
SELECT file_name, media_type, sha256, content FROM programme.case_document WHERE case_id = $1 AND document_id = $2;

-- name: document_taken
SELECT audit.case_document_taken($1, $2);

-- name: delete_document
DELETE FROM programme.case_document WHERE case_id = $1 AND document_id = $2;
