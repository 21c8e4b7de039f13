"""What is done in a case file: tasks, hours, costs, appointments.

In: an officer's words, and who that officer is. Out: ids of what was written, or one refusal. Rules: all of it in an open case alone;
what is sent twice under one id is written once; of two officers who change the same task or appointment, one does, and the other is
told and loses nothing; what is called off stays, for calendars to hear of. Source: docs/cases.md.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import uuid

from node.domain import officers
from node.domain.programme import case_file
from node.domain.programme.case_file import Deed, Meeting, TaskWords
from node.domain.rows import parse_date
from node.errors import N_, CallerError
from node.flows.programme.cases import ZONE, absent, check_owner, held, key_of, today_of
from node.store import cases
from node.store.cases import CostRow, HoursRow
from node.store.postgres import Connection, Pool, run_tx

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])")


def day_of(text: str, where: str = "data") -> dt.date | None:
    """Return a day as it is typed, None for nothing. Raises: CallerError(date-bad)."""
    plain = text.strip()
    found = parse_date(plain) if plain else None
    if plain and found is None:
        raise CallerError("date-bad", N_("data non valida: serve gg/mm/aaaa"), where=where)
    return found


def moment_of(day: str, clock: str, where: str) -> dt.datetime:
    """Return a moment by the clocks of Italy. Raises: CallerError date-bad, clock-bad."""
    found, told = day_of(day, where), _CLOCK.fullmatch(clock.strip())
    if found is None:
        raise CallerError("date-bad", N_("data non valida: serve gg/mm/aaaa"), where=where)
    if told is None:
        raise CallerError("clock-bad", N_("ora non valida: serve hh:mm"), where=where)
    local = dt.datetime(found.year, found.month, found.day, int(told[1]), int(told[2]), tzinfo=ZONE)
    moment = local.astimezone(dt.UTC)
    if moment.astimezone(ZONE).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise CallerError("clock-bad", N_("a quest'ora di quel giorno gli orologi vanno avanti: non c'è"), where=where)
    return moment


async def add_task(
    pool: Pool, case_id: str, officer: str, task: TaskWords, now: dt.datetime, *, task_id: str | None = None
) -> str:
    """Add a task and return its id. Raises: as ``cases.held``; CallerError(case-owner-unknown)."""
    key, acting = key_of(case_id), officers.key_of(officers.check(officer))
    one = str(uuid.uuid4()) if task_id is None else key_of(task_id, "task-unknown")

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.WORK)
        owner = await check_owner(conn, task.owner, acting, "incaricato")
        await cases.insert_task(conn, key, one, dataclasses.replace(task, owner=owner), acting, now)
        await cases.touch(conn, key, now)

    await run_tx(pool, work)
    return one


async def change_task(
    pool: Pool, case_id: str, task_id: str, officer: str, task: TaskWords, now: dt.datetime, *, seen: int
) -> None:
    """Change a task that is still as it was seen.

    Raises: as ``cases.held``; NotFoundError(task-unknown), CallerError task-changed, case-owner-unknown.
    """
    key, one = key_of(case_id), key_of(task_id, "task-unknown")
    acting = officers.key_of(officers.check(officer))

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.WORK)
        stands = await cases.read_task(conn, key, one)
        if stands is None:
            raise absent("task-unknown", task_id)
        # Who has it may have left since: only a new owner is looked for.
        owner = task.owner if task.owner == stands.owner else await check_owner(conn, task.owner, acting, "incaricato")
        wanted = dataclasses.replace(task, owner=owner)
        if not await cases.change_task(conn, key, one, wanted, acting, now, seen):
            raise CallerError(
                "task-changed", N_("l'attività è stata cambiata intanto da {who}: non è stato scritto nulla"), where="titolo",
                hint=N_("guardare com'è ora, e poi ripetere"), who=stands.changed_by,
            )  # fmt: skip
        await cases.touch(conn, key, now)

    await run_tx(pool, work)


async def add_hours(
    pool: Pool,
    case_id: str,
    officer: str,
    now: dt.datetime,
    *,
    hours: str,
    line: str = "",
    day: dt.date | None = None,
    task_id: str = "",
    note: str = "",
    entry_id: str | None = None,
) -> str:
    """Note hours of an officer's own work, in a line or for a task, and return the entry's id.

    Raises: as ``cases.held``; CallerError case-hours-bad, case-line-unknown, case-day-future, case-words-long; NotFoundError(task-unknown).
    """
    key, acting, worked = key_of(case_id), officers.key_of(officers.check(officer)), case_file.hours(hours)
    one = str(uuid.uuid4()) if entry_id is None else key_of(entry_id, "case-entry-unknown")
    task = key_of(task_id, "task-unknown") if task_id else None
    said = case_file.words(note, "nota", case_file.SHORT_LONGEST)
    when = _past(day, now)

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.WORK)
        stands = None if task is None else await cases.read_task(conn, key, task)
        if task is not None and stands is None:
            raise absent("task-unknown", task)
        at = case_file.line(line or (stands.line if stands else ""))
        await cases.insert_hours(conn, key, HoursRow(one, task, at, acting, when, worked, said, now))
        await cases.touch(conn, key, now)

    await run_tx(pool, work)
    return one


def _past(day: dt.date | None, now: dt.datetime) -> dt.date:
    today = today_of(now)
    if day is not None and day > today:
        raise CallerError("case-day-future", N_("è un giorno che deve ancora venire"), where="data")
    return day or today


async def add_cost(
    pool: Pool,
    case_id: str,
    officer: str,
    now: dt.datetime,
    *,
    amount: str,
    line: str,
    what: str,
    day: dt.date | None = None,
    entry_id: str | None = None,
) -> str:
    """Note a cost and return the entry's id.

    Raises: as ``cases.held``; CallerError case-amount-bad, case-line-unknown, case-day-future, case-words-...
    """
    key, acting, spent = key_of(case_id), officers.key_of(officers.check(officer)), case_file.amount(amount)
    one = str(uuid.uuid4()) if entry_id is None else key_of(entry_id, "case-entry-unknown")
    said = case_file.words(what, "causale", case_file.TITLE_LONGEST, needed=True)
    row = CostRow(one, case_file.line(line), acting, _past(day, now), spent, said, now)

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.WORK)
        await cases.insert_cost(conn, key, row)
        await cases.touch(conn, key, now)

    await run_tx(pool, work)
    return one


async def delete_entry(pool: Pool, case_id: str, entry_id: str, officer: str, now: dt.datetime) -> None:
    """Take out hours or a cost that were noted by mistake. Raises: as ``cases.held``; NotFoundError(case-entry-unknown)."""
    key, one = key_of(case_id), key_of(entry_id, "case-entry-unknown")
    acting = officers.key_of(officers.check(officer))

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.WORK)
        if not await cases.delete_entry(conn, key, one):
            raise absent("case-entry-unknown", entry_id)
        await cases.touch(conn, key, now)

    await run_tx(pool, work)


async def add_appointment(
    pool: Pool, case_id: str, officer: str, meeting: Meeting, now: dt.datetime, *, appointment_id: str | None = None
) -> str:
    """Add an appointment and return its id. Raises: as ``cases.held``."""
    key, acting = key_of(case_id), officers.key_of(officers.check(officer))
    one = str(uuid.uuid4()) if appointment_id is None else key_of(appointment_id, "appointment-unknown")

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.WORK)
        await cases.insert_appointment(conn, key, one, meeting, acting, now)
        await cases.touch(conn, key, now)

    await run_tx(pool, work)
    return one


async def change_appointment(
    pool: Pool, case_id: str, appointment_id: str, officer: str, meeting: Meeting, now: dt.datetime, *, seen: int
) -> None:
    """Change an appointment that is still as it was seen. Raises: as ``cases.held``; CallerError(appointment-changed)."""
    key, one = key_of(case_id), key_of(appointment_id, "appointment-unknown")
    acting = officers.key_of(officers.check(officer))

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.WORK)
        if not await cases.change_appointment(conn, key, one, meeting, acting, now, seen):
            raise CallerError(
                "appointment-changed", N_("l'appuntamento è stato cambiato o disdetto intanto: non è stato scritto nulla"),
                where="titolo", hint=N_("guardare com'è ora, e poi ripetere"),
            )  # fmt: skip
        await cases.touch(conn, key, now)

    await run_tx(pool, work)


async def cancel_appointment(pool: Pool, case_id: str, appointment_id: str, officer: str, now: dt.datetime) -> bool:
    """Call an appointment off; False when it was already. Raises: NotFoundError case-unknown, appointment-unknown; CallerError(case-closed)."""
    key, one = key_of(case_id), key_of(appointment_id, "appointment-unknown")
    acting = officers.key_of(officers.check(officer))

    async def work(conn: Connection) -> bool:
        # Also where a case stands still: nobody should go there.
        await held(conn, key, acting, Deed.PAPERS)
        done = await cases.cancel_appointment(conn, key, one, acting, now)
        if not done and one not in {item.appointment_id for item in await cases.list_appointments(conn, key)}:
            raise absent("appointment-unknown", appointment_id)
        await cases.touch(conn, key, now)
        return done

    return await run_tx(pool, work)
