-- Saved searches as the public may have them: no statement here reads an address.

-- name: insert_search
INSERT INTO office.saved_search (search_id, title, query, token_hash, made_by, created_at, arrival, read_on, corpus)
VALUES ($1, $2, $3::jsonb, $4, $5, $6, $7, ($6::timestamptz AT TIME ZONE 'UTC')::date, $8);

-- name: hold_count
-- Two that are saved at once must not both take the last place.
SELECT pg_advisory_xact_lock(1920295014);

-- name: count_searches
SELECT count(*) FROM office.saved_search WHERE made_by = $1;

-- name: read_search
SELECT s.search_id, s.title, s.query, s.token_hash, s.made_by, s.created_at, s.read_on,
       EXISTS (SELECT FROM office.saved_channel c WHERE c.search_id = s.search_id) AS told_to
FROM office.saved_search s
WHERE s.search_id = $1;

-- name: mark_read
UPDATE office.saved_search SET read_on = $2::date WHERE search_id = $1 AND read_on < $2::date;

-- name: delete_search
DELETE FROM office.saved_search WHERE search_id = $1;

-- name: delete_unread
DELETE FROM office.saved_search WHERE search_id IN (
    SELECT search_id FROM office.saved_search WHERE made_by = 'api' AND read_on < $1::date
    ORDER BY read_on, search_id LIMIT $2);

-- name: drop_unread
-- Public searches whose feed nobody has read since the day they were made, the longest unread first.
DELETE FROM office.saved_search WHERE search_id IN (
    SELECT search_id FROM office.saved_search
    WHERE made_by = 'api' AND read_on <= (created_at AT TIME ZONE 'UTC')::date
    ORDER BY read_on, created_at, search_id LIMIT $1);

-- name: unsubscribe
UPDATE office.saved_channel SET address = '', unsubscribed_at = $2
WHERE search_id = $1 AND channel = 'email' AND unsubscribed_at IS NULL;
