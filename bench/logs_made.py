"""What the measurements of pulls share: big logs quickly made, a puller that has them already, cosignatures as in real life.

A big log is written with COPY: pairs of ``pub`` and ``wd`` entries of profiles long withdrawn, their subtree roots and dead items,
as the product's own tree code gives them. Then live profiles are appended and the head is signed by the product itself, which
recomputes the root from what is stored: a log that was put together wrongly is not signed. The puller's database is a copy of the
origin's whose log row is turned into a followed log's, so that what is measured is never a first pull.
Not a benchmark by itself: running it does nothing.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from bench.federation import documents, free_port
from node import runtime
from node.cli.processes import Served, serving
from node.flows.logs.append import Operation, append, sign_head
from node.flows.observatory.publish import publish_due
from node.flows.upkeep.home import Facts, make_trial
from node.protocol import canonical, entry, merkle, note, tiles, witness
from node.runtime import Node
from node.store import embedded, keyfiles, log, origins, own_log
from node.store import witness as cosignatures

WITNESSES = ("uno", "due", "tre")
BATCH = 5_000
# As many dead entries are hashed and copied at a time.
BULK = 65_536


def profiles(count: int, distinct: int = 2_000) -> list[tuple[str, bytes]]:
    """Return (id, canonical body) of ``count`` profiles: the words of ``distinct`` realistic ones over and over, each with its own id."""
    made = documents(min(count, distinct))
    draw = random.Random(2)
    found = []
    for number in range(count):
        known, body = made[number % len(made)]
        item = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        found.append((item, body.replace(known.encode(), item.encode())))
    return found


@dataclass(slots=True)
class Made:
    """One log: the node that writes it, the home that follows it, and the ids of its live profiles."""

    folder: Path
    origin: Node
    puller_home: Path
    live: list[tuple[str, bytes]]
    cosigners: list[keyfiles.Keys]
    changed: int = 0
    draw: random.Random = field(default_factory=lambda: random.Random(3))

    async def change(self, count: int) -> int:
        """Update ``count`` live profiles, sign, and let the witnesses cosign; return how many bytes their new bodies have."""
        operations = []
        for _ in range(count):
            item, body = self.live[self.changed % len(self.live)]
            self.changed += 1
            document = canonical.parse(body, max_bytes=len(body))
            # A title nobody had before: each revision is another text to tokenise and to index.
            document["title"] = {"it": f"Rete rinnovata {self.draw.randrange(10**9)}"}
            operations.append(Operation(item, canonical.dumps(document)))
        async with self.origin.pool.acquire() as conn, conn.transaction():
            await append(conn, self.origin.own, operations, self.origin.clock())
        await sign_head(self.origin.pool, self.origin.own, self.origin.clock())
        await cosign(self)
        return sum(len(operation.raw or b"") for operation in operations)


async def cosign(made: Made) -> None:
    """Keep three witnesses' cosignatures of the newest head, as ``announce`` would."""
    now = made.origin.clock()
    own = made.origin.own
    chosen = made.origin.membership.witnesses_of(own.origin, own.owner)
    voices = {
        held.signing["witness"].public_key().public_bytes_raw(): held.signing["witness"] for held in made.cosigners
    }
    async with made.origin.pool.acquire() as conn:
        signed = await own_log.signed_latest(conn, own.origin_id)
        assert signed is not None
        text = note.parse(signed.note).text
        for member, (verifier,) in chosen.items():
            line = witness.cosign(verifier.name, voices[verifier.public], text, int(now.timestamp()))
            await cosignatures.keep_cosignature(conn, own.origin_id, member, signed.size, now, line)


def dead_entries(count: int) -> Iterator[bytes]:
    """Return pairs of entries, a profile published and withdrawn at once."""
    draw = random.Random(4)
    for index in range(0, count, 2):
        item = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        yield (f'{{"b":"{_commitment(draw)}","id":"{item}","op":"pub","p":-1,"r":1,"t":20000,"v":1}}'.encode())
        yield f'{{"id":"{item}","op":"wd","p":{index},"r":2,"t":20000,"v":1}}'.encode()


def _commitment(draw: random.Random) -> str:
    # 43 digits of base64 and their padding; the last digit's two spare bits are zero.
    return f"{draw.getrandbits(252):063x}"[:42].replace("0", "K") + "A="


