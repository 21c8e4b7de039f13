"""The private register's tables: networks, firms, memberships with history, needs, offers, contacts.

In: checked records. Out: rows by set-based statements (staged by COPY, merged by key), and records back. Peer-facing code
cannot import this module; in the database, deploy/roles.sql keeps a login with the role rete_public out of these tables.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.domain.change import Change, Part, change_of, creation_of, refresh_of
from node.domain.network import ContactRecord, FirmRecord, Member, NetworkRecord, WantRecord
from node.domain.redaction.dictionary import Term
from node.domain.register import NetworkKind
from node.domain.territory import fold
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("registry")
COPY_TIMEOUT_S = 300
# A file in the layout of the import's template, as the chain of decisions calls it.
TEMPLATE_FORM = "template"
_STAGE = (
    "CREATE TEMP TABLE staged_network (LIKE registry.network INCLUDING DEFAULTS) ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_firm (firm_no integer, firm_id uuid, tax_code text, vat_number text, name text,"
    " name_key text, legal_form text, municipality text, municipality_name text, province text, rea text, ateco text)"
    " ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_member (network_id uuid, firm_no integer, joined_on date, left_on date, founding boolean,"
    " is_reference boolean, registered_on date, contribution numeric(14, 2)) ON COMMIT DROP"
)
# From this many networks on, the planner's old idea of the tables would cost more than a new one.
ANALYZE_FROM = 1000
_NETWORK_COLUMNS = (
    "network_id", "register_id", "deed_register_number", "deed_number", "deed_form", "notary", "signed_on", "status", "name",
    "name_key", "kind", "purpose", "object_text", "programme", "start_on", "end_on", "open_to_new_members",
    "has_common_fund", "initial_fund", "has_common_body", "common_body_kind", "common_body_holder", "seat_municipality",
    "own_tax_code", "own_rea", "capabilities", "languages", "target_countries", "certifications", "extras", "source",
    "digest", "updated_at",
)  # fmt: skip
_RECORD_COLUMNS = tuple(
    name for name in _NETWORK_COLUMNS
    if name not in ("network_id", "register_id", "name_key", "source", "digest", "updated_at")
)  # fmt: skip
Staged = tuple[str, NetworkRecord]


async def import_state(conn: Connection, keys: Sequence[str]) -> dict[str, tuple[str, bytes, str]]:
    """Return, by import key, (network id, digest, source) of the networks that are known."""
    rows = await conn.fetch(QUERIES["import_state"], list(keys))
    return {row["import_key"]: (str(row["network_id"]), row["digest"], row["source"]) for row in rows}


async def office_firms(conn: Connection) -> frozenset[tuple[str, str, str]]:
    """Return the keys (FirmRecord.key) of firms in networks that the office keeps."""
    rows = await conn.fetch(QUERIES["office_firms"], timeout=COPY_TIMEOUT_S)
    return frozenset(FirmRecord(row["tax_code"], row["name"], province=row["province"]).key for row in rows)


async def read_firms(conn: Connection, keys: Iterable[tuple[str, str, str]]) -> list[FirmRecord]:
    """Return what the register says of the firms with these keys (FirmRecord.key), in order of key; of new ones nothing."""
    codes, names, provinces = [], [], []
    for tax_code, name_key, province in keys:
        if tax_code:
            codes.append(tax_code)
        else:
            names.append(name_key)
            provinces.append(province)
    rows = await conn.fetch(QUERIES["read_firms"], codes, names, provinces, timeout=COPY_TIMEOUT_S)
    return [FirmRecord(**dict(row)) for row in rows]


async def lock_for_import(conn: Connection) -> None:
    """Let one import at a time pass, until the caller's transaction ends; readers are not held."""
    await conn.execute(QUERIES["lock_for_import"], timeout=COPY_TIMEOUT_S)


