"""Changing keys while a federation of three goes on: old and new agreement both follow, and a stolen key is nobody's word."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import runtime
from node.domain.saved import leave_mark, may_leave
from node.errors import CallerError, LogStateError, PeerWrongError
from node.flows.introductions import post
from node.flows.logs import accuse, epoch, prove
from node.flows.logs.append import sign_head
from node.flows.people import second_factor
from node.flows.trust import council, keys_shown, rotate
from node.flows.trust.rotate import Change, Rotation
from node.protocol import inconsistency, keys, merkle, note, routine, sealed, tlog_proof, witness
from node.protocol.agreement import Agreement, Status
from node.protocol.checkpoint import Checkpoint
from node.protocol.heads import Offered
from node.protocol.inconsistency import Inconsistency
from node.protocol.post import Numbered
from node.store import keyfiles, origins, own_log
from node.store import witness as witnessed
from tests.agreed_made import Agreed, agreed
from tests.agreement_made import OFFICE, THREE, signed
from tests.federation_made import Clock, Town

IDS = ("p_LE", "cmto", "bic-lazio")


@pytest.fixture
def clock() -> Clock:
    """The time of the federation."""
    return Clock()


@pytest.fixture
async def three(server: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Agreed]:
    """Three nodes that follow one agreement, all serving."""
    async with agreed(server, tmp_path, clock, IDS) as made:
        yield made


async def rotation(town: Town) -> Rotation:
    """A change of a node's keys on what is in force there."""
    own = await runtime.current_own(town.node)
    state = council.place_of(town.node.agreement).in_force
    waiting = await rotate.waiting(town.node.pool)
    return Rotation(town.node.ring, state, town.id, own.origin, town.node.clock(), waiting)


async def bring(change: Change, *towns: Town) -> None:
    """Have a change signed by whoever must, and brought to those nodes alone."""
    raw = signed(change.raw, OFFICE if change.kind == rotate.ROUTINE else THREE)
    for town in towns:
        taken = await council.receive(town.node.pool, council.place_of(town.node.agreement), raw, town.node.clock())
        assert taken.applied


async def signatures(town: Town) -> set[bytes]:
    """The ids of the keys that signed a node's newest head."""
    async with town.node.pool.acquire() as conn:
        found = await own_log.signed_latest(conn, (await runtime.current_own(town.node)).origin_id)
    assert found is not None
    return {line.key_id for line in note.parse(found.note).signatures}


def log_key(town: Town, number: int) -> Ed25519PrivateKey:
    """One of a node's log keys."""
    town.node.ring.reload()
    return town.node.ring.held.signing["log"][number]


def id_of(town: Town, number: int) -> bytes:
    """The id under which one of a node's log keys signs."""
    return keys.LogSigner(town.node.own.origin, log_key(town, number)).id


async def sizes(of: Town, *at: Town) -> list[int]:
    """How much of a node's log the others have after a pull each."""
    for town in at:
        await town.sync()
    return [(await town.origin(of.id)).size for town in at]


# -- the log's key, with overlap --


async def test_a_log_key_changes_while_peers_with_the_old_and_the_new_agreement_follow(three: Agreed) -> None:
    """Both keys sign while both are listed; when the old one is let go, who has heard of the new one misses nothing."""
    lecce, torino, lazio = three
    await lecce.publish(3)
    assert await sizes(lecce, torino, lazio) == [3, 3]
    change = (await rotation(lecce)).rotate("log")
    assert (change.kind, change.file, change.old) == (rotate.ROUTINE, "log-2.pem", 1)
    await bring(change, lecce, torino)

    # The head that was signed already is signed again: same size, same root, both keys.
    assert await signatures(lecce) == {id_of(lecce, 1)}
    assert await sign_head(lecce.node.pool, lecce.node.own, lecce.node.clock()) == 3
    assert await signatures(lecce) == {id_of(lecce, 1), id_of(lecce, 2)}
    assert await sign_head(lecce.node.pool, lecce.node.own, lecce.node.clock()) is None
    await lecce.publish(2)
    assert await signatures(lecce) == {id_of(lecce, 1), id_of(lecce, 2)}
    # Rome has not heard of the change: to it the new key is a stranger's, and the old one says the same.
    assert await sizes(lecce, torino, lazio) == [5, 5]

    await bring(change, lazio)
    assert await sizes(lecce, lazio) == [5]
    await bring(await (await rotation(lecce)).retire("log", lecce.node.pool), lecce, torino)
    await lecce.publish(1)
    assert await signatures(lecce) == {id_of(lecce, 2)}
    assert await sizes(lecce, torino, lazio) == [6, 6]


