"""Tiles and bundles: paths and bytes as the specification has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import NotFoundError, PeerWrongError
from node.protocol import tiles


def test_paths_are_the_specified_ones() -> None:
    """Numbers are written in groups of three, all but the last with an x."""
    assert tiles.encode_index(1_234_067) == "x001/x234/067"
    assert tiles.encode_index(0) == "000"
    assert tiles.encode_index(273, 112) == "273.p/112"
    assert tiles.encode_index(1000, 1) == "x001/000.p/1"


@given(st.integers(0, 2**45), st.integers(1, 256))
def test_paths_read_back(number: int, width: int) -> None:
    """Every path is read as what it was written for."""
    assert tiles.decode_index(tiles.encode_index(number, width)) == (number, width)


@pytest.mark.parametrize(
    "path", ["", "0", "1000", "x001", "x000/001", "000.p/0", "000.p/256", "000.p/01", "000.p/257", "001/000", "x001/x002", "-01", "000/", "000.p/", "x1/000", "000\n"]
)  # fmt: skip
def test_other_spellings_of_a_path_are_not_found(path: str) -> None:
    """There is one path per tile."""
    with pytest.raises(NotFoundError):
        tiles.decode_index(path)


def test_widths_follow_the_size() -> None:
    """Size 70,000: 273 full tiles and one of 112; above them 1 and 17; above that 1."""
    assert [tiles.level_width(70_000, 0, n) for n in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [tiles.level_width(70_000, 1, n) for n in (0, 1, 2)] == [256, 17, 0]
    assert tiles.level_width(70_000, 2, 0) == 1


@given(st.lists(st.binary(max_size=1024), min_size=1, max_size=256))
def test_bundles_read_back(entries: list[bytes]) -> None:
    """A bundle gives its entries, in order; a shorter one is its beginning."""
    raw = tiles.encode_bundle(entries)
    assert tiles.decode_bundle(raw, len(entries)) == entries
    assert raw.startswith(tiles.encode_bundle(entries[:-1]))


@pytest.mark.parametrize(
    ("raw", "width"),
    [(b"", 1), (b"\x00", 1), (b"\x00\x02a", 1), (b"\x00\x01a\x00\x01b", 1), (b"\x00\x01a", 2), (b"\xff\xff" + b"x" * 65_535, 1), (b"\x00\x01ab", 1)],
)  # fmt: skip
def test_other_bundles_are_refused(raw: bytes, width: int) -> None:
    """Cut, overlong, or more or fewer entries than asked: refused."""
    with pytest.raises(PeerWrongError) as caught:
        tiles.decode_bundle(raw, width)
    assert caught.value.code == "bundle-malformed"


def test_a_tile_is_whole_hashes() -> None:
    """A tile is exactly its width in hashes."""
    assert tiles.decode_tile(b"a" * 32 + b"b" * 32, 2) == [b"a" * 32, b"b" * 32]
    with pytest.raises(PeerWrongError):
        tiles.decode_tile(b"a" * 63, 2)
