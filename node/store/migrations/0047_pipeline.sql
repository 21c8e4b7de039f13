-- From the first information session to the register: sessions with enrolments, expressions of interest, potential aggregations with
-- their stages and evaluations (docs/programme.md). All of it is private; what an office announces of a session stands in its signed log.

CREATE TABLE programme.info_session (
    session_id         uuid PRIMARY KEY,
    state              text COLLATE "C" NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'open', 'cancelled')),
    title              text NOT NULL CHECK (title <> '' AND length(title) <= 150),
    title_en           text NOT NULL DEFAULT '' CHECK (length(title_en) <= 150),
    summary            text NOT NULL CHECK (length(summary) <= 1000),
    summary_en         text NOT NULL DEFAULT '' CHECK (length(summary_en) <= 1000),
    begins_at          timestamptz NOT NULL,
    ends_at            timestamptz NOT NULL CHECK (ends_at > begins_at),
    enrol_until        date NOT NULL,
    place              text NOT NULL CHECK (length(place) <= 200),
    municipality       text COLLATE "C" NOT NULL DEFAULT '',
    online             boolean NOT NULL DEFAULT false,
    seats              integer NOT NULL CHECK (seats BETWEEN 1 AND 2000),
    -- How many enrolments have a seat: counted by a trigger, so that nothing can give a seat that is not there.
    taken              integer NOT NULL DEFAULT 0,
    created_by         text NOT NULL DEFAULT '',
    created_at         timestamptz NOT NULL,
    changed_at         timestamptz NOT NULL,
    CONSTRAINT seats_are_enough CHECK (taken BETWEEN 0 AND seats)
);
CREATE INDEX info_session_by_day ON programme.info_session (begins_at, session_id);

CREATE TABLE programme.enrolment (
    enrolment_id    uuid PRIMARY KEY,
    session_id      uuid NOT NULL REFERENCES programme.info_session ON DELETE CASCADE,
    -- The order of arrival, in which those who wait take seats.
    number          bigint GENERATED ALWAYS AS IDENTITY,
    state           text COLLATE "C" NOT NULL CHECK (state IN ('confirmed', 'waiting', 'cancelled')),
    person          jsonb NOT NULL CHECK (jsonb_typeof(person) = 'object' AND length(person::text) <= 4000),
    notice_version  text COLLATE "C" NOT NULL,
    language        text COLLATE "C" NOT NULL CHECK (language IN ('it', 'en')),
    -- SHA-256 of what whoever enrolled shows to see it and to give the seat back.
    token_hash      bytea CHECK (octet_length(token_hash) = 32),
    made_by         text NOT NULL DEFAULT '',
    enrolled_at     timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    attended        boolean,
    -- What whoever enrolled was told last by mail.
    told            text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX enrolment_once ON programme.enrolment (session_id, lower(person ->> 'email'), lower(person ->> 'name'))
    WHERE state <> 'cancelled' AND person ->> 'email' <> '' AND position('[cancellato]' IN person ->> 'email') = 0;
CREATE INDEX enrolment_in_order ON programme.enrolment (session_id, number);

CREATE FUNCTION programme.count_seats() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    more integer := 0;
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.state = 'confirmed' THEN
        more := more - 1;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.state = 'confirmed' THEN
        more := more + 1;
    END IF;
    IF more <> 0 THEN
        UPDATE programme.info_session SET taken = taken + more WHERE session_id = coalesce(NEW.session_id, OLD.session_id);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER seats_counted AFTER INSERT OR DELETE OR UPDATE OF state ON programme.enrolment
    FOR EACH ROW EXECUTE FUNCTION programme.count_seats();

CREATE TABLE programme.expression (
    expression_id  uuid PRIMARY KEY,
    session_id     uuid REFERENCES programme.info_session ON DELETE SET NULL,
    received_on    date NOT NULL,
    state          text COLLATE "C" NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'taken-up', 'declined')),
    reason         text NOT NULL DEFAULT '' CHECK (length(reason) <= 1000),
    -- What the firms want to do, whom to speak to, who they are.
    said           jsonb NOT NULL CHECK (jsonb_typeof(said) = 'object' AND length(said::text) <= 500000),
    created_by     text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL
);
CREATE INDEX expression_by_day ON programme.expression (received_on, expression_id);

CREATE TABLE programme.aggregation (
    aggregation_id  uuid PRIMARY KEY,
    expression_id   uuid UNIQUE REFERENCES programme.expression ON DELETE SET NULL,
    name            text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    idea            text NOT NULL CHECK (length(idea) <= 4000),
    -- Set by its stage changes alone.
    stage           text COLLATE "C" CHECK (stage IN ('potential', 'evaluated', 'accompanied', 'signed', 'registered', 'dropped')),
    stage_on        date,
    -- NUTS2 of the reference firm's seat, empty where nobody knows: it stays when the firms are erased.
    region          text COLLATE "C" NOT NULL DEFAULT '',
    network_id      uuid UNIQUE REFERENCES registry.network ON DELETE SET NULL,
    register_id     text COLLATE "C" UNIQUE,
    created_by      text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL
);
CREATE INDEX aggregation_by_change ON programme.aggregation (changed_at DESC, aggregation_id);

