-- Four eyes and a trace, where no program can go round them: steps of a publication need their decision in the same
-- transaction, decisions and rulings are only ever added, and each leaves an event in a chain of hashes (docs/audit.md).
CREATE SCHEMA audit;

CREATE TABLE audit.event (
    event_id  bigint PRIMARY KEY CHECK (event_id >= 1),
    at        timestamptz NOT NULL,
    kind      text COLLATE "C" NOT NULL CHECK (kind ~ '^[a-z]+(-[a-z]+)*$'),
    -- One JSON object, kept in the very bytes that were hashed.
    document  text COLLATE "C" NOT NULL CHECK (jsonb_typeof(document::jsonb) = 'object' AND document !~ '\n'),
    previous  bytea NOT NULL CHECK (octet_length(previous) = 32),
    hash      bytea NOT NULL CHECK (octet_length(hash) = 32),
    -- Only to find events by; read from the document, so that they can't say anything else.
    subject   bigint GENERATED ALWAYS AS (((document::jsonb) ->> 'row')::bigint) STORED,
    profile   uuid GENERATED ALWAYS AS (((document::jsonb) ->> 'profile')::uuid) STORED
);
CREATE UNIQUE INDEX event_subject ON audit.event (kind, subject) WHERE subject IS NOT NULL;
CREATE INDEX event_profile ON audit.event (profile, event_id) WHERE profile IS NOT NULL;

-- One row, never changed: whoever adds to the chain locks it until the end of the transaction.
CREATE TABLE audit.chain (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    chain_id  uuid NOT NULL
);

