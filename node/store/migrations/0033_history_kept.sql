-- The history of a network ends with the network, or when its content is erased after its term: told in the chain, and by no other way.

CREATE FUNCTION registry.end_history(networks uuid[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM registry.change c WHERE c.network_id = ANY($1)
$$;

CREATE FUNCTION audit.record_network_erased() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('network', jsonb_build_object(
        'network', NEW.network_id, 'action', 'erased', 'officer', nullif(office.acting(), '')));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER network_erased AFTER UPDATE ON registry.network
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.name = '[cancellato] ' || left(NEW.network_id::text, 8) AND OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION audit.record_network_erased();

REVOKE EXECUTE ON FUNCTION registry.end_history(uuid[]), audit.record_network_erased() FROM PUBLIC;
-- As deploy/roles.sql grants it, where that role is there already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_node')
       AND has_function_privilege('rete_node', 'publication.erase_reason(bigint, text)', 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION registry.end_history(uuid[]) TO rete_node;
        REVOKE DELETE ON registry.change FROM rete_node;
    END IF;
END
$$;
