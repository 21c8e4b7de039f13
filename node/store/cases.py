"""Case files as the database keeps them: rows of the schema programme, all of them private.

In: connections inside transactions that the flow opened and told who acts (the database's triggers write openings, handovers, closings
and documents into the chain of decisions, migration 0048). Out: values. Every question but lists is about one case: what belongs to
another is not there. No public or peer-facing route can import this (tests/test_house.py).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from node.domain.programme.case_file import Meeting, State, TaskState, TaskWords
from node.domain.programme.checklist import Objective
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("cases")


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case file; ``network`` and ``aggregation`` are names; an aggregation's has a network once it became one; ``report``: once closed."""

    case_id: str
    network_id: str | None
    aggregation_id: str | None
    network: str | None
    aggregation: str | None
    title: str
    lines: tuple[str, ...]
    state: State
    officer: str
    office: str
    opened_by: str
    opened_at: dt.datetime
    changed_at: dt.datetime
    revision: int
    closed_at: dt.datetime | None
    outcome: str
    report: dict[str, Any] | None
    under_way: int = 0
    next_due: dt.date | None = None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as it stands; ``revision`` counts its changes."""

    task_id: str
    case_id: str
    line: str
    title: str
    owner: str
    due_on: dt.date | None
    state: TaskState
    note: str
    revision: int
    created_at: dt.datetime
    changed_at: dt.datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class HoursRow:
    """Hours of work on one day."""

    entry_id: str
    task_id: str | None
    line: str
    officer: str
    day: dt.date
    hours: Decimal
    note: str
    entered_at: dt.datetime


@dataclass(frozen=True, slots=True)
class CostRow:
    """A cost, in euro."""

    entry_id: str
    line: str
    officer: str
    day: dt.date
    amount: Decimal
    what: str
    entered_at: dt.datetime


@dataclass(frozen=True, slots=True)
class AppointmentRow:
    """An appointment; ``sequence`` counts its changes, as calendars do."""

    appointment_id: str
    case_id: str
    title: str
    place: str
    begins: dt.datetime
    ends: dt.datetime
    note: str
    is_cancelled: bool
    sequence: int
    officer: str
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class StepRow:
    """What became of a case: opened, suspended, resumed, handed over, closed."""

    at: dt.datetime
    by_officer: str
    action: str
    to_officer: str
    to_office: str
    outcome: str
    note: str


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """What the office wrote for one point of the contract."""

    point: str
    text: str
    revision: int
    officer: str
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Sought:
    """Which case files are asked for; ``after`` is the last one seen."""

    states: tuple[State, ...] | None = None
    officer: str | None = None
    network_id: str | None = None
    after: tuple[dt.datetime, str] | None = None
    aggregation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for an officer in case files, and in all: tasks over their day, and those whose day is near."""

    open: int
    mine: int
    own_tasks: int
    own_over: int
    own_soon: int
    over: int


def _case(row: Any) -> CaseRow:
    report = row["report"]
    return CaseRow(**{
        **dict(row), "lines": tuple(row["lines"]), "state": State(row["state"]),
        "report": None if report is None else orjson.loads(report),
    })  # fmt: skip


def _task(row: Any) -> TaskRow:
    return TaskRow(**{**dict(row), "state": TaskState(row["state"])})


async def is_owner(conn: Connection, name: str, roles: Iterable[str]) -> bool:
    """Tell whether an account of this name is enabled and has one of some roles."""
    return bool(await conn.fetchval(QUERIES["owner_known"], name, list(roles)))


async def has_network(conn: Connection, network_id: str) -> bool:
    """Tell whether there is a network of this id."""
    return bool(await conn.fetchval(QUERIES["network_known"], uuid.UUID(network_id)))


async def has_aggregation(conn: Connection, aggregation_id: str) -> bool:
    """Tell whether there is an aggregation of this id."""
    return bool(await conn.fetchval(QUERIES["aggregation_known"], uuid.UUID(aggregation_id)))


async def insert_case(conn: Connection, case: CaseRow) -> bool:
    """Open a case file; False when there is one of this id already."""
    done = await conn.execute(
        QUERIES["insert_case"], uuid.UUID(case.case_id), _uuid(case.network_id), _uuid(case.aggregation_id), case.title,
        list(case.lines), case.officer, case.office, case.opened_by, case.opened_at,
    )  # fmt: skip
    return bool(done.endswith(" 1"))


def _uuid(text: str | None) -> uuid.UUID | None:
    return None if text is None else uuid.UUID(text)


async def insert_step(conn: Connection, case_id: str, step: StepRow) -> None:
    """Tell what became of a case."""
    await conn.execute(
        QUERIES["insert_step"], uuid.UUID(case_id), step.at, step.by_officer, step.action, step.to_officer, step.to_office,
        step.outcome, step.note,
    )  # fmt: skip


