"""Can anybody tell whose a profile is? 2,000 profiles of a generated national register, attacked by a program that shares no code.

``python bench/linkage.py [--seeds 1] [--profiles 2000] [--keep FOLDER]``. For each seed: a register of 9,630 contracts, four offices
(all Italy; Lombardia; the south; Lecce in a wider scope without a group), twelve weekly rounds through the product's own flows on a
real PostgreSQL: drafts, approvals by a second officer, updates, withdrawals, returns; in the middle a new edition in which
networks ceased, changed and were registered, some of which publish too. Then each office's ``rete privacy export`` goes to
``bench/linkage_attack.py``, and the node's own audit is asked the same. Exit 1 when a bound is broken: a profile with fewer
than k = 5 candidates, or a first guess that is right more often than 2 in k.

What is read again and again without having changed (a partition, where an edition stands in it, the names of the text gate) is
remembered between flows, so that thousands of decisions fit a minute or two; nothing else is put aside.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import config as configuration
from node.domain import partition
from node.domain.chamber import ChamberList, parse_sheets
from node.domain.generation.enrichment import enrich
from node.domain.generation.national import generate
from node.domain.register import RegisterNetwork, register_id
from node.errors import CallerError
from node.flows.logs.append import OwnLog
from node.flows.profiles import draft, privacy, privacy_export, publish, sift, standing, submission, versions
from node.flows.profiles.gate import KnownNames
from node.flows.registry import intake, register
from node.flows.trust.membership import enrol_members
from node.flows.upkeep.home import Facts, config_text
from node.store import embedded, highwater, registry, whole_file
from node.store.postgres import Pool, migrate, open_pool
from node.store.reference import load_sectors, load_territories
from tests.texts_made import spoken

CONTRACTS = 9_630
ROUNDS, NEW_EDITION_AFTER = 12, 6
BEGIN = dt.datetime(2025, 1, 2, 10, 0, tzinfo=dt.UTC)  # a Thursday
FIRST, SECOND = dt.date(2024, 12, 31), dt.date(2025, 2, 10)
CEASED, CHANGED, REGISTERED = 0.03, 0.01, 0.04
UPDATED, WITHDRAWN, RETURNS = 0.06, 0.015, 0.5
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
# id -> (territory, scope, share of the profiles)
OFFICES = {
    "italia": (("IT",), ("IT",), 0.62),
    "lombardia": (("ITC4",), ("ITC4",), 0.2),
    "sud": (("ITF",), ("ITF",), 0.17),
    "lecce": (("LE",), ("ITF4",), 0.01),
}
_REAL_CENSUS, _REAL_PARTITION = standing.census_of, versions.read_partition


class Memory(KnownNames):
    """What one office reads again and again, until another edition is loaded."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        super().__init__()
        self.kept: dict[Any, Any] = {}

    async def once(self, key: Any, read: Any) -> Any:
        """Return what was read before, or read it."""
        if key not in self.kept:
            self.kept[key] = await read
        else:
            read.close()
        return self.kept[key]

    async def read(self, conn: Any, config: Any) -> Any:
        """Return the names of the text gate."""
        return await self.once("names", super().read(conn, config))

    def forget(self) -> None:
        """Begin anew: the register has changed."""
        self.kept.clear()


def remember(memories: dict[str, Memory], databases: dict[str, str]) -> None:
    """Let the flows ask a memory first; whose it is, the connection's database tells."""

    def of(conn: Any) -> Memory:
        return memories[databases[conn._params.database]]  # noqa: SLF001 - there is no public way

    async def census(conn: Any, config: Any, built: Any) -> Any:
        return await of(conn).once(("census", built.digest), _REAL_CENSUS(conn, config, built))

    async def read(conn: Any, version: int | None = None) -> Any:
        return await of(conn).once(("partition", version), _REAL_PARTITION(conn, version))

    for module in (standing, draft, publish, sift):
        for name, known in (("census_of", census), ("read_partition", read)):
            if hasattr(module, name):
                setattr(module, name, known)


