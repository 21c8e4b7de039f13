"""``rete serve``: the node as a process, until SIGTERM or Ctrl-C: its faces, its jobs while it leads, or only one of the two."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

import aiohttp
import click
import structlog
from aiohttp import web

from node import runtime, scheduler, telemetry
from node.cli.frame import Face, command
from node.errors import N_, CallerError, LogStateError, OperatorError
from node.flows.logs import recover
from node.flows.logs.append import sign_head
from node.flows.trust import agreement_follow
from node.flows.upkeep import lead, measures
from node.flows.upkeep.jobs import Schedule
from node.runtime import Node
from node.store import wake
from node.store.postgres import listen
from node.web import app as application
from node.web import metrics
from node.web.server import Runner

logger = structlog.get_logger()
SHUTDOWN_S = 5.0


@click.group("top", hidden=True)
def _top() -> None:
    """Hold the command."""


@command(
    _top,
    "serve",
    help="Avvia il nodo: federazione, API, pagine e lavori periodici. Si ferma con Ctrl-C o SIGTERM. Di più processi sulla stessa base dati uno solo guida ed esegue i lavori; gli altri aspettano il loro turno (docs/processes.md).",
)
@click.option(
    "--web",
    "only_web",
    is_flag=True,
    help="Solo pagine e API, senza lavori: più processi così condividono la porta di [web].",
)
@click.option(
    "--leader",
    "only_jobs",
    is_flag=True,
    help="Solo i lavori periodici, quando tocca a questo processo: nessuna porta.",
)
@click.option("--exit-with-parent", is_flag=True, hidden=True, help="Fermarsi quando lo standard input si chiude.")
async def serve(face: Face, only_web: bool, only_jobs: bool, exit_with_parent: bool) -> None:
    """Serve until told to stop; drain what is under way."""
    if only_web and only_jobs:
        raise CallerError(
            "serve-roles",
            N_("--web e --leader insieme non hanno senso"),
            hint=N_("senza nessuno dei due il processo fa tutte e due le cose"),
        )
    telemetry.configure(level=telemetry.level_from_environment("INFO"))
    async with runtime.open_node(face.home) as node, node.session() as session, runtime.spans(node.config):
        runtime.settle_memory()
        serving = _Serving(node, session)
        runner = None if only_jobs else _runner(node, serving)
        watched = Runner(metrics.build(serving.reading()), access_log=None, shutdown_timeout=SHUTDOWN_S)
        for listening in filter(None, (runner, watched)):
            await listening.setup()
        campaign = lead.Campaign(node.dsn, runtime.process_name(), serving.lead)
        aside = serving.aside(campaign)
        try:
            if runner is not None:
                await _listen(runner, node.config.web.host, node.config.web.port, "[web] port", shared=only_web)
            # Of several processes of one node the one that leads, or may, tells of all: what they share.
            if node.config.metrics.port and not only_web:
                await _listen(watched, node.config.metrics.host, node.config.metrics.port, "[metrics] port")
            if not only_web:
                aside.append(asyncio.create_task(campaign.run()))
                # A node that leads is at work when it says that it is there.
                await _first(aside, campaign.decided.wait())
            _say(face, node, campaign, runner)
            await _first(aside, _until_stopped(exit_with_parent=exit_with_parent))
            # Whoever spreads requests over several processes sees it before this one stops answering.
            serving.is_leaving = True
            await _first(aside, asyncio.sleep(node.config.web.drain_s))
        finally:
            for task in aside:
                task.cancel()
            # The lead is given back before the last answers are: another process takes it meanwhile.
            await asyncio.wait(aside, timeout=SHUTDOWN_S)
            for listening in filter(None, (watched, runner)):
                await listening.cleanup()


async def _first(aside: Sequence[asyncio.Task[None]], awaited: Coroutine[Any, Any, object]) -> None:
    """Wait for something as long as all that runs beside it lives. Raises: what one of those broke on."""
    task = asyncio.ensure_future(awaited)
    try:
        while not task.done():
            await asyncio.wait([task, *(one for one in aside if not one.done())], return_when=asyncio.FIRST_COMPLETED)
            for broken in aside:
                if broken.done() and (error := broken.exception()) is not None:
                    raise error
    finally:
        task.cancel()


def _say(face: Face, node: Node, campaign: lead.Campaign, runner: web.AppRunner | None) -> None:
    if runner is not None:
        host, port = node.config.web.host, node.config.web.port
        face.say(N_("{name}: in ascolto su http://{host}:{port}"), name=node.config.node.name, host=host, port=port)
    elif campaign.term is not None:
        face.say(N_("{name}: alla guida, esegue i lavori periodici"), name=node.config.node.name)
    else:
        face.say(
            N_("{name}: un altro processo guida; questo ne prende il posto quando si ferma"), name=node.config.node.name
        )


def _runner(node: Node, serving: _Serving) -> Runner:
    return Runner(
        application.build(runtime.beside_leader(node), serving.schedule, lambda: serving.is_leaving),
        access_log=None,
        shutdown_timeout=SHUTDOWN_S,
        handler_cancellation=False,
    )


class _Serving:
    """What one process does beside answering: its jobs while it leads, what it hears of other processes, its own database."""

    def __init__(self, node: Node, session: aiohttp.ClientSession) -> None:
        self.node, self.session = node, session
        self.jobs: scheduler.Jobs | None = None
        self.applied = asyncio.Event()
        self.campaign: lead.Campaign | None = None
        # Told to stop: /readyz says so at once.
        self.is_leaving = False

    def schedule(self) -> Schedule | None:
        """Return what the jobs of this process do, None while another one runs them."""
        return None if self.jobs is None else self.jobs.schedule()

    def reading(self) -> measures.Reading:
        """Return where the numbers of this process come from."""
        node = self.node
        return measures.Reading(node.place, node.meters, lambda: runtime.current_own(node), node.clock, self.schedule)

    def heard(self, said: str) -> None:
        """Pass on what another process, or this one's own pages, say there is to do."""
        if self.jobs is not None:
            self.jobs.wake(said)
        elif said.startswith(wake.AGREEMENT):
            self.applied.set()

    def missed(self) -> None:
        """Look for what was said while the database was away: what nobody signed meanwhile would wait for the next turn."""
        for what in (wake.ANNOUNCE, wake.POST, wake.GOSSIP, wake.PULL, wake.AGREEMENT):
            self.heard(what)

    def aside(self, campaign: lead.Campaign) -> list[asyncio.Task[None]]:
        """Return the tasks that run as long as the process."""
        self.campaign = campaign
        node = self.node
        tasks = [
            asyncio.create_task(listen(node.dsn, wake.CHANNEL, self.heard, self.missed)),
            asyncio.create_task(runtime.keep_database(node)),
        ]
        if node.replica is not None:
            tasks.append(asyncio.create_task(node.replica.watch()))
        if node.agreement is not None:
            following = agreement_follow.follow(node.pool, node.agreement, self.applied, lambda: self.jobs is None)
            tasks.append(asyncio.create_task(following))
        return tasks

    async def lead(self, term: lead.Term) -> None:
        """Run the jobs until cancelled."""
        async with runtime.leading(self.node, term.epoch) as node:
            jobs = scheduler.build(node, self.session)
            try:
                if not term.is_calm:
                    await _settle(node, self.session)
                # From here on what is heard wakes a job; what was heard before finds its first turn within a second.
                jobs.timers.start()
                self.jobs = jobs
                if self.campaign is not None:
                    self.campaign.decided.set()
                if term.is_calm:
                    # The members are asked all the same, but nobody waits for one that does not answer.
                    await _settle(node, self.session)
                await asyncio.Event().wait()
            finally:
                self.jobs = None
                jobs.stop()