async def test_a_relay_that_knows_one_key_and_one_that_knows_both_hand_on_what_they_can(three: Agreed) -> None:
    """With its own node away, a log is pulled from a relay whose agreement is older or newer than ours."""
    lecce, torino, lazio = three
    await lecce.publish(3)
    change = (await rotation(lecce)).rotate("log")
    await bring(change, lecce, torino)
    await lecce.publish(1)
    assert await sizes(lecce, torino) == [4]
    await lecce.stop()
    # Rome, with the old agreement, reads what Turin, with the new one, relays.
    await lazio.gossip()
    assert (await lazio.origin(lecce.id)).size == 4
    held = (await torino.origin(lecce.id)).checkpoint
    assert held is not None
    assert {line.key_id for line in note.parse(held).signatures if line.name == lecce.node.own.origin} == {
        id_of(lecce, 1), id_of(lecce, 2)
    }  # fmt: skip


async def test_peers_do_not_tell_each_other_the_same_head_for_ever(three: Agreed) -> None:
    """Lines of two keys add up to one note, whichever came first: after a round nothing changes any more."""
    lecce, torino, lazio = three
    await lecce.publish(2)
    assert await sizes(lecce, torino, lazio) == [2, 2]
    await bring((await rotation(lecce)).rotate("log"), lecce, torino, lazio)
    await sign_head(lecce.node.pool, lecce.node.own, lecce.node.clock())
    for _ in range(2):
        await asyncio.gather(*(town.gossip() for town in (torino, lazio)))
    notes = {(await town.origin(lecce.id)).checkpoint for town in (torino, lazio)}
    assert len(notes) == 1
    for town in (torino, lazio):
        async with town.node.pool.acquire() as conn:
            before = (await origins.heads_moment(conn))[1]
        await town.gossip()
        async with town.node.pool.acquire() as conn:
            assert (await origins.heads_moment(conn))[1] == before


async def test_a_head_whose_entries_were_damaged_is_not_signed_by_the_new_key_either(three: Agreed) -> None:
    """The root is recomputed before another key says it again: a flipped bit is never signed."""
    lecce, torino, lazio = three
    await lecce.publish(3)
    await bring((await rotation(lecce)).rotate("log"), lecce, torino, lazio)
    async with lecce.node.pool.acquire() as conn:
        await conn.execute("UPDATE log.entry SET entry = overlay(entry PLACING 'X' FROM 1) WHERE origin_id = $1 AND idx = 1", lecce.node.own.origin_id)  # fmt: skip
    with pytest.raises(LogStateError, match="root-differs"):
        await sign_head(lecce.node.pool, lecce.node.own, lecce.node.clock())
    assert await signatures(lecce) == {id_of(lecce, 1)}


async def test_a_lost_log_key_is_followed_by_another(three: Agreed) -> None:
    """Without the old key's file the new one signs alone, once it is listed; until then nothing is signed, and it is told."""
    lecce, torino, lazio = three
    await lecce.publish(2)
    folder = lecce.node.ring.folder
    (folder / "log.pem").unlink()
    keyfiles.add(folder, "log")
    lecce.node.ring.reload()
    with pytest.raises(LogStateError, match="log-key-missing"):
        await lecce.publish(1)
    with pytest.raises(CallerError, match="key-file-missing"):
        (await rotation(lecce)).rotate("log")
    change = (await rotation(lecce)).rotate("log", lost=True)
    assert change.file == "log-2.pem"
    await bring(change, lecce, torino, lazio)
    await sign_head(lecce.node.pool, lecce.node.own, lecce.node.clock())
    assert await sizes(lecce, torino, lazio) == [3, 3]


# -- a stolen log key --


