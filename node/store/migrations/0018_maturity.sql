-- The age class of a network becomes findable: rows of before get its term from their own bodies.
UPDATE coop.profile p
SET keys = p.keys || ('age=' || (convert_from(b.body, 'UTF8')::jsonb ->> 'maturity'))
FROM log.body b
WHERE b.origin_id = p.origin_id AND b.idx = p.idx;
