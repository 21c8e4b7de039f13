-- What the logs of all members say of courses: public, and read by public pages.
-- name: course
SELECT convert_from(b.body, 'UTF8') AS document
FROM coop.announcement a JOIN log.body b ON b.origin_id = a.origin_id AND b.idx = a.idx
WHERE a.kind = 'course' AND a.item_id = $1 AND ($2 = '' OR a.owner = $2)
ORDER BY a.owner
LIMIT 2;

-- name: certifying
SELECT convert_from(b.body, 'UTF8') AS document
FROM coop.announcement a JOIN log.body b ON b.origin_id = a.origin_id AND b.idx = a.idx
WHERE a.kind = 'course' AND position('"certificates":["'::bytea IN b.body) > 0
  AND (a.owner, a.item_id) > ($1, $2::uuid)
ORDER BY a.owner, a.item_id
LIMIT $3;
