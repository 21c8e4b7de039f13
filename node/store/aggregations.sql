-- Expressions of interest, potential aggregations, their firms, stages and evaluations. All private.

-- name: insert_expression
INSERT INTO programme.expression (expression_id, session_id, received_on, said, created_by, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $6);

-- name: hold_expression
SELECT expression_id, session_id, received_on, state, reason, said, created_by, created_at,
       (SELECT a.aggregation_id FROM programme.aggregation a WHERE a.expression_id = e.expression_id) AS aggregation_id
FROM programme.expression e
WHERE expression_id = $1
FOR UPDATE;

-- name: list_expressions
SELECT e.expression_id, e.session_id, e.received_on, e.state, e.reason, e.said, e.created_by, e.created_at, a.aggregation_id
FROM programme.expression e
LEFT JOIN programme.aggregation a USING (expression_id)
WHERE $1::text IS NULL OR e.state = $1
ORDER BY e.received_on DESC, e.expression_id
LIMIT 1000;

-- name: answer_expression
UPDATE programme.expression SET state = $2, reason = $3, changed_at = $4 WHERE expression_id = $1;

-- name: insert_aggregation
INSERT INTO programme.aggregation (aggregation_id, expression_id, name, idea, region, created_by, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7);

-- name: update_aggregation
UPDATE programme.aggregation SET name = $2, idea = $3, region = $4, changed_at = $5 WHERE aggregation_id = $1;

-- name: delete_members
DELETE FROM programme.aggregation_member WHERE aggregation_id = $1;

-- name: insert_members
INSERT INTO programme.aggregation_member
    (aggregation_id, position, name, tax_code, municipality, municipality_name, province, region, ateco, is_reference)
SELECT $1, m.position, m.name, m.tax_code, m.municipality, m.municipality_name, m.province, m.region, m.ateco, m.is_reference
FROM jsonb_to_recordset($2::jsonb) AS m (position integer, name text, tax_code text, municipality text, municipality_name text,
                                         province text, region text, ateco text, is_reference boolean);

-- name: hold_aggregation
SELECT aggregation_id FROM programme.aggregation WHERE aggregation_id = $1 FOR UPDATE;

-- name: read_aggregation
SELECT a.aggregation_id, a.expression_id, a.name, a.idea, a.stage, a.stage_on, a.region, a.network_id, a.register_id, a.created_by,
       a.created_at, a.changed_at,
       (SELECT e.score FROM programme.evaluation e WHERE e.aggregation_id = a.aggregation_id ORDER BY e.evaluation_id DESC LIMIT 1) AS score,
       (SELECT count(*) FROM programme.aggregation_member m WHERE m.aggregation_id = a.aggregation_id)::integer AS firms
FROM programme.aggregation a
WHERE a.aggregation_id = $1;

-- name: list_aggregations
SELECT a.aggregation_id, a.expression_id, a.name, a.idea, a.stage, a.stage_on, a.region, a.network_id, a.register_id, a.created_by,
       a.created_at, a.changed_at,
       (SELECT e.score FROM programme.evaluation e WHERE e.aggregation_id = a.aggregation_id ORDER BY e.evaluation_id DESC LIMIT 1) AS score,
       (SELECT count(*) FROM programme.aggregation_member m WHERE m.aggregation_id = a.aggregation_id)::integer AS firms
FROM programme.aggregation a
WHERE $1::text IS NULL OR a.stage = $1
ORDER BY a.changed_at DESC, a.aggregation_id
LIMIT $2;

-- name: members
SELECT name, tax_code, municipality, municipality_name, province, region, ateco, is_reference
FROM programme.aggregation_member
WHERE aggregation_id = $1
ORDER BY position
LIMIT 1000;

-- name: steps
SELECT number, stage, on_day, reason, officer, changed_at FROM programme.stage_change
WHERE aggregation_id = $1
ORDER BY number
LIMIT 100;

-- name: insert_step
INSERT INTO programme.stage_change (aggregation_id, number, stage, on_day, reason, officer, changed_at) VALUES ($1, 1, $2, $3, $4, $5, $6);

