"""An office whose private register grows and shrinks, and what it told of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from node.domain.accounts import derive_key
from node.domain.observatory import cell_key
from node.domain.observatory.lazy import Place
from node.flows.logs.append import OwnLog
from node.flows.observatory import publish
from node.flows.observatory.publish import TableTurn
from node.flows.registry import intake
from node.store.postgres import Pool
from tests.networks_made import member, record

SECRET = derive_key(bytes(range(32)), cell_key.PURPOSE)
# Just after the ends of quarters.
JANUARY, APRIL, JULY, OCTOBER = (dt.datetime(2027, month, 2, 9, 0, tzinfo=dt.UTC) for month in (1, 4, 7, 10))
STATUSES, FUNDS, FIRMS, CASES = "networks-by-status", "common-fund", "led-firms", "introductions-between-regions"
GROUPS, HELP = "pipeline-by-region", "assistance-by-line"


@dataclass
class Bureau:
    """An office that keeps networks and tells of them."""

    pool: Pool
    own: OwnLog
    made: int = 0
    networks: list[str] = field(default_factory=list)

    async def keep(self, count: int, **changes: Any) -> list[str]:
        """Add networks of two firms each; return their ids."""
        numbers = range(self.made + 1, self.made + count + 1)
        self.made += count
        rows = [
            record(
                name=f"Rete di prova {n}",
                deed_number=str(1000 + n),
                own_tax_code="",
                own_rea="",
                members=(member(2 * n, is_reference=True), member(2 * n + 1)),
                **{"initial_fund": Decimal(10_000 + n), **changes},
            )
            for n in numbers
        ]
        found = intake.IntakeFile("template", "prova.xlsx", self.made.to_bytes(32, "big"), 0, tuple(rows), 0, ())
        await intake.import_networks(self.pool, found, JANUARY, apply=True)
        names = [f"Rete di prova {n}" for n in numbers]
        async with self.pool.acquire() as conn:
            ids = await conn.fetch(
                "SELECT network_id::text AS id FROM registry.network WHERE name = ANY($1) ORDER BY name", names
            )
        self.networks += [row["id"] for row in ids]
        return [row["id"] for row in ids]

    async def run(self, sql: str, *given: Any) -> None:
        """Change something of the private register."""
        async with self.pool.acquire() as conn:
            await conn.execute(sql, *given)

    async def publish(self, now: dt.datetime, secret: bytes = SECRET, terms: Any = None) -> dict[str, TableTurn]:
        """Let what is due leave."""
        turns = await publish.publish_due(self.pool, self.own, secret, terms, now)
        return {turn.table: turn for turn in turns}

    async def said(self, table: str) -> list[dict[str, Any]]:
        """The documents of a table in the own log, oldest first."""
        async with self.pool.acquire() as conn:
            rows = await conn.fetch("SELECT body FROM log.body ORDER BY origin_id, idx")
        bodies = [orjson.loads(row["body"]) for row in rows]
        return [b for b in bodies if b["type"] == "statistics/1" and b["table"] == table]

    async def lists(self) -> Sequence[tuple[str, str, str, str]]:
        """What is kept behind the numbers: table, place, look, record."""
        async with self.pool.acquire() as conn:
            rows = await conn.fetch(
                "SELECT table_id, place, look, record_id::text AS record FROM statistics.part ORDER BY 1, 2, 3, 4"
            )
        return [tuple(row) for row in rows]


def values(turn: TableTurn) -> dict[Place, int]:
    """What a table tells."""
    return dict(turn.values)
