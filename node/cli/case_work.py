"""``rete case task | hours | cost | appointment | calendar | document | checklist | clause | dossier``: what is done inside a case file.

In: what an officer does, at a terminal. Out: ids, files, tables; with --json the documents of docs/cases.md.
"""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import click

from node import runtime
from node.cli.frame import Face, approved, command
from node.cli.help import SpokenGroup
from node.cli.officer import BY, deciding, name_of
from node.domain import documents as kinds
from node.domain.programme import case_file
from node.domain.programme.case_file import LINES, TaskState, TaskWords
from node.domain.programme.checklist import POINTS, Point, Standing
from node.errors import N_, CallerError
from node.flows.programme import case_calendar, case_papers, case_work, cases
from node.flows.registry import documents as files
from node.store import whole_file
from node.store.whole_file import SECRET, WholeFile

FILE = click.Path(path_type=Path, dir_okay=False)
CASE = click.argument("case", metavar="FASCICOLO")
LINE = click.Choice(list(LINES))
STANDINGS = {
    Standing.PRESENT: N_("c'è"), Standing.DRAFTED: N_("scritto dall'ufficio"), Standing.MISSING: N_("manca"),
    Standing.NOT_NEEDED: N_("non serve"),
}  # fmt: skip


def add_to(group: click.Group) -> None:
    """Put these commands under ``rete case``."""
    for name, function in _COMMANDS.items():
        group.add_command(function, name)


@click.group("task", cls=SpokenGroup, help="Attività di un fascicolo: aggiungerle, cambiarle, segnarle fatte.")
def task() -> None:
    """Hold the commands."""


@command(task, "add", help="Aggiunge un'attività.")
@CASE
@click.argument("title", metavar="TITOLO")
@click.option("--line", required=True, type=LINE, help="Linea di assistenza.")
@click.option("--owner", default="", metavar="NOME", help="Chi la fa; altrimenti chi la aggiunge.")
@click.option("--due", default="", metavar="GG/MM/AAAA", help="Entro quando.")
@click.option("--note", default="", help="In parole.")
@BY
async def task_add(face: Face, case: str, title: str, line: str, owner: str, due: str, note: str, officer: str | None) -> None:  # fmt: skip
    """Add a task."""
    told = case_file.task(title, line, owner, case_work.day_of(due, "--due"), TaskState.OPEN, note)
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        task_id = await case_work.add_task(node.pool, case_id, name_of(officer), told, node.clock())
    face.emit({"case_id": case_id, "task_id": task_id}, lambda: face.say(N_("Attività aggiunta: {id}."), id=task_id))


@command(task, "set", help="Cambia un'attività: ciò che non si indica resta com'è.")
@CASE
@click.argument("task_id", metavar="ATTIVITÀ")
@click.option("--state", type=click.Choice([str(state) for state in TaskState]), help="A che punto è.")
@click.option("--title", help="Titolo.")
@click.option("--line", type=LINE, help="Linea di assistenza.")
@click.option("--owner", metavar="NOME", help="Chi la fa.")
@click.option("--due", metavar="GG/MM/AAAA", help="Entro quando; vuoto: nessun termine.")
@click.option("--note", help="In parole.")
@click.option("--seen", type=click.IntRange(1), help="La revisione che si è vista; se intanto è cambiata, si rifiuta.")
@BY
async def task_set(
    face: Face,
    case: str,
    task_id: str,
    state: str | None,
    title: str | None,
    line: str | None,
    owner: str | None,
    due: str | None,
    note: str | None,
    seen: int | None,
    officer: str | None,
) -> None:
    """Change a task."""
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        opened = await cases.read(node.pool, case_id)
        before = next((item for item in opened.tasks if item.task_id == task_id.lower()), None)
        if before is None:
            raise cases.absent("task-unknown", task_id)
        told: TaskWords = case_file.task(
            before.title if title is None else title,
            before.line if line is None else line,
            before.owner if owner is None else owner,
            before.due_on if due is None else case_work.day_of(due, "--due"),
            before.state if state is None else state,
            before.note if note is None else note,
        )
        revision = before.revision if seen is None else seen
        await case_work.change_task(
            node.pool, case_id, task_id, name_of(officer), told, node.clock(), seen=revision
        )  # fmt: skip
    face.emit(
        {"case_id": case_id, "task_id": before.task_id, "state": told.state, "revision": revision + 1},
        lambda: face.say(N_("Attività cambiata.")),
    )


