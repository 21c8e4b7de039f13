-- Consents are a log, and erasures leave a trace that names nobody.
CREATE TABLE registry.erasure (
    erasure_id  uuid PRIMARY KEY,
    erased_at   timestamptz NOT NULL,
    officer     text NOT NULL CHECK (officer <> ''),
    reason      text NOT NULL CHECK (reason <> ''),
    -- How many rows of each table were changed or deleted.
    counts      jsonb NOT NULL CHECK (jsonb_typeof(counts) = 'object')
);

-- A consent is given and perhaps revoked; nothing else of it changes, but that the person's name is taken out.
CREATE FUNCTION registry.keep_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.revoked_at IS NULL THEN
            RAISE EXCEPTION 'a consent that stands is not deleted'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'consent_log', SCHEMA = 'registry', TABLE = 'consent';
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.consent_id, NEW.network_id, NEW.purpose, NEW.version, NEW.given_at)
           IS DISTINCT FROM (OLD.consent_id, OLD.network_id, OLD.purpose, OLD.version, OLD.given_at)
       OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
       OR (NEW.person IS DISTINCT FROM OLD.person AND position('[cancellato]' IN NEW.person) = 0) THEN
        RAISE EXCEPTION 'a consent is only revoked'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'consent_log', SCHEMA = 'registry', TABLE = 'consent';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER consent_kept BEFORE UPDATE OR DELETE ON registry.consent
    FOR EACH ROW EXECUTE FUNCTION registry.keep_consent();

-- Whose data: the names, codes and addresses that stand for one subject, as one expression; '' matches nothing.
CREATE FUNCTION registry.masked(words text, pattern text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(words, pattern, '[cancellato]', 'gi')
$$;
