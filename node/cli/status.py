"""``rete status`` and ``rete du``: the node in a few lines, and where its room goes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import click

from node import runtime
from node.cli.frame import Face, command
from node.config import Config
from node.errors import N_
from node.flows.searching import overview
from node.flows.upkeep import brief, checkup, doctor, usage
from node.flows.upkeep.brief import RUNS, STANDS, UNREADY_YET, Brief
from node.flows.upkeep.findings import AREAS, LEVELS, OK
from node.flows.upkeep.usage import FOLDERS, Sum, Usage
from node.peers.client import PeerClient, open_session
from node.version import VERSION

PROBE_S = 5.0
# Addresses that stand for all of a machine's: asked of this one.
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what is listened on, not by whom
SHOWN = 12
STATES = {RUNS: N_("in funzione"), STANDS: N_("fermo: nessuno risponde a {url}"), UNREADY_YET: N_("in funzione, ma non pronto: {reasons}")}  # fmt: skip
NEXT = {
    "release": N_("esce il turno di pubblicazione"),
    "pull": N_("prelievo di un nodo che aspetta"),
    "backup": N_("copia di sicurezza"),
    "trial": N_("prova di ripristino"),
}


@click.group("top", hidden=True)
def _top() -> None:
    """Hold the commands."""


def _url(config: Config) -> str:
    host = _ANYWHERE.get(config.web.host, config.web.host)
    return f"http://[{host}]:{config.web.port}" if ":" in host else f"http://{host}:{config.web.port}"


@command(_top, "status", help="In breve: che cosa gira, registri, prossimi lavori, ultima copia, luci.")
async def status(face: Face) -> None:
    """Show the node in a few lines."""
    async with runtime.open_node(face.home) as node, open_session(loopback=True, total_s=PROBE_S) as session:
        serving = await brief.ask(PeerClient(session, _url(node.config)))
        now = node.clock()
        seen = await checkup.look(node.place(), await runtime.current_own(node), now, None)
        told = brief.tell(seen, doctor.judge(seen), await overview.read(node.pool, now), serving)
        config = node.config
    face.emit(_facts(config, told, now), lambda: _tell(face, config, told, now))


def _facts(config: Config, told: Brief, now: dt.datetime) -> dict[str, object]:
    log, copy = told.log, told.backup
    return {
        "node": config.node.id,
        "version": VERSION,
        "environment": config.node.environment,
        "level": told.level,
        "serving": {"state": told.serving.state, "reasons": list(told.serving.reasons), "url": _url(config)},
        "log": None
        if log is None
        else {
            "origin": log.row.origin,
            "state": log.row.state,
            "size": log.row.size,
            "signed_size": log.signed.size if log.signed else 0,
            "signed_at": log.signed.signed_at if log.signed else None,
            "witnessed_size": log.row.witnessed_size,
        },
        "peers": {
            "known": len(told.others),
            "current": sum(body.is_current for body in told.others),
            "late": [{"id": body.id, "origin": body.origin, "state": body.state} for body in told.late],
        },
        "profiles": {"found": told.profiles, "own": told.own_profiles},
        "next": [{"what": one.what, "at": one.at} for one in told.next],
        "backup": None if copy is None else {"file": copy.path.name, "made_at": copy.made_at, "bytes": copy.size, "age_s": round((now - copy.made_at).total_seconds())},
        "lights": [{"area": one.area, "level": one.level, "codes": list(one.codes)} for one in told.lights],
    }  # fmt: skip


def _tell(face: Face, config: Config, told: Brief, now: dt.datetime) -> None:
    state = face.tr(STATES[told.serving.state]).format(url=_url(config), reasons=", ".join(told.serving.reasons))
    face.say(N_("{node}, programma {version}: {state}"), node=config.node.id, version=VERSION, state=state)
    if told.log is not None:
        row, signed = told.log.row, told.log.signed
        face.say(N_("Registro {origin}: {size} voci, {signed} firmate, {witnessed} confermate dai testimoni"), origin=row.origin, size=row.size, signed=signed.size if signed else 0, witnessed=row.witnessed_size)  # fmt: skip
    current = sum(body.is_current for body in told.others)
    face.say(N_("Altri registri: {current} aggiornati su {known}; profili: {found}, di cui {own} propri"), current=current, known=len(told.others), found=told.profiles, own=told.own_profiles)  # fmt: skip
    if told.late:
        face.say(N_("In ritardo: {late}"), late=", ".join(sorted({body.id for body in told.late})))
    if told.backup is not None:
        hours = round((now - told.backup.made_at).total_seconds() / 3600, 1)
        face.say(N_("Ultima copia di sicurezza: {hours} ore fa"), hours=hours)
    for one in told.next:
        face.say(N_("Prossimo: {what}, {at:%d/%m/%Y %H:%M} UTC"), what=face.tr(NEXT[one.what]), at=one.at)
    for light in told.lights:
        if light.level != OK:
            face.say(N_("{level}: {area} [{codes}]"), level=face.tr(LEVELS[light.level]), area=face.tr(AREAS[light.area]), codes=", ".join(light.codes))  # fmt: skip
    face.say(
        N_("Tutto bene.") if told.level == OK else N_("«rete doctor» dice le cause e i rimedi."),
    )


@command(_top, "du", help="Quanto spazio occupa il nodo: tabelle, registri di ciascuno e di ogni anno, cartelle.")
@click.option("--quick", is_flag=True, help="Senza le misure dei singoli registri, che leggono tutte le righe.")
async def du(face: Face, quick: bool) -> None:
    """Show where the room goes."""
    async with runtime.open_node(face.home) as node:
        found = await usage.read(node.pool, node.home, node.config, runtime.INDEX_FOLDER, logs=not quick)
    face.emit(_sizes(found), lambda: _show(face, found))


def _sizes(found: Usage) -> dict[str, object]:
    return {
        "database_bytes": found.database_bytes,
        "schemas": [{"schema": name, "bytes": size} for name, size in found.schemas],
        "tables": [{"schema": t.schema, "table": t.name, "bytes": t.bytes, "index_bytes": t.index_bytes, "rows": t.rows} for t in found.tables],
        "logs": None if found.logs is None else [{"owner": row.owner, "origin": row.origin, "epoch": row.epoch, "state": row.state, "entries": row.entries, "bodies": row.bodies, "profiles": row.profiles, "bytes": row.bytes} for row in found.logs],
        "peers": _summed(found.peers, "id"),
        "epochs": _summed(found.epochs, "epoch"),
        "folders": [{"what": what, "path": str(path), "files": size.files, "bytes": size.bytes} for what, (path, size) in found.folders.items()],
    }  # fmt: skip


def _summed(sums: Iterable[Sum], key: str) -> list[dict[str, object]]:
    return [{key: s.key, "logs": s.logs, "entries": s.entries, "profiles": s.profiles, "bytes": s.bytes} for s in sums]


def _room(size: int) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024  # type: ignore[assignment]
    raise AssertionError


def _show(face: Face, found: Usage) -> None:
    face.say(N_("Base dati: {size}"), size=_room(found.database_bytes))
    face.table(N_("Per schema"), (N_("schema"), N_("spazio")), [(name, _room(size)) for name, size in found.schemas])
    most: Sequence[tuple[object, ...]] = [(f"{t.schema}.{t.name}", _room(t.bytes), _room(t.index_bytes), t.rows) for t in found.tables[:SHOWN]]  # fmt: skip
    face.table(N_("Le tabelle più grandi"), (N_("tabella"), N_("spazio"), N_("di cui indici"), N_("righe (stima)")), most)  # fmt: skip
    columns = (N_("registri"), N_("voci"), N_("profili"), N_("righe, senza indici"))
    if found.logs is not None:
        for title, key, sums in ((N_("Per ente"), N_("ente"), found.peers), (N_("Per anno"), N_("anno"), found.epochs)):
            face.table(title, (key, *columns), [(s.key, s.logs, s.entries, s.profiles, _room(s.bytes)) for s in sums])
    folders = [(face.tr(FOLDERS[what]), str(path), size.files, _room(size.bytes)) for what, (path, size) in found.folders.items()]  # fmt: skip
    if folders:
        face.table(N_("Cartelle"), (N_("che cosa"), N_("dove"), N_("file"), N_("spazio")), folders)
