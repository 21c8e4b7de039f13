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


# -- several keys of a role, and the secret --


def test_a_role_s_next_key_stands_beside_the_others(folder: Path) -> None:
    """Nothing is ever put in another key's place; numbers go on, whatever was taken away between."""
    before = contents(folder)
    assert [keyfiles.add(folder, "log") for _ in range(2)] == [2, 3]
    assert keyfiles.add(folder, "seal") == 2
    assert contents(folder).items() >= before.items()
    held = keyfiles.read_all(folder)
    assert {role: list(found) for role, found in held.signing.items()} == {
        "log": [1, 2, 3], "witness": [1], "mirror": [1], "http": [1],
    }  # fmt: skip
    assert {number: key.public.suite for number, key in held.seals.items()} == {1: 2, 2: 2}
    (folder / "log-2.pem").unlink()
    assert keyfiles.add(folder, "log") == 4
    assert keyfiles.numbers(folder, "log") == [1, 3, 4]
    # One first key of each role is what a home without an agreement goes by.
    assert keyfiles.read(folder).signing.keys() == held.first.signing.keys()
    assert held.first.signing["log"].private_bytes_raw() == keyfiles.read(folder).signing["log"].private_bytes_raw()


def test_a_home_goes_on_without_its_first_key_if_there_is_another(folder: Path) -> None:
    """A lost key is told where it was the only one; one key twice is refused, whatever its file is called."""
    (folder / "log.pem").unlink()
    with pytest.raises(OperatorError, match="key-file-missing"):
        keyfiles.read_all(folder)
    assert keyfiles.add(folder, "log") == 2
    assert list(keyfiles.read_all(folder).signing["log"]) == [2]
    with pytest.raises(OperatorError, match="key-file-missing"):
        keyfiles.read(folder)
    (folder / "http-2.pem").write_bytes((folder / "log-2.pem").read_bytes())
    (folder / "http-2.pem").chmod(0o600)
    with pytest.raises(OperatorError, match="key-reused"):
        keyfiles.read_all(folder)


def test_a_seal_key_that_was_half_made_is_made_anew(folder: Path) -> None:
    """A crash between the two files leaves a half that is no key; it is not taken for one, and stands in nobody's way."""
    keyfiles._write_new(folder / "seal-mlkem-2.pem", MLKEM768PrivateKey.generate())
    assert list(keyfiles.read_all(folder).seals) == [1]
    assert keyfiles.add(folder, "seal") == 2
    assert keyfiles.read_all(folder).seals[2].public.suite == sealed.HYBRID_SUITE


def test_a_seal_key_that_was_put_aside_still_opens(folder: Path) -> None:
    """Messages sealed for it are under way: for as long as its files are there, it is held."""
    old = keyfiles.read(folder).seal.public
    keyfiles.rotate_seal(folder, NOW)
    (aside,) = keyfiles.read_all(folder).put_aside
    assert aside.public == old


def test_the_secret_of_an_older_home_is_what_it_derived_its_own_from(folder: Path) -> None:
    """A home without one writes down the private bytes of its first request key, once; a rotation leaves it alone."""
    (folder / "secret.key").unlink()
    expected = keyfiles.read(folder).signing["http"].private_bytes_raw()
    assert keyfiles.read_all(folder).secret == expected
    keyfiles.add(folder, "http")
    (folder / "http.pem").unlink()
    assert keyfiles.read_all(folder).secret == expected == contents(folder)["secret.key"]


def test_a_new_home_s_secret_is_no_key_of_its(folder: Path) -> None:
    """It is drawn, kept to its owner, and refused when others may read it or it is cut short."""
    held = keyfiles.read_all(folder)
    assert held.secret not in {key.private_bytes_raw() for found in held.signing.values() for key in found.values()}
    path = folder / "secret.key"
    path.write_bytes(held.secret[:-1])
    with pytest.raises(OperatorError, match="key-file-bad"):
        keyfiles.read_all(folder)
    path.chmod(0o644)
    with pytest.raises(OperatorError, match="key-file-readable"):
        keyfiles.read_all(folder)


def test_all_key_files_belong_in_a_backup_and_nothing_else(folder: Path) -> None:
    """Every number, what was put aside, and the secret; drafts and strangers' files stay behind."""
    keyfiles.add(folder, "witness")
    keyfiles.rotate_seal(folder, NOW)
    (folder / "seal.pem.new").write_bytes(b"")
    (folder / "appunti.txt").write_bytes(b"")
    found = set(keyfiles.names(folder))
    assert found == {path.name for path in folder.iterdir()} - {"seal.pem.new", "appunti.txt"}
    assert {"witness-2.pem", "secret.key"} < found
    assert repr(keyfiles.read_all(folder)) == "Held(...)"
