"""``rete session list | show | add | change | announce | enrol | give-back | attend | cancel``: information sessions and who enrols."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.officer import BY, acting_at, name_of
from node.domain.programme.session import STANDING_TITLES, STATE_TITLES, Person
from node.errors import N_
from node.flows.programme import sessions as flow
from node.flows.programme.sessions import Office, Typed
from node.runtime import Node, current_own
from node.store.info_sessions import Enrolment, SessionRow

F = Callable[..., Any]
SESSION = click.argument("session_id", metavar="SESSIONE")
# Option, field, what it is.
_FIELDS = (
    ("--title", "title", "Titolo."), ("--day", "day", "Giorno: aaaa-mm-gg o gg/mm/aaaa."), ("--begins", "begins", "Ora d'inizio, hh:mm."),
    ("--ends", "ends", "Ora di fine, hh:mm."), ("--seats", "seats", "Quanti posti."), ("--place", "place", "Dove: sala e indirizzo."),
    ("--summary", "summary", "Di che cosa si parla."), ("--municipality", "municipality", "Comune (nome o codice ISTAT)."),
    ("--province", "province", "Sigla della provincia, se il nome del comune non basta."),
    ("--enrol-until", "enrol_until", "Ultimo giorno per iscriversi; altrimenti il giorno della sessione."),
    ("--title-en", "title_en", "Titolo in inglese."), ("--summary-en", "summary_en", "Testo in inglese."),
)  # fmt: skip
_NEEDED = ("title", "day", "begins", "ends", "seats", "place", "summary")


@click.group("session", help="Sessioni informative: calendario, iscrizioni, presenze.")
def session() -> None:
    """Hold the commands."""


def _fields(*, needed: bool) -> Callable[[F], F]:
    def wrap(function: F) -> F:
        function = click.option("--online/--in-person", "online", default=None, help="In linea, o in presenza.")(
            function
        )
        for option, name, text in reversed(_FIELDS):
            function = click.option(option, name, metavar="TESTO", required=needed and name in _NEEDED, help=text)(
                function
            )
        return function

    return wrap


async def office_of(node: Node) -> Office:
    """Return who holds sessions at a node."""
    return Office(node.pool, node.config, await current_own(node))


def facts_of(row: SessionRow) -> dict[str, Any]:
    """Return a session as JSON tells it."""
    planned = row.session
    return {
        "session_id": row.session_id,
        "state": row.state,
        "title": planned.title,
        "title_en": planned.title_en,
        "summary": planned.summary,
        "summary_en": planned.summary_en,
        "begins_at": planned.begins_at,
        "ends_at": planned.ends_at,
        "enrol_until": planned.enrol_until,
        "place": planned.place,
        "municipality": planned.municipality,
        "online": planned.online,
        "seats": planned.seats,
        "taken": row.taken,
        "waiting": row.waiting,
        "attended": row.attended,
    }


def _person_facts(found: Enrolment) -> dict[str, Any]:
    return {
        "enrolment_id": found.enrolment_id,
        "standing": found.standing,
        **found.person.to_dict(),
        "notice_version": found.notice_version,
        "language": found.language,
        "made_by": found.made_by,
        "enrolled_at": found.enrolled_at,
        "attended": found.attended,
        "told": found.told,
    }


@command(session, "list", help="Le sessioni, con i posti presi e chi aspetta.")
@click.option("--coming", is_flag=True, help="Solo quelle che non sono finite.")
async def list_(face: Face, coming: bool) -> None:
    """List sessions, the latest first."""
    async with runtime.open_node(face.home) as node:
        found = await flow.list_all(node.pool, after=node.clock() if coming else None)

    def human() -> None:
        columns = (
            N_("sessione"),
            N_("stato"),
            N_("quando"),
            N_("titolo"),
            N_("posti"),
            N_("presi"),
            N_("in attesa"),
            N_("presenti"),
        )
        face.table("", columns, [_row(face, row) for row in found])

    face.emit({"sessions": [facts_of(row) for row in found]}, human)


def _row(face: Face, row: SessionRow) -> tuple[object, ...]:
    when = f"{row.session.begins_at:%d/%m/%Y %H:%M}"
    state = face.tr(STATE_TITLES[row.state])
    return (row.session_id, state, when, row.session.title, row.session.seats, row.taken, row.waiting, row.attended)


@command(session, "show", help="Una sessione e chi si è iscritto.")
@SESSION
async def show(face: Face, session_id: str) -> None:
    """Show one session with its enrolments."""
    async with runtime.open_node(face.home) as node:
        row, people = await flow.read(node.pool, session_id)

    def human() -> None:
        face.table("", (N_("sessione"), N_("stato"), N_("quando"), N_("titolo"), N_("posti"), N_("presi"), N_("in attesa"), N_("presenti")), [_row(face, row)])  # fmt: skip
        came = {True: face.tr(N_("sì")), False: face.tr(N_("no")), None: ""}
        columns = (N_("iscrizione"), N_("stato"), N_("nome"), N_("impresa"), N_("posta"), N_("presente"))
        rows = [
            (
                p.enrolment_id,
                face.tr(STANDING_TITLES[p.standing]),
                p.person.name,
                p.person.firm,
                p.person.email,
                came[p.attended],
            )
            for p in people
        ]
        face.table(N_("Iscritti"), columns, rows)

    face.emit({**facts_of(row), "enrolments": [_person_facts(found) for found in people]}, human)


@command(session, "add", help="Prepara una sessione: la vede solo l'ufficio, finché non si annuncia.")
@_fields(needed=True)
@BY
async def add(face: Face, officer: str | None, online: bool | None, **given: str | None) -> None:
    """Plan a session."""
    typed = Typed(**{name: given.get(name) or "" for _, name, _ in _FIELDS}, online=bool(online))
    planned = flow.session_of(typed)
    async with acting_at(face, officer) as node:
        made = await flow.plan(node.pool, planned, name_of(officer), node.clock())
    face.emit({"session_id": made, "state": "draft"}, lambda: face.say(N_("Sessione preparata: {id}."), id=made))


@command(session, "change", help="Cambia una sessione; di una aperta cambia anche l'annuncio.")
@SESSION
@_fields(needed=False)
@BY
async def change(face: Face, session_id: str, officer: str | None, online: bool | None, **given: str | None) -> None:
    """Change what is planned."""
    async with acting_at(face, officer) as node:
        row, _ = await flow.read(node.pool, session_id)
        typed = flow.typed_of(row.session)
        said = {name: value for name, value in given.items() if value is not None}
        planned = flow.session_of(replace(typed, **said, online=typed.online if online is None else online))
        await flow.change(await office_of(node), session_id, planned, node.clock())
        row, _ = await flow.read(node.pool, session_id)
    face.emit(facts_of(row), lambda: face.say(N_("Sessione cambiata.")))


@command(session, "announce", help="Apre una sessione alle iscrizioni e la annuncia nel registro firmato.")
@SESSION
@BY
async def announce(face: Face, session_id: str, officer: str | None) -> None:
    """Open a session to everybody."""
    async with acting_at(face, officer) as node:
        announced = await flow.open_to_all(await office_of(node), session_id, node.clock())

    def human() -> None:
        face.say(N_("Sessione aperta alle iscrizioni."))
        if not announced:
            face.say(
                N_(
                    "Il protocollo d'intesa non prevede annunci di sessioni: la mostrano solo le pagine di questo ufficio."
                )
            )

    face.emit({"session_id": session_id, "state": "open", "announced": announced}, human)


@command(session, "enrol", help="Iscrive qualcuno; l'ufficio iscrive fino alla fine della sessione.")
@SESSION
@click.option("--name", required=True, metavar="NOME", help="Nome e cognome.")
@click.option("--email", required=True, metavar="INDIRIZZO", help="Posta elettronica.")
@click.option("--phone", default="", metavar="NUMERO", help="Telefono.")
@click.option("--firm", default="", metavar="IMPRESA", help="Impresa.")
@click.option("--tax-code", default="", metavar="CODICE", help="Codice fiscale.")
@click.option("--municipality", default="", metavar="COMUNE", help="Comune.")
@BY
async def enrol(face: Face, session_id: str, officer: str | None, **given: str) -> None:
    """Enrol somebody by hand."""
    async with acting_at(face, officer) as node:
        done = await flow.enrol(node.pool, session_id, Person(**given), node.clock(), officer=name_of(officer))

    def human() -> None:
        face.say(
            N_("Iscrizione {id}: {standing}."), id=done.enrolment_id, standing=face.tr(STANDING_TITLES[done.standing])
        )
        if not done.code:
            face.say(N_("Era già iscritto."))

    value = {"enrolment_id": done.enrolment_id, "standing": done.standing, "code": done.code or None}
    face.emit(value, human)


@command(session, "give-back", help="Annulla un'iscrizione: il posto va al primo che aspetta.")
@click.argument("enrolment_id", metavar="ISCRIZIONE")
@BY
async def give_back(face: Face, enrolment_id: str, officer: str | None) -> None:
    """Give a seat back."""
    async with acting_at(face, officer) as node:
        promoted = await flow.give_back(node.pool, enrolment_id, node.clock())

    def human() -> None:
        face.say(N_("Iscrizione annullata; posti dati a chi aspettava: {count}."), count=len(promoted))

    face.emit({"enrolment_id": enrolment_id, "standing": "cancelled", "promoted": promoted}, human)


@command(session, "attend", help="Segna chi è venuto: --came e --absent, ognuno quante volte serve.")
@SESSION
@click.option("--came", multiple=True, metavar="ISCRIZIONE", help="È venuto.")
@click.option("--absent", multiple=True, metavar="ISCRIZIONE", help="Non è venuto.")
@BY
async def attend(
    face: Face, session_id: str, came: tuple[str, ...], absent: tuple[str, ...], officer: str | None
) -> None:
    """Note who came."""
    said = {**dict.fromkeys(came, True), **dict.fromkeys(absent, False)}
    async with acting_at(face, officer) as node:
        await flow.attend(node.pool, session_id, said, node.clock())
        row, _ = await flow.read(node.pool, session_id)

    def human() -> None:
        face.say(N_("Presenti: {count}."), count=row.attended)

    face.emit({"session_id": row.session_id, "noted": len(said), "attended": row.attended}, human)


@command(session, "cancel", help="Annulla una sessione, ritira l'annuncio e avvisa chi si è iscritto.")
@SESSION
@BY
async def cancel(face: Face, session_id: str, officer: str | None) -> None:
    """Call a session off."""
    async with acting_at(face, officer) as node:
        await flow.call_off(await office_of(node), session_id, node.clock())
    face.emit({"session_id": session_id, "state": "cancelled"}, lambda: face.say(N_("Sessione annullata.")))
