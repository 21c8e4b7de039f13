-- A draft is put before whoever approves, and may be sent back with a reason: decisions about a draft, which changes by neither.
ALTER TABLE publication.decision DROP CONSTRAINT decision_action_check;
ALTER TABLE publication.decision ADD CONSTRAINT decision_action_check
    CHECK (action IN ('drafted', 'submitted', 'returned', 'approved', 'queued', 'published', 'withdrawn'));

CREATE OR REPLACE FUNCTION publication.match_decision() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
    ELSIF NEW.action IN ('submitted', 'returned') THEN
        -- No step of the version: a draft stays one, and says whom it waits for.
        fits := v.state = 'draft' AND NEW.action IS DISTINCT FROM (
                SELECT d.action FROM publication.decision d
                WHERE d.profile_id = NEW.profile_id AND d.number = NEW.number AND d.decision_id < NEW.decision_id
                ORDER BY d.decision_id DESC LIMIT 1)
            AND (NEW.action = 'submitted' OR (coalesce(btrim(NEW.reason), '') <> ''
                 AND publication.officer_key(NEW.officer) <> publication.officer_key(v.author)));
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
