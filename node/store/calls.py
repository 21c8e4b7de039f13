"""Joint calls, applications and what other issuers say of theirs, as rows of the private schema ``programme``.

In: connections inside transactions that the flow opened and told who acts (triggers write the chain of decisions, migration 0049). Out:
rows as values. The database gives protocol numbers without gaps, keeps one application of a network that takes part, and changes
none. No public or peer-facing route imports this (tests/test_house.py); what
the logs say of calls is read by store/issued.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from node.domain.programme.call import encode
from node.domain.programme.eligibility import Aid, Undertaking
from node.domain.programme.published_ranking import Head
from node.store.documents import New
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("calls")
TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Kept:
    """This office's copy of a call: the bytes, and under which item it endorses them."""

    call_id: str
    document: bytes = field(repr=False)
    digest: str
    item_id: str
    written_by: str
    written_at: dt.datetime
    endorsed_by: str | None
    endorsed_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Application:
    """An application at this office; ``network`` None: its network's record is gone."""

    application_id: str
    call_id: str
    network_id: str | None
    network_key: str
    year: int
    number: int
    arrived_at: dt.datetime
    requested: Decimal
    reasons: tuple[str, ...]
    officer: str
    withdrawn_at: dt.datetime | None
    network: str | None
    is_scored: bool
    assigned: int
    documents: int

    @property
    def protocol(self) -> str:
        """The number under which it arrived, in letters that sort as numbers do."""
        return protocol_of(self.year, self.number)

    @property
    def takes_part(self) -> bool:
        """Whether it is to be judged."""
        return not self.reasons and self.withdrawn_at is None


@dataclass(frozen=True, slots=True)
class Arrived:
    """An application to be kept."""

    application_id: str
    call_id: str
    network_id: str
    network_key: str
    arrived_at: dt.datetime
    requested: Decimal
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetRow:
    """What another issuer said of an application of its own."""

    application_id: str
    office: str
    network_key: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A ranking as this office computed it; ``published_by`` None: it waits for a second officer."""

    ranking_id: str
    call_id: str
    edition: int
    at: dt.datetime
    parts: Sequence[Mapping[str, Any]] = field(repr=False)
    digest: str
    proposed_by: str
    proposed_at: dt.datetime
    published_by: str | None
    published_at: dt.datetime | None


def protocol_of(year: int, number: int) -> str:
    """Return a protocol number as it is written."""
    return f"{year}-{number:06}"


async def insert(
    conn: Connection, call_id: str, document: bytes, digest: str, evaluators: int, now: dt.datetime
) -> bool:
    """Keep a call; False when there is one of this id already."""
    key = uuid.UUID(call_id)
    return await conn.fetchval(QUERIES["insert"], key, document, digest, evaluators, uuid.uuid4(), now) is not None  # fmt: skip


async def rewrite(
    conn: Connection, call_id: str, document: bytes, digest: str, evaluators: int, now: dt.datetime
) -> bool:
    """Write a call's text anew; False when it is endorsed."""
    done = await conn.execute(QUERIES["rewrite"], uuid.UUID(call_id), document, digest, evaluators, now)
    return bool(done.endswith(" 1"))


async def endorse(conn: Connection, call_id: str, now: dt.datetime) -> None:
    """Note who endorsed a call, once."""
    await conn.execute(QUERIES["endorse"], uuid.UUID(call_id), now)


async def read(conn: Connection, call_id: str) -> Kept | None:
    """Return this office's copy of a call."""
    row = await conn.fetchrow(QUERIES["read"], uuid.UUID(call_id))
    return None if row is None else _kept(row)


async def hold(conn: Connection, call_id: str) -> None:
    """Let nobody else compute or publish a call's ranking until this transaction ends."""
    await conn.fetchval(QUERIES["hold"], uuid.UUID(call_id))


async def list_all(conn: Connection) -> list[Kept]:
    """Return all copies, the newest first."""
    return [_kept(row) for row in await conn.fetch(QUERIES["list"])]


