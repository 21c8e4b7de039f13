-- What waits for other nodes, sealed, and how far each outbox was read (PROTOCOL 10). Ciphertext and numbers only: the schema that
-- what answers other nodes may read holds no word of anybody.
CREATE SCHEMA post;

-- One member: the last number given to it and the last handed out to it; how far its own outbox is read here, when it is asked
-- again, when it is told again that something waits (null: nothing does).
CREATE TABLE post.box (
    peer text COLLATE "C" PRIMARY KEY,
    sent bigint NOT NULL DEFAULT 0 CHECK (sent >= 0),
    served bigint NOT NULL DEFAULT 0 CHECK (served >= 0 AND served <= sent),
    received bigint NOT NULL DEFAULT 0 CHECK (received >= 0),
    -- How far the member said it had read ours, and whether it has said less since: its database is an older copy.
    acked bigint NOT NULL DEFAULT 0 CHECK (acked >= 0),
    rewound boolean NOT NULL DEFAULT false,
    -- When it was last told all again.
    given_at timestamptz,
    next_at timestamptz,
    asked_at timestamptz,
    -- When the question was asked after which its outbox had been read to its end.
    read_at timestamptz,
    failures int NOT NULL DEFAULT 0 CHECK (failures >= 0),
    error_code text COLLATE "C",
    hint_at timestamptz,
    hints int NOT NULL DEFAULT 0 CHECK (hints >= 0)
);

-- Messages until their recipient says that it has them. The key is deferrable, since a restored node numbers anew what waits.
CREATE TABLE post.outbox (
    recipient text COLLATE "C" NOT NULL REFERENCES post.box (peer),
    number bigint NOT NULL CHECK (number > 0),
    introduction_id uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 0),
    key_id text COLLATE "C" NOT NULL,
    sealed bytea NOT NULL CHECK (octet_length(sealed) BETWEEN 1 AND 69632),
    queued_at timestamptz NOT NULL,
    PRIMARY KEY (recipient, number) DEFERRABLE INITIALLY IMMEDIATE
);
-- Ciphertext does not shrink.
ALTER TABLE post.outbox ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- What came and could not be opened or applied; it stopped nothing.
CREATE TABLE post.refused (
    peer text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    code text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (peer, number)
);
