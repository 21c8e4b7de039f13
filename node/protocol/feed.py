"""The gate: bytes of a log in, verified values out, or an error that says what was wrong.

Rules kept here, with their clause in PROTOCOL.md:
- 2: a checkpoint counts only with a good signature of one of the log's own keys, over exactly this origin line;
- 7: a withdrawn key's counts only for trees of up to the size that it was withdrawn with (checkpoint.read_signed);
- 6.1: a smaller tree from the origin, or another root for the same size, is refused (rollback, equivocation);
- 6.2: new entries count only when, all together, they give the checkpoint's root;
- 3.1: ``pub`` begins an id, ``upd`` and ``wd`` follow its last entry, after ``wd`` the id is dead for ever. An entry that
  breaks this, or is malformed, is set aside with a code and the log goes on: every node ignores the same entries;
- 3.2, 3.4: a body counts only when it matches its entry's commitment and is strict canonical JSON about that id.

Nothing here reads a clock, a file or a socket. Whatever comes out may be stored; nobody needs to check it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.errors import N_, PeerWrongError
from node.protocol import body as bodies
from node.protocol import canonical, checkpoint, entry, keys, limits, merkle, note, tiles
from node.protocol.checkpoint import Checkpoint
from node.protocol.entry import Entry, Promise


@dataclass(frozen=True, slots=True)
class Head:
    """How far a log is verified: its size, root, and the compact range that extends it."""

    origin: str
    size: int
    root: bytes
    range_hashes: tuple[bytes, ...]

    @classmethod
    def empty(cls, origin: str) -> Head:
        """Return the head of a log of which nothing is known yet."""
        return cls(origin, 0, merkle.EMPTY_ROOT, ())


@dataclass(frozen=True, slots=True)
class VerifiedEntry:
    """An entry under a verified root; ``entry`` is None when its bytes are malformed, and ``problem`` says how."""

    index: int
    raw: bytes
    entry: Entry | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Extension:
    """What brings a head to a checkpoint: the new head, the new entries, the subtrees (level, index, root) completed."""

    head: Head
    entries: list[VerifiedEntry]
    subtrees: list[tuple[int, int, bytes]]


@dataclass(frozen=True, slots=True)
class ItemState:
    """What an id's next entry must follow."""

    last_index: int
    revision: int
    dead: bool


@dataclass(frozen=True, slots=True)
class Ruling:
    """Which entries count: those accepted, (index, code) of those ignored, and each touched id's new state."""

    accepted: list[VerifiedEntry]
    ignored: list[tuple[int, str]]
    items: dict[str, ItemState]


def open_checkpoint(
    raw: bytes, *, origin: str, verifiers: Sequence[keys.Verifier], known: Head, from_origin: bool = True
) -> Checkpoint:
    """Return the checkpoint of a signed note, fit to be compared with ``known``.

    A smaller one from a relay is returned as it is: old news, not an offence.
    Raises: PeerWrongError checkpoint-bad-signature, -malformed, -too-large, -other-origin, -key-withdrawn, -rollback, -equivocation.
    """
    try:
        found, _ = checkpoint.read_signed(note.parse(raw), verifiers)
    except PeerWrongError as error:
        if not error.code.startswith("note-"):
            raise
        unsigned = error.code in ("note-bad-signature", "note-unsigned")
        code = "checkpoint-bad-signature" if unsigned else "checkpoint-malformed"
        raise PeerWrongError(code, error.render()[0]) from error
    if found.origin != origin:
        raise PeerWrongError("checkpoint-other-origin", N_("il checkpoint è di un altro registro"))
    if found.size < known.size and from_origin:
        raise PeerWrongError(
            "checkpoint-rollback",
            N_("il registro è tornato indietro: {found} voci, qui già {known}"),
            hint=N_("forse il nodo è stato ripristinato da una copia: avvisare chi lo gestisce"),
            found=found.size,
            known=known.size,
        )
    if found.size == known.size and found.root != known.root:
        raise PeerWrongError(
            "checkpoint-equivocation",
            N_("due checkpoint diversi per la stessa dimensione {size}: il registro mente a qualcuno"),
            hint=N_("il nodo è messo in quarantena; decide l'amministratore"),
            size=found.size,
        )
    return found


