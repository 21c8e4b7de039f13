-- Introductions: cases between two offices, told by the events that each has signed. All of it is private; what leaves, leaves sealed
-- (schema post). A case's row is what its events tell, kept so that lists need not read them.

CREATE TABLE office.introduction (
    introduction_id  uuid PRIMARY KEY,
    party            text COLLATE "C" NOT NULL CHECK (party IN ('seeker', 'owner')),
    peer             text COLLATE "C" NOT NULL,
    profile_id       uuid NOT NULL,
    -- The network of this office: that which looks for a partner, or the profile's.
    network_id       uuid REFERENCES registry.network ON DELETE SET NULL,
    project_id       uuid,
    -- What is asked, before it is sent and as it was; of a firm that is in no network, who it is.
    request          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(request) = 'object' AND length(request::text) <= 20000),
    applicant        jsonb CHECK (jsonb_typeof(applicant) = 'object' AND length(applicant::text) <= 20000),
    -- SHA-256 of what the firm shows to see how its own request stands.
    token_hash       bytea CHECK (octet_length(token_hash) = 32),
    state            text COLLATE "C" NOT NULL CHECK (state IN (
        'draft', 'endorsed', 'sent', 'received', 'under_check', 'info_requested', 'answered', 'forwarded', 'accepted', 'consented',
        'introduced', 'followed_up', 'concluded', 'declined', 'expired', 'withdrawn')),
    reason           text COLLATE "C" NOT NULL DEFAULT '',
    outcome          text COLLATE "C" NOT NULL DEFAULT '',
    turn             text COLLATE "C" NOT NULL DEFAULT '' CHECK (turn IN ('', 'seeker', 'owner', 'both')),
    -- Days since 1970-01-01, by which each office said it would take its step.
    own_due          integer,
    other_due        integer,
    since            timestamptz NOT NULL,
    introduced_at    timestamptz,
    -- How many events of each are here without a gap, and how many of ours the other has said it knows.
    own_events       integer NOT NULL DEFAULT 0,
    other_events     integer NOT NULL DEFAULT 0,
    known_events     integer NOT NULL DEFAULT 0,
    sent_again_at    timestamptz,
    created_by       text NOT NULL DEFAULT '',
    created_at       timestamptz NOT NULL,
    changed_at       timestamptz NOT NULL
);
CREATE INDEX introduction_by_change ON office.introduction (changed_at DESC, introduction_id);
CREATE INDEX introduction_open ON office.introduction (peer, introduction_id)
    WHERE state NOT IN ('draft', 'concluded', 'declined', 'expired', 'withdrawn');
CREATE INDEX introduction_profile ON office.introduction (profile_id);

CREATE TABLE office.introduction_event (
    event_row        bigint GENERATED ALWAYS AS IDENTITY,
    introduction_id  uuid NOT NULL REFERENCES office.introduction ON DELETE CASCADE,
    party            text COLLATE "C" NOT NULL CHECK (party IN ('seeker', 'owner')),
    seq              integer NOT NULL CHECK (seq >= 1),
    seen             integer NOT NULL CHECK (seen >= 0),
    kind             text COLLATE "C" NOT NULL,
    at               bigint NOT NULL,
    detail           text COLLATE "C" NOT NULL DEFAULT '',
    due              integer NOT NULL DEFAULT -1,
    -- The very bytes that were signed, and what travels beside them: erased when it may be kept no longer.
    event            bytea NOT NULL,
    signature        bytea NOT NULL CHECK (octet_length(signature) = 64),
    payload          jsonb CHECK (jsonb_typeof(payload) = 'object'),
    salt             bytea,
    -- Who did it, of this office; empty where the node did, or the other office.
    officer          text NOT NULL DEFAULT '',
    written_at       timestamptz NOT NULL,
    PRIMARY KEY (introduction_id, party, seq)
);

-- The consent of this office's own network or firm: who gave it, to which text, and what it says may be told of it.
CREATE TABLE office.introduction_consent (
    introduction_id  uuid PRIMARY KEY REFERENCES office.introduction ON DELETE CASCADE,
    person           text NOT NULL,
    version          text COLLATE "C" NOT NULL,
    -- As long as a sealed message may be, and the blanks that jsonb writes.
    identity         jsonb NOT NULL CHECK (jsonb_typeof(identity) = 'object' AND length(identity::text) <= 60000),
    officer          text NOT NULL,
    given_at         timestamptz NOT NULL,
    revoked_at       timestamptz
);

-- Whom the other office has named; nothing is left of it but the day when it was erased.
CREATE TABLE office.introduction_identity (
    introduction_id  uuid PRIMARY KEY REFERENCES office.introduction ON DELETE CASCADE,
    identity         jsonb CHECK (jsonb_typeof(identity) = 'object' AND length(identity::text) <= 60000),
    received_at      timestamptz NOT NULL,
    erased_at        timestamptz,
    CONSTRAINT erased_is_empty CHECK ((identity IS NULL) = (erased_at IS NOT NULL))
);

