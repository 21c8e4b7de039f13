"""The right edge: what is accepted is the tree's, at a cost that follows what is read and not what is claimed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CallerError, PeerWrongError
from node.protocol import limits, merkle, tiles
from node.protocol.checkpoint import Checkpoint
from node.protocol.edge import Edge, right_edge

ORIGIN = "lecce.example.it/federation/log/2026"
SIZES = [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000, 131_072 + 300]
LEAVES = [hashlib.sha256(n.to_bytes(4, "big")).digest() for n in range(max(SIZES))]
OTHER = bytes(range(32))


def fold(row: list[bytes]) -> bytes:
    """The root over a row of hashes, by the definition of the tree."""
    if len(row) == 1:
        return row[0]
    split = 1 << ((len(row) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + fold(row[:split]) + fold(row[split:])).digest()


def rows_of(leaves: list[bytes]) -> list[list[bytes]]:
    """The hashes of each tile level: of 1 leaf, 256 leaves, 65,536 leaves."""
    rows = [leaves]
    while len(rows[-1]) >= 256:
        rows.append([fold(rows[-1][at : at + 256]) for at in range(0, len(rows[-1]) - 255, 256)])
    return rows


# Of a smaller tree each row is a beginning of these.
ROWS = rows_of(LEAVES)


def tree_root(size: int) -> bytes:
    """The root of the first leaves, folded by the definition from rows of complete subtrees."""
    if not size:
        return hashlib.sha256(b"").digest()
    # Complete subtrees of 256 leaves stand for their leaves: the split is at the same places.
    grown: list[tuple[int, bytes]] = [(256, digest) for digest in ROWS[1][: size // 256]]
    grown += [(1, digest) for digest in LEAVES[size // 256 * 256 : size]]

    def over(start: int, end: int, first: int, last: int) -> bytes:
        if last - first == 1:
            return grown[first][1]
        split = start + (1 << ((end - start - 1).bit_length() - 1))
        middle = first + sum(1 for _ in range(first, last) if starts[_] < split)
        return hashlib.sha256(b"\x01" + over(start, split, first, middle) + over(split, end, middle, last)).digest()

    starts = [0]
    for leaves, _ in grown:
        starts.append(starts[-1] + leaves)
    return over(0, size, 0, len(grown))


def head_of(size: int) -> Checkpoint:
    """The head of the tree of the first leaves."""
    return Checkpoint(ORIGIN, size, tree_root(size))


def partial_of(size: int) -> dict[int, list[bytes]]:
    """Its partial tiles."""
    return {level: ROWS[level][number * 256 : number * 256 + width] for level, number, width in right_edge(size)}


def tile(level: int, number: int) -> list[bytes]:
    """A full tile."""
    return ROWS[level][number * 256 : number * 256 + 256]


def refused(act: Callable[[], object]) -> bool:
    """Tell whether something is refused as not the tree's."""
    with pytest.raises(PeerWrongError) as caught:
        act()
    return caught.value.code == "root-mismatch"


def test_the_edge_of_the_specification_s_trees() -> None:
    """70,000 leaves: one hash, 17 and 112; 256 leaves: one hash of level 1 and no leaves; none for none."""
    assert right_edge(70_000) == [(2, 0, 1), (1, 1, 17), (0, 273, 112)]
    assert right_edge(256) == [(1, 0, 1)]
    assert right_edge(255) == [(0, 0, 255)]
    assert right_edge(257) == [(1, 0, 1), (0, 1, 1)]
    assert right_edge(65_536) == [(2, 0, 1)]
    assert right_edge(0) == []


@given(st.integers(0, 2**53 - 1))
def test_the_edge_is_every_partial_tile(size: int) -> None:
    """Each level's last tile, when it is neither full nor empty: as the widths of tiles tell it, in at most 7 levels."""
    expected = []
    for level in range(limits.TILE_LEVEL_MAX, -1, -1):
        last = (size >> (8 * level)) // 256
        width = tiles.level_width(size, level, last)
        if width:
            expected.append((level, last, width))
        assert width < 256
    assert right_edge(size) == expected