@command(click.Group(), "hours", help="Annota ore di lavoro di chi le ha fatte, in una linea o per un'attività.")
@CASE
@click.argument("amount", metavar="ORE")
@click.option(
    "--line", default="", type=click.Choice(["", *LINES]), help="Linea di assistenza; altrimenti quella dell'attività."
)
@click.option("--task", "task_id", default="", metavar="ATTIVITÀ", help="Per quale attività.")
@click.option("--day", default="", metavar="GG/MM/AAAA", help="Di quale giorno; altrimenti oggi.")
@click.option("--note", default="", help="In parole.")
@BY
async def hours(face: Face, case: str, amount: str, line: str, task_id: str, day: str, note: str, officer: str | None) -> None:  # fmt: skip
    """Note hours."""
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        entry_id = await case_work.add_hours(
            node.pool, case_id, name_of(officer), node.clock(), hours=amount, line=line, day=case_work.day_of(day, "--day"),
            task_id=task_id, note=note,
        )  # fmt: skip
    face.emit({"case_id": case_id, "entry_id": entry_id}, lambda: face.say(N_("Ore annotate.")))


@command(click.Group(), "cost", help="Annota un costo, in euro.")
@CASE
@click.argument("amount", metavar="EURO")
@click.argument("what", metavar="CAUSALE")
@click.option("--line", required=True, type=LINE, help="Linea di assistenza.")
@click.option("--day", default="", metavar="GG/MM/AAAA", help="Di quale giorno; altrimenti oggi.")
@BY
async def cost(face: Face, case: str, amount: str, what: str, line: str, day: str, officer: str | None) -> None:
    """Note a cost."""
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        entry_id = await case_work.add_cost(
            node.pool, case_id, name_of(officer), node.clock(), amount=amount, line=line, what=what,
            day=case_work.day_of(day, "--day"),
        )  # fmt: skip
    face.emit({"case_id": case_id, "entry_id": entry_id}, lambda: face.say(N_("Costo annotato.")))


@click.group(
    "appointment", cls=SpokenGroup, help="Appuntamenti di un fascicolo: aggiungerli, disdirli, averli come calendario."
)
def appointment() -> None:
    """Hold the commands."""


@command(appointment, "add", help="Aggiunge un appuntamento, con gli orologi d'Italia.")
@CASE
@click.argument("title", metavar="TITOLO")
@click.option("--day", required=True, metavar="GG/MM/AAAA", help="Il giorno.")
@click.option("--from", "begins", required=True, metavar="HH:MM", help="Da che ora.")
@click.option("--to", "ends", required=True, metavar="HH:MM", help="A che ora.")
@click.option("--place", default="", metavar="LUOGO", help="Dove.")
@click.option("--note", default="", help="In parole.")
@BY
async def appointment_add(
    face: Face, case: str, title: str, day: str, begins: str, ends: str, place: str, note: str, officer: str | None
) -> None:
    """Add an appointment."""
    meeting = case_file.meeting(
        title, place, case_work.moment_of(day, begins, "--from"), case_work.moment_of(day, ends, "--to"), note
    )
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        one = await case_work.add_appointment(node.pool, case_id, name_of(officer), meeting, node.clock())
    face.emit({"case_id": case_id, "appointment_id": one}, lambda: face.say(N_("Appuntamento aggiunto: {id}."), id=one))


