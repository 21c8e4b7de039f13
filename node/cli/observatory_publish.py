"""``rete observatory publish | told``: statistics of tier 2 leave this node, and who told which.

In: a home. Out: what left or would leave; which members told which table; the documents as they were signed, as files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from node import runtime
from node.cli.frame import Face, command
from node.domain.observatory.plan import PLAN
from node.errors import N_
from node.flows.observatory import federation, publish
from node.flows.observatory.publish import TableTurn, Way
from node.store import statistics, whole_file
from node.store.postgres import acquire
from node.store.whole_file import WholeFile

WAYS = {
    Way.FIRST: N_("prima comunicazione"),
    Way.AGAIN: N_("comunicata di nuovo"),
    Way.REPEATED: N_("ripetuta com'era: il registro firmato l'aveva perduta"),
    Way.ADOPTED: N_("ripresa dal registro firmato; non parte nulla"),
    Way.NOT_DUE: N_("già comunicata"),
}
DRY_RUN = click.option("--dry-run", is_flag=True, help="Solo mostrare che cosa partirebbe.")
TRUST_CLOCK = click.option(
    "--trust-clock", is_flag=True, help="L'ora di questa macchina è stata controllata ed è giusta (statistics-clock)."
)
BODIES = click.option(
    "--bodies",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="CARTELLA",
    help="Scrivere i documenti di tutti i nodi in questa cartella, un file ciascuno.",
)


def add_to(group: click.Group) -> None:
    """Add the commands to ``rete observatory``."""

    @command(group, "publish", help="Pubblica le statistiche del trimestre concluso, una volta sola, con il segreto.")
    @DRY_RUN
    @TRUST_CLOCK
    async def publish_(face: Face, *, dry_run: bool, trust_clock: bool) -> None:
        """Let what is due leave."""
        async with runtime.open_node(face.home) as node:
            own, terms = await runtime.current_own(node), node.membership.terms
            work = publish.preview if dry_run else publish.publish_due
            turns = await work(node.pool, own, node.statistics_key, terms, node.clock(), trust_clock=trust_clock)
        face.emit({"dry_run": dry_run, "tables": [_facts(turn) for turn in turns]}, lambda: _tell(face, turns, dry_run))

    @command(group, "told", help="Quali nodi hanno comunicato quali statistiche, e per quale trimestre.")
    @BODIES
    async def told(face: Face, bodies: Path | None) -> None:
        """Show who told."""
        async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
            found = await federation.read(conn, node.clock())
            members = await statistics.members(conn)
            written = 0 if bodies is None else _write(bodies, await statistics.bodies(conn, PLAN))
        facts = [_coverage(covered, members) for covered in found.coverage]

        def human() -> None:
            columns = (
                N_("tabella"),
                N_("trimestre"),
                N_("comunicata da"),
                N_("mancano"),
                N_("non leggibili"),
                N_("con numeri cambiati"),
            )
            rows = [
                (
                    f["table"],
                    f["day"] or "-",
                    *(", ".join(f[name]) for name in ("told", "missing", "refused", "retold")),
                )
                for f in facts
            ]
            face.table("", columns, rows)

        face.emit({"known": len(members), "tables": facts, "written": written}, human)


def _facts(turn: TableTurn) -> dict[str, Any]:
    return {
        "table": turn.table,
        "way": turn.way.value,
        "leaves": turn.leaves,
        "day": turn.day.isoformat(),
        "renewed": turn.renewed,
        "cells": [{"at": list(place), "value": value} for place, value in turn.values.items()],
    }


def _tell(face: Face, turns: list[TableTurn], dry_run: bool) -> None:
    columns = (N_("tabella"), N_("trimestre"), N_("che cosa succede"), N_("celle"), N_("celle cambiate"))
    rows = [(t.table, t.day.isoformat(), face.tr(WAYS[t.way]), len(t.values), t.renewed) for t in turns]
    face.table("", columns, rows)
    if dry_run:
        face.say(N_("Prova: non è partito nulla."))


def _coverage(covered: federation.Coverage, members: list[str]) -> dict[str, Any]:
    return {
        "table": covered.table,
        "day": covered.day.isoformat() if covered.day else None,
        "told": list(covered.told),
        "missing": sorted(set(members) - set(covered.told)),
        "refused": list(covered.refused),
        # By member how often it told other numbers for the same day.
        "retold": dict(covered.retold),
    }


def _write(folder: Path, found: list[statistics.Body]) -> int:
    """Write documents as ``<member>/<year>/<index>.json``; return how many."""
    files = [
        WholeFile(folder / Path(body.owner).name / body.origin.rpartition("/")[2] / f"{body.idx}.json", body.body)
        for body in found
    ]
    for file in files:
        file.path.parent.mkdir(parents=True, exist_ok=True)
    whole_file.write(files, replace=True)
    return len(files)
