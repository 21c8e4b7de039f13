-- What the members announce: one row per living announcement of every log, derived from log.body like coop.profile and gone with it. Public.
CREATE TABLE coop.announcement (
    origin_id  integer NOT NULL,
    idx        bigint NOT NULL,
    -- In which order they came to this node.
    arrival    bigint GENERATED ALWAYS AS IDENTITY,
    -- Not unique: identifiers are public, and a call of several members has one in the log of each.
    item_id    uuid NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    owner      text COLLATE "C" NOT NULL,
    revision   integer NOT NULL,
    title      text NOT NULL,
    regions    text[] COLLATE "C" NOT NULL,
    begins     date,
    ends       date,
    deadline   date,
    -- The first and the last day on which anything can be done about it; null: always, never.
    opens      date,
    closes     date,
    -- Index terms: kind=, own=, reg=, line=.
    keys       text[] COLLATE "C" NOT NULL,
    -- Words by weight: title; summary; the rest.
    text_a     text NOT NULL,
    text_b     text NOT NULL,
    text_c     text NOT NULL,
    words      tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('public.rete_it', text_a), 'A')
        || setweight(to_tsvector('public.rete_it', text_b), 'B')
        || setweight(to_tsvector('public.rete_it', text_c), 'C')
    ) STORED,
    PRIMARY KEY (origin_id, idx),
    FOREIGN KEY (origin_id, idx) REFERENCES log.body (origin_id, idx) ON DELETE CASCADE
);
CREATE INDEX announcement_found ON coop.announcement USING gin (words, keys);
CREATE INDEX announcement_arrived ON coop.announcement (arrival);
CREATE INDEX announcement_item ON coop.announcement (item_id, origin_id);

-- What this office announced, changed and withdrew, and who decided it; only ever added to, and each row an event of the chain (docs/audit.md).
CREATE TABLE programme.announced (
    announced_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id       uuid NOT NULL,
    kind          text COLLATE "C" NOT NULL,
    action        text COLLATE "C" NOT NULL CHECK (action IN ('announced', 'changed', 'withdrawn')),
    revision      integer NOT NULL,
    officer       text DEFAULT nullif(office.acting(), ''),
    at            timestamptz NOT NULL
);
CREATE INDEX announced_item ON programme.announced (item_id, announced_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON programme.announced
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

CREATE FUNCTION audit.announcement_facts(a programme.announced) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'row', a.announced_id, 'item', a.item_id, 'announcement_kind', a.kind, 'action', a.action, 'revision', a.revision, 'officer', a.officer)
$$;
CREATE FUNCTION audit.record_announcement() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('announcement', audit.announcement_facts(NEW));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER announcement_recorded AFTER INSERT ON programme.announced
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_announcement();
REVOKE EXECUTE ON FUNCTION audit.record_announcement() FROM PUBLIC;

-- Announcements that came before this program knew them were kept raw: they are asked for once more, and read.
WITH gone AS (
    DELETE FROM log.problem p USING log.item i, log.origin o, log.body b
    WHERE p.code = 'body-type-unknown' AND o.origin_id = p.origin_id AND NOT o.is_own AND o.state NOT IN ('closed', 'frozen')
      AND i.origin_id = p.origin_id AND i.last_idx = p.idx AND NOT i.dead
      AND b.origin_id = p.origin_id AND b.idx = p.idx
      AND (position('"type":"session/1"'::bytea IN b.body) > 0 OR position('"type":"service/1"'::bytea IN b.body) > 0
           OR position('"type":"call/1"'::bytea IN b.body) > 0 OR position('"type":"ranking/1"'::bytea IN b.body) > 0
           OR position('"type":"course/1"'::bytea IN b.body) > 0)
    RETURNING p.origin_id, p.idx, i.item_id
), raw AS (
    DELETE FROM log.body b USING gone WHERE b.origin_id = gone.origin_id AND b.idx = gone.idx
)
INSERT INTO log.wanted (origin_id, idx, item_id) SELECT origin_id, idx, item_id FROM gone ON CONFLICT DO NOTHING;
