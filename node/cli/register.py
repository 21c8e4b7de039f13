"""``rete register load | remove | generate | list``: the public list of network contracts, by snapshot."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import click

from node import runtime
from node.cli.counts import BLOCKS, CONTRACTS, FIRMS, ROWS, counted
from node.cli.frame import Face, command
from node.cli.reports import problem_rows, problem_table
from node.errors import N_
from node.flows.registry import register as flow
from node.store import population
from node.store.postgres import acquire

DAY = click.DateTime(["%Y-%m-%d"])
FILE = click.Path(path_type=Path, dir_okay=False)


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
    if done.partition_version is not None:
        blocks = counted(face, done.blocks, BLOCKS)
        face.say(N_("Partizione {version}: {blocks}."), version=done.partition_version, blocks=blocks)
    if done.partition_day is not None:
        face.say(N_("Edizione più vecchia: la partizione resta quella del {day}."), day=done.partition_day)
    elif done.superseded_by is not None:
        face.say(N_("Edizione più vecchia di quella del {day}: non se ne fa una partizione."), day=done.superseded_by)
    if done.refusal:
        face.say(N_("Nessuna partizione: {reason}. I profili restano in attesa."), reason=done.refusal)


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
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--seed", default=1, show_default=True, type=int, help="Stesso seme, stesso elenco.")
@click.option(
    "--contracts", default=9630, show_default=True, type=click.IntRange(1, 200_000), help="Numero di contratti."
)
@click.option("--force", is_flag=True, help="Sostituisce il file, se c'è già.")
def generate(face: Face, file: Path, seed: int, contracts: int, force: bool) -> None:
    """Write a generated register."""
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
