-- The administration's own register of networks. Private: peer-facing code never reads this schema.
CREATE SCHEMA registry;

CREATE TABLE registry.network (
    network_id            uuid PRIMARY KEY,
    -- The key by which the public register knows the contract; it exists once the contract is deposited.
    register_id           text COLLATE "C" UNIQUE,
    deed_register_number  text NOT NULL DEFAULT '',
    deed_number           text NOT NULL DEFAULT '',
    deed_form             text CHECK (deed_form IN ('public', 'authenticated', 'digital')),
    notary                text NOT NULL DEFAULT '',
    signed_on             date,
    status                text NOT NULL
                          CHECK (status IN ('potential', 'drafting', 'signed', 'registered', 'amended', 'closed')),
    name                  text NOT NULL CHECK (name <> '' AND length(name) <= 255),
    -- Folded name: what recognises a network that has no deed yet.
    name_key              text COLLATE "C" NOT NULL,
    kind                  text NOT NULL CHECK (kind IN ('contract', 'entity')),
    purpose               text CHECK (purpose IN ('growth', 'solidarity', 'agricultural')),
    object_text           text NOT NULL CHECK (length(object_text) <= 8000),
    programme             text NOT NULL DEFAULT '',
    start_on              date,
    end_on                date,
    open_to_new_members   boolean NOT NULL DEFAULT true,
    has_common_fund       boolean NOT NULL DEFAULT false,
    initial_fund          numeric(14, 2) CHECK (initial_fund >= 0),
    has_common_body       boolean NOT NULL DEFAULT false,
    common_body_kind      text NOT NULL DEFAULT '',
    common_body_holder    text NOT NULL DEFAULT '',
    seat_municipality     text NOT NULL DEFAULT '',
    own_tax_code          text NOT NULL DEFAULT '',
    own_rea               text NOT NULL DEFAULT '',
    ordinary_section_on   date,
    -- Closed-list facts an officer adds; needs and offers have a table of their own.
    capabilities          text[] NOT NULL DEFAULT '{}',
    languages             text[] NOT NULL DEFAULT '{}',
    target_countries      text[] NOT NULL DEFAULT '{}',
    certifications        text[] NOT NULL DEFAULT '{}',
    extras                text[] NOT NULL DEFAULT '{}'
                          CHECK (extras <@ ARRAY['innovation', 'internationalisation', 'certification']),
    source                text NOT NULL CHECK (source IN ('chamber', 'template', 'officer')),
    -- What the last import said, so that an unchanged row is not written again.
    digest                bytea NOT NULL CHECK (octet_length(digest) = 32),
    updated_at            timestamptz NOT NULL,
    CONSTRAINT ends_after_start CHECK (end_on IS NULL OR start_on IS NULL OR end_on >= start_on),
    CONSTRAINT entity_form CHECK (kind <> 'entity' OR deed_form IS DISTINCT FROM 'digital')
);
CREATE INDEX network_name ON registry.network (name, network_id);

CREATE TABLE registry.firm (
    firm_id          uuid PRIMARY KEY,
    tax_code         text COLLATE "C" NOT NULL CHECK (length(tax_code) <= 16),
    vat_number       text COLLATE "C" NOT NULL DEFAULT '',
    name             text NOT NULL CHECK (name <> ''),
    name_key         text COLLATE "C" NOT NULL,
    legal_form       text NOT NULL DEFAULT '',
    -- Sixteen characters are a person: the GDPR applies to every such row.
    natural_person   boolean GENERATED ALWAYS AS (length(tax_code) = 16) STORED,
    municipality     text COLLATE "C" NOT NULL DEFAULT '',
    municipality_name text NOT NULL DEFAULT '',
    province         text COLLATE "C" NOT NULL DEFAULT '',
    rea              text NOT NULL DEFAULT '',
    ateco            text COLLATE "C" NOT NULL DEFAULT '',
    ateco_edition    text NOT NULL DEFAULT '2007',
    employees        text NOT NULL DEFAULT '',
    turnover         text NOT NULL DEFAULT '',
    certifications   text[] NOT NULL DEFAULT '{}',
    export_countries text[] NOT NULL DEFAULT '{}',
    led_by           text[] NOT NULL DEFAULT '{}' CHECK (led_by <@ ARRAY['women', 'youth', 'foreign'])
);
-- One firm per tax code; those without one are told apart by folded name and province.
CREATE UNIQUE INDEX firm_identity ON registry.firm (tax_code, name_key, province) WHERE tax_code = '';
CREATE UNIQUE INDEX firm_tax_code ON registry.firm (tax_code) WHERE tax_code <> '';