async def apply_import(conn: Connection, staged: Sequence[Staged], *, source: str, now: dt.datetime) -> None:
    """Write (network id, record) pairs, new and changed alike, inside the caller's transaction.

    A file of the office (``template``) is the whole truth about its networks; the public list (``chamber``) adds and
    ends memberships and refreshes what it shows. Who is no longer listed has left today; history stays. What changed is told
    beside each network, by the officer whom the transaction names (``rete.officer``); also beside networks that are not written
    but hold a firm of which something else is said now.
    """
    listed = source == "chamber"
    ids = [network_id for network_id, _ in staged]
    before, was = await read_records(conn, ids), await _parts(conn, ids)
    await _stage(conn, staged, source, now)
    for name in ("upsert_networks", "refresh_from_chamber", "match_firms_by_code", "match_firms_by_name"):
        await conn.execute(QUERIES[name], timeout=COPY_TIMEOUT_S)
    elsewhere = await conn.fetch(QUERIES["refresh_firms"], listed, timeout=COPY_TIMEOUT_S)
    await conn.execute(QUERIES["insert_firms"], timeout=COPY_TIMEOUT_S)
    # Matching gave the firms their final ids; the statements below join on them.
    await conn.execute("ANALYZE staged_firm")
    await conn.execute(QUERIES["close_absent_members"], now.date(), timeout=COPY_TIMEOUT_S)
    if listed:
        await conn.execute(QUERIES["refresh_listed_members"], timeout=COPY_TIMEOUT_S)
        await conn.execute(QUERIES["insert_listed_members"], now.date(), timeout=COPY_TIMEOUT_S)
    else:
        for name in ("drop_restated_members", "upsert_members", "clear_children"):
            await conn.execute(QUERIES[name], timeout=COPY_TIMEOUT_S)
        await _copy_children(conn, staged)
    # Of what is new there is nothing to compare.
    after, is_now = await read_records(conn, list(before)), await _parts(conn, ids)
    changes = await asyncio.to_thread(_changes, ids, before, after, was, is_now)
    changes |= {str(row["network_id"]): refresh_of(map(str, row["firms"])) for row in elsewhere}
    await _tell(conn, changes, source, now)
    if len(staged) >= ANALYZE_FROM:
        await conn.execute("ANALYZE registry.network; ANALYZE registry.firm; ANALYZE registry.membership")


async def _parts(conn: Connection, ids: Sequence[str]) -> dict[str, list[Part]]:
    """Return who was when in some networks, by the ids of firms; columns in the order of a ``Part``."""
    found: dict[str, list[Part]] = {}
    for row in await conn.fetch(QUERIES["read_parts"], [uuid.UUID(i) for i in ids], timeout=COPY_TIMEOUT_S):
        network_id, *part = row
        found.setdefault(str(network_id), []).append(Part(*part))
    return found


def _changes(
    ids: Sequence[str],
    before: Mapping[str, NetworkRecord],
    after: Mapping[str, NetworkRecord],
    was: Mapping[str, list[Part]],
    is_now: Mapping[str, list[Part]],
) -> dict[str, Change]:
    made = {
        key: change_of(before[key], after[key], was.get(key, ()), is_now.get(key, ()))
        if key in before
        else creation_of(is_now.get(key, ()))
        for key in ids
    }
    return {key: change for key, change in made.items() if change is not None}


async def _tell(conn: Connection, changes: Mapping[str, Change], source: str, now: dt.datetime) -> None:
    """Keep what changed beside each network; of a form the database's own trigger makes an event of it (migration 0031)."""
    columns = ("network_id", "at", "source", "action", "fields", "begun", "ended", "corrected")
    rows = [
        (
            uuid.UUID(key), now, source, change.action, list(change.fields),
            *([uuid.UUID(i) for i in ids] for ids in (change.begun, change.ended, change.corrected)),
        )
        for key, change in changes.items()
    ]  # fmt: skip
    await conn.copy_records_to_table(
        "change", schema_name="registry", columns=columns, records=rows, timeout=COPY_TIMEOUT_S
    )


async def history(conn: Connection, network_id: str, limit: int) -> list[dict[str, Any]]:
    """Return what became of a network, the newest first: its changes with the firms of now, and its documents."""
    return [dict(row) for row in await conn.fetch(QUERIES["history"], uuid.UUID(network_id), limit)]


