-- Case files that two offices see: what this one shares with a partner office, and what others share with this one. The copies are private
-- here as the case files are there. Who proposed, approved and ended a share stands in the chain of decisions (docs/cases.md, PROTOCOL 16).

CREATE TABLE programme.case_share (
    share_id     uuid PRIMARY KEY,
    -- Gone with its case: then the partner is told to erase the copy.
    case_id      uuid REFERENCES programme.case_file ON DELETE SET NULL,
    peer         text COLLATE "C" NOT NULL CHECK (length(peer) BETWEEN 1 AND 32),
    -- Documents that travel as they are, where they fit; the others are named with their hash.
    documents    uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(documents) <= 20),
    -- When the firm or network agreed, and where that can be found.
    consent_on   date NOT NULL,
    consent_ref  text NOT NULL CHECK (length(consent_ref) <= 200),
    state        text COLLATE "C" NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'live', 'ended')),
    proposed_by  text NOT NULL,
    approved_by  text NOT NULL DEFAULT '',
    -- The number of this office's newest message, the digest of what it tells, the partner's newest, and which of ours the partner knows.
    said         integer NOT NULL DEFAULT 0 CHECK (said >= 0),
    content      bytea CHECK (octet_length(content) = 32),
    heard        integer NOT NULL DEFAULT 0 CHECK (heard >= 0),
    acked        integer NOT NULL DEFAULT 0 CHECK (acked >= 0),
    has_left     boolean NOT NULL DEFAULT false,
    posted_at    timestamptz,
    looked_at    timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL,
    -- Whoever proposed it does not let it leave.
    CONSTRAINT share_four_eyes CHECK (approved_by = '' OR lower(approved_by) <> lower(proposed_by)),
    CONSTRAINT share_approved CHECK ((state <> 'live' AND said = 0) OR approved_by <> '')
);
CREATE UNIQUE INDEX case_share_once ON programme.case_share (case_id, peer) WHERE state <> 'ended';
CREATE INDEX case_share_of ON programme.case_share (case_id);
CREATE INDEX case_share_looked ON programme.case_share (looked_at) WHERE said > 0;

-- Of a case that is gone no words stay.
CREATE FUNCTION programme.case_of_share_gone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.consent_ref := '';
    NEW.documents := '{}';
    RETURN NEW;
END
$$;
CREATE TRIGGER case_gone BEFORE UPDATE ON programme.case_share FOR EACH ROW
    WHEN (NEW.case_id IS NULL AND OLD.case_id IS NOT NULL) EXECUTE FUNCTION programme.case_of_share_gone();

-- What the partner answered: notes, and tasks it proposes.
CREATE TABLE programme.case_share_reply (
    share_id  uuid NOT NULL REFERENCES programme.case_share ON DELETE CASCADE,
    number    integer NOT NULL CHECK (number BETWEEN 1 AND 10000),
    case_id   uuid NOT NULL REFERENCES programme.case_file ON DELETE CASCADE,
    kind      text COLLATE "C" NOT NULL CHECK (kind IN ('note', 'task')),
    words     text NOT NULL CHECK (length(words) <= 1000),
    due_on    date,
    on_day    date NOT NULL,
    PRIMARY KEY (share_id, number)
);
CREATE INDEX case_share_reply_of ON programme.case_share_reply (case_id);

-- What another office shares with this one: its newest copy, and what this office answered.
CREATE TABLE programme.shared_case (
    share_id    uuid PRIMARY KEY,
    peer        text COLLATE "C" NOT NULL CHECK (length(peer) BETWEEN 1 AND 32),
    state       text COLLATE "C" NOT NULL CHECK (state IN ('live', 'ended')),
    -- Empty once it is ended: the row stays, so that an old message brings nothing back.
    copy        jsonb NOT NULL CHECK (jsonb_typeof(copy) = 'object' AND length(copy::text) <= 120000),
    replies     jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(replies) = 'array' AND length(replies::text) <= 120000),
    heard       integer NOT NULL CHECK (heard >= 0),
    -- The number of this office's newest message, that of the newest with something new in it, and which of ours the sharing office knows.
    said        integer NOT NULL DEFAULT 0 CHECK (said >= 0),
    changed     integer NOT NULL DEFAULT 0 CHECK (changed >= 0),
    acked       integer NOT NULL DEFAULT 0 CHECK (acked >= 0),
    posted      integer NOT NULL DEFAULT 0 CHECK (posted >= 0),
    posted_at   timestamptz,
    came_at     timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    CONSTRAINT copy_while_live CHECK (state = 'live' OR copy = '{}'::jsonb)
);
CREATE INDEX shared_case_by_change ON programme.shared_case (changed_at DESC, share_id);
CREATE INDEX shared_case_of ON programme.shared_case (peer, came_at);

CREATE TABLE programme.shared_case_document (
    share_id     uuid NOT NULL REFERENCES programme.shared_case ON DELETE CASCADE,
    document_id  uuid NOT NULL,
    file_name    text NOT NULL CHECK (length(file_name) BETWEEN 1 AND 150),
    media_type   text COLLATE "C" NOT NULL,
    sha256       bytea NOT NULL CHECK (octet_length(sha256) = 32),
    content      bytea NOT NULL CHECK (octet_length(content) <= 65536),
    PRIMARY KEY (share_id, document_id)
);

-- What became of a share, at either office: by an officer, or by the node (a message that came, a case or a subject that is gone).
CREATE TABLE programme.case_share_step (
    step_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    share_id    uuid NOT NULL,
    case_id     uuid,
    peer        text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    by_officer  text NOT NULL DEFAULT '',
    action      text COLLATE "C" NOT NULL CHECK (action IN (
        'share-proposed', 'share-approved', 'share-ended', 'share-answered', 'share-left', 'share-case-gone',
        'copy-received', 'copy-answered', 'copy-left', 'copy-taken-back', 'copy-forgotten')),
    CONSTRAINT step_by_somebody CHECK (by_officer <> '' OR action NOT IN ('share-proposed', 'share-approved', 'share-ended', 'copy-answered', 'copy-left'))
);
CREATE INDEX case_share_step_of ON programme.case_share_step (share_id, step_id);

CREATE FUNCTION programme.keep_share_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM programme.refuse('append_only', TG_TABLE_NAME, 'what was decided is only ever added to');
    RETURN NULL;
END
$$;
CREATE TRIGGER share_step_kept BEFORE UPDATE OR DELETE ON programme.case_share_step FOR EACH ROW EXECUTE FUNCTION programme.keep_share_step();

CREATE FUNCTION audit.share_facts(s programme.case_share_step) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('row', s.step_id, 'share', s.share_id, 'case', s.case_id, 'peer', s.peer, 'action', s.action,
        'officer', nullif(s.by_officer, ''))
$$;
CREATE FUNCTION audit.record_share_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.by_officer <> '' THEN
        PERFORM publication.require_officer(NEW.by_officer);
    END IF;
    PERFORM audit.append('case-share', audit.share_facts(NEW));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER share_step_recorded AFTER INSERT ON programme.case_share_step
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_share_step();
REVOKE EXECUTE ON FUNCTION audit.record_share_step() FROM PUBLIC;

-- As deploy/roles.sql grants it, where that role is there already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rete_node')
       AND has_function_privilege('rete_node', 'publication.erase_reason(bigint, text)', 'EXECUTE') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON programme.case_share, programme.case_share_reply, programme.shared_case,
            programme.shared_case_document TO rete_node;
        GRANT SELECT, INSERT ON programme.case_share_step TO rete_node;
    END IF;
END
$$;