def extend_entries(known: Head, target: Checkpoint, raws: Sequence[bytes]) -> Extension:
    """Return what leads from ``known`` to ``target`` with exactly the new entries ``raws``.

    Raises: PeerWrongError(root-mismatch); nothing may be kept then.
    """
    if known.size + len(raws) != target.size:
        raise PeerWrongError("root-mismatch", N_("le voci non sono quante il checkpoint dice"))
    grown = tiles.TiledRange(known.size, known.range_hashes)
    subtrees = grown.extend([merkle.leaf_hash(raw) for raw in raws])
    if grown.root() != target.root:
        raise PeerWrongError("root-mismatch", N_("le voci ricevute non danno la radice firmata"))
    entries = [_read(index, raw) for index, raw in enumerate(raws, known.size)]
    return Extension(Head(known.origin, grown.size, target.root, grown.hashes), entries, subtrees)


def extend_slice(
    known: Head, target: Checkpoint, raws: Sequence[bytes], hash_of: Callable[[int, int], bytes | None]
) -> Extension:
    """Return what the next entries of ``target``'s tree add to ``known``, up to the end of a bundle or of the tree.

    ``hash_of(level, index)`` returns what is certain of the tree (protocol/edge). Every bundle is held against its own hash,
    so the compact range of ``known`` is too: a log that changed its past is found out at the first bundle.
    Raises: PeerWrongError(root-mismatch); nothing may be kept then.
    """
    grown = tiles.TiledRange(known.size, known.range_hashes)
    subtrees = grown.extend([merkle.leaf_hash(raw) for raw in raws])
    ended = grown.size == target.size
    if any(hash_of(level, index) != root for level, index, root in subtrees if level == 1):
        raise PeerWrongError("root-mismatch", N_("le voci ricevute non danno la radice firmata"))
    if (grown.root() != target.root) if ended else (grown.size % tiles.TILE_WIDTH or grown.size > target.size):
        raise PeerWrongError("root-mismatch", N_("le voci ricevute non danno la radice firmata"))
    entries = [_read(index, raw) for index, raw in enumerate(raws, known.size)]
    return Extension(Head(known.origin, grown.size, grown.root(), grown.hashes), entries, subtrees)


def _read(index: int, raw: bytes) -> VerifiedEntry:
    try:
        return VerifiedEntry(index, raw, entry.decode(raw), None)
    except PeerWrongError as error:
        return VerifiedEntry(index, raw, None, error.code)


def apply_rules(entries: Iterable[VerifiedEntry], known: Mapping[str, ItemState]) -> Ruling:
    """Return which entries count, given the state of the ids they name (PROTOCOL 3.1). Deterministic."""
    accepted: list[VerifiedEntry] = []
    ignored: list[tuple[int, str]] = []
    items: dict[str, ItemState] = {}
    for verified in entries:
        found = verified.entry
        if found is None:
            ignored.append((verified.index, verified.problem or "entry-malformed"))
            continue
        code = _offence(found, items.get(found.id) or known.get(found.id))
        if code:
            ignored.append((verified.index, code))
            continue
        accepted.append(verified)
        items[found.id] = ItemState(verified.index, found.r, found.op == "wd")
    return Ruling(accepted, ignored, items)


def _offence(found: Entry, state: ItemState | None) -> str | None:
    if found.op == "pub":
        if state is not None:
            return "entry-id-reused"
        return None if found.r == 1 and found.p == -1 else "entry-not-a-beginning"
    if state is None:
        return "entry-id-unknown"
    if state.dead:
        return "entry-id-dead"
    follows = found.p == state.last_index and found.r == state.revision + 1
    return None if follows else "entry-out-of-order"


def open_body(found: Entry | Promise, salt: bytes, raw: bytes) -> dict[str, Any]:
    """Return the document that ``found`` committed to.

    Raises: PeerWrongError body-commitment-mismatch, body-too-large, body-not-canonical, body-type-missing,
    body-id-mismatch.
    """
    if bodies.commitment(salt, raw) != found.b:
        raise PeerWrongError("body-commitment-mismatch", N_("il profilo ricevuto non è quello della voce firmata"))
    if len(raw) > limits.BODY_MAX_BYTES:
        raise PeerWrongError("body-too-large", N_("profilo troppo grande"))
    try:
        document = canonical.parse(raw, max_bytes=limits.BODY_MAX_BYTES)
    except PeerWrongError as error:
        raise PeerWrongError("body-not-canonical", error.render()[0]) from error
    if type(document) is not dict or type(document.get("type")) is not str:
        raise PeerWrongError("body-type-missing", N_("il documento non dice il suo tipo"))
    if document.get("id") != found.id:
        raise PeerWrongError("body-id-mismatch", N_("il documento parla di un altro identificativo"))
    return document