@command(appointment, "cancel", help="Disdice un appuntamento: nei calendari resta, come disdetto.")
@CASE
@click.argument("appointment_id", metavar="APPUNTAMENTO")
@BY
async def appointment_cancel(face: Face, case: str, appointment_id: str, officer: str | None) -> None:
    """Call an appointment off."""
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        stood = await case_work.cancel_appointment(node.pool, case_id, appointment_id, name_of(officer), node.clock())
    face.emit(
        {"case_id": case_id, "appointment_id": appointment_id, "cancelled": stood},
        lambda: face.say(N_("Appuntamento disdetto.") if stood else N_("Era già disdetto.")),
    )


@command(appointment, "calendar", help="Scrive gli appuntamenti di un fascicolo come calendario (iCalendar).")
@CASE
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--force", is_flag=True, help="Sostituisce il file, se c'è già.")
async def appointment_calendar(face: Face, case: str, file: Path, force: bool) -> None:
    """Write a calendar."""
    whole_file.check_targets([file], replace=force)
    async with runtime.open_node(face.home) as node:
        opened = await cases.read(node.pool, await cases.whole_id(node.pool, case))
        url = f"{node.public_url}/ufficio/fascicoli/{opened.row.case_id}"
        raw = case_calendar.of_case(opened, node.config.node.id, url)
    await asyncio.to_thread(whole_file.write, [WholeFile(file, raw, SECRET)], replace=force)
    told = {"file": str(file), "appointments": len(opened.appointments), "bytes": len(raw)}
    face.emit(told, lambda: face.say(N_("Scritto {file}."), file=file))


@click.group("document", cls=SpokenGroup, help="Documenti di un fascicolo.")
def document() -> None:
    """Hold the commands."""


@command(document, "add", help="Aggiunge un documento a un fascicolo.")
@CASE
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--kind", required=True, type=click.Choice(sorted(kinds.KINDS)), help="Che documento è.")
@click.option("--title", help="Titolo; altrimenti il nome del file.")
@click.option("--date", "dated_on", default="", metavar="GG/MM/AAAA", help="Data del documento.")
@BY
async def document_add(
    face: Face, case: str, file: Path, kind: str, title: str | None, dated_on: str, officer: str | None
) -> None:
    """Attach a file."""
    told = kinds.describe(title or file.stem, kind, case_work.day_of(dated_on, "--date"), file.name)
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        bounds = files.bounds_of(node.config)
        content = await asyncio.to_thread(files.read_file, file, bounds)
        one = await case_papers.add_document(node.pool, case_id, name_of(officer), told, content, bounds, node.clock())
    face.emit(
        {"case_id": case_id, "document_id": one, "bytes": len(content)},
        lambda: face.say(N_("Documento aggiunto: {id}."), id=one),
    )


@command(document, "get", help="Scrive un documento in un file, che può leggere solo chi lo scrive.")
@CASE
@click.argument("document_id", metavar="DOCUMENTO")
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--force", is_flag=True, help="Sostituisce il file, se c'è già.")
@BY
async def document_get(face: Face, case: str, document_id: str, file: Path, force: bool, officer: str | None) -> None:
    """Take a document away."""
    whole_file.check_targets([file], replace=force)
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        found = await case_papers.take_document(node.pool, case_id, document_id, name_of(officer))
    await asyncio.to_thread(whole_file.write, [WholeFile(file, found.content, SECRET)], replace=force)
    told = {
        "file": str(file),
        "file_name": found.file_name,
        "media_type": found.media_type,
        "bytes": len(found.content),
        "sha256": found.sha256.hex(),
    }
    face.emit(told, lambda: face.say(N_("Scritto {file}."), file=file))


