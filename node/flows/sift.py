"""Which of the versions whose round has come may leave today, and why the others may not.

In: due versions, locked by the caller. Out: documents ready to be written, and (version, code) of those set aside. One
version that can't leave never stops the rest of its round: it stays queued, is tried again each time, and the officer
reads why. What all profiles of a block would show alike is withheld from those that leave. Source: privacy.md P.3, T.8.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from node.config import Config
from node.domain import profile, release, rounds
from node.domain.partition import Partition
from node.domain.partition_form import Block
from node.domain.profile import ProfileContent
from node.domain.release import Census
from node.errors import CallerError
from node.flows.standing import census_of
from node.flows.versions import frozen_block, read_partition
from node.protocol import canonical
from node.store import publication
from node.store.postgres import Connection
from node.store.publication import DueVersion


@dataclass(frozen=True, slots=True)
class Ready:
    """A version that may leave: its canonical body, and how many networks share its block today."""

    due: DueVersion
    raw: bytes
    candidates: int


@dataclass(frozen=True, slots=True)
class Sifted:
    """A round parted in two."""

    ready: list[Ready]
    held: list[tuple[DueVersion, str]]


@dataclass(frozen=True, slots=True)
class _Fit:
    """A version that may leave, before its block was compared."""

    due: DueVersion
    block: Block
    built: Partition
    content: ProfileContent
    candidates: int


async def sift(conn: Connection, config: Config, due: Sequence[DueVersion], today: dt.date) -> Sifted:
    """Part a round into what may leave, in the order given, and what is held."""
    stands: dict[int, tuple[Partition, Census] | str] = {}
    fitting: list[_Fit] = []
    held: list[tuple[DueVersion, str]] = []
    for item in due:
        if item.partition_version not in stands:
            stands[item.partition_version] = await _stand(conn, config, item.partition_version)
        stand = stands[item.partition_version]
        try:
            if isinstance(stand, str):
                held.append((item, stand))
            else:
                fitting.append(_fit(item, *stand, config))
        except CallerError as error:
            held.append((item, error.code))
    withheld = await _withheld(conn, fitting)
    day = rounds.round_day(today, config.privacy.round)
    return Sifted([_ready(fit, withheld[_block_key(fit)], config, day) for fit in fitting], held)


async def withheld_now(conn: Connection, profile_id: str, block: Block, content: ProfileContent) -> tuple[str, ...]:
    """Return the attributes that would be withheld from a profile if it left alone, now."""
    others = await publication.classes_in_block(conn, profile.labels_dict(block), block.kind, [profile_id])
    return profile.shared_by_all([content.classes(), *others])


def _block_key(fit: _Fit) -> tuple[int, int]:
    return fit.due.partition_version, fit.due.block_id


async def _withheld(conn: Connection, fitting: Sequence[_Fit]) -> dict[tuple[int, int], tuple[str, ...]]:
    """Return what is withheld in each block of the round, counting what stands published and what leaves together."""
    blocks: dict[tuple[int, int], list[_Fit]] = {}
    for fit in fitting:
        blocks.setdefault(_block_key(fit), []).append(fit)
    found = {}
    for key, fits in blocks.items():
        block, leaving = fits[0].block, [fit.due.profile_id for fit in fits]
        others = await publication.classes_in_block(conn, profile.labels_dict(block), block.kind, leaving)
        found[key] = profile.shared_by_all([*(fit.content.classes() for fit in fits), *others])
    return found


async def _stand(conn: Connection, config: Config, version: int) -> tuple[Partition, Census] | str:
    """Return a partition with today's census, or the code of why there is none."""
    try:
        built = await read_partition(conn, version)
    except CallerError as error:
        return error.code
    return built, await census_of(conn, config, built)


def _fit(item: DueVersion, built: Partition, census: Census, config: Config) -> _Fit:
    """Return what may leave. Raises: CallerError with the code under which the version is held."""
    block = frozen_block(item, built)
    code = census.hold(item.block_id, config.privacy.k)
    if code is not None:
        raise CallerError(code, release.HOLDS[code])
    content = profile.parse_content(item.content)
    _refuse_changed(content, item)
    return _Fit(item, block, built, content, census.members(item.block_id))


def _ready(fit: _Fit, withheld: Sequence[str], config: Config, round_day: dt.date) -> Ready:
    body = profile.build_body(
        profile_id=fit.due.profile_id,
        owner=config.node.id,
        round_day=round_day,
        block=fit.block,
        partition=fit.built,
        content=fit.content.without(withheld),
    )
    return Ready(fit.due, canonical.dumps(body), fit.candidates)


def _refuse_changed(content: ProfileContent, item: DueVersion) -> None:
    if hashlib.sha256(canonical.dumps(content.to_dict())).digest() != item.content_hash:
        raise CallerError(release.CONTENT_CHANGED, release.HOLDS[release.CONTENT_CHANGED])
