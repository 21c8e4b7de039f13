"""Partitions: built for an edition, written in the signed log before the first profile that shows one, rebuilt by anybody.

In: an edition; versions that are about to be shown; documents of any log. Out: a stored partition; log entries in the caller's
transaction; verdicts. A partition is built from public data alone, so whoever has the edition must come to the same bytes; what then remains to
check of a profile is that its labels are a block's. Source: docs/rules.md P, PROTOCOL 8.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from node.config import Config
from node.domain import partition, partition_parts, potential, release
from node.domain.labels import decode, encode
from node.domain.partition import Partition
from node.domain.partition_form import ATTRIBUTES, Block, Label
from node.domain.register import RegisterNetwork
from node.errors import N_, CallerError, LogStateError, NotFoundError
from node.flows.logs.append import Operation, OwnLog, append
from node.protocol import canonical
from node.store import log, origins, partitions, population
from node.store.partitions import Logged, Shown
from node.store.population import Snapshot, StoredPartition
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.reference import load_sectors, load_territories

# What the gate of the own log may refuse of one document.
REFUSED = ("own-entry-refused", "own-body-refused")
# What a rebuilt partition shows, in words for the officer.
SAME, DIFFERS, OTHER_EDITION, NO_EDITION, INCOMPLETE, MALFORMED, BEFORE = (
    "same", "differs", "edition-differs", "edition-missing", "incomplete", "malformed", "before-protocol-8",
)  # fmt: skip
STATES = {
    SAME: N_("ricostruita: identica"),
    DIFFERS: N_("DIVERSA da quella che si ricostruisce"),
    OTHER_EDITION: N_("non controllata: l'elenco di quella data qui è diverso"),
    NO_EDITION: N_("non controllata: qui manca l'elenco di quella data"),
    INCOMPLETE: N_("non controllata: mancano parti"),
    MALFORMED: N_("documento NON VALIDO"),
    BEFORE: N_("non controllata: costruita prima di questa regola"),
}
WRONG = (DIFFERS, MALFORMED)


@dataclass(frozen=True, slots=True)
class Known:
    """One partition that this node has, of its own or of a log: where it comes from and whether a log has all of it."""

    owner: str
    origin: str
    version: int
    digest: str
    snapshot: str
    parts: int
    logged: bool
    origin_id: int
    document: bytes | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out when a partition was rebuilt.

    ``profiles`` show it; ``astray`` of them have labels that are no block's, ``example`` is one of those.
    """

    known: Known
    state: str
    profiles: int
    astray: int
    example: str | None

    @property
    def wrong(self) -> bool:
        """Whether somebody must be told."""
        return self.state in WRONG or self.astray > 0


async def write_down(conn: Connection, own: OwnLog, versions: Iterable[int], now: dt.datetime) -> dict[int, str]:
    """Append to the own log the partitions that it does not hold yet; return version -> code for those it does not take.

    The caller holds its profiles' locks; the log's head is locked here, as ever after them.
    Raises: LogStateError when the log takes nothing at all.
    """
    stored = [
        found for version in sorted(set(versions)) if (found := await population.partition_version(conn, version))
    ]
    missing = await _missing(conn, own, stored)
    if not missing:
        return {}
    # Somebody may have written them between the look and the lock.
    await origins.lock_head(conn, own.origin_id)
    missing = await _missing(conn, own, stored)
    if missing and await log.count_wanted(conn, own.origin_id):
        # The own log was recovered and its bodies are still on their way: they may be among them.
        return dict.fromkeys(missing, release.PARTITION_WAITS)
    refused: dict[int, str] = {}
    for version, built in missing.items():
        try:
            async with conn.transaction():
                await append(conn, own, _operations(built), now)
        except (LogStateError, CallerError) as error:
            if isinstance(error, LogStateError) and error.code not in REFUSED:
                raise
            refused[version] = error.code
    return refused


async def _missing(conn: Connection, own: OwnLog, stored: Sequence[StoredPartition]) -> dict[int, Partition]:
    there = await partitions.logged_whole(conn, own.origin_id, [found.digest for found in stored])
    absent = {found.version: partition.load(found.document) for found in stored if found.digest not in there}
    # A nested document has no form on the wire: who published by it did so before there was one.
    return {version: built for version, built in absent.items() if not built.nested}


