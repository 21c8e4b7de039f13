"""Migrations on a database that is in use: rows of before neither stop them nor are lost, new rows keep the new rules."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from node.flows.registry import counting
from node.store import edition_counts, postgres
from node.store.postgres import Connection
from tests.editions_made import edition, store
from tests.networks_made import NOW

BEFORE = 6
OLD_ROWS = """
INSERT INTO log.origin (origin, owner, name, vkey, is_own, root) VALUES ('o', 'p_LE', 'n', 'k', true, decode(repeat('00', 32), 'hex'));
INSERT INTO registry.network (network_id, status, name, name_key, kind, object_text, source, digest, updated_at) VALUES
    ('00000000-0000-4000-8000-000000000001', 'registered', 'Senza atto', 'a', 'entity', '', 'officer', decode(repeat('00', 32), 'hex'), now());
INSERT INTO registry.firm (firm_id, tax_code, name, name_key, province) VALUES
    (gen_random_uuid(), '1234567890123', 'Alfa', 'alfa', 'LE'), (gen_random_uuid(), 'X1', 'Beta', 'beta', 'LE'),
    (gen_random_uuid(), '', 'Beta', 'beta', 'LE'), (gen_random_uuid(), '99000000014', 'Gamma', 'gamma', 'LE');
INSERT INTO publication.profile (profile_id, network_id, register_id, partition_version, block_id, labels, created_at) VALUES
    (gen_random_uuid(), '00000000-0000-4000-8000-000000000001', 'r', 99, 0, '{}', now());
"""
NOT_VALIDATED = "SELECT conname FROM pg_constraint WHERE NOT convalidated ORDER BY conname"


@pytest.fixture
async def bare(server: str) -> AsyncIterator[Connection]:
    """A connection on a database without any table."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    head, _, query = server.partition("?")
    base = head.rsplit("/", 1)[0]
    admin = await asyncpg.connect(f"{base}/postgres?{query}")
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    conn = await asyncpg.connect(f"{base}/{name}?{query}")
    try:
        yield conn
    finally:
        await conn.close()
        await admin.execute(f'DROP DATABASE "{name}"')
        await admin.close()


async def test_rows_that_break_a_new_rule_do_not_stop_the_node(
    bare: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stay, mended where that is safe; the node gets its owner; what is written from now on keeps the rules."""
    files = postgres._migrations()
    monkeypatch.setattr(postgres, "_migrations", lambda: [item for item in files if item[0] <= BEFORE])
    await postgres.migrate(bare)
    await bare.execute(OLD_ROWS)
    monkeypatch.setattr(postgres, "_migrations", lambda: files)
    await postgres.migrate(bare)
    assert await postgres.migrate(bare) == []
    assert await bare.fetchval("SELECT owner FROM registry.network") == "p_LE"
    codes = [row["tax_code"] for row in await bare.fetch("SELECT tax_code FROM registry.firm ORDER BY name, tax_code")]
    assert codes == ["", "", "X1", "99000000014"]
    broken = [row["conname"] for row in await bare.fetch(NOT_VALIDATED)]
    assert broken == ["entity_complete", "profile_partition", "registered_has_deed", "tax_code_form"]
    for statement in (
        "UPDATE registry.firm SET tax_code = 'X2' WHERE name = 'Gamma'",
        "UPDATE publication.profile SET partition_version = 98",
        "UPDATE registry.network SET status = 'amended'",
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await bare.execute(statement)


async def test_codes_of_networks_lose_their_signs(bare: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """As firms' do; a row that breaks a rule of before stays as it is and stops nobody."""
    files = postgres._migrations()
    monkeypatch.setattr(postgres, "_migrations", lambda: [item for item in files if item[0] <= BEFORE])
    await postgres.migrate(bare)
    await bare.execute(OLD_ROWS)
    await bare.execute("UPDATE registry.network SET own_tax_code = 'it 0.1'")
    await bare.execute(
        "INSERT INTO registry.network SELECT (jsonb_populate_record(n, $1)).* FROM registry.network n",
        '{"network_id": "00000000-0000-4000-8000-000000000002", "status": "drafting", "name_key": "b", "own_tax_code": " qrn zrn80a41.e506z"}',
    )
    monkeypatch.setattr(postgres, "_migrations", lambda: files)
    await postgres.migrate(bare)
    codes = await bare.fetch("SELECT own_tax_code FROM registry.network ORDER BY network_id")
    assert [row["own_tax_code"] for row in codes] == ["it 0.1", "QRNZRN80A41E506Z"]


BEFORE_OBSERVATORY = 41
# Three logs: an own one, one that is followed, one that is closed; in each a statistical body that was kept raw, and a profile.
OLD_LOGS = """
INSERT INTO log.origin (origin_id, origin, owner, name, vkey, is_own, root, state) OVERRIDING SYSTEM VALUE
SELECT n, 'o' || n, 'p' || n, 'n', 'k', n = 1, decode(repeat('00', 32), 'hex'), CASE n WHEN 3 THEN 'closed' ELSE 'new' END
FROM generate_series(1, 3) n;
INSERT INTO log.item (origin_id, item_id, last_idx, revision, dead)
SELECT n, ('00000000-0000-4000-8000-00000000000' || i)::uuid, i, 1, i = 2 FROM generate_series(1, 3) n, generate_series(0, 3) i;
INSERT INTO log.body (origin_id, idx, salt, body)
SELECT n, i, decode(repeat('00', 32), 'hex'),
       convert_to(CASE i WHEN 3 THEN '{"title":"\\"type\\":\\"statistics/1\\"","type":"tomorrow/1"}'
                         ELSE '{"table":"led-firms","type":"statistics/1"}' END, 'UTF8')
FROM generate_series(1, 3) n, generate_series(0, 3) i;
INSERT INTO log.problem (origin_id, idx, code)
SELECT n, i, CASE i WHEN 1 THEN 'body-schema-broken' ELSE 'body-type-unknown' END FROM generate_series(1, 3) n, generate_series(0, 3) i;
"""


async def test_a_node_with_history_gets_an_observatory(bare: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics that were kept raw are wanted again, nothing else is; editions that were loaded before are counted when first asked."""
    files = postgres._migrations()
    monkeypatch.setattr(postgres, "_migrations", lambda: [item for item in files if item[0] <= BEFORE_OBSERVATORY])
    await postgres.migrate(bare)
    await bare.execute(OLD_LOGS)
    listed, day = edition(random.Random(7)), dt.date(2025, 12, 31)
    await store(bare, listed, day)
    monkeypatch.setattr(postgres, "_migrations", lambda: files)
    await postgres.migrate(bare)
    wanted = await bare.fetch("SELECT origin_id, idx, item_id::text FROM log.wanted ORDER BY 1, 2")
    assert [tuple(row) for row in wanted] == [(2, 0, "00000000-0000-4000-8000-000000000000")]
    assert await bare.fetchval("SELECT count(*) FROM log.body") == 3 * 4 - 1
    assert await bare.fetchval("SELECT count(*) FROM log.problem") == 3 * 4 - 1
    async with bare.transaction():
        counted = await counting.settle(bare, NOW)
    assert counted.editions == (day,)
    assert any(count.measure == "networks" and count.value for count in await edition_counts.counts(bare))


async def test_where_all_rows_keep_the_rules_they_are_known_to(conn: Connection) -> None:
    """On a new database no constraint is left in doubt."""
    assert await conn.fetch(NOT_VALIDATED) == []
