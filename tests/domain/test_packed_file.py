"""What is unpacked of an archive: all of what is sound, no more than the bounds, and no byte that is judged by nobody."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.domain import packed_file
from tests.documents_made import office, packed, streamed

PIECE = packed_file.PIECE


def deflated(content: bytes, level: int = 6) -> bytes:
    """The bare stream."""
    packer = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def nothing(_: str) -> bool:
    """No part is wanted."""
    return False


def test_no_more_is_unpacked_than_the_bound() -> None:
    """What an archive says of its size is believed only up to it; a bomb is refused before a byte is unpacked."""
    bomb = office(word__big_DOT_xml=bytes(20 * 2**20))
    assert len(bomb) < 100_000
    with pytest.raises(packed_file.BombError):
        packed_file.parts_of(bomb, nothing)
    assert max(map(len, packed_file._pieces(deflated(bytes(5 * 2**20))))) <= PIECE


@given(
    st.integers(0, 3), st.integers(-300, 300), st.sampled_from([b"\xff", b"ab", b"<c/>", bytes(range(256))]),
    st.integers(0, 5_000), st.integers(1, 9),
)  # fmt: skip
@example(1, 8, b"\xff", 54, 6)
@example(1, 300, b"\xff", 0, 9)
def test_what_was_packed_comes_out_whatever_its_size(
    times: int, more: int, repeated: bytes, before: int, level: int
) -> None:
    """Also where it ends just past what is taken at once, in repetitions that zlib still holds back."""
    size = max(0, times * PIECE + more)
    whole = (bytes(at * at % 251 for at in range(before)) + repeated * (size // len(repeated) + 1))[:size]
    assert b"".join(packed_file._pieces(deflated(whole, level))) == whole


def test_every_size_just_past_a_piece_comes_out() -> None:
    """One by one, for as long as one repetition is."""
    for more in range(0, 600, 3):
        whole = b"\xff" * (PIECE + more)
        assert sum(map(len, packed_file._pieces(deflated(whole)))) == len(whole)


@pytest.mark.parametrize("more", [b"x", bytes(packed_file.FED), b"x" * 5 * packed_file.FED])
def test_what_stands_behind_a_stream_is_refused(more: bytes) -> None:
    """However much of it; as is a stream that is cut off."""
    whole = deflated(b"a" * 1000)
    for bad in (whole + more, whole[:-1], b""):
        with pytest.raises(packed_file.DamagedError):
            list(packed_file._pieces(bad))


def test_an_archive_written_in_one_go_is_read() -> None:
    """Sums and sizes behind each part, with their sign or without, in four bytes or in eight."""
    whole = streamed({"a": b"a" * 90, "b": b"b"})
    assert packed_file.parts_of(whole, nothing)["a"].size == 90
    first = whole.index(b"PK\x07\x08")
    crc, small, large = struct.unpack_from("<III", whole, first + 4)
    for told in (struct.pack("<III", crc, small, large), b"PK\x07\x08" + struct.pack("<IQQ", crc, small, large)):
        assert set(packed_file.parts_of(moved(whole, first, 16, told), nothing)) == {"a", "b"}
    for told in (struct.pack("<III", crc, small, large + 1), b"x" * 12, b"PK\x07\x08" + bytes(12), bytes(17)):
        with pytest.raises(packed_file.DamagedError):
            packed_file.parts_of(moved(whole, first, 16, told), nothing)


def moved(whole: bytes, at: int, gone: int, come: bytes) -> bytes:
    """The archive with other bytes at a place, and all that is told of what follows put right."""
    by = len(come) - gone
    out = bytearray(whole[:at] + come + whole[at + gone :])
    end = out.rindex(b"PK\x05\x06")
    table = struct.unpack_from("<I", out, end + 16)[0] + by
    struct.pack_into("<I", out, end + 16, table)
    while out[table : table + 4] == b"PK\x01\x02":
        local = struct.unpack_from("<I", out, table + 42)[0]
        struct.pack_into("<I", out, table + 42, local + by if local >= at else local)
        table += 46 + sum(struct.unpack_from("<HHH", out, table + 28))
    return bytes(out)


def test_no_byte_between_the_parts_is_judged_by_nobody() -> None:
    """Neither before the first, nor between two, nor before the table: an entry that the table does not tell of hides there."""
    whole = packed({"a": b"a" * 90, "b": b"b" * 90})
    second = whole.index(b"PK\x03\x04", 4)
    table = whole.index(b"PK\x01\x02")
    hidden = packed({"word/vbaProject.bin": b"x"})
    hidden = hidden[: hidden.index(b"PK\x01\x02")]
    assert set(packed_file.parts_of(moved(whole, second, 0, b""), nothing)) == {"a", "b"}
    for at in (0, second, table):
        for bytes_between in (hidden, b"\0"):
            changed = moved(whole, at, 0, bytes_between)
            with zipfile.ZipFile(io.BytesIO(changed)) as archive:
                assert archive.testzip() is None
            with pytest.raises(packed_file.DamagedError):
                packed_file.parts_of(changed, nothing)


def test_bytes_that_no_table_tells_of_are_no_archive() -> None:
    """However they begin."""
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0, 0, 0, 8, 0)
    with pytest.raises(packed_file.DamagedError):
        packed_file.parts_of(b"PK\x03\x04hide" + end, nothing)


@pytest.mark.parametrize(("at", "value"), [(8, 0), (18, 5)])
def test_a_part_tells_of_itself_what_the_table_tells(at: int, value: int) -> None:
    """Its way of packing and its size: who reads without the table reads the same."""
    whole = bytearray(packed({"a": b"a" * 90}))
    whole[at] = value
    with pytest.raises(packed_file.DamagedError):
        packed_file.parts_of(bytes(whole), nothing)


@pytest.mark.parametrize("name", ["./a", "a/./b", "a//b", "/a", "a/..", "..", ".", "a\\b", "c:a", "a\0b"])
def test_a_name_takes_no_detour(name: str) -> None:
    """No step of it is empty or stays where it is; a folder of its own ends in a slash."""
    with pytest.raises(packed_file.DamagedError):
        packed_file._name(name.encode())
    assert packed_file._name(b"Configurations2/floater/") == "Configurations2/floater/"


def test_a_name_comes_once_in_whatever_case() -> None:
    """Programs that do not tell capitals apart would read the other."""
    with pytest.raises(packed_file.DamagedError):
        packed_file.parts_of(packed({"[Content_Types].xml": b"a", "[content_types].XML": b"b"}), nothing)


@pytest.mark.parametrize("method", ["stored", "deflated"])
def test_an_archive_inside_comes_whole(method: str) -> None:
    """Of the others the beginning alone, unless they are wanted; a wanted one that is longer than is kept is refused."""
    inner = packed({"x": bytes(range(256)) * 3_000}, stored=("x",))
    stored = ("inner", "other") if method == "stored" else ()
    whole = packed({"inner": inner, "other": b"o" * 100}, stored=stored)
    found = packed_file.parts_of(whole, nothing)
    assert (found["inner"].content, found["other"].content) == (inner, b"o" * packed_file.HEAD)
    assert packed_file.parts_of(whole, "other".__eq__)["other"].content == b"o" * 100
    long = packed({"other": b"o" * (packed_file.HELD_MAX + 1)}, stored=stored)
    with pytest.raises(packed_file.BombError):
        packed_file.parts_of(long, "other".__eq__)
    assert packed_file.parts_of(long, nothing)["other"].size == packed_file.HELD_MAX + 1


def test_the_room_that_is_left_bounds_an_archive() -> None:
    """In bytes, in parts, and in bytes that are searched; what one takes the next has not."""
    whole = packed({"a": b"a" * 90, "b": b"b" * 90})
    wanted = "a".__eq__
    room = packed_file.Room(180, 2, 90)
    assert room.after(packed_file.parts_of(whole, wanted, room), wanted) == packed_file.Room(0, 0, 0)
    for less in (packed_file.Room(179, 2, 90), packed_file.Room(180, 1, 90), packed_file.Room(180, 2, 89)):
        with pytest.raises(packed_file.BombError):
            packed_file.parts_of(whole, wanted, less)
