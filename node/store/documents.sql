-- Two that add to one network at once must not both take its last room; nor may one replace what another deletes.
-- name: hold_network
SELECT network_id FROM registry.network WHERE network_id = $1 FOR NO KEY UPDATE;

-- name: network_exists
SELECT EXISTS (SELECT FROM registry.network WHERE network_id = $1);

-- name: kept
SELECT count(*) AS files, coalesce(sum(octet_length(content)), 0)::bigint AS bytes FROM registry.document WHERE network_id = $1;

-- name: twin
SELECT title FROM registry.document WHERE network_id = $1 AND sha256 = $2 ORDER BY document_id LIMIT 1;

-- name: series_of
SELECT d.series_id, (SELECT max(n.number) FROM registry.document n WHERE n.series_id = d.series_id) AS newest
FROM registry.document d
WHERE d.network_id = $1 AND d.document_id = $2;

-- name: insert
INSERT INTO registry.document
    (document_id, network_id, title, kind, file_name, dated_on, media_type, sha256, content, added_at, series_id, number)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- Today's documents with those that they replaced, the series that were touched last first.
-- name: list
SELECT d.document_id, d.title, d.kind, d.file_name, d.media_type, d.dated_on, octet_length(d.content) AS bytes, d.sha256,
       d.added_at, d.officer, d.series_id, d.number,
       d.number = max(d.number) OVER series AS is_newest
FROM registry.document d
WHERE d.network_id = $1
WINDOW series AS (PARTITION BY d.series_id)
ORDER BY max(d.added_at) OVER series DESC, d.series_id, d.number DESC
LIMIT 1000;

-- name: read
SELECT file_name, media_type, sha256, content FROM registry.document WHERE network_id = $1 AND document_id = $2;

-- name: taken
SELECT audit.document_taken($1, $2);

-- Today's document goes with those that it replaced; one of before goes alone.
-- name: delete
DELETE FROM registry.document d
USING registry.document t
WHERE t.network_id = $1 AND t.document_id = $2 AND d.series_id = t.series_id
  AND (d.document_id = t.document_id
       OR t.number = (SELECT max(n.number) FROM registry.document n WHERE n.series_id = t.series_id));
