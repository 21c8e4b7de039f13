"""From a private record to a published profile: draft, preview, approve, queue, release in rounds, withdraw.

In: a network of the registry, its row of the public register, the frozen partition, officers' decisions. Out: entries in
the own log, written in the same transaction as the decision. Rules (privacy.md P, T): the block comes from the register
row, never from the private one; labels are frozen for the life of the id; the author is not the approver; any edit
re-opens the approval; withdrawals leave at once, everything else in rounds and in random order.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.config import Config
from node.domain import partition, profile, redaction, rounds
from node.domain.register import RegisterNetwork
from node.errors import N_, CallerError, NotFoundError, ReteError
from node.flows.append import Operation, append, sign_head
from node.protocol import canonical
from node.store import population, publication, registry
from node.store.postgres import Connection, Pool, run_tx
from node.store.publication import OpenVersion, PublicationProfile

logger = structlog.get_logger()
EPOCH_DAY = dt.date(1970, 1, 1)
REPUBLISH_AFTER_ROUNDS = 2
_random = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Preview:
    """Exactly what would leave, and how hidden it is."""

    profile_id: str
    network_id: str
    state: str
    author: str
    approver: str | None
    candidates: int
    k: int
    sentence: str
    document: Mapping[str, Any]
    hits: tuple[redaction.Hit, ...]
    release_day: int | None


def day_number(day: dt.date) -> int:
    """Return days since 1970-01-01."""
    return (day - EPOCH_DAY).days


def hash_content(raw: bytes) -> bytes:
    """Return the hash by which an approval is bound to the text it approved."""
    return hashlib.sha256(raw).digest()


async def _block(conn: Connection, config: Config, row: RegisterNetwork) -> tuple[partition.Partition, partition.Block]:
    found = await population.current_partition(conn)
    if found is None:
        raise CallerError(
            "partition-missing",
            N_("manca l'elenco pubblico di riferimento"),
            hint=N_("caricarlo con «rete register load FILE --snapshot DATA»"),
        )
    built = partition.load(found.document)
    block = built.lookup(row)
    if block.count < config.privacy.k:
        raise CallerError("block-too-small", N_("meno di {k} reti del registro hanno queste caratteristiche"), k=config.privacy.k)
    return built, block


async def _register_row(conn: Connection, network_id: str) -> RegisterNetwork:
    register_id = await registry.register_id_of(conn, network_id)
    if register_id is None:
        raise NotFoundError("network-unknown", N_("rete sconosciuta: {id}"), id=network_id)
    row = await population.find_network(conn, register_id)
    if row is None:
        raise CallerError(
            "not-in-register",
            N_("la rete non è nell'elenco pubblico: la scheda è trattenuta"),
            hint=N_("attendere la prossima edizione dell'elenco, o correggere repertorio e numero d'atto"),
        )
    return row


async def dictionary(conn: Connection) -> redaction.Dictionary:
    """Build the dictionary of everything in the own registry that would name a network."""
    return redaction.Dictionary.build(await registry.secret_terms(conn))


def scan_content(content: profile.ProfileContent, known: redaction.Dictionary) -> tuple[redaction.Hit, ...]:
    """Return what the gate finds in every text of a profile, in order."""
    return tuple(hit for text in content.texts() for hit in redaction.scan(text, known))


async def draft(
    pool: Pool, config: Config, network_id: str, content: Mapping[str, Any], author: str, now: dt.datetime
) -> str:
    """Store a draft for a network and return its profile id; an open version is replaced and must be approved again."""
    parsed = profile.parse_content(content)
    raw = canonical.dumps(parsed.to_dict())

    async def work(conn: Connection) -> str:
        row = await _register_row(conn, network_id)
        living = await publication.living_profile(conn, network_id)
        if living is None:
            await _refuse_early_return(conn, config, network_id, now)
            built, block = await _block(conn, config, row)
            living = PublicationProfile(
                profile_id=str(uuid.uuid4()),
                network_id=network_id,
                register_id=row.register_id,
                partition_version=built.version,
                block_id=block.block_id,
                labels=profile.labels_dict(block),
                state="new",
            )
            await publication.insert_profile(conn, living, now)
        hashed = hash_content(raw)
        number = await publication.save_draft(conn, living.profile_id, raw, hashed, author, now)
        candidates = await population.block_count(conn, living.partition_version, living.block_id)
        await publication.record_decision(
            conn, living.profile_id, number, action="drafted", officer=author, now=now, candidates=candidates, content_hash=hashed
        )
        return living.profile_id

    return await run_tx(pool, work)


async def _refuse_early_return(conn: Connection, config: Config, network_id: str, now: dt.datetime) -> None:
    withdrawn = await publication.last_withdrawal(conn, network_id)
    if withdrawn is None or config.privacy.round == "immediate":
        return
    day = rounds.round_day(withdrawn.date(), config.privacy.round)
    for _ in range(REPUBLISH_AFTER_ROUNDS):
        day = rounds.next_round(day, config.privacy.round)
    if now.date() < day:
        raise CallerError(
            "republish-too-early",
            N_("la scheda è stata ritirata da poco: si può ripubblicare dal {day}"),
            hint=N_("ripubblicare subito legherebbe la nuova scheda alla vecchia"),
            day=day.isoformat(),
        )
