-- Joint calls: the office's copy of each, applications under protocol numbers, evaluators who are blind to each other, rankings that two
-- people publish, grants. Private, but for the call and the ranking, which stand in the issuers' logs (PROTOCOL 14).

CREATE TABLE programme.call (
    call_id      uuid PRIMARY KEY,
    -- The canonical bytes that are endorsed.
    document     bytea NOT NULL CHECK (octet_length(document) <= 65536),
    digest       text COLLATE "C" NOT NULL CHECK (length(digest) = 64),
    evaluators   integer NOT NULL CHECK (evaluators BETWEEN 2 AND 5),
    -- Under which the endorsement stands in the own log.
    item_id      uuid NOT NULL UNIQUE,
    written_by   text NOT NULL,
    written_at   timestamptz NOT NULL,
    endorsed_by  text,
    endorsed_at  timestamptz
);

-- The last number of each year. Whoever takes the next holds the row until the application is there: no number is lost or given twice.
CREATE TABLE programme.call_protocol (
    year  integer PRIMARY KEY CHECK (year BETWEEN 2000 AND 2999),
    last  integer NOT NULL CHECK (last >= 0)
);

CREATE TABLE programme.application (
    application_id  uuid PRIMARY KEY,
    call_id         uuid NOT NULL REFERENCES programme.call,
    network_id      uuid REFERENCES registry.network ON DELETE SET NULL,
    -- As every office knows the network: the deposited contract, or its folded name.
    network_key     text COLLATE "C" NOT NULL,
    year            integer NOT NULL REFERENCES programme.call_protocol,
    number          integer NOT NULL CHECK (number >= 1),
    arrived_at      timestamptz NOT NULL,
    requested       numeric(14, 2) NOT NULL CHECK (requested >= 0),
    -- Why it takes no part; empty: it does.
    reasons         text[] COLLATE "C" NOT NULL,
    officer         text NOT NULL,
    withdrawn_at    timestamptz,
    withdrawn_by    text,
    UNIQUE (year, number),
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
CREATE INDEX application_call ON programme.application (call_id, arrived_at, application_id);
CREATE UNIQUE INDEX application_once ON programme.application (call_id, network_key) WHERE reasons = '{}' AND withdrawn_at IS NULL;

-- Single undertakings of an application, of this office's or of another issuer's: their part, and the aid that they had before.
CREATE TABLE programme.call_undertaking (
    application_id  uuid NOT NULL,
    position        integer NOT NULL CHECK (position >= 1),
    code            text COLLATE "C" NOT NULL CHECK (length(code) <= 40),
    part            numeric(14, 2) NOT NULL CHECK (part >= 0),
    aids            jsonb NOT NULL CHECK (jsonb_typeof(aids) = 'array'),
    PRIMARY KEY (application_id, position)
);

CREATE TABLE programme.application_document (
    document_id     uuid PRIMARY KEY,
    application_id  uuid NOT NULL REFERENCES programme.application ON DELETE CASCADE,
    title           text NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    file_name       text NOT NULL CHECK (length(file_name) <= 150),
    dated_on        date,
    media_type      text NOT NULL,
    sha256          bytea NOT NULL CHECK (octet_length(sha256) = 32),
    content         bytea NOT NULL,
    UNIQUE (application_id, sha256)
);
ALTER TABLE programme.application_document ALTER COLUMN content SET STORAGE EXTERNAL;

-- What an application said stays; its own end is told once.
CREATE FUNCTION programme.keep_application() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.application_id, NEW.call_id, NEW.year, NEW.number, NEW.arrived_at, NEW.requested, NEW.reasons, NEW.officer)
       IS DISTINCT FROM (OLD.application_id, OLD.call_id, OLD.year, OLD.number, OLD.arrived_at, OLD.requested, OLD.reasons, OLD.officer)
       OR (OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at) THEN
        RAISE EXCEPTION 'an application is never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'application_kept', SCHEMA = 'programme', TABLE = 'application';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER application_kept BEFORE UPDATE ON programme.application FOR EACH ROW EXECUTE FUNCTION programme.keep_application();

-- --- evaluation ---

CREATE TABLE programme.call_evaluator (
    call_id    uuid NOT NULL REFERENCES programme.call,
    -- The name by which they sign in, and the one under which their points are published.
    evaluator  text COLLATE "C" NOT NULL CHECK (evaluator = publication.officer_key(evaluator) AND length(evaluator) <= 200),
    alias      text COLLATE "C" NOT NULL,
    PRIMARY KEY (call_id, evaluator),
    UNIQUE (call_id, alias)
);