@pytest.mark.parametrize("size", SIZES)
def test_an_honest_tree_opens_and_every_bundle_is_authenticated(size: int) -> None:
    """From the edge down, each full bundle's root and each leaf of the last partial bundle becomes certain."""
    edge = Edge.open(head_of(size), partial_of(size))
    assert edge.target == head_of(size)
    for bundle in range(size // 256):
        for level, number in edge.needed(1, bundle // 256):
            edge.add(level, number, tile(level, number))
        assert edge.hash_of(1, bundle) == ROWS[1][bundle]
    assert edge.hash_of(1, size // 256) is None
    last = size // 256 * 256
    assert [edge.hash_of(0, last + n) for n in range(size - last)] == LEAVES[last:size]
    assert edge.hash_of(0, size) is None


@given(st.sampled_from([size for size in SIZES if size >= 256]), st.data())
def test_any_leaf_is_authenticated_by_the_tiles_needed_for_it(size: int, data: st.DataObject) -> None:
    """Exactly the missing tiles on the way down are asked for, highest first; afterwards none."""
    leaf = data.draw(st.integers(0, size - 1))
    edge = Edge.open(head_of(size), partial_of(size))
    asked = edge.needed(0, leaf // 256)
    full = [(level, leaf >> (8 * level + 8)) for level in (1, 0) if leaf >> (8 * level + 8) < size >> (8 * level + 8)]
    assert asked == full
    assert (edge.hash_of(0, leaf) is None) == bool(asked)
    for level, number in asked:
        edge.add(level, number, tile(level, number))
    assert edge.needed(0, leaf // 256) == []
    assert edge.hash_of(0, leaf) == LEAVES[leaf]


def test_a_tile_below_one_already_added_needs_only_itself() -> None:
    """What was added is not asked for again."""
    edge = Edge.open(head_of(70_000), partial_of(70_000))
    assert edge.needed(0, 3) == [(1, 0), (0, 3)]
    edge.add(1, 0, tile(1, 0))
    assert edge.needed(1, 0) == []
    assert edge.needed(0, 3) == [(0, 3)]
    assert edge.needed(0, 260) == [(0, 260)]
    assert edge.needed(0, 273) == edge.needed(1, 1) == edge.needed(2, 0) == []


@pytest.mark.parametrize(
    ("size", "level", "number"),
    [(70_000, 0, 274), (70_000, 1, 2), (70_000, 2, 1), (70_000, 3, 0), (70_000, 0, -1), (256, 0, 1), (0, 0, 0)],
)
def test_there_is_nothing_to_fetch_outside_the_tree(size: int, level: int, number: int) -> None:
    """A tile with nothing in it is no question."""
    edge = Edge.open(head_of(size), partial_of(size))
    with pytest.raises(CallerError) as caught:
        edge.needed(level, number)
    assert caught.value.code == "proof-out-of-range"
    assert edge.hash_of(level, number * 256) is None


@pytest.mark.parametrize("size", [size for size in SIZES if size])
def test_every_flipped_byte_of_the_edge_is_refused(size: int) -> None:
    """Whatever byte of a partial tile changes, the edge does not open; a sample of places in wide tiles."""
    head, honest = head_of(size), partial_of(size)
    for level, row in honest.items():
        for place in {0, 1 % len(row), len(row) // 2, len(row) - 1}:
            for at in range(32):
                bent = row[place][:at] + bytes([row[place][at] ^ 1]) + row[place][at + 1 :]
                changed = honest | {level: [*row[:place], bent, *row[place + 1 :]]}
                assert refused(lambda changed=changed: Edge.open(head, changed))


def test_an_edge_is_exactly_its_partial_tiles() -> None:
    """A level missing, one too many, a hash more, fewer, of another length or out of order: refused."""
    head, honest = head_of(70_000), partial_of(70_000)
    row = honest[0]
    for changed in (
        {},
        {0: row, 1: honest[1]},
        {1: honest[1], 2: honest[2]},
        honest | {3: [OTHER]},
        honest | {3: []},
        honest | {0: row[:-1]},
        honest | {0: [*row, OTHER]},
        honest | {0: row[::-1]},
        honest | {0: honest[1], 1: row},
        # The same 64 bytes under a node, parted elsewhere, hash the same.
        honest | {0: [row[0][:31], row[0][31:] + row[1], *row[2:]]},
    ):
        assert refused(lambda changed=changed: Edge.open(head, changed))
    assert Edge.open(head, honest)


def test_an_edge_opens_under_its_own_head_only() -> None:
    """Another root, or another size with as many tiles, is refused; an empty tree has the empty root."""
    honest = partial_of(70_000)
    assert refused(lambda: Edge.open(Checkpoint(ORIGIN, 70_000, OTHER), honest))
    assert refused(lambda: Edge.open(Checkpoint(ORIGIN, 70_001, tree_root(70_000)), honest))
    assert refused(lambda: Edge.open(Checkpoint(ORIGIN, 70_000 + 2**24, tree_root(70_000)), honest))
    assert refused(lambda: Edge.open(Checkpoint(ORIGIN, 0, OTHER), {}))
    assert Edge.open(Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT), {}).hash_of(0, 0) is None


def opened() -> Edge:
    """The edge of the tree of 70,000 leaves, with its only full tile of level 1."""
    edge = Edge.open(head_of(70_000), partial_of(70_000))
    edge.add(1, 0, tile(1, 0))
    return edge


def test_every_flipped_byte_of_a_full_tile_is_refused_and_nothing_is_kept() -> None:
    """Whatever byte changes, at a sample of places, the tile is not accepted and its hashes stay unknown."""
    edge, row = opened(), tile(0, 5)
    for place in (0, 1, 127, 128, 254, 255):
        for at in range(32):
            bent = row[place][:at] + bytes([row[place][at] ^ 1]) + row[place][at + 1 :]
            assert refused(lambda bent=bent, place=place: edge.add(0, 5, [*row[:place], bent, *row[place + 1 :]]))
    assert edge.hash_of(0, 5 * 256) is None
    assert edge.needed(0, 5) == [(0, 5)]


def test_a_tile_counts_only_in_its_own_place() -> None:
    """Another place, another level, before the tile above it, or in a partial tile's place: refused."""
    edge = opened()
    for level, number, row in (
        (0, 6, tile(0, 5)),
        (1, 0, tile(0, 0)),
        (0, 0, tile(1, 0)),
        (0, 273, tile(0, 272)),
        (0, 274, tile(0, 272)),
        (1, 1, tile(1, 0)),
        (2, 0, tile(1, 0)),
        (7, 0, tile(1, 0)),
        (0, -1, tile(0, 0)),
    ):
        assert refused(lambda level=level, number=number, row=row: edge.add(level, number, row))
    fresh = Edge.open(head_of(70_000), partial_of(70_000))
    assert refused(lambda: fresh.add(0, 0, tile(0, 0)))
    fresh.add(0, 256, tile(0, 256))
    assert fresh.hash_of(0, 65_536) == LEAVES[65_536]


def test_a_full_tile_is_256_hashes_of_32_bytes() -> None:
    """Fewer, more, folded, or the same bytes parted elsewhere: refused."""
    edge, row = opened(), tile(0, 5)
    folded = [merkle.node_hash(row[at], row[at + 1]) for at in range(0, 256, 2)]
    for changed in (row[:-1], [*row, OTHER], [], folded, [fold(row)], [row[0][:31], row[0][31:] + row[1], *row[2:]]):
        assert refused(lambda changed=changed: edge.add(0, 5, changed))
    edge.add(0, 5, row)
    edge.add(0, 5, tuple(row))
    assert [edge.hash_of(0, 5 * 256 + n) for n in range(256)] == row


def test_what_was_read_can_be_forgotten() -> None:
    """Full tiles of one level before a number are dropped; the rest, and the edge, stay."""
    edge = opened()
    for number in (3, 4, 5):
        edge.add(0, number, tile(0, number))
    edge.forget(0, 5)
    assert [edge.hash_of(0, number * 256) is None for number in (3, 4, 5)] == [True, True, False]
    assert edge.hash_of(1, 0) == ROWS[1][0]
    assert edge.hash_of(0, 273 * 256) == LEAVES[273 * 256]
    edge.forget(1, 1)
    assert edge.hash_of(1, 0) is None
    assert edge.hash_of(0, 5 * 256) == LEAVES[5 * 256]
    # It can be read again.
    assert edge.needed(0, 4) == [(1, 0), (0, 4)]
    edge.add(1, 0, tile(1, 0))
    edge.add(0, 4, tile(0, 4))
    assert edge.hash_of(0, 4 * 256) == LEAVES[4 * 256]


def sparse(place: int) -> Callable[[int, int], bytes]:
    """The hashes of a tree of any size whose leaves are all the same but one."""
    same, one = [LEAVES[0]], [OTHER]
    for level in range(7):
        index = place >> (8 * level) & 255
        row = [same[-1]] * 256
        same.append(merkle.subtree_root(row))
        row[index] = one[-1]
        one.append(merkle.subtree_root(row))
    return lambda level, index: one[level] if index == place >> (8 * level) else same[level]


@given(st.integers(2**24, 2**53 - 1), st.data())
def test_a_huge_tree_costs_a_few_tiles(size: int, data: st.DataObject) -> None:
    """In any size up to 2^53 - 1, one leaf among all takes at most six tiles below the edge, each checked on its way."""
    place = data.draw(st.integers(0, size - 1))
    hash_at = sparse(place)

    def row(level: int, number: int, width: int = 256) -> list[bytes]:
        return [hash_at(level, number * 256 + n) for n in range(width)]

    partial = {level: row(level, number, width) for level, number, width in right_edge(size)}
    grown = merkle.CompactRange()
    for level, _, width in right_edge(size):
        for digest in partial[level][:width]:
            grown.append(digest, 256**level)
    edge = Edge.open(Checkpoint(ORIGIN, size, grown.root()), partial)
    asked = edge.needed(0, place // 256)
    assert [level for level, _ in asked] == list(range(len(asked) - 1, -1, -1))
    assert len(asked) <= 6
    for level, number in asked:
        assert number == place >> (8 * level + 8)
        assert edge.hash_of(level, place >> (8 * level)) is None
        assert refused(lambda level=level, number=number: edge.add(level, number, [LEAVES[1]] * 256))
        edge.add(level, number, row(level, number))
    assert edge.hash_of(0, place) == OTHER
