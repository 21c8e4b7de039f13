-- The words of a ruling's reason may go as those of a decision's do (0015); masked names are nobody's; codes are compared bare.

ALTER TABLE log.ruling
    ALTER COLUMN reason DROP NOT NULL,
    ALTER COLUMN reason_salt DROP NOT NULL,
    ADD COLUMN reason_erased_by text CHECK (reason_erased_by <> ''),
    ADD CONSTRAINT reason_with_salt CHECK ((reason IS NULL) = (reason_salt IS NULL)),
    ADD CONSTRAINT reason_erased CHECK ((reason IS NULL) = (reason_erased_by IS NOT NULL));

CREATE FUNCTION audit.keep_ruling() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shape log.ruling := OLD;
BEGIN
    shape.reason := NULL;
    shape.reason_salt := NULL;
    shape.reason_erased_by := NEW.reason_erased_by;
    IF OLD.reason IS NULL OR NEW.reason_erased_by IS NULL OR NEW IS DISTINCT FROM shape THEN
        RAISE EXCEPTION 'rows of log.ruling are never changed nor deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'append_only', SCHEMA = 'log', TABLE = 'ruling';
    END IF;
    PERFORM publication.require_officer(NEW.reason_erased_by);
    RETURN NEW;
END
$$;
DROP TRIGGER append_only ON log.ruling;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON log.ruling FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER ruling_kept BEFORE UPDATE ON log.ruling FOR EACH ROW EXECUTE FUNCTION audit.keep_ruling();

-- Erases the words of one ruling's reason; false when there are none. Its event stays, and another says that they are gone.
CREATE FUNCTION audit.erase_ruling_reason(ruling bigint, officer text DEFAULT session_user) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE log.ruling r
    SET reason = NULL, reason_salt = NULL, reason_erased_by = erase_ruling_reason.officer
    WHERE r.ruling_id = ruling AND r.reason IS NOT NULL;
    RETURN FOUND;
END
$$;
REVOKE EXECUTE ON FUNCTION audit.erase_ruling_reason(bigint, text) FROM PUBLIC;

CREATE FUNCTION audit.record_ruling_erasure() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('ruling-reason-erased', jsonb_build_object('row', NEW.ruling_id, 'officer', NEW.reason_erased_by));
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION audit.record_ruling_erasure() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER ruling_erasure_recorded AFTER UPDATE ON log.ruling
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_ruling_erasure();

-- As rete_node is granted the erasure of a decision's reason (deploy/roles.sql), where that role is there already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_node')
       AND has_function_privilege('rete_node', 'publication.erase_reason(bigint, text)', 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION audit.erase_ruling_reason(bigint, text) TO rete_node;
        REVOKE UPDATE, DELETE ON log.ruling FROM rete_node;
    END IF;
END
$$;

-- A consent's purpose and text are written by people too: a name in them is masked as the person is.
CREATE OR REPLACE FUNCTION registry.keep_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.revoked_at IS NULL THEN
            RAISE EXCEPTION 'a consent that stands is not deleted'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'consent_log', SCHEMA = 'registry', TABLE = 'consent';
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.consent_id, NEW.network_id, NEW.given_at) IS DISTINCT FROM (OLD.consent_id, OLD.network_id, OLD.given_at)
       OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
       OR (NEW.person IS DISTINCT FROM OLD.person AND position('[cancellato]' IN NEW.person) = 0)
       OR (NEW.purpose IS DISTINCT FROM OLD.purpose AND position('[cancellato]' IN NEW.purpose) = 0)
       OR (NEW.version IS DISTINCT FROM OLD.version AND position('[cancellato]' IN NEW.version) = 0) THEN
        RAISE EXCEPTION 'a consent is only revoked'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'consent_log', SCHEMA = 'registry', TABLE = 'consent';
    END IF;
    RETURN NEW;
END
$$;

-- Spans are masked by the program, which finds what an expression does not.
DROP FUNCTION registry.masked(text, text);

-- The codes of networks, as those of firms are kept: capitals and digits.
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT n.network_id, upper(regexp_replace(n.own_tax_code, '[^[:alnum:]]', '', 'g')) AS bare FROM registry.network n
        WHERE n.own_tax_code <> upper(regexp_replace(n.own_tax_code, '[^[:alnum:]]', '', 'g'))
    LOOP
        BEGIN
            UPDATE registry.network n SET own_tax_code = item.bare WHERE n.network_id = item.network_id;
        EXCEPTION WHEN check_violation THEN
            -- A row of before that breaks a rule of 0009 stays as it is; searches read its code all the same.
            NULL;
        END;
    END LOOP;
END
$$;

-- Every name that must not stand in a text that leaves; where a name was erased, the word in its place is nobody's.
CREATE OR REPLACE VIEW registry.secret_term AS
SELECT kind, text FROM (
    SELECT 'firm' AS kind, name AS text FROM registry.firm WHERE NOT natural_person
    UNION
    SELECT 'person', name FROM registry.firm WHERE natural_person
    UNION
    SELECT 'code', tax_code FROM registry.firm WHERE tax_code <> ''
    UNION
    SELECT 'code', vat_number FROM registry.firm WHERE vat_number <> ''
    UNION
    SELECT 'code', rea FROM registry.firm WHERE rea <> ''
    UNION
    SELECT 'network', name FROM registry.network
    UNION
    SELECT 'code', own_tax_code FROM registry.network WHERE own_tax_code <> ''
    UNION
    SELECT 'code', own_rea FROM registry.network WHERE own_rea <> ''
    UNION
    SELECT 'person', notary FROM registry.network WHERE notary <> ''
    UNION
    SELECT 'person', common_body_holder FROM registry.network WHERE common_body_holder <> ''
    UNION
    SELECT 'person', person FROM registry.contact WHERE person <> ''
    UNION
    SELECT 'person', person FROM registry.consent WHERE person <> ''
    UNION
    SELECT 'contact', phone FROM registry.contact WHERE phone <> ''
    UNION
    SELECT 'contact', split_part(email, '@', 2) FROM registry.contact WHERE email LIKE '%@%'
) every_term
WHERE position('[cancellato]' IN text) = 0;

-- A closed network whose term is over keeps nobody: only the row on which its profile hangs.
CREATE OR REPLACE FUNCTION registry.require_members() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    key uuid;
    kept record;
    firms bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        key := NEW.network_id;
    ELSE
        key := OLD.network_id;
    END IF;
    SELECT n.status, n.name INTO kept FROM registry.network n WHERE n.network_id = key;
    IF NOT FOUND OR kept.status IN ('potential', 'drafting')
       OR (kept.status = 'closed' AND kept.name = '[cancellato] ' || left(key::text, 8)) THEN
        RETURN NULL;
    END IF;
    SELECT count(DISTINCT m.firm_id) INTO firms
    FROM registry.membership m
    WHERE m.network_id = key AND (m.left_on IS NULL OR kept.status = 'closed');
    IF firms < 2 THEN
        RAISE EXCEPTION 'a network has at least two firms'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'network_members', SCHEMA = 'registry', TABLE = 'network';
    END IF;
    RETURN NULL;
END
$$;
