"""``rete pipeline``: the funnel of this office, from information sessions to registered networks, with the days that each stage took."""

from __future__ import annotations

from typing import Any

import click

from node import runtime
from node.cli.frame import Face, command
from node.domain.programme.aggregation import STAGE_TITLES
from node.domain.programme.funnel import Funnel
from node.errors import N_
from node.flows.programme import aggregations as flow


@click.group("top", hidden=True)
def _top() -> None:
    """Hold the command."""


def facts_of(found: Funnel) -> dict[str, Any]:
    """Return a funnel as JSON tells it; days as text, null where nothing was timed."""
    return {
        "sessions": found.before.sessions,
        "enrolled": found.before.enrolled,
        "attended": found.before.attended,
        "expressions": found.before.expressions,
        "stages": [
            {
                "stage": level.stage, "reached": level.reached, "here": level.here, "dropped": level.dropped,
                "median_days": None if level.days is None else str(level.days), "timed": level.timed,
            }
            for level in found.levels
        ],
        "dropped": found.dropped,
        "firms": found.firms,
    }  # fmt: skip


@command(
    _top,
    "pipeline",
    help="Il percorso delle aggregazioni in questo ufficio: quante a ogni passo, e in quanti giorni.",
)
async def pipeline(face: Face) -> None:
    """Show the funnel; of the office alone: small numbers are not protected."""
    async with runtime.open_node(face.home) as node:
        found = await flow.count(node.pool, node.clock())

    def human() -> None:
        before = (
            (N_("sessioni tenute"), found.before.sessions), (N_("iscritti"), found.before.enrolled),
            (N_("presenti"), found.before.attended), (N_("manifestazioni d'interesse"), found.before.expressions),
        )  # fmt: skip
        face.table("", (N_("prima"), N_("quanti")), [(face.tr(title), count) for title, count in before])
        columns = (N_("passo"), N_("arrivate"), N_("ora qui"), N_("lasciate da qui"), N_("giorni, metà"))
        rows = [(face.tr(STAGE_TITLES[v.stage]), v.reached, v.here, v.dropped, v.days) for v in found.levels]
        face.table("", columns, rows)
        face.say(N_("Imprese nelle reti firmate: {count}."), count=found.firms)

    face.emit(facts_of(found), human)
