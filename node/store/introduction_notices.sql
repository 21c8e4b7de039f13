-- name: untold
-- A page of cases with something to tell this office's people by mail, by id, and the words under which it is told once.
SELECT i.introduction_id, i.party, i.state, i.turn, i.own_due, i.other_due, i.since, i.introduced_at, i.created_by,
    -- An end that somebody of this office decided: what its node says by itself has no officer.
    EXISTS (SELECT FROM office.introduction_event e
            WHERE e.introduction_id = i.introduction_id AND e.party = i.party AND e.officer <> ''
              AND ((i.state = 'concluded' AND e.kind = 'outcome') OR (i.state = 'declined' AND e.kind = 'decline')
                   OR (i.state = 'withdrawn' AND e.kind IN ('withdraw', 'revoke')))) AS is_own_end,
    coalesce((SELECT array_agg(DISTINCT e.detail ORDER BY e.detail) FROM office.introduction_event e
              WHERE e.introduction_id = i.introduction_id AND e.party = i.party AND e.kind = 'follow-up'), '{}') AS followed_up,
    EXISTS (SELECT FROM office.introduction_identity t
            WHERE t.introduction_id = i.introduction_id AND t.erased_at IS NOT NULL) AS is_erased,
    coalesce((SELECT array_agg(t.what ORDER BY t.what) FROM office.introduction_notice t
              WHERE t.introduction_id = i.introduction_id), '{}') AS told
FROM office.introduction i
WHERE i.introduction_id > $3::uuid
  AND (i.changed_at >= $1 OR i.own_due IS NOT NULL OR i.other_due IS NOT NULL OR i.state IN ('introduced', 'followed_up'))
ORDER BY i.introduction_id
LIMIT $2;

-- name: mark_told
INSERT INTO office.introduction_notice (introduction_id, what, told_at)
SELECT n.id, n.what, $3 FROM unnest($1::uuid[], $2::text[]) AS n (id, what)
ON CONFLICT DO NOTHING;
