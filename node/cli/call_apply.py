"""``rete call apply | applications | application | withdraw | document``: applications at this office.

In: a network of the register, amounts, single undertakings, files. Out: what was received or refused, with its protocol number. Names are
private: they are shown to who calls, and stand in no log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.officer import BY, acting_at
from node.domain import documents as kinds
from node.domain.documents import Described
from node.domain.programme.eligibility import told
from node.errors import N_, CallerError
from node.flows.programme import applying
from node.flows.programme.applying import Wish
from node.flows.registry import documents as files
from node.flows.registry.documents import Bounds
from node.store import whole_file
from node.store.calls import Application
from node.store.whole_file import SECRET, WholeFile
from node.web.call_documents import application_document, opened_document

FILE = click.Path(path_type=Path, dir_okay=False)
CALL = click.argument("call_id", metavar="BANDO")
APPLICATION = click.argument("application_id", metavar="DOMANDA")
# A list of undertakings, typed by hand.
LINES_MAX_BYTES = 1024 * 1024


def add_to(group: click.Group) -> None:
    """Add the commands of applications."""
    _add_arrival(group)
    _add_lists(group)
    _add_document(group)


def _add_arrival(group: click.Group) -> None:
    @command(group, "apply", help="Riceve una domanda: prende un numero di protocollo anche se il bando la esclude.")
    @CALL
    @click.option("--network", "network_id", required=True, metavar="RETE", help="La rete del registro che fa domanda.")
    @click.option("--amount", required=True, metavar="EURO", help="Il contributo chiesto.")
    @click.option(
        "--undertakings", required=True, type=FILE, metavar="FILE",
        help="Le imprese uniche: una per riga, codice; parte in euro; aaaa-mm-gg=importo di ogni aiuto avuto.",
    )  # fmt: skip
    @click.option("--document", "documents", multiple=True, metavar="GENERE:FILE", help="Un allegato e che cos'è.")
    @BY
    async def apply(
        face: Face, call_id: str, network_id: str, amount: str, undertakings: Path, documents: tuple[str, ...], officer: str | None
    ) -> None:  # fmt: skip
        """Receive an application."""
        async with acting_at(face, officer) as node:
            bounds = files.bounds_of(node.config)
            lines = await asyncio.to_thread(files.read_file, undertakings, Bounds(LINES_MAX_BYTES, LINES_MAX_BYTES))
            wish = Wish(
                network_id,
                applying.amount(amount, "--amount"),
                applying.undertaking_lines(_text(lines)),
                tuple([await asyncio.to_thread(_attached, one, bounds) for one in documents]),
            )
            found = await applying.apply(node.pool, node.config.node.id, call_id, wish, bounds, node.clock())
        face.emit(application_document(found), lambda: _say(face, found))


def _add_lists(group: click.Group) -> None:
    @command(group, "applications", help="Le domande arrivate a questo ufficio per un bando.")
    @CALL
    async def applications(face: Face, call_id: str) -> None:
        """List applications."""
        async with runtime.open_node(face.home) as node:
            found = await applying.list_all(node.pool, call_id)
        face.emit({"applications": [application_document(one) for one in found]}, lambda: _table(face, found))

    @command(group, "application", help="Una domanda con le imprese uniche e gli allegati.")
    @APPLICATION
    async def application(face: Face, application_id: str) -> None:
        """Show an application."""
        async with runtime.open_node(face.home) as node:
            found = await applying.read(node.pool, application_id)

        def human() -> None:
            _table(face, [found.application])
            face.table(N_("Imprese uniche"), (N_("codice"), N_("parte")), [(one.code, f"{one.part:.2f}") for one in found.undertakings])  # fmt: skip
            face.table(N_("Allegati"), (N_("documento"), N_("titolo"), N_("genere")), [(one["document_id"], one["title"], one["kind"]) for one in found.documents])  # fmt: skip

        face.emit(opened_document(found), human)

    @command(group, "withdraw", help="Ritira una domanda per sempre, su richiesta della rete.")
    @APPLICATION
    @BY
    async def withdraw(face: Face, application_id: str, officer: str | None) -> None:
        """Take an application out."""
        async with acting_at(face, officer) as node:
            found = await applying.withdraw(node.pool, application_id, node.clock())
        face.emit(application_document(found), lambda: face.say(N_("Domanda {protocol} ritirata."), protocol=found.protocol))  # fmt: skip


def _add_document(group: click.Group) -> None:
    @command(
        group, "document", help="Scrive un allegato di una domanda in un file, che può leggere solo chi lo scrive."
    )
    @APPLICATION
    @click.argument("document_id", metavar="DOCUMENTO")
    @click.argument("file", type=FILE, metavar="FILE")
    @click.option("--force", is_flag=True, help="Sostituisce il file, se c'è già.")
    async def document(face: Face, application_id: str, document_id: str, file: Path, force: bool) -> None:
        """Take a document away."""
        whole_file.check_targets([file], replace=force)
        async with runtime.open_node(face.home) as node:
            found = await applying.take(node.pool, application_id, document_id)
        await asyncio.to_thread(whole_file.write, [WholeFile(file, found.content, SECRET)], replace=force)
        value = {
            "file": str(file),
            "file_name": found.file_name,
            "media_type": found.media_type,
            "bytes": len(found.content),
        }
        face.emit(value, lambda: face.say(N_("Scritto {file}."), file=file))


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CallerError("undertakings-bad", N_("il file delle imprese uniche non è testo UTF-8"), where="--undertakings") from error  # fmt: skip


def _attached(text: str, bounds: Bounds) -> tuple[Described, bytes]:
    kind, sign, name = text.partition(":")
    if not sign:
        raise CallerError(
            "document-kind-unknown", N_("di ogni allegato si dice che cos'è: GENERE:FILE"), where="--document",
            hint=N_("generi: {kinds}"), kinds=", ".join(kinds.KINDS),
        )  # fmt: skip
    path = Path(name)
    return kinds.describe(path.stem, kind, None, path.name), files.read_file(path, bounds)


def _say(face: Face, found: Application) -> None:
    face.say(N_("Protocollo {protocol}, domanda {id}."), protocol=found.protocol, id=found.application_id)
    for sentence in told(found.reasons):
        face.say(N_("Non partecipa: {why}."), why=face.tr(sentence))


def _table(face: Face, found: Sequence[Application]) -> None:
    columns = (N_("domanda"), N_("protocollo"), N_("rete"), N_("chiesto"), N_("stato"))
    rows = [
        (one.application_id, one.protocol, one.network, f"{one.requested:.2f}", face.tr(state_of(one))) for one in found
    ]
    face.table(N_("Domande"), columns, rows)


def state_of(one: Application) -> str:
    """Return how an application stands, as a catalogue id."""
    if one.withdrawn_at is not None:
        return N_("ritirata")
    if one.reasons:
        return N_("esclusa")
    return N_("valutata") if one.is_scored else N_("ricevuta")
