"""What is published and what is public beside it: everything that an attack on it would start from.

In: the database, the configuration. Out: versions with what they show, the partitions they stand on, the editions of the
register that were in force when they left. Of the own node every version that ever stood in the log, with its true network;
of the federation what stands today. Nothing is written. Source: docs/rules.md, Attacks; docs/privacy.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.config import K_FLOOR, Config
from node.domain import partition, partition_parts, potential, rounds
from node.domain.disclosure import Listed, Look, Numbers, Page, Shown, Window
from node.domain.partition import Partition
from node.domain.partition_form import ANY_KIND, Label
from node.domain.register import RegisterNetwork
from node.errors import N_, CallerError
from node.flows.profiles.partitions import NO_EDITION, OTHER_EDITION
from node.store import disclosure, partitions, population
from node.store.disclosure import LivingBody, OwnVersion
from node.store.partitions import Logged
from node.store.postgres import Connection
from node.store.reference import load_sectors, load_territories

PARTITION_MISSING = "partition-missing"
# Why a profile could not be examined, in words for a person.
UNEXAMINED = {
    PARTITION_MISSING: N_("manca la sua partizione"),
    NO_EDITION: N_("qui manca l'elenco pubblico di quella data"),
    OTHER_EDITION: N_("qui l'elenco pubblico di quella data è diverso"),
}


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of the public register, indexed."""

    snapshot_id: int
    taken_on: dt.date
    loaded_at: dt.datetime
    listed: Listed


@dataclass(frozen=True, slots=True)
class Version:
    """One published version; ``document`` and ``size`` (bytes) where it stands, None and 0 where it is erased.

    ``left_at``: what left together has the same moment. ``begun_at``: when its identifier was made. Both only of own ones.
    """

    shown: Shown
    document: Mapping[str, Any] | None
    size: int
    position: int | None
    left_at: dt.datetime | None
    begun_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Published:
    """All of it. ``outside``: own versions of what is in no register; ``unexamined``: (owner, reason) -> profiles."""

    versions: tuple[Version, ...]
    outside: tuple[Version, ...]
    pages: tuple[Page, ...]
    editions: tuple[Edition, ...]
    newest: int
    numbers: Numbers
    unexamined: Mapping[tuple[str, str], int]


@dataclass
class _Reading:
    """What is being gathered: editions and partitions are read once, when something first stands on them."""

    conn: Connection
    config: Config
    snapshots: Sequence[Mapping[str, Any]]
    numbers: Numbers = field(default_factory=Numbers)
    editions: list[Edition] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    own: dict[int, int | str] = field(default_factory=dict)
    foreign: dict[str, int | str] = field(default_factory=dict)
    unexamined: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def edition(self, snapshot_id: int) -> int:
        """Return the number of an edition."""
        for number, known in enumerate(self.editions):
            if known.snapshot_id == snapshot_id:
                return number
        found = next(s for s in self.snapshots if s["snapshot_id"] == snapshot_id)
        rows = await population.edition_networks(self.conn, snapshot_id, None)
        # A whole country is a fraction of a second of work: a thread's, while the connection waits.
        listed = await asyncio.to_thread(Listed, rows, self.numbers, load_sectors())
        self.editions.append(Edition(snapshot_id, found["taken_on"], found["loaded_at"], listed))
        return len(self.editions) - 1

    def in_force(self, moment: dt.datetime | None, at_least: int) -> tuple[int, dt.date | None]:
        """Return the snapshot id of the newest edition loaded by a moment, and the day of the one before it.

        ``at_least``: the snapshot whose partition was shown then; it was there, whenever it was loaded again.
        """
        day = next(s["taken_on"] for s in self.snapshots if s["snapshot_id"] == at_least)
        there = [s for s in self.snapshots if s["taken_on"] <= day or (moment is not None and s["loaded_at"] <= moment)]
        return there[-1]["snapshot_id"], there[-2]["taken_on"] if len(there) > 1 else None

    async def own_page(self, version: int) -> int | str:
        """Return the number of an own partition's page, or why there is none."""
        if version not in self.own:
            stored = await population.partition_version(self.conn, version)
            if stored is None:
                self.own[version] = PARTITION_MISSING
            else:
                built = partition.load(stored.document)
                edition = await self.edition(stored.snapshot_id)
                self.own[version] = self._add(Page(edition, built, max(self.config.privacy.k, built.k)))
        return self.own[version]

    async def foreign_page(self, known: Mapping[str, Logged], digest: str) -> int | str:
        """Return the number of a page by the digest of its partition, or why there is none."""
        if digest not in self.foreign:
            self.foreign[digest] = await self._read_foreign(known.get(digest))
        return self.foreign[digest]

    async def _read_foreign(self, known: Logged | None) -> int | str:
        if known is None:
            return PARTITION_MISSING
        try:
            built = partition_parts.joined(await partitions.read_parts(self.conn, known.origin_id, known.digest))
        except CallerError:
            return PARTITION_MISSING
        snapshot = next((s for s in self.snapshots if s["taken_on"].isoformat() == built.snapshot), None)
        if snapshot is None:
            return NO_EDITION
        rows = await population.edition_networks(self.conn, snapshot["snapshot_id"], None)
        if await asyncio.to_thread(_digest, rows, built) != built.population:
            return OTHER_EDITION
        return self._add(Page(await self.edition(snapshot["snapshot_id"]), built, max(K_FLOOR, built.k)))

    def _add(self, page: Page) -> int:
        self.pages.append(page)
        return len(self.pages) - 1


