"""``rete network document add | list | get | delete`` and ``rete network history``: what is attached to a network, and what became of it.

In: a network's id, files of this machine, who acts. Out: tables or JSON. Names and titles are private: they are shown to who calls,
and stand in no log.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from node import runtime
from node.cli.counts import DOCUMENTS, FIRMS, counted
from node.cli.frame import Face, approved, command
from node.cli.help import SpokenGroup
from node.cli.officer import BY, acting_at
from node.cli.record import Words
from node.domain import documents as kinds
from node.domain.rows import parse_date
from node.errors import N_, CallerError
from node.flows.registry import documents as flow
from node.flows.registry import keeping
from node.flows.upkeep.audit import what_of
from node.store import whole_file
from node.store.documents import Kept
from node.store.whole_file import SECRET, WholeFile

FILE = click.Path(path_type=Path, dir_okay=False)
NETWORK = click.argument("network_id", metavar="RETE")
DOCUMENT = click.argument("document_id", metavar="DOCUMENTO")


@click.group("document", cls=SpokenGroup, help="Documenti di una rete: contratto, statuto, verbali, certificati.")
def document() -> None:
    """Hold the commands."""


@command(
    document,
    "add",
    help="Aggiunge un documento a una rete; con --replaces è la nuova versione di un altro, che resta sotto.",
)
@NETWORK
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--kind", required=True, type=click.Choice(sorted(kinds.KINDS)), help="Che documento è.")
@click.option("--title", help="Titolo; altrimenti il nome del file.")
@click.option("--date", "dated_on", metavar="GG/MM/AAAA", help="Data del documento.")
@click.option("--replaces", metavar="DOCUMENTO", help="Il documento di cui questo è la nuova versione.")
@BY
async def add(
    face: Face,
    network_id: str,
    file: Path,
    kind: str,
    title: str | None,
    dated_on: str | None,
    replaces: str | None,
    officer: str | None,
) -> None:
    """Attach a file."""
    day = parse_date(dated_on) if dated_on else None
    if dated_on and day is None:
        raise CallerError("date-bad", N_("data non valida: serve gg/mm/aaaa"), where="--date")
    told = kinds.describe(title or file.stem, kind, day, file.name)
    async with acting_at(face, officer) as node:
        bounds = flow.bounds_of(node.config)
        content = await asyncio.to_thread(flow.read_file, file, bounds)
        document_id = await flow.add(node.pool, network_id, told, content, bounds, node.clock(), replaces=replaces)
    face.emit(
        {"document_id": document_id, "network_id": network_id, "bytes": len(content)},
        lambda: face.say(N_("Documento aggiunto: {id}."), id=document_id),
    )


@command(document, "list", help="Elenca i documenti di una rete, con le versioni di prima.")
@NETWORK
async def list_(face: Face, network_id: str) -> None:
    """List documents."""
    async with runtime.open_node(face.home) as node:
        found = await flow.list_documents(node.pool, network_id)
    face.emit({"documents": [dataclasses.asdict(item) for item in found]}, lambda: _show(face, found))


def _show(face: Face, found: Sequence[Kept]) -> None:
    if not found:
        face.say(N_("Nessun documento."))
        return
    words = Words(face)
    # As many as fit beside a whole identifier; the rest is in --json.
    columns = (N_("documento"), N_("titolo"), N_("genere"), N_("versione"), N_("data"))
    rows = [
        (item.document_id, item.title, words.title(kinds.KINDS, item.kind), item.number, words.day(item.dated_on))
        for item in found
    ]
    face.table(N_("Documenti"), columns, rows)


@command(document, "get", help="Scrive un documento in un file, che può leggere solo chi lo scrive.")
@NETWORK
@DOCUMENT
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--force", is_flag=True, help="Sostituisce il file, se c'è già.")
@BY
async def get(face: Face, network_id: str, document_id: str, file: Path, force: bool, officer: str | None) -> None:
    """Take a document away."""
    whole_file.check_targets([file], replace=force)
    async with acting_at(face, officer) as node:
        found = await flow.take(node.pool, network_id, document_id)
    await asyncio.to_thread(whole_file.write, [WholeFile(file, found.content, SECRET)], replace=force)
    value = {
        "file": str(file),
        "file_name": found.file_name,
        "media_type": found.media_type,
        "bytes": len(found.content),
    }
    face.emit({**value, "sha256": found.sha256.hex()}, lambda: face.say(N_("Scritto {file}."), file=file))


@command(
    document, "delete", help="Cancella un documento: quello di oggi con le sue versioni di prima, una di prima da sola."
)
@NETWORK
@DOCUMENT
@click.option("--yes", is_flag=True, help="Non chiede conferma.")
@BY
async def delete(face: Face, network_id: str, document_id: str, yes: bool, officer: str | None) -> None:
    """Delete a document for ever."""
    if not yes and face.json:
        raise CallerError("confirmation-missing", N_("con --json serve --yes"), where="--yes")
    if not yes:
        approved(face, N_("Cancellare per sempre?"))
    async with acting_at(face, officer) as node:
        gone = await flow.delete(node.pool, network_id, document_id)
    face.emit(
        {"document_id": document_id, "deleted": gone},
        lambda: face.say(N_("Cancellato: {documents}."), documents=counted(face, gone, DOCUMENTS)),
    )


async def show_history(face: Face, network_id: str) -> None:
    """Show what became of a network."""
    async with runtime.open_node(face.home) as node:
        found = await keeping.history(node.pool, network_id)
    columns = (N_("quando"), N_("chi"), N_("che cosa"), N_("in particolare"))
    rows = [(f"{row['at']:%d/%m/%Y %H:%M}", row["officer"], face.tr(told_of(row)), _detail(face, row)) for row in found]
    face.emit({"history": found}, lambda: face.table(N_("Storia"), columns, rows))


def told_of(row: dict[str, Any]) -> str:
    """Return what a line of a history tells, as a catalogue id."""
    return what_of("document" if row["source"] == "document" else "network", row)


def _detail(face: Face, row: dict[str, Any]) -> str:
    if row["source"] == "document":
        return Words(face).title(kinds.KINDS, row["document_kind"])
    firms = (
        (N_("entrate: {firms}"), row["begun"]),
        (N_("uscite: {firms}"), row["ended"]),
        (N_("corrette: {firms}"), row["corrected"]),
    )
    said = [", ".join(row["fields"]), *(face.tr(text).format(firms=counted(face, len(ids), FIRMS)) for text, ids in firms if ids)]  # fmt: skip
    if row["source"] != "officer":
        said.append(face.tr(N_("per importazione")))
    return "; ".join(filter(None, said))
