"""The file of a backup: what goes in comes out, and no byte can be other than it was."""

from __future__ import annotations

import hashlib
import io
import os
import random
import struct
from pathlib import Path
from typing import Any

import orjson
import pytest

from node.errors import CallerError
from node.store import backup_file
from node.store.backup_file import MAGIC, PIECE, TAG, Manifest, Opened, Writer

WORDS = "corretto cavallo graffetta"
# The cheapest that there is: the real cost is one test's.
CHEAP = (2, 1, 1)
SECRET = b"Rossi Mario, via Roma 1"


def written(path: Path, parts: dict[str, bytes], passphrase: str = WORDS, **facts: object) -> Path:
    """A file with some parts."""
    out = io.BytesIO()
    writer = Writer(out, passphrase, CHEAP)
    for name, content in parts.items():
        writer.part(name, [content[at : at + 70_000] for at in range(0, len(content), 70_000)])
    writer.finish(facts)
    path.write_bytes(out.getvalue())
    return path


def opened(path: Path, passphrase: str = WORDS) -> Opened:
    """A file, opened and read to its end."""
    found = Opened(backup_file.read_manifest(path), passphrase)
    found.check()
    return found


def refusal(path: Path, passphrase: str = WORDS) -> CallerError:
    """Why a file is refused."""
    with pytest.raises(CallerError) as caught:
        opened(path, passphrase)
    return caught.value


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 7])
def test_what_goes_in_comes_out(tmp_path: Path, size: int) -> None:
    """Whatever its size, at each edge of the pieces it is cut into, in whatever pieces it comes."""
    content = os.urandom(size)
    found = opened(written(tmp_path / "x", {"home": SECRET, "database": content}, node="p_LE"))
    assert (found.read("home"), found.read("database")) == (SECRET, content)
    assert found.manifest.facts["node"] == "p_LE"
    assert found.manifest.facts["format"] == "rete-backup/1"


def test_the_real_cost_is_what_the_manifest_says(tmp_path: Path) -> None:
    """A file sealed as the program does it opens again; guessing costs 128 MiB each time."""
    out = io.BytesIO()
    writer = Writer(out, WORDS)
    writer.part("home", [SECRET])
    digest = writer.finish({})
    (tmp_path / "x").write_bytes(out.getvalue())
    found = opened(tmp_path / "x")
    assert (found.read("home"), found.manifest.digest) == (SECRET, digest)
    n, r, p = found.manifest.cost
    assert (128 * n * r, p) == (128 * 2**20, 1)


def test_nothing_of_the_content_can_be_seen_and_no_two_files_are_alike(tmp_path: Path) -> None:
    """The same parts by the same words twice: other salt, other bytes, and none of the content in either."""
    first, second = (written(tmp_path / name, {"home": SECRET * 9}).read_bytes() for name in ("a", "b"))
    assert SECRET not in first + second
    assert WORDS.encode() not in first + second
    assert first[len(MAGIC) :][:64] != second[len(MAGIC) :][:64]


def test_each_changed_byte_is_found_and_its_place_told(tmp_path: Path) -> None:
    """Every single byte of a file, changed: refused, as damaged or not known; in a part, with the part's name."""
    path = written(tmp_path / "x", {"home": SECRET, "database": SECRET * 20}, node="p_LE")
    whole, parts = path.read_bytes(), backup_file.read_manifest(path).parts
    ends = [(part.name, part.at, part.at + part.size) for part in parts]
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        error = refusal(path)
        if at < len(MAGIC):
            assert error.code == "backup-unknown", at
            continue
        assert error.code == "backup-damaged", at
        name, begins, ended = next(((n, b, e) for n, b, e in ends if b <= at < e), ("manifest", 0, 0))
        assert f"({name})" in error.where, at
        if ended:
            assert error.facts == {"first": begins, "last": ended - 1}, at


def test_a_place_is_told_to_the_piece(tmp_path: Path) -> None:
    """In a long part, which mebibyte."""
    path = written(tmp_path / "x", {"database": os.urandom(3 * PIECE)})
    whole = bytearray(path.read_bytes())
    whole[len(MAGIC) + PIECE + TAG + 5] ^= 8
    path.write_bytes(whole)
    assert refusal(path).facts == {"first": len(MAGIC) + PIECE + TAG, "last": len(MAGIC) + 2 * (PIECE + TAG) - 1}


