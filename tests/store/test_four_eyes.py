"""Four eyes in the database: whoever has the program's role, or owns the tables, decides nothing alone and nothing unseen.

Each attempt is what somebody with SQL would try. It is refused, or it leaves an event in the chain; in no case does a version
go on, a profile change or a decision vanish without a trace.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import shutil
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import orjson
import pytest

from node.domain import officers
from node.errors import CallerError, NotFoundError
from node.flows.logs.append import Operation, append
from node.flows.profiles import publish
from node.flows.upkeep import audit
from node.protocol import canonical
from node.store.audit import Sought
from node.store.postgres import Connection, Pool, open_pool
from tests.conftest import TEMPLATE, make_template
from tests.office_made import NOW, Office, lecce, make_office, open_office
from tests.store.test_roles import ROLES
from tests.tampering import unguarded

STAGE = "rete_stage"
MONDAY = NOW + dt.timedelta(days=6)
GATE = """'{"red": 0, "amber": 0, "attack": null}'::jsonb"""
DECIDE = (
    "INSERT INTO publication.decision (profile_id, number, action, officer, decided_at, candidates, content_hash, gate)"
    " SELECT profile_id, number, '{action}', '{officer}', now(), 8, content_hash, {gate} FROM publication.version WHERE profile_id = $1"
)
APPROVE = (
    "UPDATE publication.version SET state = 'approved', approver = '{officer}', approved_at = now(), approved_hash = content_hash"
    " WHERE profile_id = $1 AND state = 'draft'"
)


@dataclass
class Stage:
    """An office with a draft, an approved, a queued and a published profile; one connection in the program's role."""

    office: Office
    conn: Connection
    ids: dict[str, str]


async def set_stage(server: str, folder: Path) -> dict[str, str]:
    """Make the database that every stage is a copy of; return the profiles in it."""
    pool = await open_pool(await make_template(server, STAGE, TEMPLATE), max_size=2)
    office = await make_office(pool, lecce(), folder)
    ids = {"published": await office.queued(3)}
    await office.release(MONDAY)
    ids |= {"queued": await office.queued(2), "draft": await office.draft(0)}
    ids["approved"] = await office.draft(1, summary="Vendiamo insieme ad altri", title="Collaborazioni", needs=[], offers=[])  # fmt: skip
    await office.approve(ids["approved"], amber_reason="prova")
    await pool.close()
    return ids


