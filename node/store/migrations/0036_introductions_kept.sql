-- Introductions: what was decided is told at the end of its transaction, as all decisions are; a case that is under way is never deleted,
-- and one that ended goes whole, after its term, with a word in the chain.

-- The officer, too, is part of what is never said otherwise.
CREATE OR REPLACE FUNCTION office.keep_introduction_event() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.event_row, NEW.introduction_id, NEW.party, NEW.seq, NEW.seen, NEW.kind, NEW.at, NEW.detail, NEW.due, NEW.event, NEW.signature,
        NEW.officer, NEW.written_at) IS DISTINCT FROM (OLD.event_row, OLD.introduction_id, OLD.party, OLD.seq, OLD.seen, OLD.kind, OLD.at,
        OLD.detail, OLD.due, OLD.event, OLD.signature, OLD.officer, OLD.written_at)
        OR (NEW.payload IS NOT NULL AND NEW.payload IS DISTINCT FROM OLD.payload) THEN
        RAISE EXCEPTION 'events of introductions are never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'append_only', SCHEMA = 'office', TABLE = 'introduction_event';
    END IF;
    RETURN NEW;
END
$$;

-- The chain is locked from its first event to the end of the transaction: told last, nobody else's decision waits for a sealing.
-- What only officers decide is told also where nobody knows any more who did: a step of this office that the other one gave back.
CREATE FUNCTION audit.is_decided(e office.introduction_event) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.officer <> '' OR (
        e.detail <> 'profile-withdrawn'
        AND e.kind IN ('request', 'check', 'question', 'answer', 'forward', 'accept', 'decline', 'consent', 'revoke', 'follow-up',
            'outcome', 'withdraw')
        AND EXISTS (SELECT FROM office.introduction i WHERE i.introduction_id = e.introduction_id AND i.party = e.party))
$$;
CREATE OR REPLACE FUNCTION audit.record_introduction() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.officer <> '' THEN
        PERFORM publication.require_officer(NEW.officer);
    END IF;
    IF audit.is_decided(NEW) THEN
        PERFORM audit.append('introduction', audit.introduction_facts(NEW));
    END IF;
    RETURN NULL;
END
$$;
DROP TRIGGER introduction_recorded ON office.introduction_event;
CREATE CONSTRAINT TRIGGER introduction_recorded AFTER INSERT ON office.introduction_event
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.officer <> '' OR NEW.kind NOT IN ('receipt', 'identity', 'erased', 'expire'))
    EXECUTE FUNCTION audit.record_introduction();

-- Events, consents and identities go with their case alone.
CREATE FUNCTION office.keep_introduction() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.state NOT IN ('draft', 'concluded', 'declined', 'expired', 'withdrawn') THEN
        RAISE EXCEPTION 'an introduction that is under way is not deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'introduction_kept', SCHEMA = 'office', TABLE = 'introduction';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER introduction_kept BEFORE DELETE ON office.introduction FOR EACH ROW EXECUTE FUNCTION office.keep_introduction();

CREATE FUNCTION audit.record_introduction_ended() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('introduction', jsonb_build_object(
        'introduction', OLD.introduction_id, 'action', 'ended', 'party', OLD.party, 'state', OLD.state,
        'officer', nullif(office.acting(), '')));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER introduction_ended AFTER DELETE ON office.introduction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.state <> 'draft' AND OLD.own_events + OLD.other_events > 0)
    EXECUTE FUNCTION audit.record_introduction_ended();
REVOKE EXECUTE ON FUNCTION audit.record_introduction_ended() FROM PUBLIC;

CREATE UNIQUE INDEX introduction_event_row ON office.introduction_event (event_row);
CREATE INDEX introduction_ended_on ON office.introduction (since)
    WHERE state IN ('draft', 'concluded', 'declined', 'expired', 'withdrawn');
CREATE INDEX event_introduction ON audit.event ((document::jsonb ->> 'introduction'), event_id) WHERE kind = 'introduction';

-- As deploy/roles.sql grants it, where that role is there already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_node')
       AND has_function_privilege('rete_node', 'publication.erase_reason(bigint, text)', 'EXECUTE') THEN
        REVOKE UPDATE ON office.introduction FROM rete_node;
        GRANT UPDATE (network_id, request, applicant, token_hash, state, reason, outcome, turn, own_due, other_due, since, introduced_at,
            own_events, other_events, known_events, sent_again_at, changed_at) ON office.introduction TO rete_node;
        REVOKE UPDATE, DELETE ON office.introduction_event, office.introduction_consent, office.introduction_identity,
            office.introduction_notice FROM rete_node;
        GRANT UPDATE (payload, salt) ON office.introduction_event TO rete_node;
        GRANT UPDATE (person, identity, revoked_at) ON office.introduction_consent TO rete_node;
        GRANT UPDATE (identity, erased_at) ON office.introduction_identity TO rete_node;
    END IF;
END
$$;
