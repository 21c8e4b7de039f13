-- Information sessions and who enrolled. Private; what everybody may see of an open session is asked by the queries that begin with shown_.

-- name: insert_session
INSERT INTO programme.info_session
    (session_id, title, title_en, summary, summary_en, begins_at, ends_at, enrol_until, place, municipality, online, seats, created_by,
     created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14);

-- name: update_session
UPDATE programme.info_session
SET title = $2, title_en = $3, summary = $4, summary_en = $5, begins_at = $6, ends_at = $7, enrol_until = $8, place = $9,
    municipality = $10, online = $11, seats = $12, changed_at = $13
WHERE session_id = $1;

-- Whoever enrols, gives back or changes the seats of one session waits for whoever did so before.
-- name: hold_session
SELECT session_id, state, title, title_en, summary, summary_en, begins_at, ends_at, enrol_until, place, municipality, online, seats, taken,
       (SELECT count(*) FROM programme.enrolment e WHERE e.session_id = s.session_id AND e.state = 'waiting') AS waiting,
       (SELECT count(*) FROM programme.enrolment e WHERE e.session_id = s.session_id AND e.attended) AS attended, changed_at
FROM programme.info_session s
WHERE session_id = $1
FOR NO KEY UPDATE;

-- name: read_session
SELECT session_id, state, title, title_en, summary, summary_en, begins_at, ends_at, enrol_until, place, municipality, online, seats, taken,
       (SELECT count(*) FROM programme.enrolment e WHERE e.session_id = s.session_id AND e.state = 'waiting') AS waiting,
       (SELECT count(*) FROM programme.enrolment e WHERE e.session_id = s.session_id AND e.attended) AS attended, changed_at
FROM programme.info_session s
WHERE session_id = $1;

-- All of them ($1 NULL), or those that end after a moment; the next ones first, then those that were.
-- name: list_sessions
SELECT session_id, state, title, title_en, summary, summary_en, begins_at, ends_at, enrol_until, place, municipality, online, seats, taken,
       (SELECT count(*) FROM programme.enrolment e WHERE e.session_id = s.session_id AND e.state = 'waiting') AS waiting,
       (SELECT count(*) FROM programme.enrolment e WHERE e.session_id = s.session_id AND e.attended) AS attended, changed_at
FROM programme.info_session s
WHERE $1::timestamptz IS NULL OR ends_at > $1
ORDER BY begins_at DESC, session_id
LIMIT $2;

-- Open sessions that are not over, the next first: what everybody may see. Of the seats only whether one is free.
-- name: shown_sessions
SELECT session_id, title, title_en, summary, summary_en, begins_at, ends_at, enrol_until, place, municipality, online,
       taken < seats AS has_seats
FROM programme.info_session
WHERE state = 'open' AND ends_at > $1
ORDER BY begins_at, session_id
LIMIT $2;

-- name: shown_session
SELECT session_id, title, title_en, summary, summary_en, begins_at, ends_at, enrol_until, place, municipality, online,
       taken < seats AS has_seats
FROM programme.info_session
WHERE session_id = $1 AND state = 'open';

-- name: set_state
UPDATE programme.info_session SET state = $2, changed_at = $3 WHERE session_id = $1;

-- name: insert_enrolment
INSERT INTO programme.enrolment
    (enrolment_id, session_id, state, person, notice_version, language, token_hash, made_by, enrolled_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9);

-- The same person at the same address is enrolled once; one form sent twice, too.
-- name: known_enrolment
SELECT enrolment_id, state FROM programme.enrolment
WHERE enrolment_id = $1
   OR (session_id = $2 AND state <> 'cancelled' AND lower(person ->> 'email') = lower($3::text) AND lower(person ->> 'name') = lower($4::text))
ORDER BY enrolment_id = $1 DESC, enrolment_id
LIMIT 1;

-- name: read_enrolment
SELECT enrolment_id, session_id, number, state, person, notice_version, language, made_by, enrolled_at, attended, told
FROM programme.enrolment
WHERE enrolment_id = $1;

-- name: token_of
SELECT token_hash FROM programme.enrolment WHERE enrolment_id = $1;

-- name: list_enrolments
SELECT enrolment_id, session_id, number, state, person, notice_version, language, made_by, enrolled_at, attended, told
FROM programme.enrolment
WHERE session_id = $1
ORDER BY CASE state WHEN 'confirmed' THEN 0 WHEN 'waiting' THEN 1 ELSE 2 END, number
LIMIT 5000;

-- name: set_standing
UPDATE programme.enrolment SET state = $2, changed_at = $3, attended = CASE WHEN $2 = 'confirmed' THEN attended END
WHERE enrolment_id = $1;

-- The first who wait take the seats that are free.
-- name: promote
UPDATE programme.enrolment e SET state = 'confirmed', changed_at = $3
WHERE e.enrolment_id IN (
    SELECT w.enrolment_id FROM programme.enrolment w
    WHERE w.session_id = $1 AND w.state = 'waiting'
    ORDER BY w.number
    LIMIT $2)
RETURNING e.enrolment_id;

-- name: attend
UPDATE programme.enrolment SET attended = $3, changed_at = $4 WHERE session_id = $1 AND enrolment_id = ANY($2::uuid[]);

-- Sessions with free seats and somebody who waits: what an erasure leaves behind.
-- name: unfilled
SELECT session_id FROM programme.info_session s
WHERE state = 'open' AND begins_at > $1 AND taken < seats
  AND EXISTS (SELECT FROM programme.enrolment e WHERE e.session_id = s.session_id AND e.state = 'waiting')
ORDER BY begins_at, session_id
LIMIT 100;

-- Whoever has not been told of what became of an enrolment, of sessions that are not over: the word of what there is to tell.
-- name: untold
SELECT e.enrolment_id, e.person ->> 'email' AS email, e.language, d.word, s.session_id, s.title, s.title_en, s.begins_at, s.ends_at,
       s.place, s.municipality, s.online
FROM programme.enrolment e
JOIN programme.info_session s USING (session_id)
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN e.state = 'cancelled' THEN CASE WHEN e.told IN ('', 'called-off') THEN e.told ELSE 'cancelled' END
        WHEN s.state = 'cancelled' THEN 'called-off'
        WHEN e.state = 'waiting' THEN 'waiting'
        WHEN e.told = 'waiting' THEN 'promoted'
        WHEN e.told = 'promoted' THEN 'promoted'
        ELSE 'confirmed' END AS word
) d
WHERE s.ends_at > $1 AND s.state <> 'draft' AND d.word <> e.told AND e.person ->> 'email' LIKE '%@%' AND e.enrolment_id > $3
ORDER BY e.enrolment_id
LIMIT $2;

-- name: mark_told
UPDATE programme.enrolment SET told = $2 WHERE enrolment_id = $1;

-- When or where a session is has changed: who enrolled is told anew.
-- name: tell_again
UPDATE programme.enrolment SET told = '' WHERE session_id = $1 AND state <> 'cancelled';
