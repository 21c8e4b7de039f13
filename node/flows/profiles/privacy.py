"""The audit of privacy: the attacks of docs/rules.md run on what this node has published, or on all it holds.

In: the database, the configuration. Out: one value with every attack's outcome, the risks, and whom to look at. Nothing is
written, nothing leaves. A bound that is broken is told, whatever the reason: what was seen can't be taken back, but an
officer can withdraw what stands. Source: docs/rules.md, Attacks; docs/privacy.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.config import Config
from node.domain import disclosure, profile, risk
from node.domain.disclosure import Attacker, Count, Exposure, Look
from node.domain.guesses import Guesses, Order
from node.domain.partition_form import ATTRIBUTES
from node.domain.risk import Risks, Sample
from node.flows.profiles import attacks
from node.flows.profiles.published import Published, Version, read_in
from node.store import publication
from node.store.postgres import Connection, Pool, acquire
from node.store.reference import load_territories


@dataclass(frozen=True, slots=True)
class Exposed:
    """One profile that an attack leaves fewer than k candidates for, with the attack that leaves the fewest."""

    profile_id: str
    owner: str
    living: bool
    attack: str
    candidates: int
    k: int


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit found.

    ``outside``: own profiles of what is in no register. ``unexamined``: (owner, reason) -> profiles. ``recognised``: living
    profiles whose text the gate would refuse today. ``alike``: living profiles whose whole block says one same thing.
    """

    day: dt.date
    federation: bool
    edition: dt.date
    k: int
    profiles: int
    living: int
    versions: int
    outside: int
    unexamined: Mapping[tuple[str, str], int]
    counts: tuple[Count, ...]
    guesses: tuple[Guesses, ...]
    order: Order
    risks: Risks | None
    sample: Sample | None
    exposed: tuple[Exposed, ...]
    recognised: tuple[str, ...]
    alike: tuple[str, ...]

    @property
    def risk_bound(self) -> float:
        """What the journalist's risk may come to."""
        return 1 / self.k

    @property
    def ok(self) -> bool:
        """Whether every bound holds."""
        counted = any(found.broken for found in self.counts)
        return not (counted or any(found.broken for found in self.guesses) or self.order.broken)


async def audit(pool: Pool, config: Config, now: dt.datetime, *, federation: bool = False) -> Audit:
    """Run every attack. Raises: CallerError(register-missing)."""
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        published = await read_in(conn, config, federation=federation)
        attacker = Attacker(
            [edition.listed for edition in published.editions],
            published.pages,
            load_territories(),
            newest=published.newest,
        )
        exposures = await asyncio.to_thread(
            disclosure.expose,
            attacker,
            [version.shown for version in published.versions],
            published.pages,
            published.numbers,
        )
        guessed = await attacks.guess(conn, published, attacker)
        alike = await _alike(conn, published)
    standing = [
        (version, found) for version, found in zip(published.versions, exposures, strict=True) if version.shown.living
    ]
    looks = [_class_of(published, version) for version, _ in standing]
    said = [attacks.sensitive_of(version) for version, _ in standing]
    return Audit(
        day=now.date(),
        federation=federation,
        edition=published.editions[published.newest].taken_on,
        k=min((page.k for page in published.pages), default=config.privacy.k),
        profiles=len({found.shown.profile_id for found in exposures}),
        living=len(standing),
        versions=len(exposures),
        outside=len({version.shown.profile_id for version in published.outside}),
        unexamined=published.unexamined,
        counts=tuple(disclosure.tally(exposures)),
        guesses=(guessed.text, guessed.size),
        order=guessed.order,
        risks=risk.risks([found.smallest for _, found in standing], looks),
        sample=risk.sample(looks, said),
        exposed=tuple(_exposed(exposures)),
        recognised=guessed.recognised,
        alike=alike,
    )


def _class_of(published: Published, version: Version) -> tuple[str, Look]:
    return published.pages[version.shown.page].built.digest, version.shown.look


def _exposed(exposures: Sequence[Exposure]) -> list[Exposed]:
    """Return each profile below its k once, by its worst version; the living first, the most exposed first."""
    worst: dict[str, Exposed] = {}
    living = {found.shown.profile_id for found in exposures if found.shown.living}
    for found in exposures:
        attack = min(found.left, key=found.left.__getitem__)
        left, profile_id = found.left[attack], found.shown.profile_id
        if left < found.k and (profile_id not in worst or left < worst[profile_id].candidates):
            worst[profile_id] = Exposed(profile_id, found.shown.owner, profile_id in living, attack, left, found.k)
    return sorted(worst.values(), key=lambda item: (not item.living, item.candidates, item.profile_id))


async def _alike(conn: Connection, published: Published) -> tuple[str, ...]:
    """Return the living profiles of blocks of which all profiles, the federation's too, show one same sensitive class."""
    blocks: defaultdict[Look, list[Version]] = defaultdict(list)
    for version in published.versions:
        if version.shown.living and version.document is not None:
            blocks[version.shown.look].append(version)
    found: list[str] = []
    for look, versions in blocks.items():
        shown = [{name: set(version.document[name]) for name in profile.SENSITIVE} for version in versions if version.document]  # fmt: skip
        if not profile.shared_by_all(shown):
            continue
        labels = {
            name: {"level": label.level, "values": list(label.values)}
            for name, label in zip(ATTRIBUTES, look.labels, strict=True)
        }
        everywhere = await publication.classes_in_block(conn, labels, look.kind, [])
        if profile.shared_by_all(everywhere):
            found += [version.shown.profile_id for version in versions]
    return tuple(sorted(found))
