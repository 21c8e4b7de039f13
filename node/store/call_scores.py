"""Who judges which application, what they declared, and points: hidden until all who judge have given theirs.

In: connections inside transactions that the flow told who acts. Out: rows as values. The database holds the blindness: scores are read
by its function ``programme.scores_shown`` alone, a score needs a declaration before it and the evaluator's own name, and is never
changed (migration 0049).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from node.store.calls import protocol_of
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("call_scores")


@dataclass(frozen=True, slots=True)
class Assigned:
    """An evaluator of an application; ``conflict`` None: nothing declared yet."""

    evaluator: str
    alias: str
    conflict: bool | None
    has_scored: bool


@dataclass(frozen=True, slots=True)
class Task:
    """What an evaluator is to judge: no more of it than its number before the declaration."""

    application_id: str
    call_id: str
    protocol: str
    conflict: bool | None
    has_scored: bool


@dataclass(frozen=True, slots=True)
class Score:
    """What an evaluator gave, and why."""

    evaluator: str
    alias: str
    points: Mapping[str, str]
    reasons: Mapping[str, str]
    given_at: dt.datetime


async def evaluators(conn: Connection, call_id: str) -> dict[str, str]:
    """Return the evaluators of a call at this office, each with the name under which their points are published."""
    return {row["evaluator"]: row["alias"] for row in await conn.fetch(QUERIES["evaluators"], uuid.UUID(call_id))}


async def insert_evaluator(conn: Connection, call_id: str, evaluator: str, alias: str) -> None:
    """Name an evaluator of a call."""
    await conn.execute(QUERIES["insert_evaluator"], uuid.UUID(call_id), evaluator, alias)


async def assign(conn: Connection, application_id: str, evaluator: str, now: dt.datetime) -> bool:
    """Give an application to an evaluator; False when they have it already."""
    done = await conn.execute(QUERIES["assign"], uuid.UUID(application_id), evaluator, now)
    return bool(done.endswith(" 1"))


async def assigned(conn: Connection, application_id: str) -> list[Assigned]:
    """Return who judges an application, and how far they are."""
    return [Assigned(**dict(row)) for row in await conn.fetch(QUERIES["assigned"], uuid.UUID(application_id))]


async def own(conn: Connection, evaluator: str) -> list[Task]:
    """Return what an evaluator is to judge."""
    return [
        Task(
            str(row["application_id"]), str(row["call_id"]), protocol_of(row["year"], row["number"]), row["conflict"],
            row["has_scored"],
        )
        for row in await conn.fetch(QUERIES["own"], evaluator)
    ]  # fmt: skip


async def is_assigned(conn: Connection, application_id: str, evaluator: str) -> bool:
    """Tell whether somebody is to judge an application."""
    return bool(await conn.fetchval(QUERIES["is_assigned"], uuid.UUID(application_id), evaluator))


async def may_evaluate(conn: Connection, application_id: str, evaluator: str) -> bool:
    """Tell whether somebody has declared to have no conflict of interest, and so may read and judge."""
    return bool(await conn.fetchval(QUERIES["may_evaluate"], uuid.UUID(application_id), evaluator))


async def declare(conn: Connection, application_id: str, evaluator: str, conflict: bool, now: dt.datetime) -> bool:
    """Keep a declaration, once; return the one that stands."""
    key = uuid.UUID(application_id)
    done = await conn.fetchval(QUERIES["declare"], key, evaluator, conflict, now)
    return bool(done if done is not None else await conn.fetchval(QUERIES["declared"], key, evaluator))


async def insert(
    conn: Connection,
    application_id: str,
    evaluator: str,
    points: Mapping[str, str],
    reasons: Mapping[str, str],
    now: dt.datetime,
) -> bool:
    """Keep a score; False when the evaluator has given one."""
    return await conn.fetchval(
        QUERIES["insert"], uuid.UUID(application_id), evaluator, orjson.dumps(points).decode(), orjson.dumps(reasons).decode(),
        now,
    ) is not None  # fmt: skip


async def shown(conn: Connection, application_id: str, who: str) -> list[Score]:
    """Return the scores that somebody may see: their own, and everybody's once all are in."""
    return [
        Score(
            row["evaluator"], row["alias"], orjson.loads(row["points"]), orjson.loads(row["reasons"]), row["given_at"]
        )
        for row in await conn.fetch(QUERIES["shown"], uuid.UUID(application_id), who)
    ]
