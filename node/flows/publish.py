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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.config import Config
from node.domain import partition, profile, redaction, rounds
from node.domain.network import NetworkRecord
from node.domain.partition import Block, Label, Partition
from node.domain.register import RegisterNetwork
from node.errors import N_, CallerError, NotFoundError
from node.flows.append import Operation, append, sign_head
from node.protocol import canonical
from node.store import population, publication, registry
from node.store.postgres import Connection, Pool, run_tx
from node.store.publication import DueVersion, OpenVersion, PublicationProfile
from node.store.reference import load_sectors, load_territories

logger = structlog.get_logger()
EPOCH_DAY = dt.date(1970, 1, 1)
REPUBLISH_AFTER_ROUNDS = 2
_random = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Preview:
    """Exactly what would leave, how many register networks share it, and what the text gate found."""

    profile_id: str
    network_id: str
    state: str
    author: str
    approver: str | None
    candidates: int
    k: int
    sentence: str
    document: Mapping[str, Any]
    hits: tuple[tuple[str, str, redaction.Hit], ...]
    release_day: int | None


def day_number(day: dt.date) -> int:
    """Return days since 1970-01-01."""
    return (day - EPOCH_DAY).days


def suggest_content(record: NetworkRecord) -> dict[str, Any]:
    """Return a first content for a network's profile, from what the office recorded in closed lists and wants.

    A start for the officer, who reads and changes it; the text gate sees it like any other text.
    """
    wants = {
        "needs": [{"category": w.category, **({"text": w.text} if w.text else {})} for w in record.needs],
        "offers": [{"category": w.category, **({"text": w.text} if w.text else {})} for w in record.offers],
    }
    leading = record.offers[0] if record.offers else (record.needs[0] if record.needs else None)
    subject = leading.text if leading and leading.text else "collaborazione con altre reti d'impresa"
    title = subject[0].upper() + subject[1:]
    summary = ". ".join(w.text[0].upper() + w.text[1:] for w in (*record.offers, *record.needs) if w.text)
    return {
        "purpose": "request" if record.needs and not record.offers else "offer",
        "title": title[: profile.TITLE_MAX],
        "summary": (summary or title)[: profile.SUMMARY_MAX],
        "themes": list(record.extras),
        "capabilities": list(record.capabilities),
        **wants,
        "target_countries": list(record.target_countries),
        "languages": list(record.languages),
        "certifications": list(record.certifications),
    }


async def draft(
    pool: Pool, config: Config, network_id: str, content: Mapping[str, Any], author: str, now: dt.datetime
) -> str:
    """Store a draft for a network and return its profile id; an open version is replaced and must be approved again.

    Raises: CallerError profile-field-..., not-in-register, block-none, out-of-scope, partition-missing,
    republish-too-early; NotFoundError(network-unknown).
    """
    parsed = profile.parse_content(content)
    raw = canonical.dumps(parsed.to_dict())
    hashed = hashlib.sha256(raw).digest()

    async def work(conn: Connection) -> str:
        row = await _register_row(conn, network_id)
        living = await publication.living_profile(conn, network_id)
        if living is None:
            await _refuse_early_return(conn, config, network_id, now)
            living = await _begin(conn, config, network_id, row, now)
        number = await publication.save_draft(conn, living.profile_id, raw, hashed, author, now)
        built = await _partition(conn, living.partition_version)
        await publication.record_decision(
            conn,
            living.profile_id,
            number,
            action="drafted",
            officer=author,
            now=now,
            candidates=built.by_id[living.block_id].count,
            content_hash=hashed,
        )
        return living.profile_id

    return await run_tx(pool, work)


async def _register_row(conn: Connection, network_id: str) -> RegisterNetwork:
    exists, register_id = await registry.register_id_of(conn, network_id)
    if not exists:
        raise NotFoundError("network-unknown", N_("rete sconosciuta: {id}"), id=network_id)
    row = await population.find_network(conn, register_id) if register_id else None
    if row is None:
        raise CallerError(
            "not-in-register",
            N_("la rete non è nell'elenco pubblico: la scheda è trattenuta"),
            hint=N_("attendere la prossima edizione dell'elenco, o correggere repertorio e numero d'atto"),
        )
    return row


