-- One row for each aggregation: in which region of Italy, '?' where nobody knows, and at which stage.
-- name: contributions
SELECT aggregation_id::text AS record, coalesce(nullif(region, ''), '?') AS region, stage
FROM programme.aggregation
WHERE stage IS NOT NULL
ORDER BY aggregation_id
LIMIT 1000000;
