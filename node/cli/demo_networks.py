"""The networks of ``rete demo``: an invented national list, each body's own networks of it, and their profiles, approved and published.

In: open nodes and a folder. Out: rows as an officer's import and a second officer's approval leave them. Source: docs/percorso.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.cli.demo_accounts import APPROVER, AUTHOR
from node.domain import partition
from node.domain import template as layout
from node.domain.chamber import ChamberList
from node.domain.generation.enrichment import enrich
from node.errors import N_, CallerError, LogStateError
from node.flows.profiles import draft, publish, submission
from node.flows.registry import intake, register
from node.flows.upkeep.home import Facts
from node.runtime import Node, current_own, utc_now
from node.store import registry, spreadsheet
from node.store.postgres import acquire
from node.store.reference import load_territories

# One more network, to be imported by whoever tries the pages.
EXERCISE = "una-rete-in-piu.xlsx"
CONTRACTS = 9630
PER_NODE = 16
SEED = 2012
SNAPSHOT = dt.date(2024, 12, 31)


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


def facts_of(ports: Sequence[int]) -> list[Facts]:
    """Return what each body's new home must be told; all use one database server."""
    return [
        Facts(
            id=body.id,
            name=body.name,
            ipa_code="" if body.id == "bic-lazio" else body.id,
            territory=body.territory,
            authority=f"127.0.0.1:{port}",
            port=port,
            epoch=utc_now().year,
            cluster="../postgres",
            database_name=body.folder.replace("-", "_"),
            round="immediate",
        )
        for body, port in zip(BODIES, ports, strict=True)
    ]


def national_list(folder: Path) -> ChamberList:
    """Write the invented list as the chamber system would, and read it back."""
    path = folder / "statistiche.csv"
    register.generate_file(path, contracts=CONTRACTS, seed=SEED)
    return register.read_list(path)


async def take_in(nodes: Sequence[Node], folder: Path, found: ChamberList) -> Path:
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
    await submission.approve(node.pool, node.config, profile_id, APPROVER, node.clock(), known=node.known)


async def publish_all(node: Node, leave: int = 0) -> list[str]:
    """Draft, approve and publish a profile of each network of a node but the last ``leave``, whose ids are returned."""
    async with acquire(node.pool) as conn:
        ids = list(await registry.read_records(conn))
    now, later = ids[: len(ids) - leave], ids[len(ids) - leave :]
    for network_id in now:
        await _queue(node, network_id)
    await _release(node)
    return later


async def publish_one(node: Node, network_id: str) -> str | None:
    """Publish one more network; return the profile's id once its log has it, None where it was held."""
    profile_id = await _queue(node, network_id)
    return profile_id if profile_id in await _release(node) else None


async def _queue(node: Node, network_id: str) -> str:
    async with acquire(node.pool) as conn:
        record = (await registry.read_records(conn, [network_id]))[network_id]
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
    return profile_id


async def _release(node: Node) -> list[str]:
    own = await current_own(node)
    return await publish.release_due(node.pool, node.config, own, node.clock(), known=node.known)
