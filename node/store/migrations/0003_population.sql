-- The public register, by snapshot: the reference population of the partition. Public data only.
CREATE SCHEMA population;

CREATE TABLE population.snapshot (
    snapshot_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    taken_on     date NOT NULL UNIQUE,
    digest       text NOT NULL,
    networks     integer NOT NULL,
    firms        integer NOT NULL,
    loaded_at    timestamptz NOT NULL
);

CREATE TABLE population.network (
    snapshot_id           integer NOT NULL REFERENCES population.snapshot ON DELETE CASCADE,
    register_id           text COLLATE "C" NOT NULL,
    deed_register_number  text NOT NULL,
    deed_number           text NOT NULL,
    registered_on         date NOT NULL,
    name                  text NOT NULL,
    kind                  text NOT NULL CHECK (kind IN ('contract', 'entity')),
    object_text           text NOT NULL,
    municipality          text COLLATE "C" NOT NULL,
    municipality_name     text NOT NULL,
    province              text COLLATE "C" NOT NULL,
    region                text COLLATE "C" NOT NULL,
    macro                 text COLLATE "C" NOT NULL,
    ateco                 text COLLATE "C" NOT NULL,
    members               integer NOT NULL CHECK (members >= 1),
    theme                 text COLLATE "C" NOT NULL,
    active                boolean NOT NULL,
    PRIMARY KEY (snapshot_id, register_id)
);

CREATE TABLE population.firm (
    snapshot_id   integer NOT NULL REFERENCES population.snapshot ON DELETE CASCADE,
    register_id   text COLLATE "C" NOT NULL,
    position      integer NOT NULL,
    tax_code      text COLLATE "C" NOT NULL,
    name          text NOT NULL,
    rea           text NOT NULL,
    is_reference  boolean NOT NULL,
    municipality  text COLLATE "C" NOT NULL,
    municipality_name text NOT NULL,
    province      text COLLATE "C" NOT NULL,
    legal_form    text NOT NULL,
    ateco         text COLLATE "C" NOT NULL,
    PRIMARY KEY (snapshot_id, register_id, position)
);

CREATE TABLE population.partition (
    version      integer PRIMARY KEY,
    snapshot_id  integer NOT NULL REFERENCES population.snapshot,
    digest       text NOT NULL UNIQUE,
    document     bytea NOT NULL,
    built_at     timestamptz NOT NULL
);
