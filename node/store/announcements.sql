-- name: insert
INSERT INTO coop.announcement (origin_id, idx, item_id, kind, owner, revision, title, regions, begins, ends, deadline, opens, closes, keys,
                               text_a, text_b, text_c)
SELECT $1, u.idx, u.item_id, u.kind, u.owner, u.revision, u.title, string_to_array(u.regions, ' '), u.begins, u.ends, u.deadline, u.opens,
       u.closes, string_to_array(u.keys, ' '), u.text_a, u.text_b, u.text_c
FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::date[], $10::date[], $11::date[],
            $12::date[], $13::date[], $14::text[], $15::text[], $16::text[], $17::text[])
    AS u (idx, item_id, kind, owner, revision, title, regions, begins, ends, deadline, opens, closes, keys, text_a, text_b, text_c);

-- name: own
-- The living announcement of an identifier in one log.
SELECT b.body
FROM coop.announcement a
JOIN log.body b USING (origin_id, idx)
WHERE a.origin_id = $1 AND a.item_id = $2
ORDER BY a.idx DESC
LIMIT 1;

-- name: note
INSERT INTO programme.announced (item_id, kind, action, revision, at) VALUES ($1, $2, $3, $4, $5);

-- name: decided
-- Who decided what about an item of this office, the newest first.
SELECT action, revision, officer, at FROM programme.announced WHERE item_id = $1::uuid ORDER BY announced_id DESC LIMIT $2;

-- name: search
-- $1 what the words must meet, as tsquery; $2 terms that all must be there; $3 terms of which one must be; $4 the day; $5 the state; $6-$10 after
-- which place; $11 how many; $12, $13 the days between which it has something. What is open first, what closes soonest before the rest; then what opens; what has closed last, the latest first.
WITH logs AS (
    SELECT l.origin_id, ('x' || left(encode(sha256(convert_to(l.origin, 'UTF8')), 'hex'), 15))::bit(60)::bigint AS log
    FROM log.origin l
    WHERE l.state NOT IN ('closed', 'suspended')
), stands AS (
    SELECT a.origin_id, a.idx, a.item_id, l.log,
           CASE WHEN a.closes < $4::date THEN 2 WHEN a.opens > $4::date THEN 1 ELSE 0 END AS grp,
           CASE WHEN a.closes < $4::date THEN date '1970-01-01' - a.closes
                WHEN a.opens > $4::date THEN a.opens - date '1970-01-01'
                ELSE coalesce(a.closes - date '1970-01-01', 10000000) END AS key
    FROM coop.announcement a
    JOIN logs l ON l.origin_id = a.origin_id
    WHERE ($1::text IS NULL OR a.words @@ $1::text::tsquery)
      AND ($2::text[] IS NULL OR a.keys @> $2::text[])
      AND ($3::text[] IS NULL OR a.keys && $3::text[])
      AND (($12::date IS NULL OR coalesce(a.ends, CASE a.kind WHEN 'session' THEN a.begins ELSE a.deadline END, date 'infinity') >= $12::date)
           AND ($13::date IS NULL OR coalesce(a.begins, date '-infinity') <= $13::date))
), page AS (
    SELECT s.* FROM stands s
    WHERE ($5::int IS NULL OR s.grp = $5::int)
      AND ($6::int IS NULL OR (s.grp, s.key, s.item_id, s.log, s.idx) > ($6::int, $7::int, $8::uuid, $9::bigint, $10::bigint))
    ORDER BY s.grp, s.key, s.item_id, s.log, s.idx
    LIMIT $11::int
)
SELECT g.grp, g.key, g.item_id, g.log, g.idx, o.origin, o.owner, b.body, e.entry,
       CASE WHEN g.idx < o.witnessed_size THEN o.witnessed_at END AS witnessed_at, o.state = 'quarantined' AS quarantined
