"""Ten thousand hours of faults in a small federation, in virtual time: what must never be, is looked for all the time.

Six nodes run the product's own rules over a light store (bench/chaos_node says what is real and what is modelled). From a seed come storms of some days: crashes, also
between append, signature and mark; restores from old backups, with the high-water mark or without; partitions; frozen peers; clocks that are off; full disks; and liars: two
histories for two audiences, an old head, entries and bodies that are none, slander. After each storm comes a calm, in which all must agree. Looked for, at every step or at every calm:

- no fork by an honest node: nobody is ever shown two roots of one size;
- nothing acknowledged is lost: what was signed and had reached another member is in every copy, for ever, in its place, unless every copy was lost with its database
  (restored from before it: "lost with every copy" counts them); nobody holds another history of an honest log;
- withdrawals win: what was withdrawn is dead and its body gone, in every copy that has the entry;
- agreement: after a calm all copies of all honest logs are the same: entries, items, bodies, what was set aside and why; nobody is fenced;
- a log with two histories is in quarantine everywhere within three rounds where nothing else goes wrong, and after the calm otherwise; nobody honest is, ever.

``--mutant NAME`` breaks one rule on purpose (MUTANTS): then this must fail, and a test sees to it (tests/flows/logs/test_chaos_sim.py). Bounded: three minutes of a processor.

    python bench/chaos_sim.py [--hours 10000] [--seed 1] [--nodes 6] [--mutant NAME]
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import itertools
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.chaos_node import Node
from bench.chaos_store import FENCED, READY, Database, Tree
from node.protocol import body, entry, keys, note
from node.protocol.checkpoint import Checkpoint
from node.protocol.inconsistency import Inconsistency

HOUR_S, ROUND_S = 3600.0, 900.0
STORM_H, CALM_H, BOUND_S = 60.0, 8.0, 180.0
# Rounds of its own within which each honest node must have set a liar aside, where nothing else goes wrong.
PROMISED_ROUNDS = 3
LIES = ("two histories", "poison", "slander", "old head")
MUTANTS = {
    "no-fence": "a node that signs on after a restore, without asking anybody",
    "two-voices": "a restored node that takes the word of two for that of all, though its mark tells of a signature they lack",
    "no-consistency": "a puller that does not hold entries against the signed root",
    "deaf": "a puller that keeps what was withdrawn",
    "believes": "a node that quarantines whoever is accused, without a proof",
}


class BrokenError(AssertionError):
    """Something was seen that must never be."""


class World:
    """The members, their faults and one clock; it knows what is true."""

    def __init__(self, seed: int, nodes: int = 6, mutant: str = "") -> None:
        self.random, self.mutant, self.seed = random.Random(seed), mutant, seed
        self.now, self.counts, self.steps = 0.0, Counter[str](), 0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._ticket = itertools.count()
        self.verifiers: dict[str, list[keys.Verifier]] = {}
        self.owner: dict[str, Node] = {}
        self.verified: dict[tuple[str, bytes], Checkpoint] = {}
        # Of honest logs: the root of each size that anybody was shown, the entries that reached another member, the bodies that did.
        self.roots: dict[str, dict[int, bytes]] = {}
        self.acked: dict[str, list[bytes]] = {}
        self.liars: set[str] = set()
        # Of a lie in a calm: the round of each node in which it was told, and how many later each had set the liar aside.
        self.lied: dict[str, dict[int, int]] = {}
        self.quarantine_rounds: list[int] = []
        self.in_calm = False
        self.backups: dict[int, list[tuple[Database, tuple[int, bytes] | None]]] = {n: [] for n in range(nodes)}
        self.nodes: list[Node] = []
        for n in range(nodes):
            key = self._key(f"{n} 0")
            self.nodes.append(Node(n, self, key, self._enrol(n, 0, key)))
        for origin, node in zip(self.verifiers, self.nodes, strict=True):
            self.owner[origin] = node
        for node in self.nodes:
            node.db.trees = {origin: Tree(origin) for origin in self.verifiers}
            self.later(self.random.uniform(0, ROUND_S), lambda node=node: self._round(node))

    def _key(self, name: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{self.seed} {name}".encode()).digest())

    def _enrol(self, number: int, epoch: int, key: Ed25519PrivateKey) -> str:
        origin = f"nodo{number}.example.it/federation/log/{2026 + epoch}"
        self.verifiers[origin] = [keys.Verifier(origin, keys.LOG_TYPE, key.public_key().public_bytes_raw())]
        self.roots[origin], self.acked[origin] = {}, []
        return origin

    # --- time ---

    def later(self, wait_s: float, work: Callable[[], None]) -> None:
        """Do something after a while."""
        heapq.heappush(self._queue, (self.now + wait_s, next(self._ticket), work))

    def run(self, hours: float) -> None:
        """Let time pass."""
        until = self.now + hours * HOUR_S
        while self._queue and self._queue[0][0] <= until:
            self.now, _, work = heapq.heappop(self._queue)
            self.steps += 1
            work()
        self.now = until

    def _round(self, node: Node) -> None:
        self.later(ROUND_S * self.random.uniform(0.8, 1.2), lambda: self._round(node))
        node.round()

    # --- what nodes ask of it ---

    def others(self, node: Node) -> list[Node]:
        """Return the other members."""
        return [n for n in self.nodes if n is not node]

    def reach(self, one: Node, other: Node) -> bool:
        """Tell whether two can speak now."""
        return one.up and other.up and not other.frozen and one.side == other.side

    def count(self, what: str) -> None:
        """Count something."""
        self.counts[what] += 1

    def shown(self, node: Node, origin: str, size: int, root: bytes) -> None:
        """Look at a head that somebody else sees: an honest log has one root of each size."""
        if origin not in self.liars and self.roots[origin].setdefault(size, root) != root:
            raise BrokenError(f"a fork: {origin} has shown two roots of {size} entries, at {node.number}")

    def held(self, node: Node, origin: str) -> None:
        """Look at what a node now has of a log, and take as acknowledged what has come so far."""
        if origin in self.liars:
            return
        tree = node.db.trees[origin]
        told = self.roots[origin].get(tree.reached)
        if told is not None and tree.roots[tree.reached] != told:
            raise BrokenError(f"another history: node {node.number} holds what {origin} never signed")
        acked = self.acked[origin]
        if node.origin != origin and tree.reached > len(acked):
            acked.extend(tree.entries[len(acked) : tree.reached])

    def quarantined(self, node: Node, origin: str) -> None:
        """Look at whom a node sets aside."""
        if origin not in self.liars:
            raise BrokenError(f"slander: node {node.number} has set {origin} aside, which is honest")
        self.count("quarantines")
        if self.in_calm and origin in self.lied:
            self.quarantine_rounds.append(node.rounds - self.lied[origin].get(node.number, node.rounds))

    # --- people ---

    def work(self, node: Node) -> None:
        """Let an officer publish, change and withdraw; now and then the power goes in the middle."""
        if node.origin not in node.db.trees:
            return
        live = [item for item, state in node.own.items.items() if not state.dead]
        made: list[tuple[str, dict[str, object] | None]] = []
        for _ in range(self.random.randint(1, 4)):
            kind = self.random.choices(("pub", "upd", "wd"), (5, 3, 3 if len(live) > 4 else 0))[0]
            if kind == "pub" or not live:
                item = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
                made.append((item, {"n": self.random.randrange(1000)}))
            else:
                item = live.pop(self.random.randrange(len(live)))
                made.append((item, {"n": self.random.randrange(1000)} if kind == "upd" else None))
        dies = self.random.choices(("", "append", "sign"), (30, 1, 1))[0] if self.storming else ""
        if node.write(made, dies=dies):
            self.count("acknowledged writes")
        if not node.up:
            self.later(self.random.uniform(0.1, 6) * HOUR_S, node.start)

    storming = False

    # --- faults ---

    def storm(self, hours: float) -> None:
        """Let things go wrong for a while."""
        self.storming, until = True, self.now + hours * HOUR_S
        for mean_h, what in (
            (1.2, self._office), (9, self._crash), (20, self._part), (16, self._restore), (10, self._freeze), (14, self._skew), (18, self._fill), (24, self._back_up)
        ):  # fmt: skip
            self._again(mean_h, what, until)
        self.run(hours)

    def _again(self, mean_h: float, what: Callable[[], None], until: float) -> None:
        wait = self.random.expovariate(1 / mean_h) * HOUR_S

        def turn() -> None:
            what()
            self._again(mean_h, what, until)

        if self.now + wait < until:
            self.later(wait, turn)

    def _office(self) -> None:
        self.work(self.random.choice(self.nodes))

    def _back_up(self) -> None:
        for node in self.nodes:
            if node.up and node.other is None and node.stale is None:
                kept = self.backups[node.number]
                kept.append((node.db.clone(), node.mark))
                del kept[:-3]

    def _crash(self) -> None:
        node = self.random.choice(self.nodes)
        if node.works:
            node.crash()
            self.later(self.random.uniform(0.05, 12) * HOUR_S, node.start)

    def _freeze(self) -> None:
        node = self.random.choice(self.nodes)
        node.frozen = True
        self.count("freezes")
        self.later(self.random.uniform(0.1, 8) * HOUR_S, lambda: setattr(node, "frozen", False))

    def _part(self) -> None:
        self.count("partitions")
        for node in self.nodes:
            node.side = self.random.randrange(2)
        self.later(self.random.uniform(1, 14) * HOUR_S, self._join)

    def _join(self) -> None:
        for node in self.nodes:
            node.side = 0

    def _skew(self) -> None:
        node = self.random.choice(self.nodes)
        node.skew_s = self.random.choice((-1, 1)) * self.random.uniform(20, 90_000)
        self.count("clocks off")
        self.later(self.random.uniform(1, 12) * HOUR_S, lambda: setattr(node, "skew_s", 0.0))

    def _fill(self) -> None:
        node = self.random.choice(self.nodes)
        node.full = True
        self.count("full disks")
        self.later(self.random.uniform(1, 8) * HOUR_S, lambda: setattr(node, "full", False))

    def _restore(self) -> None:
        """Let a machine die; its database comes back from a backup, days old at most; sometimes the mark comes back too."""
        node = self.random.choice(self.nodes)
        if not node.works or node.other is not None or node.stale is not None or not self.backups[node.number]:
            return
        at = self.random.randrange(len(self.backups[node.number]))
        taken, mark = self.backups[node.number][at]
        # Later ones are of a past that is given up (docs/chaos.md).
        del self.backups[node.number][at + 1 :]
        # With the mark gone too, only the others can tell: the newest head has to be with one that can be asked (docs/chaos.md).
        told = all(other.db.trees[node.origin].reached == node.own.reached for other in self.others(node))
        newest = node.own.reached
        node.crash()
        node.db = taken.clone()
        for origin in self.owner:
            node.db.trees.setdefault(origin, Tree(origin))
        self._forget_the_lost()
        if told and self.random.random() < 0.5 and all(self.reach(other, other) and other.side == node.side for other in self.others(node)):  # fmt: skip
            node.mark = mark
            self.count("restores with the mark")
            node.start()
            return
        self.count("restores")
        if not told and self.random.random() < 0.5:
            # The worst company to come back to: only those that lack the newest.
            self.count("restores among those who have less")
            for other in self.others(node):
                other.side = int(other.db.trees[node.origin].reached >= newest)
            node.side = 0
            self.later(6 * HOUR_S, self._join)
            self.later(0.5 * HOUR_S, lambda: self.work(node))
            node.start()
            return
        self.later(self.random.uniform(0.1, 4) * HOUR_S, node.start)

    def _forget_the_lost(self) -> None:
        """Take off the books what no database has any more: nobody can bring it back, nor hold it against whoever signs anew."""
        for origin in self.owner:
            kept = max(node.db.trees[origin].reached for node in self.nodes)
            if kept < len(self.acked[origin]):
                self.counts["entries lost with every copy"] += len(self.acked[origin]) - kept
                del self.acked[origin][kept:]
            for size in [size for size in self.roots[origin] if size > kept]:
                del self.roots[origin][size]

    # --- lies ---

    def lie(self, kind: str) -> None:
        """Let one node lie."""
        able = [
            n
            for n in self.nodes
            if n.works
            and n.db.state == READY
            and not n.full
            and n.own.size > 3
            and n.own.reached == n.own.size
            and n.other is None
        ]
        if not able:
            return
        liar = self.random.choice(able)
        self.count(f"lies: {kind}")
        {"two histories": self._fork, "poison": self._poison, "slander": self._slander, "old head": self._stale}[kind](
            liar
        )

    def _fork(self, liar: Node) -> None:
        """Two signed heads, each shown to half of the others."""
        self.liars.add(liar.origin)
        liar.other = liar.own.clone()
        liar.fooled = {n.number for n in self.others(liar) if n.number % 2}
        for tree in (liar.other, liar.own):
            item = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
            liar.append(tree, [(item, {"n": 0})])
            liar.sign_head(tree)
        liar.db.signed = (liar.own.size, liar.own.roots[-1])
        self.lied[liar.origin] = {n.number: n.rounds for n in self.others(liar)}
        for other in self.others(liar):
            # It tells everybody, as whoever has news does.
            if self.reach(liar, other) and other.works:
                other.direct(liar.origin)

    def _poison(self, liar: Node) -> None:
        """Entries that are none, that name the dead, that come out of order; a body that is of another."""
        tree = liar.own
        dead = next((item for item, state in tree.items.items() if state.dead), None)
        live = next((item for item, state in tree.items.items() if not state.dead), None)
        raws = [b"no entry", b'{"v":1}', bytes(range(200))]
        salt = self.random.randbytes(body.SALT_BYTES)
        for item, revision in ((dead, 9), (live, 77), (str(uuid.UUID(int=self.random.getrandbits(128), version=4)), 1)):
            if item is not None:
                raws.append(entry.encode(entry.Entry("pub", item, body.commitment(salt, b"no document"), -1, revision, 20_000)))  # fmt: skip
        liar.through_the_gate(tree, raws, poison=True)
        tree.bodies[tree.size - 1] = (salt, b"no document")
        tree.wanted.pop(tree.size - 1, None)
        tree.problems[tree.size - 1] = "body-not-canonical"
        liar.sign()

    def _slander(self, liar: Node) -> None:
        """Claims about honest logs, made of what they truly signed."""
        for origin, tree in liar.db.trees.items():
            # Of its own log it could truly sign anything: that would be no slander.
            if origin not in self.liars and origin != liar.origin and tree.note:
                liar.slander.append(Inconsistency(origin, tree.note, tree.note, ()))
                liar.slander.append(Inconsistency(origin, tree.note, tree.note, (b"\x01" * 32,)))
                forged = note.sign(
                    Checkpoint(origin, tree.reached, bytes(32)).text(), [keys.LogSigner(origin, liar.key)]
                )
                liar.slander.append(Inconsistency(origin, tree.note, forged, ()))
        self.later(6 * HOUR_S, liar.slander.clear)

    def _stale(self, liar: Node) -> None:
        """Tell an old head in the place of the newest, for some hours: nobody moves back, nobody is accused."""
        old = self.backups[liar.number][0][0].trees.get(liar.origin) if self.backups[liar.number] else None
        if old is None or not old.note:
            return
        liar.stale = old
        self.later(6 * HOUR_S, lambda: setattr(liar, "stale", None))

    def _replace_liars(self) -> None:
        """Whoever told two histories begins a new log, under a new key, as the members agree."""
        for node in self.nodes:
            if node.other is None:
                continue
            node.other, node.fooled = None, set()
            epoch = len([o for o in self.verifiers if o.startswith(f"nodo{node.number}.")])
            node.key = self._key(f"{node.number} {epoch}")
            del self.owner[node.origin]
            node.origin = self._enrol(node.number, epoch, node.key)
            self.owner[node.origin] = node
            node.db.signed, node.mark, self.backups[node.number] = None, None, []
            for each in self.nodes:
                each.db.trees[node.origin] = Tree(node.origin)

    # --- the calm ---

    def calm(self, hours: float = CALM_H) -> None:
        """End all faults, let the nodes be, and see whether all agree."""
        self.storming = False
        self._join()
        for node in self.nodes:
            node.full, node.skew_s, node.frozen = False, 0.0, False
        for node in self.nodes:
            if not node.up:
                node.start()
        self.run(hours)
        for node in self.nodes:
            # What began in the storm and would go on: a freeze, a start, another clock.
            if not node.works:
                node.start()
        self.run(1)
        self.agree()
        self._replace_liars()
        self.count("calms")

    def agree(self) -> None:
        """Hold every copy of every log against what is true."""
        for node in self.nodes:
            if node.db.state == FENCED:
                raise BrokenError(f"node {node.number} is still fenced after a calm")
            missing = {o for o in self.liars if o in node.db.trees and o != node.origin} - node.db.quarantined
            if missing:
                raise BrokenError(f"node {node.number} still follows a liar: {min(missing)}")
        for origin, owner in self.owner.items():
            if origin not in self.liars:
                self._agree_on(origin, owner)

    def _agree_on(self, origin: str, owner: Node) -> None:
        acked, true = self.acked[origin], owner.db.trees[origin]
        for node in self.nodes:
            tree = node.db.trees[origin]
            if tree.entries[: len(acked)] != acked:
                raise BrokenError(f"lost: what {origin} was told is kept is not at node {node.number}")
            if (tree.entries, tree.items, tree.bodies, tree.wanted) != (
                true.entries,
                true.items,
                true.bodies,
                true.wanted,
            ):
                raise BrokenError(f"no agreement: node {node.number} has another {origin} ({tree.size} of {true.size})")
            dead = {state.last_index for state in tree.items.values() if state.dead}
            if any(entry.decode(tree.entries[at]).p in tree.bodies for at in dead):
                raise BrokenError(f"a withdrawal lost: node {node.number} still has a body of {origin}")

    def lie_in_calm(self, kind: str) -> None:
        """Lie where nothing else goes wrong: it is known everywhere within the rounds that are promised."""
        before, self.in_calm = set(self.liars), True
        self.lie(kind)
        self.run((PROMISED_ROUNDS + 1) * ROUND_S * 1.25 / HOUR_S)
        self.in_calm = False
        for origin in self.liars - before:
            late = [n.number for n in self.others(self.owner[origin]) if origin not in n.db.quarantined]
            if late or max(self.quarantine_rounds) > PROMISED_ROUNDS:
                raise BrokenError(
                    f"a liar was followed for more than {PROMISED_ROUNDS} rounds: {origin}, still by {late}"
                )


def years(seed: int, hours: float, nodes: int = 6, mutant: str = "", bound_s: float = BOUND_S) -> World:
    """Let storms and calms pass for so many hours, or until so many processor seconds are over. Raises: BrokenError."""
    world, begun = World(seed, nodes, mutant), time.process_time()
    for node in world.nodes:
        world.work(node)
    world.run(2)
    for season in itertools.count():
        if world.now >= hours * HOUR_S or time.process_time() - begun > bound_s:
            return world
        kind = LIES[season // 2 % len(LIES)]
        if season % 2:
            world.later(world.random.uniform(1, STORM_H / 2) * HOUR_S, lambda kind=kind: world.lie(kind))
        world.storm(STORM_H)
        world.calm()
        if not season % 2:
            world.lie_in_calm(kind)
            world.calm(2)
    return world


def main() -> None:
    """Read the arguments, run, tell."""
    parser = argparse.ArgumentParser(description="Years of faults in virtual time.")
    parser.add_argument("--hours", type=float, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nodes", type=int, default=6)
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="")
    given = parser.parse_args()
    begun, spent = time.monotonic(), time.process_time()
    try:
        world = years(given.seed, given.hours, given.nodes, given.mutant)
    except BrokenError as error:
        print(f"BROKEN, seed {given.seed}{', mutant ' + given.mutant if given.mutant else ''}: {error}")
        sys.exit(1)
    rounds = sum(node.rounds for node in world.nodes)
    print(
        f"seed {given.seed}: {world.now / HOUR_S:.0f} hours, {given.nodes} nodes, {rounds} rounds, {sum(n.own.size for n in world.nodes)} entries in the newest logs;"
        f" {time.process_time() - spent:.0f} CPU s, {time.monotonic() - begun:.0f} s"
    )
    for what, count in sorted(world.counts.items()):
        print(f"  {what}: {count}")
    worst = max(world.quarantine_rounds, default=0)
    print(
        f"a log with two histories, where nothing else went wrong: set aside by all within {worst} rounds (promised {PROMISED_ROUNDS})"
    )
    print(
        "no fork, nothing acknowledged lost, withdrawals everywhere, all agree after every calm, nobody honest set aside: met"
    )
    if world.now < given.hours * HOUR_S:
        print(f"the time of {BOUND_S:.0f} CPU s was over before {given.hours:.0f} hours")


if __name__ == "__main__":
    main()
