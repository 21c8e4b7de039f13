"""``rete demo``: four administrations on this machine, from an empty folder to searches across territories.

In: nothing, or a folder, a port and an output file. Out: four node processes, each with its own database, that have
exchanged signed anonymised profiles; three searches as tables. Everything it does a user could do with the other
commands; it uses their flows.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
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
from urllib.parse import urlencode

import click
import orjson

from node import runtime
from node.cli import demo_accounts
from node.cli.demo_accounts import APPROVER, AUTHOR
from node.cli.frame import Face, command
from node.cli.processes import Served, serving
from node.cli.reports import areas
from node.domain import partition
from node.domain import template as layout
from node.domain.chamber import ChamberList
from node.domain.generation.enrichment import enrich
from node.errors import N_, CallerError, LogStateError, OperatorError
from node.flows import draft, intake, publish, register
from node.flows.home import Facts, make_trial
from node.flows.sync import sync_peers
from node.peers.client import PeerClient, open_session
from node.runtime import Node
from node.store import cooperation, embedded, log, registry, spreadsheet
from node.store.postgres import acquire
from node.store.reference import load_territories

MARK = ".rete-demo"
# One more network, to be imported by whoever tries the pages.
EXERCISE = "una-rete-in-piu.xlsx"
SNAPSHOT = dt.date(2024, 12, 31)
CONTRACTS = 9630
PER_NODE = 16
SEED = 2012
SEARCH_MAX_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Body:
    """One administration of the demo."""

    folder: str
    id: str
    name: str
    territory: tuple[str, ...]


# The four of the agreement of 22 November 2012. The Chamber and the Province of Lecce share a territory.
BODIES = (
    Body("provincia-lecce", "p_LE", "Provincia di Lecce", ("LE",)),
    Body("citta-torino", "cmto", "Città metropolitana di Torino", ("TO",)),
    Body("camera-lecce", "cciaa_le", "Camera di Commercio di Lecce", ("LE",)),
    Body("bic-lazio", "bic-lazio", "BIC Lazio", ("ITI4",)),
)
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
    "--port-base", default=8441, show_default=True, type=click.IntRange(1024, 65531), help="Prima delle quattro porte."
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Scrive il risultato in JSON.",
)
async def demo(face: Face, exit_: bool, port_base: int, json_file: Path | None) -> None:
    """Run the demo; Ctrl-C ends it and leaves no process behind."""
    _install_stop()
    ports = [port_base + n for n in range(len(BODIES))]
    for port in ports:
        _check_port(port)
    if json_file is not None:
        _check_writable(json_file)
    keep = face.home_option
    folder = _prepare(keep) if keep else Path(tempfile.mkdtemp(prefix="rete-demo-"))
    try:
        await _run(face, folder, ports, exit_=exit_, json_file=json_file)
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


async def _run(face: Face, folder: Path, ports: Sequence[int], *, exit_: bool, json_file: Path | None) -> None:
    progress = Progress(face)
    homes = [folder / body.folder for body in BODIES]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    async with AsyncExitStack() as stack:
        progress.stage("database", N_("Avvio PostgreSQL e creo quattro nodi ..."))
        stack.enter_context(await asyncio.to_thread(_cluster, folder))
        make_trial(list(zip(homes, _facts_of(ports), strict=True)))
        nodes = [await stack.enter_async_context(runtime.open_node(home)) for home in homes]
        progress.stage(
            "register", N_("Genero l'elenco nazionale dei contratti di rete (inventato, nel formato camerale) ...")
        )
        found = await asyncio.to_thread(_national_list, folder)
        progress.stage("load", N_("Ogni nodo carica l'elenco e costruisce la sua partizione ..."))
        await asyncio.gather(*(register.load_register(n.pool, n.config, found, SNAPSHOT, n.clock()) for n in nodes))
        progress.stage("import", N_("Ogni amministrazione importa le proprie reti e ne scrive i profili ..."))
        exercise = await _intake(nodes, folder, found)
        progress.stage("publish", N_("Un secondo funzionario approva; i profili escono nel registro firmato ..."))
        for node in nodes:
            await _publish(node)
        progress.stage("accounts", N_("Preparo gli utenti di ogni nodo ..."))
        people = await demo_accounts.make(nodes)
        progress.stage("serve", N_("Avvio i quattro nodi come processi ..."))
        served = [Served(home, url, folder / f"{home.name}.log") for home, url in zip(homes, urls, strict=True)]
        await stack.enter_async_context(serving(served))
        progress.stage("sync", N_("I nodi si prelevano e verificano a vicenda ..."))
        await _sync(face, nodes)
        progress.stage("search", N_("Tre ricerche tra territori:"))
        searches = [await _search(face, urls[asker], BODIES[asker], query) for asker, query in SEARCHES]
        progress.done()
        result = {
            "nodes": [await _facts(n, u) for n, u in zip(nodes, urls, strict=True)],
            "searches": searches,
            "accounts": people,
            "exercise": str(exercise),
            "seconds": progress.seconds,
        }
        if json_file is not None:
            await asyncio.to_thread(json_file.write_bytes, orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
        _summary(face, result)
        if not exit_:
            face.say(N_("I nodi restano accesi. Ctrl-C per finire."))
            await asyncio.Event().wait()


def _cluster(folder: Path) -> Any:
    return embedded.lease(folder / "postgres")


def _facts_of(ports: Sequence[int]) -> list[Facts]:
    return [
        Facts(
            id=body.id,
            name=body.name,
            ipa_code="" if body.id == "bic-lazio" else body.id,
            territory=body.territory,
            authority=f"127.0.0.1:{port}",
            port=port,
            epoch=dt.datetime.now(dt.UTC).year,
            cluster="../postgres",
            database_name=body.folder.replace("-", "_"),
            round="immediate",
        )
        for body, port in zip(BODIES, ports, strict=True)
    ]


def _national_list(folder: Path) -> ChamberList:
    path = folder / "statistiche.csv"
    register.generate_file(path, contracts=CONTRACTS, seed=SEED)
    return register.read_list(path)


async def _intake(nodes: Sequence[Node], folder: Path, found: ChamberList) -> Path:
    """Give each node a spreadsheet of its own networks, and import it as an officer would.

    Return the spreadsheet of one more network of the first node, for whoever wants to try.
    """
    territories = load_territories()
    taken: set[str] = set()
    for number, node in enumerate(nodes):
        # Province and Chamber of Lecce know different networks of one territory.
        own = [
            n for n in found.networks
            if n.register_id not in taken and partition.in_scope(n, node.config.node.territory, territories)
        ]  # fmt: skip
        records = enrich(own, count=PER_NODE, seed=SEED + number)
        taken |= {record.register_id or "" for record in records}
        path = folder / f"{node.home.name}.xlsx"
        await asyncio.to_thread(spreadsheet.write_sheets, path, layout.sheets_of(records))
        read = await asyncio.to_thread(intake.read_file, path, node.config)
        plan = await intake.import_networks(node.pool, read, node.clock(), apply=True)
        if plan.refused:
            raise LogStateError(
                "demo-import-refused",
                N_("la demo ha scritto un file che non sa rileggere: {reason}"),
                reason=plan.problems[0].reason,
            )
    more = [
        n for n in found.networks
        if n.register_id not in taken and partition.in_scope(n, nodes[0].config.node.territory, territories)
    ]  # fmt: skip
    exercise = folder / EXERCISE
    records = enrich(more, count=1, seed=SEED)
    await asyncio.to_thread(spreadsheet.write_sheets, exercise, layout.sheets_of(records))
    return exercise


async def _approve(node: Node, profile_id: str) -> None:
    await draft.approve(node.pool, node.config, profile_id, APPROVER, node.clock(), known=node.known)


async def _publish(node: Node) -> None:
    async with acquire(node.pool) as conn:
        records = await registry.read_records(conn)
    for network_id, record in records.items():
        content = draft.suggest_content(record)
        profile_id = await draft.draft(node.pool, node.config, network_id, content, AUTHOR, node.clock())
        try:
            await _approve(node, profile_id)
        except CallerError as error:
            if error.code != "text-finds-network":
                raise
            # About one text in ten would find its own network: an officer would write it anew, the demo says less.
            told = draft.in_closed_words(content)
            await draft.draft(node.pool, node.config, network_id, told, AUTHOR, node.clock())
            await _approve(node, profile_id)
        await publish.publish(node.pool, node.config, profile_id, APPROVER, node.clock())
    await publish.release_due(node.pool, node.config, node.own, node.clock(), known=node.known)


async def _sync(face: Face, nodes: Sequence[Node]) -> None:
    """Pull at every node until all know the same profiles. Raises: LogStateError(demo-not-converged)."""
    known: list[int] = []
    async with open_session(loopback=True) as session:
        for _ in range(3):
            reports = [report for node in nodes for report in await sync_peers(node.syncer(session), force=True)]
            known = [await _profiles_known(node) for node in nodes]
            face.err.print(f"          {face.tr(N_('profili conosciuti'))}: {known}", markup=False, highlight=False)
            if len(set(known)) == 1 and not any(report.error_code for report in reports):
                return
    raise LogStateError("demo-not-converged", N_("i nodi non concordano: {known}"), known=known)


async def _profiles_known(node: Node) -> int:
    async with acquire(node.pool) as conn:
        return sum((await cooperation.count_by_origin(conn)).values())


async def _search(face: Face, url: str, body: Body, query: dict[str, str]) -> dict[str, Any]:
    async with open_session(loopback=True) as session:
        reply = await PeerClient(session, url).get(
            f"/api/v1/profiles?{urlencode({**query, 'limit': '10'})}", max_bytes=SEARCH_MAX_BYTES
        )
    hits = orjson.loads(reply.body)["hits"]
    words = " ".join(f"{value}" if name == "q" else f"{name}={value}" for name, value in query.items())
    title = f"{body.name}: «{words}»"
    columns = (N_("titolo"), N_("amministrazione"), N_("territorio"), N_("voce"))
    rows = [(h["title"], h["owner"], areas(face, h["labels"]["territory"]["values"]), f"#{h['index']}") for h in hits]
    face.table(title, columns, rows)
    kept = ("profile_id", "owner", "origin", "index", "title")
    return {"node": body.id, "query": words, "hits": [{name: hit[name] for name in kept} for hit in hits]}


async def _facts(node: Node, url: str) -> dict[str, Any]:
    async with acquire(node.pool) as conn:
        signed = await log.signed_latest(conn, node.own.origin_id)
        own = next(origin for origin in await log.list_origins(conn) if origin.is_own)
    return {
        "id": node.config.node.id,
        "url": url,
        "database_url": node.dsn,
        "home": str(node.home),
        "origin": own.origin,
        "vkey": own.vkey,
        "log_size": signed.size if signed else 0,
        "profiles_known": await _profiles_known(node),
    }


def _summary(face: Face, result: dict[str, Any]) -> None:
    columns = (N_("nodo"), N_("indirizzo"), N_("registro"), N_("profili conosciuti"))
    rows = [(n["id"], n["url"], n["log_size"], n["profiles_known"]) for n in result["nodes"]]
    face.table(N_("Quattro nodi, una banca dati per la cooperazione"), columns, rows)
    for node in result["nodes"]:
        face.say(N_("Nel browser: {url}"), url=f"{node['url']}/cerca?q=export")
    own = {account["name"]: account["password"] for account in result["accounts"]}
    people = [(name, face.tr(demo_accounts.WHAT[name]), password) for name, password in own.items()]
    title = N_("Per entrare, in ogni nodo (indirizzo /entra)")
    face.table(title, (N_("utente"), N_("che cosa fa"), N_("password")), people)
    face.say(N_("Una rete in più, da importare e pubblicare nelle pagine: {file}"), file=result["exercise"])
    face.say(N_("In tutto {seconds} secondi."), seconds=result["seconds"]["total"])