def _kept(row: Mapping[str, Any]) -> Kept:
    return Kept(**{**dict(row), "call_id": str(row["call_id"]), "item_id": str(row["item_id"])})


async def next_number(conn: Connection, year: int) -> int:
    """Return the next protocol number of a year; nobody gets another until this transaction ends."""
    await conn.execute(QUERIES["open_year"], year)
    return int(await conn.fetchval(QUERIES["next_number"], year))


async def has_applied(conn: Connection, call_id: str, network_key: str) -> bool:
    """Tell whether a network has an application in a call that takes part."""
    return bool(await conn.fetchval(QUERIES["has_applied"], uuid.UUID(call_id), network_key))


async def insert_application(
    conn: Connection, arrived: Arrived, year: int, number: int, undertakings: Sequence[Undertaking], documents: Iterable[New]
) -> None:  # fmt: skip
    """Keep an application with its undertakings and documents."""
    key = uuid.UUID(arrived.application_id)
    await conn.execute(
        QUERIES["insert_application"], key, uuid.UUID(arrived.call_id), uuid.UUID(arrived.network_id), arrived.network_key, year,
        number, arrived.arrived_at, arrived.requested, list(arrived.reasons),
    )  # fmt: skip
    await insert_undertakings(conn, arrived.application_id, undertakings)
    for new in documents:
        await conn.execute(
            QUERIES["insert_document"], new.document_id, key, new.title, new.kind, new.file_name, new.dated_on, new.media_type,
            new.sha256, new.content, timeout=TIMEOUT_S,
        )  # fmt: skip


async def insert_undertakings(conn: Connection, application_id: str, undertakings: Sequence[Undertaking]) -> None:
    """Keep the single undertakings of an application, instead of those that were there."""
    key = uuid.UUID(application_id)
    await conn.execute(QUERIES["drop_undertakings"], key)
    aids = [orjson.dumps([[aid.granted_on, f"{aid.amount:.2f}"] for aid in one.aids]).decode() for one in undertakings]
    await conn.execute(
        QUERIES["insert_undertakings"], key, list(range(1, len(undertakings) + 1)), [one.code for one in undertakings],
        [one.part for one in undertakings], aids,
    )  # fmt: skip


async def applications(conn: Connection, call_id: str) -> list[Application]:
    """Return the applications of a call at this office, as they arrived."""
    return [_application(row) for row in await conn.fetch(QUERIES["applications"], uuid.UUID(call_id))]


async def application(conn: Connection, application_id: str) -> Application | None:
    """Return one application."""
    row = await conn.fetchrow(QUERIES["application"], uuid.UUID(application_id))
    return None if row is None else _application(row)


def _application(row: Mapping[str, Any]) -> Application:
    network = row["network_id"]
    return Application(**{
        **dict(row), "application_id": str(row["application_id"]), "call_id": str(row["call_id"]),
        "network_id": None if network is None else str(network), "reasons": tuple(row["reasons"]),
    })  # fmt: skip


async def undertakings(conn: Connection, ids: Sequence[str]) -> dict[str, list[Undertaking]]:
    """Return the single undertakings of applications, of this office or another."""
    found: dict[str, list[Undertaking]] = {one: [] for one in ids}
    for row in await conn.fetch(QUERIES["undertakings"], [uuid.UUID(one) for one in ids]):
        aids = tuple(Aid(dt.date.fromisoformat(day), Decimal(amount)) for day, amount in orjson.loads(row["aids"]))
        found[str(row["application_id"])].append(Undertaking(row["code"], row["part"], aids))
    return found


async def documents(conn: Connection, application_id: str) -> list[dict[str, Any]]:
    """Return what is known of an application's documents."""
    rows = await conn.fetch(QUERIES["documents"], uuid.UUID(application_id))
    return [{**dict(row), "document_id": str(row["document_id"])} for row in rows]


