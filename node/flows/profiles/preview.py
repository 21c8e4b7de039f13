"""What would leave, before it leaves: exactly the document, who could be behind it, what the text gate says.

In: a profile under way, or a text that is in no profile. Out: values to show; nothing is written. Source: docs/rules.md P, T.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.config import Config
from node.domain import profile, release
from node.domain.days import day_of
from node.domain.redaction.dictionary import Dictionary
from node.domain.redaction.hits import Hit
from node.errors import CallerError
from node.flows.profiles import gate
from node.flows.profiles.draft import identity_of, written
from node.flows.profiles.gate import KnownNames
from node.flows.profiles.sift import withheld_now
from node.flows.profiles.standing import census_of, stand_of
from node.flows.profiles.versions import frozen_block, read_partition, register_row, shown_profile
from node.store.postgres import Connection, Pool, acquire
from node.store.publication import OpenVersion, PublicationProfile
from node.store.reference import load_sectors

TEXT_PLACE = "text.it"
# Of these networks nobody can be led from a text to a row of the public list.
UNLISTED = frozenset({"network-unknown", "not-in-register", "partition-missing", "block-none"})


@dataclass(frozen=True, slots=True)
class Preview:
    """Exactly what would leave, how many register networks share it today, and what the text gate found.

    ``potential``: an aggregation that is in no register, so that ``candidates`` are only its neighbours;
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
    potential: bool
    held: str | None
    content_hash: str
    withheld: tuple[str, ...]
    sentence: str
    document: Mapping[str, Any]
    hits: tuple[tuple[str, str, Hit], ...]
    attack: Mapping[str, Any] | None
    release_day: int | None


async def preview(
    pool: Pool, config: Config, profile_id: str, now: dt.datetime, *, known: KnownNames | None = None
) -> Preview:
    """Return exactly what would leave if the version under way, else the published one, left when it may.

    ``known``: the names of earlier texts, so that they are not gathered again.
    Raises: NotFoundError(profile-unknown), CallerError(profile-not-open).
    """
    async with acquire(pool) as conn, conn.transaction():
        found, version = await shown_profile(conn, profile_id)
        return await _see(conn, config, found, version, now, known)


async def preview_content(
    pool: Pool,
    config: Config,
    network_id: str,
    content: Mapping[str, Any],
    now: dt.datetime,
    *,
    as_potential: bool = False,
    known: KnownNames | None = None,
) -> Preview:
    """Return what ``preview`` would if this content were drafted now; nothing is written.

    The identifier of a profile that no draft has begun is ``draft.UNNAMED``. Raises: as ``draft.draft``, but for what holds it.
    """
    parsed = profile.parse_content(content)
    _, hashed = written(parsed)
    async with acquire(pool) as conn, conn.transaction(readonly=True):
        found = await identity_of(conn, config, network_id, now, as_potential=as_potential)
        version = OpenVersion(found.profile_id, 0, "draft", parsed.to_dict(), hashed, "", None, None)
        return await _see(conn, config, found, version, now, known)


async def _see(
    conn: Connection,
    config: Config,
    found: PublicationProfile,
    version: OpenVersion,
    now: dt.datetime,
    known: KnownNames | None,
) -> Preview:
    built = await read_partition(conn, found.partition_version)
    standing = await stand_of(conn, config, found, built)
    content = profile.parse_content(version.content)
    block = frozen_block(found, built)
    withheld = await withheld_now(conn, found.profile_id, block, content)
    verdict = await gate.judge(
        conn,
        await (known or KnownNames()).read(conn, config),
        tuple(content.texts()),
        members=standing.members,
        own=found.register_id,
        k=standing.k,
    )
    held = release.held_now(standing.held, version.held_code)
    return Preview(
        profile_id=found.profile_id,
        network_id=found.network_id,
        state=version.state,
        author=version.author,
        approver=version.approver,
        candidates=standing.candidates,
        k=standing.k,
        potential=found.potential,
        held=held,
        content_hash=version.content_hash.hex(),
        withheld=withheld,
        sentence=profile.sentence(
            verdict.red,
            held=held in (release.BLOCK_TOO_SMALL, release.PARTITION_MISSING),
            potential=found.potential,
        ),
        document=profile.build_body(
            profile_id=found.profile_id,
            owner=config.node.id,
            round_day=release.shown_day(now.date(), config.privacy.round, _day_set(found, version)),
            block=block,
            partition=built,
            content=content.without(withheld),
            potential=found.potential,
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
    async with acquire(pool) as conn, conn.transaction():
        names = await (known or KnownNames()).read(conn, config)
        if network_id is None:
            return gate.Verdict(gate.scan(((TEXT_PLACE, text),), names))
        return await _judge_for(conn, config, names, text, network_id)


async def judge_text(
    conn: Connection, config: Config, names: Dictionary, text: str, network_id: str | None
) -> gate.Verdict:
    """Return what the gate says of a text, with the attack on the network it is about where the public list has that."""
    if network_id is not None:
        try:
            return await _judge_for(conn, config, names, text, network_id)
        except CallerError as error:
            if error.code not in UNLISTED:
                raise
    return gate.Verdict(gate.scan(((TEXT_PLACE, text),), names))


async def _judge_for(conn: Connection, config: Config, names: Dictionary, text: str, network_id: str) -> gate.Verdict:
    row = await register_row(conn, network_id)
    built = await read_partition(conn)
    census = await census_of(conn, config, built)
    members = census.blocks.get(built.lookup(row, load_sectors()).block_id, {})
    k = max(config.privacy.k, built.k)
    return await gate.judge(conn, names, ((TEXT_PLACE, text),), members=members, own=row.register_id, k=k)


def _day_set(found: PublicationProfile, version: OpenVersion) -> dt.date | None:
    """Return the day on which a version leaves as far as it is settled: its round's, or the end of its deferral."""
    if version.state == "queued" and version.release_day is not None:
        return day_of(version.release_day)
    return found.deferred_until if found.state == "new" else None