FROM page g
JOIN log.origin o ON o.origin_id = g.origin_id
JOIN log.body b ON b.origin_id = g.origin_id AND b.idx = g.idx
JOIN log.entry e ON e.origin_id = g.origin_id AND e.idx = g.idx
ORDER BY g.grp, g.key, g.item_id, g.log, g.idx;

-- name: count
-- As ``search``; at most $6; $7, $8 as its last two.
SELECT count(*) FROM (
    SELECT FROM coop.announcement a
    JOIN log.origin o ON o.origin_id = a.origin_id
    WHERE ($1::text IS NULL OR a.words @@ $1::text::tsquery)
      AND ($2::text[] IS NULL OR a.keys @> $2::text[])
      AND ($3::text[] IS NULL OR a.keys && $3::text[])
      AND ($5::int IS NULL OR $5::int = CASE WHEN a.closes < $4::date THEN 2 WHEN a.opens > $4::date THEN 1 ELSE 0 END)
      AND (($7::date IS NULL OR coalesce(a.ends, CASE a.kind WHEN 'session' THEN a.begins ELSE a.deadline END, date 'infinity') >= $7::date)
           AND ($8::date IS NULL OR coalesce(a.begins, date '-infinity') <= $8::date))
      AND o.state NOT IN ('closed', 'suspended')
    LIMIT $6::int
) s;

-- name: one
-- Should several logs hold an identifier, the one that was known first is meant.
SELECT a.idx, o.origin, o.owner, b.body, e.entry,
       CASE WHEN a.idx < o.witnessed_size THEN o.witnessed_at END AS witnessed_at, o.state = 'quarantined' AS quarantined
FROM coop.announcement a
JOIN log.origin o ON o.origin_id = a.origin_id
JOIN log.body b ON b.origin_id = a.origin_id AND b.idx = a.idx
JOIN log.entry e ON e.origin_id = a.origin_id AND e.idx = a.idx
WHERE a.item_id = $1::uuid AND ($2::text IS NULL OR lower(a.owner) = lower($2::text)) AND o.state NOT IN ('closed', 'suspended')
ORDER BY a.origin_id, a.idx
LIMIT 1;

-- name: ids
-- Two are enough to know that a beginning is not one announcement's alone.
SELECT DISTINCT a.item_id
FROM coop.announcement a
JOIN log.origin o ON o.origin_id = a.origin_id
WHERE a.item_id BETWEEN $1::uuid AND $2::uuid AND ($3::text IS NULL OR lower(a.owner) = lower($3::text)) AND o.state NOT IN ('closed', 'suspended')
ORDER BY a.item_id
LIMIT 2;

-- name: newest
-- What came last and is not over; $5, $6, $7 as words and days of ``search``.
SELECT a.idx, o.origin, o.owner, b.body, e.entry,
       CASE WHEN a.idx < o.witnessed_size THEN o.witnessed_at END AS witnessed_at, o.state = 'quarantined' AS quarantined
FROM coop.announcement a
JOIN log.origin o ON o.origin_id = a.origin_id
JOIN log.body b ON b.origin_id = a.origin_id AND b.idx = a.idx
JOIN log.entry e ON e.origin_id = a.origin_id AND e.idx = a.idx
WHERE ($1::text[] IS NULL OR a.keys @> $1::text[]) AND ($2::text[] IS NULL OR a.keys && $2::text[])
  AND (a.closes IS NULL OR a.closes >= $3::date) AND o.state NOT IN ('closed', 'suspended', 'quarantined')
  AND ($5::text IS NULL OR a.words @@ $5::text::tsquery)
  AND (($6::date IS NULL OR coalesce(a.ends, CASE a.kind WHEN 'session' THEN a.begins ELSE a.deadline END, date 'infinity') >= $6::date)
           AND ($7::date IS NULL OR coalesce(a.begins, date '-infinity') <= $7::date))
ORDER BY a.arrival DESC
LIMIT $4::int;
