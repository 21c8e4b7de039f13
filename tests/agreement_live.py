"""The pilot's agreement with real processes: nodes that serve on loopback, commands as people type them, keys of a council as files.

In: a database server and a folder. Out: offices, each with its home, its ``rete serve`` and its commands. Nothing is carried between them by
hand but the file that signatories sign, as they would on a stick: what a node knows of the agreement it has from the others, over HTTP.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node import runtime
from node.cli.demo_agreement import Founded, found
from node.cli.processes import Served, serving
from node.domain.days import day_number
from node.errors import ReteError
from node.flows.logs.append import Operation, append, sign_head
from node.flows.trust.join import words_of
from node.flows.upkeep.home import Facts, with_setting
from node.peers.client import PeerClient, open_session
from node.protocol import agreement, canonical, routine
from node.protocol.agreement_values import Agreement
from node.store import registry
from tests.federation_made import Town, free_ports, new_database
from tests.forked import FORGE
from tests.introductions_made import published
from tests.profiles_made import profile

PILOT = (
    ("p_LE", "Provincia di Lecce", "LE"),
    ("cmto", "Città metropolitana di Torino", "TO"),
    ("cciaa_le", "Camera di Commercio di Lecce", "LE"),
    ("bic-lazio", "BIC Lazio", "ITI4"),
)
# So often a node asks others what is new; a test's patience is longer, a round's promise is not.
ROUND_S, PATIENCE_S = 3.0, 25.0
MAX_BYTES = 4 * 2**20


async def until(what: str, question: Callable[[], Awaitable[bool]], within_s: float = PATIENCE_S) -> float:
    """Ask until it is so; return after how many seconds it was. Raises: AssertionError."""
    begun = time.monotonic()
    while not await question():
        assert time.monotonic() - begun < within_s, f"not within {within_s} s: {what}"
        # Slower than what a node allows one address.
        await asyncio.sleep(0.3)
    return time.monotonic() - begun


@dataclass
class Office:
    """One administration: its home, and where it answers."""

    id: str
    home: Path
    url: str
    session: Any = field(repr=False)
    published: int = 0

    async def rete(self, *words: str) -> dict[str, Any]:
        """Run one command in this home that must succeed; return its JSON."""
        status, out, err = await self.run(*words)
        assert status == 0, f"{words}: {err}"
        told: dict[str, Any] = json.loads(out)
        return told

    async def run(self, *words: str) -> tuple[int, bytes, str]:
        """Run one command in this home; return (exit status, standard output, standard error)."""
        return await run(*words, "--json", home=self.home)

    async def get(self, path: str) -> bytes:
        """Ask this node as anybody may."""
        return (await PeerClient(self.session, self.url).get(path, max_bytes=MAX_BYTES)).body

    async def agreement(self) -> Agreement:
        """The newest version that this node serves."""
        return agreement.parse(await self.get("/federation/agreement/latest"))

    async def is_at(self, version: int) -> bool:
        """Tell whether this node serves that version."""
        return (await self.agreement()).version == version

    async def finds(self, owner: str) -> int:
        """How many profiles of an administration a search at this node finds."""
        return int(json.loads(await self.get(f"/api/v1/profiles?owner={owner}&limit=1"))["total"])

    async def publish(self) -> None:
        """Publish one more profile; the serving process tells of it, as after an officer's approval."""
        self.published += 1
        one, today = str(uuid.uuid4()), dt.datetime.now(dt.UTC).date()
        document = profile(1, id=one, owner=self.id, round=day_number(today), valid_until=f"{today.year + 1}-10-31")
        async with runtime.open_node(self.home) as node:
            own = await runtime.current_own(node)
            async with node.pool.acquire() as conn, conn.transaction():
                await append(conn, own, [Operation(one, canonical.dumps(document))], node.clock())
            await sign_head(node.pool, own, node.clock())

    async def voices(self, of: Office) -> tuple[int, int, int]:
        """How many http and log keys this node knows of another, and how many lines of its own the other's newest head has."""
        changed = routine.parse(await self.get("/federation/agreement/routine"))
        [node] = [node for node in routine.effective(await self.agreement(), changed) if node.id == of.id]
        own = f"— {next(iter(node.origins))} ".encode()
        head = await of.get(f"/federation/log/{dt.datetime.now(dt.UTC).year}/checkpoint")
        listed = sum(len(item.verifiers) for item in node.log)
        return len(node.http), listed, head.count(b"\n" + own)

    async def doctor(self) -> set[str]:
        """The codes of all that the doctor finds here."""
        _, out, _ = await self.run("doctor")
        return {found["code"] for found in json.loads(out)["findings"]}

    async def told_by(self, other: Office) -> str:
        """Ask another node something signed; return the code of its refusal, "" for none."""
        async with runtime.open_node(self.home) as node:
            client = PeerClient(self.session, other.url, node.request_signer())
            try:
                await client.get_signed("/federation/outbox", "after=0", max_bytes=MAX_BYTES)
            except ReteError as error:
                return str(error.facts.get("problem") or error.code)
        return ""


async def run(*words: str, home: Path | None = None) -> tuple[int, bytes, str]:
    """Run one command; return (exit status, standard output, standard error)."""
    environment = {**os.environ, "RETE_HOME": "", "RETE_LANG": "it", "COLUMNS": "200"}
    at = ("--home", str(home)) if home else ()
    status, out, err = await asyncio.to_thread(FORGE.run, (*words, *at), environment)
    assert b"Traceback" not in err, err.decode()
    return status, out, err.decode()


