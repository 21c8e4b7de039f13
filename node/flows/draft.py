"""Drafting a profile: from a network of the registry to a version that a second officer has approved.

In: officers' words, the network's row of the public register, the frozen partition. Out: an approved version. Rules
(privacy.md P, T): the block comes from the register row, never from the private one; labels are frozen for the life of the
id; the author is not the approver; red text never passes; any edit re-opens the approval.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.config import Config
from node.domain import partition, profile, redaction, rounds
from node.domain.network import NetworkRecord
from node.domain.register import RegisterNetwork
from node.errors import N_, CallerError, NotFoundError, Said
from node.flows.versions import frozen_block, open_profile, read_partition
from node.protocol import canonical
from node.store import population, publication, registry
from node.store.postgres import Connection, Pool, run_tx
from node.store.publication import PublicationProfile
from node.store.reference import load_sectors, load_territories

REPUBLISH_AFTER_ROUNDS = 2


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
        built = await read_partition(conn, living.partition_version)
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


async def _begin(
    conn: Connection, config: Config, network_id: str, row: RegisterNetwork, now: dt.datetime
) -> PublicationProfile:
    built = await read_partition(conn)
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


async def preview(pool: Pool, config: Config, profile_id: str, now: dt.datetime) -> Preview:
    """Return exactly what would leave if the open version were released in the next round."""
    async with pool.acquire() as conn, conn.transaction():
        found, version = await open_profile(conn, profile_id)
        built = await read_partition(conn, found.partition_version)
        block = frozen_block(found, built)
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
        found, version = await open_profile(conn, profile_id)
        if version.state != "draft":
            raise CallerError("profile-already-approved", N_("questa versione è già approvata"))
        hits = _scan(profile.parse_content(version.content), await _dictionary(conn))
        _refuse_hits(hits, amber_reason)
        built = await read_partition(conn, found.partition_version)
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
            reason=Said(hit.reason),
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
