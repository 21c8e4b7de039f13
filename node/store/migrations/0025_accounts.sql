-- Who signs in to the office's pages: accounts, their roles, sessions, one-time codes, and what was tried without success
-- (docs/accounts.md). Nothing here is kept that lets somebody in: passwords as argon2id, sessions and codes as SHA-256, secrets of
-- second factors sealed with a key of the node's own.
CREATE TABLE office.account (
    account_id      uuid PRIMARY KEY,
    -- One spelling of a name; the same that stands under decisions, so that four eyes are four.
    name            text COLLATE "C" NOT NULL UNIQUE CHECK (name = publication.officer_key(name) AND length(name) <= 64),
    created_at      timestamptz NOT NULL,
    disabled_at     timestamptz,
    password_hash   text CHECK (password_hash LIKE '$argon2id$%'),
    password_at     timestamptz,
    factor_sealed   bytea,
    factor_at       timestamptz,
    -- The newest interval whose code was used: no code is used twice.
    factor_step     bigint NOT NULL DEFAULT 0,
    -- By which name an identity provider knows this person; nobody comes in by a name that is not linked.
    external_name   text UNIQUE CHECK (length(external_name) BETWEEN 1 AND 200),
    CONSTRAINT password_with_day CHECK ((password_hash IS NULL) = (password_at IS NULL)),
    CONSTRAINT factor_confirmed CHECK (factor_at IS NULL OR factor_sealed IS NOT NULL)
);

CREATE TABLE office.account_role (
    account_id  uuid NOT NULL REFERENCES office.account ON DELETE CASCADE,
    role        text COLLATE "C" NOT NULL
        CHECK (role IN ('officer', 'approver', 'evaluator', 'trainer', 'administrator', 'auditor', 'analyst')),
    PRIMARY KEY (account_id, role)
);

-- The code by which somebody sets their own password: one for each account, used once, for a while.
CREATE TABLE office.account_code (
    account_id  uuid PRIMARY KEY REFERENCES office.account ON DELETE CASCADE,
    code_hash   bytea NOT NULL UNIQUE CHECK (octet_length(code_hash) = 32),
    expires_at  timestamptz NOT NULL
);

-- Codes for who has lost the second factor; each goes when it is used.
CREATE TABLE office.recovery_code (
    account_id  uuid NOT NULL REFERENCES office.account ON DELETE CASCADE,
    code_hash   bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    PRIMARY KEY (account_id, code_hash)
);

CREATE TABLE office.session (
    -- SHA-256 of what the browser holds: whoever reads this table signs in as nobody.
    id_hash        bytea PRIMARY KEY CHECK (octet_length(id_hash) = 32),
    -- What it is called where its owner looks at it or ends it.
    session_id     uuid NOT NULL UNIQUE,
    account_id     uuid NOT NULL REFERENCES office.account ON DELETE CASCADE,
    -- "half": the password was right, the second factor is still to come.
    stage          text COLLATE "C" NOT NULL CHECK (stage IN ('half', 'whole')),
    method         text COLLATE "C" NOT NULL CHECK (method IN ('password', 'oidc')),
    second_factor  boolean NOT NULL,
    made_at        timestamptz NOT NULL,
    seen_at        timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL
);
CREATE INDEX session_account ON office.session (account_id, made_at);
CREATE INDEX session_expires ON office.session (expires_at);

-- Whose attempts are counted, by a keyed hash: neither an address nor a name that somebody typed stands here.
CREATE TABLE office.sign_in_attempt (
    kind          text COLLATE "C" NOT NULL CHECK (kind IN ('account', 'address', 'code')),
    key_hash      bytea NOT NULL CHECK (octet_length(key_hash) = 32),
    -- Forgiven little by little, so not whole.
    failures      double precision NOT NULL CHECK (failures >= 0),
    last_at       timestamptz NOT NULL,
    locked_until  timestamptz NOT NULL,
    PRIMARY KEY (kind, key_hash)
);
CREATE INDEX sign_in_attempt_last ON office.sign_in_attempt (last_at);

-- --- the trace: what happens to accounts stands in the chain of decisions, written by triggers ---

CREATE INDEX event_account ON audit.event ((document::jsonb ->> 'account'), event_id) WHERE kind = 'account-role';

-- Who acts, told by the program for one transaction; '' when it was not.
CREATE FUNCTION office.acting() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(current_setting('rete.officer', true), '')
$$;