CREATE FUNCTION audit.instant(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- What is hashed: docs/audit.md says it in words. Whatever an INSERT says of number, time and hashes is written over.
CREATE FUNCTION audit.link() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last record;
BEGIN
    PERFORM FROM audit.chain c FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the audit chain was never begun' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT e.event_id, e.at, e.hash INTO last FROM audit.event e ORDER BY e.event_id DESC LIMIT 1;
    NEW.event_id := coalesce(last.event_id, 0) + 1;
    -- A clock that was set back does not turn the order of events.
    NEW.at := greatest(clock_timestamp(), last.at);
    NEW.previous := coalesce(last.hash, decode(repeat('00', 32), 'hex'));
    NEW.hash := sha256(convert_to(
        'rete-audit/1' || chr(10) || NEW.event_id || chr(10) || audit.instant(NEW.at) || chr(10) || NEW.kind || chr(10)
        || encode(NEW.previous, 'hex') || chr(10) || NEW.document, 'UTF8'));
    RETURN NEW;
END
$$;
CREATE TRIGGER event_linked BEFORE INSERT ON audit.event FOR EACH ROW EXECUTE FUNCTION audit.link();

CREATE FUNCTION audit.append(kind text, facts jsonb) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO audit.event (kind, document) VALUES ($1, ($2 || jsonb_build_object('session', session_user))::text)
$$;
REVOKE EXECUTE ON FUNCTION audit.append(text, jsonb) FROM PUBLIC;

-- Names the transaction that runs, also in a database that was restored on another server (numbers begin again there).
CREATE FUNCTION publication.this_tx() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_current_xact_id()::text || '/' || extract(epoch FROM transaction_timestamp())::text
$$;

CREATE FUNCTION publication.refuse(rule text, said text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', said USING ERRCODE = 'check_violation', CONSTRAINT = rule, SCHEMA = 'publication';
END
$$;

-- Only ever added to.
CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'rows of %.% are never changed nor deleted', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'append_only', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.event FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON publication.decision FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON publication.version FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON publication.profile FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

-- Officers' names. One officer is one however the name is written: compatibility forms, case, spaces.
DO $do$
DECLARE
    -- lower() of the C locale knows ASCII only: the first of these that the server has is asked instead.
    rule text := coalesce((
        SELECT format('COLLATE pg_catalog.%I', c.collname)
        FROM unnest(ARRAY['pg_c_utf8', 'und-x-icu', 'C.utf8']) WITH ORDINALITY AS w (name, rank)
        JOIN pg_collation c ON c.collname = w.name AND c.collnamespace = 'pg_catalog'::regnamespace
        ORDER BY w.rank LIMIT 1), '');
BEGIN
    EXECUTE format($f$
        CREATE FUNCTION publication.officer_key(name text) RETURNS text LANGUAGE sql IMMUTABLE
        SET search_path = pg_catalog, pg_temp AS $$
            SELECT btrim(regexp_replace(normalize(lower(normalize(name, NFKC) %s), NFKC), '\s+', ' ', 'g'))
        $$ $f$, rule);
END
$do$;

-- Refused: what can't be seen (controls, zero width, fillers, tags), nothing at all, and two alphabets that look alike in one.
CREATE FUNCTION publication.require_officer(name text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name ~ ('[\u0001-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F'
               '\u2028-\u202E\u2060-\u206F\u2800\u3164\uD800-\uF8FF\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFF'
               '\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]')
       OR (name ~ '[A-Za-z\u00C0-\u024F]' AND name ~ '[\u0370-\u052F\u0530-\u058F\u13A0-\u13FF]')
       OR coalesce(publication.officer_key(name), '') = '' OR length(name) > 200 THEN
        PERFORM publication.refuse('officer_name', 'an officer''s name is one to 200 visible characters of one alphabet');
    END IF;
END
$$;

-- --- decisions ---

ALTER TABLE publication.decision
    -- The chain holds sha256(salt + reason): reason and salt go together, and then nobody can guess the words.
    ADD COLUMN reason_salt bytea CHECK (octet_length(reason_salt) = 32),
    ADD COLUMN reason_erased_by text CHECK (reason_erased_by <> ''),
    ADD COLUMN decided_in text;
ALTER TABLE log.ruling ADD COLUMN reason_salt bytea CHECK (octet_length(reason_salt) = 32);
ALTER TABLE publication.version ADD COLUMN changed_in text;
ALTER TABLE publication.profile ADD COLUMN changed_in text;

CREATE FUNCTION audit.new_salt() RETURNS bytea LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
$$;
UPDATE publication.decision SET reason_salt = audit.new_salt() WHERE reason IS NOT NULL;
UPDATE log.ruling SET reason_salt = audit.new_salt();
ALTER TABLE publication.decision
    ADD CONSTRAINT reason_with_salt CHECK ((reason IS NULL) = (reason_salt IS NULL)),
    ADD CONSTRAINT reason_erased CHECK (reason_erased_by IS NULL OR reason IS NULL);
ALTER TABLE log.ruling ALTER COLUMN reason_salt SET NOT NULL;

CREATE FUNCTION audit.decision_facts(d publication.decision) RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'row', d.decision_id, 'profile', d.profile_id, 'number', d.number, 'action', d.action, 'officer', d.officer,
        'decided_at', audit.instant(d.decided_at), 'candidates', d.candidates,
        'content_hash', encode(d.content_hash, 'hex'), 'gate', d.gate,
        'reason', encode(sha256(d.reason_salt || convert_to(d.reason, 'UTF8')), 'hex'))
$$;
CREATE FUNCTION audit.ruling_facts(r log.ruling) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'row', r.ruling_id, 'origin', (SELECT o.origin FROM log.origin o WHERE o.origin_id = r.origin_id),
        'action', r.action, 'officer', r.officer, 'decided_at', audit.instant(r.decided_at),
        'reason', encode(sha256(r.reason_salt || convert_to(r.reason, 'UTF8')), 'hex'))
$$;

-- A decision is written after its step, in the same transaction, by the officer whom the step names.
CREATE FUNCTION publication.enter_decision() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM publication.require_officer(NEW.officer);
    NEW.reason_salt := CASE WHEN NEW.reason IS NULL THEN NULL ELSE audit.new_salt() END;
    NEW.reason_erased_by := NULL;
    NEW.decided_in := publication.this_tx();
    IF NEW.candidates < 0 THEN
        PERFORM publication.refuse('decision_candidates', 'the size of a block is no negative number');
    END IF;
    IF octet_length(NEW.content_hash) <> 32 THEN
        PERFORM publication.refuse('decision_hash', 'a content hash has 32 bytes');
    END IF;
    IF NEW.action = 'approved' THEN
        -- What the gate measured stands with the approval: no red, no text that finds its network; amber has a reason.
        IF NEW.gate IS NULL OR (NEW.gate ->> 'red') IS DISTINCT FROM '0' OR coalesce(NEW.gate ->> 'amber', '') !~ '^[0-9]+$'
           OR (NEW.gate #>> '{attack,found}') = 'true'
           OR (NEW.gate ->> 'amber' <> '0' AND coalesce(btrim(NEW.reason), '') = '') THEN
            PERFORM publication.refuse('decision_gate', 'an approval holds what the text gate measured, and it let the text pass');
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER decision_entered BEFORE INSERT ON publication.decision FOR EACH ROW EXECUTE FUNCTION publication.enter_decision();

CREATE FUNCTION publication.match_decision() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v publication.version;
    p publication.profile;
    fits boolean;
BEGIN
    SELECT * INTO v FROM publication.version w WHERE w.profile_id = NEW.profile_id AND w.number = NEW.number;
    IF NOT FOUND OR v.content_hash <> NEW.content_hash THEN
        PERFORM publication.refuse('decision_matches', 'a decision is about a version and the content it has');
    END IF;
    IF NEW.action = 'withdrawn' THEN
        SELECT * INTO p FROM publication.profile q WHERE q.profile_id = NEW.profile_id;
        fits := p.state = 'withdrawn' AND p.withdrawn_by = NEW.officer AND p.changed_in = NEW.decided_in
            AND NEW.number = (SELECT max(w.number) FROM publication.version w WHERE w.profile_id = NEW.profile_id);
    ELSE
        fits := v.changed_in IS NOT DISTINCT FROM NEW.decided_in AND CASE NEW.action
            WHEN 'drafted' THEN v.state = 'draft' AND v.author = NEW.officer
            WHEN 'approved' THEN v.state = 'approved' AND v.approver = NEW.officer AND v.approved_hash = NEW.content_hash
            WHEN 'queued' THEN v.state = 'queued'
            WHEN 'published' THEN v.state = 'published' AND v.approver = NEW.officer
            ELSE true END;
    END IF;
    IF NOT coalesce(fits, false) THEN
        PERFORM publication.refuse('decision_matches', 'a decision follows its step, in one transaction, by the same officer');
    END IF;
    -- One step, one decision: a second would be another account of the same.
    IF NEW.action IN ('approved', 'queued', 'published', 'withdrawn') AND EXISTS (
        SELECT FROM publication.decision d
        WHERE d.profile_id = NEW.profile_id AND d.number = NEW.number AND d.action = NEW.action
          AND d.decided_in = NEW.decided_in AND d.decision_id <> NEW.decision_id) THEN
        PERFORM publication.refuse('decision_once', 'this step has its decision already');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER decision_matched AFTER INSERT ON publication.decision FOR EACH ROW EXECUTE FUNCTION publication.match_decision();

CREATE FUNCTION publication.keep_decision() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shape publication.decision := OLD;
BEGIN
    -- The one change there is: the words of a reason, and what they were hashed with, go; who had them erased stays.
    shape.reason := NULL;
    shape.reason_salt := NULL;
    shape.reason_erased_by := NEW.reason_erased_by;
    IF OLD.reason IS NULL OR NEW.reason_erased_by IS NULL OR NEW IS DISTINCT FROM shape THEN
        RAISE EXCEPTION 'rows of publication.decision are never changed nor deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'append_only', SCHEMA = 'publication', TABLE = 'decision';
    END IF;
    PERFORM publication.require_officer(NEW.reason_erased_by);
    RETURN NEW;
END
$$;
CREATE TRIGGER decision_kept BEFORE UPDATE ON publication.decision FOR EACH ROW EXECUTE FUNCTION publication.keep_decision();

-- Erases the words of one decision's reason; false when there are none. Its event stays, and another says that they are gone.
CREATE FUNCTION publication.erase_reason(decision bigint, officer text DEFAULT session_user) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE publication.decision d
    SET reason = NULL, reason_salt = NULL, reason_erased_by = erase_reason.officer
    WHERE d.decision_id = decision AND d.reason IS NOT NULL;
    RETURN FOUND;
END
$$;
REVOKE EXECUTE ON FUNCTION publication.erase_reason(bigint, text) FROM PUBLIC;

-- Deferred, all of them: the chain is locked for the last moment of a transaction, so its order is that of the commits.
CREATE FUNCTION audit.record_decision() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('decision', audit.decision_facts(NEW));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER decision_recorded AFTER INSERT ON publication.decision
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_decision();

CREATE FUNCTION audit.record_erasure() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('reason-erased', jsonb_build_object(
        'row', NEW.decision_id, 'profile', NEW.profile_id, 'officer', NEW.reason_erased_by));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER erasure_recorded AFTER UPDATE ON publication.decision
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_erasure();

-- --- rulings ---

CREATE FUNCTION audit.enter_ruling() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM publication.require_officer(NEW.officer);
    NEW.reason_salt := audit.new_salt();
    RETURN NEW;
END
$$;
CREATE TRIGGER ruling_entered BEFORE INSERT ON log.ruling FOR EACH ROW EXECUTE FUNCTION audit.enter_ruling();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.ruling FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

CREATE FUNCTION audit.record_ruling() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('ruling', audit.ruling_facts(NEW));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER ruling_recorded AFTER INSERT ON log.ruling
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_ruling();

-- --- versions: draft -> approved -> queued -> published -> superseded; any -> erased; open -> draft again ---

CREATE FUNCTION publication.step_version() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' OR NEW.approver IS NOT NULL OR NEW.approved_at IS NOT NULL OR NEW.approved_hash IS NOT NULL
           OR NEW.release_day IS NOT NULL OR NEW.log_idx IS NOT NULL OR NEW.held_code IS NOT NULL THEN
            PERFORM publication.refuse('version_steps', 'a version begins as a draft that nobody approved');
        END IF;
        IF NEW.number <> 1 + coalesce((SELECT max(v.number) FROM publication.version v WHERE v.profile_id = NEW.profile_id), 0) THEN
            PERFORM publication.refuse('version_steps', 'versions are numbered without gaps');
        END IF;
        PERFORM publication.require_officer(NEW.author);
        NEW.changed_in := publication.this_tx();
        RETURN NEW;
    END IF;
    NEW.changed_in := OLD.changed_in;
    IF NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    IF (NEW.profile_id, NEW.number) IS DISTINCT FROM (OLD.profile_id, OLD.number) THEN
        PERFORM publication.refuse('version_frozen', 'a version keeps its profile and its number');
    END IF;
    IF NEW.state = 'draft' AND OLD.state IN ('draft', 'approved', 'queued') THEN
        IF NEW.approver IS NOT NULL OR NEW.approved_at IS NOT NULL OR NEW.approved_hash IS NOT NULL
           OR NEW.release_day IS NOT NULL OR NEW.log_idx IS NOT NULL THEN
            PERFORM publication.refuse('version_frozen', 'a draft has no approval left');
        END IF;
        IF NEW.author IS DISTINCT FROM OLD.author THEN
            PERFORM publication.require_officer(NEW.author);
        END IF;
        NEW.changed_in := publication.this_tx();
        RETURN NEW;
    END IF;
    IF (NEW.content_hash, NEW.author, NEW.authored_at) IS DISTINCT FROM (OLD.content_hash, OLD.author, OLD.authored_at)
       OR (NEW.content IS DISTINCT FROM OLD.content AND NOT (NEW.content IS NULL AND NEW.state IN ('superseded', 'erased'))) THEN
        PERFORM publication.refuse('version_frozen', 'content and author change in a draft only');
    END IF;
    IF (NEW.approver, NEW.approved_at, NEW.approved_hash) IS DISTINCT FROM (OLD.approver, OLD.approved_at, OLD.approved_hash)
       AND NOT (OLD.state = 'draft' AND NEW.state = 'approved') THEN
        PERFORM publication.refuse('version_frozen', 'an approval does not change');
    END IF;
    IF NEW.release_day IS DISTINCT FROM OLD.release_day AND NOT (OLD.state = 'approved' AND NEW.state = 'queued') THEN
        PERFORM publication.refuse('version_frozen', 'the round of a queued version does not change');
    END IF;
    IF NEW.state = OLD.state THEN
        -- What is left: why a queued version waits, and where a published one stands in the own log (watched below).
        IF NEW.log_idx IS DISTINCT FROM OLD.log_idx AND NEW.state <> 'published' THEN
            PERFORM publication.refuse('version_frozen', 'only a published version has a place in the log');
        END IF;
        RETURN NEW;
    END IF;
    IF NOT ((OLD.state, NEW.state) IN (('draft', 'approved'), ('approved', 'queued'), ('queued', 'published'), ('published', 'superseded'))
            OR (NEW.state = 'erased' AND OLD.state <> 'superseded')) THEN
        PERFORM publication.refuse('version_steps', format('a version does not go from %s to %s', OLD.state, NEW.state));
    END IF;
    IF NEW.log_idx IS DISTINCT FROM OLD.log_idx AND NEW.state <> 'published' THEN
        PERFORM publication.refuse('version_frozen', 'only a published version has a place in the log');
    END IF;
    IF (NEW.state = 'queued' AND NEW.release_day IS NULL) OR (NEW.state = 'published' AND NEW.log_idx IS NULL) THEN
        PERFORM publication.refuse('version_steps', 'a queued version has a round, a published one a place in the log');
    END IF;
    IF NEW.state = 'approved' THEN
        PERFORM publication.require_officer(NEW.approver);
        IF publication.officer_key(NEW.approver) = publication.officer_key(NEW.author) THEN
            PERFORM publication.refuse('four_eyes', 'who approves is not who wrote');
        END IF;
    END IF;
    NEW.changed_in := publication.this_tx();
    RETURN NEW;
END
$$;
CREATE TRIGGER version_steps BEFORE INSERT OR UPDATE ON publication.version FOR EACH ROW EXECUTE FUNCTION publication.step_version();

CREATE FUNCTION audit.has_decision(profile uuid, version integer, act text, officer text, hash bytea) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM publication.decision d
        WHERE d.profile_id = $1 AND d.number = $2 AND d.action = $3 AND d.officer = coalesce($4, d.officer)
          AND d.content_hash = $5 AND d.decided_in = publication.this_tx())
$$;

-- At the end of the transaction each step has its decision, or is one of those that the signed log asks for after a restore.
CREATE FUNCTION audit.watch_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old_state text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END;
    decided boolean;
BEGIN
    IF NEW.state = 'erased' AND old_state = 'draft' THEN
        -- What nobody approved may be forgotten (docs/gdpr.md); that it was there stays.
        decided := true;
        PERFORM audit.append('draft-erased', jsonb_build_object('profile', NEW.profile_id, 'number', NEW.number));
    ELSIF NEW.state = 'erased' THEN
        decided := (SELECT p.state = 'withdrawn' FROM publication.profile p WHERE p.profile_id = NEW.profile_id);
    ELSIF NEW.state = 'superseded' THEN
        decided := EXISTS (
            SELECT FROM publication.version v
            JOIN publication.decision d ON d.profile_id = v.profile_id AND d.number = v.number AND d.action = 'published'
            WHERE v.profile_id = NEW.profile_id AND v.number > NEW.number AND d.decided_in = publication.this_tx());
    ELSIF NEW.state = old_state AND NEW.state = 'published' THEN
        -- Moved by a recovery or a new year's log: it stands where our own log has it.
        decided := EXISTS (
            SELECT FROM log.item i JOIN log.origin o USING (origin_id)
            WHERE o.is_own AND i.item_id = NEW.profile_id AND NOT i.dead AND i.last_idx = NEW.log_idx);
    ELSIF NEW.state = 'draft' AND old_state IN ('approved', 'queued')
          AND (NEW.content, NEW.content_hash, NEW.author, NEW.authored_at)
              IS NOT DISTINCT FROM (OLD.content, OLD.content_hash, OLD.author, OLD.authored_at) THEN
        -- An approval that is taken back costs nothing but a new one; it leaves its trace.
        decided := true;
        PERFORM audit.append('reconciled', jsonb_build_object(
            'profile', NEW.profile_id, 'number', NEW.number, 'from', old_state, 'to', NEW.state));
    ELSE
        decided := audit.has_decision(
            NEW.profile_id, NEW.number,
            CASE NEW.state WHEN 'draft' THEN 'drafted' ELSE NEW.state END,
            CASE NEW.state WHEN 'draft' THEN NEW.author WHEN 'queued' THEN NULL ELSE NEW.approver END,
            NEW.content_hash);
    END IF;
    IF NOT coalesce(decided, false) THEN
        PERFORM publication.refuse('step_decided', format('a version became %s without a decision', NEW.state));
    END IF;
    IF NEW.state NOT IN ('erased', 'superseded') AND EXISTS (
        SELECT FROM publication.version v JOIN publication.profile p USING (profile_id)
        WHERE p.profile_id = NEW.profile_id AND v.number = NEW.number AND p.state = 'withdrawn' AND v.content IS NOT NULL) THEN
        PERFORM publication.refuse('withdrawn_for_ever', 'a withdrawn profile has no version');
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER version_inserted AFTER INSERT ON publication.version
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.watch_version();
CREATE CONSTRAINT TRIGGER version_watched AFTER UPDATE ON publication.version
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.changed_in IS DISTINCT FROM NEW.changed_in OR OLD.state <> NEW.state OR OLD.log_idx IS DISTINCT FROM NEW.log_idx
          OR (NEW.state = 'draft' AND (OLD.content, OLD.content_hash, OLD.author, OLD.authored_at)
              IS DISTINCT FROM (NEW.content, NEW.content_hash, NEW.author, NEW.authored_at)))
    EXECUTE FUNCTION audit.watch_version();

