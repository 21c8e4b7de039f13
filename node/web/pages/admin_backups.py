"""Backups: which there are, whether one was ever put back on trial, what one holds; making or trying one now is a job's.

In: nothing but the address. Out: what ``rete backup list`` and the doctor say of them. No file leaves by the web, and no page knows the
passphrase: the two buttons wake the process that runs the jobs (node/scheduler.py).
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, CallerError, ReteError
from node.flows.upkeep import backup_check, backup_shelf, checkup
from node.flows.upkeep.backup_shelf import Shelf
from node.flows.upkeep.findings import LEVELS, OK
from node.flows.upkeep.jobs import TITLES, Job
from node.store import wake
from node.store.backup_folder import Copy
from node.store.postgres import acquire
from node.web.pages import admin_frame
from node.web.pages.admin_frame import BACKUPS, DESK, told
from node.web.pages.admin_overview import COLOURS
from node.web.permission import needs

# What a trial restore, or a look at the file, found: in words.
RESULTS: Final = {
    "backup-damaged": N_("il file è danneggiato"),
    "backup-unknown": N_("non è una copia che questo programma conosce"),
    "backup-unreadable": N_("il file non si legge"),
    "backup-differs": N_("la base dati ripristinata non è quella di allora"),
    "backup-log-short": N_("mancano voci firmate"),
    "backup-log-root": N_("il registro non dà la radice firmata"),
    "backup-log-unsigned": N_("la firma del registro non vale"),
}
OTHER: Final = N_("non è buona")
SHOWN_MAX: Final = 100


def routes() -> list[web.RouteDef]:
    """Return the page and its two buttons."""
    return [
        web.get(BACKUPS, backups),
        web.post(f"{BACKUPS}/crea", make),
        web.post(f"{BACKUPS}/prova", try_newest),
    ]


@needs(Permission.BACKUPS_READ)
async def backups(request: web.Request) -> web.StreamResponse:
    """Show the lights, the backups and what they hold."""
    return await _page(request)


async def _page(request: web.Request, error: CallerError | None = None) -> web.Response:
    desk = request.app[DESK]
    jobs = desk.schedule() if desk.schedule else None
    found = await checkup.backups(desk.node.place())
    shelf = found if isinstance(found, Shelf) else None
    turns = {turn.name: turn for turn in jobs.turns if turn.name in (Job.BACKUP, Job.TRIAL)} if jobs else {}
    return admin_frame.show(
        request,
        "backups.html",
        error,
        lights=[
            {
                "colour": COLOURS[finding.level],
                "level": LEVELS[finding.level],
                "what": told(request, finding.said),
                "where": finding.where,
                "code": finding.code,
                "remedy": told(request, finding.remedy) if finding.level != OK else "",
            }
            for finding in backup_check.judge(desk.node.config, found, desk.now)
        ],
        is_on=backup_shelf.is_on(desk.node.config),
        settings=desk.node.config.backup,
        folder=str(shelf.folder) if shelf else "",
        copies=[_copy(copy) for copy in shelf.copies[:SHOWN_MAX]] if shelf else [],
        can_try=shelf is not None and shelf.newest is not None,
        turns=list(turns.values()),
        titles=TITLES,
    )


def _copy(copy: Copy) -> dict[str, Any]:
    checked = copy.checked
    code = copy.code or (checked.code if checked else "")
    return {
        "name": copy.path.name,
        "made_at": copy.made_at,
        "kib": (copy.size + 1023) // 1024,
        "program": copy.program,
        "log_size": copy.log_size,
        "tried_at": checked.at if checked else None,
        "code": code,
        "result": RESULTS.get(code, OTHER) if code else "",
    }


@needs(Permission.BACKUPS_WRITE)
async def make(request: web.Request) -> web.StreamResponse:
    """Ask for a backup now."""
    return await _ask(request, wake.BACKUP, "copia")


@needs(Permission.BACKUPS_WRITE)
async def try_newest(request: web.Request) -> web.StreamResponse:
    """Ask for a trial restore of the newest backup."""
    return await _ask(request, wake.TRIAL, "prova")


async def _ask(request: web.Request, what: str, done: str) -> web.Response:
    node = request.app[DESK].node
    try:
        shelf = await backup_shelf.read(node.home, node.config)
    except CallerError as error:
        return await _page(request, error)
    except ReteError:
        # The light on the page says what is wrong with the folder.
        return admin_frame.go(BACKUPS)
    if what == wake.TRIAL and shelf.newest is None:
        nothing = CallerError("backup-missing", N_("non c'è nessuna copia da provare"), hint=N_("farne prima una"))
        return await _page(request, nothing)
    async with acquire(node.pool) as conn:
        await wake.wake(conn, what)
    return admin_frame.go(BACKUPS, done)
