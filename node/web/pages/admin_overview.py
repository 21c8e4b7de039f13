"""Is all well? One screen of lights, the doctor's findings one by one, and what the scheduler does.

In: nothing but the address. Out: pages of what ``rete doctor`` says. A light that is not green shows its cause, what to do and where.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from node.domain.roles import Permission
from node.flows.upkeep import checkup, doctor
from node.flows.upkeep.findings import AREAS, DANGER, LEVELS, OK, WARNING, Finding, worst
from node.flows.upkeep.jobs import TITLES
from node.runtime import current_own
from node.store import leader
from node.store.postgres import acquire
from node.web.pages import admin_frame
from node.web.pages.admin_frame import DESK, told
from node.web.permission import needs

# Where an area is looked into; a kind of finding may have a nearer place.
PLACES: Final = {
    "machine": admin_frame.DOCTOR,
    "log": admin_frame.LOG,
    "peers": admin_frame.PEERS,
    "agreement": admin_frame.AGREEMENT,
    "jobs": admin_frame.SCHEDULE,
    "decisions": admin_frame.AUDIT,
    "accounts": admin_frame.USERS,
    "search": admin_frame.DOCTOR,
    "backups": admin_frame.BACKUPS,
}
NEARER: Final = {"peer-quarantined": admin_frame.QUARANTINE}
COLOURS: Final = {OK: "success", WARNING: "warning", DANGER: "danger"}


def routes() -> list[web.RouteDef]:
    """Return the pages."""
    return [
        web.get(admin_frame.HOME, overview),
        web.get(admin_frame.DOCTOR, findings),
        web.get(admin_frame.SCHEDULE, schedule),
    ]


async def _judged(request: web.Request) -> list[Finding]:
    desk = request.app[DESK]
    jobs = desk.schedule() if desk.schedule else None
    seen = await checkup.look(desk.node.place(), await current_own(desk.node), desk.now, jobs)
    if desk.verified and not desk.verified[1].ok:
        # The whole chain was walked and is broken: its end alone says less.
        seen = replace(seen, chain=desk.verified[1])
    return doctor.judge(seen)


def _shown(request: web.Request, finding: Finding) -> dict[str, str]:
    return {
        "code": finding.code,
        "level": LEVELS[finding.level],
        "colour": COLOURS[finding.level],
        "area": AREAS[finding.area],
        "what": told(request, finding.said),
        "where": finding.where,
        "remedy": told(request, finding.remedy) if finding.level != OK else "",
        "path": NEARER.get(finding.code, PLACES[finding.area]),
    }


@needs(Permission.DOCTOR_READ)
async def overview(request: web.Request) -> web.StreamResponse:
    """Show one light for each part of the node."""
    found = await _judged(request)
    lights: list[dict[str, Any]] = []
    for area, title in AREAS.items():
        ours = [finding for finding in found if finding.area == area]
        level = worst(ours)
        lights.append(
            {
                "title": title,
                "path": PLACES[area],
                "level": LEVELS[level],
                "colour": COLOURS[level],
                "wrong": [_shown(request, finding) for finding in ours if finding.level != OK],
                "well": [told(request, finding.said) for finding in ours if finding.level == OK],
            }
        )
    level = worst(found)
    counts = {name: sum(finding.level == name for finding in found) for name in LEVELS}
    return admin_frame.show(request, "overview.html", lights=lights, level=level, counts=counts)


@needs(Permission.DOCTOR_READ)
async def findings(request: web.Request) -> web.StreamResponse:
    """Show every check."""
    return admin_frame.show(
        request, "doctor.html", findings=[_shown(request, finding) for finding in await _judged(request)]
    )


@needs(Permission.SCHEDULE_READ)
async def schedule(request: web.Request) -> web.StreamResponse:
    """Show what the scheduler of this process runs, and how it went; else which process leads."""
    desk = request.app[DESK]
    jobs = desk.schedule() if desk.schedule else None
    async with acquire(desk.node.pool) as conn:
        lead = await leader.standing(conn)
    return admin_frame.show(
        request, "schedule.html", schedule=jobs, lead=lead, titles=TITLES, release=desk.node.config.privacy.round
    )
