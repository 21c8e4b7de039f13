"""Evaluators: who judges what, what they declare, and the points they give without seeing each other's.

In: names of evaluators, declarations, points with reasons. Out: what an evaluator may see. Rules: nothing of an application but its
number before a declaration, and nothing at all after declaring a conflict of interest; points are given once and never changed; nobody,
officers among them, sees another's points before all who judge have given theirs: the database says so (migration 0049), and this flow
asks it. Source: PROTOCOL 14.5; docs/calls.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.domain import officers
from node.domain.programme import scoring
from node.domain.programme.call import Call
from node.domain.programme.published_ranking import written
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import applying, calls
from node.flows.programme.applying import Opened
from node.flows.registry.acting import tell
from node.store import call_scores
from node.store import calls as rows
from node.store.call_scores import Assigned, Score, Task
from node.store.documents import File
from node.store.postgres import Connection, Pool, acquire, run_tx


@dataclass(frozen=True, slots=True)
class Judged:
    """What an evaluator sees of an application: its content after the declaration, scores that may be seen."""

    call: Call
    task: Task
    opened: Opened | None
    scores: tuple[Score, ...]


async def assign(
    pool: Pool, own_id: str, application_ids: Sequence[str], evaluators: Sequence[str], now: dt.datetime
) -> int:
    """Give applications to evaluators; return how many they did not have yet. Whoever is new to the call gets a pseudonym.

    Raises: NotFoundError(application-unknown); CallerError application-apart, assignment-late, officer-name-bad.
    """
    names = [officers.key_of(officers.check(name)) for name in evaluators]

    async def work(conn: Connection) -> int:
        await tell(conn)
        given = 0
        for application_id in application_ids:
            found = await applying.one(conn, application_id)
            if not found.takes_part:
                raise CallerError("application-apart", N_("la domanda non partecipa al bando"), where=found.protocol)
            await rows.hold(conn, found.call_id)
            known = await call_scores.evaluators(conn, found.call_id)
            for name in names:
                if name not in known:
                    known[name] = f"{own_id}-{len(known) + 1}"
                    await call_scores.insert_evaluator(conn, found.call_id, name, known[name])
                if found.is_scored and not await call_scores.is_assigned(conn, application_id, name):
                    raise CallerError(
                        "assignment-late", N_("la domanda è già valutata da tutti: non si aggiungono valutatori"),
                        where=found.protocol,
                    )  # fmt: skip
                given += await call_scores.assign(conn, application_id, name, now)
        return given

    return await run_tx(pool, work)


async def assigned(pool: Pool, application_id: str) -> list[Assigned]:
    """Return who judges an application, and how far they are; no points."""
    async with acquire(pool) as conn:
        return await call_scores.assigned(conn, application_id)


async def tasks(pool: Pool, evaluator: str) -> list[Task]:
    """Return what an evaluator is to judge."""
    async with acquire(pool) as conn:
        return await call_scores.own(conn, officers.key_of(evaluator))


async def declare(pool: Pool, application_id: str, evaluator: str, *, conflict: bool, now: dt.datetime) -> bool:
    """Keep an evaluator's declaration, once; return whether the one that stands is of a conflict.

    Raises: NotFoundError(application-unknown).
    """
    name = officers.key_of(evaluator)

    async def work(conn: Connection) -> bool:
        await tell(conn)
        await _require_task(conn, application_id, name)
        return await call_scores.declare(conn, application_id, name, conflict, now)

    return await run_tx(pool, work)


async def read(pool: Pool, application_id: str, evaluator: str) -> Judged:
    """Return what an evaluator may see of an application. Raises: NotFoundError(application-unknown)."""
    name = officers.key_of(evaluator)
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        task = await _require_task(conn, application_id, name)
        scores = await call_scores.shown(conn, application_id, name) if task.conflict is False else []
    call, _ = await calls.kept_call(pool, task.call_id)
    opened = await applying.read(pool, application_id) if task.conflict is False else None
    return Judged(call, task, opened, tuple(scores))


async def take(pool: Pool, application_id: str, document_id: str, evaluator: str) -> File:
    """Return a document to an evaluator who has declared. Raises: NotFoundError; CallerError(declaration-missing)."""
    name = officers.key_of(evaluator)
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        await _require_task(conn, application_id, name)
        if not await call_scores.may_evaluate(conn, application_id, name):
            raise _undeclared()
        return await applying.take_document(conn, application_id, document_id)


async def score(
    pool: Pool,
    application_id: str,
    evaluator: str,
    points: Mapping[str, Any],
    reasons: Mapping[str, Any],
    now: dt.datetime,
) -> None:
    """Keep an evaluator's points, once for ever; the same again changes nothing.

    Raises: NotFoundError(application-unknown); CallerError score-bad, score-reason-bad, declaration-missing, score-given, score-early.
    """
    name = officers.key_of(evaluator)
    seen = await read(pool, application_id, name)
    told = {code: written(value) for code, value in scoring.points_of(seen.call, points).items()}
    why = scoring.reasons_of(seen.call, reasons)
    if now < seen.call.closes:
        raise CallerError("score-early", N_("si valuta dopo la scadenza del bando"), where=seen.task.protocol)

    async def work(conn: Connection) -> None:
        await tell(conn)
        if not await call_scores.may_evaluate(conn, application_id, name):
            raise _undeclared()
        if await call_scores.insert(conn, application_id, name, told, why, now):
            return
        mine = [one for one in await call_scores.shown(conn, application_id, name) if one.evaluator == name]
        if [(one.points, one.reasons) for one in mine] != [(told, why)]:
            raise CallerError("score-given", N_("il punteggio è già dato, e non cambia"), where=seen.task.protocol)

    await run_tx(pool, work)


async def shown(pool: Pool, application_id: str) -> list[Score]:
    """Return an application's scores to an officer, who is nobody's evaluator: none before all are in."""
    async with acquire(pool) as conn:
        return await call_scores.shown(conn, application_id, "")


async def _require_task(conn: Connection, application_id: str, name: str) -> Task:
    for task in await call_scores.own(conn, name):
        if task.application_id == application_id:
            return task
    # Whoever is not to judge it does not learn whether it is there.
    raise NotFoundError("application-unknown", N_("domanda sconosciuta: {id}"), id=application_id[:60])


def _undeclared() -> CallerError:
    return CallerError(
        "declaration-missing", N_("prima si dichiara di non avere conflitti di interesse con la domanda"),
        hint=N_("con un conflitto non la si valuta"),
    )  # fmt: skip
