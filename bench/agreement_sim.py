"""Federations of 4, 50, 200 and 400 nodes in one process and virtual time: how fast a new version of the agreement is in force everywhere.

The nodes decide by the product's own rules (flows/trust/agreement_pull, protocol/news: whom to ask for heads, whom to hint, how many hints are
heard) and it begins at one node alone, as after ``rete agreement apply``: what ``submit`` brings to all members at once would be no test of it.
The document is the real one, with the keys of all nodes, verified once for its time. What is left out is what a simulation of 400 nodes can't
hold: databases and sockets. A turn is 60 s +- 12 s, a round, in which three members are asked for heads and
say beside these which version they hold, 15 minutes +- 20 % (PROTOCOL 6.1), each node in its own time; a request takes 0.1 s.
Usage: python bench/agreement_sim.py [seeds]
"""

from __future__ import annotations

import datetime as dt
import hashlib
import heapq
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.flows.trust.agreement_pull import HINTS_HEARD
from node.flows.trust.council_draft import TERMS
from node.protocol import agreement, keys, news
from node.protocol.agreement import Council, HttpKey, LogKeys, Status
from node.protocol.agreement import Node as Entry
from node.protocol.sealed import SealPrivate
from node.scheduler import AGREEMENT_MINUTES

TURN_S, JITTER_S, LATENCY_S = AGREEMENT_MINUTES * 60.0, 12.0, 0.1
ROUND_S = 900.0
NOW = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


def _key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def _public(name: str) -> bytes:
    return _key(name).public_key().public_bytes_raw()


def entry(number: int) -> Entry:
    """Return one node with a key for each role, a seal key of both halves among them."""
    at = f"nodo{number:03d}.example.it"
    origin = f"{at}/federation/log/2026"

    def voice(role: str) -> keys.Verifier:
        return keys.Verifier(f"{at}/{role}", keys.COSIGNATURE_TYPE, _public(f"{at} {role}"))

    seed = hashlib.sha512(at.encode()).digest()
    seal = SealPrivate(X25519PrivateKey.from_private_bytes(seed[:32]), MLKEM768PrivateKey.from_seed_bytes(seed))
    return Entry(
        id=f"nodo{number:03d}",
        rev=1,
        name=f"Amministrazione {number}",
        ipa_code="",
        url=f"https://{at}",
        territory=("LE",),
        contact="reti@example.it",
        status=Status.ACTIVE,
        since=agreement.day_of(NOW),
        http=(HttpKey(f"{at}#http-1", _public(f"{at} http")),),
        log=(LogKeys(origin, (keys.Verifier(origin, keys.LOG_TYPE, _public(f"{at} log")),), None, None),),
        witness=(voice("witness"),),
        mirror=(voice("mirror"),),
        seal=seal.public,
    )


def documents(count: int) -> tuple[bytes, bytes]:
    """Return a first version with so many nodes, and the next, in which one node has a second http key; each signed by three of four."""
    names = [f"council {n}" for n in range(4)]
    council = Council({agreement.council_keyid(_public(name)): _public(name) for name in names}, 3)
    office = [f"secretariat {n}" for n in range(3)]
    secretariat = Council({agreement.council_keyid(_public(name)): _public(name) for name in office}, 2)
    nodes = [entry(n) for n in range(count)]
    first = nodes[0]
    rotated = replace(
        first, rev=2, http=(*first.http, HttpKey(first.http[0].keyid.replace("http-1", "http-2"), _public("new http")))
    )
    made = []
    for version, listed in ((1, nodes), (2, [rotated, *nodes[1:]])):
        raw = agreement.build(
            version=version,
            expires=NOW + dt.timedelta(days=365),
            council=council,
            secretariat=secretariat,
            nodes=listed,
            quorum=(3, 2),
            terms=TERMS,
            pdf_sha256="0" * 64,
        )
        made.append(agreement.with_signatures(raw, [agreement.sign(raw, _key(name)) for name in names[:3]]))
    return made[0], made[1]


@dataclass
class Tally:
    """What went over the wire."""

    asked: int = 0
    documents: int = 0
    hints: int = 0


@dataclass(eq=False)
class Node:
    """One member: the version in force, who hinted, whether it is at a turn, up, on which side."""

    number: int
    version: int = 1
    hinted: list[Node] = field(default_factory=list)
    busy: bool = False
    again: bool = False
    up: bool = True
    side: int = 0
    partners: list[Node] = field(default_factory=list)


