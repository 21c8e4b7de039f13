"""``rete match``: partners for a network or a profile, with the reasons, and groups for a joint project.

In: an identifier. Out: a table of partners with what each part earned; with --json the same document as ``/api/v1/matches``.
"""

from __future__ import annotations

import sys

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.reports import areas
from node.domain import vocabulary
from node.domain.matching import ABROAD, ANSWERED, ASKED, COMPLEMENTARY, THEMES, Link, Part
from node.domain.theme import THEME_TITLES
from node.errors import N_, CallerError
from node.flows.searching import match as flow
from node.flows.searching import seek
from node.flows.searching.match import Fit, Matches, Suggestion
from node.store.reference import load_label_reference
from node.web.matches import matches_document, suggestions_document

ID_SHOWN = 8
REASONS = {
    ANSWERED: N_("offre ciò che serve: {values}"),
    ASKED: N_("cerca ciò che si offre: {values}"),
    ABROAD: N_("stessi Paesi: {values}"),
    COMPLEMENTARY: N_("sa fare altro: {values}"),
    THEMES: N_("stessi temi: {values}"),
}


@click.group("top", hidden=True)
def _top() -> None:
    """Hold the command."""


@command(
    _top,
    "match",
    help="Partner per una rete o una scheda: chi offre ciò che le serve e cerca ciò che offre, in altri territori.",
)
@click.argument("subject", metavar="[RETE o SCHEDA]", required=False)
@click.option("--suggest", is_flag=True, help="Propone gruppi da tre a cinque reti per un progetto comune.")
@click.option("--own", "own_too", is_flag=True, help="Anche tra le schede della stessa amministrazione.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 100))
async def match(face: Face, subject: str | None, suggest: bool, own_too: bool, limit: int) -> None:
    """Print partners, or groups."""
    if subject is None and not suggest:
        raise CallerError(
            "match-subject-missing",
            N_("per chi? manca la rete o la scheda"),
            hint=N_("«rete match RETE», oppure «rete match --suggest» per le proprie schede"),
        )
    reference = load_label_reference()
    async with runtime.open_node(face.home) as node:
        if subject is None:
            groups = await flow.suggest_own(node.pool, node.config, reference, now=node.clock(), limit=limit)
        else:
            document = await seek.document_of(node.pool, node.config, subject, reference, node.clock())
            if not suggest:
                found = await flow.match(node.pool, document, reference, now=node.clock(), limit=limit, own_too=own_too)
                face.emit(matches_document(found), lambda: _show(face, found))
                return
            groups = await flow.suggest(node.pool, document, reference, now=node.clock(), limit=limit)
    face.emit(suggestions_document(groups), lambda: _show_groups(face, groups))


def _show(face: Face, found: Matches) -> None:
    if not found.fits:
        face.say(N_("Nessun partner trovato."))
    else:
        columns = (N_("profilo"), N_("titolo"), N_("titolare"), N_("territorio"), N_("punteggio"))
        face.table("", columns, [_row(face, fit) for fit in found.fits])
        # Reasons stand in lines of their own: a sixth column would leave none of them readable.
        for fit in found.fits:
            face.say("{id}: {why}", id=fit.document["id"][:ID_SHOWN], why=_why(face, fit))
    if not found.complete:
        face.say(N_("Confrontate le {count} schede più adatte e più recenti: ce ne sono altre."), count=found.compared)


def _row(face: Face, fit: Fit) -> tuple[object, ...]:
    document = fit.document
    return (
        document["id"][:ID_SHOWN],
        document["title"]["it"],
        fit.owner,
        areas(face, document["labels"]["territory"]["values"]),
        f"{fit.match.score:.2f}",
    )


def _why(face: Face, fit: Fit) -> str:
    return "; ".join(_reason(face, part) for part in fit.match.parts if part.values and part.name in REASONS)


def _reason(face: Face, part: Part) -> str:
    return face.tr(REASONS[part.name]).format(values=", ".join(_title(face, part.name, value) for value in part.values))


def _title(face: Face, part: str, value: str) -> str:
    if part in (ANSWERED, ASKED):
        return vocabulary.title(vocabulary.CATEGORIES, value, face.language)
    if part == COMPLEMENTARY:
        return vocabulary.title(vocabulary.CAPABILITIES, value, face.language)
    return face.tr(THEME_TITLES.get(value, value)) if part == THEMES else value


def _show_groups(face: Face, groups: list[Suggestion]) -> None:
    if not groups:
        face.say(N_("Nessun gruppo: servono almeno tre reti di territori diversi, con qualcosa l'una per l'altra."))
    for number, item in enumerate(groups, 1):
        names = {document["id"]: document["owner"] for document in item.documents}
        rows = [
            (d["id"][:ID_SHOWN], d["title"]["it"], d["owner"], areas(face, d["labels"]["territory"]["values"]))
            for d in item.documents
        ]
        title = face.tr(N_("Gruppo {number}, punteggio {score}")).format(number=number, score=f"{item.group.score:.2f}")
        face.table(title, (N_("profilo"), N_("titolo"), N_("titolare"), N_("territorio")), rows)
        for link in item.group.links:
            face.say(_said(face, link), giver=names[link.offers], taker=names[link.needs])
        if item.group.countries:
            face.say(N_("Paesi comuni: {countries}."), countries=", ".join(item.group.countries))
        sys.stdout.flush()


def _said(face: Face, link: Link) -> str:
    what = vocabulary.title(vocabulary.CATEGORIES, link.category, face.language)
    return face.tr(N_("{giver} → {taker}: {what}")).replace("{what}", what.replace("{", "{{").replace("}", "}}"))