async def hold(conn: Connection, case_id: str) -> tuple[State, int] | None:
    """Hold a case until this transaction ends; return its state and revision, None when there is none."""
    row = await conn.fetchrow(QUERIES["hold"], uuid.UUID(case_id))
    return None if row is None else (State(row["state"]), row["revision"])


async def touch(conn: Connection, case_id: str, now: dt.datetime) -> None:
    """Note when something in a case was changed."""
    await conn.execute(QUERIES["touch"], uuid.UUID(case_id), now)


async def change_state(
    conn: Connection,
    case_id: str,
    state: State,
    now: dt.datetime,
    outcome: str = "",
    report: dict[str, Any] | None = None,
) -> None:
    """Let a case stand otherwise."""
    told = None if report is None else orjson.dumps(report).decode()
    closed_at = now if state is State.CLOSED else None
    await conn.execute(QUERIES["change_state"], uuid.UUID(case_id), str(state), closed_at, outcome, told, now)


async def hand_over(conn: Connection, case_id: str, officer: str, office: str, now: dt.datetime) -> None:
    """Put a case into other hands."""
    await conn.execute(QUERIES["hand_over"], uuid.UUID(case_id), officer, office, now)


async def read_case(conn: Connection, case_id: str) -> CaseRow | None:
    """Return a case file, None when there is none."""
    row = await conn.fetchrow(QUERIES["read_case"], uuid.UUID(case_id))
    return None if row is None else _case(row)


async def ids_like(conn: Connection, head: str) -> list[str]:
    """Return the first two ids that begin so."""
    return [row["case_id"] for row in await conn.fetch(QUERIES["case_ids_like"], head)]


async def list_cases(conn: Connection, sought: Sought, limit: int) -> list[CaseRow]:
    """Return case files, the last changed first."""
    at, case_id = sought.after or (None, None)
    states = None if sought.states is None else [str(state) for state in sought.states]
    rows = await conn.fetch(
        QUERIES["list_cases"], states, sought.officer, _uuid(sought.network_id), at, _uuid(case_id), limit,
        _uuid(sought.aggregation_id),
    )  # fmt: skip
    return [_case(row) for row in rows]


async def objectives(conn: Connection, network_id: str) -> tuple[Objective, ...]:
    """Return the objectives of a network with how they are measured."""
    return tuple(Objective(**dict(row)) for row in await conn.fetch(QUERIES["objectives"], uuid.UUID(network_id)))


async def insert_task(
    conn: Connection, case_id: str, task_id: str, task: TaskWords, officer: str, now: dt.datetime
) -> None:
    """Add a task; one that is there already stays as it is."""
    await conn.execute(
        QUERIES["insert_task"], uuid.UUID(task_id), uuid.UUID(case_id), task.line, task.title, task.owner, task.due_on,
        str(task.state), task.note, now, officer,
    )  # fmt: skip


async def read_task(conn: Connection, case_id: str, task_id: str) -> TaskRow | None:
    """Return a task, None when the case has no such."""
    row = await conn.fetchrow(QUERIES["read_task"], uuid.UUID(case_id), uuid.UUID(task_id))
    return None if row is None else _task(row)


async def change_task(
    conn: Connection, case_id: str, task_id: str, task: TaskWords, officer: str, now: dt.datetime, seen: int
) -> bool:
    """Change a task that still is as it was seen; False when it is not."""
    done = await conn.execute(
        QUERIES["change_task"], uuid.UUID(case_id), uuid.UUID(task_id), task.line, task.title, task.owner, task.due_on,
        str(task.state), task.note, now, officer, seen,
    )  # fmt: skip
    return bool(done.endswith(" 1"))


async def list_tasks(conn: Connection, case_id: str) -> list[TaskRow]:
    """Return the tasks of a case: those under way by their days, then the others."""
    return [_task(row) for row in await conn.fetch(QUERIES["list_tasks"], uuid.UUID(case_id))]


async def insert_hours(conn: Connection, case_id: str, row: HoursRow) -> None:
    """Note hours; what is there already stays as it is."""
    await conn.execute(
        QUERIES["insert_hours"], uuid.UUID(row.entry_id), uuid.UUID(case_id), _uuid(row.task_id), row.line, row.officer, row.day,
        row.hours, row.note, row.entered_at,
    )  # fmt: skip


async def list_hours(conn: Connection, case_id: str) -> list[HoursRow]:
    """Return the hours of a case, by day."""
    return [HoursRow(**dict(row)) for row in await conn.fetch(QUERIES["list_hours"], uuid.UUID(case_id))]


async def insert_cost(conn: Connection, case_id: str, row: CostRow) -> None:
    """Note a cost; what is there already stays as it is."""
    await conn.execute(
        QUERIES["insert_cost"], uuid.UUID(row.entry_id), uuid.UUID(case_id), row.line, row.officer, row.day, row.amount, row.what,
        row.entered_at,
    )  # fmt: skip


async def list_costs(conn: Connection, case_id: str) -> list[CostRow]:
    """Return the costs of a case, by day."""
    return [CostRow(**dict(row)) for row in await conn.fetch(QUERIES["list_costs"], uuid.UUID(case_id))]


