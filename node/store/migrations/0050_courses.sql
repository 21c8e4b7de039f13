-- The masterclass (docs/courses.md): courses with editions and sessions; who has a place at this office's courses and who waits; the own
-- office's participants at anybody's courses; attendance, answers without names, certificates. All of it is private; what an office
-- announces of a course, and the commitments of its certificates, stand in its signed log.

CREATE TABLE programme.course (
    course_id    uuid PRIMARY KEY,
    title        jsonb NOT NULL CHECK (jsonb_typeof(title) = 'object'),
    summary      jsonb NOT NULL CHECK (jsonb_typeof(summary) = 'object'),
    how          jsonb NOT NULL CHECK (jsonb_typeof(how) = 'object'),
    regions      text[] COLLATE "C" NOT NULL DEFAULT '{}',
    -- Their roles, as the announcement tells them; who they are stands in course_trainer.
    trainers     jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(trainers) = 'array'),
    is_announced boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL
);

CREATE TABLE programme.course_edition (
    edition_id  uuid PRIMARY KEY,
    course_id   uuid NOT NULL REFERENCES programme.course,
    code        text COLLATE "C" NOT NULL CHECK (code ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    seats       integer NOT NULL CHECK (seats BETWEEN 1 AND 5000),
    begins      date NOT NULL,
    ends        date NOT NULL CHECK (ends >= begins),
    deadline    date NOT NULL CHECK (deadline <= ends),
    percent     integer NOT NULL CHECK (percent BETWEEN 1 AND 100),
    state       text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'cancelled', 'held')),
    officer     text DEFAULT nullif(office.acting(), ''),
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    UNIQUE (course_id, code)
);

CREATE TABLE programme.course_session (
    session_id    uuid PRIMARY KEY,
    edition_id    uuid NOT NULL REFERENCES programme.course_edition ON DELETE CASCADE,
    number        integer NOT NULL CHECK (number BETWEEN 1 AND 60),
    day           date NOT NULL,
    hour          text COLLATE "C" NOT NULL CHECK (hour ~ '^[0-2][0-9]:[0-5][0-9]$'),
    place         text NOT NULL CHECK (length(place) BETWEEN 1 AND 200),
    municipality  text COLLATE "C" NOT NULL DEFAULT '',
    title         text NOT NULL DEFAULT '' CHECK (length(title) <= 200),
    is_online     boolean NOT NULL DEFAULT false,
    UNIQUE (edition_id, number)
);

-- By the name under which somebody signs in: officers.key_of.
CREATE TABLE programme.course_trainer (
    edition_id  uuid NOT NULL REFERENCES programme.course_edition ON DELETE CASCADE,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    name_key    text NOT NULL,
    PRIMARY KEY (edition_id, name_key)
);

CREATE TABLE programme.course_material (
    material_id  uuid PRIMARY KEY,
    edition_id   uuid NOT NULL REFERENCES programme.course_edition ON DELETE CASCADE,
    title        text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    file_name    text NOT NULL CHECK (length(file_name) <= 150),
    media_type   text COLLATE "C" NOT NULL,
    sha256       bytea NOT NULL CHECK (octet_length(sha256) = 32),
    content      bytea NOT NULL,
    officer      text DEFAULT nullif(office.acting(), ''),
    added_at     timestamptz NOT NULL,
    UNIQUE (edition_id, sha256)
);
ALTER TABLE programme.course_material ALTER COLUMN content SET STORAGE EXTERNAL;