-- --- profiles: new -> published -> withdrawn ---

CREATE FUNCTION publication.step_profile() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'new' OR NEW.withdrawn_at IS NOT NULL OR NEW.withdrawn_by IS NOT NULL THEN
            PERFORM publication.refuse('profile_steps', 'a profile begins new');
        END IF;
        NEW.changed_in := publication.this_tx();
        RETURN NEW;
    END IF;
    NEW.changed_in := OLD.changed_in;
    IF (NEW.profile_id, NEW.network_id, NEW.register_id, NEW.partition_version, NEW.block_id, NEW.labels, NEW.created_at)
       IS DISTINCT FROM (OLD.profile_id, OLD.network_id, OLD.register_id, OLD.partition_version, OLD.block_id, OLD.labels, OLD.created_at) THEN
        PERFORM publication.refuse('profile_frozen', 'network, partition, block and labels of a profile never change');
    END IF;
    IF OLD.deferred_until IS NOT NULL AND NEW.deferred_until IS DISTINCT FROM OLD.deferred_until THEN
        PERFORM publication.refuse('profile_frozen', 'a deferral is drawn once');
    END IF;
    IF NEW.state = OLD.state THEN
        IF (NEW.withdrawn_at, NEW.withdrawn_by) IS DISTINCT FROM (OLD.withdrawn_at, OLD.withdrawn_by) THEN
            PERFORM publication.refuse('profile_frozen', 'who withdrew a profile, and when, never changes');
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.state, NEW.state) NOT IN (('new', 'published'), ('new', 'withdrawn'), ('published', 'withdrawn')) THEN
        PERFORM publication.refuse('profile_steps', format('a profile does not go from %s to %s', OLD.state, NEW.state));
    END IF;
    IF (NEW.state = 'withdrawn') <> (NEW.withdrawn_at IS NOT NULL AND NEW.withdrawn_by IS NOT NULL) THEN
        PERFORM publication.refuse('profile_steps', 'a withdrawal has a day and an officer');
    END IF;
    IF NEW.state = 'withdrawn' THEN
        PERFORM publication.require_officer(NEW.withdrawn_by);
    END IF;
    NEW.changed_in := publication.this_tx();
    RETURN NEW;
