"""What drafting and publishing both need of a profile under way: its row, its open version, its block as it was frozen.

In: a profile id inside the caller's transaction. Out: locked rows, or the reason why there is nothing to decide.
"""

from __future__ import annotations

import uuid

from node.domain import partition, potential
from node.domain.network import NetworkRecord
from node.domain.partition import Partition
from node.domain.partition_form import ANY_KIND, Block, Label
from node.domain.register import RegisterNetwork
from node.errors import N_, CallerError, NotFoundError
from node.store import population, publication, registry
from node.store.postgres import Connection
from node.store.publication import DueVersion, OpenVersion, PublicationProfile


async def read_partition(conn: Connection, version: int | None = None) -> Partition:
    """Return one partition, or the newest. Raises: CallerError(partition-missing)."""
    found = await (
        population.latest_partition(conn) if version is None else population.partition_version(conn, version)
    )
    if found is None:
        raise CallerError(
            "partition-missing",
            N_("manca l'elenco pubblico di riferimento, o il territorio ha troppe poche reti"),
            hint=N_("«rete register load FILE --snapshot DATA»; se il territorio è piccolo, allargare [privacy] scope"),
        )
    return partition.load(found.document)


async def register_row(conn: Connection, network_id: str) -> RegisterNetwork:
    """Return a network's row of the public register. Raises: network-unknown, not-in-register."""
    try:
        exists, register_id = await registry.register_id_of(conn, network_id)
    except ValueError:
        exists, register_id = False, None
    if not exists:
        raise NotFoundError("network-unknown", N_("rete sconosciuta: {id}"), id=network_id[:60])
    row = await population.find_network(conn, register_id) if register_id else None
    if row is None:
        raise CallerError(
            "not-in-register",
            N_("la rete non è nell'elenco pubblico: la scheda è trattenuta"),
            hint=N_("attendere la prossima edizione dell'elenco, o correggere repertorio e numero d'atto"),
        )
    return row


async def record_of(conn: Connection, network_id: str) -> tuple[str, NetworkRecord]:
    """Return an own network's id in normal form, and all that is known of it. Raises: NotFoundError(network-unknown)."""
    try:
        key = str(uuid.UUID(network_id))
    except ValueError:
        key = ""
    record = (await registry.read_records(conn, [key])).get(key) if key else None
    if record is None:
        raise NotFoundError("network-unknown", N_("rete sconosciuta: {id}"), id=network_id[:60])
    return key, record


async def open_profile(conn: Connection, profile_id: str) -> tuple[PublicationProfile, OpenVersion]:
    """Return a profile, locked, and its version under way. Raises: profile-unknown, profile-not-open."""
    found = await publication.lock_profile(conn, checked_id(profile_id))
    if found is None:
        raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id)
    version = await publication.open_version(conn, profile_id)
    if version is None or found.state == "withdrawn":
        raise CallerError("profile-not-open", N_("nessuna versione in lavorazione per questo profilo"))
    return found, version


async def shown_profile(conn: Connection, profile_id: str) -> tuple[PublicationProfile, OpenVersion]:
    """Return a profile and its version under way, else its published one. Raises: profile-unknown, profile-not-open."""
    found = await publication.find_profile(conn, checked_id(profile_id))
    if found is None:
        raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id)
    version = await publication.shown_version(conn, profile_id)
    if version is None or found.state == "withdrawn":
        raise CallerError("profile-not-open", N_("nessuna versione in lavorazione per questo profilo"))
    return found, version


def checked_id(profile_id: str) -> str:
    """Return a profile id in normal form. Raises: NotFoundError(profile-unknown)."""
    try:
        return str(uuid.UUID(profile_id))
    except ValueError as error:
        raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id[:60]) from error


def frozen_block(found: PublicationProfile | DueVersion, built: Partition) -> Block:
    """Return the block under the labels that were frozen when the id was made. Raises: CallerError(block-none)."""
    labels = {name: Label(label["level"], tuple(label["values"])) for name, label in found.labels.items()}
    if found.potential:
        return Block(potential.NO_BLOCK, labels, 0, ANY_KIND)
    block = built.by_id.get(found.block_id)
    if block is None:
        raise CallerError("block-none", N_("la partizione non ha il gruppo di questa scheda"))
    return Block(block.block_id, labels, block.count, block.kind)
