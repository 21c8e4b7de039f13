-- Case files: what an office does for a network, or for an aggregation that may become one: tasks, hours, costs, appointments, documents,
-- texts for the contract, who has it in hand. All of it is private. Opening, standing still, closing, handing over and documents are told
-- in the chain of decisions, by name of nothing but ids (docs/cases.md).

CREATE TABLE programme.case_file (
    case_id         uuid PRIMARY KEY,
    network_id      uuid REFERENCES registry.network ON DELETE CASCADE,
    -- A potential aggregation; no foreign key, so that either side may come first.
    aggregation_id  uuid,
    title           text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    lines           text[] NOT NULL CHECK (cardinality(lines) >= 1 AND lines <@ ARRAY[
        'technical', 'guidance', 'design', 'management', 'governance', 'certification', 'administrative', 'legal', 'fiscal']::text[]),
    state           text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'suspended', 'closed')),
    -- Who has it in hand, and at which desk of the administration.
    officer         text NOT NULL,
    office          text NOT NULL DEFAULT '' CHECK (length(office) <= 120),
    opened_by       text NOT NULL,
    opened_at       timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    -- Counted on with every change of this row: whoever changes it says which one they saw.
    revision        integer NOT NULL DEFAULT 1,
    closed_at       timestamptz,
    outcome         text COLLATE "C" NOT NULL DEFAULT '' CHECK (outcome IN (
        '', 'contract-signed', 'contract-registered', 'advice-given', 'abandoned', 'not-feasible')),
    -- The figures of the day it was closed, and what the officer says of it.
    report          jsonb CHECK (jsonb_typeof(report) = 'object' AND length(report::text) <= 60000),
    CONSTRAINT one_subject CHECK ((network_id IS NULL) <> (aggregation_id IS NULL)),
    CONSTRAINT closed_with_outcome CHECK ((state = 'closed') = (closed_at IS NOT NULL) AND (state = 'closed') = (outcome <> '')
        AND (state = 'closed') = (report IS NOT NULL))
);
CREATE INDEX case_by_change ON programme.case_file (changed_at DESC, case_id);
CREATE INDEX case_of_network ON programme.case_file (network_id);

CREATE TABLE programme.case_task (
    task_id     uuid PRIMARY KEY,
    case_id     uuid NOT NULL REFERENCES programme.case_file ON DELETE CASCADE,
    line        text COLLATE "C" NOT NULL,
    title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    owner       text NOT NULL,
    due_on      date,
    state       text COLLATE "C" NOT NULL CHECK (state IN ('open', 'doing', 'done', 'dropped')),
    note        text NOT NULL DEFAULT '' CHECK (length(note) <= 4000),
    revision    integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL
);
CREATE INDEX task_of_case ON programme.case_task (case_id);
CREATE INDEX task_due ON programme.case_task (owner, due_on) WHERE state IN ('open', 'doing');

CREATE TABLE programme.case_hours (
    entry_id    uuid PRIMARY KEY,
    case_id     uuid NOT NULL REFERENCES programme.case_file ON DELETE CASCADE,
    task_id     uuid REFERENCES programme.case_task ON DELETE SET NULL,
    line        text COLLATE "C" NOT NULL,
    officer     text NOT NULL,
    day         date NOT NULL,
    hours       numeric(5, 2) NOT NULL CHECK (hours > 0 AND hours <= 24),
    note        text NOT NULL DEFAULT '' CHECK (length(note) <= 500),
    entered_at  timestamptz NOT NULL
);
CREATE INDEX hours_of_case ON programme.case_hours (case_id);

CREATE TABLE programme.case_cost (
    entry_id    uuid PRIMARY KEY,
    case_id     uuid NOT NULL REFERENCES programme.case_file ON DELETE CASCADE,
    line        text COLLATE "C" NOT NULL,
    officer     text NOT NULL,
    day         date NOT NULL,
    amount      numeric(14, 2) NOT NULL CHECK (amount > 0),
    what        text NOT NULL CHECK (length(what) BETWEEN 1 AND 200),
    entered_at  timestamptz NOT NULL
);
CREATE INDEX cost_of_case ON programme.case_cost (case_id);

