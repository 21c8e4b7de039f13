-- What the programme gives to the planned tables: one row a record, as it is now.

-- name: aggregations
-- Aggregations that are no networks of the private register: where they stand, or before or after which judgement they were left. From
-- accompaniment on the register has a network for each, which another table counts: whoever came so far is never here again.
SELECT a.aggregation_id::text AS record, a.region,
       CASE WHEN a.stage <> 'dropped' THEN a.stage WHEN way.evaluated THEN 'left-evaluated' ELSE 'left-unevaluated' END AS stage
FROM programme.aggregation a
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(c.stage = 'evaluated'), false) AS evaluated, coalesce(bool_or(c.stage = 'accompanied'), false) AS accompanied
    FROM programme.stage_change c
    WHERE c.aggregation_id = a.aggregation_id
) way
WHERE a.stage IN ('potential', 'evaluated', 'dropped') AND NOT way.accompanied
ORDER BY a.aggregation_id
LIMIT 1000000;

-- name: assistance
-- Case files by service line. Whom a case must not betray: the network, by the name that it had as an aggregation if it was one, so that a case of
-- before and one of after accompaniment are one network's. Of a closed case too: that there was help is not undone.
SELECT c.case_id::text AS record, l.line, coalesce(g.aggregation_id, c.aggregation_id, c.network_id)::text AS unit,
       coalesce(seat.province, '') AS province, coalesce(g.region, '') AS region
FROM programme.case_file c
CROSS JOIN LATERAL (SELECT DISTINCT unnest(c.lines) AS line) l
LEFT JOIN programme.aggregation g ON g.aggregation_id = c.aggregation_id OR g.network_id = c.network_id
LEFT JOIN LATERAL (
    SELECT f.province
    FROM registry.membership m
    JOIN registry.firm f USING (firm_id)
    WHERE m.network_id = coalesce(c.network_id, g.network_id) AND m.left_on IS NULL
    ORDER BY m.is_reference DESC, m.joined_on, m.firm_id
    LIMIT 1
) seat ON true
ORDER BY c.case_id, l.line
LIMIT 10000000;
