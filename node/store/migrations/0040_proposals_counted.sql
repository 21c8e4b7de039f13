-- Who signs after a proposal, when that is another council: its keys, and how many of them must. 0: nobody beside those who decide now.
-- With it, how a proposal stands is counted by its rows: every signature that is kept was verified when it came.
ALTER TABLE agreement.proposal
    ADD COLUMN then_keyids text[] NOT NULL DEFAULT '{}',
    ADD COLUMN then_need integer NOT NULL DEFAULT 0 CHECK (then_need >= 0);

-- Of whom a request is, so that nobody's second one takes more room than the first; and when a person saw it.
ALTER TABLE agreement.request
    ADD COLUMN node_id text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN authority text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN http_key bytea NOT NULL DEFAULT '',
    ADD COLUMN looked_at timestamptz;
