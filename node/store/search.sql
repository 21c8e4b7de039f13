-- The same WHERE twice: "hits" orders one page, "counts" counts what all pages hold. Neutral arguments are NULL and fold
-- away while planning, so that one text serves every question and the index serves each.

-- name: hits
-- $1 what the words must meet, as tsquery; $2 exact terms; $3-$14 possible terms and the certain term of territory, sector,
-- period, size, theme, kind; $15 today (days since 1970); $16 newest first; $17-$21 the place after which to go on; $22 how
-- many; $23 published since; $24 only what witnesses vouch for; $25, $26 tests of words and their points; $27 terms of the
-- themes that come first; $28, $29 first days of quarters and the points of each; $30, $31 points of theme and witnesses.
-- The formula is domain/ranking's, in whole points: equal on every server.
WITH tests AS MATERIALIZED (
    SELECT q::tsquery AS test, t.points FROM unnest($25::text[], $26::int[]) AS t (q, points)
), logs AS MATERIALIZED (
    -- Should two logs show one identifier, they stand in an order that is the same on every node.
    SELECT l.origin_id, ('x' || left(encode(sha256(convert_to(l.origin, 'UTF8')), 'hex'), 15))::bit(60)::bigint AS log
    FROM log.origin l
), found AS (
    SELECT p.origin_id, p.idx, p.profile_id, o.origin, p.owner, p.published, l.log,
           CASE WHEN $4::text IS NULL THEN 0 ELSE (p.keys @> ARRAY[$4::text])::int END
           + CASE WHEN $6::text IS NULL THEN 0 ELSE (p.keys @> ARRAY[$6::text])::int END
           + CASE WHEN $8::text IS NULL THEN 0 ELSE (p.keys @> ARRAY[$8::text])::int END
           + CASE WHEN $10::text IS NULL THEN 0 ELSE (p.keys @> ARRAY[$10::text])::int END
           + CASE WHEN $12::text IS NULL THEN 0 ELSE (p.keys @> ARRAY[$12::text])::int END
           + CASE WHEN $14::text IS NULL THEN 0 ELSE (p.keys @> ARRAY[$14::text])::int END AS certain,
           CASE WHEN $1::text IS NULL THEN 0
                ELSE (SELECT coalesce(sum(t.points), 0) FROM tests t WHERE p.words @@ t.test) END::int
           + CASE WHEN p.keys && $27::text[] THEN $30::int ELSE 0 END
           + CASE WHEN p.idx < o.witnessed_size THEN $31::int ELSE 0 END
           + coalesce(($29::int[])[width_bucket(p.published, $28::int[])], 0) AS points
    FROM coop.profile p
    JOIN log.origin o ON o.origin_id = p.origin_id
    JOIN logs l ON l.origin_id = p.origin_id
    WHERE ($1::text IS NULL OR p.words @@ $1::text::tsquery)
      AND ($2::text[] IS NULL OR p.keys @> $2::text[])
      AND ($3::text[] IS NULL OR p.keys && $3::text[])
      AND ($5::text[] IS NULL OR p.keys && $5::text[])
      AND ($7::text[] IS NULL OR p.keys && $7::text[])
      AND ($9::text[] IS NULL OR p.keys && $9::text[])
      AND ($11::text[] IS NULL OR p.keys && $11::text[])
      AND ($13::text[] IS NULL OR p.keys && $13::text[])
      AND p.valid_until >= date '1970-01-01' + $15::int
      AND ($23::int IS NULL OR p.published >= $23::int)
      AND (NOT $24::boolean OR p.idx < o.witnessed_size)
      AND o.state NOT IN ('closed', 'suspended')
), placed AS (
    SELECT f.origin_id, f.idx, f.profile_id, f.origin, f.owner, f.log, f.points, f.published,
           -- A round of the future gains nothing.
           CASE WHEN NOT $16::boolean THEN f.certain WHEN f.published > $15::int THEN 0 ELSE f.published END::bigint AS first,
           CASE WHEN $16::boolean THEN 0 ELSE f.points END::bigint AS second
    FROM found f
), page AS (
    SELECT origin_id, idx, profile_id, origin, owner, log, points, published, first, second
    FROM placed
    WHERE $19::uuid IS NULL
       OR (-first, -second, profile_id, log, idx)
          > (-$17::bigint, -$18::bigint, $19::uuid, $20::bigint, $21::bigint)
    ORDER BY first DESC, second DESC, profile_id, log, idx
    LIMIT $22::int
)
SELECT g.origin_id, g.idx, g.profile_id, g.origin, g.owner, g.log, g.points, g.published, g.first, g.second, b.body,
       CASE WHEN g.idx < o.witnessed_size THEN o.witnessed_at END AS witnessed_at, o.state = 'quarantined' AS quarantined
FROM page g
JOIN log.origin o ON o.origin_id = g.origin_id
JOIN log.body b ON b.origin_id = g.origin_id AND b.idx = g.idx
ORDER BY g.first DESC, g.second DESC, g.profile_id, g.log, g.idx;

