-- What releasing must remember: the one deferral of a profile, why a version waits, why a doubtful text was approved.
ALTER TABLE publication.profile ADD COLUMN deferred_until date;
ALTER TABLE publication.version ADD COLUMN held_code text;
ALTER TABLE publication.version
    ADD CONSTRAINT held_while_queued CHECK (held_code IS NULL OR state = 'queued');
-- A hold ends with its place in the queue, whoever takes the version out.
CREATE FUNCTION publication.end_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.held_code := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER hold_ends BEFORE UPDATE ON publication.version FOR EACH ROW
    WHEN (NEW.state <> 'queued' AND NEW.held_code IS NOT NULL) EXECUTE FUNCTION publication.end_hold();
ALTER TABLE publication.decision ADD COLUMN reason text CHECK (reason <> '');

-- One database serves one node: its id is the owner of every record, whoever inserts it. '' before the node has a log.
CREATE FUNCTION registry.own_node() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT owner FROM log.origin WHERE is_own AND state <> 'closed' ORDER BY origin_id DESC LIMIT 1), '')
$$;
ALTER TABLE registry.network ADD COLUMN owner text COLLATE "C" NOT NULL DEFAULT registry.own_node();

-- A code of another form is no tax code: such a firm counts by its name, like one without a code, unless it is known so.
UPDATE registry.firm f
SET tax_code = ''
WHERE f.tax_code !~ '^([0-9]{11}|[0-9A-Z]{16})?$' AND NOT EXISTS (
    SELECT 1 FROM registry.firm o
    WHERE o.firm_id <> f.firm_id AND o.name_key = f.name_key AND o.province = f.province
      AND o.tax_code !~ '^([0-9]{11}|[0-9A-Z]{16})$');

-- The rules of a network record (domain/network.py says the same in words). NOT VALID: rows of before may break a rule and
-- must not stop the node; whatever is written from now on keeps it. Where all rows do, the last statement says so.
ALTER TABLE registry.firm
    ADD CONSTRAINT tax_code_form CHECK (tax_code ~ '^([0-9]{11}|[0-9A-Z]{16})?$') NOT VALID;
ALTER TABLE registry.network
    ADD CONSTRAINT registered_has_deed CHECK (
        status NOT IN ('registered', 'amended') OR (deed_register_number <> '' AND signed_on IS NOT NULL)) NOT VALID,
    ADD CONSTRAINT entity_complete CHECK (
        kind <> 'entity' OR status IN ('potential', 'drafting')
        OR (has_common_fund AND has_common_body AND seat_municipality <> '')) NOT VALID;
-- Labels stay explainable: the partition they come from can't go away.
ALTER TABLE publication.profile
    ADD CONSTRAINT profile_partition FOREIGN KEY (partition_version) REFERENCES population.partition (version) NOT VALID;

-- Two firms or more, as things stand at the end of the transaction: firms come and go inside one. A network that is only
-- thought of may have none yet; of a closed one everybody has left.
CREATE FUNCTION registry.require_members() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    key uuid;
    found_status text;
    firms bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        key := NEW.network_id;
    ELSE
        key := OLD.network_id;
    END IF;
    SELECT n.status INTO found_status FROM registry.network n WHERE n.network_id = key;
    IF NOT FOUND OR found_status IN ('potential', 'drafting') THEN
        RETURN NULL;
    END IF;
    SELECT count(DISTINCT m.firm_id) INTO firms
    FROM registry.membership m
    WHERE m.network_id = key AND (m.left_on IS NULL OR found_status = 'closed');
    IF firms < 2 THEN
        RAISE EXCEPTION 'a network has at least two firms'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'network_members', SCHEMA = 'registry', TABLE = 'network';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER network_members AFTER INSERT OR UPDATE OF status ON registry.network
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry.require_members();
-- A membership that begins never leaves too few: only ends and moves are looked at.
CREATE CONSTRAINT TRIGGER membership_ended AFTER UPDATE OF network_id, firm_id, left_on ON registry.membership
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.network_id, OLD.firm_id, OLD.left_on) IS DISTINCT FROM (NEW.network_id, NEW.firm_id, NEW.left_on))
    EXECUTE FUNCTION registry.require_members();
CREATE CONSTRAINT TRIGGER membership_deleted AFTER DELETE ON registry.membership
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry.require_members();

DO $$
DECLARE
    rule record;
BEGIN
    FOR rule IN
        SELECT conrelid::regclass AS place, conname FROM pg_constraint
        WHERE NOT convalidated
          AND conname IN ('tax_code_form', 'registered_has_deed', 'entity_complete', 'profile_partition')
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', rule.place, rule.conname);
        EXCEPTION WHEN check_violation OR foreign_key_violation THEN
            -- Some row of before breaks it: the rule holds for what is written from now on.
            NULL;
        END;
    END LOOP;
END
$$;
