"""``rete serve``: the node as a process, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

import aiohttp
import click
import structlog
from aiohttp import web

from node import runtime, scheduler, telemetry
from node.cli.frame import Face, command
from node.errors import N_, LogStateError, OperatorError
from node.flows.logs import recover
from node.flows.logs.append import sign_head
from node.flows.upkeep import measures
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


@command(_top, "serve", help="Avvia il nodo: federazione, API, sincronizzazione. Si ferma con Ctrl-C o SIGTERM.")
@click.option("--exit-with-parent", is_flag=True, hidden=True, help="Fermarsi quando lo standard input si chiude.")
async def serve(face: Face, exit_with_parent: bool) -> None:
    """Serve until told to stop; drain what is under way."""
    telemetry.configure(level=telemetry.level_from_environment("INFO"))
    async with runtime.open_node(face.home) as node, node.session() as session:
        runtime.settle_memory()
        jobs = scheduler.build(node, session)
        runner = Runner(
            application.build(node, jobs.schedule),
            access_log=None,
            shutdown_timeout=SHUTDOWN_S,
            handler_cancellation=False,
        )
        watched = Runner(metrics.build(_reading(node, jobs)), access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        await watched.setup()
        aside = [
            asyncio.create_task(listen(node.dsn, wake.CHANNEL, jobs.wake)),
            asyncio.create_task(runtime.keep_database(node)),
        ]
        try:
            await _listen(runner, node.config.web.host, node.config.web.port, "[web] port")
            if node.config.metrics.port:
                await _listen(watched, node.config.metrics.host, node.config.metrics.port, "[metrics] port")
            await _settle(node, session)
            jobs.timers.start()
            face.say(
                N_("{name}: in ascolto su http://{host}:{port}"),
                name=node.config.node.name,
                host=node.config.web.host,
                port=node.config.web.port,
            )
            await _until_stopped(exit_with_parent=exit_with_parent)
        finally:
            for task in aside:
                task.cancel()
            if jobs.timers.running:
                jobs.timers.shutdown(wait=False)
            await watched.cleanup()
            await runner.cleanup()


def _reading(node: Node, jobs: scheduler.Jobs) -> measures.Reading:
    """Return where the numbers of this process come from."""
    return measures.Reading(node.place, node.meters, lambda: runtime.current_own(node), node.clock, jobs.schedule)


async def _settle(node: Node, session: aiohttp.ClientSession) -> None:
    """Make sure that this database is the newest there was before anything is signed; else serve, and write nothing."""
    own = await runtime.current_own(node)
    try:
        await recover.settle(node.syncer(session), own)
        # A crash between append and signing left entries unsaid: say them before anybody asks.
        await sign_head(node.pool, own, node.clock())
    except LogStateError as error:
        logger.error("log.not_writable", code=error.code, reason=str(error))  # noqa: TRY400 - expected, no traceback


async def _listen(runner: web.AppRunner, host: str, port: int, key: str) -> None:
    try:
        await web.TCPSite(runner, host, port, reuse_address=True).start()
    except OSError as error:
        raise OperatorError(
            "port-unavailable",
            N_("non posso ascoltare su {host}:{port}: {reason}"),
            hint=N_("un altro programma usa la porta, o manca il permesso: cambiare {key} o fermare l'altro"),
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
