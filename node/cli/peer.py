"""``rete peer list | ping | card``: the other nodes and the road to them."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.officer import BY, deciding, name_of
from node.cli.reports import own_status, peer_unknown, problem_line
from node.config_checks import is_peer_url
from node.errors import N_, CallerError, RoadWrongError, Said, plain_facts
from node.flows.logs import accuse, board, ping
from node.flows.logs.board import STATES, Peer
from node.flows.logs.ping import Step
from node.flows.trust.peer_card import peer_card
from node.peers.client import PeerClient
from node.protocol import keys
from node.store import keyfiles, origins, pin
from node.store.postgres import acquire

STEPS = {
    ping.DNS: "DNS",
    ping.TCP: "TCP",
    ping.TLS: "TLS",
    ping.CHECKPOINT: "checkpoint",
    ping.CLOCK: N_("orologio"),
    ping.SIGNATURE: N_("firma delle richieste"),
    ping.SCHEMA: "schema",
}


@click.group("peer", help="Gli altri nodi della federazione.")
def peer() -> None:
    """Hold the peer commands."""


@command(peer, "list", help="Stato di ogni nodo: registro, profili, ultimo errore e motivo.")
async def list_(face: Face) -> None:
    """Show each followed log: state, size, profiles, waiting bodies, last error."""
    async with runtime.open_node(face.home) as node:
        found = await board.read(node.pool, await runtime.current_own(node), node.clock())
        status = own_status(face, node)
    rows = [_facts(peer) for peer in found]
    face.emit({"peers": rows, "own_status": status}, lambda: _table(face, rows))


def _facts(peer: Peer) -> dict[str, object]:
    origin = peer.row
    return {
        "id": origin.owner,
        "name": origin.name,
        "own": origin.is_own,
        "state": peer.state,
        "url": origin.url,
        "origin": origin.origin,
        "size": origin.size,
        "profiles": peer.profiles,
        "bodies_missing": peer.waiting,
        "set_aside": dict(peer.set_aside),
        "checkpoint_size": origin.checkpoint_size,
        "witnessed_size": origin.witnessed_size,
        "witnessed_at": origin.witnessed_at,
        "cosigned_at": origin.cosigned_at,
        "confirmed_at": origin.confirmed_at,
        "relay": origin.relay,
        "checked_at": origin.checked_at,
        "next_pull_at": origin.next_pull_at,
        "failures": origin.failures,
        "error_code": origin.error_code,
        "error": origin.error_text,
        "error_at": origin.error_at,
    }


def _table(face: Face, rows: list[dict[str, object]]) -> None:
    columns = (
        N_("nodo"),
        N_("stato"),
        N_("voci"),
        N_("profili"),
        N_("confermato"),
        N_("testimoni"),
    )
    shown = []
    for row in rows:
        state = face.tr(STATES.get(str(row["state"]), str(row["state"])))
        if row["own"]:
            state = face.tr(N_("questo nodo")) + ("" if row["state"] in ("new", "ready") else f" ({state})")
        confirmed = "" if row["own"] else _when(face, row["confirmed_at"])
        vouched = _when(face, row["witnessed_at"])
        shown.append((row["id"], state, row["size"], row["profiles"], confirmed, vouched))
    face.table(N_("Nodi della federazione"), columns, shown)
    for row in rows:
        # Sentences stand below: in a column of the table they would be cut to pieces.
        if row["error_code"]:
            problem_line(face, str(row["id"]), str(row["error"]), str(row["error_code"]))
        for code, count in cast("dict[str, int]", row["set_aside"]).items():
            face.say(N_("{peer}: {count} voci messe da parte [{code}]"), peer=row["id"], count=count, code=code)


def _when(face: Face, moment: object) -> str:
    return f"{moment:%d/%m %H:%M}" if isinstance(moment, dt.datetime) else face.tr(N_("mai"))


@command(peer, "release", help="Riprende a seguire un nodo in quarantena, con un motivo che resta scritto.")
@click.argument("peer_id", metavar="ID")
@BY
@click.option("--reason", required=True, metavar="TESTO", help="Perché; resta scritto.")
@click.option("--forget", is_flag=True, help="Dimenticare ciò che si ha di quel registro e riprenderlo dall'inizio.")
async def release(face: Face, peer_id: str, officer: str | None, reason: str, forget: bool) -> None:
    """Release every quarantined log of one peer."""
    async with deciding(face) as node:
        released = await accuse.release_peer(node.pool, peer_id, name_of(officer), reason, node.clock(), forget=forget)
    facts = {"peer": peer_id, "released": released, "forgotten": forget}
    face.emit(facts, lambda: face.say(N_("«{peer}» sarà di nuovo seguito dal prossimo prelievo."), peer=peer_id))


@command(peer, "ping", help="Percorre la strada fino a un nodo: DNS, TCP, TLS, firma, orologio, formato.")
@click.argument("peer_id", metavar="ID")
async def ping_(face: Face, peer_id: str) -> None:
    """Walk the road to one peer; exit 1 at the first step that fails."""
    async with runtime.open_node(face.home) as node:
        async with acquire(node.pool) as conn:
            found = [o for o in await origins.list_origins(conn, peer_id) if not o.is_own]
        if not found:
            raise peer_unknown(node.config, peer_id)
        async with node.session() as session:
            steps = await ping.ping(
                found[-1], PeerClient(session, str(found[-1].url), node.request_signer()), node.clock
            )
    shown = [_step(face, step) for step in steps]
    face.emit(
        {"peer": peer_id, "ok": steps[-1].ok, "steps": shown},
        lambda: face.table(
            "",
            (N_("passo"), N_("esito"), N_("trovato"), N_("che fare")),
            [
                (
                    face.tr(STEPS[step["name"]]),
                    "ok" if step["ok"] else face.tr(N_("NO")),
                    _found(face, step),
                    step["remedy"],
                )
                for step in shown
            ],
        ),
    )
    if steps[-1].remedy is not None:
        raise RoadWrongError(
            "ping-failed",
            N_("il passo «{step}» non riesce"),
            where=peer_id,
            hint=N_("{remedy}"),
            step=Said(STEPS[steps[-1].name]),
            remedy=steps[-1].remedy,
        )


def _step(face: Face, step: Step) -> dict[str, Any]:
    """Return a step as the JSON value of docs/cli.md; its words are in the reader's language."""
    found, remedy = step.found, ""
    if step.error is not None:
        what, where, _ = step.error.render(face.tr)
        found = f"{what} ({where})" if where else what
    if step.remedy is not None:
        remedy = face.tr(step.remedy.template).format(**plain_facts(step.remedy.facts))
    code = step.error.code if step.error else ""
    return {"name": step.name, "ok": step.ok, "found": found, "code": code, "remedy": remedy}


