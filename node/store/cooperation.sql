-- name: delete_positions
DELETE FROM coop.profile WHERE origin_id = $1 AND idx = ANY($2::bigint[]);

-- name: delete_origin
DELETE FROM coop.profile WHERE origin_id = $1;

-- name: count_by_origin
SELECT origin_id, count(*) AS profiles
FROM coop.profile
GROUP BY origin_id
ORDER BY origin_id
LIMIT 10000;
