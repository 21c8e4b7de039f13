"""``rete demo``: four administrations on this machine, from an empty folder to searches across territories.

In: nothing, or a folder, a port and an output file. Out: four node processes, each with its own database, that have
exchanged signed anonymised profiles; three searches as tables. Everything it does a user could do with the other
commands; it uses their flows.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import orjson

from node import runtime
from node.cli import demo_accounts, demo_agreement, demo_chaos
from node.cli.demo_chaos import Plan
from node.cli.demo_networks import BODIES, SNAPSHOT, facts_of, national_list, publish_all, take_in
from node.cli.demo_shown import facts_of_node, profiles_known, search, summary
from node.cli.demo_watch import Watch
from node.cli.frame import Face, command
from node.cli.processes import Served, serving
from node.errors import N_, CallerError, LogStateError, OperatorError
from node.flows.logs import announce
from node.flows.logs.append import sign_head
from node.flows.logs.sync import sync_peers
from node.flows.registry import register
from node.peers.client import open_session
from node.runtime import Node
from node.store import embedded

MARK = ".rete-demo"

# (which node asks, words and filters as a permalink has them)
SEARCHES: tuple[tuple[int, dict[str, str]], ...] = (
    (1, {"q": "export"}),
    (0, {"q": "capacità produttiva", "territory": "IT"}),
    (3, {"q": "partner mercati esteri"}),
)


@dataclass(slots=True)
class Progress:
    """Says what is going on, on standard error, with the seconds each stage took."""

    face: Face
    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.perf_counter)
    _stage: str = ""

    def stage(self, key: str, text: str) -> None:
        """End the stage before and begin another."""
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = round(now - self._began, 2)
        self._began, self._stage = now, key
        if text:
            self.face.err.print(
                f"[{sum(self.seconds.values()):5.1f} s] {self.face.tr(text)}", markup=False, highlight=False
            )

    def done(self) -> None:
        """End the last stage and add the total."""
        self.stage("", "")
        self.seconds["total"] = round(sum(self.seconds.values()), 2)


@click.group("top", hidden=True)
def _top() -> None:
    """Hold the command."""


@command(
    _top,
    "demo",
    json=False,
    help="Quattro amministrazioni su questa macchina: pubblicano profili anonimi e si trovano.",
)
@click.option("--exit", "exit_", is_flag=True, help="Termina dopo le ricerche.")
@click.option(
    "--port-base",
    default=8441,
    show_default=True,
    type=click.IntRange(1024, 65527),
    help="Prima delle quattro porte (di otto con --chaos).",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Scrive il risultato in JSON.",
)
@click.option(
    "--chaos", is_flag=True, help="Poi guasti fatti apposta alle strade e ai processi, e il verdetto; finisce da sé."
)
@click.option(
    "--minutes", default=2.0, show_default=True, type=click.FloatRange(0.1, 1440), help="Con --chaos: quanto durano."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Con --chaos: stesso seme, stessi guasti.")  # fmt: skip
async def demo(
    face: Face, exit_: bool, port_base: int, json_file: Path | None, chaos: bool, minutes: float, seed: int
) -> None:
    """Run the demo; Ctrl-C ends it and leaves no process behind."""
    _install_stop()
    plan = demo_chaos.Plan(minutes, seed) if chaos else None
    ports = [port_base + n for n in range(len(BODIES) * (2 if chaos else 1))]
    for port in ports:
        _check_port(port)
    if json_file is not None:
        _check_writable(json_file)
    keep = face.home_option
    folder = _prepare(keep) if keep else Path(tempfile.mkdtemp(prefix="rete-demo-"))
    try:
        await _run(face, folder, ports, exit_=exit_, json_file=json_file, plan=plan)
    except asyncio.CancelledError:
        face.say(N_("Fine."))
    finally:
        # What still writes there in a thread ends first, or it would make anew what is taken away.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().shutdown_default_executor()
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _check_writable(file: Path) -> None:
    """Refuse a result file that can't be written, before a minute's work. Raises: OperatorError(file-not-writable)."""
    existed = file.exists()
    try:
        with file.open("ab"):
            pass
        if not existed:
            file.unlink()
    except OSError as error:
        raise OperatorError(
            "file-not-writable",
            N_("qui non si può scrivere: {reason}"),
            where=str(file),
            hint=N_("indicare con --json un file in una cartella che esiste e si può scrivere"),
            reason=error.strerror or type(error).__name__,
        ) from error


def _install_stop() -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)


def _check_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise OperatorError(
                "port-unavailable",
                N_("la porta {port} è occupata"),
                hint=N_("usare --port-base con un altro numero, o fermare il programma che la usa"),
                port=port,
            ) from error


def _prepare(folder: Path) -> Path:
    """Return an empty demo folder; an earlier demo there is taken away, anything else is left alone."""
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise CallerError(
                "home-not-empty",
                N_("la cartella non è vuota e non è di una demo"),
                where=str(folder),
                hint=N_("scegliere un'altra cartella"),
            )
        embedded.stop(folder / "postgres")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("rete demo\n", encoding="utf-8")
    return folder


async def _run(
    face: Face, folder: Path, ports: Sequence[int], *, exit_: bool, json_file: Path | None, plan: Plan | None
) -> None:
    progress = Progress(face)
    homes = [folder / body.folder for body in BODIES]
    # Amid chaos there is a road before each node: the others reach it at the first ports, it listens at the next.
    outer, inner = ports[: len(BODIES)], ports[-len(BODIES) :]
    urls = [f"http://127.0.0.1:{port}" for port in inner]
    facts = facts_of(outer) if plan is None else demo_chaos.behind(facts_of(outer), inner)
    async with AsyncExitStack() as stack:
        progress.stage("database", N_("Avvio PostgreSQL e creo quattro nodi ..."))
        stack.enter_context(await asyncio.to_thread(_cluster, folder))
        founded = demo_agreement.found(folder, list(zip(homes, facts, strict=True)), runtime.utc_now())
        nodes = [await stack.enter_async_context(runtime.open_node(home)) for home in homes]
        exercise, later = await _furnish(nodes, folder, progress, leave=0 if plan is None else demo_chaos.LATER)
        progress.stage("accounts", N_("Preparo gli utenti di ogni nodo ..."))
        people = await demo_accounts.make(nodes)
        progress.stage("serve", N_("Avvio i quattro nodi come processi ..."))
        served = [Served(home, url, folder / f"{home.name}.log") for home, url in zip(homes, urls, strict=True)]
        roads = [] if plan is None else await stack.enter_async_context(demo_chaos.roads(folder, outer, inner))
        processes = await stack.enter_async_context(serving(served))
        progress.stage("sync", N_("I nodi si prelevano e verificano a vicenda ..."))
        await _sync(face, nodes)
        progress.stage("search", N_("Tre ricerche tra territori:"))
        searches = [await search(face, urls[asker], BODIES[asker], query) for asker, query in SEARCHES]
        storm: dict[str, Any] | None = None
        if plan is not None:
            progress.stage("chaos", N_("Guasti alle strade e ai processi, mentre si pubblica e si ritira ..."))
            watch = Watch(face, nodes, urls)
            storm = await demo_chaos.Storm(plan, nodes, served, processes, roads, later, watch).run()
        progress.done()
        result = {
            "nodes": [await facts_of_node(n, u) for n, u in zip(nodes, urls, strict=True)],
            "searches": searches,
            "accounts": people,
            "exercise": str(exercise),
            "agreement": demo_agreement.facts_of(founded),
            "seconds": progress.seconds,
            **({} if storm is None else {"chaos": storm}),
        }
        if json_file is not None:
            await asyncio.to_thread(json_file.write_bytes, orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
        if storm is not None:
            demo_chaos.show(face, storm)
            return
        summary(face, result)
        if not exit_:
            face.say(N_("I nodi restano accesi. Ctrl-C per finire."))
            await asyncio.Event().wait()


async def _furnish(
    nodes: Sequence[Node], folder: Path, progress: Progress, *, leave: int
) -> tuple[Path, list[list[str]]]:
    """Give each node the public list and its networks, and publish all but some; return the exercise's file and what was left."""
    progress.stage(
        "register", N_("Genero l'elenco nazionale dei contratti di rete (inventato, nel formato camerale) ...")
    )
    found = await asyncio.to_thread(national_list, folder)
    progress.stage("load", N_("Ogni nodo carica l'elenco e costruisce la sua partizione ..."))
    await asyncio.gather(*(register.load_register(n.pool, n.config, found, SNAPSHOT, n.clock()) for n in nodes))
    progress.stage("import", N_("Ogni amministrazione importa le proprie reti e ne scrive i profili ..."))
    exercise = await take_in(nodes, folder, found)
    progress.stage("publish", N_("Un secondo funzionario approva; i profili escono nel registro firmato ..."))
    return exercise, [await publish_all(node, leave) for node in nodes]


def _cluster(folder: Path) -> Any:
    return embedded.lease(folder / "postgres")


async def _sync(face: Face, nodes: Sequence[Node]) -> None:
    """Have every log witnessed, then pull at every node until all know the same profiles. Raises: LogStateError(demo-not-converged)."""
    known: list[int] = []
    async with open_session(loopback=True) as session:
        # The servers do this within a minute or two. What is witnessed comes first in a search: who was asked first would fill the list.
        for node in nodes:
            own = await runtime.current_own(node)
            await sign_head(node.pool, own, node.clock())
            await announce.announce(node.pool, session, own, node.membership, node.clock(), announce.Memory())
        for _ in range(3):
            reports = [report for node in nodes for report in await sync_peers(node.syncer(session), force=True)]
            known = [await profiles_known(node) for node in nodes]
            face.err.print(f"          {face.tr(N_('profili conosciuti'))}: {known}", markup=False, highlight=False)
            if len(set(known)) == 1 and not any(report.error_code for report in reports):
                return
    raise LogStateError("demo-not-converged", N_("i nodi non concordano: {known}"), known=known)
