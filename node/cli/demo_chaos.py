"""``rete demo --chaos``: four nodes at work while their roads bend and their processes are killed and frozen; at the end, whether all is there.

In: the demo's nodes and processes, a seed, minutes. Out: a verdict and the times of recovery, as the demo's file has them (docs/cli.md). Each node
has a proxy (``peers/chaos_proxy``) where the others reach it. For two thirds of the time officers publish and withdraw while all this goes on; then roads are
straight and processes up, and the nodes are left to themselves until they agree, or the rest of the time and a minute more are over.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from node.cli import processes as running
from node.cli.demo_accounts import APPROVER
from node.cli.demo_networks import publish_one
from node.cli.demo_watch import Seen, Watch
from node.cli.frame import Face
from node.cli.processes import Served
from node.errors import N_, LogStateError, ReteError
from node.flows.logs.holdings import Held, holdings, proofs
from node.flows.profiles import publish
from node.flows.upkeep.home import Facts
from node.peers import chaos_proxy, spells
from node.peers.chaos_proxy import Proxy
from node.peers.spells import Weather
from node.runtime import Node, current_own

# Networks of each node that are published amid the trouble.
LATER = 4
POLL_MINUTES = 0.05
STORM_PART = 2 / 3
# What is said above: how long nodes may take to agree once all is over, beyond the rest of the time.
GRACE_S = 60.0
KILL, FREEZE = "kill", "freeze"
ROADS = "strade.jsonl"
SET_ASIDE = ("quarantined", "fenced", "suspended", "closed")


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, and by which seed."""

    minutes: float
    seed: int

    @property
    def storm_s(self) -> float:
        """Seconds in which things go wrong."""
        return self.minutes * 60 * STORM_PART

    def deeds(self, count: int) -> list[tuple[float, int, str, float]]:
        """Return (when, which node, what, for how long) of what is done to processes: a kill and a freeze at least, by turns."""
        draw = random.Random(f"deeds {self.seed}")  # noqa: S311 - a schedule, no secret
        found: list[tuple[float, int, str, float]] = []
        at, step = 1.0, max(3.0, min(10.0, self.storm_s / 3))
        while not found or at < self.storm_s - 2 or len(found) < 2:
            what = (KILL, FREEZE)[len(found) % 2]
            found.append((at, draw.randrange(count), what, draw.uniform(0.2, 0.6) * step))
            at += draw.uniform(0.7, 1.1) * step
        return found


