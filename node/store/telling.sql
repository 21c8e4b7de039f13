-- Whom saved searches tell, and what. What is new is found by what arrived since, never by asking the whole corpus again.

-- name: insert_channel
INSERT INTO office.saved_channel (search_id, channel, address, next_at) VALUES ($1, $2, $3, $4);

-- name: insert_marks
INSERT INTO office.saved_mark (search_id, origin_id, witnessed)
SELECT $1, o.origin_id, o.witnessed_size FROM log.origin o;

-- name: list_searches
SELECT s.search_id, s.title, s.query, s.made_by, s.created_at, s.read_on, s.corpus
FROM office.saved_search s
WHERE $1::uuid IS NULL OR s.search_id > $1
ORDER BY s.search_id
LIMIT $2;

-- name: list_channels
SELECT c.search_id, c.channel, c.address, c.unsubscribed_at, c.next_at, c.told_at, c.failures, c.error_code
FROM office.saved_channel c
WHERE c.search_id = ANY($1::uuid[])
ORDER BY c.search_id, c.channel;

-- name: behind
-- Searches with somebody to tell, and either arrivals they have not looked at or marks of witnesses.
SELECT s.search_id
FROM office.saved_search s
WHERE s.corpus = 'profiles' AND (s.arrival < $1 OR EXISTS (SELECT FROM office.saved_mark m WHERE m.search_id = s.search_id))
  AND EXISTS (SELECT FROM office.saved_channel c WHERE c.search_id = s.search_id AND c.unsubscribed_at IS NULL)
ORDER BY s.search_id
LIMIT 100000;

-- name: lock_search
-- Whoever else looks for the same search at this moment does it instead of us.
SELECT search_id, title, query, arrival, created_at FROM office.saved_search
WHERE search_id = $1
FOR UPDATE SKIP LOCKED;

-- name: arrived
SELECT p.origin_id, p.idx, p.arrival
FROM coop.profile p
WHERE p.arrival > $1 AND p.arrival <= $2
ORDER BY p.arrival
LIMIT $3;

-- name: vouched
-- Profiles for which witnesses have come to vouch since the marks of $1; each log by its key, however large.
SELECT n.origin_id, n.idx
FROM log.origin o
LEFT JOIN office.saved_mark m ON m.search_id = $1 AND m.origin_id = o.origin_id
CROSS JOIN LATERAL (
    SELECT p.origin_id, p.idx FROM coop.profile p
    WHERE p.origin_id = o.origin_id AND p.idx >= coalesce(m.witnessed, 0) AND p.idx < o.witnessed_size
    ORDER BY p.idx
    LIMIT $2
) n
WHERE o.witnessed_size > coalesce(m.witnessed, 0)
ORDER BY n.origin_id, n.idx;

-- name: move_marks
-- To what witnesses vouch for now; where more stood there than was looked at, to the end of what was.
INSERT INTO office.saved_mark (search_id, origin_id, witnessed)
SELECT $1, o.origin_id, least(o.witnessed_size, coalesce(f.upto, o.witnessed_size))
FROM log.origin o
LEFT JOIN unnest($2::int[], $3::bigint[]) AS f (origin_id, upto) ON f.origin_id = o.origin_id
ON CONFLICT (search_id, origin_id) DO UPDATE SET witnessed = excluded.witnessed
WHERE saved_mark.witnessed <> excluded.witnessed;

-- name: move_arrival
UPDATE office.saved_search SET arrival = $2 WHERE search_id = $1;

-- name: matching
-- Which of the positions $1, $2 a question finds. $3 what the words must meet, as tsquery; $4 exact terms; $5-$10 possible terms of territory, sector,
-- period, size, theme, kind; $11 today; $12 published since; $13 only what witnesses vouch for.
SELECT DISTINCT p.owner, p.profile_id
FROM unnest($1::int[], $2::bigint[]) AS f (origin_id, idx)
JOIN coop.profile p ON p.origin_id = f.origin_id AND p.idx = f.idx
JOIN log.origin o ON o.origin_id = p.origin_id
WHERE ($3::text IS NULL OR p.words @@ $3::text::tsquery)
  AND ($4::text[] IS NULL OR p.keys @> $4::text[])
  AND ($5::text[] IS NULL OR p.keys && $5::text[])
  AND ($6::text[] IS NULL OR p.keys && $6::text[])
  AND ($7::text[] IS NULL OR p.keys && $7::text[])
  AND ($8::text[] IS NULL OR p.keys && $8::text[])
  AND ($9::text[] IS NULL OR p.keys && $9::text[])
  AND ($10::text[] IS NULL OR p.keys && $10::text[])
  AND p.valid_until >= date '1970-01-01' + $11::int
  AND ($12::int IS NULL OR p.published >= $12::int)
  AND (NOT $13::boolean OR p.idx < o.witnessed_size)
  AND o.state NOT IN ('closed', 'suspended')
  -- A new year's log begins with the living profiles of the last: that is a move, and no news.
  AND NOT EXISTS (SELECT FROM log.item i WHERE i.origin_id = o.predecessor_id AND i.item_id = p.profile_id)
ORDER BY p.owner, p.profile_id;