async def test_what_a_thief_signs_beyond_the_size_is_refused_everywhere(three: Agreed) -> None:
    """After the council has spoken: pull, relay, witness, proof and accusation all know the stolen key for nothing more."""
    lecce, torino, lazio = three
    await lecce.publish(3)
    assert await sizes(lecce, torino, lazio) == [3, 3]
    change = await (await rotation(lecce)).revoke("log", lecce.node.pool, 3)
    assert change.kind == rotate.ROOT
    await bring(change, lecce, torino, lazio)
    assert await sign_head(lecce.node.pool, lecce.node.own, lecce.node.clock()) == 3
    origin, thief = lecce.node.own.origin, log_key(lecce, 1)
    forged = Checkpoint(origin, 4, merkle.leaf_hash(b"forged"))
    raw = note.sign(forged.text(), [keys.LogSigner(origin, thief)])

    row = await torino.origin(lecce.id)
    with pytest.raises(PeerWrongError, match="checkpoint-key-withdrawn"):
        tlog_proof.signed_checkpoint(raw, row.verifiers)
    submission = witness.encode_submission(3, (), raw)
    async with torino.session.post(
        f"http://127.0.0.1:{torino.port}/federation/witness/add-checkpoint", data=submission
    ) as reply:
        assert (reply.status, (await reply.json())["code"]) == (403, "witness-unsigned")
    honest = (await runtime.current_own(lecce.node)).origin_id
    async with lecce.node.pool.acquire() as conn:
        ours = await own_log.signed_latest(conn, honest)
    assert ours is not None
    other = note.sign(Checkpoint(origin, 5, bytes(32)).text(), [keys.LogSigner(origin, thief)])
    claim = Inconsistency(origin, raw, other, ())
    async with torino.session.post(
        f"http://127.0.0.1:{torino.port}/federation/proofs",
        data=inconsistency.encode(claim),
        headers={"Content-Type": "application/json"},
    ) as reply:
        assert reply.status == 422
    with pytest.raises(PeerWrongError, match="inconsistency-unproven"):
        await accuse.quarantine(torino.node.pool, claim, torino.node.clock())
    # What it signed up to there still counts, and the new key goes on from it.
    assert tlog_proof.signed_checkpoint(ours.note, row.verifiers).size == 3
    await lecce.publish(1)
    assert await sizes(lecce, torino, lazio) == [4, 4]
    made = await prove.inclusion(torino.node.pool, lecce.published[0])
    assert prove.check(tlog_proof.encode(made), row.verifiers, {}, None).size == 4


async def test_what_a_thief_had_brought_in_is_taken_back(three: Agreed) -> None:
    """A head, a witness's memory and an accusation that rest on the stolen key alone fall with it; then the log is followed anew."""
    lecce, torino, lazio = three
    await lecce.publish(2)
    assert await sizes(lecce, torino, lazio) == [2, 2]
    origin, thief = lecce.node.own.origin, log_key(lecce, 1)
    forged = note.sign(Checkpoint(origin, 9, bytes(32)).text(), [keys.LogSigner(origin, thief)])
    twin = note.sign(Checkpoint(origin, 9, bytes([1]) * 32).text(), [keys.LogSigner(origin, thief)])
    row = await torino.origin(lecce.id)
    async with torino.node.pool.acquire() as conn:
        # As if Turin had pulled it, cosigned it, and then been shown the other one.
        await conn.execute("UPDATE log.origin SET checkpoint = $2, checkpoint_size = 9, size = 9 WHERE origin_id = $1", row.origin_id, forged)  # fmt: skip
        await witnessed.lock_witnessed(conn, row.origin_id)
        await witnessed.keep_witnessed(conn, row.origin_id, 9, bytes(32), forged, torino.node.clock())
    assert await accuse.quarantine(torino.node.pool, Inconsistency(origin, forged, twin, ()), torino.node.clock())
    assert (await torino.origin(lecce.id)).state == "quarantined"

    await bring(await (await rotation(lecce)).revoke("log", lecce.node.pool, 2), lecce, torino, lazio)
    row = await torino.origin(lecce.id)
    assert (row.state, row.size, row.checkpoint) == ("waiting", 0, None)
    async with torino.node.pool.acquire() as conn:
        assert await witnessed.witnessed_note(conn, row.origin_hash) is None
    # Rome had nothing of it: nothing of what it holds is dropped.
    assert (await lazio.origin(lecce.id)).size == 2
    await lecce.publish(1)
    assert await sizes(lecce, torino, lazio) == [3, 3]
    assert await torino.known() == 3


