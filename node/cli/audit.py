"""``rete audit verify | list | export``: the chain of decisions, for those who have to trust it."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

import click
import orjson

from node import runtime
from node.cli.frame import HOME_VARIABLE, Face, command
from node.errors import N_
from node.flows.upkeep import audit as flow
from node.flows.upkeep.audit import Verdict
from node.store.audit import Sought

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("audit", help="La catena delle decisioni: verifica, elenco, esportazione.")
def audit() -> None:
    """Hold the commands."""


@command(audit, "verify", help="Controlla che nessuna decisione sia stata cambiata o tolta; esce con 1 se non è così.")
@click.option("--from", "file", type=FILE, metavar="FILE", help="Un'esportazione: da sola, o contro la base dati.")
async def verify(face: Face, file: Path | None) -> None:
    """Walk the chain; exit 1 where it breaks."""
    if file is None:
        async with runtime.open_node(face.home) as node:
            found = await flow.verify(node.pool, node.home)
    else:
        events = flow.read_export(file)
        found = flow.judge_export(events)
        if found.ok and (face.home_option or os.environ.get(HOME_VARIABLE)):
            async with runtime.open_node(face.home) as node:
                found = await flow.compare(node.pool, events)
    face.emit({"ok": found.ok, **dataclasses.asdict(found)}, lambda: _tell(face, found))
    if not found.ok:
        sys.exit(1)


def _tell(face: Face, found: Verdict) -> None:
    if found.broken is None:
        face.say(N_("Catena intera: {events} eventi, l'ultimo {head}."), events=found.events, head=found.head[:16])
        return
    face.say(
        N_("CATENA ROTTA: {why} [audit-broken]."),
        why=face.tr(flow.REASONS[found.broken]).format(event=found.place, profile=found.profile),
    )
    face.say(
        N_("Non cancellare nulla: confrontare con l'ultima esportazione («rete audit verify --from FILE») e con le copie di sicurezza.")
    )  # fmt: skip


@command(audit, "list", help="Gli eventi in ordine: che cosa, chi, quando.")
@click.option("--profile", "profile_id", type=click.UUID, metavar="ID", help="Solo quelli di una scheda.")
@click.option("--kind", type=click.Choice(sorted(flow.KINDS)), help="Solo quelli di un genere.")
@click.option("--officer", metavar="NOME", help="Solo quelli decisi da questa persona.")
@click.option("--after", default=0, type=click.IntRange(0), help="Dopo questo evento.")
@click.option("--before", type=click.IntRange(1), help="Prima di questo evento, dal più nuovo.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
async def list_(
    face: Face, profile_id: object, kind: str | None, officer: str | None, after: int, before: int | None, limit: int
) -> None:
    """List events."""
    sought = Sought(str(profile_id) if profile_id else None, kind, officer)
    async with runtime.open_node(face.home) as node:
        events = await flow.list_events(node.pool, sought, after=after, before=before, limit=limit)
    told = [
        {"event_id": e.event_id, "at": e.at, "kind": e.kind, "facts": orjson.loads(e.document), "hash": e.hash.hex()}
        for e in events
    ]
    columns = (N_("evento"), N_("quando"), N_("che cosa"), N_("chi"), N_("scheda o rete"), N_("reti simili"))
    rows = [_row(face, item) for item in told]
    face.emit({"events": told}, lambda: face.table(N_("Decisioni"), columns, rows))


def _row(face: Face, item: dict[str, Any]) -> tuple[object, ...]:
    facts = item["facts"]
    what = flow.what_of(item["kind"], facts)
    when = f"{item['at'][8:10]}/{item['at'][5:7]}/{item['at'][:4]} {item['at'][11:16]}"
    about = facts.get("profile") or facts.get("network")
    return item["event_id"], when, face.tr(what), facts.get("officer"), about, facts.get("candidates")


@command(audit, "export", help="Scrive la catena intera, un evento per riga: da tenere altrove.")
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--force", is_flag=True, help="Sostituisce il file che c'è già.")
async def export(face: Face, file: Path, force: bool) -> None:
    """Write the whole chain."""
    async with runtime.open_node(face.home) as node:
        count = await flow.export(node.pool, file, force=force)
    face.emit({"file": str(file), "events": count}, lambda: face.say(N_("{events} eventi in {file}."), events=count, file=file))  # fmt: skip
