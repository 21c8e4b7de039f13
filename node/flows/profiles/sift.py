"""Which of the versions whose round has come may leave today, and why the others may not.

In: due versions, locked by the caller. Out: documents ready to be written, and (version, code) of those set aside. One
version that can't leave never stops the rest of its round: it stays queued, is tried again each time, and the officer
reads why. Texts pass the gate once more, by what is known today. What all profiles of a block would show alike is withheld from those that leave. Source: docs/rules.md P.3, T.8.
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
from node.domain.redaction.dictionary import Dictionary
from node.domain.release import Standing
from node.errors import CallerError
from node.flows.profiles import gate
from node.flows.profiles.gate import KnownNames
from node.flows.profiles.standing import stand_of
from node.flows.profiles.versions import frozen_block, read_partition
from node.flows.trust.agreement_terms import PROFILE, is_agreed
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


async def sift(
    conn: Connection, config: Config, due: Sequence[DueVersion], today: dt.date, known: KnownNames | None = None
) -> Sifted:
    """Part a round into what may leave, in the order given, and what is held; ``known``: the names of earlier texts."""
    if not due:
        return Sifted([], [])
    if not is_agreed(config.agreed, PROFILE):
        return Sifted([], [(item, release.TYPE_NOT_AGREED) for item in due])
    names = await (known or KnownNames()).read(conn, config)
    partitions: dict[int, Partition | str] = {}
    fitting: list[_Fit] = []
    held: list[tuple[DueVersion, str]] = []
    for item in due:
        version = item.partition_version
        if version not in partitions:
            partitions[version] = await _partition(conn, version)
        built = partitions[version]
        try:
            if isinstance(built, str):
                held.append((item, built))
            else:
                fitting.append(await _fit(conn, config, item, built, names))
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


async def _partition(conn: Connection, version: int) -> Partition | str:
    """Return a partition, or the code of why there is none."""
    try:
        return await read_partition(conn, version)
    except CallerError as error:
        return error.code


async def _fit(conn: Connection, config: Config, item: DueVersion, built: Partition, names: Dictionary) -> _Fit:
    """Return what may leave. Raises: CallerError with the code under which the version is held."""
    block = frozen_block(item, built)
    standing = await stand_of(conn, config, item, built)
    if standing.held is not None:
        raise CallerError(standing.held, release.HOLDS[standing.held])
    content = profile.parse_content(item.content)
    _refuse_changed(content, item)
    await _judge_again(conn, item, content, standing, names)
    return _Fit(item, block, built, content, standing.candidates)


async def _judge_again(
    conn: Connection, item: DueVersion, content: ProfileContent, standing: Standing, names: Dictionary
) -> None:
    """Put the texts through the gate once more: names and objects may be known today that were not when it was approved.

    Doubtful points that the second officer answered for stay answered for; more of them than there were are not.
    """
    verdict = await gate.judge(
        conn, names, tuple(content.texts()), members=standing.members, own=item.register_id, k=standing.k
    )
    verdict.refuse("as approved" if verdict.amber <= item.amber else None)


def _ready(fit: _Fit, withheld: Sequence[str], config: Config, round_day: dt.date) -> Ready:
    body = profile.build_body(
        profile_id=fit.due.profile_id,
        owner=config.node.id,
        round_day=round_day,
        block=fit.block,
        partition=fit.built,
        content=fit.content.without(withheld),
        potential=fit.due.potential,
    )
    return Ready(fit.due, canonical.dumps(body), fit.candidates)


def _refuse_changed(content: ProfileContent, item: DueVersion) -> None:
    if hashlib.sha256(canonical.dumps(content.to_dict())).digest() != item.content_hash:
        raise CallerError(release.CONTENT_CHANGED, release.HOLDS[release.CONTENT_CHANGED])
