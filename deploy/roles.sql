-- Three database roles for one node, so that the walls of the program stand in the database too:
--
--   rete_owner   owns the schemas and changes them; used for upgrades only
--   rete_node    reads and writes the node's rows; cannot change tables
--   rete_public  enough to answer other nodes and searches: reads the signed log, the agreement and the cooperation database, keeps nonces,
--                votes as a witness, hands out and erases sealed messages, serves saved searches without their addresses, and never sees the private register,
--                drafts, decisions or the population
--
-- The program has one database login, [database] url, and everything it does goes by that one: rete_node. rete_public is for
-- whoever serves peers and searches by a process of their own, with a login of its own.
--
-- As a superuser of the node's database, once it is migrated and again after each upgrade (running it twice changes nothing):
--
--   psql --set ON_ERROR_STOP=1 --dbname rete --file deploy/roles.sql
--
-- None of them can log in: give each to a login of its own, for example
--
--   CREATE ROLE rete LOGIN; GRANT rete_node TO rete;
BEGIN;

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['rete_owner', 'rete_node', 'rete_public'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            -- Roles belong to the whole server: another node's database made it.
            NULL;
        END;
    END LOOP;
END
$$;

-- Nothing is anybody's by default.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO rete_owner, rete_node, rete_public', current_database());
    EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO rete_owner', current_database());
    -- Imports are staged in temporary tables.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO rete_node', current_database());
    -- What a constraint refuses would be quoted in the server's own log: rows of the private register as plain text.
    EXECUTE format('ALTER DATABASE %I SET log_error_verbosity = terse', current_database());
    EXECUTE format('ALTER DATABASE %I SET log_min_error_statement = panic', current_database());
END
$$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO rete_owner, rete_node, rete_public;
GRANT CREATE ON SCHEMA public TO rete_owner;

DO $$
DECLARE
    place text;
    item record;
BEGIN
    FOR place IN
        SELECT nspname FROM pg_namespace
        WHERE nspname IN ('ops', 'registry', 'population', 'publication', 'log', 'coop', 'audit', 'office', 'post', 'agreement', 'programme', 'observatory', 'statistics')
    LOOP
        EXECUTE format('ALTER SCHEMA %I OWNER TO rete_owner', place);
        FOR item IN
            SELECT relname FROM pg_class
            WHERE relnamespace = place::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        LOOP
            EXECUTE format('ALTER TABLE %I.%I OWNER TO rete_owner', place, item.relname);
        END LOOP;
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', place);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM PUBLIC, rete_public', place);
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM rete_public', place);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO rete_node', place);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO rete_node', place);
        EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO rete_node', place);
        EXECUTE format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE rete_owner IN SCHEMA %I'
            ' GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO rete_node', place);
        EXECUTE format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE rete_owner IN SCHEMA %I GRANT USAGE, SELECT ON SEQUENCES TO rete_node', place);
        IF current_setting('server_version_num')::int >= 170000 THEN
            -- Statistics after a large import.
            EXECUTE format('GRANT MAINTAIN ON ALL TABLES IN SCHEMA %I TO rete_node', place);
        END IF;
    END LOOP;
END
$$;
-- Functions belong with their tables: those that write the chain do so as its owner, whoever decides.
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace::regnamespace::text IN ('registry', 'publication', 'audit', 'office', 'programme')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO rete_owner', item.name);
    END LOOP;
END
$$;
-- The chain of decisions is written by triggers alone, and only ever added to; so are decisions and rulings.
REVOKE INSERT, UPDATE, DELETE ON audit.event, audit.chain FROM rete_node;
REVOKE UPDATE, DELETE ON publication.decision, log.ruling FROM rete_node;
REVOKE DELETE ON publication.profile, publication.version FROM rete_node;
-- Accounts are disabled, never deleted; roles are granted or revoked.
REVOKE DELETE ON office.account FROM rete_node;
REVOKE UPDATE ON office.account_role FROM rete_node;
GRANT EXECUTE ON FUNCTION audit.sign_in_refused(uuid, text), audit.access_refused(uuid, text, uuid, text) TO rete_node;
REVOKE INSERT, UPDATE, DELETE ON audit.refusals FROM rete_node;
-- What the office announced is told once.
REVOKE UPDATE, DELETE ON programme.announced FROM rete_node;
-- Of a call: what was handed in, declared, judged and granted stays; what names somebody may be erased by its own column.
REVOKE UPDATE, DELETE ON programme.application, programme.call_declaration, programme.call_score, programme.call_grant,
    programme.call_instalment, programme.call_expense, programme.call_revocation FROM rete_node;
