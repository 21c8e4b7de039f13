"""Data of one subject in all tables that may hold them, what is over its term, and the consent log.

In: a subject and what finds it (domain/seeking): every row of every table is read in a stream and judged here, the same way for
access, erasure and the check after it. Out: rows as they are kept, and counts of what was changed. Transactions are the flows'.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from node.domain.seeking import Seeker, person_in
from node.domain.subject import Subject
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
    "log.ruling": "ruling",
    "population.network": "listed_network",
    "population.firm": "listed_firm",
    # Whom to tell goes before what is asked, which would take it along uncounted.
    "office.saved_channel": "saved_channel",
    "office.saved_search": "saved_search",
    "office.account": "account",
    "office.introduction": "introduction",
    "office.introduction_event": "introduction_event",
    "office.introduction_consent": "introduction_consent",
    "office.introduction_identity": "introduction_identity",
    "programme.info_session": "info_session",
    "programme.enrolment": "enrolment",
    "programme.expression": "expression",
    "programme.aggregation": "aggregation",
    "programme.aggregation_member": "aggregation_member",
    "programme.evaluation": "evaluation",
    "programme.stage_change": "stage_change",
    "programme.case_file": "case_file",
    "programme.case_task": "case_task",
    "programme.case_hours": "case_hours",
    "programme.case_cost": "case_cost",
    "programme.case_appointment": "case_appointment",
    "programme.case_document": "case_document",
    "programme.case_clause": "case_clause",
    "programme.case_step": "case_step",
    "programme.case_share": "case_share",
    "programme.case_share_reply": "case_share_reply",
    "programme.shared_case": "shared_case",
    "programme.shared_case_document": "shared_case_document",
    "programme.course_seat": "course_seat",
    "programme.course_enrolment": "course_enrolment",
    "programme.application": "application",
    "programme.call_undertaking": "undertaking",
    "programme.application_document": "application_document",
    "programme.call_score": "call_score",
    "programme.call_sheet": "call_sheet",
    "programme.call_expense": "call_expense",
    "programme.call_revocation": "call_revocation",
}
# A row of these is a firm: its code says whose it is, and its name only where it has none.
FIRMS = ("registry.firm", "population.firm")
VERSIONS = "publication.version"
# The chain of what was decided knows that words are gone, and by whom: only their own functions take them out.
CHAINED = ("publication.decision", "log.ruling")
# Memberships go on without the name of the firm.
KEPT = ("registry.membership",)
BATCH = 1000
# Rows read at once, and documents, which may be large.
STREAM, STREAM_FILES = 500, 4


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


async def known(conn: Connection, subject: Subject) -> Subject | None:
    """Return the subject with the other codes and all names of its firms; None when its number is of several firms.

    A number that a firm of another code and name has too (a VAT group's, a partner's company) is not taken for the subject's.
    """
    code = subject.tax_code
    rows = await conn.fetch(QUERIES["rows_of_codes"], [code], timeout=TIMEOUT_S)
    own = [row for row in rows if row["tax_code"] in ("", code)]
    if any(row["tax_code"] == code for row in rows):
        same = Seeker((), (row["name"] for row in own))
        own += [row for row in rows if row not in own and same.is_name(row["name"])]
    else:
        own = rows
        if len({row["tax_code"] for row in rows} - {""}) > 1:
            return None
    taxes = {code, *(row["tax_code"] for row in own)}
    codes = {row[name] for row in own for name in ("tax_code", "vat_number")} - {"", code}
    same = Seeker((), (row["name"] for row in own))
    for row in await conn.fetch(QUERIES["rows_of_codes"], sorted(codes), timeout=TIMEOUT_S):
        if row["tax_code"] not in ("", *taxes) and not same.is_name(row["name"]):
            codes -= {row["tax_code"], row["vat_number"]} - taxes
    names = await conn.fetch(QUERIES["names_of"], [code, *sorted(codes)], timeout=TIMEOUT_S)
    found = subject.known_as((row["name"] for row in names), codes)
    return found.known_as(filter(None, (person_in(name, each) for name in found.names for each in (code, *codes))))


async def other_firms(conn: Connection, seeker: Seeker) -> dict[str, list[str]]:
    """Return the names of others' firms that hold a name of the subject, by table."""
    found = {}
    for table in FIRMS:
        names = {
            row["name"]
            async for row in _stream(conn, f"scan_{PLACES[table]}")
            if not _is_own(seeker, row) and seeker.in_text(row["name"])
        }
        if names:
            found[table] = sorted(names)
    return found


