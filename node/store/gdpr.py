"""Data of one subject in all tables that may hold them, what is over its term, and the consent log.

In: a subject's code and expression (domain/processing). Out: rows as they are kept, and counts of what was changed.
Transactions are the flows' to open.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from node.domain.processing import Subject
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("gdpr")
TIMEOUT_S = 300
# Each table with the name of its queries, in the order of the answer.
PLACES: Mapping[str, str] = {
    "registry.firm": "firm",
    "registry.membership": "membership",
    "registry.network": "network",
    "registry.objective": "objective",
    "registry.want": "want",
    "registry.contact": "contact",
    "registry.document": "document",
    "registry.consent": "consent",
    "registry.import_batch": "import_batch",
    "registry.erasure": "erasure",
    "publication.version": "version",
    "publication.decision": "decision",
    "population.network": "listed_network",
    "population.firm": "listed_firm",
    # Whom to tell goes before what is asked, which would take it along uncounted.
    "office.saved_channel": "saved_channel",
    "office.saved_search": "saved_search",
}
# Memberships go on without the name of the firm; a record of erasure names nobody to begin with.
DECISIONS = "publication.decision"
KEPT = ("registry.membership", "registry.erasure")
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent as it was given, and whether it still stands."""

    consent_id: str
    network_id: str
    network: str
    person: str
    purpose: str
    version: str
    given_at: dt.datetime
    revoked_at: dt.datetime | None


async def names_of(conn: Connection, tax_code: str) -> list[str]:
    """Return the names under which a tax code is known here."""
    return [row["name"] for row in await conn.fetch(QUERIES["names_of"], tax_code, timeout=TIMEOUT_S)]


async def find(conn: Connection, subject: Subject) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table that hold something of a subject; tables with nothing are left out."""
    found = {}
    for table, name in PLACES.items():
        given = (subject.tax_code,) if table == "registry.membership" else (subject.tax_code, subject.pattern)
        rows = await conn.fetch(QUERIES[f"find_{name}"], *given, timeout=TIMEOUT_S)
        if rows:
            found[table] = [orjson.loads(row["found"]) for row in rows]
    return found


async def find_published(conn: Connection, subject: Subject) -> list[dict[str, Any]]:
    """Return where documents of any log name a subject: owner, origin, position."""
    rows = await conn.fetch(QUERIES["find_body"], subject.tax_code, subject.pattern, timeout=TIMEOUT_S)
    return [orjson.loads(row["found"]) for row in rows]


async def profiles_named(conn: Connection, subject: Subject) -> list[str]:
    """Return the living own profiles whose texts, approved or not, name a subject."""
    rows = await conn.fetch(QUERIES["profiles_named"], subject.tax_code, subject.pattern, timeout=TIMEOUT_S)
    return [str(row["profile_id"]) for row in rows]


async def erase(conn: Connection, subject: Subject, officer: str) -> dict[str, int]:
    """Mask or delete what ``find`` finds; return how many rows of each table were touched."""
    counts = {}
    for table, name in PLACES.items():
        if table in KEPT:
            continue
        if table == DECISIONS:
            # The chain of decisions knows that words are gone, and by whom: only its own function takes them out.
            touched = await conn.fetchval(QUERIES["erase_decision"], subject.tax_code, subject.pattern, officer)
            if touched:
                counts[table] = touched
            continue
        done = await conn.execute(QUERIES[f"erase_{name}"], subject.tax_code, subject.pattern, timeout=TIMEOUT_S)
        if touched := int(done.split()[-1]):
            counts[table] = touched
    return counts


async def record_erasure(
    conn: Connection, officer: str, reason: str, counts: Mapping[str, int], now: dt.datetime
) -> str:
    """Keep that something was erased, without whose it was; return the record's random id."""
    reference = uuid.uuid4()
    await conn.execute(QUERIES["insert_erasure"], reference, now, officer, reason, orjson.dumps(counts).decode())
    return str(reference)


async def count_over(conn: Connection, what: str, until: dt.datetime) -> int:
    """Return how many rows are over their term: drafts, contacts, consents, closed_networks, import_batches."""
    return int(await conn.fetchval(QUERIES[f"over_{what}"], until, timeout=TIMEOUT_S))


async def end(conn: Connection, what: str, until: dt.datetime) -> int:
    """Delete one batch of what is over its term; return how many rows that were, 0 when nothing is left."""
    if what == "closed_networks":
        return await _end_networks(conn, until)
    done = await conn.execute(QUERIES[f"end_{what}"], until, BATCH, timeout=TIMEOUT_S)
    return int(done.split()[-1])


async def _end_networks(conn: Connection, until: dt.datetime) -> int:
    ids = [row["network_id"] for row in await conn.fetch(QUERIES["ended_networks"], until, BATCH)]
    if ids:
        await conn.execute(QUERIES["end_members"], ids)
        # Deleted with their network, which a standing consent would keep from going.
        await conn.execute(QUERIES["end_network_consents"], ids, until)
        await conn.execute(QUERIES["end_networks"], ids, timeout=TIMEOUT_S)
        await conn.execute(QUERIES["end_lone_firms"], timeout=TIMEOUT_S)
    return len(ids)


async def ended_editions(conn: Connection, until: dt.date) -> list[int]:
    """Return the editions that are over their term and on which nothing stands."""
    return [row["snapshot_id"] for row in await conn.fetch(QUERIES["ended_editions"], until, BATCH)]


async def list_consents(conn: Connection, network_id: str | None) -> list[Consent]:
    """Return the consent log, oldest first."""
    rows = await conn.fetch(QUERIES["list_consents"], None if network_id is None else uuid.UUID(network_id))
    return [
        Consent(**{**dict(row), "consent_id": str(row["consent_id"]), "network_id": str(row["network_id"])})
        for row in rows
    ]


async def give_consent(
    conn: Connection, network_id: str, person: str, purpose: str, version: str, at: dt.datetime
) -> str | None:
    """Add to the consent log and return the entry's id, None when there is no such network."""
    consent_id = uuid.uuid4()
    try:
        await conn.execute(QUERIES["give_consent"], consent_id, uuid.UUID(network_id), person, purpose, version, at)
    except asyncpg.ForeignKeyViolationError:
        return None
    return str(consent_id)


async def revoke_consent(conn: Connection, consent_id: str, at: dt.datetime) -> bool | None:
    """Revoke a consent; return whether it stood until now, None when there is none."""
    key = uuid.UUID(consent_id)
    stands: bool | None = await conn.fetchval(QUERIES["consent_stands"], key)
    if stands:
        await conn.execute(QUERIES["revoke_consent"], key, at)
    return stands