-- Who asked this office, as organiser: the own office's people and those of others. One row per enrolment, whose id its office drew.
CREATE TABLE programme.course_seat (
    seat_id     uuid PRIMARY KEY,
    -- Null: no such edition; what was asked for is answered all the same.
    edition_id  uuid REFERENCES programme.course_edition,
    course_id   uuid NOT NULL,
    edition     text COLLATE "C" NOT NULL,
    office      text COLLATE "C" NOT NULL,
    -- The order in which this database decided: nobody's clock.
    turn        bigint GENERATED ALWAYS AS IDENTITY,
    standing    text COLLATE "C" NOT NULL CHECK (standing IN ('placed', 'waiting', 'refused', 'cancelled')),
    reason      text COLLATE "C" NOT NULL DEFAULT '',
    place       integer CHECK (place >= 1),
    person      jsonb NOT NULL CHECK (jsonb_typeof(person) = 'object' AND length(person::text) <= 4000),
    email_key   text NOT NULL DEFAULT '',
    -- The number of the newest message of its office that was heard, of this office's newest answer, of the newest that was put out.
    heard       integer NOT NULL DEFAULT 0 CHECK (heard >= 0),
    said        integer NOT NULL DEFAULT 0 CHECK (said >= 0),
    posted      integer NOT NULL DEFAULT 0 CHECK (posted >= 0 AND posted <= said),
    evaluated   boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    CONSTRAINT place_of_the_placed CHECK ((place IS NOT NULL) = (standing = 'placed')),
    CONSTRAINT only_refused_nowhere CHECK (edition_id IS NOT NULL OR standing IN ('refused', 'cancelled'))
);
-- Whatever the program does, nobody gets a place that somebody holds.
CREATE UNIQUE INDEX course_seat_place ON programme.course_seat (edition_id, place) WHERE standing = 'placed';
CREATE UNIQUE INDEX course_seat_once ON programme.course_seat (edition_id, email_key) WHERE standing IN ('placed', 'waiting') AND email_key <> '';
CREATE INDEX course_seat_turn ON programme.course_seat (edition_id, turn);
CREATE INDEX course_seat_unposted ON programme.course_seat (office, seat_id) WHERE posted < said;

-- And no place beyond the seats.
CREATE FUNCTION programme.check_place() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.place > (SELECT e.seats FROM programme.course_edition e WHERE e.edition_id = NEW.edition_id) THEN
        RAISE EXCEPTION 'no such place' USING ERRCODE = 'check_violation', CONSTRAINT = 'place_exists', SCHEMA = 'programme', TABLE = 'course_seat';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER place_exists AFTER INSERT OR UPDATE OF place ON programme.course_seat FOR EACH ROW WHEN (NEW.place IS NOT NULL)
    EXECUTE FUNCTION programme.check_place();
CREATE FUNCTION programme.check_seats() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM programme.course_seat s WHERE s.edition_id = NEW.edition_id AND s.place > NEW.seats) THEN
        RAISE EXCEPTION 'a place is held' USING ERRCODE = 'check_violation', CONSTRAINT = 'seats_hold_places', SCHEMA = 'programme', TABLE = 'course_edition';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER seats_hold_places AFTER UPDATE OF seats ON programme.course_edition FOR EACH ROW EXECUTE FUNCTION programme.check_seats();

-- The own office's participants, at its own courses and at those of others: what was asked, what was answered.
CREATE TABLE programme.course_enrolment (
    enrolment_id     uuid PRIMARY KEY,
    organiser        text COLLATE "C" NOT NULL,
    course_id        uuid NOT NULL,
    edition          text COLLATE "C" NOT NULL,
    -- As they were announced when it was asked for, for whoever reads the mail.
    title            text NOT NULL,
    begins           date NOT NULL,
    ends             date NOT NULL,
    person           jsonb NOT NULL CHECK (jsonb_typeof(person) = 'object' AND length(person::text) <= 4000),
    consent_version  text COLLATE "C" NOT NULL,
    consented_at     timestamptz NOT NULL,
    language         text COLLATE "C" NOT NULL CHECK (language IN ('it', 'en')),
    token_hash       bytea CHECK (octet_length(token_hash) = 32),
    standing         text COLLATE "C" NOT NULL CHECK (standing IN ('asked', 'placed', 'waiting', 'refused', 'cancelled')),
    reason           text COLLATE "C" NOT NULL DEFAULT '',
    -- What this office says last of it, its number, the number the organiser has heard, and the organiser's newest answer.
    says             text COLLATE "C" NOT NULL CHECK (says IN ('ask', 'cancel', 'evaluate', 'forget')),
    answers          smallint[],
    seq              integer NOT NULL CHECK (seq >= 1),
    seen             integer NOT NULL DEFAULT 0 CHECK (seen >= 0),
    heard            integer NOT NULL DEFAULT 0 CHECK (heard >= 0),
    posted_at        timestamptz,
    is_evaluated     boolean NOT NULL DEFAULT false,
    told             text COLLATE "C" NOT NULL DEFAULT '',
    created_at       timestamptz NOT NULL,
    changed_at       timestamptz NOT NULL
);
CREATE INDEX course_enrolment_of ON programme.course_enrolment (organiser, course_id, edition, created_at);
CREATE INDEX course_enrolment_open ON programme.course_enrolment (organiser) WHERE seen < seq;