async def document(conn: Connection, application_id: str, document_id: str) -> Mapping[str, Any] | None:
    """Return a document with its bytes."""
    row: Mapping[str, Any] | None = await conn.fetchrow(
        QUERIES["document"], uuid.UUID(application_id), uuid.UUID(document_id), timeout=TIMEOUT_S
    )
    return row


async def withdraw(conn: Connection, application_id: str, now: dt.datetime) -> bool:
    """Note that a network withdrew; False when it had before."""
    done = await conn.execute(QUERIES["withdraw"], uuid.UUID(application_id), now)
    return bool(done.endswith(" 1"))


async def take_office(
    conn: Connection, call_id: str, office: str, said_at: dt.datetime, told: Sequence[SheetRow], now: dt.datetime
) -> bool:
    """Keep what an issuer says of all its applications, instead of what it said before; False when it has said something later."""
    key = uuid.UUID(call_id)
    if await conn.fetchval(QUERIES["take_office"], key, office, said_at, now) is None:
        return False
    await conn.execute(QUERIES["drop_sheets"], key, office)
    for row in told:
        facts = orjson.dumps(row.facts).decode()
        await conn.execute(QUERIES["take_sheet"], uuid.UUID(row.application_id), key, office, row.network_key, facts)
    return True


async def is_anothers(conn: Connection, application_id: str, call_id: str, office: str) -> bool:
    """Tell whether an application is of this office, of another call, or of another office than the one that tells of it."""
    return bool(await conn.fetchval(QUERIES["is_anothers"], uuid.UUID(application_id), uuid.UUID(call_id), office))


async def offices(conn: Connection, call_id: str) -> frozenset[str]:
    """Return the other issuers that have told of all their applications."""
    return frozenset(row["office"] for row in await conn.fetch(QUERIES["offices"], uuid.UUID(call_id)))


async def sheets(conn: Connection, call_id: str) -> list[SheetRow]:
    """Return what the other issuers have said of their applications."""
    rows = await conn.fetch(QUERIES["sheets"], uuid.UUID(call_id))
    return [
        SheetRow(**{**dict(row), "application_id": str(row["application_id"]), "facts": orjson.loads(row["facts"])})
        for row in rows
    ]


async def rankings(conn: Connection, call_id: str) -> list[Proposal]:
    """Return the rankings of a call that this office has computed, the newest first."""
    return [
        Proposal(**{
            **dict(row), "ranking_id": str(row["ranking_id"]), "call_id": str(row["call_id"]), "parts": orjson.loads(row["parts"])
        })
        for row in await conn.fetch(QUERIES["rankings"], uuid.UUID(call_id))
    ]  # fmt: skip


async def propose(
    conn: Connection, call_id: str, head: Head, parts: Sequence[Mapping[str, Any]], digest: str, now: dt.datetime
) -> None:
    """Keep a ranking that waits for a second officer, instead of an earlier one of its edition that nobody published."""
    raw = b"[" + b",".join(encode(part) for part in parts) + b"]"
    key = uuid.UUID(call_id)
    await conn.execute(QUERIES["propose"], uuid.UUID(head.ranking_id), key, head.edition, head.at, raw, digest, now)


async def publish(conn: Connection, call_id: str, edition: int, now: dt.datetime) -> None:
    """Note who published a ranking."""
    await conn.execute(QUERIES["publish"], uuid.UUID(call_id), edition, now)


async def ranking_items(conn: Connection, call_id: str, count: int) -> tuple[list[str], list[str]]:
    """Return under which ids so many parts stand in the own log, drawn where there is none yet, and those that are left over."""
    key = uuid.UUID(call_id)
    known = {row["part"]: row["item_id"] for row in await conn.fetch(QUERIES["ranking_items"], key)}
    for part in range(1, count + 1):
        if part not in known:
            known[part] = uuid.uuid4()
            await conn.execute(QUERIES["insert_ranking_item"], key, part, known[part])
    beyond = sorted(part for part in known if part > count)
    for part in beyond:
        await conn.execute(QUERIES["drop_ranking_item"], key, part)
    return [str(known[part]) for part in range(1, count + 1)], [str(known[part]) for part in beyond]
