-- name: insert
INSERT INTO programme.call_grant (application_id, call_id, edition, granted, granted_on, officer)
VALUES ($1, $2, $3, $4, $5, office.acting())
ON CONFLICT (application_id) DO NOTHING
RETURNING application_id;

-- name: hold
SELECT granted FROM programme.call_grant WHERE application_id = $1 FOR NO KEY UPDATE;

-- name: account
SELECT g.granted,
       (SELECT coalesce(sum(r.amount), 0) FROM programme.call_revocation r WHERE r.application_id = g.application_id) AS revoked,
       (SELECT coalesce(sum(i.amount), 0) FROM programme.call_instalment i WHERE i.application_id = g.application_id) AS paid,
       (SELECT coalesce(sum(e.accepted), 0) FROM programme.call_expense e WHERE e.application_id = g.application_id) AS accepted,
       (SELECT count(*) FROM programme.call_instalment i WHERE i.application_id = g.application_id) AS instalments,
       (SELECT count(*) FROM programme.call_expense e WHERE e.application_id = g.application_id) AS expenses,
       (SELECT count(*) FROM programme.call_revocation r WHERE r.application_id = g.application_id) AS revocations
FROM programme.call_grant g
WHERE g.application_id = $1;

-- name: pay
INSERT INTO programme.call_instalment (application_id, number, amount, paid_on, officer) VALUES ($1, $2, $3, $4, office.acting());

-- name: report
INSERT INTO programme.call_expense (application_id, number, reported, accepted, note, reported_on, officer)
VALUES ($1, $2, $3, $4, $5, $6, office.acting());

-- name: revoke
INSERT INTO programme.call_revocation (application_id, number, amount, reason, revoked_on, officer)
VALUES ($1, $2, $3, $4, $5, office.acting());

-- name: set_aid_code
UPDATE programme.call_grant SET aid_code = $2 WHERE application_id = $1;

-- name: list
SELECT g.application_id, a.year, a.number, n.name AS network, g.granted, g.granted_on, g.aid_code, g.edition,
       (SELECT coalesce(sum(r.amount), 0) FROM programme.call_revocation r WHERE r.application_id = g.application_id) AS revoked,
       (SELECT coalesce(sum(i.amount), 0) FROM programme.call_instalment i WHERE i.application_id = g.application_id) AS paid,
       (SELECT coalesce(sum(e.accepted), 0) FROM programme.call_expense e WHERE e.application_id = g.application_id) AS accepted
FROM programme.call_grant g
JOIN programme.application a USING (application_id)
LEFT JOIN registry.network n USING (network_id)
WHERE g.call_id = $1
ORDER BY a.year, a.number
LIMIT 10000;
