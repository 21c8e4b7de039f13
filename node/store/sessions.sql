-- name: insert_session
INSERT INTO office.session (id_hash, session_id, account_id, stage, method, second_factor, made_at, seen_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8);

-- Read at every request of somebody who signed in: what is ended, too old, too long unseen or of a disabled account is not there.
-- name: read_session
SELECT s.session_id, s.account_id, s.stage, s.method, s.second_factor, s.seen_at, a.name, a.factor_at IS NOT NULL AS has_factor,
       ARRAY(SELECT r.role FROM office.account_role r WHERE r.account_id = s.account_id ORDER BY r.role) AS roles
FROM office.session s
JOIN office.account a USING (account_id)
WHERE s.id_hash = $1 AND s.expires_at > $2 AND s.seen_at > $3 AND a.disabled_at IS NULL;

-- name: mark_seen
UPDATE office.session SET seen_at = greatest(seen_at, $2) WHERE id_hash = $1;

-- name: end_by_id
DELETE FROM office.session WHERE id_hash = $1;

-- name: end_one
DELETE FROM office.session WHERE account_id = $1 AND session_id = $2;

-- name: is_there
SELECT EXISTS (SELECT FROM office.session WHERE account_id = $1 AND session_id = $2 AND stage = 'whole');

-- name: end_all
DELETE FROM office.session WHERE account_id = $1;

-- Each stage by itself: who has the password alone pushes out nobody who has the second factor too.
-- name: end_oldest
DELETE FROM office.session WHERE id_hash IN (
    SELECT id_hash FROM office.session WHERE account_id = $1 AND stage = 'whole' ORDER BY made_at DESC, id_hash OFFSET $2)
OR id_hash IN (
    SELECT id_hash FROM office.session WHERE account_id = $1 AND stage = 'half' ORDER BY made_at DESC, id_hash OFFSET $2);

-- name: list_sessions
SELECT session_id, method, second_factor, made_at, seen_at, expires_at
FROM office.session
WHERE account_id = $1 AND stage = 'whole' AND expires_at > $2 AND seen_at > $3
ORDER BY seen_at DESC, session_id
LIMIT 1000;

-- name: tidy_sessions
DELETE FROM office.session WHERE expires_at < $1 OR seen_at < $2;
