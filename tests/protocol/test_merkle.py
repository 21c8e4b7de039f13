"""The tree, against a second implementation written straight from RFC 6962 2.1."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.errors import CallerError
from node.protocol import merkle, tiles

LEAVES = [f"entry {n}".encode() for n in range(600)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
# Roots of RFC 6962's own test tree (eight inputs of growing length).
KNOWN_INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
KNOWN_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash, by its definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:split]) + mth(leaves[split:])).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """The audit path, by its definition."""
    if len(leaves) <= 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*path(index, leaves[:split]), mth(leaves[split:])]
    return [*path(index - split, leaves[split:]), mth(leaves[:split])]


def subproof(old: int, leaves: list[bytes], *, complete: bool) -> list[bytes]:
    """The consistency proof, by its definition."""
    size = len(leaves)
    if old == size:
        return [] if complete else [mth(leaves)]
    split = 1
    while split * 2 < size:
        split *= 2
    if old <= split:
        return [*subproof(old, leaves[:split], complete=complete), mth(leaves[split:])]
    return [*subproof(old - split, leaves[split:], complete=False), mth(leaves[:split])]


def hash_at(level: int, index: int) -> bytes:
    """The root of a complete subtree."""
    return mth(LEAVES[index << level : (index + 1) << level])


def test_the_known_roots_come_out() -> None:
    """The published test tree has the published roots."""
    grown = merkle.CompactRange()
    for raw, root in zip(KNOWN_INPUTS, KNOWN_ROOTS, strict=True):
        grown.append(merkle.leaf_hash(bytes.fromhex(raw)))
        assert grown.root().hex() == root
    assert merkle.CompactRange().root() == merkle.EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_every_size_has_the_defined_root() -> None:
    """Growing leaf by leaf, or from any loaded range, gives the defined root."""
    grown = merkle.CompactRange()
    for size in range(1, 300):
        grown.append(HASHES[size - 1])
        assert grown.root() == mth(LEAVES[:size])
        again = merkle.CompactRange.load(size, grown.hashes)
        again.extend(HASHES[size : size + 3])
        assert again.root() == mth(LEAVES[: size + 3])
    assert merkle.subtree_root(HASHES[:7]) == mth(LEAVES[:7])


def test_whole_subtrees_can_be_appended() -> None:
    """256 leaves at once, or one by one, are the same; out of place they are refused."""
    grown = merkle.CompactRange()
    grown.append(mth(LEAVES[:256]), 256)
    grown.append(mth(LEAVES[256:512]), 256)
    grown.extend(HASHES[512:600])
    assert grown.root() == mth(LEAVES)
    with pytest.raises(CallerError):
        grown.append(mth(LEAVES[:256]), 256)


@pytest.mark.parametrize(("size", "hashes"), [(3, HASHES[:1]), (1, [b"x"]), (-1, []), (0, HASHES[:1])])
def test_a_wrong_range_is_refused(size: int, hashes: list[bytes]) -> None:
    """A range has as many hashes as its size has ones."""
    with pytest.raises(CallerError):
        merkle.CompactRange.load(size, hashes)


@given(st.integers(1, 600), st.data())
def test_inclusion_proofs_are_the_defined_ones_and_prove(size: int, data: st.DataObject) -> None:
    """A proof is the defined path; it proves its leaf at its place under its root and nothing else."""
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, size, hash_at)
    root = mth(LEAVES[:size])
    assert proof == path(index, LEAVES[:size])
    assert merkle.verify_inclusion(HASHES[index], index, size, proof, root)
    assert not merkle.verify_inclusion(HASHES[(index + 1) % 600], index, size, proof, root)
    assert not merkle.verify_inclusion(HASHES[index], index, size, [*proof, root], root)
    assert not merkle.verify_inclusion(HASHES[index], size, size, proof, root)
    if proof:
        assert not merkle.verify_inclusion(HASHES[index], index, size, proof[:-1], root)


@given(st.integers(1, 600), st.data())
def test_consistency_proofs_are_the_defined_ones_and_prove(new: int, data: st.DataObject) -> None:
    """A proof is the defined one; it proves that the old tree is a beginning of the new, and nothing else."""
    old = data.draw(st.integers(1, new))
    proof = merkle.consistency_proof(old, new, hash_at)
    before, after = mth(LEAVES[:old]), mth(LEAVES[:new])
    assert proof == subproof(old, LEAVES[:new], complete=True)
    assert merkle.verify_consistency(old, new, before, after, proof)
    assert not merkle.verify_consistency(old, new, HASHES[0][::-1], after, proof)
    assert not merkle.verify_consistency(old, new, before, HASHES[0][::-1], proof)
    assert not merkle.verify_consistency(old, new, before, after, [*proof, before])
    if proof:
        assert not merkle.verify_consistency(old, new, before, after, proof[:-1])


def test_the_edges_of_proofs() -> None:
    """Empty trees, equal trees and places outside have plain answers."""
    assert merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, mth(LEAVES[:5]), [])
    assert not merkle.verify_consistency(0, 5, HASHES[0], mth(LEAVES[:5]), [])
    assert merkle.roots_from_consistency(5, 5, [], None) is None
    assert merkle.roots_from_consistency(4, 5, [], None) is None
    for call in (lambda: merkle.inclusion_proof(5, 5, hash_at), lambda: merkle.consistency_proof(0, 5, hash_at)):
        with pytest.raises(CallerError):
            call()


# Where a tile is full and where it is not, on both levels: ranges that end anywhere else cost as much and tell less.
BORDERS = st.builds(
    lambda full, tile, beside: max(full * 65_536 + tile * 256 + beside, 0),
    st.sampled_from([0, 0, 0, 1]), st.integers(0, 17), st.integers(-2, 2),
)  # fmt: skip


@pytest.mark.many
@given(st.integers(0, 3_000) | BORDERS, st.integers(0, 3_000) | BORDERS)
@example(65_535, 65_537)
@example(70_000, 70_000)
def test_tiled_ranges_tell_every_completed_subtree(start: int, more: int) -> None:
    """Growing over tile borders names exactly the 256^k subtrees completed on the way."""
    begun = tiles.TiledRange(0, ())
    begun.extend([HASHES[0]] * start)
    grown = tiles.TiledRange(start, begun.hashes)
    completed = grown.extend([HASHES[0]] * more)
    end = start + more
    wanted = {(level, n) for level in (1, 2) for n in range(start >> 8 * level, end >> 8 * level)}
    assert {(level, n) for level, n, _ in completed} == wanted
    plain = merkle.CompactRange()
    plain.extend([HASHES[0]] * end)
    assert (grown.hashes, grown.root()) == (plain.hashes, plain.root())


def test_a_consistency_proof_of_another_shape_rebuilds_nothing() -> None:
    """Too short, too long, between equal sizes, from nothing: RFC 9162 2.1.4.2 refuses before any root is compared."""
    proof = merkle.consistency_proof(3, 7, hash_at)
    assert merkle.roots_from_consistency(3, 7, proof, None) is not None
    for wrong in (proof[:-1], [*proof, proof[0]], []):
        assert merkle.roots_from_consistency(3, 7, wrong, None) is None
    for old in (0, 7, 8):
        assert merkle.roots_from_consistency(old, 7, proof, None) is None
        assert merkle.roots_from_consistency(old, 7, proof[:1], None) is None


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_a_tree_of_the_same_size_needs_no_proof_and_has_none(size: int) -> None:
    """One hash would "rebuild" both roots of two trees of a power of two."""
    assert merkle.roots_from_consistency(size, size, [merkle.EMPTY_ROOT], None) is None
    assert merkle.roots_from_consistency(size, size, [], merkle.EMPTY_ROOT) is None
