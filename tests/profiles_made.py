"""Profiles for tests of the cooperation database: plain documents, and the rows a pull would have made of them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from node.store import cooperation
from node.store.postgres import Connection
from node.store.reference import load_sectors, load_territories

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
TODAY = (NOW.date() - dt.date(1970, 1, 1)).days
ANY = {"level": "*", "values": []}


def label(level: str, *values: str) -> dict[str, Any]:
    """A label as it stands in a profile."""
    return {"level": level, "values": list(values)}


def profile(number: int, title: str = "Rete di prova", **changes: Any) -> dict[str, Any]:
    """A whole profile/1 document with a fixed identifier; labels are given by their attribute's name."""
    labels = {
        "territory": label("REG", "ITF4"),
        "sector": label("A2", "10"),
        "period": dict(ANY),
        "size": label("SIZE", "4-9"),
        "theme": dict(ANY),
    }
    labels |= {name: changes.pop(name) for name in list(changes) if name in labels}
    text = {name: {"it": changes.pop(name)} for name in ("summary", "description") if name in changes}
    return {
        "type": "profile/1",
        "id": str(uuid.UUID(int=(number << 96) | 0x4000_8000_0000_0000_0000 | number, version=4)),
        "owner": "p_LE",
        "purpose": "offer",
        "round": TODAY - 30,
        "title": {"it": title},
        "summary": {"it": "Imprese che collaborano."},
        "description": {"it": "Una descrizione."},
        "labels": labels,
        "kind": "contract",
        "maturity": "any",
        "partition": {"version": 1, "digest": "00" * 32},
        "themes": [],
        "capabilities": [],
        "needs": [],
        "offers": [],
        "partner": {"role": "any", "sector": "*", "territory": "IT", "size": "any"},
        "target_countries": [],
        "languages": [],
        "certifications": [],
        "valid_until": "2027-11-30",
        **text,
        **changes,
    }


async def add_origin(conn: Connection, owner: str = "p_LE", *, is_own: bool = False, state: str = "ready") -> int:
    """A log of this owner, looked at just now; returns its id."""
    origin_id: int = await conn.fetchval(
        "INSERT INTO log.origin (origin, owner, name, vkey, is_own, state, root, checked_at, confirmed_at)"
        " VALUES ($1, $2, $2, 'k', $3, $4, $5, $6, $6) RETURNING origin_id",
        f"{owner.lower().replace('_', '-')}.example/federation/log/2026",
        owner,
        is_own,
        state,
        bytes(32),
        NOW,
    )
    return origin_id


async def store(
    conn: Connection, origin_id: int, documents: Iterable[Mapping[str, Any]], *, first: int = 0
) -> list[cooperation.Row]:
    """Store bodies and index rows as ingestion does, at consecutive positions; returns the rows."""
    documents = list(documents)
    territories, sectors = load_territories(), load_sectors()
    bodies = [(origin_id, first + n, bytes(32), orjson.dumps(document)) for n, document in enumerate(documents)]
    rows = [
        cooperation.index_row(origin_id, first + n, document, territories, sectors)
        for n, document in enumerate(documents)
    ]
    await conn.copy_records_to_table("body", schema_name="log", records=bodies)
    await cooperation.copy_profiles(conn, map(cooperation.pack_row, rows))
    return rows
