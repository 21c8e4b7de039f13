-- What runs with the owner's rights is nobody's to attach: whoever may make tables of their own, even temporary ones, could
-- have had these functions run over them (a trigger fires without this right; to make one takes it).
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.prosecdef AND p.pronamespace::regnamespace::text IN ('registry', 'publication', 'audit', 'log', 'coop')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', item.name);
    END LOOP;
END
$$;

-- Officers' names: a list of what may stand in them instead of one of what may not (domain/officers.py is the same rule).
CREATE OR REPLACE FUNCTION publication.require_officer(name text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name IS NULL OR length(name) > 200
       OR name !~ '^[A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F\u1E00-\u1EFF\u0300-\u0345 0-9.,''\u2019_@+-]+$'
       OR name !~ '[A-Za-z0-9\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F\u1E00-\u1EFF]' THEN
        PERFORM publication.refuse('officer_name', 'an officer''s name is one to 200 Latin letters, digits, spaces and . , '' _ @ + -');
    END IF;
END
$$;

-- A profile that a restored database has forgotten can be withdrawn from the own log; the ruling says who did it.
ALTER TABLE log.ruling DROP CONSTRAINT ruling_action_check;
ALTER TABLE log.ruling ADD CONSTRAINT ruling_action_check
    CHECK (action IN ('released', 'forgotten', 'confirmed', 'rolled-over', 'pruned', 'orphan-withdrawn'));