async def stuff(node: Node, count: int) -> None:
    """Write ``count`` entries of withdrawn profiles into an empty own log."""
    own = node.own
    grown = tiles.TiledRange(0, ())
    raws = list(dead_entries(count))
    for sample in raws[:2]:
        assert entry.encode(entry.decode(sample)) == sample
    async with node.pool.acquire() as conn, conn.transaction():
        # The rows are right by construction; checking a foreign key for each would take most of the time.
        await conn.execute("SET LOCAL session_replication_role = replica")
        for first in range(0, count, BULK):
            part = raws[first : first + BULK]
            await log.copy_entries(conn, own.origin_id, first, part)
            await log.copy_subtrees(conn, own.origin_id, grown.extend([merkle.leaf_hash(raw) for raw in part]))
        items = (
            (own.origin_id, uuid.UUID(raw.partition(b'"id":"')[2][:36].decode()), index + 1, 2, True)
            for index, raw in enumerate(raws)
            if not index % 2
        )
        await conn.copy_records_to_table(
            "item",
            schema_name="log",
            columns=("origin_id", "item_id", "last_idx", "revision", "dead"),
            records=items,
            timeout=300,
        )
        await origins.advance(
            conn,
            own.origin_id,
            size=grown.size,
            root=grown.root(),
            range_hashes=grown.hashes,
            checkpoint=None,
            now=node.clock(),
        )


async def publish(node: Node, found: Sequence[tuple[str, bytes]]) -> None:
    """Append live profiles through the product and sign."""
    for at in range(0, len(found), BATCH):
        operations = [Operation(item, raw) for item, raw in found[at : at + BATCH]]
        async with node.pool.acquire() as conn, conn.transaction():
            await append(conn, node.own, operations, node.clock())
    await sign_head(node.pool, node.own, node.clock())


async def follow(cluster: embedded.Cluster, source: str, copy: str, origin: str, note_: bytes) -> None:
    """Make the puller's database: a copy of the origin's, in which the origin's log is one that is followed and up to date."""
    admin = await asyncpg.connect(cluster.dsn("postgres"), timeout=10)
    try:
        await admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{source}" STRATEGY FILE_COPY', timeout=300)
    finally:
        await admin.close()
    conn = await asyncpg.connect(cluster.dsn(copy), timeout=10)
    try:
        await conn.execute("DELETE FROM log.signed; DELETE FROM log.cosignature; DELETE FROM ops.fence")
        others = "SELECT origin_id FROM log.origin WHERE origin <> $1"
        await conn.execute(f"DELETE FROM log.origin_key WHERE origin_id IN ({others})", origin)
        await conn.execute("DELETE FROM log.origin WHERE origin <> $1", origin)
        await conn.execute(
            "UPDATE log.origin SET is_own = false, state = 'ready', checkpoint = $1, checkpoint_size = size", note_
        )
        await conn.execute("VACUUM ANALYZE", timeout=300)
    finally:
        await conn.close()


@asynccontextmanager
async def log_of(
    folder: Path, cluster: embedded.Cluster, name: str, *, dead: int, live: Sequence[tuple[str, bytes]]
) -> AsyncIterator[Made]:
    """Make one log of ``dead`` withdrawn entries and ``live`` profiles, a puller that has it, and serve it as a process."""
    at = folder / name
    homes = [at / "origin", at / "puller", *(at / witness_ for witness_ in WITNESSES)]
    ports = [free_port() for _ in homes]
    facts = [
        Facts(
            id=home.name,
            name=home.name,
            ipa_code="",
            territory=("IT",),
            authority=f"127.0.0.1:{port}",
            port=port,
            epoch=2026,
            cluster="../../postgres",
            database_name=f"{name}_{home.name}",
            poll_minutes=1440,
        )
        for home, port in zip(homes, ports, strict=True)
    ]
    make_trial(list(zip(homes, facts, strict=True)))
    async with AsyncExitStack() as stack:
        async with runtime.open_node(homes[0]) as node:
            if dead:
                await stuff(node, dead)
            await publish(node, live)
            async with node.pool.acquire() as conn:
                signed = await own_log.signed_latest(conn, node.own.origin_id)
            assert signed is not None
        await follow(cluster, f"{name}_origin", f"{name}_puller", node.own.origin, signed.note)
        node = await stack.enter_async_context(runtime.open_node(homes[0]))
        held = [keyfiles.read(home / node.config.federation.keys) for home in homes[1:]]
        made = Made(at, node, homes[1], list(live), held)
        await cosign(made)
        # Else the node's server tells the quarter's statistics amid what is measured.
        await publish_due(node.pool, node.own, node.statistics_key, node.membership.terms, node.clock())
        await stack.enter_async_context(serving([Served(homes[0], f"http://127.0.0.1:{ports[0]}", at / "origin.log")]))
        yield made
