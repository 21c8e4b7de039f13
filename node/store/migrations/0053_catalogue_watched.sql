-- Saved searches of the catalogue: what the members announce, change and withdraw is told by the daily digest (docs/saved-searches.md).

-- What a saved search asks.
ALTER TABLE office.saved_search
    ADD COLUMN corpus text COLLATE "C" NOT NULL DEFAULT 'profiles' CHECK (corpus IN ('profiles', 'catalogue'));

-- One row for each announcement that such a search has found: how much of it was told. No word of it stands here, so that nothing is left
-- of what its owner withdraws but that there was something of this kind.
CREATE TABLE office.saved_announcement (
    search_id  uuid NOT NULL REFERENCES office.saved_search ON DELETE CASCADE,
    owner      text COLLATE "C" NOT NULL,
    item_id    uuid NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    -- Up to which revision it was told; 0: nothing of it yet.
    revision   integer NOT NULL CHECK (revision >= 0),
    -- Of which last day it was said that it is near.
    reminded   date,
    -- What is to be told of it; looked at anew before every message.
    waits      text COLLATE "C" CHECK (waits IN ('new', 'changed', 'closing', 'withdrawn')),
    PRIMARY KEY (search_id, owner, item_id)
);
CREATE INDEX saved_announcement_waits ON office.saved_announcement (search_id) WHERE waits IS NOT NULL;