END
$$;
CREATE TRIGGER profile_steps BEFORE INSERT OR UPDATE ON publication.profile FOR EACH ROW EXECUTE FUNCTION publication.step_profile();

CREATE FUNCTION audit.watch_profile() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old_state text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END;
    act text := CASE NEW.state WHEN 'new' THEN 'drafted' ELSE NEW.state END;
    dead boolean;
BEGIN
    IF NEW.state = 'withdrawn' AND EXISTS (
        SELECT FROM publication.version v WHERE v.profile_id = NEW.profile_id AND v.state NOT IN ('erased', 'superseded')) THEN
        PERFORM publication.refuse('withdrawn_for_ever', 'the texts of a withdrawn profile are erased with it');
    END IF;
    IF EXISTS (
        SELECT FROM publication.decision d
        WHERE d.profile_id = NEW.profile_id AND d.action = act AND d.decided_in = publication.this_tx()
          AND (act <> 'withdrawn' OR d.officer = NEW.withdrawn_by)) THEN
        RETURN NULL;
    END IF;
    IF NEW.state = 'new' THEN
        PERFORM audit.append('profile-begun', jsonb_build_object('profile', NEW.profile_id));
        RETURN NULL;
    END IF;
    -- A restored database learns from its own signed log what it had forgotten; nothing else is believed without a decision.
    SELECT bool_or(i.dead) INTO dead FROM log.item i JOIN log.origin o USING (origin_id)
    WHERE o.is_own AND i.item_id = NEW.profile_id;
    IF dead IS NULL OR dead <> (NEW.state = 'withdrawn') THEN
        PERFORM publication.refuse('step_decided', format('a profile became %s without a decision', NEW.state));
    END IF;
    PERFORM audit.append('reconciled', jsonb_build_object(
        'profile', NEW.profile_id, 'from', old_state, 'to', NEW.state, 'officer', NEW.withdrawn_by));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER profile_inserted AFTER INSERT ON publication.profile
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.watch_profile();
CREATE CONSTRAINT TRIGGER profile_watched AFTER UPDATE ON publication.profile
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION audit.watch_profile();

-- --- the beginning: what was decided before stands first, in the order of its numbers ---

DO $$
DECLARE
    item record;
    chain uuid := gen_random_uuid();
BEGIN
    INSERT INTO audit.chain (chain_id) VALUES (chain);
    PERFORM audit.append('chain-begun', jsonb_build_object(
        'chain', chain,
        'decisions', (SELECT count(*) FROM publication.decision), 'rulings', (SELECT count(*) FROM log.ruling)));
    FOR item IN SELECT d AS found FROM publication.decision d ORDER BY d.decision_id LOOP
        PERFORM audit.append('decision', audit.decision_facts(item.found));
    END LOOP;
    FOR item IN SELECT r AS found FROM log.ruling r ORDER BY r.ruling_id LOOP
        PERFORM audit.append('ruling', audit.ruling_facts(item.found));
    END LOOP;
END
$$;
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON audit.chain FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
