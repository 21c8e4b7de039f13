"""Expressions of interest and aggregations as the database keeps them: their firms, stages, evaluations, and what they may be in the register.

In: connections inside transactions that the flow opened; checked values. Out: rows as values. Rules: a stage is set by its change alone,
and changes and evaluations are only ever added to (migration 0047). No public or peer-facing route can import this (tests/test_house.py).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg
import orjson

from node.domain.programme.aggregation import Answer, Evaluation, Firm, Stage, Step
from node.domain.programme.funnel import Before
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("aggregations")
LIST_MAX = 1000


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of interest; ``said`` has text, contact and firms."""

    expression_id: str
    session_id: str | None
    received_on: dt.date
    answer: Answer
    reason: str
    created_by: str
    created_at: dt.datetime
    aggregation_id: str | None
    said: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One aggregation as it stands; ``score`` of its newest evaluation."""

    aggregation_id: str
    expression_id: str | None
    name: str = field(repr=False)
    idea: str = field(repr=False)
    stage: Stage
    stage_on: dt.date
    region: str
    network_id: str | None
    register_id: str | None
    created_by: str
    created_at: dt.datetime
    changed_at: dt.datetime
    score: Decimal | None
    firms: int


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step that was taken, by whom."""

    number: int
    step: Step
    officer: str
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One evaluation as it was given."""

    version: int
    answers: Sequence[Mapping[str, Any]]
    conclusion: str
    score: Decimal
    on_day: dt.date
    officer: str
    evaluated_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A contract of the newest edition that a signed aggregation may be, and why: by its own deed, or by its reference firm."""

    aggregation_id: str
    aggregation: str
    register_id: str
    name: str
    registered_on: dt.date
    members: int
    taken_on: dt.date
    by_deed: bool
    by_reference: bool
    firms: int


def _text(value: uuid.UUID | None) -> str | None:
    return None if value is None else str(value)


def _expression(row: asyncpg.Record) -> Expression:
    return Expression(
        str(row["expression_id"]), _text(row["session_id"]), row["received_on"], Answer(row["state"]), row["reason"],
        row["created_by"], row["created_at"], _text(row["aggregation_id"]), orjson.loads(row["said"]),
    )  # fmt: skip


def _aggregation(row: asyncpg.Record) -> Aggregation:
    values: dict[str, Any] = {**dict(row), "aggregation_id": str(row["aggregation_id"]), "stage": Stage(row["stage"])}
    values |= {name: _text(row[name]) for name in ("expression_id", "network_id")}
    return Aggregation(**values)


async def insert_expression(
    conn: Connection,
    expression_id: str,
    session_id: str | None,
    received_on: dt.date,
    said: Mapping[str, Any],
    officer: str,
    now: dt.datetime,
) -> None:
    """Keep an expression of interest."""
    session = None if session_id is None else uuid.UUID(session_id)
    told = orjson.dumps(said).decode()
    await conn.execute(QUERIES["insert_expression"], uuid.UUID(expression_id), session, received_on, told, officer, now)


async def hold_expression(conn: Connection, expression_id: str) -> Expression | None:
    """Return an expression that nobody else answers until this transaction ends, None when there is none."""
    row = await conn.fetchrow(QUERIES["hold_expression"], uuid.UUID(expression_id))
    return None if row is None else _expression(row)


async def list_expressions(conn: Connection, answer: Answer | None) -> list[Expression]:
    """Return expressions of interest, the newest first."""
    return [_expression(row) for row in await conn.fetch(QUERIES["list_expressions"], answer)]


async def answer_expression(
    conn: Connection, expression_id: str, answer: Answer, reason: str, now: dt.datetime
) -> None:
    """Note what became of an expression."""
    await conn.execute(QUERIES["answer_expression"], uuid.UUID(expression_id), str(answer), reason, now)


async def insert_aggregation(
    conn: Connection,
    aggregation_id: str,
    expression_id: str | None,
    name: str,
    idea: str,
    firms: Sequence[Firm],
    officer: str,
    now: dt.datetime,
) -> None:
    """Keep an aggregation, which has no stage before its first step."""
    expression = None if expression_id is None else uuid.UUID(expression_id)
    await conn.execute(
        QUERIES["insert_aggregation"], uuid.UUID(aggregation_id), expression, name, idea, _region(firms), officer, now
    )
    await _write_members(conn, aggregation_id, firms)


async def update_aggregation(
    conn: Connection, aggregation_id: str, name: str, idea: str, firms: Sequence[Firm], now: dt.datetime
) -> None:
    """Change what is said of an aggregation and its firms."""
    await conn.execute(QUERIES["update_aggregation"], uuid.UUID(aggregation_id), name, idea, _region(firms), now)
    await conn.execute(QUERIES["delete_members"], uuid.UUID(aggregation_id))
    await _write_members(conn, aggregation_id, firms)


def _region(firms: Sequence[Firm]) -> str:
    return next((firm.region for firm in firms if firm.is_reference), "")


async def _write_members(conn: Connection, aggregation_id: str, firms: Sequence[Firm]) -> None:
    rows = [{"position": number, **asdict(firm)} for number, firm in enumerate(firms, 1)]
    await conn.execute(QUERIES["insert_members"], uuid.UUID(aggregation_id), orjson.dumps(rows).decode())