async def _stage(conn: Connection, staged: Sequence[Staged], source: str, now: dt.datetime) -> None:
    await conn.execute(_STAGE)
    await conn.copy_records_to_table(
        "staged_network",
        columns=_NETWORK_COLUMNS,
        records=[_network_row(network_id, record, source, now) for network_id, record in staged],
        timeout=COPY_TIMEOUT_S,
    )
    firms = {member.firm.key: member.firm for _, record in staged for member in record.members}
    numbers = {key: number for number, key in enumerate(firms)}
    await conn.copy_records_to_table(
        "staged_firm", records=map(_firm_row, numbers.values(), firms.values()), timeout=COPY_TIMEOUT_S
    )
    members = [
        _member_row(network_id, numbers[member.firm.key], member)
        for network_id, record in staged
        for member in record.members
    ]
    await conn.copy_records_to_table("staged_member", records=members, timeout=COPY_TIMEOUT_S)
    await conn.execute("ANALYZE staged_network; ANALYZE staged_firm; ANALYZE staged_member")


def _network_row(network_id: str, record: NetworkRecord, source: str, now: dt.datetime) -> tuple[Any, ...]:
    values = {name: getattr(record, name) for name in _RECORD_COLUMNS}
    values["kind"] = record.kind.value
    for name in ("capabilities", "languages", "target_countries", "certifications", "extras"):
        values[name] = list(values[name])
    values |= {
        "network_id": uuid.UUID(network_id),
        "register_id": record.register_id,
        "name_key": fold(record.name),
        "source": source,
        "digest": record.digest(),
        "updated_at": now,
    }
    return tuple(values[name] for name in _NETWORK_COLUMNS)


def _firm_row(number: int, firm: FirmRecord) -> tuple[Any, ...]:
    return (
        number, uuid.uuid4(), firm.tax_code, firm.vat_number, firm.name, fold(firm.name), firm.legal_form,
        firm.municipality, firm.municipality_name, firm.province, firm.rea, firm.ateco,
    )  # fmt: skip


def _member_row(network_id: str, firm_no: int, member: Member) -> tuple[Any, ...]:
    return (
        uuid.UUID(network_id), firm_no, member.joined_on, member.left_on, member.founding, member.is_reference,
        member.registered_on, member.contribution,
    )  # fmt: skip


async def _copy_children(conn: Connection, staged: Iterable[Staged]) -> None:
    objectives, wants, contacts = [], [], []
    for network_id, record in staged:
        key = uuid.UUID(network_id)
        objectives += [(key, at, text) for at, text in enumerate(record.objectives, 1)]
        for side, found in (("need", record.needs), ("offer", record.offers)):
            wants += [(key, side, at, want.category, want.text) for at, want in enumerate(found, 1)]
        contacts += [(uuid.uuid4(), key, c.person, c.role, c.email, c.phone) for c in record.contacts]
    for table, columns, rows in (
        ("objective", ("network_id", "position", "text"), objectives),
        ("want", ("network_id", "side", "position", "category", "text"), wants),
        ("contact", ("contact_id", "network_id", "person", "role", "email", "phone"), contacts),
    ):
        await conn.copy_records_to_table(
            table, schema_name="registry", columns=columns, records=rows, timeout=COPY_TIMEOUT_S
        )


async def insert_batch(
    conn: Connection, *, file_name: str, sha256: bytes, layout: str, now: dt.datetime, counts: Mapping[str, int]
) -> None:
    """Remember one applied import."""
    await conn.execute(
        QUERIES["insert_batch"], uuid.uuid4(), file_name, sha256, layout, now, counts["new"], counts["changed"],
        counts["unchanged"], counts["refused"],
    )  # fmt: skip


async def tell_export(conn: Connection, officer: str, form: str, networks: int) -> None:
    """Tell the chain of decisions that records leave the register as a file."""
    await conn.execute(QUERIES["tell_export"], officer, form, networks)