@pytest.fixture(scope="session")
def begun(server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The office's folder after its first round, and its profiles."""
    folder = tmp_path_factory.mktemp("office")
    return folder, asyncio.run(set_stage(server, folder))


@pytest.fixture
def template(request: pytest.FixtureRequest) -> str:
    """A test without a stage begins with an empty database."""
    if "stage" not in request.fixturenames:
        return TEMPLATE
    request.getfixturevalue("begun")
    return STAGE


@pytest.fixture
async def stage(pool: Pool, db: str, tmp_path: Path, begun: tuple[Path, dict[str, str]]) -> AsyncIterator[Stage]:
    """The program's role, as deploy/roles.sql makes it."""
    folder, ids = begun
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    office = await open_office(pool, tmp_path)
    conn = await asyncpg.connect(db)
    await conn.execute(ROLES.read_text(encoding="utf-8"))
    await conn.execute("SET ROLE rete_node")
    yield Stage(office, conn, dict(ids))
    await conn.close()


async def picture(conn: Connection) -> tuple[object, ...]:
    """All that decisions are about, and the length of the chain."""
    rows = [
        await conn.fetch(f"SELECT t::text AS row FROM publication.{table} t ORDER BY 1")
        for table in ("profile", "version", "decision")
    ]
    return tuple(row["row"] for found in rows for row in found)


ALONE: dict[str, tuple[str, str]] = {
    # what is tried: (on which profile, statements)
    "approve one's own draft": ("draft", APPROVE.format(officer="anna")),
    "in capitals": ("draft", APPROVE.format(officer="ANNA")),
    "with a space": ("draft", APPROVE.format(officer=" anna ")),
    "in wide letters": ("draft", APPROVE.format(officer="\uff41nna")),
    "with a sign nobody sees": ("draft", APPROVE.format(officer="an\u200bna")),
    "in letters of another alphabet": ("draft", APPROVE.format(officer="\u0430nna")),
    "approve without a decision": ("draft", APPROVE.format(officer="carla")),
    "approve, decided by another": ("draft", APPROVE.format(officer="carla") + ";" + DECIDE.format(action="approved", officer="bruno", gate=GATE)),
    "approve without the gate": ("draft", APPROVE.format(officer="carla") + ";" + DECIDE.format(action="approved", officer="carla", gate="NULL")),
    "approve what the gate refuses": ("draft", APPROVE.format(officer="carla") + ";" + DECIDE.format(action="approved", officer="carla", gate="""'{"red": 1, "amber": 0}'::jsonb""")),
    "approve without counted doubts": ("draft", APPROVE.format(officer="carla") + ";" + DECIDE.format(action="approved", officer="carla", gate="""'{"red": 0, "amber": null}'::jsonb""")),
    "approve with doubts left out": ("draft", APPROVE.format(officer="carla") + ";" + DECIDE.format(action="approved", officer="carla", gate="""'{"red": 0}'::jsonb""")),
    "approve doubts without a reason": ("draft", APPROVE.format(officer="carla") + ";" + DECIDE.format(action="approved", officer="carla", gate="""'{"red": 0, "amber": 2}'::jsonb""")),
    "queue a draft": ("draft", "UPDATE publication.version SET state = 'queued', release_day = 1 WHERE profile_id = $1"),
    "publish what is only approved": ("approved", "UPDATE publication.version SET state = 'published', log_idx = 1 WHERE profile_id = $1"),
    "queue without a decision": ("approved", "UPDATE publication.version SET state = 'queued', release_day = 1 WHERE profile_id = $1"),
    "publish without a decision": ("queued", "UPDATE publication.version SET state = 'published', log_idx = 1 WHERE profile_id = $1"),
    "change what was approved": ("approved", "UPDATE publication.version SET content = jsonb_set(content, '{title,it}', '\"Altro\"') WHERE profile_id = $1"),
    "change its hash": ("approved", "UPDATE publication.version SET content_hash = sha256('x'), approved_hash = sha256('x') WHERE profile_id = $1"),
    "change who wrote it": ("approved", "UPDATE publication.version SET author = 'dora' WHERE profile_id = $1"),
    "change who approved it": ("queued", "UPDATE publication.version SET approver = 'dora' WHERE profile_id = $1"),
    "bring its round forward": ("queued", "UPDATE publication.version SET release_day = 1 WHERE profile_id = $1"),
    "write over what is published": ("published", "UPDATE publication.version SET state = 'draft', approver = NULL, approved_at = NULL, approved_hash = NULL, release_day = NULL WHERE profile_id = $1"),
    "a version that begins approved": ("published", "INSERT INTO publication.version (profile_id, number, state, content, content_hash, author, authored_at, approver, approved_at, approved_hash) VALUES ($1, 2, 'approved', '{}', sha256('x'), 'anna', now(), 'bruno', now(), sha256('x'))"),
    "a draft nobody decided": ("published", "INSERT INTO publication.version (profile_id, number, state, content, content_hash, author, authored_at) VALUES ($1, 2, 'draft', '{}', sha256('x'), 'anna', now())"),
    "withdraw without a decision": ("published", "UPDATE publication.profile SET state = 'withdrawn', withdrawn_at = now(), withdrawn_by = 'carla' WHERE profile_id = $1"),
    "erase what is published": ("published", "UPDATE publication.version SET state = 'erased', content = NULL WHERE profile_id = $1"),
    "say it was published": ("draft", "UPDATE publication.profile SET state = 'published' WHERE profile_id = $1"),
    "labels of another block": ("draft", "UPDATE publication.profile SET labels = '{}', block_id = 1 WHERE profile_id = $1"),
    "another network's": ("draft", "UPDATE publication.profile SET register_id = 'x' WHERE profile_id = $1"),
    "a decision about nothing": ("draft", DECIDE.format(action="published", officer="bruno", gate="NULL")),
    "a decision of less than nobody": ("draft", "INSERT INTO publication.decision (profile_id, number, action, officer, decided_at, candidates, content_hash) VALUES ($1, 1, 'drafted', '  ', now(), -1, sha256('x'))"),
    "change a decision": ("approved", "UPDATE publication.decision SET officer = 'dora' WHERE profile_id = $1"),
    "another reason": ("approved", "UPDATE publication.decision SET reason = 'altro' WHERE profile_id = $1"),
    "delete a decision": ("approved", "DELETE FROM publication.decision WHERE profile_id = $1"),
    "delete a version": ("approved", "DELETE FROM publication.version WHERE profile_id = $1"),
    "delete an event": ("approved", "DELETE FROM audit.event WHERE profile = $1"),
    "change an event": ("approved", "UPDATE audit.event SET kind = 'x' WHERE profile = $1"),
    "an event of one's own": ("approved", "INSERT INTO audit.event (kind, document) SELECT 'decision', '{}' WHERE $1::uuid IS NOT NULL"),
    "empty the chain": ("approved", "TRUNCATE audit.event"),
    "empty the decisions": ("approved", "TRUNCATE publication.decision"),
}  # fmt: skip


@pytest.mark.parametrize("role", ["rete_node", "rete_owner"])
async def test_nobody_decides_alone_or_unseen(stage: Stage, role: str) -> None:
    """Forty attempts in the program's role, and as the owner of the tables: refused, each of them, with nothing changed."""
    conn = stage.conn
    await conn.execute(f"SET ROLE {role}")
    before = await picture(conn)
    for name, (which, told) in ALONE.items():
        if role == "rete_owner" and name == "an event of one's own":
            # It can, and so leaves a link: test_whoever_goes_past_the_guards_is_found.
            continue
        with pytest.raises((asyncpg.IntegrityConstraintViolationError, asyncpg.InsufficientPrivilegeError)):
            async with conn.transaction():
                for statement in told.split(";"):
                    if "$1" in statement:
                        await conn.execute(statement, stage.ids[which])
                    else:
                        await conn.execute(statement)
            pytest.fail(f"{role}: {name}")
        assert await picture(conn) == before, name
    await conn.execute("RESET ROLE")


async def test_what_may_be_done_without_a_decision_leaves_an_event(stage: Stage) -> None:
    """An approval taken back, a draft erased, a reason erased: who can do it can't do it unseen."""
    conn, count = stage.conn, "SELECT count(*) FROM audit.event WHERE kind = $1"
    await conn.execute("UPDATE publication.version SET state = 'draft', approver = NULL, approved_at = NULL, approved_hash = NULL WHERE profile_id = $1", stage.ids["approved"])  # fmt: skip
    assert await conn.fetchval(count, "reconciled") == 1
    await conn.execute("UPDATE publication.version SET state = 'erased', content = NULL WHERE profile_id = $1", stage.ids["draft"])  # fmt: skip
    assert await conn.fetchval(count, "draft-erased") == 1
    done = await conn.fetch("SELECT publication.erase_reason(decision_id, 'carla') AS done FROM publication.decision WHERE reason IS NOT NULL ORDER BY 1")  # fmt: skip
    assert done
    assert all(row["done"] for row in done)
    assert await conn.fetchval(count, "reason-erased") == len(done)
    found = await audit.verify(stage.office.pool, stage.office.own.mark.parent)
    assert found.ok, found


async def test_every_decision_has_its_event_and_the_words_of_a_reason_are_not_in_it(stage: Stage) -> None:
    """Who, what, when, how many alike, what the gate measured; of the reason a salted hash."""
    conn = stage.conn
    decisions = await conn.fetch("SELECT decision_id, reason, reason_salt FROM publication.decision ORDER BY decision_id")  # fmt: skip
    events = await conn.fetch("SELECT document::jsonb ->> 'row' AS row, document FROM audit.event WHERE kind = 'decision' ORDER BY event_id")  # fmt: skip
    assert [int(row["row"]) for row in events] == [row["decision_id"] for row in decisions]
    reasons = [(d, e) for d, e in zip(decisions, events, strict=True) if d["reason"] is not None]
    assert reasons
    for decided, told in reasons:
        assert hashlib.sha256(decided["reason_salt"] + decided["reason"].encode()).hexdigest() in told["document"]
        assert decided["reason"] not in told["document"]


async def test_events_stand_in_the_order_of_commits(pool: Pool, db: str, tmp_path: Path) -> None:
    """Who begins first and commits last stands last; nobody waits for another's transaction before its own end."""
    office = await make_office(pool, lecce(), tmp_path)
    one, two = await asyncpg.connect(db), await asyncpg.connect(db)
    first, second = await office.draft(0), await office.draft(1)
    slow, quick = one.transaction(), two.transaction()
    await slow.start()
    for conn, profile_id in ((one, first), (two, second)):
        if conn is two:
            await quick.start()
        await conn.execute(APPROVE.format(officer="bruno"), profile_id)
        await conn.execute(DECIDE.format(action="approved", officer="bruno", gate=GATE), profile_id)
    await quick.commit()
    await slow.commit()
    rows = await one.fetch("SELECT profile::text AS profile FROM audit.event WHERE document::jsonb ->> 'action' = 'approved' ORDER BY event_id")  # fmt: skip
    assert [row["profile"] for row in rows] == [second, first]
    assert (await audit.verify(pool, tmp_path)).ok
    await one.close()
    await two.close()


TAMPERED = {
    "UPDATE audit.event SET document = replace(document, 'bruno', 'carla') WHERE event_id = (SELECT max(event_id) FROM audit.event WHERE document LIKE '%bruno%')": "hash",
    "DELETE FROM audit.event WHERE event_id = 3": "number",
    "UPDATE audit.event SET previous = sha256('x'), hash = sha256(convert_to('rete-audit/1' || chr(10) || event_id || chr(10) || audit.instant(at) || chr(10) || kind || chr(10) || encode(sha256('x'), 'hex') || chr(10) || document, 'UTF8')) WHERE event_id = 3": "previous",
    "UPDATE publication.decision SET officer = 'dora' WHERE decision_id = 2": "untold",
    "UPDATE publication.decision SET reason = 'altro' WHERE reason IS NOT NULL": "untold",
    "UPDATE publication.decision SET reason = NULL, reason_salt = NULL WHERE reason IS NOT NULL": "untold",
    "DELETE FROM publication.decision WHERE decision_id = 2": "orphaned",
    "SET session_replication_role = origin; INSERT INTO audit.event (kind, document) VALUES ('decision', '{\"row\": 9999}')": "orphaned",
    "INSERT INTO publication.decision (profile_id, number, action, officer, decided_at, candidates, content_hash) SELECT profile_id, number, action, 'dora', now(), 1, content_hash FROM publication.decision LIMIT 1": "untold",
    "UPDATE publication.version SET state = 'approved', approver = 'dora', approved_at = now(), approved_hash = content_hash WHERE state = 'draft'": "undecided",
    "UPDATE publication.version SET author = 'ｂｒｕｎｏ' WHERE state = 'queued'": "undecided",
    "UPDATE publication.version SET content_hash = sha256('x'), approved_hash = sha256('x') WHERE state = 'approved'": "undecided",
    "UPDATE publication.version SET state = 'published', log_idx = 99 WHERE state = 'approved'": "undecided",
}  # fmt: skip


@pytest.mark.parametrize("statement", TAMPERED)
async def test_whoever_goes_past_the_guards_is_found(stage: Stage, tmp_path: Path, statement: str) -> None:
    """A superuser who switches the triggers off can write what it wants, and the chain says so."""
    await stage.conn.execute("RESET ROLE")
    assert (await audit.verify(stage.office.pool, tmp_path)).ok
    async with unguarded(stage.conn):
        for part in statement.split("; "):
            assert not (await stage.conn.execute(part)).endswith(" 0")
    found = await audit.verify(stage.office.pool, tmp_path)
    assert (found.ok, found.broken) == (False, TAMPERED[statement])


async def test_an_end_that_was_cut_off_is_known_by_the_mark_and_by_an_export(stage: Stage, tmp_path: Path) -> None:
    """The chain alone can't tell; the home and whoever keeps an export can."""
    pool = stage.office.pool
    await audit.export(pool, tmp_path / "chain.jsonl", force=False)
    events = audit.read_export(tmp_path / "chain.jsonl")
    assert (await audit.compare(pool, events)).ok
    whole = await audit.verify(pool, tmp_path)
    assert (whole.events, whole.head) == (len(events), events[-1].hash.hex())
    await stage.conn.execute("RESET ROLE")
    async with unguarded(stage.conn):
        last = await stage.conn.fetchrow("DELETE FROM audit.event WHERE event_id = (SELECT max(event_id) FROM audit.event) RETURNING kind, subject")  # fmt: skip
        assert last["kind"] == "decision"
        await stage.conn.execute("DELETE FROM publication.decision WHERE decision_id = $1", last["subject"])
        await stage.conn.execute("UPDATE publication.version SET state = 'draft', approver = NULL, approved_at = NULL, approved_hash = NULL WHERE state = 'approved'")  # fmt: skip
    for found in (await audit.verify(pool, tmp_path), await audit.compare(pool, events)):
        assert (found.broken, found.place) == ("cut", len(events))
    (tmp_path / audit.MARK).unlink()
    assert (await audit.verify(pool, tmp_path)).ok


async def test_another_chain_under_the_mark_is_told(stage: Stage, tmp_path: Path) -> None:
    """A chain that was made anew is whole in itself, and is not the one that was seen; the mark stays as it was."""
    assert (await audit.verify(stage.office.pool, tmp_path)).ok
    await stage.conn.execute("RESET ROLE")
    async with unguarded(stage.conn):
        await stage.conn.execute("UPDATE audit.chain SET chain_id = gen_random_uuid()")
    kept = (tmp_path / audit.MARK).read_bytes()
    await audit.keep_mark(stage.office.pool, tmp_path)
    assert (await audit.verify(stage.office.pool, tmp_path)).broken == "other-chain"
    assert (tmp_path / audit.MARK).read_bytes() == kept


async def test_a_file_without_a_beginning_is_no_chain(stage: Stage, tmp_path: Path) -> None:
    """Empty, begun later, or with a first event that names nothing: refused, not called whole."""
    path = tmp_path / "chain.jsonl"
    await audit.export(stage.office.pool, path, force=False)
    lines = path.read_bytes().splitlines(keepends=True)
    first = orjson.loads(lines[0])
    for document in ("no json", "{}", "[]"):
        first["document"] = document
        first["hash"] = hashlib.sha256("\n".join(["rete-audit/1", "1", first["at"], first["kind"], "00" * 32, document]).encode()).hexdigest()  # fmt: skip
        lines.append(orjson.dumps(first))
    for content in (b"", b"".join(lines[1:3]), *lines[-3:]):
        path.write_bytes(content)
        with pytest.raises(CallerError, match="audit-file-bad"):
            audit.judge_export(audit.read_export(path))


async def test_the_mark_moves_with_each_decision_and_never_over_a_hole(stage: Stage, tmp_path: Path) -> None:
    """What was cut off before anybody verified is known too; a chain that does not go through the mark is not marked."""
    pool = stage.office.pool
    await audit.keep_mark(pool, tmp_path)
    begun = (tmp_path / audit.MARK).read_bytes()
    await stage.office.approve(stage.ids["draft"], amber_reason="prova")
    await audit.keep_mark(pool, tmp_path)
    moved = (tmp_path / audit.MARK).read_bytes()
    assert moved != begun
    await stage.conn.execute("RESET ROLE")
    async with unguarded(stage.conn):
        subject = await stage.conn.fetchval("DELETE FROM audit.event WHERE event_id = (SELECT max(event_id) FROM audit.event) RETURNING subject")  # fmt: skip
        await stage.conn.execute("DELETE FROM publication.decision WHERE decision_id = $1", subject)
        await stage.conn.execute("UPDATE publication.version SET state = 'draft', approver = NULL, approved_at = NULL, approved_hash = NULL WHERE profile_id = $1", stage.ids["draft"])  # fmt: skip
    await audit.keep_mark(pool, tmp_path)
    assert (tmp_path / audit.MARK).read_bytes() == moved
    assert (await audit.verify(pool, tmp_path)).broken == "cut"


async def test_ten_thousand_events_are_walked_quickly(conn: Connection, pool: Pool, tmp_path: Path) -> None:
    """Bounded memory, a few microseconds an event."""
    async with unguarded(conn):
        await conn.execute("ALTER TABLE audit.event ENABLE ALWAYS TRIGGER event_linked")
        await conn.execute("INSERT INTO audit.event (kind, document) SELECT 'reconciled', jsonb_build_object('n', g)::text FROM generate_series(1, 10000) g")  # fmt: skip
    found = await audit.verify(pool, tmp_path)
    assert (found.ok, found.events) == (True, 10_001)


async def test_what_runs_with_the_owners_rights_is_nobodys_to_attach(stage: Stage, tmp_path: Path) -> None:
    """The program's role may make temporary tables: none of them can be watched by a function of the owner's."""
    conn = stage.conn
    await conn.execute("CREATE TEMP TABLE t (decision_id bigint, profile_id uuid, reason_erased_by text)")
    names = await conn.fetch("SELECT p.oid::regprocedure::text AS name, p.prorettype = 'trigger'::regtype AS fires, has_function_privilege('public', p.oid, 'EXECUTE') AS open FROM pg_proc p WHERE p.prosecdef")  # fmt: skip
    assert not [row["name"] for row in names if row["open"]]
    firing = [row["name"] for row in names if row["fires"]]
    assert len(firing) >= 6
    for name in firing:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(f"CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION {name}")
    async with conn.transaction():
        await conn.execute(APPROVE.format(officer="bruno"), stage.ids["draft"])
        await conn.execute(DECIDE.format(action="approved", officer="bruno", gate=GATE), stage.ids["draft"])
    assert (await audit.verify(stage.office.pool, tmp_path)).ok


async def test_what_stands_in_the_signed_log_without_a_decision_is_found(stage: Stage, tmp_path: Path) -> None:
    """Written straight into the log, past publication: the chain alone would be whole. A withdrawal needs no lost row."""
    office, pool = stage.office, stage.office.pool
    async with pool.acquire() as conn:
        raw = await conn.fetchval("SELECT b.body FROM log.body b JOIN coop.profile p USING (origin_id, idx) WHERE p.profile_id = $1", stage.ids["published"])  # fmt: skip
        document = {**orjson.loads(raw), "id": str(uuid.uuid4())}
        async with conn.transaction():
            (place,) = await append(conn, office.own, [Operation(document["id"], canonical.dumps(document))], NOW)
    found = await audit.verify(pool, tmp_path)
    assert (found.broken, found.profile, found.place) == ("unaccounted", document["id"], place)
    await publish.withdraw(pool, office.own, document["id"], "bruno", NOW)
    assert (await audit.verify(pool, tmp_path)).ok
    events = await audit.list_events(pool, Sought(), limit=100)
    assert events[-1].kind == "ruling"
    assert "orphan-withdrawn" in events[-1].document
    with pytest.raises(NotFoundError, match="profile-unknown"):
        await publish.withdraw(pool, office.own, document["id"], "bruno", NOW)


async def test_an_export_vouches_for_the_whole_chain_behind_it(stage: Stage, tmp_path: Path) -> None:
    """Changed before its last event, with that one left as it was: compared link by link, not by its end."""
    pool = stage.office.pool
    await audit.export(pool, tmp_path / "chain.jsonl", force=False)
    events = audit.read_export(tmp_path / "chain.jsonl")
    await stage.conn.execute("RESET ROLE")
    async with unguarded(stage.conn):
        await stage.conn.execute("UPDATE audit.event SET document = replace(document, 'bruno', 'carla') WHERE event_id < $1", len(events))  # fmt: skip
    assert (await audit.compare(pool, events)).broken == "hash"


@pytest.mark.parametrize("name", ["anna\u3164", "\u115f", "anna\u034f", "anna\ufe0f", "anna\u0600", "anna\U00016fe4", "anna\U0001d159", "anna\U0001bca0", "ΑΝΝΑ", "аnna", "", " ", "--", "x" * 201, "a\nb"])  # fmt: skip
async def test_no_name_is_read_two_ways(stage: Stage, name: str) -> None:
    """What the program refuses the database refuses too, each by itself."""
    with pytest.raises(CallerError, match="officer-name-bad"):
        officers.check(name)
    with pytest.raises(asyncpg.CheckViolationError):
        await stage.conn.execute("SELECT publication.require_officer($1)", name)


@pytest.mark.parametrize("name", ["anna", "D'Amico Niccolò", "j. müller-žižka", "u01.rossi@provincia.le.it", "3", "Nicco\u0300"])  # fmt: skip
async def test_names_as_offices_write_them_pass(stage: Stage, name: str) -> None:
    """Accents, apostrophes, logins and numbers of staff."""
    assert officers.check(name) == name
    await stage.conn.execute("SELECT publication.require_officer($1)", name)
