-- Logs: the node's own and those it follows. Bodies stand apart from entries so that they can be erased (PROTOCOL 3.2).
-- Every key begins with the origin, so that a table can be split by origin later.
CREATE SCHEMA log;

CREATE TABLE log.origin (
    origin_id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin        text COLLATE "C" NOT NULL UNIQUE,
    owner         text COLLATE "C" NOT NULL,
    name          text NOT NULL,
    url           text,
    vkey          text NOT NULL,
    is_own        boolean NOT NULL DEFAULT false,
    state         text NOT NULL DEFAULT 'new'
                  CHECK (state IN ('new', 'ready', 'waiting', 'stale', 'quarantined', 'suspended', 'closed')),
    -- The verified head: tree size, root, and the compact range that extends it (PROTOCOL 6).
    size          bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    root          bytea NOT NULL CHECK (octet_length(root) = 32),
    range_hashes  bytea NOT NULL DEFAULT '' CHECK (octet_length(range_hashes) % 32 = 0),
    checkpoint    bytea,
    etag          text,
    -- The road: when it was last walked, and what was wrong.
    checked_at    timestamptz,
    advanced_at   timestamptz,
    failures      integer NOT NULL DEFAULT 0,
    next_pull_at  timestamptz,
    error_code    text,
    error_text    text,
    error_at      timestamptz
);
CREATE UNIQUE INDEX origin_one_own ON log.origin (is_own) WHERE is_own AND state <> 'closed';

CREATE TABLE log.entry (
    origin_id  integer NOT NULL REFERENCES log.origin,
    idx        bigint NOT NULL CHECK (idx >= 0),
    entry      bytea NOT NULL,
    PRIMARY KEY (origin_id, idx)
);

-- Roots of complete subtrees of 256^level leaves: what tiles above level 0 and the bit-flip guard read.
CREATE TABLE log.subtree (
    origin_id  integer NOT NULL REFERENCES log.origin,
    level      smallint NOT NULL CHECK (level BETWEEN 1 AND 7),
    idx        bigint NOT NULL CHECK (idx >= 0),
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (origin_id, level, idx)
);

-- What each identifier's next entry must look like; a dead identifier stays for ever (PROTOCOL 3.1).
CREATE TABLE log.item (
    origin_id  integer NOT NULL REFERENCES log.origin,
    item_id    uuid NOT NULL,
    last_idx   bigint NOT NULL,
    revision   integer NOT NULL,
    dead       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (origin_id, item_id)
);

CREATE TABLE log.body (
    origin_id  integer NOT NULL REFERENCES log.origin,
    idx        bigint NOT NULL,
    salt       bytea NOT NULL CHECK (octet_length(salt) = 32),
    body       bytea NOT NULL,
    PRIMARY KEY (origin_id, idx)
);

-- Live entries whose body is not here yet.
CREATE TABLE log.wanted (
    origin_id  integer NOT NULL REFERENCES log.origin,
    idx        bigint NOT NULL,
    item_id    uuid NOT NULL,
    PRIMARY KEY (origin_id, idx)
);

-- Entries and bodies that were set aside, with the reason; the log goes on without them.
CREATE TABLE log.problem (
    origin_id  integer NOT NULL REFERENCES log.origin,
    idx        bigint NOT NULL,
    code       text NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (origin_id, idx, code)
);

-- Own checkpoints: a size is signed once, with one root, for ever.
CREATE TABLE log.signed (
    origin_id  integer NOT NULL REFERENCES log.origin,
    size       bigint NOT NULL,
    root       bytea NOT NULL CHECK (octet_length(root) = 32),
    note       bytea NOT NULL,
    signed_at  timestamptz NOT NULL,
    PRIMARY KEY (origin_id, size)
);

-- Nonces of verified requests, kept longer than a signature may live (PROTOCOL 4).
CREATE TABLE ops.nonce (
    keyid      text COLLATE "C" NOT NULL,
    nonce      text COLLATE "C" NOT NULL,
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (keyid, nonce)
);
CREATE INDEX nonce_seen_at ON ops.nonce (seen_at);
