-- The agreement: who belongs, as its council signed it (PROTOCOL 7). All of it is public: every member hands it on.
CREATE SCHEMA agreement;

-- Every version that was applied, from the pinned first one on, as its bytes came; none is ever missing between two.
CREATE TABLE agreement.document (
    version    integer PRIMARY KEY CHECK (version >= 1),
    digest     text COLLATE "C" NOT NULL UNIQUE CHECK (digest ~ '^[0-9a-f]{64}$'),
    raw        bytea NOT NULL CHECK (octet_length(raw) BETWEEN 1 AND 4194304),
    applied_at timestamptz NOT NULL
);
ALTER TABLE agreement.document ALTER COLUMN raw SET COMPRESSION pglz;

-- The routine changes of the secretariat that were applied; the newest speaks.
CREATE TABLE agreement.routine (
    version    integer PRIMARY KEY CHECK (version >= 1),
    digest     text COLLATE "C" NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    raw        bytea NOT NULL CHECK (octet_length(raw) BETWEEN 1 AND 4194304),
    applied_at timestamptz NOT NULL
);

-- What collects signatures, as it was without any.
CREATE TABLE agreement.proposal (
    digest      text COLLATE "C" PRIMARY KEY CHECK (digest ~ '^[0-9a-f]{64}$'),
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('root', 'routine')),
    version     integer NOT NULL CHECK (version >= 1),
    raw         bytea NOT NULL CHECK (octet_length(raw) BETWEEN 1 AND 4194304),
    received_at timestamptz NOT NULL,
    by_member   text COLLATE "C" NOT NULL
);
CREATE TABLE agreement.signature (
    digest      text COLLATE "C" NOT NULL REFERENCES agreement.proposal ON DELETE CASCADE,
    keyid       text COLLATE "C" NOT NULL CHECK (keyid ~ '^[0-9a-f]{64}$'),
    sig         text COLLATE "C" NOT NULL CHECK (sig ~ '^[0-9a-f]{128}$'),
    received_at timestamptz NOT NULL,
    PRIMARY KEY (digest, keyid)
);

-- Two documents for one version, both signed as they must be: a person decides. Without ``applied`` neither of them stands.
CREATE TABLE agreement.fork (
    version      integer NOT NULL CHECK (version >= 1),
    digest       text COLLATE "C" NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    applied      boolean NOT NULL,
    raw_applied  bytea NOT NULL,
    raw_other    bytea NOT NULL,
    found_at     timestamptz NOT NULL,
    settled_at   timestamptz,
    PRIMARY KEY (version, digest)
);

-- Enrolment requests of administrations that want to join; a person compares their words before they are proposed.
CREATE TABLE agreement.request (
    fingerprint text COLLATE "C" PRIMARY KEY CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    raw         bytea NOT NULL CHECK (octet_length(raw) BETWEEN 1 AND 65536),
    received_at timestamptz NOT NULL
);

-- What a member last offered as the next version and was not taken, and why: changes nothing, tells the administrator.
CREATE TABLE agreement.refused (
    member  text COLLATE "C" PRIMARY KEY,
    version integer NOT NULL,
    code    text COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL
);

-- What the rows of the logs were last brought in line with, by which program: at a start with the same nothing has to be done.
CREATE TABLE agreement.enrolled (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    what text COLLATE "C" NOT NULL
);

-- A log of a suspended node: what it was before, and since when its node is suspended. A log of a node that left ends where the
-- agreement says: nothing beyond that is taken.
ALTER TABLE log.origin
    ADD COLUMN state_before text CHECK (state_before IN ('new', 'ready', 'waiting', 'stale', 'quarantined', 'frozen')),
    ADD COLUMN suspended_since date,
    ADD COLUMN end_size bigint CHECK (end_size >= 0),
    ADD COLUMN end_root bytea CHECK (octet_length(end_root) = 32),
    ADD CONSTRAINT end_has_a_root CHECK ((end_size IS NULL) = (end_root IS NULL));