async def search(conn: Connection, seeker: Seeker) -> dict[str, list[str]]:
    """Return the ids of the rows of each table that hold something of a subject; tables with nothing are left out."""
    found = {}
    for table, name in PLACES.items():
        if table not in KEPT:
            ids = [row["id"] async for row, _ in _hits(conn, table, name, seeker)]
            if ids:
                found[table] = ids
    return found


async def firms_of(conn: Connection, seeker: Seeker) -> list[str]:
    """Return the ids of the private register's firms that are the subject's."""
    table = "registry.firm"
    return [row["id"] async for row, _ in _hits(conn, table, PLACES[table], seeker)]


async def find(conn: Connection, seeker: Seeker) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table that hold something of a subject; tables with nothing are left out."""
    ids = await search(conn, seeker)
    found = {}
    for table, name in PLACES.items():
        keys = ids.get("registry.firm" if table == "registry.membership" else table, [])
        rows = await conn.fetch(QUERIES[f"found_{name}"], keys, timeout=TIMEOUT_S) if keys else []
        if rows:
            found[table] = [_shown(seeker, orjson.loads(row["found"])) for row in rows]
    return found


def _shown(seeker: Seeker, row: dict[str, Any]) -> dict[str, Any]:
    # A network that names the subject has a code of its own, which is nobody else's business.
    return {name: "" if name == "own_tax_code" and not seeker.in_text(value) else value for name, value in row.items()}


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A case in which another office was told a subject, and has not said that it erased it."""

    introduction: str
    peer: str


async def disclosed(conn: Connection, seeker: Seeker) -> list[Disclosed]:
    """Return the cases in which this office named a subject to another, which still holds it."""
    table = "office.introduction_consent"
    ids = [row["id"] async for row, _ in _hits(conn, table, PLACES[table], seeker)]
    return [Disclosed(**dict(row)) for row in await conn.fetch(QUERIES["disclosed"], ids, timeout=TIMEOUT_S)]


async def find_published(conn: Connection, seeker: Seeker) -> list[dict[str, Any]]:
    """Return where documents of any log name a subject: owner, origin, position. A body may be any bytes."""
    ids = [row["id"] async for row in _stream(conn, "scan_body") if _in_document(seeker, row["document"])]
    rows = await conn.fetch(QUERIES["found_body"], ids, timeout=TIMEOUT_S)
    return [orjson.loads(row["found"]) for row in rows]


async def profiles_named(conn: Connection, seeker: Seeker) -> list[str]:
    """Return the living own profiles whose texts, approved or not, name a subject."""
    ids = [row["id"] async for row, _ in _hits(conn, VERSIONS, PLACES[VERSIONS], seeker)]
    return [str(row["profile_id"]) for row in await conn.fetch(QUERIES["living_profiles"], ids, timeout=TIMEOUT_S)]


async def erase(conn: Connection, seeker: Seeker, officer: str) -> dict[str, int]:
    """Mask or delete what ``find`` finds; return how many rows of each table were touched."""
    counts = {}
    for table, name in PLACES.items():
        if table in KEPT:
            continue
        touched, batch = 0, []
        async for row, words in _hits(conn, table, name, seeker):
            batch.append({"id": row["id"], "words": words})
            if len(batch) == BATCH:
                touched += await _erase(conn, table, batch, officer)
                batch = []
        touched += await _erase(conn, table, batch, officer)
        if touched:
            counts[table] = touched
    return counts


async def _erase(conn: Connection, table: str, batch: list[dict[str, Any]], officer: str) -> int:
    if not batch:
        return 0
    query, told = QUERIES[f"erase_{PLACES[table]}"], orjson.dumps(batch).decode()
    if table in CHAINED:
        return int(await conn.fetchval(query, told, officer, timeout=TIMEOUT_S))
    return int((await conn.execute(query, told, timeout=TIMEOUT_S)).split()[-1])


async def unread_documents(conn: Connection) -> int:
    """Return how many documents are of forms whose content is not opened: compressed ones and images."""
    return int(await conn.fetchval(QUERIES["unread_documents"], timeout=TIMEOUT_S))


@dataclass(frozen=True, slots=True)
class ToLookAt:
    """A document whose content nobody here can read, of a network that the subject is or was part of."""

    document_id: str
    network_id: str
    network: str
    title: str


