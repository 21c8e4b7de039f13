"""Case files: opened, handed over, standing still, closed with a report; and read, alone or in lists.

In: an officer's words, and who that officer is. Out: case files as they stand, or one refusal. Rules: each deed is one transaction that
holds the case's row, so that nothing is added to what is closed meanwhile; opening twice by the same id opens once; who changes a case
that somebody else has changed meanwhile is told; each deed is in the chain of decisions, with ids and no words. Source: docs/cases.md.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from node.domain import officers
from node.domain.programme import case_file
from node.domain.programme.case_file import UNDER_WAY, Deed, Report, State
from node.domain.roles import MATRIX, Permission
from node.errors import N_, CallerError, NotFoundError
from node.store import accounts, case_documents, cases
from node.store.case_documents import DocumentRow
from node.store.cases import (
    AppointmentRow,
    CaseRow,
    ClauseRow,
    CostRow,
    HoursRow,
    Sought,
    StepRow,
    TaskRow,
)
from node.store.postgres import Connection, Pool, acquire, run_tx

ZONE: Final = ZoneInfo("Europe/Rome")
# Who may have a case in hand, and who may look at one.
WORKERS: Final = tuple(role for role, rights in MATRIX.items() if Permission.PROGRAMME_WRITE in rights)
READERS: Final = tuple(role for role, rights in MATRIX.items() if Permission.PROGRAMME_READ in rights)
_HEAD: Final = re.compile(r"[0-9a-f-]{6,36}")


@dataclass(frozen=True, slots=True)
class Opened:
    """A case file with all that is in it; documents without their bytes."""

    row: CaseRow
    tasks: tuple[TaskRow, ...]
    hours: tuple[HoursRow, ...]
    costs: tuple[CostRow, ...]
    appointments: tuple[AppointmentRow, ...]
    documents: tuple[DocumentRow, ...]
    clauses: tuple[ClauseRow, ...]
    steps: tuple[StepRow, ...]

    @property
    def sums(self) -> tuple[case_file.LineSum, ...]:
        """Hours, costs and tasks by service line."""
        return case_file.sums(
            self.row.lines,
            ((row.line, row.hours) for row in self.hours),
            ((row.line, row.amount) for row in self.costs),
            [(row.line, row.state) for row in self.tasks],
        )


def today_of(now: dt.datetime) -> dt.date:
    """Return the day in Italy."""
    return now.astimezone(ZONE).date()


def key_of(text: str, code: str = "case-unknown") -> str:
    """Return an id in its one form. Raises: NotFoundError(code)."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise absent(code, text) from error


_ABSENT: Final = {
    "case-unknown": N_("fascicolo sconosciuto: {id}"),
    "network-unknown": N_("rete sconosciuta: {id}"),
    "aggregation-unknown": N_("aggregazione sconosciuta: {id}"),
    "task-unknown": N_("attività sconosciuta di questo fascicolo: {id}"),
    "appointment-unknown": N_("appuntamento sconosciuto di questo fascicolo: {id}"),
    "case-entry-unknown": N_("ore o costo sconosciuti di questo fascicolo: {id}"),
    "document-unknown": N_("documento sconosciuto di questo fascicolo: {id}"),
}


def absent(code: str, text: str) -> NotFoundError:
    """Return the refusal of what is not there."""
    return NotFoundError(code, _ABSENT[code], id=text[:60])


async def whole_id(pool: Pool, text: str) -> str:
    """Return the id of the case file that begins so, six signs at least. Raises: NotFoundError, CallerError(case-id-short)."""
    head = text.strip().lower()
    if not _HEAD.fullmatch(head):
        raise absent("case-unknown", text)
    async with acquire(pool) as conn:
        found = await cases.ids_like(conn, head)
    if len(found) > 1:
        raise CallerError("case-id-short", N_("più fascicoli cominciano così: scrivere qualche carattere in più"))
    if not found:
        raise absent("case-unknown", text)
    return found[0]


