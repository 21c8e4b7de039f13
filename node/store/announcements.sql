-- name: insert
INSERT INTO coop.announcement (origin_id, idx, item_id, kind, owner, revision, title, regions, begins, ends, deadline, opens, closes, keys,
                               text_a, text_b, text_c)
SELECT $1, u.idx, u.item_id, u.kind, u.owner, u.revision, u.title, string_to_array(u.regions, ' '), u.begins, u.ends, u.deadline, u.opens,
       u.closes, string_to_array(u.keys, ' '), u.text_a, u.text_b, u.text_c
FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::date[], $10::date[], $11::date[],
            $12::date[], $13::date[], $14::text[], $15::text[], $16::text[], $17::text[])
    AS u (idx, item_id, kind, owner, revision, title, regions, begins, ends, deadline, opens, closes, keys, text_a, text_b, text_c);

-- name: own
-- The living announcement of an identifier in one log.
SELECT b.body
FROM coop.announcement a
JOIN log.body b USING (origin_id, idx)
WHERE a.origin_id = $1 AND a.item_id = $2
ORDER BY a.idx DESC
LIMIT 1;
