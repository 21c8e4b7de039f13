-- Routine documents are held side by side, and together are what is in effect (PROTOCOL 7.8). They name their secretariat, and each new key in
-- them proves itself: documents of the form before say neither, and are brought again.
DELETE FROM agreement.routine;
ALTER TABLE agreement.routine DROP CONSTRAINT routine_pkey, ADD PRIMARY KEY (digest);
DELETE FROM agreement.proposal WHERE kind = 'routine';

-- Signed as it must be, and in contradiction to what is held of a node: the council decides.
CREATE TABLE agreement.routine_fork (
    digest   text COLLATE "C" PRIMARY KEY CHECK (digest ~ '^[0-9a-f]{64}$'),
    node     text COLLATE "C" NOT NULL,
    raw      bytea NOT NULL CHECK (octet_length(raw) BETWEEN 1 AND 4194304),
    found_at timestamptz NOT NULL
);
ALTER TABLE agreement.routine_fork ALTER COLUMN raw SET COMPRESSION pglz;
