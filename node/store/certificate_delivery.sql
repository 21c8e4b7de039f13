-- name: untold
SELECT c.seat_id, k.title, e.begins, e.ends, s.person ->> 'email' AS email
FROM programme.course_certificate c
JOIN programme.course_seat s USING (seat_id)
JOIN programme.course_edition e ON e.edition_id = c.edition_id
JOIN programme.course k ON k.course_id = e.course_id
WHERE c.told_at IS NULL AND c.code IS NOT NULL AND s.person ? 'email'
ORDER BY c.issued_at, c.seat_id
LIMIT $1;

-- name: keep_code
UPDATE programme.course_certificate SET collect_hash = $2, collect_until = $3 WHERE seat_id = $1 AND code IS NOT NULL AND told_at IS NULL;

-- name: mark_told
UPDATE programme.course_certificate SET told_at = $2 WHERE seat_id = $1;

-- name: by_code
SELECT edition_id, collect_until FROM programme.course_certificate WHERE seat_id = $1 AND collect_hash = $2 AND code IS NOT NULL;

-- name: edition_of
SELECT edition_id FROM programme.course_certificate WHERE seat_id = $1 AND code IS NOT NULL;

-- name: forget_told
UPDATE programme.course_certificate SET told_at = NULL, collect_hash = NULL, collect_until = NULL
WHERE edition_id = $1 AND seat_id = $2 AND code IS NOT NULL;
