"""Sessions, people and groups of firms for tests of the programme, at Lecce's office."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from node.domain.entry_form import entry_of
from node.domain.network import NetworkRecord
from node.domain.programme.aggregation import CHECKLIST, Firm, Given
from node.domain.programme.session import Person
from node.flows.programme import sessions
from node.flows.programme.sessions import Typed
from node.flows.registry import keeping
from node.store.info_sessions import ITALY
from node.store.postgres import Connection, Pool
from tests.networks_made import code
from tests.office_made import NOW, Office

TODAY = NOW.astimezone(ITALY).date()


def typed(days: int = 10, **changes: Any) -> Typed:
    """A session in Lecce so many days from now, as it is typed."""
    day = (TODAY + dt.timedelta(days=days)).isoformat()
    found = Typed(
        title="Fare rete d'impresa", day=day, begins="10:00", ends="12:00", enrol_until="", seats="20", place="Sala consiliare",
        municipality="Lecce", summary="Che cos'è un contratto di rete e chi aiuta a farlo.", title_en="Networking",
    )  # fmt: skip
    return replace(found, **changes)


def holder(office: Office) -> sessions.Office:
    """Lecce's office as it holds sessions."""
    return sessions.Office(office.pool, office.config, office.own)


def somebody(number: int, **changes: Any) -> Person:
    """One of many people who enrol."""
    return replace(Person(f"Persona Numero{number}", f"persona{number}@enti.example"), **changes)


async def opened(office: Office, now: dt.datetime = NOW, **changes: Any) -> str:
    """A session that is open; return its id."""
    found = await sessions.plan(office.pool, sessions.session_of(typed(**changes)), "anna", now)
    await sessions.open_to_all(holder(office), found, now)
    return found


def firm_code(number: int) -> str:
    """A code whose three digits of an office are of one that there is."""
    return code(number // 90 * 1000 + number % 90 + 1)


def firms(count: int, first: int = 7000) -> tuple[Firm, ...]:
    """So many firms of Lecce with codes of their own."""
    return tuple(
        Firm(f"Impresa Salentina {n}", firm_code(n), "075035", "Lecce", "LE", "ITF4", "10.41.10", n == first)
        for n in range(first, first + count)
    )


def sheet(points: int = 4) -> list[Given]:
    """A whole checklist with the same points."""
    return [Given(criterion.ident, points, f"motivo {criterion.ident}") for criterion in CHECKLIST]


async def sign(pool: Pool, network_id: str, number: str, signed_on: dt.date, now: dt.datetime) -> NetworkRecord:
    """Write the deed of a network into the registry, as an officer does by the form; return what stands there then."""
    kept = await keeping.read_network(pool, network_id)
    record = replace(
        kept.record, status="signed", deed_register_number=number, deed_number="1", signed_on=signed_on, deed_form="authenticated"
    )  # fmt: skip
    done = await keeping.write(pool, entry_of(record), now, network_id=network_id, seen=kept.seen)
    assert done.network_id == network_id, done.problems
    return record


async def took_part(conn: Connection, name: str, tax_code: str, said: str) -> str:
    """Somebody who enrolled, spoke for a group of firms, and is named in all that was written about it; return the enrolment."""
    session = await conn.fetchval(
        "INSERT INTO programme.info_session (session_id, state, title, summary, begins_at, ends_at, enrol_until, place, seats, created_at, changed_at)"
        " VALUES (gen_random_uuid(), 'open', $1, $2, $3::timestamptz + interval '9 days', $3::timestamptz + interval '9 days 2 hours', '2026-11-30', $1, 9, $3, $3) RETURNING session_id",
        said[:150], said, NOW,
    )  # fmt: skip
    person = {"name": name, "email": "z@example.org", "phone": "0832 7654321", "firm": "Ditta", "tax_code": tax_code}
    enrolment = await conn.fetchval(
        "INSERT INTO programme.enrolment (enrolment_id, session_id, state, person, notice_version, language, token_hash, enrolled_at, changed_at)"
        " VALUES (gen_random_uuid(), $1, 'confirmed', $2::jsonb, 'sessioni-1', 'it', decode(repeat('00', 32), 'hex'), $3, $3) RETURNING enrolment_id",
        session, json.dumps(person), NOW,
    )  # fmt: skip
    told = {"text": said, "contact": {"person": name, "email": "z@example.org", "phone": "0832 7654321"}, "firms": [{"name": name.upper(), "tax_code": tax_code}]}  # fmt: skip
    await conn.execute("INSERT INTO programme.expression (expression_id, received_on, said, reason, created_at, changed_at) VALUES (gen_random_uuid(), '2026-11-24', $1::jsonb, $2, $3, $3)", json.dumps(told), said, NOW)  # fmt: skip
    aggregation = await conn.fetchval("INSERT INTO programme.aggregation (aggregation_id, name, idea, created_at, changed_at) VALUES (gen_random_uuid(), $1, $1, $2, $2) RETURNING aggregation_id", said[:200], NOW)  # fmt: skip
    await conn.execute("INSERT INTO programme.aggregation_member (aggregation_id, position, name, tax_code, municipality_name) VALUES ($1, 1, $2, $3, 'Borgolontano')", aggregation, name.upper(), tax_code)  # fmt: skip
    answers = [{"criterion": "size", "points": 2, "part": "4.00", "reason": said}]
    await conn.execute("INSERT INTO programme.evaluation (aggregation_id, version, answers, conclusion, score, on_day, officer, evaluated_at) VALUES ($1, 1, $2::jsonb, $3, 4, '2026-11-24', 'anna', $4)", aggregation, json.dumps(answers), said, NOW)  # fmt: skip
    await conn.execute("INSERT INTO programme.stage_change (aggregation_id, number, stage, on_day, reason, officer, changed_at) VALUES ($1, 1, 'potential', '2026-11-24', $2, 'anna', $3)", aggregation, said, NOW)  # fmt: skip
    return str(enrolment)


def listed(record: NetworkRecord, rows: Sequence[Any]) -> Any:
    """A row of the public register for a network of the registry, made after one of ``rows``."""
    model = rows[0]
    base = model.firms[0]
    members = tuple(
        replace(
            base, tax_code=m.firm.tax_code, name=m.firm.name, is_reference=m.is_reference, municipality="075035",
            municipality_name="Lecce", province="LE",
        )
        for m in record.members
    )  # fmt: skip
    return replace(
        model, register_id=record.register_id or "", deed_register_number=record.deed_register_number,
        deed_number=record.deed_number, registered_on=record.signed_on, name=record.name, object_text=record.object_text,
        municipality="075035", municipality_name="Lecce", province="LE", region="ITF4", macro="ITF", members=len(members), firms=members,
    )  # fmt: skip