async def hold_aggregation(conn: Connection, aggregation_id: str) -> Aggregation | None:
    """Return an aggregation that nobody else moves until this transaction ends, None when there is none."""
    key = uuid.UUID(aggregation_id)
    if await conn.fetchval(QUERIES["hold_aggregation"], key) is None:
        return None
    return await read_aggregation(conn, aggregation_id)


async def read_aggregation(conn: Connection, aggregation_id: str) -> Aggregation | None:
    """Return an aggregation, None when there is none."""
    row = await conn.fetchrow(QUERIES["read_aggregation"], uuid.UUID(aggregation_id))
    return None if row is None or row["stage"] is None else _aggregation(row)


async def list_aggregations(conn: Connection, stage: Stage | None) -> list[Aggregation]:
    """Return aggregations, those that changed last first."""
    return [_aggregation(row) for row in await conn.fetch(QUERIES["list_aggregations"], stage, LIST_MAX)]


async def members(conn: Connection, aggregation_id: str) -> list[Firm]:
    """Return the firms of an aggregation in their order."""
    return [Firm(**dict(row)) for row in await conn.fetch(QUERIES["members"], uuid.UUID(aggregation_id))]


async def steps(conn: Connection, aggregation_id: str) -> list[StepRow]:
    """Return the steps of an aggregation in their order."""
    return [
        StepRow(row["number"], Step(Stage(row["stage"]), row["on_day"], row["reason"]), row["officer"], row["changed_at"])
        for row in await conn.fetch(QUERIES["steps"], uuid.UUID(aggregation_id))
    ]  # fmt: skip


async def insert_step(conn: Connection, aggregation_id: str, step: Step, officer: str, now: dt.datetime) -> None:
    """Add a step, with which the database moves the aggregation."""
    await conn.execute(
        QUERIES["insert_step"], uuid.UUID(aggregation_id), str(step.stage), step.on_day, step.reason, officer, now
    )


async def insert_evaluation(
    conn: Connection, aggregation_id: str, found: Evaluation, on_day: dt.date, officer: str, now: dt.datetime
) -> None:
    """Add an evaluation."""
    answers = orjson.dumps(found.to_list()).decode()
    await conn.execute(
        QUERIES["insert_evaluation"], uuid.UUID(aggregation_id), found.version, answers, found.conclusion, found.score,
        on_day, officer, now,
    )  # fmt: skip


async def evaluations(conn: Connection, aggregation_id: str) -> list[EvaluationRow]:
    """Return the evaluations of an aggregation, the newest first."""
    rows = await conn.fetch(QUERIES["evaluations"], uuid.UUID(aggregation_id))
    return [EvaluationRow(**{**dict(row), "answers": orjson.loads(row["answers"])}) for row in rows]


async def link_network(conn: Connection, aggregation_id: str, network_id: str, now: dt.datetime) -> None:
    """Tie an aggregation to the network of the registry that it becomes."""
    await conn.execute(QUERIES["link_network"], uuid.UUID(aggregation_id), uuid.UUID(network_id), now)


async def link_register(conn: Connection, aggregation_id: str, register_id: str, now: dt.datetime) -> None:
    """Tie an aggregation to the contract of the public register that it became."""
    await conn.execute(QUERIES["link_register"], uuid.UUID(aggregation_id), register_id, now)


async def of_network(conn: Connection, network_id: str) -> str | None:
    """Return the aggregation that became a network of the registry, None when none did."""
    return _text(await conn.fetchval(QUERIES["aggregation_of_network"], uuid.UUID(network_id)))


async def of_register(conn: Connection, register_id: str) -> str | None:
    """Return the aggregation that became a contract of the register, None when none did."""
    return _text(await conn.fetchval(QUERIES["aggregation_of_register"], register_id))


async def proposals(conn: Connection, aggregation_id: str | None = None) -> list[Proposal]:
    """Return the contracts of the newest edition that signed aggregations, or one of them, may be."""
    wanted = None if aggregation_id is None else uuid.UUID(aggregation_id)
    rows = await conn.fetch(QUERIES["proposals"], wanted)
    return [Proposal(**{**dict(row), "aggregation_id": str(row["aggregation_id"])}) for row in rows]


async def ways(conn: Connection) -> list[list[Step]]:
    """Return the steps of all aggregations, each way in its order."""
    found: dict[uuid.UUID, list[Step]] = {}
    for row in await conn.fetch(QUERIES["ways"]):
        found.setdefault(row["aggregation_id"], []).append(Step(Stage(row["stage"]), row["on_day"]))
    return list(found.values())


async def before(conn: Connection, now: dt.datetime) -> Before:
    """Return what came before the first stage."""
    return Before(**dict(await conn.fetchrow(QUERIES["before"], now)))


async def firms_signed(conn: Connection) -> int:
    """Return how many firms are in aggregations that came to a contract."""
    return int(await conn.fetchval(QUERIES["firms_signed"]))


async def has_session(conn: Connection, session_id: str) -> bool:
    """Tell whether there is an information session of this id."""
    return bool(await conn.fetchval(QUERIES["has_session"], uuid.UUID(session_id)))
