"""``rete log show | proof | verify | recover | confirm | rollover``: the own signed log, and proofs about any."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.officer import BY, deciding, name_of
from node.domain.days import day_of
from node.errors import N_, CallerError, OperatorError
from node.flows.logs import epoch, own_log, prove, recover
from node.flows.trust.membership import membership_of, own_member
from node.flows.upkeep.home import set_epoch
from node.protocol import keys, tlog_proof, witness
from node.protocol.member import Membership
from node.runtime import Node
from node.store import keyfiles, origins, pin
from node.store.own_log import signed_latest
from node.store.postgres import acquire

REASON = click.option("--reason", required=True, metavar="TESTO", help="Perché; resta scritto.")


@click.group("log", help="Il registro firmato: stato, prove, ripresa, nuovo anno.")
def log_group() -> None:
    """Hold the log commands."""


@command(log_group, "show", help="Stato del proprio registro: voci, firma, testimoni, recinto.")
async def show(face: Face) -> None:
    """Show the own log's head, state and cosignatures."""
    async with runtime.open_node(face.home) as node:
        facts = await _facts(node)
    face.emit(facts, lambda: _show(face, facts))


async def _facts(node: Node) -> dict[str, Any]:
    found = await own_log.read(node.pool, await runtime.current_own(node), node.membership)
    row, signed = found.row, found.signed
    return {
        "origin": row.origin,
        "vkey": found.vkey,
        "state": row.state,
        "error_code": row.error_code,
        "error": row.error_text,
        "size": row.size,
        "signed_size": signed.size if signed else None,
        "signed_at": signed.signed_at if signed else None,
        "root": signed.root.hex() if signed else None,
        "highwater_size": found.mark.size if found.mark else None,
        "witnessed_size": row.witnessed_size,
        "witnessed_at": row.witnessed_at,
        "witnesses": [
            {"member": member, "size": said.size if said else None, "cosigned_at": said.signed_at if said else None}
            for member, said in found.witnesses.items()
        ],
    }


def _show(face: Face, facts: dict[str, Any]) -> None:
    said = N_("{origin}: {state}, {size} voci, firmate {signed_size}")
    face.say(said, **{k: facts[k] for k in ("origin", "state", "size", "signed_size")})
    if facts["error"]:
        face.say(N_("motivo: {error} [{code}]"), error=face.tr(facts["error"]), code=facts["error_code"])
    if facts["witnessed_at"]:
        face.say(
            N_("i testimoni confermano {size} voci, l'ultima volta il {when}"),
            size=facts["witnessed_size"],
            when=f"{facts['witnessed_at']:%d/%m/%Y %H:%M}",
        )
    else:
        face.say(N_("nessun accordo di testimoni finora"))
    columns = (N_("testimone"), N_("voci"), N_("firmato il"))
    rows = [
        (w["member"], w["size"], f"{w['cosigned_at']:%d/%m/%Y %H:%M}" if w["cosigned_at"] else face.tr(N_("mai")))
        for w in facts["witnesses"]
    ]
    if rows:
        face.table("", columns, rows)


@command(log_group, "proof", json=False, help="Scrive sullo standard output la prova che un profilo è nel registro.")
@click.argument("profile_id", metavar="PROFILO", type=click.UUID)
async def proof(face: Face, profile_id: object) -> None:
    """Write a tlog-proof of a profile's last entry."""
    async with runtime.open_node(face.home) as node:
        made = await prove.inclusion(node.pool, str(profile_id))
    sys.stdout.buffer.write(tlog_proof.encode(made))


