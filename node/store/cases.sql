-- name: owner_known
SELECT EXISTS (
    SELECT FROM office.account a JOIN office.account_role r USING (account_id)
    WHERE a.name = $1 AND a.disabled_at IS NULL AND r.role = ANY($2::text[]));

-- name: network_known
SELECT EXISTS (SELECT FROM registry.network WHERE network_id = $1);

-- name: aggregation_known
SELECT EXISTS (SELECT FROM programme.aggregation WHERE aggregation_id = $1 AND stage IS NOT NULL);

-- name: insert_case
INSERT INTO programme.case_file
    (case_id, network_id, aggregation_id, title, lines, officer, office, opened_by, opened_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
ON CONFLICT (case_id) DO NOTHING;

-- name: insert_step
INSERT INTO programme.case_step (case_id, at, by_officer, action, to_officer, to_office, outcome, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- Whoever adds to a case, or changes it, holds its row to the end: what is closed meanwhile takes nothing more.
-- name: hold
SELECT c.state, c.revision FROM programme.case_file c WHERE c.case_id = $1 FOR NO KEY UPDATE;

-- name: touch
UPDATE programme.case_file SET changed_at = greatest(changed_at, $2) WHERE case_id = $1;

-- name: change_state
UPDATE programme.case_file
SET state = $2, closed_at = $3, outcome = $4, report = $5::jsonb, changed_at = $6, revision = revision + 1
WHERE case_id = $1;

-- name: hand_over
UPDATE programme.case_file SET officer = $2, office = $3, changed_at = $4, revision = revision + 1 WHERE case_id = $1;

-- The network is the case's own, or the one that its aggregation has become.
-- name: read_case
SELECT c.case_id::text AS case_id, n.network_id::text AS network_id, c.aggregation_id::text AS aggregation_id, n.name AS network,
       a.name AS aggregation, c.title,
       c.lines, c.state, c.officer, c.office, c.opened_by, c.opened_at, c.changed_at, c.revision, c.closed_at, c.outcome,
       c.report::text AS report
FROM programme.case_file c
LEFT JOIN programme.aggregation a USING (aggregation_id)
LEFT JOIN registry.network n ON n.network_id = coalesce(c.network_id, a.network_id)
WHERE c.case_id = $1;

-- name: case_ids_like
SELECT case_id::text AS case_id FROM programme.case_file WHERE case_id::text LIKE $1 || '%' ORDER BY case_id LIMIT 2;

-- The last changed first. $1 = states, $2 = who has it in hand, $3 = of which network, ($4, $5) = after which one, $7 = of which aggregation.
-- name: list_cases
SELECT c.case_id::text AS case_id, n.network_id::text AS network_id, c.aggregation_id::text AS aggregation_id, n.name AS network,
       a.name AS aggregation, c.title,
       c.lines, c.state, c.officer, c.office, c.opened_by, c.opened_at, c.changed_at, c.revision, c.closed_at, c.outcome,
       NULL::text AS report,
       (SELECT count(*) FROM programme.case_task t WHERE t.case_id = c.case_id AND t.state IN ('open', 'doing')) AS under_way,
       (SELECT min(t.due_on) FROM programme.case_task t WHERE t.case_id = c.case_id AND t.state IN ('open', 'doing')) AS next_due
FROM programme.case_file c
LEFT JOIN programme.aggregation a USING (aggregation_id)
LEFT JOIN registry.network n ON n.network_id = coalesce(c.network_id, a.network_id)
WHERE ($1::text[] IS NULL OR c.state = ANY($1)) AND ($2::text IS NULL OR c.officer = $2) AND ($3::uuid IS NULL OR n.network_id = $3)
  AND ($7::uuid IS NULL OR c.aggregation_id = $7)
  AND ($4::timestamptz IS NULL OR (c.changed_at, c.case_id) < ($4, $5::uuid))
ORDER BY c.changed_at DESC, c.case_id DESC
LIMIT $6;

-- name: objectives
SELECT text, measure, target, due_on FROM registry.objective WHERE network_id = $1 ORDER BY position LIMIT 100;

-- name: insert_task
INSERT INTO programme.case_task (task_id, case_id, line, title, owner, due_on, state, note, created_at, changed_at, changed_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)
ON CONFLICT (task_id) DO NOTHING;

-- name: read_task
SELECT task_id::text AS task_id, case_id::text AS case_id, line, title, owner, due_on, state, note, revision, created_at, changed_at, changed_by
FROM programme.case_task WHERE case_id = $1 AND task_id = $2;

-- Of two who saw the same, one changes it, and the other is told what it is by now.
-- name: change_task
UPDATE programme.case_task
SET line = $3, title = $4, owner = $5, due_on = $6, state = $7, note = $8, revision = revision + 1, changed_at = $9, changed_by = $10
WHERE case_id = $1 AND task_id = $2 AND revision = $11;

-- name: list_tasks
SELECT t.task_id::text AS task_id, t.case_id::text AS case_id, t.line, t.title, t.owner, t.due_on, t.state, t.note, t.revision, t.created_at,
       t.changed_at, t.changed_by
FROM programme.case_task t WHERE t.case_id = $1
ORDER BY t.state NOT IN ('open', 'doing'), t.due_on NULLS LAST, t.created_at, t.task_id
LIMIT 1000;

-- name: insert_hours
INSERT INTO programme.case_hours (entry_id, case_id, task_id, line, officer, day, hours, note, entered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (entry_id) DO NOTHING;

-- name: list_hours
SELECT entry_id::text AS entry_id, task_id::text AS task_id, line, officer, day, hours, note, entered_at
FROM programme.case_hours WHERE case_id = $1 ORDER BY day, entered_at, entry_id LIMIT 10000;

-- name: insert_cost
INSERT INTO programme.case_cost (entry_id, case_id, line, officer, day, amount, what, entered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (entry_id) DO NOTHING;

-- name: list_costs
SELECT entry_id::text AS entry_id, line, officer, day, amount, what, entered_at
FROM programme.case_cost WHERE case_id = $1 ORDER BY day, entered_at, entry_id LIMIT 10000;

-- name: delete_entry
WITH h AS (DELETE FROM programme.case_hours WHERE case_id = $1 AND entry_id = $2 RETURNING entry_id),
     c AS (DELETE FROM programme.case_cost WHERE case_id = $1 AND entry_id = $2 RETURNING entry_id)
SELECT (SELECT count(*) FROM h) + (SELECT count(*) FROM c);

-- name: insert_appointment
INSERT INTO programme.case_appointment (appointment_id, case_id, title, place, begins, ends, note, officer, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (appointment_id) DO NOTHING;

-- name: change_appointment
UPDATE programme.case_appointment
SET title = $3, place = $4, begins = $5, ends = $6, note = $7, officer = $8, changed_at = $9, sequence = sequence + 1
WHERE case_id = $1 AND appointment_id = $2 AND sequence = $10 AND NOT is_cancelled;

-- name: cancel_appointment
UPDATE programme.case_appointment
SET is_cancelled = true, sequence = sequence + 1, officer = $3, changed_at = $4
WHERE case_id = $1 AND appointment_id = $2 AND NOT is_cancelled;

-- name: list_appointments
SELECT appointment_id::text AS appointment_id, case_id::text AS case_id, title, place, begins, ends, note, is_cancelled, sequence, officer,
       changed_at
FROM programme.case_appointment WHERE case_id = $1 ORDER BY begins, appointment_id LIMIT 1000;

-- name: list_steps
SELECT at, by_officer, action, to_officer, to_office, outcome, note
FROM programme.case_step WHERE case_id = $1 ORDER BY step_id LIMIT 1000;

-- name: list_clauses
SELECT point, text, revision, officer, changed_at FROM programme.case_clause WHERE case_id = $1 ORDER BY point LIMIT 100;

-- name: insert_clause
INSERT INTO programme.case_clause (case_id, point, text, officer, changed_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (case_id, point) DO NOTHING;

-- name: change_clause
UPDATE programme.case_clause SET text = $3, officer = $4, changed_at = $5, revision = revision + 1
WHERE case_id = $1 AND point = $2 AND revision = $6;

-- name: delete_clause
DELETE FROM programme.case_clause WHERE case_id = $1 AND point = $2 AND revision = $3;

-- name: set_feed
INSERT INTO programme.calendar_feed (officer, token_hash, made_at) VALUES ($1, $2, $3)
ON CONFLICT (officer) DO UPDATE SET token_hash = $2, made_at = $3;

-- name: end_feed
DELETE FROM programme.calendar_feed WHERE officer = $1;

-- name: has_feed
SELECT made_at FROM programme.calendar_feed WHERE officer = $1;

-- An address is good while its account is, and may look at case files. $2 = the roles that may.
-- name: feed_of
SELECT f.officer
FROM programme.calendar_feed f
WHERE f.token_hash = $1 AND EXISTS (
    SELECT FROM office.account a JOIN office.account_role r USING (account_id)
    WHERE a.name = f.officer AND a.disabled_at IS NULL AND r.role = ANY($2::text[]));

-- What concerns an officer: appointments of the cases in their hands, days of the tasks that are theirs. $2 = from which day on.
-- name: feed_appointments
SELECT a.appointment_id::text AS appointment_id, a.case_id::text AS case_id, a.title, a.place, a.begins, a.ends, a.note, a.is_cancelled,
       a.sequence, a.officer, a.changed_at
FROM programme.case_appointment a
JOIN programme.case_file c USING (case_id)
WHERE c.officer = $1 AND a.ends >= $2
ORDER BY a.begins, a.appointment_id
LIMIT 1000;

-- name: feed_tasks
SELECT t.task_id::text AS task_id, t.case_id::text AS case_id, t.line, t.title, t.owner, t.due_on, t.state, t.note, t.revision, t.created_at,
       t.changed_at, t.changed_by
FROM programme.case_task t
JOIN programme.case_file c USING (case_id)
WHERE t.owner = $1 AND t.due_on IS NOT NULL AND t.state IN ('open', 'doing') AND c.state <> 'closed'
ORDER BY t.due_on, t.task_id
LIMIT 1000;

-- What waits: for one officer, and in all. $1 = the officer, $2 = today, $3 = until which day a task is due soon.
-- name: waiting
SELECT (SELECT count(*) FROM programme.case_file c WHERE c.state = 'open') AS open,
       (SELECT count(*) FROM programme.case_file c WHERE c.state = 'open' AND c.officer = $1) AS mine,
       count(*) FILTER (WHERE t.owner = $1) AS own_tasks,
       count(*) FILTER (WHERE t.owner = $1 AND t.due_on < $2) AS own_over,
       count(*) FILTER (WHERE t.owner = $1 AND t.due_on BETWEEN $2 AND $3) AS own_soon,
       count(*) FILTER (WHERE t.due_on < $2) AS over
FROM programme.case_task t
JOIN programme.case_file c USING (case_id)
WHERE t.state IN ('open', 'doing') AND c.state = 'open';
