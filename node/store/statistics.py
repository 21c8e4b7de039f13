"""What the numbers of tier 2 were told as and rest on (private), and which of them stand in which log (public).

In: states of tables (node/domain/observatory/lazy.py); ``statistics/1`` documents that passed the gate and their schema, at their log
position. Out: the same; documents by member. Rules: a state is written whole, in the transaction that writes the log; whoever is erased is
forgotten from the lists and no number moves. Transactions are the flows' to open. Source: docs/statistics.md, PROTOCOL 12.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from node.domain.observatory.lazy import CellState, Part, Place, TableState
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("statistics")
TIMEOUT_S = 300
BASE, SEEN = "base", "seen"
_JOIN = "|"


@dataclass(frozen=True, slots=True)
class Told:
    """When a table was told last; ``adopted``: its numbers came from the own log, without the lists behind them."""

    table: str
    plan: int
    day: dt.date
    told_at: dt.datetime
    adopted: bool


@dataclass(frozen=True, slots=True)
class Document:
    """One document at its log position."""

    idx: int
    table_id: str
    plan: int
    day: dt.date
    part: int
    parts: int
    digest: str


def document_of(idx: int, body: Mapping[str, Any]) -> Document:
    """Return the row of a ``statistics/1`` document that its schema let pass."""
    return Document(
        idx,
        body["table"],
        body["plan"],
        dt.date.fromisoformat(body["day"]),
        body["part"],
        body["parts"],
        body["digest"],
    )


async def lock(conn: Connection) -> None:
    """Wait until nobody else publishes or forgets."""
    await conn.execute(QUERIES["lock"])


async def told(conn: Connection) -> dict[str, Told]:
    """Return when each table was told last."""
    rows = await conn.fetch(QUERIES["told"])
    return {r["table_id"]: Told(r["table_id"], r["plan"], r["day"], r["told_at"], r["adopted"]) for r in rows}


async def read_values(conn: Connection, table: str) -> dict[Place, int]:
    """Return the numbers of a table as it was told, in order of their codes."""
    rows = await conn.fetch(QUERIES["cells"], table)
    return dict(sorted((tuple(row["place"].split(_JOIN)), row["value"]) for row in rows if row["value"]))


async def read_state(conn: Connection, table: str) -> dict[Place, CellState]:
    """Return a table as it was told, with its lists."""
    looks: dict[tuple[str, str], dict[str, Part]] = {}
    for row in await conn.fetch(QUERIES["parts"], table, timeout=TIMEOUT_S):
        looks.setdefault((row["place"], row["look"]), {})[row["record"]] = Part(row["unit"], row["amount"])
    return {
        tuple(row["place"].split(_JOIN)): CellState(
            row["value"], looks.get((row["place"], BASE), {}), looks.get((row["place"], SEEN), {})
        )
        for row in await conn.fetch(QUERIES["cells"], table)
    }


async def write_state(conn: Connection, state: TableState, said: Told) -> None:
    """Put a table in the place of what it was told as before."""
    await conn.execute(QUERIES["put_told"], said.table, said.plan, said.day, said.told_at, said.adopted)
    await conn.execute(QUERIES["drop_cells"], said.table, timeout=TIMEOUT_S)
    places = [_JOIN.join(place) for place in state]
    await conn.execute(QUERIES["put_cells"], said.table, places, [cell.value for cell in state.values()])
    rows = list(_rows(state))
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * 5
    await conn.execute(QUERIES["put_parts"], said.table, *columns, timeout=TIMEOUT_S)


def _rows(state: TableState) -> Iterable[tuple[str, str, str, str, int]]:
    for place, cell in state.items():
        for look, parts in ((BASE, cell.base), (SEEN, cell.seen)):
            for record, part in parts.items():
                yield _JOIN.join(place), look, record, part.unit, part.amount


async def forget(conn: Connection, firms: Iterable[str] = ()) -> int:
    """Take erased firms, and every record that is there no more, out of the lists; return how many rows went. No number moves.

    Cases of firms of which nothing is left are kept without a sign of whose they were.
    """
    await lock(conn)
    await conn.execute(QUERIES["forget_units"], timeout=TIMEOUT_S)
    done = await conn.execute(QUERIES["forget"], list(firms), timeout=TIMEOUT_S)
    return int(str(done).rpartition(" ")[2])


async def insert_documents(conn: Connection, origin_id: int, documents: Sequence[Document]) -> None:
    """Add documents; their bodies are in log.body already."""
    names = ("idx", "table_id", "plan", "day", "part", "parts", "digest")
    columns = [[getattr(document, name) for document in documents] for name in names]
    await conn.execute(QUERIES["insert_documents"], origin_id, *columns)


async def own_documents(conn: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return, by table, what the own log says of it last."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in await conn.fetch(QUERIES["own_documents"]):
        found.setdefault(row["table_id"], []).append(orjson.loads(row["body"]))
    return found


async def documents(conn: Connection, table: str, day: dt.date) -> list[tuple[str, bytes]]:
    """Return (member, document) of a table at a reference day: of each member the parts of the newest, each once, in their order."""
    rows = await conn.fetch(QUERIES["documents"], table, day, timeout=TIMEOUT_S)
    return [(row["owner"], row["body"]) for row in rows]


async def last_signed(conn: Connection) -> dt.datetime | None:
    """Return when others last signed the own log's head; where nobody does, when this node did; None before its first signature."""
    found: dt.datetime | None = await conn.fetchval(QUERIES["last_signed"])
    return found


async def newest_day(conn: Connection) -> dt.date | None:
    """Return the newest reference day that this node told, None before the first."""
    found: dt.date | None = await conn.fetchval(QUERIES["newest_day"])
    return found


async def retold(conn: Connection, first: dt.date, last: dt.date) -> dict[tuple[str, dt.date], dict[str, int]]:
    """Return, by table and reference day, which members told other numbers after the first, and how often."""
    found: dict[tuple[str, dt.date], dict[str, int]] = {}
    for row in await conn.fetch(QUERIES["retold"], last, first, timeout=TIMEOUT_S):
        found.setdefault((row["table_id"], row["day"]), {})[row["owner"]] = row["times"]
    return found


async def stamp(conn: Connection) -> str:
    """Return a text that changes whenever other documents count, or other members are known."""
    return str(await conn.fetchval(QUERIES["stamp"]))


async def members(conn: Connection) -> list[str]:
    """Return whose logs are followed, this node's own among them."""
    return [row["owner"] for row in await conn.fetch(QUERIES["members"])]


async def is_document(conn: Connection, origin_id: int, index: int) -> bool:
    """Tell whether an entry is one of statistics, and no profile's."""
    return bool(await conn.fetchval(QUERIES["is_document"], origin_id, index))


@dataclass(frozen=True, slots=True)
class Body:
    """One document as it was signed, and where it stands."""

    owner: str
    origin: str
    idx: int
    body: bytes


async def bodies(conn: Connection, tables: Iterable[str]) -> list[Body]:
    """Return every document of these tables that counts."""
    return [Body(**dict(row)) for row in await conn.fetch(QUERIES["bodies"], list(tables), timeout=TIMEOUT_S)]