def _operations(built: Partition) -> list[Operation]:
    operations = []
    for part in partition_parts.parts_of(built):
        item_id = str(uuid.uuid4())
        operations.append(Operation(item_id, canonical.dumps({**part, "id": item_id})))
    return operations


async def next_version(conn: Connection) -> int:
    """Return a version that neither this database nor the own log has used: a restored database may be behind its log."""
    latest = await population.latest_partition(conn)
    return max(latest.version if latest else 0, await partitions.own_logged_version(conn)) + 1


async def logged_versions(conn: Connection, owner: str, snapshot: str) -> dict[int, str]:
    """Return version -> digest of the partitions of an edition that the own log holds."""
    logged = await partitions.list_logged(conn, owner)
    return {found.version: found.digest for found in logged if found.is_own and found.snapshot == snapshot}


async def build_for(
    pool: Pool,
    config: Config,
    networks: Sequence[RegisterNetwork],
    snapshot_id: int,
    taken_on: dt.date,
    now: dt.datetime,
) -> tuple[Partition | None, str | None]:
    """Build and keep the partition of an edition for this node's scope, or return why there is none.

    What comes out as the latest one has it stays the latest; a version that the own log holds is given again.
    """
    async with acquire(pool) as conn:
        latest = await population.latest_partition(conn)
        logged = await logged_versions(conn, config.node.id, taken_on.isoformat())
        known = {found.version for found in await population.list_partitions(conn)}
        version = await next_version(conn)

    def make(number: int) -> Partition:
        return partition.build(
            networks,
            version=number,
            snapshot=taken_on.isoformat(),
            scope=config.scope,
            territories=load_territories(),
            sectors=load_sectors(),
            k=config.privacy.k,
            k_build=config.privacy.k_build,
            group=tuple(sorted({config.node.id, *config.privacy.group})) if config.privacy.group else (),
        )

    try:
        if latest is not None and (same := await asyncio.to_thread(make, latest.version)).digest == latest.digest:
            return same, None
        # A database that came from a copy may have forgotten a partition that its log holds.
        for number in logged:
            again = await asyncio.to_thread(make, number)
            if number not in known and again.digest == logged[number]:
                version = number
        built = await asyncio.to_thread(make, version)
    except CallerError as error:
        if error.code != "partition-too-small":
            raise
        return None, error.render()[0]

    async def store(conn: Connection) -> None:
        await population.insert_partition(
            conn, version=built.version, snapshot_id=snapshot_id, digest=built.digest, document=built.document, now=now
        )

    await run_tx(pool, store)
    return built, None


async def list_known(pool: Pool, owner: str, *, of: str | None = None, version: int | None = None) -> list[Known]:
    """Return the partitions of all logs, and those of this node (``owner``) that are not in its log yet."""
    async with acquire(pool) as conn, conn.transaction(readonly=True):
        logged = await partitions.list_logged(conn, of, version)
        found = [_of_log(item) for item in logged]
        if of in (None, owner):
            stored = [item for item in await population.list_partitions(conn) if version in (None, item.version)]
            there = {item.digest for item in logged if item.is_own}
            unlogged = [_of_store(owner, item) for item in stored if item.digest not in there]
            found = sorted(
                [*unlogged, *(k for k in found if k.owner == owner)], key=lambda k: (k.version, k.origin)
            ) + [k for k in found if k.owner != owner]
    return found


def _of_log(item: Logged) -> Known:
    return Known(
        item.owner, item.origin, item.version, item.digest, item.snapshot, item.parts, item.whole, item.origin_id, None
    )


def _of_store(owner: str, item: StoredPartition) -> Known:
    built = partition.load(item.document)
    return Known(
        owner, "", built.version, built.digest, built.snapshot, 0, logged=False, origin_id=0, document=item.document
    )


async def read(conn: Connection, known: Known) -> Partition:
    """Return a known partition. Raises: CallerError partition-incomplete | partition-malformed | partition-digest-differs."""
    if known.document is not None:
        return partition.load(known.document)
    return partition_parts.joined(await partitions.read_parts(conn, known.origin_id, known.digest))


