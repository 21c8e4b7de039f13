"""The Merkle tree of RFC 6962 section 2.1: compact ranges, subtree roots, inclusion and consistency proofs.

In: leaf hashes, or a function that reads hashes of complete subtrees. Out: roots and proofs.
A compact range [0, n) is the popcount(n) roots of complete subtrees, largest first: all that growing a tree needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from node.errors import N_, CallerError

HASH_BYTES = 32
_sha256 = hashlib.sha256
EMPTY_ROOT = _sha256(b"").digest()

# hash_at(level, index) is the root of the complete subtree of 2^level leaves that starts at leaf index * 2^level.
HashAt = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 || entry)."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right)."""
    return _sha256(b"\x01" + left + right).digest()


class CompactRange:
    """A growing tree known only by its right edge. Mutable: load one from a head, grow it, read its root."""

    __slots__ = ("_hashes", "size")

    def __init__(self) -> None:
        """Begin an empty tree."""
        self.size = 0
        self._hashes: list[bytes] = []

    @classmethod
    def load(cls, size: int, hashes: Sequence[bytes]) -> CompactRange:
        """Return the range of ``size`` leaves. Raises: CallerError(range-malformed)."""
        if size < 0 or len(hashes) != size.bit_count() or any(len(digest) != HASH_BYTES for digest in hashes):
            raise CallerError("range-malformed", N_("intervallo compatto non valido"))
        grown = cls()
        grown.size, grown._hashes = size, list(hashes)
        return grown

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Roots of the complete subtrees, largest first."""
        return tuple(self._hashes)

    def append(self, digest: bytes, leaves: int = 1) -> None:
        """Append one leaf hash, or the root of a complete subtree of ``leaves`` (a power of two that divides size)."""
        size, stack = self.size, self._hashes
        if size % leaves:
            raise CallerError("range-misaligned", N_("sottoalbero fuori posto"))
        bit = leaves
        while size & bit:
            digest = _sha256(b"\x01" + stack.pop() + digest).digest()
            bit <<= 1
        stack.append(digest)
        self.size = size + leaves

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append many leaf hashes."""
        size, stack, sha256 = self.size, self._hashes, _sha256
        for leaf in leaf_hashes:
            digest, bit = leaf, 1
            while size & bit:
                digest = sha256(b"\x01" + stack.pop() + digest).digest()
                bit <<= 1
            stack.append(digest)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """Return the root hash of the tree."""
        if not self._hashes:
            return EMPTY_ROOT
        digest = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            digest = node_hash(left, digest)
        return digest


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a row of sibling hashes, as the tree would fold them."""
    grown = CompactRange()
    grown.extend(hashes)
    return grown.root()


def range_root(start: int, end: int, hash_at: HashAt) -> bytes:
    """Return MTH(leaves[start:end]) as a proof needs it, from complete subtrees only."""
    width = end - start
    if width.bit_count() == 1 and start % width == 0:
        return hash_at(width.bit_length() - 1, start // width)
    split = 1 << ((width - 1).bit_length() - 1)
    return node_hash(range_root(start, start + split, hash_at), range_root(start + split, end, hash_at))


def inclusion_proof(index: int, size: int, hash_at: HashAt) -> list[bytes]:
    """Return the audit path of leaf ``index`` in the tree of ``size`` leaves (RFC 6962 2.1.1)."""
    if not 0 <= index < size:
        raise CallerError("proof-out-of-range", N_("posizione fuori dal registro"))
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < split:
            path.append(range_root(split, end, hash_at))
            end = split
        else:
            path.append(range_root(start, split, hash_at))
            start = split
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether ``proof`` shows the leaf hash at ``index`` under ``root`` (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last = index, size - 1
    digest = leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            digest = node_hash(sibling, digest)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and digest == root


def consistency_proof(old: int, new: int, hash_at: HashAt) -> list[bytes]:
    """Return the proof that the tree of ``new`` leaves extends that of ``old`` (RFC 6962 2.1.2)."""
    if not 0 < old <= new:
        raise CallerError("proof-out-of-range", N_("dimensioni fuori dal registro"))
    path: list[bytes] = []
    start, end, complete = 0, new, True
    while old != end:
        split = start + (1 << ((end - start - 1).bit_length() - 1))
        if old <= split:
            path.append(range_root(split, end, hash_at))
            end = split
        else:
            path.append(range_root(start, split, hash_at))
            start, complete = split, False
    if not complete:
        path.append(range_root(start, end, hash_at))
    return path[::-1]


def roots_from_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes | None
) -> tuple[bytes, bytes] | None:
    """Return the (old, new) roots that ``proof`` rebuilds, None when it has the wrong shape (RFC 9162 2.1.4.2).

    When ``old`` is a power of two the old root is not in the proof: it is ``old_root``, or with None the proof must
    begin with it.
    """
    if not 0 < old < new:
        return None
    path = list(proof)
    if old.bit_count() == 1 and old_root is not None:
        path.insert(0, old_root)
    if not path:
        return None
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return (first, second) if last == 0 else None


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether the tree of ``new`` leaves under ``new_root`` extends that of ``old`` under ``old_root``."""
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT and new > 0
    return roots_from_consistency(old, new, proof, old_root) == (old_root, new_root)