@command(document, "delete", help="Cancella un documento per sempre.")
@CASE
@click.argument("document_id", metavar="DOCUMENTO")
@click.option("--yes", is_flag=True, help="Non chiede conferma.")
@BY
async def document_delete(face: Face, case: str, document_id: str, yes: bool, officer: str | None) -> None:
    """Delete a document."""
    if not yes and face.json:
        raise CallerError("confirmation-missing", N_("con --json serve --yes"), where="--yes")
    if not yes:
        approved(face, N_("Cancellare per sempre?"))
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        await case_papers.delete_document(node.pool, case_id, document_id, name_of(officer), node.clock())
    face.emit(
        {"case_id": case_id, "document_id": document_id, "deleted": True},
        lambda: face.say(N_("Il documento è cancellato.")),
    )


@command(
    click.Group(), "checklist", help="Che cosa il contratto di rete deve dire per legge: che cosa c'è, che cosa manca."
)
@CASE
async def checklist(face: Face, case: str) -> None:
    """Show the points of the contract."""
    async with runtime.open_node(face.home) as node:
        found = await case_papers.contract(node.pool, await cases.whole_id(node.pool, case))
    points = [{**dataclasses.asdict(item), "revision": found.revisions.get(item.key, 0)} for item in found.points]
    rows = [
        (f"{item.letter})", face.tr(item.title), face.tr(STANDINGS[item.standing]), _lacks(face, item))
        for item in found.points
    ]
    columns = (N_("lettera"), N_("punto"), N_("come sta"), N_("che cosa manca"))
    face.emit(
        {"case_id": found.row.case_id, "complete": found.is_complete, "points": points},
        lambda: face.table(N_("Contenuti del contratto"), columns, rows),
    )


def _lacks(face: Face, point: Point) -> str:
    if point.standing is not Standing.MISSING:
        return ""
    return "; ".join(face.tr(item.message).format(about=item.about) for item in point.lacks)


@command(click.Group(), "clause", help="Scrive il testo di un punto del contratto; vuoto: lo toglie.")
@CASE
@click.argument("point", metavar="PUNTO", type=click.Choice(list(POINTS)))
@click.argument("text", metavar="TESTO")
@click.option("--seen", type=click.IntRange(0), help="La revisione che si è vista; se intanto è cambiata, si rifiuta.")
@BY
async def clause(face: Face, case: str, point: str, text: str, seen: int | None, officer: str | None) -> None:
    """Write the text of a point."""
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        if seen is None:
            seen = (await case_papers.contract(node.pool, case_id)).revisions.get(point, 0)
        await case_papers.write_clause(
            node.pool, case_id, name_of(officer), node.clock(), point=point, text=text, seen=seen
        )  # fmt: skip
        revision = (await case_papers.contract(node.pool, case_id)).revisions.get(point, 0)
    face.emit({"case_id": case_id, "point": point, "revision": revision}, lambda: face.say(N_("Testo scritto.")))


@command(click.Group(), "dossier", help="Scrive la bozza del contratto, con i dati della rete, come documento DOCX.")
@CASE
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--force", is_flag=True, help="Sostituisce il file, se c'è già.")
async def dossier(face: Face, case: str, file: Path, force: bool) -> None:
    """Write the draft of the contract."""
    whole_file.check_targets([file], replace=force)
    async with runtime.open_node(face.home) as node:
        case_id = await cases.whole_id(node.pool, case)
        raw = await case_papers.draft(node.pool, case_id, node.config.node.name, node.clock())
        found = await case_papers.contract(node.pool, case_id)
    await asyncio.to_thread(whole_file.write, [WholeFile(file, raw, SECRET)], replace=force)
    missing = [item.key for item in found.points if item.standing is Standing.MISSING]
    told = {"case_id": case_id, "file": str(file), "bytes": len(raw), "missing": missing}
    face.emit(told, lambda: face.say(N_("Scritto {file}."), file=file))


_COMMANDS = {
    "task": task, "hours": hours, "cost": cost, "appointment": appointment, "document": document, "checklist": checklist,
    "clause": clause, "dossier": dossier,
}  # fmt: skip