@dataclass
class Office:
    """One administration at work."""

    name: str
    pool: Pool
    config: configuration.Config
    own: OwnLog
    memory: Memory
    draw: random.Random
    waiting: list[str] = field(default_factory=list)
    network_of: dict[str, str] = field(default_factory=dict)
    register_of: dict[str, str] = field(default_factory=dict)
    living: dict[str, str] = field(default_factory=dict)
    gone: list[tuple[int, str]] = field(default_factory=list)
    records: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, RegisterNetwork] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)

    async def load(self, rows: Sequence[RegisterNetwork], day: dt.date, now: dt.datetime) -> None:
        """Load an edition."""
        self.memory.forget()
        await register.load_register(self.pool, self.config, ChamberList(tuple(rows), (), 0), day, now)

    async def record(self, rows: Sequence[RegisterNetwork], seed: int, now: dt.datetime) -> None:
        """Take networks into the office's own register."""
        made = enrich(rows, count=len(rows), seed=seed)
        found = intake.IntakeFile("template", f"own-{seed}.xlsx", seed.to_bytes(32), 0, tuple(made), 0, ())
        await intake.import_networks(self.pool, found, now, apply=True)
        self.memory.forget()
        async with self.pool.acquire() as conn:
            records = await registry.read_records(conn)
            for network_id in records.keys() - self.records.keys():
                _, key = await registry.register_id_of(conn, network_id)
                self.network_of[str(key)] = network_id
                self.register_of[network_id] = str(key)
        self.records |= records
        self.rows |= {row.register_id: row for row in rows}

    def content(self, network_id: str, *, anew: bool) -> dict[str, Any]:
        """Return what the officer writes, in this or, ``anew``, in other words."""
        content = draft.suggest_content(self.records[network_id])
        row = self.rows[self.register_of[network_id]]
        if anew or self.draw.random() < 0.4:
            italian, english = spoken(row, self.draw)
            content |= {"description": {"it": italian, "en": english} if self.draw.random() < 0.3 else {"it": italian}}
        return content

    async def decide(self, network_id: str, now: dt.datetime, *, anew: bool = False) -> str | None:
        """Draft, approve and queue; return the profile, None where the node refuses."""
        content = self.content(network_id, anew=anew)
        for attempt in (content, draft.in_closed_words(content)):
            try:
                profile_id = await draft.draft(self.pool, self.config, network_id, attempt, "anna", now)
                await submission.approve(
                    self.pool, self.config, profile_id, "bruno", now, amber_reason="prova", known=self.memory
                )
                await publish.publish(self.pool, self.config, profile_id, "bruno", now)
            except CallerError as error:
                self.told[error.code] += 1
                if error.code not in ("text-finds-network", "text-refused"):
                    return None
            else:
                return profile_id
        return None

    async def week(self, number: int, now: dt.datetime, count: int) -> None:
        """Decide a week's new profiles, updates, withdrawals and returns, then let Monday's round leave."""
        for profile_id in self.draw.sample(sorted(self.living), int(WITHDRAWN * len(self.living))):
            await publish.withdraw(self.pool, self.own, profile_id, "anna", now)
            self.gone.append((number, self.living.pop(profile_id)))
            self.told["withdrawn"] += 1
        for profile_id in self.draw.sample(sorted(self.living), int(UPDATED * len(self.living))):
            self.told["updated"] += await self.decide(self.living[profile_id], now, anew=True) is not None
        for item in [item for item in self.gone if item[0] <= number - 3]:
            self.gone.remove(item)
            if self.draw.random() < RETURNS:
                self.told["returned"] += await self._begin(item[1], now)
        done = 0
        while self.waiting and done < count:
            done += await self._begin(self.waiting.pop(), now)
        monday = now + dt.timedelta(days=4 - now.weekday() + 3)
        self.told["released"] += len(await publish.release_due(self.pool, self.config, self.own, monday))

    async def _begin(self, network_id: str, now: dt.datetime) -> bool:
        profile_id = await self.decide(network_id, now)
        if profile_id is not None:
            self.living[profile_id] = network_id
            self.told["begun"] += 1
        return profile_id is not None


def national(seed: int, contracts: int = CONTRACTS) -> list[RegisterNetwork]:
    """Return a generated national register."""
    made = generate(contracts=contracts, seed=seed, territories=load_territories(), sectors=load_sectors())
    sheets = {"Elenco": made.contracts, "Sogg. Giu.": made.entities}
    return list(parse_sheets(sheets, load_territories(), load_sectors()).networks)


