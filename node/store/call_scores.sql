-- Who judges what. Scores are read by programme.scores_shown alone (tests/flows/programme/test_blind_evaluation.py).

-- name: evaluators
SELECT evaluator, alias FROM programme.call_evaluator WHERE call_id = $1 ORDER BY alias LIMIT 1000;

-- name: insert_evaluator
INSERT INTO programme.call_evaluator (call_id, evaluator, alias) VALUES ($1, $2, $3) ON CONFLICT (call_id, evaluator) DO NOTHING;

-- name: assign
INSERT INTO programme.call_assignment (application_id, evaluator, officer, assigned_at) VALUES ($1, $2, office.acting(), $3)
ON CONFLICT (application_id, evaluator) DO NOTHING;

-- name: assigned
SELECT a.evaluator, e.alias, d.conflict, s.evaluator IS NOT NULL AS has_scored
FROM programme.call_assignment a
JOIN programme.application p USING (application_id)
JOIN programme.call_evaluator e ON e.call_id = p.call_id AND e.evaluator = a.evaluator
LEFT JOIN programme.call_declaration d ON d.application_id = a.application_id AND d.evaluator = a.evaluator
LEFT JOIN LATERAL programme.scores_given(a.application_id) s ON s.evaluator = a.evaluator
WHERE a.application_id = $1
ORDER BY e.alias
LIMIT 100;

-- name: own
SELECT a.application_id, p.call_id, p.year, p.number, d.conflict, s.evaluator IS NOT NULL AS has_scored
FROM programme.call_assignment a
JOIN programme.application p USING (application_id)
LEFT JOIN programme.call_declaration d ON d.application_id = a.application_id AND d.evaluator = a.evaluator
LEFT JOIN LATERAL programme.scores_given(a.application_id) s ON s.evaluator = a.evaluator
WHERE a.evaluator = $1 AND p.withdrawn_at IS NULL
ORDER BY p.call_id, p.year, p.number
LIMIT 10000;

-- name: is_assigned
SELECT EXISTS (SELECT FROM programme.call_assignment WHERE application_id = $1 AND evaluator = $2);

-- name: may_evaluate
SELECT programme.may_evaluate($1, $2);

-- name: declare
INSERT INTO programme.call_declaration (application_id, evaluator, conflict, declared_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (application_id, evaluator) DO NOTHING
RETURNING conflict;

-- name: declared
SELECT conflict FROM programme.call_declaration WHERE application_id = $1 AND evaluator = $2;

-- name: insert
INSERT INTO programme.call_score (application_id, evaluator, points, reasons, given_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (application_id, evaluator) DO NOTHING
RETURNING evaluator;

-- name: shown
SELECT evaluator, alias, points, reasons, given_at FROM programme.scores_shown($1, $2) ORDER BY alias LIMIT 100;
