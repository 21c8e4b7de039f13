"""deploy/roles.sql on a real database: the walls of the program stand there too."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer
from networks_made import record

from node.domain import documents as kinds
from node.domain import entry_form, introduction_fold
from node.domain.introduction import Event, Party
from node.domain.roles import Role
from node.errors import CallerError, OperatorError
from node.flows.people import accounts, sign_in
from node.flows.registry import documents, gdpr, keeping
from node.flows.registry.acting import acting
from node.flows.upkeep import backup
from node.flows.upkeep.home import Facts, make_home
from node.runtime import open_node
from node.store import backup as moments
from node.store import backup_file, introduction_notices, introductions, nonces, registry
from node.store.postgres import Connection, acquire, open_pool
from node.web import app as application
from tests.accounts_made import Desk
from tests.documents_made import PDF
from tests.office_made import configured

ROLES = Path(__file__).resolve().parents[2] / "deploy" / "roles.sql"
NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
PRIVATE = ("registry", "publication", "population", "audit", "programme")
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")


@pytest.fixture
async def admin(db: str) -> AsyncIterator[Connection]:
    """A superuser's connection to a database on which the roles were set up, twice."""
    conn = await asyncpg.connect(db)
    for _ in range(2):
        await conn.execute(ROLES.read_text(encoding="utf-8"))
    yield conn
    await conn.close()


async def rights(conn: Connection, role: str, schema: str) -> dict[str, set[str]]:
    """What a role may do with each table of a schema, wholly or in a column."""
    rows = await conn.fetch(
        "SELECT c.oid::regclass::text AS name, r.word FROM pg_class c CROSS JOIN unnest($3::text[]) AS r (word)"
        " WHERE c.relnamespace = $2::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND (has_table_privilege($1, c.oid, r.word)"
        " OR (r.word <> 'DELETE' AND has_any_column_privilege($1, c.oid, r.word)))",
        role,
        schema,
        RIGHTS,
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["name"], set()).add(row["word"])
    return found


async def test_what_answers_other_nodes_has_no_right_in_private_schemas(admin: Connection) -> None:
    """Not one right on one table or column, nor on the schema; also for tables that an upgrade will bring."""
    await admin.execute(
        "SET ROLE rete_owner; CREATE TABLE registry.later (n int); CREATE TABLE log.later (n int); RESET ROLE"
    )
    for schema in PRIVATE:
        assert await rights(admin, "rete_public", schema) == {}
        assert not await admin.fetchval("SELECT has_schema_privilege('rete_public', $1, 'USAGE')", schema)
    assert "log.later" not in await rights(admin, "rete_public", "log")
    assert (await rights(admin, "rete_node", "registry"))["registry.later"] == set(RIGHTS)


async def test_saved_searches_are_served_without_their_addresses(admin: Connection) -> None:
    """What answers the public makes, reads and deletes searches; of whom they tell it reads no address, of news nothing."""
    assert await rights(admin, "rete_public", "office") == {
        "office.saved_search": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "office.saved_channel": {"SELECT", "UPDATE"},
    }
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND has_column_privilege('rete_public', attrelid, attnum, $2)"
    readable = {row["attname"] for row in await admin.fetch(columns, "office.saved_channel", "SELECT")}
    assert readable == {"search_id", "channel", "unsubscribed_at"}
    assert [row["attname"] for row in await admin.fetch(columns, "office.saved_search", "UPDATE")] == ["read_on"]
    assert set((await rights(admin, "rete_node", "office"))["office.saved_news"]) == set(RIGHTS)
    assert await admin.fetchval("SELECT has_sequence_privilege('rete_node', 'coop.profile_arrival', 'USAGE')")


async def test_sealed_messages_are_handed_out_and_never_written(admin: Connection) -> None:
    """What answers other nodes reads, erases and numbers what waits; no word of it can it change, nor see what was refused here."""
    assert await rights(admin, "rete_public", "post") == {
        "post.box": {"SELECT", "INSERT", "UPDATE"},
        "post.outbox": {"SELECT", "UPDATE", "DELETE"},
    }
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND has_column_privilege('rete_public', attrelid, attnum, 'UPDATE')"
    assert [row["attname"] for row in await admin.fetch(columns, "post.outbox")] == ["number"]
    changed = {row["attname"] for row in await admin.fetch(columns, "post.box")}
    assert changed == {"sent", "served", "acked", "rewound", "next_at", "hint_at", "hints"}
    assert set((await rights(admin, "rete_node", "post"))["post.refused"]) == set(RIGHTS)