@dataclass
class Pilot:
    """The offices that serve, and the keys of the council and the secretariat in their holders' files."""

    offices: dict[str, Office]
    founded: Founded
    folder: Path
    server: str
    stack: AsyncExitStack
    session: Any
    begun: float = field(default_factory=time.monotonic)
    told: Callable[[str], None] = lambda _line: None

    def __getitem__(self, name: str) -> Office:
        return self.offices[name]

    @property
    def words(self) -> str:
        """The fingerprint that people compare by telephone."""
        return " ".join(words_of(self.founded.first))

    @property
    def council(self) -> Sequence[Path]:
        """The key files of the council."""
        return [path for _, path in self.founded.council]

    @property
    def secretariat(self) -> Sequence[Path]:
        """The key files of the secretariat."""
        return [path for _, path in self.founded.secretariat]

    def say(self, line: str) -> None:
        """Tell how far it has come, with the seconds since the beginning."""
        self.told(f"[{time.monotonic() - self.begun:5.1f} s] {line}")

    async def signed(self, file: Path, keys: Sequence[Path], base: Path) -> None:
        """Sign one file with several keys, one after the other, where no node is."""
        for key in keys:
            status, _, err = await run("agreement", "sign", str(file), "--key", str(key), "--base", str(base), "--yes")
            assert status == 0, err

    async def decide(self, proposer: Office, *edits: str) -> int:
        """Propose, have three of four sign, submit: return the version that is in force then."""
        file = self.folder / f"{uuid.uuid4().hex}.json"
        base = file.with_suffix(".base.json")
        made = await proposer.rete("agreement", "propose", *edits, "--out", str(file))
        await proposer.rete("agreement", "show", "--out", str(base))
        await self.signed(file, self.council[1:], base)
        sent = await proposer.rete("agreement", "submit", str(file))
        assert sent["applied"], sent
        assert sent["failed"] == {}
        return int(made["version"])

    async def everywhere(self, version: int, *, but: Sequence[str] = ()) -> float:
        """Wait until every node serves a version; return the seconds it took."""
        asked = [office for office in self.offices.values() if office.id not in but]

        async def there() -> bool:
            return all(await asyncio.gather(*(office.is_at(version) for office in asked)))

        return await until(f"version {version} everywhere", there)

    async def goes_on(self, name: str, *, but: Sequence[str] = ()) -> float:
        """Publish at one node; all others find it within a round. Return the seconds it took."""
        author = self.offices[name]
        others = [office for office in self.offices.values() if office.id not in (name, *but)]
        await author.publish()

        async def arrived() -> bool:
            now = await asyncio.gather(*(office.finds(name) for office in others))
            return set(now) == {author.published}

        return await until(f"a profile of {name} everywhere", arrived, 1.2 * ROUND_S + 4)

    async def serve(self, office: Office) -> None:
        """Start ``rete serve`` for a home, until the end."""
        log = self.folder / f"{office.id}.log"
        await self.stack.enter_async_context(serving([Served(office.home, office.url, log)]))
        self.offices[office.id] = office

    async def join(self, by: Office, name: str, title: str, territory: str, database: str) -> tuple[Office, dict[str, Any]]:  # fmt: skip
        """Join by the real command, from no home at all; return the new office, not yet serving, and what the command said."""
        (port,) = free_ports(1)
        office = Office(name, self.folder / name, f"http://127.0.0.1:{port}", self.session)
        said = await office.rete(
            "join", by.url, "--expect", self.words, "--id", name, "--name", title, "--territory", territory,
            "--authority", f"127.0.0.1:{port}", "--port", str(port), "--contact", "reti@example.org", "--database-url", database,
        )  # fmt: skip
        config = office.home / "node.toml"
        text = with_setting(config.read_text(encoding="utf-8"), "sync", "poll_minutes", f"{ROUND_S / 60:g}")
        config.write_text(text, encoding="utf-8")
        return office, said


@asynccontextmanager
async def pilot(server: str, folder: Path, databases: dict[str, str]) -> AsyncIterator[Pilot]:
    """The four of the pilot by their agreement, all serving; ``databases`` gives some of them, by id, one that is there already."""
    ports = free_ports(len(PILOT))
    homes = [
        (
            folder / name,
            Facts(
                id=name,
                name=title,
                ipa_code="",
                territory=(territory,),
                authority=f"127.0.0.1:{port}",
                port=port,
                epoch=dt.datetime.now(dt.UTC).year,
                database_url=databases.get(name) or await new_database(server),
                round="immediate",
                poll_minutes=ROUND_S / 60,
            ),
        )
        for (name, title, territory), port in zip(PILOT, ports, strict=True)
    ]
    founded = found(folder, homes, dt.datetime.now(dt.UTC))
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(loopback=True, total_s=10))
        made = Pilot({}, founded, folder, server, stack, session)
        offices = [Office(home.name, home, f"http://{facts.authority}", session) for home, facts in homes]
        served = [Served(office.home, office.url, folder / f"{office.id}.log") for office in offices]
        await stack.enter_async_context(serving(served))
        made.offices = {office.id: office for office in offices}
        yield made


def failures(folder: Path) -> list[str]:
    """What any of the serving processes logged as an error."""
    lines = [line for log in sorted(folder.glob("*.log")) for line in log.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if '"level": "error"' in line or line.startswith("Traceback")]


async def open_profile(office: Office) -> str:
    """Publish the profile of one of an office's own networks, as two officers would; return its id."""
    async with runtime.open_node(office.home) as node:
        async with node.pool.acquire() as conn:
            networks = sorted(await registry.read_records(conn))
        office.published += 1
        return await published(Town(office.home, node, office.session, 0), networks[0], node.clock())


async def first_network(office: Office) -> str:
    """Return one network of an office's register."""
    async with runtime.open_node(office.home) as node, node.pool.acquire() as conn:
        return min(await registry.read_records(conn))