async def test_a_log_that_did_lie_stays_in_quarantine_when_a_key_is_withdrawn(three: Agreed) -> None:
    """Both heads within the size: the withdrawn key's word counts there, and what was proved stays proved."""
    lecce, torino, lazio = three
    await lecce.publish(2)
    assert await sizes(lecce, torino) == [2]
    origin, key = lecce.node.own.origin, log_key(lecce, 1)
    pair = [note.sign(Checkpoint(origin, 1, bytes([n]) * 32).text(), [keys.LogSigner(origin, key)]) for n in (1, 2)]
    assert await accuse.quarantine(torino.node.pool, Inconsistency(origin, *pair, ()), torino.node.clock())
    await bring(await (await rotation(lecce)).revoke("log", lecce.node.pool, 2), lecce, torino, lazio)
    assert (await torino.origin(lecce.id)).state == "quarantined"
    assert (await torino.origin(lecce.id)).error_code == "log-inconsistent"


async def test_with_a_withdrawn_key_nobody_is_accused_anew(three: Agreed) -> None:
    """Not even of heads that are small enough for its word to count: whoever stole it could do so after every release."""
    lecce, torino, lazio = three
    await lecce.publish(2)
    assert await sizes(lecce, torino) == [2]
    origin, key = lecce.node.own.origin, log_key(lecce, 1)
    await bring(await (await rotation(lecce)).revoke("log", lecce.node.pool, 2), lecce, torino, lazio)
    for size in (0, 1, 2):
        pair = [
            note.sign(Checkpoint(origin, size, bytes([n]) * 32).text(), [keys.LogSigner(origin, key)]) for n in (1, 2)
        ]
        with pytest.raises(PeerWrongError, match="inconsistency-unproven"):
            await accuse.quarantine(torino.node.pool, Inconsistency(origin, *pair, ()), torino.node.clock())
    assert (await torino.origin(lecce.id)).state != "quarantined"


@pytest.mark.parametrize("until", [None, 4])
async def test_a_stolen_log_key_needs_a_size_that_was_signed(three: Agreed, until: int | None) -> None:
    """Nobody can be asked to believe a key for more than was ever said with it."""
    lecce, *_ = three
    await lecce.publish(3)
    with pytest.raises(CallerError, match="keys-until-size"):
        await (await rotation(lecce)).revoke("log", lecce.node.pool, until)


async def test_the_next_year_s_log_begins_under_every_key_that_counts_and_no_other(three: Agreed) -> None:
    """In the overlap it has both keys; a thief with a withdrawn one begins nothing."""
    lecce, torino, lazio = three
    await lecce.publish(2)
    assert await sizes(lecce, torino, lazio) == [2, 2]
    await bring(await (await rotation(lecce)).revoke("log", lecce.node.pool, 2), lecce, torino, lazio)
    await bring((await rotation(lecce)).rotate("log"), lecce, torino, lazio)
    line = lecce.node.own.origin.replace("2026", "2027")
    thief = keys.LogSigner(line, log_key(lecce, 1))
    members, known = torino.node.membership.members, {o.origin: o for o in [await torino.origin("p_LE")]}

    async def begun(*by: keys.LogSigner) -> bool:
        offered = Offered(line, note.sign(Checkpoint(line, 1, bytes(32)).text(), list(by)))
        return await epoch.enrol_successor(torino.node.pool, members["cmto"], offered, known, "p_LE") is not None

    assert not await begun(thief)
    own = await epoch.rollover(lecce.node.pool, lecce.node.own, 2027, "anna", lecce.node.clock())
    assert await signatures(lecce) == {keys.LogSigner(line, log_key(lecce, n)).id for n in (2, 3)}
    assert own.origin == line
    await torino.gossip()
    row = await torino.origin("p_LE")
    assert (row.origin, row.size) == (line, 2)
    assert {v.public for v in row.verifiers} == {log_key(lecce, n).public_key().public_bytes_raw() for n in (2, 3)}
    # When the agreement speaks again of the log that is listed, the one that continues it goes along.
    await bring(await (await rotation(lecce)).retire("log", lecce.node.pool), lecce, torino, lazio)
    assert {v.public for v in (await torino.origin("p_LE")).verifiers} == {
        log_key(lecce, 3).public_key().public_bytes_raw()
    }


