"""A program that is killed: pulls, appends and signs on a real home for ever, until somebody sends it SIGKILL.

Run as ``python -m tests.crash`` it loads everything once, then forks one worker for each job it reads, so that a worker is at
work within milliseconds and a kill lands in the work. What a worker has done it says on a pipe before it goes on.
In: jobs as JSON lines. Out: what happened, as JSON lines; ``ended`` follows the last word of a worker, however it died.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import sys
import time
import traceback
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node import runtime
from node.errors import ReteError
from node.flows.logs import accuse, bodies, extend
from node.flows.logs.append import Operation, append, sign_head
from node.flows.logs.sync import sync_peers
from node.peers.client import open_session
from node.protocol import canonical, limits
from node.runtime import Node
from node.store import log, origins, schemas
from node.store.postgres import Connection, run_tx
from node.store.reference import load_sectors, load_territories
from tests.profiles_made import profile

ROOT = Path(__file__).resolve().parents[1]
# No worker outlives this, whoever forgot it.
LIFE_S = 120
Job = dict[str, Any]
Said = dict[str, Any]

# One digest per table of a log: what two nodes that agree must have in common, whatever numbers their rows have and came with.
DIGESTS = {
    "head": "SELECT 1, sha256(int8send(size) || root || range_hashes) AS h FROM log.origin WHERE origin_id = $1",
    "entry": "SELECT idx, sha256(int8send(idx) || entry) AS h FROM log.entry WHERE origin_id = $1",
    "subtree": "SELECT level * 2 ^ 40 + idx, sha256(int8send(level) || int8send(idx) || hash) AS h"
    " FROM log.subtree WHERE origin_id = $1",
    "item": "SELECT last_idx, sha256(uuid_send(item_id) || int8send(last_idx) || int4send(revision) || boolsend(dead)) AS h"
    " FROM log.item WHERE origin_id = $1",
    "body": "SELECT idx, sha256(int8send(idx) || salt || body) AS h FROM log.body WHERE origin_id = $1",
    "profile": "SELECT idx, sha256(convert_to((to_jsonb(p) - 'origin_id' - 'arrival')::text, 'UTF8')) AS h"
    " FROM coop.profile p WHERE origin_id = $1",
    "problem": "SELECT idx, sha256(int8send(idx) || convert_to(code, 'UTF8')) AS h FROM log.problem WHERE origin_id = $1",
}


async def digests(conn: Connection, origin_id: int) -> dict[str, str]:
    """Number of rows and a digest of each of a log's tables."""
    found = {}
    for name, rows in DIGESTS.items():
        row = await conn.fetchrow(
            "SELECT count(*) AS n, left(encode(sha256(coalesce(string_agg(h, ''::bytea ORDER BY at, h), '')), 'hex'), 16)"
            f" AS digest FROM ({rows}) AS t (at, h)",
            origin_id,
            timeout=300,
        )
        found[name] = f"{row['n']}:{row['digest']}"
    return found


# --- the worker ---