class World:
    """The members and one clock."""

    def __init__(self, count: int, seed: int, verify_s: float, *, hints: bool = True) -> None:
        """Make ``count`` nodes of one version."""
        self.random = random.Random(seed)
        self.now, self.verify_s, self.hints = 0.0, verify_s, hints
        self.tally = Tally()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._ticket = itertools.count()
        self.nodes = [Node(n) for n in range(count)]
        for node in self.nodes:
            self.later(self.random.uniform(0, TURN_S), lambda node=node: self.timer(node))
            self.later(self.random.uniform(0, ROUND_S), lambda node=node: self.round(node))

    def later(self, wait: float, work: Callable[[], None]) -> None:
        """Do something after a while."""
        heapq.heappush(self._queue, (self.now + wait, next(self._ticket), work))

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Let time pass until a moment, or until something holds."""
        while self._queue and self._queue[0][0] <= until and not done():
            self.now, _, work = heapq.heappop(self._queue)
            work()

    def timer(self, node: Node) -> None:
        """Begin a turn by the clock."""
        self.later(TURN_S + self.random.uniform(-JITTER_S, JITTER_S), lambda: self.timer(node))
        self.turn(node)

    def round(self, node: Node) -> None:
        """Hear beside the heads of three members which version each holds; these requests are made in any case."""
        self.later(ROUND_S * self.random.uniform(0.8, 1.2), lambda: self.round(node))
        if not node.up:
            return
        # A day's partners; others for those that are down.
        kept = [partner for partner in node.partners if self.reach(node, partner)]
        node.partners = news.asked(kept, [other for other in self.nodes if other is not node], self.random.sample)
        ahead = [other for other in node.partners if self.reach(node, other) and other.version > node.version]
        for other in ahead:
            if other not in node.hinted:
                node.hinted.append(other)
        if ahead:
            self.turn(node)

    def turn(self, node: Node) -> None:
        """Ask those that hinted or were heard to hold more; whoever wakes a node at its turn gives it one more."""
        if not node.up:
            return
        if node.busy:
            node.again = True
            return
        hinted, node.hinted = node.hinted[:HINTS_HEARD], node.hinted[HINTS_HEARD:]
        node.busy, node.again = True, False
        took, newest = 0.0, node.version
        for other in hinted:
            self.tally.asked += 1
            took += LATENCY_S
            if not self.reach(node, other):
                continue
            if other.version > node.version:
                # The document, and whether what is here is what it goes on from.
                self.tally.documents += 1
                self.tally.asked += 1
                took += LATENCY_S
                newest = max(newest, other.version)
        if newest > node.version:
            took += self.verify_s
        self.later(took, lambda: self.ended(node, newest))

    def ended(self, node: Node, version: int) -> None:
        """Apply what was heard, and tell others of it."""
        node.busy = False
        if version > node.version:
            self.apply(node, version)
        if node.again:
            self.turn(node)

    def apply(self, node: Node, version: int) -> None:
        """Let a version come into force at a node."""
        node.version = version
        if not self.hints:
            return
        for other in news.agreement_told([other for other in self.nodes if other is not node], self.random.sample):
            self.tally.hints += 1
            if self.reach(node, other):
                self.later(LATENCY_S * self.random.uniform(1, 10), lambda other=other: self.hint(other, node))

    def hint(self, node: Node, by: Node) -> None:
        """Wake a node that has less."""
        if node.version < by.version:
            if by not in node.hinted:
                node.hinted.append(by)
            self.turn(node)

    def reach(self, one: Node, other: Node) -> bool:
        """Tell whether two nodes can speak now."""
        return one.up and other.up and one.side == other.side

    def all_have(self, version: int) -> bool:
        """Tell whether every node that is up lives by a version."""
        return all(node.version == version for node in self.nodes if node.up)


def idle(count: int) -> float:
    """Return how many requests of the agreement a node makes in a round, when nothing happens."""
    world = World(count, 1, 0.0)
    world.run(8 * ROUND_S)
    return world.tally.asked / count / 8


def one_version(count: int, seed: int, verify_s: float, case: str = "") -> tuple[float, Tally]:
    """Let one version come into force at one node; return after how many seconds all that are up have it, and what it cost."""
    world = World(count, seed + 100, verify_s, hints=case != "hints")
    world.run(3 * TURN_S)
    nodes = world.nodes
    if case == "down":
        for node in world.random.sample(nodes[1:], count // 10):
            node.up = False
    if case == "parted":
        for node in nodes[count // 2 :]:
            node.side = 1
    begun, world.tally = world.now, Tally()
    world.apply(nodes[0], 2)
    if case == "parted":
        world.run(begun + ROUND_S)
        for node in nodes:
            node.side = 0
        begun, world.tally = world.now, Tally()
    world.run(begun + 12 * ROUND_S, lambda: world.all_have(2))
    assert world.all_have(2), "not everybody has it after twelve rounds"
    return world.now - begun, world.tally


CASES = {
    "": "one key changed",
    "down": "one key changed, 10 % down",
    "hints": "one key changed, every hint lost",
    "parted": "one key changed, after a partition heals",
}


def main(seeds: int) -> None:
    """Measure and print."""
    for count in (4, 50, 200, 400):
        first, second = documents(count)
        trusted = agreement.first(first)
        begun = time.perf_counter()
        agreement.step(trusted, second, NOW)
        verify_s = time.perf_counter() - begun
        print(
            f"{count:>3} nodes: the document has {len(second) / 1024:.0f} KiB and is verified in {verify_s * 1000:.0f} ms;"
            f" idle: {idle(count):.1f} GETs of it per node and round, beside the heads"
        )
        for case, name in CASES.items() if count == 400 else [("", CASES[""])]:
            found = [one_version(count, seed, verify_s, case) for seed in range(seeds)]
            times = [seconds for seconds, _ in found]
            hints = statistics.median(tally.hints / count for _, tally in found)
            gets = statistics.median(tally.asked / count for _, tally in found)
            bodies = statistics.median(tally.documents / count for _, tally in found)
            print(
                f"{count:>3} nodes, {name}: in force everywhere after {statistics.median(times):.1f} s (worst {max(times):.1f} s):"
                f" {max(times) / TURN_S:.2f} turns, {max(times) / ROUND_S:.2f} rounds (target <= 3);"
                f" {gets:.1f} GETs, {bodies:.2f} of them with the document, and {hints:.1f} hints a node"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
