-- The cooperation database: one row per live profile of every origin, derived from log.body and rebuilt from it at will.
-- Only what finds and orders a profile stands here; what a hit shows is read from the body's own bytes.
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;

-- Wanted for near words later; a server without it still searches.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
    END IF;
END
$$;

-- Italian words without accents: "qualita" finds "qualità", in whatever way either was typed.
CREATE TEXT SEARCH CONFIGURATION public.rete_it (COPY = pg_catalog.italian);
ALTER TEXT SEARCH CONFIGURATION public.rete_it
    ALTER MAPPING FOR word, hword, hword_part WITH public.unaccent, pg_catalog.italian_stem;

CREATE SCHEMA coop;

CREATE TABLE coop.profile (
    origin_id    integer NOT NULL,
    idx          bigint NOT NULL,
    -- Not unique: identifiers are public, so a hostile origin can repeat another's; it must not stop anyone's pull.
    profile_id   uuid NOT NULL,
    owner        text COLLATE "C" NOT NULL,
    -- First day of the publication round, in days since 1970-01-01, as the body says.
    published    integer NOT NULL,
    valid_until  date NOT NULL,
    -- Generalised labels as "LEVEL:value,value" (domain/labels.py), for counting.
    territory    text COLLATE "C" NOT NULL,
    sector       text COLLATE "C" NOT NULL,
    period       text COLLATE "C" NOT NULL,
    size         text COLLATE "C" NOT NULL,
    theme        text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    -- Index terms of labels and of exact attributes (domain/labels.py), for finding.
    keys         text[] COLLATE "C" NOT NULL,
    -- Words by weight: title; themes, capabilities, categories; summary, needs, offers; description.
    text_a       text NOT NULL,
    text_b       text NOT NULL,
    text_c       text NOT NULL,
    text_d       text NOT NULL,
    words        tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('public.rete_it', text_a), 'A')
        || setweight(to_tsvector('public.rete_it', text_b), 'B')
        || setweight(to_tsvector('public.rete_it', text_c), 'C')
        || setweight(to_tsvector('public.rete_it', text_d), 'D')
    ) STORED,
    PRIMARY KEY (origin_id, idx),
    -- A profile is never found after its body was erased, whoever erased it.
    FOREIGN KEY (origin_id, idx) REFERENCES log.body (origin_id, idx) ON DELETE CASCADE
);

-- Ranking reads the words of every hit and nobody reads the texts again: words stay in the row, texts move out of it.
ALTER TABLE coop.profile ALTER COLUMN words SET STORAGE MAIN, ALTER COLUMN keys SET STORAGE MAIN;

CREATE INDEX profile_found ON coop.profile USING gin (words, keys);
-- Random identifiers in order: a fair sample of any set of profiles, the same on every node.
CREATE INDEX profile_by_id ON coop.profile (profile_id, origin_id, idx);
