-- name: untold
SELECT enrolment_id, organiser, title, begins, ends, person, language, standing, reason
FROM programme.course_enrolment
WHERE told <> standing AND standing <> 'asked' AND says <> 'forget' AND changed_at >= $1 AND person ? 'email'
ORDER BY changed_at, enrolment_id
LIMIT $2;

-- name: mark_told
UPDATE programme.course_enrolment SET told = $2 WHERE enrolment_id = $1 AND standing = $2;
