"""Key files: a seal key of two halves, homes from before it, and the change of a seal key."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

from node.errors import OperatorError, PeerWrongError
from node.protocol import sealed
from node.store import keyfiles

NOW = dt.datetime(2027, 2, 9, 8, 5, 30, tzinfo=dt.UTC)
STAMP = "20270209-080530"
HEADER = sealed.Header("p_LE", "cmto", "7c9e6679-7425-40de-944b-e07fc1f90ae7", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The keys of a new home."""
    keyfiles.create(tmp_path / "keys")
    return tmp_path / "keys"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by name; each must be its owner's alone."""
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_new_home_has_both_halves_of_a_seal_key(folder: Path) -> None:
    """What is sealed for the public half opens with what was read."""
    held = keyfiles.read(folder)
    assert held.seal.public.suite == sealed.HYBRID_SUITE
    raw = sealed.seal(HEADER, b"buongiorno", held.seal.public)
    assert sealed.unseal(sealed.parse(raw), "cmto", keyfiles.read(folder).seal) == b"buongiorno"
    assert set(contents(folder)) == {f"{role}.pem" for role in (*keyfiles.SIGNING_ROLES, "seal", "seal-mlkem")} | {
        "secret.key"
    }


def test_an_older_home_has_one_half(folder: Path) -> None:
    """Without the second file messages are sealed for the first alone."""
    both = keyfiles.read(folder).seal.public
    (folder / "seal-mlkem.pem").unlink()
    public = keyfiles.read(folder).seal.public
    assert (public.suite, public.mlkem768, public.x25519) == (sealed.X25519_SUITE, None, both.x25519)
    assert public.id != both.id


def test_the_second_file_is_judged_like_the_others(folder: Path) -> None:
    """A key of another kind, or one that others may read, is refused by name."""
    path = folder / "seal-mlkem.pem"
    path.write_bytes((folder / "seal.pem").read_bytes())
    with pytest.raises(OperatorError, match="key-file-bad") as caught:
        keyfiles.read(folder)
    assert caught.value.where == str(path)
    path.chmod(0o640)
    with pytest.raises(OperatorError, match="key-file-readable"):
        keyfiles.read(folder)


def test_a_seal_key_is_changed_and_the_old_one_is_kept(folder: Path) -> None:
    """New files in the old places, the old ones beside them; what was sealed before asks for the old key by its id."""
    before, old = contents(folder), keyfiles.read(folder).seal.public
    new = keyfiles.rotate_seal(folder, NOW)
    assert new == keyfiles.read(folder).seal.public
    assert not {new.x25519, new.mlkem768} & {old.x25519, old.mlkem768}
    after = contents(folder)
    for name in ("seal.pem", "seal-mlkem.pem"):
        assert after.pop(f"{name}.{STAMP}.old") == before[name] != after[name]
    assert set(after) == set(before)
    assert {name: after[name] for name in after if "seal" not in name} == {
        name: before[name] for name in before if "seal" not in name
    }
    with pytest.raises(PeerWrongError, match="seal-key-unknown"):
        sealed.unseal(sealed.parse(sealed.seal(HEADER, b"x", old)), "cmto", keyfiles.read(folder).seal)


@pytest.mark.parametrize("name", ["seal.pem", "seal-mlkem.pem"])
def test_a_key_put_aside_is_never_overwritten(folder: Path, name: str) -> None:
    """Twice in one second: refused before anything is written."""
    (folder / f"{name}.{STAMP}.old").touch(mode=0o600)
    before = contents(folder)
    with pytest.raises(OperatorError, match="key-file-exists") as caught:
        keyfiles.rotate_seal(folder, NOW)
    assert caught.value.where == str(folder / f"{name}.{STAMP}.old")
    assert contents(folder) == before


def test_an_older_home_gets_both_halves_with_its_next_key(folder: Path) -> None:
    """There is only one old file to keep."""
    (folder / "seal-mlkem.pem").unlink()
    assert keyfiles.rotate_seal(folder, NOW).suite == sealed.HYBRID_SUITE
    assert [name for name in contents(folder) if name.endswith(".old")] == [f"seal.pem.{STAMP}.old"]


def test_a_change_that_was_cut_short_is_made_again(folder: Path) -> None:
    """What it left is nobody's key; and with one new half beside an old one the node still starts, and changes again."""
    keyfiles._write_new(folder / "seal-mlkem.pem.new", MLKEM768PrivateKey.generate())
    (folder / "seal.pem.new").touch(mode=0o600)
    first = keyfiles.rotate_seal(folder, NOW)
    assert not [name for name in contents(folder) if name.endswith(".new")]
    (folder / "seal-mlkem.pem").write_bytes((folder / f"seal-mlkem.pem.{STAMP}.old").read_bytes())
    assert keyfiles.read(folder).seal.public.id != first.id
    assert keyfiles.rotate_seal(folder, NOW + dt.timedelta(seconds=1)) == keyfiles.read(folder).seal.public


def test_a_bad_key_is_not_changed(folder: Path) -> None:
    """What cannot be read is looked at first by somebody."""
    (folder / "seal.pem").write_bytes(b"nonsense")
    before = contents(folder)
    with pytest.raises(OperatorError, match="key-file-bad"):
        keyfiles.rotate_seal(folder, NOW)
    assert contents(folder) == before