async def test_a_key_stolen_after_the_year_has_turned_is_withdrawn_from_the_log_that_is_written(three: Agreed) -> None:
    """The agreement lists last year's log alone: the present one is listed with the size, and with the new key."""
    lecce, torino, lazio = three
    await lecce.publish(2)
    assert await sizes(lecce, torino, lazio) == [2, 2]
    await epoch.rollover(lecce.node.pool, lecce.node.own, 2027, "anna", lecce.node.clock())
    for town in (torino, lazio):
        await town.gossip()
    await bring(await (await rotation(lecce)).revoke("log", lecce.node.pool, 2), lecce, torino, lazio)
    own = await runtime.current_own(lecce.node)
    assert await sign_head(lecce.node.pool, own, lecce.node.clock()) == 2
    await lecce.publish(1)
    assert await sizes(lecce, torino, lazio) == [3, 3]
    row = await torino.origin("p_LE")
    assert row.origin == own.origin
    assert sorted((v.until_size is not None, v.until_size) for v in row.verifiers) == [(False, None), (True, 2)]
    thief = keys.LogSigner(own.origin, log_key(lecce, 1))
    with pytest.raises(PeerWrongError, match="checkpoint-key-withdrawn"):
        tlog_proof.signed_checkpoint(note.sign(Checkpoint(own.origin, 3, bytes(32)).text(), [thief]), row.verifiers)


# -- the other roles --


async def test_request_keys_change_without_a_restart_and_secrets_stay(three: Agreed) -> None:
    """The next request is signed by the new key; second factors and the links in mails that went out stay good."""
    lecce, torino, lazio = three
    await lecce.publish(2)
    before = lecce.node.http_keyid, lecce.node.sign_in_settings().key, lecce.node.saved_settings().leave_key
    account = uuid.uuid4()
    kept = second_factor.seal(before[1], account, "SECRET")
    change = (await rotation(torino)).rotate("http")
    await bring(change, torino)
    # Lecce has not heard of the new key: Turin is a stranger to it, until it has.
    assert torino.node.http_keyid.endswith("#http-2")
    (report,) = await torino.sync(owner="p_LE")
    assert report.error_code is not None
    await bring(change, lecce, lazio)
    (report,) = await torino.sync(owner="p_LE")
    assert (report.error_code, report.bodies) == (None, 2)

    await bring((await rotation(lecce)).rotate("http"), lecce, torino, lazio)
    assert lecce.node.http_keyid != before[0]
    assert lecce.node.sign_in_settings().key == before[1]
    assert second_factor.unseal(lecce.node.sign_in_settings().key, account, kept) == "SECRET"
    assert lecce.node.saved_settings().leave_key == before[2]
    await bring(await (await rotation(lecce)).retire("http", lecce.node.pool), lecce, torino, lazio)
    assert list(torino.node.membership.members["p_LE"].http) == [lecce.node.http_keyid]
    await torino.publish(1)
    assert await sizes(torino, lecce) == [1]


async def test_what_was_said_with_a_key_that_was_given_up_stays_said_and_a_stolen_one_s_does_not(three: Agreed) -> None:
    """Of its own accord a node changes keys: old messages of it still verify. What the council takes away nobody vouches for."""
    lecce, torino, lazio = three
    first = tuple(lecce.node.membership.members["p_LE"].http.values())
    await bring((await rotation(lecce)).rotate("http"), lecce, torino, lazio)
    await bring(await (await rotation(lecce)).retire("http", lecce.node.pool), lecce, torino, lazio)
    for town in three:
        assert town.node.membership.members["p_LE"].former == first
        assert set(first) < set(town.node.membership.members["p_LE"].voices)
    second = tuple(lecce.node.membership.members["p_LE"].http.values())
    await bring(await (await rotation(lecce)).revoke("http", lecce.node.pool), lecce, torino, lazio)
    for town in three:
        held = town.node.membership.members["p_LE"]
        assert held.former == first
        assert not set(second) & set(held.voices)


@pytest.mark.parametrize("role", ["witness", "mirror"])
async def test_a_cosigner_s_new_key_is_its_voice_at_once(three: Agreed, role: str) -> None:
    """Whoever knows the new key counts it, whoever does not yet ignores it; never both as two."""
    lecce, torino, lazio = three
    await lecce.publish(1)
    assert await sizes(lecce, torino, lazio) == [1, 1]
    await bring((await rotation(torino)).rotate(role), *three)
    voice = torino.node.cosigner(role)
    assert voice.key.private_bytes_raw() == torino.node.ring.held.signing[role][2].private_bytes_raw()
    await lecce.publish(1)
    await lecce.announce()
    assert await sizes(lecce, torino, lazio) == [2, 2]
    round_ = await lecce.gossip()
    assert round_.receipts == 2
    async with lecce.node.pool.acquire() as conn:
        said = {ack.member for ack in await witnessed.own_cosignatures(conn, lecce.node.own.origin_id) if ack.size == 2}
    assert said == {"cmto", "bic-lazio"}


