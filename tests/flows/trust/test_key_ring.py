"""The key ring: which of a node's keys speaks, asked anew each time, whoever lists it and whenever its file came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.flows.trust.key_ring import KeyRing
from node.protocol import keys
from node.protocol.member import Member, Membership, Roll
from node.store import keyfiles

PLACE = "lecce.example"


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    """The ring of a new home, with a second key of each role that nobody lists."""
    keyfiles.create(tmp_path / "keys")
    for role in keyfiles.ROLES:
        assert keyfiles.add(tmp_path / "keys", role) == 2
    return KeyRing(tmp_path / "keys")


def public(ring: KeyRing, role: str, number: int) -> bytes:
    """The public half of one key."""
    return ring.held.signing[role][number].public_key().public_bytes_raw()


def member(ring: KeyRing, *numbers: int) -> Member:
    """This node as it is listed with keys of those numbers, the newest last."""
    voices = {
        role: tuple(keys.Verifier(f"old.example/{role}", keys.COSIGNATURE_TYPE, public(ring, role, n)) for n in numbers)
        for role in ("witness", "mirror")
    }
    return Member(
        "p_LE", None, {f"{PLACE}#http-{n}": public(ring, "http", n) for n in numbers}, voices["witness"], voices["mirror"],
        ring.held.seals[numbers[-1]].public, frozenset({PLACE}), log=tuple(public(ring, "log", n) for n in numbers),
    )  # fmt: skip


def spoken(ring: KeyRing) -> tuple[str, set[int], int]:
    """The key id of requests, the numbers of the keys of all signing roles that speak, and the seal key's."""
    current = ring.current("config.example")
    numbers = {
        number
        for role, key in current.signing.items()
        for number, held in ring.held.signing[role].items()
        if held is key
    }
    seals = [number for number, held in ring.held.seals.items() if held is current.seal]
    return ring.request_key("config.example")[0], numbers, seals[0]


def test_the_newest_listed_key_speaks_and_is_asked_anew(ring: KeyRing) -> None:
    """One listed: that one, though a newer is on disk; both: the last; and each change of the roll counts at once."""
    membership = Membership.of(member(ring, 1), [])
    ring.follow(membership)
    assert spoken(ring) == (f"{PLACE}#http-1", {1}, 1)
    for numbers, expected in (((1, 2), 2), ((2, 1), 1), ((2,), 2)):
        membership.change(Roll.of(member(ring, *numbers), []))
        assert spoken(ring) == (f"{PLACE}#http-{expected}", {expected}, expected)


def test_a_cosigner_speaks_under_the_name_by_which_it_is_listed(ring: KeyRing) -> None:
    """A node that moved keeps its voices' names; one that is listed nowhere goes by its configured address."""
    assert ring.cosigner("witness", "config.example").name == "config.example/witness"
    ring.follow(Membership.of(member(ring, 1), []))
    assert [ring.cosigner(role, "config.example").name for role in ("witness", "mirror")] == ["old.example/witness", "old.example/mirror"]  # fmt: skip


def test_a_listed_key_that_is_not_here_is_passed_over(ring: KeyRing) -> None:
    """Of two, the one that is here speaks; of none, the newest on disk, which others refuse and the doctor tells."""
    missing = bytes(31) + b"\x09"
    own = member(ring, 1)
    ring.follow(Membership.of(replace(own, http={**own.http, f"{PLACE}#http-9": missing}), []))
    assert ring.request_key("x")[0] == f"{PLACE}#http-1"
    ring.follow(Membership.of(replace(own, http={f"{PLACE}#http-9": missing}, log=(missing,), seal=None), []))
    assert ring.request_key("x") == ("x#http-2", ring.held.signing["http"][2])
    assert ring.log_key() is ring.held.signing["log"][2]
    assert ring.seal() is ring.held.seals[2]
    assert ring.private(missing) is None


def test_a_key_that_is_made_while_the_node_runs_is_found(ring: KeyRing) -> None:
    """By its public half and by the id of a seal; what is half written is left for the next question, and nothing is forgotten."""
    number = keyfiles.add(ring.folder, "log")
    made = keyfiles.read_all(ring.folder).signing["log"][number].public_key().public_bytes_raw()
    found = ring.private(made)
    assert found is not None
    assert found.public_key().public_bytes_raw() == made
    first = public(ring, "log", 1)
    broken = ring.folder / "http-3.pem"
    broken.write_bytes(b"-----BEGIN PRIV")
    broken.chmod(0o600)
    assert ring.private(bytes(32)) is None
    assert ring.private(first) is not None
    broken.unlink()
    keyfiles.add(ring.folder, "seal")
    seal = keyfiles.read_all(ring.folder).seals[3].public
    assert ring.seal_of(seal.id) is not None
    assert ring.seal_of("0" * 16) is None


def test_a_ring_tells_nothing_by_its_repr(ring: KeyRing) -> None:
    """Neither it nor what it holds may reach a log."""
    assert (repr(ring), repr(ring.held), repr(ring.current("x"))) == ("KeyRing(...)", "Held(...)", "Keys(...)")
