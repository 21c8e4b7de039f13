"""Drafting a profile: from a network of the registry to a version that a second officer has approved.

In: officers' words, the network's row of the public register, the frozen partition. Out: an approved version. Rules
(privacy.md P, T): the block comes from the register row, never from the private one; labels are frozen for the life of the
id and for the network's next id; the author is not the approver; red text never passes; any edit re-opens the approval; a
block below k in the newest edition stops here. Each flow may run twice: what already stands, by the same officer, is done.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.config import Config
from node.domain import partition, profile, release, rounds, vocabulary
from node.domain.network import NetworkRecord
from node.domain.partition import Partition
from node.domain.redaction.hits import Hit
from node.domain.register import RegisterNetwork
from node.errors import N_, CallerError, NotFoundError
from node.flows import gate
from node.flows.gate import KnownNames
from node.flows.sift import withheld_now
from node.flows.standing import candidates_now, census_now, census_of
from node.flows.versions import frozen_block, is_same, open_profile, read_partition, shown_profile
from node.protocol import canonical
from node.store import population, publication, registry
from node.store.postgres import Connection, Pool, run_tx
from node.store.publication import OpenVersion, PublicationProfile
from node.store.reference import load_sectors, load_territories

# Shorter, a hash could be met by chance.
HASH_MIN_DIGITS = 8
TEXT_PLACE = "text.it"
EPOCH_DAY = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Preview:
    """Exactly what would leave, how many register networks share it today, and what the text gate found.

    ``held`` is the code of why it would not leave, None when it would; ``content_hash`` names the content to ``approve``;
    ``withheld`` are attributes left empty because the whole block would show the same (as things stand today); ``attack`` is
    what the texts tell of their own network (gate.finding_facts), None where its object is not known.
    """

    profile_id: str
    network_id: str
    state: str
    author: str
    approver: str | None
    candidates: int
    k: int
    held: str | None
    content_hash: str
    withheld: tuple[str, ...]
    sentence: str
    document: Mapping[str, Any]
    hits: tuple[tuple[str, str, Hit], ...]
    attack: Mapping[str, Any] | None
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


def in_closed_words(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a content that says with the closed lists alone what it said in its own words: nothing to be found by."""
    wants = [want["category"] for side in ("offers", "needs") for want in content.get(side, ())]
    titles = list(dict.fromkeys(vocabulary.CATEGORIES[category][0] for category in wants))
    return {
        **content,
        "title": titles[0] if titles else "Collaborazione con altre reti d'impresa",
        "summary": "; ".join(titles) or "Collaborazione con altre reti d'impresa",
        "description": None,
        **{side: [{"category": want["category"]} for want in content.get(side, ())] for side in ("needs", "offers")},
    }


async def draft(
    pool: Pool, config: Config, network_id: str, content: Mapping[str, Any], author: str, now: dt.datetime
) -> str:
    """Store a draft for a network and return its profile id; an open version is replaced and must be approved again.

    Raises: CallerError profile-field-..., not-in-register, block-none, block-too-small, out-of-scope, partition-missing,
    republish-too-early, profile-withdrawn (while this was decided); NotFoundError(network-unknown).
    """
    parsed = profile.parse_content(content)
    raw = canonical.dumps(parsed.to_dict())
    hashed = hashlib.sha256(raw).digest()

    async def work(conn: Connection) -> str:
        row = await _register_row(conn, network_id)
        living = await _lock_living(conn, network_id)
        if living is None:
            living = await _begin(conn, config, network_id, row, now)
        candidates = await candidates_now(conn, config, living)
        current = await publication.open_version(conn, living.profile_id)
        if current is not None and _says_so(current, hashed, author):
            return living.profile_id
        number = await publication.save_draft(conn, living.profile_id, raw, hashed, author, now)
        await publication.record_decision(
            conn,
            living.profile_id,
            number,
            action="drafted",
            officer=author,
            now=now,
            candidates=candidates,
            content_hash=hashed,
        )
        return living.profile_id

    return await run_tx(pool, work)


