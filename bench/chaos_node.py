"""One node of the simulation of years of faults (chaos_sim): real rules over a light store.

Real, by import: the gate (protocol/feed), trees and proofs (merkle, inconsistency), signatures (note, checkpoint, keys: Ed25519), witnesses (protocol/witness), entries,
bodies and commitments, whom to ask and what is news (protocol/news), when the own log may be written (protocol/fencing). Modelled: tables are lists and dictionaries
(what a transaction does, happens at once or not at all), HTTP is a call that reaches or does not, and the order of the flows' steps (flows/logs: append, pull, gossip,
recover), which is written here once more, as short as it can be. Not a benchmark by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.chaos_store import FENCED, READY, Database, Tree
from node.errors import CallerError, PeerWrongError
from node.protocol import (
    body,
    canonical,
    entry,
    feed,
    fencing,
    inconsistency,
    keys,
    limits,
    merkle,
    news,
    note,
    tlog_proof,
    witness,
)
from node.protocol.checkpoint import Checkpoint
from node.protocol.inconsistency import Inconsistency

DAY_S = 86_400
# So often is a log asked of its own node, whatever the others tell.
DIRECT_ROUNDS = 6


class Hub(Protocol):
    """What a node needs of its world."""

    now: float
    verifiers: dict[str, list[keys.Verifier]]
    owner: dict[str, Node]
    verified: dict[tuple[str, bytes], Checkpoint]
    mutant: str
    random: Any

    def others(self, node: Node) -> list[Node]:
        """Return the other members."""

    def reach(self, one: Node, other: Node) -> bool:
        """Tell whether two can speak."""

    def shown(self, node: Node, origin: str, size: int, root: bytes) -> None:
        """Hear that somebody else was shown a signed head."""

    def held(self, node: Node, origin: str) -> None:
        """Hear that a node has moved on with a log."""

    def quarantined(self, node: Node, origin: str) -> None:
        """Hear that a node follows a log no more."""

    def count(self, what: str) -> None:
        """Count something."""


@dataclass(eq=False)
class Node:
    """One member."""

    number: int
    hub: Hub
    key: Ed25519PrivateKey
    origin: str
    db: Database = field(default_factory=Database)
    # Outside the database, as highwater.json is.
    mark: tuple[int, bytes] | None = None
    up: bool = True
    frozen: bool = False
    full: bool = False
    side: int = 0
    skew_s: float = 0.0
    partners: list[Node] = field(default_factory=list)
    seen: set[tuple[str, bytes]] = field(default_factory=set)
    rounds: int = 0
    # A liar's other history, and to whom it tells it.
    other: Tree | None = None
    fooled: set[int] = field(default_factory=set)
    # A liar's old head, told in the place of the newest.
    stale: Tree | None = None
    slander: list[Inconsistency] = field(default_factory=list)

    @property
    def works(self) -> bool:
        """Whether its timers run."""
        return self.up and not self.frozen

    @property
    def own(self) -> Tree:
        """The own log."""
        return self.db.trees[self.origin]

    @property
    def now(self) -> int:
        """Its own clock, unix seconds."""
        return 1_800_000_000 + int(self.hub.now + self.skew_s)

    def signed(self, raw: bytes, origin: str) -> Checkpoint:
        """Return the checkpoint of a note that the log has signed; the same bytes are verified once for all nodes. Raises: PeerWrongError."""
        found = self.hub.verified.get((origin, raw))
        if found is None:
            found = self.hub.verified[origin, raw] = tlog_proof.signed_checkpoint(raw, self.hub.verifiers[origin])
        return found

    # --- what it answers ---

    def view(self, origin: str, asker: Node) -> Tree | None:
        """Return what an asker is given of a log; None of one that is set aside, or not served."""
        if origin == self.origin and self.stale is not None:
            return self.stale
        if origin == self.origin and self.other is not None and asker.number in self.fooled:
            return self.other
        if origin in self.db.quarantined:
            return None
        return self.db.trees.get(origin)

    def heads(self, asker: Node) -> list[tuple[str, bytes]]:
        """Return the signed heads of all logs that are here."""
        found = [(origin, self.view(origin, asker)) for origin in self.db.trees]
        return [(origin, self._show(origin, tree)) for origin, tree in found if tree is not None and tree.note]

    def _show(self, origin: str, tree: Tree) -> bytes:
        if origin == self.origin:
            self.hub.shown(self, origin, tree.reached, tree.roots[tree.reached])
        return tree.note

    def cosign(self, submitted: bytes) -> bytes | None:
        """Judge a submission as a witness; None for a refusal, or where nothing can be written."""
        found = witness.parse_submission(submitted)
        size, root, _ = self.db.cosigned.get(found.origin, (0, merkle.EMPTY_ROOT, b""))
        if self.full or found.origin in self.db.quarantined:
            return None
        try:
            target = witness.judge(found, self.hub.verifiers[found.origin], size, root)
        except CallerError as error:
            self.hub.count(f"witness: {error.code}")
            return None
        self.db.cosigned[found.origin] = (target.size, target.root, found.checkpoint)
        return witness.cosign(f"nodo{self.number}.example.it/witness", self.key, target.text(), self.now)

    # --- its own log ---

    def write(self, operations: Sequence[tuple[str, dict[str, Any] | None]], *, dies: str = "") -> bool:
        """Append (id, document, or None to withdraw) and sign; True when it is acknowledged. ``dies``: "append" or "sign", after which the power goes."""
        if not self.works or self.full or self.db.state == FENCED or self.origin in self.db.quarantined:
            return False
        if fencing.mark_doubt(self.mark, self.db.signed) is not None and self.hub.mutant != "no-fence":
            # Before anything is appended, as flows/logs/append does.
            self.fence()
            return False
        self.append(self.own, operations)
        if dies == "append":
            self.crash()
            return False
        self.sign(dies=dies)
        return dies != "sign" and self.own.reached == self.own.size

    def append(self, tree: Tree, operations: Sequence[tuple[str, dict[str, Any] | None]]) -> None:
        """Append to a log of its own, with the bodies; nothing is signed."""
        raws, said, items = [], [], dict(tree.items)
        for at, (item, document) in enumerate(operations, tree.size):
            last = items.get(item)
            op = "wd" if document is None else "pub" if last is None else "upd"
            salt = self.hub.random.randbytes(body.SALT_BYTES)
            raw = b"" if document is None else canonical.dumps({**document, "id": item, "type": "profile/1"})
            made = entry.Entry(
                op, item, None if document is None else body.commitment(salt, raw), last.last_index if last else -1, (last.revision if last else 0) + 1, self.now // DAY_S
            )  # fmt: skip
            items[item] = feed.ItemState(at, made.r, op == "wd")
            raws.append(entry.encode(made))
            if raw:
                said.append((at, salt, raw))
        self.through_the_gate(tree, raws)
        for at, salt, raw in said:
            tree.bodies[at] = (salt, raw)
            tree.wanted.pop(at, None)

    def through_the_gate(self, tree: Tree, raws: Sequence[bytes], *, poison: bool = False) -> None:
        """Store entries by the way that others' take; ``poison``: some of them are no good, and are set aside here too."""
        grown = merkle.CompactRange.load(tree.size, tree.range_hashes)
        grown.extend(merkle.leaf_hash(raw) for raw in raws)
        found = feed.extend_entries(tree.head(), Checkpoint(tree.origin, grown.size, grown.root()), raws)
        ruling = feed.apply_rules(found.entries, tree.items)
        if ruling.ignored and not poison:
            raise AssertionError(f"own entries refused: {ruling.ignored}")
        tree.take(found, ruling)

    def sign(self, *, dies: str = "") -> None:
        """Sign the own head if it is not signed yet, ask the witnesses, hint the others."""
        tree, mutant = self.own, self.hub.mutant == "no-fence"
        if self.db.state == FENCED or self.full or (self.db.signed is not None and self.db.signed[0] >= tree.size):
            return
        if fencing.mark_doubt(self.mark, self.db.signed) is not None and not mutant:
            self.fence()
            return
        self.sign_head(tree)
        self.db.signed = (tree.size, tree.roots[-1])
        if dies == "sign":
            # The signature is there, the mark is the one before, nobody was told.
            self.crash()
            return
        self.mark = self.db.signed
        for peer in witness.choose(self.origin, [str(n.number) for n in self.hub.others(self)]):
            other = next(n for n in self.hub.others(self) if str(n.number) == peer)
            if self.hub.reach(self, other):
                self._submit(other, tree)
        for other in news.told(self.hub.others(self), self.hub.random.sample):
            if self.hub.reach(self, other) and other.works:
                other.direct(self.origin)

    def sign_head(self, tree: Tree) -> None:
        """Put a signed head on a tree."""
        text = Checkpoint(tree.origin, tree.size, tree.roots[-1]).text()
        tree.note, tree.reached = note.sign(text, [keys.LogSigner(tree.origin, self.key)]), tree.size

    def _submit(self, other: Node, tree: Tree) -> None:
        old = other.db.cosigned.get(self.origin, (0, b"", b""))[0]
        if old > tree.size:
            return
        self.hub.shown(self, self.origin, tree.reached, tree.roots[tree.reached])
        proof = merkle.consistency_proof(old, tree.size, tree.hash_at) if old else ()
        other.cosign(witness.encode_submission(old, proof, tree.note))

    def fence(self) -> None:
        """Stop writing the own log."""
        self.db.state = FENCED
        self.hub.count("fenced")

    def crash(self) -> None:
        """Lose what is in memory."""
        self.up, self.partners, self.seen = False, [], set()
        self.hub.count("crashes")

    def start(self) -> None:
        """Begin anew, as ``rete serve`` does: look whether this database is the newest, then sign what is not signed."""
        self.up, self.frozen = True, False
        if self.hub.mutant != "no-fence":
            self.settle()
        self.sign()

    def settle(self) -> None:
        """Hold the own log against what others have of it, bring back what is missing (flows/logs/recover)."""
        if self.full or self.other is not None or self.stale is not None:
            return
        state, largest = self._judge()
        if state is fencing.Own.BEHIND and largest is not None:
            self.fence()
            for peer in self.hub.others(self):
                if self.own.reached < largest[0].size and self.hub.reach(self, peer):
                    self._walk(self.own, largest[0], largest[1], peer)
            if self.own.reached < largest[0].size:
                return
            self.db.signed = (largest[0].size, largest[0].root)
            state, _ = self._judge()
            self.hub.count("recovered")
        if state is fencing.Own.WHOLE:
            self.db.state = READY
            self.mark = self.db.signed
        else:
            self.db.state = FENCED
            self.hub.count(f"own log {state}")

    def _judge(self) -> tuple[fencing.Own, tuple[Checkpoint, bytes] | None]:
        held, heard, members = [], 0, self.hub.others(self)
        for peer in members:
            if not self.hub.reach(self, peer):
                continue
            heard += 1
            mirror = peer.view(self.origin, self)
            told = (peer.db.cosigned.get(self.origin, (0, b"", b""))[2], mirror.note if mirror else b"")
            held += [(self.signed(raw, self.origin), raw) for raw in told if raw]
        here = self.db.signed[0] if self.db.signed else 0
        largest = max(held, key=lambda pair: pair[0].size, default=None)
        fits = all(found.size > here or self.own.roots[found.size] == found.root for found, _ in held)
        doubt = fencing.mark_doubt(self.mark, self.db.signed)
        there = largest[0].size if largest else 0
        missing = fencing.mark_missing(self.mark, self.db.signed, there) and self.hub.mutant != "two-voices"
        state = fencing.own_standing(
            here=here, there=there, fits=fits, doubted=doubt is not None, missing=missing, heard=heard, members=len(members)
        )  # fmt: skip
        return state, largest

    # --- the others' logs ---

    def round(self) -> None:
        """Ask three members for heads and proofs, pull what is news (flows/logs/gossip)."""
        if not self.works:
            return
        self.rounds += 1
        if self.db.state == FENCED:
            self.settle()
        # As the jobs of a node do: what a full disk or a dead process left unsigned.
        self.sign()
        self.partners = news.asked(self.partners, self.hub.others(self), self.hub.random.sample)
        for peer in list(self.partners):
            if not self.hub.reach(self, peer):
                self.partners.remove(peer)
                continue
            self._hear_proofs([*peer.db.proofs.values(), *peer.slander])
            for origin, raw in peer.heads(self):
                self._hear(peer, origin, raw)
        for at, origin in enumerate(self.db.trees):
            if origin != self.origin and (self.rounds + at) % DIRECT_ROUNDS == 0:
                self.direct(origin)
        for tree in self.db.trees.values():
            if tree.wanted and tree.origin not in self.db.quarantined:
                self._bodies(tree)

    def _hear_proofs(self, claims: Iterable[Inconsistency]) -> None:
        for claim in claims:
            name = (
                inconsistency.digest(claim)
                if self.hub.mutant == "believes" or claim.origin not in self.db.quarantined
                else b""
            )
            if not name or name in self.db.proofs or self.full:
                continue
            try:
                if self.hub.mutant != "believes":
                    inconsistency.verify(claim, self.hub.verifiers[claim.origin])
            except PeerWrongError:
                self.hub.count("slander refused")
                continue
            self._quarantine(claim, name)

    def _quarantine(self, claim: Inconsistency, name: bytes) -> None:
        self.db.proofs[name] = claim
        if claim.origin not in self.db.quarantined:
            self.db.quarantined.add(claim.origin)
            self.hub.quarantined(self, claim.origin)

    def _hear(self, peer: Node, origin: str, raw: bytes) -> None:
        if (origin, raw) in self.seen or origin in self.db.quarantined or origin not in self.db.trees:
            return
        found = self.signed(raw, origin)
        tree = self.db.trees[origin]
        if origin == self.origin:
            here = self.db.signed[0] if self.db.signed else 0
            lies = self.other is not None or self.stale is not None
            if (
                (found.size > here or tree.roots[found.size] != found.root)
                and not lies
                and self.hub.mutant != "no-fence"
            ):
                self.fence()
            else:
                self.seen.add((origin, raw))
            return
        if news.weigh(found.size, tree.size, tree.reached) is news.Weight.NEWS:
            self.pull(tree, found, raw, peer)
        elif tree.roots[found.size] != found.root:
            self._accuse(tree, found, raw, [])
        else:
            self.seen.add((origin, raw))

    def direct(self, origin: str) -> None:
        """Ask a log's own node for its head, and take what it has (flows/logs/pull)."""
        owner, tree = self.hub.owner.get(origin), self.db.trees.get(origin)
        if owner is None or tree is None or origin in self.db.quarantined or not self.hub.reach(self, owner):
            return
        view = owner.view(origin, self)
        if view is None or not view.note:
            return
        raw = owner._show(origin, view)  # noqa: SLF001 - what another answers
        if raw == tree.note and tree.reached == tree.size:
            # By its ETag: nothing new.
            return
        try:
            found = feed.open_checkpoint(raw, origin=origin, verifiers=self.hub.verifiers[origin], known=tree.head())
        except PeerWrongError as error:
            self.hub.count(error.code)
            if error.code in ("checkpoint-equivocation", "checkpoint-rollback"):
                self._accuse(tree, self.signed(raw, origin), raw, [owner])
            return
        if news.weigh(found.size, tree.size, tree.reached) is news.Weight.NEWS:
            self.pull(tree, found, raw, owner)

    def pull(self, tree: Tree, target: Checkpoint, raw: bytes, offered_by: Node) -> None:
        """Bring a log up to a signed head, from whichever road has its entries."""
        rest = [n for n in self.hub.others(self) if n is not offered_by and self.hub.reach(self, n)]
        roads = [offered_by, *self.hub.random.sample(rest, min(2, len(rest)))]
        wrong = [self._walk(tree, target, raw, road) == "root-mismatch" for road in roads if tree.reached < target.size]
        if tree.reached < target.size and any(wrong):
            self._accuse(tree, target, raw, roads)
        elif tree.wanted:
            self._bodies(tree)

    def _walk(self, tree: Tree, target: Checkpoint, raw: bytes, road: Node) -> str:
        view = road.view(tree.origin, self)
        if self.full or view is None or view.size < target.size:
            return "road-lacks"
        try:
            found = feed.extend_entries(tree.head(), target, view.entries[tree.size : target.size])
        except PeerWrongError as error:
            if self.hub.mutant != "no-consistency":
                return error.code
            found = _taken_on_trust(tree, target, view)
        tree.take(found, feed.apply_rules(found.entries, tree.items), deaf=self.hub.mutant == "deaf")
        tree.note, tree.reached = raw, target.size
        self.hub.held(self, tree.origin)
        return ""

    def _accuse(self, tree: Tree, target: Checkpoint, raw: bytes, roads: Sequence[Node]) -> None:
        """Look for the proof that a log told two histories; with it, follow it no more and tell everybody (flows/logs/accuse)."""
        verifiers = self.hub.verifiers[tree.origin]
        if not tree.note or self.full:
            return
        known = self.signed(tree.note, tree.origin)
        (old, old_raw), (new, new_raw) = sorted(((known, tree.note), (target, raw)), key=lambda pair: pair[0].size)
        views = (
            [tree]
            if new.size <= tree.size
            else [v for v in (r.view(tree.origin, self) for r in roads) if v is not None]
        )
        for view in views:
            if view.size >= new.size and (hashes := inconsistency.prove(old, new, view.hash_at)) is not None:
                bare = [inconsistency.bare(item, verifiers) for item in (old_raw, new_raw)]
                claim = Inconsistency(tree.origin, bare[0], bare[1], hashes)
                self._quarantine(claim, inconsistency.digest(claim))
                for peer in self.hub.others(self):
                    if self.hub.reach(self, peer):
                        peer._hear_proofs([claim])  # noqa: SLF001
                return

    def _bodies(self, tree: Tree) -> None:
        """Fetch the bodies still wanted from whoever has them; whose clock is off is not heard (PROTOCOL 4.3), a road later may be."""
        roads = [
            n
            for n in self.hub.others(self)
            if self.hub.reach(self, n) and abs(n.skew_s - self.skew_s) <= limits.CLOCK_SKEW_S
        ]
        for road in sorted(roads, key=lambda n: n.origin != tree.origin):
            view = road.view(tree.origin, self)
            if view is None or self.full:
                continue
            for at in [at for at in tree.wanted if at in view.bodies]:
                salt, raw = view.bodies[at]
                try:
                    feed.open_body(entry.decode(tree.entries[at]), salt, raw)
                except PeerWrongError as error:
                    self.hub.count(f"body refused: {error.code}")
                    if error.code == "body-commitment-mismatch":
                        continue
                    # What was promised, and no good: kept raw, out of search.
                    tree.problems[at] = error.code
                tree.bodies[at] = (salt, raw)
                del tree.wanted[at]
            if not tree.wanted:
                return


def _taken_on_trust(tree: Tree, target: Checkpoint, view: Tree) -> feed.Extension:
    """Return what a puller that checks nothing would make of entries (a mutant)."""
    raws = view.entries[tree.size : target.size]
    grown = merkle.CompactRange.load(tree.size, tree.range_hashes)
    grown.extend(merkle.leaf_hash(raw) for raw in raws)
    return feed.extend_entries(tree.head(), Checkpoint(tree.origin, grown.size, grown.root()), raws)