async def delete_entry(conn: Connection, case_id: str, entry_id: str) -> bool:
    """Take out hours or a cost; False when the case has no such entry."""
    return bool(await conn.fetchval(QUERIES["delete_entry"], uuid.UUID(case_id), uuid.UUID(entry_id)))


async def insert_appointment(
    conn: Connection, case_id: str, appointment_id: str, meeting: Meeting, officer: str, now: dt.datetime
) -> None:
    """Add an appointment; one that is there already stays as it is."""
    await conn.execute(
        QUERIES["insert_appointment"], uuid.UUID(appointment_id), uuid.UUID(case_id), meeting.title, meeting.place,
        meeting.begins, meeting.ends, meeting.note, officer, now,
    )  # fmt: skip


async def change_appointment(
    conn: Connection, case_id: str, appointment_id: str, meeting: Meeting, officer: str, now: dt.datetime, seen: int
) -> bool:
    """Change an appointment that still is as it was seen; False when it is not."""
    done = await conn.execute(
        QUERIES["change_appointment"], uuid.UUID(case_id), uuid.UUID(appointment_id), meeting.title, meeting.place,
        meeting.begins, meeting.ends, meeting.note, officer, now, seen,
    )  # fmt: skip
    return bool(done.endswith(" 1"))


async def cancel_appointment(
    conn: Connection, case_id: str, appointment_id: str, officer: str, now: dt.datetime
) -> bool:
    """Call an appointment off; False when it was already, or the case has no such."""
    done = await conn.execute(
        QUERIES["cancel_appointment"], uuid.UUID(case_id), uuid.UUID(appointment_id), officer, now
    )
    return bool(done.endswith(" 1"))


async def list_appointments(conn: Connection, case_id: str) -> list[AppointmentRow]:
    """Return the appointments of a case, those called off among them."""
    rows = await conn.fetch(QUERIES["list_appointments"], uuid.UUID(case_id))
    return [AppointmentRow(**dict(row)) for row in rows]


async def list_steps(conn: Connection, case_id: str) -> list[StepRow]:
    """Return what became of a case, from its beginning."""
    return [StepRow(**dict(row)) for row in await conn.fetch(QUERIES["list_steps"], uuid.UUID(case_id))]


async def list_clauses(conn: Connection, case_id: str) -> list[ClauseRow]:
    """Return the texts that the office wrote for points of the contract."""
    return [ClauseRow(**dict(row)) for row in await conn.fetch(QUERIES["list_clauses"], uuid.UUID(case_id))]


async def write_clause(
    conn: Connection, case_id: str, point: str, text: str, officer: str, now: dt.datetime, seen: int
) -> bool:
    """Write the text of a point, or take it out where it is empty; ``seen`` 0 is a new one. False when it is not as it was seen."""
    key = uuid.UUID(case_id)
    if seen == 0:
        # None there, and none wanted.
        done = await conn.execute(QUERIES["insert_clause"], key, point, text, officer, now) if text else " 1"
    elif text:
        done = await conn.execute(QUERIES["change_clause"], key, point, text, officer, now, seen)
    else:
        done = await conn.execute(QUERIES["delete_clause"], key, point, seen)
    return bool(done.endswith(" 1"))


async def set_feed(conn: Connection, officer: str, token_hash: bytes, now: dt.datetime) -> None:
    """Let an officer's calendar be followed by a new address; the one before it ends."""
    await conn.execute(QUERIES["set_feed"], officer, token_hash, now)


async def end_feed(conn: Connection, officer: str) -> None:
    """Let an officer's calendar be followed by nobody."""
    await conn.execute(QUERIES["end_feed"], officer)


async def feed_made_at(conn: Connection, officer: str) -> dt.datetime | None:
    """Return since when an officer's calendar can be followed, None when it can't."""
    found: dt.datetime | None = await conn.fetchval(QUERIES["has_feed"], officer)
    return found


async def feed_of(conn: Connection, token_hash: bytes, roles: Iterable[str]) -> str | None:
    """Return whose calendar an address is, None where it is nobody's who may look at case files."""
    found: str | None = await conn.fetchval(QUERIES["feed_of"], token_hash, list(roles))
    return found


async def feed_entries(
    conn: Connection, officer: str, since: dt.datetime
) -> tuple[Sequence[AppointmentRow], Sequence[TaskRow]]:
    """Return the appointments of the cases in an officer's hands that end after a moment, and the days of their tasks."""
    appointments = await conn.fetch(QUERIES["feed_appointments"], officer, since)
    tasks = await conn.fetch(QUERIES["feed_tasks"], officer)
    return [AppointmentRow(**dict(row)) for row in appointments], [_task(row) for row in tasks]


async def waiting(conn: Connection, officer: str, today: dt.date, soon: dt.date) -> Waiting:
    """Return what waits in case files."""
    row = await conn.fetchrow(QUERIES["waiting"], officer, today, soon)
    return Waiting(**dict(row))