def _says_so(version: OpenVersion, hashed: bytes, author: str) -> bool:
    """Tell whether a version already is this officer's draft of this content."""
    return version.state == "draft" and version.content_hash == hashed and is_same(version.author, author)


async def _lock_living(conn: Connection, network_id: str) -> PublicationProfile | None:
    """Return the network's living profile, locked against releases, withdrawals and other drafts."""
    seen = await publication.living_profile(conn, network_id)
    locked = await publication.lock_profile(conn, seen.profile_id) if seen is not None else None
    if locked is not None and locked.state == "withdrawn":
        raise CallerError("profile-withdrawn", N_("il profilo è già ritirato"))
    return locked


async def _register_row(conn: Connection, network_id: str) -> RegisterNetwork:
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


async def _begin(
    conn: Connection, config: Config, network_id: str, row: RegisterNetwork, now: dt.datetime
) -> PublicationProfile:
    before = await publication.last_withdrawn(conn, network_id)
    _refuse_early_return(before, config, now)
    if before is not None and before.register_id == row.register_id:
        # Another block for the same network would leave the intersection of both to whoever links the two ids.
        built = await read_partition(conn, before.partition_version)
        block_id, labels = before.block_id, before.labels
        _refuse_outsider(row, built)
    else:
        built = await read_partition(conn)
        _refuse_outsider(row, built)
        block = built.lookup(row, load_sectors())
        block_id, labels = block.block_id, profile.labels_dict(block)
    # The id is random and means nothing; a hash of any number of the firm could be searched for.
    begun = PublicationProfile(
        profile_id=str(uuid.uuid4()),
        network_id=network_id,
        register_id=row.register_id,
        partition_version=built.version,
        block_id=block_id,
        labels=labels,
        state="new",
    )
    await publication.insert_profile(conn, begun, now)
    return begun


def _refuse_outsider(row: RegisterNetwork, built: Partition) -> None:
    if not row.active or not partition.in_scope(row, built.scope, load_territories()):
        raise CallerError(
            "out-of-scope",
            N_("la rete è cessata o fuori dal territorio della partizione: la scheda è trattenuta"),
            hint=N_("vedere [privacy] scope"),
        )


def _refuse_early_return(before: PublicationProfile | None, config: Config, now: dt.datetime) -> None:
    if before is None or before.withdrawn_at is None or config.privacy.round == rounds.IMMEDIATE:
        return
    day = release.returns_on(before.withdrawn_at.date(), config.privacy.round)
    if now.date() < day:
        raise CallerError(
            "republish-too-early",
            N_("la scheda è stata ritirata da poco: si può ripubblicare dal {day}"),
            hint=N_("ripubblicare subito legherebbe la nuova scheda alla vecchia"),
            day=day.isoformat(),
        )


async def preview(
    pool: Pool, config: Config, profile_id: str, now: dt.datetime, *, known: KnownNames | None = None
) -> Preview:
    """Return exactly what would leave if the version under way, else the published one, left when it may.

    ``known``: the names of earlier texts, so that they are not gathered again.
    Raises: NotFoundError(profile-unknown), CallerError(profile-not-open).
    """
    async with pool.acquire() as conn, conn.transaction():
        found, version = await shown_profile(conn, profile_id)
        built = await read_partition(conn, found.partition_version)
        census = await census_of(conn, config, built)
        content = profile.parse_content(version.content)
        block = frozen_block(found, built)
        withheld = await withheld_now(conn, found.profile_id, block, content)
        verdict = await gate.judge(
            conn,
            await (known or KnownNames()).read(conn, config),
            tuple(content.texts()),
            members=census.blocks.get(found.block_id, {}),
            own=found.register_id,
            k=max(config.privacy.k, built.k),
        )
    held = release.held_now(census.hold(found.block_id, config.privacy.k), version.held_code)
    return Preview(
        profile_id=found.profile_id,
        network_id=found.network_id,
        state=version.state,
        author=version.author,
        approver=version.approver,
        candidates=census.members(found.block_id),
        k=max(config.privacy.k, built.k),
        held=held,
        content_hash=version.content_hash.hex(),
        withheld=withheld,
        sentence=profile.sentence(verdict.red, held=held in (release.BLOCK_TOO_SMALL, release.PARTITION_MISSING)),
        document=profile.build_body(
            profile_id=found.profile_id,
            owner=config.node.id,
            round_day=release.shown_day(now.date(), config.privacy.round, _day_set(found, version)),
            block=block,
            partition=built,
            content=content.without(withheld),
        ),
        hits=verdict.hits,
        attack=verdict.facts()["attack"],
        release_day=version.release_day,
    )


