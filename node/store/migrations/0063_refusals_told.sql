-- Who signed in and asked for what is not theirs, or for an address with nothing behind it, is told by the chain (docs/audit.md): of each
-- account the first twenty of a day, then the 32nd, 64th, 128th and so on, so that whoever asks a million times leaves some forty events.
CREATE TABLE audit.refusals (
    account_id uuid PRIMARY KEY REFERENCES office.account ON DELETE CASCADE,
    day date NOT NULL,
    count integer NOT NULL CHECK (count > 0)
);

CREATE FUNCTION audit.access_refused(account uuid, route text, object uuid, why text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known text;
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    times integer;
BEGIN
    -- The pattern of an address as the program wrote it, never what somebody typed.
    IF route !~ '^/[a-z0-9_{}:/.+\[\]-]{0,199}$' OR why !~ '^[a-z]+(-[a-z]+)*$' OR length(why) > 60 THEN
        RAISE EXCEPTION 'unknown route or reason' USING ERRCODE = 'check_violation', CONSTRAINT = 'refusal_route', SCHEMA = 'audit';
    END IF;
    SELECT a.name INTO known FROM office.account a WHERE a.account_id = account;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO audit.refusals AS r (account_id, day, count) VALUES (account, today, 1)
    ON CONFLICT (account_id) DO UPDATE
        SET day = today, count = CASE WHEN r.day = today THEN least(r.count, 1000000000) + 1 ELSE 1 END
    RETURNING r.count INTO times;
    IF times <= 20 OR times & (times - 1) = 0 THEN
        PERFORM audit.append('access-refused', jsonb_build_object(
            'account', account, 'name', known, 'route', route, 'object', object, 'why', why, 'count', times));
    END IF;
END
$$;
REVOKE ALL ON audit.refusals FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION audit.access_refused(uuid, text, uuid, text) FROM PUBLIC;

-- As deploy/roles.sql grants it, where that role is there already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_node')
       AND has_function_privilege('rete_node', 'publication.erase_reason(bigint, text)', 'EXECUTE') THEN
        REVOKE INSERT, UPDATE, DELETE ON audit.refusals FROM rete_node;
        GRANT EXECUTE ON FUNCTION audit.access_refused(uuid, text, uuid, text) TO rete_node;
    END IF;
END
$$;
