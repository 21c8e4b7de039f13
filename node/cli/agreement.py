"""``rete agreement``: the protocollo d'intesa, from its first version to its forks.

In: files, or what a home has. Out: tables and sentences; with --json the documents of docs/cli.md. What makes a first version stands in
node/cli/agreement_make.py, a next one in agreement_propose.py, signing and bringing into force in agreement_sign.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from node import runtime
from node.cli import agreement_forks, agreement_make, agreement_pin, agreement_propose, agreement_sign
from node.cli.agreement_files import FILE, FORCE, file_named, judged, read, write
from node.cli.agreement_print import (
    agreement_json,
    ballot_json,
    request_json,
    routine_json,
    show_agreement,
    show_ballot,
    show_differences,
    show_request,
    told,
)
from node.cli.agreement_propose import waiting_request
from node.cli.agreement_sign import parsed, said_of, state_of
from node.cli.frame import Face, command
from node.errors import N_, CallerError, NotFoundError, PeerWrongError
from node.flows.trust import council, enrol
from node.flows.trust.agreement_said import differences, routine_differences
from node.flows.trust.agreement_terms import InForce
from node.flows.trust.ballot import Ballot
from node.flows.trust.join import words_of
from node.protocol import agreement as wire
from node.protocol.agreement_values import Agreement
from node.protocol.routine import Routine
from node.runtime import Node
from node.store import agreement as store
from node.store import pin
from node.store.postgres import Connection, acquire

VERSIONS_SHOWN = 1_000


@click.group("agreement", help="Il protocollo d'intesa: chi è nella federazione, deciso da chi lo ha firmato.")
def agreement() -> None:
    """Hold the commands."""


agreement_make.add_to(agreement)
agreement_propose.add_to(agreement)
agreement_sign.add_to(agreement)
agreement_pin.add_to(agreement)
agreement_forks.add_to(agreement)


@command(agreement, "show", help="Il protocollo in vigore qui, o quello di un file, o una versione passata; e le proposte aperte.")  # fmt: skip
@click.argument("which", metavar="[FILE|VERSIONE]", required=False)
@click.option("-o", "--out", type=FILE, metavar="FILE", help="Scrive anche il documento, per chi lo controlla o firma altrove.")  # fmt: skip
@click.option("--entry", metavar="ID", help="Scrive solo la voce intera di un ente, con le sue chiavi, in JSON.")
@FORCE
async def show(face: Face, which: str | None, out: Path | None, entry: str | None, force: bool) -> None:
    """Show one version."""
    now = runtime.utc_now()
    file = None if which is None else file_named(which)
    ballots: list[dict[str, Any]] = []
    first: Agreement | None = None
    changes: list[str] = []
    if file is not None:
        found = parsed(file, read(file))
    else:
        async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
            state = council.place_of(node.agreement).in_force
            found = state.agreement if which is None else await _version(conn, which)
            first = wire.parse(pinned) if found.version > 1 and (pinned := pin.read(face.home)) else None
            if which is None:
                ballots = await _ballots(face, conn, state, node)
                # Against the version as it was signed: what has changed since without the council.
                changes = told(face, routine_differences(state.agreement, None, state.routine)) if state.routine else []
    if out is not None:
        write(out, found.raw, replace=force)
    if entry is not None:
        click.echo(_entry(found, entry))
        return
    facts = agreement_json(found, now) if isinstance(found, Agreement) else routine_json(found)
    if first is not None:
        facts["first"] = {"digest": first.digest, "fingerprint": " ".join(words_of(first))}
    face.emit({**facts, "routine": changes, "proposals": ballots}, lambda: _show(face, found, first, changes, ballots))


def _entry(found: Agreement | Routine, node_id: str) -> str:
    listed = [node for node in found.nodes if node.id == node_id]
    if not listed:
        raise NotFoundError(
            "agreement-node-unknown",
            N_("nessun ente del protocollo d'intesa ha l'identificativo «{node}»"),
            where=node_id,
            hint=N_("«rete agreement show» elenca gli enti"),
            node=node_id,
        )
    return orjson.dumps(wire.node_json(listed[-1]), option=orjson.OPT_INDENT_2).decode()


async def _version(conn: Connection, which: str) -> Agreement:
    """Return an applied version by its number. Raises: NotFoundError(agreement-version-unknown)."""
    number = int(which) if which.isascii() and which.isdecimal() and len(which) < 10 else 0
    found = await store.read_version(conn, number) if number else None
    if found is None:
        raise NotFoundError(
            "agreement-version-unknown",
            N_("né un file né una versione in vigore qui: «{which}»"),
            where=which[:200],
            hint=N_("«rete agreement history» elenca le versioni"),
            which=which[:200],
        )
    return wire.parse(found.raw)


async def _ballots(face: Face, conn: Connection, state: InForce, node: Node) -> list[dict[str, Any]]:
    found = await council.read_open(conn, state, node.clock())
    return [
        ballot_json(one, told(face, said_of(state, one.document))) for one in found if isinstance(one, Ballot)
    ]  # fmt: skip


def _show(
    face: Face, found: Agreement | Routine, first: Agreement | None, changes: list[str], ballots: list[dict[str, Any]]
) -> None:
    if isinstance(found, Agreement):
        show_agreement(face, found, runtime.utc_now(), first)
    else:
        face.say(N_("Modifiche ordinarie, versione {version}, di: {nodes}"), version=found.version, nodes=", ".join(node.id for node in found.nodes))  # fmt: skip
    if changes:
        face.say(N_("Modifiche ordinarie già in vigore, oltre a questa versione:"))
        show_differences(face, changes)
    for ballot in ballots:
        show_ballot(face, ballot)


@command(agreement, "diff", help="Che cosa cambia da una versione a un'altra, in parole: file o numeri di versione.")
@click.argument("before", metavar="FILE|VERSIONE")
@click.argument("after", metavar="FILE|VERSIONE")
async def diff(face: Face, before: str, after: str) -> None:
    """Say what changes between two versions."""
    old, new = await _either(face, before), await _either(face, after)
    if isinstance(old, Routine):
        raise CallerError(
            "diff-routine",
            N_("il primo dei due deve essere una versione del protocollo d'intesa"),
            where=before,
            hint=N_("le modifiche ordinarie si confrontano con la versione su cui stanno: diff VERSIONE FILE"),
        )
    state = InForce.of(old, None)
    home = await state_of(face) if isinstance(new, Routine) else None
    if home is not None and home.agreement.digest == old.digest:
        state = home
    said = told(face, said_of(state, new))
    facts = {"from": old.version, "to": new.version, "differences": said}
    face.emit(facts, lambda: show_differences(face, said))


async def _either(face: Face, which: str) -> Agreement | Routine:
    file = file_named(which)
    if file is not None:
        return parsed(file, read(file))
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        return await _version(conn, which)


@command(agreement, "history", help="Tutte le versioni in vigore qui, che cosa ciascuna ha cambiato, e le biforcazioni viste.")  # fmt: skip
async def history(face: Face) -> None:
    """Show every applied version with what it changed."""
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        council.place_of(node.agreement)
        documents = await store.versions_from(conn, 1, VERSIONS_SHOWN)
        changes, forks = await store.read_routine(conn), await store.read_forks(conn)
    rows: list[dict[str, Any]] = []
    before: Agreement | None = None
    for document in documents:
        found = wire.parse(document.raw)
        rows.append(
            {
                "version": found.version,
                "digest": found.digest,
                "applied_at": document.applied_at,
                "expires": found.expires,
                "differences": told(face, differences(before, found)),
            }
        )
        if before is None:
            council_ = found.council
            rows[-1]["first"] = {"nodes": len(found.nodes), "need": council_.threshold, "keys": len(council_.keys)}
        before = found
    facts = {
        "versions": rows,
        "routine": None if changes is None else {"version": changes.version, "applied_at": changes.applied_at},
        "forks": [
            {
                "version": fork.version,
                "digests": [wire.parse(raw).digest for raw in (fork.raw_applied, fork.raw_other)],
                "applied": fork.applied,
                "found_at": fork.found_at,
                "settled_at": fork.settled_at,
            }
            for fork in forks
        ],
    }
    face.emit(facts, lambda: _show_history(face, facts))


def _show_history(face: Face, facts: dict[str, Any]) -> None:
    for row in facts["versions"]:
        face.say(N_("Versione {version}, in vigore qui dal {when:%d/%m/%Y %H:%M}"), version=row["version"], when=row["applied_at"])  # fmt: skip
        if row["version"] == 1:
            # All of it would be new, a screen or two.
            face.say(N_("  Enti: {nodes}; consiglio, firme necessarie: {need} su {keys}. Tutto: «rete agreement show 1»."), **row["first"])  # fmt: skip
        else:
            show_differences(face, row["differences"])
    for fork in facts["forks"]:
        said = N_("BIFORCAZIONE alla versione {version}: due documenti firmati, {first} e {other}.")
        face.say(said, version=fork["version"], first=fork["digests"][0], other=fork["digests"][1])


@command(agreement, "requests", help="Le richieste di adesione in attesa, con l'impronta da confrontare per telefono.")
@click.option("--drop", metavar="IMPRONTA", help="Lascia cadere una richiesta: chi l'ha fatta lo vede.")
@click.option("--save", nargs=2, metavar="IMPRONTA FILE", help="Scrive una richiesta in un file.")
@FORCE
async def requests(face: Face, drop: str | None, save: tuple[str, str] | None, force: bool) -> None:
    """List, drop or save requests to join."""
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        if drop is not None:
            found = await waiting_request(conn, drop)
            await store.drop_request(conn, found.fingerprint)
            face.emit({"dropped": found.fingerprint}, lambda: face.say(N_("Richiesta lasciata cadere.")))
            return
        if save is not None:
            found = await waiting_request(conn, save[0])
            write(Path(save[1]), found.raw, replace=force)
            face.emit({"fingerprint": found.fingerprint, "file": save[1]})
            return
        kept = await store.read_requests(conn)
        await store.look_at_requests(conn, [one.fingerprint for one in kept], node.clock())
    shown = []
    for one in kept:
        try:
            shown.append((enrol.read(one.raw), one.received_at))
        except PeerWrongError as error:
            raise judged(Path(one.fingerprint), error) from error

    def human() -> None:
        if not shown:
            face.say(N_("Nessuna richiesta di adesione in attesa."))
        for asked, at in shown:
            show_request(face, asked, N_("Impronta da confrontare per telefono con chi chiede:"))
            face.say(N_("    ricevuta il {when:%d/%m/%Y}; confrontate le parole, per proporla: «rete agreement propose --admit {fingerprint} -o FILE»"), when=at, fingerprint=asked.fingerprint[:12])  # fmt: skip

    face.emit({"requests": [{**request_json(asked), "received_at": at} for asked, at in shown]}, human)