async def check_text(
    pool: Pool, config: Config, text: str, *, network_id: str | None = None, known: KnownNames | None = None
) -> gate.Verdict:
    """Return what the gate says of a text that is in no profile, and of ``network_id``'s block if one is named.

    Raises: NotFoundError(network-unknown); CallerError not-in-register, partition-missing, block-none.
    """
    async with pool.acquire() as conn, conn.transaction():
        names = await (known or KnownNames()).read(conn, config)
        if network_id is None:
            return gate.Verdict(gate.scan(((TEXT_PLACE, text),), names))
        row = await _register_row(conn, network_id)
        built = await read_partition(conn)
        census = await census_of(conn, config, built)
        members = census.blocks.get(built.lookup(row, load_sectors()).block_id, {})
        k = max(config.privacy.k, built.k)
        return await gate.judge(conn, names, ((TEXT_PLACE, text),), members=members, own=row.register_id, k=k)


def _day_set(found: PublicationProfile, version: OpenVersion) -> dt.date | None:
    """Return the day on which a version leaves as far as it is settled: its round's, or the end of its deferral."""
    if version.state == "queued" and version.release_day is not None:
        return EPOCH_DAY + dt.timedelta(days=version.release_day)
    return found.deferred_until if found.state == "new" else None


async def approve(
    pool: Pool,
    config: Config,
    profile_id: str,
    officer: str,
    now: dt.datetime,
    *,
    amber_reason: str | None = None,
    expected_hash: str | None = None,
    known: KnownNames | None = None,
) -> str:
    """Approve the open draft as another officer and return the hash of what was approved, in hexadecimal.

    ``expected_hash`` (the first 8 digits or more) binds the approval to what ``preview`` showed.
    ``known``: as for ``preview``.
    Raises: CallerError content-hash-differs, text-refused, text-finds-network, text-doubtful, same-officer, block-too-small,
    partition-missing, profile-already-approved (by somebody else), ...
    """

    async def work(conn: Connection) -> str:
        found, version = await open_profile(conn, profile_id)
        _refuse_other_content(version, expected_hash)
        if version.state != "draft":
            if is_same(version.approver or "", officer):
                return version.content_hash.hex()
            raise CallerError("profile-already-approved", N_("questa versione è già approvata"))
        census = await census_now(conn, config, found)
        verdict = await gate.judge(
            conn,
            await (known or KnownNames()).read(conn, config),
            tuple(profile.parse_content(version.content).texts()),
            members=census.blocks.get(found.block_id, {}),
            own=found.register_id,
            k=max(config.privacy.k, census.k),
        )
        verdict.refuse(amber_reason)
        await publication.approve(conn, found.profile_id, version.number, officer, now)
        await publication.record_decision(
            conn,
            found.profile_id,
            version.number,
            action="approved",
            officer=officer,
            now=now,
            candidates=census.members(found.block_id),
            content_hash=version.content_hash,
            reason=amber_reason,
            gate=verdict.facts(),
        )
        return version.content_hash.hex()

    return await run_tx(pool, work)


def _refuse_other_content(version: OpenVersion, expected_hash: str | None) -> None:
    if expected_hash is None:
        return
    expected, found = expected_hash.strip().lower(), version.content_hash.hex()
    if len(expected) < HASH_MIN_DIGITS or not found.startswith(expected):
        raise CallerError(
            "content-hash-differs",
            N_("il contenuto non è quello dell'anteprima: ora è {found}"),
            hint=N_("rivedere «rete profile preview», poi approvare con --hash (almeno otto cifre)"),
            found=found[:12],
        )
