-- name: insert_course
INSERT INTO programme.course (course_id, title, summary, how, regions, trainers, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (course_id) DO UPDATE
SET title = EXCLUDED.title, summary = EXCLUDED.summary, how = EXCLUDED.how, regions = EXCLUDED.regions,
    trainers = EXCLUDED.trainers, changed_at = EXCLUDED.changed_at;

-- name: lock_course
SELECT course_id, title, summary, how, regions, trainers, is_announced
FROM programme.course WHERE course_id = $1 FOR UPDATE;

-- name: read_course
SELECT course_id, title, summary, how, regions, trainers, is_announced
FROM programme.course WHERE course_id = $1;

-- name: mark_announced
UPDATE programme.course SET is_announced = $2 WHERE course_id = $1;

-- name: list_courses
SELECT c.course_id, c.title, c.is_announced, count(e.edition_id) AS editions
FROM programme.course c LEFT JOIN programme.course_edition e USING (course_id)
GROUP BY c.course_id
ORDER BY c.changed_at DESC, c.course_id
LIMIT $1;

-- name: insert_edition
INSERT INTO programme.course_edition (edition_id, course_id, code, seats, begins, ends, deadline, percent, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
ON CONFLICT (course_id, code) DO NOTHING
RETURNING edition_id;

-- name: insert_sessions
INSERT INTO programme.course_session (session_id, edition_id, number, day, hour, place, municipality, title, is_online)
SELECT s.id, $1, s.number, s.day, s.hour, s.place, s.municipality, s.title, s.is_online
FROM unnest($2::uuid[], $3::int[], $4::date[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bool[])
    AS s (id, number, day, hour, place, municipality, title, is_online);

-- name: insert_trainers
INSERT INTO programme.course_trainer (edition_id, name, name_key)
SELECT $1, t.name, t.key FROM unnest($2::text[], $3::text[]) AS t (name, key)
ON CONFLICT DO NOTHING;

-- name: is_trainer
SELECT true FROM programme.course_trainer WHERE edition_id = $1 AND name_key = $2;

-- name: trainers_of
SELECT name FROM programme.course_trainer WHERE edition_id = $1 ORDER BY name_key LIMIT 100;

-- name: lock_edition
SELECT edition_id, course_id, code, seats, begins, ends, deadline, percent, state
FROM programme.course_edition WHERE edition_id = $1 FOR UPDATE;

-- name: lock_edition_of
SELECT edition_id, course_id, code, seats, begins, ends, deadline, percent, state
FROM programme.course_edition WHERE course_id = $1 AND code = $2 FOR UPDATE;

-- name: read_edition
SELECT edition_id, course_id, code, seats, begins, ends, deadline, percent, state
FROM programme.course_edition WHERE edition_id = $1;

-- name: editions_of
SELECT edition_id, course_id, code, seats, begins, ends, deadline, percent, state
FROM programme.course_edition WHERE course_id = $1 ORDER BY begins, code LIMIT 40;

-- name: list_editions
SELECT e.edition_id, e.course_id, e.code, e.seats, e.begins, e.ends, e.deadline, e.percent, e.state, c.title,
    count(s.seat_id) FILTER (WHERE s.standing = 'placed') AS placed, count(s.seat_id) FILTER (WHERE s.standing = 'waiting') AS waiting
FROM programme.course_edition e
JOIN programme.course c USING (course_id)
LEFT JOIN programme.course_seat s USING (edition_id)
WHERE $1::text IS NULL OR EXISTS (
    SELECT FROM programme.course_trainer t WHERE t.edition_id = e.edition_id AND t.name_key = $1)
GROUP BY e.edition_id, c.course_id
ORDER BY e.begins DESC, e.edition_id
LIMIT $2;

-- name: set_state
UPDATE programme.course_edition SET state = $2, changed_at = $3 WHERE edition_id = $1;

-- name: set_seats
UPDATE programme.course_edition e SET seats = $2, changed_at = $3
WHERE e.edition_id = $1 AND NOT EXISTS (SELECT FROM programme.course_seat s WHERE s.edition_id = e.edition_id AND s.place > $2);

-- name: change_edition
UPDATE programme.course_edition SET begins = $2, ends = $3, deadline = $4, percent = $5, changed_at = $6 WHERE edition_id = $1;

-- name: count_attended
SELECT count(*) FROM programme.course_attendance WHERE session_id = ANY($1::uuid[]);

-- name: drop_sessions
DELETE FROM programme.course_session WHERE edition_id = $1 AND session_id <> ALL($2::uuid[]);

-- name: change_sessions
UPDATE programme.course_session c
SET number = s.number, place = s.place, municipality = s.municipality, title = s.title, is_online = s.is_online
FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::bool[]) AS s (id, number, place, municipality, title, is_online)
WHERE c.edition_id = $1 AND c.session_id = s.id;

-- name: drop_trainers
DELETE FROM programme.course_trainer WHERE edition_id = $1 AND name_key <> ALL($2::text[]);

-- name: sessions_of
SELECT session_id, number, day, hour, place, municipality, title, is_online
FROM programme.course_session WHERE edition_id = $1 ORDER BY number LIMIT 60;

-- name: mark_attendance
INSERT INTO programme.course_attendance (session_id, seat_id, is_present, officer, marked_at)
SELECT s.session_id, p.seat_id, m.is_present, $4, $5
FROM unnest($2::uuid[], $3::bool[]) AS m (seat_id, is_present)
JOIN programme.course_session s ON s.session_id = $1
JOIN programme.course_seat p ON p.seat_id = m.seat_id AND p.edition_id = s.edition_id AND p.standing = 'placed'
ON CONFLICT (session_id, seat_id) DO UPDATE
SET is_present = EXCLUDED.is_present, officer = EXCLUDED.officer, marked_at = EXCLUDED.marked_at
WHERE programme.course_attendance.is_present IS DISTINCT FROM EXCLUDED.is_present;

-- name: session_edition
SELECT edition_id, day FROM programme.course_session WHERE session_id = $1;

-- name: attendance_of
SELECT a.session_id, a.seat_id, a.is_present
FROM programme.course_attendance a JOIN programme.course_session s USING (session_id)
WHERE s.edition_id = $1 ORDER BY s.number, a.seat_id LIMIT 300000;

-- name: insert_material
INSERT INTO programme.course_material (material_id, edition_id, title, file_name, media_type, sha256, content, added_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (edition_id, sha256) DO NOTHING;

-- name: materials_of
SELECT material_id, title, file_name, media_type, sha256, octet_length(content) AS bytes, added_at
FROM programme.course_material WHERE edition_id = $1 ORDER BY added_at, material_id LIMIT 200;

-- name: material
SELECT title, file_name, media_type, content FROM programme.course_material WHERE material_id = $1 AND edition_id = $2;

-- name: delete_material
DELETE FROM programme.course_material WHERE material_id = $1 AND edition_id = $2;

-- name: insert_answer
INSERT INTO programme.course_answer (edition_id, answers) VALUES ($1, $2);

-- By what they say, never in the order in which they came.
-- name: answers_of
SELECT answers FROM programme.course_answer WHERE edition_id = $1 ORDER BY answers LIMIT 10000;

-- name: delete_answers
DELETE FROM programme.course_answer WHERE edition_id = $1;

-- name: keep_release
INSERT INTO programme.course_release (edition_id, version, told, officer, released_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (edition_id) DO NOTHING;

-- name: release_of
SELECT version, told, released_at FROM programme.course_release WHERE edition_id = $1;

-- name: insert_certificates
INSERT INTO programme.course_certificate (commitment, edition_id, seat_id, code, officer, issued_at)
SELECT c.commitment, $1, c.seat_id, c.code, $5, $6
FROM unnest($2::bytea[], $3::uuid[], $4::bytea[]) AS c (commitment, seat_id, code)
ON CONFLICT (seat_id) DO NOTHING;

-- name: commitments_of
SELECT commitment FROM programme.course_certificate WHERE edition_id = $1 ORDER BY commitment LIMIT 600;

-- name: count_certificates
SELECT count(*) FROM programme.course_certificate c JOIN programme.course_edition e USING (edition_id) WHERE e.course_id = $1;

-- name: certificates_of
SELECT c.commitment, c.seat_id, c.code, c.issued_at
FROM programme.course_certificate c WHERE c.edition_id = $1 ORDER BY c.commitment LIMIT 600;

-- name: certificate_of
SELECT c.code, c.issued_at FROM programme.course_certificate c WHERE c.seat_id = $1 AND c.code IS NOT NULL;