def _digest(rows: Sequence[RegisterNetwork], built: Partition) -> str:
    return partition.population_digest(partition.members_of(rows, built.scope, load_territories()))


async def read_in(conn: Connection, config: Config, *, federation: bool) -> Published:
    """Return what this node has published or, with ``federation``, also what stands in the logs it holds.

    The caller's transaction sees one state of the database. Raises: CallerError(register-missing) when no edition of the public register is loaded.
    """
    snapshots = {s["snapshot_id"]: s for s in await population.list_snapshots(conn)}
    if not snapshots:
        raise CallerError(
            "register-missing",
            N_("nessun elenco pubblico caricato: non c'è una popolazione con cui provare gli attacchi"),
            hint=N_("«rete register load FILE --snapshot DATA»"),
        )
    reading = _Reading(conn, config, list(snapshots.values()))
    newest = await reading.edition(reading.snapshots[-1]["snapshot_id"])
    living = await disclosure.living_bodies(conn, own_only=not federation)
    bodies = {body.profile_id: body for body in living}
    versions: list[Version] = []
    outside: list[Version] = []
    of_own = await disclosure.own_versions(conn)
    begun: set[str] = set()
    for found in of_own:
        version = await _own(reading, found, bodies.get(found.profile_id), first=found.profile_id not in begun)
        begun.add(found.profile_id)
        if version is not None:
            (outside if found.register_id is None else versions).append(version)
    known = {found.digest: found for found in await partitions.list_logged(conn) if found.whole}
    told = {found.profile_id for found in of_own}
    # An own one that this database has no decision of is in the log all the same.
    others = [await _of_log(reading, known, body) for body in living if body.profile_id not in told]
    for version in others:
        if version is not None:
            (outside if _is_potential(version.document) else versions).append(version)
    return Published(
        tuple(versions),
        tuple(outside),
        tuple(reading.pages),
        tuple(reading.editions),
        newest,
        reading.numbers,
        dict(reading.unexamined),
    )


async def _own(reading: _Reading, found: OwnVersion, body: LivingBody | None, *, first: bool) -> Version | None:
    page = await reading.own_page(found.partition_version)
    if isinstance(page, str):
        if first:
            reading.unexamined[reading.config.node.id, page] += 1
        return None
    built = reading.pages[page].built
    snapshot_id = reading.editions[reading.pages[page].edition].snapshot_id
    seen, _ = reading.in_force(found.published_at, snapshot_id)
    window = None
    if first and found.queued_at is not None:
        decided, previous_on = reading.in_force(found.queued_at, snapshot_id)
        window = Window(await reading.edition(decided), previous_on, found.is_deferred)
    stands = body if found.is_standing and body is not None and body.is_own else None
    block = built.by_id.get(found.block_id)
    if stands is not None:
        look = Look.of(stands.document["labels"], stands.document["kind"])
    else:
        look = Look.of(found.labels, block.kind if block is not None else ANY_KIND)
    shown = Shown(
        profile_id=found.profile_id,
        number=found.number or 1,
        owner=reading.config.node.id,
        # A network that came back under another identifier is still one network, to whoever recognises its words.
        subject=f"{found.network_id} {found.register_id}",
        look=look,
        page=page,
        edition=await reading.edition(seen),
        living=found.is_standing,
        owned=() if built.group else reading.config.node.territory,
        register_id=found.register_id,
        window=window,
    )
    position = stands.position if stands is not None else found.position
    size = stands.size if stands is not None else 0
    document = stands.document if stands is not None else None
    return Version(shown, document, size, position, found.published_at, found.created_at)


def _is_potential(document: Mapping[str, Any] | None) -> bool:
    """Tell whether a document is of an aggregation without a contract, and shows no more than it may."""
    if document is None or document["maturity"] != rounds.POTENTIAL:
        return False
    labels = {name: Label(label["level"], tuple(label["values"])) for name, label in document["labels"].items()}
    return potential.is_form(labels, document["kind"])


async def _of_log(reading: _Reading, known: Mapping[str, Logged], body: LivingBody) -> Version | None:
    page = await reading.foreign_page(known, body.document["partition"]["digest"])
    if isinstance(page, str):
        reading.unexamined[body.owner, page] += 1
        return None
    built = reading.pages[page].built
    shown = Shown(
        profile_id=body.profile_id,
        number=1,
        owner=body.owner,
        subject=body.profile_id,
        look=Look.of(body.document["labels"], body.document["kind"]),
        page=page,
        edition=reading.pages[page].edition,
        living=True,
        # The territory of another node is not in its documents: its partition's scope is all that is known here.
        owned=() if built.group or not body.is_own else reading.config.node.territory,
    )
    return Version(shown, body.document, body.size, body.position, None, None)
