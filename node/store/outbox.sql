-- name: open_boxes
INSERT INTO post.box (peer) SELECT u.peer FROM unnest($1::text[]) AS u (peer)
WHERE NOT EXISTS (SELECT FROM post.box b WHERE b.peer = u.peer)
ON CONFLICT (peer) DO NOTHING;

-- name: put
-- In one journey: until the commit nobody else gives numbers to this recipient, so whoever reads the outbox sees no gap.
WITH box AS (
    INSERT INTO post.box AS b (peer, sent, hint_at) VALUES ($1, $2, $3)
    -- Who was told within the last minute and has not asked to the end yet finds the rest by itself.
    ON CONFLICT (peer) DO UPDATE SET
        sent = b.sent + $2,
        hint_at = CASE WHEN b.hints <= 1 AND b.hint_at IS NOT NULL THEN b.hint_at ELSE $3 END,
        hints = CASE WHEN b.hints <= 1 THEN b.hints ELSE 0 END
    RETURNING b.sent - $2 AS before, b.hint_at <= $3 AS is_due
), kept AS (
    INSERT INTO post.outbox (recipient, number, introduction_id, seq, key_id, sealed, queued_at)
    SELECT $1, box.before + u.at, u.introduction_id, u.seq, u.key_id, u.sealed, $3
    FROM box, unnest($4::uuid[], $5::bigint[], $6::text[], $7::bytea[]) WITH ORDINALITY AS u (introduction_id, seq, key_id, sealed, at)
)
SELECT before, is_due FROM box;

-- name: look
SELECT sent, served, received FROM post.box WHERE peer = $1;

-- name: lock
SELECT sent, served, received FROM post.box WHERE peer = $1 FOR UPDATE;

-- name: lock_boxes
SELECT peer FROM post.box WHERE peer = ANY($1::text[]) ORDER BY peer LIMIT 10000 FOR UPDATE;

-- name: numbers_of
SELECT number FROM post.outbox WHERE recipient = $1 AND introduction_id = $2 AND seq = $3 ORDER BY number LIMIT 1000;

-- name: waiting_of
SELECT DISTINCT introduction_id FROM post.outbox
WHERE recipient = $1 AND introduction_id = ANY($2::uuid[])
ORDER BY introduction_id
LIMIT 100000;

-- name: mark_acked
-- How far the member said it had read; less than before: it has put back an older copy, and is to be told all again.
UPDATE post.box SET rewound = rewound OR acked > $2, acked = $2 WHERE peer = $1 AND acked <> $2;

-- name: rewound
SELECT peer FROM post.box WHERE rewound AND (given_at IS NULL OR given_at < $1) ORDER BY peer LIMIT 100;

-- name: mark_given
UPDATE post.box SET rewound = false, given_at = $2 WHERE peer = $1;

-- name: drop
DELETE FROM post.outbox WHERE recipient = $1 AND number = ANY($2::bigint[]);

-- name: acknowledge
DELETE FROM post.outbox WHERE recipient = $1 AND number <= $2;

-- name: renumber
UPDATE post.outbox o SET number = n.number
FROM (
    SELECT w.number AS old, $2 + row_number() OVER (ORDER BY w.number) AS number FROM post.outbox w WHERE w.recipient = $1
) n
WHERE o.recipient = $1 AND o.number = n.old;

-- name: begin_at
-- A box that was never here begins where its member says that it ended.
INSERT INTO post.box (peer, sent, served)
SELECT $1, $2 + count(*), $2 FROM post.outbox o WHERE o.recipient = $1
ON CONFLICT (peer) DO UPDATE SET sent = excluded.sent, served = excluded.served;

-- name: after
-- One more than asked for, so that it is known whether there are more; bytes beyond the bound stay where they are.
SELECT w.number, CASE WHEN w.place <= $3 AND (w.place = 1 OR w.total <= $4) THEN w.sealed END AS sealed
FROM (
    SELECT p.number, p.sealed, row_number() OVER run AS place, sum(octet_length(p.sealed)) OVER run AS total
    FROM (
        SELECT o.number, o.sealed FROM post.outbox o WHERE o.recipient = $1 AND o.number > $2 ORDER BY o.number LIMIT $3 + 1
    ) p
    WINDOW run AS (ORDER BY p.number)
) w
ORDER BY w.number
LIMIT $3 + 1;

-- name: mark_served
UPDATE post.box SET served = $2 WHERE peer = $1 AND served < $2;

-- name: mark_empty
UPDATE post.box SET hint_at = NULL, hints = 0 WHERE peer = $1 AND sent = $2 RETURNING peer;

