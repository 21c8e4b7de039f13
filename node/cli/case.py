"""``rete case``: case files of assistance, from their opening to their report.

In: what an officer does, at a terminal. Out: tables; with --json the documents of docs/cases.md. What is done inside a case that is there
stands in node/cli/case_work.py. Names are private: they are shown to who calls, and stand in no log.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from node import runtime
from node.cli import case_share, case_work
from node.cli.frame import Face, command
from node.cli.officer import BY, deciding, name_of
from node.cli.record import Words
from node.domain.programme import case_file
from node.domain.programme.case_file import LINES, OUTCOMES, STATE_TITLES, STEP_TITLES, TASK_TITLES, State
from node.errors import N_
from node.flows.programme import cases
from node.flows.programme.cases import Opened
from node.store.cases import CaseRow, Sought

CASE = click.argument("case", metavar="FASCICOLO")


@click.group("case", help="Fascicoli di assistenza: attività, ore, costi, appuntamenti, documenti, fino al contratto.")
def case() -> None:
    """Hold the commands."""


def listed(row: CaseRow) -> dict[str, Any]:
    """Return a case file as a document; without its report."""
    kept = dataclasses.asdict(row)
    del kept["report"]
    return kept


def document(opened: Opened) -> dict[str, Any]:
    """Return a case file with all that is in it as a document; decimals as text."""
    row = opened.row
    report = case_file.Report(row.outcome, "", 0, opened.sums, 0, 0, 0).document()
    kept = {name: value for name, value in listed(row).items() if name not in ("under_way", "next_due")}
    return {
        **kept,
        "report": row.report,
        "may": sorted(case_file.may(row.state)),
        "sums": report["lines"],
        "hours_total": report["hours"],
        "cost_total": report["cost"],
        "tasks": [dataclasses.asdict(item) for item in opened.tasks],
        "hours": [dataclasses.asdict(item) for item in opened.hours],
        "costs": [dataclasses.asdict(item) for item in opened.costs],
        "appointments": [dataclasses.asdict(item) for item in opened.appointments],
        "documents": [dataclasses.asdict(item) for item in opened.documents],
        "clauses": [dataclasses.asdict(item) for item in opened.clauses],
        "steps": [dataclasses.asdict(item) for item in opened.steps],
    }


@command(case, "list", help="I fascicoli, l'ultimo cambiato per primo.")
@click.option("--state", type=click.Choice([str(state) for state in State]), help="Solo quelli in questo stato.")
@click.option("--officer", metavar="NOME", help="Solo quelli di questo funzionario.")
@click.option("--network", "network_id", metavar="RETE", help="Solo quelli di questa rete.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
async def list_(face: Face, state: str | None, officer: str | None, network_id: str | None, limit: int) -> None:
    """List case files."""
    network = None if network_id is None else cases.key_of(network_id, "network-unknown")
    sought = Sought((State(state),) if state else None, name_of(officer) if officer else None, network)
    async with runtime.open_node(face.home) as node:
        found = await cases.find(node.pool, sought, limit)
    words = Words(face)
    columns = (N_("fascicolo"), N_("titolo"), N_("rete"), N_("stato"), N_("di chi"), N_("scadenza"))
    rows = [
        (row.case_id, row.title, row.network or row.aggregation or "", words.title(STATE_TITLES, row.state), row.officer, words.day(row.next_due))
        for row in found
    ]  # fmt: skip
    face.emit({"cases": [listed(row) for row in found]}, lambda: face.table(N_("Fascicoli"), columns, rows))


@command(case, "open", help="Apre un fascicolo di una rete del registro, o di un'aggregazione che può diventarla.")
@click.argument("title", metavar="TITOLO")
@click.option("--network", "network_id", metavar="RETE", help="La rete del registro.")
@click.option("--aggregation", "aggregation_id", metavar="AGGREGAZIONE", help="L'aggregazione potenziale.")
@click.option(
    "--line",
    "lines",
    required=True,
    multiple=True,
    type=click.Choice(list(LINES)),
    help="Linea di assistenza; si ripete.",
)
@click.option("--owner", default="", metavar="NOME", help="Chi lo segue; altrimenti chi lo apre.")
@click.option("--office", default="", metavar="SPORTELLO", help="A quale sportello dell'ente.")
@BY
async def open_(
    face: Face,
    title: str,
    network_id: str | None,
    aggregation_id: str | None,
    lines: tuple[str, ...],
    owner: str,
    office: str,
    officer: str | None,
) -> None:
    """Open a case file."""
    async with deciding(face) as node:
        case_id = await cases.open_case(
            node.pool, name_of(officer), node.clock(), title=title, lines=lines, network_id=network_id,
            aggregation_id=aggregation_id, owner=owner, office=office,
        )  # fmt: skip
    face.emit({"case_id": case_id, "state": "open"}, lambda: face.say(N_("Fascicolo aperto: {id}."), id=case_id))


@command(case, "show", help="Un fascicolo con tutto ciò che contiene.")
@CASE
async def show(face: Face, case: str) -> None:
    """Show a case file."""
    async with runtime.open_node(face.home) as node:
        opened = await cases.read(node.pool, await cases.whole_id(node.pool, case))
    face.emit(document(opened), lambda: _print(face, opened))


def _print(face: Face, opened: Opened) -> None:
    words, row = Words(face), opened.row
    face.say(N_("{title} ({network}): {state}, di {officer} {office}"), title=row.title, network=row.network or row.aggregation or row.aggregation_id, state=words.title(STATE_TITLES, row.state), officer=row.officer, office=row.office)  # fmt: skip
    face.table(
        N_("Attività"),
        (N_("attività"), N_("titolo"), N_("linea"), N_("di chi"), N_("scadenza"), N_("stato")),
        [
            (item.task_id, item.title, words.title(LINES, item.line), item.owner, words.day(item.due_on), words.title(TASK_TITLES, item.state))
            for item in opened.tasks
        ],
    )  # fmt: skip
    face.table(
        N_("Ore e costi per linea"),
        (N_("linea"), N_("ore"), N_("costi")),
        [(words.title(LINES, item.line), item.hours, words.amount(item.cost)) for item in opened.sums],
    )
    face.table(
        N_("Appuntamenti"),
        (N_("appuntamento"), N_("quando"), N_("titolo"), N_("luogo"), N_("disdetto")),
        [
            (item.appointment_id, f"{item.begins.astimezone(cases.ZONE):%d/%m/%Y %H:%M}", item.title, item.place, words.flag(item.is_cancelled))
            for item in opened.appointments
        ],
    )  # fmt: skip
    face.table(
        N_("Documenti"),
        (N_("documento"), N_("titolo"), N_("file")),
        [(item.document_id, item.title, item.file_name) for item in opened.documents],
    )
    face.table(
        N_("Storia"),
        (N_("quando"), N_("chi"), N_("che cosa"), N_("a chi"), N_("nota")),
        [
            (f"{step.at.astimezone(cases.ZONE):%d/%m/%Y %H:%M}", step.by_officer, words.title(STEP_TITLES, step.action), f"{step.to_officer} {step.to_office}".strip(), step.note)
            for step in opened.steps
        ],
    )  # fmt: skip


@command(case, "hand-over", help="Passa un fascicolo a un altro funzionario, o a un altro sportello dell'ente.")
@CASE
@click.option("--to", default="", metavar="NOME", help="Il funzionario; altrimenti resta chi c'è.")
@click.option("--office", default="", metavar="SPORTELLO", help="Lo sportello; vuoto: nessuno.")
@click.option("--note", default="", help="Che cosa deve sapere chi lo riceve.")
@BY
async def hand_over(face: Face, case: str, to: str, office: str, note: str, officer: str | None) -> None:
    """Hand a case over."""
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        await cases.hand_over(node.pool, case_id, name_of(officer), node.clock(), to=to, office=office, note=note)
        opened = await cases.read(node.pool, case_id)
    told = {"case_id": case_id, "officer": opened.row.officer, "office": opened.row.office}
    face.emit(told, lambda: face.say(N_("Il fascicolo è di {officer}."), officer=opened.row.officer))


@command(case, "suspend", help="Sospende un fascicolo: niente lavoro finché non si riprende.")
@CASE
@click.option("--note", default="", help="Perché.")
@BY
async def suspend(face: Face, case: str, note: str, officer: str | None) -> None:
    """Let a case stand still."""
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        await cases.suspend(node.pool, case_id, name_of(officer), node.clock(), note=note)
    face.emit({"case_id": case_id, "state": "suspended"}, lambda: face.say(N_("Il fascicolo è sospeso.")))


@command(case, "resume", help="Riprende un fascicolo sospeso.")
@CASE
@click.option("--note", default="", help="Perché.")
@BY
async def resume(face: Face, case: str, note: str, officer: str | None) -> None:
    """Go on with a case."""
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        await cases.resume(node.pool, case_id, name_of(officer), node.clock(), note=note)
    face.emit({"case_id": case_id, "state": "open"}, lambda: face.say(N_("Il fascicolo è di nuovo aperto.")))


@command(case, "close", help="Chiude un fascicolo per sempre, con il suo esito e il resoconto delle ore e dei costi.")
@CASE
@click.option("--outcome", required=True, type=click.Choice(list(OUTCOMES)), help="Com'è andata.")
@click.option("--note", default="", help="In parole.")
@BY
async def close(face: Face, case: str, outcome: str, note: str, officer: str | None) -> None:
    """Close a case."""
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        report = await cases.close(node.pool, case_id, name_of(officer), node.clock(), outcome=outcome, note=note)
    words = Words(face)
    rows = [(words.title(LINES, item.line), item.hours, words.amount(item.cost), item.tasks_done, item.tasks_dropped) for item in report.lines]  # fmt: skip
    columns = (N_("linea"), N_("ore"), N_("costi"), N_("attività fatte"), N_("lasciate cadere"))
    face.emit({"case_id": case_id, "state": "closed", "report": report.document()}, lambda: face.table(N_("Resoconto"), columns, rows))  # fmt: skip


case_work.add_to(case)
case_share.add_to(case)
