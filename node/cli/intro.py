"""``rete intro``: introductions, from a request to its outcome, and the sealed post that carries them.

In: what an officer decides, at a terminal. Out: tables and timelines; with --json the documents of node/web/introduction_documents.py.
What is done in a case that is there stands in node/cli/intro_deeds.py, what is carried by hand in node/cli/intro_post.py.
"""

from __future__ import annotations

from typing import Any

import click

from node import runtime
from node.cli import intro_deeds, intro_post, intro_print
from node.cli.frame import Face, command
from node.cli.officer import BY, deciding, name_of
from node.domain.introduction import Party, State
from node.domain.vocabulary import PURPOSES
from node.errors import N_
from node.flows.introductions import asking, casefile, deeds
from node.flows.introductions.asking import Wish
from node.flows.introductions.casefile import list_cases
from node.flows.introductions.caseid import whole_id
from node.store import introductions
from node.store.introductions import Sought
from node.store.postgres import acquire
from node.store.reference import load_label_reference
from node.web.introduction_documents import case_document, listed_document

PURPOSE = click.Choice(sorted(PURPOSES))
NETWORK = click.option(
    "--network", "network_id", required=True, metavar="RETE", help="La rete del registro per cui si chiede."
)
TEXT = click.option("--text", required=True, help="Che cosa si cerca, in parole che non fanno riconoscere nessuno.")


@click.group("intro", help="Contatti tra reti: chiederli, esaminarli, raccogliere i consensi, seguirne l'esito.")
def intro() -> None:
    """Hold the commands."""


@command(intro, "list", help="I contatti, l'ultimo cambiato per primo.")
@click.option("--waiting", is_flag=True, help="Solo quelli in cui tocca a questo ufficio.")
@click.option("--state", type=click.Choice([str(state) for state in State]), help="Solo quelli a questo punto.")
@click.option("--party", type=click.Choice([str(party) for party in Party]), help="Chiesti da noi, o a noi.")
@click.option("--peer", metavar="NODO", help="Solo con questo ufficio.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
async def list_(face: Face, waiting: bool, state: str | None, party: str | None, peer: str | None, limit: int) -> None:
    """List cases."""
    sought = Sought(Party(party) if party else None, (State(state),) if state else None, waiting, peer)
    async with runtime.open_node(face.home) as node:
        found = await list_cases(node.office(), sought, limit, node.clock())
    documents = [listed_document(item) for item in found]
    face.emit({"introductions": documents}, lambda: intro_print.show_list(face, documents))


@command(
    intro, "show", help="Un contatto: che cosa è stato detto, che cosa si può fare ora, chi è l'altra parte se è noto."
)
@click.argument("introduction", metavar="CONTATTO")
async def show(face: Face, introduction: str) -> None:
    """Show one case."""
    async with runtime.open_node(face.home) as node:
        office = node.office()
        opened = await casefile.read(office, await whole_id(office, introduction))
        document = case_document(opened, node.clock(), await casefile.offered(office, opened.row, opened.may))
    face.emit(document, lambda: intro_print.show_case(face, document))


@command(
    intro, "ask", help="Prepara la bozza di una richiesta; nulla esce finché «rete intro endorse» non la convalida."
)
@click.argument("profile_id", metavar="SCHEDA")
@NETWORK
@TEXT
@click.option("--purpose", type=PURPOSE, default="request", show_default=True, help="Per che cosa.")
@BY
async def ask(face: Face, profile_id: str, network_id: str, text: str, purpose: str, officer: str | None) -> None:
    """Draft a request."""
    owner, one = asking.profile_in(profile_id)
    wish = Wish(one, text, purpose, network_id, owner=owner)
    async with deciding(face) as node:
        made = await asking.begin(node.office(), wish, name_of(officer), node.clock(), load_label_reference())
    face.emit(
        {"introduction_id": made, "state": str(State.DRAFT)},
        lambda: face.say(N_("Bozza {id}. Ora: «rete intro endorse {id}»."), id=made),
    )


@command(
    intro,
    "propose",
    help="Prepara le bozze di un progetto comune: una richiesta per ciascuna scheda, da due a quattro.",
)
@click.argument("profiles", metavar="SCHEDA...", nargs=-1, required=True)
@NETWORK
@TEXT
@click.option("--purpose", type=PURPOSE, default="joint_project", show_default=True, help="Per che cosa.")
@BY
async def propose(
    face: Face, profiles: tuple[str, ...], network_id: str, text: str, purpose: str, officer: str | None
) -> None:
    """Draft the linked requests of a joint project."""
    async with deciding(face) as node:
        project, made = await asking.propose(
            node.office(), network_id, profiles, text, name_of(officer), node.clock(), load_label_reference(), purpose
        )

    def human() -> None:
        face.say(N_("Progetto {project}: {count} bozze, da convalidare una per una:"), project=project, count=len(made))
        for case in made:
            face.say("{id}", id=case)

    face.emit({"project_id": project, "introductions": made}, human)


@command(intro, "rewrite", help="Riscrive il testo di una bozza.")
@click.argument("introduction", metavar="CONTATTO")
@TEXT
@click.option("--purpose", type=PURPOSE, help="Per che cosa; altrimenti resta quello di prima.")
@BY
async def rewrite(face: Face, introduction: str, text: str, purpose: str | None, officer: str | None) -> None:
    """Write a draft's text anew."""
    # Asked for as of every decision, though a draft has no history yet.
    name_of(officer)
    async with deciding(face) as node:
        office = node.office()
        case = await whole_id(office, introduction)
        kept = (await casefile.read(office, case)).row.request
        await deeds.rewrite(office, case, text, purpose or str(kept.get("purpose", "request")), node.clock())
    face.emit({"introduction_id": case, "state": str(State.DRAFT)}, lambda: face.say(N_("Bozza riscritta.")))


@command(intro, "discard", help="Cancella una bozza mai inviata.")
@click.argument("introduction", metavar="CONTATTO")
@BY
async def discard(face: Face, introduction: str, officer: str | None) -> None:
    """Delete a draft."""
    name_of(officer)
    async with deciding(face) as node:
        office = node.office()
        case = await whole_id(office, introduction)
        await deeds.discard(office, case)
    face.emit({"introduction_id": case, "discarded": True}, lambda: face.say(N_("Bozza cancellata.")))


@command(
    intro,
    "counts",
    help="Quanti contatti a che punto e con quale esito. Solo per l'ufficio: numeri piccoli non sono protetti.",
)
async def counts(face: Face) -> None:
    """Count cases by party, state and outcome."""
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        found = await introductions.count_cases(conn, node.clock())
    rows: list[dict[str, Any]] = [
        {
            "party": str(item.party),
            "state": str(item.state),
            "outcome": item.outcome,
            "cases": item.cases,
            "waiting": item.waiting,
        }
        for item in found
    ]
    face.emit({"counts": rows}, lambda: intro_print.show_counts(face, rows))


intro_deeds.add_to(intro)
intro_post.add_to(intro)
