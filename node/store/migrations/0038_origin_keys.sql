-- A log may have several keys while one is being changed; a key that was withdrawn speaks for its trees of up to until_size entries.
-- log.origin.vkey stays the newest of those that are not withdrawn: what is shown and exported.
CREATE TABLE log.origin_key (
    origin_id   integer NOT NULL REFERENCES log.origin,
    vkey        text COLLATE "C" NOT NULL,
    until_size  bigint CHECK (until_size >= 0),
    PRIMARY KEY (origin_id, vkey)
);
INSERT INTO log.origin_key (origin_id, vkey) SELECT origin_id, vkey FROM log.origin;

-- The request keys that members have had. What was said under one that its node gave up stays said ('former'); of one that the council
-- took away it can't be told who used it ('withdrawn').
CREATE TABLE agreement.http_key (
    member  text COLLATE "C" NOT NULL,
    public  bytea NOT NULL CHECK (octet_length(public) = 32),
    state   text COLLATE "C" NOT NULL CHECK (state IN ('listed', 'former', 'withdrawn')),
    PRIMARY KEY (member, public)
);

-- As deploy/roles.sql grants it, where that role is there already: whoever serves peers reads logs with their keys.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_public') AND has_table_privilege('rete_public', 'log.origin', 'SELECT') THEN
        GRANT SELECT ON log.origin_key TO rete_public;
    END IF;
END
$$;