async def test_the_agreement_is_handed_on_and_never_applied(admin: Connection) -> None:
    """What answers other nodes reads all of the agreement and takes enrolment requests; no version, proposal or fork can it write."""
    held = await rights(admin, "rete_public", "agreement")
    assert held.pop("agreement.request") == {"SELECT", "INSERT", "DELETE"}
    assert len(held) == 9
    assert {frozenset(one) for one in held.values()} == {frozenset({"SELECT"})}
    assert set((await rights(admin, "rete_node", "agreement"))["agreement.document"]) == set(RIGHTS)


async def test_the_server_s_own_log_quotes_no_row(admin: Connection, db: str) -> None:
    """Whoever connects to the node's database has its server log told what failed, without the row or the statement."""
    conn = await asyncpg.connect(db)
    try:
        assert await conn.fetchval("SHOW log_error_verbosity") == "terse"
        assert await conn.fetchval("SHOW log_min_error_statement") == "panic"
    finally:
        await conn.close()


async def test_private_tables_are_really_closed_and_the_log_is_open(admin: Connection) -> None:
    """As the peer-facing role: the register and drafts are refused, log and cooperation are read, entries can't be written."""
    await admin.execute("SET ROLE rete_public")
    for table in (
        "registry.network",
        "registry.contact",
        "publication.version",
        "population.firm",
        "log.ruling",
        "office.saved_channel",
        "office.saved_news",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.fetch(f"SELECT * FROM {table}")
    for table in ("log.origin", "log.entry", "log.body", "log.signed", "coop.profile", "coop.announcement"):
        assert await admin.fetch(f"SELECT * FROM {table}") == []
    assert await nonces.keep(admin, "k#http-1", "n" * 22, NOW)
    for statement in (
        "DELETE FROM log.entry",
        "UPDATE log.origin SET vkey = ''",
        "DELETE FROM ops.nonce",
        "INSERT INTO coop.profile DEFAULT VALUES",
        "CREATE TABLE public.mine (n int)",
        "CREATE TEMP TABLE mine (n int)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute(statement)


def home_of(folder: Path, dsn: str) -> Path:
    """A home on a database, reached with a role."""
    make_home(folder, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), "127.0.0.1:8441", 8441, 2026, dsn))
    return folder


async def test_the_peer_facing_application_works_with_its_role_alone(
    admin: Connection, db: str, tmp_path: Path
) -> None:
    """Searches, status and the log are answered over connections that can't read the register."""
    async with open_node(home_of(tmp_path / "home", db)) as node:
        public = await open_pool(f"{db}&role=rete_public" if "?" in db else f"{db}?role=rete_public", max_size=2)
        try:
            async with acquire(public) as conn:
                assert await conn.fetchval("SELECT current_user") == "rete_public"
            async with TestClient(TestServer(application.build(replace(node, pool=public)))) as client:
                statuses = {
                    path: (await client.get(path)).status
                    for path in ("/status", "/api/v1/profiles", "/federation/heads", "/federation/log/2026/checkpoint")
                }
        finally:
            public.terminate()
    assert max(statuses.values()) < 500
    assert (statuses["/status"], statuses["/api/v1/profiles"]) == (200, 200)


async def test_a_node_runs_without_the_right_to_change_tables(admin: Connection, db: str, tmp_path: Path) -> None:
    """It opens and writes its register; a database that needs an upgrade is refused in one clear line."""
    home = home_of(tmp_path / "home", f"{db}&role=rete_node" if "?" in db else f"{db}?role=rete_node")
    async with open_node(home) as node, acquire(node.pool) as conn:
        assert await registry.read_records(conn) == {}
        async with conn.transaction():
            await conn.execute("UPDATE registry.network SET name = name")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("DROP TABLE registry.contact")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("DELETE FROM ops.migration")
    await admin.execute("DELETE FROM ops.migration WHERE number = (SELECT max(number) FROM ops.migration)")
    with pytest.raises(OperatorError) as caught:
        async with open_node(home):
            pass
    assert caught.value.code == "database-failed"


