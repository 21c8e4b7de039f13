"""``rete doctor``: is all well here? What each check found, where, and what to do."""

from __future__ import annotations

import sys

import click

from node import runtime
from node.cli.frame import Face, command
from node.errors import N_, OperatorError
from node.flows.upkeep import checkup, page_check
from node.flows.upkeep import doctor as flow
from node.flows.upkeep.findings import AREAS, DANGER, LEVELS, OK, Finding, of_error, worst


@click.group("top", hidden=True)
def _top() -> None:
    """Hold the command."""


@command(
    _top, "doctor", help="Va tutto bene? Ogni controllo con la causa e il rimedio; esce con 1 se c'è da risolvere."
)
@click.option("--all", "every", is_flag=True, help="Mostra anche i controlli che vanno bene.")
@click.option("--deep", is_flag=True, help="Guarda anche ogni pagina della base dati (amcheck): legge tutto una volta.")
@click.option(
    "--minutes",
    type=click.FloatRange(0.01, 1440),
    default=page_check.MINUTES,
    show_default=True,
    help="Con --deep: per quanti minuti al più.",
)
async def doctor(face: Face, every: bool, deep: bool, minutes: float) -> None:
    """Look at the node from all sides; exit 1 where something must be mended."""
    try:
        async with runtime.open_node(face.home) as node:
            own = await runtime.current_own(node)
            found = flow.judge(await checkup.look(node.place(), own, node.clock(), None))
            if deep:
                found = flow.ordered([*await page_check.look(node.pool, minutes), *found])
    except OperatorError as error:
        # A node that does not even open has one thing wrong, which is told like all others.
        found = [of_error(error, "machine")]
    level = worst(found)
    facts = {"ok": level != DANGER, "level": level, "findings": [facts_of(face, finding) for finding in found]}
    face.emit(facts, lambda: _tell(face, found, every=every))
    if level == DANGER:
        sys.exit(1)


def facts_of(face: Face, finding: Finding) -> dict[str, str]:
    """Return a finding as the JSON value of docs/administration.md; its words are in the reader's language."""
    return {
        "code": finding.code,
        "area": finding.area,
        "level": finding.level,
        "what": finding.said.told(face.tr),
        "where": finding.where,
        "remedy": finding.remedy.told(face.tr) if finding.remedy and finding.level != OK else "",
    }


def _tell(face: Face, found: list[Finding], *, every: bool) -> None:
    shown = [facts_of(face, finding) for finding in found if every or finding.level != OK]
    for one in shown:
        place = f" ({one['where']})" if one["where"] else ""
        face.say(
            N_("{level} - {area}: {what}{place} [{code}]"),
            **{**one, "level": face.tr(LEVELS[one["level"]]), "area": face.tr(AREAS[one["area"]]), "place": place},
        )
        if one["remedy"]:
            face.say(N_("  rimedio: {remedy}"), remedy=one["remedy"])
    well = sum(finding.level == OK for finding in found)
    face.say(N_("Controlli: {count}, di cui {well} vanno bene."), count=len(found), well=well)
