"""``rete register load | load-history | remove | generate | list``: the public list of network contracts, by snapshot."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import click

from node import runtime
from node.cli.counts import BLOCKS, CONTRACTS, FIRMS, ROWS, counted
from node.cli.frame import Face, command
from node.cli.reports import problem_rows, problem_table
from node.domain.observatory import codes
from node.errors import N_, plain
from node.flows.registry import past
from node.flows.registry import register as flow
from node.flows.registry.counting import Difference
from node.store import population
from node.store.postgres import acquire

DAY = click.DateTime(["%Y-%m-%d"])
FILE = click.Path(path_type=Path, dir_okay=False)
PLACE = click.Path(path_type=Path)
TOLD_EVENTS = ("born", "ended", "renumbered", "corrected", "members-changed")


@click.group("register", help="Elenco pubblico dei contratti di rete: la popolazione contro cui si misura l'anonimato.")
def register() -> None:
    """Hold the register commands."""


@command(register, "load", help="Carica un'edizione dell'elenco e costruisce la partizione del territorio.")
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--snapshot", type=DAY, required=True, help="Data dell'elenco (aaaa-mm-gg).")
@click.option("--replace", is_flag=True, help="Sostituisce l'edizione di quella data, se nessun profilo ne dipende.")
@click.option("--accept-shrunk", is_flag=True, help="Accetta un elenco con molti contratti in meno del precedente.")
async def load(face: Face, file: Path, snapshot: dt.datetime, replace: bool, accept_shrunk: bool) -> None:
    """Load one snapshot."""
    config = runtime.read_config(face.home)
    del config  # a wrong configuration is said before a long read
    found = await asyncio.to_thread(flow.read_list, file)
    async with runtime.open_node(face.home) as node:
        done = await flow.load_register(
            node.pool, node.config, found, snapshot.date(), node.clock(), replace=replace, accept_shrunk=accept_shrunk
        )
    value = {
        "snapshot": done.taken_on,
        "networks": done.networks,
        "firms": done.firms,
        "stored": done.stored,
        "partition_version": done.partition_version,
        "blocks": done.blocks,
        "held_because": done.refusal,
        "superseded_by": done.superseded_by,
        "problems": problem_rows(done.problems),
        "since": done.difference.since,
        "changes": done.difference.changes,
    }
    face.emit(value, lambda: _tell_load(face, done))


def _tell_load(face: Face, done: flow.Loaded) -> None:
    """Say what was stored, which partition leads, and what is doubtful in the file."""
    problem_table(face, done.problems)
    if not done.stored:
        face.say(N_("Questa edizione era già caricata: nulla è cambiato."))
    face.say(
        N_("Elenco del {day}: {contracts}, {firms}."),
        day=done.taken_on,
        contracts=counted(face, done.networks, CONTRACTS),
        firms=counted(face, done.firms, FIRMS),
    )
    _tell_difference(face, done.difference)
    if done.partition_version is not None:
        blocks = counted(face, done.blocks, BLOCKS)
        face.say(N_("Partizione {version}: {blocks}."), version=done.partition_version, blocks=blocks)
    if done.partition_day is not None:
        face.say(N_("Edizione più vecchia: la partizione resta quella del {day}."), day=done.partition_day)
    elif done.superseded_by is not None:
        face.say(N_("Edizione più vecchia di quella del {day}: non se ne fa una partizione."), day=done.superseded_by)
    if done.refusal:
        face.say(N_("Nessuna partizione: {reason}. I profili restano in attesa."), reason=done.refusal)


def _tell_difference(face: Face, difference: Difference) -> None:
    if difference.changes is not None:
        told = (f"{difference.changes.get(event, 0)} {face.tr(codes.EVENTS[event])}" for event in TOLD_EVENTS)
        face.say(N_("Rispetto all'elenco del {day}: {changes}."), day=difference.since, changes=", ".join(told))


@command(register, "remove", help="Toglie un'edizione dell'elenco da cui non dipende nulla, con la sua partizione.")
@click.option("--snapshot", type=DAY, required=True, help="Data dell'elenco (aaaa-mm-gg).")
async def remove(face: Face, snapshot: dt.datetime) -> None:
    """Remove one snapshot."""
    async with runtime.open_node(face.home) as node:
        done = await flow.remove_snapshot(node.pool, snapshot.date())
    value = {"snapshot": done.taken_on, "newest": done.newest, "partition_version": done.partition_version}

    def human() -> None:
        face.say(N_("Tolto l'elenco del {day}."), day=done.taken_on)
        if done.newest is not None:
            again = N_(
                "Il più nuovo è ora quello del {day}: ricaricarlo, se la sua partizione manca in «rete register list»."
            )
            face.say(again, day=done.newest)

    face.emit(value, human)


@command(register, "generate", help="Scrive un elenco nazionale inventato, nel formato camerale (xls, xlsx, csv).")
@click.argument("file", type=PLACE, metavar="FILE")
@click.option("--seed", default=1, show_default=True, type=int, help="Stesso seme, stesso elenco.")
@click.option(
    "--contracts", default=9630, show_default=True, type=click.IntRange(1, 200_000), help="Numero di contratti."
)
@click.option(
    "--history",
    "years",
    metavar="ANNI",
    help="Scrive nella cartella FILE un elenco per anno, per esempio 2013-2024, con i totali pubblicati.",
)
@click.option("--force", is_flag=True, help="Sostituisce il file, se c'è già.")
def generate(face: Face, file: Path, seed: int, contracts: int, years: str | None, force: bool) -> None:
    """Write a generated register, of one day or of many years."""
    if years is not None:
        _generate_history(face, file, years, seed, force=force)
        return
    rows = flow.generate_file(file, contracts=contracts, seed=seed, replace=force)
    value = {"file": str(file), "contracts": contracts, "rows": rows, "seed": seed}
    face.emit(
        value,
        lambda: face.say(
            N_("Scritto {file}: {contracts}, {rows}."),
            file=file,
            contracts=counted(face, contracts, CONTRACTS),
            rows=counted(face, rows, ROWS),
        ),
    )


def _generate_history(face: Face, folder: Path, years: str, seed: int, *, force: bool) -> None:
    written = []
    for item in past.generate_history(folder, past.years_of(years), seed=seed, replace=force):
        written.append({"file": str(item.path), "snapshot": item.day, "contracts": item.contracts, "rows": item.rows})
        face.say(
            N_("Scritto {file}: {contracts}, {rows}."),
            file=item.path,
            contracts=counted(face, item.contracts, CONTRACTS),
            rows=counted(face, item.rows, ROWS),
        )
    face.emit({"folder": str(folder), "seed": seed, "files": written})


@command(
    register, "load-history", help="Carica le edizioni di più anni: una cartella, o file chiamati con la loro data."
)
@click.argument("paths", type=PLACE, nargs=-1, required=True, metavar="CARTELLA_O_FILE...")
@click.option(
    "--replace", is_flag=True, help="Sostituisce le edizioni già caricate e diverse, se nessun profilo ne dipende."
)
@click.option("--accept-shrunk", is_flag=True, help="Accetta un elenco con molti contratti in meno del precedente.")
async def load_history(face: Face, paths: tuple[Path, ...], replace: bool, accept_shrunk: bool) -> None:
    """Load the snapshots of many years."""
    files = past.files_of(paths)

    def told(path: Path, number: int, of: int) -> None:
        if not face.json:
            said = face.tr(N_("{number} di {of}: {file}")).format(number=number, of=of, file=plain(path))
            face.err.print(said, markup=False, highlight=False)

    async with runtime.open_node(face.home) as node:
        done = await past.load_history(
            node.pool, node.config, files, node.clock(), replace=replace, accept_shrunk=accept_shrunk, told=told
        )
    value = {
        "editions": [
            {
                "file": str(item.path),
                "snapshot": item.loaded.taken_on,
                "networks": item.loaded.networks,
                "firms": item.loaded.firms,
                "stored": item.loaded.stored,
                "problems": problem_rows(item.loaded.problems),
                "since": item.difference.since,
                "changes": item.difference.changes,
            }
            for item in done
        ]
    }
    face.emit(value, lambda: _tell_history(face, done))


def _tell_history(face: Face, done: list[past.Past]) -> None:
    """Say of each edition what it holds and what changed since the one before it."""
    rows = []
    for item in done:
        changes = item.difference.changes or {}
        problems = item.loaded.problems
        rows.append(
            (
                item.loaded.taken_on,
                item.loaded.networks,
                item.loaded.firms,
                *(changes.get(event, "-") for event in TOLD_EVENTS),
                sum(p.fatal for p in problems),
            )
        )
    events = (codes.EVENTS[event] for event in TOLD_EVENTS)
    columns = (N_("data"), N_("contratti"), N_("adesioni"), *events, N_("righe rifiutate"))
    face.table(N_("Edizioni, ognuna rispetto a quella prima"), columns, rows)
    loaded = sum(item.loaded.stored for item in done)
    face.say(N_("Caricate {loaded} edizioni su {of}; le altre c'erano già."), loaded=loaded, of=len(done))
    if any(item.loaded.problems for item in done):
        face.say(N_("Le righe dubbie o rifiutate di ogni file: --json, o «rete register load» sul file."))


@command(register, "list", help="Le edizioni caricate e le loro partizioni.")
async def list_(face: Face) -> None:
    """List the snapshots."""
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        snapshots = await population.list_snapshots(conn)
    rows = [(s["taken_on"], s["networks"], s["firms"], s["partition_version"] or "-") for s in snapshots]
    columns = (N_("data"), N_("contratti"), N_("imprese"), N_("partizione"))

    def human() -> None:
        if rows:
            face.table(N_("Elenco pubblico"), columns, rows)
        else:
            face.say(N_("Nessun elenco caricato: «rete register load FILE --snapshot DATA»."))

    face.emit({"snapshots": snapshots}, human)