-- name: counts
-- $1 what the words must meet, as tsquery; $2 exact terms; $3-$8 possible terms of territory, sector, period, size, theme, kind; $9 today; $10 how many
-- at most; $11 published since; $12 only what witnesses vouch for. Beyond that many, a sample: the lowest identifiers, which are random and the same on every node.
WITH sample AS MATERIALIZED (
    SELECT p.profile_id, p.territory, p.sector, p.size, p.theme, p.kind, p.owner
    FROM coop.profile p
    JOIN log.origin o ON o.origin_id = p.origin_id
    WHERE ($1::text IS NULL OR p.words @@ $1::text::tsquery)
      AND ($2::text[] IS NULL OR p.keys @> $2::text[])
      AND ($3::text[] IS NULL OR p.keys && $3::text[])
      AND ($4::text[] IS NULL OR p.keys && $4::text[])
      AND ($5::text[] IS NULL OR p.keys && $5::text[])
      AND ($6::text[] IS NULL OR p.keys && $6::text[])
      AND ($7::text[] IS NULL OR p.keys && $7::text[])
      AND ($8::text[] IS NULL OR p.keys && $8::text[])
      AND p.valid_until >= date '1970-01-01' + $9::int
      AND ($11::int IS NULL OR p.published >= $11::int)
      AND (NOT $12::boolean OR p.idx < o.witnessed_size)
      AND o.state NOT IN ('closed', 'suspended')
    ORDER BY p.profile_id, p.origin_id, p.idx
    LIMIT $10::int
)
SELECT 'total' AS facet, max(profile_id::text) AS value, count(*) AS count FROM sample
UNION ALL SELECT 'territory', territory, count(*) FROM sample GROUP BY territory
UNION ALL SELECT 'sector', sector, count(*) FROM sample GROUP BY sector
UNION ALL SELECT 'size', size, count(*) FROM sample GROUP BY size
UNION ALL SELECT 'theme', theme, count(*) FROM sample GROUP BY theme
UNION ALL SELECT 'kind', kind, count(*) FROM sample GROUP BY kind
UNION ALL SELECT 'owner', owner, count(*) FROM sample GROUP BY owner
ORDER BY facet, value;

-- name: read_words
-- What the words mean to the index, as tsquery; empty for stop words alone.
SELECT websearch_to_tsquery('public.rete_it', $1::text)::text;

-- name: lexemes
-- The lexemes of single words, in their order; none for a stop word.
SELECT w.word, array(SELECT lexeme FROM unnest(to_tsvector('public.rete_it', w.word)) ORDER BY lexeme) AS lexemes
FROM unnest($1::text[]) WITH ORDINALITY AS w (word, place)
ORDER BY w.place;

-- name: known_lexemes
-- Those that any profile holds which may be seen on day $2.
SELECT l.lexeme
FROM unnest($1::text[]) AS l (lexeme)
WHERE EXISTS (
    SELECT FROM coop.profile p
    JOIN log.origin o ON o.origin_id = p.origin_id
    WHERE p.words @@ quote_literal(l.lexeme)::tsquery AND p.valid_until >= date '1970-01-01' + $2::int
      AND o.state NOT IN ('closed', 'suspended'));

-- name: lexeme_counts
-- How many profiles hold each of them that may be seen on day $2, at most $3.
SELECT l.lexeme, (
    SELECT count(*) FROM (
        SELECT FROM coop.profile p
        JOIN log.origin o ON o.origin_id = p.origin_id
        WHERE p.words @@ quote_literal(l.lexeme)::tsquery AND p.valid_until >= date '1970-01-01' + $2::int
          AND o.state NOT IN ('closed', 'suspended')
        LIMIT $3::int
    ) s
) AS count
FROM unnest($1::text[]) AS l (lexeme)
ORDER BY l.lexeme;

-- name: profile
SELECT p.origin_id, p.idx, p.profile_id, o.origin, p.owner, p.published, b.body,
       CASE WHEN p.idx < o.witnessed_size THEN o.witnessed_at END AS witnessed_at, o.state = 'quarantined' AS quarantined
FROM coop.profile p
JOIN log.origin o ON o.origin_id = p.origin_id
JOIN log.body b ON b.origin_id = p.origin_id AND b.idx = p.idx
WHERE p.profile_id = $1::uuid
  AND ($2::text IS NULL OR lower(p.owner) = lower($2::text))
  AND p.valid_until >= date '1970-01-01' + $3::int
  AND o.state NOT IN ('closed', 'suspended')
-- Should a second origin repeat a public identifier, the log that was known first is meant.
ORDER BY p.origin_id, p.idx
LIMIT 1;

-- name: profile_ids
-- Two are enough to know that a beginning is not one profile's alone.
SELECT DISTINCT p.profile_id
FROM coop.profile p
JOIN log.origin o ON o.origin_id = p.origin_id
WHERE p.profile_id BETWEEN $1::uuid AND $2::uuid
  AND ($3::text IS NULL OR lower(p.owner) = lower($3::text))
  AND p.valid_until >= date '1970-01-01' + $4::int
  AND o.state NOT IN ('closed', 'suspended')
ORDER BY p.profile_id
LIMIT 2;

-- name: bound_time
SELECT set_config('statement_timeout', $1::text, true), set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: plan_anew
SELECT set_config('plan_cache_mode', 'force_custom_plan', true);