-- What this office's people were told by mail, so that nothing is told twice.
CREATE TABLE office.introduction_notice (
    introduction_id  uuid NOT NULL REFERENCES office.introduction ON DELETE CASCADE,
    what             text COLLATE "C" NOT NULL,
    told_at          timestamptz NOT NULL,
    PRIMARY KEY (introduction_id, what)
);

-- What officers decide stands in the chain; what nodes say by themselves does not: it is signed as it is.
CREATE FUNCTION audit.introduction_facts(e office.introduction_event) RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'row', e.event_row, 'introduction', e.introduction_id, 'action', e.kind, 'party', e.party, 'number', e.seq,
        'detail', e.detail, 'officer', e.officer, 'event', encode(sha256(e.event), 'hex'))
$$;
CREATE FUNCTION audit.record_introduction() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM publication.require_officer(NEW.officer);
    PERFORM audit.append('introduction', audit.introduction_facts(NEW));
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION audit.record_introduction() FROM PUBLIC;
CREATE TRIGGER introduction_recorded AFTER INSERT ON office.introduction_event FOR EACH ROW WHEN (NEW.officer <> '')
    EXECUTE FUNCTION audit.record_introduction();

-- An event is signed: it never says anything else. What travelled beside it may be erased.
CREATE FUNCTION office.keep_introduction_event() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.introduction_id, NEW.party, NEW.seq, NEW.seen, NEW.kind, NEW.at, NEW.detail, NEW.due, NEW.event, NEW.signature,
        NEW.written_at) IS DISTINCT FROM (OLD.introduction_id, OLD.party, OLD.seq, OLD.seen, OLD.kind, OLD.at, OLD.detail, OLD.due,
        OLD.event, OLD.signature, OLD.written_at) OR (NEW.payload IS NOT NULL AND NEW.payload IS DISTINCT FROM OLD.payload) THEN
        RAISE EXCEPTION 'events of introductions are never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'append_only', SCHEMA = 'office', TABLE = 'introduction_event';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER event_kept BEFORE UPDATE ON office.introduction_event FOR EACH ROW EXECUTE FUNCTION office.keep_introduction_event();

-- A firm that asks through its office, and whoever speaks for it, are names that no text may tell: once an officer has looked at the
-- request. What anybody can type into a form keeps no word out of everybody's texts.
CREATE OR REPLACE VIEW registry.secret_term AS
SELECT kind, text FROM (
    SELECT 'firm' AS kind, name AS text FROM registry.firm WHERE NOT natural_person
    UNION
    SELECT 'person', name FROM registry.firm WHERE natural_person
    UNION
    SELECT 'code', tax_code FROM registry.firm WHERE tax_code <> ''
    UNION
    SELECT 'code', vat_number FROM registry.firm WHERE vat_number <> ''
    UNION
    SELECT 'code', rea FROM registry.firm WHERE rea <> ''
    UNION
    SELECT 'network', name FROM registry.network
    UNION
    SELECT 'code', own_tax_code FROM registry.network WHERE own_tax_code <> ''
    UNION
    SELECT 'code', own_rea FROM registry.network WHERE own_rea <> ''
    UNION
    SELECT 'person', notary FROM registry.network WHERE notary <> ''
    UNION
    SELECT 'person', common_body_holder FROM registry.network WHERE common_body_holder <> ''
    UNION
    SELECT 'person', person FROM registry.contact WHERE person <> ''
    UNION
    SELECT 'person', person FROM registry.consent WHERE person <> ''
    UNION
    SELECT 'contact', phone FROM registry.contact WHERE phone <> ''
    UNION
    SELECT 'contact', split_part(email, '@', 2) FROM registry.contact WHERE email LIKE '%@%'
    UNION
    SELECT 'firm', applicant ->> 'name' FROM office.introduction WHERE applicant ->> 'name' <> '' AND state <> 'draft'
    UNION
    SELECT 'code', applicant ->> 'tax_code' FROM office.introduction WHERE applicant ->> 'tax_code' <> '' AND state <> 'draft'
    UNION
    SELECT 'person', applicant ->> 'person' FROM office.introduction WHERE applicant ->> 'person' <> '' AND state <> 'draft'
    UNION
    SELECT 'contact', applicant ->> 'phone' FROM office.introduction WHERE applicant ->> 'phone' <> '' AND state <> 'draft'
    UNION
    SELECT 'person', person FROM office.introduction_consent WHERE person <> ''
) every_term
WHERE position('[cancellato]' IN text) = 0;