CREATE TABLE programme.case_appointment (
    appointment_id  uuid PRIMARY KEY,
    case_id         uuid NOT NULL REFERENCES programme.case_file ON DELETE CASCADE,
    title           text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    place           text NOT NULL DEFAULT '' CHECK (length(place) <= 200),
    begins          timestamptz NOT NULL,
    ends            timestamptz NOT NULL,
    note            text NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
    is_cancelled    boolean NOT NULL DEFAULT false,
    -- As calendars count changes (RFC 5545 3.8.7.4).
    sequence        integer NOT NULL DEFAULT 0,
    officer         text NOT NULL,
    changed_at      timestamptz NOT NULL,
    CHECK (ends > begins)
);
CREATE INDEX appointment_of_case ON programme.case_appointment (case_id, begins);

CREATE TABLE programme.case_document (
    document_id  uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES programme.case_file ON DELETE CASCADE,
    title        text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    kind         text COLLATE "C" NOT NULL CHECK (kind IN (
        'contract', 'amendment', 'statute', 'minutes', 'register-extract', 'certificate', 'accounts', 'letter', 'other')),
    file_name    text NOT NULL CHECK (length(file_name) BETWEEN 1 AND 150),
    dated_on     date,
    media_type   text COLLATE "C" NOT NULL,
    sha256       bytea NOT NULL CHECK (octet_length(sha256) = 32),
    -- As for documents of networks (migration 0031).
    seal_salt    bytea NOT NULL DEFAULT audit.new_salt() CHECK (octet_length(seal_salt) = 32),
    content      bytea NOT NULL,
    officer      text NOT NULL,
    added_at     timestamptz NOT NULL,
    UNIQUE (case_id, sha256)
);
-- What is in it is packed already.
ALTER TABLE programme.case_document ALTER COLUMN content SET STORAGE EXTERNAL;

-- What the office wrote for a point of the contract that the register says nothing of.
CREATE TABLE programme.case_clause (
    case_id     uuid NOT NULL REFERENCES programme.case_file ON DELETE CASCADE,
    point       text COLLATE "C" NOT NULL,
    text        text NOT NULL CHECK (length(text) BETWEEN 1 AND 8000),
    revision    integer NOT NULL DEFAULT 1,
    officer     text NOT NULL,
    changed_at  timestamptz NOT NULL,
    PRIMARY KEY (case_id, point)
);

CREATE TABLE programme.case_step (
    step_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id     uuid NOT NULL REFERENCES programme.case_file ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    by_officer  text NOT NULL,
    action      text COLLATE "C" NOT NULL CHECK (action IN ('opened', 'suspended', 'resumed', 'handed-over', 'closed')),
    -- To whom, and to which desk, it was handed over.
    to_officer  text NOT NULL DEFAULT '',
    to_office   text NOT NULL DEFAULT '' CHECK (length(to_office) <= 120),
    outcome     text COLLATE "C" NOT NULL DEFAULT '',
    note        text NOT NULL DEFAULT '' CHECK (length(note) <= 4000)
);
CREATE INDEX step_of_case ON programme.case_step (case_id, step_id);

-- The address under which a calendar program follows an officer's appointments: only a hash of it is kept.
CREATE TABLE programme.calendar_feed (
    officer     text PRIMARY KEY,
    token_hash  bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    made_at     timestamptz NOT NULL
);

CREATE FUNCTION programme.keep_row() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a row of %.% is added or deleted, never changed', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'row_kept', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;
CREATE TRIGGER document_kept BEFORE UPDATE ON programme.case_document FOR EACH STATEMENT EXECUTE FUNCTION programme.keep_row();

-- Of a step only the words may go.
CREATE FUNCTION programme.keep_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (to_jsonb(NEW) - ARRAY['note', 'to_office']) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY['note', 'to_office']) THEN
        RAISE EXCEPTION 'a step of a case file is never told otherwise'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'step_kept', SCHEMA = 'programme', TABLE = 'case_step';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER step_kept BEFORE UPDATE ON programme.case_step FOR EACH ROW EXECUTE FUNCTION programme.keep_step();

-- Nothing is done in a case that is closed, but that its documents and words are erased: whoever adds holds the case's row.
CREATE FUNCTION programme.keep_closed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (SELECT c.state FROM programme.case_file c WHERE c.case_id = NEW.case_id) = 'closed' THEN
        RAISE EXCEPTION 'a closed case file takes nothing more'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'case_closed', SCHEMA = 'programme', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER task_open BEFORE INSERT ON programme.case_task FOR EACH ROW EXECUTE FUNCTION programme.keep_closed();
