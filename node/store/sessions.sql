-- name: insert_session
INSERT INTO office.session (id_hash, session_id, account_id, stage, method, second_factor, factor, made_at, seen_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6::text IS NOT NULL, $6, $7, $7, $8);

-- Read at every request of somebody who signed in: what is ended, too old, too long unseen or of a disabled account is not there.
-- name: read_session
SELECT s.session_id, s.account_id, s.stage, s.method, s.factor, s.seen_at, a.name, a.factor_at IS NOT NULL AS has_factor,
       ARRAY(SELECT r.role FROM office.account_role r WHERE r.account_id = s.account_id ORDER BY r.role) AS roles
FROM office.session s
JOIN office.account a USING (account_id)
WHERE s.id_hash = $1 AND s.expires_at > $2 AND s.seen_at > $3 AND a.disabled_at IS NULL;

-- name: mark_seen
UPDATE office.session SET seen_at = greatest(seen_at, $2) WHERE id_hash = $1;

-- name: end_by_id
DELETE FROM office.session WHERE id_hash = $1 AND stage = 'whole';

-- Its second factor came: it goes on as another session.
-- name: end_half
DELETE FROM office.session WHERE id_hash = $1 AND stage = 'half';

-- A half session that ends without its second factor holds no more from now on, and stays to be told (tell_abandoned).
-- name: drop_half
UPDATE office.session SET expires_at = made_at WHERE id_hash = $1 AND stage = 'half';

-- name: end_one
DELETE FROM office.session WHERE account_id = $1 AND session_id = $2 AND stage = 'whole';

-- name: is_there
SELECT EXISTS (SELECT FROM office.session WHERE account_id = $1 AND session_id = $2 AND stage = 'whole');

-- name: end_all
DELETE FROM office.session WHERE account_id = $1 AND stage = 'whole';

-- name: drop_halves
UPDATE office.session SET expires_at = made_at WHERE account_id = $1 AND stage = 'half';

-- name: tell_ended
SELECT audit.sessions_ended($1, $2);

-- Each stage by itself: who has the password alone pushes out nobody who has the second factor too.
-- name: end_oldest
DELETE FROM office.session WHERE id_hash IN (
    SELECT id_hash FROM office.session WHERE account_id = $1 AND stage = 'whole' ORDER BY made_at DESC, id_hash OFFSET $2);

-- They hold no more, and stay to be told: whoever signs in again and again takes no trace away.
-- name: drop_oldest
UPDATE office.session SET expires_at = made_at WHERE id_hash IN (
    SELECT id_hash FROM office.session WHERE account_id = $1 AND stage = 'half' AND expires_at > made_at
    ORDER BY made_at DESC, id_hash OFFSET $2);

-- name: list_sessions
SELECT session_id, method, second_factor, factor, made_at, seen_at, expires_at
FROM office.session
WHERE account_id = $1 AND stage = 'whole' AND expires_at > $2 AND seen_at > $3
ORDER BY seen_at DESC, session_id
LIMIT 1000;

-- name: tidy_sessions
DELETE FROM office.session WHERE stage = 'whole' AND (expires_at < $1 OR seen_at < $2);

-- Half sessions whose second factor never came: told together, once the first of an account has waited ($2), so that an account
-- leaves one event in that time however often somebody tries. Each row is told by whoever deletes it.
-- name: tell_abandoned
WITH due AS (
    SELECT account_id FROM office.session WHERE stage = 'half' AND expires_at <= $1 GROUP BY account_id HAVING min(made_at) <= $2
), gone AS (
    DELETE FROM office.session s USING due d WHERE s.account_id = d.account_id AND s.stage = 'half' AND s.expires_at <= $1
    RETURNING s.account_id
), counted AS (
    SELECT account_id, count(*)::integer AS times FROM gone GROUP BY account_id
)
SELECT audit.sign_in_abandoned(account_id, times) FROM counted ORDER BY account_id;