async def _partition(conn: Connection, version: int | None = None) -> Partition:
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


async def _begin(
    conn: Connection, config: Config, network_id: str, row: RegisterNetwork, now: dt.datetime
) -> PublicationProfile:
    built = await _partition(conn)
    if not row.active or not partition.in_scope(row, built.scope, load_territories()):
        raise CallerError(
            "out-of-scope",
            N_("la rete è cessata o fuori dal territorio della partizione: la scheda è trattenuta"),
            hint=N_("vedere [privacy] scope"),
        )
    block = built.lookup(row, load_sectors())
    if block.count < config.privacy.k:
        raise CallerError(
            "block-too-small", N_("meno di {k} reti del registro hanno queste caratteristiche"), k=config.privacy.k
        )
    # The id is random and means nothing; a hash of any number of the firm could be searched for.
    begun = PublicationProfile(
        profile_id=str(uuid.uuid4()),
        network_id=network_id,
        register_id=row.register_id,
        partition_version=built.version,
        block_id=block.block_id,
        labels=profile.labels_dict(block),
        state="new",
    )
    await publication.insert_profile(conn, begun, now)
    return begun


async def _refuse_early_return(conn: Connection, config: Config, network_id: str, now: dt.datetime) -> None:
    withdrawn = await publication.last_withdrawal(conn, network_id)
    if withdrawn is None or config.privacy.round == rounds.IMMEDIATE:
        return
    day = withdrawn.date()
    for _ in range(REPUBLISH_AFTER_ROUNDS):
        day = rounds.next_round(day, config.privacy.round)
    if now.date() < day:
        raise CallerError(
            "republish-too-early",
            N_("la scheda è stata ritirata da poco: si può ripubblicare dal {day}"),
            hint=N_("ripubblicare subito legherebbe la nuova scheda alla vecchia"),
            day=day.isoformat(),
        )


async def _dictionary(conn: Connection) -> redaction.Dictionary:
    return redaction.Dictionary.build(await registry.secret_terms(conn))


def _scan(content: profile.ProfileContent, known: redaction.Dictionary) -> tuple[tuple[str, str, redaction.Hit], ...]:
    return tuple((place, text, hit) for place, text in content.texts() for hit in redaction.scan(text, known))


async def _open(conn: Connection, profile_id: str) -> tuple[PublicationProfile, OpenVersion]:
    found = await publication.lock_profile(conn, _checked_id(profile_id))
    if found is None:
        raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id)
    version = await publication.open_version(conn, profile_id)
    if version is None or found.state == "withdrawn":
        raise CallerError("profile-not-open", N_("nessuna versione in lavorazione per questo profilo"))
    return found, version


def _checked_id(profile_id: str) -> str:
    try:
        return str(uuid.UUID(profile_id))
    except ValueError as error:
        raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id[:60]) from error


def _frozen_block(found: PublicationProfile | DueVersion, built: Partition) -> Block:
    """Return the block under the labels that were frozen when the id was made."""
    labels = {name: Label(label["level"], tuple(label["values"])) for name, label in found.labels.items()}
    block = built.by_id[found.block_id]
    return Block(block.block_id, labels, block.count, block.kind)