-- name: insert_evaluation
INSERT INTO programme.evaluation (aggregation_id, version, answers, conclusion, score, on_day, officer, evaluated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: evaluations
SELECT version, answers, conclusion, score, on_day, officer, evaluated_at FROM programme.evaluation
WHERE aggregation_id = $1
ORDER BY evaluation_id DESC
LIMIT 100;

-- name: link_network
UPDATE programme.aggregation SET network_id = $2, changed_at = $3 WHERE aggregation_id = $1;

-- name: link_register
UPDATE programme.aggregation SET register_id = $2, changed_at = $3 WHERE aggregation_id = $1;

-- name: aggregation_of_network
SELECT aggregation_id FROM programme.aggregation WHERE network_id = $1;

-- name: aggregation_of_register
SELECT aggregation_id FROM programme.aggregation WHERE register_id = $1;

-- Contracts of the newest edition that a signed aggregation may be: that of its network's own deed; or one that its reference firm is in
-- and that no other aggregation is. How many firms they share is told, so that an officer can judge.
-- name: proposals
WITH edition AS (
    SELECT snapshot_id, taken_on FROM population.snapshot ORDER BY taken_on DESC LIMIT 1
), open_ones AS (
    SELECT a.aggregation_id, a.name, a.network_id, n.register_id AS own_register_id
    FROM programme.aggregation a
    LEFT JOIN registry.network n USING (network_id)
    WHERE a.stage = 'signed' AND ($1::uuid IS NULL OR a.aggregation_id = $1)
), code AS (
    SELECT o.aggregation_id, m.tax_code, m.is_reference
    FROM open_ones o JOIN programme.aggregation_member m USING (aggregation_id) WHERE m.tax_code <> ''
    UNION
    SELECT o.aggregation_id, f.tax_code, m.is_reference
    FROM open_ones o JOIN registry.membership m USING (network_id) JOIN registry.firm f USING (firm_id)
    WHERE f.tax_code <> '' AND m.left_on IS NULL
), shared AS (
    SELECT c.aggregation_id, f.register_id, count(DISTINCT f.tax_code) AS firms, bool_or(c.is_reference) AS by_reference
    FROM code c
    JOIN population.firm f ON f.tax_code = c.tax_code AND f.snapshot_id = (SELECT snapshot_id FROM edition)
    GROUP BY c.aggregation_id, f.register_id
)
SELECT o.aggregation_id, o.name AS aggregation, n.register_id, n.name, n.registered_on, n.members, e.taken_on,
       coalesce(n.register_id = o.own_register_id, false) AS by_deed, coalesce(s.by_reference, false) AS by_reference,
       coalesce(s.firms, 0)::integer AS firms
FROM open_ones o
CROSS JOIN edition e
JOIN population.network n ON n.snapshot_id = e.snapshot_id AND n.active
LEFT JOIN shared s ON s.aggregation_id = o.aggregation_id AND s.register_id = n.register_id
WHERE (n.register_id = o.own_register_id OR s.by_reference)
  AND NOT EXISTS (SELECT FROM programme.aggregation x WHERE x.register_id = n.register_id)
ORDER BY o.aggregation_id, by_deed DESC, firms DESC, n.registered_on DESC, n.register_id
LIMIT 500;

-- All steps of all aggregations, each way in its order: what the funnel is counted from.
-- name: ways
SELECT aggregation_id, stage, on_day FROM programme.stage_change ORDER BY aggregation_id, number LIMIT 1000000;

-- Before the first stage: sessions that were held by a moment, enrolments to them, who came, expressions of interest.
-- name: before
SELECT (SELECT count(*) FROM programme.info_session WHERE state = 'open' AND ends_at <= $1)::integer AS sessions,
       (SELECT count(*) FROM programme.enrolment e JOIN programme.info_session s USING (session_id)
        WHERE s.state = 'open' AND s.ends_at <= $1 AND e.state = 'confirmed')::integer AS enrolled,
       (SELECT count(*) FROM programme.enrolment e JOIN programme.info_session s USING (session_id)
        WHERE s.state = 'open' AND s.ends_at <= $1 AND e.attended)::integer AS attended,
       (SELECT count(*) FROM programme.expression)::integer AS expressions;

-- Firms of aggregations that came to a contract: those of the network as the registry has it, without one those of the aggregation.
-- name: firms_signed
SELECT (coalesce(sum(CASE WHEN a.network_id IS NULL
        THEN (SELECT count(*) FROM programme.aggregation_member m WHERE m.aggregation_id = a.aggregation_id)
        ELSE (SELECT count(*) FROM registry.membership m WHERE m.network_id = a.network_id AND m.left_on IS NULL) END), 0))::integer AS firms
FROM programme.aggregation a
WHERE a.stage IN ('signed', 'registered');

-- name: has_session
SELECT EXISTS (SELECT FROM programme.info_session WHERE session_id = $1);
