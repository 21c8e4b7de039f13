"""A page of the database that the disk gave back otherwise: PostgreSQL's checksums find it, and nobody is answered from it."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from node.store import embedded
from node.store.failures import UNWRITABLE_VALUE
from node.store.postgres import migrate_at

ROWS = 500
PAGE = 8192
FILL = """
INSERT INTO log.origin (origin, owner, name, vkey, is_own, root) VALUES ('o', 'p_LE', 'n', 'k', false, decode(repeat('00', 32), 'hex'));
INSERT INTO log.entry (origin_id, idx, entry) SELECT origin_id, n, convert_to(md5(n::text) || md5('x' || n), 'UTF8')
    FROM log.origin, generate_series(0, 499) AS n;
CHECKPOINT;
"""


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