async def check_owner(conn: Connection, name: str, acting: str, where: str) -> str:
    """Return the name of somebody who can have work in hand: whoever acts, or an account that may. Raises: CallerError(case-owner-unknown)."""
    key = officers.key_of(officers.check(name or acting))
    if officers.is_same(key, acting) or await cases.is_owner(conn, key, WORKERS):
        return key
    raise CallerError(
        "case-owner-unknown", N_("non c'è un utente «{name}» che possa seguire un fascicolo"), where=where,
        hint=N_("serve il nome di accesso di un funzionario attivo"), name=key[:60],
    )  # fmt: skip


async def held(conn: Connection, case_id: str, officer: str, deed: Deed, seen: int | None = None) -> None:
    """Let an officer do something in a case that nobody else changes until this transaction ends.

    ``seen``: the revision that the officer saw. Raises: NotFoundError(case-unknown), CallerError case-closed, case-suspended, case-changed.
    """
    await accounts.act_as(conn, officer)
    found = await cases.hold(conn, case_id)
    if found is None:
        raise absent("case-unknown", case_id)
    state, revision = found
    case_file.require(state, deed)
    if seen is not None and seen != revision:
        raise CallerError(
            "case-changed", N_("il fascicolo è cambiato mentre lo si guardava"), hint=N_("rileggerlo, e poi ripetere")
        )


async def open_case(
    pool: Pool,
    officer: str,
    now: dt.datetime,
    *,
    title: str,
    lines: Iterable[str],
    network_id: str | None = None,
    aggregation_id: str | None = None,
    owner: str = "",
    office: str = "",
    case_id: str | None = None,
) -> str:
    """Open a case file of a network, or of an aggregation, and return its id; by an id that is there already nothing happens.

    Raises: CallerError case-subject, case-words-..., case-line-..., case-owner-unknown, officer-name-bad; NotFoundError(network-unknown |
    aggregation-unknown).
    """
    if (network_id is None) == (aggregation_id is None):
        raise CallerError(
            "case-subject", N_("un fascicolo è di una rete o di un'aggregazione, una sola"), where="--network"
        )
    acting = officers.key_of(officers.check(officer))
    network = None if network_id is None else key_of(network_id, "network-unknown")
    aggregation = None if aggregation_id is None else key_of(aggregation_id, "aggregation-unknown")
    named = case_file.words(title, "titolo", case_file.TITLE_LONGEST, needed=True)
    desk = case_file.words(office, "sportello", case_file.OFFICE_LONGEST)
    covered, key = case_file.lines(lines), str(uuid.uuid4()) if case_id is None else key_of(case_id)

    async def work(conn: Connection) -> None:
        await accounts.act_as(conn, acting)
        if network is not None and not await cases.has_network(conn, network):
            raise absent("network-unknown", network)
        if aggregation is not None and not await cases.has_aggregation(conn, aggregation):
            raise absent("aggregation-unknown", aggregation)
        hand = await check_owner(conn, owner, acting, "responsabile")
        row = CaseRow(
            key,
            network,
            aggregation,
            None,
            None,
            named,
            covered,
            State.OPEN,
            hand,
            desk,
            acting,
            now,
            now,
            1,
            None,
            "",
            None,
        )
        if await cases.insert_case(conn, row):
            await cases.insert_step(conn, key, StepRow(now, acting, "opened", hand, desk, "", ""))

    await run_tx(pool, work)
    return key


async def read(pool: Pool, case_id: str) -> Opened:
    """Return a case file with all that is in it. Raises: NotFoundError(case-unknown)."""
    key = key_of(case_id)
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        return await read_in(conn, key)


async def read_in(conn: Connection, key: str) -> Opened:
    """Return a case file as one transaction sees it. Raises: NotFoundError(case-unknown)."""
    row = await cases.read_case(conn, key)
    if row is None:
        raise absent("case-unknown", key)
    return Opened(
        row,
        tuple(await cases.list_tasks(conn, key)),
        tuple(await cases.list_hours(conn, key)),
        tuple(await cases.list_costs(conn, key)),
        tuple(await cases.list_appointments(conn, key)),
        tuple(await case_documents.list_documents(conn, key)),
        tuple(await cases.list_clauses(conn, key)),
        tuple(await cases.list_steps(conn, key)),
    )