CREATE TABLE programme.course_attendance (
    session_id  uuid NOT NULL REFERENCES programme.course_session ON DELETE CASCADE,
    seat_id     uuid NOT NULL REFERENCES programme.course_seat ON DELETE CASCADE,
    is_present  boolean NOT NULL,
    officer     text NOT NULL,
    marked_at   timestamptz NOT NULL,
    PRIMARY KEY (session_id, seat_id)
);
CREATE INDEX course_attendance_seat ON programme.course_attendance (seat_id);

-- Answers without names, days or territories; deleted when they are released.
CREATE TABLE programme.course_answer (
    answer_id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    edition_id  uuid NOT NULL REFERENCES programme.course_edition ON DELETE CASCADE,
    answers     smallint[] NOT NULL
);
CREATE INDEX course_answer_of ON programme.course_answer (edition_id);
CREATE TABLE programme.course_release (
    edition_id   uuid PRIMARY KEY REFERENCES programme.course_edition,
    version      text COLLATE "C" NOT NULL,
    told         jsonb NOT NULL,
    officer      text NOT NULL,
    released_at  timestamptz NOT NULL
);

-- The commitment stays when the person is erased and the code with it: without the code it says nothing of anybody.
CREATE TABLE programme.course_certificate (
    commitment  bytea PRIMARY KEY CHECK (octet_length(commitment) = 32),
    edition_id  uuid NOT NULL REFERENCES programme.course_edition,
    seat_id     uuid UNIQUE REFERENCES programme.course_seat ON DELETE SET NULL,
    code        bytea CHECK (octet_length(code) = 16),
    officer     text NOT NULL,
    issued_at   timestamptz NOT NULL
);
CREATE INDEX course_certificate_of ON programme.course_certificate (edition_id);

-- What officers decide stands in the chain: editions, the release of answers, certificates (by their commitment).
CREATE FUNCTION audit.record_edition() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('course', jsonb_build_object(
        'edition', NEW.edition_id, 'course', NEW.course_id, 'action', CASE WHEN TG_OP = 'INSERT' THEN 'opened' WHEN OLD.state = NEW.state THEN 'changed' ELSE NEW.state END,
        'seats', NEW.seats, 'officer', nullif(office.acting(), '')));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER edition_recorded AFTER INSERT OR UPDATE OF state, seats ON programme.course_edition
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_edition();
CREATE FUNCTION audit.record_release() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('course', jsonb_build_object('edition', NEW.edition_id, 'action', 'released', 'officer', NEW.officer));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER release_recorded AFTER INSERT ON programme.course_release
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_release();
CREATE FUNCTION audit.record_certificate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.append('course', jsonb_build_object(
        'edition', NEW.edition_id, 'action', 'certified', 'commitment', encode(NEW.commitment, 'hex'), 'officer', NEW.officer));
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER certificate_recorded AFTER INSERT ON programme.course_certificate
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.record_certificate();
REVOKE EXECUTE ON FUNCTION audit.record_edition(), audit.record_release(), audit.record_certificate() FROM PUBLIC;