@dataclass(slots=True)
class Books:
    """What officers were told is done, by node id."""

    published: dict[str, set[str]] = field(default_factory=dict)
    withdrawn: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class Storm:
    """All that goes on at once."""

    plan: Plan
    nodes: Sequence[Node]
    served: Sequence[Served]
    processes: list[asyncio.subprocess.Process]
    roads: Sequence[Proxy]
    later: Sequence[Sequence[str]]
    watch: Watch
    books: Books = field(default_factory=Books)

    async def run(self) -> dict[str, Any]:
        """Let it come, let it pass, and see; return what the demo's file says of it."""
        for node in self.nodes:
            name, own = node.config.node.id, (await holdings(node.pool))[node.own.origin]
            self.books.published[name], self.books.withdrawn[name] = set(own.profiles), set()
        loop = asyncio.get_running_loop()
        async with self.watch.awake(self.processes, self.roads):
            try:
                await self._blow()
            finally:
                self._thaw()
            calm = Weather.drawn(self.plan.seed, (), 1)
            for road in self.roads:
                road.begin(calm)
            self.watch.note(None, N_("strade dritte, processi accesi: i nodi sono lasciati a sé"))
            ended = loop.time()
            for_s = self.plan.minutes * 60 * (1 - STORM_PART) + GRACE_S
            agreed = await self._until_equal(ended + for_s)
            settled_s = loop.time() - ended
            await self.watch.until_recovered(10)
        return await self._told(settled_s if agreed else None)

    async def _blow(self) -> None:
        weathers = [
            Weather.drawn(self.plan.seed * 100 + n, spells.ALL, self.plan.storm_s) for n in range(len(self.roads))
        ]
        async with asyncio.TaskGroup() as group:
            for number, (road, weather) in enumerate(zip(self.roads, weathers, strict=True)):
                road.begin(weather)
                group.create_task(self.watch.road(number, road))
            for number, node in enumerate(self.nodes):
                group.create_task(self._officers(number, node))
            group.create_task(self._deeds())

    async def _deeds(self) -> None:
        """Kill and freeze, one after the other."""
        began = asyncio.get_running_loop().time()
        for at, number, what, for_s in self.plan.deeds(len(self.nodes)):
            await asyncio.sleep(max(0.0, began + at - asyncio.get_running_loop().time()))
            process, seen = self.processes[number], self.watch.seen[number]
            if what == KILL:
                process.kill()
                await process.wait()
                self.watch.struck(number, KILL)
                await asyncio.sleep(for_s)
                started = await running.start(self.served[number])
                self.processes[number] = started
                await running.ready(self.served[number], started)
            else:
                process.send_signal(signal.SIGSTOP)
                seen.frozen = True
                self.watch.struck(number, FREEZE)
                await asyncio.sleep(for_s)
                process.send_signal(signal.SIGCONT)
                seen.frozen = False
            self.watch.over(number, what)

    def _thaw(self) -> None:
        # One that is still frozen could not be stopped in order.
        for process in self.processes:
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)

    async def _officers(self, number: int, node: Node) -> None:
        """Publish what was left for later and withdraw two profiles, spread over the storm; what is refused is not counted as done."""
        draw, name = random.Random(f"officers {self.plan.seed} {number}"), node.config.node.id  # noqa: S311
        old = sorted(self.books.published[name])
        work: list[tuple[str, str]] = [("publish", network) for network in self.later[number]]
        work += [("withdraw", profile) for profile in draw.sample(old, min(2, len(old)))]
        draw.shuffle(work)
        for what, item in work:
            await asyncio.sleep(self.plan.storm_s * 0.9 / len(work) * draw.uniform(0.6, 1.0))
            try:
                if what == "withdraw":
                    await publish.withdraw(node.pool, await current_own(node), item, APPROVER, node.clock())
                    self.books.withdrawn[name].add(item)
                elif (profile := await publish_one(node, item)) is not None:
                    self.books.published[name].add(profile)
            except ReteError as error:
                self.watch.note(number, N_("non fatto: {code}"), code=error.code)

    async def _until_equal(self, deadline: float) -> bool:
        while asyncio.get_running_loop().time() < deadline:
            if equal([await holdings(node.pool) for node in self.nodes]):
                return True
            await asyncio.sleep(0.5)
        return False

    async def _told(self, settled_s: float | None) -> dict[str, Any]:
        held = [await holdings(node.pool) for node in self.nodes]
        published = {name: ids - self.books.withdrawn[name] for name, ids in self.books.published.items()}
        verdict = {
            "equal": equal(held),
            "nothing_lost": all(published[h.owner] <= h.profiles for found in held for h in found.values()),
            "withdrawn_everywhere": not any(
                self.books.withdrawn[h.owner] & h.profiles for found in held for h in found.values()
            ),
            "no_fork": not sum([await proofs(node.pool) for node in self.nodes]),
            "nobody_set_aside": not any(h.state in SET_ASIDE for found in held for h in found.values()),
        }
        return {
            "seed": self.plan.seed,
            "minutes": self.plan.minutes,
            "ok": all(verdict.values()),
            "verdict": verdict,
            "settled_s": None if settled_s is None else round(settled_s, 1),
            "published": sum(map(len, self.books.published.values())),
            "withdrawn": sum(map(len, self.books.withdrawn.values())),
            "digests": {h.owner: h.living for h in held[0].values()},
            "nodes": [_facts(seen, road) for seen, road in zip(self.watch.seen, self.roads, strict=True)],
        }