CREATE TABLE programme.call_assignment (
    application_id  uuid NOT NULL REFERENCES programme.application ON DELETE CASCADE,
    evaluator       text COLLATE "C" NOT NULL,
    officer         text NOT NULL,
    assigned_at     timestamptz NOT NULL,
    PRIMARY KEY (application_id, evaluator)
);
CREATE INDEX assignment_evaluator ON programme.call_assignment (evaluator, application_id);

CREATE TABLE programme.call_declaration (
    application_id  uuid NOT NULL,
    evaluator       text COLLATE "C" NOT NULL,
    conflict        boolean NOT NULL,
    declared_at     timestamptz NOT NULL,
    PRIMARY KEY (application_id, evaluator),
    FOREIGN KEY (application_id, evaluator) REFERENCES programme.call_assignment ON DELETE CASCADE
);

CREATE TABLE programme.call_score (
    application_id  uuid NOT NULL,
    evaluator       text COLLATE "C" NOT NULL,
    points          jsonb NOT NULL CHECK (jsonb_typeof(points) = 'object'),
    reasons         jsonb NOT NULL CHECK (jsonb_typeof(reasons) = 'object'),
    given_at        timestamptz NOT NULL,
    PRIMARY KEY (application_id, evaluator),
    FOREIGN KEY (application_id, evaluator) REFERENCES programme.call_assignment ON DELETE CASCADE
);

CREATE FUNCTION programme.refuse_evaluation(rule text, said text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', said USING ERRCODE = 'check_violation', CONSTRAINT = rule, SCHEMA = 'programme', TABLE = 'call_score';
END
$$;

-- No content and no score before a declaration, and none where there is a conflict.
CREATE FUNCTION programme.may_evaluate(application uuid, who text) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM programme.call_declaration d WHERE d.application_id = $1 AND d.evaluator = $2 AND NOT d.conflict)
$$;

-- Whether all who judge an application have judged it, and are as many as the call asks for.
CREATE FUNCTION programme.is_scored(application uuid) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(s.evaluator) = count(*) AND count(s.evaluator) >= (
               SELECT c.evaluators FROM programme.application p JOIN programme.call c USING (call_id) WHERE p.application_id = $1)
    FROM programme.call_assignment a
    LEFT JOIN programme.call_declaration d USING (application_id, evaluator)
    LEFT JOIN programme.call_score s USING (application_id, evaluator)
    WHERE a.application_id = $1 AND NOT coalesce(d.conflict, false)
$$;

-- The one way in which scores are read: one's own, and everybody's once all are in. Officers are nobody's evaluator: they wait too.
CREATE FUNCTION programme.scores_shown(application uuid, who text) RETURNS TABLE (
    evaluator text, alias text, points jsonb, reasons jsonb, given_at timestamptz
) LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.evaluator, e.alias, s.points, s.reasons, s.given_at
    FROM programme.call_score s
    JOIN programme.application p USING (application_id)
    JOIN programme.call_evaluator e ON e.call_id = p.call_id AND e.evaluator = s.evaluator
    WHERE s.application_id = $1 AND (s.evaluator = $2 OR programme.is_scored($1))
    ORDER BY e.alias
$$;

-- Who has judged, and nothing of what they said.
CREATE FUNCTION programme.scores_given(application uuid) RETURNS TABLE (evaluator text) LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.evaluator FROM programme.call_score s WHERE s.application_id = $1 ORDER BY s.evaluator
$$;

CREATE FUNCTION programme.enter_score() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- Words that name somebody may be erased; what was given stays.
        IF NEW.reasons = '{}' AND (NEW.application_id, NEW.evaluator, NEW.points, NEW.given_at)
           IS NOT DISTINCT FROM (OLD.application_id, OLD.evaluator, OLD.points, OLD.given_at) THEN
            RETURN NEW;
        END IF;
        PERFORM programme.refuse_evaluation('score_kept', 'a score that was given is never changed');
    END IF;
    IF NOT programme.may_evaluate(NEW.application_id, NEW.evaluator) THEN
        PERFORM programme.refuse_evaluation('score_undeclared', 'an evaluator scores only after declaring to have no conflict of interest');
    END IF;
    IF NEW.evaluator <> publication.officer_key(office.acting()) THEN
        PERFORM programme.refuse_evaluation('score_foreign', 'an evaluator scores in their own name');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER score_entered BEFORE INSERT OR UPDATE ON programme.call_score FOR EACH ROW EXECUTE FUNCTION programme.enter_score();

