-- What makes a log trustworthy without trusting anyone: relays, witnesses, receipts, evidence, a fence, yearly epochs.

ALTER TABLE log.origin
    -- SHA-256 of the origin line, lower-case hex: the log's name in a mirror's and a witness's paths (PROTOCOL 1.1).
    -- (A cast to bytea reads backslashes as escapes; none may stand alone.)
    ADD COLUMN origin_hash text COLLATE "C" NOT NULL
        GENERATED ALWAYS AS (encode(sha256(replace(origin, '\', '\\')::bytea), 'hex')) STORED,
    -- Entries are applied up to "size"; "checkpoint" is the last signed head that was reached as a whole.
    ADD COLUMN checkpoint_size bigint NOT NULL DEFAULT 0,
    -- A far head whose upper tiles are verified and whose bundles are being brought in one by one (PROTOCOL 6.2).
    ADD COLUMN pending bytea,
    -- The checkpoint with this node's mirror cosignature: its word that nothing up to there is withheld or unerased.
    ADD COLUMN relayed bytea,
    -- Up to where a quorum of the log's witnesses vouches, since when, and when any of them last spoke.
    ADD COLUMN witnessed_size bigint NOT NULL DEFAULT 0,
    ADD COLUMN witnessed_at timestamptz,
    ADD COLUMN cosigned_at timestamptz,
    -- When somebody last confirmed that the head is the newest there is, and which relay served it (NULL: its own node).
    ADD COLUMN confirmed_at timestamptz,
    ADD COLUMN relay text COLLATE "C",
    -- New entries taken on one day, against floods.
    ADD COLUMN grown_on date,
    ADD COLUMN grown bigint NOT NULL DEFAULT 0,
    -- The log of the epoch before, which this one continues; and when this log was frozen.
    ADD COLUMN predecessor_id integer REFERENCES log.origin,
    ADD COLUMN frozen_at timestamptz;

UPDATE log.origin
SET checkpoint_size = CASE WHEN checkpoint IS NULL THEN 0 ELSE size END,
    confirmed_at = CASE WHEN error_code IS NULL THEN checked_at END;
CREATE UNIQUE INDEX origin_by_hash ON log.origin (origin_hash);

ALTER TABLE log.origin DROP CONSTRAINT origin_state_check;
ALTER TABLE log.origin ADD CONSTRAINT origin_state_check CHECK (state IN
    ('new', 'ready', 'waiting', 'stale', 'quarantined', 'suspended', 'closed', 'frozen', 'fenced'));
DROP INDEX log.origin_one_own;
CREATE UNIQUE INDEX origin_one_own ON log.origin (is_own) WHERE is_own AND state NOT IN ('closed', 'frozen');

-- What each witness last said of the own log: the size it recorded and its cosignature line.
CREATE TABLE log.cosignature (
    origin_id  integer NOT NULL REFERENCES log.origin,
    member     text COLLATE "C" NOT NULL,
    size       bigint NOT NULL CHECK (size >= 0),
    signed_at  timestamptz NOT NULL,
    line       bytea NOT NULL,
    PRIMARY KEY (origin_id, member)
);

-- What this node, as a witness, last cosigned of each log. It only grows.
CREATE TABLE log.witnessed (
    origin_id    integer PRIMARY KEY REFERENCES log.origin,
    size         bigint NOT NULL CHECK (size >= 0),
    root         bytea NOT NULL CHECK (octet_length(root) = 32),
    note         bytea NOT NULL,
    cosigned_at  timestamptz NOT NULL
);

-- Mirror cosignatures of the own log: each member's receipt for every erasure up to that size.
CREATE TABLE log.receipt (
    origin_id  integer NOT NULL REFERENCES log.origin,
    member     text COLLATE "C" NOT NULL,
    size       bigint NOT NULL CHECK (size >= 0),
    signed_at  timestamptz NOT NULL,
    note       bytea NOT NULL,
    PRIMARY KEY (origin_id, member)
);

-- Two signed heads that can't both be true, with what shows it. Anyone can check it; it is never deleted.
CREATE TABLE log.evidence (
    origin_id    integer NOT NULL REFERENCES log.origin,
    digest       bytea NOT NULL CHECK (octet_length(digest) = 32),
    document     bytea NOT NULL,
    found_at     timestamptz NOT NULL,
    -- An administrator decided to go on in spite of it.
    released_at  timestamptz,
    PRIMARY KEY (origin_id, digest)
);

-- Decisions of administrators about a log: who, when, why.
CREATE TABLE log.ruling (
    ruling_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin_id   integer NOT NULL REFERENCES log.origin,
    action      text NOT NULL CHECK (action IN ('released', 'forgotten', 'confirmed', 'rolled-over', 'pruned')),
    officer     text NOT NULL CHECK (officer <> ''),
    reason      text NOT NULL CHECK (reason <> ''),
    decided_at  timestamptz NOT NULL
);
CREATE INDEX ruling_origin ON log.ruling (origin_id, ruling_id);

-- The server on which the own log was last found whole. A restored database meets another server, or an older self.
CREATE TABLE ops.fence (
    origin_id   integer PRIMARY KEY REFERENCES log.origin,
    system_id   text NOT NULL,
    timeline    integer NOT NULL,
    checked_at  timestamptz NOT NULL
);

-- A node that comes from an earlier version is taken to be whole where it stands.
INSERT INTO ops.fence (origin_id, system_id, timeline, checked_at)
SELECT o.origin_id, s.system_identifier::text, ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int, now()
FROM log.origin o, pg_control_system() s
WHERE o.is_own;