async def list_networks(
    conn: Connection, *, name: str | None = None, after: tuple[str, str] | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Return networks by name, after the (name, id) of the last one seen."""
    last_name, last_id = after or (None, None)
    rows = await conn.fetch(QUERIES["list_networks"], name, last_name, uuid.UUID(last_id) if last_id else None, limit)
    return [{**dict(row), "network_id": str(row["network_id"])} for row in rows]


@dataclass(frozen=True, slots=True)
class Sought:
    """What is asked of the office's register; ``after`` is the id of the last network seen."""

    words: str | None = None
    tax_code: str = ""
    status: str | None = None
    kind: str | None = None
    province: str | None = None
    without_profile: bool = False
    after: str | None = None


async def find_networks(conn: Connection, sought: Sought, limit: int) -> list[dict[str, Any]]:
    """Return a page of networks by name, each with the state of its living profile, None without one."""
    rows = await conn.fetch(
        QUERIES["find_networks"], sought.words, sought.tax_code, sought.status, sought.kind, sought.province,
        sought.without_profile, uuid.UUID(sought.after) if sought.after else None, limit,
    )  # fmt: skip
    return [{**dict(row), "network_id": str(row["network_id"])} for row in rows]


async def count_networks(conn: Connection) -> tuple[int, int]:
    """Return how many networks there are, and how many that are not closed have no living profile."""
    row = await conn.fetchrow(QUERIES["count_networks"])
    return (row["networks"], row["without_profile"])


async def read_records(conn: Connection, ids: Sequence[str] | None = None) -> dict[str, NetworkRecord]:
    """Return whole records by id, all of them or only ``ids``, in order of name."""
    wanted = None if ids is None else [uuid.UUID(i) for i in ids]
    members: dict[uuid.UUID, list[Member]] = {}
    for row in await conn.fetch(QUERIES["read_members"], wanted, timeout=COPY_TIMEOUT_S):
        firm = FirmRecord(
            **{
                name: row[name]
                for name in (
                    "tax_code", "name", "vat_number", "legal_form", "municipality", "municipality_name", "province", "rea", "ateco",
                )
            }
        )  # fmt: skip
        part = {
            name: row[name]
            for name in ("joined_on", "is_reference", "founding", "left_on", "registered_on", "contribution")
        }
        members.setdefault(row["network_id"], []).append(Member(firm=firm, **part))
    wants: dict[tuple[uuid.UUID, str], list[WantRecord]] = {}
    for row in await conn.fetch(QUERIES["read_wants"], wanted):
        wants.setdefault((row["network_id"], row["side"]), []).append(WantRecord(row["category"], row["text"]))
    objectives: dict[uuid.UUID, list[str]] = {}
    for row in await conn.fetch(QUERIES["read_objectives"], wanted):
        objectives.setdefault(row["network_id"], []).append(row["text"])
    contacts: dict[uuid.UUID, list[ContactRecord]] = {}
    for row in await conn.fetch(QUERIES["read_contacts"], wanted):
        contacts.setdefault(row["network_id"], []).append(
            ContactRecord(row["person"], row["role"], row["email"], row["phone"])
        )
    found: dict[str, NetworkRecord] = {}
    for row in await conn.fetch(QUERIES["read_networks"], wanted, timeout=COPY_TIMEOUT_S):
        key = row["network_id"]
        values = {name: row[name] for name in _RECORD_COLUMNS}
        for name in ("capabilities", "languages", "target_countries", "certifications", "extras"):
            values[name] = tuple(values[name])
        values["kind"] = NetworkKind(values["kind"])
        found[str(key)] = NetworkRecord(
            **values,
            members=tuple(members.get(key, ())),
            objectives=tuple(objectives.get(key, ())),
            needs=tuple(wants.get((key, "need"), ())),
            offers=tuple(wants.get((key, "offer"), ())),
            contacts=tuple(contacts.get(key, ())),
        )
    return found


async def register_id_of(conn: Connection, network_id: str) -> tuple[bool, str | None]:
    """Return (whether the network exists, its public key in the register if it is deposited)."""
    row = await conn.fetchrow(QUERIES["register_id_of"], uuid.UUID(network_id))
    return (False, None) if row is None else (True, row["register_id"])


async def status_of(conn: Connection, network_id: str) -> tuple[str | None, str | None]:
    """Return a network's status and its public key in the register, None for what there is not."""
    row = await conn.fetchrow(QUERIES["status_of"], uuid.UUID(network_id))
    return (None, None) if row is None else (row["status"], row["register_id"])


async def secret_terms(conn: Connection) -> list[Term]:
    """Return everything in the register that would name a network, a firm or a person."""
    return [Term(row["kind"], row["text"]) for row in await conn.fetch(QUERIES["secret_terms"], timeout=COPY_TIMEOUT_S)]


async def terms_digest(conn: Connection) -> str:
    """Return what tells whether ``secret_terms`` would say something else than before."""
    digest: str = await conn.fetchval(QUERIES["terms_digest"], timeout=COPY_TIMEOUT_S)
    return digest
