"""``rete keys show | rotate | retire | revoke``: this node's own keys, and the documents by which the others hear of a change.

In: a role. Out: a new key file where one is needed, and a document that the secretariat or the council signs; nothing is in force before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from node import runtime
from node.cli.agreement_files import FILE, FORCE, write
from node.cli.frame import Face, command
from node.errors import N_, CallerError
from node.flows.trust import keys_shown, rotate
from node.flows.trust.peer_card import seal_line
from node.flows.trust.rotate import Change, Rotation
from node.runtime import Node
from node.store import keyfiles, pin

ROLE = click.argument("role", metavar="RUOLO", type=click.Choice(keyfiles.ROLES))
OUT = click.option(
    "-o", "--out", type=FILE, metavar="FILE", help="File da scrivere (altrimenti per esempio http-rotate.json)."
)
_NEXT = {
    rotate.ROUTINE: N_("Ora firma la segreteria («rete agreement sign {out} --key CHIAVE --base BASE»; BASE lo scrive «rete agreement show -o BASE»), poi «rete agreement submit {out}»."),
    rotate.ROOT: N_("Ora firma il consiglio («rete agreement sign {out} --key CHIAVE --base BASE»; BASE lo scrive «rete agreement show -o BASE»), poi «rete agreement submit {out}»."),
}  # fmt: skip
# Each step has a file of its own: the one before may be under way still.
_STEM = {rotate.ROTATED: "rotate", rotate.RETIRED: "retire", rotate.REVOKED: "revoke"}
_DONE = {
    rotate.ROTATED: N_("La chiave {key} è pronta; la modifica che la fa conoscere agli altri nodi è in {out}."),
    rotate.RETIRED: N_("La modifica che lascia la sola chiave {key} è in {out}."),
    rotate.REVOKED: N_("La proposta che toglie le chiavi vecchie, e mette {key} al loro posto, è in {out}."),
}


@click.group("keys", help="Le chiavi di questo nodo: quali ci sono, quali gli altri conoscono, come si cambiano.")
def keys_group() -> None:
    """Hold the key commands."""


@command(keys_group, "show", help="Le chiavi di questo nodo: file, parte pubblica, impronta, quali gli altri conoscono e quale parla.")  # fmt: skip
async def show(face: Face) -> None:
    """Show all keys; private halves never."""
    async with runtime.open_node(face.home) as node:
        own = await runtime.current_own(node)
        state = None if node.agreement is None else node.agreement.in_force
        entry = None if state is None else state.node(node.config.node.id)
        found = keys_shown.all_keys(node.ring, entry, own.origin, node.config.federation.authority)
        listed = state is None or entry is not None
        version = None if state is None else state.agreement.version
    facts = {
        "agreement": version,
        "member": listed,
        "keys": [
            {
                "role": one.role, "file": one.file or None, "public": one.public, "fingerprint": one.fingerprint,
                "listed": listed and one.listed, "speaks": one.speaks, "until_size": one.until_size,
            }
            for one in found
        ],
    }  # fmt: skip
    face.emit(facts, lambda: _show(face, facts))


def _show(face: Face, facts: dict[str, Any]) -> None:
    columns = (N_("ruolo"), N_("file"), N_("elencata"), N_("parla"), N_("impronta"))
    yes, no, missing = face.tr(N_("sì")), face.tr(N_("no")), face.tr(N_("manca qui"))
    rows = [
        (
            one["role"], one["file"] or missing,
            (yes if one["until_size"] is None else face.tr(N_("fino a {size} voci")).format(size=one["until_size"]))
            if one["listed"] else no,
            yes if one["speaks"] else no, one["fingerprint"],
        )
        for one in facts["keys"]
    ]  # fmt: skip
    face.table("", columns, rows)
    if facts["agreement"] is None:
        face.say(N_("Questo nodo vive delle tabelle [[peer]]: vale solo la prima chiave di ogni ruolo."))
    elif not facts["member"]:
        face.say(N_("Questo nodo non è ancora nel protocollo d'intesa: nessuna sua chiave è elencata."))


@command(keys_group, "rotate", help="Fa la prossima chiave di un ruolo e scrive la modifica con cui gli altri nodi la conosceranno.")  # fmt: skip
@ROLE
@click.option("--lost", is_flag=True, help="La chiave di prima è perduta: non è più in questa cartella.")
@OUT
@FORCE
async def rotate_(face: Face, role: str, lost: bool, out: Path | None, force: bool) -> None:
    """Make the next key, and the change that lists it."""
    home = face.home
    if pin.read(home) is None:
        await _rotate_alone(face, role)
        return
    if lost:
        _make_missing(home, role)
    async with _rotation(home) as (_, change):
        made = change.rotate(role, lost=lost)
    _emit(face, made, out, replace=force)


@command(keys_group, "retire", help="Scrive la modifica che toglie le chiavi vecchie di un ruolo, quando tutti conoscono la nuova.")  # fmt: skip
@ROLE
@OUT
@FORCE
async def retire(face: Face, role: str, out: Path | None, force: bool) -> None:
    """Let the old keys go."""
    async with _rotation(face.home) as (node, change):
        made = await change.retire(role, node.pool)
    _emit(face, made, out, replace=force)


@command(keys_group, "revoke", help="Chiave rubata: scrive la proposta con cui il consiglio la toglie e ne mette un'altra.")  # fmt: skip
@ROLE
@click.option("--until-size", type=click.IntRange(min=0), metavar="N", help="Solo per log: fino a quante voci vale ciò che la chiave ha firmato.")  # fmt: skip
@OUT
@FORCE
async def revoke(face: Face, role: str, until_size: int | None, out: Path | None, force: bool) -> None:
    """Have the council take keys away."""
    if until_size is not None and role != "log":
        raise CallerError("usage", N_("--until-size è solo per il ruolo log"), where="--until-size")
    async with _rotation(face.home) as (node, change):
        made = await change.revoke(role, node.pool, until_size)
    _emit(face, made, out, replace=force)


@asynccontextmanager
async def _rotation(home: Path) -> AsyncIterator[tuple[Node, Rotation]]:
    async with runtime.open_node(home) as node:
        if node.agreement is None:
            raise _alone()
        own = await runtime.current_own(node)
        state = node.agreement.in_force
        waiting = await rotate.waiting(node.pool)
        yield node, Rotation(node.ring, state, node.config.node.id, own.origin, node.clock(), waiting)


def _alone() -> CallerError:
    return CallerError(
        "keys-need-agreement",
        N_("questo nodo vive delle tabelle [[peer]]: lì ogni ruolo ha una chiave sola, che non si cambia"),
        hint=N_("con un protocollo d'intesa le chiavi si cambiano senza interruzioni: docs/keys.md"),
    )


async def _rotate_alone(face: Face, role: str) -> None:
    """Change the seal key of a node that lives by [[peer]] tables: the one role in which the others need not agree before."""
    if role != keyfiles.SEAL_ROLE:
        raise _alone()
    config = runtime.read_config(face.home)
    made = await asyncio.to_thread(keyfiles.rotate_seal, face.home / config.federation.keys, runtime.utc_now())
    line = seal_line(made)
    facts = {"action": rotate.ROTATED, "role": role, "kind": "peer", "key_file": "seal.pem", "seal": line}
    face.emit(facts, lambda: _show_seal(face, line))


def _show_seal(face: Face, line: str) -> None:
    face.say(N_("La chiave «seal» è cambiata; la vecchia resta nella cartella per aprire ciò che arriva ancora."))
    face.say(N_("Riavviare il nodo, e mandare agli altri questa riga per il loro [[peer]]:"))
    face.out.print(line, markup=False, highlight=False, soft_wrap=True)


def _make_missing(home: Path, role: str) -> None:
    """Make a key where a role has none at all: without one of each role no home opens."""
    folder = home / runtime.read_config(home).federation.keys
    if folder.is_dir() and not keyfiles.numbers(folder, role):
        keyfiles.add(folder, role)


def file_of(role: str, action: str) -> Path:
    """Return the file that a change is written to where none was named."""
    return Path(f"{role}-{_STEM[action]}.json")


def _emit(face: Face, made: Change, out: Path | None, *, replace: bool) -> None:
    path = out or file_of(made.role, made.action)
    write(path, made.raw, replace=replace)
    facts = {
        "action": made.action, "role": made.role, "kind": made.kind, "key_file": made.file, "old_keys": made.old,
        "file": str(path),
    }  # fmt: skip

    def human() -> None:
        face.say(_DONE[made.action], key=made.file, out=path)
        face.say(_NEXT[made.kind], out=path)
        if made.action == rotate.ROTATED and made.role != keyfiles.SEAL_ROLE:
            face.say(N_("Dopo qualche giorno, quando tutti la conoscono: «rete keys retire {role}»."), role=made.role)

    face.emit(facts, human)
