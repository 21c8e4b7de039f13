"""``rete agreement settle``: what the council says when asked which of two signed documents of one version stands.

In: a version and a digest. Out: a home that goes on by that document. Nobody's program can know which of the two is meant.
"""

from __future__ import annotations

from pathlib import Path

import click

from node import runtime
from node.cli.agreement_files import FILE, FORCE, YES, confirm, judged, write
from node.cli.agreement_print import show_differences, told
from node.cli.frame import Face, command
from node.errors import N_, NotFoundError, PeerWrongError
from node.flows.trust import agreement_fork, council
from node.flows.trust.agreement_said import differences
from node.protocol import agreement as wire
from node.protocol.agreement_values import Agreement
from node.store import agreement as store
from node.store.postgres import Connection, acquire


def add_to(group: click.Group) -> None:
    """Add the commands of this file."""

    @command(group, "settle", help="Dopo una biforcazione: quale dei due documenti vale, sentito il consiglio.")
    @click.argument("version", type=click.IntRange(1, 2**31 - 1), metavar="VERSIONE")
    @click.argument("digest", metavar="IMPRONTA")
    @click.option("-o", "--out", type=FILE, metavar="FILE", help="Scrive soltanto quel documento, senza decidere.")
    @YES
    @FORCE
    async def settle(face: Face, version: int, digest: str, out: Path | None, yes: bool, force: bool) -> None:
        """Let one document of a forked version stand."""
        async with runtime.open_node(face.home) as node:
            place = council.place_of(node.agreement)
            async with acquire(node.pool) as conn:
                chosen = await _chosen(conn, version, digest)
                before = await store.read_version(conn, version - 1)
            if out is not None:
                write(out, chosen.raw, replace=force)
                face.emit({"file": str(out), "version": version, "digest": chosen.digest})
                return
            said = told(face, differences(None if before is None else wire.parse(before.raw), chosen))
            face.say(N_("Varrà questo documento della versione {version}:"), version=version)
            show_differences(face, said)
            confirm(face, N_("Il consiglio ha detto che vale questo?"), yes=yes)
            try:
                changed = await agreement_fork.settle(node.pool, place, version, chosen.digest, node.clock())
            except PeerWrongError as error:
                raise judged(Path(chosen.digest), error) from error
        facts = {"version": version, "digest": chosen.digest, "changed": changed}
        face.emit(facts, lambda: face.say(N_("Deciso: si va avanti da questo documento.")))


async def _chosen(conn: Connection, version: int, digits: str) -> Agreement:
    """Return the document of an open fork whose digest begins so. Raises: NotFoundError(fork-unknown)."""
    forks = [fork for fork in await store.read_forks(conn) if fork.version == version and fork.settled_at is None]
    documents = {wire.parse(raw).digest: raw for fork in forks for raw in (fork.raw_applied, fork.raw_other)}
    found = [raw for digest, raw in documents.items() if len(digits) >= 8 and digest.startswith(digits)]
    if len(found) != 1:
        raise NotFoundError(
            "fork-unknown",
            N_("nessuna biforcazione aperta con quella versione e quell'impronta"),
            where=f"{version} {digits[:64]}",
            hint=N_("«rete agreement history» elenca le biforcazioni; bastano otto cifre dell'impronta"),
        )
    return wire.parse(found[0])