@pytest.mark.parametrize("keep", [0, 5, len(MAGIC), 40, 90, 300, -1, -72, -73])
def test_a_file_that_was_cut_or_grew_is_refused(tmp_path: Path, keep: int) -> None:
    """At any length; and with something behind its end."""
    path = written(tmp_path / "x", {"home": SECRET, "database": SECRET * 20})
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    assert refusal(path).code in ("backup-damaged", "backup-unknown")
    path.write_bytes(whole + b"\0")
    assert refusal(path).code == "backup-damaged"


def test_a_wrong_passphrase_is_told_from_a_damaged_file(tmp_path: Path) -> None:
    """By its own code; the same words composed otherwise are the same words."""
    path = written(tmp_path / "x", {"home": SECRET}, "perché così è più lunga")
    assert refusal(path, "un'altra frase segreta").code == "backup-passphrase-wrong"
    assert opened(path, "perche\u0301 cosi\u0300 e\u0300 piu\u0300 lunga").read("home") == SECRET


def forged(path: Path, change: dict[str, Any]) -> None:
    """A file whose manifest somebody without the passphrase wrote anew, with its SHA-256."""
    found: Manifest = backup_file.read_manifest(path)
    value = orjson.loads(found.raw)
    for key, new in change.items():
        value[key] = value[key] | new if isinstance(new, dict) else new
    raw = orjson.dumps(value)
    body = path.read_bytes()[: -(len(found.raw) + 72)]
    path.write_bytes(body + raw + struct.pack(">32s32sQ", hashlib.sha256(raw).digest(), found.code, len(raw)))


@pytest.mark.parametrize(
    "change",
    [
        {"made_at": "2031-01-01T00:00:00+00:00"},
        {"parts": []},
        {"seal": {"n": 2**30}},
        {"seal": {"n": 3}},
        {"seal": {"n": 1}},
        {"seal": {"r": 10**9}},
        {"seal": {"kdf": "none"}},
        {"seal": {"salt": "?"}},
        {"parts": [{"name": "home", "bytes": 3, "sha256": ""}]},
        {"parts": [{"name": "home"}]},
        {"parts": 7},
    ],
)
def test_a_manifest_that_others_wrote_is_refused_before_it_costs_anything(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    """Other facts, no parts, a cost that would eat the machine: damaged, and nothing was derived or read at that cost."""
    path = written(tmp_path / "x", {"home": SECRET}, made_at="2026-11-24T10:00:00+00:00")
    forged(path, change)
    assert refusal(path).code == "backup-damaged"


def test_parts_cannot_change_places(tmp_path: Path) -> None:
    """Each part has a key of its own: one in another's place opens nothing."""
    path = written(tmp_path / "x", {"home": SECRET, "highs": SECRET})
    parts = orjson.loads(backup_file.read_manifest(path).raw)["parts"]
    forged(path, {"parts": [{**parts[0], "name": "highs"}, {**parts[1], "name": "home"}]})
    assert refusal(path).code == "backup-damaged"
    with pytest.raises(CallerError, match="backup-damaged"):
        opened(written(tmp_path / "y", {"home": SECRET})).read("database")


def test_what_is_no_backup_is_refused_in_words(tmp_path: Path) -> None:
    """Random bytes, a tar, an empty file: never a traceback; a short passphrase is refused before any work."""
    drawn = random.Random(1)
    for size in (0, 1, 14, 100, 5000):
        (tmp_path / "x").write_bytes(drawn.randbytes(size))
        assert refusal(tmp_path / "x").code == "backup-unknown"
        (tmp_path / "x").write_bytes(MAGIC + drawn.randbytes(size))
        assert refusal(tmp_path / "x").code == "backup-damaged"
    for words in ("", "undici ltr."):
        with pytest.raises(CallerError, match="backup-passphrase-short"):
            backup_file.check_passphrase(words)
    assert backup_file.check_passphrase("dodici lettr") == "dodici lettr"