CREATE FUNCTION audit.record_role() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
BEGIN
    IF TG_OP = 'INSERT' THEN
        item := NEW;
    ELSE
        item := OLD;
    END IF;
    PERFORM publication.require_officer(office.acting());
    PERFORM audit.append('account-role', jsonb_build_object(
        'action', CASE TG_OP WHEN 'INSERT' THEN 'granted' ELSE 'revoked' END, 'account', item.account_id,
        'name', (SELECT a.name FROM office.account a WHERE a.account_id = item.account_id),
        'role', item.role, 'officer', office.acting()));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER role_recorded AFTER INSERT OR DELETE ON office.account_role
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_role();
CREATE FUNCTION office.keep_role() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a role is granted or revoked, never changed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'role_kept', SCHEMA = 'office', TABLE = 'account_role';
END
$$;
CREATE TRIGGER role_kept BEFORE UPDATE OR TRUNCATE ON office.account_role FOR EACH STATEMENT EXECUTE FUNCTION office.keep_role();

CREATE FUNCTION audit.record_account() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actions text[] := '{}';
    act text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        actions := ARRAY['created'];
    ELSE
        IF NEW.disabled_at IS DISTINCT FROM OLD.disabled_at THEN
            actions := actions || CASE WHEN NEW.disabled_at IS NULL THEN 'enabled' ELSE 'disabled' END;
        END IF;
        IF NEW.password_at IS DISTINCT FROM OLD.password_at THEN
            actions := actions || CASE WHEN NEW.password_at IS NULL THEN 'password-removed' ELSE 'password-set' END;
        END IF;
        IF NEW.factor_at IS DISTINCT FROM OLD.factor_at THEN
            actions := actions || CASE WHEN NEW.factor_at IS NULL THEN 'second-factor-removed' ELSE 'second-factor-set' END;
        END IF;
        IF NEW.external_name IS DISTINCT FROM OLD.external_name THEN
            actions := actions || CASE WHEN NEW.external_name IS NULL THEN 'unlinked' ELSE 'linked' END;
        END IF;
        IF NEW.name IS DISTINCT FROM OLD.name THEN
            actions := actions || 'renamed'::text;
        END IF;
    END IF;
    FOREACH act IN ARRAY actions LOOP
        PERFORM audit.append('account', jsonb_build_object(
            'action', act, 'account', NEW.account_id, 'name', NEW.name, 'officer', nullif(office.acting(), '')));
    END LOOP;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER account_recorded AFTER INSERT OR UPDATE ON office.account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_account();
-- The chain speaks of accounts for ever, so none is deleted: disabled, it lets nobody in.
CREATE FUNCTION office.keep_account() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'accounts are disabled, never deleted'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'account_kept', SCHEMA = 'office', TABLE = 'account';
END
$$;
CREATE TRIGGER account_kept BEFORE DELETE OR TRUNCATE ON office.account FOR EACH STATEMENT EXECUTE FUNCTION office.keep_account();
CREATE FUNCTION office.check_account() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM publication.require_officer(NEW.name);
    RETURN NEW;
END
$$;
CREATE TRIGGER account_named BEFORE INSERT OR UPDATE OF name ON office.account FOR EACH ROW EXECUTE FUNCTION office.check_account();

-- Whoever has the code sets the password: who made it is told, whoever they are.
CREATE FUNCTION audit.record_code() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('account', jsonb_build_object(
        'action', 'code-made', 'account', NEW.account_id,
        'name', (SELECT a.name FROM office.account a WHERE a.account_id = NEW.account_id), 'officer', nullif(office.acting(), '')));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER code_recorded AFTER INSERT OR UPDATE ON office.account_code
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_code();

CREATE FUNCTION audit.record_sign_in() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('sign-in', jsonb_build_object(
        'account', NEW.account_id, 'name', (SELECT a.name FROM office.account a WHERE a.account_id = NEW.account_id),
        'method', NEW.method, 'second_factor', NEW.second_factor));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER sign_in_recorded AFTER INSERT ON office.session
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.stage = 'whole') EXECUTE FUNCTION audit.record_sign_in();

-- A refusal of somebody who has an account; refusals of names that nobody has are counted (sign_in_attempt), and not kept here:
-- whoever may try could fill the chain. Who has an account is locked long before.
CREATE FUNCTION audit.sign_in_refused(account uuid, why text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known text;
BEGIN
    IF why NOT IN ('password', 'code', 'disabled') THEN
        RAISE EXCEPTION 'unknown reason' USING ERRCODE = 'check_violation', CONSTRAINT = 'refusal_reason', SCHEMA = 'audit';
    END IF;
    SELECT a.name INTO known FROM office.account a WHERE a.account_id = account;
    IF FOUND THEN
        PERFORM audit.append('sign-in-refused', jsonb_build_object('account', account, 'name', known, 'why', why));
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION audit.record_role(), audit.record_account(), audit.record_code(), audit.record_sign_in(), audit.sign_in_refused(uuid, text)
    FROM PUBLIC;

-- As deploy/roles.sql grants it, where that role is there already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_node')
       AND has_function_privilege('rete_node', 'publication.erase_reason(bigint, text)', 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION audit.sign_in_refused(uuid, text) TO rete_node;
    END IF;
END
$$;