async def preview(pool: Pool, config: Config, profile_id: str, now: dt.datetime) -> Preview:
    """Return exactly what would leave if the open version were released in the next round."""
    async with pool.acquire() as conn, conn.transaction():
        found, version = await _open(conn, profile_id)
        built = await _partition(conn, found.partition_version)
        block = _frozen_block(found, built)
        content = profile.parse_content(version.content)
        hits = _scan(content, await _dictionary(conn))
    day = rounds.next_round(now.date(), config.privacy.round)
    red = sum(hit.severity == redaction.RED for _, _, hit in hits)
    return Preview(
        profile_id=found.profile_id,
        network_id=found.network_id,
        state=version.state,
        author=version.author,
        approver=version.approver,
        candidates=block.count,
        k=config.privacy.k,
        sentence=profile.sentence(red),
        document=profile.build_body(
            profile_id=found.profile_id,
            owner=config.node.id,
            round_day=day,
            block=block,
            partition=built,
            content=content,
        ),
        hits=hits,
        release_day=version.release_day,
    )


async def approve(
    pool: Pool, config: Config, profile_id: str, officer: str, now: dt.datetime, *, amber_reason: str | None = None
) -> None:
    """Approve the open draft as another officer. Raises: CallerError text-refused, text-doubtful, same-officer, ..."""

    async def work(conn: Connection) -> None:
        found, version = await _open(conn, profile_id)
        if version.state != "draft":
            raise CallerError("profile-already-approved", N_("questa versione è già approvata"))
        hits = _scan(profile.parse_content(version.content), await _dictionary(conn))
        _refuse_hits(hits, amber_reason)
        built = await _partition(conn, found.partition_version)
        candidates = built.by_id[found.block_id].count
        if candidates < config.privacy.k:
            raise CallerError(
                "block-too-small", N_("meno di {k} reti del registro hanno queste caratteristiche"), k=config.privacy.k
            )
        await publication.approve(conn, found.profile_id, version.number, officer, now)
        await publication.record_decision(
            conn,
            found.profile_id,
            version.number,
            action="approved",
            officer=officer,
            now=now,
            candidates=candidates,
            content_hash=version.content_hash,
        )

    await run_tx(pool, work)


def _refuse_hits(hits: tuple[tuple[str, str, redaction.Hit], ...], amber_reason: str | None) -> None:
    red = [(place, text[hit.start : hit.end], hit) for place, text, hit in hits if hit.severity == redaction.RED]
    if red:
        place, words, hit = red[0]
        raise CallerError(
            "text-refused",
            N_("il testo farebbe riconoscere la rete: «{words}» ({reason}), e altri {more} punti"),
            where=place,
            hint=N_("togliere o rendere generici i punti segnati da «rete profile preview»"),
            words=words[:80],
            reason=hit.reason,
            more=len(red) - 1,
        )
    if hits and not amber_reason:
        place, text, hit = hits[0]
        raise CallerError(
            "text-doubtful",
            N_("possibile nome proprio: «{words}»"),
            where=place,
            hint=N_("cambiarlo, o approvare con --reason spiegando perché non fa riconoscere nessuno"),
            words=text[hit.start : hit.end][:80],
        )


async def publish(pool: Pool, config: Config, profile_id: str, officer: str, now: dt.datetime) -> dt.date:
    """Queue the approved version for its round and return the round's day (with ``immediate`` rounds, today)."""

    async def work(conn: Connection) -> dt.date:
        found, version = await _open(conn, profile_id)
        if version.state == "queued":
            return EPOCH_DAY + dt.timedelta(days=version.release_day or 0)
        if version.state != "approved":
            raise CallerError(
                "profile-not-approved",
                N_("la versione non è ancora approvata"),
                hint=N_("un altro funzionario usi «rete profile approve»"),
            )
        day = await _release_day(conn, config, found, now)
        await publication.queue(conn, found.profile_id, version.number, day_number(day))
        built = await _partition(conn, found.partition_version)
        await publication.record_decision(
            conn,
            found.profile_id,
            version.number,
            action="queued",
            officer=officer,
            now=now,
            candidates=built.by_id[found.block_id].count,
            content_hash=version.content_hash,
        )
        return day

    return await run_tx(pool, work)


