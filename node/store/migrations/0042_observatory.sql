-- What the Observatory told: the newest build, kept so that no page counts anything, and the releases, frozen for ever. Public data.
CREATE SCHEMA observatory;

-- At most one row: the newest build (node/domain/observatory/figures.py).
CREATE TABLE observatory.figures (
    only_one   boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    as_of      date NOT NULL,
    made_at    timestamptz NOT NULL,
    inputs     text COLLATE "C" NOT NULL,
    document   bytea NOT NULL
);

-- A release is never changed: what somebody cited stays what they cited.
CREATE TABLE observatory.release (
    release_id text COLLATE "C" PRIMARY KEY CHECK (release_id ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
    as_of      date NOT NULL,
    made_at    timestamptz NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    document   bytea NOT NULL
);
