-- Saved searches: who asked to be told of new profiles, and how far each was told.

-- The order in which profiles became known here. Writers of one log run side by side, so a number may commit after a higher
-- one: whoever reads by it waits until the writers of before are done (flows/logs/arrivals.settled).
ALTER TABLE coop.profile ADD COLUMN arrival bigint NOT NULL DEFAULT 0;
CREATE SEQUENCE coop.profile_arrival OWNED BY coop.profile.arrival;
-- Set after the column was made: rows of before keep 0 and the table is not written again.
ALTER TABLE coop.profile ALTER COLUMN arrival SET DEFAULT nextval('coop.profile_arrival');
CREATE INDEX profile_by_arrival ON coop.profile (arrival);

CREATE SCHEMA IF NOT EXISTS office;

-- What is asked. No address stands here: the peer-facing role serves feeds from this table.
CREATE TABLE office.saved_search (
    search_id   uuid PRIMARY KEY,
    title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 120),
    -- The question as a permalink's parameters.
    query       jsonb NOT NULL CHECK (jsonb_typeof(query) = 'object' AND length(query::text) <= 4000),
    -- SHA-256 of what its maker shows to read or delete it; the token itself is kept nowhere.
    token_hash  bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    made_by     text COLLATE "C" NOT NULL CHECK (made_by IN ('api', 'office')),
    created_at  timestamptz NOT NULL,
    -- Up to which arrival this search has looked.
    arrival     bigint NOT NULL DEFAULT 0,
    -- When its feed was last read, to the day: what nobody reads goes.
    read_on     date NOT NULL
);
CREATE INDEX saved_search_read ON office.saved_search (made_by, read_on);

-- Whom to tell, and what became of it. An address is erased when its owner leaves; that it left stays.
CREATE TABLE office.saved_channel (
    search_id        uuid NOT NULL REFERENCES office.saved_search ON DELETE CASCADE,
    channel          text COLLATE "C" NOT NULL CHECK (channel IN ('email', 'webhook')),
    address          text NOT NULL CHECK (length(address) <= 500),
    unsubscribed_at  timestamptz,
    -- Not before: the next digest, the next attempt, or the end of a lease on an attempt that is under way.
    next_at          timestamptz NOT NULL,
    told_at          timestamptz,
    failures         integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    error_code       text COLLATE "C",
    PRIMARY KEY (search_id, channel),
    CONSTRAINT address_until_left CHECK ((address = '') = (unsubscribed_at IS NOT NULL))
);
CREATE INDEX saved_channel_due ON office.saved_channel (next_at) WHERE unsubscribed_at IS NULL;

-- For searches of vouched profiles: up to which position of each log witnesses vouched when it last looked.
CREATE TABLE office.saved_mark (
    search_id  uuid NOT NULL REFERENCES office.saved_search ON DELETE CASCADE,
    origin_id  integer NOT NULL REFERENCES log.origin ON DELETE CASCADE,
    witnessed  bigint NOT NULL CHECK (witnessed >= 0),
    PRIMARY KEY (search_id, origin_id)
);

-- What was found for whom: an outbox while told_at is empty, then the memory that keeps anything from being told twice.
CREATE TABLE office.saved_news (
    search_id    uuid NOT NULL,
    channel      text COLLATE "C" NOT NULL,
    owner        text COLLATE "C" NOT NULL,
    profile_id   uuid NOT NULL,
    found_at     timestamptz NOT NULL,
    -- The message it leaves with; the same one at every attempt, so that a receiver knows a repetition.
    delivery_id  uuid,
    told_at      timestamptz,
    PRIMARY KEY (search_id, channel, owner, profile_id),
    FOREIGN KEY (search_id, channel) REFERENCES office.saved_channel ON DELETE CASCADE
);
CREATE INDEX saved_news_untold ON office.saved_news (search_id, channel, found_at) WHERE told_at IS NULL;