async def _release_day(conn: Connection, config: Config, found: PublicationProfile, now: dt.datetime) -> dt.date:
    period = config.privacy.round
    day = rounds.next_round(now.date(), period)
    row = await population.find_network(conn, found.register_id)
    stored = await population.partition_version(conn, found.partition_version)
    if row is None or stored is None or found.state != "new" or period == rounds.IMMEDIATE:
        return day
    previous = await population.previous_snapshot_day(conn, stored.snapshot_id)
    fresh = 0
    if previous is not None and row.registered_on > previous:
        built = partition.load(stored.document)
        for other in await population.registered_after(conn, stored.snapshot_id, previous):
            if other.register_id != row.register_id:
                fresh += _in_block(built, other, found.block_id)
        # Kept with the queue entry: drawn once, never again.
        draw = _random.randint(*rounds.DEFERRAL_ROUNDS)
        for _ in range(rounds.deferral(row.registered_on, previous, fresh, config.privacy.k, draw)):
            day = rounds.next_round(day, period)
    return day


def _in_block(built: Partition, row: RegisterNetwork, block_id: int) -> bool:
    try:
        return built.lookup(row, load_sectors()).block_id == block_id
    except CallerError:
        return False


async def release_due(
    pool: Pool, config: Config, origin_id: int, key: Ed25519PrivateKey, now: dt.datetime
) -> list[str]:
    """Write every queued version whose round has come, in random order, sign the log, and return the profile ids."""
    today = now.date()

    async def work(conn: Connection) -> list[str]:
        due = await publication.due_versions(conn, day_number(today))
        if not due:
            return []
        # The order inside a round must not repeat the order of records or of work.
        _random.shuffle(due)
        partitions: dict[int, Partition] = {}
        operations = []
        for item in due:
            if item.partition_version not in partitions:
                partitions[item.partition_version] = await _partition(conn, item.partition_version)
            operations.append(_operation(item, partitions[item.partition_version], config, today))
        positions = await append(conn, origin_id, config.node.id, operations, now)
        await publication.mark_published(
            conn, [(item.profile_id, item.number, at) for item, at in zip(due, positions, strict=True)]
        )
        for item in due:
            await publication.record_decision(
                conn,
                item.profile_id,
                item.number,
                action="published",
                officer=item.approver,
                now=now,
                candidates=partitions[item.partition_version].by_id[item.block_id].count,
                content_hash=item.content_hash,
            )
        return [item.profile_id for item in due]

    released = await run_tx(pool, work)
    if released:
        await sign_head(pool, origin_id, key, now)
        logger.info("round.released", profiles=len(released))
    return released


def _operation(item: DueVersion, built: Partition, config: Config, today: dt.date) -> Operation:
    body = profile.build_body(
        profile_id=item.profile_id,
        owner=config.node.id,
        round_day=rounds.round_day(today, config.privacy.round),
        block=_frozen_block(item, built),
        partition=built,
        content=profile.parse_content(item.content),
    )
    return Operation(item.profile_id, canonical.dumps(body))


async def withdraw(
    pool: Pool, config: Config, origin_id: int, key: Ed25519PrivateKey, profile_id: str, officer: str, now: dt.datetime
) -> None:
    """Withdraw a profile at once: its body and its approved text are erased here and, with the log, everywhere."""

    async def work(conn: Connection) -> None:
        found = await publication.lock_profile(conn, _checked_id(profile_id))
        if found is None:
            raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id)
        if found.state == "withdrawn":
            raise CallerError("profile-withdrawn", N_("il profilo è già ritirato"))
        if found.state == "published":
            await append(conn, origin_id, config.node.id, [Operation(found.profile_id, None)], now)
        number, hashed = await publication.last_version(conn, found.profile_id)
        await publication.withdraw(conn, found.profile_id, officer, now)
        await publication.record_decision(
            conn,
            found.profile_id,
            number,
            action="withdrawn",
            officer=officer,
            now=now,
            candidates=0,
            content_hash=hashed,
        )

    await run_tx(pool, work)
    await sign_head(pool, origin_id, key, now)
    logger.info("profile.withdrawn", profile_id=profile_id)
