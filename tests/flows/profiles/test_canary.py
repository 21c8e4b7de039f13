"""A thousand secrets in the private tables of a node that does all it can do before others: none of them is anywhere else."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp
import asyncpg
import pytest
import structlog
from aiohttp.test_utils import TestServer

from node import runtime, telemetry
from node.domain.chamber import ChamberList
from node.domain.generation.enrichment import enrich
from node.errors import CallerError
from node.flows.logs import prove
from node.flows.profiles import draft, partitions, privacy, privacy_export, publish, submission
from node.flows.registry import intake, register
from node.flows.upkeep import measures
from node.runtime import Node
from node.store import accounts, registry
from node.store.postgres import Connection
from node.web import app as application
from node.web import metrics
from tests import canary
from tests.federation_made import Clock, Town, federation
from tests.flows.registry.test_gdpr import applied, assisted, enrolled
from tests.networks_made import PERSON_CODE
from tests.office_made import SNAPSHOT, lecce
from tests.programme_made import took_part
from tests.size import FULL

QUERIES = ("", "?q=olio", "?limit=-1&territory=LE&sector=C", "?format=csv&since=0&cursor=x")
SHOWN = ("log", "coop", "ops", "post", "agreement")


@dataclass
class Scene:
    """Two nodes, one with secrets; what they said is collected."""

    here: Town
    there: Town
    clock: Clock
    secrets: list[str]
    lines: io.StringIO

    def said(self) -> bytes:
        """All that was heard."""
        return bytes(canary.HEARD.said) + self.lines.getvalue().encode()


async def tables(conn: Connection, schemas: tuple[str, ...]) -> bytes:
    """Every row of some schemas; bytes both as hexadecimal digits and as they are."""
    rows = await conn.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = ANY($1)", list(schemas)
    )
    told = [row["row"] for r in rows for row in await conn.fetch(f"SELECT t::text AS row FROM {r['name']} t")]
    return "\n".join(told).encode()


async def furnish(node: Node) -> list[str]:
    """An office's registry in the node: forty networks, people, consents, documents; return the networks."""
    rows = lecce()
    await register.load_register(node.pool, node.config, ChamberList(tuple(rows), (), 0), SNAPSHOT, node.clock())
    found = intake.IntakeFile("template", "own.xlsx", bytes(32), 0, tuple(enrich(rows, count=40, seed=1)), 0, ())
    await intake.import_networks(node.pool, found, node.clock(), apply=True)
    async with node.pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO registry.consent (consent_id, network_id, person, purpose, version, given_at)"
            " SELECT gen_random_uuid(), network_id, 'x', 'x', 'x', now() FROM registry.network"
        )
        await conn.execute(
            "INSERT INTO registry.document (document_id, network_id, title, media_type, sha256, content, added_at)"
            " SELECT gen_random_uuid(), network_id, 'x', 'x', decode(repeat('00', 32), 'hex'), 'x', now() FROM registry.network"
        )
        for channel in ("email", "webhook"):
            search_id = await conn.fetchval(
                "INSERT INTO office.saved_search (search_id, title, query, token_hash, made_by, created_at, read_on)"
                " VALUES (gen_random_uuid(), 'x', '{}', decode(repeat('00', 32), 'hex'), 'office', now(), '2026-01-01') RETURNING search_id"
            )
            await conn.execute("INSERT INTO office.saved_channel (search_id, channel, address, next_at) VALUES ($1, $2, 'x', now())", search_id, channel)  # fmt: skip
        await conn.execute(
            "WITH made AS (INSERT INTO office.introduction (introduction_id, party, peer, profile_id, network_id, request, applicant,"
            " token_hash, state, since, created_by, created_at, changed_at) SELECT gen_random_uuid(), 'seeker', 'there', gen_random_uuid(),"
            ' network_id, \'{"text": "x", "purpose": "x"}\', \'{"name": "x", "tax_code": "x", "person": "x", "email": "x"}\','
            " decode(repeat('00', 32), 'hex'), 'introduced', now(), 'x', now(), now() FROM registry.network RETURNING introduction_id),"
            " said AS (INSERT INTO office.introduction_event (introduction_id, party, seq, seen, kind, at, event, signature, payload, salt,"
            " officer, written_at) SELECT introduction_id, 'seeker', 1, 0, 'request', 0, 'x', decode(repeat('00', 64), 'hex'),"
            ' \'{"text": "x", "seeker": {"kind": "x"}}\', \'x\', \'\', now() FROM made),'
            " given AS (INSERT INTO office.introduction_consent (introduction_id, person, version, identity, officer, given_at)"
            ' SELECT introduction_id, \'x\', \'x\', \'{"name": "x", "members": [{"name": "x"}], "contact": {"phone": "x"}}\', \'x\', now() FROM made)'
            " INSERT INTO office.introduction_identity (introduction_id, identity, received_at)"
            ' SELECT introduction_id, \'{"name": "x", "members": [{"name": "x"}], "contact": {"phone": "x"}}\', now() FROM made'
        )
        await conn.execute("INSERT INTO office.account (account_id, name, created_at, external_name) VALUES (gen_random_uuid(), 'x', now(), 'x')")  # fmt: skip
        networks = list(await registry.read_records(conn))
        await furnish_programme(conn, networks[0])
        return networks