async def _settle(node: Node, session: aiohttp.ClientSession) -> None:
    """Make sure that this database is the newest there was before anything is signed; else serve, and write nothing."""
    own = await runtime.current_own(node)
    try:
        await recover.settle(node.syncer(session), own)
        # A crash between append and signing left entries unsaid: say them before anybody asks.
        await sign_head(node.pool, own, node.clock())
    except LogStateError as error:
        logger.error("log.not_writable", code=error.code, reason=str(error))  # noqa: TRY400 - expected, no traceback


async def _listen(runner: web.AppRunner, host: str, port: int, key: str, *, shared: bool = False) -> None:
    """Listen; a ``shared`` port is one that the system deals out among all processes of this user that share it."""
    try:
        await web.TCPSite(runner, host, port, reuse_address=True, reuse_port=shared or None).start()
    except OSError as error:
        raise OperatorError(
            "port-unavailable",
            N_("non posso ascoltare su {host}:{port}: {reason}"),
            hint=N_(
                "un altro programma usa la porta, o manca il permesso: cambiare {key} o fermare l'altro; più processi condividono quella di [web] se sono tutti «rete serve --web»"
            ),
            key=key,
            host=host,
            port=port,
            reason=os.strerror(error.errno) if error.errno else str(error),
        ) from error


async def _until_stopped(*, exit_with_parent: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if exit_with_parent:
        # The parent holds the other end of this pipe; when it dies, however it dies, the pipe closes.
        with contextlib.suppress(ValueError, OSError):
            loop.add_reader(
                sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 4096) else _parent_gone(loop, stop)
            )
    await stop.wait()


def _parent_gone(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    loop.remove_reader(sys.stdin.fileno())
    stop.set()