CREATE TABLE registry.membership (
    network_id     uuid NOT NULL REFERENCES registry.network,
    firm_id        uuid NOT NULL REFERENCES registry.firm,
    joined_on      date NOT NULL,
    left_on        date,
    founding       boolean NOT NULL DEFAULT true,
    is_reference   boolean NOT NULL DEFAULT false,
    registered_on  date,
    contribution   numeric(14, 2) CHECK (contribution >= 0),
    PRIMARY KEY (network_id, firm_id, joined_on),
    CHECK (left_on IS NULL OR left_on >= joined_on)
);
CREATE INDEX membership_firm ON registry.membership (firm_id, network_id);
-- A firm leaves before it joins again.
CREATE UNIQUE INDEX membership_current ON registry.membership (network_id, firm_id) WHERE left_on IS NULL;

CREATE TABLE registry.objective (
    network_id  uuid NOT NULL REFERENCES registry.network ON DELETE CASCADE,
    position    smallint NOT NULL,
    kind        text NOT NULL DEFAULT '',
    text        text NOT NULL,
    measure     text NOT NULL DEFAULT '',
    target      text NOT NULL DEFAULT '',
    due_on      date,
    PRIMARY KEY (network_id, position)
);

-- Needs and offers, as the officer wrote them for this network.
CREATE TABLE registry.want (
    network_id  uuid NOT NULL REFERENCES registry.network ON DELETE CASCADE,
    side        text NOT NULL CHECK (side IN ('need', 'offer')),
    position    smallint NOT NULL CHECK (position BETWEEN 1 AND 5),
    category    text COLLATE "C" NOT NULL,
    text        text NOT NULL DEFAULT '',
    deadline    date,
    PRIMARY KEY (network_id, side, position)
);

CREATE TABLE registry.contact (
    contact_id  uuid PRIMARY KEY,
    network_id  uuid NOT NULL REFERENCES registry.network ON DELETE CASCADE,
    person      text NOT NULL,
    role        text NOT NULL DEFAULT '',
    email       text NOT NULL DEFAULT '',
    phone       text NOT NULL DEFAULT ''
);
CREATE INDEX contact_network ON registry.contact (network_id, contact_id);

CREATE TABLE registry.document (
    document_id  uuid PRIMARY KEY,
    network_id   uuid NOT NULL REFERENCES registry.network ON DELETE CASCADE,
    title        text NOT NULL,
    media_type   text NOT NULL,
    sha256       bytea NOT NULL CHECK (octet_length(sha256) = 32),
    content      bytea NOT NULL,
    added_at     timestamptz NOT NULL
);
CREATE INDEX document_network ON registry.document (network_id, document_id);

CREATE TABLE registry.consent (
    consent_id  uuid PRIMARY KEY,
    network_id  uuid NOT NULL REFERENCES registry.network ON DELETE CASCADE,
    person      text NOT NULL,
    purpose     text NOT NULL,
    version     text NOT NULL,
    given_at    timestamptz NOT NULL,
    revoked_at  timestamptz CHECK (revoked_at >= given_at)
);
CREATE INDEX consent_network ON registry.consent (network_id, consent_id);

CREATE TABLE registry.import_batch (
    batch_id    uuid PRIMARY KEY,
    file_name   text NOT NULL,
    sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32),
    layout      text NOT NULL CHECK (layout IN ('chamber', 'template')),
    imported_at timestamptz NOT NULL,
    added       integer NOT NULL,
    changed     integer NOT NULL,
    unchanged   integer NOT NULL,
    refused     integer NOT NULL
);
CREATE UNIQUE INDEX network_without_deed ON registry.network (name_key) WHERE register_id IS NULL;
