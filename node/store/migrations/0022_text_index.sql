-- What a text index beside the database has to know: which profiles went, and how far it got. What came is told by their
-- arrival (0019). The index is derived and may be lost at any time.
CREATE TABLE coop.removed (
    removal_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin_id   integer NOT NULL,
    idx         bigint NOT NULL
);

-- One row: the index that follows this database, by a name that a restored copy does not know.
CREATE TABLE coop.indexed (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    token     uuid,
    arrival   bigint NOT NULL DEFAULT 0,
    at        timestamptz
);
INSERT INTO coop.indexed DEFAULT VALUES;

CREATE FUNCTION coop.note_removed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Nobody follows: nothing to note.
    IF EXISTS (SELECT FROM coop.indexed i WHERE i.token IS NOT NULL) THEN
        INSERT INTO coop.removed (origin_id, idx) SELECT g.origin_id, g.idx FROM gone g;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER removal_noted AFTER DELETE ON coop.profile
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION coop.note_removed();