-- Whoever has seen the others' points adds none, and nobody is added to judge what is judged.
CREATE FUNCTION programme.enter_assignment() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF programme.is_scored(NEW.application_id) THEN
        PERFORM programme.refuse_evaluation('assignment_late', 'an application that is scored gets no further evaluator');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER assignment_entered BEFORE INSERT ON programme.call_assignment FOR EACH ROW EXECUTE FUNCTION programme.enter_assignment();

CREATE FUNCTION programme.keep_declaration() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM programme.refuse_evaluation('declaration_kept', 'a declaration is never changed');
    RETURN NULL;
END
$$;
CREATE TRIGGER declaration_kept BEFORE UPDATE ON programme.call_declaration FOR EACH ROW EXECUTE FUNCTION programme.keep_declaration();

-- Which issuers have told of all their applications, and when they said it; then each of them: opened, its signature checked.
CREATE TABLE programme.call_office (
    call_id      uuid NOT NULL REFERENCES programme.call,
    office       text COLLATE "C" NOT NULL,
    said_at      timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    PRIMARY KEY (call_id, office)
);
CREATE TABLE programme.call_sheet (
    application_id  uuid PRIMARY KEY,
    call_id         uuid NOT NULL,
    office          text COLLATE "C" NOT NULL,
    network_key     text COLLATE "C" NOT NULL,
    facts           jsonb NOT NULL CHECK (jsonb_typeof(facts) = 'object'),
    FOREIGN KEY (call_id, office) REFERENCES programme.call_office
);
CREATE INDEX sheet_call ON programme.call_sheet (call_id, office, application_id);

-- --- the ranking ---

CREATE TABLE programme.call_ranking (
    ranking_id    uuid NOT NULL,
    call_id       uuid NOT NULL REFERENCES programme.call,
    edition       integer NOT NULL CHECK (edition >= 1),
    at            timestamptz NOT NULL,
    -- The parts as they are published: a JSON list of inner documents.
    parts         bytea NOT NULL,
    digest        text COLLATE "C" NOT NULL CHECK (length(digest) = 64),
    proposed_by   text NOT NULL,
    proposed_at   timestamptz NOT NULL,
    published_by  text,
    published_at  timestamptz,
    PRIMARY KEY (call_id, edition),
    CHECK ((published_by IS NULL) = (published_at IS NULL)),
    CONSTRAINT four_eyes CHECK (published_by IS NULL OR publication.officer_key(published_by) <> publication.officer_key(proposed_by))
);

-- Under which each part stands in the own log.
CREATE TABLE programme.call_ranking_item (
    call_id  uuid NOT NULL REFERENCES programme.call,
    part     integer NOT NULL CHECK (part >= 1),
    item_id  uuid NOT NULL UNIQUE,
    PRIMARY KEY (call_id, part)
);

CREATE FUNCTION programme.keep_ranking() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.published_at IS NOT NULL THEN
        RAISE EXCEPTION 'a ranking that was published is never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ranking_kept', SCHEMA = 'programme', TABLE = 'call_ranking';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER ranking_kept BEFORE UPDATE ON programme.call_ranking FOR EACH ROW EXECUTE FUNCTION programme.keep_ranking();

-- --- grants ---

CREATE TABLE programme.call_grant (
    application_id  uuid PRIMARY KEY REFERENCES programme.application,
    call_id         uuid NOT NULL REFERENCES programme.call,
    edition         integer NOT NULL,
    granted         numeric(14, 2) NOT NULL CHECK (granted > 0),
    granted_on      date NOT NULL,
    officer         text NOT NULL,
    -- As the national register of aid gave them; empty while it has not.
    aid_code        text NOT NULL DEFAULT '' CHECK (length(aid_code) <= 40),
    FOREIGN KEY (call_id, edition) REFERENCES programme.call_ranking
);
CREATE TABLE programme.call_instalment (
    application_id  uuid NOT NULL REFERENCES programme.call_grant,
    number          integer NOT NULL CHECK (number >= 1),
    amount          numeric(14, 2) NOT NULL CHECK (amount > 0),
    paid_on         date NOT NULL,
    officer         text NOT NULL,
    PRIMARY KEY (application_id, number)
);
CREATE TABLE programme.call_expense (
    application_id  uuid NOT NULL REFERENCES programme.call_grant,
    number          integer NOT NULL CHECK (number >= 1),
    reported        numeric(14, 2) NOT NULL CHECK (reported > 0),
    accepted        numeric(14, 2) NOT NULL CHECK (accepted >= 0 AND accepted <= reported),
    note            text NOT NULL CHECK (length(note) <= 1000),
    reported_on     date NOT NULL,
    officer         text NOT NULL,
    PRIMARY KEY (application_id, number)
);
CREATE TABLE programme.call_revocation (
    application_id  uuid NOT NULL REFERENCES programme.call_grant,
    number          integer NOT NULL CHECK (number >= 1),
    amount          numeric(14, 2) NOT NULL CHECK (amount > 0),
    reason          text NOT NULL CHECK (reason <> '' AND length(reason) <= 1000),
    revoked_on      date NOT NULL,
    officer         text NOT NULL,
    PRIMARY KEY (application_id, number)
);