async def test_a_new_seal_key_is_what_others_seal_for_and_the_old_one_opens(three: Agreed) -> None:
    """What was sealed before, and arrives after, opens for as long as the old file is there."""
    lecce, torino, _ = three
    old = torino.node.membership.members["p_LE"].seal
    assert old is not None
    await bring((await rotation(lecce)).rotate("seal"), *three)
    new = torino.node.membership.members["p_LE"].seal
    assert new is not None
    assert new != old
    assert lecce.node.ring.seal().public == new
    for key in (old, new):
        held = lecce.node.ring.seal_of(key.id)
        assert held is not None
        assert held.public == key
    late = sealed.seal(sealed.Header("cmto", "p_LE", str(uuid.uuid4()), 1), b"buongiorno", old)
    opened, refused = post.open_messages([Numbered(1, late)], "cmto", "p_LE", lecce.node.ring.seal_of)
    assert ([item.plaintext for item in opened], refused) == ([b"buongiorno"], [])
    for name in ("seal.pem", "seal-mlkem.pem"):
        (lecce.node.ring.folder / name).unlink()
    lecce.node.ring.reload()
    assert lecce.node.ring.seal_of(old.id) is None
    opened, refused = post.open_messages([Numbered(1, late)], "cmto", "p_LE", lecce.node.ring.seal_of)
    assert (opened, refused) == ([], [(1, "seal-key-unknown")])


async def test_a_lost_request_key_goes_to_the_council(three: Agreed) -> None:
    """Without it the node can't consent: only the council lists another, and the secretariat's document can't be made."""
    lecce, torino, lazio = three
    (lecce.node.ring.folder / "http.pem").unlink()
    keyfiles.add(lecce.node.ring.folder, "http")
    lecce.node.ring.reload()
    for role in ("log", "witness"):
        with pytest.raises(CallerError, match="key-file-missing"):
            (await rotation(lecce)).rotate(role)
    change = (await rotation(lecce)).rotate("http", lost=True)
    assert (change.kind, change.file, change.old) == (rotate.ROOT, "http-2.pem", 0)
    await bring(change, lecce, torino, lazio)
    await torino.publish(1)
    assert await sizes(torino, lecce) == [1]


# -- how a change is made --


async def test_one_change_waits_at_a_time(three: Agreed) -> None:
    """Of two that follow the same entry one would be lost: the second is refused while the first collects; the same one is not."""
    lecce, torino, _ = three
    first = (await rotation(lecce)).rotate("http")
    place = council.place_of(lecce.node.agreement)
    await council.receive(lecce.node.pool, place, signed(first.raw, OFFICE[:1]), lecce.node.clock())
    assert (await rotation(lecce)).rotate("http").raw == first.raw
    with pytest.raises(CallerError) as caught:
        (await rotation(lecce)).rotate("witness")
    assert caught.value.code == "keys-change-waiting"
    assert (await rotation(torino)).rotate("witness").kind == rotate.ROUTINE
    await bring(first, lecce)
    assert (await rotation(lecce)).rotate("witness").kind == rotate.ROUTINE


async def test_a_new_key_proves_itself(three: Agreed) -> None:
    """Of each role that signs: without its proof nobody takes it."""
    lecce, *_ = three
    found = in_force_of(lecce)
    for role in ("http", "log", "witness", "mirror"):
        change = (await rotation(lecce)).rotate(role)
        [own] = routine.parse(change.raw).changes
        assert [name.partition("#")[0] for name, _ in own.proofs] == [role]
        assert routine.check(found, None, change.raw, lecce.node.clock(), collecting=True).changes == (own,)


def in_force_of(town: Town) -> Agreement:
    """The version that a node lives by."""
    return council.place_of(town.node.agreement).in_force.agreement


async def test_asking_twice_gives_the_same_key(three: Agreed) -> None:
    """Until it is in force a rotation can be written again, on newer versions too, and makes no further file."""
    lecce, torino, lazio = three
    first = (await rotation(lecce)).rotate("log")
    await bring((await rotation(torino)).rotate("witness"), lecce, torino, lazio)
    again = (await rotation(lecce)).rotate("log")
    assert (first.file, first.entry) == (again.file, again.entry)
    assert keyfiles.numbers(lecce.node.ring.folder, "log") == [1, 2]
    # The second document keeps what is in force of the first.
    assert {node.id for node in routine.parse(again.raw).nodes} == {"cmto", "p_LE"}
    await bring(again, lecce, torino, lazio)
    assert len(torino.node.membership.members["cmto"].witness) == 2


