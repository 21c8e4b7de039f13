-- A row of a log belongs to a known origin: checked once per statement, not once per row, for the four tables that get
-- a row or more per profile. A foreign key to the same one row of log.origin cost a first pull a twentieth of its time.
ALTER TABLE log.entry DROP CONSTRAINT entry_origin_id_fkey;
ALTER TABLE log.item DROP CONSTRAINT item_origin_id_fkey;
ALTER TABLE log.body DROP CONSTRAINT body_origin_id_fkey;
ALTER TABLE log.wanted DROP CONSTRAINT wanted_origin_id_fkey;

-- As a foreign key does: the origins named are locked against deletion until the transaction ends, and must all be there.
CREATE FUNCTION log.hold_origins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    named integer[];
    held bigint;
BEGIN
    SELECT array_agg(a.origin_id) INTO named FROM (SELECT DISTINCT origin_id FROM added) a;
    PERFORM FROM log.origin WHERE origin_id = ANY (named) FOR KEY SHARE;
    GET DIAGNOSTICS held = ROW_COUNT;
    IF held < cardinality(named) THEN
        RAISE foreign_key_violation USING MESSAGE = format('rows of log.%I name an origin that is not known', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER entry_origin AFTER INSERT ON log.entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION log.hold_origins();
CREATE TRIGGER item_origin AFTER INSERT ON log.item
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION log.hold_origins();
CREATE TRIGGER body_origin AFTER INSERT ON log.body
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION log.hold_origins();
CREATE TRIGGER wanted_origin AFTER INSERT ON log.wanted
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION log.hold_origins();

-- After the deletion, so that what was committed while it waited for a lock is seen too.
CREATE FUNCTION log.keep_origin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM log.entry WHERE origin_id = OLD.origin_id)
        OR EXISTS (SELECT FROM log.item WHERE origin_id = OLD.origin_id)
        OR EXISTS (SELECT FROM log.body WHERE origin_id = OLD.origin_id)
        OR EXISTS (SELECT FROM log.wanted WHERE origin_id = OLD.origin_id) THEN
        RAISE foreign_key_violation USING MESSAGE = format('origin %s still has rows', OLD.origin_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER origin_kept AFTER DELETE OR UPDATE OF origin_id ON log.origin
    FOR EACH ROW EXECUTE FUNCTION log.keep_origin();

-- No row moves to another origin.
CREATE FUNCTION log.refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE foreign_key_violation USING MESSAGE = format('a row of log.%I keeps its origin', TG_TABLE_NAME);
END
$$;

CREATE TRIGGER entry_stays BEFORE UPDATE OF origin_id ON log.entry FOR EACH ROW EXECUTE FUNCTION log.refuse_move();
CREATE TRIGGER item_stays BEFORE UPDATE OF origin_id ON log.item FOR EACH ROW EXECUTE FUNCTION log.refuse_move();
CREATE TRIGGER body_stays BEFORE UPDATE OF origin_id ON log.body FOR EACH ROW EXECUTE FUNCTION log.refuse_move();
CREATE TRIGGER wanted_stays BEFORE UPDATE OF origin_id ON log.wanted FOR EACH ROW EXECUTE FUNCTION log.refuse_move();
