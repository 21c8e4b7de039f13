"""``rete sync``: pull now, with progress on standard error."""

from __future__ import annotations

import dataclasses

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from node import runtime
from node.cli.frame import Face, command
from node.cli.reports import own_status, peer_unknown, problem_line
from node.errors import N_, RoadWrongError, plain
from node.flows.logs.bodies import Progress as ShowProgress
from node.flows.logs.pull import PullReport
from node.flows.logs.sync import sync_peers

STAGES = {"entries": N_("voci"), "bodies": N_("profili")}


@click.group("top", hidden=True)
def _top() -> None:
    """Hold the command."""


@command(_top, "sync", help="Preleva ora le novità degli altri nodi.")
@click.option("--peer", "peer", metavar="ID", help="Solo questo nodo.")
async def sync(face: Face, peer: str | None) -> None:
    """Pull every peer, or one, now; exit 1 when any of them failed."""
    async with runtime.open_node(face.home) as node:
        if peer is not None and peer not in {known.id for known in node.config.peers}:
            raise peer_unknown(node.config, peer)
        bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            console=face.err,
            transient=True,
            disable=face.json or not face.err.is_terminal,
        )

        def show(name: str) -> ShowProgress:
            name = plain(name)
            task = bars.add_task(name, total=None)

            def update(stage: str, done: int, total: int) -> None:
                bars.update(task, description=f"{name}: {face.tr(STAGES[stage])}", completed=done, total=total)

            return update

        async with node.session() as session:
            runtime.settle_memory()
            status = own_status(face, node)
            with bars:
                reports = await sync_peers(node.syncer(session, show), owner=peer, force=True)
    face.emit({"peers": [_facts(report) for report in reports], "own_status": status}, lambda: _table(face, reports))
    failed = [report for report in reports if report.error_code]
    if failed:
        raise RoadWrongError(
            "sync-incomplete",
            N_("{failed} nodi su {total} non sincronizzati"),
            hint=N_("«rete peer list» mostra il motivo, «rete peer ping ID» percorre la strada passo per passo"),
            failed=len(failed),
            total=len(reports),
        )


def _facts(report: PullReport) -> dict[str, object]:
    facts = dataclasses.asdict(report)
    facts["contradiction"] = report.contradiction is not None
    return facts


def _table(face: Face, reports: list[PullReport]) -> None:
    face.table(
        "",
        (N_("nodo"), N_("voci nuove"), N_("profili nuovi"), N_("registro"), N_("richieste"), N_("esito")),
        [
            (r.owner, r.entries, r.bodies, r.size, r.requests, face.tr(N_("NO") if r.error_code else N_("aggiornato")))
            for r in reports
        ],
    )
    for report in reports:
        if report.error_code:
            problem_line(face, report.owner, report.error or "", report.error_code)