-- name: insert_news
INSERT INTO office.saved_news (search_id, channel, owner, profile_id, found_at)
SELECT c.search_id, c.channel, f.owner, f.profile_id, $4
FROM office.saved_channel c
CROSS JOIN unnest($2::text[], $3::uuid[]) AS f (owner, profile_id)
WHERE c.search_id = $1 AND c.unsubscribed_at IS NULL
ON CONFLICT DO NOTHING;

-- name: due
SELECT c.search_id, c.channel
FROM office.saved_channel c
WHERE c.unsubscribed_at IS NULL AND c.next_at <= $1
  AND (EXISTS (SELECT FROM office.saved_news n
               WHERE n.search_id = c.search_id AND n.channel = c.channel AND n.told_at IS NULL)
       OR EXISTS (SELECT FROM office.saved_announcement k WHERE k.search_id = c.search_id AND k.waits IS NOT NULL))
ORDER BY c.next_at, c.search_id, c.channel
LIMIT $2;

-- name: lease
-- Nobody else tries before the lease ends; a process that dies leaves only that.
UPDATE office.saved_channel c SET next_at = $4
FROM office.saved_search s
WHERE c.search_id = $1 AND c.channel = $2 AND c.unsubscribed_at IS NULL AND c.next_at <= $3 AND s.search_id = c.search_id
RETURNING c.address, c.failures, c.told_at, s.title, s.query, s.created_at, s.corpus;

-- name: pending_delivery
SELECT delivery_id FROM office.saved_news
WHERE search_id = $1 AND channel = $2 AND told_at IS NULL AND delivery_id IS NOT NULL
ORDER BY found_at, delivery_id
LIMIT 1;

-- name: begin_delivery
UPDATE office.saved_news n SET delivery_id = $3
FROM (SELECT owner, profile_id FROM office.saved_news
      WHERE search_id = $1 AND channel = $2 AND told_at IS NULL AND delivery_id IS NULL
      ORDER BY found_at, owner, profile_id LIMIT $4) b
WHERE n.search_id = $1 AND n.channel = $2 AND n.owner = b.owner AND n.profile_id = b.profile_id;

-- name: delivery_hits
-- What of a delivery is visible now: a profile that was withdrawn or has expired since is not shown.
SELECT DISTINCT ON (p.owner, p.profile_id)
       p.owner, p.profile_id, o.origin, p.idx, p.published, b.body, o.state = 'quarantined' AS quarantined
FROM office.saved_news n
JOIN coop.profile p ON p.profile_id = n.profile_id AND p.owner = n.owner
JOIN log.origin o ON o.origin_id = p.origin_id
JOIN log.body b ON b.origin_id = p.origin_id AND b.idx = p.idx
WHERE n.search_id = $1 AND n.channel = $2 AND n.delivery_id = $3
  AND p.valid_until >= date '1970-01-01' + $4::int
  AND o.state NOT IN ('closed', 'suspended')
ORDER BY p.owner, p.profile_id, p.origin_id DESC, p.idx DESC;

-- name: end_delivery
UPDATE office.saved_news SET told_at = $4 WHERE search_id = $1 AND channel = $2 AND delivery_id = $3;

-- name: succeed
UPDATE office.saved_channel SET next_at = $3, told_at = $4, failures = 0, error_code = NULL
WHERE search_id = $1 AND channel = $2;

-- name: fail
UPDATE office.saved_channel SET next_at = $3, failures = failures + 1, error_code = $4
WHERE search_id = $1 AND channel = $2;

-- name: pass_digest
-- A day without news: what comes later today waits for tomorrow's digest.
UPDATE office.saved_channel c SET next_at = $2
WHERE c.channel = 'email' AND c.unsubscribed_at IS NULL AND c.next_at <= $1
  AND NOT EXISTS (SELECT FROM office.saved_news n
                  WHERE n.search_id = c.search_id AND n.channel = c.channel AND n.told_at IS NULL)
  AND NOT EXISTS (SELECT FROM office.saved_announcement k WHERE k.search_id = c.search_id AND k.waits IS NOT NULL);

-- name: delete_left
-- News for who has left, and the memory of what is nowhere visible any more.
DELETE FROM office.saved_news WHERE (search_id, channel, owner, profile_id) IN (
    SELECT n.search_id, n.channel, n.owner, n.profile_id FROM office.saved_news n
    JOIN office.saved_channel c ON c.search_id = n.search_id AND c.channel = n.channel
    WHERE c.unsubscribed_at IS NOT NULL
       OR (n.told_at < $1 AND NOT EXISTS (
            SELECT FROM coop.profile p WHERE p.profile_id = n.profile_id AND p.owner = n.owner))
    ORDER BY n.search_id, n.channel, n.owner, n.profile_id
    LIMIT $2);

-- name: count_news
-- What the office's own searches found since $2, for whoever is told of it; $1 who made them.
SELECT count(DISTINCT n.search_id) AS searches, count(DISTINCT (n.owner, n.profile_id)) AS profiles
FROM office.saved_news n
JOIN office.saved_search s USING (search_id)
WHERE s.made_by = $1 AND n.found_at >= $2;
