-- What the private register and the cases give to the planned tables: one row a record, as it is now. The province of a network is that of its
-- reference firm, or of the firm that joined first.

-- name: networks
SELECT n.network_id::text AS record, n.status, n.kind,
       CASE WHEN n.status IN ('signed', 'registered', 'amended') THEN (n.initial_fund * 100)::bigint END AS cents,
       coalesce(seat.province, '') AS province
FROM registry.network n
LEFT JOIN LATERAL (
    SELECT f.province
    FROM registry.membership m
    JOIN registry.firm f USING (firm_id)
    WHERE m.network_id = n.network_id AND m.left_on IS NULL
    ORDER BY m.is_reference DESC, m.joined_on, m.firm_id
    LIMIT 1
) seat ON true
WHERE n.owner = registry.own_node()
ORDER BY n.network_id
LIMIT 10000000;

-- name: led_firms
-- Firms of networks that are not closed; the network that a firm joined first is the one that its number must not betray.
SELECT f.firm_id::text AS record, f.led_by, f.province, first.network_id::text AS unit
FROM registry.firm f
JOIN LATERAL (
    SELECT m.network_id
    FROM registry.membership m
    JOIN registry.network n USING (network_id)
    WHERE m.firm_id = f.firm_id AND m.left_on IS NULL AND n.status <> 'closed' AND n.owner = registry.own_node()
    ORDER BY m.joined_on, m.network_id
    LIMIT 1
) first ON true
WHERE f.led_by <> '{}'
ORDER BY f.firm_id
LIMIT 10000000;

-- name: introductions
-- Cases that this office began, once they have left; who asks is a network, or a firm by itself.
SELECT i.introduction_id::text AS record, i.state, i.outcome, coalesce(i.network_id::text, '') AS network, coalesce(i.applicant ->> 'tax_code', '') AS tax_code,
       coalesce(seat.province, '') AS province, coalesce(i.applicant ->> 'region', '') AS region,
       coalesce(found.territory, '') AS territory
FROM office.introduction i
LEFT JOIN LATERAL (
    SELECT f.province
    FROM registry.membership m
    JOIN registry.firm f USING (firm_id)
    WHERE m.network_id = i.network_id AND m.left_on IS NULL
    ORDER BY m.is_reference DESC, m.joined_on, m.firm_id
    LIMIT 1
) seat ON true
LEFT JOIN LATERAL (
    SELECT p.territory FROM coop.profile p
    WHERE p.profile_id = i.profile_id AND p.owner = i.peer
    ORDER BY p.origin_id DESC, p.idx DESC
    LIMIT 1
) found ON true
WHERE i.party = 'seeker' AND i.state NOT IN ('draft', 'endorsed')
ORDER BY i.introduction_id
LIMIT 10000000;
