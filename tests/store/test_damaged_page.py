"""A page of the database that the disk gave back otherwise: PostgreSQL's checksums find it, and nobody is answered from it."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from node.flows.upkeep import page_check as doctor_pages
from node.store import embedded
from node.store.failures import UNWRITABLE_VALUE
from node.store.postgres import migrate_at, open_pool

ROWS = 500
PAGE = 8192
FILL = """
INSERT INTO log.origin (origin, owner, name, vkey, is_own, root) VALUES ('o', 'p_LE', 'n', 'k', false, decode(repeat('00', 32), 'hex'));
INSERT INTO log.entry (origin_id, idx, entry) SELECT origin_id, n, convert_to(md5(n::text) || md5('x' || n), 'UTF8')
    FROM log.origin, generate_series(0, 499) AS n;
CHECKPOINT;
"""


async def found_in(dsn: str, minutes: float = 2) -> list[tuple[str, str]]:
    """What the doctor finds when it looks at every page."""
    pool = await open_pool(dsn, max_size=2)
    try:
        return [(one.code, one.where) for one in await doctor_pages.look(pool, minutes)]
    finally:
        pool.terminate()


async def damage(cluster: embedded.Cluster, dsn: str, relation: str) -> None:
    """Change one bit in the second page of a relation, on the disk, while the server is down."""
    conn = await asyncpg.connect(dsn)
    file = cluster.folder / await conn.fetchval("SELECT pg_relation_filepath($1)", relation)
    await conn.execute("CHECKPOINT")
    await conn.close()
    embedded.stop(cluster.folder)
    raw = bytearray(file.read_bytes())
    raw[2 * PAGE - 100] ^= 1
    file.write_bytes(raw)
    embedded.start(cluster.folder)


@pytest.mark.timeout(120)
async def test_the_doctor_names_what_is_damaged_and_changes_nothing(tmp_path: Path) -> None:
    """First all is well; then a table, then also an index: each by its name; without time, how many were not looked at; never an extension left."""
    with embedded.lease(tmp_path / "cluster") as cluster:
        dsn = await embedded.ensure_database(cluster, "node")
        await migrate_at(dsn)
        conn = await asyncpg.connect(dsn)
        await conn.execute(FILL)
        await conn.close()
        assert await found_in(dsn) == [("pages", "")]
        await damage(cluster, dsn, "log.entry")
        assert await found_in(dsn) == [("pages-damaged", "log.entry")]
        await damage(cluster, dsn, "log.entry_pkey")
        assert await found_in(dsn) == [("pages-damaged", "log.entry_pkey"), ("pages-damaged", "log.entry")]
        assert ("pages-unfinished", "") in await found_in(dsn, 0.000001)
        conn = await asyncpg.connect(dsn)
        assert await conn.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'") == 0
        await conn.execute("CREATE ROLE small LOGIN")
        await conn.close()
        # Who may not install it is told what to ask for.
        assert await found_in(dsn.replace("postgres@", "small@")) == [("pages-unchecked", "")]


async def test_a_damaged_page_is_an_error_and_never_another_answer(tmp_path: Path) -> None:
    """One bit of a row changed on the disk: whoever reads that page is refused, the rest of the table still answers."""
    with embedded.lease(tmp_path / "cluster") as cluster:
        dsn = await embedded.ensure_database(cluster, "node")
        await migrate_at(dsn)
        conn = await asyncpg.connect(dsn)
        await conn.execute(FILL)
        assert await conn.fetchval("SHOW data_checksums") == "on"
        before = {row["idx"]: row["entry"] for row in await conn.fetch("SELECT idx, entry FROM log.entry")}
        assert len(before) == ROWS
        file = cluster.folder / await conn.fetchval("SELECT pg_relation_filepath('log.entry')")
        lost = {row["idx"] for row in await conn.fetch("SELECT idx FROM log.entry WHERE (ctid::text::point)[0] = 1")}
        await conn.close()
        embedded.stop(cluster.folder)
        raw = bytearray(file.read_bytes())
        raw[PAGE + raw[PAGE : 2 * PAGE].index(before[min(lost)])] ^= 1
        file.write_bytes(raw)
        embedded.start(cluster.folder)
        conn = await asyncpg.connect(dsn)
        # By key, as the node reads: a scan of so small a table would look at every page.
        await conn.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        answered = 0
        for index, entry in before.items():
            if index in lost:
                with pytest.raises(asyncpg.DataCorruptedError) as caught:
                    await conn.fetchval("SELECT entry FROM log.entry WHERE idx = $1", index)
                # Not taken for a value that a caller wrote badly: it is the operator's.
                assert not isinstance(caught.value, UNWRITABLE_VALUE)
            else:
                assert await conn.fetchval("SELECT entry FROM log.entry WHERE idx = $1", index) == entry
                answered += 1
        assert answered == ROWS - len(lost) > 0
        with pytest.raises(asyncpg.DataCorruptedError):
            await conn.fetch("SELECT entry FROM log.entry")
        await conn.close()
