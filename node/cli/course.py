"""``rete course``: the masterclass: courses, editions, enrolments, attendance, materials, questionnaires, certificates.

In: what an officer decides at a terminal; a JSON file for a course's texts. Out: tables; with --json the documents of node/web/course_documents.py.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import click
import orjson

from node import runtime
from node.cli.frame import Face, command
from node.cli.officer import BY, acting_at, name_of
from node.domain.programme.course import ATTENDANCE_PERCENT, EDITION_TITLES, STANDING_TITLES, EditionState, Standing
from node.errors import N_, CallerError
from node.flows.programme import certificates, course_enrolments, course_evaluation, courses
from node.flows.programme.course_enrolments import Wish
from node.flows.programme.courses import Desk
from node.flows.registry import documents
from node.runtime import Node
from node.store.courses import Course
from node.web import course_documents as shown
from node.web.courses_api import verdict_document

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
FOLDER = click.Path(path_type=Path, file_okay=False)
DAY = click.DateTime(["%Y-%m-%d"])
EDITION = click.argument("edition", metavar="EDIZIONE")
FILE_MAX_BYTES = 64 * 1024


@click.group("course", help="Corsi: edizioni, iscrizioni da tutti i territori, presenze, questionari, attestati.")
def course() -> None:
    """Hold the commands."""


async def _desk(node: Node) -> Desk:
    return Desk(node.pool, node.config, await runtime.current_own(node))


@command(course, "list", help="Le edizioni dei corsi di questo ufficio, con posti e lista d'attesa.")
async def list_(face: Face) -> None:
    """List editions."""
    async with runtime.open_node(face.home) as node:
        found = [shown.listed_document(item) for item in await courses.listed(node.pool)]

    def human() -> None:
        rows = [
            (e["edition_id"], e["title"]["it"], e["code"], e["begins"], e["ends"], f"{e['placed']}/{e['seats']}", e["waiting"],
             face.tr(EDITION_TITLES[EditionState(e["state"])]))
            for e in found
        ]  # fmt: skip
        face.table(
            N_("Edizioni"),
            [N_("Edizione"), N_("Corso"), N_("Codice"), N_("Comincia"), N_("Finisce"), N_("Posti"), N_("In attesa"), N_("Stato")],
            rows,
        )  # fmt: skip

    face.emit({"editions": found}, human)


@command(course, "show", help="Un'edizione: incontri, iscritti, lista d'attesa, presenze, materiali, questionario.")
@EDITION
async def show(face: Face, edition: str) -> None:
    """Show one edition."""
    async with runtime.open_node(face.home) as node:
        document = shown.opened_document(await courses.read(node.pool, edition))

    def human() -> None:
        face.say(N_("{title}, edizione {code}: {placed} iscritti su {seats} posti, {waiting} in attesa."), title=document["title"]["it"], **{k: document[k] for k in ("code", "placed", "seats", "waiting")})  # fmt: skip
        face.table(
            N_("Incontri"),
            [N_("Incontro"), N_("Giorno"), N_("Ora"), N_("Luogo")],
            [(s["session_id"], s["day"], s["hour"], s["place"]) for s in document["sessions"]],
        )
        face.table(
            N_("Iscrizioni"),
            [N_("Iscrizione"), N_("Nome"), N_("Ufficio"), N_("Stato"), N_("Presenze")],
            [
                (s["seat_id"], s["name"], s["office"], face.tr(STANDING_TITLES[Standing(s["standing"])]), s["present"])
                for s in document["participants"]
            ],
        )

    face.emit(document, human)


@command(
    course,
    "add",
    help="Scrive un corso da un file JSON: title, summary, how, regions, trainers; con course_id lo cambia.",
)
@click.argument("file", metavar="FILE", type=FILE)
@BY
async def add(face: Face, file: Path, officer: str | None) -> None:
    """Write a course."""
    made = _course_in(file)
    async with acting_at(face, officer) as node:
        course_id = await courses.keep(await _desk(node), made, node.clock())
    face.emit(
        {"course_id": course_id}, lambda: face.say(N_("Corso {id}. Ora: «rete course edition {id}»."), id=course_id)
    )


def _course_in(file: Path) -> Course:
    """Return the course that a file describes. Raises: CallerError(course-file-bad)."""
    try:
        raw = file.read_bytes()[: FILE_MAX_BYTES + 1]
        value: Any = orjson.loads(raw)
        texts = {name: {str(k): str(v) for k, v in value[name].items()} for name in ("title", "summary", "how")}
        trainers = tuple({str(k): str(v) for k, v in one.items()} for one in value.get("trainers", ()))
        regions = tuple(str(code) for code in value.get("regions", ()))
        return Course(
            str(value.get("course_id", "")), texts["title"], texts["summary"], texts["how"], regions, trainers
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CallerError(
            "course-file-bad",
            N_("il file non descrive un corso: servono title, summary e how, ciascuno con «it»"),
            where=str(file),
        ) from error


@command(course, "edition", help="Apre un'edizione di un corso.")
@click.argument("course_id", metavar="CORSO")
@click.option("--code", required=True, metavar="CODICE", help="Lettere minuscole, cifre e trattini.")
@click.option("--seats", required=True, type=int, metavar="N", help="I posti.")
@click.option("--begins", required=True, type=DAY, metavar="GIORNO")
@click.option("--ends", required=True, type=DAY, metavar="GIORNO")
@click.option("--deadline", required=True, type=DAY, metavar="GIORNO", help="L'ultimo giorno per iscriversi.")
@click.option(
    "--percent",
    type=int,
    default=ATTENDANCE_PERCENT,
    show_default=True,
    help="La quota di incontri che serve per l'attestato.",
)
@click.option(
    "--session", "sessions", multiple=True, required=True, metavar="'GIORNO ORA LUOGO'", help="Un incontro; ripetibile."
)
@click.option("--trainer", "trainers", multiple=True, metavar="NOME", help="Chi segna le presenze; ripetibile.")
@BY
async def edition(
    face: Face, course_id: str, code: str, seats: int, begins: dt.datetime, ends: dt.datetime, deadline: dt.datetime, percent: int,
    sessions: tuple[str, ...], trainers: tuple[str, ...], officer: str | None,
) -> None:  # fmt: skip
    """Open an edition."""
    made = courses.blank_edition(course_id, code, seats, (begins.date(), ends.date(), deadline.date()), percent)
    held = [courses.parse_session(text) for text in sessions]
    async with acting_at(face, officer) as node:
        edition_id = await courses.add_edition(await _desk(node), made, held, trainers, node.clock())
    face.emit({"edition_id": edition_id}, lambda: face.say(N_("Edizione {id}."), id=edition_id))


@command(course, "announce", help="Annuncia un corso nel registro firmato; da allora ogni cambiamento esce da sé.")
@click.argument("course_id", metavar="CORSO")
@BY
async def announce(face: Face, course_id: str, officer: str | None) -> None:
    """Announce a course."""
    async with acting_at(face, officer) as node:
        done = await courses.publish(await _desk(node), course_id, node.clock())
    face.emit({"course_id": done}, lambda: face.say(N_("Corso annunciato.")))


@command(course, "seats", help="Cambia i posti di un'edizione; chi aspetta sale.")
@EDITION
@click.argument("count", metavar="POSTI", type=int)
@BY
async def seats(face: Face, edition: str, count: int, officer: str | None) -> None:
    """Change the seats."""
    async with acting_at(face, officer) as node:
        done = await courses.widen(await _desk(node), node.office(), edition, count, node.clock())
    face.emit({"edition_id": done, "seats": count}, lambda: face.say(N_("Posti: {count}."), count=count))


@command(course, "cancel", help="Annulla un'edizione: chi era iscritto o aspettava viene avvisato.")
@EDITION
@BY
async def cancel(face: Face, edition: str, officer: str | None) -> None:
    """Cancel an edition."""
    async with acting_at(face, officer) as node:
        done = await courses.cancel_edition(await _desk(node), node.office(), edition, node.clock())
    face.emit({"edition_id": done, "state": "cancelled"}, lambda: face.say(N_("Edizione annullata.")))


@command(course, "conclude", help="Conclude un'edizione finita: poi vengono questionario e attestati.")
@EDITION
@BY
async def conclude(face: Face, edition: str, officer: str | None) -> None:
    """Conclude an edition."""
    async with acting_at(face, officer) as node:
        done = await courses.conclude(await _desk(node), edition, node.clock())
    face.emit({"edition_id": done, "state": "held"}, lambda: face.say(N_("Edizione conclusa.")))


@command(
    course, "enrol", help="Iscrive una persona a un corso annunciato, anche di un altro ente, che decide del posto."
)
@click.argument("course_id", metavar="CORSO")
@click.argument("edition", metavar="CODICE")
@click.option("--name", required=True, metavar="NOME", help="Nome e cognome.")
@click.option("--email", required=True, metavar="INDIRIZZO")
@click.option("--region", default="", metavar="NUTS", help="La regione dell'impresa, per esempio ITF4.")
@click.option("--section", default="", metavar="LETTERA", help="La sezione ATECO dell'impresa.")
@click.option(
    "--owner", default="", metavar="NODO", help="L'ente che organizza, se due usano lo stesso identificativo."
)
@click.option(
    "--consent", is_flag=True, help="La persona ha dato il consenso all'invio di questi dati a chi organizza."
)
async def enrol(
    face: Face,
    course_id: str,
    edition: str,
    name: str,
    email: str,
    region: str,
    section: str,
    owner: str,
    consent: bool,
) -> None:
    """Enrol somebody."""
    wish = Wish(course_id, edition, name, email, consent, region, section, owner, language=face.language)
    async with runtime.open_node(face.home) as node:
        made, token = await course_enrolments.enrol(node.office(), wish, node.clock())
        found = await course_enrolments.read(node.office(), made)
    document = {**shown.enrolment_document(found), "token": token}
    face.emit(document, lambda: face.say(N_("Iscrizione {id}: {standing}."), id=made, standing=face.tr(STANDING_TITLES[found.standing])))  # fmt: skip


@command(course, "enrolments", help="Chi si è iscritto presso questo ufficio, a qualsiasi corso.")
async def enrolments(face: Face) -> None:
    """List the own participants."""
    async with runtime.open_node(face.home) as node:
        found = [shown.enrolment_document(item) for item in await course_enrolments.listed(node.office())]

    def human() -> None:
        rows = [(e["enrolment_id"], e["name"], e["title"], e["organiser"], face.tr(STANDING_TITLES[Standing(e["standing"])])) for e in found]  # fmt: skip
        face.table(N_("Iscrizioni"), [N_("Iscrizione"), N_("Nome"), N_("Corso"), N_("Organizza"), N_("Stato")], rows)

    face.emit({"enrolments": found}, human)


@command(course, "leave", help="Annulla un'iscrizione: il posto passa a chi aspetta.")
@click.argument("enrolment", metavar="ISCRIZIONE")
async def leave(face: Face, enrolment: str) -> None:
    """Take an enrolment back."""
    async with runtime.open_node(face.home) as node:
        standing = await course_enrolments.cancel(node.office(), enrolment, node.clock())
    face.emit({"enrolment_id": enrolment, "standing": str(standing)}, lambda: face.say(STANDING_TITLES[standing]))


@command(course, "attend", help="Segna chi c'era a un incontro; gli altri restano com'erano.")
@click.argument("session", metavar="INCONTRO")
@click.option("--present", multiple=True, metavar="ISCRIZIONE", help="C'era; ripetibile.")
@click.option("--absent", multiple=True, metavar="ISCRIZIONE", help="Non c'era; ripetibile.")
@BY
async def attend(
    face: Face, session: str, present: tuple[str, ...], absent: tuple[str, ...], officer: str | None
) -> None:
    """Mark attendance."""
    marks = {**dict.fromkeys(present, True), **dict.fromkeys(absent, False)}
    async with acting_at(face, officer) as node:
        done = await courses.attend(node.pool, session, marks, name_of(officer), node.clock(), only_own=False)
    face.emit({"edition_id": done, "marked": len(marks)}, lambda: face.say(N_("Presenze segnate: {count}."), count=len(marks)))  # fmt: skip


@command(course, "materials", help="I materiali di un'edizione; con --add ne aggiunge uno.")
@EDITION
@click.option("--add", "file", type=FILE, metavar="FILE")
@click.option("--title", metavar="TITOLO", help="Come si chiama il file che si aggiunge.")
@BY
async def materials(face: Face, edition: str, file: Path | None, title: str | None, officer: str | None) -> None:
    """List materials, or add one."""
    async with acting_at(face, officer) as node:
        if file is not None:
            bounds = documents.bounds_of(node.config)
            content = documents.read_file(file, bounds)
            await courses.add_material(node.pool, edition, title or file.stem, file.name, content, bounds, node.clock())
        found = shown.opened_document(await courses.read(node.pool, edition))["materials"]
    columns = [N_("Titolo"), N_("File"), N_("Byte")]
    face.emit({"materials": found}, lambda: face.table(N_("Materiali"), columns, [(m["title"], m["file_name"], m["bytes"]) for m in found]))  # fmt: skip


@command(
    course,
    "questionnaire",
    help="I risultati del questionario, se pubblicati; con --release li pubblica, una volta per sempre.",
)
@EDITION
@click.option("--release", is_flag=True, help="Pubblica ora e cancella le risposte.")
@BY
async def questionnaire(face: Face, edition: str, release: bool, officer: str | None) -> None:
    """Show or release the results."""
    async with acting_at(face, officer) as node:
        if release:
            await course_evaluation.release(node.pool, edition, name_of(officer), node.clock())
        told = shown.released_document((await courses.read(node.pool, edition)).released)

    def human() -> None:
        if not told["released"]:
            face.say(N_("I risultati non sono ancora pubblicati."))
        elif not told["answers"]:
            face.say(N_("Meno di tre risposte: non si dice nulla."))
        else:
            rows = [(q["question"], q["mean"], "" if q["groups"] is None else " / ".join(map(str, q["groups"]))) for q in told["questions"]]  # fmt: skip
            face.table(N_("Questionario"), [N_("Domanda"), N_("Media"), N_("Scontenti / incerti / contenti")], rows)

    face.emit(told, human)


@command(
    course,
    "certify",
    help="Fa gli attestati di chi è stato a abbastanza incontri, e ne mette le impronte nel registro firmato.",
)
@EDITION
@click.option("--out", type=FOLDER, metavar="CARTELLA", help="Scrive qui i PDF.")
@click.option("--language", type=click.Choice(tuple(certificates.LANGUAGES)), default="it", show_default=True)
@BY
async def certify(face: Face, edition: str, out: Path | None, language: str, officer: str | None) -> None:
    """Issue certificates."""
    async with acting_at(face, officer) as node:
        count = await certificates.issue(await _desk(node), edition, name_of(officer), node.clock())
        opened = await courses.read(node.pool, edition)
        files = []
        for seat_id in sorted(opened.certificates) if out is not None else ():
            raw = certificates.pdf(opened, seat_id, node.config.node.name, node.public_url, language)
            files.append((seat_id, raw))
    if out is not None:
        await asyncio.to_thread(_write, out, files)
    face.emit(
        {"edition_id": opened.edition.edition_id, "issued": count, "certificates": len(opened.certificates), "files": len(files)},
        lambda: face.say(N_("Attestati nuovi: {count}."), count=count),
    )  # fmt: skip


def _write(out: Path, files: list[tuple[str, bytes]]) -> None:
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    for seat_id, raw in files:
        (out / f"{seat_id}.pdf").write_bytes(raw)


@command(course, "verify", help="Verifica un attestato di qualsiasi ente: codice e nome.")
@click.argument("code", metavar="CODICE")
@click.option("--name", required=True, metavar="NOME", help="Il nome che sta sull'attestato.")
async def verify(face: Face, code: str, name: str) -> None:
    """Check a certificate."""
    async with runtime.open_node(face.home) as node:
        found = await certificates.verify(node.pool, code, name)
    document = verdict_document(found)

    def human() -> None:
        if found is None:
            face.say(N_("Nessun ente ha annunciato un attestato con questo codice e questo nome."))
        else:
            face.say(N_("Valido: «{title}», edizione {edition}, dal {begins} al {ends}, rilasciato da {owner}."), **{**document, "title": found.title["it"]})  # fmt: skip

    face.emit(document, human)