def next_edition(
    rows: Sequence[RegisterNetwork], seed: int, draw: random.Random
) -> tuple[list[RegisterNetwork], list[RegisterNetwork]]:
    """Return (a later edition, what is new in it): some ceased, some with other members, some registered meanwhile."""
    stay = [row for row in rows if draw.random() >= CEASED]
    stay = [replace(row, members=row.members + 4) if draw.random() < CHANGED else row for row in stay]
    new = []
    for row in draw.sample(national(seed + 1000, 2_000), int(REGISTERED * len(rows))):
        day = FIRST + dt.timedelta(days=draw.randint(2, (SECOND - FIRST).days - 1))
        key = register_id(row.deed_register_number, row.deed_number, day)
        new.append(replace(row, registered_on=day, register_id=key, active=True))
    return [*stay, *new], new


async def open_office(
    stack: AsyncExitStack, cluster: embedded.Cluster, folder: Path, name: str, seed: int, memory: Memory
) -> tuple[Office, str]:
    """Return a new office and the name of its database."""
    territory, scope, _ = OFFICES[name]
    database = f"bench_{seed}_{name}"
    dsn = await embedded.ensure_database(cluster, database)
    conn = await asyncpg.connect(dsn)
    await migrate(conn)
    await conn.close()
    pool = await open_pool(dsn, max_size=3)
    stack.push_async_callback(_close, pool)
    facts = Facts(
        id=name, name=name, ipa_code="", territory=territory, authority="127.0.0.1:8441", port=8441, epoch=2025, round="weekly"
    )  # fmt: skip
    config = configuration.parse(config_text(facts))
    config = replace(config, privacy=replace(config.privacy, scope=scope))
    origin_id, origin = await enrol_members(pool, config, KEY.public_key().public_bytes_raw())
    own = OwnLog(
        origin_id, origin, name, {KEY.public_key().public_bytes_raw(): KEY}.get, folder / f"{name}-{highwater.FILE}"
    )
    return Office(name, pool, config, own, memory, random.Random(f"{name}/{seed}")), database


def room(stack: AsyncExitStack) -> Path:
    """Return a folder for the time of a seed, into which a server that runs as another user may look."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rete-linkage-")))
    folder.chmod(0o755)
    return folder


async def _close(pool: Pool) -> None:
    pool.terminate()


async def work(offices: list[Office], rows: list[RegisterNetwork], seed: int, profiles: int) -> None:
    """Twelve weeks of all offices."""
    draw = random.Random(f"linkage/{seed}")
    newer, new = next_edition(rows, seed, draw)
    free = [row for row in rows if row.active and row.members >= 2]
    draw.shuffle(free)
    for office in offices:
        territory, _, share = OFFICES[office.name]
        wanted = round(profiles * share)
        here = [row for row in free if partition.in_scope(row, territory, load_territories())]
        # Some will have ceased, or stand in blocks too small for their owner alone.
        mine = here[: wanted + wanted // 8 + 20]
        taken = {row.register_id for row in mine}
        free = [row for row in free if row.register_id not in taken]
        await office.load(rows, FIRST, BEGIN)
        await office.record(mine, seed, BEGIN)
        office.waiting = list(office.network_of.values())
        office.draw.shuffle(office.waiting)
    used: set[str] = set()
    for number in range(ROUNDS):
        now = BEGIN + dt.timedelta(weeks=number)
        for office in offices:
            territory, _, share = OFFICES[office.name]
            if number == NEW_EDITION_AFTER:
                await office.load(newer, SECOND, now)
                fresh = [r for r in new if r.members >= 2 and r.register_id not in used and partition.in_scope(r, territory, load_territories())]  # fmt: skip
                fresh = fresh[: max(2, round(profiles * share * 0.06))]
                used |= {row.register_id for row in fresh}
                before = set(office.network_of)
                await office.record(fresh, seed + 7, now)
                office.waiting += [office.network_of[key] for key in office.network_of.keys() - before]
                office.draw.shuffle(office.waiting)
            left = round(profiles * share) - office.told["begun"]
            await office.week(number, now, -(-left // (ROUNDS - number)))


async def export(office: Office, folder: Path) -> None:
    """Write the office's tables, and what the log shows of days and places."""
    tables = await privacy_export.export(office.pool, office.config)
    async with office.pool.acquire() as conn:
        entries = [
            (row["idx"], json.loads(row["entry"])) for row in await conn.fetch("SELECT idx, entry FROM log.entry")
        ]
    second = (SECOND - dt.date(1970, 1, 1)).days
    days = [(e["id"], e["r"], e["t"], at, int(e["t"] >= second)) for at, e in sorted(entries, key=lambda e: e[0]) if e["op"] != "wd"]  # fmt: skip
    parts = {
        "population": (privacy_export.POPULATION, tables.population),
        "profiles": (privacy_export.PROFILES, tables.profiles),
        "labels": (privacy_export.LABELS, tables.labels),
        "truth": (privacy_export.TRUTH, tables.truth),
        "days": (("profile_id", "version", "day", "place", "edition"), days),
    }
    await asyncio.to_thread(write_tables, folder, parts)