-- name: wake
INSERT INTO post.box (peer, next_at) VALUES ($1, $2) ON CONFLICT (peer) DO UPDATE SET next_at = excluded.next_at;

-- name: claim_due
-- When each is asked again is written before it is asked: a hint that comes meanwhile is not overwritten, and two processes do
-- not ask at once.
-- Locked in the order in which all lock them.
WITH due AS (
    SELECT b.peer, u.next_at
    FROM post.box b JOIN unnest($2::text[], $3::timestamptz[], $4::boolean[]) AS u (peer, next_at, close) ON b.peer = u.peer
    WHERE $5 OR b.next_at IS NULL OR b.next_at <= $1
       OR (u.close AND b.failures = 0 AND (b.asked_at IS NULL OR b.asked_at <= $6))
    ORDER BY b.peer
    LIMIT 10000
    FOR UPDATE OF b
)
UPDATE post.box b SET asked_at = $1, next_at = due.next_at
FROM due
WHERE b.peer = due.peer
RETURNING b.peer, b.received, b.failures, b.next_at;

-- name: mark_good
UPDATE post.box SET failures = 0, error_code = NULL, read_at = greatest(read_at, $2) WHERE peer = $1;

-- name: mark_failed
UPDATE post.box
SET failures = failures + 1, error_code = $2, next_at = CASE WHEN next_at = $3 THEN $4 ELSE next_at END
WHERE peer = $1;

-- name: mark_read
UPDATE post.box SET received = $2 WHERE peer = $1;

-- name: ask_again
UPDATE post.box SET next_at = least(next_at, $2) WHERE peer = $1;

-- name: keep_refused
INSERT INTO post.refused (peer, number, code, at)
SELECT $1, u.number, u.code, $2 FROM unnest($3::bigint[], $4::text[]) AS u (number, code)
ON CONFLICT (peer, number) DO UPDATE SET code = excluded.code, at = excluded.at;

-- name: forget_refused
DELETE FROM post.refused r
WHERE r.peer = $1
  AND r.number < (SELECT k.number FROM post.refused k WHERE k.peer = $1 ORDER BY k.number DESC OFFSET $2 - 1 LIMIT 1);

-- name: refused
SELECT peer, number, code, at FROM post.refused WHERE peer = $1 AND number < $2 ORDER BY number DESC LIMIT $3;

-- name: lock_hints_due
SELECT peer FROM post.box WHERE hint_at <= $1 ORDER BY peer LIMIT 10000 FOR UPDATE SKIP LOCKED;

-- name: claim_hints
UPDATE post.box b
SET hint_at = CASE WHEN w.waits THEN $2::timestamptz + least($4::interval, $3::interval * power(2, least(b.hints, 20))) END,
    hints = CASE WHEN w.waits THEN b.hints + 1 ELSE 0 END
FROM (SELECT u.peer, EXISTS (SELECT FROM post.outbox o WHERE o.recipient = u.peer) AS waits FROM unnest($1::text[]) AS u (peer)) w
WHERE b.peer = w.peer
RETURNING b.peer, w.waits;

-- name: stale
SELECT DISTINCT o.recipient
FROM post.outbox o
JOIN unnest($1::text[], $2::text[]) AS u (peer, key_id) ON u.peer = o.recipient
WHERE o.key_id <> u.key_id
ORDER BY o.recipient
LIMIT 10000;

-- name: sealed_otherwise
SELECT number, introduction_id, seq, key_id
FROM post.outbox
WHERE recipient = $1 AND number > $2 AND key_id <> $3
ORDER BY number
LIMIT $4;

-- name: reseal
UPDATE post.outbox o SET key_id = u.key_id, sealed = u.sealed
FROM unnest($2::bigint[], $3::text[], $4::bytea[]) AS u (number, key_id, sealed)
WHERE o.recipient = $1 AND o.number = u.number;

-- name: boxes
SELECT
    b.peer, b.sent, b.served, b.received, b.next_at, b.asked_at, b.failures, b.error_code, b.hint_at, b.hints,
    (SELECT count(*) FROM post.outbox o WHERE o.recipient = b.peer) AS waiting,
    (SELECT min(o.queued_at) FROM post.outbox o WHERE o.recipient = b.peer) AS oldest,
    (SELECT count(*) FROM post.refused r WHERE r.peer = b.peer) AS refused
FROM post.box b
ORDER BY b.peer
LIMIT 10000;

-- name: refused_by_code
SELECT peer, code, count(*) AS count, max(at) AS newest
FROM post.refused
WHERE at >= $1
GROUP BY peer, code
ORDER BY peer, code
LIMIT 10000;