async def furnish_programme(conn: Connection, network_id: str) -> None:
    """A row of each kind of the programme; what is announced to everybody is not announced yet."""
    await took_part(conn, "Persona Prova", "", "Un gruppo di imprese.")
    await conn.execute("UPDATE programme.info_session SET state = 'draft'")
    await assisted(conn, network_id, "parole")
    await conn.execute("INSERT INTO post.box (peer, sent) VALUES ('cmto', 3)")
    await enrolled(conn)
    # What waited for a member that is none here.
    await conn.execute("DELETE FROM post.outbox")
    await conn.execute("DELETE FROM post.box")
    async with conn.transaction():
        await accounts.act_as(conn, "anna")
        await applied(conn, network_id, PERSON_CODE, "parole")
        await conn.execute(
            "INSERT INTO programme.case_share_step (share_id, peer, at, by_officer, action) VALUES (gen_random_uuid(), 'there', now(), 'anna', 'share-proposed')"
        )
    edition = await conn.fetchval("SELECT edition_id FROM programme.course_edition LIMIT 1")
    await conn.execute(
        "INSERT INTO programme.course_material (material_id, edition_id, title, file_name, media_type, sha256, content, officer, added_at)"
        " VALUES (gen_random_uuid(), $1, 'x', 'a.txt', 'text/plain', decode(repeat('00', 32), 'hex'), 'x', 'anna', now())", edition,
    )  # fmt: skip
    await conn.execute(
        "INSERT INTO programme.course_trainer (edition_id, name, name_key) VALUES ($1, 'x', 'x')", edition
    )
    await conn.execute("INSERT INTO programme.calendar_feed VALUES ('anna', decode(repeat('00', 32), 'hex'), now())")
    planted = {name for name, columns in canary.PLANS.items() if name.startswith("programme.") and {"word", "inside", "code"} & set(columns.values())}  # fmt: skip
    # Announcements and attendance name only officers, and are written with what they are of.
    left = {
        "programme.announced",
        "programme.call_instalment",
        "programme.course_attendance",
        "programme.course_certificate",
        "programme.course_release",
    }
    empty = {name for name in planted - left if not await conn.fetchval(f"SELECT EXISTS (SELECT FROM {name})")}
    assert empty == set()


