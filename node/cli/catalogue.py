"""``rete catalogue list | show | announce | withdraw``: what the administrations announce, and this office's own announcements.

In: words and filters as options; a JSON file of any type of the catalogue, without owner and revision. Out: tables; with --json the documents of
node/web/catalogue.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from node import runtime
from node.cli import marked
from node.cli.frame import Face, approved, command
from node.cli.officer import BY, acting_at
from node.domain.programme.announcement import KIND_TITLES, KINDS, LINE_TITLES, STATE_TITLES, State
from node.domain.query import LIMIT_DEFAULT, LIMIT_MAX
from node.errors import N_, CallerError, plain
from node.flows.logs import prove
from node.flows.programme import announce as flow
from node.flows.programme import catalogue as search
from node.flows.programme.announce import Announced
from node.flows.programme.catalogue import Found, Item
from node.runtime import current_own
from node.web.catalogue import found_document, item_document

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
FILE_MAX_BYTES = 128 * 1024
ID_SHOWN = 8


@click.group("catalogue", help="Il catalogo: incontri, servizi, bandi e corsi annunciati dagli enti.")
def catalogue() -> None:
    """Hold the commands."""


@command(
    catalogue, "list", help="Cerca fra gli annunci di tutti gli enti: prima quelli aperti, poi i prossimi e i chiusi."
)
@click.argument("words", nargs=-1, metavar="[PAROLE]")
@click.option("--kind", type=click.Choice(KINDS), help="Solo annunci di questo tipo.")
@click.option("--line", type=click.Choice(tuple(LINE_TITLES)), help="Solo servizi di questa linea di assistenza.")
@click.option("--region", metavar="REGIONE", help="Solo per questa regione: codice NUTS (ITF4) o nome.")
@click.option("--owner", metavar="NODO", help="Solo di questo ente.")
@click.option("--own", is_flag=True, help="Solo di questo ufficio.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Solo in questo stato, oggi.")
@click.option(
    "--from", "from", metavar="GIORNO", help="Solo ciò che si tiene, o si può chiedere, da questo giorno (aaaa-mm-gg)."
)
@click.option("--until", metavar="GIORNO", help="Solo ciò che si tiene, o si può chiedere, fino a questo giorno.")
@click.option("--limit", metavar="N", help=f"Annunci per pagina, al massimo {LIMIT_MAX} (altrimenti {LIMIT_DEFAULT}).")
@click.option("--cursor", metavar="TESTO", help="Pagina successiva: il cursore stampato dalla precedente.")
async def list_(face: Face, words: tuple[str, ...], own: bool, **options: str | None) -> None:
    """Print one page of the catalogue."""
    if own and options["owner"]:
        raise CallerError("usage", N_("indicare --own o --owner, non tutti e due"), where="--own")
    async with runtime.open_node(face.home) as node:
        given = [("q", " ".join(words)), *((name, value) for name, value in options.items() if value is not None)]
        if own:
            given.append(("owner", node.config.node.id))
        found = await search.search(node.pool, search.read_query(given, node.clock()), node.clock())
    face.emit(found_document(found), lambda: _show_list(face, found))


def _show_list(face: Face, found: Found) -> None:
    if found.words_ignored:
        face.say(N_("Le parole cercate sono tutte troppo comuni: contano solo i filtri."))
    if not found.items:
        face.say(N_("Nessun annuncio trovato."))
        return
    columns = (N_("annuncio"), N_("titolo"), N_("che cos'è"), N_("titolare"), N_("stato"), N_("fino al"))
    total = N_("{total} annunci") if found.total_is_exact else N_("più di {total} annunci")
    face.table(face.tr(total).format(total=found.total), columns, [_row(face, item) for item in found.items])
    if found.cursor:
        # Never folded: it is there to be copied.
        click.echo(face.tr(N_("pagina successiva: --cursor {cursor}")).format(cursor=found.cursor))


def _row(face: Face, item: Item) -> tuple[object, ...]:
    made = item.announcement
    return (
        item.id[:ID_SHOWN],
        made.title["it"],
        face.tr(KIND_TITLES[made.kind]),
        item.owner,
        face.tr(STATE_TITLES[item.state]),
        f"{made.closes:%d/%m/%Y}" if made.closes else "",
    )


@command(catalogue, "show", help="Un annuncio per intero: che cosa dice, in quale registro sta.")
@click.argument("beginning", metavar="ID")
@click.option("--owner", metavar="NODO", help="Di questo ente, se più registri hanno lo stesso identificativo.")
async def show(face: Face, beginning: str, owner: str | None) -> None:
    """Show one announcement."""
    async with runtime.open_node(face.home) as node:
        item = await search.find(node.pool, beginning, node.clock(), owner)
        proof = await prove.proof_text(node.pool, item.id, item.origin, item.index)

    def human() -> None:
        made = item.announcement
        face.table(made.title["it"], ("", ""), [
            (face.tr(N_("annuncio")), item.id),
            (face.tr(N_("che cos'è")), face.tr(KIND_TITLES[made.kind])),
            (face.tr(N_("titolare")), item.owner),
            (face.tr(N_("stato")), face.tr(STATE_TITLES[item.state])),
            (face.tr(N_("regioni")), ", ".join(made.regions) or face.tr(N_("tutta Italia"))),
            *((face.tr(name), f"{day:%d/%m/%Y}") for name, day in ((N_("comincia"), made.begins), (N_("finisce"), made.ends), (N_("scadenza"), made.deadline)) if day),
            (face.tr(N_("annunciato")), f"{item.announced:%d/%m/%Y}"),
            (face.tr(N_("registro")), f"{item.origin} #{item.index}"),
            (face.tr(N_("sintesi")), made.summary["it"]),
        ])  # fmt: skip
        face.say(N_("Il contenuto intero è in --json, alla chiave «document»."))

    face.emit(item_document(item, proof), human)


@command(
    catalogue,
    "announce",
    help="Annuncia, o aggiorna se l'identificativo c'è già, ciò che dice un file JSON (session/1, service/1, call/1, course/1).",
)
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--seen", type=click.IntRange(0), metavar="N", help="La revisione che si è letta: se ce n'è una più nuova, non si cambia nulla (0: deve essere nuovo).")  # fmt: skip
@BY
async def announce(face: Face, file: Path, seen: int | None, officer: str | None) -> None:
    """Announce what a file says."""
    document = _read(file)
    async with acting_at(face, officer) as node:
        own = await current_own(node)
        done = await flow.announce(node.pool, node.config, own, node.clock(), document, seen=seen)
    made = done.announcement

    def human() -> None:
        said = N_("Annunciato: {id}, revisione {revision}.") if done.changed else N_("Già annunciato così: {id}, revisione {revision}.")  # fmt: skip
        face.say(said, id=done.id, revision=made.revision if made else 0)
        if done.doubts:
            face.say(N_("Da guardare ancora: nomi di persone, codici e recapiti non stanno negli annunci."))
            marked.show(face, done.doubts)

    face.emit({**_facts(done), "doubts": marked.values(done.doubts)}, human)


def _read(file: Path) -> dict[str, Any]:
    refused = CallerError("announcement-file-bad", N_("il file non è un annuncio in JSON"), where=str(file), hint=N_("docs/catalogue.md ha un esempio di ogni tipo"))  # fmt: skip
    try:
        if file.stat().st_size > FILE_MAX_BYTES:
            raise refused
        document = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise refused from error
    if not isinstance(document, dict):
        raise refused
    return document


def _facts(done: Announced) -> dict[str, Any]:
    revision = done.announcement.revision if done.announcement else None
    return {"id": done.id, "revision": revision, "changed": done.changed, "index": done.index}


@command(catalogue, "withdraw", help="Ritira per sempre un annuncio di questo ufficio: sparisce da ogni nodo.")
@click.argument("beginning", metavar="ID")
@click.option("--yes", is_flag=True, help="Non chiede conferma.")
@BY
async def withdraw(face: Face, beginning: str, yes: bool, officer: str | None) -> None:
    """Withdraw one of the own announcements."""
    if face.json and not yes:
        raise CallerError("confirmation-missing", N_("con --json serve --yes"), where="--yes")
    async with acting_at(face, officer) as node:
        item = await search.find(node.pool, beginning, node.clock(), node.config.node.id)
        if not yes:
            click.echo(plain(f"{item.id}: {item.announcement.title['it']}"), err=True)
            approved(face, N_("Ritirarlo per sempre da ogni nodo?"))
        done = await flow.withdraw(node.pool, await current_own(node), node.clock(), item.id)
    face.emit(_facts(done), lambda: face.say(N_("Annuncio ritirato: {id}."), id=done.id))
