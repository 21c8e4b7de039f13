-- More of what happens to accounts and with the register stands in the chain of decisions (docs/accounts.md, docs/audit.md): by which
-- second factor somebody came in, a sign-in whose second factor never came, new recovery codes, sessions that somebody else ended,
-- the register taken away as a file.
ALTER TABLE office.session ADD COLUMN factor text COLLATE "C" CHECK (factor IN ('authenticator', 'recovery'));
-- Who is signed in by a second factor today came by either; the next sign-in tells which.
UPDATE office.session SET factor = 'authenticator' WHERE second_factor;
ALTER TABLE office.session ADD CONSTRAINT factor_shown CHECK (factor IS NULL OR second_factor);

CREATE OR REPLACE FUNCTION audit.record_sign_in() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    facts jsonb := jsonb_build_object(
        'account', NEW.account_id, 'name', (SELECT a.name FROM office.account a WHERE a.account_id = NEW.account_id),
        'method', NEW.method, 'second_factor', NEW.second_factor);
BEGIN
    IF NEW.factor IS NOT NULL THEN
        facts := facts || jsonb_build_object('factor', NEW.factor);
    END IF;
    IF NEW.factor = 'recovery' THEN
        facts := facts || jsonb_build_object(
            'recovery_left', (SELECT count(*) FROM office.recovery_code c WHERE c.account_id = NEW.account_id));
    END IF;
    PERFORM audit.append('sign-in', facts);
    RETURN NULL;
END
$$;

-- Once for each account whose codes were made anew, however many codes those are; the names of who acts as in 0025.
CREATE FUNCTION audit.record_recovery() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT m.account_id, count(*) AS made FROM made m GROUP BY m.account_id ORDER BY m.account_id LOOP
        PERFORM audit.append('account', jsonb_build_object(
            'action', 'recovery-codes-made', 'account', item.account_id,
            'name', (SELECT a.name FROM office.account a WHERE a.account_id = item.account_id),
            'officer', nullif(office.acting(), ''), 'count', item.made));
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER recovery_recorded AFTER INSERT ON office.recovery_code
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION audit.record_recovery();

-- Somebody's sessions were ended by who acts; a session's own end (signing out, expiry, another password) is told by what ended it.
CREATE FUNCTION audit.sessions_ended(account uuid, times integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM publication.require_officer(office.acting());
    PERFORM audit.append('account', jsonb_build_object(
        'action', 'sessions-ended', 'account', account,
        'name', (SELECT a.name FROM office.account a WHERE a.account_id = account),
        'officer', office.acting(), 'count', times));
END
$$;

-- The password was right and the second factor never came, so many times within about an hour.
CREATE FUNCTION audit.sign_in_abandoned(account uuid, times integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('sign-in-abandoned', jsonb_build_object(
        'account', account, 'name', (SELECT a.name FROM office.account a WHERE a.account_id = account), 'count', times));
END
$$;

-- Records of the register left it as a file: in which form, how many; not which, and not what was searched for.
CREATE FUNCTION audit.register_exported(officer text, form text, networks integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM publication.require_officer(officer);
    IF form NOT IN ('csv', 'xlsx', 'template') THEN
        RAISE EXCEPTION 'unknown form' USING ERRCODE = 'check_violation', CONSTRAINT = 'export_form', SCHEMA = 'audit';
    END IF;
    PERFORM audit.append('register-exported', jsonb_build_object('officer', officer, 'form', form, 'count', networks));
END
$$;
REVOKE EXECUTE ON FUNCTION audit.record_recovery(), audit.sessions_ended(uuid, integer), audit.sign_in_abandoned(uuid, integer),
    audit.register_exported(text, text, integer) FROM PUBLIC;

-- As deploy/roles.sql grants it, where that role is there already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_node')
       AND has_function_privilege('rete_node', 'publication.erase_reason(bigint, text)', 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION audit.sessions_ended(uuid, integer), audit.sign_in_abandoned(uuid, integer),
            audit.register_exported(text, text, integer) TO rete_node;
    END IF;
END
$$;