@pytest.fixture
async def scene(server: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """Plant first, then publish: what the officers' own steps say is heard as well."""
    clock, lines = Clock(), io.StringIO()
    telemetry.configure(level="DEBUG", stream=lines)
    async with federation(server, tmp_path, clock, ["here", "there"]) as (here, there):
        networks = await furnish(here.node)
        async with here.node.pool.acquire() as conn:
            kept = await conn.fetch("SELECT network_id, register_id, deed_register_number, deed_number FROM registry.network")  # fmt: skip
            planted = await canary.plant(conn)
            # The public key of a contract is how it is found in the public list; it has to be true to publish anything.
            await conn.executemany("UPDATE registry.network SET register_id = $2, deed_register_number = $3, deed_number = $4 WHERE network_id = $1", [tuple(row) for row in kept])  # fmt: skip
        canary.HEARD.forget()
        yield Scene(here, there, clock, [*planted, *await _publish(here.node, networks)], lines)
    structlog.reset_defaults()


async def _publish(node: Node, networks: list[str]) -> list[str]:
    """Publish what may be published, by officers whose names are secrets; withdraw one of them."""
    author, approver, reason = canary.word(), canary.word(), canary.word()
    done = []
    for network_id in networks[:20]:
        async with node.pool.acquire() as conn:
            record = (await registry.read_records(conn, [network_id]))[network_id]
        told = draft.in_closed_words(draft.suggest_content(record))
        try:
            profile_id = await draft.draft(node.pool, node.config, network_id, told, author, node.clock())
            await submission.approve(node.pool, node.config, profile_id, approver, node.clock(), amber_reason=reason, known=node.known)  # fmt: skip
            await publish.publish(node.pool, node.config, profile_id, approver, node.clock())
        except CallerError as error:
            assert error.code in ("block-too-small", "out-of-scope", "block-none", "text-finds-network"), error
            continue
        done.append(profile_id)
    released = await publish.release_due(node.pool, node.config, node.own, node.clock(), known=node.known)
    assert len(released) >= 5
    await publish.withdraw(node.pool, node.own, released[0], author, node.clock())
    async with node.pool.acquire() as conn:
        # What officers wrote since is planted over as well, but for the words that were approved.
        return [author, approver, reason, *await canary.plant(conn)]


async def drive(scene: Scene) -> None:
    """Everything a node says to anybody but its officers."""
    here, there = scene.here, scene.there
    await here.announce()
    await there.gossip()
    await there.sync()
    await here.sync()
    await there.announce()
    async with there.node.pool.acquire() as conn:
        ids = [row["id"] for row in await conn.fetch("SELECT DISTINCT profile_id::text AS id FROM coop.profile")]
    async with here.node.pool.acquire() as conn:
        searches = [
            row["id"] for row in await conn.fetch("SELECT search_id::text AS id FROM office.saved_search ORDER BY 1")
        ]
    assert len(ids) >= 4
    base = f"http://127.0.0.1:{here.port}"
    origin = here.node.own.origin.partition("/")[2]
    fill = {
        "profile_id": [ids[0], "nope"], "index": ["000", "000.p/9", "x000/000", "-1"], "level": ["0", "1", "63"],
        "search_id": [*searches, "nope"], "mark": ["x"], "hash": ["0" * 64], "epoch": ["2026", "2025"], "log": [origin.rpartition("/")[2]],
    }  # fmt: skip
    asked = 0
    async with aiohttp.ClientSession() as session:
        for resource in application.build(here.node).router.resources():
            info = resource.get_info()
            path = info.get("path") or info["formatter"]
            # Where nothing is filled in, the turns differ in what is sent alone.
            for turn in range(4 if "{" in path else 2):
                told = path
                for name, values in fill.items():
                    told = told.replace("{" + name + "}", values[min(turn, len(values) - 1)])
                told = told.replace("{", "").replace("}", "")
                for method in ("GET", "POST", "DELETE"):
                    for query in QUERIES if FULL or method == "GET" else QUERIES[:1]:
                        body = {"data": b'{"ids": [1' if turn % 2 else json.dumps({"indexes": [0, 1, 2]})} if method == "POST" else {}  # fmt: skip
                        async with session.request(method, base + told + query, headers={"Accept": "text/html, */*", "Accept-Language": "en"}, **body) as reply:  # type: ignore[arg-type] # fmt: skip
                            await reply.read()
                            asked += reply.status < 500
                            assert reply.status < 500, (method, told)
        reading = measures.Reading(here.node.place, here.node.meters, lambda: runtime.current_own(here.node), scene.clock, None)  # fmt: skip
        async with TestServer(metrics.build(reading)) as numbers, session.get(numbers.make_url("/metrics")) as reply:
            assert b"rete_requests_total" in await reply.read()
    assert asked > 100
    proof = await prove.inclusion(here.node.pool, ids[0])
    scene.lines.write(str(proof))
    # The tables for outside auditors; which profile is whose stays here.
    tables_out = await privacy_export.export(here.node.pool, here.node.config)
    scene.lines.write(f"{tables_out.population}{tables_out.profiles}{tables_out.labels}")
    scene.lines.write(str(await privacy.audit(here.node.pool, here.node.config, scene.clock())))
    for verdict in await partitions.verify(there.node.pool, "there", of="here"):
        scene.lines.write(f"{verdict}")
    await prove.receipts(here.node.pool, here.node.membership, ids[0])


def test_every_private_text_has_its_plan() -> None:
    """Plans name only what they may: nothing is left out without a reason."""
    for columns in canary.PLANS.values():
        known = {canary.WORD, canary.CODE, canary.WORDS, canary.INSIDE, canary.CLOSED, canary.OWN, canary.OUT}
        assert set(columns.values()) <= known


async def test_no_private_column_is_without_a_plan(conn: Connection) -> None:
    """A new table or column of a private schema is planted, or somebody says why not."""
    rows = await conn.fetch(
        "SELECT format('%I.%I', n.nspname, c.relname) AS place, a.attname AS name FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
        " AND a.atttypid::regtype::text IN ('text', 'text[]', 'bytea', 'jsonb', 'json', 'character varying', 'xml')",
        list(canary.PRIVATE_SCHEMAS),
    )
    assert {(row["place"], row["name"]) for row in rows} == {(t, c) for t, cs in canary.PLANS.items() for c in cs}
    tables_there = await conn.fetch("SELECT format('%I.%I', schemaname, tablename) AS place FROM pg_tables WHERE schemaname = ANY($1)", list(canary.PRIVATE_SCHEMAS))  # fmt: skip
    assert {row["place"] for row in tables_there} == set(canary.PLANS)


@pytest.mark.timeout(180)
async def test_a_thousand_secrets_are_in_nothing_that_leaves(scene: Scene) -> None:
    """No byte served or asked, no log line, no row of a peer, no row of our own that peers may see."""
    assert len(set(scene.secrets)) >= 1000
    await drive(scene)
    said = scene.said()
    assert len(said) > 100_000
    assert b"profile.withdrawn" in said
    assert canary.found(said, scene.secrets) == set()
    async with scene.there.node.pool.acquire() as conn:
        everything = await tables(conn, ("registry", "publication", "population", *SHOWN))
    async with scene.here.node.pool.acquire() as conn:
        shown = await tables(conn, SHOWN)
    assert len(everything) > 10_000
    assert len(shown) > 10_000
    # Rulings and enrolments name officers, and stay at home; here there are none.
    assert canary.found(everything + shown, scene.secrets) == set()


async def test_what_leaks_is_heard(scene: Scene) -> None:
    """Sabotage: one secret in a log line, one in a body, one in an address, one in a table. All four are found."""
    one, two, three, four = scene.secrets[:4]
    structlog.get_logger().info("probe", detail=f"rete {one.upper()}")
    await scene.here.publish(1, title={"it": f"Con {two[:8]} {two[8:]}"})
    await scene.there.gossip()
    await scene.there.sync()
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{scene.here.port}/x/{quote(three)}"):
        pass
    assert canary.found(scene.said(), scene.secrets) == {one, two, three}
    async with scene.there.node.pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET error_text = $1", four)
        assert canary.found(await tables(conn, SHOWN), scene.secrets) == {two, four}


REFUSED = (
    # A second row of the same key, a check, a row that hangs on nothing, a value of another type, a line of COPY.
    ("INSERT INTO registry.contact SELECT * FROM registry.contact", "duplicate key"),
    ("UPDATE registry.network SET status = name", "check constraint"),
    ("INSERT INTO registry.want SELECT * FROM registry.want", "duplicate key"),
    ("UPDATE registry.contact SET network_id = gen_random_uuid()", "foreign key"),
    ("UPDATE registry.firm SET name = NULL", "not-null"),
)


async def refused(conn: Connection, log: Path) -> bytes:
    """Have rows of the registry refused in each way there is; return what the server wrote of it."""
    begun = log.stat().st_size
    for statement, why in REFUSED:
        with pytest.raises(asyncpg.PostgresError, match=why):
            await conn.execute(statement)
    rows = await conn.fetch("SELECT * FROM registry.contact LIMIT 3")
    with pytest.raises(asyncpg.PostgresError, match="duplicate key"):
        await conn.copy_records_to_table("contact", schema_name="registry", records=[tuple(row) for row in rows])
    return canary.lines_since(log, begun)


async def test_the_database_server_s_own_log_quotes_no_row(scene: Scene) -> None:
    """Whatever a constraint refuses, the server says which constraint, and neither row nor statement."""
    async with scene.here.node.pool.acquire() as conn:
        log = await canary.server_log(conn)
        if log is None:
            pytest.skip("another server's log is not ours to read")
        said = await refused(conn, log)
        assert said.count(b"ERROR") == len(REFUSED) + 1
        assert canary.found(said, scene.secrets) == set()
        # Sabotage: as the server comes from its package, each row would be heard.
        await conn.execute("SET log_error_verbosity = 'default'; SET log_min_error_statement = error")
        assert len(canary.found(await refused(conn, log), scene.secrets)) >= 3
        await conn.execute("RESET ALL")


@pytest.mark.parametrize("lead", ["", "a", "ab", "abc"])
def test_other_spellings_are_heard_too(lead: str) -> None:
    """Hexadecimal, base64 in any position, percent signs, spaces in between, capitals."""
    secret = canary.word()
    for said in (
        (lead + secret).encode().hex(), base64.b64encode((lead + secret + "xyz").encode()).decode(),
        lead + quote("".join(f"{c}%20" for c in secret), safe="%"), lead + " ".join(secret.upper()), lead + secret,
    ):  # fmt: skip
        assert canary.found(said.encode(), [secret, canary.word()]) == {secret}, said
    assert canary.found((lead + canary.word()).encode(), [secret]) == set()