async def test_the_program_s_role_is_enough_for_documents_and_changes_and_no_more(admin: Connection, db: str) -> None:
    """It adds, takes and deletes, and the chain tells each; it changes neither a document nor what was told."""
    pool = await open_pool(f"{db}&role=rete_node" if "?" in db else f"{db}?role=rete_node", max_size=2)
    try:
        with acting("anna"):
            outcome = await keeping.write(pool, entry_form.entry_of(record()), NOW)
            assert outcome.network_id
            told = kinds.describe("x", "contract", None, "x.pdf")
            bounds = documents.Bounds(10**6, 10**7)
            document_id = await documents.add(pool, outcome.network_id, told, PDF, bounds, NOW)
            await documents.take(pool, outcome.network_id, document_id)
            async with acquire(pool) as conn:
                for statement in (
                    "UPDATE registry.document SET title = 'y'",
                    "UPDATE registry.change SET fields = '{}'",
                    "DELETE FROM registry.change",
                    "SELECT audit.append('document', '{}')",
                ):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await conn.execute(statement)
            await documents.delete(pool, outcome.network_id, document_id)
    finally:
        pool.terminate()
    told_kinds = [row["kind"] for row in await admin.fetch("SELECT kind FROM audit.event ORDER BY event_id")]
    assert told_kinds == ["chain-begun", "network", "document", "document", "document"]
    await admin.execute("SET ROLE rete_public")
    for asked in (
        "SELECT * FROM registry.document",
        "SELECT * FROM registry.change",
        "SELECT audit.document_taken(gen_random_uuid(), gen_random_uuid())",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.fetch(asked)


async def test_the_program_s_role_is_enough_for_accounts_and_no_more(admin: Connection, db: str) -> None:
    """It makes, closes and opens accounts and signs people in, all of it in the chain; it deletes none and writes no event of its own."""
    pool = await open_pool(f"{db}&role=rete_node" if "?" in db else f"{db}?role=rete_node", max_size=2)
    try:
        desk = Desk(pool)
        await desk.person("anna", Role.OFFICER)
        phone, confirmed = await desk.enrol((await desk.enter("anna")).secret)
        assert (await desk.code((await desk.enter("anna")).secret, confirmed.recovery[0])).is_whole
        with pytest.raises(CallerError):
            await desk.enter("anna", phone.secret)
        await desk.set_roles("anna", [Role.ANALYST])
        await accounts.disable(pool, NOW, name="anna", officer="capo")
        await accounts.enable(pool, name="anna", officer="capo")
        await desk.enter("anna")
        await accounts.end_sessions(pool, name="anna", officer="capo")
        await sign_in.tidy(pool, desk.settings, NOW + dt.timedelta(days=9))
        await keeping.tell_export(pool, "anna", "csv", 0)
        kinds = {row["kind"] for row in await admin.fetch("SELECT DISTINCT kind FROM audit.event")}
        assert kinds == {
            "chain-begun", "account", "account-role", "sign-in", "sign-in-refused", "sign-in-abandoned", "register-exported",
        }  # fmt: skip
        async with acquire(pool) as conn:
            for statement in (
                "DELETE FROM office.account",
                "TRUNCATE office.account CASCADE",
                "UPDATE office.account_role SET role = 'administrator'",
                "SELECT audit.append('sign-in', '{}')",
                "INSERT INTO audit.event (kind, document) VALUES ('sign-in', '{}')",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await conn.execute(statement)
    finally:
        pool.terminate()
    await admin.execute("SET ROLE rete_public")
    for table in ("account", "account_role", "account_code", "recovery_code", "session", "sign_in_attempt"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.fetch(f"SELECT * FROM office.{table}")


INTRODUCTION = (
    "introduction",
    "introduction_event",
    "introduction_consent",
    "introduction_identity",
    "introduction_notice",
)


async def test_the_program_s_role_is_enough_for_introductions_and_no_more(admin: Connection, db: str) -> None:
    """It opens, hears, names, erases and ends; it changes nothing that was signed, and takes away no step and no consent by itself."""
    case, draft = str(uuid.uuid4()), str(uuid.uuid4())
    event = Event(Party.SEEKER, 1, 0, "request", 1)
    told = introduction_fold.fold([event])
    consent = introductions.Consent("Prova Referente", "1", {"name": "x"}, "anna", NOW, None)
    pool = await open_pool(f"{db}&role=rete_node" if "?" in db else f"{db}?role=rete_node", max_size=2)
    try:
        async with acquire(pool) as conn, conn.transaction():
            made = [
                introductions.NewCase(key, Party.SEEKER, "cmto", str(uuid.uuid4()), "draft") for key in (case, draft)
            ]
            await introductions.open_cases(conn, made, NOW)
            assert await introductions.change_draft(conn, draft, {"text": "y"}, None, NOW)
            assert await introductions.delete_draft(conn, draft)
            await introductions.lock_cases(conn, [case])
            kept = introductions.Kept(case, event, b"signed", bytes(64), {"text": "x"}, bytes(32), "anna")
            other = introductions.Kept(
                case, Event(Party.OWNER, 1, 0, "identity", 1), b"signed", bytes(64), {"name": "y"}, bytes(32)
            )
            await introductions.insert_events(conn, [kept, other], NOW)
            await introductions.keep_states(conn, {case: (Party.SEEKER, told)}, NOW)
            await introductions.keep_consent(conn, case, consent)
            await introductions.revoke_consent(conn, case, NOW)
            await introductions.keep_identities(conn, [case], NOW)
            await introductions.erase_identities(conn, [case], NOW)
            await introduction_notices.mark_told(conn, [(case, "waits")], NOW)
            await introductions.sent_again(conn, [case], NOW)
            await conn.execute("UPDATE office.introduction_event SET payload = NULL, salt = NULL")
        async with acquire(pool) as conn:
            for statement in (
                "UPDATE office.introduction_event SET officer = 'altri'",
                "UPDATE office.introduction_event SET event = 'x'",
                "DELETE FROM office.introduction_event",
                "UPDATE office.introduction_consent SET officer = 'altri'",
                "UPDATE office.introduction_consent SET given_at = now()",
                "DELETE FROM office.introduction_consent",
                "DELETE FROM office.introduction_identity",
                "UPDATE office.introduction_notice SET what = 'x'",
                "UPDATE office.introduction SET peer = 'x'",
                "TRUNCATE office.introduction CASCADE",
                "SELECT audit.append('introduction', '{}')",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await conn.execute(statement)
            with pytest.raises(asyncpg.CheckViolationError):
                await conn.execute("DELETE FROM office.introduction")
            await conn.execute("UPDATE office.introduction SET state = 'concluded', since = now() - interval '9 years'")
        assert sum(term.ended for term in await gdpr.retention(pool, configured(), NOW, apply=True)) == 1
    finally:
        pool.terminate()
    for table in INTRODUCTION:
        assert await admin.fetchval(f"SELECT count(*) FROM office.{table}") == 0
    told_of = await admin.fetch("SELECT document::jsonb ->> 'action' AS action FROM audit.event WHERE kind = 'introduction' ORDER BY event_id")  # fmt: skip
    assert [row["action"] for row in told_of] == ["request", "ended"]
    await admin.execute("SET ROLE rete_public")
    for table in INTRODUCTION:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.fetch(f"SELECT introduction_id FROM office.{table}")


async def test_the_program_s_role_is_enough_for_a_backup(
    admin: Connection, db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees and dumps every table that the owner sees."""
    monkeypatch.setattr(backup_file, "COST", (2, 1, 1))
    home = home_of(tmp_path / "home", f"{db}&role=rete_node" if "?" in db else f"{db}?role=rete_node")
    async with open_node(home) as node:
        await backup.create(node.kept(), tmp_path / "x", "corretto cavallo graffetta", NOW)
    opened = await backup.open_whole(tmp_path / "x", "corretto cavallo graffetta")
    async with moments.hold(db) as moment:
        assert backup.differing(backup.digests_of(opened), moment.tables) == []
