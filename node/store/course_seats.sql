-- --- the organiser's side ---

-- name: seat_of
SELECT seat_id, edition_id, office, standing, reason, place, person, heard, said, posted, evaluated, created_at
FROM programme.course_seat WHERE seat_id = $1 FOR UPDATE;

-- name: insert_seat
INSERT INTO programme.course_seat (
    seat_id, edition_id, course_id, edition, office, standing, reason, place, person, email_key, heard, said, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13);

-- name: taken
SELECT place FROM programme.course_seat WHERE edition_id = $1 AND standing = 'placed' ORDER BY place LIMIT 5000;

-- name: waiting
SELECT seat_id FROM programme.course_seat WHERE edition_id = $1 AND standing = 'waiting' ORDER BY turn LIMIT 1000;

-- name: is_there
SELECT true FROM programme.course_seat WHERE edition_id = $1 AND email_key = $2 AND standing IN ('placed', 'waiting');

-- name: change_seat
UPDATE programme.course_seat
SET standing = $2, reason = $3, place = $4, heard = greatest(heard, $5), said = $6, changed_at = $7
WHERE seat_id = $1;

-- name: say_seat
UPDATE programme.course_seat
SET heard = greatest(heard, $2), said = $3, posted = least(posted, $3 - 1), changed_at = $4
WHERE seat_id = $1;

-- name: evaluate_seat
UPDATE programme.course_seat SET evaluated = true WHERE seat_id = $1 AND NOT evaluated;

-- Once the course is over nobody comes back by leaving; before, the place goes on.
-- name: forget_seat
UPDATE programme.course_seat SET person = '{}', email_key = '' WHERE seat_id = $1;

-- name: forget_code
UPDATE programme.course_certificate SET code = NULL, seat_id = NULL, collect_hash = NULL, collect_until = NULL WHERE seat_id = $1;

-- name: move_up
UPDATE programme.course_seat SET standing = 'placed', reason = '', place = $2, said = said + 1, changed_at = $3 WHERE seat_id = $1;

-- name: cancel_seats
UPDATE programme.course_seat
SET standing = 'cancelled', reason = 'course-cancelled', place = NULL, said = said + 1, changed_at = $2
WHERE edition_id = $1 AND standing IN ('placed', 'waiting');

-- name: seats_of
SELECT seat_id, edition_id, office, standing, reason, place, person, heard, said, posted, evaluated, created_at
FROM programme.course_seat WHERE edition_id = $1
ORDER BY array_position(ARRAY['placed', 'waiting', 'cancelled', 'refused'], standing), CASE standing WHEN 'placed' THEN 0 ELSE turn END, place
LIMIT $2;

-- name: unposted
SELECT s.seat_id, s.office, s.course_id, s.edition, s.standing, s.reason, s.heard, s.said, s.evaluated
FROM programme.course_seat s
WHERE s.office = $1 AND s.posted < s.said
ORDER BY s.seat_id
LIMIT $2
FOR UPDATE;

-- name: unposted_offices
SELECT DISTINCT office FROM programme.course_seat WHERE posted < said ORDER BY office LIMIT 1000;

-- name: mark_posted
UPDATE programme.course_seat SET posted = $2 WHERE seat_id = $1 AND said = $2;

-- name: seat_said
SELECT s.seat_id, s.office, s.course_id, s.edition, s.standing, s.reason, s.heard, s.said, s.evaluated
FROM programme.course_seat s WHERE s.seat_id = $1;

-- Editions where somebody waits beside a free place: after an erasure, or a change by hand.
-- name: to_settle
SELECT e.edition_id
FROM programme.course_edition e
WHERE e.state = 'open' AND EXISTS (SELECT FROM programme.course_seat s WHERE s.edition_id = e.edition_id AND s.standing = 'waiting')
  AND e.seats > (SELECT count(*) FROM programme.course_seat s WHERE s.edition_id = e.edition_id AND s.standing = 'placed')
ORDER BY e.edition_id
LIMIT 100;

-- name: count_asked
SELECT count(*) FROM programme.course_seat WHERE office = $1 AND created_at > $2;

-- --- the own participants' side ---

-- name: insert_enrolment
INSERT INTO programme.course_enrolment (
    enrolment_id, organiser, course_id, edition, title, begins, ends, person, consent_version, consented_at, language, token_hash,
    standing, says, seq, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'asked', 'ask', 1, $10, $10)
ON CONFLICT (enrolment_id) DO NOTHING;

-- name: lock_enrolment
SELECT enrolment_id, organiser, course_id, edition, title, begins, ends, person, consent_version, consented_at, language,
    standing, reason, says, answers, seq, seen, heard, posted_at, is_evaluated
FROM programme.course_enrolment WHERE enrolment_id = $1 FOR UPDATE;

-- name: read_enrolment
SELECT enrolment_id, organiser, course_id, edition, title, begins, ends, person, consent_version, consented_at, language,
    standing, reason, says, answers, seq, seen, heard, posted_at, is_evaluated
FROM programme.course_enrolment WHERE enrolment_id = $1;

-- name: by_token
SELECT true FROM programme.course_enrolment WHERE enrolment_id = $1 AND token_hash = $2;

-- name: count_enrolments
SELECT count(*) FROM programme.course_enrolment WHERE created_at > $1;

-- name: list_enrolments
SELECT enrolment_id, organiser, course_id, edition, title, begins, ends, person, consent_version, consented_at, language,
    standing, reason, says, answers, seq, seen, heard, posted_at, is_evaluated
FROM programme.course_enrolment ORDER BY created_at DESC, enrolment_id LIMIT $1;

-- name: hear_answer
UPDATE programme.course_enrolment
SET standing = $2, reason = $3, heard = $4, seen = greatest(seen, $5), seq = greatest(seq, $8), is_evaluated = is_evaluated OR $6,
    answers = CASE WHEN $6 THEN NULL ELSE answers END, changed_at = CASE WHEN standing = $2 THEN changed_at ELSE $7 END
WHERE enrolment_id = $1;

-- name: say
UPDATE programme.course_enrolment
SET says = $2, answers = $3, seq = seq + 1, changed_at = $4, standing = coalesce($5, standing), reason = coalesce($6, reason)
WHERE enrolment_id = $1;

-- name: mark_asked
UPDATE programme.course_enrolment SET posted_at = $2 WHERE enrolment_id = $1;

-- What was said and not answered since, and what stands and is asked about once more.
-- name: to_ask
SELECT enrolment_id, organiser
FROM programme.course_enrolment
WHERE (posted_at IS NULL
       OR (seen < seq AND posted_at < $1)
       OR (standing IN ('asked', 'placed', 'waiting') AND ends >= $3 AND posted_at < $2))
  AND (ends >= $3 - 60 OR posted_at IS NULL)
ORDER BY enrolment_id
LIMIT $4;

-- name: open_organisers
SELECT DISTINCT organiser FROM programme.course_enrolment WHERE seen < seq OR (standing IN ('asked', 'waiting') AND ends >= $1)
ORDER BY organiser LIMIT 1000;