def _facts(seen: Seen, road: Proxy) -> dict[str, Any]:
    return {
        "id": seen.id,
        "kills": seen.struck.get(KILL, 0),
        "freezes": seen.struck.get(FREEZE, 0),
        "connections": road.opened,
        "bent": dict(sorted(road.bent.items())),
        "recovered_s": [round(each, 1) for each in seen.recovered_s],
        "longest_s": round(max(seen.recovered_s, default=0.0), 1),
    }


def equal(held: Sequence[dict[str, Held]]) -> bool:
    """Tell whether all nodes hold the same of the same logs, with no body missing."""
    first = held[0]
    whole = all(h.missing == 0 for found in held for h in found.values())
    # Their states are their own affair here: one that has set another aside does not hold the same.
    alike = all({o: (h.size, h.root, h.living) for o, h in found.items()} == {o: (h.size, h.root, h.living) for o, h in first.items()} for found in held)  # fmt: skip
    return whole and alike


def behind(facts: Sequence[Facts], ports: Sequence[int]) -> list[Facts]:
    """Return the facts of homes whose nodes listen elsewhere than where the others reach them: there is a road between."""
    return [replace(each, port=port, poll_minutes=POLL_MINUTES) for each, port in zip(facts, ports, strict=True)]


@asynccontextmanager
async def roads(folder: Path, outer: Sequence[int], inner: Sequence[int]) -> AsyncIterator[list[Proxy]]:
    """Run a straight road before each node; what they do is written down in the demo's folder."""
    async with AsyncExitStack() as stack:
        out = stack.enter_context((folder / ROADS).open("w", encoding="utf-8"))

        def told(node: int, fact: dict[str, object]) -> None:
            with contextlib.suppress(ValueError):
                out.write(orjson.dumps({"node": node, **fact}).decode() + "\n")

        calm = Weather.drawn(0, (), 1)
        yield [
            await stack.enter_async_context(
                chaos_proxy.running(("127.0.0.1", here), ("127.0.0.1", there), calm, functools.partial(told, n))
            )
            for n, (here, there) in enumerate(zip(outer, inner, strict=True))
        ]


WORDS = {
    "equal": N_("tutti i nodi hanno gli stessi registri, fino all'ultimo byte"),
    "nothing_lost": N_("nulla di ciò che fu confermato è perso"),
    "withdrawn_everywhere": N_("ciò che fu ritirato non c'è più da nessuna parte"),
    "no_fork": N_("nessun registro ha due storie"),
    "nobody_set_aside": N_("nessun registro è in quarantena, o recintato"),
}


def show(face: Face, told: dict[str, Any]) -> None:
    """Show the verdict and the times. Raises: LogStateError(demo-chaos-failed) where it is not good in everything."""
    columns = (
        N_("nodo"),
        N_("uccisioni"),
        N_("fermate"),
        N_("connessioni"),
        N_("guaste"),
        N_("il recupero più lungo (s)"),
    )
    rows = [
        (n["id"], n["kills"], n["freezes"], n["connections"], sum(n["bent"].values()), n["longest_s"])
        for n in told["nodes"]
    ]
    face.table(N_("Che cosa è successo"), columns, rows)
    for name, good in told["verdict"].items():
        face.out.print(f"{face.tr(N_('sì:') if good else N_('NO:'))} {face.tr(WORDS[name])}", markup=False, highlight=False)  # fmt: skip
    face.say(
        N_(
            "{published} profili pubblicati, {withdrawn} ritirati; a guasti finiti d'accordo dopo {seconds} s (seme {seed})."
        ),
        published=told["published"],
        withdrawn=told["withdrawn"],
        seconds="-" if told["settled_s"] is None else told["settled_s"],
        seed=told["seed"],
    )
    if not told["ok"]:
        wrong = ", ".join(name for name, good in told["verdict"].items() if not good)
        raise LogStateError("demo-chaos-failed", N_("dopo i guasti non tutto è a posto: {wrong}"), wrong=wrong)
