"""Who belongs: keys that serve once, who may witness whom, which request keys are accepted (PROTOCOL 1.2, 7)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.errors import CallerError
from node.protocol import keys
from node.protocol.member import Member, Membership, Roll, cosigner_key
from node.protocol.sealed import SealKey, SealPrivate


def public(number: int) -> bytes:
    """A fixed public key."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32).public_key().public_bytes_raw()


def cosigner(name: str, number: int) -> keys.Verifier:
    """A cosignature key."""
    return keys.Verifier(name, keys.COSIGNATURE_TYPE, public(number))


def seal_key(number: int) -> SealKey:
    """A fixed key of both kinds."""
    return SealPrivate(
        X25519PrivateKey.from_private_bytes(bytes([number]) * 32),
        MLKEM768PrivateKey.from_seed_bytes(bytes([number]) * 64),
    ).public


def member(name: str, first_key: int, url: str | None = "https://x.example") -> Member:
    """A member with four keys of its own."""
    return Member(
        name, url, {f"{name}#http-1": public(first_key)},
        (cosigner(f"{name}/witness", first_key + 1),), (cosigner(f"{name}/mirror", first_key + 2),),
        seal_key(first_key), frozenset({name}),
    )  # fmt: skip


OWN, LODI, ROMA = member("lecce", 1, url=None), member("lodi", 11), member("roma", 21)


def test_members_are_held_by_id_and_peers_are_the_others_with_an_address() -> None:
    """In order of their ids; a member without an address can't be asked, and stays a member."""
    silent = member("asti", 31, url=None)
    found = Membership.of(OWN, [ROMA, silent, LODI])
    assert (found.own_id, set(found.members)) == ("lecce", {"lecce", "roma", "asti", "lodi"})
    assert found.members["roma"] == ROMA
    assert found.peers == [LODI, ROMA]


def test_request_keys_are_those_of_the_others() -> None:
    """Our own key authenticates nobody to ourselves."""
    assert Membership.of(OWN, [LODI, ROMA]).http_keys == {"lodi#http-1": public(11), "roma#http-1": public(21)}


def test_nobody_witnesses_their_own_log_or_without_a_key() -> None:
    """Three at most, by the names of their keys; the owner and members without a witness key are never among them."""
    others = [member(f"n{at}", 40 + 10 * at) for at in range(5)]
    mute = replace(LODI, witness=())
    found = Membership.of(OWN, [mute, *others])
    chosen = found.witnesses_of("lecce/federation/log/2026", "lecce")
    assert len(chosen) == 3
    assert not {"lecce", "lodi"} & set(chosen)
    assert all(chosen[name] == found.members[name].witness for name in chosen)
    assert all("n0" not in found.witnesses_of(f"n0/federation/log/{year}", "n0") for year in range(2020, 2040))


def test_whoever_changes_keys_has_two_and_one_voice() -> None:
    """Both request keys are its own, both witness keys speak for it; what names its logs leads to it, and to nobody who is not here."""
    two = replace(
        LODI,
        http={"lodi#http-1": public(11), "lodi#http-2": public(91)},
        witness=(*LODI.witness, cosigner("lodi/witness", 92)),
    )
    found = Membership.of(OWN, [two])
    assert found.callers == {"lodi#http-1": "lodi", "lodi#http-2": "lodi"}
    assert found.http_keys["lodi#http-2"] == public(91)
    assert len(found.witnesses_of("lecce/federation/log/2026", "lecce")["lodi"]) == 2
    assert found.member_at("lodi") == two
    assert found.member_at("lecce") is found.member_at("nessuno") is None


def test_a_membership_changes_as_a_whole_and_knows_who_is_suspended() -> None:
    """Whoever holds it sees the new roll; a suspended node is no member, its key is known and used by nobody else; the quorum is the roll's."""
    found = Membership.of(OWN, [LODI, ROMA])
    kept = found.roll
    found.change(Roll.of(OWN, [LODI], [ROMA], (1, 1)))
    assert (set(found.members), set(found.callers)) == ({"lecce", "lodi"}, {"lodi#http-1"})
    assert found.roll.suspended == {"roma#http-1": "roma"}
    assert found.roll.suspended_keys == {"roma#http-1": public(21)}
    assert (found.quorum, len(found.witnesses_of("x/federation/log/2026", "x"))) == (1, 1)
    assert set(kept.members) == {"lecce", "lodi", "roma"}
    with pytest.raises(CallerError, match="member-key-reused"):
        Roll.of(OWN, [LODI], [replace(ROMA, witness=LODI.witness)])


@pytest.mark.parametrize(
    "other",
    [
        replace(LODI, http={"lodi#http-1": public(1)}),
        replace(LODI, witness=(cosigner("lodi/witness", 3),)),
        replace(LODI, mirror=(cosigner("lodi/mirror", 2),)),
        replace(LODI, mirror=(cosigner("lodi/mirror", 12),)),
        replace(LODI, witness=(cosigner("lodi/witness", 11),)),
        replace(LODI, seal=OWN.seal),
        replace(LODI, seal=SealKey(seal_key(1).x25519, None)),
        replace(LODI, seal=SealKey(seal_key(12).x25519, seal_key(1).mlkem768)),
    ],
)
def test_a_key_serves_one_role_of_one_member(other: Member) -> None:
    """Of another member or of its own, whatever the role: one voice would count as two."""
    with pytest.raises(CallerError) as caught:
        Membership.of(OWN, [ROMA, other])
    assert (caught.value.code, caught.value.where) == ("member-key-reused", "lodi")


def test_members_may_lack_a_role() -> None:
    """No witness key twice is no key used twice, nor no seal key."""
    bare = [replace(found, witness=(), mirror=(), seal=None) for found in (LODI, ROMA)]
    assert len(Membership.of(OWN, bare).members) == 3


def test_a_cosigner_key_is_for_its_role_and_of_its_kind() -> None:
    """A log's key can't cosign, a mirror's can't witness, and none is no key."""
    good = keys.format_vkey("lodi/witness", public(12), keys.COSIGNATURE_TYPE)
    assert cosigner_key(good, "witness") == cosigner("lodi/witness", 12)
    assert cosigner_key("", "witness") is None
    for text in (
        keys.format_vkey("lodi/mirror", public(12), keys.COSIGNATURE_TYPE),
        keys.format_vkey("lodi/witness", public(12), keys.LOG_TYPE),
        "nonsense",
    ):
        with pytest.raises(CallerError) as caught:
            cosigner_key(text, "witness")
        assert caught.value.code == "vkey-malformed"