CREATE TABLE programme.aggregation_member (
    aggregation_id     uuid NOT NULL REFERENCES programme.aggregation ON DELETE CASCADE,
    position           integer NOT NULL CHECK (position >= 1),
    name               text NOT NULL CHECK (length(name) <= 200),
    tax_code           text COLLATE "C" NOT NULL DEFAULT '',
    municipality       text COLLATE "C" NOT NULL DEFAULT '',
    municipality_name  text NOT NULL DEFAULT '',
    province           text COLLATE "C" NOT NULL DEFAULT '',
    region             text COLLATE "C" NOT NULL DEFAULT '',
    ateco              text COLLATE "C" NOT NULL DEFAULT '',
    is_reference       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (aggregation_id, position)
);
CREATE UNIQUE INDEX aggregation_one_reference ON programme.aggregation_member (aggregation_id) WHERE is_reference;
CREATE INDEX aggregation_member_code ON programme.aggregation_member (tax_code) WHERE tax_code <> '';

CREATE TABLE programme.evaluation (
    evaluation_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    aggregation_id  uuid NOT NULL REFERENCES programme.aggregation,
    version         integer NOT NULL CHECK (version >= 1),
    answers         jsonb NOT NULL CHECK (jsonb_typeof(answers) = 'array' AND length(answers::text) <= 50000),
    conclusion      text NOT NULL DEFAULT '' CHECK (length(conclusion) <= 1000),
    score           numeric(5, 2) NOT NULL CHECK (score BETWEEN 0 AND 100),
    on_day          date NOT NULL,
    officer         text NOT NULL,
    evaluated_at    timestamptz NOT NULL,
    -- The chain holds sha256(salt + words): both go when words are erased, and then nobody can guess them.
    salt            bytea DEFAULT audit.new_salt() CHECK (octet_length(salt) = 32)
);
CREATE INDEX evaluation_of ON programme.evaluation (aggregation_id, evaluation_id);

CREATE TABLE programme.stage_change (
    change_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    aggregation_id  uuid NOT NULL REFERENCES programme.aggregation,
    number          integer NOT NULL CHECK (number >= 1),
    stage           text COLLATE "C" NOT NULL CHECK (stage IN ('potential', 'evaluated', 'accompanied', 'signed', 'registered', 'dropped')),
    on_day          date NOT NULL,
    reason          text NOT NULL DEFAULT '' CHECK (length(reason) <= 1000),
    officer         text NOT NULL,
    changed_at      timestamptz NOT NULL,
    salt            bytea DEFAULT audit.new_salt() CHECK (octet_length(salt) = 32),
    UNIQUE (aggregation_id, number),
    CONSTRAINT dropped_for_a_reason CHECK (stage <> 'dropped' OR reason <> '')
);

CREATE FUNCTION programme.refuse(rule text, place text, said text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', said USING ERRCODE = 'check_violation', CONSTRAINT = rule, SCHEMA = 'programme', TABLE = place;
END
$$;

-- A stage follows on the one before, and nothing else moves an aggregation.
CREATE FUNCTION programme.take_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known record;
BEGIN
    PERFORM publication.require_officer(NEW.officer);
    SELECT a.stage, a.stage_on INTO known FROM programme.aggregation a WHERE a.aggregation_id = NEW.aggregation_id FOR UPDATE;
    IF NOT coalesce(CASE known.stage
            WHEN 'potential' THEN NEW.stage IN ('evaluated', 'dropped')
            WHEN 'evaluated' THEN NEW.stage IN ('accompanied', 'dropped')
            WHEN 'accompanied' THEN NEW.stage IN ('signed', 'dropped')
            WHEN 'signed' THEN NEW.stage IN ('registered', 'dropped')
            WHEN 'registered' THEN false
            WHEN 'dropped' THEN false
            ELSE NEW.stage = 'potential' END, false) THEN
        PERFORM programme.refuse('stage_follows', 'stage_change', 'no stage is skipped and none is left twice');
    END IF;
    IF NEW.on_day < known.stage_on THEN
        PERFORM programme.refuse('stage_day_follows', 'stage_change', 'a stage is not reached before the one that leads to it');
    END IF;
    IF NEW.stage = 'evaluated'
       AND NOT EXISTS (SELECT FROM programme.evaluation e WHERE e.aggregation_id = NEW.aggregation_id) THEN
        PERFORM programme.refuse('stage_evaluated', 'stage_change', 'an aggregation without an evaluation is not evaluated');
    END IF;
    NEW.number := 1 + (SELECT count(*) FROM programme.stage_change c WHERE c.aggregation_id = NEW.aggregation_id);
    UPDATE programme.aggregation SET stage = NEW.stage, stage_on = NEW.on_day, changed_at = NEW.changed_at
    WHERE aggregation_id = NEW.aggregation_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER step_taken BEFORE INSERT ON programme.stage_change FOR EACH ROW EXECUTE FUNCTION programme.take_step();

CREATE FUNCTION programme.keep_stage() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM programme.refuse('stage_by_change', 'aggregation', 'a stage is set by a stage change alone');
    RETURN NULL;
END
$$;
CREATE TRIGGER stage_kept BEFORE UPDATE OF stage, stage_on ON programme.aggregation
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION programme.keep_stage();

-- What was decided stays; its words may be erased, and their salt with them.
CREATE FUNCTION programme.keep_decided() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR NEW.salt IS NOT NULL
       OR to_jsonb(NEW) - 'reason' - 'answers' - 'conclusion' - 'salt' IS DISTINCT FROM to_jsonb(OLD) - 'reason' - 'answers' - 'conclusion' - 'salt' THEN
        PERFORM programme.refuse('append_only', TG_TABLE_NAME, 'what was decided is only ever added to');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER decided_kept BEFORE UPDATE OR DELETE ON programme.stage_change FOR EACH ROW EXECUTE FUNCTION programme.keep_decided();
CREATE TRIGGER decided_kept BEFORE UPDATE OR DELETE ON programme.evaluation FOR EACH ROW EXECUTE FUNCTION programme.keep_decided();

-- --- the chain of decisions ---

CREATE FUNCTION audit.stage_facts(c programme.stage_change) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'row', c.change_id, 'aggregation', c.aggregation_id, 'action', c.stage, 'number', c.number, 'on_day', c.on_day,
        'officer', c.officer, 'reason', encode(sha256(c.salt || convert_to(c.reason, 'UTF8')), 'hex'))
