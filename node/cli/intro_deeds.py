"""``rete intro endorse | check | question | answer | forward | accept | decline | consent | revoke | follow-up | outcome | withdraw``.

In: a case and what somebody decided in it. Out: the case as it stands then. One command for each deed that a page has a button for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from node.cli import intro_print
from node.cli.frame import Face, approved, command
from node.cli.officer import BY, deciding, name_of
from node.domain.introduction import (
    DECLINE_REASONS,
    FOLLOW_UP_DAYS,
    OUTCOMES,
    PROFILE_WITHDRAWN,
    WITHDRAW_REASONS,
    Kind,
    State,
)
from node.domain.introduction_texts import STATE_TITLES
from node.errors import N_, CallerError
from node.flows.introductions import casefile, deeds
from node.flows.introductions.caseid import whole_id
from node.flows.introductions.deeds import Deed
from node.web.introduction_documents import moved_document

HELP = {
    Kind.REQUEST: "Convalida una bozza e la invia all'altro ufficio, senza nomi.",
    Kind.CHECK: "Prende in esame una richiesta ricevuta.",
    Kind.QUESTION: "Chiede chiarimenti all'ufficio che ha chiesto il contatto.",
    Kind.ANSWER: "Risponde ai chiarimenti chiesti.",
    Kind.FORWARD: "Segna che la richiesta è stata proposta alla rete, senza dire chi chiede.",
    Kind.ACCEPT: "Segna che la rete accetta: ora si raccolgono i consensi.",
    Kind.DECLINE: "Rifiuta, con un motivo.",
    Kind.CONSENT: "Registra il consenso della propria parte, e chi l'altra potrà contattare.",
    Kind.REVOKE: "Revoca il consenso: ciò che l'altro ufficio ha ricevuto viene cancellato.",
    Kind.FOLLOW_UP: "Registra come procede dopo 30, 90 o 180 giorni.",
    Kind.OUTCOME: "Registra l'esito e conclude.",
    Kind.WITHDRAW: "Ritira la richiesta, con un motivo.",
}
_REASONS = [reason for reason in WITHDRAW_REASONS if reason != PROFILE_WITHDRAWN]
SURE = click.option(
    "--sure",
    is_flag=True,
    help="Per tutte le parole dubbie del testo: sono state guardate, nessuna fa riconoscere qualcuno.",
)
TEXT = click.option("--text", default="", help="Due parole per l'altro ufficio, senza nomi.")
WORDS = click.option("--text", required=True, help="Il testo per l'altro ufficio, senza nomi.")
OPTIONS: dict[Kind, tuple[Any, ...]] = {
    Kind.REQUEST: (SURE,),
    Kind.QUESTION: (WORDS, SURE),
    Kind.ANSWER: (WORDS, SURE),
    Kind.ACCEPT: (TEXT, SURE),
    Kind.DECLINE: (
        click.option("--reason", "detail", required=True, type=click.Choice(list(DECLINE_REASONS)), help="Il motivo."),
        TEXT,
        SURE,
    ),
    Kind.CONSENT: (
        click.option("--person", required=True, help="Chi ha dato il consenso."),
        click.option("--contact-person", required=True, help="Chi l'altra parte potrà contattare."),
        click.option("--role", default="", help="Il suo ruolo."),
        click.option("--email", default="", help="La sua posta; serve questa o il telefono."),
        click.option("--phone", default="", help="Il suo telefono."),
        click.option("--yes", is_flag=True, help="Non chiede conferma."),
    ),
    Kind.FOLLOW_UP: (
        click.option(
            "--days",
            "detail",
            required=True,
            type=click.Choice([str(day) for day in FOLLOW_UP_DAYS]),
            help="Giorni dalla presentazione.",
        ),
        TEXT,
        SURE,
    ),
    Kind.OUTCOME: (
        click.option("--outcome", "detail", required=True, type=click.Choice(list(OUTCOMES)), help="L'esito."),
        TEXT,
        SURE,
    ),
    Kind.WITHDRAW: (
        click.option("--reason", "detail", required=True, type=click.Choice(_REASONS), help="Il motivo."),
        TEXT,
        SURE,
    ),
}


def add_to(group: click.Group) -> None:
    """Add a command for each deed."""
    for kind in HELP:
        _add(group, kind)


def _add(group: click.Group, kind: Kind) -> None:
    async def run(face: Face, introduction: str, officer: str | None, **given: Any) -> None:
        asks = kind is Kind.CONSENT and not given.get("yes")
        if asks and face.json:
            raise CallerError("confirmation-missing", N_("con --json serve --yes"), where="--yes")
        await _do(face, introduction, _deed(kind, given), officer, asks=asks)

    wrapped = BY(run)
    for option in reversed(OPTIONS.get(kind, ())):
        wrapped = option(wrapped)
    wrapped = click.argument("introduction", metavar="CONTATTO")(wrapped)
    command(group, intro_print.command_of(kind), help=HELP[kind])(wrapped)


def _deed(kind: Kind, given: dict[str, Any]) -> Deed:
    contact = {
        "person": given.get("contact_person", ""),
        **{name: given.get(name, "") for name in ("role", "email", "phone")},
    }
    return Deed(
        kind,
        text=given.get("text", ""),
        detail=given.get("detail", ""),
        person=given.get("person", ""),
        contact=contact,
        sure=given.get("sure", False),
    )


async def _do(face: Face, introduction: str, deed: Deed, officer: str | None, *, asks: bool) -> None:
    async with deciding(face) as node:
        office = node.office()
        case_id = await whole_id(office, introduction)
        opened = await casefile.read(office, case_id)
        me, told = opened.row.party, await casefile.offered(office, opened.row, opened.may)
        if deed.kind is Kind.CONSENT and told is not None:
            intro_print.show_consent(face, {**told, "contact": deed.contact})
            if asks:
                approved(face, N_("Registrare questo consenso?"))
            # Recorded is what was shown, or nothing.
            deed = replace(deed, seen=casefile.seen_of(opened.row, opened.may, told))
        case = await deeds.act(office, case_id, deed, name_of(officer), node.clock())
    document = moved_document(case_id, case, me)

    def human() -> None:
        face.say(N_("Ora: {state}."), state=face.tr(STATE_TITLES[State(document["state"])]))

    face.emit(document, human)
