-- Documents of a network, kept in the register itself so that copies and erasures take them along; and a trace of every change of
-- the register: which fields, by name and never by value, in a table beside the network and in the chain of decisions (docs/audit.md).

-- --- documents ---

ALTER TABLE registry.document
    ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'other' CHECK (kind IN (
        'contract', 'amendment', 'statute', 'minutes', 'register-extract', 'certificate', 'accounts', 'letter', 'other')),
    ADD COLUMN file_name text NOT NULL DEFAULT '' CHECK (length(file_name) <= 150),
    ADD COLUMN dated_on date,
    ADD COLUMN officer text DEFAULT nullif(office.acting(), ''),
    -- A document and what replaced it are one series; the highest number is the document of today.
    ADD COLUMN series_id uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN number integer NOT NULL DEFAULT 1 CHECK (number >= 1),
    -- The chain holds sha256(salt + sha256): both go with the file, and then nobody can try which file it was.
    ADD COLUMN seal_salt bytea NOT NULL DEFAULT audit.new_salt() CHECK (octet_length(seal_salt) = 32),
    -- What is in it is packed already.
    ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX document_series ON registry.document (series_id, number);

CREATE FUNCTION registry.keep_document() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a document is added or deleted, never changed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'document_kept', SCHEMA = 'registry', TABLE = 'document';
END
$$;
CREATE TRIGGER document_kept BEFORE UPDATE ON registry.document FOR EACH STATEMENT EXECUTE FUNCTION registry.keep_document();

-- Columns one by one: a whole row would be copied with all that is in the file.
CREATE FUNCTION audit.document_facts(
    document uuid, network uuid, series uuid, number integer, kind text, bytes integer, salt bytea, sha256 bytea, officer text
) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'document', $1, 'network', $2, 'series', $3, 'number', $4, 'document_kind', $5,
        'action', CASE $4 WHEN 1 THEN 'added' ELSE 'replaced' END, 'bytes', $6, 'seal', encode(pg_catalog.sha256($7 || $8), 'hex'),
        'officer', $9)
$$;

CREATE FUNCTION audit.record_document() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM audit.append('document', audit.document_facts(
            NEW.document_id, NEW.network_id, NEW.series_id, NEW.number, NEW.kind, octet_length(NEW.content), NEW.seal_salt,
            NEW.sha256, NEW.officer));
    ELSE
        PERFORM audit.append('document', jsonb_build_object(
            'document', OLD.document_id, 'network', OLD.network_id, 'series', OLD.series_id, 'number', OLD.number,
            'document_kind', OLD.kind, 'action', 'deleted', 'officer', nullif(office.acting(), '')));
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER document_recorded AFTER INSERT OR DELETE ON registry.document
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_document();

-- Whoever takes a document away is told: false where there is none; nobody takes one without a name.
CREATE FUNCTION audit.document_taken(network uuid, document uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known record;
BEGIN
    PERFORM publication.require_officer(office.acting());
    SELECT d.series_id, d.number, d.kind INTO known FROM registry.document d WHERE d.document_id = document AND d.network_id = network;
    IF FOUND THEN
        PERFORM audit.append('document', jsonb_build_object(
            'document', document, 'network', network, 'series', known.series_id, 'number', known.number,
            'document_kind', known.kind, 'action', 'taken', 'officer', office.acting()));
    END IF;
    RETURN FOUND;
END
$$;

-- --- changes of networks ---

CREATE TABLE registry.change (
    change_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    network_id  uuid NOT NULL REFERENCES registry.network ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    officer     text DEFAULT nullif(office.acting(), ''),
    -- By a form ('officer') or by an import of one of two layouts.
    source      text COLLATE "C" NOT NULL CHECK (source IN ('chamber', 'template', 'officer')),
    action      text COLLATE "C" NOT NULL CHECK (action IN ('created', 'changed', 'closed', 'members')),
    -- Names of columns of the template, never what stands in them.
    fields      text[] NOT NULL,
    -- Firms that came in, went out, or whose part was put right.
    begun       uuid[] NOT NULL,
    ended       uuid[] NOT NULL,
    corrected   uuid[] NOT NULL
);
CREATE INDEX change_network ON registry.change (network_id, change_id);

CREATE FUNCTION registry.keep_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a change that was told is not told otherwise'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'change_kept', SCHEMA = 'registry', TABLE = 'change';
END
$$;
CREATE TRIGGER change_kept BEFORE UPDATE ON registry.change FOR EACH STATEMENT EXECUTE FUNCTION registry.keep_change();

CREATE FUNCTION registry.enter_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.officer IS NOT NULL THEN
        PERFORM publication.require_officer(NEW.officer);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER change_entered BEFORE INSERT ON registry.change FOR EACH ROW EXECUTE FUNCTION registry.enter_change();
CREATE TRIGGER document_entered BEFORE INSERT ON registry.document FOR EACH ROW EXECUTE FUNCTION registry.enter_change();

CREATE FUNCTION audit.change_facts(c registry.change) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'row', c.change_id, 'network', c.network_id, 'action', c.action, 'fields', to_jsonb(c.fields), 'begun', to_jsonb(c.begun),
        'ended', to_jsonb(c.ended), 'corrected', to_jsonb(c.corrected), 'officer', c.officer)
$$;

-- What a form changes is an event of its own; of an import there is one event for all of it.
CREATE FUNCTION audit.record_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('network', audit.change_facts(NEW));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER change_recorded AFTER INSERT ON registry.change
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.source = 'officer') EXECUTE FUNCTION audit.record_change();

CREATE FUNCTION audit.record_import() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('register-import', jsonb_build_object(
        'batch', NEW.batch_id, 'layout', NEW.layout, 'added', NEW.added, 'changed', NEW.changed, 'unchanged', NEW.unchanged,
        'refused', NEW.refused, 'officer', nullif(office.acting(), '')));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER import_recorded AFTER INSERT ON registry.import_batch
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_import();

-- The history of a network, and the event of a document, are found by these.
CREATE INDEX event_network ON audit.event ((document::jsonb ->> 'network'), event_id) WHERE kind = 'document';
CREATE INDEX event_document ON audit.event ((document::jsonb ->> 'document'), event_id) WHERE kind = 'document';

-- Documents of before stand first.
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT document_id, network_id, series_id, number, kind, octet_length(content) AS bytes, seal_salt, sha256, officer
        FROM registry.document ORDER BY added_at, document_id
    LOOP
        PERFORM audit.append('document', audit.document_facts(
            item.document_id, item.network_id, item.series_id, item.number, item.kind, item.bytes, item.seal_salt, item.sha256,
            item.officer));
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION audit.record_document(), audit.record_change(), audit.record_import(), audit.document_taken(uuid, uuid) FROM PUBLIC;
-- As deploy/roles.sql grants it, where that role is there already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_node')
       AND has_function_privilege('rete_node', 'publication.erase_reason(bigint, text)', 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION audit.document_taken(uuid, uuid) TO rete_node;
        REVOKE UPDATE ON registry.document, registry.change FROM rete_node;
    END IF;
END
$$;
