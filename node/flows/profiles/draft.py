"""Drafting a profile: from a network of the registry to a version for a second officer to approve (flows/profiles/submission).

In: officers' words, the network's row of the public register, the frozen partition. Out: a draft. Rules (docs/rules.md P): the
block comes from the register row, never from the private one; labels are frozen for the life of the id and for the network's next
id; any edit re-opens the approval. It may run twice: what already stands, by the same officer, is done.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from node.config import Config
from node.domain import officers, partition, potential, profile, release, rounds, vocabulary
from node.domain.network import NetworkRecord
from node.domain.partition import Partition
from node.domain.potential import Place
from node.domain.profile import ProfileContent
from node.domain.register import RegisterNetwork
from node.errors import N_, CallerError
from node.flows.profiles.standing import stand_now
from node.flows.profiles.versions import read_partition, record_of, register_row
from node.protocol import canonical
from node.store import population, publication
from node.store.postgres import Connection, Pool, run_tx
from node.store.publication import OpenVersion, PublicationProfile
from node.store.reference import load_sectors, load_territories

# Of a profile that no draft has begun yet.
UNNAMED = str(uuid.UUID(int=0))


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


def written(content: ProfileContent) -> tuple[bytes, bytes]:
    """Return a content as it is kept, and its hash."""
    raw = canonical.dumps(content.to_dict())
    return raw, hashlib.sha256(raw).digest()


async def draft(
    pool: Pool,
    config: Config,
    network_id: str,
    content: Mapping[str, Any],
    author: str,
    now: dt.datetime,
    *,
    as_potential: bool = False,
    on_top_of: str | None = None,
) -> str:
    """Store a draft for a network and return its profile id; an open version is replaced and must be approved again.

    ``as_potential``: an aggregation that is not signed yet and in no register; its profile shows region and section only.
    ``on_top_of``: the hash of the content that was changed, in hexadecimal, empty where there was none.
    Raises: CallerError profile-field-..., not-in-register, block-none, block-too-small, out-of-scope, partition-missing,
    republish-too-early, potential-signed, potential-incomplete, potential-over (the living profile is of another kind),
    profile-withdrawn, profile-changed (while this was decided); NotFoundError(network-unknown).
    """
    officers.check(author)
    raw, hashed = written(profile.parse_content(content))

    async def work(conn: Connection) -> str:
        living = await identity_of(conn, config, network_id, now, as_potential=as_potential, lock=True)
        if living.profile_id == UNNAMED:
            # The id is random and means nothing; a hash of any number of the firm could be searched for.
            living = replace(living, profile_id=str(uuid.uuid4()))
            await publication.insert_profile(conn, living, now)
        candidates = (await stand_now(conn, config, living)).candidates
        current = await publication.open_version(conn, living.profile_id)
        if current is not None and _says_so(current, hashed, author):
            return living.profile_id
        if on_top_of is not None:
            await _refuse_overwriting(conn, living.profile_id, on_top_of)
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


async def identity_of(
    conn: Connection,
    config: Config,
    network_id: str,
    now: dt.datetime,
    *,
    as_potential: bool = False,
    lock: bool = False,
) -> PublicationProfile:
    """Return the network's living profile (locked with ``lock``), else the one that a draft would begin, under ``UNNAMED``.

    Raises: as ``draft``, for what stands in the way of beginning one.
    """
    source = await (_potential_place(conn, config, network_id) if as_potential else register_row(conn, network_id))
    living = await (_lock_living(conn, network_id) if lock else publication.living_profile(conn, network_id))
    if living is None:
        before = await publication.last_withdrawn(conn, network_id)
        _refuse_early_return(before, config, now)
        begun = await (_stand_in(conn, source) if isinstance(source, Place) else _block_of(conn, source, before))
        return _begin(network_id, begun)
    if living.potential != as_potential:
        raise CallerError(release.POTENTIAL_OVER, release.HOLDS[release.POTENTIAL_OVER])
    return living


async def _refuse_overwriting(conn: Connection, profile_id: str, on_top_of: str) -> None:
    """Refuse a draft that began from another content than the one that stands."""
    standing = await publication.shown_version(conn, profile_id)
    if (standing.content_hash.hex() if standing is not None else "") != on_top_of:
        raise CallerError(
            "profile-changed",
            N_("intanto la scheda è stata cambiata da qualcun altro"),
            hint=N_("rileggere la versione di ora e rifare la modifica"),
        )


def _says_so(version: OpenVersion, hashed: bytes, author: str) -> bool:
    """Tell whether a version already is this officer's draft of this content."""
    return version.state == "draft" and version.content_hash == hashed and officers.is_same(version.author, author)


async def _lock_living(conn: Connection, network_id: str) -> PublicationProfile | None:
    """Return the network's living profile, locked against releases, withdrawals and other drafts."""
    seen = await publication.living_profile(conn, network_id)
    locked = await publication.lock_profile(conn, seen.profile_id) if seen is not None else None
    if locked is not None and locked.state == "withdrawn":
        raise CallerError("profile-withdrawn", N_("il profilo è già ritirato"))
    return locked


@dataclass(frozen=True, slots=True)
class _Begun:
    """What an identity is begun with: its contract, its block, and its labels, frozen from now on."""

    register_id: str
    partition_version: int
    block_id: int
    labels: Mapping[str, Any]


async def _block_of(conn: Connection, row: RegisterNetwork, before: PublicationProfile | None) -> _Begun:
    """Return the block of a register row: the one it had before, if it had one."""
    if before is not None and before.register_id == row.register_id:
        # Another block for the same network would leave the intersection of both to whoever links the two ids.
        built = await read_partition(conn, before.partition_version)
        _refuse_outsider(row, built)
        return _Begun(row.register_id, built.version, before.block_id, before.labels)
    built = await read_partition(conn)
    _refuse_outsider(row, built)
    block = built.lookup(row, load_sectors())
    return _Begun(row.register_id, built.version, block.block_id, profile.labels_dict(block))


async def _stand_in(conn: Connection, place: Place) -> _Begun:
    """Return what stands for the block of an aggregation that no register has."""
    built = await read_partition(conn)
    return _Begun("", built.version, potential.NO_BLOCK, profile.labels_dict(place.block()))


async def _potential_place(conn: Connection, config: Config, network_id: str) -> Place:
    _, record = await record_of(conn, network_id)
    place = potential.place_of(record, load_territories(), load_sectors())
    if record.register_id and await population.find_network(conn, record.register_id) is not None:
        potential.refuse_signed("registered")
    provinces = partition.provinces_of(config.node.territory, load_territories())
    if provinces is not None and not {place.region} & {load_territories().ancestors(code)[0] for code in provinces}:
        raise CallerError(
            "out-of-scope",
            N_("l'aggregazione è fuori dal territorio del nodo: la scheda è trattenuta"),
            hint=N_("la pubblica il nodo del suo territorio"),
        )
    return place


def _begin(network_id: str, begun: _Begun) -> PublicationProfile:
    return PublicationProfile(
        profile_id=UNNAMED,
        network_id=network_id,
        register_id=begun.register_id,
        partition_version=begun.partition_version,
        block_id=begun.block_id,
        labels=begun.labels,
        state="new",
        potential=begun.block_id == potential.NO_BLOCK,
    )


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
