-- The living endorsements in all logs that are followed, ours among them; a log that lies says nothing.
-- name: endorsements
SELECT o.owner, b.body
FROM coop.announcement a
JOIN log.body b USING (origin_id, idx)
JOIN log.origin o USING (origin_id)
WHERE a.kind = $1 AND o.state NOT IN ('quarantined', 'suspended')
ORDER BY o.owner, a.origin_id, a.idx
LIMIT 20000;
