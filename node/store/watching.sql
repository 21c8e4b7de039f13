-- What saved searches of the catalogue have told, and what is to be told next.

-- name: due
-- Searches of the catalogue whose message may go now: they look first.
SELECT s.search_id
FROM office.saved_search s
JOIN office.saved_channel c ON c.search_id = s.search_id
WHERE s.corpus = 'catalogue' AND c.unsubscribed_at IS NULL AND c.next_at <= $1
ORDER BY s.search_id
LIMIT 100000;

-- name: find
-- Announcements that a question finds and that are not over come to be known: told up to their revision ($7 true), or not at all. $1 the search; $2 what
-- the words must meet, as tsquery; $3 terms that all must be there; $4 terms of which one must be; $5 the day; $6 the state; $8, $9 the days
-- between which they have something.
INSERT INTO office.saved_announcement (search_id, owner, item_id, kind, revision)
SELECT DISTINCT ON (a.owner, a.item_id) $1, a.owner, a.item_id, a.kind, CASE WHEN $7::boolean THEN a.revision ELSE 0 END
FROM coop.announcement a
JOIN log.origin o ON o.origin_id = a.origin_id
WHERE ($2::text IS NULL OR a.words @@ $2::text::tsquery)
  AND ($3::text[] IS NULL OR a.keys @> $3::text[])
  AND ($4::text[] IS NULL OR a.keys && $4::text[])
  AND (a.closes IS NULL OR a.closes >= $5::date)
  AND ($6::int IS NULL OR $6::int = CASE WHEN a.opens > $5::date THEN 1 ELSE 0 END)
  AND ($8::date IS NULL OR coalesce(a.ends, CASE a.kind WHEN 'session' THEN a.begins ELSE a.deadline END, date 'infinity') >= $8::date)
  AND ($9::date IS NULL OR coalesce(a.begins, date '-infinity') <= $9::date)
  AND o.state NOT IN ('closed', 'suspended', 'quarantined')
ORDER BY a.owner, a.item_id, a.revision DESC
ON CONFLICT DO NOTHING;

-- name: weigh
-- What is to be told of each announcement that a search knows: $2 the day, $3 the day up to which a last day is near. What is over, and what a
-- log tells that is suspended or lies, waits for nothing.
UPDATE office.saved_announcement k SET waits = s.waits
FROM (
    SELECT w.owner, w.item_id,
           CASE WHEN l.revision IS NULL THEN CASE WHEN d.dead THEN 'withdrawn' END
                WHEN l.closes < $2::date THEN NULL
                WHEN w.revision = 0 THEN 'new'
                WHEN l.revision > w.revision THEN 'changed'
                WHEN l.closes <= $3::date AND w.reminded IS DISTINCT FROM l.closes THEN 'closing' END AS waits
    FROM office.saved_announcement w
    LEFT JOIN LATERAL (
        SELECT a.revision, a.closes
        FROM coop.announcement a
        JOIN log.origin o ON o.origin_id = a.origin_id
        WHERE a.item_id = w.item_id AND a.owner = w.owner AND o.state NOT IN ('closed', 'suspended', 'quarantined')
        ORDER BY a.revision DESC
        LIMIT 1) l ON true
    LEFT JOIN LATERAL (
        SELECT true AS dead
        FROM log.origin o
        JOIN log.item i ON i.origin_id = o.origin_id AND i.item_id = w.item_id
        WHERE o.owner = w.owner AND i.dead
        LIMIT 1) d ON true
    WHERE w.search_id = $1
) s
WHERE k.search_id = $1 AND k.owner = s.owner AND k.item_id = s.item_id AND k.waits IS DISTINCT FROM s.waits;

-- name: forget_untold
-- What was withdrawn before anything of it was told.
DELETE FROM office.saved_announcement WHERE search_id = $1 AND waits = 'withdrawn' AND revision = 0;

-- name: count_waiting
SELECT count(*) FROM office.saved_announcement WHERE search_id = $1 AND waits IS NOT NULL;

-- name: notices
-- What a message tells: last days that are near first, then what is new, changed, withdrawn.
SELECT k.owner, k.item_id, k.kind, k.waits, l.revision, l.closes, l.body
FROM office.saved_announcement k
LEFT JOIN LATERAL (
    SELECT a.revision, a.closes, b.body
    FROM coop.announcement a
    JOIN log.origin o ON o.origin_id = a.origin_id
    JOIN log.body b ON b.origin_id = a.origin_id AND b.idx = a.idx
    WHERE a.item_id = k.item_id AND a.owner = k.owner AND o.state NOT IN ('closed', 'suspended', 'quarantined')
    ORDER BY a.revision DESC
    LIMIT 1) l ON true
WHERE k.search_id = $1 AND k.waits IS NOT NULL
  -- What came or went since the look is for the next one.
  AND (l.body IS NULL) = (k.waits = 'withdrawn')
ORDER BY array_position(ARRAY['closing', 'new', 'changed', 'withdrawn'], k.waits), l.closes NULLS LAST, k.owner, k.item_id
LIMIT $2;

-- name: told
-- $4 up to which revision, $5 of which last day.
UPDATE office.saved_announcement k SET revision = u.revision, reminded = coalesce(u.reminded, k.reminded), waits = NULL
FROM unnest($2::text[], $3::uuid[], $4::integer[], $5::date[]) AS u (owner, item_id, revision, reminded)
WHERE k.search_id = $1 AND k.owner = u.owner AND k.item_id = u.item_id;

-- name: gone
DELETE FROM office.saved_announcement k
USING unnest($2::text[], $3::uuid[]) AS u (owner, item_id)
WHERE k.search_id = $1 AND k.owner = u.owner AND k.item_id = u.item_id;

-- name: delete_left
-- What was known to searches whose readers have left.
DELETE FROM office.saved_announcement WHERE (search_id, owner, item_id) IN (
    SELECT k.search_id, k.owner, k.item_id FROM office.saved_announcement k
    WHERE NOT EXISTS (SELECT FROM office.saved_channel c WHERE c.search_id = k.search_id AND c.unsubscribed_at IS NULL)
    ORDER BY k.search_id, k.owner, k.item_id
    LIMIT $1);
