"""``rete search``: ask this node's copy of the cooperation database.

In: words and filters as options. Out: a table of hits with their certainty and log position, facets below, and how
complete the answer is; with --json the same document as ``/api/v1/profiles`` (node/web/api.py). --csv and --xlsx write the
hits to files, the same bytes as the API's of the same hits (docs/exports.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.reports import areas
from node.domain.query import LIMIT_DEFAULT, LIMIT_MAX, SORTS, parse
from node.errors import N_, CallerError
from node.flows.logs import prove
from node.flows.searching.search import CERTAIN, Hit, SearchResult, find_profile
from node.flows.searching.search import search as ask
from node.flows.searching.search_rows import ROWS_MAX, follow
from node.store import whole_file
from node.store.reference import load_label_reference
from node.store.whole_file import PLAIN, WholeFile
from node.web import exports
from node.web.api import profile_document, search_document

FILE = click.Path(path_type=Path, dir_okay=False)

FACET_TITLES = {
    "territory": N_("territorio"),
    "sector": N_("settore"),
    "size": N_("dimensione"),
    "theme": N_("tema"),
    "kind": N_("tipo"),
    "owner": N_("titolare"),
    "period": N_("periodo"),
}
PARTS = {
    "words": N_("parole"),
    "theme": N_("tema"),
    "freshness": N_("novità"),
    "witnessed": N_("testimoni"),
}
MATCH_TITLES = {True: N_("certo"), False: N_("possibile")}
FACET_VALUES_SHOWN = 6
ID_SHOWN = 8
_FILTERS = (
    ("territory", "comune (ISTAT), provincia (LE), regione (ITF4 o nome), ripartizione (ITF)"),
    ("sector", "codice ATECO di ogni livello: C, 10, 10.41"),
    ("period", "anno di registrazione"),
    ("size", "2-3, 4-9 o 10+ imprese"),
    ("theme", "tema, per esempio innovation"),
    ("kind", "contract o entity"),
    ("purpose", "offer, request, joint_project o joint_call"),
    ("need", "categoria di ciò che si cerca"),
    ("offer", "categoria di ciò che si offre"),
    ("target-country", "Paese obiettivo, per esempio AL"),
    ("language", "lingua, per esempio en"),
    ("certification", "famiglia di certificazione, per esempio iso_9001"),
    ("owner", "amministrazione titolare"),
    ("maturity", "età della rete: potential, lt2, 2to5, gt5"),
    ("since", "da questo giorno in poi (aaaa-mm-gg)"),
    ("witnessed", "con testimoni: yes"),
)


@dataclass(frozen=True, slots=True)
class _Files:
    """Where hits are written, and how."""

    csv: Path | None
    xlsx: Path | None
    replace: bool

    @property
    def targets(self) -> list[tuple[Path, exports.Form]]:
        both = ((self.csv, exports.CSV), (self.xlsx, exports.XLSX))
        return [(path, form) for path, form in both if path is not None]

    def check(self) -> None:
        whole_file.check_targets((path for path, _ in self.targets), replace=self.replace)

    def write(self, result: SearchResult) -> None:
        files = [WholeFile(path, exports.table(form, result), PLAIN) for path, form in self.targets]
        whole_file.write(files, replace=self.replace)


@click.group("top", hidden=True)
def _top() -> None:
    """Hold the command."""


def filters(function: click.decorators.FC) -> click.decorators.FC:
    """Add the options that narrow a search."""
    for name, text in reversed(_FILTERS):
        function = click.option(f"--{name}", metavar="VALORE", help=f"Solo: {text}.")(function)
    return function


@command(
    _top,
    "search",
    help='Cerca nella banca dati per la cooperazione. Per escludere una parola: rete search -- olio -vino; una frase esatta sta tra "virgolette".',
)
@click.argument("words", nargs=-1, metavar="[PAROLE]")
@filters
@click.option("--sort", type=click.Choice(SORTS), help="Ordine: per pertinenza o dal più recente.")
@click.option(
    "--limit", metavar="N", help=f"Risultati per pagina, al massimo {LIMIT_MAX} (altrimenti {LIMIT_DEFAULT})."
)
@click.option("--cursor", metavar="TESTO", help="Pagina successiva: il cursore stampato dalla precedente.")
@click.option("--id", "beginning", metavar="ID", help="Mostra un profilo: il suo identificativo, o come comincia.")
@click.option("--why", is_flag=True, help="Mostra perché ogni risultato sta dov'è: quanto vale ogni parte.")
@click.option("--csv", "csv_file", type=FILE, metavar="FILE", help="Scrive i risultati in CSV, per i programmi.")
@click.option(
    "--xlsx", "xlsx_file", type=FILE, metavar="FILE", help="Scrive i risultati in XLSX, per i fogli elettronici."
)
@click.option(
    "--all", "whole", is_flag=True, help=f"Nei file, anche le pagine successive: al massimo {ROWS_MAX} righe."
)
@click.option("--force", is_flag=True, help="Sostituisce il file che c'è già.")
async def search(
    face: Face,
    words: tuple[str, ...],
    beginning: str | None,
    csv_file: Path | None,
    xlsx_file: Path | None,
    whole: bool,
    force: bool,
    why: bool,
    **options: str | None,
) -> None:
    """Print one page of hits, or one profile; write hits to files."""
    files = _Files(csv_file, xlsx_file, force)
    if whole and not files.targets:
        hint = N_("aggiungere --csv FILE o --xlsx FILE; a video si segue --cursor")
        raise CallerError("search-file-missing", N_("--all vale per i file"), hint=hint)
    if beginning is not None:
        if files.targets:
            message = N_("un profilo solo non si scrive in CSV o XLSX")
            raise CallerError("search-file-one-profile", message, hint=N_("con --id usare --json"))
        await _open(face, beginning, options["owner"])
        return
    reference = load_label_reference()
    given = [("q", " ".join(words)), *((name, value) for name, value in options.items() if value is not None)]
    # Asked before the database is opened: a typing error costs nothing.
    query = parse(given, reference)
    files.check()
    async with runtime.open_node(face.home) as node:
        now = node.clock()
        by: dict[str, Any] = {"now": now, "first": node.config.search.first_themes, "index": node.index}
        result = await ask(node.pool, query, reference, **by)
        written = await follow(node.pool, query, result, reference, **by) if whole else result
    if files.targets:
        files.write(written)
    face.emit(
        search_document(result),
        lambda: _tell_files(face, files, written) if files.targets else _show(face, result, why=why),
    )


async def _open(face: Face, beginning: str, owner: str | None) -> None:
    reference = load_label_reference()
    async with runtime.open_node(face.home) as node:
        hit = await find_profile(node.pool, beginning, reference, now=node.clock(), owner=owner)
        proof = await prove.proof_text(node.pool, hit.profile_id, hit.origin, hit.index)
    face.emit(profile_document(hit, proof), lambda: _show_profile(face, hit))


def _show_profile(face: Face, hit: Hit) -> None:
    rows = [
        (face.tr(N_("profilo")), hit.profile_id),
        (face.tr(N_("titolare")), hit.owner),
        (face.tr(N_("registro")), f"{hit.origin} #{hit.index}"),
        (face.tr(N_("testimoni")), _vouched(face, hit)),
        (face.tr(N_("pubblicato")), f"{hit.published:%d/%m/%Y}"),
        *((face.tr(FACET_TITLES.get(name, name)), label.title) for name, label in hit.labels.items()),
        (face.tr(N_("sintesi")), hit.summary),
    ]
    face.table(hit.title, ("", ""), rows)
    face.say(N_("Il contenuto intero è in --json, alla chiave «document»."))


def _tell_files(face: Face, files: _Files, written: SearchResult) -> None:
    _show_ignored(face, written)
    message = (
        N_("{file}: {rows} righe su {total}") if written.total_is_exact else N_("{file}: {rows} righe su circa {total}")
    )
    for path, _ in files.targets:
        face.say(message, file=path, rows=len(written.hits), total=written.total)
    _show_cursor(face, written)
    _show_completeness(face, written)


def _show_ignored(face: Face, result: SearchResult) -> None:
    if result.words_corrected:
        face.say(
            N_("Nessun profilo contiene queste parole; la ricerca è stata fatta per: {words}"),
            words=result.words_corrected,
        )
    if result.words_relaxed:
        face.say(N_("Nessun profilo ha tutte le parole: questi ne hanno alcune."))
    if result.words_ignored:
        face.say(N_("Le parole cercate sono tutte troppo comuni: contano solo i filtri."))
    if result.suggestion:
        face.say(N_("Forse si cercava: {words}"), words=result.suggestion)


def _show_cursor(face: Face, result: SearchResult) -> None:
    if result.cursor:
        # Never folded: it is there to be copied.
        click.echo(face.tr(N_("pagina successiva: --cursor {cursor}")).format(cursor=result.cursor))


def _show(face: Face, result: SearchResult, *, why: bool) -> None:
    _show_ignored(face, result)
    if result.hits:
        columns: tuple[str, ...] = (
            N_("profilo"),
            N_("titolo"),
            N_("titolare"),
            N_("territorio"),
            N_("esito"),
            N_("testimoni"),
        )
        rows = [_row(face, hit) for hit in result.hits]
        if why:
            columns = (*columns, N_("perché"))
            rows = [(*row, _reasons(face, hit)) for row, hit in zip(rows, result.hits, strict=True)]
        face.table(_headline(face, result), columns, rows)
    else:
        face.say(N_("Nessun profilo trovato."))
    for name, buckets in result.facets.items():
        if buckets:
            shown = " · ".join(f"{bucket.title} {bucket.count}" for bucket in buckets[:FACET_VALUES_SHOWN])
            more = " · …" if len(buckets) > FACET_VALUES_SHOWN else ""
            face.say(N_("{facet}: {values}"), facet=face.tr(FACET_TITLES[name]), values=shown + more)
    _show_cursor(face, result)
    _show_completeness(face, result)


def _headline(face: Face, result: SearchResult) -> str:
    message = N_("{total} profili") if result.total_is_exact else N_("circa {total} profili")
    return face.tr(message).format(total=result.total)


def _row(face: Face, hit: Hit) -> tuple[object, ...]:
    return (
        # Enough to open it with --id; its place in its owner's log is shown there.
        hit.profile_id[:ID_SHOWN],
        hit.title,
        hit.owner,
        areas(face, hit.labels["territory"].values),
        face.tr(MATCH_TITLES[hit.match == CERTAIN]),
        _vouched(face, hit),
    )


def _reasons(face: Face, hit: Hit) -> str:
    return " · ".join(f"{face.tr(PARTS[part.name])} {part.share:.0%}" for part in hit.why)


def _vouched(face: Face, hit: Hit) -> str:
    """Say since when witnesses vouch for a hit's place in its log, or that nobody should rely on it."""
    if hit.quarantined:
        return face.tr(N_("in quarantena"))
    return f"{hit.witnessed_at:%d/%m/%Y}" if hit.witnessed_at else face.tr(N_("non ancora"))


def _show_completeness(face: Face, result: SearchResult) -> None:
    state = result.completeness
    if not state.stale:
        face.say(N_("completezza: {nodes} nodi, tutti aggiornati"), nodes=state.nodes)
        return
    old = ", ".join(
        f"{item.owner} ({item.since:%d/%m/%Y %H:%M})" if item.since else f"{item.owner} ({face.tr(N_('mai'))})"
        for item in state.stale
    )
    message = N_("completezza: {current} nodi su {nodes} aggiornati; fermi a: {old}")
    face.say(message, current=state.current, nodes=state.nodes, old=old)