async def find(pool: Pool, owner: str, version: int | None) -> tuple[Known, Partition]:
    """Return a node's newest partition, or one version. Raises: NotFoundError(partition-unknown), and as ``read``."""
    found = await list_known(pool, owner, of=owner, version=version)
    if not found:
        raise NotFoundError(
            "partition-unknown",
            N_("nessuna partizione di {owner}"),
            hint=N_("«rete partition list» mostra quelle note"),
            owner=owner,
        )
    known = max(found, key=lambda item: (item.version, item.logged))
    async with acquire(pool) as conn:
        return known, await read(conn, known)


async def verify(pool: Pool, owner: str, *, of: str | None = None, version: int | None = None) -> list[Verdict]:
    """Rebuild partitions from the editions loaded here, and hold the profiles of their logs against them.

    Raises: NotFoundError(partition-unknown) when there is none.
    """
    found = await list_known(pool, owner, of=of, version=version)
    if not found:
        raise NotFoundError(
            "partition-unknown",
            N_("nessuna partizione da controllare"),
            hint=N_("«rete register load» ne costruisce una, «rete sync» porta quelle degli altri nodi"),
        )
    verdicts = []
    shown: dict[int, list[Shown]] = {}
    async with acquire(pool) as conn:
        for known in found:
            if known.origin_id and known.origin_id not in shown:
                shown[known.origin_id] = await partitions.labels_shown(conn, known.origin_id)
            verdicts.append(await _judge(conn, known, shown.get(known.origin_id, [])))
    return verdicts


async def _judge(conn: Connection, known: Known, shown: Sequence[Shown]) -> Verdict:
    mine = [item for item in shown if item.digest == known.digest]
    profiles = sum(item.profiles for item in mine)
    try:
        built = await read(conn, known)
    except CallerError as error:
        state = INCOMPLETE if error.code == "partition-incomplete" else MALFORMED
        return Verdict(known, state, profiles, 0, None)
    blocks = {columns(block) for block in built.blocks}
    astray = [item for item in mine if not _fits(item, blocks) or item.version != built.version]
    state = await _rebuild(conn, built)
    example = astray[0].example if astray else None
    return Verdict(known, state, profiles, sum(item.profiles for item in astray), example)


def _fits(shown: Shown, blocks: set[tuple[str, ...]]) -> bool:
    """Tell whether labels are a block's, or for an aggregation without a contract no finer than they may be."""
    if not shown.potential:
        return shown.labels in blocks
    *labels, kind = (decode(text) for text in shown.labels)
    return potential.is_form(dict(zip(ATTRIBUTES, (Label(*found) for found in labels), strict=True)), kind[1][0])


def columns(block: Block) -> tuple[str, ...]:
    """Return a block's labels and kind as profiles are stored with them."""
    labels = [encode(block.labels[name].level, block.labels[name].values) for name in ATTRIBUTES]
    return (*labels, encode("KIND", (block.kind,)))


async def _rebuild(conn: Connection, built: Partition) -> str:
    """Return what a partition built anew from the edition loaded here shows."""
    if built.nested:
        return BEFORE
    edition = await _edition(conn, built.snapshot)
    if edition is None:
        return NO_EDITION
    territories, sectors = load_territories(), load_sectors()
    rows = await population.edition_networks(
        conn, edition.snapshot_id, partition.provinces_of(built.scope, territories)
    )

    def work() -> str:
        members = partition.members_of(rows, built.scope, territories)
        if partition.population_digest(members) != built.population:
            return OTHER_EDITION
        try:
            again = partition.build(
                members,
                version=built.version,
                snapshot=built.snapshot,
                scope=built.scope,
                territories=territories,
                sectors=sectors,
                k=built.k,
                k_build=built.k_build,
                group=built.group,
            )
        except CallerError:
            return DIFFERS
        return SAME if again.document == built.document else DIFFERS

    return await asyncio.to_thread(work)


async def _edition(conn: Connection, snapshot: str) -> Snapshot | None:
    try:
        return await population.snapshot_on(conn, dt.date.fromisoformat(snapshot))
    except ValueError:
        # A peer's schema can't count the days of a month.
        return None
