"""``rete partition list | show | verify``: the public partitions, from the own database and from every signed log."""

from __future__ import annotations

from typing import Any

import click

from node import runtime
from node.cli.counts import BLOCKS, PROFILES, counted
from node.cli.frame import Face, command
from node.domain.labels import ATTRIBUTES
from node.domain.partition import Partition
from node.domain.partition_form import Block
from node.errors import N_, CallerError
from node.flows.profiles import partitions as flow
from node.flows.profiles import standing
from node.flows.profiles.partitions import Known, Verdict
from node.store.reference import load_label_reference

OWNER = click.option("--owner", metavar="NODO", help="Il nodo di cui (altrimenti questo).")
VERSION = click.argument("version", type=click.IntRange(1, 1_000_000), required=False, metavar="[VERSIONE]")
DIGEST_SHOWN = 12
LABELS_SHOWN = 3


@click.group("partition", help="Partizioni pubbliche: i gruppi di reti che nessuna scheda permette di distinguere.")
def partition() -> None:
    """Hold the partition commands."""


@command(partition, "list", help="Le partizioni note: le proprie e quelle nei registri firmati degli altri nodi.")
@click.option("--owner", metavar="NODO", help="Solo quelle di un nodo.")
async def list_(face: Face, owner: str | None) -> None:
    """List what is known."""
    async with runtime.open_node(face.home) as node:
        found = await flow.list_known(node.pool, node.config.node.id, of=owner)
    columns = (N_("nodo"), N_("versione"), N_("elenco del"), N_("nel registro firmato"), N_("impronta"))

    def human() -> None:
        rows = [(k.owner, k.version, k.snapshot, face.tr(_logged(k)), k.digest[:DIGEST_SHOWN]) for k in found]
        face.table("", columns, rows)

    face.emit({"partitions": [_facts(known) for known in found]}, human)


def _logged(known: Known) -> str:
    if not known.origin:
        return N_("non ancora")
    return N_("sì") if known.logged else N_("in parte")


def _facts(known: Known) -> dict[str, Any]:
    return {
        "owner": known.owner,
        "origin": known.origin or None,
        "version": known.version,
        "digest": known.digest,
        "snapshot": known.snapshot,
        "logged": known.logged,
        "parts": known.parts,
    }


@command(partition, "show", help="I gruppi di una partizione, in parole; della propria anche quante reti hanno oggi.")
@VERSION
@OWNER
async def show(face: Face, version: int | None, owner: str | None) -> None:
    """Show one partition block by block."""
    async with runtime.open_node(face.home) as node:
        own = owner in (None, node.config.node.id)
        known, built = await flow.find(node.pool, owner or node.config.node.id, version)
        standings = await standing.blocks_today(node.pool, node.config, built) if own else {}
    blocks = [_block_facts(block, standings.get(block.block_id) if own else None) for block in built.blocks]
    facts = {
        **_facts(known),
        "scope": list(built.scope),
        "group": list(built.group),
        "k": built.k,
        "k_build": built.k_build,
        "population": built.population,
        "blocks": blocks,
    }
    face.emit(facts, lambda: _tell(face, known, built, standings, own=own))


def _block_facts(block: Block, today: standing.BlockToday | None) -> dict[str, Any]:
    labels = {
        name: {"level": block.labels[name].level, "values": list(block.labels[name].values)} for name in block.labels
    }
    return {
        "block": block.block_id,
        "labels": labels,
        "kind": block.kind,
        "count": block.count,
        "today": today.candidates if today else None,
        "profiles": today.profiles if today else None,
        "held": today.held if today else None,
    }


def _tell(face: Face, known: Known, built: Partition, standings: dict[int, standing.BlockToday], *, own: bool) -> None:
    face.say(
        N_("Partizione {version} di {owner}, elenco del {snapshot}: {blocks}, almeno {k_build} reti ciascuno."),
        version=built.version,
        owner=known.owner,
        snapshot=built.snapshot,
        blocks=counted(face, len(built.blocks), BLOCKS),
        k_build=built.k_build,
    )
    reference = load_label_reference()
    columns = [N_("gruppo"), N_("chi vi sta"), N_("reti")] + ([N_("oggi"), N_("schede")] if own else [])
    rows: list[tuple[object, ...]] = []
    for block in built.blocks:
        words = "; ".join(
            reference.describe(name, block.labels[name].values, limit=LABELS_SHOWN, translate=face.tr)
            for name in ATTRIBUTES[:5]
            if block.labels[name].values
        )
        today = standings.get(block.block_id)
        more = (_marked(face, today), today.profiles) if own and today else ("", "") if own else ()
        rows.append((block.block_id, words or face.tr(N_("tutte")), block.count, *more))
    face.table("", columns, rows)


def _marked(face: Face, today: standing.BlockToday) -> str:
    return (
        str(today.candidates)
        if today.held is None
        else face.tr(N_("{count}: troppo poche")).format(count=today.candidates)
    )


@command(
    partition,
    "verify",
    help="Ricostruisce le partizioni dall'elenco pubblico e controlla che ogni scheda stia in un gruppo.",
)
@VERSION
@click.option("--owner", metavar="NODO", help="Solo quelle di un nodo.")
async def verify(face: Face, version: int | None, owner: str | None) -> None:
    """Rebuild partitions bit for bit; exit 1 when one is wrong, or when none of those named could be rebuilt."""
    async with runtime.open_node(face.home) as node:
        verdicts = await flow.verify(node.pool, node.config.node.id, of=owner, version=version)
    wrong = [v for v in verdicts if v.wrong]
    facts = {"ok": not wrong, "partitions": [_verdict_facts(v) for v in verdicts]}
    face.emit(facts, lambda: _tell_verdicts(face, verdicts))
    if wrong:
        raise CallerError(
            "partition-wrong",
            N_("{owner}, versione {version}: la partizione o le schede non sono quelle che devono essere"),
            hint=N_("avvertire l'amministratore di quel nodo; le sue schede potrebbero essere riconoscibili"),
            owner=wrong[0].known.owner,
            version=wrong[0].known.version,
        )
    if (owner or version) and all(v.state != flow.SAME for v in verdicts):
        raise CallerError(
            "partition-unverified",
            N_("nessuna delle partizioni chieste si è potuta ricostruire"),
            hint=N_("caricare l'elenco di quella data con «rete register load FILE --snapshot DATA»"),
        )


def _verdict_facts(verdict: Verdict) -> dict[str, Any]:
    return {
        **_facts(verdict.known),
        "state": verdict.state,
        "ok": None if verdict.state not in (flow.SAME, *flow.WRONG) and not verdict.astray else not verdict.wrong,
        "profiles": verdict.profiles,
        "astray": verdict.astray,
        "example": verdict.example,
    }


def _tell_verdicts(face: Face, verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        face.say(
            N_("{owner}, versione {version}, elenco del {snapshot}: {state}; {profiles}."),
            owner=verdict.known.owner,
            version=verdict.known.version,
            snapshot=verdict.known.snapshot,
            state=face.tr(flow.STATES[verdict.state]),
            profiles=counted(face, verdict.profiles, PROFILES),
        )
        if verdict.astray:
            face.say(
                N_("  {count} con caratteristiche che non sono di alcun gruppo, per esempio {example}"),
                count=verdict.astray,
                example=verdict.example,
            )
