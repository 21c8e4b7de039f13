"""Federations of 4, 50, 200 and 400 nodes in one process and virtual time: how fast news travels, and what it costs.

The nodes decide by the product's own rules (protocol/news, protocol/witness) and exchange the product's own documents: signed
checkpoints with cosignatures and mirror lines, heads with ETag and ``since``. What is left out is what a simulation of 400 nodes
can't hold: databases and sockets. A round is 15 minutes +- 20 %, each node in its own time; a request takes 0.1 s; a pull of one
change is three requests. Figures are per node and round; "rounds" is time from the change until every node that is up has it.
Usage: python bench/federation_sim.py [seeds]
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.protocol import heads, keys, news, note, witness
from node.protocol.checkpoint import Checkpoint

ROUND_S, LATENCY_S, OVERLAP = 900.0, 0.1, 16
PULL_REQUESTS = 3
DAY_S = 86_400


@dataclass
class Tally:
    """What went over the wire: requests by kind, and bytes of documents."""

    heads: int = 0
    pulls: int = 0
    posts: int = 0
    document_bytes: int = 0


@dataclass(eq=False)
class Node:
    """One member: the heads it holds, what it remembers of others, whether it is up."""

    number: int
    held: dict[int, int] = field(default_factory=dict)
    notes: dict[int, bytes] = field(default_factory=dict)
    changes: list[int] = field(default_factory=list)
    since: dict[int, int] = field(default_factory=dict)
    etags: dict[int, tuple[int, int]] = field(default_factory=dict)
    partners: list[Node] = field(default_factory=list)
    partners_until: float = 0.0
    up: bool = True
    side: int = 0


class World:
    """The members, their logs' signed heads, and one clock."""

    def __init__(self, count: int, seed: int) -> None:
        """Make ``count`` nodes that know all heads."""
        self.random = random.Random(seed)
        self.now = 0.0
        self.tally = Tally()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._ticket = itertools.count()
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(str(seed).encode()).digest())
        self.origins = [f"nodo{n:03d}.example.it/federation/log/2026" for n in range(count)]
        self.signed: dict[int, bytes] = {}
        self.sizes = dict.fromkeys(range(count), 0)
        self.nodes = [Node(n) for n in range(count)]
        for n in range(count):
            self.sign(n)
        for node in self.nodes:
            for n in range(count):
                self.learn(node, n)
            self.later(self.random.uniform(0, ROUND_S), lambda node=node: self.round(node))

    def later(self, wait: float, work: Callable[[], None]) -> None:
        """Do something after a while."""
        heapq.heappush(self._queue, (self.now + wait, next(self._ticket), work))

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Let time pass until a moment, or until something holds."""
        while self._queue and self._queue[0][0] <= until and not done():
            self.now, _, work = heapq.heappop(self._queue)
            work()

    def sign(self, number: int) -> None:
        """Sign a log's head, and have its witnesses cosign it."""
        self.sizes[number] += 1
        self.renew(number)

    def renew(self, number: int) -> None:
        """Sign the same head with cosignatures of now."""
        origin = self.origins[number]
        root = hashlib.sha256(f"{origin} {self.sizes[number]}".encode()).digest()
        text = Checkpoint(origin, self.sizes[number], root).text()
        lines = note.sign(text, [keys.LogSigner(origin, self._key)])
        able = [str(n) for n in range(len(self.nodes)) if n != number]
        for member in witness.choose(origin, able):
            name = f"nodo{int(member):03d}.example.it/witness"
            lines += witness.cosign(name, self._key, text, 1_800_000_000 + int(self.now))
            self.tally.posts += 1
        self.signed[number] = lines

    def learn(self, node: Node, number: int) -> None:
        """Hold a log's newest head."""
        node.held[number] = self.sizes[number]
        node.notes[number] = self.signed[number]
        node.changes.append(number)

    def mirrored(self, node: Node, number: int) -> bytes:
        """Return what a node tells of a head: the mirror's own line is under it."""
        raw = node.notes[number]
        if number == node.number:
            return raw
        name = f"nodo{node.number:03d}.example.it/mirror"
        return raw + witness.cosign(name, self._key, note.parse(raw).text, 1_800_000_000 + int(self.now))

    def meet(self, node: Node, peer: Node) -> None:
        """Hear a member for the first time, which tells all its heads; of equal form, so one of them is measured."""
        one = len(heads.encode([heads.Offered(self.origins[0], self.mirrored(peer, 0))])) - 1
        self.tally.document_bytes += one * len(peer.held)
        for number, size in peer.held.items():
            if news.weigh(size, node.held[number], node.held[number]) is news.Weight.NEWS:
                self.later(LATENCY_S * PULL_REQUESTS, lambda number=number: self.pull(node, number))
        node.since[peer.number] = max(0, len(peer.changes) - OVERLAP)

    def reach(self, one: Node, other: Node) -> bool:
        """Tell whether two nodes can speak now."""
        return one.up and other.up and one.side == other.side

    def round(self, node: Node) -> None:
        """One node's round: ask three members for heads, pull what is news."""
        self.later(ROUND_S * self.random.uniform(0.8, 1.2), lambda: self.round(node))
        if not node.up:
            return
        if self.now >= node.partners_until:
            node.partners, node.partners_until = [], self.now + DAY_S
        node.partners = news.asked(node.partners, [n for n in self.nodes if n is not node], self.random.sample)
        for peer in node.partners:
            self.tally.heads += 1
            if self.reach(node, peer):
                self.hear(node, peer)
            else:
                node.partners = [partner for partner in node.partners if partner is not peer]
                for kept in (node.since, node.etags):
                    kept.pop(peer.number, None)

    def hear(self, node: Node, peer: Node) -> None:
        """Take a member's heads: what changed since it was last asked, or nothing by its ETag."""
        if peer.number not in node.since:
            self.meet(node, peer)
            return
        told = sorted(set(peer.changes[node.since[peer.number] :]))
        # The same changes make the same document: only then is the tag the same.
        version = (len(peer.changes), node.since[peer.number])
        if node.etags.get(peer.number) == version:
            return
        document = heads.encode(heads.Offered(self.origins[n], self.mirrored(peer, n)) for n in told)
        self.tally.document_bytes += len(document)
        node.since[peer.number] = max(0, len(peer.changes) - OVERLAP)
        # The next question begins later, so its answer is another document, once.
        node.etags[peer.number] = version
        for item, number in zip(heads.parse(document), told, strict=True):
            size = peer.held[number]
            weight = news.weigh(size, node.held[number], node.held[number])
            if weight is news.Weight.NEWS:
                self.later(LATENCY_S * PULL_REQUESTS, lambda number=number: self.pull(node, number))
            elif weight is news.Weight.SAME and not item.checkpoint.startswith(node.notes[number]):
                # Newer cosignatures under the same head: kept and told on.
                self.learn(node, number)

    def pull(self, node: Node, number: int) -> None:
        """Bring in what is new, from the log's own node or from a mirror: who offered it is one."""
        if node.up and node.held[number] < self.sizes[number]:
            self.tally.pulls += PULL_REQUESTS
            self.learn(node, number)

    def change(self, number: int) -> None:
        """Append to a log: sign, ask the witnesses, hint."""
        self.sign(number)
        origin = self.nodes[number]
        self.learn(origin, number)
        peers = [n for n in self.nodes if n is not origin]
        for peer in news.told(peers, self.random.sample):
            self.tally.posts += 1
            if self.reach(origin, peer):
                self.later(LATENCY_S * self.random.uniform(1, 20), lambda peer=peer: self.pull(peer, number))

    def all_know(self, number: int) -> bool:
        """Tell whether every node that is up has the newest head of a log."""
        return all(node.held[number] == self.sizes[number] for node in self.nodes if node.up)