-- --- the chain of decisions ---

-- Who did what to which call and application; no amount, name or word of it. TG_ARGV: the action.
CREATE FUNCTION audit.record_call() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item jsonb := to_jsonb(NEW) - 'document' - 'parts';
BEGIN
    PERFORM publication.require_officer(office.acting());
    PERFORM audit.append('call', jsonb_strip_nulls(jsonb_build_object(
        'action', TG_ARGV[0], 'call', item ->> 'call_id', 'application', item ->> 'application_id', 'edition', item -> 'edition',
        'number', item -> 'number', 'digest', item ->> 'digest',
        -- Codes, of an application; what evaluators write stays out of the chain, which others read.
        'reasons', CASE TG_TABLE_NAME WHEN 'application' THEN item -> 'reasons' END, 'officer', office.acting())));
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION audit.record_call() FROM PUBLIC;
CREATE TRIGGER written_recorded AFTER INSERT ON programme.call FOR EACH ROW EXECUTE FUNCTION audit.record_call('written');
CREATE TRIGGER endorsed_recorded AFTER UPDATE OF endorsed_at ON programme.call FOR EACH ROW
    WHEN (NEW.endorsed_at IS NOT NULL) EXECUTE FUNCTION audit.record_call('endorsed');
CREATE TRIGGER application_recorded AFTER INSERT ON programme.application FOR EACH ROW
    WHEN (NEW.reasons = '{}') EXECUTE FUNCTION audit.record_call('received');
CREATE TRIGGER refusal_recorded AFTER INSERT ON programme.application FOR EACH ROW
    WHEN (NEW.reasons <> '{}') EXECUTE FUNCTION audit.record_call('refused');
CREATE TRIGGER withdrawal_recorded AFTER UPDATE OF withdrawn_at ON programme.application FOR EACH ROW
    WHEN (OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL) EXECUTE FUNCTION audit.record_call('withdrawn');
CREATE TRIGGER assignment_recorded AFTER INSERT ON programme.call_assignment FOR EACH ROW EXECUTE FUNCTION audit.record_call('assigned');
CREATE TRIGGER declaration_recorded AFTER INSERT ON programme.call_declaration FOR EACH ROW
    WHEN (NOT NEW.conflict) EXECUTE FUNCTION audit.record_call('declared');
CREATE TRIGGER conflict_recorded AFTER INSERT ON programme.call_declaration FOR EACH ROW
    WHEN (NEW.conflict) EXECUTE FUNCTION audit.record_call('conflict');
CREATE TRIGGER score_recorded AFTER INSERT ON programme.call_score FOR EACH ROW EXECUTE FUNCTION audit.record_call('scored');
CREATE TRIGGER proposal_recorded AFTER INSERT OR UPDATE OF digest ON programme.call_ranking FOR EACH ROW EXECUTE FUNCTION audit.record_call('proposed');
CREATE TRIGGER publication_recorded AFTER UPDATE OF published_at ON programme.call_ranking FOR EACH ROW
    WHEN (NEW.published_at IS NOT NULL) EXECUTE FUNCTION audit.record_call('published');
CREATE TRIGGER grant_recorded AFTER INSERT ON programme.call_grant FOR EACH ROW EXECUTE FUNCTION audit.record_call('granted');
CREATE TRIGGER instalment_recorded AFTER INSERT ON programme.call_instalment FOR EACH ROW EXECUTE FUNCTION audit.record_call('paid');
CREATE TRIGGER expense_recorded AFTER INSERT ON programme.call_expense FOR EACH ROW EXECUTE FUNCTION audit.record_call('reported');
CREATE TRIGGER revocation_recorded AFTER INSERT ON programme.call_revocation FOR EACH ROW EXECUTE FUNCTION audit.record_call('revoked');
