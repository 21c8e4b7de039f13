-- Statistics under disclosure control (docs/statistics.md). What each told number rests on is private, and this node's alone.
CREATE SCHEMA statistics;

-- Of each table of the plan the reference day at which it was told last.
CREATE TABLE statistics.told (
    table_id   text COLLATE "C" PRIMARY KEY,
    plan       integer NOT NULL,
    day        date NOT NULL,
    told_at    timestamptz NOT NULL,
    -- The numbers came from the own log, and their lists were made anew (a restore without them).
    adopted    boolean NOT NULL DEFAULT false
);

-- The cells with their numbers as they were told; 0: not told.
CREATE TABLE statistics.cell (
    table_id   text COLLATE "C" NOT NULL REFERENCES statistics.told ON DELETE CASCADE,
    -- The codes, joined by "|".
    place      text COLLATE "C" NOT NULL,
    value      bigint NOT NULL CHECK (value = 0 OR value >= 3),
    PRIMARY KEY (table_id, place)
);

-- The records behind a number ("base"), and those that were there at the last release ("seen"); no names, no codes of firms.
CREATE TABLE statistics.part (
    table_id   text COLLATE "C" NOT NULL,
    place      text COLLATE "C" NOT NULL,
    look       text COLLATE "C" NOT NULL CHECK (look IN ('base', 'seen')),
    record_id  uuid NOT NULL,
    -- Whom the number must not betray: a network.
    unit_id    uuid NOT NULL,
    amount     bigint NOT NULL,
    PRIMARY KEY (table_id, place, look, record_id),
    FOREIGN KEY (table_id, place) REFERENCES statistics.cell ON DELETE CASCADE
);
CREATE INDEX part_record ON statistics.part (record_id);

-- Which statistics stand in which log: one row per document, derived from log.body like coop.profile and gone with it. Public.
CREATE TABLE coop.statistics (
    origin_id  integer NOT NULL,
    idx        bigint NOT NULL,
    table_id   text COLLATE "C" NOT NULL,
    plan       integer NOT NULL,
    day        date NOT NULL,
    part       integer NOT NULL,
    parts      integer NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    PRIMARY KEY (origin_id, idx),
    FOREIGN KEY (origin_id, idx) REFERENCES log.body (origin_id, idx) ON DELETE CASCADE
);
CREATE INDEX statistics_of_log ON coop.statistics (origin_id, table_id, day, digest, part);

-- Statistics that came before this program knew them were kept raw: they are asked for once more, and read.
WITH gone AS (
    DELETE FROM log.problem p USING log.item i, log.origin o, log.body b
    WHERE p.code = 'body-type-unknown' AND o.origin_id = p.origin_id AND NOT o.is_own AND o.state NOT IN ('closed', 'frozen')
      AND i.origin_id = p.origin_id AND i.last_idx = p.idx AND NOT i.dead
      AND b.origin_id = p.origin_id AND b.idx = p.idx AND position('"type":"statistics/1"'::bytea IN b.body) > 0
    RETURNING p.origin_id, p.idx, i.item_id
), raw AS (
    DELETE FROM log.body b USING gone WHERE b.origin_id = gone.origin_id AND b.idx = gone.idx
)
INSERT INTO log.wanted (origin_id, idx, item_id) SELECT origin_id, idx, item_id FROM gone ON CONFLICT DO NOTHING;