GRANT UPDATE (network_id, network_key, withdrawn_at, withdrawn_by) ON programme.application TO rete_node;
GRANT UPDATE (reasons) ON programme.call_score TO rete_node;
GRANT UPDATE (aid_code) ON programme.call_grant TO rete_node;
GRANT UPDATE (note) ON programme.call_expense TO rete_node;
GRANT UPDATE (reason) ON programme.call_revocation TO rete_node;
-- Documents and changes of the register are told once.
REVOKE UPDATE ON registry.document, registry.change FROM rete_node;
REVOKE DELETE ON registry.change FROM rete_node;
GRANT EXECUTE ON FUNCTION registry.end_history(uuid[]) TO rete_node;
GRANT EXECUTE ON FUNCTION audit.document_taken(uuid, uuid) TO rete_node;
GRANT EXECUTE ON FUNCTION publication.erase_reason(bigint, text) TO rete_node;
GRANT EXECUTE ON FUNCTION audit.erase_ruling_reason(bigint, text) TO rete_node;
GRANT EXECUTE ON FUNCTION audit.sessions_ended(uuid, integer), audit.sign_in_abandoned(uuid, integer) TO rete_node;
GRANT EXECUTE ON FUNCTION audit.register_exported(text, text, integer) TO rete_node;
-- Introductions: what was signed stays; what travelled beside it, who consented and who was named may be erased; a case is deleted whole,
-- when it has ended, by the database's own cascade.
REVOKE UPDATE ON office.introduction FROM rete_node;
GRANT UPDATE (network_id, request, applicant, token_hash, state, reason, outcome, turn, own_due, other_due, since, introduced_at,
    own_events, other_events, known_events, sent_again_at, changed_at) ON office.introduction TO rete_node;
REVOKE UPDATE, DELETE ON office.introduction_event, office.introduction_consent, office.introduction_identity, office.introduction_notice
    FROM rete_node;
GRANT UPDATE (payload, salt) ON office.introduction_event TO rete_node;
GRANT UPDATE (person, identity, revoked_at) ON office.introduction_consent TO rete_node;
GRANT UPDATE (identity, erased_at) ON office.introduction_identity TO rete_node;
-- Case files: documents and steps are told once; of a step the words may go.
REVOKE UPDATE ON programme.case_document, programme.case_step FROM rete_node;
REVOKE DELETE ON programme.case_step FROM rete_node;
GRANT UPDATE (note, to_office) ON programme.case_step TO rete_node;
GRANT EXECUTE ON FUNCTION audit.case_document_taken(uuid, uuid) TO rete_node;
-- Of shared case files the steps are told once.
REVOKE UPDATE, DELETE ON programme.case_share_step FROM rete_node;
-- The history of the schema is written by those who change it.
REVOKE INSERT, UPDATE, DELETE ON ops.migration FROM rete_node;

-- What other nodes and searches may reach. No default privileges: a new table is out of their reach until it is named here.
GRANT USAGE ON SCHEMA ops, log, coop TO rete_public;
GRANT SELECT ON ALL TABLES IN SCHEMA log, coop TO rete_public;
-- How far a text index got is judged by the last arrival.
GRANT SELECT ON SEQUENCE coop.profile_arrival TO rete_public;
-- Who decided about another node, and why, is this office's.
REVOKE SELECT ON log.ruling FROM rete_public;
GRANT SELECT ON ops.migration, ops.leader TO rete_public;
GRANT SELECT, INSERT ON ops.nonce TO rete_public;
-- News of a log makes it due; a proof against one ends its following.
GRANT UPDATE (state, state_before, relayed, next_pull_at, checked_at, failures, error_code, error_text, error_at) ON log.origin TO rete_public;
GRANT INSERT, UPDATE ON log.witnessed TO rete_public;
GRANT INSERT ON log.evidence TO rete_public;
-- Sealed messages: what waits for whoever asks is read, erased once it has it, and numbered anew after a restore; nothing is put there.
GRANT USAGE ON SCHEMA post TO rete_public;
GRANT SELECT, DELETE ON post.outbox TO rete_public;
GRANT UPDATE (number) ON post.outbox TO rete_public;
GRANT SELECT, INSERT (peer, sent, served, next_at), UPDATE (sent, served, acked, rewound, next_at, hint_at, hints) ON post.box TO rete_public;
-- The agreement is handed on to whoever asks; enrolment requests are taken from anybody. What is applied, and collected, the node's own role does.
GRANT USAGE ON SCHEMA agreement TO rete_public;
GRANT SELECT ON ALL TABLES IN SCHEMA agreement TO rete_public;
GRANT INSERT, DELETE ON agreement.request TO rete_public;
-- What the Observatory told is everybody's.
GRANT USAGE ON SCHEMA observatory TO rete_public;
GRANT SELECT ON observatory.figures, observatory.release TO rete_public;
-- A release stays as it was told.
REVOKE UPDATE, DELETE ON observatory.release FROM rete_node;
-- Stages and evaluations of aggregations are only ever added to; their words may be erased. An aggregation is blanked, never deleted.
REVOKE UPDATE, DELETE ON programme.stage_change, programme.evaluation FROM rete_node;
GRANT UPDATE (reason, salt) ON programme.stage_change TO rete_node;
GRANT UPDATE (answers, conclusion, salt) ON programme.evaluation TO rete_node;
REVOKE DELETE ON programme.aggregation FROM rete_node;
-- Saved searches: anybody's are made, read and deleted; of who is told only that there is somebody, and that they leave.
GRANT USAGE ON SCHEMA office TO rete_public;
GRANT SELECT, INSERT, DELETE ON office.saved_search TO rete_public;
GRANT UPDATE (read_on) ON office.saved_search TO rete_public;
GRANT SELECT (search_id, channel, unsubscribed_at), UPDATE (address, unsubscribed_at) ON office.saved_channel TO rete_public;

COMMIT;
