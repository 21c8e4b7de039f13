-- Editions that are changed while they are open (docs/courses.md): days, share and sessions, by page and with who changed them in the chain;
-- and certificates that participants collect by a code of their own, which ends.

-- Sessions are numbered anew by their days when some are added or taken out: two may share a number for a moment.
ALTER TABLE programme.course_session DROP CONSTRAINT course_session_edition_id_number_key,
    ADD CONSTRAINT course_session_number UNIQUE (edition_id, number) DEFERRABLE INITIALLY DEFERRED;

DROP TRIGGER edition_recorded ON programme.course_edition;
CREATE CONSTRAINT TRIGGER edition_recorded AFTER INSERT OR UPDATE OF state, seats, begins, ends, deadline, percent ON programme.course_edition
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_edition();

-- The SHA-256 of the code by which a participant collects a certificate, until when it holds, and when it was mailed.
ALTER TABLE programme.course_certificate
    ADD COLUMN collect_hash bytea CHECK (octet_length(collect_hash) = 32),
    ADD COLUMN collect_until timestamptz,
    ADD COLUMN told_at timestamptz,
    ADD CONSTRAINT course_certificate_collected CHECK ((collect_hash IS NULL) = (collect_until IS NULL));
-- Those that were made before are handed over by their office, as they were; nobody is mailed of an old one out of the blue.
UPDATE programme.course_certificate SET told_at = issued_at;
CREATE INDEX course_certificate_untold ON programme.course_certificate (issued_at) WHERE told_at IS NULL;

-- Four eyes on a call: whoever endorses it is not whoever wrote its text here. What was endorsed before stays as it is; where nothing
-- breaks the rule all are held to it.
ALTER TABLE programme.call ADD CONSTRAINT call_four_eyes
    CHECK (endorsed_by IS NULL OR publication.officer_key(endorsed_by) <> publication.officer_key(written_by)) NOT VALID;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM programme.call
                   WHERE publication.officer_key(endorsed_by) = publication.officer_key(written_by)) THEN
        ALTER TABLE programme.call VALIDATE CONSTRAINT call_four_eyes;
    END IF;
END
$$;
