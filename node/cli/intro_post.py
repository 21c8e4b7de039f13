"""``rete intro outbox | export | import``: the sealed post, and how it is carried where no network carries it.

In: another member, or a file that it wrote. Out: numbers and codes, or a file of sealed messages: whoever carries it reads nothing.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import click

from node import runtime
from node.cli import intro_print
from node.cli.frame import Face, command
from node.cli.reports import peer_unknown
from node.errors import N_, CallerError, NotFoundError
from node.flows.introductions import post
from node.flows.programme import sealed_families
from node.protocol import limits
from node.protocol import post as pages
from node.store import outbox as store
from node.store.postgres import acquire

# Refusals that are shown by code; the newest of each member.
REFUSED_SHOWN: Final = 1_000
FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


def add_to(group: click.Group) -> None:
    """Add the commands of the post."""

    @command(
        group, "outbox", help="La posta sigillata con ciascun nodo: mandati, in attesa, ricevuti, rifiutati e perché."
    )
    async def outbox(face: Face) -> None:
        """Show how the post with each member stands."""
        await _outbox(face)

    @command(
        group,
        "export",
        json=False,
        help="Scrive i messaggi sigillati che aspettano un nodo, da portare a mano o da chi fa da tramite: non li legge nessuno.",
    )
    @click.argument("peer", metavar="NODO")
    @click.option("--after", default=0, type=click.IntRange(0), help="Solo quelli dopo questo numero.")
    async def export(face: Face, peer: str, after: int) -> None:
        """Write what waits for a member."""
        await _export(face, peer, after)

    @command(group, "import", help="Riceve i messaggi sigillati che un altro nodo ha scritto con «rete intro export».")
    @click.argument("file", metavar="FILE", type=FILE)
    @click.option("--from", "peer", required=True, metavar="NODO", help="Chi li ha scritti.")
    async def import_(face: Face, file: Path, peer: str) -> None:
        """Receive what a member wrote."""
        await _import(face, file, peer)


async def _outbox(face: Face) -> None:
    documents: list[dict[str, Any]] = []
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        for box in await store.boxes(conn):
            codes = Counter(item.code for item in await store.refused(conn, box.peer, limit=REFUSED_SHOWN))
            documents.append({**dataclasses.asdict(box), "refusals": dict(sorted(codes.items()))})
    face.emit({"boxes": documents}, lambda: intro_print.show_boxes(face, documents))


async def _export(face: Face, peer: str, after: int) -> None:
    async with runtime.open_node(face.home) as node:
        if peer not in {member.id for member in node.membership.peers}:
            raise peer_unknown(node.config, peer)
        raw = await post.export(node.pool, peer, after)
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()
    page = pages.parse(raw, after, ahead=None)
    last = page.messages[-1].number if page.messages else after
    said = N_("Messaggi: {count}; l'ultimo ha il numero {last}.")
    # Not on standard output, where the file goes.
    click.echo(face.tr(said).format(count=len(page.messages), last=last), err=True)
    if page.more:
        click.echo(face.tr(N_("Ce ne sono altri: «--after {last}».")).format(last=last), err=True)


def _read(file: Path) -> bytes:
    most = limits.OUTBOX_REPLY_MAX_BYTES
    try:
        if str(file) == "-":
            raw = sys.stdin.buffer.read(most + 1)
        else:
            with file.open("rb") as opened:
                raw = opened.read(most + 1)
    except FileNotFoundError as error:
        raise NotFoundError("file-not-found", N_("il file non c'è"), where=str(file)) from error
    if len(raw) > most:
        raise CallerError(
            "file-too-large", N_("il file è più grande di quanto «rete intro export» scrive"), where=str(file)
        )
    return raw


async def _import(face: Face, file: Path, peer: str) -> None:
    raw = _read(file)
    async with runtime.open_node(face.home) as node, node.session() as session:
        if peer not in {member.id for member in node.membership.peers}:
            raise peer_unknown(node.config, peer)
        carrier = node.carrier(session, sealed_families.exchange(node.office(), node.clock))
        asked = await post.import_(carrier, peer, raw)
    value = {"peer": peer, "received": asked.received, "refused": asked.refused}
    face.emit(
        value,
        lambda: face.say(
            N_("Messaggi: {received}; rifiutati: {refused}."), received=asked.received, refused=asked.refused
        ),
    )