def spread(values: list[float]) -> str:
    """Return median and worst."""
    return f"{statistics.median(values):.2f} (worst {max(values):.2f})"


def idle(count: int) -> None:
    """Measure idle rounds, and a window of six hours with its renewals of cosignatures."""
    world = World(count, seed=1)
    world.run(5 * ROUND_S)
    world.tally = Tally()
    begun = world.now
    world.run(begun + 8 * ROUND_S)
    rounds = (world.now - begun) / ROUND_S * count
    print(
        f"{count:>3} nodes, idle: {world.tally.heads / rounds:.2f} GETs per node and round (target <= 3),"
        f" {world.tally.document_bytes / rounds:.0f} B of documents"
    )
    world.tally = Tally()
    begun = world.now
    for n in range(count):
        # One window: every log's head is cosigned anew, each at its own turn within a quarter of an hour.
        world.later(world.random.uniform(0, ROUND_S), lambda n=n: (world.renew(n), world.learn(world.nodes[n], n)))
    world.run(begun + 24 * ROUND_S)
    rounds = (world.now - begun) / ROUND_S * count
    print(
        f"{count:>3} nodes, a window of six hours with its renewals: {world.tally.heads / rounds:.2f} GETs and"
        f" {world.tally.document_bytes / rounds / 1024:.1f} KiB of documents per node and round"
    )


def one_change(count: int, seeds: int, case: str = "") -> None:
    """Measure one change in a quiet federation, many times."""
    times, requests, volume = [], [], []
    for seed in range(seeds):
        world = World(count, seed=seed + 100)
        world.run(3 * ROUND_S)
        if case == "10 % down":
            for node in world.random.sample(world.nodes[1:], count // 10):
                node.up = False
        if case == "after a partition heals":
            for node in world.nodes[count // 2 :]:
                node.side = 1
        world.tally, begun = Tally(), world.now
        world.change(0)
        if case == "the log's node goes down":
            world.later(0.01, lambda world=world: setattr(world.nodes[0], "up", False))
        if case == "after a partition heals":
            world.run(begun + 4 * ROUND_S)
            for node in world.nodes:
                node.side = 0
            world.tally, begun = Tally(), world.now
        world.run(begun + 12 * ROUND_S, lambda world=world: world.all_know(0))
        assert world.all_know(0), "not everybody has it after twelve rounds"
        times.append((world.now - begun) / ROUND_S)
        requests.append((world.tally.pulls + world.tally.posts) / count)
        volume.append(world.tally.document_bytes / count / 1024)
    target = " (target <= 3)" if not case else ""
    print(
        f"{count:>3} nodes, one change{', ' + case if case else ''}: all have it after {spread(times)} rounds{target};"
        f" beyond the idle GETs {statistics.median(requests):.2f} requests and {statistics.median(volume):.1f} KiB a node"
    )


def main(seeds: int) -> None:
    """Measure and print."""
    for count in (4, 50, 200, 400):
        idle(count)
        one_change(count, seeds)
    for case in ("10 % down", "the log's node goes down", "after a partition heals"):
        one_change(200, max(3, seeds // 2), case)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