def _found(face: Face, step: dict[str, Any]) -> str:
    return face.tr(ping.FOUND[step["found"]]) if step["ok"] and step["found"] in ping.FOUND else str(step["found"])


@command(peer, "card", help="Stampa il blocco [[peer]] con cui gli altri nodi seguono questo.")
@click.option("--url", help="Indirizzo pubblico; altrimenti https://authority (http su loopback).")
def card(face: Face, url: str | None) -> None:
    """Print this node's [[peer]] block."""
    if url is not None and not is_peer_url(url):
        raise CallerError(
            "peer-url-bad",
            N_("l'indirizzo del nodo deve essere https, con il solo host"),
            where="--url",
            hint=N_("per esempio https://ar.example.it, senza barra finale"),
        )
    config = runtime.read_config(face.home)
    if pin.read(face.home) is not None:
        raise CallerError(
            "peer-card-unused",
            N_(
                "questo nodo vive di un protocollo d'intesa: gli altri hanno da lì le sue chiavi, non da un blocco [[peer]]"
            ),
            hint=N_("«rete keys show» mostra le chiavi di questo nodo; «rete agreement show --entry ID» la sua voce"),
        )
    held = keyfiles.read(face.home / config.federation.keys)
    scheme = "http" if config.federation.authority.startswith(("127.0.0.1", "localhost")) else "https"
    vkey = keys.format_vkey(config.federation.origin, held.signing["log"].public_key().public_bytes_raw())
    text = peer_card(config, held, vkey, url or f"{scheme}://{config.federation.authority}")
    face.emit({"peer": text}, lambda: face.out.print(text, markup=False, highlight=False, soft_wrap=True))