CREATE TRIGGER hours_open BEFORE INSERT ON programme.case_hours FOR EACH ROW EXECUTE FUNCTION programme.keep_closed();
CREATE TRIGGER cost_open BEFORE INSERT ON programme.case_cost FOR EACH ROW EXECUTE FUNCTION programme.keep_closed();
CREATE TRIGGER appointment_open BEFORE INSERT ON programme.case_appointment FOR EACH ROW EXECUTE FUNCTION programme.keep_closed();
CREATE TRIGGER document_open BEFORE INSERT ON programme.case_document FOR EACH ROW EXECUTE FUNCTION programme.keep_closed();
CREATE TRIGGER clause_open BEFORE INSERT ON programme.case_clause FOR EACH ROW EXECUTE FUNCTION programme.keep_closed();

CREATE FUNCTION programme.keep_state() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.state = 'closed' AND (NEW.state, NEW.outcome, NEW.closed_at, NEW.officer) IS DISTINCT FROM
        (OLD.state, OLD.outcome, OLD.closed_at, OLD.officer) THEN
        RAISE EXCEPTION 'a closed case file stays closed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'case_closed', SCHEMA = 'programme', TABLE = 'case_file';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER state_kept BEFORE UPDATE ON programme.case_file FOR EACH ROW EXECUTE FUNCTION programme.keep_state();

-- --- the chain of decisions ---

CREATE FUNCTION audit.record_case_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM publication.require_officer(NEW.by_officer);
    PERFORM audit.append('case-file', jsonb_build_object(
        'step', NEW.step_id, 'case', NEW.case_id, 'action', NEW.action, 'to', nullif(NEW.to_officer, ''), 'outcome', nullif(NEW.outcome, ''),
        'officer', NEW.by_officer));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER case_step_recorded AFTER INSERT ON programme.case_step
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_case_step();

CREATE FUNCTION audit.record_case_document() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM publication.require_officer(NEW.officer);
        PERFORM audit.append('case-file', jsonb_build_object(
            'case', NEW.case_id, 'case_document', NEW.document_id, 'document_kind', NEW.kind, 'action', 'document-added',
            'bytes', octet_length(NEW.content), 'seal', encode(pg_catalog.sha256(NEW.seal_salt || NEW.sha256), 'hex'),
            'officer', NEW.officer));
    ELSE
        PERFORM audit.append('case-file', jsonb_build_object(
            'case', OLD.case_id, 'case_document', OLD.document_id, 'document_kind', OLD.kind, 'action', 'document-deleted',
            'officer', nullif(office.acting(), '')));
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER case_document_recorded AFTER INSERT OR DELETE ON programme.case_document
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_case_document();

-- Whoever takes a document away is told: false where there is none; nobody takes one without a name.
CREATE FUNCTION audit.case_document_taken(file uuid, document uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known text;
BEGIN
    PERFORM publication.require_officer(office.acting());
    SELECT d.kind INTO known FROM programme.case_document d WHERE d.document_id = document AND d.case_id = file;
    IF FOUND THEN
        PERFORM audit.append('case-file', jsonb_build_object(
            'case', file, 'case_document', document, 'document_kind', known, 'action', 'document-taken', 'officer', office.acting()));
    END IF;
    RETURN FOUND;
END
$$;

CREATE FUNCTION audit.record_case_ended() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('case-file', jsonb_build_object(
        'case', OLD.case_id, 'action', 'ended', 'state', OLD.state, 'officer', nullif(office.acting(), '')));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER case_ended AFTER DELETE ON programme.case_file
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_case_ended();
CREATE INDEX event_case ON audit.event ((document::jsonb ->> 'case'), event_id) WHERE kind = 'case-file';

REVOKE EXECUTE ON FUNCTION audit.record_case_step(), audit.record_case_document(), audit.record_case_ended(),
    audit.case_document_taken(uuid, uuid) FROM PUBLIC;
-- As deploy/roles.sql grants it, where that role is there already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_node')
       AND has_function_privilege('rete_node', 'publication.erase_reason(bigint, text)', 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION audit.case_document_taken(uuid, uuid) TO rete_node;
        REVOKE UPDATE ON programme.case_document, programme.case_step FROM rete_node;
        REVOKE DELETE ON programme.case_step FROM rete_node;
        GRANT UPDATE (note, to_office) ON programme.case_step TO rete_node;
    END IF;
END
$$;
