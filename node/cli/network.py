"""``rete network import | list | show | history | export | template | document``: the administration's own, private register."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import click

from node import runtime
from node.cli.counts import (
    NETWORKS,
    NETWORKS_CHANGED,
    NETWORKS_LEFT_OUT,
    NETWORKS_NEW,
    NETWORKS_OUTSIDE,
    NETWORKS_UNCHANGED,
    ROWS_MORE,
    ROWS_READ,
    ROWS_REFUSED,
    counted,
)
from node.cli.frame import Face, command
from node.cli.network_documents import document, show_history
from node.cli.officer import BY, acting_at, deciding, name_of
from node.cli.record import show_networks, show_record
from node.cli.reports import SHOWN, problem_rows, problem_table
from node.domain import template as layout
from node.domain.network import legal_effect_on
from node.errors import N_
from node.flows.profiles.versions import record_of
from node.flows.registry import intake
from node.flows.registry.intake import ImportPlan
from node.store import registry, spreadsheet
from node.store.postgres import acquire

FILE = click.Path(path_type=Path, dir_okay=False)
FORCE = click.option("--force", is_flag=True, help="Sostituisce il file, se c'è già.")


@click.group("network", help="Registro (privato) delle reti dell'amministrazione.")
def network() -> None:
    """Hold the network commands."""


@command(
    network,
    "import",
    help="Importa reti da un file: prova a vuoto; con --apply scrive. Le reti con righe rifiutate restano come sono; le altre "
    "entrano tutte insieme, o nessuna.",
)
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--apply", "apply_", is_flag=True, help="Scrive davvero, in una sola transazione.")
@click.option("--all", "everything", is_flag=True, help="Anche le reti fuori dal territorio del nodo.")
@BY
async def import_(face: Face, file: Path, apply_: bool, everything: bool, officer: str | None) -> None:
    """Import networks, or say what an import would do."""
    config = runtime.read_config(face.home)
    found = await asyncio.to_thread(intake.read_file, file, config, everything=everything)
    async with acting_at(face, officer) if apply_ else runtime.open_node(face.home) as node:
        plan = await intake.import_networks(node.pool, found, node.clock(), apply=apply_)
    value = {
        "layout": plan.layout,
        "applied": plan.applied,
        "rows": plan.rows,
        "new": len(plan.new),
        "changed": len(plan.changed),
        "unchanged": plan.unchanged,
        "outside_territory": plan.outside,
        "refused": plan.refused,
        "left_out": [{"name": name, "in_register": known} for name, known in plan.left],
        "problems": problem_rows(plan.problems),
    }
    face.emit(value, lambda: _tell_import(face, plan))


def _tell_import(face: Face, plan: ImportPlan) -> None:
    """Say what an import did or would do, what is wrong or doubtful in the file, and what comes next."""
    problem_table(face, plan.problems)
    for name, known in plan.left[:SHOWN]:
        kept, skipped = N_("«{name}»: nel registro resta com'è."), N_("«{name}»: non viene importata.")
        face.say(kept if known else skipped, name=name)
    if len(plan.left) > SHOWN:
        face.say(counted(face, len(plan.left) - SHOWN, ROWS_MORE))
    if not plan.rows:
        empty = N_("Nessuna rete nel modello: riempire il foglio «Reti»."), N_("Nessuna rete nell'elenco.")
        face.say(empty[0 if plan.layout == "template" else 1])
        return
    face.say(
        N_("{rows}: {new}, {changed}, {unchanged}, {outside}, {left}; {refused}."),
        rows=counted(face, plan.rows, ROWS_READ), new=counted(face, len(plan.new), NETWORKS_NEW),
        changed=counted(face, len(plan.changed), NETWORKS_CHANGED),
        unchanged=counted(face, plan.unchanged, NETWORKS_UNCHANGED), outside=counted(face, plan.outside, NETWORKS_OUTSIDE),
        left=counted(face, len(plan.left), NETWORKS_LEFT_OUT), refused=counted(face, plan.refused, ROWS_REFUSED),
    )  # fmt: skip
    if not plan.new and not plan.changed:
        face.say(N_("Niente da scrivere."))
    elif plan.applied:
        face.say(N_("Scritto nel registro."))
    else:
        face.say(N_("Prova a vuoto: nulla è stato scritto. Ripetere con --apply."))
    if plan.refused:
        face.say(N_("Correggere le righe rifiutate e ripetere: ciò che è già nel registro non cambia."))


@command(network, "list", help="Elenca le reti del registro.")
@click.option("--name", help="Solo le reti il cui nome contiene questo testo.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
async def list_(face: Face, name: str | None, limit: int) -> None:
    """List networks by name."""
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        networks = await registry.list_networks(conn, name=name, limit=limit)
    face.emit({"networks": networks}, lambda: show_networks(face, networks))


@command(network, "show", help="Mostra una rete con le sue imprese.")
@click.argument("network_id", metavar="ID")
async def show(face: Face, network_id: str) -> None:
    """Show one whole record."""
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        network_id, record = await record_of(conn, network_id)
    effect = legal_effect_on(record.members)
    value = {
        "network_id": network_id,
        **dataclasses.asdict(record),
        "register_id": record.register_id,
        "legal_effect_on": effect,
    }

    face.emit(value, lambda: show_record(face, network_id, record))


@command(network, "history", help="Che cosa è successo a una rete: chi ha cambiato quali campi, imprese, documenti.")
@click.argument("network_id", metavar="ID")
async def history(face: Face, network_id: str) -> None:
    """Show a network's history, the newest first."""
    await show_history(face, network_id)


network.add_command(document)


@command(
    network,
    "export",
    help="Scrive il registro in un foglio elettronico (xlsx, csv) che si può modificare e reimportare.",
)
@click.argument("file", type=FILE, metavar="FILE")
@FORCE
@BY
async def export(face: Face, file: Path, force: bool, officer: str | None) -> None:
    """Export all networks in the template's layout."""
    async with deciding(face) as node:
        count = await intake.export_networks(node.pool, file, officer=name_of(officer), replace=force)
    face.emit(
        {"file": str(file), "networks": count},
        lambda: face.say(N_("Scritto {file}: {networks}."), file=file, networks=counted(face, count, NETWORKS)),
    )


@command(network, "template", help="Scrive il modello di foglio elettronico da riempire (xlsx, csv).")
@click.argument("file", type=FILE, metavar="FILE")
@FORCE
def template(face: Face, file: Path, force: bool) -> None:
    """Write the empty template."""
    spreadsheet.write_sheets(file, layout.sheets_of([]), replace=force)
    face.emit({"file": str(file)}, lambda: face.say(N_("Scritto {file}."), file=file))
