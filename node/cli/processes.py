"""Node processes started by the demo: each is ``rete serve`` of one home, ends with its parent, and is waited for.

In: homes and URLs. Out: running processes; at the end of the block none is left, whatever happened.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from node.errors import N_, OperatorError, ReteError
from node.peers.client import PeerClient, open_session

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 8.0
STATUS_MAX_BYTES = 65_536
# Where ``python -m node`` finds the package, installed or not.
_CHECKOUT = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True, slots=True)
class Served:
    """One node to serve: its home, its URL, and the file its log goes to."""

    home: Path
    url: str
    log: Path


@asynccontextmanager
async def serving(nodes: Sequence[Served]) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Start all nodes, wait until each answers /status, and stop them at the end, with those that were put in their place in the list.

    Raises: OperatorError(node-start-failed) with the last line of the node's log.
    """
    processes: list[asyncio.subprocess.Process] = []
    try:
        for node in nodes:
            started = await start(node)
            processes.append(started)
        await asyncio.gather(*(ready(node, process) for node, process in zip(nodes, processes, strict=True)))
        yield processes
    finally:
        await _stop(processes)


async def start(node: Served) -> asyncio.subprocess.Process:
    """Start one node; it may not answer yet."""
    with node.log.open("ab") as log:
        # The pipe on standard input is the tie to this process: when it closes, the node stops by itself.
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "node",
            "serve",
            "--home",
            str(node.home),
            "--exit-with-parent",
            stdin=asyncio.subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=_CHECKOUT,
            # Ctrl-C in the terminal reaches the whole group; the parent alone decides when its nodes stop.
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )


async def ready(node: Served, process: asyncio.subprocess.Process) -> None:
    """Wait until a node that was started answers /status. Raises: OperatorError(node-start-failed)."""
    async with open_session(loopback=True, total_s=5) as session:
        client = PeerClient(session, node.url)
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        while asyncio.get_running_loop().time() < deadline:
            if process.returncode is not None:
                break
            try:
                await client.get("/status", max_bytes=STATUS_MAX_BYTES)
            except ReteError:
                await asyncio.sleep(0.1)
            else:
                return
    lines = await asyncio.to_thread(_last_lines, node.log)
    raise OperatorError(
        "node-start-failed",
        N_("il nodo non parte: {reason}"),
        where=str(node.home),
        hint=N_("il suo registro è {log}"),
        reason=next((line for line in lines if line.startswith("errore")), lines[-1] if lines else "-"),
        log=str(node.log),
    )


def _last_lines(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8", errors="replace").strip().splitlines()


async def _stop(processes: Sequence[asyncio.subprocess.Process]) -> None:
    for process in processes:
        if process.returncode is None:
            process.terminate()
    for process in processes:
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