def write_tables(folder: Path, parts: dict[str, Any]) -> None:
    """Write tables into a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (columns, rows) in parts.items():
        (folder / f"{name}.csv").write_bytes(whole_file.csv_bytes(columns, rows))


def attack(folder: Path) -> list[dict[str, Any]]:
    """Return what the stranger's program finds."""
    names = ("population", "profiles", "labels", "truth", "days")
    arguments = [word for name in names for word in (f"--{name}", str(folder / f"{name}.csv"))]
    program = Path(__file__).with_name("linkage_attack.py")
    done = subprocess.run([sys.executable, "-I", str(program), *arguments, "--json"], capture_output=True, check=False)
    if not done.stdout:
        raise SystemExit(done.stderr.decode())
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def tell(name: str, lines: list[dict[str, Any]]) -> None:
    """Print one office's attacks."""
    for line in lines:
        if "smallest" in line:
            said = f"smallest {line['smallest']}, below k {line['below']}, true one missed {line['missed']}"
        elif "share" in line:
            said = f"first guess right {line['share']:.3f} (chance {line['chance']:.3f}, bound 0.400)"
        else:
            said = f"{line['deviations']:+.1f} deviations from chance"
        print(f"  {name:10} {line['attack']:32} {line['tried']:6}  {said}{'   BROKEN' if line['broken'] else ''}")


async def run(seed: int, profiles: int, keep: Path | None) -> bool:
    """Try one seed; return whether every bound held."""
    began = time.perf_counter()
    rows = national(seed)
    whole = True
    async with AsyncExitStack() as stack:
        folder = room(stack)
        cluster = stack.enter_context(embedded.lease(folder / "postgres"))
        offices: list[Office] = []
        memories: dict[str, Memory] = {}
        databases: dict[str, str] = {}
        for name in OFFICES:
            memories[name] = Memory()
            office, database = await open_office(stack, cluster, folder, name, seed, memories[name])
            databases[database] = name
            offices.append(office)
        remember(memories, databases)
        await work(offices, rows, seed, profiles)
        worked = time.perf_counter() - began
        begun = sum(office.told["begun"] for office in offices)
        print(f"seed {seed}: {begun} profiles in {ROUNDS} rounds of {len(offices)} offices, made in {worked:.0f} s")
        for office in offices:
            print(f"  {office.name:10} {dict(office.told)}")
            place = (keep or folder) / (f"seed-{seed}-{office.name}" if keep else f"{office.name}-tables")
            await export(office, place)
            found = attack(place)
            tell(office.name, found)
            started = time.perf_counter()
            audit = await privacy.audit(office.pool, office.config, BEGIN + dt.timedelta(weeks=ROUNDS))
            took = time.perf_counter() - started
            told = {count.attack: (count.smallest, count.below) for count in audit.counts}
            texts = audit.guesses[0]
            print(
                f"  {office.name:10} own audit, {audit.versions} versions in {took:.1f} s: "
                f"{'ok' if audit.ok else 'BROKEN'} (smallest, below) {told} text {texts.share or 0:.3f} of {texts.tried}, "
                f"order {audit.order.deviations or 0:+.1f}, texts to write again {len(audit.recognised)}"
            )
            whole &= audit.ok and not any(line["broken"] for line in found)
    print(
        f"seed {seed}: {'every bound holds' if whole else 'A BOUND IS BROKEN'}, {time.perf_counter() - began:.0f} s in all"
    )
    return whole


def main() -> int:
    """Try all seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--profiles", type=int, default=2_000)
    parser.add_argument("--keep", type=Path, help="folder for the tables")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    held = [asyncio.run(run(seed, given.profiles, given.keep)) for seed in given.seeds]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
