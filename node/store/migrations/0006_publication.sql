-- From a private record to what leaves: one identity per publication, versions that two officers decide.
CREATE SCHEMA publication;

CREATE TABLE publication.profile (
    profile_id         uuid PRIMARY KEY,
    network_id         uuid NOT NULL REFERENCES registry.network (network_id),
    register_id        text COLLATE "C" NOT NULL,
    partition_version  integer NOT NULL,
    -- Frozen for the life of the identifier: the block's number and labels, as published.
    block_id           integer NOT NULL,
    labels             jsonb NOT NULL,
    state              text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'published', 'withdrawn')),
    created_at         timestamptz NOT NULL,
    withdrawn_at       timestamptz,
    withdrawn_by       text
);
-- One living profile per network: two would be two views of one secret.
CREATE UNIQUE INDEX profile_one_living ON publication.profile (network_id) WHERE state <> 'withdrawn';

CREATE TABLE publication.version (
    profile_id     uuid NOT NULL REFERENCES publication.profile,
    number         integer NOT NULL CHECK (number >= 1),
    state          text NOT NULL CHECK (state IN ('draft', 'approved', 'queued', 'published', 'superseded', 'erased')),
    content        jsonb,
    content_hash   bytea NOT NULL CHECK (octet_length(content_hash) = 32),
    author         text NOT NULL CHECK (author <> ''),
    authored_at    timestamptz NOT NULL,
    approver       text CHECK (approver <> ''),
    approved_at    timestamptz,
    approved_hash  bytea,
    release_day    integer,
    log_idx        bigint,
    PRIMARY KEY (profile_id, number),
    -- Four eyes, where no program can forget them.
    CONSTRAINT four_eyes CHECK (approver IS NULL OR lower(approver) <> lower(author)),
    CONSTRAINT approved_by_someone CHECK (state NOT IN ('approved', 'queued', 'published')
        OR (approver IS NOT NULL AND approved_at IS NOT NULL AND approved_hash = content_hash)),
    CONSTRAINT content_until_erased CHECK ((content IS NULL) = (state IN ('erased', 'superseded')))
);
-- At most one version of a profile is under way at a time.
CREATE UNIQUE INDEX version_one_open ON publication.version (profile_id) WHERE state IN ('draft', 'approved', 'queued');

CREATE TABLE publication.decision (
    decision_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    profile_id     uuid NOT NULL REFERENCES publication.profile,
    number         integer NOT NULL,
    action         text NOT NULL CHECK (action IN ('drafted', 'approved', 'queued', 'published', 'withdrawn')),
    officer        text NOT NULL,
    decided_at     timestamptz NOT NULL,
    candidates     integer NOT NULL,
    content_hash   bytea NOT NULL
);
CREATE INDEX decision_profile ON publication.decision (profile_id, decision_id);