async def test_a_change_that_would_leave_a_node_mute_is_refused(three: Agreed) -> None:
    """Nothing old to let go, a new key that is not here, one that never signed, too many at once, one that is not lost."""
    lecce, torino, lazio = three
    await lecce.publish(1)
    with pytest.raises(CallerError, match="keys-nothing-old"):
        await (await rotation(lecce)).retire("log", lecce.node.pool)
    with pytest.raises(CallerError, match="keys-not-lost"):
        (await rotation(lecce)).rotate("log", lost=True)
    for _ in range(3):
        await bring((await rotation(lecce)).rotate("log"), lecce, torino, lazio)
    with pytest.raises(CallerError, match="keys-too-many"):
        (await rotation(lecce)).rotate("log")
    with pytest.raises(CallerError, match="keys-head-unsigned"):
        await (await rotation(lecce)).retire("log", lecce.node.pool)
    for number in (4, 5):
        (lecce.node.ring.folder / f"log-{number}.pem").unlink(missing_ok=True)
    lecce.node.ring.reload()
    with pytest.raises(CallerError, match="key-file-missing"):
        await (await rotation(lecce)).retire("log", lecce.node.pool)


async def test_a_node_that_is_not_listed_has_nothing_to_change(three: Agreed) -> None:
    """Keys of nobody's list are changed by making another request to join."""
    lecce, *_ = three
    state = council.place_of(lecce.node.agreement).in_force
    for nodes in ((), tuple(replace(node, status=Status.LEFT) for node in state.nodes)):
        with pytest.raises(CallerError, match="keys-not-a-member"):
            rotate.own_entry(replace(state, nodes=nodes), "p_LE")


def told(shown: Sequence[keys_shown.Shown], role: str) -> list[tuple[str, bool, bool, int | None]]:
    """What is shown of a role's keys."""
    return [(one.file, one.listed, one.speaks, one.until_size) for one in shown if one.role == role]


async def test_an_administrator_sees_which_keys_are_known_and_which_one_speaks(three: Agreed) -> None:
    """New and not listed, listed beside the old, withdrawn with its size, and listed but not here."""
    lecce, torino, lazio = three
    await lecce.publish(1)

    def shown() -> list[keys_shown.Shown]:
        entry = council.place_of(lecce.node.agreement).in_force.node("p_LE")
        return keys_shown.all_keys(lecce.node.ring, entry, lecce.node.own.origin, "x")

    assert told(shown(), "log") == [("log.pem", True, True, None)]
    change = (await rotation(lecce)).rotate("log")
    assert told(shown(), "log") == [("log.pem", True, True, None), ("log-2.pem", False, False, None)]
    await bring(change, lecce, torino, lazio)
    assert told(shown(), "log") == [("log.pem", True, False, None), ("log-2.pem", True, True, None)]
    await bring(await (await rotation(lecce)).revoke("log", lecce.node.pool, 1), lecce, torino, lazio)
    assert told(shown(), "log") == [
        ("log.pem", True, False, 1), ("log-2.pem", True, False, 1), ("log-3.pem", True, True, None),
    ]  # fmt: skip
    assert told(shown(), "seal") == [("seal.pem", True, True, None)]
    (lecce.node.ring.folder / "witness.pem").unlink()
    keyfiles.add(lecce.node.ring.folder, "witness")
    lecce.node.ring.reload()
    assert told(shown(), "witness") == [("witness-2.pem", False, False, None), ("", True, False, None)]
    private = [key.private_bytes_raw() for held in lecce.node.ring.held.signing.values() for key in held.values()]
    assert not any(key.hex() in repr(shown()) for key in private)


async def test_leave_marks_are_of_the_secret(three: Agreed) -> None:
    """A mark that was made before a rotation opens its link after it, and no other's."""
    lecce, torino, lazio = three
    mark = leave_mark(lecce.node.saved_settings().leave_key, "search")
    await bring((await rotation(lecce)).rotate("http"), lecce, torino, lazio)
    assert may_leave(lecce.node.saved_settings().leave_key, "search", mark)
    assert not may_leave(lecce.node.saved_settings().leave_key, "other", mark)