async def find(pool: Pool, sought: Sought, limit: int) -> list[CaseRow]:
    """Return case files, the last changed first."""
    async with acquire(pool) as conn:
        return await cases.list_cases(conn, sought, limit)


async def hand_over(
    pool: Pool,
    case_id: str,
    officer: str,
    now: dt.datetime,
    *,
    to: str,
    office: str,
    note: str,
    seen: int | None = None,
) -> None:
    """Put a case into the hands of another officer, or of another desk, with what they have to know.

    Raises: as ``held``; CallerError case-owner-unknown, case-handover-same, case-words-...
    """
    key, acting = key_of(case_id), officers.key_of(officers.check(officer))
    desk = case_file.words(office, "sportello", case_file.OFFICE_LONGEST)
    said = case_file.lines_of_text(note, "nota", case_file.NOTE_LONGEST)

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.HAND_OVER, seen)
        row = await cases.read_case(conn, key)
        if row is None:
            raise absent("case-unknown", key)
        hand = await check_owner(conn, to or row.officer, acting, "responsabile") if to != row.officer else row.officer
        if (hand, desk) == (row.officer, row.office):
            raise CallerError(
                "case-handover-same", N_("il fascicolo è già di {officer}, a questo sportello"), where="responsabile",
                officer=hand,
            )  # fmt: skip
        await cases.hand_over(conn, key, hand, desk, now)
        await cases.insert_step(conn, key, StepRow(now, acting, "handed-over", hand, desk, "", said))

    await run_tx(pool, work)


async def suspend(
    pool: Pool, case_id: str, officer: str, now: dt.datetime, *, note: str = "", seen: int | None = None
) -> None:
    """Let a case stand still. Raises: as ``held``; CallerError case-words-long."""
    await _stand(pool, case_id, officer, now, Deed.SUSPEND, "suspended", note, seen)


async def resume(
    pool: Pool, case_id: str, officer: str, now: dt.datetime, *, note: str = "", seen: int | None = None
) -> None:
    """Go on with a case that stood still. Raises: as ``held``; CallerError case-not-suspended, case-words-long."""
    await _stand(pool, case_id, officer, now, Deed.RESUME, "resumed", note, seen)


async def _stand(
    pool: Pool, case_id: str, officer: str, now: dt.datetime, deed: Deed, action: str, note: str, seen: int | None
) -> None:
    key, acting = key_of(case_id), officers.key_of(officers.check(officer))
    said = case_file.lines_of_text(note, "nota", case_file.NOTE_LONGEST)

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, deed, seen)
        await cases.change_state(conn, key, case_file.LEADS[deed], now)
        await cases.insert_step(conn, key, StepRow(now, acting, action, "", "", "", said))

    await run_tx(pool, work)


async def close(
    pool: Pool, case_id: str, officer: str, now: dt.datetime, *, outcome: str, note: str, seen: int | None = None
) -> Report:
    """Close a case for good, with its outcome; return the report, which is kept as it is on that day.

    Raises: as ``held``; CallerError case-outcome-unknown, case-tasks-open, case-words-long.
    """
    key, acting = key_of(case_id), officers.key_of(officers.check(officer))
    ended = case_file.outcome(outcome)
    said = case_file.lines_of_text(note, "nota", case_file.NOTE_LONGEST)

    async def work(conn: Connection) -> Report:
        await held(conn, key, acting, Deed.CLOSE, seen)
        opened = await read_in(conn, key)
        left = sum(task.state in UNDER_WAY for task in opened.tasks)
        if left:
            raise CallerError(
                "case-tasks-open", N_("attività non ancora finite: {count}"), where="esito",
                hint=N_("segnarle fatte, o lasciate cadere, e poi chiudere"), count=left,
            )  # fmt: skip
        report = Report(
            ended,
            said,
            (today_of(now) - today_of(opened.row.opened_at)).days,
            opened.sums,
            len(opened.documents),
            sum(not item.is_cancelled for item in opened.appointments),
            sum(step.action == "handed-over" for step in opened.steps),
        )
        await cases.change_state(conn, key, State.CLOSED, now, ended, report.document())
        await cases.insert_step(conn, key, StepRow(now, acting, "closed", "", "", ended, said))
        return report

    return await run_tx(pool, work)