$$;
CREATE FUNCTION audit.evaluation_facts(e programme.evaluation) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'row', e.evaluation_id, 'aggregation', e.aggregation_id, 'version', e.version, 'score', e.score::text, 'on_day', e.on_day,
        'officer', e.officer, 'reason', encode(sha256(e.salt || convert_to(e.answers::text || chr(10) || e.conclusion, 'UTF8')), 'hex'))
$$;
CREATE FUNCTION audit.record_stage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('aggregation', audit.stage_facts(NEW));
    RETURN NULL;
END
$$;
CREATE FUNCTION audit.record_evaluation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM publication.require_officer(NEW.officer);
    PERFORM audit.append('evaluation', audit.evaluation_facts(NEW));
    RETURN NULL;
END
$$;
CREATE FUNCTION audit.record_session() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('info-session', jsonb_build_object(
        'session', NEW.session_id, 'action', NEW.state, 'taken', NEW.taken, 'officer', nullif(office.acting(), '')));
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION audit.record_stage(), audit.record_evaluation(), audit.record_session() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER stage_recorded AFTER INSERT ON programme.stage_change
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_stage();
CREATE CONSTRAINT TRIGGER evaluation_recorded AFTER INSERT ON programme.evaluation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_evaluation();
CREATE CONSTRAINT TRIGGER session_recorded AFTER UPDATE ON programme.info_session
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION audit.record_session();

-- --- names that no text may tell ---

-- Firms of aggregations and their working names are in no register yet. Whatever the view says before, it says after, too.
DO $$
BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW registry.secret_term AS SELECT kind, text FROM ('
        || rtrim(pg_get_viewdef('registry.secret_term'::regclass), '; ') || $view$) said_before
        UNION
        SELECT kind, text FROM (
            SELECT 'firm' AS kind, name AS text FROM programme.aggregation_member WHERE length(tax_code) <> 16
            UNION
            SELECT 'person', name FROM programme.aggregation_member WHERE length(tax_code) = 16
            UNION
            SELECT 'code', tax_code FROM programme.aggregation_member WHERE tax_code <> ''
            UNION
            SELECT 'network', name FROM programme.aggregation
        ) of_aggregations WHERE position('[cancellato]' IN text) = 0$view$;
END
$$;

-- As deploy/roles.sql grants it, where that role is there already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_node')
       AND has_function_privilege('rete_node', 'publication.erase_reason(bigint, text)', 'EXECUTE') THEN
        GRANT USAGE ON SCHEMA programme TO rete_node;
        GRANT SELECT, INSERT, UPDATE, DELETE ON programme.info_session, programme.enrolment, programme.expression, programme.aggregation,
            programme.aggregation_member TO rete_node;
        GRANT SELECT, INSERT ON programme.stage_change, programme.evaluation TO rete_node;
        GRANT UPDATE (reason, salt) ON programme.stage_change TO rete_node;
        GRANT UPDATE (answers, conclusion, salt) ON programme.evaluation TO rete_node;
        REVOKE DELETE ON programme.aggregation FROM rete_node;
    END IF;
END
$$;