async def documents_to_look_at(conn: Connection, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[ToLookAt]:
    """Return the unread documents of the networks in which something of a subject was found, but for those found themselves."""
    networks = {str(row["network_id"]) for rows in found.values() for row in rows if row.get("network_id")}
    firms = [str(row["firm_id"]) for row in found.get("registry.firm", ())]
    own = ("registry.document", "programme.case_document")
    gone = {str(row["document_id"]) for table in own for row in found.get(table, ())}
    rows = await conn.fetch(QUERIES["documents_to_look_at"], sorted(networks), firms, timeout=TIMEOUT_S)
    return [ToLookAt(**dict(row)) for row in rows if row["document_id"] not in gone]


async def _stream(conn: Connection, query: str) -> AsyncIterator[asyncpg.Record]:
    size = STREAM_FILES if query.endswith("document") else STREAM
    async for row in conn.cursor(QUERIES[query], prefetch=size, timeout=TIMEOUT_S):
        yield row


async def _hits(
    conn: Connection, table: str, name: str, seeker: Seeker
) -> AsyncIterator[tuple[asyncpg.Record, Sequence[str] | Mapping[str, Any]]]:
    """Yield the rows of a table that hold something of a subject, with their words, or the value that they hold, masked."""
    async for row in _stream(conn, f"scan_{name}"):
        if table in FIRMS:
            if _is_own(seeker, row):
                yield row, ()
        elif table == VERSIONS:
            if _in_document(seeker, row["document"].encode()):
                yield row, ()
        elif "value" in row:
            value = orjson.loads(row["value"])
            if (masked := seeker.forgotten(value)) != value:
                yield row, masked
        else:
            words = [seeker.masked(word) for word in row["words"]]
            if words != row["words"] or ("content" in row and _in_file(seeker, row["content"])):
                yield row, words


def _is_own(seeker: Seeker, row: asyncpg.Record) -> bool:
    """Tell whether a firm is the subject's: by its code, or where it has none by its whole name."""
    if row["tax_code"]:
        return row["tax_code"] in seeker.codes
    return row["vat_number"] in seeker.codes if row["vat_number"] else seeker.is_name(row["name"])


def _in_file(seeker: Seeker, content: bytes) -> bool:
    return seeker.in_bytes(content) or (content[:1] in (b"{", b"[", b'"') and _in_document(seeker, content))


def _in_document(seeker: Seeker, document: bytes) -> bool:
    try:
        value = orjson.loads(document)
    except orjson.JSONDecodeError:
        return seeker.in_bytes(document)
    return seeker.in_value(value)


async def record_erasure(
    conn: Connection, officer: str, reason: str, counts: Mapping[str, int], now: dt.datetime
) -> str:
    """Keep that something was erased, without whose it was; return the record's random id."""
    reference = uuid.uuid4()
    await conn.execute(QUERIES["insert_erasure"], reference, now, officer, reason, orjson.dumps(counts).decode())
    return str(reference)


async def count_over(conn: Connection, what: str, until: dt.datetime) -> int:
    """Return how many rows are over a term; ``what``: a word of flows/registry/gdpr.TERMS but ``editions``."""
    return int(await conn.fetchval(QUERIES[f"over_{what}"], until, timeout=TIMEOUT_S))


async def end(conn: Connection, what: str, until: dt.datetime) -> int:
    """Delete one batch of what is over its term; return how many rows that were, 0 when nothing is left."""
    if what == "closed_networks":
        return await _end_networks(conn, until)
    if what == "courses":
        return int(await conn.fetchval(QUERIES["end_courses"], until, BATCH, timeout=TIMEOUT_S))
    done = await conn.execute(QUERIES[f"end_{what}"], until, BATCH, timeout=TIMEOUT_S)
    return int(done.split()[-1])


async def _end_networks(conn: Connection, until: dt.datetime) -> int:
    rows = await conn.fetch(QUERIES["ended_networks"], until, BATCH)
    ids = [row["network_id"] for row in rows]
    if ids:
        stay = [row["network_id"] for row in rows if row["stays"]]
        await conn.execute(QUERIES["end_members"], ids)
        # Deleted with their network, which a standing consent would keep from going; of one that stays, at their own term.
        await conn.execute(QUERIES["end_network_consents"], ids, until)
        await conn.execute(QUERIES["end_networks"], [key for key in ids if key not in set(stay)], timeout=TIMEOUT_S)
        await conn.execute(QUERIES["end_words"], stay, timeout=TIMEOUT_S)
        await conn.execute(QUERIES["end_history"], stay, timeout=TIMEOUT_S)
        await conn.execute(QUERIES["blank_networks"], stay, timeout=TIMEOUT_S)
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