@command(log_group, "verify", help="Controlla una prova, senza rete e senza base dati.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE")
@click.option(
    "--vkey", "vkeys", multiple=True, metavar="VKEY", help="Chiave di un registro (altrimenti quelle di node.toml)."
)
@click.option("--witness", "witnesses", multiple=True, metavar="VKEY", help="Chiave di un testimone; ripetibile.")
async def verify(face: Face, file: Path, vkeys: tuple[str, ...], witnesses: tuple[str, ...]) -> None:
    """Verify a proof offline; exit 1 when it proves nothing.

    A home that lives by an agreement has the logs' keys, the withdrawn ones with their sizes, in its database.
    """
    raw = _read(file)
    known = [keys.parse_vkey(text) for text in vkeys]
    cosigners = {text.partition("+")[0]: (keys.parse_vkey(text),) for text in witnesses}
    membership: Membership | None = None
    if not known:
        membership, known = _known(face) if pin.read(face.home) is None else await _agreed(face)
    shown = prove.check(raw, known, cosigners, None if witnesses else membership)
    times = [int(at.timestamp()) for at in shown.cosigned.values()]
    facts = {
        "ok": True,
        "origin": shown.origin,
        "size": shown.size,
        "index": shown.index,
        "op": shown.entry.op,
        "profile_id": shown.entry.id,
        "day": day_of(shown.entry.t),
        "cosigned": shown.cosigned,
        "witnessed": witness.quorum_time(times) is not None,
    }
    message = N_("Provato: {op} di {profile_id} è la voce {index} di {origin} ({size} voci); testimoni: {witnesses}.")
    face.emit(facts, lambda: face.say(message, **facts, witnesses=", ".join(shown.cosigned) or face.tr(N_("nessuno"))))


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise CallerError("file-unreadable", N_("il file non si legge"), where=str(file)) from error


async def _agreed(face: Face) -> tuple[Membership, list[keys.Verifier]]:
    """Return the members and log keys that the agreement in force names, of every log that is known here."""
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        return node.membership, [verifier for row in await origins.list_origins(conn) for verifier in row.verifiers]


def _known(face: Face) -> tuple[Membership, list[keys.Verifier]]:
    """Return the members and log keys that the home's configuration names, of every year."""
    config = runtime.read_config(face.home)
    held = keyfiles.read(face.home / config.federation.keys)
    public = {role: key.public_key().public_bytes_raw() for role, key in held.signing.items()}
    logs = [
        (config.federation.origin, public["log"]),
        *((p.origin, keys.parse_vkey(p.vkey).public) for p in config.peers),
    ]
    years = range(2020, config.federation.epoch + 2)
    verifiers = [
        keys.Verifier(f"{origin.rpartition('/')[0]}/{year}", keys.LOG_TYPE, key)
        for origin, key in logs
        for year in years
    ]
    return membership_of(config, own_member(config, public, held.seal.public)), verifiers


@command(
    log_group,
    "recover",
    help="Chiede agli altri nodi che cosa hanno del proprio registro e riprende ciò che qui manca.",
)
async def recover_(face: Face) -> None:
    """Settle a fenced log; exit 2 when it may still not be written."""
    async with runtime.open_node(face.home) as node, node.session() as session:
        verdict = await recover.settle(node.syncer(session), await runtime.current_own(node))
    facts = {"state": verdict.state, "size": verdict.here, "heard": verdict.heard, "asked": verdict.asked}
    message = N_("Il registro è intero: {size} voci; hanno risposto {heard} nodi su {asked}.")
    face.emit(facts, lambda: face.say(message, **facts))


@command(log_group, "confirm", help="Dichiara intero il registro quando nessun altro nodo può dirlo.")
@BY
@REASON
async def confirm(face: Face, officer: str | None, reason: str) -> None:
    """Open the fence on an administrator's word."""
    async with deciding(face) as node:
        own = await runtime.current_own(node)
        await recover.confirm(node.pool, own, name_of(officer), reason, node.clock())
    face.emit({"origin": own.origin, "state": "ready"}, lambda: face.say(N_("Il registro si può di nuovo scrivere.")))


@command(
    log_group, "rollover", help="Comincia il registro del nuovo anno con i profili attivi; il vecchio resta chiuso."
)
@click.option("--year", type=click.IntRange(2020, 9999), help="Anno del nuovo registro (altrimenti quello corrente).")
@BY
async def rollover(face: Face, year: int | None, officer: str | None) -> None:
    """Begin the next epoch."""
    async with deciding(face) as node:
        own = await runtime.current_own(node)
        begun = await epoch.rollover(
            node.pool, own, year or node.clock().year, name_of(officer), node.clock(), node.config.federation.authority
        )
        async with acquire(node.pool) as conn:
            signed = await signed_latest(conn, begun.origin_id)
    found = epoch.split(begun.origin)
    if found is None or signed is None:
        raise OperatorError("epoch-not-begun", N_("il nuovo registro non è stato firmato"), where=begun.origin)
    set_epoch(face.home, found[1])
    facts = {"origin": begun.origin, "size": signed.size, "frozen": own.origin}
    message = N_("Cominciato {origin} con {size} voci; {frozen} è chiuso. Gli altri nodi lo seguono da soli.")
    face.emit(facts, lambda: face.say(message, **facts))
