"""What nodes share could be spread over several servers by the log that it comes from: the log is in every key of it.

Citus, and PostgreSQL's own partitions, ask that the column by which a table is spread is part of its primary key, of each unique constraint and of
each foreign key to another such table. Here it is ``origin_id``, on the whole schemas ``log`` and ``coop``. docs/scale.md tells the exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from node.store.postgres import Connection

SPREAD_BY: Final = "origin_id"
SHARED: Final = frozenset({"log", "coop"})
# The directory of logs: some dozens of rows, which every server would have whole.
REFERENCE: Final = "log.origin"
# Tables of these schemas that stay on one server, and why.
EXCEPTIONS: Final[Mapping[str, str]] = {
    REFERENCE: "directory",
    "log.ruling": "numbered decisions of this office's people",
    "coop.indexed": "one row: how far this node's index has got",
    "coop.removed": "queue of the index, numbered, emptied each time",
}
# Schemas whose rows are this office's alone, or about its own process: nobody spreads them.
LOCAL: Final = frozenset(
    {
        "agreement", "audit", "observatory", "office", "ops", "population", "post", "programme", "publication", "registry", "statistics",
    }
)  # fmt: skip
DOCS = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
TABLES = """
    SELECT n.nspname || '.' || t.relname AS name, n.nspname AS schema,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = $1 AND NOT a.attisdropped AND a.attnotnull) AS has
    FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE t.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1
"""
KEYS = """
    SELECT n.nspname || '.' || t.relname AS name, c.relname AS key, i.indisprimary AS is_primary, array_agg(a.attname::text) AS columns
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_class c ON c.oid = i.indexrelid
    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
    WHERE i.indisunique OR i.indisexclusion GROUP BY 1, 2, 3
"""
FOREIGN = """
    SELECT n.nspname || '.' || t.relname AS name, c.conname AS key, m.nspname || '.' || f.relname AS to, m.nspname AS to_schema,
           EXISTS (
               SELECT FROM unnest(c.conkey, c.confkey) AS pair (here, there)
               JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = pair.here AND a.attname = $1
               JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = pair.there AND b.attname = $1
           ) AS by_origin
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
    JOIN pg_class f ON f.oid = c.confrelid JOIN pg_namespace m ON m.oid = f.relnamespace
    WHERE c.contype = 'f'
"""


async def faults(conn: Connection) -> list[str]:
    """What stands in the way of spreading the shared tables, beside the exceptions."""
    tables = {row["name"]: row for row in await conn.fetch(TABLES, SPREAD_BY)}
    found = [f"{name}: schema {row['schema']} is neither shared nor local" for name, row in tables.items() if row["schema"] not in SHARED | LOCAL]  # fmt: skip
    spread = {name for name, row in tables.items() if row["schema"] in SHARED and name not in EXCEPTIONS}
    found += [f"{name}: no {SPREAD_BY}" for name in spread if not tables[name]["has"]]
    keys = [row for row in await conn.fetch(KEYS) if row["name"] in spread]
    found += [f"{row['name']}: key {row['key']}" for row in keys if SPREAD_BY not in row["columns"]]
    found += [f"{name}: no primary key" for name in spread - {row["name"] for row in keys if row["is_primary"]}]
    for row in await conn.fetch(FOREIGN, SPREAD_BY):
        here, there = row["name"] in spread, row["to"] in spread
        # From one spread table to another by the log; from a spread one to the directory; never between a spread and a local one.
        if (
            (here and there and not row["by_origin"])
            or (here and not there and row["to"] != REFERENCE)
            or (there and not here)
        ):
            found.append(f"{row['name']}: foreign key {row['key']} to {row['to']}")
    return sorted(found)


async def test_every_key_of_what_nodes_share_has_the_log_that_it_comes_from(conn: Connection) -> None:
    """Primary keys, unique ones and foreign ones; a new schema has to say whether it is shared."""
    assert not await faults(conn)
    tables = {row["name"] for row in await conn.fetch(TABLES, SPREAD_BY)}
    assert set(EXCEPTIONS) <= tables
    assert len([name for name in tables if name.partition(".")[0] in SHARED]) > 15


async def test_a_key_without_the_log_would_be_seen(conn: Connection) -> None:
    """Each way of getting it wrong is named."""
    await conn.execute(
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.a (a int PRIMARY KEY);"
        "CREATE TABLE coop.without (a int PRIMARY KEY);"
        "CREATE TABLE coop.keyless (origin_id int NOT NULL);"
        "CREATE UNIQUE INDEX one_word ON coop.profile (profile_id, owner);"
        "ALTER TABLE coop.removed ADD FOREIGN KEY (origin_id, idx) REFERENCES log.body (origin_id, idx);"
        "ALTER TABLE log.wanted ADD FOREIGN KEY (idx) REFERENCES coop.without (a)"
    )
    told = await faults(conn)
    for words in ("elsewhere.a: schema", "coop.without: no origin_id", "coop.without: key", "coop.keyless: no primary", "coop.profile: key one_word", "coop.removed: foreign key", "log.wanted: foreign key"):  # fmt: skip
        assert any(line.startswith(words) for line in told), words


def test_the_exceptions_are_told() -> None:
    """Each table that stays on one server stands in the docs, and each local schema."""
    text = DOCS.read_text(encoding="utf-8")
    for name in (*EXCEPTIONS, *LOCAL):
        assert f"`{name}`" in text, name