class Voice:
    """How a worker tells what it has done: one line, one write, before it goes on."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, **words: Any) -> None:
        """Say one thing."""
        line = json.dumps(words).encode() + b"\n"
        # Longer lines could be torn by a kill.
        assert len(line) <= 4096
        os.write(self._descriptor, line)


async def work(job: Job, say: Voice) -> None:
    """Open the home and do one kind of work until killed (``once``: one whole piece of it)."""
    async with runtime.open_node(Path(job["home"])) as node:
        say(at="open")
        await KINDS[job["kind"]](node, job, say)


async def pull(node: Node, job: Job, say: Voice) -> None:
    """Pull one log to its end, say the digest of what is here, forget all of it, and begin again."""
    if job["sliced"]:
        # Every path of a far head, with a log of a few thousand entries.
        limits.EXTEND_MAX_ENTRIES = 300
        extend.SLICE_BUNDLES = 1
    if job["small"]:
        limits.BODIES_PER_REQUEST = 64
        bodies.COMMIT_BODIES = 128

    def shown(_: str) -> Callable[[str, int, int], None]:
        return lambda stage, _done, _total: say(at=stage)

    async with open_session(loopback=True) as session:
        syncer = node.syncer(session, shown)
        while True:
            (report,) = await sync_peers(syncer, owner=job["owner"], force=True)
            async with node.pool.acquire() as conn:
                origin = max(await origins.list_origins(conn, job["owner"]), key=lambda o: o.origin)
                found = await digests(conn, origin.origin_id)
            say(
                at="whole",
                error=report.error_code,
                size=origin.size,
                digests=found,
                wanting=origin.wanting,
                peak_mb=peak_mb(os.getpid()),
            )
            if job["once"]:
                return
            await accuse.release(node.pool, origin, "prova", "prova", node.clock(), forget=True)
            say(at="forgotten")


def batch_of(draw: random.Random, live: dict[str, int], count: int, owner: str) -> list[tuple[str, str, bytes | None]]:
    """(op, id, body) of a batch: first a publication, whose fresh id tells the batch, then whatever comes."""
    made: list[tuple[str, str, bytes | None]] = []
    for n in range(count):
        kind = "pub" if n == 0 or not live else draw.choices(("pub", "upd", "wd"), (5, 3, 2))[0]
        item = str(uuid.UUID(int=draw.getrandbits(128), version=4)) if kind == "pub" else draw.choice(sorted(live))
        raw = None
        if kind == "wd":
            live.pop(item)
        else:
            live[item] = 1
            title = f"Rete {draw.getrandbits(32):08x}"
            raw = canonical.dumps(profile(1, title, id=item, owner=owner))
        made.append((kind, item, raw))
    return made


async def write(node: Node, job: Job, say: Voice) -> None:
    """Say a batch, append it, say that it is in, and sign: after every batch, or after several."""
    draw, own = random.Random(job["seed"]), node.own
    # As at a start of the node: a crash between append and signing left entries unsaid.
    await sign_head(node.pool, own, node.clock())
    async with node.pool.acquire() as conn:
        rows = await conn.fetch("SELECT item_id FROM log.item WHERE origin_id = $1 AND NOT dead", own.origin_id)
    live = {str(row["item_id"]): 1 for row in rows}
    for turn in range(job["rounds"] if job["once"] else 1_000_000):
        made = batch_of(draw, live, job["batch"], own.owner)
        say(at="append", batch=[(op, i, None if raw is None else digest(raw)) for op, i, raw in made])

        async def put(conn: Connection, made: Sequence[tuple[str, str, bytes | None]] = made) -> list[int] | None:
            # As the product's own callers do: a second run finds what the first one did.
            if await log.items_by_id(conn, own.origin_id, [made[0][1]]):
                return None
            return await append(conn, own, [Operation(i, raw) for _, i, raw in made], node.clock())

        positions = await run_tx(node.pool, put)
        say(at="sign", ack=None if positions is None else positions[0])
        if (turn + 1) % job["sign_every"] == 0:
            await sign_head(node.pool, own, node.clock())
            say(at="signed")


def digest(raw: bytes) -> str:
    """What tells a body in a line of text."""
    return hashlib.sha256(raw).hexdigest()[:16]


KINDS = {"pull": pull, "write": write}


def main() -> None:
    """Fork a worker for each job on standard input."""
    say = Voice(os.dup(1))
    # Whatever prints, prints to the log: the pipe is the workers' voice.
    os.dup2(2, 1)
    schemas.validators()
    load_territories()
    load_sectors()
    say(ready=os.getpid())
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _worker(json.loads(line), say)
        _, status = os.waitpid(pid, 0)
        say(ended=status)


def _worker(job: Job, say: Voice) -> None:
    signal.alarm(job.get("life_s", LIFE_S))
    os.close(0)
    say(begun=os.getpid())
    try:
        asyncio.run(work(job, say))
    except ReteError as error:
        say(failed=error.code, why=str(error))
    except BaseException as error:  # noqa: BLE001 - a worker that breaks must not go on as the one that forks
        traceback.print_exc()
        say(failed=type(error).__name__, why=str(error)[:500])
    os._exit(0)


# --- who kills it ---


@dataclass
class Life:
    """What one worker said, and whether it was killed."""

    said: list[Said] = field(default_factory=list)
    killed: bool = False
    seconds: float = 0.0
    peak_mb: float = 0.0

    @property
    def stage(self) -> str:
        """What it was doing when it ended."""
        return next((word["at"] for word in reversed(self.said) if "at" in word), "start")

    @property
    def failures(self) -> list[Said]:
        """What went wrong by its own account."""
        return [word for word in self.said if "failed" in word]


class Driver:
    """The process that forks workers, seen from the one that kills them."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, job: Job, *, kill_when: Coroutine[Any, Any, object] | None = None) -> Life:
        """Run one job to its end, or kill it when something has happened, counted from its beginning."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        await self._process.stdin.drain()
        pid = int((await self._hear())["begun"])
        life, began = Life(), time.monotonic()
        listening = asyncio.create_task(self._listen(life))
        if kill_when is not None:
            waiting = asyncio.create_task(kill_when)
            await asyncio.wait({listening, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not listening.done():
                life.peak_mb = peak_mb(pid)
                # Not yet reaped, or its last word would have been heard: the number is still this worker's.
                os.kill(pid, signal.SIGKILL)
        status = await listening
        life.seconds = time.monotonic() - began
        life.killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        return life

    async def _hear(self) -> Said:
        assert self._process.stdout is not None
        # A worker that says nothing any more is ended by its own alarm.
        line = await self._process.stdout.readline()
        assert line, "the driver is gone"
        word: Said = json.loads(line)
        return word

    async def _listen(self, life: Life) -> int:
        while True:
            word = await self._hear()
            if "ended" in word:
                return int(word["ended"])
            life.said.append(word)


def peak_mb(pid: int) -> float:
    """The most memory a process ever had resident, by the kernel's own mark; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    except (OSError, StopIteration):
        return 0.0


@asynccontextmanager
async def driver(errors: Path) -> AsyncIterator[Driver]:
    """A driver for the time of a block; what its workers log goes to a file."""
    with errors.open("ab") as log_file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.crash",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
        )
        made = Driver(process)
        try:
            await made._hear()
            yield made
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


if __name__ == "__main__":
    main()
