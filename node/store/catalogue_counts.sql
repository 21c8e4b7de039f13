-- What living announcements give to the Observatory's tables. What the members sent away, or caught with two stories, tells nothing.

-- Whether anything changed since it was counted: what is alive, what arrived last, how each log stands.
-- name: stamp
SELECT md5(coalesce(string_agg(concat_ws('/', o.origin, o.state, said.announcements), ',' ORDER BY o.origin_id), ''))
FROM log.origin o
LEFT JOIN LATERAL (
    SELECT count(*) || ':' || max(a.arrival) || ':' || sum(a.idx) AS announcements
    FROM coop.announcement a WHERE a.origin_id = o.origin_id AND a.kind IN ('session', 'course', 'call', 'ranking')
) said ON true;

-- name: sessions
-- Each once: while a log goes on in the next year's, both may be here.
SELECT DISTINCT ON (o.owner, a.item_id)
       o.owner, a.begins, a.regions, coalesce(convert_from(b.body, 'UTF8')::jsonb -> 'session' ->> 'municipality', '') AS municipality
FROM coop.announcement a
JOIN log.origin o USING (origin_id)
JOIN log.body b USING (origin_id, idx)
WHERE a.kind = 'session' AND a.begins IS NOT NULL AND o.state NOT IN ('closed', 'suspended', 'quarantined')
ORDER BY o.owner, a.item_id, a.origin_id DESC, a.idx DESC
LIMIT 10000000;

-- name: editions
WITH courses AS (
    SELECT DISTINCT ON (o.owner, a.item_id) o.owner, a.item_id, a.regions, convert_from(b.body, 'UTF8')::jsonb -> 'course' -> 'editions' AS editions
    FROM coop.announcement a
    JOIN log.origin o USING (origin_id)
    JOIN log.body b USING (origin_id, idx)
    WHERE a.kind = 'course' AND o.state NOT IN ('closed', 'suspended', 'quarantined')
    ORDER BY o.owner, a.item_id, a.origin_id DESC, a.idx DESC
)
SELECT c.owner, c.item_id::text AS course, (e.edition ->> 'begins')::date AS begins, c.regions,
       coalesce(e.edition #>> '{sessions,0,municipality}', '') AS municipality
FROM courses c
CROSS JOIN LATERAL jsonb_array_elements(c.editions) AS e (edition)
WHERE coalesce(e.edition ->> 'state', '') <> 'cancelled'
ORDER BY c.owner, c.item_id, e.edition ->> 'code'
LIMIT 10000000;
