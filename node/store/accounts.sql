-- name: act_as
SELECT set_config('rete.officer', $1, true);

-- name: insert_account
INSERT INTO office.account (account_id, name, created_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO NOTHING;

-- name: list_accounts
SELECT a.account_id, a.name, a.created_at, a.disabled_at, a.password_hash IS NOT NULL AS has_password, a.factor_at, a.external_name,
       ARRAY(SELECT r.role FROM office.account_role r WHERE r.account_id = a.account_id ORDER BY r.role) AS roles,
       (SELECT count(*) FROM office.session s WHERE s.account_id = a.account_id AND s.stage = 'whole' AND s.expires_at > $1) AS sessions
FROM office.account a
WHERE $2::text IS NULL OR a.name = $2
ORDER BY a.name
LIMIT 10000;

-- name: secrets_of_name
SELECT a.account_id, a.name, a.disabled_at, a.password_hash, a.factor_sealed, a.factor_at
FROM office.account a WHERE a.name = $1;

-- Nobody changes or ends it until this transaction ends: a session that begins now is not that of a password just replaced.
-- name: hold_account
SELECT a.account_id, a.name, a.disabled_at, a.password_hash, a.factor_sealed, a.factor_at
FROM office.account a WHERE a.account_id = $1
FOR NO KEY UPDATE;

-- name: secrets_of_external
SELECT a.account_id, a.name, a.disabled_at, a.password_hash, a.factor_sealed, a.factor_at
FROM office.account a WHERE a.external_name = $1;

-- name: secrets_of_code
SELECT a.account_id, a.name, a.disabled_at, a.password_hash, a.factor_sealed, a.factor_at
FROM office.account_code c
JOIN office.account a USING (account_id)
WHERE c.code_hash = $1 AND c.expires_at > $2;

-- Whoever changes rights waits for whoever does so too: two who go at once are not both the last but one.
-- name: hold_rights
SELECT pg_advisory_xact_lock(hashtext('office.account_role'));

-- name: roles_of
SELECT role FROM office.account_role WHERE account_id = $1 ORDER BY role;

-- name: grant_roles
INSERT INTO office.account_role (account_id, role) SELECT $1, unnest($2::text[]);

-- name: revoke_roles
DELETE FROM office.account_role WHERE account_id = $1 AND role = ANY($2::text[]);

-- Others who may come in and hold a role.
-- name: others_with
SELECT count(*) FROM office.account_role r
JOIN office.account a USING (account_id)
WHERE r.role = $2 AND r.account_id <> $1 AND a.disabled_at IS NULL
  AND (a.password_hash IS NOT NULL OR a.external_name IS NOT NULL);

-- name: disable
UPDATE office.account SET disabled_at = $2 WHERE account_id = $1 AND disabled_at IS NULL;

-- name: enable
UPDATE office.account SET disabled_at = NULL WHERE account_id = $1 AND disabled_at IS NOT NULL;

-- name: link
UPDATE office.account SET external_name = $2 WHERE account_id = $1;

-- name: put_code
INSERT INTO office.account_code (account_id, code_hash, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (account_id) DO UPDATE SET code_hash = EXCLUDED.code_hash, expires_at = EXCLUDED.expires_at;

-- name: take_code
DELETE FROM office.account_code WHERE code_hash = $1 AND expires_at > $2 RETURNING account_id;

-- name: drop_code
DELETE FROM office.account_code WHERE account_id = $1;

-- name: set_password
UPDATE office.account SET password_hash = $2, password_at = $3 WHERE account_id = $1;

-- The same password, hashed anew with today's costs: nothing that anybody decided.
-- name: rehash_password
UPDATE office.account SET password_hash = $3 WHERE account_id = $1 AND password_hash = $2;

-- A secret that waits to be confirmed; one that is confirmed is not replaced before the new one is.
-- name: propose_factor
UPDATE office.account SET factor_sealed = $2, factor_at = NULL, factor_step = 0 WHERE account_id = $1 AND factor_at IS NULL;

-- name: confirm_factor
UPDATE office.account SET factor_at = $2, factor_step = $3
WHERE account_id = $1 AND factor_sealed = $4 AND factor_at IS NULL;

-- name: remove_factor
UPDATE office.account SET factor_sealed = NULL, factor_at = NULL, factor_step = 0
WHERE account_id = $1 AND factor_sealed IS NOT NULL;

-- name: use_step
UPDATE office.account SET factor_step = $2 WHERE account_id = $1 AND factor_at IS NOT NULL AND factor_step < $2;

-- name: drop_recovery
DELETE FROM office.recovery_code WHERE account_id = $1;

-- name: put_recovery
INSERT INTO office.recovery_code (account_id, code_hash) SELECT $1, unnest($2::bytea[]);

-- name: use_recovery
DELETE FROM office.recovery_code WHERE account_id = $1 AND code_hash = $2;

-- name: count_recovery
SELECT count(*) FROM office.recovery_code WHERE account_id = $1;

-- An attempt is counted before it is judged, so that many at once are as many. No row: it is locked. After $4 failures each one
-- more doubles the wait, from $5 seconds up to $6; one failure is forgiven in $7 seconds.
-- name: count_attempt
INSERT INTO office.sign_in_attempt AS t (kind, key_hash, failures, last_at, locked_until)
VALUES ($1, $2, 1, $3, CASE WHEN 1 >= $4::float8 THEN $3::timestamptz + make_interval(secs => $5::float8) ELSE $3 END)
ON CONFLICT (kind, key_hash) DO UPDATE
SET failures = 1 + greatest(0, t.failures - greatest(0, extract(epoch FROM $3 - t.last_at)) / $7::float8),
    last_at = greatest(t.last_at, $3),
    locked_until = $3 + make_interval(secs => (
        SELECT CASE WHEN f.now < $4 - 0.5 THEN 0
                    ELSE least($6::float8, $5 * 2::float8 ^ least(round(f.now - $4), 30)) END
        FROM (SELECT 1 + greatest(0, t.failures - greatest(0, extract(epoch FROM $3 - t.last_at)) / $7) AS now) f))
WHERE t.locked_until <= $3
RETURNING failures;

-- name: locked_until
SELECT locked_until FROM office.sign_in_attempt WHERE kind = $1 AND key_hash = $2;

-- name: forget_attempts
DELETE FROM office.sign_in_attempt WHERE kind = $1 AND key_hash = $2;

-- An attempt that was none after all; locks that others earned stay.
-- name: return_attempt
UPDATE office.sign_in_attempt SET failures = greatest(failures - 1, 0),
    locked_until = CASE WHEN failures - 1 < $3::float8 - 0.5 THEN last_at ELSE locked_until END
WHERE kind = $1 AND key_hash = $2;

-- name: refused
SELECT audit.sign_in_refused($1, $2);

-- name: tidy_attempts
DELETE FROM office.sign_in_attempt WHERE last_at < $1;

-- name: tidy_codes
DELETE FROM office.account_code WHERE expires_at < $1;

-- name: access_refused
SELECT audit.access_refused($1, $2, $3, $4);
