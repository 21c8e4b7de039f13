"""The questionnaire of an edition: released once, a week after its end, and then its answers are gone.

In: an edition that was held, the officer, the day. Out: what may be told, kept as it was told. Rules: once and for all, so that no two tables
can be laid over each other; below three answers nothing; what comes later is not counted. Source: domain/programme/questionnaire.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from node.domain.programme import questionnaire
from node.domain.programme.course import EditionState
from node.domain.programme.questionnaire import Result
from node.errors import N_, CallerError
from node.flows.programme import courses
from node.flows.programme.course_seats import today_of
from node.flows.registry.acting import tell
from node.store import courses as store
from node.store.courses import Released
from node.store.postgres import Connection, Pool, run_tx

# How long participants have to answer after the last day.
ANSWER_DAYS: Final = 7


def document_of(result: Result) -> dict[str, Any]:
    """Return what is kept and shown of a result; means as text."""
    return {
        "answers": result.answers,
        "questions": [
            {
                "question": told.question,
                "mean": str(told.mean),
                "groups": None if told.bands is None else list(told.bands),
            }
            for told in result.told
        ],
    }


async def release(pool: Pool, edition_id: str, officer: str, now: dt.datetime) -> Released:
    """Release an edition's answers, or return what was released. Raises: edition-unknown, edition-not-held, questionnaire-open."""
    key = courses.checked_id(edition_id, courses.no_edition)

    async def work(conn: Connection) -> Released:
        await tell(conn)
        edition = await store.lock_edition(conn, key)
        if edition is None:
            raise courses.no_edition(key)
        before = await store.release_of(conn, key)
        if before is not None:
            return before
        if edition.state is not EditionState.HELD:
            raise CallerError("edition-not-held", N_("il questionario si pubblica dopo la conclusione dell'edizione"), where="edition")  # fmt: skip
        until = edition.ends + dt.timedelta(days=ANSWER_DAYS)
        if today_of(now) <= until:
            raise CallerError("questionnaire-open", N_("i partecipanti possono rispondere fino al {day}"), where="edition", day=until.isoformat())  # fmt: skip
        told: Mapping[str, Any] = document_of(questionnaire.release(await store.answers_of(conn, key)))
        await store.keep_release(conn, key, questionnaire.VERSION, told, officer, now)
        return Released(questionnaire.VERSION, told, now)

    return await run_tx(pool, work)
